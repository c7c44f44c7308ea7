package logical

const uuidSize = 16

var uuidCodec = codec{
	name: "uuid", size: uuidSize,
	in:    uuidIn,
	recv:  fixedRecv(uuidSize),
	out:   uuidOut,
	check: fixedCheck(uuidSize),
}

// uuidIn reads 32 hexadecimal digits, with a hyphen allowed after every four
// and braces around the whole.
func uuidIn(dst, text []byte, _ *Settings) ([]byte, error) {
	start, s := len(dst), text
	braces := len(s) > 0 && s[0] == '{'
	if braces {
		s = s[1:]
	}
	for i := range uuidSize {
		if len(s) < 2 || hexValue(s[0]) < 0 || hexValue(s[1]) < 0 {
			return dst[:start], invalidSyntax("uuid", text)
		}
		dst = append(dst, byte(hexValue(s[0])<<4|hexValue(s[1])))
		s = s[2:]
		if i%2 == 1 && i < uuidSize-1 && len(s) > 0 && s[0] == '-' {
			s = s[1:]
		}
	}
	if braces {
		if len(s) == 0 || s[0] != '}' {
			return dst[:start], invalidSyntax("uuid", text)
		}
		s = s[1:]
	}
	if len(s) > 0 {
		return dst[:start], invalidSyntax("uuid", text)
	}
	return dst, nil
}

func uuidOut(dst, canonical []byte, _ *Settings) ([]byte, error) {
	for i, b := range canonical {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			dst = append(dst, '-')
		}
		dst = append(dst, hexDigits[b>>4], hexDigits[b&15])
	}
	return dst, nil
}
