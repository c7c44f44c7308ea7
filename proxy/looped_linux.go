package proxy

import (
	"errors"
	"io"
	"runtime/debug"
	"time"

	"golang.org/x/sys/unix"

	"pgseal/session"
)

// looped is the engine of a session on an event loop, for TCP and Unix sockets,
// in clear or under TLS. Only the loop touches it; what comes from elsewhere is
// posted there.
//
// A direction goes on as long as it has bytes and the side it sends to takes
// them: so a slow peer holds up its own session only, with at most the output of
// one buffer for each direction in memory. What the direction from the server
// has for the server never waits, or a server that is itself waiting to be read
// would never come to read it.
type looped struct {
	*relay
	loop           *loop
	client, server socket
	fromClient     direction
	fromServer     direction
	boundary       frameBoundary // of what has been sent to the client

	queued  bool // in loop.again
	working bool // a goroutine is calling the protocol
	// postponed is what has to wait until it is done.
	postponed []func()
	asides    int // goroutines that will post something
	expires   *time.Timer
	over      bool // done has been called
	done      func(error)

	clientErr, serverErr error // why the directions ended
}

// direction is what moves from one side to the other.
type direction struct {
	input
	from, to   *socket
	fromClient bool

	offered bool   // the protocol has seen what is in hand and wants more
	want    int    // the size of the frame that it wants whole, or 0
	waits   waits  // for what, before the protocol is called again
	release func() // of a key that the next call needs
	state   directionState
}

// waits is what a direction waits for besides bytes.
type waits uint8

const (
	forNothing waits = iota
	forServer        // the server's next words
	forAside         // a key or the catalog, on a goroutine
)

type directionState uint8

const (
	feeding    directionState = iota // the protocol
	discarding                       // reading only to see the end
	ended
)

// readSize bounds what is read at once, in bytes, into a buffer that is large.
const readSize = 256 << 10

// turnReads bounds how often a session reads each side, or offers what it has
// read, in one turn.
const turnReads = 16

// newLooped takes the connections of a session over, nil if it cannot.
func newLooped(r *relay, l *loop) *looped {
	s := &looped{relay: r, loop: l}
	client, ok := s.client.takeOver(r.client.conn)
	if !ok {
		return nil
	}
	server, ok := s.server.takeOver(r.server.conn)
	if !ok {
		s.client.giveBack()
		return nil
	}
	client.Close()
	server.Close()
	r.client.conn, r.server.conn = nil, nil // they are large
	s.client.side, s.client.session = r.client, s
	s.server.side, s.server.session = r.server, s
	s.fromClient = direction{input: input{spaces: &l.spaces}, from: &s.client, to: &s.server, fromClient: true}
	s.fromServer = direction{input: input{spaces: &l.spaces}, from: &s.server, to: &s.client}
	return s
}

func (s *looped) run(clientAhead, serverAhead []byte, done func(error)) {
	s.done = done
	s.loop.post(func() {
		defer s.caught()
		s.fromClient.ahead(clientAhead)
		s.fromServer.ahead(serverAhead)
		for _, on := range [...]*socket{&s.client, &s.server} {
			if err := s.loop.register(on); err != nil {
				s.end(&s.fromClient, err)
				break
			}
			// TLS may hold what it has read behind the startup, of which the
			// kernel says nothing.
			on.readable, on.arrived = on.tls != nil, on.tls != nil
		}
		s.progress()
	})
}

// event takes what the kernel says of a socket.
func (s *looped) event(on *socket, events uint32) {
	if events&^unix.EPOLLOUT != 0 {
		on.readable, on.arrived = true, true
	}
	if events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		on.hungUp = true
	}
	s.turn()
}

// turn goes on with whatever can go on.
func (s *looped) turn() {
	defer s.caught()
	s.progress()
}

// caught ends the session, and only it, when handling it has panicked.
func (s *looped) caught() {
	if recover() == nil {
		return
	}
	err := panicError{debug.Stack()}
	defer func() {
		if recover() != nil {
			s.abandon(err) // nothing of its state can be trusted
		}
	}()
	switch {
	case s.fromClient.state == feeding:
		s.end(&s.fromClient, err)
	case s.fromServer.state == feeding:
		s.end(&s.fromServer, err)
	default:
		s.abandon(err)
	}
	s.settle()
}

func (s *looped) progress() {
	if s.working {
		return
	}
	s.flush(&s.client)
	s.flush(&s.server)
	// The server first: the client's next frame may wait for its answer. The
	// server's never waits for the client's.
	s.advance(&s.fromServer)
	s.advance(&s.fromClient)
	if s.gone {
		s.settle()
	}
}

// advance moves the bytes of one direction, as many as a turn allows.
func (s *looped) advance(d *direction) {
	for range turnReads {
		var err error
		switch {
		case d.state == ended, s.working:
			return
		case d.state == discarding:
			if !d.from.readable {
				d.input.release()
				return
			}
			err = s.discard(d)
		case d.waits != forNothing, d.to.waiting(), d.fromClient && s.client.owing() > keptBacklog:
			return
		case d.w > d.r && !d.offered:
			err = s.offer(d)
		case d.from.readable:
			err = s.read(d)
		default:
			d.rest()
			return
		}
		if err != nil {
			s.end(d, err)
		}
	}
	s.requeue()
}

// requeue gives the session another turn.
func (s *looped) requeue() {
	if !s.queued {
		s.queued = true
		s.loop.again = append(s.loop.again, s)
	}
}

// rest gives the buffers back if there is nothing in hand.
func (d *direction) rest() {
	if d.r == d.w {
		d.input.release()
	}
}

// read reads once.
func (s *looped) read(d *direction) error {
	d.hold()
	if err := d.makeRoom(d.want); err != nil {
		return err
	}
	n, err := d.from.receive(d.b[d.w:min(len(d.b), d.w+readSize)])
	if n > 0 {
		d.w += n
		d.offered = d.w-d.r < d.want
	}
	return err
}

// receive reads once; it returns nothing and no error if there is nothing.
func (s *socket) receive(b []byte) (int, error) {
	if s.tls != nil {
		return s.receiveTLS(b)
	}
	n, err := receive(s.fd, b)
	switch {
	case err == errWouldBlock:
		s.readable = false
		return 0, nil
	case err != nil:
		return 0, err
	case n == 0:
		return 0, io.EOF
	case n < len(b) && !s.hungUp:
		s.readable = false
	}
	s.received.Add(uint64(n))
	return n, nil
}

// discard reads and drops.
func (s *looped) discard(d *direction) error {
	d.hold()
	_, err := d.from.receive(d.b)
	return err
}

// offer gives the protocol what is in hand and sends what comes of it.
func (s *looped) offer(d *direction) error {
	if d.w-d.r >= besideSize {
		s.beside(d)
		return nil
	}
	n, need, err := s.call(d)
	return s.called(d, n, need, err)
}

func (s *looped) call(d *direction) (int, session.Need, error) {
	if d.fromClient {
		return s.protocol.FromClient(d.b[d.r:d.w:d.w], &d.space.out)
	}
	return s.protocol.FromServer(d.b[d.r:d.w:d.w], &d.space.out)
}

// called goes on with what a call of the protocol has come to.
func (s *looped) called(d *direction, n int, need session.Need, err error) error {
	out := &d.space.out
	if d.release != nil {
		d.release()
		d.release = nil
	}
	d.r += n
	d.offered, d.want = true, 0
	if !d.fromClient && s.fromClient.waits == forServer {
		s.fromClient.waits, s.fromClient.offered = forNothing, false
	}
	for _, c := range out.ToClient() {
		s.boundary.pass(c)
	}
	if werr := s.client.take(out.ToClient(), d); werr != nil {
		return clientWriteError{werr}
	}
	if werr := s.server.take(out.ToServer(), d); werr != nil && d.fromClient {
		return serverWriteError{werr}
	}
	if err != nil {
		return err
	}
	switch need.Kind {
	case session.NeedBytes:
		d.want = need.Bytes
	case session.NeedServer:
		d.waits = forServer
	case session.NeedTime:
		d.input.settle() // now: the goroutine uses the same memory
		d.hold()
		s.beside(d)
	case session.NeedKey, session.NeedCatalog:
		s.aside(d, need)
	}
	return nil
}

// aside has a goroutine do what takes time, and the direction wait for it.
func (s *looped) aside(d *direction, need session.Need) {
	d.waits = forAside
	s.asides++
	go func() {
		var release func()
		err := guard(func() (err error) {
			if need.Kind == session.NeedCatalog {
				return s.refresh(need)
			}
			release, err = s.openKey(need.Key)
			return err
		})
		s.loop.post(func() {
			defer s.caught()
			s.asides--
			s.whenIdle(func() { s.resume(d, need, release, err) })
			s.progress()
		})
	}()
}

// resume goes on with what the direction has waited for. Of a key that cannot be
// had the protocol is told, and fails the statement.
func (s *looped) resume(d *direction, need session.Need, release func(), err error) {
	if d.state != feeding {
		if release != nil {
			release()
		}
		return
	}
	d.waits, d.offered, d.release = forNothing, false, release
	switch {
	case err == nil:
	case need.Kind == session.NeedKey && !errors.As(err, new(panicError)):
		s.protocol.KeyFailed(need.Key, err)
	default:
		s.end(d, err)
	}
}

// flush writes what a side has not taken yet.
func (s *looped) flush(on *socket) {
	if !on.waiting() {
		return
	}
	err := on.flush()
	if err == nil {
		return
	}
	on.drop()
	if on == &s.client {
		s.end(&s.fromServer, clientWriteError{err})
	} else {
		s.end(&s.fromClient, serverWriteError{err})
	}
}
