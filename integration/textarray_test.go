package integration

import (
	"testing"

	"pgseal/integration/harness"
)

// What stands without a type in ARRAY[…] is text, whatever it is compared with: blanks at
// its end count beside char(n), and many types have no operator for it.
func TestElementsWithoutATypeAreText(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL: `CREATE TYPE level AS ENUM ('gold', 'tin');
			CREATE TABLE held (id int PRIMARY KEY, c char(5), n int, l level, u uuid, d date, v varchar(9), nm name)`,
		Seal: []string{"public.held.c --equality", "public.held.n --equality", "public.held.l --equality", "public.held.u --equality",
			"public.held.d --equality", "public.held.v --equality", "public.held.nm --equality"},
	})
	const uuid, long = "00000000-0000-4000-8000-000000000001", "0123456789012345678901234567890123456789012345678901234567890123456789"
	for _, mode := range harness.Modes {
		t.Run(string(mode), func(t *testing.T) {
			pair.Empty()
			c := pair.Compare(t, mode)
			c.Step(S("INSERT INTO held VALUES (1, 'ab', 7, 'gold', '" + uuid + "', '2024-05-06', 'x ', '" + long + "'), (2, 'b', 8, 'tin', NULL, NULL, 'x', NULL)"))
			for _, where := range []string{
				"c = ANY (ARRAY['ab'])", "c = ANY (ARRAY['ab '])", "c = ANY (ARRAY['ab ', NULL])", "c <> ALL (ARRAY['ab ', 'b'])", "c IN ('ab ')",
				"v = ANY (ARRAY['x'])", "v <> ALL (ARRAY['x '])", "nm = ANY (ARRAY['" + long + "'])", "nm = '" + long + "'",
				"n = ANY (ARRAY['7', 8])", "n = ANY (ARRAY['7']::int[])", "n = ANY ('{7}')", "n = ANY (ARRAY[]::int[])", "l = ANY (ARRAY['gold']::level[])",
			} {
				c.Step(S("SELECT id FROM held WHERE " + where + " ORDER BY id"))
			}
			for _, where := range []string{
				"n = ANY (ARRAY['7'])", "n <> ALL (ARRAY['7', NULL])", "n = ANY (ARRAY[NULL])", "l = ANY (ARRAY['gold'])", "u = ANY (ARRAY['" + uuid + "'])", "d = ANY (ARRAY['2024-05-06'])",
			} {
				c.Step(S("SELECT id FROM held WHERE " + where).Fails("42883"))
			}
			c.Step(S("SELECT id FROM held WHERE n = ANY (ARRAY[])").Fails("42P18"))
			c.Step(S("SELECT id FROM held WHERE c = ANY (ARRAY[$1])", "ab "))
			c.Step(S("SELECT id FROM held WHERE c = ANY (ARRAY[$1, 'b '])", "ab"))
			c.Step(S("SELECT id FROM held WHERE v = ANY (ARRAY[$1])", "x"))
			c.Step(S("SELECT id FROM held WHERE n = ANY (ARRAY[$1, 8]) ORDER BY id", "7"))
			c.Step(S("SELECT id FROM held WHERE n = ANY (ARRAY[$1::int])", "7"))
			c.Step(S("SELECT id FROM held WHERE n = ANY (ARRAY[$1])", "7").Fails("42883"))
			c.Step(S("SELECT id FROM held WHERE l <> ALL (ARRAY[$1, 'tin'])", "gold").Fails("42883"))
		})
	}
}
