package integration

import (
	"fmt"
	"strings"
	"testing"

	"pgseal/integration/harness"
)

// aggregateRows are several rows in groups, some of which have values that NULL or zero
// make special.
const aggregateRows = `INSERT INTO accounts (id, n, small, big, price, free, r, d, name, label, day, at, atz, gap, ok, plain) VALUES
	(1, 40, 7, 9000000000, 19.99, 0.10, 1.5, 0.1, 'ann', 'x', '2024-01-31', '2024-01-31 12:00', '2024-03-30 12:00+01', '1 day', true, 1),
	(2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1),
	(3, 2, -7, 4611686018427387, 20.00, 0.123456, -2.25, 1e100, 'bob', 'y', '2023-01-31', '2024-01-31 13:00', '2024-03-30 13:00+01', '2 hours', false, 1),
	(4, 2, 7, 1, 0.01, 1e20, 2.25, -1e10, 'ann', 'x', '2025-12-31', '2020-01-31 13:00', '1999-03-30 13:00+01', '-1 month', true, 2),
	(5, -9, 0, 2, -5, 0.5, 3.5, 7, '', 'z', '2025-12-31', 'infinity', '-infinity', '1 mon 3 days', true, 2),
	(6, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 3)`

// Aggregates of sealed values are computed, as reports and dashboards ask for them.
func TestComputedAggregates(t *testing.T) {
	pair := harness.New(t, formulaSchema)
	var all []harness.Step
	for _, of := range []string{"n", "small", "big", "price", "free", "r", "d"} {
		all = append(all,
			S(fmt.Sprintf("SELECT sum(%[1]s), avg(%[1]s), max(%[1]s), min(%[1]s), count(%[1]s) FROM accounts", of)),
			S(fmt.Sprintf("SELECT plain, sum(%[1]s), avg(%[1]s), max(%[1]s), min(%[1]s), count(*) FROM accounts GROUP BY plain ORDER BY plain", of)),
			S(fmt.Sprintf("SELECT sum(%[1]s), avg(%[1]s), max(%[1]s), min(%[1]s), count(%[1]s) FROM accounts WHERE false", of)),
			S(fmt.Sprintf("SELECT sum(-%[1]s), COALESCE(sum(%[1]s * 2), 0), max(abs(%[1]s)) + 1 FROM accounts WHERE id > $1", of), "2"))
	}
	pair.SameIn(t, formulaModes, append(append([]harness.Step{S("SET timezone = 'Europe/Berlin'"), S(aggregateRows)}, all...),
		S("SELECT max(day), min(day), max(at), min(at), max(atz), min(atz), sum(gap), bool_and(ok), bool_or(ok), every(ok) FROM accounts"),
		S("SELECT max(day), min(at), sum(gap) FROM accounts GROUP BY plain ORDER BY plain"),
		S("SELECT sum(price * n) AS total, round(avg(price), 2), sum(price) / count(*), sum(n) - sum(small), sum(price)::int, sum(n) + sum(plain) FROM accounts WHERE id <> 3"),
		S("SELECT COALESCE(sum(price), 0) AS \"price__sum\", CASE WHEN sum(n) > $1 THEN 'many' ELSE 'few' END, sum(n) > 3 FROM accounts", "10"),
		S("SELECT sum(CASE WHEN name = 'ann' THEN price ELSE 0 END), count(CASE WHEN n > 1 THEN 1 END), sum(price) FILTER (WHERE plain = 1), max(n) FILTER (WHERE name = 'ann' AND id < $1) FROM accounts", "3"),
		S("SELECT count(*) FILTER (WHERE n > 1), count(*) FILTER (WHERE price > $1 AND ok), sum(price) FILTER (WHERE n > 1 AND plain = 1), sum(plain) FILTER (WHERE day < '2024-06-01'), max(id) FILTER (WHERE price > 10) - 1, string_agg(name, ',') FILTER (WHERE small > 100) FROM accounts", "1"),
		S("SELECT plain, count(*) FILTER (WHERE n > 1) AS many FROM accounts GROUP BY plain ORDER BY plain"),
		S("SELECT count(*) FILTER (WHERE n > 1 AND ok AND name = 'ann'), count(name) FILTER (WHERE n > 1), count(plain) FILTER (WHERE n / plain > 2 AND id = 1) FROM accounts"),
		S("SELECT sum(DISTINCT n), avg(DISTINCT price), count(DISTINCT n + 1), max(DISTINCT n), sum(DISTINCT price) FROM accounts"),
		S("SELECT string_agg(name, ', ' ORDER BY id), string_agg(upper(name) || label, $1 ORDER BY plain DESC, id) FROM accounts", "; "),
		S("SELECT plain, string_agg(name || '!', ',' ORDER BY id) FILTER (WHERE id > 1) AS names FROM accounts GROUP BY plain ORDER BY plain"),
		S("SELECT plain % 2 AS odd, sum(n) FROM accounts GROUP BY plain % 2 ORDER BY odd"),
		S("SELECT plain / 2, sum(n) / count(*), max(n) - count(name) FROM accounts GROUP BY plain / 2 ORDER BY plain / 2"),
		S("SELECT sum(n) + count(CASE WHEN plain = 1 THEN 1 END) * 100 + count(CASE WHEN plain = 1 THEN 1 END) FROM accounts"),
		S("SELECT sum(n) + count(CASE WHEN plain = 1 THEN 1 END) * 100 + count(CASE WHEN plain = 2 THEN 1 END) FROM accounts"),
		S("SELECT sum(n) + count(DISTINCT name) * 100 + count(DISTINCT name) + count(*) + count(*) FROM accounts"),
		S("SELECT max(n) FILTER (WHERE name = 'ann') - max(n) FILTER (WHERE name = 'bob') + count(*) FILTER (WHERE name = 'ann') - count(*) FILTER (WHERE name = 'bob') FROM accounts"),
		S("SELECT max(n) FILTER (WHERE plain = $1) - max(n) FILTER (WHERE plain = $2), sum(n) + count(*) FILTER (WHERE plain = $1) FROM accounts", "1", "2"),
		S("SELECT sum(n) BETWEEN 1 AND 50, sum(n) IN (35, 36), count(*) + max(n) BETWEEN 1 AND 9, CASE sum(n) % 2 WHEN 0 THEN 'even' WHEN 1 THEN 'odd' END, NOT sum(n) BETWEEN $1 AND $2 FROM accounts", "1", "2"),
		S("SELECT sum(n) + count(DISTINCT name) BETWEEN 1 AND 50, CASE count(DISTINCT name) + max(n) WHEN 43 THEN 'x' WHEN 44 THEN 'y' END, max(n) FILTER (WHERE name = 'ann') BETWEEN 1 AND 9 FROM accounts"),
		S("SELECT q.t BETWEEN 1 AND 50, q.t IN (35, 1) FROM (SELECT sum(n) AS t FROM accounts) q"),
		S("SELECT plain + 1, sum(n), count(name) FROM accounts GROUP BY 1 ORDER BY 1"),
		S("SELECT plain, id, sum(n), grouping(plain) FROM accounts GROUP BY ROLLUP (plain, id) ORDER BY plain, id"),
		S("SELECT name, sum(price), count(*) FROM accounts WHERE name = 'ann' GROUP BY name"),
		S("SELECT plain || ': ' || sum(n) FROM accounts GROUP BY plain ORDER BY plain"),
		S("SELECT a.plain, sum(a.n * b.small), max(b.day) FROM accounts a JOIN accounts b ON b.plain = a.plain GROUP BY a.plain HAVING count(*) > 1 ORDER BY count(*), a.plain"),
		S("SELECT * FROM (SELECT plain, sum(n) AS total FROM accounts GROUP BY plain) q WHERE plain > 1 ORDER BY plain"),
		S("SELECT a.id, q.total FROM accounts a LEFT JOIN (SELECT plain, sum(n) AS total FROM accounts GROUP BY plain) q USING (plain) ORDER BY a.id"),
		S("WITH q AS (SELECT sum(q.m) AS s FROM (SELECT n AS m FROM accounts) q) SELECT s FROM q"),
		S("SELECT pg_catalog.sum(a.n) FROM accounts AS a"),
		S("SELECT sum(n) FROM accounts LIMIT 1"),
		S("SELECT sum(n / (plain - 1)) FROM accounts").Fails("22012"),
		S("SELECT sum(n / (1 / 0)) FROM accounts WHERE false").Fails("22012"),
		S("SELECT sum(name) FROM accounts").Fails("42883"),
		S("SELECT max(n), plain FROM accounts").Fails("42803"),
		S("SELECT max(n) + plain FROM accounts").Fails("42803"),
		S("SELECT id FROM accounts ORDER BY id"))...)
	pair.SameIn(t, []harness.Mode{harness.Simple, harness.PreparedBinary}, S(aggregateRows),
		S("SELECT sum(n) OVER () FROM accounts"),
		S("SELECT max(name), min(label) FROM accounts"),
		S("SELECT max(gap), min(gap), max(gap - gap) FROM accounts"),
		S("SELECT string_agg(name, ', ' ORDER BY name) FROM accounts"),
		S("SELECT string_agg(DISTINCT name, ', '), string_agg(DISTINCT lower(name), $1), string_agg(DISTINCT label, '|' ORDER BY label DESC) FROM accounts", "+"),
		S("SELECT plain, string_agg(DISTINCT n::text, ',') FILTER (WHERE id > 1), string_agg(DISTINCT left(name, 1), '' ORDER BY left(name, 1) DESC NULLS LAST) FROM accounts GROUP BY plain ORDER BY plain"),
		S("SELECT lower(name), string_agg(DISTINCT label, ',' ORDER BY label) FROM accounts GROUP BY lower(name) ORDER BY 1"),
		S("SELECT string_agg(DISTINCT name, ',' ORDER BY label) FROM accounts").Refused("public.accounts.name"),
		S("SELECT string_agg(DISTINCT name, ',' ORDER BY name, label) FROM accounts").Refused("public.accounts.name"),
		S("SELECT string_agg(DISTINCT name, label) FROM accounts").Refused("public.accounts.name"),
		S("SELECT sum(DISTINCT free) FROM accounts").Refused("public.accounts.free"),
		S("SELECT sum(max(n)) FROM accounts").Refused("public.accounts.n"),
		S("SELECT stddev(n) FROM accounts"),
		S("SELECT stddev(DISTINCT free) FROM accounts").Refused("public.accounts.free"),
		S("SELECT (SELECT sum(n) FROM accounts)").Unordered(),
		S("SELECT id FROM accounts WHERE n > (SELECT avg(n) FROM accounts)").Unordered(),
		S("SELECT sum(n) FROM accounts UNION ALL SELECT 1").Refused("public.accounts.n"),
		S("SELECT DISTINCT sum(n) FROM accounts GROUP BY plain").Unordered(),
		S("SELECT string_agg(name, ',' ORDER BY id) FILTER (WHERE n > 1) FROM accounts"),
		S("SELECT json_agg(n + 1) FROM accounts").Refused("public.accounts.n"),
		S("SELECT sum(n) + plain % 2 FROM accounts GROUP BY plain % 2").Refused("public.accounts.n"),
		S("INSERT INTO accounts (id, n) SELECT 100, sum(n) FROM accounts").Refused("public.accounts.n"),
		S("SELECT id FROM accounts ORDER BY id"))
}

// Many rows are more than an answer has otherwise.
func TestAggregatesOfManyRows(t *testing.T) {
	pair := harness.New(t, formulaSchema)
	w := pair.Env.Canaries.Text()
	var rows strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&rows, "%c(%d, %d, %d.%02d, '%s', %d)", ", "[min(1, 1-min(i, 1))], i, i*7919%10007-5000, i%977, i%100, w, i%3)
	}
	pair.SameIn(t, []harness.Mode{harness.Simple, harness.PreparedBinary},
		S("INSERT INTO accounts (id, n, price, name, plain) VALUES"+rows.String()),
		S("SELECT plain, sum(n), avg(price), min(n), max(price), sum(price * n), string_agg(left(name, 0) || n, ' ' ORDER BY id) FROM accounts GROUP BY plain ORDER BY plain"),
		S("SELECT sum(n), avg(n), max(length(name)), count(*) FROM accounts"))
}
