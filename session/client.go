package session

import "pgseal/wire"

// FromClient takes what the client has sent. It consumes n bytes of b. An
// error is a breach of the protocol: a *wire.Error to be sent to the client
// before both connections are closed.
func (s *Session) FromClient(b []byte, out *Output) (n int, need Need, err error) {
	out.reset()
	for {
		if s.client.left > 0 {
			k := min(s.client.left, len(b)-n)
			if !s.client.drop {
				out.server.relay(b, n, n+k)
			}
			n += k
			if s.client.left -= k; s.client.left > 0 {
				return n, Need{}, nil
			}
		}
		typ, size, err := wire.Peek(b[n:])
		if err != nil {
			return n, Need{}, violation("invalid message length")
		}
		if size == 0 {
			return n, Need{}, nil
		}
		if !wire.FromClient(typ) {
			return n, Need{}, violation("invalid frontend message type " + itoa(int(typ)))
		}
		act, need, err := s.clientFrame(typ, size, b[n:min(n+size, len(b))], out)
		if err != nil || act == wait {
			return n, need, err
		}
		s.client = pending{left: size, drop: act == drop}
	}
}

// clientFrame looks at one frame, of which b is as much as has been read.
func (s *Session) clientFrame(typ byte, size int, b []byte, out *Output) (action, Need, error) {
	if s.raw {
		return relay, Need{}, nil
	}
	if s.skipping {
		switch typ {
		case wire.TypeSync:
			s.skipping = false
		case wire.TypeTerminate:
		default:
			return drop, Need{}, nil
		}
	}
	switch typ {
	case wire.TypeQuery:
		s.fifo.push(request{kind: query})
	case wire.TypeFunctionCall:
		s.fifo.push(request{kind: call})
	case wire.TypeSync:
		if !s.copyIn {
			s.fifo.push(request{kind: syncPoint})
		}
	case wire.TypeParse:
		s.fifo.push(request{kind: parse})
	case wire.TypeBind:
		s.fifo.push(request{kind: bind})
	case wire.TypeDescribe:
		if len(b) <= wire.HeaderLen {
			return wait, Need{}, nil
		}
		if b[wire.HeaderLen] == 'S' {
			s.fifo.push(request{kind: describeStatement})
		} else {
			s.fifo.push(request{kind: describePortal})
		}
	case wire.TypeExecute:
		s.fifo.push(request{kind: execute})
	case wire.TypeClose:
		s.fifo.push(request{kind: closeTarget})
	case wire.TypeCopyDone, wire.TypeCopyFail:
		if s.copyIn {
			s.copyIn = false
		} else if s.fifo.len() > 0 {
			s.fifo.push(request{kind: copyEnd})
		}
	}
	return relay, Need{}, nil
}
