package integration

import (
	"testing"

	"pgseal/integration/harness"
)

// UNIQUE constraints over sealed columns are added and dropped beside other commands of one
// ALTER TABLE, all of it or nothing.
func TestUniqueConstraintsBesideOtherCommands(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL:  `CREATE TABLE owners (id int PRIMARY KEY, email varchar(40), city text DEFAULT 'here', name text, old text UNIQUE)`,
		Seal: []string{"public.owners.email --equality", "public.owners.city --equality", "public.owners.old --equality"},
	})
	w := pair.Env.Canaries.Word()
	const shown = `SELECT conname::text, pg_get_constraintdef(c.oid), indoption::text FROM pg_constraint c JOIN pg_index i ON i.indexrelid = conindid
		WHERE conrelid = 'owners'::regclass ORDER BY conname`
	const columns = `SELECT attname::text, attnotnull::text, pg_get_expr(adbin, adrelid) FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
		WHERE attrelid = 'owners'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum`
	c := pair.Compare(t, harness.Simple)
	for _, step := range []harness.Step{
		S("INSERT INTO owners (id, email, name, old) VALUES (1, '" + w + "', 'a', 'x'), (2, 'b', 'a', 'y')"),
		S("ALTER TABLE owners ADD UNIQUE (email), ADD COLUMN x varchar NOT NULL DEFAULT 'a, b', ALTER city SET DEFAULT 'there', ALTER COLUMN name DROP NOT NULL"),
		S(shown), S(columns),
		// All of it or nothing: the new column with the constraint that does not hold.
		S("ALTER TABLE owners ADD COLUMN y int, ADD CONSTRAINT twice UNIQUE (name, city), DROP COLUMN x").Fails("23505"),
		S("ALTER TABLE owners DROP CONSTRAINT owners_old_key, ADD COLUMN y int, DROP COLUMN nothing").Fails("42703"),
		S(shown), S(columns),
		S("ALTER TABLE owners DROP CONSTRAINT owners_old_key, ADD CONSTRAINT owners_old_key UNIQUE (old, email)"),
		S("ALTER TABLE public.owners DROP CONSTRAINT IF EXISTS owners_old_key CASCADE, ADD COLUMN y int, ADD CONSTRAINT \"With y\" UNIQUE (y, email) INCLUDE (id), DROP COLUMN x; SELECT id, email FROM owners ORDER BY id"),
		S(shown), S(columns),
		S("BEGIN"),
		S("ALTER TABLE owners ADD COLUMN z int, ADD CONSTRAINT inside UNIQUE (old)"),
		S("SAVEPOINT s"),
		S("ALTER TABLE owners DROP COLUMN z, ADD CONSTRAINT inside UNIQUE (city)").Fails("42P07"),
		S("ROLLBACK TO s"),
		S("ALTER TABLE owners DROP CONSTRAINT inside, DROP COLUMN z"),
		S("COMMIT"),
		S(shown), S(columns),
		S("ALTER TABLE owners ADD CONSTRAINT checked CHECK (y > 0)"),
		S("ALTER TABLE owners ADD COLUMN z int, ADD CONSTRAINT checked UNIQUE (email, city)").Fails("42710"),
		S("ALTER TABLE owners DROP CONSTRAINT checked, ADD CONSTRAINT checked UNIQUE (email, city)"),
		S(shown), S(columns),
		S("ALTER TABLE owners DROP CONSTRAINT checked"),
		S("INSERT INTO owners (id, email, y) VALUES (3, '" + w + "', 1)").Fails("23505"),
		S("INSERT INTO owners (id, email, y) VALUES (3, '" + w + "', 1) ON CONFLICT (email) DO UPDATE SET name = 'changed' RETURNING *"),
		S("ALTER TABLE owners ADD CONSTRAINT c UNIQUE (city), ADD CHECK (id > 0)").Refused("public.owners.city"),
		S("ALTER TABLE owners ADD CONSTRAINT c UNIQUE (old), OWNER TO CURRENT_USER").Refused("public.owners.old"),
		S("ALTER TABLE owners ADD CONSTRAINT c UNIQUE (city), DROP COLUMN city").Refused("public.owners.city"),
	} {
		if !c.Step(step) {
			t.FailNow()
		}
	}
	// A statement that is prepared is one statement.
	pair.Compare(t, harness.PreparedText).Step(S("ALTER TABLE owners ADD CONSTRAINT c UNIQUE (city), ADD COLUMN more int").Refused("public.owners.city"))
}
