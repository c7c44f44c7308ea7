package logical

import (
	"fmt"
	"testing"
)

// PostgreSQL itself says which type COALESCE has.
func TestAlternativesHaveTheTypeThatPostgreSQLGivesThem(t *testing.T) {
	conn := needServer(t).connect(t)
	oids := []uint32{
		OIDBool, OIDBytea, OIDInt8, OIDInt2, OIDInt4, OIDText, OIDJSON, OIDFloat4, OIDFloat8, OIDBpchar, OIDVarchar, OIDDate, OIDTime, OIDTimestamp,
		OIDTimestamptz, OIDCidr, OIDMacaddr, OIDInet, OIDBit, OIDVarbit, OIDInterval, OIDTimetz, OIDNumeric, OIDUUID, OIDJSONB,
	}
	name := func(oid uint32) string { return fmt.Sprintf("(SELECT oid::regtype FROM pg_type WHERE oid = %d)", oid) }
	absorbed := 0
	for _, own := range oids {
		for _, other := range oids {
			for _, first := range []bool{false, true} {
				if !(Type{OID: own, Typmod: -1}).Absorbs(other, first) {
					continue
				}
				absorbed++
				a, b := TypeName(own), TypeName(other)
				if first {
					a, b = b, a
				}
				sql := fmt.Sprintf("SELECT pg_typeof(coalesce(NULL::%s, NULL::%s)) = %s", a, b, name(own))
				results, err := conn.Exec(t.Context(), sql).ReadAll()
				if err != nil || string(results[0].Rows[0][0]) != "t" {
					t.Errorf("%s: %v", sql, err)
				}
			}
		}
	}
	if absorbed < 2*len(oids) {
		t.Errorf("only %d pairs of types are absorbed", absorbed)
	}
}

func TestLabelsThatChangePlacesAreSeen(t *testing.T) {
	enum := func(labels ...string) Type {
		return Type{OID: 16400, Typmod: -1, Def: Enum(Identity{Name: "mood"}, labels)}
	}
	was := []string{"sad", "ok", "happy"}
	for _, c := range []struct {
		now  []string
		want bool
	}{
		{was, false},
		{[]string{"low", "sad", "so so", "ok", "happy", "high"}, false},
		{[]string{"sad", "fine", "happy"}, false}, // which its values say themselves
		{[]string{"ok", "sad", "happy"}, true},
		{[]string{"happy", "new", "ok", "sad"}, true},
	} {
		if got := enum(c.now...).Relabelled(was); got != c.want {
			t.Errorf("%q: %v, want %v", c.now, got, c.want)
		}
	}
}
