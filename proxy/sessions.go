package proxy

import (
	"context"
	"runtime/debug"
	"sync"
	"time"
)

func (s *Server) add(r *relay) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.relays[r] = struct{}{}
}

// remove forgets a session that has ended, but not what it has moved.
func (s *Server) remove(r *relay) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.relays, r)
	s.count.moved.add(r)
}

func (s *Server) sessions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.relays)
}

// all returns the sessions of this moment.
func (s *Server) all() []*relay {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*relay, 0, len(s.relays))
	for r := range s.relays {
		all = append(all, r)
	}
	return all
}

// drainPoll is how often a session that is to end is asked whether it can.
const drainPoll = 20 * time.Millisecond

// drain ends each session as soon as it is idle, and after DrainTimeout in any
// case. It returns when no client is left, or none will stay for long.
func (s *Server) drain() {
	none := make(chan struct{})
	go func() {
		s.clients.Wait()
		close(none)
	}()
	deadline := time.NewTimer(s.config.DrainTimeout)
	defer deadline.Stop()
	tick := time.NewTicker(drainPoll)
	defer tick.Stop()
	for {
		// A session on its own goroutine: telling a client that does not read
		// takes a while.
		var ends sync.WaitGroup
		for _, r := range s.all() {
			ends.Go(func() { r.engine.endIfIdle(errTerminated) })
		}
		ends.Wait()
		select {
		case <-none:
			return
		case <-deadline.C:
			for _, r := range s.all() {
				ends.Go(func() { r.engine.cut(errTerminated) })
			}
			ends.Wait()
			return
		case <-tick.C:
		}
	}
}

// quiet is how long a session must have been without a byte before it gives
// back what it has grown, and how often the sweeper looks.
const quiet = 5 * time.Second

// sweep gives back what idle sessions hold, and ends those that have been idle
// for too long.
func (s *Server) sweep(ctx context.Context) {
	every := quiet
	if t := s.config.IdleTimeout; t > 0 {
		every = min(every, t/4)
	}
	tick := time.NewTicker(max(every, time.Millisecond))
	defer tick.Stop()
	garbage := false
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			busy := false
			for _, r := range s.all() {
				if s.sweepOne(r, now) {
					busy, garbage = true, true
				}
			}
			// What sessions have left behind would stay in memory until others
			// need as much again. With nothing to do, clearing it costs nobody
			// anything.
			if garbage && !busy {
				debug.FreeOSMemory()
				garbage = false
			}
		}
	}
}

// sweepOne reports whether the session has been busy, or still holds what it has
// needed for it.
func (s *Server) sweepOne(r *relay, now time.Time) (busy bool) {
	received := r.client.received.Load() + r.server.received.Load()
	if received != r.lastReceived || r.lastChange.IsZero() {
		r.lastReceived, r.lastChange, r.released = received, now, false
		return true
	}
	idle := now.Sub(r.lastChange)
	if idle >= quiet && !r.released {
		r.released = r.engine.letGo()
	}
	if t := s.config.IdleTimeout; t > 0 && idle >= t {
		r.engine.endIfIdle(errIdleTooLong)
	}
	return idle < quiet
}
