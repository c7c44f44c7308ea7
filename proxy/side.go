package proxy

import (
	"crypto/tls"
	"encoding/binary"
	"net"
	"sync"
	"sync/atomic"
	"syscall"

	"pgseal/wire"
)

// side is one of the two connections of a relay.
type side struct {
	conn net.Conn
	raw  syscall.RawConn // of a plain socket; nil under TLS

	// received counts the bytes read from conn, sent those written to it.
	received, sent atomic.Uint64

	// writing is held while bytes go out. It is taken before the relay's lock
	// is given up, so that bytes leave in the order in which the session put
	// them; see relay.go for the order of locks.
	writing  sync.Mutex
	vectors  net.Buffers   // for one vectored write
	boundary frameBoundary // of what has been written

	// queued has what the other direction's pump wants sent here, which must
	// not block it. Guarded by queueing.
	queueing sync.Mutex
	queued   []byte
}

func newSide(conn net.Conn) (*side, error) {
	s := &side{conn: conn}
	if _, ok := conn.(*tls.Conn); ok {
		return s, nil
	}
	if sc, ok := conn.(syscall.Conn); ok {
		raw, err := sc.SyscallConn()
		if err != nil {
			return nil, err
		}
		s.raw = raw
	}
	return s, nil
}

// tlsRecord is the most plaintext that one TLS record takes. Under TLS small
// chunks are put together, since each Write makes a record of its own.
const tlsRecord = 16 << 10

var recordPool = sync.Pool{New: func() any { return new([tlsRecord]byte) }}

// send writes chunks and gives the writing lock up, which must be held.
func (s *side) send(chunks [][]byte) error {
	defer s.writing.Unlock()
	return s.write(chunks)
}

// write sends what is queued, then the chunks. writing must be held.
func (s *side) write(chunks [][]byte) error {
	s.queueing.Lock()
	queued := s.queued
	s.queued = nil
	s.queueing.Unlock()
	if len(queued) > 0 {
		if err := s.put(queued); err != nil {
			return err
		}
	}
	switch {
	case len(chunks) == 0:
		return nil
	case len(chunks) == 1:
		return s.put(chunks[0])
	case s.raw == nil:
		return s.writeJoined(chunks)
	}
	// A large answer with many changed frames can have more chunks than one
	// writev takes; net.Buffers goes on where it stopped.
	all := append(s.vectors[:0], chunks...)
	s.vectors = all
	n, err := s.vectors.WriteTo(s.conn)
	clear(all)
	s.vectors = all[:0]
	s.sent.Add(uint64(n))
	for _, c := range chunks {
		s.boundary.pass(c)
	}
	return err
}

func (s *side) put(b []byte) error {
	n, err := s.conn.Write(b)
	s.sent.Add(uint64(n))
	s.boundary.pass(b)
	return err
}

func (s *side) writeJoined(chunks [][]byte) error {
	record := recordPool.Get().(*[tlsRecord]byte)
	defer recordPool.Put(record)
	n := 0
	for _, c := range chunks {
		for len(c) > 0 {
			if n == 0 && len(c) >= tlsRecord {
				if err := s.put(c); err != nil {
					return err
				}
				break
			}
			k := copy(record[n:], c)
			n += k
			c = c[k:]
			if n == tlsRecord {
				if err := s.put(record[:n]); err != nil {
					return err
				}
				n = 0
			}
		}
	}
	if n == 0 {
		return nil
	}
	return s.put(record[:n])
}

// enqueue copies chunks to be sent before anything written later, by a
// goroutine of its own: the caller's pump must go on reading, or a server that
// is itself waiting to be read would never come to read this.
func (s *side) enqueue(chunks [][]byte) {
	s.queueing.Lock()
	first := len(s.queued) == 0
	for _, c := range chunks {
		s.queued = append(s.queued, c...)
	}
	s.queueing.Unlock()
	if first {
		go func() {
			s.writing.Lock()
			defer s.writing.Unlock()
			// A failure shows when the pump next reads this side.
			_ = s.write(nil)
		}()
	}
}

// closeWrite says that nothing more will be sent.
func (s *side) closeWrite() {
	if c, ok := s.conn.(closeWriter); ok {
		// The connection may be gone already, which is as good.
		_ = c.CloseWrite()
	}
}

// frameBoundary follows frames through a byte stream, so that a message of our
// own never lands inside another message, where it would pass for data.
type frameBoundary struct {
	head [wire.HeaderLen]byte
	have int // bytes of head
	left int // bytes of the frame's body still to come
}

func (f *frameBoundary) pass(b []byte) {
	for len(b) > 0 {
		if f.left > 0 {
			k := min(f.left, len(b))
			f.left -= k
			b = b[k:]
			continue
		}
		k := copy(f.head[f.have:], b)
		f.have += k
		b = b[k:]
		if f.have == wire.HeaderLen {
			f.have = 0
			f.left = int(binary.BigEndian.Uint32(f.head[1:])) - 4
		}
	}
}

// at reports that the stream stands between two frames.
func (f *frameBoundary) at() bool { return f.have == 0 && f.left == 0 }
