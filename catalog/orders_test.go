package catalog_test

import (
	"strings"
	"testing"

	"pgseal/catalog"
	"pgseal/logical"
)

// learnt is the order of a collation as the watcher learns it; why not, if it does not.
func learnt(t *testing.T, w *catalog.Watcher, collation uint32) (order *logical.TextOrder, failure *catalog.OrderFailure) {
	t.Helper()
	wait(t, "it is known, or why not", func() (known bool) {
		order, known, failure = refresh(t, w).TextOrder(collation)
		return known || failure != nil
	})
	return order, failure
}

const collationNamed = `SELECT oid FROM pg_collation WHERE collname = $1`

func inOrder(o *logical.TextOrder, texts ...string) bool {
	for i := range texts[1:] {
		if o.Compare([]byte(texts[i]), []byte(texts[i+1])) >= 0 {
			return false
		}
	}
	return true
}

func TestOrdersAreKeptForOtherWatchers(t *testing.T) {
	kept := catalog.NewOrders()
	watching := func(database string) *catalog.Watcher {
		w, _ := watch(t, cluster, database, catalog.WatchOptions{PollInterval: never, Orders: kept})
		return w
	}
	database, conn := sealedDatabase(t)
	mustExec(t, conn, `CREATE COLLATION own (provider = icu, locale = 'en')`)
	own := one[uint32](t, conn, collationNamed, "own")
	order, _ := learnt(t, watching(database), own)
	if order == nil || !inOrder(order, "a", "A", "b") {
		t.Fatal("the collation is not known")
	}

	// The same, in another database.
	second, other := sealedDatabase(t)
	mustExec(t, other, `CREATE COLLATION another (provider = icu, locale = 'en')`)
	if same, _ := learnt(t, watching(second), one[uint32](t, other, collationNamed, "another")); same != order {
		t.Error("it was learnt again")
	}

	// Another one of the name.
	mustExec(t, conn, `DROP COLLATION own; CREATE COLLATION own (provider = icu, locale = 'en-u-kf-upper')`)
	if changed, _ := learnt(t, watching(database), one[uint32](t, conn, collationNamed, "own")); changed == nil || !inOrder(changed, "A", "a", "b") {
		t.Error("another collation is taken for one that was dropped")
	}
	if n := kept.Learnt(); n != 2 {
		t.Errorf("%d orders are kept, want 2", n)
	}

	// A server that sorts otherwise than it did.
	kept.Mislead(order)
	if again, _ := learnt(t, watching(database), one[uint32](t, conn, collationNamed, "own")); again == nil || !inOrder(again, "A", "a", "b") {
		t.Error("what is kept is not what the server does")
	}
}

func TestOrdersOfAServerThatWasRestartedAreLearntAnew(t *testing.T) {
	c, err := startCluster(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Stop() })
	database, conn := newDatabase(t, c)
	install(t, conn)
	kept := catalog.NewOrders()
	w, _ := watch(t, c, database, catalog.WatchOptions{PollInterval: never, Orders: kept})
	icu := one[uint32](t, conn, collationNamed, "en-x-icu")
	if order, _ := learnt(t, w, icu); order == nil {
		t.Fatal("the collation is not known")
	}
	if err := c.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	var snap *catalog.Snapshot
	wait(t, "the watcher is back", func() bool {
		snap, err = w.Refresh(t.Context())
		return err == nil
	})
	if _, known, _ := snap.TextOrder(icu); known {
		t.Error("another server's order counts")
	}
	if order, _ := learnt(t, w, icu); order == nil || kept.Learnt() != 2 {
		t.Errorf("learnt: %t; %d orders are kept, want 2", order != nil, kept.Learnt())
	}
}

func TestASlowServerIsAskedForAnOrderAgain(t *testing.T) {
	database, conn := sealedDatabase(t)
	kept := catalog.NewOrders()
	w, s := watch(t, cluster, database, catalog.WatchOptions{PollInterval: never, Orders: kept})
	icu := one[uint32](t, conn, collationNamed, "en-x-icu")
	undo := catalog.SlowLearning()
	_, failure := learnt(t, w, icu)
	undo()
	if failure == nil || !strings.Contains(failure.Error(), "statement timeout") {
		t.Fatalf("the server was too slow: %v", failure)
	}
	if _, err := w.Current(); err != nil || s.dial.Load() != 1 {
		t.Errorf("the database counts as out of reach: %v", err)
	}
	// There is a pause, for a watcher that comes later, too; then it is learnt.
	later, _ := watch(t, cluster, database, catalog.WatchOptions{PollInterval: never, Orders: kept})
	if order, failure := learnt(t, later, icu); order == nil && !strings.Contains(failure.Error(), "statement timeout") {
		t.Errorf("it fails otherwise: %v", failure)
	}
	wait(t, "the order is learnt", func() bool { order, _ := learnt(t, w, icu); return order != nil })
}
