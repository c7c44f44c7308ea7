package integration

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"pgseal/integration/harness"
)

// program finds a client program of PostgreSQL, or skips the test: a download
// of the server does not bring all of them.
func program(t *testing.T, name string) string {
	t.Helper()
	path := harness.Shared(t).Sealed.Binaries.Program(name)
	if path == "" {
		t.Skipf("%s is not on this machine", name)
	}
	return path
}

// programFor finds a client program that is not older than the server, or skips
// the test: some refuse newer servers.
func programFor(t *testing.T, name string) string {
	t.Helper()
	server := harness.Shared(t).Sealed.Binaries
	path := server.Client(t.Context(), name)
	if path == "" {
		t.Skipf("no %s for PostgreSQL %d is on this machine", name, server.Major)
	}
	return path
}

// client runs a client program, which must succeed, and returns what it
// printed.
func client(t *testing.T, path string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), path, args...)
	// psql must not read the user's own settings.
	cmd.Env = append(os.Environ(), "PSQLRC=/dev/null", "PGCONNECT_TIMEOUT=30")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s%s", filepath.Base(path), strings.Join(args, " "), err, stdout.String(), stderr.String())
	}
	return stdout.String()
}

// A dump past the proxy is an encrypted backup: it holds no plaintext, and
// reads again wherever it is restored.
func TestDumpIsEncryptedAndRestores(t *testing.T) {
	dump, psql := programFor(t, "pg_dump"), program(t, "psql")
	pair := harness.New(t, harness.Schema{
		DDL: `CREATE TABLE patients (id int PRIMARY KEY, name text, ssn varchar(11) UNIQUE, born date DEFAULT '2000-01-01', note text);
			CREATE TABLE visits (id int PRIMARY KEY, patient int REFERENCES patients, about text, at timestamptz DEFAULT now());
			CREATE VIEW named AS SELECT id, name, ssn FROM patients;`,
		Seal: []string{"public.patients.ssn --equality", "public.patients.born --equality", "public.patients.note", "public.visits.about", "public.visits.at"},
	})
	canaries := pair.Env.Canaries
	conn := pair.Connect(t, pair.URL())
	word := canaries.Word()
	for i := range 20 {
		_, err := conn.Exec(t.Context(), "INSERT INTO patients (id, name, ssn, note) VALUES ($1, $2, $3, $4)",
			i, fmt.Sprint("patient ", i), fmt.Sprintf("%s%d", canaries.Text(), i), word)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Exec(t.Context(), "INSERT INTO visits VALUES ($1, $1, $2)", i, "about "+word); err != nil {
			t.Fatal(err)
		}
	}
	before := client(t, psql, "-XAt", "-d", pair.URL(), "-c", "SELECT * FROM patients ORDER BY id", "-c", "SELECT * FROM visits ORDER BY id")

	dir := t.TempDir()
	file := filepath.Join(dir, "dump.sql")
	client(t, dump, "-d", pair.ServerURL(), "-f", file)
	if hits, err := canaries.Search(file); err != nil || len(hits) > 0 {
		t.Errorf("the dump holds plaintext: %v %v", hits, err)
	}

	restored := harness.Restored(t, func(url string) {
		client(t, psql, "-Xq", "-v", "ON_ERROR_STOP=1", "-d", url, "-f", file)
	})
	after := client(t, psql, "-XAt", "-d", restored.URL(), "-c", "SELECT * FROM patients ORDER BY id", "-c", "SELECT * FROM visits ORDER BY id")
	if before != after {
		t.Errorf("before the dump:\n%s\nafter the restore:\n%s", before, after)
	}
	// It is whole: searches, constraints and new writes work as before.
	again := restored.Connect(t, restored.URL())
	readsBack(t, again, "SELECT id::text FROM patients WHERE ssn = '"+canaries.Text()+"7'", "7")
	clearError(t, again, "INSERT INTO patients (id, ssn) VALUES (99, '"+canaries.Text()+"7')")
	if _, err := again.Exec(t.Context(), "INSERT INTO patients (id, ssn) VALUES (100, $1)", canaries.Text()+"new"); err != nil {
		t.Error(err)
	}
	readsBack(t, again, "SELECT ssn FROM named WHERE id = 100", canaries.Text()+"new")
	readsBack(t, again, "INSERT INTO visits (id) VALUES (100) RETURNING (at IS NOT NULL)::text", "true")
	restored.Pgseal("init")
	restored.Pgseal("verify")
	restored.Pgseal("key", "rotate", "public.patients")
	restored.Pgseal("key", "reseal", "public.patients")
	restored.Pgseal("verify")
	readsBack(t, again, "SELECT ssn FROM patients WHERE id = 3", canaries.Text()+"3")
}

// A dump through the proxy is what the plain database's would be, and restores
// into a PostgreSQL that has never heard of pgseal.
func TestDumpThroughTheProxyIsPlain(t *testing.T) {
	dump, psql := programFor(t, "pg_dump"), program(t, "psql")
	pair := harness.New(t, shop)
	word := pair.Env.Canaries.Text()
	fill := fmt.Sprintf(`INSERT INTO customers (email, ssn, "FullName", pin, balance, born, seen, extra, raw, note) VALUES
			('%[1]s@b', '%[1]s', 'Ann O''Neil', '12', '1.50', '1999-09-09', '2020-01-01 12:00:00.123456+00', '{"%[1]s": 1}', '\x00ff', E'plain\tnote'),
			('c@d', NULL, 'Bob', NULL, NULL, NULL, NULL, NULL, NULL, NULL), ('', '', '', DEFAULT, 'NaN', DEFAULT, 'infinity', '[]', '', '');
		INSERT INTO app.orders (customer, card, placed) VALUES (1, '%[1]s', '2020-01-01'), (2, DEFAULT, NULL);
		INSERT INTO visits VALUES ('2020-05-05', '%[1]s', 'y@z');
		SELECT nextval('app.numbers')`, word)
	for _, url := range []string{pair.TwinURL(), pair.URL()} {
		client(t, psql, "-Xq", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", fill)
	}
	for _, options := range [][]string{
		{"-s"}, {}, {"-a"}, {"--inserts"}, {"--column-inserts", "-a"}, {"-t", "customers"}, {"--inserts", "-n", "app", "--rows-per-insert=2"},
	} {
		run := func(url string) string {
			out := client(t, dump, append([]string{"-d", url}, options...)...)
			return restricted.ReplaceAllString(out, "")
		}
		if want, got := run(pair.TwinURL()), run(pair.URL()); got != want {
			t.Errorf("pg_dump %s\n%s", strings.Join(options, " "), difference(got, want))
		}
	}
	dir := t.TempDir()
	restore := program(t, "pg_restore")
	restoresInClear(t, pair, func(url string) {
		client(t, dump, "-d", pair.URL(), "-f", filepath.Join(dir, "dump.sql"))
		client(t, psql, "-Xq", "-v", "ON_ERROR_STOP=1", "-d", url, "-f", filepath.Join(dir, "dump.sql"))
	})
	restoresInClear(t, pair, func(url string) {
		client(t, dump, "-d", pair.URL(), "-Fd", "-j2", "-f", filepath.Join(dir, "dump"))
		client(t, restore, "-d", url, "-j2", filepath.Join(dir, "dump"))
	})
	// Data alone goes back through the proxy, which seals it anew.
	rows := func() string {
		return client(t, psql, "-XAt", "-d", pair.URL(), "-c", "TABLE customers ORDER BY id", "-c", "TABLE app.orders ORDER BY id", "-c", "TABLE visits")
	}
	before := rows()
	client(t, dump, "-d", pair.URL(), "-Fc", "-a", "-f", filepath.Join(dir, "dump.custom"))
	pair.Empty()
	client(t, restore, "-d", pair.URL(), "-a", filepath.Join(dir, "dump.custom"))
	if after := rows(); after != before {
		t.Errorf("data restored through the proxy:\n%s", difference(after, before))
	}
}

// restricted are the lines with which pg_dump guards against psql's commands in
// data; each dump has its own word.
var restricted = regexp.MustCompile(`(?m)^\\(un)?restrict .*$`)

// restoresInClear has a dump of the pair restored into a plain database, which
// must then describe itself and hold rows as the twin does.
func restoresInClear(t *testing.T, pair *harness.Pair, restore func(url string)) {
	t.Helper()
	psql, dump := program(t, "psql"), programFor(t, "pg_dump")
	url := pair.TwinCopy()
	restore(url)
	show := func(url string) string {
		rows := client(t, psql, "-XAt", "-d", url, "-c", "TABLE customers ORDER BY id", "-c", "TABLE app.orders ORDER BY id", "-c", "TABLE visits", "-c", "TABLE named ORDER BY id")
		return rows + restricted.ReplaceAllString(client(t, dump, "-d", url, "-s"), "")
	}
	if want, got := show(pair.TwinURL()), show(url); got != want {
		t.Errorf("the restored copy differs:\n%s", difference(got, want))
	}
}
