package copyformat

import "strings"

// Event is what the bytes given to Lines came to.
type Event uint8

const (
	// More: the line has not ended yet.
	More Event = iota
	// Line: a line is whole.
	Line
	// Marker: \. has ended the data; what stands before it in its line, mostly
	// nothing, is the last line.
	Marker
	// Fault: PostgreSQL refuses to read on. Trigger has what makes it say so.
	Fault
)

// EOL is how lines end. The first line decides.
type EOL uint8

// The ends of lines.
const (
	EOLUnknown EOL = iota
	EOLNewline
	EOLReturn
	EOLBoth
)

// Bytes are the bytes that end a line; none while the kind is not known.
func (e EOL) Bytes() string { return [...]string{"", "\n", "\r", "\r\n"}[e] }

// state is what the bytes before leave to be decided.
type state uint8

const (
	normal    state = iota
	backslash       // behind a backslash that escapes or may begin a marker
	dot             // behind \.
	dotReturn       // behind \. and a carriage return, where lines end with both
	carriage        // behind a carriage return that may be one of two
)

// Lines finds the lines of COPY FROM's text and CSV formats, and their fields, in
// data that comes in any pieces. Its memory is one line.
type Lines struct {
	format *Format
	// markers: \. alone on a line ends CSV data too (before PostgreSQL 18).
	// Otherwise it must stand alone in the text format.
	markers bool

	special [256]bool
	escape  byte // CSV: zero if it is the quote itself
	eol     EOL
	state   state
	quoted  bool // CSV: inside quotes
	escaped bool // CSV: behind an escape inside quotes

	line  []byte // of a line that came in pieces, or Hold
	whole []byte
	ends  []int // of the fields, in the line
	base  int   // bytes of the line before the piece at hand
	// Newlines counts ends of lines inside quotes, which PostgreSQL counts too;
	// Counted is the byte that is counted for one.
	Newlines int
	Counted  byte
	// Trigger is set with Fault.
	Trigger string
}

// versionWithoutMarkers is the server_version_num from which \. does not end CSV
// data, and must stand alone in its line in the text format.
const versionWithoutMarkers = 180000

// NewLines reads the format; version is the server's server_version_num.
func NewLines(f *Format, version int) *Lines {
	l := &Lines{format: f, markers: version < versionWithoutMarkers}
	for _, c := range []byte{'\n', '\r', f.Delimiter} {
		l.special[c] = true
	}
	if f.Kind == CSV {
		l.special[f.Quote] = true
		if f.Escape != f.Quote {
			l.escape = f.Escape
			l.special[f.Escape] = true
		}
		if l.markers {
			l.special['\\'] = true
		}
	} else {
		l.special['\\'] = true
	}
	return l
}

// Fields is how many fields the line has.
func (l *Lines) Fields() int { return len(l.ends) }

// Field gives the bounds of a field in the line.
func (l *Lines) Field(i int) (from, to int) {
	if i > 0 {
		from = l.ends[i-1] + 1
	}
	return from, l.ends[i]
}

// Bytes is the line without its end. It is valid until the next call of Next,
// and as long as what was given to the last one, unless Hold has been called.
func (l *Lines) Bytes() []byte { return l.whole }

// Hold keeps the line for longer than the bytes it was found in.
func (l *Lines) Hold() {
	if len(l.line) == 0 {
		l.line = append(l.line, l.whole...)
		l.whole = l.line
	}
}

// Pending is how many bytes of an unfinished line there are.
func (l *Lines) Pending() int { return l.base }

// Unclosed reports that the line ends inside quotes.
func (l *Lines) Unclosed() bool { return l.quoted }

// EOL is how lines end.
func (l *Lines) EOL() EOL { return l.eol }

// Reset forgets the line that Next has given; whoever has worked it off calls it.
func (l *Lines) Reset() {
	if cap(l.line) > keptLine {
		l.line = nil
	}
	l.line, l.whole, l.ends = l.line[:0], nil, l.ends[:0]
	l.base, l.Newlines, l.state, l.quoted, l.escaped = 0, 0, normal, false, false
}

// keptLine is how long a buffer in bytes is kept after a long line.
const keptLine = 64 << 10

// Next takes bytes of b up to the end of a line.
func (l *Lines) Next(b []byte) (n int, e Event) {
	i := 0
	for {
		switch l.state {
		case normal:
			if l.format.Kind == CSV {
				i, e = l.csv(b, i)
			} else {
				i, e = l.text(b, i)
			}
		case carriage:
			if i == len(b) {
				break
			}
			i, e = l.afterReturn(b, i)
		default:
			if i == len(b) {
				break
			}
			i, e = l.afterBackslash(b, i)
		}
		switch {
		case e != More:
			return i, e
		case i == len(b):
			l.line = append(l.line, b...)
			l.base += len(b)
			return i, More
		}
	}
}

// finish makes the line of what came before and b[:to].
func (l *Lines) finish(b []byte, to int) {
	l.ends = append(l.ends, l.base+to)
	switch {
	case to < 0: // what ends the line began in an earlier piece
		l.line = l.line[:len(l.line)+to]
		l.whole = l.line
	case len(l.line) > 0:
		l.line = append(l.line, b[:to]...)
		l.whole = l.line
	default:
		l.whole = b[:to]
	}
}

func (l *Lines) text(b []byte, i int) (int, Event) {
	special := &l.special
	for ; i < len(b); i++ {
		c := b[i]
		if !special[c] {
			continue
		}
		switch c {
		case '\\':
			l.state = backslash
			return i + 1, More
		case '\n':
			return l.newline(b, i)
		case '\r':
			return l.carriageReturn(b, i)
		default:
			l.ends = append(l.ends, l.base+i)
		}
	}
	return i, More
}

func (l *Lines) csv(b []byte, i int) (int, Event) {
	special := &l.special
	for {
		from := i
		for i < len(b) && !special[b[i]] {
			i++
		}
		if i > from {
			l.escaped = false
		}
		if i == len(b) {
			return i, More
		}
		c := b[i]
		if c == '\\' && l.base+i == 0 && l.markers {
			l.state = backslash
			return i + 1, More
		}
		if l.quoted && c == l.escape && l.escape != 0 {
			l.escaped = !l.escaped
		}
		if c == l.format.Quote && !l.escaped {
			l.quoted = !l.quoted
		}
		if c != l.escape || l.escape == 0 {
			l.escaped = false
		}
		switch {
		case l.quoted:
			if c == '\n' && l.eol == EOLNewline || c == '\r' && l.eol != EOLNewline {
				l.Newlines++
				l.Counted = c
			}
		case c == l.format.Delimiter:
			l.ends = append(l.ends, l.base+i)
		case c == '\n':
			return l.newline(b, i)
		case c == '\r':
			return l.carriageReturn(b, i)
		}
		i++
	}
}

// newline is a newline that is not data.
func (l *Lines) newline(b []byte, i int) (int, Event) {
	if l.eol == EOLReturn || l.eol == EOLBoth {
		// Behind a carriage return alone it would end that line.
		return l.fault(i, l.filler()+"\n")
	}
	l.eol = EOLNewline
	l.finish(b, i)
	return i + 1, Line
}

// carriageReturn is a carriage return that is not data.
func (l *Lines) carriageReturn(b []byte, i int) (int, Event) {
	switch l.eol {
	case EOLNewline:
		return l.fault(i, "\r")
	case EOLReturn:
		l.finish(b, i)
		return i + 1, Line
	}
	l.state = carriage
	return i + 1, More
}

// afterReturn decides about a carriage return by what follows.
func (l *Lines) afterReturn(b []byte, i int) (int, Event) {
	switch {
	case b[i] == '\n':
		l.eol = EOLBoth
		l.finish(b, i-1)
		return i + 1, Line
	case l.eol == EOLBoth:
		return l.fault(i, "\rx")
	}
	l.eol = EOLReturn
	l.finish(b, i-1)
	return i, Line
}

// filler is a byte that means nothing.
func (l *Lines) filler() string {
	for _, c := range []byte("0123") {
		if f := l.format; c != f.Delimiter && c != f.Quote && c != f.Escape {
			return string(c)
		}
	}
	return "x" // never: three bytes have a meaning
}

// Fault is what PostgreSQL says of data that it refuses to read on.
func (l *Lines) Fault() (message, hint string) {
	at := strings.IndexByte(l.Trigger, '.')
	switch {
	case at == 2, at > 0 && l.Trigger[len(l.Trigger)-1] == 'x' && !l.markers:
		return "end-of-copy marker is not alone on its line", "" // corrupt ones, too, from version 18 on
	case at > 0 && l.Trigger[len(l.Trigger)-1] == 'x':
		return "end-of-copy marker corrupt", ""
	case at > 0:
		return "end-of-copy marker does not match previous newline style", ""
	}
	what, escape := "carriage return", `\r`
	if l.Trigger[0] != '\r' {
		what, escape = "newline", `\n`
	}
	if l.format.Kind == CSV {
		return "unquoted " + what + " found in data", "Use quoted CSV field to represent " + what + "."
	}
	return "literal " + what + " found in data", "Use \"" + escape + "\" to represent " + what + "."
}

func (l *Lines) fault(i int, trigger string) (int, Event) {
	l.Trigger = trigger
	return i, Fault
}

// afterBackslash decides what a backslash means by what follows.
func (l *Lines) afterBackslash(b []byte, i int) (int, Event) {
	c := b[i]
	csv := l.format.Kind == CSV
	switch l.state {
	case backslash:
		switch {
		case c == '.':
			l.state = dot
			return i + 1, More
		case !csv:
			l.state = normal
			return i + 1, More
		}
		return l.data(i)
	case dot:
		switch {
		case l.eol == EOLBoth && c == '\r':
			l.state = dotReturn
			return i + 1, More
		case l.eol == EOLBoth && c == '\n' && !csv:
			return l.fault(i, "\\.\n")
		case l.eol == EOLBoth || c != '\r' && c != '\n':
			if csv {
				return l.data(i)
			}
			return l.fault(i, `\.x`)
		case l.eol == EOLNewline && c == '\r':
			return l.fault(i, "\\.\r")
		case l.eol == EOLReturn && c == '\n':
			return l.fault(i, "\\.\n")
		}
		return l.marker(b, i, 2)
	}
	// behind \. and a carriage return
	switch {
	case c == '\n':
		return l.marker(b, i, 3)
	case c == '\r':
		return l.fault(i, "\\.\r\r")
	case csv:
		// Data after all, and with it the carriage return.
		return l.fault(i, "\rx")
	}
	return l.fault(i, "\\.\rx")
}

// data goes on behind a backslash at the beginning of a CSV line, and perhaps a
// dot, that are data.
func (l *Lines) data(i int) (int, Event) {
	l.begins('\\', 0)
	if l.state == dot {
		l.begins('.', 1)
	}
	l.state = normal
	return i, More
}

// begins is one of the first bytes of a CSV line, which can be anything but the
// end of a line.
func (l *Lines) begins(c byte, at int) {
	switch {
	case c == l.format.Quote:
		l.quoted = !l.quoted
	case c == l.format.Delimiter && !l.quoted:
		l.ends = append(l.ends, at)
	}
}

// marker ends the data. size is how long the marker is before b[i].
func (l *Lines) marker(b []byte, i, size int) (int, Event) {
	if !l.markers && l.base+i > size {
		l.Trigger = "x\\." + string(b[i])
		return i, Fault
	}
	l.finish(b, i-size)
	return i + 1, Marker
}

// End is the end of the data.
func (l *Lines) End() Event {
	switch l.state {
	case carriage:
		if l.eol == EOLBoth {
			l.Trigger = "\rx"
			return Fault
		}
		l.eol = EOLReturn
		l.finish(nil, -1)
		return Line
	case dot, dotReturn:
		if l.format.Kind != CSV {
			l.Trigger = `\.x`
			return Fault
		}
		if l.state == dotReturn {
			l.Trigger = "\rx"
			return Fault
		}
		l.data(0)
	case backslash:
		if l.format.Kind == CSV {
			l.data(0)
		}
	}
	if l.base == 0 {
		return More
	}
	l.finish(nil, 0)
	return Line
}
