package keycache

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"pgseal/envelope"
)

// flight is one unwrap on its way, shared by all who wait for its key. (The
// package singleflight shares a result; a flight must count a reference for
// each waiter before any of them can release his.)
type flight struct {
	id      ID
	epoch   uint64
	refresh bool          // of a key that is there: one attempt, hits make the next
	waiters int           // guarded by the cache's mutex
	landed  chan struct{} // closed when entry or err stand
	entry   *entry
	err     error
}

const (
	// For how long a failed unwrap answers for its key.
	negativeWindow = 250 * time.Millisecond

	firstBackoff   = 50 * time.Millisecond
	longestBackoff = 10 * time.Second
)

// backoff returns how long to wait after the n-th failure in a row: twice as
// long after each, give or take a half, so that many proxies do not return
// together.
func backoff(n int) time.Duration {
	d := longestBackoff
	if shift := n - 1; shift < 16 {
		d = min(firstBackoff<<shift, longestBackoff)
	}
	return d/2 + rand.N(d)
}

// refreshAfter returns how long after an unwrap hits begin to refresh the key:
// about four fifths of its time to live, a little different for each key, so
// that those that were opened together are not refreshed together.
func refreshAfter(ttl time.Duration) time.Duration {
	return ttl*3/4 + rand.N(ttl/10+1)
}

// isLanded reports whether entry or err stand.
func (f *flight) isLanded() bool {
	select {
	case <-f.landed:
		return true
	default:
		return false
	}
}

// join returns the flight to wait for.
func (c *Cache) join(id ID) *flight {
	f := c.flights[id]
	if f == nil || f.epoch != c.epoch {
		e, there := c.keys.Peek(id)
		f = c.takeOff(id, there && c.inGrace(e, time.Now()))
	}
	f.waiters++
	return f
}

// refresh unwraps a key that is there anew, unless that is on its way.
func (c *Cache) refresh(id ID) {
	if f := c.flights[id]; f == nil || f.epoch != c.epoch {
		c.takeOff(id, true)
	}
}

func (c *Cache) takeOff(id ID, refresh bool) *flight {
	f := &flight{id: id, epoch: c.epoch, refresh: refresh, landed: make(chan struct{})}
	c.flights[id] = f
	go c.fly(f)
	return f
}

// fly unwraps f's key with as many attempts as it is worth.
func (c *Cache) fly(f *flight) {
	ctx, cancel := context.WithTimeout(c.ctx, c.config.UnwrapTimeout)
	defer cancel()
	for attempt := 1; ; attempt++ {
		key, err := c.attempt(ctx, f)
		if err == nil || f.refresh || !errors.Is(err, ErrTemporary) {
			c.land(f, key, err)
			return
		}
		select {
		case <-time.After(backoff(attempt)):
		case <-ctx.Done():
			c.land(f, nil, err)
			return
		}
	}
}

type unwrapped struct {
	key *envelope.Key
	err error
}

// attempt calls the source once, and does not wait for it beyond ctx.
func (c *Cache) attempt(ctx context.Context, f *flight) (*envelope.Key, error) {
	answer := make(chan unwrapped, 1)
	go func() { answer <- c.unwrap(ctx, f.id) }()
	select {
	case a := <-answer:
		return a.key, a.err
	case <-ctx.Done():
	}
	go func() { c.late(f, <-answer) }()
	return nil, fmt.Errorf("%w: no answer within %v", ErrTemporary, c.config.UnwrapTimeout)
}

// late makes use of an answer that nobody waits for any more: a key is cached,
// and a final failure is final.
func (c *Cache) late(f *flight, a unwrapped) {
	c.mu.Lock()
	defer c.unlock()
	switch {
	case a.err == nil:
		c.keepFor(f, a.key, 0)
	case errors.Is(a.err, ErrFinal) && f.epoch == c.epoch:
		c.keys.Remove(f.id)
	}
}

func (c *Cache) unwrap(ctx context.Context, id ID) unwrapped {
	key, err := c.source.Unwrap(ctx, id)
	switch {
	case err == nil && key == nil:
		err = errors.New("keycache: the source returned no key")
	case err == nil && key.ID() != id.Key:
		key.Erase()
		err = errors.New("keycache: the source returned another key")
	case err != nil && ctx.Err() != nil && !errors.Is(err, ErrFinal) && !errors.Is(err, ErrTemporary):
		// The source gave up because its time was over, whatever it calls that.
		err = fmt.Errorf("%w: %w", ErrTemporary, err)
	}
	c.mu.Lock()
	c.stats.Unwraps++
	if err != nil {
		c.stats.Failures++
	}
	c.mu.Unlock()
	if err != nil {
		return unwrapped{err: err}
	}
	return unwrapped{key: key}
}

// keepFor caches a key with a reference for each of n waiters.
func (c *Cache) keepFor(f *flight, key *envelope.Key, n int) *entry {
	e := c.keep(f.id, f.epoch, key)
	e.refs.Add(int64(n))
	if e.refs.Load() == 0 { // neither cached nor waited for
		e.refs.Add(1)
		c.removed = append(c.removed, e)
	}
	return e
}

// land makes the result of a flight known.
func (c *Cache) land(f *flight, key *envelope.Key, err error) {
	c.mu.Lock()
	defer c.unlock()
	defer close(f.landed)
	if err == nil {
		f.entry = c.keepFor(f, key, f.waiters)
		c.forget(f)
		return
	}
	f.err = err
	if c.closed {
		f.err = ErrClosed
	}
	e, there := c.keys.Peek(f.id)
	switch {
	case f.epoch != c.epoch:
		c.forget(f)
	case errors.Is(err, ErrFinal):
		c.keys.Remove(f.id)
		c.forgetLater(f)
	case f.refresh && errors.Is(err, ErrTemporary):
		if there {
			e.failures++
			e.retryAt = time.Now().Add(backoff(e.failures))
		}
		c.forget(f)
	default:
		if there {
			e.failures = 0 // nothing temporary about it: no grace
			e.retryAt = time.Now().Add(backoff(1))
		}
		c.forgetLater(f)
	}
}

func (c *Cache) forget(f *flight) {
	if c.flights[f.id] == f {
		delete(c.flights, f.id)
	}
}

// forgetLater leaves a failed flight for others to join for a moment.
func (c *Cache) forgetLater(f *flight) {
	time.AfterFunc(negativeWindow, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.forget(f)
	})
}
