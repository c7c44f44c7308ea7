package integration

import (
	"testing"

	"pgseal/integration/harness"
)

// Strings and parameters beside sealed texts in UNION ALL are sealed as their values, so that the
// server does not see them either.
func TestUnionsOfSealedTextsAndStrings(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL: `CREATE TABLE people (id int PRIMARY KEY, name text, tag varchar(10), age int, plain text);
			CREATE TABLE others (id int PRIMARY KEY, name text)`,
		Seal: []string{"public.people.name --equality", "public.people.tag", "public.people.age", "public.others.name"},
	})
	a, b := pair.Env.Canaries.Word(), pair.Env.Canaries.Word()
	pair.SameIn(t, formulaModes,
		S("INSERT INTO people VALUES (1, $1, 'x', 5, 'p'), (2, 'Bob', 'y', 6, 'q'), (3, NULL, NULL, NULL, NULL)", a),
		S("INSERT INTO others VALUES (1, $1), (2, 'o2')", b),
		S("SELECT name FROM people UNION ALL SELECT 'total' ORDER BY 1"),
		S("SELECT name FROM people UNION ALL SELECT $1", b).Unordered(),
		S("SELECT '"+b+"' AS who UNION ALL SELECT name FROM people").Unordered(),
		S("SELECT 'a', 1 UNION ALL SELECT $1, 2 UNION ALL SELECT name, id + 10 FROM people ORDER BY 2", b),
		S("SELECT name, id FROM people UNION ALL SELECT $1, 20 UNION ALL SELECT 'c', 21 UNION ALL SELECT NULL, 22 UNION ALL SELECT name, 30 FROM others WHERE id = 1 ORDER BY 2", b),
		S("SELECT tag, id FROM people UNION ALL SELECT 'u', 7 UNION ALL SELECT 'much longer than ten characters', 8 ORDER BY 2"),
		S("SELECT name, age FROM people UNION ALL SELECT 'none', NULL ORDER BY 1"),
		S("SELECT '' AS id, '-- choose --' AS label UNION ALL SELECT id::text, name FROM people ORDER BY 1"),
		S("SELECT name, count(*) AS n FROM people GROUP BY name UNION ALL SELECT 'all', count(*) FROM people ORDER BY n, 1"),
		S("SELECT name FROM people UNION ALL SELECT 'none' WHERE false ORDER BY 1"),
		S("SELECT DISTINCT name FROM people UNION ALL SELECT 'total' FROM others ORDER BY 1"),
		S("SELECT n FROM (SELECT name AS n FROM people UNION ALL SELECT $1) x WHERE n = $1", b),
		S("SELECT upper(n), length(n) FROM (SELECT name AS n FROM people UNION ALL SELECT 'total') x ORDER BY 1"),
		S("SELECT count(*), max(n) FROM (SELECT name AS n FROM people UNION ALL SELECT 'total') x"),
		S("WITH x AS (SELECT name AS n FROM people UNION ALL SELECT $1) SELECT x.n, p.id FROM x LEFT JOIN people p ON p.name = x.n ORDER BY 1, 2", b),
		S("SELECT json_agg(x) FROM (SELECT name FROM people WHERE id < 3 UNION ALL SELECT 'z') x"),
		S("COPY (SELECT name FROM people WHERE id = 1 UNION ALL SELECT 'total') TO STDOUT"),
		S("INSERT INTO people (id, name) SELECT id + 10, name FROM people UNION ALL SELECT 99, $1", b),
		S("SELECT id FROM people WHERE name = $1", b),
		S("SELECT 'total'::text UNION ALL SELECT name FROM people ORDER BY 1"),
		S("SELECT name FROM people UNION ALL SELECT CAST($1 AS text) UNION ALL SELECT 5::text ORDER BY 1", b),
		S("SELECT $1::text, 1 UNION ALL SELECT name, 2 FROM people ORDER BY 2, 1", b),
		S("SELECT NULL::text UNION ALL SELECT name FROM people UNION ALL SELECT NULL::text ORDER BY 1"),
		S("SELECT name FROM people UNION ALL SELECT 5").Fails("42804"),
		S("SELECT name FROM people UNION SELECT 'total'").Refused("public.people.name"),
		S("SELECT name FROM people EXCEPT ALL SELECT 'total'").Refused("public.people.name"),
		S("SELECT age FROM people UNION ALL SELECT 5").Refused("public.people.age"),
		S("SELECT name FROM people UNION ALL SELECT plain FROM people").Refused("public.people.name"),
		S("INSERT INTO people (id, tag) SELECT id + 20, tag FROM people UNION ALL SELECT 98, 'longer than ten'").Refused("public.people.tag"),
		S("SELECT * FROM people ORDER BY id"))
}
