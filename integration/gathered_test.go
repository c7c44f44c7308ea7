package integration

import (
	"testing"

	"pgseal/integration/harness"
)

// gathered is a table from which the server makes other things.
var gathered = harness.Schema{
	DDL: `CREATE TABLE sales (id int PRIMARY KEY, town text, kind text, email varchar(40));
		INSERT INTO sales SELECT g, 'town ' || g % 2, 'kind ' || g % 2, g || '@example.org' FROM generate_series(1, 4) g;`,
	Seal: []string{"public.sales.town", "public.sales.email --equality"},
}

// The server compares the rows of a materialized view by a unique index over plain
// columns, and one over terms is none to it.
func TestRefreshConcurrently(t *testing.T) {
	pair := harness.New(t, gathered)
	for _, mode := range insideModes {
		t.Run(string(mode), func(t *testing.T) {
			c := pair.Compare(t, mode)
			refresh := S("REFRESH MATERIALIZED VIEW CONCURRENTLY lists")
			c.Step(S("CREATE MATERIALIZED VIEW lists AS SELECT id, email FROM sales"))
			c.Step(refresh.Fails("55000"))
			c.Step(S("CREATE UNIQUE INDEX partly ON lists (email) WHERE id > 1"))
			c.Step(refresh.Fails("55000"))
			c.Step(S("CREATE UNIQUE INDEX ON lists (email)"))
			c.SealedOnly(refresh, "0A000")
			c.Step(S("CREATE UNIQUE INDEX ON lists (id)"))
			c.Step(S("UPDATE sales SET email = 'new@example.org' WHERE id = 1"))
			c.Step(refresh)
			c.Step(S("SELECT * FROM lists WHERE email = 'new@example.org' OR id = 2 ORDER BY id"))
			c.Step(S("DROP MATERIALIZED VIEW lists"))
		})
	}
}

// Of several columns, as of one, statistics have no values where some are sealed.
func TestExtendedStatistics(t *testing.T) {
	pair := harness.New(t, gathered)
	pair.Both(`CREATE TABLE plainly AS SELECT id, kind, kind AS other FROM sales;
		CREATE STATISTICS plain (mcv) ON kind, other FROM plainly; CREATE STATISTICS mixed (mcv) ON town, kind FROM sales; ANALYZE plainly, sales`)
	pair.Same(t, S("SELECT statistics_name, attnames, kinds, most_common_vals, most_common_val_nulls, most_common_freqs, most_common_base_freqs FROM pg_stats_ext WHERE statistics_name = 'plain'"),
		S("SELECT schemaname, tablename, statistics_name, attnames, kinds, exprs FROM pg_stats_ext ORDER BY statistics_name"))
	var hidden bool
	conn := pair.Connect(t, pair.URL())
	if err := conn.QueryRow(t.Context(), "SELECT count(*) = 1 AND bool_and(most_common_vals IS NULL AND most_common_freqs IS NULL) FROM pg_stats_ext WHERE statistics_name = 'mixed'").Scan(&hidden); err != nil || !hidden {
		t.Errorf("values of sealed columns are hidden: %v, %v", hidden, err)
	}
	if err := pair.Connect(t, pair.ServerURL()).QueryRow(t.Context(), "SELECT most_common_vals IS NULL FROM pg_stats_ext WHERE statistics_name = 'mixed'").Scan(&hidden); err != nil || hidden {
		t.Errorf("the server has gathered no values: %v", err)
	}
}
