package integration

import (
	"testing"

	"pgseal/integration/harness"
)

// Documents of type json, which keep their text.
func TestJSONColumns(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL:  `CREATE TABLE notes (id int PRIMARY KEY, doc json, key text, at int, plain text)`,
		Seal: []string{"public.notes.doc", "public.notes.key", "public.notes.at"},
	})
	w := pair.Env.Canaries.Text()
	v := pair.Env.Canaries.Text()
	pair.SameIn(t, formulaModes,
		S(`INSERT INTO notes VALUES (1, '{"a": {"b": "`+w+`",  "c": [1, {"d": null}] }, "city": "`+v+`"}', 'a', 0, 'a'), (2, '{"a" : "x\n\u00e9", "score": 5, "city":"Bern", "city" : "Basel", "": {}}', 'score', 1, 'score'), (3, ' [1, [2, 3] , "z"]', '0', -1, '0'), (4, NULL, NULL, NULL, NULL), (5, ' 7 ', 'a', 0, NULL), (6, '{"a": null, "ok": true, "n": "1.5"}', '', 2, '')`),
		S("SELECT id, doc -> 'a', doc ->> 'a', doc -> 'city', doc ->> 'city', doc ->> '' FROM notes ORDER BY id"),
		S("SELECT id, doc -> 1, doc ->> -1, doc -> $1::int, doc ->> at FROM notes ORDER BY id", "0"),
		S("SELECT id, doc -> $1, doc ->> $1 FROM notes ORDER BY id", "city"),
		S("SELECT id, doc -> key, doc ->> plain, doc #> ARRAY[key] FROM notes ORDER BY id"),
		S("SELECT id, doc #> '{a,b}', doc #>> '{a,c,-1}', doc #> $1, doc #>> '{}' FROM notes ORDER BY id", "{a,c,0}"),
		S(`INSERT INTO notes (id, doc) VALUES (7, '""'), (8, '["", null]'), (9, '{"": ""}')`),
		S("SELECT id, doc #>> '{}' = '', doc #>> '{}' IS NULL, (doc -> 0) #>> '{}', (doc -> '') #>> '{}' IS NULL, doc ->> 0, doc ->> '' FROM notes WHERE id > 6 ORDER BY id"),
		S("SELECT id FROM notes WHERE doc #>> '{}' = '' OR (doc -> $1::int) #>> '{}' = '' OR (doc -> '') #>> '{}' IS NOT NULL ORDER BY id", "0"),
		S("SELECT id, coalesce(doc #>> '{}', 'none') FROM notes WHERE id > 6 ORDER BY id"),
		S("DELETE FROM notes WHERE id > 6"),
		S("SELECT id, doc -> 'a' ->> 'b', (doc -> 'a') -> 'c' -> 0, doc -> 'a' #>> '{c,1,d}' FROM notes ORDER BY id"),
		S("SELECT id, json_extract_path(doc, 'a', 'b'), json_extract_path_text(doc, $1), json_extract_path_text(doc, key) FROM notes ORDER BY id", "city"),
		S("SELECT id, json_typeof(doc), json_typeof(doc -> 'a'), doc::text FROM notes ORDER BY id"),
		S("SELECT id, json_array_length(doc) FROM notes WHERE id = 3"),
		S("SELECT json_array_length(doc -> 'a') FROM notes WHERE id = 1").Fails("22023"),
		S("SELECT json_array_length(doc) FROM notes WHERE id = 5").Fails("22023"),
		S("SELECT id FROM notes WHERE doc ->> 'city' = $1", v),
		S("SELECT id FROM notes WHERE (doc ->> 'city') = '"+v+"'"),
		S("SELECT id FROM notes WHERE doc -> 'a' ->> 'b' = $1 OR doc ->> 'city' LIKE 'Ba%'", w),
		S("SELECT id FROM notes WHERE doc ->> 'city' IN ('Basel', $1) ORDER BY id", v),
		S("SELECT id FROM notes WHERE (doc ->> 'score')::int > 4"),
		S("SELECT id, CAST(doc ->> 'score' AS numeric), (doc ->> 'n')::float8, CAST(doc ->> 'ok' AS boolean) FROM notes WHERE id IN (2, 6) ORDER BY id"),
		S("SELECT id FROM notes WHERE doc ->> 'ok' IS NOT NULL AND CAST(doc ->> 'ok' AS boolean) = true"),
		S("SELECT id FROM notes WHERE doc -> 'a' IS NULL ORDER BY id"),
		S("SELECT id FROM notes WHERE doc ->> 'a' IS NULL ORDER BY id"),
		S("SELECT id FROM notes WHERE json_typeof(doc) = 'object' ORDER BY id"),
		S("SELECT doc ->> 'city' AS city, count(*) FROM notes GROUP BY doc ->> 'city' ORDER BY 2 DESC LIMIT 1"),
		S("SELECT id FROM notes ORDER BY (doc ->> 'city') COLLATE \"C\" NULLS FIRST, id"),
		S("SELECT DISTINCT (doc ->> 'city') COLLATE \"C\" FROM notes ORDER BY 1"),
		S("SELECT max((doc ->> 'score')::int), count(doc -> 'a'), count(doc ->> 'a') FROM notes"),
		S("SELECT id, doc::jsonb -> 'city', (doc -> 'a')::jsonb, CAST(doc AS jsonb) ->> 'a' FROM notes ORDER BY id"),
		S("SELECT id FROM notes WHERE (doc -> 'score')::jsonb = '5'"),
		S("SELECT id FROM notes WHERE doc::jsonb @> '{\"score\": 5}'"),
		S("SELECT coalesce(doc -> 'score', '0') FROM notes WHERE id < 3 ORDER BY id"),
		S("SELECT CASE WHEN id > 1 THEN doc -> 'score' END FROM notes WHERE id < 3 ORDER BY id"),
		S("UPDATE notes SET doc = doc -> 'a' WHERE id = 1"),
		S("UPDATE notes SET key = doc ->> 'city' WHERE id = 2"),
		S("SELECT * FROM notes ORDER BY id"),
	)
}

// Statements as SQLAlchemy and Sequelize write them.
func TestJSONColumnsOfORMs(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL:  `CREATE TABLE notes (id int PRIMARY KEY, d json)`,
		Seal: []string{"public.notes.d"},
	})
	w := pair.Env.Canaries.Text()
	pair.SameIn(t, formulaModes,
		S(`INSERT INTO notes VALUES (1, '{"a": "`+w+`", "n": {"k": ["`+w+`", 2.5]}, "ok": true}'), (2, '{"a": 4, "n": null, "ok": false, "f": 2.5}'), (3, 'null'), (4, NULL)`),
		S("SELECT notes.d -> $1 AS anon_1 FROM notes ORDER BY id", "a"),
		S("SELECT notes.d #> $1 AS anon_1 FROM notes ORDER BY id", "{n,k}"),
		S("SELECT CAST(notes.d ->> $1 AS VARCHAR) AS anon_1 FROM notes ORDER BY id", "a"),
		S("SELECT CAST(notes.d ->> 'a' AS INTEGER) AS anon_1 FROM notes WHERE id = 2"),
		S("SELECT CAST(notes.d ->> 'a' AS INTEGER) AS anon_1 FROM notes WHERE id = 1").Fails("22P02"),
		S("SELECT CAST(notes.d ->> 'f' AS FLOAT) AS a, CAST(notes.d ->> 'f' AS NUMERIC(10, 6)) AS b, CAST(notes.d ->> 'ok' AS BOOLEAN) AS c FROM notes ORDER BY id"),
		S("SELECT CAST(notes.d #>> '{n, k, 1}' AS VARCHAR) AS anon_1 FROM notes ORDER BY id"),
		S("SELECT notes.id FROM notes WHERE CAST((notes.d ->> $1) AS VARCHAR) = $2", "a", w),
		S("SELECT notes.id FROM notes WHERE id = 2 AND CAST((notes.d ->> 'a') AS INTEGER) > $1", "3"),
		S("SELECT notes.id FROM notes WHERE CAST((notes.d ->> 'ok') AS BOOLEAN) = true"),
		S("SELECT notes.id FROM notes WHERE CAST(notes.d ->> 'ok' AS BOOLEAN)"),
		S("SELECT notes.id FROM notes WHERE NOT CAST(notes.d ->> 'ok' AS BOOLEAN) AND id > 0"),
		S("SELECT count(*) FROM notes WHERE (notes.d ->> 'ok')::bool OR notes.d ->> 'a' = '4'"),
		S("SELECT id, CASE WHEN (d ->> 'ok')::bool THEN 1 END FROM notes ORDER BY id"),
		S("SELECT id FROM notes WHERE (d ->> 'a')::bool AND id = 2").Fails("22P02"),
		S("UPDATE notes SET id = id WHERE (d ->> 'ok')::bool"),
		S("SELECT id FROM notes n WHERE EXISTS (SELECT FROM notes m WHERE m.id > n.id AND (m.d ->> 'f')::float8::int::bool) ORDER BY id"),
		S("SELECT notes.id FROM notes WHERE CAST((notes.d ->> 'f') AS FLOAT) = 2.5"),
		S("SELECT notes.id FROM notes WHERE CAST((notes.d -> 'a') AS VARCHAR) = $1", `"`+w+`"`),
		S("SELECT notes.id FROM notes WHERE CAST((notes.d #>> '{n, k, 0}') AS VARCHAR) = '"+w+"'"),
		S("SELECT notes.id FROM notes WHERE (notes.d -> $1) IS NULL ORDER BY id", "n"),
		S("SELECT notes.id FROM notes WHERE CAST((notes.d -> 'n') AS VARCHAR) = CAST('null' AS VARCHAR)"),
		S("SELECT notes.id FROM notes WHERE CAST(notes.d AS VARCHAR) = CAST('null' AS VARCHAR)"),
		S("SELECT notes.id FROM notes WHERE CAST((notes.d ->> 'a') AS VARCHAR) IN ('"+w+"', '4') ORDER BY id"),
		S("SELECT notes.id FROM notes WHERE CAST((notes.d -> 'n') ->> 'k' AS VARCHAR) LIKE $1", "%"+w[1:]+"%"),
		S("SELECT notes.id FROM notes WHERE (notes.d -> 'n') = $1", "null").Fails("42883"),
		S("SELECT notes.id FROM notes ORDER BY CAST(notes.d ->> 'a' AS VARCHAR) COLLATE \"C\" DESC, id"),
		S(`SELECT "id", "d" FROM "notes" AS "note" WHERE ("note"."d"#>>'{n,k,0}') = '`+w+`'`),
		S(`SELECT "id", ("d"#>>'{a}') AS "a" FROM "notes" AS "note" WHERE CAST(("note"."d"#>>'{f}') AS DOUBLE PRECISION) > 2 ORDER BY ("note"."d"#>>'{a}') COLLATE "C"`),
	)
}

// What PostgreSQL refuses of json.
func TestMistakesOfJSON(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL:  `CREATE TABLE notes (id int PRIMARY KEY, doc json, docb jsonb, n bigint)`,
		Seal: []string{"public.notes.doc", "public.notes.docb", "public.notes.n"},
	})
	pair.SameIn(t, formulaModes,
		S(`INSERT INTO notes VALUES (1, '{"a": 1, "b": "x"}', '{"a": 1}', 0)`),
		S("SELECT id FROM notes WHERE doc -> 'a' = '1'").Fails("42883"),
		S("SELECT id FROM notes WHERE doc -> 'a' = $1", "1").Fails("42883"),
		S("SELECT doc -> n FROM notes").Fails("42883"),
		S("SELECT doc - 'a' FROM notes").Fails("42883"),
		S("SELECT doc ? 'a' FROM notes").Fails("42883"),
		S("SELECT doc @> '{}' FROM notes").Fails("42883"),
		S("SELECT id FROM notes WHERE doc -> 'a' LIKE '1'").Fails("42883"),
		S("SELECT id FROM notes ORDER BY doc -> 'a'").Fails("42883"),
		S("SELECT count(*) FROM notes GROUP BY doc -> 'a'").Fails("42883"),
		S("SELECT DISTINCT doc -> 'a' FROM notes").Fails("42883"),
		S("SELECT max(doc -> 'a') FROM notes").Fails("42883"),
		S("SELECT (doc -> 'a')::int FROM notes").Refused("cannot be an operand of ->"),
		S("SELECT jsonb_extract_path(doc, 'a') FROM notes").Fails("42883"),
		S("SELECT json_extract_path(docb, 'a') FROM notes").Fails("42883"),
		S("SELECT json_extract_path_text(doc, 1) FROM notes").Fails("42883"),
		S("SELECT jsonb_typeof(doc) FROM notes").Fails("42883"),
		S("SELECT doc ->> 'b', doc ->> 'a' FROM notes"),
		S(`INSERT INTO notes VALUES (2, '{"a": 1, "b": "\u0000"}'), (3, '{"a": 1, "b": ["\ud800"]}')`),
		S("SELECT doc -> 'a' FROM notes WHERE id = 1"),
		S("SELECT doc -> 'a' FROM notes WHERE id = 2").Fails("22P05"),
		S("SELECT doc #>> '{a}' FROM notes WHERE id = 3").Fails("22P02"),
		S("SELECT id FROM notes WHERE doc ->> 'a' = '1' AND id = 3").Fails("22P02"),
		S("SELECT json_typeof(doc) FROM notes ORDER BY id"),
	)
}
