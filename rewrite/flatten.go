package rewrite

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"pgseal/logical"
)

// A query around one whose groups the session makes becomes one with it: its conditions are HAVING
// (SELECT * FROM (SELECT city, count(*) AS n … GROUP BY city) q WHERE n > 1), its outputs are made of
// what those inside are made of, and its aggregates are windows over all groups, of which one row is
// shown (SELECT max(n) FROM (…) q).

// flattened is such a query.
type flattened struct {
	inner *pg.SelectStmt
	name  string // of the query inside
	// targets are the outputs inside, which GROUP BY may mean.
	targets []*pg.Node
	// replaces: those around stand in their places.
	replaces bool
	having   []*pg.Node // conditions of the query around
	folds    bool       // there are aggregates around
	distinct bool       // the groups are those of DISTINCT, and there is no GROUP BY
	list     int        // where columns go that are hidden, 0 for the end of the list
	// moved are names in the query around in whose places stands what they mean, by what stands there:
	// the tokens of the name. written are expressions as they stand in the text.
	moved   map[*pg.Node][2]int
	written map[*pg.Node]*pg.Node
	from    term // in the text, of a list that has to stand elsewhere
	to      term
	src     *analysis
}

// flatten makes a query and the one inside it one. around are the edits of what stands around.
func (f *flattened) flatten(s *pg.SelectStmt, list, from, open, end int) (around []edit, ok bool) {
	a, inner := f.src, f.inner
	if inner.LimitCount != nil || inner.LimitOffset != nil || inner.WindowClause != nil || inner.GroupDistinct || hasWindows(inner) {
		return nil, false
	}
	if !f.undistinct(open) {
		return nil, false
	}
	f.targets, f.moved, f.written = inner.TargetList, map[*pg.Node][2]int{}, map[*pg.Node]*pg.Node{}
	shown := showsInside(s, inner, f.name)
	if !shown {
		if f.replaces = true; !f.replace(s) {
			return nil, false
		}
		if around, ok = f.spell(s.TargetList); !ok {
			return nil, false
		}
		if inner.SortClause != nil {
			at, ok := f.leavesOrder(open)
			if !ok {
				return nil, false
			}
			around = append(around, at)
		}
		for _, n := range f.targets {
			if anywhere(n.ProtoReflect(), func(m protoreflect.Message) bool { _, is := m.Interface().(*pg.ParamRef); return is }) {
				return nil, false // which would not be in the server's text
			}
		}
	}
	stop := end
	if s.WhereClause != nil {
		if hasAggregate(s.WhereClause) || hasWindow(s.WhereClause) || !a.is(end, "where") {
			return nil, false
		}
		for _, n := range conjuncts(nil, s.WhereClause) {
			if !f.put(n) {
				return nil, false
			}
			f.having = append(f.having, n)
		}
		for stop++; stop < len(a.tokens) && (a.is(stop-1, ".") || !slices.ContainsFunc(behindGroups, func(word string) bool { return a.is(stop, word) })); stop++ {
			if a.is(stop, "(") || a.is(stop, "[") {
				if stop = a.closing(stop); stop < 0 {
					return nil, false
				}
			}
		}
	}
	sorted, ok := f.order(s, shown)
	if !ok {
		return nil, false
	}
	around = append(around, sorted...)
	if s.SortClause != nil || s.LimitCount != nil || s.LimitOffset != nil {
		inner.SortClause, inner.LimitCount, inner.LimitOffset, inner.LimitOption = s.SortClause, s.LimitCount, s.LimitOffset, s.LimitOption
	}
	if stop < len(a.tokens) && !slices.ContainsFunc([]string{"order", "limit", "offset", "fetch", ";"}, func(word string) bool { return a.is(stop, word) }) {
		return nil, false
	}
	closing := a.closing(open)
	around = append(around, edit{start: int(a.tokens[closing].start), end: int(a.tokens[stop-1].end)})
	if f.distinct && (shown || list > open) {
		distinct := a.tokens[open+2]
		around = append(around, edit{start: int(distinct.start), end: int(distinct.end)})
	}
	if shown {
		return append(around, edit{start: int(a.tokens[0].start), end: int(a.tokens[open].end)}), true
	}
	innerFrom := a.listEnd(&pg.SelectStmt{TargetList: f.targets, FromClause: inner.FromClause})
	if f.list = innerFrom; innerFrom < 0 {
		return nil, false
	}
	inner.TargetList = s.TargetList
	first := int(f.targets[0].GetResTarget().Location)
	if list < open { // FROM (SELECT …): the list is in front of it
		around = append(around, edit{start: int(a.tokens[from].start), end: innerFrom})
	} else {
		f.from, f.to = term{int(a.tokens[list].start), int(a.tokens[from].start)}, term{first, innerFrom}
		around = append(around, edit{start: int(a.tokens[0].start), end: int(a.tokens[open].end)})
		if !f.src.movable(f.from, false) {
			return nil, false
		}
	}
	return around, true
}

// undistinct makes the rows of DISTINCT groups.
func (f *flattened) undistinct(open int) bool {
	inner := f.inner
	if len(inner.DistinctClause) == 0 {
		return len(inner.GroupClause) > 0
	}
	if !plainDistinct(inner) || len(inner.GroupClause) > 0 || inner.HavingClause != nil || !f.src.is(open+2, "distinct") {
		return false
	}
	for _, n := range inner.TargetList {
		val := n.GetResTarget().Val
		if isConstant(val) || hasAggregate(val) || hasSubquery(val) || expands(val) {
			return false
		}
		inner.GroupClause = append(inner.GroupClause, val)
	}
	inner.DistinctClause, f.distinct = nil, true
	return true
}

// replace has the outputs of a query around stand in the places of those inside: all of them
// aggregates, or none.
func (f *flattened) replace(s *pg.SelectStmt) bool {
	for i, n := range s.TargetList {
		t := n.GetResTarget()
		if expands(t.Val) || hasWindow(t.Val) {
			return false
		}
		folds, written := hasAggregate(t.Val), proto.Clone(t.Val).(*pg.Node)
		if i > 0 && folds != f.folds || folds && !f.fold(t.Val) || !f.put(t.Val) {
			return false
		}
		f.folds, f.written[t.Val] = folds, written
		if f.src.outputName(written) != f.src.outputName(t.Val) && t.Name == "" && !f.isMoved(t.Val) {
			return false
		}
	}
	return true
}

// spell writes what outputs mean that are nothing but a name, but for what is computed, and keeps
// that name.
func (f *flattened) spell(targets []*pg.Node) (around []edit, ok bool) {
	a := f.src
	for _, n := range targets {
		t := n.GetResTarget()
		tokens, moved := f.moved[t.Val]
		if !moved {
			continue
		}
		if a.tokenAt(t.Location) != tokens[0] {
			return nil, false
		}
		e := edit{start: int(a.tokens[tokens[1]].end), end: int(a.tokens[tokens[1]].end)}
		if ref := t.Val.GetColumnRef(); ref != nil {
			start, end, ok := a.referenceSpan(ref)
			if !ok {
				return nil, false
			}
			e.start, e.text = int(a.tokens[tokens[0]].start), string(a.text[start:end])
		}
		if t.Name == "" {
			t.Name = a.outputName(f.written[t.Val])
			e.text += " AS " + quoteName(t.Name)
		}
		around = append(around, e)
	}
	return around, true
}

// fold makes the aggregates of an output windows over all groups. It is false where the order of
// these decides, and for what is neither in an aggregate nor the same in all groups.
func (f *flattened) fold(n *pg.Node) bool {
	folds := true
	within(n.ProtoReflect(), func(protoreflect.Message) bool { return false }, func(m protoreflect.Message) bool {
		if _, ok := m.Interface().(*pg.ColumnRef); ok {
			folds = false
		}
		x, ok := m.Interface().(*pg.FuncCall)
		if !ok || !isAggregate(x) {
			return true
		}
		of, known := logical.AggregateNamed(last(names(x.Funcname)))
		if !known || of == logical.Joined || of.OfPairs() || of.IsOrdered() || x.AggDistinct || x.AggOrder != nil || x.AggFilter != nil || slices.ContainsFunc(x.Args, hasAggregate) {
			folds = false
		}
		const byRange = 2 // which is what there is without a frame
		x.Over = &pg.WindowDef{FrameOptions: byRange | startUnbounded | endCurrent, Location: -1}
		return false
	})
	return folds
}

// isFolded says whether a function is such a window.
func (a *analysis) isFolded(x *pg.FuncCall) bool { return a.flat != nil && x.Over.Location < 0 }

// put has what the names in an expression mean stand in their places. It is false for one that has
// others.
func (f *flattened) put(n *pg.Node) bool {
	if hasSubquery(n) {
		return false
	}
	written, all := proto.Clone(n).(*pg.Node), true
	within(n.ProtoReflect(), func(protoreflect.Message) bool { return false }, func(m protoreflect.Message) bool {
		x, ok := m.Interface().(*pg.Node)
		if !ok || x.GetColumnRef() == nil {
			return true
		}
		all = f.putName(x) && all
		return false
	})
	f.written[n] = written
	return all
}

// putName is put for a name.
func (f *flattened) putName(n *pg.Node) bool {
	ref := n.GetColumnRef()
	first := f.src.tokenAt(ref.Location)
	name := f.nameOf(ref)
	if first < 0 || name == "" {
		return false
	}
	i := slices.IndexFunc(f.inner.TargetList, func(n *pg.Node) bool { return outputName(n) == name })
	val := f.inner.TargetList[i].GetResTarget().Val
	collates := func(m protoreflect.Message) bool { _, is := m.Interface().(*pg.CollateClause); return is }
	if isConstant(val) || hasSubquery(val) || expands(val) || anywhere(val.ProtoReflect(), collates) { // which decides for less around it
		return false
	}
	f.moved[n] = [2]int{first, first + 2*(len(ref.Fields)-1)}
	n.Node = val.Node
	return true
}

// nameOf is the output inside that a reference names, "" if it names none.
func (f *flattened) nameOf(ref *pg.ColumnRef) string {
	qualified := len(ref.Fields) == 2 && ref.Fields[0].GetString_().GetSval() == f.name
	name := &pg.ColumnRef{Fields: ref.Fields[len(ref.Fields)-1:]}
	if len(ref.Fields) != 1 && !qualified || !shows(f.inner, name) {
		return ""
	}
	return name.Fields[0].GetString_().Sval
}

// isMoved says whether a name stands in the text where an expression is.
func (f *flattened) isMoved(n *pg.Node) bool {
	if f == nil {
		return false
	}
	_, moved := f.moved[n]
	return moved
}

// hasMoved says whether there is such a name in an expression.
func (f *flattened) hasMoved(n *pg.Node) bool {
	return f != nil && anywhere(n.ProtoReflect(), func(m protoreflect.Message) bool {
		x, ok := m.Interface().(*pg.Node)
		return ok && f.isMoved(x)
	})
}

// asWritten is an expression as it stands in the text.
func (f *flattened) asWritten(n *pg.Node) *pg.Node {
	if f != nil && f.written[n] != nil {
		return f.written[n]
	}
	return n
}

// leavesOrder leaves out the ORDER BY inside, which is by outputs, and on which nothing depends then.
func (f *flattened) leavesOrder(open int) (at edit, ok bool) {
	if !f.folds {
		return at, false
	}
	for _, n := range f.inner.SortClause {
		by := n.GetSortBy()
		place := int(by.Node.GetAConst().GetIval().GetIval())
		if by.SortbyDir == pg.SortByDir_SORTBY_USING || !shows(f.inner, by.Node.GetColumnRef()) && !f.has(by.Node) && (place < 1 || place > len(f.inner.TargetList)) {
			return at, false
		}
		if place > 0 {
			f.src.steer(by.Node.GetAConst().Location)
		}
	}
	by := f.src.orderBy(f.inner)
	if by < 1 {
		return at, false
	}
	f.inner.SortClause = nil
	return edit{start: int(f.src.tokens[by-1].start), end: int(f.src.tokens[f.src.closing(open)].start)}, true
}

// has says whether an expression is one of those that the query inside shows or groups by, in the
// same words.
func (f *flattened) has(n *pg.Node) bool {
	same := func(m *pg.Node) bool {
		n, m := proto.Clone(n).(*pg.Node), proto.Clone(m).(*pg.Node)
		unplace(n.ProtoReflect())
		unplace(m.ProtoReflect())
		return proto.Equal(n, m)
	}
	return !isConstant(n) && (slices.ContainsFunc(f.inner.GroupClause, same) || slices.ContainsFunc(f.inner.TargetList, func(n *pg.Node) bool { return same(n.GetResTarget().Val) }))
}

// order checks ORDER BY of the query around, which means outputs. Their names lose that of the
// query inside.
func (f *flattened) order(s *pg.SelectStmt, shown bool) (around []edit, ok bool) {
	if (s.SortClause != nil || s.LimitCount != nil || s.LimitOffset != nil) && (f.folds || f.inner.SortClause != nil) {
		return nil, false
	}
	for _, n := range s.SortClause {
		by := n.GetSortBy()
		ref := by.Node.GetColumnRef()
		if by.SortbyDir == pg.SortByDir_SORTBY_USING {
			return nil, false
		}
		if ref == nil {
			if by.Node.GetAConst().GetIval() == nil {
				return nil, false
			}
			continue
		}
		first := f.src.tokenAt(ref.Location)
		if len(ref.Fields) == 2 && f.nameOf(ref) != "" && first >= 0 && shown {
			name := f.src.tokens[first+2]
			around = append(around, edit{start: int(f.src.tokens[first].start), end: int(name.start)})
			ref.Fields, ref.Location = ref.Fields[1:], name.start
		}
		if shown && !shows(f.inner, ref) || !shown && !f.isOutput(s, ref) {
			return nil, false
		}
	}
	return around, true
}

// formulaMoved is formula for an expression in whose place there is a name in the text.
func (a *analysis) formulaMoved(n *pg.Node, d *formulaDraft) *Formula {
	own := &formulaDraft{computation: computation{first: len(a.tokens), last: -1}, scope: d.scope, collects: d.collects, windowed: d.windowed}
	f := a.formulaOf(n, own)
	at := a.flat.moved[n]
	if f == nil || f.isUntyped() || !a.brackets(&own.computation) || !a.reads(n, &own.computation) || !d.covers(at[0], at[1]) {
		return nil
	}
	d.take(own)
	return f
}

// movedHaving has the session choose among the groups by conditions of the query around. Those that
// have no aggregate in them PostgreSQL looks at first.
func (a *analysis) movedHaving(s *pg.SelectStmt, sc *scope) {
	var first, last []int
	for _, n := range a.flat.having {
		o := a.outputDraft(n, sc)
		if a.err != nil {
			return
		}
		if o == nil || o.shown.Type.OID != logical.OIDBool || !a.settleCalls(o.formulaDraft) {
			a.fail(refuseUse(sc.regroups.sealed, location(n), a.within))
			return
		}
		if hidden := a.arrange(s).hideOutput(a, o); len(o.aggregates) > 0 {
			last = append(last, hidden)
		} else {
			first = append(first, hidden)
		}
	}
	if plan := &a.arrange(s).plan; a.err == nil {
		plan.Having = slices.Concat(first, plan.Having, last)
	}
}

// unshownOutputs looks at the outputs of the query inside that nobody sees: the server would find
// mistakes in them.
func (a *analysis) unshownOutputs(sc *scope) {
	if !a.flat.replaces {
		return
	}
	for _, n := range a.flat.targets {
		val := n.GetResTarget().Val
		if val.GetColumnRef() == nil && val.GetAConst() == nil && a.outputDraft(val, sc) == nil || !a.namesColumns(val, sc) {
			a.fail(refuseUse(sc.regroups.sealed, location(val), "GROUP BY"))
		}
		a.checkGrouped(val, sc)
	}
}

// checkFlattened fails for outputs that have names of what is not there, and for aggregates whose
// values depend on the order of groups.
func (a *analysis) checkFlattened(s *pg.SelectStmt, sc *scope, outputs []column) {
	for i, n := range s.TargetList {
		val := n.GetResTarget().GetVal()
		if a.flat.hasMoved(val) && (val.GetColumnRef() == nil || !a.flat.isMoved(val)) && outputs[i].formula == nil {
			a.fail(refuseUse(sc.regroups.sealed, location(val), "GROUP BY"))
			return
		}
		if !a.flat.folds {
			continue
		}
		for _, w := range outputs[i].formula.Windows(nil) {
			t := w.Args[0].TypeOf(w.givenType)
			if (t == logical.OIDFloat4 || t == logical.OIDFloat8) && w.Aggregate != logical.Count && w.Aggregate != logical.Maximum && w.Aggregate != logical.Minimum {
				a.fail(refuseUse(sc.regroups.sealed, location(val), "aggregate function"))
			}
		}
	}
}

// moveList puts the list of outputs to where the server finds it.
func (f *flattened) moveList(edits []edit, text []byte) ([]edit, bool) {
	if f == nil || f.from == (term{}) {
		return edits, true
	}
	var list []edit
	edits = slices.DeleteFunc(edits, func(e edit) bool {
		in := e.start >= f.from.start && e.end <= f.from.end
		if in {
			list = append(list, e)
		}
		return in
	})
	inOrder(list)
	var moved []byte
	kept := f.from.start
	for _, e := range list {
		if e.value != nil || e.after != "" || e.start < kept {
			return nil, false
		}
		moved = append(append(moved, text[kept:e.start]...), e.text...)
		kept = e.end
	}
	moved = append(moved, text[kept:f.from.end]...)
	return append(edits, edit{start: f.to.start, end: f.to.end, text: string(moved) + " ", moved: f.from.start + 1}), true
}

// isOutput says whether a name is that of one output of the query around.
func (f *flattened) isOutput(s *pg.SelectStmt, ref *pg.ColumnRef) bool {
	found := 0
	for _, n := range s.TargetList {
		t := n.GetResTarget()
		name := t.Name
		if name == "" {
			name = f.src.outputName(f.asWritten(t.Val))
		}
		if len(ref.Fields) == 1 && name == ref.Fields[0].GetString_().GetSval() {
			found++
		}
	}
	return found == 1
}
