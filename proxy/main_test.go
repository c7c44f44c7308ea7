package proxy

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"pgseal/catalog"
	"pgseal/integration/pgtest"
	"pgseal/keycache"
	"pgseal/rewrite"
	"pgseal/session"
)

// cluster is the server of all tests: TLS and a Unix socket, and a user for
// each method of authentication, whose name is the method's.
var cluster *pgtest.Cluster

// otherCertificate is one that the server does not have.
var otherCertificate pgtest.Certificate

// clientCert and clientKey are the files of a certificate that the server
// accepts from clients.
var clientCert, clientKey string

const hba = `
local all all trust
host all postgres all trust
host all trust all trust
host all password all password
host all md5 all md5
host all scram,scram_utf8 all scram-sha-256
hostnossl all clear all trust
hostssl all encrypted all trust
hostssl all certified all trust clientcert=verify-ca
hostssl all certified_scram all scram-sha-256 clientcert=verify-ca
`

func TestMain(m *testing.M) {
	if upstream := os.Getenv(childUpstream); upstream != "" {
		os.Exit(runChild(upstream))
	}
	if os.Getenv(hardenChild) != "" {
		os.Exit(runHarden())
	}
	flag.Parse()
	if flag.Lookup("test.fuzz").Value.String() != "" {
		os.Exit(m.Run()) // fuzz targets need no server
	}
	os.Exit(testMain(m))
}

func testMain(m *testing.M) int {
	ctx := context.Background()
	var err error
	cluster, err = pgtest.Start(ctx, pgtest.Options{
		TLS:        true,
		UnixSocket: true,
		Settings:   map[string]string{"max_connections": "1200"},
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer cluster.Stop()
	if err := prepareCluster(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	dir, err := os.MkdirTemp("", "proxy-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if otherCertificate, err = pgtest.NewCertificate(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

func prepareCluster(ctx context.Context) error {
	if err := cluster.Exec(ctx, "postgres", `
		CREATE ROLE trust LOGIN;
		CREATE ROLE clear LOGIN;
		CREATE ROLE encrypted LOGIN;
		CREATE ROLE certified LOGIN;
		SET password_encryption = 'scram-sha-256';
		CREATE ROLE password LOGIN PASSWORD 'pw-password';
		CREATE ROLE scram LOGIN PASSWORD 'pw-scram';
		CREATE ROLE certified_scram LOGIN PASSWORD 'pw-certified';
		SET password_encryption = 'md5';
		CREATE ROLE md5 LOGIN PASSWORD 'pw-md5';
		GRANT ALL ON SCHEMA public TO PUBLIC`); err != nil {
		return err
	}
	// The file exists and stays the server's own.
	if err := os.WriteFile(filepath.Join(cluster.DataDir(), "pg_hba.conf"), []byte(hba), 0o600); err != nil {
		return err
	}
	// Beside the server's certificate, where the server can read.
	dir := filepath.Dir(cluster.Certificate.CertFile)
	clientCert, clientKey = filepath.Join(dir, "client.pem"), filepath.Join(dir, "client.key")
	if err := writeClientCertificate(clientCert, clientKey, "postgres"); err != nil {
		return err
	}
	if err := cluster.Exec(ctx, "postgres", fmt.Sprintf(`ALTER SYSTEM SET ssl_ca_file = '%s'`, clientCert)); err != nil {
		return err
	}
	return cluster.Exec(ctx, "postgres", `SELECT pg_reload_conf()`)
}

// relaying is a Database without a sealed column.
type relaying struct{}

var (
	noPlans   = rewrite.NewPlanner(100)
	noColumns = catalog.New(1, catalog.Contents{})
)

func (relaying) Session() Protocol {
	return session.New(session.Config{
		Planner: noPlans,
		Catalog: func() (*catalog.Snapshot, error) { return noColumns, nil },
		Keys:    func(uint32) (keycache.Lease, bool) { return keycache.Lease{}, false },
	})
}

func (relaying) OpenKey(context.Context, uint32) (func(), error) {
	return nil, errors.New("there are no keys here")
}

func (relaying) Refresh(context.Context) error { return nil }
func (relaying) CatchUp(context.Context) error { return nil }
func (relaying) Settle(context.Context) error  { return nil }
func (relaying) Close()                        {}

func openRelaying(context.Context, string) (Database, error) { return relaying{}, nil }

// testProxy is a Server that runs for one test.
type testProxy struct {
	*Server
	t      *testing.T
	Addr   string // host:port
	Socket string // directory of the Unix socket
	Log    *lockedBuffer
	stop   context.CancelFunc
	served chan error
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// upstreamPlain reaches the test cluster in clear, upstreamTLS under TLS with
// the certificate checked.
func upstreamPlain() string {
	return "postgres://postgres@" + cluster.Addr() + "/postgres?sslmode=disable"
}

func upstreamTLS() string {
	return "postgres://postgres@" + cluster.Addr() + "/postgres?sslmode=verify-full&sslrootcert=" + cluster.Certificate.CAFile
}

func upstreamSocket() string {
	return fmt.Sprintf("host=%s port=%d user=postgres dbname=postgres", cluster.SocketDir, cluster.Port)
}

func serverTLS(t testing.TB, c pgtest.Certificate) *tls.Config {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}}
}

func trusting(t testing.TB, c pgtest.Certificate) *tls.Config {
	t.Helper()
	pem, err := os.ReadFile(c.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		t.Fatal("no certificate in the file")
	}
	return &tls.Config{RootCAs: pool, ServerName: "localhost"}
}

// startProxy runs a proxy until the test ends, and then checks that it has
// ended in order.
func startProxy(t *testing.T, c Config) *testProxy {
	t.Helper()
	if c.Upstream == "" {
		c.Upstream = upstreamPlain()
		if underTLSOnly {
			c.Upstream, c.ClientTLS = upstreamTLS(), serverTLS(t, cluster.Certificate)
		}
	}
	if c.Open == nil {
		c.Open = openRelaying
	}
	if c.DrainTimeout == 0 {
		c.DrainTimeout = 5 * time.Second
	}
	log := new(lockedBuffer)
	c.Logger = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	s.noLoops = onPumps
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	// A socket's path is limited to about a hundred bytes.
	dir, err := os.MkdirTemp("", "px-")
	if err != nil {
		t.Fatal(err)
	}
	unix, err := net.Listen("unix", filepath.Join(dir, fmt.Sprintf(".s.PGSQL.%d", tcp.Addr().(*net.TCPAddr).Port)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	p := &testProxy{Server: s, t: t, Addr: tcp.Addr().String(), Socket: dir, Log: log, stop: stop, served: make(chan error, 1)}
	go func() { p.served <- s.Serve(ctx, tcp, unix) }()
	t.Cleanup(func() {
		p.Stop()
		os.RemoveAll(dir)
		if t.Failed() {
			t.Logf("log of the proxy:\n%s", log)
		}
		for _, secret := range []string{"pw-scram", "pw-md5", "pw-password", "pw-certified"} {
			if strings.Contains(log.String(), secret) {
				t.Errorf("a password stands in the log")
			}
		}
	})
	return p
}

// Stop ends the proxy and waits until it has.
func (p *testProxy) Stop() {
	p.t.Helper()
	p.stop()
	select {
	case err, ok := <-p.served:
		if ok {
			close(p.served)
		}
		if err != nil {
			p.t.Errorf("Serve: %v", err)
		}
	case <-time.After(30 * time.Second):
		p.t.Fatal("Serve did not end")
	}
}

// Port is the proxy's port, for the TCP and the Unix listener.
func (p *testProxy) Port() string {
	_, port, _ := net.SplitHostPort(p.Addr)
	return port
}

// DSN is a connection string for the proxy.
func (p *testProxy) DSN(user, more string) string {
	s := fmt.Sprintf("host=localhost hostaddr=127.0.0.1 port=%s user=%s dbname=postgres ", p.Port(), user)
	if user != "trust" && user != "postgres" {
		s += "password=pw-" + user + " "
	}
	return s + more
}

// psql runs SQL through libpq and returns what it printed.
func psql(t *testing.T, dsn, sql string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, cluster.Binaries.Program("psql"), "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", dsn, "-c", sql)
	cmd.Env = append(os.Environ(), "PGCONNECT_TIMEOUT=20", "HOME=/nonexistent")
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// eventually waits for a condition that another process or goroutine brings
// about.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-deadline:
			t.Fatalf("waited in vain: %s", what)
		case <-tick.C:
		}
	}
}
