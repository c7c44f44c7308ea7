package logical

import (
	"bytes"
	"math"
	"strconv"
)

// intervalBufSize is the size of the server's buffer for an interval's fields.
const intervalBufSize = 256

// intervalUnit is a unit of time; the bits of those seen tell what was given twice.
type intervalUnit uint16

const (
	intervalMicrosecond intervalUnit = 1 << iota
	intervalMillisecond
	intervalSecond
	intervalMinute
	intervalHour
	intervalDay
	intervalWeek
	intervalMonth
	intervalYear
	intervalDecade
	intervalCentury
	intervalMillennium

	intervalNone     intervalUnit = 0
	intervalUseless  intervalUnit = 1 << 15 // a unit that no number can have
	intervalFraction              = intervalSecond | intervalMillisecond | intervalMicrosecond
	intervalTime                  = intervalHour | intervalMinute | intervalFraction
)

// intervalWords are the names of units, which the server compares up to ten
// letters.
var intervalWords = map[string]intervalUnit{
	"c": intervalCentury, "cent": intervalCentury, "centuries": intervalCentury, "century": intervalCentury,
	"d": intervalDay, "day": intervalDay, "days": intervalDay,
	"dec": intervalDecade, "decade": intervalDecade, "decades": intervalDecade, "decs": intervalDecade,
	"h": intervalHour, "hour": intervalHour, "hours": intervalHour, "hr": intervalHour, "hrs": intervalHour,
	"m": intervalMinute, "min": intervalMinute, "mins": intervalMinute, "minute": intervalMinute, "minutes": intervalMinute,
	"microsecon": intervalMicrosecond, "us": intervalMicrosecond, "usec": intervalMicrosecond, "useconds": intervalMicrosecond, "usecs": intervalMicrosecond, "usecond": intervalMicrosecond,
	"millisecon": intervalMillisecond, "ms": intervalMillisecond, "msec": intervalMillisecond, "mseconds": intervalMillisecond, "msecs": intervalMillisecond, "msecond": intervalMillisecond,
	"mil": intervalMillennium, "millennia": intervalMillennium, "millennium": intervalMillennium, "mils": intervalMillennium,
	"mon": intervalMonth, "mons": intervalMonth, "month": intervalMonth, "months": intervalMonth,
	"s": intervalSecond, "sec": intervalSecond, "second": intervalSecond, "seconds": intervalSecond, "secs": intervalSecond,
	"w": intervalWeek, "week": intervalWeek, "weeks": intervalWeek,
	"y": intervalYear, "year": intervalYear, "years": intervalYear, "yr": intervalYear, "yrs": intervalYear,
	"qtr": intervalUseless, "quarter": intervalUseless, "timezone": intervalUseless, "timezone_h": intervalUseless, "timezone_m": intervalUseless,
	"j": intervalUseless, "jd": intervalUseless, "julian": intervalUseless, "dow": intervalUseless, "doy": intervalUseless,
	"isodow": intervalUseless, "mm": intervalUseless, "isoyear": intervalUseless,
}

// unitOfRange is what a number without a unit is.
func unitOfRange(r int) intervalUnit {
	switch {
	case r&rangeSecond != 0 || r == intervalFullRange:
		return intervalSecond
	case r&rangeMinute != 0:
		return intervalMinute
	case r&rangeHour != 0:
		return intervalHour
	case r&rangeDay != 0:
		return intervalDay
	case r&rangeMonth != 0:
		return intervalMonth
	case r&rangeYear != 0:
		return intervalYear
	}
	return intervalSecond
}

// intervalFields is the state of reading the fields of an interval, from the
// last to the first, so that units come before their numbers.
type intervalFields struct {
	*interval
	p        *dateParser
	span     int // the typmod's fields
	negative bool
	unit     intervalUnit
	named    bool // unit is known
	waiting  bool // a unit waits for its number
	ago      bool
	seen     intervalUnit
}

func (v *interval) fields(p *dateParser, style intervalStyle, span, major int) dateError {
	f := intervalFields{interval: v, p: p, span: span}
	if style == intervalSQLStandard && p.count > 0 && p.text(p.fields[0])[0] == '-' {
		// One sign at the beginning stands for all fields.
		f.negative = true
		for _, field := range p.fields[1:p.count] {
			if c := p.text(field)[0]; c == '-' || c == '+' {
				f.negative = false
			}
		}
	}
	for i := p.count - 1; i >= 0; i-- {
		mask, bad := f.field(i, major)
		if bad != dateOK {
			return bad
		}
		if mask&f.seen != 0 {
			return dateBadFormat
		}
		f.seen |= mask
	}
	if f.seen == 0 || major >= 16 && f.waiting {
		return dateBadFormat
	}
	if f.ago && !v.negate() {
		return dateOverflow
	}
	return dateOK
}

func (v *interval) negate() bool {
	if v.micros == math.MinInt64 || v.days == math.MinInt32 || v.months == math.MinInt32 || v.years == math.MinInt32 {
		return false
	}
	v.micros, v.days, v.months, v.years = -v.micros, -v.days, -v.months, -v.years
	return true
}

func (f *intervalFields) field(i, major int) (intervalUnit, dateError) {
	field := f.p.fields[i]
	text := f.p.text(field)
	switch field.kind {
	case fieldTime:
		if bad := f.time(text); bad != dateOK {
			return 0, bad
		}
		f.timeDone()
		return intervalTime, dateOK
	case fieldDisplay:
		before := f.micros
		if bytes.IndexByte(text[1:], ':') >= 0 && f.time(text[1:]) == dateOK {
			if text[0] == '-' {
				if f.micros == math.MinInt64 {
					return 0, dateOverflow
				}
				f.micros = -f.micros
			}
			f.timeDone()
			return intervalTime, dateOK
		}
		f.micros = before
		return f.number(text)
	case fieldDate, fieldNumber:
		return f.number(text)
	}
	return f.word(i, text, major)
}

// timeDone: a number before a time is in days.
func (f *intervalFields) timeDone() {
	if f.negative && f.micros > 0 {
		f.micros = -f.micros
	}
	f.unit, f.named, f.waiting = intervalDay, true, false
}

// time reads hh:mm, hh:mm:ss, hh:mm:ss.ffffff or mm:ss.ffffff.
func (f *intervalFields) time(s []byte) dateError {
	hour, end, ok := leadingInt64(s)
	if !ok {
		return dateOverflow
	}
	if s = s[end:]; len(s) == 0 || s[0] != ':' {
		return dateBadFormat
	}
	minute, end, ok := leadingInt(s[1:])
	if !ok {
		return dateOverflow
	}
	s = s[1+end:]
	second := 0
	var micros dateParser
	shift := len(s) == 0 && f.span == rangeMinute|rangeSecond || len(s) > 0 && s[0] == '.'
	if len(s) > 0 && s[0] == ':' {
		if second, end, ok = leadingInt(s[1:]); !ok {
			return dateOverflow
		}
		s = s[1+end:]
	}
	if len(s) > 0 {
		if s[0] != '.' {
			return dateBadFormat
		}
		if bad := micros.setFraction(s); bad != dateOK {
			return bad
		}
	}
	if shift {
		if hour > math.MaxInt32 {
			return dateOverflow
		}
		hour, minute, second = 0, int(hour), minute
	}
	if minute < 0 || minute > 59 || second < 0 || second > 60 {
		return dateOverflow
	}
	f.micros = int64(micros.micro)
	if !f.addMicros(hour, microsPerHour, 0) || !f.addMicros(int64(minute), microsPerMinute, 0) || !f.addMicros(int64(second), microsPerSecond, 0) {
		return dateOverflow
	}
	return dateOK
}

// number takes a number in the unit read before it.
func (f *intervalFields) number(text []byte) (intervalUnit, dateError) {
	if !f.named {
		f.unit, f.named = unitOfRange(f.span), true
	}
	f.waiting = false
	end := 0
	if text[0] == '-' || text[0] == '+' {
		end = 1
	}
	digits := end
	for end < len(text) && isDigit(text[end]) {
		end++
	}
	var n int64
	if end > digits {
		var err error
		if n, err = strconv.ParseInt(string(text[:end]), 10, 64); err != nil {
			return 0, dateOverflow
		}
	} else {
		end = 0 // no number at all
	}
	rest := text[end:]
	part := 0.0
	switch {
	case len(rest) == 0:
	case rest[0] == '-':
		// years-months
		months, end, ok := leadingInt(rest[1:])
		if !ok || months < 0 || months >= monthsPerYear {
			return 0, dateOverflow
		}
		if 1+end != len(rest) {
			return 0, dateBadFormat
		}
		f.unit = intervalMonth
		if text[0] == '-' {
			months = -months
		}
		high, low := mul64(n, monthsPerYear)
		if high != low>>63 {
			return 0, dateOverflow
		}
		n = low + int64(months)
	case rest[0] == '.':
		var ok bool
		if part, ok = fraction(rest); !ok {
			return 0, dateBadFormat
		}
		if text[0] == '-' {
			part = -part
		}
	default:
		return 0, dateBadFormat
	}
	if f.negative {
		n, part = -max(n, -n), -math.Abs(part)
	}
	unit := f.unit
	if unit == intervalNone || unit == intervalUseless {
		return 0, dateBadFormat
	}
	if !f.add(unit, n, part) {
		return 0, dateOverflow
	}
	switch {
	case unit == intervalSecond && part != 0:
		return intervalFraction, dateOK
	case unit == intervalHour:
		f.unit = intervalDay
	}
	return unit, dateOK
}

func (f *intervalFields) word(i int, text []byte, major int) (intervalUnit, dateError) {
	word := string(text[:min(len(text), 10)])
	if word == "ago" {
		if major >= 16 && i != f.p.count-1 {
			return 0, dateBadFormat
		}
		f.ago, f.unit, f.named = true, intervalNone, true
		return 0, dateOK
	}
	if u, ok := intervalWords[word]; ok {
		if f.waiting && major >= 16 {
			return 0, dateBadFormat
		}
		f.unit, f.named, f.waiting = u, true, true
		return 0, dateOK
	}
	w := dateWords[word]
	switch {
	case w.kind != wordReserved:
		return 0, dateBadFormat
	case major >= 17:
		if w.value != reservedInfinity && w.value != reservedMinusInfinity || f.p.count != 1 {
			return 0, dateBadFormat
		}
		f.p.special = w.value
		return intervalTime | intervalDay | intervalMonth | intervalYear, dateOK
	}
	f.p.err = refuse("pgseal does not read the word "+word+" in an interval", "Write the interval with numbers and units.")
	return 0, dateOther
}
