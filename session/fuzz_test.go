package session

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgseal/wire"
)

// driver feeds a session as an engine would and keeps what comes out.
type driver struct {
	*world
	out                Output
	toServer, toClient []byte
	err                error
}

// feed gives the session in[*n:], at most up to limit, and satisfies its needs
// as far as that can be done without the other side.
func (d *driver) feed(client bool, in []byte) (n int) {
	call := d.session.FromServer
	if client {
		call = d.session.FromClient
	}
	for tries := 0; d.err == nil && tries < 50; tries++ {
		k, need, err := call(in[n:], &d.out)
		for _, c := range d.out.ToServer() {
			d.toServer = append(d.toServer, c...)
		}
		for _, c := range d.out.ToClient() {
			d.toClient = append(d.toClient, c...)
		}
		if k < 0 || k > len(in)-n {
			d.t.Fatalf("consumed %d of %d bytes", k, len(in)-n)
		}
		n += k
		d.err = err
		switch need.Kind {
		case NeedKey:
			d.openKey(need.Key)
		case NeedCatalog:
		case NeedBytes:
			if need.Bytes <= len(in)-n {
				d.t.Fatalf("needs %d bytes and has %d", need.Bytes, len(in)-n)
			}
			return n
		default:
			return n
		}
	}
	return n
}

// run feeds both streams in turns, in chunks of the size, until nothing moves.
func (d *driver) run(client, server []byte, chunk int) {
	var c, s int
	for moved := true; moved && d.err == nil; {
		before := c + s
		c += d.stream(true, client[c:], chunk)
		s += d.stream(false, server[s:], chunk)
		moved = c+s > before
	}
}

func (d *driver) stream(client bool, in []byte, chunk int) (n int) {
	for end := 0; end < len(in) && d.err == nil; {
		end = min(end+chunk, len(in))
		n += d.feed(client, in[n:end])
	}
	return n
}

// outline is what must not depend on chunking: the frames' types and sizes.
// What they hold can differ, because envelopes hold random nonces. Data of COPY
// may be framed otherwise.
func outline(b []byte) string {
	var s strings.Builder
	copied := 0
	for len(b) > 0 {
		typ, size, err := wire.Peek(b)
		if err != nil || size == 0 || size > len(b) {
			fmt.Fprintf(&s, " rest %d", len(b))
			break
		}
		if typ == wire.TypeCopyData {
			copied += size - wire.HeaderLen
			b = b[size:]
			continue
		}
		if copied > 0 {
			fmt.Fprintf(&s, " copied %d", copied)
			copied = 0
		}
		fmt.Fprintf(&s, " %c%d", typ, size)
		b = b[size:]
	}
	return s.String()
}

// However the bytes of either side arrive, there is no panic, and the same
// comes out.
func FuzzChunking(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.txt")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, part := range strings.Split(string(text), "\nnew\n") {
			client, server := streams(f, part)
			f.Add(client, server, uint8(7))
			f.Add(client, server, uint8(1))
		}
	}
	for _, part := range []string{copyInScript, copyOutScript} {
		client, server := streams(f, part)
		f.Add(client, server, uint8(0))
	}
	f.Fuzz(func(t *testing.T, client, server []byte, chunk uint8) {
		whole := driver{world: newWorld(t)}
		whole.openKeys()
		whole.run(client, server, len(client)+len(server)+1)
		pieces := driver{world: newWorld(t)}
		pieces.openKeys()
		pieces.run(client, server, int(chunk)+1)
		if (whole.err == nil) != (pieces.err == nil) {
			t.Fatalf("whole: %v, in pieces: %v", whole.err, pieces.err)
		}
		if whole.err != nil {
			return
		}
		if a, b := outline(whole.toServer), outline(pieces.toServer); a != b {
			t.Fatalf("to server, whole:%s\nin pieces:%s", a, b)
		}
		if a, b := outline(whole.toClient), outline(pieces.toClient); a != b {
			t.Fatalf("to client, whole:%s\nin pieces:%s", a, b)
		}
		whole.session.ReleaseBuffers()
		whole.session.Idle()
	})
}

// streams are all frames of a script, each side's one after the other.
func streams(t testing.TB, script string) (client, server []byte) {
	r := &scripted{world: newWorld(t)}
	for line := range strings.Lines(script) {
		line = strings.TrimRight(line, "\n")
		word, rest, _ := strings.Cut(line, " ")
		switch word {
		case "client":
			client = append(client, r.clientFrame(r.fields(rest))...)
		case "server":
			server = append(server, r.serverFrame(r.fields(rest))...)
		}
	}
	return client, server
}

// A value sealed for one session opens in the next, whatever its bytes are, and
// never leaves in clear.
func FuzzSealOpen(f *testing.F) {
	f.Add("123-45-6789")
	f.Add("")
	f.Add(`'; DROP TABLE users; --`)
	f.Add("\xe5\x01\x00\x00")
	f.Fuzz(func(t *testing.T, value string) {
		d := driver{world: newWorld(t)}
		d.openKeys()
		in := wire.AppendParse(nil, "", "INSERT INTO users (ssn) VALUES ($1)", nil)
		d.feed(true, in)
		bind, start := wire.Begin(nil, 'B')
		bind = append(bind, 0, 0, 0, 0, 0, 1)
		bind = wire.AppendValue(bind, []byte(value))
		bind = wire.End(append(bind, 0, 0), start)
		d.toServer = nil
		d.feed(true, bind)
		if d.err != nil {
			t.Fatal(d.err)
		}
		// What goes in the place of a refused Bind is the same for all values.
		sent := bytes.ReplaceAll(bytes.ReplaceAll(d.toServer, []byte(failingText), nil), []byte(failingName), nil)
		if len(value) > 3 && !strings.Contains(value, "\x00") && bytes.Contains(sent, []byte(value)) {
			t.Fatal("the value left in clear")
		}
		if d.toServer[0] != 'B' {
			return // refused: too long, not UTF-8
		}
		m, err := wire.ParseBind(d.toServer[wire.HeaderLen:])
		if err != nil {
			t.Fatal(err)
		}
		it := m.Params.Iter()
		sealed, _ := it.Next()

		d = driver{world: newWorld(t)}
		d.openKeys()
		d.feed(true, wire.AppendQuery(nil, "SELECT ssn FROM users"))
		field := wire.Field{Name: []byte("ssn"), Table: usersOID, AttNum: 2, Type: 17, TypLen: -1, TypMod: -1, Format: 1}
		desc, start := wire.Begin(nil, 'T')
		d.feed(false, wire.End(field.Append(wire.AppendCount(desc, 1)), start))
		row, start := wire.Begin(nil, 'D')
		row = wire.End(wire.AppendValue(wire.AppendCount(row, 1), sealed), start)
		d.toClient = nil
		d.feed(false, row)
		v, err := wire.ParseDataRow(d.toClient[wire.HeaderLen:])
		if err != nil {
			t.Fatal(err)
		}
		it = v.Iter()
		// varchar(11) cuts trailing blanks.
		if opened, _ := it.Next(); strings.TrimRight(string(opened), " ") != strings.TrimRight(value, " ") {
			t.Fatalf("%q opened as %q", value, opened)
		}
	})
}
