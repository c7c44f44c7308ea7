package logical

import "unicode/utf8"

const hexDigits = "0123456789abcdef"

var byteaCodec = codec{
	name: "bytea", size: -1,
	in:    byteaIn,
	recv:  func(dst, data []byte) ([]byte, error) { return append(dst, data...), nil },
	out:   byteaOut,
	check: func([]byte) bool { return true },
}

func byteaIn(dst, text []byte, _ *Settings) ([]byte, error) {
	if len(text) >= 2 && text[0] == '\\' && text[1] == 'x' {
		return hexIn(dst, text[2:])
	}
	for s := text; len(s) > 0; {
		switch {
		case s[0] != '\\':
			dst = append(dst, s[0])
			s = s[1:]
		case len(s) >= 4 && s[1] >= '0' && s[1] <= '3' && isOctal(s[2]) && isOctal(s[3]):
			dst = append(dst, (s[1]-'0')<<6|(s[2]-'0')<<3|(s[3]-'0'))
			s = s[4:]
		case len(s) >= 2 && s[1] == '\\':
			dst = append(dst, '\\')
			s = s[2:]
		default:
			return dst, newError(codeInvalidText, "invalid input syntax for type bytea")
		}
	}
	return dst, nil
}

func isOctal(c byte) bool { return c >= '0' && c <= '7' }

// hexIn reads pairs of hexadecimal digits with blanks between the pairs.
func hexIn(dst, s []byte) ([]byte, error) {
	if out, err := DecodeHex(dst, s); err == nil {
		return out, nil
	}
	digit := func() (int, error) {
		v := hexValue(s[0])
		if v < 0 {
			_, n := utf8.DecodeRune(s)
			return 0, newError(codeInvalidParameter, `invalid hexadecimal digit: "`+string(s[:n])+`"`)
		}
		s = s[1:]
		return v, nil
	}
	for len(s) > 0 {
		if s[0] == ' ' || s[0] == '\n' || s[0] == '\t' || s[0] == '\r' {
			s = s[1:]
			continue
		}
		high, err := digit()
		if err != nil {
			return dst, err
		}
		if len(s) == 0 {
			return dst, newError(codeInvalidParameter, "invalid hexadecimal data: odd number of digits")
		}
		low, err := digit()
		if err != nil {
			return dst, err
		}
		dst = append(dst, byte(high<<4|low))
	}
	return dst, nil
}

func byteaOut(dst, canonical []byte, s *Settings) ([]byte, error) {
	if s == nil || !s.byteaEscape {
		return EncodeHex(append(dst, '\\', 'x'), canonical), nil
	}
	for _, b := range canonical {
		switch {
		case b == '\\':
			dst = append(dst, '\\', '\\')
		case b < 0x20 || b > 0x7e:
			dst = append(dst, '\\', '0'+b>>6, '0'+b>>3&7, '0'+b&7)
		default:
			dst = append(dst, b)
		}
	}
	return dst, nil
}
