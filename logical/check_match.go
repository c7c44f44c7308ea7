package logical

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// matching makes LIKE and regular expressions of a text and a constant pattern;
// false for a pattern that package regexp may read otherwise than the server.
func (a checkExpr) matching(op string, pattern checkExpr) (checkExpr, bool) {
	d, err := pattern.value(nil)
	if err != nil {
		return checkExpr{}, false
	}
	op, not := strings.CutPrefix(op, "!")
	name, fold := strings.CutSuffix(op, "*")
	var expr string
	asciiOnly := fold
	ok := true
	if name == "~~" {
		expr, ok = likeExpression(string(d.text))
	} else {
		var classes bool
		expr, classes, ok = areExpression(string(d.text))
		asciiOnly = asciiOnly || classes
	}
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
	return a.with(pattern, func(x, _ datum) (bool, error) {
		if asciiOnly && !IsASCII(x.text) {
			return false, refuse("pgseal cannot tell whether a text with characters beyond ASCII matches a domain's pattern",
				"What letters and digits are depends on the server's collation.")
		}
		return re.Match(x.text) != not, nil
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

// areClasses are the escapes of the server's regular expressions for classes of
// characters, in package regexp's terms for ASCII.
var areClasses = map[byte]string{'d': `0-9`, 'w': `0-9A-Za-z_`, 's': ` \t\n\v\f\r`}

// posixClasses are the names of classes that both know.
var posixClasses = map[string]bool{"alpha": true, "digit": true, "alnum": true, "upper": true, "lower": true, "punct": true, "space": true, "xdigit": true}

// areExpression writes one of the server's advanced regular expressions for
// package regexp. Only whether something matches is asked, so that the two
// differ in nothing for what is accepted here: literals, classes, groups,
// alternatives, anchors and quantifiers. classes says that there is a class whose
// members beyond ASCII depend on the collation.
func areExpression(s string) (expr string, classes, ok bool) {
	if strings.HasPrefix(s, "***") || strings.HasPrefix(s, "(?") && !strings.HasPrefix(s, "(?:") {
		return "", false, false
	}
	var b strings.Builder
	quantifiable, quantified := false, false
	for i := 0; i < len(s); {
		c := s[i]
		atom, isQuantifier := true, false
		switch {
		case c == '\\':
			if i+1 >= len(s) {
				return "", false, false
			}
			e := s[i+1]
			switch class := areClasses[lower(e)]; {
			case class != "" && e == lower(e):
				b.WriteString("[" + class + "]")
				classes = true
			case class != "":
				b.WriteString("[^" + class + "]")
				classes = true
			case e < utf8.RuneSelf && !isAlnum(e):
				b.WriteString(regexp.QuoteMeta(string(rune(e))))
			default:
				return "", false, false
			}
			i += 2
		case c == '[':
			set, end, named, good := areBracket(s[i:])
			if !good {
				return "", false, false
			}
			b.WriteString(set)
			classes = classes || named
			i += end
		case c == '(':
			if strings.HasPrefix(s[i:], "(?") && !strings.HasPrefix(s[i:], "(?:") {
				return "", false, false
			}
			b.WriteString("(?:")
			if i++; strings.HasPrefix(s[i:], "?:") {
				i += 2
			}
			atom = false
		case c == ')':
			b.WriteByte(c)
			i++
		case c == '|' || c == '^' || c == '$':
			b.WriteByte(c)
			i++
			atom = false
		case c == '*' || c == '+' || c == '?':
			lazy := c == '?' && quantified
			if !quantifiable && !lazy {
				return "", false, false
			}
			b.WriteByte(c)
			i++
			atom, isQuantifier = false, !lazy
		case c == '{':
			end := strings.IndexByte(s[i:], '}')
			if !quantifiable || end < 0 || strings.Trim(s[i+1:i+end], "0123456789,") != "" || !isDigit(s[i+1]) {
				return "", false, false
			}
			b.WriteString(s[i : i+end+1])
			i += end + 1
			atom, isQuantifier = false, true
		case c == '.':
			b.WriteByte(c)
			i++
		default:
			_, size := utf8.DecodeRuneInString(s[i:])
			b.WriteString(regexp.QuoteMeta(s[i : i+size]))
			i += size
		}
		quantifiable, quantified = atom, isQuantifier
	}
	return b.String(), classes, true
}

// areBracket writes [...] for package regexp; end is where it ends.
func areBracket(s string) (expr string, end int, classes, ok bool) {
	var b strings.Builder
	b.WriteByte('[')
	i := 1
	if strings.HasPrefix(s[i:], "^") {
		b.WriteByte('^')
		i++
	}
	for first := true; i < len(s); first = false {
		c := s[i]
		switch {
		case c == ']' && first:
			return "", 0, false, false
		case c == ']':
			b.WriteByte(']')
			return b.String(), i + 1, classes, true
		case strings.HasPrefix(s[i:], "[:"):
			close := strings.Index(s[i:], ":]")
			if close < 0 || !posixClasses[s[i+2:i+close]] {
				return "", 0, false, false
			}
			b.WriteString(s[i : i+close+2])
			classes = true
			i += close + 2
		case c == '[':
			return "", 0, false, false
		case c == '\\':
			if i+1 >= len(s) {
				return "", 0, false, false
			}
			e := s[i+1]
			switch class := areClasses[e]; {
			case class != "":
				b.WriteString(class)
				classes = true
			case e < utf8.RuneSelf && !isAlnum(e):
				b.WriteString(`\` + string(rune(e)))
			default:
				return "", 0, false, false
			}
			i += 2
		case c == '-':
			// A range, or the character itself at either end.
			if i+1 < len(s) && s[i+1] != ']' && !first {
				b.WriteByte('-')
			} else {
				b.WriteString(`\-`)
			}
			i++
		default:
			_, size := utf8.DecodeRuneInString(s[i:])
			if size == 1 && !isAlnum(c) {
				b.WriteByte('\\')
			}
			b.WriteString(s[i : i+size])
			i += size
		}
	}
	return "", 0, false, false
}
