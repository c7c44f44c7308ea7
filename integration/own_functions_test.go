package integration

import (
	"testing"

	"pgseal/integration/harness"
)

// A function of the database's own that is for the very types of the arguments is meant, and
// not PostgreSQL's: that is told of each that pgseal computes by its name.
func TestFunctionsForTheVeryTypesAreNotTakenForPostgreSQLs(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL: `CREATE TABLE notes (id int PRIMARY KEY, v varchar(60), n int, p numeric, at timestamp, d date, j jsonb);
			CREATE FUNCTION grow(bigint, varchar) RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT 0::bigint'`,
		Seal: []string{"public.notes.v --equality", "public.notes.n", "public.notes.p", "public.notes.at", "public.notes.d", "public.notes.j"},
	})
	w := pair.Env.Canaries.Text()
	c := pair.Compare(t, harness.Simple)
	c.Step(S("INSERT INTO notes VALUES (1, '" + w + "', 7, 1.25, '2024-05-06 07:08', '2024-05-06', '{\"a\": 1}'), (2, NULL, 8, 2, '2025-01-01', '2025-01-01', '{}')"))
	for _, f := range []struct{ signature, call string }{
		{"upper(varchar)", "upper(v)"}, {"length(varchar)", "length(v)"}, {"substr(varchar, int)", "substr(v, 2)"}, {"left(varchar, int)", "left(v, 2)"},
		{"concat(varchar, varchar)", "concat(v, v)"}, {"concat_ws(text, varchar)", "concat_ws('-', v)"}, {"format(text, varchar)", "format('%s', v)"},
		{"replace(varchar, text, text)", "replace(v, 'a', 'b')"}, {"btrim(varchar)", "btrim(v)"}, {"starts_with(varchar, text)", "starts_with(v, 'a')"},
		{"md5(varchar)", "md5(v)"}, {"strpos(varchar, text)", "strpos(v, 'a')"}, {"split_part(varchar, text, int)", "split_part(v, 'a', 1)"},
		{"round(int)", "round(n)"}, {"abs(numeric, int)", "abs(p)"}, {"mod(int, bigint)", "mod(n, 2::bigint)"}, {"floor(int)", "floor(n)"},
		{"to_char(date, text)", "to_char(d, 'YYYY')"}, {"to_char(timestamp, varchar)", "to_char(at, 'YYYY'::varchar)"}, {"age(date)", "age(d)"}, {"date_trunc(varchar, date)", "date_trunc('month'::varchar, d)"},
		{"date_part(varchar, date)", "date_part('year'::varchar, d)"}, {"jsonb_typeof(jsonb, int)", "jsonb_typeof(j)"},
		{"to_json(varchar)", "to_json(v)"}, {"to_jsonb(varchar)", "to_jsonb(v)"}, {"json_build_object(text, varchar)", "json_build_object('a', v)"}, {"json_build_array(varchar)", "json_build_array(v)"},
		{"cardinality(varchar[])", "cardinality(ARRAY[v])"}, {"array_length(varchar[], int)", "array_length(ARRAY[v], 1)"}, {"array_position(varchar[], varchar)", "array_position(ARRAY['a', 'b']::varchar[], v)"},
		{"array_to_string(varchar[], text)", "array_to_string(ARRAY[v], ',')"}, {"num_nonnulls(varchar)", "num_nonnulls(v)"}, {"quote_literal(varchar)", "quote_literal(v)"}, {"int8(varchar)", "int8(v)"}, {"text(varchar)", "text(v)"},
	} {
		c.Step(S("CREATE FUNCTION " + f.signature + " RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT ''other''::text'"))
		c.Step(S("SELECT id, " + f.call + " FROM notes ORDER BY id").Refused("cannot"))
		c.Step(S("DROP FUNCTION " + f.signature))
	}
	for _, f := range []struct{ name, of, call string }{
		{"count", "varchar", "count(v)"}, {"max", "varchar", "max(v)"}, {"array_agg", "varchar", "array_agg(v)"}, {"json_agg", "varchar", "json_agg(v)"},
	} {
		c.Step(S("CREATE AGGREGATE " + f.name + "(" + f.of + ") (SFUNC = grow, STYPE = bigint, INITCOND = '0')"))
		c.Step(S("SELECT " + f.call + " FROM notes").Refused("cannot"))
		c.Step(S("SELECT id, " + f.call + " OVER (ORDER BY id) FROM notes").Refused("cannot"))
		c.Step(S("DROP AGGREGATE " + f.name + "(" + f.of + ")"))
	}
}
