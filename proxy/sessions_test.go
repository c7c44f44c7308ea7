package proxy

import (
	"context"
	"errors"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"pgseal/wire"
)

func connect(t *testing.T, p *testProxy) *pgx.Conn {
	t.Helper()
	mode := "sslmode=disable"
	if underTLSOnly {
		mode = "sslmode=verify-full sslrootcert=" + cluster.Certificate.CAFile
	}
	c, err := pgx.Connect(context.Background(), strings.Replace(p.DSN("trust", mode), "hostaddr=127.0.0.1 ", "", 1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(context.Background()) })
	return c
}

func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	var pgErr *pgconn.PgError
	if !errors.As(err, &pgErr) || pgErr.Code != code {
		t.Errorf("got %v, want SQLSTATE %s", err, code)
	}
}

func TestClientsBeyondTheLimitAreRefused(t *testing.T) {
	p := startProxy(t, Config{MaxConnections: 2, ClientTLS: serverTLS(t, otherCertificate)})
	first, second := p.raw(), p.raw()
	first.login()
	key := second.login()
	third := p.raw()
	third.send(startupPacket(3<<16, "user", "trust", "database", "postgres")...)
	third.wantError("53300")
	got, err := psql(t, p.DSN("trust", "sslmode=require"), "SELECT 1")
	if err == nil || !strings.Contains(got, "sorry, too many clients already") {
		t.Errorf("under TLS: %q, %v", got, err)
	}

	// The limit is no obstacle to a cancel request.
	second.query("SELECT pg_sleep(60)")
	eventually(t, "the statement is cancelled", func() bool {
		cancel := p.raw()
		cancel.send(0, 0, 0, 16, 0x04, 0xd2, 0x16, 0x2e)
		cancel.send(key...)
		cancel.wantEnd()
		second.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		_, err := second.peek(1)
		return err == nil
	})

	first.send(terminate...)
	first.wantEnd()
	eventually(t, "the place is free again", func() bool { return p.places.Load() == 1 })
	p.raw().login()
}

func TestOnShutdownIdleSessionsEndAtOnceAndOthersAfterTheirTransaction(t *testing.T) {
	p := startProxy(t, Config{DrainTimeout: time.Minute})
	idle, busy, inTransaction := p.raw(), p.raw(), p.raw()
	for _, c := range []*rawClient{idle, busy, inTransaction} {
		c.login()
	}
	inTransaction.query("BEGIN")
	inTransaction.until(wire.TypeReadyForQuery)
	busy.query("SELECT pg_sleep(0.3)")
	eventually(t, "the statement has arrived", func() bool { return p.Stats().FromClients >= 30 })
	p.stop()
	idle.wantError("57P01")
	busy.until(wire.TypeReadyForQuery)
	busy.wantError("57P01")
	inTransaction.query("SELECT 'still here'")
	inTransaction.until(wire.TypeReadyForQuery)
	inTransaction.query("COMMIT")
	inTransaction.until(wire.TypeReadyForQuery)
	inTransaction.wantError("57P01")
	if _, err := net.Dial("tcp", p.Addr); err == nil {
		t.Error("the proxy still accepts clients")
	}
	p.Stop()
}

func TestOnShutdownATransactionThatDoesNotEndIsCut(t *testing.T) {
	p := startProxy(t, Config{DrainTimeout: 100 * time.Millisecond})
	c := p.raw()
	c.login()
	c.query("BEGIN")
	c.until(wire.TypeReadyForQuery)
	halfway := p.raw() // stands at the password
	halfway.send(startupPacket(3<<16, "user", "password", "database", "postgres")...)
	halfway.next()
	p.stop()
	halfway.wantError("57P01")
	c.wantError("57P01")
	p.Stop()
}

func TestAnIdleSessionIsEndedAfterTheIdleTimeout(t *testing.T) {
	p := startProxy(t, Config{IdleTimeout: 100 * time.Millisecond})
	busy := p.raw()
	busy.login()
	busy.query("BEGIN")
	busy.until(wire.TypeReadyForQuery)
	idle := p.raw()
	idle.login()
	idle.wantError("57P05")
	busy.query("SELECT 1") // in a transaction: not idle
	busy.until(wire.TypeReadyForQuery)
}

func TestAServerThatEndsTheSessionIsHeardOut(t *testing.T) {
	p := startProxy(t, Config{})
	c := connect(t, p)
	if err := cluster.Exec(context.Background(), "postgres", "SELECT pg_terminate_backend("+strconv.Itoa(int(c.PgConn().PID()))+")"); err != nil {
		t.Fatal(err)
	}
	_, err := c.Exec(context.Background(), "SELECT 1")
	wantCode(t, err, "57P01")
}

func TestAClientThatHalfClosesStillGetsItsAnswer(t *testing.T) {
	p := startProxy(t, Config{})
	c := p.raw()
	c.login()
	c.query("SELECT repeat('x', 1000000)")
	if err := c.Conn.(closeWriter).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if row := c.until(wire.TypeDataRow); len(row) < 1000000 {
		t.Errorf("a row of %d bytes", len(row))
	}
	c.until(wire.TypeReadyForQuery)
	c.wantEnd()
}

func TestAProtocolViolationEndsTheSessionWithAnError(t *testing.T) {
	p := startProxy(t, Config{})
	for name, sent := range map[string][]byte{
		"length -1":       {'Q', 0xff, 0xff, 0xff, 0xff},
		"length 2^31":     {'Q', 0x80, 0, 0, 0},
		"length 3":        {'Q', 0, 0, 0, 3},
		"unknown type":    {'~', 0, 0, 0, 4},
		"no type at all":  {0, 0, 0, 0, 0},
		"a server's type": {'T', 0, 0, 0, 4},
	} {
		t.Run(name, func(t *testing.T) {
			c := p.raw()
			c.t = t
			c.login()
			c.send(sent...)
			c.wantError("08P01")
		})
	}
}

func TestNothingIsLeftOfClientsThatDie(t *testing.T) {
	for hop, upstream := range map[string]string{"server in clear": upstreamPlain(), "server under TLS": upstreamTLS()} {
		t.Run(hop, func(t *testing.T) { testDeaths(t, startProxy(t, Config{Upstream: upstream})) })
	}
}

func testDeaths(t *testing.T, p *testProxy) {
	// One session first, so that what is made once has been made.
	warm := p.raw()
	warm.login()
	warm.Close()
	eventually(t, "the first session is gone", func() bool { return p.places.Load() == 0 })
	deaths := map[string]func(c *rawClient){
		"before a startup packet": func(c *rawClient) { c.Close() },
		"in the startup packet": func(c *rawClient) {
			c.send(startupPacket(3<<16, "user", "trust")[:10]...)
			c.Close()
		},
		"at the password": func(c *rawClient) {
			c.send(startupPacket(3<<16, "user", "password", "database", "postgres")...)
			c.next()
			c.Close()
		},
		"idle": func(c *rawClient) {
			c.login()
			c.Close()
		},
		"in a message": func(c *rawClient) {
			c.login()
			c.send('Q', 0, 0, 1, 0, 'S', 'E')
			c.Close()
		},
		"with a reset in a message": func(c *rawClient) {
			c.login()
			c.send('P', 0, 1, 0, 0, 'S', 'E')
			c.Conn.(*net.TCPConn).SetLinger(0)
			c.Close()
		},
		"while the server answers": func(c *rawClient) {
			c.login()
			c.query("SELECT repeat('x', 100) FROM generate_series(1, 1000000)")
			c.until(wire.TypeDataRow)
			c.Conn.(*net.TCPConn).SetLinger(0)
			c.Close()
		},
		"half-closed and silent": func(c *rawClient) {
			c.login()
			c.Conn.(closeWriter).CloseWrite()
		},
		"in a COPY": func(c *rawClient) {
			c.login()
			c.query("CREATE TEMP TABLE t (x text); COPY t FROM STDIN")
			c.until(wire.TypeCopyInResponse)
			c.send('d', 0, 0, 1, 0, 'a')
			c.Close()
		},
	}
	for name, die := range deaths {
		t.Run(name, func(t *testing.T) {
			goroutines, descriptors := runtime.NumGoroutine(), openDescriptors(t)
			for range 2 { // what is left of one is left of each
				c := p.raw()
				c.t = t
				die(c)
				if name == "half-closed and silent" {
					c.wantEnd()
					c.Close()
				}
			}
			eventually(t, "every session is gone", func() bool { return p.places.Load() == 0 && p.waiting.Load() == 0 })
			eventually(t, "no goroutine is left", func() bool { return runtime.NumGoroutine() <= goroutines })
			eventually(t, "no descriptor is left", func() bool { return openDescriptors(t) <= descriptors })
		})
	}
}

func openDescriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func TestASlowReaderHoldsUpOnlyItselfAndCostsBoundedMemory(t *testing.T) {
	p := startProxy(t, Config{})
	slow := p.raw()
	slow.login()
	slow.query("SELECT repeat('x', 1000) FROM generate_series(1, 60000)") // 60 MB, far more than the sockets hold
	eventually(t, "the proxy has stopped reading", func() bool {
		before := p.Stats().FromServer
		for range 50 {
			runtime.Gosched()
			if p.Stats().FromServer != before {
				return false
			}
		}
		return before > 0
	})
	stalled := p.Stats()
	if held := stalled.FromServer - stalled.ToClients; held > 2*bufferSize {
		t.Errorf("the proxy holds %d bytes for a client that does not read", held)
	}
	other := p.raw()
	other.login()
	other.query("SELECT 1")
	other.until(wire.TypeReadyForQuery)
	slow.SetDeadline(time.Now().Add(60 * time.Second))
	rows := 0
	for {
		typ, _ := slow.next()
		if typ == wire.TypeDataRow {
			rows++
		}
		if typ == wire.TypeReadyForQuery {
			break
		}
	}
	if rows != 60000 {
		t.Errorf("%d rows of 60000 arrived", rows)
	}
}

func TestSessionsGoOnWhileAClientWritesWithoutReading(t *testing.T) {
	// A pipeline whose answers do not fit into the sockets' buffers: the proxy
	// must keep taking statements as long as the server does.
	p := startProxy(t, Config{})
	c := p.raw()
	c.login()
	const n = 20000
	go func() {
		var b []byte
		for range n {
			b = append(b, frameOf(wire.TypeParse, "\x00SELECT repeat('y', 100)\x00\x00\x00")...)
			b = append(b, frameOf(wire.TypeBind, "\x00\x00\x00\x00\x00\x00\x00\x00")...)
			b = append(b, frameOf(wire.TypeExecute, "\x00\x00\x00\x00\x00")...)
		}
		b = append(b, frameOf(wire.TypeSync, "")...)
		c.Write(b)
	}()
	rows := 0
	for {
		typ, _ := c.next()
		if typ == wire.TypeDataRow {
			rows++
		}
		if typ == wire.TypeReadyForQuery {
			break
		}
	}
	if rows != n {
		t.Errorf("%d rows of %d arrived", rows, n)
	}
}
