package rewrite

import "bytes"

// tokenKind classes the tokens of PostgreSQL's scanner as far as planning needs
// to tell them apart.
type tokenKind uint8

const (
	tokenIdentifier      tokenKind = iota // name or keyword, not quoted
	tokenQuoted                           // "name"
	tokenUnicodeName                      // U&"name", with its UESCAPE
	tokenParameter                        // $1
	tokenString                           // '…' without a backslash
	tokenBackslashString                  // '…' with a backslash: read otherwise when standard_conforming_strings is off
	tokenOldString                        // that one, when it is off
	tokenEscapeString                     // E'…'
	tokenUnicodeString                    // U&'…', with its UESCAPE
	tokenDollarString                     // $tag$…$tag$
	tokenBits                             // B'…' and X'…'
	tokenInteger                          // 12
	tokenFloat                            // 1.2, 1e9
	tokenOtherNumber                      // 0x1F, 1_000: not in every version of the server
	tokenOperator                         // operators and :: := => ..
	tokenPunctuation                      // ( ) [ ] , ; . :
)

// token is one token of a text. Strings that SQL joins across lines are one.
type token struct {
	kind       tokenKind
	start, end int32
}

// isLiteral says whether tokens of the kind are lifted out of a text's shape.
func (k tokenKind) isLiteral() bool {
	return k >= tokenString && k <= tokenDollarString || k == tokenInteger || k == tokenFloat
}

func (k tokenKind) isString() bool { return k >= tokenString && k <= tokenDollarString }

// isVerbatim says whether a string means the same in every session, and has no
// escapes but a doubled quotation mark.
func (k tokenKind) isVerbatim() bool { return k == tokenString || k == tokenDollarString }

// Classes of bytes, as scan.l has them.
const (
	classSpace = 1 << iota
	classDigit
	classNameStart // letters, _, and every byte above 0x7f
	className      // classNameStart, digits and $
	classOperator
	classHex
)

var class = func() (t [256]uint8) {
	for _, c := range " \t\n\r\f\v" {
		t[c] |= classSpace
	}
	for c := '0'; c <= '9'; c++ {
		t[c] |= classDigit | className | classHex
	}
	for c := 'a'; c <= 'z'; c++ {
		t[c] |= classNameStart | className
		t[c-'a'+'A'] |= classNameStart | className
	}
	for c := 'a'; c <= 'f'; c++ {
		t[c] |= classHex
		t[c-'a'+'A'] |= classHex
	}
	for c := 0x80; c <= 0xff; c++ {
		t[c] |= classNameStart | className
	}
	t['_'] |= classNameStart | className
	t['$'] |= className
	for _, c := range "~!@#^&|`?+-*/%<>=" {
		t[c] |= classOperator
	}
	return t
}()

// lexError says why a text is none for the scanner.
type lexError uint8

const (
	lexOK lexError = iota
	lexUnterminatedString
	lexUnterminatedName
	lexUnterminatedComment
	lexUnterminatedDollar
	lexEmptyName
	lexJunk // a letter right behind a number or parameter, or a number cut short
	lexByte // a byte that begins no token
)

// lexer walks the tokens of a text. It agrees with PostgreSQL's scanner (with
// standard_conforming_strings on) on every text that the scanner accepts.
type lexer struct {
	text []byte
	pos  int
	err  lexError
	// escapes: standard_conforming_strings is off.
	escapes bool
}

// next gives the next token; ok is false at the end and on an error.
func (l *lexer) next() (t token, ok bool) {
	if !l.skipSpace() || l.pos >= len(l.text) {
		return token{}, false
	}
	start := l.pos
	c := l.text[start]
	var kind tokenKind
	switch {
	case class[c]&classNameStart != 0:
		kind = l.nameOrPrefix(c)
	case c == '\'':
		kind = l.plainString()
	case c == '"':
		kind = tokenQuoted
		l.quotedName()
	case class[c]&classDigit != 0, c == '.' && l.class(start+1)&classDigit != 0:
		kind = l.number()
	case c == '$':
		kind = l.dollar()
	case class[c]&classOperator != 0:
		kind = l.operator()
	default:
		kind = l.punctuation(c)
	}
	if l.err != lexOK {
		l.pos = start
		return token{}, false
	}
	return token{kind: kind, start: int32(start), end: int32(l.pos)}, true
}

// class is the class of the byte at i, 0 past the end.
func (l *lexer) class(i int) uint8 {
	if i < len(l.text) {
		return class[l.text[i]]
	}
	return 0
}

// at is the byte at i, 0 past the end: no text holds a NUL.
func (l *lexer) at(i int) byte {
	if i < len(l.text) {
		return l.text[i]
	}
	return 0
}

// skipSpace skips white space and comments.
func (l *lexer) skipSpace() bool {
	for l.pos < len(l.text) {
		switch c := l.text[l.pos]; {
		case class[c]&classSpace != 0:
			l.pos++
		case c == '-' && l.at(l.pos+1) == '-':
			l.lineComment()
		case c == '/' && l.at(l.pos+1) == '*':
			if !l.blockComment() {
				l.err = lexUnterminatedComment
				return false
			}
		default:
			return true
		}
	}
	return true
}

func (l *lexer) lineComment() {
	for l.pos < len(l.text) && l.text[l.pos] != '\n' && l.text[l.pos] != '\r' {
		l.pos++
	}
}

// blockComment skips a comment, in which comments nest.
func (l *lexer) blockComment() bool {
	depth := 1
	for i := l.pos + 2; i < len(l.text); i++ {
		switch {
		case l.text[i] == '*' && l.at(i+1) == '/':
			i++
			if depth--; depth == 0 {
				l.pos = i + 1
				return true
			}
		case l.text[i] == '/' && l.at(i+1) == '*':
			i++
			depth++
		}
	}
	return false
}

// nameOrPrefix reads a name, or what one of the letters before a quote begins.
func (l *lexer) nameOrPrefix(c byte) tokenKind {
	quote := l.at(l.pos + 1)
	if quote == '\'' {
		switch c {
		case 'e', 'E':
			l.pos += 2
			l.escapeString()
			return tokenEscapeString
		case 'b', 'B', 'x', 'X':
			l.pos += 2
			l.quoted('\'')
			l.continued()
			return tokenBits
		}
	}
	if quote == '&' && (c == 'u' || c == 'U') {
		switch l.at(l.pos + 2) {
		case '\'':
			l.pos += 3
			l.quoted('\'')
			l.continued()
			l.uescape()
			return tokenUnicodeString
		case '"':
			l.pos += 2
			l.quotedName()
			l.uescape()
			return tokenUnicodeName
		}
	}
	for l.pos++; l.class(l.pos)&className != 0; l.pos++ {
	}
	return tokenIdentifier
}

// quoted skips to behind the closing quote; two quotes are one of the content.
// l.pos stands behind the opening quote.
func (l *lexer) quoted(quote byte) {
	for {
		i := bytes.IndexByte(l.text[l.pos:], quote)
		if i < 0 {
			l.err = lexUnterminatedString
			return
		}
		l.pos += i + 1
		if l.at(l.pos) != quote {
			return
		}
		l.pos++
	}
}

// quotedName skips a quoted name; l.pos stands at its quote.
func (l *lexer) quotedName() {
	start := l.pos
	l.pos++
	l.quoted('"')
	switch {
	case l.err != lexOK:
		l.err = lexUnterminatedName
	case l.pos == start+2:
		l.err = lexEmptyName
	}
}

// nextSegment skips to behind the opening quote of a string's next piece: a
// quote after white space that holds a line break.
func (l *lexer) nextSegment() bool {
	newline := false
	i := l.pos
	for i < len(l.text) {
		c := l.text[i]
		switch {
		case c == '\n' || c == '\r':
			newline = true
			i++
		case class[c]&classSpace != 0:
			i++
		case c == '-' && l.at(i+1) == '-':
			for i < len(l.text) && l.text[i] != '\n' && l.text[i] != '\r' {
				i++
			}
		case c == '\'' && newline:
			l.pos = i + 1
			return true
		default:
			return false
		}
	}
	return false
}

// continued skips the further pieces of a string without escapes.
func (l *lexer) continued() {
	for l.err == lexOK && l.nextSegment() {
		l.quoted('\'')
	}
}

func (l *lexer) plainString() tokenKind {
	start, kind := l.pos, tokenBackslashString
	l.pos++
	if l.escapes {
		kind = tokenOldString
		l.escapeString()
	} else {
		l.quoted('\'')
		l.continued()
	}
	if bytes.IndexByte(l.text[start:min(l.pos, len(l.text))], '\\') >= 0 {
		return kind
	}
	return tokenString
}

// escapeString skips an E string; l.pos stands behind its opening quote.
func (l *lexer) escapeString() {
	for {
		if l.pos >= len(l.text) {
			l.err = lexUnterminatedString
			return
		}
		switch l.text[l.pos] {
		case '\\':
			l.pos += 2
		case '\'':
			l.pos++
			if l.at(l.pos) == '\'' {
				l.pos++
			} else if !l.nextSegment() {
				return
			}
		default:
			l.pos++
		}
	}
}

// uescape takes a UESCAPE clause into the token before it.
func (l *lexer) uescape() {
	if l.err != lexOK {
		return
	}
	ahead := lexer{text: l.text, pos: l.pos, escapes: l.escapes}
	word, ok := ahead.next()
	if !ok || word.kind != tokenIdentifier || !foldEqual(l.text[word.start:word.end], "uescape") {
		return
	}
	if escape, ok := ahead.next(); ok && escape.kind.isString() {
		l.pos = int(escape.end)
	}
}

// dollar reads a parameter or a dollar-quoted string.
func (l *lexer) dollar() tokenKind {
	i := l.pos + 1
	if l.class(i)&classDigit != 0 {
		for l.class(i)&classDigit != 0 {
			i++
		}
		if l.class(i)&classNameStart != 0 {
			l.err = lexJunk
		}
		l.pos = i
		return tokenParameter
	}
	if l.class(i)&classNameStart != 0 {
		for l.class(i)&className != 0 && l.text[i] != '$' {
			i++
		}
	}
	if l.at(i) != '$' {
		l.err = lexByte
		return tokenPunctuation
	}
	tag := l.text[l.pos : i+1]
	end := bytes.Index(l.text[i+1:], tag)
	if end < 0 {
		l.err = lexUnterminatedDollar
		return tokenDollarString
	}
	l.pos = i + 1 + end + len(tag)
	return tokenDollarString
}

// digits skips digits of the class, single underscores between them.
func (l *lexer) digits(wanted uint8) (underscore bool) {
	for {
		switch {
		case l.class(l.pos)&wanted != 0:
			l.pos++
		case l.at(l.pos) == '_' && l.class(l.pos+1)&wanted != 0:
			underscore = true
			l.pos += 2
		default:
			return underscore
		}
	}
}

func (l *lexer) number() tokenKind {
	kind := tokenInteger
	if l.text[l.pos] == '0' && l.radix() {
		kind = tokenOtherNumber
	} else {
		underscore := l.digits(classDigit)
		if l.at(l.pos) == '.' && l.at(l.pos+1) != '.' {
			kind = tokenFloat
			l.pos++
			if l.class(l.pos)&classDigit != 0 {
				underscore = l.digits(classDigit) || underscore
			}
		}
		if e := l.at(l.pos) | 0x20; e == 'e' {
			i := l.pos + 1
			if s := l.at(i); s == '+' || s == '-' {
				i++
			}
			if l.class(i)&classDigit == 0 {
				l.err = lexJunk
				return kind
			}
			kind = tokenFloat
			l.pos = i
			underscore = l.digits(classDigit) || underscore
		}
		if underscore {
			kind = tokenOtherNumber
		}
	}
	if l.class(l.pos)&classNameStart != 0 {
		l.err = lexJunk
	}
	return kind
}

// radix reads a hexadecimal, octal or binary number.
func (l *lexer) radix() bool {
	valid := func(c byte) bool { return false }
	switch l.at(l.pos+1) | 0x20 {
	case 'x':
		valid = func(c byte) bool { return class[c]&classHex != 0 }
	case 'o':
		valid = func(c byte) bool { return c >= '0' && c <= '7' }
	case 'b':
		valid = func(c byte) bool { return c == '0' || c == '1' }
	}
	i := l.pos + 2
	for {
		if l.at(i) == '_' && valid(l.at(i+1)) {
			i += 2
		} else if valid(l.at(i)) {
			i++
		} else {
			break
		}
	}
	if i == l.pos+2 {
		return false
	}
	l.pos = i
	return true
}

// operator reads the longest operator that SQL allows at this place.
func (l *lexer) operator() tokenKind {
	end := l.pos
	for l.class(end)&classOperator != 0 {
		if end > l.pos {
			two := l.text[end : end+1]
			if (two[0] == '-' && l.at(end+1) == '-') || (two[0] == '/' && l.at(end+1) == '*') {
				break
			}
		}
		end++
	}
	// A + or - at the end belongs to the operator only if it holds a character
	// that standard operators do not have.
	for end > l.pos+1 && (l.text[end-1] == '+' || l.text[end-1] == '-') {
		if bytes.ContainsAny(l.text[l.pos:end-1], "~!@#^&|`?%") {
			break
		}
		end--
	}
	l.pos = end
	return tokenOperator
}

func (l *lexer) punctuation(c byte) tokenKind {
	switch c {
	case '(', ')', '[', ']', ',', ';':
		l.pos++
		return tokenPunctuation
	case '.':
		l.pos++
		if l.at(l.pos) == '.' {
			l.pos++
			return tokenOperator
		}
		return tokenPunctuation
	case ':':
		l.pos++
		if n := l.at(l.pos); n == ':' || n == '=' {
			l.pos++
			return tokenOperator
		}
		return tokenPunctuation
	}
	l.err = lexByte
	return tokenPunctuation
}

// foldEqual compares an unquoted name with a lower-case word.
func foldEqual(name []byte, word string) bool {
	if len(name) != len(word) {
		return false
	}
	for i, c := range name {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != word[i] {
			return false
		}
	}
	return true
}
