package rewrite

import (
	"bytes"
	"slices"
	"unicode/utf8"

	"pgseal/logical"
)

// span is a range of bytes of a text with the kind of the literal that it is.
type span struct {
	start, end int32
	kind       tokenKind
}

// anchor is a place in every text of one shape: so many bytes behind the end of
// a literal, or behind the beginning of the text for literal -1.
type anchor struct{ literal, offset int32 }

func (a anchor) in(literals []span) int {
	if a.literal < 0 {
		return int(a.offset)
	}
	return int(literals[a.literal].end + a.offset)
}

// piece replaces what stands between two places by text and a value.
type piece struct {
	start, end anchor
	from       anchor // of what stands in the text: start, or where it has been moved from
	text       string
	value      *value // nil: only the text
	after      string // behind the value
}

// value is a literal in a sealed role.
type value struct {
	operand  *Operand
	literal  int32  // index of the literal; -1 for a keyword
	keyword  string // true or false, or the bits of B'…' and X'…'
	bits     bool
	negative bool // a minus sign stands before the number
	// array is ARRAY[…], or what a function makes of literals, nil for a literal;
	// untyped says that it gets its type from where it stands, element, if not 0,
	// to which type its elements are cast.
	array   []arrayPart
	joined  bool // array is strings, one behind the other
	untyped bool
	element uint32
	// answer numbers, from 1, the answer that it is; 0 for a literal.
	answer int
	// bare: it stands where the server gives it the column's type by itself.
	bare bool
	// converts: there is none, and the piece's text stands only if the data of a
	// COPY is converted; see Copy.Converts.
	converts bool
}

// fixedLiteral is a literal on whose value the plan depends, such as the number
// in ORDER BY 1.
type fixedLiteral struct {
	literal int32
	text    string
}

// typedParam is a parameter on whose declared type the plan depends.
type typedParam struct {
	client int    // from 0
	oid    uint32 // 0 for none
}

// declared is the type among those that are declared, 0 for none.
func declared(types []uint32, i int) uint32 {
	if i < len(types) && types[i] != oidUnknown {
		return types[i]
	}
	return 0
}

// fits says whether the steering literals, and types, are those the plan was made for.
func (p *Plan) fits(text []byte, literals []span, types []uint32) bool {
	for _, t := range p.typed {
		if declared(types, t.client) != t.oid {
			return false
		}
	}
	for _, f := range p.fixed {
		l := literals[f.literal]
		if string(text[l.start:l.end]) != f.text {
			return false
		}
	}
	return true
}

// Scratch is the memory that one session lends to its planning. The zero value
// is ready. It must not be used by two calls at once.
type Scratch struct {
	literals []span
	key      []byte
	marks    []mark
	value    []byte
	literal  Literal
}

// mark says where the replacement of one piece stands in the server's text.
type mark struct{ start, end int }

// maxScratch is what a Scratch keeps in bytes (or entries) after a large text.
const maxScratch = 64 << 10

// Release gives up memory that one large text made the Scratch take. Bounds
// made with it are no longer valid.
func (s *Scratch) Release() {
	if cap(s.key) > maxScratch || cap(s.value) > maxScratch || cap(s.literals) > maxScratch/8 || cap(s.marks) > maxScratch/8 {
		*s = Scratch{}
	}
}

// shape fills s.key with the text without its literals, and s.literals with
// those. Two texts of the same shape differ in the values of literals only. ok
// is false for a text that the scanner refuses.
func (s *Scratch) shape(text []byte, escapes bool) (ok bool) {
	s.key, s.literals = s.key[:0], s.literals[:0]
	l := lexer{text: text, escapes: escapes}
	kept := 0
	for {
		t, ok := l.next()
		if !ok {
			break
		}
		if t.kind.isLiteral() {
			s.literals = append(s.literals, span{t.start, t.end, t.kind})
			s.key = append(s.key, text[kept:t.start]...)
			kept = int(t.end)
		}
	}
	s.key = append(s.key, text[kept:]...)
	s.key = append(s.key, 0) // no text holds a zero byte
	if !IsASCII(text) {
		s.key = append(s.key, byte(TraitNonASCII)) // the plan's traits are the text's
	}
	for i, n := range s.literals {
		from := int32(0)
		if i > 0 {
			from = s.literals[i-1].end
		}
		gap := n.start - from
		s.key = append(s.key, byte(n.kind), byte(gap>>16), byte(gap>>8), byte(gap))
	}
	return l.err == lexOK
}

// IsASCII reports that a text has no byte above 0x7f.
func IsASCII(text []byte) bool { return logical.IsASCII(text) }

// MayEscape says whether there may be escapes in a text, which stand for characters of the
// server's encoding, and not of the client's.
func MayEscape(text []byte) bool {
	if bytes.IndexByte(text, '\\') >= 0 {
		return true
	}
	for rest := text; ; {
		i := bytes.IndexByte(rest, '&')
		if i < 0 {
			return false
		}
		if i > 0 && rest[i-1]|0x20 == 'u' { // U&'!00e9' UESCAPE '!'
			return true
		}
		rest = rest[i+1:]
	}
}

// Bound is a plan applied to one text. It uses the text and the scratch it was
// made with and is valid until either changes.
type Bound struct {
	Plan    *Plan
	text    []byte
	scratch *Scratch
	// Converts has the text ask for the data of COPYs in the binary format; see
	// Copy.Converts.
	Converts bool
}

// Literal is one literal in a sealed role, as AppendSQL hands it over. It is
// valid until the callback returns.
type Literal struct {
	Operand *Operand
	// Value is what the literal stands for: a string without quotes and
	// escapes in the client's encoding (of an array in its text form, when
	// Operand.Array), a number with its sign, or true or false.
	Value []byte
	// OID is the type that PostgreSQL gives to the literal itself: 705
	// (unknown) for strings, 23, 20 or 1700 for numbers, 16 for truth values.
	// Operand.Via is what it was then cast to.
	OID      uint32
	Position int // byte offset in the client's text
	// Answer numbers, from 1, the value of the Question that stands here; 0 for a
	// literal.
	Answer int
	// Bare: AppendBareBytea will do, because the server takes a literal without a
	// type for one of the column that it is stored into.
	Bare bool

	text     []byte
	literals []span
}

// Checked says whether the literal has to be checked before it is used: it is an
// argument of EXECUTE, or shares its type with a column.
func (l *Literal) Checked() bool {
	return l.Operand.Site.argument > 0 || l.Operand.Beside != notBeside
}

// Check says whether a literal of its type can stand where it stands, as
// Bound.Check does. A bare string can stand anywhere.
func (l *Literal) Check() *Refusal { return l.CheckType(l.OID) }

// CheckType is Check for an answer, of which the server has said the type.
func (l *Literal) CheckType(oid uint32) *Refusal { return l.Operand.check(oid, l.literals) }

// AppendSQL appends the text for the server. For each literal in a sealed role
// seal appends what replaces it, with AppendBytea or AppendByteaArray. Errors
// of seal are returned as they are; a literal whose escapes PostgreSQL would
// refuse is a *Refusal.
func (b *Bound) AppendSQL(dst []byte, seal func(dst []byte, l *Literal) ([]byte, error)) ([]byte, error) {
	if len(b.Plan.pieces) == 0 {
		return append(dst, b.text...), nil
	}
	s := b.scratch
	s.marks = s.marks[:0]
	origin, kept := len(dst), 0
	for i := range b.Plan.pieces {
		p := &b.Plan.pieces[i]
		dst = append(dst, b.text[kept:p.start.in(s.literals)]...)
		kept = p.end.in(s.literals)
		from := len(dst) - origin
		converts := p.value != nil && p.value.converts
		if converts && !b.Converts {
			dst = append(dst, b.text[p.start.in(s.literals):kept]...)
			s.marks = append(s.marks, mark{from, len(dst) - origin})
			continue
		}
		dst = append(dst, p.text...)
		if p.value != nil && !converts {
			err := b.evaluate(p)
			if err != nil {
				return dst, err
			}
			at := len(dst)
			if dst, err = seal(dst, &s.literal); err != nil {
				return dst, err
			}
			dst = b.appendWarning(dst, at, p.value)
		}
		dst = append(dst, p.after...)
		s.marks = append(s.marks, mark{from, len(dst) - origin})
	}
	return append(dst, b.text[kept:]...), nil
}

// evaluate fills the scratch's Literal.
func (b *Bound) evaluate(p *piece) error {
	s := b.scratch
	l := &s.literal
	*l = Literal{Operand: p.value.operand, OID: oidUnknown, Position: p.start.in(s.literals), Bare: p.value.bare, text: b.text, literals: s.literals}
	s.value = s.value[:0]
	if p.value.answer > 0 {
		l.Answer, l.OID = p.value.answer, 0
	} else if p.value.joined {
		if err := b.evaluateJoined(p.value); err != nil {
			return err
		}
	} else if p.value.array != nil {
		if err := b.evaluateArray(p.value); err != nil {
			return err
		}
	} else if p.value.literal < 0 {
		s.value = append(s.value, p.value.keyword...)
		if l.OID = oidBool; p.value.bits {
			l.OID = logical.OIDBit
		}
	} else {
		n := s.literals[p.value.literal]
		l.Position = int(n.start)
		if n.kind.isString() {
			var ok bool
			if s.value, ok = appendString(s.value, b.text, token{n.kind, n.start, n.end}); !ok {
				return refuseEscape(int(n.start))
			}
			if l.Operand.Null != nil {
				l.OID = logical.OIDText
			}
		} else {
			if p.value.negative {
				s.value = append(s.value, '-')
			}
			s.value = append(s.value, b.text[n.start:n.end]...)
			l.OID = numberType(s.value)
		}
	}
	l.Value = s.value
	return nil
}

// AppendBytea appends a bytea literal that means the same whatever the
// session's settings are.
func AppendBytea(dst, value []byte) []byte {
	return append(AppendBareBytea(dst, value), `::pg_catalog.bytea`...)
}

// AppendBareBytea is AppendBytea without the type, which costs the server more
// than reading the value.
func AppendBareBytea(dst, value []byte) []byte {
	dst = append(dst, `E'\\x`...)
	dst = logical.EncodeHex(dst, value)
	return append(dst, '\'')
}

// AppendByteaArray appends a bytea[] literal; a nil element is NULL.
func AppendByteaArray(dst []byte, elements [][]byte) []byte {
	dst = append(dst, `E'{`...)
	for i, e := range elements {
		if i > 0 {
			dst = append(dst, ',')
		}
		if e == nil {
			dst = append(dst, `NULL`...)
			continue
		}
		dst = append(dst, `"\\\\x`...)
		dst = logical.EncodeHex(dst, e)
		dst = append(dst, '"')
	}
	return append(dst, `}'::pg_catalog.bytea[]`...)
}

// ClientOffset maps a byte offset in the text that AppendSQL gave to one in the
// client's. What stands inside a replacement maps to the beginning of what it
// replaced.
func (b *Bound) ClientOffset(server int) int {
	literals := b.scratch.literals
	shift := 0 // client minus server, behind the pieces passed so far
	for i, m := range b.scratch.marks {
		if i >= len(b.Plan.pieces) || server < m.start {
			break
		}
		p := &b.Plan.pieces[i]
		if server < m.end {
			return p.from.in(literals)
		}
		shift = p.end.in(literals) - m.end
	}
	if len(b.Plan.pieces) == 0 {
		shift = 0
	}
	return max(0, min(server+shift, len(b.text)))
}

// ClientPosition maps the position in an error of the server, which counts
// characters of the text that AppendSQL gave from 1, to the client's text.
// Bytes that are not UTF-8 count as characters, as in single-byte encodings.
func (b *Bound) ClientPosition(server []byte, position int) int {
	return CharacterPosition(b.text, b.ClientOffset(characterOffset(server, position)))
}

// CharacterPosition gives a byte offset as the protocol's error fields do: in
// characters from 1.
func CharacterPosition(text []byte, offset int) int {
	return utf8.RuneCount(text[:min(max(offset, 0), len(text))]) + 1
}

func characterOffset(text []byte, position int) int {
	offset := 0
	for ; position > 1 && offset < len(text); position-- {
		_, size := utf8.DecodeRune(text[offset:])
		offset += size
	}
	return offset
}

// edit is a piece in the making, at byte offsets of the text being planned.
type edit struct {
	start, end int
	text       string
	value      *value
	after      string // behind the value
	operand    bool   // it is a parameter in a sealed role
	again      bool   // a parameter in a sealed role stands somewhere in the text
	moved      int    // offset of the text that it has been moved from, counted from 1; 0 for none
	term       bool   // it opens what the next edit closes, around a sealed expression
	closes     bool   // it closes what is around all that stands there
	outer      bool   // it stands before what else is inserted at the place
}

func replacing(start, end int, text string) edit { return edit{start: start, end: end, text: text} }

// inOrder sorts edits as they stand in the text: what is inserted at a place before what
// is replaced from it on.
func inOrder(edits []edit) []edit {
	slices.SortStableFunc(edits, func(a, b edit) int {
		if a.start != b.start {
			return a.start - b.start
		}
		if a.outer != b.outer {
			if a.outer {
				return -1
			}
			return 1
		}
		return min(a.end-a.start, 1) - min(b.end-b.start, 1)
	})
	return edits
}

// anchored turns edits into pieces that hold for every text of the shape. ok is
// false if two edits overlap, which would be a defect of the planner: such a
// text is refused.
func anchored(edits []edit, text []byte, literals []span) (pieces []piece, ok bool) {
	inOrder(edits)
	end := 0
	for _, e := range edits {
		if e.start < end || e.end < e.start || e.end > len(text) {
			return nil, false
		}
		end = e.end
		start, ok1 := anchorAt(e.start, literals)
		stop, ok2 := anchorAt(e.end, literals)
		if !ok1 || !ok2 {
			return nil, false
		}
		from := start
		if e.moved > 0 {
			if from, ok1 = anchorAt(e.moved-1, literals); !ok1 {
				return nil, false
			}
		}
		p := piece{start: start, end: stop, from: from, text: e.text, value: e.value, after: e.after}
		p.separate(text, e)
		pieces = append(pieces, p)
	}
	return pieces, true
}

// separate keeps what is replaced from running into its neighbours: SQL allows
// x='a'AND"y"='b'. The neighbours are the same in all texts of a shape.
func (p *piece) separate(text []byte, e edit) {
	if opens := e.value != nil || e.text != "" && class[e.text[0]]&className != 0; opens && e.start > 0 && class[text[e.start-1]]&className != 0 {
		p.text = " " + p.text
	}
	if e.end > e.start && e.end < len(text) && class[text[e.end]]&className != 0 {
		p.after += " "
	}
}

// anchorAt finds the anchor of an offset, which must not be inside a literal.
func anchorAt(offset int, literals []span) (anchor, bool) {
	k, _ := slices.BinarySearchFunc(literals, offset, func(s span, offset int) int {
		if int(s.end) <= offset {
			return -1
		}
		return 1
	})
	// literals[k] is the first that ends behind the offset.
	if k < len(literals) && int(literals[k].start) < offset {
		return anchor{}, false
	}
	if k == 0 {
		return anchor{-1, int32(offset)}, true
	}
	return anchor{int32(k - 1), int32(offset) - literals[k-1].end}, true
}
