package integration

import (
	"testing"

	"pgseal/integration/harness"
)

// An application that counts the rows of a query leaves its ORDER BY in it: the order does not
// matter, but what else it does.
func TestOrdersOfCountedRows(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL:  "CREATE TABLE t (id int PRIMARY KEY, g int, name text, price numeric(6,2), ok boolean)",
		Seal: []string{"public.t.name --equality", "public.t.price --equality", "public.t.ok --equality"},
	})
	pair.SameIn(t, formulaModes,
		S("INSERT INTO t VALUES (1, 1, 'a', 10, true), (2, 1, 'b', 20.5, false), (3, 2, 'c', 30, NULL), (4, 2, 'c', 40, true), (5, 1, 'b', 20.50, true)"),
		S("SELECT count(*) FROM (SELECT 1 FROM t ORDER BY sum(price)) q"),
		S("SELECT count(*) FROM (SELECT 1 FROM t WHERE price > 1000 ORDER BY max(name)) q"),
		S("SELECT count(*) FROM (SELECT 1 FROM t ORDER BY min(name) LIMIT 3) q"),
		S("SELECT count(*) FROM (SELECT g FROM t GROUP BY g ORDER BY sum(price), max(name) DESC OFFSET 1) q"),
		S("SELECT count(*) FROM (SELECT id FROM t ORDER BY sum(price)) q").Fails("42803"),
		S("SELECT count(*) FROM (SELECT 1 FROM t ORDER BY max(name) FILTER (WHERE price IN (20, $1))) q", "10").Refused("public.t.name"),
		S("SELECT count(*) FROM (SELECT id FROM t ORDER BY price DESC NULLS LAST, name LIMIT 3) q"),
		S("SELECT count(*) FROM (SELECT DISTINCT id, name FROM t ORDER BY name) q"),
		S("SELECT count(*) FROM (SELECT DISTINCT name FROM t ORDER BY name DESC NULLS LAST) q"),
		S("SELECT count(*) FROM (SELECT DISTINCT name, g FROM t ORDER BY g, 1 ASC OFFSET 1) AS q"),
		S("SELECT count(*) FROM (SELECT DISTINCT t.name, t.ok, t.g FROM t ORDER BY t.ok, t.name LIMIT 4) q"),
		S("SELECT count(*) FROM (SELECT DISTINCT name AS n FROM t ORDER BY n) q"),
		S("SELECT count(*) FROM (SELECT DISTINCT price FROM t WHERE g = $1 ORDER BY price) q", "1"),
		S("SELECT count(*) FROM (SELECT DISTINCT name FROM t ORDER BY id) q").Fails("42P10"),
		// WHERE holds what they sort by to one value.
		S("SELECT DISTINCT id, name FROM t WHERE name = $1 ORDER BY name, id DESC", "b"),
		S("SELECT DISTINCT name, g FROM t WHERE name = 'c' ORDER BY 1 LIMIT 3"),
		S("SELECT name, count(*) FROM t WHERE name = $1 GROUP BY name ORDER BY name", "b"),
		S("SELECT price, count(*) AS n FROM t WHERE price = 20.5 GROUP BY price, g ORDER BY n, price"),
		// The server counts a sealed column, and the session sorts by what stands behind that.
		S("INSERT INTO t VALUES (6, 3, NULL, NULL, NULL), (7, 3, NULL, 10, NULL), (8, 3, 'd', NULL, NULL)"),
		S("SELECT price, count(price) AS n FROM t GROUP BY price ORDER BY n DESC, price"),
		S("SELECT name, count(ok) FROM t GROUP BY name ORDER BY count(ok) DESC NULLS LAST, name DESC LIMIT $1", "3"),
		S("SELECT g, count(name) AS n FROM t GROUP BY g ORDER BY count(name), max(price) DESC"),
		S("SELECT name, count(t.name) AS n, count(*) FROM t GROUP BY name HAVING count(name) > 0 ORDER BY 2 DESC, name LIMIT 2"),
		S("SELECT name, count(name) AS n FROM t WHERE price > 5 GROUP BY name ORDER BY n DESC, name"),
		S("SELECT x, count(x) AS n FROM (SELECT name AS x FROM t) q GROUP BY x ORDER BY n DESC, x"),
		S("SELECT x, count(x) AS n FROM (SELECT upper(name) AS x FROM t) q GROUP BY x ORDER BY n DESC, x"),
		S("SELECT g, count(DISTINCT name) AS n FROM t GROUP BY g ORDER BY n DESC, max(name)").Refused("public.t.name"),
	)
}

// A condition that the server decides stands last in an arm of a set operation, behind one that
// pgseal does.
func TestRangesInArmsOfSetOperations(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL:  "CREATE TABLE t (id int PRIMARY KEY, g int, name text, price numeric(6,2))",
		Seal: []string{"public.t.name --equality", "public.t.price"},
	})
	pair.SameIn(t, formulaModes,
		S("INSERT INTO t VALUES (1, 1, 'a', 10), (2, 1, 'b', 20.5), (3, 2, 'c', 30), (4, 2, 'c', 40), (5, 1, 'b', NULL)"),
		S("SELECT name FROM t WHERE id = 1 UNION SELECT name FROM t WHERE price > 15 AND g = 2").Unordered(),
		S("SELECT name FROM t UNION SELECT name FROM t WHERE price > 15 AND g = 2 ORDER BY 1"),
		S("SELECT name FROM t EXCEPT SELECT name FROM t WHERE name LIKE 'b%' AND g = 1 ORDER BY 1"),
		S("SELECT id, name FROM t UNION ALL SELECT id, name FROM t WHERE price > $1 AND g = $2 ORDER BY 1, 2", "15", "2"),
		S("SELECT count(*) FROM (SELECT name FROM t INTERSECT SELECT name FROM t WHERE price < 35 AND g = 2) q"),
	)
}
