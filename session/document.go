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

// openDocuments gives the body of a DataRow with the sealed values in its JSON
// opened: the same body if there are none.
func (s *Session) openDocuments(body []byte) ([]byte, Need, error) {
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
		var c *catalog.SealedColumn
		if i < len(s.result.cells) {
			c = s.result.cells[i].sealed
		}
		if c == nil || c.Document == nil || value == nil {
			t.made = wire.AppendValue(t.made, value)
			continue
		}
		var at int
		t.made, at = wire.BeginValue(t.made)
		if need, err := s.openDocument(c.Document, value); err != nil || need.Kind != NeedNothing {
			t.made = t.made[:start]
			return body, need, err
		}
		t.made = wire.EndValue(t.made, at)
	}
	return t.made[start:len(t.made):len(t.made)], Need{}, nil
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

// openPart appends one value to the rows made so far.
func (s *Session) openPart(p *catalog.Part, digits []byte) (need Need, err error) {
	t := s.theBatch()
	if s.buf.out, err = logical.DecodeHex(s.buf.out[:0], digits); err != nil {
		return Need{}, &unopened{p.Column, 0, errDocument}
	}
	h, err := envelope.Parse(s.buf.out)
	if err != nil {
		return Need{}, &unopened{p.Column, 0, err}
	}
	k, need, err := s.key(h.KeyID)
	if k == nil {
		return need, err
	}
	if s.buf.plain, err = appendOpen(k, s.buf.plain, p.Column.ID, s.buf.out); err != nil {
		return Need{}, &unopened{p.Column, h.KeyID, err}
	}
	plain := s.buf.plain
	if p.Column.IsCast() {
		if plain, err = s.castOpened(p.Column, plain); err != nil {
			return Need{}, valueError(err, p.Column)
		}
	}
	t.made, err = s.typeNow(p.Column, p.Column.Type).AppendJSON(t.made, plain, p.Binary, &s.settings.values)
	if err != nil {
		return Need{}, valueError(err, p.Column)
	}
	return Need{}, nil
}
