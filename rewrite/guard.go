package rewrite

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/catalog"
)

// The catalog is read some time before a statement runs. Between the two a name
// can come to stand for another relation (a table of the same name made in a
// schema before it in the search path, a temporary one made by a function, a
// table swapped for another), and a column for another column. A value sealed for
// a column would then be stored into one that is not sealed, or searched there.
//
// So the text says what it was planned for, and the server compares that with
// what it finds, when it resolves the names of this very statement: the column
// must have the domain of the sealed column, which no other has. The comparison
// costs a few microseconds where a text is analysed and nothing where a prepared
// statement is executed: the planner drops it unevaluated. It is analysed again
// with the statement, when the server does that after DDL.
//
// See docs/decisions/0011-names-are-guarded.md.

const (
	guardOpen  = "(CASE WHEN "
	guardThen  = " THEN "
	guardClose = " END)"
	// guardNever fails when it is evaluated, and not before: the function is not
	// immutable.
	guardNever = " ELSE pg_catalog.current_setting('" + GuardMarker + "')::pg_catalog.bytea"

	// GuardMarker stands in the error of a guard that compares relations, or that
	// finds another when the statement runs.
	GuardMarker = "pgseal_moved"
	// GuardFunction stands in the error of a guard that compares types. It is
	// never called.
	GuardFunction = "pgseal.same_type"

	domainSchema = "pgseal_column"
)

// named is a relation named by the statement being planned.
type named struct {
	catalog, schema, name string // as it stands there
	relation              *catalog.Relation
}

// guardFrom makes the edits behind the first ones say what the statement was
// planned for, if they seal or search anything.
func (a *analysis) guardFrom(edits, actions int) (guarded bool) {
	if a.err != nil || a.persistent || len(a.named) == 0 || a.stmt.Stmt.GetAlterTableStmt() != nil { // what stands in it stays
		return false
	}
	c := a.comparisons(actions)
	if c.none() {
		return false
	}
	for _, values := range []bool{true, false} {
		for i := edits; i < len(a.edits); i++ {
			if !a.guard(i, &c, values) {
				continue
			}
			if guarded = true; !a.repeats() {
				return true
			}
		}
		if guarded {
			return true
		}
	}
	return false
}

// guard adds the comparisons to an edit: to one of a value, or, where there are
// none, of a sealed expression.
func (a *analysis) guard(i int, c *comparisons, values bool) bool {
	e := &a.edits[i]
	switch {
	case a.mode == Kept:
		if !values || !e.isBytea() {
			return false
		}
		if len(c.types) > 0 {
			e.besideTypes(c)
		}
		e.text = guardOpen + a.named[0].findsRelation() + guardThen + e.text
		e.after += guardNever + guardClose
		return true
	case values && len(c.relations) == 0 && e.isBytea():
		e.besideTypes(c)
		return true
	case values && e.isValue():
		e.text = guardOpen + c.condition() + guardThen + e.text
		if e.value != nil {
			e.value.bare = false
		}
		e.after += guardClose
		return true
	case !values && e.term:
		e.text += guardOpen + c.condition() + guardThen
		a.edits[i+1].text = guardClose + a.edits[i+1].text
		return true
	}
	return false
}

// besideTypes puts comparisons of types beside a value. The server reads, and
// drops, less than it would of a condition.
func (e *edit) besideTypes(c *comparisons) {
	e.text = "(COALESCE(" + e.text
	e.after += ", " + strings.Join(c.types, ", ") + "))"
}

// isValue reports an edit that puts a value.
func (e *edit) isValue() bool {
	return e.operand || e.value != nil && !e.value.converts && e.value.operand.Site.argument == 0
}

// isBytea reports an edit that puts one bytea, not an array of them.
func (e *edit) isBytea() bool {
	if e.operand {
		return strings.HasSuffix(e.text, "::pg_catalog.bytea")
	}
	return e.isValue() && e.value.operand.serverType() == serverType
}

// guardCopy makes a COPY FROM say what it was planned for, in its WHERE.
func (a *analysis) guardCopy(where *pg.Node, actions int) (guarded bool) {
	c := a.comparisons(actions)
	if a.err != nil || c.none() {
		return false
	}
	condition := c.condition()
	from, end := a.statementTokens()
	last := int(a.tokens[end-1].end)
	if where == nil {
		a.insert(last, " WHERE "+condition)
		return true
	}
	i := a.tokenAt(location(where))
	for i > from && !a.is(i, "where") {
		i--
	}
	if i <= from {
		a.fail(refuseDefect())
		return false
	}
	a.insert(int(a.tokens[i].end), " ("+condition+") AND (")
	a.insert(last, ")")
	return true
}

// comparisons are what the server is to compare, as SQL.
type comparisons struct{ types, relations []string }

func (c *comparisons) none() bool { return len(c.types) == 0 && len(c.relations) == 0 }

// comparisons makes those of the sealed columns that the statement seals or
// searches.
func (a *analysis) comparisons(actions int) (made comparisons) {
	var used []*catalog.SealedColumn
	for i := actions; i < len(a.acted); i++ {
		if c := a.acted[i]; c.DomainName != "" && a.actions[i].Do != "open" && a.actions[i].Do != "index" && !slices.Contains(used, c) {
			used = append(used, c)
		}
	}
	used = append(used, a.carried...)
	for _, n := range a.named {
		for i := range n.relation.Columns {
			c := &n.relation.Columns[i]
			if c.Sealed == nil || !slices.Contains(used, c.Sealed) {
				continue
			}
			if a.isPlaced(n.relation) {
				break // see guardWrite
			}
			if n.relation.Homonym || c.Wrapped() || !a.mentions(c.Name) {
				if one := n.compareRelation(); !slices.Contains(made.relations, one) {
					made.relations = append(made.relations, one)
				}
				continue
			}
			made.types = append(made.types, n.compareType(c))
			if a.mode == Simple {
				break // analysed each time: one column tells the relation
			}
		}
	}
	return made
}

// condition is what the server must find true.
func (c *comparisons) condition() string {
	types := "true"
	for _, t := range c.types {
		types += " OR " + t + " IS NULL"
	}
	relations := strings.Join(c.relations, " AND ")
	switch {
	case relations == "":
		return types
	case len(c.types) == 0:
		return relations
	}
	return "(" + types + ") AND " + relations
}

// carry notes a sealed value that goes from one place to another on the server.
func (a *analysis) carry(c *catalog.SealedColumn) {
	if c.DomainName != "" {
		a.carried = append(a.carried, c)
	}
}

// write is where a statement that writes begins, and where its WITH clause does,
// -1 if it has none.
type write struct{ begins, with int32 }

// placed is a relation into which a statement writes without naming columns: the
// first so many of them.
type placed struct {
	relation named
	columns  int
}

// guardWrite makes a statement say what it was planned for in a WITH query that
// nothing reads: the server analyses it and leaves it at that. It serves where
// sealed values only move on the server, if they are not guarded otherwise, and
// where columns are filled by their places, which must be those of before.
func (a *analysis) guardWrite(carried bool) bool {
	if a.err != nil || len(a.writes) == 0 {
		return false
	}
	var conditions []string
	for _, n := range a.named {
		for i := range n.relation.Columns {
			c := &n.relation.Columns[i]
			if carried && c.Sealed != nil && slices.Contains(a.carried, c.Sealed) && !n.relation.Homonym && !c.Wrapped() && !a.isPlaced(n.relation) {
				conditions = append(conditions, n.compareType(c))
			}
		}
	}
	for _, p := range a.placed {
		conditions = append(conditions, p.comparePlaces())
	}
	if len(conditions) == 0 {
		return false
	}
	w := a.writes[0]
	query := guardQuery + strings.Join(conditions, ", ") + ")"
	if w.with < 0 {
		a.insert(int(w.begins), "WITH "+query+" ")
		return true
	}
	i := a.tokenAt(w.with)
	if a.is(i+1, "recursive") {
		i++
	}
	if i < 0 {
		a.fail(refuseDefect())
		return false
	}
	a.insert(int(a.tokens[i].end), " "+query+",")
	return true
}

// places notes that a statement fills the first n columns of a relation without
// naming them.
func (a *analysis) places(into *item, n int) {
	if !a.runs() || into.relation == nil || n > len(into.relation.Columns) || slices.ContainsFunc(into.relation.Columns, catalog.Column.Wrapped) {
		return
	}
	for _, name := range a.named {
		if name.relation == into.relation && !a.isPlaced(into.relation) && (placed{name, n}).last() > 0 {
			a.placed = append(a.placed, placed{name, n})
			return
		}
	}
}

func (a *analysis) isPlaced(r *catalog.Relation) bool {
	return slices.ContainsFunc(a.placed, func(p placed) bool { return p.relation.relation == r })
}

// last is the number of the last column that is sealed among those that are filled,
// 0 if none is.
func (p placed) last() int {
	for i := p.columns; i > 0; i-- {
		if c := p.relation.relation.Columns[i-1].Sealed; c != nil && c.DomainName != "" {
			return i
		}
	}
	return 0
}

// comparePlaces fails when the statement is analysed if sealed columns are not
// where they were: an alias names columns by their places. Those behind keep their names,
// which must be others.
func (p placed) comparePlaces() string {
	var types, names []string
	for i := range p.last() {
		name := "pgseal_" + strconv.Itoa(i+1)
		names = append(names, name)
		if c := p.relation.relation.Columns[i].Sealed; c != nil && c.DomainName != "" {
			types = append(types, GuardFunction+"("+name+", NULL::"+domainSchema+"."+quoteName(c.DomainName)+")")
		}
	}
	return "(SELECT COALESCE(" + strings.Join(types, ", ") + ") FROM " + p.relation.quoted() + " AS " + GuardMarker + " (" + strings.Join(names, ", ") + "))"
}

const guardQuery = GuardMarker + " AS (SELECT "

// runs says whether the statement being planned is carried out when the server has
// read it, and not kept in an object.
func (a *analysis) runs() bool {
	switch a.stmt.Stmt.GetNode().(type) {
	case *pg.Node_InsertStmt, *pg.Node_UpdateStmt, *pg.Node_DeleteStmt, *pg.Node_MergeStmt, *pg.Node_SelectStmt,
		*pg.Node_ExplainStmt, *pg.Node_PrepareStmt, *pg.Node_ExecuteStmt, *pg.Node_CopyStmt:
		return !a.persistent
	}
	return false
}

// begin notes a statement that writes.
func (a *analysis) begin(keyword string, rv *pg.RangeVar, w *pg.WithClause) {
	if !a.runs() {
		return
	}
	if w != nil {
		a.writes = append(a.writes, write{with: w.Location})
		return
	}
	i := a.tokenAt(rv.GetLocation())
	for i > 0 && !a.is(i, keyword) {
		i--
	}
	if i >= 0 {
		a.writes = append(a.writes, write{a.tokens[i].start, -1})
	}
}

const (
	lookBefore = GuardFunction + "(("
	lookAt     = "NULL::"
)

// LooksAt reports that a position in an error of the server, as ClientPosition
// takes it, is where a guard looks at a column.
func (b *Bound) LooksAt(server []byte, position int) bool {
	at := characterOffset(server, position)
	if !bytes.HasSuffix(server[:at], []byte(lookBefore)) || !bytes.HasPrefix(server[at:], []byte(lookAt)) {
		return false
	}
	return b.Wrote(server, position)
}

// Wrote reports that a position in an error of the server, as ClientPosition takes
// it, is in something that the plan has put in the place of the client's text.
func (b *Bound) Wrote(server []byte, position int) bool {
	at := characterOffset(server, position)
	return slices.ContainsFunc(b.scratch.marks, func(m mark) bool { return m.start <= at && at < m.end })
}

// compareType fails when the statement is analysed if the column of that name is
// not of the domain: the function takes two of one type. It gives a NULL of bytea.
func (n *named) compareType(c *catalog.Column) string {
	return lookBefore + lookAt + n.quoted() + ")." + quoteName(c.Name) + ", NULL::" +
		domainSchema + "." + quoteName(c.Sealed.DomainName) + ")"
}

// compareRelation fails when the statement is planned by the server if the name
// stands for another relation. It serves where the name is a type's as well,
// which need not be the relation's, and where the statement does not name the
// column, which may be renamed then.
func (n *named) compareRelation() string {
	return "(" + quoteText(n.quoted()) + "::pg_catalog.regclass::pg_catalog.oid OPERATOR(pg_catalog.=) '" + strconv.FormatUint(uint64(n.relation.OID), 10) +
		"'::pg_catalog.oid OR '" + GuardMarker + "'::pg_catalog.text::pg_catalog.bool)"
}

// findsRelation is false whenever the name does not stand for the relation. It is
// for the one that an INSERT of literals names.
func (n *named) findsRelation() string {
	return "pg_catalog.to_regclass(" + quoteText(n.quoted()) + ")::pg_catalog.oid OPERATOR(pg_catalog.=) '" + strconv.FormatUint(uint64(n.relation.OID), 10) + "'::pg_catalog.oid"
}

func (n *named) quoted() string {
	text := quoteName(n.name)
	if n.schema != "" {
		text = quoteName(n.schema) + "." + text
	}
	if n.catalog != "" {
		text = quoteName(n.catalog) + "." + text
	}
	return text
}

// name notes a relation with sealed columns that the statement names.
func (a *analysis) name(n named) {
	if n.relation.Sealed && !slices.Contains(a.named, n) {
		a.named = append(a.named, n)
	}
}

// mentions says whether the statement has a name in it.
func (a *analysis) mentions(name string) bool {
	from, end := a.statementTokens()
	for _, t := range a.tokens[from:end] {
		if n, ok := a.tokenName(t); ok && n == name {
			return true
		}
	}
	return false
}

// repeats says whether one expression may have to be found equal to another in
// the statement, so that guarding one of them would make them differ.
func (a *analysis) repeats() bool {
	from, end := a.statementTokens()
	for i := from; i < end; i++ {
		for _, word := range [...]string{"group", "order", "distinct", "over", "partition"} {
			if a.is(i, word) {
				return true
			}
		}
	}
	return false
}
