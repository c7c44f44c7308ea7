package catalog_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"pgseal/catalog"
	"pgseal/envelope"
	"pgseal/extension"
	"pgseal/integration/pgtest"
	"pgseal/logical"
)

func load(t *testing.T, conn *pgx.Conn) *catalog.Snapshot {
	t.Helper()
	s, err := catalog.Load(t.Context(), conn, false, false)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// named finds a relation by schema and name, nil if it is not there.
func named(s *catalog.Snapshot, schema, name string) *catalog.Relation {
	for _, r := range s.Named(name) {
		if r.Schema == schema {
			return r
		}
	}
	return nil
}

// columns writes a relation's columns as "name" or "name=sealed column id", and
// broken ones as "name!".
func columns(r *catalog.Relation) string {
	if r == nil {
		return "no such relation"
	}
	var b []string
	for _, c := range r.Columns {
		switch {
		case c.Sealed == nil:
			b = append(b, c.Name)
		case c.Sealed.Broken != "":
			b = append(b, c.Name+"!")
		default:
			b = append(b, fmt.Sprintf("%s=%d", c.Name, c.Sealed.ID))
		}
	}
	return strings.Join(b, " ")
}

func TestADatabaseWithoutSealedColumnsIsEmpty(t *testing.T) {
	_, conn := newDatabase(t, cluster)
	mustExec(t, conn, `CREATE TABLE users (id int)`)
	if s := load(t, conn); !s.Empty() || s.Word("users") {
		t.Error("without pgseal: not empty")
	}
	if _, err := extension.Install(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	if s := load(t, conn); !s.Empty() || s.Word("users") {
		t.Error("with pgseal: not empty")
	}
}

func TestASealedColumnIsLoadedWithItsMetadata(t *testing.T) {
	_, conn := sealedDatabase(t)
	s := load(t, conn)
	users := named(s, "public", "users")
	if got := columns(users); got != "id ssn=1 note=2" {
		t.Fatalf("columns of users: %s", got)
	}
	if users.OID != one[uint32](t, conn, `SELECT 'users'::regclass::oid`) || users.Kind != 'r' || !users.Sealed {
		t.Errorf("users is %+v", users)
	}
	ssn := users.Column("ssn")
	if ssn.AttNum != 3 || ssn.TypeOID != one[uint32](t, conn, `SELECT 'pgseal_column.public_users_ssn'::regtype::oid`) {
		t.Errorf("ssn is %+v", ssn)
	}
	want := catalog.SealedColumn{ID: 1, TableID: 1, Domain: ssn.TypeOID, DomainName: "public_users_ssn", Type: logical.Type{OID: logical.OIDVarchar, Typmod: 15},
		Terms: envelope.TermEquality, IndexKeyID: 2, Schema: "public", Table: "users", Name: "ssn"}
	if !reflect.DeepEqual(*ssn.Sealed, want) {
		t.Errorf("got  %+v\nwant %+v", *ssn.Sealed, want)
	}
	if s.Column(1) != ssn.Sealed || s.Origin(catalog.Attribute{Relation: users.OID, AttNum: 3}) != ssn.Sealed {
		t.Error("the column is not found by id or origin")
	}
	if s.Origin(catalog.Attribute{Relation: users.OID, AttNum: 1}) != nil {
		t.Error("a plain column has a sealed origin")
	}
	if s.ActiveKey(1) != 1 || s.ActiveKey(2) != 0 {
		t.Errorf("active keys: %d and %d", s.ActiveKey(1), s.ActiveKey(2))
	}
	if s.Empty() || !s.Word("users") || s.Word("id") {
		t.Error("words are wrong")
	}
}

func TestTheTypeIsFollowedWhereverItGoes(t *testing.T) {
	database, conn := sealedDatabase(t)
	admin := connect(t, cluster, database, pgtest.Superuser)
	mustExec(t, admin, `
		CREATE FOREIGN DATA WRAPPER nothing;
		CREATE SERVER nowhere FOREIGN DATA WRAPPER nothing;
		CREATE FOREIGN TABLE far (id int, ssn pgseal_column.public_users_ssn) SERVER nowhere`)
	mustExec(t, conn, `
		CREATE VIEW v AS SELECT ssn AS number, id FROM users;
		CREATE VIEW vv AS SELECT coalesce(number, number) AS n FROM v;
		CREATE MATERIALIZED VIEW m AS SELECT * FROM users;
		CREATE TABLE copy AS SELECT note, ssn FROM users;
		CREATE TABLE twin (LIKE users, more int);
		CREATE TABLE child (extra int) INHERITS (users);
		CREATE TABLE log (day date, ssn pgseal_column.public_users_ssn) PARTITION BY RANGE (day);
		CREATE TABLE log_2026 PARTITION OF log FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
		CREATE SCHEMA "Other Schema";
		CREATE TABLE "Other Schema"."Users" (" ""x""" pgseal_column.public_users_note);
		CREATE TABLE "Other Schema".users (id int);
		CREATE TEMPORARY TABLE users (id int, note pgseal_column.public_users_note);
		CREATE DOMAIN stricter AS pgseal_column.public_users_ssn NOT NULL;
		CREATE TABLE strict (ssn stricter);
		ALTER TABLE public.users RENAME note TO "Notiz";
		ALTER TABLE public.users RENAME TO people`)
	s := load(t, conn)
	temp := one[string](t, conn, `SELECT nspname FROM pg_namespace WHERE oid = pg_my_temp_schema()`)
	for _, c := range []struct{ schema, name, kind, want string }{
		{"public", "people", "r", "id ssn=1 Notiz=2"},
		{"public", "v", "v", "number=1 id"},
		{"public", "vv", "v", "n=1"},
		{"public", "m", "m", "id ssn=1 note=2"},
		{"public", "copy", "r", "note=2 ssn=1"},
		{"public", "twin", "r", "id ssn=1 note=2 more"},
		{"public", "child", "r", "id ssn=1 Notiz=2 extra"},
		{"public", "log", "p", "day ssn=1"},
		{"public", "log_2026", "r", "day ssn=1"},
		{"public", "far", "f", "id ssn=1"},
		{"public", "strict", "r", "ssn=1"},
		{"Other Schema", "Users", "r", ` "x"=2`},
		{"Other Schema", "users", "r", "id"},
		{temp, "users", "r", "id note=2"},
		{"public", "users", "", "no such relation"},
	} {
		r := named(s, c.schema, c.name)
		if got := columns(r); got != c.want || r != nil && string(r.Kind) != c.kind {
			t.Errorf("%s.%s: %s", c.schema, c.name, got)
		}
	}
	if named(s, "public", "people").Column("ssn").Sealed != named(s, "public", "vv").Column("n").Sealed {
		t.Error("the view's column is another sealed column")
	}
	if s.Word("people") == s.Word("Other Schema") {
		t.Error("words are wrong")
	}
	if r := named(s, "pg_catalog", "pg_class"); r == nil || r.Sealed {
		t.Error("pg_class is not known as a plain relation")
	}
}

func TestUniqueIndexesOverTerms(t *testing.T) {
	_, conn := sealedDatabase(t)
	mustExec(t, conn, `
		CREATE TABLE t (a int, "B b" pgseal_column.public_users_ssn, c pgseal_column.public_users_ssn, "select" pgseal_column.public_users_ssn);
		CREATE UNIQUE INDEX one ON t (pgseal.eq("B b"));
		CREATE UNIQUE INDEX two ON t (pgseal.eq("select"), a, pgseal.eq(c)) INCLUDE ("B b");
		CREATE UNIQUE INDEX three ON t (pgseal.eq(c)) WHERE a > 0;
		CREATE UNIQUE INDEX "not these: raw" ON t (c);
		CREATE UNIQUE INDEX "not these: mixed" ON t (pgseal.eq(c), "B b");
		CREATE UNIQUE INDEX "not these: expression" ON t (pgseal.eq(c), abs(a));
		CREATE UNIQUE INDEX "not these: plain" ON t (a);
		CREATE UNIQUE INDEX "not these: other function" ON t (pgseal.key_id(c));
		CREATE INDEX "not these: not unique" ON t (pgseal.eq(c));
		CREATE TABLE p (k int, c pgseal_column.public_users_ssn) PARTITION BY LIST (k);
		CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);
		CREATE UNIQUE INDEX four ON p1 (pgseal.eq(c));
		-- what the session's search_path shortens must not matter
		SET search_path = pgseal, public`)
	s := load(t, conn)
	got := ""
	for _, name := range []string{"t", "p1", "users"} {
		for _, u := range named(s, "public", name).Uniques {
			got += fmt.Sprintf("%s: %s %q %t\n", name, u.Name, u.Columns, u.Partial)
		}
	}
	want := `t: one ["B b"] false
t: three ["c"] true
t: two ["select" "a" "c"] false
p1: four ["c"] false
users: users_ssn_key ["ssn"] false
`
	if got != want {
		t.Errorf("got:\n%swant:\n%s", got, want)
	}
	if path := one[string](t, conn, `SHOW search_path`); path != "pgseal, public" {
		t.Errorf("Load left the search_path at %q", path)
	}
}

// A relation that somebody alters, this session's own client perhaps, can be locked
// for long. Nobody else could plan anything if the catalog waited for it.
func TestLoadingWaitsForNoLock(t *testing.T) {
	database, conn := sealedDatabase(t)
	mustExec(t, conn, `
		ALTER TABLE users ALTER ssn SET DEFAULT pgseal.computed_default(now()::text), ADD CHECK (id > 0);
		CREATE UNIQUE INDEX mixed ON users (pgseal.eq(ssn), abs(id));
		CREATE VIEW seen AS SELECT id, ssn FROM users`)
	free := load(t, conn)
	other := connect(t, cluster, database, owner)
	mustExec(t, other, `BEGIN; LOCK TABLE users, seen IN ACCESS EXCLUSIVE MODE`)
	mustExec(t, conn, `SET lock_timeout = '100ms'`)
	if locked := load(t, conn); locked.Version != free.Version || len(named(locked, "public", "users").Uniques) == 0 || len(locked.Shown().Indexes) != 2 {
		t.Errorf("while users is locked: %+v", named(locked, "public", "users"))
	}
}

func TestFunctionsThatReturnSealedRows(t *testing.T) {
	_, conn := sealedDatabase(t)
	mustExec(t, conn, `
		CREATE DOMAIN some_users AS users CHECK (true);
		CREATE FUNCTION f_row() RETURNS users LANGUAGE sql AS 'SELECT * FROM users LIMIT 1';
		CREATE FUNCTION f_rows() RETURNS SETOF users LANGUAGE sql AS 'SELECT * FROM users';
		CREATE FUNCTION f_array() RETURNS users[] LANGUAGE sql AS 'SELECT array_agg(u) FROM users u';
		CREATE FUNCTION f_domain() RETURNS some_users LANGUAGE sql AS 'SELECT u::some_users FROM users u LIMIT 1';
		CREATE FUNCTION f_table() RETURNS TABLE (n int, u users) LANGUAGE sql AS 'SELECT 1, u FROM users u';
		CREATE FUNCTION f_out(OUT n int, OUT s pgseal_column.public_users_ssn) LANGUAGE sql AS 'SELECT id, ssn FROM users';
		CREATE FUNCTION "F Value"() RETURNS pgseal_column.public_users_ssn LANGUAGE sql AS 'SELECT ssn FROM users';
		CREATE FUNCTION f_row_in(users) RETURNS int LANGUAGE sql AS 'SELECT 1';
		CREATE FUNCTION f_value_in(pgseal_column.public_users_ssn) RETURNS int LANGUAGE sql AS 'SELECT 1';
		CREATE FUNCTION f_plain(int) RETURNS int LANGUAGE sql AS 'SELECT 1'`)
	s := load(t, conn)
	for _, name := range []string{"f_row", "f_rows", "f_array", "f_domain", "f_table", "f_out", "F Value", "f_row_in", "f_value_in"} {
		if !s.RowFunction(name) || !s.Word(name) {
			t.Errorf("%s is not known to return or take sealed values", name)
		}
	}
	if s.RowFunction("f_plain") || s.RowFunction("lower") {
		t.Error("a function without sealed results is taken for one")
	}
}

func TestWhatCannotBeOpenedIsMarkedAndNeverPlain(t *testing.T) {
	_, conn := sealedDatabase(t)
	mustExec(t, conn, `
		CREATE DOMAIN pgseal_column.orphan AS bytea;
		CREATE TYPE pair AS (a int, b pgseal_column.public_users_ssn);
		CREATE TYPE span AS RANGE (subtype = pgseal_column.public_users_ssn);
		CREATE DOMAIN many AS pgseal_column.public_users_ssn[];
		CREATE TABLE odd (a pgseal_column.orphan, b pgseal_column.public_users_ssn[], c pair, d users, e users[], f span, g many, h int);
		CREATE DOMAIN pgseal_column.n AS bytea; CREATE DOMAIN pgseal_column.t AS bytea; CREATE DOMAIN pgseal_column.l AS bytea;
		INSERT INTO pgseal.sealed_column (table_id, domain, schema_name, table_name, column_name, logical_type, terms, index_key_id, normalizer)
		VALUES (1, 'pgseal_column.n', 'public', 'later', 'n', 'text', 1, 2, 'rot13'),
		       (1, 'pgseal_column.t', 'public', 'later', 't', 'text', 128, 2, NULL),
		       (1, 'pgseal_column.l', 'public', 'later', 'l', 'money', 0, NULL, NULL);
		CREATE TABLE later (n pgseal_column.n, t pgseal_column.t, l pgseal_column.l)`)
	s := load(t, conn)
	odd := named(s, "public", "odd")
	if got := columns(odd); got != "a! b! c! d! e! f! g! h" {
		t.Errorf("odd: %s", got)
	}
	later := named(s, "public", "later")
	if got := columns(later); got != "n! t! l!" {
		t.Errorf("later: %s", got)
	}
	for _, r := range []*catalog.Relation{odd, later} {
		if !s.Word(r.Name) || !r.Sealed {
			t.Errorf("%s is not known as sealed", r.Name)
		}
		for _, c := range r.Columns[:3] {
			if c.Sealed.ID != 0 || c.Sealed.Type.OID != 0 || c.Sealed.String() != "public."+r.Name+"."+c.Name {
				t.Errorf("%s: %+v", c.Name, c.Sealed)
			}
		}
	}
	if s.Column(0) != nil {
		t.Error("a broken column is found by its id")
	}
	for name, word := range map[string]string{"a": "has no row", "b": "public_users_ssn[]", "d": "users", "g": "many"} {
		if got := odd.Column(name).Sealed.Broken; !strings.Contains(got, word) {
			t.Errorf("%s: %q does not mention %q", name, got, word)
		}
	}

	// The metadata gone as a whole, as in a dump that was restored in part.
	mustExec(t, conn, `DROP SCHEMA pgseal CASCADE`)
	if got := columns(named(load(t, conn), "public", "users")); got != "id ssn! note!" {
		t.Errorf("without the schema pgseal: %s", got)
	}
}

func TestADomainOutsideItsSchemaIsStillSealed(t *testing.T) {
	_, conn := sealedDatabase(t)
	mustExec(t, conn, `ALTER DOMAIN pgseal_column.public_users_ssn SET SCHEMA public`)
	if got := columns(named(load(t, conn), "public", "users")); got != "id ssn=1 note=2" {
		t.Errorf("columns of users: %s", got)
	}
}

func TestTheVersionChangesWithWhatPlanningSees(t *testing.T) {
	_, conn := sealedDatabase(t)
	version := load(t, conn).Version
	for _, step := range []struct {
		sql     string
		changes bool
	}{
		{`SELECT 1`, false},
		{`INSERT INTO users (id) VALUES (1); ANALYZE; UPDATE pgseal.data_key SET seals = 5`, false},
		{`UPDATE pgseal.data_key SET state = 'open-only' WHERE key_id = 1;
		  INSERT INTO pgseal.data_key (table_id, purpose, version, state, kms_key_arn, key_spec, ciphertext_blob, encryption_context)
		  VALUES (1, 'seal', 2, 'active', 'arn', 'AES_256', '\x01', '{}')`, false},
		{`SELECT pgseal.rotate_key('users')`, false},
		{`CREATE TABLE another (a int)`, true},
		{`ALTER TABLE another ADD b int`, true},
		{`ALTER TABLE another RENAME b TO c`, true},
		{`ALTER TABLE another ALTER c TYPE bigint`, true},
		{`ALTER TABLE another DROP c`, true},
		{`ALTER TABLE another RENAME TO yet_another`, true},
		{`CREATE INDEX ON yet_another (a)`, false},
		{`CREATE SCHEMA s; ALTER TABLE yet_another SET SCHEMA s`, true},
		{`CREATE VIEW v AS SELECT * FROM users`, true},
		{`CREATE FUNCTION f() RETURNS users LANGUAGE sql AS 'SELECT * FROM users'`, true},
		{`ALTER INDEX users_ssn_key RENAME TO k`, true},
		{`DROP INDEX k`, true},
		{`UPDATE pgseal.sealed_column SET typmod = 20 WHERE column_id = 1`, true},
		{`UPDATE pgseal.sealed_column SET original = '{"a":1}'`, false},
		{`DELETE FROM pgseal.sealed_column WHERE column_id = 2`, true},
	} {
		mustExec(t, conn, step.sql)
		next := load(t, conn).Version
		if (next != version) != step.changes {
			t.Errorf("%s: changed %t", step.sql, next != version)
		}
		version = next
	}
	if got := load(t, conn).ActiveKey(1); got != 3 {
		t.Errorf("the active key is %d", got)
	}
}

func TestARoleThatMayNotReadIsToldWhatToDo(t *testing.T) {
	database, conn := sealedDatabase(t)
	mustExec(t, connect(t, cluster, database, pgtest.Superuser), `CREATE ROLE reader LOGIN`)
	reader := connect(t, cluster, database, "reader")
	if _, err := catalog.Load(t.Context(), reader, false, false); err == nil || !strings.Contains(err.Error(), "pgseal.grant_proxy") {
		t.Errorf("got %v", err)
	}
	mustExec(t, conn, `SELECT pgseal.grant_proxy('reader')`)
	if got := columns(named(load(t, reader), "public", "users")); got != "id ssn=1 note=2" {
		t.Errorf("columns of users: %s", got)
	}
}

func TestAnOlderSchemaSaysWhatToDo(t *testing.T) {
	_, conn := sealedDatabase(t)
	mustExec(t, conn, `DROP FUNCTION pgseal.lower`) // which version 0.4 did not have
	if _, err := catalog.Load(t.Context(), conn, false, false); err == nil || !strings.Contains(err.Error(), "pgseal init") {
		t.Errorf("got %v", err)
	}
}

func TestLoadSeesOneState(t *testing.T) {
	database, conn := sealedDatabase(t)
	other := connect(t, cluster, database, owner)
	ctx := t.Context()
	stop := make(chan struct{})
	changed := make(chan error)
	go func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				changed <- nil
				return
			default:
			}
			sql := `ALTER TABLE users RENAME ssn TO nss; ALTER TABLE users RENAME TO usres`
			if i%2 == 1 {
				sql = `ALTER TABLE usres RENAME nss TO ssn; ALTER TABLE usres RENAME TO users`
			}
			if _, err := other.PgConn().Exec(ctx, sql).ReadAll(); err != nil {
				changed <- err
				return
			}
		}
	}()
	var seen []string
	for range 40 {
		s := load(t, conn)
		for _, name := range []string{"users", "usres"} {
			if r := named(s, "public", name); r != nil {
				seen = append(seen, name+": "+columns(r))
			}
		}
	}
	close(stop)
	if err := <-changed; err != nil {
		t.Fatal(err)
	}
	slices.Sort(seen)
	for _, state := range slices.Compact(seen) {
		if state != "users: id ssn=1 note=2" && state != "usres: id nss=1 note=2" {
			t.Errorf("a state that never was: %s", state)
		}
	}
}
