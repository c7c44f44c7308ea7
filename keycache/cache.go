// Package keycache keeps data keys open: bounded, leased, expiring, erased.
//
// A key that is asked for and not there is unwrapped by the source, once for all
// who ask meanwhile. A key that has been there for most of its time to live is
// unwrapped anew in the background by the next hit, so that a key in steady use
// never makes a statement wait. A fresh unwrap that gives the same key prolongs
// the one that is open, with its subkeys and its count of seals.
//
// Temporary failures are retried with back-off and jitter: within the unwrap's
// own deadline where there is no key to use, and by later hits where there is
// one, which then may serve beyond its expiry up to the grace limit. A final
// failure ends the use of the key at once. Any other failure is neither retried
// nor ends the use of a key before its expiry. So that a failing source is not
// stampeded, a failed unwrap answers all who ask for that key within the next
// quarter of a second; beyond that failures are not cached.
//
// A key that leaves the cache, for whatever reason, is erased as soon as its
// last lease is released.
package keycache

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"pgseal/envelope"
)

// ID names a data key: the row Key of the key table of Database.
type ID struct {
	Database string
	Key      uint32
}

// Source unwraps data keys. Unwrap must be safe for concurrent use and return
// when ctx ends; the cache owns the key that it returns. Errors wrap ErrTemporary
// or ErrFinal where one of them applies.
type Source interface {
	Unwrap(ctx context.Context, id ID) (*envelope.Key, error)
}

var (
	// ErrTemporary: the source may succeed later.
	ErrTemporary = errors.New("key temporarily unavailable")
	// ErrFinal: the key must not be used any longer.
	ErrFinal = errors.New("key not usable")
	// ErrClosed: the cache was closed.
	ErrClosed = errors.New("key cache closed")
)

// Stats are counts since the cache was made, and its present size.
type Stats struct {
	Hits      uint64 // leases of a key that was there
	Stale     uint64 // those of them on a key beyond its expiry
	Misses    uint64 // calls of Get that had to wait for the source
	Unwraps   uint64 // calls of the source
	Failures  uint64 // those of them that failed
	Evictions uint64 // keys that had to make room
	Expired   uint64 // keys that outlived TTL and grace
	Size      int    // keys in the cache
}

// Cache is safe for concurrent use.
type Cache struct {
	source Source
	config Config
	ctx    context.Context // of all unwraps; ended by Close
	cancel context.CancelFunc

	mu      sync.Mutex
	keys    *simplelru.LRU[ID, *entry]
	flights map[ID]*flight
	epoch   uint64   // counts the calls of Drop and its kin; unwraps of an earlier epoch are not cached
	removed []*entry // from keys, to be released when mu is not held
	closed  bool
	stats   Stats
	sealed  map[ID]uint64 // seals under keys that were erased
}

// New returns an empty cache in front of a source.
func New(source Source, config Config) (*Cache, error) {
	if err := config.validate(); err != nil {
		return nil, err
	}
	c := &Cache{
		source:  source,
		config:  config.withDefaults(),
		flights: make(map[ID]*flight),
		sealed:  make(map[ID]uint64),
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	var err error
	c.keys, err = simplelru.NewLRU(c.config.Size, func(_ ID, e *entry) {
		e.timer.Stop()
		c.removed = append(c.removed, e)
	})
	return c, err
}

// unlock ends a section under mu and drops the cache's references to the keys
// that the section has removed. Erasing takes a while and is nobody's business
// who waits for mu.
func (c *Cache) unlock() {
	removed := c.removed
	c.removed = nil
	c.mu.Unlock()
	for _, e := range removed {
		e.release()
	}
}

// Try leases a key if it is there. It never waits for the source and does not
// allocate.
func (c *Cache) Try(id ID) (Lease, bool) {
	c.mu.Lock()
	lease, ok := c.hit(id)
	c.unlock()
	return lease, ok
}

// Get leases a key, unwrapping it if it is not there. It returns ctx.Err() when
// ctx ends first; the unwrap goes on for the others and for the cache. Other
// errors are the source's, possibly of an unwrap that failed a moment ago, and
// ErrClosed.
func (c *Cache) Get(ctx context.Context, id ID) (Lease, error) {
	c.mu.Lock()
	defer c.unlock()
	for waited := false; ; waited = true {
		if lease, ok := c.hit(id); ok {
			return lease, nil
		}
		if c.closed {
			return Lease{}, ErrClosed
		}
		if !waited {
			c.stats.Misses++
		}
		f := c.join(id)
		c.unlock()
		select {
		case <-f.landed:
		case <-ctx.Done():
		}
		c.mu.Lock()
		switch {
		case !f.isLanded():
			f.waiters--
			return Lease{}, ctx.Err()
		case f.err == nil:
			return Lease{f.entry}, nil // landing has counted the reference
		case !f.refresh || !errors.Is(f.err, ErrTemporary):
			return Lease{}, f.err
		}
		// A refresh has failed for now: the key may serve on, or it has gone
		// meanwhile and is worth an unwrap with all its attempts.
	}
}

// hit leases a key that is there and may be used, and sees to its refresh.
func (c *Cache) hit(id ID) (Lease, bool) {
	e, ok := c.keys.Get(id)
	if !ok {
		return Lease{}, false
	}
	now := time.Now()
	if !now.Before(e.refreshAt) {
		if !now.Before(e.expires) {
			if e.failures == 0 || !c.inGrace(e, now) {
				return Lease{}, false
			}
			c.stats.Stale++
		}
		if !now.Before(e.retryAt) {
			c.refresh(id)
		}
	}
	c.stats.Hits++
	e.refs.Add(1)
	return Lease{e}, true
}

// inGrace reports whether the grace of an entry is not over.
func (c *Cache) inGrace(e *entry, now time.Time) bool {
	return now.Before(e.expires.Add(c.config.Grace))
}

// keep puts a key that the source has just given into the cache and returns its
// entry, to which only the cache refers. A key that came too late for that has
// an entry to which nobody refers.
func (c *Cache) keep(id ID, epoch uint64, key *envelope.Key) *entry {
	fresh := &entry{cache: c, id: id, key: key}
	if c.closed || epoch != c.epoch {
		return fresh
	}
	if e, ok := c.keys.Peek(id); ok {
		if e.key.Check() == key.Check() {
			fresh.refs.Add(1)
			c.removed = append(c.removed, fresh)
			c.prolong(e)
			return e
		}
		c.keys.Remove(id)
	}
	fresh.refs.Add(1)
	fresh.timer = time.AfterFunc(c.config.TTL+c.config.Grace, func() { c.expire(fresh) })
	c.prolong(fresh)
	if c.keys.Add(id, fresh) {
		c.stats.Evictions++
	}
	return fresh
}

// prolong starts an entry's time to live.
func (c *Cache) prolong(e *entry) {
	now := time.Now()
	e.expires = now.Add(c.config.TTL)
	e.refreshAt = now.Add(refreshAfter(c.config.TTL))
	e.retryAt = time.Time{}
	e.failures = 0
	e.timer.Reset(c.config.TTL + c.config.Grace)
}

// expire removes an entry whose timer has run out, unless it was prolonged or
// removed just then.
func (c *Cache) expire(e *entry) {
	c.mu.Lock()
	defer c.unlock()
	if cached, ok := c.keys.Peek(e.id); ok && cached == e && !c.inGrace(e, time.Now()) {
		c.keys.Remove(e.id)
		c.stats.Expired++
	}
}

// Drop removes a key. Who asks for it from now on gets a fresh unwrap.
func (c *Cache) Drop(id ID) {
	c.mu.Lock()
	defer c.unlock()
	c.epoch++
	c.keys.Remove(id)
}

// DropDatabase removes all keys of a database.
func (c *Cache) DropDatabase(database string) {
	c.mu.Lock()
	defer c.unlock()
	c.epoch++
	for _, id := range c.keys.Keys() {
		if id.Database == database {
			c.keys.Remove(id)
		}
	}
}

// Purge removes all keys.
func (c *Cache) Purge() {
	c.mu.Lock()
	defer c.unlock()
	c.epoch++
	c.keys.Purge()
}

// Close removes all keys and ends all unwraps. From then on there are no leases
// any more; those that were given out stay good.
func (c *Cache) Close() {
	c.mu.Lock()
	defer c.unlock()
	c.closed = true
	c.epoch++
	c.keys.Purge()
	c.cancel()
}

// Stats returns the counts.
func (c *Cache) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.stats
	s.Size = c.keys.Len()
	return s
}

// Seals returns how many seals were made under each key that has been in the
// cache, in it or out of it by now. Those under leases that outlive their key's
// place in the cache are counted when the last is released.
func (c *Cache) Seals() map[ID]uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	seals := make(map[ID]uint64, len(c.sealed))
	for id, n := range c.sealed {
		seals[id] = n
	}
	for _, e := range c.keys.Values() {
		if n := e.key.Seals(); n > 0 {
			seals[e.id] += n
		}
	}
	return seals
}

func (c *Cache) countSeals(e *entry) {
	if n := e.key.Seals(); n > 0 {
		c.mu.Lock()
		c.sealed[e.id] += n
		c.mu.Unlock()
	}
}
