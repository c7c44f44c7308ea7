package catalog_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"pgseal/catalog"
	"pgseal/extension"
	"pgseal/integration/pgtest"
)

// never is a poll interval that no test waits for.
const never = time.Hour

// server is a database that a test can put out of reach.
type server struct {
	dsn  string
	down atomic.Bool
	dial atomic.Int32 // connections asked for
}

var errDown = errors.New("the network is down")

func (s *server) connect(ctx context.Context) (*pgx.Conn, error) {
	s.dial.Add(1)
	if s.down.Load() {
		return nil, errDown
	}
	return pgx.Connect(ctx, s.dsn)
}

func watch(t *testing.T, c *pgtest.Cluster, database string, o catalog.WatchOptions) (*catalog.Watcher, *server) {
	t.Helper()
	s := &server{dsn: c.DSN(database, owner)}
	w := catalog.Watch(t.Context(), s.connect, o)
	t.Cleanup(w.Close)
	refresh(t, w)
	return w, s
}

func refresh(t *testing.T, w *catalog.Watcher) *catalog.Snapshot {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	s, err := w.Refresh(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// wait looks again and again until what is true.
func wait(t *testing.T, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for !is() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s: not within %s", what, patience)
		}
	}
}

func has(w *catalog.Watcher, relation, want string) func() bool {
	return func() bool {
		s, err := w.Current()
		return err == nil && columns(named(s, "public", relation)) == want
	}
}

// disconnect ends the watcher's connection from the server's side.
func disconnect(t *testing.T, database string) {
	t.Helper()
	admin := connect(t, cluster, database, pgtest.Superuser)
	const end = `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'pgseal catalog' AND datname = current_database()`
	if n := one[int](t, admin, end); n != 1 {
		t.Fatalf("%d connections of the watcher", n)
	}
}

func TestDDLIsSeenByPolling(t *testing.T) {
	database, conn := sealedDatabase(t)
	w, _ := watch(t, cluster, database, catalog.WatchOptions{PollInterval: 10 * time.Millisecond, StaleAfter: patience})
	first, err := w.Current()
	if err != nil {
		t.Fatal(err)
	}
	mustExec(t, conn, `CREATE TABLE beside (x int)`)
	for _, c := range []struct{ sql, relation, want string }{
		{`ALTER TABLE users RENAME ssn TO number`, "users", "id number=1 note=2"},
		{`ALTER TABLE users ALTER note TYPE bytea`, "users", "id number=1 note"},
		{`ALTER TABLE users DROP note`, "users", "id number=1"},
		{`CREATE VIEW v AS SELECT number FROM users`, "v", "number=1"},
		{`CREATE TABLE plain (a int)`, "plain", "a"}, // which a statement has named
		{`CREATE DOMAIN pgseal_column.new AS bytea; ALTER TABLE plain ADD b pgseal_column.new`, "plain", "a b!"},
		{`DROP TABLE plain`, "plain", "no such relation"},
	} {
		mustExec(t, conn, c.sql)
		wait(t, c.sql, func() bool {
			first.MissName("plain") // as planning does, time and again
			return has(w, c.relation, c.want)()
		})
	}
	// What nobody has named is not there, until somebody does.
	if s := refresh(t, w); named(s, "public", "beside") != nil {
		t.Error("a table is there that no statement has named")
	}
	first.MissName("beside")
	if s := refresh(t, w); columns(named(s, "public", "beside")) != "x" {
		t.Error("a table that a statement has named is not there")
	}
	mustExec(t, conn, `CREATE TABLE other (y int)`)
	other := one[uint32](t, conn, `SELECT 'other'::regclass::oid`)
	first.MissRelation(other)
	if s := refresh(t, w); columns(s.Relation(other)) != "y" {
		t.Error("a table that rows came from is not there")
	}
	mustExec(t, conn, `CREATE FUNCTION f() RETURNS users LANGUAGE sql AS 'SELECT * FROM users'`)
	wait(t, "a function", func() bool { s, err := w.Current(); return err == nil && s.RowFunction("f") })
	mustExec(t, conn, `ALTER INDEX users_ssn_key RENAME TO k`)
	wait(t, "an index renamed", func() bool {
		s, err := w.Current()
		return err == nil && named(s, "public", "users").Uniques[0].Name == "k"
	})
	mustExec(t, conn, `DROP INDEX k`)
	wait(t, "an index gone", func() bool { s, err := w.Current(); return err == nil && len(named(s, "public", "users").Uniques) == 0 })
}

// What has moved one proxy tells the others, and until it has looked itself it is
// behind.
func TestWhatHasMovedIsToldToOtherWatchers(t *testing.T) {
	database, conn := sealedDatabase(t)
	one, _ := watch(t, cluster, database, catalog.WatchOptions{PollInterval: never})
	other, _ := watch(t, cluster, database, catalog.WatchOptions{PollInterval: never})
	mustExec(t, conn, `ALTER TABLE users RENAME ssn TO number`)
	if one.Moved(); !one.Behind() && !has(one, "users", "id number=1 note=2")() {
		t.Error("not behind, and yet not up to date")
	}
	wait(t, "the watcher itself", func() bool { return !one.Behind() })
	wait(t, "its snapshot", has(one, "users", "id number=1 note=2"))
	wait(t, "the other watcher", has(other, "users", "id number=1 note=2"))
}

func TestSealingIsAnnounced(t *testing.T) {
	database, conn := newDatabase(t, cluster)
	if _, err := extension.Install(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	w, _ := watch(t, cluster, database, catalog.WatchOptions{PollInterval: never})
	if s, err := w.Current(); err != nil || !s.Empty() {
		t.Fatalf("before: %v", err)
	}
	install(t, conn)
	wait(t, "sealing", has(w, "users", "id ssn=1 note=2"))
}

func TestInstallingIsSeenByPolling(t *testing.T) {
	database, conn := newDatabase(t, cluster)
	w, _ := watch(t, cluster, database, catalog.WatchOptions{PollInterval: 10 * time.Millisecond, StaleAfter: patience})
	install(t, conn)
	wait(t, "sealing", has(w, "users", "id ssn=1 note=2"))
}

func TestKeysAndJobsAreAnnounced(t *testing.T) {
	database, conn := sealedDatabase(t)
	keys, jobs := make(chan struct{}, 10), make(chan struct{}, 10)
	w, _ := watch(t, cluster, database, catalog.WatchOptions{PollInterval: never,
		OnKeys: func(int64) { keys <- struct{}{} }, OnJobs: func() { jobs <- struct{}{} }})
	before := refresh(t, w)
	<-keys // as they are at first
	arrives := func(what string, c chan struct{}) {
		t.Helper()
		select {
		case <-c:
		case <-time.After(patience):
			t.Fatalf("%s were not announced", what)
		}
	}
	mustExec(t, conn, `SELECT pgseal.rotate_key('users')`)
	arrives("jobs", jobs)
	mustExec(t, conn, `UPDATE pgseal.data_key SET state = 'open-only' WHERE key_id = 1;
		INSERT INTO pgseal.data_key (table_id, purpose, version, state, kms_key_arn, key_spec, ciphertext_blob, encryption_context)
		VALUES (1, 'seal', 2, 'active', 'arn', 'AES_256', '\x01', '{}')`)
	arrives("keys", keys)
	after := refresh(t, w)
	if after.ActiveKey(1) != 3 || after.Version != before.Version {
		t.Errorf("active key %d, version changed %t", after.ActiveKey(1), after.Version != before.Version)
	}
	mustExec(t, conn, `UPDATE pgseal.job SET state = 'done'`)
	refresh(t, w)
	if len(jobs) != 0 {
		t.Error("jobs that are done are announced")
	}
}

func TestJobsThatWaitedAreAnnouncedAtTheStart(t *testing.T) {
	database, conn := sealedDatabase(t)
	mustExec(t, conn, `SELECT pgseal.rotate_key('users')`)
	jobs := make(chan struct{}, 1)
	watch(t, cluster, database, catalog.WatchOptions{PollInterval: never, OnJobs: func() { jobs <- struct{}{} }})
	<-jobs
}

func TestRefreshSeesWhatWasCommittedBefore(t *testing.T) {
	database, conn := sealedDatabase(t)
	w, _ := watch(t, cluster, database, catalog.WatchOptions{PollInterval: never})
	names := []string{"ssn", "nss"}
	for i := range 20 {
		mustExec(t, conn, `ALTER TABLE users RENAME `+names[i%2]+` TO `+names[(i+1)%2])
		want := "id " + names[(i+1)%2] + "=1 note=2"
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				s, err := w.Refresh(t.Context())
				if err != nil {
					t.Error(err)
				} else if got := columns(named(s, "public", "users")); got != want {
					t.Errorf("got %s, want %s", got, want)
				}
			})
		}
		wg.Wait()
	}
}

// Whoever waits for what has been told of gets a reading that began behind that, and
// none of its own.
func TestCatchingUpSeesWhatHasBeenToldOf(t *testing.T) {
	database, conn := sealedDatabase(t)
	w, _ := watch(t, cluster, database, catalog.WatchOptions{PollInterval: never})
	names := []string{"ssn", "nss"}
	caughtUp := func() string {
		s, err := w.CatchUp(t.Context())
		if err != nil {
			t.Error(err)
			return ""
		}
		return columns(named(s, "public", "users"))
	}
	for i := range 20 {
		before, now := names[i%2], names[(i+1)%2]
		mustExec(t, conn, `ALTER TABLE users RENAME `+before+` TO `+now)
		if i == 0 {
			if got, want := caughtUp(), "id "+before+"=1 note=2"; got != want {
				t.Errorf("before anything is told of: %s, want %s", got, want)
			}
		}
		w.Moved()
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if got, want := caughtUp(), "id "+now+"=1 note=2"; got != want {
					t.Errorf("got %s, want %s", got, want)
				}
			})
		}
		wg.Wait()
	}
}

func TestRefreshEndsWithItsContextAndWithTheWatcher(t *testing.T) {
	s := &server{}
	hanging := make(chan struct{})
	w := catalog.Watch(t.Context(), func(ctx context.Context) (*pgx.Conn, error) {
		close(hanging)
		<-ctx.Done()
		return nil, ctx.Err()
	}, catalog.WatchOptions{})
	<-hanging
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.Refresh(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if _, err := w.Current(); !errors.Is(err, catalog.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	w.Close()
	if _, err := w.Refresh(t.Context()); !errors.Is(err, catalog.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	if s.dial.Load() != 0 {
		t.Error("unexpected connection")
	}
}

func TestALostConnectionIsMadeAgain(t *testing.T) {
	database, conn := sealedDatabase(t)
	w, s := watch(t, cluster, database, catalog.WatchOptions{PollInterval: never})
	disconnect(t, database)
	wait(t, "another connection", func() bool { return s.dial.Load() > 1 })
	// It listens again.
	mustExec(t, conn, `ALTER TABLE users RENAME ssn TO nss; UPDATE pgseal.sealed_table SET relation = relation`)
	wait(t, "a change", has(w, "users", "id nss=1 note=2"))
}

func TestWithoutTheDatabaseASnapshotServesForAWhile(t *testing.T) {
	database, conn := sealedDatabase(t)
	w, s := watch(t, cluster, database, catalog.WatchOptions{PollInterval: 20 * time.Millisecond, StaleAfter: 2 * time.Second})
	s.down.Store(true)
	disconnect(t, database)
	wait(t, "an attempt to connect", func() bool { return s.dial.Load() > 1 })
	if !has(w, "users", "id ssn=1 note=2")() {
		t.Error("the snapshot does not serve on")
	}
	if _, err := w.Refresh(t.Context()); !errors.Is(err, catalog.ErrUnavailable) || !errors.Is(err, errDown) {
		t.Errorf("Refresh: %v", err)
	}
	wait(t, "the end of the snapshot", func() bool { _, err := w.Current(); return err != nil })
	if _, err := w.Current(); !errors.Is(err, catalog.ErrUnavailable) || !errors.Is(err, errDown) {
		t.Errorf("Current: %v", err)
	}
	mustExec(t, conn, `ALTER TABLE users RENAME ssn TO nss`)
	s.down.Store(false)
	wait(t, "the database back", has(w, "users", "id nss=1 note=2"))
}

func TestADatabaseThatComesLate(t *testing.T) {
	database, _ := sealedDatabase(t)
	s := &server{dsn: cluster.DSN(database, owner)}
	s.down.Store(true)
	w := catalog.Watch(t.Context(), s.connect, catalog.WatchOptions{PollInterval: never})
	defer w.Close()
	wait(t, "an attempt", func() bool { return s.dial.Load() > 0 })
	if _, err := w.Current(); !errors.Is(err, catalog.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	s.down.Store(false)
	wait(t, "a snapshot", has(w, "users", "id ssn=1 note=2"))
}

func TestCloseEndsTheConnection(t *testing.T) {
	database, conn := sealedDatabase(t)
	w, _ := watch(t, cluster, database, catalog.WatchOptions{PollInterval: never})
	w.Close()
	w.Close()
	const count = `SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pgseal catalog' AND datname = current_database()`
	wait(t, "no connection", func() bool { return one[int](t, conn, count) == 0 })
}

// A standby cannot LISTEN; once it is promoted, it can.
func TestAStandbyIsWatchedByPolling(t *testing.T) {
	c, err := startCluster(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
	})
	database, conn := newDatabase(t, c)
	install(t, conn)
	if err := os.WriteFile(filepath.Join(c.DataDir(), "standby.signal"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := c.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	polling, _ := watch(t, c, database, catalog.WatchOptions{PollInterval: 10 * time.Millisecond, StaleAfter: patience})
	listening, _ := watch(t, c, database, catalog.WatchOptions{PollInterval: never})
	if !has(polling, "users", "id ssn=1 note=2")() {
		t.Fatal("the standby's catalog is not loaded")
	}
	admin := connect(t, c, database, pgtest.Superuser)
	mustExec(t, admin, `SELECT pg_promote()`)
	refresh(t, listening)
	mustExec(t, admin, `ALTER TABLE users RENAME ssn TO nss; UPDATE pgseal.sealed_table SET relation = relation`)
	wait(t, "a change by polling", has(polling, "users", "id nss=1 note=2"))
	wait(t, "a change by LISTEN", has(listening, "users", "id nss=1 note=2"))
	log, err := os.ReadFile(c.LogFile())
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(log), "cannot execute LISTEN") {
		t.Error("the watcher fills the standby's log with errors")
	}
}
