package proxy

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"pgseal/wire"
)

// startupPacket builds a startup packet.
func startupPacket(version uint32, pairs ...string) []byte {
	b := binary.BigEndian.AppendUint32(make([]byte, 4), version)
	for _, s := range pairs {
		b = wire.AppendCString(b, s)
	}
	b = append(b, 0)
	binary.BigEndian.PutUint32(b, uint32(len(b)))
	return b
}

// rawClient speaks to the proxy byte by byte.
type rawClient struct {
	t *testing.T
	*peeked
}

func (p *testProxy) raw() *rawClient {
	p.t.Helper()
	c, err := net.Dial("tcp", p.Addr)
	if err != nil {
		p.t.Fatal(err)
	}
	c.SetDeadline(time.Now().Add(20 * time.Second))
	p.t.Cleanup(func() { c.Close() })
	r := &rawClient{p.t, &peeked{Conn: c}}
	if underTLSOnly {
		r.send(0, 0, 0, 8, codeTLS>>24, codeTLS>>16&0xff, codeTLS>>8&0xff, codeTLS&0xff)
		if answer, err := r.peek(1); err != nil || answer[0] != 'S' {
			p.t.Fatalf("TLS: %q, %v", answer, err)
		}
		r.Conn = tls.Client(c, trusting(p.t, cluster.Certificate))
		r.discard(1)
	}
	return r
}

func (c *rawClient) send(b ...byte) {
	c.t.Helper()
	if _, err := c.Write(b); err != nil {
		c.t.Fatal(err)
	}
}

// query sends a simple query.
func (c *rawClient) query(sql string) {
	c.t.Helper()
	c.send(frameOf(wire.TypeQuery, sql+"\x00")...)
}

func frameOf(typ byte, body string) []byte {
	b, start := wire.Begin(nil, typ)
	return wire.End(append(b, body...), start)
}

// next returns the next frame.
func (c *rawClient) next() (typ byte, body []byte) {
	c.t.Helper()
	f, err := c.frame(1 << 20)
	if err != nil {
		c.t.Fatalf("waiting for a frame: %v", err)
	}
	return f[0], f[wire.HeaderLen:]
}

// until skips to the next frame of that type.
func (c *rawClient) until(typ byte) []byte {
	c.t.Helper()
	for {
		got, body := c.next()
		if got == typ {
			return body
		}
		if got == wire.TypeErrorResponse {
			c.t.Fatalf("error while waiting for %q: %q", typ, body)
		}
	}
}

// login starts a session and returns its cancel key.
func (c *rawClient) login(pairs ...string) (cancelKey []byte) {
	c.t.Helper()
	if pairs == nil {
		pairs = []string{"user", "trust", "database", "postgres"}
	}
	c.send(startupPacket(3<<16, pairs...)...)
	cancelKey = c.until(wire.TypeBackendKeyData)
	c.until(wire.TypeReadyForQuery)
	return cancelKey
}

// wantError expects an ErrorResponse and then the end of the connection.
func (c *rawClient) wantError(code string) {
	c.t.Helper()
	for {
		typ, body := c.next()
		if typ != wire.TypeErrorResponse {
			continue
		}
		fields, err := wire.ParseErrorFields(body)
		if err != nil {
			c.t.Fatalf("%q: %v", body, err)
		}
		if got := string(fields.Get(wire.FieldCode)); got != code {
			c.t.Errorf("SQLSTATE %s (%s), want %s", got, fields.Get(wire.FieldMessage), code)
		}
		break
	}
	c.wantEnd()
}

func (c *rawClient) wantEnd() {
	c.t.Helper()
	if rest, err := io.ReadAll(c.peeked); len(rest) > 0 || err != nil && !errors.Is(err, io.EOF) && !strings.Contains(err.Error(), "reset") {
		c.t.Errorf("after the error: %q, %v", rest, err)
	}
}

func TestAStartupThatNoClientSendsIsRefused(t *testing.T) {
	p := startProxy(t, Config{ClientTLS: serverTLS(t, otherCertificate)})
	sslRequest := []byte{0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f}
	gssRequest := []byte{0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x30}
	for _, c := range []struct {
		name string
		sent []byte
		skip int    // bytes of an answer to read first
		code string // "" for silence, as PostgreSQL keeps it
	}{
		{"length too small", []byte{0, 0, 0, 7, 0, 3, 0, 0}, 0, ""},
		{"length too large", []byte{0, 0, 0x27, 0x11, 0, 3, 0, 0}, 0, ""},
		{"length of 2 GiB", []byte{0x7f, 0xff, 0xff, 0xff, 0, 3, 0, 0}, 0, ""},
		{"negative length", []byte{0xff, 0xff, 0xff, 0xff, 0, 3, 0, 0}, 0, ""},
		{"protocol 2", startupPacket(2<<16, "user", "trust"), 0, "0A000"},
		{"protocol 4", startupPacket(4<<16, "user", "trust"), 0, "0A000"},
		{"no terminator", []byte{0, 0, 0, 13, 0, 3, 0, 0, 'u', 's', 'e', 'r', 0}, 0, "08P01"},
		{"bytes after the terminator", append([]byte{0, 0, 0, 11, 0, 3, 0, 0, 0}, 1, 2), 0, "08P01"},
		{"bytes before TLS", append(bytes.Clone(sslRequest), startupPacket(3<<16, "user", "trust")...), 0, "08P01"},
		{"bytes before GSS", append(bytes.Clone(gssRequest), startupPacket(3<<16, "user", "trust")...), 0, "08P01"},
		{"GSS twice", gssRequest, 1, "0A000"},
		{"no user", startupPacket(3<<16, "database", "postgres"), 0, "28000"},
	} {
		t.Run(c.name, func(t *testing.T) {
			raw := p.raw()
			raw.t = t
			raw.send(c.sent...)
			if c.skip > 0 {
				if b, err := raw.peek(c.skip); err != nil || b[0] != 'N' {
					t.Fatalf("%q, %v", b, err)
				}
				raw.discard(c.skip)
				raw.send(c.sent...)
			}
			if c.code == "" {
				raw.wantEnd()
				return
			}
			raw.wantError(c.code)
		})
	}
}

func TestNewerProtocolVersionsAndOptionsAreNegotiatedWithTheServer(t *testing.T) {
	p := startProxy(t, Config{})
	c := p.raw()
	c.send(startupPacket(3<<16|2, "user", "trust", "database", "postgres", "_pq_.unheard_of", "1")...)
	body := c.until(wire.TypeNegotiateProtocol)
	if !bytes.Contains(body, []byte("_pq_.unheard_of")) {
		t.Errorf("the server's answer does not name the option: %q", body)
	}
	c.until(wire.TypeReadyForQuery)
}

func TestRunTimeParametersReachTheServer(t *testing.T) {
	p := startProxy(t, Config{})
	got, err := psql(t, p.DSN("trust", "sslmode=disable application_name=shop options='-c search_path=a,b'"),
		"SELECT current_setting('application_name') || ' ' || current_setting('search_path')")
	if err != nil || got != "shop a,b" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestAClientThatSaysNothingIsGivenUp(t *testing.T) {
	p := startProxy(t, Config{StartupTimeout: time.Second})
	silent, half, atPassword := p.raw(), p.raw(), p.raw()
	half.send(startupPacket(3<<16, "user", "trust")[:9]...)
	atPassword.send(startupPacket(3<<16, "user", "password", "database", "postgres")...)
	silent.wantEnd()
	half.wantEnd()
	atPassword.wantError("57014")
}

// FuzzParseStartup checks that what parses is made of the packet's own strings,
// and that nothing panics.
func FuzzParseStartup(f *testing.F) {
	f.Add(startupPacket(3<<16, "user", "a", "database", "b"))
	f.Add(startupPacket(3<<16|2, "user", "a", "replication", "database", "_pq_.x", ""))
	f.Add([]byte{0, 0, 0, 9, 0, 3, 0, 0, 0})
	f.Fuzz(func(t *testing.T, packet []byte) {
		if len(packet) < minStartup {
			return
		}
		s, err := parseStartup(packet)
		if err != nil {
			return
		}
		var pairs []string
		for i := range s.names {
			pairs = append(pairs, s.names[i], s.values[i])
		}
		again := startupPacket(binary.BigEndian.Uint32(packet[4:]), pairs...)
		if !bytes.Equal(again[4:], packet[4:]) {
			t.Errorf("%q became %q", packet, again)
		}
	})
}
