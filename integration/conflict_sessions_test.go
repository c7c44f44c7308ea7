package integration

import (
	"fmt"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"pgseal/integration/harness"
)

// Sessions that count the same new things at the same moment wait for each other, as
// PostgreSQL has them do, and none fails: the keys are new to all of them.
func TestSessionsThatInsertAndCountTogether(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL:  "CREATE TABLE counted (k int PRIMARY KEY, name text NOT NULL UNIQUE, n int NOT NULL)",
		Seal: []string{"public.counted.name --equality", "public.counted.n"},
	})
	ctx := t.Context()
	const sessions, keys = 4, 12
	word := pair.Env.Canaries.Word()
	count := func(c *pgx.Conn, mode pgx.QueryExecMode, sql string, begins bool, k int) error {
		if !begins {
			_, err := c.Exec(ctx, sql, mode, k, fmt.Sprint(word, k))
			return err
		}
		return pgx.BeginFunc(ctx, c, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, sql, mode, k, fmt.Sprint(word, k))
			return err
		})
	}
	first := 0
	for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeSimpleProtocol, pgx.QueryExecModeExec, pgx.QueryExecModeCacheStatement} {
		for _, target := range []string{"k", "name"} {
			for _, begins := range []bool{false, true} {
				sql := "INSERT INTO counted VALUES ($1, $2, 1) ON CONFLICT (" + target + ") DO UPDATE SET n = counted.n + 1"
				var all sync.WaitGroup
				start := make(chan struct{})
				var turns [keys]sync.WaitGroup
				for i := range turns {
					turns[i].Add(sessions)
				}
				for range sessions {
					c := pair.Connect(t, pair.URL())
					all.Go(func() {
						<-start
						for i := range keys {
							turns[i].Done()
							turns[i].Wait() // all of them come to the key together
							if err := count(c, mode, sql, begins, first+i); err != nil {
								t.Errorf("%v, by %s, in a block %v: %v", mode, target, begins, err)
							}
						}
					})
				}
				close(start)
				all.Wait()
				first += keys
			}
		}
	}
	c := pair.Connect(t, pair.URL())
	var rows, counted int
	if err := c.QueryRow(ctx, "SELECT count(*), sum(n) FROM counted").Scan(&rows, &counted); err != nil || rows != first || counted != first*sessions {
		t.Errorf("%d rows of %d, %d counted of %d: %v", rows, first, counted, first*sessions, err)
	}
}

// A transaction that inserts many new keys does not fill the server's table of locks.
func TestABlockThatInsertsAndCountsManyKeys(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL:  "CREATE TABLE counted (k int PRIMARY KEY, n int NOT NULL)",
		Seal: []string{"public.counted.n"},
	})
	ctx := t.Context()
	c := pair.Connect(t, pair.URL())
	tx, err := c.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	const keys = 100
	for round := range 2 {
		for k := range keys {
			if _, err := tx.Exec(ctx, "INSERT INTO counted VALUES ($1, 1) ON CONFLICT (k) DO UPDATE SET n = counted.n + 1", k); err != nil {
				t.Fatalf("round %d, key %d: %v", round, k, err)
			}
		}
	}
	var locks, rows, counted int
	if err := tx.QueryRow(ctx, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").Scan(&locks); err != nil || locks == 0 || locks > 64 {
		t.Errorf("%d locks, %v", locks, err)
	}
	if err := tx.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	// The next transaction has its own.
	if tx, err = c.Begin(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(ctx, "INSERT INTO counted VALUES ($1, 2) ON CONFLICT (k) DO UPDATE SET n = counted.n + 1", keys); err != nil {
		t.Fatal(err)
	}
	if err := tx.QueryRow(ctx, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").Scan(&locks); err != nil || locks != 1 {
		t.Errorf("%d locks in the next transaction, %v", locks, err)
	}
	if err := tx.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	if err := c.QueryRow(ctx, "SELECT count(*), sum(n) FROM counted").Scan(&rows, &counted); err != nil || rows != keys+1 || counted != 2*keys+2 {
		t.Errorf("%d rows, %d counted: %v", rows, counted, err)
	}
}

// A session that has inserted the key already, and deletes and counts it while another one waits
// to count it, is not made to wait for that one.
func TestASessionThatCountsWhatAnotherWaitsFor(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL:  "CREATE TABLE counted (id int PRIMARY KEY GENERATED ALWAYS AS IDENTITY, name text NOT NULL UNIQUE, n int NOT NULL)",
		Seal: []string{"public.counted.name --equality", "public.counted.n"},
	})
	ctx := t.Context()
	direct := pair.Connect(t, pair.ServerURL())
	const count = "INSERT INTO counted (name, n) VALUES ($1, 1) ON CONFLICT (name) DO UPDATE SET n = counted.n + 1"
	for i, mode := range []pgx.QueryExecMode{pgx.QueryExecModeSimpleProtocol, pgx.QueryExecModeExec, pgx.QueryExecModeCacheStatement} {
		first, second := pair.Connect(t, pair.URL()), pair.Connect(t, pair.URL())
		word := pair.Env.Canaries.Word()
		if _, err := first.Exec(ctx, "BEGIN"); err != nil {
			t.Fatal(err)
		}
		if _, err := first.Exec(ctx, "INSERT INTO counted (name, n) VALUES ($1, 1)", mode, word); err != nil {
			t.Fatal(err)
		}
		waited := make(chan error, 1)
		go func() {
			_, err := second.Exec(ctx, count, mode, word)
			waited <- err
		}()
		eventually(t, "the second waits for the first", func() (waiting bool) {
			err := direct.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND locktype = 'transactionid')").Scan(&waiting)
			return err == nil && waiting
		})
		for _, sql := range []string{"DELETE FROM counted WHERE name = $1", count} {
			if _, err := first.Exec(ctx, sql, mode, word); err != nil {
				t.Fatalf("case %d, %s: %v", i, sql, err)
			}
		}
		if _, err := first.Exec(ctx, "ROLLBACK"); err != nil {
			t.Fatal(err)
		}
		if err := <-waited; err != nil {
			t.Errorf("case %d, the one that waited: %v", i, err)
		}
	}
}
