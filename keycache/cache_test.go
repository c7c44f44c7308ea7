package keycache

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestKeyIsUnwrappedOnceAndThenThere(t *testing.T) {
	c, s := newTestCache(t, Config{})
	if cached(c, one) {
		t.Error("a key is there that nobody asked for")
	}
	for range 3 {
		touch(t, c, one)
	}
	if !cached(c, one) || cached(c, two) || cached(c, three) {
		t.Error("the wrong keys are there")
	}
	s.expectCalls(t, 1)
	if got, want := c.Stats(), (Stats{Hits: 3, Misses: 1, Unwraps: 1, Size: 1}); got != want {
		t.Errorf("stats %+v, want %+v", got, want)
	}
}

func TestThousandConcurrentMissesMakeOneUnwrap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := newTestCache(t, Config{})
		s.set(takes(time.Second))
		var users sync.WaitGroup
		for range 1000 {
			users.Go(func() { touch(t, c, one) })
		}
		users.Wait()
		s.expectCalls(t, 1)
		if got := c.Stats(); got.Misses != 1000 || got.Unwraps != 1 {
			t.Errorf("stats %+v", got)
		}
		c.Purge()
		s.expectOpen(t, 0)
	})
}

func TestLeastRecentlyUsedKeyMakesRoomAndIsErased(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := newTestCache(t, Config{Size: 2})
		touch(t, c, one)
		touch(t, c, two)
		touch(t, c, one)
		touch(t, c, three)
		if !cached(c, one) || cached(c, two) || !cached(c, three) {
			t.Error("another than the least recently used was evicted")
		}
		synctest.Wait() // for what has unwrapped the third, which erases the second when all have the third
		s.expectOpen(t, 2)
		if got := c.Stats(); got.Evictions != 1 || got.Size != 2 {
			t.Errorf("stats %+v", got)
		}
		c.Purge()
		s.expectOpen(t, 0)
	})
}

func TestLeasedKeyWorksUntilReleasedWhateverBecomesOfIt(t *testing.T) {
	for name, remove := range map[string]func(*Cache){
		"eviction":     func(c *Cache) { touch(t, c, three) },
		"Drop":         func(c *Cache) { c.Drop(one) },
		"DropDatabase": func(c *Cache) { c.DropDatabase(one.Database) },
		"Purge":        func(c *Cache) { c.Purge() },
		"Close":        func(c *Cache) { c.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, s := newTestCache(t, Config{Size: 1})
				first, second := get(t, c, one), get(t, c, one)
				env, err := first.Key().Seal(nil, 1, 0, nil, []byte("value"))
				if err != nil {
					t.Fatal(err)
				}
				remove(c)
				synctest.Wait() // for what has unwrapped a key, which erases those that make room for it
				if cached(c, one) {
					t.Error("the key is still there")
				}
				if name != "Close" {
					fresh := get(t, c, one)
					if fresh.Key() == first.Key() {
						t.Error("a new user got the key that was removed")
					}
					fresh.Release()
				}
				first.Release()
				key := second.Key()
				if got, err := key.Open(nil, 1, env); err != nil || string(got) != "value" {
					t.Errorf("a leased key does not open: %v", err)
				}
				second.Release()
				synctest.Wait()
				if !isErased(key) {
					t.Error("not erased after the last release")
				}
				c.Close()
				synctest.Wait()
				s.expectOpen(t, 0)
			})
		})
	}
}

func TestReleasingTwiceTakesNobodysLease(t *testing.T) {
	c, _ := newTestCache(t, Config{})
	first, second := get(t, c, one), get(t, c, one)
	first.Release()
	first.Release()
	c.Drop(one)
	if isErased(second.Key()) {
		t.Error("the second lease's key was erased")
	}
	second.Release()
	if first.Key() != nil {
		t.Error("a released lease has a key")
	}
	new(Lease).Release()
}

func TestDropDatabaseLeavesOthers(t *testing.T) {
	c, _ := newTestCache(t, Config{})
	for _, id := range []ID{one, two, three} {
		touch(t, c, id)
	}
	c.DropDatabase("shop")
	if cached(c, one) || cached(c, two) || !cached(c, three) {
		t.Error("the wrong keys are there")
	}
}

func TestClosedCacheRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := newTestCache(t, Config{})
		touch(t, c, one)
		s.set(takes(time.Hour))
		waited := make(chan error)
		go func() {
			_, err := c.Get(context.Background(), two)
			waited <- err
		}()
		synctest.Wait()
		c.Close()
		c.Close()
		if err := <-waited; !errors.Is(err, ErrClosed) {
			t.Errorf("who was waiting got %v", err)
		}
		if _, err := c.Get(context.Background(), one); !errors.Is(err, ErrClosed) {
			t.Errorf("Get: %v", err)
		}
		if cached(c, one) {
			t.Error("Try leases")
		}
		s.expectOpen(t, 0)
	})
}

func TestSealsAreCountedBeyondAKeysTimeInTheCache(t *testing.T) {
	c, _ := newTestCache(t, Config{})
	for i := range 3 {
		lease := get(t, c, one)
		for range i + 1 {
			if _, err := lease.Key().Seal(nil, 1, 0, nil, nil); err != nil {
				t.Fatal(err)
			}
		}
		lease.Release()
		if i < 2 {
			c.Drop(one)
		}
	}
	touch(t, c, two)
	if got := fmt.Sprint(c.Seals()); got != "map[{shop 1}:6]" {
		t.Errorf("seals %v", got)
	}
}

func TestSourceMustReturnTheKeyAskedFor(t *testing.T) {
	c, s := newTestCache(t, Config{})
	wrong, err := s.Unwrap(t.Context(), two)
	if err != nil {
		t.Fatal(err)
	}
	c.source = fixed{wrong, nil}
	if _, err := c.Get(t.Context(), one); err == nil || !isErased(wrong) {
		t.Errorf("a foreign key was leased or left open: %v", err)
	}
	c.source = fixed{}
	if _, err := c.Get(t.Context(), two); err == nil {
		t.Error("no key and no error was taken for a key")
	}
}

func TestConfigIsChecked(t *testing.T) {
	for _, config := range []Config{{Size: -1}, {TTL: -1}, {Grace: -1}, {UnwrapTimeout: -1}} {
		if _, err := New(new(testSource), config); err == nil {
			t.Errorf("accepted %+v", config)
		}
	}
}

func TestTryDoesNotAllocate(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector allocates")
	}
	c, _ := newTestCache(t, Config{})
	touch(t, c, one)
	if n := testing.AllocsPerRun(1000, func() {
		lease, _ := c.Try(one)
		lease.Release()
		lease, _ = c.Try(two)
		lease.Release()
	}); n != 0 {
		t.Errorf("allocates %v times", n)
	}
}

// Everything at once, on a clock that runs: no lease ever has an erased key,
// and in the end none is open.
func TestConcurrentUse(t *testing.T) {
	c, s := newTestCache(t, Config{Size: 3, TTL: 2 * time.Millisecond, Grace: time.Millisecond, UnwrapTimeout: 50 * time.Millisecond})
	s.set(func(_ context.Context, id ID) error {
		switch n := s.calls.Load() % 17; {
		case n == 3:
			return ErrFinal
		case n%5 == 2:
			return ErrTemporary
		case n == 11:
			return errors.New("other")
		}
		return nil
	})
	var users sync.WaitGroup
	for g := range 8 {
		users.Go(func() {
			for i := range 1000 {
				id := ID{"shop", uint32((g + i) % 5)}
				lease, ok := c.Try(id)
				if !ok {
					ctx, cancel := context.WithTimeout(context.Background(), time.Duration(i%7)*time.Millisecond)
					lease, _ = c.Get(ctx, id)
					cancel()
				}
				if k := lease.Key(); k != nil {
					env, err := k.Seal(nil, 1, 0, nil, []byte("value"))
					if err != nil {
						t.Errorf("seal under a lease: %v", err)
					} else if _, err := k.Open(nil, 1, env); err != nil {
						t.Errorf("open under a lease: %v", err)
					}
				}
				lease.Release()
				switch (g*1000 + i) % 500 {
				case 0:
					c.Drop(id)
				case 100:
					c.Purge()
				case 200:
					c.DropDatabase("shop")
				case 300:
					c.Stats()
					c.Seals()
				}
			}
		})
	}
	users.Wait()
	c.Close()
	for deadline := time.Now().Add(10 * time.Second); s.open() > 0 && time.Now().Before(deadline); {
		runtime.Gosched() // unwraps that were on their way land, and their keys are erased
	}
	s.expectOpen(t, 0)
}

func BenchmarkTry(b *testing.B) {
	c, _ := newTestCache(b, Config{})
	touch(b, c, one)
	for b.Loop() {
		lease, _ := c.Try(one)
		lease.Release()
	}
}

func BenchmarkTryParallel(b *testing.B) {
	c, _ := newTestCache(b, Config{})
	touch(b, c, one)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			lease, _ := c.Try(one)
			lease.Release()
		}
	})
}
