package rewrite

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/catalog"
	"pgseal/envelope"
	"pgseal/logical"
)

// lower(column) = lower($1) compares a term of lower(column) that each envelope has,
// if the column was sealed with --normalize lower. For all else lower(column) stays what
// it is, an expression over a sealed column. For lower($1) see called.go.

// foldCall is a call of lower or upper of PostgreSQL's own, kind 0 for anything else.
func foldCall(n *pg.Node) (kind envelope.TermFlags, f *pg.FuncCall) {
	f = n.GetFuncCall()
	parts := names(f.GetFuncname())
	if f == nil || !ofPostgreSQL(parts) || !plainCall(f) {
		return 0, nil
	}
	switch last(parts) {
	case "lower":
		return envelope.TermLower, f
	case "upper":
		return envelope.TermUpper, f
	}
	return 0, nil
}

// foldSpan finds the name of the function with the bracket behind it, and the bracket
// at the end.
func (a *analysis) foldSpan(f *pg.FuncCall) (name term, end int, ok bool) {
	i := a.tokenAt(f.Location)
	open := i + 2*len(f.Funcname) - 1
	if i < 0 || !a.is(open, "(") {
		return name, 0, false
	}
	closing := a.closing(open)
	if closing < 0 {
		return name, 0, false
	}
	return term{int(f.Location), int(a.tokens[open].end)}, int(a.tokens[closing].start), true
}

// comparand is peek for what is compared: it knows lower and upper of a column, too.
func (a *analysis) comparand(n *pg.Node, sc *scope) *sealedExpr {
	value, casts := withoutCasts(n)
	e := a.foldOf(value, sc)
	switch {
	case a.err != nil:
		return nil
	case e == nil:
		return a.printed(a.peek(n, sc))
	case a.persistent || a.arbiter:
		a.fail(refuseUse(e.fold.of.column, e.fold.of.at, "function "+catalog.FoldName(e.column.Folded)))
		return nil
	}
	e.casts = casts
	return e
}

// foldOf is lower or upper of a column, nil for anything else and where it is refused.
func (a *analysis) foldOf(n *pg.Node, sc *scope) *sealedExpr {
	kind, f := foldCall(n)
	if kind == 0 {
		return nil
	}
	value, inner := withoutCasts(f.Args[0])
	var e *sealedExpr
	switch value.GetNode().(type) {
	case *pg.Node_ColumnRef, *pg.Node_AIndirection:
		e = a.peek(value, sc)
	}
	if e == nil || e.ref == nil || e.made != nil || e.shown != nil || e.grouped || e.column.Assembled() || !foldable(e.column.Type) {
		return nil
	}
	for _, cast := range inner {
		if to, ok := a.typeNamed(cast.TypeName); !ok || !foldable(to.whole()) || !e.column.Type.Shown().Widens(to.whole()) {
			a.fail(refuseCast(e.column, e.at))
			return nil
		}
	}
	of := a.folds(e.column, kind, f.Location)
	name, end, ok := a.foldSpan(f)
	if of != nil && (!ok || len(e.terms) != 1) {
		a.fail(refuseUse(e.column, e.at, "function "+catalog.FoldName(kind)))
		of = nil
	}
	if of == nil {
		return nil
	}
	return &sealedExpr{column: of, at: f.Location, fold: &foldedExpr{of: e, casts: inner, name: name, end: end}}
}

// foldedExpr is lower or upper of a column.
type foldedExpr struct {
	of    *sealedExpr
	casts []*pg.TypeCast // around the column, inside of the call
	name  term
	end   int
	// closes is what has to be put at the end.
	closes string
}

// foldable says whether lower takes values of a type as the text that they are.
func foldable(t logical.Type) bool {
	oid := t.Shown().OID
	return oid == logical.OIDText || oid == logical.OIDVarchar
}

// folds gives lower or upper of a column, or refuses it.
func (a *analysis) folds(c *catalog.SealedColumn, kind envelope.TermFlags, at int32) *catalog.SealedColumn {
	of := c.FoldsTo(kind)
	switch {
	case of == nil:
		a.fail(refuseNoFold(c, kind, at))
	case c.Folding.Changed:
		r := RefuseFoldChanged(c)
		r.Position = int(at)
		a.fail(r)
	case a.snap.TextFunctions() == nil || a.snap.TextFunctions().IsOwn(catalog.FoldName(kind)):
		a.fail(refuseOwnFold(c, kind, at))
	case a.foldsMoved:
		a.fail(refuseFoldBehind(c, kind, at))
	default:
		return of
	}
	return nil
}

// foldToTerm replaces lower or upper of a column by its term.
func (a *analysis) foldToTerm(e *sealedExpr) {
	for _, c := range slices.Concat(e.casts, e.fold.casts) {
		a.dropCast(c, e.fold.of)
	}
	kind := e.column.Folded
	a.edits = append(a.edits, edit{start: e.fold.name.start, end: e.fold.name.end, text: catalog.TermFunction(kind) + "(", term: true})
	a.insert(e.fold.end, e.fold.closes)
	a.note("compare", e.column, "by term of "+catalog.FoldName(kind), e.at)
}

// foldedElement is the element of ON CONFLICT that is lower or upper of a column. It is
// false, and has done nothing, for anything else.
func (a *analysis) foldedElement(e *pg.IndexElem, sc *scope) bool {
	of := a.foldOf(e.GetExpr(), sc)
	switch {
	case of == nil:
		return a.err != nil
	case len(e.Collation) > 0 || len(e.Opclass) > 0:
		a.fail(refuseUse(of.fold.of.column, of.at, "ON CONFLICT with a collation or operator class"))
	default:
		a.foldToTerm(of)
	}
	return true
}
