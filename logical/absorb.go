package logical

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
