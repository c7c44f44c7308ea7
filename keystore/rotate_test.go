package keystore_test

import (
	"errors"
	"sync"
	"testing"

	"pgseal/keycache"
	"pgseal/keystore"
	"pgseal/kmsdev/kmsfault"
)

func TestRotateMakesANewActiveVersionAndKeepsTheFormerOpen(t *testing.T) {
	w := newWorld(t)
	p := w.provision("users")
	s := w.store()
	k, err := s.Rotate(t.Context(), p.ID)
	if err != nil {
		t.Fatal(err)
	}
	if k.Version != 2 || k.State != keystore.StateActive || k.Purpose != keystore.PurposeSeal || k.ID == p.Seal.ID {
		t.Errorf("got %+v", k)
	}
	if got := one[string](w, `SELECT state || (superseded_at IS NOT NULL) FROM pgseal.keys WHERE key_id = $1`, p.Seal.ID); got != "open-onlytrue" {
		t.Errorf("the former key is %s", got)
	}
	if w.opens(s, k.ID) == w.opens(s, p.Seal.ID) {
		t.Error("both versions are the same key")
	}
	if again := w.provision("users"); again.Seal.ID != k.ID || again.Index.ID != p.Index.ID {
		t.Errorf("after the rotation: %+v", again)
	}
	_, err = s.Rotate(t.Context(), 99)
	w.refused(err, keystore.ErrUnknownKey, "99")
}

// The barrier is KMS: both have read version 1 before either writes version 2.
func TestOfTwoRotationsAtOnceOneWins(t *testing.T) {
	w := newWorld(t)
	p := w.provision("users")
	const made = 2 // requests of Provision
	release := make(chan struct{})
	w.faults.Hold("GenerateDataKeyWithoutPlaintext", release)
	var wg sync.WaitGroup
	errs := make([]error, 2)
	for i := range errs {
		wg.Go(func() { _, errs[i] = w.store().Rotate(t.Context(), p.ID) })
	}
	if err := w.faults.Await(t.Context(), "GenerateDataKeyWithoutPlaintext", made+2); err != nil {
		t.Fatal(err)
	}
	close(release)
	wg.Wait()
	if (errs[0] == nil) == (errs[1] == nil) {
		t.Fatalf("got %v and %v", errs[0], errs[1])
	}
	w.refused(errors.Join(errs...), keystore.ErrConcurrentRotation, "version 2", "public.users", "pgseal.keys")
	if got := one[string](w, `SELECT string_agg(version || ' ' || state, ', ' ORDER BY version) FROM pgseal.keys WHERE purpose = 'seal'`); got != "1 open-only, 2 active" {
		t.Errorf("the keys are %s", got)
	}
}

func TestAFailedRotationChangesNothing(t *testing.T) {
	w := newWorld(t)
	p := w.provision("users")
	w.faults.Fail(kmsfault.Any, 1, kmsfault.AccessDenied)
	_, err := w.store().Rotate(t.Context(), p.ID)
	w.refused(err, keycache.ErrFinal, "public.users", "IAM policy")
	if again := w.provision("users"); again.Seal.ID != p.Seal.ID {
		t.Error("the key has changed")
	}
}

func TestQueuedRotationsAreCarriedOutOnce(t *testing.T) {
	w := newWorld(t)
	w.provision("users")
	w.provision("orders")
	w.exec(`SELECT pgseal.rotate_key('users')`)
	w.exec(`SELECT pgseal.rotate_key('orders')`)
	w.exec(`SELECT pgseal.grant_proxy('proxy')`)
	var wg sync.WaitGroup
	for range 3 {
		s := w.storeOn(w.connect("proxy"), keystore.Options{Worker: "proxy 1"})
		wg.Go(func() {
			if err := s.RunJobs(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if err := w.store().RunJobs(t.Context()); err != nil { // those that another was at when all returned
		t.Fatal(err)
	}
	if got := one[string](w, `SELECT string_agg(concat_ws(' ', table_name, state, done, total, worker, finished_at >= started_at), ', ' ORDER BY job_id) FROM pgseal.jobs`); got !=
		"users done 1 1 proxy 1 t, orders done 1 1 proxy 1 t" {
		t.Errorf("the jobs are %s", got)
	}
	if got := one[string](w, `SELECT string_agg(table_name || version || ' ' || state, ', ' ORDER BY table_name, version) FROM pgseal.keys WHERE purpose = 'seal'`); got !=
		"orders1 open-only, orders2 active, users1 open-only, users2 active" {
		t.Errorf("the keys are %s", got)
	}
	w.exec(`SELECT pgseal.rotate_key('users')`) // may be asked for again
}

func TestAJobThatKMSRefusesIsMarkedAndOneThatMustWaitIsNot(t *testing.T) {
	w := newWorld(t)
	w.provision("users")
	w.provision("orders")
	w.exec(`SELECT pgseal.rotate_key('users')`)
	w.exec(`SELECT pgseal.rotate_key('orders')`)
	w.faults.Fail("GenerateDataKeyWithoutPlaintext", 1, kmsfault.Throttled)
	if err := w.store().RunJobs(t.Context()); !errors.Is(err, keycache.ErrTemporary) {
		t.Errorf("got %v", err)
	}
	if n := one[int](w, `SELECT count(*) FROM pgseal.job WHERE state = 'queued'`); n != 2 {
		t.Errorf("%d jobs wait", n)
	}
	w.faults.Fail("GenerateDataKeyWithoutPlaintext", 1, kmsfault.AccessDenied)
	if err := w.store().RunJobs(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := one[string](w, `SELECT string_agg(table_name || ' ' || state, ', ' ORDER BY job_id) FROM pgseal.jobs`); got != "users failed, orders done" {
		t.Errorf("the jobs are %s", got)
	}
	if n := one[int](w, `SELECT count(*) FROM pgseal.jobs WHERE message LIKE '%public.users%IAM policy%'`); n != 1 {
		t.Errorf("the failed job says: %s", one[string](w, `SELECT message FROM pgseal.jobs WHERE state = 'failed'`))
	}
	if got := one[string](w, `SELECT state FROM pgseal.keys WHERE table_name = 'users' AND purpose = 'seal'`); got != "active" {
		t.Errorf("the key of the failed job is %s", got)
	}
}
