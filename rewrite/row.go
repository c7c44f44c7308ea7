package rewrite

import (
	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/catalog"
)

// Whole rows with sealed columns: what the server can say of them without a value,
// and the columns that are taken out of them.

// rowTest lets IS [NOT] NULL of a row stand: each of its values is NULL exactly
// when its envelope is. It is false, and has done nothing, for all else.
func (a *analysis) rowTest(n *pg.Node, sc *scope) bool {
	for _, n := range n.GetRowExpr().GetArgs() {
		if a.peek(n, sc) != nil || a.rowTest(n, sc) {
			a.nullTest(&pg.NullTest{Arg: n}, sc)
		} else {
			a.plain(n, sc)
		}
	}
	row := a.rowOf(n, sc)
	if row != nil {
		for i := range row.columns {
			if c := &row.columns[i]; c.formula != nil { // of NULL, too, the server has something
				a.fail(refuseUse(c.sealed, location(n), a.within))
			}
		}
	}
	return n.GetRowExpr() != nil || row != nil
}

// field is the column that (row).column stands for, and where that is written; nil
// for all else.
func (a *analysis) field(x *pg.A_Indirection, sc *scope) (c *column, of term) {
	row := a.rowOf(x.Arg, sc)
	if row == nil || len(x.Indirection) != 1 || x.Indirection[0].GetString_() == nil {
		return nil, term{}
	}
	c = row.column(x.Indirection[0].GetString_().Sval)
	_, end, ok := a.referenceSpan(x.Arg.GetColumnRef())
	if c == nil || !ok {
		return nil, term{}
	}
	i, k := a.tokenAt(location(x.Arg)), 0
	for int(a.tokens[k].start) < end { // behind the row
		k++
	}
	for a.is(i-1, "(") && a.is(k, ")") {
		i, k = i-1, k+1
	}
	if !a.is(k, ".") || k+1 >= len(a.tokens) {
		return nil, term{}
	}
	a.meet(c)
	return c, term{int(a.tokens[i].start), int(a.tokens[k+1].end)}
}

// expandedRow is the item of whose row (row).* gives the columns, nil for all else.
func (a *analysis) expandedRow(n *pg.Node, sc *scope) *item {
	x := n.GetAIndirection()
	if x == nil || len(x.Indirection) != 1 || x.Indirection[0].GetAStar() == nil {
		return nil
	}
	return a.rowOf(x.Arg, sc)
}

// rowOutput is an output that is a whole row.
func (a *analysis) rowOutput(ref *pg.ColumnRef, row *item, sc *scope) column {
	of := row.sealed()
	c := &catalog.SealedColumn{Schema: of.Schema, Table: of.Table, Name: of.Name}
	for i := range row.columns {
		in := &row.columns[i]
		shown := shownColumn(in)
		if row.open || in.rest || in.text || sc.groups(in) || shown != nil && shown.Broken != "" {
			shown = c // cannot be shown
		}
		c.Record = append(c.Record, shown)
	}
	return column{sealed: c, bare: true, whole: &wholeRow{ref, row, sc}}
}

// rowOfValues is an output that ROW(…) makes of sealed values, among others; nil, with
// nothing done, for one without.
func (a *analysis) rowOfValues(row *pg.RowExpr, sc *scope) *catalog.SealedColumn {
	values := make([]*sealedExpr, len(row.Args))
	var of *catalog.SealedColumn
	for i, n := range row.Args {
		if ref := n.GetColumnRef(); ref != nil {
			if star, _ := isStar(ref); star { // all its columns
				return nil
			}
		}
		e := a.peek(n, sc)
		if e == nil {
			continue
		}
		if e.column.Assembled() || e.grouped {
			return nil
		}
		values[i], of = e, e.column
	}
	if of == nil {
		return nil
	}
	c := &catalog.SealedColumn{Schema: of.Schema, Table: of.Table, Name: of.Name}
	for i, n := range row.Args {
		var shown *catalog.SealedColumn
		if e := values[i]; e != nil {
			a.settle(e, a.shownAs(e))
			if shown = a.castWithin(e); shown != nil {
				a.note("open", shown, "in a row", e.at)
				a.carry(shown)
			}
		} else {
			a.plain(n, sc)
		}
		c.Record = append(c.Record, shown)
	}
	return c
}

// showsRow refuses a row that would be shown and cannot be.
func (a *analysis) showsRow(c *catalog.SealedColumn, name string) {
	for _, in := range c.Record {
		if in != nil && in.Assembled() {
			a.fail(refuseRow(c, -1, name))
			return
		}
	}
}
