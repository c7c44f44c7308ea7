package sealing

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"pgseal/kmsdev/kmsfault"
)

func TestSealSaysWhoKeepsTheTableAndWaits(t *testing.T) {
	w := newWorld(t, `CREATE TABLE t (v text); INSERT INTO t VALUES ('x')`)
	holder := w.connect(owner)
	w.execAs(holder, `SET application_name = 'the holder'; BEGIN; SELECT * FROM t`)
	waiting := make(chan string, 100)
	done := make(chan error, 1)
	go func() {
		_, err := Seal(t.Context(), w.conn, []Target{{Column: "t.v"}}, SealOptions{Keys: w.keys, Lock: Lock{Waiting: func(holders string) { waiting <- holders }}})
		done <- err
	}()
	select {
	case holders := <-waiting:
		for _, word := range []string{"PID", "role owner", "the holder", "idle in transaction", "since"} {
			if !strings.Contains(holders, word) {
				t.Errorf("%q does not say %q", holders, word)
			}
		}
	case err := <-done:
		t.Fatalf("it did not wait: %v", err)
	}
	w.execAs(holder, `COMMIT`)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestSealGivesUpAfterItsTimeout(t *testing.T) {
	w := newWorld(t, `CREATE TABLE t (v text)`)
	before := w.everything()
	holder := w.connect(owner)
	w.execAs(holder, `BEGIN; SELECT * FROM t`)
	_, err := Seal(t.Context(), w.conn, []Target{{Column: "t.v"}}, SealOptions{Keys: w.keys, Lock: Lock{Timeout: 50 * time.Millisecond}})
	w.refused(err, "in use by PID", "pg_terminate_backend")
	w.exec(`SET lock_timeout = 60`)
	_, err = Seal(t.Context(), w.conn, []Target{{Column: "t.v"}}, SealOptions{Keys: w.keys})
	w.refused(err, "within 60ms")
	w.same("the database", before, w.everything())
}

// While a sealing waits, others go on.
func TestWaitingForTheTableLetsOthersGoOn(t *testing.T) {
	w := newWorld(t, `CREATE TABLE t (v text)`)
	holder, reader := w.connect(owner), w.connect(owner)
	w.execAs(holder, `BEGIN; SELECT * FROM t`)
	ctx, cancel := context.WithCancel(t.Context())
	waiting := make(chan string, 100)
	done := make(chan error, 1)
	go func() {
		_, err := Seal(ctx, w.conn, []Target{{Column: "t.v"}}, SealOptions{Keys: w.keys, Lock: Lock{Waiting: func(h string) { waiting <- h }}})
		done <- err
	}()
	select {
	case <-waiting:
	case err := <-done:
		t.Fatalf("it did not wait: %v", err)
	}
	w.execAs(reader, `SET statement_timeout = '20s'; SELECT * FROM t`)
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want an interruption", err)
	}
}

func TestInterruptionChangesNothing(t *testing.T) {
	w := newWorld(t, `CREATE TABLE t (id int, v text UNIQUE DEFAULT 'd', w text, y text); CREATE VIEW x AS SELECT v FROM t; INSERT INTO t SELECT i, 'v' || i, 'w' || i, 'y' || i FROM generate_series(1, 3000) i`)
	w.seal("t.w", false)
	before := w.everything()
	watcher := w.connect(owner)
	for name, run := range map[string]func(context.Context, *pgx.Conn, Progress) error{
		"seal": func(ctx context.Context, c *pgx.Conn, p Progress) error {
			_, err := Seal(ctx, c, []Target{{Column: "t.v", Equality: true}}, SealOptions{Keys: w.keys, Progress: p})
			return err
		},
		"seal together": func(ctx context.Context, c *pgx.Conn, p Progress) error {
			_, err := Seal(ctx, c, []Target{{Column: "t.y"}, {Column: "t.v", Equality: true}, {Column: "t.w", Equality: true}}, SealOptions{Keys: w.keys, Progress: p})
			return err
		},
		"unseal": func(ctx context.Context, c *pgx.Conn, p Progress) error {
			_, err := Unseal(ctx, c, "t.w", UnsealOptions{Keys: w.keys, Progress: p})
			return err
		},
	} {
		interrupted := w.connect(owner)
		pid := interrupted.PgConn().PID()
		ctx, cancel := context.WithCancel(t.Context())
		if err := run(ctx, interrupted, func(int64, int64) { cancel() }); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v, want an interruption", name, err)
		}
		// Either the connection is as good as before, or its session ends soon.
		deadline := time.Now().Add(patience)
		for {
			var holds int
			if err := watcher.QueryRow(t.Context(), `SELECT count(*) FROM pg_locks WHERE pid = $1 AND locktype IN ('relation', 'advisory')`, pid).Scan(&holds); err != nil {
				t.Fatal(err)
			}
			if holds == 0 {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s: its session still holds locks", name)
			}
		}
		if !interrupted.IsClosed() {
			w.execAs(interrupted, `SELECT 1`)
		}
		cancel()
	}
	w.same("the database", before, w.everything())
	w.seal("t.v", true)
}

func TestHostWithoutDecryptSealsEmptyTables(t *testing.T) {
	w := newWorld(t, `CREATE TABLE t (id int, v text UNIQUE NOT NULL); CREATE TABLE filled (v text); INSERT INTO filled VALUES ('x'); CREATE TABLE def (v text DEFAULT 'x'); CREATE TABLE nulls (v text); INSERT INTO nulls VALUES (NULL)`)
	w.faults.Fail("Decrypt", kmsfault.Always, kmsfault.AccessDenied)
	w.seal("t.v", true)
	w.seal("nulls.v", true)
	if n := w.faults.Count("Decrypt"); n != 0 {
		t.Errorf("Decrypt was asked for %d times", n)
	}
	before := w.everything()
	for _, target := range []string{"filled.v", "def.v"} {
		if _, err := Seal(t.Context(), w.conn, []Target{{Column: target}}, SealOptions{Keys: w.keys}); err == nil || !strings.Contains(err.Error(), "KMS does not allow") {
			t.Errorf("%s: got %v, want a refusal of KMS", target, err)
		}
	}
	w.same("the database", before, w.everything())
	w.faults.Clear()
	w.seal("filled.v", true)
}

func TestSealSpeaksOfKMSThatIsAway(t *testing.T) {
	w := newWorld(t, `CREATE TABLE t (v text)`)
	before := w.everything()
	w.faults.Fail("GenerateDataKeyWithoutPlaintext", kmsfault.Always, kmsfault.Disconnected)
	if _, err := Seal(t.Context(), w.conn, []Target{{Column: "t.v"}}, SealOptions{Keys: w.keys}); err == nil || !strings.Contains(err.Error(), "KMS cannot be reached") {
		t.Errorf("got %v", err)
	}
	w.same("the database", before, w.everything())
}

func TestTableIsFreeWhileKMSTakesItsTime(t *testing.T) {
	w := newWorld(t, `CREATE TABLE t (v text)`)
	let := make(chan struct{})
	w.faults.Hold(kmsfault.Any, let)
	done := make(chan error, 1)
	go func() {
		_, err := Seal(t.Context(), w.conn, []Target{{Column: "t.v"}}, SealOptions{Keys: w.keys})
		done <- err
	}()
	if err := w.faults.Await(t.Context(), kmsfault.Any, 1); err != nil {
		t.Fatal(err)
	}
	w.execAs(w.connect(owner), `SET lock_timeout = '10s'; INSERT INTO t VALUES ('meanwhile')`)
	w.faults.Clear()
	close(let)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if opened, damages := w.verify("t"); opened != 1 || len(damages) > 0 {
		t.Errorf("%d open, %v do not", opened, damages)
	}
}

// Whoever holds a view alone keeps nobody from the table for long.
func TestAHeldViewDoesNotKeepTheTableLocked(t *testing.T) {
	w := newWorld(t, `CREATE TABLE t (v text); CREATE VIEW x AS SELECT v FROM t`)
	holder := w.connect(owner)
	w.execAs(holder, `BEGIN; COMMENT ON VIEW x IS 'held'`)
	waiting := make(chan string, 100)
	done := make(chan error, 1)
	go func() {
		_, err := Seal(t.Context(), w.conn, []Target{{Column: "t.v"}}, SealOptions{Keys: w.keys, Lock: Lock{Waiting: func(h string) { waiting <- h }}})
		done <- err
	}()
	select {
	case holders := <-waiting:
		if !strings.Contains(holders, "PID") {
			t.Errorf("%q names nobody", holders)
		}
	case err := <-done:
		t.Fatalf("it did not wait: %v", err)
	}
	w.execAs(w.connect(owner), `SET lock_timeout = '10s'; INSERT INTO t VALUES ('meanwhile')`)
	w.execAs(holder, `COMMIT`)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got := one[string](w, `SELECT obj_description('x'::regclass)`); got != "held" {
		t.Errorf("the comment is %q", got)
	}
}

func TestALockBeforeTheFirstLookIsWaitedForPolitely(t *testing.T) {
	w := newWorld(t, `CREATE TABLE t (v text)`)
	holder := w.connect(owner)
	w.execAs(holder, `BEGIN; LOCK TABLE t`)
	_, err := Seal(t.Context(), w.conn, []Target{{Column: "t.v"}}, SealOptions{Keys: w.keys, Lock: Lock{Timeout: 50 * time.Millisecond}})
	w.refused(err, "in use by PID")
}
