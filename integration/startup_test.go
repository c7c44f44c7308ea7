package integration

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"net/url"
	"testing"
	"time"

	"pgseal/integration/harness"
	"pgseal/wire"
)

// What a client hears of a broken beginning is what PostgreSQL would have said.
func TestBrokenBeginnings(t *testing.T) {
	pair := harness.New(t, people)
	packet := func(body string) string {
		return string(binary.BigEndian.AppendUint32(nil, uint32(len(body)+4))) + body
	}
	for name, first := range map[string]string{
		"Terminate before the startup packet": "X\x00\x00\x00\x04" + packet("\x00\x03\x00\x00user\x00postgres\x00\x00"),
		"no length":                           "\x00\x00\x00\x00",
		"too short":                           "\x00\x00\x00\x04",
		"too long":                            "\x7f\xff\xff\xff",
		"HTTP":                                "GET / HTTP/1.1\r\nHost: db\r\n\r\n",
		"no terminator":                       packet("\x00\x03\x00\x00user\x00postgres\x00"),
		"no user":                             packet("\x00\x03\x00\x00database\x00postgres\x00\x00"),
		"cancel of nobody":                    packet("\x04\xd2\x16\x2e\x00\x00\x00\x01\x00\x00\x00\x02"),
		"closed in the packet":                "\x00\x00\x00\x50\x00\x03\x00\x00user",
	} {
		t.Run(name, func(t *testing.T) {
			want, got := heard(t, pair.ServerURL(), first), heard(t, pair.URL(), first)
			if !bytes.Equal(got, want) {
				t.Errorf("%q, directly %q", got, want)
			}
		})
	}
}

// heard is what a server says to the bytes until it closes, of an error its
// severity, code and message.
func heard(t *testing.T, server, first string) []byte {
	t.Helper()
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Minute))
	if _, err := io.WriteString(conn, first); err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	said, _ := io.ReadAll(conn) // closing with bytes unread resets the connection
	if typ, size, err := wire.Peek(said); err == nil && typ == wire.TypeErrorResponse && size == len(said) {
		fields, err := wire.ParseErrorFields(said[wire.HeaderLen:])
		if err != nil {
			t.Fatal(err)
		}
		return bytes.Join([][]byte{fields.Get(wire.FieldSeverityPlain), fields.Get(wire.FieldCode), fields.Get(wire.FieldMessage)}, []byte(" "))
	}
	return said
}
