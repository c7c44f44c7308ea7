package integration

import (
	"testing"

	"pgseal/integration/harness"
)

// The default of a column whose type is not built in names its schema where the
// search path does not reach it.
func TestDefaultsOfOwnTypes(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL: `CREATE SCHEMA app; CREATE TYPE mood AS ENUM ('sad', 'happy'); CREATE TYPE app."Odd Kind" AS ENUM ('a', 'b''c'); CREATE DOMAIN app.code AS text CHECK (VALUE <> '');
			CREATE TABLE kinds (id int PRIMARY KEY, mood mood DEFAULT 'sad', odd app."Odd Kind" DEFAULT 'b''c', code app.code DEFAULT 'x')`,
		Seal: []string{"public.kinds.mood", "public.kinds.odd", "public.kinds.code"},
	})
	const expressions = "SELECT adnum, pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE adrelid = 'public.kinds'::regclass ORDER BY 1"
	const columns = "SELECT column_name::text, column_default::text FROM information_schema.columns WHERE table_name = 'kinds' ORDER BY ordinal_position"
	// Nothing in it needs the search path but what it shows.
	const all = "(SELECT * FROM information_schema.columns WHERE table_name = 'kinds') UNION ALL (SELECT * FROM information_schema.columns WHERE false)"
	pair.Same(t, S(all), S("SET search_path = app"), S(all), S("SET search_path = nosuch"), S(all), S("RESET search_path"), S(all))
	pair.Same(t, S(expressions), S(columns),
		S("SET search_path = app, public"), S(expressions), S(columns),
		S("SET search_path = app"), S(expressions), S(columns),
		S("SET search_path = nosuch"), S(expressions), S(columns), S("RESET search_path"), S(expressions))
}
