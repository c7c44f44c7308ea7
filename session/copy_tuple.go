package session

import (
	"pgseal/copyformat"
	"pgseal/logical"
	"pgseal/wire"
)

// noSize is a field's length that the server refuses ("invalid field size"). The
// lengths of a client's own fields have been checked, so its error tells that it
// has come to it.
const noSize = -2

// copyTuple appends the row at hand of the binary format, its sealed fields
// sealed.
func (s *Session) copyTuple(dst []byte) ([]byte, Need, *copyFailure, error) {
	c := s.copying.in
	t := c.tuples
	row := t.Bytes()
	var failure *copyFailure
	if c.event == copyformat.Fault {
		failure = &copyFailure{atEnd: true}
	}
	if c.event == copyformat.Marker || t.Head {
		return append(dst, row...), Need{}, nil, nil
	}
	kept := 0
	if added := len(c.plan.Added); added > 0 {
		switch {
		case len(row) > 0:
			dst, kept = wire.AppendCount(dst, len(c.plan.Columns)+added), 2
		case failure != nil && len(t.Trigger) == 2:
			dst, failure = c.miscounted(dst)
			return dst, Need{}, failure, nil
		}
	}
	for _, i := range c.plan.Sealed {
		if i >= t.Fields() {
			break
		}
		from, to, null := t.Field(i)
		if null {
			continue
		}
		column := &c.plan.Columns[i]
		dst = append(dst, row[kept:from-4]...)
		kept = to
		need, err := s.sealCopied(column.Operand, logical.Value{Data: row[from:to], Binary: true, OID: column.Operand.Column.Type.OID}, &c.values)
		if need.Kind != NeedNothing {
			return dst, need, nil, nil
		}
		if err == nil {
			dst = wire.AppendValue(dst, s.buf.out)
			continue
		}
		e := statementError(err)
		switch {
		case e == nil:
			return dst, Need{}, nil, err
		case !isValueError(e):
			return dst, Need{}, &copyFailure{failure: e}, nil
		}
		e.Where = within(e.Where, c.valueContext(column))
		return wire.AppendInt32(dst, noSize), Need{}, &copyFailure{failure: e, code: codeBadCopyFormat, line: c.number}, nil
	}
	dst = append(dst, row[kept:]...)
	if failure != nil {
		return append(dst, t.Trigger...), Need{}, failure, nil
	}
	dst, need, failure, err := s.appendAddedFields(dst, nil)
	if failure != nil {
		failure.code, failure.line = codeBadCopyFormat, c.number
	}
	return dst, need, failure, err
}
