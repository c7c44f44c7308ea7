package extension

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"pgseal/envelope"
	"pgseal/integration/pgtest"
)

// program runs one of PostgreSQL's client programs as the owner.
func program(t *testing.T, c *pgtest.Cluster, name, database string, stdin []byte, args ...string) []byte {
	t.Helper()
	path := c.Binaries.Program(name)
	if path == "" {
		t.Fatalf("%s is not installed", name)
	}
	cmd := exec.Command(path, append([]string{"--dbname=" + c.DSN(database, owner)}, args...)...)
	cmd.Stdin = bytes.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, stderr.String())
	}
	return stdout.Bytes()
}

// extended is a cluster where CREATE EXTENSION pgseal works.
func extended(t *testing.T) *pgtest.Cluster {
	t.Helper()
	if _, err := os.Stat(filepath.Join(cluster.Binaries.Dir, "pg_config")); err != nil {
		t.Skip("the server came without pg_config, which tells where extensions are")
	}
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil { // the server runs as another user
		t.Fatal(err)
	}
	bindir, err := mirror(dir, cluster.Binaries.Dir, files)
	if err != nil {
		t.Fatal(err)
	}
	c, err := startCluster(t.Context(), bindir)
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

// needsDump skips where the server came without its client programs.
func needsDump(t *testing.T) {
	t.Helper()
	path := cluster.Binaries.Program("pg_dump")
	if path == "" {
		t.Skip("pg_dump is not installed")
	}
	out, err := exec.Command(path, "--version").Output()
	if err != nil {
		t.Fatal(err)
	}
	var major int
	if _, err := fmt.Sscanf(string(out), "pg_dump (PostgreSQL) %d", &major); err != nil {
		t.Fatalf("%q: %v", out, err)
	}
	if major < cluster.Binaries.Major {
		t.Skipf("pg_dump of version %d does not dump a server of version %d", major, cluster.Binaries.Major)
	}
}

func TestDumpAndRestore(t *testing.T) {
	needsDump(t)
	database, conn := installedDatabase(t)
	fill(t, conn)
	checkRestore(t, cluster, database, conn)
}

func TestDumpAndRestoreOfTheExtension(t *testing.T) {
	needsDump(t)
	c := extended(t)
	database := newDatabaseIn(t, c)
	conn := connect(t, c, database, owner)
	mustExec(t, conn, `CREATE EXTENSION pgseal`)
	r, err := Install(t.Context(), conn)
	if err != nil || r != (Result{Version: Version, Previous: Version, Extension: true}) {
		t.Fatalf("Install over the extension: %+v, %v", r, err)
	}
	fill(t, conn)
	restored := checkRestore(t, c, database, conn)
	if n := one[int](t, restored, `SELECT count(*) FROM pg_extension WHERE extname = 'pgseal'`); n != 1 {
		t.Error("the restored database does not have the extension")
	}

	_, err = install(t.Context(), conn, files, "9.9")
	if err == nil || !strings.Contains(hint(t, err), "ALTER EXTENSION pgseal UPDATE") {
		t.Errorf("an older extension: %v", err)
	}
}

func fill(t *testing.T, conn *pgx.Conn) {
	t.Helper()
	sealByHand(t, conn)
	mustExec(t, conn, `CREATE VIEW people AS SELECT id, ssn FROM users`)
	mustExec(t, conn, `INSERT INTO users VALUES (1, $1), (2, NULL)`, newEnvelope(t, 1, 1, envelope.TermEquality, "123-45-6789"))
	mustExec(t, conn, `SELECT pgseal.rotate_key('users')`)
	mustExec(t, conn, `ALTER TABLE users RENAME ssn TO "Social Security"`)
	mustExec(t, conn, `ALTER TABLE users RENAME TO persons`)
}

// checkRestore dumps a database that was filled, restores it into a new one, and
// holds the two against each other.
func checkRestore(t *testing.T, c *pgtest.Cluster, database string, conn *pgx.Conn) *pgx.Conn {
	t.Helper()
	dump := program(t, c, "pg_dump", database, nil, "--no-owner")
	restored := newDatabaseIn(t, c)
	program(t, c, "psql", restored, dump, "-X", "-q", "-v", "ON_ERROR_STOP=1")
	other := connect(t, c, restored, owner)
	for _, sql := range []string{
		`SELECT i::text FROM pgseal.installation i`,
		`SELECT string_agg(t::text, ';' ORDER BY table_id) FROM pgseal.sealed_table t`,
		`SELECT string_agg(k::text, ';' ORDER BY key_id) FROM pgseal.data_key k`,
		`SELECT string_agg(s::text, ';') FROM pgseal.sealed_column s`,
		`SELECT string_agg(j::text, ';') FROM pgseal.job j`,
		`SELECT string_agg(v::text, ';' ORDER BY v::text) FROM pgseal.columns v`,
		`SELECT string_agg(v::text, ';' ORDER BY v::text) FROM pgseal.keys v`,
		`SELECT string_agg(v::text, ';') FROM pgseal.jobs v`,
		`SELECT string_agg(p::text, ';' ORDER BY id) FROM persons p`,
		`SELECT string_agg(relname || ' ' || last_value, ';' ORDER BY relname)
		   FROM pg_class, pg_sequences WHERE relkind = 'S' AND relnamespace = 'pgseal'::regnamespace
		    AND sequencename = relname AND schemaname = 'pgseal'`,
		`SELECT string_agg(nspname || nspacl::text, ';' ORDER BY nspname) FROM pg_namespace WHERE nspname LIKE 'pgseal%'`,
		`SELECT string_agg(oid::regprocedure || coalesce(proacl, acldefault('f', proowner))::text, ';' ORDER BY oid::regprocedure::text)
		   FROM pg_proc WHERE pronamespace = 'pgseal'::regnamespace`,
		`SELECT pg_get_indexdef('users_ssn_key'::regclass)`,
		`SELECT string_agg(tgrelid::regclass || ' ' || tgname, ';' ORDER BY tgrelid::regclass::text)
		   FROM pg_trigger WHERE NOT tgisinternal`,
	} {
		before, after := one[string](t, conn, sql), one[string](t, other, sql)
		// OIDs of types differ; regtype and regclass print names.
		if before != after {
			t.Errorf("%s\nbefore: %s\nafter:  %s", sql, before, after)
		}
	}
	if got := one[string](t, other, `SELECT table_name || '.' || column_name || ' ' || logical_type || ' ' || terms FROM pgseal.columns WHERE relation_kind = 'table'`); got != "persons.Social Security character varying(11) equality" {
		t.Errorf("pgseal.columns says %q", got)
	}
	if _, err := other.Exec(t.Context(), `INSERT INTO persons VALUES (3, 'plaintext')`); err == nil {
		t.Error("the restored column takes a plaintext")
	}
	mustExec(t, other, `INSERT INTO persons VALUES (3, $1)`, newEnvelope(t, 1, 1, envelope.TermEquality, "987-65-4321"))
	mustExec(t, other, `INSERT INTO pgseal.data_key (table_id, purpose, version, state, kms_key_arn, key_spec, ciphertext_blob, encryption_context)
		VALUES (1, 'seal', 2, 'pending', 'arn', 'AES_256', '\x01', '{}')`)
	if r, err := Install(t.Context(), other); err != nil || r.Previous != Version {
		t.Errorf("Install over the restored schema: %+v, %v", r, err)
	}
	return other
}
