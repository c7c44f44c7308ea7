package session

import (
	"pgseal/logical"
	"pgseal/rewrite"
)

// aggregated computes an aggregate of what all rows of a group have.
func (s *Session) aggregated(f *rewrite.Formula, g *given) (computedValue, Need, error) {
	cell, _, err := s.cellOf(f, g, oidBytea)
	if err != nil {
		return nullValue, Need{}, err
	}
	arg := f.Args[0]
	oid := arg.TypeOf(g.typeOf)
	var between computedValue
	if len(f.Args) > 1 {
		v, need, err := s.formula(f.Args[1], g, f.Expected(1, g.typeOf))
		if err != nil || need.Kind != NeedNothing {
			return v, need, err
		}
		between = v
	}
	aggregation, kept := f.Aggregate.Begin(oid, f.Distinct), len(s.buf.value)
	row := *g
	row.row = make([][]byte, len(f.Row))
	var need Need
	one := func(elem []byte, null bool) error {
		if err := readRow(row.row, f, elem, null); err != nil {
			return err
		}
		s.buf.value = s.buf.value[:kept] // of the row before
		v, n, err := s.formula(arg, &row, 0)
		if need = n; err == nil && n.Kind != NeedNothing {
			err = errWaits
		}
		if err != nil || v.null {
			return err
		}
		return aggregation.Add(v.Value, between.Data, &s.settings.utf8)
	}
	if len(cell.Data) > 0 {
		_, err = logical.Elements(logical.Value{Data: cell.Data, Binary: true}, one)
	}
	switch {
	case err == errWaits:
		return nullValue, need, nil
	case err == errCells:
		return nullValue, Need{}, &unopened{f.SealedColumn(), 0, err}
	case err != nil:
		return nullValue, Need{}, err
	}
	v := computedValue{Value: logical.Value{Binary: true, OID: f.Aggregate.Result(oid)}}
	v.Data, err = aggregation.Append(s.room(), &s.settings.utf8)
	v.null = v.Data == nil
	return s.kept(v), Need{}, err
}

// readRow reads what one row has in the columns of an aggregate: of one alone its value,
// of several an array of them.
func readRow(row [][]byte, f *rewrite.Formula, elem []byte, null bool) error {
	if len(row) == 1 {
		if null && f.Row[0].Kind == rewrite.ColumnValue {
			elem = []byte{} // which NULL is in an array of several
		} else if null {
			elem = nil
		}
		row[0] = elem
		return nil
	}
	all, err := readCells(row[:0], elem)
	if err != nil || len(all) != len(row) {
		return errCells
	}
	return nil
}
