package logical

import (
	_ "embed"
	"strconv"
	"strings"
	"sync"
)

// wordKind says what a word in a date or time stands for. Kinds that a value
// may hold only once have a bit in the mask of fields seen.
type wordKind uint8

const (
	wordUnknown wordKind = iota
	wordMonth
	wordWeekday
	wordIgnored
	wordHalf   // am, pm
	wordEra    // ad, bc
	wordSummer // dst: adds an hour to the zone before it
	wordUnit   // what the number after it is
	wordTime   // t between date and time
	wordReserved
	wordZone       // abbreviation with a fixed offset
	wordSummerZone // the same, of a summer time
	wordMovingZone // abbreviation whose offset a zone tells
)

// Values of wordReserved.
const (
	reservedNow = iota
	reservedToday
	reservedYesterday
	reservedTomorrow
	reservedZulu
	reservedEpoch
	reservedInfinity
	reservedMinusInfinity
)

// Values of wordHalf and wordEra.
const (
	halfAM = iota
	halfPM
	half24 // neither was given
	eraAD
	eraBC
)

// unit is the value of wordUnit and wordTime: what the next number is.
type unit uint8

const (
	unitNone unit = iota
	unitYear
	unitMonth
	unitDay
	unitHour
	unitMinute
	unitSecond
	unitJulian
	unitTime
	unitUseless // known, but of no use in a date
)

type dateWord struct {
	kind  wordKind
	value int
	zone  string // of wordMovingZone
}

var dateWords = map[string]dateWord{
	"-infinity": {kind: wordReserved, value: reservedMinusInfinity},
	"infinity":  {kind: wordReserved, value: reservedInfinity},
	"epoch":     {kind: wordReserved, value: reservedEpoch},
	"allballs":  {kind: wordReserved, value: reservedZulu},
	"now":       {kind: wordReserved, value: reservedNow},
	"today":     {kind: wordReserved, value: reservedToday},
	"tomorrow":  {kind: wordReserved, value: reservedTomorrow},
	"yesterday": {kind: wordReserved, value: reservedYesterday},
	"ad":        {kind: wordEra, value: eraAD},
	"bc":        {kind: wordEra, value: eraBC},
	"am":        {kind: wordHalf, value: halfAM},
	"pm":        {kind: wordHalf, value: halfPM},
	"at":        {kind: wordIgnored},
	"on":        {kind: wordIgnored},
	"dst":       {kind: wordSummer, value: 3600},
	"t":         {kind: wordTime, value: int(unitTime)},
	"y":         {kind: wordUnit, value: int(unitYear)},
	"m":         {kind: wordUnit, value: int(unitMonth)},
	"d":         {kind: wordUnit, value: int(unitDay)},
	"h":         {kind: wordUnit, value: int(unitHour)},
	"mm":        {kind: wordUnit, value: int(unitMinute)},
	"s":         {kind: wordUnit, value: int(unitSecond)},
	"j":         {kind: wordUnit, value: int(unitJulian)},
	"jd":        {kind: wordUnit, value: int(unitJulian)},
	"julian":    {kind: wordUnit, value: int(unitJulian)},
	"dow":       {kind: wordUnit, value: int(unitUseless)},
	"doy":       {kind: wordUnit, value: int(unitUseless)},
	"isodow":    {kind: wordUnit, value: int(unitUseless)},
	"isoyear":   {kind: wordUnit, value: int(unitUseless)},
}

var monthNames = [12]string{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"}

var weekdayNames = [7]string{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"}

func init() {
	for i, words := range [12]string{
		"jan january", "feb february", "mar march", "apr april", "may", "jun june", "jul july",
		"aug august", "sep sept september", "oct october", "nov november", "dec december",
	} {
		for w := range strings.FieldsSeq(words) {
			dateWords[w] = dateWord{kind: wordMonth, value: i + 1}
		}
	}
	for i, words := range [7]string{
		"sun sunday", "mon monday", "tue tues tuesday", "wed weds wednesday",
		"thu thur thurs thursday", "fri friday", "sat saturday",
	} {
		for w := range strings.FieldsSeq(words) {
			dateWords[w] = dateWord{kind: wordWeekday, value: i}
		}
	}
}

// zone_abbreviations.txt is the server's default set (timezone_abbreviations =
// 'Default'): a line is an abbreviation with its offset in seconds east of UTC,
// followed by D for a summer time, or with the zone that tells its offset.
//
//go:embed zone_abbreviations.txt
var zoneAbbreviationList string

var zoneAbbreviations = sync.OnceValue(func() map[string]dateWord {
	m := make(map[string]dateWord, 200)
	for line := range strings.Lines(zoneAbbreviationList) {
		f := strings.Fields(line)
		seconds, err := strconv.Atoi(f[1])
		switch {
		case err != nil:
			m[f[0]] = dateWord{kind: wordMovingZone, zone: f[1]}
		case len(f) > 2:
			m[f[0]] = dateWord{kind: wordSummerZone, value: seconds}
		default:
			m[f[0]] = dateWord{kind: wordZone, value: seconds}
		}
	}
	return m
})

// findDateWord looks a word up among the abbreviations of zones first.
func findDateWord(word []byte) dateWord {
	if w, ok := zoneAbbreviations()[string(word)]; ok {
		return w
	}
	return dateWords[string(word)]
}
