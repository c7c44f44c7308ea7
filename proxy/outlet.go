package proxy

import (
	"crypto/tls"
	"sync"
	"syscall"
)

// outlet is one side as pumps use it.
type outlet struct {
	*side
	raw syscall.RawConn // of a plain socket; nil under TLS

	// writing is held while bytes go out. It is taken before the session's lock
	// is given up, so that bytes leave in the order in which the session put
	// them; see pumps.go for the order of locks.
	writing  sync.Mutex
	boundary frameBoundary // of what has been written

	// queued has what the other direction's pump wants sent here, which must
	// not block it. Guarded by queueing.
	queueing sync.Mutex
	queued   []byte
}

func newOutlet(s *side) *outlet {
	o := &outlet{side: s}
	if _, ok := s.conn.(*tls.Conn); ok {
		return o
	}
	if c, ok := s.conn.(syscall.Conn); ok {
		// A socket that has none is read as TLS is.
		o.raw, _ = c.SyscallConn()
	}
	return o
}

// send writes chunks and gives the writing lock up, which must be held.
func (o *outlet) send(chunks [][]byte) error {
	defer o.writing.Unlock()
	return o.write(chunks)
}

// write sends what is queued, then the chunks. writing must be held.
func (o *outlet) write(chunks [][]byte) error {
	o.queueing.Lock()
	queued := o.queued
	o.queued = nil
	o.queueing.Unlock()
	if len(queued) > 0 {
		if err := o.put(queued); err != nil {
			return err
		}
	}
	return joined(chunks, o.put)
}

func (o *outlet) put(b []byte) error {
	n, err := o.conn.Write(b)
	o.sent.Add(uint64(n))
	o.boundary.pass(b)
	return err
}

// enqueue copies chunks to be sent before anything written later, by a
// goroutine of its own: the caller's pump must go on reading, or a server that
// is itself waiting to be read would never come to read this.
func (o *outlet) enqueue(chunks [][]byte) {
	o.queueing.Lock()
	first := len(o.queued) == 0
	for _, c := range chunks {
		o.queued = append(o.queued, c...)
	}
	o.queueing.Unlock()
	if first {
		go func() {
			o.writing.Lock()
			defer o.writing.Unlock()
			// A failure shows when the pump next reads this side.
			_ = o.write(nil)
		}()
	}
}

// closeWrite says that nothing more will be sent.
func (o *outlet) closeWrite() {
	if c, ok := o.conn.(closeWriter); ok {
		// The connection may be gone already, which is as good.
		_ = c.CloseWrite()
	}
}
