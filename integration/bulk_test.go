package integration

import (
	"testing"

	"pgseal/integration/harness"
)

// What an UPDATE gets in rows of all columns and does not use is not shown to the server
// either: bun's Bulk with some columns writes such statements.
func TestValuesThatNothingUsesAreSealed(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL:  `CREATE TABLE kept (id int PRIMARY KEY, email varchar(60) UNIQUE, nick text, age int, plain text)`,
		Seal: []string{"public.kept.email --equality", "public.kept.nick", "public.kept.age"},
	})
	w := pair.Env.Canaries.Text()
	for _, mode := range harness.Modes {
		t.Run(string(mode), func(t *testing.T) {
			pair.Empty()
			c := pair.Compare(t, mode)
			c.Step(S("INSERT INTO kept VALUES (1, $1, 'n', 7, 'p'), (2, $2, NULL, NULL, 'p')", w+"1", w+"2"))
			c.Step(S("WITH _data (id, email, nick, age, plain) AS (VALUES (1::int, '" + w + "3'::varchar(60), 'x'::text, 8::int, 'q'), (2::int, '" + w + "4'::varchar(60), NULL::text, 9::int, 'q')) UPDATE kept AS k SET nick = _data.nick, plain = _data.plain FROM _data WHERE k.id = _data.id"))
			c.Step(S("UPDATE kept SET plain = v.plain FROM (VALUES (1, $1, 'r')) AS v (id, email, plain), (SELECT 2 AS other, '"+w+"6' AS nick) AS x WHERE kept.id = v.id", w+"7"))
			c.Step(S("MERGE INTO kept k USING (VALUES (2, '" + w + "8', 's')) AS v (id, email, plain) ON k.id = v.id WHEN MATCHED THEN UPDATE SET plain = v.plain"))
			c.Step(S("SELECT * FROM kept ORDER BY id"))
			c.Step(S("DELETE FROM kept USING (VALUES (1, '" + w + "9')) AS v (id, email) WHERE kept.id = v.id"))
			c.Step(S("SELECT * FROM kept ORDER BY id"))
		})
	}
}
