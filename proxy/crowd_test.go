package proxy

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"pgseal/wire"
)

// stubServer lets every client in and answers every Query with nothing but the
// end of it: PostgreSQL has a process for each session, and cannot have so many.
func stubServer(t *testing.T) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer c.Close()
				serveStub(c)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		running.Wait()
	})
	return l.Addr().String()
}

func serveStub(c net.Conn) {
	var head [8]byte
	if _, err := io.ReadFull(c, head[:4]); err != nil {
		return
	}
	if _, err := io.CopyN(io.Discard, c, int64(binary.BigEndian.Uint32(head[:4]))-4); err != nil {
		return
	}
	ready := []byte{'Z', 0, 0, 0, 5, 'I'}
	answer := append([]byte{'R', 0, 0, 0, 8, 0, 0, 0, 0}, ready...)
	for {
		if _, err := c.Write(answer); err != nil {
			return
		}
		if _, err := io.ReadFull(c, head[:wire.HeaderLen]); err != nil || head[0] != wire.TypeQuery {
			return
		}
		if _, err := io.CopyN(io.Discard, c, int64(binary.BigEndian.Uint32(head[1:]))-4); err != nil {
			return
		}
		answer = append(frameOf(wire.TypeEmptyQueryResponse, ""), ready...)
	}
}

// crowd are connections made side by side.
type crowd struct {
	in      []net.Conn // sessions
	refused atomic.Int64
}

// join connects n clients and has each that is let in ask something.
func (c *crowd) join(t *testing.T, addr string, n int) {
	t.Helper()
	packet := startupPacket(3<<16, "user", "trust", "database", "postgres")
	var mu sync.Mutex
	var joining sync.WaitGroup
	places := make(chan struct{}, 64)
	for range n {
		places <- struct{}{}
		joining.Go(func() {
			defer func() { <-places }()
			conn, err := net.Dial("tcp", addr)
			if err != nil {
				t.Error(err)
				return
			}
			conn.SetDeadline(time.Now().Add(time.Minute))
			code, err := logIn(conn, packet)
			switch {
			case err != nil:
				t.Error(err)
			case code == codeTooManyConnections:
				c.refused.Add(1)
			case code != "":
				t.Errorf("refused with %s", code)
			default:
				mu.Lock()
				defer mu.Unlock()
				c.in = append(c.in, conn)
				return
			}
			conn.Close()
		})
	}
	joining.Wait()
}

// logIn returns the SQLSTATE of a refusal, "" for a session that answers.
func logIn(conn net.Conn, packet []byte) (code string, err error) {
	p := &peeked{Conn: conn}
	if _, err := conn.Write(packet); err != nil {
		return "", err
	}
	for asked := false; ; {
		f, err := p.frame(1000)
		if err != nil {
			return "", fmt.Errorf("login: %w", err)
		}
		switch {
		case f[0] == wire.TypeErrorResponse:
			fields, err := wire.ParseErrorFields(f[wire.HeaderLen:])
			return string(fields.Get(wire.FieldCode)), err
		case f[0] == wire.TypeReadyForQuery && asked:
			return "", nil
		case f[0] == wire.TypeReadyForQuery:
			asked = true
			if _, err := conn.Write(frameOf(wire.TypeQuery, "\x00")); err != nil {
				return "", err
			}
		}
	}
}

func TestTenThousandConnectionsAreAcceptedOrRefused(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector multiplies memory and time")
	}
	const all, needed = 10_000, 2*childLimit + 500
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Cur < needed {
		t.Skipf("needs %d descriptors, may have %d (%v)", needed, limit.Cur, err)
	}
	c := startChild(t, "postgres://trust@"+stubServer(t)+"/postgres?sslmode=disable")
	new(crowd).join(t, c.Addr, 1) // what is made once has been made
	goroutines, descriptors := c.collect(t), c.descriptors(t)

	began := time.Now()
	var full crowd
	full.join(t, c.Addr, all)
	if len(full.in) != childLimit || full.refused.Load() != all-childLimit {
		t.Errorf("%d sessions and %d refusals, want %d and %d", len(full.in), full.refused.Load(), childLimit, all-childLimit)
	}
	atWork := c.collect(t)
	t.Logf("%d connections in %.1f s; %d sessions: %.1f MiB, %d goroutines", all, time.Since(began).Seconds(),
		len(full.in), float64(c.memory(t, "RssAnon"))/mib, atWork)
	if atWork > goroutines+50 {
		t.Errorf("%d goroutines for idle sessions", atWork-goroutines)
	}

	// They leave in every way there is, all at once.
	for i, conn := range full.in {
		switch tcp := conn.(*net.TCPConn); i % 4 {
		case 0:
			tcp.SetLinger(0)
			tcp.Write([]byte{'Q', 0, 0, 1, 0, 'S'})
			tcp.Close()
		case 1:
			tcp.Write(terminate)
			tcp.Close()
		case 2:
			tcp.CloseWrite() // and waits to be closed
		default:
			tcp.Close()
		}
	}
	for i, conn := range full.in {
		if i%4 == 2 {
			if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
				t.Errorf("half-closed: %v", err)
			}
			conn.Close()
		}
	}
	eventually(t, "no descriptor is left", func() bool { return c.descriptors(t) <= descriptors })
	eventually(t, "no goroutine is left", func() bool { return c.collect(t) <= goroutines })
	again := new(crowd)
	again.join(t, c.Addr, 100)
	if len(again.in) != 100 {
		t.Errorf("%d of 100 new sessions", len(again.in))
	}
	for _, conn := range again.in {
		conn.Close()
	}
}

// descriptors counts those of the child that are open.
func (c *child) descriptors(t testing.TB) int {
	t.Helper()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", c.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}
