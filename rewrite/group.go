package rewrite

import pg "github.com/pganalyze/pg_query_go/v6"

// A sealed column that a query groups by is grouped by its equality term. What
// stands for the group in the outputs is one of its envelopes, the greatest in
// bytes: they all open to the same value.
const (
	anyEnvelopeStart = "pg_catalog.decode(pg_catalog.max(pg_catalog.encode(("
	anyEnvelopeEnd   = ")::pg_catalog.bytea, 'hex') COLLATE pg_catalog.\"C\"), 'hex')"
)

// grouped are the sealed columns that a query groups by their terms.
type grouped map[*column]bool

// groupBy finds out what GROUP BY makes of sealed columns, before the outputs
// are analysed: sc.grouped.
func (a *analysis) groupBy(s *pg.SelectStmt, sc *scope) {
	var sealed []*column
	var plain []column
	items := flatGroups(s.GroupClause)
	for _, n := range items {
		if c := a.groupedColumn(n, s.TargetList, sc); c != nil && c.sealed != nil {
			sealed = append(sealed, c.self())
		} else if c != nil {
			plain = append(plain, *c)
		}
	}
	for _, c := range sealed {
		if !keyed(plain, c) {
			if sc.grouped == nil {
				sc.grouped = grouped{}
			}
			sc.grouped[c] = true
		}
	}
}

// flatGroups are the items of GROUP BY with those of lists in brackets, without
// grouping sets.
func flatGroups(items []*pg.Node) (flat []*pg.Node) {
	for _, n := range items {
		if row := n.GetRowExpr(); row != nil && row.RowFormat == pg.CoercionForm_COERCE_IMPLICIT_CAST {
			flat = append(flat, flatGroups(row.Args)...)
		} else if n.GetGroupingSet() == nil {
			flat = append(flat, n)
		}
	}
	return flat
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
	if c := n.GetAConst(); c != nil {
		a.steer(c.Location)
		i := int(c.GetIval().GetIval()) - 1
		for k, o := range outputs {
			ref := o.GetResTarget().GetVal().GetColumnRef()
			if ref != nil {
				if star, _ := isStar(ref); star {
					break // from here on, positions are not those of the list
				}
			}
			if k == i {
				return ref
			}
		}
		return nil
	}
	ref := n.GetColumnRef()
	if ref == nil || len(ref.Fields) != 1 {
		return ref
	}
	name := ref.Fields[0].GetString_().GetSval()
	if has, maybe := offers(sc.items, name); has || maybe != nil {
		return ref
	}
	for _, o := range outputs {
		if t := o.GetResTarget(); t.GetName() == name {
			return t.GetVal().GetColumnRef()
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
	if !identical(e.column) {
		a.fail(refuseUse(e.column, e.at, "GROUP BY"))
		return
	}
	a.insert(e.terms[0].start, anyEnvelopeStart)
	a.insert(e.terms[0].end, anyEnvelopeEnd)
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
		for _, n := range w.OrderClause {
			a.plain(n.GetSortBy().GetNode(), sc)
		}
		a.plain(w.StartOffset, sc)
		a.plain(w.EndOffset, sc)
	})
}
