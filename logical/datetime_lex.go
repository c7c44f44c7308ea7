package logical

import "strings"

// Limits of the server's parser: the characters kept of all fields together,
// with one more for each field, and the number of fields.
const (
	maxDateFields      = 25
	timestampBufSize   = 128 + maxDateFields
	dateAndTimeBufSize = 128 + 1
)

// fieldKind is the form of a field, by which the parser decides what it may be.
type fieldKind uint8

const (
	fieldNumber  fieldKind = iota // digits, perhaps with a point
	fieldDate                     // digits and delimiters; a name with punctuation
	fieldTime                     // digits and colons
	fieldWord                     // letters
	fieldSigned                   // a sign and letters
	fieldDisplay                  // a sign and digits: a zone's displacement
)

// dateField is a part of dateParser.buf, where letters are in lower case. It
// holds positions, because a parser that points into itself would have to be
// allocated.
type dateField struct {
	kind       fieldKind
	start, end uint8
}

func (p *dateParser) text(f dateField) []byte { return p.buf[f.start:f.end:f.end] }

// lex cuts s into fields; false if it holds something that belongs nowhere.
// size is that of the server's buffer for the type.
func (p *dateParser) lex(s []byte, size int) bool {
	used := 0
	ok := true
	i := 0
	at := func(n int) byte {
		if n < len(s) {
			return s[n]
		}
		return 0
	}
	take := func() {
		if used+1 >= size {
			ok = false
		} else {
			p.buf[used] = lower(s[i])
			used++
		}
		i++
	}
	takeWhile := func(class func(byte) bool) {
		for i < len(s) && class(s[i]) {
			take()
		}
	}
	for i < len(s) && ok {
		c := s[i]
		if isSpace(c) {
			i++
			continue
		}
		if p.count >= maxDateFields {
			return false
		}
		start := used
		kind := fieldNumber
		switch {
		case isDigit(c):
			takeWhile(isDigit)
			switch delimiter := at(i); delimiter {
			case ':':
				kind = fieldTime
				takeWhile(func(c byte) bool { return isDigit(c) || c == ':' || c == '.' })
			case '-', '/', '.':
				take()
				if !isDigit(at(i)) {
					kind = fieldDate
					takeWhile(func(c byte) bool { return isAlnum(c) || c == delimiter })
					break
				}
				if delimiter != '.' {
					kind = fieldDate
				}
				takeWhile(isDigit)
				if at(i) == delimiter {
					kind = fieldDate
					takeWhile(func(c byte) bool { return isDigit(c) || c == delimiter })
				}
			}
		case c == '.':
			take()
			takeWhile(isDigit)
		case isAlpha(c):
			kind = fieldWord
			takeWhile(isAlpha)
			// Punctuation continues a date or the name of a zone; a digit or +
			// does so only after something that is no word of its own.
			next := at(i)
			more := next == '-' || next == '/' || next == '.'
			if next == '+' || isDigit(next) {
				_, known := dateWords[string(p.buf[start:used])]
				more = !known
			}
			if more {
				kind = fieldDate
				takeWhile(func(c byte) bool { return isAlnum(c) || strings.IndexByte("+-/_.:", c) >= 0 })
			}
		case c == '+' || c == '-':
			take()
			for i < len(s) && isSpace(s[i]) {
				i++
			}
			switch {
			case isDigit(at(i)):
				kind = fieldDisplay
				takeWhile(func(c byte) bool { return isDigit(c) || c == ':' || c == '.' || c == '-' })
			case isAlpha(at(i)):
				kind = fieldSigned
				takeWhile(isAlpha)
			default:
				return false
			}
		case isPunct(c):
			i++
			continue
		default:
			return false
		}
		p.fields[p.count] = dateField{kind, uint8(start), uint8(used)}
		p.count++
		used++
	}
	return ok
}
