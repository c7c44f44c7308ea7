package rewrite

import (
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/logical"
)

// formulaAny is a comparison with ANY or ALL of an array: of ARRAY[…], or of one that is a
// parameter or a string.
func (a *analysis) formulaAny(x *pg.A_Expr, d *formulaDraft) *Formula {
	name, folds := strings.CutSuffix(last(names(x.Name)), ilike)
	if folds {
		name += like
	}
	o, ok := logical.OperatorNamed(name)
	i := a.tokenAt(x.Location)
	for !a.is(i, "(") && i < len(a.tokens) {
		i++
	}
	if end := a.closing(i); !ok || !ofPostgreSQL(names(x.Name)) || !o.Compares() && !o.Matches() || end < 0 || !d.covers(i, end) {
		return nil
	}
	array := x.Rexpr
	var cast *pg.TypeCast
	if cast = array.GetTypeCast(); cast != nil {
		array = cast.Arg
	}
	if list := array.GetAArrayExpr(); list != nil && (len(list.Elements) > 0 || cast == nil) {
		return a.formulaAnyOf(x, o, folds, list, cast, d)
	}
	return a.formulaAnyIn(x, o, folds, d)
}

// What LIKE and ILIKE are called, behind a ! for NOT.
const (
	like  = "~~"
	ilike = "~~*"
)

// formulaAnyOf is such a comparison with ARRAY[…] of constants: one with each of them.
func (a *analysis) formulaAnyOf(x *pg.A_Expr, o logical.Operator, folds bool, array *pg.A_ArrayExpr, cast *pg.TypeCast, d *formulaDraft) *Formula {
	element, ok := elementsType(array.Elements)
	if cast != nil {
		to, known := a.typeNamed(cast.TypeName)
		if ok = known && to.array && to.Def == nil && to.Typmod < 0 && a.coversCast(cast, &d.computation); ok {
			element = to.OID
		}
	}
	if !ok {
		return nil
	}
	f := &Formula{Kind: Either}
	if x.Kind == pg.A_Expr_Kind_AEXPR_OP_ALL {
		f.Kind = Both
	}
	for _, n := range array.Elements {
		left, right := a.formula(x.Lexpr, d), a.formula(n, d)
		if left == nil || left.isUntyped() || right == nil || !o.Takes(left.TypeOf(left.givenType)) {
			return nil
		}
		integer := n.GetAConst().GetIval() != nil
		switch {
		case integer && cast != nil:
			return nil // which PostgreSQL casts
		case !integer:
			d.operates(left, right, x.Location, last(names(x.Name))) // a parameter may be declared as of another type
			right = &Formula{Kind: CastTo, implied: cast == nil, Type: logical.Type{OID: element, Typmod: -1}, Args: []*Formula{right}}
			d.casted = append(d.casted, right)
		}
		one := &Formula{Kind: Operation, Operator: o, wild: o.Matches(), Args: []*Formula{left, right}}
		d.compares(one)
		d.operates(left, right, x.Location, last(names(x.Name)))
		if folds && !d.foldsArgs(one, 2) {
			return nil
		}
		f.Args = append(f.Args, one)
	}
	if len(f.Args) == 1 {
		return f.Args[0]
	}
	return f
}

// elementsType is the type of the elements of ARRAY[…] of integers, strings, parameters and NULLs.
// Beside nothing else a string is a text there, whatever it is compared with. It is false for any
// other elements.
func elementsType(elements []*pg.Node) (oid uint32, ok bool) {
	oid = logical.OIDText
	for _, n := range elements {
		switch c := n.GetAConst(); {
		case c.GetIval() != nil:
			oid = logical.OIDInt4
		case n.GetParamRef() == nil && c.GetSval() == nil && !c.GetIsnull():
			return 0, false
		}
	}
	return oid, len(elements) > 0
}

// formulaAnyIn is such a comparison with an array that is a parameter or a string, with a cast to
// an array type perhaps, or a sealed column, whose collation may be another one than that of texts
// beside it: only equality is the same under all that are deterministic.
func (a *analysis) formulaAnyIn(x *pg.A_Expr, o logical.Operator, folds bool, d *formulaDraft) *Formula {
	left, array := a.formula(x.Lexpr, d), a.formula(x.Rexpr, d)
	if left == nil || array == nil {
		return nil
	}
	of := array
	for of.Kind == CastTo {
		of = of.Args[0]
	}
	ofRow := of.Kind == ColumnValue && logical.IsComputedArray(array.TypeOf(nil)) && (o == logical.Equal || o == logical.NotEqual)
	if !ofRow && (left.isUntyped() || !o.Takes(left.TypeOf(left.givenType))) {
		return nil
	}
	element := array // as far as operators are looked up
	switch array.Kind {
	case ParameterValue, NullValue:
	case LiteralValue:
		if array.text.oid != 0 && array.text.oid != oidUnknown {
			return nil
		}
		element = &Formula{Kind: NullValue}
	case CastTo:
		if !array.Type.IsArray() {
			return nil
		}
		element = &Formula{Kind: PlainValue, Type: logical.Type{OID: logical.ElementOID(array.Type.OID), Typmod: -1}}
	default:
		if !ofRow {
			return nil
		}
		element = &Formula{Kind: PlainValue, Type: logical.Type{OID: logical.ElementOID(array.TypeOf(nil)), Typmod: -1}}
	}
	f := &Formula{Kind: Operation, Operator: o, Quantifier: AnyElement, wild: o.Matches(), FoldsElements: folds, Args: []*Formula{left, array}}
	if x.Kind == pg.A_Expr_Kind_AEXPR_OP_ALL {
		f.Quantifier = AllElements
	}
	d.compares(f)
	d.operates(left, element, x.Location, last(names(x.Name)))
	if folds && !d.foldsArgs(f, 1) {
		return nil
	}
	return f
}
