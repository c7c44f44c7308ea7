package rewrite

import (
	pg "github.com/pganalyze/pg_query_go/v6"
)

// sortsByOneValue sorts by a sealed column that WHERE holds to one value, as
// applications write it for an index over several columns (WHERE email = $1 ORDER BY
// email, id): by its term, which is the same in all rows. It is false, and has done
// nothing, for anything else.
func (a *analysis) sortsByOneValue(by *pg.SortBy, s *pg.SelectStmt, sc *scope, outputs []column) bool {
	ref := by.GetNode().GetColumnRef()
	if ref == nil || by.SortbyDir == pg.SortByDir_SORTBY_USING || len(s.GroupClause) > 0 || a.persistent {
		return false
	}
	held := a.heldToOneValue(nil, s.WhereClause, sc)
	if held == nil {
		return false
	}
	if len(ref.Fields) == 1 {
		if output, ok := outputNamed(ref, outputs); output != nil || !ok {
			return ok && a.sortsByHeldOutput(ref, output, held)
		}
	}
	e := a.peek(by.Node, sc)
	if e == nil || e.ref == nil || e.grouped || e.terms == nil {
		return false
	}
	for _, c := range held {
		if c == e.ref.self() {
			a.toTerm(e)
			return true
		}
	}
	return false
}

// sortsByHeldOutput is sortsByOneValue for the name of an output.
func (a *analysis) sortsByHeldOutput(ref *pg.ColumnRef, output *column, held []*column) bool {
	start, end, ok := a.referenceSpan(ref)
	if !ok || output.sealed == nil || output.shown != nil || output.reads == "" || output.grouped {
		return false
	}
	for _, c := range held {
		if c.origin.item != nil && c.origin == output.origin {
			a.edit(start, end, "pgseal.eq("+output.reads+")", nil)
			a.note("compare", output.sealed, "by equality term", ref.Location)
			return true
		}
	}
	return false
}

// heldToOneValue adds the sealed columns that a condition compares with one value
// each, which it asks of every row.
func (a *analysis) heldToOneValue(held []*column, n *pg.Node, sc *scope) []*column {
	switch x := n.GetNode().(type) {
	case *pg.Node_BoolExpr:
		if x.BoolExpr.Boolop == pg.BoolExprType_AND_EXPR {
			for _, arg := range x.BoolExpr.Args {
				held = a.heldToOneValue(held, arg, sc)
			}
		}
	case *pg.Node_AExpr:
		op, exact := equalityOperator(x.AExpr.Name)
		if x.AExpr.Kind != pg.A_Expr_Kind_AEXPR_OP || op != "=" || !exact {
			return held
		}
		column, value := x.AExpr.Lexpr, x.AExpr.Rexpr
		if column.GetColumnRef() == nil {
			column, value = value, column
		}
		if column.GetColumnRef() == nil || !isConstant(value) {
			return held
		}
		if c := a.resolve(column.GetColumnRef(), sc).column; c == nil || c.formula != nil { // which has no term
			return held
		}
		if e := a.peek(column, sc); e != nil && e.ref != nil && hasEquality(e.column) {
			held = append(held, e.ref.self())
		}
	}
	return held
}
