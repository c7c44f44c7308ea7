package logical

import (
	"encoding/binary"
	"math"
	"strconv"
)

// A numeric is kept, as in the server, in digits of base 10000, because that is
// its binary form.
const (
	numericBase   = 10000
	decimalDigits = 4 // decimal digits in one of base 10000
	// Greatest weight and scale that the server can store.
	numericWeightMax = math.MaxInt16
	numericScaleMax  = 0x3fff
	numericHeader    = 8 // bytes before the digits: count, weight, sign, scale
)

// Sign field of the binary form.
const (
	numericPositive uint16 = 0x0000
	numericNegative uint16 = 0x4000
	numericNaN      uint16 = 0xc000
	numericInf      uint16 = 0xd000
	numericNegInf   uint16 = 0xf000
)

// numericInfScale is the scale that the server sends with infinities: a bit of
// its storage format that shows through.
const numericInfScale = 0x20

// number is the value sum(digits[i] * 10000^(weight-i)), or NaN or an infinity.
type number struct {
	sign   uint16
	weight int
	scale  int // decimal digits shown after the point
	digits []int16
}

func (n *number) special() bool { return n.sign >= numericNaN }

var numericCodec = codec{
	name: "numeric", size: -1,
	in:         numericIn,
	recv:       numericRecv,
	out:        numericOut,
	fit:        fitNumeric,
	typmodName: numericTypmodName,
	equal:      numericEqual,
	check: func(canonical []byte) bool {
		return len(canonical) >= numericHeader &&
			len(canonical) == numericHeader+2*int(binary.BigEndian.Uint16(canonical))
	},
}

// numericPrecision takes a typmod apart; the scale has 11 bits with sign.
func numericPrecision(typmod int32) (precision, scale int) {
	m := typmod - typmodHeader
	return int(m >> 16 & 0xffff), int(m&0x7ff^1024) - 1024
}

func numericTypmodName(typmod int32) string {
	if typmod < typmodHeader {
		return "numeric"
	}
	precision, scale := numericPrecision(typmod)
	return "numeric(" + itoa(precision) + "," + itoa(scale) + ")"
}

func numericIn(dst, text []byte, s *Settings) ([]byte, error) {
	plain := text
	if s.major() >= literalsVersion {
		var ok bool
		if plain, ok = plainNumber(text); !ok {
			return dst, invalidSyntax("numeric", text)
		}
	}
	n, err := parseNumeric(plain)
	if e, ok := err.(*Error); ok && e.Code == codeInvalidText {
		err = invalidSyntax("numeric", text)
	}
	if err != nil {
		return dst, err
	}
	return n.append(dst)
}

// parseNumeric reads what numeric_in() reads.
func parseNumeric(text []byte) (number, error) {
	s := trimLeftSpace(text)
	for _, w := range [...]struct {
		word string
		sign uint16
	}{
		{"nan", numericNaN},
		{"infinity", numericInf}, {"+infinity", numericInf}, {"-infinity", numericNegInf},
		{"inf", numericInf}, {"+inf", numericInf}, {"-inf", numericNegInf},
	} {
		if hasPrefixFold(s, w.word) {
			if len(trimLeftSpace(s[len(w.word):])) > 0 {
				return number{}, invalidSyntax("numeric", text)
			}
			return number{sign: w.sign}, nil
		}
	}
	n, rest, err := scanNumeric(s)
	if err == errNotNumeric || err == nil && len(trimLeftSpace(rest)) > 0 {
		return number{}, invalidSyntax("numeric", text)
	}
	return n, err
}

var errNotNumeric = newError(codeInvalidText, "")

func numericOverflow() error {
	return newError(codeNumericOutOfRange, "value overflows numeric format")
}

// scanNumeric reads a decimal number at the beginning of s.
func scanNumeric(s []byte) (n number, rest []byte, err error) {
	if len(s) > 0 && (s[0] == '+' || s[0] == '-') {
		if s[0] == '-' {
			n.sign = numericNegative
		}
		s = s[1:]
	}
	point := len(s) > 0 && s[0] == '.'
	digits := s
	if point {
		s = s[1:]
	}
	if len(s) == 0 || !isDigit(s[0]) {
		return n, nil, errNotNumeric
	}
	whole, fraction := 0, 0
	for len(s) > 0 {
		if isDigit(s[0]) {
			if point {
				fraction++
			} else {
				whole++
			}
		} else if s[0] != '.' {
			break
		} else if point {
			return n, nil, errNotNumeric
		} else {
			point = true
		}
		s = s[1:]
	}
	digits = digits[:len(digits)-len(s)]
	exponent := 0
	if len(s) > 0 && s[0]|0x20 == 'e' {
		if exponent, s, err = scanExponent(s[1:]); err != nil {
			return n, nil, err
		}
	}
	n.scale = max(fraction-exponent, 0)
	n.pack(digits, whole+exponent, whole+fraction)
	return n, s, nil
}

// scanExponent reads the number after e as strtol() does, blanks and sign
// included.
func scanExponent(s []byte) (exponent int, rest []byte, err error) {
	s = trimLeftSpace(s)
	neg := false
	if len(s) > 0 && (s[0] == '+' || s[0] == '-') {
		neg = s[0] == '-'
		s = s[1:]
	}
	if len(s) == 0 || !isDigit(s[0]) {
		return 0, nil, errNotNumeric
	}
	for ; len(s) > 0 && isDigit(s[0]); s = s[1:] {
		if exponent < math.MaxInt32 {
			exponent = exponent*10 + int(s[0]-'0')
		}
	}
	if exponent >= math.MaxInt32/2 {
		return 0, nil, numericOverflow()
	}
	if neg {
		exponent = -exponent
	}
	return exponent, s, nil
}

// pack fills digits and weight from count decimal digits (with a point among
// them that is skipped), of which the first point stand before the point.
func (n *number) pack(decimal []byte, point, count int) {
	// Number of base-10000 digits before the point, rounded towards infinity.
	before := (point + decimalDigits - 1) / decimalDigits
	if point < 0 {
		before = -(-point / decimalDigits)
	}
	n.weight = before - 1
	offset := before*decimalDigits - point
	n.digits = make([]int16, (count+offset+decimalDigits-1)/decimalDigits)
	i := offset
	for _, c := range decimal {
		if c == '.' {
			continue
		}
		n.digits[i/decimalDigits] += int16(c-'0') * decimalWeight[i%decimalDigits]
		i++
	}
	n.strip()
}

// decimalWeight is the value of each decimal digit inside one of base 10000.
var decimalWeight = [decimalDigits]int16{1000, 100, 10, 1}

// strip removes zero digits at both ends.
func (n *number) strip() {
	for len(n.digits) > 0 && n.digits[0] == 0 {
		n.digits = n.digits[1:]
		n.weight--
	}
	for len(n.digits) > 0 && n.digits[len(n.digits)-1] == 0 {
		n.digits = n.digits[:len(n.digits)-1]
	}
	if len(n.digits) == 0 && !n.special() {
		n.sign, n.weight = numericPositive, 0
	}
}

// append writes the canonical form.
func (n *number) append(dst []byte) ([]byte, error) {
	if n.special() {
		scale := uint16(0)
		if n.sign != numericNaN {
			scale = numericInfScale
		}
		dst = append(dst, 0, 0, 0, 0)
		dst = binary.BigEndian.AppendUint16(dst, n.sign)
		return binary.BigEndian.AppendUint16(dst, scale), nil
	}
	n.strip()
	if n.weight > numericWeightMax || n.weight < math.MinInt16 || n.scale > numericScaleMax {
		return dst, numericOverflow()
	}
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(n.digits)))
	dst = binary.BigEndian.AppendUint16(dst, uint16(int16(n.weight)))
	dst = binary.BigEndian.AppendUint16(dst, n.sign)
	dst = binary.BigEndian.AppendUint16(dst, uint16(n.scale))
	for _, d := range n.digits {
		dst = binary.BigEndian.AppendUint16(dst, uint16(d))
	}
	return dst, nil
}

// canonicalNumber reads canonical bytes.
func canonicalNumber(canonical []byte) number {
	n := number{
		weight: int(int16(binary.BigEndian.Uint16(canonical[2:]))),
		sign:   binary.BigEndian.Uint16(canonical[4:]),
		scale:  int(binary.BigEndian.Uint16(canonical[6:])),
		digits: make([]int16, (len(canonical)-numericHeader)/2),
	}
	for i := range n.digits {
		n.digits[i] = int16(binary.BigEndian.Uint16(canonical[numericHeader+2*i:]))
	}
	return n
}

func numericRecv(dst, data []byte) ([]byte, error) {
	if len(data) < numericHeader {
		return dst, shortBinary()
	}
	count := int(binary.BigEndian.Uint16(data))
	switch sign := binary.BigEndian.Uint16(data[4:]); sign {
	case numericPositive, numericNegative, numericNaN, numericInf, numericNegInf:
	default:
		return dst, newError(codeInvalidBinary, `invalid sign in external "numeric" value`)
	}
	if binary.BigEndian.Uint16(data[6:]) > numericScaleMax {
		return dst, newError(codeInvalidBinary, `invalid scale in external "numeric" value`)
	}
	end := numericHeader
	for range count {
		if len(data) < end+2 {
			return dst, shortBinary()
		}
		if binary.BigEndian.Uint16(data[end:]) >= numericBase {
			return dst, newError(codeInvalidBinary, `invalid digit in external "numeric" value`)
		}
		end += 2
	}
	if len(data) > end {
		return dst, trailingBinary()
	}
	n := canonicalNumber(data)
	if !n.special() {
		n.truncate(n.scale)
	}
	return n.append(dst)
}

// keep says how many digits of base 10000, and decimal digits of the last of
// them (0: all), remain with scale decimal digits after the point.
func (n *number) keep(scale int) (count, last int) {
	decimal := (n.weight+1)*decimalDigits + scale
	if decimal < 0 {
		return -1, 0
	}
	return (decimal + decimalDigits - 1) / decimalDigits, decimal % decimalDigits
}

// truncate cuts to scale decimal digits after the point.
func (n *number) truncate(scale int) {
	n.scale = scale
	count, last := n.keep(scale)
	if count <= 0 {
		n.digits = nil
	} else if count <= len(n.digits) {
		n.digits = n.digits[:count]
		if last > 0 {
			n.digits[count-1] -= n.digits[count-1] % decimalWeight[last-1]
		}
	}
	n.strip()
}

// round rounds half away from zero to scale decimal digits after the point;
// a negative scale rounds before it.
func (n *number) round(scale int) {
	n.scale = max(scale, 0)
	count, last := n.keep(scale)
	if count < 0 {
		n.digits = nil
	}
	if count >= 0 && (count < len(n.digits) || count == len(n.digits) && last > 0) {
		var carry int16
		if last == 0 {
			if n.digits[count] >= numericBase/2 {
				carry = 1
			}
			n.digits = n.digits[:count]
		} else {
			n.digits = n.digits[:count]
			unit := decimalWeight[last-1]
			extra := n.digits[count-1] % unit
			n.digits[count-1] -= extra
			if extra >= unit/2 {
				carry = unit
			}
		}
		for i := count - 1; carry > 0 && i >= 0; i-- {
			n.digits[i] += carry
			carry = 0
			if n.digits[i] >= numericBase {
				n.digits[i] -= numericBase
				carry = 1
			}
		}
		if carry > 0 {
			n.digits = append([]int16{carry}, n.digits...)
			n.weight++
		}
	}
	n.strip()
}

func fitNumeric(dst []byte, start int, typmod int32, _ Use) ([]byte, error) {
	if typmod < typmodHeader {
		return dst, nil
	}
	precision, scale := numericPrecision(typmod)
	n := canonicalNumber(dst[start:])
	field := "A field with precision " + itoa(precision) + ", scale " + itoa(scale)
	if n.special() {
		if n.sign == numericNaN {
			return dst, nil
		}
		return dst, &Error{Code: codeNumericOutOfRange, Message: "numeric field overflow",
			Detail: field + " cannot hold an infinite value."}
	}
	n.round(scale)
	if whole := precision - scale; n.wholeDigits() > whole {
		limit := "1"
		if whole != 0 {
			limit = "10^" + itoa(whole)
		}
		return dst, &Error{Code: codeNumericOutOfRange, Message: "numeric field overflow",
			Detail: field + " must round to an absolute value less than " + limit + "."}
	}
	return n.append(dst[:start])
}

// wholeDigits is the number of decimal digits before the point; negative if
// zeros follow it, least for zero.
func (n *number) wholeDigits() int {
	if len(n.digits) == 0 {
		return math.MinInt
	}
	count := (n.weight + 1) * decimalDigits
	for _, w := range decimalWeight {
		if n.digits[0] >= w {
			break
		}
		count--
	}
	return count
}

func numericOut(dst, canonical []byte, _ *Settings) ([]byte, error) {
	n := canonicalNumber(canonical)
	return n.appendText(dst), nil
}

func (n *number) appendText(dst []byte) []byte {
	switch n.sign {
	case numericNaN:
		return append(dst, "NaN"...)
	case numericInf:
		return append(dst, "Infinity"...)
	case numericNegInf:
		return append(dst, "-Infinity"...)
	case numericNegative:
		dst = append(dst, '-')
	}
	digit := func(weight int) int64 {
		if i := n.weight - weight; i >= 0 && i < len(n.digits) {
			return int64(n.digits[i])
		}
		return 0
	}
	dst = strconv.AppendInt(dst, digit(max(n.weight, 0)), 10)
	for w := n.weight - 1; w >= 0; w-- {
		dst = appendPadded(dst, digit(w), decimalDigits)
	}
	if n.scale == 0 {
		return dst
	}
	dst = append(dst, '.')
	end := len(dst) + n.scale
	for w := -1; len(dst) < end; w-- {
		dst = appendPadded(dst, digit(w), decimalDigits)
	}
	return dst[:end]
}

// appendPadded writes n with leading zeros up to width.
func appendPadded(dst []byte, n int64, width int) []byte {
	limit := int64(1)
	for range width - 1 {
		limit *= 10
	}
	for ; n < limit && limit > 1; limit /= 10 {
		dst = append(dst, '0')
	}
	return strconv.AppendInt(dst, n, 10)
}

// numericEqual leaves out the scale: 1.0 equals 1.00.
func numericEqual(dst, canonical []byte) ([]byte, error) {
	dst = append(dst, canonical[:6]...)
	dst = append(dst, 0, 0)
	return append(dst, canonical[numericHeader:]...), nil
}
