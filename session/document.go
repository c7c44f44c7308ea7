package session

import (
	"bytes"
	"encoding/hex"
	"errors"

	"pgseal/catalog"
	"pgseal/envelope"
	"pgseal/logical"
	"pgseal/wire"
)

var errDocument = errors.New("a sealed value in a document is not what was put there")

// openAllHeld gives the body of a DataRow with the sealed values in its JSON and
// arrays opened.
func (s *Session) openAllHeld(body []byte) ([]byte, Need, error) {
	values, err := wire.ParseDataRow(body)
	if err != nil {
		return body, Need{}, errDataRow
	}
	t := s.theBatch()
	start := len(t.made)
	t.made = wire.AppendCount(t.made, values.Len())
	it := values.Iter()
	for i := range values.Len() {
		value, _ := it.Next()
		if i >= len(s.result.cells) || !s.result.cells[i].holds() || value == nil {
			t.made = wire.AppendValue(t.made, value)
			continue
		}
		if c := &s.result.cells[i]; c.output != nil {
			if need, err := s.openOutput(c, value); err != nil || need.Kind != NeedNothing {
				t.made = t.made[:start]
				return body, need, err
			}
			continue
		}
		var at int
		t.made, at = wire.BeginValue(t.made)
		if need, err := s.openHeld(&s.result.cells[i], value); err != nil || need.Kind != NeedNothing {
			t.made = t.made[:start]
			return body, need, err
		}
		t.made = wire.EndValue(t.made, at)
	}
	return t.made[start:len(t.made):len(t.made)], Need{}, nil
}

// openHeld appends a value with envelopes in it to the rows made so far.
func (s *Session) openHeld(c *cell, value []byte) (Need, error) {
	switch {
	case c.sealed.Elements != nil:
		return s.openElements(c, value)
	case c.sealed.Record != nil:
		return s.openRecord(c, value)
	}
	return s.openDocument(c.sealed.Document, value)
}

// openDocument appends a document with its values to the rows made so far.
func (s *Session) openDocument(d *catalog.Document, text []byte) (Need, error) {
	t := s.theBatch()
	for {
		at := bytes.Index(text, d.Begins)
		if at < 0 {
			t.made = append(t.made, text...)
			return Need{}, nil
		}
		t.made = append(t.made, text[:at]...)
		text = text[at+len(d.Begins):]
		end := bytes.IndexByte(text, '"')
		if end < 2 {
			return Need{}, &unopened{d.Parts[0].Column, 0, errDocument}
		}
		var number [1]byte
		if _, err := hex.Decode(number[:], text[:2]); err != nil || int(number[0]) >= len(d.Parts) {
			return Need{}, &unopened{d.Parts[0].Column, 0, errDocument}
		}
		if need, err := s.openPart(&d.Parts[number[0]], text[2:end]); err != nil || need.Kind != NeedNothing {
			return need, err
		}
		text = text[end+1:]
	}
}

// openValue opens one envelope that stands in something else and gives its canonical
// value as the column's type, valid until the next one is opened.
func (s *Session) openValue(c *catalog.SealedColumn, value []byte) (plain []byte, need Need, err error) {
	h, err := envelope.Parse(value)
	if err != nil {
		return nil, Need{}, &unopened{c, 0, err}
	}
	k, need, err := s.key(h.KeyID)
	if k == nil {
		return nil, need, err
	}
	if s.buf.plain, err = appendOpen(k, s.buf.plain, c.ID, value); err != nil {
		return nil, Need{}, &unopened{c, h.KeyID, err}
	}
	plain = s.buf.plain
	if c.IsCast() {
		if plain, err = s.castOpened(c, plain); err != nil {
			return nil, Need{}, valueError(err, c)
		}
	}
	return plain, Need{}, nil
}

// openPart appends one value to the rows made so far.
func (s *Session) openPart(p *catalog.Part, digits []byte) (need Need, err error) {
	t := s.theBatch()
	if s.buf.out, err = logical.DecodeHex(s.buf.out[:0], digits); err != nil {
		return Need{}, &unopened{p.Column, 0, errDocument}
	}
	plain, need, err := s.openValue(p.Column, s.buf.out)
	if err != nil || need.Kind != NeedNothing {
		return need, err
	}
	t.made, err = s.typeNow(p.Column, p.Column.Type).AppendJSON(t.made, plain, p.Binary, &s.settings.values)
	if err != nil {
		return Need{}, valueError(err, p.Column)
	}
	return Need{}, nil
}
