package logical

import "testing"

func TestNamesAreThoseOfFormatType(t *testing.T) {
	for _, c := range []struct {
		typ  Type
		want string
	}{
		{Type{OIDVarchar, 15}, "character varying(11)"},
		{Type{OIDVarchar, -1}, "character varying"},
		{Type{OIDBpchar, 7}, "character(3)"},
		{Type{OIDBpchar, -1}, "bpchar"},
		{Type{OIDInt4, -1}, "integer"},
		{Type{OIDText, -1}, "text"},
	} {
		if got := c.typ.Name(); got != c.want {
			t.Errorf("Type%v is named %q, want %q", c.typ, got, c.want)
		}
	}
}
