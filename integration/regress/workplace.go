package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"pgseal/integration/harness"
	"pgseal/integration/pgtest"
)

// pass says what the databases hold before the suite begins.
type pass struct {
	name string
	ddl  string
	seal []string
}

// beside are sealed tables that have the names of the suites' own, in a schema
// that is on nobody's search_path.
var beside = []string{"onek", "tenk1", "emp", "person", "t1", "test", "tab", "accounts", "foo", "int4_tbl", "varchar_tbl", "arrtest", "pitest1"}

var passesByName = map[string]pass{
	"plain":  {name: "plain"},
	"sealed": sealedPass(),
}

func sealedPass() pass {
	p := pass{name: "sealed", ddl: "CREATE SCHEMA beside;"}
	for _, table := range beside {
		p.ddl += fmt.Sprintf("CREATE TABLE beside.%s (a int, b text, f1 varchar(20));", table)
		p.seal = append(p.seal, "beside."+table+".b")
	}
	p.seal = append(p.seal, "beside.t1.f1 --equality")
	return p
}

const proxyLog = "pgseal.log"

// workplace is what all comparisons share.
type workplace struct {
	out      string // absolute
	dir      string // temporary; the server's account can enter it
	source   string
	library  string
	binaries pgtest.Binaries
	pgseal   string
	kms      *harness.KMS
	key      string
	kmsdev   *harness.Process
	guard    *pgtest.Guard
}

func newWorkplace(ctx context.Context, out string) (_ *workplace, err error) {
	w := &workplace{}
	if w.out, err = filepath.Abs(out); err != nil {
		return nil, err
	}
	if w.binaries, err = pgtest.FindOrInstall(ctx, os.Stderr); err != nil {
		return nil, err
	}
	if w.source, err = source(ctx, w.binaries.Major); err != nil {
		return nil, err
	}
	if w.dir, err = os.MkdirTemp("", "pgseal-regress-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = w.close(err)
		}
	}()
	if w.guard, err = pgtest.NewGuard(w.dir); err != nil {
		return nil, err
	}
	if err := os.Chmod(w.dir, 0o755); err != nil {
		return nil, err
	}
	w.library = filepath.Join(w.dir, "library")
	if err := os.Mkdir(w.library, 0o755); err != nil {
		return nil, err
	}
	if err := buildLibrary(ctx, w.binaries, w.source, w.library); err != nil {
		return nil, err
	}
	return w, w.startKMS(ctx)
}

func (w *workplace) startKMS(ctx context.Context) (err error) {
	if w.pgseal, err = harness.BuildPgseal(ctx, w.dir); err != nil {
		return err
	}
	addr, err := harness.FreeAddr()
	if err != nil {
		return err
	}
	dev := exec.Command(w.pgseal, "kms-dev", "--listen", addr, "--store", filepath.Join(w.dir, "kms.store"))
	if w.kmsdev, err = harness.StartProcess(ctx, filepath.Join(w.dir, "kms-dev.log"), addr, dev); err != nil {
		return err
	}
	w.kms = harness.NewKMS(addr)
	w.key, err = w.kms.CreateKey(ctx)
	return err
}

// close stops what runs and joins what goes wrong to err.
func (w *workplace) close(err error) error {
	if w.kmsdev != nil {
		err = errors.Join(err, w.kmsdev.Kill())
	}
	err = errors.Join(err, os.RemoveAll(w.dir))
	if w.guard != nil {
		err = errors.Join(err, w.guard.Dismiss())
	}
	return err
}

// compare runs a suite directly and through pgseal, each on a cluster of its
// own that is made in the same way, and reports whether both printed the same.
func (w *workplace) compare(ctx context.Context, s suite, p pass) (bool, error) {
	results := map[bool]string{}
	for _, through := range []bool{false, true} {
		name := fmt.Sprintf("%s-%s-direct", s.name, p.name)
		if through {
			name = fmt.Sprintf("%s-%s-pgseal", s.name, p.name)
		}
		results[through] = filepath.Join(w.out, name)
		if err := w.once(ctx, s, p, through, results[through]); err != nil {
			return false, err
		}
	}
	differ, err := w.differences(ctx, s, p, results[false], results[true])
	if err != nil {
		return false, err
	}
	if len(differ) == 0 {
		fmt.Printf("%s, %s: the outputs are the same\n", s.name, p.name)
		return true, nil
	}
	fmt.Printf("%s, %s: the outputs differ in %s, see %s\n", s.name, p.name, strings.Join(differ, ", "), w.diffFile(s, p))
	return false, nil
}

// once runs a suite on a new cluster and keeps what it printed in kept.
func (w *workplace) once(ctx context.Context, s suite, p pass, through bool, kept string) (err error) {
	cluster, err := pgtest.Start(ctx, pgtest.Options{BinDir: w.binaries.Dir, Settings: map[string]string{
		"max_prepared_transactions": "10",
		"max_wal_size":              "4GB",
	}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cluster.Stop()) }()
	if err := w.prepare(ctx, cluster, s, p, through); err != nil {
		return err
	}
	host, port := "127.0.0.1", strconv.Itoa(cluster.Port)
	if through {
		proxy, err := w.startProxy(ctx, cluster)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, proxy.Stop()) }()
		if _, port, err = net.SplitHostPort(proxy.Addr); err != nil {
			return err
		}
	}
	// The same place for both sides, since its name is in what is printed.
	dir := filepath.Join(w.dir, "output")
	if err := makeOutput(dir); err != nil {
		return err
	}
	started := time.Now()
	said, err := s.run(ctx, w.binaries, w.source, w.library, dir, host, port)
	if err != nil {
		return err
	}
	fmt.Printf("%s: %s (%v)\n", filepath.Base(kept), summary(said), time.Since(started).Round(time.Second))
	if err := os.RemoveAll(kept); err != nil {
		return err
	}
	if err := os.MkdirAll(kept, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(kept, "driver.out"), []byte(said), 0o644); err != nil {
		return err
	}
	for _, name := range []string{filepath.Join(dir, "results"), filepath.Join(dir, "regression.diffs"), filepath.Join(w.dir, proxyLog)} {
		move := exec.CommandContext(ctx, "mv", name, kept)
		if out, err := move.CombinedOutput(); err != nil && !strings.Contains(string(out), "No such file") {
			return fmt.Errorf("mv: %w\n%s", err, out)
		}
	}
	return os.RemoveAll(dir)
}

// makeOutput makes the directories into which both pg_regress and the server
// write.
func makeOutput(dir string) error {
	for _, d := range []string{dir, filepath.Join(dir, "results"), filepath.Join(dir, "testtablespace")} {
		if err := os.Mkdir(d, 0o777); err != nil {
			return err
		}
		if err := os.Chmod(d, 0o777); err != nil { // whatever the umask is
			return err
		}
	}
	return nil
}

// summary is the driver's last word.
func summary(said string) string {
	for line := range strings.Lines(said) {
		if strings.Contains(line, "tests passed") || strings.Contains(line, "tests failed") {
			return strings.Trim(line, " =\n")
		}
	}
	return "no summary"
}

// prepare makes the database of a run. Columns are sealed only where pgseal
// stands in front: what it shows is what a plain database would have shown.
func (w *workplace) prepare(ctx context.Context, c *pgtest.Cluster, s suite, p pass, sealed bool) error {
	if err := c.Exec(ctx, "postgres", "CREATE DATABASE "+s.database+" TEMPLATE template0"); err != nil {
		return err
	}
	if err := c.Exec(ctx, "postgres", fmt.Sprintf(settings, s.database)); err != nil {
		return err
	}
	if len(p.seal) == 0 {
		return nil
	}
	if err := c.Exec(ctx, s.database, p.ddl); err != nil || !sealed {
		return err
	}
	commands := [][]string{{"init", "--kms-key-id", w.key}}
	for _, column := range p.seal {
		commands = append(commands, append([]string{"seal"}, strings.Fields(column)...))
	}
	for _, args := range commands {
		cmd := exec.CommandContext(ctx, w.pgseal, append(args, "--database-url", c.DSN(s.database, pgtest.Superuser))...)
		cmd.Env = append(clean(os.Environ()), w.kms.Environ()...)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("pgseal %s: %w\n%s", strings.Join(args, " "), err, out)
		}
	}
	return nil
}

func (w *workplace) startProxy(ctx context.Context, c *pgtest.Cluster) (*harness.Process, error) {
	addr, err := harness.FreeAddr()
	if err != nil {
		return nil, err
	}
	// Twenty sessions of DDL at once on a busy machine: each waits for the catalog
	// to be read again.
	serve := exec.Command(w.pgseal, "serve", "--listen", addr, "--kms-timeout", "2m", "--database-url", c.DSN("postgres", pgtest.Superuser))
	serve.Env = append(clean(os.Environ()), w.kms.Environ()...)
	return harness.StartProcess(ctx, filepath.Join(w.dir, proxyLog), addr, serve)
}
