package logical

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// functionArguments are values that are awkward for functions, beside those of operators.
var functionArguments = map[uint32][]string{
	OIDText:    {"", " a é  ", "aaa", "a,b,,c", ",", "a\\é,a", "\\", "aaéé", "é", "Straße ǅ", "e\u0301\U0001F600x"},
	OIDVarchar: {"b  ", "AbC"},
	OIDBpchar:  {"c  ", ""},
	OIDInt2:    {"0", "-7", "-32768"},
	OIDInt4:    {"0", "1", "2", "-1", "-2", "5", "2147483647", "-2147483648", "40"},
	OIDInt8:    {"3", "-9223372036854775808"},
	OIDNumeric: {"0", "0.00", "1", "-1.5", "2.5", "-0.5", "1234.5678", "1e-40", "NaN", "Infinity", "-Infinity", "-7.25", "9999.5", "0.25" + strings.Repeat("0", 2998)},
	OIDFloat4:  {"0.5", "-2.5", "NaN"},
	OIDFloat8:  {"0", "-0", "1.5", "-2.5", "-0.5", "1e308", "NaN", "Infinity", "-Infinity"},
	OIDDate:    {"2024-02-29", "2026-01-01", "2021-01-03", "0001-12-31 BC", "4714-11-24 BC", "5874897-12-31", "infinity", "-infinity", "1969-12-31"},
	OIDTimestamp: {"2024-12-30 23:59:59.999999", "2026-03-29 02:30:00", "0001-02-28 12:00:00.5 BC", "4714-11-24 00:00:00 BC", "1999-05-31 00:00:00.000001", "2001-02-03 04:05:01.003969",
		"294276-12-31 23:59:59.999999", "infinity", "-infinity"},
	OIDTimestamptz: {"2024-01-31 23:59:59.999999+00", "2026-03-29 01:30:00+00", "2026-10-25 00:30:00+00", "2026-10-25 01:30:00+00", "4714-11-25 00:00:00+00 BC",
		"294276-12-30 00:00:00+00", "infinity", "-infinity", "2026-10-27 12:00:00+00"},
	OIDBool:     {"true", "false"},
	OIDBytea:    {"\\x", "\\x00ff", "abc", "\\xdeadbeefdeadbeefdeadbeefdeadbeefdeadbeefdeadbeefdeadbeefdeadbeefdeadbeefdeadbeefdeadbeefdeadbeefdeadbeefdeadbeefdeadbeef"},
	OIDTime:     {"00:00", "23:59:59.999999", "12:34:01.003969", "24:00"},
	OIDInterval: {"0", "1 year 5 months -3 days 25:00:01.003969", "-1 year -5 months 3 days -25:59:59.5", "2147483647 months", "100000000 days", "9 months", "-00:00:00.000001"},
	OIDUUID:     {"00000000-0000-0000-0000-000000000001"},
	OIDInet:     {"10.0.0.1", "10.0.0.1/8", "::1", "2001:db8::1/32", "::/0"},
	OIDJSONB: {"{\"a\": 1, \"b\": [1, null, {\"a\": null}], \"c\": {\"a\": null, \"bb\": {}}}", "[]", "{}", "[1, [], {\"a\": \"x\"}, null]", "1.50", "\"a\"", "null", "true",
		"{\"a\": null}", "{\"é\": 1, \"\\n\": []}"},
	OIDJSON:               {` [1, [2, 3], {"a": [4, 5]}, "x,]\"" ] `, "[]", "[ ]", "{}", "\n\"\\u0000\"", "5", "-1.5e3", "null", "true", "false", "[\"\\ud800\"]", "[[[]]]"},
	OIDInt4Array:          {"{}", "{1}", "{NULL,2,1,2}", "[0:2]={5,1,NULL}", "{{1,2},{2,1}}", "[-1:1]={2147483647,-2,2}"},
	arrayOIDs[OIDNumeric]: {"{1.0,NaN,NULL,1}", "{}"},
	OIDTextArray:          {"{}", "{a}", "{b,1}", "{b,-1,a}", "{b,-9}", "{b,9}", "{c,bb,x}", "{c,x,y}", "{0}", "{\" +1\"}", "{1,0}", "{2,a}", "{NULL}", "{a,NULL}", "{{a},{b}}", "{x}", "{-5}", "{a,b}", "{99999999999}", "{\"\"}", "{-2147483648}", "{b,1 }"},
}

// fields are those of the functions that take one first.
var timeFields = []string{"millennium", "century", "decade", "year", "isoyear", "quarter", "month", "week", "day", "dow", "isodow", "doy", "hour", "minute", "second", "milliseconds", "microseconds", "epoch"}

// timeFormats are those of to_char.
var timeFormats = []string{"YYYY-MM-DD", "DD.MM.YY HH24:MI:SS", "yyyy/mm/dd hh:mi:ss am", "Mon DD, YYYY", "Day|DAY|day", "Month MONTH month", "Dy DY dy MON mon", "HH12:MI PM", "SS.MS US", "Q IYYY-IW",
	"", "YYYYMMDDHH24MISS", "YYYY-MM-DD\"T\"HH24", "FMMonth", "ddth", "W", "YYY", "Am Pm pm", "MMMM", "DDD", "Y,YYY", "TZ", "SSSS", "D", "MonYY", "QQ", "DDDD", "dddy", "SSSSS", "MSSS", "USSS", "HH24MI", "IYYYIW", "YYYYY", "MMDD"}

// numberFormats are those of to_char of numbers.
var numberFormats = []string{"FM999,999,990.00", "0000", "9,999.99", "SG999", "999.99MI", "999PR", "FM00", "99th", "99V99", "999", "FM999.99", "FM9990.099", "9.9EEEE", "RN", "FMrn", "FM9.9", "", "9.9", "S999", "999D99", "L99",
	"9G999", "099", "PL9999", "9999PL", "FMMI9990", "999.", ".99", ".", "th", "FM9,999,999.009PR", "90TH", "B9999", "C99SP9", "\"Nr. \"00", "9\\\"9", "\"a\\b", "9 é 9", "99.9.9", "PR9", "9EEEE9", "FM9EEEE", "EEEEEEEE", "V9.9", "9.9V",
	"MIPR", "PRMI9", "99PRMI", "SG", "RNSG99", "RNth9,MI", "0,0,0,0", "FM0,000,000,000", "99999999999999999999.99", "FM99999999999999999999.999999999999", "eeee", "9.99eeee", "0V9", "9V90", "VV99", "x9y9z", "%9", "9V999999999999", "9V9999999999999999999"}

// templates are those of format.
var templates = []string{"", "a%", "%s|%s", "%L, %L", "%%%s%%", "%2$s %1$s %s", "%10s|%-10s|", "%*s|", "%-*L|", "%1$*2$s|", "%2$-*1$L|", "%0$s", "%*0$s", "%*1s", "%x", "%é", "%I", "%1$", "%99999999999s", "%3$s", "%-", "%--5s|%05L", "%s"}

// TestFunctionsGiveWhatTheServerGives computes every function of values of all types that
// it can be called with: the same types, values and errors.
func TestFunctionsGiveWhatTheServerGives(t *testing.T) {
	s := newSession(t)
	const settings = "TimeZone=Europe/Berlin;extra_float_digits=3;DateStyle=German,DMY"
	s.set(settings)
	ours := parseSettings(t, settings)
	lower, upper := testFold(strings.ToLower), testFold(strings.ToUpper)
	types := make([]uint32, 0, len(functionArguments))
	for oid := range functionArguments {
		types = append(types, oid)
	}
	slices.Sort(types)
	calls, wrong, refused := 0, 0, 0
	for f := range functions {
		f := Function(f)
		if functions[f].operator {
			continue // see TestOperatorsOfArraysGiveWhatTheServerGives
		}
		for n := 1; n <= 4; n++ {
			for _, args := range argumentTypes(f, types, n) {
				result := f.Result(args)
				if result == 0 {
					continue // and refused
				}
				calls++
				if exists, got := s.resolves(f, args), fmt.Sprint(result); exists != got {
					t.Errorf("%s%v is of type %s, not %s", f, s.names(args), exists, got)
					continue
				}
				if f.Folds() || f.Titles() {
					continue // by a collation
				}
				_, send := s.typeSQL(Type{OID: result, Typmod: -1})
				for _, values := range combinations(f, args, calls) {
					sql := "\"" + f.String() + "\"("
					for i, v := range values[:len(values)-1] {
						sql += fmt.Sprintf("'%s'::%s, ", v, s.name(args[i]))
					}
					last := len(args) - 1
					theirs := s.probe(fmt.Sprintf("SELECT format('%%s', c), %s(c) FROM (SELECT pg_catalog.%s@::%s) AS c) q", send, sql, s.name(args[last])), []string{values[last]})
					if got := ourCall(f, args, values, lower, upper, ours); got.code == codeFeatureNotSupported && got.hint != "" {
						refused++
					} else if got != theirs[0] {
						if wrong++; wrong <= 30 {
							t.Errorf("%s of %q as %v:\n got %v\nwant %v", f, values, s.names(args), got, theirs[0])
						}
					}
				}
			}
		}
	}
	t.Logf("%d calls of different types, %d of values are refused", calls, refused)
	if calls < 150 || wrong > 30 {
		t.Errorf("%d calls of different types, %d results differ", calls, wrong)
	}
}

func (s *session) name(oid uint32) string {
	name, _ := s.typeSQL(Type{OID: oid, Typmod: -1})
	return name
}

func (s *session) names(oids []uint32) (all []string) {
	for _, oid := range oids {
		all = append(all, s.name(oid))
	}
	return all
}

// resolves is the OID of the type of a function of NULLs, "" if there is none.
func (s *session) resolves(f Function, args []uint32) string {
	nulls := make([]string, len(args))
	for i, oid := range args {
		nulls[i] = "NULL::" + s.name(oid)
	}
	r := s.conn.ExecParams(context.Background(), "SELECT pg_typeof(\"pg_catalog\".\""+f.String()+"\"("+strings.Join(nulls, ", ")+"))::oid::text", nil, nil, nil, nil).Read()
	if r.Err != nil {
		return ""
	}
	return string(r.Rows[0][0])
}

func testFold(f func(string) string) *Fold {
	return NewFold([]rune("aäAÄ"), []rune(f("aäAÄ")))
}

// argumentTypes are lists of n types that a function may be called with: all of them, or
// for several arguments those of the same kinds as the functions that there are.
func argumentTypes(f Function, types []uint32, n int) (all [][]uint32) {
	if n == 1 {
		for _, oid := range types {
			all = append(all, []uint32{oid})
		}
		return all
	}
	if functions[f].any {
		for i := range types {
			list := []uint32{[...]uint32{OIDText, OIDVarchar, OIDBpchar}[i%3]}
			for k := range n - 1 {
				list = append(list, types[(i+k*3)%len(types)])
			}
			all = append(all, list)
		}
		return all
	}
	var build func(list []uint32)
	build = func(list []uint32) {
		if len(list) == n {
			all = append(all, slices.Clone(list))
			return
		}
		for _, oid := range types {
			if slices.ContainsFunc(functions[f].signatures, func(s signature) bool {
				return len(s.params) == n && (n == 2 || familyOf(s.params[len(list)]) == familyOf(oid))
			}) {
				build(append(list, oid))
			}
		}
	}
	build(nil)
	return all
}

// combinations are lists of values for a call: all of them where there are few, else
// some, other ones for each call.
func combinations(f Function, args []uint32, turn int) (all [][]string) {
	most, total := 60, 1
	if slices.Contains([]string{"regexp_replace", "power", "pow", "log"}, f.String()) { // which have tests of their own
		most = 6
	}
	values := make([][]string, len(args))
	for i, oid := range args {
		if values[i] = functionArguments[oid]; i == 0 && slices.Contains([]string{"extract", "date_part", "date_trunc"}, f.String()) {
			if values[i] = timeFields; f.String() == "date_trunc" {
				values[i] = []string{"year", "quarter", "month", "week", "day", "hour", "minute", "second"}
			}
		}
		if oid == OIDInt8 && f.String() == "factorial" {
			values[i] = []string{"0", "1", "-1", "20", "33", "200", "32177", "32178", "9223372036854775807"}
		}
		if oid == OIDInt4 && f.String() == "chr" {
			values[i] = []string{"0", "-1", "1", "65", "127", "128", "233", "2047", "2048", "55295", "55296", "57343", "65535", "65536", "1114111", "1114112", "2147483647"}
		}
		if oid == OIDInt4 && f.String() == "make_date" {
			values[i] = []string{"2024", "2023", "-1", "0", "2", "12", "13", "29", "30", "5874897", "5874898", "-4714", "-4713", "11", "24", "-2147483648", "2147483647"}
		}
		if i == 0 && f.String() == "format" {
			values[i] = templates
		}
		if i == 0 && f.String() == "timezone" {
			values[i] = []string{"UTC", "America/New_York", "europe/berlin", "EST", "No/Where"}
		}
		if i == 1 && f.String() == "encode" {
			values[i] = []string{"hex", "BASE64", "escape", "no"}
		}
		if i == 1 && f.String() == "repeat" { // of nothing, too, for which the server needs as long
			values[i] = []string{"0", "-7", "3", "40"}
		}
		if i == 1 && f.String() == "to_char" {
			if values[i] = timeFormats; familyOf(args[0]).isNumber() {
				values[i] = numberFormats
			}
		}
		total *= len(values[i])
	}
	step := 1
	if total > most {
		step = total/most | 1
	}
	for k := turn % step; k < total; k += step {
		list, rest := make([]string, len(args)), k
		for i := range args {
			list[i] = values[i][rest%len(values[i])]
			rest /= len(values[i])
		}
		all = append(all, list)
	}
	return all
}

func ourCall(f Function, args []uint32, values []string, lower, upper *Fold, s *Settings) answer {
	list := make([]Value, len(args))
	for i, oid := range args {
		data, err := (Type{OID: oid, Typmod: -1}).AppendCanonical([]byte{}, Value{Data: []byte(values[i])}, Cast, s)
		if err != nil {
			panic(err)
		}
		list[i] = Value{Data: data, Binary: true, OID: oid}
	}
	fold := lower
	if f.String() == "upper" {
		fold = upper
	}
	return shown(Type{OID: f.Result(args), Typmod: -1}, s)(f.Append([]byte{}, list, Help{Fold: fold, First: upper}, s))
}

// TestFunctionsOfStringsAreFound is for arguments without types.
func TestFunctionsOfStringsAreFound(t *testing.T) {
	for _, c := range []struct {
		name string
		args []uint32
		want uint32
	}{
		{"upper", []uint32{0}, OIDText},
		{"length", []uint32{0}, OIDInt4},
		{"left", []uint32{OIDVarchar, 0}, OIDText},
		{"substring", []uint32{OIDText, 0}, 0}, // a pattern
		{"substring", []uint32{OIDText, 0, OIDInt4}, OIDText},
		{"round", []uint32{OIDNumeric, 0}, OIDNumeric},
		{"mod", []uint32{OIDInt4, 0}, OIDInt4},
		{"abs", []uint32{0}, 0},
		{"concat", []uint32{0, OIDInt4}, OIDText},
		{"concat", []uint32{OIDFloat8}, 0},
		{"extract", []uint32{0, OIDDate}, OIDNumeric},
		{"date_trunc", []uint32{0, OIDDate}, OIDTimestamptz},
		{"date_trunc", []uint32{0, OIDInterval}, OIDInterval},
		{"date_trunc", []uint32{0, OIDTime}, OIDInterval},
		{"date_trunc", []uint32{0, OIDTimetz}, 0},
		{"to_char", []uint32{OIDInt2, 0}, OIDText},
		{"to_char", []uint32{OIDInterval, 0}, 0},
		{"age", []uint32{0, OIDDate}, OIDInterval},
		{"age", []uint32{OIDDate}, 0}, // until today
		{"format", []uint32{0}, OIDText},
		{"format", []uint32{0, OIDInt4, 0}, OIDText},
		{"format", []uint32{OIDInt4}, 0},
		{"concat_ws", []uint32{OIDInt4, 0}, 0},
		{"quote_literal", []uint32{OIDInt4}, 0}, // of any type
		{"jsonb_set", []uint32{OIDJSONB, 0, 0}, OIDJSONB},
		{"jsonb_strip_nulls", []uint32{0, OIDBool}, 0},
		{"overlay", []uint32{OIDText, 0, OIDInt4}, OIDText},
		{"gcd", []uint32{OIDInt4, 0}, OIDInt4},
		{"gcd", []uint32{OIDInt2, OIDInt2}, 0}, // of three that it can be
		{"isfinite", []uint32{0}, 0},
	} {
		f, ok := FunctionNamed(c.name)
		if got := f.Result(c.args); !ok || got != c.want {
			t.Errorf("%s%v gives %d, not %d", c.name, c.args, got, c.want)
		}
	}
}
