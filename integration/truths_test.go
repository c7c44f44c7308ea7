package integration

import (
	"testing"

	"pgseal/integration/harness"
)

// A sealed boolean can be sorted by wherever rows are: as groups, without duplicates, in
// windows and aggregates, by name and by position.
func TestRowsAreSortedByABoolean(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL:  `CREATE TABLE members (id int PRIMARY KEY, active boolean, n int, town text); CREATE TABLE visits (active boolean, n int)`,
		Seal: []string{"public.members.active --equality", "public.members.town --equality", "public.visits.active --equality"},
	})
	w := pair.Env.Canaries.Word()
	pair.Same(t,
		S("INSERT INTO members VALUES (1, true, 3, $1), (2, false, 2, 'y'), (3, NULL, 2, $1), (4, true, 1, NULL), (5, false, 9, $1), (6, NULL, 8, 'y')", w),
		S("INSERT INTO visits VALUES (true, 1), (false, 2), (NULL, 3), (true, 1), (false, 2)"),
		S("SELECT active, count(*) FROM members GROUP BY active ORDER BY active"),
		S("SELECT active, count(*) FROM members WHERE n > $1 GROUP BY 1 ORDER BY 1 DESC NULLS LAST", "1"),
		S("SELECT active AS x, count(*) FROM members GROUP BY x ORDER BY x NULLS FIRST LIMIT 2"),
		S("SELECT count(*) FROM members m GROUP BY active ORDER BY m.active DESC"),
		S("SELECT id, active, count(*) FROM members GROUP BY id, active ORDER BY active, id"),
		S("SELECT active, n, count(*) FROM members GROUP BY CUBE (active, n) ORDER BY active NULLS FIRST, n, 3, grouping(active)"),
		S("SELECT m.active, v.active, count(*) FROM members m JOIN visits v ON v.n = m.n GROUP BY m.active, v.active ORDER BY m.active, v.active"),
		S("SELECT DISTINCT active FROM members WHERE n > $1 ORDER BY active", "1"),
		S("SELECT DISTINCT active FROM members ORDER BY 1 DESC"),
		S("SELECT DISTINCT m.active AS a, n FROM members m ORDER BY n, m.active"),
		S("SELECT DISTINCT m.active AS a, n FROM members m ORDER BY a DESC NULLS LAST, n"),
		S("SELECT DISTINCT id, active FROM members ORDER BY active, id"),
		S("SELECT DISTINCT ON (active) active, id FROM members ORDER BY active, id"),
		S("SELECT DISTINCT ON (active) id FROM members ORDER BY active DESC, id"),
		S("SELECT DISTINCT ON (n) n, active, id FROM members ORDER BY n, active, id"),
		S("SELECT DISTINCT ON (1) active AS a, id FROM members ORDER BY a, id"),
		S("SELECT * FROM members ORDER BY 2, 1"),
		S("SELECT id, rank() OVER (PARTITION BY n ORDER BY active DESC NULLS LAST), row_number() OVER w FROM members WINDOW w AS (ORDER BY active, id) ORDER BY id"),
		S("SELECT active, rank() OVER (ORDER BY count(*) DESC, active) FROM members GROUP BY active ORDER BY active"),
		S("SELECT string_agg(id::text, ',' ORDER BY active, id), array_agg(town ORDER BY active DESC NULLS LAST, id) FROM members"),
		S("SELECT json_agg(json_build_array(id, town) ORDER BY active, id) FROM members"),
		S("SELECT DISTINCT n FROM members ORDER BY active").Refused("public.members.active"),
		// The name of an output comes before that of a column.
		S("SELECT DISTINCT ON (town) id AS town, n FROM members ORDER BY town"),
		S("SELECT DISTINCT ON (active) n AS active, id FROM members ORDER BY active, id"),
		S("SELECT DISTINCT ON (town) active AS town, id FROM members ORDER BY town, id"),
		S("SELECT count(*) FROM (SELECT DISTINCT ON (town) town, m.* FROM members m) x"),
	)
}
