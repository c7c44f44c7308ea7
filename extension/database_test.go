package extension

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"pgseal/integration/pgtest"
)

// owner is a role without any privilege; the databases of the tests are its own.
const owner = "owner"

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

var cluster *pgtest.Cluster

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	c, err := startCluster(context.Background(), "")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	cluster = c
	status := m.Run()
	if err := c.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return status
}

func startCluster(ctx context.Context, bindir string) (*pgtest.Cluster, error) {
	c, err := pgtest.Start(ctx, pgtest.Options{BinDir: bindir})
	if err != nil {
		return nil, err
	}
	return c, c.Exec(ctx, "postgres", "CREATE ROLE "+owner+" LOGIN")
}

func connect(t *testing.T, c *pgtest.Cluster, database, role string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), c.DSN(database, role))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

var databases atomic.Int32

func newDatabase(t *testing.T) string { return newDatabaseIn(t, cluster) }

func newDatabaseIn(t *testing.T, c *pgtest.Cluster) string {
	t.Helper()
	name := fmt.Sprintf("test%d", databases.Add(1))
	if err := c.CreateDatabase(t.Context(), name, "OWNER "+owner); err != nil {
		t.Fatal(err)
	}
	return name
}

// installedDatabase is a database of an unprivileged owner with the schema in it.
func installedDatabase(t *testing.T) (database string, conn *pgx.Conn) {
	t.Helper()
	database = newDatabase(t)
	conn = connect(t, cluster, database, owner)
	if _, err := Install(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	return database, conn
}

func one[T any](t *testing.T, conn *pgx.Conn, sql string, args ...any) (v T) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), sql, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}

func mustExec(t *testing.T, conn *pgx.Conn, sql string, args ...any) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}
