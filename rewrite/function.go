package rewrite

import (
	pg "github.com/pganalyze/pg_query_go/v6"
)

// function is a function call.
func (a *analysis) function(f *pg.FuncCall, sc *scope) {
	parts := names(f.Funcname)
	name := last(parts)
	if a.snap.RowFunction(name) {
		a.fail(refuseRowFunction(name, f.Location))
		return
	}
	for _, use := range a.snap.Uses(name) {
		if use.Anywhere || a.pathMoved || a.pathReaches(use.Relation) {
			a.fail(refuseFunctionCode(name, use.Relation.Column(use.Column).Sealed, f.Location))
			return
		}
	}
	a.alters = a.alters || a.snap.Alters(name)
	if len(f.Args) == 1 && a.sealedRelation(parts) {
		a.fail(refuseRowType(name, f.Location)) // users('(…)') is a cast
		return
	}
	a.reach(name, f)
	what := "function " + name
	if f.AggOrder != nil || f.AggDistinct || f.AggWithinGroup || f.Over != nil {
		what = "aggregate or window function " + name
	}
	a.in(what, func() {
		for _, arg := range f.Args {
			if len(f.Args) == 1 && a.countable(parts, f, arg, sc) {
				break
			}
			if e := a.peek(arg, sc); e != nil && truthAggregate(parts) && a.isTrue(e) {
				continue
			}
			if a.measured(parts, arg, sc) {
				continue
			}
			a.plain(arg, sc)
		}
		for _, o := range f.AggOrder {
			a.plain(o, sc)
		}
	})
	a.showFunction(f, parts)
	a.condition(f.AggFilter, sc)
	a.window(f.Over, sc)
}

// countable lets count(column) and count(row) stand: they count what is not NULL,
// and that of a column with DISTINCT the terms.
func (a *analysis) countable(parts []string, f *pg.FuncCall, arg *pg.Node, sc *scope) bool {
	if last(parts) != "count" || len(parts) > 1 && parts[0] != "pg_catalog" || f.AggOrder != nil || f.AggWithinGroup {
		return false
	}
	e := a.peek(arg, sc)
	if row := arg.GetRowExpr(); row != nil && f.AggDistinct {
		for _, n := range row.Args {
			if e := a.peek(n, sc); e != nil {
				a.toTerm(e)
			} else {
				a.plain(n, sc)
			}
		}
		return true
	}
	if e == nil {
		return !f.AggDistinct && a.rowOf(arg, sc) != nil
	}
	if f.AggDistinct {
		a.toTerm(e)
	} else {
		a.settle(e, a.shownAs(e))
		a.dropCasts(e)
	}
	return true
}
