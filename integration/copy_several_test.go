package integration

import (
	"testing"

	"pgseal/integration/harness"
)

// COPY (query) TO writes what UNION ALL and COALESCE put together of several sealed columns,
// and casts.
func TestCopyOfSeveralColumnsAndCasts(t *testing.T) {
	pair := harness.New(t, formulaSchema)
	c := sidesOf(t, pair)
	for _, side := range []string{pair.TwinURL(), pair.URL()} {
		if _, err := pair.Connect(t, side).Exec(t.Context(), aggregateRows+", (7, 3, NULL, NULL, 5, NULL, NULL, NULL, '', NULL, NULL, NULL, NULL, NULL, NULL, 4)"); err != nil {
			t.Fatal(err)
		}
	}
	long := "repeat(name, 1)"
	for _, format := range []string{"", " (FORMAT csv, HEADER)", " (FORMAT csv, FORCE_QUOTE *, NULL 'none')", " (FORMAT binary)", " (DELIMITER '|', NULL '')"} {
		for _, query := range []string{
			"SELECT id, name FROM accounts UNION ALL SELECT id + 100, label FROM accounts ORDER BY 1",
			"SELECT small, id FROM accounts UNION ALL SELECT n, id + 100 FROM accounts UNION ALL SELECT n, id + 200 FROM accounts ORDER BY id",
			"SELECT price, id FROM accounts UNION ALL SELECT n, id + 100 FROM accounts ORDER BY id",
			"SELECT id, coalesce(label, name), coalesce(big, n), CASE WHEN plain = 1 THEN n ELSE small END FROM accounts ORDER BY id",
			"SELECT id, n::text, price::text AS p, day::text, n::bigint, small::numeric, ok::int, ok::text, at::date, label::text, name::varchar FROM accounts ORDER BY id",
			"SELECT id, n::text || '!', " + long + ", name::varchar(2) FROM accounts ORDER BY id",
		} {
			c.out("COPY (" + query + ") TO STDOUT" + format)
		}
	}
}
