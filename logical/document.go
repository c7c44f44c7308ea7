package logical

import "slices"

// AppendJSON appends a canonical value as PostgreSQL's functions for JSON put it
// into a document: those of jsonb if binary, else those of json. Dates and times
// stand in XSD's form there, whatever DateStyle says. It is in the client's
// encoding.
func (t Type) AppendJSON(dst, canonical []byte, binary bool, s *Settings) ([]byte, error) {
	c := t.codec()
	if c == nil {
		return dst, unsupportedType(t.OID)
	}
	if !c.check(canonical) {
		return dst, corrupt(c)
	}
	start := len(dst)
	out, err := t.appendJSON(dst, canonical, binary, s)
	if err != nil {
		return dst, err
	}
	return s.encodeTail(out, start)
}

// HasJSON reports that AppendJSON does what the server does. There is a cast from
// hstore to json, which the server uses.
func (t Type) HasJSON() bool {
	if t.Def == nil {
		return true
	}
	if parts := t.Def.Parts(); len(parts) > 0 {
		return !slices.ContainsFunc(parts, func(p Type) bool { return !p.HasJSON() })
	}
	return t.Def.isEnum || t.Def.fromText
}

// appendJSON writes UTF-8.
func (t Type) appendJSON(dst, canonical []byte, binary bool, s *Settings) ([]byte, error) {
	for t.Def != nil && t.Def.isDomain() {
		t = t.Def.base
	}
	if t.IsArray() {
		return t.appendJSONArray(dst, canonical, binary, s)
	}
	switch t.OID {
	case OIDBool:
		if canonical[0] != 0 {
			return append(dst, "true"...), nil
		}
		return append(dst, "false"...), nil
	case OIDInt2, OIDInt4, OIDInt8:
		return t.codec().out(dst, canonical, s)
	case OIDFloat4, OIDFloat8, OIDNumeric:
		return t.appendJSONNumber(dst, canonical, binary, s)
	case OIDJSONB:
		return append(dst, canonical[1:]...), nil
	case OIDJSON:
		if !binary {
			return append(dst, canonical...), nil
		}
		at := len(dst)
		out, err := jsonbIn(dst, canonical, s)
		if err != nil {
			return dst, err
		}
		return slices.Delete(out, at, at+1), nil // without the version
	case OIDDate, OIDTimestamp, OIDTimestamptz:
		return t.appendJSONMoment(dst, canonical, s)
	}
	at := len(dst)
	out, err := t.codec().out(append(dst, '"'), canonical, s)
	if err != nil {
		return dst, err
	}
	for _, c := range out[at+1:] {
		if c < ' ' || c == '"' || c == '\\' {
			return appendJSONString(out[:at], slices.Clone(out[at+1:])), nil
		}
	}
	return append(out, '"'), nil
}

// appendJSONNumber writes what is no number in JSON as a string.
func (t Type) appendJSONNumber(dst, canonical []byte, binary bool, s *Settings) ([]byte, error) {
	at := len(dst)
	out, err := t.codec().out(dst, canonical, s)
	if err != nil {
		return dst, err
	}
	text := out[at:]
	if last := text[len(text)-1]; !isDigit(last) { // NaN, Infinity
		return appendJSONString(out[:at], slices.Clone(text)), nil
	}
	if binary && t.OID != OIDNumeric {
		number, err := parseNumeric(slices.Clone(text))
		if err != nil {
			return dst, err
		}
		return number.appendText(out[:at]), nil
	}
	return out, nil
}

func (t Type) appendJSONMoment(dst, canonical []byte, s *Settings) ([]byte, error) {
	dst = append(dst, '"')
	if t.OID == OIDDate {
		iso := Settings{}
		out, err := dateOut(dst, canonical, &iso)
		return append(out, '"'), err
	}
	instant, offset := canonicalInstant(canonical), 0
	if infinite(instant) {
		return append(appendInfinite(dst, instant), '"'), nil
	}
	if t.OID == OIDTimestamptz {
		location, err := s.sessionZone().get()
		if err != nil {
			return dst, err
		}
		offset, _ = offsetAt(location, instant)
	}
	c := clockOf(instant, offset)
	dst = append(c.appendDate(dst, styleISO, orderMDY), 'T')
	dst = c.appendTime(dst)
	if t.OID == OIDTimestamptz {
		dst = appendOffset(dst, offset)
		if offset%3600 == 0 {
			dst = append(dst, ":00"...)
		}
	}
	return append(c.appendEra(dst), '"'), nil
}

func (t Type) appendJSONArray(dst, canonical []byte, binary bool, s *Settings) ([]byte, error) {
	element := Type{OID: ElementOID(t.OID), Typmod: -1}
	if t.Def != nil {
		element = t.Def.element
	}
	shape, _, rest, err := readShape(canonical, 0)
	if err != nil {
		return dst, err
	}
	if shape.items() == 0 {
		return append(dst, "[]"...), nil
	}
	comma := ","
	if binary {
		comma = ", "
	}
	var index [maxDimensions]int32
	err = walkItems(rest, shape.items(), func(elem []byte, null bool) (err error) {
		for d := range shape.dims {
			if zeroFrom(index[d:shape.dims]) {
				dst = append(dst, '[')
			}
		}
		if null {
			dst = append(dst, "null"...)
		} else if dst, err = element.appendJSON(dst, elem, binary, s); err != nil {
			return err
		}
		for d := shape.dims - 1; d >= 0; d-- {
			if index[d]++; index[d] < shape.sizes[d] {
				dst = append(dst, comma...)
				break
			}
			index[d] = 0
			dst = append(dst, ']')
		}
		return nil
	})
	return dst, err
}
