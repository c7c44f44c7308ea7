package logical

import (
	"math/rand/v2"
	"strings"
	"testing"
)

var jsonInputs = []string{
	``, ` `, `null`, `true`, `false`, `nul`, `nullx`, `True`, `"a"`, `"a`, `"`, `'a'`, `1`, `-1`, `-`, `- 1`, `+1`, `01`, `-01`, `1.`, `.5`, `1.5`, `1.50`, `1e5`, `1E+5`, `1e-5`, `1e`, `1e+`, `1.5e3x`, `0x10`, `-0`, `-0.0`,
	`1.0`, `1.000`, `100e-2`, `1e131072`, `1e400`, `12345678901234567890123456789.0123456789`, `NaN`, `Infinity`, `1 2`, `1,`, `[`, `]`, `[]`, `[ ]`, `[1]`, `[1,]`, `[,1]`, `[1 2]`, `[1,2,3]`, `[1,[2,[3,[]]]]`, `{`, `}`, `{}`, `{ }`, `{"a"}`, `{"a":}`, `{"a":1}`, `{"a":1,}`, `{"a":1 "b":2}`,
	`{"a" 1}`, `{a:1}`, `{1:2}`, `{,}`, `{"a":1}}`, `[1]]`, `{"b":1,"a":2}`, `{"bb":1,"a":2,"ab":3,"":4}`, `{"a":1,"a":2}`, `{"a":{"x":1},"b":[],"a":{"y":2}}`, `{"a":1,"b":{"a":2,"a":3}}`, ` { "a" : [ 1 , 2 ] } `, "\t[\n1\r]\n", "\v1", "\f1", "1\v",
	`"\"\\\/\b\f\n\r\t"`, `"\u0041"`, `"\u00e9"`, `"\ud83d\ude00"`, `"\ud83d"`, `"\ude00"`, `"\ud83dx"`, `"\ud83d\n"`, `"\ud83d\ud83d"`, `"\ud83d\u0041"`, `"\u0000"`, `"a\u0000b"`, `"\ud83d\u0000"`, `"\u12"`, `"\u12G4"`, `"\u12é4"`, `"\u"`, `"\x"`, `"\é"`, `"\`, `"\u1`, `"\'"`,
	"\"\x01\"", "\"\t\"", "\"a\nb\"", "\"\x7f\"", "\"\u0080\u00ff\u2028\"", `"é😀"`, "é", "é1", "1é", "\u00a01", "\ufeff1", `{"\u0061":1,"a":2}`, `{"\u0000":1}`, `["\u0000", tru]`, `"\ud83d` + "\x01" + `"`, `{"é":1,"zz":2,"z":3}`, `[1.10,2.00,"3.00",-4.0,50,0.0]`, `"1.00"`, `{"1.00":1.00}`, `["\"1.00","x\\"]`,
	`/* c */ 1`, `1 // c`, `true false`, `[true,false,null]`, `{"a":"b","c":[{"d":null}]}`, `"a""b"`, `{"a":1,"b"}`, `{"a":1,2}`, `[1:2]`, `{"a",1}`, `:`, `,`, `@`, `[@]`, `{"a":@}`, `a-b`, `tru e`, `null null`, `_`, `[nullé]`,
}

func randomJSON(r *rand.Rand, depth int) string {
	switch n := r.IntN(8); {
	case n < 2 && depth > 0:
		var parts []string
		for range r.IntN(5) {
			parts = append(parts, randomJSON(r, depth-1))
		}
		return "[" + strings.Join(parts, ",") + "]"
	case n < 4 && depth > 0:
		var parts []string
		for range r.IntN(5) {
			parts = append(parts, `"`+[]string{"a", "b", "ab", "ba", "", "é", "c\\n"}[r.IntN(7)]+`": `+randomJSON(r, depth-1))
		}
		return "{" + strings.Join(parts, " , ") + "}"
	case n < 5:
		return randomNumbers(r, 1)[0][0:0] + []string{"1.0", "-2.50", "0", "1e3", "17", "0.001"}[r.IntN(6)]
	}
	return []string{"true", "false", "null", `"x"`, `"\u00e9\""`, `"1.0"`}[r.IntN(6)]
}

func TestJSONIsReadAndWrittenAsByTheServer(t *testing.T) {
	s := newSession(t)
	defer golden.write(t, "json")
	r := seeded()
	inputs := append([]string{}, jsonInputs...)
	for range 600 {
		inputs = append(inputs, randomJSON(r, 4))
	}
	inputs = append(inputs, mutate(r, inputs, `{}[]",:\u01.e-tnd `, 1500)...)
	for _, oid := range []uint32{OIDJSON, OIDJSONB} {
		s.compare(Type{OID: oid, Typmod: -1}, Assign, "", inputs, len(jsonInputs))
	}
}

func TestDeepJSONIsRefusedAndDoesNotExhaustTheStack(t *testing.T) {
	for _, oid := range []uint32{OIDJSON, OIDJSONB} {
		deep := strings.Repeat("[", 9999) + strings.Repeat("]", 9999)
		if _, err := (Type{OID: oid, Typmod: -1}).AppendCanonical(nil, Value{Data: []byte(deep)}, Assign, nil); err != nil {
			t.Errorf("%d: depth 9999: %v", oid, errorAnswer(err))
		}
		_, err := Type{OID: oid, Typmod: -1}.AppendCanonical(nil, Value{Data: []byte(strings.Repeat("[", 5_000_000))}, Assign, nil)
		if got := errorAnswer(err).code; got != "54001" {
			t.Errorf("%d: depth 5000000: SQLSTATE %s, want 54001", oid, got)
		}
	}
}

func TestAFewBytesOfJSONBDoNotBecomeGigabytes(t *testing.T) {
	input := "[" + strings.Repeat("1e131071,", 5000) + "1]"
	_, err := Type{OID: OIDJSONB, Typmod: -1}.AppendCanonical(nil, Value{Data: []byte(input)}, Assign, nil)
	if got := errorAnswer(err).code; got != "54000" {
		t.Errorf("SQLSTATE %s, want 54000", got)
	}
}
