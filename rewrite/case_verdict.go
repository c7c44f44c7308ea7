package rewrite

import (
	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/logical"
)

// CASE over a sealed value that the server cannot compare (`CASE age WHEN 5 THEN 'a' WHEN 6 …`):
// the verdict about each comparison stands in the place of what it is compared with, and true in
// the place of the value.

// caseVerdicts has the session decide which alternative is chosen. It is false, and has done
// nothing, for any other CASE.
func (a *analysis) caseVerdicts(x *pg.CaseExpr, sc *scope, result func(*pg.Node)) bool {
	if x.Arg == nil || !a.finds || a.err != nil || hasSubquery(x.Arg) {
		return false
	}
	var of term
	verdicts := make([]*rowRange, len(x.Args))
	for i, n := range x.Args {
		when := n.GetCaseWhen()
		if hasSubquery(when.GetExpr()) {
			return false
		}
		equal := pg.MakeAExprNode(pg.A_Expr_Kind_AEXPR_OP, []*pg.Node{pg.MakeStrNode("=")}, x.Arg, when.GetExpr(), when.GetLocation())
		verdicts[i] = a.decided(equal, sc, func(row *foundRow) (r *rowRange) {
			r, of = a.caseRange(x.Arg, when, row, sc)
			return r
		})
		if verdicts[i] == nil {
			return a.err != nil
		}
	}
	a.edit(of.start, of.end, "true", nil)
	for i, n := range x.Args {
		a.placeRange(verdicts[i])
		result(n.GetCaseWhen().GetResult())
	}
	if x.Defresult != nil {
		result(x.Defresult)
	}
	return true
}

// caseRange reads one comparison of a CASE, nil for one that has no range. of is where the value
// stands.
func (a *analysis) caseRange(n *pg.Node, when *pg.CaseWhen, row *foundRow, sc *scope) (r *rowRange, of term) {
	d := &formulaDraft{computation: computation{first: len(a.tokens), last: -1}, row: row, scope: sc, decides: true}
	value := a.formula(n, d)
	if value == nil || value.isUntyped() || !a.brackets(&d.computation) || !a.reads(n, &d.computation) {
		return nil, of
	}
	of.start, of.end = d.span(a)
	d.first, d.last = len(a.tokens), -1
	other := a.formula(when.Expr, d)
	if other == nil || !a.brackets(&d.computation) || !a.reads(when.Expr, &d.computation) {
		return nil, of
	}
	f := &Formula{Kind: Operation, Operator: logical.Equal, Args: []*Formula{value, other}}
	d.compares(f)
	d.operates(value, other, when.Location, "=")
	return a.rangeOf(f, d), of
}
