package logical

import (
	"slices"
	"testing"
)

var rangeInputs = []string{
	"empty", " EMPTY ", "emptyx", "empty x", "", " ", "[", "(", "[1", "[1,", "[1,2", "[1,2]", "(1,2)", "[1,2)", "(1,2]", " [1,2) ", "[1,2)x", "[1,2) x", "[1 , 2]", "[ 1,2 ]",
	"[,]", "(,)", "[,2]", "[1,]", "(,2)", "(1,)", "[2,1]", "[1,1]", "[1,1)", "(1,1]", "(1,1)", "(0,1)", "(0,2)", "[1,2,3]", "1,2", "[1;2]", "[1]", "[]", "()",
	`["1","2"]`, `["1,2]`, `["",]`, `["" ,2]`, `[\1,2]`, `[1\`, `["1""",2]`, `[1"0",20]`, `[a,b]`, "[1.5,2.5]", "[1.0,1.00]", "[NaN,]", "[1,NaN]", "[Infinity,]", "[-Infinity,Infinity]", "[1,1.0)", "[0.5,0.50]",
	"[2147483646,2147483647]", "(2147483647,)", "[2147483647,2147483647]", "[1,2147483648]", "(9223372036854775807,)", "[9223372036854775806,9223372036854775807)", "[-2147483648,0]",
}

var timeRangeInputs = []string{
	"[2024-01-01,2024-02-01)", "(2024-01-01,2024-01-02)", "[2024-01-01,2024-01-01]", "[2024-01-01,2024-01-01)", "[2024-02-01,2024-01-01]", "[,2024-01-01]", "(2024-01-01,)", "empty",
	"[infinity,]", "[-infinity,infinity]", "(-infinity,infinity)", "[2024-01-01,infinity]", "(infinity,infinity]", "[0044-03-15 BC,0044-03-16 BC]", `["Jan 1, 2024","Feb 1, 2024"]`,
	"[2024-01-01 12:00,2024-01-01 13:00)", `["2024-01-01 12:00:00.5+02",]`, "[epoch,2024-01-01]", "[x,2024-01-01]", "[2024-02-30,]", "[2024-01-01,5874897-12-31]", "(5874897-12-31,)", "[4714-11-24 BC,]", "(4714-11-24 BC,4714-11-25 BC]",
}

func TestRangesAreReadAndWrittenAsByTheServer(t *testing.T) {
	s := newSession(t)
	defer golden.write(t, "ranges")
	numbers := slices.Concat(rangeInputs, mutate(seeded(), rangeInputs, "0129[](), \"\\.-e", 1500))
	for _, oid := range []uint32{OIDInt4Range, OIDInt8Range, OIDNumRange} {
		s.compare(Type{OID: oid, Typmod: -1}, Assign, "", numbers, len(rangeInputs)+60)
	}
	times := slices.Concat(timeRangeInputs, mutate(seeded(), timeRangeInputs, "0129[](), \"\\:-", 800))
	for _, oid := range []uint32{OIDDateRange, OIDTsRange, OIDTstzRange} {
		for _, settings := range []string{"", "DateStyle=SQL, DMY;TimeZone=Europe/Berlin", "DateStyle=Postgres"} {
			s.compare(Type{OID: oid, Typmod: -1}, Assign, settings, times, len(timeRangeInputs))
		}
	}
	arrays := []string{`{"[1,2)","empty",NULL}`, `{"[1,5]","(2,3)"}`, "{}", `{[1}`, `{"[2,1]"}`}
	s.compare(Type{OID: 3905, Typmod: -1}, Assign, "", arrays, len(arrays))
}

func TestNumbersOfTheSystemAreReadAndWrittenAsByTheServer(t *testing.T) {
	s := newSession(t)
	defer golden.write(t, "system")
	for oid, inputs := range map[uint32][]string{
		OIDOid:      {"0", "1", "4294967295", "4294967296", "-1", "-2147483648", "-2147483649", "+7", " 7 ", "", " ", "x", "1x", "1 x", "0x10", "010", "18446744073709551615", "18446744073709551616", "-18446744073709551615", "99999999999999999999", "--1", "1.0"},
		OIDLSN:      {"0/0", "16/B374D848", "FFFFFFFF/FFFFFFFF", "ffffffff/1", "0/", "/0", "0", "", "123456789/0", "0/123456789", " 0/0", "0/0 ", "g/0", "00000001/00000002", "0//0", "-1/0"},
		OIDMacaddr8: {"08:00:2b:01:02:03:04:05", "08-00-2b-01-02-03-04-05", "08002b:0102030405", "0800.2b01.0203.0405", "08002b0102030405", "08:00:2b:01:02:03", "08002b010203", " 08:00:2b:01:02:03 ", "08:00:2b:01:02:03 x", "08:00:2b-01:02:03:04:05", "08:00:2b:01:02", "08:00:2b:01:02:03:04:05:06", "08:00:2b:01:02:03:04", "g8:00:2b:01:02:03", "", "0", "08:00:2b:01:02:03x", "8:0:2b:1:2:3", "08:00:2b:01:02:03:"},
		OIDPoint:    {"(1,2)", "1,2", " ( 1 , 2 ) ", "(1.5,-2e3)", "(NaN,Infinity)", "(-inf,0)", "(1,2", "1,2)", "(1 2)", "(,2)", "()", "", "(1,2)x", "(1,2),", "((1,2))", "1e400,1", "(1,1e-400)", "(0.1,0.30000000000000004)", "(-0,0)", "(1,2) ", "1 , 2 ", "(a,b)", "(1,2,3)", "[1,2]"},
		OIDName:     {"", "a", "a b", "x\ty", "naïve", "0123456789012345678901234567890123456789012345678901234567890123456789", "éééééééééééééééééééééééééééééééééééé"},
	} {
		all := slices.Concat(inputs, mutate(seeded(), inputs, "0123456789abcdefxABF:-./(), +é", 800))
		s.compare(Type{OID: oid, Typmod: -1}, Assign, "", all, len(inputs)+40)
	}
	s.compare(Type{OID: OIDPoint, Typmod: -1}, Assign, "extra_float_digits=0", []string{"(0.1,0.30000000000000004)"}, 1)
}

var hstoreInputs = []string{
	"", " ", "a=>1", `"a"=>"1"`, "a=>1,b=>2", "a => 1 , b => 2", "b=>2,a=>1,aa=>0", "a=>NULL", "a=>null", `a=>"NULL"`, `a=>nUlL , b=>"null"`, `""=>""`, `"a b"=>"c d"`, `a\=b=>c\,d`, `"a\"b"=>"c\\d"`, "a=>1,a=>2", "a=>1,a=>NULL",
	"a", "a=", "a=>", "a=>1,", "a=>,b=>1", "=>1", ",", "a=>1 b=>2", "a=1", "a==>1", "a=>=1", "a=>1=>2", `"a`, `"a"`, `"a"=>"b`, `a\`, `a=>b\`, `"a"x=>1`, "a>=1", "é=>ü", "ä,b=>1", "a=>1,,b=>2", "a=>1\n,\tb=>2", "a=>b c", `a=>"b"c`, "é", "a é=>1",
	"a=>1,b=>2,c=>3,d=>4,e=>5,f=>6,g=>7,h=>8", "nulla=>null1",
}

func TestHstoresAreReadAndWrittenAsByTheServer(t *testing.T) {
	s := newSession(t)
	s.exec("CREATE EXTENSION IF NOT EXISTS hstore")
	oid := columnOID(t, s, "hstore")
	typ := Type{OID: oid, Typmod: -1, Def: Hstore(Identity{Schema: "public", Name: "hstore"})}
	s.compare(typ, Assign, "", slices.Concat(hstoreInputs, mutate(seeded(), hstoreInputs, "ab=>,\"\\ N", 3000)), 0)
}

func TestTextWithoutCaseIsReadAndWrittenAsByTheServer(t *testing.T) {
	s := newSession(t)
	s.exec("CREATE EXTENSION IF NOT EXISTS citext")
	typ := Type{OID: columnOID(t, s, "citext"), Typmod: -1, Def: Citext(Identity{Schema: "public", Name: "citext"})}
	s.compare(typ, Assign, "", []string{"", "Abc", " a ", "Ünï", `\x`}, 0)
	if typ.HasEquality() || !typ.OwnEquality() {
		t.Error("there are terms for citext")
	}
	if err := typ.CheckOID(OIDVarchar, Assign); err != nil {
		t.Error(err)
	}
}

func columnOID(t *testing.T, s *session, name string) uint32 {
	t.Helper()
	text := column(t, s.conn, "SELECT '"+name+"'::regtype::oid::text")[0]
	oid, err := oidIn(nil, []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	return uint32(canonicalInt(oid))
}

// What comes in binary is made canonical as text is, or refused; nothing panics.
func FuzzBinaryOfNewerTypes(f *testing.F) {
	hstore := Hstore(Identity{Schema: "public", Name: "hstore"})
	types := []Type{{OID: 1 << 20, Typmod: -1, Def: hstore}}
	for oid := range rangeCodecs {
		types = append(types, Type{OID: oid, Typmod: -1})
	}
	f.Add([]byte{2, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 5})
	f.Add([]byte{0, 0, 0, 1, 0, 0, 0, 1, 'a', 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, typ := range types {
			canonical, err := typ.AppendCanonical(nil, Value{Data: data, Binary: true}, Assign, nil)
			if err != nil {
				continue
			}
			if !typ.Valid(canonical) {
				t.Fatalf("%s: %x is not canonical", typ.Name(), canonical)
			}
			again, err := typ.AppendCanonical(nil, Value{Data: canonical, Binary: true}, Assign, nil)
			if err != nil || string(again) != string(canonical) {
				t.Fatalf("%s: %x becomes %x, %v", typ.Name(), canonical, again, err)
			}
			text, err := typ.AppendText(nil, canonical, nil)
			if err != nil {
				t.Fatalf("%s: %x has no text: %v", typ.Name(), canonical, err)
			}
			if again, err = typ.AppendCanonical(nil, Value{Data: text}, Assign, nil); err == nil && string(again) != string(canonical) {
				t.Fatalf("%s: %x is %s, which is %x", typ.Name(), canonical, text, again)
			}
		}
	})
}
