package logical

import "slices"

// Keeps reports that each value of type t is a value of another type as it is: its
// canonical form is the same, and what it is equal by.
func (t Type) Keeps(to Type) bool {
	if t.Def != nil && to.Def == nil && t.Def.isDomain() && t.Def.base.Def == nil {
		t = t.Def.base
	}
	textual := func(oid uint32) bool { return oid == OIDText || oid == OIDVarchar }
	switch {
	case t == to:
		return true
	case t.Def != nil || to.Def != nil || t.OID != to.OID && !(textual(t.OID) && textual(to.OID)):
		return false
	case to.Typmod < 0:
		return true
	}
	switch t.Scalar() {
	case OIDText, OIDVarchar, OIDVarbit:
		return t.Typmod >= 0 && t.Typmod <= to.Typmod
	case OIDNumeric:
		const scaleMask, precisionAt = 0x7ff, 16
		from, into := t.Typmod-typmodHeader, to.Typmod-typmodHeader
		return t.Typmod >= 0 && from&scaleMask == into&scaleMask && from>>precisionAt <= into>>precisionAt
	case OIDTime, OIDTimetz, OIDTimestamp, OIDTimestamptz:
		const microseconds = 6
		return to.Typmod >= microseconds || t.Typmod >= 0 && t.Typmod <= to.Typmod
	}
	return false
}

// CheckRetype says whether PostgreSQL changes the type of a column: an *Error with its
// words where the values are not cast by an assignment. CheckRetypeCast is for a cast
// that is written in USING. The name is the column's.
func (t Type) CheckRetype(name string, to Type) error {
	if t.levelTo(to) >= castAssignment {
		return nil
	}
	return &Error{Code: codeDatatypeMismatch,
		Message: `column "` + name + `" cannot be cast automatically to type ` + to.bareName(),
		Hint:    `You might need to specify "USING ` + QuoteName(name) + "::" + to.Name() + `".`}
}

// CheckRetypeCast is described with CheckRetype.
func (t Type) CheckRetypeCast(to Type) error {
	if t.levelTo(to) > castNever {
		return nil
	}
	return newError(codeCannotCoerce, "cannot cast type "+t.bareName()+" to "+to.bareName())
}

// CheckRetypeUsing is CheckRetype for what USING gives.
func (t Type) CheckRetypeUsing(name string, to Type) error {
	if t.levelTo(to) >= castAssignment {
		return nil
	}
	return &Error{Code: codeDatatypeMismatch,
		Message: `result of USING clause for column "` + name + `" cannot be cast automatically to type ` + to.bareName(),
		Hint:    "You might need to add an explicit cast."}
}

// CastsAlike says whether the cast to a type gives the same whatever the settings of the
// session are, so that it can be made of a default before a row gets it.
func (t Type) CastsAlike(to Type) bool {
	if t.Def != nil || to.Def != nil || t.IsArray() || to.IsArray() {
		return false
	}
	among := func(oids ...uint32) bool { return slices.Contains(oids, t.OID) && slices.Contains(oids, to.OID) }
	return t.OID == to.OID || among(OIDInt2, OIDInt4, OIDInt8, OIDNumeric, OIDFloat4, OIDFloat8) || among(OIDDate, OIDTimestamp) ||
		isString(to.OID) && (isString(t.OID) || slices.Contains([]uint32{OIDInt2, OIDInt4, OIDInt8, OIDNumeric, OIDBool, OIDUUID}, t.OID))
}

// bareName is the name of the type without its modifiers.
func (t Type) bareName() string {
	t.Typmod = -1
	return t.Name()
}

// levelTo is how readily values are cast to a type.
func (t Type) levelTo(to Type) castLevel {
	if t.OID == to.OID {
		return castImplicit
	}
	from := t.OID
	if t.Def != nil {
		switch {
		case t.Def.isDomain():
			return t.Def.base.levelTo(to)
		case t.IsArray() && ElementOID(to.OID) == 0:
			from = oidUnknown // nothing but a text
		}
	}
	level, _ := castBetween(from, to.OID)
	switch {
	case level != castNever:
		return level
	case isText(to.OID): // by the output function
		return castAssignment
	case isText(from):
		return castExplicit
	}
	return castNever
}

func isText(oid uint32) bool { return isString(oid) || oid == OIDName }
