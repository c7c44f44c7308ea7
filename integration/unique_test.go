package integration

import (
	"strings"
	"testing"

	"pgseal/integration/harness"
)

// A UNIQUE constraint that is added to sealed columns holds, is shown as one, takes
// conflicts, and can be dropped again; so can one from before sealing.
func TestUniqueConstraintsOverSealedColumns(t *testing.T) {
	schema := harness.Schema{
		DDL:  `CREATE TABLE owners (id int PRIMARY KEY, email varchar(40), city text, name text, old text UNIQUE)`,
		Seal: []string{"public.owners.email --equality", "public.owners.city --equality", "public.owners.old --equality"},
	}
	const shown = `SELECT conname::text, contype::text, pg_get_constraintdef(c.oid), pg_get_indexdef(conindid), conkey::text, i.indoption::text, i.indisunique::text
		FROM pg_constraint c JOIN pg_index i ON i.indexrelid = conindid WHERE conrelid = 'owners'::regclass ORDER BY conname`
	for _, mode := range []harness.Mode{harness.Simple, harness.PreparedText} {
		t.Run(string(mode), func(t *testing.T) {
			pair := harness.New(t, schema)
			w := pair.Env.Canaries.Word()
			c := pair.Compare(t, mode)
			for _, step := range []harness.Step{
				S("INSERT INTO owners (id, email, city, name) VALUES (1, '" + w + "', 'Oslo', 'a'), (2, NULL, 'Oslo', 'a'), (3, 'b', 'Rome', 'a')"),
				S("ALTER TABLE owners ADD CONSTRAINT owners_city UNIQUE (city)").Fails("23505"),
				S("ALTER TABLE owners ADD CONSTRAINT owners_mail UNIQUE (email)"),
				S("ALTER TABLE IF EXISTS ONLY public.owners ADD UNIQUE (name, city, email) INCLUDE (id)"),
				S("ALTER TABLE owners ADD CONSTRAINT owners_mail UNIQUE (email, name)").Fails("42P07"),
				S("ALTER TABLE owners ADD UNIQUE (email)"),
				S("ALTER TABLE owners ADD UNIQUE (old)"),
				S("ALTER TABLE public.owners ADD UNIQUE (old)"),
				S("ALTER TABLE owners RENAME CONSTRAINT owners_mail TO owners_email_key1"),
				S("ALTER TABLE owners ADD UNIQUE (email)"),
				S("ALTER TABLE owners DROP CONSTRAINT owners_email_key1"),
				S("ALTER TABLE owners ADD CONSTRAINT owners_mail UNIQUE (email) NOT DEFERRABLE INITIALLY IMMEDIATE"),
				S(shown),
				S("BEGIN"),
				S("ALTER TABLE owners ADD CONSTRAINT \"in the-block\" UNIQUE (email)"),
				S("ALTER TABLE owners RENAME CONSTRAINT \"in the-block\" TO block"),
				S("ALTER TABLE owners DROP CONSTRAINT block"),
				S("COMMIT"),
				S("ALTER TABLE owners ADD CONSTRAINT owners_mail CHECK (id > 0)").Fails("42710"),
				S("ALTER TABLE owners ADD CONSTRAINT twice UNIQUE (email, name, email)").Fails("42701"),
				S("ALTER TABLE owners ADD CONSTRAINT positive CHECK (added > 0), ADD COLUMN added int, ALTER name SET STORAGE EXTERNAL"),
				S("ALTER TABLE owners RENAME CONSTRAINT positive TO owners_mail").Fails("42710"),
				S("ALTER TABLE owners RENAME CONSTRAINT owners_mail TO positive").Fails("42710"),
				S("ALTER TABLE owners ADD CONSTRAINT positive UNIQUE (email)").Fails("42710"),
				S("ALTER TABLE owners ADD CONSTRAINT positive UNIQUE (email, missing)").Fails("42703"),
				S("ALTER TABLE owners DROP CONSTRAINT positive"),
				S("BEGIN"),
				S("ALTER TABLE owners ADD CONSTRAINT positive CHECK (added > 0)"),
				S("ALTER TABLE owners ADD CONSTRAINT positive UNIQUE (email)").Fails("42710"),
				S("ROLLBACK"),
				S("ALTER TABLE owners DROP COLUMN added"),
				S("DROP INDEX owners_mail").Fails("2BP01"),
				S("COMMENT ON CONSTRAINT owners_pkey ON owners IS 'key'"),
				S("COMMENT ON CONSTRAINT owners_mail ON public.owners IS 'mail'").Refused(""),
				S("DROP INDEX IF EXISTS public.owners_mail CASCADE").Fails("2BP01"),
				S("INSERT INTO owners (id, email) VALUES (4, '" + w + "')").Fails("23505"),
				S("INSERT INTO owners (id, email) VALUES (4, '" + w + "') ON CONFLICT (email) DO NOTHING"),
				S("INSERT INTO owners (id, email) VALUES ($1, $2) ON CONFLICT ON CONSTRAINT owners_mail DO UPDATE SET name = 'changed' RETURNING id, email, name", "4", w),
				S("INSERT INTO owners (id, email) VALUES (5, NULL), (6, NULL)"),
				S("ALTER TABLE owners DROP CONSTRAINT owners_mail"),
				S("ALTER TABLE owners DROP CONSTRAINT IF EXISTS owners_old_key CASCADE"),
				S("ALTER TABLE owners DROP CONSTRAINT IF EXISTS owners_old_key"),
				S("ALTER TABLE owners DROP CONSTRAINT owners_mail").Fails("42704"),
				S(shown),
				S("CREATE UNIQUE INDEX owners_quick ON owners (email, id)"),
				S("ALTER TABLE owners ADD CONSTRAINT quick UNIQUE USING INDEX owners_quick").Refused(""),
				S("ALTER TABLE owners ADD UNIQUE USING INDEX missing").Fails("42704"),
				S("INSERT INTO owners (id, email) VALUES (9, '" + w + "') ON CONFLICT ON CONSTRAINT owners_quick DO NOTHING").Fails("42704"),
				S("DROP INDEX owners_quick"),
				S("INSERT INTO owners (id, email, old) VALUES (7, '" + w + "', 'x'), (8, '" + w + "', 'x')"),
				S("ALTER TABLE owners ADD CONSTRAINT c UNIQUE (email) DEFERRABLE").Refused("public.owners.email"),
			} {
				if !c.Step(step) {
					t.FailNow()
				}
			}
		})
	}
	// Unsealed, it is a constraint again.
	pair := harness.New(t, schema)
	conn := pair.Connect(t, pair.URL())
	if _, err := conn.Exec(t.Context(), "ALTER TABLE owners ADD CONSTRAINT both_of UNIQUE (email, city)"); err != nil {
		t.Fatal(err)
	}
	pair.Pgseal("unseal", "public.owners.email")
	pair.Pgseal("unseal", "public.owners.city")
	var definition string
	direct := pair.Connect(t, pair.ServerURL())
	if err := direct.QueryRow(t.Context(), "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'both_of'").Scan(&definition); err != nil || !strings.Contains(definition, "UNIQUE (email, city)") {
		t.Errorf("unsealed: %q, %v", definition, err)
	}
}

// A UNIQUE constraint without a name gets the one that PostgreSQL would choose, cut to
// what names can be.
func TestNamesOfUniqueConstraints(t *testing.T) {
	const table, first, second = "table_the_name_of_which_is_nearly_as_long_as_names_can_be_é", "column_with_quite_a_long_ééééé_name_of_its_own", "another_one_of_them"
	pair := harness.New(t, harness.Schema{
		DDL:  "CREATE TABLE " + table + " (id int PRIMARY KEY, " + first + " text, " + second + " text)",
		Seal: []string{"public." + table + "." + first + " --equality", "public." + table + "." + second + " --equality"},
	})
	c := pair.Compare(t, harness.Simple)
	add := func(columns string) harness.Step { return S("ALTER TABLE " + table + " ADD UNIQUE (" + columns + ")") }
	for _, step := range []harness.Step{
		add(first), add(first), add(second), add(second), add(second + ", " + first), add(first + ", " + second + ", id"), add("id, " + second), add(first),
		S("SELECT conname::text, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = '" + table + "'::regclass ORDER BY conname COLLATE \"C\""),
	} {
		if !c.Step(step) {
			t.FailNow()
		}
	}
}
