package logical

import (
	"bytes"
	"unicode/utf8"
)

const codeInvalidUseOfEscape = "2200C"

// similarToEscape is a pattern of SIMILAR TO as a regular expression: % and _ are wildcards, and
// a backslash or another character escapes.
func similarToEscape(c *call) ([]byte, error) {
	pattern, escape := c.text(0), []byte{'\\'}
	if len(c.args) > 1 {
		escape = c.text(1)
	}
	switch {
	case utf8.RuneCount(escape) > 1:
		return c.dst, invalidEscape()
	case len(escape) > 1 && bytes.IndexByte(pattern, '[') >= 0:
		return c.dst, refuseBrackets()
	}
	later, err := appendSimilar(nil, pattern, escape, true)
	earlier, earlierErr := appendSimilar(nil, pattern, escape, false)
	switch {
	case (err == nil) != (earlierErr == nil) || !bytes.Equal(later, earlier):
		return c.dst, refuseBrackets()
	case err != nil:
		return c.dst, err
	}
	return append(c.dst, later...), nil
}

// refuseBrackets is for what PostgreSQL's releases of one major version read in several ways.
func refuseBrackets() error {
	return refuse("pgseal does not match texts by SIMILAR TO with such a list in brackets", "Match the text with a simpler pattern, or in the application.")
}

// appendSimilar appends a regular expression. Releases before August 2025 take the first ] for
// the end of a list in brackets; nested is to read it as the later ones do: to the last one of
// lists in lists, and not to one that stands at the beginning.
func appendSimilar(dst, pattern, escape []byte, nested bool) ([]byte, error) {
	dst = append(dst, "^(?:"...)
	escaped, separators := false, 0
	brackets, started := 0, 0 // how many are open, and 3 if a ] is the end of them
	for len(pattern) > 0 {
		size := characterAt(pattern, 0)
		char := pattern[:size]
		pattern = pattern[size:]
		switch c := char[0]; {
		case escaped && c == '"':
			escaped = false
			if separators++; separators > 2 {
				return dst, newError(codeInvalidUseOfEscape, "SQL regular expression may not contain more than two escape-double-quote separators")
			}
			dst = append(dst, [...]string{"){1,1}?(", "){1,1}(?:"}[separators-1]...)
		case escaped:
			escaped = false
			dst = append(append(dst, '\\'), char...)
		case bytes.Equal(char, escape):
			if brackets > 0 {
				return dst, refuseBrackets()
			}
			escaped = true
		case brackets > 0:
			if c == '\\' {
				dst = append(dst, '\\')
			}
			dst = append(dst, char...)
			switch {
			case c == ']' && (!nested || started == 3):
				brackets--
			case c == '^' && started < 3:
				started++
			default:
				started = 3
				if c == '[' && nested {
					brackets++
				}
			}
		case c == '[':
			dst = append(dst, c)
			brackets, started = 1, 1
		case c == '%':
			dst = append(dst, ".*"...)
		case c == '_':
			dst = append(dst, '.')
		case c == '(':
			dst = append(dst, "(?:"...)
		case c == '\\' || c == '.' || c == '^' || c == '$':
			dst = append(dst, '\\', c)
		default:
			dst = append(dst, char...)
		}
	}
	return append(dst, ")$"...), nil
}
