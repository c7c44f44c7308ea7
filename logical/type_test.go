package logical

import (
	"strconv"
	"testing"
)

func TestNamesAndSizesAreThoseOfTheServer(t *testing.T) {
	conn := needServer(t).connect(t)
	types := []Type{
		{OID: OIDVarchar, Typmod: 15}, {OID: OIDBpchar, Typmod: 7}, {OID: OIDBpchar, Typmod: 5}, numericType(10, 2), numericType(3, -2), numericType(2, 1000), numericType(1000, -1000),
		{OID: OIDTime, Typmod: 3}, {OID: OIDTimestamp, Typmod: 0}, {OID: OIDTimestamptz, Typmod: 6},
	}
	for _, oid := range allTypes {
		types = append(types, Type{OID: oid, Typmod: -1})
	}
	for _, typ := range types {
		oid := utoa(typ.OID)
		want := column(t, conn, "SELECT format_type("+oid+", "+strconv.Itoa(int(typ.Typmod))+") UNION ALL SELECT typlen::text FROM pg_type WHERE oid = "+oid)
		if typ.Name() != want[0] || strconv.Itoa(int(typ.Size())) != want[1] {
			t.Errorf("%v: %s of size %d, want %s", typ, typ.Name(), typ.Size(), want)
		}
		if !Supported(typ.OID) {
			t.Errorf("%s is not supported", want[0])
		}
		if hasEquality := typ.OID != OIDJSON && typ.OID != OIDPoint; typ.HasEquality() != hasEquality {
			t.Errorf("%s: equality %t", want[0], typ.HasEquality())
		}
	}
}

func TestOtherTypesAreRefused(t *testing.T) {
	typ := Type{OID: 718, Typmod: -1} // circle
	if Supported(typ.OID) || typ.HasEquality() {
		t.Error("circle is not supported yet")
	}
	for what, err := range map[string]error{
		"AppendCanonical": second(typ.AppendCanonical(nil, Value{Data: []byte("<(1,2),3>")}, Assign, nil)),
		"AppendText":      second(typ.AppendText(nil, make([]byte, 24), nil)),
		"AppendBinary":    second(typ.AppendBinary(nil, make([]byte, 24), nil)),
		"AppendEquality":  second(typ.AppendEquality(nil, make([]byte, 24))),
		"CheckOID":        typ.CheckOID(25, Assign),
		"parameter":       Type{OID: OIDTime, Typmod: -1}.CheckOID(718, Compare),
	} {
		if got := errorAnswer(err); got.code != codeFeatureNotSupported {
			t.Errorf("%s: %v, want a refusal", what, got)
		}
	}
}

// An error that reaches a log shows no value.
func TestErrorTextHoldsNoValue(t *testing.T) {
	_, err := Type{OID: OIDInt4, Typmod: -1}.AppendCanonical(nil, Value{Data: []byte("canary")}, Assign, nil)
	if got := err.Error(); got != "logical: SQLSTATE 22P02" {
		t.Errorf("Error() = %q", got)
	}
}

// What no AppendCanonical has written is reported and does not panic.
func TestOpenedBytesOfAnotherTypeAreReported(t *testing.T) {
	for _, oid := range allTypes {
		typ := Type{OID: oid, Typmod: -1}
		if oid == OIDBytea {
			continue // any bytes are one
		}
		for what, err := range map[string]error{
			"AppendText":   second(typ.AppendText(nil, []byte{0xff, 0xff, 0xff}, nil)),
			"AppendBinary": second(typ.AppendBinary(nil, []byte{0xff, 0xff, 0xff}, nil)),
		} {
			if got := errorAnswer(err); got.code != codeDataCorrupted {
				t.Errorf("%s %s: %v, want SQLSTATE %s", typ.Name(), what, got, codeDataCorrupted)
			}
		}
	}
}
