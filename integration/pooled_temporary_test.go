package integration

import (
	"errors"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"pgseal/integration/harness"
	"pgseal/integration/pgtest"
)

// A pool of transactions hands a temporary table to whoever comes to its server next.
// It is known to have sealed columns before anybody can come: else their values would
// go there in clear, to be refused, and the server's log would have them.
func TestATemporaryTableBehindAPoolIsKnownToAllSessions(t *testing.T) {
	pair := harness.New(t, people)
	u, err := url.Parse(pair.ServerURL())
	if err != nil {
		t.Fatal(err)
	}
	addr := startPgbouncer(t, u.Host, 4) // one after the other all sessions get the same server
	proxy := startProxy(t, pair, "--database-url", at(t, pair.Env.Sealed.DSN("postgres", pgtest.Superuser), addr))
	ctx := t.Context()
	maker, other := pair.Connect(t, pair.ProxyURL(proxy)), pair.Connect(t, pair.ProxyURL(proxy))
	w := pair.Env.Canaries.Text()
	for _, mode := range pooledModes {
		must := func(statements ...string) {
			t.Helper()
			for _, sql := range statements {
				if _, err := maker.Exec(ctx, sql, mode); err != nil {
					t.Fatalf("%v: %s: %v", mode, sql, err)
				}
			}
		}
		insert := func(name string) error {
			_, err := other.Exec(ctx, "INSERT INTO "+name+" (id, ssn, name) VALUES ($1, $2, 'n')", mode, 7, w)
			return err
		}
		for _, c := range []struct{ name, making string }{
			{"copied", "CREATE TEMP TABLE copied AS SELECT id, ssn, name FROM people"},
			{"copied", "CREATE TEMPORARY TABLE copied (LIKE people)"},
			{"copied", "SELECT id, ssn, name INTO TEMP copied FROM people"},
			{"copied", "BEGIN; CREATE TEMP TABLE copied AS SELECT id, ssn, name FROM people; COMMIT"},
			{"seen", "CREATE TEMP VIEW seen AS SELECT id, ssn, name FROM people"},
			{"plain", "CREATE TEMP TABLE plain AS SELECT id, ssn, name FROM people"}, // which hides a plain one
		} {
			must(strings.Split(c.making, "; ")...)
			if err := insert(c.name); err != nil {
				t.Errorf("%v: INSERT behind %s: %v", mode, c.making, err)
			}
			var ssn string
			if err := other.QueryRow(ctx, "SELECT ssn FROM "+c.name+" WHERE ssn = $1", mode, w).Scan(&ssn); err != nil || ssn != w {
				t.Errorf("%v: %q, %v behind %s", mode, ssn, err, c.making)
			}
			// Another server of the pool does not have it, and does not see the value either.
			must("BEGIN", "SELECT count(*) FROM pg_temp."+c.name)
			pgErr := new(pgconn.PgError)
			if err := insert("pg_temp." + c.name); !errors.As(err, &pgErr) || pgErr.Code != "42P01" {
				t.Errorf("%v: INSERT where it is not, behind %s: %v", mode, c.making, err)
			}
			kind := "TABLE "
			if c.name == "seen" {
				kind = "VIEW "
				must("DELETE FROM people")
			}
			must("DROP "+kind+"pg_temp."+c.name, "COMMIT")
		}
	}
}

// A pool of sessions drops the temporary tables of one client before another gets the server.
// They do not hide a sealed table any more then, though no statement of pgseal's dropped them.
func TestATemporaryTableThatAPoolDropsHidesNothing(t *testing.T) {
	pair := harness.New(t, people)
	u, err := url.Parse(pair.ServerURL())
	if err != nil {
		t.Fatal(err)
	}
	proxy := startProxy(t, pair, "--database-url", at(t, pair.Env.Sealed.DSN("postgres", harness.Owner), startPgbouncer(t, u.Host, 8)))
	sessions, err := url.Parse(pair.ProxyURL(proxy))
	if err != nil {
		t.Fatal(err)
	}
	sessions.User = url.UserPassword(pgtest.Superuser, pgtest.Password)
	ctx := t.Context()
	for i := range 4 {
		w := pair.Env.Canaries.Text() + strconv.Itoa(i)
		maker := pair.Connect(t, sessions.String())
		for _, sql := range []string{"CREATE TEMP TABLE people AS SELECT 1 AS id, 'x'::text AS ssn, 'n'::text AS name", "INSERT INTO people (ssn) VALUES ('y')"} {
			if _, err := maker.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol); err != nil {
				t.Fatal(err)
			}
		}
		if err := maker.Close(ctx); err != nil {
			t.Fatal(err)
		}
		next := pair.Connect(t, sessions.String())
		if _, err := next.Exec(ctx, "INSERT INTO people (id, ssn, name) VALUES ($1, $2, 'n')", pooledModes[i%2], i, w); err != nil {
			t.Fatalf("%v", err)
		}
		var n int
		if err := next.QueryRow(ctx, "SELECT count(*) FROM people WHERE ssn = $1", pooledModes[i%2], w).Scan(&n); err != nil || n != 1 {
			t.Errorf("%d rows, %v", n, err)
		}
		if err := next.Close(ctx); err != nil {
			t.Fatal(err)
		}
	}
}
