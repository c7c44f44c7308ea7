package rewrite

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/catalog"
)

// What a catalog is shown as says of each of its columns what it is, and the server
// reads, copies and plans all of that for a query of two of them. So a subquery offers
// what can be asked of it only, where the names in the text tell what that is.

// wantedColumns are the columns of a relation of the system that a text names, nil for
// all. name is what the relation is called there.
func (a *analysis) wantedColumns(rv *pg.RangeVar, r *catalog.Relation, name string) []string {
	if !a.deriving && (len(rv.Alias.GetColnames()) > 0 || a.namedJoins > 0 || a.takesWhole(rv, name)) {
		return nil
	}
	named := map[string]bool{}
	for _, t := range a.tokens {
		if name, ok := a.tokenName(t); ok {
			named[name] = true
		}
	}
	columns := []string{}
	for i := range r.Columns {
		if name := r.Columns[i].Name; named[name] || a.deriving && slices.Contains(trueTypeColumns, name) {
			columns = append(columns, name)
		}
	}
	return columns
}

// takesWhole reports that something in the text may stand for all columns of a relation,
// or for names that it does not spell.
func (a *analysis) takesWhole(rv *pg.RangeVar, name string) bool {
	from := a.tokenAt(rv.Location)
	if from < 0 || a.is(from-1, "table") {
		return true
	}
	called := 0
	for i, t := range a.tokens {
		switch {
		case t.kind == tokenUnicodeName, a.is(i, "natural"):
			return true
		case a.is(i, "*") && !(a.is(i-2, "count") && a.is(i-1, "(") && a.is(i+1, ")")):
			return true
		}
		if n, ok := a.tokenName(t); ok && n == name && !a.is(i+1, ".") {
			called++ // once in FROM; elsewhere it is a row
		}
	}
	return called != 1
}

// withColumns is a relation with some of its columns, or all if columns is nil.
func withColumns(r *catalog.Relation, columns []string) *catalog.Relation {
	if columns == nil {
		return r
	}
	some := *r
	some.Columns = slices.DeleteFunc(slices.Clone(r.Columns), func(c catalog.Column) bool { return !slices.Contains(columns, c.Name) })
	return &some
}

// withOutputs is the definition of a view without the outputs that are not among
// columns, "" where it is not a plain SELECT that has more than these.
func withOutputs(src *source, tree *pg.ParseResult, columns []string) string {
	s := tree.Stmts[0].Stmt.GetSelectStmt()
	if columns == nil || s == nil || s.Op != pg.SetOperation_SETOP_NONE || s.WithClause != nil || len(s.DistinctClause)+len(s.GroupClause)+len(s.SortClause)+
		len(s.WindowClause)+len(s.ValuesLists) > 0 || s.HavingClause != nil || s.LimitCount != nil || s.LimitOffset != nil {
		return ""
	}
	a := &analysis{source: src}
	end := 1
	for depth := 0; end < len(a.tokens) && (depth > 0 || !a.is(end, "from")); end++ {
		switch {
		case a.is(end, "("), a.is(end, "["):
			depth++
		case a.is(end, ")"), a.is(end, "]"):
			depth--
		}
	}
	commas := a.commas(0, end)
	if !a.is(0, "select") || end == len(a.tokens) || len(commas) != len(s.TargetList)-1 {
		return ""
	}
	out := []byte("SELECT ")
	begin, kept := 1, 0
	for i, n := range s.TargetList {
		stop := end
		if i < len(commas) {
			stop = commas[i]
		}
		name := n.GetResTarget().GetName()
		if fields := n.GetResTarget().GetVal().GetColumnRef().GetFields(); name == "" && len(fields) > 0 {
			name = fields[len(fields)-1].GetString_().GetSval()
		}
		if name == "" {
			return ""
		}
		if slices.Contains(columns, name) {
			if kept++; kept > 1 {
				out = append(out, ", "...)
			}
			out = append(out, a.text[a.tokens[begin].start:a.tokens[stop-1].end]...)
		}
		begin = stop + 1
	}
	if kept == len(s.TargetList) {
		return ""
	}
	return string(append(append(out, ' '), a.text[a.tokens[end].start:]...))
}
