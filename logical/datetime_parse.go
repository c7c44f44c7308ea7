package logical

import (
	"bytes"
	"math"
	"strconv"
	"time"
)

// fieldMask holds what of a date and time has been read, so that nothing is
// read twice.
type fieldMask uint32

const (
	maskYear fieldMask = 1 << iota
	maskMonth
	maskDay
	maskHour
	maskMinute
	maskSecond
	maskFraction
	maskZone
	maskSummerZone
	maskSummerWord
	maskMovingZone
	maskHalf
	maskEra
	maskWeekday
	maskDayOfYear
	maskReserved
	maskUnknown

	maskDate = maskYear | maskMonth | maskDay
	maskTime = maskHour | maskMinute | maskSecond | maskFraction
)

// dateError is what is wrong with a date or time.
type dateError uint8

const (
	dateOK dateError = iota
	dateBadFormat
	dateOverflow
	dateMonthDayOverflow // overflow that another order of fields might cure
	dateZoneOverflow
	dateOther // dateParser.err tells
)

// dateParser reads one date or time as the server's parser does, field by
// field, the meaning of a field depending on those before it.
type dateParser struct {
	order  dateOrder
	major  int // version of the server
	buf    [intervalBufSize]byte
	fields [maxDateFields]dateField
	count  int

	clock
	dayOfYear   int
	seen        fieldMask
	prefix      unit // what the next number is
	half        int
	bc          bool
	julian      bool
	shortYear   bool // one or two digits
	textMonth   bool
	special     int // a reserved word that replaces the value, or noSpecial
	clockNeeded bool
	// offset in seconds east of UTC, if seen has maskZone and there is no zone.
	offset       int
	location     *time.Location
	moving       *time.Location
	abbreviation dateField // of moving
	err          error
}

const noSpecial = -1

// strictDatesVersion is the first version that reads +infinity, and neither
// y2001m02d04 nor a word such as epoch beside other fields.
const strictDatesVersion = 16

// start makes the parser ready and cuts the input.
func (p *dateParser) start(s []byte, size int, settings *Settings) bool {
	_, p.order = settings.dateStyle()
	p.major, p.half, p.special = settings.major(), half24, noSpecial
	return p.lex(s, size)
}

// leadingInt reads a number as strtol() does into 32 bits; end is 0 if there is
// none.
func leadingInt(s []byte) (n, end int, ok bool) {
	i := 0
	neg := false
	if i < len(s) && (s[i] == '-' || s[i] == '+') {
		neg = s[i] == '-'
		i++
	}
	ok = true
	for ; i < len(s) && isDigit(s[i]); i++ {
		end = i + 1
		if n = n*10 + int(s[i]-'0'); n > math.MaxInt32+1 {
			n, ok = math.MaxInt32+1, false
		}
	}
	if neg {
		n = -n
	}
	return n, end, ok && n <= math.MaxInt32
}

// wrappedInt reads digits as atoi() does, which takes the low 32 bits.
func wrappedInt(digits []byte) int {
	n, err := strconv.ParseInt(string(digits), 10, 64)
	if err != nil {
		n = math.MaxInt64
	}
	return int(int32(n))
}

// fraction reads ".digits"; false if anything else follows.
func fraction(s []byte) (float64, bool) {
	if len(s) == 1 {
		return 0, true
	}
	for _, c := range s[1:] {
		if !isDigit(c) {
			return 0, false
		}
	}
	f, err := strconv.ParseFloat(string(s), 64)
	return f, err == nil
}

func (p *dateParser) setFraction(s []byte) dateError {
	f, ok := fraction(s)
	if !ok {
		return dateBadFormat
	}
	p.micro = int(math.RoundToEven(f * 1e6))
	return dateOK
}

// dateTime reads the fields of a date with or without time and zone.
func (p *dateParser) dateTime() dateError {
	for i := range p.count {
		mask, bad := p.dateTimeField(i)
		if bad != dateOK {
			return bad
		}
		if mask&p.seen != 0 {
			return dateBadFormat
		}
		p.seen |= mask
	}
	if bad := p.validateDate(); bad != dateOK {
		return bad
	}
	if bad := p.applyHalf(); bad != dateOK {
		return bad
	}
	if p.special != noSpecial {
		if p.major >= strictDatesVersion && p.count != 1 {
			return dateBadFormat
		}
		return dateOK
	}
	if p.seen&maskDate != maskDate {
		return dateBadFormat
	}
	if p.seen&maskSummerWord != 0 && (p.location != nil || p.moving != nil || p.seen&maskZone == 0) {
		return dateBadFormat
	}
	return dateOK
}

func (p *dateParser) dateTimeField(i int) (fieldMask, dateError) {
	f := p.fields[i]
	text := p.text(f)
	switch f.kind {
	case fieldDate:
		switch {
		case p.prefix == unitJulian:
			return p.julianWithZone(text)
		case p.prefix != unitNone || p.seen&(maskMonth|maskDay) == maskMonth|maskDay:
			if !isDigit(text[0]) && p.prefix == unitNone {
				return p.namedZone(text)
			}
			if p.prefix != unitNone && p.prefix != unitTime {
				return 0, dateBadFormat
			}
			p.prefix = unitNone
			return p.timeWithZone(text, p.seen)
		}
		return p.delimitedDate(text)
	case fieldTime:
		if p.prefix != unitNone {
			if p.prefix != unitTime {
				return 0, dateBadFormat
			}
			p.prefix = unitNone
		}
		if bad := p.delimitedTime(text); bad != dateOK {
			return 0, bad
		}
		if p.timeOverflows() {
			return 0, dateOverflow
		}
		return maskTime, dateOK
	case fieldDisplay:
		return p.displacement(text)
	case fieldNumber:
		if p.prefix != unitNone {
			return p.labelledNumber(text)
		}
		point := bytes.IndexByte(text, '.')
		switch {
		case point >= 0 && p.seen&maskDate == 0:
			return p.delimitedDate(text)
		case point > 2, len(text) >= 6 && (p.seen&maskDate == 0 || p.seen&maskTime == 0):
			return p.runTogether(text, p.seen)
		}
		return p.plainNumber(text, p.textMonth, p.seen)
	}
	w := findDateWord(text)
	if p.major >= strictDatesVersion && string(text) == "+infinity" {
		w = dateWords["infinity"]
	}
	switch w.kind {
	case wordReserved:
		return p.reserved(w.value)
	case wordMonth:
		mask := maskMonth
		// A number taken for the month was the day.
		if p.seen&maskMonth != 0 && !p.textMonth && p.seen&maskDay == 0 && p.month >= 1 && p.month <= 31 {
			p.day = p.month
			mask = maskDay
		}
		p.textMonth = true
		p.month = w.value
		return mask, dateOK
	case wordWeekday:
		return maskWeekday, dateOK
	case wordTime:
		if p.seen&maskDate != maskDate {
			return 0, dateBadFormat
		}
	}
	return p.otherWord(i, w)
}

// timeOnly reads the fields of a time, which may carry a date and a zone.
func (p *dateParser) timeOnly() dateError {
	for i := range p.count {
		mask, bad := p.timeOnlyField(i)
		if bad != dateOK {
			return bad
		}
		if mask&p.seen != 0 {
			return dateBadFormat
		}
		p.seen |= mask
	}
	if bad := p.validateDate(); bad != dateOK {
		return bad
	}
	if bad := p.applyHalf(); bad != dateOK {
		return bad
	}
	if p.timeOverflows() {
		return dateOverflow
	}
	if p.seen&maskTime != maskTime {
		return dateBadFormat
	}
	hasDate := p.seen&maskDate == maskDate
	if p.seen&maskSummerWord != 0 && (p.location != nil || p.moving != nil || p.seen&maskZone == 0) ||
		p.location != nil && !hasDate && !fixedOffset(p.location) ||
		(p.moving != nil || p.seen&maskZone == 0) && !hasDate && p.seen&maskDate != 0 {
		return dateBadFormat
	}
	return dateOK
}

func (p *dateParser) timeOnlyField(i int) (fieldMask, dateError) {
	f := p.fields[i]
	text := p.text(f)
	last := p.fields[p.count-1].kind
	switch f.kind {
	case fieldDate:
		switch {
		case i == 0 && p.count >= 2 && (last == fieldDate || p.fields[1].kind == fieldTime):
			return p.delimitedDate(text)
		case isDigit(text[0]):
			return p.timeWithZone(text, p.seen|maskDate)
		}
		return p.namedZone(text)
	case fieldTime:
		return maskTime, p.delimitedTime(text)
	case fieldDisplay:
		return p.displacement(text)
	case fieldNumber:
		if p.prefix != unitNone {
			return p.labelledNumber(text)
		}
		point := bytes.IndexByte(text, '.')
		switch {
		case point >= 0 && i == 0 && p.count >= 2 && last == fieldDate:
			return p.delimitedDate(text)
		case point >= 0 && point <= 2:
			return 0, dateBadFormat
		case point >= 0, len(text) > 4:
			return p.runTogether(text, p.seen|maskDate)
		}
		return p.plainNumber(text, false, p.seen|maskDate)
	}
	w := findDateWord(text)
	switch w.kind {
	case wordReserved:
		switch w.value {
		case reservedNow:
			p.clockNeeded = true
			return maskTime, dateOK
		case reservedZulu:
			p.setTimeOfDay(0)
			return maskTime | maskZone, dateOK
		}
		return 0, dateBadFormat
	case wordMonth, wordWeekday:
		return 0, dateBadFormat
	}
	return p.otherWord(i, w)
}

// otherWord takes the words that dates and times have in common.
func (p *dateParser) otherWord(i int, w dateWord) (fieldMask, dateError) {
	text := p.text(p.fields[i])
	switch w.kind {
	case wordIgnored:
		return 0, dateOK
	case wordSummer:
		p.offset += w.value
		return maskSummerWord | maskSummerZone, dateOK
	case wordSummerZone:
		p.offset = w.value
		return maskSummerZone | maskZone, dateOK
	case wordZone:
		p.offset = w.value
		return maskZone, dateOK
	case wordMovingZone:
		p.moving, _ = findZone(w.zone)
		p.abbreviation = p.fields[i]
		return maskMovingZone | maskZone, dateOK
	case wordHalf:
		p.half = w.value
		return maskHalf, dateOK
	case wordEra:
		p.bc = w.value == eraBC
		return maskEra, dateOK
	case wordUnit:
		p.prefix = unit(w.value)
		return 0, dateOK
	case wordTime:
		if i+1 >= p.count {
			return 0, dateBadFormat
		}
		if k := p.fields[i+1].kind; k != fieldNumber && k != fieldTime && k != fieldDate {
			return 0, dateBadFormat
		}
		p.prefix = unitTime
		return 0, dateOK
	}
	location, known := findZone(string(text))
	if !known {
		return 0, dateBadFormat
	}
	return p.useZone(location, text)
}

func (p *dateParser) useZone(location *time.Location, name []byte) (fieldMask, dateError) {
	if location == nil {
		z := zone{unknown: string(name)}
		_, p.err = z.get()
		return 0, dateOther
	}
	p.location = location
	return maskZone, dateOK
}

// namedZone takes the name of a zone with punctuation in it.
func (p *dateParser) namedZone(name []byte) (fieldMask, dateError) {
	location, known := findZone(string(name))
	if !known {
		p.err = newError(codeInvalidParameter, `time zone "`+string(name)+`" not recognized`)
		return 0, dateOther
	}
	return p.useZone(location, name)
}

func (p *dateParser) reserved(value int) (fieldMask, dateError) {
	switch value {
	case reservedNow:
		p.clockNeeded = true
		p.year, p.month, p.day = 2000, 1, 1
		return maskDate | maskTime | maskZone, dateOK
	case reservedToday, reservedYesterday, reservedTomorrow:
		p.clockNeeded = true
		p.year, p.month, p.day = 2000, 1, 1
		return maskDate, dateOK
	case reservedZulu:
		p.setTimeOfDay(0)
		p.offset = 0
		return maskTime | maskZone, dateOK
	}
	p.special = value
	return maskReserved, dateOK
}

// maxZoneHours is the greatest displacement of a zone in whole hours.
const maxZoneHours = 15

// displacement reads a zone given as +hh, +hhmm, +hh:mm or +hh:mm:ss.
func (p *dateParser) displacement(s []byte) (fieldMask, dateError) {
	if len(s) == 0 || s[0] != '+' && s[0] != '-' {
		return 0, dateBadFormat
	}
	hours, end, ok := leadingInt(s[1:])
	if !ok {
		return 0, dateZoneOverflow
	}
	rest := s[1+end:]
	var minutes, seconds int
	if len(rest) > 0 && rest[0] == ':' {
		if minutes, end, ok = leadingInt(rest[1:]); !ok {
			return 0, dateZoneOverflow
		}
		rest = rest[1+end:]
		if len(rest) > 0 && rest[0] == ':' {
			if seconds, end, ok = leadingInt(rest[1:]); !ok {
				return 0, dateZoneOverflow
			}
			rest = rest[1+end:]
		}
	} else if len(rest) == 0 && len(s) > 3 {
		hours, minutes = hours/100, hours%100
	}
	if hours < 0 || hours > maxZoneHours || minutes < 0 || minutes > 59 || seconds < 0 || seconds > 59 {
		return 0, dateZoneOverflow
	}
	if len(rest) > 0 {
		return 0, dateBadFormat
	}
	p.offset = hours*3600 + minutes*60 + seconds
	if s[0] == '-' {
		p.offset = -p.offset
	}
	return maskZone, dateOK
}

// applyHalf applies AM and PM.
func (p *dateParser) applyHalf() dateError {
	switch {
	case p.half != half24 && p.hour > 12:
		return dateOverflow
	case p.half == halfAM && p.hour == 12:
		p.hour = 0
	case p.half == halfPM && p.hour != 12:
		p.hour += 12
	}
	return dateOK
}

// timeOverflows says whether the time is not within a day; 24:00:00 and a
// second 60 are.
func (p *dateParser) timeOverflows() bool {
	return p.hour < 0 || p.hour > 24 || p.minute < 0 || p.minute > 59 || p.second < 0 || p.second > 60 ||
		p.micro < 0 || p.micro > microsPerSecond || p.timeOfDay() > microsPerDay
}

func (p *dateParser) setDate(days int) { p.year, p.month, p.day = dateOf(days) }

// validateDate completes the year and checks month and day.
func (p *dateParser) validateDate() dateError {
	if p.seen&maskYear != 0 && !p.julian {
		switch {
		case p.bc:
			if p.year <= 0 {
				return dateOverflow
			}
			p.year = 1 - p.year
		case p.shortYear:
			if p.year < 70 {
				p.year += 2000
			} else if p.year < 100 {
				p.year += 1900
			}
		case p.year <= 0:
			return dateOverflow
		}
	}
	if p.seen&maskDayOfYear != 0 {
		// The server counts in 32 bits, so that an absurd year gives a date.
		const offset = 32044 + julianEpoch
		day := uint32(dayNumber(p.year, 1, 1) + p.dayOfYear - 1 + offset)
		p.setDate(int(day) - offset)
	}
	if p.seen&maskMonth != 0 && (p.month < 1 || p.month > 12) ||
		p.seen&maskDay != 0 && (p.day < 1 || p.day > 31) {
		return dateMonthDayOverflow
	}
	if p.seen&maskDate == maskDate && p.day > daysInMonth(p.year, p.month) {
		return dateOverflow
	}
	return dateOK
}
