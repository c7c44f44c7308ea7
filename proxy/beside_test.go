package proxy

import (
	"bytes"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgseal/session"
	"pgseal/wire"
)

// slowly is a protocol that needs the client's large frames whole and then takes
// its time, until it is released. It fails the test when both directions are
// called at once.
type slowly struct {
	scripted
	began, release chan struct{}
	calls          atomic.Int32
}

func newSlowly(t *testing.T) *slowly {
	s := &slowly{began: make(chan struct{}, 1), release: make(chan struct{})}
	inner := relaying{}.Session()
	alone := func() func() {
		if s.calls.Add(1) != 1 {
			t.Error("the protocol is called twice at once")
		}
		return func() { s.calls.Add(-1) }
	}
	s.fromClient = func(b []byte, out *session.Output) (int, session.Need, error) {
		defer alone()()
		_, size, _ := wire.Peek(b)
		if size > len(b) {
			return 0, session.Need{Kind: session.NeedBytes, Bytes: size}, nil
		}
		if size >= 256<<10 {
			s.began <- struct{}{}
			<-s.release
			// What is passed on stands in memory of the output's own.
			if m := out.Memory(len(b)); m != nil {
				copy(m, b)
				clear(b)
				b = m
			}
		}
		return inner.FromClient(b, out)
	}
	s.fromServer = func(b []byte, out *session.Output) (int, session.Need, error) {
		defer alone()()
		return inner.FromServer(b, out)
	}
	return s
}

// largeFrame is one that no socket takes at once. It is made once: memory that is new costs
// more than what is done with it.
var largeFrame = sync.OnceValue(func() []byte {
	return frameOf(wire.TypeQuery, strings.Repeat("0123456789abcdef", 2<<20))
})

func TestALargeFrameHoldsUpNoOtherSession(t *testing.T) {
	ls := testLoops(t)
	ls.all = ls.all[:1] // both sessions on the same
	p := newSlowly(t)
	client, server, r, done := relayOn(t, ls, relaying{}, &p.scripted)
	frame := largeFrame()
	go func() {
		client.Write(frame)
		client.Write(terminate)
	}()
	<-p.began

	otherClient, otherServer, _, otherDone := relayOn(t, ls, relaying{}, &scripted{})
	for range 3 {
		ask, answer := frameOf(wire.TypeQuery, "SELECT 1\x00"), frameOf(wire.TypeEmptyQueryResponse, "")
		otherClient.Write(ask)
		if _, err := io.ReadFull(otherServer, make([]byte, len(ask))); err != nil {
			t.Fatal(err)
		}
		otherServer.Write(answer)
		if _, err := io.ReadFull(otherClient, make([]byte, len(answer))); err != nil {
			t.Fatal(err)
		}
	}
	otherClient.Close()
	otherServer.Close()
	<-otherDone

	// What the server says meanwhile waits; nothing of it is lost.
	notice := frameOf(wire.TypeNoticeResponse, "\x00")
	server.Write(notice)
	if r.engine.endIfIdle(errTerminated) || r.engine.letGo() {
		t.Error("a busy session is idle")
	}
	close(p.release)
	got := make([]byte, len(frame)+len(terminate))
	if _, err := io.ReadFull(server, got); err != nil || !bytes.Equal(got[:len(frame)], frame) || !bytes.Equal(got[len(frame):], terminate) {
		t.Errorf("the server gets something else: %v", err)
	}
	if _, err := io.ReadFull(client, got[:len(notice)]); err != nil || !bytes.Equal(got[:len(notice)], notice) {
		t.Errorf("the client gets something else: %v", err)
	}
	client.Close()
	server.Close()
	<-done
}

// TestASessionMayEndWhileItsLargeFrameIsWorkedOn: its memory must stay until
// nobody uses it, and be gone then.
func TestASessionMayEndWhileItsLargeFrameIsWorkedOn(t *testing.T) {
	for name, end := range map[string]func(client, server net.Conn, r *relay){
		"client":    func(client, _ net.Conn, _ *relay) { reset(client) },
		"server":    func(_, server net.Conn, _ *relay) { server.Close() },
		"cut":       func(_, _ net.Conn, r *relay) { r.engine.cut(errTerminated) },
		"in flight": func(client, _ net.Conn, r *relay) {},
	} {
		t.Run(name, func(t *testing.T) {
			p := newSlowly(t)
			client, server, r, done := relayOn(t, testLoops(t), relaying{}, &p.scripted)
			go client.Write(largeFrame())
			<-p.began
			end(client, server, r)
			select {
			case <-done:
				t.Error("the session has ended while its frame is worked on")
			case <-time.After(20 * time.Millisecond):
			}
			close(p.release)
			if name == "in flight" {
				// Most of the frame is still to be sent.
				if _, err := io.ReadFull(server, make([]byte, 1000)); err != nil {
					t.Fatal(err)
				}
				reset(server)
			}
			client.Close()
			server.Close()
			<-done
		})
	}
}

func TestAPanicOverALargeFrameEndsItsSession(t *testing.T) {
	p := &scripted{}
	p.fromClient = func(b []byte, out *session.Output) (int, session.Need, error) {
		if _, size, _ := wire.Peek(b); size > len(b) {
			return 0, session.Need{Kind: session.NeedBytes, Bytes: size}, nil
		}
		panic("a value")
	}
	client, _, done := relayOf(t, relaying{}, p)
	client.Write(largeFrame())
	c := &rawClient{t, &peeked{Conn: client}}
	c.wantError(codeInternal)
	client.Close()
	<-done
}
