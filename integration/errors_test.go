package integration

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"pgseal/integration/harness"
)

// Every field of an error is the plain database's: position in the client's own
// text, detail with the client's own values, hint, context.
func TestErrorsAreThePlainDatabases(t *testing.T) {
	pair := harness.New(t, people)
	w := pair.Env.Canaries.Text()
	pair.Both(`
CREATE FUNCTION fails(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no: %', $1 USING HINT = 'try', DETAIL = 'some'; END $$;
CREATE FUNCTION wrong() RETURNS int LANGUAGE sql AS $$ SELECT 1/0 $$;
CREATE VIEW adults AS SELECT id, ssn, name, age FROM people;
CREATE FUNCTION noticed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF NEW.name = 'bad' THEN PERFORM nosuch FROM people; END IF; RETURN NEW; END $$;
CREATE TRIGGER noticed BEFORE INSERT ON people FOR EACH ROW EXECUTE FUNCTION noticed();
CREATE TABLE notes (id int PRIMARY KEY, body varchar(3) NOT NULL, CHECK (body <> 'no'))`)
	c := pair.Compare(t, harness.Simple)
	for _, step := range filled(pair.Env.Canaries) {
		c.Step(step)
	}
	e := &errorTwins{t: t, twin: raw(t, pair.TwinURL()), sealed: raw(t, pair.URL())}
	for _, conn := range []*pgconn.PgConn{e.twin, e.sealed} {
		// The sealed server shows parameters in errors, to be searched in its log.
		if _, err := conn.Exec(t.Context(), "SET log_parameter_max_length_on_error = 0").ReadAll(); err != nil {
			t.Fatal(err)
		}
	}
	for _, sql := range []string{
		// Behind one or several edits, among multibyte characters, on other lines.
		"SELECT id FROM people WHERE ssn = '" + w + "01' AND nosuch = 1",
		"SELECT id, 'ünï日本' AS \"ä\", nosuch FROM people WHERE ssn = 'x'",
		"SELECT id FROM people\n  WHERE ssn = 'ü' -- ß\n  AND email IN ('日本', 'b')\n  AND lower(nosuch) = 'x'",
		"SELECT id FROM people WHERE nosuch = 1 AND ssn = 'x'",
		"SELECT id FROM people WHERE ssn = 'x' AND id = 'abc'",
		"SELECT id FROM people WHERE ssn = 'x' AND nosuch(id)",
		"SELECT id FROM people WHERE ssn = 'x' AND id = name",
		"SELECT p.id FROM people p WHERE ssn = 'x' ORDER BY q.id",
		"SELECT id FROM people WHERE ssn = 'x' GROUP BY name",
		"SELECT id FROM people JOIN orders ON person = people.id WHERE card = 'x'",
		"INSERT INTO people (id, ssn, nosuch) VALUES (1, 'a', 'b')",
		"INSERT INTO people (id, name, ssn) VALUES (50, 'x', 'a', 'b')",
		"INSERT INTO people (id, ssn, name) VALUES ('x', 'y', 'z')",
		"UPDATE people SET ssn = 'x', id = id || 'a'",
		"UPDATE people SET ssn = 'x' WHERE id = (SELECT id, 2)",
		// Of the values themselves.
		"INSERT INTO people (id, name, age) VALUES (51, 'x', 'abc')",
		"INSERT INTO people (id, name, ssn, age) VALUES (51, 'ü', 'ü', 'abc')",
		"INSERT INTO people (id, name, age) VALUES (51, 'x', 99999999999)",
		"INSERT INTO people (id, name, age) VALUES (51, 'x', true)",
		"SELECT id FROM people WHERE age = '1x' OR age = 'y'",
		"SELECT id FROM people WHERE age = true",
		"UPDATE people SET name = 'x', age = date '2020-01-01' WHERE id = 1",
		"INSERT INTO people (id, name, age) VALUES (51, 'x', '3e10'::numeric)",
		"INSERT INTO people (id, name, age) VALUES (51, 'x', 'NaN'::numeric)",
		"INSERT INTO people (id, name, age) VALUES (51, 'x', interval '1:02' minute)",
		"INSERT INTO people (id, name, age) VALUES (51, 'x', '1'::interval)",
		"SELECT id FROM people WHERE email = 5",
		"SELECT id FROM people WHERE 5 <> email AND ssn = 'ü'",
		"SELECT id FROM people WHERE age IN ('1', 'zwölf', '3')",
		"SELECT id FROM people WHERE age = ANY('{1,x}')",
		"SELECT id FROM people WHERE age = ANY('{1')",
		"INSERT INTO people (id, name, ssn) VALUES (51, 'x', 'longer than eleven')",
		"UPDATE people SET ssn = 'longer than eleven' WHERE id = 1",
		"SELECT ssn::int FROM nosuch",
		// Constraints.
		"INSERT INTO people (id, name, ssn) VALUES (52, 'x', '" + w + "01')",
		"INSERT INTO people (id, name, email) VALUES (52, 'x', '" + w + "@a')",
		"UPDATE people SET email = '" + w + "@a' WHERE id = 2",
		"SET bytea_output = escape",
		"INSERT INTO people (id, name, ssn) VALUES (52, 'x', '" + w + "01')",
		"UPDATE people SET email = '" + w + "@a' WHERE id = 2",
		"RESET bytea_output",
		"INSERT INTO people (id, name, ssn) VALUES (1, 'x', 'y')",
		"INSERT INTO orders VALUES (99, 98, 1, 'x')",
		"INSERT INTO notes VALUES (1, 'no')",
		"DELETE FROM people WHERE ssn = '" + w + "01'",
		// Functions, views, triggers, internal queries.
		"SELECT fails(name) FROM people WHERE ssn = '" + w + "01'",
		"SELECT wrong() FROM people WHERE ssn = '" + w + "01'",
		"SELECT nosuch FROM adults WHERE ssn = 'x'",
		"SELECT id/0 FROM adults WHERE ssn = '" + w + "01'",
		"INSERT INTO people (id, name, ssn) VALUES (53, 'bad', 'y')",
		"DO $$ BEGIN PERFORM nosuch(); END $$",
		// Several statements.
		"SELECT 1; SELECT ssn FROM people WHERE ssn = 'ü' AND nosuch = 1",
		"SELECT id FROM people WHERE ssn = 'ü'; SELECT nosuch FROM people WHERE ssn = 'x'",
		"SELECT id FROM people WHERE ssn = 'ü'; SELECT 1/0; SELECT ssn FROM people",
		"SELECT id FROM people WHERE age = '5'; INSERT INTO people (id, name, age) VALUES (54, 'x', 'ü')",
		// PREPARE and EXECUTE, cursors.
		"PREPARE a AS SELECT id FROM people WHERE ssn = $1 AND nosuch = $2",
		"PREPARE a (int) AS SELECT id FROM people WHERE email = $1",
		"PREPARE a AS INSERT INTO people (id, name, email, ssn) VALUES (1, $1, $1, $1)",
		"PREPARE a AS SELECT id FROM people WHERE age = $1",
		"EXECUTE a('ü')",
		"EXECUTE a(true)",
		"EXECUTE a(1, 2)",
		"EXECUTE a('1'::int)", "EXECUTE a(1.5)", "EXECUTE a(-1)", "EXECUTE a(NULL)",
		"PREPARE b (text, int) AS INSERT INTO people (id, name, email, age, note) VALUES ($2, 'b', $1, $2, $1) RETURNING email, age, note",
		"EXECUTE b('ü', 70.4)", "EXECUTE b(71, 71)", "EXECUTE b('y', '72')", "EXECUTE b(true, 1)",
		"PREPARE d AS SELECT id FROM people WHERE age = ANY($1) OR email = $2",
		"EXECUTE d('{36}', 'x')", "EXECUTE d(1, 'x')", "EXECUTE d('{x}', 'x')", "EXECUTE d('{}', 5)",
		"EXECUTE a(99999999999)",
		"PREPARE long AS INSERT INTO people (id, name, ssn) VALUES ($1, 'ü', 'longer than eleven')", "EXECUTE long(60)", "EXECUTE long(60); SELECT 1",
		"PREPARE wrong AS INSERT INTO people (id, name, age) VALUES ($1, 'ü', 'x')", "EXECUTE wrong(60)",
		"PREPARE long AS SELECT 1", "DEALLOCATE long", "EXECUTE long(60)",
		"EXECUTE nosuch(1)",
		"DECLARE c CURSOR FOR SELECT ssn FROM people WHERE email = 'ü' AND nosuch = 1",
		"FETCH nosuch",
		"CLOSE nosuch",
		// Texts that cannot be parsed, with nothing sealed in them.
		"SELECT close FROM", "FETCH ü FROM FROM", "SELEC 1",
	} {
		e.simple(sql)
	}
	for _, s := range []struct {
		sql  string
		args []string
	}{
		{"SELECT id FROM people WHERE ssn = $1 AND nosuch = $2", nil},
		{"SELECT 'ü', id FROM people WHERE ssn = $1 AND email = ANY($2) AND id = 'x'", nil},
		{"UPDATE people SET email = $1, name = $1, nosuch = $2 WHERE ssn = $1", nil},
		{"INSERT INTO people (id, name, age) VALUES ($1, $2, $3)", []string{"60", "x", "abc"}},
		{"INSERT INTO people (id, name, age) VALUES ($1, $2, $3)", []string{"x", "x", "1"}},
		{"INSERT INTO people (id, name, age) VALUES ($1, $2, $3::bigint)", []string{"60", "x", "99999999999"}},
		{"INSERT INTO people (id, name, ssn) VALUES ($1, $2, $3)", []string{"60", "x", "longer than eleven"}},
		{"INSERT INTO people (id, name, ssn) VALUES ($1, $2, $3)", []string{"60", "x", "nul\x00"}},
		{"SELECT id FROM people WHERE email = $1", []string{"\xff"}},
		{"INSERT INTO people (id, name, ssn) VALUES ($1, $2, $3)", []string{"60", "x", w + "01"}},
		{"INSERT INTO people (id, name, ssn) VALUES ($1, $2, $3)", []string{"1", "x", "y"}},
		// What was sealed when the statement was prepared.
		{"INSERT INTO people (id, name, ssn) VALUES ($1, 'x', '" + w + "01')", []string{"60"}},
		{"INSERT INTO people (id, name, ssn, email) VALUES (60, 'x', '" + w + "02', '" + w + "@a')", []string{}},
		{"SELECT id FROM people WHERE age = ANY($1)", []string{"{1,ü}"}},
		{"SELECT id FROM people WHERE age = ANY($1)", []string{"1"}},
		{"SELECT id FROM people WHERE age = $1 AND id = $1", []string{"ü"}},
		{"SELECT id/0 FROM people WHERE ssn = $1", []string{w + "01"}},
		{"SELECT id FROM people WHERE ssn = $1", []string{}},
		{"PREPARE far AS UPDATE people SET ssn = 'longer than eleven' WHERE id = $1", []string{}},
		{"EXECUTE far(1)", []string{}},
		{"SELECT id FROM people WHERE ssn = $1", []string{"a", "b"}},
		{"SELECT id FROM people WHERE age = '1x' AND ssn = $1", nil},
		{"SELECT id FROM people WHERE ssn = 'x'; SELECT 1", nil},
		{"SELECT id FROM people ORDER BY ssn; SELECT 1", nil},
		{"UPDATE people SET email = $1 || 'x'; INSERT INTO people (id, name) VALUES (60, $1)", nil},
		{"CREATE TEMP TABLE people (ssn text); INSERT INTO people (ssn) VALUES ($1)", nil},
	} {
		e.extended(s.sql, s.args)
	}
}

// A unique index that cannot be made names a value that no statement of the transaction's
// need have brought.
func TestAKeyThatTheTransactionHasNotStoredIsNotShown(t *testing.T) {
	pair := harness.New(t, harness.Schema{DDL: `CREATE TABLE parts (id int, code text)`, Seal: []string{"public.parts.code --equality"}})
	code := pair.Env.Canaries.Word()
	pair.Same(t, S("INSERT INTO parts VALUES (1, $1), (2, $1)", code))
	conn := pair.Connect(t, pair.URL()).PgConn()
	for _, sql := range []string{"CREATE UNIQUE INDEX ON parts (code)", "ALTER TABLE parts ADD UNIQUE (code)", "BEGIN; INSERT INTO parts VALUES (3, '" + code + "'); CREATE UNIQUE INDEX ON parts (code)"} {
		shown := "(sealed)"
		if strings.Contains(sql, code) {
			shown = code
		}
		_, err := conn.Exec(t.Context(), sql).ReadAll()
		if e := new(pgconn.PgError); !errors.As(err, &e) || e.Code != "23505" || e.Detail != "Key (code)=("+shown+") is duplicated." {
			t.Errorf("%s: %v %s", sql, err, e.Detail)
		}
	}
}

// errorTwins compares the errors of both sides.
type errorTwins struct {
	t            *testing.T
	twin, sealed *pgconn.PgConn
}

func (e *errorTwins) simple(sql string) {
	e.same(sql, func(c *pgconn.PgConn) error {
		_, err := c.Exec(e.t.Context(), sql).ReadAll()
		return err
	})
}

func (e *errorTwins) extended(sql string, args []string) {
	e.same(fmt.Sprintf("%s %q", sql, args), func(c *pgconn.PgConn) error {
		values := make([][]byte, len(args))
		for i, a := range args {
			values[i] = []byte(a)
		}
		if _, err := c.Prepare(e.t.Context(), "", sql, nil); err != nil || args == nil {
			return err
		}
		return c.ExecPrepared(e.t.Context(), "", values, nil, nil).Read().Err
	})
}

func (e *errorTwins) same(what string, run func(*pgconn.PgConn) error) {
	e.t.Helper()
	plain, sealed := run(e.twin), run(e.sealed)
	want, got := e.fields(plain), e.fields(sealed)
	if want == "" && got == "" && plain != nil {
		e.t.Errorf("%s: %v, %v", what, plain, sealed)
	}
	if got != want {
		e.t.Errorf("%s\nplain:  %s\nsealed: %s", what, want, got)
	}
}

// storedNames are those of the objects that stand for a sealed column's type.
var storedNames = regexp.MustCompile(`pgseal[a-z_.]*`)

func (e *errorTwins) fields(err error) string {
	pgErr := new(pgconn.PgError)
	if !errors.As(err, &pgErr) {
		return ""
	}
	s := allFields(pgErr)
	if name := storedNames.FindString(s); name != "" {
		e.t.Errorf("%q is shown: %s", name, s)
	}
	return s
}

// To the server two sealed columns have two types where they have one in clear. What it
// says of that is a refusal, without the names of its types.
func TestTypesOfSealedColumnsAreNotNamed(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL: `CREATE TABLE one (id int, t text, p text); CREATE TABLE "Other" (id int, t text, "It's" text);
			CREATE VIEW seen AS SELECT id, t FROM one; CREATE VIEW plain AS SELECT id, p AS t FROM one`,
		Seal: []string{"public.one.t", `public."Other".t`, `public."Other"."It's"`},
	})
	pair.SameIn(t, []harness.Mode{harness.Simple, harness.PreparedText},
		S(`CREATE OR REPLACE VIEW seen AS SELECT id, t FROM "Other"`).Refused(`from that of sealed column public.one.t to that of sealed column public.Other.t`),
		S(`CREATE OR REPLACE VIEW seen AS SELECT id, "It's" AS t FROM "Other"`).Refused(`to that of sealed column public.Other.It's`),
		S("CREATE OR REPLACE VIEW seen AS SELECT id, p AS t FROM one").Refused("from that of sealed column public.one.t to text"),
		S("CREATE OR REPLACE VIEW plain AS SELECT id, t FROM one").Refused("from text to that of sealed column public.one.t"),
		S("CREATE TABLE heir (t text) INHERITS (one)").Refused("sealed column public.one.t"),
		S("CREATE OR REPLACE VIEW seen AS SELECT id, t FROM one WHERE id > 1"),
		S("SELECT * FROM seen"))
}
