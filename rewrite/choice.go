package rewrite

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/logical"
)

// choice is a CASE or COALESCE of constants, one of which is to be stored. ORMs
// update many rows at once by one.
type choice struct {
	expr    *pg.Node
	casts   []*pg.TypeCast // around it, the outermost first
	results []*pg.Node
}

// constantKind is what decides which type PostgreSQL gives to a choice.
type constantKind int

const (
	nullConstant   constantKind = iota
	stringConstant              // parameters, too
	numberConstant
	boolConstant
	castConstant     // to a type of its own
	computedConstant // by the server, from nothing
)

// chosen reads an expression as a choice among constants of one kind. What
// PostgreSQL would make of different kinds would have to be worked out first:
// that is not a choice. Of what the server computes there is one at most.
func (a *analysis) chosen(n *pg.Node) (c choice, kind constantKind, own logical.Type, ok bool) {
	for n.GetTypeCast() != nil {
		c.casts = append(c.casts, n.GetTypeCast())
		n = n.GetTypeCast().Arg
	}
	c.expr, c.results = n, resultsOf(n)
	for _, r := range c.results {
		k, named := a.constantKind(r)
		if array := r.GetAArrayExpr(); array != nil {
			k, named = a.arrayConstant(array)
		}
		if k < 0 && kind == nullConstant && a.steady(r) {
			k = computedConstant
		}
		switch {
		case k < 0, kind != nullConstant && k != nullConstant && (k != kind || named != own):
			return c, 0, own, false
		case k != nullConstant:
			kind, own = k, named
		}
	}
	return c, kind, own, c.results != nil
}

// arrayConstant is the kind of ARRAY[…] of literals, and its type. Of numbers, what they
// have in common does not matter: it has every one of them.
func (a *analysis) arrayConstant(x *pg.A_ArrayExpr) (constantKind, logical.Type) {
	v, kind := value{literal: -1}, onlyNulls
	element := logical.Type{Typmod: -1}
	switch ok := a.arrayParts(x, &v, &kind); {
	case !ok || kind == onlyNulls:
		return -1, logical.Type{}
	case kind == stringsOnly:
		element.OID = logical.OIDText
	case kind == numbersOnly:
		element.OID = logical.OIDNumeric
	case kind == truthValues:
		element.OID = logical.OIDBool
	default:
		element.OID = v.element
	}
	return castConstant, logical.Type{OID: element.ArrayOID(), Typmod: -1}
}

// constantKind is the kind of a constant, and the type that it is cast to; -1
// for anything else.
func (a *analysis) constantKind(n *pg.Node) (kind constantKind, own logical.Type) {
	cast := n.GetTypeCast()
	switch c := n.GetAConst(); {
	case cast.GetArg().GetAConst().GetBoolval() != nil && cast.Location < 0:
		return boolConstant, own // how the grammar spells TRUE
	case cast != nil && (cast.Arg.GetAConst() != nil || cast.Arg.GetParamRef() != nil || cast.Arg.GetAArrayExpr() != nil):
		if named, ok := a.typeNamed(cast.TypeName); ok {
			return castConstant, named.whole()
		}
	case n.GetFuncCall() != nil:
		if t, ok := a.madeBy(n.GetFuncCall(), &value{}); ok {
			return castConstant, t
		}
		if a.isTextCall(n) {
			return castConstant, logical.Type{OID: logical.OIDText, Typmod: -1}
		}
	case n.GetParamRef() != nil:
		return stringConstant, own
	case n.GetAExpr() != nil:
		if parts, _ := a.joinedParts(n); parts != nil {
			return castConstant, logical.Type{OID: logical.OIDText, Typmod: -1}
		}
	case c == nil:
	case c.Isnull:
		return nullConstant, own
	case c.GetBoolval() != nil:
		return boolConstant, own
	case c.GetSval() != nil:
		return stringConstant, own
	case c.GetIval() != nil, c.GetFval() != nil:
		return numberConstant, own
	}
	return -1, own
}

// storeChoice stores one of several constants. It is false, and has done
// nothing, for any other expression.
func (a *analysis) storeChoice(n *pg.Node, to target, sc *scope) bool {
	c := to.sealed
	choice, kind, own, ok := a.chosen(n)
	if !ok || a.persistent {
		return false
	}
	op := Operand{Column: c, Role: Store, Site: a.storing(n, to.name)}
	if kind == stringConstant {
		op.Base = logical.OIDText // as which PostgreSQL takes values without a type
	}
	if kind == computedConstant && len(choice.casts) > 0 {
		return false
	}
	if len(choice.casts) > 0 {
		for _, cast := range choice.casts {
			named, ok := a.typeNamed(cast.TypeName)
			if !ok || kind == castConstant && named.whole() != own && !assignedAlike(own, named.whole(), c.Type) {
				return false
			}
		}
		if kind != castConstant && !a.via(choice.casts, false, &op, location(choice.expr)) {
			return true
		}
		for _, cast := range choice.casts {
			if kind == castConstant {
				a.replaceType(cast.TypeName, op.serverType(), c, location(choice.expr))
			}
		}
	} else if kind == stringConstant {
		if !isCharacter(c.Type) {
			return false // it is text, which PostgreSQL does not assign to the column
		}
		op.Beside = besideAfter // of a value of another type the strings would be read as that
	}
	if kind == stringConstant {
		a.mixTypes(choice.results, c, true)
	}
	store := func(r *pg.Node) {
		own := op
		if r.GetTypeCast() != nil && r.GetTypeCast().Location >= 0 {
			own.Base = 0
		}
		if kind == computedConstant && !isNull(r) {
			if !a.computed(r, own, sc) {
				a.fail(refuseStore(c, location(r)))
			}
			return
		}
		if !a.bind(r, own, true) {
			a.fail(refuseStore(c, location(r)))
		}
	}
	if x := choice.expr.GetCaseExpr(); x != nil {
		a.caseTests(x, sc, store)
		return true
	}
	for _, r := range choice.results {
		store(r)
	}
	return true
}

// onlyNull says whether an expression is NULL, or a choice among nothing but NULLs without casts.
func onlyNull(n *pg.Node) bool {
	values := resultsOf(n)
	switch x := n.GetNode().(type) {
	case *pg.Node_MinMaxExpr:
		values = x.MinMaxExpr.Args
	case *pg.Node_AExpr:
		if x.AExpr.Kind == pg.A_Expr_Kind_AEXPR_NULLIF {
			values = []*pg.Node{x.AExpr.Lexpr, x.AExpr.Rexpr}
		}
	case *pg.Node_AConst:
		return x.AConst.Isnull
	}
	return values != nil && !slices.ContainsFunc(values, func(v *pg.Node) bool { return !onlyNull(v) })
}

// storeTyped stores one of parameters and integers that have a type in common which
// does not come from the column: COALESCE($1, 0), and COALESCE($1, $2) of which the
// client has declared both. It is false, and has done nothing, for any other
// expression.
func (a *analysis) storeTyped(n *pg.Node, to target, sc *scope) bool {
	c := to.sealed
	if a.persistent || c.Type.Def != nil || isCharacter(c.Type) {
		return false
	}
	parameters, integers := 0, 0
	for _, r := range resultsOf(n) {
		switch {
		case r.GetParamRef() != nil:
			parameters++
		case r.GetAConst().GetIval() != nil:
			integers++
			a.steer(location(r)) // a larger one is no int
		case !r.GetAConst().GetIsnull():
			return false
		}
	}
	// Values are assigned to the column here, whether or not they are chosen: that must
	// not fail, but for the first one of COALESCE, which is.
	safe := c.Type.Typmod == -1 && (integers == 0 || c.Type.Absorbs(logical.OIDInt4, false))
	op := Operand{Column: c, Role: Store, Site: a.storing(n, to.name)}
	of := op
	switch {
	case parameters == 0, integers > 0 && !slices.Contains(numbers[:], c.Type.OID):
		return false
	case integers > 0 && parameters == 1 && n.GetCaseExpr() == nil && resultsOf(n)[0].GetParamRef() != nil:
		of.Base, of.Beside = logical.OIDInt4, firstOfIntegers
	case !safe:
		return false
	case integers == 0:
		of.Base, of.Beside = logical.OIDText, besideSame
	case parameters == 1:
		of.Base, of.Beside = logical.OIDInt4, besideIntegers
	default:
		of.Base, of.Beside = logical.OIDInt4, amongIntegers
	}
	store := func(r *pg.Node) {
		if r.GetParamRef() != nil {
			a.bind(r, of, true)
		} else {
			a.bind(r, op, true)
		}
	}
	if x := n.GetCaseExpr(); x != nil {
		a.caseTests(x, sc, store)
		return true
	}
	for _, r := range resultsOf(n) {
		store(r)
	}
	return true
}

// fits says whether a value of the type can stand there, so that it is assigned to
// the column as when it stands alone.
func (o *Operand) fits(oid uint32) bool {
	switch b, column := o.Beside, o.Column.Type; {
	case b == notBeside:
		return true
	case b == besideBase:
		return oid == o.Base
	case b == besideNumbers: // a real is not what others are in its place
		return oid == o.Base || oid != logical.OIDFloat4 && o.Base != logical.OIDFloat4
	case b == besideBefore, b == besideAfter:
		return column.Absorbs(oid, b == besideBefore)
	case b == besideSame:
		return oid == column.OID
	case b == besideStrings:
		return oid == column.OID || oid == logical.OIDText // which the column is not compared with
	case b == besideListed && o.Base != 0: // that of the numbers, as which the strings are read
		return CommonType(o.Base, oid) == o.Base
	case b == besideListed: // of a real's strings Unsure decides
		own := column.Shown().OID
		return own == logical.OIDFloat4 || CommonType(own, oid) == own
	case b == besideTexts:
		return sameFamily(oid, logical.OIDText)
	case b == besideNull && column.OID == logical.OIDBit:
		return oid != logical.OIDVarbit
	case b == besideNull && column.OID == logical.OIDBpchar:
		return oid != logical.OIDText && oid != logical.OIDName
	case b == besideNull:
		return !isExact(column.OID) || !isNumber(oid) || isExact(oid) && (oid != logical.OIDNumeric || column.OID == oid)
	case oid == logical.OIDInt2, oid == logical.OIDInt4:
		return true
	case b == firstOfIntegers:
		return oid == logical.OIDInt8 || oid == logical.OIDNumeric || oid == logical.OIDFloat8
	case b == besideIntegers: // the integers would become a real, which is less exact
		return oid != logical.OIDFloat4 && column.Absorbs(oid, false)
	}
	return false
}

// assignedAlike says whether a value of one type that is cast to another, and
// then stored into a column of that type, becomes what it becomes when it is
// stored right away. So does a timestamp in a column with time zone.
func assignedAlike(from, to, column logical.Type) bool {
	column = column.Shown()
	if to.OID != column.OID || to.Typmod != -1 && to.Typmod != column.Typmod {
		return false
	}
	return isMoment(from.OID) && isMoment(to.OID) && from.Typmod == -1
}

func isMoment(oid uint32) bool {
	return oid == logical.OIDDate || oid == logical.OIDTimestamp || oid == logical.OIDTimestamptz
}

// storeNullIf stores NULLIF of two constants: NULL where their terms are equal.
// It is false, and has done nothing, for any other expression.
func (a *analysis) storeNullIf(n *pg.Node, to target) bool {
	x := n.GetAExpr()
	if x.GetKind() != pg.A_Expr_Kind_AEXPR_NULLIF || a.persistent {
		return false
	}
	kind, _ := a.constantKind(x.Lexpr)
	other, _ := a.constantKind(x.Rexpr)
	c := to.sealed
	start, end, ok := a.alternativesSpan(n)
	if !ok || kind != stringConstant || other != stringConstant || !isCharacter(c.Type) || c.Type.OID == logical.OIDBpchar {
		return false
	}
	if !a.comparable(c, x.Location) || !a.ofTexts("=", c, x.Location) {
		return true
	}
	left := a.tokenAt(location(x.Lexpr))
	if left < 0 || !a.nullIfEdits(term{start, end}, int(a.tokens[left].end)) {
		return true
	}
	compared := Operand{Column: c, Role: Equality, Base: logical.OIDText, Site: a.comparison("=", x.Location)}
	if !a.bind(x.Lexpr, compared, false) || !a.bind(x.Rexpr, compared, false) {
		a.fail(refuseStore(c, x.Location))
	}
	// The value once more, behind the comparison.
	stored := Operand{Column: c, Role: Store, Base: logical.OIDText, Beside: besideAfter, Site: a.storing(n, to.name)}
	a.insert(end-1, " THEN NULL ELSE ")
	if p := x.Lexpr.GetParamRef(); p != nil {
		a.use(p, &stored)
		if a.err == nil {
			u := &a.uses[len(a.uses)-1]
			u.start, u.end, u.after = end-1, end-1, " END"
		}
	} else {
		a.edit(end-1, end-1, "", &value{operand: &stored, literal: int32(a.literalAt(a.tokens[left].start))})
		a.insert(end-1, " END")
		a.note("seal", c, "a literal", x.Location)
	}
	return true
}

// compareChoice compares with COALESCE of texts, as applications do to find NULL by the
// empty string: COALESCE(city, $1) = COALESCE($2, $1). It is false, and has done nothing,
// for any other expression.
func (a *analysis) compareChoice(n *pg.Node, op Operand) bool {
	x := n.GetCoalesceExpr()
	if x == nil || a.persistent || op.Column.Type.Def != nil || !sameFamily(op.Column.Type.OID, logical.OIDText) {
		return false
	}
	for _, r := range x.Args {
		switch kind, own := a.constantKind(r); {
		case kind == stringConstant, kind == nullConstant, kind == castConstant && isText(own) && isConstant(r):
		default:
			return false
		}
	}
	for _, r := range x.Args {
		each := op
		if r.GetParamRef() != nil {
			each.Base, each.Beside = logical.OIDText, besideTexts
		}
		if !a.bind(r, each, true) {
			a.fail(refuseComputed(op.Column, location(n)))
		}
	}
	return true
}

// isCharacter says whether PostgreSQL assigns text to the type.
func isCharacter(t logical.Type) bool {
	return t.OID == logical.OIDText || t.OID == logical.OIDVarchar || t.OID == logical.OIDBpchar
}
