package logical

import "strconv"

// intervalParts is an interval as it is written. All have 64 bits, so that every
// part can be negated.
type intervalParts struct {
	year, month, day, hour, minute, second, micro int64
}

func (v *interval) parts() intervalParts {
	m := v.micros
	return intervalParts{
		year: int64(v.months / monthsPerYear), month: int64(v.months % monthsPerYear), day: int64(v.days),
		hour: m / microsPerHour, minute: m / microsPerMinute % 60, second: m / microsPerSecond % 60, micro: m % microsPerSecond,
	}
}

func (p *intervalParts) each() [7]int64 {
	return [7]int64{p.year, p.month, p.day, p.hour, p.minute, p.second, p.micro}
}

func (p *intervalParts) timeIsNegative() bool {
	return p.hour < 0 || p.minute < 0 || p.second < 0 || p.micro < 0
}

func intervalOut(dst, canonical []byte, s *Settings) ([]byte, error) {
	v := canonicalInterval(canonical)
	if s.major() >= 17 {
		switch v {
		case *infiniteInterval(true):
			return append(dst, "infinity"...), nil
		case *infiniteInterval(false):
			return append(dst, "-infinity"...), nil
		}
	}
	p := v.parts()
	switch s.intervalStyle() {
	case intervalSQLStandard:
		return p.appendSQL(dst), nil
	case intervalISO8601:
		return p.appendISO(dst), nil
	case intervalPostgresVerbose:
		return p.appendVerbose(dst), nil
	}
	return p.appendPostgres(dst), nil
}

func abs64(n int64) int64 {
	if n < 0 {
		return -n
	}
	return n
}

func appendTwoDigits(dst []byte, n int64) []byte {
	if n < 10 {
		dst = append(dst, '0')
	}
	return strconv.AppendInt(dst, n, 10)
}

// appendSeconds writes seconds without a sign and their fraction without zeros
// at its end.
func (p *intervalParts) appendSeconds(dst []byte, fill bool) []byte {
	if second := abs64(p.second); fill {
		dst = appendTwoDigits(dst, second)
	} else {
		dst = strconv.AppendInt(dst, second, 10)
	}
	if p.micro == 0 {
		return dst
	}
	dst = append(dst, '.')
	for n, unit := abs64(p.micro), int64(microsPerSecond/10); n > 0; unit /= 10 {
		dst = append(dst, '0'+byte(n/unit))
		n %= unit
	}
	return dst
}

// appendClock writes h:mm:ss without a sign.
func (p *intervalParts) appendClock(dst []byte) []byte {
	dst = append(strconv.AppendInt(dst, abs64(p.hour), 10), ':')
	dst = append(appendTwoDigits(dst, abs64(p.minute)), ':')
	return p.appendSeconds(dst, true)
}

func (p *intervalParts) appendSQL(dst []byte) []byte {
	negative, positive := false, false
	for _, n := range p.each() {
		negative = negative || n < 0
		positive = positive || n > 0
	}
	months := p.year != 0 || p.month != 0
	time := p.hour != 0 || p.minute != 0 || p.second != 0 || p.micro != 0
	switch {
	case !negative && !positive:
		return append(dst, '0')
	case negative && positive || months && (p.day != 0 || time):
		sign := func(minus bool) {
			if minus {
				dst = append(dst, '-')
			} else {
				dst = append(dst, '+')
			}
		}
		sign(p.year < 0 || p.month < 0)
		dst = append(strconv.AppendInt(dst, abs64(p.year), 10), '-')
		dst = append(strconv.AppendInt(dst, abs64(p.month), 10), ' ')
		sign(p.day < 0)
		dst = append(strconv.AppendInt(dst, abs64(p.day), 10), ' ')
		sign(p.timeIsNegative())
		return p.appendClock(dst)
	case negative:
		dst = append(dst, '-')
	}
	switch {
	case months:
		dst = append(strconv.AppendInt(dst, abs64(p.year), 10), '-')
		return strconv.AppendInt(dst, abs64(p.month), 10)
	case p.day != 0:
		dst = append(strconv.AppendInt(dst, abs64(p.day), 10), ' ')
	}
	return p.appendClock(dst)
}

func (p *intervalParts) appendISO(dst []byte) []byte {
	if *p == (intervalParts{}) {
		return append(dst, "PT0S"...)
	}
	part := func(n int64, unit byte) {
		if n != 0 {
			dst = append(strconv.AppendInt(dst, n, 10), unit)
		}
	}
	dst = append(dst, 'P')
	part(p.year, 'Y')
	part(p.month, 'M')
	part(p.day, 'D')
	if p.hour != 0 || p.minute != 0 || p.second != 0 || p.micro != 0 {
		dst = append(dst, 'T')
	}
	part(p.hour, 'H')
	part(p.minute, 'M')
	if p.second == 0 && p.micro == 0 {
		return dst
	}
	if p.second < 0 || p.micro < 0 {
		dst = append(dst, '-')
	}
	return append(p.appendSeconds(dst, false), 'S')
}

func (p *intervalParts) appendPostgres(dst []byte) []byte {
	zero, before := true, false
	part := func(n int64, unit string) {
		if n == 0 {
			return
		}
		if !zero {
			dst = append(dst, ' ')
		}
		if before && n > 0 {
			dst = append(dst, '+')
		}
		dst = append(append(strconv.AppendInt(dst, n, 10), ' '), unit...)
		if n != 1 {
			dst = append(dst, 's')
		}
		zero, before = false, n < 0
	}
	part(p.year, "year")
	part(p.month, "mon")
	part(p.day, "day")
	if !zero && p.hour == 0 && p.minute == 0 && p.second == 0 && p.micro == 0 {
		return dst
	}
	if !zero {
		dst = append(dst, ' ')
	}
	switch {
	case p.timeIsNegative():
		dst = append(dst, '-')
	case before:
		dst = append(dst, '+')
	}
	dst = append(appendTwoDigits(dst, abs64(p.hour)), ':')
	dst = append(appendTwoDigits(dst, abs64(p.minute)), ':')
	return p.appendSeconds(dst, true)
}

func (p *intervalParts) appendVerbose(dst []byte) []byte {
	zero, before := true, false
	dst = append(dst, '@')
	part := func(n int64, unit string) {
		switch {
		case n == 0:
			return
		case zero:
			before, n = n < 0, abs64(n)
		case before:
			n = -n
		}
		dst = append(strconv.AppendInt(append(dst, ' '), n, 10), ' ')
		if dst = append(dst, unit...); n != 1 {
			dst = append(dst, 's')
		}
		zero = false
	}
	part(p.year, "year")
	part(p.month, "mon")
	part(p.day, "day")
	part(p.hour, "hour")
	part(p.minute, "min")
	if p.second != 0 || p.micro != 0 {
		dst = append(dst, ' ')
		switch {
		case p.second >= 0 && (p.second != 0 || p.micro >= 0):
			if before {
				dst = append(dst, '-')
			}
		case zero:
			before = true
		case !before:
			dst = append(dst, '-')
		}
		dst = append(p.appendSeconds(dst, false), " sec"...)
		if abs64(p.second) != 1 || p.micro != 0 {
			dst = append(dst, 's')
		}
		zero = false
	}
	if zero {
		dst = append(dst, " 0"...)
	}
	if before {
		dst = append(dst, " ago"...)
	}
	return dst
}
