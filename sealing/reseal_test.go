package sealing

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
)

// old counts the values of a table that are not under its active key.
func (w *world) old(table, column string) int {
	w.t.Helper()
	return one[int](w, fmt.Sprintf(`SELECT count(*) FROM %s WHERE pgseal.key_id(%s) <> ALL (SELECT key_id FROM pgseal.data_key WHERE purpose = 'seal' AND state = 'active')`, table, column))
}

func TestResealMovesEverything(t *testing.T) {
	w := newWorld(t, `CREATE TABLE t (id int, v text DEFAULT 'd', k int, n numeric DEFAULT 1 + 1) PARTITION BY LIST (k);
		CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1); CREATE TABLE t2 PARTITION OF t (v DEFAULT 'two') FOR VALUES IN (2);
		INSERT INTO t SELECT i, 'value ' || i, i % 2 + 1, i FROM generate_series(1, 3000) i; INSERT INTO t (id, v, k) VALUES (0, NULL, 1)`)
	before := w.dump()
	w.seal("t.v", true)
	w.seal("t.n", false)
	w.exec(`CREATE TABLE copied AS SELECT id, v FROM t WHERE id < 100; CREATE MATERIALIZED VIEW m AS SELECT v FROM t`)
	terms := one[string](w, `SELECT md5(string_agg(pgseal.eq(v), '' ORDER BY id)) FROM t`)
	w.rotate("t")
	w.rotate("t")
	var last, total int64
	n, err := Reseal(t.Context(), w.conn, "public.t", ResealOptions{Keys: w.keys, Progress: func(d, of int64) { last, total = d, of }})
	w.refused(err, "public.m.v", "REFRESH MATERIALIZED VIEW")
	if want := int64(3000 + 3001 + 99); n != want || last != want || total < want {
		t.Errorf("%d values were moved, %d of %d reported, want %d", n, last, total, want)
	}
	w.exec(`REFRESH MATERIALIZED VIEW m`)
	if n := w.reseal("t"); n != 0 {
		t.Errorf("%d values were moved again", n)
	}
	for _, place := range []string{"t v", "t n", "copied v", "m v"} {
		table, column, _ := strings.Cut(place, " ")
		if n := w.old(table, column); n != 0 {
			t.Errorf("%s: %d values are under older keys", place, n)
		}
	}
	w.same("terms", terms, one[string](w, `SELECT md5(string_agg(pgseal.eq(v), '' ORDER BY id)) FROM t`))
	// What is inserted by default is under the active key, too, and unsealing needs
	// no other.
	w.exec(`INSERT INTO t (id, k) VALUES (4000, 1), (4000, 2)`)
	if n := w.old("t", "v") + w.old("t", "n"); n != 0 {
		t.Errorf("%d values by default are under older keys", n)
	}
	w.exec(`DELETE FROM t WHERE id = 4000; DROP TABLE copied; DROP MATERIALIZED VIEW m; UPDATE pgseal.data_key SET state = 'destroyed', ciphertext_blob = NULL WHERE state = 'open-only'`)
	w.unseal("t.v")
	w.unseal("t.n")
	w.same("the schema", before[:strings.Index(before, "COPY ")], func() string { s := w.dump(); return s[:strings.Index(s, "COPY ")] }())
	if n := one[int](w, `SELECT count(*) FROM t WHERE v = 'value ' || id AND n = id`); n != 3000 {
		t.Errorf("%d values came back", n)
	}
}

// writers change a table as applications do while something runs beside them,
// and know what must be in it afterwards.
type writers struct {
	w       *world
	stop    chan struct{}
	running sync.WaitGroup
	mu      sync.Mutex
	touched int            // increments of other columns
	values  map[int]string // by id, what was last written
}

// start runs f again and again, with a connection of its own; a deadlock or a
// conflict is tried anew.
func (s *writers) start(f func(context.Context, pgx.Tx) (done func(), err error)) {
	conn := s.w.connect(owner)
	s.running.Go(func() {
		for {
			select {
			case <-s.stop:
				return
			default:
			}
			ctx := s.w.t.Context()
			var done func()
			err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) (err error) { done, err = f(ctx, tx); return err })
			if retryable(err) {
				continue
			}
			if err != nil {
				s.w.t.Error(err)
				return
			}
			s.mu.Lock()
			done()
			s.mu.Unlock()
		}
	})
}

func TestResealLosesNoUpdate(t *testing.T) {
	const rows = 2000
	w := newWorld(t, fmt.Sprintf(`CREATE TABLE t (id int PRIMARY KEY, v text UNIQUE, n int NOT NULL DEFAULT 0); INSERT INTO t SELECT i, 'value ' || i FROM generate_series(1, %d) i`, rows))
	w.seal("t.v", true)
	stale := w.tools("t", "v") // a proxy that has not heard of the rotation
	w.rotate("t")
	fresh := w.tools("t", "v")
	s := &writers{w: w, stop: make(chan struct{}), values: map[int]string{}}
	for i := 1; i <= rows; i++ {
		s.values[i] = fmt.Sprintf("value %d", i)
	}
	for range 2 {
		// Several rows in no order, so that deadlocks happen.
		s.start(func(ctx context.Context, tx pgx.Tx) (func(), error) {
			for range 3 {
				if _, err := tx.Exec(ctx, `UPDATE t SET n = n + 1 WHERE id = $1`, 1+rand.IntN(rows/2)); err != nil {
					return nil, err
				}
			}
			return func() { s.touched += 3 }, nil
		})
	}
	// Ids of their own for each writer of values: the last one wins.
	next := 0
	for i, k := range []*tools{stale, fresh} {
		s.start(func(ctx context.Context, tx pgx.Tx) (func(), error) {
			id := 1 + 2*rand.IntN(rows/4) + i
			s.mu.Lock()
			next++
			text := fmt.Sprintf("new %d", next)
			s.mu.Unlock()
			env, err := k.sealer.seal(nil, []byte(text))
			if err != nil {
				return nil, err
			}
			_, err = tx.Exec(ctx, `UPDATE t SET v = $2 WHERE id = $1`, id, env)
			return func() { s.values[id] = text }, err
		})
	}
	// Rows come and go.
	s.start(func(ctx context.Context, tx pgx.Tx) (func(), error) {
		id := rows/2 + 1 + rand.IntN(rows/2)
		tag, err := tx.Exec(ctx, `DELETE FROM t WHERE id = $1`, id)
		if err != nil || tag.RowsAffected() == 1 {
			return func() { delete(s.values, id) }, err
		}
		_, err = tx.Exec(ctx, `INSERT INTO t (id, v) VALUES ($1, NULL)`, id)
		return func() {}, err
	})
	second := w.connect(owner)
	for range 4 {
		results := make(chan error, 2)
		for _, conn := range []*pgx.Conn{w.conn, second} {
			go func() {
				_, err := Reseal(t.Context(), conn, "t", ResealOptions{Keys: w.keys})
				results <- err
			}()
		}
		for range 2 {
			// The stale proxy goes on writing under the old key, so that a reseal may
			// say that it does not come to an end.
			var r *Refusal
			if err := <-results; err != nil && !errors.As(err, &r) {
				t.Error(err)
			}
		}
		w.rotate("t")
	}
	close(s.stop)
	s.running.Wait()
	w.reseal("t")
	if n := w.old("t", "v"); n != 0 {
		t.Errorf("%d values are under older keys", n)
	}
	if s.touched == 0 {
		t.Fatal("nothing was written beside the reseal")
	}
	if n := one[int](w, `SELECT sum(n) FROM t`); n != s.touched {
		t.Errorf("%d increments are there, of %d", n, s.touched)
	}
	got := fresh.values("t", "v")
	for id, want := range s.values {
		if got[id] != want {
			t.Errorf("row %d holds %q, want %q", id, got[id], want)
		}
	}
	if len(got) != len(s.values) {
		t.Errorf("%d values, want %d", len(got), len(s.values))
	}
}

func TestResealGoesOnWhereItWas(t *testing.T) {
	const rows = 3000
	w := newWorld(t, fmt.Sprintf(`CREATE TABLE t (id int, v text); INSERT INTO t SELECT i, 'value ' || i FROM generate_series(1, %d) i`, rows))
	w.seal("t.v", false)
	w.rotate("t")
	ctx, cancel := context.WithCancel(t.Context())
	first, err := Reseal(ctx, w.connect(owner), "t", ResealOptions{Keys: w.keys, Progress: func(int64, int64) { cancel() }})
	if !errors.Is(err, context.Canceled) || first == 0 || first == rows {
		t.Fatalf("%d values were moved, %v; want some, and an interruption", first, err)
	}
	if second := w.reseal("t"); first+second != rows {
		t.Errorf("%d and then %d values were moved, of %d", first, second, rows)
	}
}

// A value under a newer key than the reseal began with stays there.
func TestResealFollowsARotationBesideIt(t *testing.T) {
	w := newWorld(t, `CREATE TABLE t (id int, v text); INSERT INTO t SELECT i, 'value ' || i FROM generate_series(1, 2000) i`)
	w.seal("t.v", false)
	w.rotate("t")
	rotator := &world{t: t, conn: w.connect(owner), keys: w.keys}
	once := false
	if _, err := Reseal(t.Context(), w.conn, "t", ResealOptions{Keys: w.keys, Progress: func(int64, int64) {
		if !once {
			once = true
			rotator.rotate("t")
			rotator.execAs(rotator.conn, fmt.Sprintf(`UPDATE t SET v = %s WHERE id > 1900`, byteaSQL(rotator.tools("t", "v").seal("newer"))))
		}
	}}); err != nil {
		t.Fatal(explain(err))
	}
	w.reseal("t")
	if n := w.old("t", "v"); n != 0 {
		t.Errorf("%d values are under older keys", n)
	}
	newest := 0
	for _, v := range w.tools("t", "v").values("t", "v") {
		if v == "newer" {
			newest++
		}
	}
	if newest != 100 {
		t.Errorf("%d values of the newest writes, want 100", newest)
	}
}

// A copy that is dropped has nothing left to be moved; of a column that is unsealed it
// says so.
func TestResealBesideDDL(t *testing.T) {
	w := newWorld(t, `CREATE TABLE t (id int, v text, n text); INSERT INTO t SELECT i, 'value ' || i, 'n' FROM generate_series(1, 500) i`)
	w.seal("t.v", false)
	w.seal("t.n", false)
	other := &world{t: t, conn: w.connect(owner), keys: w.keys}
	for _, change := range []struct {
		run  func()
		says string
	}{
		{func() { other.execAs(other.conn, "DROP TABLE unlike") }, ""},
		{func() { other.unseal("t.n") }, "a column was sealed, unsealed, renamed or dropped meanwhile"},
		{func() { other.execAs(other.conn, "ALTER TABLE t RENAME TO renamed") }, "a column was sealed, unsealed, renamed or dropped meanwhile"},
	} {
		w.exec(`CREATE TABLE IF NOT EXISTS unlike AS SELECT v FROM t`)
		w.rotate("t")
		_, err := Reseal(t.Context(), w.conn, "t", ResealOptions{Keys: w.keys, Progress: func(int64, int64) {
			if change.run != nil {
				change.run()
				change.run = nil
			}
		}})
		if change.says != "" {
			w.refused(err, change.says, "run it again")
		} else if err != nil {
			t.Error(explain(err))
		}
	}
}

func TestResealReportsWhatItCannotMove(t *testing.T) {
	w := newWorld(t, `CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT i, 'value ' || i FROM generate_series(1, 500) i`)
	w.seal("t.v", true)
	w.rotate("t")
	w.exec(`UPDATE t SET v = set_byte(v, length(v) - 1, get_byte(v, length(v) - 1) # 1) WHERE id IN (3, 400)`) // damaged
	w.exec(`CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; CREATE TRIGGER keep BEFORE UPDATE ON t FOR EACH ROW WHEN (OLD.id = 7) EXECUTE FUNCTION keep()`)
	holder := w.connect(owner)
	w.execAs(holder, `BEGIN; SELECT * FROM t WHERE id = 250 FOR UPDATE`)
	w.exec(`SET lock_timeout = 50`)
	n, err := Reseal(t.Context(), w.conn, "t", ResealOptions{Keys: w.keys})
	w.refused(err, "4 values of public.t.v", "ctid", "trigger", "locked by others", "pgseal verify")
	if n != 496 {
		t.Errorf("%d values were moved, want 496", n)
	}
	w.execAs(holder, `COMMIT`)
	n, err = Reseal(t.Context(), w.conn, "t", ResealOptions{Keys: w.keys})
	w.refused(err, "3 values")
	if n != 1 {
		t.Errorf("%d values were moved, want the one that was locked", n)
	}
}

// Rows that row security hides are not silently left behind.
func TestResealDoesNotOverlookRows(t *testing.T) {
	w := newWorld(t, `CREATE TABLE t (id int, v text); INSERT INTO t SELECT i, 'v' FROM generate_series(1, 10) i; ALTER TABLE t ENABLE ROW LEVEL SECURITY; ALTER TABLE t FORCE ROW LEVEL SECURITY; CREATE POLICY p ON t USING (id < 5)`)
	w.seal("t.v", false)
	w.rotate("t")
	_, err := Reseal(t.Context(), w.conn, "t", ResealOptions{Keys: w.keys})
	w.refused(err, "row-level security", "BYPASSRLS")
	if got := one[string](w, `SHOW row_security`); got != "on" {
		t.Errorf("the session is left with row_security %s", got)
	}
	w.asSuperuser(func() {
		if n := w.reseal("t"); n != 10 {
			t.Errorf("%d values were moved, want 10", n)
		}
	})
}
