package integration

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"pgseal/integration/harness"
)

// findOrCreate is what Sequelize 6 sends for it once the row has not been found.
func findOrCreate(table, columns, values, outputs string) string {
	row := "(testfunc.response)." + strings.ReplaceAll(outputs, ", ", ", (testfunc.response).")
	return `CREATE OR REPLACE FUNCTION pg_temp.testfunc(OUT response ` + table + `, OUT sequelize_caught_exception text) RETURNS RECORD AS $func_12ab$ BEGIN INSERT INTO ` + table +
		` (` + columns + `) VALUES (` + values + `) RETURNING * INTO response; EXCEPTION WHEN unique_violation THEN GET STACKED DIAGNOSTICS sequelize_caught_exception = PG_EXCEPTION_DETAIL; END $func_12ab$ LANGUAGE plpgsql; SELECT ` +
		row + `, testfunc.sequelize_caught_exception FROM pg_temp.testfunc(); DROP FUNCTION IF EXISTS pg_temp.testfunc();`
}

func TestFindOrCreate(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL: `CREATE TABLE users (id serial PRIMARY KEY, name text, email varchar(60) UNIQUE, born date, note text NOT NULL DEFAULT 'none', tag text DEFAULT now()::text);
			CREATE SCHEMA app; CREATE TABLE app.users (id int, email varchar(60))`,
		Seal: []string{"public.users.email --equality", "public.users.born", "public.users.note"},
	})
	w := pair.Env.Canaries.Word()
	all := `"id", "name", "email", "born", "note"`
	c := pair.Compare(t, harness.Simple)
	c.Step(S("BEGIN"))
	c.Step(S(findOrCreate(`"users"`, `"id","name","email","born"`, `DEFAULT,'it''s','`+w+`@x','2020-02-29'`, all)).Simple())
	// A duplicate does not abort the transaction, and is told as a value.
	c.Step(S(findOrCreate(`"users"`, `"id","name","email"`, `DEFAULT,'b','`+w+`@x'`, all)).Simple())
	c.Step(S(findOrCreate(`"public"."users"`, `"email","note"`, `E'\\x`+w+`','n`+w+`'`, `"email", "note", "email"`)).Simple())
	c.Step(S(findOrCreate(`"users"`, `"id","email"`, `1,NULL`, `"id"`)).Simple())
	c.Step(S("SELECT id, name, email, born, note FROM users ORDER BY id"))
	c.Step(S("COMMIT"))
	c.Step(S("SELECT count(*) FROM users WHERE email = $1", w+"@x"))
	c.Step(S(findOrCreate(`"users"`, `"email","note"`, `'c',NULL`, `"id"`)).Simple().Fails("23502"))
	c.SealedOnly(S(findOrCreate(`"users"`, `"email","born"`, `'c','2020-02-30'`, `"id"`)).Simple(), "22008") // before any of it runs
	c.Step(S(findOrCreate(`"app"."users"`, `"id","email"`, `1,'plain'`, `"id", "email"`)).Simple())
	c.Step(S("SELECT email FROM app.users"))
	// What is another text is refused.
	for _, other := range [][2]string{
		{"VALUES ('", "SELECT lower(email) || name FROM users WHERE email IN ('"}, {"RETURNING * INTO", "RETURNING id INTO"}, {"unique_violation", "others"},
		{"BEGIN INSERT", "BEGIN DELETE FROM users WHERE email = 'x'; INSERT"}, {" FROM pg_temp.testfunc();", " FROM pg_temp.testfunc() WHERE (testfunc.response).email = 'x';"},
	} {
		sql := findOrCreate(`"users"`, `"email"`, `'d'`, `"id", "email"`)
		changed := strings.Replace(sql, other[0], other[1], 1)
		if changed == sql {
			t.Errorf("%q is not in the text", other[0])
		}
		c.Step(S(changed).Simple().Refused("users"))
	}
}

// An error of the function's INSERT quotes it as the client has written it.
func TestFindOrCreateQuotesTheClientsInsert(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL:  "CREATE TABLE users (id serial PRIMARY KEY, name text, email varchar(60) UNIQUE, note text NOT NULL)",
		Seal: []string{"public.users.email --equality", "public.users.note"},
	})
	schema := regexp.MustCompile(`pg_temp_\d+`)
	where := func(url, sql string) string {
		conn := pair.Connect(t, url)
		_, err := conn.PgConn().Exec(t.Context(), sql).ReadAll()
		var e *pgconn.PgError
		if !errors.As(err, &e) || e.Code != "23502" {
			t.Errorf("%s: %v", sql, err)
			return ""
		}
		return schema.ReplaceAllString(e.Where, "pg_temp")
	}
	w := pair.Env.Canaries.Word()
	for _, sql := range []string{
		findOrCreate(`"users"`, `"name","email"`, `'it''s','`+w+`é'`, `"id", "email"`),
		findOrCreate(`users`, `note, email, name`, `NULL, '`+w+`', U&'\00e9'`, `"id"`),
	} {
		if want, got := where(pair.TwinURL(), sql), where(pair.URL(), sql); got != want || !strings.Contains(want, w) {
			t.Errorf("%s\n got %s\nwant %s", sql, got, want)
		}
	}
}

// The row that a constant conflicts with is found by what a column makes of it.
func TestKeysOfConflictsAreWhatIsStored(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL:  "CREATE SCHEMA own; CREATE DOMAIN own.date AS text CHECK (value < 'a'); CREATE TABLE r (k numeric(5,1) PRIMARY KEY, c char(4) UNIQUE, d date UNIQUE, ts timestamp(0) UNIQUE, v varchar(3) UNIQUE, i int UNIQUE, f real UNIQUE, sk numeric(5,1) UNIQUE, sc varchar(4) UNIQUE, si int UNIQUE, n int, s int)",
		Seal: []string{"public.r.s", "public.r.sk --equality", "public.r.sc --equality", "public.r.si --equality"},
	})
	pair.SameIn(t, formulaModes,
		S("INSERT INTO r (k, n, s) VALUES (1.25, 1, 5)"),
		S("INSERT INTO r (k, n, s) VALUES (1.25, 2, 7) ON CONFLICT (k) DO UPDATE SET n = excluded.n WHERE r.s > 3"),
		S("INSERT INTO r (k, n, s) VALUES ($1, 2, 7) ON CONFLICT (k) DO UPDATE SET n = excluded.n WHERE r.s > 3", "1.25"),
		S("INSERT INTO r (k, n, s) VALUES (1.25, 2, 7) ON CONFLICT (k) DO UPDATE SET s = r.s + 1"),
		S("INSERT INTO r (k, i, s) VALUES (9, 2.4, 7)"),
		S("INSERT INTO r (k, i, s) VALUES (10, 2.4, 7) ON CONFLICT (i) DO UPDATE SET s = r.s + 1"),
		S("INSERT INTO r (k, ts, s) VALUES (11, '2024-01-01 10:00:00.6', 7)"),
		S("INSERT INTO r (k, ts, s) VALUES (12, '2024-01-01 10:00:00.6', 7) ON CONFLICT (ts) DO UPDATE SET s = r.s + 1"),
		S("INSERT INTO r (k, c, s) VALUES (13, 'ab', 7)"),
		S("INSERT INTO r (k, c, s) VALUES (14, 'ab', 7) ON CONFLICT (c) DO UPDATE SET s = r.s + 1"),
		S("INSERT INTO r (k, v, s) VALUES (15, 'abc', 7)"),
		S("INSERT INTO r (k, v, s) VALUES (16, 'abc  ', 7) ON CONFLICT (v) DO UPDATE SET s = r.s + 1"),
		S("INSERT INTO r (k, f, s) VALUES (17, 1.1, 7)"),
		S("INSERT INTO r (k, f, s) VALUES (18, 1.1, 7) ON CONFLICT (f) DO UPDATE SET s = r.s + 1"),
		S("INSERT INTO r (k, sk, s) VALUES (19, 1.25, 7)"),
		S("INSERT INTO r (k, sk, s) VALUES (20, 1.25, 7) ON CONFLICT (sk) DO UPDATE SET s = r.s + 1").Refused("cannot"),
		S("INSERT INTO r (k, sk, s) VALUES (20, $1, 7) ON CONFLICT (sk) DO UPDATE SET s = r.s + 1", "1.25").Refused("cannot"),
		S("INSERT INTO r (k, sc, s) VALUES (21, 'abc', 7)"),
		S("INSERT INTO r (k, sc, s) VALUES (22, 'abc', 7) ON CONFLICT (sc) DO UPDATE SET s = r.s + 1"),
		S("INSERT INTO r (k, sc, s) VALUES (22, 'abc  ', 7) ON CONFLICT (sc) DO UPDATE SET s = r.s + 1"),
		S("INSERT INTO r (k, si, s) VALUES (23, 5, 7)"),
		S("INSERT INTO r (k, si, s) VALUES (24, 5, 7) ON CONFLICT (si) DO UPDATE SET s = r.s + 1"),
		S("INSERT INTO r (k, si, s) VALUES (24, $1, $2) ON CONFLICT (si) DO UPDATE SET s = r.s + excluded.s", "5", "3"),
		// A type of the database's own by the name of the key's.
		S("INSERT INTO r (k, d, s) VALUES (25, '2024-01-01', 7)"), S("SET search_path = own, pg_catalog, public"),
		S("INSERT INTO r (k, d, s) VALUES (26, 'January 1, 2024', 7) ON CONFLICT (d) DO UPDATE SET s = r.s + 1"), S("RESET search_path"),
		S("SELECT * FROM r ORDER BY k"))
}
