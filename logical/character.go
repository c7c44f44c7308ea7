package logical

import (
	"strconv"
	"unicode/utf8"
)

var textCodec = codec{
	name: "text", size: -1, textual: true,
	in:    textIn,
	recv:  textRecv,
	out:   textOut,
	check: utf8.Valid,
}

var varcharCodec = codec{
	name: "character varying", size: -1, textual: true,
	in:         textIn,
	recv:       textRecv,
	out:        textOut,
	fit:        fitVarchar,
	typmodName: charTypmodName("character varying"),
	check:      utf8.Valid,
}

var bpcharCodec = codec{
	name: "character", size: -1, textual: true,
	in:         textIn,
	recv:       textRecv,
	out:        textOut,
	fit:        fitBpchar,
	typmodName: charTypmodName("character"),
	equal: func(dst, canonical []byte) ([]byte, error) {
		return append(dst, trimBlanks(canonical)...), nil
	},
	check: utf8.Valid,
}

func textIn(dst, text []byte, _ *Settings) ([]byte, error) { return append(dst, text...), nil }

func textRecv(dst, data []byte) ([]byte, error) { return append(dst, data...), nil }

func textOut(dst, canonical []byte, _ *Settings) ([]byte, error) {
	return append(dst, canonical...), nil
}

// trimBlanks removes the trailing spaces that char(n) does not count.
func trimBlanks(s []byte) []byte {
	for len(s) > 0 && s[len(s)-1] == ' ' {
		s = s[:len(s)-1]
	}
	return s
}

// cutCharacters says where the first n characters of s end and how many fewer
// than n there are.
func cutCharacters(s []byte, n int) (end, missing int) {
	for ; n > 0 && end < len(s); n-- {
		_, size := utf8.DecodeRune(s[end:])
		end += size
	}
	return end, n
}

// cutToLength shortens a string to n characters: silently for an explicit cast,
// otherwise only if nothing but spaces is lost.
func cutToLength(dst []byte, end int, typeName string, n int, use Use) ([]byte, error) {
	if use != Cast && len(trimBlanks(dst[end:])) > 0 {
		return dst, newError(codeStringTruncation, "value too long for type "+typeName+"("+strconv.Itoa(n)+")")
	}
	return dst[:end], nil
}

func fitVarchar(dst []byte, start int, typmod int32, use Use) ([]byte, error) {
	n := int(typmod) - typmodHeader
	if n < 0 || len(dst)-start <= n {
		return dst, nil
	}
	end, _ := cutCharacters(dst[start:], n)
	return cutToLength(dst, start+end, "character varying", n, use)
}

func fitBpchar(dst []byte, start int, typmod int32, use Use) ([]byte, error) {
	n := int(typmod) - typmodHeader
	if n < 0 {
		return dst, nil
	}
	end, missing := cutCharacters(dst[start:], n)
	if start+end < len(dst) {
		return cutToLength(dst, start+end, "character", n, use)
	}
	for range missing {
		dst = append(dst, ' ')
	}
	return dst, nil
}
