package logical

import (
	"bytes"
	"encoding/binary"
	"math"
)

// interval is a value of that type, and the fields of its input, which are added
// up one by one. The server keeps months, days and microseconds apart.
type interval struct {
	years, months, days int32
	micros              int64
}

// intervalSize is the binary format: microseconds, days, months.
const intervalSize = 8 + 4 + 4

var intervalCodec = codec{
	name: "interval", size: intervalSize,
	in: func(dst, text []byte, s *Settings) ([]byte, error) {
		return intervalIn(dst, text, s, -1)
	},
	inTypmod:   intervalIn,
	recv:       fixedRecv(intervalSize),
	out:        intervalOut,
	fit:        fitInterval,
	typmodName: intervalTypmodName,
	equal:      intervalEqual,
	check:      fixedCheck(intervalSize),
}

func (v *interval) append(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint64(dst, uint64(v.micros))
	dst = binary.BigEndian.AppendUint32(dst, uint32(v.days))
	return binary.BigEndian.AppendUint32(dst, uint32(v.months))
}

func canonicalInterval(canonical []byte) interval {
	return interval{
		micros: int64(binary.BigEndian.Uint64(canonical)),
		days:   int32(binary.BigEndian.Uint32(canonical[8:])),
		months: int32(binary.BigEndian.Uint32(canonical[12:])),
	}
}

const (
	monthsPerYear = 12
	daysPerMonth  = 30
)

// estimate counts a month as 30 days and a day as 24 hours, as the type's operators do:
// whole days and the rest of one, in microseconds.
func (v interval) estimate() (days, rest int64) {
	more, rest := splitMicros(v.micros)
	return int64(v.months)*daysPerMonth + int64(v.days) + int64(more), rest
}

func intervalEqual(dst, canonical []byte) ([]byte, error) {
	days, rest := canonicalInterval(canonical).estimate()
	dst = binary.BigEndian.AppendUint64(dst, uint64(days))
	return binary.BigEndian.AppendUint64(dst, uint64(rest)), nil
}

func addInt32(to *int32, n int64) bool {
	sum := int64(*to) + n
	if n != int64(int32(n)) || sum != int64(int32(sum)) {
		return false
	}
	*to = int32(sum)
	return true
}

// addScaled adds n times scale, each of which fits 32 bits.
func addScaled(to *int32, n, scale int64) bool {
	return n == int64(int32(n)) && addInt32(to, n*scale)
}

func (v *interval) addMicros(n, scale int64, fraction float64) bool {
	high, low := mul64(n, scale)
	sum := v.micros + low
	if high != low>>63 || (v.micros^sum)&(low^sum) < 0 {
		return false
	}
	v.micros = sum
	return v.addFraction(fraction, scale)
}

// mul64 is the product in 128 bits.
func mul64(a, b int64) (high, low int64) {
	const half = 1<<32 - 1
	aLow, aHigh := uint64(a)&half, a>>32
	bLow, bHigh := uint64(b)&half, b>>32
	ll := aLow * bLow
	m1 := aHigh*int64(bLow) + int64(ll>>32)
	m2 := int64(aLow)*bHigh + int64(uint64(m1)&half)
	return aHigh*bHigh + m1>>32 + m2>>32, int64(uint64(m2)<<32 | ll&half)
}

// addFraction adds a fraction of so many microseconds, rounded.
func (v *interval) addFraction(fraction float64, scale int64) bool {
	if fraction == 0 {
		return true
	}
	fraction *= float64(scale)
	n := int64(fraction)
	switch fraction -= float64(n); {
	case fraction > 0.5:
		n++
	case fraction < -0.5:
		n--
	}
	sum := v.micros + n
	if (v.micros^sum)&(n^sum) < 0 {
		return false
	}
	v.micros = sum
	return true
}

func (v *interval) addFractionOfDays(fraction float64, days int64) bool {
	if fraction == 0 {
		return true
	}
	fraction *= float64(days)
	whole := int64(fraction)
	return addInt32(&v.days, whole) && v.addFraction(fraction-float64(whole), microsPerDay)
}

func (v *interval) addFractionOfYears(fraction float64, years int64) bool {
	return addInt32(&v.months, int64(math.RoundToEven(fraction*float64(years)*monthsPerYear)))
}

// add adds n units with a fraction.
func (v *interval) add(u intervalUnit, n int64, fraction float64) bool {
	switch u {
	case intervalMicrosecond:
		return v.addMicros(n, 1, fraction)
	case intervalMillisecond:
		return v.addMicros(n, 1000, fraction)
	case intervalSecond:
		return v.addMicros(n, microsPerSecond, fraction)
	case intervalMinute:
		return v.addMicros(n, microsPerMinute, fraction)
	case intervalHour:
		return v.addMicros(n, microsPerHour, fraction)
	case intervalDay:
		return addScaled(&v.days, n, 1) && v.addFraction(fraction, microsPerDay)
	case intervalWeek:
		return addScaled(&v.days, n, 7) && v.addFractionOfDays(fraction, 7)
	case intervalMonth:
		return addScaled(&v.months, n, 1) && v.addFractionOfDays(fraction, daysPerMonth)
	case intervalYear:
		return addScaled(&v.years, n, 1) && v.addFractionOfYears(fraction, 1)
	case intervalDecade:
		return addScaled(&v.years, n, 10) && v.addFractionOfYears(fraction, 10)
	case intervalCentury:
		return addScaled(&v.years, n, 100) && v.addFractionOfYears(fraction, 100)
	}
	return addScaled(&v.years, n, 1000) && v.addFractionOfYears(fraction, 1000)
}

// intervalIn reads text; a typmod says what a number without a unit is.
func intervalIn(dst, text []byte, s *Settings, typmod int32) ([]byte, error) {
	var v interval
	var p dateParser
	bad := dateBadFormat
	if p.start(text, intervalBufSize, s) {
		bad = v.fields(&p, s.intervalStyle(), intervalRange(typmod), s.major())
	}
	if bad == dateBadFormat {
		v = interval{}
		bad = v.iso(text)
	}
	value := `"` + string(text) + `"`
	switch bad {
	case dateOK:
	case dateOther:
		return dst, p.err
	case dateBadFormat:
		return dst, newError(codeInvalidDatetime, "invalid input syntax for type interval: "+value)
	default:
		return dst, newError(codeIntervalOverflow, "interval field value out of range: "+value)
	}
	if p.special != noSpecial {
		return infiniteInterval(p.special == reservedInfinity).append(dst), nil
	}
	months := int64(v.years)*monthsPerYear + int64(v.months)
	if months != int64(int32(months)) || s.major() >= 17 && v.collides(int32(months)) {
		return dst, newError(codeDatetimeOverflow, "interval out of range")
	}
	v.months = int32(months)
	return v.append(dst), nil
}

// infiniteInterval is what PostgreSQL 17 and later read and write as infinity.
func infiniteInterval(positive bool) *interval {
	if positive {
		return &interval{months: math.MaxInt32, days: math.MaxInt32, micros: math.MaxInt64}
	}
	return &interval{months: math.MinInt32, days: math.MinInt32, micros: math.MinInt64}
}

// collides says whether a finite interval would be taken for an infinite one.
func (v *interval) collides(months int32) bool {
	w := interval{months: months, days: v.days, micros: v.micros}
	return w == *infiniteInterval(true) || w == *infiniteInterval(false)
}

// The typmod of an interval holds a mask of fields and the precision of the
// seconds.
const (
	intervalFullRange     = 0x7fff
	intervalFullPrecision = 0xffff

	rangeMonth  = 1 << 1
	rangeYear   = 1 << 2
	rangeDay    = 1 << 3
	rangeHour   = 1 << 10
	rangeMinute = 1 << 11
	rangeSecond = 1 << 12
)

func intervalRange(typmod int32) int {
	if typmod < 0 {
		return intervalFullRange
	}
	return int(typmod>>16) & intervalFullRange
}

// fitInterval cuts off the fields below the typmod's last, and rounds seconds.
func fitInterval(dst []byte, start int, typmod int32, _ Use) ([]byte, error) {
	v := canonicalInterval(dst[start:])
	if v == *infiniteInterval(true) || v == *infiniteInterval(false) {
		return dst, nil
	}
	switch r := intervalRange(typmod); {
	case r == intervalFullRange:
	case r&(rangeDay|rangeHour|rangeMinute|rangeSecond) == 0:
		if r&rangeMonth == 0 {
			v.months = v.months / monthsPerYear * monthsPerYear
		}
		v.days, v.micros = 0, 0
	case r&rangeSecond != 0:
	case r&rangeMinute != 0:
		v.micros = v.micros / microsPerMinute * microsPerMinute
	case r&rangeHour != 0:
		v.micros = v.micros / microsPerHour * microsPerHour
	default:
		v.micros = 0
	}
	if precision := typmod & intervalFullPrecision; precision < 6 {
		unit := int64(1)
		for range 6 - precision {
			unit *= 10
		}
		if v.micros >= 0 {
			v.micros = (v.micros + unit/2) / unit * unit
		} else {
			v.micros = -((-v.micros + unit/2) / unit * unit)
		}
	}
	return v.append(dst[:start]), nil
}

// intervalTypmodName is "interval day to second(3)".
func intervalTypmodName(typmod int32) string {
	var b bytes.Buffer
	b.WriteString("interval")
	words := []struct {
		mask int
		word string
	}{{rangeYear, "year"}, {rangeMonth, "month"}, {rangeDay, "day"}, {rangeHour, "hour"}, {rangeMinute, "minute"}, {rangeSecond, "second"}}
	if r := intervalRange(typmod); r != intervalFullRange {
		first, last := "", ""
		for _, w := range words {
			if r&w.mask == 0 {
				continue
			}
			if first == "" {
				first = w.word
			}
			last = w.word
		}
		b.WriteString(" " + first)
		if last != first {
			b.WriteString(" to " + last)
		}
	}
	if precision := typmod & intervalFullPrecision; precision != intervalFullPrecision {
		b.WriteString("(" + itoa(int(precision)) + ")")
	}
	return b.String()
}
