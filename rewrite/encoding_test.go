package rewrite

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"pgseal/catalog"
)

func TestTextsOfOtherEncodingsKeepTheirBytes(t *testing.T) {
	text := []byte("INSERT INTO users (ssn, name) VALUES ('caf\xe9', 'na\xefve') /* \xff */")
	b, err := NewPlanner(1).Plan(&Scratch{}, Request{Snapshot: testSnapshot(), Text: text})
	if err != nil {
		t.Fatal(err)
	}
	if b.Plan.Traits()&TraitNonASCII == 0 {
		t.Error("the plan does not say that the text is not ASCII")
	}
	var value []byte
	out, err := b.AppendSQL(nil, func(dst []byte, l *Literal) ([]byte, error) {
		value = bytes.Clone(l.Value)
		return append(dst, "SEALED"...), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if string(value) != "caf\xe9" || string(out) != "INSERT INTO users (ssn, name) VALUES (SEALED, 'na\xefve') /* \xff */" {
		t.Errorf("value %q, text %q", value, out)
	}
	var refusal *Refusal
	_, err = NewPlanner(1).Plan(&Scratch{}, Request{Snapshot: testSnapshot(), Text: []byte("SELECT ssn AS \xe9 FROM users")})
	if !errors.As(err, &refusal) {
		t.Errorf("a name in another encoding: %v", err)
	}
}

// What names nothing sealed for sure is the server's, whatever the encoding of its names.
func TestNamesOfOtherEncodingsAreRelayedWhereNoneCanBeSealed(t *testing.T) {
	for text, relayed := range map[string]bool{
		"CREATE ROLE \"r\xe9le\"":                                               true,
		"ALTER DATABASE \"\x7f\x80\" RENAME TO \"a \xe9\"":                      true,
		"COMMENT ON ROLE \"\xe9\" IS 'of users \xe9'":                           true,
		"GRANT SELECT ON people TO \"\xe9\"":                                    true,
		"SELECT * FROM \"\xe9\"":                                                true,
		"CREATE ROLE r\xe9le":                                                   false, // which may fold to ASCII
		"GRANT SELECT ON users TO \"\xe9\"":                                     false,
		"SELECT ssn AS \"\xe9\" FROM users":                                     false,
		"CREATE TABLE \"\xe9\" AS TABLE users":                                  false,
		"DO 'BEGIN INSERT INTO us\xe9rs VALUES (1); END'; CREATE ROLE \"\xe9\"": false,
		"PREPARE \"\xe9\" AS SELECT 1":                                          false,
		"SELECT \"\xe9\" FROM \"" + strings.Repeat("u", 63) + "\xe9\"":          false,
	} {
		snap := testSnapshot()
		if strings.Contains(text, "uuu") {
			snap = catalog.New(1, catalog.Contents{Relations: []*catalog.Relation{{OID: 1, Schema: "public", Name: strings.Repeat("u", 63), Changing: true}}})
		}
		b, err := NewPlanner(1).Plan(&Scratch{}, Request{Snapshot: snap, Text: []byte(text)})
		if relayed != (err == nil) || err == nil && len(b.Plan.pieces) > 0 {
			t.Errorf("%q: %v", text, err)
		}
	}
	named := catalog.New(1, catalog.Contents{RowFunctions: []string{"é"}, Relations: testSnapshot().Relations()})
	if _, err := NewPlanner(1).Plan(&Scratch{}, Request{Snapshot: named, Text: []byte("CREATE ROLE \"\xe9\"")}); err == nil {
		t.Error("a name that may be that of something sealed")
	}
}
