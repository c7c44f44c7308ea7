package logical

import (
	"strings"
	"testing"
)

func TestMembersOfRecordsAreReplaced(t *testing.T) {
	of := func(one bool) *Records {
		return &Records{One: one, Plain: []string{"id", "at"}, Replaced: []string{"ssn", `a"b`}}
	}
	replace := func(dst []byte, i int, m Member) ([]byte, error) {
		switch {
		case m.Null:
			return append(dst, "null"...), nil
		case m.String:
			return append(dst, "<s:"+string(m.Text)+">"...), nil
		}
		return append(dst, "<"+string(m.Text)+">"...), nil
	}
	for _, c := range []struct {
		one              bool
		document, wanted string
	}{
		{false, `[]`, `[]`},
		{false, ` [ ] `, `[]`},
		{false, `[{"id": 1, "ssn": "x"}, {"ssn": null, "id" : 2.50 }]`, `[{"id":1,"ssn":<s:x>},{"id":2.50,"ssn":null}]`},
		{false, `[{"ssn":"a","ssn":"b\u00e9\n"}]`, `[{"ssn":<s:b` + "é\n" + `>}]`},
		{false, `[{"s\u0073n":"a","secret":"c","id":{"a":[1,"}"]}}]`, `[{"id":{"a":[1,"}"]},"ssn":<s:a>}]`},
		{false, `[{"ssn":{"k": [true, "x"]},"a\"b":1e2}]`, `[{"ssn":<{"k": [true, "x"]}>,"a\"b":<1e2>}]`},
		{false, `[{}, {"secret": 1}]`, `[{},{}]`},
		{false, `[1, "secret", [{"ssn": 1}], {"ssn": true}]`, `[0,0,[],{"ssn":<true>}]`},
		{false, `{"ssn": "secret"}`, `{}`},
		{false, `"secret"`, `0`},
		{false, "\x01[{\"id\": 1, \"ssn\": \"x\"}]", "\x01[{\"id\":1,\"ssn\":<s:x>}]"},
		{true, `{"ssn": "x", "at": "2024-01-01"}`, `{"at":"2024-01-01","ssn":<s:x>}`},
		{true, `[{"ssn": "secret"}]`, `[]`},
		{true, `null`, `0`},
	} {
		got, err := of(c.one).Append(nil, []byte(c.document), replace)
		if err != nil || string(got) != c.wanted {
			t.Errorf("%s: %s, %v; want %s", c.document, got, err, c.wanted)
		}
	}
	_, err := of(false).Append(nil, []byte(`[{"id": "\u0000"}]`), replace)
	if e, ok := err.(*Error); !ok || e.Code != "22P05" || !strings.HasPrefix(e.Context, JSONContext) {
		t.Errorf("a character that no text has: %v", err)
	}
}

func FuzzRecords(f *testing.F) {
	f.Add([]byte(`[{"id": 1, "ssn": "x"}, 5, {"ssn": null}]`), false)
	f.Add([]byte(`{"ssn": {"a": ["b"]}, "secret": "c"}`), true)
	r := Records{Plain: []string{"id"}, Replaced: []string{"ssn"}}
	f.Fuzz(func(t *testing.T, document []byte, one bool) {
		if _, err := jsonIn(nil, document, nil); err != nil {
			return // documents are read before
		}
		of := r
		of.One = one
		out, err := of.Append(nil, document, func(dst []byte, _ int, m Member) ([]byte, error) {
			return append(dst, "null"...), nil
		})
		if err != nil {
			return
		}
		if _, err := jsonIn(nil, out, nil); err != nil {
			t.Fatalf("%q became %q: %v", document, out, err)
		}
	})
}
