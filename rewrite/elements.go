package rewrite

import (
	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/catalog"
	"pgseal/logical"
)

// arrayMade is peek for an array that the server makes of sealed values: array_agg,
// ARRAY(SELECT …), ARRAY[…].
func (a *analysis) arrayMade(n *pg.Node, sc *scope) *sealedExpr {
	var of *catalog.SealedColumn
	switch x := n.GetNode().(type) {
	case *pg.Node_FuncCall:
		if !isArrayAgg(x.FuncCall) || a.isHidden(names(x.FuncCall.Funcname)) {
			return nil
		}
		if e := a.peek(x.FuncCall.Args[0], sc); e != nil && !e.grouped {
			of = a.castTo(e)
		}
		if of != nil && of.Type.Shown() != of.Type { // arrays of a domain are of a type of their own
			return nil
		}
		if of != nil {
			of = a.as(of, loose(of.Type)) // a function's result has no length
		}
	case *pg.Node_SubLink:
		if outputs := a.oneOutput(n, sc); outputs != nil && x.SubLink.SubLinkType == pg.SubLinkType_ARRAY_SUBLINK {
			of = shownColumn(&outputs[0])
		}
	case *pg.Node_AArrayExpr:
		for i, n := range x.AArrayExpr.Elements {
			e := a.peek(n, sc)
			if e == nil || e.grouped || e.wavering || len(e.casts) > 0 {
				return nil
			}
			shown := a.castTo(e)
			if i > 0 && shown != of {
				return nil
			}
			of = shown
		}
	}
	if of == nil || a.persistent || of.Assembled() || of.Broken != "" || of.Type.IsArray() {
		return nil
	}
	t := a.arrayOf(of.Type)
	if t.OID == 0 {
		return nil
	}
	return &sealedExpr{column: a.arrayOfColumn(of, t), at: location(n), made: &alternatives{node: n, scope: sc}}
}

// arrayOf is the type of arrays of a type, with OID 0 if it is not known.
func (a *analysis) arrayOf(t logical.Type) logical.Type {
	if t.Def != nil {
		return a.snap.ArrayOf(t.OID)
	}
	return logical.Type{OID: t.ArrayOID(), Typmod: t.Typmod}
}

// arrayOfColumn is the one that stands for arrays of a column's values.
func (a *analysis) arrayOfColumn(of *catalog.SealedColumn, t logical.Type) *catalog.SealedColumn {
	type key struct {
		of *catalog.SealedColumn
		t  logical.Type
	}
	if a.others == nil {
		a.others = map[any]*catalog.SealedColumn{}
	}
	if a.others[key{of, t}] == nil {
		a.others[key{of, t}] = &catalog.SealedColumn{Type: t, Schema: of.Schema, Table: of.Table, Name: of.Name, Elements: of}
	}
	return a.others[key{of, t}]
}

// settleElements analyses what an array is made of.
func (a *analysis) settleElements(n *pg.Node, sc *scope) {
	each := func(n *pg.Node) {
		e := a.peek(n, sc)
		a.settle(e, a.shownAs(e))
		if of := a.castWithin(e); of != nil {
			a.note("open", of, "in an array", e.at)
			a.carry(of)
		}
	}
	switch x := n.GetNode().(type) {
	case *pg.Node_FuncCall:
		each(x.FuncCall.Args[0])
		a.in("aggregate array_agg", func() { a.rankKeys(x.FuncCall.AggOrder, sc, false) })
		a.filters(x.FuncCall.AggFilter, sc)
	case *pg.Node_AArrayExpr:
		for _, n := range x.AArrayExpr.Elements {
			each(n)
		}
	}
}

// castElements is what stands for arrays of a column's values behind a cast of them to
// a type, nil if they cannot be cast when they are opened.
func (a *analysis) castElements(of *catalog.SealedColumn, to logical.Type) *catalog.SealedColumn {
	element := logical.Type{OID: logical.ElementOID(to.OID), Typmod: to.Typmod}
	switch {
	case element.OID == 0 || of.IsCast():
		return nil
	case of.Type == element || of.Type.Widens(element):
		return a.arrayOfColumn(a.as(of, element), to)
	case of.Type.Converts(element):
		return a.arrayOfColumn(a.other(of, []logical.Type{of.Type}, element), to)
	}
	return nil
}

// isEmptyArray says whether a constant is an array without elements: '{}' or ARRAY[],
// with a cast perhaps.
func (a *analysis) isEmptyArray(n *pg.Node) bool {
	if cast := n.GetTypeCast(); cast != nil {
		n = cast.Arg
	}
	if x := n.GetAArrayExpr(); x != nil {
		return len(x.Elements) == 0
	}
	if n.GetAConst().GetSval() == nil {
		return false
	}
	k := a.literalAt(n.GetAConst().Location)
	return k >= 0 && string(a.text[a.literals[k].start:a.literals[k].end]) == "'{}'"
}

// besideArrays says whether a constant can be an alternative of arrays of a type that
// the server makes of sealed values: NULL or an empty one.
func (a *analysis) besideArrays(n *pg.Node, t logical.Type) bool {
	cast := n.GetTypeCast()
	if cast == nil {
		return isNull(n) || a.isEmptyArray(n)
	}
	named, ok := a.typeNamed(cast.TypeName)
	return a.isEmptyArray(n) && ok && named.whole().OID == t.OID
}

// settleEmptyArray makes an empty array one of the type that the server has.
func (a *analysis) settleEmptyArray(n *pg.Node, e *sealedExpr) {
	cast := n.GetTypeCast()
	if cast != nil {
		a.dropCast(cast, e)
		n = cast.Arg
	}
	if n.GetAConst() != nil {
		if !isNull(n) {
			a.steer(location(n))
		}
		return
	}
	i := a.tokenAt(location(n))
	if k := a.closing(i + 1); i >= 0 && k >= 0 {
		a.edit(int(a.tokens[i].start), int(a.tokens[k].end), "'{}'", nil)
		return
	}
	a.fail(refuseUse(e.column, e.at, a.within))
}
