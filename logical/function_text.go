package logical

import (
	"bytes"
	"math"
	"unicode/utf8"
)

func folded(c *call) ([]byte, error) { return c.Fold.Append(c.dst, c.text(0)), nil }

type trimEnds uint8

const (
	trimLeft trimEnds = 1 << iota
	trimRight
)

// trimming is btrim and its kin: of blanks, or of any of some characters.
func trimming(ends trimEnds) []signature {
	trim := func(c *call) ([]byte, error) {
		text, set := c.text(0), " "
		if len(c.args) > 1 {
			set = string(c.text(1))
		}
		if ends&trimLeft != 0 {
			text = bytes.TrimLeft(text, set)
		}
		if ends&trimRight != 0 {
			text = bytes.TrimRight(text, set)
		}
		return append(c.dst, text...), nil
	}
	return []signature{only(OIDText, trim, OIDText), only(OIDText, trim, OIDText, OIDText), only(OIDBytea, nil, OIDBytea, OIDBytea)}
}

// lengthOf is length of a text. Of char(n) trailing blanks do not count.
func lengthOf(c *call) ([]byte, error) {
	text := c.text(0)
	if c.args[0].OID == OIDBpchar {
		text = trimBlanks(text)
	}
	return appendInt(c.dst, int64(utf8.RuneCount(text)), OIDInt4)
}

func bytesOf(c *call) ([]byte, error) { return appendInt(c.dst, int64(len(c.text(0))), OIDInt4) }

// cut gives the characters of a text from one to another, counted from 0.
func cut(text []byte, from, to int64) []byte {
	start := 0
	if from > 0 {
		start, _ = cutCharacters(text, int(from))
	}
	if to <= from {
		return nil
	}
	end, _ := cutCharacters(text[start:], int(to-max(from, 0)))
	return text[start : start+end]
}

func left(c *call) ([]byte, error) {
	n := c.int(1)
	if n < 0 {
		n += int64(utf8.RuneCount(c.text(0)))
	}
	return append(c.dst, cut(c.text(0), 0, n)...), nil
}

func right(c *call) ([]byte, error) {
	text, n := c.text(0), c.int(1)
	size := int64(utf8.RuneCount(text))
	switch {
	case n == math.MinInt32:
		return c.dst, refuse("pgseal does not take so many characters", "Use a smaller number.") // minor versions of the server differ
	case n < 0:
		n = -n
	default:
		n = size - n
	}
	return append(c.dst, cut(text, n, max(n, size))...), nil
}

func substring(c *call) ([]byte, error) {
	text, start := c.text(0), c.int(1)
	end := int64(len(text)) + max(start, 0) // behind all of it
	if len(c.args) > 2 {
		n := c.int(2)
		if n < 0 {
			return c.dst, newError(codeSubstring, "negative substring length not allowed")
		}
		end = start + n - 1
	}
	return append(c.dst, cut(text, max(start-1, 0), end)...), nil
}

// overlaid is overlay: the second text in the place of a part of the first, which is as
// long as the second unless the fourth argument says how long.
func overlaid(c *call) ([]byte, error) {
	text, by, start := c.text(0), c.text(1), c.int(2)
	size := int64(utf8.RuneCount(by))
	if len(c.args) > 3 {
		size = c.int(3)
	}
	end := start + size
	switch {
	case start <= 0:
		return c.dst, newError(codeSubstring, "negative substring length not allowed")
	case end != int64(int32(end)):
		return c.dst, newError(codeNumericOutOfRange, "integer out of range")
	}
	c.dst = append(append(c.dst, cut(text, 0, start-1)...), by...)
	rest := max(end-1, 0)
	return append(c.dst, cut(text, rest, rest+int64(len(text)))...), nil
}

// character is chr: the one of a number in Unicode.
func character(c *call) ([]byte, error) {
	const positiveVersion = 15 // that says what is wrong with a negative number
	switch n := c.int(0); {
	case n < 0 && c.s.major() >= positiveVersion:
		return c.dst, newError(codeInvalidParameter, "character number must be positive")
	case n == 0:
		return c.dst, newError(codeProgramLimit, "null character not permitted")
	case n < 0 || n > utf8.MaxRune:
		return c.dst, newError(codeProgramLimit, "requested character too large for encoding: "+itoa(int(n)))
	case !utf8.ValidRune(rune(n)):
		return c.dst, newError(codeProgramLimit, "requested character not valid for encoding: "+itoa(int(n)))
	default:
		return utf8.AppendRune(c.dst, rune(n)), nil
	}
}

func replace(c *call) ([]byte, error) {
	text, from := c.text(0), c.text(1)
	if len(from) == 0 {
		return append(c.dst, text...), nil
	}
	for {
		i := bytes.Index(text, from)
		if i < 0 {
			return append(c.dst, text...), nil
		}
		c.dst = append(append(c.dst, text[:i]...), c.text(2)...)
		text = text[i+len(from):]
		if len(c.dst) > maxMade {
			return c.dst, tooLongText()
		}
	}
}

// splitPart is a field between separators; a negative number counts from the end.
func splitPart(c *call) ([]byte, error) {
	text, separator, n := c.text(0), c.text(1), c.int(2)
	switch {
	case n == 0:
		return c.dst, newError(codeInvalidParameter, "field position must not be zero")
	case len(text) == 0, len(separator) == 0 && n != 1 && n != -1:
		return c.dst, nil
	case len(separator) == 0:
		return append(c.dst, text...), nil
	}
	if n < 0 {
		if n += int64(bytes.Count(text, separator)) + 2; n <= 0 {
			return c.dst, nil
		}
	}
	for ; n > 1; n-- {
		var found bool
		if _, text, found = bytes.Cut(text, separator); !found {
			return c.dst, nil
		}
	}
	field, _, _ := bytes.Cut(text, separator)
	return append(c.dst, field...), nil
}

// maxMade is how long a text may be, in bytes, that is made longer than those it is made
// of: it is made while other sessions wait.
const maxMade = 1 << 20

func tooLongText() error {
	return &Error{Code: codeProgramLimit, Message: "pgseal does not make texts of more than 1 MiB here", Hint: "Make it in the application."}
}

// padding is what has to be added to the text to have a number of lengthOf, and the
// text, which is cut to it.
func (c *call) padding() (text, padding []byte, err error) {
	text, n, fill := c.text(0), c.int(1), []byte(" ")
	if len(c.args) > 2 {
		fill = c.text(2)
	}
	end, missing := cutCharacters(text, int(max(n, 0)))
	text = text[:end]
	if len(fill) == 0 {
		missing = 0
	}
	const mostBytes, perCharacter, header = 1<<30 - 1, 4, 4 // of a value, and what the server reckons with
	if missing > 0 && n*perCharacter+header > mostBytes {
		return nil, nil, newError(codeProgramLimit, "requested length too large")
	}
	for from := 0; missing > 0; missing-- {
		_, size := utf8.DecodeRune(fill[from:])
		padding = append(padding, fill[from:from+size]...)
		if from += size; from == len(fill) {
			from = 0
		}
		if len(padding) > maxMade {
			return nil, nil, tooLongText()
		}
	}
	return text, padding, nil
}

func padLeft(c *call) ([]byte, error) {
	text, padding, err := c.padding()
	return append(append(c.dst, padding...), text...), err
}

func padRight(c *call) ([]byte, error) {
	text, padding, err := c.padding()
	return append(append(c.dst, text...), padding...), err
}

func reverse(c *call) ([]byte, error) {
	for text := c.text(0); len(text) > 0; {
		_, size := utf8.DecodeLastRune(text)
		c.dst = append(c.dst, text[len(text)-size:]...)
		text = text[:len(text)-size]
	}
	return c.dst, nil
}

// position is where the second text stands in the first, in characters from 1; 0 if
// nowhere.
func position(c *call) ([]byte, error) {
	n := bytes.Index(c.text(0), c.text(1))
	if n >= 0 {
		n = utf8.RuneCount(c.text(0)[:n])
	}
	return appendInt(c.dst, int64(n+1), OIDInt4)
}

func startsWith(c *call) ([]byte, error) {
	return append(c.dst, byte(btoi(bytes.HasPrefix(c.text(0), c.text(1))))), nil
}
