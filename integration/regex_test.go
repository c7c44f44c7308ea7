package integration

import (
	"strings"
	"testing"

	"pgseal/integration/harness"
)

// Texts are matched with regular expressions.
func TestMatchedByRegularExpressions(t *testing.T) {
	for _, locale := range []string{"C", utf8Locale} {
		t.Run(locale, func(t *testing.T) {
			pair := harness.New(t, textSchema(locale))
			steps := bookRows()
			w := pair.Env.Canaries.Text()
			patterns := []string{"^a", "n$", "^[a-m]+$", "a.n", "(ann|bob)", "[0-9]", "^.{3}$", "a{1,2}n*", "", "^$", `\.`, "é|ë", "^[^a]", "A", "n+?", "(?:a)(n)", `\\`, "%"}
			for _, of := range []string{"name", "label", "pad", "short", "head", "bytewise", "mail", "name || label", "upper(login)"} {
				for _, pattern := range patterns {
					literal := "'" + strings.ReplaceAll(pattern, "'", "''") + "'"
					steps = append(steps,
						S("SELECT id FROM books WHERE "+of+" ~ "+literal+" ORDER BY id"),
						S("SELECT id FROM books WHERE "+of+" !~ $1 ORDER BY id", pattern))
				}
			}
			for _, pattern := range patterns {
				if pattern != "é|ë" {
					steps = append(steps, S("SELECT id, name ~* $1 FROM books ORDER BY id", pattern), S("SELECT id FROM books WHERE mail !~* '"+pattern+"' ORDER BY id"))
				}
			}
			pair.SameIn(t, formulaModes, append(steps,
				S("SELECT id FROM books WHERE name SIMILAR TO '(a|A)nn%' ORDER BY id"),
				S("SELECT id FROM books WHERE name NOT SIMILAR TO $1 ORDER BY id", "_n[a-n]|b%"),
				S("SELECT id FROM books WHERE name SIMILAR TO 'a!_n' ESCAPE '!' ORDER BY id"),
				S("SELECT count(*) FROM books WHERE name ~ '^a' AND n < 2"),
				S("SELECT n, count(*) FILTER (WHERE name ~ 'n$'), max(name) FROM books WHERE mail ~ '[a-z]' GROUP BY n ORDER BY n"),
				S("SELECT CASE WHEN name ~ '^[aA]' THEN 'a' ELSE 'other' END, count(*) FROM books GROUP BY 1 ORDER BY 1"),
				S("SELECT id FROM books b WHERE EXISTS (SELECT FROM books c WHERE c.id = b.id AND c.name ~ 'oë$') ORDER BY id"),
				S("UPDATE books SET plain = 'matched' WHERE name ~ '^b' RETURNING id").Unordered(),
				S("DELETE FROM books WHERE label ~ 'bel$' RETURNING id").Unordered(),
				S("SELECT id FROM books WHERE 'annabel' ~ name ORDER BY id"),
				S("SELECT id FROM books WHERE name ~ '"+w+"|^a' OR name SIMILAR TO $1 ORDER BY id", w+"%"),
				S("SELECT string_agg(DISTINCT name, '"+w+"' ORDER BY name DESC), string_agg(DISTINCT name, $1), format('"+w+"%s', max(name)) FROM books", w),
				S("SELECT id FROM books WHERE name ~ NULL"),
				S("SELECT name ~ '(a' FROM books").Fails("2201B"),
				S("SELECT name ~ $1 FROM books", "*a").Fails("2201B"),
				S("SELECT id FROM books WHERE n ~ 'a'").Fails("42883"),
				S(`SELECT id FROM books WHERE name ~ '(a)\1'`).Refused("refers back"),
				S(`SELECT id FROM books WHERE name ~ '\w'`).Refused("a character of which pgseal does not know"),
				S(`SELECT id FROM books WHERE name ~* 'ä'`).Refused("upper and lower case"),
				S("SELECT regexp_replace(name, '(a)', '\\1') FROM books").Refused("part of the regular expression"),
				S("SELECT id FROM books ORDER BY id"),
			)...)
		})
	}
}
