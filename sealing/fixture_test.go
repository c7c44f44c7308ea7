package sealing

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"pgseal/extension"
	"pgseal/integration/pgtest"
	"pgseal/keystore"
	"pgseal/kmsdev"
	"pgseal/kmsdev/kmsfault"
)

const (
	// owner is a role without any privilege; the databases of the tests and the
	// tables in them are its own.
	owner = "owner"
	alias = "alias/pgseal-test"
	// patience is how long a test waits for what must come.
	patience = 30 * time.Second
)

var (
	cluster   *pgtest.Cluster
	databases atomic.Int32
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	ctx := context.Background()
	c, err := pgtest.Start(ctx, pgtest.Options{Settings: map[string]string{"autovacuum": "off"}})
	if err == nil {
		cluster = c
		err = c.Exec(ctx, "postgres", `CREATE ROLE owner LOGIN; CREATE ROLE reader; CREATE ROLE "Odd Role"; CREATE ROLE other LOGIN`)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	status := m.Run()
	if err := c.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return status
}

// world is a database of owner with pgseal installed, and a KMS.
type world struct {
	t        *testing.T
	database string
	conn     *pgx.Conn // of owner
	faults   *kmsfault.Injector
	keys     Keys
}

func newWorld(t *testing.T, ddl ...string) *world {
	t.Helper()
	w := &world{t: t, database: fmt.Sprintf("test%d", databases.Add(1))}
	if err := cluster.CreateDatabase(t.Context(), w.database, "OWNER "+owner); err != nil {
		t.Fatal(err)
	}
	w.superuser("ALTER SCHEMA public OWNER TO " + owner)
	w.conn = w.connect(owner)
	if _, err := extension.Install(t.Context(), w.conn); err != nil {
		t.Fatal(err)
	}
	w.startKMS()
	w.exec(ddl...)
	return w
}

func (w *world) startKMS() {
	w.t.Helper()
	server, err := kmsdev.Open(filepath.Join(w.t.TempDir(), "kms.json"), kmsdev.Options{})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		if err := server.Close(); err != nil {
			w.t.Error(err)
		}
	})
	if _, err := server.EnsureAlias(alias); err != nil {
		w.t.Fatal(err)
	}
	w.faults = kmsfault.New(server.Handler())
	web := httptest.NewServer(w.faults)
	w.t.Cleanup(web.Close)
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL_KMS":        web.URL,
		"AWS_REGION":                  "us-east-1",
		"AWS_ACCESS_KEY_ID":           "AKIDEXAMPLE",
		"AWS_SECRET_ACCESS_KEY":       "secret",
		"AWS_CONFIG_FILE":             os.DevNull,
		"AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
		"AWS_MAX_ATTEMPTS":            "1",
	} {
		w.t.Setenv(name, value)
	}
	client, err := keystore.NewKMS(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	w.keys = func(db keystore.DB) (*keystore.Store, error) {
		return keystore.New(db, client, keystore.Options{KMSKeyID: alias, Patience: -1})
	}
}

func (w *world) connect(role string) *pgx.Conn {
	w.t.Helper()
	conn, err := pgx.Connect(w.t.Context(), cluster.DSN(w.database, role))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// exec runs SQL texts as the owner.
func (w *world) exec(texts ...string) {
	w.t.Helper()
	w.execAs(w.conn, texts...)
}

func (w *world) execAs(conn *pgx.Conn, texts ...string) {
	w.t.Helper()
	for _, sql := range texts {
		if _, err := conn.PgConn().Exec(w.t.Context(), sql).ReadAll(); err != nil {
			w.t.Fatalf("%s: %v", sql, err)
		}
	}
}

// asSuperuser runs f with the superuser in place of the owner.
func (w *world) asSuperuser(f func()) {
	w.t.Helper()
	former := w.conn
	w.conn = w.connect(pgtest.Superuser)
	f()
	if err := w.conn.Close(context.WithoutCancel(w.t.Context())); err != nil {
		w.t.Error(err)
	}
	w.conn = former
}

// superuser runs SQL as the superuser in the world's database.
func (w *world) superuser(sql string) {
	w.t.Helper()
	if err := cluster.Exec(w.t.Context(), w.database, sql); err != nil {
		w.t.Fatalf("%s: %v", sql, err)
	}
}

func one[T any](w *world, sql string, args ...any) (v T) {
	w.t.Helper()
	if err := w.conn.QueryRow(w.t.Context(), sql, args...).Scan(&v); err != nil {
		w.t.Fatalf("%s: %v", sql, err)
	}
	return v
}

// seal seals a column and fails the test if that fails.
func (w *world) seal(target string, equality bool) *Report {
	w.t.Helper()
	return w.sealAll(Target{Column: target, Equality: equality})[0]
}

// sealAll seals columns of one table together.
func (w *world) sealAll(targets ...Target) []*Report {
	w.t.Helper()
	reports, err := Seal(w.t.Context(), w.conn, targets, SealOptions{Keys: w.keys})
	if err != nil {
		w.t.Fatalf("seal %v: %v", targets, explain(err))
	}
	return reports
}

func (w *world) unseal(target string) *Report {
	w.t.Helper()
	r, err := Unseal(w.t.Context(), w.conn, target, UnsealOptions{Keys: w.keys})
	if err != nil {
		w.t.Fatalf("unseal %s: %v", target, explain(err))
	}
	return r
}

func explain(err error) string {
	var r *Refusal
	if errors.As(err, &r) {
		return r.Error() + " (hint: " + r.Hint + ")"
	}
	return err.Error()
}

// refused asserts that an error is a refusal that names what stands in the way
// and says what to do.
func (w *world) refused(err error, words ...string) {
	w.t.Helper()
	var r *Refusal
	if !errors.As(err, &r) || r.Hint == "" || r.What == "" {
		w.t.Errorf("got %v, want a refusal with a hint", err)
		return
	}
	for _, word := range words {
		if !strings.Contains(explain(err), word) {
			w.t.Errorf("%s\ndoes not say %q", explain(err), word)
		}
	}
}

// rotate gives a table a new version of its seal key.
func (w *world) rotate(table string) {
	w.t.Helper()
	store, err := w.keys(w.conn)
	if err != nil {
		w.t.Fatal(err)
	}
	id := one[uint32](w, `SELECT table_id FROM pgseal.sealed_table WHERE relation = $1::text::regclass`, table)
	if _, err := store.Rotate(w.t.Context(), id); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) reseal(table string) int64 {
	w.t.Helper()
	n, err := Reseal(w.t.Context(), w.conn, table, ResealOptions{Keys: w.keys})
	if err != nil {
		w.t.Fatalf("reseal %s: %s", table, explain(err))
	}
	return n
}

// verify returns what does not open.
func (w *world) verify(table string) (opened int64, damages []Damage) {
	w.t.Helper()
	opened, damaged, err := Verify(w.t.Context(), w.conn, table, VerifyOptions{Keys: w.keys,
		Found: func(d Damage) { damages = append(damages, d) }})
	if err != nil {
		w.t.Fatal(explain(err))
	}
	if int(damaged) < len(damages) {
		w.t.Errorf("%d damages counted, %d told", damaged, len(damages))
	}
	return opened, damages
}

// dumper is a pg_dump for the server; the test is skipped where there is none.
func dumper(t *testing.T) string {
	t.Helper()
	path := cluster.Binaries.Client(t.Context(), "pg_dump")
	if path == "" {
		t.Skipf("no pg_dump for PostgreSQL %d is on this machine", cluster.Binaries.Major)
	}
	return path
}

// forServer leaves out what the server is too old for.
func forServer(ddl string) string {
	if cluster.Binaries.Major >= 15 {
		return ddl
	}
	return strings.NewReplacer(" NULLS NOT DISTINCT", "", ", security_invoker = true", "").Replace(ddl)
}

// dump is all of schema public, and what else is named, as pg_dump writes it.
func (w *world) dump(options ...string) string {
	w.t.Helper()
	args := append([]string{"--schema=public", "--schema=Odd*", "--dbname=" + cluster.DSN(w.database, pgtest.Superuser)}, options...)
	out, err := exec.CommandContext(w.t.Context(), dumper(w.t), args...).Output()
	if err != nil {
		w.t.Fatalf("pg_dump: %v", err)
	}
	// A random word of each dump.
	lines := strings.Split(string(out), "\n")
	kept := lines[:0]
	for _, l := range lines {
		if !strings.HasPrefix(l, `\restrict`) && !strings.HasPrefix(l, `\unrestrict`) {
			kept = append(kept, l)
		}
	}
	return strings.Join(kept, "\n")
}

// everything is the state of the catalog and of pgseal's tables, with the place
// and the transaction of each row: any change that was committed shows.
// Announcements come and go.
func (w *world) everything() string {
	w.t.Helper()
	var parts []string
	for _, table := range []string{"pg_class", "pg_attribute", "pg_attrdef", "pg_constraint", "pg_index", "pg_trigger", "pg_rewrite", "pg_policy",
		"pg_type", "pg_proc", "pg_depend", "pg_description", "pg_statistic_ext", "pg_publication_rel", "pgseal.sealed_column", "pgseal.sealed_table", "pgseal.data_key"} {
		parts = append(parts, fmt.Sprintf("SELECT '%[1]s' || ' ' || ctid || ' ' || xmin FROM %[1]s WHERE xmin::text::bigint > 1", table))
	}
	return one[string](w, "SELECT string_agg(line, E'\n') FROM ("+strings.Join(parts, " UNION ALL ")+" ORDER BY 1) x(line)")
}

// reset empties schema public, which is quicker than another database.
func (w *world) reset(t *testing.T) {
	w.t = t
	w.exec(`DISCARD TEMP`, `SET client_min_messages = warning; DROP SCHEMA public CASCADE; DROP SCHEMA IF EXISTS "Odd.Schema" CASCADE; CREATE SCHEMA public; GRANT USAGE ON SCHEMA public TO PUBLIC; DROP PUBLICATION IF EXISTS pub;
		ALTER DEFAULT PRIVILEGES FOR ROLE owner REVOKE SELECT ON TABLES FROM other`)
	if n := one[int](w, `SELECT count(*) FROM pg_depend d JOIN pg_namespace n ON n.oid = d.refobjid WHERE nspname = 'pgseal_column'`); n != 0 {
		// A test that failed has left its domains.
		w.exec(`DELETE FROM pgseal.sealed_column; DROP SCHEMA pgseal_column CASCADE; CREATE SCHEMA pgseal_column; GRANT USAGE ON SCHEMA pgseal_column TO PUBLIC`)
	}
}

// firstDifference says where two texts part.
func firstDifference(a, b string) string {
	as, bs := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(as), len(bs)) {
		if as[i] != bs[i] {
			return fmt.Sprintf("line %d\n- %s\n+ %s", i+1, as[i], bs[i])
		}
	}
	if len(as) != len(bs) {
		longer := as
		if len(bs) > len(as) {
			longer = bs
		}
		return fmt.Sprintf("one has more lines:\n%s", strings.Join(longer[min(len(as), len(bs)):], "\n"))
	}
	return ""
}

func (w *world) same(what, before, after string) {
	w.t.Helper()
	if before != after {
		w.t.Errorf("%s differs: %s", what, firstDifference(before, after))
	}
}

// tools seal and open single values of a sealed column, as a proxy would.
type tools struct {
	w      *world
	sealed sealed
	sealer *sealer
	opener *opener
}

func (w *world) tools(table, column string) *tools {
	w.t.Helper()
	tx, err := w.conn.Begin(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	c, err := find(w.t.Context(), tx, []string{table + "." + column})
	if err != nil {
		w.t.Fatal(err)
	}
	s, err := sealedBehind(w.t.Context(), tx, c[0])
	if err != nil {
		w.t.Fatal(err)
	}
	if err := tx.Commit(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	store, err := w.keys(w.conn)
	if err != nil {
		w.t.Fatal(err)
	}
	key := one[uint32](w, `SELECT key_id FROM pgseal.data_key WHERE table_id = $1 AND purpose = 'seal' AND state = 'active'`, s.tableID)
	k := &tools{w: w, sealed: s, opener: newOpener(store),
		sealer: &sealer{dataKeys: &dataKeys{store: store, sealKeyID: key, indexKeyID: s.indexKey}, typ: s.typ, columnID: s.id, terms: s.terms}}
	if err := k.sealer.unwrap(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { k.sealer.erase(); k.sealer.dataKeys.erase(); k.opener.erase() })
	return k
}

// seal gives the envelope of a text.
func (k *tools) seal(text string) []byte {
	k.w.t.Helper()
	env, err := k.sealer.seal(nil, []byte(text))
	if err != nil {
		k.w.t.Fatal(err)
	}
	return env
}

// values opens a column of texts, by id.
func (k *tools) values(table, column string) map[int]string {
	k.w.t.Helper()
	rows, err := k.w.conn.Query(k.w.t.Context(), fmt.Sprintf("SELECT id, %[1]s FROM %[2]s WHERE %[1]s IS NOT NULL", column, table))
	if err != nil {
		k.w.t.Fatal(err)
	}
	envs := map[int][]byte{}
	var id int
	var env []byte
	if _, err := pgx.ForEachRow(rows, []any{&id, &env}, func() error { envs[id] = append([]byte{}, env...); return nil }); err != nil {
		k.w.t.Fatal(err)
	}
	texts := map[int]string{}
	for id, env := range envs {
		text, err := k.opener.open(k.w.t.Context(), k.sealed, nil, env)
		if err != nil {
			k.w.t.Fatalf("row %d: %v", id, err)
		}
		texts[id] = string(text)
	}
	return texts
}
