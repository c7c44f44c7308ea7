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
	size  int  // bytes
	other bool // the rows that are added are those of another operand
	equal bool // it matters only which values are the same
}

// rankedRow is a row by its key. failed stands for the error that its value has, "" for none.
type rankedRow struct {
	key, value []byte // value is in canonical form, nil for NULL
	failed     string
	at         int  // its place among the rows, from 1
	other      bool // it is one of another operand's
}

// rankRows adds the rows of an operand, and of those among whose its ranks are.
func (s *Session) rankRows(op *rewrite.Operand, answer int, g *given, oid uint32) (r ranking, need Need, err error) {
	r = ranking{oid: oid, texts: op.Texts, equal: op.Equal}
	among := op.Among
	if among == nil {
		among = []*rewrite.Operand{op}
	}
	for _, of := range among {
		from := answer
		if r.other = of != op; r.other {
			from = of.Formula.RowsAnswer()
			t, err := s.readFormula(of, g, of.Check)
			if err != nil {
				return r, Need{}, err
			}
			if t != oid && !(isPlainText(t) && isPlainText(oid)) {
				return r, Need{}, refused(op.RefuseFormula(), nil)
			}
		}
		if need, err = s.formulaRows(of, from, g, func() (Need, error) { return s.rankRow(&r, of, g) }); err != nil || need.Kind != NeedNothing {
			return r, need, err
		}
	}
	return r, Need{}, nil
}

func isPlainText(oid uint32) bool { return oid == logical.OIDText || oid == logical.OIDVarchar }

// rankRow adds a row.
func (s *Session) rankRow(r *ranking, op *rewrite.Operand, g *given) (Need, error) {
	s.buf.value = s.buf.value[:0]
	v, need, err := s.formula(op.Formula, g, r.oid)
	row := rankedRow{key: op.AppendKey(nil, g.row), at: len(r.rows) + 1, other: r.other}
	switch e := statementError(err); {
	case e != nil && isValueError(e) && !r.other: // of those their own object tells
		row.failed = s.failedRows.note(e)
	case e != nil && isValueError(e):
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
// have the same one, and NULL has none, so that the server puts it where it belongs. Where the order
// does not matter, it is not shown: the rank is the place of the first row with the value.
func (r *ranking) append(dst []byte) []byte {
	slices.SortStableFunc(r.rows, func(v, w rankedRow) int { return compareKey(v.value, w.value, r.oid, r.texts, false, false) })
	rank, empty := 0, true
	for i, row := range r.rows {
		if i == 0 || compareKey(r.rows[i-1].value, row.value, r.oid, r.texts, false, false) != 0 {
			if rank++; r.equal {
				rank = row.at
			}
		}
		if row.other {
			continue
		}
		if !empty {
			dst = append(dst, ',')
		}
		empty = false
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
