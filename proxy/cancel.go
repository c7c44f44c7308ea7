package proxy

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"time"
)

// cancelTimeout bounds the delivery of one cancel request.
const cancelTimeout = 10 * time.Second

// cancelKeys maps the cancel key of a running session, as the client has it,
// to the target where the session runs. Servers choose the keys, and process
// ids of two servers can meet, so the key is the whole of process id and
// secret.
type cancelKeys struct {
	mu   sync.Mutex
	keys map[string]cancelEntry
}

// cancelEntry counts the sessions under one key: two servers may, however
// improbably, have handed out the same.
type cancelEntry struct {
	target target
	owner  *relay
}

func (c *cancelKeys) add(key []byte, t target, owner *relay) {
	if len(key) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.keys == nil {
		c.keys = map[string]cancelEntry{}
	}
	c.keys[string(key)] = cancelEntry{t, owner}
}

// remove forgets a session's key, unless a later session has got the same one.
func (c *cancelKeys) remove(key []byte, owner *relay) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.keys[string(key)].owner == owner {
		delete(c.keys, string(key))
	}
}

func (c *cancelKeys) find(key []byte) (target, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.keys[string(key)]
	return e.target, ok
}

// cancel passes a cancel request on to the server of the session it is for, in
// the way that session reached it. With a single server, a key that is unknown
// here goes there too: the session may run through another proxy. PostgreSQL
// never answers such a request, so nor do we.
func (s *Server) cancel(ctx context.Context, st *startup) {
	ctx, stop := context.WithTimeout(ctx, cancelTimeout)
	defer stop()
	targets := s.upstream.targets
	if t, ok := s.cancelKeys.find(st.cancel); ok {
		targets = []target{t}
	} else if s.upstream.servers() > 1 {
		return
	}
	for _, t := range targets {
		err := s.upstream.deliver(ctx, t, st.packet)
		if err == nil {
			return
		}
		s.log.Warn("cancel request not delivered", slog.String("server", t.address), slog.Any("error", err))
	}
}

// deliver hands a cancel request to a server and waits until the server has
// closed the connection, which it does when the request has been carried out.
func (u *upstream) deliver(ctx context.Context, t target, packet []byte) error {
	c, err := u.dial(ctx, t)
	if err != nil {
		return err
	}
	defer c.Close()
	defer closeOnDone(ctx, c)()
	if _, err := c.Write(packet); err != nil {
		return err
	}
	// The end comes as EOF or as a reset; either way the server is done.
	_, _ = io.Copy(io.Discard, c)
	return nil
}
