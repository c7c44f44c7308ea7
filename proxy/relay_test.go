package proxy

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"pgseal/session"
	"pgseal/wire"
)

func TestRelayingAllocatesNothingForAMessage(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector allocates")
	}
	p := startProxy(t, Config{})
	c := p.raw()
	c.login()
	query := frameOf(wire.TypeQuery, "SELECT 1\x00")
	buffer := make([]byte, 4096)
	trip := func() {
		if _, err := c.Conn.Write(query); err != nil {
			t.Fatal(err)
		}
		for n := 0; ; {
			m, err := c.Conn.Read(buffer[n:])
			if err != nil {
				t.Fatal(err)
			}
			n += m
			if bytes.HasSuffix(buffer[:n], []byte{'Z', 0, 0, 0, 5, 'I'}) {
				return
			}
		}
	}
	for range 100 {
		trip()
	}
	const trips = 2000
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range trips {
		trip()
	}
	runtime.ReadMemStats(&after)
	if each := float64(after.Mallocs-before.Mallocs) / trips; each > 0.2 {
		t.Errorf("%.2f allocations for each query and its answer", each)
	}
}

// scripted is a protocol that does what a test says.
type scripted struct {
	Protocol
	fromClient, fromServer func(b []byte, out *session.Output) (int, session.Need, error)
}

func (s *scripted) FromClient(b []byte, out *session.Output) (int, session.Need, error) {
	*out = session.Output{Memory: out.Memory} // the call before may have been another session's
	return s.fromClient(b, out)
}

func (s *scripted) FromServer(b []byte, out *session.Output) (int, session.Need, error) {
	*out = session.Output{Memory: out.Memory}
	return s.fromServer(b, out)
}

// pair is a connection's two ends.
func pair(t *testing.T) (near, far net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if far, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if near, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	if underTLSOnly {
		server := tls.Server(&below{Conn: near}, serverTLS(t, cluster.Certificate))
		shaken := make(chan error, 1)
		go func() { shaken <- server.Handshake() }()
		client := tls.Client(far, trusting(t, cluster.Certificate))
		if err := errors.Join(client.Handshake(), <-shaken); err != nil {
			t.Fatal(err)
		}
		near, far = server, client
	}
	for _, c := range []net.Conn{near, far} {
		c.SetDeadline(time.Now().Add(20 * time.Second))
		t.Cleanup(func() { c.Close() })
	}
	return near, far
}

// reset ends a connection without what it has still to send.
func reset(c net.Conn) {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	c.(*net.TCPConn).SetLinger(0)
	c.Close()
}

// relayOf starts a relay between two ends that the test holds.
func relayOf(t *testing.T, db Database, p *scripted) (client, server net.Conn, done chan error) {
	t.Helper()
	client, server, _, done = relayOn(t, testLoops(t), db, p)
	return client, server, done
}

// relayOn is relayOf on loops that others may be on as well.
func relayOn(t *testing.T, ls *loops, db Database, p *scripted) (client, server net.Conn, r *relay, done chan error) {
	t.Helper()
	clientNear, client := pair(t)
	serverNear, server := pair(t)
	p.Protocol = relaying{}.Session()
	inner := p.Protocol
	if p.fromClient == nil {
		p.fromClient = inner.FromClient
	}
	if p.fromServer == nil {
		p.fromServer = inner.FromServer
	}
	r = newRelay(context.Background(), clientNear, serverNear, db, p, 100*time.Millisecond)
	r.attach(ls)
	if _, goroutines := r.engine.(*pumps); goroutines != (onPumps || runtime.GOOS != "linux") {
		t.Errorf("the session is on goroutines: %v", goroutines)
	}
	done = make(chan error, 1)
	r.engine.run(nil, nil, func(err error) { done <- err })
	return client, server, r, done
}

func TestAStatementThatWaitsForTheServerGoesOnWhenTheServerHasSpoken(t *testing.T) {
	var heard sync.WaitGroup
	heard.Add(1)
	spoken := false
	p := &scripted{}
	p.fromServer = func(b []byte, out *session.Output) (int, session.Need, error) {
		spoken = true
		return len(b), session.Need{}, nil
	}
	p.fromClient = func(b []byte, out *session.Output) (int, session.Need, error) {
		if !spoken {
			defer heard.Done()
			return 0, session.Need{Kind: session.NeedServer}, nil
		}
		return 0, session.Need{}, errors.New("gone on")
	}
	client, server, done := relayOf(t, relaying{}, p)
	client.Write(terminate)
	heard.Wait()
	server.Write([]byte{'N', 0, 0, 0, 4})
	// The client is closed once its error has ended the session.
	go io.Copy(io.Discard, client)
	client.(closeWriter).CloseWrite()
	if err := <-done; err == nil || err.Error() != "gone on" {
		t.Errorf("got %v", err)
	}
}

func TestAFrameThatMustBeWholeIsCollected(t *testing.T) {
	const size = 3*bufferSize + 17
	got := make(chan int, 1)
	p := &scripted{}
	p.fromClient = func(b []byte, out *session.Output) (int, session.Need, error) {
		if len(b) < size {
			return 0, session.Need{Kind: session.NeedBytes, Bytes: size}, nil
		}
		got <- len(b)
		return len(b), session.Need{}, nil
	}
	client, server, done := relayOf(t, relaying{}, p)
	client.Write(frameOf('Q', string(make([]byte, size-5))))
	if n := <-got; n != size {
		t.Errorf("%d bytes of %d", n, size)
	}
	client.Close()
	server.Close()
	<-done
}

func TestAFailedRefreshEndsTheSessionWithTheReason(t *testing.T) {
	p := &scripted{}
	p.fromClient = func(b []byte, out *session.Output) (int, session.Need, error) {
		return 0, session.Need{Kind: session.NeedCatalog}, nil
	}
	client, _, done := relayOf(t, catalogless{}, p)
	client.Write(terminate)
	c := &rawClient{t, &peeked{Conn: client}}
	c.wantError(codeConnectionFailure)
	client.Close()
	if err := <-done; !errors.As(err, new(catalogError)) {
		t.Errorf("got %v", err)
	}
}

type catalogless struct{ relaying }

func (catalogless) Refresh(context.Context) error { return errors.New("out of reach") }

func TestAPanicEndsOnlyItsSession(t *testing.T) {
	p := &scripted{}
	p.fromClient = func(b []byte, out *session.Output) (int, session.Need, error) { panic("a value") }
	client, _, done := relayOf(t, relaying{}, p)
	client.Write(terminate)
	c := &rawClient{t, &peeked{Conn: client}}
	c.wantError(codeInternal)
	client.Close()
	err := <-done
	if !errors.As(err, new(panicError)) || bytes.Contains([]byte(err.Error()), []byte("a value")) {
		t.Errorf("got %v", err)
	}
}

func TestAPanicOverTheServersWordsEndsASessionHalfClosedByItsClient(t *testing.T) {
	p := &scripted{}
	p.fromServer = func(b []byte, out *session.Output) (int, session.Need, error) { panic("a value") }
	client, server, done := relayOf(t, relaying{}, p)
	client.(closeWriter).CloseWrite()
	if _, err := server.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Fatalf("the server was not told: %v", err)
	}
	server.Write([]byte{'N', 0, 0, 0, 4})
	c := &rawClient{t, &peeked{Conn: client}}
	c.wantError(codeInternal)
	if err := <-done; !errors.As(err, new(panicError)) {
		t.Errorf("got %v", err)
	}
}

func TestASessionThatMakesNoProgressIsEnded(t *testing.T) {
	p := &scripted{}
	p.fromClient = func(b []byte, out *session.Output) (int, session.Need, error) {
		return 0, session.Need{}, nil
	}
	client, _, done := relayOf(t, relaying{}, p)
	go client.Write(make([]byte, 2*bufferSize))
	c := &rawClient{t, &peeked{Conn: client}}
	c.wantError(codeInternal)
	client.Close()
	if err := <-done; !errors.Is(err, errStuck) {
		t.Errorf("got %v", err)
	}
}

func TestOurMessageNeverLandsInsideAnother(t *testing.T) {
	// The server's answer is half relayed when the client breaks the protocol.
	p := startProxy(t, Config{})
	c := p.raw()
	c.login()
	c.query("SELECT repeat('x', 20000000)")
	if b, err := c.peek(1000); err != nil || len(b) != 1000 {
		t.Fatal(err)
	}
	c.send('Q', 0xff, 0xff, 0xff, 0xff)
	all, _ := io.ReadAll(c.peeked) // a reset is as good an end
	for len(all) > 0 {
		typ, size, err := wire.Peek(all)
		if err != nil {
			t.Fatal(err)
		}
		if typ == wire.TypeErrorResponse {
			return // at a boundary
		}
		if size == 0 || size > len(all) {
			if bytes.Contains(all, []byte("08P01")) {
				t.Error("the error stands inside a row")
			}
			return
		}
		all = all[size:]
	}
}

func FuzzFrameBoundary(f *testing.F) {
	f.Add([]byte{'Z', 0, 0, 0, 5, 'I'}, uint8(3))
	f.Fuzz(func(t *testing.T, b []byte, piece uint8) {
		// In one go, or in pieces: the same.
		var whole, pieces frameBoundary
		for rest := b; len(rest) > 0; {
			_, size, err := wire.Peek(rest)
			if err != nil {
				return // such bytes are never relayed
			}
			if size == 0 || size > len(rest) {
				break
			}
			rest = rest[size:]
		}
		whole.pass(b)
		for rest := b; len(rest) > 0; {
			k := min(len(rest), int(piece)+1)
			pieces.pass(rest[:k])
			rest = rest[k:]
		}
		if whole != pieces {
			t.Errorf("%+v in one, %+v in pieces", whole, pieces)
		}
	})
}
