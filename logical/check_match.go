package logical

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// matching makes LIKE and regular expressions of a text and a constant pattern; false for a
// pattern that pgseal does not match as the server does.
func (a checkExpr) matching(op string, pattern checkExpr) (checkExpr, bool) {
	d, err := pattern.value(nil)
	if err != nil {
		return checkExpr{}, false
	}
	op, not := strings.CutPrefix(op, "!")
	name, fold := strings.CutSuffix(op, "*")
	var matches func(text []byte) (bool, error)
	if name == "~~" {
		expr, ok := likeExpression(string(d.text))
		if !ok {
			return checkExpr{}, false
		}
		flags := "(?s)"
		if fold {
			flags = "(?si)"
		}
		re, err := regexp.Compile(flags + expr)
		if err != nil {
			return checkExpr{}, false
		}
		matches = func(text []byte) (bool, error) { return re.Match(text), nil }
	} else {
		re, err := CompileRegex(d.text, fold, nil)
		if err != nil {
			return checkExpr{}, false
		}
		matches = re.Match
	}
	return a.with(pattern, func(x, _ datum) (bool, error) {
		if fold && !IsASCII(x.text) {
			return false, refuse("pgseal cannot tell whether a text with characters beyond ASCII matches a domain's pattern",
				"What letters and digits are depends on the server's collation.")
		}
		is, err := matches(x.text)
		return is != not, err
	}), true
}

// likeExpression is the regular expression of a LIKE pattern.
func likeExpression(pattern string) (string, bool) {
	var b strings.Builder
	b.WriteByte('^')
	for i := 0; i < len(pattern); {
		r, size := utf8.DecodeRuneInString(pattern[i:])
		i += size
		switch r {
		case '%':
			b.WriteString(".*")
		case '_':
			b.WriteByte('.')
		case '\\':
			if i == len(pattern) {
				return "", false
			}
			r, size = utf8.DecodeRuneInString(pattern[i:])
			i += size
			b.WriteString(regexp.QuoteMeta(string(r)))
		default:
			b.WriteString(regexp.QuoteMeta(string(r)))
		}
	}
	b.WriteByte('$')
	return b.String(), true
}
