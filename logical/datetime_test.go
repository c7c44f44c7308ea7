package logical

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// dateParts are what random dates and times are made of.
var dateParts = []string{
	"2001-02-03", "1999-1-8", "99-1-8", "1/8/1999", "18/1/1999", "8.1.1999", "1999.038", "1999038", "19990108", "990108", "99008", "jan-8-1999", "8-jan-99", "1999-jan-08",
	"jan 8 1999", "January 8, 99", "8 jan 99", "99 jan 8", "J2451187", "j 2451187", "julian2451187", "J2451187.5", "jd 0", "y2001m02d04", "20010203040506", "20010203t040506",
	"2001-02-03T04:05:06", "2001-02-03T040506.789", "2001-02-03 t 0405", "2001-02-29", "2000-02-29", "2001-13-01", "0000-01-01", "0001-01-01", "4714-11-24", "4714-11-23", "4713-01-01",
	"294276-12-31", "294277-01-01", "5874897-12-31", "5874898-01-01", "10000-01-01", "99999-06-05", "123456-07-08", "1582-10-10", "1900-02-29", "01-02-03", "31-12-99", "12-31-99", "99-12-31",
	"04:05:06", "04:05", "04:05:06.789", "04:05:06.1234567", "04:05:06.9999999", "23:59:60", "23:59:59.9999995", "24:00:00", "24:00:01", "25:00", "00:60:00", "12:30", "0405", "040506", "040506.789", "040506-08", "040506+02", "4:5", "5.5:3", "04:05.5", ".5", "allballs",
	"am", "pm", "AM", "PM", "ad", "bc", "BC", "AD", "on", "at", "monday", "Tue", "weds", "thurs", "t", "T", "z", "zulu", "UTC", "GMT", "utc+3", "EST", "edt", "pst", "PDT", "cet", "cest", "MSK", "msd", "azt", "nzdt", "ist", "bst", "sgt", "vet", "eat",
	"dst", "met dst", "est dst", "+02", "-08", "+0530", "-08:30", "+05:30:15", "+15:59", "+16", "-16:00", "+1:2:3", "+5:", "+5:60", "+", "-", "+ 3", "America/New_York", "america/new_york", "Europe/Moscow", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia", "Europe/Dublin", "Africa/Casablanca", "Etc/GMT+5", "EST5EDT", "foo+5", "FOO-3:30", "<+03>-3", "XYZ8XYD,M3.2.0,M11.1.0", "CET-1CEST,M3.5.0,M10.5.0/3", "PST8PDT", "America/Nowhere", "nosuchzone", "Zulu",
	"infinity", "-infinity", "+infinity", "epoch", "now", "today", "yesterday", "tomorrow", "inf", "current", "invalid",
	"1", "12", "123", "1234", "12345", "123456", "1234567", "12345678", "12:", ":", ",", "/", ";", "(", ")", "_", "é", "doy", "dow", "isoyear", "h04mm05s06", "h 4", "mm 5", "s 6.5", "m 7", "d 8", "y 99", "100", "366", "367", "20", "1.5", "01.02.2003", "1.2.3.4", "99999999999", "2147483648",
}

// nastyDates are combinations that people do send.
var nastyDates = []string{
	"", " ", "1999-01-08", "January 8, 1999", "1999-Jan-08", "Jan-08-1999", "08-Jan-1999", "99-Jan-08", "08-Jan-99", "Jan-08-99", "19990108", "990108", "1999.008", "J2451187", "January 8, 99 BC",
	"2004-10-19 10:23:54", "2004-10-19 10:23:54+02", "1999-01-08 04:05:06 -8:00", "January 8 04:05:06 1999 PST", "Wed Dec 17 07:37:16 1997 PST", "Wed 17 Dec 07:37:16 1997 PST", "17.12.1997 07:37:16.00 PST", "12/17/1997 07:37:16.00 PST", "17/12/1997 15:37:16.00 CET",
	"1997-12-17 07:37:16-08", "20011227 040506+08", "20011227 040506-08", "20011227T040506+0730", "20011227T040506.789-08", "2001-12-27 04:05:06.789 America/New_York", "J2452271+08", "J2452271-08", "J2452271.5+08", "J2452271 04:05:06-08", "Dec 27 040506.789 2001 -08", "Dec 27 040506 2001 America/New_York",
	"2001-02-03 04:05 PM", "2001-02-03 13:05 PM", "2001-02-03 12:05 AM", "2001-02-03 12:05 PM", "2001-02-03 00:05 AM", "0044-03-15 BC", "44-03-15 BC", "4714-11-24 BC", "4714-11-23 BC", "4713-01-01 00:00:00 BC", "4714-11-24 00:00:00+00 BC", "4714-11-23 23:59:59 BC",
	"294276-12-31 23:59:59.999999", "294277-01-01 00:00:00", "294276-12-31 23:59:59.9999999", "5874897-12-31", "5874898-01-01", "2000-01-01 24:00:00", "2000-01-01 23:59:60", "2000-01-01 23:59:59.9999999", "2000-12-31 23:59:60.5", "2021-03-14 02:30:00 America/New_York", "2021-11-07 01:30:00 America/New_York", "2021-03-28 02:30 Europe/Berlin", "2021-10-31 02:30 Europe/Berlin",
	"2011-12-30 12:00 Pacific/Apia", "2014-10-26 01:30 Europe/Moscow", "2014-10-26 01:30 MSK", "2014-10-25 MSD 01:30", "1918-07-01 MSK 12:00", "1850-01-01 12:00 America/New_York", "1883-11-18 12:03:57 America/New_York", "2500-07-01 12:00 America/New_York", "200000-07-01 12:00 America/New_York", "99999-07-01 12:00 Europe/Berlin", "0001-01-01 00:00 Europe/Amsterdam", "1937-07-01 00:00 Europe/Amsterdam",
	"2000-01-01 00:00:00 EST5EDT", "2000-07-01 00:00:00 EST5EDT", "2000-07-01 azt", "1990-07-01 azst", "2000-01-01 12:00 +15:59:59", "2000-01-01 12:00 -15:59:59", "2000-01-01 12:00 +16:00", "2000-01-01 12:00 UTC+3", "2000-01-01 12:00 GMT-3", "2000-01-01T12:00:00Z", "2000-01-01t12:00:00.123456z", "2000-01-01 12:00:00.1234565", "2000-01-01 12:00:00.1234575", "1999-12-31 23:59:59.4999999",
	"infinity", "-infinity", "Infinity", " INFINITY ", "infinity bc", "epoch", "Epoch bc", "epoch +02", "epoch infinity", "now", "today 10:00", "tomorrow", "yesterday", "now bc bc", "allballs", "2001-01-01 allballs", "2001-01-01 zulu", "10:00", "10:00:00 PM", "1000", "100000", "10:00+02", "10:00 UTC", "10:00 America/New_York", "2020-01-01 10:00 America/New_York", "2020-06-01 10:00 EDT", "040506.789", "040506.789-08", "T040506.789", "t04:05:06", "10:00 2020-01-01 EST", "24:00", "24:00:00.000001", "23:59:60.1", "00:00:60", "10:61", "-10:00", "10:00:00.0000005", "10:00 am pm", "h10m20s30", "10:00 msk", "10:00 met dst", "10:00 epoch", "10:00 today", "now", "10:00 Foo+5", "10:00 EST5EDT",
	"2001-02-30", "2001-00-10", "2001-10-00", "13-13-2001", "0-1-1", "0000-01-01 BC", "1-1-0", "1-1-00", "1-1-69", "1-1-70", "1-1-100", "2001-1-1-1", "2001--1-1", "2001-1-1-", "1999-8jan", "19-99-jan", "jan-jan-2001", "jan 1 jan 2001", "1 1 2001 2001", "2001 1 1 1", "monday 2001-01-01 tuesday", "2001-366", "2000-366", "2001.366", "2000-367", "2001-0", "July", "2001-07", "2001-feb", "1 feb", "feb 1 2001 bc ad", "(2001)-(02)-(03)", "2001/02/03,04:05:06", "2001-02-03_04:05", "2001-02-03@04:05", "'2001-02-03'", "2001-02-03 04:05:06\x0b+01", "2001-02-03 04::06", "2001-02-03 :04:06", "2001-02-03 04:05:06:07", "2001-02-03 04:05:06.7.8", "2001-02-03 4:5:6.", "2001-02-03 99:00", "2001-02-03 996199", "2001-02-03 240000", "2001-02-03 240001", "2001-02-03 2461", "2001-02-03 99999999999:00",
	"j2147483647", "j2147483648", "J-1", "J0", "J2451187.25 EST", "J2451187 10:00", "julian 2451187 bc", "99999999999999999999", "2147483647-01-01", "2147483648-01-01", "20000000000101", "2001-02-03 t", "2001-02-03 t t 10:00", "t 2001-02-03", "2001-02-03 y", "2001-02-03 10:00 j", "y2001m02d03h04mm05s06", "y2001m02d03h04m05s06.5", "y2001.5", "d 3 m 2 y 2001",
	strings.Repeat("1 ", 26), strings.Repeat(" ", 300) + "2001-02-03", strings.Repeat("a", 126), strings.Repeat("a", 127), strings.Repeat("a", 128), strings.Repeat("a", 129), strings.Repeat("a", 151), strings.Repeat("a", 152), "2001-02-03 " + strings.Repeat("0", 114), "2001-02-03 " + strings.Repeat("0", 115), strings.Repeat("monday ", 20) + "2001-02-03",
}

func randomDates(r *rand.Rand, n int) []string {
	var out []string
	pick := func(from int) string { return dateParts[r.IntN(len(dateParts)-from)] }
	for range n {
		var b strings.Builder
		switch r.IntN(4) {
		case 0: // anything
			for range 1 + r.IntN(4) {
				b.WriteString(pick(0))
				if r.IntN(8) > 0 {
					b.WriteByte(' ')
				}
			}
		case 1: // something like a date first
			b.WriteString(dateParts[r.IntN(48)])
			for range r.IntN(4) {
				b.WriteByte(' ')
				b.WriteString(pick(0))
			}
		default: // date, time, zone
			fmt.Fprintf(&b, "%d-%d-%d", 1850+r.IntN(300), 1+r.IntN(12), 1+r.IntN(28))
			fmt.Fprintf(&b, " %d:%02d:%02d", r.IntN(24), r.IntN(60), r.IntN(60))
			if r.IntN(2) == 0 {
				fmt.Fprintf(&b, ".%d", r.IntN(10000000))
			}
			if r.IntN(3) > 0 {
				b.WriteByte(' ')
				b.WriteString(dateParts[80+r.IntN(60)])
			}
		}
		out = append(out, b.String())
	}
	return out
}

func dateInputs(seed uint64, n int) []string {
	r := rand.New(rand.NewPCG(seed, 3))
	inputs := append([]string{}, nastyDates...)
	inputs = append(inputs, dateParts...)
	inputs = append(inputs, randomDates(r, n)...)
	return append(inputs, mutate(r, nastyDates, "0123456789-:./ +tzjab", n/2)...)
}

func TestDatesAndTimesAreReadAndWrittenAsByTheServer(t *testing.T) {
	s := newSession(t)
	defer golden.write(t, "datetime")
	for i, settings := range []string{
		"", "DateStyle=ISO, DMY;TimeZone=Europe/Berlin", "DateStyle=SQL, YMD;TimeZone=America/New_York", "DateStyle=SQL, DMY;TimeZone=Asia/Kolkata",
		"DateStyle=Postgres, MDY;TimeZone=Australia/Lord_Howe", "DateStyle=Postgres, DMY;TimeZone=Pacific/Apia", "DateStyle=German;TimeZone=Europe/Moscow",
		"DateStyle=ISO, YMD;TimeZone=<-03:30>+03:30", "DateStyle=SQL, MDY;TimeZone=CET-1CEST,M3.5.0,M10.5.0/3",
	} {
		n := 500
		keep := 60
		if i == 0 {
			n, keep = 3000, len(nastyDates)
		}
		inputs := dateInputs(uint64(i), n)
		for _, typ := range []Type{{OID: OIDDate, Typmod: -1}, {OID: OIDTimestamp, Typmod: -1}, {OID: OIDTimestamptz, Typmod: -1}, {OID: OIDTime, Typmod: -1}} {
			s.compare(typ, Assign, settings, inputs, keep)
		}
	}
	inputs := dateInputs(99, 500)
	for _, typ := range []Type{{OID: OIDTimestamp, Typmod: 0}, {OID: OIDTimestamptz, Typmod: 3}, {OID: OIDTime, Typmod: 0}, {OID: OIDTime, Typmod: 2}, {OID: OIDTimestamp, Typmod: 6}} {
		s.compare(typ, Assign, "", inputs, 60)
	}
}
