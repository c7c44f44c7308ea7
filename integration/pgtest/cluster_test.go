package pgtest_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"pgseal/integration/pgtest"
)

// childVariable makes the test binary the process that is killed in
// TestKilledProcessLeavesNothing.
const childVariable = "PGTEST_CHILD_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childVariable); dir != "" {
		runChild(dir)
	}
	os.Exit(m.Run())
}

func TestClusterAnswersAndVanishes(t *testing.T) {
	parent := t.TempDir()
	c := start(t, pgtest.Options{Dir: parent, UnixSocket: true})
	if err := c.CreateDatabase(t.Context(), `odd "name"`); err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), c.DSN(`odd "name"`, pgtest.Superuser))
	if err != nil {
		t.Fatal(err)
	}
	var name string
	if err := conn.QueryRow(t.Context(), "SELECT current_database()").Scan(&name); err != nil || name != `odd "name"` {
		t.Fatalf("current_database() = %q, %v", name, err)
	}
	socket := fmt.Sprintf("host=%s port=%d user=%s dbname=postgres", c.SocketDir, c.Port, pgtest.Superuser)
	local, err := pgx.Connect(t.Context(), socket)
	if err != nil {
		t.Fatal(err)
	}
	local.Close(t.Context())

	// Fast shutdown: an open session does not hold it up.
	if err := c.Stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := net.Dial("tcp", c.Addr()); err == nil {
		t.Error("the port still answers after Stop")
	}
	for _, path := range []string{c.DataDir(), c.LogFile(), c.SocketDir} {
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is still there after Stop", path)
		}
	}
}

func TestAuthenticationMethods(t *testing.T) {
	for _, auth := range []pgtest.Auth{pgtest.CleartextAuth, pgtest.MD5, pgtest.SCRAM} {
		t.Run(string(auth), func(t *testing.T) {
			c := start(t, pgtest.Options{Auth: auth})
			if err := c.Exec(t.Context(), "postgres", "SELECT 1"); err != nil {
				t.Errorf("right password: %v", err)
			}
			wrong := strings.Replace(c.DSN("postgres", pgtest.Superuser), pgtest.Password, "wrong", 1)
			_, err := pgx.Connect(t.Context(), wrong)
			if pgErr := new(pgconn.PgError); !errors.As(err, &pgErr) || pgErr.Code != "28P01" {
				t.Errorf("wrong password: %v, want SQLSTATE 28P01", err)
			}
		})
	}
}

func TestTLSIsVerifiedByTheDSN(t *testing.T) {
	c := start(t, pgtest.Options{TLS: true})
	conn, err := pgx.Connect(t.Context(), c.DSN("postgres", pgtest.Superuser))
	if err != nil {
		t.Fatal(err)
	}
	var encrypted bool
	row := conn.QueryRow(t.Context(), "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
	if err := row.Scan(&encrypted); err != nil || !encrypted {
		t.Errorf("ssl = %v, %v", encrypted, err)
	}
}

func TestRestartKeepsTheData(t *testing.T) {
	c := start(t, pgtest.Options{})
	if err := c.Exec(t.Context(), "postgres", "CREATE TABLE kept (i int); CHECKPOINT"); err != nil {
		t.Fatal(err)
	}
	if err := c.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := c.Exec(t.Context(), "postgres", "SELECT i FROM kept"); err != nil {
		t.Errorf("after a restart: %v", err)
	}
}

func TestStatementsAreLoggedWithTheirParameters(t *testing.T) {
	c := start(t, pgtest.Options{LogStatements: true})
	conn, err := pgx.Connect(t.Context(), c.DSN("postgres", pgtest.Superuser))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), "SELECT $1::text", "a-parameter"); err != nil {
		t.Fatal(err)
	}
	log, err := os.ReadFile(c.LogFile())
	if err != nil || !strings.Contains(string(log), "a-parameter") {
		t.Errorf("the log lacks the parameter (%v):\n%s", err, log)
	}
}

// A test process that is killed cannot stop its server: the guard does.
func TestKilledProcessLeavesNothing(t *testing.T) {
	parent, err := os.MkdirTemp("", "pgtest-kill-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(parent) })
	if err := os.Chmod(parent, 0o777); err != nil {
		t.Fatal(err)
	}
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childVariable+"="+parent)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	addr, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", strings.TrimSpace(addr))
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	child.Wait()
	// The server closes its connections when it ends.
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, conn); err != nil && errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal("the server survived the process that started it")
	}
	eventually(t, "the cluster's directory is deleted", func() bool {
		left, err := filepath.Glob(filepath.Join(parent, "*"))
		return err == nil && len(left) == 0
	})
}

func runChild(dir string) {
	c, err := pgtest.Start(context.Background(), pgtest.Options{Dir: dir})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(c.Addr())
	select {} // until killed
}

func start(t *testing.T, opts pgtest.Options) *pgtest.Cluster {
	t.Helper()
	c, err := pgtest.Start(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not within 30 seconds: %s", what)
		}
	}
}
