package logical

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func walkArray(v Value, s *Settings) (elems []string, a answer) {
	_, err := ElementsIn(v, s, func(elem []byte, null bool) error {
		if null {
			elems = append(elems, "NULL")
		} else {
			elems = append(elems, fmt.Sprintf("%x", elem))
		}
		return nil
	})
	if err != nil {
		return nil, errorAnswer(err)
	}
	return elems, answer{text: strings.Join(elems, " ")}
}

var arrayInputs = []string{
	`{}`, ` {} `, `{ }`, ``, ` `, `{`, `}`, `{1}`, `{1,2}`, `{1,2,}`, `{,1}`, `{1,,2}`, `{ 1 , 2 }`, `{a b , c }`, `{"a b"," c "}`, `{"a,b","c\"d","e\\f"}`, `{a\,b,\ c\ ,d\}}`, `{NULL,null,Null,"NULL",\NULL,NULLX}`,
	`{{1,2},{3,4}}`, `{{1,2},{3}}`, `{{1},2}`, `{1,{2}}`, `{{{1}},{2}}`, `{{},{}}`, `{{}}`, `{{1,2},{3,4},}`, `[1:2]={1,2}`, `[0:1]={1,2}`, `[1:3]={1,2}`, `[1:2]= {1,2}`, `[1:2] = {1,2}`, `[1:2][1:1]={{1},{2}}`, `[1:2]{1,2}`, `[1]={1}`, `[2]={1,2}`, `[]={1}`, `[1:]={1}`, `[:1]={1}`, `[2:1]={}`, `[1:2]=1`, `[1:2`, `[-1:0]={1,2}`, `[+1:2]={1,2}`, `[a]={1}`, `[1:1]={}`,
	`{1}x`, `{1} `, `{1}{2}`, `{1}}`, `{"a"b}`, `{a"b"}`, `{"a" }`, `{ "a"}`, `{"a" b}`, `{"a`, `{"a"`, `{"a",`, `{\`, `{"\`, `{a\`, `{"",""}`, `{"é","日本"}`, `{é, ü }`, "{a\nb,\tc\v}", `{""}`, `{" "}`, `{"\ "}`, `{\ }`, `{a }`, `{ "a","b" }`,
	`{{{{{{1}}}}}}`, `{{{{{{{1}}}}}}}`, `[1:1][1:1][1:1][1:1][1:1][1:1]={{{{{{1}}}}}}`, `[1:1][1:1][1:1][1:1][1:1][1:1][1:1]={1}`, `{1,2},3`, `{1 2}`, `{(1,2)}`, `{"a""b"}`, `{{"a"},{"b"}}`, `{ {1} , {2} }`, `{{1} {2}}`, `{{1}2}`,
}

// flattened shows the elements of an array in hexadecimal.
const flattened = `SELECT (SELECT string_agg(CASE WHEN e IS NULL THEN 'NULL' ELSE encode(convert_to(e, 'UTF8'), 'hex') END, ' ' ORDER BY n)
	FROM unnest($1) WITH ORDINALITY u(e, n)), NULL::bytea`

func TestTextArraysAreWalkedAsTheServerReadsThem(t *testing.T) {
	conn := needServer(t).connect(t)
	inputs := append([]string{}, arrayInputs...)
	inputs = append(inputs, mutate(seeded(), arrayInputs, `{},"\ aN[]:=1`, 1500)...)
	for _, in := range inputs {
		v := Value{Data: []byte(in), OID: 1009}
		want := send(t, conn, v, flattened)
		if _, got := walkArray(v, nil); got != want {
			t.Errorf("%q:\n got %v\nwant %v", in, got, want)
		}
	}
}

var arrayValues = []string{
	`{1,2,3}`, `{{1,2},{3,4}}`, `{1,NULL,3}`, `[0:2]={1,2,3}`, `[-5:-4][2:2]={{1},{2}}`, `[1:2]={1,2}`, `{" 1",2 }`, `{{{1}},{{2}}}`, `{abc,abcd}`, `{"ab  ","abcde  "}`, `{"a\\b","c\"d","",NULL,"NULL",null}`,
	`[2147483646:2147483647]={1,2}`, `[2147483647:2147483647]={1}`, `[-2147483648:-2147483647]={1,2}`, `[4294967297:4294967298]={1,2}`, `{1.0,1.00,1e3}`, `{"{","}",",",";"}`, `{"\v","\f"," "}`,
}

func TestArraysAreReadAndWrittenAsByTheServer(t *testing.T) {
	s := newSession(t)
	defer golden.write(t, "array")
	inputs := slices.Concat(arrayValues, arrayInputs)
	mutated := mutate(seeded(), inputs, `{},"\ aN[]:=123`, 1000)
	for _, typ := range []Type{
		{OID: OIDTextArray, Typmod: -1}, {OID: oidInt4Array, Typmod: -1}, {OID: oidVarcharArray, Typmod: 7},
		{OID: arrayOIDs[OIDBpchar], Typmod: 8}, {OID: oidNumericArray, Typmod: numericType(3, 1).Typmod}, {OID: arrayOIDs[OIDBpchar], Typmod: -1},
	} {
		s.compare(typ, Assign, "", inputs, len(inputs))
		s.compare(typ, Assign, "", mutated, 50)
		s.compare(typ, Cast, "", inputs, 0)
	}
	s.compare(Type{OID: arrayOIDs[OIDDate], Typmod: -1}, Assign, "DateStyle=SQL, DMY", []string{"{2001-02-03,03/02/2001}", "{NULL,infinity,x}", `{"January 1, 99 BC"}`}, 9)
	s.compare(Type{OID: arrayOIDs[OIDBytea], Typmod: -1}, Assign, "bytea_output=escape", []string{`{"\\x00ff","a\\\\b"}`, `{\\x41}`}, 9)
}

func binaryArray(fields ...any) []byte {
	var b []byte
	for _, f := range fields {
		switch f := f.(type) {
		case int:
			b = binary.BigEndian.AppendUint32(b, uint32(int32(f)))
		case string:
			b = append(b, f...)
		}
	}
	return b
}

func TestBinaryArraysAreWalkedAsTheServerReadsThem(t *testing.T) {
	conn := needServer(t).connect(t)
	inputs := [][]byte{
		binaryArray(0, 0, 25), binaryArray(1, 0, 25, 2, 1, 1, "a", 2, "bc"), binaryArray(1, 1, 25, 2, 1, -1, 0), binaryArray(2, 0, 25, 2, 1, 1, 1, 1, "a", 1, "b"),
		binaryArray(1, 0, 23, 1, 1, 4, 7), binaryArray(1, 2, 25, 0, 1), binaryArray(7, 0, 25), binaryArray(-1, 0, 25), binaryArray(1, 0, 25, -1, 1), binaryArray(1, 0, 25, 1<<30, 1), binaryArray(1, 0, 25, 1, 2147483647, 0),
		binaryArray(1, 0, 25, 1, 1, 5, "a"), binaryArray(1, 0, 25, 1, 1, -2), binaryArray(1, 0, 25, 1, 1, 1, "ab"), binaryArray(1, 0, 25, 2, 1, 1, "a"), binaryArray(1, 0), {}, binaryArray(0, 0), binaryArray(0, 0, 25, "x"),
		binaryArray(3, 0, 25, 1<<12, 1, 1<<12, 1, 1<<12, 1), binaryArray(1, 0, 25, 0, 1), binaryArray(2, 0, 25, 0, 1, 5, 1), binaryArray(1, 0, 25, 1, 1),
	}
	r := seeded()
	for range 800 {
		b := slices.Clone(inputs[r.IntN(4)])
		if r.IntN(3) == 0 {
			b = b[:r.IntN(len(b)+1)]
		} else {
			b[r.IntN(len(b))] = byte(r.IntN(5))
		}
		inputs = append(inputs, b)
	}
	for _, in := range inputs {
		v := Value{Data: in, OID: 1009, Binary: true}
		want := send(t, conn, v, flattened)
		_, got := walkArray(v, nil)
		// The names of types that no column can have are not known here.
		if got != want && !(got.code == codeDatatypeMismatch && want.code == codeDatatypeMismatch) && want.code != codeNotInRepertoire {
			t.Errorf("%x:\n got %v\nwant %v", in, got, want)
		}
	}
}

func TestElementsStopAtTheCallersError(t *testing.T) {
	stop := errors.New("stop")
	for _, v := range []Value{{Data: []byte("{1,2,3}")}, {Data: binaryArray(1, 0, 25, 2, 1, 1, "a", 2, "bc"), Binary: true}} {
		calls := 0
		_, err := Elements(v, func([]byte, bool) error { calls++; return stop })
		if err != stop || calls != 1 {
			t.Errorf("error %v after %d calls, want the caller's after 1", err, calls)
		}
	}
}

func TestElementsKnowTheirType(t *testing.T) {
	none := func([]byte, bool) error { return nil }
	for _, c := range []struct {
		v    Value
		want uint32
	}{
		{Value{Data: []byte("{}"), OID: 1007}, OIDInt4},
		{Value{Data: []byte("{1}"), OID: 1015}, OIDVarchar},
		{Value{Data: []byte("{1}")}, 0},
		{Value{Data: binaryArray(0, 0, 20), Binary: true}, OIDInt8},
	} {
		if got, err := Elements(c.v, none); got != c.want || err != nil {
			t.Errorf("%v: element type %d, error %v, want %d", c.v, got, err, c.want)
		}
	}
	for _, oid := range allTypes {
		if got := ElementOID(Type{OID: oid, Typmod: -1}.ArrayOID()); got != oid && ElementOID(oid) == 0 {
			t.Errorf("elements of arrays of %d have type %d", oid, got)
		}
	}
}

// In SJIS the second byte of a character may be a backslash or a brace.
func TestArraysInEncodingsWithPunctuationInsideCharacters(t *testing.T) {
	var s Settings
	if err := s.Set("client_encoding", "SJIS"); err != nil {
		t.Fatal(err)
	}
	elems, a := walkArray(Value{Data: []byte("{\x83\x5c,\"\x83\x7d\"}")}, &s)
	if a.code != "" || len(elems) != 2 || elems[0] != "835c" || elems[1] != "837d" {
		t.Errorf("got %q %v", elems, a)
	}
}
