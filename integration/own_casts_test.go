package integration

import (
	"testing"

	"pgseal/integration/harness"
	"pgseal/integration/pgtest"
)

// A cast of the database's own between types that PostgreSQL converts by their texts is what
// it takes then.
func TestCastsOfTheDatabasesOwnAreNotTakenForPostgreSQLs(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL: `CREATE TYPE mood AS ENUM ('sad', 'glad');
			CREATE TABLE notes (id int PRIMARY KEY, v varchar(60), n int, u bigint, m mood, k int, w text);
			CREATE FUNCTION printed(int) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT ''other''::text';
			CREATE FUNCTION counted(varchar) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 42';
			CREATE FUNCTION ranked(mood) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1'`,
		Seal: []string{"public.notes.v", "public.notes.n", "public.notes.u", "public.notes.m", "public.notes.k --equality", "public.notes.w"},
	})
	w := pair.Env.Canaries.Text()
	const own = "a cast of its own"
	rows := S("INSERT INTO notes VALUES (1, '7', 7, 7, 'sad', 7), (2, '" + w + "', 8, 8, 'glad', 8)")
	plain := []harness.Step{rows, S("SELECT n::text, n || 'x', v || n, v::varchar::int FROM notes WHERE id = 1"), S("SELECT id FROM notes WHERE k::text = '7'"), S("INSERT INTO notes (id, n) VALUES (3, '7'::varchar::int)")}
	pair.SameIn(t, formulaModes, plain...)
	// It takes a superuser, on a connection past pgseal. Behind DDL through it the catalog is read.
	both := func(sql string) {
		for _, server := range []*pgtest.Cluster{pair.Env.Twin, pair.Env.Sealed} {
			if err := server.Exec(t.Context(), pair.Name, sql+"; NOTIFY pgseal"); err != nil {
				t.Fatal(err)
			}
		}
		pair.Connect(t, pair.URL()) // whose session asks what has changed
		pair.Compare(t, harness.Simple).Step(S("CREATE OR REPLACE AGGREGATE read_anew(int) (SFUNC = int4pl, STYPE = int)"))
	}
	both(`CREATE CAST (int AS text) WITH FUNCTION printed(int) AS ASSIGNMENT;
		CREATE CAST (varchar AS int) WITH FUNCTION counted(varchar);
		CREATE CAST (mood AS int) WITH FUNCTION ranked(mood)`)
	steps := []harness.Step{rows}
	for _, sql := range []string{
		"SELECT n::text FROM notes", "SELECT n::text || 'x' FROM notes", "SELECT n || 'x' FROM notes", "SELECT v || n FROM notes", "SELECT v::int FROM notes WHERE id = 1", "SELECT v::int + 1 FROM notes WHERE id = 1",
		"SELECT id FROM notes WHERE k::text = '7'", "SELECT id FROM notes WHERE n::text LIKE '7%'", "SELECT m::int FROM notes", "INSERT INTO notes (id, n) VALUES (3, '7'::varchar::int)",
		"UPDATE notes SET w = 7", "UPDATE notes SET w = n + 1", "SELECT json_agg(n::text) FROM notes",
		"SELECT id FROM notes WHERE ARRAY[n]::text[] @> '{7}'", "SELECT id FROM notes WHERE ARRAY[n, 8]::int[]::text[] @> '{7}'",
	} {
		steps = append(steps, S(sql).Refused(own))
	}
	pair.SameIn(t, formulaModes, append(steps,
		S("SELECT n::varchar, u::text, u || 'x', concat(n, v), m::text, n::bigint, v::text FROM notes"),
		S("SELECT id FROM notes WHERE k = $1 AND u > 3", "7"),
		S("UPDATE notes SET w = '7', v = 7"),
	)...)
	both("DROP CAST (int AS text); DROP CAST (varchar AS int); DROP CAST (mood AS int)")
	pair.SameIn(t, formulaModes, plain...)
}
