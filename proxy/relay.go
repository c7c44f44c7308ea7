package proxy

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"pgseal/session"
	"pgseal/wire"
)

// relay is one session: two connections, the protocol's state between them, and
// a pump for each direction.
//
// # Order of locks
//
// mu guards the protocol. A pump calls the protocol under mu and, before giving
// mu up, takes the writing lock of each side it has output for: so output
// leaves in the order in which it was made, and yet nobody holds mu while a
// peer is slow to read. A slow peer holds up its own session only, with at most
// one buffer for each direction in memory.
//
// The pump that reads the client may wait for the server's side to take bytes,
// and the pump that reads the server for the client's, as the two would wait
// for each other without a proxy. The pump that reads the server must never
// wait for the server: what it has for the server goes through side.enqueue.
type relay struct {
	client, server *side
	db             Database
	wait           time.Duration // for keys and the catalog

	// ctx ends when the session does, so that nobody goes on waiting for a key.
	ctx  context.Context
	stop context.CancelFunc

	mu       sync.Mutex
	protocol Protocol
	said     uint64    // calls of FromServer so far
	answered sync.Cond // on mu: said has changed, or gone
	gone     bool      // the server is: what the client still sends is dropped

	ended atomic.Pointer[wire.Error] // why we ended it, if we did

	// Kept by the sweeper alone: how much had been received when, so that
	// nobody need look at the clock for every read.
	lastReceived uint64
	lastChange   time.Time
	released     bool // since then
}

// lingering is how long a client may take to close after the session has ended.
// Closing first would make TCP throw away what the client has not read, such as
// the error that says why.
const lingering = 2 * time.Second

// farewell bounds the writing of the last words to a peer.
const farewell = 2 * time.Second

func newRelay(ctx context.Context, client, server net.Conn, db Database, protocol Protocol, wait time.Duration) (*relay, error) {
	c, err := newSide(client)
	if err != nil {
		return nil, err
	}
	s, err := newSide(server)
	if err != nil {
		return nil, err
	}
	r := &relay{client: c, server: s, db: db, protocol: protocol, wait: wait}
	r.answered.L = &r.mu
	r.ctx, r.stop = context.WithCancel(ctx)
	return r, nil
}

// start moves bytes until the session is over and both connections are closed,
// and then calls done with what went wrong, nil when one side simply ended the
// session. The bytes ahead have been read during the startup.
func (r *relay) start(clientAhead, serverAhead []byte, done func(error)) {
	fromServer := make(chan error, 1)
	server := newPump(r, r.server, false, serverAhead)
	client := newPump(r, r.client, true, clientAhead)
	go func() {
		err := guard(server.run)
		r.serverDone(err)
		fromServer <- err
	}()
	go func() {
		done(r.clientDone(guard(client.run), fromServer))
	}()
}

// clientDone ends the session when nothing more comes from the client. It
// returns when both connections are closed.
func (r *relay) clientDone(err error, fromServer <-chan error) error {
	switch {
	case errors.Is(err, io.EOF):
		// The client has no more to say, but may still want to hear.
		r.server.closeWrite()
	case errors.As(err, new(serverWriteError)):
		// The server may have said why before it went.
		r.server.conn.SetReadDeadline(time.Now().Add(farewell))
	default:
		r.tell(err)
		r.server.conn.Close()
	}
	serverErr := <-fromServer
	if !errors.Is(err, io.EOF) {
		// serverDone has set the deadline.
		_, _ = io.Copy(io.Discard, r.client.conn)
	}
	r.client.conn.Close()
	return r.problem(err, serverErr)
}

// serverDone ends the session when nothing more comes from the server.
func (r *relay) serverDone(err error) {
	r.server.conn.Close()
	r.mu.Lock()
	r.gone = true
	r.answered.Broadcast()
	r.mu.Unlock()
	r.stop()
	r.tell(err)
	r.client.closeWrite()
	r.client.conn.SetReadDeadline(time.Now().Add(lingering))
}

// feed gives a pump's bytes to the protocol and writes what comes of them,
// until nothing is left or more bytes are needed: want is the size of the frame
// that must be whole, 0 if any bytes will do.
func (r *relay) feed(p *pump) (want int, err error) {
	var release func() // of a key that the next step needs
	for {
		need, err := r.step(p)
		if release != nil {
			release()
			release = nil
		}
		if err != nil {
			return 0, err
		}
		switch need.Kind {
		case session.NeedNothing:
			return 0, nil
		case session.NeedBytes:
			return need.Bytes, nil
		case session.NeedKey:
			release = r.openKey(need.Key)
		case session.NeedCatalog:
			if err := r.refresh(need.Settled); err != nil {
				return 0, err
			}
		case session.NeedServer:
			r.awaitServer(p)
		}
	}
}

// step makes one call of the protocol and writes its output.
func (r *relay) step(p *pump) (session.Need, error) {
	toClient, toServer, need, err := r.call(p)
	// The client's part goes first: while bytes for a busy server wait, the
	// other pump must be able to write to the client.
	if len(toClient) > 0 {
		if werr := r.client.send(toClient); werr != nil {
			if len(toServer) > 0 {
				r.server.writing.Unlock()
			}
			return session.Need{}, clientWriteError{werr}
		}
	}
	if len(toServer) > 0 {
		if werr := r.server.send(toServer); werr != nil {
			return session.Need{}, serverWriteError{werr}
		}
	}
	return need, err
}

// call calls the protocol and takes the writing lock of each side that there is
// output for.
func (r *relay) call(p *pump) (toClient, toServer [][]byte, need session.Need, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := &p.space.out
	var n int
	if p.fromClient {
		if r.gone {
			p.r = p.w
			return nil, nil, session.Need{}, nil
		}
		n, need, err = r.protocol.FromClient(p.b[p.r:p.w:p.w], out)
		p.said = r.said
	} else {
		n, need, err = r.protocol.FromServer(p.b[p.r:p.w:p.w], out)
		r.said++
		r.answered.Broadcast()
	}
	p.r += n
	toClient, toServer = out.ToClient(), out.ToServer()
	if len(toServer) > 0 && !p.fromClient {
		r.server.enqueue(toServer)
		toServer = nil
	}
	if len(toClient) > 0 {
		r.client.writing.Lock()
	}
	if len(toServer) > 0 {
		r.server.writing.Lock()
	}
	return toClient, toServer, need, err
}

// awaitServer waits until the protocol has heard more of the server than at the
// pump's last step.
func (r *relay) awaitServer(p *pump) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.said == p.said && !r.gone {
		r.answered.Wait()
	}
}

// openKey unwraps a data key that the protocol lacks. If it cannot be had, the
// protocol is told why and fails the statement.
func (r *relay) openKey(id uint32) (release func()) {
	ctx, cancel := context.WithTimeout(r.ctx, r.wait)
	defer cancel()
	release, err := r.db.OpenKey(ctx, id)
	if err == nil {
		return release
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.protocol.KeyFailed(id, err)
	return nil
}

// refresh reads the catalog again. A session that cannot is ended: it can
// neither plan its statement nor refuse it for a reason that would be true.
// settled: wait, as long as for a key, for the end of a sealing.
func (r *relay) refresh(settled bool) error {
	ctx, cancel := context.WithTimeout(r.ctx, r.wait)
	defer cancel()
	read := r.db.Refresh
	if settled {
		read = r.db.Settle
	}
	if err := read(ctx); err != nil {
		return catalogError{err}
	}
	return nil
}

// tell gives the client the reason for the end of its session, if there is one
// that it has to hear from us and a message can be put where the stream stands.
func (r *relay) tell(err error) {
	e := farewellTo(err)
	if e == nil {
		return
	}
	// Whoever is writing to a client that does not read gives up too.
	r.client.conn.SetWriteDeadline(time.Now().Add(farewell))
	r.client.writing.Lock()
	defer r.client.writing.Unlock()
	if r.client.boundary.at() {
		_ = r.client.put(e.Append(nil)) // the client may be gone
	}
}

// endIfIdle ends the session for that reason if nothing is lost by it. False:
// try again later.
func (r *relay) endIfIdle(reason *wire.Error) bool {
	if !r.mu.TryLock() {
		return false
	}
	defer r.mu.Unlock()
	if r.gone {
		return true
	}
	if !r.protocol.Idle() || !r.client.writing.TryLock() {
		return false
	}
	defer r.client.writing.Unlock()
	if !r.client.boundary.at() || !r.server.writing.TryLock() {
		return false
	}
	defer r.server.writing.Unlock()
	r.gone = true
	r.ended.Store(reason)
	deadline := time.Now().Add(farewell)
	r.client.conn.SetWriteDeadline(deadline)
	_ = r.client.put(reason.Append(nil))
	r.client.closeWrite()
	r.server.conn.SetDeadline(deadline)
	_ = r.server.put(terminate)
	r.server.closeWrite()
	return true
}

// cut ends the session for that reason whatever it is doing.
func (r *relay) cut(reason *wire.Error) {
	r.ended.Store(reason)
	r.tell(reason)
	r.client.closeWrite()
	r.server.conn.Close()
}

// terminate is the client's Terminate message.
var terminate = []byte{wire.TypeTerminate, 0, 0, 0, 4}

// letGo gives back what a busy session has grown, if it is not busy now.
func (r *relay) letGo() bool {
	if !r.mu.TryLock() {
		return false
	}
	defer r.mu.Unlock()
	if !r.protocol.Idle() {
		return false
	}
	r.protocol.ReleaseBuffers()
	return true
}

// Failures of a session, by what they are to the log and to the client.
type (
	clientWriteError struct{ err error }
	serverWriteError struct{ err error }
	catalogError     struct{ err error }
	panicError       struct{ stack []byte }
)

func (e clientWriteError) Error() string { return "write to the client: " + e.err.Error() }
func (e clientWriteError) Unwrap() error { return e.err }
func (e serverWriteError) Error() string { return "write to the server: " + e.err.Error() }
func (e serverWriteError) Unwrap() error { return e.err }
func (e catalogError) Error() string     { return "catalog: " + e.err.Error() }
func (e catalogError) Unwrap() error     { return e.err }
func (e panicError) Error() string       { return "panic\n" + string(e.stack) }

// guard turns a panic into an error, so that what one peer has sent cannot end
// the sessions of the others. The value of the panic is left out: it may quote
// what was being handled.
func guard(f func() error) (err error) {
	defer func() {
		if recover() != nil {
			err = panicError{debug.Stack()}
		}
	}()
	return f()
}

// farewellTo is what a client is told when its session ends with err, nil if
// nothing.
func farewellTo(err error) *wire.Error {
	var e *wire.Error
	switch {
	case errors.As(err, &e):
		last := *e
		last.Severity = wire.SeverityFatal
		return &last
	case errors.As(err, new(catalogError)):
		return errCatalog
	case errors.As(err, new(panicError)), errors.Is(err, errStuck):
		return errInternal
	}
	return nil
}

// problem is what the log is told of the ends of the two directions, nil if
// each ended as sessions do.
func (r *relay) problem(client, server error) error {
	if e := r.ended.Load(); e != nil {
		return e
	}
	for _, err := range []error{client, server} {
		switch {
		case err == nil, errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed), errors.Is(err, os.ErrDeadlineExceeded):
		case errors.Is(err, io.ErrUnexpectedEOF): // gone without TLS's goodbye
		default:
			return err
		}
	}
	return nil
}
