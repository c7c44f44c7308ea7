package rewrite

import (
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/logical"
)

// bindMade gives a sealed role to a value that a function makes of literals, as
// psycopg2 writes hstores and ranges: hstore(ARRAY['k'], ARRAY['v']),
// daterange('2024-01-01'::date, NULL, '[)'). What is sealed is the text form of
// what it would make. It is false, and has done nothing, for any other call.
func (a *analysis) bindMade(f *pg.FuncCall, op *Operand) bool {
	v := &value{operand: op, literal: -1, untyped: true}
	t, ok := a.madeBy(f, v)
	if c := op.Column.Type; !ok || op.Array || t.OID != c.OID || t.Def == nil && c.Def != nil {
		return false
	}
	open := a.tokenAt(f.Location)
	for open >= 0 && open < len(a.tokens) && !a.is(open, "(") {
		open++
	}
	end := a.closing(open)
	switch {
	case end < 0:
		return false
	case a.persistent:
		a.fail(refusePersistent(op.Column, f.Location))
		return true
	}
	a.edit(int(f.Location), int(a.tokens[end].end), "", v)
	a.operands = append(a.operands, op)
	a.note(op.verb(), op.Column, last(names(f.Funcname))+"(…)", f.Location)
	return true
}

// madeBy collects the parts of what a function makes, and tells its type.
func (a *analysis) madeBy(f *pg.FuncCall, v *value) (t logical.Type, ok bool) {
	if f.AggOrder != nil || f.AggFilter != nil || f.AggWithinGroup || f.AggStar || f.AggDistinct || f.FuncVariadic || f.Over != nil {
		return t, false
	}
	parts := names(f.Funcname)
	if r, ok := rangeBounds[last(parts)]; ok && (len(parts) == 1 || parts[0] == "pg_catalog") {
		return logical.Type{OID: r.whole, Typmod: -1}, a.madeRange(f, r.bound, v)
	}
	if last(parts) != "hstore" || len(parts) > 2 {
		return t, false
	}
	hstore, ok := a.definedType(parts)
	return hstore.Type, ok && a.madeHstore(f, v)
}

// madeHstore collects the parts of hstore(ARRAY[keys], ARRAY[values]).
func (a *analysis) madeHstore(f *pg.FuncCall, v *value) bool {
	if len(f.Args) != 2 {
		return false
	}
	keys, values := f.Args[0].GetAArrayExpr(), f.Args[1].GetAArrayExpr()
	nulls := keys != nil && a.isNulls(f.Args[1], len(keys.Elements))
	if keys == nil || !nulls && (values == nil || len(keys.Elements) != len(values.Elements)) {
		return false
	}
	for i, key := range keys.Elements {
		if i > 0 {
			v.text(",")
		}
		if !a.madeOf(key, v) {
			return false
		}
		v.text("=>")
		if nulls || isNullConstant(values.Elements[i]) {
			v.text("NULL")
		} else if !a.madeOf(values.Elements[i], v) {
			return false
		}
	}
	return len(keys.Elements) > 0
}

// isNulls says whether an array is written as '{NULL,NULL}', with n of them, as
// psycopg2 writes a list of nothing else. It steers the plan.
func (a *analysis) isNulls(array *pg.Node, n int) bool {
	c := array.GetAConst()
	i := a.tokenAt(c.GetLocation())
	if c.GetSval() == nil || n == 0 || i < 0 || !a.tokens[i].kind.isString() {
		return false
	}
	text, ok := appendString(nil, a.text, a.tokens[i])
	if !ok || string(text) != "{"+strings.Repeat("NULL,", n-1)+"NULL}" {
		return false
	}
	a.steer(c.Location)
	return true
}

// rangeBounds are the types of the bounds of ranges, by the ranges' names.
var rangeBounds = map[string]struct{ whole, bound uint32 }{
	"daterange": {logical.OIDDateRange, logical.OIDDate},
	"tsrange":   {logical.OIDTsRange, logical.OIDTimestamp},
	"tstzrange": {logical.OIDTstzRange, logical.OIDTimestamptz},
	"int4range": {logical.OIDInt4Range, logical.OIDInt4},
	"int8range": {logical.OIDInt8Range, logical.OIDInt8},
	"numrange":  {logical.OIDNumRange, logical.OIDNumeric},
}

// madeRange collects the parts of a range's constructor. Its bounds' flags steer
// the plan.
func (a *analysis) madeRange(f *pg.FuncCall, bound uint32, v *value) bool {
	if len(f.Args) < 2 || len(f.Args) > 3 {
		return false
	}
	flags := []byte("[)")
	if len(f.Args) == 3 {
		i := a.tokenAt(f.Args[2].GetAConst().GetLocation())
		if f.Args[2].GetAConst().GetSval() == nil || i < 0 || !a.tokens[i].kind.isString() {
			return false
		}
		var ok bool
		if flags, ok = appendString(nil, a.text, a.tokens[i]); !ok || len(flags) != 2 {
			return false
		}
		a.steer(f.Args[2].GetAConst().Location)
	}
	if flags[0] != '[' && flags[0] != '(' || flags[1] != ']' && flags[1] != ')' {
		return false
	}
	v.text(string(flags[:1]))
	for i, n := range f.Args[:2] {
		if i > 0 {
			v.text(",")
		}
		zoneless := false
		if cast := n.GetTypeCast(); cast != nil {
			to, ok := a.typeNamed(cast.TypeName)
			zoneless = bound == logical.OIDTimestamptz && to.OID == logical.OIDTimestamp
			if zoneless {
				to.OID = bound // to which the server casts it
			}
			if !ok || to.whole() != (logical.Type{OID: bound, Typmod: -1}) {
				return false
			}
			n = cast.Arg
		}
		if isNullConstant(n) {
			continue
		}
		if !a.madeOf(n, v) && !a.madeOfNumber(n, bound, v) {
			return false
		}
		v.array[len(v.array)-1].zoneless = zoneless
	}
	v.text(string(flags[1:]))
	return true
}

// madeOf adds a string to what a value is made of.
func (a *analysis) madeOf(n *pg.Node, v *value) bool {
	c := n.GetAConst()
	i := a.tokenAt(c.GetLocation())
	if c.GetSval() == nil || i < 0 || !a.tokens[i].kind.isString() {
		return false
	}
	v.array = append(v.array, arrayPart{literal: int32(a.literalAt(a.tokens[i].start))})
	return true
}

// madeOfNumber adds a number without a cast, of a type that becomes that of the bounds by
// itself.
func (a *analysis) madeOfNumber(n *pg.Node, bound uint32, v *value) bool {
	c := a.signed(n).GetAConst()
	if c.GetIval() == nil && c.GetFval() == nil || !isNumber(bound) {
		return false
	}
	number, _, negative := a.signedNumber(a.tokenAt(c.Location))
	if number < 0 {
		return false
	}
	v.array = append(v.array, arrayPart{literal: int32(a.literalAt(a.tokens[number].start)), negative: negative, bound: bound})
	return true
}

func (v *value) text(s string) { v.array = append(v.array, arrayPart{text: s, literal: -1}) }

func isNullConstant(n *pg.Node) bool { return n.GetAConst().GetIsnull() }

// isZoneless says whether a text is a timestamp as psycopg2 writes those without a
// zone: 2024-05-01T10:20:30.5. Such a one is the same moment whether it is read as a
// timestamp, and then cast, or as one with time zone right away; others may not be
// ("epoch", or where the text has a zone, which a timestamp leaves out).
func isZoneless(text []byte) bool {
	const shape = "0000-00-00T00:00:00"
	if len(text) > len(shape) && (text[len(shape)] != '.' || len(text) == len(shape)+1) || len(text) < len(shape) {
		return false
	}
	for i, c := range text {
		if i < len(shape) && shape[i] != '0' {
			if c != shape[i] && (shape[i] != 'T' || c != ' ') {
				return false
			}
		} else if i != len(shape) && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}
