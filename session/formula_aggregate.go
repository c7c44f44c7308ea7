package session

import (
	"slices"
	"strings"

	"pgseal/logical"
	"pgseal/rewrite"
	"pgseal/wire"
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
	pairs := f.Aggregate.OfPairs()
	if len(f.Args)-len(f.SortKeys) > 1 && !pairs {
		v, need, err := s.formula(f.Args[1], g, f.Expected(1, g.typeOf))
		if err != nil || need.Kind != NeedNothing {
			return v, need, err
		}
		between = v
	}
	aggregation, kept := f.Aggregate.Begin(oid, f.Distinct, f.Descending, f.Order), len(s.buf.value)
	if f.SortsTexts {
		aggregation.SortTexts()
	}
	if f.Aggregate.TakesFraction() && !between.null {
		if between, err = s.castValue(logical.Type{OID: logical.OIDFloat8, Typmod: -1}, between); err != nil {
			return nullValue, Need{}, err
		}
		aggregation.SetFraction(between.Data)
		kept = len(s.buf.value)
	}
	row := *g
	row.row = make([][]byte, len(f.Row))
	var need Need
	var sorted sortedValues
	one := func(elem []byte, null bool) error {
		if err := readRow(row.row, f, elem, null); err != nil {
			return err
		}
		s.buf.value = s.buf.value[:kept] // of the row before
		v, n, err := s.formula(arg, &row, 0)
		if need = n; err == nil && n.Kind != NeedNothing {
			err = errWaits
		}
		if err == nil && f.SortKeys != nil {
			need, err = sorted.take(s, f, &row, v)
			if err == nil && need.Kind != NeedNothing {
				err = errWaits
			}
			return err
		}
		if err == nil && v.null {
			aggregation.AddNull()
		}
		if err != nil || v.null {
			return err
		}
		if pairs {
			second, n, err := s.formula(f.Args[1], &row, logical.OIDFloat8)
			if need = n; err == nil && n.Kind != NeedNothing {
				err = errWaits
			}
			if err != nil || second.null {
				return err
			}
			return aggregation.AddPair(v.Value, second.Value, &s.settings.utf8)
		}
		return aggregation.Add(v.Value, between.Data, &s.settings.utf8)
	}
	if len(cell.Data) > 0 {
		_, err = logical.Elements(logical.Value{Data: cell.Data, Binary: true}, one)
	}
	if err == nil && f.SortKeys != nil {
		err = sorted.aggregate(s, f, g, aggregation, between.Data)
	}
	switch {
	case err == errWaits:
		return nullValue, need, nil
	case err == errCells:
		return nullValue, Need{}, &unopened{f.SealedColumn(), 0, err}
	case err != nil:
		return nullValue, Need{}, err
	}
	if f.Aggregate.TakesFraction() && between.null {
		return nullValue, Need{}, nil
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
	if len(row) == 0 { // count(*)
		return nil
	}
	all, err := readCells(row[:0], elem)
	if err != nil || len(all) != len(row) {
		return errCells
	}
	return nil
}

// errLargeGroup is for a group whose values do not fit into one row of the server.
var errLargeGroup = &wire.Error{
	Code: codeProgramLimit, Message: "the sealed values of a group do not fit into one row, in which pgseal asks for them to aggregate them",
	Hint: "Aggregate fewer rows at once, in groups or by conditions, or fewer columns in one statement.",
}

// aggregates says whether a statement at the front computes aggregates.
func (r *request) aggregates() bool {
	var st *rewrite.Statement
	switch {
	case r.kind != query:
		if r.portal.statement != nil {
			st = r.portal.statement.plan
		}
	case r.plan != nil && int(r.next) < len(r.plan.Statements()):
		st = &r.plan.Statements()[r.next]
	}
	return st != nil && slices.ContainsFunc(st.Computed(), (*rewrite.Formula).Aggregates)
}

// outOfRoom reports the errors of a server that has no room for an array, or for a row.
func outOfRoom(f wire.ErrorFields) bool {
	message := string(f.Get(wire.FieldMessage))
	return string(f.Get(wire.FieldCode)) == codeProgramLimit && (message == "out of memory" || strings.HasPrefix(message, "array size exceeds")) ||
		strings.HasPrefix(message, "invalid memory alloc request size")
}
