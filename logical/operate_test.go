package logical

import (
	"fmt"
	"maps"
	"strings"
	"testing"
)

// operands are values that are awkward to compute with.
var operands = map[uint32][]string{
	OIDInt2:    {"0", "1", "-1", "7", "32767", "-32768"},
	OIDInt4:    {"0", "1", "-1", "46341", "2147483647", "-2147483648"},
	OIDInt8:    {"0", "1", "-3", "3037000500", "9223372036854775807", "-9223372036854775808"},
	OIDNumeric: {"0", "0.00", "1", "-1.10", "3", "0.0003", "9999.9999", "-10000", "12345678901234567890.123456789", "1e-40", "1e1000", "2e-1000", "NaN", "Infinity", "-Infinity"},
	OIDFloat4:  {"0", "-0", "0.1", "3", "16777217", "3e38", "1e-45", "NaN", "Infinity", "-Infinity"},
	OIDFloat8:  {"0", "-0", "0.1", "-3", "1e308", "5e-324", "9007199254740993", "NaN", "Infinity", "-Infinity"},
	OIDDate:    {"2024-02-29", "2026-03-29", "4714-11-24 BC", "5874897-12-31", "294276-12-31", "infinity", "-infinity"},
	OIDTimestamp: {"2024-01-31 23:59:59.999999", "2026-03-29 02:30:00", "0001-02-29 12:00:00 BC", "4714-11-24 00:00:00 BC",
		"294276-12-31 23:59:59.999999", "infinity", "-infinity"},
	OIDTimestamptz: {"2024-01-31 23:59:59.999999+00", "2026-03-28 01:30:00+00", "2026-10-24 00:30:00+00", "2026-10-25 00:30:00+00", "4714-11-25 00:00:00+00 BC",
		"294276-12-30 00:00:00+00", "infinity", "-infinity"},
	OIDInterval: {"0", "1 day", "-1 day", "1 month", "13 months -1 day 00:00:01.5", "-25 months", "24:00:00", "2147483647 months", "-2147483648 days",
		"2147483647 days", "9223372036854775807 microseconds", "-9223372036854775808 microseconds"},
	OIDText:  {"", "a ", "é", "a", "b", "B", "ab", "aéb", "%", "_", "a%", "%b%_", "\\", "é_", "a\\", "%\\", "%_\\", "a_%b", "\\%", "%\\é%b", "a%%_", "\U0001F600", "\uffff"},
	OIDJSONB: {`{"a": 1, "b": {"c": [1, 2, "x\"y"]}, "": null}`, `{"b": {"c": [2, 1.0]}}`, `{"a": 1.00}`, `["a", ["b", {"c": 1, "d": 2}], 7]`, `[["b"]]`, `[[{"d": 2}], "a", "a"]`, `[null]`, `["b"]`, `1.0`, `[]`, `["a", 1.50, null, {"a": "b"}, "a"]`, `{}`, `"a"`, `5`, `null`, `true`},
	OIDJSON: {` {"a" : 1 , "b": {"c": [1, 2 , "x\"y\u00e9" ]}, "":null} `, `{"b":{"c":[1,2]},"a":{"a":1},"b":{"d":[3]},"a":{"b":2}}`, `{"a":"x","a":null}`, `{"a":null,"a":[ 1 ]}`, `{"z":[1,2,3],"b":[1,2,3,4,5]}`, `{"z":[],"b":[ 1 , [2 ] ]}`,
		`{"z":{"c":[1,2]},"b":{"c":["p","q","r"]}}`, `{"b":{"c":["p"]},"b":{"c":["q","r","s"]}}`, `[1.0, "\ud83d\ude00", null, true , {"a":{} }, [ ] ]`, `[["a"],["b",["c"]],["a", {"c":1,"c":2}]]`, `[{"0":"x"},{"a":{"0":{}}}]`, `[]`, `{}`, ` "a\tb" `, ` 5 `,
		"\n null\t", `true`, `""`, `{"a":"\u0000"}`, `{"a":1,"b":"\ud800"}`, `{"a":1,"\udc00":2}`, `{"a":1,"x\u0000":2}`, `["\ud800\ud800"]`, `[1, 2, "\ud800x"]`, `{"a":"\\u0000","b":"\/\b\f"}`, `{"\u0061":1, "a": 1e999999}`, "[[\n1,2],\n{\"a\": \"\\ud800\"}]"},
	1009:       {"{}", "{b,c,2}", "{b,c,-1}", "{a}", "{NULL}", "{3,a}", "{b,NULL}", "{0}", "{1x}", "{{a},{b}}", "{a,NULL}", "{1,c,0}", "{-1}", "{b,-1}", "{a,b}", "{-2147483648}", "{\"\"}", "{2,1,c}", "{-2,0}", "{1,a,0}", "{99999999999}", "{+0}", "{\" 0\"}", "{\"0 \"}", "{b,-5}", "{{1,a},{0,b}}"},
	OIDVarchar: {"b"},
	OIDBpchar:  {"c  "},
	OIDName:    {"b"},
	OIDBool:    {"true"},
	OIDTime:    {"12:00", "00:00", "23:59:59.999999", "24:00", "00:00:00.5"},
	OIDUUID:    {"00000000-0000-0000-0000-000000000001"},
	OIDInet: {"10.0.0.1", "10.0.0.1/8", "10.0.0.2/8", "10.0.0.0/8", "10.0.0.0/24", "10.128.0.0/9", "11.0.0.0", "0.0.0.0/0", "255.255.255.255", "255.255.255.255/31", "::1", "::", "::/0", "::ffff:10.0.0.1", "2001:db8::/32", "2001:db8::1/32",
		"2001:db8:8000::/33", "ffff::1/127"},
	OIDCidr:     {"10.0.0.0/8", "10.0.0.1", "10.128.0.0/9", "::/0", "2001:db8::/32", "0.0.0.0/0"},
	OIDMacaddr:  {"00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff", "08:00:2b:01:02:03", "80:00:2b:01:02:03"},
	OIDMacaddr8: {"00:00:00:00:00:00:00:00", "08:00:2b:01:02:03:04:05", "80:00:2b:01:02:03:04:05"},
}

// TestOperatorsGiveWhatTheServerGives computes with every pair of values of every pair
// of types.
func TestOperatorsGiveWhatTheServerGives(t *testing.T) {
	s := newSession(t)
	const settings = "TimeZone=Europe/Berlin;extra_float_digits=3"
	s.set(settings)
	ours := parseSettings(t, settings)
	pairs, wrong, refused := 0, 0, 0
	for left, values := range operands {
		for right, others := range operands {
			for o := Add; o < operators; o++ {
				result := o.Result(left, right)
				if result == 0 {
					continue
				}
				pairs++
				l, r := Type{OID: left, Typmod: -1}, Type{OID: right, Typmod: -1}
				leftName, _ := s.typeSQL(l)
				rightName, _ := s.typeSQL(r)
				_, send := s.typeSQL(Type{OID: result, Typmod: -1})
				for _, v := range values {
					theirs := s.probe(fmt.Sprintf("SELECT format('%%s', c), %s(c) FROM (SELECT '%s'::%s %s @::%s AS c) q", send, v, leftName, strings.ReplaceAll(o.String(), "@", "AT SIGN"), rightName), others)
					for i, w := range others {
						if got := operate(o, l, r, v, w, ours); got.code == codeFeatureNotSupported && got.hint != "" {
							refused++
						} else if got != theirs[i] {
							if wrong++; wrong <= 30 {
								t.Errorf("%s %q %s %s %q:\n got %v\nwant %v", leftName, v, o, rightName, w, got, theirs[i])
							}
						}
					}
				}
			}
		}
	}
	t.Logf("%d pairs of types, %d pairs of values are refused", pairs, refused)
	if pairs < 250 || wrong > 30 {
		t.Errorf("%d pairs of types, %d results differ", pairs, wrong)
	}
}

func operate(o Operator, l, r Type, v, w string, s *Settings) answer {
	read := func(t Type, text string) Value {
		data, err := t.AppendCanonical(nil, Value{Data: []byte(text)}, Cast, s)
		if err != nil {
			panic(err)
		}
		return Value{Data: data, Binary: true, OID: t.OID}
	}
	return shown(Type{OID: o.Result(l.OID, r.OID), Typmod: -1}, s)(o.Append([]byte{}, read(l, v), read(r, w), s))
}

// shown gives a computed value as the probe shows it.
func shown(t Type, s *Settings) func(value []byte, err error) answer {
	return func(value []byte, err error) answer {
		if err != nil {
			return errorAnswer(err)
		}
		if value == nil {
			return answer{}
		}
		text, err := t.AppendText(nil, value, s)
		if err != nil {
			return errorAnswer(err)
		}
		return answer{text: string(text), binary: string(value)}
	}
}

// TestSignsAndTruthsAreInvertedAsByTheServer is for the operators with one operand.
func TestSignsAndTruthsAreInvertedAsByTheServer(t *testing.T) {
	s := newSession(t)
	s.set("extra_float_digits=3")
	ours := parseSettings(t, "extra_float_digits=3")
	for _, oid := range []uint32{OIDInt2, OIDInt4, OIDInt8, OIDNumeric, OIDFloat4, OIDFloat8, OIDBool} {
		typ, operator := Type{OID: oid, Typmod: -1}, "-"
		if oid == OIDBool {
			operator = "NOT "
		}
		name, send := s.typeSQL(typ)
		theirs := s.probe("SELECT format('%s', c), "+send+"(c) FROM (SELECT "+operator+"(@::"+name+") AS c) q", operands[oid])
		for i, v := range operands[oid] {
			data, err := typ.AppendCanonical(nil, Value{Data: []byte(v)}, Cast, ours)
			if err != nil {
				t.Fatal(err)
			}
			var got []byte
			if value := (Value{Data: data, Binary: true, OID: oid}); oid == OIDBool {
				got = Inverted(nil, value)
			} else {
				got, _, err = Negated(nil, value)
			}
			if a := shown(typ, ours)(got, err); a != theirs[i] {
				t.Errorf("%s%s %q: got %v, want %v", operator, name, v, a, theirs[i])
			}
		}
	}
}

// TestValuesAreOrderedAsByTheServer compares every pair of values of a type.
func TestValuesAreOrderedAsByTheServer(t *testing.T) {
	s := newSession(t)
	sorted := maps.Clone(operands)
	sorted[OIDUUID] = []string{"00000000-0000-0000-0000-000000000000", "80000000-0000-0000-0000-000000000000", "7fffffff-0000-0000-0000-00000000000a"}
	sorted[OIDBytea] = []string{"", "\\x00", "\\xff", "\\x0001", "\\xff00"}
	sorted[OIDTime] = []string{"00:00", "24:00", "12:30:00.000001", "12:30"}
	sorted[OIDOid] = []string{"0", "1", "2147483648", "4294967295"}
	for oid, values := range sorted {
		if !Sorts(oid) {
			continue
		}
		typ := Type{OID: oid, Typmod: -1}
		name, _ := s.typeSQL(typ)
		for _, v := range values {
			theirs := s.probe(fmt.Sprintf("SELECT CASE WHEN '%s'::%s < @::%[2]s THEN '-1' WHEN '%[1]s'::%[2]s > @::%[2]s THEN '1' ELSE '0' END, ''::bytea", v, name), values)
			for i, w := range values {
				read := func(text string) Value {
					data, err := typ.AppendCanonical(nil, Value{Data: []byte(text)}, Cast, &Settings{})
					if err != nil {
						t.Fatal(err)
					}
					return Value{Data: data, Binary: true, OID: oid}
				}
				if got := fmt.Sprint(SortOrder(read(v), read(w), nil)); got != theirs[i].text {
					t.Errorf("%s %q, %q: %s, not %s", name, v, w, got, theirs[i].text)
				}
			}
		}
	}
}
