package logical

// in reads a range as range_in() does.
func (r *rangeOf) in(dst, text []byte, s *Settings) ([]byte, error) {
	malformed := func(detail string) ([]byte, error) {
		return dst, &Error{Code: codeInvalidText, Message: `malformed range literal: "` + string(text) + `"`, Detail: detail}
	}
	rest := trimLeftSpace(text)
	if hasPrefixFold(rest, "empty") {
		if len(trimLeftSpace(rest[len("empty"):])) > 0 {
			return malformed(`Junk after "empty" key word.`)
		}
		return append(dst, rangeEmpty), nil
	}
	var b bounds
	if len(rest) == 0 || rest[0] != '[' && rest[0] != '(' {
		return malformed("Missing left parenthesis or bracket.")
	}
	b.lowerInc = rest[0] == '['
	lower, rest, ok := scanRangeBound(rest[1:])
	if !ok {
		return malformed("Unexpected end of input.")
	}
	if rest[0] != ',' {
		return malformed("Missing comma after lower bound.")
	}
	upper, rest, ok := scanRangeBound(rest[1:])
	if !ok {
		return malformed("Unexpected end of input.")
	}
	if rest[0] == ',' {
		return malformed("Too many commas.")
	}
	b.upperInc = rest[0] == ']'
	if len(trimLeftSpace(rest[1:])) > 0 {
		return malformed("Junk after right parenthesis or bracket.")
	}
	for i, p := range []*[]byte{&b.lower, &b.upper} {
		value := [2][]byte{lower, upper}[i]
		if value == nil {
			continue
		}
		var err error
		if *p, err = r.bound.in([]byte{}, value, s); err != nil {
			return dst, err
		}
	}
	return r.append(dst, b)
}

// scanRangeBound reads a bound up to the character that ends it, without its
// quotes and escapes; nil if there is none.
func scanRangeBound(s []byte) (value, rest []byte, ok bool) {
	ends := func(c byte) bool { return c == ',' || c == ')' || c == ']' }
	if len(s) > 0 && ends(s[0]) {
		return nil, s, true
	}
	value = []byte{}
	quoted := false
	for i := 0; ; i++ {
		if i == len(s) {
			return nil, nil, false
		}
		c := s[i]
		switch {
		case !quoted && ends(c):
			return value, s[i:], true
		case c == '\\':
			if i++; i == len(s) {
				return nil, nil, false
			}
			value = append(value, s[i])
		case c == '"' && quoted && i+1 < len(s) && s[i+1] == '"':
			i++
			value = append(value, '"')
		case c == '"':
			quoted = !quoted
		default:
			value = append(value, c)
		}
	}
}
