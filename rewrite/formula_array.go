package rewrite

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/logical"
)

// formulaList is ARRAY[…] of any values, as of the keys of a path in a document.
func (a *analysis) formulaList(x *pg.A_ArrayExpr, d *formulaDraft) *Formula {
	i := a.tokenAt(x.Location)
	if len(x.Elements) == 0 || !a.is(i, "array") || !d.covers(i, a.closing(i+1)) {
		return nil
	}
	f := a.formulaOfAll(Called, x.Elements, d)
	if f == nil || f.hasOwnTypes() {
		return nil
	}
	f.Function = logical.MakeArray
	return f
}

// formulaArrayCast is a cast to an array type. One of ARRAY[…] is one of each element, as PostgreSQL
// makes it.
func (a *analysis) formulaArrayCast(x *pg.TypeCast, to logical.Type, d *formulaDraft) *Formula {
	if to.Def != nil || !a.coversCast(x, &d.computation) {
		return nil
	}
	list := x.Arg.GetAArrayExpr()
	if list == nil {
		arg := a.formula(x.Arg, d)
		if arg == nil || arg.hasOwnTypes() {
			return nil
		}
		f := &Formula{Kind: CastTo, Type: to, Args: []*Formula{arg}}
		if !arg.isUntyped() {
			d.casted = append(d.casted, f)
		}
		return f
	}
	if len(list.Elements) == 0 {
		empty := &Formula{Kind: LiteralValue, text: formulaLiteral{literal: -1, value: []byte("{}"), oid: oidUnknown}}
		return &Formula{Kind: CastTo, Type: to, Args: []*Formula{empty}}
	}
	f := a.formulaList(list, d)
	if f == nil {
		return nil
	}
	for i, arg := range f.Args {
		if arg.Kind == Called && arg.Function == logical.MakeArray {
			return nil // of several dimensions
		}
		f.Args[i] = &Formula{Kind: CastTo, Type: logical.Type{OID: logical.ElementOID(to.OID), Typmod: to.Typmod}, Args: []*Formula{arg}}
		d.casted = append(d.casted, f.Args[i])
	}
	return f
}

// hasOwnTypes says whether there is a column in a formula whose arrays are not those of the type
// that its values are shown as, as of a domain.
func (f *Formula) hasOwnTypes() bool {
	return slices.ContainsFunc(f.columns(nil), func(c *Formula) bool { return c.Column != nil && c.Column.Type.Def != nil })
}

// formulaSubscript is an element of an array, or a slice with both its bounds.
func (a *analysis) formulaSubscript(x *pg.A_Indirection, d *formulaDraft) *Formula {
	if len(x.Indirection) != 1 {
		return nil
	}
	at := x.Indirection[0].GetAIndices()
	array := a.formula(x.Arg, d)
	if at == nil || array == nil || array.isUntyped() {
		return nil
	}
	f := &Formula{Kind: Called, Function: logical.Subscript, Args: []*Formula{array}}
	bounds := []*pg.Node{at.Uidx}
	if at.IsSlice {
		f.Function, bounds = logical.Slice, []*pg.Node{at.Lidx, at.Uidx}
	}
	open := -1
	for _, n := range bounds {
		bound := a.formula(n, d)
		if bound == nil {
			return nil
		}
		if i := a.tokenAt(location(n)); open < 0 {
			for open = i; open >= 0 && !a.is(open, "["); open-- {
			}
		}
		f.Args = append(f.Args, bound)
	}
	if open < 0 || !d.covers(open, a.closing(open)) {
		return nil
	}
	return f
}

// joinsArrays says whether || is that of arrays.
func joinsArrays(o logical.Operator, operands ...*Formula) bool {
	return o == logical.Concatenate && slices.ContainsFunc(operands, func(f *Formula) bool { return logical.IsComputedArray(f.TypeOf(f.givenType)) })
}
