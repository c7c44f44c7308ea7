package rewrite

import (
	"slices"

	"pgseal/logical"
)

// neverFails says whether a formula has a value whatever its columns, parameters and literals are:
// PostgreSQL may not come to a condition behind OR, so that an error in it would be none there, and
// where rows have been written an error would come too late.
func (a *analysis) neverFails(f *Formula) bool {
	switch f.Kind {
	case ColumnValue, PlainValue, ParameterValue, LiteralValue, NullValue:
		return true
	case IsNull, IsNotNull, Both, Either, Inverse, FirstOf, Greatest, Least, Choice, Collated:
	case CastTo:
		return a.castNeverFails(f.Args[0], f.Type) && a.neverFails(f.Args[0])
	case Called:
		if !slices.ContainsFunc(neverFailing, func(name string) bool { of, ok := logical.FunctionNamed(name); return ok && of == f.Function }) {
			return false
		}
	case Operation:
		if f.Operator.Matches() && f.Args[1].Kind == LiteralValue {
			return a.isSoundPattern(f.Args[1]) && a.neverFails(f.Args[0])
		}
		if a.isBounded(f) {
			return true
		}
		if !f.Operator.Compares() && f.Operator != logical.Concatenate {
			return false
		}
	default:
		return false
	}
	return !slices.ContainsFunc(f.Args, func(arg *Formula) bool { return !a.neverFails(arg) })
}

// castNeverFails says whether every value is one of a type: a literal is read at once.
func (a *analysis) castNeverFails(of *Formula, to logical.Type) bool {
	oid := of.TypeOf(of.givenType)
	switch of.Kind {
	case LiteralValue, NullValue:
		return true
	case ParameterValue:
		if oid = declared(a.declared, of.Client); oid == 0 || oid == to.OID {
			return true
		}
		return isAnyText(oid) && isAnyText(to.OID)
	}
	switch {
	case oid == 0:
		return false
	case isAnyText(to.OID):
		return true
	case to.OID == logical.OIDDate:
		return oid == logical.OIDDate || oid == logical.OIDTimestamp || oid == logical.OIDTimestamptz
	case isInteger(oid) && to.Typmod == -1:
		return to.OID == logical.OIDNumeric || to.OID == logical.OIDFloat8 || isInteger(to.OID) && CommonType(oid, to.OID) == to.OID
	}
	return false
}

// isBounded says whether a formula is a numeric that cannot come near to what is too long for one: a
// sum, a difference or a product of columns whose length is known, and of whole numbers.
func (a *analysis) isBounded(f *Formula) bool {
	o := f.Operator
	if f.Kind != Operation || f.Quantifier != OneValue || o != logical.Add && o != logical.Subtract && o != logical.Multiply {
		return false
	}
	decimal := false
	for _, arg := range f.Args {
		switch {
		case arg.Kind == ColumnValue && arg.Column.Type.Shown().OID == logical.OIDNumeric && arg.Column.Type.Shown().Typmod >= 0, a.isBounded(arg):
			decimal = true
		case arg.OfRow() && isInteger(arg.TypeOf(arg.givenType)):
		case arg.Kind == LiteralValue && isInteger(arg.TypeOf(arg.givenType)): // which stands in the plan
		default:
			return false
		}
	}
	return decimal
}

// isForTerms says whether a formula compares a term with what the server computes (at = now()).
// EXECUTE can have that of a prepared statement, and no value that the session computes.
func (f *Formula) isForTerms() bool {
	switch f.Kind {
	case Both, Either, Inverse:
		return !slices.ContainsFunc(f.Args, func(arg *Formula) bool { return arg.computes() && !arg.isForTerms() })
	case Operation:
		isAsked := func(arg *Formula) bool { return arg.Kind == PlainValue && arg.sql != "" }
		return (f.Operator == logical.Equal || f.Operator == logical.NotEqual) && slices.ContainsFunc(f.Args, (*Formula).isTerm) && slices.ContainsFunc(f.Args, isAsked)
	}
	return false
}
