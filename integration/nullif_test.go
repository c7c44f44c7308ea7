package integration

import (
	"testing"

	"pgseal/integration/harness"
)

// Applications make NULL of empty fields: NULLIF($1, ”)::date. Which value is NULL then
// pgseal sees, also of a column without a term.
func TestNullIfOfValues(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL: "CREATE TABLE fields (id serial PRIMARY KEY, t text, v varchar(5), c char(6), i int, ip inet, d date, n numeric(5, 2), b bool, ts timestamptz)",
		Seal: []string{"public.fields.t --equality", "public.fields.v", "public.fields.c --equality", "public.fields.i --equality", "public.fields.ip", "public.fields.d --equality",
			"public.fields.n", "public.fields.b", "public.fields.ts"},
	})
	word := pair.Env.Canaries.Word()
	pair.SameIn(t, []harness.Mode{harness.Simple, harness.Unnamed, harness.PreparedText, harness.PreparedBinary, harness.SQLPrepare},
		S("INSERT INTO fields (t, v, c, i, ip, d, n, b, ts) VALUES (NULLIF('"+word+"', ''), NULLIF('', ''), NULLIF('ab', ''), NULLIF('5', '')::int, CAST(NULLIF('10.0.0.1', '') AS inet),"+
			" NULLIF('2001-02-03', '')::date, NULLIF('1.555', '')::numeric, NULLIF('t', '')::bool, NULLIF('2001-02-03 04:05', '')::timestamp) RETURNING *"),
		S("INSERT INTO fields (t, i, ip, d) VALUES (NULLIF('', ''), NULLIF('', '')::int, NULLIF('', '')::inet, NULLIF('0000-00-00', '0000-00-00')::date), (DEFAULT, 6, NULL, NULLIF('2001-02-04', '0000-00-00')::date) RETURNING *"),
		S("UPDATE fields SET t = NULLIF($1, ''), i = NULLIF($2::text, '')::int, ip = NULLIF($3, '')::inet, d = NULLIF($4, 'none')::date WHERE id = 2 RETURNING *", "x "+word, "7", "", "none"),
		S("UPDATE fields SET t = NULLIF($1, ''), i = NULLIF($2::text, '')::int, ip = NULLIF($3, '')::inet, d = NULLIF($4, 'none')::date WHERE id = 3 RETURNING *", "", "", "10.0.0.2", "2001-02-05"),
		S("UPDATE fields SET (t, d) = (NULLIF('row', ''), NULLIF('', '')::date) WHERE id = 3 RETURNING t, d"),
		S("INSERT INTO fields (t, v) SELECT NULLIF($1, ''), NULLIF($1, 'sel') RETURNING t, v", "sel"),
		S("INSERT INTO fields (v) VALUES (NULLIF('"+word+"', '')::varchar(3)) RETURNING v"),
		S("INSERT INTO fields (v) VALUES (NULLIF(E'a\\'b', 'a''b')) RETURNING v"),
		S("SELECT id FROM fields WHERE i = NULLIF($1, '')::int OR d = NULLIF($2, '')::date ORDER BY id", "7", ""),
		S("SELECT id FROM fields WHERE i = NULLIF('', '')::int OR d IS NOT DISTINCT FROM NULLIF('', '')::date ORDER BY id"),
		S("SELECT id FROM fields WHERE d IN (NULLIF('2001-02-03', '')::date, NULLIF('', '')::date) OR t = NULLIF('row', 'x') ORDER BY id"),
		S("SELECT id FROM fields WHERE c = NULLIF('ab', '') OR c = NULLIF('ab    ', '') ORDER BY id"), S("SELECT id FROM fields WHERE c = NULLIF('ab    ', '') OR c = NULLIF($1, '')", "ab "),
		S("SELECT id FROM fields WHERE c IN (NULLIF($1, ''), NULLIF('', '')) OR i IN (NULLIF($2, '')::int, 6) ORDER BY id", "ab", ""),
		S("SELECT id FROM fields WHERE d IN (NULLIF('2001-02-03', ''), NULL)"),
		S("SELECT id, NULLIF(t, t), NULLIF(f.i , f.i ), COALESCE(NULLIF(c, c), 'none') FROM fields f ORDER BY id"),
		S("INSERT INTO fields (v) VALUES (NULLIF('"+word+"', ''))").Fails("22001"),         // too long
		S("INSERT INTO fields (i) VALUES (NULLIF('a', '')::int)").Fails("22P02"),           // no number
		S("INSERT INTO fields (i) VALUES (NULLIF($1, '')::int)", "a").Fails("22P02"),       // no number
		S("INSERT INTO fields (i) VALUES (NULLIF('99999999999', '')::int)").Fails("22003"), // too large
		S("INSERT INTO fields (d) VALUES (NULLIF('2001-02-03', ''))").Fails("42804"),       // a text
		S("SELECT id FROM fields WHERE i = NULLIF('5', '')").Fails("42883"),                // a text
		S("SELECT * FROM fields ORDER BY id"),
		// The old value is kept where the field is empty.
		S("UPDATE fields SET t = COALESCE(NULLIF($1, ''), t), v = COALESCE(NULLIF($2, ''), v), i = COALESCE(NULLIF($3, '')::int, i), d = CASE WHEN id > 0 THEN NULLIF($4, '')::date ELSE d END WHERE id = 1 RETURNING *", "", "new", "", ""),
		S("UPDATE fields SET t = COALESCE(NULLIF($1, ''), t), v = COALESCE(NULLIF($2, ''), v), i = COALESCE(NULLIF($3, '')::int, i) WHERE id = 1 RETURNING *", "kept", "", "11"),
		S("UPDATE fields SET v = COALESCE(NULLIF('"+word+"', ''), v) WHERE id = 1").Fails("22001"), // too long
		S("SELECT COALESCE(NULLIF('', ''), t), COALESCE(v, NULLIF('none', '')), COALESCE(NULLIF('', ''), v), COALESCE(v, NULLIF('', ''), 'x'), COALESCE(NULLIF('', '')::int, i), CASE WHEN id = 1 THEN t ELSE NULLIF('', '') END FROM fields ORDER BY id"),
		S("SELECT id FROM fields WHERE COALESCE(NULLIF('', ''), t) = 'kept' OR COALESCE(NULLIF($1, '')::int, i) = 11", ""),
	)
	pair.Same(t,
		S("PREPARE field (text) AS INSERT INTO fields (i, t) VALUES (NULLIF($1, '')::int, NULLIF($1, '')) RETURNING i, t").Simple(),
		S("EXECUTE field('')").Simple(), S("EXECUTE field('8')").Simple(), S("EXECUTE field(NULL)").Simple(), S("EXECUTE field('9'::text)").Simple(),
		S("EXECUTE field('123'::varchar(1))").Refused("public.fields.i").Simple(),
		S("EXECUTE field(5)").Refused("public.fields.i").Simple(),
		S("EXECUTE field(current_setting('search_path'))").Refused("public.fields.i").Simple(),
		S("DEALLOCATE field").Simple(),
		S("INSERT INTO fields (i) VALUES (NULLIF(5, 0))").Refused("public.fields.i"),
		S("SELECT COALESCE(NULLIF('', '')::numeric, n) FROM fields").Refused("public.fields.n"),
		S("SELECT i, t FROM fields ORDER BY id"),
	)
}
