package session

import (
	"errors"
	"strconv"

	"pgseal/logical"
	"pgseal/rewrite"
	"pgseal/wire"
)

// appendFormulaRows appends a jsonb object, in its binary form, with the value of an
// operand's formula for each row that the answer has, sealed: by what the row has now.
func (s *Session) appendFormulaRows(dst []byte, op *rewrite.Operand, answer int, g given, check func(oid uint32) *rewrite.Refusal) (out []byte, need Need, err error) {
	const jsonbVersion = 1
	t, err := s.readFormula(op, &g, check)
	if err != nil {
		return dst, Need{}, err
	}
	v, null, err := s.answer(answer)
	if err != nil {
		return dst, Need{}, err
	}
	dst = append(dst, jsonbVersion, '{')
	if null {
		return append(dst, '}'), Need{}, nil
	}
	if v.OID != oidByteaArray {
		return dst, Need{}, errUnasked
	}
	columns := op.Formula.Cells()
	g.row = make([][]byte, 0, columns)
	rows := 0
	_, err = logical.ElementsIn(v, nil, func(cell []byte, null bool) error {
		if null {
			cell = nil
		} else if cell == nil {
			cell = []byte{}
		}
		if g.row = append(g.row, cell); len(g.row) < columns {
			return nil
		}
		if rows++; rows > rewrite.MaxFormulaRows {
			return tooManyRows()
		}
		if rows > 1 {
			dst = append(dst, ',')
		}
		dst, need, err = s.appendFormulaRow(dst, op, &g, t)
		if g.row = g.row[:0]; err == nil && need.Kind != NeedNothing {
			err = errNeed
		}
		return err
	})
	switch {
	case errors.Is(err, errNeed):
		return dst, need, nil
	case err != nil:
		return dst, Need{}, err
	case len(g.row) > 0:
		return dst, Need{}, errUnasked
	}
	return append(dst, '}'), Need{}, nil
}

// appendFormulaRow appends the member for one row; an empty string stands for NULL.
func (s *Session) appendFormulaRow(dst []byte, op *rewrite.Operand, g *given, t uint32) ([]byte, Need, error) {
	s.buf.value = s.buf.value[:0]
	v, need, err := s.formula(op.Formula, g, t)
	if err != nil || need.Kind != NeedNothing {
		return dst, need, err
	}
	dst = append(rewrite.AppendRowKey(append(dst, '"'), g.row), `":"`...)
	if v.null {
		return append(dst, '"'), Need{}, nil
	}
	if op.Decides {
		return append(strconv.AppendBool(dst, v.Data[0] == 1), '"'), Need{}, nil
	}
	defer func(foreign bool) { s.foreign = foreign }(s.foreign)
	s.foreign = true // the canonical form is UTF-8
	sealed, need, err := s.appendOperand(s.buf.array[:0], op, v.Value)
	if err != nil || need.Kind != NeedNothing {
		return dst, need, err
	}
	s.buf.array = sealed
	return append(logical.EncodeHex(append(dst, `\\x`...), sealed), '"'), Need{}, nil
}

func tooManyRows() *wire.Error {
	limit := strconv.Itoa(rewrite.MaxFormulaRows)
	return &wire.Error{
		Code: codeProgramLimit, Message: "pgseal computes sealed values of at most " + limit + " rows in one statement",
		Detail: "Nothing has been changed.", Hint: "Update the rows in parts, by a range of the primary key for example.",
	}
}
