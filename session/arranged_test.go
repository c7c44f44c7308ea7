package session

import (
	"strconv"
	"testing"

	"pgseal/catalog"
	"pgseal/logical"
	"pgseal/rewrite"
	"pgseal/wire"
)

// arrangedWorld is a session in front of the rows of SELECT id … ORDER BY score LIMIT 10 OFFSET 5.
func arrangedWorld(t *testing.T) (w *world, row func(id, score int) []byte) {
	w = newWorld(t)
	w.openKeys()
	score := w.column("score")
	key := &rewrite.Formula{Kind: rewrite.ColumnValue, Column: score, Name: "score"}
	shown := &catalog.SealedColumn{Type: score.Type, Cells: []*catalog.SealedColumn{score}}
	w.session.result.add(cell{})
	w.session.result.add(cell{sealed: shown, output: &computedOutput{formula: key}, server: wire.Binary})
	w.session.result.opening = opened
	arrangement := &rewrite.Arrangement{Hidden: 1, Keys: []rewrite.SortKey{{Hidden: 0}},
		Limit: rewrite.RowCount{Known: true, Count: 10, Hidden: -1}, Offset: rewrite.RowCount{Known: true, Count: 5, Hidden: -1}}
	st := &statement{plan: &rewrite.Statement{Arrangement: arrangement}, results: []*catalog.SealedColumn{nil, shown}}
	w.session.push(&request{kind: execute, portal: portal{statement: st, held: new(heldRows)}})
	return w, func(id, n int) []byte {
		body := wire.AppendValue(wire.AppendCount(nil, 2), []byte(strconv.Itoa(id)))
		body = wire.AppendValue(body, arrayOf(w.seal(score, keyActive, strconv.Itoa(n))))
		dst, at := wire.Begin(nil, wire.TypeDataRow)
		return wire.End(append(dst, body...), at)
	}
}

// Of rows that a LIMIT cuts only some more are held than it leaves, and these are the right
// ones.
func TestRowsThatALimitCutsAreNotHeld(t *testing.T) {
	w, row := arrangedWorld(t)
	const rows = 20_000
	out, held := new(Output), w.session.fifo.at(0).portal.held
	for i := range rows {
		b := row(i, i*7919%rows) // each number once
		if act, need, err := w.session.dataRow(len(b), b, out); act != drop || need.Kind != NeedNothing || err != nil {
			t.Fatal(act, need, err)
		}
		if g := w.session.result.arranged; len(g.rows) > 2*15+keptRows || g.size > 1<<20 {
			t.Fatalf("%d rows of %d bytes are held", len(g.rows), g.size)
		}
	}
	if len(out.ToClient()) > 0 {
		t.Error("rows are shown before they are sorted")
	}
	complete := wire.End(wire.AppendCString(append([]byte{wire.TypeCommandComplete}, 0, 0, 0, 0), "SELECT 20000"), 1)
	if _, need, err := w.session.completed(wire.TypeCommandComplete, complete, out); need.Kind != NeedNothing || err != nil {
		t.Fatal(need, err)
	}
	var got []int
	for _, frame := range out.ToClient()[:10] {
		values, err := wire.ParseDataRow(frame[wire.HeaderLen:])
		if err != nil || values.Len() != 1 {
			t.Fatal(values.Len(), err)
		}
		it := values.Iter()
		id, _ := it.Next()
		n, _ := strconv.Atoi(string(id))
		got = append(got, n*7919%rows)
	}
	for i, n := range got {
		if n != i+5 {
			t.Errorf("the rows of %v are shown", got)
			break
		}
	}
	if end := out.ToClient()[10]; string(end[wire.HeaderLen:]) != "SELECT 10\x00" {
		t.Errorf("the end is %q", end)
	}
	if held.size != 0 {
		t.Errorf("%d bytes are held behind the last row", held.size)
	}
}

// More rows than may be held fail the statement and show nothing.
func TestMoreRowsThanMayBeHeldAreRefused(t *testing.T) {
	w, row := arrangedWorld(t)
	w.session.fifo.at(0).portal.statement.plan.Arrangement.Limit = rewrite.RowCount{Hidden: -1}
	w.session.cfg.MaxFrame = 100_000
	out := new(Output)
	for i := range 2000 {
		b := row(i, i)
		if _, need, err := w.session.dataRow(len(b), b, out); need.Kind != NeedNothing || err != nil {
			t.Fatal(need, err)
		}
	}
	if e := w.session.failure.pending; e != errArrangedRows || len(out.ToClient()) > 0 {
		t.Errorf("got %v, and %d chunks", e, len(out.ToClient()))
	}
}

// Sorting many rows is done where the event loop does not wait for it.
func TestSortingManyRowsAsksForTime(t *testing.T) {
	g := &arranged{plan: &rewrite.Arrangement{Keys: []rewrite.SortKey{{}}}, types: []uint32{logical.OIDInt4}, limit: -1, rows: make([]arrangedRow, manyRows)}
	for i := range g.rows {
		g.rows[i].keys = [][]byte{nil}
	}
	if g.finish() {
		t.Error("it has not asked")
	}
	if !g.finish() {
		t.Error("it has asked again")
	}
}

// What tells a group apart and is not what was asked for fails the statement, and no more.
func TestAGroupThatCannotBeReadFailsTheStatement(t *testing.T) {
	w, row := arrangedWorld(t)
	plan := w.session.fifo.at(0).portal.statement.plan
	plan.Arrangement = &rewrite.Arrangement{Hidden: 1, Groups: []int{0}, Limit: rewrite.RowCount{Hidden: -1}, Offset: rewrite.RowCount{Hidden: -1}}
	out := new(Output)
	for _, n := range []int{7, 8, 7} {
		b := row(1, n)
		if act, need, err := w.session.dataRow(len(b), b, out); act != drop || need.Kind != NeedNothing || err != nil {
			t.Fatal(act, need, err)
		}
	}
	if n := len(w.session.result.arranged.groups.groups); n != 2 {
		t.Errorf("%d groups", n)
	}
	dst, at := wire.Begin(nil, wire.TypeDataRow)
	b := wire.End(wire.AppendValue(wire.AppendValue(wire.AppendCount(dst, 2), []byte("1")), []byte("no array")), at)
	if act, need, err := w.session.dataRow(len(b), b, out); act != drop || need.Kind != NeedNothing || err != nil {
		t.Fatal(act, need, err)
	}
	if e := w.session.failure.pending; e == nil || e.Code != codeDataCorrupted {
		t.Errorf("the failure is %v", e)
	}
}
