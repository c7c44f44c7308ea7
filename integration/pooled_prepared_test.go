package integration

import (
	"errors"
	"fmt"
	"net/url"
	"os/exec"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"pgseal/integration/harness"
	"pgseal/integration/pgtest"
)

// pgbouncer, from 1.21 on, keeps the names of prepared statements for its clients, and ends
// the session of one who prepares a name twice or binds one that it does not know. What
// fails or is refused must do neither, however often it comes.
func TestPgbouncerThatKeepsPreparedStatements(t *testing.T) {
	pair := harness.New(t, people)
	u, err := url.Parse(pair.ServerURL())
	if err != nil {
		t.Fatal(err)
	}
	for name, sealed := range keepingPoolers(t, pair, u.Host) {
		pair.Empty()
		w := pair.Env.Canaries.Text()
		want, got := preparedStory(t, pair, pair.TwinURL(), w), preparedStory(t, pair, sealed, w)
		if got != want {
			t.Errorf("%s: %s\nwant\n%s", name, got, want)
		}
	}
}

// keepingPoolers has a pgbouncer that keeps prepared statements in front of pgseal, behind
// it, and at both places. The test is skipped if this pgbouncer does not.
func keepingPoolers(t *testing.T, pair *harness.Pair, server string) map[string]string {
	t.Helper()
	behind := startPgbouncer(t, server, 8)
	if out, err := exec.Command(pgbouncerPath(), "--version").Output(); err != nil || strings.Contains(string(out), " 1.1") || strings.Contains(string(out), " 1.20") {
		t.Skip("this pgbouncer does not keep prepared statements (1.21 does)")
	}
	proxy := startProxy(t, pair, "--database-url", at(t, pair.Env.Sealed.DSN("postgres", pgtest.Superuser), behind))
	return map[string]string{
		"in front": at(t, pair.ServerURL(), startPgbouncer(t, pair.Env.Proxy.Addr, 4)),
		"behind":   pair.ProxyURL(proxy),
		"both":     at(t, pair.ServerURL(), startPgbouncer(t, proxy.Addr, 4)),
	}
}

// Through such a pgbouncer a client describes a statement on one session and executes it on
// others, which the pooler prepares it on, and what is prepared is found by its text. It goes
// on when a column is sealed and unsealed, and sealed again.
func TestStatementsThatAPoolerKeepsOutliveASealing(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL:  "CREATE TABLE vault (id int PRIMARY KEY, word text, note text); INSERT INTO vault VALUES (1, 'one', 'n'), (2, 'two', NULL)",
		Seal: []string{"public.vault.note"},
	})
	u, err := url.Parse(pair.ServerURL())
	if err != nil {
		t.Fatal(err)
	}
	texts := []string{
		"SELECT * FROM vault WHERE id = $1", "SELECT id FROM vault WHERE id = $1", "SELECT word FROM vault WHERE id = $1",
		"SELECT note, 'x' FROM vault WHERE id = $1", "UPDATE vault SET word = word WHERE id = $1 RETURNING word, id",
		"SELECT array_agg(word) FROM vault WHERE id = $1", "SELECT word FROM vault WHERE id = $1 UNION ALL SELECT word FROM vault WHERE id = 0",
	}
	for name, dsn := range keepingPoolers(t, pair, u.Host) {
		conns := []*pgx.Conn{pair.Connect(t, dsn), pair.Connect(t, dsn)}
		prepared := map[string]*pgconn.StatementDescription{}
		for _, c := range conns {
			for i, sql := range texts {
				if prepared[sql], err = c.PgConn().Prepare(t.Context(), fmt.Sprint("s", i), sql, nil); err != nil {
					t.Fatal(name, err)
				}
			}
		}
		each := func(sql string) {
			t.Helper()
			for _, c := range conns {
				if _, err := c.Exec(t.Context(), sql, pgx.QueryExecModeSimpleProtocol); err != nil {
					t.Fatal(name, err)
				}
			}
		}
		answers := func() string {
			t.Helper()
			var out strings.Builder
			each("BEGIN") // each on a server of its own
			for _, sql := range texts {
				for i, c := range conns {
					r := c.PgConn().ExecStatement(t.Context(), prepared[sql], [][]byte{fmt.Append(nil, 1+i)}, nil, nil).Read()
					fmt.Fprintf(&out, "%d %s: %q %v\n", i, sql, r.Rows, r.Err)
				}
			}
			each("COMMIT")
			return out.String()
		}
		want := answers()
		for _, change := range []string{"seal", "unseal", "seal", "unseal"} {
			pair.Pgseal(change, "public.vault.word")
			if got := answers(); got != want {
				t.Errorf("%s, after %s: %s\nwant\n%s", name, change, got, want)
			}
		}
	}
}

// preparedStory has two clients prepare the same, and make the same mistakes.
func preparedStory(t *testing.T, pair *harness.Pair, dsn, w string) string {
	t.Helper()
	ctx := t.Context()
	clients := []*pgx.Conn{pair.Connect(t, dsn), pair.Connect(t, dsn)}
	var out strings.Builder
	for i, c := range clients {
		for _, sql := range []string{
			"INSERT INTO people (id, name, ssn, age) VALUES ($1, 'n', $2, $3)",
			"SELECT ssn, age FROM people WHERE id = $1 AND ssn = $2 AND age = $3",
			"UPDATE people SET note = now()::text WHERE id = $1 AND ssn = $2 AND age = $3",
		} {
			name := fmt.Sprintf("s%d", len(sql))
			if _, err := c.PgConn().Prepare(ctx, name, sql, nil); err != nil {
				fmt.Fprintln(&out, i, sql, err)
				continue
			}
			for _, age := range []string{"none", "30", "", "31", "x"} {
				values := [][]byte{fmt.Append(nil, 10*i+len(age)), []byte(w), []byte(age)}
				r := c.PgConn().ExecPrepared(ctx, name, values, nil, nil).Read()
				code := ""
				if e := new(pgconn.PgError); errors.As(r.Err, &e) {
					code = e.Code
				} else if r.Err != nil {
					code = r.Err.Error()
				}
				fmt.Fprintf(&out, "%d %s %q %s %q %s\n", i, name, age, r.CommandTag, r.Rows, code)
			}
		}
		for n := range 3 { // what is refused, or has a mistake
			_, err := c.Exec(ctx, "SELECT nothing FROM people WHERE ssn = $1", pgx.QueryExecModeExec, w)
			e := new(pgconn.PgError)
			errors.As(err, &e)
			fmt.Fprintln(&out, i, n, e.Code)
		}
	}
	return out.String()
}
