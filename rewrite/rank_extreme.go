package rewrite

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/logical"
)

// A sealed column that is compared with the greatest or least of itself in groups (`(dept, pay) IN
// (SELECT dept, max(pay) FROM staff GROUP BY dept)`): the server gets ranks in the place of both, as
// it does to sort by them. They are equal where the values are, and the greatest value has the
// greatest rank, so that all else is the server's own. See docs/decisions/0040-ranks.md.

// rankTests puts ranks in the places of what is compared with such outputs of a subquery that is not
// analysed yet, and has them put there too. It says which of the tests these are.
func (a *analysis) rankTests(s *pg.SubLink, tests []*pg.Node, sc *scope) map[int]bool {
	q := s.Subselect.GetSelectStmt()
	_, analysed := a.sublinks[s]
	if analysed || !a.takesRanks() || !a.finds && sc.query != nil && a.groupsRows(sc.query, sc) || q == nil || q.Op != pg.SetOperation_SETOP_NONE || len(q.TargetList) != len(tests) || !ranksCompare(s, len(tests)) {
		return nil
	}
	var ranked map[int]bool
	for i, test := range tests {
		call := q.TargetList[i].GetResTarget().GetVal().GetFuncCall()
		if !a.isExtreme(call) {
			continue
		}
		r := a.rankedColumn(test, sc)
		if r == nil || a.err != nil {
			continue
		}
		if ranked == nil {
			ranked = map[int]bool{}
		}
		if a.extremes == nil {
			a.extremes = map[*pg.FuncCall]*rowRange{}
		}
		ranked[i], a.extremes[call] = true, r
		a.in("operator IN", func() { a.placeRange(r) })
	}
	return ranked
}

// ranksCompare says whether ranks are compared as values are: rows for equality only.
func ranksCompare(s *pg.SubLink, tests int) bool {
	operator := last(names(s.OperName))
	return len(s.OperName) < 2 && (operator == "" || operator == "=" || tests == 1 && slices.Contains([]string{"<>", "<", "<=", ">", ">="}, operator))
}

// isExtreme says whether a call is max or min of a column.
func (a *analysis) isExtreme(x *pg.FuncCall) bool {
	parts, known := names(x.GetFuncname()), a.snap.TextFunctions()
	of, ok := logical.AggregateNamed(last(parts))
	if x == nil || !ok || of != logical.Maximum && of != logical.Minimum || !ofPostgreSQL(parts) || len(x.Args) != 1 || x.Args[0].GetColumnRef() == nil ||
		x.AggOrder != nil || x.AggFilter != nil || x.AggWithinGroup || x.Over != nil || x.FuncVariadic {
		return false
	}
	if known == nil {
		a.fail(ErrNeedTextFunctions)
	}
	return known != nil && !known.IsOwn(last(parts))
}

// rankedColumn is a sealed column that has a greatest value and ranks; nil for anything else.
func (a *analysis) rankedColumn(n *pg.Node, sc *scope) *rowRange {
	into := a.decidedOf(n, sc, false)
	if n.GetColumnRef() == nil || into == nil || sc.groups(a.resolve(n.GetColumnRef(), sc).column) {
		return nil
	}
	row := &foundRow{into: into, reads: true, rows: &rowConditions{}}
	d := &formulaDraft{computation: computation{first: len(a.tokens), last: -1}, row: row, scope: sc, decides: true}
	f := a.formula(n, d)
	if f == nil || f.Kind != ColumnValue || !a.brackets(&d.computation) || !a.reads(n, &d.computation) || !row.names([]*Formula{f}) {
		return nil
	}
	columns := []*Formula{f}
	if f.Column.Type.IsEnum() && f.Column.Type != f.Column.Type.Shown() { // there is no max of a domain over an enum
		return nil
	}
	f = f.placed()
	if t := f.TypeOf(f.givenType); !logical.Sorts(t) || logical.Maximum.Result(t) == 0 {
		return nil
	}
	texts, ok := a.orderOf(f)
	if !ok {
		return nil
	}
	start, end := d.span(a)
	return &rowRange{formulaUse{start: start, end: end, row: row, columns: columns, operand: f.ranking(texts)}, d}
}

// rankedExtreme puts ranks in the place of what such an output is the greatest of. It is false for
// any other call.
func (a *analysis) rankedExtreme(x *pg.FuncCall, sc *scope) bool {
	of := a.extremes[x]
	if of == nil || a.err != nil {
		return false
	}
	sealed := of.columns[0].Column
	c := a.resolve(x.Args[0].GetColumnRef(), sc).column
	if c != nil && c.sealed != nil {
		sealed = c.sealed
	}
	if c == nil || c.sealed == nil || !slices.Contains(sc.items, c.origin.item) {
		a.fail(refuseUse(sealed, location(x.Args[0]), "function "+last(names(x.Funcname))))
		return true
	}
	saved := sc.grouped
	sc.grouped = nil // what it is the greatest of is the value of each row
	r := a.rankedColumn(x.Args[0], sc)
	sc.grouped = saved
	// Which is the greatest the column's own collation says.
	alike := r != nil && a.collation(r.operand.Formula) == a.collation(&Formula{Kind: FirstOf, Args: []*Formula{of.operand.Formula, r.operand.Formula}})
	if same := r != nil && sealed == of.columns[0].Column && r.row.into.relation == of.row.into.relation; r == nil || !same && !alike || !same && !a.rankTogether([]*rowRange{of, r}, false, rankOperators, location(x.Args[0])) {
		a.fail(refuseUse(sealed, location(x.Args[0]), "function "+last(names(x.Funcname))))
		return true
	}
	a.in("function "+last(names(x.Funcname)), func() { a.placeRange(r) })
	return true
}
