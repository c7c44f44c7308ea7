package logical

import (
	"slices"
	"testing"
)

var networkInputs = []string{
	"10.0.0.1", "10.0.0.1/8", "10.0.0.0/8", "10", "10.1", "10.1/16", "10.1.2/24", "10.1.2.3/32", "10.1.2.3/33", "10.1.2.3/0", "0.0.0.0/0", "10.", "10.1.2.3.", "10.1.2.3.4", "256.1.1.1", "010.001.1.1", "10/8", "10/", "/8", "", " ", " 10.0.0.1", "10.0.0.1 ", "10.0.0.1/ 8", "10.0.0.1/08", "10.0.0.1/-1", "10..1", "a", "1.2.3.4x",
	"0x0a", "0x0a0b", "0x0a0b0c0d0e", "0x", "0xg", "0x123", "0xA/8", "128.1", "191.255", "192.168.1", "224", "224.1", "239.1.2.3", "240", "255.255.255.255", "127.0.0.1/24", "192.168.1.0/24", "192.168.1/25", "192.168.1.128/25",
	"::", "::1", "::/0", "1::", "fe80::1/64", "fe80::/10", "2001:db8::1", "2001:db8:0:0:1:0:0:1", "2001:0db8:0000:0000:0001:0000:0000:0001", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3", ":1", "1:", "::ffff:1.2.3.4", "::1.2.3.4", "::ffff:1.2.3.4/96", "::1.2.3.4/120", "1:2:3:4:5:6:1.2.3.4", "::1.2.3", "::1.2.3.4.5", "::1.2.3.256", "::01.2.3.4", "::.2.3.4", "::1..3.4", "::1.2.3./8", "::/128", "::/129", "::/", "::/01", "::1/a", "12345::", "g::", "::FFFF:ABCD", "0:0:0:0:0:ffff:1:2", "0:0:0:0:0:0:0:2", "0:0:0:0:0:0:1:2", "1:0:0:2:0:0:0:3", "1:0:0:2:0:0:3:4", "::1%eth0", "1::2:3:4:5:6:7:8", "::2:3:4:5:6:7:8", "1:2:3:4:5:6:7::",
}

func TestAddressesAreReadAndWrittenAsByTheServer(t *testing.T) {
	s := newSession(t)
	defer golden.write(t, "network")
	inputs := slices.Concat(networkInputs, mutate(seeded(), networkInputs, "0123456789abf.:/x ", 2500))
	for _, oid := range []uint32{OIDInet, OIDCidr} {
		s.compare(Type{OID: oid, Typmod: -1}, Assign, "", inputs, len(networkInputs)+100)
	}
	macs := []string{
		"08:00:2b:01:02:03", "08-00-2b-01-02-03", "08002b:010203", "08002b-010203", "0800.2b01.0203", "0800-2b01-0203", "08002b010203", "8:0:2b:1:2:3", "08:00:2b:01:02:100", "08:00:2b:01:02", "08:00:2b:01:02:03:04", "08:00:2b:01:02:03 ", " 08:00:2b:01:02:03", "08: 00:2b:01:02:03", "-1:0:0:0:0:0", "+1:0:0:0:0:0", "0x8:0:0:0:0:0", "FF:ff:Ff:fF:0:0", "g8:00:2b:01:02:03", "", "08002b01020", "08002b0102034", "123456789abcdef:1:2:3:4:5", "08:00:2b-01:02:03", "0x:1:2:3:4:5", "08 002b010203",
	}
	s.compare(Type{OID: OIDMacaddr, Typmod: -1}, Assign, "", slices.Concat(macs, mutate(seeded(), macs, "0123456789abf.:-x +", 1500)), len(macs)+100)
}

func TestBitStringsAreReadAndWrittenAsByTheServer(t *testing.T) {
	s := newSession(t)
	defer golden.write(t, "bits")
	inputs := []string{"", "0", "1", "101", "1010", "10101010", "101010101", "b", "b101", "B1", "x", "xf", "X1F", "x1f0", "xg", "2", "b2", " 1", "1 ", "é", "1é", "0b1", "0x1", "bb1", "xx1", "1x"}
	inputs = append(inputs, mutate(seeded(), inputs, "01bx2fF ", 600)...)
	for _, typ := range []Type{{OID: OIDBit, Typmod: 4}, {OID: OIDBit, Typmod: 1}, {OID: OIDBit, Typmod: 9}, {OID: OIDVarbit, Typmod: -1}, {OID: OIDVarbit, Typmod: 5}} {
		s.compare(typ, Assign, "", inputs, 80)
		s.compare(typ, Cast, "", inputs, 80)
	}
}

func TestTimesWithZoneAreReadAndWrittenAsByTheServer(t *testing.T) {
	s := newSession(t)
	defer golden.write(t, "timetz")
	inputs := []string{
		"04:05:06.789+02", "04:05", "24:00:00+00", "24:00:01+00", "04:05:06 PST", "04:05:06 EST", "2001-02-03 04:05:06 America/New_York", "2001-07-03 04:05:06 America/New_York", "04:05:06 America/New_York", "04:05:06 UTC", "040506-08", "04:05-8:30", "04:05+15:59:59", "04:05+16", "04:05 PM +01", "allballs", "04:05 Z", "2001-07-03 04:05", "04:05 MSK", "2001-07-03 04:05 MSK", "x", "", "25:00+00", "04:05:06 PST8PDT", "04:05 <+03>-3", "January 1 2001 04:05 EDT", "23:59:60+00", "04:05:06.9999999+01",
	}
	inputs = append(inputs, mutate(seeded(), inputs, "0123456789:+-. PSTEDAM", 1500)...)
	for _, settings := range []string{"TimeZone=UTC", "TimeZone=Etc/GMT-5", "TimeZone=Europe/Berlin"} {
		s.compare(Type{OID: OIDTimetz, Typmod: -1}, Assign, settings, inputs, 60)
	}
	s.compare(Type{OID: OIDTimetz, Typmod: 0}, Assign, "", inputs[:40], 0)
}

// What PostgreSQL 16 and 17 changed is followed where the server is one.
func TestTheServersVersionDecides(t *testing.T) {
	versions := map[string]*Settings{}
	for _, v := range []string{"14.2", "15.4 (Debian 15.4-1)", "16beta1", "18.0"} {
		versions[v] = new(Settings)
		if err := versions[v].Set("server_version", v); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		oid           uint32
		input         string
		before, since string // text or SQLSTATE; since 16, or 17 for intervals
	}{
		{OIDInt4, "0x1F", "22P02", "31"}, {OIDInt4, "-0o17", "22P02", "-15"}, {OIDInt8, "0b1_01", "22P02", "5"}, {OIDInt2, "1_000", "22P02", "1000"}, {OIDInt4, "1__0", "22P02", "22P02"}, {OIDInt4, "_1", "22P02", "22P02"}, {OIDInt4, "0x", "22P02", "22P02"},
		{OIDInt2, "0x8000", "22P02", "22003"}, {OIDInt2, "-0x8000", "22P02", "-32768"}, {OIDInt4, "0x_1", "22P02", "1"}, {OIDInt4, "2147483648", "22003", "22003"},
		{OIDNumeric, "0xff_ff", "22P02", "65535"}, {OIDNumeric, "1_000.000_5", "22P02", "1000.0005"}, {OIDNumeric, "1._5", "22P02", "22P02"}, {OIDNumeric, "0xfffffffffffffffffffff", "22P02", "19342813113834066795298815"}, {OIDNumeric, "0o8", "22P02", "22P02"},
		{OIDDate, "+infinity", "22007", "infinity"}, {OIDTimestamp, "+infinity", "22007", "infinity"}, {OIDDate, "y2001m02d04", "2001-02-04", "22007"}, {OIDDate, "J2451187", "1999-01-08", "1999-01-08"},
		{OIDInterval, "infinity", "0A000", "infinity"}, {OIDInterval, "-infinity", "0A000", "-infinity"}, {OIDInterval, "1 day 2", "1 day 00:00:02", "1 day 00:00:02"},
	} {
		for v, s := range versions {
			got := question{typ: Type{OID: c.oid, Typmod: -1}, input: c.input}.ask(s)
			want := c.before
			if s.major() >= 17 || s.major() == 16 && c.oid != OIDInterval {
				want = c.since
			}
			if got.text != want && got.code != want {
				t.Errorf("PostgreSQL %s: %s %q: got %v, want %s", v, Type{OID: c.oid, Typmod: -1}.Name(), c.input, got, want)
			}
		}
	}
}

// Groups show one of their values, so equal ones must look the same.
func TestEqualNetworksLookTheSame(t *testing.T) {
	var s Settings
	for _, oid := range []uint32{OIDInet, OIDCidr} {
		typ := Type{OID: oid, Typmod: -1}
		if !typ.FixedForm() {
			t.Errorf("%s has no form of its own", typ.Name())
		}
		shown := map[string]string{}
		for _, from := range []uint32{0, oid, OIDCidr} {
			for _, input := range []string{"10.0.0.1", "10.0.0.1/32", "10.0.0.0/8", "10/8", "::1", "::1/128", "0:0::1", "::ffff:1.2.3.4", "::ffff:102:304"} {
				canonical, err := typ.AppendCanonical(nil, Value{Data: []byte(input), OID: from}, Assign, &s)
				if err != nil {
					t.Fatal(input, err)
				}
				term, err := typ.AppendEquality(nil, canonical)
				if err != nil {
					t.Fatal(err)
				}
				text, _ := typ.AppendText(nil, canonical, &s)
				binary, _ := typ.AppendBinary(nil, canonical, &s)
				got := string(text) + string(binary)
				if before, ok := shown[string(term)]; ok && before != got {
					t.Errorf("%s %s: %q and %q are equal", typ.Name(), input, before, got)
				}
				shown[string(term)] = got
			}
		}
	}
}
