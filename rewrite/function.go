package rewrite

import (
	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/catalog"
	"pgseal/logical"
)

// function is a function call.
func (a *analysis) function(f *pg.FuncCall, sc *scope) {
	parts := names(f.Funcname)
	name := last(parts)
	if a.snap.RowFunction(name) {
		a.fail(refuseRowFunction(name, f.Location))
		return
	}
	for _, use := range a.snap.Uses(name) {
		if use.Anywhere || a.pathMoved || a.pathReaches(use.Relation) {
			a.fail(refuseFunctionCode(name, use.Relation.Column(use.Column).Sealed, f.Location))
			return
		}
	}
	a.alters = a.alters || a.snap.Alters(name)
	if len(f.Args) == 1 && a.sealedRelation(parts) {
		a.fail(refuseRowType(name, f.Location)) // users('(…)') is a cast
		return
	}
	a.reach(name, f)
	if a.rankedExtreme(f, sc) {
		return
	}
	what := "function " + name
	if f.AggOrder != nil || f.AggDistinct || f.AggWithinGroup || f.Over != nil {
		what = "aggregate or window function " + name
	}
	a.in(what, func() {
		args := f.Args
		if a.isHidden(parts) {
			for _, arg := range args {
				a.plain(arg, sc)
			}
			args = nil
		} else if a.placeInArray(parts, args, sc) {
			args = args[2:]
		}
		for _, arg := range args {
			if len(f.Args) == 1 && a.countable(parts, f, arg, sc) {
				break
			}
			if e := a.peek(arg, sc); e != nil && truthAggregate(parts) && a.isTrue(e) {
				continue
			}
			if a.measured(parts, arg, sc) {
				continue
			}
			a.plain(arg, sc)
		}
		switch {
		case f.AggWithinGroup:
			for _, o := range f.AggOrder {
				a.plain(o, sc)
			}
		case f.AggDistinct: // which sorts by arguments only
			a.sortKeys(f.AggOrder, sc)
		default:
			a.rankKeys(f.AggOrder, sc, false)
		}
	})
	a.showFunction(f, parts)
	a.filters(f.AggFilter, sc)
	a.over(f.Over, sc)
}

// isHidden says whether a function that the server calls with sealed values as it would with
// others can be one of the database's own, which is for values of the column's type.
func (a *analysis) isHidden(parts []string) bool {
	if len(parts) != 1 {
		return false
	}
	_, changed := a.changed[parts[0]]
	return a.snap.HidesFunction(parts[0]) || changed && catalog.CanHide(parts[0])
}

// countable lets count(column) and count(row) stand: they count what is not NULL,
// and that of a column with DISTINCT the terms.
func (a *analysis) countable(parts []string, f *pg.FuncCall, arg *pg.Node, sc *scope) bool {
	if last(parts) != "count" || len(parts) > 1 && parts[0] != "pg_catalog" || f.AggOrder != nil || f.AggWithinGroup {
		return false
	}
	e := a.peek(arg, sc)
	if row := arg.GetRowExpr(); row != nil && f.AggDistinct {
		for _, n := range row.Args {
			if e := a.peek(n, sc); e != nil {
				a.toTerm(e)
			} else {
				a.plain(n, sc)
			}
		}
		return true
	}
	if e == nil {
		return !f.AggDistinct && a.rowOf(arg, sc) != nil
	}
	if f.AggDistinct {
		a.toTerm(e)
	} else {
		sc.collecting(true, func() { a.settle(e, a.shownAs(e)) })
		a.dropCasts(e)
	}
	return true
}

// placeInArray is array_position(array, column), by which ORMs sort rows as the values
// are given. It is false, and has done nothing, for anything else, and where the array
// could be of another type than the column.
func (a *analysis) placeInArray(parts []string, args []*pg.Node, sc *scope) bool {
	if !ofPostgreSQL(parts) || last(parts) != "array_position" && last(parts) != "array_positions" || len(args) < 2 {
		return false
	}
	e := a.comparand(args[1], sc)
	if e == nil || e.fold != nil || e.column.Assembled() || e.column.Type.Def != nil || !a.arrayAlike(args[0], e.column.Type) || !a.comparableExpr(e) {
		return false
	}
	a.toTerm(e)
	a.site = a.comparison("=", location(args[0]))
	if !a.arrayOfValues(e, args[0], sc) && !a.bind(args[0], Operand{Column: e.column, Role: Equality, Array: true, Places: true, Site: a.site}, false) {
		a.refuseComputed(e, args[0], sc)
	}
	return true
}

// arrayAlike says whether an array is one of constants of a type, or of one that has all
// its values. Beside a real, numbers become reals.
func (a *analysis) arrayAlike(n *pg.Node, t logical.Type) bool {
	var to logical.Type
	for n.GetTypeCast() != nil {
		named, ok := a.typeNamed(n.GetTypeCast().TypeName)
		if !ok || !named.array || to.OID != 0 && named.OID != to.OID {
			return false
		}
		to, n = named.Type, n.GetTypeCast().Arg
	}
	if to.OID != 0 {
		return sameFamily(to.OID, t.OID) && (n.GetParamRef() != nil || n.GetAConst() != nil || n.GetAArrayExpr() != nil)
	}
	array, numbers, texts := n.GetAArrayExpr(), 0, 0
	if array == nil {
		return (n.GetParamRef() != nil || n.GetAConst().GetSval() != nil) && t.OID == t.Compared().OID
	}
	for _, e := range array.Elements {
		switch kind, _ := a.constantKind(e); kind {
		case numberConstant:
			numbers++
		case stringConstant:
			texts++
		case nullConstant:
		default:
			return false
		}
	}
	return texts == 0 && numbers > 0 && isNumber(t.OID) && t.OID != logical.OIDFloat4 || numbers == 0 && texts > 0 && sameFamily(t.OID, logical.OIDText)
}
