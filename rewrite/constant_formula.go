package rewrite

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// computedConstant gives a sealed role to an expression of literals and parameters alone, which
// the session computes: 10 + 5, round($1, 2), '2024-01-01'::date + 1. It is false, and has
// done nothing, for any other expression.
func (a *analysis) computedConstant(n *pg.Node, op Operand, sc *scope) bool {
	if sc == nil || a.stmt.Stmt.GetPrepareStmt() != nil || a.stmt.Stmt.GetExecuteStmt() != nil {
		return false
	}
	d := &formulaDraft{computation: computation{first: len(a.tokens), last: -1}, scope: sc, bound: true}
	f := a.constantFormula(n, d)
	if f == nil {
		return false
	}
	if a.choosesStrings(f, d) || !a.settleCalls(d) {
		return a.err != nil
	}
	op.Formula = f
	a.putConstant(&op, d)
	a.note(op.verb(), op.Column, "what is computed of constants", location(n))
	return true
}

// putConstant has what the session computes of constants stand where they do.
func (a *analysis) putConstant(op *Operand, d *formulaDraft) {
	x := asked{start: int(a.tokens[d.first].start), end: int(a.tokens[d.last].end), operand: op, answer: Unasked}
	x.first, x.last = -1, -1 // nothing in it is the server's to compute
	a.asked = append(a.asked, x)
	if !a.asksLater() {
		a.edit(x.start, x.end, "", &value{operand: op, literal: -1, answer: Unasked})
	}
	a.takeParams(op, d.params)
	a.operands = append(a.operands, op)
}

// constantFormula is what is computed of constants, nil for any other expression.
func (a *analysis) constantFormula(n *pg.Node, d *formulaDraft) *Formula {
	f := a.formula(n, d)
	if f == nil || !f.IsConstant() || f.isGiven() || f.Aggregates() || d.windows != nil || len(f.parameters(nil)) != len(d.params) || !a.brackets(&d.computation) || !a.reads(n, &d.computation) {
		return nil
	}
	return f
}

// isGiven says whether it is a literal or a parameter, with a sign and casts or without.
func (f *Formula) isGiven() bool {
	switch f.Kind {
	case Negative, CastTo, Collated:
		return f.Args[0].isGiven()
	}
	return f.Kind == ParameterValue || f.Kind == LiteralValue || f.Kind == NullValue
}

// choosesStrings says whether all alternatives of COALESCE and the like are strings or NULL:
// a text, which the server says more of where another type should be.
func (a *analysis) choosesStrings(f *Formula, d *formulaDraft) bool {
	return (f.Kind == FirstOf || f.Kind == Greatest || f.Kind == Least) && len(d.params) == 0 &&
		!slices.ContainsFunc(f.Args, func(arg *Formula) bool { return !arg.isUntyped() }) &&
		!slices.ContainsFunc(a.tokens[d.first:d.last+1], func(t token) bool { return t.kind == tokenInteger || t.kind == tokenFloat })
}

// parameters appends the parameters that stand in a formula, each once.
func (f *Formula) parameters(list []*Formula) []*Formula {
	if f.Kind == ParameterValue && !slices.Contains(list, f) {
		list = append(list, f)
	}
	for _, arg := range f.Args {
		list = arg.parameters(list)
	}
	return list
}
