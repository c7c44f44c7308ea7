package session

import (
	"bytes"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"

	"pgseal/catalog"
	"pgseal/envelope"
	"pgseal/logical"
	"pgseal/wire"
)

// Errors of the server show what it stores: terms as keys of unique indexes,
// envelopes in failing rows. The client knows neither, and would have read its
// own value.

// sentValue is one value that the client stored, by its term.
type sentValue struct {
	term   [envelope.EqualitySize]byte
	column *catalog.SealedColumn
	n      uint8
	plain  [sentLength]byte
}

const (
	// sentCount and sentLength bound what is remembered for errors: the last
	// values, and no long ones, which errors cut off anyway.
	sentCount  = 32
	sentLength = 80
)

// sentValues remembers the last values stored in columns with an equality
// term, until the transaction ends. Nothing is kept of those without one.
type sentValues struct {
	ring  []sentValue
	next  int
	noted int // so far
}

func (v *sentValues) note(term []byte, c *catalog.SealedColumn, plain []byte) {
	if len(plain) > sentLength {
		return
	}
	if v.ring == nil {
		v.ring = make([]sentValue, sentCount)
	}
	e := &v.ring[v.next]
	v.next = (v.next + 1) % sentCount
	v.noted++
	copy(e.term[:], term)
	e.column, e.n = c, uint8(copy(e.plain[:], plain))
}

// last are copies of the values noted last, n at most.
func (v *sentValues) last(n int) (values []sentValue) {
	for i := range min(n, len(v.ring)) {
		if e := v.ring[(v.next+sentCount-1-i)%sentCount]; e.column != nil {
			values = append(values, e)
		}
	}
	return values
}

// again notes values that are stored again.
func (v *sentValues) again(values []sentValue) {
	for i := range values {
		e := &values[i]
		v.note(e.term[:], e.column, e.plain[:e.n])
	}
}

// forget lets go of the values.
func (v *sentValues) forget() {
	if v.ring == nil || v.ring[0].column == nil && v.next == 0 {
		return
	}
	clear(v.ring)
	v.next = 0
}

func (v *sentValues) find(term []byte) *sentValue {
	for i := range v.ring {
		if v.ring[i].column != nil && bytes.Equal(v.ring[i].term[:], term) {
			return &v.ring[i]
		}
	}
	return nil
}

const (
	// withValues stands in the context of an error that shows parameters, under
	// log_parameter_max_length_on_error.
	withValues    = "with parameters: $"
	sealedText    = "(sealed)"
	domainSchema  = "pgseal_column"
	hexStart      = `\x`
	envelopeHex   = "e501"
	envelopeEscap = `\345\001`
	termHex       = 2 * envelope.EqualitySize
)

// termCalls begin the calls of the functions that give terms.
var termCalls = map[envelope.TermFlags][]byte{
	envelope.TermEquality: []byte("pgseal.eq("), envelope.TermLower: []byte("pgseal.lower("), envelope.TermUpper: []byte("pgseal.upper("),
}

// callsTerm reports that a text has one of these calls.
func callsTerm(text []byte) bool {
	for _, call := range termCalls {
		if bytes.Contains(text, call) {
			return true
		}
	}
	return false
}

// termCallAt is the call with which a text begins, kind 0 for none.
func termCallAt(text []byte) (kind envelope.TermFlags, size int) {
	for kind, call := range termCalls {
		if bytes.HasPrefix(text, call) {
			return kind, len(call)
		}
	}
	return 0, 0
}

// mentionsSealed reports that an error shows something that only pgseal knows.
func mentionsSealed(f wire.ErrorFields) bool {
	for it := f.Iter(); ; {
		code, value := it.Next()
		if code == 0 {
			return false
		}
		if callsTerm(value) || code == wire.FieldWhere && bytes.Contains(value, []byte(withValues)) || bytes.Contains(value, []byte(hexStart+envelopeHex)) || bytes.Contains(value, []byte(copyMarker)) ||
			bytes.Contains(value, []byte(envelopeEscap)) || code == wire.FieldSchema && string(value) == domainSchema {
			return true
		}
	}
}

// appendShown appends a text of the server in the client's terms:
// pgseal.eq(column) becomes column, pgseal.lower(column) lower(column), a term the
// value that the client sent, and an envelope (sealed). of is the relation that it is
// about, nil if the server does not say.
func (s *Session) appendShown(dst, text []byte, of *catalog.Relation) []byte {
	terms := callsTerm(text) || bytes.Contains(text, []byte(withValues))
	for len(text) > 0 {
		kind, size := envelope.TermFlags(0), 0
		if text[0] == termCalls[envelope.TermEquality][0] {
			kind, size = termCallAt(text)
		}
		switch {
		case kind != 0:
			argument, n := argumentOf(text[:size], text[size:])
			if n == 0 {
				return append(dst, text...)
			}
			dst = s.appendElement(dst, kind, argument, of)
			text = text[size+n:]
		case bytes.HasPrefix(text, []byte(copyMarker)):
			dst = append(dst, sealedText...)
			text = text[len(copyMarker):]
		case bytes.HasPrefix(text, []byte(`\`+hexStart+envelopeHex)):
			text = text[1:] // in a line of COPY
		case bytes.HasPrefix(text, []byte(hexStart)):
			n := hexDigits(text[len(hexStart):])
			digits := text[len(hexStart) : len(hexStart)+n]
			rest := text[len(hexStart)+n:]
			switch {
			case bytes.HasPrefix(digits, []byte(envelopeHex)):
				dst = append(dst, sealedText...)
				rest = bytes.TrimPrefix(rest, []byte("..."))
			case terms && n == termHex:
				var term [envelope.EqualitySize]byte
				_, _ = hex.Decode(term[:], digits) // they are digits
				dst = s.appendSent(dst, term[:])
			default:
				dst = append(dst, text[:len(hexStart)+n]...)
			}
			text = rest
		case bytes.HasPrefix(text, []byte(envelopeEscap)):
			dst = append(dst, sealedText...)
			n := bytes.IndexAny(text, ",)")
			if n < 0 {
				n = len(text)
			}
			text = text[n:]
		default:
			if terms && (bytes.HasSuffix(dst, keyValues) || bytes.HasSuffix(dst, nextValue)) {
				var term [envelope.EqualitySize]byte
				if n := escapedTerm(text, term[:]); n > 0 {
					dst, text = s.appendSent(dst, term[:]), text[n:]
					continue
				}
			}
			dst = append(dst, text[0])
			text = text[1:]
		}
	}
	return dst
}

// What stands before a value in the DETAIL of a unique index.
var keyValues, nextValue = []byte(")=("), []byte(", ")

// escapedTerm reads a term as bytea_output = escape shows it among the values of a
// key, and gives its length, 0 if it is none.
func escapedTerm(text, term []byte) (n int) {
	escaped := false
	for i := range term {
		if n == len(text) {
			return 0
		}
		term[i] = text[n]
		n++
		if term[i] != '\\' {
			continue
		}
		escaped = true
		rest := text[n:]
		if len(rest) > 0 && rest[0] == '\\' {
			n++
			continue
		}
		const octal = 3
		v, err := strconv.ParseUint(string(rest[:min(octal, len(rest))]), 8, 8)
		if err != nil || len(rest) < octal {
			return 0
		}
		term[i], n = byte(v), n+octal
	}
	if !escaped || !bytes.HasPrefix(text[n:], nextValue) && !bytes.HasPrefix(text[n:], keyValues[:1]) {
		return 0
	}
	return n
}

// appendSent appends the value behind a term.
func (s *Session) appendSent(dst, term []byte) []byte {
	if v := s.sent.find(term); v != nil {
		if out, err := v.column.Type.AppendText(dst, v.plain[:v.n], &s.settings.values); err == nil {
			return out
		}
	}
	return append(dst, sealedText...)
}

func hexDigits(b []byte) (n int) {
	for n < len(b) && (b[n] >= '0' && b[n] <= '9' || b[n] >= 'a' && b[n] <= 'f') {
		n++
	}
	return n
}

// appendElement appends the element of an index over a term of a column as the server
// would have printed that of the plain table.
func (s *Session) appendElement(dst []byte, kind envelope.TermFlags, column []byte, of *catalog.Relation) []byte {
	if kind == envelope.TermEquality {
		return append(dst, column...)
	}
	dst = append(dst, catalog.FoldName(kind)+"("...)
	dst = append(dst, column...)
	if !s.isTextColumn(string(column), of) {
		dst = append(dst, "::text"...)
	}
	return append(dst, ')')
}

// isTextColumn says whether a sealed column of that name, as SQL, is one of type text,
// of which lower and upper need no cast. Where the relation is not known, any will do.
func (s *Session) isTextColumn(name string, of *catalog.Relation) bool {
	if quoted, ok := strings.CutPrefix(name, `"`); ok {
		name = strings.ReplaceAll(strings.TrimSuffix(quoted, `"`), `""`, `"`)
	}
	isText := func(r *catalog.Relation) bool {
		c := r.Column(name)
		return c != nil && c.Sealed != nil && c.Sealed.Folding != nil && c.Sealed.Type.OID == logical.OIDText
	}
	if of != nil {
		return isText(of)
	}
	snap, err := s.snapshot()
	return snap != nil && err == nil && slices.ContainsFunc(snap.Relations(), isText)
}

// aboutRelation is the relation that an error is about, nil if it does not say or that is
// not known.
func (s *Session) aboutRelation(f wire.ErrorFields) *catalog.Relation {
	snap, err := s.snapshot()
	if snap == nil || err != nil {
		return nil
	}
	for _, r := range snap.Named(string(f.Get(wire.FieldTable))) {
		if r.Schema == string(f.Get(wire.FieldSchema)) {
			return r
		}
	}
	return nil
}

// argumentOf is what stands before the closing parenthesis, without the cast to
// bytea that the server may write around it, and without the note of an index; n
// counts the parenthesis too, and is 0 if there is none.
func argumentOf(call, text []byte) (argument []byte, n int) {
	depth := 1
	quote := byte(0)
	for i, c := range text {
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '(':
			depth++
		case c == ')':
			if depth--; depth == 0 {
				if _, column, _, noted := catalog.NotedTerm(string(call) + string(text[:i+1])); noted {
					return []byte(column), i + 1
				}
				return bytes.TrimSuffix(text[:i], []byte("::bytea")), i + 1
			}
		}
	}
	return nil, 0
}
