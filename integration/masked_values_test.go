package integration

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"pgseal/integration/harness"
)

// An optional filter looks at its value before it searches by it. What the server does not need
// for that it does not see: the values are canaries, and it logs every statement.
func TestValuesOfOptionalFiltersStayHidden(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL: `CREATE TYPE mood AS ENUM ('sad', 'fine');
			CREATE TABLE people (id int PRIMARY KEY, email text, name varchar(40), age int, big bigint, born date, paid numeric(20,2), ref uuid, feels mood, city text, code char(14))`,
		Seal: []string{"public.people.email --equality", "public.people.name --equality --normalize lower", "public.people.age --equality", "public.people.big --equality",
			"public.people.born --equality", "public.people.paid --equality", "public.people.ref --equality", "public.people.feels --equality", "public.people.code --equality"},
	})
	c := pair.Env.Canaries
	email, name, big, code := c.Word()+"@x.org", c.Word()+" Oz", c.Int8(), c.Word()
	pair.Same(t,
		S(`INSERT INTO people VALUES (1, $1, $2, 30, $3, '2001-02-03', 12.50, '6f0c8c2e-3f6d-4b57-9d4c-0a4a0b3c1d2e', 'sad', 'Rome', $4), (2, '', NULL, 0, 0, NULL, 0, NULL, NULL, 'Oslo', ''), (3, NULL, 'Bo', NULL, NULL, '2002-02-02', NULL, NULL, 'fine', NULL, NULL)`, email, name, big, code),
		S("SELECT id FROM people WHERE $1::text IS NULL OR email = $1 ORDER BY id", email),
		S("SELECT id FROM people WHERE $1::text IS NULL OR email = $1 ORDER BY id", nil),
		S("SELECT id FROM people WHERE $1::text IS NULL OR email = $2 ORDER BY id", email, email),
		S("SELECT id FROM people WHERE $1::text IS NULL OR email = $2 ORDER BY id", nil, nil),
		S("SELECT id FROM people WHERE email = $1 OR $1 IS NULL ORDER BY id", email),
		S("SELECT id FROM people WHERE ($1::text IS NULL OR email = $1) AND ($2::varchar IS NULL OR name = $2) AND ($3::bigint IS NULL OR big = $3) AND ($4::int IS NULL OR age = $4) ORDER BY id", email, name, big, "30"),
		S("SELECT id FROM people WHERE ($1::text IS NULL OR email = $1) AND ($2::varchar IS NULL OR name = $2) AND ($3::bigint IS NULL OR big = $3) AND ($4::int IS NULL OR age = $4) ORDER BY id", nil, name, nil, "30"),
		S("SELECT id FROM people WHERE ($1::date IS NULL OR born = $1) AND ($2::numeric IS NULL OR paid = $2) AND ($3::uuid IS NULL OR ref = $3) ORDER BY id", "2001-02-03", "12.5", "6f0c8c2e-3f6d-4b57-9d4c-0a4a0b3c1d2e"),
		S("SELECT id FROM people WHERE ($1::date IS NULL OR born = $1) AND ($2::numeric IS NULL OR paid = $2) AND ($3::uuid IS NULL OR ref = $3) ORDER BY id", nil, nil, nil),
		S("SELECT id FROM people WHERE ($1::mood IS NULL OR feels = $1) ORDER BY id", "fine"),
		S("SELECT id FROM people WHERE ($1::mood IS NULL OR feels = $2) ORDER BY id", nil, "sad"),
		S("SELECT id FROM people WHERE ($1::char(14) IS NULL OR code = $1) ORDER BY id", code),
		S("SELECT id FROM people WHERE ($1::text IS NOT NULL AND email = $1) OR ($1::text IS NULL AND email IS NULL) ORDER BY id", nil),
		S("SELECT id FROM people WHERE ($1::text IS NOT NULL AND email = $1) OR ($1::text IS NULL AND email IS NULL) ORDER BY id", email),
		S("SELECT id FROM people WHERE $1 = '' OR email = $1 ORDER BY id", email),
		S("SELECT id FROM people WHERE $1 = '' OR email = $1 ORDER BY id", ""),
		S("SELECT id FROM people WHERE $1 = '' OR email = $1 ORDER BY id", nil),
		S("SELECT id FROM people WHERE $1 <> '' AND email = $1 ORDER BY id", email),
		S("SELECT id FROM people WHERE $1::text = 'all' OR lower(name) = lower($1) ORDER BY id", name),
		S("SELECT id FROM people WHERE $1::text = 'all' OR lower(name) = lower($1) ORDER BY id", "all"),
		S("SELECT id FROM people WHERE $1::varchar = '' OR name = $1 ORDER BY id", name),
		S("SELECT id FROM people WHERE '' = $1 OR email = $1 ORDER BY id", email),
		S("SELECT id FROM people WHERE $1::bigint = 0 OR big = $1 ORDER BY id", big),
		S("SELECT id FROM people WHERE $1::bigint = 0 OR big = $1 ORDER BY id", "0"),
		S("SELECT id FROM people WHERE $1::int = -1 OR age = $1 ORDER BY id", "-1"),
		S("SELECT id FROM people WHERE 0 = $1::bigint OR big = $2 ORDER BY id", big, big),
		S("SELECT id FROM people WHERE $1::numeric = 12.50 AND paid = $1 ORDER BY id", "12.500"),
		S("SELECT id FROM people WHERE $1::int = 30.0 AND age = $1 ORDER BY id", "30"),
		S("SELECT id FROM people WHERE $1::date = '2001-02-03' AND born = $1 ORDER BY id", "2001-02-03"),
		S("SELECT id FROM people WHERE $1::date = 'February 3, 2001'::date AND born = $1 ORDER BY id", "2001-02-03"),
		S("SELECT id FROM people WHERE $1::uuid <> '6F0C8C2E-3f6d-4b57-9d4c-0a4a0b3c1d2e' OR ref = $1 ORDER BY id", "6f0c8c2e-3f6d-4b57-9d4c-0a4a0b3c1d2e"),
		S("SELECT id FROM people WHERE $1::bool = true AND email = $2 ORDER BY id", "t", email),
		S("SELECT id FROM people WHERE $1::text IN ('', 'all') OR email = $1 ORDER BY id", email),
		S("SELECT id FROM people WHERE $1 IN ('', 'all') OR email = $1 ORDER BY id", "all"),
		S("SELECT id FROM people WHERE $1 NOT IN ('', 'all') AND email = $1 ORDER BY id", email),
		S("SELECT id FROM people WHERE $1::bigint NOT IN (0, -1, 5000000000) AND big = $1 ORDER BY id", big),
		S("SELECT id FROM people WHERE $1::bigint IN ($2, 0) OR big = $1 ORDER BY id", big, big),
		S("SELECT id FROM people WHERE COALESCE($1, '') = '' OR email = $1 ORDER BY id", email),
		S("SELECT id FROM people WHERE COALESCE($1, '') = '' OR email = $1 ORDER BY id", nil),
		S("SELECT id FROM people WHERE COALESCE($1::text, $2::varchar, 'x') <> 'x' AND email = $3 ORDER BY id", nil, "y", email),
		S("SELECT id FROM people WHERE NULLIF($1, '') IS NULL OR email = $1 ORDER BY id", email),
		S("SELECT id FROM people WHERE NULLIF($1, '') IS NULL OR email = $1 ORDER BY id", ""),
		S("SELECT id FROM people WHERE NULLIF($1::text, '') IS NOT NULL AND email = NULLIF($2, '') ORDER BY id", email, email),
		S("SELECT id FROM people WHERE trim($1) = '' OR email = $1 ORDER BY id", email),
		S("SELECT id FROM people WHERE NULLIF(trim($1), '') IS NULL OR email = $1 ORDER BY id", email),
		S("SELECT id FROM people WHERE NULLIF(trim($1), '') IS NULL OR email = $1 ORDER BY id", " "),
		S("SELECT id FROM people WHERE trim($1::text) = '' OR email = $1 ORDER BY id", "  "),
		S("SELECT id FROM people WHERE btrim($1) IN ('', 'all') OR email = ltrim($1) ORDER BY id", " "+email),
		S("SELECT id FROM people WHERE trim($1) IS NULL OR email = $1 ORDER BY id", email),
		S("SELECT id FROM people WHERE 1 = 1 AND email = $1 ORDER BY id", email),
		S("SELECT id FROM people WHERE 1 = 2 OR email = $1 ORDER BY id", email),
		S("SELECT id FROM people WHERE $1::text = $2::text AND email = $1 ORDER BY id", email, email),
		S("SELECT id FROM people WHERE $1::text <> $2::varchar OR email = $1 ORDER BY id", email, email),
		S("SELECT id FROM people WHERE CASE WHEN $1::text IS NULL THEN city = 'Oslo' ELSE email = $1 END ORDER BY id", nil),
		S("SELECT id FROM people WHERE CASE WHEN $1::text = '' THEN city = 'Oslo' ELSE email = $1 END ORDER BY id", email),
		S("SELECT id, $1::text IS NULL AS none, $1::text = '' AS empty FROM people WHERE email = $1", email),
		S("SELECT count(*) FROM people WHERE ($1::text IS NULL OR email = $1) AND ($2::text IS NULL OR city = $2)", email, "Rome"),
		S("SELECT id FROM people WHERE ($1::text IS NULL OR email = $1) AND ($2::text IS NULL OR city = $2) ORDER BY id", nil, "Oslo"),
		S("SELECT p.id FROM people p JOIN people q ON q.id = p.id AND ($1::text IS NULL OR q.email = $1) WHERE p.city <> 'x' ORDER BY 1", email),
		S("SELECT city, count(*) FROM people WHERE $1::text IS NULL OR email = $1 GROUP BY city, $1::text IS NULL HAVING $1::text IS NULL OR count(*) > 0 ORDER BY 1", email),
		S("SELECT id FROM people WHERE id IN (SELECT id FROM people WHERE $1::text IS NULL OR email = $1) ORDER BY id", email),
		S("UPDATE people SET city = 'Bern' WHERE ($1::text IS NULL OR email = $1) AND id < 3 RETURNING id", email),
		S("UPDATE people SET name = CASE WHEN $1::text IS NULL THEN name ELSE $2 END WHERE email = $3 RETURNING id, name", nil, "Al", email),
		S("UPDATE people SET email = CASE WHEN $1 = '' THEN NULL ELSE $1 END WHERE id = 2 RETURNING email", ""),
		S("DELETE FROM people WHERE $1::text IS NOT NULL AND email = $1", email),
		S("SELECT * FROM people ORDER BY id"),
	)
}

// The same where no term answers for the column, and of what a filter computes of its value.
func TestValuesOfComputedFiltersStayHidden(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL:  "CREATE TABLE people (id int PRIMARY KEY, email text, note text, age int)",
		Seal: []string{"public.people.email --equality", "public.people.note", "public.people.age"},
	})
	w := pair.Env.Canaries.Word()
	steps := []harness.Step{S("INSERT INTO people VALUES (1, $1, $1, 5), (2, 'x', 'x', 6), (3, NULL, NULL, NULL)", w)}
	for _, v := range []string{w, "", "x"} {
		for _, where := range []string{
			"$1 <> '' AND note = $1", "$1 = '' OR note = $1", "$1 IS DISTINCT FROM '' AND note = $1", "length($1) > 3 AND note = $1", "lower($1) <> '' AND note LIKE $1 || '%'",
			"($1 = '' OR note = $1) AND ($1 <> 'x' OR email = $1)", "$1 BETWEEN 'a' AND 'b' OR email = $1", "$1 NOT BETWEEN 'y' AND 'z' AND note = $1", "octet_length($1) > 3 AND email = $1",
			"md5($1) = 'x' OR email = $1", "initcap($1) = 'X' AND email = $1", "position('x' IN $1) = 1 AND email = $1", "bit_length($1) > 0 AND note = $1", "ascii($1) > 0 AND email = $1",
			"translate($1, ' ', '') = '' OR email = $1", "quote_literal($1) = '' OR email = $1", "concat_ws('-', $1::text, 'y') = 'x-y' OR email = $1::text",
		} {
			steps = append(steps, S("SELECT id FROM people WHERE "+where+" ORDER BY id", v), S("SELECT id, upper(note), $2::text = 'a' AS other FROM people WHERE "+where+" ORDER BY id", v, w))
		}
	}
	pair.SameIn(t, formulaModes, append(steps,
		S("SELECT id FROM people WHERE $1::int > 5 AND age = $1 ORDER BY id", "6"),
		S("SELECT id FROM people WHERE $1 BETWEEN 5 AND 7 AND age > $1 ORDER BY id", "5"),
		S("DELETE FROM people WHERE $1 <> '' AND note = $1", w),
		S("UPDATE people SET note = 'y' WHERE $1 <> 'x' OR note = $1", "x"),
		S("SELECT * FROM people ORDER BY id"))...)
}

// What is wrong with such a value PostgreSQL says, and the types that it would give it stay.
func TestMaskedValuesKeepTheirTypes(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL:  "CREATE TABLE people (id int PRIMARY KEY, email text, age int, born date)",
		Seal: []string{"public.people.email --equality", "public.people.age --equality", "public.people.born --equality"},
	})
	w := pair.Env.Canaries.Text()
	prepared := []harness.Mode{harness.Unnamed, harness.PreparedText, harness.PreparedBinary}
	pair.Same(t, S("INSERT INTO people VALUES (1, $1, 5, '2020-01-01')", w),
		S("SELECT id FROM people WHERE $1::int IS NULL OR age = $1", "x"+w).Fails("22P02"),
		S("SELECT id FROM people WHERE $1::date IS NULL OR born = $2", "2020-13-40", "2020-01-01").Failing(),
		S("SELECT id FROM people WHERE $1::int2 IS NULL OR age = $2", "70000", "5").Failing(),
		S("SELECT id FROM people WHERE $1::int = 5 AND age = $2", "5", "5"),
		S("SELECT id FROM people WHERE $1::text IS NULL OR id = $1", "1").Failing(),
		S("SELECT id FROM people WHERE email = $2 AND ($1::int IS NULL OR id = $1)", "1", w),
		S("SELECT id FROM people WHERE email = $2 AND ($1::int = 1 OR id = $1)", "1", w),
	)
	pair.SameIn(t, prepared, S("SELECT 1"),
		S("SELECT id FROM people WHERE email = $2 AND ($1::text IS NULL OR id = $1)", "1", w).Fails("42883"),
		S("SELECT id FROM people WHERE $1 IS NULL OR email = $2", w, w).Fails("42P18"),
		S("SELECT id FROM people WHERE $1 = 5 AND age = $1", "5"),
		S("SELECT id FROM people WHERE $1 = 5000000000 OR age = $1", "5"),
		S("SELECT id FROM people WHERE $1 IN (5, 7) AND age = $1", "5"),
		S("SELECT id FROM people WHERE $1 IN (5, 5000000000) AND age = $1", "5"),
		S("SELECT id FROM people WHERE $1 = 5.5 OR age = $1", "5"),
		S("SELECT id FROM people WHERE $1 = '5' OR email = $1", "5"))
	pair.SameIn(t, []harness.Mode{harness.Simple}, S("SELECT 1"),
		S("SELECT id FROM people WHERE '5.0' = 5 OR age = '5'").Fails("22P02"),
		S("SELECT id FROM people WHERE '5.0' = 5.00 AND age = '5'"),
		S("SELECT id FROM people WHERE -1::int IS NOT NULL AND age = 5"))
}

// A string beside a parameter is one of the type that the driver declares for that, each time.
func TestMaskedValuesAreOfTheTypeThatIsDeclared(t *testing.T) {
	pair := harness.New(t, harness.Schema{DDL: "CREATE TABLE people (id int PRIMARY KEY, email text)", Seal: []string{"public.people.email --equality"}})
	pair.Same(t, S("INSERT INTO people VALUES (1, 'x'), (2, '2020-01-01'), (3, '5')"))
	connect := func(url string) *pgconn.PgConn {
		conn, err := pgconn.Connect(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close(context.Background()) })
		return conn
	}
	twin, through := connect(pair.TwinURL()), connect(pair.URL())
	run := func(conn *pgconn.PgConn, sql string, oids []uint32, values ...string) string {
		var args [][]byte
		for _, v := range values {
			args = append(args, []byte(v))
		}
		result := conn.ExecParams(t.Context(), sql, args, oids, nil, nil).Read()
		if e, ok := errors.AsType[*pgconn.PgError](result.Err); ok {
			return e.Code
		}
		return fmt.Sprintf("%s %v", result.Rows, result.Err)
	}
	for _, sql := range []string{
		"SELECT id FROM people WHERE $1 = '2020-1-1' OR email = $2 ORDER BY id",
		"SELECT id FROM people WHERE '5.0' <> $1 AND email = $2 ORDER BY id",
		"SELECT id FROM people WHERE $1 IN ('5', '7') OR email = $2 ORDER BY id",
		"SELECT id FROM people WHERE $1 = 5 OR email = $2 ORDER BY id",
		"SELECT id FROM people WHERE $1 = $3 OR email = $2 ORDER BY id",
		"SELECT id FROM people WHERE $1 IS NULL OR email = $2 ORDER BY id",
		"SELECT id FROM people WHERE COALESCE($1, '') = '' OR email = $2 ORDER BY id",
		"SELECT id FROM people WHERE trim($1) = '' OR email = $2 ORDER BY id",
		"SELECT id FROM people WHERE NULLIF($1, '') IS NULL OR email = $2 ORDER BY id",
	} {
		for _, oid := range []uint32{0, 25, 1043, 1082, 1114, 23, 20, 21, 1700, 701, 16, 1042, 705} {
			for _, value := range []string{"2020-01-01", "5", "5.0", "t"} {
				values := []string{value, "x", value}
				if !strings.Contains(sql, "$3") {
					values = values[:2]
				}
				plain, sealed := run(twin, sql, []uint32{oid}, values...), run(through, sql, []uint32{oid}, values...)
				if plain != sealed {
					t.Errorf("%s with type %d and %q: plain %s, sealed %s", sql, oid, value, plain, sealed)
				}
			}
		}
	}
}

// SQL's PREPARE tells the types of its parameters, which a test for NULL keeps. Where it does not,
// and a use that only the server knows gives one its type, the sealed value beside is not read as of
// another.
func TestParametersOfSQLPrepare(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL: `CREATE TYPE mood AS ENUM ('sad', 'ok');
			CREATE TABLE people (id int PRIMARY KEY, email text, age int, code char(4), plain int)`,
		Seal: []string{"public.people.email --equality", "public.people.age --equality", "public.people.code --equality"},
	})
	w := pair.Env.Canaries.Word()
	steps := []harness.Step{S("INSERT INTO people VALUES (1, '" + w + "', 20, 'ab', 20), (2, 'x', 2, 'cd', 2), (3, NULL, NULL, NULL, NULL)")}
	for typ, value := range map[string]string{"int": "1", "date": "'2024-01-01'", "point": "'(1,2)'", "mood": "'sad'", "int[]": "'{1}'", "varchar": "'x'", "text": "'x'", "numeric(10,2)": "1.5"} {
		steps = append(steps,
			S("PREPARE p("+typ+", text) AS SELECT id FROM people WHERE $1 IS NULL OR email = $2 ORDER BY id"),
			S("EXECUTE p("+value+", '"+w+"')"),
			S("EXECUTE p(NULL, '"+w+"')"),
			S("DEALLOCATE p"))
	}
	for _, c := range []struct{ where, value string }{
		{"$1 > 500 OR age = $1", "20"},
		{"$1 > 5.5 OR age = $1", "2.5"},
		{"$1 * 2 > 500 OR age = $1", "20"},
		{"$1 + 0.5 > 500 OR age = $1", "20.4"},
		{"plain = ANY ($1) OR age = ANY ($1)", "'{2, 20}'"},
		{"lower($1) = 'none' OR email = $1", "'x'"},
		{"age = $1 OR round($1) > 500", "20"},
	} {
		steps = append(steps, S("PREPARE p AS SELECT id FROM people WHERE "+c.where+" ORDER BY id"), S("EXECUTE p("+c.value+")"), S("DEALLOCATE p"))
	}
	for _, where := range []string{"round($1) > 500 OR age = $1", "length($1) = 99 OR code = $1", "lower($1) = 'z' OR code = $1"} {
		steps = append(steps, S("PREPARE p AS SELECT id FROM people WHERE "+where).Refused("type"),
			S("PREPARE p AS DELETE FROM people WHERE "+where).Refused("another use decides"))
	}
	steps = append(steps,
		S("PREPARE p(numeric) AS SELECT id FROM people WHERE round($1) > 500 OR age = $1"),
		S("EXECUTE p(20.4)"), S("EXECUTE p(20)"))
	pair.SameIn(t, []harness.Mode{harness.Simple}, steps...)
}

// A parameter is NULL only where the client says so, and not where NULLIF makes it NULL elsewhere.
func TestParametersTestedForNullBesideNullIf(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL:  "CREATE TABLE people (id int PRIMARY KEY, email text, level int, grade char(3), active boolean, note text)",
		Seal: []string{"public.people.email --equality", "public.people.level --equality", "public.people.grade --equality", "public.people.active --equality", "public.people.note"},
	})
	w := pair.Env.Canaries.Text()
	prepared := []harness.Mode{harness.Unnamed, harness.PreparedText, harness.PreparedBinary, harness.SQLPrepare}
	steps := []harness.Step{S("INSERT INTO people VALUES (1, 'a', 1, 'g1', true, 'n'), (2, '', 0, '', false, ''), (3, NULL, NULL, NULL, NULL, NULL), (4, $1, 4, 'g1 ', true, NULL)", w)}
	for _, v := range []any{"", w, nil} {
		steps = append(steps,
			S("SELECT id FROM people WHERE email = NULLIF($1, '') OR $1 IS NULL ORDER BY id", v),
			S("SELECT id FROM people WHERE email = NULLIF($1, '') AND $1 IS NOT NULL OR id = 1 ORDER BY id", v),
			S("SELECT id FROM people WHERE (NULLIF($1, '') IS NULL OR email = $1) AND $1 IS NOT NULL ORDER BY id", v),
			S("SELECT id FROM people WHERE NULLIF(trim($1), '') IS NULL AND $1 IS NULL OR email = 'a' ORDER BY id", v),
			S("SELECT id, $1 IS NULL AS none FROM people WHERE email = NULLIF($1, '') OR id = 1 ORDER BY id", v).Failing(),
			S("UPDATE people SET email = NULLIF($1, '') WHERE $1 IS NOT NULL AND id = 3 RETURNING id, email", v),
			S("UPDATE people SET email = COALESCE(NULLIF($1, ''), email), level = CASE WHEN $1 IS NULL THEN 1 ELSE 2 END WHERE id = 3 RETURNING id, email, level", v),
			S("DELETE FROM people WHERE email = NULLIF($1, '') OR $1 IS NULL RETURNING id", v).Unordered(),
			S("INSERT INTO people (id, email, level) VALUES (10, NULLIF($1, ''), CASE WHEN $1 IS NULL THEN 1 ELSE 2 END) RETURNING email, level", v),
			S("DELETE FROM people WHERE id = 10"),
			S("SELECT id FROM people WHERE grade = $1 OR $1 = 'g1 ' ORDER BY id", "g1"),
			S("SELECT id FROM people WHERE grade = $1 OR $1 IN ('g1 ', 'z') ORDER BY id", "g1"),
			S("SELECT id FROM people WHERE $1 = 'g1 ' OR grade = $1 ORDER BY id", "g1"),
			S("SELECT id FROM people WHERE level = $1 OR $1 = '0' ORDER BY id", "1"),
			S("SELECT id FROM people WHERE level = $1::int OR $1 = '0' ORDER BY id", "0"),
			S("SELECT id FROM people WHERE active = $1 OR $1 = 't' ORDER BY id", "t"),
			S("UPDATE people SET note = note || $1, level = CASE WHEN $1 IS NULL THEN 1 ELSE 2 END WHERE id = 1 RETURNING note, level", v).Refused("public.people.note"),
		)
	}
	pair.SameIn(t, prepared, steps...)
}

// Masked is what stands in a subquery as well, wherever it is computed.
func TestMaskedValuesInSubqueries(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL:  "CREATE TABLE people (id int PRIMARY KEY, name text); CREATE TABLE orders (id int PRIMARY KEY, owner int, total int, status text)",
		Seal: []string{"public.orders.total", "public.orders.status --equality"},
	})
	w := pair.Env.Canaries.Word()
	pair.SameIn(t, formulaModes,
		S("INSERT INTO people VALUES (1, 'a'), (2, 'b'), (3, 'c')"),
		S("INSERT INTO orders VALUES (1, 1, 10, $1), (2, 1, 20, 'x'), (3, 2, 30, $1)", w),
		S("SELECT id FROM people p WHERE (SELECT sum(total) FROM orders o WHERE o.owner = p.id AND ('"+w+"' = '' OR o.status = '"+w+"')) > 5 ORDER BY id"),
		S("SELECT id FROM people p WHERE (SELECT sum(total) FROM orders o WHERE o.owner = p.id AND ($1::text IS NULL OR o.status = $2)) > 5 ORDER BY id", w, w),
		S("SELECT count(*) FROM people p WHERE (SELECT sum(total) FROM orders o WHERE o.owner = p.id AND ('"+w+"'::text IS NULL OR o.status = '"+w+"')) > 5"),
		S("SELECT id FROM people p ORDER BY (SELECT sum(total) FROM orders o WHERE o.owner = p.id AND ('"+w+"' = '' OR o.status = '"+w+"')) DESC NULLS LAST, id"),
		S("SELECT id, (SELECT sum(total) FROM orders o WHERE o.owner = p.id AND ('"+w+"' = '' OR o.status = '"+w+"')) AS s FROM people p ORDER BY id"),
		S("SELECT id FROM people p WHERE EXISTS (SELECT 1 FROM orders o WHERE o.owner = p.id AND ('"+w+"' = '' OR o.status = '"+w+"')) ORDER BY id"),
	)
}

// What a condition makes of values alone pgseal finds out, and the server gets the answer.
func TestConditionsOnValuesAloneAreDecided(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL:  "CREATE TABLE people (id int PRIMARY KEY, email text, name varchar(40), age int, big bigint, born date, city text)",
		Seal: []string{"public.people.email --equality", "public.people.name --equality", "public.people.age --equality", "public.people.big --equality", "public.people.born --equality"},
	})
	c := pair.Env.Canaries
	email, name, big := c.Word()+"@x.org", c.Word()+" Oz", c.Int8()
	steps := []harness.Step{S("INSERT INTO people VALUES (1, $1, $2, 30, $3, '2001-02-03', 'Rome'), (2, '', NULL, 0, 0, NULL, 'Oslo'), (3, NULL, 'Bo', NULL, NULL, '2002-02-02', NULL)", email, name, big)}
	for _, v := range []any{email, "", nil} {
		for _, condition := range []string{
			"length($1) = 0", "length($1) > 3 AND length($1) < 500", "char_length($1::text) = 0", "lower($1) = ''", "upper(trim($1)) <> 'ALL'", "$1 > 'm'", "$1::text <= ''",
			"$1 = ANY (ARRAY['', 'all'])", "$1 <> ALL (ARRAY['', 'all'])", "$1 IS NOT DISTINCT FROM ''", "$1 IS DISTINCT FROM 'all'", "NOT (length($1) > 0)",
			"$1::text BETWEEN 'a' AND 'zz'", "(length($1) = 0) IS NOT TRUE", "COALESCE(length($1), 0) = 0", "left($1, 1) = '%'", "$1 || 'x' = 'x'", "$1 LIKE '%@%'", "$1 NOT LIKE 'x_'", "replace($1, ' ', '') = ''",
		} {
			steps = append(steps,
				S("SELECT id FROM people WHERE "+condition+" OR email = $1 ORDER BY id", v),
				S("SELECT id FROM people WHERE email = $2 AND ("+condition+") ORDER BY id", v, email),
			)
		}
		steps = append(steps,
			S("SELECT id, length($1) = 0, lower($1) = '' AS none FROM people WHERE email = $1 ORDER BY id", v),
			S("SELECT city, count(*) FROM people WHERE length($1) = 0 OR email = $1 GROUP BY city HAVING length($1) = 0 OR count(*) > 0 ORDER BY 1", v),
			S("SELECT id FROM people WHERE CASE WHEN lower($1) = '' THEN city = 'Oslo' ELSE email = $1 END ORDER BY id", v),
			S("SELECT p.id FROM people p LEFT JOIN people q ON q.email = $1 AND length($1) > 1 ORDER BY 1", v),
			S("UPDATE people SET city = 'Bern' WHERE (length($1) = 0 OR email = $1) AND id < 3 RETURNING id", v),
			S("INSERT INTO people (id, email, city) VALUES (10, $1, CASE WHEN length($1) = 0 THEN 'none' ELSE 'some' END) RETURNING city", v),
			S("DELETE FROM people WHERE id = 10 AND (lower($1) = 'x' OR email IS NOT DISTINCT FROM $1)", v),
		)
	}
	for _, v := range []any{big, "0", nil} {
		for _, condition := range []string{
			"$1::bigint > 5", "COALESCE($1::bigint, 0) = 0", "NULLIF($1::bigint, 0) IS NULL", "$1::bigint = ANY (ARRAY[0, -1])", "$1::bigint <= 0 OR 5000000000 < $1::bigint", "GREATEST($1::bigint, 1) = 1",
			"$1::bigint BETWEEN -1 AND 1", "$1::bigint IS NOT DISTINCT FROM 0",
		} {
			steps = append(steps, S("SELECT id FROM people WHERE "+condition+" OR big = $1 ORDER BY id", v))
		}
	}
	steps = append(steps,
		S("SELECT id FROM people WHERE $1::date > '2000-01-01' AND born = $1 ORDER BY id", "2001-02-03"),
		S("SELECT id FROM people WHERE COALESCE($1, 0) = 0 OR age = $1 ORDER BY id", "30"),
		S("SELECT id FROM people WHERE length($1) = 0 OR age = $2 ORDER BY id", "", "5"),
		S("SELECT id FROM people WHERE length($1) = 0 OR name = $1 ORDER BY id", name),
		S("SELECT id FROM people WHERE $1::int / 0 > 1 OR age = $1 ORDER BY id", "30").Fails("22012"),
		S("SELECT id FROM people WHERE $1::int = 30 OR 1 / $1::int > 1 OR age = 5 ORDER BY id", "30"),
		S("SELECT * FROM people ORDER BY id"),
	)
	pair.SameIn(t, formulaModes, steps...)
}

// An operator or a function of one's own is the server's to compute, in conditions on values alone, too.
func TestConditionsOnValuesAloneWithOwnOperators(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL: `CREATE TABLE people (id int PRIMARY KEY, email text);
			CREATE FUNCTION never(text, text) RETURNS boolean IMMUTABLE LANGUAGE sql AS 'SELECT false';
			CREATE OPERATOR > (LEFTARG = text, RIGHTARG = text, FUNCTION = never);
			CREATE FUNCTION lower(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT ''own''::text'`,
		Seal: []string{"public.people.email --equality"},
	})
	pair.SameIn(t, formulaModes,
		S("INSERT INTO people VALUES (1, 'z'), (2, 'y')"),
		S("SELECT id FROM people WHERE $1::text > 'a' OR email = $1 ORDER BY id", "z"),
		S("SELECT id FROM people WHERE lower($1) = 'z' OR email = $1 ORDER BY id", "z"),
		S("SET search_path TO public, pg_catalog"),
		S("SELECT id FROM people WHERE $1::text > 'a' OR email = 'z' ORDER BY id", "z"),
		S("SELECT id FROM people WHERE $1::text < 'a' OR email = 'z' ORDER BY id", "z"),
		S("SELECT id FROM people WHERE lower($1) = 'own' OR email = 'z' ORDER BY id", "z"),
		S("SELECT id FROM people WHERE length($1) = 1 OR email = 'z' ORDER BY id", "z"),
	)
}

// Escapes stand for characters of the server's encoding, whatever the client's is.
func TestEscapesInAnotherClientEncoding(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL:  "CREATE TABLE people (id int PRIMARY KEY, email text, note text)",
		Seal: []string{"public.people.email --equality", "public.people.note"},
	})
	pair.SameIn(t, formulaModes, S("SET client_encoding TO LATIN1"),
		S(`INSERT INTO people VALUES (1, E'\u00e9', E'\303\251'), (2, U&'\00e9', U&'!00e9' UESCAPE '!'), (3, 'e', 'a\nb'), (4, E'a\nb', E'\xc3\xa9')`),
		S(`SELECT id, email, note, length(note) FROM people ORDER BY id`),
		S(`SELECT id FROM people WHERE email = E'\u00e9' ORDER BY id`),
		S(`SELECT id FROM people WHERE email = U&'\00E9' AND note = E'\303\251' ORDER BY id`),
		S(`SELECT id FROM people WHERE $1 = E'\u00e9' OR email = $1 ORDER BY id`, "e"),
		S(`SELECT id FROM people WHERE note LIKE E'%\u00e9%' ORDER BY id`),
		S(`UPDATE people SET note = note || E'\u00e9' WHERE id = 3 RETURNING note`),
		S(`INSERT INTO people VALUES (5, E'\xe9', NULL)`).Fails("22021"),
		S("SET client_encoding TO UTF8"),
		S(`SELECT id, email, note FROM people WHERE email = E'\u00e9' OR id > 2 ORDER BY id`),
	)
}
