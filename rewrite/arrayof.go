package rewrite

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/catalog"
	"pgseal/logical"
)

// arrayOfValues is ARRAY[a, b], with casts to one type around it perhaps.
func (a *analysis) arrayOfValues(left *sealedExpr, n *pg.Node, sc *scope) bool {
	var casts []*pg.TypeCast
	for n.GetTypeCast() != nil {
		casts = append(casts, n.GetTypeCast())
		n = n.GetTypeCast().Arg
	}
	array := n.GetAArrayExpr()
	if array == nil {
		return false
	}
	var via *logical.Type
	for _, c := range casts {
		to, ok := a.typeNamed(c.TypeName)
		if !ok || !to.array || via != nil && *via != to.Type {
			a.fail(refuseValueCast(left.column, left.at))
			return true
		}
		via = &to.Type
		if r := a.checked(&Operand{Column: left.column, Role: Equality, Site: a.site}, via.OID); r != nil {
			a.fail(r)
			return true
		}
		a.replaceType(c.TypeName, "pg_catalog.bytea[]", left.column, left.at)
	}
	op := Operand{Column: left.column, Role: Equality, Via: via, Site: a.site}
	elements := a.allSigned(array.Elements)
	if via == nil && untyped(elements) && !a.asText(&op, elements) {
		return true
	}
	mixed := slices.ContainsFunc(elements, isParamRef) && slices.ContainsFunc(elements, isString)
	a.uniform(left, elements, true)
	if via == nil && !untyped(elements) {
		a.besideTyped(&op, elements)
	}
	if via == nil {
		a.mixTypes(elements, left.column, sameFamily(left.column.Type.Shown().OID, logical.OIDText))
	}
	for _, e := range elements {
		switch right := a.peek(e, sc); {
		case right != nil && right.column == left.column && via == nil:
			a.toTerm(right)
		case right != nil:
			a.fail(refuseUse(right.column, right.at, "ARRAY[…]"))
		case via != nil && e.GetTypeCast() != nil:
			own := op
			own.Via = nil // which its own casts make the same
			if !a.castsTo(e, *via) || !a.bindElement(e, own, mixed) {
				a.fail(refuseValueCast(left.column, left.at))
			}
		case !a.bindElement(e, op, mixed):
			a.refuseComputed(left, e, sc)
		}
	}
	return true
}

// castsTo says whether all casts of a value are to one type, so that another to the same
// changes nothing: psycopg2 writes the elements of ARRAY['…'::uuid]::uuid[] so.
func (a *analysis) castsTo(n *pg.Node, t logical.Type) bool {
	_, casts := withoutCasts(n)
	return !slices.ContainsFunc(casts, func(c *pg.TypeCast) bool {
		to, ok := a.typeNamed(c.TypeName)
		return !ok || to.array || to.Type != t
	})
}

// mixTypes notes which of some values are parameters, because they get a common type.
// texts: it does not matter which types of texts.
func (a *analysis) mixTypes(values []*pg.Node, c *catalog.SealedColumn, texts bool) {
	var clients []int
	for _, n := range values {
		if p := n.GetParamRef(); p != nil {
			clients = append(clients, int(p.Number)-1)
		}
	}
	if len(clients) > 1 {
		a.mixesOfTypes = append(a.mixesOfTypes, Mix{Clients: clients, Texts: texts, Refusal: refuseMixedList(c, location(values[0]))})
	}
}

func isParamRef(n *pg.Node) bool { return n.GetParamRef() != nil }

func isString(n *pg.Node) bool { return n.GetAConst().GetSval() != nil }

// untyped says whether the elements of an array have no type: PostgreSQL takes them for
// text, whatever they are compared with.
func untyped(elements []*pg.Node) bool {
	return len(elements) > 0 && !slices.ContainsFunc(elements, func(n *pg.Node) bool {
		c := n.GetAConst()
		return n.GetParamRef() == nil && c.GetSval() == nil && !c.GetIsnull()
	})
}

// asText has the elements of an array read as text, but for parameters that are declared
// as something else. It is false if there is no operator for that.
func (a *analysis) asText(op *Operand, elements []*pg.Node) bool {
	op.Base = logical.OIDText
	if slices.ContainsFunc(elements, isParamRef) {
		return true // their types are checked when they are known
	}
	if r := a.checked(op, op.Base); r != nil {
		a.fail(r)
	}
	return a.err == nil
}

// besideTyped says what elements without a type become beside others, which uniform has
// found alike.
func (a *analysis) besideTyped(op *Operand, elements []*pg.Node) {
	switch column := op.Column.Type.Shown().OID; {
	case isNumber(column):
		if common := a.commonNumber(elements, -1); common >= 0 {
			op.Base, op.Beside = numbers[common], besideNumbers
		}
	case sameFamily(column, logical.OIDText):
		op.Beside = besideTexts
	default:
		op.Base, op.Beside = column, besideBase
	}
}

// bindElement gives an element of an array its role. mixed: there are parameters and
// strings, which are what those are declared as.
func (a *analysis) bindElement(n *pg.Node, op Operand, mixed bool) bool {
	base, column := op.Base, op.Column.Type.Shown().OID
	textual := sameFamily(column, logical.OIDText)
	switch {
	case n.GetParamRef() == nil:
		op.Base, op.Beside = 0, notBeside
		if isString(n) && base != 0 && base != column && !textual && (!mixed || base != logical.OIDText || likeText(column)) {
			op.Via = &logical.Type{OID: base, Typmod: -1}
		}
	case base == logical.OIDText && mixed && likeText(column):
		op.Beside = besideBase
	case base == logical.OIDText && mixed && !textual:
		op.Beside = besideStrings
	}
	return a.bind(n, op, true)
}
