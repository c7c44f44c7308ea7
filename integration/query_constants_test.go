package integration

import (
	"testing"

	"pgseal/integration/harness"
)

// Constants that a query gives to a sealed column have a type of their own by then: what
// PostgreSQL makes of it in UNION ALL and in subqueries, and what it says.
func TestConstantsOfQueries(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL: "CREATE TABLE given (id int PRIMARY KEY, s varchar(12), x text, i int, n numeric(6, 2), b bool, d date, u uuid, f real, plain text); CREATE SEQUENCE counts; CREATE TABLE drawn (name text, code bigint)",
		Seal: []string{"public.given.s --equality", "public.given.x", "public.given.i --equality", "public.given.n", "public.given.b", "public.given.d --equality",
			"public.given.u", "public.given.f", "public.drawn.code"},
	})
	w := pair.Env.Canaries.Text()
	pair.Same(t,
		S("INSERT INTO given (id, s, x, i, n, b, d, plain) SELECT 1, '"+w[:6]+"', NULL, 5, 1.5, true, date '2024-01-02', 'p' UNION ALL SELECT 2, NULL, '"+w+"', -6, 2, NULL, '2024-02-03', 'q' UNION ALL SELECT 3, '', 'c', NULL, 3, false, NULL, NULL"),
		S("INSERT INTO given (id, s, x, i) SELECT $1::int, $2, $3, $4::int UNION ALL SELECT $5::int, $6, $7, $8", "4", w[:7], w, "7", "5", nil, "y", "-8"),
		S("INSERT INTO given (id, s, b) (SELECT 6, 'six', 'f' UNION ALL SELECT 7, 'seven', true) ORDER BY 1 LIMIT 1 RETURNING *"),
		S("WITH n AS (SELECT 8 AS id, 'eight' AS s UNION ALL SELECT 9, 'nine') INSERT INTO given (id, s) SELECT id, s FROM n WHERE NOT EXISTS (SELECT 1 FROM given g WHERE g.id = n.id) RETURNING id, s"),
		S("INSERT INTO given (id, s, plain) SELECT id + 100, s, plain FROM given WHERE id = 1 UNION ALL SELECT id + 200, s, 'new' FROM given WHERE s = $1", "nine"),
		S("INSERT INTO given (id, i) SELECT 20, '5' UNION ALL SELECT 21, '6'").Fails("42804"),
		S("INSERT INTO given (id, i) SELECT 20, NULL UNION ALL SELECT 21, NULL").Fails("42804"),
		S("INSERT INTO given (id, u) SELECT 20, '00000000-0000-0000-0000-000000000001' UNION ALL SELECT 21, NULL").Fails("42804"),
		S("INSERT INTO given (id, s) SELECT 20, 'longer than twelve' UNION ALL SELECT 21, 'x'").Fails("22001"),
		S("INSERT INTO given (id, d) SELECT 20, date '2024-01-02' UNION ALL SELECT 21, 'x'").Fails("22007"),
		S("INSERT INTO given (id, f) SELECT 22, 16777217 UNION ALL SELECT 23, 3000000000 UNION ALL SELECT 24, 0.1"),
		S("INSERT INTO given (id, x) SELECT 25, 1 UNION ALL SELECT 26, 2.50 UNION ALL SELECT 27, 3000000000"),
		S("INSERT INTO given (id, i) SELECT 30, '5' UNION ALL SELECT 31, '6' UNION ALL SELECT 32, 7::int").Refused("public.given.i"),
		S("INSERT INTO given (id, s) SELECT 30, 'x' UNION SELECT 30, 'x'").Refused("public.given.s"),
		S("INSERT INTO given (id, s) SELECT 30, 'x' UNION ALL SELECT id, s FROM given").Refused("public.given.s"),
		// A subquery that is one constant.
		S("UPDATE given SET s = (SELECT 'sub'), x = (SELECT $1), i = (SELECT $2::int), d = (SELECT '2024-05-06'::date) WHERE id = (SELECT 3)", w, "9"),
		S("INSERT INTO given (id, s, i) VALUES (40, (SELECT 'forty' FROM given WHERE id = 1), (SELECT 4)), (41, (SELECT 'none' WHERE false), (SELECT NULL::int))"),
		S("INSERT INTO given (id, i) VALUES (42, (SELECT '5'))").Fails("42804"),
		S("INSERT INTO given (id, i) VALUES (42, (SELECT NULL))").Fails("42804"),
		S("UPDATE given SET s = (SELECT 'longer than twelve')").Fails("22001"),
		S("SELECT id FROM given WHERE s = (SELECT $1) OR s IN ('sub', (SELECT 'six')) OR i = (SELECT 5) OR d = (SELECT '2024-02-03'::date) ORDER BY id", "nine"),
		S("SELECT id FROM given WHERE s IN (SELECT 'six' UNION ALL SELECT $1) ORDER BY id", "nine"),
		S("SELECT id FROM given WHERE i IN (SELECT -6 UNION ALL SELECT 7) ORDER BY id"),
		S("SELECT id FROM given WHERE i = (SELECT '5')").Fails("42883"),
		S("SELECT id FROM given WHERE i IN (SELECT '5' UNION ALL SELECT '6')").Fails("42883"),
		S("SELECT (SELECT 'x'), s FROM given WHERE (SELECT 'y') IS NOT NULL ORDER BY id"),
		S("INSERT INTO drawn (name, code) SELECT 'a', nextval('counts')"),
		S("INSERT INTO drawn (code, name) SELECT nextval('counts') + 10, 'b' RETURNING code"),
		S("INSERT INTO drawn (name, code) SELECT 'a', nextval('counts') WHERE NOT EXISTS (SELECT 1 FROM drawn WHERE name = 'a')").Refused("public.drawn.code"),
		S("SELECT * FROM drawn"),
		S("SELECT * FROM given ORDER BY id"),
	)
	pair.Same(t,
		S("PREPARE typed (int, int) AS INSERT INTO given (id, i) SELECT 50, $1 UNION ALL SELECT 51, $2 RETURNING *").Simple(),
		S("EXECUTE typed (1, NULL)").Simple(),
		S("PREPARE untyped AS INSERT INTO given (id, i) SELECT 50, $1 UNION ALL SELECT 51, $2").Refused("public.given.i").Simple(),
		S("PREPARE other (int, int) AS INSERT INTO given (id, x) SELECT 50, $1 UNION ALL SELECT 51, $2").Refused("public.given.x").Simple(),
	)
}

// UNION without ALL removes equal rows: there are none where rows are numbered, and texts
// that are compared are equal where their terms are.
func TestUnionOfConstants(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL:  "CREATE TABLE given (id int PRIMARY KEY, s varchar(12), i int, plain text); CREATE TABLE loose (s text, i int, c char(5))",
		Seal: []string{"public.given.s --equality", "public.given.i --equality", "public.loose.s --equality", "public.loose.c --equality"},
	})
	w := pair.Env.Canaries.Word()
	pair.Same(t,
		S("INSERT INTO given (id, s, i, plain) SELECT 1, '"+w+"', 5, 'p' UNION SELECT 2, '"+w+"', 5, 'p' UNION SELECT 3, NULL, 6, 'q'"),
		S("INSERT INTO given (id, s) SELECT 4, $1 UNION (SELECT 5, $2 UNION ALL SELECT 6, 'six')", w, nil),
		S("WITH n AS (SELECT 7 AS id, 'seven' AS s UNION DISTINCT SELECT 8, $1) INSERT INTO given (id, s) SELECT id, s FROM n WHERE NOT EXISTS (SELECT 1 FROM given g WHERE g.id = n.id OR g.s = n.s) RETURNING id, s", w),
		S("UPDATE given SET s = n.s FROM (SELECT 1 AS id, 'one' AS s UNION SELECT 2, $1) n WHERE n.id = given.id", "two"),
		S("SELECT id FROM given WHERE s IN (SELECT 'six' UNION SELECT $1 UNION SELECT 'six') ORDER BY id", w),
		S("SELECT id FROM given WHERE s = ANY (SELECT $1 UNION SELECT NULL) ORDER BY id", w),
		S("SELECT g.id, n.k FROM given g JOIN (SELECT 'six' AS s, 'k' AS k UNION SELECT 'six', 'k' UNION SELECT 'six', 'l') n ON n.s = g.s ORDER BY 1, 2"),
		S("INSERT INTO loose (s, i, c) SELECT 'a', 1, 'x' UNION SELECT 'a', -1, 'x'"),
		S("INSERT INTO given (id, i) SELECT 20, '5' UNION SELECT 21, '6'").Fails("42804"),
		S("SELECT id FROM given WHERE i IN (SELECT 5 UNION SELECT 6) ORDER BY id"),
		S("INSERT INTO loose (s, i) SELECT 'a', 1 UNION SELECT 'a', 1").Refused("public.loose.s"),
		S("INSERT INTO loose (s, i) SELECT 'a', 1 UNION SELECT 'b', '1'").Refused("public.loose.s"),
		S("INSERT INTO loose (s, i) SELECT 'a', 1 FROM given UNION SELECT 'b', 2").Refused("public.loose.s"),
		S("INSERT INTO loose (s, i) SELECT 'a', 1 INTERSECT SELECT 'b', 2").Refused("public.loose.s"),
		S("SELECT i FROM loose WHERE c IN (SELECT 'x' UNION SELECT 'x ')").Refused("public.loose.c"),
		S("SELECT id FROM given WHERE i IN (SELECT 5 UNION SELECT 5)").Refused("public.given.i"),
		S("SELECT * FROM given ORDER BY id"),
		S("SELECT * FROM loose ORDER BY i"),
	)
}

// Applications find NULL by the empty string on both sides.
func TestComparedWithCoalesce(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL:  "CREATE TABLE places (id int PRIMARY KEY, city varchar(20), zip text, n int)",
		Seal: []string{"public.places.city --equality", "public.places.zip --equality", "public.places.n --equality"},
	})
	w := pair.Env.Canaries.Word()
	pair.Same(t,
		S("INSERT INTO places VALUES (1, '"+w+"', NULL, 5), (2, NULL, '', NULL), (3, '', 'x', 7)"),
		S("SELECT id FROM places WHERE COALESCE(city, '') = COALESCE($1, '') ORDER BY id", nil),
		S("SELECT id FROM places WHERE COALESCE(city, '') = COALESCE($1, '') AND COALESCE(zip, 'none') <> COALESCE(NULL, $2::text, 'x') ORDER BY id", w, nil),
		S("SELECT id FROM places WHERE city IS DISTINCT FROM COALESCE($1, 'a name longer than twenty characters') ORDER BY id", nil),
		S("SELECT id FROM places WHERE COALESCE($1, $2) = zip OR n::text = COALESCE($1, '7') ORDER BY id", nil, "x"),
		S("SELECT id FROM places WHERE n = COALESCE(NULL, '5')").Fails("42883").Simple(),
		S("SELECT p.id FROM places p, places q WHERE p.city = COALESCE('x', q.zip) ORDER BY 1").Simple(),
	)
}
