package proxy

import (
	"io"
	"net"
	"time"
)

// below is the connection under a TLS one. An event loop does without the
// connection: it takes it over, and what TLS reads and writes then goes through
// what has taken it.
type below struct {
	net.Conn
	taken io.ReadWriter
}

func (b *below) Read(p []byte) (int, error) {
	if b.taken != nil {
		return b.taken.Read(p)
	}
	return b.Conn.Read(p)
}

func (b *below) Write(p []byte) (int, error) {
	if b.taken != nil {
		return b.taken.Write(p)
	}
	return b.Conn.Write(p)
}

// SetWriteDeadline is what crypto/tls calls when it says goodbye; what has taken
// the connection never blocks.
func (b *below) SetWriteDeadline(t time.Time) error {
	if b.taken != nil {
		return nil
	}
	return b.Conn.SetWriteDeadline(t)
}
