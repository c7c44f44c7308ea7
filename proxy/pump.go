package proxy

import (
	"errors"
	"io"
	"syscall"

	"golang.org/x/sys/unix"
)

// tlsPeek is what a pump keeps under TLS to wait for the first bytes, since
// readiness of the socket says nothing about what TLS has decrypted.
const tlsPeek = 512

// pump moves the bytes of one direction.
type pump struct {
	pumps      *pumps
	from       *outlet
	fromClient bool

	input
	said uint64 // pumps.said at the last step

	// readable reads once the socket is ready; made once, since a closure for
	// each read would be an allocation for each read.
	readable func(fd uintptr) bool
	n        int
	err      error

	peek []byte // under TLS only
	hot  bool   // the last read under TLS filled its room: more is probably there
}

func newPump(r *pumps, from *outlet, fromClient bool, ahead []byte) *pump {
	p := &pump{pumps: r, from: from, fromClient: fromClient}
	p.readable = p.tryRead
	if from.raw == nil {
		p.peek = make([]byte, tlsPeek)
	}
	p.ahead(ahead)
	return p
}

// run returns why the direction has ended: io.EOF when the peer has said all it
// had to say.
func (p *pump) run() error {
	defer p.release()
	want := 0
	for {
		if p.w > p.r && p.w-p.r >= want {
			need, err := p.pumps.feed(p)
			if err != nil {
				return err
			}
			want = need
		}
		if err := p.fill(want); err != nil {
			return err
		}
	}
}

// fill reads at least one byte more. want is the size of the frame at p.r if it
// has to be whole, else 0.
func (p *pump) fill(want int) error {
	if p.r == p.w && !p.hot {
		p.release()
	} else if err := p.makeRoom(want); err != nil {
		return err
	}
	var n int
	var err error
	switch {
	case p.from.raw != nil:
		n, err = p.read()
	case p.space == nil:
		n, err = p.from.conn.Read(p.peek)
		p.hold()
		copy(p.b, p.peek[:n])
		p.hot = n == len(p.peek)
	default:
		n, err = p.from.conn.Read(p.b[p.w:])
		p.hot = n == len(p.b)-p.w
	}
	p.w += n
	p.from.received.Add(uint64(n))
	if n > 0 {
		return nil // an error comes again with the next read
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

// read reads from a plain socket without holding a buffer while it waits.
func (p *pump) read() (int, error) {
	p.n, p.err = 0, nil
	if err := p.from.raw.Read(p.readable); err != nil {
		return 0, err
	}
	return p.n, p.err
}

// tryRead reads if the socket has something. False makes the runtime wait until
// it has.
func (p *pump) tryRead(fd uintptr) bool {
	p.hold()
	for {
		n, err := unix.Read(int(fd), p.b[p.w:])
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EAGAIN):
			if p.w == 0 {
				p.release()
			}
			return false
		case err != nil:
			p.err = err
		case n == 0:
			p.err = io.EOF
		default:
			p.n = n
		}
		return true
	}
}
