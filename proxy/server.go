package proxy

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"pgseal/session"
	"pgseal/wire"
)

// Server relays sessions between clients and the server of its upstream URL.
type Server struct {
	config     Config
	upstream   *upstream
	log        *slog.Logger
	cancelKeys cancelKeys

	draining atomic.Bool
	places   atomic.Int64 // sessions and logins, at most MaxConnections
	begun    atomic.Int64 // sessions, in all
	waiting  atomic.Int64 // connections before their startup packet

	clients sync.WaitGroup // connections: their startup, then their session

	loops   *loops // nil where there can be none
	noLoops bool   // set by tests: every session gets pumps

	mu     sync.Mutex
	relays map[*relay]struct{}

	count counters
}

// New checks the configuration. It connects to nothing yet.
func New(c Config) (*Server, error) {
	pg, err := c.validate()
	if err != nil {
		return nil, err
	}
	shuffled, err := takeLoadBalance(pg)
	if err != nil {
		return nil, fmt.Errorf("proxy: the upstream URL is not usable: %w", err)
	}
	return &Server{
		config:   c,
		upstream: newUpstream(pg, shuffled, c.KeepAlive),
		log:      c.Logger,
		relays:   map[*relay]struct{}{},
	}, nil
}

// Serve accepts clients on the listeners, which it closes, until ctx ends.
// Sessions then finish their transaction and are told that the proxy goes; what
// is left after DrainTimeout is cut. Serve returns when no session and no
// goroutine of one is left: nil, or the error of a listener that failed.
func (s *Server) Serve(ctx context.Context, listeners ...net.Listener) error {
	if !s.noLoops {
		var err error
		if s.loops, err = startLoops(); err != nil {
			return fmt.Errorf("event loops: %w", err)
		}
		defer s.loops.stop()
	}
	// Sessions outlive ctx by the drain.
	sessions, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	accepting, stop := context.WithCancelCause(ctx)
	defer stop(nil)

	var helpers sync.WaitGroup
	for _, l := range listeners {
		helpers.Go(func() {
			stop(s.accept(accepting, l, func(c net.Conn) {
				s.clients.Go(func() { s.serve(accepting, sessions, c) })
			}))
		})
	}
	helpers.Go(func() { s.sweep(sessions) })

	<-accepting.Done()
	s.draining.Store(true)
	for _, l := range listeners {
		l.Close()
	}
	s.log.Info("draining", slog.Int("sessions", s.sessions()))
	s.drain()
	cut()
	s.clients.Wait()
	helpers.Wait()
	if err := context.Cause(accepting); ctx.Err() == nil && err != nil {
		return err
	}
	return nil
}

// acceptBackoff is how long accepting pauses when the process is short of
// descriptors or memory.
const acceptBackoff = 50 * time.Millisecond

// accept calls serve for each client until accepting ends.
func (s *Server) accept(accepting context.Context, l net.Listener, serve func(net.Conn)) error {
	for {
		conn, err := l.Accept()
		if accepting.Err() != nil {
			if err == nil {
				conn.Close()
			}
			return nil
		}
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return err
			}
			s.log.Error("accept failed", slog.String("listener", l.Addr().String()), slog.Any("error", err))
			select {
			case <-accepting.Done():
			case <-time.After(acceptBackoff):
			}
			continue
		}
		s.count.accepted.Add(1)
		serve(conn)
	}
}

// serve takes one connection through its startup; it closes the connection
// unless a session has started on it. A startup is given up when accepting
// ends, a session when ctx does.
func (s *Server) serve(accepting, ctx context.Context, conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		// Only the system refusing an option can fail here, and the session
		// works without.
		_ = tcp.SetKeepAliveConfig(keepAliveConfig(s.config.KeepAlive))
	}
	log := s.log.With(slog.String("client", conn.RemoteAddr().String()))
	started := false
	err := guard(func() error {
		started = s.client(accepting, ctx, conn, log)
		return nil
	})
	if !started {
		conn.Close()
	}
	var stopped panicError
	if errors.As(err, &stopped) {
		log.Error("internal error in the startup", slog.String("stack", string(stopped.stack)))
	}
}

// startupHeadroom is how many connections beyond MaxConnections may stand
// before their startup packet, so that cancel requests get through and clients
// in excess are refused in the way their driver understands.
const startupHeadroom = 1000

// client takes a connection through its startup and starts its session.
func (s *Server) client(accepting, ctx context.Context, conn net.Conn, log *slog.Logger) (started bool) {
	began := time.Now()
	startupCtx, stop := context.WithTimeout(accepting, s.config.StartupTimeout)
	defer stop()
	unwatch := closeOnDone(startupCtx, conn)

	n := &negotiation{config: s.config.ClientTLS, conn: &peeked{Conn: conn}}
	st, err := s.negotiate(n)
	if err == nil && st.cancel != nil {
		s.count.cancels.Add(1)
		s.cancel(startupCtx, st)
		return false
	}
	if err == nil && !n.certified() {
		err = errNoCert
	}
	if err == nil && !s.enter() {
		err = errTooMany
	}
	if err != nil {
		unwatch()
		s.refuse(n.conn, s.startupError(startupCtx, err), log, err)
		return false
	}
	// The place is the session's once it has started.
	defer func() {
		if !started {
			s.places.Add(-1)
		}
	}()

	user, _ := st.parameter("user")
	log = log.With(slog.String("user", user), slog.String("database", st.database()), slog.Bool("tls", n.tls != nil))
	l, server, err := s.login(startupCtx, n, st)
	if err == nil {
		err = s.session(ctx, startupCtx, &established{n, st, l, server, unwatch, log, began})
	} else {
		unwatch()
	}
	if err != nil {
		s.refuse(n.conn, s.startupError(startupCtx, err), log, err)
		return false
	}
	return true
}

// negotiate waits for the startup packet.
func (s *Server) negotiate(n *negotiation) (*startup, error) {
	defer s.waiting.Add(-1)
	if s.waiting.Add(1) > int64(s.config.MaxConnections+startupHeadroom) {
		return nil, errTooMany
	}
	st, err := n.run()
	if err == nil && st.cancel == nil && s.draining.Load() {
		err = errShuttingDown
	}
	return st, err
}

// enter takes a place for a session.
func (s *Server) enter() bool {
	if s.places.Add(1) > int64(s.config.MaxConnections) {
		s.places.Add(-1)
		return false
	}
	return true
}

// login connects to the server and lets it authenticate the client.
func (s *Server) login(ctx context.Context, n *negotiation, st *startup) (*login, *serverConn, error) {
	server, err := s.upstream.connect(ctx, st.packet)
	if err != nil {
		return nil, nil, unreachableError{err}
	}
	unwatch := closeOnDone(ctx, server)
	l := &login{client: n.conn, clientTLS: n.tls != nil, certificate: n.certificate, server: server}
	err = l.run()
	if !unwatch() && err == nil {
		err = serverError{ctx.Err()}
	}
	if err != nil {
		server.Close()
		return nil, nil, err
	}
	return l, server, nil
}

// established is a client that the server has let in.
type established struct {
	client  *negotiation
	startup *startup
	login   *login
	server  *serverConn
	unwatch func() bool // ends the startup's timeout on the client's connection
	log     *slog.Logger
	began   time.Time
}

// session starts the session, which goes on by itself when this returns: the
// startup's goroutine, with the stack it has needed, ends. An error is one of
// the startup: the session has not begun.
func (s *Server) session(ctx, startupCtx context.Context, e *established) error {
	r, err := s.prepare(ctx, startupCtx, e)
	if err != nil {
		e.unwatch()
		e.server.Close()
		return err
	}
	key := e.login.cancelKey
	s.cancelKeys.add(key, e.server.target, r)
	err = e.login.flush()
	if !e.unwatch() && err == nil {
		err = clientError{startupCtx.Err()}
	}
	if err != nil {
		s.cancelKeys.remove(key, r)
		r.db.Close()
		e.server.Close()
		return err
	}
	r.attach(s.loops)
	s.add(r)
	log, began := e.log, e.began
	log.Info("connected", slog.String("server", e.server.target.address),
		slog.Bool("server_tls", e.server.tls != nil), slog.Duration("startup", time.Since(began)))
	s.clients.Add(1)
	r.engine.run(e.client.conn.ahead, e.server.ahead, func(err error) {
		s.cancelKeys.remove(key, r)
		r.db.Close()
		s.remove(r)
		s.places.Add(-1)
		s.disconnected(log, r, time.Since(began), err)
		s.clients.Done()
	})
	if s.begun.Add(1)%collectEvery == 0 {
		collectSoon()
	}
	return nil
}

// collectEvery is after how many startups memory is collected: each leaves a few
// KiB behind, which in a crowd would be as much as its sessions take.
const collectEvery = 250

// prepare makes what the session runs on. Its database is opened only now, so
// that nobody whom the server refuses can make us connect to one.
func (s *Server) prepare(ctx, startupCtx context.Context, e *established) (*relay, error) {
	open := s.config.Open
	if replication, _ := e.startup.parameter("replication"); session.PhysicalReplication(replication) {
		open = openNothing
	}
	db, err := open(startupCtx, e.startup.database())
	if err != nil {
		return nil, catalogError{err}
	}
	protocol := db.Session()
	for i, name := range e.startup.names {
		protocol.SetParameter(name, e.startup.values[i])
	}
	for _, p := range e.login.parameters {
		protocol.SetParameter(p[0], p[1])
	}
	if key := e.login.cancelKey; len(key) >= 4 {
		protocol.SetProcess(binary.BigEndian.Uint32(key))
	}
	return newRelay(ctx, e.client.conn.Conn, e.server.Conn, db, protocol, s.config.KMSTimeout), nil
}

// unreachableError is a server that could not be connected to.
type unreachableError struct{ err error }

func (e unreachableError) Error() string { return e.err.Error() }
func (e unreachableError) Unwrap() error { return e.err }

// startupError is what the client is told of a failed startup, nil for nothing.
func (s *Server) startupError(startupCtx context.Context, err error) *wire.Error {
	var e *wire.Error
	switch {
	case errors.Is(err, errServerRefused), errors.As(err, new(handshakeError)):
		return nil
	case errors.Is(startupCtx.Err(), context.Canceled):
		return errTerminated
	case errors.As(err, &e):
		return e
	case errors.Is(err, errSilent), errors.Is(err, errPacketLength), errors.As(err, new(clientError)) && startupCtx.Err() == nil:
		return nil
	case errors.As(err, new(unreachableError)):
		return errUnreachable
	case errors.As(err, new(catalogError)):
		return unreadCatalog(err)
	case startupCtx.Err() != nil:
		return errLoginTimeout
	}
	return errLost
}

// refuse ends a startup: it tells the client why, if there is something to
// tell, and waits a little for the client to have read it.
func (s *Server) refuse(conn net.Conn, e *wire.Error, log *slog.Logger, err error) {
	s.count.refused.Add(1)
	switch {
	case errors.Is(err, errServerRefused):
		log.Info("refused by the server")
	case errors.Is(err, errSilent):
		log.Debug("closed before a startup packet came")
	case errors.Is(err, errPacketLength):
		log.Info("refused", slog.String("reason", err.Error()))
	case e != nil && error(e) == err:
		log.Info("refused", slog.String("code", e.Code))
	default:
		log.Warn("startup failed", slog.Any("error", err))
	}
	conn.SetDeadline(time.Now().Add(farewell))
	if e != nil {
		_, _ = conn.Write(e.Append(nil)) // the client may be gone
	}
	linger(conn)
}

// linger closes a connection for writing and waits for the other end to close,
// since closing at once would have TCP drop what the other end has not read.
// The connection has a deadline.
func linger(conn net.Conn) {
	if p, ok := conn.(*peeked); ok {
		conn = p.Conn
	}
	if c, ok := conn.(closeWriter); ok && c.CloseWrite() == nil {
		var discard [512]byte
		for {
			if _, err := conn.Read(discard[:]); err != nil {
				return
			}
		}
	}
}

func (s *Server) disconnected(log *slog.Logger, r *relay, lasted time.Duration, err error) {
	attrs := []any{
		slog.Duration("lasted", lasted),
		slog.Uint64("from_client", r.client.received.Load()),
		slog.Uint64("from_server", r.server.received.Load()),
	}
	var told *wire.Error
	var stopped panicError
	switch {
	case err == nil:
		log.Info("disconnected", attrs...)
	case errors.As(err, &stopped):
		log.Error("internal error", append(attrs, slog.String("stack", string(stopped.stack)))...)
	case errors.As(err, &told):
		// Its text may quote the client; its code does not.
		log.Info("session ended", append(attrs, slog.String("code", told.Code))...)
	default:
		log.Warn("session failed", append(attrs, slog.Any("error", err))...)
	}
}
