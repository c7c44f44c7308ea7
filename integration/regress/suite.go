package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"pgseal/integration/pgtest"
)

// suite is one of PostgreSQL's own, under src/test of its source.
type suite struct {
	name     string
	schedule string
	driver   string // below pgxs/src/test
	database string
	tests    []string // instead of the schedule
}

var suites = map[string]suite{
	"regress":   {name: "regress", schedule: "parallel_schedule", driver: "regress/pg_regress", database: "regression"},
	"isolation": {name: "isolation", schedule: "isolation_schedule", driver: "isolation/pg_isolation_regress", database: "isolation_regression"},
}

// settings are the databases' own, as pg_regress gives them to databases that
// it makes.
const settings = `
ALTER DATABASE %[1]s SET lc_messages TO 'C';
ALTER DATABASE %[1]s SET lc_monetary TO 'C';
ALTER DATABASE %[1]s SET lc_numeric TO 'C';
ALTER DATABASE %[1]s SET lc_time TO 'C';
ALTER DATABASE %[1]s SET bytea_output TO 'hex';
ALTER DATABASE %[1]s SET timezone_abbreviations TO 'Default'`

// libraries are those of the distribution that the regression suite loads from
// beside its own.
var libraries = []string{"refint.so", "autoinc.so"}

// buildLibrary compiles the functions in C of the regression suite into dir.
func buildLibrary(ctx context.Context, b pgtest.Binaries, source, dir string) error {
	include, err := headers(ctx, b)
	if err != nil {
		return fmt.Errorf("the headers of PostgreSQL %d: %w", b.Major, err)
	}
	gcc := exec.CommandContext(ctx, "gcc", "-O2", "-fPIC", "-shared", "-I"+include,
		"-o", filepath.Join(dir, "regress.so"), filepath.Join(source, "src/test/regress/regress.c"))
	if out, err := gcc.CombinedOutput(); err != nil {
		return fmt.Errorf("gcc: %w\n%s", err, out)
	}
	for _, name := range libraries {
		if err := os.Symlink(filepath.Join(b.Dir, "..", "lib", name), filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// run runs the suite against host:port and returns what its driver says. The
// results stand in dir/results. A test that does not give what PostgreSQL
// expects is no error here: the comparison decides.
func (s suite) run(ctx context.Context, b pgtest.Binaries, source, library, dir, host, port string) (string, error) {
	driver := filepath.Join(b.Dir, "..", "lib", "pgxs", "src", "test", s.driver)
	input := filepath.Join(source, "src", "test", s.name)
	args := []string{
		"--use-existing", "--dbname=" + s.database, "--user=" + pgtest.Superuser, "--host=" + host, "--port=" + port,
		"--inputdir=" + input, "--outputdir=" + dir, "--bindir=" + b.Dir, "--dlpath=" + library, "--max-concurrent-tests=20",
	}
	if len(s.tests) > 0 {
		args = append(args, s.tests...)
	} else {
		args = append(args, "--schedule="+filepath.Join(input, s.schedule))
	}
	cmd := exec.CommandContext(ctx, driver, args...)
	cmd.Dir = dir
	cmd.Env = clean(os.Environ())
	out, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() == 1 {
		err = nil
	}
	if err != nil {
		return string(out), fmt.Errorf("%s: %w\n%s", s.driver, err, out)
	}
	return string(out), nil
}

// clean is an environment without what would lead libpq or the suites astray.
func clean(environ []string) []string {
	var kept []string
	for _, v := range environ {
		if !strings.HasPrefix(v, "PG") && !strings.HasPrefix(v, "LC_") && !strings.HasPrefix(v, "LANG") {
			kept = append(kept, v)
		}
	}
	return append(kept, "PSQLRC=/dev/null")
}
