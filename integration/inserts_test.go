package integration

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"pgseal/integration/harness"
)

// INSERTs of literals that come again and again are prepared behind the client's
// back: it gets what it gets of the plaintext database all the same.
func TestInsertsOfLiteralsThatComeAgain(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL: `
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE DOMAIN small AS int CHECK (VALUE < 100);
CREATE TABLE people (
  id serial PRIMARY KEY, name varchar(8) NOT NULL, born date DEFAULT '2000-01-01', mood mood, size small, share numeric(6,2), big bigint, tags text[], doc jsonb, ok boolean,
  ssn varchar(11) UNIQUE, age int, pay numeric(8,2), day date, feels mood, note text);
CREATE TABLE log (n int, what text);
CREATE TABLE parents (id int PRIMARY KEY);
CREATE TABLE children (id serial PRIMARY KEY, parent int REFERENCES parents DEFERRABLE INITIALLY DEFERRED, word text);
CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO log VALUES (NEW.id, NEW.name); RAISE NOTICE 'noted %', NEW.name; RETURN NEW; END $$;
CREATE TRIGGER noted AFTER INSERT ON people FOR EACH ROW EXECUTE FUNCTION noted();
CREATE SCHEMA early;
CREATE FUNCTION lose() RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$`,
		Seal: []string{"public.people.ssn --equality", "public.people.age --equality", "public.people.pay", "public.people.day", "public.people.feels", "public.people.note", "public.children.word"},
	})
	w := pair.Env.Canaries.Text()
	var steps []harness.Step
	n := 0
	// again sends an INSERT several times, each with values of its own, then all
	// the wrong ones, twice.
	again := func(format string, right [][]any, wrong ...[]any) {
		for _, values := range slices.Concat(right, wrong, wrong, right[:1]) {
			n++
			args := slices.Clone(values)
			for i, v := range args {
				if v == "ssn" {
					args[i] = fmt.Sprintf("'%s%d'", w[:6], n)
				}
			}
			steps = append(steps, S(fmt.Sprintf(format, args...)).Simple())
		}
	}
	v := func(values ...any) []any { return values }
	again("INSERT INTO people (name, ssn, age) VALUES (%s, %s, %s)",
		[][]any{v("'a'", "ssn", "1"), v("'b'", "ssn", "2"), v("'it''s'", "ssn", "-3"), v(`E'\x41\n'`, "NULL", "NULL"), v("$$d$$", "ssn", "'4'"), v("'e'", "ssn", "'5'")},
		v("'too long a name'", "ssn", "1"), v("NULL", "ssn", "1"), v("'x'", "'twelve chars'", "1"), v("'x'", "ssn", "'one'"), v("'x'", "ssn", "99999999999"), v("'x'", "ssn", "1.5"))
	again("INSERT INTO people (id, name, ssn) VALUES (%s, %s, %s)", [][]any{v("101", "'a'", "ssn"), v("102", "'a'", "ssn"), v("103", "'a'", "ssn")},
		v("101", "'again'", "ssn"), v("'no'", "'a'", "ssn"), v("2147483648", "'a'", "ssn"), v("104", "'a'", "'"+w[:6]+"1'"))
	again(`INSERT INTO people (name, "born", mood, size, share, big, tags, doc, ok, ssn, pay, day, feels, note) VALUES ('x', %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id, born, mood`,
		[][]any{v("'2001-02-03'", "'sad'", "5", "1.5", "5000000000", "'{a,b}'", `'{"a": 1}'`, "true", "ssn", "10.005", "'2002-03-04'", "'happy'", "'"+w+"'"),
			v("'infinity'", "'happy'", "-5", "-1.555", "-5000000000", "'{}'", "'[]'", "false", "ssn", "-0.001", "'infinity'", "'sad'", "''"),
			v("DEFAULT", "NULL", "99", "7.0", "5000000001", "NULL", "'1'", "NULL", "ssn", "1.", "'04.05.2003'", "NULL", "DEFAULT"),
			v("'2001-02-03'", "'sad'", "5", "1.5", "5000000000", "'{a,b}'", `'{"a": 1}'`, "true", "ssn", "10.5", "'2002-03-04'", "'happy'", "'"+w+"'")},
		v("'2001-02-31'", "'sad'", "5", "1.5", "5000000000", "'{}'", "'1'", "true", "ssn", "1.5", "'2001-01-01'", "'sad'", "'x'"),
		v("'2001-02-03'", "'glad'", "5", "1.5", "5000000000", "'{}'", "'1'", "true", "ssn", "1.5", "'2001-01-01'", "'sad'", "'x'"),
		v("'2001-02-03'", "'sad'", "100", "1.5", "5000000000", "'{}'", "'1'", "true", "ssn", "1.5", "'2001-01-01'", "'sad'", "'x'"),
		v("'2001-02-03'", "'sad'", "5", "12345.6", "5000000000", "'{}'", "'1'", "true", "ssn", "1.5", "'2001-01-01'", "'sad'", "'x'"),
		v("'2001-02-03'", "'sad'", "5", "1.5", "5000000000", "'{'", "'1'", "true", "ssn", "1.5", "'2001-01-01'", "'sad'", "'x'"),
		v("'2001-02-03'", "'sad'", "5", "1.5", "5000000000", "'{}'", "'{'", "true", "ssn", "1.5", "'2001-01-01'", "'sad'", "'x'"),
		v("'2001-02-03'", "'sad'", "5", "1.5", "5000000000", "'{}'", "'1'", "true", "ssn", "1234567.8", "'2001-01-01'", "'sad'", "'x'"),
		v("'2001-02-03'", "'sad'", "5", "1.5", "5000000000", "'{}'", "'1'", "true", "ssn", "1.5", "'2001-02-31'", "'sad'", "'x'"),
		v("'2001-02-03'", "'sad'", "5", "1.5", "5000000000", "'{}'", "'1'", "true", "ssn", "1.5", "'2001-01-01'", "'glad'", "'x'"))
	again("INSERT INTO people (name, ssn, age) VALUES ('one', %s, %s), ('two', %s, 7);", [][]any{v("ssn", "1", "NULL"), v("ssn", "2", "NULL"), v("ssn", "3", "NULL")}, v("ssn", "'x'", "NULL"))
	again("INSERT INTO people (name, ssn) VALUES ('r', %s) RETURNING ssn, age, *", [][]any{v("ssn"), v("ssn"), v("ssn")})
	again("INSERT INTO people (name, nosuch, ssn) VALUES ('n', 1, %s)", [][]any{v("ssn"), v("ssn"), v("ssn")})
	again("INSERT INTO people (name, ssn) VALUES ('n', %s, 1)", [][]any{v("ssn"), v("ssn"), v("ssn")})
	for _, returning := range []string{"", " RETURNING id"} {
		again("INSERT INTO children (parent, word) VALUES (%s, 'word')"+returning, [][]any{v("NULL"), v("NULL"), v("NULL")})
		again("INSERT INTO children (parent, word) VALUES (%s, 'word')"+returning, [][]any{v("99"), v("98"), v("97")})
	}
	steps = append(steps, S("SELECT id, parent, word FROM children ORDER BY id").Simple())
	plain := "INSERT INTO people (name, ssn) VALUES ('p', %s)"
	three := [][]any{v("ssn"), v("ssn"), v("ssn")}
	for _, around := range [][2]string{
		{"DEALLOCATE ALL", "SELECT 1"}, {"DISCARD ALL", "SELECT 1"}, {"SELECT lose()", "SELECT 1"}, {"BEGIN", "COMMIT"}, {"BEGIN", "ROLLBACK"}, {"SET search_path = early, public", "RESET search_path"},
		{"SET standard_conforming_strings = off", "RESET standard_conforming_strings"}, {"SET client_encoding = LATIN1", "RESET client_encoding"}, {"SET default_transaction_read_only = on", "RESET default_transaction_read_only"},
		{"ALTER TABLE people RENAME note TO remark", "ALTER TABLE people RENAME remark TO note"}, {"ALTER TABLE people ALTER name TYPE varchar(20)", "ALTER TABLE people ADD more text DEFAULT 'm'"},
		{"CREATE TABLE early.people (name text, ssn text)", "SET search_path = early, public"}, {"SELECT 2", "RESET search_path"},
		{"CREATE TEMP TABLE people (name text, ssn text)", "DROP TABLE pg_temp.people"}, {"ALTER TABLE people RENAME TO kept", "ALTER TABLE kept RENAME TO people"}, {"SELECT 3", "SELECT 4"},
	} {
		steps = append(steps, S(around[0]).Simple())
		again(plain, three)
		steps = append(steps, S(around[1]).Simple())
	}
	for i := range 20 { // more than are kept
		for range 3 {
			n++
			steps = append(steps, S(fmt.Sprintf("INSERT INTO people (name, ssn) VALUES%s ('q', '%s%d')", strings.Repeat(" ", i), w[:6], n)).Simple())
		}
	}
	steps = append(steps,
		S("SELECT * FROM people ORDER BY id").Simple(), S("SELECT * FROM log").Simple(), S("SELECT * FROM early.people").Simple(),
		S("SELECT name, statement FROM pg_prepared_statements").Simple(), S("SELECT count(*) FROM pg_prepared_statements").Simple())
	pair.SameIn(t, []harness.Mode{harness.Simple}, steps...)
}

const preparedInsertsFunction = `;
CREATE FUNCTION prepared_inserts() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT count(*) FROM pg_prepared_statements WHERE name LIKE 'pgseal%'); END $$`

// preparedInserts is how many statements of pgseal's own the server has for a
// session: its functions see what a statement through pgseal does not show.
func preparedInserts(t *testing.T, conn *pgx.Conn) (n int) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), "SELECT prepared_inserts()", pgx.QueryExecModeSimpleProtocol).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestInsertsArePreparedForOneProcessOnly(t *testing.T) {
	schema := people
	schema.DDL += preparedInsertsFunction
	pair := harness.New(t, schema)
	insert := func(conn *pgx.Conn, from int) {
		t.Helper()
		for i := from; i < from+4; i++ {
			if _, err := conn.Exec(t.Context(), "INSERT INTO orders (id, amount, card) VALUES ($1, 1.5, $2)", pgx.QueryExecModeSimpleProtocol, i, fmt.Sprint(i)); err != nil {
				t.Fatal(err)
			}
		}
	}
	conn := pair.Connect(t, pair.URL())
	insert(conn, 0)
	if n := preparedInserts(t, conn); n != 1 {
		t.Errorf("%d statements are prepared, want 1", n)
	}
	u, err := url.Parse(pair.ServerURL())
	if err != nil {
		t.Fatal(err)
	}
	addr := startPgbouncer(t, u.Host, 2) // the proxy keeps one of them
	proxy := startProxy(t, pair, "--database-url", at(t, pair.Env.Sealed.DSN("postgres", harness.Owner), addr))
	for i := range 2 {
		pooled := pair.Connect(t, pair.ProxyURL(proxy))
		insert(pooled, 100*(i+1))
		if n := preparedInserts(t, pooled); n != 0 {
			t.Errorf("%d statements are prepared behind a pooler", n)
		}
	}
}

// A name can come to stand for another relation without anything that makes the
// server analyse a prepared statement again. The texts would go there.
func TestInsertsThatComeAgainFollowTheName(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL:  `CREATE SCHEMA early; CREATE SCHEMA safe; CREATE TABLE safe.vault (id int PRIMARY KEY, word text)` + preparedInsertsFunction,
		Seal: []string{"safe.vault.word --equality"},
	})
	server := pair.Connect(t, pair.ServerURL())
	must := func(c *pgx.Conn, sql string) {
		t.Helper()
		if _, err := c.Exec(t.Context(), sql, pgx.QueryExecModeSimpleProtocol); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	must(server, "SET search_path = early, safe, public")
	for _, c := range []struct {
		do, undo, insert string
		own              bool
	}{
		{do: "CREATE TABLE early.vault (id int, word text)", undo: "DROP TABLE early.vault", insert: "vault"},
		{do: "CREATE TABLE early.vault (id int, word bytea)", undo: "DROP TABLE early.vault", insert: "vault"},
		{do: "ALTER SCHEMA safe RENAME TO kept; CREATE SCHEMA safe; CREATE TABLE safe.vault (id int, word text)", undo: "DROP SCHEMA safe CASCADE; ALTER SCHEMA kept RENAME TO safe", insert: "safe.vault"},
		{do: "ALTER TABLE safe.vault RENAME TO kept; CREATE TABLE safe.vault (id int, word text)", undo: "DROP TABLE safe.vault; ALTER TABLE safe.kept RENAME TO vault", insert: "vault"},
		{own: true, do: "DO $$ BEGIN EXECUTE 'CREATE TEMP TABLE vau' || 'lt (id int, word text)'; END $$", undo: "DROP TABLE pg_temp.vault", insert: "vault"},
	} {
		conn := pair.Connect(t, pair.URL())
		must(conn, "SET search_path = early, safe, public; CREATE TEMP TABLE other (n int)")
		for i := range 4 {
			must(conn, fmt.Sprintf("INSERT INTO %s (id, word) VALUES (%d, 'w%d')", c.insert, i, i))
		}
		if n := preparedInserts(t, conn); n != 1 {
			t.Fatalf("%d statements are prepared, want 1", n)
		}
		mover := server
		if c.own {
			mover = conn
		}
		must(mover, c.do)
		_, err := conn.Exec(t.Context(), fmt.Sprintf("INSERT INTO %s (id, word) VALUES (77, 'w77')", c.insert), pgx.QueryExecModeSimpleProtocol)
		var n int
		var words *string
		if err := mover.QueryRow(t.Context(), fmt.Sprintf("SELECT count(*), min(word::text) FROM %s WHERE id = 77", c.insert), pgx.QueryExecModeSimpleProtocol).Scan(&n, &words); err != nil {
			t.Fatal(err)
		}
		var pg *pgconn.PgError
		if err == nil && (n != 1 || *words != "w77" && *words != `\x773737`) || err != nil && (n != 0 || !errors.As(err, &pg) || pg.Code != "0A000") {
			t.Errorf("%s: %d rows are where the name leads: %v", c.do, n, err)
		}
		must(mover, c.undo)
		must(server, "DELETE FROM safe.vault")
		conn.Close(t.Context())
	}
}

// A constant in a prepared statement is sealed when that is prepared. When the key
// has been rotated the statement is to be prepared anew, or what it goes on to
// store would need a key that may be destroyed.
func TestConstantsOfPreparedStatementsFollowTheKey(t *testing.T) {
	pair := harness.New(t, people)
	conn, ctx := pair.Connect(t, pair.URL()), t.Context()
	server := pair.Connect(t, pair.ServerURL())
	const prepare = "PREPARE store (int) AS INSERT INTO orders (id, card) VALUES ($1, 'constant')"
	run := map[string]func(id int) error{
		"Parse": func(id int) error {
			_, err := conn.Exec(ctx, "INSERT INTO orders (id, card) VALUES ($1, 'constant')", id)
			return err
		},
		"PREPARE": func(id int) error {
			_, err := conn.Exec(ctx, fmt.Sprintf("EXECUTE store (%d)", id), pgx.QueryExecModeSimpleProtocol)
			if replan(err) {
				if _, err := conn.Exec(ctx, "DEALLOCATE store; "+prepare, pgx.QueryExecModeSimpleProtocol); err != nil {
					t.Fatal(err)
				}
			}
			return err
		},
	}
	if _, err := conn.Exec(ctx, prepare, pgx.QueryExecModeSimpleProtocol); err != nil {
		t.Fatal(err)
	}
	keys := map[string]map[int]bool{}
	id := 0
	store := func() {
		for name, f := range run {
			id++
			if err := twice(func() error { return f(id) }); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			var key int
			if err := server.QueryRow(ctx, "SELECT pgseal.key_id(card) FROM orders WHERE id = $1", id).Scan(&key); err != nil {
				t.Fatal(err)
			}
			if keys[name] == nil {
				keys[name] = map[int]bool{}
			}
			keys[name][key] = true
		}
	}
	store()
	pair.Pgseal("key", "rotate", "public.orders")
	eventually(t, "constants are sealed under the new key", func() bool {
		store()
		return len(keys["Parse"]) == 2 && len(keys["PREPARE"]) == 2
	})
}
