package session

import (
	"encoding/hex"
	"strings"
	"testing"

	"pgseal/catalog"
	"pgseal/wire"
)

const testMark = "pgseal:TEST:"

// documentOf has ssn as a part of json, score of jsonb.
func (w *world) documentOf() *catalog.Document {
	return &catalog.Document{
		Begins: []byte(`"` + testMark),
		Parts:  []catalog.Part{{Column: w.column("ssn")}, {Column: w.column("score"), Binary: true}, {Column: w.column("born")}},
	}
}

func (w *world) marked(part, column string, key uint32, text string) string {
	return `"` + testMark + part + hex.EncodeToString(w.seal(w.column(column), key, text)) + `"`
}

func TestValuesOfADocument(t *testing.T) {
	w := newWorld(t)
	w.openKeys()
	ssn, score := w.marked("00", "ssn", keyActive, `12"3`), w.marked("01", "score", keyActive, "42")
	for _, c := range []struct{ text, want string }{
		{`{"a":` + ssn + `,"b":[` + score + `,null]}`, `{"a":"12\"3","b":[42,null]}`},
		{ssn, `"12\"3"`},
		{"\x01[" + score + `, "x"]`, "\x01[42, \"x\"]"},
		{`{"a":"pgseal:OTHER:00e501"}`, `{"a":"pgseal:OTHER:00e501"}`},
		{`[]`, `[]`},
	} {
		w.session.theBatch().reset()
		need, err := w.session.openDocument(w.documentOf(), []byte(c.text))
		if got := string(w.session.batch.made); err != nil || need.Kind != NeedNothing || got != c.want {
			t.Errorf("%s became %s, %v, %v; want %s", c.text, got, need, err, c.want)
		}
	}
}

func TestDocumentsThatDoNotOpen(t *testing.T) {
	w := newWorld(t)
	w.openKeys()
	ssn := w.marked("00", "ssn", keyActive, "1")
	for _, text := range []string{
		`"` + testMark, `"` + testMark + `"`, `"` + testMark + `0"`, `"` + testMark + `zz00"`,
		strings.Replace(ssn, testMark+"00", testMark+"03", 1), // no such part
		strings.Replace(ssn, testMark+"00", testMark+"01", 1), // of another column
		ssn[:len(ssn)-1], ssn[:len(ssn)-3] + `"`, ssn[:len(ssn)-2] + `x"`, ssn[:len(ssn)-2] + `"`,
	} {
		w.session.theBatch().reset()
		need, err := w.session.openDocument(w.documentOf(), []byte(text))
		if e := statementError(w.session.explained(err)); e == nil || e.Code != "XX001" || need.Kind != NeedNothing {
			t.Errorf("%s: %v, %v, not an error of its data", text, need, err)
		}
	}
}

// A row that waits for a key leaves nothing behind, and is opened when it is there.
func TestADocumentWaitsForItsKey(t *testing.T) {
	w := newWorld(t)
	d := w.documentOf()
	w.session.result.add(cell{sealed: &catalog.SealedColumn{Document: d}})
	body := wire.AppendCount(nil, 2)
	body = wire.AppendValue(body, []byte("["+w.marked("01", "score", keyActive, "7")+"]"))
	body = wire.AppendValue(body, nil)
	_, need, err := w.session.openAllHeld(body)
	if need.Kind != NeedKey || need.Key != keyActive || err != nil || len(w.session.batch.made) > 0 {
		t.Fatalf("needs %v, %v, %d bytes made", need, err, len(w.session.batch.made))
	}
	w.openKeys()
	opened, need, err := w.session.openAllHeld(body)
	want := wire.AppendValue(wire.AppendValue(wire.AppendCount(nil, 2), []byte("[7]")), nil)
	if string(opened) != string(want) || need.Kind != NeedNothing || err != nil {
		t.Errorf("%q, %v, %v", opened, need, err)
	}
}
