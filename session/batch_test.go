package session

import (
	"bytes"
	"strings"
	"testing"

	"pgseal/wire"
)

const (
	selectThree = `
client Query "SELECT ssn, score, photo, note FROM users"
server RowDescription ssn:20000:2:17:-1:-1:0 score:20000:4:17:-1:-1:0 photo:20000:5:17:-1:-1:0 note:20000:7:25:-1:-1:0
`
	rowsEnd = `
server CommandComplete "SELECT 9"
server ReadyForQuery I`

	goodRow   = `server DataRow hex(env(ssn, 123-45-6789)) hex(env(score, 42)) hex(env(photo, abc)) "a note"`
	nullRow   = `server DataRow NULL hex(env(score, -7)) NULL NULL`
	plainRow  = `server DataRow NULL NULL NULL "nothing sealed"`
	newKeyRow = `server DataRow hex(env(ssn, new key, 3)) hex(env(score, 43, 3)) NULL "rotated"`
	// The server escapes as bytea_output has it: what is shown follows.
	escapedRow = `server DataRow NULL NULL escaped(env(photo, def)) "escaped"`
	lostRow    = `server DataRow hex(env(ssn, lost, 9)) NULL NULL "no key"`
	movedRow   = `server DataRow hex(env(ssn, a)) hex(env(ssn, b)) NULL "not of its column"`
	plainValue = `server DataRow "plain" NULL NULL "no envelope"`
	shortRow   = `server DataRow NULL NULL NULL`
)

// escaped rewrites escaped(…) of a script to what bytea_output = escape gives.
func escaped(t *testing.T, row string) string {
	before, rest, found := strings.Cut(row, "escaped(")
	if !found {
		return row
	}
	inner, after, _ := strings.Cut(rest, "))")
	r := &scripted{world: newWorld(t)}
	var text strings.Builder
	for _, b := range r.value(inner + ")") {
		text.WriteString(`\\`)
		text.WriteByte('0' + b>>6)
		text.WriteByte('0' + b>>3&7)
		text.WriteByte('0' + b&7)
	}
	return before + `"` + text.String() + `"` + after
}

// Rows that come in one read give byte for byte what they give one by one, also
// where one of them needs a key, cannot be opened, or shows another setting.
func TestRowsOfOneReadAreWhatTheyAreOneByOne(t *testing.T) {
	rows := func(list ...string) string { return strings.Join(list, "\n") }
	many := strings.Repeat(goodRow+"\n"+nullRow+"\n", 70)
	for name, list := range map[string]string{
		"good":             rows(goodRow, nullRow, plainRow, goodRow),
		"many":             many,
		"a key to open":    rows(goodRow, newKeyRow, goodRow, newKeyRow),
		"a setting":        rows(goodRow, escapedRow, escapedRow, goodRow, escapedRow),
		"a lost key":       rows(goodRow, nullRow, lostRow, goodRow),
		"a lost key first": rows(lostRow, goodRow),
		"a moved value":    rows(many, movedRow, goodRow),
		"a plain value":    rows(goodRow, plainValue, goodRow),
		"a short row":      rows(goodRow, shortRow, goodRow),
	} {
		t.Run(name, func(t *testing.T) {
			list = escaped(t, escaped(t, escaped(t, list)))
			client, server := streams(t, selectThree+list+rowsEnd)
			whole, single := driver{world: newWorld(t)}, driver{world: newWorld(t)}
			whole.run(client, server, len(client)+len(server))
			single.feed(true, client)
			for rest := server; len(rest) > 0; {
				_, size, err := wire.Peek(rest)
				if err != nil {
					t.Fatal(err)
				}
				if n := single.feed(false, rest[:size]); n != size {
					t.Fatalf("%d of %d bytes, %v", n, size, single.err)
				}
				rest = rest[size:]
			}
			if !bytes.Equal(whole.toClient, single.toClient) {
				t.Errorf("at once:%s\n%q\none by one:%s\n%q", outline(whole.toClient), whole.toClient, outline(single.toClient), single.toClient)
			}
			if whole.err != nil {
				t.Errorf("ended with %v", whole.err)
			}
			failed := strings.Contains(outline(whole.toClient), " E")
			if failed != (strings.Contains(name, "lost") || strings.Contains(name, "value") || strings.Contains(name, "short")) {
				t.Errorf("fails: %v", failed)
			}
		})
	}
}
