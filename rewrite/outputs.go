package rewrite

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/catalog"
	"pgseal/logical"
)

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
				if a.copying != nil && targets != nil {
					if columns, ok := a.copyStar(ref, qualifier, sc, targets, from); ok {
						outputs = append(outputs, columns...)
						continue
					}
				}
				outputs = append(outputs, a.star(ref, qualifier, sc)...)
				a.storeStar(outputs, from, targets, ref.Location)
				continue
			}
		}
		if it := a.expandedRow(t.Val, sc); it != nil {
			from := len(outputs)
			outputs = append(outputs, a.columnsOf([]*item{it}, location(t.Val), sc)...)
			a.storeStar(outputs, from, targets, location(t.Val))
			continue
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

// showsCasts says whether castOutput makes the casts around a value: none of them can
// fail.
func (a *analysis) showsCasts(e *sealedExpr) bool {
	from := e.typ()
	for _, cast := range e.casts {
		named, ok := a.typeNamed(cast.TypeName)
		to := named.whole()
		if !ok || e.column.Assembled() || from != to && !from.Widens(to) && !from.Converts(to) {
			return !ok || e.column.Assembled()
		}
		from = to
	}
	return true
}

// castOutput takes the casts around an output away and shows it as the type that
// they give it. Those that change values are made when the values are opened.
func (a *analysis) castOutput(e *sealedExpr, n *pg.Node, c *column) {
	from := e.typ()
	var casts []logical.Type
	for _, cast := range e.casts { // the innermost first
		named, ok := a.typeNamed(cast.TypeName)
		to := named.whole()
		switch {
		case ok && from == to:
			if a.dropCast(cast, e); c.renamed.end != 0 {
				c.renamed.end = a.castEnd(cast)
			}
			continue
		case ok && e.column.Elements != nil && len(e.casts) == 1 && a.castElements(e.column.Elements, to) != nil:
			a.dropCast(cast, e)
			c.shown = a.castElements(e.column.Elements, to)
			continue
		case !ok || e.converted() || e.column.Assembled():
			a.fail(refuseCast(e.column, e.at))
			return
		case casts == nil && from.Widens(to):
		case from.Converts(to) || from.Widens(to):
			casts = append(casts[:len(casts):len(casts)], from)
		default:
			a.fail(refuseCast(e.column, e.at))
			return
		}
		a.replaceType(cast.TypeName, serverType, e.column, e.at)
		from = to
		c.shown, c.bare, c.origin = a.as(e.column, to), true, origin{}
		if casts != nil {
			c.shown = a.other(e.column, casts, to)
		}
		c.renamed = term{int(location(n)), a.castEnd(cast)}
	}
}

// castEnd is where a cast ends.
func (a *analysis) castEnd(cast *pg.TypeCast) int {
	if a.is(a.tokenAt(cast.Location), "cast") { // CAST(… AS type)
		if k := a.closing(a.tokenAt(cast.Location) + 1); k >= 0 {
			return int(a.tokens[k].end)
		}
	}
	return a.typeEnd(cast.TypeName.Location)
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

// dropName takes back what keepName has written, where nobody sees the name of the output and its
// term stands there.
func (a *analysis) dropName(c *column) {
	if c.renamed.end != 0 {
		a.edits = slices.DeleteFunc(a.edits, func(e edit) bool {
			return e.start == c.renamed.end && e.end == e.start && e.text == " AS "+quoteName(c.name)
		})
	}
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
			site := Site{target: targets[i].name}
			site.at, site.known = a.anchor(at)
			a.giveAll(c.constants, Operand{Column: into, Role: Store, Site: site}, term{})
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
		case into != nil:
			a.carry(into)
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
func (a *analysis) star(ref *pg.ColumnRef, qualifier []string, sc *scope) []column {
	items := a.starItems(qualifier, sc)
	if !a.spellStar(ref, items) {
		for _, it := range items {
			a.dropSchema(ref, it)
			a.shownStar(it, ref.Location)
		}
	}
	return a.columnsOf(items, ref.Location, sc)
}

// columnsOf gives the columns of items as outputs of a query.
func (a *analysis) columnsOf(items []*item, at int32, sc *scope) (columns []column) {
	for _, it := range items {
		for i, c := range it.columns {
			if c.sealed != nil {
				if c.sealed.Broken != "" {
					a.fail(refuseBroken(c.sealed, at))
				}
				c.wraps = nil
				if sc.groups(&it.columns[i]) {
					a.fail(refuseUse(c.sealed, at, "* of a query with GROUP BY"))
				}
				if c.formula != nil && !sc.shown {
					a.fail(refuseUse(c.sealed, at, a.within))
				}
			}
			if c.same, c.nulls = nil, nil; it.byName && it.name != "" && it.namesOne(c.name) {
				c.reads = quoteName(it.name) + "." + quoteName(c.name)
				c.sorts = c.reads
			}
			columns = append(columns, c)
		}
		if it.open && !behindRest(it.columns) {
			columns = append(columns, column{rest: true})
		}
	}
	return columns
}

// namesOne says whether only one of the columns has the name.
func (it *item) namesOne(name string) bool {
	n := 0
	for i := range it.columns {
		if it.columns[i].name == name {
			n++
		}
	}
	return n == 1
}

// output analyses an expression whose value goes to the client, or to the query
// around this one: it may be a sealed column, but nothing computed from one.
func (a *analysis) output(n *pg.Node, sc *scope) column {
	met := a.definitions
	if a.pairedOutput(n, sc) {
		return column{typ: logical.OIDInt8}
	}
	if c, ok := a.passedOutput(n, sc); ok {
		return c
	}
	if sc.regroups != nil {
		if c, ok := a.regroupedOutput(n, sc); ok {
			return c
		}
	}
	if sc.shown {
		if c, ok := a.outputOfOutputs(n, sc); ok {
			return c
		}
	}
	if c, ok := a.outputOfSubquery(n, sc); ok {
		return c
	}
	if sc.windows != nil && hasWindow(n) {
		if c, ok := a.outputFormula(n, sc); ok {
			return c
		}
	}
	if inner, _ := withoutCasts(n); inner.GetCaseExpr() != nil || inner.GetAExpr().GetKind() == pg.A_Expr_Kind_AEXPR_NULLIF {
		if c, ok := a.outputFormula(n, sc); ok {
			return c
		}
	}
	e := a.peek(n, sc)
	if e == nil {
		array := unnested(n)
		if elements := array != nil && isArrayOfConstants(array); elements || isConstant(n) {
			k := a.postpone([]*pg.Node{n}, sc)
			k.elements = elements
			c := column{constants: k}
			if isNullConstant(n) || isNullConstant(n.GetTypeCast().GetArg()) {
				c.nulls = []*pg.Node{n}
			}
			return c
		}
		if k := a.constantsOf(n, sc); k != nil {
			return column{constants: k}
		}
		if row := a.rowOf(n, sc); row != nil && !a.persistent {
			return a.rowOutput(n.GetColumnRef(), row, sc)
		}
		if row := n.GetRowExpr(); row != nil && !a.persistent {
			if c := a.rowOfValues(row, sc); c != nil {
				return column{sealed: c, bare: true}
			}
		}
		if c, ok := a.outputFormula(n, sc); ok {
			return c
		}
		if !a.decidedOutput(n, sc) {
			a.plain(n, sc)
		}
		c := column{text: a.definitions > met}
		if ref := n.GetColumnRef(); ref != nil {
			if r := a.resolve(ref, sc).column; r != nil {
				c.origin = r.origin
			}
		}
		return c
	}
	if what := coalesceNull; e.wavering && (len(e.casts) == 0 || e.made.node.GetCaseExpr() == nil) {
		if e.made.node.GetCaseExpr() != nil {
			what = caseConstant
		}
		a.fail(refuseUse(e.column, e.at, what))
		return column{}
	}
	if !a.showsCasts(e) || len(e.casts) > 0 && a.stmt.Stmt.GetCopyStmt() != nil {
		if c, ok := a.outputFormula(n, sc); ok {
			return c
		}
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
	c.sorts = c.reads
	if e.grouped {
		a.anyOfGroup(e)
		if c.wraps, c.reads, c.grouped, c.bare = nil, "", true, true; c.renamed.end == 0 {
			c.renamed = e.terms[0]
		}
	}
	return c
}
