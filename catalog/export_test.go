package catalog

import (
	"context"
	"maps"
	"time"

	"github.com/jackc/pgx/v5"

	"pgseal/logical"
)

// LoadAnew asks everything that a watcher asks, but for what initdb has made, of which
// have knows; names are the relations that statements have named.
func LoadAnew(ctx context.Context, conn *pgx.Conn, have *Snapshot, names []string) (s *Snapshot, err error) {
	err = reading(ctx, conn, func(tx pgx.Tx) error {
		there, err := lookForPgseal(ctx, tx)
		if err != nil {
			return err
		}
		s, _, err = load(ctx, tx, there, loading{shown: true, have: have, reach: reach{names: names, have: have.system()}})
		return err
	})
	return s, err
}

// Same reports whether two snapshots say the same; their versions cover all but names of
// domains.
func Same(a, b *Snapshot) bool {
	return a.Version == b.Version && maps.EqualFunc(a.metadata, b.metadata, func(a, b *SealedColumn) bool { return a.DomainName == b.DomainName })
}

// Forgetful is a snapshot of which nobody knows what it was read from.
func Forgetful(s *Snapshot) *Snapshot {
	if s == nil {
		return nil
	}
	n := *s
	n.read = nil
	return &n
}

// AcknowledgeIn sets how long an announcement waits for proxies.
func AcknowledgeIn(d time.Duration) (undo func()) {
	before := acknowledgeTimeout
	acknowledgeTimeout = d
	return func() { acknowledgeTimeout = before }
}

// AskedFolds are the folds of a collation, which is SQL, as the server says for every character.
func AskedFolds(ctx context.Context, conn *pgx.Conn, collation string) (*Folds, error) {
	return askedFolds(ctx, conn, collation)
}

// LearnOrder learns the order of a collation, which is SQL. It gives the characters whose place
// is asked for, and where a list of texts is not in the server's order.
func LearnOrder(ctx context.Context, conn *pgx.Conn, collation string) (order *logical.TextOrder, characters []rune, outOfOrder func(texts []string) ([]int, error), err error) {
	l := &learning{tx: conn, collation: collation}
	order, err = l.order(ctx)
	return order, orderedCharacters(), func(texts []string) ([]int, error) { return l.outOfOrder(ctx, texts) }, err
}

// SlowLearning has each question of learning take too long.
func SlowLearning() (undo func()) {
	before := learningTimeout
	learningTimeout = "1"
	return func() { learningTimeout = before }
}

// Learnt gives how many orders are kept.
func (o *Orders) Learnt() int { return o.learnt.Len() }

// Mislead puts another order in the place of all that are kept.
func (o *Orders) Mislead(order *logical.TextOrder) {
	for _, key := range o.learnt.Keys() {
		o.learnt.Add(key, order)
	}
}

// ConfirmsOrder has the server confirm an order of a collation, which is SQL, as one that has been
// learnt before.
func ConfirmsOrder(ctx context.Context, conn *pgx.Conn, collation string, order *logical.TextOrder) (bool, error) {
	return (&learning{tx: conn, collation: collation}).confirms(ctx, order)
}
