package logical

import (
	"bytes"
	"encoding/binary"
)

var dateCodec = codec{
	name: "date", size: 4,
	in:    dateIn,
	recv:  dateRecv,
	out:   dateOut,
	check: fixedCheck(4),
}

var timeCodec = codec{
	name: "time without time zone", size: 8,
	in:         timeIn,
	recv:       timeRecv,
	out:        timeOut,
	fit:        fitMicros,
	typmodName: timeTypmodName("time", " without time zone"),
	check: func(canonical []byte) bool {
		return len(canonical) == 8 && binary.BigEndian.Uint64(canonical) <= microsPerDay
	},
}

var timestampCodec = codec{
	name: "timestamp without time zone", size: 8,
	in: func(dst, text []byte, s *Settings) ([]byte, error) {
		return timestampIn(dst, text, s, "timestamp", false)
	},
	recv:       timestampRecv,
	out:        timestampOut,
	fit:        fitMicros,
	typmodName: timeTypmodName("timestamp", " without time zone"),
	check:      checkTimestamp,
}

var timestamptzCodec = codec{
	name: "timestamp with time zone", size: 8,
	in: func(dst, text []byte, s *Settings) ([]byte, error) {
		return timestampIn(dst, text, s, "timestamp with time zone", true)
	},
	recv:       timestampRecv,
	out:        timestamptzOut,
	fit:        fitMicros,
	typmodName: timeTypmodName("timestamp", " with time zone"),
	check:      checkTimestamp,
}

func canonicalInstant(canonical []byte) int64 { return int64(binary.BigEndian.Uint64(canonical)) }

func appendInstant(dst []byte, t int64) []byte { return binary.BigEndian.AppendUint64(dst, uint64(t)) }

func appendDay(dst []byte, day int) []byte {
	return binary.BigEndian.AppendUint32(dst, uint32(int32(day)))
}

func infinite(t int64) bool { return t == instantInfinity || t == instantMinusInfinity }

func infiniteDay(day int) bool { return day == dateInfinity || day == dateMinusInfinity }

// checkTimestamp accepts what rounding to a precision can give, which is one
// past the last timestamp.
func checkTimestamp(canonical []byte) bool {
	if len(canonical) != 8 {
		return false
	}
	t := canonicalInstant(canonical)
	return infinite(t) || t >= firstMicros && t <= endMicros
}

// failure is the server's error for what the parser found.
func (p *dateParser) failure(bad dateError, text []byte, typeName string) error {
	value := `"` + string(text) + `"`
	switch bad {
	case dateOverflow:
		return newError(codeDatetimeOverflow, "date/time field value out of range: "+value)
	case dateMonthDayOverflow:
		return &Error{Code: codeDatetimeOverflow, Message: "date/time field value out of range: " + value, Hint: hintDateStyle}
	case dateZoneOverflow:
		return newError(codeZoneDisplacement, "time zone displacement out of range: "+value)
	case dateOther:
		return p.err
	}
	return newError(codeInvalidDatetime, "invalid input syntax for type "+typeName+": "+value)
}

// clockRefused refuses a value that depends on the server's clock.
func clockRefused() error {
	return refuse("pgseal cannot store the current date or time under its name in a sealed column",
		"Send the date or time itself instead of now, today, yesterday or tomorrow.")
}

func dateIn(dst, text []byte, s *Settings) ([]byte, error) {
	if v, ok := parseISO(text); ok && !v.hasTime {
		return appendDay(dst, dayNumber(v.year, v.month, v.day)), nil
	}
	var p dateParser
	bad := dateBadFormat
	if p.start(text, dateAndTimeBufSize, s) {
		bad = p.dateTime()
	}
	switch {
	case bad != dateOK:
		return dst, p.failure(bad, text, "date")
	case p.clockNeeded:
		return dst, clockRefused()
	}
	switch p.special {
	case reservedEpoch:
		return appendDay(dst, unixEpochDay), nil
	case reservedInfinity:
		return appendDay(dst, dateInfinity), nil
	case reservedMinusInfinity:
		return appendDay(dst, dateMinusInfinity), nil
	}
	if p.validJulian() {
		if day := dayNumber(p.year, p.month, p.day); validDay(day) {
			return appendDay(dst, day), nil
		}
	}
	return dst, newError(codeDatetimeOverflow, `date out of range: "`+string(text)+`"`)
}

func validDay(day int) bool { return day >= firstDay && day < endDay }

func timeIn(dst, text []byte, s *Settings) ([]byte, error) {
	var p dateParser
	bad := dateBadFormat
	if p.start(text, dateAndTimeBufSize, s) {
		bad = p.timeOnly()
	}
	switch {
	case bad != dateOK:
		return dst, p.failure(bad, text, "time")
	case p.clockNeeded:
		return dst, clockRefused()
	}
	return appendInstant(dst, p.timeOfDay()), nil
}

func timestampIn(dst, text []byte, s *Settings, typeName string, withZone bool) ([]byte, error) {
	if v, ok := parseISO(text); ok {
		return v.appendInstant(dst, s, withZone)
	}
	var p dateParser
	bad := dateBadFormat
	if p.start(text, timestampBufSize, s) {
		bad = p.dateTime()
	}
	switch {
	case bad != dateOK:
		return dst, p.failure(bad, text, typeName)
	case p.clockNeeded:
		return dst, clockRefused()
	}
	switch p.special {
	case reservedEpoch:
		return appendInstant(dst, unixEpochDay*microsPerDay), nil
	case reservedInfinity:
		return appendInstant(dst, instantInfinity), nil
	case reservedMinusInfinity:
		return appendInstant(dst, instantMinusInfinity), nil
	}
	offset := 0
	if withZone {
		var err error
		if offset, err = p.zoneOffset(s); err != nil {
			return dst, err
		}
	}
	t, ok := p.micros(offset)
	if !ok {
		return dst, newError(codeDatetimeOverflow, `timestamp out of range: "`+string(text)+`"`)
	}
	return appendInstant(dst, t), nil
}

// appendInstant writes a timestamp, which four digits of the year keep in
// range.
func (v *isoTime) appendInstant(dst []byte, s *Settings, withZone bool) ([]byte, error) {
	offset := 0
	if withZone {
		offset = v.offset
		if !v.hasOffset {
			location, err := s.sessionZone().get()
			if err != nil {
				return dst, err
			}
			offset, _ = v.localOffset(location)
		}
	}
	t, _ := v.micros(offset)
	return appendInstant(dst, t), nil
}

// zoneOffset is the offset in seconds east of UTC of the zone that was given,
// or of the session's.
func (p *dateParser) zoneOffset(s *Settings) (int, error) {
	switch {
	case p.location != nil:
		offset, _ := p.localOffset(p.location)
		return offset, nil
	case p.moving != nil:
		offset, unix := p.localOffset(p.moving)
		if o, ok := abbreviationOffset(p.moving, string(bytes.ToUpper(p.text(p.abbreviation))), unix); ok {
			offset = o
		}
		return offset, nil
	case p.seen&maskZone != 0:
		return p.offset, nil
	}
	location, err := s.sessionZone().get()
	if err != nil {
		return 0, err
	}
	offset, _ := p.localOffset(location)
	return offset, nil
}

func dateRecv(dst, data []byte) ([]byte, error) {
	if err := exactly(data, 4); err != nil {
		return dst, err
	}
	if day := int(canonicalInt(data)); !infiniteDay(day) && !validDay(day) {
		return dst, newError(codeDatetimeOverflow, "date out of range")
	}
	return append(dst, data...), nil
}

func timeRecv(dst, data []byte) ([]byte, error) {
	if err := exactly(data, 8); err != nil {
		return dst, err
	}
	if t := canonicalInstant(data); t < 0 || t > microsPerDay {
		return dst, newError(codeDatetimeOverflow, "time out of range")
	}
	return append(dst, data...), nil
}

func timestampRecv(dst, data []byte) ([]byte, error) {
	if err := exactly(data, 8); err != nil {
		return dst, err
	}
	if t := canonicalInstant(data); !infinite(t) && !validInstant(t) {
		return dst, newError(codeDatetimeOverflow, "timestamp out of range")
	}
	return append(dst, data...), nil
}

// fitMicros rounds half away from zero to typmod decimal digits of a second.
func fitMicros(dst []byte, start int, typmod int32, _ Use) ([]byte, error) {
	t := canonicalInstant(dst[start:])
	if infinite(t) || typmod >= 6 {
		return dst, nil
	}
	unit := int64(1)
	for range 6 - typmod {
		unit *= 10
	}
	if t >= 0 {
		t = (t + unit/2) / unit * unit
	} else {
		t = -((-t + unit/2) / unit * unit)
	}
	return appendInstant(dst[:start], t), nil
}
