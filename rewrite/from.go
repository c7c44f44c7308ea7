package rewrite

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// from analyses a FROM clause into sc.
func (a *analysis) from(list []*pg.Node, sc *scope) {
	for _, n := range list {
		sc.items = append(sc.items, a.fromItem(n, sc, sc.items)...)
	}
}

// fromItem analyses one entry of a FROM clause; lateral are the items before
// it, which it may refer to where SQL lets it.
func (a *analysis) fromItem(n *pg.Node, sc *scope, lateral []*item) []*item {
	beside := &scope{items: lateral, outer: sc.outer, ctes: sc.ctes}
	switch x := n.GetNode().(type) {
	case *pg.Node_RangeVar:
		return []*item{a.rangeVar(x.RangeVar, sc)}
	case *pg.Node_RangeTableSample:
		truth := a.truth
		a.truth = true
		items := a.fromItem(x.RangeTableSample.Relation, sc, lateral)
		a.truth = truth
		for _, arg := range x.RangeTableSample.Args {
			a.plain(arg, beside)
		}
		a.plain(x.RangeTableSample.Repeatable, beside)
		return items
	case *pg.Node_RangeSubselect:
		inner := &scope{outer: &scope{beside: lateral, unmarked: true, outer: sc.outer, ctes: sc.ctes}, ctes: sc.ctes}
		if x.RangeSubselect.Lateral {
			inner = beside
		}
		if sc.shown {
			a.showing = x.RangeSubselect.Subquery.GetSelectStmt()
		}
		it := queryItem("", a.query(x.RangeSubselect.Subquery, inner))
		it.byName = x.RangeSubselect.Alias != nil
		a.alias(it, x.RangeSubselect.Alias)
		it.rows = it.byName && !it.open && givesRows(x.RangeSubselect.Subquery.GetSelectStmt(), sc.ctes)
		return []*item{it}
	case *pg.Node_RangeFunction:
		return []*item{a.rangeFunction(x.RangeFunction, beside)}
	case *pg.Node_JoinExpr:
		return a.join(x.JoinExpr, sc, lateral)
	case *pg.Node_RangeTableFunc:
		it := &item{name: "xmltable", byName: true, byColumn: true}
		a.plain(x.RangeTableFunc.Docexpr, beside)
		a.plain(x.RangeTableFunc.Rowexpr, beside)
		for _, ns := range x.RangeTableFunc.Namespaces {
			a.plain(ns, beside)
		}
		for _, c := range x.RangeTableFunc.Columns {
			if col := c.GetRangeTableFuncCol(); col != nil {
				it.columns = append(it.columns, column{name: col.Colname})
			}
			a.generic(c.ProtoReflect(), beside)
		}
		a.alias(it, x.RangeTableFunc.Alias)
		return []*item{it}
	case *pg.Node_JsonTable:
		it := &item{name: "json_table", byName: true, byColumn: true}
		it.columns = jsonColumns(x.JsonTable.Columns)
		alias := x.JsonTable.Alias
		x.JsonTable.Alias = nil
		a.generic(x.JsonTable.ProtoReflect(), beside)
		a.alias(it, alias)
		return []*item{it}
	default:
		a.plain(n, beside)
		return []*item{{open: true, byName: true, byColumn: true}}
	}
}

// jsonColumns are the columns of JSON_TABLE, those of nested paths included.
func jsonColumns(list []*pg.Node) (columns []column) {
	for _, n := range list {
		if c := n.GetJsonTableColumn(); c != nil {
			if c.Coltype == pg.JsonTableColumnType_JTC_NESTED {
				columns = append(columns, jsonColumns(c.Columns)...)
			} else {
				columns = append(columns, column{name: c.Name})
			}
		}
	}
	return columns
}

// rangeVar is a relation or a CTE.
func (a *analysis) rangeVar(rv *pg.RangeVar, sc *scope) *item {
	if rv.Schemaname == "" {
		if c := sc.ctes.find(rv.Relname); c != nil {
			it := queryItem(rv.Relname, a.cteColumns(c))
			a.alias(it, rv.Alias)
			return it
		}
	}
	it := a.baseItem(rv)
	a.show(rv, it)
	return it
}

// functionColumns names the outputs of the set-returning functions of
// PostgreSQL whose outputs do not depend on the call; those that give one
// scalar are named like their alias or like themselves.
var functionColumns = map[string][]string{
	"generate_series": nil, "generate_subscripts": nil, "jsonb_array_elements": {"value"}, "json_array_elements": {"value"},
	"jsonb_array_elements_text": {"value"}, "json_array_elements_text": {"value"}, "jsonb_object_keys": nil,
	"json_object_keys": nil, "jsonb_each": {"key", "value"}, "json_each": {"key", "value"},
	"jsonb_each_text": {"key", "value"}, "json_each_text": {"key", "value"}, "regexp_split_to_table": nil,
	"regexp_matches": nil, "string_to_table": nil, "now": nil,
}

// rangeFunction is a function in FROM.
func (a *analysis) rangeFunction(f *pg.RangeFunction, beside *scope) *item {
	it, defined := &item{byName: true, byColumn: true}, f.Coldeflist
	for i, n := range f.Functions {
		items := listOf(n)
		if len(items) == 0 {
			continue
		}
		call := items[0].GetFuncCall()
		if a.unnestedItem(it, f, call, beside) {
			if i == 0 {
				it.name = "unnest"
			}
			continue
		}
		if a.recordItem(it, f, call, beside) {
			it.name, defined = last(names(call.Funcname)), nil
			continue
		}
		outer, around := a.fromFunction, a.fromRange
		a.fromFunction, a.fromRange = call, f
		a.plain(items[0], beside)
		a.fromFunction, a.fromRange = outer, around
		name := "" // of what only looks like a function: current_date, CAST(…)
		if call != nil {
			name = last(names(call.Funcname))
		}
		if i == 0 {
			it.name = name
		}
		var defs []*pg.Node
		if len(items) > 1 && items[1].GetNode() != nil {
			defs = listOf(items[1])
		}
		a.functionOutputs(it, f, call, name, defs)
	}
	for _, d := range defined {
		it.columns = append(it.columns, column{name: d.GetColumnDef().GetColname()})
		a.typeName(d.GetColumnDef().GetTypeName(), beside)
	}
	if f.Ordinality {
		it.columns = append(it.columns, column{name: "ordinality"})
	}
	a.alias(it, f.Alias)
	return it
}

func (a *analysis) functionOutputs(it *item, f *pg.RangeFunction, call *pg.FuncCall, name string, defs []*pg.Node) {
	outputs, known := functionColumns[name]
	switch {
	case len(f.Coldeflist) > 0:
	case len(defs) > 0:
		for _, d := range defs {
			it.columns = append(it.columns, column{name: d.GetColumnDef().GetColname()})
			a.typeName(d.GetColumnDef().GetTypeName(), nil)
		}
	case name == "unnest" && call != nil:
		for range call.Args {
			it.columns = append(it.columns, column{name: scalarName(f, name)})
		}
	case !known || call == nil:
		it.columns = append(it.columns, column{rest: true})
		it.open = true
	case outputs == nil:
		it.columns = append(it.columns, column{name: scalarName(f, name)})
	default:
		for _, o := range outputs {
			it.columns = append(it.columns, column{name: o})
		}
	}
}

// scalarName is the name of the column of a function that returns a scalar.
func scalarName(f *pg.RangeFunction, name string) string {
	if f.Alias != nil && len(f.Functions) == 1 {
		return f.Alias.Aliasname
	}
	return name
}

// namesOnly says whether all columns in a condition are of these.
func namesOnly(n *pg.Node, items []*item) bool {
	return !anywhere(n.ProtoReflect(), func(m protoreflect.Message) bool {
		ref, ok := m.Interface().(*pg.ColumnRef)
		if !ok {
			return false
		}
		parts := names(ref.Fields)
		return len(parts) > 2 || !slices.ContainsFunc(items, func(it *item) bool {
			return it.column(last(parts)) != nil && (len(parts) == 1 && it.byColumn || len(parts) == 2 && it.byName && it.name == parts[0])
		})
	})
}

// join analyses a join and gives its items: those of both sides, and one for
// the join itself where it has columns or a name of its own.
func (a *analysis) join(j *pg.JoinExpr, sc *scope, lateral []*item) []*item {
	if j.Alias != nil { // its name is a row of all that it joins
		a.namedJoins++
		defer func() { a.namedJoins-- }()
	}
	left := a.fromItem(j.Larg, sc, lateral)
	right := a.fromItem(j.Rarg, sc, append(lateral[:len(lateral):len(lateral)], left...))
	both := append(left[:len(left):len(left)], right...)
	merged := names(j.UsingClause)
	if j.IsNatural {
		merged = a.naturalColumns(left, right)
	}
	for _, name := range merged {
		a.mergeable(name, left, j)
		a.mergeable(name, right, j)
	}
	saved := a.around
	if a.around = nil; j.Jointype == pg.JoinType_JOIN_INNER && a.namedJoins == 0 && sc.query.GetWhereClause() != nil && !a.joinsOuter() {
		a.around = slices.DeleteFunc(conjuncts(nil, sc.query.WhereClause), func(n *pg.Node) bool { return !namesOnly(n, both) })
	}
	a.findsBy(j.Quals, &scope{items: both, beside: lateral, earlier: true, outer: sc.outer, ctes: sc.ctes})
	a.around = saved
	if len(merged) == 0 && j.Alias == nil {
		return both
	}
	joined := &item{byColumn: true}
	for _, name := range merged {
		joined.columns = append(joined.columns, column{name: name})
	}
	for _, it := range both {
		if !it.byColumn {
			continue
		}
		joined.open = joined.open || it.open
		for i, c := range it.columns {
			if c.rest || !contains(merged, c.name) {
				c.same = it.columns[i].self()
				joined.columns = append(joined.columns, c)
			}
		}
		it.byColumn = false
	}
	if j.JoinUsingAlias != nil {
		using := &item{name: j.JoinUsingAlias.Aliasname, byName: true}
		for _, name := range merged {
			using.columns = append(using.columns, column{name: name})
		}
		both = append(both, using)
	}
	if j.Alias != nil {
		joined.byName = true
		for i := range joined.columns {
			joined.columns[i].wraps = nil
		}
		a.alias(joined, j.Alias)
		for _, it := range both {
			it.byName = false
		}
		joined.hides = both
		return []*item{joined}
	}
	return append(both, joined)
}

func contains(list []string, name string) bool {
	for _, s := range list {
		if s == name {
			return true
		}
	}
	return false
}

// mergeable refuses USING and NATURAL over a sealed column: they would compare
// envelopes.
func (a *analysis) mergeable(name string, side []*item, j *pg.JoinExpr) {
	for _, it := range side {
		c := it.column(name)
		if c != nil && it.byColumn {
			a.asPlain(c.constants)
		}
		if it.byColumn && c != nil && c.sealed != nil {
			how := "USING"
			if j.IsNatural {
				how = "NATURAL JOIN"
			}
			a.fail(refuseJoinColumn(c.sealed, location(j.Larg), how))
		}
	}
}

// naturalColumns are the names that both sides of a join have.
func (a *analysis) naturalColumns(left, right []*item) (common []string) {
	sides := [][]*item{left, right}
	for i, side := range sides {
		for _, it := range side {
			for _, c := range it.columns {
				if !it.byColumn || c.rest {
					continue
				}
				in, open := offers(sides[1-i], c.name)
				if in && i == 0 && !contains(common, c.name) {
					common = append(common, c.name)
				}
				if !in && open != nil && c.sealed != nil {
					a.doubtful(open, c.name, -1, c.sealed)
				}
			}
		}
	}
	return common
}

// offers says whether one of the items has a column of the name, or else which
// of them may have.
func offers(items []*item, name string) (has bool, maybe *item) {
	for _, it := range items {
		if !it.byColumn {
			continue
		}
		if it.column(name) != nil {
			return true, nil
		}
		if it.open && mayHave(it, name) {
			maybe = it
		}
	}
	return false, maybe
}

// isStar says whether a reference is * or t.*.
func isStar(ref *pg.ColumnRef) (star bool, qualifier []string) {
	n := len(ref.Fields)
	if n == 0 || ref.Fields[n-1].GetAStar() == nil {
		return false, nil
	}
	return true, names(ref.Fields[:n-1])
}

// starItems are the items whose columns a star stands for.
func (a *analysis) starItems(qualifier []string, sc *scope) (items []*item) {
	if len(qualifier) > 0 {
		if it := qualifiedItem(qualifier, sc); it != nil {
			return []*item{it}
		}
		return nil
	}
	if sc == nil {
		return nil
	}
	for _, it := range sc.items {
		if it.byColumn {
			items = append(items, it)
		}
	}
	return items
}
