package integration

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"pgseal/integration/harness"
)

// Whatever another session does to names at the same moment: what was planned
// for a sealed column goes nowhere else.
func TestNamesThatMoveUnderAStatement(t *testing.T) {
	pair := harness.New(t, people)
	moves := []struct {
		name, do, undo string
		own            bool // done by the session itself, where nobody sees it
		statements     []string
	}{
		{name: "a table before it in the path", do: `CREATE SCHEMA %[1]s; CREATE TABLE %[1]s.people (id int, name text, ssn bytea)`, undo: `DROP SCHEMA %[1]s CASCADE`},
		{name: "a table of other types", do: `CREATE SCHEMA %[1]s; CREATE TABLE %[1]s.people (id int, name text, ssn int[])`, undo: `DROP SCHEMA %[1]s CASCADE`,
			statements: []string{"INSERT INTO people VALUES ($1, 'x', $2)"}},
		{name: "a temporary table made by a function", own: true,
			do:   `DO $$ BEGIN EXECUTE 'CREATE TEMP TABLE peo' || 'ple (id int, name text, ssn bytea)'; END $$`,
			undo: `DROP TABLE pg_temp.people`},
		{name: "another table under its name", do: `ALTER TABLE people RENAME TO kept; CREATE TABLE people (id int, name text, ssn bytea)`,
			undo: `DROP TABLE people; ALTER TABLE kept RENAME TO people`},
		{name: "another column under its name", do: `ALTER TABLE people RENAME ssn TO kept; ALTER TABLE people ADD ssn bytea`,
			undo: `ALTER TABLE people DROP ssn; ALTER TABLE people RENAME kept TO ssn`},
		{name: "a sealed column under its name", do: `ALTER TABLE people RENAME ssn TO kept; ALTER TABLE people RENAME email TO ssn`,
			undo: `ALTER TABLE people RENAME ssn TO email; ALTER TABLE people RENAME kept TO ssn`},
	}
	statements := []string{
		"INSERT INTO people (id, name, ssn) VALUES ($1, 'x', $2)",
		"UPDATE people SET ssn = $2 WHERE id = $1",
		"SELECT count(*) FROM people WHERE id = $1 OR ssn = $2",
		"UPDATE people SET email = $2 WHERE id = $1", // which the tables that come under its name lack
	}
	server := pair.Connect(t, pair.ServerURL())
	caught := 0
	for m, move := range moves {
		for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeSimpleProtocol, pgx.QueryExecModeCacheStatement, pgx.QueryExecModeExec} {
			schema := fmt.Sprintf("early%d_%d", m, mode)
			conn := pair.Connect(t, pair.URL())
			run := func(sql string, args ...any) error {
				if strings.HasPrefix(sql, "SELECT") {
					var n int
					return conn.QueryRow(t.Context(), sql, append([]any{mode}, args...)...).Scan(&n)
				}
				_, err := conn.Exec(t.Context(), sql, append([]any{mode}, args...)...)
				return err
			}
			must := func(c *pgx.Conn, sql string) {
				t.Helper()
				if _, err := c.Exec(t.Context(), sql, pgx.QueryExecModeSimpleProtocol); err != nil {
					t.Fatalf("%s: %v", sql, err)
				}
			}
			must(conn, "SET search_path = "+schema+", public")
			statements := statements
			if move.statements != nil {
				statements = move.statements
			}
			for _, sql := range statements {
				if err := run(sql, 1000, "plain"); err != nil {
					t.Fatalf("%s: %s: %v", move.name, sql, err)
				}
			}
			mover := server
			if move.own {
				mover = conn
			}
			do, undo := strings.ReplaceAll(move.do, "%[1]s", schema), strings.ReplaceAll(move.undo, "%[1]s", schema)
			if move.own {
				must(conn, "SELECT 1")
			}
			for _, sql := range statements {
				must(mover, do)
				err := run(sql, 1001, "plain")
				var pg *pgconn.PgError
				if errors.As(err, &pg) && pg.Code == "0A000" {
					caught++
				}
				if pg != nil && (strings.Contains(pg.Message, "data type") || strings.Contains(pg.Message, "type bytea")) {
					t.Errorf("%s: %s: an error of what pgseal has added: %v", move.name, sql, err)
				}
				envelopes := 0
				const count = "SELECT count(*) FROM %s WHERE left(ssn::text, 6) = '\\xe501' AND pg_typeof(ssn)::text = 'bytea'"
				for _, table := range []string{"people", schema + ".people", "pg_temp.people"} {
					var exists bool
					if err := mover.QueryRow(t.Context(), "SELECT to_regclass($1) IS NOT NULL", table).Scan(&exists); err != nil {
						t.Fatal(err)
					}
					if exists && !(move.own && table == "people") {
						var n int
						if err := mover.QueryRow(t.Context(), fmt.Sprintf(count, table)).Scan(&n); err != nil && !move.own {
							t.Fatal(err)
						}
						envelopes += n
					}
				}
				if envelopes > 0 {
					t.Errorf("%s: %s: an envelope stands in a plain column", move.name, sql)
				}
				must(mover, undo)
				must(server, "DELETE FROM public.people")
				if err := run("SELECT count(*) FROM people WHERE ssn = $1", "warm"); err != nil && !errors.As(err, &pg) {
					t.Fatal(err)
				}
			}
			conn.Close(t.Context())
		}
	}
	if caught == 0 {
		t.Error("no statement met the moment: the test tests nothing")
	}
	t.Logf("%d statements were refused", caught)
}

// What another session of the same proxy has done to names is known at once: the
// next statement is planned for what they stand for now, and none is refused.
func TestNamesThatAnotherSessionMoves(t *testing.T) {
	pair := harness.New(t, people)
	mover := pair.Connect(t, pair.URL())
	server := pair.Connect(t, pair.ServerURL())
	must := func(c *pgx.Conn, statements ...string) {
		t.Helper()
		for _, sql := range statements {
			if _, err := c.Exec(t.Context(), sql, pgx.QueryExecModeSimpleProtocol); err != nil {
				t.Fatalf("%s: %v", sql, err)
			}
		}
	}
	moves := []struct{ do, undo []string }{
		{do: []string{"CREATE SCHEMA early", "CREATE TABLE early.people (id int, name text, ssn text)"}, undo: []string{"DROP SCHEMA early CASCADE"}},
		{do: []string{"ALTER TABLE people RENAME TO kept", "CREATE TABLE people (id int, name text, ssn text)"},
			undo: []string{"DROP TABLE people", "ALTER TABLE kept RENAME TO people"}},
		{do: []string{"BEGIN", "ALTER TABLE people RENAME ssn TO kept", "ALTER TABLE people ADD ssn text", "COMMIT"},
			undo: []string{"ALTER TABLE people DROP ssn", "ALTER TABLE people RENAME kept TO ssn"}},
	}
	for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeSimpleProtocol, pgx.QueryExecModeExec, pgx.QueryExecModeDescribeExec} {
		conn := pair.Connect(t, pair.URL())
		must(conn, "SET search_path = early, public")
		step := 0
		ssn := func() (value string) {
			step++
			t.Helper()
			if _, err := conn.Exec(t.Context(), "INSERT INTO people (id, name, ssn) VALUES ($1, 'x', $2)", mode, step, "078-05-1120"); err != nil {
				t.Fatalf("%v: %d: INSERT: %v", mode, step, err)
			}
			if err := conn.QueryRow(t.Context(), "SELECT ssn FROM people WHERE ssn = $1", mode, "078-05-1120").Scan(&value); err != nil {
				t.Fatalf("%v: %d: SELECT: %v", mode, step, err)
			}
			return value
		}
		const stored = "SELECT count(*) FROM public.people WHERE ssn::text LIKE '\\\\xe501%'"
		for _, move := range moves {
			must(server, "DELETE FROM public.people")
			if got := ssn(); got != "078-05-1120" {
				t.Errorf("%v: %q before %q", mode, got, move.do)
			}
			must(mover, move.do...)
			if got := ssn(); got != "078-05-1120" {
				t.Errorf("%v: %q behind %q", mode, got, move.do)
			}
			must(mover, move.undo...)
			must(server, "DELETE FROM public.people")
			ssn()
			var sealed int
			if err := server.QueryRow(t.Context(), stored).Scan(&sealed); err != nil || sealed != 1 {
				t.Errorf("%v: %d sealed values behind %q, %v", mode, sealed, move.undo, err)
			}
		}
		conn.Close(t.Context())
	}
	// In one transaction nobody else knows of it yet.
	must(mover, "ALTER TABLE people RENAME TO kept", "BEGIN", "ALTER TABLE kept RENAME TO people", "INSERT INTO people (id, name, ssn) VALUES (9999, 'x', '219-09-9999')")
	var ssn string
	if err := mover.QueryRow(t.Context(), "SELECT ssn FROM people WHERE ssn = $1", pgx.QueryExecModeSimpleProtocol, "219-09-9999").Scan(&ssn); err != nil || ssn != "219-09-9999" {
		t.Errorf("behind a renaming that is not committed: %q, %v", ssn, err)
	}
	must(mover, "ROLLBACK", "ALTER TABLE kept RENAME TO people")
}

// Values that only move on the server, and columns that are filled by their places.
func TestColumnsThatMoveUnderAStatement(t *testing.T) {
	pair := harness.New(t, people)
	conn := pair.Connect(t, pair.URL())
	server := pair.Connect(t, pair.ServerURL())
	must := func(c *pgx.Conn, sql string, args ...any) {
		t.Helper()
		if _, err := c.Exec(t.Context(), sql, args...); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	must(conn, "INSERT INTO people (id, name, ssn) VALUES (1, 'x', $1)", pair.Env.Canaries.Word())
	for _, c := range []struct{ move, sql string }{
		{"ALTER TABLE copied RENAME ssn TO kept; ALTER TABLE copied ADD ssn bytea", "INSERT INTO copied (id, ssn) SELECT id, ssn FROM people"},
		{"ALTER TABLE copied RENAME ssn TO kept; ALTER TABLE copied ADD ssn bytea", "UPDATE copied SET ssn = people.ssn FROM people"},
		{"ALTER TABLE copied DROP name; ALTER TABLE copied ADD name text", "INSERT INTO copied VALUES (2, 'y', 'z')"},
		{"ALTER TABLE copied DROP name", "INSERT INTO copied VALUES (2, 'y', 'z')"},
		{"ALTER TABLE copied DROP name; ALTER TABLE copied ADD name bytea", "INSERT INTO copied SELECT 1, NULL, ssn FROM people"},
	} {
		for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeSimpleProtocol, pgx.QueryExecModeExec} {
			must(conn, "CREATE TABLE copied AS SELECT id, name, ssn FROM people")
			must(conn, c.sql, mode)
			must(server, c.move, pgx.QueryExecModeSimpleProtocol)
			_, err := conn.Exec(t.Context(), c.sql, mode)
			var pg *pgconn.PgError
			if !errors.As(err, &pg) || pg.Code != "0A000" {
				t.Errorf("%s; %s: %v", c.move, c.sql, err)
			}
			must(conn, "DROP TABLE copied")
		}
	}
}

// DDL on a direct connection is known within two seconds. Until then a text that
// names a sealed relation by its new name passes as it is: what shows that its rows
// come from there is refused, instead of a comparison that finds nothing.
func TestSearchesUnderNamesOfDirectConnections(t *testing.T) {
	pair := harness.New(t, people)
	conn := pair.Connect(t, pair.URL())
	server := pair.Connect(t, pair.ServerURL())
	if _, err := conn.Exec(t.Context(), "INSERT INTO people (id, name, ssn) VALUES (1, 'x', $1)", "x-1234567"); err != nil {
		t.Fatal(err)
	}
	caught, name := 0, "people"
	for i, mode := range []pgx.QueryExecMode{pgx.QueryExecModeSimpleProtocol, pgx.QueryExecModeCacheStatement, pgx.QueryExecModeExec} {
		next := fmt.Sprintf("people%d", i)
		if _, err := server.Exec(t.Context(), "ALTER TABLE "+name+" RENAME TO "+next); err != nil {
			t.Fatal(err)
		}
		name = next
		found := func() error {
			var id int
			return conn.QueryRow(t.Context(), "SELECT id FROM "+name+" WHERE ssn = $1", mode, "x-1234567").Scan(&id)
		}
		err := found()
		if pg := new(pgconn.PgError); errors.As(err, &pg) && pg.Code == "0A000" {
			caught++
			err = found()
		}
		if err != nil {
			t.Errorf("%v: %v", mode, err)
		}
	}
	if caught == 0 {
		t.Error("no statement met the moment: the test tests nothing")
	}
}

// Whatever the columns are called that a statement fills by their places.
func TestColumnsWithNumbersForNames(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL:  "CREATE TABLE sheet (id int PRIMARY KEY, c1 text, c2 int, c3 text)",
		Seal: []string{"public.sheet.c1 --equality", "public.sheet.c2"},
	})
	pair.Same(t, S("INSERT INTO sheet VALUES (1, 'one', 1, 'plain'), (2, 'two', 2, NULL)"), S("INSERT INTO sheet SELECT 3, 'three', 3, 'x'"), S("SELECT * FROM sheet ORDER BY id"))
}
