package rewrite

import (
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/catalog"
)

// tempAlias is the schema name by which every session calls its own temporary
// schema, whose real name is pg_temp_N.
const tempAlias = "pg_temp"

// found is what a relation's name stands for: one relation, or several of which
// none has a sealed column, or nothing that the snapshot knows.
type found struct {
	relation   *catalog.Relation
	candidates []*catalog.Relation // several plain ones: the path would decide
}

// relation resolves a name as the session would, CTEs apart.
func (a *analysis) relation(schema, name string) found {
	f := a.known(schema, name)
	f.relation = a.withAdded(f.relation)
	return f
}

// known is relation without the columns that have been added.
func (a *analysis) known(schema, name string) found {
	named := a.snap.Named(name)
	if len(named) == 0 {
		a.snap.MissName(name)
	}
	if a.follows(name) {
		return a.relationNow(schema, name)
	}
	sealed := false
	if _, ok := a.changed[name]; ok {
		a.changedNamed = name
	}
	if schema != "" {
		kept := named[:0:0]
		for _, r := range named {
			if r.Schema == schema || schema == tempAlias && strings.HasPrefix(r.Schema, tempAlias+"_") {
				kept = append(kept, r)
				sealed = sealed || r.Sealed
			}
		}
		if schema == tempAlias && a.path != nil {
			a.pathIsUsed = true
			kept = onPath(kept, a.path)
		}
		named = kept
	} else {
		for _, r := range named {
			sealed = sealed || r.Sealed
		}
	}
	switch {
	case len(named) == 0:
		return found{}
	case len(named) > 1 && sealed && (a.pathSet || a.remade.opaque):
		a.fail(refuseMixedText(name, -1))
		return found{}
	case len(named) == 1 && schema == "" && named[0].Sealed && a.newlyNamed(name) && !a.pathSet:
		// A relation made by this very text may stand before it in the path.
		if reached := a.reached(named); len(reached) > 0 {
			a.sealedNamed = true
			return found{relation: reached[0]}
		}
		return found{}
	case len(named) == 1 && schema == "" && named[0].Sealed && a.path != nil && !a.pathSet && len(a.reached(named)) == 0:
		return found{}
	case len(named) == 1:
		if named[0].Sealed {
			a.sealedNamed = true
			// Another of the name may have been made since, before it in the path.
			a.assumed = a.assumed || schema == "" && named[0].Schema != "public"
			a.reaches(schema, named[0])
		}
		return found{relation: named[0]}
	case a.path != nil:
		a.pathIsUsed = true
		if named = onPath(named, a.path); len(named) == 0 {
			return found{}
		}
		if named[0].Sealed {
			a.sealedNamed = true
		}
		return found{relation: named[0]}
	case sealed:
		a.fail(ErrNeedSearchPath)
		return found{relation: named[0]}
	}
	return found{candidates: named}
}

// reaches notes that an unqualified name was taken for the only relation of it
// that is known, in a schema that the path need not have.
func (a *analysis) reaches(schema string, r *catalog.Relation) {
	switch {
	case schema != "" || r.Schema == "public":
	case a.path != nil:
		a.pathIsUsed = true
	case !slices.Contains(a.presumed, r.Schema):
		a.presumed = append(a.presumed, r.Schema)
	}
}

// onPath puts the relations that the path reaches in its order.
func onPath(named []*catalog.Relation, path []string) (reached []*catalog.Relation) {
	for _, schema := range path {
		for _, r := range named {
			if r.Schema == schema {
				reached = append(reached, r)
			}
		}
	}
	return reached
}

// newlyNamed says whether a statement of the text before this one has changed
// what a name stands for.
func (a *analysis) newlyNamed(name string) bool {
	_, ok := a.changed[name]
	return ok
}

// reached gives those of the relations that the search path reaches, in its
// order. While the path is not known, it is asked for, unless they are all where
// every path leads.
func (a *analysis) reached(named []*catalog.Relation) []*catalog.Relation {
	if a.path == nil && !slices.ContainsFunc(named, func(r *catalog.Relation) bool { return r.Schema != "public" }) {
		return named
	}
	if a.path == nil {
		a.fail(ErrNeedSearchPath)
		return named
	}
	a.pathIsUsed = true
	return onPath(named, a.path)
}

// pathReaches says whether the search path reaches a relation, which refuses what is
// planned: a path that is not known is asked for first.
func (a *analysis) pathReaches(r *catalog.Relation) bool {
	if a.path == nil {
		a.fail(ErrNeedSearchPath)
		return false
	}
	return len(a.reached([]*catalog.Relation{r})) > 0
}

// sealedRelation says whether the name of a type or function could be that of a
// relation with sealed columns.
func (a *analysis) sealedRelation(parts []string) bool {
	if len(parts) == 0 {
		return false
	}
	var sealed []*catalog.Relation
	for _, r := range a.snap.Named(last(parts)) {
		if r.Sealed && (len(parts) == 1 || r.Schema == parts[len(parts)-2] || strings.HasPrefix(parts[len(parts)-2], tempAlias)) {
			sealed = append(sealed, r)
		}
	}
	if len(sealed) == 0 || len(parts) > 1 || a.pathMoved {
		return len(sealed) > 0
	}
	return len(a.reached(sealed)) > 0
}

// names gives the parts of a qualified name.
func names(nodes []*pg.Node) (parts []string) {
	for _, n := range nodes {
		parts = append(parts, n.GetString_().GetSval())
	}
	return parts
}

func last(parts []string) string {
	if len(parts) == 0 {
		return ""
	}
	return parts[len(parts)-1]
}

// systemColumn says whether every table has a column of that name.
func systemColumn(name string) bool {
	switch name {
	case "ctid", "xmin", "xmax", "cmin", "cmax", "tableoid":
		return true
	}
	return false
}

// scope is where names are looked up: the FROM items of one query level, then
// those of the levels around it.
type scope struct {
	items []*item
	outer *scope
	ctes  *ctes
	// grouped are the sealed columns of items by whose terms the query groups; collects:
	// what is analysed stands in an aggregate, which sees the rows of a group.
	grouped  grouped
	collects bool
	// beside are what PostgreSQL has at hand here as well, but not under a name, in front
	// of items if earlier; the last of items are versions of others: see similar.
	beside   []*item
	earlier  bool
	versions int
	// unmarked: LATERAL would give them their names.
	unmarked bool
	// ranges are conditions of WHERE that the session computes, in each aggregate.
	ranges []*pg.Node
	// groupsByExpression: not only by columns.
	groupsByExpression bool
	// regroups are the groups that the session makes, nil for those of the server.
	regroups *regrouping
	// firsts are so many items of ORDER BY that tell rows apart of which the session shows the
	// first ones, 0 if the server does.
	firsts int
	// query is the one whose FROM items are, nil for a statement that is none.
	query *pg.SelectStmt
	// windows is the query, where what is analysed may have window functions that the session
	// computes.
	windows *pg.SelectStmt
	// behind: what is analysed is a condition on what windows give, sealed or not.
	behind bool
	// servedWindows are the names of those of the WINDOW clause that functions of the server's have.
	servedWindows []string
	// shown: the client gets the rows of the query as they are, so that its outputs can be
	// computed.
	shown bool
	// returns: they are those that the statement has written, so that an output that is computed
	// must have a value whatever the row has. Conditions are the server's to decide, by terms.
	returns bool
	// crossed, if not nil, has the names of columns inside that are not found there.
	crossed *[][]string
	// conditions are those between whose ANDs the query inside stands.
	conditions []*pg.Node
}

// crosses notes where a name is not found inside of. A lone one that is no column there may be a
// column further out, before it is a whole row.
func (sc *scope) crosses(parts []string) {
	for level := sc; level != nil; level = level.outer {
		for _, it := range level.items {
			switch n := len(parts); {
			case n == 1 && it.byColumn && it.column(parts[0]) != nil,
				n > 1 && it.byName && it.name == parts[n-2] && (n == 2 || it.schema == parts[n-3]):
				return
			}
		}
		if level.crossed != nil {
			*level.crossed = append(*level.crossed, parts)
		}
	}
}

// empty says that no name is in scope: what VALUES gives to INSERT refers to nothing.
func (sc *scope) empty() bool {
	for ; sc != nil; sc = sc.outer {
		if len(sc.items) > 0 {
			return false
		}
	}
	return true
}

// groups says whether a query, this one or one around it, groups by the term of
// a column.
func (sc *scope) groups(c *column) bool {
	for ; sc != nil; sc = sc.outer {
		if _, ok := sc.grouped[c.self()]; ok {
			return true
		}
	}
	return false
}

// leavesOut says whether it does so in grouping sets.
func (sc *scope) leavesOut(c *column) bool {
	for ; sc != nil; sc = sc.outer {
		if inSets, ok := sc.grouped[c.self()]; ok {
			return inSets
		}
	}
	return false
}

// ctes is the WITH clause of one query level.
type ctes struct {
	byName map[string]*cte
	outer  *ctes
}

type cteState uint8

const (
	ctePending cteState = iota
	cteRunning
	cteDone
)

type cte struct {
	node    *pg.CommonTableExpr
	state   cteState
	columns []column
	scope   *scope // where its query is analysed
	// recursive: its query asks for it.
	recursive bool
	shown     bool // see scope
}

func (c *ctes) find(name string) *cte {
	for ; c != nil; c = c.outer {
		if found := c.byName[name]; found != nil {
			return found
		}
	}
	return nil
}

// reference is what a column reference stands for.
type reference struct {
	column *column // sealed or plain; nil: plain, or nothing that is known
	row    *item   // a whole row of it
}

// resolve looks a column reference up.
func (a *analysis) resolve(ref *pg.ColumnRef, sc *scope) reference {
	var parts []string
	for _, f := range ref.Fields {
		if s := f.GetString_(); s != nil {
			parts = append(parts, s.Sval)
		}
	}
	if len(parts) == 0 || len(parts) != len(ref.Fields) {
		return reference{} // stars are for outputs
	}
	sc.crosses(parts)
	if len(parts) == 1 {
		return a.unqualified(parts[0], ref.Location, sc)
	}
	it := qualifiedItem(parts[:len(parts)-1], sc)
	a.dropSchema(ref, it)
	if it == nil {
		a.unresolved(parts[len(parts)-2], ref.Location, sc, func(name string, position int32) *Refusal {
			return refuseNoEntry(name, position, sc.entryFor(parts[:len(parts)-1]), a.snap)
		})
		return reference{}
	}
	return a.member(it, last(parts), ref.Location, sc)
}

// member looks up one column of one item.
func (a *analysis) member(it *item, name string, position int32, sc *scope) reference {
	if c := it.column(name); c != nil {
		a.meet(c)
		return reference{column: c}
	}
	if it.open || it.base && systemColumn(name) || it.sealed() == nil {
		return reference{}
	}
	if !a.fresh {
		a.stale = true
		return reference{}
	}
	// Not a column: name(row) is called, if there is such a function.
	switch {
	case a.snap.RowFunction(name):
		a.fail(refuseRowFunction(name, position))
	case name == "count": // counts the rows, whatever is in them
	case slices.Contains(ofRows, name):
		a.fail(refuseRow(it.sealed(), position, it.name))
	default:
		a.fail(refuseNoColumn(it.name, name, position, sc, a.snap))
	}
	return reference{}
}

// ofRows are the functions of pg_catalog and the casts that take any row as their
// only argument.
var ofRows = []string{
	"array_agg", "any_value", "bpchar", "concat", "hash_record", "json_agg", "json_build_array", "jsonb_agg", "jsonb_build_array", "name",
	"num_nonnulls", "num_nulls", "pg_column_size", "pg_typeof", "quote_literal", "quote_nullable", "record_out", "record_send",
	"row_to_json", "text", "to_json", "to_jsonb", "varchar",
}

// qualifiedItem finds the item that a qualifier names: alias, or schema and
// relation.
func qualifiedItem(qualifier []string, sc *scope) *item {
	name := last(qualifier)
	for ; sc != nil; sc = sc.outer {
		for _, it := range sc.items {
			if !it.byName || it.name != name {
				continue
			}
			unsure := it.candidates != nil || it.unknown
			if len(qualifier) == 1 || it.schema == qualifier[len(qualifier)-2] || unsure && it.schema == "" {
				return it
			}
		}
	}
	return nil
}

// unqualified looks a lone name up, level by level.
func (a *analysis) unqualified(name string, position int32, sc *scope) reference {
	var doubt *item // an item further in that may have the column
	for level := sc; level != nil; level = level.outer {
		var hit *column
		for _, it := range level.items {
			if !it.byColumn {
				continue
			}
			if c := it.column(name); c != nil {
				// More than one is an error of the client's, which the server
				// reports; it must just not see a plaintext before.
				if hit == nil || hit.sealed == nil {
					hit = c
				}
			} else if it.base && systemColumn(name) {
				return reference{}
			}
		}
		if hit != nil {
			if hit.sealed != nil && doubt != nil {
				a.doubtful(doubt, name, position, hit.sealed)
			}
			a.meet(hit)
			return reference{column: hit}
		}
		for _, it := range level.items {
			if it.byColumn && it.open && doubt == nil && mayHave(it, name) {
				doubt = it
			}
		}
	}
	// No column: the whole row of an item of that name.
	for level := sc; level != nil; level = level.outer {
		for _, it := range level.items {
			if it.byName && it.name == name {
				a.allPlain(it.columns)
				a.meetRow(it)
				a.shownStar(it, position)
				if it.sealed() == nil {
					return reference{}
				}
				if doubt != nil {
					a.doubtful(doubt, name, position, it.sealed())
				}
				return reference{row: it}
			}
		}
	}
	if doubt == nil {
		a.unresolved(name, position, sc, func(name string, position int32) *Refusal { return refuseUndefined(name, position, sc, a.snap) })
	}
	return reference{}
}

// unresolved is for a name that nothing in scope has. The server would say so;
// but if a relation with sealed columns is in scope, one of them may bear the
// name by now, renamed in this very transaction perhaps, and the statement must
// not reach the server with a plaintext for it.
func (a *analysis) unresolved(name string, position int32, sc *scope, refuse func(string, int32) *Refusal) {
	if a.functionHas(name) {
		return
	}
	for level := sc; level != nil; level = level.outer {
		for _, it := range level.items {
			if it.relation == nil || !it.relation.Sealed {
				continue
			}
			if !a.fresh {
				a.stale = true
			} else {
				a.fail(refuse(name, position))
			}
			return
		}
	}
}

// mayHave says whether an open item can have a column of that name.
func mayHave(it *item, name string) bool {
	if it.candidates == nil {
		return true
	}
	for _, r := range it.candidates {
		if r.Column(name) != nil {
			return true
		}
	}
	return false
}

// doubtful is for a name that is a sealed column unless an item further in has
// a column of that name.
func (a *analysis) doubtful(it *item, name string, position int32, sealed *catalog.SealedColumn) {
	switch {
	case it.candidates != nil:
		a.fail(ErrNeedSearchPath)
	case it.unknown && !a.fresh:
		a.stale = true
	default:
		a.fail(refuseDoubtful(name, it.name, position, sealed))
	}
}

// baseItem is the item of a relation.
func (a *analysis) baseItem(rv *pg.RangeVar) *item {
	it := &item{name: rv.Relname, schema: rv.Schemaname, base: true, byName: true, byColumn: true}
	f := a.relation(rv.Schemaname, rv.Relname)
	switch {
	case f.relation != nil:
		it.relation = f.relation
		a.name(named{rv.Catalogname, rv.Schemaname, rv.Relname, f.relation})
		for i := range f.relation.Columns {
			c := &f.relation.Columns[i]
			it.columns = append(it.columns, column{name: c.Name, sealed: c.Sealed, typ: c.TypeOID, origin: origin{it, c.Name}})
		}
		if it.schema == "" {
			it.schema = f.relation.Schema
		}
	case f.candidates != nil:
		it.open, it.candidates = true, f.candidates
	default:
		it.open, it.unknown = true, true
		a.stale = true
	}
	a.alias(it, rv.Alias)
	return it
}

// alias gives an item another name and other names for its first columns.
func (a *analysis) alias(it *item, alias *pg.Alias) {
	if alias == nil {
		return
	}
	it.name, it.schema = alias.Aliasname, ""
	if len(alias.Colnames) > 0 {
		it.columns = slices.Clone(it.columns) // a CTE's are shared
	}
	for i, n := range alias.Colnames {
		name := n.GetString_().GetSval()
		if i < len(it.columns) {
			it.columns[i].name = name
		} else if it.open {
			it.columns = append(it.columns, column{name: name})
		}
	}
}
