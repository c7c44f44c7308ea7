package keycache

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"pgseal/envelope"
)

// fixed gives the same answer to all.
type fixed struct {
	key *envelope.Key
	err error
}

func (f fixed) Unwrap(context.Context, ID) (*envelope.Key, error) { return f.key, f.err }

func TestWaitingEndsWithTheCallersContextAndTheKeyIsCachedLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := newTestCache(t, Config{})
		s.set(takes(5 * time.Second))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		if _, err := c.Get(ctx, one); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		time.Sleep(5 * time.Second)
		if !cached(c, one) {
			t.Error("the late key is not there")
		}
		c.Purge()
		s.expectOpen(t, 0)
		s.expectCalls(t, 1)
	})
}

func TestSourceThatOverstaysItsDeadlineKeepsNobodyWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := newTestCache(t, Config{})
		s.set(func(context.Context, ID) error { time.Sleep(time.Minute); return nil })
		start := time.Now()
		if _, err := c.Get(t.Context(), one); !errors.Is(err, ErrTemporary) || time.Since(start) != defaultUnwrapTimeout {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		time.Sleep(time.Minute)
		if !cached(c, one) {
			t.Error("the late key is not there")
		}
	})
}

func TestFinalAnswerCountsEvenWhenLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := newTestCache(t, Config{Grace: time.Hour})
		touch(t, c, one)
		s.set(func(context.Context, ID) error { time.Sleep(time.Minute); return ErrFinal })
		time.Sleep(ttl)
		touch(t, c, one) // on grace, after the deadline
		time.Sleep(time.Minute)
		synctest.Wait()
		s.expectOpen(t, 0)
	})
}

func TestTemporaryFailureIsRetriedWithinTheUnwrapsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := newTestCache(t, Config{})
		s.set(func(context.Context, ID) error {
			if s.calls.Load() < 4 {
				return ErrTemporary
			}
			return nil
		})
		touch(t, c, one)
		s.expectCalls(t, 4)
		if got := c.Stats(); got.Unwraps != 4 || got.Failures != 3 || got.Misses != 1 {
			t.Errorf("stats %+v", got)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		c, s := newTestCache(t, Config{})
		s.fail(ErrTemporary)
		start := time.Now()
		if _, err := c.Get(t.Context(), one); !errors.Is(err, ErrTemporary) || time.Since(start) != defaultUnwrapTimeout {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		if n := s.calls.Load(); n < 5 || n > 15 {
			t.Errorf("%d attempts in %v", n, defaultUnwrapTimeout)
		}
	})
}

func TestFailureAnswersForAMomentOnly(t *testing.T) {
	for _, failure := range []error{ErrFinal, errors.New("other")} {
		synctest.Test(t, func(t *testing.T) {
			c, s := newTestCache(t, Config{})
			s.fail(failure)
			for range 1000 {
				if _, err := c.Get(t.Context(), one); !errors.Is(err, failure) {
					t.Fatalf("Get: %v", err)
				}
			}
			s.expectCalls(t, 1)
			s.set(nil)
			touch(t, c, two)
			time.Sleep(negativeWindow)
			synctest.Wait()
			touch(t, c, one)
		})
	}
}

func TestKeyUnwrappedBeforeADropIsNotCachedAfterIt(t *testing.T) {
	for name, drop := range map[string]func(*Cache){
		"Drop":         func(c *Cache) { c.Drop(one) },
		"DropDatabase": func(c *Cache) { c.DropDatabase("shop") },
		"Purge":        func(c *Cache) { c.Purge() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, s := newTestCache(t, Config{})
				s.set(takes(time.Second))
				early := make(chan Lease)
				go func() { early <- get(t, c, one) }()
				synctest.Wait()
				drop(c)
				later := make(chan Lease)
				go func() { later <- get(t, c, one) }()
				a, b := <-early, <-later
				if a.Key() == b.Key() {
					t.Error("who came after it got the key from before it")
				}
				s.expectCalls(t, 2)
				a.Release()
				s.expectOpen(t, 1)
				b.Release()
				if !cached(c, one) {
					t.Error("the key from after it is not there")
				}
			})
		})
	}
}

// The unwrap that was to refresh a key fails after the key has gone: who waited
// for it gets an unwrap with all its attempts.
func TestWaiterOutlivesAFailedRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := newTestCache(t, Config{TTL: 20 * time.Second})
		touch(t, c, one)
		s.set(func(context.Context, ID) error {
			if s.calls.Load() == 2 {
				time.Sleep(5 * time.Second)
				return ErrTemporary
			}
			return nil
		})
		time.Sleep(18 * time.Second)
		touch(t, c, one)
		time.Sleep(3 * time.Second)
		if cached(c, one) {
			t.Error("expired, and still there")
		}
		touch(t, c, one)
		s.expectCalls(t, 3)
	})
}
