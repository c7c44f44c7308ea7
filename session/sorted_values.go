package session

import (
	"slices"

	"pgseal/logical"
	"pgseal/rewrite"
)

// sortedValues are those of an aggregate with ORDER BY, before they are aggregated.
type sortedValues struct {
	rows []sortedValue
}

// sortedValue is what one row has.
type sortedValue struct {
	value logical.Value
	null  bool
	keys  [][]byte // in canonical form, nil for NULL
}

// take takes the value of a row, and computes its keys.
func (v *sortedValues) take(s *Session, f *rewrite.Formula, row *given, of computedValue) (Need, error) {
	one := sortedValue{value: of.Value, null: of.null}
	one.value.Data = append([]byte{}, of.Data...)
	first := len(f.Args) - len(f.SortKeys)
	for i, key := range f.Args[first:] {
		k, need, err := s.formula(key, row, 0)
		if err != nil || need.Kind != NeedNothing {
			return need, err
		}
		if k.null {
			one.keys = append(one.keys, nil)
			continue
		}
		if err := f.SortKeys[i].Order.Check(k.Value); err != nil {
			return Need{}, err
		}
		one.keys = append(one.keys, append([]byte{}, k.Data...))
	}
	v.rows = append(v.rows, one)
	return Need{}, nil
}

// aggregate aggregates the values in order.
func (v *sortedValues) aggregate(s *Session, f *rewrite.Formula, g *given, to *logical.Aggregation, between []byte) error {
	var types []uint32
	for _, key := range f.Args[len(f.Args)-len(f.SortKeys):] {
		types = append(types, key.TypeOf(g.typeOf))
	}
	slices.SortStableFunc(v.rows, func(a, b sortedValue) int { return compareKeys(a.keys, b.keys, types, f.SortKeys) })
	for _, one := range v.rows {
		if one.null {
			to.AddNull()
			continue
		}
		if err := to.Add(one.value, between, &s.settings.utf8); err != nil {
			return err
		}
	}
	return nil
}
