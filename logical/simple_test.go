package logical

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"
	"unicode/utf8"
)

func seeded() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

// mutate changes a few characters of good inputs, so that inputs are nearly
// right.
func mutate(r *rand.Rand, inputs []string, alphabet string, n int) []string {
	out := make([]string, 0, n)
	for len(out) < n {
		b := []byte(inputs[r.IntN(len(inputs))])
		for range 1 + r.IntN(3) {
			at := r.IntN(len(b) + 1)
			c := alphabet[r.IntN(len(alphabet))]
			switch r.IntN(3) {
			case 0:
				b = append(b[:at], append([]byte{c}, b[at:]...)...)
			case 1:
				if at < len(b) {
					b[at] = c
				}
			default:
				if at < len(b) {
					b = append(b[:at], b[at+1:]...)
				}
			}
		}
		if utf8.Valid(b) {
			out = append(out, string(b))
		}
	}
	return out
}

var intInputs = []string{
	"", " ", "0", "-0", "+7", "007", " 42 ", "\t1\n", "1 2", "--1", "+-1", "- 1", "1e3", "1.0", "0x10", "1_000",
	"32767", "32768", "-32768", "-32769", "2147483647", "2147483648", "-2147483648", "-2147483649",
	"9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809",
	"99999999999999999999x", "x", "12x", "é", "1é", "NaN", "00000000000000000000000000000001", "12345678901234567890123",
}

func TestIntegersAreReadAsTheServerReadsThem(t *testing.T) {
	s := newSession(t)
	defer golden.write(t, "integer")
	r := seeded()
	inputs := append([]string{}, intInputs...)
	inputs = append(inputs, mutate(r, intInputs[2:], "0123456789 +-x", 1500)...)
	for _, oid := range []uint32{OIDInt2, OIDInt4, OIDInt8} {
		s.compare(Type{OID: oid, Typmod: -1}, Assign, "", inputs, 100)
	}
}

func TestBooleansAreReadAsTheServerReadsThem(t *testing.T) {
	s := newSession(t)
	defer golden.write(t, "boolean")
	inputs := []string{
		"t", "T", "true", "TRUE", "tru", "truex", "tr ue", "f", "fal", "false", "FALSE ", " y", "yes", "ye", "n", "no", "nope",
		"on", "o", "of", "off", "offf", "1", "0", "10", "01", "", " ", "\u00a0t", "2", "+1", "\vt\f",
	}
	inputs = append(inputs, mutate(seeded(), inputs, "truefalsyno10 ", 800)...)
	s.compare(Type{OID: OIDBool, Typmod: -1}, Assign, "", inputs, 60)
}

var floatInputs = []string{
	"0", "-0", "1", "-1.5", "1e10", "1E+10", "1e-10", ".5", "5.", ".", "", " ", "e5", "1e", "1e+", "1 e5", "NaN", "nan", "-NaN", "nan(123)",
	"nan(", "Infinity", "-Infinity", "+infinity", "inf", "-inf", "infinit", "infin", "1e400", "-1e400", "1e-400", "4.9e-324", "2e-324", "1e309",
	"1.7976931348623157e308", "1.7976931348623159e308", "3.4028235e38", "3.4028236e38", "1.17549435e-38", "1e-45", "7e-46", "1e-46", "0x10", "0x1.8p3",
	"0x.8", "0x", "0xg", "0x1p", "-0x1p-2", "1x", "1 ", " 1", "1 x", "100000", "999999", "1000000", "123456.7", "1234567.8",
	"99999999999999", "999999999999999", "100000000000000", "1000000000000000", "123456789012345678", "0.0001", "0.00001", "0.00012345678901234567",
	"0.1", "0.30000000000000004", "9007199254740993", "16777217", "1e15", "1e14", "1e-4", "1e-5", "1e5", "1e6", "5e-324", "0e999", "0.0e-999", "1,5", "1_0",
	"00000000000000000000000000000000001.50000000000000000000000000000000000000000000000000000000000000000000000000000001",
}

func TestFloatsAreReadAndWrittenAsByTheServer(t *testing.T) {
	s := newSession(t)
	defer golden.write(t, "float")
	r := seeded()
	inputs := append([]string{}, floatInputs...)
	inputs = append(inputs, mutate(r, floatInputs, "0123456789.eE+-xpin", 1200)...)
	for range 1500 {
		inputs = append(inputs, strconv.FormatFloat(math.Float64frombits(r.Uint64()), 'g', -1, 64),
			strconv.FormatFloat(float64(math.Float32frombits(r.Uint32())), 'g', -1, 32),
			fmt.Sprintf("%d.%d", r.IntN(1<<r.IntN(62)), r.IntN(1000)))
	}
	for _, settings := range []string{"", "extra_float_digits=0", "extra_float_digits=-3", "extra_float_digits=-15", "extra_float_digits=3"} {
		for _, oid := range []uint32{OIDFloat4, OIDFloat8} {
			if settings == "" {
				s.compare(Type{OID: oid, Typmod: -1}, Assign, settings, inputs, 110)
			} else {
				s.compare(Type{OID: oid, Typmod: -1}, Assign, settings, inputs[len(inputs)-1200:], 60)
			}
		}
	}
}

func TestUUIDsAreReadAsTheServerReadsThem(t *testing.T) {
	s := newSession(t)
	defer golden.write(t, "uuid")
	inputs := []string{
		"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}",
		"a0eebc999c0b4ef8bb6d6bb9bd380a11", "a0ee-bc99-9c0b-4ef8-bb6d-6bb9-bd38-0a11", "{a0eebc99-9c0b4ef8-bb6d6bb9-bd380a11}",
		"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a111", "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
		"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}", " a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "a0eebc99--9c0b-4ef8-bb6d-6bb9bd380a11",
		"a0-eebc999c0b4ef8bb6d6bb9bd380a11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd38-0a11-", "", "{}", "g0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
	}
	inputs = append(inputs, mutate(seeded(), inputs[:6], "0aF-{} g", 800)...)
	s.compare(Type{OID: OIDUUID, Typmod: -1}, Assign, "", inputs, 60)
}

func TestByteasAreReadAndWrittenAsByTheServer(t *testing.T) {
	s := newSession(t)
	defer golden.write(t, "bytea")
	inputs := []string{
		"", "abc", `\x`, `\x00ff`, `\xDEAD beef`, `\x0`, `\x0g`, `\xé0`, "\\x00\t11\n22\r33 ", `\x0 0`, `\X00`, `\\`, `\\\\`, `\`, `a\`,
		`\000`, `\377`, `\400`, `\37`, `\8`, `\xx`, `\x\x`, "é", `a\001b`, `\001\002\\c`, "tab\tnew\n", "'", `"`, "\x7f", `\x27225c7f20`,
	}
	inputs = append(inputs, mutate(seeded(), inputs, `\x0123af 789`, 800)...)
	for _, settings := range []string{"", "bytea_output=escape"} {
		s.compare(Type{OID: OIDBytea, Typmod: -1}, Assign, settings, inputs, 80)
	}
}

func TestStringsFitTheirLengthAsOnTheServer(t *testing.T) {
	s := newSession(t)
	defer golden.write(t, "character")
	inputs := []string{
		"", " ", "a", "abc", "abcd", "abc ", "abc  ", "abcd ", "    ", "  a ", "ééé", "éééé", "ééé ", "日本語", "日本語 ", "日本語x", "😀😀😀", "😀😀😀😀",
		"e\u0301e\u0301", "ab\t", "ab\t ", "abc\t", "abc\u00a0", "\r\n\r\n", "a'b\\", "null",
	}
	inputs = append(inputs, mutate(seeded(), []string{"abc", "ab ", "    "}, "a b\t", 300)...)
	for _, typ := range []Type{
		{OID: OIDText, Typmod: -1}, {OID: OIDVarchar, Typmod: -1}, {OID: OIDVarchar, Typmod: 7}, {OID: OIDVarchar, Typmod: 5}, {OID: OIDBpchar, Typmod: 7}, {OID: OIDBpchar, Typmod: 5}, {OID: OIDBpchar, Typmod: -1},
	} {
		for _, use := range []Use{Assign, Cast, Compare} {
			s.compare(typ, use, "", inputs, 60)
		}
	}
}
