package session

import (
	"bytes"
	"encoding/binary"
	"testing"

	"pgseal/wire"
)

// inStream is a message of pgoutput as it comes from the server.
func inStream(message []byte) []byte {
	dst, start := wire.Begin(nil, wire.TypeCopyData)
	return wire.End(append(append(append(dst, 'w'), make([]byte, streamHeader-1)...), message...), start)
}

func message(typ byte, oid uint32, rest ...string) []byte {
	b := binary.BigEndian.AppendUint32([]byte{typ}, oid)
	for _, r := range rest {
		b = append(b, r...)
	}
	return b
}

func oidText(oid uint32) string { return string(binary.BigEndian.AppendUint32(nil, oid)) }

// streamOfUsers describes a relation of a number and a sealed text, with a row.
func streamOfUsers(w *world) (typ, relation, row []byte) {
	c := w.column("ssn")
	envelope := string(w.seal(c, keyActive, "123-45-6789"))
	typ = message('Y', c.Domain, "\x00bytea\x00")
	relation = message('R', usersOID, "public\x00users\x00d\x00\x02\x01id\x00", oidText(23), oidText(0xffffffff), "\x00ssn\x00", oidText(c.Domain), oidText(0xffffffff))
	row = message('I', usersOID, "N\x00\x02t\x00\x00\x00\x017b", oidText(uint32(len(envelope))), envelope)
	return typ, relation, row
}

func TestStreamedRowsAreOpened(t *testing.T) {
	d := driver{world: newWorld(t)}
	d.openKeys()
	d.session.copying.stream = new(rowStream)
	typ, relation, row := streamOfUsers(d.world)
	for _, m := range [][]byte{typ, relation, row} {
		d.feed(false, inStream(m))
	}
	want := append(inStream(message('R', usersOID, "public\x00users\x00d\x00\x02\x01id\x00", oidText(23), oidText(0xffffffff), "\x00ssn\x00", oidText(1043), oidText(15))),
		inStream(message('I', usersOID, "N\x00\x02t\x00\x00\x00\x017b\x00\x00\x00\x0b123-45-6789"))...)
	if d.err != nil || !bytes.Equal(d.toClient, want) {
		t.Errorf("%v\n%q\n%q", d.err, d.toClient, want)
	}
}

// A column whose domain nobody knows may be the user's own, unless it holds an envelope.
func TestStreamedEnvelopesOfUnknownColumnsEndTheStream(t *testing.T) {
	for _, c := range []struct {
		value string
		fails bool
	}{{"b\x00\x00\x00\x03abc", false}, {"t\x00\x00\x00\x04\\x00", false}, {"", true}} {
		d := driver{world: newWorld(t)}
		d.session.copying.stream = new(rowStream)
		_, _, row := streamOfUsers(d.world)
		if c.value != "" {
			row = message('I', usersOID, "N\x00\x02t\x00\x00\x00\x017", c.value)
		}
		const unknown = 99999
		d.feed(false, inStream(message('Y', unknown, "\x00bytea\x00")))
		d.feed(false, inStream(message('R', usersOID, "public\x00users\x00d\x00\x02\x01id\x00", oidText(23), oidText(0xffffffff), "\x00own\x00", oidText(unknown), oidText(0xffffffff))))
		before := len(d.toClient)
		d.feed(false, inStream(row))
		if fails := d.err != nil; fails != c.fails || fails && len(d.toClient) > before {
			t.Errorf("%q: %v, %q", c.value, d.err, d.toClient[before:])
		}
	}
}

func FuzzStreamed(f *testing.F) {
	typ, relation, row := streamOfUsers(newWorld(f))
	f.Add(typ, relation, row)
	f.Add([]byte("S\x00\x00\x00\x01\x01"), append([]byte("Y\x00\x00\x00\x01"), typ[1:]...), append([]byte("R\x00\x00\x00\x01"), relation[1:]...))
	f.Fuzz(func(t *testing.T, one, two, three []byte) {
		d := driver{world: newWorld(t)}
		d.openKeys()
		d.session.copying.stream = new(rowStream)
		for _, m := range [][]byte{one, two, three} {
			if len(m) > 0 {
				d.feed(false, inStream(m))
			}
		}
		for b := d.toClient; len(b) > 0; {
			typ, size, err := wire.Peek(b)
			if err != nil || typ != wire.TypeCopyData || size > len(b) {
				t.Fatalf("the client gets %q", b)
			}
			b = b[size:]
		}
	})
}

// What is in no form that pgoutput has could be anything.
func TestUnknownMessagesEndTheStream(t *testing.T) {
	other, start := wire.Begin(nil, wire.TypeCopyData)
	for _, m := range [][]byte{wire.End(append(other, "x1"...), start), inStream([]byte("table public.users: INSERT")), inStream([]byte("{\"change\"")), inStream([]byte("INSERT INTO users")), inStream([]byte("I\x00"))} {
		d := driver{world: newWorld(t)}
		d.session.copying.stream = new(rowStream)
		if d.feed(false, m); d.err == nil || len(d.toClient) > 0 {
			t.Errorf("%q: %v, %q", m, d.err, d.toClient)
		}
	}
}
