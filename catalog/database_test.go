package catalog_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"pgseal/extension"
	"pgseal/integration/pgtest"
)

// owner is a role without any privilege; the databases of the tests are its own.
const owner = "owner"

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

var cluster *pgtest.Cluster

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	c, err := startCluster(context.Background())
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

func startCluster(ctx context.Context) (*pgtest.Cluster, error) {
	c, err := pgtest.Start(ctx, pgtest.Options{})
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

// newDatabase is an empty database of the owner, who owns its schema public as
// well, which before PostgreSQL 15 is the superuser's.
func newDatabase(t *testing.T, c *pgtest.Cluster) (database string, conn *pgx.Conn) {
	t.Helper()
	database = fmt.Sprintf("test%d", databases.Add(1))
	if err := c.CreateDatabase(t.Context(), database, "OWNER "+owner); err != nil {
		t.Fatal(err)
	}
	if err := c.Exec(t.Context(), database, "ALTER SCHEMA public OWNER TO pg_database_owner"); err != nil {
		t.Fatal(err)
	}
	return database, connect(t, c, database, owner)
}

// sealedDatabase is a database with pgseal and what `pgseal seal` makes for
// public.users: columns 1 (ssn, varchar(11), equality) and 2 (note, text).
func sealedDatabase(t *testing.T) (database string, conn *pgx.Conn) {
	t.Helper()
	database, conn = newDatabase(t, cluster)
	install(t, conn)
	return database, conn
}

func install(t *testing.T, conn *pgx.Conn) {
	t.Helper()
	if _, err := extension.Install(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	mustExec(t, conn, `
		CREATE TABLE users (id int PRIMARY KEY, gone int, ssn bytea, note bytea);
		ALTER TABLE users DROP gone;
		INSERT INTO pgseal.sealed_table (relation, name_at_creation) VALUES ('users', 'public.users');
		INSERT INTO pgseal.data_key (table_id, purpose, version, state, kms_key_arn, key_spec, ciphertext_blob, encryption_context)
		VALUES (1, 'seal', 1, 'active', 'arn', 'AES_256', '\x01', '{}'), (1, 'index', 1, 'active', 'arn', 'AES_256', '\x02', '{}');
		CREATE DOMAIN pgseal_column.public_users_ssn AS bytea CHECK (pgseal.is_envelope(VALUE, 1, 1));
		CREATE DOMAIN pgseal_column.public_users_note AS bytea CHECK (pgseal.is_envelope(VALUE, 2, 0));
		INSERT INTO pgseal.sealed_column (table_id, domain, schema_name, table_name, column_name, logical_type, typmod, terms, index_key_id)
		VALUES (1, 'pgseal_column.public_users_ssn', 'public', 'users', 'ssn', 'varchar', 15, 1, 2),
		       (1, 'pgseal_column.public_users_note', 'public', 'users', 'note', 'text', -1, 0, NULL);
		ALTER TABLE users ALTER ssn TYPE pgseal_column.public_users_ssn, ALTER note TYPE pgseal_column.public_users_note;
		CREATE UNIQUE INDEX users_ssn_key ON users (pgseal.eq(ssn))`)
}

// mustExec runs statements in one transaction.
func mustExec(t *testing.T, conn *pgx.Conn, sql string) {
	t.Helper()
	if _, err := conn.PgConn().Exec(t.Context(), sql).ReadAll(); err != nil {
		t.Fatalf("%s: %v", strings.TrimSpace(sql), err)
	}
}

func one[T any](t *testing.T, conn *pgx.Conn, sql string, args ...any) (v T) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), sql, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}
