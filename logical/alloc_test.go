package logical

import (
	"testing"
)

// commonPaths are the conversions that must not allocate.
var commonPaths = []struct {
	name string
	typ  Type
	v    Value
	use  Use
}{
	{"text", Type{OID: OIDText, Typmod: -1}, Value{Data: []byte("an ordinary text, with é")}, Assign},
	{"text binary", Type{OID: OIDText, Typmod: -1}, Value{Data: []byte("an ordinary text"), Binary: true, OID: OIDText}, Assign},
	{"varchar", Type{OID: OIDVarchar, Typmod: 15}, Value{Data: []byte("123-45-6789")}, Assign},
	{"varchar from text", Type{OID: OIDVarchar, Typmod: 15}, Value{Data: []byte("123-45-6789"), OID: OIDText}, Compare},
	{"char", Type{OID: OIDBpchar, Typmod: 15}, Value{Data: []byte("12345")}, Assign},
	{"int2", Type{OID: OIDInt2, Typmod: -1}, Value{Data: []byte("-12345")}, Assign},
	{"int4", Type{OID: OIDInt4, Typmod: -1}, Value{Data: []byte("-1234567")}, Assign},
	{"int4 binary", Type{OID: OIDInt4, Typmod: -1}, Value{Data: []byte{0, 0, 1, 2}, Binary: true, OID: OIDInt4}, Assign},
	{"int4 from int8", Type{OID: OIDInt4, Typmod: -1}, Value{Data: []byte("1234567"), OID: OIDInt8}, Compare},
	{"int8 from int4 binary", Type{OID: OIDInt8, Typmod: -1}, Value{Data: []byte{0, 0, 1, 2}, Binary: true, OID: OIDInt4}, Assign},
	{"int8", Type{OID: OIDInt8, Typmod: -1}, Value{Data: []byte("1234567890123")}, Assign},
	{"bool", Type{OID: OIDBool, Typmod: -1}, Value{Data: []byte("true")}, Assign},
	{"float8", Type{OID: OIDFloat8, Typmod: -1}, Value{Data: []byte("1234.5")}, Assign},
	{"uuid", Type{OID: OIDUUID, Typmod: -1}, Value{Data: []byte("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")}, Assign},
	{"date", Type{OID: OIDDate, Typmod: -1}, Value{Data: []byte("1999-01-08")}, Assign},
	{"time", Type{OID: OIDTime, Typmod: -1}, Value{Data: []byte("04:05:06.789")}, Assign},
	{"timestamp", Type{OID: OIDTimestamp, Typmod: 3}, Value{Data: []byte("1999-01-08 04:05:06.789")}, Assign},
	{"timestamptz", Type{OID: OIDTimestamptz, Typmod: -1}, Value{Data: []byte("1999-01-08 04:05:06.789+02")}, Assign},
	{"timestamptz in session zone", Type{OID: OIDTimestamptz, Typmod: -1}, Value{Data: []byte("1999-01-08 04:05:06.789")}, Assign},
	{"bytea", Type{OID: OIDBytea, Typmod: -1}, Value{Data: []byte(`\xdeadbeef`)}, Assign},
}

func berlin(t testing.TB) *Settings { return parseSettings(t, "TimeZone=Europe/Berlin") }

func TestCommonConversionsDoNotAllocate(t *testing.T) {
	s := berlin(t)
	buf := make([]byte, 0, 256)
	for _, c := range commonPaths {
		canonical, err := c.typ.AppendCanonical(nil, c.v, c.use, s)
		if err != nil {
			t.Fatalf("%s: %v", c.name, errorAnswer(err))
		}
		for what, convert := range map[string]func() ([]byte, error){
			"AppendCanonical": func() ([]byte, error) { return c.typ.AppendCanonical(buf, c.v, c.use, s) },
			"AppendText":      func() ([]byte, error) { return c.typ.AppendText(buf, canonical, s) },
			"AppendBinary":    func() ([]byte, error) { return c.typ.AppendBinary(buf, canonical, s) },
			"AppendEquality":  func() ([]byte, error) { return c.typ.AppendEquality(buf, canonical) },
		} {
			if n := testing.AllocsPerRun(100, func() {
				if _, err := convert(); err != nil {
					t.Fatal(err)
				}
			}); n > 0 {
				t.Errorf("%s %s allocates %v times", c.name, what, n)
			}
		}
	}
}

func BenchmarkAppendCanonical(b *testing.B) {
	s := berlin(b)
	buf := make([]byte, 0, 256)
	for _, c := range commonPaths {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.typ.AppendCanonical(buf, c.v, c.use, s); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAppendText(b *testing.B) {
	s := berlin(b)
	buf := make([]byte, 0, 256)
	for _, c := range commonPaths {
		canonical, err := c.typ.AppendCanonical(nil, c.v, c.use, s)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.typ.AppendText(buf, canonical, s); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
