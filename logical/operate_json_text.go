package logical

import (
	"bytes"
	"math"
)

// jsonSeeker follows a path through the text of a json in the server's way, which is one pass
// over the whole document, whatever it finds and where:
//
//   - what is no text (\u0000) is an error wherever it stands;
//   - the last of several members of one name counts. But if it is only on the way, and does not
//     have what the path leads to, then that of the one before it stays;
//   - an element counted from the end is counted so in the first array of its level that is long
//     enough, on the path or not. In those behind it, it has the place that it had there.
type jsonSeeker struct {
	names    [][]byte // of the members on the path; nil: it leads through none
	places   []int64  // of the elements, noPlace for none; nil: it leads through none
	unquotes bool     // a string is given without quotes, and null as NULL
	reached  []bool   // the path leads to the value of this level that is being read
	at       []int64  // the element of this level that is being read
	start    int      // where the value found starts, -1 if it is taken
	isString bool     // it is a string to be unquoted, which comes next
	found    []byte   // nil for NULL
}

const noPlace = math.MinInt32

// appendOfText appends what an operator takes out of a json; nil for NULL.
func (o Operator) appendOfText(dst, document, operand []byte, oid uint32) ([]byte, error) {
	s := jsonSeeker{unquotes: o == AtKeyText || o == AtPathText, start: -1}
	switch oid {
	case OIDTextArray:
		isNull := false
		_, err := Elements(Value{Data: operand, Binary: true, OID: OIDTextArray}, func(name []byte, null bool) error {
			place, err := placeNamed(name)
			if err != nil {
				place = noPlace
			}
			s.names, s.places = append(s.names, bytes.Clone(name)), append(s.places, place)
			isNull = isNull || null
			return nil
		})
		if err != nil || isNull {
			return nil, err
		}
	case OIDText:
		s.names = [][]byte{operand}
	default:
		s.places = []int64{canonicalInt(operand)}
	}
	p := jsonParser{lexer: jsonLexer{input: document, unescape: true}}
	if steps := max(len(s.names), len(s.places)); steps > 0 {
		s.reached, s.at = make([]bool, steps), make([]int64, steps)
		s.reached[0] = true
		p.seeker = &s
	}
	if _, err := p.root(); err != nil {
		return dst, err
	}
	if p.seeker == nil {
		s.takeAll(&p.lexer)
	}
	if s.found == nil {
		return nil, nil
	}
	if dst == nil {
		dst = []byte{} // an empty text is not NULL
	}
	return append(dst, s.found...), nil
}

// takeAll is for a path without steps, when everything is read. The server leaves out blanks
// around objects and arrays, and those behind other values.
func (s *jsonSeeker) takeAll(l *jsonLexer) {
	text := l.input[:l.last]
	switch inner := bytes.TrimLeft(text, " \t\n\r"); inner[0] {
	case '{', '[':
		s.found = inner
	case '"':
		if s.found = text; s.unquotes {
			s.found = append([]byte{}, l.value...)
		}
	case 'n':
		if !s.unquotes {
			s.found = text
		}
	default:
		s.found = text
	}
}

// leadsToMember says whether the path leads to the member of a name in an object that is level
// deep.
func (s *jsonSeeker) leadsToMember(level int, name []byte) bool {
	return s != nil && level <= len(s.names) && s.reached[level-1] && bytes.Equal(s.names[level-1], name)
}

// leadsToNext says whether it leads to the next element of an array.
func (s *jsonSeeker) leadsToNext(level int) bool {
	if s == nil || level > len(s.places) {
		return false
	}
	s.at[level-1]++
	return s.reached[level-1] && s.at[level-1] == s.places[level-1]
}

// open begins an array, level deep, whose first bracket is the lexer's token.
func (s *jsonSeeker) open(level int, l *jsonLexer) error {
	if s == nil || level > len(s.places) {
		return nil
	}
	s.at[level-1] = -1
	if place := &s.places[level-1]; *place < 0 && *place != noPlace {
		n, err := l.elements()
		if err != nil {
			return err
		}
		if -*place <= n {
			*place += n
		}
	}
	return nil
}

// enter is called at a value that the path leads to, when the lexer has its first token.
func (s *jsonSeeker) enter(level int, l *jsonLexer) {
	if level < len(s.reached) {
		s.reached[level] = true
		return
	}
	s.found, s.start = nil, -1
	if s.isString = s.unquotes && l.token == jsonString; !s.isString {
		s.start = l.start
	}
}

// leave is called behind it, when the lexer has the token behind.
func (s *jsonSeeker) leave(level int, l *jsonLexer, isNull bool) {
	switch {
	case level < len(s.reached):
		s.reached[level] = false
	case s.start >= 0 && !(isNull && s.unquotes):
		s.found = l.input[s.start:l.last]
	}
}

// take is called with each string.
func (s *jsonSeeker) take(value []byte) {
	if s != nil && s.isString {
		s.found, s.isString = append([]byte{}, value...), false
	}
}

// elements counts those of an array, whose first bracket is the token.
func (l jsonLexer) elements() (n int64, err error) {
	l.unescape = false
	for depth := 1; depth > 0; {
		if err := l.next(); err != nil {
			return 0, err
		}
		switch l.token {
		case jsonEnd:
			return 0, jsonSyntax("The input string ended unexpectedly.")
		case jsonArrayEnd, jsonObjectEnd:
			depth--
			continue
		case jsonComma:
			if depth == 1 {
				n++
			}
			continue
		}
		if n == 0 {
			n = 1
		}
		if l.token == jsonArrayStart || l.token == jsonObjectStart {
			depth++
		}
	}
	return n, nil
}
