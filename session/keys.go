package session

import (
	"slices"

	"pgseal/envelope"
	"pgseal/keycache"
)

// leases are the keys in use by one call. They are held until the call ends, so
// that the rows of one read cost one lookup, and not longer, because eviction
// waits for them.
type leases struct {
	held []held
	// failed are the keys that cannot be had, each until a statement has failed
	// for it: both directions may wait for one at the same time.
	failed []failedKey
}

type failedKey struct {
	id  uint32
	why error
}

type held struct {
	id    uint32
	lease keycache.Lease
}

// KeyFailed tells why the data key of a NeedKey cannot be had. The statement
// that needs it fails with an error that says so.
func (s *Session) KeyFailed(id uint32, err error) {
	s.leases.failed = append(s.leases.failed, failedKey{id, err})
}

// key returns an open data key. Without one either the Need says that it has to
// be opened, or the error that it cannot.
func (s *Session) key(id uint32) (*envelope.Key, Need, error) {
	l := &s.leases
	for i := range l.held {
		if l.held[i].id == id {
			return l.held[i].lease.Key(), Need{}, nil
		}
	}
	if lease, ok := s.cfg.Keys(id); ok {
		l.held = append(l.held, held{id, lease})
		return lease.Key(), Need{}, nil
	}
	for i, f := range l.failed {
		if f.id == id {
			l.failed = slices.Delete(l.failed, i, i+1)
			s.cfg.Logger.Error("data key cannot be opened", "key", id, "reason", f.why)
			return nil, Need{}, keyError(id, f.why)
		}
	}
	return nil, Need{Kind: NeedKey, Key: id}, nil
}

// release ends the use of the keys at the end of a call.
func (l *leases) release() {
	for i := range l.held {
		l.held[i].lease.Release()
		l.held[i] = held{}
	}
	l.held = l.held[:0]
}
