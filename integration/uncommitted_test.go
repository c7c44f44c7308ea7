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
