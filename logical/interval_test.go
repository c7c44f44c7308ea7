package logical

import (
	"slices"
	"testing"
)

var intervalInputs = []string{
	"0", "1", "-1", "1.5", "-1.5", ".5", "1.", "1 day", "1 days", "day", "1 day ago", "ago", "1 ago", "-1 day", "- 1 day", "+1 day", "1 2:03:04", "1 -2:03:04", "-1 2:03:04", "1 day 2:03", "04:05", "04:05:06.789", "05:06.5", "-04:05", "+04:05:06",
	"1-2", "-1-2", "1-12", "1-2 3 4:05:06", "-1-2 3 -4:05:06", "-1-2 3 4:05:06", "-1-2 +3 4:05:06", "+1-2 -3 +4:05:06", "1 year 2 months 3 weeks 4 days 5 hours 6 minutes 7 seconds", "@ 1 year 2 mons -3 days 4 hours 5 mins 6 secs ago", "@ 1 minute", "1y2mon3d4h5m6s", "1 decade", "1 century 2 c", "1 millennium 3 mil", "1.5 years", "1.5 mons", "1.5 weeks", "1.5 days", "1.25 hours", "0.1 decade", "0.37 century",
	"1 us", "1 microsecond 1 ms", "1.0000005 s", "1.0000015 s", "1 sec 2 ms", "1.1 sec 2 ms", "2 ms 1.1 sec", "1 day 1 day", "1 1", "1 day 1", "1 day 1 sec", "1 week 1 day", "1 qtr", "1 timezone", "1 mm", "1 doy", "1 microseconds 2 milliseconds", "1 at 2", "1 day at 04:05", "epoch", "now", "infinity", "-infinity", "today", "allballs", "1 day infinity", "1 bc", "1 am", "jan 1", "2001-02-03", "1-2-3", "1/2", "", " ", "x", "1x", "day 1", "days day", "1 days 2", "4:05:06 1", "4:05 5:06", "1:60", "1:02:61", "1:02:60", "25:00", "999999999:00:00", "2562047788:00:54.775807", "2562047788:00:54.775808", "-2562047788:00:54.775808", "-2562047788:00:54.775809", "2147483647 days", "2147483648 days", "-2147483648 days", "2147483647 mons", "178956970 years 7 mons", "178956970 years 8 mons", "178956971 years", "-178956970 years -8 mons", "9223372036854775807 us", "9223372036854775808 us", "2147483648 years", "1e3 s", "1_000 s", "0x10 s",
	"P", "PT", "P1", "P1Y", "P1Y2M3W4DT5H6M7S", "P1Y2M3W4DT5H6M7.5S", "P-1Y-2M3DT-4H-5M-6S", "PT1.5H", "P1.5Y", "P0.5M", "P0.5W", "P0.5D", "P00021015T103020", "P00021015", "PT103020", "PT103020.5", "P0002-10-15T10:30:20", "P0002-10-15", "P0002-10", "P0002", "P0002T10", "PT10:30", "PT10:30:20.25", "P1YT", "P1Y1Y", "PT1S1S", "P1S", "PT1Y", "P1e3D", "PT1e-7S", "P-.5D", "P.5D", "P+1D", "p1y", "P1D ", " P1D", "P0x10D", "P-infD", "P-nanD", "P1e400D", "P1e-400D", "P2147483648D", "P1e15Y", "P1-2-3-4", "P1-2-3T4:5:6:7", "P-1-2-3T-4:05:06", "PT-1H-2.25S", "P0001-2T4H", "P1YT10", "P00021015T", "P000210150T1S", "P.T1S", "P-", "P1Y-1M",
	"1 millisecondsx 2 microsecondsx", "1 centuriesx", "1 day-", "1.2.3 days", "1:2:3:4", "1 h", "1 hr 2 hrs", "5 m 5 min", "1 mons 3", "1 year 3-2", "3-2 1 year", "1 sec -", "1 + 2", "@", "@ 0", "@1", "1 @ day", "1,2", "1 day, 2 hours", "(1 day)", "1 day;", "1.5 day 1.5 month 1.5 year", "-1.5 month", "-0.5 days", "1 fortnight",
}

func TestIntervalsAreReadAndWrittenAsByTheServer(t *testing.T) {
	s := newSession(t)
	defer golden.write(t, "interval")
	typ := Type{OID: OIDInterval, Typmod: -1}
	mutated := mutate(seeded(), intervalInputs, "0123456789 .:-+PTYMDWHSdaysmonhurecgTi@", 3000)
	for _, style := range []string{"postgres", "postgres_verbose", "sql_standard", "iso_8601"} {
		s.compare(typ, Assign, "IntervalStyle="+style, slices.Concat(intervalInputs, mutated), len(intervalInputs))
	}
	for _, typmod := range []int32{
		rangeYear<<16 | intervalFullPrecision, rangeMonth<<16 | intervalFullPrecision, (rangeYear|rangeMonth)<<16 | intervalFullPrecision, rangeDay<<16 | intervalFullPrecision,
		rangeHour<<16 | intervalFullPrecision, rangeMinute<<16 | intervalFullPrecision, rangeSecond<<16 | 3, (rangeDay|rangeHour)<<16 | intervalFullPrecision, (rangeDay|rangeHour|rangeMinute)<<16 | intervalFullPrecision,
		(rangeDay | rangeHour | rangeMinute | rangeSecond) << 16, (rangeHour|rangeMinute)<<16 | intervalFullPrecision, (rangeHour|rangeMinute|rangeSecond)<<16 | intervalFullPrecision, (rangeMinute|rangeSecond)<<16 | 2, intervalFullRange << 16, intervalFullRange<<16 | 4,
	} {
		for _, use := range []Use{Assign, Cast} {
			s.compare(Type{OID: OIDInterval, Typmod: typmod}, use, "", intervalInputs, 0)
		}
	}
}
