package sealing

import (
	"bytes"
	"testing"

	"pgseal/catalog"
)

func FuzzNoteOfADefault(f *testing.F) {
	f.Add((&defaultNote{Canonical: []byte("x"), SQL: "'x'::text"}).Plaintext(7))
	f.Add((&defaultNote{Null: true, SQL: "NULL::text"}).Plaintext(7))
	f.Add([]byte{0, 0, 0, 7, 0xff, 0xff, 0xff, 0xfe})
	f.Fuzz(func(t *testing.T, b []byte) {
		n, err := catalog.ParseDefaultNote(b, 7)
		if err != nil {
			return
		}
		if again := n.Plaintext(7); !bytes.Equal(again, b) {
			t.Errorf("%x is read as %+v, which is %x", b, n, again)
		}
		if _, err := catalog.ParseDefaultNote(b, 8); err == nil {
			t.Error("a note of another column passes")
		}
	})
}

// A default that is changed while sealed comes back as a literal.
func TestDefaultsThatWereChangedWhileSealed(t *testing.T) {
	w := newWorld(t, `CREATE TABLE t (id int, v text DEFAULT upper('x'), w text DEFAULT 'w', x text)`)
	w.seal("t.v", true)
	w.seal("t.w", true)
	w.seal("t.x", false)
	set := func(column, text string) {
		w.exec(`ALTER TABLE t ALTER ` + column + ` SET DEFAULT ` + byteaSQL(w.tools("t", column).seal(text)))
	}
	set("v", "X") // the same again
	set("w", "it's another")
	set("x", "new")
	for _, column := range []string{"v", "w", "x"} {
		w.unseal("t." + column)
	}
	const want = `upper('x'::text) 'it''s another'::text 'new'::text`
	if got := one[string](w, `SELECT string_agg(pg_get_expr(adbin, adrelid), ' ' ORDER BY adnum) FROM pg_attrdef WHERE adrelid = 't'::regclass`); got != want {
		t.Errorf("defaults are %s, want %s", got, want)
	}
	if got := one[string](w, `INSERT INTO t (id) VALUES (1) RETURNING v || w || x`); got != "Xit's anothernew" {
		t.Errorf("the row is %s", got)
	}
}
