package proxy

import (
	"crypto/tls"
	"net"
	"slices"

	"golang.org/x/sys/unix"
)

// socket is one side of a session on a loop.
type socket struct {
	*side
	session *looped
	fd      int
	key     uint32 // of its events
	known   bool   // to the loop

	// readable: there may be something to read. hungUp: the peer has said that
	// nothing will follow, so a short read no longer means that all was read.
	readable, hungUp bool

	tls     *tls.Conn // nil in clear
	arrived bool      // under TLS: the kernel may have something for it
	// records[gone:] are what TLS has written and the peer has not taken; they go
	// before what is held.
	records []byte
	gone    int

	// held, then backlog[done:], are what the peer has not taken yet. While there
	// is some, its events are waited for and what would add to it is not read.
	// held is large output where it was made, in owned; backlog is copies.
	held    [][]byte
	owned   *input
	backlog []byte
	done    int

	finishing bool // nothing is to be sent after the backlog
	closed    bool
}

// keptBacklog is how large a backlog's memory may be, in bytes, to be kept for
// the next one.
const keptBacklog = bufferSize

// heldFrom is the size of a chunk in bytes from which on it is not copied to be
// kept.
const heldFrom = 256 << 10

// turnWrites bounds how often a turn writes to a peer, and writeSize, in bytes,
// how much at once.
const (
	turnWrites = 16
	writeSize  = 256 << 10
)

// send writes chunks, and keeps what the peer does not take now.
func (s *socket) send(chunks [][]byte) error {
	if len(chunks) == 0 {
		return nil
	}
	if s.closed || s.finishing {
		return net.ErrClosed
	}
	if len(chunks) == 1 {
		return s.put(chunks[0])
	}
	return joined(chunks, s.put)
}

// take is send for the output of a direction.
func (s *socket) take(chunks [][]byte, d *direction) error {
	err := s.send(chunks)
	switch {
	case len(s.held) == 0 || s.owned != nil:
	case err != nil:
		s.held = nil
	case s == d.to:
		s.owned = d.part()
	default:
		// It is in memory that belongs to the other side's.
		s.backlog = slices.Concat(append(s.held, s.backlog)...)
		s.held = nil
	}
	return err
}

func (s *socket) put(b []byte) error {
	if !s.waiting() {
		n, err := s.write(b)
		if err != nil {
			return err
		}
		s.sent.Add(uint64(n))
		if b = b[n:]; len(b) == 0 {
			return nil
		}
		if err := s.session.loop.interest(s, true); err != nil {
			return err
		}
	}
	if len(b) >= heldFrom && len(s.backlog) == 0 && s.owned == nil {
		s.held = append(s.held, b)
		return nil
	}
	s.backlog = append(slices.Grow(s.backlog, len(b)), b...)
	return nil
}

// write writes what the peer takes of b now.
func (s *socket) write(b []byte) (int, error) {
	if s.tls != nil {
		return s.writeTLS(b[:min(len(b), turnWrites*writeSize)]) // encrypting it takes time
	}
	n, err := transmit(s.fd, b)
	if err == errWouldBlock {
		err = nil
	}
	return n, err
}

// waiting reports that the peer has not taken everything.
func (s *socket) waiting() bool { return len(s.backlog) > 0 || len(s.held) > 0 || len(s.records) > 0 }

// owing is how many bytes of copies the peer has not taken.
func (s *socket) owing() int { return len(s.backlog) + len(s.records) }

// flush writes of the backlog what the peer takes, or as much as a turn allows.
func (s *socket) flush() error {
	for range turnWrites {
		if !s.waiting() {
			break
		}
		next := s.backlog[s.done:]
		if len(s.held) > 0 {
			next = s.held[0]
		}
		n, err := s.write(next[:min(len(next), writeSize)])
		if err != nil {
			return err
		}
		if n == 0 && s.waiting() {
			return nil
		}
		s.sent.Add(uint64(n))
		s.took(n)
	}
	if s.waiting() {
		s.session.requeue()
		return nil
	}
	s.drop()
	if err := s.session.loop.interest(s, false); err != nil {
		return err
	}
	s.finished()
	return nil
}

// took forgets what the peer has taken.
func (s *socket) took(n int) {
	if len(s.held) == 0 {
		if s.done += n; s.done == len(s.backlog) {
			s.backlog, s.done = s.backlog[:0], 0
		}
		return
	}
	if s.held[0] = s.held[0][n:]; len(s.held[0]) == 0 {
		s.held = s.held[1:]
	}
	if len(s.held) == 0 {
		s.disown()
	}
}

// disown gives the memory of held back.
func (s *socket) disown() {
	s.held = nil
	if s.owned != nil {
		s.owned.release()
		s.owned = nil
	}
}

// drop forgets the backlog.
func (s *socket) drop() {
	s.disown()
	s.backlog, s.done = s.backlog[:0], 0
	if cap(s.backlog) > keptBacklog {
		s.backlog = nil
	}
	s.records, s.gone = nil, 0
}

// finish says that nothing more will be sent, after what is.
func (s *socket) finish() {
	if !s.finishing && !s.closed {
		s.finishing = true
		s.finished()
	}
}

func (s *socket) finished() {
	if !s.finishing || s.waiting() {
		return
	}
	// The peer may be gone already, which is as good.
	if s.tls != nil {
		_ = s.closeTLS()
	}
	if !s.waiting() {
		_ = unix.Shutdown(s.fd, unix.SHUT_WR)
	}
}

// close may be called more than once.
func (s *socket) close() {
	if s.closed {
		return
	}
	s.closed, s.readable = true, false
	s.drop()
	s.backlog = nil
	s.session.loop.forget(s)
	_ = unix.Close(s.fd) // nothing can be done about it
}
