package logical

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// allTypes are the types that can be sealed.
var allTypes = []uint32{
	OIDBool, OIDBytea, OIDInt8, OIDInt2, OIDInt4, OIDText, OIDJSON, OIDFloat4, OIDFloat8, OIDBpchar, OIDVarchar,
	OIDDate, OIDTime, OIDTimestamp, OIDTimestamptz, OIDNumeric, OIDUUID, OIDJSONB,
	OIDInterval, OIDTimetz, OIDInet, OIDCidr, OIDMacaddr, OIDBit, OIDVarbit,
	OIDName, OIDOid, OIDMacaddr8, OIDLSN, OIDPoint, OIDInt4Range, OIDNumRange, OIDTstzRange,
	oidInt4Array, OIDTextArray, oidVarcharArray, oidNumericArray, oidTimestamptzArray,
}

// Arrays that stand for all of them.
const (
	oidInt4Array        = 1007
	oidVarcharArray     = 1015
	oidNumericArray     = 1231
	oidTimestamptzArray = 1185
)

// samples are values of each type as text.
var samples = map[uint32][]string{
	OIDBool:  {"t", "f"},
	OIDBytea: {"", `\x00ff`, "abc"},
	OIDInt2:  {"0", "1", "-1", "7", "32767", "-32768"},
	OIDInt4:  {"0", "1", "-1", "7", "32767", "32768", "-32769", "2147483647", "-2147483648", "16777216", "16777217"},
	OIDInt8: {"0", "1", "-1", "7", "32768", "2147483647", "2147483648", "-2147483649", "9223372036854775807", "-9223372036854775808", "16777217",
		"9007199254740991", "9007199254740992", "9007199254740993", "-9007199254740993", "9223372036854775295", "9223371487098961920"},
	OIDNumeric: {"0", "0.00", "1", "1.0", "1.00", "-1", "7.5", "0.1", "0.5", "1.5", "2.5", "-0.5", "-2.5", "32767.4", "32767.5", "-32768.5", "-32768.6", "2147483647.5", "2147483648", "9223372036854775807", "9223372036854775807.5", "9223372036854775808", "-9223372036854775808", "-9223372036854775809",
		"16777217", "9007199254740993", "1e20", "1e300", "1e309", "1e-400", "1e39", "1e-46", "NaN", "Infinity", "-Infinity", "0.1000000014901161193847656250", "10000", "100000000", "123456789012345678"},
	OIDFloat4: {"0", "-0", "1", "-1", "0.1", "0.5", "1.5", "2.5", "7.5", "32767.5", "16777216", "2147483648", "-2147483648", "9.223372e18", "-9.223372e18", "1e20", "3.4e38", "1e-45", "NaN", "Infinity", "-Infinity", "123456.7"},
	OIDFloat8: {"0", "-0", "1", "-1", "0.1", "0.10000000149011612", "0.5", "1.5", "2.5", "7.5", "32767.5", "-32768.5", "16777216", "16777217", "2147483647.5", "2147483648", "-2147483648.5", "9007199254740991", "9007199254740992", "9223372036854775807", "-9223372036854775808", "1e20", "1e39", "1e-46", "1e300", "5e-324", "NaN", "Infinity", "-Infinity", "0.123456789012345678"},
	OIDText:   {"", "a", "a ", "a  ", "abc", "abcdefgh", " a", "1", "1.0", "true", "t", "2001-02-03", "10:00", "{}", "7", strings.Repeat("x", 70), strings.Repeat("é", 40), "é "},
	OIDDate:   {"2001-02-03", "1970-01-01", "infinity", "-infinity", "2011-12-29", "2011-12-30", "2011-12-31", "2021-03-28", "2018-11-04", "4714-11-24 BC", "5874897-12-31", "294276-12-31", "294277-01-01", "2018-03-25", "1883-11-18"},
	OIDTime:   {"00:00", "10:00:00.5", "24:00", "23:59:59.999999"},
	OIDTimestamp: {"2001-02-03", "2001-02-03 04:05:06.789", "1970-01-01", "infinity", "-infinity", "2021-03-28 02:30", "2021-03-28 01:30", "2021-03-28 03:30", "2021-10-31 02:30", "2021-10-31 01:30", "2021-10-31 03:00", "2011-12-30", "2011-12-30 12:00", "2011-12-31", "2011-12-29",
		"4714-11-24 BC", "294276-12-31 23:59:59.999999", "2018-11-04", "2018-11-04 01:00", "2018-11-04 00:30", "2018-11-03 23:59:59", "1850-01-01 12:00"},
	OIDTimestamptz: {"2001-02-03 00:00+00", "2001-02-03 00:00+01", "2001-02-03 04:05:06.789+00", "1970-01-01 00:00+00", "infinity", "-infinity", "2021-03-28 01:30+00", "2021-03-28 00:30+00", "2021-10-31 00:30+00", "2021-10-31 01:30+00", "2011-12-30 10:00+00", "2011-12-29 10:00+00", "2011-12-30 12:00+00", "2011-12-30 22:00+00",
		"4714-11-24 00:00+00 BC", "294276-12-31 23:59:59+00", "2018-11-04 03:00+00", "2018-11-04 02:30+00", "2018-11-04 02:00+00", "2018-11-04 04:00+00", "1850-01-01 12:00+00", "2021-03-27 23:00+00"},
	OIDInterval:         {"0", "1 day", "24:00", "-1 day", "1 mon", "30 days", "720:00:00", "1 year 2 mons 3 days 04:05:06.789", "-00:00:00.000001", "1 mon -1 day", "178000000 years", "-178000000 years", "9223372036854.775807 s", "1 day -24:00", "10:00:00.5", "1 day 10:00"},
	OIDTimetz:           {"00:00+00", "10:00:00.5+01", "24:00-15:59:59", "23:59:59.999999+02:30", "09:00:00.5+00"},
	OIDInet:             {"10.0.0.1", "10.0.0.1/8", "10.0.0.0/8", "::1", "fe80::1/64", "::ffff:1.2.3.4", "::/0", "0.0.0.0/0", "10.0.0.1/32"},
	OIDCidr:             {"10.0.0.0/8", "10.0.0.1/32", "::1/128", "fe80::/64", "::/0", "192.168.1"},
	OIDMacaddr:          {"08:00:2b:01:02:03", "08002b010203", "ff:ff:ff:ff:ff:ff"},
	OIDBit:              {"", "1", "0", "101", "10100000", "101000001", "x1f"},
	OIDVarbit:           {"", "1", "0", "101", "10100000", "101000001", "x1f"},
	OIDUUID:             {"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"},
	OIDJSON:             {"{}", `{"b":1, "a": 1.00}`, `"\u0000"`, "1"},
	OIDJSONB:            {"{}", "true", "false", "null", `"a"`, "2.5", "32768", "1e400", "-3e9", "1e-300", `{"b":1, "a": 1.00}`, "1.0", "1", "1.00", `[1.0,"x"]`, `{"a":1,"b":1}`},
	oidInt4Array:        {"{}", "{1}", "{1,2}", "{1,NULL}", "{{1,2},{3,4}}", "[0:1]={1,2}", "[2:3][0:0]={{1},{2}}", "{7,32768}"},
	OIDTextArray:        {"{}", "{a}", `{"a b","",NULL,"NULL","c\"d","e\\f"}`, "{{a,b},{é,NULL}}", "{abcdefgh}", "{1}", "[-1:0]={x,\"y \"}"},
	oidNumericArray:     {"{}", "{1.0,1.00}", "{1.00,1}", "{1,1}", "{1}", "{NaN,Infinity}", "{2.5}"},
	oidTimestamptzArray: {"{}", `{"2001-02-03 00:00+00",infinity}`, `{"2001-02-03 01:00+01",infinity}`},
	OIDOid:              {"0", "1", "4294967295"},
	OIDMacaddr8:         {"08:00:2b:01:02:03", "08:00:2b:ff:fe:01:02:03"},
	OIDLSN:              {"0/0", "1/FF"},
	OIDPoint:            {"(1,2)", "(-0,NaN)"},
	OIDInt4Range:        {"empty", "[1,5)", "(,3]"},
	OIDNumRange:         {"empty", "[1.0,2.00)", "[1.00,2.0)", "(,)"},
	OIDTstzRange:        {"empty", "[2024-01-01 00:00+00,)"},
	OIDName:             {"a", "a ", "abc", strings.Repeat("x", 70), strings.Repeat("é", 40), ""},
}

func init() {
	samples[OIDVarchar] = samples[OIDText]
	samples[OIDBpchar] = samples[OIDText]
	samples[oidVarcharArray] = samples[OIDTextArray]
}

func sqlName(oid uint32) string {
	if oid == OIDBit {
		return `"bit"`
	}
	if oid == OIDBpchar {
		return "bpchar"
	}
	return typeName(oid)
}

// refusedPairs are the comparisons of column and parameter that the server can
// do and that equality terms cannot.
var refusedPairs = map[[2]uint32]bool{
	{OIDTime, OIDTimetz}: true, {OIDTimetz, OIDTime}: true,
	{OIDInt2, OIDOid}: true, {OIDInt4, OIDOid}: true, {OIDInt8, OIDOid}: true,
	{OIDVarchar, OIDBpchar}: true, {OIDNumeric, OIDFloat4}: true, {OIDNumeric, OIDFloat8}: true,
}

func TestDeclaredTypesAreAcceptedWhereTheServerAcceptsThem(t *testing.T) {
	conn := needServer(t).connect(t)
	ctx := context.Background()
	run := func(sql string) *pgconn.PgError {
		_, err := conn.Exec(ctx, sql).ReadAll()
		var e *pgconn.PgError
		errors.As(err, &e)
		return e
	}
	for _, column := range allTypes {
		run("DROP TABLE IF EXISTS declared; CREATE TABLE declared (col " + sqlName(column) + ")")
		for _, parameter := range append([]uint32{oidUnknown}, allTypes...) {
			for use, sql := range map[Use]string{
				Assign:  "INSERT INTO declared VALUES ($1)",
				Compare: "SELECT 1 FROM declared WHERE col = $1",
				Cast:    "SELECT $1::" + sqlName(column),
			} {
				want := run("PREPARE p(" + sqlName(parameter) + ") AS " + sql + "; DEALLOCATE p")
				err := Type{OID: column, Typmod: -1}.CheckColumnOID("col", parameter, use)
				got := answer{}
				if err != nil {
					got = errorAnswer(err)
				}
				name := fmt.Sprintf("%s, parameter %s, use %d", sqlName(column), sqlName(parameter), use)
				switch {
				case got.code == codeFeatureNotSupported:
					allowed := use == Compare && refusedPairs[[2]uint32{column, parameter}] ||
						use == Cast && (parameter == OIDJSONB || parameter == OIDBit || column == OIDBit) ||
						use != Compare && (familyOf(parameter) == familyNetwork || column == OIDTimetz) ||
						use != Compare && isMacaddr(parameter) ||
						use != Compare && ElementOID(parameter) != 0 && familyOf(column) == familyText
					if want != nil || !allowed {
						t.Errorf("%s: refused (%s); server says %v", name, got.message, want)
					}
				case want == nil && err != nil:
					t.Errorf("%s: %v; server accepts it", name, got)
				case want != nil && (got.code != want.Code || got.message != want.Message || got.hint != want.Hint):
					t.Errorf("%s:\n got %v\nwant %v hint %q", name, got, want, want.Hint)
				}
			}
		}
	}
}

func TestDeclaredTypesAreCastAsTheServerCastsThem(t *testing.T) {
	s := newSession(t)
	targets := []Type{{OID: OIDVarchar, Typmod: 7}, {OID: OIDBpchar, Typmod: 7}, numericType(5, 2), {OID: OIDTimestamp, Typmod: 0}, {OID: OIDTimestamptz, Typmod: 3}, {OID: OIDTime, Typmod: 0}}
	for _, oid := range allTypes {
		targets = append(targets, Type{OID: oid, Typmod: -1})
	}
	for _, settings := range []string{"", "DateStyle=SQL, DMY;TimeZone=Europe/Berlin;extra_float_digits=0;bytea_output=escape"} {
		s.set(settings)
		ours := parseSettings(t, settings)
		for _, target := range targets {
			for source, inputs := range samples {
				for _, use := range []Use{Assign, Cast} {
					if source == target.OID || target.CheckOID(source, use) != nil {
						continue
					}
					query := strings.Replace(s.query(target, use), "@", "@::"+sqlName(source), 1)
					for i, want := range s.probe(query, inputs) {
						got := askValue(target, Value{Data: []byte(inputs[i]), OID: source}, use, ours)
						refused := got.code == codeFeatureNotSupported &&
							(strings.Contains(got.message, "infinite timestamp") || strings.Contains(got.message, "depends on the current date"))
						if got != want && !refused {
							t.Errorf("%s %q to %s (use %d; %s):\n got %v\nwant %v", sqlName(source), inputs[i], target.Name(), use, settings, got, want)
						}
					}
				}
			}
		}
	}
}

func askValue(typ Type, v Value, use Use, s *Settings) answer {
	canonical, err := typ.AppendCanonical(nil, v, use, s)
	if err != nil {
		return errorAnswer(err)
	}
	text, err := typ.AppendText(nil, canonical, s)
	if err != nil {
		return errorAnswer(err)
	}
	return answer{text: string(text), binary: string(canonical)}
}

// The equality bytes of a parameter are those of exactly the column's values
// that the server finds equal to it.
func TestParametersEqualTheValuesThatTheServerFindsEqual(t *testing.T) {
	s := newSession(t)
	for i, settings := range []string{"", "TimeZone=Europe/Berlin", "TimeZone=Pacific/Apia", "TimeZone=America/Sao_Paulo"} {
		s.set(settings)
		ours := parseSettings(t, settings)
		for _, column := range allTypes {
			typ := Type{OID: column, Typmod: -1}
			if !typ.HasEquality() || i > 0 && familyOf(column) != familyDay {
				continue
			}
			table := fmt.Sprintf("equal_%d_%d", i, column)
			s.exec("CREATE TEMP TABLE " + table + " (c " + sqlName(column) + ")")
			var stored []string
			var terms [][]byte
			for _, in := range samples[column] {
				canonical, err := typ.AppendCanonical(nil, Value{Data: []byte(in)}, Assign, ours)
				if err != nil {
					t.Fatalf("%s %q: %v", typ.Name(), in, errorAnswer(err))
				}
				text, err := typ.AppendText(nil, canonical, ours)
				if err != nil {
					t.Fatal(err)
				}
				term, err := typ.AppendEquality(nil, canonical)
				if err != nil {
					t.Fatal(err)
				}
				stored = append(stored, string(text))
				terms = append(terms, term)
				s.exec("INSERT INTO " + table + " VALUES ('" + strings.ReplaceAll(in, "'", "''") + "')")
			}
			for source, inputs := range samples {
				if i > 0 && familyOf(source) != familyDay || typ.CheckOID(source, Compare) != nil {
					continue
				}
				query := "SELECT (SELECT string_agg(format('%s', c), E'\\x01' ORDER BY format('%s', c)) FROM " + table + " WHERE c = @::" + sqlName(source) + "), NULL::bytea"
				for j, want := range s.probe(query, inputs) {
					got := answer{}
					param, err := typ.AppendCanonical(nil, Value{Data: []byte(inputs[j]), OID: source}, Compare, ours)
					switch {
					case errors.Is(err, ErrNeverEqual):
					case err != nil:
						got = errorAnswer(err)
					default:
						term, err := typ.AppendEquality(nil, param)
						if err != nil {
							t.Fatal(err)
						}
						var found []string
						for k := range stored {
							if string(terms[k]) == string(term) {
								found = append(found, stored[k])
							}
						}
						slices.Sort(found)
						got.text = strings.Join(found, "\x01")
					}
					refused := got.code == codeFeatureNotSupported &&
						(strings.Contains(got.message, "more than one value equals it") || column == OIDInt8 && familyOf(source) == familyFloat)
					if got != want && !refused {
						t.Errorf("%s = %s %q (%s):\n got %v\nwant %v", typ.Name(), sqlName(source), inputs[j], settings, got, want)
					}
				}
			}
		}
	}
}

func TestComparisonWithAnAmbiguousFloatIsRefused(t *testing.T) {
	_, err := Type{OID: OIDInt8, Typmod: -1}.AppendCanonical(nil, Value{Data: []byte("9007199254740992"), OID: OIDFloat8}, Compare, nil)
	if got := errorAnswer(err); got.code != codeFeatureNotSupported || got.hint == "" {
		t.Errorf("got %v, want a refusal with a hint", got)
	}
}
