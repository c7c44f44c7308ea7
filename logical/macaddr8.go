package logical

const macaddr8Size = 8

var macaddr8Codec = codec{
	name: "macaddr8", size: macaddr8Size,
	in: macaddr8In,
	recv: func(dst, data []byte) ([]byte, error) {
		switch n := len(data); {
		case n == macaddrSize:
			return appendMacaddr8(dst, data), nil
		case n < macaddr8Size:
			return dst, noByte()
		case n > macaddr8Size:
			return dst, trailingBinary()
		}
		return append(dst, data...), nil
	},
	out:   macaddrCodec.out,
	check: fixedCheck(macaddr8Size),
}

// appendMacaddr8 widens an address of six bytes.
func appendMacaddr8(dst, six []byte) []byte {
	dst = append(dst, six[:3]...)
	dst = append(dst, 0xff, 0xfe)
	return append(dst, six[3:]...)
}

// macaddr8In reads six or eight pairs of digits, with one kind of spacer perhaps
// behind each. As in the server, a single character at the end is not looked at.
func macaddr8In(dst, text []byte, _ *Settings) ([]byte, error) {
	at := func(i int) byte {
		if i < len(text) {
			return text[i]
		}
		return 0
	}
	fail := func() ([]byte, error) { return dst, invalidSyntax("macaddr8", text) }
	i, count := 0, 0
	for i < len(text) && isSpace(text[i]) {
		i++
	}
	var octets [macaddr8Size]byte
	var spacer byte
	for at(i) != 0 && at(i+1) != 0 {
		if count == len(octets) || hexValue(text[i]) < 0 || hexValue(text[i+1]) < 0 {
			return fail()
		}
		octets[count] = byte(hexValue(text[i])<<4 | hexValue(text[i+1]))
		count++
		i += 2
		if c := at(i); c == ':' || c == '-' || c == '.' {
			if spacer == 0 {
				spacer = c
			} else if spacer != c {
				return fail()
			}
			i++
		}
		if (count == macaddrSize || count == macaddr8Size) && isSpace(at(i)) {
			for i < len(text) && isSpace(text[i]) {
				i++
			}
			if i < len(text) {
				return fail()
			}
		}
	}
	switch count {
	case macaddrSize:
		return appendMacaddr8(dst, octets[:macaddrSize]), nil
	case macaddr8Size:
		return append(dst, octets[:]...), nil
	}
	return fail()
}
