package rewrite

import (
	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/logical"
)

// arrayPart is one part of the text form of an array, or of what else is made of
// literals (see made.go): braces, commas and NULL as they are, or a literal among
// the elements.
type arrayPart struct {
	text     string
	literal  int32 // index of the literal, -1 if there is only text
	negative bool
	zoneless bool   // the literal is a timestamp, and what is made has time zones
	bound    uint32 // the type that the literal, a number, must become by itself; 0 for any
}

// arrayKind is what the elements of ARRAY[…] are.
type arrayKind uint8

const (
	onlyNulls arrayKind = iota
	stringsOnly
	numbersOnly
	truthValues
	castStrings // to one type: ARRAY['::1'::inet], as psycopg2 writes values that are no numbers
)

// arrayConstructor seals ARRAY[…] of literals. ok is false, and nothing is done,
// for any other expression.
func (a *analysis) arrayConstructor(x *pg.A_ArrayExpr, op *Operand, cast bool) (v *value, end int, ok bool) {
	v = &value{operand: op, literal: -1}
	kind := onlyNulls
	if !a.arrayParts(x, v, &kind) || kind == onlyNulls && !cast {
		return nil, 0, false
	}
	v.untyped = cast && (kind == stringsOnly || kind == onlyNulls)
	open := a.tokenAt(x.Location)
	if a.is(open, "array") {
		open++
	}
	close := a.closing(open)
	if open < 0 || close < 0 {
		return nil, 0, false
	}
	return v, int(a.tokens[close].end), true
}

// arrayParts collects the parts of one level.
func (a *analysis) arrayParts(x *pg.A_ArrayExpr, v *value, kind *arrayKind) bool {
	became := func(k arrayKind, element uint32) bool {
		same := *kind == onlyNulls || *kind == k && v.element == element
		*kind, v.element = k, element
		return same
	}
	v.text("{")
	for i, n := range a.allSigned(x.Elements) {
		if i > 0 {
			v.text(",")
		}
		if inner := n.GetAArrayExpr(); inner != nil {
			if !a.arrayParts(inner, v, kind) {
				return false
			}
			continue
		}
		if t := n.GetTypeCast(); t != nil && t.Location < 0 && t.Arg.GetAConst().GetBoolval() != nil {
			n = t.Arg // how the grammar spells TRUE
		}
		if oid, arg := a.castString(n); arg != nil {
			i := a.tokenAt(arg.Location)
			if i < 0 || !a.tokens[i].kind.isString() || !became(castStrings, oid) {
				return false
			}
			v.array = append(v.array, arrayPart{literal: int32(a.literalAt(a.tokens[i].start))})
			continue
		}
		c := n.GetAConst()
		if c == nil {
			return false
		}
		token := a.tokenAt(c.Location)
		switch {
		case token < 0:
			return false
		case c.Isnull:
			v.text("NULL")
		case c.GetBoolval() != nil && a.tokens[token].kind == tokenIdentifier:
			if !became(truthValues, 0) {
				return false
			}
			if c.GetBoolval().Boolval {
				v.text("t")
			} else {
				v.text("f")
			}
		case c.GetSval() != nil && a.tokens[token].kind.isString():
			if !became(stringsOnly, 0) {
				return false
			}
			v.array = append(v.array, arrayPart{literal: int32(a.literalAt(a.tokens[token].start))})
		case c.GetIval() != nil || c.GetFval() != nil:
			number, _, negative := a.signedNumber(token)
			if number < 0 || !became(numbersOnly, 0) {
				return false
			}
			v.array = append(v.array, arrayPart{literal: int32(a.literalAt(a.tokens[number].start)), negative: negative})
		default:
			return false
		}
	}
	v.text("}")
	return true
}

// castString reads 'x'::type, of a built-in type without modifiers. arg is nil for
// any other expression.
func (a *analysis) castString(n *pg.Node) (element uint32, arg *pg.A_Const) {
	cast := n.GetTypeCast()
	c := cast.GetArg().GetAConst()
	if c.GetSval() == nil {
		return 0, nil
	}
	t, ok := a.typeNamed(cast.TypeName)
	if !ok || t.array || t.Def != nil || t.Typmod >= 0 || t.ArrayOID() == 0 {
		return 0, nil
	}
	return t.OID, c
}

// evaluateArray fills the scratch's Literal with an array in its text form and
// the type that PostgreSQL gives to ARRAY[…].
func (b *Bound) evaluateArray(v *value) error {
	s := b.scratch
	l := &s.literal
	element := uint32(oidBool)
	for _, p := range v.array {
		if p.literal < 0 {
			s.value = append(s.value, p.text...)
			continue
		}
		n := s.literals[p.literal]
		if n.kind.isString() {
			element = logical.OIDText
			raw, ok := appendString(nil, b.text, token{n.kind, n.start, n.end})
			if !ok {
				return refuseEscape(int(n.start))
			}
			if p.zoneless && !isZoneless(raw) {
				return refuseValueCast(v.operand.Column, int32(n.start))
			}
			s.value = append(s.value, '"')
			for _, c := range raw {
				if c == '"' || c == '\\' {
					s.value = append(s.value, '\\')
				}
				s.value = append(s.value, c)
			}
			s.value = append(s.value, '"')
			continue
		}
		at := len(s.value)
		if p.negative {
			s.value = append(s.value, '-')
		}
		s.value = append(s.value, b.text[n.start:n.end]...)
		own := numberType(s.value[at:])
		if p.bound != 0 && widerNumber(p.bound, own) != p.bound {
			return refuseValueCast(v.operand.Column, int32(n.start))
		}
		element = widerNumber(element, own)
	}
	if v.element != 0 {
		element = v.element
	}
	if l.OID = (logical.Type{OID: element}).ArrayOID(); v.untyped {
		l.OID = oidUnknown
	}
	return nil
}

// widerNumber is the common type of two numbers.
func widerNumber(a, b uint32) uint32 {
	rank := map[uint32]int{oidInt4: 1, oidInt8: 2, oidNumeric: 3}
	if rank[a] > rank[b] {
		return a
	}
	return b
}
