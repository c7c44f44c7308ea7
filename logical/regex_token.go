package logical

import (
	"bytes"
	"unicode/utf8"
)

// next reads the next token.
func (p *regexParser) next() {
	if p.err != nil {
		return
	}
	p.before = p.token.kind
	if len(p.rest) == 0 {
		switch p.context {
		case inBound:
			p.invalid(regexBraces)
		case inBracket:
			p.invalid(regexBrackets)
		}
		p.token = regexToken{kind: regexEnd}
		return
	}
	p.token = regexToken{kind: regexChar, char: p.read()}
	switch p.context {
	case inBound:
		p.boundToken()
	case inBracket:
		p.bracketToken()
	default:
		p.plainToken()
	}
}

// read is the next character, of which there is one.
func (p *regexParser) read() rune {
	r, size := utf8.DecodeRune(p.rest)
	p.rest = p.rest[size:]
	return r
}

// skip goes on behind a character if it comes next.
func (p *regexParser) skip(c byte) bool {
	if len(p.rest) == 0 || p.rest[0] != c {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

// regexKinds are what single characters stand for.
var regexKinds = map[rune]regexKind{
	'|': regexOr, '*': regexStar, '+': regexPlus, '?': regexOption, '{': regexBound, '(': regexOpen, ')': regexClose, '[': regexBracket,
	'.': regexAny, '^': regexFirst, '$': regexLast,
}

// plainToken reads on behind the first character of a token outside brackets and bounds.
func (p *regexParser) plainToken() {
	if p.token.char == '\\' {
		p.escape()
		return
	}
	kind, ok := regexKinds[p.token.char]
	if !ok {
		return
	}
	switch p.token.kind = kind; kind {
	case regexStar, regexPlus, regexOption:
		p.lazy = p.skip('?') || p.lazy // which says what part of a text is matched, not whether one is
	case regexBound:
		switch {
		case len(p.rest) > 0 && isDigit(p.rest[0]):
			p.context = inBound
		case len(p.rest) > 0 && p.rest[0] >= utf8.RuneSelf:
			p.fail(refusePattern("with a character beyond ASCII behind a brace")) // a digit, to ICU
		default:
			p.token.kind = regexChar
		}
	case regexOpen:
		if p.skip('?') && !p.skip(':') {
			p.fail(refusePattern("with (? but for (?:"))
		}
	case regexBracket:
		if bytes.HasPrefix(p.rest, []byte("[:<")) || bytes.HasPrefix(p.rest, []byte("[:>")) {
			p.fail(refusePattern("with [[:<:]] or [[:>:]]"))
			return
		}
		p.context, p.token.negated = inBracket, p.skip('^')
	}
}

func (p *regexParser) boundToken() {
	switch c := p.token.char; {
	case c >= '0' && c <= '9':
		p.token.kind = regexDigit
	case c == ',':
		p.token.kind = regexComma
	case c == '}':
		p.token.kind, p.context = regexBoundEnd, inRegex
		p.lazy = p.skip('?') || p.lazy
	default:
		p.invalid(regexCount)
	}
}

func (p *regexParser) bracketToken() {
	first := p.before == regexBracket
	switch p.token.char {
	case ']':
		if !first {
			p.token.kind, p.context = regexBracketEnd, inRegex
		}
	case '-':
		if !first && (len(p.rest) == 0 || p.rest[0] != ']') {
			p.token.kind = regexDash
		}
	case '\\':
		p.escape()
		if p.token.kind != regexChar && p.token.kind != regexSet {
			p.invalid(regexEscape)
		}
	case '[':
		switch {
		case len(p.rest) == 0:
			p.invalid(regexBrackets)
		case p.rest[0] == '.' || p.rest[0] == '=':
			p.fail(refusePattern("with [. or [= in brackets"))
		case p.skip(':'):
			p.token.kind = regexNamed
		}
	}
}

// name reads the name of a class, up to the brackets' end.
func (p *regexParser) name() string {
	name, rest, found := bytes.Cut(p.rest, []byte(":]"))
	if !found {
		p.invalid(regexBrackets)
	}
	p.rest = rest
	return string(name)
}

// regexEscapes are the characters that letters behind a backslash stand for.
var regexEscapes = map[rune]rune{'a': '\a', 'b': '\b', 'B': '\\', 'e': '\x1b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v'}

// escape reads what stands behind a backslash.
func (p *regexParser) escape() {
	if len(p.rest) == 0 {
		p.invalid(regexEscape)
		return
	}
	c := p.read()
	p.token = regexToken{kind: regexChar, char: c}
	if c >= utf8.RuneSelf || !isAlnum(byte(c)) {
		return
	}
	if char, ok := regexEscapes[c]; ok {
		p.token.char = char
		return
	}
	switch c {
	case 'A':
		p.token.kind = regexFirst
	case 'Z':
		p.token.kind = regexLast
	case 'd', 'D':
		p.token = regexToken{kind: regexSet, class: "digit", negated: c == 'D'}
	case 's', 'S':
		p.token = regexToken{kind: regexSet, class: "space", negated: c == 'S'}
	case 'w', 'W':
		p.token = regexToken{kind: regexSet, class: "word", negated: c == 'W'}
	case 'c':
		if len(p.rest) == 0 {
			p.invalid(regexEscape)
			return
		}
		p.token.char = p.read() & 0o37
	case 'x':
		p.code(16, 1, 255)
	case 'u':
		p.code(16, 4, 4)
	case 'U':
		p.code(16, 8, 8)
	case '0':
		p.code(8, 0, 2)
	case 'm', 'M', 'y', 'Y':
		p.fail(refusePattern("that asks where words begin or end"))
	default:
		if isDigit(byte(c)) {
			p.fail(refusePattern("that refers back to what a part of it matched"))
			return
		}
		p.invalid(regexEscape)
	}
}

// code is a character by its code of so many digits.
func (p *regexParser) code(base, least, most int) {
	code, digits := 0, 0
	for digits < most && len(p.rest) > 0 && digitOf(p.rest[0], base) >= 0 {
		code = min(code*base+digitOf(p.rest[0], base), utf8.MaxRune+1)
		p.rest = p.rest[1:]
		digits++
	}
	switch {
	case digits < least:
		p.invalid(regexEscape)
	case !utf8.ValidRune(rune(code)) || p.foreign && code >= utf8.RuneSelf:
		p.fail(refusePattern("that has the code of a character beyond Unicode, or beyond ASCII in a database of another encoding"))
	default:
		p.token.char = rune(code)
	}
}
