package proxy

import (
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

	// backlog[done:] is what the peer has not taken yet. While there is some,
	// its events are waited for and what would add to it is not read.
	backlog []byte
	done    int

	finishing bool // nothing is to be sent after the backlog
	closed    bool
}

// keptBacklog is how large a backlog's memory may be, in bytes, to be kept for
// the next one.
const keptBacklog = 2 * bufferSize

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

func (s *socket) put(b []byte) error {
	if len(s.backlog) == 0 {
		n, err := transmit(s.fd, b)
		if err != nil && err != errWouldBlock {
			return err
		}
		s.sent.Add(uint64(n))
		if n == len(b) {
			return nil
		}
		b = b[n:]
		if err := s.session.loop.interest(s, true); err != nil {
			return err
		}
	}
	s.backlog = append(slices.Grow(s.backlog, len(b)), b...)
	return nil
}

// waiting reports that the peer has not taken everything.
func (s *socket) waiting() bool { return len(s.backlog) > 0 }

// flush writes of the backlog what the peer takes.
func (s *socket) flush() error {
	for s.done < len(s.backlog) {
		n, err := transmit(s.fd, s.backlog[s.done:])
		if err == errWouldBlock {
			return nil
		}
		if err != nil {
			return err
		}
		s.done += n
		s.sent.Add(uint64(n))
	}
	s.drop()
	if err := s.session.loop.interest(s, false); err != nil {
		return err
	}
	s.finished()
	return nil
}

// drop forgets the backlog.
func (s *socket) drop() {
	s.backlog, s.done = s.backlog[:0], 0
	if cap(s.backlog) > keptBacklog {
		s.backlog = nil
	}
}

// finish says that nothing more will be sent, after what is.
func (s *socket) finish() {
	if !s.finishing && !s.closed {
		s.finishing = true
		s.finished()
	}
}

func (s *socket) finished() {
	if s.finishing && len(s.backlog) == 0 {
		// The peer may be gone already, which is as good.
		_ = unix.Shutdown(s.fd, unix.SHUT_WR)
	}
}

// close may be called more than once.
func (s *socket) close() {
	if s.closed {
		return
	}
	s.closed, s.readable = true, false
	s.backlog, s.done = nil, 0
	s.session.loop.forget(s)
	_ = unix.Close(s.fd) // nothing can be done about it
}
