package integration

import (
	"testing"

	"pgseal/integration/harness"
)

// psycopg2 writes hstores and ranges as calls of the functions that make them.
func TestValuesThatFunctionsMakeOfLiterals(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL:  `CREATE EXTENSION hstore; CREATE TABLE made (id int PRIMARY KEY, h hstore, d daterange, ts tsrange, tz tstzrange, n text)`,
		Seal: []string{"public.made.h --equality", "public.made.d --equality", "public.made.ts", "public.made.tz --equality"},
	})
	w := pair.Env.Canaries.Word()
	const all = "SELECT h, d, ts, tz FROM made ORDER BY id"
	pair.SameIn(t, []harness.Mode{harness.Simple, harness.Unnamed, harness.PreparedBinary},
		S(`INSERT INTO made (id, h) VALUES (1, hstore(ARRAY['`+w+`', 'b"c\'], ARRAY[E'x\'"\\', NULL])), (2, hstore(ARRAY[ 'a' ],ARRAY[ '' ]))`),
		S(`INSERT INTO made (id, d, ts) VALUES (3, daterange('2024-01-01'::date, '2024-02-01'::date, '[)'), tsrange('2024-01-01T10:00:00'::timestamp, NULL, '(]'))`),
		S(`INSERT INTO made (id, d, tz) VALUES (4, pg_catalog.daterange(NULL, '2024-02-01', '[]'), tstzrange('2024-01-01T10:00:00+02:00'::timestamptz, 'infinity'))`),
		S(`INSERT INTO made (id, d) VALUES (5, daterange('2024-02-01'::date, '2024-01-01'::date, '[)'))`).Fails("22000"),
		S(`INSERT INTO made (id, d) VALUES (5, daterange('2024-02-30'::date, NULL, '[)'))`).Fails("22008"),
		S(`UPDATE made SET h = hstore(ARRAY['a','b'], ARRAY['1','2']), d = daterange('2024-05-01'::date, '2024-06-01'::date, '[]') WHERE id = 2 RETURNING h, d`),
		S(`UPDATE made SET h = hstore(ARRAY['a','c'], '{NULL,NULL}') WHERE id = 1 RETURNING h`),
		S(`UPDATE made SET h = hstore(ARRAY['a','c'], '{NULL}') WHERE id = 1`).Refused("public.made.h"),
		S(all),
		S(`SELECT id FROM made WHERE h = hstore(ARRAY['b','a'], ARRAY['2','1'])`),
		S(`SELECT id FROM made WHERE d = daterange('2024-05-01'::date, '2024-06-02'::date, '[)')`),
		S(`SELECT id FROM made WHERE d IN (daterange('2024-01-01', '2024-01-31', '[]'), daterange('2024-01-01', '2024-01-31', '()')) ORDER BY id`),
		S(`SELECT hstore(ARRAY['a'], ARRAY['b']), daterange('2024-01-01', NULL) FROM made WHERE id = 1 AND h IS NOT NULL`),
		S(`UPDATE made SET h = hstore(ARRAY['a', NULL], ARRAY['b', 'c'])`).Refused("public.made.h"),
		S(`UPDATE made SET h = hstore(ARRAY[n], ARRAY['b'])`).Refused("public.made.h"),
		S(`UPDATE made SET d = daterange('2024-01-01'::timestamp::date, NULL)`).Refused("public.made.d"),
		S("SET TimeZone = 'Europe/Berlin'"),
		S(`UPDATE made SET tz = tstzrange('2024-03-31T02:30:00'::timestamp, '2024-07-01 10:00:00.5'::timestamp, '[]') WHERE id = 1 RETURNING tz`),
		S(`UPDATE made SET tz = tstzrange(NULL, '2024-01-01T10:00:00'::timestamp, '()') WHERE id = 2 RETURNING tz`),
		S(`SELECT id FROM made WHERE tz = tstzrange(NULL, '2024-01-01T09:00:00+00:00'::timestamptz, '()')`),
		S(`UPDATE made SET tz = tstzrange('2024-02-30T10:00:00'::timestamp, NULL)`).Fails("22008"),
		S(`UPDATE made SET tz = tstzrange('2024-02-03T10:00:00+05:00'::timestamp, NULL)`).Refused("public.made.tz"),
		S(`UPDATE made SET tz = tstzrange('epoch'::timestamp, NULL)`).Refused("public.made.tz"),
		S(`UPDATE made SET tz = tstzrange('2024-02-03T10:00:00.12345'::timestamp(3), NULL)`).Refused("public.made.tz"),
		S(`UPDATE made SET ts = tsrange('2024-02-03T10:00:00+05:00'::timestamptz, NULL)`).Refused("public.made.ts"),
		S(`UPDATE made SET h = CAST(CASE WHEN id = 1 THEN hstore(ARRAY['1'], ARRAY['2']) WHEN id = 2 THEN hstore(ARRAY['k'], ARRAY['`+w+`']) ELSE NULL END AS hstore)`),
		S(`UPDATE made SET h = CASE WHEN id = 1 THEN h ELSE COALESCE(hstore(ARRAY['k'], ARRAY['v']), NULL) END`).Refused("public.made.h"),
		S(`UPDATE made SET h = COALESCE(hstore(ARRAY['k'], ARRAY['v']), NULL) WHERE id = 3`),
		S(`UPDATE made SET h = CASE WHEN id = 4 THEN hstore(ARRAY['k'], ARRAY['v']) ELSE '' END WHERE id = 4`).Refused("public.made.h"),
		S(`UPDATE made SET d = CAST(CASE WHEN id = 1 THEN daterange('2024-01-01'::date, '2024-02-01'::date, '[)') ELSE daterange(NULL, '2024-01-01'::date) END AS daterange) WHERE id < 4 RETURNING d`),
		S(`UPDATE made SET tz = CASE id WHEN 1 THEN tstzrange('2024-07-01T10:00:00'::timestamp, NULL, '[)') WHEN 3 THEN NULL ELSE tstzrange('2024-07-01T10:00:00+00:00'::timestamptz, NULL, '[)') END`),
		S(`UPDATE made SET ts = CASE WHEN id = 1 THEN tstzrange('2024-07-01T10:00:00'::timestamp, NULL) END`).Refused("public.made.ts"),
		S(`UPDATE made SET h = CASE WHEN id = 1 THEN hstore(ARRAY[n], ARRAY['b']) END`).Refused("public.made.h"),
		S(`UPDATE made SET n = CASE WHEN id = 1 THEN hstore(ARRAY['k'], ARRAY['v'])::text END WHERE h IS NOT NULL`),
		S(all),
		S("DELETE FROM made"))
}

// Sequel writes ranges of numbers as calls of the functions that make them.
func TestRangesOfNumbers(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL:  "CREATE TABLE spans (id serial PRIMARY KEY, i int4range, b int8range, n numrange)",
		Seal: []string{"public.spans.i --equality", "public.spans.b --equality", "public.spans.n"},
	})
	pair.SameIn(t, []harness.Mode{harness.Simple, harness.Unnamed, harness.PreparedBinary, harness.SQLPrepare},
		S("ALTER SEQUENCE spans_id_seq RESTART"),
		S("INSERT INTO spans (i, b, n) VALUES (int4range(1, 5, '[)'), int8range(-1, 3000000000, '[]'), numrange(1.50, 2, '(]')), (int4range(NULL, - 7), int8range(5, NULL, '()'), numrange(-0.5, 3000000000)) RETURNING i, b, n"),
		S("UPDATE spans SET i = int4range(1::int, '9', '[]'), n = numrange('1.0', NULL) WHERE id = 2 RETURNING i, n"),
		S("SELECT id FROM spans WHERE i = int4range(1, 4, '[]') OR b IN (int8range(5, NULL, '()'), int8range(1, 2)) ORDER BY id"),
		S("INSERT INTO spans (i) VALUES (int4range(5, 1))").Fails("22000"),
		S("INSERT INTO spans (i) VALUES (int4range(1, 3000000000))").Refused("public.spans.i"), // there is no such function
		S("INSERT INTO spans (b) VALUES (int8range(1, 2.5))").Refused("public.spans.b"),
		S("INSERT INTO spans (b) VALUES (int4range(1, 2))").Refused("public.spans.b"),
		S("SELECT * FROM spans ORDER BY id"),
	)
}

// psycopg2 writes lists as ARRAY[…] whose elements are cast, and Django updates many
// rows with a CASE of them.
func TestArraysOfCastLiterals(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL: `CREATE TABLE listed (id int PRIMARY KEY, ips inet[], ids uuid[], moments timestamptz[], days date[], data jsonb[], words varchar(12)[], sizes int[], raw bytea[])`,
		Seal: []string{"public.listed.ips --equality", "public.listed.ids --equality", "public.listed.moments --equality", "public.listed.days",
			"public.listed.data", "public.listed.words", "public.listed.sizes", "public.listed.raw"},
	})
	w := pair.Env.Canaries.Word()
	const all = "SELECT * FROM listed ORDER BY id"
	pair.SameIn(t, []harness.Mode{harness.Simple, harness.Unnamed, harness.PreparedBinary},
		S("SET TimeZone = 'Europe/Berlin'"),
		S(`INSERT INTO listed (id, ips, ids) VALUES (1, ARRAY['::1'::inet, '10.0.0.0/8'::inet]::inet[], ARRAY['53cd2483-3676-41a7-8737-e293c9d26fa3'::uuid, NULL])`),
		S(`INSERT INTO listed (id, moments, days) VALUES (2, ARRAY['2024-07-01T10:00:00'::timestamp, timestamp '2024-01-01 10:00']::timestamp with time zone[], ARRAY[['2024-02-29'::date], [CAST('2023-01-01' AS date)]])`),
		S(`INSERT INTO listed (id, data, words, raw) VALUES (3, ARRAY['{"`+w+`": "\""}'::jsonb, 'null'::jsonb]::jsonb[], ARRAY['`+w+`'::text, E'b"\\c'::text]::varchar[], ARRAY['\x00ff22'::bytea, E'\\x5c'::bytea]::bytea[])`),
		S(`INSERT INTO listed (id, days) VALUES (4, ARRAY['2024-02-29 10:00'::timestamp]::timestamp[]::date[])`),
		S(`INSERT INTO listed (id, words) VALUES (5, ARRAY['much too long'::text])`).Fails("22001"),
		S(`INSERT INTO listed (id, words) VALUES (5, ARRAY['much too long'::varchar(3)])`),
		S(`INSERT INTO listed (id, ips) VALUES (5, ARRAY['10.0.0.300'::inet])`).Fails("22P02"),
		S(`INSERT INTO listed (id, sizes) VALUES (5, ARRAY['::1'::inet])`).Fails("42804"),
		S(`INSERT INTO listed (id, ips) VALUES (5, ARRAY['::1'::inet, '10'::text])`).Refused("public.listed.ips"),
		S(`UPDATE listed SET sizes = CAST(CASE WHEN id = 1 THEN ARRAY[1, 2]::integer[] WHEN id = 2 THEN '{}'::integer[] ELSE NULL END AS integer[])`),
		S(`UPDATE listed SET days = CAST(CASE WHEN id = 1 THEN NULL::date[] WHEN id = 2 THEN ARRAY['2024-02-29'::date]::date[] ELSE NULL END AS date[]) WHERE id < 3 RETURNING days`),
		S(`UPDATE listed SET ids = CAST(CASE WHEN id = 1 THEN NULL::uuid[] WHEN id = 2 THEN NULL::uuid[] END AS uuid[])`),
		S(`UPDATE listed SET ips = CAST(CASE WHEN id = 2 THEN ARRAY['::2'::inet]::inet[] ELSE ARRAY['::3'::inet]::inet[] END AS inet[]) WHERE id > 1`),
		S(all),
		// peewee's bulk_update, with no cast around the arrays.
		S(`UPDATE listed SET words = CASE listed.id WHEN 1 THEN ARRAY['`+w+`', NULL] WHEN 2 THEN ARRAY['b,"c'] END, sizes = CASE listed.id WHEN 1 THEN ARRAY[1, -2] WHEN 2 THEN ARRAY[[3.5], [99]] ELSE NULL END WHERE id IN (1, 2)`),
		S(`UPDATE listed SET days = COALESCE(NULL, ARRAY['2024-02-29'::date], ARRAY['2023-01-01'::date]), ids = CASE WHEN id = 3 THEN ARRAY['53cd2483-3676-41a7-8737-e293c9d26fa3'::uuid] END WHERE id = 3`),
		S(`UPDATE listed SET words = CASE WHEN id = 1 THEN ARRAY['x'] ELSE ARRAY['much too long'] END WHERE id = 3`).Fails("22001"),
		S(`UPDATE listed SET sizes = CASE WHEN id = 1 THEN ARRAY[1] ELSE ARRAY['2'] END WHERE id = 1`).Refused("public.listed.sizes"),
		S(`UPDATE listed SET days = CASE WHEN id = 1 THEN ARRAY['2024-02-29'] END WHERE id = 1`).Fails("42804"),
		S(`UPDATE listed SET ips = CASE WHEN id = 1 THEN ARRAY[]::inet[] ELSE ARRAY['::1'::inet] END WHERE id = 1`),
		S(all),
		S(`SELECT id FROM listed WHERE ips = ARRAY['::1'::inet, '10.0.0.0/8'::inet]::inet[]`),
		S(`SELECT id FROM listed WHERE moments = ARRAY['2024-07-01T10:00:00'::timestamp, '2024-01-01T10:00:00'::timestamp]::timestamptz[]`),
		S("DELETE FROM listed"))
}
