package logical

var boolCodec = codec{
	name: "boolean", size: 1,
	in: func(dst, text []byte, _ *Settings) ([]byte, error) {
		b, ok := parseBool(trimSpace(text))
		if !ok {
			return dst, invalidSyntax("boolean", text)
		}
		return append(dst, b), nil
	},
	recv: func(dst, data []byte) ([]byte, error) {
		if len(data) == 0 {
			return dst, newError(codeProtocolViolation, "no data left in message")
		}
		if len(data) > 1 {
			return dst, trailingBinary()
		}
		b := data[0]
		if b != 0 {
			b = 1
		}
		return append(dst, b), nil
	},
	out: func(dst, canonical []byte, _ *Settings) ([]byte, error) {
		if canonical[0] == 0 {
			return append(dst, 'f'), nil
		}
		return append(dst, 't'), nil
	},
	check: func(canonical []byte) bool { return len(canonical) == 1 && canonical[0] <= 1 },
}

// parseBool accepts the unambiguous beginnings of true, false, yes, no, on and
// off in any case, and 1 and 0.
func parseBool(s []byte) (value byte, ok bool) {
	if len(s) == 0 || len(s) > len("false") {
		return 0, false
	}
	begins := func(word string) bool { return len(s) <= len(word) && hasPrefixFold(s, word[:len(s)]) }
	switch {
	case begins("true"), begins("yes"), len(s) == 1 && s[0] == '1', len(s) > 1 && begins("on"):
		return 1, true
	case begins("false"), begins("no"), len(s) == 1 && s[0] == '0', len(s) > 1 && begins("off"):
		return 0, true
	}
	return 0, false
}
