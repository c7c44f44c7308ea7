package integration

import (
	"testing"

	"pgseal/integration/harness"
)

// Powers, logarithms, correlations, words in capitals and what takes the place of a match, as
// reports compute them.
func TestStatisticsAndTextsAsReportsHaveThem(t *testing.T) {
	pair := harness.New(t, formulaSchema)
	w := pair.Env.Canaries.Text()
	steps := []harness.Step{S(aggregateRows), S("INSERT INTO accounts (id, name, label, price, n, plain) VALUES (7, '" + w + " o''neil-x 3d', 'É b', 123.45, 3, 3)")}
	for _, of := range []string{"initcap(name)", "initcap(name || ' x')", "regexp_replace(name, '[aeiou]', '*', 'g')", `regexp_replace(name, '^.', '<\&>')`, "regexp_replace(name, 'ANN', label, 'i')", "regexp_replace(label, name, 'y')", "regexp_replace(name, '[^a-z]*', '', 'g')",
		"power(n, 2)", "n ^ 2", "power(abs(price), 0.5)", "price ^ 3", "price ^ n", "ln(abs(price))", "log(abs(price))", "log(2, abs(price) + 1)", "exp(price / 10)", "power(plain, n % 3)", "exp(free / 1e20)", "n BETWEEN SYMMETRIC 40 AND 2", "price NOT BETWEEN SYMMETRIC 30 AND n"} {
		steps = append(steps, S("SELECT id, "+of+" FROM accounts ORDER BY id"))
	}
	for _, c := range []string{"initcap(name) = 'Ann'", "regexp_replace(name, '[^a-z]', '', 'g') = 'ann'", "power(price, 2) > 100", "price ^ 2 < 1", "n BETWEEN SYMMETRIC 40 AND 2", "n NOT BETWEEN SYMMETRIC 40 AND 2", "day BETWEEN SYMMETRIC '2025-01-01' AND '2024-01-01'"} {
		steps = append(steps, S("SELECT id FROM accounts WHERE "+c+" ORDER BY id"), S("SELECT count(*) FROM accounts a WHERE EXISTS (SELECT FROM accounts WHERE id = a.id AND "+c+")"))
	}
	for _, of := range []string{"corr", "covar_pop", "covar_samp", "regr_avgx", "regr_avgy", "regr_count", "regr_intercept", "regr_r2", "regr_slope", "regr_sxx", "regr_sxy", "regr_syy"} {
		steps = append(steps, S("SELECT "+of+"(price, n), "+of+"(id, small), "+of+"(r, d / 1e100), "+of+"(n + 1, n * 2) FILTER (WHERE small > 0) FROM accounts"),
			S("SELECT plain, "+of+"(price, n) FROM accounts GROUP BY plain ORDER BY plain"), S("SELECT name, "+of+"(price, n) FROM accounts GROUP BY upper(name), name ORDER BY name"))
	}
	pair.SameIn(t, formulaModes, append(steps,
		S("SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY price), mode() WITHIN GROUP (ORDER BY price DESC), percentile_disc(0.9) WITHIN GROUP (ORDER BY price DESC) + 1 FROM accounts"),
		S("SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY free) FROM accounts").Refused("cannot"),
		S("SELECT plain, percentile_disc(0.25) WITHIN GROUP (ORDER BY price) FROM accounts GROUP BY plain ORDER BY plain"),
		S("SELECT regexp_replace(name, $1, $2, $3) FROM accounts ORDER BY id", "N+", "m", "gi"), S("SELECT id FROM accounts WHERE n BETWEEN SYMMETRIC $1 AND $2 ORDER BY id", "40", "2"),
		S("SELECT power(price, $1) FROM accounts WHERE id = 1", "2"), S("UPDATE accounts SET price = power(price, 2), name = initcap(name) WHERE id = 4"), S("SELECT price, name FROM accounts WHERE id = 4"),
		S("SELECT ln(price) FROM accounts WHERE id = 5").Fails("2201E"), S("SELECT ln(price - price) FROM accounts WHERE id = 1").Fails("2201E"), S("SELECT power(price, 0.5) FROM accounts WHERE id = 5").Fails("2201F"), S("SELECT exp(price * 1000) FROM accounts WHERE id = 1").Fails("22003"),
		S("SELECT regexp_replace(name, '(', '') FROM accounts").Fails("2201B"), S("SELECT regexp_replace(name, 'a', '', 'z') FROM accounts").Fails("22023"), S("SELECT regexp_replace(name, 'a', '', '1') FROM accounts").Fails("22023"),
		S("SELECT d ^ 0.5 FROM accounts WHERE id = 1").Refused("whose result is rounded"), S(`SELECT regexp_replace(name, '(a)', '\1') FROM accounts WHERE id = 1`).Refused("has matched"), S("SELECT regexp_replace(name, 'a.*?', '') FROM accounts").Refused("as little as possible"),
		S("SELECT initcap(label) FROM accounts WHERE id = 7").Refused("part of a word"), S("SELECT corr(price, n) OVER () FROM accounts").Refused("cannot"), S("SELECT corr(DISTINCT price, n) FROM accounts").Refused("cannot"))...)
}
