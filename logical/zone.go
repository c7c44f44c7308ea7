package logical

import (
	_ "embed"
	"encoding/binary"
	"strconv"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // zones must be there on hosts without zone files
)

// zone is a session's time zone; the zero value is UTC.
type zone struct {
	location *time.Location
	unknown  string // the setting, if no zone could be found for it
}

func sessionZone(value string) zone {
	name := strings.Trim(value, "'\"")
	// A bare number is hours east of UTC.
	if hours, err := strconv.ParseFloat(name, 64); err == nil && hours > -168 && hours < 168 {
		seconds := int(hours * 3600)
		return zone{location: time.FixedZone(offsetName(seconds), seconds)}
	}
	if location, known := findZone(name); known && location != nil {
		return zone{location: location}
	}
	return zone{unknown: value}
}

// offsetName is the abbreviation that the server gives to a zone that was set
// as a number of hours.
func offsetName(seconds int) string {
	return string(appendOffset(nil, seconds))
}

// get is the zone, or the refusal to guess it.
func (z *zone) get() (*time.Location, error) {
	switch {
	case z.unknown != "":
		return nil, refuse("pgseal does not know time zone \""+z.unknown+"\"", "SET TimeZone to a zone of the IANA time zone database.")
	case z.location == nil:
		return time.UTC, nil
	}
	return z.location, nil
}

//go:embed zone_names.txt
var zoneNameList string

// zoneNames gives for names in lower case the spelling of the zone database.
var zoneNames = sync.OnceValue(func() map[string]string {
	m := make(map[string]string, 600)
	for name := range strings.FieldsSeq(zoneNameList) {
		m[strings.ToLower(name)] = name
	}
	return m
})

// zoneCache holds the locations of the zone database, which are few.
var zoneCache sync.Map // name in the spelling of the database -> *time.Location

// findZone finds a zone by its name, in any case, or by its POSIX rule. The
// server knows the zone too if known; it is nil if it cannot be computed here.
func findZone(name string) (location *time.Location, known bool) {
	canonical, ok := zoneNames()[strings.ToLower(name)]
	if !ok {
		return posixZone(strings.ToUpper(name))
	}
	if cached, ok := zoneCache.Load(canonical); ok {
		return cached.(*time.Location), true
	}
	location, err := time.LoadLocation(canonical)
	if err != nil {
		return nil, true
	}
	zoneCache.Store(canonical, location)
	return location, true
}

// posixZone reads a rule such as <+03>-3 or CET-1CEST,M3.5.0,M10.5.0/3. A rule
// that names a summer time and does not say when it begins is known to the
// server, which takes that from a file of its host.
func posixZone(rule string) (location *time.Location, known bool) {
	std, rest, ok := posixName(rule)
	if !ok || rest == "" {
		return nil, false
	}
	stdOffset, rest, ok := posixOffset(rest)
	if !ok {
		return nil, false
	}
	if rest == "" {
		// POSIX counts westwards.
		return time.FixedZone(std, -stdOffset), true
	}
	dst, rest, ok := posixName(rest)
	if !ok || dst == "" {
		return nil, false
	}
	dstOffset := stdOffset - 3600
	if rest != "" && rest[0] != ',' {
		if dstOffset, rest, ok = posixOffset(rest); !ok {
			return nil, false
		}
	}
	if rest == "" || rest[0] != ',' {
		return nil, rest == ""
	}
	return ruleZone(std, stdOffset, dst, dstOffset, rest), true
}

// posixName takes the abbreviation at the beginning, plain or in brackets.
func posixName(s string) (name, rest string, ok bool) {
	if strings.HasPrefix(s, "<") {
		return strings.Cut(s[1:], ">")
	}
	end := strings.IndexAny(s, "0123456789,-+")
	if end < 0 {
		end = len(s)
	}
	return s[:end], s[end:], true
}

// posixOffset takes [+-]hh[:mm[:ss]] in seconds.
func posixOffset(s string) (seconds int, rest string, ok bool) {
	sign := 1
	if s != "" && (s[0] == '-' || s[0] == '+') {
		if s[0] == '-' {
			sign = -1
		}
		s = s[1:]
	}
	for i, unit := range []struct{ seconds, max int }{{3600, 167}, {60, 59}, {1, 60}} {
		if i > 0 {
			if s == "" || s[0] != ':' {
				break
			}
			s = s[1:]
		}
		n, digits := 0, 0
		for digits < len(s) && isDigit(s[digits]) && n <= unit.max {
			n = n*10 + int(s[digits]-'0')
			digits++
		}
		if digits == 0 || n > unit.max {
			return 0, "", false
		}
		seconds += n * unit.seconds
		s = s[digits:]
	}
	return sign * seconds, s, true
}

// ruleZone gives the rule to package time, which reads it at the end of zone
// data; nil if it does not understand it.
func ruleZone(std string, stdOffset int, dst string, dstOffset int, rules string) *time.Location {
	quote := func(name string, offset int) string {
		sign := ""
		if offset < 0 {
			sign, offset = "-", -offset
		}
		return "<" + name + ">" + sign + strconv.Itoa(offset/3600) + ":" + strconv.Itoa(offset/60%60) + ":" + strconv.Itoa(offset%60)
	}
	rule := quote(std, stdOffset) + quote(dst, dstOffset) + rules
	header := func(zones, chars uint32) []byte {
		b := append([]byte("TZif2"), make([]byte, 15)...)
		for _, n := range []uint32{0, 0, 0, 0, zones, chars} {
			b = binary.BigEndian.AppendUint32(b, n)
		}
		return b
	}
	zones := binary.BigEndian.AppendUint32(nil, uint32(int32(-stdOffset)))
	zones = append(zones, 0, 0)
	zones = append(zones, std+"\x00"...)
	data := append(header(1, uint32(len(std)+1)), zones...)
	data = append(append(data, header(1, uint32(len(std)+1))...), zones...)
	data = append(data, "\n"+rule+"\n"...)
	location, err := time.LoadLocationFromTZData("POSIX", data)
	if err != nil {
		return nil
	}
	// A rule that package time does not understand leaves standard time only.
	// Winter and summer must differ somewhere in a year.
	start := time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)
	for d := range 366 {
		if name, _ := start.AddDate(0, 0, d).In(location).Zone(); name == dst {
			return location
		}
	}
	return nil
}

// offsetAt is the offset east of UTC in seconds, and its abbreviation, at a
// finite instant.
func offsetAt(location *time.Location, t int64) (seconds int, name string) {
	name, seconds = time.Unix(unixSeconds(t), 0).In(location).Zone()
	return seconds, name
}

func unixSeconds(t int64) int64 {
	days, rest := splitMicros(t)
	return int64(days-unixEpochDay)*secondsPerDay + rest/microsPerSecond
}

// localOffset is the offset east of UTC in seconds that the server assumes for
// a local time, and the instant in Unix seconds. A time that a forward change
// skips is taken with the offset before the change, a time that occurs twice
// with the offset after it. A date out of range has offset 0.
func (c *clock) localOffset(location *time.Location) (offset int, unix int64) {
	if !c.validJulian() {
		return 0, 0
	}
	local := int64(dayNumber(c.year, c.month, c.day)-unixEpochDay)*secondsPerDay +
		c.secondOfDay()
	// A change within 24 hours before is the only one that can matter, or else
	// the next one.
	before := time.Unix(local-secondsPerDay, 0).In(location)
	_, offsetBefore := before.Zone()
	change, ok := nextChange(before)
	if !ok {
		return offsetBefore, local - int64(offsetBefore)
	}
	_, offsetAfter := change.Zone()
	boundary := change.Unix()
	withBefore, withAfter := local-int64(offsetBefore), local-int64(offsetAfter)
	switch {
	case withBefore < boundary && withAfter < boundary:
		return offsetBefore, withBefore
	case withBefore > boundary && withAfter >= boundary:
		return offsetAfter, withAfter
	case withBefore > withAfter:
		return offsetBefore, withBefore
	}
	return offsetAfter, withAfter
}

// nextChange is a time after t up to which the zone keeps its offset; false if
// it keeps it for ever.
func nextChange(t time.Time) (next time.Time, ok bool) {
	_, end := t.ZoneBounds()
	if end.IsZero() {
		return end, false
	}
	if !end.After(t) {
		// Package time ends leap years a day early.
		end = t.Add(secondsPerDay * time.Second)
	}
	return end, true
}

// endOfChanges is the year after which zones only repeat their last rule.
const endOfChanges = 2039

// abbreviationOffset is the offset of an abbreviation whose meaning in the zone
// has changed over time: the last one not after the instant, otherwise the
// first one after it; false if the zone never used it.
func abbreviationOffset(location *time.Location, abbreviation string, unix int64) (offset int, ok bool) {
	// The calendar repeats after 400 years: the search need not go far.
	const cycle = 146097 * secondsPerDay
	if late := unix - endOfChanges*366*secondsPerDay; late > 0 {
		unix -= (late/cycle + 1) * cycle
	}
	t := time.Unix(unix, 0).In(location)
	for at := t; ; {
		if name, offset := at.Zone(); name == abbreviation {
			return offset, true
		}
		start, _ := at.ZoneBounds()
		if start.IsZero() {
			break
		}
		at = start.Add(-time.Second)
	}
	for at := t; ; {
		if at, ok = nextChange(at); !ok || at.Year() > endOfChanges {
			return 0, false
		}
		if name, offset := at.Zone(); name == abbreviation {
			return offset, true
		}
	}
}

// fixedOffset says whether the zone has never had but one offset.
func fixedOffset(location *time.Location) bool {
	at := time.Unix(-1<<40, 0).In(location)
	_, first := at.Zone()
	for {
		var ok bool
		if at, ok = nextChange(at); !ok || at.Year() > endOfChanges {
			return true
		}
		if _, offset := at.Zone(); offset != first {
			return false
		}
	}
}
