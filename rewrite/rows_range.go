package rewrite

import (
	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/catalog"
	"pgseal/logical"
)

// Rows that an UPDATE or DELETE finds by ranges of sealed values (DELETE … WHERE
// expires_at < now()): the server is asked for what all rows have that its own conditions
// find, and gets, in the place of each range, a jsonb object that says of which of them it
// is true. See docs/decisions/0035-rows-are-changed-by-ranges.md.

// written is a statement that changes rows.
type written struct {
	where     *pg.Node
	into      *item
	only      bool // ONLY: not the rows of children
	with      *pg.WithClause
	others    bool // there are other relations that it finds them by
	statement bool // it is the whole statement
}

// whereInRows is the conditions of a statement that changes rows, with ranges that the
// session computes; the rows are those that the other conditions find. It is nil, and has
// done nothing, for conditions without any.
func (a *analysis) whereInRows(w written, sc *scope) *foundRow {
	if w.where == nil || !w.statement || w.with != nil || w.others || a.persistent || a.mode == Kept || w.into.relation == nil || !isTable(w.into.relation) || a.err != nil {
		return nil
	}
	row := &foundRow{into: w.into, only: w.only, rows: &rowConditions{}}
	all := conjuncts(nil, w.where)
	ranges := make([]*rowRange, len(all))
	for i, n := range all {
		if ranges[i] = a.rowRange(n, row, sc); ranges[i] != nil {
			row.rows.without = append(row.rows.without, term{ranges[i].start, ranges[i].end})
			row.ranges = append(row.ranges, n)
		}
	}
	for i, n := range all {
		if ranges[i] == nil && row.ranges != nil && (a.minds(n) || !a.isOwnCondition(n, w.into, sc)) {
			return nil
		}
	}
	first, last, ok := a.whereTokens()
	if !ok || row.ranges == nil {
		return nil
	}
	row.rows.from, row.rows.end = int(a.tokens[first].start), int(a.tokens[last].end)
	for i, n := range all {
		if ranges[i] == nil {
			a.condition(n, sc)
		} else {
			a.placeRange(ranges[i])
		}
	}
	return row
}

// rowRange is a condition with a range on rows that are changed.
type rowRange struct {
	formulaUse
	draft *formulaDraft
}

// rowRange reads a condition with a range, nil for any other.
func (a *analysis) rowRange(n *pg.Node, row *foundRow, sc *scope) *rowRange {
	d := &formulaDraft{computation: computation{first: len(a.tokens), last: -1}, row: row, scope: sc, decides: true}
	f := a.formula(n, d)
	if f == nil || !a.brackets(&d.computation) || !a.reads(n, &d.computation) {
		return nil
	}
	return a.rangeOf(f, d)
}

// rangeOf is a condition that has been read, nil for one without a range.
func (a *analysis) rangeOf(f *Formula, d *formulaDraft) *rowRange {
	if f.SealedColumn() == nil || f.TypeOf(f.givenType) != logical.OIDBool || !a.asksForRange(f, d) || !a.settleCalls(d) {
		return nil
	}
	sealed := f.SealedColumn()
	verdict := &catalog.SealedColumn{Schema: sealed.Schema, Table: sealed.Table, Name: sealed.Name, Type: logical.Type{OID: logical.OIDBool, Typmod: -1}}
	op := &Operand{Column: verdict, Role: Store, Site: Site{target: sealed.Name}, Formula: f, OfRows: true, Decides: true}
	columns, subqueries := subqueriesLast(f.columns(nil))
	if op.Subqueries = subqueries; len(columns) == 0 || subqueries > 0 && f.asked(nil) != nil {
		return nil
	}
	start, end := d.span(a)
	return &rowRange{formulaUse{start: start, end: end, row: d.row, columns: columns, operand: op}, d}
}

// inRowRanges has a value be computed only for rows that are in the ranges, and be NULL for
// others, which are not changed. It is nil where that cannot be.
func (a *analysis) inRowRanges(f *Formula, d *formulaDraft) *Formula {
	for _, n := range d.row.ranges {
		own := &formulaDraft{computation: d.computation, row: d.row, scope: d.scope, decides: true}
		own.literals = nil
		condition := a.formula(n, own)
		if condition == nil || !a.settleCalls(own) {
			return nil
		}
		d.params = append(d.params, own.params...)
		f = &Formula{Kind: Choice, ranged: true, Args: []*Formula{condition, f, {Kind: NullValue}}}
	}
	return f
}

// Changed is what a row that is changed gets: without the ranges that it is in.
func (f *Formula) Changed() *Formula {
	for f.ranged {
		f = f.Args[1]
	}
	return f
}

// placeRange puts the answer in the place of a condition, or of a key.
func (a *analysis) placeRange(r *rowRange) {
	u := &r.formulaUse
	f := u.operand.Formula
	for _, l := range r.draft.literals {
		a.steer(l)
	}
	a.takeParams(u.operand, r.draft.params)
	for i, c := range u.columns {
		c.Answer, c.Cell = a.asksForFormula(u.row.asksForRows(u.columns), u.operand, *u), i
	}
	f.number(u.columns)
	a.askSubqueries(u)
	a.putFormula(*u)
	for _, c := range u.columns {
		if c.Kind == ColumnValue {
			what := "for a condition"
			if u.operand.Ranks {
				what = "for " + a.within
			}
			a.note("open", c.Column, what, int32(u.start))
		}
	}
}

// isTable says whether rows of a relation can be locked, and are its own.
func isTable(r *catalog.Relation) bool {
	const table, partitioned = 'r', 'p'
	return r.Kind == table || r.Kind == partitioned
}
