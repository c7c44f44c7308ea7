package logical

import (
	"math"
	"time"
)

// appendDay adds days to a date.
func (o Operator) appendDay(dst []byte, day, days int) ([]byte, error) {
	if infiniteDay(day) {
		return appendDay(dst, day), nil
	}
	if o == Subtract {
		days = -days
	}
	if day += days; !validDay(day) {
		return dst, newError(codeDatetimeOverflow, "date out of range")
	}
	return appendDay(dst, day), nil
}

// appendBetween is the time between two dates, in days, or two points in time.
func appendBetween(dst, a, b []byte, result uint32, major int) ([]byte, error) {
	if result == OIDInt4 {
		from, to := int(canonicalInt(b)), int(canonicalInt(a))
		if infiniteDay(from) || infiniteDay(to) {
			return dst, newError(codeDatetimeOverflow, "cannot subtract infinite dates")
		}
		return appendInt(dst, int64(to-from), OIDInt4)
	}
	from, to := canonicalInstant(b), canonicalInstant(a)
	switch {
	case (infinite(from) || infinite(to)) && major >= 17:
		return dst, refuseInfiniteInterval()
	case infinite(from) || infinite(to):
		return dst, newError(codeDatetimeOverflow, "cannot subtract infinite timestamps")
	}
	v := interval{micros: to - from}
	if (to^from)&(to^v.micros) < 0 {
		return dst, refuse("pgseal does not compute with points in time that are so far apart", "Compute the value in the application.") // versions of the server differ
	}
	v.days, v.micros = int32(v.micros/microsPerDay), v.micros%microsPerDay
	return v.append(dst), nil
}

// onTime is the operation on two types, one of which is a time of the day.
func (o Operator) onTime(left, right uint32) (op operation, ok bool) {
	switch {
	case o == Subtract && left == OIDTime && right == OIDTime:
		return operation{OIDTime, OIDTime, OIDInterval}, true
	case left == OIDTime && right == OIDInterval:
		return operation{OIDTime, OIDInterval, OIDTime}, true
	case o == Add && left == OIDInterval:
		return operation{OIDInterval, OIDTime, OIDTime}, true
	case o == Add && left == OIDDate:
		return operation{OIDTimestamp, OIDTime, OIDTimestamp}, true
	case o == Add && right == OIDDate:
		return operation{OIDTime, OIDTimestamp, OIDTimestamp}, true
	}
	return operation{}, false
}

// appendTime computes with a time of the day, which goes on behind midnight.
func (o Operator) appendTime(dst, a, b []byte, op operation, s *Settings) ([]byte, error) {
	if op.left != OIDTime {
		a, b = b, a
	}
	t := canonicalInt(a)
	switch op.result {
	case OIDInterval:
		v := interval{micros: t - canonicalInt(b)}
		return v.append(dst), nil
	case OIDTimestamp:
		return Add.appendLater(dst, canonicalInstant(b), interval{micros: t}, false, s)
	}
	v := canonicalInterval(b)
	if v.isInfinite(s.major()) {
		return dst, refuseInfiniteInterval()
	}
	if o == Subtract {
		v.micros = -v.micros
	}
	t = (t + v.micros) % microsPerDay
	if t < 0 {
		t += microsPerDay
	}
	return appendInt(dst, t, OIDInt8)
}

func (o Operator) appendInterval(dst []byte, a, b interval, major int) ([]byte, error) {
	if a.isInfinite(major) || b.isInfinite(major) {
		return dst, refuseInfiniteInterval()
	}
	months, days, micros := int64(b.months), int64(b.days), a.micros+b.micros
	fits := (a.micros^micros)&(b.micros^micros) >= 0
	if o == Subtract {
		months, days, micros = -months, -days, a.micros-b.micros
		fits = (a.micros^b.micros)&(a.micros^micros) >= 0
	}
	a.micros = micros
	months, days = int64(a.months)+months, int64(a.days)+days
	if a.months, a.days = int32(months), int32(days); !fits || int64(a.months) != months || int64(a.days) != days || a.isInfinite(major) {
		return dst, newError(codeDatetimeOverflow, "interval out of range")
	}
	return a.append(dst), nil
}

// appendTimes multiplies an interval by a whole number. By another one a part of a month becomes
// days, and a part of a day hours, in double precision, with last bits that are those of the
// server's machine.
func appendTimes(dst []byte, v interval, by float64, major int) ([]byte, error) {
	switch {
	case v.isInfinite(major):
		return dst, refuseInfiniteInterval()
	case by != math.Trunc(by) || math.IsInf(by, 0): // NaN, too
		return dst, refuse("pgseal multiplies intervals by whole numbers only", "Compute the value in the application.")
	}
	months, days, micros := float64(v.months)*by, float64(v.days)*by, math.RoundToEven(float64(v.micros)*by)
	for _, n := range [...]float64{months, days} {
		if n > math.MaxInt32 || n < math.MinInt32 {
			return dst, newError(codeDatetimeOverflow, "interval out of range")
		}
	}
	if !(micros >= math.MinInt64 && micros < -float64(math.MinInt64)) {
		return dst, newError(codeDatetimeOverflow, "interval out of range")
	}
	v = interval{months: int32(months), days: int32(days), micros: int64(micros)}
	if v.isInfinite(major) {
		return dst, newError(codeDatetimeOverflow, "interval out of range")
	}
	return v.append(dst), nil
}

// isInfinite says whether the server takes the interval for an infinite one.
func (v *interval) isInfinite(major int) bool { return major >= 17 && v.collides(v.months) }

func refuseInfiniteInterval() error {
	return refuse("pgseal does not compute with infinite intervals", "Compute the value in the application.")
}

// appendLater adds an interval to a point in time: first the months, then the days,
// each on the calendar, and then the rest. Of a timestamp with time zone the calendar
// is that of the session's zone.
func (o Operator) appendLater(dst []byte, t int64, v interval, withZone bool, s *Settings) ([]byte, error) {
	var location *time.Location
	if withZone {
		var err error
		if location, err = s.sessionZone().get(); err != nil {
			return dst, err
		}
	}
	switch {
	case v.isInfinite(s.major()):
		return dst, refuseInfiniteInterval()
	case infinite(t):
		return appendInstant(dst, t), nil
	}
	months, days, micros := int(v.months), int(v.days), v.micros
	if o == Subtract {
		if micros == math.MinInt64 && s.major() >= 17 {
			return dst, newError(codeDatetimeOverflow, "interval out of range")
		}
		months, days, micros = -months, -days, -micros // the last as the server has it, without a look at the overflow
	}
	ok := true
	if months != 0 {
		t, ok = onCalendar(t, location, func(c *clock) {
			month := c.month - 1 + months
			years := floorDiv(month, monthsPerYear)
			c.year, c.month = c.year+years, month-years*monthsPerYear+1
			c.day = min(c.day, daysInMonth(c.year, c.month))
		})
	}
	if days != 0 && ok {
		t, ok = onCalendar(t, location, func(c *clock) {
			c.year, c.month, c.day = dateOf(dayNumber(c.year, c.month, c.day) + days)
		})
	}
	sum := t + micros
	if !ok || (t^sum)&(micros^sum) < 0 || !validInstant(sum) {
		return dst, timestampOutOfRange()
	}
	return appendInstant(dst, sum), nil
}

// onCalendar changes the local time of a point in time; false if there is no such time.
func onCalendar(t int64, location *time.Location, change func(c *clock)) (int64, bool) {
	offset := 0
	if location != nil {
		offset, _ = offsetAt(location, t)
	}
	c := clockOf(t, offset)
	change(&c)
	if offset = 0; location != nil {
		if !c.validJulian() {
			return 0, false
		}
		offset, _ = c.localOffset(location)
	}
	return c.micros(offset)
}
