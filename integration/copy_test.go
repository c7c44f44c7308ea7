package integration

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"pgseal/integration/harness"
)

// copied has columns that COPY treats apart: generated ones, defaults, a
// partitioned table, a view that a trigger writes through.
var copied = harness.Schema{
	DDL: `
CREATE TABLE things (
  id int PRIMARY KEY,
  twice int GENERATED ALWAYS AS (id * 2) STORED,
  a text,
  b varchar(20) DEFAULT 'usual',
  n numeric(12,3),
  at timestamptz,
  plain text
);
CREATE TABLE parts (id int, secret text, plain text) PARTITION BY RANGE (id);
CREATE TABLE parts_low PARTITION OF parts FOR VALUES FROM (0) TO (100);
CREATE TABLE parts_high PARTITION OF parts FOR VALUES FROM (100) TO (1000);
CREATE VIEW seen AS SELECT id, a, plain FROM things;`,
	Seal: []string{"public.things.a", "public.things.b --equality", "public.things.n --equality", "public.things.at", "public.parts.secret"},
}

// writable makes the view writable, by a trigger.
const writable = `
CREATE FUNCTION through() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN INSERT INTO things (id, a, plain) VALUES (NEW.id, NEW.a, NEW.plain); RETURN NEW; END $$;
CREATE TRIGGER through INSTEAD OF INSERT ON seen FOR EACH ROW EXECUTE FUNCTION through();`

// copySides are one session on each side.
type copySides struct {
	t            *testing.T
	pair         *harness.Pair
	twin, sealed *pgconn.PgConn
	element      typeNumbers // of the arrays that are copied
}

// typeNumbers are a type's OIDs on both sides, as binary arrays show them. They are
// none for a type that is built in, which has one everywhere.
type typeNumbers struct{ twin, sealed []byte }

// numbersOf asks for the OIDs of a type.
func (c copySides) numbersOf(name string) typeNumbers {
	c.t.Helper()
	ask := func(conn *pgconn.PgConn) []byte {
		result := conn.ExecParams(c.t.Context(), "SELECT $1::regtype::oid", [][]byte{[]byte(name)}, nil, nil, []int16{1}).Read()
		if result.Err != nil {
			c.t.Fatal(result.Err)
		}
		return result.Rows[0][0]
	}
	return typeNumbers{ask(c.twin), ask(c.sealed)}
}

func (n typeNumbers) forTwin(data []byte) []byte { return replaced(data, n.sealed, n.twin) }

func (n typeNumbers) forSealed(data []byte) []byte { return replaced(data, n.twin, n.sealed) }

func replaced(data, before, after []byte) []byte {
	if len(before) == 0 {
		return data
	}
	return bytes.ReplaceAll(data, before, after)
}

func newCopySides(t *testing.T, s harness.Schema) copySides {
	pair := harness.New(t, s)
	return sidesOf(t, pair)
}

func sidesOf(t *testing.T, pair *harness.Pair) copySides {
	t.Helper()
	return copySides{t: t, pair: pair, twin: raw(t, pair.TwinURL()), sealed: raw(t, pair.URL())}
}

// outcome is what a client sees of a COPY.
func outcome(tag pgconn.CommandTag, err error) string {
	if e := new(pgconn.PgError); errors.As(err, &e) {
		detail := e.Detail
		if strings.HasPrefix(detail, "Failing row contains") {
			detail = "" // it shows sealed values as (sealed)
		}
		return fmt.Sprintf("%s %s %s %s", e.Code, e.Message, e.Where, detail)
	}
	return fmt.Sprint(tag, err)
}

// in runs a COPY FROM on both sides, with the same outcome.
func (c copySides) in(sql string, data []byte) {
	c.t.Helper()
	want := outcome(c.twin.CopyFrom(c.t.Context(), bytes.NewReader(data), sql))
	if got := outcome(c.sealed.CopyFrom(c.t.Context(), bytes.NewReader(c.element.forSealed(data)), sql)); got != want {
		c.t.Errorf("%s: %s\nplain: %s", sql, got, want)
	}
}

// out runs a COPY TO on both sides, with the same data.
func (c copySides) out(sql string) []byte {
	c.t.Helper()
	var got, want bytes.Buffer
	wantOutcome := outcome(c.twin.CopyTo(c.t.Context(), &want, sql))
	gotOutcome := outcome(c.sealed.CopyTo(c.t.Context(), &got, sql))
	if gotOutcome != wantOutcome || !bytes.Equal(c.element.forTwin(got.Bytes()), want.Bytes()) {
		c.t.Errorf("%s: %s\n%q\nplain: %s\n%q", sql, gotOutcome, got.String(), wantOutcome, want.String())
	}
	return want.Bytes()
}

// nastyText is a text of characters that one format or another has to escape.
func nastyText(r *rand.Rand, word string) string {
	pieces := []string{"\\", "\t", "\n", "\r", "\"", "'", ",", ";", "|", ".", "\\.", "\\N", "\b", "\f", "\v", "é", "€", "𝄞", "x", "e", " ", "", "nil", word}
	var b strings.Builder
	for range r.IntN(8) {
		b.WriteString(pieces[r.IntN(len(pieces))])
	}
	return b.String()
}

// Random rows with all that has to be escaped, in every format and with any
// options: out of both sides the same bytes, and back in again.
func TestCopyGoesRound(t *testing.T) {
	c := newCopySides(t, copied)
	r := rand.New(rand.NewPCG(7, 15))
	word := c.pair.Env.Canaries.Text()
	var rows [][]any
	for i := range 60 {
		text := func(word string) any {
			if r.IntN(6) == 0 {
				return nil
			}
			return nastyText(r, word)
		}
		b := []rune(nastyText(r, ""))
		b = b[:min(len(b), 20)]
		rows = append(rows, []any{i, text(word), string(b), fmt.Sprintf("%d.%03d", r.IntN(100000), r.IntN(1000)), text("plain")})
	}
	for _, url := range []string{c.pair.TwinURL(), c.pair.URL()} {
		conn := c.pair.Connect(t, url)
		batch := &pgx.Batch{}
		for _, row := range rows {
			batch.Queue("INSERT INTO things (id, a, b, n, at, plain) VALUES ($1, $2, $3, $4, '2024-05-06 07:08:09.5+00', $5)", row...)
		}
		if err := conn.SendBatch(t.Context(), batch).Close(); err != nil {
			t.Fatal(err)
		}
	}
	c.out("COPY things (id, twice, a) TO STDOUT")
	pick := func(options ...string) string { return options[r.IntN(len(options))] }
	for range 40 {
		var options string
		switch r.IntN(5) {
		case 0:
			options = "BINARY"
		case 1, 2:
			options = "DELIMITER " + pick("E'\\t'", "'|'", "';'", "'é'", "'.'", "' '") + pick("", " NULL 'nil!'", " NULL '~'")
		default:
			options = "CSV " + pick("", "HEADER ") + "DELIMITER " + pick("','", "';'", "'|'", "'x'", "E'\\t'") +
				" QUOTE " + pick("'\"'", "''''", "'$'", "'e'") + pick("", " ESCAPE '\\'", " ESCAPE '5'") + pick("", " NULL 'nil!'") + pick("", " FORCE QUOTE *", " FORCE QUOTE a, plain")
		}
		data := c.out("COPY things TO STDOUT WITH " + options)
		if len(data) == 0 {
			continue // options that PostgreSQL refuses
		}
		if i := strings.Index(options, " FORCE"); i >= 0 {
			options = options[:i]
		}
		for _, side := range []*pgconn.PgConn{c.twin, c.sealed} {
			if _, err := side.Exec(t.Context(), "TRUNCATE things").ReadAll(); err != nil {
				t.Fatal(err)
			}
		}
		c.in("COPY things FROM STDIN WITH "+options, data)
		c.out("COPY (SELECT * FROM things ORDER BY id) TO STDOUT")
		if t.Failed() {
			t.Fatal(options)
		}
	}
}

// Tables and views of every kind, and what is refused.
func TestCopyOfEveryRelation(t *testing.T) {
	c := newCopySides(t, copied)
	c.pair.Both(writable)
	word := c.pair.Env.Canaries.Word()
	c.in("COPY things FROM STDIN", []byte("1\t"+word+"\tb\t1.5\t2020-01-01\tp\n"))
	c.in("COPY things FROM STDIN", []byte("2\t"+word+"\tb\t1.5\t2020-01-01\tp\tmore\n"))
	c.in("COPY things FROM STDIN", []byte("2\t"+word+"\tb\t1234567890.5\t2020-01-01\tp\n"))
	c.in("COPY things (id, twice) FROM STDIN", []byte("2\t4\n"))
	c.in("COPY things (id, a) FROM STDIN CSV", []byte("3,"+word+"\n4,\n"))
	c.in("COPY seen FROM STDIN", []byte("5\t"+word+"\tp\n"))
	c.out("COPY seen TO STDOUT")
	c.out("COPY (SELECT * FROM seen ORDER BY id) TO STDOUT")
	c.in("COPY parts FROM STDIN", []byte("1\t"+word+"\tlow\n100\t"+word+"\thigh\n"))
	c.in("COPY parts FROM STDIN", []byte("5000\t"+word+"\tnowhere\n"))
	c.out("COPY parts_high TO STDOUT")
	c.out("COPY (SELECT * FROM parts ORDER BY id) TO STDOUT CSV")
	c.out("COPY things TO STDOUT")
	c.out("COPY (DELETE FROM things WHERE id = 3 RETURNING a, id) TO STDOUT")
	if t.Failed() {
		return
	}
	for _, sql := range []string{
		"COPY things TO '/tmp/pgseal-nowhere'", "COPY things FROM '/tmp/pgseal-nowhere'", "COPY things TO PROGRAM 'cat'",
		"COPY (SELECT a FROM things) TO '/tmp/pgseal-nowhere'", "COPY things (id, b) FROM STDIN WHERE b > 'x'",
		"COPY things FROM STDIN (ENCODING 'SJIS')",
	} {
		_, err := c.sealed.Exec(t.Context(), sql).ReadAll()
		if !refusedClearly(t, sql, err) {
			t.Errorf("%s: not refused: %v", sql, err)
		}
	}
	c.out("COPY things TO STDOUT")
}

// pgx copies in binary.
func TestPgxCopies(t *testing.T) {
	pair := harness.New(t, copied)
	word := pair.Env.Canaries.Text()
	for _, url := range []string{pair.TwinURL(), pair.URL()} {
		conn := pair.Connect(t, url)
		n, err := conn.CopyFrom(t.Context(), pgx.Identifier{"things"}, []string{"id", "a", "b", "plain"},
			pgx.CopyFromSlice(2000, func(i int) ([]any, error) { return []any{i, word + strings.Repeat("x", i), nil, "p"}, nil }))
		if n != 2000 || err != nil {
			t.Fatal(n, err)
		}
		_, err = conn.CopyFrom(t.Context(), pgx.Identifier{"things"}, []string{"id", "b"}, pgx.CopyFromRows([][]any{{5000, strings.Repeat("y", 21)}}))
		if e := new(pgconn.PgError); !errors.As(err, &e) || e.Code != "22001" || e.Where != "COPY things, line 1, column b" {
			t.Errorf("%v %q", err, e.Where)
		}
	}
	sides := sidesOf(t, pair)
	sides.out("COPY (SELECT * FROM things ORDER BY id) TO STDOUT BINARY")
}

func raw(t *testing.T, url string) *pgconn.PgConn {
	t.Helper()
	conn, err := pgconn.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

// refusedClearly reports whether an error is a refusal of pgseal's, which must
// carry a hint.
func refusedClearly(t *testing.T, sql string, err error) bool {
	t.Helper()
	pgErr := new(pgconn.PgError)
	if !errors.As(err, &pgErr) || pgErr.Code != "0A000" {
		return false
	}
	if pgErr.Hint == "" {
		t.Errorf("%s: refused without a hint: %s", sql, pgErr.Message)
	}
	return true
}
