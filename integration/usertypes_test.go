package integration

import (
	"strings"
	"testing"

	"pgseal/integration/harness"
)

// userTypes has a column of each kind of type that is not built in.
func userTypes() harness.Schema {
	return harness.Schema{
		DDL: `CREATE TYPE mood AS ENUM ('sad', 'ok', 'Über happy');
			CREATE DOMAIN code AS varchar(5);
			CREATE DOMAIN needed AS int4 NOT NULL;
			CREATE DOMAIN inner_code AS code;
			CREATE DOMAIN feeling AS mood;
			CREATE DOMAIN scores AS int4[];
			CREATE DOMAIN zip AS text CHECK (VALUE ~ '^[0-9]{5}$');
			CREATE DOMAIN percent AS int4 CONSTRAINT low CHECK (VALUE >= 0) CONSTRAINT high CHECK (VALUE <= 100);
			CREATE DOMAIN present AS text CONSTRAINT there CHECK (VALUE IS NOT NULL);
			CREATE TABLE checked (id int PRIMARY KEY, z zip, p percent, zs zip[]);
			CREATE TABLE there (id int PRIMARY KEY, p present);
			CREATE TABLE typed (id int PRIMARY KEY, m mood, ms mood[], c code, i inner_code, f feeling, s scores, cs code[]);
			CREATE TABLE strict (id int PRIMARY KEY, n needed)`,
		Seal: []string{"public.typed.m --equality", "public.typed.ms --equality", "public.typed.c --equality", "public.typed.i",
			"public.typed.f", "public.typed.s --equality", "public.typed.cs --equality", "public.strict.n --equality",
			"public.checked.z --equality", "public.checked.p --equality", "public.checked.zs", "public.there.p"},
	}
}

func TestEnumsAreThoseOfTheDatabase(t *testing.T) {
	pair := harness.New(t, userTypes())
	pair.Same(t,
		S("INSERT INTO typed (id, m) VALUES ($1, $2)", "1", "sad"),
		S("INSERT INTO typed (id, m) VALUES ($1, $2)", "2", "Über happy"),
		S("INSERT INTO typed (id, m) VALUES ($1, $2)", "3", "SAD").Fails("22P02"),
		S("INSERT INTO typed (id, m) VALUES ($1, $2)", "3", "").Fails("22P02"),
		S("INSERT INTO typed (id, m) VALUES ($1, $2)", "3", strings.Repeat("x", 70)).Fails("22P02"),
		S("INSERT INTO typed (id, m) VALUES ($1, $2)", "3", nil),
		S("INSERT INTO typed (id, m) VALUES ($1, $2::mood)", "4", "ok"),
		S("INSERT INTO typed (id, m) VALUES ($1, $2::public.mood)", "5", "ok"),
		S("INSERT INTO typed (id, m) VALUES (6, 'ok'::mood), (7, 'sad')"),
		S("INSERT INTO typed (id, m) VALUES ($1, $2::text)", "8", "ok").Fails("42804"),
		S("INSERT INTO typed (id, ms) VALUES ($1, $2)", "10", `{sad,NULL,"Über happy"}`),
		S("INSERT INTO typed (id, ms) VALUES ($1, $2::mood[])", "11", `{}`),
		S("INSERT INTO typed (id, ms) VALUES (12, ARRAY['ok', 'sad']::mood[])"),
		S("INSERT INTO typed (id, ms) VALUES ($1, $2)", "13", `{sad,x}`).Fails("22P02"),
		S("INSERT INTO typed (id, f) VALUES ($1, $2)", "14", "ok"),
		S("SELECT * FROM typed ORDER BY id"),
		S("SELECT id FROM typed WHERE m = $1 ORDER BY id", "ok"),
		S("SELECT id FROM typed WHERE m = $1::mood ORDER BY id", "ok"),
		S("SELECT id FROM typed WHERE m <> 'ok' ORDER BY id"),
		S("SELECT id FROM typed WHERE m IN ($1, $2) ORDER BY id", "ok", "sad"),
		S("SELECT id FROM typed WHERE m = ANY ($1::mood[]) ORDER BY id", "{ok,sad}"),
		S("SELECT id FROM typed WHERE m = $1 ORDER BY id", "x").Fails("22P02"),
		S("SELECT id FROM typed WHERE ms = $1 ORDER BY id", `{ok,sad}`),
		S("SELECT id FROM typed WHERE f = $1 ORDER BY id", `ok`),
		S("UPDATE typed SET m = $1 WHERE id = 1 RETURNING m", "ok"),
	)
}

func TestDomainsKeepTheirRules(t *testing.T) {
	pair := harness.New(t, userTypes())
	pair.Same(t,
		S("INSERT INTO typed (id, c) VALUES ($1, $2)", "1", "abcde"),
		S("INSERT INTO typed (id, c) VALUES ($1, $2)", "2", "abcdef"), // cut, where the harness casts it
		S("INSERT INTO typed (id, c) VALUES ($1, $2)", "12", "abcde   "),
		S("INSERT INTO typed (id, c) VALUES ($1, $2::code)", "3", "xyz"),
		S("INSERT INTO typed (id, c) VALUES ($1, $2::text)", "4", "text"),
		S("INSERT INTO typed (id, c) VALUES ($1, $2::varchar)", "5", "longer than it").Fails("22001"),
		S("INSERT INTO typed (id, i) VALUES ($1, $2)", "6", "abcdef"),
		S("INSERT INTO typed (id, i) VALUES ($1, $2)", "16", "ab"),
		S("INSERT INTO typed (id, s) VALUES ($1, $2)", "7", "{1,2,NULL}"),
		S("INSERT INTO typed (id, s) VALUES ($1, ARRAY[1, 2])", "8"),
		S("INSERT INTO typed (id, cs) VALUES ($1, $2)", "9", "{ab,abcde}"),
		S("INSERT INTO typed (id, cs) VALUES ($1, $2)", "10", "{abcdef}"),
		S("INSERT INTO typed (id, cs) VALUES ($1, ARRAY['ab'::text])", "11").Refused("text[]"),
		S("SELECT * FROM typed ORDER BY id"),
		S("SELECT id FROM typed WHERE c = $1", "xyz"),
		S("SELECT id FROM typed WHERE c = $1::text", "xyz"),
		S("SELECT id FROM typed WHERE s = $1", "{1,2}"),
		S("SELECT id FROM typed WHERE cs = $1", "{ab,abcde}"),
		S("INSERT INTO strict VALUES ($1, $2)", "1", "7"),
		S("INSERT INTO strict VALUES ($1, $2)", "2", nil).Fails("23502"),
		S("INSERT INTO strict VALUES (3, NULL)").Fails("23502"),
		S("INSERT INTO strict (id) VALUES (4)").Fails("23502"),
		S("UPDATE strict SET n = NULL").Fails("23502"),
		S("SELECT s.n, t.id FROM typed t LEFT JOIN strict s ON s.id = t.id ORDER BY t.id"),
		S("SELECT id FROM strict WHERE n = $1", "7"),
	)
}

// A column has the default of its domain where it has none itself. The server has that for
// columns of the domain, and not for a sealed one.
func TestDefaultsOfDomainsAreNotLost(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL: `CREATE DOMAIN grade AS int DEFAULT 3; CREATE DOMAIN plain AS text;
			CREATE TABLE pupils (id int PRIMARY KEY, own grade DEFAULT 5, none grade DEFAULT NULL, lacks grade, later plain, note text)`,
		Seal: []string{"public.pupils.own", "public.pupils.none", "public.pupils.later --equality"},
	})
	if r := pair.Try("seal", "public.pupils.lacks"); r.Status != 1 || !strings.Contains(r.Stderr, "its domain public.grade has a default") {
		t.Errorf("sealing a column that has its domain's default: status %d, %s", r.Status, r.Stderr)
	}
	c := pair.Compare(t, harness.Simple)
	c.Step(S("INSERT INTO pupils (id) VALUES (1) RETURNING *"))
	c.Step(S("INSERT INTO pupils (id, own, none, later) VALUES (2, DEFAULT, DEFAULT, DEFAULT) RETURNING *"))
	pair.Both("ALTER DOMAIN plain SET DEFAULT 'later'")
	for { // until the proxy has read that
		if refused, same := c.Generated(S("INSERT INTO pupils (id) VALUES (3)")); !same {
			t.FailNow()
		} else if refused {
			break
		}
		c.Step(S("DELETE FROM pupils WHERE id = 3"))
	}
	for _, step := range []harness.Step{
		S("INSERT INTO pupils DEFAULT VALUES").Refused("from its domain plain"),
		S("INSERT INTO pupils (id, later) VALUES (3, DEFAULT)").Refused("from its domain plain"),
		S("INSERT INTO pupils (id) SELECT 3").Refused("from its domain plain"),
		S("UPDATE pupils SET later = DEFAULT").Refused("from its domain plain"),
		S("INSERT INTO pupils (id, later) VALUES (3, 'x'), (4, NULL) RETURNING *"),
		S("UPDATE pupils SET own = DEFAULT, note = 'x' WHERE id = 4"),
		S("ALTER TABLE pupils ALTER later SET DEFAULT 'own'"),
		S("INSERT INTO pupils (id) VALUES (5), (6) RETURNING *"),
		S("ALTER TABLE pupils ALTER own DROP DEFAULT"),
		S("INSERT INTO pupils (id) VALUES (7)").Refused("from its domain grade"),
		S("ALTER TABLE pupils ALTER own SET DEFAULT 5"),
		S("ALTER TABLE pupils ALTER later DROP DEFAULT"),
		S("SELECT * FROM pupils ORDER BY id"),
	} {
		c.Step(step)
	}
}

func TestDomainsKeepTheirChecks(t *testing.T) {
	pair := harness.New(t, userTypes())
	// The harness reads binary values as the domain on the plain side.
	pair.SameIn(t, []harness.Mode{harness.Simple, harness.Unnamed, harness.PreparedText, harness.SQLPrepare},
		S("INSERT INTO checked (id, z, p) VALUES ($1, $2, $3)", "1", "12345", "0"),
		S("INSERT INTO checked (id, z) VALUES ($1, $2)", "2", "1234").Fails("23514"),
		S("INSERT INTO checked (id, z) VALUES ($1, $2::zip)", "3", "54321"),
		S("INSERT INTO checked (id, z) VALUES ($1, $2::zip)", "4", "x").Fails("23514"),
		S("INSERT INTO checked (id, z) VALUES ($1, $2::text)", "4", "x").Fails("23514"),
		S("INSERT INTO checked (id, p) VALUES ($1, $2)", "5", "101").Fails("23514"),
		S("INSERT INTO checked (id, p) VALUES ($1, $2)", "5", "-1").Fails("23514"),
		S("INSERT INTO checked (id, p) VALUES (5, 101)").Fails("23514"),
		S("INSERT INTO checked (id, p) VALUES ($1, $2)", "6", nil),
		S("INSERT INTO checked (id, zs) VALUES ($1, $2)", "7", "{12345,NULL}"),
		S("INSERT INTO checked (id, zs) VALUES ($1, $2)", "8", "{12345,1}").Fails("23514"),
		S("UPDATE checked SET p = $1 WHERE id = 1", "100"),
		S("UPDATE checked SET p = $1 WHERE id = 1", "1000").Fails("23514"),
		S("SELECT * FROM checked ORDER BY id"),
		S("SELECT id FROM checked WHERE z = $1", "12345"),
		S("SELECT id FROM checked WHERE z = $1", "no zip"),
		S("SELECT id FROM checked WHERE p = $1", "100"),
		S("INSERT INTO there VALUES ($1, $2)", "1", "x"),
		S("INSERT INTO there VALUES ($1, $2)", "2", nil).Fails("23514"),
		S("SELECT * FROM there"),
	)
}

// What has been done to a type since is known, or refused.
func TestTypesThatChangeAreFollowed(t *testing.T) {
	pair := harness.New(t, userTypes())
	for _, mode := range []harness.Mode{harness.Simple, harness.PreparedText} {
		t.Run(string(mode), func(t *testing.T) {
			pair.Empty()
			c := pair.Compare(t, mode)
			c.Step(S("INSERT INTO typed (id, m) VALUES ($1, $2)", "1", "ok"))
			label := "added " + string(mode)
			pair.Both("ALTER TYPE mood ADD VALUE '" + label + "'")
			c.Step(S("INSERT INTO typed (id, m) VALUES ($1, $2)", "2", label))
			c.Step(S("SELECT id, m FROM typed WHERE m = $1", label))
			c.Step(S("ALTER TYPE mood ADD VALUE 'here " + string(mode) + "'"))
			c.Step(S("INSERT INTO typed (id, m) VALUES ($1, $2)", "3", "here "+string(mode)))
			c.Step(S("SELECT id, m FROM typed ORDER BY id"))
			c.Step(S("ALTER TYPE mood RENAME VALUE 'ok' TO 'fine'").Refused("RENAME VALUE"))
			c.Step(S("ALTER DOMAIN zip DROP CONSTRAINT zip_check").Refused("ALTER DOMAIN"))
			c.SealedOnly(S("DROP TYPE mood"), "2BP01")
		})
	}
	// On a direct connection nobody refuses it. A stored value keeps its label.
	c := pair.Compare(t, harness.Simple)
	swap := func(a, b string) {
		pair.Server("ALTER TYPE mood RENAME VALUE '" + a + "' TO 'between'; ALTER TYPE mood RENAME VALUE '" + b + "' TO '" + a + "'; ALTER TYPE mood RENAME VALUE 'between' TO '" + b + "'")
	}
	c.Step(S("SELECT m FROM typed WHERE id = 1"))
	swap("ok", "sad")
	eventually(t, "two labels have changed places", func() bool {
		conn := pair.Connect(t, pair.URL())
		defer conn.Close(t.Context())
		_, err := conn.Exec(t.Context(), "SELECT m FROM typed")
		return err != nil && strings.Contains(err.Error(), "renamed")
	})
	if r := pair.Try("unseal", "public.typed.m"); r.Status == 0 || !strings.Contains(r.Stderr, "renamed") {
		t.Errorf("unseal after labels have changed places: status %d, %s", r.Status, r.Stderr)
	}
	swap("ok", "sad")
	eventually(t, "they have changed back", func() bool {
		conn := pair.Connect(t, pair.URL())
		defer conn.Close(t.Context())
		_, err := conn.Exec(t.Context(), "SELECT m FROM typed")
		return err == nil
	})
}

// A type is kept while a sealed column has it, and can go when the table is gone.
func TestTypesOfSealedColumnsAreDroppedAfterThem(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL: `CREATE TYPE size AS ENUM ('s', 'm'); CREATE TYPE color AS ENUM ('red', 'blue'); CREATE TYPE taste AS ENUM ('sweet', 'sour');
			CREATE TABLE sized (id int PRIMARY KEY, s size);
			CREATE TABLE colored (id int PRIMARY KEY, c color);
			CREATE TABLE tasted (id int PRIMARY KEY, t taste)`,
		Seal: []string{"public.sized.s --equality", "public.colored.c", "public.tasted.t"},
	})
	c := pair.Compare(t, harness.Simple)
	c.Step(S("INSERT INTO sized VALUES (1, 'm')"))
	c.Step(S("DROP TYPE size").Fails("2BP01"))
	c.Step(S("DROP TYPE IF EXISTS public.size").Fails("2BP01"))
	c.Step(S("DROP TYPE size CASCADE").Refused("CASCADE"))
	c.Step(S("SELECT * FROM sized"))
	c.Step(S("BEGIN"))
	c.Step(S("DROP TABLE sized"))
	c.Step(S("DROP TYPE size"))
	c.Step(S("COMMIT"))
	c.Step(S("DROP TABLE colored"))
	c.Step(S("DROP TYPE color"))
	// Nor does a domain that cannot be read any more keep others from being read.
	pair.Both("CREATE TYPE gone AS ENUM ('x'); CREATE DOMAIN unread AS text CHECK (ARRAY[]::gone[] IS NOT NULL); DROP TYPE gone; CREATE TABLE more (id int)")
	c.Step(S("CREATE TABLE another (id int)"))
	c.Step(S("INSERT INTO tasted VALUES (1, 'sour')"))
	c.Step(S("SELECT * FROM tasted"))
}

// A name in DDL is that of the type to which the search path leads, and nothing of a text
// drops a type from under the columns that have it.
func TestTypesAreDroppedByTheirNames(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL: `CREATE SCHEMA "One"; CREATE SCHEMA two;
			CREATE TYPE "One".mood AS ENUM ('x', 'y'); CREATE TYPE two.mood AS ENUM ('x'); CREATE TYPE mood AS ENUM ('q'); CREATE DOMAIN "One".code AS text;
			CREATE TABLE "One".felt (id int PRIMARY KEY, m "One".mood, n "One".mood[], c "One".code)`,
		Seal: []string{`"One".felt.m --equality`, `"One".felt.n`, `"One".felt.c`},
	})
	c := pair.Compare(t, harness.Simple)
	c.Step(S(`INSERT INTO "One".felt VALUES (1, 'x', '{y}', 'c')`))
	for _, path := range []string{"public", "two", `"One"`, `two, "One"`, `"One", two`} {
		c.Step(S("SET search_path = " + path))
		for _, sql := range []string{
			`DROP TYPE "One".mood`, `DROP TYPE two.mood, "One".mood`, "DROP TYPE two.mood", `DROP DOMAIN "One".code`, "DROP DOMAIN code",
			`DROP TYPE "One".mood; SELECT 1`, `CREATE TABLE made (id int); DROP TYPE "One".mood`,
			"ALTER TYPE two.mood RENAME VALUE 'x' TO 'z'",
			`ALTER TABLE "One".felt DROP n; DROP TABLE "One".felt; DROP TYPE "One".mood; CREATE TYPE "One".mood AS ENUM ('new'); SELECT 'new'::"One".mood::text`,
		} {
			c.Step(S("BEGIN"))
			c.Step(S(sql).Simple())
			c.Step(S("ROLLBACK"))
		}
		c.Step(S("BEGIN"))
		drop, rename := S("DROP TYPE mood"), S("ALTER TYPE mood RENAME VALUE 'x' TO 'z'")
		switch path {
		case "public":
			rename = S("ALTER TYPE mood RENAME VALUE 'q' TO 'z'")
		case `"One"`, `"One", two`:
			rename = rename.Refused("RENAME VALUE")
		case `two, "One"`:
			drop, rename = drop.Refused("another one"), rename.Refused("another one")
		}
		c.Step(rename)
		c.Step(S("ROLLBACK"))
		c.Step(drop)
		if path == `"One"` || path == `"One", two` || path == `two, "One"` {
			continue
		}
		c.Step(S("CREATE TYPE " + path + ".mood AS ENUM ('x', 'q')"))
	}
	c.Step(S(`SELECT * FROM "One".felt`))
	c.Step(S(`DROP TABLE "One".felt; DROP TYPE "One".mood; DROP DOMAIN "One".code; SELECT 3`).Simple())
}

// A collation of one's own keeps its name as long as a sealed column has it.
func TestCollationsOfSealedColumns(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL: `CREATE SCHEMA words; CREATE COLLATION bytes FROM "C"; CREATE COLLATION words.bytes FROM "C"; CREATE COLLATION free FROM "C";
			CREATE TABLE books (id int, title text COLLATE bytes, author text COLLATE "C");`,
		Seal: []string{"public.books.title --equality", "public.books.author --equality"},
	})
	for _, mode := range insideModes {
		t.Run(string(mode), func(t *testing.T) {
			c := pair.Compare(t, mode)
			c.Step(S("DROP COLLATION bytes").Fails("2BP01"))
			c.Step(S("DROP COLLATION IF EXISTS free, public.bytes").Fails("2BP01"))
			c.Step(S("DROP COLLATION bytes CASCADE").Refused("collation \"bytes\""))
			c.Step(S("ALTER COLLATION public.bytes RENAME TO octets").Refused("collation \"bytes\""))
			c.Step(S("ALTER COLLATION bytes SET SCHEMA words").Refused("collation \"bytes\""))
			c.Step(S("SELECT attname, attcollation::regcollation::text FROM pg_attribute WHERE attrelid = 'books'::regclass AND attnum > 0 ORDER BY attnum"))
			c.Step(S("ALTER COLLATION words.bytes RENAME TO octets"))
			c.Step(S("ALTER COLLATION words.octets RENAME TO bytes"))
		})
	}
	c := pair.Compare(t, harness.Simple)
	c.Step(S("DROP COLLATION words.bytes, free"))
	c.Step(S("DROP TABLE books"))
	c.Step(S("DROP COLLATION bytes"))
}
