package integration

import (
	"path/filepath"
	"strings"
	"testing"

	"pgseal/integration/harness"
)

// insideModes are those in which the texts of a migration are sent.
var insideModes = []harness.Mode{harness.Simple, harness.Unnamed, harness.PreparedText}

// What DDL of the same transaction has made of a table with sealed columns is what the
// statements behind it use: made anew in clear, renamed, copied, without columns.
func TestTablesChangedInTheSameTransaction(t *testing.T) {
	pair := harness.New(t, people)
	for _, mode := range insideModes {
		t.Run(string(mode), func(t *testing.T) {
			pair.Empty()
			c := pair.Compare(t, mode)
			w := pair.Env.Canaries.Word()
			for _, step := range filled(pair.Env.Canaries) {
				c.Step(step)
			}
			do := func(steps ...harness.Step) {
				t.Helper()
				c.Step(S("BEGIN"))
				for _, step := range steps {
					if !c.Step(step) {
						break
					}
				}
				c.Rollback()
			}
			const all = "SELECT * FROM people ORDER BY id"
			// Dropped and made again, in clear: nothing of it is sealed.
			do(
				S("DROP TABLE people CASCADE"),
				S("CREATE TABLE people (id int PRIMARY KEY, ssn text, note text DEFAULT 'n')"),
				S("CREATE INDEX ON people (ssn)"),
				S("INSERT INTO people (id, ssn) VALUES (1, $1), (2, 'b')", "a"),
				S("INSERT INTO people VALUES (3, $1, $2)", "c", "m"),
				S("UPDATE people SET ssn = upper(ssn) WHERE ssn LIKE $1", "a%"),
				S(all),
				S("SELECT ssn || note FROM people WHERE ssn > $1 ORDER BY ssn", "A"),
				S("CREATE UNIQUE INDEX ON people (ssn)"),
				S("INSERT INTO people VALUES (4, 'c', NULL) ON CONFLICT (ssn) DO UPDATE SET note = EXCLUDED.note || people.id"),
				S(all))
			// SQLite's way, which Alembic's and Django's batches go.
			do(
				S("CREATE TABLE new_people (id int PRIMARY KEY, ssn varchar(11), name text)"),
				S("DROP TABLE new_people"),
				S("CREATE TABLE new_people AS SELECT id, ssn, email, name FROM people"),
				S("SELECT * FROM new_people ORDER BY id"),
				S("DROP TABLE people CASCADE"),
				S("ALTER TABLE new_people RENAME TO people"),
				S(all),
				S("INSERT INTO people VALUES (7, $1, $2, 'x')", w+"7", w+"@7"),
				S("UPDATE people SET email = $1 WHERE ssn = $2 RETURNING *", w+"@8", w+"7"),
				S("SELECT id, email FROM people WHERE ssn = $1", w+"7"),
				S(all))
			// Renamed, and another one made of the name.
			do(
				S("ALTER TABLE people RENAME TO old"),
				S("INSERT INTO old (id, name, ssn) VALUES (5, 'x', $1)", w+"5"),
				S("SELECT id, ssn FROM old WHERE ssn = $1", w+"5"),
				S("CREATE TABLE people (id int, ssn text)"),
				S("INSERT INTO people VALUES (1, $1)", "clear"),
				S("INSERT INTO people SELECT id, name FROM old WHERE ssn = $1", w+"5"),
				S("SELECT ssn, length(ssn) FROM people ORDER BY id"),
				S("SELECT p.ssn, o.ssn, o.note FROM people p JOIN old o USING (id) ORDER BY id"),
				S("INSERT INTO people SELECT id, ssn FROM old").Refused("sealed"))
			// Columns dropped, renamed, added.
			do(
				S("ALTER TABLE people DROP COLUMN name, DROP COLUMN email"),
				S(all),
				S("INSERT INTO people VALUES (8, $1, $2, $3, 4)", w+"8", w+"city", w+"note"),
				S("ALTER TABLE people RENAME COLUMN ssn TO number"),
				S("SELECT * FROM people WHERE number = $1", w+"8"),
				S("ALTER TABLE people ADD COLUMN ssn text DEFAULT 'plain'"),
				S("UPDATE people SET ssn = ssn || $1 WHERE number = $2", "!", w+"8"),
				S(all),
				S("ALTER TABLE people DROP COLUMN number"),
				S(all),
				S("UPDATE people SET ssn = $1", "s"),
				S("SELECT ssn FROM people WHERE ssn LIKE 's%'"))
			// Copies, views, partitions of what is sealed.
			do(
				S("CREATE TABLE copied AS SELECT id, ssn FROM people"),
				S("INSERT INTO copied VALUES (9, $1)", w+"9"),
				S("SELECT * FROM copied ORDER BY id"),
				S("CREATE TABLE liked (LIKE people INCLUDING ALL)"),
				S("INSERT INTO liked (name, ssn, note) VALUES ('x', $1, $2) RETURNING ssn, note, city", w+"l", w+"ln"),
				S("INSERT INTO liked (id, name, ssn) VALUES (4, 'x', $1) ON CONFLICT (ssn) DO NOTHING", w+"l"),
				S("SELECT ssn, note, city FROM liked"),
				S("CREATE VIEW seen AS SELECT id, ssn AS number FROM people WHERE id < 3"),
				S("SELECT * FROM seen ORDER BY id"),
				S("UPDATE seen SET number = $1 WHERE id = 2", w+"v"),
				S("SELECT id FROM seen WHERE number = $1", w+"v"),
				S("CREATE VIEW over AS SELECT * FROM seen"),
				S("SELECT number FROM over ORDER BY id"),
				S("CREATE TABLE child () INHERITS (people)"),
				S("INSERT INTO child (id, name, ssn) VALUES (20, 'x', $1)", w[:9]+"c"),
				S("SELECT id, ssn FROM people ORDER BY id"),
				S("CREATE TEMP TABLE orders AS SELECT id, ssn AS card FROM people"),
				S("SELECT card FROM orders ORDER BY id"),
				S("DROP TABLE orders"),
				S("SELECT * FROM orders ORDER BY id"))
			c.Step(S(all))
		})
	}
}

// What a savepoint takes back is as before.
func TestCatalogsAndSavepoints(t *testing.T) {
	pair := harness.New(t, people)
	for _, mode := range insideModes {
		t.Run(string(mode), func(t *testing.T) {
			pair.Empty()
			c := pair.Compare(t, mode)
			w := pair.Env.Canaries.Word()
			for _, step := range filled(pair.Env.Canaries) {
				c.Step(step)
			}
			for _, step := range []harness.Step{
				S("BEGIN"),
				S("SET LOCAL search_path = public, other"),
				S("SAVEPOINT a"),
				S("ALTER TABLE people RENAME TO gone"),
				S("INSERT INTO gone (id, name, ssn) VALUES (5, 'x', $1)", w+"5"),
				S("SAVEPOINT b"),
				S("CREATE TABLE people (id int, ssn text)"),
				S("INSERT INTO people VALUES (1, $1)", "clear"),
				S("SELECT nothing FROM people").Fails("42703"),
				S("SELECT ssn FROM people").Fails("25P02"),
				S("ROLLBACK TO b"),
				S("SELECT ssn FROM gone ORDER BY id"),
				S("SELECT ssn FROM people WHERE ssn LIKE 'x'"), // that of the other schema
				S("ROLLBACK TO a"),
				S("INSERT INTO people (id, name, ssn) VALUES (6, 'x', $1)", w+"6"),
				S("SELECT id, ssn FROM people ORDER BY id"),
				S("SHOW search_path"),
				S("SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND relation = ANY ('{pg_attribute, pg_type, pg_proc, pg_depend}'::regclass[])"),
				S("ALTER TABLE people RENAME COLUMN ssn TO number"),
				S("SAVEPOINT c"),
				S("ALTER TABLE people RENAME COLUMN note TO ssn"),
				S("UPDATE people SET ssn = $1 WHERE number = $2", w+"n", w+"6"),
				S("RELEASE c"),
				S("SELECT ssn, number FROM people ORDER BY id"),
				S("COMMIT"),
				S("SHOW search_path"),
				S("SELECT * FROM people ORDER BY id"),
				S("ALTER TABLE people RENAME COLUMN ssn TO note"),
				S("ALTER TABLE people RENAME COLUMN number TO ssn"),
				S("SELECT * FROM people ORDER BY id"),
			} {
				c.Step(step)
			}
			if mode != harness.Simple {
				return
			}
			// Texts that begin with the end of a transaction that has failed.
			for _, step := range []harness.Step{
				S("BEGIN"),
				S("ALTER TABLE people RENAME COLUMN ssn TO number"),
				S("SELECT 1/0").Fails("22012"),
				S("SELECT id, ssn FROM people").Fails("25P02"),
				S("ROLLBACK; SELECT id, ssn FROM people ORDER BY id"),
				S("BEGIN"),
				S("SAVEPOINT a"),
				S("ALTER TABLE people RENAME COLUMN ssn TO number"),
				S("SAVEPOINT b"),
				S("ALTER TABLE people RENAME COLUMN number TO other"),
				S("SELECT 1/0").Fails("22012"),
				S("ROLLBACK TO b; UPDATE people SET number = '" + w + "7' WHERE number = '" + w + "6'"),
				S("SELECT 1/0").Fails("22012"),
				S("SELECT 1; ROLLBACK; SELECT 2").Fails("25P02"),
				S("COMMIT; INSERT INTO people (id, name, ssn) VALUES (8, 'x', '" + w + "8'); SELECT id, ssn FROM people ORDER BY id"),
				S("SELECT 1"),
			} {
				c.Step(step)
			}
		})
	}
}

// Domains of the client's own over what seals do, too, and what is prepared before
// is planned again.
func TestTypesAndStatementsOfTheSameTransaction(t *testing.T) {
	pair := harness.New(t, people)
	pair.Empty()
	c := pair.Compare(t, harness.Simple)
	w := pair.Env.Canaries.Word()
	for _, step := range filled(pair.Env.Canaries) {
		c.Step(step)
	}
	domain := "public_people_ssn"
	for _, step := range []harness.Step{
		S("BEGIN"),
		S("CREATE DOMAIN mine AS pgseal_column." + domain),
		S("CREATE TABLE made (id int, number mine)"),
		S("INSERT INTO made VALUES (1, '" + w + "m')"),
		S("INSERT INTO made (number, id) VALUES ('" + w + "m', 2)"),
		S("ALTER TABLE plain ADD COLUMN number mine"),
		S("UPDATE plain SET number = '" + w + "p' WHERE id = 1"),
	} {
		c.SealedOnly(step, "00000")
	}
	c.SealedOnly(S("ROLLBACK"), "00000")
	for _, step := range []harness.Step{
		S("PREPARE ins AS INSERT INTO people (id, name, ssn) VALUES ($1, 'x', $2)"),
		S("PREPARE sel AS SELECT ssn FROM people ORDER BY id"),
		S("EXECUTE ins(10, '" + w + "')"),
		S("BEGIN"),
		S("ALTER TABLE people RENAME TO old"),
		S("SAVEPOINT a"),
		S("EXECUTE ins(11, '" + w + "11')").Fails("42P01"),
		S("ROLLBACK TO a"),
		S("CREATE TABLE people (id int, name text, ssn varchar(11))"),
		S("SELECT id, ssn FROM old ORDER BY id"),
		S("ROLLBACK"),
		S("EXECUTE sel"),
		S("DEALLOCATE ALL"),
	} {
		c.Step(step)
	}
}

// pg_dump -c and pg_restore -c drop what is sealed and make it anew, in clear, in one
// transaction.
func TestDumpsRestoredOverWhatIsSealed(t *testing.T) {
	dump, psql, restore := programFor(t, "pg_dump"), program(t, "psql"), programFor(t, "pg_restore")
	pair := harness.New(t, shop)
	fill := `INSERT INTO customers (email, ssn, "FullName", pin, balance) VALUES ('a@b', '1', 'Ann', '12', '1.50'), ('c@d', NULL, NULL, NULL, NULL);
		INSERT INTO app.orders (customer, card) VALUES (1, 'card'), (2, DEFAULT)`
	for _, url := range []string{pair.TwinURL(), pair.URL()} {
		client(t, psql, "-Xq", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", fill)
	}
	dir := t.TempDir()
	script, archive := filepath.Join(dir, "dump.sql"), filepath.Join(dir, "dump.custom")
	// PostgreSQL cannot drop what -c drops of partitions, sealed or not.
	client(t, dump, "-d", pair.URL(), "-T", "visits*", "-c", "-f", script)
	client(t, dump, "-d", pair.URL(), "-T", "visits*", "-Fc", "-f", archive)
	same := func(what string) {
		t.Helper()
		show := func(url string) string {
			rows := client(t, psql, "-XAt", "-d", url, "-c", "TABLE customers ORDER BY id", "-c", "TABLE app.orders ORDER BY id", "-c", "TABLE named ORDER BY id")
			return rows + restricted.ReplaceAllString(client(t, dump, "-d", url, "-s"), "")
		}
		if want, got := show(pair.TwinURL()), show(pair.URL()); got != want {
			t.Errorf("%s:\n%s", what, difference(got, want))
		}
	}
	client(t, psql, "-Xq1", "-v", "ON_ERROR_STOP=1", "-d", pair.TwinURL(), "-f", script) // it works in clear
	client(t, psql, "-Xq1", "-v", "ON_ERROR_STOP=1", "-d", pair.URL(), "-f", script)
	same("after psql -1")
	for _, column := range shop.Seal {
		if strings.HasPrefix(column, "public.visits") {
			continue
		}
		pair.Pgseal(append([]string{"seal"}, strings.Fields(column)...)...)
	}
	client(t, restore, "-c", "-1", "-d", pair.URL(), archive)
	same("after pg_restore -1")
}

// Functions, procedures and DO blocks do DDL, too.
func TestDDLInsideFunctions(t *testing.T) {
	pair := harness.New(t, people)
	pair.Both(`CREATE FUNCTION renames() RETURNS int LANGUAGE plpgsql AS $$ BEGIN ALTER TABLE people RENAME TO old; RETURN 1; END $$;
		CREATE FUNCTION calls() RETURNS int LANGUAGE sql AS $$ SELECT renames() $$;
		CREATE PROCEDURE copies() LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'CREATE TABLE old (LIKE people INCLUDING ALL)'; END $$; NOTIFY pgseal`)
	for _, mode := range insideModes {
		t.Run(string(mode), func(t *testing.T) {
			pair.Empty()
			c := pair.Compare(t, mode)
			w := pair.Env.Canaries.Word()
			for _, step := range filled(pair.Env.Canaries) {
				c.Step(step)
			}
			// In a failed transaction the server answers nothing but its end.
			for _, step := range []harness.Step{
				S("BEGIN"), S("ALTER TABLE people ADD COLUMN more int"), S("SAVEPOINT s"), S("INSERT INTO people (id, name, ssn) VALUES (5, 'x', '1')"), S("ROLLBACK TO s"),
				S("INSERT INTO people (id, name, ssn) VALUES (5, 'x', 'longer than eleven')").Fails("22001"), S("ROLLBACK"),
			} {
				c.Step(step)
			}
			for _, does := range []string{
				"SELECT renames()", "SELECT calls()", "CALL copies()",
				"DO $$ BEGIN ALTER TABLE people RENAME TO old; END $$", "DO 'BEGIN EXECUTE ''ALTER TABLE ''||''peo''||''ple RENAME TO old''; END'",
			} {
				for _, step := range []harness.Step{
					S("BEGIN"), S(does),
					S("INSERT INTO old (id, name, ssn) VALUES (5, 'x', $1)", w+"5"),
					S("SELECT ssn FROM old WHERE ssn = $1", w+"5"),
				} {
					if !c.Step(step) {
						break
					}
				}
				c.Rollback()
			}
			c.Step(S("DO $$ BEGIN ALTER TABLE people RENAME TO old; END $$"))
			c.Step(S("INSERT INTO old (id, name, ssn) VALUES (5, 'x', $1)", w+"5"))
			c.Step(S("ALTER TABLE old RENAME TO people"))
			c.Step(S("SELECT calls()"))
			c.Step(S("INSERT INTO old (id, name, ssn) VALUES (6, 'x', $1)", w+"6"))
			c.Step(S("ALTER TABLE old RENAME TO people"))
			c.Step(S("SELECT * FROM people ORDER BY id"))
		})
	}
}
