package logical

// nameCodec reads names, of which only so much counts as the server keeps.
var nameCodec = codec{
	name: "name", size: 64, textual: true,
	in: func(dst, text []byte, _ *Settings) ([]byte, error) {
		return append(dst, text[:nameEnd(text)]...), nil
	},
	recv: func(dst, data []byte) ([]byte, error) {
		if len(data) > maxName {
			return dst, &Error{Code: codeNameTooLong, Message: "identifier too long", Detail: "Identifier must be less than 64 characters."}
		}
		return append(dst, data...), nil
	},
	out:   textOut,
	check: textCodec.check,
}

// nameEnd is where the server cuts a text to make it a name: at the end of a
// character.
func nameEnd(text []byte) int {
	if len(text) <= maxName {
		return len(text)
	}
	end := maxName
	for end > 0 && text[end]&0xc0 == 0x80 {
		end--
	}
	return end
}

// maxName is the longest name in bytes.
const maxName = 63
