package extension

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/jackc/pgx/v5"

	"pgseal/envelope"
	"pgseal/integration/pgtest"
)

func hint(t *testing.T, err error) string {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("got error %v, want an *Error with a hint", err)
	}
	return e.Hint()
}

func TestInstallTwiceChangesNothing(t *testing.T) {
	database := newDatabase(t)
	conn := connect(t, cluster, database, owner)
	r, err := Install(t.Context(), conn)
	if err != nil || r != (Result{Version: Version}) {
		t.Fatalf("first: %+v, %v", r, err)
	}
	const state = `SELECT id::text || (SELECT max(oid)::text FROM pg_class) FROM pgseal.installation`
	before := one[string](t, conn, state)
	r, err = Install(t.Context(), conn)
	if err != nil || r != (Result{Version: Version, Previous: Version}) {
		t.Fatalf("second: %+v, %v", r, err)
	}
	if after := one[string](t, conn, state); after != before {
		t.Errorf("state went from %s to %s", before, after)
	}
}

func TestInstallAtTheSameTime(t *testing.T) {
	database := newDatabase(t)
	var wg sync.WaitGroup
	for range 4 {
		conn := connect(t, cluster, database, owner)
		wg.Go(func() {
			if _, err := Install(t.Context(), conn); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestInstallIgnoresTheRolesSettings(t *testing.T) {
	database := newDatabase(t)
	conn := connect(t, cluster, database, owner)
	mustExec(t, conn, `CREATE SCHEMA trap`)
	mustExec(t, conn, `CREATE FUNCTION trap.length(bytea) RETURNS int LANGUAGE sql AS 'SELECT 1000'`)
	mustExec(t, conn, `CREATE FUNCTION trap.now() RETURNS timestamptz LANGUAGE sql AS $$SELECT 'epoch'::timestamptz$$`)
	mustExec(t, conn, `SET search_path = trap, pg_catalog`)
	mustExec(t, conn, `SET standard_conforming_strings = off`)
	if _, err := Install(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	if one[bool](t, conn, `SELECT pgseal.is_envelope(decode('e50100000011', 'hex'), 17)`) {
		t.Error("a function of the role's search_path decides what an envelope is")
	}
	if one[bool](t, conn, `SELECT created_at < pg_catalog.now() - interval '1 day' FROM pgseal.installation`) {
		t.Error("a function of the role's search_path gives the time")
	}
	if got := one[string](t, conn, `SHOW search_path`); got != "trap, pg_catalog" {
		t.Errorf("search_path is %q afterwards", got)
	}
}

func TestInstallWithoutPrivilegeSaysWhatIsMissing(t *testing.T) {
	database := newDatabase(t)
	mustExec(t, connect(t, cluster, database, pgtest.Superuser), `CREATE ROLE nobody_special LOGIN`)
	_, err := Install(t.Context(), connect(t, cluster, database, "nobody_special"))
	if err == nil || !strings.Contains(hint(t, err), "GRANT CREATE ON DATABASE") {
		t.Errorf("got %v", err)
	}
}

func TestInstallLeavesAForeignSchemaAlone(t *testing.T) {
	database := newDatabase(t)
	conn := connect(t, cluster, database, owner)
	mustExec(t, conn, `CREATE SCHEMA pgseal`)
	if _, err := Install(t.Context(), conn); err == nil || hint(t, err) == "" {
		t.Errorf("got %v", err)
	}
}

func TestInstallUpgrades(t *testing.T) {
	_, conn := installedDatabase(t)
	later := func(version string) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte(`CREATE OR REPLACE FUNCTION pgseal.version() RETURNS text IMMUTABLE PARALLEL SAFE LANGUAGE sql RETURN '` + version + `'::text;`)}
	}
	first, second := later("9.2"), later("9.10")
	first.Data = append(first.Data, `CREATE TABLE pgseal.later ()`...)
	second.Data = append(second.Data, `ALTER TABLE pgseal.later ADD c int`...)
	scripts := fstest.MapFS{"pgseal--" + Version + "--9.2.sql": first, "pgseal--9.2--9.10.sql": second}
	r, err := install(t.Context(), conn, scripts, "9.10")
	if err != nil || r != (Result{Version: "9.10", Previous: Version}) {
		t.Fatalf("%+v, %v", r, err)
	}
	mustExec(t, conn, `INSERT INTO pgseal.later (c) VALUES (1)`)
	if _, err := Install(t.Context(), conn); err == nil || !strings.Contains(hint(t, err), "or later") {
		t.Errorf("an older program on a newer schema: %v", err)
	}
}

// What was installed by the first version becomes what this one installs: the same
// objects, texts and privileges.
func TestTheFirstVersionBecomesThisOne(t *testing.T) {
	_, fresh := installedDatabase(t)
	old := connect(t, cluster, newDatabase(t), owner)
	if _, err := install(t.Context(), old, os.DirFS("testdata"), "0.1"); err != nil {
		t.Fatal(err)
	}
	mustExec(t, old, `CREATE TABLE public.users (ssn bytea)`)
	mustExec(t, old, `CREATE DOMAIN pgseal_column.of_old AS bytea CHECK (pgseal.is_envelope(VALUE, 1, 1))`)
	r, err := Install(t.Context(), old)
	if err != nil || r.Previous != "0.1" || r.Version != Version {
		t.Fatalf("%+v, %v", r, err)
	}
	const functions = `SELECT coalesce(string_agg(pg_catalog.pg_get_functiondef(p.oid) || coalesce(p.proacl::text, '') ||
		coalesce(pg_catalog.obj_description(p.oid, 'pg_proc'), ''), E'\n' ORDER BY p.oid::regprocedure::text), '')
		FROM pg_catalog.pg_proc p WHERE p.pronamespace = 'pgseal'::regnamespace`
	const views = `SELECT string_agg(c.relname || pg_catalog.pg_get_viewdef(c.oid) || coalesce(c.reloptions::text, '') || coalesce(c.relacl::text, '') ||
		coalesce(pg_catalog.obj_description(c.oid, 'pg_class'), '') || coalesce((SELECT pg_catalog.pg_get_triggerdef(t.oid) FROM pg_catalog.pg_trigger t WHERE t.tgrelid = c.oid), ''), E'\n' ORDER BY c.relname)
		FROM pg_catalog.pg_class c WHERE c.relnamespace = 'pgseal'::regnamespace AND c.relkind = 'v' AND (c.relname LIKE 'retyp%' OR c.relname = 'columns')`
	for _, what := range []string{functions, views} {
		if got, want := one[string](t, old, what), one[string](t, fresh, what); got != want {
			t.Errorf("after the upgrade:\n%s\nfresh:\n%s", got, want)
		}
	}
	if !one[bool](t, old, `SELECT $1::bytea::pgseal_column.of_old IS NOT NULL`, newEnvelope(t, 1, 7, envelope.TermEquality, "x")) {
		t.Error("the domain of before does not take an envelope")
	}
	if _, err := old.Exec(t.Context(), `SELECT 'plain'::bytea::pgseal_column.of_old`); err == nil {
		t.Error("the domain of before takes a plaintext")
	}
}

func TestUpgradePathEndsWhereAScriptIsMissing(t *testing.T) {
	scripts := fstest.MapFS{"pgseal--0.1--0.2.sql": {}, "pgseal--0.2--0.1.sql": {}}
	if _, err := upgradePath(scripts, "0.1", "0.3"); err == nil {
		t.Error("found a way in a circle")
	}
	if _, err := compareVersions("0.1", "0.x"); err == nil {
		t.Error("0.x is accepted as a version")
	}
}

func TestControlFileNamesTheVersion(t *testing.T) {
	control, err := fs.ReadFile(files, "pgseal.control")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(control), "default_version = '"+Version+"'") {
		t.Errorf("pgseal.control does not have version %s", Version)
	}
	_, conn := installedDatabase(t)
	if v := one[string](t, conn, `SELECT pgseal.version()`); v != Version {
		t.Errorf("pgseal.version() is %s", v)
	}
}

// What PUBLIC may do is part of the threat model: a change must be on purpose.
func TestPublicMayUseTheTypesAndNothingElse(t *testing.T) {
	_, conn := installedDatabase(t)
	rows, err := conn.Query(t.Context(), `
		SELECT 'schema ' || nspname || ' ' || x.privilege_type FROM pg_namespace, aclexplode(nspacl) x
		 WHERE x.grantee = 0 AND nspname LIKE 'pgseal%'
		UNION ALL
		SELECT 'relation ' || relname || ' ' || x.privilege_type FROM pg_class, aclexplode(relacl) x
		 WHERE x.grantee = 0 AND relnamespace = 'pgseal'::regnamespace
		UNION ALL
		SELECT 'function ' || oid::regprocedure || ' ' || x.privilege_type FROM pg_proc, aclexplode(proacl) x
		 WHERE x.grantee = 0 AND pronamespace = 'pgseal'::regnamespace
		UNION ALL
		SELECT 'default ' || oid::regprocedure FROM pg_proc WHERE proacl IS NULL AND pronamespace = 'pgseal'::regnamespace
		ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	got, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"function pgseal.column_id(bytea) EXECUTE",
		"function pgseal.computed_default(anyelement) EXECUTE",
		"function pgseal.eq(bytea) EXECUTE",
		"function pgseal.is_envelope(bytea,integer) EXECUTE",
		"function pgseal.is_envelope(bytea,integer,integer) EXECUTE",
		"function pgseal.key_id(bytea) EXECUTE",
		"function pgseal.lower(bytea) EXECUTE",
		"function pgseal.retype(regtype,integer,regtype,integer,regcollation,boolean) EXECUTE",
		"function pgseal.retyped(regtype,integer,regtype,integer,regcollation,boolean) EXECUTE",
		"function pgseal.same_type(anyelement,anyelement) EXECUTE",
		"function pgseal.upper(bytea) EXECUTE",
		"function pgseal.version() EXECUTE",
		"relation retyped_columns SELECT",
		"relation retyping SELECT",
		"relation retyping UPDATE",
		"schema pgseal USAGE",
		"schema pgseal_column USAGE",
	}
	if !slices.Equal(got, want) {
		t.Errorf("PUBLIC has:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestChangesAreAnnouncedAndCountersAreNot(t *testing.T) {
	database, conn := installedDatabase(t)
	listener := connect(t, cluster, database, owner)
	mustExec(t, listener, `LISTEN pgseal`)
	sealByHand(t, conn)
	for _, c := range []struct{ sql, want string }{
		{`UPDATE pgseal.sealed_column SET terms = 1`, "catalog"},
		{`UPDATE pgseal.sealed_table SET relation = relation`, "catalog"},
		{`UPDATE pgseal.data_key SET state = 'open-only' WHERE key_id = 1`, "keys"},
		{`UPDATE pgseal.data_key SET state = 'active' WHERE key_id = 1`, "keys"},
		{`SELECT pgseal.rotate_key('users')`, "jobs"},
		{`UPDATE pgseal.job SET state = 'done'`, "jobs"},
		{`UPDATE pgseal.data_key SET seals = seals + 1, key_check = sha256('')::bytea WHERE false`, ""},
		{`UPDATE pgseal.job SET done = done + 1`, ""},
		{`SELECT pg_notify('pgseal', 'end')`, "end"},
	} {
		mustExec(t, conn, c.sql)
		for c.want != "" {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			n, err := listener.WaitForNotification(ctx)
			cancel()
			if err != nil {
				t.Fatalf("%s: %v", c.sql, err)
			}
			if n.Payload == c.want {
				break
			}
			if c.want == "end" {
				t.Errorf("a counter was announced as %q", n.Payload)
			}
		}
	}
}
