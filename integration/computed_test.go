package integration

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"pgseal/integration/harness"
)

var computedSchema = harness.Schema{
	DDL: `CREATE EXTENSION "uuid-ossp"; CREATE TABLE visits (id int PRIMARY KEY, at timestamptz, until timestamp, day date, token uuid, code varchar(36), person text,
		number bigint, plain timestamptz, other uuid DEFAULT gen_random_uuid()); CREATE SEQUENCE visited; CREATE TABLE turns (id serial PRIMARY KEY, code int)`,
	Seal: []string{"public.visits.at --equality", "public.visits.until --equality", "public.visits.day --equality", "public.visits.token --equality",
		"public.visits.code", "public.visits.person --equality", "public.visits.number --equality", "public.turns.code"},
}

// computedModes are those in which a value that the server computes can be stored.
var computedModes = []harness.Mode{harness.Simple, harness.Unnamed, harness.Typed, harness.PreparedText, harness.PreparedBinary, harness.SQLPrepare}

// What the server computes from nothing of the client's can be stored and compared.
func TestComputedValues(t *testing.T) {
	pair := harness.New(t, computedSchema)
	const same = "SELECT id, at = now() AS a, until = now() AT TIME ZONE 'utc' AS u, day = CURRENT_DATE AS d, day IS DISTINCT FROM CURRENT_DATE - 1 AS y, token IS NULL AS t FROM visits ORDER BY id"
	pair.SameIn(t, computedModes,
		S("BEGIN"),
		S("INSERT INTO visits (id, at, until, day) VALUES (1, now(), now() AT TIME ZONE 'utc', CURRENT_DATE)"),
		S("INSERT INTO visits (id, at, until, day, token) VALUES ($1, CURRENT_TIMESTAMP, timezone('utc', now()), now(), $2), ($3, transaction_timestamp(), LOCALTIMESTAMP, (now() + interval '1 day')::date, gen_random_uuid())", "2", "0f8fad5b-d9cb-469f-a165-70867728950e", "3"),
		S(same),
		S("SELECT id FROM visits WHERE at = now() AND day = CURRENT_DATE AND person IS NULL ORDER BY id"),
		S("UPDATE visits SET at = now() - '1 hour'::interval, person = current_user, number = extract(hour FROM date_trunc('day', now() AT TIME ZONE 'utc')) WHERE id > $1", "1"),
		S(same),
		S("SELECT id, person, number FROM visits WHERE person = current_user AND at <> CURRENT_TIMESTAMP AND at = now() - interval '1 hour' ORDER BY id"),
		S("SET LOCAL timezone = 'Asia/Tokyo'"),
		S("UPDATE visits SET until = now(), at = LOCALTIMESTAMP, day = CURRENT_TIMESTAMP WHERE id = 1 RETURNING until = LOCALTIMESTAMP, at = now(), day = CURRENT_DATE"),
		S("ROLLBACK"),
		S("BEGIN"),
		S("INSERT INTO visits (id, at) SELECT $1, now()", "7"),
		S("INSERT INTO visits (id, at) SELECT id + 1, now() FROM visits"),
		S("INSERT INTO visits AS v (id, at) VALUES ($1, now() - interval '2 days') ON CONFLICT (id) DO UPDATE SET at = now(), person = current_setting('server_encoding') RETURNING v.at = now(), v.person", "8"),
		S("WITH x AS (UPDATE visits SET day = CURRENT_DATE WHERE at = now() RETURNING id, day = CURRENT_DATE AS d) SELECT * FROM x ORDER BY id"),
		S("UPDATE visits v SET until = LOCALTIMESTAMP FROM (VALUES (7), (8)) AS n (id) WHERE v.id = n.id"),
		S("INSERT INTO visits (id, until) SELECT 9, LOCALTIMESTAMP WHERE NOT EXISTS (SELECT FROM visits WHERE id = $1)", "9"),
		S("SELECT id FROM visits WHERE until = LOCALTIMESTAMP ORDER BY id"),
		S("UPDATE visits SET at = COALESCE(at, now()), day = CASE WHEN id = 8 THEN CURRENT_DATE ELSE day END, code = CASE WHEN id > $1 THEN current_user END RETURNING id, at = now(), day = CURRENT_DATE, code", "7").Unordered(),
		S("UPDATE visits SET at = COALESCE(NULLIF(at, now()), CURRENT_DATE), until = CASE WHEN until IS NULL THEN LOCALTIMESTAMP ELSE until END WHERE id = 9 RETURNING at = CURRENT_DATE, until = LOCALTIMESTAMP"),
		S("SELECT id, COALESCE(person, current_user::text), COALESCE(day, CURRENT_DATE) = CURRENT_DATE FROM visits ORDER BY id"),
		S("COMMIT"),
		S("BEGIN"),
		S("INSERT INTO visits (id, at, until, day, token, code) VALUES ($1, COALESCE($2, now()), COALESCE(LOCALTIMESTAMP, $3), COALESCE($4, CURRENT_DATE + 1), COALESCE($5, gen_random_uuid()), COALESCE($6, gen_random_uuid()::text))", "50", nil, nil, nil, nil, "given"),
		S("INSERT INTO visits (id, at, until, day, token, code) VALUES ($1, COALESCE($2, now()), CASE WHEN $1 = 1 THEN $3 ELSE LOCALTIMESTAMP END, COALESCE($4, CURRENT_DATE), COALESCE(NULL, $5, gen_random_uuid()), COALESCE($6, gen_random_uuid()::text))", "51", "2024-02-29 01:02:03+04", "2024-01-01", "2024-02-29", "0f8fad5b-d9cb-469f-a165-70867728950e", nil),
		S("UPDATE visits SET at = COALESCE('2024-01-01', now()), until = COALESCE(NULL, now() AT TIME ZONE 'utc', '2020-02-02') WHERE id = 50"),
		S("SELECT id, at = now() AS a, until = LOCALTIMESTAMP AS l, until = now() AT TIME ZONE 'utc' AS u, day = CURRENT_DATE + 1 AS d, token IS NULL AS t, code IS NULL AS c FROM visits WHERE id >= 50 ORDER BY id"),
		S("SELECT at, day, token FROM visits WHERE id = 51"), S("SELECT code FROM visits WHERE id = 50"),
		S("ROLLBACK"),
		S("INSERT INTO visits (id, at) VALUES (50, COALESCE('no time', now()))").Fails("22007"),
		// Errors are the server's own, and so is their place; the session goes on.
		S("INSERT INTO visits (id, code) VALUES (10, now()::text || now()::text)").Fails("22001"),
		S("INSERT INTO visits (id, person) VALUES (10, current_setting('no.such'))").Fails("42704"),
		S("INSERT INTO visits (id, at) VALUES (7, now())").Fails("23505"),
		S("SELECT id, person FROM visits WHERE person = current_user OR person = $1 ORDER BY id", "UTF8"),
		S("BEGIN"),
		S("INSERT INTO visits (id, person) VALUES (10, current_setting('no.such'))").Fails("42704"),
		S("INSERT INTO visits (id, person) VALUES (10, current_user)").Fails("25P02"),
		S("ROLLBACK"),
		S("DELETE FROM visits"),
		S("ALTER SEQUENCE visited RESTART"),
		S("INSERT INTO visits (id, number, code) VALUES (1, nextval('visited'), 'a'), ($1, nextval('visited'), nextval('visited'::regclass))", "2"),
		S("INSERT INTO turns (code) VALUES (nextval('public.visited')), (NULL), (nextval('visited')) RETURNING code"),
		S("SELECT currval('visited'), currval('turns_id_seq')"),
		S("INSERT INTO visits (id, number, code) VALUES (3, nextval('visited'), 'much longer than the column can be, which is found first')").Fails("22001"),
		S("INSERT INTO visits (id, number) VALUES (3, nextval('visited')) RETURNING number"),
		S("SELECT id, number, code FROM visits ORDER BY id"),
		S("DELETE FROM visits"),
		S("DELETE FROM turns"))
	pair.SameIn(t, []harness.Mode{harness.Simple, harness.PreparedBinary}, // PostgreSQL 14 knows no MERGE
		S("BEGIN"),
		S("MERGE INTO visits v USING (VALUES (7), (9)) AS n (id) ON v.id = n.id WHEN MATCHED THEN UPDATE SET until = LOCALTIMESTAMP WHEN NOT MATCHED THEN INSERT (id, until) VALUES (n.id, LOCALTIMESTAMP)"),
		S("SELECT id FROM visits WHERE until = LOCALTIMESTAMP ORDER BY id"),
		S("ROLLBACK"))
	pair.SameIn(t, []harness.Mode{harness.Simple},
		// The place of an error, and a type that does not fit, which in the extended
		// protocol are known at Bind only.
		S("INSERT INTO visits (id, person, day) VALUES (10, 'ä', CURRENT_DATE + current_user)").Fails("42883"),
		S("INSERT INTO visits (id, day) VALUES (10, gen_random_uuid())").Fails("42804"),
		S("SELECT id FROM visits WHERE token = now()").Fails("42883"),
		// A text of several statements is one transaction, however it goes to the server.
		S("INSERT INTO visits (id, at) VALUES (1, now()); SELECT id, at = now() FROM visits"),
		S("INSERT INTO visits (id, at, plain) VALUES (2, now(), now()); SELECT count(*) FROM visits WHERE at = now(); SELECT 1/0"),
		S("SELECT id FROM visits ORDER BY id"),
		S("BEGIN; INSERT INTO visits (id, at, person) VALUES (2, now(), current_user)"),
		S("SAVEPOINT a; INSERT INTO visits (id, at, number) VALUES (3, now(), nextval('visited')); RELEASE a"),
		S("SAVEPOINT a; INSERT INTO visits (id, at) VALUES (3, now()); RELEASE a").Fails("23505"),
		S("ROLLBACK TO a; RELEASE a"),
		S("INSERT INTO visits (id, at) VALUES (4, now()); INSERT INTO turns (code) VALUES (nextval('visited')); SELECT lastval() > 0"),
		S("SELECT id, at = now(), person FROM visits ORDER BY id"),
		S("UPDATE visits SET at = now() WHERE id = 4; COMMIT; SELECT count(*) FROM visits"),
		S("SELECT id FROM visits WHERE at = now(); BEGIN; INSERT INTO visits (id, at) VALUES (5, now()); ROLLBACK; INSERT INTO visits (id, at) VALUES (6, now())").Refused("public.visits.at"), // begins in the middle
		S("SELECT id FROM visits ORDER BY id"),
		S("DELETE FROM turns"), S("DELETE FROM visits"))
	pair.SameIn(t, []harness.Mode{harness.Simple, harness.PreparedBinary},
		S("UPDATE visits SET token = gen_random_uuid()").Refused("public.visits.token"),
		S("UPDATE visits SET token = gen_random_uuid() WHERE id > 1").Refused("public.visits.token"),
		S("INSERT INTO visits (id, token) SELECT g, gen_random_uuid() FROM generate_series(1, 2) g").Refused("public.visits.token"),
		S("INSERT INTO visits (id, plain, at) VALUES (1, now(), clock_timestamp())").Refused("public.visits.at"),
		S("INSERT INTO visits (id, person) VALUES (1, '"+pair.Env.Canaries.Word()+"' || random())").Refused("public.visits.person"),
		S("UPDATE visits SET number = nextval('visited') WHERE id = 1").Refused("public.visits.number"),
		S("INSERT INTO visits (id, number) SELECT 1, nextval('visited') WHERE true").Refused("public.visits.number"),
		S("INSERT INTO turns (code) VALUES (nextval('turns_id_seq'))").Refused("public.turns.code"),
		S("SELECT id FROM visits WHERE at < clock_timestamp()").Refused("public.visits.at"))
}

// What the server finds wrong in such an expression it finds at Parse, at its place.
func TestMistakesInComputedValues(t *testing.T) {
	pair := harness.New(t, computedSchema)
	pair.Both(`DROP EXTENSION "uuid-ossp"`)
	e := &errorTwins{t: t, twin: raw(t, pair.TwinURL()), sealed: raw(t, pair.URL())}
	for _, around := range [][2]string{{"SELECT 1", "SELECT 2"}, {"BEGIN", "ROLLBACK"}} {
		for _, sql := range []string{
			"INSERT INTO visits (id, token) VALUES ($1, uuid_generate_v4())",
			"INSERT INTO visits (id, person, day) VALUES ($1, 'ä', CURRENT_DATE + current_user)",
			"SELECT id FROM visits WHERE person = $1 AND at = date_trunc('day', now(), 1, 2)",
		} {
			e.simple(around[0])
			e.extended(sql, nil)
			e.extended("INSERT INTO visits (id, day) VALUES ($1, CURRENT_DATE) RETURNING id", []string{"1"})
			e.simple(around[1])
			e.simple("DELETE FROM visits")
		}
	}
}

// What only one side can show: values that differ from run to run. Outside of a
// transaction block the value is that of the statement's own transaction.
func TestComputedValuesAreThoseOfTheStatement(t *testing.T) {
	pair := harness.New(t, computedSchema)
	for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeSimpleProtocol, pgx.QueryExecModeExec, pgx.QueryExecModeCacheStatement} {
		t.Run(mode.String(), func(t *testing.T) {
			pair.Empty()
			conn := pair.Connect(t, pair.URL())
			for id := range 3 {
				before := time.Now().Add(-time.Second)
				_, err := conn.Exec(t.Context(), `INSERT INTO visits (id, at, plain, until, token, code) VALUES ($1, now(), now(), statement_timestamp(), gen_random_uuid(), uuid_generate_v4())`, mode, id)
				if err == nil {
					t.Fatal("now() beside statement_timestamp() was not refused")
				}
				if _, err = conn.Exec(t.Context(), `INSERT INTO visits (id, at, plain, token, code) VALUES ($1, now(), now(), gen_random_uuid(), uuid_generate_v4())`, mode, id); err != nil {
					t.Fatal(err)
				}
				if _, err = conn.Exec(t.Context(), `UPDATE visits SET until = statement_timestamp() AT TIME ZONE 'utc' WHERE id = $1`, mode, id); err != nil {
					t.Fatal(err)
				}
				var at, plain, until time.Time
				if err := conn.QueryRow(t.Context(), "SELECT at, plain, until FROM visits WHERE id = $1", mode, id).Scan(&at, &plain, &until); err != nil {
					t.Fatal(err)
				}
				if !at.Equal(plain) || at.Before(before) || until.Before(before) || until.After(time.Now().Add(time.Second)) {
					t.Errorf("at %v, plain %v, until %v", at, plain, until)
				}
			}
			if _, err := conn.Exec(t.Context(), "INSERT INTO visits (id, token, code) VALUES (10, gen_random_uuid(), 'a'), (11, gen_random_uuid(), 'b')", mode); err != nil {
				t.Fatal(err)
			}
			if _, err := conn.Exec(t.Context(), "UPDATE visits SET token = gen_random_uuid(), code = substr(md5(random()::text), 1, 30) WHERE id = $1", mode, 11); err != nil {
				t.Fatal(err)
			}
			var tokens, codes int
			if err := conn.QueryRow(t.Context(), "SELECT count(DISTINCT token), count(code) FROM visits", mode).Scan(&tokens, &codes); err != nil {
				t.Fatal(err)
			}
			if tokens != 5 || codes != 5 {
				t.Errorf("%d different tokens, %d codes", tokens, codes)
			}
			// The transaction that the question has begun is over.
			var status string
			if err := conn.QueryRow(t.Context(), "SELECT (now() = statement_timestamp())::text", pgx.QueryExecModeSimpleProtocol).Scan(&status); err != nil || status != "true" {
				t.Errorf("%q, %v", status, err)
			}
			other := pair.Connect(t, pair.ServerURL())
			var rows int
			if err := other.QueryRow(t.Context(), "SELECT count(*) FROM visits").Scan(&rows); err != nil || rows != 5 {
				t.Errorf("%d rows are committed, %v", rows, err)
			}
		})
	}
}
