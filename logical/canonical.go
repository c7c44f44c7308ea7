package logical

// AppendCanonical appends the canonical form of a client's value, read in the
// role use under the session's settings. On error dst is returned unchanged in
// length. The error is an *Error, or ErrNeverEqual with Compare.
// v.Data must not overlap dst's spare capacity.
func (t Type) AppendCanonical(dst []byte, v Value, use Use, s *Settings) ([]byte, error) {
	c := t.codec()
	if c == nil {
		return dst, unsupportedType(t.OID)
	}
	if t.Def != nil && t.Def.isDomain() {
		return t.Def.appendDomain(dst, t.OID, v, use, s)
	}
	start := len(dst)
	var out []byte
	var err error
	if c.inTypmod != nil && v.OID == oidUnknown && !v.Binary && t.Typmod >= 0 && use != Compare {
		var text []byte
		if text, err = s.decode(v.Data); err == nil {
			out, err = c.inTypmod(dst, text, s, t.Typmod)
		}
	} else if v.OID == 0 || v.OID == oidUnknown || v.OID == t.OID {
		out, err = c.read(dst, v, s)
	} else {
		out, err = t.convert(dst, v, use, s)
	}
	if err == nil && c.fit != nil && t.Typmod >= 0 && use != Compare {
		out, err = c.fit(out, start, t.Typmod, use)
		err = late(err)
	}
	if err != nil {
		return dst, err
	}
	return out, nil
}

// read appends the canonical form of a value of the codec's own type.
func (c *codec) read(dst []byte, v Value, s *Settings) ([]byte, error) {
	switch {
	case v.Binary && c.receive != nil:
		return c.receive(dst, v.Data, s)
	case v.Binary && !c.textual:
		return c.recv(dst, v.Data)
	}
	if v.Binary && c == &jsonbCodec {
		// The version decides before the text is looked at.
		if _, err := jsonbText(v.Data); err != nil {
			return dst, err
		}
	}
	text, err := s.decode(v.Data)
	if err != nil {
		return dst, err
	}
	if v.Binary {
		return c.recv(dst, text)
	}
	return c.in(dst, text, s)
}

// AppendText appends what the type's output function gives for a canonical
// value, in the client's encoding.
func (t Type) AppendText(dst, canonical []byte, s *Settings) ([]byte, error) {
	c := t.codec()
	if c == nil {
		return dst, unsupportedType(t.OID)
	}
	if !c.check(canonical) {
		return dst, corrupt(c)
	}
	start := len(dst)
	out, err := c.out(dst, canonical, s)
	if err != nil {
		return dst, err
	}
	return s.encodeTail(out, start)
}

// AppendBinary appends what the type's send function gives for a canonical
// value: the same bytes, but text in the client's encoding.
func (t Type) AppendBinary(dst, canonical []byte, s *Settings) ([]byte, error) {
	c := t.codec()
	if c == nil {
		return dst, unsupportedType(t.OID)
	}
	if !c.check(canonical) {
		return dst, corrupt(c)
	}
	if c.send != nil {
		return c.send(dst, canonical, s)
	}
	start := len(dst)
	out := append(dst, canonical...)
	if !c.textual {
		return out, nil
	}
	return s.encodeTail(out, start)
}

// Verbatim says that AppendText, or AppendBinary, would append the canonical form
// of any valid value itself.
func (t Type) Verbatim(binary bool, s *Settings) bool {
	c := t.codec()
	if c == nil || t.Def != nil || c.send != nil || !binary && (!c.textual || t.OID == OIDJSONB) {
		return false // the text of a jsonb is without its version
	}
	if !c.textual {
		return true
	}
	e, err := s.clientEncoding()
	return err == nil && (e == nil || e.ascii)
}

// EqualAsStored says that AppendEquality would append the canonical form itself.
func (t Type) EqualAsStored() bool {
	c := t.codec()
	return c != nil && !c.incomparable && !c.ownEquality && c.equal == nil
}

// FixedForm reports that equal values look the same because the type gives them
// one form: numeric(10,2), char(3), inet, of which a column has no cidr, and arrays
// whose elements look the same. (Elements of inet[] may be those of a cidr[].)
func (t Type) FixedForm() bool {
	switch {
	case t.Def != nil:
		return t.Def.element.OID != 0 && t.Def.element.EqualAsStored()
	case t.IsArray():
		element := Type{OID: ElementOID(t.OID), Typmod: t.Typmod}
		return element.EqualAsStored() || element.fixedByTypmod()
	}
	return t.fixedByTypmod() || t.OID == OIDInet || t.OID == OIDCidr
}

func (t Type) fixedByTypmod() bool {
	return (t.OID == OIDNumeric || t.OID == OIDBpchar) && t.Typmod >= 0
}

// AppendEquality appends bytes that are equal exactly when the values are equal
// under the type's = operator. For a type without one the error is the
// server's, with Code 42883.
func (t Type) AppendEquality(dst, canonical []byte) ([]byte, error) {
	c := t.codec()
	switch {
	case c == nil:
		return dst, unsupportedType(t.OID)
	case c.incomparable:
		return dst, noOperator(c.name, c.name)
	case c.ownEquality:
		return dst, c.unequatable()
	case !c.check(canonical):
		return dst, corrupt(c)
	case c.equal == nil:
		return append(dst, canonical...), nil
	}
	return c.equal(dst, canonical)
}
