package integration

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"pgseal/integration/harness"
	"pgseal/integration/pgtest"
)

// Every other version of PostgreSQL that is on this machine is sealed, written,
// searched, rotated, verified and unsealed. All tests on all versions: make
// test-versions.
func TestOtherVersionsInShort(t *testing.T) {
	env := harness.Shared(t)
	for _, b := range pgtest.Installed(t.Context()) {
		if b.Major != env.Sealed.Binaries.Major {
			t.Run(fmt.Sprint(b.Major), func(t *testing.T) { t.Parallel(); sealedLife(t, env, b) })
		}
	}
}

// sealedLife is the life of a sealed column on a server of its own.
func sealedLife(t *testing.T, env *harness.Environment, b pgtest.Binaries) {
	ctx := t.Context()
	c, err := harness.StartCluster(ctx, pgtest.Options{BinDir: b.Dir, LogStatements: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
	})
	if err := c.CreateDatabase(ctx, "short", "OWNER "+harness.Owner); err != nil {
		t.Fatal(err)
	}
	if err := c.Exec(ctx, "short", "ALTER SCHEMA public OWNER TO "+harness.Owner+`;
		CREATE TABLE people (id int PRIMARY KEY, ssn varchar(11) NOT NULL UNIQUE, born date);
		ALTER TABLE people OWNER TO `+harness.Owner); err != nil {
		t.Fatal(err)
	}
	pgseal := func(args ...string) {
		t.Helper()
		if r, err := env.CommandOn(ctx, c, "short", args...); err != nil || r.Status != 0 {
			t.Fatalf("pgseal %v: exit status %d, %v\n%s%s", args, r.Status, err, r.Stdout, r.Stderr)
		}
	}
	pgseal("init", "--kms-key-id", env.Key)
	pgseal("seal", "public.people.ssn", "--equality")
	pgseal("seal", "public.people.born", "--equality")

	proxy, err := env.StartProxy(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := proxy.Stop(); err != nil {
			t.Error(err)
		}
	})
	conn, err := pgx.Connect(ctx, throughProxy(t, c.DSN("short", harness.Owner), proxy))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	word := env.Canaries.Text()
	for i := range 3 {
		if _, err := conn.Exec(ctx, "INSERT INTO people VALUES ($1, $2, $3)", i, fmt.Sprint(word, i), "1970-01-01"); err != nil {
			t.Fatal(err)
		}
	}
	clearError(t, conn, fmt.Sprintf("INSERT INTO people VALUES (3, '%s1')", word))
	clearError(t, conn, "INSERT INTO people VALUES (3, NULL)")
	clearError(t, conn, "INSERT INTO people VALUES (3, 'far too long for it')")
	if _, err := conn.Exec(ctx, "UPDATE people SET born = born WHERE ssn = $1", word+"0"); err != nil {
		t.Error(err)
	}
	read := func() {
		t.Helper()
		readsBack(t, conn, "SELECT id::text FROM people WHERE ssn = '"+word+"2'", "2")
		readsBack(t, conn, "SELECT ssn FROM people WHERE id = 0", word+"0")
		readsBack(t, conn, "SELECT count(*)::text FROM people WHERE born = '1970-01-01'", "3")
	}
	read()
	foldsCase(t, conn, word, func(args ...string) (string, error) {
		r, err := env.CommandOn(ctx, c, "short", args...)
		return r.Stderr, err
	})
	newerSyntax(t, conn, b.Major, word)
	toldPaths(t, conn)
	for _, sql := range []string{"ALTER TABLE people ALTER ssn TYPE text", "INSERT INTO people (id, ssn) VALUES (4, '" + word + " is longer')", "DELETE FROM people WHERE id = 4"} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			t.Error(err)
		}
	}
	readsBack(t, conn, "SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'people'::regclass AND attname = 'ssn'", "text")
	// As PostgreSQL says it of the one that shows the column, and of no other.
	var ssn string
	if err := conn.QueryRow(ctx, "SELECT ssn FROM people WHERE id = 0").Scan(&ssn); !replan(err) {
		t.Errorf("a prepared statement that shows a column of another type now: %v", err)
	}
	read()
	pgseal("key", "rotate", "public.people")
	pgseal("key", "reseal", "public.people")
	pgseal("verify")
	read()
	if err := c.Exec(ctx, "postgres", "CHECKPOINT"); err != nil {
		t.Fatal(err)
	}
	if hits, err := env.Canaries.Search(c.DataDir(), c.LogFile()); err != nil || len(hits) > 0 {
		t.Errorf("canaries %v, %v", hits, err)
	}
	pgseal("unseal", "public.people.ssn")
	pgseal("unseal", "public.people.born")
	direct, err := pgx.Connect(ctx, c.DSN("short", harness.Owner))
	if err != nil {
		t.Fatal(err)
	}
	defer direct.Close(context.WithoutCancel(ctx))
	readsBack(t, direct, "SELECT string_agg(ssn || born, ',' ORDER BY id) FROM people", fmt.Sprintf("%[1]s01970-01-01,%[1]s11970-01-01,%[1]s21970-01-01", word))
}

// toldPaths: PostgreSQL 18 tells of search_path what the client has changed, and not what
// reading the catalog inside of the transaction changes and puts back.
func toldPaths(t *testing.T, conn *pgx.Conn) {
	t.Helper()
	if conn.PgConn().ParameterStatus("search_path") == "" {
		return
	}
	var seen bytes.Buffer
	conn.PgConn().Frontend().Trace(&seen, pgproto3.TracerOptions{SuppressTimestamps: true})
	defer conn.PgConn().Frontend().Untrace()
	for _, step := range []struct {
		sql  string
		path string // as the server tells of it
	}{
		{"BEGIN", ""},
		{"ALTER TABLE people RENAME TO persons", ""},
		{"SELECT id, ssn FROM persons WHERE ssn = 'x'", ""},
		{"SET LOCAL search_path = public, pg_temp", "public, pg_temp"},
		{"ALTER TABLE persons RENAME TO people", ""},
		{"UPDATE people SET ssn = ssn WHERE ssn = 'x'", ""},
		{"SHOW search_path", ""},
		{"ROLLBACK", `"$user", public`},
		// In one text.
		{"ALTER TABLE people RENAME TO persons; SELECT ssn FROM persons WHERE ssn = 'x'; ALTER TABLE persons RENAME TO people", ""},
		{"SELECT ssn FROM people WHERE ssn = 'x'", ""},
	} {
		seen.Reset()
		if _, err := conn.PgConn().Exec(t.Context(), step.sql).ReadAll(); err != nil {
			t.Errorf("%s: %v", step.sql, err)
		}
		var got string
		for line := range strings.Lines(seen.String()) {
			if strings.Contains(line, "ParameterStatus") && strings.Contains(line, "search_path") {
				got += line
			}
		}
		if strings.Count(got, "\n") != min(1, len(step.path)) || !strings.Contains(got, step.path) {
			t.Errorf("%s: the server told %q, want %q", step.sql, got, step.path)
		}
	}
}

// newerSyntax uses what has come to SQL since PostgreSQL 15.
func newerSyntax(t *testing.T, conn *pgx.Conn, major int, word string) {
	t.Helper()
	if major >= 17 {
		readsBack(t, conn, "MERGE INTO people p USING (VALUES (0, '"+word+"0')) v (id, ssn) ON p.id = v.id WHEN MATCHED THEN UPDATE SET ssn = v.ssn RETURNING merge_action() || p.id", "UPDATE0")
		readsBack(t, conn, "MERGE INTO people p USING (VALUES (0, '"+word+"0')) v (id, ssn) ON p.id = v.id WHEN MATCHED THEN UPDATE SET ssn = v.ssn RETURNING p.ssn", word+"0")
	}
	if major < 18 {
		return
	}
	readsBack(t, conn, "UPDATE people SET ssn = '"+word+"9' WHERE id = 0 RETURNING old.ssn", word+"0")
	readsBack(t, conn, "UPDATE people SET ssn = '"+word+"0' WHERE id = 0 RETURNING new.ssn", word+"0")
	readsBack(t, conn, "UPDATE people SET ssn = '"+word+"8' WHERE id = 0 RETURNING WITH (OLD AS o) o.ssn", word+"0")
	readsBack(t, conn, "UPDATE people SET ssn = '"+word+"0' WHERE id = 0 RETURNING WITH (NEW AS n, OLD AS o) n.ssn", word+"0")
	for _, sql := range []string{
		"ALTER TABLE people ADD COLUMN v int GENERATED ALWAYS AS (id * 2) VIRTUAL",
		"ALTER TABLE people ADD CONSTRAINT there NOT NULL born NOT VALID", "ALTER TABLE people DROP CONSTRAINT there", "ALTER TABLE people DROP COLUMN v",
	} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Errorf("%s: %v", sql, err)
		}
	}
	// The planner does not read it: on a relation with sealed columns it is
	// refused, with a hint, on any other it passes.
	var pgErr *pgconn.PgError
	_, err := conn.Exec(t.Context(), "ALTER TABLE people ADD CONSTRAINT c CHECK (id > 0) NOT ENFORCED")
	if !errors.As(err, &pgErr) || pgErr.Code != "42601" || !strings.Contains(pgErr.Hint, "PostgreSQL 17") {
		t.Errorf("syntax of PostgreSQL 18: %v", err)
	}
	if _, err := conn.Exec(t.Context(), "CREATE TABLE doubled (id int, twice int GENERATED ALWAYS AS (id * 2))"); err != nil {
		t.Error(err)
	}
	readsBack(t, conn, "INSERT INTO doubled VALUES (2) RETURNING WITH (NEW AS n) n.twice::text", "4")
}
