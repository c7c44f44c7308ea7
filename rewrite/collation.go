package rewrite

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/logical"
)

// collated is the collation that PostgreSQL gives a value.
type collated struct {
	oid     uint32 // 0 for a value that has none, as numbers
	byBytes bool   // it sorts texts by their bytes
	known   bool
	written bool // by COLLATE, so that no other one counts
	differs bool // it has several, so that comparing it is a mistake
}

// collations are the OIDs of those that COLLATE can name here.
var collations = map[string]uint32{"C": 950, "POSIX": 951}

// formulaCollated is a text with COLLATE "C" or "POSIX".
func (a *analysis) formulaCollated(x *pg.CollateClause, d *formulaDraft) *Formula {
	name, at := names(x.Collname), a.tokenAt(x.Location)
	if collations[last(name)] == 0 || len(name) > 1 && name[0] != systemCatalog || !d.covers(at, at+2*len(name)-1) {
		return nil
	}
	arg := a.formula(x.Arg, d)
	if arg == nil || d.collates != "" && d.collates != last(name) {
		return nil
	}
	d.collates = last(name)
	if t := arg.TypeOf(arg.givenType); !isCharacter(logical.Type{OID: t}) && !(arg.isUntyped() && t == 0) {
		return nil
	}
	return &Formula{Kind: Collated, Name: last(name), Args: []*Formula{arg}}
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
	case t == logical.OIDName && (f.Kind == CastTo && f.Args[0].isUntyped() || f.Kind == ParameterValue): // a constant of type name
		return collated{oid: collations["C"], byBytes: shown.UTF8, known: true}
	case f.Kind == Collated:
		return collated{oid: collations[f.Name], byBytes: shown.UTF8, known: true, written: true}
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
		return collated{oid: of.Collation, byBytes: of.ByBytes, known: of.Collation != 0 && !f.Column.Loose}
	}
	c, args := none, f.Args
	if f.nullIf { // it has the collation of what it compares
		args = slices.Concat(f.Args[0].Args, f.Args[1:])
	}
	for i, arg := range args {
		if !f.nullIf && f.Kind == Choice && i%2 == 0 && i < len(f.Args)-1 {
			continue // a condition
		}
		switch of := a.collation(arg); {
		case c.written && of.written && c.oid != of.oid:
			return collated{differs: true}
		case c.written:
		case of.written:
			c = of
		case of.differs || c.differs:
			c = collated{differs: true}
		case !of.known || !c.known:
			c = collated{}
		case c.oid == 0 || c.oid == defaultCollation && of.oid != 0:
			c = of
		case of.oid != 0 && of.oid != defaultCollation && of.oid != c.oid:
			c = collated{differs: true}
		}
	}
	if c.known && c.oid == 0 {
		return standard
	}
	return c
}

// orderOf is the order of values together, nil for that of texts by their bytes. It is false
// where that is not known.
func (a *analysis) orderOf(values ...*Formula) (*logical.TextOrder, bool) {
	c := a.collation(&Formula{Kind: FirstOf, Args: values})
	if c.known && (c.oid == 0 || c.byBytes) || !a.areTexts(values) {
		return nil, true
	}
	if !c.known || slices.ContainsFunc(values, (*Formula).hasName) {
		return nil, false
	}
	order, known, failure := a.snap.TextOrder(c.oid)
	switch {
	case failure != nil: // there may be a plan without it
		a.unlearnt = failure
	case !known:
		a.fail(ErrNeedTextOrders)
	}
	return order, order != nil
}

// areTexts says whether values are compared as texts, as strings and parameters without a type are.
func (a *analysis) areTexts(values []*Formula) bool {
	untyped := true
	for _, f := range values {
		t := f.TypeOf(f.givenType)
		if isCharacter(logical.Type{OID: t}) || t == logical.OIDName {
			return true
		}
		isNumber := f.Kind == LiteralValue && f.text.literal >= 0 && !a.literals[f.text.literal].kind.isString()
		untyped = untyped && f.isUntyped() && t == 0 && !isNumber
	}
	return untyped
}

// hasName says whether something in it is of type name, which has a collation of its own.
func (f *Formula) hasName() bool {
	return f.TypeOf(f.givenType) == logical.OIDName || slices.ContainsFunc(f.Args, (*Formula).hasName)
}

// knowsOrder says whether the order of a formula's values is known.
func (a *analysis) knowsOrder(f *Formula) bool {
	_, ok := a.orderOf(f)
	return ok
}

// compares says whether what a formula that compares its Args gives is known: their order
// or, where it asks for no more, which of them are equal.
func (a *analysis) compares(f *Formula) (ok bool) {
	if f.Kind == Operation && (f.Operator == logical.Equal || f.Operator == logical.NotEqual || f.Operator.Matches() || f.Operator.MatchesRegex()) {
		return a.comparesBytes(f) && !a.collation(&Formula{Kind: FirstOf, Args: f.Args}).differs && !a.mayDiffer(f.Args)
	}
	if f.Kind == Operation && f.Operator.LooksInto() {
		return a.comparesBytes(f)
	}
	f.Order, ok = a.orderOf(f.Args...)
	return ok
}

// mayDiffer says whether a plain text is compared with one that has a collation of its own: the plain
// one's is not known, and PostgreSQL takes no two that are neither the database's nor written.
func (a *analysis) mayDiffer(values []*Formula) bool {
	own, plain := false, false
	for _, f := range values {
		c := a.collation(f)
		if c.written {
			return false
		}
		own = own || c.known && c.oid != 0 && c.oid != defaultCollation
		plain = plain || f.hasPlainText()
	}
	return own && plain
}

// hasPlainText says whether there is a text of a plain column in it.
func (f *Formula) hasPlainText() bool {
	return f.Kind == PlainValue && isCharacter(f.Type) || slices.ContainsFunc(f.Args, (*Formula).hasPlainText)
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
