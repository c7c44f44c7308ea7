package rewrite

import (
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/catalog"
	"pgseal/logical"
)

// Arrangement is what the session does with the rows of a query that are filtered and
// sorted by what it computes of sealed values: WHERE, HAVING, ORDER BY, and LIMIT and OFFSET,
// which count the rows that are left. The server gives all rows, with what this needs in columns
// behind those that the client gets. See docs/decisions/0034-rows-are-sorted.md.
type Arrangement struct {
	// Hidden is how many columns of the server's, the last ones, the client does not get.
	Hidden int
	// Conditions are those of them, from 0, that are true for rows that stay: of WHERE or
	// HAVING.
	Conditions []int
	// Groups are those that tell groups of rows apart, values and ranks of what is plain; nil if
	// the session makes no groups. Each is one row from then on: its first, in which aggregates
	// have what all of them have (Formula.Collected). Having are conditions on them.
	Groups, Having []int
	// Distinct are those that tell rows apart, of which the first ones stay: values, and ranks of
	// what is plain.
	Distinct []int
	Keys     []SortKey // the first decides; rows that are equal stay as the server sorts them
	// First, if not 0, is how many of Keys tell rows apart of which the first one is shown.
	First int
	// Behind are conditions on what windows give, true for rows that stay.
	Behind []int
	// Windows: window functions are computed of all rows that stay. InWindowOrder: nothing says in
	// which order they are shown, so that it is the one of the last of them.
	Windows, InWindowOrder bool
	// Counts: the client gets the number of the rows, and none of them.
	Counts bool
	// Limit and Offset are NULL where there is none.
	Limit, Offset RowCount
	// Total, of a cursor, is how many rows the server has for it.
	Total RowCount
}

// SortKey is by what rows are sorted.
type SortKey struct {
	Hidden     int  // the column, from 0, of those that are hidden
	Ranks      bool // it is an int8, by which the server has sorted, and none of the formulas
	Descending bool
	NullsFirst bool
	Order      *logical.TextOrder // of texts
}

// RowCount is a number of rows.
type RowCount struct {
	Known  bool  // there is one
	Count  int64 // if it is a literal
	Hidden int   // the column, from 0, that has it in each row, an int8 or NULL; -1 for Count
}

// Keyed says whether a hidden column is a key that the session compares.
func (r *Arrangement) Keyed(hidden int) bool {
	return r != nil && slices.ContainsFunc(r.Keys, func(k SortKey) bool { return k.Hidden == hidden && !k.Ranks })
}

// Filters says whether a hidden column is a condition on rows or groups.
func (r *Arrangement) Filters(hidden int) bool {
	return r != nil && (slices.Contains(r.Conditions, hidden) || slices.Contains(r.Having, hidden) || slices.Contains(r.Behind, hidden))
}

// arranging is an Arrangement in the making.
type arranging struct {
	plan  Arrangement
	query *pg.SelectStmt
	list  int // where the columns go: behind the SELECT list
	// around, if not nil, is a set operation that is the FROM of a query then.
	around *unitedQuery
	extra  []column              // the hidden ones
	by     *catalog.SealedColumn // one that is computed with, if none of them is
}

// arranges says whether the rows of a query can be filtered and sorted by the session: it
// is the statement, or what EXPLAIN shows the plan of, or that of a cursor which goes forward,
// and its columns are all known.
func (a *analysis) arranges(s *pg.SelectStmt, sc *scope, outputs []column) bool {
	return !selectsFirst(s) && len(s.LockingClause) == 0 && a.arrangesRows(s, sc, outputs)
}

// arrangesRows is arranges but for DISTINCT ON and FOR UPDATE, which decide on rows.
func (a *analysis) arrangesRows(s *pg.SelectStmt, sc *scope, outputs []column) bool {
	return a.isWhole(s) && sc.shown && !behindRest(outputs) && a.listEnd(s) >= 0
}

// arrangesLocked is arranges for a query that locks its rows: it sorts all that it locks. A
// cursor's rows are counted, which they cannot be then.
func (a *analysis) arrangesLocked(s *pg.SelectStmt, sc *scope, outputs []column) bool {
	return len(s.LockingClause) > 0 && a.stmt.Stmt.GetDeclareCursorStmt() == nil && s.LimitCount == nil && s.LimitOffset == nil && !selectsFirst(s) && a.arrangesRows(s, sc, outputs)
}

// isWhole says whether a query is the whole of a statement, or of a cursor.
func (a *analysis) isWhole(s *pg.SelectStmt) bool {
	n := a.stmt.Stmt
	if x := n.GetExplainStmt(); x != nil {
		n = x.Query
	}
	if x := n.GetDeclareCursorStmt(); x != nil && x.Options&cursorScroll == 0 {
		n = x.Query
	}
	return n.GetSelectStmt() == s
}

// arrange is the Arrangement of a query.
func (a *analysis) arrange(s *pg.SelectStmt) *arranging {
	if a.arranged == nil {
		none := RowCount{Hidden: -1}
		list := a.listEnd(s)
		if a.flat != nil && a.flat.list > 0 {
			list = a.flat.list
		}
		a.arranged = &arranging{query: s, list: list, plan: Arrangement{Limit: none, Offset: none, Total: none}}
	}
	return a.arranged
}

// finish adds what only cursors have: by the number of rows the session finds out whether a
// function of the server's has moved the cursor. It ends the query around a set operation.
func (r *arranging) finish(a *analysis) {
	if a.stmt.Stmt.GetDeclareCursorStmt() != nil {
		r.plan.Total = RowCount{Known: true, Hidden: r.hide(a, "pg_catalog.count(*) OVER ()", column{}, r.list)}
	}
	if u := r.around; u != nil {
		a.edits = append(a.edits, edit{start: u.from, end: u.from, text: " FROM (", outer: true})
		a.edits = append(a.edits, edit{start: u.end, end: u.end, closes: true, text: ") AS " + unitedRows + " (" + strings.Join(u.columns, ", ") + ")"})
	}
}

// finished is the Arrangement that has been made.
func (r *arranging) finished() *Arrangement {
	r.plan.Hidden = len(r.extra)
	plan := r.plan // a plan that is kept would keep all of r
	return &plan
}

// listEnd is where the FROM behind the SELECT list of the statement begins, -1 if it is
// not found.
func (a *analysis) listEnd(s *pg.SelectStmt) int {
	if len(s.TargetList) == 0 || len(s.FromClause) == 0 {
		return -1
	}
	i, depth := a.tokenAt(s.TargetList[0].GetResTarget().GetLocation()), 0
	for ; i >= 0 && i < len(a.tokens); i++ {
		switch {
		case a.is(i, "("), a.is(i, "["):
			depth++
		case a.is(i, ")"), a.is(i, "]"):
			depth--
		case depth == 0 && a.isFrom(i):
			return int(a.tokens[i].start)
		}
	}
	return -1
}

// isFrom says whether a token outside of brackets is the FROM of a query, and neither of IS
// DISTINCT FROM nor a name.
func (a *analysis) isFrom(i int) bool {
	return a.is(i, "from") && !a.is(i-1, "distinct") && !a.is(i-1, ".") && !a.is(i-1, "as")
}

// hide adds a column, which stands for what begins at an offset of the text.
func (r *arranging) hide(a *analysis, text string, c column, from int) int {
	a.edits = append(a.edits, edit{start: r.list, end: r.list, text: ", " + text + " ", moved: from + 1, outer: r.around != nil})
	r.extra = append(r.extra, c)
	return len(r.extra) - 1
}

// hideOutput adds what the session computes a condition or a key of. It is -1, and has
// failed, where the text cannot stand elsewhere.
func (r *arranging) hideOutput(a *analysis, o *draftedOutput) int {
	if len(o.columns) == 0 { // a constant
		a.fail(refuseUse(o.formula.SealedColumn(), int32(a.tokens[o.first].start), a.within))
		return -1
	}
	a.settleOutput(o, "for "+a.within)
	text, ok := a.arrayText(o)
	if !ok {
		return -1
	}
	return r.hide(a, text, column{sealed: o.shown, bare: true, formula: o.formula, hidden: true}, o.columns[0].at.start)
}

// arrayText is what the server gives for an output that is computed, wherever that stands.
// It has failed where something in it means another thing elsewhere.
func (a *analysis) arrayText(o *draftedOutput) (string, bool) {
	edits, formulas := len(a.edits), len(a.formulas)
	a.aggregated(o.formulaDraft, o.scope)
	same := len(a.edits) == edits && len(a.formulas) == formulas
	var text strings.Builder
	text.WriteString(arrayStart)
	for i, of := range o.columns {
		if i > 0 {
			text.WriteString(", ")
		}
		for _, p := range of.parts() {
			same = same && a.movable(p.at, p.served || p.within)
			text.WriteString(p.before)
			if p.within {
				text.WriteString(a.copyOf(p.at))
			} else {
				text.Write(a.text[p.at.start:p.at.end])
			}
			text.WriteString(p.behind)
		}
	}
	text.WriteString(arrayEnd)
	if !same {
		a.fail(refuseUse(o.formula.SealedColumn(), int32(o.columns[0].at.start), a.within))
	}
	return text.String(), same
}

// checkPlaces refuses ORDER BY and GROUP BY the place of an output that there is none at,
// which would be that of a hidden one.
func (a *analysis) checkPlaces(s *pg.SelectStmt, outputs int) {
	if a.err != nil {
		return
	}
	places := slices.Concat(s.SortClause, s.GroupClause)
	if a.flat != nil { // whose GROUP BY names other outputs
		places = s.SortClause
	}
	for _, n := range places {
		if by := n.GetSortBy(); by != nil {
			n = by.Node
		}
		if c := n.GetAConst(); int(c.GetIval().GetIval()) > outputs {
			a.fail(refuseUse(a.arrangedBy(), c.Location, "ORDER BY"))
		}
	}
}

// movable says whether a piece of the text means the same elsewhere in it; with parameters only
// if it is served, and has those that stand nowhere else. The plan depends on its literals from
// then on.
func (a *analysis) movable(at term, served bool) bool {
	for _, t := range a.tokens {
		switch {
		case int(t.start) < at.start || int(t.end) > at.end:
		case t.kind == tokenParameter && !served:
			return false
		case t.kind.isLiteral():
			a.steer(t.start)
		}
	}
	return true
}

// arrangedBy is a sealed column that the rows are sorted or filtered by.
func (a *analysis) arrangedBy() *catalog.SealedColumn {
	extra := a.arranged.extra
	if a.arranged.by != nil {
		return a.arranged.by
	}
	return extra[slices.IndexFunc(extra, func(c column) bool { return c.sealed != nil })].sealed
}
