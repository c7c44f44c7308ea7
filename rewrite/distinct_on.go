package rewrite

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// selectsFirst says whether a query has DISTINCT ON.
func selectsFirst(s *pg.SelectStmt) bool {
	return len(s.DistinctClause) > 0 && !plainDistinct(s)
}

// firstRows has the session leave the first of the rows that DISTINCT ON finds equal, if ORDER
// BY, which decides on that, sorts by what it computes: sc.firsts. It is false, and has done
// nothing, where the server does it.
func (a *analysis) firstRows(s *pg.SelectStmt, sc *scope, outputs []column) bool {
	count := len(s.DistinctClause)
	if !a.arrangesFirst(s, sc, outputs) || count > len(s.SortClause) {
		return false
	}
	computes := false
	for _, n := range s.SortClause {
		it := sorting{by: n.GetSortBy()}
		if a.in("ORDER BY", func() { a.sortItemOf(&it, s, sc, outputs, false) }); a.err != nil {
			return true
		}
		computes = computes || it.computed != nil && !it.byServer
	}
	if !computes {
		return false
	}
	matched := make([]bool, count)
	for _, n := range s.DistinctClause {
		k := slices.IndexFunc(s.SortClause[:count], func(by *pg.Node) bool {
			return a.isSame(a.sortedNode(n, s, outputs), a.sortedNode(by.GetSortBy().Node, s, outputs), sc)
		})
		if k < 0 || matched[k] || anywhere(n.ProtoReflect(), takesParameter) {
			return false
		}
		matched[k] = true
	}
	i := a.tokenAt(s.TargetList[0].GetResTarget().GetLocation()) - 1
	for depth := 0; i >= 0 && (depth > 0 || !a.is(i, "on")); i-- {
		switch {
		case a.is(i, ")"):
			depth++
		case a.is(i, "("):
			depth--
		}
	}
	end := a.closing(i + 1)
	if i < 1 || end < 0 || !a.is(i-1, "distinct") || !a.is(i+1, "(") {
		return false
	}
	a.edit(int(a.tokens[i-1].start), int(a.tokens[end].end), "", nil)
	sc.firsts = count
	return true
}

// arrangesFirst is arranges for a query with DISTINCT ON.
func (a *analysis) arrangesFirst(s *pg.SelectStmt, sc *scope, outputs []column) bool {
	return selectsFirst(s) && len(s.LockingClause) == 0 && a.arrangesRows(s, sc, outputs) && s.LimitOption != pg.LimitOption_LIMIT_OPTION_WITH_TIES
}

// sortedNode is the expression that an item of ORDER BY or DISTINCT ON stands for.
func (a *analysis) sortedNode(n *pg.Node, s *pg.SelectStmt, outputs []column) *pg.Node {
	if output, _, ok := a.sortedOutput(n, outputs); ok && output != nil {
		if target := targetOf(s.TargetList, outputs, output); target != nil {
			return target.Val
		}
	}
	return n
}

func takesParameter(m protoreflect.Message) bool {
	_, ok := m.Interface().(*pg.ParamRef)
	return ok
}
