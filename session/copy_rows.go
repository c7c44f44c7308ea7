package session

import (
	"encoding/binary"

	"pgseal/copyformat"
	"pgseal/envelope"
	"pgseal/logical"
	"pgseal/wire"
)

// Rows of a COPY TO come one in a CopyData. Those that are as the server writes
// them ordinarily are opened together, like the rows of a result (see batch); each
// other one by itself (see copiedRow), which also finds what is wrong with it.

// batchable says whether rows can be opened together. The texts of bytea depend on
// a setting that shows in each row, and what is computed by what is opened.
func (c *copyOut) batchable() bool {
	for i := range c.cells {
		if c.cells[i].sealed.Type.OID == oidBytea || !c.cells[i].column.Opens() {
			return false
		}
	}
	return c.begun
}

// copiedRows opens the CopyData at the head of b, which is whole, and as many
// behind it as can be opened with it. n is how many bytes they have, 0 if the first
// has to be looked at by itself.
func (s *Session) copiedRows(b []byte, out *Output) (n int) {
	c, t := s.copying.out, s.theBatch()
	if c == nil || s.failure.silent() || s.settings.escape || !c.batchable() {
		return 0
	}
	defer t.reset()
	for n < len(b) && n < batchBytes && len(t.cells) < batchCells {
		typ, size, err := wire.Peek(b[n:])
		if err != nil || typ != wire.TypeCopyData || size == 0 || size >= largeValue || size > min(len(b)-n, s.cfg.MaxFrame) {
			break
		}
		row, mark := b[n+wire.HeaderLen:n+size], len(t.spots)
		if !s.gatherCopied(row) {
			clear(t.cells[mark:])
			t.spots, t.cells = t.spots[:mark], t.cells[:mark]
			break
		}
		t.rows = append(t.rows, batchRow{size, row, len(t.spots)})
		n += size
	}
	if n == 0 {
		return 0
	}
	var opened int
	t.plain, opened, _ = envelope.OpenAll(t.plain[:0], t.cells)
	dst, from := out.client.scratch, 0
	n = 0
	for i := range t.rows {
		r := &t.rows[i]
		if r.spots > opened {
			break
		}
		row, err := s.appendCopied(dst, r.body, from, r.spots)
		if err != nil {
			break
		}
		dst, from = row, r.spots
		n += r.size
	}
	if n > 0 {
		out.client.put(dst)
	}
	return n
}

// gatherCopied adds the sealed fields of a row to the batch.
func (s *Session) gatherCopied(row []byte) (ok bool) {
	if s.copying.out.plan.Format.Kind == copyformat.Binary {
		return s.gatherTuple(row)
	}
	return s.gatherLine(row)
}

func (s *Session) gatherLine(row []byte) (ok bool) {
	c, t := s.copying.out, s.theBatch()
	f := &c.plan.Format
	if len(row) == 0 || row[len(row)-1] != '\n' {
		return false
	}
	line := row[:len(row)-1]
	field, at := 0, 0
	for next, i := range c.plan.Sealed {
		for ; field < i; field++ {
			if at = f.FieldEnd(line, at) + 1; at > len(line) {
				return false
			}
		}
		end := f.FieldEnd(line, at)
		raw := line[at:end]
		if null, _ := f.Marks(raw); !null {
			digits, ok := f.HexDigits(raw)
			if !ok {
				return false
			}
			start := len(t.text)
			var err error
			if t.text, err = logical.DecodeHex(t.text, digits); err != nil {
				return false
			}
			if !s.gatherEnvelope(&c.cells[next], t.text[start:len(t.text):len(t.text)]) {
				return false
			}
			t.spots = append(t.spots, spot{at, end, &c.cells[next]})
		}
		at, field = end+1, i+1
		if at > len(line)+1 {
			return false
		}
	}
	return true
}

func (s *Session) gatherTuple(row []byte) (ok bool) {
	c, t := s.copying.out, s.theBatch()
	if len(row) < 2 {
		return false
	}
	fields, at, next := int(int16(binary.BigEndian.Uint16(row))), 2, 0
	if fields < 0 {
		return false // the trailer
	}
	for i := range fields {
		if len(row)-at < 4 {
			return false
		}
		size := int32(binary.BigEndian.Uint32(row[at:]))
		start, end := at, at+4+int(max(size, 0))
		if size < wire.Null || len(row) < end {
			return false
		}
		at = end
		if next == len(c.plan.Sealed) || c.plan.Sealed[next] != i {
			continue
		}
		if size != wire.Null {
			if !s.gatherEnvelope(&c.cells[next], row[start+4:end:end]) {
				return false
			}
			t.spots = append(t.spots, spot{start, end, &c.cells[next]})
		}
		next++
	}
	return at == len(row) && next == len(c.plan.Sealed)
}

func (s *Session) gatherEnvelope(c *cell, value []byte) (ok bool) {
	need, err := s.gatherCell(c, value)
	return err == nil && need.Kind == NeedNothing
}

// appendCopied appends a row of the batch with the values of its sealed fields,
// which are those of the spots from one to another.
func (s *Session) appendCopied(dst, body []byte, from, to int) (_ []byte, err error) {
	c, t := s.copying.out, s.theBatch()
	dst, start := wire.Begin(dst, wire.TypeCopyData)
	kept := 0
	for i := from; i < to; i++ {
		p, plain := &t.spots[i], t.cells[i].Plain
		dst = append(dst, body[kept:p.start]...)
		kept = p.end
		sealed := p.cell.sealed
		if c.plan.Format.Kind == copyformat.Binary {
			var at int
			dst, at = wire.BeginValue(dst)
			if dst, err = sealed.Type.AppendBinary(dst, plain, &c.settings.values); err != nil {
				return dst, err
			}
			dst = wire.EndValue(dst, at)
			continue
		}
		if !sealed.Type.Verbatim(false, &c.settings.values) || !sealed.Type.Valid(plain) {
			if c.value, err = sealed.Type.AppendText(c.value[:0], plain, &c.settings.values); err != nil {
				return dst, err
			}
			plain = c.value
		}
		dst = c.appendField(dst, plain, p.cell.column)
	}
	return wire.End(append(dst, body[kept:]...), start), nil
}
