package integration

import (
	"net/url"
	"testing"

	"github.com/jackc/pgx/v5"

	"pgseal/integration/harness"
)

// Whoever seals is told of a proxy by the name of one of its connections. A pooler of
// transactions gives that to no other client, as long as the proxy is there, and not
// longer. What the proxy prepares is not left with others either.
func TestAProxyBehindAPoolIsListedAsLongAsItRuns(t *testing.T) {
	pair := harness.New(t, people)
	u, err := url.Parse(pair.ServerURL())
	if err != nil {
		t.Fatal(err)
	}
	addr := startPgbouncer(t, u.Host, 4)
	proxy, err := pair.Env.StartProxy(t.Context(), pair.Env.Sealed, "--database-url", at(t, pair.Env.Sealed.DSN("postgres", harness.Owner), addr))
	if err != nil {
		t.Fatal(err)
	}
	conn, direct, pooled := pair.Connect(t, pair.ProxyURL(proxy)), pair.Connect(t, pair.ServerURL()), pair.Connect(t, at(t, pair.ServerURL(), addr))
	listed := func() (n int) {
		t.Helper()
		const names = `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'pgseal catalog%'`
		if err := direct.QueryRow(t.Context(), names).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	for i := range 50 {
		for _, sql := range []string{"SELECT count(*) FROM people WHERE ssn = 'x'", "BEGIN", "CREATE TABLE made AS SELECT ssn FROM people", "ROLLBACK"} {
			if _, err := conn.Exec(t.Context(), sql, pgx.QueryExecModeSimpleProtocol); err != nil {
				t.Fatal(err)
			}
		}
		if n := listed(); n != 1 {
			t.Fatalf("%d connections have the name of a proxy in round %d, want 1", n, i)
		}
		var prepared int
		if err := pooled.QueryRow(t.Context(), "SELECT count(*) FROM pg_prepared_statements", pgx.QueryExecModeSimpleProtocol).Scan(&prepared); err != nil || prepared > 0 {
			t.Fatalf("%d prepared statements in round %d, %v", prepared, i, err)
		}
	}
	if err := proxy.Stop(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the name is gone", func() bool { return listed() == 0 })
	pair.Pgseal("seal", "public.people.name")
}
