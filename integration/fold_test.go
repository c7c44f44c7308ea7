package integration

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"pgseal/integration/harness"
)

// foldedPeople has columns under the database's own collation and two others.
func foldedPeople(locale string) harness.Schema {
	return harness.Schema{
		Locale: locale,
		DDL: `CREATE DOMAIN handle AS varchar(60);
			CREATE TABLE people (id int, mail varchar(60), note text COLLATE "C.utf8", login text COLLATE "C", nick handle);
			CREATE INDEX people_mail ON people (lower(mail));
			CREATE INDEX people_note ON people (upper(note) text_pattern_ops DESC, id)`,
		Seal: []string{"public.people.mail --equality --normalize lower,upper", "public.people.note --equality --normalize lower,upper",
			"public.people.login --equality --normalize lower,upper", "public.people.nick --equality --normalize lower"},
	}
}

// utf8Locale is one under which characters beyond ASCII have another case.
const utf8Locale = "C.UTF-8"

// Values whose case is an odd one, among others that are equal to them in one case.
var oddCases = []string{
	"", " ", "a", "A", "Bob@Example.com", "bob@example.COM", "ß", "SS", "ss", "ẞ", "ΑΣ", "ας", "ασ", "ΑΣ ", "Σ", "σ", "ς", "İ", "i̇", "i", "I", "ı", "ſ", "s", "S",
	"µ", "μ", "Μ", "Å", "å", "Å", "ǅ", "Ǆ", "ǆ", "ﬀ", "FF", "ŉ", "ΐ", "ΐ", "ᾳ", "ᾼ", "𐐀", "𐐨", "Ω", "ω", "Ω", "K", "k", "ÿ", "Ÿ", "é", "É", "É", "日本",
}

func TestCaseIsFoldedAsTheServerDoes(t *testing.T) {
	for _, locale := range []string{"", utf8Locale} {
		t.Run("locale "+locale, func(t *testing.T) {
			t.Parallel()
			pair := harness.New(t, foldedPeople(locale))
			w := pair.Env.Canaries.Text()
			// Each character once, and as it stands in a word.
			values := append([]string(nil), oddCases...)
			for c := rune(1); c < 0x250; c++ {
				if c < 0x80 || c >= 0xa0 {
					values = append(values, "x"+string(c))
				}
			}
			values = append(values, w+"A", strings.ToUpper(w)+"a")
			conns := []string{pair.TwinURL(), pair.URL()}
			var answers [2]string
			for i, url := range conns {
				conn := pair.Connect(t, url)
				for id, v := range values {
					if _, err := conn.Exec(t.Context(), "INSERT INTO people VALUES ($1, $2, $3, $4, $5)", id, v, v, v, v); err != nil {
						t.Fatalf("%q: %v", v, err)
					}
				}
				for _, v := range values {
					for _, column := range []string{"mail", "note", "login", "nick"} {
						for _, f := range []string{"lower", "upper"} {
							if column == "nick" && f == "upper" {
								continue
							}
							var found string
							sql := fmt.Sprintf("SELECT concat_ws('/', array_agg(id ORDER BY id), array_agg(id ORDER BY id) FILTER (WHERE %[1]s(%[2]s) = $1)) FROM people WHERE %[1]s(%[2]s) = %[1]s($1)", f, column)
							if err := conn.QueryRow(t.Context(), sql, v).Scan(&found); err != nil {
								t.Fatalf("%q: %v", v, err)
							}
							answers[i] += fmt.Sprintf("%q %s %s: %s\n", v, f, column, found)
						}
					}
				}
			}
			sealed := strings.Split(answers[1], "\n")
			for k, plain := range strings.Split(answers[0], "\n") {
				if sealed[k] != plain {
					t.Fatalf("plain:\n%s\nsealed:\n%s", plain, sealed[k])
				}
			}
		})
	}
}

func TestComparisonsWithoutRegardToCase(t *testing.T) {
	pair := harness.New(t, foldedPeople(utf8Locale))
	w := pair.Env.Canaries.Text()
	const long = "0123456789012345678901234567890123456789012345678901234567890123456789"
	pair.Same(t,
		S("INSERT INTO people VALUES (1, $1, $2, $3, $4), (2, NULL, NULL, NULL, NULL), (3, '', '', '', ''), (4, 'ΑΣ', 'Straße', 'ÉCOLE', 'İ')", w+"A", w+"b", w+"C", w),
		S("SELECT id FROM people WHERE lower(mail) = lower($1)", strings.ToUpper(w)+"a"),
		S("SELECT id FROM people WHERE LOWER(\"people\".\"mail\") = LOWER($1) LIMIT 1", w+"a"),
		S("SELECT id FROM people WHERE UPPER(\"people\".\"mail\"::text) = UPPER($1)", w+"a"),
		S("SELECT id FROM people WHERE upper(mail) = $1", w+"a"),
		S("SELECT id FROM people WHERE lower(mail) = $1", w+"a"),
		S("SELECT id FROM people WHERE lower(mail) = $1", long),
		S("SELECT id FROM people WHERE lower(mail) = lower($1::varchar(10))", w+"Axyz"),
		S("SELECT id FROM people WHERE lower(mail) = lower($1::char(12))", w+"A"),
		S("SELECT id FROM people WHERE lower(mail) = $1::name", w+"a"),
		S("SELECT id FROM people WHERE lower(mail) = lower($1::name)", w+"A"),
		S("SELECT id, mail FROM people WHERE mail = $1 OR lower(note) = upper($1) OR $1 = upper(login) ORDER BY id", w+"A"),
		S("SELECT id FROM people WHERE lower(nick) IN (lower($1), 'x', NULL) ORDER BY id", w),
		S("SELECT id FROM people WHERE lower(nick::text) NOT IN ($1, 'x') ORDER BY id", w),
		S("SELECT id FROM people WHERE lower(mail) = '' OR upper(note) <> upper($1) ORDER BY id", w),
		S("SELECT id FROM people WHERE lower(mail) IS NOT DISTINCT FROM lower(NULL) ORDER BY id"),
		S("SELECT id FROM people WHERE lower(mail) = ANY (ARRAY['ασ', '', 'x']) ORDER BY id"),
		S("SELECT id, lower(mail) = lower($1) FROM people ORDER BY id", w+"a"),
		S("SELECT id FROM people WHERE (id, lower(mail)) = (1, lower($1))", w+"a"),
		S("SELECT a.id, b.id FROM people a JOIN people b ON lower(a.mail) = lower(b.mail) ORDER BY 1, 2"),
		S("SELECT a.id, b.id FROM people a JOIN people b ON lower(a.nick::text) = lower(b.nick) AND upper(CAST(a.note AS text)) = upper(b.note::varchar) ORDER BY 1, 2"),
		S("SELECT a.id FROM people a WHERE EXISTS (SELECT FROM people b WHERE lower(b.mail::text) = lower((a.mail)::text) AND b.id = a.id) ORDER BY 1"),
		S("SELECT s.id FROM (SELECT DISTINCT id, mail FROM people) s WHERE lower(s.mail) = lower($1)", w+"a"),
		S("UPDATE people SET mail = $1 WHERE lower(mail) = lower($1) RETURNING id, mail", w+"a"),
		S("SELECT mail FROM people WHERE lower(mail) = lower($1)", w+"A"),
		S("DELETE FROM people WHERE lower(login) = lower('ÉCOLE') OR upper(note) = upper($1)", w+"B"),
		S("SELECT count(*) FROM people"),
		S("SELECT id FROM people WHERE lower(mail) = lower(5)").Fails("42883"),
		S("SELECT id FROM people WHERE lower(mail) = 5").Fails("42883"),
		S("SELECT upper(login) FROM people").Refused("public.people.login"),
	)
	pair.SameIn(t, []harness.Mode{harness.Simple, harness.PreparedBinary},
		S("INSERT INTO people (id, mail) VALUES (1, $1), (2, 'ÄöSS'), (3, NULL), (4, '')", w),
		S("SELECT lower(mail), UPPER(mail) || lower('É') FROM people ORDER BY id"))
}

// Indexes over lower and upper of a column are what the client wrote, whether they were
// there before sealing or were made since, and are served, shown and brought back.
func TestIndexesOverLowerAndUpper(t *testing.T) {
	schema := harness.Schema{
		Locale: utf8Locale,
		DDL: `CREATE DOMAIN handle AS varchar(60);
			CREATE TABLE people (id int PRIMARY KEY, mail varchar(60), "FullName" text COLLATE "C", nick handle);
			CREATE UNIQUE INDEX people_mail ON people (lower(mail));
			CREATE INDEX people_like ON people (id, upper("FullName") text_pattern_ops DESC, lower(nick));
			CREATE INDEX people_hash ON people USING hash (lower("FullName"));
			ALTER INDEX people_like ALTER COLUMN 2 SET STATISTICS 7;
			COMMENT ON INDEX people_hash IS 'said';
			INSERT INTO people VALUES (1, 'Ada@Example.com', 'Ada Lovelace', 'Ada'), (2, NULL, 'Bob', NULL)`,
		Seal: []string{"public.people.mail --equality --normalize lower", `public.people."FullName" --equality --normalize lower,upper`, "public.people.nick --equality --normalize lower"},
	}
	const shown = `SELECT c.relname::text, pg_get_indexdef(c.oid), pg_get_indexdef(c.oid, 0, true), pg_get_indexdef(c.oid, 1, true), pg_get_indexdef(c.oid, 2, false), pg_get_indexdef(c.oid, 2, true),
		x.indkey::text, x.indclass::text, x.indoption::text, x.indcollation::text, obj_description(c.oid, 'pg_class'),
		(SELECT string_agg(concat_ws(' ', attname, format_type(atttypid, atttypmod), attcollation::regcollation), ',' ORDER BY attnum) FROM pg_attribute a WHERE attrelid = c.oid AND c.relam <> 405)
		FROM pg_index x JOIN pg_class c ON c.oid = x.indexrelid WHERE x.indrelid = 'people'::regclass ORDER BY c.relname`
	pair := harness.New(t, schema)
	const w = "Ada" // no canary: it is unsealed
	for _, mode := range []harness.Mode{harness.Simple, harness.PreparedBinary} {
		c := pair.Compare(t, mode)
		for _, step := range []harness.Step{
			S(shown),
			S("CREATE INDEX ON people (lower(nick))"),
			S("CREATE UNIQUE INDEX named ON people (lower((nick)::text) text_pattern_ops, id, (upper(\"FullName\")) COLLATE \"C\" DESC NULLS LAST) INCLUDE (mail) WHERE nick IS NOT NULL"),
			S("CREATE INDEX ON people USING hash (LOWER ( nick::text ) )"),
			S("CREATE INDEX ON people USING btree (lower(mail), mail, id)"),
			S(shown),
			S("INSERT INTO people VALUES (3, 'ADA@example.COM', 'x', $1)", w).Fails("23505"),
			S("DROP INDEX named, people_lower_idx, people_lower_idx1, people_lower_mail_id_idx"),
			S("INSERT INTO people VALUES (3, 'ADA@example.COM', 'x', $1) ON CONFLICT DO NOTHING", w),
			S("INSERT INTO people VALUES (3, 'ADA@example.COM', 'x', $1) ON CONFLICT (lower(mail)) DO UPDATE SET nick = EXCLUDED.nick RETURNING id, mail, nick", w),
			S("INSERT INTO people VALUES (3, 'ADA@example.COM', 'x', $1) ON CONFLICT ((lower(mail::text))) DO NOTHING", w),
			S("INSERT INTO people VALUES (3, 'x', 'x', $1) ON CONFLICT (mail) DO NOTHING", w).Fails("42P10"),
			S("INSERT INTO people VALUES (3, 'x', 'x', $1) ON CONFLICT (lower(nick)) DO NOTHING", w).Fails("42P10"),
			S("UPDATE people SET mail = 'ADA@example.COM' WHERE id = 2").Fails("23505"),
			S("SELECT id FROM people WHERE lower(mail) = lower('ADA@EXAMPLE.COM')"),
			S("CREATE INDEX ON people (upper(mail))").Refused("upper case"),
			S("CREATE INDEX ON people (lower(nick), trim(mail))").Refused("public.people.mail"),
			S("CREATE INDEX ON people (id) WHERE lower(nick) = 'x'").Refused("public.people.nick"),
			S("CREATE INDEX ON people USING gin (lower(nick))").Refused("public.people.nick"),
		} {
			if !c.Step(step) {
				t.FailNow()
			}
		}
	}
	c := pair.Compare(t, harness.Simple)
	c.Step(S("CREATE UNIQUE INDEX since ON people (lower(nick) DESC, upper(\"FullName\"), mail)"))
	c.Step(S("CREATE INDEX plain ON people (lower(nick))"))
	c.Step(S(shown))
	for _, column := range []string{`"FullName"`, "mail", "nick"} {
		pair.Pgseal("unseal", "public.people."+column)
		c.Step(S(shown))
		c.Step(S("UPDATE people SET mail = 'ADA@example.COM' WHERE id = 2").Fails("23505"))
	}
	for _, options := range []string{"--equality", "--equality --normalize upper"} {
		r := pair.Try(append([]string{"seal", "public.people.mail"}, strings.Fields(options)...)...)
		if r.Status == 0 || !strings.Contains(r.Stderr, "--equality --normalize lower") {
			t.Errorf("seal %s: status %d, %s", options, r.Status, r.Stderr)
		}
	}
}

// A column gets the terms that it lacks, keeps its indexes, and serves on while keys are
// rotated and values resealed.
func TestTermsOfCaseAreAddedToASealedColumn(t *testing.T) {
	pair := harness.New(t, harness.Schema{Locale: utf8Locale, Seal: []string{"public.people.mail"},
		DDL: `CREATE TABLE people (id int, mail text DEFAULT 'Nobody'); INSERT INTO people VALUES (1, 'Ada'), (2, 'ada'), (3, NULL), (4, 'É')`})
	c := pair.Compare(t, harness.Simple)
	w := pair.Env.Canaries.Word()
	c.Step(S("SELECT id FROM people WHERE lower(mail) = lower('ADA') ORDER BY id")) // which needs no term
	pair.Pgseal("seal", "public.people.mail", "--equality")
	c.Step(S("CREATE INDEX ON people (mail)"))
	pair.Pgseal("seal", "public.people.mail", "--equality", "--normalize", "upper")
	c.Step(S("SELECT id FROM people WHERE upper(mail) = upper('ADA') ORDER BY id"))
	c.Step(S("CREATE INDEX ON people (upper(mail))"))
	pair.Pgseal("seal", "public.people.mail", "--equality", "--normalize", "lower")
	if r := pair.Try("seal", "public.people.mail", "--equality", "--normalize", "lower,upper"); r.Status == 0 || !strings.Contains(r.Stderr, "sealed already") {
		t.Errorf("status %d, %s", r.Status, r.Stderr)
	}
	look := func() {
		t.Helper()
		c.Step(S("INSERT INTO people VALUES (5, $1)", w))
		c.Step(S("INSERT INTO people (id) VALUES (6)"))
		for _, f := range []string{"lower", "upper"} {
			c.Step(S("SELECT id, mail FROM people WHERE "+f+"(mail) IN ("+f+"('ADA'), "+f+"('é'), "+f+"('NOBODY'), "+f+"($1)) ORDER BY id", strings.ToUpper(w)))
		}
		c.Step(S("SELECT id FROM people WHERE mail = 'Ada'"))
		if out := pair.Pgseal("verify"); !strings.Contains(out, "0 do not open") && strings.Contains(out, "people") {
			t.Errorf("verify: %s", out)
		}
	}
	look()
	pair.Pgseal("key", "rotate", "public.people")
	pair.Pgseal("key", "reseal", "public.people")
	look()
	if out := pair.Pgseal("column", "list"); !strings.Contains(out, "equality, lower, upper") {
		t.Errorf("column list: %s", out)
	}
	c.Step(S("ALTER TABLE people ALTER mail TYPE varchar"))
	look()
}

// Where the server folds otherwise than when the column was sealed, stored terms would
// be mixed with others: nothing is written nor compared in one case until it is sealed
// again.
func TestTermsOfCaseAreNotMixedWithThoseOfAnotherServer(t *testing.T) {
	pair := harness.New(t, harness.Schema{Locale: utf8Locale, Seal: []string{"public.people.mail --equality --normalize lower", "public.people.note"},
		DDL: `CREATE TABLE people (id int, mail text, note text); INSERT INTO people VALUES (1, 'Ada', 'x')`})
	w := pair.Env.Canaries.Word()
	pair.Server(`UPDATE pgseal.sealed_column SET normalizer = 'lower:0123456789abcdef' WHERE normalizer IS NOT NULL`)
	c := pair.Compare(t, harness.PreparedText)
	for _, step := range []harness.Step{
		S("SELECT id, mail FROM people WHERE mail = 'Ada'"),
		S("UPDATE people SET note = 'y'"),
		S("SELECT id FROM people WHERE lower(mail) = lower($1)", w).Refused("as another server made it"),
		S("INSERT INTO people VALUES (2, $1, 'x')", w).Refused("as another server made it"),
		S("UPDATE people SET mail = 'x'").Refused("as another server made it"),
		S("CREATE INDEX ON people (lower(mail))").Refused("as another server made it"),
	} {
		c.Step(step)
	}
	if r := pair.Try("verify"); r.Status == 0 || !strings.Contains(r.Stdout+r.Stderr, "seal the column again") {
		t.Errorf("verify: status %d, %s%s", r.Status, r.Stdout, r.Stderr)
	}
	pair.Pgseal("seal", "public.people.mail", "--equality", "--normalize", "lower")
	pair.Pgseal("verify")
	c.Step(S("INSERT INTO people VALUES (2, $1, 'x')", w))
	c.Step(S("SELECT id FROM people WHERE lower(mail) = lower($1)", strings.ToUpper(w)))
}

// What cannot be exact is refused when the column is sealed.
func TestSealingRefusesCaseThatOnlyTheServerKnows(t *testing.T) {
	pair := harness.New(t, harness.Schema{DDL: `CREATE TABLE notes (id int, icu text COLLATE "und-x-icu", code char(5), born date, body text, own text);
		CREATE INDEX odd ON notes (lower(own COLLATE "C.utf8"))`})
	for _, c := range []struct{ column, options, why string }{
		{"icu", "--equality --normalize lower", "only the server knows"},
		{"code", "--equality --normalize lower", "for text and varchar only"},
		{"born", "--equality --normalize upper", "for text and varchar only"},
		{"body", "--normalize lower", "--normalize needs --equality"},
		{"body", "--equality --normalize title", "--normalize takes lower, upper or lower,upper"},
		{"own", "--equality --normalize lower", "computes an expression over it"},
	} {
		r := pair.Try(append([]string{"seal", "public.notes." + c.column}, strings.Fields(c.options)...)...)
		if r.Status == 0 || !strings.Contains(r.Stderr, c.why) {
			t.Errorf("%s %s: status %d, %s", c.column, c.options, r.Status, r.Stderr)
		}
	}
	// A function of the database's own may be what a statement means.
	pair.Pgseal("seal", "public.notes.body", "--equality", "--normalize", "lower")
	pair.Both(`CREATE FUNCTION public.lower(varchar) RETURNS text LANGUAGE sql AS $$SELECT 'x'::text$$`)
	c := pair.Compare(t, harness.Simple)
	const own = "a function lower of its own"
	const search = "SELECT id FROM notes WHERE lower(body) = 'x'"
	c.Step(S(search).Refused(own))
	for _, tx := range []struct {
		ddl     string
		refused bool
	}{
		{"DROP FUNCTION public.lower(varchar)", false},
		{"ALTER FUNCTION public.lower(varchar) RENAME TO lowest", false},
		{"ALTER FUNCTION public.lower(varchar) RENAME TO lowest; ALTER FUNCTION public.lowest(varchar) RENAME TO upper", false},
		{"ALTER FUNCTION public.lower(varchar) RENAME TO lowest; ALTER FUNCTION public.lowest(varchar) RENAME TO lower", true},
	} {
		c.Step(S("BEGIN"))
		c.Step(S(tx.ddl))
		if tx.refused {
			c.Step(S(search).Refused(own))
		} else {
			c.Step(S(search))
		}
		c.Step(S("ROLLBACK"))
		c.Step(S(search).Refused(own))
	}
	c.Step(S("DROP FUNCTION public.lower(varchar)"))
	for _, ddl := range []string{
		`CREATE FUNCTION public.lower(text) RETURNS text LANGUAGE sql AS $$SELECT 'x'::text$$`,
		`CREATE FUNCTION public.highest(text) RETURNS text LANGUAGE sql AS $$SELECT 'x'::text$$; ALTER FUNCTION highest(text) RENAME TO lower`,
	} {
		c.Step(S(search))
		c.Step(S("BEGIN"))
		c.Step(S(search))
		c.Step(S(ddl))
		c.Step(S(search).Refused(own))
		c.Step(S("ROLLBACK"))
		c.Step(S(search))
		c.Step(S("BEGIN"))
		c.Step(S(ddl + "; " + search).Refused(own))
		c.Step(S("ROLLBACK"))
		c.Step(S("SET extra_float_digits = 1; CREATE TABLE aside (id int); ALTER TABLE aside ADD x int; DROP TABLE aside; " + search))
	}
}

// foldsCase compares a sealed table with a plain one of the same database, under every
// collation that versions of PostgreSQL bring along: what pgseal seals folds as there.
func foldsCase(t *testing.T, conn *pgx.Conn, word string, pgseal func(args ...string) (stderr string, err error)) {
	t.Helper()
	exec := func(sql string, args ...any) {
		t.Helper()
		if _, err := conn.Exec(t.Context(), sql, args...); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	rows, err := conn.Query(t.Context(), `SELECT collname::text FROM pg_collation WHERE collnamespace = 'pg_catalog'::regnamespace
		AND collname IN ('default', 'C', 'C.utf8', 'ucs_basic', 'pg_c_utf8', 'pg_unicode_fast', 'und-x-icu')
		AND (collencoding IN (-1, pg_char_to_encoding('UTF8'))) ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	collations, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	const same = `SELECT concat_ws('/', array_agg(id ORDER BY id) FILTER (WHERE lower(c) = lower($1)), array_agg(id ORDER BY id) FILTER (WHERE upper(c) = upper($2)),
		array_agg(id ORDER BY id) FILTER (WHERE lower(c) = $3)) FROM `
	for i, collation := range collations {
		table := fmt.Sprintf("folded%d", i)
		for _, name := range []string{"plain_" + table, table} {
			exec(fmt.Sprintf("CREATE TABLE %s (id int, c text COLLATE %q)", name, collation))
		}
		stderr, err := pgseal("seal", "public."+table+".c", "--equality", "--normalize", "lower,upper")
		if err != nil {
			t.Fatal(err)
		}
		simple := collation != "pg_unicode_fast" && collation != "und-x-icu"
		if simple != (stderr == "") || !simple && !strings.Contains(stderr, "only the server knows") {
			t.Errorf("collation %s: %s", collation, stderr)
		}
		if !simple {
			continue
		}
		for id, v := range append(oddCases, "canary "+word) {
			if id < len(oddCases) {
				exec("INSERT INTO plain_"+table+" VALUES ($1, $2)", id, v)
			}
			exec("INSERT INTO "+table+" VALUES ($1, $2)", id, v)
		}
		for _, v := range oddCases {
			var plain, sealed string
			if err := conn.QueryRow(t.Context(), same+"plain_"+table, v, v, v).Scan(&plain); err != nil {
				t.Fatal(err)
			}
			if err := conn.QueryRow(t.Context(), same+table, v, v, v).Scan(&sealed); err != nil {
				t.Fatal(err)
			}
			if plain != sealed {
				t.Errorf("collation %s, %q: plain %s, sealed %s", collation, v, plain, sealed)
			}
		}
	}
}

// Values that are large, and those that COPY brings.
func TestCaseOfLargeAndCopiedValues(t *testing.T) {
	pair := harness.New(t, harness.Schema{Seal: []string{"public.notes.body --equality --normalize lower,upper"}, DDL: `CREATE TABLE notes (id int, body text)`})
	large := strings.Repeat(pair.Env.Canaries.Word()+" É ", 40000)
	conn := pair.Connect(t, pair.URL())
	if _, err := conn.Exec(t.Context(), "INSERT INTO notes VALUES (1, $1)", large); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.CopyFrom(t.Context(), pgx.Identifier{"notes"}, []string{"id", "body"}, pgx.CopyFromRows([][]any{{2, strings.ToUpper(large[:100])}, {3, large + "a"}})); err != nil {
		t.Fatal(err)
	}
	for value, want := range map[string]string{large: "{1}", large[:100]: "{2}", large + "a": "{3}"} {
		for _, f := range []string{"lower", "upper"} {
			var got string
			if err := conn.QueryRow(t.Context(), "SELECT array_agg(id)::text FROM notes WHERE "+f+"(body) = "+f+"($1)", strings.ToUpper(value)).Scan(&got); err != nil || got != want {
				t.Errorf("%s of %d bytes: %s, %v", f, len(value), got, err)
			}
		}
	}
}

// A view that compares so stands in the way.
func TestSealingRefusesViewsThatCompareCase(t *testing.T) {
	pair := harness.New(t, harness.Schema{DDL: `CREATE TABLE people (id int, mail text); CREATE VIEW twice AS SELECT a.id FROM people a JOIN people b ON lower(a.mail) = lower(b.mail)`})
	if r := pair.Try("seal", "public.people.mail", "--equality", "--normalize", "lower"); r.Status == 0 || !strings.Contains(r.Stderr, "twice") {
		t.Errorf("status %d, %s", r.Status, r.Stderr)
	}
}

// Values that come in another encoding, and in every way that drivers send them.
func TestCaseInAnotherClientEncoding(t *testing.T) {
	pair := harness.New(t, foldedPeople(utf8Locale))
	for _, mode := range []harness.Mode{harness.Simple, harness.PreparedText, harness.Typed} {
		c := pair.Compare(t, mode)
		for _, step := range []harness.Step{
			S("TRUNCATE people"),
			S("SET client_encoding = 'LATIN1'").Simple(),
			S("INSERT INTO people VALUES (1, $1, $2)", "Caf\xc9", "caf\xe9"),
			S("SELECT id, mail FROM people WHERE lower(mail) = lower($1)", "CAF\xc9"),
			S("SELECT id, note FROM people WHERE upper(note) = upper($1) AND lower(mail) = $2", "CAF\xe9", "caf\xe9"),
			S("SELECT id FROM people WHERE lower(mail) = lower($1)", "caf\xe8"),
		} {
			if !c.Step(step) {
				t.FailNow()
			}
		}
	}
}

// An error about an index over lower shows what the plaintext database would show.
func TestErrorsAboutIndexesOverLower(t *testing.T) {
	pair := harness.New(t, harness.Schema{Locale: utf8Locale, Seal: []string{"public.people.mail --equality --normalize lower", "public.people.\"Note\" --equality --normalize lower,upper",
		"public.firms.mail --equality --normalize lower", "public.firms.\"Note\" --equality --normalize lower"},
		DDL: `CREATE TABLE people (id int, mail varchar(60), "Note" text);
			CREATE UNIQUE INDEX mails ON people (lower(mail)); CREATE UNIQUE INDEX notes ON people (id, upper("Note") DESC, lower("Note"));
			CREATE TABLE firms (id int, mail text, "Note" varchar); CREATE UNIQUE INDEX firm_mails ON firms (lower(mail), lower("Note"))`})
	w := pair.Env.Canaries.Word()
	for _, sql := range []string{
		"INSERT INTO people VALUES (1, '" + w + "A', '" + w + "b')",
		"INSERT INTO people VALUES (2, '" + w + "a', 'x')",
		"INSERT INTO people VALUES (1, 'x', '" + strings.ToUpper(w) + "B')",
		"UPDATE people SET id = 1, mail = '" + strings.ToUpper(w) + "a'",
		"INSERT INTO people VALUES (2, '" + strings.ToUpper(w) + "A', 'x')",
		"INSERT INTO firms VALUES (2, '" + w + "', 'x'), (3, '" + w + "', 'X')",
	} {
		var said [2]string
		for i, url := range []string{pair.TwinURL(), pair.URL()} {
			_, err := pair.Connect(t, url).Exec(t.Context(), sql, pgx.QueryExecModeSimpleProtocol)
			if e := new(pgconn.PgError); errors.As(err, &e) {
				said[i] = e.Message + " | " + e.Detail + " | " + e.ConstraintName
			}
		}
		if said[0] != said[1] {
			t.Errorf("%s\nplain:  %s\nsealed: %s", sql, said[0], said[1])
		}
	}
}

// A partition has the index of its parent, before and after sealing.
func TestIndexesOverLowerOfPartitions(t *testing.T) {
	pair := harness.New(t, harness.Schema{Seal: []string{"public.shards.mail --equality --normalize lower"},
		DDL: `CREATE TABLE shards (id int, mail text) PARTITION BY RANGE (id);
			CREATE TABLE shard PARTITION OF shards FOR VALUES FROM (0) TO (10);
			CREATE INDEX over_shards ON shards (lower(mail), id)`})
	w := pair.Env.Canaries.Word()
	pair.Same(t,
		S("CREATE TABLE shard2 PARTITION OF shards FOR VALUES FROM (10) TO (20)"),
		S("INSERT INTO shards VALUES (1, $1), (11, $2)", w, strings.ToUpper(w)),
		S("SELECT id FROM shards WHERE lower(mail) = lower($1) ORDER BY id", w),
		S("SELECT c.relname::text, pg_get_indexdef(c.oid) FROM pg_class c WHERE c.relname ~ '^(over_)?shard' AND c.relkind IN ('i', 'I') ORDER BY 1"),
		S("DROP TABLE shard2"),
	)
	pair.Both("TRUNCATE shards")
	pair.Pgseal("unseal", "public.shards.mail")
	c := pair.Compare(t, harness.Simple)
	c.Step(S("SELECT c.relname::text, pg_get_indexdef(c.oid) FROM pg_class c WHERE c.relname ~ '^(over_)?shard' AND c.relkind IN ('i', 'I') ORDER BY 1"))
}

// The index is used, whichever terms the column has.
func TestIndexesOverCaseAreUsed(t *testing.T) {
	pair := harness.New(t, harness.Schema{Seal: []string{"public.people.mail --equality --normalize upper", "public.people.nick --equality --normalize lower,upper"},
		DDL: `CREATE TABLE people (id int, mail text, nick text); CREATE INDEX mails ON people (upper(mail)); CREATE INDEX nicks ON people (upper(nick)); CREATE INDEX low ON people (lower(nick))`})
	conn := pair.Connect(t, pair.URL())
	if _, err := conn.Exec(t.Context(), "SET enable_seqscan = off"); err != nil {
		t.Fatal(err)
	}
	for sql, index := range map[string]string{"upper(mail) = upper('x')": "mails", "upper(nick) = 'x'": "nicks", "lower(nick) IN ('x', lower('Y'))": "low"} {
		rows, err := conn.Query(t.Context(), "EXPLAIN SELECT id FROM people WHERE "+sql)
		if err != nil {
			t.Fatal(err)
		}
		plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if text := strings.Join(plan, "\n"); err != nil || !strings.Contains(text, " "+index+" ") {
			t.Errorf("%s: %v\n%s", sql, err, text)
		}
	}
}

// The type can become longer, and nothing by which its case would be another.
func TestTypeChangesOfColumnsWithCase(t *testing.T) {
	pair := harness.New(t, harness.Schema{Seal: []string{"public.people.mail --equality --normalize lower"},
		DDL: `CREATE TABLE people (id int, mail varchar(20)); CREATE INDEX mails ON people (lower(mail))`})
	c := pair.Compare(t, harness.Simple)
	for _, step := range []harness.Step{
		S("BEGIN"),
		S("ALTER TABLE people ALTER mail TYPE varchar(30)"),
		S("INSERT INTO people VALUES (1, 'Ada')"),
		S("SELECT id, mail FROM people WHERE lower(mail) = lower('ADA')"),
		S("ROLLBACK"),
		S("ALTER TABLE people ALTER mail TYPE text COLLATE \"C.utf8\"").Refused("public.people.mail"),
		S("ALTER TABLE people ALTER mail TYPE int USING mail::int").Refused("public.people.mail"),
		S("ALTER TABLE people ALTER mail TYPE text"),
		S("INSERT INTO people VALUES (1, 'Ada')"),
		S("SELECT id, mail FROM people WHERE lower(mail) = lower('ADA')"),
		S("SELECT pg_get_indexdef('mails'::regclass)"),
	} {
		if !c.Step(step) {
			t.FailNow()
		}
	}
}
