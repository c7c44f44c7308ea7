package integration

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"pgseal/integration/harness"
	"pgseal/integration/pgtest"
)

// replicating is a server that streams its WAL, with a sealed column, and a proxy
// in front of it.
func replicating(t *testing.T) (*pgtest.Cluster, *harness.Process) {
	t.Helper()
	ctx := t.Context()
	env := harness.Shared(t)
	c, err := harness.StartCluster(ctx, pgtest.Options{BinDir: env.Sealed.Binaries.Dir, Settings: map[string]string{"wal_level": "logical"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Stop() })
	if err := c.CreateDatabase(ctx, "source"); err != nil {
		t.Fatal(err)
	}
	if err := c.Exec(ctx, "source", "ALTER ROLE "+harness.Owner+" REPLICATION; ALTER DATABASE source OWNER TO "+harness.Owner+";"+
		"CREATE TABLE people (id int PRIMARY KEY, ssn text); ALTER TABLE people OWNER TO "+harness.Owner); err != nil {
		t.Fatal(err)
	}
	return c, sealedProxy(t, c, "source", "people.ssn")
}

// sealedProxy seals columns of the schema public in a database of a cluster, and starts a
// proxy in front of it.
func sealedProxy(t *testing.T, c *pgtest.Cluster, database string, columns ...string) *harness.Process {
	t.Helper()
	env := harness.Shared(t)
	commands := [][]string{{"init", "--kms-key-id", env.Key}}
	for _, column := range columns {
		commands = append(commands, append([]string{"seal"}, strings.Fields("public."+column)...))
	}
	for _, args := range commands {
		if r, err := env.CommandOn(t.Context(), c, database, args...); err != nil || r.Status != 0 {
			t.Fatalf("pgseal %v: %v %s", args, err, r.Stderr)
		}
	}
	proxy, err := env.StartProxy(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := proxy.Stop(); err != nil {
			t.Error(err)
		}
	})
	return proxy
}

// writing has the server write WAL until it is told to stop: what follows its end
// waits for more than that.
func writing(t *testing.T, c *pgtest.Cluster) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			err := c.Exec(ctx, "source", "SELECT pg_logical_emit_message(false, 'more', '')")
			switch {
			case ctx.Err() != nil:
				ended <- nil
				return
			case err != nil:
				ended <- err
				return
			}
			<-tick.C
		}
	}()
	return func() {
		t.Helper()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

func TestReplicationConnectionsAreRelayed(t *testing.T) {
	backup, receivewal, recvlogical := programFor(t, "pg_basebackup"), programFor(t, "pg_receivewal"), programFor(t, "pg_recvlogical")
	c, proxy := replicating(t)
	url := throughProxy(t, c.DSN("source", harness.Owner), proxy)
	dir := t.TempDir()

	data := filepath.Join(dir, "backup")
	client(t, backup, "-d", url, "-D", data, "-X", "stream", "-c", "fast", "--no-sync")
	for _, name := range []string{"PG_VERSION", "backup_manifest", "global/pg_control"} {
		if _, err := os.Stat(filepath.Join(data, name)); err != nil {
			t.Errorf("the backup lacks %s", name)
		}
	}
	wal := filepath.Join(dir, "wal")
	if err := os.Mkdir(wal, 0o700); err != nil {
		t.Fatal(err)
	}
	var end string
	direct, err := pgx.Connect(t.Context(), c.DSN("source", pgtest.Superuser))
	if err != nil {
		t.Fatal(err)
	}
	defer direct.Close(context.WithoutCancel(t.Context()))
	if err := direct.QueryRow(t.Context(), "SELECT pg_current_wal_flush_lsn()").Scan(&end); err != nil {
		t.Fatal(err)
	}
	stop := writing(t, c)
	client(t, receivewal, "-d", url, "-D", wal, "--endpos="+end, "--no-sync")
	stop()
	if files, err := os.ReadDir(wal); err != nil || len(files) == 0 {
		t.Errorf("pg_receivewal received %v, %v", files, err)
	}

	// A slot of the sealed table's name is no statement about it, but its stream has the
	// table's rows as they are stored.
	client(t, recvlogical, "-d", url, "--slot=people", "--create-slot", "--plugin=test_decoding")
	start := exec.CommandContext(t.Context(), recvlogical, "-d", url, "--slot=people", "--start", "--endpos="+end, "-f", "-", "--no-loop")
	if got, err := start.CombinedOutput(); err == nil || !strings.Contains(string(got), "streams of the plugin pgoutput only") {
		t.Errorf("pg_recvlogical ended with %v, %q", err, got)
	}
	client(t, recvlogical, "-d", url, "--slot=people", "--drop-slot")
}

// A logical replication session is one that runs SQL: what it writes is sealed,
// also after a stream was refused.
func TestALogicalReplicationSessionSealsWhatItWrites(t *testing.T) {
	c, proxy := replicating(t)
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	for _, value := range []string{"database", "off", "f"} {
		t.Run("replication="+value, func(t *testing.T) {
			conn, err := pgconn.Connect(ctx, throughProxy(t, c.DSN("source", harness.Owner), proxy)+"&replication="+value)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close(context.WithoutCancel(ctx))
			if value == "database" {
				refusedStream(t, ctx, conn)
			}
			word := harness.Shared(t).Canaries.Text()
			if err := conn.Exec(ctx, fmt.Sprintf("DELETE FROM people; INSERT INTO people VALUES (7, '%s')", word)).Close(); err != nil {
				t.Fatal(err)
			}
			results, err := conn.Exec(ctx, "SELECT ssn FROM people WHERE id = 7").ReadAll()
			if err != nil || len(results[0].Rows) != 1 || string(results[0].Rows[0][0]) != word {
				t.Errorf("read back %v, %v", results, err)
			}
		})
	}
	if log, err := os.ReadFile(c.LogFile()); err != nil || bytes.Contains(log, []byte(harness.Shared(t).Canaries.Text())) {
		t.Errorf("a canary stands in the server's log, or %v", err)
	}
}

// refusedStream asks for a logical stream, which would have the values as they are stored.
func refusedStream(t *testing.T, ctx context.Context, conn *pgconn.PgConn) {
	t.Helper()
	if err := conn.Exec(ctx, "CREATE_REPLICATION_SLOT once TEMPORARY LOGICAL test_decoding").Close(); err != nil {
		t.Fatal(err)
	}
	err := conn.Exec(ctx, "START_REPLICATION SLOT once LOGICAL 0/0").Close()
	if e := (*pgconn.PgError)(nil); !errors.As(err, &e) || e.Code != "0A000" || !strings.Contains(e.Detail, "encrypted") {
		t.Errorf("a logical stream: %v", err)
	}
}
