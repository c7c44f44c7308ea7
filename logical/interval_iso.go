package logical

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

// isoReader reads an interval such as P1Y2M3DT4H5M6S, P0001-02-03T04:05:06 or
// P00010203T040506.
type isoReader struct {
	*interval
	s      []byte
	number []byte // of the part at hand, as it is written
	n      int64
	part   float64
}

func (v *interval) iso(text []byte) dateError {
	if len(text) < 2 || text[0] != 'P' {
		return dateBadFormat
	}
	r := isoReader{interval: v, s: text[1:]}
	date, some := true, false
	for len(r.s) > 0 {
		if r.s[0] == 'T' {
			date, some = false, false
			r.s = r.s[1:]
			continue
		}
		if bad := r.read(); bad != dateOK {
			return bad
		}
		unit := byte(0)
		if len(r.s) > 0 {
			unit = r.s[0]
			r.s = r.s[1:]
		}
		var done bool
		var bad dateError
		if date {
			done, bad = r.datePart(unit, some, &date)
		} else {
			done, bad = r.timePart(unit, some)
		}
		if bad != dateOK || done {
			return bad
		}
		some = true
		if !date && unit == 'T' || unit == '-' {
			some = false
		}
	}
	return dateOK
}

// put adds the number read.
func (r *isoReader) put(u intervalUnit) dateError {
	if !r.add(u, r.n, r.part) {
		return dateOverflow
	}
	return dateOK
}

func (r *isoReader) datePart(unit byte, some bool, date *bool) (done bool, bad dateError) {
	switch unit {
	case 'Y':
		return false, r.put(intervalYear)
	case 'M':
		return false, r.put(intervalMonth)
	case 'W':
		return false, r.put(intervalWeek)
	case 'D':
		return false, r.put(intervalDay)
	case 'T', 0:
		*date = false
		if r.width() == 8 && !some {
			if !addScaled(&r.years, r.n/10000, 1) || !addScaled(&r.months, r.n/100%100, 1) ||
				!addScaled(&r.days, r.n%100, 1) || !r.addFraction(r.part, microsPerDay) {
				return false, dateOverflow
			}
			return unit == 0, dateOK
		}
	case '-':
	default:
		return false, dateBadFormat
	}
	if some {
		return false, dateBadFormat
	}
	if bad := r.put(intervalYear); bad != dateOK || unit != '-' {
		return unit == 0, bad
	}
	for _, u := range []intervalUnit{intervalMonth, intervalDay} {
		if bad := r.read(); bad != dateOK {
			return false, bad
		}
		if bad := r.put(u); bad != dateOK {
			return false, bad
		}
		if len(r.s) == 0 {
			return true, dateOK
		}
		if r.s[0] == 'T' {
			*date = false
			return false, dateOK
		}
		if r.s[0] != '-' || u == intervalDay {
			return false, dateBadFormat
		}
		r.s = r.s[1:]
	}
	return false, dateBadFormat
}

func (r *isoReader) timePart(unit byte, some bool) (done bool, bad dateError) {
	switch unit {
	case 'H':
		return false, r.put(intervalHour)
	case 'M':
		return false, r.put(intervalMinute)
	case 'S':
		return false, r.put(intervalSecond)
	case 0:
		if r.width() == 6 && !some {
			if !r.addMicros(r.n/10000, microsPerHour, 0) || !r.addMicros(r.n/100%100, microsPerMinute, 0) ||
				!r.addMicros(r.n%100, microsPerSecond, 0) || !r.addFraction(r.part, 1) {
				return false, dateOverflow
			}
			return true, dateOK
		}
	case ':':
	default:
		return false, dateBadFormat
	}
	if some {
		return false, dateBadFormat
	}
	if bad := r.put(intervalHour); bad != dateOK || unit == 0 {
		return true, bad
	}
	for _, u := range []intervalUnit{intervalMinute, intervalSecond} {
		if bad := r.read(); bad != dateOK {
			return false, bad
		}
		if bad := r.put(u); bad != dateOK {
			return false, bad
		}
		if len(r.s) == 0 {
			return true, dateOK
		}
		if r.s[0] != ':' || u == intervalSecond {
			return false, dateBadFormat
		}
		r.s = r.s[1:]
	}
	return false, dateBadFormat
}

// width is the number of digits at the beginning of the number.
func (r *isoReader) width() int {
	s := r.number
	if len(s) > 0 && s[0] == '-' {
		s = s[1:]
	}
	n := 0
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	return n
}

// maxISONumber bounds the numbers, so that they are exact as floats.
const maxISONumber = 1e15

// read takes a number as strtod() would.
func (r *isoReader) read() dateError {
	if len(r.s) == 0 || !isDigit(r.s[0]) && r.s[0] != '-' && r.s[0] != '.' {
		return dateBadFormat
	}
	text, end := floatPrefix(r.s)
	r.number = r.s
	if end == 0 {
		return dateBadFormat
	}
	r.s = r.s[end:]
	f, err := strconv.ParseFloat(text, 64)
	if strings.HasSuffix(text, "nan") {
		return dateOverflow
	}
	tiny := math.Abs(f) < 0x1p-1022 && !isZero(text)
	if err != nil && errors.Is(err, strconv.ErrRange) || tiny {
		return dateBadFormat
	}
	if err != nil || math.IsNaN(f) || math.Abs(f) > maxISONumber {
		return dateOverflow
	}
	whole := math.Trunc(f)
	r.n, r.part = int64(whole), f-whole
	return dateOK
}

// isZero says whether a number has no digit but 0 before its exponent.
func isZero(number string) bool {
	for _, c := range []byte(number) {
		switch {
		case c == 'e' || c == 'E' || c == 'p' || c == 'P':
			return true
		case c != '-' && c != '.' && c != '0' && c != 'x' && c != 'X':
			return false
		}
	}
	return true
}

// floatPrefix finds the number at the beginning as strtod() does, in the
// spelling of package strconv; end is 0 if there is none.
func floatPrefix(s []byte) (text string, end int) {
	i := 0
	if s[0] == '-' {
		i = 1
	}
	for _, word := range []string{"infinity", "inf", "nan"} {
		if hasPrefixFold(s[i:], word) {
			return string(s[:i]) + word, i + len(word)
		}
	}
	digits := func(class func(byte) bool) int {
		from := i
		for i < len(s) && class(s[i]) {
			i++
		}
		return i - from
	}
	class, exponent, hex := isDigit, byte('e'), false
	if i+1 < len(s) && s[i] == '0' && lower(s[i+1]) == 'x' {
		class, exponent, hex = isHexDigit, 'p', true
		i += 2
	}
	count := digits(class)
	if i < len(s) && s[i] == '.' {
		i++
		if n := digits(class); n == 0 && count == 0 {
			i--
		} else {
			count += n
		}
	}
	if count == 0 {
		if hex { // the zero before the x
			at := i - 2
			if s[i-1] == '.' {
				at--
			}
			return string(s[:at+1]), at + 1
		}
		return "", 0
	}
	mantissa := i
	if i < len(s) && lower(s[i]) == exponent {
		i++
		if i < len(s) && (s[i] == '-' || s[i] == '+') {
			i++
		}
		if digits(isDigit) == 0 {
			i = mantissa
		}
	}
	text = string(s[:i])
	if hex && i == mantissa {
		text += "p0"
	}
	return text, i
}

func isHexDigit(c byte) bool { return isDigit(c) || lower(c) >= 'a' && lower(c) <= 'f' }
