package rewrite

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/catalog"
	"pgseal/logical"
)

// maxNull is the longest string that NULLIF may name: shorter than what the session
// seals without looking at it as a whole.
const maxNull = 64

// bindNullIf gives a sealed role to NULLIF(value, 'string'), as applications make NULL
// of an empty field: NULLIF($1, ”)::date. Both are text to PostgreSQL, and equal if
// their bytes are, so the session sees which value is NULL. The string steers the plan.
// It is false, and has done nothing, for any other expression.
func (a *analysis) bindNullIf(n *pg.Node, casts []*pg.TypeCast, op *Operand) bool {
	x := n.GetAExpr()
	if x.GetKind() != pg.A_Expr_Kind_AEXPR_NULLIF || op.Array || op.Null != nil || op.Site.argument > 0 || op.Role == Emptiness {
		return false
	}
	left, text, ok := a.textOnly(x.Lexpr)
	calls, called := a.nulledCalls(x.Lexpr)
	if len(calls) > 0 {
		left, text, ok = called, 0, true // its casts say
	}
	null, known := a.nullOf(x.Rexpr)
	start, end, spanned := a.alternativesSpan(n)
	if !ok || !known || !spanned {
		return false
	}
	if a.persistent {
		a.fail(refusePersistent(op.Column, x.Location))
		return true
	}
	if !a.ofTexts("=", op.Column, x.Location) {
		return true
	}
	op.Null, op.Base, op.Nulled = &null, text, len(calls)
	switch {
	case len(calls) > 0:
		if !a.called(calls, called, casts, op) {
			return true
		}
		a.editCasts(casts, op, x.Location)
	case len(casts) > 0:
		if !a.via(casts, false, op, x.Location) {
			return true
		}
	case op.Via == nil: // there is no cast of an array around it
		if r := a.checked(op, logical.OIDText); r != nil {
			a.fail(r)
			return true
		}
	}
	a.steer(location(x.Rexpr))
	if p := left.GetParamRef(); p != nil {
		if a.use(p, op); a.err == nil {
			u := &a.uses[len(a.uses)-1]
			u.start, u.end = start, end
		}
	} else {
		i := a.tokenAt(left.GetAConst().Location)
		a.edit(start, end, "", &value{operand: op, literal: int32(a.literalAt(a.tokens[i].start))})
		a.note(op.verb(), op.Column, "a literal", x.Location)
	}
	a.operands = append(a.operands, op)
	return true
}

// isGiven says whether an expression is a constant, or NULLIF that bindNullIf binds.
func (a *analysis) isGiven(n *pg.Node) bool {
	if isConstant(n) {
		return true
	}
	n, _ = withoutCasts(n)
	x := n.GetAExpr()
	if x.GetKind() != pg.A_Expr_Kind_AEXPR_NULLIF || a.persistent {
		return false
	}
	_, _, value := a.textOnly(x.Lexpr)
	_, null := a.nullOf(x.Rexpr)
	return value && null
}

// nullIfBeside says whether NULLIF of values can be an alternative to a column: it is of
// the column's type, or a text beside characters. The planner leaves out what it finds
// to be NULL, and with it changes the modifier that the choice is described with.
func (a *analysis) nullIfBeside(n *pg.Node, c *catalog.SealedColumn) bool {
	if n.GetTypeCast() == nil {
		return c.Type.OID == logical.OIDText || c.Type.OID == logical.OIDVarchar
	}
	return c.Type.Typmod == -1 && a.castAlike(n, c.Type)
}

// nulledCalls are calls of functions of text (called.go) around a string or a parameter,
// without casts.
func (a *analysis) nulledCalls(n *pg.Node) (calls []textCall, value *pg.Node) {
	calls, value = a.textCalls(n)
	if value.GetParamRef() == nil && value.GetAConst().GetSval() == nil || slices.ContainsFunc(calls, func(c textCall) bool { return len(c.casts) > 0 }) {
		return nil, nil
	}
	return calls, value
}

// textOnly is a string or a parameter, without the casts around it that leave text as
// it is.
func (a *analysis) textOnly(n *pg.Node) (value *pg.Node, oid uint32, ok bool) {
	n, casts := withoutCasts(n)
	oid = logical.OIDText
	for _, c := range casts {
		to, ok := a.typeNamed(c.TypeName)
		if !ok || !isText(to.whole()) {
			return nil, 0, false
		}
		oid = to.OID
	}
	if n.GetParamRef() != nil {
		return n, oid, true
	}
	i := a.tokenAt(n.GetAConst().GetLocation())
	return n, oid, n.GetAConst().GetSval() != nil && i >= 0 && a.tokens[i].kind.isString()
}

// nullOf reads a string that means the same in every encoding.
func (a *analysis) nullOf(n *pg.Node) (string, bool) {
	i := a.tokenAt(n.GetAConst().GetLocation())
	if n.GetAConst().GetSval() == nil || i < 0 || !a.tokens[i].kind.isString() {
		return "", false
	}
	text, ok := appendString(nil, a.text, a.tokens[i])
	return string(text), ok && len(text) <= maxNull && IsASCII(text)
}

// IsNull says whether NULLIF makes NULL of a value in its text form.
func (o *Operand) IsNull(text []byte) bool { return o.Null != nil && string(text) == *o.Null }
