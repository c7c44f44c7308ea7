package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"

	"pgseal/integration/harness"
	"pgseal/integration/pgtest"
)

// target is one way to the database.
type target struct {
	url string
	pid int // of the proxy, 0 for none
}

// bench is everything that runs.
type bench struct {
	cluster   *pgtest.Cluster
	pgbench   string
	targets   map[string]target
	crypted   bool // pgcrypto is installed
	dir       string
	guard     *pgtest.Guard // of dir
	processes []*harness.Process

	certificate pgtest.Certificate // of the proxies
}

const database = "bench"

func start(ctx context.Context) (_ *bench, err error) {
	b := &bench{targets: map[string]target{}}
	defer func() {
		if err != nil {
			err = stopAll(b, err)
		}
	}()
	if b.dir, err = os.MkdirTemp("", "pgseal-bench-"); err != nil {
		return nil, err
	}
	if b.guard, err = pgtest.NewGuard(b.dir); err != nil {
		return nil, err
	}
	// pgbouncer gives up being root before it reads its configuration again.
	if err := os.Chmod(b.dir, 0o755); err != nil {
		return nil, err
	}
	if b.certificate, err = pgtest.NewCertificate(b.dir); err != nil {
		return nil, err
	}
	if err := os.Chmod(b.certificate.KeyFile, 0o644); err != nil { // nor is it root when it reads this
		return nil, err
	}
	b.cluster, err = pgtest.Start(ctx, pgtest.Options{Settings: map[string]string{
		"shared_buffers": "256MB", "autovacuum": "off", "max_parallel_workers_per_gather": "0",
		// A checkpoint in one target's turn would be taken for its doing.
		"checkpoint_timeout": "1h", "max_wal_size": "16GB",
	}})
	if err != nil {
		return nil, err
	}
	if b.pgbench = b.cluster.Binaries.Program("pgbench"); b.pgbench == "" {
		return nil, errors.New("pgbench is not on this machine (Debian: postgresql)")
	}
	if err := b.fill(ctx); err != nil {
		return nil, err
	}
	for _, step := range []func(context.Context) error{b.startSplice, b.startPgbouncer, b.startPgseal} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return b, b.cluster.Exec(ctx, database, "VACUUM ANALYZE")
}

func (b *bench) fill(ctx context.Context) error {
	fmt.Printf("Filling tables of %d rows.\n", rows)
	if err := b.cluster.CreateDatabase(ctx, database); err != nil {
		return err
	}
	b.targets[direct] = target{url: b.cluster.DSN(database, pgtest.Superuser)}
	if err := b.cluster.Exec(ctx, database, fmt.Sprintf(plainTables, rows)); err != nil {
		return err
	}
	if out, err := exec.CommandContext(ctx, b.pgbench, "-i", "-q", b.targets[direct].url).CombinedOutput(); err != nil {
		return fmt.Errorf("pgbench -i: %w\n%s", err, out)
	}
	if err := b.cluster.Exec(ctx, database, cryptedTable); err != nil {
		fmt.Println("pgcrypto is left out:", err)
		return nil
	}
	b.crypted = true
	return nil
}

// listening starts a proxy and makes it a target.
func (b *bench) listening(ctx context.Context, name, addr string, cmd *exec.Cmd) error {
	p, err := harness.StartProcess(ctx, filepath.Join(b.dir, name+".log"), addr, cmd)
	if err != nil {
		return err
	}
	b.processes = append(b.processes, p)
	u, err := url.Parse(b.targets[direct].url)
	if err != nil {
		return err
	}
	u.Host = addr
	b.targets[name] = target{url: u.String(), pid: p.PID()}
	return nil
}

func (b *bench) startSplice(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	addr, err := harness.FreeAddr()
	if err != nil {
		return err
	}
	return b.listening(ctx, spliced, addr, exec.Command(self, spliceCommand, addr, b.cluster.Addr()))
}

// A connection to the server is used once, as it is by the others: left over
// from earlier rounds its process would have the tables' pages mapped already,
// while those of the others take their page faults in every round.
const pgbouncerConfig = `
[databases]
%s = host=127.0.0.1 port=%d
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %s
unix_socket_dir =
auth_type = trust
auth_file = %s
pool_mode = session
max_client_conn = 100
default_pool_size = 50
server_lifetime = 0
log_connections = 0
log_disconnections = 0
ignore_startup_parameters = extra_float_digits
client_tls_sslmode = allow
client_tls_cert_file = %s
client_tls_key_file = %s
`

func (b *bench) startPgbouncer(ctx context.Context) error {
	path, err := exec.LookPath("pgbouncer")
	if err != nil {
		path = "/usr/sbin/pgbouncer" // Debian's, which is not on every PATH
	}
	if _, err := os.Stat(path); err != nil {
		fmt.Println("pgbouncer is not on this machine and left out.")
		return nil
	}
	addr, err := harness.FreeAddr()
	if err != nil {
		return err
	}
	_, port, _ := strings.Cut(addr, ":")
	users, config := filepath.Join(b.dir, "users.txt"), filepath.Join(b.dir, "pgbouncer.ini")
	if err := os.WriteFile(users, []byte(`"`+pgtest.Superuser+`" ""`+"\n"), 0o644); err != nil {
		return err
	}
	text := fmt.Sprintf(pgbouncerConfig, database, b.cluster.Port, port, users, b.certificate.CertFile, b.certificate.KeyFile)
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		return err
	}
	var args []string
	if os.Geteuid() == 0 { // it refuses root
		args = []string{"-u", "nobody"}
		if _, err := user.Lookup("postgres"); err == nil {
			args = []string{"-u", "postgres"}
		}
	}
	return b.listening(ctx, pgbouncer, addr, exec.Command(path, append(args, config)...))
}

func (b *bench) startPgseal(ctx context.Context) error {
	binary, err := harness.BuildPgseal(ctx, b.dir)
	if err != nil {
		return err
	}
	kmsAddr, err := harness.FreeAddr()
	if err != nil {
		return err
	}
	dev := exec.Command(binary, "kms-dev", "--listen", kmsAddr, "--store", filepath.Join(b.dir, "kms.store"))
	p, err := harness.StartProcess(ctx, filepath.Join(b.dir, "kms-dev.log"), kmsAddr, dev)
	if err != nil {
		return err
	}
	b.processes = append(b.processes, p)
	kms := harness.NewKMS(kmsAddr)
	key, err := kms.CreateKey(ctx)
	if err != nil {
		return err
	}
	environ := append(os.Environ(), kms.Environ()...)
	for _, args := range [][]string{
		{"init", "--kms-key-id", key},
		{"seal", "public.sealed.n", "--equality"},
		{"seal", "public.sealed.a"},
		{"seal", "public.sealed.b"},
		{"seal", "public.sealed_new.n", "--equality"},
		{"seal", "public.sealed_new.a"},
		{"seal", "public.sealed_new.b"},
		{"seal", "public.sealed_in.n", "--equality"},
		{"seal", "public.sealed_in.a"},
		{"seal", "public.sealed_in.b"},
	} {
		cmd := exec.CommandContext(ctx, binary, append(args, "--database-url", b.targets[direct].url)...)
		cmd.Env = environ
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("pgseal %s: %w\n%s", strings.Join(args, " "), err, out)
		}
	}
	addr, err := harness.FreeAddr()
	if err != nil {
		return err
	}
	serve := exec.Command(binary, "serve", "--listen", addr, "--database-url", b.targets[direct].url,
		"--tls-cert", b.certificate.CertFile, "--tls-key", b.certificate.KeyFile)
	serve.Env = environ
	return b.listening(ctx, pgseal, addr, serve)
}

// stopAll ends what runs and joins what goes wrong to err.
func stopAll(b *bench, err error) error {
	for _, p := range b.processes {
		err = errors.Join(err, p.Kill())
	}
	if b.cluster != nil {
		err = errors.Join(err, b.cluster.Stop())
	}
	err = errors.Join(err, os.RemoveAll(b.dir))
	if b.guard != nil {
		err = errors.Join(err, b.guard.Dismiss())
	}
	return err
}
