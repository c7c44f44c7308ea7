package logical

import (
	"bytes"
	"errors"
	"unicode/utf8"
)

var jsonCodec = codec{
	name: "json", size: -1, textual: true, incomparable: true,
	in:    jsonIn,
	recv:  func(dst, data []byte) ([]byte, error) { return jsonIn(dst, data, nil) },
	out:   textOut,
	check: utf8.Valid,
}

// jsonIn checks the text and stores it as it is.
func jsonIn(dst, text []byte, _ *Settings) ([]byte, error) {
	p := jsonParser{lexer: jsonLexer{input: text}}
	if err := p.document(); err != nil {
		return dst, err
	}
	return append(dst, text...), nil
}

type jsonToken uint8

const (
	jsonEnd jsonToken = iota
	jsonString
	jsonNumber
	jsonTrue
	jsonFalse
	jsonNull
	jsonObjectStart
	jsonObjectEnd
	jsonArrayStart
	jsonArrayEnd
	jsonComma
	jsonColon
)

// jsonLexer reads tokens. What is wrong is reported with the server's details,
// which repeat the token.
type jsonLexer struct {
	input      []byte
	start, end int // of the current token
	last       int // the end of the one before it
	token      jsonToken
	// unescape: strings are needed, so that what cannot be stored as text is an
	// error.
	unescape bool
	value    []byte // of the current string, if unescape
}

func jsonSyntax(detail string) error {
	return &Error{Code: codeInvalidText, Message: "invalid input syntax for type json", Detail: detail}
}

func jsonUnicode(detail string) error {
	return &Error{Code: codeUntranslatable, Message: "unsupported Unicode escape sequence", Detail: detail}
}

func (l *jsonLexer) text() string { return string(l.input[l.start:l.end]) }

func (l *jsonLexer) invalidToken(end int) error {
	l.end = end
	return jsonSyntax(`Token "` + l.text() + `" is invalid.`)
}

// isTokenByte says whether a byte continues a token as far as errors go.
func isTokenByte(c byte) bool { return isAlnum(c) || c == '_' || c >= utf8.RuneSelf }

func (l *jsonLexer) next() error {
	i := l.end
	for i < len(l.input) && (l.input[i] == ' ' || l.input[i] == '\t' || l.input[i] == '\n' || l.input[i] == '\r') {
		i++
	}
	l.last = l.end
	l.start, l.end = i, i
	if i == len(l.input) {
		l.token = jsonEnd
		return nil
	}
	switch c := l.input[i]; {
	case c == '"':
		return l.string()
	case c == '-' || isDigit(c):
		return l.number()
	case c == '{':
		l.token = jsonObjectStart
	case c == '}':
		l.token = jsonObjectEnd
	case c == '[':
		l.token = jsonArrayStart
	case c == ']':
		l.token = jsonArrayEnd
	case c == ',':
		l.token = jsonComma
	case c == ':':
		l.token = jsonColon
	default:
		return l.word()
	}
	l.end = i + 1
	return nil
}

func (l *jsonLexer) word() error {
	i := l.start
	for i < len(l.input) && isTokenByte(l.input[i]) {
		i++
	}
	if i == l.start {
		return l.invalidToken(i + 1)
	}
	l.end = i
	switch string(l.input[l.start:i]) {
	case "true":
		l.token = jsonTrue
	case "false":
		l.token = jsonFalse
	case "null":
		l.token = jsonNull
	default:
		return l.invalidToken(i)
	}
	return nil
}

func (l *jsonLexer) number() error {
	i := l.start
	at := func() byte {
		if i < len(l.input) {
			return l.input[i]
		}
		return 0
	}
	digits := func() bool {
		if !isDigit(at()) {
			return false
		}
		for isDigit(at()) {
			i++
		}
		return true
	}
	if at() == '-' {
		i++
	}
	good := true
	if at() == '0' {
		i++
	} else {
		good = digits()
	}
	if at() == '.' {
		i++
		good = digits() && good
	}
	if at()|0x20 == 'e' {
		i++
		if at() == '+' || at() == '-' {
			i++
		}
		good = digits() && good
	}
	for i < len(l.input) && isTokenByte(l.input[i]) {
		i++
		good = false
	}
	if !good {
		return l.invalidToken(i)
	}
	l.token, l.end = jsonNumber, i
	return nil
}

func (l *jsonLexer) string() error {
	l.token = jsonString
	l.value = l.value[:0]
	high := rune(-1) // a high surrogate that waits for its low one
	for i := l.start + 1; ; {
		if i >= len(l.input) {
			return l.invalidToken(i)
		}
		c := l.input[i]
		switch {
		case c == '"':
			l.end = i + 1
			if high >= 0 {
				return lowSurrogateMissing()
			}
			return nil
		case c == '\\':
			if high >= 0 && i+1 < len(l.input) && l.input[i+1] != 'u' {
				l.end = i + 2
				return lowSurrogateMissing()
			}
			r, n, err := l.escape(i + 1)
			if err != nil {
				return err
			}
			i += 1 + n
			if !l.unescape {
				continue
			}
			if n == 5 {
				if r, err = joinSurrogates(&high, r); err != nil {
					l.end = i
					return err
				}
			}
			if high < 0 {
				l.value = utf8.AppendRune(l.value, r)
			}
		default:
			if c < ' ' {
				l.end = i
				return jsonSyntax("Character with value 0x" + string([]byte{hexDigits[c>>4], hexDigits[c&15]}) + " must be escaped.")
			}
			if high >= 0 {
				l.end = i + 1
				return lowSurrogateMissing()
			}
			if l.unescape {
				l.value = append(l.value, c)
			}
			i++
		}
	}
}

// escape reads what follows a backslash: one character, or u and four digits.
func (l *jsonLexer) escape(i int) (r rune, n int, err error) {
	if i >= len(l.input) {
		return 0, 0, l.invalidToken(i)
	}
	switch c := l.input[i]; c {
	case '"', '\\', '/':
		return rune(c), 1, nil
	case 'b':
		return '\b', 1, nil
	case 'f':
		return '\f', 1, nil
	case 'n':
		return '\n', 1, nil
	case 'r':
		return '\r', 1, nil
	case 't':
		return '\t', 1, nil
	case 'u':
		for j := i + 1; j < i+5; j++ {
			if j >= len(l.input) {
				return 0, 0, l.invalidToken(j)
			}
			v := hexValue(l.input[j])
			if v < 0 {
				_, size := utf8.DecodeRune(l.input[j:])
				l.end = j + size
				return 0, 0, jsonSyntax(`"\u" must be followed by four hexadecimal digits.`)
			}
			r = r<<4 | rune(v)
		}
		return r, 5, nil
	}
	_, size := utf8.DecodeRune(l.input[i:])
	l.end = i + size
	return 0, 0, jsonSyntax(`Escape sequence "\` + string(l.input[i:i+size]) + `" is invalid.`)
}

func lowSurrogateMissing() error {
	return jsonSyntax("Unicode low surrogate must follow a high surrogate.")
}

// joinSurrogates takes the next unit of UTF-16; with *high >= 0 afterwards the
// character is not complete.
func joinSurrogates(high *rune, r rune) (rune, error) {
	switch {
	case r >= 0xd800 && r <= 0xdbff:
		if *high >= 0 {
			return 0, jsonSyntax("Unicode high surrogate must not follow a high surrogate.")
		}
		*high = r
		return 0, nil
	case r >= 0xdc00 && r <= 0xdfff:
		if *high < 0 {
			return 0, lowSurrogateMissing()
		}
		r = (*high-0xd800)<<10 + (r - 0xdc00) + 0x10000
		*high = -1
		return r, nil
	case *high >= 0:
		return 0, lowSurrogateMissing()
	case r == 0:
		return 0, jsonUnicode(`\u0000 cannot be converted to text.`)
	}
	return r, nil
}

// maxJSONDepth is less than what the server's default stack allows, and keeps
// ours small.
const maxJSONDepth = 10000

// jsonParser checks a document, builds it when nodes are wanted, and looks for a part of it.
type jsonParser struct {
	lexer  jsonLexer
	builds bool // a jsonb, for which strings are unescaped
	seeker *jsonSeeker
	depth  int
	size   int // bytes that the values read need at least
}

// unexpected is the error for the current token where something else must be.
func (p *jsonParser) unexpected(wanted string) error {
	if p.lexer.token == jsonEnd {
		return jsonSyntax("The input string ended unexpectedly.")
	}
	return jsonSyntax("Expected " + wanted + `, but found "` + p.lexer.text() + `".`)
}

func (p *jsonParser) document() error {
	_, err := p.root()
	return err
}

func (p *jsonParser) root() (node jsonNode, err error) {
	if node, err = p.whole(); err != nil {
		var e *Error
		if errors.As(err, &e) && (e.Code == codeInvalidText || e.Code == codeUntranslatable) {
			e.Context = p.lexer.context()
		}
	}
	return node, err
}

// context shows where the lexer stands, as the server does behind a mistake: what
// comes before it in its line, from some 50 bytes on.
func (l *jsonLexer) context() string {
	before := l.input[:l.end]
	line := bytes.Count(before, []byte("\n")) + 1
	before = before[bytes.LastIndexByte(before, '\n')+1:]
	from := 0
	for len(before)-from >= 50 {
		_, size := utf8.DecodeRune(before[from:])
		from += size
	}
	text := string(before)
	if from > 3 {
		text = "..." + string(before[from:])
	}
	if l.end < len(l.input) && l.input[l.end] != '\n' && l.input[l.end] != '\r' {
		text += "..."
	}
	return JSONContext + itoa(line) + ": " + text
}

// JSONContext is how the context of a mistake in a document begins.
const JSONContext = "JSON data, line "

func (p *jsonParser) whole() (node jsonNode, err error) {
	if err := p.lexer.next(); err != nil {
		return node, err
	}
	if err := p.value(&node); err != nil {
		return node, err
	}
	if p.lexer.token != jsonEnd {
		return node, p.unexpected("end of input")
	}
	return node, nil
}

// value reads one value and the token after it.
func (p *jsonParser) value(node *jsonNode) error {
	switch p.lexer.token {
	case jsonObjectStart, jsonArrayStart:
		if p.depth++; p.depth > maxJSONDepth {
			return &Error{Code: codeTooComplex, Message: "stack depth limit exceeded",
				Hint: "pgseal accepts json nested to a depth of " + itoa(maxJSONDepth) + "."}
		}
		defer func() { p.depth-- }()
		node.kind = p.lexer.token
		if node.kind == jsonObjectStart {
			return p.object(node)
		}
		if err := p.seeker.open(p.depth, &p.lexer); err != nil {
			return err
		}
		return p.array(node)
	case jsonString, jsonNumber, jsonTrue, jsonFalse, jsonNull:
		if p.lexer.token == jsonString {
			p.seeker.take(p.lexer.value)
		}
		if p.builds {
			size, err := node.scalar(&p.lexer)
			if err != nil {
				return err
			}
			if p.size += size; p.size > maxJSONB {
				return jsonbTooLong()
			}
		}
		return p.lexer.next()
	}
	return p.unexpected("JSON value")
}

// part reads the value of a member or an element. leads: it is what is looked for, or on the way.
func (p *jsonParser) part(node *jsonNode, leads bool) error {
	if !leads {
		return p.value(node)
	}
	level, isNull := p.depth, p.lexer.token == jsonNull
	p.seeker.enter(level, &p.lexer)
	if err := p.value(node); err != nil {
		return err
	}
	p.seeker.leave(level, &p.lexer, isNull)
	return nil
}

func (p *jsonParser) object(node *jsonNode) error {
	if err := p.lexer.next(); err != nil {
		return err
	}
	if p.lexer.token == jsonObjectEnd {
		return p.lexer.next()
	}
	if p.lexer.token != jsonString {
		return p.unexpected(`string or "}"`)
	}
	for {
		var member jsonNode
		if p.lexer.token != jsonString {
			return p.unexpected("string")
		}
		if p.builds {
			if err := checkJSONString(p.lexer.value); err != nil {
				return err
			}
			member.key = append([]byte{}, p.lexer.value...)
		}
		leads := p.seeker.leadsToMember(p.depth, p.lexer.value)
		if err := p.lexer.next(); err != nil {
			return err
		}
		if p.lexer.token != jsonColon {
			return p.unexpected(`":"`)
		}
		if err := p.lexer.next(); err != nil {
			return err
		}
		if err := p.part(&member, leads); err != nil {
			return err
		}
		if p.builds {
			node.children = append(node.children, member)
		}
		switch p.lexer.token {
		case jsonObjectEnd:
			return p.lexer.next()
		case jsonComma:
		default:
			return p.unexpected(`"," or "}"`)
		}
		if err := p.lexer.next(); err != nil {
			return err
		}
	}
}

func (p *jsonParser) array(node *jsonNode) error {
	if err := p.lexer.next(); err != nil {
		return err
	}
	if p.lexer.token == jsonArrayEnd {
		return p.lexer.next()
	}
	for {
		var element jsonNode
		if err := p.part(&element, p.seeker.leadsToNext(p.depth)); err != nil {
			return err
		}
		if p.builds {
			node.children = append(node.children, element)
		}
		switch p.lexer.token {
		case jsonArrayEnd:
			return p.lexer.next()
		case jsonComma:
		default:
			return p.unexpected(`"," or "]"`)
		}
		if err := p.lexer.next(); err != nil {
			return err
		}
	}
}
