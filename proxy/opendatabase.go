package proxy

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"pgseal/catalog"
	"pgseal/keycache"
	"pgseal/keystore"
	"pgseal/session"
)

// database is a Database.
type database struct {
	owner   *Databases
	name    string
	pool    *pgxpool.Pool
	store   *keystore.Store
	watcher *catalog.Watcher
	log     *slog.Logger
	last    atomic.Pointer[catalog.Snapshot] // what snapshot has returned last
	jobs    chan struct{}
	stop    context.CancelFunc
	done    sync.WaitGroup

	sessions sessions

	users  int // guarded by owner.mu
	linger *time.Timer
}

// Session makes the state of one session.
func (db *database) Session() Protocol {
	return session.New(session.Config{
		Planner: db.owner.planner,
		Catalog: db.snapshot,
		Behind:  db.watcher.Behind,
		Moved:   db.watcher.Moved,
		Keys:    db.tryKey,
		Logger:  db.log,
	})
}

// snapshot returns the catalog as far as it is known. While the database is out
// of reach that is the last one known, with an error.
func (db *database) snapshot() (*catalog.Snapshot, error) {
	s, err := db.watcher.Current()
	if err != nil {
		return db.last.Load(), err
	}
	if db.last.Load() != s {
		db.last.Store(s)
	}
	return s, nil
}

func (db *database) tryKey(id uint32) (keycache.Lease, bool) {
	return db.owner.keys.Try(keycache.ID{Database: db.name, Key: id})
}

// OpenKey unwraps a data key.
func (db *database) OpenKey(ctx context.Context, id uint32) (func(), error) {
	lease, err := db.owner.keys.Get(ctx, keycache.ID{Database: db.name, Key: id})
	if err != nil {
		return nil, err
	}
	return lease.Release, nil
}

// refreshPause is between two attempts to read the catalog.
const refreshPause = 200 * time.Millisecond

// Refresh reads the catalog again, and goes on trying until ctx ends: a session
// whose catalog cannot be read has to be ended, so a reconnect is worth waiting
// for. The schema's upgrade is not.
func (db *database) Refresh(ctx context.Context) error { return db.read(ctx, db.watcher.Refresh) }

// CatchUp waits for a reading of the catalog that began behind all that has been told of,
// in the same way.
func (db *database) CatchUp(ctx context.Context) error { return db.read(ctx, db.watcher.CatchUp) }

func (db *database) read(ctx context.Context, read func(context.Context) (*catalog.Snapshot, error)) error {
	for {
		s, err := read(ctx)
		if err == nil {
			db.last.Store(s)
			return nil
		}
		if errors.Is(err, catalog.ErrOldSchema) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(refreshPause):
		}
	}
}

// Settle reads the catalog until no column is being sealed or unsealed.
func (db *database) Settle(ctx context.Context) error {
	for {
		if err := db.Refresh(ctx); err != nil {
			if s := db.last.Load(); s != nil && ctx.Err() != nil {
				return nil // the session refuses the statement
			}
			return err
		}
		if db.last.Load().InFlux() == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(refreshPause):
		}
	}
}

// Close ends one session's use.
func (db *database) Close() {
	db.owner.mu.Lock()
	defer db.owner.mu.Unlock()
	if db.users--; db.users == 0 {
		db.linger.Reset(db.owner.config.Linger)
	}
}

// unused closes the database when nobody has come back to it.
func (db *database) unused() {
	d := db.owner
	d.mu.Lock()
	if db.users > 0 || d.open[db.name] != db {
		d.mu.Unlock()
		return
	}
	delete(d.open, db.name)
	d.ending.Add(1)
	d.mu.Unlock()
	defer d.ending.Done()
	db.shutDown()
}

func (db *database) shutDown() {
	db.linger.Stop()
	db.stop()
	db.done.Wait()
	db.watcher.Close()
	db.pool.Close()
}

// wakeJobs has the jobs that wait in the database carried out.
func (db *database) wakeJobs() {
	select {
	case db.jobs <- struct{}{}:
	default: // they are about to be looked for anyway
	}
}

const (
	firstJobPause = time.Second
	maxJobPause   = 30 * time.Second
)

// runJobs carries out jobs whenever there are some, and tries again later what
// has failed for the moment.
func (db *database) runJobs(ctx context.Context) {
	pause := firstJobPause
	retry := time.NewTimer(maxJobPause)
	retry.Stop()
	defer retry.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-db.jobs:
		case <-retry.C:
		}
		switch err := db.store.RunJobs(ctx); {
		case err == nil:
			pause = firstJobPause
		case ctx.Err() != nil:
			return
		case errors.Is(err, keycache.ErrTemporary):
			db.log.Warn("jobs wait", slog.Any("error", err), slog.Duration("retry", pause))
			retry.Reset(pause)
			pause = min(2*pause, maxJobPause)
		default:
			db.log.Error("jobs not carried out", slog.Any("error", err))
		}
	}
}
