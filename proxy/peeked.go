package proxy

import (
	"errors"
	"io"
	"net"

	"pgseal/wire"
)

// peeked is a connection of which some bytes have been read ahead. During the
// startup frames are taken off its front one by one; what is left over then
// goes to the pumps.
type peeked struct {
	net.Conn
	ahead []byte // read from Conn, not consumed yet
}

// peekChunk is how much a peek asks for at least: the startup packets and
// authentication frames of either side mostly fit.
const peekChunk = 1024

// peek returns the next n bytes without consuming them.
func (p *peeked) peek(n int) ([]byte, error) {
	for len(p.ahead) < n {
		have := len(p.ahead)
		if cap(p.ahead) < n {
			grown := make([]byte, have, max(n, peekChunk))
			copy(grown, p.ahead)
			p.ahead = grown
		}
		m, err := p.Conn.Read(p.ahead[have:cap(p.ahead)])
		p.ahead = p.ahead[:have+m]
		if err != nil && len(p.ahead) < n {
			if errors.Is(err, io.EOF) && len(p.ahead) > 0 {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
	return p.ahead[:n:n], nil
}

// discard consumes n bytes that were peeked at.
func (p *peeked) discard(n int) { p.ahead = p.ahead[n:] }

// Read serves what is ahead first, so that a TLS handshake can start from
// bytes that were peeked at.
func (p *peeked) Read(b []byte) (int, error) {
	if len(p.ahead) > 0 {
		n := copy(b, p.ahead)
		p.ahead = p.ahead[n:]
		return n, nil
	}
	return p.Conn.Read(b)
}

// errFrameTooLong is a frame of the startup that is longer than any such frame
// can be.
var errFrameTooLong = errors.New("message of the startup is too long")

// frame consumes the next frame, header included. It stays valid.
func (p *peeked) frame(limit int) ([]byte, error) {
	head, err := p.peek(wire.HeaderLen)
	if err != nil {
		return nil, err
	}
	_, size, err := wire.Peek(head)
	if err != nil {
		return nil, err
	}
	if size > limit {
		return nil, errFrameTooLong
	}
	f, err := p.peek(size)
	if err != nil {
		return nil, err
	}
	p.discard(size)
	return f, nil
}
