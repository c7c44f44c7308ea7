package rewrite

import (
	"slices"
	"strconv"

	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/catalog"
)

// origin is the column of a relation that an output comes from unchanged.
type origin struct {
	item *item // of a relation; nil where nothing is known
	name string
}

// attribute is where PostgreSQL says that an output of this origin comes from.
func (o origin) attribute() (at catalog.Attribute) {
	if o.item == nil || o.item.merged {
		return at
	}
	if c := o.item.relation.Column(o.name); c != nil {
		at = catalog.Attribute{Relation: o.item.relation.OID, AttNum: c.AttNum}
	}
	return at
}

// keyed says whether the key of the relation that output c comes from stands
// among the outputs. Then rows that differ in c differ in the key as well, and
// rows with the same key have the same envelope: comparing envelopes beside the
// key is exact. Where the type has no = operator, PostgreSQL refuses it all the same.
func keyed(outputs []column, c *column) bool {
	if c.origin.item == nil || c.origin.item.relation.Key == nil || c.ungrouped() {
		return false
	}
	for _, name := range c.origin.item.relation.Key {
		if indexOf(outputs, origin{c.origin.item, name}) < 0 {
			return false
		}
	}
	return true
}

// ungrouped says whether an output is a sealed column by which PostgreSQL cannot group,
// as it is.
func (c *column) ungrouped() bool {
	return c.sealed != nil && !c.sealed.Assembled() && !c.shown.IsCast() && !c.sealed.Type.Groups()
}

// indexOf finds an output by its origin, -1 if none has it or its place is not
// known.
func indexOf(outputs []column, o origin) int {
	for i := range outputs {
		if outputs[i].rest {
			break
		}
		if outputs[i].origin == o {
			return i
		}
	}
	return -1
}

// identical says whether equal values of a column look the same, so that one of
// them can stand for all: 1.0 and 1.00 are equal as numeric and look different.
func identical(c *catalog.SealedColumn) bool {
	return c.Type.EqualAsStored() || c.Type.FixedForm()
}

// distinct is DISTINCT and DISTINCT ON.
func (a *analysis) distinct(s *pg.SelectStmt, sc *scope, outputs []column, targets []target) {
	if len(s.DistinctClause) == 0 || a.err != nil {
		return
	}
	a.in("DISTINCT", func() {
		if selectsFirst(s) {
			if targets == nil && a.firstRows(s, sc, outputs) {
				return
			}
			for _, n := range s.DistinctClause {
				if targets == nil && a.distinctOnTerm(n, sc, outputs) {
					continue
				}
				a.sortItem(n, sc, outputs, targets)
			}
			return
		}
		a.allPlain(outputs)
		if targets == nil && a.distinctRows(s, sc, outputs) {
			return
		}
		at := location(s.TargetList[0])
		for i, c := range outputs {
			if c.sealed == nil && i < len(targets) && targets[i].sealed != nil {
				a.fail(refuseStoreQuery(targets[i].sealed, at, a.within))
			}
		}
		var terms []string
		for i := range outputs {
			if c := &outputs[i]; c.sealed != nil && !keyed(outputs, c) {
				terms = append(terms, a.distinctTerm(c, at))
			}
		}
		unseen := a.unseenOrder(s, sc, outputs) != nil
		truths := !unseen && slices.ContainsFunc(s.SortClause, func(n *pg.Node) bool { return a.sortedTruth(n.GetSortBy().GetNode(), sc, outputs) != nil })
		if (terms != nil || truths) && a.err == nil {
			order := s.SortClause
			if unseen {
				order = nil
			}
			a.distinctOn(s, order, sc, outputs, terms)
		}
	})
}

// plainDistinct says whether a query has DISTINCT without ON.
func plainDistinct(s *pg.SelectStmt) bool {
	return len(s.DistinctClause) > 0 && s.DistinctClause[0].GetNode() == nil
}

// sortedTruth is the sealed boolean among the outputs that ORDER BY sorts by, nil for
// anything else.
func (a *analysis) sortedTruth(n *pg.Node, sc *scope, outputs []column) *column {
	c, _, ok := a.sortedOutput(n, outputs)
	if c == nil && ok {
		c, _ = a.outputOf(n, sc, outputs)
	}
	if !ok || c == nil || !a.truthOutput(c) {
		return nil
	}
	return c
}

// distinctOnTerm is an item of DISTINCT ON that is a sealed column: its term, which is the
// same for a boolean as the truth that ORDER BY sorts by. It is false, and has done
// nothing, for anything else.
func (a *analysis) distinctOnTerm(n *pg.Node, sc *scope, outputs []column) bool {
	c, at, ok := a.sortedOutput(n, outputs)
	switch ref := n.GetColumnRef(); {
	case ok && c != nil && a.sortsByOutput(n, at, c):
		return true
	case ok && c != nil && ref != nil && !c.holdsSealed():
		return false // an output, whatever columns there are of its name
	case ok && c != nil && ref != nil && !slices.ContainsFunc(sc.items, func(it *item) bool { return it.open || it.column(c.name) != nil }):
		a.fail(refuseUse(sealedOf(outputs), int32(at.start), a.within)) // no column to be compared has the name
		return true
	}
	e := a.peek(n, sc)
	if e == nil {
		return false
	}
	if ref := n.GetColumnRef(); ref != nil && len(ref.Fields) == 1 { // the name of an output comes first
		name := ref.Fields[0].GetString_().GetSval()
		for i := range outputs {
			if c := &outputs[i]; !c.rest && c.name == name && (e.ref == nil || len(e.terms) != 1 || !a.isOutput(e, c)) {
				return false
			}
		}
	}
	if n.GetColumnRef() == nil || !a.isTrue(e) {
		a.toTerm(e)
	}
	return true
}

// distinctTerm is what DISTINCT compares instead of a sealed output.
func (a *analysis) distinctTerm(c *column, at int32) string {
	switch {
	case c.ungrouped():
		a.fail(refuseUngrouped(c.sealed, at))
		return ""
	case c.reads == "" || !identical(c.sealed) || c.shown.IsCast():
		a.fail(refuseUse(c.sealed, at, a.within))
		return ""
	case !a.comparable(c.sealed, at):
		return ""
	}
	a.note("compare", c.sealed, "by equality term in DISTINCT", at)
	return "pgseal.eq(" + c.reads + ")"
}

// distinctOn makes DISTINCT a DISTINCT ON of the plain outputs and of terms.
// What the query sorts by has to come first there.
func (a *analysis) distinctOn(s *pg.SelectStmt, order []*pg.Node, sc *scope, outputs []column, terms []string) {
	type key struct {
		text  string
		truth *column
	}
	var list []key
	for _, n := range order {
		n = n.GetSortBy().GetNode()
		if c := a.sortedTruth(n, sc, outputs); c != nil {
			list = append(list, key{truth: c})
			continue
		}
		text, ok := a.sortText(n, sc, outputs)
		if !ok {
			a.fail(refuseUse(sealedOf(outputs), location(n), "DISTINCT with ORDER BY an expression"))
			return
		}
		if text != "" {
			list = append(list, key{text: text})
		}
	}
	for i, c := range outputs {
		if c.rest {
			a.fail(refuseStar(sealedOf(outputs), location(s.TargetList[0])))
			return
		}
		if c.sealed == nil {
			list = append(list, key{text: strconv.Itoa(i + 1)})
		}
	}
	for _, t := range terms {
		list = append(list, key{text: t})
	}
	i := a.tokenAt(s.TargetList[0].GetResTarget().GetLocation()) - 1
	for i >= 0 && a.is(i, "(") {
		i--
	}
	if !a.is(i, "distinct") {
		a.fail(refuseDefect())
		return
	}
	at, before := int(a.tokens[i].end), " ON ("
	for _, k := range list {
		if k.truth != nil {
			a.insert(at, before+"(pgseal.eq("+k.truth.sorts+") = ")
			a.truthOf(k.truth, at, location(s.TargetList[0]))
		} else {
			a.insert(at, before+k.text)
		}
		before = ", "
	}
	a.insert(at, ")")
}

// sortText is an item of ORDER BY as DISTINCT ON can repeat it: "" for one that
// is no output, to which the server objects.
func (a *analysis) sortText(n *pg.Node, sc *scope, outputs []column) (text string, ok bool) {
	if c := n.GetAConst(); c != nil {
		i := a.tokenAt(c.Location)
		return string(a.text[a.tokens[i].start:a.tokens[i].end]), c.GetIval() != nil
	}
	ref := n.GetColumnRef()
	if ref == nil {
		return "", false
	}
	start, end, ok := a.referenceSpan(ref)
	if !ok {
		return "", false
	}
	text = string(a.text[start:end])
	if len(ref.Fields) == 1 {
		for _, c := range outputs {
			if c.name == ref.Fields[0].GetString_().GetSval() {
				return text, true
			}
		}
	}
	if c := a.resolve(ref, sc).column; c != nil && c.origin.item != nil && indexOf(outputs, c.origin) < 0 {
		return "", true
	}
	return text, true
}

// sealedOf is the first sealed column among outputs.
func sealedOf(outputs []column) *catalog.SealedColumn {
	for _, c := range outputs {
		if c.sealed != nil {
			return c.sealed
		}
	}
	return nil
}

// sameRows says whether a sealed output of both sides of a set operation comes
// from the same relation, beside its key on both: then equal rows have equal
// envelopes.
func sameRows(left, right []column, i int) bool {
	l, r := left[i].origin, right[i].origin
	if l.item == nil || r.item == nil || l.item.relation != r.item.relation || l.name != r.name || l.item.relation.Key == nil {
		return false
	}
	for _, name := range l.item.relation.Key {
		at := indexOf(left, origin{l.item, name})
		if at < 0 || at >= len(right) || right[at].origin != (origin{r.item, name}) {
			return false
		}
	}
	return true
}

// unitedItems stand for the items on both sides of a set operation whose rows are
// those of the same relation.
type unitedItems map[[2]*item]*item

// origin is that of an output of the set operation.
func (u unitedItems) origin(l, r origin) origin {
	if l.item == nil || r.item == nil || l.item.relation != r.item.relation || l.name != r.name {
		return origin{}
	}
	sides := [2]*item{l.item, r.item}
	if u[sides] == nil {
		u[sides] = &item{relation: l.item.relation, merged: true}
	}
	return origin{u[sides], l.name}
}
