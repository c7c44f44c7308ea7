package rewrite

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/reflect/protoreflect"

	"pgseal/logical"
)

// INSERT INTO archive SELECT … FROM orders: an envelope opens only as a value of its own
// column, so that values of others are sealed anew. The server is asked in front of the
// statement for what the rows have, and gets a jsonb object with the new envelopes by the old
// ones. See docs/decisions/0038-values-of-other-columns.md.

// oidTid and oidXid are the types of what tells versions of rows apart.
const (
	oidTid = 27
	oidXid = 28
)

// versionKeys tell the versions of a table's rows apart: of plain columns equal values would
// get the same envelope.
func versionKeys() []*Formula {
	of := func(name string, oid uint32) *Formula {
		return &Formula{Kind: PlainValue, Name: name, Type: logical.Type{OID: oid, Typmod: -1}}
	}
	return []*Formula{of("tableoid", logical.OIDOid), of("ctid", oidTid), of("xmin", oidXid)}
}

// copying is where values of other columns can be sealed anew: the rows of a query that an
// INSERT stores, or those that an UPDATE has beside its own.
type copying struct {
	where *pg.Node // the conditions by which they are found
	// limited: not all of the rows that they find may be stored.
	limited bool
}

// copies is what an INSERT stores of a query, nil where rows would be told apart by it.
func (a *analysis) copies(s *pg.InsertStmt, q *pg.SelectStmt) *copying {
	if a.explained().GetInsertStmt() != s || a.persistent || a.mode == Kept || !isPlainQuery(q) {
		return nil
	}
	return &copying{q.WhereClause, q.LimitCount != nil || q.LimitOffset != nil}
}

// copiesFrom is what an UPDATE stores of other relations, nil if there are none.
func (a *analysis) copiesFrom(s *pg.UpdateStmt) *copying {
	if a.explained().GetUpdateStmt() != s || a.persistent || a.mode == Kept || len(s.FromClause) == 0 {
		return nil
	}
	return &copying{s.WhereClause, true}
}

// copiesMerged is what a MERGE stores of its source.
func (a *analysis) copiesMerged(s *pg.MergeStmt) *copying {
	if a.explained().GetMergeStmt() != s || a.persistent || a.mode == Kept {
		return nil
	}
	return &copying{nil, true} // it inserts rows that its condition does not find
}

// storeSelected stores a column of another table that a subquery gives (SET city = (SELECT city FROM
// firms f WHERE f.id = people.firm)). It is false, and has done nothing, for any other expression.
func (a *analysis) storeSelected(n *pg.Node, to target, sc *scope) bool {
	s := n.GetSubLink()
	q := s.GetSubselect().GetSelectStmt()
	if s.GetSubLinkType() != pg.SubLinkType_EXPR_SUBLINK || a.explained().GetUpdateStmt() == nil || a.persistent || a.mode == Kept ||
		!isPlainQuery(q) || len(q.FromClause) != 1 || len(q.TargetList) != 1 {
		return false
	}
	from, ref := q.FromClause[0].GetRangeVar(), q.TargetList[0].GetResTarget().GetVal().GetColumnRef()
	if from == nil || ref == nil || from.Schemaname == "" && sc.ctes.find(from.Relname) != nil {
		return false
	}
	of := a.relation(from.Schemaname, from.Relname).relation
	if of == nil {
		return false
	}
	if c := of.Column(last(names(ref.Fields))); c == nil || c.Sealed == to.sealed {
		return false
	}
	defer func(saved *copying) { a.copying = saved }(a.copying)
	a.copying = &copying{q.WhereClause, true}
	a.selectStmt(q, &scope{outer: sc, ctes: sc.ctes}, []target{to})
	return true
}

// isPlainQuery says whether a query gives rows of its relations as they are.
func isPlainQuery(q *pg.SelectStmt) bool {
	return q.GetOp() == pg.SetOperation_SETOP_NONE && len(q.GetValuesLists()) == 0 && len(q.GetDistinctClause()) == 0 && len(q.GetGroupClause()) == 0 && q.GetHavingClause() == nil
}

// explained is the statement, or the one that EXPLAIN shows.
func (a *analysis) explained() *pg.Node {
	if x := a.stmt.Stmt.GetExplainStmt(); x != nil {
		return x.Query
	}
	return a.stmt.Stmt
}

// copiedRow is a relation whose rows are copied; exact: just those that are asked for.
func (a *analysis) copiedRow(into *item, sc *scope) (row *foundRow, exact bool) {
	if into == nil || into.relation == nil || into.open || !slices.Contains(sc.items, into) || qualifiedItem([]string{into.name}, sc) != into {
		return nil, false
	}
	row = &foundRow{into: into, reads: true, rows: &rowConditions{}}
	var all []*pg.Node
	if a.copying.where != nil {
		all = conjuncts(nil, a.copying.where)
	}
	a.narrow(row, all, nil, sc)
	return row, len(row.rows.narrow) == len(all) && len(sc.items) == 1 && !a.copying.limited
}

// storeCopied stores what is computed of the sealed columns of one relation, or one of them, in
// another column. It is false, and has done nothing, for any other expression.
func (a *analysis) storeCopied(n *pg.Node, to target, sc *scope) bool {
	if a.copying == nil || a.err != nil {
		return false
	}
	if u := a.copiedInside(n, to, sc); u != nil {
		first, end, ok := a.tokensOf(n)
		if !ok {
			return false
		}
		u.start, u.end = int(a.tokens[first].start), int(a.tokens[end].end)
		u.operand.Site = a.storing(n, to.name)
		a.placeCopied(*u, nil)
		return true
	}
	into := a.decidedOf(n, sc, false)
	if into == nil {
		into = a.plainItem(n, sc)
	}
	row, exact := a.copiedRow(into, sc)
	if row == nil {
		return false
	}
	d := &formulaDraft{computation: computation{first: len(a.tokens), last: -1}, row: row, scope: sc}
	f := a.formula(n, d)
	if f == nil || !a.brackets(&d.computation) || !a.reads(n, &d.computation) {
		return false
	}
	if c := n.GetColumnRef(); c != nil && f.Kind == PlainValue {
		f.Type = a.resolve(c, sc).column.plainType() // with its length
	}
	columns := f.columns(nil)
	if len(columns) == 0 || !row.names(columns) || slices.ContainsFunc(columns, func(c *Formula) bool { return c.sql != "" }) || !exact && !f.fits(to) {
		return false
	}
	if !a.settleCalls(d) {
		return a.err != nil
	}
	op := &Operand{Column: to.sealed, Role: Store, Site: a.storing(n, to.name), Formula: f, OfRows: true, Absent: true}
	start, end := d.span(a)
	a.placeCopied(formulaUse{start: start, end: end, row: row, columns: columns, operand: op}, d.params)
	return true
}

// findsBy notes by which conditions the rows of the items of a query are found.
func (sc *scope) findsBy(where *pg.Node) {
	for _, it := range sc.items {
		if it.relation != nil {
			if it.scope = sc; where != nil {
				it.where = conjuncts(nil, where)
			}
		}
	}
}

// copiedInside is a sealed column that a query in FROM or WITH gives as it is (WITH moved AS
// (DELETE FROM orders … RETURNING *) INSERT INTO archive SELECT * FROM moved): the rows are those
// of the relation inside, found by the conditions there. It is nil for any other.
func (a *analysis) copiedInside(n *pg.Node, to target, sc *scope) *formulaUse {
	ref := n.GetColumnRef()
	if ref == nil {
		return nil
	}
	c := a.resolve(ref, sc).column
	i := slices.IndexFunc(sc.items, func(it *item) bool { return c != nil && it.column(c.name) == c })
	if i < 0 {
		return nil
	}
	return a.copiedColumnInside(c, sc.items[i], to)
}

func (a *analysis) copiedColumnInside(c *column, it *item, to target) *formulaUse {
	inside := c.returned
	if inside == nil && c.origin.item != nil {
		inside = c.origin.item.of
	}
	if inside == nil || it.relation != nil || it.name == "" || !it.byName || c.sealed == nil || c.shown != nil || c.formula != nil || c.constants != nil {
		return nil
	}
	row, f := &foundRow{into: inside, reads: true, rows: &rowConditions{}}, &Formula{Kind: ColumnValue, Column: c.sealed}
	if row.into.scope == nil || row.into.relation == nil || row.into.open || c.sealed.Broken != "" || c.sealed.Assembled() || !row.has(c.sealed) || !f.fits(to) {
		return nil
	}
	a.narrow(row, row.into.where, nil, row.into.scope)
	op := &Operand{Column: to.sealed, Role: Store, Site: Site{target: to.name}, Formula: f, OfRows: true, Absent: true}
	return &formulaUse{row: row, columns: []*Formula{f}, operand: op, cell: quoteName(it.name) + "." + quoteName(c.name)}
}

// plainItem is the table of which an expression has columns, none of them sealed; nil for none.
func (a *analysis) plainItem(n *pg.Node, sc *scope) (into *item) {
	if hasSubquery(n) {
		return nil
	}
	anywhere(n.ProtoReflect(), func(m protoreflect.Message) bool {
		if ref, ok := m.Interface().(*pg.ColumnRef); ok {
			if c := a.resolve(ref, sc).column; c != nil && c.isPlain() {
				into = c.origin.item
			}
		}
		return into != nil
	})
	if into == nil || into.relation == nil || into.shown || into.system || !isTable(into.relation) {
		return nil
	}
	return into
}

// fits says whether a formula is a column whose values are all values of another one.
func (f *Formula) fits(to target) bool {
	t := f.Type
	if f.Kind == ColumnValue {
		t = f.Column.Type
	}
	return (f.Kind == ColumnValue || f.Kind == PlainValue) && (t == to.sealed.Type || t.Fits(to.sealed.Type))
}

// placeCopied has the server be asked for the rows, and puts their values in the place of an
// expression.
func (a *analysis) placeCopied(u formulaUse, params []*pg.ParamRef) {
	f := u.operand.Formula
	if !f.hasSealed() {
		u.keys = versionKeys()
		u.operand.Keys = len(u.keys)
	}
	for i, c := range u.columns {
		c.Answer, c.Cell = a.asksForFormula(u.row.asksForRows(slices.Concat(u.columns, u.keys)), u.operand, u), i
	}
	f.number(u.columns)
	a.takeParams(u.operand, params)
	a.putFormula(u)
	for _, c := range u.columns {
		if c.Kind == ColumnValue {
			a.note("open", c.Column, "to be sealed for another column", int32(u.start))
		}
	}
	a.note("seal", u.operand.Column, "what other columns have", int32(u.start))
}

// copiedColumn is a column that is stored in another one, nil if it cannot be.
func (a *analysis) copiedColumn(c *column, it *item) *Formula {
	switch {
	case c.sealed == nil && (!c.isPlain() || it.relation == nil || !isTable(it.relation) || !logical.Supported(c.typ) || logical.Type{OID: c.typ, Typmod: -1}.IsArray()):
		return nil
	case c.sealed == nil:
		return &Formula{Kind: PlainValue, Name: c.origin.name, Type: c.plainType()}
	case c.sealed.Broken != "" || c.sealed.Assembled():
		return nil
	}
	return &Formula{Kind: ColumnValue, Column: c.sealed}
}

// copyStar is a star among whose columns are some that are stored in others, from one of the
// targets on. It is false, and has done nothing, for any other.
func (a *analysis) copyStar(ref *pg.ColumnRef, qualifier []string, sc *scope, targets []target, from int) ([]column, bool) {
	first, end := a.tokenAt(ref.Location), 0
	for i := first; i >= 0 && i < len(a.tokens) && end == 0; i++ {
		if a.is(i, "*") {
			end = int(a.tokens[i].end)
		}
	}
	items := a.starItems(qualifier, sc)
	var uses []formulaUse
	text, at := "", from
	for _, it := range items {
		if it.open || it.merged || it.system || !it.byName || it.name == "" {
			return nil, false
		}
		for i := range it.columns {
			c := &it.columns[i]
			if at >= len(targets) || c.rest || c.constants != nil || c.shown != nil || c.sealed != nil && targets[at].sealed == nil {
				return nil, false
			}
			to := targets[at]
			if at++; c.sealed == to.sealed {
				text += quoteName(it.name) + "." + quoteName(c.name) + ", "
				continue
			}
			if u := a.copiedColumnInside(c, it, to); u != nil {
				u.start, u.end, u.before, text = int(ref.Location), int(ref.Location), text, ", "
				uses = append(uses, *u)
				continue
			}
			f := a.copiedColumn(c, it)
			row, exact := a.copiedRow(it, sc)
			if row == nil || f == nil || to.sealed.Broken != "" || !row.names([]*Formula{f}) || !f.fits(to) && !exact {
				return nil, false
			}
			op := &Operand{Column: to.sealed, Role: Store, Site: Site{target: to.name}, Formula: f, OfRows: true, Absent: true}
			uses = append(uses, formulaUse{start: int(ref.Location), end: int(ref.Location), row: row, columns: []*Formula{f}, operand: op, before: text})
			text = ", "
		}
	}
	if uses == nil || end == 0 || a.err != nil {
		return nil, false
	}
	last := &uses[len(uses)-1]
	last.end = end
	if text != ", " {
		last.behind = text[:len(text)-len(", ")]
	}
	for i := range uses {
		a.placeCopied(uses[i], nil)
	}
	columns := a.columnsOf(items, ref.Location, sc)
	for i := range columns {
		if to := targets[from+i].sealed; to != nil && columns[i].sealed == to {
			a.carry(to)
		}
	}
	return columns, true
}
