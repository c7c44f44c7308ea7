package rewrite

import (
	"strconv"

	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/catalog"
)

// query analyses a query or a writing statement and gives its outputs.
func (a *analysis) query(n *pg.Node, outer *scope) []column {
	if a.err != nil {
		return nil
	}
	switch x := n.GetNode().(type) {
	case *pg.Node_SelectStmt:
		return a.selectStmt(x.SelectStmt, outer, nil)
	case *pg.Node_InsertStmt:
		return a.insertStmt(x.InsertStmt, outer)
	case *pg.Node_UpdateStmt:
		return a.update(x.UpdateStmt, outer)
	case *pg.Node_DeleteStmt:
		return a.delete(x.DeleteStmt, outer)
	case *pg.Node_MergeStmt:
		return a.merge(x.MergeStmt, outer)
	}
	a.plain(n, outer)
	return nil
}

// target is a column that a query's output is stored into.
type target struct {
	name   string
	sealed *catalog.SealedColumn
	typ    uint32 // of a plain one, 0 if it is not known
}

// selectStmt analyses a SELECT, VALUES or set operation. targets, if not nil,
// are the columns that its outputs are stored into.
func (a *analysis) selectStmt(s *pg.SelectStmt, outer *scope, targets []target) []column {
	if s == nil || a.err != nil {
		return nil
	}
	saved, truth := a.within, a.truth
	a.within, a.truth = "", a.truth || len(s.LockingClause) > 0
	defer func() { a.within, a.truth = saved, truth }()
	sc := &scope{outer: outer}
	if outer != nil {
		sc.ctes = outer.ctes
	}
	a.with(s.WithClause, sc)
	var outputs []column
	switch {
	case s.Op != pg.SetOperation_SETOP_NONE:
		outputs = a.setOperation(s, sc, targets, nil)
	case len(s.ValuesLists) > 0:
		outputs = a.values(s, sc, targets)
	default:
		outputs = a.simpleSelect(s, sc, targets)
	}
	a.tail(s, sc, outputs, targets)
	return outputs
}

// simpleSelect is SELECT … FROM … without what follows HAVING.
func (a *analysis) simpleSelect(s *pg.SelectStmt, sc *scope, targets []target) []column {
	a.from(s.FromClause, sc)
	if len(s.GroupClause) > 0 {
		a.groupBy(s, sc)
	}
	// In the server's order, in which parameters get their types.
	outputs := a.outputs(s.TargetList, sc, targets)
	a.condition(s.WhereClause, sc)
	a.in("GROUP BY", func() {
		for _, g := range s.GroupClause {
			a.groupItem(g, s.TargetList, sc, outputs)
		}
	})
	a.condition(s.HavingClause, sc)
	a.in("a window definition", func() {
		for _, w := range s.WindowClause {
			a.window(w.GetWindowDef(), sc)
		}
	})
	a.distinct(s, sc, outputs, targets)
	return outputs
}

// tail is ORDER BY, LIMIT and OFFSET.
func (a *analysis) tail(s *pg.SelectStmt, sc *scope, outputs []column, targets []target) {
	a.in("ORDER BY", func() {
		for _, n := range s.SortClause {
			n := n.GetSortBy().GetNode()
			// DISTINCT and set operations sort by outputs only.
			if s.DistinctClause == nil && s.Op == pg.SetOperation_SETOP_NONE && a.sortsByTruth(n, sc, outputs) {
				continue
			}
			a.sortItem(n, sc, outputs, targets)
		}
	})
	a.in("LIMIT", func() {
		a.plain(s.LimitCount, sc)
		a.plain(s.LimitOffset, sc)
	})
}

// sortItem is an item of ORDER BY or DISTINCT ON: the name of an output, the
// position of one, or an expression.
func (a *analysis) sortItem(n *pg.Node, sc *scope, outputs []column, targets []target) {
	if ref := n.GetColumnRef(); ref != nil && len(ref.Fields) == 1 && ref.Fields[0].GetString_() != nil {
		name := ref.Fields[0].GetString_().Sval
		found := false
		for i, c := range outputs {
			if c.rest || c.name != name {
				continue
			}
			found = true
			a.sortOutput(i, ref.Location, outputs, targets)
		}
		if found {
			return
		}
	}
	if a.position(n, outputs, targets) {
		return
	}
	a.plain(n, sc)
}

// position is an integer that stands for an output.
func (a *analysis) position(n *pg.Node, outputs []column, targets []target) bool {
	c := n.GetAConst()
	if c == nil || c.GetIval() == nil && c.GetFval() == nil {
		return false
	}
	a.steer(c.Location)
	if c.GetIval() == nil {
		return false // too large for a position, but not in every text of the shape
	}
	a.sortOutput(int(c.GetIval().Ival)-1, c.Location, outputs, targets)
	return true
}

// sortOutput refuses output i as a sort key if it is sealed, or may be.
func (a *analysis) sortOutput(i int, at int32, outputs []column, targets []target) {
	for k, c := range outputs {
		if c.rest {
			i = k // whatever stands behind may be meant
			break
		}
		if k == i {
			break
		}
	}
	for k := i; k >= 0 && k < len(outputs); k++ {
		a.asPlain(outputs[k].constants)
		if s := outputs[k].sealed; s != nil {
			a.fail(refuseUse(s, at, a.within))
		} else if k < len(targets) && targets[k].sealed != nil {
			a.fail(refuseStoreQuery(targets[k].sealed, at, a.within))
		}
		if !outputs[i].rest {
			break
		}
	}
}

// groupItem is an item of GROUP BY: a column of FROM before the name of an
// output, the position of an output, or an expression.
func (a *analysis) groupItem(n *pg.Node, list []*pg.Node, sc *scope, outputs []column) {
	if set := n.GetGroupingSet(); set != nil {
		for _, c := range set.Content {
			a.groupItem(c, nil, sc, outputs) // they leave out what is grouped by
		}
		return
	}
	if row := n.GetRowExpr(); row != nil && row.RowFormat == pg.CoercionForm_COERCE_IMPLICIT_CAST {
		for _, c := range row.Args {
			a.groupItem(c, list, sc, outputs)
		}
		return
	}
	if list != nil && a.groupTerm(n, list, sc) {
		return
	}
	if ref := n.GetColumnRef(); ref != nil && len(ref.Fields) == 1 && ref.Fields[0].GetString_() != nil {
		name := ref.Fields[0].GetString_().Sval
		if has, maybe := offers(sc.items, name); !has && a.groupByOutput(name, ref.Location, maybe, outputs) {
			return
		}
	}
	if a.position(n, outputs, nil) {
		return
	}
	a.plain(n, sc)
}

// groupByOutput is GROUP BY the name of an output, unless maybe has a column of
// that name.
func (a *analysis) groupByOutput(name string, at int32, maybe *item, outputs []column) (found bool) {
	for _, c := range outputs {
		if c.name != name || c.rest {
			continue
		}
		found = true
		a.asPlain(c.constants)
		if c.sealed == nil {
			continue
		}
		if maybe != nil {
			a.doubtful(maybe, name, at, c.sealed)
		}
		a.fail(refuseUse(c.sealed, at, a.within))
	}
	return found
}

// outputs analyses a SELECT or RETURNING list.
func (a *analysis) outputs(list []*pg.Node, sc *scope, targets []target) (outputs []column) {
	for _, n := range list {
		t := n.GetResTarget()
		if t == nil || a.err != nil {
			continue
		}
		if ref := t.Val.GetColumnRef(); ref != nil {
			if star, qualifier := isStar(ref); star {
				from := len(outputs)
				outputs = append(outputs, a.star(ref, qualifier, sc)...)
				a.storeStar(outputs, from, targets, ref.Location)
				continue
			}
		}
		if x := t.Val.GetAIndirection(); x != nil && x.Indirection[len(x.Indirection)-1].GetAStar() != nil {
			a.in("a row expansion", func() { a.plain(x.Arg, sc) })
			outputs = append(outputs, column{rest: true})
			continue
		}
		var c column
		if i := len(outputs); i < len(targets) && targets[i].sealed != nil && !behindRest(outputs) {
			// Its value gets its type when the whole query has been read.
			before := len(a.uses)
			a.store(t.Val, targets[i], sc)
			if t.Val.GetParamRef() != nil && len(a.uses) == before+1 {
				a.uses[before].bare = true
			}
		} else {
			c = a.output(t.Val, sc)
			if targets != nil {
				a.asPlain(c.constants)
			}
			if c.sealed != nil && targets != nil {
				a.misplaced(c.sealed, i, outputs, targets, location(t.Val))
			}
		}
		if c.name = t.Name; c.name == "" {
			c.name = a.outputName(t.Val)
			a.keepName(t, &c)
		}
		outputs = append(outputs, c)
	}
	return outputs
}

// castOutput takes the casts around an output away that change no value, and
// shows it as the type that they give it.
func (a *analysis) castOutput(e *sealedExpr, n *pg.Node, c *column) {
	from := e.typ()
	for _, cast := range e.casts { // the innermost first
		named, ok := a.typeNamed(cast.TypeName)
		to := named.whole()
		switch {
		case !ok || !from.Widens(to):
			a.fail(refuseCast(e.column, e.at))
			return
		case from == to:
			a.dropCast(cast, e)
			continue
		}
		end := a.typeEnd(cast.TypeName.Location)
		a.replaceType(cast.TypeName, serverType, e.column, e.at)
		if a.is(a.tokenAt(cast.Location), "cast") { // CAST(… AS type)
			if k := a.closing(a.tokenAt(cast.Location) + 1); k >= 0 {
				end = int(a.tokens[k].end)
			}
		}
		from = to
		c.shown, c.bare, c.origin = a.as(e.column, to), true, origin{}
		c.renamed = term{int(location(n)), end}
	}
}

// keepName gives an output the name that it would have had, where what the
// server gets for it has another.
func (a *analysis) keepName(t *pg.ResTarget, c *column) {
	if c.renamed.end == 0 {
		return
	}
	end := c.renamed.end
	for i := a.tokenAt(t.Location); a.is(i, "(") && int(a.tokens[i].start) < c.renamed.start; i++ {
		if k := a.closing(i); k >= 0 {
			end = max(end, int(a.tokens[k].end))
		}
	}
	a.insert(end, " AS "+quoteName(c.name))
}

func behindRest(outputs []column) bool {
	for _, c := range outputs {
		if c.rest {
			return true
		}
	}
	return false
}

// misplaced refuses to store a sealed output into a column that is not sealed,
// or is not known.
func (a *analysis) misplaced(s *catalog.SealedColumn, i int, outputs []column, targets []target, at int32) {
	switch {
	case behindRest(outputs):
		a.fail(refuseStar(s, at))
	case i >= len(targets):
		a.fail(refuseStorePlain(s, at, "this table"))
	default:
		a.fail(refuseStorePlain(s, at, "column \""+targets[i].name+"\""))
	}
}

// storeStar checks the outputs of a star, which begin at from, against what
// they are stored into.
func (a *analysis) storeStar(outputs []column, from int, targets []target, at int32) {
	if targets == nil {
		return
	}
	rest := behindRest(outputs[:from])
	for i := from; i < len(outputs); i++ {
		c := outputs[i]
		rest = rest || c.rest
		into := (*catalog.SealedColumn)(nil)
		if i < len(targets) {
			into = targets[i].sealed
		}
		switch {
		case c.constants != nil && into != nil && !rest:
			a.giveAll(c.constants, Operand{Column: into, Role: Store, Site: Site{target: targets[i].name}}, term{})
		case c.constants != nil:
			a.asPlain(c.constants)
		case c.sealed != nil && (rest || into == nil):
			a.misplaced(c.sealed, i, outputs[:i], targets, at)
		case c.sealed != into && c.sealed != nil:
			a.fail(refuseStoreOther(into, c.sealed, at))
		case c.shown != nil:
			a.fail(refuseStore(into, at))
		case into != nil && c.sealed == nil && !rest:
			a.fail(refuseStore(into, at))
		}
	}
	if rest {
		for i := len(outputs) - 1; i < len(targets); i++ {
			if s := targets[i].sealed; s != nil {
				a.fail(refuseStar(s, at))
			}
		}
	}
}

// star gives the columns that a star stands for.
func (a *analysis) star(ref *pg.ColumnRef, qualifier []string, sc *scope) (columns []column) {
	items := a.starItems(qualifier, sc)
	spelled := a.spellStar(ref, items)
	for _, it := range items {
		if !spelled {
			a.dropSchema(ref, it)
			a.shownStar(it, ref.Location)
		}
		for i, c := range it.columns {
			if c.sealed != nil {
				if c.sealed.Broken != "" {
					a.fail(refuseBroken(c.sealed, ref.Location))
				}
				c.wraps = nil
				if sc.groups(&it.columns[i]) {
					a.fail(refuseUse(c.sealed, ref.Location, "* of a query with GROUP BY"))
				}
			}
			if c.same = nil; it.byName && it.name != "" {
				c.reads = quoteName(it.name) + "." + quoteName(c.name)
			}
			columns = append(columns, c)
		}
		if it.open && !behindRest(it.columns) {
			columns = append(columns, column{rest: true})
		}
	}
	return columns
}

// output analyses an expression whose value goes to the client, or to the query
// around this one: it may be a sealed column, but nothing computed from one.
func (a *analysis) output(n *pg.Node, sc *scope) column {
	met := a.definitions
	e := a.peek(n, sc)
	if e == nil {
		array := unnested(n)
		if elements := array != nil && isArrayOfConstants(array); elements || isConstant(n) {
			k := a.postpone([]*pg.Node{n}, sc)
			k.elements = elements
			return column{constants: k}
		}
		if k := a.constantsOf(n, sc); k != nil {
			return column{constants: k}
		}
		a.plain(n, sc)
		c := column{text: a.definitions > met}
		if ref := n.GetColumnRef(); ref != nil {
			if r := a.resolve(ref, sc).column; r != nil {
				c.origin = r.origin
			}
		}
		return c
	}
	a.settle(e, a.shownAs(e))
	c := column{sealed: e.column, shown: e.shown, bare: e.made != nil}
	if e.renamed {
		c.renamed = e.terms[0]
	}
	if e.ref != nil {
		c.bare = e.ref.bare
	}
	a.castOutput(e, n, &c)
	if len(e.casts) == 0 {
		c.wraps = e.terms
		if e.ref != nil && len(e.terms) == 1 {
			c.origin, c.reads = e.ref.origin, string(a.text[e.terms[0].start:e.terms[0].end])
		}
	}
	if e.grouped {
		a.anyOfGroup(e)
		c.wraps, c.reads, c.grouped, c.bare, c.renamed = nil, "", true, true, e.terms[0]
	}
	return c
}

// values is a VALUES list. In an INSERT its values are stored; elsewhere a
// column of constants is what its uses make of it.
func (a *analysis) values(s *pg.SelectStmt, sc *scope, targets []target) (outputs []column) {
	var columns [][]*pg.Node
	// A sorted or limited list is a query of its own, which types its values.
	direct := len(s.SortClause) == 0 && s.LimitCount == nil && s.LimitOffset == nil && s.WithClause == nil && len(s.LockingClause) == 0
	for _, row := range s.ValuesLists {
		group := a.newGroup()
		for i, n := range listOf(row) {
			if i == len(columns) {
				columns = append(columns, nil)
			}
			columns[i] = append(columns[i], n)
			if targets != nil {
				edits := len(a.edits)
				a.together(group, n, func() { a.insertValue(n, i, targets, sc) })
				if direct && n.GetAConst() != nil {
					a.bare(edits)
				}
			}
		}
	}
	for i, nodes := range columns {
		c := column{name: "column" + strconv.Itoa(i+1)}
		if targets == nil {
			c.constants = a.valuesColumn(nodes, sc)
		}
		outputs = append(outputs, c)
	}
	return outputs
}

// bare says of the literals edited since then that they stand alone as values of
// a row that is inserted.
func (a *analysis) bare(since int) {
	for i := since; i < len(a.edits); i++ {
		if v := a.edits[i].value; v != nil && v.array == nil {
			v.bare = true
		}
	}
}

// insertValue is one value of a row that is inserted.
func (a *analysis) insertValue(n *pg.Node, i int, targets []target, sc *scope) {
	switch {
	case i < len(targets) && targets[i].sealed != nil:
		a.store(n, targets[i], sc)
	case n.GetSetToDefault() == nil:
		before := len(a.uses)
		a.in("VALUES", func() { a.plain(n, sc) })
		if i < len(targets) {
			a.deduces(before, n, targets[i].typ)
		}
	}
}

// valuesColumn is one column of a VALUES list outside INSERT.
func (a *analysis) valuesColumn(nodes []*pg.Node, sc *scope) *constants {
	for _, n := range nodes {
		if !isConstant(n) {
			for _, n := range nodes {
				a.in("VALUES", func() { a.plain(n, sc) })
			}
			return nil
		}
	}
	return a.postpone(nodes, sc)
}

// setOperation is UNION, INTERSECT or EXCEPT. between, if not nil, is called
// with the outputs of the left side before the right one is analysed.
func (a *analysis) setOperation(s *pg.SelectStmt, sc *scope, targets []target, between func([]column)) []column {
	for _, t := range targets {
		if t.sealed != nil {
			a.fail(refuseStoreQuery(t.sealed, firstLocation(s.ProtoReflect()), "UNION, INTERSECT or EXCEPT"))
			return nil
		}
	}
	left := a.selectStmt(s.Larg, sc, nil)
	if between != nil {
		between(left)
	}
	right := a.selectStmt(s.Rarg, sc, nil)
	a.allPlain(left)
	a.allPlain(right)
	at := firstLocation(s.Rarg.ProtoReflect())
	all := s.Op == pg.SetOperation_SETOP_UNION && s.All
	rest := behindRest(left) || behindRest(right)
	outputs := make([]column, len(left))
	united := unitedItems{}
	for i := range max(len(left), len(right)) {
		var l, r column
		if i < len(left) {
			l = left[i]
			outputs[i] = l
		}
		if i < len(right) {
			r = right[i]
			if i < len(outputs) {
				outputs[i].origin, outputs[i].reads = united.origin(l.origin, r.origin), ""
				outputs[i].bare = l.bare || r.bare
				outputs[i].text = l.text || r.text
			}
		}
		sealed := l.sealed
		if sealed == nil {
			sealed = r.sealed
		}
		if sealed == nil {
			continue
		}
		same := l.sealed == r.sealed && i < len(left) && i < len(right)
		if rest || !same || l.shown != r.shown || !all && !sameRows(left, right, i) {
			a.fail(refuseUnion(sealed, at))
			return nil
		}
		if l.wraps == nil || r.wraps == nil {
			outputs[i].wraps = nil
		} else {
			outputs[i].wraps = append(l.wraps[:len(l.wraps):len(l.wraps)], r.wraps...)
		}
	}
	if targets != nil {
		for i, c := range outputs {
			if c.sealed != nil {
				a.misplaced(c.sealed, i, outputs[:i], targets, at)
			}
		}
	}
	return outputs
}
