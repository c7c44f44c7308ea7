package rewrite

import (
	"slices"

	"pgseal/logical"
)

// collated is the collation that PostgreSQL gives a value.
type collated struct {
	oid     uint32 // 0 for a value that has none, as numbers
	byBytes bool   // it sorts texts by their bytes
	known   bool
}

// collation is that of a formula's value, by PostgreSQL's rules. Of plain columns it is not
// known, and neither of columns that have one each.
func (a *analysis) collation(f *Formula) collated {
	none, shown := collated{known: true}, a.snap.Shown()
	if shown == nil {
		return collated{}
	}
	standard := collated{oid: defaultCollation, byBytes: shown.ByBytes, known: true}
	t := f.TypeOf(f.givenType)
	switch {
	case f.isUntyped() && (t == 0 || isCharacter(logical.Type{OID: t})):
		return standard
	case t != 0 && !isCharacter(logical.Type{OID: t}) && t != logical.OIDName:
		return none
	case f.Kind == PlainValue:
		return collated{}
	case f.Kind == ColumnValue && f.Column.Mixed != nil: // PostgreSQL's rules for a set operation are the same
		of := make([]*Formula, len(f.Column.Mixed))
		for i, c := range f.Column.Mixed {
			of[i] = &Formula{Kind: ColumnValue, Column: c}
		}
		return a.collation(&Formula{Kind: FirstOf, Args: of})
	case f.Kind == ColumnValue || f.Kind == AssignedTo:
		of := shown.TypeOf(f.Column)
		return collated{of.Collation, of.ByBytes, of.Collation != 0 && !f.Column.Loose}
	}
	c := none
	for i, arg := range f.Args {
		if f.Kind == Choice && i%2 == 0 && i < len(f.Args)-1 {
			continue // a condition
		}
		switch of := a.collation(arg); {
		case !of.known:
			return of
		case c.oid == 0 || c.oid == defaultCollation && of.oid != 0:
			c = of
		case of.oid != 0 && of.oid != defaultCollation && of.oid != c.oid: // an error, where it matters
			return collated{}
		}
	}
	if c.oid == 0 {
		return standard
	}
	return c
}

// ordersBytes says whether values can be told by their order here: texts among them are
// sorted by their bytes.
func (a *analysis) ordersBytes(values ...*Formula) bool {
	c := a.collation(&Formula{Kind: FirstOf, Args: values})
	return c.known && (c.oid == 0 || c.byBytes) || !slices.ContainsFunc(values, func(f *Formula) bool {
		t := f.TypeOf(f.givenType)
		return isCharacter(logical.Type{OID: t}) || t == logical.OIDName
	})
}

// knowsOrder says whether a formula that compares its Args knows their order, or, where it
// asks for no more, which of them are equal.
func (a *analysis) knowsOrder(f *Formula) bool {
	if f.Kind == Operation && (f.Operator == logical.Equal || f.Operator == logical.NotEqual || f.Operator.Matches()) {
		return a.comparesBytes(f)
	}
	return a.ordersBytes(f.Args...)
}

// comparesBytes says whether all texts in a comparison are equal only if they are the
// same.
func (a *analysis) comparesBytes(f *Formula) bool {
	switch {
	case f.Kind == PlainValue && isCharacter(f.Type):
		shown := a.snap.Shown()
		return shown != nil && !shown.Loose
	case f.Kind == ColumnValue:
		return !f.Column.Loose
	}
	return !slices.ContainsFunc(f.Args, func(arg *Formula) bool { return !a.comparesBytes(arg) })
}
