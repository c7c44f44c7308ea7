package logical

import "bytes"

// delimitedDate reads numbers and a month's name between delimiters.
func (p *dateParser) delimitedDate(s []byte) (fieldMask, dateError) {
	var parts [maxDateFields][]byte
	count := 0
	for len(s) > 0 && count < maxDateFields {
		for len(s) > 0 && !isAlnum(s[0]) {
			s = s[1:]
		}
		if len(s) == 0 {
			return 0, dateBadFormat
		}
		class := isAlpha
		if isDigit(s[0]) {
			class = isDigit
		}
		end := 0
		for end < len(s) && class(s[end]) {
			end++
		}
		parts[count] = s[:end]
		count++
		// Whatever ends a part is skipped, be it a delimiter or not.
		s = s[min(end+1, len(s)):]
	}
	seen, mask := p.seen, fieldMask(0)
	textMonth := false
	for i, part := range parts[:count] {
		if !isAlpha(part[0]) {
			continue
		}
		w := dateWords[string(part)]
		if w.kind != wordMonth || seen&maskMonth != 0 {
			return 0, dateBadFormat
		}
		p.month = w.value
		textMonth = true
		seen |= maskMonth
		mask |= maskMonth
		parts[i] = nil
	}
	micro := p.micro
	for _, part := range parts[:count] {
		if part == nil {
			continue
		}
		m, bad := p.plainNumber(part, textMonth, seen)
		if bad != dateOK {
			return 0, bad
		}
		if m&seen != 0 {
			return 0, dateBadFormat
		}
		seen |= m
		mask |= m
	}
	p.micro = micro
	if seen&^(maskDayOfYear|maskZone) != maskDate {
		return 0, dateBadFormat
	}
	return mask, dateOK
}

// delimitedTime reads hh:mm, hh:mm:ss, hh:mm:ss.ffffff or mm:ss.ffffff.
func (p *dateParser) delimitedTime(s []byte) dateError {
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
	second, micro := 0, p.micro
	p.micro = 0
	if len(s) > 0 && s[0] == ':' {
		if second, end, ok = leadingInt(s[1:]); !ok {
			return dateOverflow
		}
		s = s[1+end:]
	} else if len(s) > 0 && s[0] == '.' {
		// Two numbers with a fraction are minutes and seconds.
		if hour > 1<<31-1 {
			return dateOverflow
		}
		hour, minute, second = 0, int(hour), minute
	}
	if len(s) > 0 {
		if s[0] != '.' {
			p.micro = micro
			return dateBadFormat
		}
		if bad := p.setFraction(s); bad != dateOK {
			return bad
		}
	}
	if minute > 59 || second > 60 || hour > 1<<31-1 {
		return dateOverflow
	}
	p.hour, p.minute, p.second = int(hour), minute, second
	return dateOK
}

// leadingInt64 reads digits as strtol() does into 64 bits.
func leadingInt64(s []byte) (n int64, end int, ok bool) {
	for end < len(s) && isDigit(s[end]) {
		d := int64(s[end] - '0')
		if n > (1<<63-1-d)/10 {
			return 0, 0, false
		}
		n = n*10 + d
		end++
	}
	return n, end, true
}

// plainNumber takes a number alone for what is still missing of the date, in
// the session's order, or for a time when there is a date.
func (p *dateParser) plainNumber(s []byte, textMonth bool, seen fieldMask) (fieldMask, dateError) {
	n, end, ok := leadingInt(s)
	switch {
	case !ok:
		return 0, dateOverflow
	case end == 0:
		return 0, dateBadFormat
	case end < len(s) && s[end] == '.':
		if end > 2 {
			return p.runTogether(s, seen|maskDate)
		}
		if bad := p.setFraction(s[end:]); bad != dateOK {
			return 0, bad
		}
	case end < len(s):
		return 0, dateBadFormat
	}
	if len(s) == 3 && seen&maskDate == maskYear && n >= 1 && n <= 366 {
		p.dayOfYear = n
		return maskDayOfYear | maskMonth | maskDay, dateOK
	}
	year := func() (fieldMask, dateError) {
		p.year = n
		p.shortYear = len(s) <= 2
		return maskYear, dateOK
	}
	month := func() (fieldMask, dateError) {
		p.month = n
		return maskMonth, dateOK
	}
	day := func() (fieldMask, dateError) {
		p.day = n
		return maskDay, dateOK
	}
	switch seen & maskDate {
	case 0:
		switch {
		case len(s) >= 3 || p.order == orderYMD:
			return year()
		case p.order == orderDMY:
			return day()
		}
		return month()
	case maskYear:
		return month()
	case maskMonth:
		if textMonth && (len(s) >= 3 || p.order == orderYMD) {
			return year()
		}
		return day()
	case maskYear | maskMonth:
		if textMonth && len(s) >= 3 && p.shortYear {
			// What was taken for the year is the day.
			p.day, p.year, p.shortYear = p.year, n, false
			return maskDay, dateOK
		}
		return day()
	case maskDay:
		return month()
	case maskMonth | maskDay:
		return year()
	case maskDate:
		return p.runTogether(s, seen)
	}
	return 0, dateBadFormat
}

// runTogether reads yyyymmdd, yymmdd, hhmmss or hhmm, with a fraction of the
// seconds.
func (p *dateParser) runTogether(s []byte, seen fieldMask) (fieldMask, dateError) {
	if point := bytes.IndexByte(s, '.'); point >= 0 {
		// What follows a second point is ignored.
		tail := s[point:]
		if second := bytes.IndexByte(tail[1:], '.'); second >= 0 {
			tail = tail[:second+1]
		}
		if bad := p.setFraction(tail); bad != dateOK {
			return 0, bad
		}
		s = s[:point]
	} else if n := len(s); seen&maskDate != maskDate && n >= 6 {
		p.day = wrappedInt(s[n-2:])
		p.month = wrappedInt(s[n-4 : n-2])
		p.year = wrappedInt(s[:n-4])
		if n == 6 {
			p.shortYear = true
		}
		return maskDate, dateOK
	}
	if seen&maskTime == maskTime || len(s) != 6 && len(s) != 4 {
		return 0, dateBadFormat
	}
	p.second = 0
	if len(s) == 6 {
		p.second = wrappedInt(s[4:])
	}
	p.hour, p.minute = wrappedInt(s[:2]), wrappedInt(s[2:4])
	return maskTime, dateOK
}

// timeWithZone reads hhmmss-zz.
func (p *dateParser) timeWithZone(s []byte, seen fieldMask) (fieldMask, dateError) {
	if p.seen&maskTime == maskTime {
		return 0, dateBadFormat
	}
	dash := bytes.IndexByte(s, '-')
	if dash < 0 {
		return 0, dateBadFormat
	}
	if _, bad := p.displacement(s[dash:]); bad != dateOK {
		return 0, bad
	}
	mask, bad := p.runTogether(s[:dash], seen)
	return mask | maskZone, bad
}

// setJulian takes a Julian day.
func (p *dateParser) setJulian(day int) {
	p.setDate(day - julianEpoch)
	p.julian = true
}

// julianWithZone reads a Julian day with a zone's displacement.
func (p *dateParser) julianWithZone(s []byte) (fieldMask, dateError) {
	n, end, ok := leadingInt(s)
	if !ok || n < 0 {
		return 0, dateOverflow
	}
	p.setJulian(n)
	p.prefix = unitNone
	if _, bad := p.displacement(s[end:]); bad != dateOK {
		return 0, bad
	}
	return maskDate | maskTime | maskZone, dateOK
}

// labelledNumber takes the number after a word that says what it is, as in
// y2001m02d04.
func (p *dateParser) labelledNumber(s []byte) (fieldMask, dateError) {
	label := p.prefix
	p.prefix = unitNone
	if p.major >= strictDatesVersion && label != unitJulian && label != unitTime {
		return 0, dateBadFormat
	}
	n, end, ok := leadingInt(s)
	if !ok {
		return 0, dateOverflow
	}
	if rest := s[end:]; len(rest) > 0 &&
		(rest[0] != '.' || label != unitJulian && label != unitTime && label != unitSecond) {
		return 0, dateBadFormat
	}
	p.special = noSpecial
	switch label {
	case unitYear:
		p.year = n
		return maskYear, dateOK
	case unitMonth:
		if p.seen&maskMonth != 0 && p.seen&maskHour != 0 {
			p.minute = n
			return maskMinute, dateOK
		}
		p.month = n
		return maskMonth, dateOK
	case unitDay:
		p.day = n
		return maskDay, dateOK
	case unitHour:
		p.hour = n
		return maskHour, dateOK
	case unitMinute:
		p.minute = n
		return maskMinute, dateOK
	case unitSecond:
		p.second = n
		if end < len(s) {
			return maskSecond | maskFraction, p.setFraction(s[end:])
		}
		return maskSecond, dateOK
	case unitJulian:
		p.setJulian(n)
		if end == len(s) {
			return maskDate, dateOK
		}
		f, ok := fraction(s[end:])
		if !ok {
			return 0, dateBadFormat
		}
		p.setTimeOfDay(int64(f * microsPerDay))
		return maskDate | maskTime, dateOK
	case unitTime:
		mask, bad := p.runTogether(s, p.seen|maskDate)
		if bad == dateOK && mask != maskTime {
			bad = dateBadFormat
		}
		return mask, bad
	}
	return 0, dateBadFormat
}
