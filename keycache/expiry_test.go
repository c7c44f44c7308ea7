package keycache

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

const ttl = 5 * time.Minute

func TestIdleKeyIsErasedWhenItsTimeIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := newTestCache(t, Config{})
		touch(t, c, one)
		time.Sleep(ttl - time.Nanosecond)
		synctest.Wait()
		s.expectOpen(t, 1)
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		s.expectOpen(t, 0)
		if got := c.Stats(); got.Expired != 1 || got.Size != 0 {
			t.Errorf("stats %+v", got)
		}
		touch(t, c, one)
		s.expectCalls(t, 2)
	})
}

func TestKeyInUseIsRefreshedWithoutAnybodyWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := newTestCache(t, Config{})
		first := get(t, c, one)
		defer first.Release()
		s.set(takes(2 * time.Second))
		for range 6 * 60 { // an hour
			time.Sleep(10 * time.Second)
			lease, ok := c.Try(one)
			if !ok {
				t.Fatal("not there")
			}
			if lease.Key() != first.Key() {
				t.Fatal("the same key was opened anew, its subkeys and count of seals lost")
			}
			lease.Release()
		}
		if n := s.calls.Load(); n < 13 || n > 17 {
			t.Errorf("%d unwraps in an hour", n)
		}
		s.expectOpen(t, 1)
	})
}

func TestRefreshThatGivesAnotherKeyReplacesIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := newTestCache(t, Config{})
		old := get(t, c, one)
		other, err := s.Unwrap(t.Context(), ID{"replaced", one.Key})
		if err != nil {
			t.Fatal(err)
		}
		c.source = fixed{other, nil}
		time.Sleep(ttl * 9 / 10)
		touch(t, c, one)
		synctest.Wait()
		lease := get(t, c, one)
		if lease.Key() != other || isErased(old.Key()) {
			t.Error("not replaced, or erased under a lease")
		}
		key := old.Key()
		old.Release()
		lease.Release()
		if !isErased(key) {
			t.Error("the replaced key stays open")
		}
	})
}

func TestTemporaryFailureLetsAKeyServeOnUntilItsGraceIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := newTestCache(t, Config{Grace: 30 * time.Minute})
		touch(t, c, one)
		start := time.Now()
		s.set(func(ctx context.Context, id ID) error {
			_ = takes(time.Second)(ctx, id)
			return fmt.Errorf("%w: KeyUnavailable", ErrTemporary)
		})
		for time.Since(start) < ttl+30*time.Minute-5*time.Second {
			time.Sleep(5 * time.Second)
			if !cached(c, one) {
				t.Fatalf("not there after %v", time.Since(start))
			}
		}
		if n := s.calls.Load(); n < 100 || n > 400 {
			t.Errorf("%d calls of a failing source in half an hour", n)
		}
		if c.Stats().Stale < 300 {
			t.Errorf("stats %+v", c.Stats())
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		s.expectOpen(t, 0)
		if _, err := c.Get(t.Context(), one); !errors.Is(err, ErrTemporary) {
			t.Errorf("Get after the grace: %v", err)
		}
	})
}

func TestExpiredKeyIsNotUsedBeforeTheSourceWasAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := newTestCache(t, Config{Grace: time.Hour})
		touch(t, c, one)
		time.Sleep(ttl)
		if cached(c, one) {
			t.Error("Try leases an expired key that nothing excuses")
		}
		s.fail(ErrTemporary)
		touch(t, c, one) // waits for the answer, then serves on
		s.expectCalls(t, 2)
		if !cached(c, one) {
			t.Error("not there within its grace")
		}
		s.set(nil)
		time.Sleep(time.Minute)
		touch(t, c, one)
		synctest.Wait()
		before := c.Stats().Stale
		touch(t, c, one)
		if c.Stats().Stale != before {
			t.Error("the source is back and the key still counts as stale")
		}
	})
}

func TestWithoutGraceATemporaryFailureEndsUseAtExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := newTestCache(t, Config{})
		touch(t, c, one)
		s.fail(ErrTemporary)
		time.Sleep(ttl * 9 / 10)
		touch(t, c, one)
		synctest.Wait()
		time.Sleep(ttl / 10)
		synctest.Wait()
		s.expectOpen(t, 0)
		if _, err := c.Get(t.Context(), one); !errors.Is(err, ErrTemporary) {
			t.Errorf("Get: %v", err)
		}
	})
}

func TestFinalFailureEndsUseAtOnce(t *testing.T) {
	disabled := fmt.Errorf("%w: Disabled", ErrFinal)
	synctest.Test(t, func(t *testing.T) {
		c, s := newTestCache(t, Config{Grace: time.Hour})
		lease := get(t, c, one)
		s.fail(disabled)
		time.Sleep(ttl * 9 / 10) // refreshed before it expires
		touch(t, c, one)
		synctest.Wait()
		if cached(c, one) {
			t.Error("still there after the refresh was refused")
		}
		if _, err := c.Get(t.Context(), one); !errors.Is(err, ErrFinal) {
			t.Errorf("Get: %v", err)
		}
		s.expectOpen(t, 1)
		lease.Release()
		s.expectOpen(t, 0)
	})
	synctest.Test(t, func(t *testing.T) {
		c, s := newTestCache(t, Config{Grace: time.Hour})
		touch(t, c, one)
		s.fail(ErrTemporary)
		time.Sleep(ttl + time.Minute)
		touch(t, c, one) // stale
		s.fail(disabled)
		time.Sleep(time.Minute)
		touch(t, c, one) // stale, and asks again
		synctest.Wait()
		if cached(c, one) {
			t.Error("serves on within its grace though it was refused")
		}
		s.expectOpen(t, 0)
	})
}

func TestOtherFailureGivesNoGrace(t *testing.T) {
	broken := errors.New("broken row")
	synctest.Test(t, func(t *testing.T) {
		c, s := newTestCache(t, Config{Grace: time.Hour})
		touch(t, c, one)
		s.fail(broken)
		time.Sleep(ttl * 9 / 10)
		touch(t, c, one)
		synctest.Wait()
		if !cached(c, one) {
			t.Error("ended before its time")
		}
		time.Sleep(ttl)
		if _, err := c.Get(t.Context(), one); !errors.Is(err, broken) {
			t.Errorf("Get after the expiry: %v", err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		c, s := newTestCache(t, Config{Grace: time.Hour})
		touch(t, c, one)
		s.fail(ErrTemporary)
		time.Sleep(ttl)
		touch(t, c, one) // on grace
		s.fail(broken)
		time.Sleep(time.Minute)
		touch(t, c, one) // on grace, and asks again
		synctest.Wait()
		if _, err := c.Get(t.Context(), one); !errors.Is(err, broken) {
			t.Errorf("Get after the failure has changed: %v", err)
		}
	})
}
