package logical

import (
	"errors"
	"testing"
)

// A label has a place in its enum and in a domain over it, and no other text has.
func TestPlacesOfLabels(t *testing.T) {
	enum := Type{OID: 16400, Typmod: -1, Def: Enum(Identity{Schema: "public", Name: "mood"}, []string{"sad", "ok", "happy"})}
	domain := Type{OID: 16402, Typmod: -1, Def: Domain(Identity{Schema: "public", Name: "felt"}, enum, DomainRules{})}
	for _, of := range []Type{enum, domain} {
		if !of.IsEnum() {
			t.Fatalf("%s is no enum", of.Name())
		}
		for i, label := range []string{"sad", "ok", "happy"} {
			place, err := of.AppendPlace(nil, []byte(label))
			if err != nil || canonicalInt(place) != int64(i) {
				t.Errorf("%s has place %v, %v", label, place, err)
			}
			if got := of.AppendLabel([]byte("x"), place); string(got) != "x"+label {
				t.Errorf("place %d has label %s", i, got)
			}
		}
		var e *Error
		if place, err := of.AppendPlace(nil, []byte("new")); len(place) > 0 || !errors.As(err, &e) || !e.Stale {
			t.Errorf("a label that is not known has place %v, %v", place, err)
		}
	}
	if (Type{OID: OIDText, Typmod: -1}).IsEnum() {
		t.Error("text is an enum")
	}
}
