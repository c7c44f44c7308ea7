package logical

import (
	"bytes"
	"strconv"
	"strings"
	"unicode"
)

// formatFields are the fields of to_char that are written here, the longest of those that
// begin alike first. In lower case they are the same, but for words.
var formatFields = [...]struct {
	name  string
	field func(c *clock) string
}{
	{"YYYY", func(c *clock) string { return padded(c.yearOfEra(), 4) }},
	{"YY", func(c *clock) string { return padded(c.yearOfEra()%100, 2) }},
	{"MM", func(c *clock) string { return padded(c.month, 2) }},
	{"MI", func(c *clock) string { return padded(c.minute, 2) }},
	{"MS", func(c *clock) string { return padded(c.micro/1000, 3) }},
	{"DD", func(c *clock) string { return padded(c.day, 2) }},
	{"HH24", func(c *clock) string { return padded(c.hour, 2) }},
	{"HH12", func(c *clock) string { return padded(c.halfDay(), 2) }},
	{"HH", func(c *clock) string { return padded(c.halfDay(), 2) }},
	{"SS", func(c *clock) string { return padded(c.second, 2) }},
	{"US", func(c *clock) string { return padded(c.micro, 6) }},
	{"Q", func(c *clock) string { return strconv.Itoa((c.month-1)/monthsOfQuarter + 1) }},
	{"IYYY", func(c *clock) string { year, _ := c.isoWeek(); return padded(eraYear(year), 4) }},
	{"IW", func(c *clock) string { _, week := c.isoWeek(); return padded(week, 2) }},
}

// formatWords are the fields that are words, as which they are written: in the case in
// which the field is.
var formatWords = [...]struct {
	name string
	word func(c *clock) string
}{
	{"Month", func(c *clock) string { return monthWords[c.month-1] }},
	{"Mon", func(c *clock) string { return monthWords[c.month-1][:3] }},
	{"Day", func(c *clock) string { return dayWords[weekday(dayNumber(c.year, c.month, c.day))] }},
	{"Dy", func(c *clock) string { return dayWords[weekday(dayNumber(c.year, c.month, c.day))][:3] }},
	{"AM", (*clock).half}, {"PM", (*clock).half},
}

var (
	monthWords = [...]string{"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"}
	dayWords   = [...]string{"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"}
)

// longWord is the width of names that are written in full.
const longWord = 9

func (c *clock) half() string {
	if c.hour < 12 {
		return "AM"
	}
	return "PM"
}

func (c *clock) halfDay() int {
	if c.hour%12 == 0 {
		return 12
	}
	return c.hour % 12
}

func (c *clock) yearOfEra() int { return eraYear(c.year) }

// eraYear is a year before Christ counted from there.
func eraYear(year int) int {
	if year <= 0 {
		return 1 - year
	}
	return year
}

func padded(n, width int) string {
	digits := strconv.Itoa(n)
	return strings.Repeat("0", max(0, width-len(digits))) + digits
}

// timeText is to_char of a time. Formats with letters that are no such fields are left to
// the server.
func timeText(c *call) ([]byte, error) {
	at, t, _, err := c.local(0)
	if err != nil {
		return c.dst, err
	}
	format := c.text(1)
	pieces, ok := formatPieces(format)
	switch {
	case !ok:
		return c.dst, refuse("pgseal does not write times in this format", "Use YYYY, YY, MM, Mon, Month, DD, Dy, Day, HH24, HH12, HH, MI, SS, MS, US, AM, Q, IYYY and IW with signs between them.")
	case len(format) == 0 || infinite(t):
		return nil, nil
	}
	for _, write := range pieces {
		c.dst = write(c.dst, &at)
	}
	return c.dst, nil
}

// formatPieces are what writes a format.
func formatPieces(format []byte) (pieces []func(dst []byte, c *clock) []byte, ok bool) {
next:
	for len(format) > 0 {
		for _, w := range formatWords {
			for i, name := range [...]string{w.name, strings.ToUpper(w.name), strings.ToLower(w.name)} {
				if !bytes.HasPrefix(format, []byte(name)) {
					continue
				}
				format = format[len(name):]
				pieces = append(pieces, func(dst []byte, c *clock) []byte {
					word := w.word(c)
					switch {
					case i == 1:
						word = strings.ToUpper(word)
					case i == 2:
						word = strings.ToLower(word)
					}
					if w.name == "Month" || w.name == "Day" {
						word += strings.Repeat(" ", longWord-len(word))
					}
					return append(dst, word...)
				})
				continue next
			}
		}
		for _, other := range [...]string{"DDD", "SSSS"} { // which begin like some of those
			if len(format) >= len(other) && strings.EqualFold(string(format[:len(other)]), other) {
				return nil, false
			}
		}
		for _, f := range formatFields {
			if len(format) >= len(f.name) && (string(format[:len(f.name)]) == f.name || string(format[:len(f.name)]) == strings.ToLower(f.name)) {
				format = format[len(f.name):]
				pieces = append(pieces, func(dst []byte, c *clock) []byte { return append(dst, f.field(c)...) })
				continue next
			}
		}
		sign := format[0]
		if sign >= 0x80 || unicode.IsLetter(rune(sign)) || sign == '"' || sign == '\\' {
			return nil, false
		}
		pieces = append(pieces, func(dst []byte, _ *clock) []byte { return append(dst, sign) })
		format = format[1:]
	}
	return pieces, true
}
