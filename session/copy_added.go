package session

import (
	"crypto/rand"
	"encoding/binary"

	"pgseal/copyformat"
	"pgseal/logical"
	"pgseal/rewrite"
	"pgseal/wire"
)

// A COPY FROM that leaves out a column with a computed default gets it behind the
// client's own in each row (rewrite.AddedColumn). As in PostgreSQL a default that does
// not fit fails the first row, and none if there are no rows.

// addedValues are what such columns get.
type addedValues struct {
	list []addedValue
	uuid [16]byte // the last one
}

// addedValue is what one gets in every row.
type addedValue struct {
	canonical []byte // nil for NULL
	err       error
}

// readAdded reads the values that the server has computed in front of the COPY.
func (s *Session) readAdded(answers *computed) {
	c := s.copying.in
	c.added = &addedValues{list: make([]addedValue, len(c.plan.Added))}
	for i := range c.plan.Added {
		if column := &c.plan.Added[i]; !column.UUID {
			v := &c.added.list[i]
			v.canonical, v.err = s.readAnswer(column, answers)
		}
	}
}

func (s *Session) readAnswer(column *rewrite.AddedColumn, answers *computed) ([]byte, error) {
	v, null, err := answers.value(column.Answer)
	if err != nil || null {
		return nil, err
	}
	if r := column.Operand.Check(v.OID); r != nil {
		return nil, refused(r, nil)
	}
	if err := s.canonical(column.Operand, v); err != nil {
		return nil, valueError(err, column.Operand.Column)
	}
	return append([]byte{}, s.buf.plain...), nil
}

// sealAdded seals the value of an added column for the row at hand; nil is NULL. It is
// valid until the next value is sealed.
func (s *Session) sealAdded(i int) (sealed []byte, need Need, err error) {
	c := s.copying.in
	column := c.plan.Added[i].Operand.Column
	switch v := &c.added.list[i]; {
	case c.plan.Added[i].UUID:
		if s.buf.plain, err = column.Type.AppendCanonical(s.buf.plain[:0], c.added.randomUUID(), logical.Assign, &c.utf8); err != nil {
			return nil, Need{}, valueError(err, column)
		}
	case v.err != nil:
		return nil, Need{}, v.err
	case v.canonical == nil:
		return nil, Need{}, nil
	default:
		s.buf.plain = append(s.buf.plain[:0], v.canonical...)
	}
	out, need, err := s.appendEnvelope(s.buf.out[:0], column)
	if err != nil || need.Kind != NeedNothing {
		return nil, need, err
	}
	s.buf.out = out
	return out, Need{}, nil
}

// randomUUID makes one of version 4, as gen_random_uuid() does.
func (a *addedValues) randomUUID() logical.Value {
	_, _ = rand.Read(a.uuid[:]) // it ends the process rather than fail
	a.uuid[6] = a.uuid[6]&0x0f | 0x40
	a.uuid[8] = a.uuid[8]&0x3f | 0x80
	return logical.Value{Data: a.uuid[:], Binary: true, OID: logical.OIDUUID}
}

// addedFailure is why the value of an added column cannot be sealed; err is for the
// session.
func addedFailure(err error, where string) (*copyFailure, error) {
	e := statementError(err)
	if e == nil {
		return nil, err
	}
	failure := *e
	failure.Where = within(e.Where, where)
	return &copyFailure{failure: &failure}, nil
}

// appendAdded appends the added columns to a line of the text or CSV format.
func (s *Session) appendAdded(dst, line []byte) ([]byte, Need, *copyFailure, error) {
	c := s.copying.in
	f := &c.plan.Format
	for i := range c.plan.Added {
		dst = append(dst, f.Delimiter)
		sealed, need, err := s.sealAdded(i)
		switch {
		case need.Kind != NeedNothing:
			return dst, need, nil, nil
		case err != nil:
			failure, err := addedFailure(err, c.lineContext(line))
			return c.appendMarker(dst), Need{}, failure, err
		case sealed == nil:
			dst = append(dst, f.Null...)
		default:
			dst = f.AppendBytea(dst, sealed)
		}
	}
	return dst, Need{}, nil, nil
}

// appendAddedNames appends their names to a header that the server compares with its
// columns.
func (c *copyIn) appendAddedNames(dst []byte) []byte {
	f := &c.plan.Format
	for i := range c.plan.Added {
		name := []byte(c.plan.Added[i].Operand.Column.Name)
		if encoded, err := c.values.FromUTF8(name, 0); err == nil {
			name = encoded
		}
		if dst = append(dst, f.Delimiter); f.Kind == copyformat.CSV {
			dst = f.AppendQuoted(dst, name, false, false)
		} else {
			dst = f.AppendEscaped(dst, name)
		}
	}
	return dst
}

// appendAddedFields appends the added columns to a row of the binary format; line is
// the client's, nil if it has none.
func (s *Session) appendAddedFields(dst, line []byte) ([]byte, Need, *copyFailure, error) {
	c := s.copying.in
	for i := range c.plan.Added {
		sealed, need, err := s.sealAdded(i)
		switch {
		case need.Kind != NeedNothing:
			return dst, need, nil, nil
		case err != nil:
			where := c.place()
			if line != nil {
				where = c.lineContext(line)
			}
			failure, err := addedFailure(err, where)
			return wire.AppendInt32(dst, noSize), Need{}, failure, err
		}
		dst = wire.AppendValue(dst, sealed)
	}
	return dst, Need{}, nil, nil
}

// miscounted is what the server says of a row of the binary format with another number
// of fields. It gets one that it does not expect either.
func (c *copyIn) miscounted(dst []byte) ([]byte, *copyFailure) {
	got, want := int(int16(binary.BigEndian.Uint16(c.tuples.Trigger))), len(c.plan.Columns)
	e := &wire.Error{Code: codeBadCopyFormat, Where: c.place(), Message: "row field count is " + itoa(got) + ", expected " + itoa(want)}
	return wire.AppendCount(dst, want+len(c.plan.Added)+1), &copyFailure{failure: e, code: codeBadCopyFormat, line: c.number}
}
