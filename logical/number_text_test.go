package logical

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// TestNumbersAreWrittenAsTheServerWritesThem makes formats of fields at random: what comes
// of odd ones is given by nothing but the way in which the server writes them.
func TestNumbersAreWrittenAsTheServerWritesThem(t *testing.T) {
	s := newSession(t)
	r := seeded()
	f, _ := FunctionNamed("to_char")
	for _, oid := range []uint32{OIDInt4, OIDInt8, OIDNumeric, OIDFloat4, OIDFloat8} {
		const count = 1500
		numbers, formats, inputs := make([]string, count), make([]string, count), make([]string, count)
		for i := range inputs {
			numbers[i], formats[i] = someNumber(r, oid), someNumberFormat(r)
			inputs[i] = numbers[i] + "|" + formats[i]
		}
		theirs := s.probe("SELECT c, textsend(c) FROM (SELECT to_char(split_part(i, '|', 1)::"+s.name(oid)+", substr(i, strpos(i, '|') + 1)) AS c FROM (SELECT @::text AS i) q) q", inputs)
		refused := 0
		for i, want := range theirs {
			data, err := Type{OID: oid, Typmod: -1}.AppendCanonical([]byte{}, Value{Data: []byte(numbers[i])}, Cast, nil)
			if err != nil {
				t.Fatal(err)
			}
			args := []Value{{Data: data, Binary: true, OID: oid}, {Data: []byte(formats[i]), Binary: true, OID: OIDText}}
			got := shown(Type{OID: OIDText, Typmod: -1}, nil)(f.Append([]byte{}, args, Help{}, nil))
			if got.code == codeFeatureNotSupported {
				refused++
			} else if got != want {
				t.Errorf("%s as %q:\n got %v\nwant %v", numbers[i], formats[i], got, want)
			}
		}
		if refused > count/4 {
			t.Errorf("%d of %d are refused of type %s", refused, count, s.name(oid))
		}
	}
}

func someOf(r *rand.Rand, all ...string) string { return all[r.IntN(len(all))] }

func someNumber(r *rand.Rand, oid uint32) string {
	digits := someOf(r, "0", "1", "9", "12", "99", "100", "113", "485", "999", "1234", "9999", "20522", "123456", "9876543", "2147483647")
	number := someOf(r, "", "", "-") + digits
	switch {
	case familyOf(oid) == familyInt:
		return number
	case r.IntN(20) == 0:
		return someOf(r, "NaN", "Infinity", "-Infinity")
	}
	return number + someOf(r, "", ".5", ".05", ".995", ".4999", ".10", "e-3", "e-7", "e12", "e20")
}

func someNumberFormat(r *rand.Rand) string {
	var b bytes.Buffer
	odd := []string{"9", "0", ",", ".", "FM", "MI", "PL", "SG", "PR", "RN", "th", "V", "EEEE", "B", "C", "SP", " ", "x", "\"a b\"", "\\", "\"", "é", "Th", "EE", "fm", "S"}
	if r.IntN(3) == 0 {
		for range r.IntN(7) {
			b.WriteString(someOf(r, odd...))
		}
		return b.String()
	}
	b.WriteString(someOf(r, "", "", "FM", "SG", "MI", "PL", "B", "x"))
	for range r.IntN(5) {
		b.WriteString(someOf(r, "9", "0", "99", "00", "999", ","))
	}
	if r.IntN(2) == 0 {
		b.WriteString(".")
		for range r.IntN(4) {
			b.WriteString(someOf(r, "9", "0", "99", "00", ","))
		}
	}
	b.WriteString(someOf(r, "", "", "PR", "MI", "PL", "SG", "th", "TH", "EEEE", "FM", "%", " €", "V99", "RN"))
	return b.String()
}
