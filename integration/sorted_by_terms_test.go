package integration

import (
	"testing"

	"pgseal/integration/harness"
)

// What a term answers by itself the session computes where it stands before a key that it has to
// compute: the server would rank what the text says of envelopes, and see its literals.
func TestSortedByTermsBeforeOtherKeys(t *testing.T) {
	pair := harness.New(t, formulaSchema)
	steps := []harness.Step{S(aggregateRows), S("INSERT INTO accounts (id, n, price, name, plain) VALUES (7, 40, 1, 'zoe', 2), (8, 3, 2, 'ann', 3)")}
	for _, key := range []string{"name = 'ann'", "name <> 'ann' DESC", "n = 2 NULLS FIRST", "CASE WHEN name = 'ann' THEN 'x' ELSE 'y' END", "CASE name WHEN 'ann' THEN 2 WHEN 'bob' THEN 1 END", "name IN ('ann', 'zoe') DESC", "name IS NULL", "COALESCE(name, 'none') = 'ann'"} {
		steps = append(steps, S("SELECT id FROM accounts ORDER BY "+key+", price, id"), S("SELECT id, name FROM accounts WHERE id > 1 ORDER BY plain, "+key+", day DESC NULLS LAST, id LIMIT 4"), S("SELECT id FROM accounts ORDER BY "+key+", id"))
	}
	pair.SameIn(t, formulaModes, steps...)
	w := pair.Env.Canaries.Text()
	for _, key := range []string{"name IS DISTINCT FROM '" + w + "'", "(name, n) = ('" + w + "', 1)", "name <> ALL (ARRAY['" + w + "'])", "name LIKE '" + w + "'"} {
		c := pair.Connect(t, pair.URL()).PgConn()
		for _, sql := range []string{"SELECT id FROM accounts ORDER BY " + key + ", price, id", "SELECT plain FROM accounts GROUP BY plain ORDER BY count(*) FILTER (WHERE " + key + "), sum(price), plain"} {
			if _, err := c.Exec(t.Context(), sql).ReadAll(); err != nil {
				t.Log(err) // refused; the canary tells what the server has seen
			}
		}
	}
	pair.SameIn(t, []harness.Mode{harness.Simple}, append(steps[:2:2],
		S("SELECT plain, sum(price) FROM accounts GROUP BY plain ORDER BY count(DISTINCT day) DESC, sum(price), plain"))...)
}
