package integration

import (
	"strings"
	"testing"

	"pgseal/integration/harness"
)

// Casts among the outputs are made by pgseal, as the server would have.
func TestCastsOfOutputs(t *testing.T) {
	columns := []string{"t text", "v varchar(11)", "c char(8)", "b bool", "s smallint", "i int", "l bigint", "n numeric", "u uuid",
		"d date", "tz timetz", "ts timestamp", "tt timestamptz", "iv interval", "jb jsonb", "e mood", "f float8", "y bytea"}
	schema := harness.Schema{DDL: "CREATE TYPE mood AS ENUM ('sad', 'glad'); CREATE TABLE casts (id int PRIMARY KEY, " + strings.Join(columns, ", ") + ")"}
	var names []string
	for _, c := range columns {
		name, _, _ := strings.Cut(c, " ")
		names = append(names, name)
		schema.Seal = append(schema.Seal, "public.casts."+name)
	}
	pair := harness.New(t, schema)
	list := strings.Join(names, ", ")
	all := func(format string, among ...string) harness.Step {
		var casts []string
		for _, name := range among {
			casts = append(casts, strings.ReplaceAll(format, "?", name))
		}
		return S("SELECT id, " + strings.Join(casts, ", ") + " FROM casts ORDER BY id")
	}
	printed := names[:len(names)-2]
	word := pair.Env.Canaries.Word()
	steps := []harness.Step{
		S("INSERT INTO casts (id, " + list + ") VALUES (1, 'Jürgen " + word + "', 'ab', 'cd', true, -7, 2147483647, -9223372036854775808, 1.50, '" + pair.Env.Canaries.UUID() +
			"', '2001-02-03', '12:34:56+02', '2001-02-03 04:05:06.789', '2001-02-03 04:05:06+00', '1 year 2 days -3:00', '{\"b\":  [1,2]}', 'glad', 1.5, '\\x00ff')"),
		S("INSERT INTO casts (id, " + list + ") VALUES (2, '', 'äöü', 'é', false, 0, 0, 0, 'NaN', '00000000-0000-0000-0000-000000000000', 'infinity', '24:00:00-12', '-infinity', '0044-03-15 12:00+00 BC', '0', '\"x\"', 'sad', 'NaN', '')"),
		S("INSERT INTO casts (id) VALUES (3)"),
		all("?::text", printed...), all("CAST(? AS varchar(3))", printed...), all("?::varchar", printed...), all("?::char(5)", printed...), all("?::varchar(4)::text", printed...),
		S("SELECT id, s::int, s::bigint, s::numeric, s::float8, i::bigint, i::numeric, i::float8, l::numeric, b::int, i::bool, ts::date, tt::date, tt::date::text, b::int::text, (s::int)::varchar(2) FROM casts ORDER BY id"),
		S("SET DateStyle = 'German'"), S("SET IntervalStyle = iso_8601"), S("SET TimeZone = 'Pacific/Chatham'"),
		all("?::text", printed...), all("CAST(? AS varchar(3))", printed...),
		S("SELECT tt::date, ts::date, tt::date::text FROM casts ORDER BY id"),
		S("SELECT i::text AS x, (v)::text, COALESCE(v, 'none')::text, COALESCE(v, 'none')::varchar(2), CASE WHEN id = 1 THEN i END::text FROM casts ORDER BY id"),
		S("UPDATE casts SET i = $1 WHERE id = 3 RETURNING i::text, i::bigint, id::text", "42"),
		S("SELECT q.x, q.y FROM (SELECT id, d::text AS x, v::varchar(1) AS y FROM casts UNION ALL SELECT id + 10, d::text, v::varchar(1) FROM casts) q WHERE q.x IS NOT NULL ORDER BY id"),
		S("WITH q AS (SELECT id, u::text AS x FROM casts) SELECT * FROM q ORDER BY id"),
		S("BEGIN"), S("DECLARE cur CURSOR FOR SELECT d::text, tt::date, i FROM casts ORDER BY id").Simple(), S("FETCH 2 FROM cur"), S("FETCH ALL FROM cur"), S("COMMIT"),
		S("RESET ALL"),
		S("SELECT f::text FROM casts").Refused("public.casts.f"),
		S("SELECT y::text FROM casts").Refused("public.casts.y"),
		S("SELECT id FROM casts WHERE d::timestamp > clock_timestamp()").Refused("public.casts.d"),
		S("SELECT min(ts::time) FROM casts").Refused(""),
	}
	pair.SameIn(t, []harness.Mode{harness.Simple, harness.Unnamed, harness.PreparedText, harness.PreparedBinary, harness.SQLPrepare}, steps...)
}
