package integration

import (
	"testing"

	"pgseal/integration/harness"
)

// GROUP BY what is computed of sealed values, as every report by month or by class asks for it.
func TestGroupedByWhatIsComputed(t *testing.T) {
	pair := harness.New(t, formulaSchema)
	steps := []harness.Step{S("SET timezone = 'Europe/Berlin'"), S(aggregateRows), S(`INSERT INTO accounts (id, n, small, big, price, free, r, d, name, label, day, at, atz, gap, ok, plain) VALUES
		(11, 40, 7, 9000000000, 19.99, 0.10, 1.5, 0.1, 'ann', 'x', '2024-01-31', '2024-01-31 12:00', '2024-03-30 12:00+01', '1 day', true, 1),
		(13, 2, -7, 4611686018427387, 20.00, 0.123456, -2.25, 1e100, 'bob', 'y', '2023-01-31', '2024-01-31 13:00', '2024-03-30 13:00+01', '2 hours', false, 7),
		(14, 2, 7, 1, 0.01, 1e20, 2.25, -1e10, 'ann', 'xx', '2024-01-01', '2024-01-31 13:00', '1999-03-30 13:00+01', '-1 month', true, 2)`)}
	for _, by := range []string{"n * 2", "-price", "price + n", "date_trunc('month', day)", "extract(year FROM at)", "upper(name)", "COALESCE(name, 'none')", "CASE WHEN n > 2 THEN 'many' ELSE label END", "n > 2", "date_trunc('day', atz)", "at - gap"} {
		steps = append(steps,
			S("SELECT "+by+" AS x, count(*), sum(n), avg(price), max(day), min(plain) FROM accounts GROUP BY x ORDER BY x"),
			S("SELECT "+by+" AS x, count(*) AS c, sum(plain) FROM accounts WHERE id < $1 GROUP BY 1 ORDER BY c DESC, x NULLS FIRST LIMIT 3 OFFSET $2", "12", "1"),
			S("SELECT plain, "+by+" AS x, count(name) FROM accounts a GROUP BY plain, "+by+" ORDER BY plain DESC NULLS LAST, 2"),
			S("SELECT count(*) FROM accounts GROUP BY "+by).Unordered(),
			S("SELECT COUNT(*) FROM (SELECT "+by+" AS x, accounts.plain, COUNT(accounts.id) AS n FROM accounts WHERE accounts.plain > $1 GROUP BY "+by+", accounts.plain HAVING COUNT(*) > 1) subquery", "0"),
			S("SELECT count(*) AS c FROM (SELECT "+by+" AS x, sum(n) FROM accounts WHERE price > 0 GROUP BY x) q"),
			S("SELECT "+by+" AS x, sum(n * small) + count(*) AS s FROM accounts WHERE n > 1 OR plain = 3 GROUP BY plain, "+by+", small HAVING count(*) > 1 ORDER BY s DESC, x"),
			S("SELECT count(*) FILTER (WHERE plain > 1), count(*) FILTER (WHERE n > 2), sum(price) FILTER (WHERE plain < 3 AND label LIKE 'x%') FROM accounts GROUP BY "+by+" ORDER BY 1, 2, 3"))
	}
	pair.SameIn(t, formulaModes, append(steps,
		S("SELECT date_trunc('month', a.day) AS m, count(*) FROM accounts AS a GROUP BY date_trunc('month', day) ORDER BY m"),
		S("SELECT date_trunc('month', day)::date AS m, extract(month FROM date_trunc('month', day)) AS k, count(*) FROM accounts GROUP BY date_trunc('month', day) ORDER BY m"),
		S("SELECT date_trunc('month', day) AS m, n, count(*) FROM accounts GROUP BY m, n ORDER BY m, n"),
		S("SELECT id, date_trunc('month', day) AS m, name, plain, n + 1, count(*) FROM accounts GROUP BY id, m ORDER BY id"),
		S("SELECT (n + $1) AS m, sum(plain + $2) FROM accounts GROUP BY m ORDER BY m", "5", "7"),
		S("SELECT n + 1 AS m, count(DISTINCT plain), count(DISTINCT n), sum(DISTINCT small), count(DISTINCT free), count(DISTINCT label), count(DISTINCT other), count(DISTINCT name || label) FROM accounts GROUP BY m ORDER BY m"),
		S("SELECT n + 1 AS m, string_agg(label, ',') FROM accounts WHERE id IN (1, 11) GROUP BY m"),
		S("SELECT n + 1 AS m, bool_and(ok), bool_or(plain > 1), every(n > 1) FROM accounts GROUP BY m ORDER BY m"),
		S("SELECT n % 2 AS odd, sum(r), avg(d), max(gap), min(atz), max(ok::int) FROM accounts WHERE id < 10 GROUP BY odd ORDER BY odd"),
		S("SELECT CASE WHEN price > $1 THEN 'dear' ELSE 'cheap' END AS class, count(*) FROM accounts GROUP BY 1 ORDER BY 1", "5"),
		S("SELECT date_trunc('month', a.day) AS m, b.plain, count(*), sum(a.n) FROM accounts a JOIN accounts b ON a.plain = b.plain WHERE b.n > 1 GROUP BY m, b.plain HAVING sum(a.n) > 1 ORDER BY sum(a.n) DESC, m"),
		S("SELECT n + 1 AS m, count(*) FROM accounts WHERE false GROUP BY m"),
		S("SELECT n + 1, count(*), sum(plain) FROM accounts GROUP BY 1 ORDER BY count DESC, sum"),
		S("SELECT n IS NULL AS x, n + 1, count(*) FROM accounts GROUP BY n IS NULL, n + 1 ORDER BY 2"),
		S("SELECT n + 1 AS m FROM accounts GROUP BY m ORDER BY m DESC FETCH FIRST ROW ONLY"),
		S("SELECT SUM(\"accounts\".\"small\") AS sum_small, n / 5 AS n_5 FROM \"accounts\" GROUP BY (n / 5) HAVING ((count(*) > 0)) ORDER BY n_5;").Simple(),
		S("SELECT n + 1 AS m, count(*) AS c FROM accounts GROUP BY m HAVING n + 1 > 0 AND count(*) > 1 ORDER BY c"),
		S("SELECT 'x' AS k, n + 1 AS m, 7, count(*) FROM accounts GROUP BY k, m ORDER BY m"),
		S("SELECT plain % 2, n + 1 AS m, count(*) FROM accounts GROUP BY plain % 2, m ORDER BY m, 1"),
		S("SELECT n + 1 AS m, round(avg(plain), 2) AS a, COALESCE(sum(small), 0), count(*) * 2 FROM accounts GROUP BY m ORDER BY a, m"),
		// mistakes
		S("SELECT n, count(*) FROM accounts GROUP BY n + 1").Refused("cannot be used in GROUP BY"), S("SELECT plain, n + 1 AS m FROM accounts a GROUP BY m").Fails("42803"),
		S("SELECT q.id, n + 1, name FROM (SELECT * FROM accounts) q GROUP BY q.id, n + 1").Fails("42803"), S("SELECT q.i, q.n + 1, count(*) FROM (SELECT id AS i, n FROM accounts) q GROUP BY i, q.n + 1 ORDER BY i"),
		S("SELECT n + 1 AS m FROM accounts GROUP BY m ORDER BY id").Fails("42803"), S("SELECT n + 1 AS m FROM accounts GROUP BY m HAVING price > 2").Fails("42803"),
		S("SELECT date_trunc('month', day), count(*) FROM accounts GROUP BY date_trunc('years', day)").Refused("cannot be used in GROUP BY"), S("SELECT n + 1::int, count(*) FROM accounts GROUP BY n + 1").Refused("cannot be used in GROUP BY"),
		S("SELECT date_trunc('month', day), count(*) FROM accounts GROUP BY date_trunc('month', day)").Unordered(),
		S("SELECT n + 1 AS m, sum(nope) FROM accounts GROUP BY m").Fails("42703"), S("SELECT n + 1 AS m, count(*) FROM accounts GROUP BY m, 3").Refused("cannot be"),
		S("SELECT 100 / small AS m, count(*) FROM accounts GROUP BY m").Fails("22012"),
		S("SELECT count(*) FROM accounts WHERE sum(n) > 0").Refused("cannot be"), S("SELECT upper(name) FROM accounts WHERE max(n) > 1 GROUP BY upper(name)").Refused("cannot be"), S("SELECT id FROM accounts WHERE sum(n) > 1").Refused("cannot be"),
		// what is not known
		S("SELECT upper(name), count(*) FROM accounts GROUP BY upper(name) HAVING true").Refused("cannot be used in HAVING"), S("SELECT count(*) FROM (SELECT upper(name) FROM accounts GROUP BY upper(name) HAVING 1 = 1) q").Refused("cannot be"),
		S("SELECT n + 1 AS m, stddev(plain) FROM accounts GROUP BY m").Unordered(),
		S("SELECT n + 1 AS m, max(plain) OVER () FROM accounts GROUP BY m, plain").Unordered(),
		S("SELECT n + 1 AS m, (SELECT 1) FROM accounts GROUP BY m").Refused("cannot be used in GROUP BY"),
		S("SELECT n + 1 AS m, string_agg(name, ',' ORDER BY id) FROM accounts GROUP BY m").Unordered(),
		S("SELECT n + 1 AS m, count(*) FROM accounts GROUP BY ROLLUP (m)").Refused("cannot be"),
		S("BEGIN"), S("DECLARE c CURSOR FOR SELECT date_trunc('month', day) AS m, count(*) FROM accounts WHERE day IS NOT NULL GROUP BY m ORDER BY m DESC").Simple(),
		S("FETCH 2 FROM c").Simple(), S("FETCH 5 FROM c").Simple(), S("COMMIT"),
	)...)
}
