package integration

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"pgseal/integration/harness"
)

var defaultsSchema = harness.Schema{
	DDL: `CREATE TYPE mood AS ENUM ('sad', 'ok');
		CREATE SEQUENCE numbers; CREATE SEQUENCE codes;
		CREATE FUNCTION label() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN 'label'; END $$;
		CREATE TABLE logs (id int PRIMARY KEY, at timestamptz NOT NULL DEFAULT now(), day date DEFAULT CURRENT_DATE,
			until timestamp(3) DEFAULT (now() AT TIME ZONE 'utc'), token uuid DEFAULT gen_random_uuid(), who varchar(30) DEFAULT CURRENT_USER,
			number int DEFAULT nextval('numbers'), code text DEFAULT ('N-é-' || nextval('codes')), note text DEFAULT 'plain note',
			felt mood DEFAULT (CASE WHEN now() IS NULL THEN 'sad' ELSE 'ok' END)::mood, more int DEFAULT 7, UNIQUE (number));
		CREATE TABLE made (id int PRIMARY KEY, label text DEFAULT label(), plain timestamptz DEFAULT now());
		CREATE VIEW few AS SELECT id, note FROM logs;
		CREATE TABLE parts (id int, at timestamptz DEFAULT now(), n serial) PARTITION BY LIST (id);
		CREATE TABLE part1 PARTITION OF parts FOR VALUES IN (1, 2);
		ALTER TABLE part1 ALTER at SET DEFAULT now() - '1 day'::interval`,
	Seal: []string{"public.logs.at --equality", "public.logs.day --equality", "public.logs.until --equality", "public.logs.token", "public.logs.who --equality",
		"public.logs.number --equality", "public.logs.code --equality", "public.logs.note --equality", "public.logs.felt --equality",
		"public.made.label", "public.parts.at --equality", "public.parts.n --equality"},
}

// sameLogs shows of logs what is the same on both sides, in the transaction that
// wrote it.
const sameLogs = `SELECT id, at = now() AS a, day = CURRENT_DATE AS d, until = (now() AT TIME ZONE 'utc')::timestamp(3) AS u, token IS NULL AS t, who, number, code, note, felt, more FROM logs ORDER BY id`

// A row that is not given a value gets what the plain database would have computed.
func TestComputedDefaults(t *testing.T) {
	pair := harness.New(t, defaultsSchema)
	pair.SameIn(t, computedModes,
		S("ALTER SEQUENCE numbers RESTART"), S("ALTER SEQUENCE codes RESTART"),
		S("BEGIN"),
		S("INSERT INTO logs (id) VALUES (1)"),
		S("INSERT INTO logs (id, note, who) VALUES ($1, $2, DEFAULT), ($3, DEFAULT, $4)", "2", "two", "3", "me"),
		S("INSERT INTO logs AS l (id, at, number, felt) VALUES (4, DEFAULT, DEFAULT, 'sad'), (5, '2024-01-01', 100, DEFAULT) RETURNING l.id, l.at = now(), l.number, code, felt"),
		S("INSERT INTO logs VALUES (6)"),
		S("INSERT INTO logs VALUES ($1, now(), DEFAULT, DEFAULT, DEFAULT, 'x', DEFAULT, 'code')", "7"),
		S("SELECT lastval(), currval('numbers'), currval('codes')"),
		S("INSERT INTO logs (id, number, code, token) SELECT id + 10, NULL, NULL, NULL FROM logs WHERE id < 3"),
		S("INSERT INTO logs (id, number, code, token) SELECT 20, NULL, NULL, NULL WHERE NOT EXISTS (SELECT FROM logs WHERE id = $1)", "20"),
		S("INSERT INTO logs (id, number) VALUES (21, DEFAULT) ON CONFLICT (number) DO UPDATE SET note = EXCLUDED.note, at = DEFAULT RETURNING at = now(), number"),
		S("INSERT INTO logs (id, code) VALUES (1, 'again') ON CONFLICT (id) DO UPDATE SET at = DEFAULT, day = EXCLUDED.day, note = DEFAULT, code = EXCLUDED.code"),
		S("INSERT INTO logs (id) VALUES (1) ON CONFLICT DO NOTHING"), // and counts
		S("UPDATE logs SET at = DEFAULT, until = DEFAULT, who = DEFAULT, more = DEFAULT WHERE id > $1", "4"),
		S("UPDATE logs SET (token, felt) = (DEFAULT, DEFAULT), at = '2020-01-01' WHERE id = 5"),
		S(sameLogs),
		S("WITH x AS (INSERT INTO logs (id) VALUES ($1) RETURNING id, at = now() AS a, number, code) SELECT * FROM x", "30"),
		S("INSERT INTO logs (id, at) VALUES (31, NULL)").Fails("23502"),
		S("ROLLBACK"),
		S("BEGIN"),
		S("INSERT INTO logs (id, number) VALUES (40, 1), (41, DEFAULT)"),
		S("INSERT INTO made (id) VALUES (1)"),
		S("INSERT INTO made DEFAULT VALUES").Fails("23502"),
		S("ROLLBACK"),
		S("BEGIN"),
		S("INSERT INTO made (id, plain) VALUES (1, DEFAULT) RETURNING label, plain = now()"),
		S("INSERT INTO parts (id) VALUES (1)"),
		S("INSERT INTO part1 (id) VALUES (2)"),
		S("SELECT id, at = now() AS a, at = now() - interval '1 day' AS y, n FROM parts ORDER BY id"),
		S("SET LOCAL timezone = 'Asia/Tokyo'"),
		S("INSERT INTO logs (id) VALUES (42)"),
		S(sameLogs),
		S("ROLLBACK"),
		S("ALTER SEQUENCE parts_n_seq RESTART"))
	pair.SameIn(t, []harness.Mode{harness.Simple, harness.PreparedBinary}, // PostgreSQL 14 knows no MERGE
		S("BEGIN"),
		S("INSERT INTO logs (id) VALUES (1)"),
		S("MERGE INTO logs l USING (VALUES (1), (2)) AS n (id) ON l.id = n.id WHEN MATCHED THEN UPDATE SET at = DEFAULT, who = 'old' WHEN NOT MATCHED THEN INSERT (id, number, code, token) VALUES (n.id, NULL, NULL, NULL)"),
		S("SELECT id, at = now(), who, note, felt FROM logs ORDER BY id"),
		S("ROLLBACK"))
	pair.SameIn(t, []harness.Mode{harness.Simple, harness.PreparedBinary},
		S("INSERT INTO logs (id) SELECT id FROM made").Refused("public.logs.token"),
		S("UPDATE logs SET token = DEFAULT").Refused("public.logs.token"),
		S("UPDATE logs SET number = DEFAULT WHERE id = 1").Refused("public.logs.number"),
		S("INSERT INTO logs (id, more) VALUES (1, nextval('numbers'))").Refused("public.logs.number"),
		S("INSERT INTO made (id) VALUES (1), (2)").Refused("public.made.label"),
		S("INSERT INTO few (id) VALUES (1)").Refused("computed by pgseal"),
		S("SELECT count(*) FROM logs"))
	// What the transaction itself has changed holds in it.
	pair.SameIn(t, []harness.Mode{harness.Simple, harness.PreparedBinary},
		S("INSERT INTO made (id) VALUES (1)"),
		S("BEGIN"),
		S("CREATE TABLE further (id int)"),
		S("INSERT INTO made (id) VALUES (2)"),
		S("ALTER TABLE made ALTER label DROP DEFAULT"),
		S("INSERT INTO made (id) VALUES (3)"),
		S("SELECT id, label FROM made ORDER BY id"),
		S("ALTER TABLE made ALTER label SET DEFAULT current_user"),
		S("INSERT INTO made (id) VALUES (4)"),
		S("SELECT id, label FROM made ORDER BY id"),
		S("ROLLBACK"),
		S("ALTER TABLE made ALTER label DROP DEFAULT"),
		S("INSERT INTO made (id) VALUES (4)"),
		S("SELECT id, label FROM made ORDER BY id"),
		S("DELETE FROM made"),
		S("ALTER TABLE made ALTER label SET DEFAULT session_user"),
		S("INSERT INTO made (id) VALUES (1), (2)"),
		S("ALTER TABLE made ALTER label SET DEFAULT 'it''s'"),
		S("INSERT INTO made (id) VALUES (3)"),
		S("SELECT id, label FROM made ORDER BY id"),
		S("SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE adrelid = 'made'::regclass AND adnum = 2"),
		S("ALTER TABLE made ALTER label SET DEFAULT 'x' || random()").Refused("public.made.label"),
		S("ALTER TABLE made ALTER label SET DEFAULT label()"),
		S("INSERT INTO made (id) VALUES (4) RETURNING label"),
		S("DELETE FROM made"))
	pair.SameIn(t, []harness.Mode{harness.Simple},
		S("INSERT INTO logs (id, number, code) VALUES (50, NULL, NULL); UPDATE logs SET at = now(), who = 'x'; INSERT INTO logs (id, number, code, day) VALUES (51, NULL, NULL, NULL)"),
		S("SELECT count(*), count(DISTINCT at), count(token), count(day) FROM logs"),
		S("INSERT INTO logs (id, number, code) VALUES (52, NULL, NULL); INSERT INTO logs (id, number, code) VALUES (50, NULL, NULL)").Fails("23505"),
		S("SELECT id, who, more FROM logs ORDER BY id"),
		S("BEGIN"),
		S("DELETE FROM logs WHERE id = 50; INSERT INTO logs (id, number, code) VALUES (52, NULL, NULL)"),
		S(sameLogs),
		S("INSERT INTO logs (id, number, code) VALUES (53, NULL, NULL); INSERT INTO logs (id, at) VALUES (54, NULL)").Fails("23502"),
		S("ROLLBACK"),
		S("DELETE FROM logs"))
	// And what a statement of the same text has.
	pair.SameIn(t, []harness.Mode{harness.Simple},
		S("ALTER TABLE logs ALTER note SET DEFAULT current_user; INSERT INTO logs (id, number, code) VALUES (60, NULL, NULL); UPDATE logs SET who = DEFAULT"),
		S("PREPARE noted AS INSERT INTO logs (id, number, code) VALUES ($1, NULL, NULL)"),
		S("ALTER TABLE logs ALTER note SET DEFAULT 'other'; EXECUTE noted(61); ALTER TABLE logs ALTER note SET DEFAULT session_user; EXECUTE noted(62)"),
		S("SELECT id, note, who FROM logs ORDER BY id"),
		S("BEGIN; ALTER TABLE logs ALTER note SET DEFAULT 'x'; ALTER TABLE logs ALTER note SET DEFAULT user; WITH w AS (INSERT INTO logs (id, number, code) VALUES (63, NULL, NULL) RETURNING note) SELECT * FROM w; ROLLBACK"),
		S("CREATE TABLE like_logs (LIKE logs INCLUDING ALL); INSERT INTO like_logs (id, number, code) VALUES (1, NULL, NULL); SELECT note, at = now() FROM like_logs; DROP TABLE like_logs"),
		S("DEALLOCATE noted; DELETE FROM logs"),
		S("ALTER TABLE logs ALTER note SET DEFAULT 'plain note'"))
	pair.SameIn(t, []harness.Mode{harness.Simple}, S("COPY logs (id) FROM STDIN").Refused("public.logs.number"))
}

// The server never stores what it computes itself.
func TestComputedDefaultsNeedPgseal(t *testing.T) {
	pair := harness.New(t, defaultsSchema)
	conn := pair.Connect(t, pair.ServerURL())
	for _, sql := range []string{"INSERT INTO logs (id) VALUES (1)", "INSERT INTO logs DEFAULT VALUES", "UPDATE logs SET at = DEFAULT"} {
		_, _ = conn.Exec(t.Context(), "INSERT INTO logs VALUES (9, NULL)")
		if _, err := conn.Exec(t.Context(), sql); err == nil && !strings.HasPrefix(sql, "UPDATE") {
			t.Errorf("%s: stored", sql)
		} else if err != nil && !strings.Contains(err.Error(), "0A000") {
			t.Errorf("%s: %v", sql, err)
		}
	}
	var rows int
	if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM logs").Scan(&rows); err != nil || rows != 0 {
		t.Errorf("%d rows, %v", rows, err)
	}
}

// Outside of a transaction block the time is that of the statement's own
// transaction, and two rows have two tokens.
func TestComputedDefaultsAreThoseOfTheStatement(t *testing.T) {
	pair := harness.New(t, defaultsSchema)
	for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeSimpleProtocol, pgx.QueryExecModeExec, pgx.QueryExecModeCacheStatement} {
		t.Run(mode.String(), func(t *testing.T) {
			pair.Empty()
			conn := pair.Connect(t, pair.URL())
			for id := range 4 {
				var same bool
				if err := conn.QueryRow(t.Context(), "INSERT INTO logs (id) VALUES ($1) RETURNING at = now()", mode, id).Scan(&same); err != nil || !same {
					t.Fatalf("%v, %v", same, err)
				}
			}
			if _, err := conn.Exec(t.Context(), "INSERT INTO logs (id) VALUES ($1), ($2)", mode, 10, 11); err != nil {
				t.Fatal(err)
			}
			batch := &pgx.Batch{}
			for id := range 3 {
				batch.Queue("INSERT INTO logs (id) VALUES ($1)", 20+id)
			}
			if err := conn.SendBatch(t.Context(), batch).Close(); err != nil {
				t.Fatal(err)
			}
			tokens := map[[16]byte]bool{}
			rows, err := conn.Query(t.Context(), "SELECT token FROM logs", mode)
			if err != nil {
				t.Fatal(err)
			}
			all, err := pgx.CollectRows(rows, pgx.RowTo[[16]byte])
			if err != nil {
				t.Fatal(err)
			}
			for _, token := range all {
				tokens[token] = true
			}
			if len(tokens) != 9 {
				t.Errorf("%d different tokens in %d rows", len(tokens), len(all))
			}
		})
	}
}

// The catalogs show such a default as the plain database does, and unsealing brings
// it back.
func TestComputedDefaultsAreShown(t *testing.T) {
	pair := harness.New(t, defaultsSchema)
	const printed = "SELECT c.relname::text, a.attname::text, pg_get_expr(d.adbin, d.adrelid), pg_get_expr(d.adbin, d.adrelid, true) FROM pg_attrdef d JOIN pg_attribute a ON (d.adrelid, d.adnum) = (a.attrelid, a.attnum) JOIN pg_class c ON c.oid = d.adrelid WHERE c.relname IN ('logs', 'made', 'parts', 'part1') ORDER BY 1, a.attnum"
	pair.SameIn(t, []harness.Mode{harness.Simple, harness.PreparedBinary},
		S(printed),
		S("SELECT table_name::text, column_name::text, column_default::text FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, ordinal_position"),
		S("SELECT pg_get_serial_sequence('parts', 'n')"))
	// What the server computes with the text of a computed default, and cuts off that
	// of a constant.
	pair.SameIn(t, []harness.Mode{harness.Simple, harness.PreparedBinary},
		S(`SELECT table_name::text, column_name::text, column_default LIKE 'nextval(%' AS serial, column_default = 'now()' AS now, length(column_default), upper(column_default),
			CASE WHEN column_default ~ '^nextval' THEN NULL ELSE column_default END
			FROM information_schema.columns WHERE table_schema = 'public' AND column_name <> 'note' ORDER BY 1, ordinal_position`),
		S("SELECT pg_get_expr(adbin, adrelid), count(*) FROM pg_attrdef d JOIN pg_class c ON c.oid = d.adrelid WHERE c.relname IN ('logs', 'made', 'parts') AND adnum <> 9 GROUP BY pg_get_expr(adbin, adrelid) ORDER BY pg_get_expr(adbin, adrelid)"),
		S(`SELECT substring(column_default FROM '^''(.*)''::.*$'), split_part(column_default, '::', 1) FROM information_schema.columns WHERE column_name = 'note' ORDER BY table_name`),
		S("SELECT left(column_default, 20) FROM information_schema.columns WHERE column_name = 'note'").Refused("cannot be computed with"),
		S("SET standard_conforming_strings = off"),
		S("SELECT count(*) FROM information_schema.columns WHERE column_default = 'now()'"))
	pair.Pgseal("seal", "public.logs.token", "--equality") // a further term
	pair.SameIn(t, []harness.Mode{harness.Simple}, S(printed))
	for _, column := range []string{"public.logs.at", "public.logs.number", "public.logs.code", "public.logs.token", "public.parts.n", "public.parts.at", "public.made.label"} {
		pair.Pgseal("unseal", column)
	}
	direct := pair.Connect(t, pair.ServerURL())
	const wanted = `SELECT string_agg(pg_get_expr(adbin, adrelid), ', ' ORDER BY adnum) FROM pg_attrdef WHERE adrelid = 'logs'::regclass AND adnum IN (2, 5, 7, 8)`
	var got string
	if err := direct.QueryRow(t.Context(), wanted).Scan(&got); err != nil || got != "now(), gen_random_uuid(), nextval('numbers'::regclass), ('N-é-'::text || nextval('codes'::regclass))" {
		t.Errorf("%s, %v", got, err)
	}
	pair.SameIn(t, []harness.Mode{harness.Simple}, S(printed), S("INSERT INTO parts (id) VALUES (1) RETURNING n"))
}
