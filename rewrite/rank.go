package rewrite

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/reflect/protoreflect"

	"pgseal/catalog"
	"pgseal/logical"
)

// Rows that the server has to sort by sealed values, since the client does not get them
// (`id IN (SELECT id FROM users ORDER BY age LIMIT 5)`, `array_agg(id ORDER BY name)`): the
// server is asked for what the rows of the relation have, and gets in the place of the key a
// jsonb object with the rank of each. See docs/decisions/0040-ranks.md.

// ranked has the server sort a query by ranks. It is false, and has done nothing, for an item
// of ORDER BY that it cannot sort so.
func (a *analysis) ranked(by *pg.SortBy, s *pg.SelectStmt, sc *scope, outputs []column) bool {
	if s.Op != pg.SetOperation_SETOP_NONE || plainDistinct(s) || sc.query != s || !a.takesRanks() {
		return false
	}
	// The first ones have to be what DISTINCT ON has; those behind them decide which row is the first.
	if i := slices.IndexFunc(s.SortClause, func(n *pg.Node) bool { return n.GetSortBy() == by }); i < len(s.DistinctClause) {
		return false
	}
	output, at, ok := a.sortedOutput(by.Node, outputs)
	if !ok {
		return false
	}
	n := by.Node
	if output != nil {
		if target := targetOf(s.TargetList, outputs, output); target != nil {
			n = target.Val
		} else if n.GetColumnRef() == nil || !a.isInput(n.GetColumnRef(), output, sc) { // the place of a column that a star stands for
			return false
		}
	}
	return a.rank(by, n, at, sc, true)
}

// isInput says whether a name stands for the same column in FROM as in the outputs, of which it is
// one that a star stands for: where several relations have it, the star can be another one's.
func (a *analysis) isInput(ref *pg.ColumnRef, output *column, sc *scope) bool {
	c := a.resolve(ref, sc).column
	return c != nil && c.origin == output.origin && !isAmbiguous(ref, sc)
}

// takesRanks says whether the server can be asked in front of the statement.
func (a *analysis) takesRanks() bool {
	return a.err == nil && !a.persistent && a.mode != Kept && a.takesVerdicts()
}

// rankKeys are what an aggregate or a window sorts by, and what of it can be ranks. rows: they
// are those of a window.
func (a *analysis) rankKeys(keys []*pg.Node, sc *scope, rows bool) {
	for _, n := range keys {
		by := n.GetSortBy()
		if n = by.GetNode(); !a.sortKey(n, sc) && !a.rank(by, n, term{}, sc, rows) {
			a.plain(n, sc)
		}
	}
}

// countsInValues says whether there is a window in a query whose frame does (RANGE 5 PRECEDING).
func countsInValues(s *pg.SelectStmt) bool {
	return anywhere(s.ProtoReflect(), func(m protoreflect.Message) bool {
		w, ok := m.Interface().(*pg.WindowDef)
		return ok && w.FrameOptions&(frameRows|frameGroups) == 0 && w.FrameOptions&frameOffsets != 0
	})
}

// groupsRows says whether a query sorts groups, or what may be some.
func (a *analysis) groupsRows(s *pg.SelectStmt, sc *scope) bool {
	known := a.snap.TextFunctions()
	if known == nil {
		a.fail(ErrNeedTextFunctions)
		return true
	}
	return s.GroupClause != nil || s.HavingClause != nil || slices.ContainsFunc(slices.Concat(s.TargetList, s.SortClause), func(n *pg.Node) bool {
		return outsideSubqueries(n.ProtoReflect(), func(m protoreflect.Message) bool {
			switch x := m.Interface().(type) {
			case *pg.FuncCall:
				return x.Over == nil && mayAggregate(x, known)
			case *pg.SubLink:
				return !a.hasOwnAggregates(x, sc, known)
			}
			return false
		})
	})
}

// rank puts the rank of an expression of one relation's sealed columns in the place of a key; at
// is where that stands, if it is not the expression. rows: it is a key of rows only, not of groups.
func (a *analysis) rank(by *pg.SortBy, n *pg.Node, at term, sc *scope, rows bool) bool {
	if by.SortbyDir == pg.SortByDir_SORTBY_USING || !a.takesRanks() {
		return false
	}
	into := a.decidedOf(n, sc, true)
	if into == nil || rows && a.groupsRows(sc.query, sc) {
		return a.err != nil
	}
	row := &foundRow{into: into, reads: true, rows: &rowConditions{}}
	d := &formulaDraft{computation: computation{first: len(a.tokens), last: -1}, row: row, scope: sc, decides: true}
	f := a.formula(n, d)
	if f == nil || f.SealedColumn() == nil || !a.brackets(&d.computation) || !a.reads(n, &d.computation) {
		return false
	}
	if f = f.placed(); !logical.Sorts(f.TypeOf(f.givenType)) {
		return false
	}
	columns := f.columns(nil)
	if !row.names(columns) || a.joinsOuter() && slices.ContainsFunc(columns, func(c *Formula) bool { return c.sql != "" }) {
		return false
	}
	texts, ok := a.orderOf(f)
	if !ok {
		a.fail(refuseCollation(f.SealedColumn(), location(by.Node)))
		return true
	}
	if !a.settleCalls(d) {
		return a.err != nil
	}
	if q := sc.query; q != nil && slices.Contains(sc.items, into) {
		a.narrow(row, conjuncts(nil, q.WhereClause), nil, sc)
	}
	if at.end == 0 {
		at.start, at.end = d.span(a)
	}
	a.placeRange(&rowRange{formulaUse{start: at.start, end: at.end, row: row, columns: columns, operand: f.ranking(texts)}, d})
	return true
}

// ranking is the ranks of rows by what a formula gives of them.
func (f *Formula) ranking(texts *logical.TextOrder) *Operand {
	sealed := f.SealedColumn()
	key := &catalog.SealedColumn{Schema: sealed.Schema, Table: sealed.Table, Name: sealed.Name, Type: logical.Type{OID: f.TypeOf(f.givenType), Typmod: -1}}
	return &Operand{Column: key, Role: Store, Site: Site{target: sealed.Name}, Formula: f, OfRows: true, Ranks: true, Texts: texts, Absent: true}
}
