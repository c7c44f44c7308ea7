package rewrite

import (
	"strconv"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// UNION of sealed outputs that no terms can compare, as those of two columns: the server gets
// UNION ALL, and the session leaves out the rows that are there already, as for DISTINCT.

// unitesRows says whether the session may do so: the set operation is the statement, or one of
// those that make up the one that is.
func (a *analysis) unitesRows(s *pg.SelectStmt) bool {
	if s.Op != pg.SetOperation_SETOP_UNION || s.All || a.err != nil {
		return false
	}
	may := a.unionParts[s] || (a.isWhole(s) || a.isCounted(s)) && !a.persistent && a.mode != Kept && len(s.LockingClause) == 0 && onlyReads(s.WithClause)
	for _, side := range []*pg.SelectStmt{s.Larg, s.Rarg} {
		if may && unites(side) {
			if a.unionParts == nil {
				a.unionParts = map[*pg.SelectStmt]bool{}
			}
			a.unionParts[side] = true
		}
	}
	return may
}

// tellsTogether says whether the server can tell apart the rows of UNION, as far as sealed outputs go.
func (a *analysis) tellsTogether(s *pg.SelectStmt, left, right []column, sc *scope) bool {
	if a.unionsApart[s.Larg] || a.unionsApart[s.Rarg] {
		return false
	}
	for i := range min(len(left), len(right)) {
		switch l, r := &left[i], &right[i]; {
		case l.sealed == nil && r.sealed == nil:
		case l.sealed != r.sealed || l.shown != r.shown:
			return false
		case !l.united && (sameRows(left, right, i) || a.apart(s, left, right, i, sc)):
		case !groupsByTerms(s) || !hasEquality(l.sealed) || !identical(l.sealed) || l.shown.IsCast() || l.sealed.Assembled():
			return false
		}
	}
	return true
}

// uniteRows has the session tell the rows of UNION apart. It is false where it cannot.
func (a *analysis) uniteRows(s *pg.SelectStmt, sc *scope, outputs []column) bool {
	if a.unionsApart == nil {
		a.unionsApart = map[*pg.SelectStmt]bool{}
	}
	a.unionsApart[s] = true
	first, second := firstOf(s.Larg), firstOf(s.Rarg)
	left, right := a.queryWord(first), a.queryWord(second)
	if left < 0 || right < 0 || len(first.TargetList) == 0 || !a.sortsByOutputs(s) {
		return false
	}
	_, operator, from, _, ok := a.unitedSpan(left, right)
	if !ok {
		return false
	}
	a.edit(int(a.tokens[operator].start), int(a.tokens[from-1].end), "UNION ALL", nil)
	if a.unionParts[s] { // what is around it leaves out all
		return true
	}
	r, ok := a.unitedAround(s, outputs)
	if a.isCounted(s) {
		r, ok = a.unitedCount(s, len(outputs))
	}
	if !ok {
		return false
	}
	i := a.tokenAt(first.TargetList[0].GetResTarget().GetLocation())
	if i < 0 {
		return false
	}
	at := term{int(a.tokens[i].start), int(a.tokens[i].end)}
	var plain []string
	for i := range outputs {
		name := unitedColumn(i)
		if outputs[i].sealed == nil {
			plain = append(plain, name)
			continue
		}
		o := a.outputKey(&outputs[i], sc, at).byPlace()
		if o == nil || !a.tellsApart(o) {
			return false
		}
		r.plan.Distinct = append(r.plan.Distinct, r.hideKey(a, &sorting{computed: o, at: at, text: name}))
	}
	if plain != nil {
		r.plan.Distinct = append(r.plan.Distinct, r.hide(a, "pg_catalog.dense_rank() OVER (ORDER BY "+strings.Join(plain, ", ")+")", column{}, at.start))
	}
	return true
}

// unitedAround makes the query around a set operation that is the statement, in whose list hidden
// columns can stand.
func (a *analysis) unitedAround(s *pg.SelectStmt, outputs []column) (r *arranging, ok bool) {
	if a.arranged != nil && a.arranged.around != nil {
		return a.arranged, true
	}
	span, ok := a.unitedRowsSpan(s)
	if !ok {
		return nil, false
	}
	var list []string
	for i := range outputs {
		span.columns = append(span.columns, unitedColumn(i))
		list = append(list, span.columns[i]+" AS "+quoteName(outputs[i].name))
	}
	r = a.arrange(s)
	r.list, r.around = span.from, &span
	a.edits = append(a.edits, edit{start: span.from, end: span.from, text: "SELECT " + strings.Join(list, ", "), outer: true})
	return r, true
}

// unitedCount has the session count the rows of a set operation that the statement counts.
func (a *analysis) unitedCount(s *pg.SelectStmt, columns int) (r *arranging, ok bool) {
	whole := a.stmt.Stmt.GetSelectStmt()
	first := a.tokenAt(location(whole.TargetList[0]))
	from := a.closing(first+1) + 1
	for !a.isFrom(from) && from < len(a.tokens) { // AS "__count"
		from++
	}
	end := a.closing(from + 1)
	_, stop := a.statementTokens()
	if !onlyFound(whole) || whole.WithClause != nil || len(s.SortClause) > 0 || s.LimitCount != nil || s.LimitOffset != nil || !a.is(from+1, "(") || end < 0 || end+1 >= stop || s.WithClause != nil {
		return nil, false
	}
	names := make([]string, columns)
	for i := range names {
		names[i] = unitedColumn(i)
	}
	r = a.arrange(s)
	r.query, r.list, r.plan.Counts = whole, int(a.tokens[from].start), true
	a.edit(int(a.tokens[first].start), int(a.tokens[a.closing(first+1)].end), "NULL::pg_catalog.int8", nil)
	if whole.TargetList[0].GetResTarget().GetName() == "" {
		a.insert(int(a.tokens[a.closing(first+1)].end), " AS \"count\"")
	}
	a.edit(int(a.tokens[end+1].start), int(a.tokens[stop-1].end), "AS "+unitedRows+" ("+strings.Join(names, ", ")+")", nil)
	return r, true
}

// unitedColumn is the name that an output has in there, by its place from 0.
func unitedColumn(place int) string { return "pgseal_" + strconv.Itoa(place+1) }

// firstOf is the first of the queries that a set operation puts together.
func firstOf(s *pg.SelectStmt) *pg.SelectStmt {
	for s.Op != pg.SetOperation_SETOP_NONE {
		s = s.Larg
	}
	return s
}
