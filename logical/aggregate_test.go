package logical

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestAggregatesGiveWhatTheServerGives aggregates no value, every one, and every two and
// many threes of them, in every order.
func TestAggregatesGiveWhatTheServerGives(t *testing.T) {
	s := newSession(t)
	const settings = "TimeZone=Europe/Berlin;extra_float_digits=3"
	s.set(settings)
	ours := parseSettings(t, settings)
	kinds, wrong := 0, 0
	quote := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	for oid, values := range operands {
		if oid == OIDBool {
			values = []string{"true", "false"}
		}
		lists := [][]string{{}, {"NULL"}}
		for i, v := range values {
			lists = append(lists, []string{v}, []string{v, "NULL", v})
			for k, w := range values {
				lists = append(lists, []string{v, w}, []string{v, w, values[(i*3+k)%len(values)]}, []string{v, w, w, values[(i+k)%len(values)], v})
			}
		}
		typ := Type{OID: oid, Typmod: -1}
		if typ.IsArray() {
			continue
		}
		name, _ := s.typeSQL(typ)
		for function, of := range aggregates {
			result := of.Result(oid)
			if result == 0 || of == Joined || of.IsOrdered() || of.OfPairs() {
				continue
			}
			for _, distinct := range []string{"", "DISTINCT "} {
				if distinct != "" && (familyOf(oid) == familyFloat || oid == OIDNumeric || !Orders(oid) || oid == OIDInterval) {
					continue
				}
				kinds++
				_, send := s.typeSQL(Type{OID: result, Typmod: -1})
				var inputs []string
				for _, list := range lists {
					quoted := make([]string, len(list))
					for i, v := range list {
						if quoted[i] = `"` + quote.Replace(v) + `"`; v == "NULL" {
							quoted[i] = v
						}
					}
					inputs = append(inputs, "{"+strings.Join(quoted, ",")+"}")
				}
				theirs := s.probe(fmt.Sprintf("SELECT format('%%s', c), %s(c) FROM (SELECT %s(%sx) AS c FROM unnest(@::%s[]) x) q", send, function, distinct, name), inputs)
				for i, list := range lists {
					got := aggregate(of, typ, distinct != "", list, ours)
					if got.text == theirs[i].text && got.code == theirs[i].code && (got.text == "" || got.text == "NaN") { // NULL; a NaN's sign nobody sees
						continue
					}
					if got != theirs[i] {
						if wrong++; wrong <= 30 {
							t.Errorf("%s(%s%s) of %q:\n got %v\nwant %v", function, distinct, name, list, got, theirs[i])
						}
					}
				}
			}
		}
	}
	if kinds < 50 || wrong > 30 {
		t.Errorf("%d aggregates, %d results differ", kinds, wrong)
	}
}

// TestVariancesOfManyValuesAreTheServers is for what adds up, in the order of the values.
func TestVariancesOfManyValuesAreTheServers(t *testing.T) {
	s := newSession(t)
	const settings = "extra_float_digits=3"
	s.set(settings)
	ours := parseSettings(t, settings)
	rnd := rand.New(rand.NewPCG(1, 2))
	digits := func(most int) string {
		b := []byte{'1' + byte(rnd.IntN(9))}
		for range rnd.IntN(most) {
			b = append(b, '0'+byte(rnd.IntN(10)))
		}
		return string(b)
	}
	random := map[uint32]func() string{
		OIDInt2: func() string { return fmt.Sprint(int16(rnd.Uint32())) },
		OIDInt4: func() string { return fmt.Sprint(int32(rnd.Uint32()) >> rnd.IntN(31)) },
		OIDInt8: func() string { return fmt.Sprint(int64(rnd.Uint64()) >> rnd.IntN(63)) },
		OIDNumeric: func() string {
			return []string{"", "-"}[rnd.IntN(2)] + digits(30) + []string{"", "." + digits(30), "e-" + fmt.Sprint(rnd.IntN(30)), "e" + fmt.Sprint(rnd.IntN(30))}[rnd.IntN(4)]
		},
		OIDFloat4: func() string { return fmt.Sprint(float32(rnd.NormFloat64() * 1000)) },
		OIDFloat8: func() string { return fmt.Sprint(rnd.NormFloat64() * math.Pow(10, float64(rnd.IntN(20)))) },
	}
	for oid, value := range random {
		var lists [][]string
		var inputs []string
		for i := range 200 {
			base, list := value(), []string{}
			for range 2 + rnd.IntN(30) {
				if i%4 > 0 {
					base = value()
				}
				list = append(list, base)
			}
			lists, inputs = append(lists, list), append(inputs, "{"+strings.Join(list, ",")+"}")
		}
		typ := Type{OID: oid, Typmod: -1}
		name, _ := s.typeSQL(typ)
		for _, of := range []Aggregate{Average, SampleVariance, PopulationVariance, SampleDeviation, PopulationDeviation} {
			_, send := s.typeSQL(Type{OID: of.Result(oid), Typmod: -1})
			theirs := s.probe(fmt.Sprintf("SELECT format('%%s', c), %s(c) FROM (SELECT %s(x) AS c FROM unnest(@::%s[]) x) q", send, of, name), inputs)
			for i, list := range lists {
				if got := aggregate(of, typ, false, list, ours); got != theirs[i] {
					t.Fatalf("%s(%s) of %q:\n got %v\nwant %v", of, name, list, got, theirs[i])
				}
			}
		}
	}
}

func aggregate(of Aggregate, typ Type, distinct bool, list []string, s *Settings) answer {
	g := of.Begin(typ.OID, distinct, false, nil)
	for _, v := range list {
		if v == "NULL" {
			continue
		}
		data, err := typ.AppendCanonical(nil, Value{Data: []byte(v)}, Cast, s)
		if err == nil {
			err = g.Add(Value{Data: data, Binary: true, OID: typ.OID}, nil, s)
		}
		if err != nil {
			return errorAnswer(err)
		}
	}
	return shown(Type{OID: of.Result(typ.OID), Typmod: -1}, s)(g.Append([]byte{}, s))
}
