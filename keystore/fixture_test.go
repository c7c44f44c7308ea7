package keystore_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"pgseal/extension"
	"pgseal/integration/pgtest"
	"pgseal/keycache"
	"pgseal/keystore"
	"pgseal/kmsdev"
	"pgseal/kmsdev/kmsfault"
)

// owner is a role without any privilege; the databases of the tests are its own.
const owner = "owner"

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

// alias names the KMS key of the tests.
const alias = "alias/pgseal-test"

var (
	cluster   *pgtest.Cluster
	databases atomic.Int32
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	status := m.Run()
	if cluster != nil {
		if err := cluster.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return status
}

// startCluster runs once, and not at all in the processes that only fuzz.
var startCluster = sync.OnceValue(func() error {
	ctx := context.Background()
	c, err := pgtest.Start(ctx, pgtest.Options{})
	if err != nil {
		return err
	}
	cluster = c
	return c.Exec(ctx, "postgres", "CREATE ROLE "+owner+" LOGIN; CREATE ROLE reader LOGIN; CREATE ROLE proxy LOGIN")
})

// world is a database with pgseal installed and tables users and orders, and a
// KMS with a key under alias.
type world struct {
	t        *testing.T
	database string
	db       *pgxpool.Pool // of the owner
	kms      *kmsdev.Server
	url      string
	faults   *kmsfault.Injector
	client   *kms.Client
	arn      string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	if err := startCluster(); err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, database: fmt.Sprintf("test%d", databases.Add(1))}
	if err := cluster.CreateDatabase(t.Context(), w.database, "OWNER "+owner); err != nil {
		t.Fatal(err)
	}
	w.db = w.connect(owner)
	conn, err := w.db.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	if _, err := extension.Install(t.Context(), conn.Conn()); err != nil {
		t.Fatal(err)
	}
	w.exec(`CREATE TABLE users (id int)`)
	w.exec(`CREATE TABLE orders (id int)`)

	if w.kms, err = kmsdev.Open(filepath.Join(t.TempDir(), "kms.json"), kmsdev.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.kms.Close(); err != nil {
			t.Error(err)
		}
	})
	if w.arn, err = w.kms.EnsureAlias(alias); err != nil {
		t.Fatal(err)
	}
	w.faults = kmsfault.New(w.kms.Handler())
	web := httptest.NewServer(w.faults)
	t.Cleanup(web.Close)
	w.url = web.URL
	for name, value := range environment(w.url) {
		t.Setenv(name, value)
	}
	if w.client, err = keystore.NewKMS(t.Context()); err != nil {
		t.Fatal(err)
	}
	return w
}

// environment is all that the SDK gets to know.
func environment(url string) map[string]string {
	return map[string]string{
		"AWS_ENDPOINT_URL_KMS":        url,
		"AWS_REGION":                  "us-east-1",
		"AWS_ACCESS_KEY_ID":           "AKIDEXAMPLE",
		"AWS_SECRET_ACCESS_KEY":       "secret",
		"AWS_CONFIG_FILE":             os.DevNull,
		"AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
		"AWS_MAX_ATTEMPTS":            "1",
	}
}

func (w *world) connect(role string) *pgxpool.Pool {
	w.t.Helper()
	pool, err := pgxpool.New(w.t.Context(), cluster.DSN(w.database, role))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(pool.Close)
	return pool
}

func (w *world) exec(sql string, args ...any) {
	w.t.Helper()
	if _, err := w.db.Exec(w.t.Context(), sql, args...); err != nil {
		w.t.Fatalf("%s: %v", sql, err)
	}
}

func one[T any](w *world, sql string, args ...any) (v T) {
	w.t.Helper()
	if err := w.db.QueryRow(w.t.Context(), sql, args...).Scan(&v); err != nil {
		w.t.Fatalf("%s: %v", sql, err)
	}
	return v
}

func (w *world) storeOn(db keystore.DB, o keystore.Options) *keystore.Store {
	w.t.Helper()
	if o.KMSKeyID == "" {
		o.KMSKeyID = alias
	}
	s, err := keystore.New(db, w.client, o)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// store is a Store that does not wait for KMS keys that are not there.
func (w *world) store() *keystore.Store {
	w.t.Helper()
	return w.storeOn(w.db, keystore.Options{Patience: -1, Worker: "the test"})
}

func (w *world) provision(table string) keystore.Table {
	w.t.Helper()
	p, err := w.store().Provision(w.t.Context(), one[uint32](w, `SELECT $1::text::regclass::oid`, table))
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

// unwrap returns the check value of a key.
func unwrap(ctx context.Context, s *keystore.Store, id uint32) (check [16]byte, err error) {
	key, err := s.Unwrap(ctx, keycache.ID{Key: id})
	if err != nil {
		return check, err
	}
	defer key.Erase()
	return key.Check(), nil
}

func (w *world) opens(s *keystore.Store, id uint32) [16]byte {
	w.t.Helper()
	check, err := unwrap(w.t.Context(), s, id)
	if err != nil {
		w.t.Fatal(err)
	}
	return check
}

// refused asserts the kind of an error, words of its text or hint, and that it
// has a hint.
func (w *world) refused(err error, kind error, words ...string) {
	w.t.Helper()
	if err == nil {
		w.t.Error("no error")
		return
	}
	var e *keystore.Error
	if !errors.Is(err, kind) || !errors.As(err, &e) || e.Hint() == "" {
		w.t.Errorf("got %v, want one with a hint of kind: %v", err, kind)
		return
	}
	for _, word := range words {
		if !strings.Contains(err.Error()+"\n"+e.Hint(), word) {
			w.t.Errorf("%v\nhint: %s\ndoes not say %q", err, e.Hint(), word)
		}
	}
}

func (w *world) begin(db *pgxpool.Pool, options pgx.TxOptions) pgx.Tx {
	w.t.Helper()
	tx, err := db.BeginTx(w.t.Context(), options)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = tx.Rollback(context.Background()) })
	return tx
}
