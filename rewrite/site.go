package rewrite

import (
	"errors"
	"strconv"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/logical"
)

// Site is where a value stands in its statement, for the errors that its type
// can cause: PostgreSQL names the operator or the column, and the place.
type Site struct {
	operator string // of a comparison, "" where the value is stored
	flipped  bool   // the value stands before the operator
	target   string // the column that the value is stored into
	at       anchor // of the operator, or of what is stored
	cast     anchor // of the explicit cast
	casted   bool   // there is one
	call     anchor // of the function that is called with the value, without a cast
	function string // its name, "" for none
	known    bool   // at is
	// argument numbers, from 1, the parameter of a prepared statement that the
	// value is given to; expected is its type.
	argument int
	expected logical.Type
}

// argument is the site of an argument of EXECUTE.
func (a *analysis) argumentSite(n *pg.Node, number int, expected logical.Type) (s Site) {
	s.argument, s.expected = number, expected
	s.at, s.known = a.anchor(location(n))
	return s
}

// comparison is the site of the values compared by an operator.
func (a *analysis) comparison(operator string, at int32) (s Site) {
	s.operator = operator
	s.at, s.known = a.anchor(at)
	return s
}

// storing is the site of an expression that is stored into a column.
func (a *analysis) storing(n *pg.Node, target string) (s Site) {
	s.target = target
	s.at, s.known = a.anchor(valueLocation(n))
	return s
}

// valueLocation is where PostgreSQL says that a value stands: a string of which the type
// is written (date '2026-01-31'), at the string. Of an argument of EXECUTE it says where
// the type stands.
func valueLocation(n *pg.Node) int32 {
	if literal := n.GetTypeCast().GetArg().GetAConst(); literal.GetSval() != nil {
		return literal.Location
	}
	return location(n)
}

func (a *analysis) anchor(at int32) (anchor, bool) {
	if at < 0 {
		return anchor{}, false
	}
	return anchorAt(int(at), a.literals)
}

// Check says whether a value of a type, as the client declares it, can stand
// where the operand stands: nil, or PostgreSQL's error, or that pgseal cannot do
// it. The position is -1; see Bound.Check.
func (o *Operand) Check(oid uint32) *Refusal { return o.check(oid, nil) }

// Check is Operand.Check with the position in the bound text.
func (b *Bound) Check(o *Operand, oid uint32) *Refusal { return o.check(oid, b.scratch.literals) }

func (o *Operand) check(oid uint32, literals []span) *Refusal {
	if oid == 0 || oid == oidUnknown {
		return nil
	}
	if o.Records != nil {
		return o.checkDocument(oid, literals)
	}
	if o.TakesAny() {
		return nil
	}
	if o.Null != nil && oid != logical.OIDText && oid != logical.OIDVarchar {
		return refuseNullIf(o.Column, o.Site.position(o.Site.at, literals), oid)
	}
	if o.Site.argument > 0 && !o.Site.casted {
		return o.checkArgument(oid, literals)
	}
	if o.Split != "" {
		return o.checkCalled(oid, literals)
	}
	if o.Array {
		element, own := logical.ElementOID(oid), o.elements()
		if oid == own.ArrayOID() {
			element = own.OID
		}
		if element == 0 {
			return &Refusal{
				Anchor: "type", Code: codeWrongObjectType, Message: "op ANY/ALL (array) requires array on right side",
				Position: o.Site.position(o.Site.at, literals),
			}
		}
		oid = element
	}
	if o.Site.function != "" {
		return o.checkCalled(oid, literals)
	}
	if o.Via != nil {
		return o.refusal(o.Via.CheckOID(oid, logical.Cast), o.Site.cast, literals)
	}
	return o.checkOwn(oid, literals)
}

// checkArgument checks an argument of EXECUTE, which is assigned to a parameter
// of the expected type before that is used.
func (o *Operand) checkArgument(oid uint32, literals []span) *Refusal {
	r := o.refusal(o.Site.expected.CheckOID(oid, logical.Assign), o.Site.at, literals)
	if r != nil && r.Code == codeDatatypeMismatch {
		name := logical.TypeName(o.Site.expected.OID)
		if o.Site.expected.Def != nil {
			name = o.Site.expected.Name()
		}
		r.Message = "parameter $" + strconv.Itoa(o.Site.argument) + " of type " + logical.TypeName(oid) +
			" cannot be coerced to the expected type " + name
	}
	return r
}

// elements is the type of the elements of an array that needs no cast.
func (o *Operand) elements() logical.Type {
	if o.Via != nil {
		return *o.Via
	}
	return o.Column.Type.Shown()
}

// checkOwn checks the type that the value has behind its explicit cast.
func (o *Operand) checkOwn(oid uint32, literals []span) *Refusal {
	switch {
	case o.fits(oid):
	case o.Beside == besideListed:
		return refuseMixedList(o.Column, int32(o.Site.position(o.Site.at, literals)))
	default:
		return refuseBeside(o.Column, o.Site.position(o.Site.at, literals), oid)
	}
	if o.Role == Store {
		return o.refusal(o.Column.Type.CheckColumnOID(o.Site.target, oid, logical.Assign), o.Site.at, literals)
	}
	return o.refusal(o.Column.Type.CheckOID(oid, logical.Compare), o.Site.at, literals)
}

// checkCalled checks the type of what a function of text is called with.
func (o *Operand) checkCalled(oid uint32, literals []span) *Refusal {
	if f := o.Site.function; (f == joinOperator || f == splitFunction) && oid != 0 && !sameFamily(oid, logical.OIDText) {
		return refuseJoined(o, o.Site.position(o.Site.call, literals), oid) // there are others than that of texts
	}
	takes := logical.Type{OID: logical.OIDText, Typmod: -1}
	if strings.TrimPrefix(o.Site.function, "pg_catalog.") == momentFunction {
		takes.OID = logical.OIDFloat8
	}
	err := takes.CheckOID(oid, logical.Compare)
	if oid == 0 || err == nil {
		return nil
	}
	position := o.Site.position(o.Site.call, literals)
	if e, ok := errors.AsType[*logical.Error](err); ok && e.Code == codeNoFunction {
		return refuseNoFunction(o.Site.function+"("+logical.TypeName(oid)+")", position)
	}
	return refuseTextFunction(o, o.Site.function, int32(position), "its parameter is declared as "+logical.TypeName(oid), "Declare the parameter as "+takes.Name()+".")
}

func refuseNoFunction(call string, position int) *Refusal {
	return &Refusal{
		Anchor: "type", Code: codeNoFunction, Message: "function " + call + " does not exist",
		Hint: "No function matches the given name and argument types. You might need to add explicit type casts.", Position: position,
	}
}

func (o *Operand) refusal(err error, at anchor, literals []span) *Refusal {
	if err == nil {
		return nil
	}
	var e *logical.Error
	if !errors.As(err, &e) {
		return refuseDefect()
	}
	if o.Site.operator != "" {
		e = e.Comparing(o.Site.operator, o.Site.flipped)
	}
	r := &Refusal{Anchor: "type", Code: e.Code, Message: e.Message, Detail: e.Detail, Hint: e.Hint, Position: o.Site.position(at, literals)}
	if e.Code == codeNotSupported {
		r.Column = o.Column
	}
	return r
}

// checked checks the type that a value has in the text being planned.
func (a *analysis) checked(o *Operand, oid uint32) *Refusal {
	if o.Role == Store && a.ownCast(logical.Type{OID: oid}, o.Column.Type) {
		return refuseOwnCast(o.Column, -1, oid)
	}
	return o.checkOwn(oid, a.literals)
}

func (s *Site) position(at anchor, literals []span) int {
	if !s.known || int(at.literal) >= len(literals) {
		return -1
	}
	return at.in(literals)
}
