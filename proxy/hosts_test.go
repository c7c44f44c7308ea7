package proxy

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"pgseal/integration/pgtest"
)

// withStandby starts a primary and its standby for one test.
func withStandby(t *testing.T) (primary, standby *pgtest.Cluster) {
	t.Helper()
	ctx := t.Context()
	if cluster.Binaries.Client(ctx, "pg_basebackup") == "" {
		t.Skipf("no pg_basebackup for PostgreSQL %d is on this machine", cluster.Binaries.Major)
	}
	primary, err := pgtest.Start(ctx, pgtest.Options{BinDir: cluster.Binaries.Dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { primary.Stop() })
	standby, err = primary.Standby(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { standby.Stop() })
	return primary, standby
}

func TestAmongPrimaryAndStandbyTheSessionGoesWhereTheURLWantsIt(t *testing.T) {
	primary, standby := withStandby(t)
	const dead = "127.0.0.1:1"
	p, s := primary.Addr(), standby.Addr()
	for _, c := range []struct {
		hosts, attrs string
		want         string // "" when no server will do
	}{
		{p + "," + s, "any", p},
		{s + "," + p, "any", s},
		{s + "," + p, "read-write", p},
		{s + "," + p, "primary", p},
		{p + "," + s, "read-only", s},
		{p + "," + s, "standby", s},
		{p + "," + s, "prefer-standby", s},
		{dead + "," + p, "prefer-standby", p},
		{dead + "," + s, "read-write", ""},
		{dead + "," + p, "standby", ""},
		{dead + "," + s + "," + p, "primary", p},
	} {
		t.Run(c.attrs+" of "+strings.NewReplacer(p, "primary", s, "standby", dead, "dead").Replace(c.hosts), func(t *testing.T) {
			proxy := startProxy(t, Config{Upstream: "postgres://postgres@" + c.hosts + "/postgres?sslmode=disable&target_session_attrs=" + c.attrs})
			got, err := psql(t, proxy.DSN("postgres", "sslmode=disable"), "SELECT host(inet_server_addr()) || ':' || inet_server_port()")
			switch {
			case c.want == "" && (err == nil || !strings.Contains(got, "could not connect")):
				t.Errorf("got %q, %v; no server will do", got, err)
			case c.want != "" && (err != nil || got != c.want):
				t.Errorf("got %q, %v; want %s", got, err, c.want)
			}
		})
	}
	t.Run("a cancel request goes to the session's server", func(t *testing.T) {
		proxy := startProxy(t, Config{Upstream: "postgres://postgres@" + p + "," + s + "/postgres?sslmode=disable&target_session_attrs=standby"})
		ctx := context.Background()
		c, err := pgx.Connect(ctx, strings.Replace(proxy.DSN("postgres", "sslmode=disable"), "hostaddr=127.0.0.1 ", "", 1))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close(ctx)
		wantCancelled(t, ctx, standby.DSN("postgres", "postgres"), c)
	})
	t.Run("hosts are shuffled", func(t *testing.T) {
		proxy := startProxy(t, Config{Upstream: "postgres://postgres@" + p + "," + s + "/postgres?sslmode=disable&load_balance_hosts=random"})
		seen := map[string]bool{}
		eventually(t, "both servers get sessions", func() bool {
			got, err := psql(t, proxy.DSN("postgres", "sslmode=disable"), "SELECT pg_is_in_recovery()")
			if err != nil {
				t.Fatal(got, err)
			}
			seen[got] = true
			return len(seen) == 2
		})
	})
}
