package session

import (
	"bytes"
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
	dst = append(dst, jsonbVersion, '{')
	s.failedRows.begin()
	if op.Ranks {
		ranks, need, err := s.rankRows(op, answer, &g, t)
		if err != nil || need.Kind != NeedNothing {
			return dst, need, err
		}
		return append(ranks.append(dst), '}'), Need{}, nil
	}
	need, err = s.formulaRows(op, answer, &g, func() (need Need, err error) {
		if dst[len(dst)-1] != '{' {
			dst = append(dst, ',')
		}
		dst, need, err = s.appendFormulaRow(dst, op, &g, t)
		return need, err
	})
	if err != nil || need.Kind != NeedNothing {
		return dst, need, err
	}
	return append(dst, '}'), Need{}, nil
}

// formulaRows calls add for each row that an answer has, with what it has in the formula's columns
// in g.
func (s *Session) formulaRows(op *rewrite.Operand, answer int, g *given, add func() (Need, error)) (need Need, err error) {
	v, null, err := s.answer(answer)
	if err != nil {
		return Need{}, err
	}
	if op.Absent && op.Subqueries == 0 {
		g.row = append(op.Formula.AbsentRow(), make([][]byte, op.Keys)...)
		if need, err = add(); err != nil || need.Kind != NeedNothing {
			return need, err
		}
	}
	if null {
		return Need{}, nil
	}
	if v.OID != oidByteaArray {
		return Need{}, errUnasked
	}
	columns := op.Formula.Cells() + op.Keys
	row, rows := make([][]byte, 0, columns), 0 // not in g yet, which would have all of g be allocated
	_, err = logical.ElementsIn(v, nil, func(cell []byte, null bool) error {
		if null {
			cell = nil
		} else if cell == nil {
			cell = []byte{}
		}
		if row = append(row, cell); len(row) < columns {
			return nil
		}
		g.row = row
		if rows++; rows > rewrite.MaxFormulaRows {
			return tooManyRows(op)
		}
		need, err = add()
		if row = row[:0]; err == nil && need.Kind != NeedNothing {
			err = errNeed
		}
		return err
	})
	switch {
	case errors.Is(err, errNeed):
		return need, nil
	case err != nil:
		return Need{}, err
	case len(row) > 0:
		return Need{}, errUnasked
	}
	return Need{}, nil
}

// appendFormulaRow appends the member for one row; an empty string stands for NULL.
func (s *Session) appendFormulaRow(dst []byte, op *rewrite.Operand, g *given, t uint32) ([]byte, Need, error) {
	s.buf.value = s.buf.value[:0]
	v, need, err := s.formula(op.Formula, g, t)
	if e := statementError(err); op.Absent && op.Decides && e != nil && isValueError(e) {
		dst = append(op.AppendKey(append(dst, '"'), g.row), `":"`...)
		return append(append(dst, s.failedRows.note(e)...), '"'), Need{}, nil
	}
	if err != nil || need.Kind != NeedNothing {
		return dst, need, err
	}
	dst = append(op.AppendKey(append(dst, '"'), g.row), `":"`...)
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

// failedRows are the last errors of conditions on rows. PostgreSQL may not come to such a row;
// if it does, the server finds something there that is neither true nor false.
type failedRows struct {
	errors []*wire.Error
	noted  int // of all that there have been
	before int // of these, those before the rows at hand
	size   int // bytes of their messages, which can have values in them
}

// maxFailedRows is how many errors are kept, and maxFailedSize, in bytes, how much of them.
const (
	maxFailedRows = 1 << 10
	maxFailedSize = 1 << 18
)

const undecidedMarker = "pgseal_undecided_"

// begin is for the rows of another question.
func (u *failedRows) begin() { u.before = u.noted }

// note keeps an error, and gives what stands for it. If there are too many for the same rows, it is
// the last that is kept.
func (u *failedRows) note(e *wire.Error) string {
	full := len(u.errors) >= maxFailedRows || u.size+len(e.Message) > maxFailedSize
	if full && len(u.errors) > 0 && u.noted-len(u.errors) >= u.before {
		return undecidedMarker + itoa(u.noted-1)
	}
	if n := len(u.errors); n == 0 || *u.errors[n-1] != *e {
		u.errors, u.noted, u.size = append(u.errors, e), u.noted+1, u.size+len(e.Message)
	}
	for len(u.errors) > 1 && (len(u.errors) > maxFailedRows || u.size > maxFailedSize) {
		u.size -= len(u.errors[0].Message)
		u.errors[0], u.errors = nil, u.errors[1:]
	}
	return undecidedMarker + itoa(u.noted-1)
}

// found is the error that the server has come upon, nil if it is another one.
func (u *failedRows) found(f wire.ErrorFields) *wire.Error {
	_, rest, ok := bytes.Cut(f.Get(wire.FieldMessage), []byte(undecidedMarker))
	if !ok || string(f.Get(wire.FieldCode)) != codeInvalidText {
		return nil
	}
	digits := len(rest) - len(bytes.TrimLeft(rest, "0123456789")) // quotes are those of the server's language
	n, err := strconv.Atoi(string(rest[:digits]))
	first := u.noted - len(u.errors)
	if err != nil || n < first || n >= u.noted {
		return refused(rewrite.RefuseRowChanged(), nil)
	}
	return u.errors[n-first]
}

func tooManyRows(op *rewrite.Operand) *wire.Error {
	limit := strconv.Itoa(rewrite.MaxFormulaRows)
	if op.Ranks {
		return &wire.Error{
			Code: codeProgramLimit, Message: "pgseal ranks at most " + limit + " rows of " + op.Column.Table + " by sealed values in this place",
			Hint: "Put conditions on plain columns of the table beside it, or have the statement's own ORDER BY sort, which holds more rows.",
		}
	}
	if op.Absent && !op.Decides {
		return &wire.Error{
			Code: codeProgramLimit, Message: "pgseal seals the values of at most " + limit + " rows of other columns in one statement",
			Detail: "Nothing has been changed.", Hint: "Insert the rows in parts, by a range of the primary key for example.",
		}
	}
	if op.Formula.Kind == rewrite.Inner && op.Decides {
		return &wire.Error{
			Code: codeProgramLimit, Message: "pgseal decides conditions on sealed values of at most " + limit + " groups of " + op.Column.Table + " in this place",
			Hint: "Put conditions on plain columns into the WHERE of the query that groups, or have the statement's own HAVING ask for it.",
		}
	}
	if op.Absent {
		return &wire.Error{
			Code: codeProgramLimit, Message: "pgseal decides conditions on sealed values of at most " + limit + " rows of " + op.Column.Table + " in this place",
			Hint: "Put conditions on plain columns of the table beside it, or have the statement's own WHERE, without windows and the like, ask for the range.",
		}
	}
	return &wire.Error{
		Code: codeProgramLimit, Message: "pgseal computes sealed values of at most " + limit + " rows in one statement",
		Detail: "Nothing has been changed.", Hint: "Update the rows in parts, by a range of the primary key for example.",
	}
}
