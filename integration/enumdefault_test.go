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

// A default is printed as a constant of the type that PostgreSQL would show: that of the
// elements, or the base, and with its schema where that has to be; the one that was
// sealed, and one that was set since. One of NULL is none but for a domain.
func TestDefaultsSetOnOwnTypes(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL: `CREATE SCHEMA app; CREATE TYPE mood AS ENUM ('sad', 'happy'); CREATE TYPE app."Odd Kind" AS ENUM ('a', 'b''c'); CREATE DOMAIN app.code AS text CHECK (VALUE <> '');
			CREATE DOMAIN short AS varchar(5); CREATE DOMAIN feeling AS mood; CREATE DOMAIN cents AS int; CREATE DOMAIN day AS date;
			CREATE TABLE kinds (id int PRIMARY KEY, mood mood DEFAULT 'sad', odd app."Odd Kind" DEFAULT 'b''c', code app.code DEFAULT 'x', moods mood[] DEFAULT '{sad}', odds app."Odd Kind"[] DEFAULT '{a}', short short DEFAULT 'x', feeling feeling DEFAULT 'sad', cents cents DEFAULT 5, day day DEFAULT '2020-01-01', codes app.code[] DEFAULT '{a}', shorts short[] DEFAULT '{a}')`,
		Seal: []string{"public.kinds.mood", "public.kinds.odd", "public.kinds.code", "public.kinds.moods", "public.kinds.odds", "public.kinds.short", "public.kinds.feeling", "public.kinds.cents", "public.kinds.day", "public.kinds.codes", "public.kinds.shorts"},
	})
	const expressions = "SELECT adnum, pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE adrelid = 'public.kinds'::regclass ORDER BY 1"
	pair.Same(t, S(expressions), S("SET search_path = app, public"), S(expressions), S("SET search_path = nosuch"), S(expressions), S("RESET search_path"))
	pair.Same(t, S(`ALTER TABLE kinds ALTER mood SET DEFAULT 'happy', ALTER odd SET DEFAULT 'a', ALTER code SET DEFAULT 'y', ALTER moods SET DEFAULT '{happy,sad}', ALTER odds SET DEFAULT '{}', ALTER short SET DEFAULT 'y', ALTER feeling SET DEFAULT 'happy', ALTER cents SET DEFAULT 6, ALTER day SET DEFAULT '2021-01-01', ALTER codes SET DEFAULT '{b}', ALTER shorts SET DEFAULT '{b}'`).Simple(),
		S(expressions), S("SET search_path = app, public"), S(expressions), S("SET search_path = nosuch"), S(expressions), S("RESET search_path"))
	pair.Same(t, S(`ALTER TABLE kinds ALTER mood SET DEFAULT NULL, ALTER odd SET DEFAULT NULL, ALTER code SET DEFAULT NULL, ALTER moods SET DEFAULT NULL, ALTER short SET DEFAULT NULL, ALTER cents SET DEFAULT NULL, ALTER codes SET DEFAULT NULL`).Simple(),
		S(expressions), S("SET search_path = app, public"), S(expressions), S("RESET search_path"))
}
