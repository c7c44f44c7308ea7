package integration

import (
	"testing"

	"pgseal/integration/harness"
)

// Sealed columns of rows that plain columns join are compared with each other.
func TestSealedColumnsOfJoinedRows(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL: `CREATE TABLE people (id int PRIMARY KEY, boss int, name text, city text COLLATE "C", salary int, born date);
CREATE TABLE firms (id int PRIMARY KEY, head int, contact int, city text COLLATE "C", budget numeric, town text);
CREATE TABLE visits (person int, firm int, day date)`,
		Seal: []string{"public.people.name --equality", "public.people.city --equality", "public.people.salary", "public.people.born", "public.firms.city --equality", "public.firms.budget", "public.visits.day"},
	})
	w := pair.Env.Canaries.Text()
	pair.SameIn(t, formulaModes,
		S("INSERT INTO people VALUES (1, NULL, '"+w+"ann', 'x', 100, '2000-01-01'), (2, 1, 'bob', 'x', 120, '2001-01-01'), (3, 1, 'cid', 'y', NULL, NULL), (4, 2, NULL, NULL, 100, '2000-01-01'), (5, 2, 'bob', 'z', 7, '1999-01-01')"),
		S("INSERT INTO firms VALUES (1, 1, 2, 'x', 100, 'x'), (2, 2, 5, 'y', 120.0, 'y'), (3, 4, 3, NULL, 5, NULL)"),
		S("INSERT INTO visits VALUES (1, 1, '2000-01-01'), (2, 1, '2001-01-01'), (5, 2, '2020-01-01'), (3, 3, NULL)"),
		// As an ORM compares columns of related rows.
		S("SELECT f.id FROM firms f INNER JOIN people h ON f.head = h.id WHERE f.city = h.city ORDER BY f.id"),
		S(`SELECT "firms"."id" FROM "firms" INNER JOIN "people" T2 ON ("firms"."head" = T2."id") INNER JOIN "people" T3 ON ("firms"."contact" = T3."id") WHERE T2."name" = (T3."name") ORDER BY "firms"."id"`),
		S("SELECT f.id FROM firms f JOIN people h ON f.head = h.id WHERE NOT (f.city = h.city AND f.city IS NOT NULL) ORDER BY f.id"),
		S("SELECT f.id FROM firms f, people h WHERE f.head = h.id AND f.city <> h.city ORDER BY 1"),
		S("SELECT f.id, h.id FROM firms f, people h, visits v WHERE v.person = h.id AND f.id = v.firm AND h.born = v.day ORDER BY 1, 2"),
		S("SELECT p.id FROM people p LEFT JOIN people b ON b.id = p.boss WHERE p.born = b.born OR b.id IS NULL ORDER BY p.id"),
		S("SELECT p.id FROM people p LEFT JOIN people b ON b.id = p.boss WHERE p.name IS DISTINCT FROM b.name AND p.salary >= b.salary ORDER BY p.id"),
		S("SELECT count(*) FROM firms f JOIN people h ON f.head = h.id WHERE f.budget = h.salary"),
		S("SELECT h.city, count(*), sum(f.budget) FROM firms f JOIN people h ON f.head = h.id WHERE f.budget = h.salary AND f.id < $1 GROUP BY h.city ORDER BY 2", "9"),
		S("SELECT f.id FROM firms f JOIN people h ON f.head = h.id WHERE f.town = h.city ORDER BY f.id").Refused("public.people.city"), // what collation f.town has is not known
		S("SELECT f.id FROM firms f JOIN people h ON f.head = h.id WHERE f.town = h.name ORDER BY f.id"), S("SELECT f.id FROM firms f JOIN people h ON f.head = h.id WHERE f.town = h.city COLLATE \"C\" ORDER BY f.id"),
		S("SELECT v.person FROM visits v JOIN (SELECT id AS person, born FROM people) q USING (person) WHERE q.born = v.day ORDER BY 1"),
		S("SELECT f.id, f.city = h.city, f.budget > h.salary FROM firms f JOIN people h ON f.head = h.id ORDER BY f.id"),
		// What a query in FROM or WITH gives, in the conditions of inner joins.
		S("SELECT p.id, p.name FROM people p JOIN (SELECT boss, max(salary) AS top FROM people GROUP BY boss) m ON m.boss = p.boss AND m.top = p.salary ORDER BY p.id"),
		S("SELECT p.id FROM people p JOIN (SELECT boss AS of, min(born) AS first FROM people GROUP BY boss) m ON of = boss AND born > first WHERE p.name IS DISTINCT FROM $1 ORDER BY p.id", "cid"),
		S("WITH m AS (SELECT boss, avg(salary) AS mean FROM people GROUP BY boss) SELECT b.name, count(*) FROM m JOIN people p ON m.boss = p.boss AND p.salary >= m.mean JOIN people b ON b.id = p.boss GROUP BY b.name ORDER BY 1"),
		S("SELECT count(*) FROM people p INNER JOIN (SELECT boss, max(born) AS last FROM people GROUP BY boss) m ON (m.boss = p.boss AND m.last = p.born)"),
		S("SELECT p.id FROM people p JOIN (SELECT boss, max(salary) AS top FROM people GROUP BY boss) m ON m.boss = p.boss AND m.top = p.salary AND 7 / p.id > 0 ORDER BY p.id").Refused("public.people.salary"), // PostgreSQL may not come to it
		// Nothing else joins them.
		S("SELECT f.id FROM firms f, people h WHERE f.city = h.city ORDER BY 1"),
		S("SELECT f.id FROM firms f JOIN people h ON f.city = h.city ORDER BY 1"),
		S("SELECT f.id FROM firms f, people h, visits v WHERE f.head = h.id AND h.born = v.day ORDER BY 1"),
		S("SELECT f.id FROM firms f, people h WHERE f.id > h.id AND f.city = h.city ORDER BY 1"))
}
