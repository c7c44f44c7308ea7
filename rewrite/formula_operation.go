package rewrite

import (
	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/logical"
)

// formulaOperation is an operator, or what the grammar treats alike.
func (a *analysis) formulaOperation(x *pg.A_Expr, d *formulaDraft) *Formula {
	switch x.Kind {
	case pg.A_Expr_Kind_AEXPR_BETWEEN, pg.A_Expr_Kind_AEXPR_NOT_BETWEEN, pg.A_Expr_Kind_AEXPR_IN:
		return a.formulaRange(x, d)
	case pg.A_Expr_Kind_AEXPR_BETWEEN_SYM, pg.A_Expr_Kind_AEXPR_NOT_BETWEEN_SYM:
		return a.formulaSymmetric(x, d)
	case pg.A_Expr_Kind_AEXPR_LIKE, pg.A_Expr_Kind_AEXPR_ILIKE:
		return a.formulaLike(x, d)
	case pg.A_Expr_Kind_AEXPR_SIMILAR:
		return a.formulaSimilar(x, d)
	case pg.A_Expr_Kind_AEXPR_NULLIF:
		return a.formulaNullIf(x, d)
	case pg.A_Expr_Kind_AEXPR_DISTINCT, pg.A_Expr_Kind_AEXPR_NOT_DISTINCT:
		return a.formulaDistinct(x, d)
	case pg.A_Expr_Kind_AEXPR_OP_ANY, pg.A_Expr_Kind_AEXPR_OP_ALL:
		return a.formulaAny(x, d)
	}
	parts := names(x.Name)
	if x.Kind != pg.A_Expr_Kind_AEXPR_OP || !ofPostgreSQL(parts) {
		return nil
	}
	name := last(parts)
	if x.Lexpr == nil {
		i := a.tokenAt(x.Location)
		if name != "-" || len(parts) > 1 || !d.covers(i, i) {
			return nil
		}
		arg := a.formula(x.Rexpr, d)
		if arg == nil || arg.Kind == ParameterValue || arg.Kind == LiteralValue {
			return nil
		}
		d.operates(nil, arg, x.Location, name)
		return &Formula{Kind: Negative, Args: []*Formula{arg}}
	}
	o, ok := logical.OperatorNamed(name)
	if !ok {
		return nil
	}
	if l, r := x.Lexpr.GetRowExpr(), x.Rexpr.GetRowExpr(); l != nil && r != nil {
		if len(parts) > 1 {
			return nil
		}
		return a.formulaRows(o, l, r, d)
	}
	if o == logical.Equal && (x.Lexpr.GetAConst().GetIsnull() || x.Rexpr.GetAConst().GetIsnull()) {
		return nil // IS NULL under transform_null_equals
	}
	left := a.formula(x.Lexpr, d)
	if left == nil {
		return nil
	}
	right := a.formula(x.Rexpr, d)
	if right == nil {
		return nil
	}
	f := &Formula{Kind: Operation, Operator: o, Args: []*Formula{left, right}}
	if len(parts) == 1 {
		d.operates(left, right, x.Location, name)
	}
	if joinsArrays(o, left, right) {
		return &Formula{Kind: Called, Function: logical.Join, Args: f.Args}
	}
	if o.Compares() || o.Matches() || o.MatchesRegex() || o.LooksInto() {
		d.compares(f)
	}
	for _, arg := range f.Args {
		if arg.OfRow() && !o.Takes(arg.TypeOf(nil)) {
			return nil
		}
	}
	return f
}
