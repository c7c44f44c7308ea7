package logical

import (
	"bytes"
	"math"
	"math/big"
	"strconv"
	"strings"
)

// longestField is how many bytes the server reckons with for one of a format.
const longestField = 8

// numberText is to_char of a number.
func numberText(c *call) ([]byte, error) {
	format := c.text(1)
	if len(format) > maxMade/longestField {
		return c.dst, tooLongText()
	}
	f, err := parseNumberFormat(format)
	if err != nil {
		return c.dst, err
	}
	if len(format) == 0 {
		return c.dst, nil
	}
	w := numberWriter{numberFormat: f}
	switch {
	case f.roman:
		err = w.takeRoman(c)
	case f.exponent:
		return append(c.dst, w.scientific(c.args[0])...), nil
	default:
		err = w.take(c.args[0])
	}
	if err != nil {
		return c.dst, err
	}
	return w.append(c.dst)
}

// numberWriter writes a number in a format. It keeps to the way in which the server does
// that, field by field, because what comes of odd formats is given by nothing else.
type numberWriter struct {
	numberFormat
	dst      []byte
	digits   string // the number without its sign: digits and a point, NaN, or # if it does not fit
	sign     byte
	blanks   int  // digits in front of the point that the number does not have
	signed   bool // the sign is written, or none of it belongs to the digits
	inside   bool // a digit has been written in the field before
	position int  // of the field among the digits
	at       int  // in digits
	count    int  // digits of the format
	last     int  // in digits: what behind it is a zero that FM leaves out; -1 for none
}

// overflow is what stands for a number that does not fit.
func (w *numberWriter) overflow() string {
	b := bytes.Repeat([]byte{'#'}, w.whole+w.fraction+1)
	b[w.whole] = '.'
	return string(b)
}

// take reads the number as it is written without a format.
func (w *numberWriter) take(v Value) (err error) {
	var text string
	switch familyOf(v.OID) {
	case familyInt:
		text, err = w.integer(canonicalInt(v.Data), v.OID)
	case familyFloat:
		text, err = w.float(canonicalFloat(v.Data), v.OID)
	default:
		text, err = w.numeric(canonicalNumber(v.Data))
	}
	if err != nil {
		return err
	}
	w.sign = '+'
	if strings.HasPrefix(text, "-") {
		w.sign, text = '-', text[1:]
	}
	whole := strings.IndexByte(text, '.')
	if whole < 0 {
		whole = len(text)
	}
	w.digits = text
	if w.blanks = max(w.whole-whole, 0); whole > w.whole {
		w.digits = w.overflow()
	}
	return nil
}

func refuseShift() error {
	return refuse("pgseal does not multiply by a power of ten as large as this V stands for", "Multiply the number yourself.")
}

func (w *numberWriter) integer(n int64, oid uint32) (string, error) {
	if w.shift {
		w.whole += w.shifted
		factor := int64(1)
		for range min(w.shifted, 18) { // as many as fit
			factor *= 10
		}
		high, product := mul64(n, factor)
		switch fits := w.shifted <= 18 && high == product>>63; {
		case oid == OIDInt4 && (!fits || w.shifted > 9 || product != int64(int32(product))):
			return "", refuseShift() // versions of the server differ
		case !fits:
			return "", newError(codeNumericOutOfRange, typeName(OIDInt8)+" out of range")
		}
		n = product
	}
	text := strconv.FormatInt(n, 10)
	if w.fraction > 0 {
		text += "." + strings.Repeat("0", w.fraction)
	}
	return text, nil
}

func (w *numberWriter) numeric(n number) (string, error) {
	if n.special() {
		w.whole += w.shifted
		return string(n.appendText(nil)), nil
	}
	if w.shift {
		w.whole += w.shifted
		x := n.unscaled()
		n = numberOf(x.Mul(x, powerOfTen(w.shifted)), n.scale)
		if _, err := n.append(nil); err != nil {
			return "", err
		}
	}
	n.round(w.fraction)
	return string(n.appendText(nil)), nil
}

// float cuts the digits behind the point to those that the type has for sure.
func (w *numberWriter) float(f float64, oid uint32) (string, error) {
	const exactPower = 22 // the largest power of ten that is a float8
	digits := 15
	if oid == OIDFloat4 {
		digits = 6
	}
	if w.shift {
		w.whole += w.shifted
		if w.shifted > exactPower {
			return "", refuseShift()
		}
		factor, _ := strconv.ParseFloat("1e"+itoa(w.shifted), 64)
		if oid == OIDFloat4 {
			f = float64(float32(f) * float32(factor))
		} else {
			f *= factor
		}
	}
	whole := len(printedFloat(math.Abs(f), 0))
	w.fraction = max(0, min(w.fraction, digits-whole))
	return printedFloat(f, w.fraction), nil
}

// printedFloat is a float with so many digits behind the point.
func printedFloat(f float64, fraction int) string {
	switch {
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	return strconv.FormatFloat(f, 'f', fraction, 64)
}

// scientific is the number as d.ddde±dd, with a place for the sign.
func (w *numberWriter) scientific(v Value) string {
	text := ""
	switch v.OID {
	case OIDFloat4, OIDFloat8:
		if f := canonicalFloat(v.Data); !math.IsNaN(f) && !math.IsInf(f, 0) {
			text = strconv.FormatFloat(f, 'e', w.fraction, 64)
		}
	case OIDInt4: // as a float8, whose exponent is that of the rounded number
		text = strconv.FormatFloat(float64(canonicalInt(v.Data)), 'e', w.fraction, 64)
	case OIDInt8:
		n := numberOfInt(canonicalInt(v.Data))
		text = n.scientific(w.fraction)
	default:
		if n := canonicalNumber(v.Data); !n.special() {
			text = n.scientific(w.fraction)
		}
	}
	const around = 6 // sign, point, e, its sign and two digits
	switch {
	case text == "":
		b := bytes.Repeat([]byte{'#'}, w.whole+w.fraction+around)
		b[0], b[w.whole+1] = ' ', '.'
		return string(b)
	case text[0] == '-':
		return text
	}
	return " " + text
}

// scientific is a number as d.ddde±dd, with so many digits behind the point. The exponent
// is that of the number before it is rounded.
func (n *number) scientific(fraction int) string {
	exponent := 0
	if len(n.digits) > 0 {
		exponent = n.wholeDigits() - 1
	}
	x := numberOf(quotient(n.unscaled(), big.NewInt(1), fraction-n.scale-exponent), fraction)
	text := append(x.appendText(nil), 'e')
	if exponent < 0 {
		text, exponent = append(text, '-'), -exponent
	} else {
		text = append(text, '+')
	}
	return string(appendPadded(text, int64(exponent), 2))
}

// takeRoman reads the number in Roman numerals, of which there is no sign.
func (w *numberWriter) takeRoman(c *call) error {
	n := int64(-1) // one that has none
	if v := c.args[0]; familyOf(v.OID) == familyFloat {
		if f := math.RoundToEven(canonicalFloat(v.Data)); f >= 1 && f <= mostRoman {
			n = int64(f)
		}
	} else {
		data, err := v.as(OIDInt4, c.s)
		if err != nil { // versions of the server differ
			return refuse("pgseal does not write a number as large as this in Roman numerals", "Roman numerals go up to 3999.")
		}
		n = canonicalInt(data)
	}
	w.digits = romanNumeral(n)
	return nil
}

const (
	mostRoman  = 3999
	romanWidth = 15
)

func romanNumeral(n int64) string {
	if n < 1 || n > mostRoman {
		return strings.Repeat("#", romanWidth)
	}
	text := ""
	for _, r := range [...]struct {
		value   int64
		numeral string
	}{{1000, "M"}, {900, "CM"}, {500, "D"}, {400, "CD"}, {100, "C"}, {90, "XC"}, {50, "L"}, {40, "XL"}, {10, "X"}, {9, "IX"}, {5, "V"}, {4, "IV"}, {1, "I"}} {
		for ; n >= r.value; n -= r.value {
			text += r.numeral
		}
	}
	return text
}

// append writes all fields.
func (w *numberWriter) append(dst []byte) ([]byte, error) {
	start := len(dst)
	w.dst = dst
	w.begin()
	for _, p := range w.pieces {
		if err := w.write(p); err != nil {
			return dst, err
		}
	}
	// Where a number ends early, as NaN does, the server writes a byte of zero, which is
	// the end of a text to it.
	if end := bytes.IndexByte(w.dst[start:], 0); end >= 0 {
		return w.dst[:start+end], nil
	}
	return w.dst, nil
}

// begin finds what depends on the number as a whole.
func (w *numberWriter) begin() {
	switch {
	case w.plus || w.minus:
		w.signed = w.minus // or else both fields and digits have one
	case w.sign == '+' && w.fill:
		w.brackets, w.signed = false, true
	}
	w.count = w.fraction + w.whole - 1
	w.last = -1
	if w.fill && w.point {
		w.last = w.lastShown()
	}
	if !w.signed && w.blanks == 0 {
		w.count++
	}
}

// lastShown is where the last digit of the fraction stands that is no zero, or for which
// there is a 0 in the format; the point if there is none, -1 without a point.
func (w *numberWriter) lastShown() int {
	last := strings.IndexByte(w.digits, '.')
	if last < 0 {
		return -1
	}
	last = max(last, strings.LastIndexAny(w.digits, "123456789#"))
	if w.zeroTo > w.blanks {
		last = max(last, min(len(w.digits)-1, w.zeroTo-w.blanks))
	}
	return last
}

func (w *numberWriter) write(p numberPiece) error {
	switch p.field {
	case fieldText:
		w.dst = append(w.dst, p.text...)
	case fieldNine, fieldZero, fieldPoint:
		w.writeDigit(p.field == fieldZero)
	case fieldComma:
		w.writeOr(',', w.inside)
	case fieldMinus:
		w.writeOr('-', w.sign == '-')
	case fieldPlus:
		w.writeOr('+', w.sign == '+')
	case fieldSign:
		w.dst = append(w.dst, w.sign)
	case fieldRoman:
		w.writeRoman(w.digits)
	case fieldSmallRoman:
		w.writeRoman(strings.ToLower(w.digits))
	case fieldOrdinal, fieldSmallOrdinal:
		return w.writeOrdinal(p.field == fieldSmallOrdinal)
	}
	return nil
}

// writeBlank writes a blank, which FM leaves out.
func (w *numberWriter) writeBlank() {
	if !w.fill {
		w.dst = append(w.dst, ' ')
	}
}

// writeOr writes a sign, or else a blank.
func (w *numberWriter) writeOr(sign byte, is bool) {
	if is {
		w.dst = append(w.dst, sign)
	} else {
		w.writeBlank()
	}
}

func (w *numberWriter) writeRoman(numeral string) {
	if !w.fill {
		w.dst = append(w.dst, strings.Repeat(" ", romanWidth-len(numeral))...)
	}
	w.dst = append(w.dst, numeral...)
}

// writeOrdinal writes the ending of an ordinal number.
func (w *numberWriter) writeOrdinal(small bool) error {
	if strings.HasPrefix(w.digits, "#") || w.sign == '-' || w.point {
		return nil
	}
	n := len(w.digits)
	last := w.digits[n-1]
	if !isDigit(last) {
		return newError(codeInvalidText, `"`+w.digits+`" is not a number`)
	}
	ending := "TH"
	if n < 2 || w.digits[n-2] != '1' {
		switch last {
		case '1':
			ending = "ST"
		case '2':
			ending = "ND"
		case '3':
			ending = "RD"
		}
	}
	if small {
		ending = strings.ToLower(ending)
	}
	w.dst = append(w.dst, ending...)
	return nil
}

// digit is what stands in digits now, 0 behind them.
func (w *numberWriter) digit() byte {
	if w.at < len(w.digits) {
		return w.digits[w.at]
	}
	return 0
}

// bare says whether the number has a 0 in front of the point that the format leaves out.
func (w *numberWriter) bare() bool {
	return !w.zero && w.at == 0 && w.digit() == '0' && w.fraction != 0
}

// endsAtPoint says whether FM leaves out the whole fraction.
func (w *numberWriter) endsAtPoint() bool { return w.last >= 0 && w.digits[w.last] == '.' }

// writeDigit is for 9, 0 and the point.
func (w *numberWriter) writeDigit(zero bool) {
	w.inside = false
	w.writeSign()
	switch before := w.position < w.blanks; {
	case before && w.zero && w.zeroFrom <= w.position:
		w.dst, w.inside = append(w.dst, '0'), true
	case before:
		w.writeBlank()
	default:
		w.writeNext(zero)
	}
	end := w.count + btoi(w.blanks > 0) + btoi(w.point)
	if w.last >= 0 && w.last == w.at {
		end = w.position
	}
	if w.position+1 == end && w.signed && w.brackets {
		w.dst = append(w.dst, w.bracket('>'))
	}
	w.position++
}

// bracket is one around a negative number, a blank for others.
func (w *numberWriter) bracket(bracket byte) byte {
	if w.sign == '+' {
		return ' '
	}
	return bracket
}

// writeSign writes the sign in front of the first digit.
func (w *numberWriter) writeSign() {
	begins := w.position >= w.blanks || w.zero && w.zeroFrom == w.position
	if w.signed || !begins || w.bare() && !w.endsAtPoint() {
		return
	}
	w.signed = true
	if w.brackets {
		w.dst = append(w.dst, w.bracket('<'))
		return
	}
	w.writeOr('-', w.sign == '-')
}

// writeNext writes the next of the digits, or the point.
func (w *numberWriter) writeNext(zero bool) {
	switch c := w.digit(); {
	case c == '.':
		w.dst = append(w.dst, c)
	case w.last >= 0 && w.at > w.last && !zero: // FM leaves it out
	case w.bare() && w.fill && w.endsAtPoint():
		w.dst = append(w.dst, '0')
	case w.bare():
		w.writeBlank()
	default:
		w.dst, w.inside = append(w.dst, c), true
	}
	if w.at < len(w.digits) {
		w.at++
	}
}
