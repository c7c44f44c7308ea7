package proxy

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"pgseal/session"
)

// A statement that has left the proxy may reach a busy server late, or stand in the queue
// of a pooler. It was planned by what was known then. So before a proxy says that it knows
// of a sealing, it waits until what it had sent before that has been answered.

// longestUnderWay bounds that: what takes longer the server has begun with, unless it is
// overloaded, and the lock that sealing takes is behind it.
const longestUnderWay = 2 * time.Second

// use is a database as one session has it.
type use struct {
	*database
	session *tracked
}

// Session makes the state of the session.
func (u *use) Session() Protocol {
	u.session = &tracked{Protocol: u.database.Session()}
	u.sessions.add(u.session)
	return u.session
}

// Close ends the session's use.
func (u *use) Close() {
	u.sessions.remove(u.session)
	u.database.Close()
}

// tracked is the state of a session that tells whether something is under way.
type tracked struct {
	Protocol
	turns atomic.Uint64 // odd while something is, from before the catalog is looked at
}

func (c *tracked) FromClient(b []byte, out *session.Output) (int, session.Need, error) {
	if c.turns.Load()%2 == 0 {
		c.turns.Add(1)
	}
	n, need, err := c.Protocol.FromClient(b, out)
	c.turn()
	return n, need, err
}

func (c *tracked) FromServer(b []byte, out *session.Output) (int, session.Need, error) {
	n, need, err := c.Protocol.FromServer(b, out)
	c.turn()
	return n, need, err
}

// turn notes that nothing is under way. That is so for a frame that waits for the catalog, a
// key or the rest of it, too: the next call looks at the catalog anew.
func (c *tracked) turn() {
	if c.turns.Load()%2 == 1 && c.Answered() {
		c.turns.Add(1)
	}
}

// sessions are those of one database.
type sessions struct {
	mu  sync.Mutex
	all map[*tracked]struct{}
}

func (s *sessions) add(c *tracked) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = map[*tracked]struct{}{}
	}
	s.all[c] = struct{}{}
}

func (s *sessions) remove(c *tracked) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, c)
}

// underWay are the sessions that have something under way, and the turn that it is in.
func (s *sessions) underWay() map[*tracked]uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := map[*tracked]uint64{}
	for c := range s.all {
		if turn := c.turns.Load(); turn%2 == 1 {
			found[c] = turn
		}
	}
	return found
}

// answered waits until all that is under way has been answered.
func (s *sessions) answered(ctx context.Context) {
	const pause = 2 * time.Millisecond
	ctx, cancel := context.WithTimeout(ctx, longestUnderWay)
	defer cancel()
	for c, turn := range s.underWay() {
		for c.turns.Load() == turn {
			select {
			case <-ctx.Done():
				return
			case <-time.After(pause):
			}
		}
	}
}
