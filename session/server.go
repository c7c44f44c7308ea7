package session

import (
	"strconv"

	"pgseal/wire"
)

func itoa(n int) string { return strconv.Itoa(n) }

// FromServer takes what the server has sent. It consumes n bytes of b. An
// error is a breach of the protocol: a *wire.Error to be sent to the client
// before both connections are closed.
func (s *Session) FromServer(b []byte, out *Output) (n int, need Need, err error) {
	out.reset()
	for {
		if s.server.left > 0 {
			k := min(s.server.left, len(b)-n)
			if !s.server.drop {
				out.client.relay(b, n, n+k)
			}
			n += k
			if s.server.left -= k; s.server.left > 0 {
				return n, Need{}, nil
			}
		}
		typ, size, err := wire.Peek(b[n:])
		if err != nil {
			return n, Need{}, violation("invalid message length from the server")
		}
		if size == 0 {
			return n, Need{}, nil
		}
		if !wire.FromServer(typ) {
			return n, Need{}, violation("invalid message type " + itoa(int(typ)) + " from the server")
		}
		act, need, err := s.serverFrame(typ, size, b[n:min(n+size, len(b))], out)
		if err != nil || act == wait {
			return n, need, err
		}
		s.server = pending{left: size, drop: act == drop}
	}
}

// front is the request that the server is answering, nil if there is none.
func (s *Session) front() *request {
	for s.fifo.len() > 0 {
		if r := s.fifo.at(0); r.kind != copyEnd {
			return r
		}
		s.fifo.pop() // the server ignores it outside a COPY
	}
	return nil
}

// serverFrame looks at one frame, of which b is as much as has been read.
func (s *Session) serverFrame(typ byte, size int, b []byte, out *Output) (action, Need, error) {
	if s.raw {
		return relay, Need{}, nil
	}
	switch typ {
	case wire.TypeParseComplete:
		return relay, Need{}, s.complete(parse)
	case wire.TypeBindComplete:
		return relay, Need{}, s.complete(bind)
	case wire.TypeCloseComplete:
		return relay, Need{}, s.complete(closeTarget)
	case wire.TypeRowDescription, wire.TypeNoData:
		if r := s.front(); r != nil && (r.kind == describeStatement || r.kind == describePortal) {
			s.fifo.pop()
		}
	case wire.TypeCommandComplete, wire.TypeEmptyQueryResponse, wire.TypePortalSuspended:
		s.copyIn = false
		if r := s.front(); r != nil && r.kind == execute {
			s.fifo.pop()
		}
	case wire.TypeCopyInResponse:
		s.beginCopyIn()
	case wire.TypeCopyBothResponse:
		s.raw = true
	case wire.TypeErrorResponse:
		s.failed()
	case wire.TypeReadyForQuery:
		if len(b) < size {
			return wait, Need{}, nil
		}
		return relay, Need{}, s.ready(b[wire.HeaderLen])
	}
	return relay, Need{}, nil
}

// complete ends the request at the front, which must be of that kind.
func (s *Session) complete(k kind) error {
	r := s.front()
	if r == nil || r.kind != k {
		return violation("the server answered what nobody asked")
	}
	s.fifo.pop()
	return nil
}

// beginCopyIn follows the server into reading COPY data. It ignores a Sync that
// came before the CopyDone, so nothing will answer it.
func (s *Session) beginCopyIn() {
	for s.fifo.len() > 1 {
		switch s.fifo.at(1).kind {
		case syncPoint:
			s.swallowedSyncs++
			s.fifo.remove(1)
			continue
		case copyEnd:
			s.fifo.remove(1)
		}
		return
	}
	s.copyIn = true
}

// failed follows the server after an ErrorResponse: in the extended protocol it
// skips to the next Sync.
func (s *Session) failed() {
	s.copyIn = false
	r := s.front()
	if r == nil || r.kind == query || r.kind == call || r.kind == syncPoint {
		return
	}
	for s.fifo.len() > 0 && s.fifo.at(0).kind != syncPoint {
		s.fifo.pop()
	}
	s.skipping = s.fifo.len() == 0
}

// ready follows a ReadyForQuery.
func (s *Session) ready(status byte) error {
	s.status = status
	r := s.front()
	switch {
	case r != nil && (r.kind == query || r.kind == call || r.kind == syncPoint):
		s.fifo.pop()
	case r == nil && s.swallowedSyncs > 0:
		s.swallowedSyncs--
		s.skipping = false
	default:
		return violation("the server answered what nobody asked")
	}
	return nil
}
