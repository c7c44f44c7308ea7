package rewrite

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// subscripted is peek for a subscript or a slice of an array that the server makes of
// sealed values: (array_agg(name ORDER BY id))[1]. What it takes out is an envelope.
func (a *analysis) subscripted(n *pg.Node, sc *scope) *sealedExpr {
	x := n.GetAIndirection()
	if len(x.Indirection) != 1 || x.Indirection[0].GetAIndices() == nil {
		return nil
	}
	array := a.peek(x.Arg, sc)
	if array == nil || array.column.Elements == nil || array.grouped || len(array.casts) > 0 {
		return nil
	}
	e := &sealedExpr{column: array.column, at: array.at, made: &alternatives{node: n, scope: sc}}
	if x.Indirection[0].GetAIndices().IsSlice {
		return e
	}
	shown := array.column.Elements
	if e.column = a.snap.Column(shown.ID); e.column == nil {
		return nil
	}
	if shown != e.column {
		e.shown = shown
	}
	return e
}

// settleSubscripted analyses the array, and the plain numbers in the brackets.
func (a *analysis) settleSubscripted(x *pg.A_Indirection, sc *scope) {
	array := a.peek(x.Arg, sc)
	a.settle(array, a.shownAs(array))
	i := x.Indirection[0].GetAIndices()
	a.in("a subscript or field selection", func() {
		a.plain(i.Lidx, sc)
		a.plain(i.Uidx, sc)
	})
}

// measured says whether an argument is an array that the server makes of sealed values,
// of which a function tells nothing but its size and bounds, and analyses it.
func (a *analysis) measured(function []string, n *pg.Node, sc *scope) bool {
	if len(function) > 1 && function[0] != systemCatalog ||
		!slices.Contains([]string{"cardinality", "array_length", "array_ndims", "array_dims", "array_lower", "array_upper"}, last(function)) {
		return false
	}
	e := a.peek(n, sc)
	if e == nil || e.column.Elements == nil || e.grouped || len(e.casts) > 0 {
		return false
	}
	a.settle(e, a.shownAs(e))
	return true
}
