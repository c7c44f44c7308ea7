package proxy

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"pgseal/extension"
	"pgseal/keystore"
	"pgseal/kmsdev"
	"pgseal/kmsdev/kmsfault"
	"pgseal/session"
	"pgseal/wire"
)

var databaseNumber atomic.Int32

// world is a database with pgseal installed and a development KMS.
type world struct {
	*Databases
	t      *testing.T
	name   string
	conn   *pgx.Conn // direct, as superuser
	store  *keystore.Store
	faults *kmsfault.Injector
	log    *lockedBuffer
}

func newWorld(t *testing.T, c DatabasesConfig) *world {
	t.Helper()
	ctx := t.Context()
	w := &world{t: t, name: fmt.Sprintf("world%d", databaseNumber.Add(1)), log: new(lockedBuffer)}
	if err := cluster.CreateDatabase(ctx, w.name); err != nil {
		t.Fatal(err)
	}
	var err error
	if w.conn, err = pgx.Connect(ctx, cluster.DSN(w.name, "postgres")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.conn.Close(context.Background()) })
	if _, err := extension.Install(ctx, w.conn); err != nil {
		t.Fatal(err)
	}
	server, err := kmsdev.Open(filepath.Join(t.TempDir(), "kms.json"), kmsdev.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	arn, err := server.EnsureAlias("alias/test")
	if err != nil {
		t.Fatal(err)
	}
	w.faults = kmsfault.New(server.Handler())
	web := httptest.NewServer(w.faults)
	t.Cleanup(web.Close)
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL_KMS":        web.URL,
		"AWS_REGION":                  "us-east-1",
		"AWS_ACCESS_KEY_ID":           "AKIDEXAMPLE",
		"AWS_SECRET_ACCESS_KEY":       "secret",
		"AWS_CONFIG_FILE":             os.DevNull,
		"AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
		"AWS_MAX_ATTEMPTS":            "1",
	} {
		t.Setenv(name, value)
	}
	client, err := keystore.NewKMS(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if w.store, err = keystore.New(w.conn, client, keystore.Options{KMSKeyID: arn}); err != nil {
		t.Fatal(err)
	}
	if c.Upstream == "" {
		c.Upstream = strings.Replace(upstreamPlain(), "/postgres?", "/"+w.name+"?", 1)
	}
	c.KMS, c.Keystore.KMSKeyID = client, arn
	c.Watch.PollInterval = 100 * time.Millisecond
	c.Logger = slog.New(slog.NewTextHandler(w.log, nil))
	if w.Databases, err = NewDatabases(c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		w.Close()
		if t.Failed() {
			t.Logf("log of the databases:\n%s", w.log)
		}
	})
	return w
}

func (w *world) exec(sql string) {
	w.t.Helper()
	if _, err := w.conn.Exec(w.t.Context(), sql); err != nil {
		w.t.Fatalf("%s: %v", sql, err)
	}
}

// provision makes a table with data keys and returns the id of the one that
// seals.
func (w *world) provision(table string) uint32 {
	w.t.Helper()
	w.exec("CREATE TABLE " + table + " (id int)")
	var oid uint32
	if err := w.conn.QueryRow(w.t.Context(), "SELECT $1::text::regclass::oid", table).Scan(&oid); err != nil {
		w.t.Fatal(err)
	}
	p, err := w.store.Provision(w.t.Context(), oid)
	if err != nil {
		w.t.Fatal(err)
	}
	return p.Seal.ID
}

// connections counts the proxy's own connections to the database.
func (w *world) connections() (n int) {
	w.t.Helper()
	err := w.conn.QueryRow(w.t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE datname = $1 AND application_name LIKE 'pgseal%'", w.name).Scan(&n)
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

func TestADatabaseIsConnectedWhileSessionsUseIt(t *testing.T) {
	w := newWorld(t, DatabasesConfig{Linger: 50 * time.Millisecond})
	first, err := w.Open(t.Context(), w.name)
	if err != nil {
		t.Fatal(err)
	}
	second, err := w.Open(t.Context(), w.name)
	if err != nil {
		t.Fatal(err)
	}
	if n := w.connections(); n != 1 {
		t.Errorf("%d connections for two sessions, want 1", n)
	}
	first.Close()
	second.Close()
	eventually(t, "the connections are gone", func() bool { return w.connections() == 0 && w.Stats().Open == 0 })
	again, err := w.Open(t.Context(), w.name)
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
}

func TestADatabaseCanBeDroppedAfterItsLastSession(t *testing.T) {
	w := newWorld(t, DatabasesConfig{})
	if err := cluster.CreateDatabase(t.Context(), "ephemeral"); err != nil {
		t.Fatal(err)
	}
	p := startProxy(t, Config{Open: w.Open})
	dsn := strings.Replace(p.DSN("postgres", "sslmode=disable"), "dbname=postgres", "dbname=ephemeral", 1)
	if got, err := psql(t, dsn, "SELECT 1"); err != nil || got != "1" {
		t.Fatalf("%q, %v", got, err)
	}
	if got, err := psql(t, p.DSN("postgres", "sslmode=disable"), "DROP DATABASE ephemeral"); err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

func TestADatabaseWithoutPgsealIsServed(t *testing.T) {
	w := newWorld(t, DatabasesConfig{})
	p := startProxy(t, Config{Open: w.Open})
	if got, err := psql(t, p.DSN("trust", "sslmode=disable"), "SELECT 'plain'"); err != nil || got != "plain" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestADatabaseThatTheProxysRoleCannotEnterIsRefused(t *testing.T) {
	w := newWorld(t, DatabasesConfig{Upstream: "postgres://nobody@" + cluster.Addr() + "/postgres?sslmode=disable"})
	p := startProxy(t, Config{Open: w.Open, StartupTimeout: 2 * time.Second})
	got, err := psql(t, p.DSN("trust", "sslmode=disable"), "SELECT 1")
	if err == nil || !strings.Contains(got, "pgseal cannot read which columns of this database are sealed") {
		t.Errorf("%q, %v", got, err)
	}
	got, err = psql(t, strings.Replace(p.DSN("trust", "sslmode=disable"), "dbname=postgres", "dbname=nowhere", 1), "SELECT 1")
	if err == nil || !strings.Contains(got, `database "nowhere" does not exist`) {
		t.Errorf("%q, %v", got, err)
	}
}

func TestAnOlderSchemaIsRefusedAtOnce(t *testing.T) {
	w := newWorld(t, DatabasesConfig{})
	if _, err := w.conn.Exec(t.Context(), "DROP FUNCTION pgseal.lower"); err != nil {
		t.Fatal(err)
	}
	p := startProxy(t, Config{Open: w.Open, StartupTimeout: time.Hour})
	dsn := strings.Replace(p.DSN("postgres", "sslmode=disable"), "dbname=postgres", "dbname="+w.name, 1)
	got, err := psql(t, dsn, "SELECT 1")
	if err == nil || !strings.Contains(got, "older than the proxy") || !strings.Contains(got, "pgseal init") {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := w.conn.Exec(t.Context(), "DROP SCHEMA pgseal CASCADE; DROP SCHEMA IF EXISTS pgseal_column CASCADE"); err != nil {
		t.Fatal(err)
	}
	if _, err := extension.Install(t.Context(), w.conn); err != nil {
		t.Fatal(err)
	}
	if got, err := psql(t, dsn, "SELECT 1"); err != nil || got != "1" {
		t.Errorf("after the upgrade: %q, %v", got, err)
	}
}

func TestKeysAreUnwrappedOnceAndShared(t *testing.T) {
	w := newWorld(t, DatabasesConfig{})
	id := w.provision("users")
	db, err := w.Open(t.Context(), w.name)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	inner := db.(*use)
	if _, ok := inner.tryKey(id); ok {
		t.Fatal("a key is open that nobody has unwrapped")
	}
	for range 3 {
		release, err := db.OpenKey(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		lease, ok := inner.tryKey(id)
		if !ok {
			t.Fatal("the key is not open while it is held")
		}
		lease.Release()
		release()
	}
	if n := w.faults.Count("Decrypt"); n != 1 {
		t.Errorf("KMS was asked %d times", n)
	}
	if _, err := db.OpenKey(t.Context(), id+1000); err == nil {
		t.Error("a key was opened that does not exist")
	}
}

// remake drops the database and makes another of the same name.
func (w *world) remake(drop string) {
	w.t.Helper()
	ctx := w.t.Context()
	w.conn.Close(ctx)
	if err := cluster.Exec(ctx, "postgres", drop); err != nil {
		w.t.Fatal(err)
	}
	if err := cluster.CreateDatabase(ctx, w.name); err != nil {
		w.t.Fatal(err)
	}
	var err error
	if w.conn, err = pgx.Connect(ctx, cluster.DSN(w.name, "postgres")); err != nil {
		w.t.Fatal(err)
	}
	if _, err := extension.Install(ctx, w.conn); err != nil {
		w.t.Fatal(err)
	}
	if w.store, err = keystore.New(w.conn, w.config.KMS, w.config.Keystore); err != nil {
		w.t.Fatal(err)
	}
}

func TestADatabaseMadeAnewHasItsOwnKeys(t *testing.T) {
	for _, test := range []struct {
		name, options string
		stays         bool // the session that was there before
	}{
		{name: "after its last session"},
		{name: "under a session", options: " WITH (FORCE)", stays: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, DatabasesConfig{Linger: time.Millisecond})
			id := w.provision("users")
			db, err := w.Open(t.Context(), w.name)
			if err != nil {
				t.Fatal(err)
			}
			opened := func(db Database) (check [16]byte) {
				t.Helper()
				// The provision may be noticed, and all keys dropped, between the two.
				eventually(t, "the key is open", func() bool {
					release, err := db.OpenKey(t.Context(), id)
					if err != nil {
						t.Fatal(err)
					}
					defer release()
					lease, ok := db.(*use).tryKey(id)
					if ok {
						check = lease.Key().Check()
						lease.Release()
					}
					return ok
				})
				return check
			}
			before := opened(db)
			if test.stays {
				defer db.Close()
			} else {
				db.Close()
				eventually(t, "the connections are gone", func() bool { return w.Stats().Open == 0 })
			}
			w.remake("DROP DATABASE " + w.name + test.options)
			if again := w.provision("users"); again != id {
				t.Fatalf("data key %d, want %d", again, id)
			}
			second, err := w.Open(t.Context(), w.name)
			if err != nil {
				t.Fatal(err)
			}
			defer second.Close()
			if opened(second) == before {
				t.Error("the key of the database that was dropped is still in use")
			}
		})
	}
}

func TestRotationsThatAreAskedForInSQLAreCarriedOut(t *testing.T) {
	w := newWorld(t, DatabasesConfig{})
	id := w.provision("users")
	if err := w.Hold(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.exec("SELECT pgseal.rotate_key('public.users')")
	var active uint32
	eventually(t, "the key is rotated", func() bool {
		err := w.conn.QueryRow(t.Context(), "SELECT key_id FROM pgseal.data_key WHERE purpose = 'seal' AND state = 'active'").Scan(&active)
		return err == nil && active != id
	})
}

func TestReadinessFollowsTheCatalogAndTheDrain(t *testing.T) {
	w := newWorld(t, DatabasesConfig{})
	p := startProxy(t, Config{Open: w.Open})
	handler := AdminHandler(p.Server, w.Databases)
	get := func(path string) (int, string) {
		r := httptest.NewRecorder()
		handler.ServeHTTP(r, httptest.NewRequest("GET", path, nil))
		return r.Code, r.Body.String()
	}
	if code, body := get("/readyz"); code != http.StatusServiceUnavailable {
		t.Errorf("before the catalog is known: %d %s", code, body)
	}
	if err := w.Hold(t.Context()); err != nil {
		t.Fatal(err)
	}
	if code, body := get("/readyz"); code != http.StatusOK {
		t.Errorf("%d %s", code, body)
	}
	if got, err := psql(t, p.DSN("trust", "sslmode=disable"), "SELECT 1"); err != nil {
		t.Fatalf("%q, %v", got, err)
	}
	_, body := get("/metrics")
	for _, want := range []string{"pgseal_connections_accepted_total 1\n", "pgseal_sessions_max 1000\n", "pgseal_databases 2\n", "# TYPE pgseal_seals_total counter\n"} {
		if !strings.Contains(body, want) {
			t.Errorf("no %q in\n%s", want, body)
		}
	}
	p.Stop()
	if code, body := get("/readyz"); code != http.StatusServiceUnavailable || !strings.Contains(body, "draining") {
		t.Errorf("%d %s", code, body)
	}
	if code, _ := get("/healthz"); code != http.StatusOK {
		t.Errorf("/healthz: %d", code)
	}
}

func TestAKeyThatCannotBeHadFailsTheStatementAndNotTheSession(t *testing.T) {
	// The protocol asks for a key that KMS refuses; the relay must tell it so
	// and go on.
	protocol := &keyAsking{Session: relaying{}.Session().(*session.Session)}
	p := startProxy(t, Config{Open: func(context.Context, string) (Database, error) {
		return keyless{protocol: protocol}, nil
	}})
	c := p.raw()
	c.login()
	c.query("SELECT 1")
	c.until(wire.TypeReadyForQuery)
	if protocol.failed.Load() != 1 {
		t.Errorf("KeyFailed was called %d times, want once", protocol.failed.Load())
	}
}

// keyAsking needs a key before it passes the first statement on.
type keyAsking struct {
	*session.Session
	failed atomic.Int32
}

func (k *keyAsking) FromClient(b []byte, out *session.Output) (int, session.Need, error) {
	if k.failed.Load() == 0 {
		*out = session.Output{}
		return 0, session.Need{Kind: session.NeedKey, Key: 7}, nil
	}
	return k.Session.FromClient(b, out)
}

func (k *keyAsking) KeyFailed(id uint32, err error) { k.failed.Add(1) }

type keyless struct {
	relaying
	protocol Protocol
}

func (k keyless) Session() Protocol { return k.protocol }
