package proxy

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

func TestACancelRequestReachesTheRunningStatement(t *testing.T) {
	for _, hop := range hops(t) {
		t.Run(hop.name, func(t *testing.T) {
			p := startProxy(t, hop.config)
			ctx, stop := context.WithTimeout(context.Background(), 20*time.Second)
			defer stop()
			dsn := strings.Replace(p.DSN("trust", hop.client), "hostaddr=127.0.0.1 ", "", 1)
			c, err := pgx.Connect(ctx, dsn)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close(ctx)
			wantCancelled(t, ctx, cluster.DSN("postgres", "postgres"), c)
			if got := p.Stats().Cancels; got != 1 {
				t.Errorf("%d cancel requests counted, want 1", got)
			}
		})
	}
}

// wantCancelled starts a long statement, cancels it, and expects the server's
// error on a session that goes on.
func wantCancelled(t *testing.T, ctx context.Context, server string, c *pgx.Conn) {
	t.Helper()
	observer, err := pgx.Connect(ctx, server)
	if err != nil {
		t.Fatal(err)
	}
	defer observer.Close(ctx)
	failed := make(chan error, 1)
	go func() {
		_, err := c.Exec(ctx, "SELECT pg_sleep(60)")
		failed <- err
	}()
	eventually(t, "the statement runs", func() bool {
		var running bool
		err := observer.QueryRow(ctx, "SELECT state = 'active' AND wait_event = 'PgSleep' FROM pg_stat_activity WHERE pid = $1", c.PgConn().PID()).Scan(&running)
		return err == nil && running
	})
	if err := c.PgConn().CancelRequest(ctx); err != nil {
		t.Fatal(err)
	}
	var pgErr *pgconn.PgError
	if err := <-failed; !errors.As(err, &pgErr) || pgErr.Code != "57014" {
		t.Errorf("got %v, want the server's 57014", err)
	}
	var one int
	if err := c.QueryRow(ctx, "SELECT 1").Scan(&one); err != nil {
		t.Errorf("the session after the cancel: %v", err)
	}
}

func TestCancelFindsTheServerOfTheSessionAmongSeveral(t *testing.T) {
	// The first host is another address of nothing; the session runs on the
	// second.
	p := startProxy(t, Config{Upstream: "postgres://postgres@127.0.0.1:1," + cluster.Addr() + "/postgres?sslmode=disable"})
	ctx := context.Background()
	c, err := pgx.Connect(ctx, strings.Replace(p.DSN("trust", "sslmode=disable"), "hostaddr=127.0.0.1 ", "", 1))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(ctx)
	wantCancelled(t, ctx, cluster.DSN("postgres", "postgres"), c)
}

func TestACancelRequestForNobodyIsDropped(t *testing.T) {
	p := startProxy(t, Config{})
	c := p.raw()
	c.send(0, 0, 0, 16, 0x04, 0xd2, 0x16, 0x2e, 0, 0, 0, 1, 0, 0, 0, 2)
	c.wantEnd()
	long := p.raw() // a key of protocol 3.2
	packet := append([]byte{0, 0, 0, 44, 0x04, 0xd2, 0x16, 0x2e, 0, 0, 0, 1}, make([]byte, 32)...)
	long.send(packet...)
	long.wantEnd()
}

func TestACancelKeyIsForgottenWithItsSession(t *testing.T) {
	p := startProxy(t, Config{})
	c := p.raw()
	key := c.login()
	if _, ok := p.cancelKeys.find(key); !ok {
		t.Fatal("the key of a running session is unknown")
	}
	c.Close()
	eventually(t, "the key is forgotten", func() bool {
		_, ok := p.cancelKeys.find(key)
		return !ok
	})
}
