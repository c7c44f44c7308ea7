package proxy

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/sync/singleflight"
)

// hosts decides which of several servers may take a session, as libpq does
// with target_session_attrs and load_balance_hosts.
//
// libpq looks at the session that it has just started, and tries the next host
// when that will not do. Here the session is the client's: once the client has
// answered one server's question for its password, it cannot be asked by
// another. So the server is looked at beforehand, in a session of pgseal's own
// role, for each client anew.
type hosts struct {
	role     *pgconn.Config
	accepts  pgconn.ValidateConnectFunc // nil: every server will do
	shuffled bool                       // load_balance_hosts=random

	looks singleflight.Group // what many clients ask at once is asked once
}

// loadBalance is a parameter of libpq's (16 and later) that pgconn does not know
// and would send to the server.
const loadBalance = "load_balance_hosts"

// takeLoadBalance takes load_balance_hosts out of the parameters for the server.
func takeLoadBalance(pg *pgconn.Config) (random bool, err error) {
	value, given := pg.RuntimeParams[loadBalance]
	delete(pg.RuntimeParams, loadBalance)
	switch {
	case !given || value == "disable":
		return false, nil
	case value == "random":
		return true, nil
	}
	return false, fmt.Errorf("%s is disable or random", loadBalance)
}

// order returns the targets in the order in which they are tried. Those of one
// address, with TLS and without, stay together.
func (h *hosts) order(targets []target) []target {
	if !h.shuffled {
		return targets
	}
	var groups [][]target
	for i, t := range targets {
		if i > 0 && targets[i-1].address == t.address {
			groups[len(groups)-1] = append(groups[len(groups)-1], t)
		} else {
			groups = append(groups, []target{t})
		}
	}
	rand.Shuffle(len(groups), func(i, j int) { groups[i], groups[j] = groups[j], groups[i] })
	ordered := make([]target, 0, len(targets))
	for _, g := range groups {
		ordered = append(ordered, g...)
	}
	return ordered
}

// errNotPreferred is a server that will do when no better one is there.
var errNotPreferred = errors.New("server is not preferred")

// look reports why a target must not take a session: nil, errNotPreferred, or
// the reason.
func (h *hosts) look(ctx context.Context, t target) error {
	if h.accepts == nil {
		return nil
	}
	key := fmt.Sprint(t.address, t.tls != nil)
	answer := h.looks.DoChan(key, func() (any, error) {
		// The look goes on for the others when its first asker gives up.
		ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), h.role.ConnectTimeout)
		defer stop()
		return nil, h.ask(ctx, t)
	})
	select {
	case r := <-answer:
		return r.Err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (h *hosts) ask(ctx context.Context, t target) error {
	config := h.role.Copy()
	config.Host, config.Port = t.host, t.port
	config.TLSConfig = t.tls
	config.Fallbacks, config.ValidateConnect = nil, nil
	conn, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		// Its text quotes the role and the database, which are ours.
		return fmt.Errorf("pgseal's own role cannot look at it: %w", err)
	}
	// How this session ends is of no interest.
	defer func() { _ = conn.Close(ctx) }()
	err = h.accepts(ctx, conn)
	if errors.As(err, new(*pgconn.NotPreferredError)) {
		return errNotPreferred
	}
	return err
}
