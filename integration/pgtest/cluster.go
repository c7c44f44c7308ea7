package pgtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// Superuser is the bootstrap superuser of every cluster.
const Superuser = "postgres"

// Password is the superuser's password, and the one that DSN gives for every
// other role.
const Password = "pgtest-password"

const (
	startTimeout = time.Minute
	stopTimeout  = 20 * time.Second
	pollInterval = 20 * time.Millisecond
	portAttempts = 5
)

// Auth is the authentication method of the cluster's connections.
type Auth string

// The methods of pg_hba.conf that pgseal relays.
const (
	Trust         Auth = "trust"
	CleartextAuth Auth = "password"
	MD5           Auth = "md5"
	SCRAM         Auth = "scram-sha-256"
)

// Options say how a cluster is made. The zero value is a cluster with trust
// authentication and without TLS in the temporary directory.
type Options struct {
	// BinDir holds the server binaries; "" looks for them, and installs or
	// downloads them where there are none.
	BinDir string
	// Dir is the directory in which the cluster's own is made; "" is the
	// temporary directory, which also serves when the unprivileged user that
	// runs the server for root cannot reach Dir.
	Dir string
	// Settings go to postgresql.conf, over the package's own.
	Settings map[string]string
	// LogStatements logs the text and parameters of every statement.
	LogStatements bool
	// Fresh runs initdb and leaves nothing behind for later clusters.
	Fresh      bool
	Auth       Auth // "" is Trust
	TLS        bool // accepts TLS, and connections without it too
	UnixSocket bool // also listens on a socket in SocketDir
	// Log receives what a user should know, such as an installation; nil is
	// standard error.
	Log io.Writer
}

// Cluster is a running PostgreSQL server.
type Cluster struct {
	Binaries    Binaries
	Port        int
	SocketDir   string      // "" without UnixSocket
	Certificate Certificate // with TLS only

	auth     Auth
	dir      string
	account  account
	settings map[string]string
	cmd      *exec.Cmd
	exited   chan struct{} // closed when the server is gone
	guard    *Guard

	creating sync.Mutex
	creator  *pgx.Conn // makes databases; nil before the first
}

// Start makes a cluster and returns when it accepts connections. The caller
// must Stop it. The context bounds the start alone.
func Start(ctx context.Context, opts Options) (*Cluster, error) {
	log := opts.Log
	if log == nil {
		log = os.Stderr
	}
	var b Binaries
	var err error
	if opts.BinDir != "" {
		b, err = inspect(ctx, opts.BinDir)
	} else {
		b, err = FindOrInstall(ctx, log)
	}
	if err != nil {
		return nil, err
	}
	acct, err := serverAccount()
	if err != nil {
		return nil, err
	}
	c := &Cluster{Binaries: b, auth: opts.Auth, account: acct}
	if c.auth == "" {
		c.auth = Trust
	}
	if err := c.makeDirectories(opts); err != nil {
		return nil, errors.Join(err, c.remove())
	}
	if err := c.create(ctx, opts); err != nil {
		return nil, errors.Join(err, c.remove())
	}
	if err := c.launch(ctx); err != nil {
		return nil, errors.Join(err, c.remove())
	}
	return c, nil
}

// clusterDir makes the cluster's own directory: in parent, or in the first
// temporary directory, where the server's account can reach it.
func clusterDir(parent string, acct account) (string, error) {
	candidates := []string{os.TempDir(), "/tmp", "/var/tmp"}
	if parent != "" {
		if err := os.MkdirAll(parent, 0o755); err != nil {
			return "", err
		}
		candidates = append([]string{parent}, candidates...)
	}
	for _, candidate := range candidates {
		candidate, err := filepath.Abs(candidate)
		if err != nil {
			return "", err
		}
		if !acct.reaches(candidate) {
			continue
		}
		dir, err := os.MkdirTemp(candidate, "pg-")
		if err != nil {
			return "", err
		}
		return dir, acct.own(dir)
	}
	return "", fmt.Errorf("the unprivileged user that runs PostgreSQL reaches none of %s", strings.Join(candidates, ", "))
}

// makeDirectories makes the cluster's directories, under guard.
func (c *Cluster) makeDirectories(opts Options) (err error) {
	if c.dir, err = clusterDir(opts.Dir, c.account); err != nil {
		return err
	}
	if opts.UnixSocket {
		// Directly in the temporary directory: a socket's path is limited to
		// about a hundred bytes.
		if c.SocketDir, err = os.MkdirTemp("", "pgs-"); err != nil {
			return err
		}
		if err := os.Chmod(c.SocketDir, 0o755); err != nil {
			return err
		}
		if err := c.account.own(c.SocketDir); err != nil {
			return err
		}
	}
	c.guard, err = NewGuard(c.directories()...)
	return err
}

// create makes the data directory and the configuration.
func (c *Cluster) create(ctx context.Context, opts Options) error {
	initialise := c.initialise
	if opts.Fresh {
		initialise = func(ctx context.Context) error { return c.initdb(ctx, c.DataDir()) }
	}
	if err := initialise(ctx); err != nil {
		return err
	}
	c.settings = map[string]string{
		"listen_addresses":           "127.0.0.1",
		"unix_socket_directories":    c.SocketDir,
		"max_connections":            "200",
		"shared_buffers":             "64MB",
		"dynamic_shared_memory_type": "mmap",
		// Nothing here survives a crash of the machine, and need not.
		"fsync":              "off",
		"synchronous_commit": "off",
		"full_page_writes":   "off",
		"log_line_prefix":    "%m [%p] %q%u@%d ",
		"log_timezone":       "UTC",
		"TimeZone":           "UTC",
	}
	if opts.LogStatements {
		c.settings["log_statement"] = "all"
		c.settings["log_parameter_max_length"] = "-1"
		c.settings["log_parameter_max_length_on_error"] = "-1"
		c.settings["log_error_verbosity"] = "verbose"
	}
	if opts.TLS {
		if err := c.certify(); err != nil {
			return err
		}
	}
	maps.Copy(c.settings, opts.Settings)
	return nil
}

func (c *Cluster) certify() error {
	cert, err := NewCertificate(c.dir)
	if err != nil {
		return err
	}
	if err := c.account.own(cert.KeyFile); err != nil {
		return err
	}
	c.Certificate = cert
	c.settings["ssl"] = "on"
	c.settings["ssl_cert_file"] = cert.CertFile
	c.settings["ssl_key_file"] = cert.KeyFile
	return os.Chmod(c.dir, 0o755)
}

// launch starts the server on a free port. Another process can take the port
// between the choice and the server's bind, so it tries again.
func (c *Cluster) launch(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	var err error
	for range portAttempts {
		if c.Port, err = freePort(); err != nil {
			return err
		}
		c.settings["port"] = strconv.Itoa(c.Port)
		if err = c.run(ctx); err == nil {
			return nil
		}
		if !strings.Contains(err.Error(), "could not bind") {
			return err
		}
	}
	return err
}

func (c *Cluster) run(ctx context.Context) error {
	if err := c.writeSettings(); err != nil {
		return err
	}
	log, err := os.OpenFile(c.LogFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(filepath.Join(c.Binaries.Dir, "postgres"), "-D", c.DataDir())
	c.account.run(cmd)
	cmd.Dir = c.dir
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("postgres: %w", err)
	}
	exited := make(chan struct{})
	go func() {
		// How a server ends that was told to is of no interest, and one that
		// was not told to has written why into its log.
		_ = cmd.Wait()
		close(exited)
	}()
	c.cmd, c.exited = cmd, exited
	if err := c.guard.Watch(cmd.Process.Pid, "QUIT"); err != nil {
		return errors.Join(err, c.shutdown(syscall.SIGQUIT))
	}
	if err := c.waitReady(ctx); err != nil {
		return errors.Join(err, c.shutdown(syscall.SIGQUIT))
	}
	return nil
}

func (c *Cluster) writeSettings() error {
	var conf bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(c.settings)) {
		fmt.Fprintf(&conf, "%s = '%s'\n", name, strings.ReplaceAll(c.settings[name], "'", "''"))
	}
	path := filepath.Join(c.DataDir(), "postgresql.auto.conf")
	if err := os.WriteFile(path, conf.Bytes(), 0o600); err != nil {
		return err
	}
	return c.account.own(path)
}

func (c *Cluster) waitReady(ctx context.Context) error {
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		conn, err := pgx.Connect(ctx, c.DSN("postgres", Superuser))
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-c.exited:
			log, readErr := os.ReadFile(c.LogFile())
			return errors.Join(fmt.Errorf("the server ended while it started:\n%s", tail(log)), readErr)
		case <-ctx.Done():
			return fmt.Errorf("the server does not accept connections: %w", err)
		case <-tick.C:
		}
	}
}

// tail is the end of a log, enough to see why a start failed.
func tail(log []byte) []byte {
	const enough = 2000
	return log[max(0, len(log)-enough):]
}

// Stop ends the server (fast shutdown) and deletes its directory.
func (c *Cluster) Stop() error {
	return errors.Join(c.shutdown(syscall.SIGINT), c.remove())
}

// Restart stops the server (fast shutdown) and starts it again on the same
// port and data.
func (c *Cluster) Restart(ctx context.Context) error {
	if err := c.shutdown(syscall.SIGINT); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	return c.run(ctx)
}

func (c *Cluster) shutdown(signal syscall.Signal) error {
	if c.cmd == nil {
		return nil
	}
	for _, s := range []syscall.Signal{signal, syscall.SIGQUIT, syscall.SIGKILL} {
		if err := c.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return err
		}
		select {
		case <-c.exited:
			c.cmd = nil
			return nil
		case <-time.After(stopTimeout):
		}
	}
	return fmt.Errorf("the server with process id %d does not end", c.cmd.Process.Pid)
}

func (c *Cluster) remove() error {
	var err error
	for _, dir := range c.directories() {
		err = errors.Join(err, os.RemoveAll(dir))
	}
	if c.guard != nil {
		err = errors.Join(err, c.guard.Dismiss())
		c.guard = nil
	}
	return err
}

func (c *Cluster) directories() []string {
	var made []string
	for _, dir := range []string{c.dir, c.SocketDir} {
		if dir != "" {
			made = append(made, dir)
		}
	}
	return made
}

// DataDir is the cluster's data directory.
func (c *Cluster) DataDir() string { return filepath.Join(c.dir, "data") }

// LogFile is the server's log, which stands outside the data directory.
func (c *Cluster) LogFile() string { return filepath.Join(c.dir, "server.log") }

// Addr is the server's host:port.
func (c *Cluster) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(c.Port)) }

// DSN is the URL of a database for a role. Without TLS it says sslmode=disable,
// with TLS sslmode=verify-full.
func (c *Cluster) DSN(database, role string) string {
	query := url.Values{"sslmode": {"disable"}}
	if c.Certificate.CAFile != "" {
		query = url.Values{"sslmode": {"verify-full"}, "sslrootcert": {c.Certificate.CAFile}}
	}
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(role, Password),
		Host:     c.Addr(),
		Path:     "/" + database,
		RawQuery: query.Encode(),
	}
	return u.String()
}

// CreateDatabase makes a database, empty and owned by the superuser where no clause of
// CREATE DATABASE says otherwise. It copies files, which takes half of the time that
// PostgreSQL 15 and later need to log every page instead.
func (c *Cluster) CreateDatabase(ctx context.Context, name string, clauses ...string) error {
	if c.Binaries.Major >= 15 {
		clauses = append(clauses[:len(clauses):len(clauses)], "STRATEGY file_copy")
	}
	c.creating.Lock()
	defer c.creating.Unlock()
	if c.creator == nil || c.creator.Ping(ctx) != nil { // the server may have been started again
		conn, err := pgx.Connect(ctx, c.DSN("postgres", Superuser))
		if err != nil {
			return err
		}
		c.creator = conn
	}
	_, err := c.creator.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize()+" "+strings.Join(clauses, " "))
	return err
}

// Exec runs SQL text, which may hold several statements, as the superuser.
func (c *Cluster) Exec(ctx context.Context, database, sql string) error {
	conn, err := pgx.Connect(ctx, c.DSN(database, Superuser))
	if err != nil {
		return err
	}
	_, err = conn.PgConn().Exec(ctx, sql).ReadAll()
	return errors.Join(err, conn.Close(ctx))
}

// freePort returns a TCP port of the loopback interface that was free a moment
// ago.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	port := l.Addr().(*net.TCPAddr).Port
	return port, l.Close()
}
