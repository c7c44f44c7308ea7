package session

import (
	"bytes"
	"slices"
	"strconv"
	"unicode/utf8"

	"pgseal/logical"
	"pgseal/rewrite"
	"pgseal/wire"
)

// The server shows in an error's CONTEXT where in the data it was, and often the
// line or the value. Of sealed fields it has seen something else than the client
// sent, so the client's own is put there. It goes to no log.

// shownData is how many bytes of data the server shows in a CONTEXT.
const shownData = 100

func clipped(data []byte) string {
	if len(data) <= shownData {
		return string(data)
	}
	n := shownData
	for n > 0 && !utf8.RuneStart(data[n]) {
		n--
	}
	return string(data[:n]) + "..."
}

// place is the server's CONTEXT of a line that it could not read.
func (c *copyIn) place() string { return c.placeOf(c.number) }

func (c *copyIn) placeOf(line int) string { return "COPY " + c.plan.Relation + ", line " + itoa(line) }

// lineContext is the server's CONTEXT of a line.
func (c *copyIn) lineContext(line []byte) string {
	if text, err := c.values.Decode(line); err == nil {
		line = text
	}
	return c.place() + `: "` + clipped(line) + `"`
}

// valueContext is the server's CONTEXT of a value, which stands in c.value.
func (c *copyIn) valueContext(column *rewrite.CopyColumn) string {
	if c.tuples != nil {
		return c.place() + ", column " + column.Name
	}
	return c.place() + ", column " + column.Name + `: "` + clipped(c.value) + `"`
}

// recent remembers data by the line's number, for errors to come. The oldest is
// forgotten first.
type recent struct {
	entries     []recentData
	limit, next int32
	// from is how the data is encoded, nil if as the client is told of it.
	from *logical.Settings
}

type recentData struct {
	line int
	row  int  // as the server counts, if the data is converted
	long bool // there was more of it
	n    uint8
	text [shownData + utf8.UTFMax]byte
}

const (
	// keptLines bounds how far behind the server may be, in lines, for its errors
	// to show the client's own line. It is a few dozen KiB, during a COPY.
	keptLines = 512
	// keptSkipped is the same for values that ON_ERROR ignore has left out.
	keptSkipped = 64
)

func (r *recent) note(line, row int, data []byte) {
	if len(r.entries) < int(r.limit) {
		r.entries = append(r.entries, recentData{})
		r.next = int32(len(r.entries) - 1)
	} else if r.next++; int(r.next) >= len(r.entries) {
		r.next = 0
	}
	e := &r.entries[r.next]
	e.line, e.row, e.n, e.long = line, row, uint8(copy(e.text[:], data)), len(data) > len(e.text)
}

// forget lets go of all, these lines too: no error of the COPY comes any more.
func (c *copyIn) forget() {
	clear(c.skipped.entries)
	clear(c.lately.entries)
	*c = copyIn{}
}

// find gives what the server would have shown of the line that a CONTEXT names.
func (r *recent) find(where []byte) (string, bool) {
	for i := range r.entries {
		e := &r.entries[i]
		if !ofLine(where, e.line) {
			continue
		}
		return e.shown(r.from), true
	}
	return "", false
}

// shown is as much of the data as the server would have shown.
func (e *recentData) shown(from *logical.Settings) string {
	text := string(e.text[:e.n])
	for cut := range min(utf8.UTFMax, int(e.n)) { // the last character may be there in part
		if from == nil {
			break
		}
		if decoded, err := from.Decode(e.text[:int(e.n)-cut]); err == nil {
			text = string(decoded)
			break
		}
	}
	if e.long {
		text += "..." // longer than what is shown, anyway
	}
	return clipped([]byte(text))
}

// ofLine reports that a CONTEXT is about that line of the data, in any language.
func ofLine(where []byte, line int) bool {
	if i := bytes.IndexByte(where, '"'); i >= 0 {
		where = where[:i] // what follows is data
	}
	number := strconv.AppendInt([]byte{' '}, int64(line), 10)
	for {
		i := bytes.Index(where, number)
		if i < 0 {
			return false
		}
		where = where[i+len(number):]
		if len(where) == 0 || where[0] < '0' || where[0] > '9' {
			return true
		}
	}
}

// clientsOwn puts the client's own data into a CONTEXT of the server's that shows
// what stood in its place. copying: it is about the COPY whose data is remembered.
func (s *Session) clientsOwn(where []byte, copying bool) []byte {
	c := s.copying.in
	switch {
	case c == nil: // no COPY of the client's of late
	case bytes.Contains(where, []byte(copyMarker)):
		if text, ok := c.skipped.find(where); ok {
			return bytes.Replace(where, []byte(copyMarker), []byte(text), 1)
		}
	case copying && bytes.HasPrefix(where, []byte("COPY ")):
		from := bytes.IndexByte(where, '"')
		line, ok := c.lately.find(where)
		if !ok || from < 0 || bytes.Contains(where[:from], []byte(", column ")) {
			break
		}
		// The line reaches to the end of this CONTEXT, and may have quotes itself; others may follow.
		end := from + bytes.LastIndexByte(where[from:], '"')
		if next := bytes.Index(where[from:], []byte("\"\n")); next >= 0 && end < len(where)-1 {
			end = from + next
		}
		if end > from {
			return append(append(append([]byte(nil), where[:from+1]...), line...), where[end:]...)
		}
	}
	return where
}

// storesSingly reports that PostgreSQL would store one row after the other: it computes
// a default that is another one in each.
func (c *copyIn) storesSingly() bool {
	return c.plan != nil && slices.ContainsFunc(c.plan.Added, func(a rewrite.AddedColumn) bool { return a.UUID })
}

// withLine adds the client's line to a CONTEXT that only says which it is.
func (c *copyIn) withLine(where []byte) []byte {
	end := len(where)
	if i := bytes.IndexByte(where, '\n'); i >= 0 {
		end = i
	}
	line, ok := c.lately.find(where[:end])
	if !ok || bytes.IndexByte(where[:end], '"') >= 0 {
		return where
	}
	return append([]byte(string(where[:end])+`: "`+line+`"`), where[end:]...)
}

// encodingError is what the server says of characters that are none.
func encodingError(err error, where string) *wire.Error {
	e := *statementError(valueError(err, nil))
	e.Where = within(e.Where, where)
	return &e
}
