package catalog

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// A column changes its type under running proxies. A proxy that planned with the
// catalog of before would send plaintext, or show envelopes. So whoever seals or
// unseals announces it first (Announce) and begins when every proxy has said
// that it knows; meanwhile the proxies hold back what names the relations.
//
// An announcement is a row of pgseal.change and counts while the session that
// made it holds the advisory lock of its id, so one that was left behind by a
// broken connection holds nobody up.

const (
	// changeClass is the first key of the advisory locks of changes; the second
	// is the change's id. It is "pgsc" in ASCII, and stands in liveChanges too.
	changeClass = 1885827939

	// watcherName is the application_name of a watcher's connection, followed by
	// the last change that it knows of.
	watcherName = "pgseal catalog"

	acknowledgePoll = 25 * time.Millisecond
)

// acknowledgeTimeout bounds the wait for proxies: more than a poll, a load of a
// large catalog, and a lost connection that the server has not noticed.
var acknowledgeTimeout = 20 * time.Second

// liveChanges has the changes that are announced at this moment.
const liveChanges = `pgseal.change c JOIN pg_locks l ON l.locktype = 'advisory' AND l.granted AND l.objsubid = 2
	AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
	AND l.classid = 1885827939 AND l.objid = c.change_id::oid`

func loadChanging(ctx context.Context, tx reader) ([]uint32, error) {
	rows, err := tx.Query(ctx, `SELECT DISTINCT unnest(c.relations) FROM `+liveChanges)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[uint32])
}

// ErrNotAcknowledged says that a proxy has not answered an announcement.
var ErrNotAcknowledged = errors.New("a running proxy does not answer")

// Announce tells all proxies that columns of these relations are about to change
// their type, and waits until each has said that it holds back what names them.
// The returned function ends the announcement; call it when the change is
// committed or given up. conn must not be in a transaction.
func Announce(ctx context.Context, conn *pgx.Conn, relations []uint32) (end func(context.Context) error, err error) {
	var id int32
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		// Older rows are of no more use: the newest tells what a proxy knows.
		if _, err := tx.Exec(ctx, `DELETE FROM pgseal.change WHERE change_id NOT IN (SELECT c.change_id FROM `+liveChanges+`)`); err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, `INSERT INTO pgseal.change (relations) VALUES ($1) RETURNING change_id`, relations).Scan(&id); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `SELECT pg_catalog.pg_advisory_lock($1, $2)`, changeClass, id)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("announce the change: %w", err)
	}
	end = func(ctx context.Context) error {
		// The row goes before the lock, so that its trigger tells the proxies.
		_, err := conn.Exec(ctx, `DELETE FROM pgseal.change WHERE change_id = $1`, id)
		_, unlock := conn.Exec(ctx, `SELECT pg_catalog.pg_advisory_unlock($1, $2)`, changeClass, id)
		return errors.Join(err, unlock)
	}
	if err := awaitProxies(ctx, conn, id); err != nil {
		return nil, errors.Join(err, end(context.WithoutCancel(ctx)))
	}
	return end, nil
}

func awaitProxies(ctx context.Context, conn *pgx.Conn, id int32) error {
	// Not a deadline of the queries: that would end the connection.
	deadline := time.Now().Add(acknowledgeTimeout)
	poll := time.NewTicker(acknowledgePoll)
	defer poll.Stop()
	for {
		behind, err := proxiesBehind(ctx, conn, id)
		if err == nil && len(behind) == 0 {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%w within %s: backend %s", ErrNotAcknowledged, acknowledgeTimeout, strings.Join(behind, ", "))
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// proxiesBehind lists the backends of watchers that do not know the change yet.
func proxiesBehind(ctx context.Context, conn *pgx.Conn, id int32) ([]string, error) {
	rows, err := conn.Query(ctx, `SELECT pid, substr(application_name, $2) FROM pg_catalog.pg_stat_activity
		WHERE datname = current_database() AND left(application_name, $2 - 1) = $1`, watcherName, len(watcherName)+1)
	if err != nil {
		return nil, err
	}
	var behind []string
	var pid int32
	var knows string
	_, err = pgx.ForEachRow(rows, []any{&pid, &knows}, func() error {
		if n, err := strconv.Atoi(strings.TrimSpace(knows)); err != nil || n < int(id) {
			behind = append(behind, strconv.Itoa(int(pid)))
		}
		return nil
	})
	return behind, err
}

// settle gives the change that can be acknowledged: one before which nothing is under way
// any more. It has another round come when that is so of the given one.
func (w *Watcher) settle(ctx context.Context, change int32) int32 {
	settled := w.settled.Load()
	if w.o.Answered == nil || change <= settled {
		return change
	}
	if change != w.settling {
		w.settling = change
		w.waits.Go(func() {
			w.o.Answered(ctx)
			w.mu.Lock()
			defer w.mu.Unlock()
			w.settled.Store(max(change, w.settled.Load()))
			if w.hurry = true; w.interrupt != nil {
				w.interrupt()
			}
		})
	}
	return settled
}

// acknowledge says which changes the watcher knows of, after what it knows has
// been published to the sessions.
func (w *Watcher) acknowledge(ctx context.Context, change int32) error {
	name := watcherName + " " + strconv.Itoa(int(change))
	if w.anchor != nil { // each time, so that its loss is noticed
		return w.nameAnchor(ctx, name)
	}
	if w.acknowledged == change {
		return nil
	}
	if _, err := w.conn.Exec(ctx, `SELECT pg_catalog.set_config('application_name', $1, false)`, name); err != nil {
		return err
	}
	w.acknowledged = change
	return nil
}
