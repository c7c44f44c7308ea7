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
	if err := c.QueryRow(ctx, "SELECT count(*), sum(n) FROM counted").Scan(&rows, &counted); err != nil || rows != keys || counted != 2*keys {
		t.Errorf("%d rows, %d counted: %v", rows, counted, err)
	}
}
