package logical

// isoTime is a date, perhaps with a time and a zone's displacement.
type isoTime struct {
	clock
	hasTime, hasOffset bool
	offset             int // seconds east of UTC
}

// parseISO reads the shapes that clients nearly always send, 1999-01-08 and
// 1999-01-08 04:05:06.789+02:00, which mean the same under all settings. It
// leaves everything else to the full parser, errors included.
func parseISO(s []byte) (v isoTime, ok bool) {
	if len(s) < 10 || s[4] != '-' || s[7] != '-' {
		return v, false
	}
	century, ok1 := twoDigits(s)
	rest, ok2 := twoDigits(s[2:])
	month, ok3 := twoDigits(s[5:])
	day, ok4 := twoDigits(s[8:])
	v.year, v.month, v.day = century*100+rest, month, day
	if !ok1 || !ok2 || !ok3 || !ok4 || v.year == 0 || month < 1 || month > 12 || day < 1 || day > daysInMonth(v.year, month) {
		return v, false
	}
	if s = s[10:]; len(s) == 0 {
		return v, true
	}
	if len(s) < 9 || s[0] != ' ' && s[0] != 'T' || s[3] != ':' || s[6] != ':' {
		return v, false
	}
	v.hour, ok1 = twoDigits(s[1:])
	v.minute, ok2 = twoDigits(s[4:])
	v.second, ok3 = twoDigits(s[7:])
	if !ok1 || !ok2 || !ok3 || v.hour > 23 || v.minute > 59 || v.second > 59 {
		return v, false
	}
	v.hasTime = true
	if s = s[9:]; len(s) > 1 && s[0] == '.' {
		unit := microsPerSecond / 10
		for s = s[1:]; len(s) > 0 && isDigit(s[0]) && unit > 0; s = s[1:] {
			v.micro += int(s[0]-'0') * unit
			unit /= 10
		}
	}
	if len(s) == 0 {
		return v, true
	}
	v.hasOffset = true
	return v, v.setOffset(s)
}

// setOffset reads Z, +hh, +hhmm or +hh:mm.
func (v *isoTime) setOffset(s []byte) bool {
	if len(s) == 1 {
		return s[0] == 'Z'
	}
	if len(s) != 3 && len(s) != 5 && (len(s) != 6 || s[3] != ':') || s[0] != '+' && s[0] != '-' {
		return false
	}
	hours, ok := twoDigits(s[1:])
	minutes, ok2 := 0, true
	if len(s) > 3 {
		minutes, ok2 = twoDigits(s[len(s)-2:])
	}
	if !ok || !ok2 || hours > maxZoneHours || minutes > 59 {
		return false
	}
	v.offset = hours*3600 + minutes*60
	if s[0] == '-' {
		v.offset = -v.offset
	}
	return true
}

func twoDigits(s []byte) (int, bool) {
	return int(s[0]-'0')*10 + int(s[1]-'0'), isDigit(s[0]) && isDigit(s[1])
}
