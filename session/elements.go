package session

import (
	"errors"

	"pgseal/catalog"
	"pgseal/logical"
	"pgseal/wire"
)

var errElements = errors.New("an array of sealed values is not one")

// openElements appends an array of envelopes, in the server's format of the cell, as
// the array of their values to the rows made so far.
func (s *Session) openElements(c *cell, value []byte) (Need, error) {
	of := c.sealed.Elements
	v := logical.Value{Data: value, Binary: c.server == wire.Binary}
	n := 0
	if _, err := logical.Elements(v, func([]byte, bool) error { n++; return nil }); err != nil {
		return Need{}, &unopened{of, 0, errElements}
	}
	var array logical.ArrayMaker
	s.buf.array, array = c.sealed.Type.BeginArray(s.buf.array[:0], n)
	var need Need
	_, err := logical.Elements(v, func(elem []byte, null bool) (err error) {
		if null {
			s.buf.array = array.Append(s.buf.array, nil)
			return nil
		}
		var plain []byte
		if plain, need, err = s.openWithin(of, elem, c.server); err == nil && need.Kind != NeedNothing {
			err = errWaits
		}
		if err == nil {
			s.buf.array = array.Append(s.buf.array, plain[:len(plain):len(plain)])
		}
		return err
	})
	switch {
	case errors.Is(err, errWaits):
		return need, nil
	case err != nil:
		return Need{}, err
	}
	const flags, end = 4, 8 // of the binary form: whether there are NULLs
	if v.Binary && len(value) >= end && len(s.buf.array) >= end {
		// A slice of an array with NULLs may be said to have some, too.
		copy(s.buf.array[flags:end], value[flags:end])
	}
	t := s.theBatch()
	if c.client == wire.Binary {
		t.made, err = c.sealed.Type.AppendBinary(t.made, s.buf.array, &s.settings.values)
	} else {
		t.made, err = c.sealed.Type.AppendText(t.made, s.buf.array, &s.settings.values)
	}
	if err != nil {
		return Need{}, valueError(err, of)
	}
	return Need{}, nil
}

// errWaits ends a walk that needs something first.
var errWaits = errors.New("session: waits")

// openWithin opens an envelope that stands in something else, in a format of the
// server, and gives its canonical value, valid until the next one is opened.
func (s *Session) openWithin(of *catalog.SealedColumn, value []byte, format int16) (plain []byte, need Need, err error) {
	if format == wire.Text {
		if s.buf.out, err = s.appendByteaText(s.buf.out[:0], value); err != nil {
			return nil, Need{}, &unopened{of, 0, err}
		}
		value = s.buf.out
	}
	return s.openValue(of, value)
}
