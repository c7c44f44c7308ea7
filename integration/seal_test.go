package integration

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"pgseal/integration/harness"
)

// fill puts the same rows into both databases before anything is sealed.
const fill = `
INSERT INTO users (id, name, ssn, email, born, note)
SELECT i, 'name ' || i, lpad(i::text, 9, '0'), 'u' || i || '@example.org', date '1970-01-01' + i,
       CASE WHEN i % 3 = 0 THEN NULL WHEN i % 3 = 1 THEN '' ELSE 'note ' || i END
  FROM generate_series(1, 500) i`

var users = `
CREATE TABLE users (
  id    int PRIMARY KEY,
  name  text NOT NULL,
  ssn   varchar(11) NOT NULL CONSTRAINT ssn_is_unique UNIQUE,
  email text DEFAULT 'nobody@example.org',
  born  date,
  note  text
);
CREATE UNIQUE INDEX users_email ON users (email);
CREATE INDEX users_born ON users (born);
CREATE UNIQUE INDEX users_name_ssn ON users (name, ssn);
`

var sealUsers = []string{
	"public.users.ssn --equality", "public.users.email --equality", "public.users.born --equality", "public.users.note",
}

func TestSealingAFilledTableChangesNothingForApplications(t *testing.T) {
	pair := harness.New(t, harness.Schema{DDL: users + fill, Seal: sealUsers})
	c := pair.Compare(t, harness.PreparedBinary)
	for _, step := range []harness.Step{
		S("SELECT * FROM users ORDER BY id"),
		S("SELECT id FROM users WHERE ssn = $1", "000000123"),
		S("SELECT id FROM users WHERE email IN ($1, $2) ORDER BY id", "u1@example.org", "u500@example.org"),
		S("SELECT id FROM users WHERE born = $1", "1970-04-11"),
		S("INSERT INTO users VALUES ($1, $2, $3)", "501", "no column list", "x501"),
		S("SELECT email FROM users WHERE id = 501"),
		S("INSERT INTO users (id, name, ssn) VALUES (502, 'twice', $1)", "000000007").Fails("23505"),
		S("INSERT INTO users (id, name, ssn) VALUES (503, 'null', NULL)").Fails("23502"),
		S("INSERT INTO users (id, name, ssn, email) VALUES (504, 'twice', 'y', 'u1@example.org')").Fails("23505"),
		S("INSERT INTO users (id, name, ssn) VALUES (1, 'one', '000000001') ON CONFLICT ON CONSTRAINT ssn_is_unique DO UPDATE SET note = 'conflict' RETURNING id, note"),
		S("UPDATE users SET ssn = $1 WHERE id = 2", "far too long for it").Fails("22001"),
		S("SELECT * FROM users ORDER BY id"),
	} {
		c.Step(step)
	}
}

func TestServerHoldsOnlyEnvelopes(t *testing.T) {
	pair := harness.New(t, harness.Schema{DDL: users + fill, Seal: sealUsers})
	conn := pair.Connect(t, pair.ServerURL())
	for _, column := range []string{"ssn", "email", "born", "note"} {
		var other int
		row := conn.QueryRow(t.Context(), fmt.Sprintf(
			`SELECT count(*) FROM users WHERE %[1]s IS NOT NULL AND get_byte(%[1]s, 0) <> 229`, column)) // 0xE5
		if err := row.Scan(&other); err != nil || other != 0 {
			t.Errorf("%s: %d values that are no envelopes (%v)", column, other, err)
		}
	}
	var nulls, distinct int
	if err := conn.QueryRow(t.Context(), `SELECT count(*) FILTER (WHERE note IS NULL), count(DISTINCT ssn) FROM users`).Scan(&nulls, &distinct); err != nil {
		t.Fatal(err)
	}
	if nulls != 166 || distinct != 500 {
		t.Errorf("%d NULL notes, want 166; %d different envelopes, want 500", nulls, distinct)
	}
	// Nothing of the plaintext in what PostgreSQL knows about the columns.
	rows, err := conn.Query(t.Context(), `SELECT attname, coalesce(most_common_vals::text, '') || coalesce(histogram_bounds::text, '')
		FROM pg_stats WHERE tablename = 'users' AND attname IN ('ssn', 'email', 'born', 'note')`)
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		var column, statistics string
		if err := rows.Scan(&column, &statistics); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(statistics, "example.org") || strings.Contains(statistics, "note ") {
			t.Errorf("statistics of %s hold plaintext", column)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
}

func TestEqualitySearchUsesAnIndex(t *testing.T) {
	pair := harness.New(t, harness.Schema{DDL: users + fill, Seal: sealUsers})
	conn := pair.Connect(t, pair.ServerURL())
	rows, err := conn.Query(t.Context(), `EXPLAIN SELECT id FROM users WHERE pgseal.eq(ssn) = '\x00112233445566778899aabbccddeeff'`)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	if plan := strings.Join(lines, "\n"); !strings.Contains(plan, "ssn_is_unique") {
		t.Errorf("the search does not use the index:\n%s", plan)
	}
}

func TestUnsealingBringsEverythingBack(t *testing.T) {
	pair := harness.New(t, harness.Schema{DDL: users + fill, Seal: sealUsers})
	for _, column := range sealUsers {
		pair.Pgseal("unseal", strings.Fields(column)[0])
	}
	const shape = `
SELECT string_agg(d, E'\n' ORDER BY d) FROM (
  SELECT format('%s %s %s %s', attnum, attname, format_type(atttypid, atttypmod), attnotnull)
         || coalesce(' ' || pg_get_expr(adbin, adrelid), '')
    FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
   WHERE attrelid = 'users'::regclass AND attnum > 0 AND NOT attisdropped
  UNION ALL SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = 'users'::regclass
  UNION ALL SELECT conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'users'::regclass
) s(d)`
	var twin, unsealed string
	if err := pair.Connect(t, pair.TwinURL()).QueryRow(t.Context(), shape).Scan(&twin); err != nil {
		t.Fatal(err)
	}
	if err := pair.Connect(t, pair.ServerURL()).QueryRow(t.Context(), shape).Scan(&unsealed); err != nil {
		t.Fatal(err)
	}
	if twin != unsealed {
		t.Errorf("before sealing:\n%s\nafter unsealing:\n%s", twin, unsealed)
	}
	c := pair.Compare(t, harness.Simple)
	c.Step(S("SELECT * FROM users ORDER BY id"))
	c.Step(S("SELECT upper(ssn) FROM users WHERE email LIKE 'u1%' ORDER BY id"))
}

func TestSealRefusesWhatItCannotCarryAndChangesNothing(t *testing.T) {
	for name, c := range map[string]struct{ ddl, column, names string }{
		"a CHECK on the column":        {"CREATE TABLE t (v text CONSTRAINT v_is_long CHECK (length(v) > 3))", "v", "v_is_long"},
		"a generated column":           {"CREATE TABLE t (a text, v text GENERATED ALWAYS AS (upper(a)) STORED)", "v", "v"},
		"a generated column's source":  {"CREATE TABLE t (v text, g text GENERATED ALWAYS AS (upper(v)) STORED)", "v", "g"},
		"a foreign key to it":          {"CREATE TABLE t (v text UNIQUE); CREATE TABLE r (v text CONSTRAINT r_to_t REFERENCES t (v))", "v", "r_to_t"},
		"a foreign key from it":        {"CREATE TABLE o (v text PRIMARY KEY); CREATE TABLE t (v text CONSTRAINT t_to_o REFERENCES o)", "v", "t_to_o"},
		"a view that computes with it": {"CREATE TABLE t (v text); CREATE VIEW shout AS SELECT upper(v) AS v FROM t", "v", "shout"},
		"an index that orders by it":   {"CREATE TABLE t (v text); CREATE INDEX lowered ON t (lower(v))", "v", "lowered"},
	} {
		t.Run(name, func(t *testing.T) {
			pair := harness.New(t, harness.Schema{DDL: c.ddl})
			r := pair.Try("seal", "public.t."+c.column, "--equality")
			if r.Status != 1 {
				t.Fatalf("exit status %d, want 1\n%s%s", r.Status, r.Stdout, r.Stderr)
			}
			if !strings.Contains(r.Stderr, c.names) || !strings.Contains(r.Stderr, "hint: ") {
				t.Errorf("the refusal names no %s, or gives no hint:\n%s", c.names, r.Stderr)
			}
			if strings.Contains(r.Stderr, "panic") {
				t.Error(r.Stderr)
			}
			comparison := pair.Compare(t, harness.Simple)
			comparison.Step(S("SELECT * FROM t"))
		})
	}
}

func TestSealRefusesWrongUsage(t *testing.T) {
	pair := harness.New(t, harness.Schema{DDL: "CREATE TABLE t (v text, j json, p circle)"})
	for _, c := range []struct {
		status int
		args   []string
	}{
		{2, []string{"seal"}},
		{2, []string{"seal", "public.t.v", "--no-such-flag"}},
		{1, []string{"seal", "public.t.nosuch"}},
		{1, []string{"seal", "public.nosuch.v"}},
		{1, []string{"seal", "public.t.p"}},
		{1, []string{"seal", "public.t.j", "--equality"}},
		{1, []string{"unseal", "public.t.v"}},
	} {
		r := pair.Try(c.args...)
		if r.Status != c.status || !strings.HasPrefix(r.Stderr, "pgseal: ") {
			t.Errorf("pgseal %s: exit status %d, want %d\n%s", strings.Join(c.args, " "), r.Status, c.status, r.Stderr)
		}
	}
	pair.Pgseal("seal", "public.t.v")
	if r := pair.Try("seal", "public.t.v"); r.Status != 1 {
		t.Errorf("sealing a sealed column: exit status %d, want 1\n%s", r.Status, r.Stderr)
	}
	pair.Pgseal("init") // again: idempotent
	pair.Pgseal("init")
}

func TestListsAreReadableByPrograms(t *testing.T) {
	pair := harness.New(t, harness.Schema{DDL: users, Seal: sealUsers})
	var columns, keys []map[string]any
	if err := json.Unmarshal([]byte(pair.Pgseal("column", "list", "--output", "json")), &columns); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(pair.Pgseal("key", "list", "--output", "json")), &keys); err != nil {
		t.Fatal(err)
	}
	if len(columns) != len(sealUsers) || len(keys) == 0 {
		t.Errorf("%d columns, want %d; %d keys, want some", len(columns), len(sealUsers), len(keys))
	}
}

// A sealed column in a session that began before the sealing: never plaintext.
func TestSealingUnderARunningProxy(t *testing.T) {
	pair := harness.New(t, harness.Schema{DDL: "CREATE TABLE late (id int PRIMARY KEY, v text)"})
	early := pair.Connect(t, pair.URL())
	if _, err := early.Exec(t.Context(), "INSERT INTO late VALUES (1, 'before')"); err != nil {
		t.Fatal(err)
	}
	pair.Pgseal("seal", "public.late.v", "--equality")
	eventually(t, "the running session opens the column", func() bool {
		var v string
		err := early.QueryRow(t.Context(), "SELECT v FROM late WHERE v = $1", "before").Scan(&v)
		return err == nil && v == "before"
	})
	// No canary: unsealing brings it to the server in clear.
	if _, err := early.Exec(t.Context(), "INSERT INTO late VALUES (2, $1)", "sealed"); err != nil {
		t.Fatal(err)
	}
	pair.Pgseal("unseal", "public.late.v")
	eventually(t, "the running session reads the plain column", func() bool {
		var v string
		err := early.QueryRow(t.Context(), "SELECT upper(v) FROM late WHERE id = 1").Scan(&v)
		return err == nil && v == "BEFORE"
	})
}

// A writer who does not go through the proxy cannot store plaintext.
func TestPlaintextPastTheProxyIsRefused(t *testing.T) {
	pair := harness.New(t, harness.Schema{DDL: users, Seal: sealUsers})
	conn := pair.Connect(t, pair.ServerURL())
	for _, sql := range []string{
		`INSERT INTO users (id, name, ssn) VALUES (1, 'direct', 'plain')`,
		`INSERT INTO users (id, name, ssn) VALUES (1, 'direct', '\xe5010000')`,
		`INSERT INTO users (id, name, ssn) VALUES (1, 'direct', '')`,
	} {
		_, err := conn.Exec(t.Context(), sql)
		if pgErr := new(pgconn.PgError); !errors.As(err, &pgErr) || pgErr.Code != "23514" {
			t.Errorf("%s: %v, want SQLSTATE 23514", sql, err)
		}
	}
}
