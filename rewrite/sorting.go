package rewrite

import (
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/reflect/protoreflect"

	"pgseal/logical"
)

// isCounted says whether a query is one of which the statement wants to know only how many
// rows it has, as ORMs write it around a query of the application's. Their order does not
// matter then, not even to a LIMIT.
func (a *analysis) isCounted(s *pg.SelectStmt) bool {
	whole := a.stmt.Stmt.GetSelectStmt()
	if whole == nil || selectsFirst(s) || len(whole.TargetList) != 1 || len(whole.FromClause) != 1 || whole.WhereClause != nil || len(whole.GroupClause) > 0 || whole.HavingClause != nil {
		return false
	}
	count := whole.TargetList[0].GetResTarget().GetVal().GetFuncCall()
	return count.GetAggStar() && last(names(count.Funcname)) == logical.Count.String() && count.Over == nil && count.AggFilter == nil && whole.FromClause[0].GetRangeSubselect().GetSubquery().GetSelectStmt() == s
}

// noOrder stands in the place of what the server does not sort by, and oneGroup if that has an
// aggregate in it, which makes one row of all.
const (
	noOrder  = "NULL::pg_catalog.bool"
	oneGroup = "pg_catalog.count(*)"
)

// unseenOrder is where the ORDER BY by sealed outputs of a query with DISTINCT stands whose rows
// are only counted; nil if it sorts by anything else, which PostgreSQL refuses.
func (a *analysis) unseenOrder(s *pg.SelectStmt, sc *scope, outputs []column) *term {
	if !plainDistinct(s) || !sc.shown || len(s.SortClause) == 0 || len(s.LockingClause) > 0 || !a.isCounted(s) {
		return nil
	}
	var at term
	sealed := false
	for _, n := range s.SortClause {
		output, is, ok := a.sortedOutput(n.GetSortBy().Node, outputs)
		if output == nil && ok {
			output, is = a.outputOf(n.GetSortBy().Node, sc, outputs)
		}
		if at = is; output == nil || n.GetSortBy().SortbyDir == pg.SortByDir_SORTBY_USING {
			return nil
		}
		sealed = sealed || output.holdsSealed()
	}
	i := a.orderBy(s)
	if !sealed || i <= 0 {
		return nil
	}
	at.start = int(a.tokens[i-1].start)
	for ; i < len(a.tokens) && (int(a.tokens[i].start) < at.end || a.is(i, "asc") || a.is(i, "desc") || a.is(i, "nulls") || a.is(i-1, "nulls")); i++ {
		at.end = max(at.end, int(a.tokens[i].end))
	}
	return &at
}

// sorting is an item of ORDER BY.
type sorting struct {
	by       *pg.SortBy
	at       term           // what is written
	computed *draftedOutput // nil for what the session cannot sort by
	byServer bool           // the server can sort by its term
	text     string         // of that, or of an output's column; "" if it cannot stand elsewhere
}

// sortsComputed sorts by what the session computes. It is false, and has done nothing, for
// an ORDER BY without such a key.
func (a *analysis) sortsComputed(s *pg.SelectStmt, sc *scope, outputs []column) bool {
	if at := a.unseenOrder(s, sc, outputs); at != nil {
		a.edit(at.start, at.end, "", nil)
		return true
	}
	counted := a.isCounted(s) && sc.shown && len(s.LockingClause) == 0 && !plainDistinct(s)
	if !counted && !a.arranges(s, sc, outputs) && sc.firsts == 0 && !a.arrangesLocked(s, sc, outputs) || s.LimitOption == pg.LimitOption_LIMIT_OPTION_WITH_TIES {
		return false
	}
	items, last := make([]sorting, len(s.SortClause)), -1
	for i, n := range s.SortClause {
		items[i].by = n.GetSortBy()
		if a.sortItemOf(&items[i], s, sc, outputs, counted); counted && hasFilter(items[i].by.Node) {
			return a.err != nil // whose parameters nobody would have
		}
		if items[i].computed != nil && !items[i].byServer {
			last = i
		}
	}
	if last < 0 || a.err != nil {
		return a.err != nil
	}
	keys := max(last+1, sc.firsts)
	for i := range items[:keys] {
		it := &items[i]
		if len(s.LockingClause) > 0 && it.computed == nil { // beside FOR UPDATE there are no ranks
			return false
		}
		if counted && it.computed != nil {
			a.settleOutput(it.computed, "for "+a.within)
			order := noOrder
			if sc.regroups == nil && it.computed.formula.Aggregates() {
				order = oneGroup
			}
			a.edit(it.at.start, it.at.end, order, nil)
		} else if !counted && it.computed == nil && it.text == "" {
			a.fail(refuseSortBehind(items[last].computed.formula.SealedColumn(), location(it.by.Node)))
			return true
		}
	}
	if !counted {
		r := a.arrange(s)
		a.arrangeKeys(r, items[:keys], sc.firsts, func(it *sorting) int {
			if it.text != "" {
				return r.hideKey(a, it)
			}
			return r.hideOutput(a, it.computed)
		})
	}
	for i := range items {
		if i >= keys || items[i].computed == nil {
			a.sortServed(items[i].by, s, sc, outputs, nil)
		}
	}
	return true
}

// orderBy is the token BY of a query's ORDER BY, not above 0 if it is not found.
func (a *analysis) orderBy(s *pg.SelectStmt) int {
	i := a.tokenAt(location(s.SortClause[0]))
	for i > 0 && !(a.is(i, "by") && a.is(i-1, "order")) {
		i--
	}
	return i
}

// hasFilter says whether there is an aggregate with FILTER in an expression.
func hasFilter(n *pg.Node) bool {
	return anywhere(n.ProtoReflect(), func(m protoreflect.Message) bool {
		x, ok := m.Interface().(*pg.FuncCall)
		return ok && x.AggFilter != nil
	})
}

// arrangeKeys makes the keys that rows are sorted by of items of ORDER BY, of which so many
// tell rows apart. hide gives one that is computed its column.
func (a *analysis) arrangeKeys(r *arranging, items []sorting, firsts int, hide func(*sorting) int) {
	var before []string // what the server sorts by, since the last computed one
	begins := 0
	rank := func() {
		if before != nil {
			hidden := r.hide(a, "pg_catalog.dense_rank() OVER (ORDER BY "+strings.Join(before, ", ")+")", column{}, begins)
			r.plan.Keys, before = append(r.plan.Keys, SortKey{Hidden: hidden, Ranks: true}), nil
		}
	}
	for i := range items {
		it := &items[i]
		if i == firsts && i > 0 {
			rank()
			r.plan.First = len(r.plan.Keys)
		}
		if it.computed == nil {
			if before = append(before, it.text+directionOf(it.by)); len(before) == 1 {
				begins = int(location(it.by.Node))
			}
			continue
		}
		rank()
		texts, _ := a.orderOf(it.computed.formula)
		r.plan.Keys = append(r.plan.Keys, SortKey{Hidden: hide(it), Descending: it.by.SortbyDir == pg.SortByDir_SORTBY_DESC, NullsFirst: nullsFirst(it.by), Order: texts})
		a.edit(it.at.start, it.at.end, noOrder, nil)
	}
	if rank(); firsts == len(items) {
		r.plan.First = len(r.plan.Keys)
	}
}

// nullsFirst says whether NULL comes first.
func nullsFirst(by *pg.SortBy) bool {
	if by.SortbyNulls == pg.SortByNulls_SORTBY_NULLS_DEFAULT {
		return by.SortbyDir == pg.SortByDir_SORTBY_DESC
	}
	return by.SortbyNulls == pg.SortByNulls_SORTBY_NULLS_FIRST
}

// directionOf is what stands behind the expression.
func directionOf(by *pg.SortBy) (text string) {
	switch by.SortbyDir {
	case pg.SortByDir_SORTBY_ASC:
		text = " ASC"
	case pg.SortByDir_SORTBY_DESC:
		text = " DESC"
	}
	switch by.SortbyNulls {
	case pg.SortByNulls_SORTBY_NULLS_FIRST:
		text += " NULLS FIRST"
	case pg.SortByNulls_SORTBY_NULLS_LAST:
		text += " NULLS LAST"
	}
	return text
}

// sortItemOf reads an item of ORDER BY. counted: the order does not matter.
func (a *analysis) sortItemOf(it *sorting, s *pg.SelectStmt, sc *scope, outputs []column, counted bool) {
	n := it.by.Node
	output, at, ok := a.sortedOutput(n, outputs)
	if it.at = at; !ok || it.by.SortbyDir == pg.SortByDir_SORTBY_USING {
		return
	}
	var target *pg.ResTarget
	if output != nil {
		target = targetOf(s.TargetList, outputs, output)
	}
	var o *draftedOutput
	switch {
	case target != nil:
		n = target.Val
		o = a.selectedDraft(n, sc)
	case output != nil && (n.GetColumnRef() == nil || sc.names(output.name) > 1 && output.sorts != ""): // a column that a star stands for
		if output.sorts == "" || output.formula != nil || output.sealed == nil && !output.isPlain() {
			return
		}
		if it.text = output.sorts; output.sealed == nil {
			return
		}
		if o = a.outputKey(output, sc, it.at); o == nil {
			return
		}
	case output != nil && sc.names(output.name) > 1:
		return // what the name of the output is elsewhere than in ORDER BY is not known
	default:
		if o = a.outputDraft(n, sc); o == nil && !counted {
			o = a.movedDraft(n, sc)
		}
	}
	switch {
	case o != nil && o.formula.hasSealed():
		key := o.byPlace()
		sorts := logical.Sorts(key.shown.Type.OID)
		if sorts && !counted && !a.knowsOrder(key.formula) {
			if a.err == nil && !a.isHeld(n, s, sc) {
				a.fail(refuseCollation(o.formula.SealedColumn(), location(it.by.Node)))
			}
			return
		}
		if (counted || sorts) && a.settleCalls(o.formulaDraft) {
			if it.computed = key; output == nil {
				it.at.start, it.at.end = o.span(a)
			}
			it.byServer = !o.formula.chooses() && !o.formula.computes()
			if o.formula.Kind == ColumnValue {
				it.byServer = o.formula.isTerm() && isBool(o.formula.Column) || a.isHeld(n, s, sc)
			}
		}
		return
	case output != nil && !output.isPlain(), a.peek(n, sc) != nil:
		return
	}
	if at, ok = a.itemSpan(s, it.by); target != nil {
		if at, ok = a.targetSpan(target); a.flat.isMoved(n) && n.GetColumnRef() != nil {
			at.start, at.end, ok = a.referenceSpan(n.GetColumnRef())
		}
	}
	if !ok || a.mentionsSealed(n, sc) && !a.countsColumn(n, sc) || !a.isSteady(n) || slices.ContainsFunc(a.edits, func(e edit) bool { return e.end > at.start && e.start < at.end }) || !a.movable(at, false) {
		return
	}
	it.text = string(a.text[at.start:at.end])
}

// names is how many columns of FROM have a name.
func (sc *scope) names(name string) (n int) {
	for _, it := range sc.items {
		for i := range it.columns {
			if it.byColumn && it.columns[i].name == name {
				n++
			}
		}
	}
	return n
}

// countsColumn says whether an expression is count(column) of a sealed column, which the server
// counts as it is written, wherever that stands.
func (a *analysis) countsColumn(n *pg.Node, sc *scope) bool {
	f := n.GetFuncCall()
	if f == nil || last(names(f.Funcname)) != "count" || len(f.Args) != 1 || f.Args[0].GetColumnRef() == nil || f.AggDistinct || f.AggFilter != nil || f.AggOrder != nil || f.Over != nil {
		return false
	}
	c := a.resolve(f.Args[0].GetColumnRef(), sc).column
	return c != nil && c.sealed != nil && c.formula == nil && c.shown == nil
}

// mentionsSealed says whether a name in an expression may be that of what the server has no
// value of, so that its text cannot stand elsewhere as it is.
func (a *analysis) mentionsSealed(n *pg.Node, sc *scope) bool {
	return hasSubquery(n) || anywhere(n.ProtoReflect(), func(m protoreflect.Message) bool {
		ref, ok := m.Interface().(*pg.ColumnRef)
		if !ok {
			return false
		}
		c := a.resolve(ref, sc).column
		return c == nil || c.holdsSealed()
	})
}

// chooses says whether it is a column, or may choose its value.
func (f *Formula) chooses() bool {
	switch f.Kind {
	case FirstOf:
		return slices.ContainsFunc(f.Args, (*Formula).chooses)
	case Choice:
		for i, arg := range f.Args {
			if (i%2 == 1 || i == len(f.Args)-1) && arg.chooses() {
				return true
			}
		}
	}
	return f.Kind == ColumnValue
}

// isHeld says whether WHERE holds a column to one value, of rows that the server sorts by its term.
func (a *analysis) isHeld(n *pg.Node, s *pg.SelectStmt, sc *scope) bool {
	e := a.peek(n, sc)
	return s.DistinctClause == nil && len(s.GroupClause) == 0 && e != nil && e.ref != nil && slices.Contains(a.heldToOneValue(nil, s.WhereClause, sc), e.ref.self())
}

// itemSpan is where the expression of an item of ORDER BY that has others behind it stands.
func (a *analysis) itemSpan(s *pg.SelectStmt, by *pg.SortBy) (at term, ok bool) {
	i := a.orderBy(s)
	if i <= 0 {
		return at, false
	}
	for _, n := range s.SortClause {
		first, end := i+1, a.segmentEnd(i+1)
		if i = end; n.GetSortBy() != by {
			continue
		}
		last := end - 1
		if a.is(last-1, "nulls") {
			last -= 2
		}
		if a.is(last, "asc") || a.is(last, "desc") {
			last--
		}
		if !a.is(end, ",") || last < first {
			return at, false
		}
		return term{int(a.tokens[first].start), int(a.tokens[last].end)}, true
	}
	return at, false
}

// segmentEnd is the token behind an item of a list, from its first on: a comma, or what
// ends the list or a bracket around it.
func (a *analysis) segmentEnd(i int) int {
	for depth := 0; i < len(a.tokens); i++ {
		switch {
		case a.is(i, "("), a.is(i, "["):
			depth++
		case a.is(i, ")"), a.is(i, "]"):
			if depth--; depth < 0 {
				return i
			}
		case depth == 0 && (a.is(i, ",") || a.is(i, ";")):
			return i
		}
	}
	return i
}

// isSteady says whether an expression gives the same when it is computed twice in one row:
// its functions are those that pgseal knows, none of which is volatile.
func (a *analysis) isSteady(n *pg.Node) bool {
	return !anywhere(n.ProtoReflect(), func(m protoreflect.Message) bool {
		switch x := m.Interface().(type) {
		case *pg.SubLink:
			return true
		case *pg.FuncCall:
			return !a.isSteadyCall(x)
		}
		return false
	})
}

// isSteadyCall is isSteady for a call, whatever its arguments are.
func (a *analysis) isSteadyCall(x *pg.FuncCall) bool {
	known := a.snap.TextFunctions()
	if known == nil {
		a.fail(ErrNeedTextFunctions)
		return false
	}
	name := last(names(x.Funcname))
	_, aggregate := logical.AggregateNamed(name)
	_, function := logical.FunctionNamed(name)
	return x.Over == nil && (aggregate || function) && !known.IsOwn(name)
}

// isPlain says whether nothing of an output is sealed, or may be.
func (c *column) isPlain() bool { return c.constants == nil && !c.holdsSealed() }

// holdsSealed says whether something of an output is sealed, or may be. Constants are where
// they are used so.
func (c *column) holdsSealed() bool { return c.sealed != nil || c.formula != nil || c.text || c.rest }

// targetOf is the item of a SELECT list that is one of its outputs; nil where a star is.
func targetOf(list []*pg.Node, outputs []column, output *column) *pg.ResTarget {
	i := 0
	for &outputs[i] != output {
		i++
	}
	star := func(n *pg.Node) bool { return expands(n.GetResTarget().GetVal()) }
	if i < len(list) && !slices.ContainsFunc(list[:i+1], star) {
		return list[i].GetResTarget()
	}
	if i += len(list) - len(outputs); i >= 0 && !slices.ContainsFunc(list[i:], star) {
		return list[i].GetResTarget()
	}
	return nil
}

// targetSpan is where the expression of an item of the SELECT list stands.
func (a *analysis) targetSpan(t *pg.ResTarget) (at term, ok bool) {
	first, depth := a.tokenAt(t.GetLocation()), 0
	if t == nil || first < 0 {
		return at, false
	}
	i := first
	for ; i < len(a.tokens); i++ {
		switch {
		case a.is(i, "("), a.is(i, "["):
			depth++
			continue
		case a.is(i, ")"), a.is(i, "]"):
			depth--
			continue
		}
		if depth == 0 && (a.is(i, ",") || a.is(i, "as") || a.isFrom(i)) {
			break
		}
	}
	if t.Name != "" && !a.is(i, "as") {
		i-- // the name
	}
	if i <= first || i >= len(a.tokens) {
		return at, false
	}
	return term{int(a.tokens[first].start), int(a.tokens[i-1].end)}, true
}
