package logical

const pointSize = 16

var pointCodec = codec{
	name: "point", size: pointSize, incomparable: true,
	in:   pointIn,
	recv: fixedRecv(pointSize),
	out: func(dst, canonical []byte, s *Settings) ([]byte, error) {
		dst, err := floatOut(append(dst, '('), canonical[:8], s)
		if err != nil {
			return dst, err
		}
		if dst, err = floatOut(append(dst, ','), canonical[8:], s); err != nil {
			return dst, err
		}
		return append(dst, ')'), nil
	},
	check: fixedCheck(pointSize),
}

// pointIn reads two numbers with a comma between them, in parentheses or not.
func pointIn(dst, text []byte, _ *Settings) ([]byte, error) {
	rest := trimLeftSpace(text)
	enclosed := len(rest) > 0 && rest[0] == '('
	if enclosed {
		rest = rest[1:]
	}
	out := dst
	for i := range 2 {
		number := trimLeftSpace(rest)
		f := scanFloat(number, 64)
		if f.length == 0 {
			return dst, invalidSyntax("point", text)
		}
		if err := f.inRange(number[:f.length]); err != nil {
			return dst, err
		}
		out = appendFloat8(out, f.value)
		rest = trimLeftSpace(number[f.length:])
		if i == 0 {
			if len(rest) == 0 || rest[0] != ',' {
				return dst, invalidSyntax("point", text)
			}
			rest = rest[1:]
		}
	}
	if enclosed {
		if len(rest) == 0 || rest[0] != ')' {
			return dst, invalidSyntax("point", text)
		}
		rest = trimLeftSpace(rest[1:])
	}
	if len(rest) > 0 {
		return dst, invalidSyntax("point", text)
	}
	return out, nil
}
