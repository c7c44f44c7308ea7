package proxy

import (
	"errors"
	"io"
	"net"
	"os"
	"time"

	"pgseal/wire"
)

// end ends a direction, and with it the session as far as it can.
func (s *looped) end(d *direction, err error) {
	if d.state == ended {
		return
	}
	d.drop()
	d.state = ended
	if d.fromClient {
		s.clientDone(err)
	} else {
		s.serverDone(err)
	}
}

// drop forgets what the direction has in hand.
func (d *direction) drop() {
	if d.release != nil {
		d.release()
		d.release = nil
	}
	d.input.release()
	d.waits = forNothing
}

// clientDone: the protocol gets nothing more from the client.
func (s *looped) clientDone(err error) {
	if s.clientErr == nil {
		s.clientErr = err
	}
	switch {
	case errors.Is(err, io.EOF):
		// The client has no more to say, but may still want to hear.
		s.server.finish()
		return
	case s.gone:
		return
	case errors.As(err, new(serverWriteError)):
		// The server may have said why before it went.
		s.server.drop()
		s.expire(farewell)
	default:
		s.tell(err)
		s.end(&s.fromServer, net.ErrClosed)
	}
	// Read on only to see the client close.
	s.fromClient.state = discarding
}

// serverDone: nothing more comes from the server.
func (s *looped) serverDone(err error) {
	if s.serverErr == nil {
		s.serverErr = err
	}
	s.server.close()
	s.gone = true
	s.stop()
	s.expire(0)
	s.tell(err)
	s.client.finish()
	if s.fromClient.state == feeding {
		s.fromClient.drop()
		s.fromClient.state = discarding
	}
}

// tell gives the client the reason for the end of its session, if there is one
// that it has to hear from us and a message can be put where the stream stands.
func (s *looped) tell(err error) {
	e := farewellTo(err)
	if e == nil || !s.boundary.at() {
		return
	}
	_ = s.client.send([][]byte{e.Append(nil)}) // the client may be gone
	s.expire(farewell)
}

// settle goes on with the end of a session: when everything that can be said
// has been, the client may take a while to close.
func (s *looped) settle() {
	if !s.gone || s.over {
		return
	}
	switch {
	case s.fromClient.state == ended && !s.client.waiting():
		s.client.close()
	case s.expires == nil && (!s.client.waiting() || s.ended.Load() != nil):
		s.expire(lingering)
	}
	if s.client.closed && s.asides == 0 {
		s.finish()
	}
}

// expire bounds what the session waits for next; 0 is no bound.
func (s *looped) expire(after time.Duration) {
	if s.expires != nil {
		s.expires.Stop()
		s.expires = nil
	}
	if after == 0 {
		return
	}
	var t *time.Timer
	t = time.AfterFunc(after, func() {
		s.loop.post(func() {
			defer s.caught()
			s.whenIdle(func() {
				if s.expires == t { // not stopped too late
					s.expired()
				}
			})
		})
	})
	s.expires = t
}

func (s *looped) expired() {
	s.expires = nil
	if s.fromServer.state != ended {
		s.end(&s.fromServer, os.ErrDeadlineExceeded)
	} else {
		s.client.drop()
		s.end(&s.fromClient, os.ErrDeadlineExceeded)
	}
	s.progress()
}

// abandon closes everything without a word.
func (s *looped) abandon(err error) {
	if s.clientErr == nil {
		s.clientErr = err
	}
	s.fromClient.state, s.fromServer.state = ended, ended
	s.client.close()
	s.server.close()
	s.gone = true
	s.stop()
	if s.asides == 0 {
		s.finish()
	}
}

// finish is the end of a session of which nothing is left.
func (s *looped) finish() {
	if s.over {
		return
	}
	s.over = true
	s.expire(0)
	err := s.problem(s.clientErr, s.serverErr)
	go s.done(err) // what it does may take a while
}

// ask has the loop answer a question.
func (s *looped) ask(f func() bool) bool {
	answer := make(chan bool, 1)
	s.loop.post(func() {
		ok := false
		defer func() { answer <- ok }()
		defer s.caught()
		ok = !s.over && f()
	})
	return <-answer
}

func (s *looped) endIfIdle(reason *wire.Error) bool {
	return s.ask(func() bool {
		if s.gone {
			return true
		}
		if s.working || !s.protocol.Idle() || s.client.waiting() || s.server.waiting() || !s.boundary.at() {
			return false
		}
		s.ended.Store(reason)
		_ = s.client.send([][]byte{reason.Append(nil)}) // either may be gone
		_ = s.server.send([][]byte{terminate})
		s.client.finish()
		s.server.finish()
		s.fromClient.drop()
		if s.fromClient.state == feeding {
			s.fromClient.state = discarding
		}
		s.expire(farewell)
		s.progress()
		return true
	})
}

func (s *looped) cut(reason *wire.Error) {
	s.ask(func() bool {
		s.whenIdle(func() {
			s.ended.Store(reason)
			s.tell(reason)
			s.end(&s.fromServer, net.ErrClosed)
			s.progress()
		})
		return true
	})
}

func (s *looped) letGo() bool {
	return s.ask(func() bool {
		if s.working || !s.protocol.Idle() {
			return false
		}
		s.protocol.ReleaseBuffers()
		if !s.client.waiting() {
			s.client.backlog = nil
		}
		if !s.server.waiting() {
			s.server.backlog = nil
		}
		return true
	})
}
