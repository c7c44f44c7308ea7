package integration

import (
	"testing"

	"pgseal/integration/harness"
)

// Clients that put values into the text themselves (pg-promise, psycopg2) keep an old value
// by COALESCE(NULL, column), also where the column has a length.
func TestNullBesideColumn(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL:  "CREATE TABLE kept (id int PRIMARY KEY, t text, v varchar(9), c char(4), n numeric(6, 2), ts timestamp(0), b varbit(5))",
		Seal: []string{"public.kept.t --equality", "public.kept.v --equality", "public.kept.c --equality", "public.kept.n --equality", "public.kept.ts", "public.kept.b"},
	})
	pair.SameIn(t, []harness.Mode{harness.Simple, harness.Unnamed, harness.PreparedText, harness.PreparedBinary, harness.SQLPrepare},
		S("INSERT INTO kept VALUES (1, 'a', 'b', 'c', 1.25, '2024-05-01 10:20:30', B'101'), (2, NULL, NULL, NULL, NULL, NULL, NULL)"),
		S("UPDATE kept SET t = COALESCE(NULL, t), v = COALESCE(NULL, v), c = COALESCE(NULL, c), n = COALESCE(NULL, n), ts = COALESCE(NULL, ts), b = COALESCE(NULL, b) RETURNING *"),
		S("UPDATE kept SET v = COALESCE(NULL, v, 'new'), c = COALESCE(c, NULL, 'd'), n = COALESCE(NULL::numeric, n), ts = COALESCE(ts, '2024-05-02', NULL) RETURNING *"),
		S("UPDATE kept SET v = COALESCE(NULL, CASE WHEN id = 1 THEN 'x' ELSE COALESCE(NULL, v) END) RETURNING v"),
		S("UPDATE kept SET (v, c) = ROW(COALESCE(NULL, v), COALESCE(NULL, c)) WHERE v = COALESCE(NULL, 'x') RETURNING v, c"),
		S("SELECT id FROM kept WHERE v = COALESCE(NULL, v) AND COALESCE(NULL, c) = 'c' AND n IN (COALESCE(NULL, n), 7) AND COALESCE(b, NULL) IS NOT NULL ORDER BY id"),
		S("SELECT id, to_json(COALESCE(NULL, v)), array_agg(COALESCE(n, NULL)) FROM kept GROUP BY id ORDER BY id"),
		S("SELECT COALESCE(NULL, t) FROM kept ORDER BY id"),
		S("SELECT COALESCE(NULL, v) FROM kept").Refused("public.kept.v"), // its length would be shown in several ways
		S("SELECT ARRAY[COALESCE(NULL, n)] FROM kept").Refused("public.kept.n"),
		S("SELECT v FROM (SELECT COALESCE(v, NULL) AS v FROM kept) x").Refused("public.kept.v"),
		S("INSERT INTO kept (id, v) SELECT id + 10, COALESCE(NULL, v) FROM kept WHERE id < 10 RETURNING v"),
		S("DELETE FROM kept WHERE id > 10"),
	)
}
