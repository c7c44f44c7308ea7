package integration

import (
	"testing"

	"pgseal/integration/harness"
)

// LIMIT and OFFSET of rows that pgseal sorts can be computed, as of the number of a page.
func TestComputedLimits(t *testing.T) {
	pair := harness.New(t, formulaSchema)
	var steps []harness.Step
	for _, by := range []string{"price, id", "n DESC NULLS LAST, id"} {
		steps = append(steps,
			S("SELECT id FROM accounts ORDER BY "+by+" LIMIT 1 + 1"), S("SELECT id FROM accounts ORDER BY "+by+" LIMIT (2) OFFSET (3 - 1) * 2"),
			S("SELECT id FROM accounts ORDER BY "+by+" LIMIT $1 OFFSET ($2 - 1) * $1", "2", "2"), S("SELECT id FROM accounts ORDER BY "+by+" LIMIT $1::int + 1 OFFSET GREATEST($2::bigint, 0)", "1", "-4"),
			S("SELECT id FROM accounts ORDER BY "+by+" LIMIT COALESCE($1::int, 3)", nil), S("SELECT id FROM accounts ORDER BY "+by+" LIMIT LEAST($1::int, 3) OFFSET COALESCE($2::int, 0)", "100", nil),
			S("SELECT id FROM accounts ORDER BY "+by+" LIMIT $1 - 2", "2"), S("SELECT id FROM accounts ORDER BY "+by+" LIMIT $1", "0"), S("SELECT id FROM accounts ORDER BY "+by+" LIMIT 0"),
			S("SELECT id FROM accounts ORDER BY "+by+" FETCH FIRST (1 + 2) ROWS ONLY"), S("SELECT DISTINCT ON (plain) id, plain FROM accounts ORDER BY plain, "+by+" LIMIT 3 - 1 OFFSET $1", "1"))
	}
	pair.SameIn(t, formulaModes, append(append([]harness.Step{S(aggregateRows)}, steps...),
		S("SELECT 100 / small AS q FROM accounts ORDER BY q LIMIT $1", "0"), // nothing of a row
		S("SELECT 100 / small AS q FROM accounts WHERE n > 0 ORDER BY q LIMIT 1 - 1"),
		S("SELECT id FROM accounts ORDER BY price LIMIT 1 - 2").Fails("2201W"), S("SELECT id FROM accounts ORDER BY price OFFSET $1 - 2", "1").Fails("2201X"),
		S("SELECT id FROM accounts ORDER BY price LIMIT 1 / 0").Fails("22012"),
		S("SELECT id FROM accounts ORDER BY price LIMIT (SELECT 1)").Refused("LIMIT or OFFSET like this"), S("SELECT id FROM accounts ORDER BY price LIMIT random()").Refused("LIMIT or OFFSET like this"),
		S("SELECT id FROM accounts ORDER BY price LIMIT 2.5").Refused("LIMIT or OFFSET like this"), S("SELECT id FROM accounts ORDER BY price LIMIT ' 2'").Refused("LIMIT or OFFSET like this"), S("SELECT id FROM accounts ORDER BY price, id LIMIT '2'"), S("SELECT id FROM accounts WHERE n > 1 LIMIT 1e1").Refused("LIMIT or OFFSET like this"),
		S("SELECT id FROM accounts ORDER BY price LIMIT LEAST('3', '20')").Fails("42804"),
		S("SELECT id FROM accounts ORDER BY price LIMIT 1.5 + 1").Refused("LIMIT or OFFSET like this"),
	)...)
}
