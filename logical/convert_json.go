package logical

// castDocument is the cast of a jsonb to a number or to a boolean, which it has to be by itself.
func (c *conversion) castDocument() ([]byte, error) {
	n, err := readJSONB(c.value())
	if err != nil {
		return nil, err
	}
	what := ""
	switch n.kind {
	case jsonObjectStart:
		what = "object"
	case jsonArrayStart:
		what = "array"
	case jsonString:
		what = "string"
	case jsonNumber:
		what = "numeric"
	case jsonTrue, jsonFalse:
		what = "boolean"
	case jsonNull:
		if c.settings.major() >= 18 {
			return nil, refuse("pgseal does not cast the null of a document to NULL", "Compute the value in the application.")
		}
		what = "null"
	}
	switch toBool := familyOf(c.to) == familyBool; {
	case toBool && what == "boolean":
		return append(c.out[:c.start], byte(btoi(n.kind == jsonTrue))), nil
	case toBool || what != "numeric":
		return nil, newError(codeInvalidParameter, "cannot cast jsonb "+what+" to type "+typeName(c.to))
	}
	v, err := parseNumeric(n.text)
	if err != nil {
		return nil, err
	}
	if c.out, err = v.append(c.out[:c.start]); err != nil || c.to == OIDNumeric {
		return c.out, err
	}
	c.from = OIDNumeric
	return c.castNumber()
}
