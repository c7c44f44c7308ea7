package integration

import (
	"bytes"
	"io"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"pgseal/integration/harness"
)

// learners stands between pgseal and a server, sees when the order of a collation is asked for,
// and can keep it from being learnt.
type learners struct {
	addr  string
	asked atomic.Int32
	slow  atomic.Bool // the server has no time to answer
	cut   atomic.Bool // the connection is lost
}

// startLearners listens in front of a server until the test ends.
func startLearners(t *testing.T, server string) *learners {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	s := &learners{addr: l.Addr().String()}
	go func() {
		for {
			front, err := l.Accept()
			if err != nil {
				return
			}
			back, err := net.Dial("tcp", server)
			if err != nil {
				front.Close()
				continue
			}
			go func() { _, _ = io.Copy(front, back); front.Close(); back.Close() }()
			go func() { s.pass(back, front); front.Close(); back.Close() }()
		}
	}()
	return s
}

func (s *learners) pass(server, pgseal net.Conn) {
	buf := make([]byte, 64<<10)
	for {
		n, err := pgseal.Read(buf)
		if err != nil {
			return
		}
		b := buf[:n]
		if s.slow.Load() { // as it would be if it took as long
			b = bytes.Replace(b, []byte("statement_timeout = 3000"), []byte("statement_timeout =    1"), 1)
		}
		if bytes.Contains(b, []byte("WITH sorted AS MATERIALIZED")) {
			if s.asked.Add(1); s.cut.Load() {
				return
			}
		}
		if _, err := server.Write(b); err != nil {
			return
		}
	}
}

// learnersOf are in front of the sealed server, with a proxy of their own.
func learnersOf(t *testing.T, pair *harness.Pair) (*learners, *harness.Process) {
	t.Helper()
	u, err := url.Parse(pair.ServerURL())
	if err != nil {
		t.Fatal(err)
	}
	s := startLearners(t, u.Host)
	return s, startProxy(t, pair, "--database-url", at(t, pair.Env.Sealed.DSN("postgres", harness.Owner), s.addr))
}

var namesUnderACollation = harness.Schema{
	DDL:  `CREATE TABLE people (id int PRIMARY KEY, name text COLLATE "en-x-icu")`,
	Seal: []string{"public.people.name --equality"},
}

const (
	somePeople   = "INSERT INTO people VALUES (1, 'zoe'), (2, 'Émile'), (3, 'Zoë'), (4, 'emil'), (5, 'Anna')"
	sortedPeople = "SELECT string_agg(name, ' ' ORDER BY name) FROM people"
	inOrder      = "Anna emil Émile zoe Zoë"
)

// Who cannot learn an order because the server is slow or gone says so, and learns it later.
func TestAnOrderThatCouldNotBeLearntIsLearntLater(t *testing.T) {
	pair := harness.New(t, namesUnderACollation)
	for _, of := range []struct {
		name   string
		fault  func(*learners) *atomic.Bool
		reason string
	}{
		{"slow", func(s *learners) *atomic.Bool { return &s.slow }, "statement timeout"},
		{"gone", func(s *learners) *atomic.Bool { return &s.cut }, ""},
	} {
		t.Run(of.name, func(t *testing.T) {
			s, proxy := learnersOf(t, pair)
			conn := pair.Connect(t, pair.ProxyURL(proxy))
			if _, err := conn.Exec(t.Context(), "DELETE FROM people; "+somePeople, pgx.QueryExecModeSimpleProtocol); err != nil {
				t.Fatal(err)
			}
			fault := of.fault(s)
			fault.Store(true)
			for _, sql := range []string{sortedPeople, "SELECT id FROM people WHERE name < 'f' ORDER BY id"} {
				if e := clearError(t, conn, sql); e.Code != "58000" || !strings.Contains(e.Message, "just now") || !strings.Contains(e.Detail, of.reason) || !strings.Contains(e.Hint, "Repeat") {
					t.Errorf("%s: %+v", sql, e)
				}
			}
			readsBack(t, conn, "SELECT name FROM people WHERE id = 3", "Zoë")
			// What needs no order does not wait for it.
			readsBack(t, conn, "SELECT name FROM people WHERE name = 'Zoë' ORDER BY name", "Zoë")
			fault.Store(false)
			var got string
			eventually(t, "the order is known", func() bool { return conn.QueryRow(t.Context(), sortedPeople).Scan(&got) == nil })
			if got != inOrder {
				t.Errorf("%q, want %q", got, inOrder)
			}
		})
	}
}

// What has been learnt is kept when all sessions are gone, and serves other databases of the server.
func TestAnOrderIsLearntOnceFromAServer(t *testing.T) {
	pair := harness.New(t, namesUnderACollation)
	other := harness.New(t, harness.Schema{DDL: "CREATE TABLE first (id int); " + namesUnderACollation.DDL, Seal: namesUnderACollation.Seal})
	s, proxy := learnersOf(t, pair)
	for i, p := range []*harness.Pair{pair, pair, other} {
		conn := p.Connect(t, p.ProxyURL(proxy))
		if i != 1 {
			if _, err := conn.Exec(t.Context(), somePeople); err != nil {
				t.Fatal(err)
			}
		}
		before := s.asked.Load()
		readsBack(t, conn, sortedPeople, inOrder)
		if asked := s.asked.Load() > before; asked != (i == 0) {
			t.Errorf("session %d: it was learnt: %t", i, asked)
		}
		conn.Close(t.Context())
		direct := p.Connect(t, p.ServerURL())
		eventually(t, "pgseal has left the database", func() bool {
			rows, err := direct.Query(t.Context(), "SELECT application_name FROM pg_stat_activity WHERE datname = current_database()")
			if err != nil {
				t.Fatal(err)
			}
			names, err := pgx.CollectRows(rows, pgx.RowTo[string])
			return err == nil && !slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(n, "pgseal") })
		})
	}
}
