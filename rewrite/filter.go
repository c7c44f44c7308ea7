package rewrite

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/reflect/protoreflect"

	"pgseal/logical"
)

// where is the conditions of a query, of which the session computes those that ask for
// values of a range. Others the server decides by terms, or they are refused, with the
// command that makes a term. It is false, and has done nothing, for a query without any
// range.
func (a *analysis) where(s *pg.SelectStmt, sc *scope, outputs []column) bool {
	around, counted := a.countedRows(s, sc)
	if s.WhereClause == nil || !counted && !a.arranges(s, sc, outputs) || (len(s.GroupClause) > 0 || s.HavingClause != nil) && sc.regroups == nil {
		return false
	}
	all := conjuncts(nil, s.WhereClause)
	computed, some := make([]*draftedOutput, len(all)), false
	a.in("a condition", func() {
		for i, n := range all {
			if computed[i] = a.movedCondition(n, len(all) == 1 && s.LimitCount == nil && s.LimitOffset == nil, sc); computed[i] != nil {
				some = true
				continue
			}
			if computed[i] = a.rowDraft(n, sc); computed[i] != nil && !a.asksForRange(computed[i].formula, computed[i].formulaDraft) && !a.matchesParameter(computed[i]) {
				computed[i] = nil
			}
			some = some || computed[i] != nil
		}
	})
	for i, n := range all {
		if some && computed[i] == nil && a.minds(n) {
			return false // PostgreSQL may not come to it for a row that a range leaves out
		}
	}
	switch {
	case a.err != nil:
		return true
	case !some:
		return false
	case sc.regroups != nil && a.mindsRows(s, sc, outputs):
		return false
	case counted:
		a.countRows(s, around)
	case sc.regroups != nil:
	case a.counts(s):
		if !a.counted(s) {
			return false
		}
	case a.aggregates(s, sc), a.mindsRows(s, sc, outputs):
		return false
	}
	matches := slices.ContainsFunc(computed, func(o *draftedOutput) bool { return o != nil && a.matchesParameter(o) })
	costs := map[int]int{} // by hidden column
	for i, n := range all {
		if computed[i] == nil {
			// One may have a part that is decided, beside a subquery, another compare two relations.
			if n.GetBoolExpr() != nil && !matches || a.isPair(n, sc) {
				a.findsBeside(n, all, sc)
			} else {
				a.condition(n, sc)
			}
			continue
		}
		a.in("a condition", func() { costs[a.filter(s, computed[i])] = computed[i].formula.cost() })
		if !computed[i].moves && a.matchesParameter(computed[i]) && !a.asksForRange(computed[i].formula, computed[i].formulaDraft) { // the server finds fewer rows if that has no wildcards
			a.wild = true
			a.condition(n, sc)
			a.wild = false
			continue
		}
		start, end := computed[i].span(a)
		a.edit(start, end, "true", nil)
	}
	if counted && a.err == nil {
		a.callsForAll(s)
	}
	if a.err == nil { // what costs least PostgreSQL looks at first
		slices.SortStableFunc(a.arranged.plan.Conditions, func(c, d int) int { return costs[c] - costs[d] })
	}
	return true
}

// cost is how many operators and functions there are in a formula, for each of which PostgreSQL's
// planner counts the same, mostly.
func (f *Formula) cost() (n int) {
	switch f.Kind {
	case Operation, Called, Negative, CastTo:
		n = 1
	}
	for _, arg := range f.Args {
		n += arg.cost()
	}
	return n
}

// asksForRange says whether a condition has a range in it. So is what compares columns of a
// row, unless it is one of several relations that nothing else joins.
func (a *analysis) asksForRange(f *Formula, d *formulaDraft) bool {
	if f.depends() {
		for _, l := range d.literals {
			a.steer(l)
		}
	}
	if f.asked(nil) != nil {
		return f.comparesAsked()
	}
	return f.isTruth() || f.hasRange() || f.comparesColumns() && (len(d.scope.items) == 1 || d.row == nil && d.scope.query != nil && a.joinsRows(f, d.scope))
}

// conjuncts are what AND is between.
func conjuncts(list []*pg.Node, n *pg.Node) []*pg.Node {
	if x := n.GetBoolExpr(); x != nil && x.Boolop == pg.BoolExprType_AND_EXPR {
		for _, arg := range x.Args {
			list = conjuncts(list, arg)
		}
		return list
	}
	return append(list, n)
}

// conditionDraft is a condition that the session computes, nil for any other.
func (a *analysis) conditionDraft(n *pg.Node, sc *scope) *draftedOutput {
	return a.settledCondition(a.outputDraft(n, sc))
}

// settledCondition is a draft if it is one that the session computes, else nil.
func (a *analysis) settledCondition(o *draftedOutput) *draftedOutput {
	if o == nil || !o.formula.computes() && !o.formula.isTruth() || o.shown.Type.OID != logical.OIDBool || !a.settleCalls(o.formulaDraft) {
		return nil
	}
	return o
}

// rowDraft is conditionDraft in WHERE, where PostgreSQL has no aggregates.
func (a *analysis) rowDraft(n *pg.Node, sc *scope) *draftedOutput {
	o := a.conditionDraft(n, sc)
	if o == nil || len(o.aggregates) > 0 {
		return nil
	}
	return o
}

// filter has the session compute a condition, of a hidden column.
func (a *analysis) filter(s *pg.SelectStmt, o *draftedOutput) int {
	r := a.arrange(s)
	hidden := r.hideOutput(a, o)
	r.plan.Conditions = append(r.plan.Conditions, hidden)
	return hidden
}

// counts says whether a query does nothing but count its rows.
func (a *analysis) counts(s *pg.SelectStmt) bool {
	if len(s.TargetList) != 1 || len(s.SortClause) > 0 || s.LimitCount != nil || s.LimitOffset != nil {
		return false
	}
	x := s.TargetList[0].GetResTarget().GetVal().GetFuncCall()
	return x.GetAggStar() && x.Over == nil && x.AggFilter == nil && len(x.Funcname) == 1 && last(names(x.Funcname)) == logical.Count.String()
}

// counted has the session count the rows of such a query. It is false, and has done nothing, where
// it does not find the count.
func (a *analysis) counted(s *pg.SelectStmt) bool {
	at := location(s.TargetList[0])
	end := a.closing(a.tokenAt(at) + 1)
	if !a.is(a.tokenAt(at)+1, "(") || end < 0 {
		return false
	}
	a.arrange(s).plan.Counts = true
	a.edit(int(at), int(a.tokens[end].end), "NULL::pg_catalog.int8", nil)
	if s.TargetList[0].GetResTarget().GetName() == "" {
		a.insert(int(a.tokens[end].end), " AS \"count\"")
	}
	return true
}

// aggregates says whether a query has aggregates, or functions that may be some.
func (a *analysis) aggregates(s *pg.SelectStmt, sc *scope) bool {
	known := a.snap.TextFunctions()
	if known == nil {
		a.fail(ErrNeedTextFunctions)
		return true
	}
	return slices.ContainsFunc(append(s.TargetList[:len(s.TargetList):len(s.TargetList)], s.SortClause...), func(n *pg.Node) bool {
		return outsideSubqueries(n.ProtoReflect(), func(m protoreflect.Message) bool {
			switch x := m.Interface().(type) {
			case *pg.FuncCall:
				return mayAggregate(x, known)
			case *pg.SubLink:
				return !a.hasOwnAggregates(x, sc, known)
			}
			return false
		})
	})
}

// having is a condition on groups that the session computes. It is false, and has done
// nothing, for any other.
func (a *analysis) having(s *pg.SelectStmt, sc *scope, outputs []column) (done bool) {
	if sc.regroups != nil {
		a.in("HAVING", func() { a.regroupedHaving(s, sc, outputs) })
		return true
	}
	if a.flat != nil && s == a.flat.inner {
		a.fail(refuseDefect()) // whose conditions nobody looks at
	}
	if s.HavingClause == nil || !a.arranges(s, sc, outputs) || a.mindsRows(s, sc, outputs) {
		return false
	}
	a.in("HAVING", func() {
		if o := a.conditionDraft(s.HavingClause, sc); o != nil {
			a.filter(s, o)
			start, end := o.span(a)
			a.edit(start, end, "true", nil)
			done = true
		}
	})
	return done || a.err != nil
}

// mindsRows says whether something that the server computes minds that there are rows
// which the session leaves out.
func (a *analysis) mindsRows(s *pg.SelectStmt, sc *scope, outputs []column) bool {
	for i := range outputs {
		if t := targetOf(s.TargetList, outputs, &outputs[i]); t != nil && (outputs[i].sealed == nil || hasSubquery(t.Val)) && a.minds(t.Val) {
			return true
		}
	}
	if sc.regroups != nil && a.regroupingMinds(s, sc) {
		return true
	}
	return slices.ContainsFunc(s.SortClause, func(n *pg.Node) bool {
		n = n.GetSortBy().GetNode()
		return a.minds(n) && a.outputDraft(n, sc) == nil && (a.subqueriesMind(n) || !a.comparesSubqueries(n, sc))
	})
}

// harmless are operators that take all values, and the names that LIKE and BETWEEN have.
var harmless = []string{"=", "<>", "<", "<=", ">", ">=", "~~", "!~~", "~~*", "!~~*", "BETWEEN", "NOT BETWEEN", "BETWEEN SYMMETRIC", "NOT BETWEEN SYMMETRIC", "||", "@>", "<@", "&&", "?"}

// minds says whether an expression comes to something else, or can fail, if it is computed
// of rows that are left out: it has a window over them, or an operator, a cast or a
// subquery that may not take their values.
func (a *analysis) minds(n *pg.Node) bool {
	return anywhere(n.ProtoReflect(), func(m protoreflect.Message) bool {
		switch x := m.Interface().(type) {
		case *pg.FuncCall:
			return x.Over != nil
		case *pg.SubLink: // the others take any number of rows
			return x.SubLinkType != pg.SubLinkType_EXISTS_SUBLINK && x.SubLinkType != pg.SubLinkType_ANY_SUBLINK && x.SubLinkType != pg.SubLinkType_ARRAY_SUBLINK && !a.givesOneRow(x)
		case *pg.A_Indirection:
			return true
		case *pg.TypeCast:
			return varies(m)
		case *pg.A_Expr:
			return !slices.Contains(harmless, last(names(x.Name))) && varies(m)
		}
		return false
	})
}

// varies says whether an expression may come to something else for another row.
func varies(m protoreflect.Message) bool {
	return anywhere(m, func(m protoreflect.Message) bool {
		call, _ := m.Interface().(*pg.FuncCall)
		_, column := m.Interface().(*pg.ColumnRef)
		return column || call.GetAggStar()
	})
}

// anywhere says whether something holds for a node or one in it.
func anywhere(m protoreflect.Message, holds func(protoreflect.Message) bool) bool {
	return within(m, holds, func(protoreflect.Message) bool { return true })
}

// within is anywhere for what is only in nodes that are open.
func within(m protoreflect.Message, holds, open func(protoreflect.Message) bool) (found bool) {
	if holds(m) {
		return true
	}
	if !open(m) {
		return false
	}
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case fd.Kind() != protoreflect.MessageKind:
		case fd.IsList():
			for i := range v.List().Len() {
				found = found || within(v.List().Get(i).Message(), holds, open)
			}
		default:
			found = within(v.Message(), holds, open)
		}
		return !found
	})
	return found
}
