package keycache

import (
	"errors"
	"time"
)

// Config says how many keys stay open and for how long. Zero values stand for
// the defaults.
type Config struct {
	// Size is the greatest number of keys kept open; the least recently used
	// goes first. Keys that are evicted while leased come on top until they are
	// released. Default 1024.
	Size int
	// TTL is how long an unwrapped key is used before the source must confirm
	// it by unwrapping it anew, so that a KMS key that was disabled ends the use
	// of the data keys under it. Default 5 minutes.
	TTL time.Duration
	// Grace is for how much longer an expired key may be used while the source
	// fails with ErrTemporary. An expired key stays in memory, unused, for as
	// long. Default 0: not at all.
	Grace time.Duration
	// UnwrapTimeout bounds one unwrap with all its retries, whoever waits for
	// it. Default 10 seconds.
	UnwrapTimeout time.Duration
}

const (
	defaultSize          = 1024
	defaultTTL           = 5 * time.Minute
	defaultUnwrapTimeout = 10 * time.Second
)

func (c Config) withDefaults() Config {
	if c.Size == 0 {
		c.Size = defaultSize
	}
	if c.TTL == 0 {
		c.TTL = defaultTTL
	}
	if c.UnwrapTimeout == 0 {
		c.UnwrapTimeout = defaultUnwrapTimeout
	}
	return c
}

func (c Config) validate() error {
	switch {
	case c.Size < 0:
		return errors.New("keycache: size must be positive")
	case c.TTL < 0:
		return errors.New("keycache: TTL must be positive")
	case c.Grace < 0:
		return errors.New("keycache: grace must not be negative")
	case c.UnwrapTimeout < 0:
		return errors.New("keycache: unwrap timeout must be positive")
	}
	return nil
}
