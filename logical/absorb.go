package logical

import "bytes"

// Absorbs reports that PostgreSQL gives an expression of alternatives (COALESCE,
// CASE), one of which has type t and another the type oid, type t. first says that
// it looks at the other one first.
func (t Type) Absorbs(oid uint32, first bool) bool {
	switch {
	case oid == 0, oid == oidUnknown, oid == t.OID:
		return true
	case t.Def != nil:
		return false
	case !first && isString(t.OID) && isString(oid):
		return true
	}
	// The types that are cast to t implicitly, and to which t is not.
	switch t.OID {
	case OIDInt4:
		return oid == OIDInt2
	case OIDInt8:
		return oid == OIDInt2 || oid == OIDInt4
	case OIDNumeric:
		return oid == OIDInt2 || oid == OIDInt4 || oid == OIDInt8
	case OIDFloat4:
		return oid == OIDInt2 || oid == OIDInt4 || oid == OIDInt8 || oid == OIDNumeric
	case OIDFloat8:
		return oid == OIDInt2 || oid == OIDInt4 || oid == OIDInt8 || oid == OIDNumeric || oid == OIDFloat4
	case OIDTimestamp:
		return oid == OIDDate
	case OIDTimestamptz:
		return oid == OIDDate || oid == OIDTimestamp
	}
	return false
}

func isString(oid uint32) bool { return oid == OIDText || oid == OIDVarchar || oid == OIDBpchar }

// Widens reports that a cast from t to another type changes no value's text.
func (t Type) Widens(to Type) bool {
	textual := func(oid uint32) bool { return oid == OIDText || oid == OIDVarchar }
	switch {
	case t.Def != nil || to.Def != nil:
		return t == to
	case textual(t.OID) && textual(to.OID):
		return to.Typmod < 0 || t.Typmod >= 0 && t.Typmod <= to.Typmod
	case t.OID == OIDBit || t.OID == OIDVarbit || t.OID == OIDInterval:
		return t == to
	}
	return t.OID == to.OID && (t.Typmod == to.Typmod || to.Typmod < 0)
}

// Fits reports that every value of type t can be assigned to another type.
func (t Type) Fits(to Type) bool {
	switch {
	case t.Widens(to):
		return true
	case t.Def != nil || to.Def != nil:
		return false
	case familyOf(t.OID) == familyInt && familyOf(to.OID) == familyInt:
		return numberRank(t.OID) <= numberRank(to.OID)
	case t.OID == OIDNumeric && to.OID == OIDNumeric && t.Typmod >= 0 && to.Typmod >= 0:
		precision, scale := numericPrecision(t.Typmod)
		most, digits := numericPrecision(to.Typmod)
		return scale <= digits && precision-scale <= most-digits
	}
	return false
}

// Converts reports that AppendCast can cast every value of type t to another type,
// as the server does where a cast is written, and that no such cast fails.
func (t Type) Converts(to Type) bool {
	if to.Def != nil {
		return false
	}
	switch to.OID {
	case OIDText, OIDVarchar, OIDBpchar:
		return t.printed()
	}
	if t.Def != nil || to.Typmod >= 0 {
		return false
	}
	switch to.OID {
	case OIDBool:
		return t.OID == OIDInt4
	case OIDInt4:
		return t.OID == OIDInt2 || t.OID == OIDBool
	case OIDInt8, OIDFloat8:
		return t.OID == OIDInt2 || t.OID == OIDInt4
	case OIDNumeric:
		return t.OID == OIDInt2 || t.OID == OIDInt4 || t.OID == OIDInt8
	case OIDDate:
		return t.OID == OIDTimestamp || t.OID == OIDTimestamptz
	}
	return false
}

// printed says whether a cast of the type to text gives what its output function
// does, or true and false.
func (t Type) printed() bool {
	if t.Def != nil {
		return t.Def.isEnum
	}
	switch t.OID {
	case OIDText, OIDVarchar, OIDBpchar, OIDBool, OIDInt2, OIDInt4, OIDInt8, OIDNumeric, OIDUUID, OIDOid,
		OIDDate, OIDTime, OIDTimetz, OIDTimestamp, OIDTimestamptz, OIDInterval,
		OIDJSON, OIDJSONB, OIDMacaddr, OIDMacaddr8, OIDBit, OIDVarbit, OIDLSN:
		return true
	}
	return false
}

// AppendCast appends the canonical form of a canonical value of another type, from
// which Converts is true. Texts are in UTF-8, so the settings have to be.
func (t Type) AppendCast(dst, canonical []byte, from Type, s *Settings) ([]byte, error) {
	if !isString(t.OID) || isString(from.OID) || from.OID == OIDBool {
		return t.AppendCanonical(dst, Value{Data: canonical, Binary: true, OID: from.OID}, Cast, s)
	}
	start := len(dst)
	out, err := from.AppendText(dst, canonical, s)
	if c := t.codec(); err == nil && c.fit != nil && t.Typmod >= 0 {
		out, err = c.fit(out, start, t.Typmod, Cast)
	}
	if err != nil {
		return dst, err
	}
	return out, nil
}

// PrintsApart reports a type of whose values those that are equal, and only those, are
// cast to the same text.
func (t Type) PrintsApart() bool {
	if t = t.Shown(); t.Def != nil {
		return t.Def.isEnum
	}
	switch t.OID {
	case OIDInt2, OIDInt4, OIDInt8, OIDOid, OIDBool, OIDUUID, OIDDate:
		return true
	}
	return false
}

// AppendPrinted appends the canonical form of the value that is cast to a text in UTF-8,
// of a type of which PrintsApart is true. Where there is none the error is
// ErrNeverEqual.
func (t Type) AppendPrinted(dst, text []byte, s *Settings) ([]byte, error) {
	t = t.Shown()
	if t.Def != nil { // the label, which the enum may have got since
		return append(dst, text...), nil
	}
	start := len(dst)
	out, err := t.AppendCanonical(dst, Value{Data: text}, Cast, s)
	if err != nil {
		return dst, ErrNeverEqual // whatever else it may be
	}
	end := len(out)
	switch {
	case t.OID != OIDBool:
		out, err = t.AppendText(out, out[start:end], s)
	case out[start] == 0:
		out = append(out, "false"...)
	default:
		out = append(out, "true"...)
	}
	switch {
	case err != nil:
		return dst, err
	case !bytes.Equal(out[end:], text):
		return dst, ErrNeverEqual
	}
	return out[:end], nil
}
