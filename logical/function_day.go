package logical

import (
	"bytes"
	"math"
	"strings"
	"time"
)

// parts is extract or date_part. What it gives of times with time zone pgseal does not compute.
func parts(result uint32, compute func(*call) ([]byte, error)) (all []signature) {
	for _, oid := range [...]uint32{OIDDate, OIDTimestamp, OIDTimestamptz, OIDTime, OIDInterval} {
		all = append(all, only(result, compute, OIDText, oid))
	}
	return append(all, only(result, nil, OIDText, OIDTimetz))
}

const (
	unixEpochMicros = int64(unixEpochDay) * microsPerDay
	daysPerWeek     = 7
	monthsOfQuarter = 3
)

// local takes the time in an argument apart: a day, or a timestamp as it is in its zone.
func (c *call) local(i int) (at clock, t int64, location *time.Location, err error) {
	v := c.args[i]
	switch v.OID {
	case OIDDate:
		day := int(canonicalInt(v.Data))
		if infiniteDay(day) {
			return at, instantOfDay(day), nil, nil
		}
		at.year, at.month, at.day = dateOf(day)
		return at, 0, nil, nil
	case OIDTimestamptz:
		if location, err = c.s.sessionZone().get(); err != nil {
			return at, 0, nil, err
		}
	}
	if t = canonicalInstant(v.Data); infinite(t) {
		return at, t, location, nil
	}
	offset := 0
	if location != nil {
		offset, _ = offsetAt(location, t)
	}
	return clockOf(t, offset), t, location, nil
}

// isoWeek is the week of the ISO's calendar, and its year.
func (c *clock) isoWeek() (year, week int) {
	day := dayNumber(c.year, c.month, c.day)
	thursday := day - (weekday(day)+6)%daysPerWeek + 3 // whose year is the week's
	year, _, _ = dateOf(thursday)
	return year, (thursday-dayNumber(year, 1, 1))/daysPerWeek + 1
}

// shownYear is the number of a year for people, who have no year 0.
func shownYear(year int) int {
	if year <= 0 {
		return year - 1
	}
	return year
}

// part is a field of a time: a number with so many digits behind the point; never: there
// is none of an infinite time.
type part struct {
	n      int64
	scale  int
	never  bool
	finite bool
}

// part computes a field of the second argument.
func (c *call) part() (p part, err error) {
	at, t, _, err := c.local(1)
	if err != nil {
		return p, err
	}
	const secondScale, milliScale = 6, 3
	isDate := c.args[1].OID == OIDDate
	p.finite = !infinite(t)
	sub := int64(at.second)*microsPerSecond + int64(at.micro)
	field := string(bytes.ToLower(c.text(0)))
	day := dayNumber(max(at.year, -4714), max(at.month, 1), at.day)
	switch field {
	case "year":
		p.n = int64(shownYear(at.year))
	case "decade":
		p.n = int64(span(at.year, 0, 10))
	case "century":
		p.n = int64(span(at.year, 99, 100))
	case "millennium":
		p.n = int64(span(at.year, 999, 1000))
	case "isoyear":
		if p.finite {
			year, _ := at.isoWeek()
			p.n = int64(shownYear(year))
		}
	case "epoch":
		switch p.n, p.scale = t-unixEpochMicros, secondScale; {
		case isDate:
			p.n, p.scale = int64(day-unixEpochDay)*secondsPerDay, 0
		case p.finite && p.n < t: // the server goes on with other numbers
			return p, refuse("pgseal does not compute the seconds up to a time as late as this", "Compute the value in the application.")
		}
	case "quarter":
		p.n, p.never = int64((at.month-1)/monthsOfQuarter+1), true
	case "month":
		p.n, p.never = int64(at.month), true
	case "week":
		if p.never = true; p.finite {
			_, week := at.isoWeek()
			p.n = int64(week)
		}
	case "day":
		p.n, p.never = int64(at.day), true
	case "dow":
		p.n, p.never = int64(weekday(day)), true
	case "isodow":
		p.n, p.never = int64((weekday(day)+daysPerWeek-1)%daysPerWeek+1), true
	case "doy":
		p.n, p.never = int64(day-dayNumber(max(at.year, -4714), 1, 1)+1), true
	case "hour":
		p.n, p.never = int64(at.hour), true
	case "minute":
		p.n, p.never = int64(at.minute), true
	case "second":
		p.n, p.scale, p.never = sub, secondScale, true
	case "milliseconds":
		p.n, p.scale, p.never = sub, milliScale, true
	case "microseconds":
		p.n, p.never = sub, true
	default:
		return p, refuse("pgseal does not compute this field of a time", "Use millennium, century, decade, year, quarter, month, week, day, hour, minute, second, dow, doy or epoch.")
	}
	if p.never && isDate {
		switch field {
		case "hour", "minute", "second", "milliseconds", "microseconds":
			message := "unit \"" + field + "\" not supported for type date"
			if c.s.major() < 15 {
				message = "date units \"" + field + "\" not supported"
			}
			return p, newError(codeFeatureNotSupported, message)
		}
	}
	return p, nil
}

// span is in which century or the like, of so many years, a year is, of which 0 is 1 BC. first is how
// many of the years before it the first year of one has, 0 where they are counted from the year 0 on.
func span(year, first, years int) int {
	switch {
	case first > 0 && year > 0, first == 0 && year >= 0:
		return (year + first) / years
	case first == 0:
		return -((years - 1 - year) / years)
	}
	return -((first + 1 - year) / years)
}

// extract is a field as a numeric.
func extract(c *call) ([]byte, error) {
	p, err := c.partOf()
	switch {
	case err != nil || !p.finite && p.never:
		return nil, err
	case !p.finite:
		n := number{sign: numericInf}
		if _, t, _, _ := c.local(1); t == instantMinusInfinity {
			n.sign = numericNegInf
		}
		return n.append(c.dst)
	}
	n, err := p.numeric()
	if err != nil {
		return c.dst, err
	}
	return n.append(c.dst)
}

// datePart takes a date for a timestamp.
func datePart(c *call) ([]byte, error) {
	if v := &c.args[1]; v.OID == OIDDate {
		data, err := Type{OID: OIDTimestamp, Typmod: -1}.AppendCanonical([]byte{}, *v, Cast, c.s)
		if err != nil {
			return c.dst, err
		}
		*v = Value{Data: data, Binary: true, OID: OIDTimestamp}
	}
	p, err := c.partOf()
	switch {
	case err != nil || !p.finite && p.never:
		return nil, err
	case !p.finite:
		sign := 1
		if _, t, _, _ := c.local(1); t == instantMinusInfinity {
			sign = -1
		}
		return appendFloat(c.dst, math.Inf(sign), OIDFloat8), nil
	}
	return appendFloat(c.dst, c.float8(&p), OIDFloat8), nil
}

// atZone is AT TIME ZONE: a point in time as the clocks of a zone show it, or the other
// way round.
func atZone(c *call) ([]byte, error) {
	name := string(c.text(0))
	location, known := findZone(name)
	if !known || location == nil || !strings.Contains(name, "/") && !strings.EqualFold(name, "UTC") { // which may be an abbreviation
		return c.dst, refuse("pgseal does not know a time zone of this name", "Use UTC, or a name of the IANA time zone database with a region (Europe/Berlin).")
	}
	t := canonicalInstant(c.text(1))
	if infinite(t) {
		return appendInstant(c.dst, t), nil
	}
	ok := true
	if c.args[1].OID == OIDTimestamptz {
		offset, _ := offsetAt(location, t)
		t += int64(offset) * microsPerSecond
		ok = validInstant(t)
	} else {
		t, ok = localToInstant(t, location)
	}
	if !ok {
		return c.dst, timestampOutOfRange()
	}
	return appendInstant(c.dst, t), nil
}

// truncateTime is date_trunc.
func truncateTime(c *call) ([]byte, error) {
	at, t, location, err := c.local(1)
	if err != nil {
		return c.dst, err
	}
	offset, redo := 0, true // the offset is that of the new time
	if location != nil && !infinite(t) {
		offset, _ = offsetAt(location, t)
	}
	unit := string(bytes.ToLower(c.text(0)))
	switch unit {
	case "year", "quarter", "month", "week", "day":
		at.hour, at.minute, at.second, at.micro = 0, 0, 0, 0
	case "hour":
		at.minute, at.second, at.micro, redo = 0, 0, 0, false
	case "minute":
		at.second, at.micro, redo = 0, 0, false
	case "second":
		at.micro, redo = 0, false
	default:
		return c.dst, refuse("pgseal does not cut times to this unit", "Use year, quarter, month, week, day, hour, minute or second.")
	}
	if infinite(t) {
		return appendInstant(c.dst, t), nil
	}
	switch unit {
	case "year":
		at.month, at.day = 1, 1
	case "quarter":
		at.month, at.day = (at.month-1)/monthsOfQuarter*monthsOfQuarter+1, 1
	case "month":
		at.day = 1
	case "week":
		day := dayNumber(at.year, at.month, at.day)
		at.year, at.month, at.day = dateOf(day - (weekday(day)+daysPerWeek-1)%daysPerWeek)
	}
	if redo && location != nil {
		offset, _ = at.localOffset(location)
	}
	cut, ok := at.micros(offset)
	if !ok {
		return c.dst, timestampOutOfRange()
	}
	return appendInstant(c.dst, cut), nil
}
