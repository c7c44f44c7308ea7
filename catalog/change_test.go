package catalog_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgseal/catalog"
)

func TestAnAnnouncedChangeIsKnownToEveryWatcherBeforeItBegins(t *testing.T) {
	database, conn := sealedDatabase(t)
	mustExec(t, conn, `CREATE TABLE announced (a text)`)
	first, _ := watch(t, cluster, database, catalog.WatchOptions{})
	second, _ := watch(t, cluster, database, catalog.WatchOptions{})
	refresh(t, first)
	refresh(t, second)
	oid := one[uint32](t, conn, `SELECT 'announced'::regclass::oid`)

	end, err := catalog.Announce(t.Context(), conn, []uint32{oid})
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range []*catalog.Watcher{first, second} {
		s, err := w.Current() // not Refresh: it must know already
		if err != nil {
			t.Fatal(err)
		}
		if s.Empty() || s.InFlux() == nil || !s.InFlux().Word("announced") || !s.Word("announced") {
			t.Fatal("a watcher does not know of the change after Announce has returned")
		}
	}
	if err := end(t.Context()); err != nil {
		t.Fatal(err)
	}
	wait(t, "the end of the change to be known", func() bool {
		s, err := first.Current()
		return err == nil && s.InFlux() == nil
	})
}

func TestAChangeIsAcknowledgedWhenWhatWasSentBeforeHasBeenAnswered(t *testing.T) {
	database, conn := sealedDatabase(t)
	mustExec(t, conn, `CREATE TABLE announced (a text)`)
	called, release, returned := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	w, _ := watch(t, cluster, database, catalog.WatchOptions{Answered: func(context.Context) { close(called); <-release }})
	refresh(t, w)
	oid := one[uint32](t, conn, `SELECT 'announced'::regclass::oid`)
	go func() {
		_, err := catalog.Announce(t.Context(), conn, []uint32{oid})
		returned <- err
	}()
	<-called
	if s, err := w.Current(); err != nil || s.InFlux() == nil {
		t.Errorf("what is sent from here on does not know of the change, %v", err)
	}
	for range 3 { // a round acknowledges behind its answers
		refresh(t, w)
	}
	select {
	case err := <-returned:
		t.Fatalf("the change was acknowledged, %v", err)
	default:
	}
	close(release)
	if err := <-returned; err != nil {
		t.Fatal(err)
	}
}

// A round that begins before a change is committed and looks for its lock when that is gone
// has the catalog of before.
func TestAChangeThatEndsWithinARoundIsKnown(t *testing.T) {
	database, conn := sealedDatabase(t)
	mustExec(t, conn, `CREATE TABLE announced (a bytea)`)
	w, _ := watch(t, cluster, database, catalog.WatchOptions{})
	refresh(t, w)
	end, err := catalog.Announce(t.Context(), conn, []uint32{one[uint32](t, conn, `SELECT 'announced'::regclass::oid`)})
	if err != nil {
		t.Fatal(err)
	}
	holder := connect(t, cluster, database, owner)
	mustExec(t, holder, `BEGIN; LOCK TABLE pgseal.sealed_column IN ACCESS EXCLUSIVE MODE`)
	result := make(chan *catalog.Snapshot, 1)
	go func() {
		s, err := w.Refresh(t.Context())
		if err != nil {
			t.Error(err)
		}
		result <- s
	}()
	wait(t, "the round to be under way", func() bool {
		return one[bool](t, conn, `SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'pgseal.sealed_column'::regclass)`)
	})
	mustExec(t, conn, `ALTER TABLE announced ALTER a TYPE pgseal_column.public_users_note`)
	if err := end(t.Context()); err != nil {
		t.Fatal(err)
	}
	mustExec(t, holder, `COMMIT`)
	if s := <-result; s != nil && s.InFlux() == nil && !s.Word("announced") {
		t.Error("the change is over, and what it has changed is not known")
	}
}

func TestAChangeWhoseConnectionBrokeHoldsNobodyUp(t *testing.T) {
	database, conn := sealedDatabase(t)
	mustExec(t, conn, `CREATE TABLE announced (a text)`)
	w, _ := watch(t, cluster, database, catalog.WatchOptions{})
	refresh(t, w)
	if _, err := catalog.Announce(t.Context(), conn, []uint32{one[uint32](t, conn, `SELECT 'announced'::regclass::oid`)}); err != nil {
		t.Fatal(err)
	}
	conn.Close(t.Context())
	wait(t, "the change to be forgotten", func() bool {
		s, err := w.Current()
		return err == nil && s.InFlux() == nil
	})
}

func TestAnAnnouncementWaitsForAProxyThatDoesNotAnswer(t *testing.T) {
	database, conn := sealedDatabase(t)
	deaf := connect(t, cluster, database, "postgres")
	mustExec(t, deaf, `SET application_name = 'pgseal catalog'`)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		wait(t, "the announcement to be made", func() bool {
			return one[int](t, deaf, `SELECT count(*)::int FROM pgseal.change`) == 1
		})
		cancel()
	}()
	if _, err := catalog.Announce(ctx, conn, []uint32{1}); !errors.Is(err, context.Canceled) {
		t.Fatalf("Announce returned %v while a proxy had not answered", err)
	}
}

func TestAProxyThatNeverAnswersIsNamed(t *testing.T) {
	defer catalog.AcknowledgeIn(500 * time.Millisecond)()
	database, conn := sealedDatabase(t)
	deaf := connect(t, cluster, database, "postgres")
	mustExec(t, deaf, `SET application_name = 'pgseal catalog'`)
	// The wait ends in the middle of a question.
	mustExec(t, conn, `CREATE SCHEMA slow; CREATE FUNCTION slow.substr(text, int) RETURNS text LANGUAGE sql
		AS $$SELECT pg_catalog.substr($1, $2) FROM pg_catalog.pg_sleep(0.7)$$; SET search_path = slow, pg_catalog`)
	pid := one[int](t, deaf, `SELECT pg_backend_pid()`)
	_, err := catalog.Announce(t.Context(), conn, []uint32{1})
	if !errors.Is(err, catalog.ErrNotAcknowledged) || !strings.HasSuffix(err.Error(), fmt.Sprintf("backend %d", pid)) {
		t.Errorf("Announce returned %v, and the proxy is backend %d", err, pid)
	}
	if n := one[int](t, conn, `SELECT count(*)::int FROM pgseal.change`); n != 0 {
		t.Errorf("%d changes are announced still", n)
	}
}
