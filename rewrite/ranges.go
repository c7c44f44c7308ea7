package rewrite

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/reflect/protoreflect"

	"pgseal/catalog"
	"pgseal/logical"
)

// Aggregates of rows that are found by a range of sealed values (SELECT plan, sum(price) …
// WHERE paid >= $1 GROUP BY plan): the server aggregates what all rows have that its own
// conditions find, and the session leaves out of each aggregate those that are not in the
// range, and groups that have no other.

// rangesOf are the conditions of a query with aggregates that the session computes.
func (a *analysis) rangesOf(s *pg.SelectStmt, sc *scope) (ranges []*pg.Node) {
	if s.WhereClause == nil || selectsFirst(s) || !sc.shown || sc.regroups != nil || a.stmt.Stmt.GetSelectStmt() != s || a.counts(s) || a.err != nil {
		return nil
	}
	for _, n := range conjuncts(nil, s.WhereClause) {
		if o := a.rowDraft(n, sc); o != nil && a.asksForRange(o.formula, o.formulaDraft) {
			ranges = append(ranges, n)
		}
	}
	if ranges == nil || len(s.GroupClause) == 0 && !a.aggregates(s, sc) || a.mindsRanges(s, sc, ranges) || a.foreignAggregates(s, sc) != nil {
		return nil
	}
	return ranges
}

// foreignAggregates is a subquery in what a query shows or sorts by that has aggregates which may be
// of the query's rows, nil for none.
func (a *analysis) foreignAggregates(s *pg.SelectStmt, sc *scope) (found *pg.SubLink) {
	known := a.snap.TextFunctions()
	for _, n := range append(slices.Concat(s.TargetList, s.SortClause), s.HavingClause) {
		if n == nil {
			continue
		}
		outsideSubqueries(n.ProtoReflect(), func(m protoreflect.Message) bool {
			x, ok := m.Interface().(*pg.SubLink)
			if ok && (known == nil || !a.hasOwnAggregates(x, sc, known)) {
				found = x
			}
			return found != nil
		})
	}
	return found
}

// mindsRanges says whether there is something in a query beside which ranges cannot be
// computed in aggregates: a window, an aggregate that the session does not know, groups of
// several kinds, or what may fail for rows that are in none of them.
func (a *analysis) mindsRanges(s *pg.SelectStmt, sc *scope, ranges []*pg.Node) bool {
	known := a.snap.TextFunctions()
	if known == nil {
		a.fail(ErrNeedTextFunctions)
		return true
	}
	grouped := len(s.GroupClause) > 0
	if grouped && a.listEnd(s) < 0 || slices.ContainsFunc(s.GroupClause, func(n *pg.Node) bool { return n.GetGroupingSet() != nil }) {
		return true
	}
	for _, n := range conjuncts(nil, s.WhereClause) {
		if !slices.Contains(ranges, n) && a.minds(n) {
			return true
		}
	}
	for _, n := range append(slices.Concat(s.TargetList, s.SortClause), s.HavingClause) {
		if n == nil {
			continue
		}
		if anywhere(n.ProtoReflect(), func(m protoreflect.Message) bool {
			x, ok := m.Interface().(*pg.FuncCall)
			name := last(names(x.GetFuncname()))
			_, aggregate := logical.AggregateNamed(name)
			_, function := logical.FunctionNamed(name)
			return ok && (x.Over != nil || !aggregate && !function || known.IsOwn(name))
		}) {
			return true
		}
		if val := n.GetResTarget().GetVal(); grouped && val != nil && a.minds(val) && a.outputDraft(val, sc) == nil {
			return true
		}
	}
	return false
}

// inRanges has an aggregate leave out what is not in the ranges of its query. It is false
// where that cannot be.
func (a *analysis) inRanges(f *Formula, inner *formulaDraft) bool {
	if len(inner.scope.ranges) > 0 && len(f.Args) > 0 && f.Args[0].Kind == ParameterValue {
		return false // CASE would give it a type
	}
	for _, n := range inner.scope.ranges {
		condition := a.rangeCondition(n, inner)
		if condition == nil {
			return false
		}
		if len(f.Args) == 0 {
			f.Args = []*Formula{trueValue()}
		}
		f.Args[0] = &Formula{Kind: Choice, Args: []*Formula{condition, f.Args[0], {Kind: NullValue}}}
	}
	return true
}

// rangeCondition is a range as a condition in an aggregate.
func (a *analysis) rangeCondition(n *pg.Node, inner *formulaDraft) *Formula {
	own := &formulaDraft{computation: inner.computation, scope: inner.scope, collects: true}
	own.literals = nil
	condition := a.formula(n, own)
	if condition == nil {
		return nil
	}
	inner.params, inner.calls = append(inner.params, own.params...), append(inner.calls, own.calls...)
	inner.compared, inner.literals, inner.named = append(inner.compared, own.compared...), append(inner.literals, own.literals...), append(inner.named, own.named...)
	return condition
}

// trueValue stands in count(*) for a row.
func trueValue() *Formula {
	return &Formula{Kind: LiteralValue, text: formulaLiteral{literal: -1, value: []byte{'t'}, oid: logical.OIDBool}}
}

// filterGroups leaves out groups of which no row is in the ranges.
func (a *analysis) filterGroups(s *pg.SelectStmt, sc *scope) {
	d := &formulaDraft{scope: sc, collects: true}
	count := &Formula{Kind: Aggregated, Aggregate: logical.Count}
	if !a.inRanges(count, d) || !a.settleCalls(d) {
		a.fail(refuseDefect())
		return
	}
	count.Row = count.Args[0].columns(nil)
	slices.SortFunc(count.Row, func(a, b *Formula) int { return a.at.start - b.at.start })
	for i, of := range count.Row {
		of.Cell = i
	}
	count.Args[0].number(count.Row)
	count.at = count.Row[0].at
	sealed := count.SealedColumn()
	some := &Formula{Kind: Operation, Operator: logical.Greater, Args: []*Formula{count, {Kind: LiteralValue, text: formulaLiteral{literal: -1, value: []byte{'0'}, oid: logical.OIDInt4}}}}
	shown := &catalog.SealedColumn{Type: logical.Type{OID: logical.OIDBool, Typmod: -1}, Cells: []*catalog.SealedColumn{sealed},
		Schema: sealed.Schema, Table: sealed.Table, Name: sealed.Name}
	d.first = a.tokenAt(int32(count.at.start))
	r := a.arrange(s)
	r.plan.Conditions = append(r.plan.Conditions, r.hideOutput(a, &draftedOutput{formulaDraft: d, formula: some, columns: []*Formula{count}, shown: shown, described: true}))
}

// whereInRanges is WHERE of a query with ranges.
func (a *analysis) whereInRanges(s *pg.SelectStmt, sc *scope, outputs []column) {
	o := a.conditionDraft(sc.ranges[0], sc)
	grouped := len(s.GroupClause) > 0
	if o == nil || grouped && (a.listEnd(s) < 0 || a.mindsRows(s, sc, outputs) || slices.ContainsFunc(s.GroupClause, func(n *pg.Node) bool { return n.GetGroupingSet() != nil })) {
		a.refuseRange(o, s)
		return
	}
	for _, n := range conjuncts(nil, s.WhereClause) {
		switch {
		case !slices.Contains(sc.ranges, n):
			if a.minds(n) {
				a.refuseRange(o, s)
			}
			a.condition(n, sc)
		default:
			if o := a.conditionDraft(n, sc); o != nil { // as there was before; or something has failed
				start, end := o.span(a)
				a.edit(start, end, "true", nil)
			}
		}
	}
	if grouped && a.err == nil {
		a.in("a condition", func() { a.filterGroups(s, sc) })
	}
}

// refuseRange refuses a range beside something that it cannot be computed beside.
func (a *analysis) refuseRange(o *draftedOutput, s *pg.SelectStmt) {
	if o == nil {
		a.fail(refuseDefect())
		return
	}
	a.fail(refuseUse(o.formula.SealedColumn(), location(s.WhereClause), "a condition"))
}

// checkRanges sees to it that all aggregates of a query with ranges are the session's.
func (a *analysis) checkRanges(s *pg.SelectStmt, sc *scope) {
	if sc.ranges == nil || a.err != nil {
		return
	}
	if a.foreignAggregates(s, sc) != nil { // those are settled without the ranges
		a.refuseRange(a.conditionDraft(sc.ranges[0], sc), s)
	}
	known := a.snap.TextFunctions()
	for _, n := range append(slices.Concat(s.TargetList, s.SortClause), s.HavingClause) {
		if n == nil {
			continue
		}
		outsideSubqueries(n.ProtoReflect(), func(m protoreflect.Message) bool {
			x, ok := m.Interface().(*pg.FuncCall)
			if !ok || slices.Contains(a.settledAggregates, x) {
				return false
			}
			name := last(names(x.Funcname))
			if _, function := logical.FunctionNamed(name); !function || known == nil || known.IsOwn(name) || x.Over != nil {
				a.refuseRange(a.conditionDraft(sc.ranges[0], sc), s)
			}
			return a.err != nil
		})
	}
}
