package rewrite

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/logical"
)

const joinOperator = "||"

// joinedPart is one of the strings and NULLs that || joins, or the parameter among them.
type joinedPart struct {
	value *pg.Node
	casts []*pg.TypeCast // around it, the outermost first: to text
}

// joinedParts are what || joins, if it is strings and one parameter at most, all of them
// texts: then PostgreSQL has the || of two texts. casts is how many casts end behind the
// last one. It gives nil for any other expression.
func (a *analysis) joinedParts(n *pg.Node) (parts []joinedPart, casts int) {
	x := n.GetAExpr()
	if x.GetKind() != pg.A_Expr_Kind_AEXPR_OP || len(x.Name) != 1 || last(names(x.Name)) != joinOperator || x.Lexpr == nil {
		return nil, 0
	}
	for _, side := range [...]*pg.Node{x.Lexpr, x.Rexpr} {
		inner, around := withoutCasts(side)
		for _, c := range around {
			if to, ok := a.typeNamed(c.TypeName); !ok || !isText(to.whole()) || !a.is(a.tokenAt(c.Location), "::") {
				return nil, 0
			}
		}
		i := a.tokenAt(inner.GetAConst().GetLocation())
		if isParamRef(inner) || isNullConstant(inner) || inner.GetAConst().GetSval() != nil && i >= 0 && a.tokens[i].kind.isString() {
			parts, casts = append(parts, joinedPart{inner, around}), len(around)
			continue
		}
		of, behind := a.joinedParts(inner)
		if of == nil {
			return nil, 0
		}
		parts, casts = append(parts, of...), behind+len(around)
	}
	params := 0
	for _, p := range parts {
		if isParamRef(p.value) {
			params++
		}
	}
	if params > 1 {
		return nil, 0
	}
	return parts, casts
}

// bindJoined gives a sealed role to strings and a parameter that are joined: 'a' || $1.
// It is false, and has done nothing, for any other expression.
func (a *analysis) bindJoined(n *pg.Node, casts []*pg.TypeCast, op *Operand) bool {
	parts, behind := a.joinedParts(n)
	if parts == nil || op.Array || op.Null != nil || op.Site.argument > 0 || op.Role == Emptiness {
		return false
	}
	start, end, ok := a.joinedSpan(parts, behind)
	if !ok {
		return false
	}
	at, text := n.GetAExpr().Location, logical.Type{OID: logical.OIDText, Typmod: -1}
	if a.persistent {
		a.fail(refusePersistent(op.Column, at))
		return true
	}
	if !a.ofTexts(joinOperator, op.Column, at) {
		return true
	}
	i := slices.IndexFunc(parts, func(p joinedPart) bool { return isParamRef(p.value) })
	null := slices.ContainsFunc(parts, func(p joinedPart) bool { return isNullConstant(p.value) })
	switch {
	case null && i >= 0:
		return false
	case null:
		if a.thenCasts(nil, text, casts, op, at) {
			a.edit(start, end, "NULL::"+serverType, nil)
		}
	case i < 0:
		if !a.thenCasts(nil, text, casts, op, at) {
			return true
		}
		v := &value{operand: op, literal: -1, joined: true}
		for _, p := range parts {
			k := a.tokenAt(p.value.GetAConst().Location)
			v.array = append(v.array, arrayPart{literal: int32(a.literalAt(a.tokens[k].start))})
		}
		a.edit(start, end, "", v)
		a.note(op.verb(), op.Column, "a literal", at)
	default:
		before, ok := a.joinedText(parts[:i])
		after, ok2 := a.joinedText(parts[i+1:])
		types, ok3 := a.castTypes(parts[i].casts, true, op, at)
		if !ok || !ok2 || !ok3 {
			return a.err != nil
		}
		var steps []Step
		for _, t := range types {
			steps = append(steps, Step{Type: t})
		}
		op.Site.function = joinOperator
		op.Site.call, _ = a.anchor(at)
		if !a.thenCasts(append(steps, Step{Function: Join, Before: before, Behind: after}), text, casts, op, at) {
			return true
		}
		if a.use(parts[i].value.GetParamRef(), op); a.err == nil {
			u := &a.uses[len(a.uses)-1]
			u.start, u.end = start, end
		}
	}
	a.editCasts(casts, op, at)
	a.operands = append(a.operands, op)
	return true
}

// joinedText joins strings that mean the same in every encoding. They steer the plan.
func (a *analysis) joinedText(parts []joinedPart) (string, bool) {
	var text []byte
	for _, p := range parts {
		at := p.value.GetAConst().Location
		var ok bool
		if text, ok = appendString(text, a.text, a.tokens[a.tokenAt(at)]); !ok {
			return "", false
		}
		a.steer(at)
	}
	return string(text), IsASCII(text)
}

// joinedSpan finds the bytes from the first part to behind the last one, with the brackets
// between them.
func (a *analysis) joinedSpan(parts []joinedPart, casts int) (start, end int, ok bool) {
	first, last := a.tokenAt(location(parts[0].value)), a.tokenAt(location(parts[len(parts)-1].value))
	if first < 0 || last < 0 {
		return 0, 0, false
	}
	depth, from := 0, first
	for i := first; i <= last; i++ {
		switch {
		case a.is(i, "("):
			depth++
		case a.is(i, ")") && depth > 0:
			depth--
		case a.is(i, ")"):
			if from--; !a.is(from, "(") {
				return 0, 0, false
			}
		}
	}
	for {
		switch {
		case depth > 0 && a.is(last+1, ")"):
			last, depth = last+1, depth-1
			continue
		case casts > 0 && a.is(last+1, "::") && last+2 < len(a.tokens):
			behind := a.typeEnd(a.tokens[last+2].start)
			for last++; last+1 < len(a.tokens) && int(a.tokens[last].end) < behind; last++ {
			}
			casts--
			continue
		}
		return int(a.tokens[from].start), int(a.tokens[last].end), from >= 0 && depth == 0 && casts == 0
	}
}

// evaluateJoined fills the scratch's Literal with strings that are joined.
func (b *Bound) evaluateJoined(v *value) error {
	s := b.scratch
	for _, p := range v.array {
		n := s.literals[p.literal]
		var ok bool
		if s.value, ok = appendString(s.value, b.text, token{n.kind, n.start, n.end}); !ok {
			return refuseEscape(int(n.start))
		}
	}
	s.literal.OID = logical.OIDText
	return nil
}
