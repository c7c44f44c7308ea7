package logical

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestZonesHaveTheOffsetsOfTheServersZones(t *testing.T) {
	conn := needServer(t).connect(t)
	var instants []string
	for year := 1975; year < 2031; year += 5 {
		for _, month := range []time.Month{1, 3, 4, 7, 10, 11} {
			instants = append(instants, time.Date(year, month, 29, 12, 34, 56, 0, time.UTC).Format("2006-01-02 15:04:05+00"))
		}
	}
	instants = append(instants, "9999-07-01 00:00:00+00", "250000-12-31 12:00:00+00", "0100-01-01 00:00:00+00", "2024-12-31 12:00:00+00")
	var names []string
	for name := range strings.FieldsSeq(zoneNameList) {
		names = append(names, strings.ToUpper(name))
	}
	names = append(names, "<+03>-3", "foo+5", "XYZ-3:30", "CET-1CEST,M3.5.0,M10.5.0/3", "AAA8BBB,M3.2.0/3,M11.1.0", "<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "X5Y,J60,J300", "WGT3WGST,89,300/1:30")
	typ := Type{OID: OIDTimestamptz, Typmod: -1}
	for _, name := range names {
		if _, err := conn.Exec(context.Background(), "SET TimeZone = '"+name+"'").ReadAll(); err != nil {
			t.Fatal(err)
		}
		var s Settings
		if err := s.Set("TimeZone", name); err != nil {
			t.Fatal(err)
		}
		for i, want := range column(t, conn, "SELECT format('%s', i) FROM unnest($1::timestamptz[]) i", `{"`+strings.Join(instants, `","`)+`"}`) {
			if got := askValue(typ, Value{Data: []byte(instants[i])}, Assign, &s); got.text != want {
				t.Errorf("%s at %s: %v, want %s", name, instants[i], got, want)
			}
		}
	}
}

// Package time gives no later end of the period at the end of leap years.
func TestSearchesInZonesEnd(t *testing.T) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for name := range strings.FieldsSeq(zoneNameList) {
			location, _ := findZone(name)
			fixedOffset(location)
			for _, day := range []string{"2024-12-31 12:00", "1996-12-31", "200004-12-31", "0004-12-31"} {
				canonical, err := Type{OID: OIDTimestamp, Typmod: -1}.AppendCanonical(nil, Value{Data: []byte(day)}, Assign, nil)
				if err != nil {
					t.Error(err)
				}
				if _, ok := abbreviationOffset(location, "NEVER", unixSeconds(canonicalInstant(canonical))); ok {
					t.Error("found an abbreviation that does not exist")
				}
			}
		}
	}()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatal("a search does not end")
	}
}

func TestAbbreviationsMeanWhatTheyMeanToTheServer(t *testing.T) {
	s := newSession(t)
	var inputs []string
	for line := range strings.Lines(zoneAbbreviationList) {
		name := strings.Fields(line)[0]
		for _, day := range []string{"1985-07-01", "2012-01-01", "2024-12-31", "150000-07-01"} {
			inputs = append(inputs, day+" 12:00 "+name)
		}
		inputs = append(inputs, "12:00 "+name)
	}
	s.compare(Type{OID: OIDTimestamptz, Typmod: -1}, Assign, "", inputs, 0)
	s.compare(Type{OID: OIDTime, Typmod: -1}, Assign, "", inputs, 0)
}

func TestAnUnknownZoneIsRefusedWhereItMatters(t *testing.T) {
	var s Settings
	if err := s.Set("timezone", "Mars/Olympus_Mons"); err != nil {
		t.Fatal(err)
	}
	tz := Type{OID: OIDTimestamptz, Typmod: -1}
	for what, err := range map[string]error{
		"input in the session's zone":       second(tz.AppendCanonical(nil, Value{Data: []byte("2001-02-03 04:05")}, Assign, &s)),
		"odd input in the session's zone":   second(tz.AppendCanonical(nil, Value{Data: []byte("feb 3 2001")}, Assign, &s)),
		"output":                            second(tz.AppendText(nil, make([]byte, 8), &s)),
		"date compared with a timestamptz":  second(Type{OID: OIDDate, Typmod: -1}.AppendCanonical(nil, Value{Data: []byte("2001-02-03 00:00+00"), OID: OIDTimestamptz}, Compare, &s)),
		"timestamp stored as a timestamptz": second(tz.AppendCanonical(nil, Value{Data: []byte("2001-02-03"), OID: OIDTimestamp}, Assign, &s)),
	} {
		if got := errorAnswer(err); got.code != codeFeatureNotSupported || !strings.Contains(got.message, "Mars/Olympus_Mons") || got.hint == "" {
			t.Errorf("%s: %v, want a refusal that names the zone", what, got)
		}
	}
	for what, err := range map[string]error{
		"input with a zone": second(tz.AppendCanonical(nil, Value{Data: []byte("2001-02-03 04:05+02")}, Assign, &s)),
		"infinity":          second(tz.AppendCanonical(nil, Value{Data: []byte("infinity")}, Assign, &s)),
		"timestamp":         second(Type{OID: OIDTimestamp, Typmod: -1}.AppendCanonical(nil, Value{Data: []byte("2001-02-03 04:05")}, Assign, &s)),
		"binary output":     second(tz.AppendBinary(nil, make([]byte, 8), &s)),
	} {
		if err != nil {
			t.Errorf("%s does not depend on the zone: %v", what, err)
		}
	}
}

func second(_ []byte, err error) error {
	if err == nil {
		return nil
	}
	return err
}

func TestSettingsAreThoseOfTheServer(t *testing.T) {
	conn := needServer(t).connect(t)
	instant := Type{OID: OIDTimestamptz, Typmod: -1}
	for _, c := range []struct{ name, value string }{
		{"DateStyle", "ISO"}, {"datestyle", "german"}, {"DATESTYLE", "German, MDY"}, {"DateStyle", "MDY, German"}, {"DateStyle", "postgres,european"}, {"DateStyle", "Postgresql"}, {"DateStyle", "SQL, US"}, {"DateStyle", "noneuropean, sql"},
		{"DateStyle", "YMD"}, {"DateStyle", "ISO, SQL"}, {"DateStyle", "ISO, DMY, MDY"}, {"DateStyle", "nonsense"}, {"DateStyle", ""}, {"DateStyle", "ISO,"}, {"DateStyle", "\"ISO\", 'DMY'"},
		{"TimeZone", "europe/berlin"}, {"TimeZone", "UTC"}, {"TimeZone", "-5"}, {"TimeZone", "5.5"}, {"TimeZone", "<+03>-3"}, {"TimeZone", "GMT+3"}, {"TimeZone", "EST5EDT"}, {"TimeZone", "PST8PDT"},
		{"extra_float_digits", "0"}, {"extra_float_digits", "4"}, {"extra_float_digits", "-16"}, {"extra_float_digits", "x"}, {"bytea_output", "escape"}, {"bytea_output", "HEX"}, {"bytea_output", "base64"},
		{"IntervalStyle", "iso_8601"}, {"client_encoding", "latin-1"}, {"client_encoding", "WIN1252"}, {"client_encoding", "Shift_JIS"}, {"client_encoding", "utf-8"}, {"client_encoding", "UNICODE"},
	} {
		ctx := context.Background()
		if _, err := conn.Exec(ctx, "RESET ALL").ReadAll(); err != nil {
			t.Fatal(err)
		}
		_, serverErr := conn.Exec(ctx, fmt.Sprintf("SET %s = '%s'", c.name, strings.ReplaceAll(c.value, "'", "''"))).ReadAll()
		var s Settings
		err := s.Set(c.name, c.value)
		if (err != nil) != (serverErr != nil) {
			t.Errorf("SET %s = %q: %v; server: %v", c.name, c.value, err, serverErr)
		}
		if serverErr != nil {
			continue
		}
		for _, day := range []string{"2001-02-03 04:05:06+00", "2001-08-03 04:05:06.5+00"} {
			want := send(t, conn, Value{Data: []byte(day), OID: OIDTimestamptz}, "SELECT $1, $1")
			if got := askValue(instant, Value{Data: []byte(day)}, Assign, &s); got != want {
				t.Errorf("after SET %s = %q: %v, want %v", c.name, c.value, got, want)
			}
		}
		want := send(t, conn, Value{Data: []byte("1.23456789012345678"), OID: OIDFloat8}, "SELECT $1, $1")
		if got := askValue(Type{OID: OIDFloat8, Typmod: -1}, Value{Data: []byte("1.23456789012345678")}, Assign, &s); got != want {
			t.Errorf("after SET %s = %q: %v, want %v", c.name, c.value, got, want)
		}
	}
}
