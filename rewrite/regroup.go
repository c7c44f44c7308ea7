package rewrite

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"pgseal/catalog"
	"pgseal/logical"
)

// Groups of a query by what is computed of sealed values (GROUP BY date_trunc('month', paid)):
// the server gives all rows, and the session puts those of a group together. See
// docs/decisions/0037-groups-by-what-is-computed.md.

// regrouping is the GROUP BY of such a query.
type regrouping struct {
	keys   []groupKey
	sealed *catalog.SealedColumn // one of those that it is about
}

// groupKey is an item of GROUP BY.
type groupKey struct {
	node     *pg.Node       // what it stands for
	computed *draftedOutput // nil for a plain one
}

// regroups finds out whether the session makes the groups of a query: sc.regroups, before
// the outputs are analysed.
func (a *analysis) regroups(s *pg.SelectStmt, sc *scope) bool {
	if !a.arranges(s, sc, nil) && !a.isCounted(s) || s.GroupDistinct || len(s.DistinctClause) > 0 || s.LimitOption == pg.LimitOption_LIMIT_OPTION_WITH_TIES {
		return false
	}
	items, _ := flatGroups(s.GroupClause)
	if slices.ContainsFunc(s.GroupClause, func(n *pg.Node) bool { return n.GetGroupingSet() != nil }) || slices.ContainsFunc(s.TargetList, func(n *pg.Node) bool { return expands(n.GetResTarget().GetVal()) }) {
		return false
	}
	g := &regrouping{}
	for _, n := range items {
		k := groupKey{node: a.groupedNode(n, a.targetsOf(s), sc)}
		if k.node == nil || hasAggregate(k.node) {
			return false
		}
		switch o := a.outputDraft(k.node, sc).byPlace(); {
		case o == nil && a.peek(k.node, sc) != nil, o != nil && !a.tellsApart(o):
			return false
		case o != nil:
			k.computed = o
			if g.sealed == nil && a.noTermGroups(o.formula, k.node, s, sc) {
				g.sealed = o.formula.SealedColumn()
			}
		}
		g.keys = append(g.keys, k)
	}
	if g.sealed == nil || a.err != nil {
		return false
	}
	sc.regroups = g
	if _, counted := a.countedRows(s, sc); !counted && !a.arranges(s, sc, nil) {
		sc.regroups = nil
	}
	return sc.regroups != nil
}

// noTermGroups says whether no term tells the groups of a key apart: it is computed, or of
// several columns, or of one without a term, or an output of which equal values look different.
func (a *analysis) noTermGroups(f *Formula, n *pg.Node, s *pg.SelectStmt, sc *scope) bool {
	if f.Kind != ColumnValue {
		return f.computes() || f.chooses()
	}
	if c := a.groupedColumn(n, a.targetsOf(s), sc); !f.isTerm() && c != nil && !keyed(a.plainGroups(s, sc), c) {
		return true
	}
	return f.Column.Mixed != nil || !identical(f.Column) && slices.ContainsFunc(s.TargetList, func(t *pg.Node) bool { return a.isSame(n, t.GetResTarget().Val, sc) })
}

// targetsOf are the outputs that GROUP BY of a query may mean.
func (a *analysis) targetsOf(s *pg.SelectStmt) []*pg.Node {
	if a.flat != nil && s == a.flat.inner {
		return a.flat.targets
	}
	return s.TargetList
}

// plainGroups are the plain columns that a query groups by.
func (a *analysis) plainGroups(s *pg.SelectStmt, sc *scope) (plain []column) {
	items, _ := flatGroups(s.GroupClause)
	for _, n := range items {
		if c := a.groupedColumn(n, a.targetsOf(s), sc); c != nil && c.sealed == nil {
			plain = append(plain, *c)
		}
	}
	return plain
}

// expands says whether an expression is a star, which stands for any number of columns.
func expands(n *pg.Node) bool {
	if x := n.GetAIndirection(); x != nil {
		return x.Indirection[len(x.Indirection)-1].GetAStar() != nil
	}
	if n.GetColumnRef() == nil {
		return false
	}
	star, _ := isStar(n.GetColumnRef())
	return star
}

// tellsApart says whether the session knows which values of an output are equal.
func (a *analysis) tellsApart(o *draftedOutput) bool {
	return (logical.Type{OID: o.shown.Type.OID, Typmod: -1}).HasEquality() && a.comparesBytes(o.formula) && !a.collation(o.formula).differs && a.settleCalls(o.formulaDraft)
}

// regroupedOutput is an output of a query whose groups the session makes: what has an aggregate
// or a window in it the session computes. It is false, and has done nothing, for any other.
func (a *analysis) regroupedOutput(n *pg.Node, sc *scope) (c column, ok bool) {
	if !hasAggregate(n) && !hasWindow(n) || a.isOneForAll(n.GetSubLink(), sc) {
		return c, false
	}
	if c, ok = a.outputFormula(n, sc); !ok {
		a.fail(refuseUse(sc.regroups.sealed, location(n), "GROUP BY"))
	}
	return c, true
}

// hasAggregate says whether there is an aggregate that pgseal knows in an expression.
func hasAggregate(n *pg.Node) bool {
	return anywhere(n.ProtoReflect(), func(m protoreflect.Message) bool {
		x, ok := m.Interface().(*pg.FuncCall)
		return ok && isAggregate(x)
	})
}

func isAggregate(x *pg.FuncCall) bool {
	_, known := logical.AggregateNamed(last(names(x.Funcname)))
	return known || last(names(x.Funcname)) == logical.Gathered.String() || x.AggStar || x.AggFilter != nil || x.AggOrder != nil || x.AggDistinct || x.AggWithinGroup
}

// regroup has the session make the groups: it gets what tells them apart, and the server no
// GROUP BY.
func (a *analysis) regroup(s *pg.SelectStmt, sc *scope, outputs []column) {
	if !a.onlyGrouped(s, sc, outputs) {
		return
	}
	g := sc.regroups
	around, counted := a.countedRows(s, sc)
	switch {
	case !counted && !a.arranges(s, sc, outputs):
		a.fail(refuseUse(g.sealed, location(s.GroupClause[0]), a.within))
		return
	case counted && a.arranged == nil:
		a.countRows(s, around)
	}
	r := a.arrange(s)
	var plain []string
	for _, k := range g.keys {
		if k.computed != nil {
			r.plan.Groups = append(r.plan.Groups, r.hideOutput(a, k.computed))
			continue
		}
		edits := len(a.edits)
		if isConstant(k.node) || a.err != nil {
			continue
		}
		a.plain(k.node, sc)
		first, end, ok := a.tokensOf(k.node)
		if !ok || len(a.edits) > edits || a.mentionsSealed(k.node, sc) || !a.isSteady(k.node) {
			a.fail(refuseUse(g.sealed, location(k.node), a.within))
			return
		}
		at := term{int(a.tokens[first].start), int(a.tokens[end].end)}
		if !a.movable(at, false) {
			a.fail(refuseUse(g.sealed, location(k.node), a.within))
			return
		}
		plain = append(plain, string(a.text[at.start:at.end]))
	}
	if plain != nil {
		r.plan.Groups = append(r.plan.Groups, r.hide(a, "pg_catalog.dense_rank() OVER (ORDER BY "+strings.Join(plain, ", ")+")", column{}, int(location(s.GroupClause[0]))))
	}
	if a.flat != nil && a.flat.distinct {
		return
	}
	if at, ok := a.clauseSpan("group", s.GroupClause[0]); ok {
		a.edit(at.start, at.end, "", nil)
	} else {
		a.fail(refuseDefect())
	}
}

// clauseSpan is where the clause stands that a token begins which is the last one of its kind
// in front of an expression.
func (a *analysis) clauseSpan(word string, n *pg.Node) (at term, ok bool) {
	first := a.tokenAt(location(n))
	for first >= 0 && !a.is(first, word) {
		first--
	}
	i := first + 1
	for depth := 0; i < len(a.tokens); i++ {
		if a.is(i, "(") || a.is(i, "[") {
			depth++
		} else if a.is(i, ")") || a.is(i, "]") {
			depth--
		}
		if depth < 0 || depth == 0 && slices.ContainsFunc(behindGroups, func(word string) bool { return a.is(i, word) }) {
			break
		}
	}
	if first < 0 || i <= first+1 {
		return at, false
	}
	return term{int(a.tokens[first].start), int(a.tokens[i-1].end)}, true
}

// behindGroups is what can follow GROUP BY.
var behindGroups = []string{"having", "window", "order", "limit", "offset", "fetch", ";"}

// regroupedHaving has the session choose among the groups that it makes.
func (a *analysis) regroupedHaving(s *pg.SelectStmt, sc *scope, outputs []column) {
	if a.flat != nil && a.err == nil {
		if a.unshownOutputs(sc); len(a.flat.having) > 0 && a.mindsRows(s, sc, outputs) {
			a.fail(refuseUse(sc.regroups.sealed, location(a.flat.having[0]), a.within))
		}
		a.checkFlattened(s, sc, outputs)
		defer a.movedHaving(s, sc)
	}
	if s.HavingClause == nil || a.err != nil {
		return
	}
	o := a.outputDraft(s.HavingClause, sc)
	if o == nil || a.mindsRows(s, sc, outputs) || o.shown.Type.OID != logical.OIDBool || !a.settleCalls(o.formulaDraft) {
		a.fail(refuseUse(sc.regroups.sealed, location(s.HavingClause), a.within))
		return
	}
	r := a.arrange(s)
	r.plan.Having = append(r.plan.Having, r.hideOutput(a, o))
	if at, ok := a.clauseSpan("having", s.HavingClause); ok {
		a.edit(at.start, at.end, "", nil)
	} else {
		a.fail(refuseDefect())
	}
}

// regroupingMinds says whether something in the groups or the aggregates of a query, which the
// server computes for each row, can fail for one.
func (a *analysis) regroupingMinds(s *pg.SelectStmt, sc *scope) bool {
	if slices.ContainsFunc(sc.regroups.keys, func(k groupKey) bool { return k.computed == nil && a.minds(k.node) }) {
		return true
	}
	return anywhere(s.ProtoReflect(), func(m protoreflect.Message) bool {
		x, ok := m.Interface().(*pg.FuncCall)
		return ok && x.AggFilter != nil && a.minds(x.AggFilter)
	})
}

// onlyGrouped says whether all that a query shows, sorts and chooses by is the same in all rows
// of a group, or in an aggregate. The server does not look any more; it has failed then, as
// PostgreSQL does.
func (a *analysis) onlyGrouped(s *pg.SelectStmt, sc *scope, outputs []column) bool {
	for _, n := range s.TargetList {
		a.checkGrouped(n.GetResTarget().Val, sc)
	}
	for _, n := range s.SortClause {
		n = n.GetSortBy().Node
		if ref := n.GetColumnRef(); n.GetAConst() == nil && (ref == nil || len(ref.Fields) > 1 || !slices.ContainsFunc(outputs, func(c column) bool { return c.name == last(names(ref.Fields)) })) {
			a.checkGrouped(n, sc)
		}
	}
	for _, n := range s.WindowClause {
		a.checkGroupedIn(n.ProtoReflect(), sc)
	}
	a.checkGrouped(s.HavingClause, sc)
	return a.err == nil
}

// checkGrouped fails for what is not the same in all rows of a group, and for what the session
// does not know to be: subqueries, functions that are called for each row.
func (a *analysis) checkGrouped(n *pg.Node, sc *scope) {
	if n == nil || a.err != nil || slices.ContainsFunc(sc.regroups.keys, func(k groupKey) bool { return a.isSame(n, k.node, sc) }) {
		return
	}
	switch x := n.GetNode().(type) {
	case *pg.Node_ColumnRef:
		c := a.resolve(x.ColumnRef, sc).column
		switch {
		case c == nil || c.origin.item == nil:
			a.fail(refuseUse(sc.regroups.sealed, x.ColumnRef.Location, "GROUP BY"))
		case a.isGroupColumn(c, sc):
		case a.mayBeGrouped(c, sc):
			a.fail(refuseUse(sc.regroups.sealed, x.ColumnRef.Location, "GROUP BY"))
		default:
			a.fail(refuseNotGrouped(c, sc, x.ColumnRef.Location))
		}
		return
	case *pg.Node_FuncCall:
		switch {
		case x.FuncCall.Over == nil && isAggregate(x.FuncCall):
			return
		case x.FuncCall.Over != nil: // which is the session's, too
		case !a.isSteadyCall(x.FuncCall):
			a.fail(refuseUse(sc.regroups.sealed, location(n), "GROUP BY"))
			return
		}
	case *pg.Node_SubLink:
		if names, known := a.correlated[x.SubLink]; known && len(names) == 0 && a.isOneForAll(x.SubLink, sc) {
			return
		}
		a.fail(refuseUse(sc.regroups.sealed, location(n), "GROUP BY"))
		return
	}
	a.checkGroupedIn(n.ProtoReflect(), sc)
}

// isOneForAll says whether a subquery gives one value, and has neither aggregates of the rows around
// it nor anything that can fail: it is the same in all rows of a query if it depends on none.
func (a *analysis) isOneForAll(s *pg.SubLink, sc *scope) bool {
	if s.GetSubLinkType() != pg.SubLinkType_EXPR_SUBLINK {
		return false // or there is none
	}
	known := a.snap.TextFunctions()
	if known == nil {
		a.fail(ErrNeedTextFunctions)
	}
	return known != nil && a.hasOwnAggregates(s, sc, known) && a.isRepeatable(s, sc) && !a.minds(&pg.Node{Node: &pg.Node_SubLink{SubLink: s}})
}

// checkGroupedIn is checkGrouped for the parts of an expression.
func (a *analysis) checkGroupedIn(m protoreflect.Message, sc *scope) {
	of := func(m protoreflect.Message) {
		if n, ok := m.Interface().(*pg.Node); ok {
			a.checkGrouped(n, sc)
		} else {
			a.checkGroupedIn(m, sc)
		}
	}
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case fd.Kind() != protoreflect.MessageKind:
		case fd.IsList():
			for i := range v.List().Len() {
				of(v.List().Get(i).Message())
			}
		default:
			of(v.Message())
		}
		return true
	})
}

// refuseNotGrouped is PostgreSQL's error for a column that can differ in the rows of a group.
func refuseNotGrouped(c *column, sc *scope, position int32) *Refusal {
	in := c.origin.item.name
	for _, it := range sc.items {
		if it.column(c.name) == c {
			in = it.name
		}
	}
	return &Refusal{
		Anchor: "not-grouped", Code: codeGrouping, Position: int(position),
		Message: "column \"" + in + "." + c.name + "\" must appear in the GROUP BY clause or be used in an aggregate function",
	}
}

// isGroupColumn says whether a column is one of those that a query groups by, or there is a
// primary key among them that it depends on.
func (a *analysis) isGroupColumn(c *column, sc *scope) bool {
	var columns []column
	for _, k := range sc.regroups.keys {
		if ref := k.node.GetColumnRef(); ref != nil {
			if of := a.resolve(ref, sc).column; of != nil {
				columns = append(columns, *of)
			}
		}
	}
	if indexOf(columns, c.origin) >= 0 {
		return true
	}
	r := c.origin.item.relation
	return r != nil && r.Key != nil && slices.Contains(sc.items, c.origin.item) && !slices.ContainsFunc(r.Key, func(name string) bool { return indexOf(columns, origin{c.origin.item, name}) < 0 })
}

// mayBeGrouped says whether PostgreSQL may find a column in what a query groups by though pgseal
// does not: in an expression that is the same in other words, or by a primary key that it does
// not know.
func (a *analysis) mayBeGrouped(c *column, sc *scope) bool {
	return slices.ContainsFunc(sc.regroups.keys, func(k groupKey) bool {
		return anywhere(k.node.ProtoReflect(), func(m protoreflect.Message) bool {
			ref, ok := m.Interface().(*pg.ColumnRef)
			if !ok {
				return false
			}
			of := a.resolve(ref, sc).column
			return of != nil && of.origin.item == c.origin.item && (of.origin == c.origin || k.node.GetColumnRef() == ref && (c.origin.item.relation == nil || c.origin.item.relation.Key == nil))
		})
	})
}

// isSame says whether two expressions are the same: they name the same columns, and have the
// same literals, on which the plan depends then.
func (a *analysis) isSame(n, m *pg.Node, sc *scope) bool {
	if !proto.Equal(a.resolved(n, sc), a.resolved(m, sc)) {
		return false
	}
	of, in := a.literalsOf(n), a.literalsOf(m)
	for _, l := range append(of, in...) {
		a.steer(a.tokens[l].start)
	}
	return slices.EqualFunc(of, in, func(k, l int) bool {
		t, u := a.tokens[k], a.tokens[l]
		return bytes.Equal(a.text[t.start:t.end], a.text[u.start:u.end])
	})
}

// literalsOf are the tokens of the literals in an expression.
func (a *analysis) literalsOf(n *pg.Node) (tokens []int) {
	anywhere(n.ProtoReflect(), func(m protoreflect.Message) bool {
		k, ok := m.Interface().(*pg.A_Const)
		if !ok {
			return false
		}
		i := a.tokenAt(k.Location)
		if number, _, _ := a.signedNumber(i); i >= 0 && number >= 0 {
			i = number
		}
		if i >= 0 && a.tokens[i].kind.isLiteral() {
			tokens = append(tokens, i)
		}
		return false
	})
	return tokens
}

// resolved is an expression without places, in which each column has the name of its relation's,
// if there is no subquery in it, which has names of its own.
func (a *analysis) resolved(n *pg.Node, sc *scope) *pg.Node {
	n = proto.Clone(n).(*pg.Node)
	if !hasSubquery(n) {
		anywhere(n.ProtoReflect(), func(m protoreflect.Message) bool {
			if ref, ok := m.Interface().(*pg.ColumnRef); ok {
				if c := a.resolve(ref, sc).column; c != nil && c.origin.item != nil {
					ref.Fields = []*pg.Node{pg.MakeStrNode(fmt.Sprintf("%p", c.origin.item)), pg.MakeStrNode(c.origin.name)}
				}
			}
			return false
		})
	}
	unplace(n.ProtoReflect())
	return n
}
