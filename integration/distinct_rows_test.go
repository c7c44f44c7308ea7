package integration

import (
	"strings"
	"testing"

	"pgseal/integration/harness"
)

// DISTINCT of what is computed of sealed values, and beside what sorts and filters by them, as
// archives by date and lists over joins ask for it.
func TestDistinctRows(t *testing.T) {
	pair := harness.New(t, formulaSchema)
	steps := []harness.Step{S("SET timezone = 'Europe/Berlin'"), S(aggregateRows), S(`INSERT INTO accounts (id, n, small, big, price, free, r, d, name, label, day, at, atz, gap, ok, plain) VALUES
		(11, 40, 7, 9000000000, 19.99, 0.10, 1.5, 0.1, 'ann', 'x', '2024-01-31', '2024-01-31 12:00', '2024-03-30 12:00+01', '1 day', true, 1),
		(13, 2, -7, 4611686018427387, 20.00, 0.123456, -2.25, 1e100, 'bob', 'y', '2023-01-31', '2024-01-31 13:00', '2024-03-30 13:00+01', '2 hours', false, 7),
		(14, 2, 7, 1, 0.01, 1e20, 2.25, -1e10, 'ann', 'xx', '2024-01-01', '2024-01-31 13:00', '1999-03-30 13:00+01', '-1 month', true, 2)`)}
	for _, of := range []string{"n", "small", "price", "free", "r", "d", "day", "at", "atz", "gap", "ok", "name", "label", "n * 2", "-price", "price + n", "date_trunc('month', day)", "extract(year FROM at)", "upper(name)", "COALESCE(name, 'none')", "CASE WHEN n > 2 THEN 'many' ELSE label END"} {
		steps = append(steps,
			S("SELECT DISTINCT "+of+" AS x FROM accounts ORDER BY x"),
			S("SELECT DISTINCT "+of+" AS x FROM accounts ORDER BY 1 DESC NULLS LAST LIMIT 2 OFFSET 1"),
			S("SELECT DISTINCT "+of+", plain FROM accounts ORDER BY plain DESC NULLS LAST, "+of+" LIMIT $1", "5"),
			S("SELECT DISTINCT plain, "+of+" FROM accounts WHERE n > 1").Unordered(),
			S("SELECT count(*) AS __count FROM (SELECT DISTINCT accounts.plain AS c1, "+of+" AS x FROM accounts WHERE accounts.n > $1 AND plain > 0) subquery", "1"))
		if strings.ContainsAny(of, "(*+- ") { // others are told apart by their terms
			steps = append(steps, S("SELECT count(*) FROM (SELECT DISTINCT "+of+" AS x FROM accounts) q"))
		}
	}
	pair.SameIn(t, formulaModes, append(steps,
		S("SELECT DISTINCT * FROM accounts ORDER BY price, id"),
		S("SELECT DISTINCT a.* FROM accounts a JOIN accounts b ON a.plain = b.plain WHERE b.n > 1 ORDER BY a.n DESC, a.id"),
		S("SELECT DISTINCT a.id, a.name FROM accounts a JOIN accounts b ON a.plain = b.plain ORDER BY a.name NULLS FIRST, a.id LIMIT 3"),
		S("SELECT DISTINCT plain FROM accounts WHERE price > 2 ORDER BY plain"),
		S("SELECT DISTINCT plain, 'x', 7, NULL FROM accounts WHERE price BETWEEN $1 AND $2 ORDER BY plain", "1", "1000"),
		S("SELECT DISTINCT plain > 1 AS odd FROM accounts WHERE n > 1 ORDER BY odd"),
		S("SELECT DISTINCT sum(n) AS s, count(*) AS c FROM accounts GROUP BY plain ORDER BY s, c"),
		S("SELECT DISTINCT count(*) > 1 AS more FROM accounts GROUP BY plain HAVING sum(n) > 1 ORDER BY more"),
		S("SELECT DISTINCT n + $1 AS m FROM accounts ORDER BY m", "5"),
		S("SELECT DISTINCT name || $1, n FROM accounts ORDER BY n, 1", "x"),
		S("SELECT DISTINCT n, name FROM accounts ORDER BY name, n FETCH FIRST 3 ROWS ONLY"),
		S("SELECT DISTINCT n FROM accounts WHERE false ORDER BY n"),
		S("SELECT DISTINCT n::text FROM accounts").Unordered(), S("SELECT DISTINCT coalesce(name, label), small::text FROM accounts").Unordered(),
		S("SELECT count(*) FROM (SELECT DISTINCT name = 'ann' AS x, price FROM accounts) q"),
		S("SELECT count(*) FROM (SELECT DISTINCT name = 'ann' AS x, n FROM accounts WHERE price > 1) q").Refused("cannot be"),
		S("SELECT count(*) FROM (SELECT DISTINCT plain + 1 AS x, price FROM accounts) q"),
		S("SELECT DISTINCT q.c FROM (SELECT name || label AS c, id FROM accounts) q").Unordered(),
		S("SELECT DISTINCT n FROM accounts ORDER BY n, id").Refused("ORDER BY an expression"),
		S("SELECT DISTINCT n FROM accounts ORDER BY n + 1").Refused("ORDER BY an expression"),
		S("SELECT DISTINCT price, random() > 2 FROM accounts ORDER BY price").Refused("cannot be used in DISTINCT"),
		S("SELECT DISTINCT price, $1::int FROM accounts ORDER BY price", "5"),
		S("SELECT DISTINCT 100 / small AS q FROM accounts ORDER BY q").Fails("22012"),
		S("BEGIN"), S("DECLARE c CURSOR FOR SELECT DISTINCT date_trunc('month', day) AS m FROM accounts WHERE day IS NOT NULL ORDER BY m DESC").Simple(),
		S("FETCH 2 FROM c").Simple(), S("FETCH 5 FROM c").Simple(), S("COMMIT"),
	)...)
}
