package integration

import (
	"strings"
	"testing"

	"pgseal/integration/harness"
)

// DISTINCT ON finds the first row of each group by ORDER BY, as applications ask for the latest
// or the dearest of each customer's; FOR UPDATE locks rows that are sorted.
func TestFirstRowsOfGroups(t *testing.T) {
	pair := harness.New(t, formulaSchema)
	steps := []harness.Step{S("SET timezone = 'Europe/Berlin'"), S(aggregateRows), S("INSERT INTO accounts (id, n, small, price, free, d, name, day, at, plain) VALUES (7, 40, 1, 5, 1.0, 3, 'zoe', '2020-05-05', '2001-01-01', 2), (8, 3, 2, 5, 1.00, 4, 'ann', '2020-05-06', '2001-01-01', 3)")}
	for _, by := range []string{"n", "small", "big", "price", "free", "d", "name", "day", "at", "atz", "gap", "ok", "price * n", "upper(name)", "length(name) DESC NULLS LAST, day"} {
		steps = append(steps,
			S("SELECT DISTINCT ON (plain) plain, id, "+leading(by)+" AS x FROM accounts ORDER BY plain, "+by+", id"),
			S("SELECT DISTINCT ON (plain) * FROM accounts a ORDER BY plain DESC, "+by+" DESC NULLS LAST, id DESC LIMIT $1", "2"),
			S("SELECT DISTINCT ON ("+leading(by)+") id, name FROM accounts ORDER BY "+by+", id"),
			S("SELECT DISTINCT ON ("+leading(by)+", plain) id FROM accounts ORDER BY plain, "+leading(by)+", id DESC OFFSET 1"),
			S("SELECT id, n FROM accounts ORDER BY "+by+", id FOR UPDATE"))
	}
	pair.SameIn(t, formulaModes, append(steps,
		S("SELECT DISTINCT ON (1) plain AS p, price FROM accounts ORDER BY 1, price DESC NULLS LAST"),
		S("SELECT DISTINCT ON (p, id % 2) plain AS p, id % 2, n FROM accounts ORDER BY id % 2, p, n, id"),
		S("SELECT DISTINCT ON (a.plain) a.plain, b.id FROM accounts a JOIN accounts b ON a.plain = b.plain ORDER BY a.plain, b.price DESC NULLS LAST, a.id"),
		S("SELECT DISTINCT ON (plain) plain, upper(name) || '!' AS u, n * 2 FROM accounts ORDER BY plain, id"),
		S("SELECT DISTINCT ON (plain) plain, name FROM accounts WHERE n > 1 ORDER BY plain, price, id"),
		S("SELECT DISTINCT ON (plain) plain, name FROM accounts WHERE name = $1 ORDER BY plain, price DESC, id", "ann"),
		S("SELECT DISTINCT ON (plain) plain, sum(n), price FROM accounts GROUP BY plain, price, id ORDER BY plain, sum(n) DESC NULLS LAST, id"),
		S("SELECT DISTINCT ON (plain) plain, sum(n) AS s FROM accounts GROUP BY plain, name ORDER BY plain, s DESC NULLS LAST"),
		S("SELECT DISTINCT ON (q.p) q.p, q.x FROM (SELECT plain AS p, upper(name) AS x, id FROM accounts) q ORDER BY q.p, q.x DESC NULLS LAST, q.id"),
		S("SELECT q.x FROM (SELECT DISTINCT ON (plain) plain, upper(name) AS x FROM accounts ORDER BY plain, id DESC) q ORDER BY q.plain"),
		S("SELECT DISTINCT ON (plain) plain FROM accounts WHERE false ORDER BY plain, price"),
		S("SELECT DISTINCT ON (plain) plain, id FROM accounts ORDER BY price").Refused("cannot be used in ORDER BY"),
		S("SELECT DISTINCT ON (plain, id) plain, id FROM accounts ORDER BY plain, price").Refused("cannot be used in ORDER BY"),
		S("SELECT DISTINCT ON (plain, price) plain, id FROM accounts ORDER BY plain").Refused("cannot be"),
		S("SELECT DISTINCT ON (k) id, 'q' AS k FROM accounts ORDER BY k, id"), S("SELECT DISTINCT ON (k) id, 5 AS k, name FROM accounts ORDER BY k, price, id").Refused("cannot be sorted by behind"),
		S("SELECT DISTINCT ON (plain, plain) plain, id FROM accounts ORDER BY plain, price").Refused("cannot be used in ORDER BY"),
		S("SELECT DISTINCT ON (price) id FROM accounts ORDER BY price FOR UPDATE").Refused("cannot be compared"), S("SELECT DISTINCT ON (plain) id FROM accounts ORDER BY plain, price FOR UPDATE").Fails("0A000"),
		S("SELECT DISTINCT ON (name = 'ann') id FROM accounts ORDER BY name = 'ann', price, id"),
		S("SELECT DISTINCT ON (name = 'ann') id FROM accounts ORDER BY name = 'bob', price, id").Fails("42P10"),
		S("SELECT count(*) FROM (SELECT DISTINCT ON (plain) id FROM accounts ORDER BY plain, price) q"),
		S("SELECT id FROM accounts ORDER BY price, id LIMIT 2 FOR UPDATE"),
		S("SELECT n FROM accounts UNION ALL SELECT n FROM accounts ORDER BY n FOR UPDATE").Refused("cannot be used in ORDER BY"), S("BEGIN"), S("DECLARE c CURSOR FOR SELECT id FROM accounts ORDER BY price FOR UPDATE").Simple(), S("ROLLBACK"),
		S("SELECT id FROM accounts ORDER BY plain, price, id FOR UPDATE"),
		S("SELECT a.id, b.name FROM accounts a JOIN accounts b ON a.id = b.id ORDER BY b.name DESC NULLS LAST, a.id FOR NO KEY UPDATE OF a SKIP LOCKED"),
		S("SELECT upper(name) AS u FROM accounts WHERE n > 1 AND plain < 3 ORDER BY u, id FOR SHARE NOWAIT"),
		S("BEGIN"), S("DECLARE c CURSOR FOR SELECT DISTINCT ON (plain) plain, id FROM accounts ORDER BY plain, price DESC, id").Simple(),
		S("FETCH 2 FROM c").Simple(), S("FETCH ALL FROM c").Simple(), S("COMMIT"),
	)...)
	pair.SameIn(t, []harness.Mode{harness.Unnamed, harness.PreparedBinary}, S(aggregateRows), S("SELECT DISTINCT ON (plain + $1) plain, id FROM accounts ORDER BY plain + $1, price", "1"))
}

// leading is the first key of an ORDER BY.
func leading(by string) string {
	first, _, _ := strings.Cut(by, " DESC")
	return first
}
