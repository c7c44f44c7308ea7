package proxy

import (
	"context"
	"net"
	"sync/atomic"
	"time"

	"pgseal/session"
	"pgseal/wire"
)

// relay is one session: two connections, the protocol's state between them, and
// an engine that moves the bytes.
type relay struct {
	client, server *side
	db             Database
	wait           time.Duration // for keys, and for the end of a sealing
	engine         engine

	// ctx ends when the session does, so that nobody goes on waiting for a key.
	ctx  context.Context
	stop context.CancelFunc

	// The engine's: it calls the protocol for one direction at a time.
	protocol Protocol
	gone     bool // the server is: what the client still sends is dropped

	ended atomic.Pointer[wire.Error] // why we ended it, if we did

	// Kept by the sweeper alone: how much had been received when, so that
	// nobody need look at the clock for every read.
	lastReceived uint64
	lastChange   time.Time
	released     bool // since then
}

// engine moves the bytes of one session between its sockets and its protocol:
// looped on an event loop, pumps with goroutines where there can be no loop.
// Both bound what a session holds: while one side does not take what was read
// from the other, nothing more is read there.
type engine interface {
	// run moves bytes until the session is over and both connections are
	// closed, and then calls done with what went wrong, nil when one side simply
	// ended the session. It returns at once. The bytes ahead have been read
	// during the startup.
	run(clientAhead, serverAhead []byte, done func(error))
	// endIfIdle ends the session for that reason if nothing is lost by it.
	// False: try again later.
	endIfIdle(reason *wire.Error) bool
	// cut ends the session for that reason whatever it is doing.
	cut(reason *wire.Error)
	// letGo gives back what a busy session has grown, if it is not busy now.
	letGo() bool
}

// side is one of the two connections of a relay.
type side struct {
	conn net.Conn // until the engine has taken it over

	// received counts the bytes read from it, sent those written to it.
	received, sent atomic.Uint64
}

// lingering is how long a client may take to close after the session has ended.
// Closing first would make TCP throw away what the client has not read, such as
// the error that says why.
const lingering = 2 * time.Second

// farewell bounds the writing of the last words to a peer.
const farewell = 2 * time.Second

func newRelay(ctx context.Context, client, server net.Conn, db Database, protocol Protocol, wait time.Duration) *relay {
	r := &relay{client: &side{conn: client}, server: &side{conn: server}, db: db, protocol: protocol, wait: wait}
	r.ctx, r.stop = context.WithCancel(ctx)
	return r
}

// attach gives the session an engine: one of the loops if it can run there.
func (r *relay) attach(l *loops) {
	if r.engine = l.attach(r); r.engine == nil {
		r.engine = newPumps(r)
	}
}

// openKey unwraps a data key that the protocol lacks.
func (r *relay) openKey(id uint32) (release func(), err error) {
	ctx, cancel := context.WithTimeout(r.ctx, r.wait)
	defer cancel()
	return r.db.OpenKey(ctx, id)
}

// catalogTimeout bounds how long a statement waits for the catalog to be read: a server
// that has too much to do takes its time for that, too.
const catalogTimeout = time.Minute

// refresh reads the catalog again. A session that cannot is ended: it can
// neither plan its statement nor refuse it for a reason that would be true.
// settled: wait, as long as for a key, for the end of a sealing.
func (r *relay) refresh(need session.Need) error {
	wait := catalogTimeout
	if need.Settled {
		wait = r.wait
	}
	ctx, cancel := context.WithTimeout(r.ctx, wait)
	defer cancel()
	read := r.db.Refresh
	switch {
	case need.Settled:
		read = r.db.Settle
	case need.Moved:
		read = r.db.CatchUp
	}
	if err := read(ctx); err != nil {
		return catalogError{err}
	}
	return nil
}

// terminate is the client's Terminate message.
var terminate = []byte{wire.TypeTerminate, 0, 0, 0, 4}
