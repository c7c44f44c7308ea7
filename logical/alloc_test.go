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
	{"text", Type{OIDText, -1}, Value{Data: []byte("an ordinary text, with é")}, Assign},
	{"text binary", Type{OIDText, -1}, Value{Data: []byte("an ordinary text"), Binary: true, OID: OIDText}, Assign},
	{"varchar", Type{OIDVarchar, 15}, Value{Data: []byte("123-45-6789")}, Assign},
	{"varchar from text", Type{OIDVarchar, 15}, Value{Data: []byte("123-45-6789"), OID: OIDText}, Compare},
	{"char", Type{OIDBpchar, 15}, Value{Data: []byte("12345")}, Assign},
	{"int2", Type{OIDInt2, -1}, Value{Data: []byte("-12345")}, Assign},
	{"int4", Type{OIDInt4, -1}, Value{Data: []byte("-1234567")}, Assign},
	{"int4 binary", Type{OIDInt4, -1}, Value{Data: []byte{0, 0, 1, 2}, Binary: true, OID: OIDInt4}, Assign},
	{"int4 from int8", Type{OIDInt4, -1}, Value{Data: []byte("1234567"), OID: OIDInt8}, Compare},
	{"int8 from int4 binary", Type{OIDInt8, -1}, Value{Data: []byte{0, 0, 1, 2}, Binary: true, OID: OIDInt4}, Assign},
	{"int8", Type{OIDInt8, -1}, Value{Data: []byte("1234567890123")}, Assign},
	{"bool", Type{OIDBool, -1}, Value{Data: []byte("true")}, Assign},
	{"float8", Type{OIDFloat8, -1}, Value{Data: []byte("1234.5")}, Assign},
	{"uuid", Type{OIDUUID, -1}, Value{Data: []byte("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")}, Assign},
	{"date", Type{OIDDate, -1}, Value{Data: []byte("1999-01-08")}, Assign},
	{"time", Type{OIDTime, -1}, Value{Data: []byte("04:05:06.789")}, Assign},
	{"timestamp", Type{OIDTimestamp, 3}, Value{Data: []byte("1999-01-08 04:05:06.789")}, Assign},
	{"timestamptz", Type{OIDTimestamptz, -1}, Value{Data: []byte("1999-01-08 04:05:06.789+02")}, Assign},
	{"timestamptz in session zone", Type{OIDTimestamptz, -1}, Value{Data: []byte("1999-01-08 04:05:06.789")}, Assign},
	{"bytea", Type{OIDBytea, -1}, Value{Data: []byte(`\xdeadbeef`)}, Assign},
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
