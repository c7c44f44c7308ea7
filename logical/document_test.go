package logical

import "testing"

func TestValuesInsideJSON(t *testing.T) {
	array := func(element uint32) Type { return Type{OID: arrayOIDs[element], Typmod: -1} }
	own := func(oid uint32) Type { return Type{OID: oid, Typmod: -1} }
	for _, c := range []struct {
		typ                             Type
		settings, value, inJSON, binary string
	}{
		{own(OIDText), "", "a\"b\\c\n\x01é", `"a\"b\\c\n\u0001é"`, `"a\"b\\c\n\u0001é"`},
		{own(OIDText), "", "", `""`, `""`},
		{own(OIDText), "client_encoding=LATIN1", "\xe9\"", "\"\xe9\\\"\"", "\"\xe9\\\"\""},
		{own(OIDBool), "", "t", "true", "true"},
		{own(OIDInt8), "", "-9007199254740993", "-9007199254740993", "-9007199254740993"},
		{own(OIDFloat8), "", "1e20", "1e+20", "100000000000000000000"},
		{own(OIDFloat4), "", "-Infinity", `"-Infinity"`, `"-Infinity"`},
		{own(OIDNumeric), "", "1.50", "1.50", "1.50"},
		{own(OIDNumeric), "", "NaN", `"NaN"`, `"NaN"`},
		{own(OIDDate), "DateStyle=German", "03.02.2024", `"2024-02-03"`, `"2024-02-03"`},
		{own(OIDDate), "", "0044-03-15 BC", `"0044-03-15 BC"`, `"0044-03-15 BC"`},
		{own(OIDTimestamp), "DateStyle=SQL", "2024-02-03 04:05:06.7", `"2024-02-03T04:05:06.7"`, `"2024-02-03T04:05:06.7"`},
		{own(OIDTimestamptz), "", "2024-02-03 04:05:06+02", `"2024-02-03T02:05:06+00:00"`, `"2024-02-03T02:05:06+00:00"`},
		{own(OIDTimestamptz), "TimeZone=Asia/Kolkata", "2024-02-03 04:05:06+00", `"2024-02-03T09:35:06+05:30"`, `"2024-02-03T09:35:06+05:30"`},
		{own(OIDTimestamptz), "", "infinity", `"infinity"`, `"infinity"`},
		{own(OIDTime), "", "04:05", `"04:05:00"`, `"04:05:00"`},
		{own(OIDBytea), "bytea_output=escape", `\x5c00`, `"\\\\\\000"`, `"\\\\\\000"`},
		{own(OIDJSON), "", `{"b": 1, "a":1e2}`, `{"b": 1, "a":1e2}`, `{"a": 100, "b": 1}`},
		{own(OIDJSONB), "", `{"b":1}`, `{"b": 1}`, `{"b": 1}`},
		{array(OIDText), "", `{{a,NULL},{"b\"",c}}`, `[["a",null],["b\"","c"]]`, `[["a", null], ["b\"", "c"]]`},
		{array(OIDInt4), "", `{}`, `[]`, `[]`},
		{array(OIDTimestamp), "", `[2:3]={2024-02-03,infinity}`, `["2024-02-03T00:00:00","infinity"]`, `["2024-02-03T00:00:00", "infinity"]`},
	} {
		s := parseSettings(t, c.settings)
		canonical, err := c.typ.AppendCanonical(nil, Value{Data: []byte(c.value), OID: oidUnknown}, Assign, s)
		if err != nil {
			t.Fatalf("%s: %v", c.value, err)
		}
		for binary, want := range map[bool]string{false: c.inJSON, true: c.binary} {
			got, err := c.typ.AppendJSON([]byte("x"), canonical, binary, s)
			if err != nil || string(got) != "x"+want {
				t.Errorf("%s %q, jsonb %v: %s, %v, want %s", c.typ.Name(), c.value, binary, got, err, want)
			}
		}
	}
}
