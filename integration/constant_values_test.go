package integration

import (
	"testing"

	"pgseal/integration/harness"
)

// What is computed of literals and parameters alone is stored and compared like a value.
func TestValuesComputedOfConstants(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL: `CREATE TABLE goods (id int PRIMARY KEY, n int, small smallint, price numeric(10,2), name text, code varchar(5), born date, at timestamp, note text, plain int);
			CREATE TABLE marks (id int PRIMARY KEY, name text UNIQUE, n int)`,
		Seal: []string{"public.goods.n --equality", "public.goods.small", "public.goods.price --equality", "public.goods.name --equality --normalize lower", "public.goods.code --equality", "public.goods.born --equality", "public.goods.at", "public.goods.note", "public.marks.name --equality", "public.marks.n"},
	})
	show := S("SELECT * FROM goods ORDER BY id")
	pair.SameIn(t, formulaModes,
		S("INSERT INTO goods VALUES (1, 10 + 5, 2 * 3, round(10.555, 2), 'a' || 5, concat('x', 'y'), '2024-01-01'::date + 1, '2024-01-01'::timestamp + interval '1 day', 1 + 1, 3)"),
		S("INSERT INTO goods (id, n, name, price) VALUES (2, length('four'), upper('four'), 1.5 * 2), (3, 7 % 4, replace('secret', '-', ''), 10.0 / 3), (4, -(-5), NULL, 2)"),
		S("INSERT INTO goods (id, n, price) VALUES ($1, $2::int + 5, $3::numeric * 2)", "5", "7", "1.25"),
		S("INSERT INTO goods (id, name, code) VALUES ($1, 'a' || $2::text || 'c', left($3::text, 3))", "6", "b", "abcdef"),
		S("INSERT INTO goods (id, n) VALUES (7, $1::int - 1) RETURNING n", "9"),
		show,
		S("UPDATE goods SET n = 3 * 4, name = concat('p', 'q') WHERE id = 2"),
		S("UPDATE goods SET price = 99.999 + 0.001, born = date '2024-02-28' + 2 WHERE n = 3 * 4 RETURNING id, price, born"),
		S("UPDATE goods SET n = GREATEST(3, 9), small = LEAST(4, 2), name = COALESCE(NULL, 'z' || 'z') WHERE id IN (1, 3)"),
		S("UPDATE goods SET n = CASE WHEN plain = 3 THEN 10 + 1 ELSE 20 + 2 END WHERE id < 4"),
		S("UPDATE goods SET n = coalesce(NULL, $1, 0) WHERE id = 4", "1"),
		S("UPDATE goods SET note = 2 + 3, name = $1::int + 1 WHERE id = 4", "5"),
		show,
		S("SELECT id FROM goods WHERE n = 10 + 5 ORDER BY id"), S("SELECT id FROM goods WHERE n = $1::int * 2 ORDER BY id", "11"), S("SELECT id FROM goods WHERE n IN (10 + 1, 22) ORDER BY id"),
		S("SELECT id FROM goods WHERE 5 + 6 = n OR price = 1.0 + 1 ORDER BY id"), S("SELECT id FROM goods WHERE name = 'z' || 'z'"), S("SELECT id FROM goods WHERE lower(name) = lower('Z' || 'Z')"),
		S("SELECT id FROM goods WHERE born = '2024-01-01'::date + 1"), S("SELECT id FROM goods WHERE born <> date '2024-01-01' + 1 ORDER BY id"), S("SELECT id FROM goods WHERE code = left('abcdef', 3)"), S("DELETE FROM goods WHERE n = 4 + 3 RETURNING id"),
		S("SELECT id FROM goods WHERE n = 10.0 + 1 ORDER BY id"), S("SELECT id FROM goods WHERE n = 'a' || 'b'").Fails("42883"),
		S("INSERT INTO marks VALUES (1, 'a' || 'b', 1 + 1), (2, 'c', 2)"),
		S("INSERT INTO marks VALUES (3, 'a' || 'b', 5) ON CONFLICT (name) DO UPDATE SET n = 40 + 2 RETURNING id, n"),
		S("INSERT INTO marks VALUES (4, 'c' || '', 5) ON CONFLICT DO NOTHING"), S("INSERT INTO marks VALUES (5, 'a' || 'b', 5)").Fails("23505"),
		S("SELECT * FROM marks ORDER BY id"),
		S("INSERT INTO goods (id, n) VALUES (40, 1 + 1); UPDATE goods SET n = 2 * 2 WHERE id = 40; SELECT n FROM goods WHERE id = 40").Simple(),
		S("BEGIN"), S("UPDATE goods SET n = 3 * 3 WHERE id = 40 AND n = 2 + 2"), S("SELECT n FROM goods WHERE id = 40"), S("ROLLBACK"), S("EXPLAIN (COSTS off) UPDATE goods SET plain = 1 WHERE id = 1 AND plain = 1 + 1"),
		// Mistakes are PostgreSQL's.
		S("INSERT INTO goods (id, n) VALUES (20, 1 / 0)").Fails("22012"), S("INSERT INTO goods (id, n) VALUES (20, 2147483647 + 1)").Fails("22003"), S("INSERT INTO goods (id, small) VALUES (20, 32767 + 1)").Fails("22003"),
		S("INSERT INTO goods (id, code) VALUES (20, 'abc' || 'def')").Fails("22001"), S("INSERT INTO goods (id, n) VALUES (20, 'a' || 'b')").Fails("42804"), S("INSERT INTO goods (id, price) VALUES (20, 99999999 * 10.0)").Fails("22003"),
		S("UPDATE goods SET born = 5 + 5").Fails("42804"), S("UPDATE goods SET n = $1::int / $2::int WHERE id = 1", "1", "0").Fails("22012"), S("SELECT id FROM goods WHERE n = 1 / 0").Fails("22012"),
		S("INSERT INTO goods (id, born) VALUES (20, '2024-02-30'::date + 1)").Fails("22008"), S("UPDATE goods SET n = 1 + 'x' WHERE id = 1").Fails("22P02"),
		show,
	)
	secret := pair.Env.Canaries.Text()
	pair.SameIn(t, formulaModes,
		S("INSERT INTO goods (id, name, note) VALUES (30, concat('"+secret+"', 1), 'a' || '"+secret+"')"),
		S("UPDATE goods SET note = replace($1::text, 'x', 'y') WHERE id = 30", secret),
		S("SELECT id FROM goods WHERE name = '"+secret+"' || 1"), S("SELECT name, note FROM goods WHERE id = 30"),
	)
}
