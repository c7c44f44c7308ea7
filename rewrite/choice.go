package rewrite

import (
	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/catalog"
	"pgseal/logical"
)

// choice is a CASE whose results are constants, one of which is to be stored.
// ORMs update many rows at once by one.
type choice struct {
	expr    *pg.CaseExpr
	cast    *pg.TypeCast // around it, nil if there is none
	results []*pg.Node
	itself  bool // the column that is written is among the results
}

// constantKind is what decides which type PostgreSQL gives to a CASE.
type constantKind int

const (
	nullConstant constantKind = iota
	stringConstant
	numberConstant
	boolConstant
	castConstant // to a type of its own
)

// chosen reads an expression as a choice among constants of one kind. What
// PostgreSQL would make of different kinds, or of parameters, would have to be
// worked out first: that is not a choice.
func (a *analysis) chosen(n *pg.Node, to *catalog.SealedColumn, sc *scope) (c choice, kind constantKind, own logical.Type, ok bool) {
	if c.cast = n.GetTypeCast(); c.cast != nil {
		n = c.cast.Arg
	}
	if c.expr = n.GetCaseExpr(); c.expr == nil {
		return c, 0, own, false
	}
	var results []*pg.Node
	for _, w := range c.expr.Args {
		results = append(results, w.GetCaseWhen().GetResult())
	}
	if c.expr.Defresult != nil {
		results = append(results, c.expr.Defresult)
	}
	for _, r := range results {
		if r.GetColumnRef() != nil {
			if e := a.peek(r, sc); e == nil || e.column != to {
				return c, 0, own, false
			}
			c.itself = true
			continue
		}
		c.results = append(c.results, r)
		k, named := a.constantKind(r)
		switch {
		case k < 0, kind != nullConstant && k != nullConstant && (k != kind || named != own):
			return c, 0, own, false
		case k != nullConstant:
			kind, own = k, named
		}
	}
	return c, kind, own, true
}

// constantKind is the kind of a constant, and the type that it is cast to; -1
// for anything else.
func (a *analysis) constantKind(n *pg.Node) (kind constantKind, own logical.Type) {
	cast := n.GetTypeCast()
	switch c := n.GetAConst(); {
	case cast.GetArg().GetAConst().GetBoolval() != nil && cast.Location < 0:
		return boolConstant, own // how the grammar spells TRUE
	case cast.GetArg().GetAConst() != nil && cast.Location >= 0:
		if named, ok := a.typeNamed(cast.TypeName); ok && !cast.Arg.GetAConst().Isnull {
			return castConstant, named.whole()
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

// storeChoice stores one of the results of a CASE. It is false, and has done
// nothing, for any other expression.
func (a *analysis) storeChoice(n *pg.Node, to target, sc *scope) bool {
	c := to.sealed
	choice, kind, own, ok := a.chosen(n, c, sc)
	if !ok || a.persistent {
		return false
	}
	op := Operand{Column: c, Role: Store, Site: a.storing(n, to.name)}
	if cast := choice.cast; cast != nil {
		named, ok := a.typeNamed(cast.TypeName)
		switch {
		case !ok, kind == castConstant && named.whole() != own, choice.itself && named.whole() != c.Type:
			return false
		case kind == castConstant:
			a.replaceType(cast.TypeName, op.serverType(), c, choice.expr.Location)
		case !a.via([]*pg.TypeCast{cast}, &op, choice.expr.Location):
			return true
		}
	} else if kind == stringConstant && !choice.itself && !isCharacter(c.Type) {
		return false // it is text, which PostgreSQL does not assign to the column
	}
	a.caseTests(choice.expr, sc, func(r *pg.Node) {
		if r.GetColumnRef() == nil {
			a.bind(r, op, true)
		}
	})
	return true
}

// isCharacter says whether PostgreSQL assigns text to the type.
func isCharacter(t logical.Type) bool {
	return t.OID == logical.OIDText || t.OID == logical.OIDVarchar || t.OID == logical.OIDBpchar
}
