package sealing

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"pgseal/catalog"
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
	// who comes later waits behind it, and proxies hold statements back, so it
	// leaves the queue again soon.
	lockAttempt = 2 * time.Second
	// lockPause is how long the others may go ahead between two attempts.
	lockPause = time.Second
)

// change is what Seal and Unseal have in common: columns of one table change
// their types, in one transaction, under an ACCESS EXCLUSIVE lock, announced to all
// proxies.
type change struct {
	conn     *pgx.Conn
	targets  []Target // named in full once they have been looked up
	relation uint32   // their table when it was looked up last
	name     string   // of the columns, for people
	lock     Lock
	// check refuses what can be refused before anyone is disturbed: what stands in
	// the way, and a KMS that does not do what will be needed.
	check func(context.Context, pgx.Tx, []*column) error
	// apply checks again under the lock and does the work.
	apply func(context.Context, pgx.Tx, []*column) error
}

// busy is that the lock could not be had in one attempt.
type busy struct{ holders string }

func (b *busy) Error() string { return "the table is in use by " + b.holders }

// run makes the change, or says what to do about a role that may not.
func (h *change) run(ctx context.Context) error {
	h.name = h.targets[0].Column
	err := h.wait(ctx)
	if sqlState(err) == stateInsufficientPrivilege {
		return refuse(h.name, "connect as a role that owns the table with its partitions and views, and schema pgseal: usually the one that has run pgseal init",
			"the role may not do that: %s", serverText(err))
	}
	return err
}

// wait makes attempts until one gets the lock.
func (h *change) wait(ctx context.Context) error {
	limit, err := h.find(ctx)
	if err != nil {
		return err
	}
	start := time.Now()
	for checked := false; ; {
		attempt := lockAttempt
		if limit > 0 {
			attempt = max(min(attempt, limit-time.Since(start)), time.Millisecond)
		}
		var err error
		if !checked {
			err = h.tried(ctx, attempt, h.prepare)
			checked = err == nil
		}
		if checked {
			err = h.attempt(ctx, attempt)
		}
		held, ok := errors.AsType[*busy](err)
		if !ok {
			return err
		}
		if limit > 0 && time.Since(start) >= limit {
			return refuse(h.name, "try again when they have ended, or end them: SELECT pg_terminate_backend(PID)",
				"its table could not be locked within %v; it is in use by %s", limit, held.holders)
		}
		if h.lock.Waiting != nil {
			h.lock.Waiting(held.holders)
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

// find resolves the columns, and how long to wait for their table.
func (h *change) find(ctx context.Context) (limit time.Duration, err error) {
	var own int64 // milliseconds
	if err := h.conn.QueryRow(ctx, `SELECT setting::bigint FROM pg_catalog.pg_settings WHERE name = 'lock_timeout'`).Scan(&own); err != nil {
		return 0, err
	}
	if limit = h.lock.Timeout; limit == 0 {
		limit = time.Duration(own) * time.Millisecond
	}
	columns, err := h.look(ctx, h.conn)
	if err != nil {
		return 0, err
	}
	h.name = nameAll(columns)
	for i, c := range columns {
		switch {
		case c.relation != h.relation:
			return 0, fmt.Errorf("%s: columns of one table change together", h.name)
		case c.kind != "r" && c.kind != "p":
			return 0, refuse(c.String(), "name the column of the table that holds the values", "only columns of tables can be sealed")
		case slices.ContainsFunc(columns[:i], func(o *column) bool { return o.attnum == c.attnum }):
			return 0, refuse(c.String(), "name it once", "the column is named twice")
		}
		// Named in full from here on: the search path is ours.
		h.targets[i].Column = quote(c.schema, c.table, c.name)
	}
	return limit, nil
}

// look finds the columns as they are now.
func (h *change) look(ctx context.Context, db querier) ([]*column, error) {
	names := make([]string, len(h.targets))
	for i := range h.targets {
		names[i] = h.targets[i].Column
	}
	columns, err := find(ctx, db, names)
	if err != nil {
		return nil, err
	}
	for i, c := range columns {
		c.wants = h.targets[i]
	}
	h.relation = columns[0].relation
	return columns, nil
}

// prepare refuses early.
func (h *change) prepare(ctx context.Context, tx pgx.Tx) error {
	if err := settle(ctx, tx); err != nil {
		return err
	}
	columns, err := h.look(ctx, tx)
	if err != nil {
		return err
	}
	if err := grow(ctx, tx, columns); err != nil {
		return err
	}
	return h.check(ctx, tx, columns)
}

// tried runs f in a transaction that waits for no lock longer than one attempt,
// not even for that of a view or a key once it has the table.
func (h *change) tried(ctx context.Context, attempt time.Duration, f func(context.Context, pgx.Tx) error) error {
	return inTransaction(ctx, h.conn, readCommitted, func(tx pgx.Tx) error {
		sp, err := tx.Begin(ctx)
		if err != nil {
			return err
		}
		err = execAll(ctx, sp, fmt.Sprintf("SET LOCAL lock_timeout = %d", max(attempt.Milliseconds(), 1)))
		if err == nil {
			err = f(ctx, sp)
		}
		if err == nil {
			return sp.Commit(ctx)
		}
		if !retryable(err) {
			return err // the whole transaction goes
		}
		// Only now, for the lock held no more.
		if undo := sp.Rollback(ctx); undo != nil {
			return errors.Join(err, undo)
		}
		holders, err := h.holders(ctx, tx)
		if err != nil {
			return err
		}
		return &busy{holders}
	})
}

// attempt announces the change, tries to get the lock, and applies the change.
func (h *change) attempt(ctx context.Context, wait time.Duration) error {
	relations, err := affected(ctx, h.conn, h.relation)
	if err != nil {
		return err
	}
	end, err := catalog.Announce(ctx, h.conn, relations)
	if errors.Is(err, catalog.ErrNotAcknowledged) {
		return refuse(h.name, "end that proxy, or its connection: SELECT pg_terminate_backend(PID)", "%s", err)
	}
	if err != nil {
		return fmt.Errorf("tell the proxies: %w", err)
	}
	err = h.tried(ctx, wait, func(ctx context.Context, tx pgx.Tx) error {
		columns, err := h.locked(ctx, tx)
		if err != nil {
			return err
		}
		now, err := affected(ctx, tx, h.relation)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(now, func(r uint32) bool { return !slices.Contains(relations, r) }) {
			return &busy{"someone who has just made a partition, child or view of it"} // it is not announced
		}
		return h.apply(ctx, tx, columns)
	})
	if h.conn.IsClosed() {
		return err // the announcement ended with the connection
	}
	return errors.Join(err, end(context.WithoutCancel(ctx)))
}

// locked locks the table, its partitions and its children, so that what is
// checked stays true until the transaction ends.
func (h *change) locked(ctx context.Context, tx pgx.Tx) ([]*column, error) {
	columns, err := h.look(ctx, tx)
	if err != nil {
		return nil, err
	}
	if err := execAll(ctx, tx, "LOCK TABLE "+columns[0].tableSQL()+" IN ACCESS EXCLUSIVE MODE"); err != nil {
		return nil, err
	}
	if err := settle(ctx, tx); err != nil {
		return nil, err
	}
	// From the commit on the announcement is void: the catalog says it all. Within
	// the transaction, views are planned again by that catalog.
	if err := execAll(ctx, tx, `DELETE FROM pgseal.change c USING pg_catalog.pg_locks l
		WHERE l.locktype = 'advisory' AND l.pid = pg_catalog.pg_backend_pid() AND l.objsubid = 2 AND l.objid = c.change_id::oid`); err != nil {
		return nil, err
	}
	// Again: it may have changed while we waited.
	if columns, err = h.look(ctx, tx); err != nil {
		return nil, err
	}
	return columns, grow(ctx, tx, columns)
}

// holders names the sessions that keep the table, as far as this role may see them.
func (h *change) holders(ctx context.Context, tx pgx.Tx) (string, error) {
	relations, err := affected(ctx, tx, h.relation)
	if err != nil {
		return "", err
	}
	var holders string
	err = tx.QueryRow(ctx, `
SELECT coalesce(string_agg(DISTINCT pg_catalog.concat_ws(' ', 'PID', a.pid, '(' || pg_catalog.concat_ws(', ', 'role ' || a.usename,
         nullif(a.application_name, ''), a.state || coalesce(', in a transaction since ' || pg_catalog.to_char(a.xact_start, 'HH24:MI:SS'), '')) || ')'),
         '; '), 'a session that has just ended')
FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'relation' AND l.relation = ANY ($1) AND l.granted
  AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
  AND l.pid <> pg_catalog.pg_backend_pid()`, relations).Scan(&holders)
	return holders, err
}

// settle sets what the rest of a transaction relies upon. The path makes the
// server print definitions with schemas. Row security shall never hide a row:
// with it off the server raises an error instead. Timeouts are meant for
// applications, not for the rewrite of a table. What is asked of the catalog is not
// worth compiling.
func settle(ctx context.Context, tx pgx.Tx) error {
	return execAll(ctx, tx,
		"SET LOCAL search_path = pg_catalog, pg_temp",
		"SET LOCAL row_security = off",
		"SET LOCAL client_encoding = 'UTF8'",
		"SET LOCAL synchronize_seqscans = off",
		"SET LOCAL jit = off",
		`SELECT pg_catalog.set_config(name, '0', true) FROM pg_catalog.pg_settings
		  WHERE name IN ('statement_timeout', 'idle_in_transaction_session_timeout', 'transaction_timeout')`)
}

// affected lists the table, its partitions and children, and the views that
// show any of them.
func affected(ctx context.Context, db querier, relation uint32) ([]uint32, error) {
	rows, err := db.Query(ctx, `
WITH RECURSIVE reached(oid) AS (
  SELECT $1::oid
  UNION
  SELECT e.oid FROM reached JOIN LATERAL (
    SELECT i.inhrelid AS oid FROM pg_catalog.pg_inherits i WHERE i.inhparent = reached.oid
    UNION ALL
    SELECT r.ev_class FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid
     WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = reached.oid
  ) e ON true)
SELECT oid FROM reached`, relation)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[uint32])
}
