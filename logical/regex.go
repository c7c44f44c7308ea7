package logical

import (
	"bytes"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Regex is a regular expression of PostgreSQL's, of those that mean the same to Go's package
// regexp, for which the time that a text takes has a bound.
type Regex struct {
	program *regexp.Regexp
	size    int // how many steps a character of a text takes at most
	doubt   doubt
	lazy    bool
	// Of what finds where a match is, once it is asked for: the longest one from the beginning of
	// a text, and in the rest of it.
	longest, behind *regexp.Regexp
}

// maxRegexWork is how many steps a text may take.
const maxRegexWork = 1 << 28

const hintRegex = "Match the text with a simpler pattern, or in the application."

func refusePattern(why string) *Error {
	return refuse("pgseal does not match texts with a regular expression "+why, hintRegex)
}

// CompileRegex reads a pattern in valid UTF-8. The letters of ASCII are the same in both cases
// if it is insensitive, which they are not under some Turkic collations of a C library.
func CompileRegex(pattern []byte, insensitive bool, s *Settings) (*Regex, error) {
	p := regexParser{rest: pattern, insensitive: insensitive, foreign: s != nil && s.foreignServer, colors: map[runes]struct{}{}}
	all, err := p.parse()
	if err != nil {
		return nil, err
	}
	program, err := regexp.Compile("(?s)" + all.source)
	if err != nil {
		return nil, p.complex()
	}
	return &Regex{program: program, size: max(all.size, 1), doubt: p.doubt, lazy: p.lazy}, nil
}

// Match says whether the pattern matches some part of a text in valid UTF-8.
func (r *Regex) Match(text []byte) (bool, error) {
	if err := r.check(text); err != nil {
		return false, err
	}
	return r.program.Match(text), nil
}

// check refuses a text of which it is not known whether the pattern matches.
func (r *Regex) check(text []byte) error {
	switch {
	case r.doubt != 0 && bytes.ContainsFunc(text, r.doubt.about):
		return refuse("a text has a character of which pgseal does not know whether it is in a class of the regular expression, such as letters or blanks", "Name the characters in the pattern, or match the text in the application.")
	case len(text) > maxRegexWork/r.size:
		return refuse("pgseal does not match so long a text with so large a regular expression", hintRegex)
	}
	return nil
}

// doubt is about the characters that a pattern's classes have under some collations only.
type doubt uint8

const (
	aboutLetters doubt = 1 << iota // all characters beyond ASCII
	aboutDigits                    // those of them that are no letters
	aboutBlanks                    // those, and some that ICU alone takes for blanks
	aboutMarks                     // all beyond ASCII, and the symbols that ICU does not take for punctuation
)

// about says whether there is doubt about a character.
func (d doubt) about(r rune) bool {
	switch {
	case r >= utf8.RuneSelf:
		return d&(aboutLetters|aboutMarks) != 0 || !unicode.IsLetter(r)
	case r >= 0x1c && r <= 0x1f:
		return d&aboutBlanks != 0
	}
	return d&aboutMarks != 0 && strings.ContainsRune("$+<=>^`|~", r)
}

// LastRegex keeps the pattern that a text was matched with last, compiled: most are the same
// for all rows. The zero value has none.
type LastRegex struct {
	pattern     []byte
	insensitive bool
	regex       *Regex
}

// compiled is the Regex of a pattern.
func (l *LastRegex) compiled(pattern []byte, insensitive bool, s *Settings) (*Regex, error) {
	if l.regex != nil && l.insensitive == insensitive && bytes.Equal(l.pattern, pattern) {
		return l.regex, nil
	}
	r, err := CompileRegex(pattern, insensitive, s)
	if err != nil {
		return nil, err
	}
	*l = LastRegex{bytes.Clone(pattern), insensitive, r}
	return r, nil
}

// onRegex is on for the operators that match regular expressions.
func (o Operator) onRegex(left, right uint32) (op operation, ok bool) {
	op = operation{OIDText, OIDText, OIDBool}
	own := left == OIDBpchar || left == OIDName // types with operators of their own: blanks count
	if own {
		op.left = left
	}
	return op, (own || isPlainText(left)) && isPlainText(right)
}

// AppendMatched is Append for the operators that match regular expressions. last keeps the
// pattern for the next row of the same statement.
func (o Operator) AppendMatched(dst []byte, left, right Value, last *LastRegex, s *Settings) ([]byte, error) {
	op, ok := o.on(left.OID, right.OID)
	if !ok || !o.MatchesRegex() {
		return dst, o.uncomputed(left.OID, right.OID)
	}
	text, err := left.as(op.left, s)
	if err != nil {
		return dst, err
	}
	pattern, err := right.as(op.right, s)
	if err != nil {
		return dst, err
	}
	r, err := last.compiled(pattern, o.Folds(), s)
	if err != nil {
		return dst, err
	}
	is, err := r.Match(text)
	return append(dst, byte(btoi(is == (o == Match || o == MatchFold)))), err
}
