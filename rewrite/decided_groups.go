package rewrite

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/reflect/protoreflect"

	"pgseal/catalog"
	"pgseal/logical"
)

// HAVING of what is computed of sealed values where the session does not get the groups
// (`id IN (SELECT customer FROM orders GROUP BY customer HAVING sum(total) > 200)`): the server is
// asked for what all groups have, and gets a jsonb object that says of which of them the condition
// is true. A group is told from others by a digest of what it has, as that is all that decides.
// See docs/decisions/0036-verdicts.md.

// decidedHaving has the session decide HAVING in front of the statement: as a whole, or those
// conditions between its ANDs that the server cannot. It is false, and has done nothing, where there
// is nothing to decide.
func (a *analysis) decidedHaving(s *pg.SelectStmt, sc *scope) bool {
	if s.HavingClause == nil || a.err != nil || a.persistent || a.mode == Kept || sc.ranges != nil || !a.takesVerdicts() {
		return false
	}
	if a.decidedGroups(s.HavingClause, s, sc) {
		return true
	}
	all := conjuncts(nil, s.HavingClause)
	some, fails := false, false
	for _, n := range all {
		decided := a.groupDraft(n, sc) != nil
		some, fails = some || decided, fails || !decided && a.minds(n)
	}
	if len(all) < 2 || !some || fails { // PostgreSQL may not come to what fails
		return a.err != nil
	}
	for _, n := range all {
		if !a.decidedGroups(n, s, sc) {
			a.condition(n, sc)
		}
	}
	return true
}

// decidedGroups has the session decide a condition on the groups of a query. It is false, and has
// done nothing, where it cannot.
func (a *analysis) decidedGroups(n *pg.Node, s *pg.SelectStmt, sc *scope) bool {
	o := a.groupDraft(n, sc)
	if o == nil {
		return a.err != nil
	}
	before, behind, ok := a.groupQuestion(s, sc, o)
	if !ok {
		return a.err != nil
	}
	for _, l := range o.literals {
		a.steer(l)
	}
	for _, of := range o.columns {
		a.place(of, o)
	}
	for _, of := range o.aggregates {
		of.sorted = of.isOfAnyOrder()
		a.settledAggregates = append(a.settledAggregates, of.call)
	}
	a.in("HAVING", func() { a.placeGroups(o, before, behind) })
	return true
}

// groupDraft is a condition on groups that the session computes, nil for any other, and for what the
// server finds out by terms.
func (a *analysis) groupDraft(n *pg.Node, sc *scope) *draftedOutput {
	if hasSubquery(n) && !asksSubquery(n) {
		return nil
	}
	shown, asks := sc.shown, a.asksGroups
	sc.shown, a.asksGroups = true, sc
	o := a.conditionDraft(n, sc)
	sc.shown, a.asksGroups = shown, asks
	if o == nil || len(o.columns) == 0 || o.formula.asksForTerm() {
		return nil
	}
	return o
}

// asksForTerm says whether a subquery in it is compared by its term.
func (f *Formula) asksForTerm() bool {
	return f.Kind == Operation && f.asked(nil) != nil && !f.comparesAsked() || !f.hasOwnRow() && slices.ContainsFunc(f.Args, (*Formula).asksForTerm)
}

// placeGroups asks for what all groups have, and puts the answer in the place of the condition.
func (a *analysis) placeGroups(o *draftedOutput, before, behind []sqlPart) {
	text, ok := a.arrayText(o)
	if !ok {
		return
	}
	start, end := o.span(a)
	sealed := o.formula.SealedColumn()
	verdict := &catalog.SealedColumn{Schema: sealed.Schema, Table: sealed.Table, Name: sealed.Name, Type: logical.Type{OID: logical.OIDBool, Typmod: -1}}
	group := &Formula{Kind: Inner, Args: []*Formula{o.formula}, at: term{start, end}, within: true}
	op := &Operand{Column: verdict, Role: Store, Site: Site{target: sealed.Name}, Formula: group, OfRows: true, Decides: true, Absent: true, Subqueries: 1}
	u := formulaUse{start: start, end: end, row: &foundRow{into: &item{}}, columns: []*Formula{group}, group: text, operand: op}
	a.takeParams(op, o.params)
	group.Answer = a.asksForFormula(append(append(before, sqlText(text)), behind...), op, u)
	a.askSubqueries(&u)
	a.putFormula(u)
	for _, c := range o.shown.Cells {
		if c != nil {
			a.note("open", c, "for a condition", int32(start))
		}
	}
}

// groupKeys are the SQL of what tells a group from others, behind a text that is empty in each.
func groupKeys(text string) []string {
	return []string{"pg_catalog.left(pg_catalog.count(*)::pg_catalog.text, 0)", "pg_catalog.encode(pg_catalog.sha256(" + text + "), 'hex')"}
}

// isOfAnyOrder says whether an aggregate comes to the same in whatever order its rows are, so that
// they can be sorted by what they have: PostgreSQL may collect them differently in the question.
func (f *formulaAggregated) isOfAnyOrder() bool {
	if f.kept || f.order != (term{}) || f.Aggregate == logical.Joined || f.Aggregate.OfPairs() {
		return false
	}
	switch t := f.Args[0].TypeOf(f.givenType); f.Aggregate {
	case logical.Sum, logical.Average, logical.SampleVariance, logical.PopulationVariance, logical.SampleDeviation, logical.PopulationDeviation:
		return t != 0 && t != logical.OIDFloat4 && t != logical.OIDFloat8
	}
	return true
}

// groupQuestion is the SQL before and behind what a group has in the question for all of them. ok is
// false where that cannot be asked for.
func (a *analysis) groupQuestion(s *pg.SelectStmt, sc *scope, o *draftedOutput) (before, behind []sqlPart, ok bool) {
	from, list := a.listEnd(s), int32(-1)
	having := a.havingToken(s, from)
	if having < 0 {
		return nil, nil, false
	}
	asked := &pg.SelectStmt{FromClause: s.FromClause, WhereClause: s.WhereClause, GroupClause: s.GroupClause, HavingClause: s.HavingClause}
	items, sets := flatGroups(s.GroupClause)
	if slices.ContainsFunc(append(items, sets...), func(n *pg.Node) bool { return a.groupedNode(n, s.TargetList, sc) != n }) {
		// It names outputs, which have to be there.
		asked.TargetList, list = s.TargetList, s.TargetList[0].GetResTarget().GetLocation()
		for _, n := range s.TargetList {
			if a.minds(n.GetResTarget().GetVal()) {
				return nil, nil, false
			}
		}
	}
	if !a.isRepeatableIn(asked.ProtoReflect(), sc) {
		return nil, nil, false
	}
	row, ok := a.groupsOf(asked, sc, o)
	if !ok {
		return nil, nil, false
	}
	before = []sqlPart{sqlText("(SELECT pg_catalog.array_agg(pgseal_cells) FROM (SELECT ")}
	switch {
	case row != nil && list >= 0: // whose names could be those of the relation, too
		return nil, nil, false
	case row != nil:
		before = append(before, sqlText("pgseal_cells FROM "+row.relation()+" AS "+quoteName(row.into.name)+" CROSS JOIN LATERAL (SELECT "))
	}
	if list >= 0 {
		before = append(before, sqlPart{literal: -1, from: int(list), end: from, open: true}, sqlText(", "))
	}
	before = append(before, sqlText("ARRAY["))
	behind = []sqlPart{sqlText("] AS pgseal_cells FROM "), {literal: -1, from: from + len("from"), end: having}}
	if row == nil {
		return before, append(behind, sqlText((&foundRow{reads: true}).limitRows())), true
	}
	behind = append(behind, sqlText(") AS pgseal_groups"))
	return before, append(behind, row.narrowed()...), true
}

// havingToken is where the HAVING of a query stands whose FROM is known, -1 if it is not found.
func (a *analysis) havingToken(s *pg.SelectStmt, from int) int {
	if from < 0 {
		return -1
	}
	for i := a.tokenAt(int32(from)); i >= 0 && i < len(a.tokens); i++ {
		switch {
		case a.is(i, "("), a.is(i, "["):
			if i = a.closing(i); i < 0 {
				return -1
			}
		case a.is(i, ")"), a.is(i, ";"):
			return -1
		case a.is(i, "having") && !a.is(i-1, ".") && !a.is(i-1, "as"):
			return int(a.tokens[i].start)
		}
	}
	return -1
}

// groupsOf is the relation around a query on whose rows its groups depend, nil if they depend on
// nothing. ok is false where they depend on something else.
func (a *analysis) groupsOf(asked *pg.SelectStmt, sc *scope, o *draftedOutput) (row *foundRow, ok bool) {
	if sc.outer == nil || sc.outer.crossed == nil || len(*sc.outer.crossed) == 0 {
		return nil, true
	}
	names, around := *sc.outer.crossed, sc.outer.outer
	into := itemOf(names[0], around)
	if into == nil || into.relation == nil || into.open || qualifiedItem([]string{into.name}, around) != into || !onlyOf(into, names, around) || a.joinsOuter() {
		return nil, false
	}
	for _, parts := range names {
		if c := into.column(last(parts)); c == nil || c.origin.name != last(parts) {
			return nil, false
		}
	}
	if slices.ContainsFunc(o.columns, func(of *Formula) bool { return of.grouped }) || slices.ContainsFunc(o.aggregates, func(of *formulaAggregated) bool { return a.reachesOut(of.call, sc) }) {
		return nil, false // which may be of the groups of a query around
	}
	for _, n := range append(slices.Concat(asked.FromClause, asked.TargetList), asked.WhereClause) {
		if n != nil && a.minds(n) {
			return nil, false // PostgreSQL may not come to it for all rows
		}
	}
	row = &foundRow{into: into, reads: true, rows: &rowConditions{}}
	for around != nil && len(around.items) == 0 {
		around = around.outer
	}
	if slices.Contains(around.items, into) {
		a.narrow(row, sc.outer.conditions, asked.HavingClause, around)
	}
	return row, a.err == nil
}

// reachesOut says whether an aggregate has columns of a query around its own.
func (a *analysis) reachesOut(x *pg.FuncCall, sc *scope) bool {
	return anywhere(x.ProtoReflect(), func(m protoreflect.Message) bool {
		ref, ok := m.Interface().(*pg.ColumnRef)
		if !ok {
			return false
		}
		c := a.resolve(ref, sc).column
		return c == nil || !slices.Contains(sc.items, c.origin.item)
	})
}

// itemOf is what a name is a column of, nil if it is not found.
func itemOf(parts []string, sc *scope) *item {
	if len(parts) > 1 {
		return qualifiedItem(parts[:len(parts)-1], sc)
	}
	for level := sc; level != nil; level = level.outer {
		for _, it := range level.items {
			if it.byColumn && it.column(parts[0]) != nil {
				return it
			}
		}
	}
	return nil
}
