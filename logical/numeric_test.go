package logical

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

var numericInputs = []string{
	"", " ", "0", "-0", "0.000", "-0.0", "1", "1.0", "1.00", "-1.50", ".5", "5.", ".", "-.5", "+.5", "1e10", "1E-10", "1.5e3", "1e", "1e+", "1e 5", "1 e5", "e5",
	"NaN", "nan", "-NaN", "NaN ", "NaNx", "Infinity", "-Infinity", "+inf", "inf", "-inf ", "infinit", "Infinityx", "123456789012345678901234567890.123456789",
	"9999", "10000", "99999999", "0.0001", "0.00001", "0.9999", "9999.9999", "99.995", "99.994", "999.995", "-999.995", "0.005", "0.0049", "-0.005",
	"1e131071", "9e131071", "1e131072", "1e-16383", "1e-16384", "1e2147483647", "1e-2147483647", "1e1073741823", "1e1073741822", "1e99999999999999999999",
	"0e1000000000", "0e131072", "1.2.3", "1..2", "1_000", "0x10", "1,5", "--1", " 1 ", " 1 x", "1x", "00000000000000000000000001", "1e0005",
	"0.00000000000000000000000000000000000000000000000000000000001", "12345.678e-3", "12345.678e+2", "1234500000e-5", "100e-2", "15e-1", "95", "950", "9950", "949.999",
	"99999.5", "4999", "5000", "50000", "0.5", "1.5", "2.5", "é",
}

func randomNumbers(r *rand.Rand, n int) []string {
	var out []string
	for range n {
		var b strings.Builder
		if r.IntN(3) == 0 {
			b.WriteByte('-')
		}
		for range r.IntN(1 + r.IntN(30)) {
			b.WriteByte("0123456789990005"[r.IntN(16)])
		}
		b.WriteByte('.')
		for range 1 + r.IntN(1+r.IntN(30)) {
			b.WriteByte("0123456789990005"[r.IntN(16)])
		}
		if r.IntN(4) == 0 {
			fmt.Fprintf(&b, "e%d", r.IntN(61)-30)
		}
		out = append(out, b.String())
	}
	return out
}

func numericType(precision, scale int) Type {
	return Type{OID: OIDNumeric, Typmod: int32(precision<<16|scale&0x7ff) + typmodHeader}
}

func TestNumericsAreReadAndWrittenAsByTheServer(t *testing.T) {
	s := newSession(t)
	defer golden.write(t, "numeric")
	r := seeded()
	inputs := append([]string{}, numericInputs...)
	inputs = append(inputs, randomNumbers(r, 1500)...)
	inputs = append(inputs, mutate(r, numericInputs, "0123456789.eE+- ", 1500)...)
	// Answers of a hundred thousand digits are compared once.
	long := func(in string) bool { return strings.Contains(in, "13107") || strings.Contains(in, "1638") }
	s.compare(Type{OID: OIDNumeric, Typmod: -1}, Assign, "", inputs, 0)
	var short []string
	for _, in := range inputs {
		if !long(in) {
			short = append(short, in)
		}
	}
	for i, typ := range []Type{
		{OID: OIDNumeric, Typmod: -1}, numericType(10, 2), numericType(3, 0), numericType(3, -2), numericType(2, 5), numericType(1000, 1000), numericType(5, 5), numericType(1, 0),
	} {
		n := len(short)
		if i > 2 {
			n = 1200
		}
		s.compare(typ, Assign, "", short[:n], 110)
	}
}

func TestNumericNamesAreThoseOfFormatType(t *testing.T) {
	for typ, want := range map[Type]string{
		numericType(10, 2):            "numeric(10,2)",
		numericType(3, -2):            "numeric(3,-2)",
		numericType(2, 1000):          "numeric(2,1000)",
		{OID: OIDNumeric, Typmod: -1}: "numeric",
	} {
		if got := typ.Name(); got != want {
			t.Errorf("Name() = %q, want %q", got, want)
		}
	}
}
