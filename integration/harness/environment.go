package harness

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"pgseal/integration/pgtest"
)

// Owner is the role that owns the databases, runs the commands and is the
// proxy's own. It is not a superuser.
const Owner = "owner"

// Environment is what one test process shares.
type Environment struct {
	Canaries *Canaries
	Twin     *pgtest.Cluster // plain databases
	Sealed   *pgtest.Cluster // sealed ones, logging everything
	KMS      *KMS
	Key      string   // ARN of the KMS key that databases use by default
	Proxy    *Process // in front of Sealed
	Binary   string   // the pgseal under test

	dir      string
	guard    *pgtest.Guard // of dir
	kmsdev   *Process
	proxies  atomic.Int32
	commands sync.Mutex // the file of the commands' output
}

var shared struct {
	once sync.Once
	env  *Environment
	err  error
}

// Shared returns the process's environment and starts it when asked first.
func Shared(t testing.TB) *Environment {
	t.Helper()
	shared.once.Do(func() { shared.env, shared.err = start(context.Background()) })
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.env
}

// Run runs a package's tests, then searches for canaries and stops what runs.
// TestMain calls it: os.Exit(harness.Run(m)).
func Run(m *testing.M) int {
	code := m.Run()
	env := shared.env
	if env == nil {
		return code
	}
	hits, err := env.SearchCanaries(context.Background())
	for _, hit := range hits {
		fmt.Printf("canary: %s\n", hit)
	}
	if len(hits) > 0 {
		fmt.Printf("FAIL: %d canaries found where no plaintext may be\n", len(hits))
		code = 1
	}
	if err = errors.Join(err, env.stop()); err != nil {
		fmt.Println("FAIL:", err)
		code = 1
	}
	return code
}

func start(ctx context.Context) (_ *Environment, err error) {
	dir, err := os.MkdirTemp("", "pgseal-test-")
	if err != nil {
		return nil, err
	}
	env := &Environment{Canaries: NewCanaries(), dir: dir}
	defer func() {
		if err != nil {
			err = errors.Join(err, env.stop())
		}
	}()
	if env.guard, err = pgtest.NewGuard(dir); err != nil {
		return nil, err
	}
	if env.Binary, err = BuildPgseal(ctx, dir); err != nil {
		return nil, err
	}
	if env.Twin, err = StartCluster(ctx, pgtest.Options{}); err != nil {
		return nil, err
	}
	if env.Sealed, err = StartCluster(ctx, leaky(ctx)); err != nil {
		return nil, err
	}
	kmsAddr, err := FreeAddr()
	if err != nil {
		return nil, err
	}
	kmsdev := exec.Command(env.Binary, "kms-dev", "--listen", kmsAddr, "--store", filepath.Join(dir, "kms.store"))
	if env.kmsdev, err = StartProcess(ctx, filepath.Join(dir, "kms-dev.log"), kmsAddr, kmsdev); err != nil {
		return nil, err
	}
	env.KMS = NewKMS(kmsAddr)
	if env.Key, err = env.KMS.CreateKey(ctx); err != nil {
		return nil, err
	}
	if env.Proxy, err = env.StartProxy(ctx, env.Sealed); err != nil {
		return nil, err
	}
	return env, nil
}

// ownPublic has a database's schema public belong to Owner, whose the database is, as it
// does by default from PostgreSQL 15 on.
const ownPublic = "ALTER SCHEMA public OWNER TO " + Owner

// StartCluster starts a cluster that has the role Owner, whose the schema public of its
// databases is. The caller stops it.
func StartCluster(ctx context.Context, opts pgtest.Options) (*pgtest.Cluster, error) {
	// With hundreds of databases, of which autovacuum begins with another one several
	// times a second, it would be busier than many a test, and find nothing to do.
	settings := map[string]string{"autovacuum": "off", "jit": "off"}
	maps.Copy(settings, opts.Settings)
	opts.Settings = settings
	c, err := pgtest.Start(ctx, opts)
	if err != nil {
		return nil, err
	}
	if err := c.Exec(ctx, "template1", fmt.Sprintf("CREATE ROLE %s LOGIN PASSWORD '%s'; %s", Owner, pgtest.Password, ownPublic)); err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	return c, nil
}

// leaky is a server that writes down as much as PostgreSQL can be told to.
func leaky(ctx context.Context) pgtest.Options {
	opts := pgtest.Options{LogStatements: true, Settings: map[string]string{
		"log_min_messages":           "info",
		"log_min_error_statement":    "info",
		"log_min_duration_statement": "0",
		"log_duration":               "on",
		"track_activity_query_size":  "65536",
		"wal_compression":            "off",
	}}
	b, err := pgtest.FindOrInstall(ctx, os.Stderr)
	if err != nil {
		return opts // the cluster's start reports it
	}
	opts.BinDir = b.Dir
	library := filepath.Join(b.Dir, "..", "lib", "pg_stat_statements.so")
	if _, err := os.Stat(library); err == nil {
		opts.Settings["shared_preload_libraries"] = "pg_stat_statements"
		opts.Settings["pg_stat_statements.track"] = "all"
	}
	return opts
}

// StartProxy starts a proxy in front of a cluster. Flags are those of pgseal
// serve. The caller stops it, unless it is the environment's own.
func (env *Environment) StartProxy(ctx context.Context, c *pgtest.Cluster, flags ...string) (*Process, error) {
	addr, err := FreeAddr()
	if err != nil {
		return nil, err
	}
	args := append([]string{"serve", "--listen", addr, "--database-url", c.DSN("postgres", Owner)}, flags...)
	cmd := exec.Command(env.Binary, args...)
	cmd.Env = env.environ()
	log := fmt.Sprintf("proxy-%d.log", env.proxies.Add(1))
	return StartProcess(ctx, filepath.Join(env.dir, log), addr, cmd)
}

// environ is the environment of a pgseal process: the caller's without what
// could reach another server or key, and the way to this KMS.
func (env *Environment) environ() []string {
	var kept []string
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		if strings.HasPrefix(name, "PG") || strings.HasPrefix(name, "AWS_") {
			continue
		}
		kept = append(kept, v)
	}
	kept = append(kept, env.KMS.Environ()...)
	return append(kept, "GORACE=halt_on_error=1 atexit_sleep_ms=0 "+os.Getenv("GORACE"))
}

// Result is what a command printed and its exit status.
type Result struct {
	Stdout, Stderr string
	Status         int
}

// Command runs pgseal with arguments against a database of the sealed cluster,
// named by PGSEAL_DATABASE_URL, and waits for its end.
func (env *Environment) Command(ctx context.Context, database string, args ...string) (Result, error) {
	return env.CommandOn(ctx, env.Sealed, database, args...)
}

// CommandOn is Command against a database of another cluster.
func (env *Environment) CommandOn(ctx context.Context, c *pgtest.Cluster, database string, args ...string) (Result, error) {
	cmd := exec.CommandContext(ctx, env.Binary, args...)
	cmd.Env = append(env.environ(), "PGSEAL_DATABASE_URL="+c.DSN(database, Owner))
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	r := Result{Stdout: stdout.String(), Stderr: stderr.String()}
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		r.Status, err = exit.ExitCode(), nil
	}
	return r, errors.Join(err, env.record(args, r))
}

// record keeps what commands print for the canaries' search.
func (env *Environment) record(args []string, r Result) error {
	env.commands.Lock()
	defer env.commands.Unlock()
	f, err := os.OpenFile(filepath.Join(env.dir, "commands.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, "pgseal %s\n%s%s", strings.Join(args, " "), r.Stdout, r.Stderr)
	return errors.Join(err, f.Close())
}

// SearchCanaries has the sealed cluster write everything to its files and
// searches them, its log, and what pgseal itself wrote.
func (env *Environment) SearchCanaries(ctx context.Context) ([]string, error) {
	if err := env.Sealed.Exec(ctx, "postgres", "CHECKPOINT; SELECT pg_switch_wal(); CHECKPOINT"); err != nil {
		return nil, err
	}
	return env.Canaries.Search(env.Sealed.DataDir(), env.Sealed.LogFile(), env.dir)
}

func (env *Environment) stop() error {
	var err error
	if env.Proxy != nil {
		err = errors.Join(err, env.Proxy.Stop())
	}
	if env.kmsdev != nil {
		err = errors.Join(err, env.kmsdev.Stop())
	}
	for _, c := range []*pgtest.Cluster{env.Twin, env.Sealed} {
		if c != nil {
			err = errors.Join(err, c.Stop())
		}
	}
	err = errors.Join(err, os.RemoveAll(env.dir))
	if env.guard != nil {
		err = errors.Join(err, env.guard.Dismiss())
	}
	return err
}
