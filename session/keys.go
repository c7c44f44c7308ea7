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
	// openers are bound to columns under keys, and kept from call to call: under
	// a key that is not held they are not used. Columns come in the same order row
	// after row: turn is the one that was used last.
	openers []envelope.Opener
	turn    int
	call    uint64 // counts them: what was leased in another is not held
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
	if k := s.leased(id); k != nil {
		return k, Need{}, nil
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

// leased returns an open data key if it is there at once.
func (s *Session) leased(id uint32) *envelope.Key {
	l := &s.leases
	for i := range l.held {
		if l.held[i].id == id {
			return l.held[i].lease.Key()
		}
	}
	lease, ok := s.cfg.Keys(id)
	if !ok {
		return nil
	}
	l.held = append(l.held, held{id, lease})
	return lease.Key()
}

// maxOpeners is how many openers are kept.
const maxOpeners = 64

// opener returns the opener of a column under a key that is held. It is good
// until the end of the call.
func (l *leases) opener(k *envelope.Key, column uint32) (*envelope.Opener, error) {
	for range l.openers {
		if l.turn++; l.turn >= len(l.openers) {
			l.turn = 0
		}
		if o := &l.openers[l.turn]; o.Of(k, column) {
			return o, nil
		}
	}
	o, err := k.Opener(column)
	if err != nil {
		return nil, err
	}
	if len(l.openers) >= maxOpeners {
		l.openers = nil // others may be in use: not to be overwritten
	}
	l.openers = append(l.openers, o)
	l.turn = len(l.openers) - 1
	return &l.openers[l.turn], nil
}

// used ends the use of secrets at the end of a call for the client.
func (s *Session) used() {
	s.leases.release()
	if s.nonces != nil {
		s.nonces.Wipe()
	}
}

// release ends the use of the keys at the end of a call.
func (l *leases) release() {
	for i := range l.held {
		l.held[i].lease.Release()
		l.held[i] = held{}
	}
	l.held = l.held[:0]
	l.call++
}
