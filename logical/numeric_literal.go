package logical

import (
	"bytes"
	"math/big"
)

// plainNumber writes a number with underscores, or in another base than ten, in
// plain decimal digits; false if it is none. What is plain already comes back as
// it is.
func plainNumber(text []byte) (plain []byte, ok bool) {
	s := trimLeftSpace(text)
	sign := 0
	if len(s) > 0 && (s[0] == '-' || s[0] == '+') {
		sign = 1
	}
	base, prefix := numberBase(s[sign:])
	if base == 10 {
		return withoutUnderscores(text)
	}
	digits := s[sign+prefix:]
	end := 0
	var out []byte
	for end < len(digits) {
		if digits[end] == '_' {
			if end++; end == len(digits) || digitOf(digits[end], base) < 0 {
				return nil, false
			}
			continue
		}
		if digitOf(digits[end], base) < 0 {
			break
		}
		out = append(out, digits[end])
		end++
	}
	n, ok := new(big.Int).SetString(string(out), base)
	if !ok {
		return nil, false
	}
	plain = append(bytes.Clone(s[:sign]), n.String()...)
	return append(plain, digits[end:]...), true
}

// withoutUnderscores leaves out underscores between digits.
func withoutUnderscores(text []byte) ([]byte, bool) {
	if bytes.IndexByte(text, '_') < 0 {
		return text, true
	}
	out := make([]byte, 0, len(text))
	for i, c := range text {
		if c != '_' {
			out = append(out, c)
			continue
		}
		if i == 0 || i+1 == len(text) || !isDigit(text[i-1]) || !isDigit(text[i+1]) {
			return nil, false
		}
	}
	return out, true
}
