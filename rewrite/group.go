package rewrite

import (
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// See docs/decisions/0014-groups-by-terms.md.
//
// A sealed column that a query groups by is grouped by its equality term. What
// stands for the group in the outputs is one of its envelopes, the greatest in
// bytes: they all open to the same value.
const (
	anyEnvelopeStart = "pg_catalog.decode(pg_catalog.max(pg_catalog.encode(("
	anyEnvelopeEnd   = ")::pg_catalog.bytea, 'hex') COLLATE pg_catalog.\"C\"), 'hex')"
)

// grouped are the sealed columns that a query groups by their terms; those in grouping
// sets, of which some leave them out, are true.
type grouped map[*column]bool

// groupBy finds out what GROUP BY makes of sealed columns, before the outputs
// are analysed: sc.grouped.
func (a *analysis) groupBy(s *pg.SelectStmt, sc *scope) {
	var sealed []*column
	var plain []column
	inSets := map[*column]bool{}
	items, sets := flatGroups(s.GroupClause)
	for i, n := range append(items, sets...) {
		switch c := a.groupedColumn(n, s.TargetList, sc); {
		case c != nil && c.sealed != nil:
			sealed = append(sealed, c.self())
			inSets[c.self()] = inSets[c.self()] || i >= len(items)
		case c != nil && i < len(items):
			plain = append(plain, *c)
		case c == nil:
			sc.groupsByExpression = true
		}
	}
	sc.groupsByExpression = sc.groupsByExpression || len(sets) > 0
	for _, c := range sealed {
		if inSets[c] || !keyed(plain, c) {
			if sc.grouped == nil {
				sc.grouped = grouped{}
			}
			sc.grouped[c] = inSets[c]
		}
	}
}

// flatGroups are the items of GROUP BY with those of lists in brackets, and apart from
// them those of grouping sets.
func flatGroups(items []*pg.Node) (flat, sets []*pg.Node) {
	for _, n := range items {
		row := n.GetRowExpr()
		switch set := n.GetGroupingSet(); {
		case set != nil:
			inner, nested := flatGroups(set.Content)
			sets = append(append(sets, inner...), nested...)
		case row != nil && row.RowFormat == pg.CoercionForm_COERCE_IMPLICIT_CAST:
			inner, nested := flatGroups(row.Args)
			flat, sets = append(flat, inner...), append(sets, nested...)
		default:
			flat = append(flat, n)
		}
	}
	return flat, sets
}

// groupedColumn is the column that an item of GROUP BY is: by itself, by the
// name of an output, or by the position of one.
func (a *analysis) groupedColumn(n *pg.Node, outputs []*pg.Node, sc *scope) *column {
	ref := a.groupedReference(n, outputs, sc)
	if ref == nil {
		return nil
	}
	if star, _ := isStar(ref); star {
		return nil
	}
	return a.resolve(ref, sc).column
}

// groupedReference is the reference that an item of GROUP BY stands for, nil for
// any other expression.
func (a *analysis) groupedReference(n *pg.Node, outputs []*pg.Node, sc *scope) *pg.ColumnRef {
	return a.groupedNode(n, outputs, sc).GetColumnRef()
}

// groupedNode is the expression that an item of GROUP BY stands for: of an output, by its
// position or its name, or itself. It is nil for a position or a name that is not known.
func (a *analysis) groupedNode(n *pg.Node, outputs []*pg.Node, sc *scope) *pg.Node {
	if c := n.GetAConst(); c != nil {
		a.steer(c.Location)
		i := int(c.GetIval().GetIval()) - 1
		for k, o := range outputs {
			val := o.GetResTarget().GetVal()
			if ref := val.GetColumnRef(); ref != nil {
				if star, _ := isStar(ref); star {
					break // from here on, positions are not those of the list
				}
			}
			if k == i {
				return val
			}
		}
		return nil
	}
	ref := n.GetColumnRef()
	if ref == nil || len(ref.Fields) != 1 {
		return n
	}
	name := ref.Fields[0].GetString_().GetSval()
	if has, maybe := offers(sc.items, name); has || maybe != nil {
		return n
	}
	for _, o := range outputs {
		if t := o.GetResTarget(); t.GetName() == name {
			return t.GetVal()
		}
	}
	return nil
}

// groupTerm replaces an item of GROUP BY by the term of the sealed column that it
// stands for. It is false where envelopes are compared, beside the key.
func (a *analysis) groupTerm(n *pg.Node, outputs []*pg.Node, sc *scope) bool {
	ref := a.groupedReference(n, outputs, sc)
	if ref == nil {
		return false
	}
	e := a.peek(&pg.Node{Node: &pg.Node_ColumnRef{ColumnRef: ref}}, sc)
	switch {
	case e == nil || e.terms == nil:
		return false
	case !e.grouped:
		a.note("compare", e.column, "beside the key in GROUP BY", e.at)
		return true
	case !e.column.Type.Groups():
		a.fail(refuseUngrouped(e.column, e.at))
		return true
	case n.GetColumnRef() == ref:
		a.toTerm(e)
		return true
	case !a.comparable(e.column, location(n)):
		return true
	}
	i := a.tokenAt(location(n))
	if i < 0 {
		a.fail(refuseDefect())
		return true
	}
	text := string(a.text[e.terms[0].start:e.terms[0].end])
	start, end := int(a.tokens[i].start), int(a.tokens[i].end)
	a.edits = append(a.edits, edit{start: start, end: end, text: "pgseal.eq(", after: text, term: true})
	a.insert(end, ")")
	a.note("compare", e.column, "by equality term", e.at)
	return true
}

// anyOfGroup makes an output of a column that is grouped by its term.
func (a *analysis) anyOfGroup(e *sealedExpr) {
	switch {
	case !e.column.Type.Groups():
		a.fail(refuseUngrouped(e.column, e.at))
		return
	case !identical(e.column):
		a.fail(refuseUse(e.column, e.at, "GROUP BY"))
		return
	}
	start, end := e.terms[0].start, e.terms[0].end
	closing := anyEnvelopeEnd
	if e.leftOut {
		a.insert(start, "CASE WHEN GROUPING(")
		a.edits = append(a.edits, edit{start: start, end: start, text: "pgseal.eq(", after: string(a.text[start:end]), term: true})
		a.insert(start, ")) OPERATOR(pg_catalog.=) 0 THEN ")
		closing += " END"
	}
	a.insert(start, anyEnvelopeStart)
	a.insert(end, closing)
}

// collecting analyses the arguments of an aggregate, if it is one.
func (sc *scope) collecting(aggregate bool, f func()) {
	saved := sc.collects
	sc.collects = saved || aggregate
	f()
	sc.collects = saved
}

// groupsItself says whether this query, not one around it, groups by the term of a column.
func (sc *scope) groupsItself(c *column) bool {
	_, ok := sc.grouped[c.self()]
	return ok
}

// groupedHere says so of an expression that is such a column, with casts around it or none.
func (a *analysis) groupedHere(n *pg.Node, sc *scope) bool {
	n, _ = withoutCasts(n)
	e := a.peek(n, sc)
	return e != nil && e.ref != nil && sc.groupsItself(e.ref)
}

// termOfGroup has a query that groups by a term give that, instead of an envelope of
// the group, where its output is compared. It is false, and has done nothing, for
// outputs that are not the column itself.
func (a *analysis) termOfGroup(c *column) bool {
	if !c.grouped || c.shown.IsCast() {
		return false
	}
	start := slices.IndexFunc(a.edits, func(e edit) bool { return e.start == c.renamed.start && e.text == anyEnvelopeStart })
	end := slices.IndexFunc(a.edits, func(e edit) bool { return e.start == c.renamed.end && strings.HasPrefix(e.text, anyEnvelopeEnd) })
	if start < 0 || end < 0 {
		return false
	}
	a.edits[start].text, a.edits[start].term = "pgseal.eq(", true
	a.edits[end].text = ")" + strings.TrimPrefix(a.edits[end].text, anyEnvelopeEnd)
	a.note("compare", c.sealed, "by equality term of its group", int32(c.renamed.start))
	return true
}

// window is the PARTITION BY and ORDER BY of a window.
func (a *analysis) window(w *pg.WindowDef, sc *scope) {
	if w == nil {
		return
	}
	a.in("a window definition", func() {
		for _, n := range w.PartitionClause {
			if e := a.peek(n, sc); e != nil {
				a.toTerm(e)
			} else {
				a.plain(n, sc)
			}
		}
		if sc.query != nil && !countsInValues(sc.query) {
			a.rankKeys(w.OrderClause, sc, true)
		} else {
			a.sortKeys(w.OrderClause, sc)
		}
		a.plain(w.StartOffset, sc)
		a.plain(w.EndOffset, sc)
	})
}

// groupItem is an item of GROUP BY: a column of FROM before the name of an
// output, the position of an output, or an expression.
func (a *analysis) groupItem(n *pg.Node, list []*pg.Node, sc *scope, outputs []column) {
	if set := n.GetGroupingSet(); set != nil {
		for _, c := range set.Content {
			a.groupItem(c, list, sc, outputs)
		}
		return
	}
	if row := n.GetRowExpr(); row != nil && row.RowFormat == pg.CoercionForm_COERCE_IMPLICIT_CAST {
		for _, c := range row.Args {
			a.groupItem(c, list, sc, outputs)
		}
		return
	}
	if a.groupTerm(n, list, sc) {
		return
	}
	if ref := n.GetColumnRef(); ref != nil && len(ref.Fields) == 1 && ref.Fields[0].GetString_() != nil {
		name := ref.Fields[0].GetString_().Sval
		if has, maybe := offers(sc.items, name); !has && a.groupByOutput(name, ref.Location, maybe, outputs) {
			return
		}
	}
	if a.position(n, outputs, nil) {
		return
	}
	a.plain(n, sc)
}

// groupByOutput is GROUP BY the name of an output, unless maybe has a column of
// that name.
func (a *analysis) groupByOutput(name string, at int32, maybe *item, outputs []column) (found bool) {
	for _, c := range outputs {
		if c.name != name || c.rest {
			continue
		}
		found = true
		a.asPlain(c.constants)
		if c.sealed == nil {
			continue
		}
		if maybe != nil {
			a.doubtful(maybe, name, at, c.sealed)
		}
		a.fail(refuseUse(c.sealed, at, a.within))
	}
	return found
}
