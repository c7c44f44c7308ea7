package proxy

import (
	"bytes"
	"context"
	"encoding/binary"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"pgseal/integration/pgtest"
	"pgseal/wire"
)

// withProtocol32 starts a server that speaks version 3.2 of the protocol.
func withProtocol32(t *testing.T) *pgtest.Cluster {
	t.Helper()
	const firstWith32 = 18
	all := pgtest.Installed(t.Context())
	i := slices.IndexFunc(all, func(b pgtest.Binaries) bool { return b.Major >= firstWith32 })
	if i < 0 {
		t.Skip("no PostgreSQL 18 is on this machine (make test-versions fetches it)")
	}
	c, err := pgtest.Start(t.Context(), pgtest.Options{BinDir: all[i].Dir, TLS: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Stop() })
	return c
}

func TestProtocol32IsSpokenWithAServerThatDoes(t *testing.T) {
	server := withProtocol32(t)
	upstream := "postgres://postgres@" + server.Addr() + "/postgres?sslmode="
	verified := "verify-full&sslrootcert=" + server.Certificate.CAFile
	for _, hop := range []struct{ name, upstream, client string }{
		{"in clear", upstream + "disable", "sslmode=disable"},
		{"under TLS", upstream + verified, "sslmode=require"},
		{"under direct TLS", upstream + verified + "&sslnegotiation=direct", "sslmode=require sslnegotiation=direct"},
	} {
		t.Run(hop.name, func(t *testing.T) {
			p := startProxy(t, Config{Upstream: hop.upstream, ClientTLS: serverTLS(t, otherCertificate)})
			ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
			defer stop()
			dsn := strings.Replace(p.DSN("postgres", hop.client+" max_protocol_version=latest"), "hostaddr=127.0.0.1 ", "", 1)
			c, err := pgx.Connect(ctx, dsn)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close(context.WithoutCancel(ctx))
			if key := c.PgConn().SecretKey(); len(key) <= 4 {
				t.Errorf("a cancel key of %d bytes is one of protocol 3.0", len(key))
			}
			wantCancelled(t, ctx, server.DSN("postgres", "postgres"), c)
		})
	}
	t.Run("unknown versions and options", func(t *testing.T) {
		p := startProxy(t, Config{Upstream: upstream + "disable"})
		c := p.raw()
		c.send(startupPacket(3<<16|9999, "user", "postgres", "_pq_.unheard_of", "1")...)
		body := c.until(wire.TypeNegotiateProtocol)
		if version := binary.BigEndian.Uint32(body); version != 3<<16|2 || !bytes.Contains(body, []byte("_pq_.unheard_of")) {
			t.Errorf("the server's answer is %q", body)
		}
		key := c.until(wire.TypeBackendKeyData)
		c.until(wire.TypeReadyForQuery)
		c.query("SELECT pg_sleep(60)")
		observer, err := pgx.Connect(t.Context(), server.DSN("postgres", "postgres"))
		if err != nil {
			t.Fatal(err)
		}
		defer observer.Close(context.WithoutCancel(t.Context()))
		asleep := func() bool {
			var asleep bool
			err := observer.QueryRow(t.Context(), "SELECT count(*) > 0 FROM pg_stat_activity WHERE pid = $1 AND wait_event = 'PgSleep'", binary.BigEndian.Uint32(key)).Scan(&asleep)
			return err == nil && asleep
		}
		eventually(t, "the statement runs", asleep)
		cancel := func(key []byte) {
			request := binary.BigEndian.AppendUint32(nil, uint32(8+len(key)))
			canceller := p.raw()
			canceller.send(append(binary.BigEndian.AppendUint32(request, codeCancel), key...)...)
			canceller.wantEnd()
		}
		wrong := bytes.Clone(key)
		wrong[len(wrong)-1] ^= 1
		if cancel(wrong); !asleep() {
			t.Error("a key that differs in its last byte has cancelled the statement")
		}
		cancel(key)
		typ, body := c.next()
		for typ == wire.TypeRowDescription {
			typ, body = c.next()
		}
		if typ != wire.TypeErrorResponse || !bytes.Contains(body, []byte("57014")) {
			t.Errorf("got %q %q, want the server's 57014", typ, body)
		}
	})
}
