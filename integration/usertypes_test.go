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
			CREATE TABLE typed (id int PRIMARY KEY, m mood, ms mood[], c code, i inner_code, f feeling, s scores, cs code[]);
			CREATE TABLE strict (id int PRIMARY KEY, n needed)`,
		Seal: []string{"public.typed.m --equality", "public.typed.ms --equality", "public.typed.c --equality", "public.typed.i",
			"public.typed.f", "public.typed.s --equality", "public.typed.cs --equality", "public.strict.n --equality"},
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
