package session

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"testing"

	"pgseal/catalog"
	"pgseal/logical"
	"pgseal/wire"
)

// held is what openHeld makes of a value.
func (w *world) held(c *cell, value []byte) (string, Need, error) {
	w.session.theBatch().reset()
	need, err := w.session.openHeld(c, value)
	return string(w.session.batch.made), need, err
}

func (w *world) arrayCell(server, client int16) *cell {
	of := w.column("ssn")
	t := of.Type
	t.OID = t.ArrayOID()
	return &cell{sealed: &catalog.SealedColumn{Type: t, Elements: of}, server: server, client: client}
}

func (w *world) recordCell(format int16) *cell {
	return &cell{sealed: &catalog.SealedColumn{Record: []*catalog.SealedColumn{nil, w.column("ssn"), nil, w.column("score")}}, server: format, client: format}
}

// byteaText is the text of an envelope inside a quoted element or column.
func (w *world) byteaText(column, text string) string {
	return `"\\x` + hex.EncodeToString(w.seal(w.column(column), keyActive, text)) + `"`
}

func TestArraysOfSealedValues(t *testing.T) {
	w := newWorld(t)
	w.openKeys()
	one := w.byteaText("ssn", `1"2`)
	for _, c := range []struct{ value, want string }{
		{"{" + one + ",NULL," + w.byteaText("ssn", "NULL") + "}", `{"1\"2",NULL,"NULL"}`},
		{"{}", "{}"},
	} {
		if got, need, err := w.held(w.arrayCell(wire.Text, wire.Text), []byte(c.value)); got != c.want || err != nil || need.Kind != NeedNothing {
			t.Errorf("%s became %s, %v, %v; want %s", c.value, got, need, err, c.want)
		}
	}
	envelope := w.seal(w.column("ssn"), keyActive, "7")
	array := binary.BigEndian.AppendUint32(nil, 1) // dimensions, flags, type, size, bound
	for _, n := range []uint32{0, 99999, 1, 1, uint32(len(envelope))} {
		array = binary.BigEndian.AppendUint32(array, n)
	}
	array = append(array, envelope...)
	if got, _, err := w.held(w.arrayCell(wire.Binary, wire.Text), array); got != "{7}" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	got, _, err := w.held(w.arrayCell(wire.Binary, wire.Binary), array)
	if oid := binary.BigEndian.Uint32([]byte(got)[8:]); err != nil || oid != logical.OIDVarchar || !strings.HasSuffix(got, "\x00\x00\x00\x017") {
		t.Errorf("%q, %v", got, err)
	}
	for _, value := range []string{"", "{", "{" + one, one, "{a}", `{"\\x"}`, "{" + w.byteaText("score", "1") + "}", "{{" + one + "},{}}"} {
		if got, need, err := w.held(w.arrayCell(wire.Text, wire.Text), []byte(value)); err == nil || need.Kind != NeedNothing {
			t.Errorf("%s became %s", value, got)
		}
	}
}

func TestRowsWithSealedValues(t *testing.T) {
	w := newWorld(t)
	w.openKeys()
	for _, c := range []struct{ value, want string }{
		{`(1,` + w.byteaText("ssn", `a "b"\`) + `,"x,""y",` + w.byteaText("score", "4") + `)`, `(1,"a ""b""\\","x,""y",4)`},
		{`("a\)",,,)`, `("a\)",,,)`},
		{`(,` + w.byteaText("ssn", "") + `,"",)`, `(,"","",)`},
	} {
		if got, need, err := w.held(w.recordCell(wire.Text), []byte(c.value)); got != c.want || err != nil || need.Kind != NeedNothing {
			t.Errorf("%s became %s, %v, %v; want %s", c.value, got, need, err, c.want)
		}
	}
	for _, value := range []string{"", "(", ")", "()", "(,,)", "(,,,,)", "(,x,,)", `(",,,)`, "(,,,", `(,"\\x",,)`, "(,,,))", `(,,,\)`, "(a),,,)"} {
		if got, need, err := w.held(w.recordCell(wire.Text), []byte(value)); err == nil || need.Kind != NeedNothing {
			t.Errorf("%s became %s", value, got)
		}
	}
	var row []byte
	row = binary.BigEndian.AppendUint32(row, 4)
	for i, value := range [][]byte{[]byte("1"), w.seal(w.column("ssn"), keyActive, "7"), nil, nil} {
		row = binary.BigEndian.AppendUint32(row, uint32(90000+i))
		row = wire.AppendValue(row, value)
	}
	got, _, err := w.held(w.recordCell(wire.Binary), row)
	want := "\x00\x00\x00\x04\x00\x01\x5f\x90\x00\x00\x00\x011\x00\x00\x04\x13\x00\x00\x00\x017\x00\x01\x5f\x92\xff\xff\xff\xff"
	if err != nil || !strings.HasPrefix(got, want) || !strings.HasSuffix(got, "\xff\xff\xff\xff") || len(got) != len(want)+8 {
		t.Errorf("%q, %v", got, err)
	}
	for n := range row {
		if got, _, err := w.held(w.recordCell(wire.Binary), row[:n]); err == nil {
			t.Errorf("%d bytes of a row became %q", n, got)
		}
	}
}

// Arrays and rows wait for a key as a whole.
func TestRowsWaitForTheirKeys(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		cell  *cell
		value string
	}{{w.arrayCell(wire.Text, wire.Text), "{" + w.byteaText("ssn", "1") + "}"}, {w.recordCell(wire.Text), "(1," + w.byteaText("ssn", "1") + ",,)"}} {
		if _, need, err := w.held(c.cell, []byte(c.value)); need.Kind != NeedKey || need.Key != keyActive || err != nil {
			t.Errorf("%s needs %v, %v", c.value, need, err)
		}
	}
}

// A row without sealed values comes out as it went in, and no other panics.
func FuzzRows(f *testing.F) {
	w := newWorld(f)
	w.openKeys()
	f.Add([]byte(`(1,"a ""b""\\",,x)`))
	f.Add([]byte("\x00\x00\x00\x01\x00\x00\x00\x17\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, value []byte) {
		for _, format := range []int16{wire.Text, wire.Binary} {
			_, _, _ = w.held(w.recordCell(format), value)
			_, _, _ = w.held(w.arrayCell(format, wire.Text), value)
			plain := &cell{sealed: &catalog.SealedColumn{Record: make([]*catalog.SealedColumn, 4)}, server: format, client: format}
			if got, _, err := w.held(plain, value); err == nil && !bytes.Equal([]byte(got), value) {
				t.Errorf("%q became %q", value, got)
			}
		}
	})
}
