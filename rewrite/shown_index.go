package rewrite

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"pgseal/catalog"
	"pgseal/logical"
)

// shownIndexes are the columns of pg_index that differ for indexes over terms.
func shownIndexes(shown *catalog.Shown) map[string]string {
	if len(shown.Indexes) == 0 {
		return nil
	}
	columns := map[string]string{}
	list := func(column, typ string, keysOnly bool, value func(*catalog.ShownElement) string) {
		t := table{typ: "text"}
		for i := range shown.Indexes {
			x := &shown.Indexes[i]
			var values []string
			for k := range x.Elements {
				if k < x.KeyColumns || !keysOnly {
					values = append(values, value(&x.Elements[k]))
				}
			}
			t.add(fmt.Sprint(x.OID), strings.Join(values, " "))
		}
		columns[column] = oneOf([]branch{{fmt.Sprintf("indexrelid >= %d", firstUserOID),
			t.lookup("oid", "indexrelid", column+"::text") + "::" + typ}}, column)
	}
	list("indkey", "int2vector", false, func(e *catalog.ShownElement) string { return fmt.Sprint(e.AttNum) })
	list("indclass", "oidvector", true, func(e *catalog.ShownElement) string { return fmt.Sprint(e.OpClass) })
	list("indcollation", "oidvector", true, func(e *catalog.ShownElement) string { return fmt.Sprint(e.Collation) })
	list("indoption", "int2vector", true, func(e *catalog.ShownElement) string { return fmt.Sprint(e.Option) })
	var whole []uint32 // those without other expressions
	for i := range shown.Indexes {
		if !slices.ContainsFunc(shown.Indexes[i].Elements, func(e catalog.ShownElement) bool { return e.AttNum == 0 }) {
			whole = append(whole, shown.Indexes[i].OID)
		}
	}
	if len(whole) > 0 {
		columns["indexprs"] = "CASE WHEN " + noneOf("indexrelid", whole) + " THEN indexprs END"
	}
	return columns
}

// shownConstraints are the UNIQUE constraints that sealing turned into indexes,
// to be added to pg_constraint. Each has the OID of its index.
func shownConstraints(shown *catalog.Shown, r *catalog.Relation, system []string) string {
	constraints := map[uint32]bool{}
	for i := range shown.Indexes {
		constraints[shown.Indexes[i].OID] = shown.Indexes[i].IsConstraint()
	}
	var b strings.Builder
	for i := range shown.Indexes {
		x := &shown.Indexes[i]
		if !constraints[x.OID] {
			continue
		}
		inherited := constraints[x.Parent]
		var keys []string
		for k := range x.Elements[:x.KeyColumns] {
			keys = append(keys, fmt.Sprint(x.Elements[k].AttNum))
		}
		values := map[string]string{
			"oid": fmt.Sprint(x.OID), "conname": quoteText(x.Name), "connamespace": fmt.Sprint(x.Schema), "contype": "'u'",
			"condeferrable": "false", "condeferred": "false", "conenforced": "true", "convalidated": "true", "conperiod": "false",
			"conrelid": fmt.Sprint(x.Relation), "contypid": "0", "conindid": fmt.Sprint(x.OID), "conparentid": "0",
			"confrelid": "0", "confupdtype": "' '", "confdeltype": "' '", "confmatchtype": "' '",
			"conislocal": fmt.Sprint(!inherited), "coninhcount": "0", "connoinherit": fmt.Sprint(!inherited),
			"conkey": "'{" + strings.Join(keys, ",") + "}'",
		}
		if inherited {
			values["conparentid"], values["coninhcount"] = fmt.Sprint(x.Parent), "1"
		}
		addedRow(&b, r, values, system)
	}
	return b.String()
}

func constraintOIDs(shown *catalog.Shown) (oids []uint32) {
	for i := range shown.Indexes {
		if x := &shown.Indexes[i]; x.IsConstraint() {
			oids = append(oids, x.OID)
		}
	}
	return oids
}

// The catalogs in pg_depend.
const (
	relationClass   = 1259
	constraintClass = 2606
)

// shownDependencies are those of constraints that became indexes. pg_dump
// orders by them.
func shownDependencies(shown *catalog.Shown, r *catalog.Relation, system []string) string {
	constraints := constraintOIDs(shown)
	var b strings.Builder
	add := func(class int, object uint32, refClass int, refObject uint32, column int16, kind string) {
		addedRow(&b, r, map[string]string{"classid": fmt.Sprint(class), "objid": fmt.Sprint(object), "objsubid": "0",
			"refclassid": fmt.Sprint(refClass), "refobjid": fmt.Sprint(refObject), "refobjsubid": fmt.Sprint(column), "deptype": quoteText(kind)}, system)
	}
	for i := range shown.Indexes {
		x := &shown.Indexes[i]
		if !x.IsConstraint() {
			continue
		}
		for k := range x.Elements {
			add(constraintClass, x.OID, relationClass, x.Relation, x.Elements[k].AttNum, "a")
		}
		add(relationClass, x.OID, constraintClass, x.OID, 0, "i")
		if slices.Contains(constraints, x.Parent) {
			add(constraintClass, x.OID, constraintClass, x.Parent, 0, "P")
			add(constraintClass, x.OID, relationClass, x.Relation, 0, "S")
		}
	}
	return b.String()
}

func shownComments(shown *catalog.Shown, r *catalog.Relation, system []string) string {
	var b strings.Builder
	for i := range shown.Indexes {
		if x := &shown.Indexes[i]; x.IsConstraint() && x.Comment != "" {
			addedRow(&b, r, map[string]string{"objoid": fmt.Sprint(x.OID), "classoid": fmt.Sprint(constraintClass), "objsubid": "0", "description": quoteText(x.Comment)}, system)
		}
	}
	return b.String()
}

// addedRow adds a row to a catalog: the named columns, and NULL in the others.
func addedRow(b *strings.Builder, r *catalog.Relation, values map[string]string, system []string) {
	b.WriteString(" UNION ALL SELECT ")
	for i := range r.Columns {
		if i > 0 {
			b.WriteString(", ")
		}
		c := &r.Columns[i]
		switch v := values[c.Name]; {
		case v == "":
			b.WriteString("NULL")
		case c.TypeOID == oidChar:
			b.WriteString(v + `::"char"`)
		default:
			b.WriteString(v)
			if t := catalogTypes[c.TypeOID]; t != "" {
				b.WriteString("::pg_catalog." + t)
			}
		}
	}
	for _, name := range system {
		if name == "tableoid" {
			fmt.Fprintf(b, ", %d::pg_catalog.oid", r.OID)
		} else {
			b.WriteString(", NULL")
		}
	}
}

const oidChar = 18 // "char"

var catalogTypes = map[uint32]string{
	19: "name", 21: "int2", 23: "int4", 25: "text", 26: "oid", 1005: "_int2",
}

// columnSQL is the list of a constraint's columns.
func columnSQL(elements []catalog.ShownElement) string {
	var list []string
	for i := range elements {
		list = append(list, elements[i].Column)
	}
	return strings.Join(list, ", ")
}

// call is what is written around the call of a function that prints
// definitions. With casts, before and after replace its name and brackets, and
// each argument is cast.
type call struct {
	before, after string
	casts         []string
}

// shownCall says how the call of a function is shown otherwise, nil if it is
// not.
func shownCall(snap *catalog.Snapshot, name string, args int) *call {
	if !slices.Contains(catalog.ShownFunctions, name) {
		return nil
	}
	return snap.Shown().Derive(fmt.Sprintf("function %s %d", name, args), func() any {
		switch name {
		case "pg_get_indexdef":
			return indexDefinitionCall(snap.Shown(), args)
		case "pg_get_constraintdef":
			return constraintDefinitionCall(snap.Shown(), args)
		case "pg_index_column_has_property":
			return indexPropertyCall(snap.Shown(), args)
		}
		return definitionCall(snap, name)
	}).(*call)
}

func indexDefinitionCall(shown *catalog.Shown, args int) *call {
	const withColumn = 3
	if len(shown.Indexes) == 0 || args != 1 && args != withColumn {
		return nil
	}
	var choices []branch
	for i := range shown.Indexes {
		x := &shown.Indexes[i]
		whole, element := "q.d", "q.d"
		for k := range x.Elements {
			e := &x.Elements[k]
			if !e.Term {
				continue
			}
			as := shownAsElement(shown, e)
			if e.Note != "" {
				form := notedForm(e)
				// Pretty printing leaves out brackets.
				name := as[0]
				if args == withColumn && as[0] != as[1] {
					name = "CASE WHEN q.c THEN " + quoteText(as[1]) + " ELSE " + quoteText(as[0]) + " END"
				} else {
					name = quoteText(name)
				}
				whole = fmt.Sprintf("pg_catalog.regexp_replace(%s, %s, %s)", whole, quoteText(form), elementSQL(e, name))
				element = fmt.Sprintf("pg_catalog.regexp_replace(%s, %s, %s)", element, quoteText(form), name)
				continue
			}
			function := catalog.TermFunction(e.Fold)
			for i, form := range []string{function + "((" + e.Column + ")::bytea)", function + "(" + e.Column + "::bytea)"} {
				for _, order := range []string{madeOrder, ""} {
					if order == "" || x.Made {
						whole = fmt.Sprintf("pg_catalog.replace(%s, %s, %s)", whole, quoteText(form+order), elementSQL(e, quoteText(as[i])))
						element = fmt.Sprintf("pg_catalog.replace(%s, %s, %s)", element, quoteText(form+order), quoteText(as[i]))
					}
				}
			}
		}
		if args == withColumn && whole != element {
			whole = "CASE WHEN q.b = 0 THEN " + whole + " ELSE " + element + " END"
		}
		choices = append(choices, branch{fmt.Sprintf("q.a = %d", x.OID), whole})
	}
	c := &call{casts: []string{")::pg_catalog.oid AS a"}}
	inner, passed := "r.a", "r.a"
	if args == withColumn {
		c.casts = append(c.casts, ")::pg_catalog.int4 AS b", ")::pg_catalog.bool AS c")
		inner, passed = "r.a, r.b, r.c", "r.a, r.b, r.c"
	}
	c.before = "(SELECT " + oneOf(choices, "q.d") + " AS pg_get_indexdef FROM (SELECT pg_catalog.pg_get_indexdef(" + inner + ") AS d, " + passed + " FROM (SELECT ("
	c.after = ") r) q)"
	return c
}

// shownAsElement is how the server would print the element of the plain table: with all
// brackets, and without those that it need not have.
func shownAsElement(shown *catalog.Shown, e *catalog.ShownElement) [2]string {
	if e.Fold == 0 {
		return [2]string{e.Column, e.Column}
	}
	function := catalog.FoldName(e.Fold)
	i := slices.IndexFunc(shown.Types, func(t catalog.ShownType) bool { return t.Domain == e.Domain })
	if i >= 0 && shown.Types[i].OID == logical.OIDText {
		return [2]string{function + "(" + e.Column + ")", function + "(" + e.Column + ")"}
	}
	return [2]string{function + "((" + e.Column + ")::text)", function + "(" + e.Column + "::text)"}
}

// notedForm is a regular expression for an element with a note, as the server prints
// it.
func notedForm(e *catalog.ShownElement) string {
	return regexp.QuoteMeta(catalog.TermFunction(e.Fold)) + `\(\s*CASE\s+WHEN \(*'` + regexp.QuoteMeta(e.Note) + `'[^\n]*IS NOT NULL\)? THEN \(?` + regexp.QuoteMeta(e.Column) + `\)?::bytea\s+ELSE NULL::bytea\s+END\)`
}

// elementSQL gives the element, as SQL without what stands behind it, as the client wrote
// it. Whether the name of its collation has a schema depends on the session's search path.
func elementSQL(e *catalog.ShownElement, element string) string {
	behind := e.Suffix
	behind.Collation = ""
	switch {
	case e.Suffix.Collation != "":
		return fmt.Sprintf("pg_catalog.concat(%s, ' COLLATE ', %d::pg_catalog.regcollation, %s)", element, e.Collation, quoteText(behind.String()))
	case behind == catalog.Suffix{}:
		return element
	}
	return "pg_catalog.concat(" + element + ", " + quoteText(behind.String()) + ")"
}

func constraintDefinitionCall(shown *catalog.Shown, args int) *call {
	var choices []branch
	for i := range shown.Indexes {
		x := &shown.Indexes[i]
		if !x.IsConstraint() {
			continue
		}
		text := "UNIQUE "
		if x.NullsEqual {
			text += "NULLS NOT DISTINCT "
		}
		text += "(" + columnSQL(x.Elements[:x.KeyColumns]) + ")"
		if len(x.Elements) > x.KeyColumns {
			text += " INCLUDE (" + columnSQL(x.Elements[x.KeyColumns:]) + ")"
		}
		choices = append(choices, branch{fmt.Sprintf("r.a = %d", x.OID), quoteText(text)})
	}
	if len(choices) == 0 || args < 1 || args > 2 {
		return nil
	}
	c := &call{casts: []string{")::pg_catalog.oid AS a"}}
	inner := "r.a"
	if args == 2 {
		c.casts = append(c.casts, ")::pg_catalog.bool AS b")
		inner = "r.a, r.b"
	}
	c.before = "(SELECT " + oneOf(choices, "pg_catalog.pg_get_constraintdef("+inner+")") + " AS pg_get_constraintdef FROM (SELECT ("
	c.after = ") r)"
	return c
}

// indexPropertyCall is for the order of terms, which is not that of the column where it
// marks a constraint or where the index has a note of it.
func indexPropertyCall(shown *catalog.Shown, args int) *call {
	const descending, nullsFirst = 1, 2                  // in pg_index.indoption
	const property = `pg_catalog.lower(r.c COLLATE "C")` // names are taken in any case
	var choices []branch
	for i := range shown.Indexes {
		x := &shown.Indexes[i]
		for k, e := range x.Elements[:x.KeyColumns] {
			if !e.Term || !x.Made && e.Note == "" {
				continue
			}
			order, nulls := "asc", "nulls_last"
			if e.Option&descending != 0 {
				order = "desc"
			}
			if e.Option&nullsFirst != 0 {
				nulls = "nulls_first"
			}
			choices = append(choices, branch{
				fmt.Sprintf("r.a = %d AND r.b = %d AND %s = ANY (E'{asc,desc,nulls_first,nulls_last}')", x.OID, k+1, property),
				fmt.Sprintf("%s = ANY (E'{%s,%s}') AND pg_catalog.pg_index_column_has_property(r.a, r.b, 'orderable')", property, order, nulls)})
		}
	}
	if len(choices) == 0 || args != 3 {
		return nil
	}
	return &call{
		before: "(SELECT " + oneOf(choices, "pg_catalog.pg_index_column_has_property(r.a, r.b, r.c)") + " AS pg_index_column_has_property FROM (SELECT (",
		after:  ") r)",
		casts:  []string{")::pg_catalog.regclass AS a", ")::pg_catalog.int4 AS b", ")::pg_catalog.text AS c"},
	}
}

// Regular expressions for the server: an identifier as it prints one, and a
// reference to a column.
const (
	identifier = `(?:[a-z_][a-z0-9_$]*|"(?:[^"]|"")+")`
	columnName = identifier + `(?:\.` + identifier + `)*`
)

// definitionCall is for queries: terms become the columns again, with the cast
// to text that PostgreSQL prints where it compares varchar.
func definitionCall(snap *catalog.Snapshot, name string) *call {
	if len(snap.Shown().Types) == 0 {
		return nil
	}
	c := &call{before: "(SELECT ", after: " AS " + name + ")"}
	around := func(pattern, replacement string) {
		c.before += "pg_catalog.regexp_replace("
		c.after = ", " + quoteText(pattern) + ", " + quoteText(replacement) + ", 'g')" + c.after
	}
	around(`pgseal\.eq\(\(?(`+columnName+`)\)?::bytea\)`, `\1`)
	if names := varcharNames(snap); len(names) > 0 {
		column := `(` + `(?:` + columnName + `\.)?(?:` + strings.Join(names, "|") + `))`
		around(`pgseal\.eq\(`+column+`::bytea\)`, `\1::text`)
		around(`pgseal\.eq\(\(`+column+`\)::bytea\)`, `(\1)::text`)
	}
	return c
}

// varcharNames are patterns for the names that only sealed columns of type
// varchar have, of all that are sealed.
func varcharNames(snap *catalog.Snapshot) (patterns []string) {
	others := map[string]bool{}
	varchars := map[string]bool{}
	for _, r := range snap.Relations() {
		for i := range r.Columns {
			switch c := &r.Columns[i]; {
			case c.Sealed == nil:
			case c.Sealed.Type.OID == logical.OIDVarchar:
				varchars[c.Name] = true
			default:
				others[c.Name] = true
			}
		}
	}
	for name := range varchars {
		if !others[name] {
			quoted := regexp.QuoteMeta(name)
			patterns = append(patterns, quoted, `"`+strings.ReplaceAll(quoted, `"`, `""`)+`"`)
		}
	}
	slices.Sort(patterns)
	return patterns
}

// shownStatistics are the columns of a view of statistics that hold values, which of a
// sealed column are envelopes. sealed is the condition for that, "" if none is sealed.
func shownStatistics(sealed string, names ...string) map[string]string {
	if sealed == "" {
		return nil
	}
	columns := map[string]string{}
	for _, name := range names {
		columns[name] = "CASE WHEN NOT (" + sealed + ") THEN " + name + " END"
	}
	return columns
}

func sealedAttributes(snap *catalog.Snapshot) string {
	var list []string
	for _, r := range snap.Relations() {
		for i := range r.Columns {
			if r.Columns[i].Sealed != nil {
				list = append(list, "("+quoteText(r.Schema)+", "+quoteText(r.Name)+", "+quoteText(r.Columns[i].Name)+")")
			}
		}
	}
	if len(list) == 0 {
		return ""
	}
	return "(schemaname, tablename, attname) IN (" + strings.Join(list, ", ") + ")"
}

// sealedTogether is sealedAttributes for a row of pg_stats_ext, which is about several.
func sealedTogether(snap *catalog.Snapshot) string {
	sealed := sealedAttributes(snap)
	if sealed == "" {
		return ""
	}
	return "EXISTS (SELECT FROM pg_catalog.unnest(attnames) AS u(attname) WHERE " + sealed + ")"
}

// statisticsFilter leaves out what the server gathered of pgseal's tables and of
// terms.
func statisticsFilter(snap *catalog.Snapshot) string {
	filter := "schemaname <> ALL (E'{pgseal,pgseal_column}'::name[])"
	var names []string
	for i := range snap.Shown().Indexes {
		names = append(names, quoteText(snap.Shown().Indexes[i].Name))
	}
	if len(names) > 0 {
		filter += " AND tablename <> ALL (ARRAY[" + strings.Join(names, ", ") + "]::name[])"
	}
	return filter
}

func indexOIDs(shown *catalog.Shown) (oids []uint32) {
	for i := range shown.Indexes {
		oids = append(oids, shown.Indexes[i].OID)
	}
	return oids
}
