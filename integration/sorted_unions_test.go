package integration

import (
	"testing"

	"pgseal/integration/harness"
)

// Set operations sorted by sealed outputs, as lists of several kinds of things are made.
func TestSortedSetOperations(t *testing.T) {
	pair := harness.New(t, formulaSchema)
	steps := []harness.Step{S("SET timezone = 'Europe/Berlin'"), S(aggregateRows), S("INSERT INTO lines (order_id, \"No\", quantity) VALUES ('11111111-1111-1111-1111-111111111111', 'a', 7), ('11111111-1111-1111-1111-111111111111', 'b', -3), ('11111111-1111-1111-1111-111111111111', 'c', NULL)")}
	for _, of := range []string{"n", "small", "big", "price", "free", "r", "d", "day", "at", "atz", "gap", "ok", "name", "label"} {
		steps = append(steps,
			S("SELECT "+of+" AS x, id FROM accounts WHERE id < 4 UNION ALL SELECT "+of+", id FROM accounts WHERE id > 2 ORDER BY x, id"),
			S("SELECT id, "+of+" FROM accounts WHERE plain = $1 UNION ALL (SELECT id, "+of+" FROM accounts WHERE plain > 1) ORDER BY 2 DESC NULLS LAST, id DESC LIMIT $2 OFFSET 1", "1", "4"),
			S("SELECT plain, "+of+", id FROM accounts UNION ALL SELECT plain + 1, "+of+", id FROM accounts ORDER BY plain DESC, "+of+" NULLS FIRST, 3"),
			S("SELECT id, "+of+" FROM accounts UNION SELECT id, "+of+" FROM accounts WHERE id > 1 ORDER BY "+of+", id"),
			S("SELECT id, "+of+" FROM accounts UNION ALL SELECT 0, NULL ORDER BY "+of+", id"))
	}
	pair.SameIn(t, formulaModes, append(steps,
		S("SELECT n, 'account' AS kind FROM accounts UNION ALL SELECT quantity, 'line' FROM lines ORDER BY n DESC NULLS LAST, kind"),
		S("SELECT small, id FROM accounts UNION ALL SELECT big, id FROM accounts ORDER BY 1, 2 LIMIT 7"), S("SELECT n, id FROM accounts UNION ALL SELECT price, id FROM accounts ORDER BY n DESC, id"),
		S("SELECT name, id FROM accounts UNION ALL SELECT label, id FROM accounts ORDER BY name DESC, id FETCH FIRST 4 ROWS ONLY"),
		S("SELECT n, name FROM accounts UNION SELECT n, name FROM accounts ORDER BY name, n"),
		S("SELECT n FROM accounts INTERSECT SELECT n FROM accounts WHERE id > 2 ORDER BY n"),
		S("SELECT n FROM accounts EXCEPT SELECT n FROM accounts WHERE n = 2 ORDER BY 1 DESC"),
		S("SELECT n FROM accounts WHERE id = 1 UNION SELECT n FROM accounts WHERE id = 3 UNION SELECT n FROM accounts ORDER BY n NULLS FIRST"),
		S("WITH few AS (SELECT id, n, price FROM accounts WHERE id < 5) SELECT n, price, id FROM few UNION ALL SELECT n, price, id FROM accounts ORDER BY price, n DESC, id"),
		S("(SELECT n, id FROM accounts ORDER BY id LIMIT 2) UNION ALL (SELECT n, id FROM accounts ORDER BY id OFFSET 2) ORDER BY n, id"),
		S("(((SELECT n, id FROM accounts)) UNION ALL (SELECT n, id FROM accounts WHERE n = 2 UNION ALL SELECT quantity, 0 FROM lines)) ORDER BY n, id"),
		S("SELECT n, n FROM accounts UNION ALL SELECT n, n FROM accounts ORDER BY 1, 2"),
		S("SELECT id, price FROM accounts WHERE price > 5 UNION ALL SELECT id, price FROM accounts WHERE n < $1 ORDER BY price DESC, id", "5"),
		S("SELECT 'x' AS \"a \"\"b\", n FROM accounts UNION ALL SELECT 'y', n FROM accounts ORDER BY n, \"a \"\"b\" DESC"),
		S("SELECT id, n FROM accounts UNION SELECT id, n FROM accounts INTERSECT SELECT id, n FROM accounts ORDER BY 2, 1"), S("SELECT n FROM accounts WHERE id = 1 UNION ALL SELECT n FROM accounts INTERSECT SELECT n FROM accounts WHERE id > 2 ORDER BY 1"),
		S("SELECT n FROM accounts EXCEPT (SELECT n FROM accounts INTERSECT SELECT n FROM accounts WHERE n = 2) ORDER BY n DESC").Refused("output of UNION"),
		S("SELECT n FROM accounts WHERE false UNION ALL SELECT n FROM accounts WHERE false ORDER BY n"),
		S("SELECT * FROM accounts WHERE id < 3 UNION ALL SELECT * FROM accounts WHERE id > 4 ORDER BY day, id"),
		S("SELECT n FROM accounts UNION ALL SELECT n FROM accounts ORDER BY n LIMIT -1").Fails("2201W"),
		S("SELECT n FROM accounts UNION ALL SELECT n FROM accounts ORDER BY m").Fails("42703"),
		S("SELECT n FROM accounts UNION ALL SELECT n FROM accounts ORDER BY n + 1").Fails("0A000"),
		S("SELECT n FROM accounts UNION ALL SELECT n FROM accounts ORDER BY 2").Fails("42P10"), S("SELECT n FROM accounts UNION ALL SELECT n FROM accounts ORDER BY 1, 2").Refused("cannot be used in ORDER BY"),
		S("SELECT n, id FROM accounts UNION ALL SELECT n, id FROM accounts ORDER BY n FETCH FIRST 1 ROW WITH TIES").Refused("cannot"),
		S("SELECT q.n FROM (SELECT n FROM accounts UNION ALL SELECT n FROM accounts ORDER BY n LIMIT 1) q").Refused("cannot"),
		S("SELECT upper(q.name), q.n * 2 FROM (SELECT name, n FROM accounts UNION ALL SELECT label, small FROM accounts) q ORDER BY q.name, 2"),
		S("SELECT sum(q.n), max(q.n), count(*) FROM (SELECT n FROM accounts UNION ALL SELECT quantity FROM lines) q WHERE q.n > 1"),
		S("SELECT DISTINCT q.n FROM (SELECT n FROM accounts UNION ALL SELECT quantity FROM lines) q ORDER BY 1"),
		S("SELECT DISTINCT q.x FROM (SELECT name AS x FROM accounts UNION ALL SELECT label FROM accounts) q").Unordered(),
		S("SELECT q.n, count(*) FROM (SELECT n FROM accounts UNION ALL SELECT quantity FROM lines) q GROUP BY q.n ORDER BY 1"),
		S("SELECT q.n % 3 AS m, count(*), sum(q.n), max(q.id) FROM (SELECT n, id FROM accounts UNION ALL SELECT small, plain FROM accounts) q GROUP BY 1 ORDER BY 1"),
		S("SELECT q.x FROM (SELECT name AS x FROM accounts UNION ALL SELECT label FROM accounts) q WHERE q.x = 'ann' OR q.x LIKE $1 ORDER BY 1", "x%"),
		S("SELECT q.x FROM (SELECT name AS x, id FROM accounts UNION ALL SELECT label, id FROM accounts) q WHERE length(q.x) = 3 ORDER BY q.x DESC, q.id"),
		S("SELECT q.x || '!' AS y, q.k FROM (SELECT big AS x, 1 AS k FROM accounts UNION ALL SELECT small, 2 FROM accounts) q WHERE q.x IN (7, 1) OR q.x IS NULL ORDER BY q.k, q.x"),
		S("SELECT count(*) FROM (SELECT n FROM accounts UNION ALL SELECT quantity FROM lines) q WHERE q.n BETWEEN 1 AND 10"),
		S("SELECT CASE WHEN COALESCE(name, label) = 'ann' THEN upper(COALESCE(name, label)) END, GREATEST(COALESCE(n, small), 5) FROM accounts ORDER BY id"),
		S("SELECT q.p + q.n AS s FROM (SELECT plain AS p, n FROM accounts UNION ALL SELECT id::bigint, n FROM accounts) q").Refused("cannot be an operand"),
		S("SELECT q.p + q.n AS s FROM (SELECT plain AS p, n FROM accounts UNION ALL SELECT id, n FROM accounts) q ORDER BY s"),
		S("SELECT COALESCE(name, label, 'none') AS x FROM accounts ORDER BY x, id"),
		S("BEGIN"), S("DECLARE c CURSOR FOR SELECT n, id FROM accounts UNION ALL SELECT quantity, 0 FROM lines ORDER BY n DESC, id").Simple(),
		S("FETCH 3 FROM c").Simple(), S("FETCH ALL FROM c").Simple(), S("COMMIT"),
	)...)
}
