package session

import (
	"pgseal/logical"
	"pgseal/wire"
)

// foldRows leaves one row of all, in which the windows have aggregated them, also if there are none
// (rewrite.Window.Folds).
func (s *Session) foldRows(g *arranged, all *windowedRows) error {
	if len(all.rows) > 0 {
		all.order = all.order[:1]
		return nil
	}
	columns := g.first + g.plan.Hidden
	dst, start := wire.Begin(nil, wire.TypeDataRow)
	dst = wire.AppendCount(dst, columns)
	next := 0
	for i := range columns {
		if next == len(all.outputs) || all.outputs[next].column != i {
			dst = wire.AppendValue(dst, nil)
			continue
		}
		array, maker := byteaArray.BeginArray(nil, len(all.outputs[next].sealed.Cells))
		for range all.outputs[next].sealed.Cells {
			array = maker.Append(array, []byte{})
		}
		if all.outputs[next].server == wire.Text {
			array = logical.EncodeHex([]byte(`\x`), array)
		}
		dst, next = wire.AppendValue(dst, array), next+1
	}
	all.rows = []windowedRow{{body: wire.End(dst, start)[wire.HeaderLen:]}}
	all.order = []int{0}
	for i := range all.functions {
		f := &all.functions[i]
		made := f.Aggregate.Begin(f.Args[0].TypeOf(f.given.typeOf), false, false, f.Order)
		result, err := made.Append([]byte{}, &s.settings.utf8)
		if err != nil {
			return err
		}
		f.results = [][]byte{result}
	}
	return nil
}
