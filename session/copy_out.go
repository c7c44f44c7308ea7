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
	begun    bool // a row has been opened; binary: the header is over
	timed    bool // the row at hand has asked for its time
	value    []byte
	cells    []cell // those of plan.Sealed
}

func (s *Session) beginCopyOut(c *rewrite.Copy, columns int) {
	out := &copyOut{
		plan: c, settings: s.copySettings(c), alone: columns == 1, header: c.Format.Header != copyformat.NoHeader,
		cells: make([]cell, len(c.Sealed)),
	}
	for i, n := range c.Sealed {
		column := &c.Columns[n]
		out.cells[i] = cell{sealed: column.Operand.Column, server: wire.Binary, column: column}
	}
	s.copying.out = out
}

// copied opens rows of a COPY TO: the CopyData of a size at the head of b, and what
// can be opened with it.
func (s *Session) copied(size int, b []byte, out *Output) (action, Need, error) {
	if s.copying.stream != nil {
		return s.streamed(size, b, out)
	}
	if n := s.copiedRows(b, out); n > 0 {
		s.beyond = n - size
		return drop, Need{}, nil
	}
	return s.copiedRow(size, b[:min(size, len(b))], out)
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
	if c.timed = !c.timed && c.plan.Formulas != nil && size >= largeValue; c.timed {
		return wait, Need{Kind: NeedTime}, nil // as result.long
	}
	row := b[wire.HeaderLen:]
	if c.header {
		c.header = false
		return relay, Need{}, nil
	}
	dst := out.client.scratch
	if size >= largeValue {
		dst = out.room(dst, size/2+largeSlack)
	}
	dst, start := wire.Begin(dst, wire.TypeCopyData)
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
	inPlace := len(row) >= largeValue
	if inPlace {
		var need Need
		var err error
		if inPlace, need, err = s.leaseLine(line); err != nil || need.Kind != NeedNothing {
			return dst, need, err
		}
	}
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
			if digits, ok := f.HexDigits(raw); ok && inPlace && len(raw) >= largeValue {
				dst, need, err = s.openLargeField(dst, digits, &c.plan.Columns[i])
			} else {
				dst, need, err = s.openField(dst, raw, &c.plan.Columns[i])
			}
			if err != nil || need.Kind != NeedNothing {
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
	sealed := column.Operand.Column
	stored, err := s.readCopied(raw)
	if err != nil {
		return dst, Need{}, s.corrupt(sealed, 0, err)
	}
	plain, null, need, err := s.copiedValue(column, stored)
	if err != nil || need.Kind != NeedNothing {
		return dst, need, err
	}
	if null {
		return append(dst, c.plan.Format.Null...), Need{}, nil
	}
	if sealed.Type.OID == oidBytea {
		// The text of the envelope has shown how bytea_output stands.
		c.settings = s.copySettings(c.plan)
	}
	if c.value, err = sealed.Type.AppendText(c.value[:0], plain, &c.settings.values); err != nil {
		return dst, Need{}, valueError(err, sealed)
	}
	return c.appendField(dst, c.value, column), Need{}, nil
}

// copiedValue is what a sealed column's value stands for, or what is computed of it.
func (s *Session) copiedValue(column *rewrite.CopyColumn, stored []byte) (plain []byte, null bool, need Need, err error) {
	if column.Formula == nil {
		of := column.Operand.Column
		if h, err := envelope.Parse(stored); err == nil {
			of = of.Among(h.ColumnID)
		}
		if need, err = s.openStored(of, stored); err != nil || need.Kind != NeedNothing || of.Casts == nil {
			return s.buf.plain, false, need, err
		}
		if plain, err = s.castOpened(of, s.buf.plain); err != nil {
			err = valueError(err, of)
		}
		return plain, false, Need{}, err
	}
	v, need, err := s.outputValue(column.Operand.Column, &computedOutput{formula: column.Formula}, stored)
	return v.Data, v.null, need, s.explained(err)
}

func (c *copyOut) appendField(dst, value []byte, column *rewrite.CopyColumn) []byte {
	f := &c.plan.Format
	if f.Kind == copyformat.CSV {
		return f.AppendQuoted(dst, value, column.ForceQuote, c.alone)
	}
	return f.AppendEscaped(dst, value)
}

// leaseLine sees to it that the keys of a line's sealed fields are there, since
// what has been opened where it stands cannot be opened again. False: some field
// is not in hexadecimal digits, or of a type for which there may be more to look
// up.
func (s *Session) leaseLine(line []byte) (bool, Need, error) {
	c := s.copying.out
	field, at := 0, 0
	for _, i := range c.plan.Sealed {
		for ; field < i; field++ {
			if at = c.plan.Format.FieldEnd(line, at) + 1; at > len(line) {
				return false, Need{}, errCopiedRow
			}
		}
		raw := line[at:c.plan.Format.FieldEnd(line, at)]
		if null, _ := c.plan.Format.Marks(raw); null {
			continue
		}
		digits, ok := c.plan.Format.HexDigits(raw)
		sealed := c.plan.Columns[i].Operand.Column
		if !ok || sealed.Type.Def != nil || !c.plan.Columns[i].Opens() {
			return false, Need{}, nil
		}
		id, err := keyOf(digits)
		if err != nil {
			return false, Need{}, s.corrupt(sealed, 0, err)
		}
		if need, err := s.mustLease(id); err != nil || need.Kind != NeedNothing {
			return false, need, err
		}
	}
	return true, Need{}, nil
}

// openLargeField is openField for an envelope in hexadecimal digits, which are
// decoded and opened where they stand.
func (s *Session) openLargeField(dst, digits []byte, column *rewrite.CopyColumn) ([]byte, Need, error) {
	c := s.copying.out
	sealed := column.Operand.Column
	stored, err := logical.DecodeHex(digits[:0], digits)
	if err != nil {
		return dst, Need{}, s.corrupt(sealed, 0, errByteaText)
	}
	s.settings.setByteaOutput(false)
	plain, err := s.openWhere(stored, sealed)
	if err != nil {
		return dst, Need{}, err
	}
	if sealed.Type.OID == oidBytea {
		c.settings = s.copySettings(c.plan)
	}
	if sealed.Type.Verbatim(false, &c.settings.values) && sealed.Type.Valid(plain) {
		return c.appendField(dst, plain, column), Need{}, nil
	}
	if c.value, err = sealed.Type.AppendText(c.value[:0], plain, &c.settings.values); err != nil {
		return dst, Need{}, valueError(err, sealed)
	}
	return c.appendField(dst, c.value, column), Need{}, nil
}

// readCopied reads the text of an envelope into s.buf.out.
func (s *Session) readCopied(raw []byte) ([]byte, error) {
	c := s.copying.out
	f := &c.plan.Format
	if digits, ok := f.HexDigits(raw); ok && f.Kind == copyformat.Text {
		var err error
		if s.buf.out, err = logical.DecodeHex(s.buf.out[:0], digits); err == nil {
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
		plain, null, need, err := s.copiedValue(column, row[4:end])
		if err != nil || need.Kind != NeedNothing {
			return dst, need, err
		}
		if row = row[end:]; null {
			dst = wire.AppendInt32(dst, wire.Null)
			continue
		}
		var at int
		dst, at = wire.BeginValue(dst)
		if dst, err = column.Operand.Column.Type.AppendBinary(dst, plain, &c.settings.values); err != nil {
			return dst, Need{}, valueError(err, column.Operand.Column)
		}
		dst = wire.EndValue(dst, at)
	}
	if len(row) > 0 || next < len(c.plan.Sealed) {
		return dst, Need{}, errCopiedRow
	}
	return dst, Need{}, nil
}
