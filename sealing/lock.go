package sealing

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Lock says how Seal and Unseal wait for their table. They need it alone, and
// one open transaction that has read it keeps them out.
type Lock struct {
	// Timeout is how long they wait; 0 means the session's lock_timeout, and
	// without one until they are interrupted.
	Timeout time.Duration
	// Waiting is told again and again, while they wait, who holds the table.
	Waiting func(holders string)
}

const (
	// lockAttempt is how long one attempt stands in the server's queue. Everyone
	// who comes later waits behind it, so it leaves the queue again soon.
	lockAttempt = 2 * time.Second
	// lockPause is how long the others may go ahead between two attempts.
	lockPause = time.Second
)

// lockColumn resolves the column and locks its table, its partitions and its
// children, so that what is checked stays true until the transaction ends. It
// also sets what the rest of the transaction relies upon.
func lockColumn(ctx context.Context, tx pgx.Tx, target string, l Lock) (*column, []member, error) {
	c, err := findColumn(ctx, tx, target)
	if err != nil {
		return nil, nil, err
	}
	if c.kind != "r" && c.kind != "p" {
		return nil, nil, refuse(c.String(), "name the column of the table that holds the values", "only columns of tables can be sealed")
	}
	if err := l.lock(ctx, tx, c); err != nil {
		return nil, nil, err
	}
	// The path makes the server print definitions with schemas. Row security
	// shall never hide a row: with it off the server raises an error instead.
	// Timeouts are meant for applications, not for the rewrite of a table.
	if err := execAll(ctx, tx,
		"SET LOCAL search_path = pg_catalog, pg_temp",
		"SET LOCAL row_security = off",
		"SET LOCAL client_encoding = 'UTF8'",
		"SET LOCAL synchronize_seqscans = off",
		`SELECT pg_catalog.set_config(name, '0', true) FROM pg_catalog.pg_settings
		  WHERE name IN ('statement_timeout', 'idle_in_transaction_session_timeout', 'transaction_timeout')`,
	); err != nil {
		return nil, nil, err
	}
	// Again: it may have changed while we waited.
	if c, err = findColumn(ctx, tx, quote(c.schema, c.table, c.name)); err != nil {
		return nil, nil, err
	}
	tree, err := members(ctx, tx, c)
	return c, tree, err
}

func (l Lock) lock(ctx context.Context, tx pgx.Tx, c *column) error {
	var own int64 // milliseconds
	if err := tx.QueryRow(ctx, `SELECT setting::bigint FROM pg_catalog.pg_settings WHERE name = 'lock_timeout'`).Scan(&own); err != nil {
		return err
	}
	limit := l.Timeout
	if limit == 0 {
		limit = time.Duration(own) * time.Millisecond
	}
	start := time.Now()
	for {
		attempt := lockAttempt
		if limit > 0 {
			attempt = max(min(attempt, limit-time.Since(start)), time.Millisecond)
		}
		err := tryLock(ctx, tx, c, attempt, own)
		if sqlState(err) != stateLockNotAvailable {
			return err
		}
		holders, err := lockHolders(ctx, tx, c)
		if err != nil {
			return err
		}
		if limit > 0 && time.Since(start) >= limit {
			return refuse(c.String(), "try again when they have ended, or end them: SELECT pg_terminate_backend(PID)",
				"its table could not be locked within %v; it is in use by %s", limit, holders)
		}
		if l.Waiting != nil {
			l.Waiting(holders)
		}
		pause := time.NewTimer(lockPause)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return ctx.Err()
		}
	}
}

// tryLock makes one attempt in a savepoint, and puts lock_timeout back to own.
func tryLock(ctx context.Context, tx pgx.Tx, c *column, attempt time.Duration, own int64) error {
	sp, err := tx.Begin(ctx)
	if err != nil {
		return err
	}
	err = execAll(ctx, sp,
		fmt.Sprintf("SET LOCAL lock_timeout = %d", max(attempt.Milliseconds(), 1)),
		"LOCK TABLE "+c.tableSQL()+" IN ACCESS EXCLUSIVE MODE",
		fmt.Sprintf("SET LOCAL lock_timeout = %d", own))
	if err != nil {
		if undo := sp.Rollback(ctx); undo != nil {
			return errors.Join(err, undo)
		}
		return err
	}
	return sp.Commit(ctx)
}

// lockHolders names the sessions that keep the table, as far as this role may
// see them.
func lockHolders(ctx context.Context, tx pgx.Tx, c *column) (string, error) {
	var holders string
	err := tx.QueryRow(ctx, `
WITH RECURSIVE tree(oid) AS (
  SELECT $1::oid UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN tree t ON i.inhparent = t.oid)
SELECT coalesce(string_agg(DISTINCT pg_catalog.concat_ws(' ', 'PID', a.pid, '(' || pg_catalog.concat_ws(', ', 'role ' || a.usename,
         nullif(a.application_name, ''), a.state || coalesce(' in a transaction since ' || pg_catalog.to_char(a.xact_start, 'HH24:MI:SS'), '')) || ')'),
         '; '), 'a session that has just ended')
FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'relation' AND l.relation IN (SELECT oid FROM tree) AND l.granted
  AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
  AND l.pid <> pg_catalog.pg_backend_pid()`, c.relation).Scan(&holders)
	return holders, err
}
