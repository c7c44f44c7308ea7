package rewrite

import (
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// distinctRows has the session tell rows apart that DISTINCT is about: there are outputs which
// are computed of sealed values, or rows are sorted or filtered by these. The server gives all
// rows. It is false, and has done nothing, where the server tells them apart.
func (a *analysis) distinctRows(s *pg.SelectStmt, sc *scope, outputs []column) bool {
	around, counted := a.countedRows(s, sc)
	if !counted && !a.arranges(s, sc, outputs) {
		return false
	}
	needed := a.arranged != nil || slices.ContainsFunc(outputs, func(c column) bool {
		return c.formula != nil || c.sealed != nil && !c.ungrouped() && (c.reads == "" || !hasEquality(c.sealed) || !identical(c.sealed) || c.shown.IsCast() || c.sealed.Mixed != nil) && !keyed(outputs, &c)
	})
	sealed := sealedOf(outputs)
	if sealed == nil && a.arranged != nil {
		sealed = a.arrangedBy()
	}
	for _, n := range s.SortClause {
		it := sorting{by: n.GetSortBy()}
		if a.in("ORDER BY", func() { a.sortItemOf(&it, s, sc, outputs, false) }); it.computed == nil || it.byServer {
			continue
		}
		if needed = true; sealed == nil {
			sealed = it.computed.formula.SealedColumn()
		}
	}
	if !needed || a.err != nil {
		return a.err != nil
	}
	at := location(s.TargetList[0])
	for _, n := range s.SortClause {
		if n = n.GetSortBy().GetNode(); !a.isListed(n, s, sc, outputs) {
			a.fail(refuseUse(sealed, location(n), "DISTINCT with ORDER BY an expression"))
			return true
		}
	}
	if counted && a.arranged == nil {
		a.countRows(s, around)
	}
	r := a.arrange(s)
	var plain []string
	for i := range outputs {
		c := &outputs[i]
		target := targetOf(s.TargetList, outputs, c)
		switch {
		case c.sealed != nil && c.formula == nil && keyed(outputs, c):
		case c.sealed != nil || c.formula != nil:
			var o *draftedOutput
			if target != nil {
				o = a.outputDraft(target.Val, sc).byPlace()
			}
			if o == nil || !a.tellsApart(o) {
				a.fail(refuseUse(sealed, at, a.within))
				return true
			}
			r.plan.Distinct = append(r.plan.Distinct, r.hideOutput(a, o))
		case target != nil && isConstant(target.Val):
		default:
			text, ok := a.plainText(c, target, counted)
			if !ok {
				a.fail(refuseUse(sealed, at, a.within))
				return true
			}
			plain = append(plain, text)
		}
	}
	i := a.tokenAt(s.TargetList[0].GetResTarget().GetLocation()) - 1
	for i >= 0 && a.is(i, "(") {
		i--
	}
	if a.err != nil || !a.is(i, "distinct") {
		a.fail(refuseDefect())
		return true
	}
	if plain != nil {
		r.plan.Distinct = append(r.plan.Distinct, r.hide(a, "pg_catalog.dense_rank() OVER (ORDER BY "+strings.Join(plain, ", ")+")", column{}, int(at)))
	}
	if !counted { // of which nothing but the rest is left
		a.edit(int(a.tokens[i].start), int(a.tokens[i].end), "", nil)
	}
	return true
}

// plainText is an output that is plain, as it can be written once more. target is nil if it
// is one of a star's. counted: nothing else is left of the outputs, nor of what is to be
// written in another way in them, so that only columns are taken.
func (a *analysis) plainText(c *column, target *pg.ResTarget, counted bool) (text string, ok bool) {
	if !c.isPlain() {
		return "", false
	}
	if target == nil {
		if c.origin.item == nil || c.origin.item.merged {
			return "", false
		}
		return quoteName(c.origin.item.name) + "." + quoteName(c.origin.name), true
	}
	at, ok := a.targetSpan(target)
	if counted {
		return string(a.text[at.start:at.end]), ok && target.Val.GetColumnRef() != nil
	}
	if !ok || !a.isSteady(target.Val) || slices.ContainsFunc(a.edits, func(e edit) bool { return e.end > at.start && e.start < at.end }) || !a.movable(at, false) {
		return "", false
	}
	return string(a.text[at.start:at.end]), true
}

// isListed says whether an item of ORDER BY is an output, as DISTINCT wants it.
func (a *analysis) isListed(n *pg.Node, s *pg.SelectStmt, sc *scope, outputs []column) bool {
	if output, _, ok := a.sortedOutput(n, outputs); ok && output != nil {
		return true
	}
	if ref := n.GetColumnRef(); ref != nil {
		c := a.resolve(ref, sc).column
		return c != nil && c.origin.item != nil && indexOf(outputs, c.origin) >= 0
	}
	return slices.ContainsFunc(s.TargetList, func(t *pg.Node) bool { return a.isSame(n, t.GetResTarget().Val, sc) })
}
