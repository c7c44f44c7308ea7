package rewrite

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/logical"
)

// formulaCondition is AND or OR.
func (a *analysis) formulaCondition(x *pg.BoolExpr, d *formulaDraft) *Formula {
	kind := Both
	if x.Boolop == pg.BoolExprType_OR_EXPR {
		kind = Either
	}
	f := &Formula{Kind: kind}
	for _, n := range x.Args {
		arg := a.formulaDecision(n, d)
		if arg == nil {
			return nil
		}
		f.Args = append(f.Args, arg)
	}
	return f
}

// formulaDecision is a condition inside of a formula. Where nothing is sealed in it, the
// server decides it.
func (a *analysis) formulaDecision(n *pg.Node, d *formulaDraft) *Formula {
	if !a.flat.hasMoved(n) {
		if f := a.served(n, d); f != nil {
			return f
		}
	}
	return a.formula(n, d)
}

// formulaNullTest is IS NULL or IS NOT NULL of one value.
func (a *analysis) formulaNullTest(x *pg.NullTest, d *formulaDraft) *Formula {
	arg := a.formula(x.Arg, d)
	i := a.tokenAt(x.Location)
	end := i // ISNULL
	if a.is(i, "is") {
		if end++; a.is(end, "not") {
			end++
		}
	}
	if arg == nil || !d.covers(i, end) {
		return nil
	}
	if x.Nulltesttype == pg.NullTestType_IS_NOT_NULL {
		return &Formula{Kind: IsNotNull, Args: []*Formula{arg}}
	}
	return &Formula{Kind: IsNull, Args: []*Formula{arg}}
}

// formulaRange is BETWEEN, or IN with a list of constants.
func (a *analysis) formulaRange(x *pg.A_Expr, d *formulaDraft) *Formula {
	items := x.Rexpr.GetList().GetItems()
	kind, operators := Both, []logical.Operator{logical.AtLeast, logical.AtMost}
	switch name := last(names(x.Name)); {
	case x.Kind == pg.A_Expr_Kind_AEXPR_NOT_BETWEEN:
		kind, operators = Either, []logical.Operator{logical.Less, logical.Greater}
	case x.Kind == pg.A_Expr_Kind_AEXPR_IN:
		kind, operators = Either, []logical.Operator{logical.Equal}
		if name == "<>" {
			kind, operators = Both, []logical.Operator{logical.NotEqual}
		}
		if i := a.tokenAt(firstLocation(x.Rexpr.ProtoReflect())); !d.covers(i-1, i-1) { // the bracket in front
			return nil
		}
	}
	if row := x.Lexpr.GetRowExpr(); row != nil && x.Kind == pg.A_Expr_Kind_AEXPR_IN {
		return a.formulaRowsOf(kind, operators[0], row, items, d)
	}
	f := &Formula{Kind: kind, listed: x.Kind == pg.A_Expr_Kind_AEXPR_IN}
	for i, n := range items {
		left, right := a.formula(x.Lexpr, d), a.formula(n, d)
		if left == nil || right == nil || f.listed && (left.isUntyped() || !right.IsConstant()) {
			return nil
		}
		one := &Formula{Kind: Operation, Operator: operators[min(i, len(operators)-1)], Args: []*Formula{left, right}}
		d.compares(one)
		if f.listed && right.isUntyped() { // as which PostgreSQL takes it
			d.operates(left, left, x.Location, one.Operator.String())
		}
		d.operates(left, right, x.Location, one.Operator.String())
		f.Args = append(f.Args, one)
	}
	if len(f.Args) == 1 {
		return f.Args[0]
	}
	return f
}

// formulaRowsOf is IN with a list of rows, each of which PostgreSQL compares as = does.
func (a *analysis) formulaRowsOf(kind FormulaKind, o logical.Operator, row *pg.RowExpr, items []*pg.Node, d *formulaDraft) *Formula {
	f := &Formula{Kind: kind}
	for _, n := range items {
		if n.GetRowExpr() == nil {
			return nil
		}
		one := a.formulaRows(o, row, n.GetRowExpr(), d)
		if one == nil {
			return nil
		}
		f.Args = append(f.Args, one)
	}
	if len(f.Args) == 1 {
		return f.Args[0]
	}
	return f
}

// formulaSymmetric is BETWEEN SYMMETRIC, whose bounds may stand in either order.
func (a *analysis) formulaSymmetric(x *pg.A_Expr, d *formulaDraft) *Formula {
	all := &Formula{Kind: Either}
	within, operators := Both, []logical.Operator{logical.AtLeast, logical.AtMost}
	if x.Kind == pg.A_Expr_Kind_AEXPR_NOT_BETWEEN_SYM {
		all.Kind, within, operators = Both, Either, []logical.Operator{logical.Less, logical.Greater}
	}
	var bounds []*Formula
	for _, n := range x.Rexpr.GetList().GetItems() {
		bounds = append(bounds, a.formula(n, d))
	}
	for range operators {
		one := &Formula{Kind: within}
		for i, o := range operators {
			left, right := a.formula(x.Lexpr, d), bounds[i]
			if left == nil || left.isUntyped() || right == nil {
				return nil
			}
			compared := &Formula{Kind: Operation, Operator: o, Args: []*Formula{left, right}}
			d.compares(compared)
			d.operates(left, right, x.Location, o.String())
			one.Args = append(one.Args, compared)
		}
		all.Args = append(all.Args, one)
		slices.Reverse(bounds)
	}
	return all
}

// formulaRows is a comparison of two rows, as in (paid, id) < ($1, $2): what stands first in
// them decides, and where that is the same, what stands behind.
func (a *analysis) formulaRows(o logical.Operator, left, right *pg.RowExpr, d *formulaDraft) *Formula {
	if !o.Compares() || len(left.Args) != len(right.Args) {
		return nil
	}
	for _, row := range [...]*pg.RowExpr{left, right} {
		first := a.tokenAt(row.Location)
		open := first
		if a.is(open, "row") {
			open++
		}
		if !a.is(open, "(") || !d.covers(first, a.closing(open)) {
			return nil
		}
	}
	var f *Formula
	for i := len(left.Args) - 1; i >= 0; i-- {
		compare := func(o logical.Operator) *Formula {
			x, y := a.formula(left.Args[i], d), a.formula(right.Args[i], d)
			if x == nil || y == nil || x.isUntyped() && y.isUntyped() {
				return nil
			}
			one := &Formula{Kind: Operation, Operator: o, Args: []*Formula{x, y}}
			d.compares(one)
			d.operates(x, y, left.Location, o.String())
			return one
		}
		behind, first := f, compare(o)
		if f = first; f == nil {
			return nil
		}
		if behind == nil {
			continue
		}
		switch o {
		case logical.Equal:
			f = &Formula{Kind: Both, Args: []*Formula{first, behind}}
		case logical.NotEqual:
			f = &Formula{Kind: Either, Args: []*Formula{first, behind}}
		default:
			same := compare(logical.Equal)
			if same == nil {
				return nil
			}
			first.Operator = o.Strictly()
			f = &Formula{Kind: Choice, Args: []*Formula{first, trueValue(), same, behind, first}} // NULL decides, too
		}
	}
	return f
}

// formulaCase is CASE, with conditions or with values that one is compared with.
func (a *analysis) formulaCase(x *pg.CaseExpr, d *formulaDraft) *Formula {
	i := a.tokenAt(x.Location)
	end := a.endOfCase(i)
	if end < 0 || !d.covers(i, end) {
		return nil
	}
	f := &Formula{Kind: Choice}
	for _, n := range x.Args {
		when := n.GetCaseWhen()
		var condition *Formula
		if x.Arg == nil {
			condition = a.formulaDecision(when.GetExpr(), d)
		} else {
			condition = a.formula(when.GetExpr(), d)
		}
		if condition == nil {
			return nil
		}
		if x.Arg != nil {
			value := a.formula(x.Arg, d)
			if value == nil || value.isUntyped() {
				return nil
			}
			condition = &Formula{Kind: Operation, Operator: logical.Equal, Args: []*Formula{value, condition}}
			d.compares(condition)
			d.operates(value, condition.Args[1], when.GetLocation(), "=")
		}
		result := a.formula(when.GetResult(), d)
		if result == nil {
			return nil
		}
		f.Args = append(f.Args, condition, result)
	}
	otherwise := &Formula{Kind: NullValue}
	if x.Defresult != nil {
		otherwise = a.formula(x.Defresult, d)
	}
	if otherwise == nil {
		return nil
	}
	f.Args = append(f.Args, otherwise)
	return f
}

// choosesByRange says whether CASE has a condition that the server cannot decide: it is computed
// with what it chooses.
func (a *analysis) choosesByRange(n *pg.Node, sc *scope) bool {
	for n.GetTypeCast() != nil {
		n = n.GetTypeCast().Arg
	}
	x, d := n.GetCaseExpr(), &formulaDraft{row: a.found, scope: sc}
	return a.found != nil && slices.ContainsFunc(x.GetArgs(), func(when *pg.Node) bool {
		f := a.formula(when.GetCaseWhen().GetExpr(), d)
		if of := x.GetArg(); of != nil && f != nil {
			value := a.formula(of, d)
			if value == nil {
				return false
			}
			f = &Formula{Kind: Operation, Operator: logical.Equal, Args: []*Formula{value, f}}
		}
		return f != nil && (f.isTruth() || f.hasRange())
	})
}
