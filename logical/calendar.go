package logical

// Calendar arithmetic is done here on day numbers, because the server's dates
// reach from 4714 BC to 5874897 AD with rules of their own at the edges.

const (
	microsPerSecond = 1_000_000
	microsPerMinute = 60 * microsPerSecond
	microsPerHour   = 60 * microsPerMinute
	microsPerDay    = 24 * microsPerHour
	secondsPerDay   = 86400

	// julianEpoch is the Julian day of 2000-01-01, from which the server
	// counts; unixEpochDay is 1970-01-01 counted from there.
	julianEpoch  = 2451545
	unixEpochDay = -10957

	// Days from 2000-01-01 of the first date, and after the last.
	firstDay = -julianEpoch
	endDay   = 2147483494 - julianEpoch

	// Microseconds from 2000-01-01 of the first timestamp, and after the last.
	firstMicros = -211813488000000000
	endMicros   = 9223371331200000000
)

// Day and microsecond numbers of infinity.
const (
	dateInfinity         = 1<<31 - 1
	dateMinusInfinity    = -1 << 31
	instantInfinity      = 1<<63 - 1
	instantMinusInfinity = -1 << 63
)

// clock is a point in time taken apart. The year 0 is 1 BC, -1 is 2 BC.
type clock struct {
	year, month, day     int
	hour, minute, second int
	micro                int
}

// dayNumber counts days from 2000-01-01 in the Gregorian calendar. The month
// must be 1 to 12; the day may be any number.
func dayNumber(year, month, day int) int {
	// Years begin in March, so that the leap day is the last.
	if month <= 2 {
		year--
		month += 12
	}
	era := floorDiv(year, 400)
	yearOfEra := year - era*400
	dayOfYear := (153*(month-3)+2)/5 + day - 1
	dayOfEra := yearOfEra*365 + yearOfEra/4 - yearOfEra/100 + dayOfYear
	// 730425 days from 0000-03-01 to 2000-01-01.
	return era*146097 + dayOfEra - 730425
}

// dateOf is the reverse of dayNumber.
func dateOf(days int) (year, month, day int) {
	days += 730425
	era := floorDiv(days, 146097)
	dayOfEra := days - era*146097
	yearOfEra := (dayOfEra - dayOfEra/1460 + dayOfEra/36524 - dayOfEra/146096) / 365
	dayOfYear := dayOfEra - (365*yearOfEra + yearOfEra/4 - yearOfEra/100)
	m := (5*dayOfYear + 2) / 153
	day = dayOfYear - (153*m+2)/5 + 1
	month = m + 3
	year = yearOfEra + era*400
	if month > 12 {
		month -= 12
		year++
	}
	return year, month, day
}

func floorDiv(a, b int) int {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func daysInMonth(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// validJulian says whether the server can compute with the date at all.
func (c *clock) validJulian() bool {
	return (c.year > -4713 || c.year == -4713 && c.month >= 11) &&
		(c.year < 5874898 || c.year == 5874898 && c.month < 6)
}

// secondOfDay is the time without the fraction. The server adds it up in 32
// bits, and fields named one by one ("mm 512345678") can exceed those.
func (c *clock) secondOfDay() int64 { return int64(int32((c.hour*60+c.minute)*60 + c.second)) }

// timeOfDay is the time in microseconds.
func (c *clock) timeOfDay() int64 { return c.secondOfDay()*microsPerSecond + int64(c.micro) }

func (c *clock) setTimeOfDay(micros int64) {
	c.hour = int(micros / microsPerHour)
	c.minute = int(micros / microsPerMinute % 60)
	c.second = int(micros / microsPerSecond % 60)
	c.micro = int(micros % microsPerSecond)
}

// micros is the time in microseconds from 2000-01-01, offset seconds east of
// UTC; false if that is not a timestamp.
func (c *clock) micros(offset int) (int64, bool) {
	if !c.validJulian() {
		return 0, false
	}
	// Days are few enough here that only the sum can overflow.
	days := int64(dayNumber(c.year, c.month, c.day))
	if days > endMicros/microsPerDay+2 || days < firstMicros/microsPerDay-2 {
		return 0, false
	}
	rest := c.timeOfDay() - int64(offset)*microsPerSecond
	t := days*microsPerDay + rest
	if rest > 0 && t < days*microsPerDay || rest < 0 && t > days*microsPerDay {
		return 0, false
	}
	return t, validInstant(t)
}

func validInstant(t int64) bool { return t >= firstMicros && t < endMicros }

// splitMicros gives the day and the time of day.
func splitMicros(t int64) (days int, timeOfDay int64) {
	d := t / microsPerDay
	r := t % microsPerDay
	if r < 0 {
		d--
		r += microsPerDay
	}
	return int(d), r
}

// clockOf takes apart a finite timestamp, shown offset seconds east of UTC.
func clockOf(t int64, offset int) clock {
	days, rest := splitMicros(t)
	rest += int64(offset) * microsPerSecond
	more, rest := splitMicros(rest)
	var c clock
	c.year, c.month, c.day = dateOf(days + more)
	c.setTimeOfDay(rest)
	return c
}

// weekday is 0 for Sunday.
func weekday(days int) int { return ((days+6)%7 + 7) % 7 }
