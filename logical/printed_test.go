package logical

import (
	"errors"
	"testing"
)

// A text is that of one value at most: in the form that the server gives it, and no
// other.
func TestPrintedTextsAreReadBack(t *testing.T) {
	german := Settings{}
	if err := german.Set("DateStyle", "German"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		oid  uint32
		text string
		s    *Settings
		is   bool
	}{
		{OIDInt4, "5", nil, true}, {OIDInt4, "-5", nil, true}, {OIDInt4, "+5", nil, false}, {OIDInt4, "05", nil, false}, {OIDInt4, " 5", nil, false},
		{OIDInt4, "x", nil, false}, {OIDInt4, "", nil, false}, {OIDInt4, "99999999999", nil, false}, {OIDInt2, "-32768", nil, true}, {OIDOid, "4294967295", nil, true}, {OIDOid, "-1", nil, false},
		{OIDBool, "true", nil, true}, {OIDBool, "false", nil, true}, {OIDBool, "t", nil, false}, {OIDBool, "TRUE", nil, false},
		{OIDUUID, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", nil, true}, {OIDUUID, "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", nil, false}, {OIDUUID, "a0eebc999c0b4ef8bb6d6bb9bd380a11", nil, false},
		{OIDDate, "2024-02-03", nil, true}, {OIDDate, "03.02.2024", &german, true}, {OIDDate, "2024-02-03", &german, false}, {OIDDate, "today", nil, false}, {OIDDate, "infinity", nil, true},
	} {
		typ := Type{OID: c.oid, Typmod: -1}
		if !typ.PrintsApart() {
			t.Errorf("%s does not print apart", typ.Name())
		}
		value, err := typ.AppendPrinted([]byte("before"), []byte(c.text), c.s)
		if err != nil && !errors.Is(err, ErrNeverEqual) || (err == nil) != c.is {
			t.Errorf("%s %q: %v", typ.Name(), c.text, err)
			continue
		}
		if err == nil && !typ.Valid(value[len("before"):]) {
			t.Errorf("%s %q became %x", typ.Name(), c.text, value)
		}
	}
	for _, oid := range []uint32{OIDNumeric, OIDFloat8, OIDInterval, OIDBpchar, OIDJSONB, OIDTimestamptz} {
		if (Type{OID: oid, Typmod: -1}).PrintsApart() {
			t.Errorf("type %d prints apart", oid)
		}
	}
}
