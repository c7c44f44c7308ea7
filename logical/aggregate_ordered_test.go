package logical

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// TestOrderedSetsGiveWhatTheServerGives compares percentiles and modes of random lists.
func TestOrderedSetsGiveWhatTheServerGives(t *testing.T) {
	s := newSession(t)
	s.set("TimeZone=UTC")
	ours := parseSettings(t, "TimeZone=UTC")
	random := rand.New(rand.NewPCG(7, 7))
	quote := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	fractions := []string{"0", "1", "0.5", "0.25", "0.1", "0.333", "0.9999999", "-0.1", "1.5", "1e300", "NaN", "Infinity", "-Infinity"}
	kinds, wrong := 0, 0
	for _, of := range []Aggregate{Between, Reached, MostFrequent} {
		for oid, values := range operands {
			result := of.Result(oid)
			if result == 0 {
				continue
			}
			kinds++
			if oid == OIDText || oid == OIDVarchar {
				values = []string{"a", "b", "B", "", "ab"}
			}
			if oid == OIDNumeric { // of one scale, as equal values of others look different
				values = []string{"0.00", "1.50", "-2.25", "NaN", "Infinity", "10.00"}
			}
			typ := Type{OID: oid, Typmod: -1}
			name, _ := s.typeSQL(typ)
			_, send := s.typeSQL(Type{OID: result, Typmod: -1})
			for range 60 {
				fraction, descending := fractions[random.IntN(len(fractions))], random.IntN(2) == 0
				list := make([]string, random.IntN(7))
				for i := range list {
					list[i] = values[random.IntN(len(values))]
				}
				args, direction := "", ""
				if of.TakesFraction() {
					args = "'" + fraction + "'::float8"
				}
				if descending {
					direction = " DESC"
				}
				quoted := slices.Clone(list)
				for i, v := range quoted {
					quoted[i] = `"` + quote.Replace(v) + `"`
				}
				theirs := s.probe(fmt.Sprintf(`SELECT format('%%s', c), %s(c) FROM (SELECT %s(%s) WITHIN GROUP (ORDER BY x COLLATE "C"%s) AS c FROM unnest(@::%s[]) x) q`, send, of, args, direction, name), []string{"{" + strings.Join(quoted, ",") + "}"})
				if theirs[0].code == "42804" { // which has no collation
					theirs = s.probe(fmt.Sprintf("SELECT format('%%s', c), %s(c) FROM (SELECT %s(%s) WITHIN GROUP (ORDER BY x%s) AS c FROM unnest(@::%s[]) x) q", send, of, args, direction, name), []string{"{" + strings.Join(quoted, ",") + "}"})
				}
				got := orderedSet(of, typ, fraction, descending, list, ours)
				if got.text == theirs[0].text && got.code == theirs[0].code && (got.text == "" || got.text == "NaN") && got.message == theirs[0].message {
					continue
				}
				if got != theirs[0] {
					if wrong++; wrong <= 20 {
						t.Errorf("%s(%s) of %s %q%s:\n got %v\nwant %v", of, args, name, list, direction, got, theirs[0])
					}
				}
			}
		}
	}
	if kinds < 15 || wrong > 20 {
		t.Errorf("%d aggregates, %d results differ", kinds, wrong)
	}
}

func orderedSet(of Aggregate, typ Type, fraction string, descending bool, list []string, s *Settings) answer {
	g := of.Begin(typ.OID, false, descending, nil)
	if of.TakesFraction() {
		data, err := (Type{OID: OIDFloat8, Typmod: -1}).AppendCanonical(nil, Value{Data: []byte(fraction)}, Cast, s)
		if err != nil {
			return errorAnswer(err)
		}
		g.SetFraction(data)
	}
	for _, v := range list {
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
