package integration

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"pgseal/integration/harness"
)

// With standard_conforming_strings off a backslash in '…' escapes what follows, also
// the quote.
func TestStringsWithBackslashes(t *testing.T) {
	pair := harness.New(t, people)
	w := pair.Env.Canaries.Word()
	simple := func(sql string) harness.Step { return S(sql).Simple() }
	steps := []harness.Step{
		simple("SET standard_conforming_strings = off"), simple("SET escape_string_warning = off"),
		S(`INSERT INTO people (id, name, email, note) VALUES (1, 'n\\1', '` + w + `\'s', 'a\\b\tc\x41\101\u00e9')`),
		S(`INSERT INTO people (id, name, email, note) VALUES (2, 'it''s', '` + w + `\\', E'\\' '\\'), (3, 'x', $$` + w + `\'$$, $q$\$q$)`).Fails("42601"),
		S(`INSERT INTO people (id, name, email, note) VALUES (2, 'it''s', '` + w + `\\', E'\\'), (3, 'x', $$` + w + `\'$$, $q$\$q$)`),
		S("INSERT INTO people (id, name, email, note) VALUES (4, 'a\\'\n '\\'b', '" + w + "\\'' -- '\n 'b\\', (5)', '')"),
		S(`SELECT id, name, email, note FROM people ORDER BY id`),
		S(`SELECT id FROM people WHERE email = '` + w + `\'s'`),
		S(`SELECT id FROM people WHERE email IN ('` + w + `\\', '\'); DROP TABLE people; --')`),
		S(`SELECT id, '\'' || name FROM people WHERE name LIKE '%\\\\%' AND email = $1`, w+`'s`),
		S(`UPDATE people SET email = 'e\\' WHERE email = '` + w + `\\' RETURNING email, '\\'`),
		S(`SELECT id FROM people WHERE email = U&'\0061'`).Fails("0A000"),
		S(`SELECT id FROM people WHERE email = U&'a' AND name = '\\'`).Fails("0A000"),
		S(`SELECT id FROM people WHERE email = '\'`).Fails("42601"),
		S(`SELECT id FROM people WHERE email = '\u00e9\xe9'`).Fails("22021"),
		simple(`SELECT relname::text FROM pg_class WHERE relname LIKE 'peo\\_le'`),
		simple(`SELECT relname::text FROM pg_class WHERE relname LIKE 'peo_le' AND relname <> '\''`),
		simple(`SELECT id FROM people WHERE email = '\';'; SELECT id FROM people WHERE email = 'e\\'; SELECT '\\'`),
		simple(`PREPARE p AS SELECT id, '\\' FROM people WHERE email = 'e\\' AND name <> $1`), simple(`EXECUTE p ('\'')`),
		simple("SET standard_conforming_strings = on"),
		simple(`EXECUTE p ('\')`), simple(`EXECUTE p ('it''s')`),
		S(`SELECT id FROM people WHERE email = 'e\' AND name <> '\'`),
		S(`SELECT id FROM people WHERE email = 'e\\'`),
		simple("SET standard_conforming_strings = off"),
		S(`SELECT id FROM people WHERE email = 'e\\'`),
		S(`SELECT id FROM people WHERE email = 'e\' AND name <> '`),
		S(`DELETE FROM people WHERE email = 'e\\' OR name <> '\\'`),
	}
	pair.Same(t, steps...)
	conn := pair.Connect(t, pair.URL())
	for _, sql := range []string{"SET standard_conforming_strings = off", "DELETE FROM people"} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	// A statement keeps what its strings meant; where it would have to be planned
	// again it is to be prepared again.
	const insert = `INSERT INTO people (id, name, email, age) VALUES ($1, 'a\\', 'b\\', 5)`
	if _, err := conn.Prepare(t.Context(), "insert", insert); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), "SET standard_conforming_strings = on"); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), "insert", 1); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), "ALTER TABLE people ADD more int"); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), "insert", 2); err != nil && !replan(err) {
		t.Fatal(err)
	}
	var wrong int
	if err := conn.QueryRow(t.Context(), `SELECT count(*) FROM people WHERE email <> 'b\' OR name <> 'a\'`).Scan(&wrong); err != nil || wrong > 0 {
		t.Errorf("%d rows are wrong: %v", wrong, err)
	}
}

// PostgreSQL warns of each plain string with a backslash, at its place, also of those
// that are replaced.
func TestWarningsOfBackslashes(t *testing.T) {
	pair := harness.New(t, people)
	pair.Empty()
	w := pair.Env.Canaries.Word()
	said := func(url string, extended bool) string {
		var b strings.Builder
		config, err := pgx.ParseConfig(url)
		if err != nil {
			t.Fatal(err)
		}
		config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) {
			fmt.Fprintf(&b, "  %s %s at %d, %s\n", n.Code, n.Message, n.Position, n.Hint)
		}
		conn, err := pgx.ConnectConfig(t.Context(), config)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(context.WithoutCancel(t.Context()))
		for _, sql := range []string{
			"SET standard_conforming_strings = off",
			`INSERT INTO people (id, name, email, note) VALUES (1, 'n\\1', '` + w + `\'s', 'a\b\'')`,
			`INSERT INTO people (id, name, email, note) VALUES (2, 'n', '` + w + `\\', E'\\'), (3, '\'', 'it''s', '\101')`,
			`INSERT INTO people (id, name, email) VALUES (4, 'x', '` + w + `1' ) ON CONFLICT (id) DO UPDATE SET email = '\x41'`,
			`SELECT id, '\'' FROM people WHERE email IN ('` + w + `\'s', 'x', '` + w + `\\', '\u0041')`,
			`SELECT id FROM people WHERE email = ANY ('{` + w + `\'s}') OR email = ANY ('{\\\\}') OR note IS NULL AND email = ANY ('{\141}')`,
			`UPDATE people SET email = '\\e', note = NULL WHERE email = '` + w + `\'s' RETURNING email, '\\'`,
			"PREPARE p AS SELECT id FROM people WHERE email = '\\\\e'", "EXECUTE p",
			`INSERT INTO people (id, name, email) VALUES (2, 'x', '\\\\')`, // fails
			"SET escape_string_warning = off",
			`SELECT id, note FROM people WHERE email = '\\e'`,
			"DELETE FROM people",
		} {
			fmt.Fprintf(&b, "%s\n", sql)
			if extended {
				r := conn.PgConn().ExecParams(t.Context(), sql, nil, nil, nil, nil).Read()
				fmt.Fprintf(&b, "  %q %v\n", r.Rows, r.Err != nil)
				continue
			}
			all, err := conn.PgConn().Exec(t.Context(), sql).ReadAll()
			for _, r := range all {
				fmt.Fprintf(&b, "  %q\n", r.Rows)
			}
			fmt.Fprintf(&b, "  %v\n", err != nil)
		}
		return b.String()
	}
	for _, extended := range []bool{false, true} {
		if want, got := said(pair.TwinURL(), extended), said(pair.URL(), extended); got != want {
			t.Errorf("extended %v:\n%s", extended, difference(got, want))
		}
	}
}
