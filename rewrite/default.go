package rewrite

import (
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/catalog"
)

// A computed default of a sealed column (catalog.ComputedDefault) is a computed
// value that the client did not write: wherever a row would get it, the server is
// asked for it, and the answer stands in the text. What is missed here fails on the
// server. See docs/decisions/0020-computed-defaults.md.

// defaultWord is DEFAULT as the value of a sealed column.
func (a *analysis) defaultWord(n *pg.SetToDefault, to target) {
	if a.err != nil || to.def == nil || !a.computesDefaults() {
		return
	}
	i := a.tokenAt(n.Location)
	if !a.is(i, "default") {
		a.fail(refuseDefect())
		return
	}
	a.computeDefault(to, int(a.tokens[i].start), int(a.tokens[i].end), n.Location)
}

// computesDefaults says whether the statement being planned computes defaults when the
// server has read it.
func (a *analysis) computesDefaults() bool {
	x := a.stmt.Stmt.GetExplainStmt()
	return a.runs() && (x == nil || analyzes(x))
}

// analyzes says whether an EXPLAIN runs its statement.
func analyzes(x *pg.ExplainStmt) bool {
	for _, n := range x.Options {
		if d := n.GetDefElem(); d.GetDefname() == "analyze" {
			return d.GetArg().GetString_().GetSval() != "off" && d.GetArg().GetString_().GetSval() != "false" &&
				(d.GetArg() == nil || d.GetArg().GetInteger() == nil || d.GetArg().GetInteger().Ival != 0)
		}
	}
	return false
}

// computeDefault puts the value of a computed default in the place of what stands
// between two offsets.
func (a *analysis) computeDefault(to target, start, end int, at int32) {
	c, d := to.sealed, to.def
	if a.err != nil {
		return
	}
	if r := a.defaultRefusal(to, at); r != nil {
		a.fail(r)
		return
	}
	x := asked{computation: computation{first: -1, last: -1, ordered: d.Calls}, start: int(at), end: end, def: d, edit: len(a.edits)}
	x.operand = &Operand{Column: c, Role: Store, Site: Site{target: to.name}}
	for i := range a.asked {
		if before := &a.asked[i]; before.def == d && !d.PerRow {
			x.answer = before.answer
		}
	}
	if x.answer == 0 {
		a.answers++
		x.answer = a.answers
	}
	a.asked = append(a.asked, x)
	var v *value
	if !a.asksLater() {
		v = &value{operand: x.operand, literal: -1, answer: x.answer}
	}
	a.edit(start, end, "", v) // a parameter gets its number later
	a.operands = append(a.operands, x.operand)
	a.note("seal", c, "its default", at)
}

// defaultRefusal is why asking in front of the statement would not give what the
// server would compute, nil if it does.
func (a *analysis) defaultRefusal(to target, at int32) error {
	c, d := to.sealed, to.def
	switch {
	case c.Broken != "":
		return refuseBroken(c, at)
	case d.Domain != "":
		r := refuseDefault(c, at, "from its domain "+d.Domain, "Give the column a value, or the default: ALTER TABLE … SET DEFAULT.")
		r.Detail = "The server has the domain's default for columns of the domain itself only, not for a sealed one."
		return r
	case a.mode == Kept:
		return refuseDefault(c, at, "in a statement that is kept for later", "Send the statement itself, or give the column a value.")
	case d.Beside != "":
		return refuseDefault(c, at, "because the default of column "+d.Beside+" draws from the same source, and pgseal would ask in another order than the server",
			"Give one of the columns a value.")
	case d.PerRow && a.evaluated == oftenEvaluated:
		return refuseDefault(c, at, "for rows that are not written one by one", "Write the rows as VALUES, or give the column a value.")
	case d.Counts && a.evaluated != surelyEvaluated:
		return refuseDefault(c, at, "where the server would perhaps not compute it", "Write the rows as VALUES, or give the column a value.")
	}
	for i := range a.asked {
		if a.asked[i].def == d && d.Alone {
			return refuseDefault(c, at, "for several rows: a function in it could read what the first of them has changed",
				"Insert the rows one by one, or give the column a value.")
		}
	}
	for _, name := range d.Functions {
		if uses := a.snap.Uses(name); len(uses) > 0 {
			return refuseFunctionCode(name, uses[0].Relation.Column(uses[0].Column).Sealed, at)
		}
	}
	return nil
}

// omitted gives the columns that an INSERT leaves out the values of their computed
// defaults. q is what it inserts, nil for DEFAULT VALUES, outputs are its columns. It
// gives the number of columns that the statement then fills.
func (a *analysis) omitted(s *pg.InsertStmt, q *pg.SelectStmt, into *item, targets []target, outputs []column) int {
	n := len(outputs)
	if a.err != nil || into.relation == nil || !a.computesDefaults() {
		return n
	}
	missing := a.missing(into, targets, len(s.Cols) > 0, n)
	if len(missing) == 0 {
		return n
	}
	at := s.Relation.GetLocation()
	often := a.evaluated
	defer func() { a.evaluated = often }()
	ok := false
	switch {
	case behindRest(outputs):
	case q == nil:
		ok = a.omittedByAll(s, into, missing)
	case q.Op != pg.SetOperation_SETOP_NONE || q.WithClause != nil:
	case len(q.ValuesLists) > 0:
		n, ok = a.omittedByValues(s, q, into, missing, n)
	default:
		ok = a.omittedBySelect(s, q, into, missing, n)
	}
	if !ok {
		a.fail(refuseDefault(missing[0].sealed, at, "for the rows of this query", "Name the column in the statement, and write the rows as VALUES."))
	}
	return n
}

// missing are the columns with computed defaults that an INSERT leaves out: those
// that it does not name, or that stand behind the first n.
func (a *analysis) missing(into *item, targets []target, named bool, n int) (list []target) {
	for i := range into.relation.Columns {
		c := &into.relation.Columns[i]
		given := !named && i < n
		for _, t := range targets {
			given = given || named && t.name == c.Name
		}
		if c.Default != nil && !given {
			list = append(list, target{name: c.Name, sealed: c.Sealed, def: c.Default})
		}
	}
	return list
}

// omittedByAll is INSERT … DEFAULT VALUES.
func (a *analysis) omittedByAll(s *pg.InsertStmt, into *item, missing []target) bool {
	i := a.behindTarget(s.Relation)
	if !a.is(i, "default") || !a.is(i+1, "values") {
		return false
	}
	a.evaluated = surelyEvaluated
	start, end := int(a.tokens[i].start), int(a.tokens[i+1].end)
	a.edit(start, end, "("+listed(missing)+") VALUES (", nil)
	for k, to := range missing {
		if k > 0 {
			a.insert(end, ", ")
		}
		a.computeDefault(to, end, end, s.Relation.Location)
	}
	a.insert(end, ")")
	return true
}

// omittedByValues adds the values to each row of VALUES.
func (a *analysis) omittedByValues(s *pg.InsertStmt, q *pg.SelectStmt, into *item, missing []target, n int) (int, bool) {
	i := a.behindTarget(s.Relation)
	if len(s.Cols) > 0 {
		if !a.is(i, "(") {
			return n, false
		}
		end := a.closing(i)
		if end < 0 {
			return n, false
		}
		a.insert(int(a.tokens[end].start), ", "+listed(missing))
		i = end + 1
	}
	if a.is(i, "overriding") {
		i += 3
	}
	rows := a.valuesRows(i)
	if len(rows) != len(q.ValuesLists) {
		return n, false
	}
	if len(q.SortClause) == 0 && q.LimitCount == nil && q.LimitOffset == nil {
		a.evaluated = surelyEvaluated
	}
	for _, end := range rows {
		a.rowDefaults(int(a.tokens[end].start), len(s.Cols) > 0, into, missing, n)
	}
	if len(s.Cols) == 0 {
		n = a.placeOf(into, missing[len(missing)-1]) + 1
	}
	return n, true
}

// rowDefaults adds the values to a row, of which the bracket closes at an offset. A
// row that names no columns gets DEFAULT for those between.
func (a *analysis) rowDefaults(at int, named bool, into *item, missing []target, n int) {
	for _, to := range missing {
		for ; !named && n < a.placeOf(into, to); n++ {
			a.insert(at, ", DEFAULT")
		}
		n++
		a.insert(at, ", ")
		a.computeDefault(to, at, at, int32(at))
	}
}

// placeOf is the index of a column in its relation.
func (a *analysis) placeOf(into *item, to target) int {
	for i := range into.relation.Columns {
		if into.relation.Columns[i].Name == to.name {
			return i
		}
	}
	return -1
}

// valuesRows finds the tokens that close the rows of VALUES, which begins at token i
// or behind brackets there.
func (a *analysis) valuesRows(i int) (closes []int) {
	for a.is(i, "(") {
		i++
	}
	if !a.is(i, "values") {
		return nil
	}
	for {
		if i++; !a.is(i, "(") {
			return nil
		}
		end := a.closing(i)
		if end < 0 {
			return nil
		}
		closes = append(closes, end)
		if i = end + 1; !a.is(i, ",") {
			return closes
		}
	}
}

// omittedBySelect makes the values the first outputs of a SELECT, which must be for
// no ORDER BY or GROUP BY to count from there.
func (a *analysis) omittedBySelect(s *pg.InsertStmt, q *pg.SelectStmt, into *item, missing []target, n int) bool {
	word := a.queryWord(q)
	if word < 0 || countsOutputs(q) || n > len(into.relation.Columns) {
		return false
	}
	if a.is(word+1, "distinct") {
		if word++; a.is(word+1, "on") {
			return false
		}
	}
	if a.computedOnce(q) {
		a.evaluated = onceEvaluated
	}
	i := a.behindTarget(s.Relation)
	if len(s.Cols) > 0 {
		if !a.is(i, "(") {
			return false
		}
		a.insert(int(a.tokens[i].end), listed(missing)+", ")
	} else {
		var given []target
		for k := range n {
			given = append(given, target{name: into.relation.Columns[k].Name})
		}
		a.insert(int(a.tokens[i-1].end), " ("+listed(append(missing[:len(missing):len(missing)], given...))+")")
	}
	at := int(a.tokens[word].end)
	for _, to := range missing {
		a.insert(at, " ")
		a.computeDefault(to, at, at, s.Relation.Location)
		a.insert(at, ",")
	}
	return true
}

// countsOutputs says whether a query refers to its outputs by their numbers.
func countsOutputs(q *pg.SelectStmt) bool {
	for _, n := range q.SortClause {
		if n.GetSortBy().GetNode().GetAConst() != nil {
			return true
		}
	}
	for _, n := range q.GroupClause {
		if n.GetAConst() != nil || n.GetGroupingSet() != nil {
			return true
		}
	}
	return false
}

// behindTarget is the index of the token behind the target of an INSERT and its
// alias.
func (a *analysis) behindTarget(rv *pg.RangeVar) int {
	i := a.behindRelation(rv)
	if a.is(i, "as") && rv.Alias != nil {
		i += 2
	}
	return i
}

// listed is a list of columns.
func listed(columns []target) string {
	list := make([]string, len(columns))
	for i, c := range columns {
		list[i] = quoteName(c.name)
	}
	return strings.Join(list, ", ")
}

// mergeDefaults gives the columns that an INSERT of MERGE leaves out the values of
// their computed defaults.
func (a *analysis) mergeDefaults(w *pg.MergeWhenClause, into *item, targets []target, at int32) {
	if a.err != nil || into.relation == nil || !a.computesDefaults() {
		return
	}
	missing := a.missing(into, targets, len(w.TargetList) > 0, len(w.Values))
	if len(missing) == 0 {
		return
	}
	var rows []int
	end := -1
	if len(w.TargetList) > 0 && len(w.Values) > 0 {
		end = a.closing(a.tokenAt(w.TargetList[0].GetResTarget().GetLocation()) - 1)
		i := end + 1
		if a.is(i, "overriding") {
			i += 3
		}
		rows = a.valuesRows(i)
	}
	if end < 0 || len(rows) != 1 {
		a.fail(refuseDefault(missing[0].sealed, at, "in an INSERT of MERGE that does not name its columns", "Name the columns."))
		return
	}
	a.insert(int(a.tokens[end].start), ", "+listed(missing))
	a.rowDefaults(int(a.tokens[rows[0]].start), true, into, missing, 0)
}

// setDefault is ALTER COLUMN … SET DEFAULT of a constant, which is sealed, or of an
// expression in which nothing of the client's is a part of the value. It is false, and
// has done nothing, for any other.
func (a *analysis) setDefault(n *pg.Node, c *catalog.SealedColumn) bool {
	if n == nil || n.GetAConst().GetIsnull() || c.Broken != "" {
		return false
	}
	if isConstant(n) && n.GetParamRef() == nil {
		return a.bind(n, Operand{Column: c, Role: Store, Site: a.storing(n, c.Name)}, true)
	}
	first, end := -1, -1
	if x, ok := a.computation(n); ok {
		first, end = x.first, x.last
	} else if f := n.GetFuncCall(); f != nil && len(f.Args) == 0 && f.Over == nil {
		first = a.tokenAt(f.Location)
		if open := a.behindName(f.Location, len(f.Funcname)); open >= 0 {
			end = a.closing(open)
		}
	}
	if first < 0 || end < 0 {
		return false
	}
	a.insert(int(a.tokens[first].start), catalog.ComputedDefaultFunction+"(")
	a.insert(int(a.tokens[end].end), ")")
	a.defaulted = true
	a.note("keep", c, "its default", location(n))
	return true
}

// stores says whether a row may get its defaults by the statement being planned.
func (a *analysis) stores() bool {
	switch n := a.stmt.Stmt.GetNode().(type) {
	case *pg.Node_InsertStmt, *pg.Node_UpdateStmt, *pg.Node_MergeStmt, *pg.Node_ExecuteStmt, *pg.Node_ExplainStmt:
		return true
	case *pg.Node_CopyStmt:
		return n.CopyStmt.IsFrom
	case *pg.Node_SelectStmt:
		return n.SelectStmt.WithClause != nil
	}
	return false
}

// setNullDefault is ALTER COLUMN … SET DEFAULT NULL, which PostgreSQL takes for none where
// nothing has to be done to a NULL of the column's type. It is false, and has done
// nothing, for any other.
func (a *analysis) setNullDefault(n *pg.Node, c *catalog.SealedColumn) bool {
	i := a.tokenAt(n.GetAConst().GetLocation())
	if !n.GetAConst().GetIsnull() || c.Broken != "" || !a.is(i, "null") || !a.is(i-1, "default") || !a.is(i-2, "set") {
		return false
	}
	if domain := c.Type.Shown().OID != c.Type.OID; !domain && c.Type.Typmod < 0 {
		a.edit(int(a.tokens[i-2].start), int(a.tokens[i].end), "DROP DEFAULT", nil)
	} else {
		a.insert(int(a.tokens[i].end), "::"+domainSchema+"."+quoteName(c.DomainName))
	}
	a.note("keep", c, "its default", location(n))
	return true
}

func refuseDefault(c *catalog.SealedColumn, position int32, why, hint string) *Refusal {
	r := sealedRefusal("computed-default", c, position, "cannot get its default "+why)
	r.Detail = "The default is computed by the server, which pgseal asks for it in front of the statement."
	r.Hint = hint
	return r
}
