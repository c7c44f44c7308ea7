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

	// GuardMarker stands in the error of a guard that compares relations.
	GuardMarker = "pgseal_moved"
	// GuardOperator stands in the error of a guard that compares types.
	GuardOperator = "= " + domainSchema + "."

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
	if a.err != nil || a.persistent || len(a.named) == 0 {
		return false
	}
	condition := a.guardCondition(actions)
	if condition == "" {
		return false
	}
	for _, values := range []bool{true, false} {
		for i := edits; i < len(a.edits); i++ {
			if !a.guard(i, condition, values) {
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

// guard adds the condition to an edit: to one of a value, or, where there are
// none, of a sealed expression.
func (a *analysis) guard(i int, condition string, values bool) bool {
	e := &a.edits[i]
	switch {
	case values && (e.operand || e.value != nil && !e.value.converts && e.value.operand.Site.argument == 0):
		e.text = guardOpen + condition + guardThen + e.text
		if e.value != nil {
			e.value.bare = false
		}
		e.after += guardClose
		return true
	case !values && e.term:
		e.text += guardOpen + condition + guardThen
		a.edits[i+1].text = guardClose + a.edits[i+1].text
		return true
	}
	return false
}

// guardCopy makes a COPY FROM say what it was planned for, in its WHERE.
func (a *analysis) guardCopy(where *pg.Node, actions int) (guarded bool) {
	condition := a.guardCondition(actions)
	if a.err != nil || condition == "" {
		return false
	}
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

// guardCondition is what the server must find true, "" if there is nothing.
func (a *analysis) guardCondition(actions int) string {
	var used []*catalog.SealedColumn
	for i := actions; i < len(a.acted); i++ {
		if c := a.acted[i]; c.DomainName != "" && a.actions[i].Do != "open" && a.actions[i].Do != "index" && !slices.Contains(used, c) {
			used = append(used, c)
		}
	}
	var types, relations []string
	for _, n := range a.named {
		for i := range n.relation.Columns {
			c := &n.relation.Columns[i]
			if c.Sealed == nil || !slices.Contains(used, c.Sealed) {
				continue
			}
			if n.relation.Homonym || !a.mentions(c.Name) {
				if one := n.compareRelation(); !slices.Contains(relations, one) {
					relations = append(relations, one)
				}
				continue
			}
			types = append(types, n.compareType(c))
			if a.mode == Simple {
				break // analysed each time: one column tells the relation
			}
		}
	}
	if len(types) == 0 && len(relations) == 0 {
		return ""
	}
	condition := "true"
	if len(types) > 0 {
		condition += " OR " + strings.Join(types, " OR ")
	}
	if len(relations) > 0 {
		condition = strings.Join(relations, " AND ")
		if len(types) > 0 {
			condition = "(true OR " + strings.Join(types, " OR ") + ") AND " + condition
		}
	}
	return condition
}

const (
	lookBefore = "ARRAY[("
	lookAt     = "NULL::"
)

// LooksAt reports that a position in an error of the server, as ClientPosition
// takes it, is where a guard looks at a column.
func (b *Bound) LooksAt(server []byte, position int) bool {
	at := characterOffset(server, position)
	if !bytes.HasSuffix(server[:at], []byte(lookBefore)) || !bytes.HasPrefix(server[at:], []byte(lookAt)) {
		return false
	}
	return slices.ContainsFunc(b.scratch.marks, func(m mark) bool { return m.start <= at && at < m.end })
}

// compareType fails when the statement is analysed if the column of that name is
// not of the domain: arrays of two types cannot be compared.
func (n *named) compareType(c *catalog.Column) string {
	return lookBefore + lookAt + n.quoted() + ")." + quoteName(c.Name) + "] OPERATOR(pg_catalog.=) ARRAY[NULL::" +
		domainSchema + "." + quoteName(c.Sealed.DomainName) + "]"
}

// compareRelation fails when the statement is planned by the server if the name
// stands for another relation. It serves where the name is a type's as well,
// which need not be the relation's, and where the statement does not name the
// column, which may be renamed then.
func (n *named) compareRelation() string {
	return "(" + quoteText(n.quoted()) + "::pg_catalog.regclass::pg_catalog.oid OPERATOR(pg_catalog.=) '" + strconv.FormatUint(uint64(n.relation.OID), 10) +
		"'::pg_catalog.oid OR '" + GuardMarker + "'::pg_catalog.text::pg_catalog.bool)"
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
