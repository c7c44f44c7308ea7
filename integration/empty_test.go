package integration

import (
	"strings"
	"testing"

	"pgseal/integration/harness"
)

// Whether a value is empty needs no equality term.
func TestEmptyValuesWithoutATerm(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL: `CREATE COLLATION nd (provider = icu, locale = 'und', deterministic = false); CREATE DOMAIN remark AS varchar(20); CREATE TABLE notes (id int PRIMARY KEY, body text, title varchar(40), data bytea, aside remark, born date, code text, loose text COLLATE nd)`,
		Seal: []string{"public.notes.body", "public.notes.title", "public.notes.data", "public.notes.aside", "public.notes.born", "public.notes.loose",
			"public.notes.code --equality"},
	})
	word := pair.Env.Canaries.Word()
	steps := []harness.Step{
		S("INSERT INTO notes VALUES (1, '', '', '', '', NULL, 'a'), (2, ' ', '" + word + "', '\\x00', 'x', '2001-02-03', ''), (3, NULL, NULL, NULL, NULL, NULL, NULL)"),
		S("INSERT INTO notes (id, body, data) VALUES (4, $1, $2)", strings.Repeat(word, 900), `\x`),
		S("SELECT id, body = '', title <> '', '' = data, aside = '' FROM notes ORDER BY id"),
		S("SELECT id, body IS DISTINCT FROM '', title IS NOT DISTINCT FROM '' FROM notes ORDER BY id"),
		S("SELECT id FROM notes WHERE body <> '' ORDER BY id"),
		S("SELECT id FROM notes WHERE NOT body = '' OR data = '' ORDER BY id"),
		S("SELECT id FROM notes WHERE body IS NULL OR body = '' ORDER BY id"),
		S("SELECT id FROM notes WHERE COALESCE(body, '') = '' ORDER BY id"),
		S("SELECT id FROM notes WHERE COALESCE(title, 'none') <> '' ORDER BY id"),
		S("SELECT id FROM notes WHERE body::varchar = ''::text ORDER BY id"),
		S("SELECT id, NULLIF(body, ''), COALESCE(NULLIF(title, ''), 'none') FROM notes ORDER BY id"),
		S("SELECT COALESCE(title, NULLIF(title, '')), COALESCE(NULLIF(title, ''), title), CASE WHEN id = 1 THEN NULLIF(title, '') ELSE title END, CASE WHEN id = 2 THEN NULLIF(title, '') END FROM notes ORDER BY id"),
		S("SELECT id FROM notes WHERE (title, id) = ('', 1)"),
		S("SELECT count(*) FILTER (WHERE body <> ''), count(CASE WHEN title = '' THEN 1 END), bool_or(body = '') FROM notes"),
		S("SELECT n.id, m.body FROM notes n LEFT JOIN notes m ON m.id = n.id AND m.body <> '' ORDER BY n.id"),
		S("SELECT body = '', count(*) FROM notes GROUP BY body = '' ORDER BY 2"),
		S("SELECT id, title = '' FROM notes GROUP BY id HAVING body = '' OR body IS NULL ORDER BY body = '', id"),
		S("WITH q AS (SELECT id, body AS b FROM notes) SELECT id FROM q WHERE b = '' FOR UPDATE"),
		S("SELECT id FROM notes n WHERE EXISTS (SELECT FROM notes m WHERE m.id = n.id AND m.title <> '') ORDER BY id"),
		S("SELECT id FROM notes WHERE body = $1 ORDER BY id", ""),
		S("SELECT id FROM notes WHERE body <> $1 AND code <> $2 ORDER BY id", "", ""),
		S("SELECT id FROM notes WHERE title = $1::text OR code = $2 ORDER BY id", "", "a"),
		S("SELECT id FROM notes WHERE body = $1", nil),
		S("UPDATE notes SET code = 'empty', title = NULLIF(title, '') WHERE body = '' RETURNING id, title"),
		S("DELETE FROM notes WHERE aside = '' RETURNING id").Unordered(),
		S("SELECT * FROM notes ORDER BY id"),
		S("INSERT INTO notes (id, body) VALUES (2, 'x') ON CONFLICT (id) DO UPDATE SET code = 'twice' WHERE notes.body <> '' RETURNING id, code, body = ''"),
		S("INSERT INTO notes (id, body) VALUES (2, 'x') ON CONFLICT (id) WHERE body <> '' DO NOTHING").Refused("public.notes.body"),
		S("SELECT id FROM notes WHERE loose = ''").Refused("public.notes.loose"), // so is a string of what the collation ignores
		S("CREATE VIEW filled AS SELECT id FROM notes WHERE body <> ''").Refused("public.notes.body"),
		S("CREATE INDEX ON notes (id) WHERE body <> ''").Refused("public.notes.body"),
	}
	pair.SameIn(t, []harness.Mode{harness.Simple, harness.Unnamed, harness.PreparedText, harness.PreparedBinary, harness.SQLPrepare}, steps...)
	pair.SameIn(t, formulaModes, append(steps[:2:2],
		S("SELECT id FROM notes WHERE body = 'x'"),
		S("SELECT n.id, o.id FROM notes n, notes o WHERE n.body = o.title ORDER BY 1, 2"),
		S("SELECT id FROM notes WHERE body = $1", word),
		S("SELECT id FROM notes WHERE title <> $1", strings.Repeat(word, 40)),
		S("SELECT id FROM notes WHERE body IN ('', 'x')"),
		S("SELECT id FROM notes WHERE born = ''").Fails("22007"),
		S("SELECT id FROM notes WHERE body ~~ 'x%' OR title !~~ $1", "%x"),
		S("SELECT id FROM notes WHERE loose LIKE 'a%'").Refused("public.notes.loose"),
		S("SELECT id FROM notes WHERE loose ~~ 'a%'").Refused("public.notes.loose"), // the same in PostgreSQL below 18
		S("SELECT id, loose !~~ 'a%' FROM notes").Refused("public.notes.loose"),
		S("SELECT * FROM (SELECT id, body, body FROM notes) q ORDER BY 2 LIMIT 3").Refused("public.notes.body"), // there is no name for it
		S("SELECT * FROM (SELECT id, body, title FROM notes) q ORDER BY 2, 1 LIMIT 3"),
	)...)
}
