package proxy

import (
	"errors"
	"io"
	"sync"
	"time"

	"pgseal/session"
	"pgseal/wire"
)

// pumps is the engine with a goroutine for each direction: for sessions under
// TLS, and for systems without an event loop.
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
// wait for the server: what it has for the server goes through outlet.enqueue.
type pumps struct {
	*relay
	client, server *outlet

	mu       sync.Mutex
	said     uint64    // calls of FromServer so far
	answered sync.Cond // on mu: said has changed, or gone
}

func newPumps(r *relay) *pumps {
	p := &pumps{relay: r, client: newOutlet(r.client), server: newOutlet(r.server)}
	p.answered.L = &p.mu
	return p
}

func (r *pumps) run(clientAhead, serverAhead []byte, done func(error)) {
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
func (r *pumps) clientDone(err error, fromServer <-chan error) error {
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
func (r *pumps) serverDone(err error) {
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
func (r *pumps) feed(p *pump) (want int, err error) {
	var release func() // of a key that the next step needs
	for {
		need, err := r.step(p)
		p.settle()
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
			if err := r.refresh(need); err != nil {
				return 0, err
			}
		case session.NeedServer:
			r.awaitServer(p)
		case session.NeedTime: // it has a goroutine of its own
		}
	}
}

// step makes one call of the protocol and writes its output.
func (r *pumps) step(p *pump) (session.Need, error) {
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
func (r *pumps) call(p *pump) (toClient, toServer [][]byte, need session.Need, err error) {
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
func (r *pumps) awaitServer(p *pump) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.said == p.said && !r.gone {
		r.answered.Wait()
	}
}

// openKey opens a data key for a pump. If it cannot be had, the protocol is told
// why and fails the statement.
func (r *pumps) openKey(id uint32) (release func()) {
	release, err := r.relay.openKey(id)
	if err == nil {
		return release
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.protocol.KeyFailed(id, err)
	return nil
}

// tell gives the client the reason for the end of its session, if there is one
// that it has to hear from us and a message can be put where the stream stands.
func (r *pumps) tell(err error) {
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

func (r *pumps) endIfIdle(reason *wire.Error) bool {
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

func (r *pumps) cut(reason *wire.Error) {
	r.ended.Store(reason)
	r.tell(reason)
	r.client.closeWrite()
	r.server.conn.Close()
}

func (r *pumps) letGo() bool {
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
