package logical

import (
	"slices"
	"time"
)

// lastTimestampDay is the day after the last one that is a timestamp, counted
// from 2000-01-01.
const lastTimestampDay = 109203528 - julianEpoch

// instantOfDay is the infinite timestamp of an infinite date.
func instantOfDay(day int) int64 {
	if day == dateInfinity {
		return instantInfinity
	}
	return instantMinusInfinity
}

func dayOfInstant(t int64) int {
	if t == instantInfinity {
		return dateInfinity
	}
	return dateMinusInfinity
}

// dayToInstant is midnight of the day; in the zone if there is one, otherwise
// as a local time. False if that is not a timestamp.
func dayToInstant(day int, location *time.Location) (int64, bool) {
	if infiniteDay(day) {
		return instantOfDay(day), true
	}
	if day >= lastTimestampDay {
		return 0, false
	}
	var c clock
	c.year, c.month, c.day = dateOf(day)
	offset := 0
	if location != nil {
		offset, _ = c.localOffset(location)
	}
	t := int64(day)*microsPerDay - int64(offset)*microsPerSecond
	return t, validInstant(t)
}

// localToInstant takes a local time for one of the zone.
func localToInstant(local int64, location *time.Location) (int64, bool) {
	if infinite(local) {
		return local, true
	}
	c := clockOf(local, 0)
	offset, _ := c.localOffset(location)
	return c.micros(offset)
}

func timestampOutOfRange() error { return newError(codeDatetimeOverflow, "timestamp out of range") }

// castDay casts among date, timestamp, timestamptz and to time.
func (c *conversion) castDay() ([]byte, error) {
	var location *time.Location
	if c.from == OIDTimestamptz || c.to == OIDTimestamptz {
		var err error
		if location, err = c.settings.sessionZone().get(); err != nil {
			return nil, err
		}
	}
	dst := c.out[:c.start]
	if c.from == OIDDate {
		t, ok := dayToInstant(int(canonicalInt(c.value())), location)
		if !ok {
			return nil, newError(codeDatetimeOverflow, "date out of range for timestamp")
		}
		return appendInstant(dst, t), nil
	}
	t := canonicalInstant(c.value())
	switch {
	case infinite(t):
		switch c.to {
		case OIDDate:
			return appendDay(dst, dayOfInstant(t)), nil
		case OIDTime:
			return nil, refuse("pgseal cannot cast an infinite timestamp to time, which gives NULL", "Send NULL instead.")
		}
		return appendInstant(dst, t), nil
	case c.to == OIDTimestamptz:
		t, ok := localToInstant(t, location)
		if !ok {
			return nil, timestampOutOfRange()
		}
		return appendInstant(dst, t), nil
	}
	offset := 0
	if location != nil {
		offset, _ = offsetAt(location, t)
	}
	local := clockOf(t, offset)
	switch c.to {
	case OIDDate:
		return appendDay(dst, dayNumber(local.year, local.month, local.day)), nil
	case OIDTime:
		return appendInstant(dst, local.timeOfDay()), nil
	}
	t, ok := local.micros(0)
	if !ok {
		return nil, timestampOutOfRange()
	}
	return appendInstant(dst, t), nil
}

// compareDay compares with timestamptz through the session's zone, and a date
// as its midnight.
func (c *conversion) compareDay() ([]byte, error) {
	dst := c.out[:c.start]
	if c.from == OIDDate {
		// A date beyond the timestamps is unequal to all of them.
		out, err := c.castDay()
		if e, ok := err.(*Error); ok && e.Code == codeDatetimeOverflow {
			return nil, ErrNeverEqual
		}
		return out, err
	}
	t := canonicalInstant(c.value())
	if c.from == OIDTimestamp && c.to == OIDDate {
		if infinite(t) {
			return appendDay(dst, dayOfInstant(t)), nil
		}
		day, rest := splitMicros(t)
		if rest != 0 {
			return nil, ErrNeverEqual
		}
		return appendDay(dst, day), nil
	}
	location, err := c.settings.sessionZone().get()
	if err != nil {
		return nil, err
	}
	if c.to == OIDTimestamptz {
		t, ok := localToInstant(t, location)
		if !ok {
			return nil, ErrNeverEqual
		}
		return appendInstant(dst, t), nil
	}
	var equal []int64
	if c.to == OIDDate {
		equal = daysEqualTo(t, location)
	} else {
		equal = localTimesEqualTo(t, location)
	}
	switch {
	case len(equal) == 0:
		return nil, ErrNeverEqual
	case len(equal) > 1:
		return nil, refuse("pgseal cannot compare a sealed column of type "+typeName(c.to)+" with this timestamp with time zone: more than one value equals it",
			"Cast the parameter to "+typeName(c.to)+".")
	case c.to == OIDDate:
		return appendDay(dst, int(equal[0])), nil
	}
	return appendInstant(dst, equal[0]), nil
}

// daysEqualTo finds the dates whose midnight in the zone is the instant.
func daysEqualTo(t int64, location *time.Location) (days []int64) {
	if infinite(t) {
		return []int64{int64(dayOfInstant(t))}
	}
	day, _ := splitMicros(t)
	for d := day - 2; d <= day+2; d++ {
		if !validDay(d) {
			continue
		}
		if midnight, ok := dayToInstant(d, location); ok && midnight == t {
			days = append(days, int64(d))
		}
	}
	return days
}

// localTimesEqualTo finds the local times that the server takes for the
// instant. There can be two: one that a change of the clock skipped, and none:
// one that occurs twice is taken for its second time.
func localTimesEqualTo(t int64, location *time.Location) (locals []int64) {
	if infinite(t) {
		return []int64{t}
	}
	const day = microsPerDay
	for _, near := range []int64{t - 2*day, t - day, t, t + day, t + 2*day} {
		offset, _ := offsetAt(location, min(max(near, firstMicros), endMicros-1))
		local := t + int64(offset)*microsPerSecond
		if !validInstant(local) || slices.Contains(locals, local) {
			continue
		}
		if instant, ok := localToInstant(local, location); ok && instant == t {
			locals = append(locals, local)
		}
	}
	return locals
}
