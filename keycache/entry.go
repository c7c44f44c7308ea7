package keycache

import (
	"sync/atomic"
	"time"

	"pgseal/envelope"
)

// entry is one open key. It is erased when nobody refers to it any more: the
// cache, while it is in it, and each lease count as one reference.
type entry struct {
	cache *Cache
	id    ID
	key   *envelope.Key
	refs  atomic.Int64

	// The rest is guarded by the cache's mutex.
	refreshAt time.Time // from here on a hit refreshes in the background
	expires   time.Time
	failures  int         // temporary ones since the source last confirmed the key
	retryAt   time.Time   // after a failure, the earliest next refresh
	timer     *time.Timer // removes the entry when even the grace is over
}

func (e *entry) release() {
	if e.refs.Add(-1) == 0 {
		e.key.Erase()
		e.cache.countSeals(e)
	}
}

// Lease keeps a key open for its holder, whatever becomes of it in the cache
// meanwhile. It belongs to one goroutine and must be released; it must not be
// copied after it has been used.
type Lease struct{ entry *entry }

// Key returns the leased key: nil after Release.
func (l *Lease) Key() *envelope.Key {
	if l.entry == nil {
		return nil
	}
	return l.entry.key
}

// Release ends the use of the key. Releasing a lease again, or the zero Lease,
// does nothing.
func (l *Lease) Release() {
	if e := l.entry; e != nil {
		l.entry = nil
		e.release()
	}
}
