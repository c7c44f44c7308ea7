package rewrite

import (
	"bytes"
	"strconv"
	"unicode/utf8"
)

// segments gives the raw content of each piece of a string token, between its
// quotes, escapes as they are written.
func segments(text []byte, t token, yield func(start, end int)) {
	switch t.kind {
	case tokenDollarString:
		tag := bytes.IndexByte(text[t.start+1:t.end], '$') + 2
		yield(int(t.start)+tag, int(t.end)-tag)
	case tokenString, tokenBackslashString, tokenOldString, tokenEscapeString, tokenUnicodeString:
		l := lexer{text: text[:t.end], pos: int(t.start) + 1}
		switch t.kind {
		case tokenEscapeString:
			l.pos++
		case tokenUnicodeString:
			l.pos += 2
		}
		for {
			start := l.pos
			for l.text[l.pos] != '\'' || l.at(l.pos+1) == '\'' {
				if l.text[l.pos] == '\'' || l.text[l.pos] == '\\' && (t.kind == tokenEscapeString || t.kind == tokenOldString) {
					l.pos++
				}
				l.pos++
			}
			end := l.pos
			l.pos++
			yield(start, end)
			if !l.nextSegment() {
				return
			}
		}
	}
}

// masked copies a text with the content of its strings replaced by letters, and
// comments by blanks, of the same length. So neither the parser nor what it says
// of an error ever sees a value, and bytes of any encoding can stand there. (The
// parser also takes comments between the pieces of a string for an error.)
func masked(text []byte, tokens []token) []byte {
	out := bytes.Clone(text)
	fill := func(start, end int, with byte) {
		for i := start; i < end; i++ {
			if out[i] != '\n' && out[i] != '\r' || with != ' ' {
				out[i] = with
			}
		}
	}
	gap := 0
	for _, t := range tokens {
		fill(gap, int(t.start), ' ')
		gap = int(t.end)
		if !t.kind.isString() {
			continue
		}
		behind := -1 // the closing quote of the piece before
		segments(text, t, func(start, end int) {
			if behind >= 0 {
				fill(behind+1, start-1, ' ')
			}
			fill(start, end, 'x')
			behind = end
		})
	}
	fill(gap, len(out), ' ')
	return out
}

// appendString appends the value of a string token. ok is false for an escape
// that PostgreSQL refuses.
func appendString(dst, text []byte, t token) (value []byte, ok bool) {
	ok = true
	escape := byte('\\')
	if t.kind == tokenUnicodeString {
		escape, ok = unicodeEscape(text[t.start:t.end])
	}
	start := len(dst)
	segments(text, t, func(from, to int) {
		raw := text[from:to]
		switch t.kind {
		case tokenDollarString:
			dst = append(dst, raw...)
		case tokenEscapeString, tokenOldString:
			var good bool
			dst, good = appendEscaped(dst, raw)
			ok = ok && good
		default:
			dst = appendQuoted(dst, raw)
		}
	})
	if ok && t.kind == tokenUnicodeString {
		return appendUnicode(dst[:start], bytes.Clone(dst[start:]), escape)
	}
	return dst, ok
}

// appendQuoted undoubles the quotes.
func appendQuoted(dst, raw []byte) []byte {
	for {
		i := bytes.IndexByte(raw, '\'')
		if i < 0 {
			return append(dst, raw...)
		}
		dst = append(dst, raw[:i+1]...)
		raw = raw[i+2:]
	}
}

// appendEscaped reads one piece of an E string.
func appendEscaped(dst, raw []byte) ([]byte, bool) {
	high := rune(0) // the first half of a surrogate pair, waiting for the second
	for i := 0; i < len(raw); {
		c := raw[i]
		unicode := c == '\\' && i+1 < len(raw) && raw[i+1]|0x20 == 'u'
		if high != 0 && !unicode {
			return dst, false
		}
		if c == '\'' {
			dst = append(dst, c)
			i += 2
			continue
		}
		if c != '\\' || i+1 >= len(raw) {
			dst = append(dst, c)
			i++
			continue
		}
		c = raw[i+1]
		i += 2
		switch c {
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'v':
			return dst, false // a v to older servers, a vertical tab to newer ones
		case '0', '1', '2', '3', '4', '5', '6', '7':
			n := int(c - '0')
			for k := 0; k < 2 && i < len(raw) && raw[i] >= '0' && raw[i] <= '7'; k++ {
				n = n<<3 | int(raw[i]-'0')
				i++
			}
			if byte(n) == 0 {
				return dst, false
			}
			dst = append(dst, byte(n))
		case 'x':
			n, k := 0, 0
			for ; k < 2 && i < len(raw) && class[raw[i]]&classHex != 0; k++ {
				n = n<<4 | hexDigit(raw[i])
				i++
			}
			if k == 0 {
				dst = append(dst, 'x')
				continue
			}
			if n == 0 {
				return dst, false
			}
			dst = append(dst, byte(n))
		case 'u', 'U':
			digits := 4
			if c == 'U' {
				digits = 8
			}
			r, ok := hexRune(raw[i:], digits)
			if !ok {
				return dst, false
			}
			i += digits
			if dst, high, ok = appendCodePoint(dst, r, high); !ok {
				return dst, false
			}
		default:
			dst = append(dst, c)
		}
	}
	return dst, high == 0
}

// appendCodePoint appends one code point or half of one.
func appendCodePoint(dst []byte, r, high rune) (out []byte, waiting rune, ok bool) {
	switch {
	case r >= 0xd800 && r < 0xdc00:
		return dst, r, high == 0
	case r >= 0xdc00 && r < 0xe000:
		return utf8.AppendRune(dst, (high-0xd800)<<10+(r-0xdc00)+0x10000), 0, high != 0
	}
	return utf8.AppendRune(dst, r), 0, high == 0 && r > 0 && r <= utf8.MaxRune
}

func hexDigit(c byte) int {
	if c <= '9' {
		return int(c - '0')
	}
	return int(c|0x20-'a') + 10
}

func hexRune(raw []byte, digits int) (r rune, ok bool) {
	if len(raw) < digits {
		return 0, false
	}
	n := int64(0)
	for _, c := range raw[:digits] {
		if class[c]&classHex == 0 {
			return 0, false
		}
		n = n<<4 | int64(hexDigit(c))
	}
	if n > utf8.MaxRune {
		return 0, false
	}
	return rune(n), true
}

// unicodeEscape finds the escape character of a U& string.
func unicodeEscape(t []byte) (byte, bool) {
	if t[len(t)-1] != '\'' {
		return 0, false
	}
	l := lexer{text: t, pos: 3}
	l.quoted('\'')
	l.continued()
	if l.pos >= len(t) {
		return '\\', true
	}
	l.next() // UESCAPE
	c, ok := l.next()
	content := t[c.start:c.end]
	if !ok || len(content) != 3 || content[0] != '\'' {
		return 0, false
	}
	e := content[1]
	if class[e]&(classHex|classSpace) != 0 || e == '+' || e == '\'' || e == '"' || e >= utf8.RuneSelf {
		return 0, false
	}
	return e, true
}

// appendUnicode reads the escapes of a U& string whose quotes are undoubled.
func appendUnicode(dst, s []byte, escape byte) ([]byte, bool) {
	high := rune(0)
	for i := 0; i < len(s); {
		if s[i] != escape {
			if high != 0 {
				return dst, false
			}
			dst = append(dst, s[i])
			i++
			continue
		}
		if i+1 < len(s) && s[i+1] == escape {
			if high != 0 {
				return dst, false
			}
			dst = append(dst, escape)
			i += 2
			continue
		}
		i++
		digits := 4
		if i < len(s) && s[i] == '+' {
			i++
			digits = 6
		}
		r, ok := hexRune(s[i:], digits)
		if !ok {
			return dst, false
		}
		i += digits
		if dst, high, ok = appendCodePoint(dst, r, high); !ok {
			return dst, false
		}
	}
	return dst, high == 0
}

// bits gives the value of B'…' or X'…' as the parser hands it over: b101, x1F.
func bits(s string) string {
	if s == "" || s[0]|0x20 != 'x' {
		return s[min(len(s), 1):]
	}
	var b []byte
	for _, c := range []byte(s[1:]) {
		for d, k := hexDigit(c), 3; k >= 0; k-- {
			b = append(b, '0'+byte(d>>k&1))
		}
	}
	return string(b)
}

// OIDs of the types that PostgreSQL gives to literals.
const (
	oidBool    = 16
	oidName    = 19
	oidInt8    = 20
	oidInt4    = 23
	oidUnknown = 705
	oidNumeric = 1700
)

// numberType is the type that PostgreSQL gives to a numeric literal.
func numberType(number []byte) uint32 {
	n, err := strconv.ParseInt(view(number), 10, 64)
	switch {
	case err != nil:
		return oidNumeric
	case n >= -1<<31 && n < 1<<31:
		return oidInt4
	}
	return oidInt8
}
