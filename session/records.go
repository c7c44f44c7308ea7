package session

import (
	"errors"

	"pgseal/logical"
	"pgseal/rewrite"
)

// appendRecords appends a document with sealed members, in the binary form of its type.
func (s *Session) appendRecords(dst []byte, op *rewrite.Operand, v logical.Value) ([]byte, Need, error) {
	if err := s.canonical(op, v); err != nil {
		return dst, Need{}, valueError(err, op.Column)
	}
	document := s.buf.plain
	s.buf.plain = nil // which members are read into
	foreign, start := s.foreign, len(dst)
	s.foreign = true // the canonical form is UTF-8
	var need Need
	dst, err := op.Records.Append(dst, document, func(dst []byte, i int, m logical.Member) ([]byte, error) {
		var err error
		if dst, need, err = s.appendMember(dst, op.Records.Members[i], m); err == nil && need.Kind != NeedNothing {
			err = errNeed
		}
		return dst, err
	})
	s.foreign = foreign
	switch {
	case errors.Is(err, errNeed):
		return dst, need, nil
	case err != nil:
		return dst, Need{}, valueError(err, op.Column)
	case s.foreign:
		return dst, Need{}, nil
	}
	if dst, err = s.settings.values.FromUTF8(dst, start); err != nil {
		return dst, Need{}, valueError(err, op.Column)
	}
	return dst, Need{}, nil
}

// appendMember appends the JSON value that the server gets for a member: a string from
// which it makes a bytea.
func (s *Session) appendMember(dst []byte, op *rewrite.Operand, m logical.Member) ([]byte, Need, error) {
	t := op.Column.Type
	if op.Via != nil {
		t = *op.Via
	}
	v := logical.Value{Data: m.Text}
	if is := t.Shown().OID; is == logical.OIDJSON || is == logical.OIDJSONB {
		v.Data = m.ForJSON()
	}
	if m.Null || s.becomesNull(op, v) {
		return append(dst, "null"...), Need{}, nil
	}
	out, need, err := s.appendOperand(s.buf.array[:0], op, v)
	if err != nil || need.Kind != NeedNothing {
		return dst, need, err
	}
	s.buf.array = out
	return append(logical.EncodeHex(append(dst, `"\\x`...), out), '"'), Need{}, nil
}
