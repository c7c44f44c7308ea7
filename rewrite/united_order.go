package rewrite

import (
	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/catalog"
	"pgseal/logical"
)

// unitedQuery is a set operation whose rows the session sorts: the server gets a query around
// it, in whose list hidden columns can stand.
type unitedQuery struct {
	from, end int // where it stands, in bytes, without WITH and ORDER BY
	columns   []string
}

// sortsUnited sorts the rows of a set operation that is the statement by sealed outputs. It is
// false, and has done nothing, for others, and for an ORDER BY without such an output.
func (a *analysis) sortsUnited(s *pg.SelectStmt, sc *scope, outputs []column) bool {
	if s.Op == pg.SetOperation_SETOP_NONE || len(s.SortClause) == 0 || !a.isWhole(s) || a.persistent || a.mode == Kept || a.err != nil ||
		behindRest(outputs) || len(s.LockingClause) > 0 || s.LimitOption == pg.LimitOption_LIMIT_OPTION_WITH_TIES || !onlyReads(s.WithClause) {
		return false
	}
	items, last := make([]sorting, len(s.SortClause)), -1
	for i, n := range s.SortClause {
		it := &items[i]
		it.by = n.GetSortBy()
		output, at, ok := a.sortedOutput(it.by.Node, outputs)
		if it.at = at; !ok || output == nil || it.by.SortbyDir == pg.SortByDir_SORTBY_USING {
			return false
		}
		place := 0
		for &outputs[place] != output {
			place++
		}
		it.text = unitedColumn(place)
		if output.sealed == nil {
			continue
		}
		if it.computed = a.outputKey(output, sc, it.at).byPlace(); it.computed == nil || !logical.Sorts(it.computed.shown.Type.OID) {
			return false
		}
		last = i
	}
	if last < 0 {
		return false
	}
	for i := range items[:last+1] {
		if o := items[i].computed; o != nil && !a.knowsOrder(o.formula) {
			a.fail(refuseCollation(o.formula.SealedColumn(), location(items[i].by.Node)))
			return true
		}
	}
	r, ok := a.unitedAround(s, outputs)
	if !ok {
		return false
	}
	a.arrangeKeys(r, items[:last+1], 0, func(it *sorting) int { return r.hideKey(a, it) })
	return true
}

// hideKey adds the column of an output as a key.
func (r *arranging) hideKey(a *analysis, it *sorting) int {
	a.settleOutput(it.computed, "for "+a.within)
	before, behind := it.computed.formula.bytes()
	return r.hide(a, arrayStart+before+it.text+behind+arrayEnd, column{sealed: it.computed.shown, bare: true, formula: it.computed.formula, hidden: true}, it.at.start)
}

// outputKey is an output that is a column as a key to sort or to tell rows apart by; nil for one
// that cannot be one.
func (a *analysis) outputKey(c *column, sc *scope, at term) *draftedOutput {
	sealed := shownColumn(c)
	if sealed.Broken != "" || sealed.Holds() {
		return nil
	}
	i := a.tokenAt(int32(at.start))
	if i < 0 {
		return nil
	}
	f := &Formula{Kind: ColumnValue, Column: sealed, Name: c.name, at: at}
	shown := &catalog.SealedColumn{
		Schema: sealed.Schema, Table: sealed.Table, Name: sealed.Name,
		Type: logical.Type{OID: sealed.Type.Shown().OID, Typmod: sealed.Type.Shown().Typmod}, Cells: []*catalog.SealedColumn{sealed},
	}
	d := &formulaDraft{computation: computation{first: i, last: i}, scope: sc}
	return &draftedOutput{formulaDraft: d, formula: f, columns: []*Formula{f}, shown: shown, described: true}
}

// unitedRowsSpan finds where a set operation stands.
func (a *analysis) unitedRowsSpan(s *pg.SelectStmt) (span unitedQuery, ok bool) {
	left, right := a.queryWord(firstOf(s.Larg)), a.queryWord(firstOf(s.Rarg))
	if left < 0 || right < 0 {
		return span, false
	}
	start, _, from, _, ok := a.unitedSpan(left, right)
	if !ok {
		return span, false
	}
	end := a.queryEnd(from) // the right side may be an INTERSECT without brackets
	return unitedQuery{from: int(a.tokens[start].start), end: int(a.tokens[end-1].end)}, true
}
