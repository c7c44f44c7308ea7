package integration

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"pgseal/integration/harness"
)

// loaded has a plain column of each type whose values are converted on the way of
// a COPY FROM, beside a sealed one.
var loaded = harness.Schema{
	DDL: `
CREATE TABLE kinds (
  id int PRIMARY KEY,
  secret text,
  yes bool,
  small int2, large int8, fine real, double float8, exact numeric(6,2),
  t text, v varchar(5) NOT NULL DEFAULT '', c char(4), u uuid, raw bytea,
  CHECK (small < 1000)
);
CREATE TABLE late (id int, secret text, at timestamptz, plain text);`,
	Seal: []string{"public.kinds.secret", "public.late.secret"},
}

// Plain columns beside sealed ones take and refuse what they take and refuse of a
// COPY that is not converted, in the same words.
func TestCopyOfPlainTypes(t *testing.T) {
	c := newCopySides(t, loaded)
	word := c.pair.Env.Canaries.Text()
	columns := []string{"yes", "small", "large", "fine", "double", "exact", "t", "v", "c", "u", "raw"}
	values := []string{
		`\N`, "", "1", "-7", " 12 ", "0x1F", "1_000", "12x", "1.005", "-0", "NaN", "infinity", "1e400", "1e-50", "40000", "9999999999", "123456789012345678901",
		"true", "of", "o", " yes", "abc", "abcde  ", "abcdef", "é€é€é", "é€é€é€", "tab\\there", `\\x00ff`, `\\x0`, `\\377\\\\`, `\\9`, "\\0", "\\xff", "\\303\\251", "\xff",
		"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "{A0EEBC999C0B4EF8BB6D6BB9BD380A11}", "a0eebc99",
	}
	id := 0
	for _, column := range columns {
		for _, value := range values {
			id++
			c.in("COPY kinds (id, "+column+", secret) FROM STDIN", fmt.Appendf(nil, "%d\t%s\t%s\n", id, value, word))
		}
	}
	for _, x := range []struct{ sql, data string }{
		{"COPY kinds (id, secret, v) FROM STDIN CSV HEADER", "id,secret,v\n9001,\"a\nb\",x\n9002,b,\n9003,c,\"\"\n"},
		{"COPY kinds (id, secret, v) FROM STDIN CSV", "9004,\"a\n\nb\",x\n9005,b,\n"},
		{"COPY kinds (id, secret, small) FROM STDIN CSV HEADER DELIMITER ';'", "id;secret;small\n9006;\"\n\";1\n9007;x;1000\n"},
		{"COPY kinds (id, secret) FROM STDIN", "9008\tx\n9008\ty\n"},
		{"COPY kinds (id, secret, v) FROM STDIN WITH (NULL 'nil', DELIMITER '|', FORMAT 'text')", "9009|nil|\n9010||nil\n"},
		{"COPY kinds (id, secret) FROM STDIN (DELIMITER 'a')", ""},
		{"COPY kinds (id, secret) FROM STDIN (DELIMITER '.')", ""},
		{"COPY kinds (id, secret) FROM STDIN (FORMAT 'CSV')", ""},
		{"COPY kinds (id, secret) FROM STDIN (FORMAT csv, FORMAT csv)", ""},
		{"COPY kinds (id, secret) FROM STDIN (QUOTE '\"')", ""},
		{"COPY kinds (id, secret) FROM STDIN (FORMAT csv, NULL '\"')", ""},
		{"COPY kinds (id, secret) FROM STDIN (FORMAT csv, NULL ',')", ""},
		{"COPY kinds (id, secret) FROM STDIN (FORMAT csv, QUOTE ',')", ""},
		{"COPY kinds (id, secret) FROM STDIN (FORMAT csv, HEADER maybe)", ""},
		{"COPY kinds (id, secret) FROM STDIN (FORMAT csv, HEADER false, HEADER false)", ""},
		{"COPY kinds (id, secret) FROM STDIN (FORMAT csv, HEADER off)", "9011,x\n"},
		{"COPY late FROM STDIN", "1\t" + word + "\tepoch\ta\n"},
		{"COPY late FROM STDIN", "2\t" + word + "\tnever\ta\n"},
	} {
		c.in(x.sql, []byte(x.data))
	}
	c.out("COPY (SELECT * FROM kinds ORDER BY id) TO STDOUT")
	c.out("COPY (SELECT * FROM kinds ORDER BY id) TO STDOUT BINARY")
	c.out("COPY late TO STDOUT")
}

// Many rows, in which a late one is wrong: nothing is stored, and the line is
// right. Rows that were stored at once are said to be wrong without their text.
func TestCopyOfManyRows(t *testing.T) {
	c := newCopySides(t, loaded)
	for _, last := range []string{"3000\tx\t\\N\n", "17\tx\tv\n", "3000\tx\n", "3000\tx\tv\n"} {
		var data strings.Builder
		for i := range 3000 {
			fmt.Fprintf(&data, "%d\t%s\tv\n", i, strings.Repeat("secret ", i%9))
		}
		c.in("COPY kinds (id, secret, v) FROM STDIN", []byte(data.String()+last))
		c.out("COPY (SELECT count(*), max(id) FROM kinds) TO STDOUT")
	}
}

// Whoever may only insert may copy; and a column whose type has changed is not
// given what another type means.
func TestCopyOfChangingColumns(t *testing.T) {
	c := newCopySides(t, loaded)
	c.both(t, "REVOKE SELECT ON kinds FROM CURRENT_USER")
	c.in("COPY kinds (id, secret, t) FROM STDIN", []byte("1\tx\ty\n"))
	c.both(t, "GRANT SELECT ON kinds TO CURRENT_USER")
	c.both(t, "BEGIN")
	c.both(t, "ALTER TABLE kinds ALTER small TYPE real")
	c.in("COPY kinds (id, secret, small) FROM STDIN", []byte("2\tx\t1.5\n"))
	c.both(t, "COMMIT")
	c.in("COPY kinds (id, secret, small) FROM STDIN", []byte("3\tx\t2.5\n"))
	// Behind the proxy's back, as far as this session is concerned.
	c.pair.Both("ALTER TABLE kinds DROP CONSTRAINT kinds_small_check, ALTER fine TYPE int4")
	_, err := c.sealed.CopyFrom(t.Context(), strings.NewReader("4\tx\t1.5\n"), "COPY kinds (id, secret, fine) FROM STDIN")
	if err == nil {
		t.Error("1.5 is stored as an integer")
	}
	c.out("COPY (SELECT id, secret, small, fine FROM kinds ORDER BY id) TO STDOUT")
}

// both runs a statement in both sessions.
func (c copySides) both(t *testing.T, sql string) {
	t.Helper()
	for _, side := range []*pgconn.PgConn{c.twin, c.sealed} {
		if _, err := side.Exec(t.Context(), sql).ReadAll(); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
}
