package session

import (
	"pgseal/envelope"
	"pgseal/keycache"
)

// leases are the keys in use by one call. They are held until the call ends, so
// that the rows of one read cost one lookup, and not longer, because eviction
// waits for them.
type leases struct {
	held []held
	// failed is the key of the last KeyFailed and why, until it is used.
	failed uint32
	why    error
}

type held struct {
	id    uint32
	lease keycache.Lease
}

// KeyFailed tells why the data key of a NeedKey cannot be had. The statement
// that needs it fails with an error that says so.
func (s *Session) KeyFailed(id uint32, err error) { s.leases.failed, s.leases.why = id, err }

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
	if l.why != nil && l.failed == id {
		why := l.why
		l.why = nil
		return nil, Need{}, keyError(id, why)
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
