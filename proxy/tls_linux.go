package proxy

import (
	"crypto/tls"
	"io"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// crypto/tls reads until it has a record, and would block for it. On a loop it is
// told instead that nothing more is there yet, by an error that a connection
// with a deadline gives as well, after which it may be read again: what it has
// of a record it keeps. It is never told so when it writes: what the peer does
// not take is the loop's to keep.

// underTLS is a socket as TLS reads and writes it.
type underTLS socket

// errNotYet is made once, as errWouldBlock is.
var errNotYet error = notYet{}

type notYet struct{}

func (notYet) Error() string   { return "nothing to read yet" }
func (notYet) Timeout() bool   { return true }
func (notYet) Temporary() bool { return true }

// Read reads once. It asks the kernel only if there may be something.
func (u *underTLS) Read(b []byte) (int, error) {
	if !u.arrived {
		return 0, errNotYet
	}
	n, err := receive(u.fd, b)
	switch {
	case err == errWouldBlock:
		u.arrived = false
		return 0, errNotYet
	case err != nil:
		return 0, err
	case n == 0:
		return 0, io.EOF
	case n < len(b) && !u.hungUp:
		u.arrived = false
	}
	return n, nil
}

// Write sets aside what is to be sent when TLS has written all it has to.
func (u *underTLS) Write(b []byte) (int, error) {
	l := u.session.loop
	l.records = append(l.records, b...)
	return len(b), nil
}

// receiveTLS is receive under TLS, where a short read says nothing.
func (s *socket) receiveTLS(b []byte) (int, error) {
	s.forgetRecords()
	n, err := s.tls.Read(b)
	// It may have had to answer: a peer that changes its key asks for ours.
	if werr := s.sendRecords(); werr != nil && n == 0 {
		return 0, werr
	}
	switch {
	case n > 0:
		s.received.Add(uint64(n))
		return n, nil // an error comes again with the next read
	case err == errNotYet:
		s.readable = false
		return 0, nil
	}
	return 0, err
}

// writeTLS is write under TLS: it takes a part of b whole, or nothing while the
// peer has not taken the records before.
func (s *socket) writeTLS(b []byte) (taken int, err error) {
	for {
		if err := s.flushRecords(); err != nil || len(s.records) > 0 || len(b) == taken {
			return taken, err
		}
		s.forgetRecords()
		n, err := s.tls.Write(b[taken:min(len(b), taken+writeSize)])
		if err != nil {
			return taken, err
		}
		taken += n
		if err := s.sendRecords(); err != nil {
			return taken, err
		}
	}
}

// closeTLS tells the peer, once, that nothing more will be sent.
func (s *socket) closeTLS() error {
	s.forgetRecords()
	if err := s.tls.CloseWrite(); err != nil {
		return err
	}
	return s.sendRecords()
}

// keptRecords is how many bytes of records a loop keeps memory for.
const keptRecords = 2 * writeSize

// forgetRecords drops what a call that failed has left, which may be another
// session's.
func (s *socket) forgetRecords() { s.session.loop.records = s.session.loop.records[:0] }

// sendRecords sends what TLS has written, and keeps what the peer does not take.
func (s *socket) sendRecords() error {
	l := s.session.loop
	b := l.records
	if len(b) == 0 {
		return nil
	}
	if l.records = b[:0]; cap(b) > keptRecords {
		l.records = nil
	}
	if len(s.records) == 0 {
		n, err := transmit(s.fd, b)
		if err != nil && err != errWouldBlock {
			return err
		}
		if b = b[n:]; len(b) == 0 {
			return nil
		}
		if err := l.interest(s, true); err != nil {
			return err
		}
	}
	s.records = append(s.records, b...)
	return nil
}

// flushRecords sends what the peer takes of the records kept.
func (s *socket) flushRecords() error {
	for s.gone < len(s.records) {
		n, err := transmit(s.fd, s.records[s.gone:])
		if err == errWouldBlock {
			return nil
		}
		if err != nil {
			return err
		}
		s.gone += n
	}
	s.records, s.gone = nil, 0
	return nil
}

// takeOver gives a socket the descriptor of a connection, in clear or under TLS,
// and returns the connection, which is to be closed if the other of the session
// can be taken as well. False: it cannot be taken.
func (s *socket) takeOver(conn net.Conn) (net.Conn, bool) {
	var under *below
	if t, ok := conn.(*tls.Conn); ok {
		if under, ok = t.NetConn().(*below); !ok {
			return nil, false
		}
		s.tls, conn = t, under.Conn
		if p, ok := conn.(*peeked); ok {
			if len(p.ahead) > 0 {
				return nil, false
			}
			conn = p.Conn
		}
	}
	c, ok := conn.(syscall.Conn)
	if !ok {
		return nil, false
	}
	var err error
	if s.fd, err = detach(c); err != nil {
		return nil, false
	}
	if under != nil {
		under.taken = (*underTLS)(s)
	}
	return conn, true
}

// giveBack undoes takeOver.
func (s *socket) giveBack() {
	if s.tls != nil {
		s.tls.NetConn().(*below).taken = nil
	}
	_ = unix.Close(s.fd) // of two descriptors of the connection
}
