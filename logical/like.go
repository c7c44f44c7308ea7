package logical

import (
	"bytes"
	"unicode/utf8"
)

const codeInvalidEscape = "22025"

func endsInEscape() error {
	return newError(codeInvalidEscape, "LIKE pattern must not end with escape character")
}

// matchesLike says whether a text in UTF-8 matches a pattern of LIKE, whose wildcards a
// backslash escapes. A pattern that ends with one is an error only where the text has
// come that far, as in PostgreSQL.
func matchesLike(text, pattern []byte) (bool, error) {
	// The text behind the last % met, and what the pattern has there, for another try.
	retryText, retryPattern := 0, -1
	i, k := 0, 0
	for i < len(text) {
		matches := false
		switch {
		case k == len(pattern):
		case pattern[k] == '%':
			for k < len(pattern) && (pattern[k] == '%' || pattern[k] == '_') {
				if pattern[k] == '_' {
					if i == len(text) {
						return false, nil
					}
					i += characterAt(text, i)
				}
				k++
			}
			switch {
			case k == len(pattern):
				return true, nil
			case pattern[k] == '\\' && k+1 == len(pattern):
				return false, endsInEscape()
			}
			retryText, retryPattern = i, k
			continue
		case pattern[k] == '_':
			i, k = i+characterAt(text, i), k+1
			continue
		default:
			if pattern[k] == '\\' {
				if k++; k == len(pattern) {
					return false, endsInEscape()
				}
			}
			matches = pattern[k] == text[i]
		}
		if matches {
			i, k = i+1, k+1
			continue
		}
		if retryPattern < 0 {
			return false, nil
		}
		retryText += characterAt(text, retryText)
		i, k = retryText, retryPattern
	}
	return len(bytes.TrimLeft(pattern[k:], "%")) == 0, nil
}

// characterAt is how many bytes a character has.
func characterAt(text []byte, i int) int {
	_, size := utf8.DecodeRune(text[i:])
	return size
}

func invalidEscape() error {
	return &Error{Code: codeInvalidEscape, Message: "invalid escape string", Hint: "Escape string must be empty or one character."}
}

// likeEscape is a pattern of LIKE whose wildcards another character escapes, or, if there
// is none, nothing, with a backslash in its place.
func likeEscape(c *call) ([]byte, error) {
	pattern, escape := c.text(0), c.text(1)
	if utf8.RuneCount(escape) > 1 {
		return c.dst, invalidEscape()
	}
	if len(escape) == 1 && escape[0] == '\\' {
		return append(c.dst, pattern...), nil
	}
	for i, escaped := 0, false; i < len(pattern); {
		switch {
		case len(escape) > 0 && !escaped && bytes.HasPrefix(pattern[i:], escape):
			c.dst = append(c.dst, '\\')
			i, escaped = i+len(escape), true
			continue
		case pattern[i] == '\\' && !escaped:
			c.dst = append(c.dst, '\\')
		}
		size := characterAt(pattern, i)
		c.dst = append(c.dst, pattern[i:i+size]...)
		i, escaped = i+size, false
	}
	return c.dst, nil
}
