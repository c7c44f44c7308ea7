package integration

import (
	"strings"
	"testing"

	"pgseal/integration/harness"
)

// What is left in the database of a sealed column whose table was dropped is not
// shown, and stands in nobody's way: its types can be dropped, its table can be made
// anew, and sealed.
func TestDroppedTablesLeaveNothingToBeSeen(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL: `CREATE TYPE mood AS ENUM ('sad', 'happy'); CREATE DOMAIN code AS text CHECK (VALUE <> '');
			CREATE TABLE users (id int PRIMARY KEY, ssn text UNIQUE, mood mood, code code, age int);
			CREATE SCHEMA app; CREATE TABLE app.cards (id int, number text)`,
		Seal: []string{"public.users.ssn --equality", "public.users.mood", "public.users.code", "app.cards.number"},
	})
	for _, mode := range []harness.Mode{harness.Simple, harness.PreparedText} {
		c := pair.Compare(t, mode)
		w := pair.Env.Canaries.Word()
		step := func(sql string) {
			t.Helper()
			if !c.Step(S(sql)) {
				t.FailNow()
			}
		}
		shown := func() {
			t.Helper()
			step("SELECT domain_schema::text, domain_name::text FROM information_schema.domains WHERE domain_schema <> 'information_schema' ORDER BY 1, 2")
			step("SELECT n.nspname::text, t.typname::text, format_type(t.typbasetype, t.typtypmod) FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace WHERE t.typtype IN ('d', 'e') AND n.nspname <> 'information_schema' ORDER BY 1, 2")
			step("SELECT nspname::text FROM pg_namespace WHERE nspname !~ '^pg_t' ORDER BY 1")
			step("SELECT oid::regclass::text FROM pg_class WHERE oid >= 16384 AND relkind IN ('r', 'v', 'i') AND relname !~ 'toast' ORDER BY 1")
		}
		step("DROP SCHEMA app CASCADE")
		shown()
		step("DROP TABLE users")
		shown()
		step("DROP TYPE mood")
		step("DROP DOMAIN code")
		shown()
		step("CREATE TYPE mood AS ENUM ('so', 'other')")
		step("CREATE DOMAIN code AS int")
		step("CREATE SCHEMA app")
		step("CREATE TABLE app.cards (id int, number text)")
		step("CREATE TABLE users (id int PRIMARY KEY, ssn text UNIQUE, mood mood, code code, age int)")
		step("INSERT INTO users VALUES (1, 'x', 'so', 5, 1)")
		step("SELECT id, ssn, mood::text, code, age FROM users")
		shown()
		step("DELETE FROM users")
		for _, column := range []string{"public.users.ssn --equality", "public.users.mood", "public.users.code", "app.cards.number"} {
			pair.Pgseal(append([]string{"seal"}, strings.Fields(column)...)...)
		}
		step("INSERT INTO users VALUES (1, '" + w + "', 'other', 5, 1)")
		step("SELECT id, ssn, mood::text, code, age FROM users WHERE ssn = '" + w + "'")
		shown()
	}
}
