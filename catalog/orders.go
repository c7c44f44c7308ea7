package catalog

import (
	"context"
	"errors"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"pgseal/logical"
)

// Orders are the orders of collations that servers have been asked for: to learn one takes a
// second and more, and a watcher ends soon after the last session. Watchers share it; it is
// safe for concurrent use.
type Orders struct {
	learnt *lru.Cache[string, *logical.TextOrder] // by all that they depend on; nil for those that cannot be computed here
	failed *lru.Cache[orderPlace, *OrderFailure]
}

const (
	maxLearnt = 64 // some 100 KB each
	maxFailed = 1000

	// Pauses before a server is asked again that could not be: each time twice as long.
	minOrderPause = time.Second
	maxOrderPause = 2 * time.Minute
)

// orderPlace is a collation of one database.
type orderPlace struct {
	host      string
	port      uint16
	database  string
	collation uint32
}

// OrderFailure is why the order of a collation could not be learnt when the server was asked
// last: it was too slow, or gone.
type OrderFailure struct {
	Collation string // as SQL; empty if the server did not tell it either
	Why       error

	tries int
	until time.Time // when it may be asked again
}

// Message is what a user reads of it, and Reason what the server said, or else what it did not.
func (f *OrderFailure) Message() string {
	name := "a collation"
	if f.Collation != "" {
		name = "collation " + f.Collation
	}
	return "the order of " + name + " cannot be learnt from the server just now"
}

func (f *OrderFailure) Reason() string {
	var e *pgconn.PgError
	switch {
	case errors.As(f.Why, &e):
		return e.Message
	case errors.Is(f.Why, errLearningTime), errors.Is(f.Why, context.DeadlineExceeded):
		return "the server took too long to answer"
	}
	return "the connection to the server was lost" // as the log says, which may name hosts
}

func (f *OrderFailure) Error() string { return f.Message() + ": " + f.Reason() }

func (f *OrderFailure) Unwrap() error { return f.Why }

func (f *OrderFailure) pauses() bool { return time.Now().Before(f.until) }

// NewOrders knows nothing yet.
func NewOrders() *Orders {
	o := &Orders{}
	// They fail for sizes below 1 alone.
	o.learnt, _ = lru.New[string, *logical.TextOrder](maxLearnt)
	o.failed, _ = lru.New[orderPlace, *OrderFailure](maxFailed)
	return o
}

// fail notes a failure. A long time after the one before it is the first again.
func (o *Orders) fail(at orderPlace, collation string, why error) *OrderFailure {
	f := &OrderFailure{Collation: collation, Why: why}
	if before, ok := o.failed.Get(at); ok && time.Since(before.until) < maxOrderPause {
		f.tries = before.tries + 1
	}
	pause := maxOrderPause
	if f.tries < 10 { // twice as long more often is longer than that
		pause = min(minOrderPause<<f.tries, maxOrderPause)
	}
	f.until = time.Now().Add(pause)
	o.failed.Add(at, f)
	return f
}

// whatOrder is, of the collation $1, its name as SQL and all that its order depends on, if that
// is not the order of bytes and can be learnt. The server is the one that runs since then; what
// is left out of the rows of catalogs does not concern locales.
const whatOrder = `SELECT quote_ident(n.nspname) || '.' || quote_ident(o.collname),
	jsonb_build_array(extract(epoch FROM pg_postmaster_start_time()), inet_server_addr(), inet_server_port(), version(), pg_collation_actual_version(o.oid),
		to_jsonb(o) - '{oid,collname,collnamespace,collowner,collencoding}'::text[],
		CASE WHEN o.collprovider = 'd' THEN to_jsonb(d) - '{oid,datname,datdba,datistemplate,datallowconn,dathasloginevt,datconnlimit,datlastsysoid,datfrozenxid,datminmxid,dattablespace,datacl}'::text[] END)::text
	FROM pg_collation o JOIN pg_namespace n ON n.oid = o.collnamespace JOIN pg_database d ON d.datname = current_database()
	WHERE o.oid = $1 AND getdatabaseencoding() = 'UTF8' AND o.collisdeterministic AND NOT ` + byBytes

// learn gives the order of a collation, nil if it cannot be computed here, and its name. It asks
// the server in a transaction of its own, so that a mistake in it harms nothing else.
func (o *Orders) learn(ctx context.Context, conn *pgx.Conn, oid uint32) (order *logical.TextOrder, name string, err error) {
	err = reading(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SET LOCAL statement_timeout = "+learningTimeout); err != nil {
			return err
		}
		var key string
		switch err := tx.QueryRow(ctx, whatOrder, oid).Scan(&name, &key); {
		case errors.Is(err, pgx.ErrNoRows):
			return nil
		case err != nil:
			return err
		}
		l := &learning{tx: tx, collation: name, until: time.Now().Add(learningTime)}
		known, ok := o.learnt.Get(key)
		if ok {
			if ok, err = l.confirms(ctx, known); ok || err != nil {
				order = known
				return err
			}
		}
		if order, err = l.order(ctx); err == nil {
			o.learnt.Add(key, order)
		}
		return err
	})
	return order, name, err
}

// confirms has the server confirm an order that has been learnt before, by few texts: they show
// if files have been put in the place of those that the running server reads locales from.
func (l *learning) confirms(ctx context.Context, order *logical.TextOrder) (bool, error) {
	if order == nil { // which refuses all
		return true, nil
	}
	wrong, err := l.outOfOrder(ctx, sorted(shortSamples(), order))
	return len(wrong) == 0, err
}

// shortSamples are texts of one character, and of up to three usual ones.
func shortSamples() (texts []string) {
	for _, r := range orderedCharacters() {
		texts = append(texts, string(r))
	}
	for _, r := range usual {
		for _, s := range usual {
			texts = append(texts, string([]rune{r, s}))
			for _, t := range usual {
				texts = append(texts, string([]rune{r, s, t}))
			}
		}
	}
	return texts
}

// learnOrder learns the order of a collation that a statement needs, if it is time to ask for it.
// The error is one for which the connection is lost; a server that does not help otherwise is not
// out of reach.
func (w *Watcher) learnOrder(ctx context.Context, oid uint32) error {
	if _, ok := w.orders[oid]; ok {
		return nil
	}
	c := w.conn.Config()
	at := orderPlace{c.Host, c.Port, c.Database, oid}
	if f, ok := w.o.Orders.failed.Get(at); ok && f.pauses() {
		w.wanted.failed(oid, f)
		return nil
	}
	order, name, err := w.o.Orders.learn(ctx, w.conn, oid)
	switch {
	case err == nil:
		w.orders[oid] = order
		w.o.Orders.failed.Remove(at)
		return nil
	case errors.Is(ctx.Err(), context.Canceled): // the watcher is being closed
		return err
	}
	f := w.o.Orders.fail(at, name, err)
	w.wanted.failed(oid, f)
	w.o.Logger.Warn("the order of a collation cannot be learnt from the server just now, statements that need it are refused", "collation", oid, "error", err, "again_in", time.Until(f.until))
	if w.conn.IsClosed() {
		return err
	}
	return nil
}
