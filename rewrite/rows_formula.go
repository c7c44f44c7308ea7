package rewrite

import (
	"slices"
	"strconv"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/logical"
)

// MaxFormulaRows is how many rows a statement may change whose values are computed of
// what they have: all of them are opened, and sealed anew, in one go.
const MaxFormulaRows = 10000

// Rows of which several can be found are told from each other by what they have in the
// columns that are computed with, because no two envelopes are the same. The server is
// asked for that of all rows that the conditions find, and gets a jsonb object with the
// new value by the old ones; see docs/decisions/0031-formulas.md.

// foundRows are the rows that conditions on their own columns find, nil if there are
// others.
func (a *analysis) foundRows(s *pg.UpdateStmt, into *item, sc *scope) *rowConditions {
	if !isTable(into.relation) {
		return nil
	}
	if len(s.FromClause) > 0 {
		return a.foundBeside(s, into, sc)
	}
	if !a.isOwnCondition(s.WhereClause, into, sc) {
		return nil
	}
	if s.WhereClause == nil {
		return &rowConditions{}
	}
	first, last, ok := a.whereTokens()
	if !ok {
		return nil
	}
	return &rowConditions{from: int(a.tokens[first].start), end: int(a.tokens[last].end)}
}

// foundBeside are the rows for which there is one of the tables in FROM beside that the
// conditions find, nil where the session decides some of these.
func (a *analysis) foundBeside(s *pg.UpdateStmt, into *item, sc *scope) *rowConditions {
	leaves := a.joinedTables(s.FromClause, sc)
	if into.name == "" || leaves == nil || len(sc.items) != 1+len(leaves) || !a.isConditionOf(s.WhereClause, sc.items, sc) {
		return nil
	}
	for _, it := range sc.items {
		if it.relation == nil || !isTable(it.relation) {
			return nil
		}
	}
	first, last := a.tokenAt(leaves[0].Location), 0
	for !a.is(first-1, "from") {
		if first--; first <= 0 {
			return nil
		}
	}
	rows := &rowConditions{}
	if _, last = a.statementTokens(); s.WhereClause != nil {
		where, end, ok := a.whereTokens()
		if !ok {
			return nil
		}
		rows.from, rows.end, last = int(a.tokens[where].start), int(a.tokens[end].end), where-1
	} else if s.ReturningList != nil {
		return nil
	}
	rows.beside = term{int(a.tokens[first].start), int(a.tokens[last-1].end)}
	if slices.ContainsFunc(a.formulas, func(u formulaUse) bool { return u.start >= rows.beside.start }) ||
		slices.ContainsFunc(a.edits, func(e edit) bool { return e.value != nil && e.value.operand.OfRows && e.start >= rows.beside.start }) {
		return nil
	}
	return rows
}

// joinedTables are the relations of a FROM clause, nil if there is anything but tables in it, or
// joins of them by conditions of their own columns.
func (a *analysis) joinedTables(from []*pg.Node, sc *scope) (leaves []*pg.RangeVar) {
	for _, n := range from {
		j := n.GetJoinExpr()
		switch r := n.GetRangeVar(); {
		case r != nil:
			leaves = append(leaves, r)
		case j == nil || j.Alias != nil || j.IsNatural || j.UsingClause != nil || !a.isConditionOf(j.Quals, sc.items, sc):
			return nil
		default:
			inside := a.joinedTables([]*pg.Node{j.Larg, j.Rarg}, sc)
			if inside == nil {
				return nil
			}
			leaves = append(leaves, inside...)
		}
	}
	return leaves
}

// rowConditions are where the conditions of WHERE stand in the text, zero if there are
// none, and what of them the server cannot decide, in order.
type rowConditions struct {
	from, end int
	without   []term
	// narrow are conditions by themselves, where those of WHERE are not asked as a whole.
	narrow []term
	// beside is the text of other tables, of which there is a row that the conditions find, too.
	beside term
	// keyed, if not nil, is a condition by which there is one row at most.
	keyed []sqlPart
}

// whereTokens are those of the conditions of an UPDATE or DELETE.
func (a *analysis) whereTokens() (first, last int, ok bool) {
	i, end := a.statementTokens()
	for last = end - 1; i < end; i++ {
		switch {
		case a.is(i, "("), a.is(i, "["):
			if i = a.closing(i); i < 0 {
				return 0, 0, false
			}
		case a.is(i, "where"):
			first = i + 1
		case a.is(i, "returning"):
			last = i - 1
		}
	}
	return first, last, first > 0 && first <= last
}

// isOwnCondition says whether a condition can be asked of the rows apart from the
// statement: it is one of the rows' columns, constants and operators.
func (a *analysis) isOwnCondition(n *pg.Node, into *item, sc *scope) bool {
	return a.isConditionOf(n, []*item{into}, sc)
}

// isConditionOf is isOwnCondition for the columns of several tables, without subqueries.
func (a *analysis) isConditionOf(n *pg.Node, items []*item, sc *scope) bool {
	all := func(list []*pg.Node) bool {
		for _, n := range list {
			if !a.isConditionOf(n, items, sc) {
				return false
			}
		}
		return true
	}
	switch x := n.GetNode().(type) {
	case nil:
		return true
	case *pg.Node_BoolExpr:
		return all(x.BoolExpr.Args)
	case *pg.Node_AExpr:
		return a.isConditionOf(x.AExpr.Lexpr, items, sc) && a.isConditionOf(x.AExpr.Rexpr, items, sc)
	case *pg.Node_List:
		return all(x.List.Items)
	case *pg.Node_RowExpr:
		return all(x.RowExpr.Args)
	case *pg.Node_AArrayExpr:
		return all(x.AArrayExpr.Elements)
	case *pg.Node_CoalesceExpr:
		return all(x.CoalesceExpr.Args)
	case *pg.Node_NullTest:
		return a.isConditionOf(x.NullTest.Arg, items, sc)
	case *pg.Node_BooleanTest:
		return a.isConditionOf(x.BooleanTest.Arg, items, sc)
	case *pg.Node_TypeCast:
		return a.isConditionOf(x.TypeCast.Arg, items, sc)
	case *pg.Node_AConst:
		return true
	case *pg.Node_ParamRef:
		return a.mode != Simple // a Query has none
	case *pg.Node_ColumnRef:
		if star, _ := isStar(x.ColumnRef); star || len(x.ColumnRef.Fields) > 2 {
			return false
		}
		c := a.resolve(x.ColumnRef, sc).column
		return c != nil && slices.Contains(items, c.origin.item)
	case *pg.Node_SubLink:
		return len(items) == 1 && a.isConditionOf(x.SubLink.Testexpr, items, sc) && a.isOwnSubquery(x.SubLink, items[0], sc)
	case *pg.Node_FuncCall:
		f := x.FuncCall
		return ofPostgreSQL(names(f.Funcname)) && plainCall(f) && textFunctions[last(names(f.Funcname))] != NoFunction && a.isConditionOf(f.Args[0], items, sc)
	}
	return false
}

// sendFunctions make the binary form of values, but for those called after the type:
// numeric_send.
var sendFunctions = map[uint32]string{
	logical.OIDBool: "boolsend", logical.OIDBytea: "byteasend", logical.OIDInt2: "int2send", logical.OIDInt4: "int4send", logical.OIDInt8: "int8send",
	logical.OIDText: "textsend", logical.OIDVarchar: "varcharsend", logical.OIDBpchar: "bpcharsend", logical.OIDFloat4: "float4send", logical.OIDFloat8: "float8send",
	logical.OIDName: "namesend", logical.OIDOid: "oidsend", oidTid: "tidsend", oidXid: "xidsend",
	logical.OIDInt4Range: "range_send", logical.OIDInt8Range: "range_send", logical.OIDNumRange: "range_send", logical.OIDDateRange: "range_send",
	logical.OIDTsRange: "range_send", logical.OIDTstzRange: "range_send",
}

// bytes is the SQL of what a row has in a column as a bytea: of a plain one its binary
// form, or NULL.
func (r *foundRow) bytes(row string, c *Formula) string {
	cell := r.cell(row, c)
	if c.Kind != PlainValue {
		return cell
	}
	return sendCall(c.Type.OID) + "(" + cell + ")"
}

// sendCall names the function that gives the binary form of values of a type.
func sendCall(oid uint32) string {
	send := sendFunctions[oid]
	if send == "" {
		send = TypeName(oid) + "_send"
	}
	return "pg_catalog." + send
}

// asksForRows is the question for what all rows have in columns: an array of bytea for
// each, NULL for no rows. The rows stay as they are, as behind asksFor.
func (r *foundRow) asksForRows(columns []*Formula) []sqlPart {
	row := quoteName(r.into.name)
	parts := []sqlPart{sqlText("(SELECT pg_catalog.array_agg(pgseal_cells) FROM (SELECT ARRAY[")}
	for i, c := range columns {
		if i > 0 {
			parts = append(parts, sqlText(", "))
		}
		parts = append(parts, r.cellParts(row, c)...)
	}
	parts = append(parts, sqlText("] AS pgseal_cells FROM "+r.relation()+" AS "+row))
	if r.rows.beside.end > 0 {
		return append(append(parts, r.foundBeside()...), sqlText(r.limitRows()))
	}
	if r.rows.end == 0 {
		return append(parts, r.narrowed()...)
	}
	from := r.rows.from
	parts = append(parts, sqlText(" WHERE "))
	for _, w := range r.rows.without {
		if w.start > from {
			parts = append(parts, sqlPart{literal: -1, from: from, end: w.start, open: true})
		}
		parts, from = append(parts, sqlText("true")), w.end
	}
	if r.rows.end > from {
		parts = append(parts, sqlPart{literal: -1, from: from, end: r.rows.end})
	}
	return append(parts, sqlText(r.limitRows()))
}

// foundBeside is the condition that there are rows of other tables beside.
func (r *foundRow) foundBeside() []sqlPart {
	text := func(from, end int) sqlPart { return sqlPart{literal: -1, from: from, end: end} }
	parts := []sqlPart{sqlText(" WHERE EXISTS (SELECT FROM "), text(r.rows.beside.start, r.rows.beside.end)}
	if r.rows.end > 0 {
		parts = append(parts, sqlText(" WHERE "), text(r.rows.from, r.rows.end))
	}
	return append(parts, sqlText(")"))
}

// narrowed is what stands behind FROM in a question for the rows that some conditions find.
func (r *foundRow) narrowed() (parts []sqlPart) {
	before := " WHERE ("
	if r.rows.keyed != nil {
		parts = append(append(parts, sqlText(" WHERE ")), r.rows.keyed...)
	}
	for _, by := range r.rows.narrow {
		parts = append(parts, sqlText(before), sqlPart{literal: -1, from: by.start, end: by.end}, sqlText(")"))
		before = " AND ("
	}
	return append(parts, sqlText(r.limitRows()))
}

// limitRows is what ends the question.
func (r *foundRow) limitRows() string {
	locks := " FOR NO KEY UPDATE"
	if r.reads {
		locks = ""
	}
	return " LIMIT " + strconv.Itoa(MaxFormulaRows+1) + locks + ") AS pgseal_rows)"
}

// keysOf are the SQL of what tells a row from others, of each column; see AppendRowKey.
func (u *formulaUse) keysOf(row string) (keys []string) {
	if u.group != "" {
		return groupKeys(u.group)
	}
	columns := u.columns
	if u.keys != nil {
		columns = u.keys
	}
	for _, c := range columns[:len(columns)-u.operand.Subqueries] {
		key := "pg_catalog.encode(" + u.row.bytes(row, c) + ", 'hex')"
		if u.cell != "" {
			key = "pg_catalog.encode(COALESCE(" + u.cell + "::" + serverType + ", ''::" + serverType + "), 'hex')"
		}
		if c.Kind == PlainValue {
			key = "COALESCE(" + key + ", '" + nullKey + "')"
		}
		keys = append(keys, key)
	}
	return keys
}

const (
	nullKey      = "n"
	keySeparator = ","
	joinsKeys    = " OPERATOR(pg_catalog.||) '" + keySeparator + "' OPERATOR(pg_catalog.||) "
)

// appendRowKey appends what tells a row from others: cells that the question gives.
func appendRowKey(dst []byte, cells [][]byte) []byte {
	for i, cell := range cells {
		if i > 0 {
			dst = append(dst, keySeparator...)
		}
		if cell == nil {
			dst = append(dst, nullKey...)
		} else {
			dst = logical.EncodeHex(dst, cell)
		}
	}
	return dst
}

// placeRows puts the new values in the place of the expression; an empty text is NULL.
// A row that the question has not found in this state fails the statement.
func (a *analysis) placeRows(u *formulaUse, value func(op *Operand, answer int) edit) {
	keys := u.keysOf(quoteName(u.row.into.name))
	row := "pg_catalog.concat(" + quoteName(u.row.into.name) + ".*)"
	if keys == nil { // subqueries tell all
		keys = []string{"''"}
	} else {
		row = keys[0]
	}
	start, behind := u.start, u.behind
	if u.operand.Formula.asked(nil) != nil {
		start, behind = a.placeAsked(u, value), behind+" ELSE COALESCE("+failsForRow(keys[0])+")::"+u.operand.ofRow()+" END"
		a.insert(start, " THEN ")
	}
	a.insert(start, u.before+"NULLIF(COALESCE(")
	e := value(u.operand, u.columns[0].Answer)
	e.start, e.end = start, start
	a.edits = append(a.edits, e)
	fails := "pg_catalog.current_setting('" + RowMarker + "')"
	if u.operand.Decides || u.operand.Ranks {
		fails = failsForRow(row)
	}
	text := " OPERATOR(pg_catalog.->>) (" + strings.Join(keys, joinsKeys)
	if u.group == "" {
		start, text = a.placeSubqueries(u, start, text)
	}
	a.edit(start, u.end, text+"), "+fails+"), '')::"+u.operand.ofRow()+behind, nil)
}

// failsForRow is what fails a statement in a condition. It depends on a key of the row, if for
// nothing: what is constant the planner computes where it estimates, and the statement would
// fail before it runs. Behind it stands what the server never comes to; by what that would
// cost the conditions by which the question has found rows are looked at first.
func failsForRow(key string) string {
	empty := "pg_catalog.left(" + key + ", 0)"
	return "pg_catalog.current_setting(pg_catalog.concat('" + RowMarker + "', " + empty + ")), " +
		"pg_catalog.to_tsvector(pg_catalog.to_tsvector(" + empty + ")::pg_catalog.text)::pg_catalog.text"
}

// ofRow is the type of the value for one row.
func (o *Operand) ofRow() string {
	switch {
	case o.Decides:
		return "pg_catalog.bool"
	case o.Ranks:
		return "pg_catalog.int8"
	}
	return serverType
}

// AbsentRow are the cells of a row of NULLs.
func (f *Formula) AbsentRow() (row [][]byte) {
	for _, c := range f.columns(nil) {
		cell := []byte{}
		if c.Kind == PlainValue {
			cell = nil
		}
		row = append(row, cell)
	}
	return row
}

// Cells is how many columns the formula has of each row.
func (f *Formula) Cells() int { return len(f.columns(nil)) }

// RowsAnswer is the number of the answer that has what the rows have.
func (f *Formula) RowsAnswer() int { return f.columns(nil)[0].Answer }
