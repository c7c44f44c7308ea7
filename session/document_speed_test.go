//go:build !race

package session

import (
	"testing"

	"pgseal/catalog"
	"pgseal/wire"
)

func TestDocumentsDoNotAllocate(t *testing.T) {
	w := newWorld(t)
	w.openKeys()
	w.session.result.add(cell{sealed: &catalog.SealedColumn{Document: w.documentOf()}})
	body := wire.AppendValue(wire.AppendCount(nil, 1), []byte("["+w.marked("00", "ssn", keyActive, "1-2")+","+w.marked("02", "born", keyActive, "2024-02-03")+"]"))
	open := func() {
		w.session.theBatch().reset()
		if _, need, err := w.session.openAllHeld(body); err != nil || need.Kind != NeedNothing {
			t.Fatal(need, err)
		}
	}
	if n := testing.AllocsPerRun(100, open); n > 0 {
		t.Errorf("opening the documents of a row allocates %v times", n)
	}
}

func TestRowsDoNotAllocate(t *testing.T) {
	w := newWorld(t)
	w.openKeys()
	c, value := w.recordCell(wire.Text), []byte("(1,"+w.byteaText("ssn", "1-2")+",x,)")
	open := func() {
		w.session.theBatch().reset()
		if need, err := w.session.openHeld(c, value); err != nil || need.Kind != NeedNothing {
			t.Fatal(need, err)
		}
	}
	if n := testing.AllocsPerRun(100, open); n > 0 {
		t.Errorf("opening a row allocates %v times", n)
	}
}
