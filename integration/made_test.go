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
		S(all),
		S(`SELECT id FROM made WHERE h = hstore(ARRAY['b','a'], ARRAY['2','1'])`),
		S(`SELECT id FROM made WHERE d = daterange('2024-05-01'::date, '2024-06-02'::date, '[)')`),
		S(`SELECT id FROM made WHERE d IN (daterange('2024-01-01', '2024-01-31', '[]'), daterange('2024-01-01', '2024-01-31', '()')) ORDER BY id`),
		S(`SELECT hstore(ARRAY['a'], ARRAY['b']), daterange('2024-01-01', NULL) FROM made WHERE id = 1 AND h IS NOT NULL`),
		S(`UPDATE made SET h = hstore(ARRAY['a', NULL], ARRAY['b', 'c'])`).Refused("public.made.h"),
		S(`UPDATE made SET h = hstore(ARRAY[n], ARRAY['b'])`).Refused("public.made.h"),
		S(`UPDATE made SET d = daterange('2024-01-01'::timestamp::date, NULL)`).Refused("public.made.d"),
		S("DELETE FROM made"))
}
