package integration

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"pgseal/integration/harness"
)

// What SQL's PREPARE leaves to the server to compute is computed anew by each EXECUTE.
func TestExecuteComputes(t *testing.T) {
	pair := harness.New(t, defaultsSchema)
	pair.SameIn(t, []harness.Mode{harness.Simple},
		S("ALTER SEQUENCE numbers RESTART"), S("ALTER SEQUENCE codes RESTART"),
		S("PREPARE one (int) AS INSERT INTO logs (id) VALUES ($1) RETURNING at = now() AS a, number, code"),
		S("PREPARE two AS INSERT INTO logs (id, note, who) VALUES ($1, $2, DEFAULT), ($3, DEFAULT, $4)"),
		S("PREPARE all_of_them AS INSERT INTO made DEFAULT VALUES RETURNING plain = now()"),
		S("PREPARE again (int, timestamptz) AS INSERT INTO logs (id, at) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET at = DEFAULT, until = $2, day = now() + interval '1 day', note = EXCLUDED.note RETURNING id, at = now() AS a, day = CURRENT_DATE + 1 AS d, note"),
		S("PREPARE change (int) AS UPDATE logs SET who = CURRENT_USER, day = COALESCE(day, CURRENT_DATE), token = DEFAULT, felt = DEFAULT WHERE id = $1 RETURNING who, felt"),
		S("PREPARE find AS SELECT id, who FROM logs WHERE at = now() AND who = CURRENT_USER AND number = $1"),
		S("PREPARE many AS INSERT INTO logs (id, number, code, token) SELECT id + 10, NULL, NULL, NULL FROM logs WHERE id < $1"),
		S("BEGIN"),
		S("EXECUTE one (1)"),
		S("EXECUTE one (2)"),
		S("EXECUTE two (3, 'three', 4, 'me')"),
		S("EXECUTE two (5, NULL, '6', NULL)"),
		S("EXECUTE again (7, '2020-02-03 04:05:06+07')"),
		S("EXECUTE again (7, TIMESTAMP '2020-02-03 04:05:06')"),
		S("EXECUTE again (7, now())"),
		S("EXECUTE change (1)"),
		S("EXECUTE change (2)"),
		S("EXECUTE find (2)"),
		S("EXECUTE many (3)"),
		S("EXPLAIN (COSTS off) EXECUTE one (8)"),
		S("EXPLAIN (ANALYZE, BUFFERS off, COSTS off, TIMING off, SUMMARY off) EXECUTE one (9)"),
		S("CREATE TABLE found AS EXECUTE find (1)"),
		S("SELECT id, who FROM found"),
		S("PREPARE writes AS WITH x AS (INSERT INTO logs (id, number, code) VALUES (60, NULL, NULL) RETURNING id) SELECT id FROM x"),
		S("CREATE TABLE written AS EXECUTE writes"),
		S(sameLogs),
		S("SAVEPOINT s"),
		S("EXECUTE one (1)").Fails("23505"),
		S("ROLLBACK TO s"),
		S("EXECUTE one (40)"),
		S("SELECT lastval(), currval('numbers'), currval('codes')"),
		S("EXECUTE one").Fails("42601"),
		S("ROLLBACK"),
		// Outside of a block each has a transaction of its own.
		S("EXECUTE one (1)"),
		S("EXECUTE one (1)").Fails("23505"),
		S("EXECUTE one (2)"),
		S("EXECUTE two (8, NULL, 9, 'a name that is longer than the column')").Fails("22001"),
		S("EXECUTE all_of_them").Fails("23502"),
		S("SELECT name, from_sql FROM pg_prepared_statements ORDER BY name"),
		S("SELECT count(*), count(DISTINCT at), count(DISTINCT number), count(token) FROM logs"),
		// A default that has changed since is the one that counts.
		S("PREPARE label AS INSERT INTO made (id) VALUES ($1) RETURNING label"),
		S("EXECUTE label (1)"),
		S("ALTER TABLE made ALTER label SET DEFAULT session_user"),
		S("EXECUTE label (2)"),
		S("ALTER TABLE made ALTER label SET DEFAULT label()"),
		S("EXECUTE label (3)"),
		S("DEALLOCATE one"),
		S("EXECUTE one (3)").Fails("26000"),
		S("PREPARE one (int, text) AS INSERT INTO logs (id, note) VALUES ($1, $2) RETURNING number"),
		S("EXECUTE one (3, 'x')"),
		S("PREPARE nothing AS INSERT INTO logs (id, token) SELECT id, gen_random_uuid() FROM made").Refused("public.logs.token"),
		S("EXECUTE one (4, 'x'); SELECT 1"),
		S("SELECT 1; EXECUTE one (5, 'x')"),
		S("DEALLOCATE ALL"),
		S("DELETE FROM made"),
		S("DELETE FROM logs"))
}

// A statement of the protocol can be executed by SQL, and one of SQL by the protocol.
func TestExecuteComputesAcrossProtocols(t *testing.T) {
	pair := harness.New(t, defaultsSchema)
	conn := pair.Connect(t, pair.URL())
	pg := conn.PgConn()
	if _, err := pg.Prepare(t.Context(), "parsed", "INSERT INTO logs (id, note) VALUES ($1, $2) RETURNING at = now() AND day = CURRENT_DATE, note", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := pg.Exec(t.Context(), "PREPARE said (int, text) AS INSERT INTO logs (id, note) VALUES ($1, $2) RETURNING at = now() AND day = CURRENT_DATE, note").ReadAll(); err != nil {
		t.Fatal(err)
	}
	for _, how := range []struct {
		name string
		run  func() *pgconn.Result
	}{
		{"EXECUTE of a parsed one", func() *pgconn.Result {
			results, err := pg.Exec(t.Context(), "EXECUTE parsed (1, 'n')").ReadAll()
			return first(results, err)
		}},
		{"Bind to a prepared one", func() *pgconn.Result {
			return pg.ExecPrepared(t.Context(), "said", [][]byte{[]byte("2"), []byte("n")}, nil, nil).Read()
		}},
		{"Bind to a prepared one, again", func() *pgconn.Result {
			return pg.ExecPrepared(t.Context(), "said", [][]byte{[]byte("3"), []byte("n")}, nil, nil).Read()
		}},
	} {
		if r := how.run(); r.Err != nil || len(r.Rows) != 1 || string(r.Rows[0][0]) != "t" || string(r.Rows[0][1]) != "n" {
			t.Errorf("%s: %q, %v", how.name, r.Rows, r.Err)
		}
	}
	// In the extended protocol the text of an EXECUTE goes at Parse, too early.
	_, err := pg.Prepare(t.Context(), "", "EXECUTE parsed (4, 'n')", nil)
	if e := new(pgconn.PgError); !errors.As(err, &e) || e.Code != "0A000" {
		t.Errorf("EXECUTE in the extended protocol: %v", err)
	}
	var rows, tokens int
	if err := conn.QueryRow(t.Context(), "SELECT count(*), count(token) FROM logs").Scan(&rows, &tokens); err != nil || rows != 3 || tokens != 3 {
		t.Errorf("%d rows, %d tokens, %v", rows, tokens, err)
	}
}

func first(results []*pgconn.Result, err error) *pgconn.Result {
	if err != nil || len(results) == 0 {
		return &pgconn.Result{Err: err}
	}
	return results[0]
}

// An argument of EXECUTE, and any other value, can have casts to types other than the
// column's: PostgreSQL casts it from one to the next.
func TestValuesOfOtherTypes(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL: `CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE DOMAIN small AS int CHECK (VALUE < 100);
			CREATE TABLE kinds (id int PRIMARY KEY, ts timestamp(3), tz timestamptz, day date, t time, iv interval, n numeric(10,2), i int, b bigint,
				f float8, v varchar(10), c char(5), x text, felt mood, s small, u uuid, ok boolean, ia int[])`,
		Seal: []string{"public.kinds.ts --equality", "public.kinds.tz --equality", "public.kinds.day --equality", "public.kinds.t --equality", "public.kinds.iv --equality",
			"public.kinds.n --equality", "public.kinds.i --equality", "public.kinds.b --equality", "public.kinds.f --equality", "public.kinds.v --equality",
			"public.kinds.c --equality", "public.kinds.x --equality", "public.kinds.felt --equality", "public.kinds.s --equality", "public.kinds.u --equality",
			"public.kinds.ok --equality", "public.kinds.ia --equality"},
	})
	columns := map[string][]string{
		"ts":   {"TIMESTAMP WITH TIME ZONE '2024-01-02T03:04:05.6789Z'", "TIMESTAMPTZ '2024-03-10 02:30-05'::timestamp::date", "DATE '2024-02-29'", "TIME '01:02'", "'2024-01-01'::text", "CURRENT_DATE"},
		"tz":   {"TIMESTAMP '2024-07-02 03:04:05.6789'", "'2024-01-02 03:04+07'::timestamptz(0)", "DATE '2024-02-29'", "'2024-01-02 12:34:56+09'::timestamp", "5"},
		"day":  {"TIMESTAMP WITH TIME ZONE '2024-01-02T23:04:05Z'", "TIMESTAMP '2024-07-02 23:59:59.9999999'", "'infinity'::timestamptz", "'20240131'", "20240131"},
		"t":    {"TIMESTAMP '2024-07-02 03:04:05.6789'", "TIMESTAMPTZ '2024-01-02T23:04:05Z'", "TIME WITH TIME ZONE '04:05:06+02'", "INTERVAL '49:01'", "TIME(0) '04:05:06.7'"},
		"iv":   {"TIME '01:02:03'", "INTERVAL '1 day 25 hours'", "'3 days'::interval hour to minute", "'1'::interval::time"},
		"n":    {"1.005", "1.005::float8", "7::smallint", "'12.345'::numeric::float4", "12345678901", "'1e2'", "true", "'x'::text", "1.5::int::text"},
		"i":    {"1.5", "2.5::float8", "2.5::numeric", "7::bigint", "3000000000", "'9'::smallint::bigint", "'5'::text", "true::int", "1.7::numeric::smallint", "'0x'"},
		"b":    {"1.5::float4", "3000000000", "9223372036854775808", "'12'::numeric(5,1)", "1e3"},
		"f":    {"1.1::float4", "1.10::numeric", "3", "'NaN'::numeric", "'1.1'::float4::numeric"},
		"v":    {"'long'::char(9)", "12.50", "12.50::float8", "'2024-01-02'::date", "TIMESTAMP '2024-01-02'", "true", "'0f8fad5b-d9cb-469f-a165-70867728950e'::uuid", "'abcdefghijklm'::varchar(5)", "INTERVAL '1 day'", "'sad'::mood"},
		"c":    {"'ab'::text", "12", "'a'::char", "'abcdefg'::varchar(3)::text", "'abc   '::text"},
		"x":    {"1.10", "1.10::float8::numeric", "'{\"a\": 1}'::jsonb", "TIMESTAMPTZ '2024-01-02 03:04:05+00'", "'ab  '::char(7)", "'\\x41'::bytea", "'t'::bool", "'1.2.3.4'::inet", "current_user", "'long'::name"},
		"felt": {"'sad'", "'sad'::text", "'sad'::mood", "'none'", "'sad'::varchar::mood"},
		"s":    {"5", "5.5", "'7'::int8", "500", "5::small", "'5'::text"},
		"u":    {"'0f8fad5b-d9cb-469f-a165-70867728950e'", "'0f8fad5b-d9cb-469f-a165-70867728950e'::text", "'0f8fad5bd9cb469fa16570867728950e'::text::uuid"},
		"ok":   {"'t'", "1", "1::bool", "'yes'::text", "'yes'::text::bool", "1::smallint"},
		"ia":   {"'{1,2}'", "'{1,2}'::text", "'{1,2}'::bigint[]", "ARRAY[1,2]", "ARRAY[1.5,2]", "'{1.5}'::numeric[]"},
	}
	declared := map[string][]string{"ts": {"timestamptz", "date", "timestamp(1)"}, "tz": {"timestamp", "date"}, "day": {"timestamptz", "timestamp"}, "t": {"timestamp", "interval"}, "iv": {"time"},
		"n": {"float8", "int", "numeric"}, "i": {"numeric", "bigint", "float8"}, "b": {"int", "float4"}, "f": {"numeric", "float4"}, "v": {"text", "numeric", "date", "char(3)"}, "c": {"text"},
		"x": {"float8", "varchar(3)", "timestamptz"}, "s": {"bigint"}, "u": {"uuid"}, "ok": {"boolean"}}
	c := pair.Compare(t, harness.Simple)
	answered := []string{"ts", "tz", "day", "iv", "i", "f", "c", "u", "ok", "ia"} // whatever the value's type is
	id, of := 0, ""
	step := func(sql string) {
		refused, same := c.Generated(S(sql))
		switch {
		case !same:
			t.Fatal("the sides have diverged, the rest would be noise")
		case refused && slices.Contains(answered, of):
			t.Errorf("%s: %s is refused", of, sql)
		}
	}
	prepare := func(column, types string, values []string) {
		step("PREPARE store " + types + " AS INSERT INTO kinds (" + column + ", id) VALUES ($1, $2)")
		step("PREPARE find " + types + " AS SELECT id FROM kinds WHERE " + column + " = $1 ORDER BY id")
		for _, v := range values {
			id++
			step(fmt.Sprintf("EXECUTE store (%s, %d)", v, id))
			step("EXECUTE find (" + v + ")")
		}
		step("DEALLOCATE ALL")
	}
	for _, zone := range []string{"UTC", "America/New_York"} {
		step("SET timezone = '" + zone + "'")
		for _, column := range slices.Sorted(maps.Keys(columns)) {
			if of = column; zone != "UTC" && !slices.Contains([]string{"ts", "tz", "day", "t", "x"}, of) {
				continue
			}
			for _, v := range columns[column] {
				id++
				step(fmt.Sprintf("INSERT INTO kinds (id, %s) VALUES (%d, %s) RETURNING %[1]s", column, id, v))
				step("SELECT id FROM kinds WHERE " + column + " = " + v + " ORDER BY id")
			}
			prepare(column, "", columns[column])
			for _, d := range declared[column] {
				prepare(column, "("+d+")", columns[column])
			}
			step("SELECT id, " + column + " FROM kinds ORDER BY id")
			step("DELETE FROM kinds")
		}
	}
}

// A Query executes what the protocol has prepared. Another session has made a table of
// the same name meanwhile, so that the server has to be asked which one is meant: the
// answer is PostgreSQL's, also in a transaction that has failed.
func TestQueriesExecuteWhatTheProtocolHasPrepared(t *testing.T) {
	pair := harness.New(t, people)
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	pair.Both("CREATE SCHEMA beside")
	for i, url := range []string{pair.URL(), pair.TwinURL()} {
		conn, other := raw(t, url), raw(t, url)
		run := func(on *pgconn.PgConn, sql, sqlstate string, status byte) {
			t.Helper()
			_, err := on.Exec(ctx, sql).ReadAll()
			pg := new(pgconn.PgError)
			if errors.As(err, &pg) && pg.Code == sqlstate || err == nil && sqlstate == "" {
				if got := on.TxStatus(); got != status {
					t.Errorf("%d: %s: transaction status %c, want %c", i, sql, got, status)
				}
				return
			}
			t.Fatalf("%d: %s: %v, want SQLSTATE %q", i, sql, err, sqlstate)
		}
		if _, err := conn.Prepare(ctx, "s", "SELECT ssn FROM people WHERE id = 1", nil); err != nil {
			t.Fatal(err)
		}
		run(conn, "BEGIN", "", 'T')
		run(conn, "SELECT 1 / 0", "22012", 'E')
		run(other, "CREATE TABLE beside.people (id int, ssn text)", "", 'I')
		run(conn, "EXECUTE s", "25P02", 'E')
		run(conn, "ROLLBACK", "", 'I')
		run(conn, "EXECUTE s", "", 'I')
		run(other, "DROP TABLE beside.people; CREATE TABLE beside.people (id int)", "", 'I')
		run(conn, "EXECUTE s", "", 'I')
	}
}
