package integration

import (
	"testing"

	"pgseal/integration/harness"
)

// DDL that concerns nothing known is not read anew for every statement behind it; what it
// has made, and the names that it has taken, are known all the same.
func TestDDLThatConcernsNothingSealed(t *testing.T) {
	pair := harness.New(t, people)
	for _, mode := range insideModes {
		for _, block := range []bool{false, true} {
			t.Run(string(mode)+map[bool]string{false: "", true: "InABlock"}[block], func(t *testing.T) {
				pair.Empty()
				c := pair.Compare(t, mode)
				do := func(sql string) {
					t.Helper()
					c.Step(S(sql))
				}
				if block {
					do("BEGIN")
				}
				for _, sql := range []string{
					"INSERT INTO people (id, name, ssn) VALUES (1, 'n', 'a')",
					"CREATE TABLE fresh (id int, a text)",
					"SELECT id, ssn FROM people",
					"INSERT INTO fresh SELECT id, name FROM people",
					"ALTER TABLE fresh ADD b int DEFAULT 5",
					"SELECT column_name || ' ' || data_type FROM information_schema.columns WHERE table_schema = 'public' AND table_name IN ('fresh', 'people') ORDER BY table_name, ordinal_position",
					"SELECT fresh.*, ssn FROM people JOIN fresh USING (id)",
					"ALTER TABLE fresh DROP a",
					"SELECT fresh.*, ssn FROM people JOIN fresh USING (id)",
					"ALTER TABLE fresh ADD a int",
					"SELECT ssn, fresh.* FROM people JOIN fresh USING (id)",
					"CREATE TABLE people_ssn_idx (id int)",
					"CREATE INDEX ON people (ssn)",
					"SELECT indexname::text FROM pg_indexes WHERE tablename = 'people' ORDER BY 1",
					"CREATE INDEX fresh_a ON fresh (a)",
					"CREATE TYPE mood AS ENUM ('sad')",
					"SELECT ssn, 'sad'::mood::text AS m FROM people",
					"DROP TABLE fresh",
					"CREATE TABLE fresh (id int, ssn int)",
					"INSERT INTO fresh VALUES (1, 2)",
					"SELECT * FROM fresh NATURAL JOIN (SELECT id FROM people) p",
					"DROP TABLE fresh",
					"CREATE TABLE fresh (LIKE people)",
					"INSERT INTO fresh SELECT * FROM people",
					"SELECT ssn FROM fresh",
				} {
					do(sql)
				}
				if block {
					c.Rollback()
					return
				}
				do("DROP TABLE fresh, people_ssn_idx")
				do("DROP TYPE mood")
				do("DROP INDEX people_ssn_idx1")
			})
		}
	}
}

// What DDL does beside its own is known where it can do that: a child of the table has
// its columns, and an event trigger may do anything.
func TestDDLWithEffectsBesideItsOwn(t *testing.T) {
	pair := harness.New(t, people)
	pair.Same(t,
		S("CREATE TABLE above (kind text)"),
		S("CREATE TABLE below (LIKE people) INHERITS (above)"),
		S("INSERT INTO below (id, name, ssn) VALUES (1, 'n', 'a')"),
		S("SELECT id, ssn FROM below"),
		S("ALTER TABLE above ADD more int DEFAULT 3"),
		S("SELECT * FROM below"),
		S("ALTER TABLE above DROP kind"),
		S("SELECT * FROM below"),
		S("INSERT INTO below SELECT * FROM below"),
		S("SELECT * FROM below ORDER BY id"),
		S("DROP TABLE below, above"))
}
