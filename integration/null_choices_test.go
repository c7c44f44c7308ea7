package integration

import (
	"strings"
	"testing"

	"pgseal/integration/harness"
)

// PostgreSQL takes a choice among nothing but NULLs for a text, which it does not store in
// columns of other types.
func TestChoicesAmongNullsAreTexts(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL: `CREATE DOMAIN word AS varchar(9); CREATE TYPE mood AS ENUM ('sad', 'glad');
			CREATE TABLE d (id int PRIMARY KEY, b date, n int, t text, v varchar(9), c char(4), o boolean, j jsonb, w word, m mood, nm name, a text[])`,
		Seal: []string{"public.d.b", "public.d.n", "public.d.t --equality", "public.d.v", "public.d.c", "public.d.o", "public.d.j", "public.d.w", "public.d.m", "public.d.nm", "public.d.a"},
	})
	w := pair.Env.Canaries.Text()
	for _, mode := range formulaModes {
		t.Run(string(mode), func(t *testing.T) {
			pair.Empty()
			c := pair.Compare(t, mode)
			c.Step(S("INSERT INTO d (id) VALUES (1), (2)"))
			c.Step(S("UPDATE d SET t = $1, v = 'x', c = 'y', nm = 'z', w = 'w', b = '2024-01-02', n = 5, o = true, j = '1', m = 'sad'", w))
			for i, column := range []string{"b", "n", "o", "j", "m", "a", "t", "v", "c", "w", "nm"} {
				for _, sql := range []string{
					"UPDATE d SET # = CASE id WHEN 1 THEN NULL WHEN 2 THEN NULL END WHERE id IN (1, 2)",
					"UPDATE d SET # = CASE WHEN id = 1 THEN NULL ELSE NULL END",
					"UPDATE d SET # = CASE WHEN n = 5 THEN NULL ELSE NULL END",
					"UPDATE d SET # = COALESCE(NULL, NULL) WHERE id = 1",
					"UPDATE d SET # = CASE WHEN id = 1 THEN CASE WHEN id = 2 THEN NULL END END WHERE id = 1",
					"UPDATE d SET # = (SELECT NULL) WHERE id = 1",
					"UPDATE d SET # = x.y FROM (SELECT 1 AS k, NULL AS y) x WHERE id = x.k",
					"UPDATE d SET # = x.y FROM (VALUES (1, NULL)) x (k, y) WHERE id = x.k",
					"UPDATE d SET # = NULL WHERE id = 1",
					"UPDATE d SET (id, #) = (1, COALESCE(NULL, NULL)) WHERE id = 1",
					"INSERT INTO d (id, #) VALUES (3, COALESCE(NULL, NULL))",
					"INSERT INTO d (id, #) VALUES (4, COALESCE(NULL, NULL)), (5, NULL)",
					"INSERT INTO d (id, #) VALUES (6, NULL), (7, CASE WHEN 1 = 2 THEN NULL END)",
					"INSERT INTO d (id, #) VALUES (6, CASE WHEN true THEN NULL END), (7, NULL)",
					"INSERT INTO d (id, #) SELECT 8, CASE WHEN true THEN NULL END",
					"INSERT INTO d (id, #) VALUES (1, NULL) ON CONFLICT (id) DO UPDATE SET # = CASE WHEN d.id = 1 THEN NULL ELSE NULL END",
					"MERGE INTO d USING (VALUES (1)) x (k) ON d.id = x.k WHEN MATCHED THEN UPDATE SET # = COALESCE(NULL, NULL)",
					"UPDATE d SET # = NULLIF(NULL, NULL) WHERE id = 1",
					"UPDATE d SET # = GREATEST(NULL, NULL) WHERE id = 1",
					"UPDATE d SET # = COALESCE(NULL, NULLIF(NULL, NULL)) WHERE id = 1",
					"DELETE FROM d WHERE id > 2",
				} {
					refused, same := c.Generated(S(strings.ReplaceAll(sql, "#", column)))
					if !same {
						return
					}
					if fails := i < 6; refused && fails { // some that could be stored are refused
						t.Errorf("%s (%s) is refused", sql, column)
					}
				}
			}
			c.Step(S("UPDATE d SET b = CASE WHEN id = 1 THEN NULL END::date, n = COALESCE(NULL, NULL)::int, j = CASE WHEN id = 1 THEN NULL::jsonb ELSE NULL END"))
			c.Step(S("SELECT * FROM d ORDER BY id"))
		})
	}
}
