package integration

import (
	"testing"

	"pgseal/integration/harness"
)

// FILTER of aggregates that the server computes, or of which pgseal opens the elements.
func TestAggregatesFilteredBySealedValues(t *testing.T) {
	schema := harness.Schema{
		DDL: `CREATE TABLE staff (id int PRIMARY KEY, team text, name text, salary int, email text, born date);
			CREATE TABLE orders (id int PRIMARY KEY, owner int, number int, total int, note text)`,
		Seal: []string{"public.staff.name", "public.staff.salary", "public.staff.email --equality", "public.staff.born", "public.orders.total", "public.orders.note"},
	}
	pair := harness.New(t, schema)
	w := pair.Env.Canaries.Word()
	pair.SameIn(t, formulaModes,
		S("SELECT array_agg(id ORDER BY id) FILTER (WHERE salary > 1500), count(*) FROM staff"),
		S("INSERT INTO staff VALUES (1, 'a', 'Ann"+w+"', 1000, 'ann@x', '1990-01-01'), (2, 'a', 'bob', 2000, 'bob@x', '2000-02-02'), (3, 'b', 'cid', 3000, NULL, NULL), (4, 'b', NULL, NULL, 'dan@x', '1980-05-05'), (5, NULL, 'eve', 1700, 'eve@x', '2001-01-01')"),
		S("INSERT INTO orders VALUES (1, 1, 11, 100, 'n"+w+"'), (2, 1, 12, 300, NULL), (3, 2, 13, 250, 'x'), (4, 3, 14, NULL, 'y'), (5, NULL, 15, 999, '')"),
		S("SELECT array_agg(id ORDER BY id) FILTER (WHERE salary > 1500) FROM staff"),
		S("SELECT team, array_agg(id ORDER BY id) FILTER (WHERE salary > $1), count(*) FILTER (WHERE salary < $2), json_agg(id ORDER BY id) FILTER (WHERE email LIKE $3) FROM staff GROUP BY team ORDER BY team", "1500", "2500", "%@x"),
		S("SELECT s.id, json_agg(o.number ORDER BY o.id) FILTER (WHERE o.total > 200) FROM staff s LEFT JOIN orders o ON o.owner = s.id GROUP BY s.id ORDER BY s.id"),
		S("SELECT s.id, json_agg(o.number ORDER BY o.id) FILTER (WHERE o.total IS NULL OR o.total > 200) FROM staff s LEFT JOIN orders o ON o.owner = s.id WHERE s.id < 4 AND o.number < 14 GROUP BY s.id ORDER BY s.id"),
		S("SELECT string_agg(team, ',' ORDER BY id) FILTER (WHERE salary BETWEEN $1 AND $2 AND id > 1 OR name ILIKE 'a%') FROM staff WHERE id < 5", "900", "2500"),
		S("SELECT string_agg(name, ',' ORDER BY id) FILTER (WHERE salary > 1500), string_agg(name, ',') FILTER (WHERE salary = 2000) FROM staff"),
		S("SELECT json_agg(name ORDER BY id) FILTER (WHERE salary > 1500), jsonb_agg(salary ORDER BY id) FILTER (WHERE born > '1985-01-01') FROM staff"),
		S("SELECT json_agg(json_build_object('n', name, 's', salary) ORDER BY id) FILTER (WHERE salary > $1) FROM staff WHERE team = $2", "500", "a"),
		S("SELECT json_object_agg(id, team ORDER BY id) FILTER (WHERE salary > 1500 AND team IS NOT NULL) FROM staff"),
		S("SELECT array_agg(DISTINCT team) FILTER (WHERE salary > 1500), bool_and(id > 1) FILTER (WHERE salary > 1500), max(id) FILTER (WHERE name LIKE 'b%') FROM staff"),
		S("SELECT id, array_agg(id) FILTER (WHERE salary > 1500) OVER (ORDER BY id) FROM staff ORDER BY id"),
		S("SELECT team FROM staff GROUP BY team HAVING array_length(array_agg(id) FILTER (WHERE salary > 1500), 1) = 1 ORDER BY team"),
		S("SELECT s.id, (SELECT array_agg(o.id ORDER BY o.id) FILTER (WHERE o.total > 99) FROM orders o WHERE o.owner = s.id) FROM staff s ORDER BY s.id"),
		S("SELECT id FROM staff WHERE 2 = ANY (SELECT max(id) FILTER (WHERE total > 200) FROM orders) ORDER BY id"),
		S("SELECT q.a FROM (SELECT team, array_agg(id ORDER BY id) FILTER (WHERE salary > 1500) AS a FROM staff GROUP BY team) q ORDER BY q.team"),
		S("SELECT team, GROUPING(team), array_agg(id ORDER BY id) FILTER (WHERE salary > 1500) FROM staff GROUP BY ROLLUP (team) ORDER BY 2, 1"),
		S("SELECT array_agg(id ORDER BY id) FILTER (WHERE salary > 1500) FROM staff WHERE salary < 2500 AND team IS NOT NULL"),
		S("SELECT array_agg(s.id ORDER BY s.id) FILTER (WHERE s.salary > 1500 AND o.total > 200) FROM staff s JOIN orders o ON o.owner = s.id"),
		S("SELECT array_agg(id ORDER BY id) FILTER (WHERE 10000 / salary > 4) FROM staff WHERE id <> 4"),
		S("SELECT array_agg(id ORDER BY id) FILTER (WHERE id > 1 AND 10 / (id - 1) > 0 AND salary > 1500) FROM staff"),
		S("SELECT s.team, array_agg(s.id ORDER BY s.salary) FILTER (WHERE s.salary > (SELECT avg(salary) FROM staff)) FROM staff s GROUP BY s.team ORDER BY s.team"),
		S("SELECT date_trunc('year', born), array_agg(id ORDER BY id) FILTER (WHERE salary > 1500) FROM staff GROUP BY 1 ORDER BY 1").Refused("public.staff."),
		S("SELECT s.team, array_agg(o.id ORDER BY o.id) FILTER (WHERE o.total * 4 > s.salary) FROM staff s JOIN orders o ON o.owner = s.id GROUP BY s.team ORDER BY s.team"),
		S("SELECT array_agg(id ORDER BY id) FILTER (WHERE salary IN (SELECT total * 8 FROM orders)) FROM staff"),
		S("SELECT array_agg(id ORDER BY id) FILTER (WHERE EXISTS (SELECT 1 FROM orders o WHERE o.owner = staff.id AND o.total > 200) AND salary > 100) FROM staff"),
		S("SELECT (SELECT array_agg(s.id ORDER BY s.id) FILTER (WHERE s.salary > 1500) FROM orders o WHERE o.id = 1) FROM staff s"),
		S("SELECT (SELECT array_agg(s.id + o.id) FILTER (WHERE s.salary > 1500) FROM orders o WHERE o.id = 1) FROM staff s WHERE s.id > 1 ORDER BY s.id"),
		S("SELECT array_agg(id ORDER BY id) FILTER (WHERE salary > 1500) FROM (SELECT id, salary FROM staff WHERE team = 'b') q"),
		S("SELECT json_agg(row_to_json(o)) FILTER (WHERE o.total > 200) FROM orders o WHERE o.id < 3"),
		S("WITH q AS (SELECT * FROM staff) SELECT array_agg(id ORDER BY id) FILTER (WHERE salary > 1500) FROM q").Refused("public.staff.salary"),
		S("SELECT array_agg(u.id ORDER BY u.id) FILTER (WHERE u.salary > 1500) FROM orders o RIGHT JOIN staff u ON u.id = o.owner AND o.total > 99 WHERE u.team = 'a'"),
		S("COPY (SELECT team, array_agg(id ORDER BY id) FILTER (WHERE salary > 1500) FROM staff GROUP BY team ORDER BY team) TO STDOUT").Simple(),
		S("SELECT name, string_agg(name, ',' ORDER BY name) FILTER (WHERE salary > 0), count(*) FILTER (WHERE salary > $1) FROM staff WHERE email LIKE $2 GROUP BY 1", "1500", "%@x").Unordered(),
		S("SELECT name, string_agg(name, ',' ORDER BY name) FILTER (WHERE salary > 0), count(*) FILTER (WHERE salary > $1) FROM staff WHERE email LIKE $2 GROUP BY 1", "1500", "bob@x").Unordered(),
		S("SELECT name, string_agg(name, ',' ORDER BY name) FILTER (WHERE salary > $1) FROM staff WHERE email LIKE $2 GROUP BY 1", "1500", "%@x").Unordered(),
		S("SELECT name, string_agg(name, ',' ORDER BY name) FILTER (WHERE salary > $2) FROM staff WHERE email LIKE $1 GROUP BY 1", "%@x", "1500").Unordered(),
		S("SELECT name, string_agg(name, ',' ORDER BY name) FILTER (WHERE salary > 0) FROM staff WHERE team <> $2 AND email LIKE $1 GROUP BY 1", "%", "q").Unordered(),
		S("SELECT name, string_agg(name, ',' ORDER BY name) FILTER (WHERE born > $1) FROM staff WHERE email LIKE $2 AND id < $3 GROUP BY 1", "1985-01-01", "%", "50").Unordered(),
		S("SELECT name, string_agg(name, ',' ORDER BY name) FILTER (WHERE born > $1) FROM staff WHERE name = $2 AND email LIKE $3 GROUP BY 1", "1985-01-01", "bob", "%").Unordered(),
		S("INSERT INTO orders (id, owner, number) SELECT 100 + count(*) FILTER (WHERE salary > 1500), 1, max(id) FILTER (WHERE salary < 2500) FROM staff"),
		S("SELECT id, owner, number FROM orders ORDER BY id"),
	)
}
