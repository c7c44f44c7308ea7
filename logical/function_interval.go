package logical

import "math"

// justifying is justify_days, justify_hours or justify_interval: it turns hours into days,
// days into months, or both, and makes the signs alike.
func justifying(days, hours bool) []signature {
	return []signature{only(OIDInterval, func(c *call) ([]byte, error) {
		v := canonicalInterval(c.text(0))
		if v.isInfinite(c.s.major()) {
			return c.dst, refuseInfiniteInterval()
		}
		if !v.justify(days, hours) || v.isInfinite(c.s.major()) { // versions of the server differ
			return c.dst, refuse("pgseal does not justify an interval as long as this", "Compute the value in the application.")
		}
		return v.append(c.dst), nil
	}, OIDInterval)}
}

func (v *interval) justify(days, hours bool) (fits bool) {
	month, day, rest := int64(v.months), int64(v.days), v.micros
	if hours {
		day += rest / microsPerDay
		rest %= microsPerDay
	}
	if day != int64(int32(day)) {
		return false
	}
	if days {
		month += day / daysPerMonth
		day %= daysPerMonth
		low := int64(0) // what comes after the days, if it counts
		if hours {
			low = rest
		}
		switch {
		case month > 0 && (day < 0 || day == 0 && low < 0):
			month, day = month-1, day+daysPerMonth
		case month < 0 && (day > 0 || day == 0 && low > 0):
			month, day = month+1, day-daysPerMonth
		}
	}
	if hours {
		switch {
		case day > 0 && rest < 0:
			day, rest = day-1, rest+microsPerDay
		case day < 0 && rest > 0:
			day, rest = day+1, rest-microsPerDay
		}
	}
	if month != int64(int32(month)) {
		return false
	}
	v.months, v.days, v.micros = int32(month), int32(day), rest
	return true
}

// isFinite is isfinite of a date, a point in time or an interval.
func isFinite(c *call) ([]byte, error) {
	var is bool
	switch c.args[0].OID {
	case OIDDate:
		is = !infiniteDay(int(canonicalInt(c.text(0))))
	case OIDInterval:
		v := canonicalInterval(c.text(0))
		is = !v.isInfinite(c.s.major())
	default:
		is = !infinite(canonicalInstant(c.text(0)))
	}
	return append(c.dst, byte(btoi(is))), nil
}

// makeDate is make_date. Years before Christ are negative.
func makeDate(c *call) ([]byte, error) {
	year, month, day := int(c.int(0)), int(c.int(1)), int(c.int(2))
	if year == math.MinInt32 { // versions of the server differ
		return c.dst, refuse("pgseal does not make a date of this year", "Use a smaller number.")
	}
	ok := year != 0
	if year < 0 {
		year++
	}
	shown := ": " + itoa(year) + "-" + paddedPart(month) + "-" + paddedPart(day)
	at := clock{year: year, month: month, day: day}
	switch {
	case !ok || month < 1 || month > monthsPerYear || day < 1 || day > daysInMonth(year, month):
		return c.dst, newError(codeDatetimeOverflow, "date field value out of range"+shown)
	case !at.validJulian() || !validDay(dayNumber(year, month, day)):
		return c.dst, newError(codeDatetimeOverflow, "date out of range"+shown)
	}
	return appendDay(c.dst, dayNumber(year, month, day)), nil
}

// paddedPart writes a number with two places.
func paddedPart(n int) string {
	if n < 0 {
		return itoa(n)
	}
	return padded(n, 2)
}

// momentOf is to_timestamp.
func momentOf(c *call) ([]byte, error) { return AppendMoment(c.dst, c.text(0)) }

// dividedBy is interval_div of PostgreSQL: what months leave over becomes days, of 30 to a month, and
// what days leave over becomes time. Products are rounded before they are added, which Go leaves
// open on some machines.
func (v *interval) dividedBy(by float64) (interval, error) {
	toMicros := func(f float64) float64 { return math.RoundToEven(f*microsPerSecond) / microsPerSecond }
	months, days := float64(v.months)/by, float64(v.days)/by
	q := interval{months: int32(months), days: int32(days)}
	daysOver := toMicros(float64((months - float64(q.months)) * daysPerMonth))
	over := toMicros(float64((days - float64(q.days) + daysOver - float64(int32(daysOver))) * secondsPerDay))
	if math.Abs(over) >= secondsPerDay {
		q.days += int32(over / secondsPerDay)
		over -= float64(int32(over/secondsPerDay)) * secondsPerDay
	}
	q.days += int32(daysOver)
	micros := math.RoundToEven(float64(float64(v.micros)/by) + float64(over*microsPerSecond))
	if micros < math.MinInt64 || micros >= -math.MinInt64 {
		return q, newError(codeDatetimeOverflow, "interval out of range")
	}
	q.micros = int64(micros)
	return q, nil
}
