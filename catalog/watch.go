package catalog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"pgseal/logical"
)

const (
	// channel is where the triggers of pgseal's tables announce changes.
	channel = "pgseal"

	// roundTimeout bounds one look at the database, so that a server which has
	// stopped answering counts as unreachable.
	roundTimeout = 15 * time.Second

	minBackoff = 100 * time.Millisecond
	maxBackoff = 5 * time.Second

	closeTimeout = time.Second

	noDatabase = "3D000" // invalid_catalog_name
)

// ErrUnavailable says that there is no snapshot that may be trusted: none has
// been loaded yet, or the database has been out of reach for too long.
var ErrUnavailable = errors.New("the catalog of sealed columns is not available")

// WatchOptions are the settings of a Watcher; zero values mean the defaults.
type WatchOptions struct {
	// PollInterval is how soon a change that nothing announces is seen, such as
	// DDL. 2 seconds by default.
	PollInterval time.Duration
	// StaleAfter is how long a snapshot serves on while the database cannot be
	// reached. 30 seconds by default, and at least two poll intervals.
	StaleAfter time.Duration
	// OnJobs is called when jobs are waiting in pgseal.job that were not there
	// before. OnKeys is called with a digest of the data keys, wrapped as they are,
	// and their states: before the first snapshot, and when that has changed. Both
	// are called by the watcher itself and must return soon.
	OnJobs func()
	OnKeys func(digest int64)
	// Answered returns when all statements have been answered that had been sent, by
	// what was known, when it was called. Before that no change is acknowledged. It is
	// called beside the watcher's own work; nil for nothing to wait for.
	Answered func(context.Context)
	// Orders are where orders of collations are kept, for other watchers too; by default
	// the watcher has its own.
	Orders *Orders
	// Logger is told when the database goes out of reach and when it is back.
	Logger *slog.Logger
}

func (o WatchOptions) withDefaults() WatchOptions {
	if o.PollInterval <= 0 {
		o.PollInterval = 2 * time.Second
	}
	if o.StaleAfter <= 0 {
		o.StaleAfter = 30 * time.Second
	}
	o.StaleAfter = max(o.StaleAfter, 2*o.PollInterval)
	if o.OnJobs == nil {
		o.OnJobs = func() {}
	}
	if o.OnKeys == nil {
		o.OnKeys = func(int64) {}
	}
	if o.Orders == nil {
		o.Orders = NewOrders()
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// Watcher keeps the snapshot of one database up to date over one connection of
// its own. It is safe for concurrent use.
type Watcher struct {
	connect func(context.Context) (*pgx.Conn, error)
	o       WatchOptions
	cancel  context.CancelFunc
	done    chan struct{}

	known atomic.Pointer[knowledge]
	moves atomic.Uint64 // how often Moved was called

	mu        sync.Mutex
	waiters   []chan<- knowledge // for the next round
	catching  []catching         // for one that knows enough
	interrupt context.CancelFunc // ends the pause between two rounds; nil outside one
	hurry     bool               // there is to be no pause before the next one

	// The rest belongs to the watcher's goroutine.
	conn      *pgx.Conn
	anchor    *pgx.Conn // bears the watcher's name if conn may be pooled; nil otherwise
	backends  []uint32  // the server processes of conn, when it was made, and of anchor
	listening bool
	pooled    bool   // conn is a pooler's
	database  uint32 // the OID of the one that conn was connected to last
	last      fingerprint
	watched   watched // what the snapshot was loaded from
	answers   map[string]*answer
	folds     foldings                      // of the server that conn is connected to
	orders    map[uint32]*logical.TextOrder // as well, those that have been asked for, by OID

	wanted wanted // what statements have named

	acknowledged int32 // the change that the server has been told we know of
	waits        sync.WaitGroup
	settling     int32 // the last one for which Answered has been called
	settled      atomic.Int32
}

// knowledge is what the last round found out.
type knowledge struct {
	snapshot *Snapshot // nil before the first success
	asOf     time.Time // when the database was last seen to agree with it
	moves    uint64    // that the snapshot knows of
	err      error     // why the last round failed, or nil
}

// Watch starts to watch the database that connect connects to, until ctx ends or
// Close is called. It returns at once; Refresh waits for the first snapshot.
//
// Changes to sealed columns and keys are announced over LISTEN; all others, and
// these too where LISTEN is not possible (on a standby, behind a pooler), are found
// by polling.
func Watch(ctx context.Context, connect func(context.Context) (*pgx.Conn, error), o WatchOptions) *Watcher {
	ctx, cancel := context.WithCancel(ctx)
	w := &Watcher{connect: connect, o: o.withDefaults(), cancel: cancel, done: make(chan struct{})}
	w.known.Store(&knowledge{err: errors.New("not loaded yet")})
	go w.run(ctx)
	return w
}

// Close ends the watcher and its connection, and waits for both.
func (w *Watcher) Close() {
	w.cancel()
	<-w.done
}

// Current returns the latest snapshot without waiting. The error is
// ErrUnavailable with its cause.
func (w *Watcher) Current() (*Snapshot, error) {
	k := w.known.Load()
	err := k.err
	switch {
	case k.snapshot != nil && time.Since(k.asOf) <= w.o.StaleAfter:
		return k.snapshot, nil
	case err == nil:
		err = fmt.Errorf("not confirmed for more than %s", w.o.StaleAfter)
	}
	return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// Refresh looks at the database now and returns what it found: a change that
// was committed before the call is in the snapshot. Calls at the same time share
// one look. The error is that of ctx, or ErrUnavailable with its cause.
func (w *Watcher) Refresh(ctx context.Context) (*Snapshot, error) {
	answer := make(chan knowledge, 1)
	w.mu.Lock()
	w.waiters = append(w.waiters, answer)
	if w.interrupt != nil {
		w.interrupt()
	}
	w.mu.Unlock()
	return w.await(ctx, answer)
}

func (w *Watcher) await(ctx context.Context, answer <-chan knowledge) (*Snapshot, error) {
	select {
	case k := <-answer:
		if k.err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUnavailable, k.err)
		}
		return k.snapshot, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-w.done:
		return nil, fmt.Errorf("%w: the watcher is closed", ErrUnavailable)
	}
}

// catching waits for a round that began behind so many calls of Moved.
type catching struct {
	moves  uint64
	answer chan<- knowledge
}

// CatchUp is Refresh for changes that Moved has told of before the call: a look that is
// under way is enough if it began behind that, and one that has ended is.
func (w *Watcher) CatchUp(ctx context.Context) (*Snapshot, error) {
	answer := make(chan knowledge, 1)
	c := catching{moves: w.moves.Load(), answer: answer}
	w.mu.Lock()
	if k := w.known.Load(); k.err == nil && k.moves >= c.moves {
		w.mu.Unlock()
		return w.Current()
	}
	w.catching = append(w.catching, c)
	w.mu.Unlock()
	return w.await(ctx, answer)
}

// caught gives what a round has found out to those for whom it is enough.
func (w *Watcher) caught(k knowledge) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.catching = slices.DeleteFunc(w.catching, func(c catching) bool {
		enough := k.err != nil || k.moves >= c.moves
		if enough {
			c.answer <- k
		}
		return enough
	})
}

// tellOthers notifies the other watchers of the database, if there are some.
const tellOthers = `SELECT pg_catalog.pg_notify($1, '') FROM pg_catalog.pg_stat_activity
	WHERE datname = current_database() AND left(application_name, length($2)) = $2 AND pid <> ALL($3::oid[])
	AND NOT pg_catalog.pg_is_in_recovery() LIMIT 1`

// Moved says that DDL has been committed through which names may stand for
// something else: until the next look, Behind is true. Other watchers of the
// database are told.
func (w *Watcher) Moved() {
	w.moves.Add(1)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.interrupt != nil {
		w.interrupt()
	}
}

// Behind reports that what Current returns does not know of all that Moved was
// called for.
func (w *Watcher) Behind() bool { return w.known.Load().moves != w.moves.Load() }

func (w *Watcher) run(ctx context.Context) {
	defer close(w.done)
	defer w.disconnect()
	defer w.waits.Wait()
	backoff := minBackoff
	for ctx.Err() == nil {
		// Whoever asks from here on gets the next round.
		w.mu.Lock()
		waiters := w.waiters
		w.waiters = nil
		w.mu.Unlock()

		moves := w.known.Load().moves
		k := w.round(ctx)
		if ctx.Err() != nil {
			return
		}
		w.learn(k)
		if k.err == nil {
			k.err = w.acknowledge(ctx, w.settle(ctx, w.last.change))
		}
		for _, answer := range waiters {
			answer <- k
		}
		w.caught(k)
		if k.err == nil && k.moves != moves && (w.listening || w.pooled) {
			_, k.err = w.conn.Exec(ctx, tellOthers, channel, watcherName, w.backends)
		}
		if k.err != nil {
			w.disconnect()
			// Refresh may cut the wait short, but not to nothing.
			sleep(ctx, minBackoff)
			w.pause(ctx, backoff)
			backoff = min(2*backoff, maxBackoff)
			continue
		}
		backoff = minBackoff
		w.pause(ctx, w.o.PollInterval)
	}
}

// learn publishes what a round found out.
func (w *Watcher) learn(k knowledge) {
	before := w.known.Load()
	switch {
	case k.err != nil && (before.err == nil || before.err.Error() != k.err.Error()):
		w.o.Logger.Warn("catalog not available", "error", k.err, "snapshot_as_of", k.asOf)
	case k.err == nil && before.err != nil:
		w.o.Logger.Info("catalog available", "version", k.snapshot.Version)
	}
	w.known.Store(&k)
}

// round connects if need be, looks at the database and loads what has changed.
func (w *Watcher) round(ctx context.Context) knowledge {
	ctx, cancel := context.WithTimeout(ctx, roundTimeout)
	defer cancel()
	k := *w.known.Load()
	start, moves := time.Now(), w.moves.Load()
	seen, snapshot, err := w.look(ctx, k.snapshot)
	if err != nil {
		k.err = err
		if pgErr := new(pgconn.PgError); errors.As(err, &pgErr) && pgErr.Code == noDatabase {
			k.snapshot = nil // one that gets the name will be another
		}
		return k
	}
	before, first := w.last, k.snapshot == nil
	w.last = seen
	if first || before.keys != seen.keys {
		w.o.OnKeys(seen.keys)
	}
	if seen.jobs != 0 && (first || before.jobs != seen.jobs) {
		w.o.OnJobs()
	}
	return knowledge{snapshot: snapshot, asOf: start, moves: moves}
}

func (w *Watcher) look(ctx context.Context, have *Snapshot) (seen fingerprint, s *Snapshot, err error) {
	another, err := w.prepare(ctx)
	if err != nil {
		return seen, nil, err
	}
	if another {
		have = nil
	}
	if collation, ok := w.wanted.takeOrder(); ok { // one in each round, which is bounded
		if err := w.learnOrder(ctx, collation); err != nil {
			return seen, nil, err
		}
	}
	names, oids, functions, more := w.wanted.take()
	now, known := w.watched, w.answers
	read := func(tx pgx.Tx) error {
		s, now, known = have, w.watched, w.answers
		if w.anchor == nil {
			tx = prepared{tx}
		}
		if seen, err = takeFingerprint(ctx, tx, w.watched); err != nil {
			return err
		}
		if have != nil && !more && !seen.snapshotDiffers(w.last) {
			return nil
		}
		m := &memory{tx: tx, changed: seen.changed(w.last), known: known, used: map[string]*answer{}}
		if s, now, err = load(ctx, m, seen.there, loading{shown: true, have: have, reach: reach{names: names, oids: oids, have: have.system()}, folds: w.folds, orders: w.orders, functions: functions}); err != nil {
			return err
		}
		known = m.used
		s.remember(&w.wanted)
		if !seen.nothing() && !now.equal(w.watched) {
			err = seen.look(ctx, tx, now)
		}
		s.read = &readFrom{base: s.Version, watched: now, print: insidePrint{types: seen.types, objects: seen.objects}, answers: known}
		return err
	}
	// The locks of changes are those of this moment, and all else is of the transaction's
	// beginning: it can have come before a change whose lock is gone. So a change is over when
	// its row is gone, or when another transaction has begun behind that and still has it.
	flux, changes := have == nil || have.InFlux() != nil, w.last.changes
	for again := true; again; {
		if err = reading(ctx, w.conn, read); err != nil {
			break
		}
		again = seen.change != 0 && (flux && s.InFlux() == nil || seen.changes != changes)
		flux, changes = s.InFlux() != nil, seen.changes
	}
	if err != nil {
		if more {
			w.wanted.again()
		}
		return seen, nil, err
	}
	w.watched, w.answers = now, known
	w.wanted.keep(names, oids, s)
	return seen, s, nil
}

// prepare connects and listens, before the round reads anything, so that no
// change falls between. another says that the name stands for another database
// than before: it was dropped and made anew.
func (w *Watcher) prepare(ctx context.Context) (another bool, err error) {
	if w.conn == nil {
		conn, err := w.connect(ctx)
		if err != nil {
			return false, err
		}
		if len(w.folds) > 0 || len(w.orders) > 0 { // this server may have others
			w.wanted.again()
		}
		w.conn, w.acknowledged, w.answers, w.folds, w.orders = conn, 0, nil, foldings{}, map[uint32]*logical.TextOrder{}
		var database, backend uint32
		const enter = `SELECT oid, pg_catalog.pg_backend_pid() FROM pg_catalog.pg_database, pg_catalog.set_config('application_name',
			CASE WHEN pg_catalog.pg_backend_pid() = $2::int8 THEN $1 ELSE pg_catalog.current_setting('application_name') END, false)
			WHERE datname = pg_catalog.current_database()`
		if err := conn.QueryRow(ctx, enter, watcherName, int64(conn.PgConn().PID())).Scan(&database, &backend); err != nil {
			return false, err
		}
		w.backends = []uint32{backend}
		if w.pooled = backend != conn.PgConn().PID(); w.pooled {
			if err := w.dropAnchor(ctx); err != nil {
				return false, err
			}
		}
		another = database != w.database && w.database != 0
		if another { // which counts its changes anew
			w.settling = 0
			w.settled.Store(0)
		}
		w.database = database
	}
	// What a pooler of transactions hands to others must not listen: they would get the
	// notifications, and pgbouncer has mixed up answers behind some. A pooler of sessions
	// cannot be told from it for sure.
	if w.listening || w.pooled {
		return another, nil
	}
	// A standby cannot listen; once it is promoted, it can.
	var standby bool
	if err := w.conn.QueryRow(ctx, `SELECT pg_catalog.pg_is_in_recovery()`).Scan(&standby); err != nil || standby {
		return another, err
	}
	if _, err := w.conn.Exec(ctx, `LISTEN `+channel); err != nil {
		return another, err
	}
	w.listening = true
	return another, nil
}

// pause waits for the given time, a notification, a call of Refresh or a lost
// connection, whichever comes first.
func (w *Watcher) pause(ctx context.Context, d time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	w.mu.Lock()
	if len(w.waiters) > 0 || w.Behind() || w.hurry {
		w.hurry = false
		w.mu.Unlock()
		return
	}
	w.interrupt = cancel
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		w.interrupt = nil
		w.mu.Unlock()
	}()
	if w.conn == nil {
		<-ctx.Done()
		return
	}
	for {
		n, err := w.conn.WaitForNotification(ctx)
		if err != nil {
			if w.conn.IsClosed() {
				w.disconnect()
			}
			return
		}
		if n.PID != w.backends[0] { // what it has told the others, it knows
			break
		}
	}
	// One look answers them all.
	cancel()
	for {
		if _, err := w.conn.WaitForNotification(ctx); err != nil {
			return
		}
	}
}

func sleep(ctx context.Context, d time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	<-ctx.Done()
}

func (w *Watcher) disconnect() {
	if w.conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	// Nothing depends on how the end is received.
	_ = w.conn.Close(ctx)
	if w.anchor != nil {
		_ = w.anchor.Close(ctx)
	}
	w.conn, w.anchor, w.listening = nil, nil, false
}
