package integration

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"pgseal/integration/harness"
)

// DDL that passes through the proxy: its other sessions know of it before the one
// that sent it is told that it is done. Otherwise values would reach the server as
// they are, and its log, before the CHECK of the column refuses them.
func TestDDLIsKnownToAllSessionsAtOnce(t *testing.T) {
	pair := harness.New(t, people)
	mover := pair.Connect(t, pair.URL())
	must := func(c *pgx.Conn, sql string, args ...any) {
		t.Helper()
		if _, err := c.Exec(t.Context(), sql, args...); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	simple := pgx.QueryExecModeSimpleProtocol
	for _, mode := range []pgx.QueryExecMode{simple, pgx.QueryExecModeCacheStatement} {
		other := pair.Connect(t, pair.URL())
		store := func(c *pgx.Conn, table string) {
			t.Helper()
			word := pair.Env.Canaries.Word()
			must(c, "INSERT INTO "+table+" (id, name, ssn) VALUES ($1, 'x', $2)", mode, 5000, word)
			must(c, "DELETE FROM "+table+" WHERE ssn = $1", mode, word)
		}
		for i, who := range []*pgx.Conn{other, mover} {
			store(who, "people")
			must(mover, "ALTER TABLE people RENAME TO kept", simple)
			store(who, "kept")
			must(mover, "BEGIN; ALTER TABLE kept RENAME TO people", simple)
			must(mover, "COMMIT", simple)
			store(who, "people")
			must(mover, "ALTER TABLE people RENAME email TO address", simple)
			must(who, "UPDATE people SET address = $1 WHERE id = 5000", mode, pair.Env.Canaries.Word())
			must(mover, "ALTER TABLE people RENAME address TO email", simple)
			must(mover, fmt.Sprintf("CREATE VIEW seen%d AS SELECT id, name, ssn FROM people", i), simple)
			store(who, fmt.Sprintf("seen%d", i))
			must(mover, fmt.Sprintf("DROP VIEW seen%d", i), simple)
		}
		other.Close(t.Context())
	}
}
