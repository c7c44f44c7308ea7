package integration

import (
	"testing"

	"pgseal/integration/harness"
)

var recordSchema = harness.Schema{
	DDL: `CREATE TYPE mood AS ENUM ('sad', 'glad'); CREATE DOMAIN positive AS int CHECK (VALUE > 0); CREATE DOMAIN given AS text NOT NULL;
		CREATE TABLE people (id int PRIMARY KEY, name text, ssn varchar(11), age smallint, born date, seen timestamptz, price numeric(8,2), ratio float8,
			ok boolean, uid uuid, doc json, docb jsonb, raw bytea, now mood, n positive, pad char(5), tags text[], plain text, plaindoc json);
		CREATE TABLE strict (id int PRIMARY KEY, word given)`,
	Seal: []string{"public.people.name --equality", "public.people.ssn --equality", "public.people.age", "public.people.born", "public.people.seen",
		"public.people.price --equality", "public.people.ratio", "public.people.ok", "public.people.uid", "public.people.doc", "public.people.docb", "public.people.raw", "public.people.now",
		"public.people.n", "public.people.pad", "public.strict.word"},
}

var recordModes = []harness.Mode{harness.Simple, harness.Unnamed, harness.Typed, harness.PreparedText, harness.PreparedBinary, harness.SQLPrepare}

// Rows that come as one JSON document are stored, searched and joined, as job queues and
// REST servers send them.
func TestRecordsOfJSON(t *testing.T) {
	pair := harness.New(t, recordSchema)
	const all = "SELECT id, name, ssn, age, born, seen, price, ratio, ok, uid, doc, docb, raw, now, n, pad, plain, plaindoc FROM people ORDER BY id"
	const rows = `[{"id": 1, "name": "Ann \"é\" \u00e9", "ssn": "123-45-6789", "age": 40, "born": "2000-02-29", "seen": "2024-05-01T10:20:30Z", "price": 19.995, "ratio": 1e-3, "ok": true,
		"uid": "0f8fad5b-d9cb-469f-a165-70867728950e", "doc": {"a": [1, "x"], "b":null}, "docb": {"b": 1.50, "a": "y"}, "raw": "\\x00ff", "now": "glad", "n": 3, "pad": "ab", "plain": "p", "plaindoc": {"k": 1}},
		{"id": 2, "name": null, "ssn": "", "doc": "text", "docb": "text", "price": "7", "age": "5", "unknown": "x", "name": "last"},
		{"name": {"in": ["text"]}, "id": 3, "doc": [1], "docb": [ 1,2 ], "plain": 5, "ok": "off"}, {"id": 4, "name": 12.50, "plain": null, "born": "infinity"}, {"id": 5}]`
	const columns = "id int, name text, ssn varchar(11), age smallint, born date, seen timestamptz, price numeric(8,2), ratio float8, ok boolean, uid uuid, doc json, docb jsonb, raw bytea, now mood, n positive, pad char(5), plain text, plaindoc json"
	const names = "id, name, ssn, age, born, seen, price, ratio, ok, uid, doc, docb, raw, now, n, pad, plain, plaindoc"
	pair.SameIn(t, recordModes,
		S("SET timezone = 'Europe/Berlin'"),
		S("INSERT INTO people ("+names+") SELECT "+names+" FROM json_to_recordset($1) AS x ("+columns+")", rows),
		S(all),
		S("DELETE FROM people"),
		S("INSERT INTO people ("+names+") SELECT x.* FROM jsonb_to_recordset($1::jsonb) AS x ("+columns+") RETURNING *", rows),
		S("SELECT id FROM people WHERE name = $1", "12.50"),
		S("SELECT id FROM people WHERE price = 20"),
		S("DELETE FROM people"),
		S("INSERT INTO people SELECT * FROM json_populate_recordset(NULL::people, $1) WHERE id < 3", rows),
		S("INSERT INTO people SELECT r.* FROM jsonb_populate_recordset(null::public.people, CAST($1 AS jsonb)) AS r WHERE r.id >= 3 RETURNING name, docb", rows),
		S(all),
		// Of one object.
		S("INSERT INTO people (id, name, ssn) SELECT id, name, ssn FROM json_to_record($1::json) AS x (id int, ssn varchar(11), name text, missing text) RETURNING *", `{"id": 6, "name": "Eve", "ssn": "6", "secret": "z"}`),
		S("INSERT INTO people (id, name) SELECT id, name FROM jsonb_populate_record(NULL::people, $1) RETURNING name", `{"id": 7, "name": "Fay", "age": 7}`),
		S("SELECT name, age, doc FROM json_populate_record(NULL::people, $1) AS p WHERE p.name = 'Gil'", `{"name": "Gil", "age": 8, "doc": {"a":  1}}`),
		// As PostgREST sends them, and pg-boss.
		S(`WITH pgrst_source AS (INSERT INTO "public"."people" ("id", "name", "price") SELECT "pgrst_body"."id", "pgrst_body"."name", "pgrst_body"."price"
			FROM (SELECT $1::json AS json_data) pgrst_payload, LATERAL (SELECT "id", "name", "price" FROM json_to_recordset(pgrst_payload.json_data) AS _("id" integer, "name" text, "price" numeric)) pgrst_body
			RETURNING "public"."people"."id", "public"."people"."name") SELECT id, name FROM pgrst_source ORDER BY id`, `[{"id": 20, "name": "a", "price": 1.005}, {"id": 21, "name": "b"}]`),
		S(`WITH pgrst_source AS (UPDATE "public"."people" SET "name" = "pgrst_body"."name", "age" = "pgrst_body"."age"
			FROM (SELECT $1::json AS json_data) pgrst_payload, LATERAL (SELECT "name", "age" FROM json_to_record(pgrst_payload.json_data) AS _("name" text, "age" smallint)) pgrst_body
			WHERE "public"."people"."id" = 20 RETURNING "public"."people".*) SELECT name, age FROM pgrst_source`, `{"name": "c", "age": 9}`),
		S(`INSERT INTO people (id, name, ssn, plain) SELECT id, name, ssn, COALESCE(plain, 'none') FROM (SELECT *, id + 1 AS other FROM json_to_recordset($1) AS x (id int, name text, ssn text, plain text)) j
			ON CONFLICT (id) DO UPDATE SET name = EXCLUDED.name, plain = EXCLUDED.plain RETURNING id, name, ssn, plain`, `[{"id": 30, "name": "n", "ssn": "s"}, {"id": 20, "name": "again", "plain": "q"}]`),
		// Many rows at once, by the key and by a value.
		S("UPDATE people p SET name = x.name FROM json_to_recordset($1) AS x (id int, name text) WHERE p.id = x.id RETURNING p.id, p.name", `[{"id": 30, "name": "m"}]`),
		S("UPDATE people p SET age = x.age FROM json_to_recordset($1) AS x (name text, age smallint) WHERE p.name = x.name RETURNING p.id, p.age", `[{"name": "m", "age": 3}, {"name": "nobody", "age": 4}]`),
		S("SELECT p.id FROM people p JOIN jsonb_to_recordset($1) AS x (name text) ON x.name = p.name ORDER BY 1", `[{"name": "Eve"}, {"name": "c"}]`),
		S("DELETE FROM people WHERE name IN (SELECT name FROM json_to_recordset($1) AS x (name text)) RETURNING id", `[{"name": "Eve"}, {"name": null}]`),
		S("SELECT count(*) FROM json_to_recordset($1) AS x (id int, name text)", `[{"id": 1, "name": "x"}]`),
		S("SELECT x.* FROM json_to_recordset($1) AS x (id int, name text), people p WHERE p.id = 30", `[{"id": 1, "name": "x"}]`),
		S("INSERT INTO people (id, name) SELECT id, name FROM json_to_recordset($1) AS x (id int, name text)", nil),
		S("INSERT INTO people (id, born) SELECT id, born::date FROM json_to_recordset($1) AS x (id int, born text) RETURNING born", `[{"id": 40, "born": "2024-01-31"}]`),
		S("INSERT INTO people (id, name) SELECT id, ratio FROM json_to_recordset($1) AS x (id int, ratio float8) RETURNING name", `[{"id": 41, "ratio": 0.10}]`),
		S("INSERT INTO people (id, name) SELECT id, raw FROM json_to_recordset($1) AS x (id int, raw jsonb) RETURNING name", `[{"id": 42, "raw": {"b":1,"a":2}}]`),
		S(all),
		// Mistakes are PostgreSQL's.
		S("INSERT INTO people (id, name) SELECT id, name FROM json_to_recordset($1::json) AS x (id int, name text)", `[{"id": 1, "name": "x"`).Fails("22P02"),
		S("INSERT INTO people (id, name) SELECT id, name FROM json_to_recordset($1::json) AS x (id int, name text)", `{"id": 1, "name": "x"}`).Fails("22023"),
		S("INSERT INTO people (id, name) SELECT id, name FROM json_to_recordset($1::json) AS x (id int, name text)", `"secret"`).Fails("22023"),
		S("INSERT INTO people (id, name) SELECT id, name FROM json_to_recordset($1::json) AS x (id int, name text)", `[{"id": 1}, "secret"]`).Fails("22023"),
		S("INSERT INTO people (id, name) SELECT id, name FROM json_to_record($1::json) AS x (id int, name text)", `[{"name": "secret"}]`).Fails("22023"),
		S("INSERT INTO people (id, name) SELECT id, name FROM json_to_recordset($1::json) AS x (id int, name text)", `[{"id": 1, "name": "\u0000"}]`).Fails("22P05"),
		S("INSERT INTO people (id, age) SELECT id, age FROM json_to_recordset($1::json) AS x (id int, age smallint)", `[{"id": 1, "age": 40000}]`).Fails("22003"),
		S("INSERT INTO people (id, age) SELECT id, age FROM json_to_recordset($1::json) AS x (id int, age smallint)", `[{"id": 1, "age": "many"}]`).Fails("22P02"),
		S("INSERT INTO people (id, ssn) SELECT id, ssn FROM json_to_recordset($1::json) AS x (id int, ssn varchar(11))", `[{"id": 1, "ssn": "123456789012"}]`).Fails("22001"),
		S("INSERT INTO people (id, ssn) SELECT id, ssn FROM json_to_recordset($1::json) AS x (id int, ssn text)", `[{"id": 1, "ssn": "123456789012"}]`).Fails("22001"),
		S("INSERT INTO people SELECT * FROM json_populate_recordset(NULL::people, $1)", `[{"id": 1, "n": 0}]`).Fails("23514"),
		S("INSERT INTO people (id, age) SELECT id, age FROM json_to_recordset($1) AS x (id int, age text)", "[]").Fails("42804"),
		S("SELECT 1 FROM people p JOIN json_to_recordset($1) AS x (name int) ON p.name = x.name", "[]").Fails("42883"),
		S(all))
	pair.SameIn(t, []harness.Mode{harness.Simple, harness.PreparedBinary},
		S("SELECT 1 FROM json_to_recordset($1::jsonb) AS x (name text)", "[]").Fails("42883"),
		S("INSERT INTO people (id, tags, name) SELECT id, tags, name FROM json_to_recordset($1) AS x (id int, tags text[], name text) RETURNING tags, name", `[{"id": 50, "tags": ["a", "b"], "name": "x"}]`),
		S("INSERT INTO people (id, name) SELECT id, upper(name) FROM json_to_recordset($1) AS x (id int, name text)", "[]").Refused("public.people.name"),
		S("INSERT INTO people (id, ssn) SELECT id, ssn FROM json_to_recordset($1) AS x (id int, ssn varchar(5))", "[]").Refused("public.people.ssn"),
		S("INSERT INTO people (id, name, plain) SELECT id, name, name FROM json_to_recordset($1) AS x (id int, name text)", "[]").Refused("public.people.name"),
		S("INSERT INTO strict SELECT * FROM json_populate_recordset(NULL::strict, $1)", "[]").Refused("public.strict.word"),
		S("INSERT INTO people (id, name) SELECT id, name FROM json_to_recordset((SELECT plaindoc FROM people)) AS x (id int, name text)").Refused("public.people.name"),
		S("SELECT name FROM json_populate_recordset(NULL::people, $1) UNION SELECT name FROM people ORDER BY 1", "[]"),
		S("SELECT p.id FROM people p JOIN json_populate_recordset(NULL::people, $1) x USING (name)", "[]").Refused("public.people.name"),
		S("CREATE VIEW v AS SELECT name FROM json_populate_recordset(NULL::people, '[{\"name\": \"x\"}]')").Refused("public.people.name"))
}

// Neither sealed members reach the server, nor those of which no column is made.
func TestRecordsOfJSONAreNotSeen(t *testing.T) {
	pair := harness.New(t, recordSchema)
	w := pair.Env.Canaries.Text()
	const insert = "INSERT INTO people (id, name) SELECT id, name FROM json_to_recordset($1::json) AS x (id int, name text) RETURNING name"
	pair.SameIn(t, recordModes,
		S(insert, `[{"id": 1, "name": "`+w+`", "ssn": "`+w+`"}, {"name": "`+w+`", "id": 2, "na\u006de": "", "x": {"name": "`+w+`"}}]`),
		S(insert, `[{"id": 3}, "`+w+`"]`).Fails("22023"),
		S(insert, `{"name": "`+w+`"}`).Fails("22023"),
		S(insert, `[{"id": "x", "name": "`+w+`"}]`).Fails("22P02"),
		S("INSERT INTO people (id, name) SELECT id, name FROM jsonb_populate_recordset(NULL::people, $1) RETURNING name", `[{"id": 4, "name": "`+w+`", "doc": "`+w+`", "x": "`+w+`"}]`),
		S("SELECT id FROM people WHERE name = $1 ORDER BY id", w))
}

// A function of one's own that has such a name, and reads what is sealed, is not called.
func TestFunctionsCalledLikeThoseOfRecords(t *testing.T) {
	pair := harness.New(t, recordSchema)
	pair.Both("CREATE FUNCTION json_to_recordset(int) RETURNS SETOF text LANGUAGE sql AS 'SELECT name FROM people'")
	pair.SameIn(t, []harness.Mode{harness.Simple, harness.PreparedBinary},
		S("INSERT INTO people (id, name) SELECT id, name FROM json_to_recordset($1) AS x (id int, name text)", "[]").Refused("public.people.name"))
}

// A document in another encoding than UTF-8 arrives as it is.
func TestRecordsOfJSONInAnotherEncoding(t *testing.T) {
	pair := harness.New(t, recordSchema)
	for _, url := range []string{pair.TwinURL(), pair.URL()} {
		conn := raw(t, url)
		if err := conn.Exec(t.Context(), "SET client_encoding = LATIN1").Close(); err != nil {
			t.Fatal(err)
		}
		if err := conn.Exec(t.Context(), "INSERT INTO people (id, name, plain) SELECT * FROM json_to_recordset('[{\"id\": 1, \"name\": \"\xe9\", \"plain\": \"\xe8\"}]') AS x (id int, name text, plain text)").Close(); err != nil {
			t.Fatal(err)
		}
		r := conn.ExecParams(t.Context(), "INSERT INTO people (id, name, plain) SELECT * FROM jsonb_to_recordset($1) AS x (id int, name text, plain text) RETURNING name, plain", [][]byte{[]byte("[{\"id\": 2, \"name\": \"\xe9\", \"plain\": \"\xe8\"}]")}, nil, nil, nil).Read()
		if r.Err != nil || len(r.Rows) != 1 || string(r.Rows[0][0]) != "\xe9" || string(r.Rows[0][1]) != "\xe8" {
			t.Errorf("%q %v", r.Rows, r.Err)
		}
		r = conn.ExecParams(t.Context(), "SELECT name = 'é', plain FROM people WHERE name = '\xe9' ORDER BY id", nil, nil, nil, nil).Read()
		if len(r.Rows) != 2 || string(r.Rows[0][1]) != "\xe8" {
			t.Errorf("%q %v", r.Rows, r.Err)
		}
	}
}
