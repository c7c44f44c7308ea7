package keycache

import (
	"context"
	"encoding/binary"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgseal/envelope"
)

// testSource unwraps keys as answer says, or at once.
type testSource struct {
	calls atomic.Int64

	mu     sync.Mutex
	answer func(ctx context.Context, id ID) error
	keys   []*envelope.Key
}

func (s *testSource) Unwrap(ctx context.Context, id ID) (*envelope.Key, error) {
	s.calls.Add(1)
	s.mu.Lock()
	answer := s.answer
	s.mu.Unlock()
	if answer != nil {
		if err := answer(ctx, id); err != nil {
			return nil, err
		}
	}
	k, err := envelope.NewKey(id.Key, material(id))
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys = append(s.keys, k)
	return k, nil
}

func (s *testSource) set(answer func(ctx context.Context, id ID) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

func (s *testSource) fail(err error) {
	s.set(func(context.Context, ID) error { return err })
}

// open returns how many of the keys that were handed out are not erased.
func (s *testSource) open() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.keys {
		if !isErased(k) {
			n++
		}
	}
	return n
}

func isErased(k *envelope.Key) bool {
	_, err := k.EqualityTerm(nil, 1, nil)
	return errors.Is(err, envelope.ErrErased)
}

func material(id ID) []byte {
	m := make([]byte, 32)
	copy(m[4:], id.Database)
	binary.BigEndian.PutUint32(m, id.Key)
	return m
}

// takes answers after a while, unless the context ends first.
func takes(d time.Duration) func(context.Context, ID) error {
	return func(ctx context.Context, _ ID) error {
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func newTestCache(t testing.TB, config Config) (*Cache, *testSource) {
	t.Helper()
	s := new(testSource)
	c, err := New(s, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		for _, k := range s.keys {
			k.Erase()
		}
	})
	return c, s
}

var one, two, three = ID{"shop", 1}, ID{"shop", 2}, ID{"bank", 1}

func get(t testing.TB, c *Cache, id ID) Lease {
	t.Helper()
	lease, err := c.Get(context.Background(), id)
	if err != nil {
		t.Fatalf("Get: %v", err)
	}
	if lease.Key().ID() != id.Key || isErased(lease.Key()) {
		t.Fatalf("lease on another key, or an erased one")
	}
	return lease
}

// touch gets a key and releases it.
func touch(t testing.TB, c *Cache, id ID) {
	t.Helper()
	lease := get(t, c, id)
	lease.Release()
}

// cached reports whether a key can be had without the source.
func cached(c *Cache, id ID) bool {
	lease, ok := c.Try(id)
	lease.Release()
	return ok
}

func (s *testSource) expectCalls(t testing.TB, want int64) {
	t.Helper()
	if got := s.calls.Load(); got != want {
		t.Errorf("%d calls of the source, want %d", got, want)
	}
}

func (s *testSource) expectOpen(t testing.TB, want int) {
	t.Helper()
	if got := s.open(); got != want {
		t.Errorf("%d keys open, want %d", got, want)
	}
}
