package copyformat

import (
	"bytes"

	"pgseal/logical"
)

// AppendValue appends what a field that is neither null nor a default stands
// for. bytes, as opposed to characters that stood there, says that an escape has
// made a byte above 0x7f, or zero, so that the result may not be text.
func (f *Format) AppendValue(dst, raw []byte) (out []byte, made bool) {
	if f.Kind == CSV {
		return f.unquote(dst, raw), false
	}
	return unescape(dst, raw)
}

// Verbatim reports that a field stands for itself, byte for byte.
func (f *Format) Verbatim(raw []byte) bool {
	if f.Kind == CSV {
		return bytes.IndexByte(raw, f.Quote) < 0
	}
	return bytes.IndexByte(raw, '\\') < 0
}

// unescape reads a field of the text format.
func unescape(dst, raw []byte) (out []byte, made bool) {
	for i := 0; i < len(raw); {
		c := raw[i]
		i++
		if c != '\\' {
			dst = append(dst, c)
			continue
		}
		if i == len(raw) {
			break // PostgreSQL drops it
		}
		c = raw[i]
		i++
		switch c {
		case '0', '1', '2', '3', '4', '5', '6', '7':
			c -= '0'
			for n := 0; n < 2 && i < len(raw) && raw[i] >= '0' && raw[i] <= '7'; n++ {
				c = c<<3 | (raw[i] - '0')
				i++
			}
			made = made || c == 0 || c >= 0x80
		case 'x':
			v, n := 0, 0
			for ; n < 2 && i < len(raw) && hexValue(raw[i]) >= 0; n++ {
				v = v<<4 | hexValue(raw[i])
				i++
			}
			if n > 0 {
				c = byte(v)
				made = made || c == 0 || c >= 0x80
			}
		case 'b':
			c = '\b'
		case 'f':
			c = '\f'
		case 'n':
			c = '\n'
		case 'r':
			c = '\r'
		case 't':
			c = '\t'
		case 'v':
			c = '\v'
		}
		dst = append(dst, c)
	}
	return dst, made
}

func hexValue(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// unquote reads a field of the CSV format. One whose quotes do not close ends
// with the field.
func (f *Format) unquote(dst, raw []byte) []byte {
	quoted := false
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		switch {
		case !quoted:
			if c == f.Quote {
				quoted = true
				continue
			}
		case c == f.Escape && i+1 < len(raw) && (raw[i+1] == f.Escape || raw[i+1] == f.Quote):
			i++
			c = raw[i]
		case c == f.Quote:
			quoted = false
			continue
		}
		dst = append(dst, c)
	}
	return dst
}

// AppendEscaped appends a value as COPY TO writes it in the text format.
func (f *Format) AppendEscaped(dst, value []byte) []byte {
	from := 0
	for i, c := range value {
		if c >= ' ' && c != '\\' && c != f.Delimiter {
			continue
		}
		var e byte
		switch c {
		case '\b':
			e = 'b'
		case '\f':
			e = 'f'
		case '\n':
			e = 'n'
		case '\r':
			e = 'r'
		case '\t':
			e = 't'
		case '\v':
			e = 'v'
		case '\\', f.Delimiter:
			e = c
		default:
			continue
		}
		dst = append(dst, value[from:i]...)
		dst = append(dst, '\\', e)
		from = i + 1
	}
	return append(dst, value[from:]...)
}

// AppendQuoted appends a value as COPY TO writes it in the CSV format. force is
// FORCE_QUOTE; alone says that it is the only column.
func (f *Format) AppendQuoted(dst, value []byte, force, alone bool) []byte {
	if !force && !f.needsQuotes(value, alone) {
		return append(dst, value...)
	}
	dst = append(dst, f.Quote)
	from := 0
	for i, c := range value {
		if c == f.Quote || c == f.Escape {
			dst = append(dst, value[from:i]...)
			dst = append(dst, f.Escape)
			from = i
		}
	}
	dst = append(dst, value[from:]...)
	return append(dst, f.Quote)
}

func (f *Format) needsQuotes(value []byte, alone bool) bool {
	if string(value) == f.Null || alone && string(value) == `\.` {
		return true
	}
	for _, c := range value {
		if c == f.Delimiter || c == f.Quote || c == '\n' || c == '\r' {
			return true
		}
	}
	return false
}

const digits = "0123456789abcdef"

// AppendBytea appends bytes in the form in which bytea's input function takes
// them, as a field of COPY FROM.
func (f *Format) AppendBytea(dst, value []byte) []byte {
	if f.Kind == CSV {
		if f.hexNeedsQuotes() {
			return f.AppendQuotedBytea(dst, value, 0, 0)
		}
		dst = append(dst, '\\', 'x')
	} else {
		dst = append(dst, '\\', '\\', 'x')
	}
	return logical.EncodeHex(dst, value)
}

// hexNeedsQuotes: the CSV format lets digits and letters delimit and quote.
func (f *Format) hexNeedsQuotes() bool {
	special := func(c byte) bool { return c == '\\' || c == 'x' || hexValue(c) >= 0 }
	return special(f.Delimiter) || special(f.Quote)
}

// AppendQuotedBytea is AppendBytea in CSV's quotes, with so many ends of lines
// behind the bytes, which bytea's input function overlooks.
func (f *Format) AppendQuotedBytea(dst, value []byte, newlines int, newline byte) []byte {
	put := func(c byte) {
		if c == f.Quote || c == f.Escape {
			dst = append(dst, f.Escape)
		}
		dst = append(dst, c)
	}
	dst = append(dst, f.Quote)
	put('\\')
	put('x')
	for _, b := range value {
		put(digits[b>>4])
		put(digits[b&15])
	}
	for range newlines {
		dst = append(dst, newline)
	}
	return append(dst, f.Quote)
}

// HexDigits gives the digits of a field that is a bytea in hexadecimal form.
func (f *Format) HexDigits(raw []byte) (digits []byte, ok bool) {
	prefix := `\x`
	if f.Kind == Text {
		prefix = `\\x` // a backslash is escaped
	}
	if len(raw) <= len(prefix) || string(raw[:len(prefix)]) != prefix {
		return nil, false
	}
	return raw[len(prefix):], true
}
