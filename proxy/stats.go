package proxy

import "sync/atomic"

// counters are the totals of a Server.
type counters struct {
	accepted, refused, cancels atomic.Uint64
	moved                      traffic // of sessions that have ended
}

// traffic counts bytes by where they were received and sent.
type traffic struct {
	fromClient, toClient, fromServer, toServer uint64
}

func (t *traffic) add(r *relay) {
	t.fromClient += r.client.received.Load()
	t.toClient += r.client.sent.Load()
	t.fromServer += r.server.received.Load()
	t.toServer += r.server.sent.Load()
}

// Stats is what a Server has done since it was made.
type Stats struct {
	Sessions       int    // running now
	MaxConnections int    // the limit on them
	Accepted       uint64 // connections accepted
	Refused        uint64 // connections that ended before they were a session
	Cancels        uint64 // cancel requests received
	Draining       bool

	// Bytes of sessions, without their startup.
	FromClients, ToClients, FromServer, ToServer uint64
}

// Stats may be called at any time.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	moved := s.count.moved
	for r := range s.relays {
		moved.add(r)
	}
	return Stats{
		Sessions:       len(s.relays),
		MaxConnections: s.config.MaxConnections,
		Accepted:       s.count.accepted.Load(),
		Refused:        s.count.refused.Load(),
		Cancels:        s.count.cancels.Load(),
		Draining:       s.draining.Load(),
		FromClients:    moved.fromClient,
		ToClients:      moved.toClient,
		FromServer:     moved.fromServer,
		ToServer:       moved.toServer,
	}
}
