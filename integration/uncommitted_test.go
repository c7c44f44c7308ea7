package integration

import (
	"testing"

	"pgseal/integration/harness"
)

// A relation that gets sealed columns inside a transaction is unknown to
// everybody else until it ends: no envelope may come out of it and no plaintext
// go in.
func TestARelationMadeInTheSameTransaction(t *testing.T) {
	pair := harness.New(t, people)
	for _, mode := range []harness.Mode{harness.Simple, harness.PreparedText} {
		t.Run(string(mode), func(t *testing.T) {
			pair.Empty()
			c := pair.Compare(t, mode)
			for _, step := range filled(pair.Env.Canaries) {
				c.Step(step)
			}
			for _, use := range []string{"SELECT * FROM made ORDER BY id", "SELECT ssn FROM made", "INSERT INTO made (id, ssn) VALUES (100, '" + pair.Env.Canaries.Word() + "')"} {
				c.Step(S("BEGIN"))
				if refused, _ := c.Generated(S("CREATE TABLE made AS SELECT id, ssn FROM people")); refused {
					c.Rollback()
					continue
				}
				c.Generated(S(use)) // answered exactly, or refused
				c.Rollback()
			}
			c.Step(S("CREATE TABLE made AS SELECT id, ssn FROM people"))
			c.Step(S("SELECT * FROM made ORDER BY id"))
			c.Step(S("SELECT count(*) FROM made WHERE ssn IS NULL"))
			c.Step(S("DROP TABLE made"))
		})
	}
}

// A table of the application's own in the same transaction is like any other:
// what is in its bytea columns passes, unless it is a sealed value.
func TestBytesOfATableMadeInTheSameTransaction(t *testing.T) {
	pair := harness.New(t, people)
	for _, mode := range harness.Modes {
		t.Run(string(mode), func(t *testing.T) {
			pair.Empty()
			c := pair.Compare(t, mode)
			for _, step := range filled(pair.Env.Canaries) {
				c.Step(step)
			}
			c.Step(S("BEGIN"))
			c.Step(S("CREATE TEMP TABLE blobs (id int, b bytea)"))
			c.Step(S("INSERT INTO blobs VALUES ($1, $2), (2, NULL), (3, '')", "1", `\xe501ff`))
			c.Step(S("SELECT * FROM blobs ORDER BY id"))
			c.Step(S("SELECT b FROM blobs WHERE b = $1", `\xe501ff`))
			c.Step(S("SAVEPOINT s"))
			c.Step(S("CREATE TABLE dup AS SELECT id, ssn FROM people"))
			c.Generated(S("SELECT ssn FROM dup ORDER BY id")) // answered exactly, or refused
			c.Step(S("ROLLBACK TO s"))
			c.Step(S("SELECT b FROM blobs ORDER BY id"))
			c.Step(S("ROLLBACK"))
		})
	}
}

// A table made in the same transaction bears the name of a sealed one that the
// search path does not reach.
func TestATableOfTheNameOfASealedOneElsewhere(t *testing.T) {
	pair := harness.New(t, people)
	pair.Both("CREATE SCHEMA beside; ALTER TABLE orders SET SCHEMA beside")
	for _, mode := range harness.Modes {
		t.Run(string(mode), func(t *testing.T) {
			c := pair.Compare(t, mode)
			c.Step(S("BEGIN"))
			c.Step(S("CREATE TEMP TABLE orders (id serial PRIMARY KEY, card text, photo bytea DEFAULT 'x')"))
			c.Step(S("INSERT INTO orders (card) VALUES ($1), ('b')", "a"))
			c.Step(S("UPDATE orders SET card = $1 WHERE card = $2", "c", "a"))
			c.Step(S("SELECT card, upper(card) FROM orders ORDER BY card"))
			c.Step(S("SELECT * FROM orders ORDER BY card"))
			c.Step(S("DECLARE x SCROLL CURSOR FOR SELECT card FROM orders ORDER BY id"))
			c.Step(S("FETCH 2 FROM x"))
			c.Step(S("ROLLBACK"))
		})
	}
}

// Migrations give a table a column and fill it in the same transaction, or text.
func TestColumnsAddedInTheSameTransaction(t *testing.T) {
	pair := harness.New(t, people)
	for _, mode := range []harness.Mode{harness.Simple, harness.PreparedText} { // the others ask a session that would wait
		t.Run(string(mode), func(t *testing.T) {
			pair.Empty()
			c := pair.Compare(t, mode)
			for _, step := range filled(pair.Env.Canaries) {
				c.Step(step)
			}
			word := pair.Env.Canaries.Word()
			c.Step(S("BEGIN"))
			c.Step(S("ALTER TABLE people ADD COLUMN extra int, ADD more text DEFAULT 'd'"))
			c.Step(S("UPDATE people SET extra = id * 2"))
			c.Step(S("UPDATE people SET extra = $1, ssn = $2 WHERE id = 2", "7", word))
			c.Step(S("INSERT INTO people (id, name, ssn, extra) VALUES ($1, 'n', $2, 5) RETURNING id, ssn, extra, more", "100", word+"2"))
			c.Step(S("SELECT id, ssn, people.extra, more FROM people WHERE extra > 3 ORDER BY id"))
			c.Step(S("SELECT * FROM people WHERE ssn = $1 ORDER BY id", word))
			c.Step(S("CREATE INDEX ON people (extra, ssn)"))
			c.Step(S("ALTER TABLE people RENAME COLUMN more TO evermore"))
			c.Step(S("UPDATE people SET evermore = 'x' WHERE extra = 5"))
			c.Step(S("SELECT evermore, ssn FROM people ORDER BY id"))
			c.Step(S("SAVEPOINT s"))
			c.Step(S("SELECT more FROM people"))
			c.Step(S("ROLLBACK TO s"))
			c.Step(S("UPDATE people SET nothing = 1"))
			c.Step(S("ROLLBACK"))
			c.Step(S("SELECT extra FROM people"))
			// What gets the name of a column that has been given another one is sealed.
			c.Step(S("BEGIN"))
			c.Step(S("ALTER TABLE people ADD COLUMN swap text"))
			c.Step(S("ALTER TABLE people DROP COLUMN swap"))
			c.Step(S("ALTER TABLE people RENAME COLUMN ssn TO swap"))
			c.Generated(S("UPDATE people SET swap = $1 WHERE id = 2", word)) // answered exactly, or refused
			c.Step(S("ROLLBACK"))
			c.Step(S("BEGIN"))
			c.Step(S("ALTER TABLE people DROP COLUMN name"))
			c.Generated(S("INSERT INTO people VALUES (300, $1, 'a', 'b', 'c', 4)", word+"3")) // answered exactly, or refused
			c.Step(S("ROLLBACK"))
			c.Step(S("BEGIN"))
			c.Step(S("ALTER TABLE people DROP COLUMN name"))
			c.Step(S("INSERT INTO people (id, ssn) VALUES (301, $1)", word+"4"))
			c.Step(S("SELECT id, ssn, note FROM people ORDER BY id"))
			c.Generated(S("SELECT * FROM people ORDER BY id"))
			c.Step(S("ROLLBACK"))
			c.Step(S("BEGIN"))
			c.Step(S("ALTER TABLE people RENAME COLUMN name TO old"))
			c.Step(S("ALTER TABLE people RENAME COLUMN ssn TO name"))
			c.Generated(S("UPDATE people SET name = $1 WHERE id = 2", word))
			c.Step(S("ROLLBACK"))
			c.Step(S("BEGIN"))
			c.Step(S("ALTER TABLE people ADD COLUMN extra int"))
			c.Step(S("UPDATE people SET extra = id"))
			c.Step(S("COMMIT"))
			c.Step(S("SELECT id, ssn, extra FROM people ORDER BY id"))
			c.Step(S("ALTER TABLE people DROP COLUMN extra"))
			if mode == harness.Simple {
				c.Step(S("ALTER TABLE people ADD COLUMN a int; ALTER TABLE people ADD b text; CREATE INDEX people_a ON people (a); UPDATE people SET a = id, ssn = '" + word + "' WHERE id = 2; SELECT a, b, ssn FROM people ORDER BY id"))
				c.Step(S("SELECT * FROM people ORDER BY id"))
				c.Step(S("ALTER TABLE people DROP COLUMN a, DROP COLUMN b"))
			}
		})
	}
}

// A migration looks at what it has made before it goes on: indexes over terms are those
// of the columns, under the names that they have by now.
func TestIndexesMadeInTheSameTransaction(t *testing.T) {
	pair := harness.New(t, people)
	const indexes = `SELECT c.relname::text, pg_get_indexdef(c.oid), pg_get_indexdef(c.oid, 1, true), x.indkey::text, x.indclass::text, x.indcollation::text, x.indoption::text, x.indexprs IS NULL
		FROM pg_index x JOIN pg_class c ON c.oid = x.indexrelid JOIN pg_class r ON r.oid = x.indrelid WHERE r.relname IN ('made', 'people') ORDER BY c.relname`
	const constraints = `SELECT o.conname::text, o.contype::text, o.conkey::text, pg_get_constraintdef(o.oid) FROM pg_constraint o JOIN pg_class r ON r.oid = o.conrelid WHERE r.relname IN ('made', 'people') ORDER BY 1`
	for _, mode := range harness.Modes {
		t.Run(string(mode), func(t *testing.T) {
			c := pair.Compare(t, mode)
			for _, sql := range []string{
				"BEGIN", "CREATE TABLE made (LIKE people)",
				"CREATE INDEX made_city ON made (city text_pattern_ops, id, ssn DESC)", "CREATE INDEX made_age ON made (age)", indexes,
				"ALTER TABLE people ADD CONSTRAINT mails UNIQUE (email, name)", constraints,
				"ALTER INDEX people_email RENAME TO e", "ALTER TABLE people RENAME CONSTRAINT mails TO letters", indexes, constraints,
				"SAVEPOINT s", "ALTER TABLE people DROP CONSTRAINT people_ssn_key", "DROP INDEX e, made_age", indexes, constraints,
				"ROLLBACK TO s", indexes, constraints, "SELECT indexdef || '' FROM pg_indexes WHERE tablename = 'made' ORDER BY indexname",
				"ROLLBACK", indexes, constraints,
			} {
				if !c.Step(S(sql)) {
					t.FailNow()
				}
			}
		})
	}
}
