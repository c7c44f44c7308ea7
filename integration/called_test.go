package integration

import (
	"strings"
	"testing"

	"pgseal/integration/harness"
)

// lower($1) and the like are computed by pgseal, as the server would, of what is stored
// and what is compared; the server does not see the value.
func TestFunctionsOfAClientsText(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		Locale: utf8Locale,
		DDL: `CREATE DOMAIN handle AS varchar(60) CHECK (value = lower(value));
			CREATE DOMAIN code AS text CHECK (value NOT LIKE '% ');
			CREATE TABLE people (id int PRIMARY KEY, mail varchar(60), name text, number int, token uuid, c code, note text, pad char(10), n name)`,
		Seal: []string{"public.people.mail --equality", "public.people.name --equality", "public.people.number --equality", "public.people.token --equality", "public.people.c", "public.people.pad --equality", "public.people.n --equality"},
	})
	w := pair.Env.Canaries.Text()
	const token = "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"
	pair.Same(t,
		S("INSERT INTO people (id, mail, name) VALUES (1, lower($1), upper($2)), (2, trim($1), ltrim($2)), (3, lower(NULL), $2)", " "+strings.ToUpper(w)+"ÀΣ ", " "+w+"éß "),
		S("SELECT * FROM people ORDER BY id"),
		S("SELECT id FROM people WHERE mail = lower($1)", " "+w+"Àσ "),
		S("SELECT id FROM people WHERE mail IN (trim($1), $2) OR name = rtrim($3) ORDER BY id", "  "+strings.ToUpper(w)+"ÀΣ", "x", w+"éß   "),
		S("SELECT id FROM people WHERE mail IN ($1::text, $2) OR name IN ($2, $1::text, 'y') ORDER BY id", w, w),
		S("INSERT INTO people (id, pad) VALUES (10, lower($1)), (11, trim($2))", "A  ", "b "),
		S("SELECT id FROM people WHERE pad = lower($1)", "A"),
		S("SELECT id FROM people WHERE pad = lower($1)", "A "),
		S("SELECT id FROM people WHERE pad IN (lower($1), $2)", "A ", "b   "),
		S("SELECT id FROM people WHERE pad IN ($1::text, $2)", "a ", "b   "),
		S("UPDATE people SET n = lower($1) WHERE id = 10", strings.Repeat("A", 70)),
		S("SELECT id FROM people WHERE n = lower($1)", strings.Repeat("A", 70)),
		S("SELECT id FROM people WHERE n IN (lower($1), $2)", strings.Repeat("A", 70), "x"),
		S("SELECT id FROM people WHERE n IN ($1::text, 'x'::name)", strings.Repeat("a", 70)),
		S("SELECT id FROM people WHERE pad IN ($1, lower($2)::char(5))", "a ", "B   "),
		S("DELETE FROM people WHERE id >= 10"),
		S("SELECT id FROM people WHERE lower($1) <> mail ORDER BY id", w),
		S("SELECT id FROM people WHERE (mail, id) = (lower(trim($1)), 2)", w),
		S("SELECT id FROM people WHERE name = ANY (ARRAY[upper($1), 'x']) ORDER BY id", " "+w+"éß "),
		S("SELECT id FROM people WHERE mail IS NOT DISTINCT FROM lower($1)", nil),
		S("UPDATE people SET mail = lower($1::varchar(4)), name = trim(both from $1::char(40)) WHERE id = 3 RETURNING mail, name", "  "+strings.ToUpper(w)+"  "),
		S("UPDATE people SET mail = NULLIF(lower(trim($1)), '') WHERE id = 3 RETURNING mail", "  "),
		S("UPDATE people SET mail = NULLIF(lower(trim($1)), '') WHERE id = 3 RETURNING mail", " "+w+"X "),
		S("UPDATE people SET number = NULLIF(trim($1), '')::int, token = lower($2)::uuid, c = rtrim($3) WHERE id = 3 RETURNING number, token, c", " 77 ", token, w+"  "),
		S("UPDATE people SET c = ltrim($1) WHERE id = 3", w+" ").Fails("23514"),
		S("UPDATE people SET number = trim($1)::int WHERE id = 3", w).Fails("22P02"),
		S("UPDATE people SET number = trim('5') WHERE id = 3").Fails("42804"),
		S("UPDATE people SET mail = lower($1) WHERE id = 3", strings.Repeat(w, 10)).Fails("22001"),
		S("UPDATE people SET mail = trim(5) WHERE id = 3").Fails("42883"),
		S("SELECT id FROM people WHERE token = lower($1)", token).Fails("42883"),
		S("SELECT id FROM people WHERE mail = lower($1::int)", "5").Fails("42883"),
		S("SELECT id FROM people WHERE token = lower($1)::uuid AND number = trim('77 ')::int", token),
		S("INSERT INTO people (id, mail, note) SELECT 4, lower($1), $1 WHERE NOT EXISTS (SELECT FROM people WHERE mail = lower($1))", "plain"),
		S("UPDATE people SET mail = CASE id WHEN 1 THEN lower($1) ELSE upper($1) END WHERE id IN (1, 2)", w+"É"),
		S("SELECT id, mail, note FROM people ORDER BY id"),
		S("DELETE FROM people WHERE mail = upper($1) RETURNING id", w+"é"),
	)
}

// Strings that || joins, with one parameter among them, are one text.
func TestJoinedStrings(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		Locale: utf8Locale,
		DDL: `CREATE DOMAIN code AS text CHECK (value <> 'abc');
			CREATE TABLE people (id int PRIMARY KEY, mail text, name varchar(20), number int, token uuid, c code, note text, pad char(5))`,
		Seal: []string{"public.people.mail --equality", "public.people.name --equality", "public.people.number --equality", "public.people.token --equality", "public.people.c", "public.people.pad --equality"},
	})
	w := pair.Env.Canaries.Text()
	pair.Same(t,
		S("INSERT INTO people (id, mail, name) VALUES (1, $1 || '@example.org', 'n' || $2 || E'\\''), (2, ('a' || ($1::text || 'b'))::varchar, '' || $2), (3, 'x' || $3, ('abc' || $2)::varchar(5))", w, w[:8], nil),
		S("INSERT INTO people (id, mail, name, c, note, pad) VALUES (4, 'a' || 'b', (('c') || 'd'::text) || $$e$$, 'ab' || 'd', 'p' || 'q', 'ab' || '   ')"),
		S("INSERT INTO people (id, c) VALUES (5, 'ab' || 'c')").Fails("23514"),
		S("UPDATE people SET c = 'ab' || $1 WHERE id = 1", "c").Fails("23514"),
		S("INSERT INTO people (id, name) VALUES (5, '12345678901234567890' || $1)", "x").Fails("22001"),
		S("INSERT INTO people (id, name) VALUES (5, '12345678901234567890' || $1)", "  "),
		S("INSERT INTO people (id, number) VALUES (6, 'a' || 'b')").Fails("42804"),
		S("UPDATE people SET number = ('1' || $1)::int, token = ('00000000-0000-0000-0000-00000000000' || $2)::uuid WHERE id = 1", "77", "1"),
		S("UPDATE people SET number = ('1' || $1)::int WHERE id = 1", "x").Fails("22P02"),
		S("SELECT id FROM people WHERE mail = $1 || '@example.org' OR name = 'cd' || 'e' ORDER BY id", w),
		S("SELECT id FROM people WHERE 'a' || $1 || 'b' = mail AND $1 || '' <> mail", w),
		S("SELECT id FROM people WHERE mail IN ('a' || $1 || 'b', $2, 'q') ORDER BY id", w, "ab"),
		S("SELECT id FROM people WHERE mail = ANY (ARRAY['a' || $1 || 'b', 'ab']) ORDER BY id", w),
		S("SELECT id FROM people WHERE mail IS NOT DISTINCT FROM 'x' || $1", nil),
		S("SELECT id FROM people WHERE pad = 'ab' || ' '"),
		S("SELECT id FROM people WHERE pad = 'a' || $1", "b"),
		S("SELECT id FROM people WHERE pad IN ('a' || $1, 'x')", "b "),
		S("SELECT id FROM people WHERE number::text = '1' || $1 AND token = '1' || $1", "77").Fails("42883"),
		S("SELECT id FROM people WHERE number::text = '1' || $1 AND number IN (('1' || $1)::int, 5)", "77"),
		S("UPDATE people SET mail = CASE WHEN id = 1 THEN 'm' || $1 ELSE 'n' || 'o' END WHERE id < 3 AND mail <> 'm' || $1", w),
		S("INSERT INTO people (id, mail, note) SELECT 8, 'a' || $1, $1 WHERE NOT EXISTS (SELECT FROM people WHERE mail = 'a' || $1)", "plain"),
		S("SELECT * FROM people ORDER BY id"),
		S("SELECT p.id FROM people p, people q WHERE p.mail = 'a' || q.note ORDER BY 1").Simple(),
		// In an array the string is text, and its blanks count.
		S("SELECT id FROM people WHERE pad = ANY (ARRAY['a' || 'x', 'ab '])").Refused("public.people.pad"),
		S("SELECT id FROM people WHERE pad = ANY (ARRAY[lower('X'), 'ab '])").Refused("public.people.pad"),
		S("SELECT id FROM people WHERE pad = ANY (ARRAY['x'::text, 'ab '])").Refused("public.people.pad"),
	)
	pair.SameIn(t, []harness.Mode{harness.PreparedBinary, harness.SQLPrepare})
}

// Lists come as one text, which string_to_array splits.
func TestTextsThatAreSplit(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		Locale: utf8Locale,
		DDL:    `CREATE TABLE people (id int PRIMARY KEY, mail text, name varchar(10), number int, token uuid, pad char(3), tags text[], short varchar(3)[], numbers int[], note text[])`,
		Seal: []string{"public.people.mail --equality", "public.people.name --equality", "public.people.number --equality", "public.people.token --equality", "public.people.pad --equality",
			"public.people.tags --equality", "public.people.short", "public.people.numbers"},
	})
	w := pair.Env.Canaries.Word()
	pair.Same(t,
		S("INSERT INTO people (id, mail, name, number, token, pad) VALUES (1, $1, 'a', 1, '00000000-0000-0000-0000-000000000001', 'a'), (2, 'b', 'b', 22, NULL, 'b'), (3, '', '', 3, NULL, NULL), (4, 'é ü', NULL, NULL, NULL, NULL)", w),
		S("SELECT id FROM people WHERE mail = ANY (string_to_array($1, ',')) ORDER BY id", w+",é ü,"),
		S("SELECT id FROM people WHERE mail = ANY (string_to_array($1::varchar, ', ')) ORDER BY id", w+", b"),
		S("SELECT id FROM people WHERE mail = ANY (string_to_array('b,"+w+"', ',')) ORDER BY id"),
		S("SELECT id FROM people WHERE mail = ANY (string_to_array($1, ',')) ORDER BY id", ""),
		S("SELECT id FROM people WHERE mail <> ALL (string_to_array($1, ',')) ORDER BY id", ""),
		S("SELECT id FROM people WHERE mail <> ALL (string_to_array($1, ',')) ORDER BY id", w+",b"),
		S("SELECT id FROM people WHERE name = ANY (string_to_array($1, ',')::varchar(1)[]) ORDER BY id", "axx,b"),
		S("SELECT id FROM people WHERE number = ANY (string_to_array($1, ',')::int[]) OR token = ANY (CAST(string_to_array($2, ';') AS uuid[])) ORDER BY id", " 3,22", "00000000-0000-0000-0000-000000000001"),
		S("SELECT id FROM people WHERE number = ANY (string_to_array($1, ',')::int[])", "3,x").Fails("22P02"),
		S("SELECT id FROM people WHERE number = ANY (string_to_array('3,', ',')::int[])").Fails("22P02"),
		S("SELECT id FROM people WHERE number = ANY (string_to_array($1, ','))", "3").Fails("42883"),
		S("SELECT id FROM people WHERE number::text = ANY (string_to_array($1, ',')) ORDER BY id", "3,x,22"),
		S("SELECT id FROM people WHERE pad = ANY (string_to_array($1, ',')) ORDER BY id", "a,b "),
		S("INSERT INTO people (id, tags, short, numbers, note) VALUES (10, string_to_array($1, ','), string_to_array($2, ','), string_to_array($3, ',')::int[], string_to_array('p,q', ','))", w+",NULL,,\"x {}", "abc,é", "1,-2"),
		S("INSERT INTO people (id, tags, short) VALUES (11, string_to_array('', ','), string_to_array('abc ,d', ','))"),
		S("INSERT INTO people (id, short) VALUES (12, string_to_array($1, ','))", "abcd,e").Fails("22001"),
		S("INSERT INTO people (id, short) VALUES (12, string_to_array($1, ',')::varchar(3)[])", "abcd,e"),
		S("INSERT INTO people (id, numbers) VALUES (13, string_to_array($1, ','))", "1").Fails("42804"),
		S("UPDATE people SET tags = string_to_array('é,,"+w+"', ',') WHERE id = 12"),
		S("SELECT id FROM people WHERE tags = string_to_array($1, ',') ORDER BY id", "é,,"+w),
		S("SELECT * FROM people ORDER BY id"),
		S("SELECT id FROM people WHERE mail = ANY (string_to_array($1, ',', 'b'))", "a,b").Refused("public.people.mail"),
		S("SELECT id FROM people WHERE mail = ANY (string_to_array($1, NULL))", "ab").Refused("public.people.mail"),
		S("SELECT id FROM people WHERE mail = ANY (string_to_array($1, '|'))", "a|b").Refused("public.people.mail"),
	)
	pair.SameIn(t, []harness.Mode{harness.Unnamed, harness.PreparedBinary, harness.SQLPrepare},
		S("INSERT INTO people (id, mail, tags) VALUES (1, 'a', string_to_array($1, ','))", nil),
		S("SELECT id, tags FROM people WHERE mail <> ALL (string_to_array($1, ','))", nil),
	)
}

// A function of the same name that the database has of its own may be what is meant, from
// when it is made; inside of the transaction, too.
func TestFunctionsOfTheDatabasesOwnAreNotTakenForPostgreSQLs(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL:  `CREATE TABLE people (id int, mail varchar(60))`,
		Seal: []string{"public.people.mail --equality"},
	})
	const own = "CREATE FUNCTION lower(varchar) RETURNS text LANGUAGE sql AS 'SELECT ''other''::text'"
	w := pair.Env.Canaries.Text()
	for _, mode := range []harness.Mode{harness.Simple, harness.PreparedBinary} {
		c := pair.Compare(t, mode)
		c.Step(S("INSERT INTO people VALUES (1, lower($1))", strings.ToUpper(w)))
		c.Step(S("BEGIN"))
		c.Step(S("CREATE TABLE made (id int)"))
		c.Step(S("SELECT id FROM people WHERE mail = lower($1)", w))
		c.Step(S(own))
		c.Step(S("SELECT id FROM people WHERE mail = lower($1)", w).Refused("of its own"))
		c.Step(S("ROLLBACK"))
		c.Step(S("SELECT id FROM people WHERE mail = lower($1)", w))
		c.Step(S(own))
		c.Step(S("SELECT id FROM people WHERE mail = lower($1)", w).Refused("of its own"))
		c.Step(S("DROP FUNCTION lower(varchar)"))
		c.Step(S("CREATE FUNCTION string_to_array(varchar, varchar) RETURNS text[] LANGUAGE sql AS 'SELECT ARRAY[''other'']'"))
		c.Step(S("SELECT id FROM people WHERE mail = ANY (string_to_array($1, ','))", w).Refused("of its own"))
		c.Step(S("DROP FUNCTION string_to_array(varchar, varchar)"))
		c.Step(S("SELECT id FROM people WHERE mail = lower($1)", w))
		c.Step(S("DELETE FROM people"))
	}
}

// The first statement that needs to know what the server makes of a text can be one in a
// transaction that has changed the catalog.
func TestFunctionsOfAClientsTextBehindDDL(t *testing.T) {
	pair := harness.New(t, harness.Schema{DDL: `CREATE TABLE people (id int, mail text)`, Seal: []string{"public.people.mail --equality"}})
	c := pair.Compare(t, harness.Simple)
	c.Step(S("BEGIN"))
	c.Step(S("ALTER TABLE people ADD COLUMN note text"))
	c.Step(S("INSERT INTO people VALUES (1, lower('ABC'), 'x')"))
	c.Step(S("SELECT * FROM people WHERE mail = trim(' abc ')"))
	c.Step(S("COMMIT"))
	c.Step(S("SELECT * FROM people WHERE mail = trim(' abc ')"))
}
