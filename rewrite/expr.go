package rewrite

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/reflect/protoreflect"

	"pgseal/catalog"
	"pgseal/logical"
)

// sealedExpr is an expression whose value is that of a sealed column.
type sealedExpr struct {
	column *catalog.SealedColumn
	casts  []*pg.TypeCast // around it, the outermost first
	terms  []term         // how to turn it into its equality term
	at     int32
	// ref is the column of the query that a plain reference names, nil for any
	// other expression; grouped: the query groups by its term; leftOut: not in all of its
	// grouping sets.
	ref              *column
	grouped, leftOut bool
	// made is what the expression chooses from, nil for one that is the column;
	// shown, if not nil, is the column as the type that the expression has; renamed:
	// the server would name it otherwise; wavering: with which length or precision it is
	// described, the server's planner decides, so it cannot be shown.
	made              *alternatives
	shown             *catalog.SealedColumn
	renamed, wavering bool
	// fold is there if it is lower or upper of a column; printed are the casts that make
	// it a text, of which column is one then.
	fold    *foldedExpr
	printed []*pg.TypeCast
}

// typ is the type that the expression has for the client, without its casts.
func (e *sealedExpr) typ() logical.Type {
	if e.shown != nil {
		return e.shown.Type
	}
	return e.column.Type
}

// converted says whether the expression has other values than the column, behind a
// cast further in. What the server has of it is good for nothing but to be shown.
func (e *sealedExpr) converted() bool { return e.shown.IsCast() }

// peek says whether an expression's value is a sealed column's, without using
// it for anything.
func (a *analysis) peek(n *pg.Node, sc *scope) *sealedExpr {
	switch x := n.GetNode().(type) {
	case *pg.Node_ColumnRef:
		ref := a.resolve(x.ColumnRef, sc)
		if ref.column == nil || ref.column.sealed == nil {
			return nil
		}
		start, end, ok := a.referenceSpan(x.ColumnRef)
		return a.referenceTo(ref.column, x.ColumnRef.Location, term{start, end}, ok, sc)
	case *pg.Node_AIndirection:
		c, of := a.field(x.AIndirection, sc)
		if c == nil {
			return a.subscripted(n, sc)
		}
		if c.sealed == nil {
			return nil
		}
		return a.referenceTo(c, location(n), of, true, sc)
	case *pg.Node_TypeCast:
		e := a.peek(x.TypeCast.Arg, sc)
		if e == nil {
			return nil
		}
		if e.column.Document != nil {
			return a.castDocument(n, e, sc)
		}
		from := e.typ()
		if n := len(e.casts); n > 0 {
			inner, _ := a.typeNamed(e.casts[n-1].TypeName)
			from = inner.whole()
		}
		if to, ok := a.typeNamed(x.TypeCast.TypeName); ok && a.ownCast(from, to.whole()) {
			a.fail(refuseOwnCast(e.column, e.at, from.OID))
			return nil
		}
		e.ref = nil
		e.casts = append(e.casts, x.TypeCast)
		return e
	case *pg.Node_CoalesceExpr, *pg.Node_CaseExpr:
		return a.peekAlternatives(n, sc)
	case *pg.Node_AExpr:
		if x.AExpr.Kind == pg.A_Expr_Kind_AEXPR_NULLIF {
			return a.nullIf(n, sc)
		}
		return a.documentOperator(n, sc)
	case *pg.Node_FuncCall:
		if e := a.document(n, sc); e != nil {
			return e
		}
		if e := a.arrayMade(n, sc); e != nil {
			return e
		}
		return a.ofAnotherRow(n, sc)
	case *pg.Node_AArrayExpr:
		return a.arrayMade(n, sc)
	case *pg.Node_JsonObjectConstructor, *pg.Node_JsonArrayConstructor, *pg.Node_JsonObjectAgg, *pg.Node_JsonArrayAgg,
		*pg.Node_JsonScalarExpr:
		return a.document(n, sc)
	case *pg.Node_SubLink:
		if x.SubLink.SubLinkType != pg.SubLinkType_EXPR_SUBLINK {
			return a.arrayMade(n, sc)
		}
		outputs := a.sublink(x.SubLink, sc)
		if len(outputs) != 1 || outputs[0].sealed == nil {
			return nil
		}
		if outputs[0].formula != nil {
			a.fail(refuseUse(outputs[0].sealed, x.SubLink.Location, a.within))
		}
		e := &sealedExpr{column: outputs[0].sealed, at: x.SubLink.Location, shown: outputs[0].shown}
		if end := a.closing(a.tokenAt(x.SubLink.Location)); end >= 0 {
			e.terms = []term{{start: int(x.SubLink.Location), end: int(a.tokens[end].end)}}
		}
		return e
	}
	return nil
}

// referenceTo is the expression that names a sealed column, and stands at of if ok.
func (a *analysis) referenceTo(c *column, at int32, of term, ok bool, sc *scope) *sealedExpr {
	e := &sealedExpr{column: c.sealed, at: at, ref: c, grouped: sc.groups(c), leftOut: sc.leavesOut(c), shown: c.shown}
	if ok {
		e.terms = []term{of}
	}
	if c.formula != nil {
		a.fail(refuseUse(c.sealed, at, a.within))
	}
	a.usable(e)
	return e
}

func (a *analysis) usable(e *sealedExpr) {
	if e.column.Broken != "" {
		a.fail(refuseBroken(e.column, e.at))
	}
}

// referenceSpan finds the range of a column reference.
func (a *analysis) referenceSpan(ref *pg.ColumnRef) (start, end int, ok bool) {
	i := a.tokenAt(ref.Location)
	if i < 0 {
		return 0, 0, false
	}
	for range len(ref.Fields) - 1 {
		if !a.is(i+1, ".") {
			return 0, 0, false
		}
		i += 2
	}
	if i >= len(a.tokens) {
		return 0, 0, false
	}
	return int(ref.Location), int(a.tokens[i].end), true
}

// sublink analyses a subquery once.
func (a *analysis) sublink(s *pg.SubLink, sc *scope) []column {
	if outputs, ok := a.sublinks[s]; ok {
		return outputs
	}
	border := &scope{outer: sc, crossed: new([][]string)}
	if sc != nil {
		border.ctes = sc.ctes
	}
	asked := len(a.asked)
	outputs := a.query(s.Subselect, border)
	if a.sublinks == nil {
		a.sublinks, a.correlated, a.unasked = map[*pg.SubLink][]column{}, map[*pg.SubLink][][]string{}, map[*pg.SubLink]bool{}
	}
	a.sublinks[s], a.correlated[s], a.unasked[s] = outputs, *border.crossed, len(a.asked) == asked
	return outputs
}

// toTerm replaces a sealed expression by its equality term.
func (a *analysis) toTerm(e *sealedExpr) {
	switch {
	case !a.comparableExpr(e):
		return
	case e.fold != nil:
		a.foldToTerm(e)
		return
	case e.terms == nil:
		a.fail(refuseUse(e.column, e.at, ""))
		return
	}
	a.settle(e, a.shownAs(e))
	a.dropCasts(e)
	for _, c := range e.printed {
		a.dropCast(c, e)
	}
	for _, t := range e.terms {
		a.edits = append(a.edits, edit{start: t.start, end: t.start, text: "pgseal.eq(", term: true})
		a.insert(t.end, ")")
	}
	a.note("compare", e.column, "by equality term", e.at)
}

// comparableExpr is comparable for an expression. A cast that changes its values
// is refused as such: what it gives may well be comparable.
func (a *analysis) comparableExpr(e *sealedExpr) bool {
	if e.converted() {
		a.fail(refuseCast(e.column, e.at))
		return false
	}
	for _, c := range e.casts {
		if to, ok := a.typeNamed(c.TypeName); !ok || !e.typ().Widens(to.whole()) {
			a.fail(refuseCast(e.column, e.at))
			return false
		}
	}
	return a.comparable(e.column, e.at)
}

func (a *analysis) comparable(c *catalog.SealedColumn, at int32) bool {
	switch {
	case c.Broken != "":
		a.fail(refuseBroken(c, at))
	case c.Assembled():
		a.fail(refuseUse(c, at, a.within))
	case !hasEquality(c):
		a.fail(refuseNoTerm(c, at))
	default:
		return true
	}
	return false
}

// dropCasts takes the casts around a sealed expression out of the text, if they
// do not change what it is equal to.
func (a *analysis) dropCasts(e *sealedExpr) {
	for _, c := range e.casts {
		to, ok := a.typeNamed(c.TypeName)
		if !ok || !e.typ().Widens(to.whole()) {
			a.fail(refuseCast(e.column, e.at))
			return
		}
		a.dropCast(c, e)
	}
}

func (a *analysis) dropCast(c *pg.TypeCast, e *sealedExpr) {
	end := a.typeEnd(c.TypeName.Location)
	i := a.tokenAt(c.Location)
	switch {
	case end < 0 || i < 0:
		a.fail(refuseCast(e.column, e.at))
	case a.is(i, "::"):
		a.edit(int(c.Location), end, "", nil)
	case a.is(i, "cast"):
		as := a.tokenAt(c.TypeName.Location) - 1
		if !a.is(as, "as") {
			a.fail(refuseCast(e.column, e.at))
			return
		}
		a.edit(int(c.Location), int(a.tokens[i].end), "", nil)
		a.edit(int(a.tokens[as].start), end, "", nil)
	default:
		a.fail(refuseCast(e.column, e.at))
	}
}

// plain analyses an expression whose value must not be sealed.
func (a *analysis) plain(n *pg.Node, sc *scope) {
	if n == nil || a.err != nil {
		return
	}
	if e := a.peek(n, sc); e != nil {
		if len(e.casts) > 0 && a.within == "" {
			a.fail(refuseCast(e.column, e.at))
			return
		}
		a.fail(refuseUse(e.column, e.at, a.within))
		return
	}
	switch x := n.Node.(type) {
	case *pg.Node_ColumnRef:
		a.plainReference(x.ColumnRef, sc)
	case *pg.Node_AConst:
	case *pg.Node_ParamRef:
		a.use(x.ParamRef, nil)
	case *pg.Node_TypeCast:
		a.typeName(x.TypeCast.TypeName, sc)
		before := len(a.uses)
		a.plain(x.TypeCast.Arg, sc)
		if to, ok := a.typeNamed(x.TypeCast.TypeName); ok {
			a.deduces(before, x.TypeCast.Arg, to.whole().OID)
		}
	case *pg.Node_AExpr:
		a.mayMask(n, sc, func() { a.operator(x.AExpr, sc) })
	case *pg.Node_BoolExpr:
		for _, arg := range x.BoolExpr.Args {
			a.condition(arg, sc)
		}
	case *pg.Node_NullTest:
		a.mayMask(n, sc, func() { a.nullTest(x.NullTest, sc) })
	case *pg.Node_SubLink:
		a.subquery(x.SubLink, sc)
	case *pg.Node_FuncCall:
		a.function(x.FuncCall, sc)
	case *pg.Node_GroupingFunc:
		a.in("GROUPING", func() {
			for _, n := range x.GroupingFunc.Args {
				// In a subquery the server finds no expression of the query around it.
				if e := a.peek(n, sc); e != nil && e.grouped && len(sc.grouped) > 0 {
					a.toTerm(e)
				} else {
					a.plain(n, sc)
				}
			}
		})
	case *pg.Node_AIndirection:
		a.indirection(x.AIndirection, sc)
	case *pg.Node_CaseExpr:
		a.plainCase(x.CaseExpr, sc)
	case *pg.Node_CoalesceExpr:
		a.in("COALESCE", func() { a.generic(x.CoalesceExpr.ProtoReflect(), sc) })
	case *pg.Node_MinMaxExpr:
		a.in("GREATEST or LEAST", func() { a.generic(x.MinMaxExpr.ProtoReflect(), sc) })
	case *pg.Node_CollateClause:
		a.in("COLLATE", func() { a.plain(x.CollateClause.Arg, sc) })
	case *pg.Node_BooleanTest:
		a.condition(x.BooleanTest.Arg, sc)
	case *pg.Node_SelectStmt:
		a.plainOutputs(a.query(n, sc), 0)
	default:
		a.generic(n.ProtoReflect(), sc)
	}
}

// in names the construct that f analyses, for refusals.
func (a *analysis) in(what string, f func()) {
	saved := a.within
	a.within = what
	f()
	a.within = saved
}

// generic analyses the children of a node that has no rule of its own: none of
// them may be sealed.
func (a *analysis) generic(m protoreflect.Message, sc *scope) {
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if fd.Kind() != protoreflect.MessageKind {
			return true
		}
		if fd.IsList() {
			for i := range v.List().Len() {
				a.child(v.List().Get(i).Message(), sc)
			}
		} else {
			a.child(v.Message(), sc)
		}
		return a.err == nil
	})
}

func (a *analysis) child(m protoreflect.Message, sc *scope) {
	switch x := m.Interface().(type) {
	case *pg.Node:
		a.plain(x, sc)
	case *pg.SelectStmt:
		a.plainOutputs(a.selectStmt(x, sc, nil), 0)
	case *pg.TypeName:
		a.typeName(x, sc)
	case *pg.RangeVar:
		a.relationOutOfPlace(x)
	case *pg.FuncCall:
		a.function(x, sc)
	case *pg.WindowDef:
		a.window(x, sc)
	default:
		a.generic(m, sc)
	}
}

// relationOutOfPlace is for a relation named where no rule expects one.
func (a *analysis) relationOutOfPlace(rv *pg.RangeVar) {
	if f := a.relation(rv.Schemaname, rv.Relname); f.relation != nil && f.relation.Sealed {
		a.fail(refuseStatement(rv.Relname, rv.Location, "this statement"))
	}
}

// plainOutputs refuses a query whose outputs are used as values, if one is
// sealed.
func (a *analysis) plainOutputs(outputs []column, at int32) {
	a.allPlain(outputs)
	for _, c := range outputs {
		if c.sealed != nil {
			a.fail(refuseUse(c.sealed, at, a.within))
			return
		}
	}
}

// typeName refuses the row types of relations with sealed columns.
func (a *analysis) typeName(t *pg.TypeName, sc *scope) {
	if t == nil {
		return
	}
	parts := names(t.Names)
	name := last(parts)
	if t.PctType && len(parts) > 1 {
		parts = parts[:len(parts)-1]
	} else if len(name) > 1 && name[0] == '_' {
		if element := append(slices.Clone(parts[:len(parts)-1]), name[1:]); a.sealedRelation(element) {
			parts = element
		}
	}
	if name = last(parts); a.sealedRelation(parts) {
		a.fail(refuseRowType(name, t.Location))
	}
	for _, m := range t.Typmods {
		a.plain(m, sc)
	}
}

func (a *analysis) plainReference(ref *pg.ColumnRef, sc *scope) {
	if star, qualifier := isStar(ref); star {
		for _, it := range a.starItems(qualifier, sc) {
			a.dropSchema(ref, it)
			a.shownStar(it, ref.Location)
			a.allPlain(it.columns)
			a.meetRow(it)
			if s := it.sealed(); s != nil {
				a.fail(refuseRow(s, ref.Location, it.name))
			}
		}
		return
	}
	r := a.resolve(ref, sc)
	switch {
	case r.row != nil:
		a.fail(refuseRow(r.row.sealed(), ref.Location, r.row.name))
	case r.column != nil:
		a.asPlain(r.column.constants)
	}
}

// nullTest lets IS [NOT] NULL stand: an envelope is NULL exactly when the value
// is.
func (a *analysis) nullTest(t *pg.NullTest, sc *scope) {
	e := a.peek(t.Arg, sc)
	// Whatever becomes of a value, NULL stays NULL.
	if e == nil && a.constantsOf(t.Arg, sc) != nil {
		return
	}
	if p := t.Arg.GetParamRef(); p != nil {
		a.useNeutral(p)
		return
	}
	if e == nil {
		a.in("IS NULL", func() {
			if !a.rowTest(t.Arg, sc) {
				a.plain(t.Arg, sc)
			}
		})
		return
	}
	a.settle(e, a.shownAs(e))
	a.dropCasts(e)
	if e.grouped {
		a.toTerm(e) // the server knows the column by that
	}
}

// indirection is x.field, x[1], (row).field.
func (a *analysis) indirection(x *pg.A_Indirection, sc *scope) {
	for _, i := range x.Indirection {
		a.generic(i.ProtoReflect(), sc)
	}
	ref := x.Arg.GetColumnRef()
	if ref == nil {
		a.in("a subscript or field selection", func() { a.plain(x.Arg, sc) })
		return
	}
	if c, _ := a.field(x, sc); c != nil {
		a.asPlain(c.constants)
		return
	}
	a.in("a subscript or field selection", func() { a.plain(x.Arg, sc) })
}

// subquery is a sublink in a place where only plain values are understood.
func (a *analysis) subquery(s *pg.SubLink, sc *scope) {
	switch s.SubLinkType {
	case pg.SubLinkType_EXISTS_SUBLINK:
		a.sublink(s, sc)
	case pg.SubLinkType_ANY_SUBLINK, pg.SubLinkType_ALL_SUBLINK:
		a.quantified(s, sc)
	default:
		outputs := a.sublink(s, sc)
		what := a.within
		if s.SubLinkType == pg.SubLinkType_ARRAY_SUBLINK {
			what = "ARRAY(…)"
		}
		a.in(what, func() { a.plainOutputs(outputs, s.Location) })
	}
}

func hasEquality(c *catalog.SealedColumn) bool { return c.Terms&termEquality != 0 }
