package session

import (
	"encoding/binary"

	"pgseal/copyformat"
	"pgseal/envelope"
	"pgseal/logical"
	"pgseal/rewrite"
	"pgseal/wire"
)

// copyOut is a COPY TO whose rows are being opened.
type copyOut struct {
	plan     *rewrite.Copy
	settings copySettings
	alone    bool // the data has one column
	header   bool // the next line is the header
	begun    bool // binary: the header is over
	value    []byte
}

// copiedRow opens one row of a COPY TO, which is one CopyData.
func (s *Session) copiedRow(size int, b []byte, out *Output) (action, Need, error) {
	c := s.copying.out
	if s.failure.silent() {
		return drop, Need{}, nil
	}
	if c == nil {
		return relay, Need{}, nil
	}
	if size > s.cfg.MaxFrame {
		s.failure.begin(tooLong(size, s.cfg.MaxFrame))
		return drop, Need{}, nil
	}
	if len(b) < size {
		return s.incomplete(size)
	}
	row := b[wire.HeaderLen:]
	if c.header {
		c.header = false
		return relay, Need{}, nil
	}
	dst, start := wire.Begin(out.client.scratch, wire.TypeCopyData)
	var need Need
	var err error
	if c.plan.Format.Kind == copyformat.Binary {
		dst, need, err = s.openTuple(dst, row)
	} else {
		dst, need, err = s.openLine(dst, row)
	}
	switch {
	case err != nil:
		e := statementError(err)
		if e == nil {
			return wait, Need{}, err
		}
		s.failure.begin(e)
		return drop, Need{}, nil
	case need.Kind != NeedNothing:
		return wait, need, nil
	}
	out.client.put(wire.End(dst, start))
	c.begun = true
	return drop, Need{}, nil
}

// errCopiedRow is a row that is not what the plan says.
var errCopiedRow = violation("malformed COPY data from the server")

// openLine appends a line of the text or CSV format, its sealed fields opened.
func (s *Session) openLine(dst, row []byte) ([]byte, Need, error) {
	c := s.copying.out
	f := &c.plan.Format
	if len(row) == 0 || row[len(row)-1] != '\n' {
		return dst, Need{}, errCopiedRow
	}
	line := row[:len(row)-1]
	field, at, kept := 0, 0, 0
	for _, i := range c.plan.Sealed {
		for ; field < i; field++ {
			if at = f.FieldEnd(line, at) + 1; at > len(line) {
				return dst, Need{}, errCopiedRow
			}
		}
		end := f.FieldEnd(line, at)
		raw := line[at:end]
		if null, _ := f.Marks(raw); !null {
			dst = append(dst, line[kept:at]...)
			kept = end
			var need Need
			var err error
			if dst, need, err = s.openField(dst, raw, &c.plan.Columns[i]); err != nil || need.Kind != NeedNothing {
				return dst, need, err
			}
		}
		at, field = end+1, i+1
		if at > len(line)+1 {
			return dst, Need{}, errCopiedRow
		}
	}
	return append(dst, row[kept:]...), Need{}, nil
}

// openField appends what a sealed field stands for.
func (s *Session) openField(dst, raw []byte, column *rewrite.CopyColumn) ([]byte, Need, error) {
	c := s.copying.out
	f := &c.plan.Format
	sealed := column.Operand.Column
	stored, err := s.readCopied(raw)
	if err != nil {
		return dst, Need{}, s.corrupt(sealed, 0, err)
	}
	if need, err := s.openCopied(column, stored); err != nil || need.Kind != NeedNothing {
		return dst, need, err
	}
	if sealed.Type.OID == oidBytea {
		// The text of the envelope has shown how bytea_output stands.
		c.settings = s.copySettings(c.plan)
	}
	if c.value, err = sealed.Type.AppendText(c.value[:0], s.buf.plain, &c.settings.values); err != nil {
		return dst, Need{}, valueError(err, sealed)
	}
	if f.Kind == copyformat.CSV {
		return f.AppendQuoted(dst, c.value, column.ForceQuote, c.alone), Need{}, nil
	}
	return f.AppendEscaped(dst, c.value), Need{}, nil
}

// readCopied reads the text of an envelope into s.buf.out.
func (s *Session) readCopied(raw []byte) ([]byte, error) {
	c := s.copying.out
	f := &c.plan.Format
	const hexText = `\\x` // in the text format, where a backslash is escaped
	if f.Kind == copyformat.Text && len(raw) > len(hexText) && string(raw[:len(hexText)]) == hexText {
		var err error
		if s.buf.out, err = logical.DecodeHex(s.buf.out[:0], raw[len(hexText):]); err == nil {
			s.settings.setByteaOutput(false)
			return s.buf.out, nil
		}
	}
	if !f.Verbatim(raw) {
		c.value, _ = f.AppendValue(c.value[:0], raw)
		raw = c.value
	}
	return s.readByteaText(raw)
}

// openCopied opens an envelope into s.buf.plain.
func (s *Session) openCopied(column *rewrite.CopyColumn, stored []byte) (Need, error) {
	sealed := column.Operand.Column
	h, err := envelope.Parse(stored)
	if err != nil {
		return Need{}, s.corrupt(sealed, 0, err)
	}
	k, need, err := s.key(h.KeyID)
	if k == nil {
		return need, err
	}
	if s.buf.plain, err = appendOpen(k, s.buf.plain, sealed.ID, stored); err != nil {
		return Need{}, s.corrupt(sealed, h.KeyID, err)
	}
	return Need{}, nil
}

// openTuple appends what one CopyData of the binary format has: the header, if
// it is the first, and a row or the trailer.
func (s *Session) openTuple(dst, row []byte) ([]byte, Need, error) {
	c := s.copying.out
	if !c.begun {
		n := copyformat.BinaryHeader
		if len(row) < n || string(row[:len(copyformat.Signature)]) != copyformat.Signature {
			return dst, Need{}, errCopiedRow
		}
		dst = append(dst, row[:n]...)
		row = row[n:]
	}
	if len(row) < 2 {
		return append(dst, row...), Need{}, nil
	}
	fields := int(int16(binary.BigEndian.Uint16(row)))
	dst = append(dst, row[:2]...)
	row = row[2:]
	if fields < 0 {
		return append(dst, row...), Need{}, nil
	}
	next := 0 // of plan.Sealed
	for i := range fields {
		if len(row) < 4 {
			return dst, Need{}, errCopiedRow
		}
		size := int32(binary.BigEndian.Uint32(row))
		end := 4 + int(max(size, 0))
		if size < wire.Null || len(row) < end {
			return dst, Need{}, errCopiedRow
		}
		isSealed := next < len(c.plan.Sealed) && c.plan.Sealed[next] == i
		if isSealed {
			next++
		}
		if !isSealed || size == wire.Null {
			dst = append(dst, row[:end]...)
			row = row[end:]
			continue
		}
		column := &c.plan.Columns[i]
		if need, err := s.openCopied(column, row[4:end]); err != nil || need.Kind != NeedNothing {
			return dst, need, err
		}
		var at int
		var err error
		dst, at = wire.BeginValue(dst)
		if dst, err = column.Operand.Column.Type.AppendBinary(dst, s.buf.plain, &c.settings.values); err != nil {
			return dst, Need{}, valueError(err, column.Operand.Column)
		}
		dst = wire.EndValue(dst, at)
		row = row[end:]
	}
	if len(row) > 0 || next < len(c.plan.Sealed) {
		return dst, Need{}, errCopiedRow
	}
	return dst, Need{}, nil
}
