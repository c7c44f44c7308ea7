package logical

// age is the time from the second point in time to the first, as it is counted on the
// calendar: in years, months and days, and the rest as the clocks show it.
func age(c *call) ([]byte, error) {
	later, end, _, err := c.local(0)
	if err != nil {
		return c.dst, err
	}
	earlier, start, _, err := c.local(1)
	switch {
	case err != nil:
		return c.dst, err
	case infinite(start) || infinite(end): // versions of the server differ
		return c.dst, refuseInfiniteInterval()
	}
	sign := 1
	if end < start {
		later, earlier, sign = earlier, later, -1
	}
	d := later.since(&earlier)
	v := interval{
		months: int32(sign * (d.year*monthsPerYear + d.month)),
		days:   int32(sign * d.day),
		micros: int64(sign) * d.timeOfDay(),
	}
	return v.append(c.dst), nil
}

// since is each field of a clock less that of an earlier one. A day that is borrowed from
// a month makes it as many days as the earlier one's month has.
func (c *clock) since(earlier *clock) clock {
	d := clock{
		year: c.year - earlier.year, month: c.month - earlier.month, day: c.day - earlier.day,
		hour: c.hour - earlier.hour, minute: c.minute - earlier.minute, second: c.second - earlier.second,
		micro: c.micro - earlier.micro,
	}
	borrow(&d.micro, &d.second, microsPerSecond)
	borrow(&d.second, &d.minute, 60)
	borrow(&d.minute, &d.hour, 60)
	borrow(&d.hour, &d.day, 24)
	borrow(&d.day, &d.month, daysInMonth(earlier.year, earlier.month))
	borrow(&d.month, &d.year, monthsPerYear)
	return d
}

// borrow makes a field at least 0 by what the next higher one gives for it.
func borrow(low, high *int, size int) {
	for *low < 0 {
		*low += size
		*high--
	}
}
