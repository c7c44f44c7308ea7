package rewrite

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// A query that shows the rows of another one as they are (SELECT * FROM (SELECT DISTINCT …) q, WITH q AS
// (SELECT … GROUP BY …) SELECT * FROM q ORDER BY 1), as ORMs and tools write them around what they
// count and cut, is that one. So the groups of sealed values in it can be made by the session, which
// makes those of the statement's own query only.

// mayUnwrap says whether a statement may be such a query.
func mayUnwrap(s *pg.SelectStmt) bool {
	return s != nil && len(s.FromClause) == 1 && (s.FromClause[0].GetRangeSubselect() != nil || s.WithClause != nil)
}

// unwrapped plans a text that has been refused as the query that its statement is around.
func unwrapped(r Request, prepared func(string) (*Statement, []uint32)) (built, error) {
	r.unwraps = true
	return build(r, prepared)
}

// unwrap makes the query inside the statement, and gives the edits of what stands around it; flat is
// what becomes of that, nil if it does nothing but show the rows. ok is false for any other statement.
func (src *source) unwrap(tree *pg.ParseResult) (around []edit, flat *flattened, ok bool) {
	if len(tree.Stmts) != 1 {
		return nil, nil, false
	}
	s := tree.Stmts[0].Stmt.GetSelectStmt()
	if s == nil || s.Op != pg.SetOperation_SETOP_NONE || len(s.TargetList) == 0 || len(s.FromClause) != 1 || s.GroupClause != nil || s.HavingClause != nil ||
		s.DistinctClause != nil || s.WindowClause != nil || s.LockingClause != nil || s.IntoClause != nil || s.LimitOption == pg.LimitOption_LIMIT_OPTION_WITH_TIES {
		return nil, nil, false
	}
	a := &analysis{source: src}
	list := a.tokenAt(s.TargetList[0].GetResTarget().GetLocation())
	from := list
	for from >= 0 && from < len(a.tokens) && !a.isFrom(from) {
		from++
	}
	inner, name, open, end := a.inside(s, list, from)
	if inner == nil || len(inner.ValuesLists) > 0 || inner.WithClause != nil || inner.IntoClause != nil || len(inner.LockingClause) > 0 {
		return nil, nil, false
	}
	switch { // UNION shows what the first of its queries names
	case inner.Op == pg.SetOperation_SETOP_UNION && !inner.All && s.WhereClause == nil && showsInside(s, firstOf(inner), name) && !slices.ContainsFunc(s.SortClause, sortsQualified):
	case inner.Op != pg.SetOperation_SETOP_NONE || len(inner.GroupClause) == 0 && len(inner.DistinctClause) == 0:
		return nil, nil, false
	case s.WhereClause != nil || !showsInside(s, inner, name) || slices.ContainsFunc(s.SortClause, sortsQualified):
		flat = &flattened{inner: inner, name: name, src: a}
		if around, ok = flat.flatten(s, list, from, open, end); ok {
			tree.Stmts[0].Stmt.Node = &pg.Node_SelectStmt{SelectStmt: inner}
		}
		return around, flat, ok
	}
	cuts := s.LimitCount != nil || s.LimitOffset != nil
	if s.SortClause != nil || cuts {
		if selectsFirst(inner) || inner.SortClause != nil || inner.LimitCount != nil || inner.LimitOffset != nil || !slices.ContainsFunc([]string{"order", "limit", "offset", "fetch"}, func(word string) bool { return a.is(end, word) }) {
			return nil, nil, false
		}
		for _, n := range s.SortClause {
			if by := n.GetSortBy(); by.Node.GetAConst().GetIval() == nil && !shows(firstOf(inner), by.Node.GetColumnRef()) || by.SortbyDir == pg.SortByDir_SORTBY_USING {
				return nil, nil, false
			}
		}
		inner.SortClause, inner.LimitCount, inner.LimitOffset, inner.LimitOption = s.SortClause, s.LimitCount, s.LimitOffset, s.LimitOption
	} else if end < len(a.tokens) && !a.is(end, ";") {
		return nil, nil, false
	}
	tree.Stmts[0].Stmt.Node = &pg.Node_SelectStmt{SelectStmt: inner}
	closing := a.closing(open)
	return []edit{
		{start: int(a.tokens[0].start), end: int(a.tokens[open].end)},
		{start: int(a.tokens[closing].start), end: int(a.tokens[end-1].end)},
	}, nil, true
}

// sortsQualified says whether an item of ORDER BY is a name that has the query's in front.
func sortsQualified(n *pg.Node) bool {
	const qualified = 2
	return len(n.GetSortBy().GetNode().GetColumnRef().GetFields()) == qualified
}

// inside is the query that another one reads, nil for none that it could be: with its name, the
// token of the bracket that opens it, and the one behind the FROM clause.
func (a *analysis) inside(s *pg.SelectStmt, list, from int) (inner *pg.SelectStmt, name string, open, end int) {
	if list < 1 || from >= len(a.tokens) || !a.is(list-1, "select") {
		return nil, "", 0, 0
	}
	var alias *pg.Alias
	switch x := s.FromClause[0].GetNode().(type) {
	case *pg.Node_RangeSubselect:
		inner, alias, open = x.RangeSubselect.Subquery.GetSelectStmt(), x.RangeSubselect.Alias, from+1
		end = a.closing(open) + 1
		if list != 1 || s.WithClause != nil || x.RangeSubselect.Lateral || alias == nil {
			return nil, "", 0, 0
		}
	case *pg.Node_RangeVar:
		with := s.WithClause
		if with == nil || with.Recursive || len(with.Ctes) != 1 {
			return nil, "", 0, 0
		}
		cte := with.Ctes[0].GetCommonTableExpr()
		if len(cte.Aliascolnames) > 0 || cte.SearchClause != nil || cte.CycleClause != nil || x.RangeVar.Schemaname != "" || x.RangeVar.Relname != cte.Ctename || !x.RangeVar.Inh {
			return nil, "", 0, 0
		}
		inner, alias, name, end = cte.Ctequery.GetSelectStmt(), x.RangeVar.Alias, cte.Ctename, from+2
		for open < len(a.tokens) && !a.is(open, "(") {
			open++
		}
		if a.closing(open) != list-2 {
			return nil, "", 0, 0
		}
	default:
		return nil, "", 0, 0
	}
	if alias != nil {
		if name = alias.Aliasname; len(alias.Colnames) > 0 {
			return nil, "", 0, 0
		}
		if a.is(end, "as") {
			end++
		}
		end++
	}
	if end <= 0 || end > len(a.tokens) || !a.is(open, "(") || !a.is(open+1, "select") {
		return nil, "", 0, 0
	}
	return inner, name, open, end
}

// showsInside says whether a query shows all that the one of the name inside it gives, in its order.
func showsInside(s, inner *pg.SelectStmt, name string) bool {
	own := func(ref *pg.ColumnRef) bool {
		return ref != nil && (len(ref.Fields) == 1 || len(ref.Fields) == 2 && ref.Fields[0].GetString_().GetSval() == name)
	}
	if star := s.TargetList[0].GetResTarget().GetVal().GetColumnRef(); len(s.TargetList) == 1 && own(star) && star.Fields[len(star.Fields)-1].GetAStar() != nil {
		return true
	}
	if len(s.TargetList) != len(inner.TargetList) {
		return false
	}
	for i, n := range s.TargetList {
		ref := n.GetResTarget().GetVal().GetColumnRef()
		if !own(ref) || n.GetResTarget().Name != "" || outputName(inner.TargetList[i]) != ref.Fields[len(ref.Fields)-1].GetString_().GetSval() || !shows(inner, &pg.ColumnRef{Fields: ref.Fields[len(ref.Fields)-1:]}) {
			return false
		}
	}
	return true
}

// shows says whether a lone name is that of one output of a query.
func shows(s *pg.SelectStmt, ref *pg.ColumnRef) bool {
	if ref == nil || len(ref.Fields) != 1 || ref.Fields[0].GetString_() == nil {
		return false
	}
	found := 0
	for _, n := range s.TargetList {
		switch name := outputName(n); name {
		case "":
			return false
		case ref.Fields[0].GetString_().Sval:
			found++
		}
	}
	return found == 1
}

// outputName is the name of an output that has one, or is a column or a call; "" for any other.
func outputName(n *pg.Node) string {
	if name := n.GetResTarget().GetName(); name != "" {
		return name
	}
	val := n.GetResTarget().GetVal()
	if x := val.GetFuncCall(); x != nil {
		return last(names(x.Funcname))
	}
	ref := val.GetColumnRef()
	if ref == nil {
		return ""
	}
	return ref.Fields[len(ref.Fields)-1].GetString_().GetSval()
}
