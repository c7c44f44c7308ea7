package logical

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"math/big"
	"strconv"
)

var float4Codec = codec{
	name: "real", size: 4,
	in: func(dst, text []byte, _ *Settings) ([]byte, error) {
		f, err := parseFloat(text, 32)
		if err != nil {
			return dst, err
		}
		return appendFloat4(dst, float32(f)), nil
	},
	recv:  fixedRecv(4),
	out:   floatOut,
	check: fixedCheck(4),
	equal: func(dst, canonical []byte) ([]byte, error) {
		f := math.Float32frombits(binary.BigEndian.Uint32(canonical))
		switch {
		case f == 0: // -0 equals 0
			f = 0
		case f != f: // every NaN equals every other
			f = float32(math.NaN())
		}
		return appendFloat4(dst, f), nil
	},
}

var float8Codec = codec{
	name: "double precision", size: 8,
	in: func(dst, text []byte, _ *Settings) ([]byte, error) {
		f, err := parseFloat(text, 64)
		if err != nil {
			return dst, err
		}
		return appendFloat8(dst, f), nil
	},
	recv:  fixedRecv(8),
	out:   floatOut,
	check: fixedCheck(8),
	equal: func(dst, canonical []byte) ([]byte, error) {
		f := canonicalFloat(canonical)
		switch {
		case f == 0:
			f = 0
		case f != f:
			f = math.NaN()
		}
		return appendFloat8(dst, f), nil
	},
}

// SameFloat says whether a canonical real and a canonical double precision are the same
// number.
func SameFloat(real, double []byte) bool {
	x, y := float64(math.Float32frombits(binary.BigEndian.Uint32(real))), canonicalFloat(double)
	return x == y || x != x && y != y
}

func appendFloat4(dst []byte, f float32) []byte {
	return binary.BigEndian.AppendUint32(dst, math.Float32bits(f))
}

func appendFloat8(dst []byte, f float64) []byte {
	return binary.BigEndian.AppendUint64(dst, math.Float64bits(f))
}

// canonicalFloat is the number in 4 or 8 canonical bytes.
func canonicalFloat(canonical []byte) float64 {
	if len(canonical) == 4 {
		return float64(math.Float32frombits(binary.BigEndian.Uint32(canonical)))
	}
	return math.Float64frombits(binary.BigEndian.Uint64(canonical))
}

// floatText is a number as strtod() of the C library reads it.
type floatText struct {
	length int // bytes read; 0 if there is no number
	value  float64
	digits bool // a digit other than 0 was read: the number is not zero
}

// scanFloat reads the longest number at the beginning of s, decimal,
// hexadecimal, infinite or NaN, for float4 (bits 32) or float8 (bits 64).
func scanFloat(s []byte, bits int) floatText {
	i := 0
	neg := false
	if i < len(s) && (s[i] == '-' || s[i] == '+') {
		neg = s[i] == '-'
		i++
	}
	signed := func(f float64) float64 {
		if neg {
			return -f
		}
		return f
	}
	switch rest := s[i:]; {
	case hasPrefixFold(rest, "infinity"):
		return floatText{length: i + 8, value: signed(math.Inf(1)), digits: true}
	case hasPrefixFold(rest, "inf"):
		return floatText{length: i + 3, value: signed(math.Inf(1)), digits: true}
	case hasPrefixFold(rest, "nan"):
		length, payload := nanPayload(rest[3:])
		return floatText{length: i + 3 + length, value: nan(neg, payload, bits), digits: true}
	}
	hex := len(s) > i+2 && s[i] == '0' && s[i+1]|0x20 == 'x' &&
		(hexValue(s[i+2]) >= 0 || s[i+2] == '.' && len(s) > i+3 && hexValue(s[i+3]) >= 0)
	valueOf, exponent := decimalValue, byte('e')
	if hex {
		i += 2
		valueOf, exponent = hexValue, 'p'
	}
	var some, nonzero, point bool
	for ; i < len(s); i++ {
		if s[i] == '.' && !point {
			point = true
			continue
		}
		v := valueOf(s[i])
		if v < 0 {
			break
		}
		some = true
		nonzero = nonzero || v > 0
	}
	if !some {
		return floatText{}
	}
	end, hasExponent := i, false
	if i < len(s) && s[i]|0x20 == exponent {
		j := i + 1
		if j < len(s) && (s[j] == '-' || s[j] == '+') {
			j++
		}
		for ; j < len(s) && isDigit(s[j]); j++ {
			end, hasExponent = j+1, true
		}
	}
	number := string(s[:end])
	if hex && !hasExponent {
		number += "p0"
	}
	value, _ := strconv.ParseFloat(number, bits)
	return floatText{length: end, value: value, digits: nonzero}
}

func decimalValue(c byte) int {
	if isDigit(c) {
		return int(c - '0')
	}
	return -1
}

// nanPayload reads "(number)" after NaN, the number in C's notations.
func nanPayload(s []byte) (length int, payload uint64) {
	end := bytes.IndexByte(s, ')')
	if end < 0 || s[0] != '(' {
		return 0, 0
	}
	for _, c := range s[1:end] {
		if !isAlnum(c) && c != '_' {
			return 0, 0
		}
	}
	digits, base := s[1:end], 10
	switch {
	case len(digits) > 2 && digits[0] == '0' && digits[1]|0x20 == 'x':
		digits, base = digits[2:], 16
	case len(digits) > 1 && digits[0] == '0':
		digits, base = digits[1:], 8
	}
	payload, err := strconv.ParseUint(string(digits), base, 64)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return 0, 0
	case err != nil:
		payload = 0
	}
	return end + 1, payload
}

// nan is the NaN with a sign and payload that a float of so many bits keeps
// when it is widened.
func nan(neg bool, payload uint64, bits int) float64 {
	const quiet = 0x7ff8 << 48
	if bits == 32 {
		payload = payload & (1<<22 - 1) << 29
	}
	b := quiet | payload&(1<<51-1)
	if neg {
		b |= 1 << 63
	}
	return math.Float64frombits(b)
}

func floatName(bits int) string {
	if bits == 32 {
		return "real"
	}
	return "double precision"
}

func parseFloat(text []byte, bits int) (float64, error) {
	s := trimLeftSpace(text)
	f := scanFloat(s, bits)
	if f.length == 0 {
		return 0, invalidSyntax(floatName(bits), text)
	}
	number, rest := s[:f.length], s[f.length:]
	if f.overflows(number) {
		if bits == 32 {
			number = text
		}
		return 0, newError(codeNumericOutOfRange, `"`+string(number)+`" is out of range for type `+floatName(bits))
	}
	if len(trimLeftSpace(rest)) > 0 {
		return 0, invalidSyntax(floatName(bits), text)
	}
	return f.value, nil
}

// overflows reports a number, read from these bytes, that is too large or too
// close to zero.
func (f *floatText) overflows(number []byte) bool {
	return math.IsInf(f.value, 0) && isNumeral(number) || f.value == 0 && f.digits
}

// inRange is the server's error for a float8 that overflows.
func (f *floatText) inRange(number []byte) error {
	if !f.overflows(number) {
		return nil
	}
	return newError(codeNumericOutOfRange, `"`+string(number)+`" is out of range for type double precision`)
}

// isNumeral tells digits from the word infinity.
func isNumeral(number []byte) bool {
	if number[0] == '-' || number[0] == '+' {
		number = number[1:]
	}
	return number[0]|0x20 != 'i'
}

func floatOut(dst, canonical []byte, s *Settings) ([]byte, error) {
	f := canonicalFloat(canonical)
	switch {
	case math.IsNaN(f):
		return append(dst, "NaN"...), nil
	case math.IsInf(f, 1):
		return append(dst, "Infinity"...), nil
	case math.IsInf(f, -1):
		return append(dst, "-Infinity"...), nil
	}
	// Exact digits of the type (DBL_DIG, FLT_DIG), and the power of ten from
	// which the shortest form is written with an exponent.
	bits, digits, large := 64, 15, 15
	if len(canonical) == 4 {
		bits, digits, large = 32, 6, 6
	}
	if extra := s.extraFloatDigits(); extra <= 0 {
		return strconv.AppendFloat(dst, f, 'g', max(digits+extra, 1), 64), nil
	}
	return appendShortest(dst, f, bits, large), nil
}

// appendShortest writes the shortest digits that read back as f, with an
// exponent below 1e-4 and from 10^large.
func appendShortest(dst []byte, f float64, bits, large int) []byte {
	var buf [32]byte
	number := shortestDigits(buf[:0], f, bits)
	mark := bytes.IndexByte(number, 'e')
	exponent, _ := strconv.Atoi(string(number[mark+1:]))
	if exponent < -4 || exponent >= large {
		return append(dst, number...)
	}
	if number[0] == '-' {
		dst = append(dst, '-')
		number, mark = number[1:], mark-1
	}
	// digits are d.ddd: the point moves by the exponent.
	digits := append(number[:1], number[min(2, mark):mark]...)
	if exponent < 0 {
		dst = append(dst, "0."...)
		for range -exponent - 1 {
			dst = append(dst, '0')
		}
		return append(dst, digits...)
	}
	for i := 0; i <= exponent || i < len(digits); i++ {
		if i == exponent+1 {
			dst = append(dst, '.')
		}
		if i < len(digits) {
			dst = append(dst, digits[i])
		} else {
			dst = append(dst, '0')
		}
	}
	return dst
}

// shortestDigits writes f as d.ddde±dd. Unlike package strconv, the server does
// not take a number that lies exactly between f and its neighbour for f, even
// if it would be rounded to it.
func shortestDigits(buf []byte, f float64, bits int) []byte {
	number := strconv.AppendFloat(buf, f, 'e', -1, bits)
	// Half a unit in the last place needs more digits than fit below this.
	limit := float64(1 << 51)
	if bits == 32 {
		limit = 1 << 22
	}
	if math.Abs(f) < limit || !halfway(number, f, bits) {
		return number
	}
	for precision := 1; ; precision++ {
		number = strconv.AppendFloat(buf, f, 'e', precision, bits)
		if back, _ := strconv.ParseFloat(string(number), bits); back == f && !halfway(number, f, bits) {
			return number
		}
	}
}

// halfway says whether a decimal number lies exactly between f and one of the
// floats next to it.
func halfway(number []byte, f float64, bits int) bool {
	n, ok := new(big.Rat).SetString(string(number))
	if !ok {
		return false
	}
	for _, towards := range []float64{math.Inf(-1), math.Inf(1)} {
		next := math.Nextafter(f, towards)
		if bits == 32 {
			next = float64(math.Nextafter32(float32(f), float32(towards)))
		}
		if math.IsInf(next, 0) {
			// The interval goes on as if there were one more float.
			other := math.Nextafter(f, -towards)
			if bits == 32 {
				other = float64(math.Nextafter32(float32(f), float32(-towards)))
			}
			step := new(big.Rat).Sub(new(big.Rat).SetFloat64(f), new(big.Rat).SetFloat64(other))
			if step.Add(step.Quo(step, big.NewRat(2, 1)), new(big.Rat).SetFloat64(f)).Cmp(n) == 0 {
				return true
			}
			continue
		}
		mid := new(big.Rat).Add(new(big.Rat).SetFloat64(f), new(big.Rat).SetFloat64(next))
		if mid.Quo(mid, big.NewRat(2, 1)).Cmp(n) == 0 {
			return true
		}
	}
	return false
}
