package rewrite

import pg "github.com/pganalyze/pg_query_go/v6"

// unnested gives the array of unnest(array), nil for any other expression. Many
// rows are written with one array for each column.
func unnested(n *pg.Node) *pg.Node {
	f := n.GetFuncCall()
	parts := names(f.GetFuncname())
	if last(parts) != "unnest" || len(parts) > 1 && parts[0] != "pg_catalog" || len(f.Args) != 1 || f.FuncVariadic || f.Over != nil || f.AggFilter != nil {
		return nil
	}
	return f.Args[0]
}

// isArrayOfConstants says whether an expression is an array whose type is
// written, and which is a literal, a parameter, or ARRAY[…] of such.
func isArrayOfConstants(n *pg.Node) bool {
	cast := n.GetTypeCast()
	if cast == nil {
		return false
	}
	if array := cast.Arg.GetAArrayExpr(); array != nil {
		for _, e := range array.Elements {
			if !isConstant(e) || e.GetTypeCast() != nil {
				return false
			}
		}
		return true
	}
	return cast.Arg.GetParamRef() != nil || cast.Arg.GetAConst() != nil
}

// bindElements gives the elements of an array a sealed role: op.Array.
func (a *analysis) bindElements(n *pg.Node, op Operand) bool {
	array := n.GetTypeCast().GetArg().GetAArrayExpr()
	if array == nil {
		return a.bind(n, op, true)
	}
	if a.persistent {
		a.fail(refusePersistent(op.Column, array.Location))
		return true
	}
	if !a.via([]*pg.TypeCast{n.GetTypeCast()}, true, &op, array.Location) {
		return true
	}
	op.Array = false
	for _, e := range array.Elements {
		if !a.bind(e, op, true) {
			a.fail(refuseStore(op.Column, location(e)))
		}
	}
	return true
}

// unnestedItem makes the columns of unnest(…) in FROM what their uses make of
// them. It is false, and has done nothing, where that cannot be.
func (a *analysis) unnestedItem(it *item, f *pg.RangeFunction, call *pg.FuncCall, sc *scope) bool {
	parts := names(call.GetFuncname())
	if last(parts) != "unnest" || len(parts) > 1 && parts[0] != "pg_catalog" || call.FuncVariadic || len(f.Coldeflist) > 0 {
		return false
	}
	for _, arg := range call.Args {
		if !isArrayOfConstants(arg) {
			return false
		}
	}
	for _, arg := range call.Args {
		k := a.postpone([]*pg.Node{arg}, sc)
		k.elements = true
		it.columns = append(it.columns, column{name: scalarName(f, "unnest"), constants: k})
	}
	return true
}
