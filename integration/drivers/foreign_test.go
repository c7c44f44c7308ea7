package drivers

import (
	"fmt"
	"net/url"
	"testing"

	"pgseal/integration/harness"
	"pgseal/integration/pgtest"
)

// elsewhere makes a database in the twin's cluster that reaches another one by
// postgres_fdw and dblink, and returns its URL.
func elsewhere(t *testing.T, pair *harness.Pair, name, remote string) string {
	t.Helper()
	twin := pair.Env.Twin
	if err := twin.CreateDatabase(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(remote)
	if err != nil {
		t.Fatal(err)
	}
	err = twin.Exec(t.Context(), name, fmt.Sprintf(`
		CREATE EXTENSION postgres_fdw;
		CREATE EXTENSION dblink;
		CREATE SERVER shop FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '%s', port '%s', dbname '%s', sslmode 'disable', fetch_size '3');
		CREATE USER MAPPING FOR CURRENT_USER SERVER shop OPTIONS (user '%s', password '%s');`,
		u.Hostname(), u.Port(), pair.Name, harness.Owner, pgtest.Password))
	if err != nil {
		missing(t, "postgres_fdw", "postgresql-contrib")
	}
	return twin.DSN(name, pgtest.Superuser)
}

// Foreign tables of another database, on tables with sealed columns.
func TestForeignTables(t *testing.T) {
	psql := tool(t, "psql")
	pair := shopPair(t)
	word := pair.Env.Canaries.Word()
	story := func(url string) string { return psqlScript(t, psql, url, word, "foreign_app.sql") }
	want := story(elsewhere(t, pair, "far_from_plain", pair.TwinURL()))
	same(t, story(elsewhere(t, pair, "far_from_sealed", pair.URL())), want)
}
