package session

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"pgseal/wire"
)

// A SELECT that has had a large answer goes in the extended protocol, and the
// client gets what it gets of the plaintext database, errors and what they leave
// behind included.
func TestLargeAnswersComeInBinary(t *testing.T) {
	for _, chunk := range []int{32 << 10, 7} {
		c := newCopyTwin(t, chunk)
		var data strings.Builder
		for i := range 1200 {
			fmt.Fprintf(&data, "%d\tcanary %d\t%d\t2001-02-03\t\\N\n", i, i, i%97)
		}
		c.copyIn(copied, data.String(), 1<<20)
		const rows = "SELECT id, name, age, born, photo, weight, note FROM people"
		upgraded := func(sql string) {
			t.Helper()
			c.sealed.sent = c.sealed.sent[:0]
			c.same(sql)
			if !bytes.Contains(c.sealed.sent, []byte("\x00"+sql+"\x00\x00\x00B")) {
				t.Errorf("%s: the server got %.100q", sql, c.sealed.sent)
			}
		}
		c.same(rows)
		upgraded(rows)
		c.same(rows + " WHERE id < 5")
		c.same("BEGIN")
		upgraded(rows)
		// Neither the unnamed statement nor the unnamed portal is left.
		for _, frames := range [][]byte{
			appendPlainBind(wire.AppendParse(nil, "", "SELECT 1", nil), "", ""),
			appendPlainBind(nil, "", ""), wire.AppendExecute(nil, "", 0), wire.AppendTarget(nil, wire.TypeDescribe, 'S', ""),
		} {
			c.same("SAVEPOINT s")
			upgraded(rows)
			if want, got := c.ask(wire.AppendEmpty(frames, wire.TypeSync), "Z"); got != want {
				t.Errorf("%q\nplain:\n%s\nsealed:\n%s", frames, want, got)
			}
			c.same("ROLLBACK TO s")
		}
		c.same("COMMIT")
		// Errors while the rows come, and before.
		divides := "SELECT name, age, born, 1/(id - %d) FROM people WHERE id > '%s'"
		for _, around := range [][2]string{{"SELECT 1", "SELECT 2"}, {"BEGIN", "ROLLBACK"}} {
			for _, wrong := range []string{fmt.Sprintf(divides, 1150, "-1"), fmt.Sprintf(divides, 5000, "x")} {
				c.same(fmt.Sprintf(divides, 5000, "-1"))
				c.same(around[0])
				upgraded(wrong)
				c.same("SELECT id FROM people WHERE id = 3")
				c.same(around[1])
			}
		}
		for _, text := range []string{rows, rows + ";", rows + " WHERE id = $1", rows + "; " + rows} {
			c.same(text)
			c.same(text)
		}
		if bytes.Contains(c.sealed.sent, []byte("canary")) {
			t.Error("a plaintext went to the server")
		}
	}
}

// What the server finds at the commit comes instead of the end, and what it says
// then comes behind it.
func TestLargeAnswersEndWhenTheyAreCommitted(t *testing.T) {
	c := newCopyTwin(t, 32<<10)
	var data strings.Builder
	for i := range 1200 {
		fmt.Fprintf(&data, "%d\tcanary %d\t%d\t2001-02-03\t\\N\n", i, i, i%97)
	}
	c.copyIn(copied, data.String(), 1<<20)
	c.same("LISTEN late")
	const writes = "SELECT name, age, born, late(%d) FROM people WHERE id > %d"
	c.same(fmt.Sprintf(writes, 0, 0))
	for _, n := range []int{1, 1001, 2, 1002} {
		for _, from := range []int{0, 1198} { // all rows store n, or one
			c.sealed.sent = c.sealed.sent[:0]
			c.same(fmt.Sprintf(writes, n, from))
			if bytes.HasPrefix(c.sealed.sent, []byte("Q")) {
				t.Errorf("the server got %.100q", c.sealed.sent)
			}
			c.same("SELECT id FROM people WHERE id = 3")
			c.same(fmt.Sprintf(writes, 0, 0))
		}
	}
	c.same("UNLISTEN late; TRUNCATE late; RESET application_name")
}

// A row that does not open fails the statement, and the transaction.
func TestLargeAnswersThatDoNotOpen(t *testing.T) {
	const text = "SELECT ssn, score FROM users WHERE id > 0"
	for _, status := range []string{"I", "T"} {
		d := &driver{world: newWorld(t)}
		d.openKeys()
		begin := script(t, "client Query \"BEGIN\"\nserver CommandComplete \"BEGIN\"\nserver ReadyForQuery "+status)
		d.round(t, begin)
		first := script(t, `
client Query "`+text+`"
server RowDescription ssn:20000:2:17:-1:-1:0 score:20000:4:17:-1:-1:0`)
		row := script(t, "server DataRow hex(env(ssn, 123-45-6789)) hex(env(score, 42))").server
		first.server = append(first.server, bytes.Repeat(row, 1+largeText/len(row))...)
		first.server = append(first.server, script(t, "server CommandComplete \"SELECT 1\"\nserver ReadyForQuery "+status).server...)
		d.round(t, first)
		d.toServer, d.toClient = nil, nil
		d.feed(true, wire.AppendQuery(nil, text))
		if types := frameTypes(d.toServer); types != "PBDECCS" {
			t.Fatalf("the server got %s", types)
		}
		good := script(t, "server DataRow env(ssn, 123-45-6789) env(score, 42)").server
		d.feed(false, script(t, `
server ParseComplete
server BindComplete
server RowDescription ssn:20000:2:17:-1:-1:1 score:20000:4:17:-1:-1:1`).server)
		d.feed(false, good)
		bad := bytes.Clone(good)
		bad[len(bad)-1] ^= 1
		d.feed(false, bad)
		d.feed(false, good)
		d.feed(false, script(t, "server CommandComplete \"SELECT 3\"\nserver CloseComplete\nserver CloseComplete\nserver ReadyForQuery "+status).server)
		want := "TDEZ"
		if status == "T" {
			want = "TDE" // until the server's transaction is aborted
		}
		if types := frameTypes(d.toClient); types != want || !bytes.Contains(d.toClient, []byte(codeDataCorrupted)) {
			t.Errorf("in %s the client got %s %q", status, types, d.toClient)
		}
		if status == "T" {
			if types := frameTypes(d.toServer); types != "PBDECCSQ" {
				t.Errorf("the server got %s", types)
			}
			failed := (&wire.Error{Code: codeUndefinedColumn, Message: failingColumn}).Append(nil)
			d.feed(false, append(failed, "Z\x00\x00\x00\x05E"...))
			if types := frameTypes(d.toClient); types != "TDEZ" {
				t.Errorf("the client got %s", types)
			}
		}
		if d.err != nil || d.session.front() != nil {
			t.Errorf("in %s: %v, %d requests are left", status, d.err, d.session.fifo.len())
		}
	}
}

// frameTypes are the types of frames, in order.
func frameTypes(b []byte) (types string) {
	for len(b) > 0 {
		typ, size, err := wire.Peek(b)
		if err != nil || size == 0 || size > len(b) {
			return types + "?"
		}
		types += string(typ)
		b = b[size:]
	}
	return types
}
