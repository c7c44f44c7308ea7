package proxy

import (
	"errors"
	"io"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"pgseal/session"
)

const (
	// bufferSize is how much a pump reads at once. It is taken from a pool when
	// there is something to read and given back when everything has been
	// passed on, so an idle session has none.
	bufferSize = 32 << 10

	// tlsPeek is what a pump keeps under TLS to wait for the first bytes, since
	// readiness of the socket says nothing about what TLS has decrypted.
	tlsPeek = 512
)

// workspace is what a pump needs only while it has bytes in hand.
type workspace struct {
	buffer [bufferSize]byte
	out    session.Output
}

var workspacePool = sync.Pool{New: func() any { return new(workspace) }}

// pump moves the bytes of one direction.
type pump struct {
	relay      *relay
	from       *side
	fromClient bool

	space *workspace // nil while there is nothing in hand
	b     []byte     // space.buffer, or a larger one for a frame that must be whole
	r, w  int        // b[r:w] has been read and not been consumed
	said  uint64     // relay.said at the last step

	// readable reads once the socket is ready; made once, since a closure for
	// each read would be an allocation for each read.
	readable func(fd uintptr) bool
	n        int
	err      error

	peek []byte // under TLS only
	hot  bool   // the last read under TLS filled its room: more is probably there
}

func newPump(r *relay, from *side, fromClient bool, ahead []byte) *pump {
	p := &pump{relay: r, from: from, fromClient: fromClient}
	p.readable = p.tryRead
	if from.raw == nil {
		p.peek = make([]byte, tlsPeek)
	}
	if len(ahead) > 0 {
		p.hold()
		if len(ahead) > len(p.b) {
			p.b = make([]byte, len(ahead))
		}
		p.w = copy(p.b, ahead)
	}
	return p
}

func (p *pump) hold() {
	if p.space == nil {
		p.space = workspacePool.Get().(*workspace)
		p.b = p.space.buffer[:]
	}
}

// release gives the buffers back. The Output keeps its small ones for the next
// user, since making them anew would be an allocation for each message.
func (p *pump) release() {
	if p.space == nil {
		return
	}
	if len(p.b) > bufferSize {
		p.space.out.Release()
	}
	workspacePool.Put(p.space)
	p.space, p.b, p.r, p.w = nil, nil, 0, 0
}

// run returns why the direction has ended: io.EOF when the peer has said all it
// had to say.
func (p *pump) run() error {
	defer p.release()
	want := 0
	for {
		if p.w > p.r {
			need, err := p.relay.feed(p)
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

// makeRoom moves what is in hand to the front, and takes a larger buffer for a
// frame that does not fit, growing with what has really come rather than with
// what the frame's length promises.
func (p *pump) makeRoom(want int) error {
	if p.r > 0 {
		p.w = copy(p.b, p.b[p.r:p.w])
		p.r = 0
	}
	switch {
	case p.w == len(p.b):
		if want <= len(p.b) {
			return errStuck
		}
		grown := make([]byte, min(2*len(p.b), want))
		copy(grown, p.b[:p.w])
		p.b = grown
	case len(p.b) > bufferSize && want <= bufferSize && p.w < bufferSize:
		copy(p.space.buffer[:], p.b[:p.w])
		p.b = p.space.buffer[:]
	}
	return nil
}

// errStuck is a session that has consumed nothing of a full buffer and asked
// for nothing, which would go on for ever.
var errStuck = errors.New("the session makes no progress")

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
