package rewrite

import (
	"slices"
	"strconv"

	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/catalog"
)

// query analyses a query or a writing statement and gives its outputs.
func (a *analysis) query(n *pg.Node, outer *scope) []column {
	if a.err != nil {
		return nil
	}
	switch x := n.GetNode().(type) {
	case *pg.Node_SelectStmt:
		return a.selectStmt(x.SelectStmt, outer, nil)
	case *pg.Node_InsertStmt:
		return a.insertStmt(x.InsertStmt, outer)
	case *pg.Node_UpdateStmt:
		return a.update(x.UpdateStmt, outer)
	case *pg.Node_DeleteStmt:
		return a.delete(x.DeleteStmt, outer)
	case *pg.Node_MergeStmt:
		return a.merge(x.MergeStmt, outer)
	}
	a.plain(n, outer)
	return nil
}

// target is a column that a query's output is stored into.
type target struct {
	name   string
	sealed *catalog.SealedColumn
	typ    uint32 // of a plain one, 0 if it is not known
	def    *catalog.ComputedDefault
}

// selectStmt analyses a SELECT, VALUES or set operation. targets, if not nil,
// are the columns that its outputs are stored into.
func (a *analysis) selectStmt(s *pg.SelectStmt, outer *scope, targets []target) []column {
	if s == nil || a.err != nil {
		return nil
	}
	saved, truth, often := a.within, a.truth, a.evaluated
	a.within, a.truth, a.evaluated = "", a.truth || len(s.LockingClause) > 0, oftenEvaluated
	finds, beside, around := a.finds, a.beside, a.around
	a.finds, a.beside, a.around = false, nil, nil
	defer func() {
		a.within, a.truth, a.evaluated, a.finds, a.beside, a.around = saved, truth, often, finds, beside, around
	}()
	sc := &scope{outer: outer}
	if outer != nil {
		sc.ctes = outer.ctes
		if s.HavingClause != nil {
			sc.outer = &scope{outer: outer, ctes: outer.ctes, crossed: new([][]string), conditions: beside}
		}
	}
	sc.shown = targets == nil && (a.showing == s || a.answersWith(s)) && a.computesOutputs(s)
	a.with(s.WithClause, sc)
	var outputs []column
	switch {
	case s.Op != pg.SetOperation_SETOP_NONE:
		outputs = a.setOperation(s, sc, targets, nil, nil)
	case len(s.ValuesLists) > 0:
		outputs = a.values(s, sc, targets)
	default:
		outputs = a.simpleSelect(s, sc, targets)
	}
	a.tail(s, sc, outputs, targets)
	a.checkRanges(s, sc)
	if r := a.arranged; r != nil && r.query == s {
		a.checkPlaces(s, len(outputs))
		r.finish(a)
		outputs = append(outputs, r.extra...)
		if r.plan.Windows && !slices.ContainsFunc(outputs, func(c column) bool { return c.holdsSealed() }) { // which nobody looks at
			a.fail(refuseUse(r.by, location(s.TargetList[0]), "a window definition"))
		}
	}
	return outputs
}

// simpleSelect is SELECT … FROM … without what follows HAVING.
func (a *analysis) simpleSelect(s *pg.SelectStmt, sc *scope, targets []target) []column {
	sc.query = s
	a.gathersConditions(s)
	a.from(s.FromClause, sc)
	sc.findsBy(s.WhereClause)
	if len(s.GroupClause) > 0 && !a.regroups(s, sc) {
		a.groupBy(s, sc)
	}
	// In the server's order, in which parameters get their types.
	if targets != nil && a.computedOnce(s) {
		if a.evaluated = onceEvaluated; s.WhereClause == nil && s.HavingClause == nil && s.LimitCount == nil && s.LimitOffset == nil {
			a.evaluated = surelyEvaluated
		}
	}
	sc.ranges = a.rangesOf(s, sc)
	var outputs []column
	a.windowing(s, sc, func() { outputs = a.outputs(s.TargetList, sc, targets) })
	a.evaluated = oftenEvaluated
	switch {
	case a.behindWindows(s, sc, outputs):
	case len(sc.ranges) > 0:
		a.whereInRanges(s, sc, outputs)
	case !a.where(s, sc, outputs):
		a.findsBy(s.WhereClause, sc)
	}
	a.in("GROUP BY", func() {
		if sc.regroups != nil {
			a.regroup(s, sc, outputs)
			return
		}
		for _, g := range s.GroupClause {
			a.groupItem(g, s.TargetList, sc, outputs)
		}
	})
	if !a.having(s, sc, outputs) && !a.decidedHaving(s, sc) {
		a.condition(s.HavingClause, sc)
	}
	a.windowing(s, sc, func() { a.distinct(s, sc, outputs, targets) })
	return outputs
}

// tail is ORDER BY, LIMIT and OFFSET, and WINDOW, which PostgreSQL reads last.
func (a *analysis) tail(s *pg.SelectStmt, sc *scope, outputs []column, targets []target) {
	a.in("ORDER BY", func() {
		computed := false
		a.windowing(s, sc, func() { computed = a.sortsUnited(s, sc, outputs) || a.sortsComputed(s, sc, outputs) })
		if computed {
			return
		}
		if sc.firsts > 0 { // the server does not look for them any more
			a.fail(refuseDefect())
		}
		for _, n := range s.SortClause {
			a.sortServed(n.GetSortBy(), s, sc, outputs, targets)
		}
	})
	a.in("LIMIT", func() {
		a.plain(s.LimitCount, sc)
		a.plain(s.LimitOffset, sc)
		a.cut(s)
	})
	a.windowClause(s, sc)
}

// sortServed is an item of ORDER BY that the server sorts by.
func (a *analysis) sortServed(by *pg.SortBy, s *pg.SelectStmt, sc *scope, outputs []column, targets []target) {
	if sc.regroups != nil && (hasAggregate(by.Node) || hasWindow(by.Node)) {
		a.fail(refuseUse(sc.regroups.sealed, location(by.Node), a.within))
		return
	}
	// DISTINCT and set operations sort by outputs only.
	if a.sortsByTruth(by.GetNode(), s, sc, outputs) || s.DistinctClause == nil && s.Op == pg.SetOperation_SETOP_NONE && a.sortsByOneValue(by, s, sc, outputs) {
		return
	}
	if a.ranked(by, s, sc, outputs) {
		return
	}
	a.sortItem(by.GetNode(), sc, outputs, targets)
}

// sortItem is an item of ORDER BY or DISTINCT ON: the name of an output, the
// position of one, or an expression.
func (a *analysis) sortItem(n *pg.Node, sc *scope, outputs []column, targets []target) {
	if ref := n.GetColumnRef(); ref != nil && len(ref.Fields) == 1 && ref.Fields[0].GetString_() != nil {
		name := ref.Fields[0].GetString_().Sval
		found := false
		for i, c := range outputs {
			if c.rest || c.name != name {
				continue
			}
			found = true
			a.sortOutput(i, ref.Location, outputs, targets)
		}
		if found {
			return
		}
	}
	if a.position(n, outputs, targets) {
		return
	}
	a.plain(n, sc)
}

// position is an integer that stands for an output.
func (a *analysis) position(n *pg.Node, outputs []column, targets []target) bool {
	c := n.GetAConst()
	if c == nil || c.GetIval() == nil && c.GetFval() == nil {
		return false
	}
	a.steer(c.Location)
	if c.GetIval() == nil {
		return false // too large for a position, but not in every text of the shape
	}
	a.sortOutput(int(c.GetIval().Ival)-1, c.Location, outputs, targets)
	return true
}

// sortOutput refuses output i as a sort key if it is sealed, or may be.
func (a *analysis) sortOutput(i int, at int32, outputs []column, targets []target) {
	for k, c := range outputs {
		if c.rest {
			i = k // whatever stands behind may be meant
			break
		}
		if k == i {
			break
		}
	}
	for k := i; k >= 0 && k < len(outputs); k++ {
		a.asPlain(outputs[k].constants)
		if s := outputs[k].sealed; s != nil {
			a.fail(refuseUse(s, at, a.within))
		} else if k < len(targets) && targets[k].sealed != nil {
			a.fail(refuseStoreQuery(targets[k].sealed, at, a.within))
		}
		if !outputs[i].rest {
			break
		}
	}
}

// values is a VALUES list. In an INSERT its values are stored; elsewhere a
// column of constants is what its uses make of it.
func (a *analysis) values(s *pg.SelectStmt, sc *scope, targets []target) (outputs []column) {
	var columns [][]*pg.Node
	// A sorted or limited list is a query of its own, which types its values.
	direct := len(s.SortClause) == 0 && s.LimitCount == nil && s.LimitOffset == nil && s.WithClause == nil && len(s.LockingClause) == 0
	if direct && targets != nil {
		a.evaluated = surelyEvaluated // selectStmt takes it back
	}
	for _, row := range s.ValuesLists {
		group := a.newGroup()
		for i, n := range listOf(row) {
			if i == len(columns) {
				columns = append(columns, nil)
			}
			columns[i] = append(columns[i], n)
			if targets != nil {
				edits := len(a.edits)
				a.together(group, n, func() { a.insertValue(n, i, targets, sc) })
				if direct && n.GetAConst() != nil {
					a.bare(edits)
				}
			}
		}
	}
	for i, nodes := range columns {
		c := column{name: "column" + strconv.Itoa(i+1)}
		if targets == nil {
			c.constants = a.valuesColumn(nodes, sc)
		}
		outputs = append(outputs, c)
	}
	return outputs
}

// bare says of the literals edited since then that they stand alone as values of
// a row that is inserted.
func (a *analysis) bare(since int) {
	for i := since; i < len(a.edits); i++ {
		if v := a.edits[i].value; v != nil && v.array == nil {
			v.bare = true
		}
	}
}

// insertValue is one value of a row that is inserted.
func (a *analysis) insertValue(n *pg.Node, i int, targets []target, sc *scope) {
	switch {
	case i < len(targets) && targets[i].sealed != nil:
		if ref := n.GetColumnRef(); ref != nil && sc.empty() { // a value without its quotes, mostly
			switch parts := names(ref.Fields); {
			case len(parts) != len(ref.Fields):
			case len(parts) == 1:
				a.fail(refuseUndefined(parts[0], ref.Location, sc, a.snap))
				return
			case len(parts) == 2:
				a.fail(refuseNoEntry(parts[0], ref.Location, sc.entryFor(parts[:1]), a.snap))
				return
			}
		}
		a.store(n, targets[i], sc)
	case n.GetSetToDefault() == nil:
		before := len(a.uses)
		a.in("VALUES", func() { a.plain(n, sc) })
		if i < len(targets) {
			a.deduces(before, n, targets[i].typ)
		}
	}
}

// valuesColumn is one column of a VALUES list outside INSERT.
func (a *analysis) valuesColumn(nodes []*pg.Node, sc *scope) *constants {
	for _, n := range nodes {
		if !isConstant(n) {
			for _, n := range nodes {
				a.in("VALUES", func() { a.plain(n, sc) })
			}
			return nil
		}
	}
	return a.postpone(nodes, sc)
}
