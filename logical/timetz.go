package logical

import "encoding/binary"

// A time with time zone is microseconds of the day and the zone's displacement
// in seconds west of UTC. Two are equal only if both are.

const timetzSize = 8 + 4

var timetzCodec = codec{
	name: "time with time zone", size: timetzSize,
	in:         timetzIn,
	recv:       timetzRecv,
	out:        timetzOut,
	fit:        fitTimetz,
	typmodName: timeTypmodName("time", " with time zone"),
	check: func(canonical []byte) bool {
		return len(canonical) == timetzSize && binary.BigEndian.Uint64(canonical) <= microsPerDay
	},
}

func timetzIn(dst, text []byte, s *Settings) ([]byte, error) {
	var p dateParser
	bad := dateBadFormat
	if p.start(text, dateAndTimeBufSize, s) {
		bad = p.timeOnly()
	}
	switch {
	case bad != dateOK:
		return dst, p.failure(bad, text, "time with time zone")
	case p.clockNeeded:
		return dst, clockRefused()
	}
	offset, err := p.timeOffset(s)
	if err != nil {
		return dst, err
	}
	return binary.BigEndian.AppendUint32(appendInstant(dst, p.timeOfDay()), uint32(int32(-offset))), nil
}

// timeOffset is zoneOffset for a time that may be without a date. A zone whose
// offset changes has the one of today then, which only the server knows.
func (p *dateParser) timeOffset(s *Settings) (int, error) {
	if p.seen&maskDate == maskDate || p.location == nil && p.moving == nil && p.seen&maskZone != 0 {
		return p.zoneOffset(s)
	}
	location := p.location
	if location == nil {
		location = p.moving
	}
	if location == nil {
		var err error
		if location, err = s.sessionZone().get(); err != nil {
			return 0, err
		}
	}
	if !fixedOffset(location) {
		return 0, refuse("pgseal cannot tell the displacement of this time's zone, which depends on the current date",
			"Send the time with its displacement: 12:00+02.")
	}
	offset, _ := offsetAt(location, 0)
	return offset, nil
}

// zoneLimit is the first displacement in seconds that is too large.
const zoneLimit = (maxZoneHours + 1) * 3600

func timetzRecv(dst, data []byte) ([]byte, error) {
	if len(data) >= 8 {
		if t := canonicalInstant(data); t < 0 || t > microsPerDay {
			return dst, newError(codeDatetimeOverflow, "time out of range")
		}
	}
	if len(data) >= timetzSize {
		if zone := int32(binary.BigEndian.Uint32(data[8:])); zone <= -zoneLimit || zone >= zoneLimit {
			return dst, newError(codeZoneDisplacement, "time zone displacement out of range")
		}
	}
	if err := exactly(data, timetzSize); err != nil {
		return dst, err
	}
	return append(dst, data...), nil
}

func timetzOut(dst, canonical []byte, _ *Settings) ([]byte, error) {
	var c clock
	c.setTimeOfDay(canonicalInstant(canonical))
	return appendOffset(c.appendTime(dst), -int(int32(binary.BigEndian.Uint32(canonical[8:])))), nil
}

func fitTimetz(dst []byte, start int, typmod int32, use Use) ([]byte, error) {
	zone := binary.BigEndian.Uint32(dst[start+8:])
	out, err := fitMicros(dst[:start+8], start, typmod, use)
	if err != nil {
		return dst, err
	}
	return binary.BigEndian.AppendUint32(out, zone), nil
}
