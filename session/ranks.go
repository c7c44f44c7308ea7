package session

import (
	"slices"
	"strconv"

	"pgseal/logical"
	"pgseal/rewrite"
)

// ranking are rows that the server sorts by what a formula gives of them; see rewrite.Operand.
type ranking struct {
	oid   uint32             // the type of the values
	texts *logical.TextOrder // if they are texts
	rows  []rankedRow
	size  int // bytes
}

// rankedRow is a row by its key. failed stands for the error that its value has, "" for none.
type rankedRow struct {
	key, value []byte // value is in canonical form, nil for NULL
	failed     string
}

// rankRow adds a row.
func (s *Session) rankRow(r *ranking, op *rewrite.Operand, g *given) (Need, error) {
	s.buf.value = s.buf.value[:0]
	v, need, err := s.formula(op.Formula, g, r.oid)
	row := rankedRow{key: op.AppendKey(nil, g.row)}
	switch e := statementError(err); {
	case e != nil && isValueError(e):
		row.failed = s.failedRows.note(e)
	case err != nil || need.Kind != NeedNothing:
		return need, err
	case !v.null:
		if err := r.texts.Check(v.Value); err != nil {
			return Need{}, err
		}
		row.value = append([]byte{}, v.Data...)
	}
	if r.size += rowOverhead + len(row.key) + len(row.value); r.size+s.heldSize() > min(heldBytes, s.cfg.MaxFrame) {
		return Need{}, errArrangedRows
	}
	r.rows = append(r.rows, row)
	return Need{}, nil
}

// append appends the members of a jsonb object with the rank of each row: rows of equal values
// have the same one, and NULL has none, so that the server puts it where it belongs.
func (r *ranking) append(dst []byte) []byte {
	slices.SortFunc(r.rows, func(v, w rankedRow) int { return compareKey(v.value, w.value, r.oid, r.texts, false, false) })
	rank := 0
	for i, row := range r.rows {
		if i > 0 {
			dst = append(dst, ',')
		}
		if i == 0 || compareKey(r.rows[i-1].value, row.value, r.oid, r.texts, false, false) != 0 {
			rank++
		}
		dst = append(append(append(dst, '"'), row.key...), `":"`...)
		switch {
		case row.failed != "":
			dst = append(dst, row.failed...)
		case row.value != nil:
			dst = strconv.AppendInt(dst, int64(rank), 10)
		}
		dst = append(dst, '"')
	}
	return dst
}
