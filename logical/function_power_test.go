package logical

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestPowersAndLogarithmsAreTheServers is for numbers of all sizes, by chance.
func TestPowersAndLogarithmsAreTheServers(t *testing.T) {
	s := newSession(t)
	ours := parseSettings(t, "server_version="+column(t, s.conn, "SHOW server_version")[0])
	r := rand.New(rand.NewPCG(4, 4))
	digits := func(most int) string {
		b := []byte{'1' + byte(r.IntN(9))}
		for range r.IntN(most) {
			b = append(b, '0'+byte(r.IntN(10)))
		}
		return string(b)
	}
	number := func() string {
		sign := []string{"", "", "", "-"}[r.IntN(4)]
		switch r.IntN(9) {
		case 0:
			return sign + digits(3)
		case 1:
			return sign + digits(40) + "." + digits(40)
		case 2:
			return "1." + strings.Repeat("0", r.IntN(20)) + digits(5)
		case 3:
			return "0." + strings.Repeat("9", r.IntN(20)) + digits(5)
		case 4:
			return sign + "0." + strings.Repeat("0", r.IntN(20)) + digits(5)
		case 5:
			return sign + digits(2) + strings.Repeat("0", r.IntN(20))
		case 6: // more digits than a double precision can have
			return sign + []string{"0." + strings.Repeat("0", 320), digits(40) + digits(500) + "."}[r.IntN(2)] + digits(12)
		case 7:
			return []string{"0", "1", "10", "100.0", "1e-5", "0.5", "1e30", "2.25", "1.1", "0.9", "0.95", "0.00"}[r.IntN(12)]
		}
		return sign + digits(5) + "." + digits(2)
	}
	exponent := func() string {
		return []string{fmt.Sprint(r.IntN(30) - 10), fmt.Sprint(r.IntN(5)), []string{"", "-"}[r.IntN(2)] + "0." + digits(3), digits(1) + "." + digits(4), "0.5", number()}[r.IntN(6)]
	}
	const count = 300
	for _, name := range []string{"exp", "ln", "log", "log10", "power", "log of two", "^ of floats"} {
		var first, second []string
		typ := "numeric"
		for range count {
			switch {
			case name == "^ of floats":
				typ = "double precision"
				first, second = append(first, []string{fmt.Sprint(r.IntN(2000) - 1000), "-0", "1.5", fmt.Sprint(r.Float64())}[min(r.IntN(12), 3)%4]), append(second, []string{fmt.Sprint(r.IntN(20) - 3), "1", "0", "0.5"}[r.IntN(4)])
			case name == "exp" && r.IntN(3) > 0:
				first, second = append(first, []string{"", "-"}[r.IntN(2)]+digits(4)+"."+digits(6)), append(second, "0")
			case name == "power" && r.IntN(50) == 0: // which needs no room for its digits
				first, second = append(first, []string{"0.00", "1.00"}[r.IntN(2)]), append(second, "2147483647")
			case name == "power":
				first, second = append(first, number()), append(second, exponent())
			default:
				first, second = append(first, number()), append(second, number())
			}
		}
		f, _ := FunctionNamed(strings.Fields(name + " ")[0])
		call, args := f.String()+"(q.a)", 1
		switch name {
		case "power":
			call, args = "power(q.a, q.b)", 2
		case "log of two":
			call, args = "log(q.a, q.b)", 2
		case "^ of floats":
			f, _ = FunctionNamed("power")
			call, args = "q.a ^ q.b", 2
		}
		_, send := s.typeSQL(Type{OID: OIDFloat8, Typmod: -1})
		if typ == "numeric" {
			_, send = s.typeSQL(Type{OID: OIDNumeric, Typmod: -1})
		}
		var pairs []string
		for i := range first {
			pairs = append(pairs, first[i]+" "+second[i])
		}
		theirs := s.probe(fmt.Sprintf("SELECT format('%%s', c), %s(c) FROM (SELECT %s AS c FROM (SELECT split_part(@::text, ' ', 1)::%s AS a, split_part(@::text, ' ', 2)::%[3]s AS b) q) p", send, call, typ), pairs)
		wrong, none, errors := 0, 0, 0
		for i := range first {
			oid := OIDNumeric
			if typ != "numeric" {
				oid = OIDFloat8
			}
			types := []uint32{oid, oid}[:args]
			got := ourCall(f, types, []string{first[i], second[i]}[:args], nil, nil, ours)
			if got.code == codeFeatureNotSupported && got.hint != "" {
				none++
				continue
			}
			if got.code != "" {
				errors++
			}
			if got != theirs[i] {
				if wrong++; wrong < 10 {
					t.Errorf("%s of %s, %s:\n got %v\nwant %v", name, first[i], second[i], got, theirs[i])
				}
			}
		}
		t.Logf("%s: %d of %d are refused, %d are errors", name, none, count, errors)
		if none > count/2 {
			t.Errorf("%s: %d of %d are refused", name, none, count)
		}
	}
}
