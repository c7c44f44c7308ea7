package rewrite

import (
	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/logical"
)

// condition analyses an expression that is true or false. A sealed boolean is a
// condition by its term: pgseal.eq(active) = the term of true.
func (a *analysis) condition(n *pg.Node, sc *scope) {
	a.in("a condition", func() {
		if e := a.peek(n, sc); e != nil && a.isTrue(e) {
			return
		}
		a.plain(n, sc)
	})
}

// isTrue compares a sealed boolean with true. It is false, and has done nothing,
// where that cannot be.
func (a *analysis) isTrue(e *sealedExpr) bool {
	if e.column.Type.Shown().OID != logical.OIDBool || !hasEquality(e.column) || e.terms == nil || a.persistent {
		return false
	}
	for _, t := range e.terms {
		a.insert(t.start, "(")
	}
	a.toTerm(e)
	op := Operand{Column: e.column, Role: Equality, Site: a.comparison("=", e.at)}
	for _, t := range e.terms {
		a.insert(t.end, " = ")
		a.edit(t.end, t.end, "", &value{operand: &op, literal: -1, keyword: "true"})
		a.insert(t.end, ")")
	}
	a.note("search", e.column, "true", e.at)
	return true
}

// plainCase is a CASE whose results are plain. What it tests can be sealed.
func (a *analysis) plainCase(x *pg.CaseExpr, sc *scope) {
	a.caseTests(x, sc, func(n *pg.Node) {
		a.in("CASE", func() { a.plain(n, sc) })
	})
}

// caseTests analyses what a CASE tests; result is called for each of its results
// in turn.
func (a *analysis) caseTests(x *pg.CaseExpr, sc *scope, result func(*pg.Node)) {
	var left *sealedExpr
	if x.Arg != nil {
		if left = a.peek(x.Arg, sc); left == nil {
			a.in("CASE", func() { a.plain(x.Arg, sc) })
		} else if !a.comparable(left.column, left.at) {
			return
		} else {
			a.toTerm(left)
		}
	}
	saved := a.site
	for _, n := range x.Args {
		w := n.GetCaseWhen()
		switch {
		case x.Arg == nil:
			a.condition(w.GetExpr(), sc)
		case left == nil:
			a.in("CASE", func() { a.plain(w.GetExpr(), sc) })
		default:
			a.site = a.comparison("=", w.GetLocation())
			a.listMember(left, w.GetExpr(), false, sc)
		}
		result(w.GetResult())
	}
	a.site = saved
	if x.Defresult != nil {
		result(x.Defresult)
	}
}
