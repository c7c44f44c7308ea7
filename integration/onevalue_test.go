package integration

import (
	"testing"

	"pgseal/integration/harness"
)

// Rows of which WHERE asks for one value of a column are sorted by it without its
// order being known.
func TestSortedByAColumnOfOneValue(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL: `CREATE TABLE visits (id int PRIMARY KEY, person varchar(40), amount numeric, doc jsonb, day date);
			CREATE TABLE pages (visit int, url text)`,
		Seal: []string{"public.visits.person --equality", "public.visits.amount --equality", "public.visits.doc --equality", "public.visits.day --equality",
			"public.pages.url --equality"},
	})
	w := pair.Env.Canaries.Word()
	steps := []harness.Step{
		S("INSERT INTO visits VALUES (1, '" + w + "', 1.0, '{\"b\": 1, \"a\": 2}', '2001-02-03'), (2, '" + w + "', 1.00, '{\"a\": 2, \"b\": 1}', NULL), (3, 'other', 2, '1', '2001-02-03'), (4, NULL, NULL, NULL, NULL)"),
		S("INSERT INTO pages VALUES (1, '" + w + "'), (2, '" + w + "'), (3, 'x'), (9, '" + w + "')"),
		S("SELECT id FROM visits WHERE person = $1 ORDER BY person, id DESC", w),
		S("SELECT person, id FROM visits WHERE person = '" + w + "' AND id > 0 ORDER BY person DESC NULLS LAST, id LIMIT 1"),
		S("SELECT id, amount FROM visits WHERE amount = 1 ORDER BY amount, id DESC"),
		S("SELECT id FROM visits WHERE '{\"a\": 2, \"b\": 1}' = doc ORDER BY doc, id"),
		S("SELECT v.person AS who, p.url, id FROM visits v RIGHT JOIN pages p ON p.visit = v.id WHERE p.url = '" + w + "' ORDER BY url, id"),
		S("SELECT q.who FROM (SELECT person AS who, id FROM visits) q WHERE q.who = '" + w + "' ORDER BY who, id"),
		S("SELECT row_number() OVER (ORDER BY id), person FROM visits WHERE person = 'other' AND day = '2001-02-03' ORDER BY day, person"),
		S("SELECT id FROM visits WHERE person = $1 ORDER BY person", nil),
	}
	pair.SameIn(t, []harness.Mode{harness.Simple, harness.Unnamed, harness.PreparedText, harness.PreparedBinary, harness.SQLPrepare}, steps...)
}
