package integration

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"pgseal/integration/harness"
)

// textSchemas are of databases, and columns, whose collations do not go by bytes. Those of the
// GNU C library are there where the machine has them.
func textSchemas(t *testing.T) map[string]harness.Schema {
	schemas := map[string]harness.Schema{
		"ICU columns": {DDL: textOrdersDDL(` COLLATE "en-x-icu"`)},
		"ICU":         {DDL: textOrdersDDL(""), Locale: "icu:de"},
	}
	if harness.Shared(t).Twin.Binaries.Major < 15 {
		delete(schemas, "ICU")
	}
	locales, _ := exec.Command("locale", "-a").Output()
	for _, l := range []string{"en_US.utf8", "sv_SE.utf8"} {
		if strings.Contains("\n"+string(locales), "\n"+l+"\n") {
			schemas[l] = harness.Schema{DDL: textOrdersDDL(""), Locale: l}
		}
	}
	for name, s := range schemas {
		s.Seal = []string{"public.people.name --equality", "public.people.city", "public.people.code", "public.notes.line"}
		schemas[name] = s
	}
	return schemas
}

func textOrdersDDL(collate string) string {
	return fmt.Sprintf(`CREATE TABLE people (id int PRIMARY KEY, name text%[1]s, city varchar(40)%[1]s, code char(8)%[1]s, grp int, plain text%[1]s);
		CREATE TABLE notes (id int PRIMARY KEY, person int, line text%[1]s)`, collate)
}

// Texts are sorted and compared as PostgreSQL does under the collations that most databases
// have.
func TestTextsUnderACollation(t *testing.T) {
	for name, schema := range textSchemas(t) {
		t.Run(name, func(t *testing.T) {
			pair := harness.New(t, schema)
			names := []string{"resume", "Resume", "résumé", "Résumé", "resumes", "role", "Rôle", "ROLE", "rôle", "a b", "ab", "a-b", "A B", "aB", "a, b", "", "zebra", "Zebra", "Äpfel", "apfel", "Apfel", "äpfel", "Łódź", "Lodz", "łódź",
				"Ångström", "angstrom", "10 Main St", "10main st", "10-main st", "9 Main St", "O'Brien", "OBrien", "o’brien", "Straße", "Strasse", "straßen", "STRASSE", "cœur", "coeur", "Coeurs", "Æsop", "aesop", "de la Cruz", "Delacruz", "Ζωή", "Иван", "иван", "ёж", "$5", "5€", "#1", "_x", "éa", "eb", "ea", "ñu", "nu", "Nz", "x\ty", "x y", "ÿ", "ý"}
			var people, notes []string
			for i, n := range names {
				n = strings.ReplaceAll(n, "'", "''")
				people = append(people, fmt.Sprintf("(%d, '%s', '%[2]s city', '%.6[2]s', %d, '%[2]s')", i, n, i%3))
				notes = append(notes, fmt.Sprintf("(%d, %d, '%s')", i, i%7, n))
			}
			pair.SameIn(t, formulaModes,
				S("INSERT INTO people VALUES (900, NULL, NULL, NULL, 1, NULL), "+strings.Join(people, ", ")),
				S("INSERT INTO notes VALUES "+strings.Join(notes, ", ")),
				S("SELECT id, name FROM people ORDER BY name"),
				S("SELECT id, name FROM people ORDER BY name DESC NULLS LAST, id LIMIT 7 OFFSET 3"),
				S("SELECT id FROM people ORDER BY city, id"),
				S("SELECT id FROM people ORDER BY code DESC, id"),
				S("SELECT * FROM people ORDER BY 2 LIMIT $1", "9"),
				S("SELECT id FROM people ORDER BY grp, name DESC"),
				S("SELECT id FROM people ORDER BY plain, name"),
				S("SELECT id FROM people ORDER BY left(name, 3) DESC, id"),
				S("SELECT id FROM people WHERE name > $1 ORDER BY id", "b"),
				S("SELECT id FROM people WHERE name >= 'résumé' ORDER BY id"),
				S("SELECT id FROM people WHERE name BETWEEN $1 AND $2 ORDER BY id", "A", "p"),
				S("SELECT id FROM people WHERE 'Resume' < name AND city < 'role' ORDER BY id"),
				S("SELECT id FROM people WHERE name < city ORDER BY id"),
				S("SELECT max(name), min(name), max(city) FROM people"),
				S("SELECT grp, max(name), min(name) FROM people GROUP BY grp ORDER BY grp"),
				S("SELECT grp, max(name) FROM people GROUP BY grp ORDER BY max(name) DESC"),
				S("SELECT grp FROM people GROUP BY grp HAVING min(name) < $1 ORDER BY grp", "_z"),
				S("SELECT id, GREATEST(name, 'm'), LEAST(name, city), name < 'M' FROM people ORDER BY id"),
				S("SELECT id, row_number() OVER (PARTITION BY grp ORDER BY name), rank() OVER (ORDER BY left(name, 4)) FROM people ORDER BY id"),
				S("SELECT id, max(name) OVER (PARTITION BY grp), min(name) OVER (ORDER BY id) FROM people ORDER BY id"),
				S("SELECT id, lag(name) OVER (ORDER BY name) FROM people ORDER BY name"),
				S("SELECT DISTINCT ON (grp) grp, name FROM people ORDER BY grp, name DESC NULLS LAST"),
				S("SELECT DISTINCT name FROM people ORDER BY name"),
				S("SELECT name, count(*) FROM people GROUP BY name ORDER BY name DESC"),
				S("SELECT name FROM people UNION ALL SELECT line FROM notes ORDER BY 1 LIMIT 30"),
				S("SELECT p.id, (SELECT n.line FROM notes n WHERE n.person = p.id ORDER BY n.line LIMIT 1) FROM people p WHERE id < 7 ORDER BY id"),
				S("SELECT * FROM (SELECT id, name FROM people ORDER BY name DESC NULLS LAST LIMIT 9) q ORDER BY id"),
				S("SELECT person, array_agg(id ORDER BY line DESC) FROM notes GROUP BY person ORDER BY person"),
				S("SELECT string_agg(name, '|' ORDER BY name) FROM people WHERE id < 20"),
				S("SELECT grp, string_agg(DISTINCT name, '|' ORDER BY name DESC), string_agg(DISTINCT city, ', ') FROM people GROUP BY grp ORDER BY grp"),
				S("SELECT id FROM people p WHERE EXISTS (SELECT FROM notes n WHERE n.person = p.id AND n.line > 'o') ORDER BY id"),
				S("SELECT id FROM people WHERE name > (SELECT min(line) FROM notes WHERE person = 2) ORDER BY id"),
				S("SELECT CASE WHEN name < 'm' THEN 'first' WHEN name >= 'm' THEN 'second' END, count(*) FROM people GROUP BY 1 ORDER BY 1"),
				S("UPDATE people SET plain = 'found' WHERE name > $1 RETURNING id", "role").Unordered(),
				S("DELETE FROM people WHERE name > 'x' AND id > 40 RETURNING id").Unordered(),
				S("SELECT id, plain FROM people ORDER BY id"),
				S(`SELECT id FROM people ORDER BY name COLLATE "C"`),
				S("SELECT id FROM people ORDER BY (name < 'm'), id"),
				S("SELECT id FROM people ORDER BY CASE WHEN grp = 1 THEN name ELSE city END, id"),
				// What is not known of the collation is refused, and nothing else is.
				S("INSERT INTO people VALUES (500, '東京', '東京', NULL, 1)"),
				S("SELECT id FROM people ORDER BY name").Refused("a character whose place under its collation pgseal does not know"),
				S("SELECT id FROM people ORDER BY id, name").Refused("a character whose place"),
				S("SELECT max(name) FROM people").Refused("a character whose place"),
				S("SELECT id FROM people WHERE name < 'a'").Refused("a character whose place"),
				S("SELECT row_number() OVER (ORDER BY name) FROM people").Refused("a character whose place"),
				S("SELECT * FROM (SELECT id FROM people ORDER BY name LIMIT 3) q").Refused("a character whose place"),
				S("SELECT GREATEST(name, 'a') FROM people").Refused("a character whose place"),
				S("UPDATE people SET grp = 7 WHERE name > 'a'").Refused("a character whose place"),
				S("SELECT id FROM people WHERE name > $1", "日").Refused("a character whose place"),
				S("SELECT id, name FROM people WHERE id <> 500 ORDER BY name LIMIT 3"),
				S(`SELECT id FROM people ORDER BY name COLLATE "C"`),
				S("SELECT name, count(*) FROM people GROUP BY name HAVING count(*) > 1").Unordered(),
				S("SELECT count(*) FROM people WHERE grp = 7"),
				S("DELETE FROM people WHERE id = 500"),
			)
		})
	}
}

// A constant of type name has a collation of its own, which wins; a change of a column's
// collation counts at once in the transaction that makes it.
func TestCollationsOfNamesAndOfChangedColumns(t *testing.T) {
	if harness.Shared(t).Twin.Binaries.Major < 15 {
		return // no database has a collation of ICU's
	}
	pair := harness.New(t, harness.Schema{
		Locale: "icu:en",
		DDL:    `CREATE TABLE w (id int PRIMARY KEY, t text, d text COLLATE "de-x-icu", c text COLLATE "C", plain text COLLATE "en-x-icu")`,
		Seal:   []string{"public.w.t --equality", "public.w.d", "public.w.c"},
	})
	rows := S("INSERT INTO w VALUES (1, 'a', 'b', 'a'), (2, 'B', 'A', 'B'), (3, 'c', 'a', 'c'), (4, 'D', 'B', 'D'), (5, 'ß', 'É', 'é')")
	pair.SameIn(t, formulaModes, rows,
		S("SELECT id FROM w ORDER BY t::name").Refused("collation which pgseal does not know"), S("SELECT * FROM (SELECT id FROM w ORDER BY t::name LIMIT 2) q").Refused(""), S("SELECT id, rank() OVER (ORDER BY t::name) FROM w").Refused(""),
		S("SELECT id FROM w WHERE t < 'b'::name::text ORDER BY id"), S("SELECT id FROM w WHERE t || 'x'::name < 'b' ORDER BY id"), S("DELETE FROM w WHERE t < 'b'::name::text AND id < 0"), S("SELECT id, greatest(t, 'b'::name::text) FROM w ORDER BY id"),
		S("SELECT id FROM w ORDER BY t || 'x'::name, id"), S("SELECT id FROM w ORDER BY c::name, id"), S("SELECT id FROM w ORDER BY t::name::text, id").Refused(""), S("SELECT max(t || 'x'::name) FROM w"),
		S("SELECT id FROM w ORDER BY t, id"), S("SELECT id FROM w ORDER BY d DESC, id"), S("SELECT id FROM w ORDER BY c, id"),
	)
	pair.SameIn(t, formulaModes, rows,
		S("BEGIN"), S(`ALTER TABLE w ALTER COLUMN d TYPE text COLLATE "C"`),
		S("SELECT id FROM w ORDER BY d, id").Refused("collation which pgseal does not know"), S("ROLLBACK"),
		S("BEGIN"), S(`ALTER TABLE w ALTER COLUMN c TYPE text COLLATE "de-x-icu"`), S("SELECT id FROM w WHERE c < 'b' ORDER BY id"), S("SELECT id FROM w ORDER BY c, id"), S("ROLLBACK"),
		S("SELECT id FROM w ORDER BY d, id"), S("SELECT id FROM w ORDER BY c, id"),
	)
}

// However many collations there are, a statement waits for those that it needs.
func TestManyCollations(t *testing.T) {
	var columns, seal, values []string
	var steps []harness.Step
	for i, of := range []string{"en", "de", "fr", "es", "it", "nl", "pl", "ru", "el", "sv", "pt", "fi"} {
		name := fmt.Sprintf("t%d", i)
		columns = append(columns, fmt.Sprintf(`%s text COLLATE "%s-x-icu"`, name, of))
		seal, values = append(seal, "public.many."+name), append(values, "'b'")
		if i%3 == 0 {
			steps = append(steps, S("SELECT id FROM many ORDER BY "+name+", id"), S("SELECT max("+name+"), min(t0) FROM many"))
		}
	}
	pair := harness.New(t, harness.Schema{DDL: "CREATE TABLE many (id int PRIMARY KEY, " + strings.Join(columns, ", ") + ")", Seal: seal})
	pair.SameIn(t, formulaModes[:2], append([]harness.Step{S("INSERT INTO many VALUES (1, " + strings.Join(values, ", ") + "), (2, " + strings.ReplaceAll(strings.Join(values, ", "), "b", "A") + ")")}, steps...)...)
}

// Strings and parameters without a type are texts of the database's collation, also where there is
// nothing but them in a comparison.
func TestUntypedTextsAreComparedByTheDatabasesOrder(t *testing.T) {
	for name, schema := range textSchemas(t) {
		if schema.Locale == "" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			pair := harness.New(t, schema)
			a, b := pair.Env.Canaries.Word(), pair.Env.Canaries.Word()
			pair.SameIn(t, formulaModes,
				S("INSERT INTO people (id, name, city, plain) VALUES (1, $1, 'x', 'p'), (2, $2, 'y', 'q'), (3, 'Z', 'a', 'r')", a, b),
				S("SELECT id FROM people WHERE $1 < 'a' OR name = $1 ORDER BY id", "Z"),
				S("SELECT id FROM people WHERE 'Z' < 'a' OR name = $1 ORDER BY id", b),
				S("SELECT id FROM people WHERE 'a' < 'B' AND name = $1 ORDER BY id", b),
				S("SELECT id FROM people WHERE $1 BETWEEN 'a' AND 'b' OR name = $1 ORDER BY id", "B"),
				S("SELECT id, CASE WHEN 'Z' < 'a' THEN 'yes' ELSE name END FROM people ORDER BY id"),
				S("SELECT id, GREATEST('Z', city, 'a'), city || LEAST('Z'::text, 'a', $1) FROM people ORDER BY id", "B"),
				S("UPDATE people SET city = GREATEST('Z', city, $1), plain = 's' WHERE id = 3", "B"),
				S("UPDATE people SET city = 'changed' WHERE 'Z' < 'a' OR name = $1", a),
				S("INSERT INTO people (id, city, name) VALUES (4, 'c', CASE WHEN 'Z' < 'a' THEN 'yes' ELSE 'no' END)"),
				S("INSERT INTO people (id, city) VALUES (5, LEAST('Z', 'a'))").Refused("public.people.city"),
				S("SELECT id, name, city, plain FROM people ORDER BY id"),
				S("DELETE FROM people WHERE $1 < 'a' OR name = $1", "Z"),
				S("SELECT id FROM people WHERE 10 < 9 OR name = $1 ORDER BY id", b),
				S("SELECT count(*) FROM people"),
			)
		})
	}
}
