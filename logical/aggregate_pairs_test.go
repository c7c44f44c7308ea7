package logical

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// TestPairsAreAggregatedAsByTheServer is for numbers of all types, by chance, with NULLs, lines and
// what is not finite among them.
func TestPairsAreAggregatedAsByTheServer(t *testing.T) {
	s := newSession(t)
	const settings = "extra_float_digits=3"
	s.set(settings)
	ours := parseSettings(t, settings)
	r := rand.New(rand.NewPCG(21, 21))
	values := map[uint32]func() string{
		OIDInt4:    func() string { return fmt.Sprint(int32(r.Uint32()) >> r.IntN(31)) },
		OIDNumeric: func() string { return fmt.Sprintf("%d.%02d", r.IntN(100000)-50000, r.IntN(100)) },
		OIDFloat8:  func() string { return fmt.Sprint(r.NormFloat64() * math.Pow(10, float64(r.IntN(30)))) },
	}
	odd := []string{"NaN", "Infinity", "-Infinity", "1e200", "-1e308", "0", "NULL"}
	var pairs []Aggregate
	for _, of := range aggregates {
		if of.OfPairs() {
			pairs = append(pairs, of)
		}
	}
	slices.Sort(pairs)
	for first, y := range values {
		for second, x := range values {
			var lists [][][2]string
			var inputs []string
			for i := range 250 {
				list := [][2]string{}
				text := []string{}
				same, line := x(), y()
				for range r.IntN(12) {
					pair := [2]string{y(), x()}
					switch {
					case i%10 == 1:
						pair[1] = same
					case i%10 == 2:
						pair[0] = line
					case i%10 == 3 && r.IntN(4) == 0:
						k, oid := r.IntN(2), first
						if k == 1 {
							oid = second
						}
						if pair[k] = odd[r.IntN(len(odd))]; oid == OIDInt4 && !strings.Contains("0 NULL", pair[k]) {
							pair[k] = "7"
						}
					}
					list = append(list, pair)
					text = append(text, strings.ReplaceAll(pair[0]+" "+pair[1], "NULL", ""))
				}
				lists, inputs = append(lists, list), append(inputs, `{"`+strings.Join(text, `","`)+`"}`)
			}
			for i := range inputs {
				if len(lists[i]) == 0 {
					inputs[i] = "{}"
				}
			}
			for _, of := range pairs {
				_, send := s.typeSQL(Type{OID: of.Result(first), Typmod: -1})
				theirs := s.probe(fmt.Sprintf("SELECT format('%%s', c), %s(c) FROM (SELECT %s(NULLIF(split_part(p, ' ', 1), '')::%s, NULLIF(split_part(p, ' ', 2), '')::%s) AS c FROM unnest(@::text[]) p) q", send, of, s.name(first), s.name(second)), inputs)
				for i, list := range lists {
					got := aggregatePairs(of, first, second, list, ours)
					if got.text == "NaN" && theirs[i].text == "NaN" { // whose sign nobody sees
						continue
					}
					if got != theirs[i] {
						t.Fatalf("%s of %v:\n got %v\nwant %v", of, list, got, theirs[i])
					}
				}
			}
		}
	}
}

func aggregatePairs(of Aggregate, first, second uint32, list [][2]string, s *Settings) answer {
	g := of.Begin(first, false, false, nil)
	for _, pair := range list {
		var values [2]Value
		for i, oid := range [...]uint32{first, second} {
			data, err := (Type{OID: oid, Typmod: -1}).AppendCanonical(nil, Value{Data: []byte(pair[i])}, Cast, s)
			if err != nil && pair[i] != "NULL" {
				return errorAnswer(err)
			}
			values[i] = Value{Data: data, Binary: true, OID: oid}
		}
		if pair[0] == "NULL" || pair[1] == "NULL" {
			continue
		}
		if err := g.AddPair(values[0], values[1], s); err != nil {
			return errorAnswer(err)
		}
	}
	return shown(Type{OID: of.Result(first), Typmod: -1}, s)(g.Append([]byte{}, s))
}
