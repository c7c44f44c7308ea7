package logical

import (
	"fmt"
	"testing"
)

// arraysOf are arrays and elements of types; "" is NULL.
var arraysOf = map[uint32][2][]string{
	OIDText: {{"", "{}", "{a,b,NULL,a}", "{NULL}", "[0:2]={é,\"\",\" x,y\"}", "{{a,b},{b,NULL}}", "{b}", "[-2:-1]={\"NULL\",b}"},
		{"", "a", "b", "é", " x,y"}},
	OIDVarchar: {{"", "{a}", "{B,a}"}, {"", "a"}},
	OIDInt2:    {{"{1,-32768}", "{}"}, {"1", "-32768"}},
	OIDInt4: {{"", "{}", "{1,2,NULL,1}", "[0:1]={2147483647,-1}", "{{1},{2}}", "{2}"},
		{"", "1", "2", "-1"}},
	OIDInt8:        {{"{1,9223372036854775807}", "{1,1}"}, {"1", "2"}},
	OIDNumeric:     {{"", "{1.0,NaN,0.50}", "{1}", "{NULL,0.5,1.00}"}, {"1", "0.5", "NaN", ""}},
	OIDFloat8:      {{"{0,NaN,1.5}", "{-0}", "{NaN}"}, {"0", "-0", "NaN", "1.5"}},
	OIDBool:        {{"{t,f}", "{t}", "{NULL,f}"}, {"t", "f", ""}},
	OIDDate:        {{"{2024-02-29,infinity}", "{0044-03-15 BC}"}, {"2024-02-29", "-infinity"}},
	OIDTimestamp:   {{"{\"2024-02-29 12:00:00\"}", "{infinity,NULL}"}, {"2024-02-29 12:00:00", ""}},
	OIDTimestamptz: {{"{\"2024-02-29 12:00:00+00\"}", "{infinity}"}, {"2024-02-29 13:00:00+01", "infinity"}},
	OIDUUID:        {{"{53cd2483-3676-41a7-8737-e293c9d26fa3}", "{}"}, {"53cd2483-3676-41a7-8737-e293c9d26fa3"}},
}

// arrayCalls are calls with arrays (A), elements (E), integers (I) and texts (T).
var arrayCalls = []struct {
	f    func() Function
	sql  string
	args string
}{
	{named1("array_length"), "array_length(%s, %s)", "AI"}, {named1("array_lower"), "array_lower(%s, %s)", "AI"}, {named1("array_upper"), "array_upper(%s, %s)", "AI"},
	{named1("array_ndims"), "array_ndims(%s)", "A"}, {named1("array_dims"), "array_dims(%s)", "A"}, {named1("cardinality"), "cardinality(%s)", "A"},
	{named1("array_append"), "array_append(%s, %s)", "AE"}, {named1("array_prepend"), "array_prepend(%s, %s)", "EA"}, {named1("array_cat"), "array_cat(%s, %s)", "AA"},
	{named1("array_position"), "array_position(%s, %s)", "AE"}, {named1("array_position"), "array_position(%s, %s, %s)", "AEI"}, {named1("array_positions"), "array_positions(%s, %s)", "AE"},
	{named1("array_remove"), "array_remove(%s, %s)", "AE"}, {named1("array_replace"), "array_replace(%s, %s, %s)", "AEE"},
	{named1("array_to_string"), "array_to_string(%s, %s)", "AT"}, {named1("array_to_string"), "array_to_string(%s, %s, %s)", "ATT"},
	{func() Function { return Join }, "%s || %s", "AA"}, {func() Function { return Join }, "%s || %s", "AE"}, {func() Function { return Join }, "%s || %s", "EA"},
	{func() Function { return Subscript }, "(%s)[%s]", "AI"}, {func() Function { return Slice }, "(%s)[%s:%s]", "AII"}, {func() Function { return MakeArray }, "ARRAY[%s, %s]", "EE"},
}

func named1(name string) func() Function {
	return func() Function { f, _ := FunctionNamed(name); return f }
}

var arrayOperators = []Operator{Equal, NotEqual, Contains, ContainedBy, Overlaps}

func TestFunctionsOfArraysGiveWhatTheServerGives(t *testing.T) {
	s := newSession(t)
	const settings = "TimeZone=UTC;extra_float_digits=3;DateStyle=German,DMY"
	s.set(settings)
	ours := parseSettings(t, settings)
	compared, refused, wrong := 0, 0, 0
	check := func(sql string, result uint32, got answer) {
		t.Helper()
		_, send := s.typeSQL(Type{OID: result, Typmod: -1})
		theirs := s.probe("SELECT format('%s', c), "+send+"(c) FROM (SELECT "+sql+" AS c WHERE @ IS NOT NULL) q", []string{"1"})[0]
		compared++
		if got.code == codeFeatureNotSupported && got.hint != "" {
			refused++
		} else if got != theirs {
			if wrong++; wrong < 30 {
				t.Errorf("%s:\n got %v\nwant %v", sql, got, theirs)
			}
		}
	}
	for element, values := range arraysOf {
		kinds := map[byte]struct {
			oid  uint32
			from []string
		}{
			'A': {arrayOIDs[element], values[0]}, 'E': {element, values[1]},
			'I': {OIDInt4, []string{"1", "2", "0", "-1", "3", ""}}, 'T': {OIDText, []string{", ", "", "-"}},
		}
		value := func(kind byte, i int) (Value, string) {
			k := kinds[kind]
			text := k.from[i%len(k.from)]
			if text == "" && kind != 'T' {
				return Value{OID: k.oid}, "NULL::" + s.name(k.oid)
			}
			data, err := (Type{OID: k.oid, Typmod: -1}).AppendCanonical([]byte{}, Value{Data: []byte(text)}, Cast, ours)
			if err != nil {
				t.Fatal(err)
			}
			return Value{Data: data, Binary: true, OID: k.oid}, "'" + text + "'::" + s.name(k.oid)
		}
		for _, c := range arrayCalls {
			f := c.f()
			total := 1
			for _, kind := range []byte(c.args) {
				total *= len(kinds[kind].from)
			}
			for n := 0; n < total; n += total/40 | 1 {
				n := n
				args, sql, types, null := []Value{}, []any{}, []uint32{}, false
				for _, kind := range []byte(c.args) {
					v, text := value(kind, n)
					n /= len(kinds[kind].from)
					args, sql, types, null = append(args, v), append(sql, text), append(types, v.OID), null || v.Data == nil
				}
				result := f.Result(types)
				if result == 0 {
					if f.String() == "array_to_string" && !printed(element) {
						continue
					}
					t.Fatalf("%s%v is not computed", f, s.names(types))
				}
				text := fmt.Sprintf(c.sql, sql...)
				if null && f.Strict() {
					check(text, result, answer{})
					continue
				}
				check(text, result, shown(Type{OID: result, Typmod: -1}, ours)(f.Append([]byte{}, args, Help{}, ours)))
			}
		}
		for _, o := range arrayOperators {
			for i := range values[0] {
				for k := range values[0] {
					left, leftText := value('A', i)
					right, rightText := value('A', k)
					if left.Data == nil || right.Data == nil {
						continue
					}
					sql := leftText + " " + o.String() + " " + rightText
					if name := map[Operator]string{Contains: "arraycontains", ContainedBy: "arraycontained"}[o]; name != "" { // without the @
						sql = name + "(" + leftText + ", " + rightText + ")"
					}
					check(sql, OIDBool, shown(Type{OID: OIDBool, Typmod: -1}, ours)(o.Append([]byte{}, left, right, ours)))
				}
			}
		}
	}
	t.Logf("%d calls, %d refused, %d differ", compared, refused, wrong)
	if refused > compared/10 {
		t.Errorf("%d of %d calls are refused", refused, compared)
	}
}

// The types that PostgreSQL finds for arguments without one, and for some of several types.
func TestTypesOfFunctionsOfArrays(t *testing.T) {
	texts, integers := arrayOIDs[OIDText], arrayOIDs[OIDInt4]
	for _, c := range []struct {
		f    Function
		args []uint32
		want uint32
	}{
		{Join, []uint32{texts, 0}, texts}, {Join, []uint32{0, integers}, integers}, {Join, []uint32{texts, OIDText}, texts}, {Join, []uint32{OIDInt2, integers}, integers},
		{Join, []uint32{integers, OIDInt8}, 0}, {Join, []uint32{arrayOIDs[OIDVarchar], OIDText}, 0}, {Join, []uint32{texts, OIDVarchar}, texts}, {Join, []uint32{OIDText, OIDText}, 0},
		{named1("array_append")(), []uint32{arrayOIDs[OIDInt8], OIDInt4}, arrayOIDs[OIDInt8]}, {named1("array_append")(), []uint32{0, OIDText}, 0},
		{named1("array_length")(), []uint32{texts, 0}, OIDInt4}, {named1("cardinality")(), []uint32{OIDText}, 0}, {named1("cardinality")(), []uint32{arrayOIDs[OIDBytea]}, 0},
		{MakeArray, []uint32{0, 0}, texts}, {MakeArray, []uint32{OIDInt4, 0}, integers}, {MakeArray, []uint32{OIDInt4, OIDInt8}, 0}, {MakeArray, []uint32{texts}, 0},
		{Subscript, []uint32{texts, OIDInt4}, OIDText}, {Subscript, []uint32{texts, OIDInt8}, 0},
	} {
		if got := c.f.Result(c.args); got != c.want {
			t.Errorf("%s%v gives %d, not %d", c.f, c.args, got, c.want)
		}
	}
	if _, ok := FunctionNamed("[]"); ok {
		t.Error("an operator can be called as a function")
	}
}
