package copyformat

import (
	"fmt"
	"strings"
	"testing"
)

// read gives data to Lines in pieces of the size and writes down what they find.
func read(f *Format, version int, data string, size int) string {
	l := NewLines(f, version)
	var out strings.Builder
	show := func(e Event) {
		if e == Fault {
			fmt.Fprintf(&out, "fault %q", l.Trigger)
			return
		}
		fmt.Fprintf(&out, "%s+%d(", map[Event]string{Line: "line", Marker: "marker"}[e], l.Newlines)
		for i := range l.Fields() {
			from, to := l.Field(i)
			raw := l.Bytes()[from:to]
			value, _ := f.AppendValue(nil, raw)
			null, def := f.Marks(raw)
			fmt.Fprintf(&out, "%q=%q,%v,%v ", raw, value, null, def)
		}
		fmt.Fprintf(&out, ")%q\n", l.EOL().Bytes())
		l.Reset()
	}
	for len(data) > 0 {
		piece := []byte(data[:min(size, len(data))])
		data = data[len(piece):]
		for len(piece) > 0 {
			n, e := l.Next(piece)
			piece = piece[n:]
			if e == More {
				break
			}
			show(e)
			if e != Line {
				return out.String()
			}
		}
	}
	if e := l.End(); e != More {
		show(e)
	}
	return out.String()
}

var formats = []Format{
	Defaults(Text), Defaults(CSV),
	{Kind: Text, Delimiter: '|', Null: "nil", Default: "D", HasDefault: true},
	{Kind: CSV, Delimiter: ';', Quote: '\'', Escape: '\\', Null: "nil"},
	{Kind: CSV, Delimiter: '.', Quote: '\\', Escape: '\\'},
	{Kind: CSV, Delimiter: 'x', Quote: 'e', Escape: '5'},
}

// However data is cut into pieces, the same lines and fields are found.
func FuzzLinesInPieces(f *testing.F) {
	for _, data := range []string{
		"a\tb\\\tc\\\n\\N\n\\.\nrest", "a,\"b\"\"\n\",\r\n\\.\r\nx", "a\rb\r\n", "a\\.", "\\.x\n", "'a\\'b';nil\n", "\\.\r\r", "x\r\n\\.\rx", "\\", "a\r",
	} {
		for i := range formats {
			f.Add(data, uint8(i), uint8(1), true)
		}
	}
	f.Fuzz(func(t *testing.T, data string, format, size uint8, old bool) {
		version := 180000
		if old {
			version = 150000
		}
		x := &formats[int(format)%len(formats)]
		whole := read(x, version, data, len(data)+1)
		if got := read(x, version, data, int(size)+1); got != whole {
			t.Errorf("in pieces of %d:\n%s\nwhole:\n%s", int(size)+1, got, whole)
		}
	})
}

// What COPY TO writes of a value, COPY FROM reads as that value, in one field.
func FuzzValuesGoRound(f *testing.F) {
	for _, v := range []string{"", "a", "\\N", "a\tb\nc\rd", "\"", "'\\'", "nil", "x.;|,", "\\.", "e5e", "D"} {
		for i := range formats {
			f.Add(v, uint8(i), false, true)
		}
	}
	f.Fuzz(func(t *testing.T, value string, format uint8, force, alone bool) {
		x := &formats[int(format)%len(formats)]
		if x.Quote == '\\' || strings.Contains(value, "\x00") {
			return // nobody could read \. back
		}
		var field []byte
		if x.Kind == CSV {
			field = x.AppendQuoted(nil, []byte(value), force, alone)
		} else {
			field = x.AppendEscaped(nil, []byte(value))
		}
		if end := x.FieldEnd(field, 0); end != len(field) {
			t.Fatalf("%q ends at %d", field, end)
		}
		null, def := x.Marks(field)
		if def || null && x.Kind == CSV {
			return // PostgreSQL writes no default marker, and reads its own
		}
		if null {
			return // in the text format a null string can be a value's own text
		}
		if got, _ := x.AppendValue(nil, field); string(got) != value {
			t.Fatalf("%q is written as %q and read as %q", value, field, got)
		}
		row := append(append(append([]byte(nil), field...), x.Delimiter), 'z')
		if end := x.FieldEnd(row, 0); end != len(field) {
			t.Fatalf("%q: the first field ends at %d", row, end)
		}
		row = append(row, '\n')
		l := NewLines(x, 180000)
		if n, e := l.Next(row); n != len(row) || e != Line || l.Fields() != 2 {
			t.Fatalf("%q: %d bytes, event %d, %d fields", row, n, e, l.Fields())
		}
		if from, to := l.Field(0); string(row[from:to]) != string(field) {
			t.Fatalf("%q is found as %q", field, row[from:to])
		}
	})
}

// An envelope can be read back whatever bytes delimit and quote.
func TestByteaInEveryFormat(t *testing.T) {
	value := []byte{0, 1, 0xe5, 0x5e, 0xff}
	const text = `\x0001e55eff`
	for i := range formats {
		f := &formats[i]
		field := f.AppendBytea(nil, value)
		if end := f.FieldEnd(field, 0); end != len(field) {
			t.Errorf("format %d: %q ends at %d", i, field, end)
		}
		if got, _ := f.AppendValue(nil, field); string(got) != text {
			t.Errorf("format %d: %q is read as %q", i, field, got)
		}
	}
	f := Defaults(CSV)
	if got := string(f.AppendQuotedBytea(nil, value, 2, '\n')); got != "\"\\x0001e55eff\n\n\"" {
		t.Errorf("%q", got)
	}
}

func tuples(data string, size int) string {
	t := NewTuples(2)
	var out strings.Builder
	show := func(e Event) {
		if e == Fault {
			fmt.Fprintf(&out, "fault %q behind ", t.Trigger)
		}
		fmt.Fprintf(&out, "%d head %v %q:", e, t.Head, t.Bytes())
		for i := range t.Fields() {
			from, to, null := t.Field(i)
			fmt.Fprintf(&out, " %q %v", t.Bytes()[from:to], null)
		}
		out.WriteByte('\n')
		t.Reset()
	}
	for len(data) > 0 {
		piece := []byte(data[:min(size, len(data))])
		data = data[len(piece):]
		for len(piece) > 0 {
			n, e := t.Next(piece)
			piece = piece[n:]
			if e == More {
				break
			}
			show(e)
			if e == Fault {
				return out.String()
			}
		}
	}
	if e := t.End(); e != More {
		show(e)
	}
	return out.String()
}

// However data is cut into pieces, the same rows are found.
func FuzzTuplesInPieces(f *testing.F) {
	const head = Signature + "\x00\x00\x00\x00\x00\x00\x00\x00"
	const row = "\x00\x02\x00\x00\x00\x03abc\xff\xff\xff\xff"
	for _, data := range []string{head + row + row + "\xff\xff", head + row[:7], head[:14], head + "\x00\x03", head + "\x00\x02\xff\xff\xff\x00", head + "\xff\xffx", "text"} {
		f.Add(data, uint8(0))
	}
	f.Fuzz(func(t *testing.T, data string, size uint8) {
		whole := tuples(data, len(data)+1)
		if got := tuples(data, int(size)+1); got != whole {
			t.Errorf("in pieces of %d:\n%s\nwhole:\n%s", int(size)+1, got, whole)
		}
	})
}
