package integration

import (
	"fmt"
	"strings"
	"testing"

	"pgseal/integration/harness"
)

// textSchema has texts of every kind, under collations that go by their bytes and others.
func textSchema(locale string) harness.Schema {
	return harness.Schema{
		Locale: locale,
		DDL: `CREATE DOMAIN title AS varchar(30);
			CREATE TABLE books (id int PRIMARY KEY, name text, label varchar(40), pad char(6), short name, head title, bytewise text COLLATE "C", posix text COLLATE "POSIX", german text COLLATE "de-x-icu",
			mail text, login varchar(40), plain text, n int)`,
		Seal: []string{"public.books.name", "public.books.label", "public.books.pad", "public.books.short", "public.books.head", "public.books.bytewise", "public.books.posix", "public.books.german",
			"public.books.mail --equality", "public.books.login --equality --normalize lower,upper", "public.books.n --equality"},
	}
}

// bookRows are books with awkward names.
func bookRows() (steps []harness.Step) {
	for i, t := range []any{"ann", "Ann", "änn", "ANN", "a_n", "a%n", `a\n`, "", nil, "ann ", "annabel", "Zoë", "zoë", "😀", "b", "bann", "a'n", "an"} {
		id, pad := fmt.Sprint(i+1), t
		if s, ok := t.(string); ok {
			pad = string([]rune(s)[:min(len([]rune(s)), 6)])
		}
		steps = append(steps, S("INSERT INTO books (id, name, label, pad, short, head, bytewise, posix, german, mail, login, plain, n) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
			id, t, t, pad, t, t, t, t, t, t, t, t, fmt.Sprint(i%3)))
	}
	return steps
}

// Texts are sorted and compared by their order where their collation goes by bytes.
func TestSortedByTexts(t *testing.T) {
	for _, locale := range []string{"C", utf8Locale} {
		t.Run(locale, func(t *testing.T) {
			t.Parallel()
			pair := harness.New(t, textSchema(locale))
			steps := bookRows()
			for _, of := range []string{"name", "label", "pad", "short", "head", "bytewise", "posix", "mail", "login", "b.name || 'x'", "lower(name)", "COALESCE(label, 'm')", "concat(bytewise, n)", "left(name, 1)", "n::text", "GREATEST(name, label, 'b')", "CASE WHEN n > 1 THEN posix ELSE '' END"} {
				steps = append(steps,
					S("SELECT id, name FROM books b ORDER BY "+of+", id"),
					S("SELECT id FROM books b ORDER BY "+of+" DESC NULLS LAST, id LIMIT $1 OFFSET 1", "5"))
			}
			for _, of := range []string{"name", "label", "pad", "head", "bytewise", "posix", "mail", "login", "upper(name)", "name || label"} {
				for _, value := range []string{"ann", "", "b", "Zz", "ö"} {
					steps = append(steps,
						S("SELECT id FROM books WHERE "+of+" < $1 ORDER BY id", value),
						S("SELECT id FROM books WHERE "+of+" BETWEEN $1 AND 'zzz' ORDER BY id", value),
						S("SELECT count(*) FROM books WHERE NOT "+of+" >= $1", value))
				}
				steps = append(steps,
					S("SELECT max("+of+"), min("+of+") FROM books"),
					S("SELECT n, max("+of+") FILTER (WHERE id > 4), min("+of+") FROM books GROUP BY n ORDER BY max("+of+"), n"),
					S("SELECT GREATEST("+of+", 'b'), LEAST("+of+", 'an'), "+of+" > 'ann' FROM books ORDER BY id"))
			}
			pair.SameIn(t, formulaModes, append(steps,
				S("SELECT DISTINCT ON (x) lower(plain) AS x, id, name FROM books ORDER BY x, id"),
				S("SELECT DISTINCT ON (x, y) n AS x, left(plain, 1) AS y, id FROM books ORDER BY y, id").Refused("public.books.n"),
				S("SELECT DISTINCT ON (label) upper(plain) AS label, id FROM books ORDER BY label, id"),
				S("SELECT n, count(*) FROM books GROUP BY n HAVING max(name) > $1 ORDER BY min(label)", "a"),
				S("SELECT name, count(*) FROM books GROUP BY name ORDER BY name"),
				S("SELECT mail, count(*) FROM books GROUP BY mail ORDER BY mail DESC"),
				S("SELECT mail, label FROM books ORDER BY 1 DESC NULLS LAST, 2 LIMIT 3"),
				S("SELECT id FROM books WHERE bytewise < name ORDER BY id"),
				S("SELECT LEAST(name, mail), LEAST(mail, label) FROM books ORDER BY id"),
				S("SELECT LEAST(pad, mail) FROM books").Refused("public.books.pad"),
				S("SELECT id FROM books WHERE pad < name").Refused("public.books.pad"),
				S("SELECT id FROM books WHERE pad >= 'ann   ' AND pad <= 'b'::char(3) ORDER BY pad, id"),
				S("SELECT CASE WHEN pad = 'ann' THEN 'found' END FROM books ORDER BY id"),
				S("SELECT max(left(name, 3)::char(5)), min(CASE WHEN id > 3 THEN left(name, 1)::char(2) ELSE pad END) FROM books"),
				S("SELECT id FROM books WHERE bytewise < posix").Refused("public.books.bytewise"),
				S("SELECT id FROM books ORDER BY bytewise || posix, id").Refused("public.books.bytewise"),
				S("SELECT id FROM books ORDER BY german").Refused("a character whose place under its collation pgseal does not know"),
				S("SELECT id FROM books ORDER BY german || name").Refused("a character whose place"),
				S("SELECT id FROM books WHERE german > 'a'").Refused("a character whose place"),
				S("SELECT max(german) FROM books").Refused("a character whose place"),
				S("SELECT id FROM books ORDER BY name || plain").Refused("public.books.name"),
			)...)
		})
	}
}

// Texts are found by patterns, with wildcards or without them.
func TestFoundByPatterns(t *testing.T) {
	pair := harness.New(t, textSchema(utf8Locale))
	steps := bookRows()
	patterns := []string{"ann", "%ann%", "a_n", "ann%", "%n", `a\_n`, `a\%_`, "_", "__%", "", "%", `\\`, `%\\%`, "Zo_", "%É%", "%ë", "a'n"}
	for _, of := range []string{"name", "label", "head", "bytewise", "mail", "login", "mail::text", "upper(name)", "name || label", "german"} {
		for _, pattern := range patterns {
			literal := "'" + strings.ReplaceAll(pattern, "'", "''") + "'"
			steps = append(steps,
				S("SELECT id FROM books WHERE "+of+" LIKE "+literal+" ORDER BY id"),
				S("SELECT id FROM books WHERE "+of+" NOT LIKE "+literal+" ORDER BY id"),
				S("SELECT id FROM books WHERE "+of+" LIKE '%' || $1 || '%' ORDER BY id", pattern))
			if of != "german" && of != "bytewise" { // lower of which is another one
				steps = append(steps, S("SELECT id FROM books WHERE "+of+" ILIKE "+literal+" ORDER BY id"), S("SELECT count(*) FROM books WHERE "+of+" NOT ILIKE "+literal))
			}
		}
	}
	pair.SameIn(t, formulaModes, append(steps,
		S("SELECT id FROM books WHERE name LIKE $1 ORDER BY id", "%n%"),
		S("SELECT id FROM books WHERE name ILIKE $1 ORDER BY name, id LIMIT 2", "%N%"),
		S("SELECT id, name LIKE 'a%', label NOT ILIKE $1 FROM books ORDER BY id", "A%"),
		S("SELECT id FROM books WHERE name LIKE 'a!_%' ESCAPE '!' ORDER BY id"),
		S("SELECT id FROM books WHERE name LIKE 'aé_%' ESCAPE 'é' ORDER BY id"),
		S(`SELECT id FROM books WHERE name LIKE 'a\_' ESCAPE '' ORDER BY id`),
		S("SELECT id FROM books WHERE name LIKE '%a%' ESCAPE 'ab'").Fails("22025"),
		S("SELECT id FROM books WHERE name LIKE 'an%' AND mail = 'ann' AND n < 2 ORDER BY id"),
		S("SELECT id FROM books WHERE name LIKE 'an%' OR mail LIKE '%z%' OR plain LIKE 'b%' ORDER BY id"),
		S("SELECT n, count(*), max(name) FROM books WHERE name LIKE '%n%' GROUP BY n ORDER BY n"),
		S("SELECT n, count(*) FILTER (WHERE name LIKE '%n%') FROM books GROUP BY n ORDER BY 2, n"),
		S("SELECT count(*) FILTER (WHERE mail ILIKE '%n%') FROM books"),
		S("SELECT mail FROM books WHERE mail LIKE $1 ORDER BY id", "ann"),
		S("SELECT mail FROM books WHERE upper(mail::text) LIKE upper('%nn%') ORDER BY id"),
		S("SELECT login FROM books WHERE UPPER(\"books\".\"login\"::text) LIKE UPPER('zo%') ORDER BY id"),
		S("SELECT login FROM books WHERE UPPER(\"books\".\"login\"::text) LIKE UPPER('zoë') ORDER BY id"),
		S(`SELECT id FROM books WHERE name LIKE 'ann\'`).Fails("22025"),
		S("SELECT id FROM books WHERE name LIKE NULL"),
		S("SELECT id FROM books WHERE 'annabel' LIKE name || '%' ORDER BY id"),
		S("SELECT id FROM books WHERE name LIKE left(label, 2) || '%' ORDER BY id"),
		S("SELECT id FROM books WHERE name LIKE plain OR label = plain ORDER BY id"),
		S("SELECT id FROM books WHERE bytewise ILIKE 'A%'").Refused("public.books.bytewise"),
		S("SELECT id FROM books WHERE n LIKE '1%'").Fails("42883"),
		S("UPDATE books SET plain = 'x' WHERE name LIKE 'a%' AND login ILIKE 'ann%'"),
		S("SELECT id, plain FROM books ORDER BY id"),
		// Of what is computed of values no term could tell which are equal.
		S("SELECT id FROM books WHERE length(name) = 3 ORDER BY id"),
		S("SELECT id FROM books WHERE trim(name) = 'ann' OR n * 2 = $1 ORDER BY id", "4"),
		S("SELECT id FROM books WHERE left(label, 1) IN ('a', 'b') ORDER BY label, id"),
		S("SELECT id FROM books WHERE n + 1 <> 2 AND lower(trim(login)) = 'zoë' ORDER BY id"),
		S("SELECT id FROM books WHERE name = 'ann'"),
		S("SELECT id FROM books WHERE lower(mail) = 'ann'"),
	)...)
}

// citext has functions of the names of PostgreSQL's own, for its type alone.
func TestFunctionsBesideCitext(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL:  `CREATE EXTENSION citext; CREATE TABLE items (id int PRIMARY KEY, age int, name text, label varchar(20), handle citext)`,
		Seal: []string{"public.items.age", "public.items.name", "public.items.label", "public.items.handle"},
	})
	pair.SameIn(t, formulaModes,
		S("INSERT INTO items VALUES (1, 5, 'Ann', 'a-b', 'Bob'), (2, 7, 'ann', 'A-B', 'bob'), (3, NULL, NULL, NULL, NULL)"),
		S("SELECT max(age), min(age), max(name), min(label) FROM items"),
		S("SELECT replace(name, 'n', 'm'), split_part(label, '-', 2), strpos(name, $1) FROM items ORDER BY id", "n"),
		S("SELECT replace('a' || name, $1, 'x'), split_part(name::varchar, 'n', 1) FROM items ORDER BY id", "n"),
		S("SELECT id FROM items WHERE strpos(label, 'B') = 3 ORDER BY name"),
		S("SELECT max(handle) FROM items").Refused("public.items.handle"),
		S("SELECT replace(handle, 'B', 'x') FROM items").Refused("public.items.handle"),
		S("SELECT replace(name, 'n', handle) FROM items").Refused("public.items"),
		S("SELECT id FROM items ORDER BY handle").Refused("public.items.handle"),
		S("SELECT id FROM items WHERE handle LIKE 'B%'").Refused("public.items.handle"),
	)
}

// The order of texts is that of the database's encoding, whatever the client's is, and texts
// that the client cannot read do not matter where it does not get them.
func TestSortedByTextsInAnotherEncoding(t *testing.T) {
	pair := harness.New(t, textSchema("C"))
	pair.SameIn(t, []harness.Mode{harness.Simple, harness.Unnamed}, append(bookRows(),
		S("INSERT INTO books (id, name) VALUES (30, '€'), (31, 'ü'), (32, '’'), (33, '日本')"),
		S("SET client_encoding = 'WIN1252'"),
		S("SELECT id FROM books ORDER BY name DESC NULLS LAST, id"),
		S("SELECT id FROM books WHERE name > 'z' ORDER BY name LIMIT 20"),
		S("SELECT count(*) FROM books WHERE name > 'z'"),
		S("SELECT DISTINCT name = 'x' FROM books WHERE name LIKE '%' ORDER BY 1"),
		S("SELECT name FROM books ORDER BY name DESC NULLS LAST").Fails("22P05"),
	)...)
}
