package integration

import (
	"testing"

	"pgseal/integration/harness"
)

// ORMs compare a column cast to text with whatever they have: there is a value of that
// text, or no row.
func TestColumnsComparedByTheirText(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL: `CREATE TYPE mood AS ENUM ('sad', 'it''s ok'); CREATE DOMAIN small AS int CHECK (VALUE < 100);
			CREATE TABLE texts (id int PRIMARY KEY, u uuid, i int, b bigint, s smallint, t bool, d date, m mood, z small, n numeric)`,
		Seal: []string{"public.texts.u --equality", "public.texts.i --equality", "public.texts.b --equality", "public.texts.s --equality", "public.texts.t --equality",
			"public.texts.d --equality", "public.texts.m --equality", "public.texts.z --equality", "public.texts.n --equality"},
	})
	pair.Same(t,
		S("INSERT INTO texts VALUES (1, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 5, 5000000000, -7, true, '2024-02-03', 'sad', 42, 1.50), (2, '{A0EEBC999C0B4EF8BB6D6BB9BD380A12}', -5, 0, 0, false, 'infinity', 'it''s ok', 0, 1.5)"),
		S("INSERT INTO texts (id) VALUES (3)"),
		S("SELECT id FROM texts WHERE u::text = $1 OR u::text = $2 ORDER BY id", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12", "not a uuid"),
		S("SELECT id FROM texts WHERE CAST(u AS text) = 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11' OR u::varchar = '{a0eebc999c0b4ef8bb6d6bb9bd380a11}'"),
		S("SELECT id FROM texts WHERE u::text <> $1 ORDER BY id", "x"),
		S("SELECT id FROM texts WHERE u::text NOT IN ('x', $1) ORDER BY id", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
		S("SELECT id FROM texts WHERE i::text = '5' OR i::text = '05' OR b::text = $1 OR s::varchar = '-7' ORDER BY id", "0"),
		S("SELECT id FROM texts WHERE i::text = '99999999999999' OR i::text = '' OR i::text = ' 5'"),
		S("SELECT id FROM texts WHERE i::text = ANY ($1) ORDER BY id", "{5,-5,x,NULL,+5}"),
		S("SELECT id FROM texts WHERE i::text <> ALL ($1) ORDER BY id", "{5,x}"),
		S("SELECT id FROM texts WHERE t::text = 'true' ORDER BY id"),
		S("SELECT id FROM texts WHERE t::text IN ('t', 'f', 'TRUE', '1') ORDER BY id"),
		S("SELECT id FROM texts WHERE d::text = '2024-02-03' OR d::text = $1 ORDER BY id", "infinity"),
		S("SELECT id FROM texts WHERE d::text IN ('3.2.2024', 'today', 'x') ORDER BY id"),
		S("SET datestyle = German").Simple(),
		S("SELECT id FROM texts WHERE d::text = '03.02.2024' OR d::text = '2024-02-03'"),
		S("RESET datestyle").Simple(),
		S("SELECT id FROM texts WHERE m::text = $1 OR m::text = 'SAD' OR m::text = 'no label' ORDER BY id", "it's ok"),
		S("SELECT id FROM texts WHERE m::text IN ('sad', $1) AND m::text IS DISTINCT FROM 'x' ORDER BY id", "y"),
		S("SELECT id FROM texts WHERE z::text = '42' OR z::text = '4200'"),
		S("SELECT id FROM texts WHERE z::int::text = '42'").Refused("public.texts.z"),
		S("SELECT a.id, b.id FROM texts a JOIN texts b ON a.u::text = b.u::text ORDER BY 1"),
		S("SELECT id, CASE m::text WHEN 'sad' THEN 1 WHEN $1 THEN 2 ELSE 3 END FROM texts ORDER BY id", "it's ok"),
		S("UPDATE texts SET i = 6 WHERE u::text = $1 RETURNING id, i", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
		S("ALTER TYPE mood ADD VALUE IF NOT EXISTS 'new'").Simple(),
		S("UPDATE texts SET m = 'new' WHERE id = 3"),
		S("SELECT id FROM texts WHERE m::text = $1", "new"),
		S("SELECT id FROM texts WHERE i::text = 5").Fails("42883"),
		S("SELECT id FROM texts WHERE i::text = i").Fails("42883").Simple(),
		S("SELECT id FROM texts WHERE n::text = '1.5'").Refused("public.texts.n"),
		S("SELECT id FROM texts WHERE i::varchar(1) = '5'").Refused("public.texts.i"),
	)
}

// Rows in the order in which their values are given.
func TestPlacesInLists(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL: `CREATE TYPE mood AS ENUM ('sad', 'ok');
			CREATE TABLE placed (id int PRIMARY KEY, i int, b bigint, n numeric, s varchar(9), x text, u uuid, m mood)`,
		Seal: []string{"public.placed.i --equality", "public.placed.b --equality", "public.placed.n --equality", "public.placed.s --equality",
			"public.placed.x --equality", "public.placed.u --equality", "public.placed.m --equality"},
	})
	w := pair.Env.Canaries.Word()
	pair.Same(t,
		S("INSERT INTO placed VALUES (1, 1, 1, 1.0, 'a', 'a"+w+"', '00000000-0000-0000-0000-000000000001', 'sad'), (2, 2, 2, 2.50, 'b', 'b', '00000000-0000-0000-0000-000000000002', 'ok'), (3, 3, 3, 3, 'c', '', NULL, NULL)"),
		S("INSERT INTO placed (id) VALUES (4)"),
		S("SELECT id FROM placed WHERE i IN (3, 1, 2) ORDER BY array_position(ARRAY[3, 1, 2], i)"),
		S("SELECT id, array_position(ARRAY[NULL, 9, 2], i), array_position(ARRAY[3000000000, 1], b), array_position(ARRAY[1.00, 2.5], n), array_position(ARRAY[1.5, 2], i) FROM placed ORDER BY id"),
		S("SELECT id, array_position($1::int[], i), array_position($2, x), array_position(ARRAY['c', $3], s) FROM placed ORDER BY id", "{2,1}", "{b,a"+w+"}", "b"),
		S("SELECT id, array_position('{3,2,1,2}'::int[], i, 3), array_positions(ARRAY[2, 2, 1], i) FROM placed ORDER BY id"),
		S("SELECT id FROM placed ORDER BY array_position(ARRAY['00000000-0000-0000-0000-000000000002', '00000000-0000-0000-0000-000000000001']::uuid[], u), id"),
		S("SELECT id FROM placed ORDER BY array_position(ARRAY['ok', 'sad'], m::text), CASE s WHEN 'b' THEN 0 WHEN $1 THEN 1 END, id", "c"),
		S("SELECT id FROM placed ORDER BY array_position(ARRAY['1'], i)").Fails("42883").Simple(),
		S("SELECT id FROM placed ORDER BY array_position($1, s)", "{a}").Refused("public.placed.s"),
	)
}

// Grouping sets leave out columns, of which there is NULL then.
func TestGroupingSets(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL:  `CREATE TABLE sold (id int PRIMARY KEY, city text, kind varchar(9), year int, n int, note text)`,
		Seal: []string{"public.sold.city --equality", "public.sold.kind --equality", "public.sold.year --equality", "public.sold.note"},
	})
	w := pair.Env.Canaries.Word()
	pair.Same(t,
		S("INSERT INTO sold VALUES (1, '"+w+"', 'a', 2024, 1), (2, '"+w+"', 'b', 2024, 2), (3, 'Rome', 'a', 2023, 4), (4, NULL, 'a', NULL, 8), (5, 'Rome', NULL, 2024, 16)"),
		S("SELECT city, sum(n), count(*), count(city) FROM sold GROUP BY ROLLUP (city)").Unordered(),
		S("SELECT city, kind AS k, sum(n), GROUPING(city, kind) FROM sold GROUP BY CUBE (city, kind)").Unordered(),
		S("SELECT city, kind, year, sum(n), GROUPING(year) FROM sold GROUP BY GROUPING SETS ((1, 2), (year), ()), city HAVING sum(n) > $1", "1").Unordered(),
		S("SELECT s.city, s.year::text, n FROM sold s GROUP BY ROLLUP (n, s.city), s.year").Unordered(),
		S("SELECT city IS NULL, sum(n) FROM sold GROUP BY ROLLUP (city) HAVING city = $1 OR city IS NULL OR GROUPING(city) = 1", w).Unordered(),
		S("SELECT city, id FROM sold GROUP BY ROLLUP (id, city)").Unordered(),
		S("SELECT id FROM sold WHERE city IN (SELECT city FROM sold GROUP BY ROLLUP (city)) ORDER BY id"),
		S("SELECT q.city, q.n FROM (SELECT city, sum(n) AS n FROM sold GROUP BY ROLLUP (city)) q WHERE q.city IS NULL ORDER BY n"),
		S("SELECT note FROM sold GROUP BY ROLLUP (note)").Refused("public.sold.note"),
	)
}
