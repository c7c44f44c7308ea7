package logical

import (
	"bytes"
	"strconv"
)

// Fields of times of day and of intervals, and all fields as numbers.
const (
	microsPerMilli = 1000
	quarterOfDay   = secondsPerDay / 4
)

// partOfTime computes a field of a time of day.
func (c *call) partOfTime() (p part, err error) {
	micros := canonicalInt(c.text(1))
	p.finite = true
	if err := p.ofClock(string(bytes.ToLower(c.text(0))), micros); err != nil {
		return p, err
	}
	return p, nil
}

// ofClock is a field of what a clock shows after so many microseconds.
func (p *part) ofClock(field string, micros int64) error {
	const secondScale, milliScale = 6, 3
	sub := micros % microsPerMinute
	switch field {
	case "hour":
		p.n = micros / microsPerHour
	case "minute":
		p.n = micros % microsPerHour / microsPerMinute
	case "second":
		p.n, p.scale = sub, secondScale
	case "milliseconds":
		p.n, p.scale = sub, milliScale
	case "microseconds":
		p.n = sub
	case "epoch":
		p.n, p.scale = micros, secondScale
	default:
		return refuse("pgseal does not compute this field of a time", "Use hour, minute, second, milliseconds, microseconds or epoch.")
	}
	return nil
}

// partOfInterval computes a field of an interval.
func (c *call) partOfInterval() (p part, err error) {
	v := canonicalInterval(c.text(1))
	if v.isInfinite(c.s.major()) {
		return p, refuseInfiniteInterval()
	}
	p.finite = true
	switch field := string(bytes.ToLower(c.text(0))); field {
	case "millennium":
		p.n = int64(v.months / monthsPerYear / 1000)
	case "century":
		p.n = int64(v.months / monthsPerYear / 100)
	case "decade":
		p.n = int64(v.months / monthsPerYear / 10)
	case "year":
		p.n = int64(v.months / monthsPerYear)
	case "quarter":
		if v.months < 0 { // versions of the server differ
			return p, refuse("pgseal does not compute the quarter of an interval that goes back", "Compute the value in the application.")
		}
		p.n = int64(v.months%monthsPerYear/monthsOfQuarter + 1)
	case "month":
		p.n = int64(v.months % monthsPerYear)
	case "day":
		p.n = int64(v.days)
	case "epoch":
		const scale = 6
		// In quarters of a day, of which a year has a whole number.
		seconds := ((4*365+1)*int64(v.months/monthsPerYear) + 4*30*int64(v.months%monthsPerYear) + 4*int64(v.days)) * quarterOfDay
		high, micros := mul64(seconds, microsPerSecond)
		sum := micros + v.micros
		if high != micros>>63 || (micros^sum)&(v.micros^sum) < 0 {
			return p, refuse("pgseal does not compute the seconds of an interval as long as this", "Compute the value in the application.")
		}
		p.n, p.scale = sum, scale
	default:
		err = p.ofClock(field, v.micros)
	}
	return p, err
}

// partOf computes a field of the second argument, whatever time that is.
func (c *call) partOf() (part, error) {
	switch c.args[1].OID {
	case OIDTime:
		return c.partOfTime()
	case OIDInterval:
		return c.partOfInterval()
	}
	return c.part()
}

// numeric is the field with its digits behind the point.
func (p *part) numeric() (number, error) {
	n, err := parseNumeric([]byte(strconv.FormatInt(p.n, 10) + "e-" + strconv.Itoa(p.scale)))
	n.scale = p.scale
	return n, err
}

// float8 is the field as the server computes it as a double precision: whole seconds, and what
// there is more by itself.
func (c *call) float8(p *part) float64 {
	field := string(bytes.ToLower(c.text(0)))
	switch {
	case field == "second":
		return float64(p.n/microsPerSecond) + float64(p.n%microsPerSecond)/microsPerSecond
	case field == "milliseconds":
		return float64(p.n/microsPerSecond)*microsPerMilli + float64(p.n%microsPerSecond)/microsPerMilli
	case field == "epoch" && c.args[1].OID == OIDInterval:
		v := canonicalInterval(c.text(1))
		f := float64(v.micros) / microsPerSecond
		f += 365.25 * secondsPerDay * float64(v.months/monthsPerYear)
		f += 30 * secondsPerDay * float64(v.months%monthsPerYear)
		return f + secondsPerDay*float64(v.days)
	case p.scale > 0:
		return float64(p.n) / microsPerSecond
	}
	return float64(p.n)
}

// truncateInterval is date_trunc of an interval, field by field.
func truncateInterval(c *call) ([]byte, error) {
	v := canonicalInterval(c.text(1))
	if v.isInfinite(c.s.major()) {
		return c.dst, refuseInfiniteInterval()
	}
	unit := int64(1)
	switch string(bytes.ToLower(c.text(0))) {
	case "year":
		v.months, v.days, v.micros = v.months/monthsPerYear*monthsPerYear, 0, 0
	case "quarter":
		v.months, v.days, v.micros = v.months/monthsOfQuarter*monthsOfQuarter, 0, 0
	case "month":
		v.days, v.micros = 0, 0
	case "day":
		v.micros = 0
	case "hour":
		unit = microsPerHour
	case "minute":
		unit = microsPerMinute
	case "second":
		unit = microsPerSecond
	default:
		return c.dst, refuse("pgseal does not cut intervals to this unit", "Use year, quarter, month, day, hour, minute or second.")
	}
	v.micros -= v.micros % unit
	return v.append(c.dst), nil
}

// dayOf is date of a timestamp, as a function; that of a date is a cast.
func dayOf(c *call) ([]byte, error) {
	return Type{OID: OIDDate, Typmod: -1}.AppendCanonical(c.dst, c.args[0], Cast, c.s)
}
