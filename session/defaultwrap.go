package session

import (
	"bytes"

	"pgseal/catalog"
)

var wrapBegins = []byte(catalog.ComputedDefaultFunction + "(")

// unwrapDefaults gives a text with computed defaults in it without the function
// around them. It may be JSON, an array or a row.
func unwrapDefaults(text []byte) []byte {
	if sql, ok := catalog.UnwrapDefault(string(text)); ok && wrapped(text, bytes.IndexByte(text, '(')) == len(text) {
		return []byte(sql)
	}
	var shown []byte
	kept := 0
	for at := 0; ; {
		next := bytes.Index(text[at:], wrapBegins)
		if next < 0 {
			return append(shown, text[kept:]...)
		}
		start := at + next
		end := wrapped(text, start+len(wrapBegins)-1)
		if at = start + len(wrapBegins); end < 0 {
			continue
		}
		from, to, sql := start, end, text[at:end-1]
		if start > kept && text[start-1] == '"' && end < len(text) && text[end] == '"' {
			if within := stringsIn(text); within.quotes != "" && !bytes.ContainsAny(sql, within.quotes) {
				from, to = start-1, end+1
			}
		}
		shown = append(append(shown, text[kept:from]...), sql...)
		kept, at = to, max(at, to)
	}
}

// wrapped is the offset behind the bracket that closes the one at an offset, outside
// of strings and quoted names; -1 if there is none.
func wrapped(text []byte, open int) int {
	depth := 0
	var quote byte
	for i := open; i >= 0 && i < len(text); i++ {
		switch c := text[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'':
			quote = c
		case c == '"' && (i == 0 || text[i-1] != '\\'): // in a string of JSON it is a name's
			quote = c
		case c == '(':
			depth++
		case c == ')':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return -1
}
