package integration

import (
	"testing"

	"pgseal/integration/harness"
)

// What count() counts does not matter if it is never NULL: Sequelize and others write COUNT('*').
func TestConstantsAreCountedInGroups(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL:  `CREATE TABLE users (id int PRIMARY KEY, name text, birth date, plan text)`,
		Seal: []string{"public.users.name", "public.users.birth"},
	})
	w := pair.Env.Canaries.Text()
	pair.SameIn(t, formulaModes,
		S("INSERT INTO users VALUES (1, $1, '2000-05-06', 'a'), (2, $1, '2000-07-08', 'a'), (3, 'x', '2001-01-01', 'b'), (4, NULL, NULL, 'b')", w),
		S("SELECT name, COUNT('*') FROM users GROUP BY name").Unordered(),
		S("SELECT name, COUNT('*'), count(1), count(*), count(true), count(NULL) FROM users GROUP BY name").Unordered(),
		S("SELECT name, COUNT(1) AS n FROM users GROUP BY name ORDER BY n DESC, name"),
		S("SELECT date_trunc('year', birth) AS y, COUNT('*') AS c FROM users GROUP BY y ORDER BY y"),
		S("SELECT date_trunc('year', birth) AS y, COUNT(1) AS c FROM users GROUP BY y ORDER BY y"),
		S("SELECT date_trunc('year', birth) AS y, COUNT('x'::text) AS c FROM users GROUP BY y ORDER BY y"),
		S("SELECT name FROM users GROUP BY name HAVING COUNT('*') > 1"),
		S("SELECT plan, COUNT('*') FROM users WHERE birth > '2000-06-01' GROUP BY plan ORDER BY plan"),
		S("SELECT plan, COUNT('*') FILTER (WHERE birth > '2000-06-01') FROM users GROUP BY plan ORDER BY plan"),
		S("SELECT COUNT('*') FROM users WHERE name = 'x'"),
		S("SELECT COUNT('*'), COUNT(1), max(birth) FROM users WHERE birth > '2000-06-01'"),
		S("SELECT name, COUNT(DISTINCT '*') FROM users GROUP BY name").Unordered(),
	)
}
