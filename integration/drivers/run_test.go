package drivers

import (
	"bytes"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"pgseal/integration/harness"
)

// requireVariable, when set, makes a missing driver fail its test, as it does in
// make test-drivers.
const requireVariable = "PGSEAL_TEST_DRIVERS"

// nodeModules is where install.sh puts what npm brings.
const nodeModules = "../../.pgseal/node/node_modules"

// missing skips the test for want of a driver, or fails it where all are
// required.
func missing(t *testing.T, driver, packages string) {
	t.Helper()
	if os.Getenv(requireVariable) != "" {
		t.Fatalf("%s is not on this machine; integration/drivers/install.sh installs it (%s)", driver, packages)
	}
	t.Skipf("%s is not on this machine; integration/drivers/install.sh installs it (%s)", driver, packages)
}

// present runs a command that succeeds where a driver is on the machine.
func present(t *testing.T, packages string, probe ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), probe[0], probe[1:]...)
	cmd.Env = environ(t, "")
	if err := cmd.Run(); err != nil {
		missing(t, t.Name(), packages)
	}
}

// tool finds a program that PostgreSQL brings: a download of the server does
// not bring all of them.
func tool(t *testing.T, name string) string {
	t.Helper()
	path := harness.Shared(t).Sealed.Binaries.Program(name)
	if path == "" {
		missing(t, name, "postgresql-client postgresql-contrib")
	}
	return path
}

// run runs a client of a database, which must succeed, and returns what it
// printed.
func run(t *testing.T, database string, command ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
	cmd.Env = environ(t, database)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s%s", strings.Join(command, " "), err, lastLines(stdout.String()), lastLines(stderr.String()))
	}
	return stdout.String()
}

// environ is the environment of a client: the database in URL and in libpq's
// variables, no setting of the user's own.
func environ(t *testing.T, database string) []string {
	t.Helper()
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "PG") {
			env = append(env, v)
		}
	}
	modules, err := filepath.Abs(nodeModules)
	if err != nil {
		t.Fatal(err)
	}
	env = append(env, "NODE_PATH="+modules, "PSQLRC=/dev/null", "PYTHONDONTWRITEBYTECODE=1", "PYTHONHASHSEED=0", "LC_ALL=C.UTF-8", "TZ=UTC")
	if database == "" {
		return env
	}
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	password, _ := u.User.Password()
	return append(env, "DATABASE_URL="+database, "PGHOST="+u.Hostname(), "PGPORT="+u.Port(), "PGUSER="+u.User.Username(),
		"PGPASSWORD="+password, "PGDATABASE="+strings.TrimPrefix(u.Path, "/"), "PGSSLMODE=disable", "PGCONNECT_TIMEOUT=30")
}

// same fails the test where two outputs differ, and shows the first lines that
// do.
func same(t *testing.T, got, want string) {
	t.Helper()
	if want == "" {
		t.Error("the program printed nothing")
	}
	if got == want {
		return
	}
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	at := 0
	for at < min(len(g), len(w)) && g[at] == w[at] {
		at++
	}
	t.Errorf("from line %d on, through pgseal:\n%s\nplain:\n%s", at+1,
		strings.Join(g[at:min(len(g), at+shown)], "\n"), strings.Join(w[at:min(len(w), at+shown)], "\n"))
}

// lastLines are the last of an output.
func lastLines(out string) string {
	lines := strings.SplitAfter(out, "\n")
	return strings.Join(lines[max(0, len(lines)-2*shown):], "")
}

// shown is how many lines of a difference are shown.
const shown = 12
