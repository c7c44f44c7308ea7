package logical

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// pgServer is a private PostgreSQL cluster, the oracle of these tests.
type pgServer struct {
	dir  string
	port int
	cmd  *exec.Cmd
}

// oracleVersion is how the server says that it is the one whose behaviour this
// package has: messages and accepted inputs change between major versions.
const oracleVersion = ") 15."

// oracle starts the server when a test first asks for it, so that the workers
// of a fuzz run, which are killed and not stopped, leave none behind. It gives
// nil where no such server is found; the tests against it are then skipped and
// the golden corpus speaks for it.
var oracle = sync.OnceValues(func() (*pgServer, error) {
	bin := findServerBinaries()
	if bin == "" {
		return nil, nil
	}
	server, err := startServer(bin)
	running = server
	return server, err
})

// running is what TestMain has to stop.
var running *pgServer

func TestMain(m *testing.M) {
	code := m.Run()
	if running != nil {
		running.stop()
	}
	os.Exit(code)
}

func findServerBinaries() string {
	candidates := []string{os.Getenv("PGSEAL_PG_BINDIR")}
	if out, err := exec.Command("pg_config", "--bindir").Output(); err == nil {
		candidates = append(candidates, strings.TrimSpace(string(out)))
	}
	versions, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	candidates = append(candidates, versions...)
	if path, err := exec.LookPath("initdb"); err == nil {
		candidates = append(candidates, filepath.Dir(path))
	}
	for _, dir := range candidates {
		if dir == "" {
			continue
		}
		if _, err := os.Stat(filepath.Join(dir, "initdb")); err != nil {
			continue
		}
		version, err := exec.Command(filepath.Join(dir, "postgres"), "--version").Output()
		if err == nil && strings.Contains(string(version), oracleVersion) {
			return dir
		}
	}
	return ""
}

func startServer(bin string) (*pgServer, error) {
	dir, err := os.MkdirTemp("", "pgseal-logical-")
	if err != nil {
		return nil, err
	}
	s := &pgServer{dir: dir}
	var attr *syscall.SysProcAttr
	if os.Getuid() == 0 {
		// The server refuses to run as root.
		u, err := user.Lookup("postgres")
		if err != nil {
			return nil, err
		}
		uid, _ := strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		if err := os.Chown(dir, uid, gid); err != nil {
			return nil, err
		}
		attr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	}
	data := filepath.Join(dir, "data")
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", data, "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C", "-N")
	initdb.SysProcAttr, initdb.Dir = attr, dir
	if out, err := initdb.CombinedOutput(); err != nil {
		os.RemoveAll(dir)
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s.port = listener.Addr().(*net.TCPAddr).Port
	listener.Close()
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	s.cmd = exec.Command(filepath.Join(bin, "postgres"), "-D", data, "-p", strconv.Itoa(s.port), "-k", dir,
		"-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "full_page_writes=off",
		"-c", "timezone=UTC", "-c", "log_min_messages=fatal", "-c", "log_min_error_statement=fatal",
		"-c", "max_connections=20", "-c", "shared_buffers=16MB")
	s.cmd.SysProcAttr, s.cmd.Dir, s.cmd.Stderr = attr, dir, log
	if err := s.cmd.Start(); err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	if err := s.awaitReady(); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

func (s *pgServer) url() string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/postgres?sslmode=disable", s.port)
}

func (s *pgServer) awaitReady() error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := pgconn.Connect(ctx, s.url())
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-tick.C:
		}
	}
}

func (s *pgServer) stop() {
	s.cmd.Process.Signal(syscall.SIGINT) // fast shutdown
	s.cmd.Wait()
	os.RemoveAll(s.dir)
}

// connect opens a session that ends with the test.
func (s *pgServer) connect(t testing.TB) *pgconn.PgConn {
	t.Helper()
	conn, err := pgconn.Connect(context.Background(), s.url())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

func needServer(t testing.TB) *pgServer {
	t.Helper()
	server, err := oracle()
	if err != nil {
		t.Fatal(err)
	}
	if server == nil {
		t.Skip("no binaries of a PostgreSQL 15 server on this host: only the golden corpus is tested")
	}
	return server
}
