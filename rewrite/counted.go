package rewrite

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// SELECT count(*) FROM (SELECT … WHERE length(name) = 3) q, as ORMs count the rows of a query:
// the server gives what the condition is computed of in each row, and the session counts.

// aroundRows is what stands in a statement around the rows of a query that it counts, in
// bytes.
type aroundRows struct {
	count  term // count(*)
	before term // FROM (SELECT a, b
	behind term // ) q
	named  bool
}

// countedRows says whether a query is one of which the statement wants to know only how many
// rows it has, and nothing but its conditions decides that.
func (a *analysis) countedRows(s *pg.SelectStmt, sc *scope) (around aroundRows, ok bool) {
	whole := a.stmt.Stmt.GetSelectStmt()
	if !a.isCounted(s) || !sc.shown || !a.computesOutputs(s) || !a.computesOutputs(whole) || !a.isFound(s, sc) || !onlyFound(whole) || s.WithClause != nil || len(s.TargetList) == 0 {
		return around, false
	}
	for _, n := range s.TargetList {
		if val := n.GetResTarget().GetVal(); val.GetColumnRef() == nil && val.GetAConst() == nil && a.outputDraft(val, sc) == nil || !a.namesColumns(val, sc) {
			return around, false // the server would find a mistake
		}
	}
	first := a.tokenAt(location(whole.TargetList[0]))
	end := a.closing(first + 1)
	from := end + 1
	for !a.isFrom(from) && from < len(a.tokens) { // AS "__count"
		from++
	}
	last, list := a.closing(from+1), a.listEnd(s)
	_, stop := a.statementTokens()
	if end < 0 || last < 0 || list < 0 || !a.is(first+1, "(") || !a.is(from+1, "(") || last+1 >= stop {
		return around, false
	}
	around = aroundRows{
		count:  term{int(a.tokens[first].start), int(a.tokens[end].end)},
		before: term{int(a.tokens[from].start), list},
		behind: term{int(a.tokens[last].start), int(a.tokens[stop-1].end)},
		named:  whole.TargetList[0].GetResTarget().GetName() != "",
	}
	within := func(start, end int) bool { return start >= around.before.start && end <= around.before.end }
	return around, !slices.ContainsFunc(a.uses, func(u use) bool { return within(u.start, u.end) }) && !slices.ContainsFunc(a.shown, func(e edit) bool { return within(e.start, e.end) })
}

// namesColumns says whether all names in an expression are those of columns that there are,
// once each.
func (a *analysis) namesColumns(n *pg.Node, sc *scope) bool {
	return !anywhere(n.ProtoReflect(), func(m protoreflect.Message) bool {
		ref, ok := m.Interface().(*pg.ColumnRef)
		if !ok {
			return false
		}
		if star, _ := isStar(ref); star {
			return len(ref.Fields) > 1
		}
		return len(ref.Fields) == 1 && len(sc.items) != 1 || a.resolve(ref, sc).column == nil
	})
}

// isFound says whether nothing but its conditions decides how many rows a query has, or its
// groups, if the session makes them.
func (a *analysis) isFound(s *pg.SelectStmt, sc *scope) bool {
	if sc.regroups != nil {
		return len(s.FromClause) > 0 && len(s.SortClause) == 0 && len(s.LockingClause) == 0 && s.LimitCount == nil && s.LimitOffset == nil
	}
	return onlyFound(s) && !a.aggregates(s, sc)
}

// onlyFound says whether all rows of a query come that its conditions find.
func onlyFound(s *pg.SelectStmt) bool {
	return len(s.FromClause) > 0 && len(s.GroupClause) == 0 && s.HavingClause == nil && len(s.SortClause) == 0 && len(s.LockingClause) == 0 && s.LimitCount == nil && s.LimitOffset == nil
}

// countRows makes the statement the query, whose rows the session counts.
func (a *analysis) countRows(s *pg.SelectStmt, around aroundRows) {
	r := a.arrange(s)
	r.query, r.plan.Counts = a.stmt.Stmt.GetSelectStmt(), true
	a.edits = slices.DeleteFunc(a.edits, func(e edit) bool { return e.start >= around.before.start && e.end <= around.before.end })
	a.edit(around.count.start, around.count.end, "NULL::pg_catalog.int8", nil)
	if !around.named {
		a.insert(around.count.end, " AS \"count\"")
	}
	a.edit(around.before.start, around.before.end, "", nil)
	a.edit(around.behind.start, around.behind.end, "", nil)
}
