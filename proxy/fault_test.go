package proxy

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// faultyHop is a TCP hop that real connections take: it can pass bytes on in
// pieces of any size, and break the connection after so many bytes.
type faultyHop struct {
	Addr  string
	piece int // bytes passed on at once; 0 is as they come
	// breakAfter ends a connection when so many bytes have gone towards the
	// server (toServer) or back; negative is never.
	breakAfter atomic.Int64
	toServer   bool
	reset      bool // by RST instead of FIN
	passed     atomic.Int64
}

func newFaultyHop(t *testing.T, target string) *faultyHop {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &faultyHop{Addr: l.Addr().String()}
	h.breakAfter.Store(-1)
	var running sync.WaitGroup
	running.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", target)
			if err != nil {
				client.Close()
				continue
			}
			end := sync.OnceFunc(func() {
				if h.reset {
					client.(*net.TCPConn).SetLinger(0)
					server.(*net.TCPConn).SetLinger(0)
				}
				client.Close()
				server.Close()
			})
			running.Go(func() { h.pass(server, client, true, end) })
			running.Go(func() { h.pass(client, server, false, end) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		running.Wait()
	})
	return h
}

func (h *faultyHop) pass(to, from net.Conn, toServer bool, end func()) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		for b := buffer[:n]; len(b) > 0; {
			k := len(b)
			if h.piece > 0 {
				k = min(k, h.piece)
			}
			if toServer == h.toServer {
				if limit := h.breakAfter.Load(); limit >= 0 {
					left := limit - h.passed.Load()
					if left <= 0 {
						end()
						return
					}
					k = min(k, int(left))
				}
				h.passed.Add(int64(k))
			}
			if _, err := to.Write(b[:k]); err != nil {
				end()
				return
			}
			b = b[k:]
		}
		if err != nil {
			if err == io.EOF {
				to.(*net.TCPConn).CloseWrite()
			} else {
				end()
			}
			return
		}
	}
}

// conversation uses both protocols, a pipeline, an error and a COPY, and
// returns what it has seen.
func conversation(ctx context.Context, dsn string) (string, error) {
	c, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return "", err
	}
	defer c.Close(ctx)
	var seen strings.Builder
	note := func(what any, err error) error {
		if code := sqlstate(err); code != "" {
			what, err = code, nil
		}
		if err == nil {
			fmt.Fprintln(&seen, what)
		}
		return err
	}
	var n int
	steps := []func() error{
		func() error {
			r, err := c.PgConn().Exec(ctx, "SELECT repeat('z', 5000); SELECT 2").ReadAll()
			return note(len(r), err)
		},
		func() error { err := c.QueryRow(ctx, "SELECT $1::int + 1", 41).Scan(&n); return note(n, err) },
		func() error { err := c.QueryRow(ctx, "SELECT 1 / $1::int", 0).Scan(&n); return note("", err) },
		func() error {
			b := new(pgx.Batch)
			for i := range 20 {
				b.Queue("SELECT $1::int", i).QueryRow(func(row pgx.Row) error { return row.Scan(&n) })
			}
			return note(n, c.SendBatch(ctx, b).Close())
		},
		func() error { _, err := c.Exec(ctx, "CREATE TEMP TABLE t (x text)"); return note("created", err) },
		func() error {
			n, err := c.CopyFrom(ctx, pgx.Identifier{"t"}, []string{"x"}, pgx.CopyFromSlice(100, func(i int) ([]any, error) {
				return []any{strings.Repeat("c", i)}, nil
			}))
			return note(n, err)
		},
		func() error {
			var out counted
			_, err := c.PgConn().CopyTo(ctx, &out, "COPY t TO STDOUT")
			return note(out, err)
		},
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return seen.String(), err
		}
	}
	return seen.String(), nil
}

// sqlstate is the code of an error of the server's that leaves the session
// usable.
func sqlstate(err error) string {
	if e, ok := err.(*pgconn.PgError); ok && e.Severity == "ERROR" {
		return e.Code
	}
	return ""
}

func TestFramesInPiecesOfAnySizeMakeNoDifference(t *testing.T) {
	want, err := conversation(t.Context(), upstreamPlain())
	if err != nil {
		t.Fatal(err)
	}
	for _, piece := range []int{1, 3, 1000} {
		t.Run(fmt.Sprint(piece), func(t *testing.T) {
			server := newFaultyHop(t, cluster.Addr())
			p := startProxy(t, Config{
				Upstream:  "postgres://postgres@" + server.Addr + "/postgres?sslmode=disable",
				ClientTLS: serverTLS(t, otherCertificate),
			})
			client := newFaultyHop(t, p.Addr)
			server.piece, client.piece = piece, piece
			for _, mode := range []string{"disable", "require"} {
				got, err := conversation(t.Context(), "postgres://trust@"+client.Addr+"/postgres?sslmode="+mode)
				if err != nil || got != want {
					t.Errorf("sslmode=%s: %v\n%s\nwant\n%s", mode, err, got, want)
				}
			}
		})
	}
}

func TestUnixSocketsOnBothHopsMakeNoDifference(t *testing.T) {
	want, err := conversation(t.Context(), upstreamPlain())
	if err != nil {
		t.Fatal(err)
	}
	p := startProxy(t, Config{Upstream: upstreamSocket()})
	dsn := fmt.Sprintf("host=%s port=%s user=trust dbname=postgres", p.Socket, p.Port())
	if got, err := conversation(t.Context(), dsn); err != nil || got != want {
		t.Errorf("%v\n%s\nwant\n%s", err, got, want)
	}
	// More than the sockets hold, both ways at once.
	c, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	large := strings.Repeat("z", 300_000)
	b := new(pgx.Batch)
	for range 50 {
		b.Queue("SELECT $1::text", large).QueryRow(func(row pgx.Row) error {
			var got string
			if err := row.Scan(&got); err != nil || got != large {
				return fmt.Errorf("%d bytes came back: %w", len(got), err)
			}
			return nil
		})
	}
	if err := c.SendBatch(t.Context(), b).Close(); err != nil {
		t.Error(err)
	}
}

func TestAConnectionThatBreaksAnywhereLeavesNothingBehind(t *testing.T) {
	for _, c := range []struct {
		name            string
		atServer        bool // the broken hop is the one to the server
		toServer, reset bool
	}{
		{"client's bytes, client's hop", false, true, false},
		{"client's bytes, client's hop, reset", false, true, true},
		{"server's bytes, client's hop", false, false, true},
		{"client's bytes, server's hop", true, true, false},
		{"server's bytes, server's hop", true, false, false},
		{"server's bytes, server's hop, reset", true, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := newFaultyHop(t, cluster.Addr())
			p := startProxy(t, Config{Upstream: "postgres://postgres@" + server.Addr + "/postgres?sslmode=disable"})
			client := newFaultyHop(t, p.Addr)
			dsn := "postgres://trust@" + client.Addr + "/postgres?sslmode=disable"
			broken := client
			if c.atServer {
				broken = server
			}
			broken.toServer, broken.reset = c.toServer, c.reset
			want, err := conversation(t.Context(), dsn)
			if err != nil {
				t.Fatal(err)
			}
			total := broken.passed.Load()
			const pieces = 6
			for i := range int64(pieces) {
				limit := total*i/pieces + rand.Int64N(total/pieces) // in time it breaks everywhere
				broken.passed.Store(0)
				broken.breakAfter.Store(limit)
				ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
				seen, err := conversation(ctx, dsn)
				stop()
				if err == nil {
					t.Errorf("the connection broke after %d of %d bytes, and nobody noticed", limit, total)
				}
				if ctx.Err() == context.DeadlineExceeded {
					t.Errorf("broken after %d of %d bytes, the client waits for ever", limit, total)
				}
				if !strings.HasPrefix(want, seen) {
					t.Errorf("broken after %d bytes, the client saw\n%s\nwant a beginning of\n%s", limit, seen, want)
				}
				eventually(t, "every session is gone", func() bool { return p.places.Load() == 0 && p.waiting.Load() == 0 })
			}
			broken.breakAfter.Store(-1)
			if got, err := conversation(t.Context(), dsn); err != nil || got != want {
				t.Errorf("afterwards: %v\n%s", err, got)
			}
		})
	}
}
