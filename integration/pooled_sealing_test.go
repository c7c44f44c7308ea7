package integration

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"pgseal/integration/harness"
	"pgseal/integration/pgtest"
)

// A column is sealed and unsealed while clients write and read it, through a pooler, too: no
// answer is wrong, no row is lost, and what is written behind the sealing is nowhere in
// clear. No other error comes than that the column is being changed.
func TestSealingBesideClients(t *testing.T) {
	for _, c := range []struct {
		name, role    string
		front, behind bool
	}{
		{name: "direct"},
		{name: "in front", front: true},
		{name: "behind", behind: true, role: pgtest.Superuser},
		{name: "in the pool", behind: true, role: harness.Owner}, // with the proxy's own connections
		{name: "in front and behind", front: true, behind: true, role: pgtest.Superuser},
	} {
		t.Run(c.name, func(t *testing.T) {
			pair := harness.New(t, harness.Schema{
				DDL:  "CREATE TABLE vault (id int PRIMARY KEY, era int, word text, note text)",
				Seal: []string{"public.vault.note"},
			})
			addr, dsn := pair.Env.Proxy.Addr, pair.Env.Sealed.DSN("postgres", c.role)
			if c.behind {
				u, err := url.Parse(pair.ServerURL())
				if err != nil {
					t.Fatal(err)
				}
				addr = startProxy(t, pair, "--database-url", at(t, dsn, startPgbouncer(t, u.Host, 12))).Addr
			}
			if c.front {
				addr = startPgbouncer(t, addr, 4)
			}
			rounds := 1
			if !c.front && !c.behind {
				rounds = 2 // what a column leaves that is sealed again is not the pool's
			}
			sealBesideClients(t, pair, at(t, pair.ServerURL(), addr), rounds)
		})
	}
}

// pause is that of a client behind each value. Without it four clients keep a small machine
// from what they are to meet, the sealing, and the test takes as many times their work.
const pause = 60 * time.Millisecond

// vaultClient writes values and reads them.
type vaultClient struct {
	conn    *pgx.Conn
	mode    pgx.QueryExecMode
	mu      sync.Mutex     // held while it works with one value
	written map[int]string // what stands there, of era 0
	values  int            // that it has worked with
	refused int
}

func sealBesideClients(t *testing.T, pair *harness.Pair, dsn string, rounds int) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var era atomic.Int32 // of 1 are canaries, while the column is sealed
	clients := make([]*vaultClient, 4)
	var group sync.WaitGroup
	for i := range clients {
		c := &vaultClient{conn: pair.Connect(t, dsn), mode: pooledModes[i%len(pooledModes)], written: map[int]string{}}
		clients[i] = c
		group.Go(func() {
			for id := 1_000_000 * i; ctx.Err() == nil; id++ {
				c.mu.Lock()
				word := [...]string{"plain", pair.Env.Canaries.Text()}[era.Load()]
				err := c.work(t.Context(), id, int(era.Load()), fmt.Sprintf("%s-%d", word, id))
				c.values++
				c.mu.Unlock()
				time.Sleep(pause)
				if err != nil {
					t.Errorf("client %d, value %d: %v", i, id, err)
					return
				}
			}
		})
	}
	change := func(to int32) {
		for _, c := range clients {
			c.mu.Lock()
		}
		era.Store(to)
		for _, c := range clients {
			c.mu.Unlock()
		}
	}
	// work has each of them work with a few more values.
	work := func() {
		t.Helper()
		for _, c := range clients {
			values := func() int { c.mu.Lock(); defer c.mu.Unlock(); return c.values }
			enough := values() + 5
			eventually(t, "all clients work", func() bool { return t.Failed() || values() >= enough })
		}
	}
	for range rounds {
		pair.Pgseal("seal", "public.vault.word", "--equality")
		change(1)
		work()
		change(0)
		pair.Server("DELETE FROM vault WHERE era = 1")
		pair.Pgseal("unseal", "public.vault.word")
		work()
	}
	stop()
	group.Wait()
	rows, err := clients[0].conn.Query(t.Context(), "SELECT id, word FROM vault", pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		t.Fatal(err)
	}
	found, refused := map[int]string{}, 0
	var id int
	var word string
	if _, err := pgx.ForEachRow(rows, []any{&id, &word}, func() error { found[id] = word; return nil }); err != nil {
		t.Fatal(err)
	}
	written := map[int]string{}
	for _, c := range clients {
		maps.Copy(written, c.written)
		refused += c.refused
	}
	if !maps.Equal(found, written) {
		t.Errorf("%d values are there, %d have been written", len(found), len(written))
	}
	t.Logf("%d values, %d statements refused meanwhile", len(written), refused)
}

// work stores a value, finds it, and changes it.
func (c *vaultClient) work(ctx context.Context, id, era int, word string) error {
	do := func(want any, sql string, args ...any) error {
		for {
			var got string
			err := c.conn.QueryRow(ctx, sql, append([]any{c.mode}, args...)...).Scan(&got)
			if pg := new(pgconn.PgError); errors.As(err, &pg) && pg.Code == "55P03" {
				c.refused++
				continue
			}
			if err == nil && got != fmt.Sprint(want) {
				err = fmt.Errorf("%q instead of %q", got, want)
			}
			if err != nil {
				return fmt.Errorf("%s: %w", sql, err)
			}
			return nil
		}
	}
	if err := do(id, "INSERT INTO vault (id, era, word) VALUES ($1, $2, $3) RETURNING id::text", id, era, word); err != nil {
		return err
	}
	if era == 0 {
		c.written[id] = word
	}
	for _, err := range []error{
		do(word, "SELECT word FROM vault WHERE id = $1", id),
		do(id, "SELECT id::text FROM vault WHERE word = $1", word),
		do(1, "SELECT count(*)::text FROM vault WHERE word IN ($1, 'another')", word),
	} {
		if err != nil {
			return err
		}
	}
	if id%3 > 0 {
		return nil
	}
	if err := do(id, "UPDATE vault SET word = $1 WHERE word = $2 RETURNING id::text", word+"+", word); err != nil {
		return err
	}
	if era == 0 {
		c.written[id] = word + "+"
	}
	return nil
}

// Whoever seals is told of a proxy by the name of one of its connections. A pooler of
// transactions gives that to no other client, as long as the proxy is there, and not
// longer. What the proxy prepares is not left with others either.
func TestAProxyBehindAPoolIsListedAsLongAsItRuns(t *testing.T) {
	pair := harness.New(t, people)
	u, err := url.Parse(pair.ServerURL())
	if err != nil {
		t.Fatal(err)
	}
	addr := startPgbouncer(t, u.Host, 4)
	proxy, err := pair.Env.StartProxy(t.Context(), pair.Env.Sealed, "--database-url", at(t, pair.Env.Sealed.DSN("postgres", harness.Owner), addr))
	if err != nil {
		t.Fatal(err)
	}
	conn, direct, pooled := pair.Connect(t, pair.ProxyURL(proxy)), pair.Connect(t, pair.ServerURL()), pair.Connect(t, at(t, pair.ServerURL(), addr))
	listed := func() (n int) {
		t.Helper()
		const names = `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'pgseal catalog%'`
		if err := direct.QueryRow(t.Context(), names).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	for i := range 50 {
		for _, sql := range []string{"SELECT count(*) FROM people WHERE ssn = 'x'", "BEGIN", "CREATE TABLE made AS SELECT ssn FROM people", "ROLLBACK"} {
			if _, err := conn.Exec(t.Context(), sql, pgx.QueryExecModeSimpleProtocol); err != nil {
				t.Fatal(err)
			}
		}
		if n := listed(); n != 1 {
			t.Fatalf("%d connections have the name of a proxy in round %d, want 1", n, i)
		}
		var prepared int
		if err := pooled.QueryRow(t.Context(), "SELECT count(*) FROM pg_prepared_statements", pgx.QueryExecModeSimpleProtocol).Scan(&prepared); err != nil || prepared > 0 {
			t.Fatalf("%d prepared statements in round %d, %v", prepared, i, err)
		}
	}
	if err := proxy.Stop(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the name is gone", func() bool { return listed() == 0 })
	pair.Pgseal("seal", "public.people.name")
}

// A proxy behind a pooler does not listen: a server of the pool would do so for whoever comes
// to it, and pgbouncer 1.18 takes a notification for an answer. What others change is found
// all the same.
func TestAProxyBehindAPoolDoesNotListen(t *testing.T) {
	pair := harness.New(t, harness.Schema{DDL: "CREATE TABLE vault (id int PRIMARY KEY, word text)"})
	u, err := url.Parse(pair.ServerURL())
	if err != nil {
		t.Fatal(err)
	}
	// Of the superuser, whose pool is one of sessions, and whom no other proxy has here.
	proxy := startProxy(t, pair, "--database-url", at(t, pair.Env.Sealed.DSN("postgres", pgtest.Superuser), startPgbouncer(t, u.Host, 4)))
	conn := pair.Connect(t, pair.ProxyURL(proxy))
	w := pair.Env.Canaries.Text()
	pair.Pgseal("seal", "public.vault.word")
	var got string
	if err := conn.QueryRow(t.Context(), "INSERT INTO vault VALUES (1, $1) RETURNING word", pgx.QueryExecModeExec, w).Scan(&got); err != nil || got != w {
		t.Errorf("%q, %v", got, err)
	}
	log, err := os.ReadFile(pair.Env.Sealed.LogFile())
	if err != nil {
		t.Fatal(err)
	}
	watches := false
	for line := range strings.Lines(string(log)) {
		if strings.Contains(line, "] "+pgtest.Superuser+"@"+strings.TrimPrefix(u.Path, "/")+" ") {
			watches = watches || strings.Contains(line, "pg_backend_pid")
			if strings.Contains(line, "LISTEN") {
				t.Errorf("the proxy listens: %s", line)
			}
		}
	}
	if !watches {
		t.Error("the log does not show the proxy's own connections")
	}
}
