package session

import (
	"encoding/binary"
	"testing"

	"pgseal/catalog"
	"pgseal/logical"
	"pgseal/rewrite"
	"pgseal/wire"
)

// A row that an aggregate has a lot to do with is computed where the event loop does not
// wait for it.
func TestALargeAggregateAsksForTime(t *testing.T) {
	w := newWorld(t)
	w.openKeys()
	score := w.column("score")
	of := &rewrite.Formula{Kind: rewrite.ColumnValue, Column: score, Name: "score"}
	sum := &rewrite.Formula{Kind: rewrite.Aggregated, Aggregate: logical.Sum, Args: []*rewrite.Formula{of}, Row: []*rewrite.Formula{of}}
	shown := &catalog.SealedColumn{Type: logical.Type{OID: logical.OIDInt8, Typmod: -1}, Cells: []*catalog.SealedColumn{score}}
	w.session.result.add(cell{sealed: shown, output: &computedOutput{formula: sum}, server: wire.Binary})
	w.session.result.opening = opened
	w.session.push(&request{kind: query})
	for _, c := range []struct {
		values int
		asks   bool
	}{{10, false}, {10_000, true}, {10, false}, {10_000, true}} {
		elements := make([][]byte, c.values)
		for i := range elements {
			elements[i] = w.seal(score, keyActive, "42")
		}
		body := wire.AppendValue(wire.AppendCount(nil, 1), arrayOf(arrayOf(elements...)))
		row, at := wire.Begin(nil, wire.TypeDataRow)
		row = wire.End(append(row, body...), at)
		out := new(Output)
		_, need, err := w.session.dataRow(len(row), row, out)
		if asked := need.Kind == NeedTime; asked != c.asks || err != nil {
			t.Errorf("%d values, %d bytes: needs %v, %v", c.values, len(row), need, err)
		}
		if c.asks {
			_, need, err = w.session.dataRow(len(row), row, out)
		}
		if need.Kind != NeedNothing || err != nil {
			t.Errorf("%d values: needs %v, %v", c.values, need, err)
		}
	}
}

// arrayOf is an array of bytea in binary.
func arrayOf(elements ...[]byte) []byte {
	b := []byte{0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 17}
	b = append(binary.BigEndian.AppendUint32(b, uint32(len(elements))), 0, 0, 0, 1)
	for _, e := range elements {
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(e))), e...)
	}
	return b
}
