package logical

import (
	"bytes"
	"math"
	"slices"
	"unicode/utf8"
)

// template is format at work: what is left of the text in which values stand for %s and %L.
type template struct {
	rest []byte
	args []Value
	next int // of args
	s    *Settings
}

// placeholder is what stands behind % up to the letter. Positions count from 1; 0 is the
// next argument, and -1 none.
type placeholder struct {
	position, widthFrom int
	width               int
	left                bool
}

// fillIn is format. The first of the values is the text.
func fillIn(dst []byte, args []Value, s *Settings) ([]byte, error) {
	if args[0].Data == nil {
		return nil, nil
	}
	text, err := args[0].as(OIDText, s)
	if err != nil {
		return dst, err
	}
	t := template{rest: text, args: args[1:], s: s}
	start := len(dst)
	for {
		i := bytes.IndexByte(t.rest, '%')
		if i < 0 {
			return append(dst, t.rest...), nil
		}
		dst = append(dst, t.rest[:i]...)
		t.rest = t.rest[i+1:]
		if dst, err = t.place(dst); err != nil {
			return dst, err
		}
		if len(dst)-start > maxMade {
			return dst, tooLongText()
		}
	}
}

// place writes what stands behind a %.
func (t *template) place(dst []byte) ([]byte, error) {
	if err := t.more(); err != nil {
		return dst, err
	}
	if t.rest[0] == '%' {
		t.rest = t.rest[1:]
		return append(dst, '%'), nil
	}
	p, err := t.placeholder()
	if err != nil {
		return dst, err
	}
	_, size := utf8.DecodeRune(t.rest)
	letter := string(t.rest[:size])
	t.rest = t.rest[size:]
	switch letter {
	case "s", "L":
	case "I":
		return dst, refuse("pgseal does not know which names the server puts into quotes", "Write the name into the text itself.")
	default:
		return dst, &Error{Code: codeInvalidParameter, Message: `unrecognized format() type specifier "` + letter + `"`, Hint: hintPercent}
	}
	if p.widthFrom >= 0 {
		if p.width, err = t.widthOf(p.widthFrom); err != nil {
			return dst, err
		}
	}
	v, err := t.argument(max(p.position, 0))
	if err != nil {
		return dst, err
	}
	shown, err := t.show(v, letter == "L")
	if err != nil {
		return dst, err
	}
	return p.pad(dst, shown)
}

const hintPercent = `For a single "%" use "%%".`

// more makes sure that something follows.
func (t *template) more() error {
	if len(t.rest) == 0 {
		return &Error{Code: codeInvalidParameter, Message: "unterminated format() type specifier", Hint: hintPercent}
	}
	return nil
}

// step goes on to the next byte, of which there must be one.
func (t *template) step() error {
	t.rest = t.rest[1:]
	return t.more()
}

// number reads digits, if there are any; something follows them.
func (t *template) number() (n int, found bool, err error) {
	for isDigit(t.rest[0]) {
		n = n*10 + int(t.rest[0]-'0')
		if n > math.MaxInt32 {
			return 0, false, formatOutOfRange()
		}
		if err := t.step(); err != nil {
			return 0, false, err
		}
		found = true
	}
	return n, found, nil
}

func formatOutOfRange() error { return newError(codeNumericOutOfRange, "number is out of range") }

// dollar takes the $ that makes a number a position.
func (t *template) dollar(position int) error {
	if position == 0 {
		return newError(codeInvalidParameter, "format specifies argument 0, but arguments are numbered from 1")
	}
	return t.step()
}

// placeholder reads [position$][-][width | *[position$]].
func (t *template) placeholder() (p placeholder, err error) {
	p.widthFrom = -1
	n, found, err := t.number()
	switch {
	case err != nil:
		return p, err
	case found && t.rest[0] != '$':
		p.width = n
		return p, nil
	case found:
		p.position = n
		if err := t.dollar(n); err != nil {
			return p, err
		}
	}
	for t.rest[0] == '-' {
		p.left = true
		if err := t.step(); err != nil {
			return p, err
		}
	}
	if t.rest[0] != '*' {
		p.width, _, err = t.number()
		return p, err
	}
	if err := t.step(); err != nil {
		return p, err
	}
	n, found, err = t.number()
	switch {
	case err != nil:
		return p, err
	case found && t.rest[0] != '$':
		return p, newError(codeInvalidParameter, `width argument position must be ended by "$"`)
	case found:
		err = t.dollar(n)
	}
	p.widthFrom = n
	return p, err
}

// argument is the one at a position, after which the next one follows.
func (t *template) argument(position int) (Value, error) {
	if position > 0 {
		t.next = position - 1
	}
	if t.next >= len(t.args) {
		return Value{}, newError(codeInvalidParameter, "too few arguments for format()")
	}
	t.next++
	return t.args[t.next-1], nil
}

// widthOf is the width that an argument says.
func (t *template) widthOf(position int) (int, error) {
	v, err := t.argument(position)
	if err != nil || v.Data == nil {
		return 0, err
	}
	if familyOf(v.OID) == familyInt && v.OID != OIDInt8 {
		return int(canonicalInt(v.Data)), nil
	}
	text, err := t.show(v, false)
	if err != nil {
		return 0, err
	}
	n, err := Type{OID: OIDInt4, Typmod: -1}.AppendCanonical(nil, Value{Data: text}, Cast, t.s)
	if err != nil {
		return 0, err
	}
	return int(canonicalInt(n)), nil
}

// show is a value as it is written, or as a literal.
func (t *template) show(v Value, literal bool) ([]byte, error) {
	if v.Data == nil {
		if literal {
			return []byte("NULL"), nil
		}
		return nil, nil
	}
	text, err := Type{OID: v.OID, Typmod: -1}.AppendText(nil, v.Data, t.s)
	if err != nil || !literal {
		return text, err
	}
	return appendLiteral(nil, text), nil
}

// pad writes a text as wide as is asked for; a negative width is that of a text on the left.
func (p *placeholder) pad(dst, text []byte) ([]byte, error) {
	width, left := p.width, p.left
	if width < 0 {
		if width == math.MinInt32 {
			return dst, formatOutOfRange()
		}
		width, left = -width, true
	}
	missing := max(width-utf8.RuneCount(text), 0)
	if missing > maxMade {
		return dst, tooLongText()
	}
	blanks := bytes.Repeat([]byte(" "), missing)
	if left {
		return append(append(dst, text...), blanks...), nil
	}
	return append(append(dst, blanks...), text...), nil
}

// appendLiteral writes a text as a literal of SQL: with a backslash in it, as one with
// escapes.
func appendLiteral(dst, text []byte) []byte {
	if slices.Contains(text, '\\') {
		dst = append(dst, 'E')
	}
	dst = append(dst, '\'')
	for _, c := range text {
		if c == '\'' || c == '\\' {
			dst = append(dst, c)
		}
		dst = append(dst, c)
	}
	return append(dst, '\'')
}

// quoted is quote_literal.
func quoted(c *call) ([]byte, error) { return appendLiteral(c.dst, c.text(0)), nil }
