package integration

import (
	"fmt"
	"testing"

	"pgseal/integration/harness"
)

// ownOperators are functions for operators on built-in types, none of which computes what
// PostgreSQL's does.
const ownOperators = `
CREATE FUNCTION never(varchar, varchar) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT false';
CREATE FUNCTION numbered(integer, text) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE FUNCTION felt(mood, mood) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT false';
CREATE FUNCTION joined(varchar, varchar) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT ''other''::text';
CREATE FUNCTION turned(varchar) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT ''other''::text';
CREATE FUNCTION at(jsonb, varchar) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT ''other''::text'`

// ownOperator makes one.
func ownOperator(name string) string {
	switch name {
	case "||":
		return "CREATE OPERATOR || (LEFTARG = varchar, RIGHTARG = varchar, FUNCTION = joined)"
	case "->>":
		return "CREATE OPERATOR ->> (LEFTARG = jsonb, RIGHTARG = varchar, FUNCTION = at)"
	}
	return "CREATE OPERATOR " + name + " (LEFTARG = varchar, RIGHTARG = varchar, FUNCTION = never)"
}

func notes(t *testing.T) (pair *harness.Pair, rows harness.Step, word string) {
	pair = harness.New(t, harness.Schema{
		DDL: `CREATE TYPE mood AS ENUM ('sad', 'glad');
			CREATE DOMAIN short AS varchar(60);
			CREATE TABLE notes (id int PRIMARY KEY, v varchar(60), k varchar(60), w text, n int, m mood, d short, j jsonb, plain varchar(60));` + ownOperators,
		Seal: []string{"public.notes.v", "public.notes.k --equality --normalize lower", "public.notes.w --equality", "public.notes.n --equality",
			"public.notes.m --equality", "public.notes.d --equality", "public.notes.j"},
	})
	word = pair.Env.Canaries.Text()
	return pair, S(fmt.Sprintf(`INSERT INTO notes VALUES (1, '%[1]s', '%[1]s', '%[1]s', 7, 'sad', '%[1]s', '{"a": "%[1]s"}', 'p'), (2, 'x%[1]s', 'x', 'x', 8, 'glad', 'x', '{}', 'x')`, word)), word
}

// An operator of the database's own that is for the very types of the operands is meant, also
// by what calls it by its name. What has nothing to do with it goes on.
func TestOperatorsOfTheDatabasesOwnAreNotTakenForPostgreSQLs(t *testing.T) {
	for _, o := range []struct {
		name          string
		means, others []string
	}{
		{"~", []string{"SELECT v ~ '%s' FROM notes", "SELECT id FROM notes WHERE v ~ '%s'", "SELECT id FROM notes WHERE k ~ '%s'", "SELECT id FROM notes WHERE d ~ '%s'",
			"UPDATE notes SET plain = 'y' WHERE v ~ '%s'", "SELECT plain, count(*) FROM notes GROUP BY plain HAVING max(v)::varchar ~ '%s'"},
			[]string{"SELECT id FROM notes WHERE w ~ '%s'", "SELECT id FROM notes WHERE v LIKE '%s'", "SELECT id FROM notes WHERE v OPERATOR(pg_catalog.~) '%s'",
				"SELECT id FROM notes WHERE v::text ~ '%s'", "SELECT id FROM notes WHERE plain ~ 'x' AND k = '%s'"}},
		{"~~", []string{"SELECT id FROM notes WHERE v LIKE '%s%%'", "SELECT id FROM notes WHERE k LIKE '%s'", "SELECT v LIKE '%s' FROM notes"},
			[]string{"SELECT id FROM notes WHERE w LIKE '%s%%'", "SELECT id FROM notes WHERE v ILIKE '%s%%'", "SELECT id FROM notes WHERE v NOT LIKE '%s'", "SELECT id FROM notes WHERE plain LIKE 'x%%'", "SELECT id FROM notes WHERE k = '%s'"}},
		{"~~*", []string{"SELECT id FROM notes WHERE v ILIKE '%s%%'", "SELECT id FROM notes WHERE k ILIKE '%s'"}, []string{"SELECT id FROM notes WHERE v LIKE '%s%%'"}},
		{"=", []string{"SELECT id FROM notes WHERE k = '%s'", "SELECT id FROM notes WHERE k IN ('%s', 'x')", "SELECT id FROM notes WHERE k IN ('%s')", "SELECT id FROM notes WHERE k = ANY('{%s}')",
			"SELECT id FROM notes WHERE k IS DISTINCT FROM '%s'", "SELECT id FROM notes WHERE d = '%s'", "SELECT id FROM notes WHERE v = '%s'", "SELECT CASE k WHEN '%s' THEN 1 END FROM notes",
			"SELECT NULLIF(k, '%s') FROM notes", "SELECT NULLIF(v, '') FROM notes WHERE id < length('%s')", "SELECT id FROM notes WHERE (id, k) = (1, '%s')", "SELECT id FROM notes WHERE '%s' = k",
			"SELECT a.id FROM notes a JOIN notes b ON a.k = b.k AND b.v <> '%s'", "SELECT id FROM notes WHERE k IN (SELECT k FROM notes WHERE w = '%s')",
			"DELETE FROM notes WHERE k = '%s'", "UPDATE notes SET n = n + 1 WHERE k = '%s'", "SELECT id FROM notes WHERE k = '' OR w = '%s'", "SELECT v = '%s' FROM notes"},
			[]string{"SELECT id FROM notes WHERE w = '%s'", "SELECT id FROM notes WHERE lower(k) = lower('%s')", "SELECT id FROM notes WHERE k <> '%s'", "SELECT id FROM notes WHERE k::text = '%s'",
				"SELECT id, v || '%s' FROM notes WHERE n = 7", "SELECT id FROM notes WHERE m = 'sad' AND w <> '%s'", "SELECT id FROM notes WHERE plain = 'p' AND w = '%s'", "SELECT id FROM notes WHERE v < '%s'",
				"SELECT id FROM notes WHERE k OPERATOR(pg_catalog.=) '%s'", "SELECT count(*), k FROM notes WHERE w = '%s' GROUP BY k", "SELECT id FROM notes WHERE w = '%s' ORDER BY k"}},
		{"<>", []string{"SELECT id FROM notes WHERE k <> '%s'", "SELECT id FROM notes WHERE k NOT IN ('%s', 'x')", "SELECT id FROM notes WHERE k <> ALL('{%s}')"},
			[]string{"SELECT id FROM notes WHERE k IS DISTINCT FROM '%s'", "SELECT id FROM notes WHERE k = '%s'"}},
		{">=", []string{"SELECT id FROM notes WHERE v >= '%s'", "SELECT id FROM notes WHERE v BETWEEN '%s' AND 'z'", "SELECT v BETWEEN '%s' AND 'z' FROM notes"},
			[]string{"SELECT id FROM notes WHERE v > '%s'", "SELECT id FROM notes WHERE v NOT BETWEEN '%s' AND 'z'", "SELECT id FROM notes WHERE w BETWEEN '%s' AND 'z'", "SELECT id, greatest(v, '%s') FROM notes ORDER BY v"}},
		{"||", []string{"SELECT v || '%s' FROM notes", "UPDATE notes SET v = v || '%s' WHERE id = 1"}, []string{"SELECT w || '%s' FROM notes", "SELECT concat(v, '%s') FROM notes"}},
		{"->>", []string{"SELECT j ->> 'a'::varchar FROM notes WHERE w = '%s'"}, []string{"SELECT j ->> 'a' FROM notes WHERE w = '%s'"}},
	} {
		t.Run(o.name, func(t *testing.T) {
			pair, rows, word := notes(t)
			pair.Compare(t, harness.Simple).Step(S(ownOperator(o.name)))
			steps := []harness.Step{rows}
			for _, sql := range o.means {
				steps = append(steps, S(fmt.Sprintf(sql, word)).Refused("operator "+o.name+" of its own"))
			}
			for _, sql := range o.others {
				steps = append(steps, S(fmt.Sprintf(sql, word)))
			}
			pair.SameIn(t, formulaModes, steps...)
		})
	}
}

// Those of parameters and of other types.
func TestOwnOperatorsAreToldByTheirTypes(t *testing.T) {
	pair, rows, word := notes(t)
	pair.Compare(t, harness.Simple).Step(S(`CREATE OPERATOR = (LEFTARG = integer, RIGHTARG = text, FUNCTION = numbered);
		CREATE OPERATOR = (LEFTARG = mood, RIGHTARG = mood, FUNCTION = felt);
		CREATE OPERATOR - (RIGHTARG = varchar, FUNCTION = turned)`))
	const own = "operator = of its own"
	pair.SameIn(t, formulaModes, rows,
		S("SELECT id FROM notes WHERE n = $1", "7"),
		S("SELECT id FROM notes WHERE n IN (7, 9)"),
		S("SELECT id FROM notes WHERE n = '7'"),
		S("SELECT id FROM notes WHERE k = $1 AND w = $2", word, word),
		S("SELECT id FROM notes WHERE m = $1", "sad").Refused(own),
		S("SELECT id FROM notes WHERE m IN ('sad', 'glad')").Refused(own),
		S("SELECT m = 'sad' FROM notes").Refused(own),
		S("SELECT id FROM notes WHERE m <> 'sad'"),
		S("SELECT -n, 3 - n FROM notes"),
	)
}

// It counts from when it is made: for other sessions, inside of the transaction, and behind it
// in the same text; in a schema that is not in the search path not at all.
func TestOwnOperatorsAreNoticed(t *testing.T) {
	pair, rows, word := notes(t)
	pair.Both("CREATE SCHEMA aside")
	const own = "operator ~ of its own"
	make, search, other := ownOperator("~"), "SELECT id FROM notes WHERE v ~ '"+word+"'", "SELECT id FROM notes WHERE k = '"+word+"'"
	for _, mode := range []harness.Mode{harness.Simple, harness.PreparedBinary} {
		t.Run(string(mode), func(t *testing.T) {
			c, second := pair.Compare(t, mode), pair.Compare(t, mode)
			c.Step(rows)
			c.Step(S(search))
			second.Step(S(search))
			c.Step(S("BEGIN"))
			c.Step(S(search))
			c.Step(S(make))
			c.Step(S(search).Refused(own))
			c.Step(S("ROLLBACK"))
			c.Step(S(search))
			c.Step(S("BEGIN"))
			c.Step(S("DO 'BEGIN EXECUTE ''" + make + "''; END'"))
			c.Step(S(search).Refused(own))
			c.Step(S("ROLLBACK"))
			c.Step(S(make))
			c.Step(S(search).Refused(own))
			second.Step(S(search).Refused(own))
			second.Step(S(other))
			second.Step(S("BEGIN"))
			second.Step(S("DROP OPERATOR ~ (varchar, varchar)"))
			second.Step(S(search))
			second.Step(S("ROLLBACK"))
			second.Step(S(search).Refused(own))
			c.Step(S("ALTER OPERATOR ~ (varchar, varchar) SET SCHEMA aside"))
			c.Step(S(search))
			second.Step(S(search))
			second.Step(S("SET search_path = public, aside"))
			second.Step(S(search).Refused(own))
			second.Step(S("SELECT id FROM notes WHERE v OPERATOR(aside.~) '" + word + "'").Refused("cannot"))
			second.Step(S("RESET search_path"))
			second.Step(S(search))
			c.Step(S("BEGIN"))
			c.Step(S("ALTER OPERATOR aside.~ (varchar, varchar) SET SCHEMA public"))
			c.Step(S(search).Refused(own))
			c.Step(S("ROLLBACK"))
			c.Step(S("DROP OPERATOR aside.~ (varchar, varchar)"))
			c.Step(S("CREATE OPERATOR ~ (LEFTARG = text, RIGHTARG = text, FUNCTION = textregexeq)"))
			c.Step(S("SELECT id FROM notes WHERE w ~ 'x'").Refused(own)) // is behind pg_catalog in the path, but need not be
			c.Step(S("DROP OPERATOR public.~ (text, text)"))
			c.Step(S("DELETE FROM notes"))
		})
	}
	c := pair.Compare(t, harness.Simple)
	c.Step(rows)
	c.Step(S(search))
	for _, text := range []string{
		make + "; " + search,
		"SELECT 1; " + make + "; " + other + "; " + search,
		"DO 'BEGIN EXECUTE ''" + make + "''; END'; " + search,
	} {
		c.Step(S("BEGIN"))
		c.Step(S(text).Refused("of its own"))
		c.Step(S("ROLLBACK"))
		c.Step(S(text).Refused("of its own"))
		c.Step(S("DROP OPERATOR IF EXISTS public.~ (varchar, varchar)"))
	}
	// One that pgseal cannot send in pieces.
	c.Step(S("LOCK TABLE notes; " + ownOperator("=") + "; " + other).Refused("may make an operator of that name"))
	c.Step(S("DROP OPERATOR IF EXISTS public.= (varchar, varchar)"))
	c.Step(S("CREATE TABLE more (id int); CREATE SCHEMA further; " + search))
	c.Step(S(search))
}

// The operators of extensions, most of which are for types of theirs, are in the way of little.
func TestOperatorsOfExtensions(t *testing.T) {
	pair, rows, word := notes(t)
	searches := []harness.Step{
		S("SELECT id FROM notes WHERE v = '' OR k = $1", word), S("SELECT id FROM notes WHERE v LIKE '" + word + "%'"), S("SELECT id FROM notes WHERE w ILIKE '" + word + "%'"),
		S("SELECT id FROM notes WHERE v ~ '" + word + "'"), S("SELECT v || 'x', w || 'x', d || 'x', n || 'x' FROM notes"), S("SELECT n % 2, n - 1, 2 * n FROM notes"),
		S("SELECT j -> 'a', j ->> 'a', j @> '{}' FROM notes"), S("SELECT id FROM notes WHERE m = 'sad' AND d <> 'x' AND n > 3"), S("SELECT id FROM notes WHERE v < 'y' AND w BETWEEN 'a' AND 'z'"),
	}
	c := pair.Compare(t, harness.Simple)
	for _, extension := range []string{"pg_trgm", "ltree", "cube", "hstore", "citext", "intarray", "isn", "btree_gist", "seg"} {
		c.Step(S("CREATE EXTENSION " + extension))
	}
	pair.SameIn(t, formulaModes, append([]harness.Step{rows}, searches...)...)
}

// One of which an operand has another type than the column is meant by what the client has
// declared, and by lists, whose values PostgreSQL takes as of the column's type.
func TestOwnOperatorsOfOtherTypesThanTheColumns(t *testing.T) {
	pair, rows, w := notes(t)
	pair.Both(`CREATE FUNCTION always(text, varchar) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
		CREATE OPERATOR = (LEFTARG = text, RIGHTARG = varchar, FUNCTION = always)`)
	pair.SameIn(t, formulaModes, rows,
		S("SELECT id FROM notes WHERE v = '"+w+"'"),
		S("SELECT id FROM notes WHERE v IN ('"+w+"', 'x')").Refused("operator ="),
		S("SELECT id FROM notes WHERE k IN ('"+w+"', 'x')").Refused("operator ="),
		S("SELECT id FROM notes WHERE w = '"+w+"'"),
		S("SELECT id FROM notes WHERE v = ANY ('{"+w+"}')"),
		S("SELECT id FROM notes WHERE v = ANY ('{"+w+"}'::varchar[])").Refused("operator ="),
		S("SELECT id FROM notes WHERE n = 7"))
	pair.SameIn(t, []harness.Mode{harness.Unnamed, harness.Typed, harness.PreparedText, harness.PreparedBinary}, rows,
		S("SELECT id FROM notes WHERE v = $1", w).Refused("operator ="),
		S("SELECT id FROM notes WHERE k = $1", w).Refused("operator ="),
		S("SELECT id FROM notes WHERE v = ANY ($1)", "{"+w+"}").Refused("operator ="),
		S("SELECT id FROM notes WHERE v = ANY ($1::varchar[])", "{"+w+"}").Refused("operator ="),
		S("SELECT id FROM notes WHERE v = ANY (ARRAY[$1, 'x'])", w).Refused("operator ="),
		S("SELECT id FROM notes WHERE n = $1", "7"))
}

// A function that is made through pgseal hides PostgreSQL's own in all sessions at once.
func TestOwnFunctionsAreNoticedInOtherSessions(t *testing.T) {
	pair, rows, w := notes(t)
	c := pair.Compare(t, harness.Simple)
	c.Step(rows)
	c.Step(S("SELECT id FROM notes WHERE upper(v) = '" + w + "'"))
	pair.Compare(t, harness.Simple).Step(S("CREATE FUNCTION public.upper(varchar) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT ''X''::text'"))
	c.Step(S("SELECT id FROM notes WHERE upper(v) = 'X'").Refused("upper"))
}

// Inside of an aggregate or a window it is no other operator.
func TestOperatorsOfTheDatabasesOwnInAggregates(t *testing.T) {
	schema := staffSchema()
	schema.DDL += `; CREATE FUNCTION odd(int, numeric) RETURNS numeric LANGUAGE sql IMMUTABLE AS 'SELECT 100.0';
		CREATE OPERATOR + (LEFTARG = int, RIGHTARG = numeric, FUNCTION = odd)`
	harness.New(t, schema).SameIn(t, formulaModes, S(staffRows),
		S("SELECT sum(age + pay) FROM staff").Refused("operator + of its own"), S("SELECT plain, max(age + pay) FROM staff GROUP BY plain").Refused("operator + of its own"),
		S("SELECT city, array_agg(age + pay ORDER BY id) FROM staff GROUP BY city").Refused("operator + of its own"), S("SELECT id, rank() OVER (ORDER BY age + pay) FROM staff").Refused("staff"),
		S("SELECT sum(age * pay), sum(age + age) FROM staff"))
}
