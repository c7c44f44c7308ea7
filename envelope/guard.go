package envelope

import (
	"runtime"
	"sync/atomic"
)

// guard keeps erasure out while a key is in use. Sealing under a key that is
// being zeroed would seal under a key that everybody knows, so this is not left
// to the callers' discipline.
//
// Users count themselves in and out on the counter of the processor that they
// came in on, because one counter for all processors would cost more than the
// cipher.
type guard struct {
	closed atomic.Bool
	users  [guardCounters]struct {
		n atomic.Int64
		_ [cacheLine - 8]byte
	}
}

const (
	guardCounters = 16 // more processors share them
	cacheLine     = 64
)

// enter returns the counter to hand to leave, or nil if the guard is closed.
func (g *guard) enter() *atomic.Int64 {
	n := &g.users[procPin()%guardCounters].n
	procUnpin()
	n.Add(1)
	if g.closed.Load() {
		n.Add(-1)
		return nil
	}
	return n
}

func leave(n *atomic.Int64) { n.Add(-1) }

// close lets nobody in any more and waits until everybody has left. Users never
// wait for anything but the processor, so this spins.
func (g *guard) close() {
	g.closed.Store(true)
	for i := range g.users {
		for g.users[i].n.Load() != 0 {
			runtime.Gosched()
		}
	}
}
