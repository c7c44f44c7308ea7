package rewrite

import (
	"slices"

	"pgseal/logical"
)

// Values of enums are compared and sorted by the places of their labels, which are integers: two
// labels never change places, so that it is no matter which of the type's others are known. A
// label that is not known when a statement is planned has none, and fails it.

// placeType is the type of places.
var placeType = logical.Type{OID: logical.OIDInt4, Typmod: -1}

// enum is the type of a formula's values if that is an enum, or a domain over one; otherwise it
// has no Def.
func (f *Formula) enum() logical.Type {
	oid := f.TypeOf(f.givenType)
	if oid == 0 || logical.Supported(oid) {
		return logical.Type{}
	}
	return f.enumOf(oid)
}

// enumOf finds an enum by its number in what the formula is made of.
func (f *Formula) enumOf(oid uint32) (t logical.Type) {
	switch f.Kind {
	case ColumnValue:
		t = f.Column.Type
	case CastTo, Labelled:
		t = f.Type
	}
	if t.IsEnum() && t.Shown().OID == oid {
		return t
	}
	for _, arg := range f.Args {
		if t = arg.enumOf(oid); t.Def != nil {
			return t
		}
	}
	return logical.Type{}
}

// placed is a value of an enum as its place, and any other as it is.
func (f *Formula) placed() *Formula {
	if t := f.enum(); t.Def != nil {
		return f.placedIn(t)
	}
	return f
}

func (f *Formula) placedIn(t logical.Type) *Formula {
	return &Formula{Kind: Placed, Type: t, Args: []*Formula{f}}
}

// unplaced is the value of which the formula is the place, if it is one.
func (f *Formula) unplaced() *Formula {
	if f.Kind == Placed {
		return f.Args[0]
	}
	return f
}

// labelled is a place among the labels of t as that label, if t is an enum.
func (f *Formula) labelled(t logical.Type) *Formula {
	if f == nil || t.Def == nil {
		return f
	}
	return &Formula{Kind: Labelled, Type: t, Args: []*Formula{f}}
}

// valueType is the type of what is shown of the formula.
func (f *Formula) valueType(typmod int32) logical.Type {
	if t := f.enum(); t.Def != nil {
		return t.Shown()
	}
	return logical.Type{OID: f.TypeOf(f.givenType), Typmod: typmod}
}

// compares notes that a formula compares its Args, those of an enum by their places.
func (d *formulaDraft) compares(f *Formula) {
	if t := f.comparedEnum(); t.Def != nil {
		f.placeArgs(t)
	}
	d.compared = append(d.compared, f)
}

// comparedEnum is the enum whose values all Args of a comparison are; those without a type are
// read as such.
func (f *Formula) comparedEnum() (t logical.Type) {
	if f.Kind == Operation && (!f.Operator.Compares() || f.Quantifier != OneValue) {
		return t
	}
	for _, arg := range f.Args {
		of := arg.enum()
		if f.Kind == Operation && of != of.Shown() { // no operator takes a domain over an enum
			return logical.Type{}
		}
		if t.Def == nil {
			t = of
		}
	}
	if t.Def == nil || slices.ContainsFunc(f.Args, func(arg *Formula) bool {
		is := arg.TypeOf(f.givenType)
		return is != t.Shown().OID && !(is == 0 && arg.isUntyped())
	}) {
		return logical.Type{}
	}
	return t
}

// placeArgs has the formula be computed of the places of its Args.
func (f *Formula) placeArgs(t logical.Type) {
	args := make([]*Formula, len(f.Args))
	for i, arg := range f.Args {
		args[i] = arg.placedIn(t)
	}
	f.Args = args
}

// byPlace is an output as a key to sort or to tell rows apart by, nil for none.
func (o *draftedOutput) byPlace() *draftedOutput {
	if o == nil {
		return nil
	}
	f := o.formula.placed()
	if f == o.formula {
		return o
	}
	key, shown := *o, *o.shown
	shown.Type = placeType
	key.formula, key.shown = f, &shown
	return &key
}

// placeAggregated has an aggregate that gives one of its values be computed of their places, and one
// that counts different ones. It is false for a domain over an enum, which max and min do not take.
func (f *Formula) placeAggregated() bool {
	if len(f.Args) == 0 {
		return true
	}
	arg := f.Args[0]
	t, extreme := arg.enum(), f.Aggregate == logical.Maximum || f.Aggregate == logical.Minimum
	switch {
	case t.Def == nil:
	case extreme && t != t.Shown():
		return false
	case extreme, f.Aggregate == logical.Reached, f.Aggregate == logical.MostFrequent:
		f.Args[0], f.Type = arg.placedIn(t), t
	case f.Aggregate == logical.Count && f.Distinct && !arg.isTerm():
		f.Args[0] = arg.placedIn(t)
	}
	return true
}

// labels is the enum of whose values an aggregate gives one; otherwise it has no Def.
func (f *Formula) labels() (t logical.Type) {
	if f != nil && (f.Kind == Aggregated || f.Kind == Windowed) {
		t = f.Type
	}
	return t
}
