package logical

import "strconv"

func appendTwo(dst []byte, n int) []byte { return append(dst, '0'+byte(n/10%10), '0'+byte(n%10)) }

// appendYear writes a year with at least four digits; years BC are counted
// from 1.
func appendYear(dst []byte, year int) []byte {
	if year <= 0 {
		year = 1 - year
	}
	if year < 10000 {
		return appendTwo(appendTwo(dst, year/100), year%100)
	}
	return strconv.AppendInt(dst, int64(year), 10)
}

func (c *clock) appendEra(dst []byte) []byte {
	if c.year <= 0 {
		return append(dst, " BC"...)
	}
	return dst
}

// appendTime writes hh:mm:ss and the fraction without trailing zeros.
func (c *clock) appendTime(dst []byte) []byte {
	dst = append(appendTwo(dst, c.hour), ':')
	dst = append(appendTwo(dst, c.minute), ':')
	dst = appendTwo(dst, c.second)
	if c.micro == 0 {
		return dst
	}
	dst = append(dst, '.')
	for n, unit := c.micro, microsPerSecond/10; n > 0; unit /= 10 {
		dst = append(dst, '0'+byte(n/unit))
		n %= unit
	}
	return dst
}

// appendOffset writes an offset east of UTC as +hh, +hh:mm or +hh:mm:ss.
func appendOffset(dst []byte, seconds int) []byte {
	sign := byte('+')
	if seconds < 0 {
		sign, seconds = '-', -seconds
	}
	dst = append(dst, sign)
	if hours := seconds / 3600; hours < 100 {
		dst = appendTwo(dst, hours)
	} else {
		dst = strconv.AppendInt(dst, int64(hours), 10)
	}
	if seconds%3600 != 0 {
		dst = appendTwo(append(dst, ':'), seconds/60%60)
	}
	if seconds%60 != 0 {
		dst = appendTwo(append(dst, ':'), seconds%60)
	}
	return dst
}

// appendDate writes the date alone in the session's style, without the era.
func (c *clock) appendDate(dst []byte, style dateStyle, order dateOrder) []byte {
	triple := func(a, b int, delimiter byte) []byte {
		dst = append(appendTwo(dst, a), delimiter)
		dst = append(appendTwo(dst, b), delimiter)
		return appendYear(dst, c.year)
	}
	switch {
	case style == styleISO:
		dst = append(appendYear(dst, c.year), '-')
		dst = append(appendTwo(dst, c.month), '-')
		return appendTwo(dst, c.day)
	case style == styleGerman:
		return triple(c.day, c.month, '.')
	}
	delimiter := byte('/')
	if style == stylePostgres {
		delimiter = '-'
	}
	if order == orderDMY {
		return triple(c.day, c.month, delimiter)
	}
	return triple(c.month, c.day, delimiter)
}

func dateOut(dst, canonical []byte, s *Settings) ([]byte, error) {
	day := int(canonicalInt(canonical))
	switch day {
	case dateInfinity:
		return append(dst, "infinity"...), nil
	case dateMinusInfinity:
		return append(dst, "-infinity"...), nil
	}
	var c clock
	c.year, c.month, c.day = dateOf(day)
	style, order := s.dateStyle()
	return c.appendEra(c.appendDate(dst, style, order)), nil
}

func timeOut(dst, canonical []byte, _ *Settings) ([]byte, error) {
	var c clock
	c.setTimeOfDay(canonicalInstant(canonical))
	return c.appendTime(dst), nil
}

func appendInfinite(dst []byte, t int64) []byte {
	if t < 0 {
		dst = append(dst, '-')
	}
	return append(dst, "infinity"...)
}

func timestampOut(dst, canonical []byte, s *Settings) ([]byte, error) {
	t := canonicalInstant(canonical)
	if infinite(t) {
		return appendInfinite(dst, t), nil
	}
	c := clockOf(t, 0)
	style, order := s.dateStyle()
	dst = c.appendDateTime(dst, style, order)
	if style == stylePostgres {
		dst = appendYear(append(dst, ' '), c.year)
	}
	return c.appendEra(dst), nil
}

func timestamptzOut(dst, canonical []byte, s *Settings) ([]byte, error) {
	t := canonicalInstant(canonical)
	if infinite(t) {
		return appendInfinite(dst, t), nil
	}
	location, err := s.sessionZone().get()
	if err != nil {
		return dst, err
	}
	offset, name := offsetAt(location, t)
	c := clockOf(t, offset)
	style, order := s.dateStyle()
	dst = c.appendDateTime(dst, style, order)
	if style == styleISO {
		return c.appendEra(appendOffset(dst, offset)), nil
	}
	if style == stylePostgres {
		dst = appendYear(append(dst, ' '), c.year)
	}
	// The server cuts abbreviations to this many bytes.
	const maxAbbreviation = 10
	dst = append(dst, ' ')
	dst = append(dst, name[:min(len(name), maxAbbreviation)]...)
	return c.appendEra(dst), nil
}

// appendDateTime writes date and time; the Postgres style puts the year behind
// the time, where the caller writes it.
func (c *clock) appendDateTime(dst []byte, style dateStyle, order dateOrder) []byte {
	if style != stylePostgres {
		dst = append(c.appendDate(dst, style, order), ' ')
		return c.appendTime(dst)
	}
	dst = append(dst, weekdayNames[weekday(dayNumber(c.year, c.month, c.day))]...)
	dst = append(dst, ' ')
	if order == orderDMY {
		dst = append(appendTwo(dst, c.day), ' ')
		dst = append(dst, monthNames[c.month-1]...)
	} else {
		dst = append(append(dst, monthNames[c.month-1]...), ' ')
		dst = appendTwo(dst, c.day)
	}
	return c.appendTime(append(dst, ' '))
}
