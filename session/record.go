package session

import (
	"encoding/binary"
	"errors"

	"pgseal/catalog"
	"pgseal/rewrite"
	"pgseal/wire"
)

var errRecord = errors.New("a row with sealed values is not one")

// openRecord appends a row with envelopes in it as the row with their values to the
// rows made so far. Server and client have it in the same format.
func (s *Session) openRecord(c *cell, value []byte) (Need, error) {
	switch {
	case c.server == wire.Binary:
		return s.openBinaryRecord(c.sealed, value)
	case s.settings.tricky:
		return Need{}, refused(rewrite.RefuseEncoding(s.settings.encoding), nil)
	}
	return s.openTextRecord(c.sealed, value)
}

// openBinaryRecord reads and writes what record_send() gives: the number of columns,
// and of each the type, the length or -1 for NULL, and the value.
func (s *Session) openBinaryRecord(r *catalog.SealedColumn, data []byte) (Need, error) {
	const perColumn = 8
	t := s.theBatch()
	if len(data) < 4 || int(binary.BigEndian.Uint32(data)) != len(r.Record) {
		return Need{}, &unopened{r, 0, errRecord}
	}
	t.made = append(t.made, data[:4]...)
	data = data[4:]
	for _, of := range r.Record {
		if len(data) < perColumn {
			return Need{}, &unopened{r, 0, errRecord}
		}
		n := int32(binary.BigEndian.Uint32(data[4:]))
		if n < wire.Null || int64(n) > int64(len(data)-perColumn) {
			return Need{}, &unopened{r, 0, errRecord}
		}
		end := perColumn + max(0, int(n))
		column := data[:end:end]
		data = data[end:]
		if of == nil {
			t.made = append(t.made, column...)
			continue
		}
		t.made = binary.BigEndian.AppendUint32(t.made, of.Type.OID)
		if n == wire.Null {
			t.made = append(t.made, column[4:]...)
			continue
		}
		plain, need, err := s.openValue(of, column[perColumn:])
		if err != nil || need.Kind != NeedNothing {
			return need, err
		}
		var at int
		t.made, at = wire.BeginValue(t.made)
		if t.made, err = s.typeNow(of, of.Type).AppendBinary(t.made, plain, &s.settings.values); err != nil {
			return Need{}, valueError(err, of)
		}
		t.made = wire.EndValue(t.made, at)
	}
	if len(data) > 0 {
		return Need{}, &unopened{r, 0, errRecord}
	}
	return Need{}, nil
}

// openTextRecord reads and writes what record_out() gives.
func (s *Session) openTextRecord(r *catalog.SealedColumn, text []byte) (Need, error) {
	t := s.theBatch()
	if len(text) < 2 || text[0] != '(' || text[len(text)-1] != ')' {
		return Need{}, &unopened{r, 0, errRecord}
	}
	rest := text[1:]
	for i, of := range r.Record {
		t.made = append(t.made, text[0])
		if i > 0 {
			t.made[len(t.made)-1] = ','
		}
		n := recordField(rest)
		if last := i == len(r.Record)-1; n < 0 || last != (n == len(rest)-1) || !last && rest[n] != ',' {
			return Need{}, &unopened{r, 0, errRecord}
		}
		field := rest[:n:n]
		rest = rest[n+1:]
		if of == nil || n == 0 { // empty is NULL
			t.made = append(t.made, field...)
			continue
		}
		s.buf.out = appendRecordField(s.buf.out[:0], field)
		s.buf.array = append(s.buf.array[:0], s.buf.out...) // read into the same buffer
		plain, need, err := s.openWithin(of, s.buf.array, wire.Text)
		if err != nil || need.Kind != NeedNothing {
			return need, err
		}
		if s.buf.array, err = s.typeNow(of, of.Type).AppendText(s.buf.array[:0], plain, &s.settings.values); err != nil {
			return Need{}, valueError(err, of)
		}
		t.made = quoteRecordField(t.made, s.buf.array)
	}
	t.made = append(t.made, ')')
	return Need{}, nil
}

// recordField finds the comma or bracket behind a column, -1 if there is none.
func recordField(text []byte) int {
	quoted := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\':
			i++
		case c == '"':
			quoted = !quoted // "" inside of quotation marks does so twice
		case !quoted && (c == ',' || c == ')'):
			return i
		}
	}
	return -1
}

// appendRecordField appends what stands in a column as record_out() writes it.
func appendRecordField(dst, field []byte) []byte {
	quoted := false
	for i := 0; i < len(field); i++ {
		switch c := field[i]; {
		case c == '\\' && i+1 < len(field):
			i++
			dst = append(dst, field[i])
		case c == '"' && quoted && i+1 < len(field) && field[i+1] == '"':
			i++
			dst = append(dst, c)
		case c == '"':
			quoted = !quoted
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// quoteRecordField appends a value as record_out() writes it.
func quoteRecordField(dst, value []byte) []byte {
	quote := len(value) == 0
	for _, c := range value {
		switch c {
		case '"', '\\', '(', ')', ',', ' ', '\t', '\n', '\v', '\f', '\r':
			quote = true
		}
	}
	if !quote {
		return append(dst, value...)
	}
	dst = append(dst, '"')
	for _, c := range value {
		if c == '"' || c == '\\' {
			dst = append(dst, c)
		}
		dst = append(dst, c)
	}
	return append(dst, '"')
}
