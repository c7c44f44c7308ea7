package session

import (
	"bytes"
	"strconv"

	"pgseal/copyformat"
	"pgseal/logical"
	"pgseal/rewrite"
	"pgseal/wire"
)

// Data of a COPY FROM in text or CSV goes to the server in the binary format
// where the plan allows it ([rewrite.Copy.Converts]): an envelope is half as long
// then and the server reads it several times as fast. What the server would have
// said of the client's data is said here, and at the same row: the COPY fails on
// the server when it has read the rows before. Contexts of the server's own
// errors are put as they would have been.

// converts reports whether the data of the plan's COPYs is converted where that is
// possible. Values of plain columns are only in UTF-8, because of what escapes make
// in other encodings only the server knows whether it is text; and only while
// their types cannot have changed unseen.
func (s *Session) converts(p *rewrite.Plan) bool {
	plain, changes := false, s.catalog.moving()
	for i := range p.Statements() {
		st := &p.Statements()[i]
		changes = changes || st.Effect == rewrite.ChangesCatalog
		plain = plain || st.Copy != nil && st.Copy.Converts && len(st.Copy.Sealed) < len(st.Copy.Columns)
	}
	return !plain || s.settings.values.UTF8() && !changes
}

// appendBinaryHeader appends a CopyData with the beginning of the binary format.
func appendBinaryHeader(dst []byte) []byte {
	dst, start := wire.Begin(dst, wire.TypeCopyData)
	dst = append(dst, copyformat.Signature...)
	const flags, extension = 0, 0
	return wire.End(wire.AppendInt32(wire.AppendInt32(dst, flags), extension), start)
}

// appendCopyIn appends the CopyInResponse that the client gets where the server has
// been asked for another format, or for more columns.
func appendCopyIn(dst []byte, c *rewrite.Copy) []byte {
	f := wire.Text
	if c.Format.Kind == copyformat.Binary {
		f = wire.Binary
	}
	dst, start := wire.Begin(dst, wire.TypeCopyInResponse)
	dst = wire.AppendCount(append(dst, byte(f)), len(c.Columns))
	for range c.Columns {
		dst = wire.AppendInt16(dst, f)
	}
	return wire.End(dst, start)
}

// convertRow appends the row at hand in the binary format. Without a trailer: the
// server takes the end of the data for one.
func (s *Session) convertRow(dst []byte) ([]byte, Need, *copyFailure, error) {
	c := s.copying.in
	if c.event == copyformat.Fault {
		message, hint := c.lines.Fault()
		return dst, Need{}, &copyFailure{failure: &wire.Error{Code: codeBadCopyFormat, Message: message, Hint: hint, Where: c.place()}}, nil
	}
	line, marker := c.lines.Bytes(), c.event == copyformat.Marker
	switch {
	case c.header:
		if failure := c.undecodable(line); failure != nil {
			return dst, Need{}, failure, nil
		}
	case marker && len(line) == 0:
		c.rows++ // the server looks for one
	default:
		at := len(dst)
		var need Need
		var failure *copyFailure
		var err error
		dst, need, failure, err = s.convertLine(dst, line)
		if err != nil || need.Kind != NeedNothing || failure != nil {
			return dst[:at], need, failure, err
		}
	}
	c.header, c.over = false, marker
	return dst, Need{}, nil, nil
}

// convertLine appends a line of the text or CSV format as a row of the binary one.
func (s *Session) convertLine(dst, line []byte) ([]byte, Need, *copyFailure, error) {
	c := s.copying.in
	fields, columns := c.lines.Fields(), c.plan.Columns
	switch {
	case c.lines.Unclosed():
		return dst, Need{}, c.malformed(line, "unterminated CSV quoted field"), nil
	case fields > len(columns):
		return dst, Need{}, c.malformed(line, "extra data after last expected column"), nil
	}
	dst = wire.AppendCount(dst, len(columns)+len(c.plan.Added))
	for i := range columns {
		column := &columns[i]
		if i >= fields {
			return dst, Need{}, c.malformed(line, "missing data for column \""+column.Name+"\""), nil
		}
		from, to := c.lines.Field(i)
		var need Need
		var err error
		if dst, need, err = s.convertField(dst, line[from:to], column); need.Kind != NeedNothing {
			return dst, need, nil, nil
		}
		if err == nil {
			continue
		}
		e := statementError(err)
		if e == nil {
			return dst, Need{}, nil, err
		}
		if failure := c.misread(line); failure != nil {
			return dst, Need{}, failure, nil
		}
		if isValueError(e) {
			e.Where = within(e.Where, c.valueContext(column))
		}
		return dst, Need{}, &copyFailure{failure: e}, nil
	}
	if len(c.plan.Added) > 0 {
		var need Need
		var failure *copyFailure
		var err error
		if dst, need, failure, err = s.appendAddedFields(dst, line); err != nil || need.Kind != NeedNothing || failure != nil {
			return dst, need, failure, err
		}
	}
	c.rows++
	c.lately.note(c.number, c.rows, line)
	return dst, Need{}, nil, nil
}

// malformed is what the server says of a line that is not as it must be.
func (c *copyIn) malformed(line []byte, message string) *copyFailure {
	if failure := c.misread(line); failure != nil {
		return failure
	}
	return &copyFailure{failure: &wire.Error{Code: codeBadCopyFormat, Message: message, Where: c.lineContext(line)}}
}

// convertField appends one field with its length.
func (s *Session) convertField(dst, raw []byte, column *rewrite.CopyColumn) ([]byte, Need, error) {
	c := s.copying.in
	f := &c.plan.Format
	if null, _ := f.Marks(raw); null {
		return wire.AppendInt32(dst, wire.Null), Need{}, nil
	}
	value := raw
	if !f.Verbatim(raw) || !c.values.UTF8() {
		text, err := c.values.Decode(raw)
		if err != nil {
			return dst, Need{}, valueError(err, nil)
		}
		c.value, _ = f.AppendValue(c.value[:0], text)
		value = c.value
	}
	dst, at := wire.BeginValue(dst)
	var need Need
	var err error
	if op := column.Operand; op == nil {
		v := logical.Value{Data: value, OID: column.Plain.OID}
		if dst, err = column.Plain.AppendCanonical(dst, v, logical.Assign, &c.utf8); err != nil {
			err = valueError(err, nil)
		}
	} else {
		v := logical.Value{Data: value, OID: op.Column.Type.OID}
		if s.buf.plain, err = op.Column.Type.AppendCanonical(s.buf.plain[:0], v, logical.Assign, &c.utf8); err != nil {
			err = valueError(err, op.Column)
		} else {
			dst, need, err = s.appendEnvelope(dst, op.Column)
		}
	}
	if err != nil {
		c.value = append(c.value[:0], value...) // for its context
		return dst, Need{}, err
	}
	if need.Kind != NeedNothing {
		return dst, need, nil
	}
	return wire.EndValue(dst, at), Need{}, nil
}

// convertedContext puts a CONTEXT of the server's, which has read rows of the
// binary format, as it is when it reads lines. Errors that are found when rows are
// stored, which happens to many at once, show no line.
func (c *copyIn) convertedContext(where []byte, code string) []byte {
	prefix := c.place()
	prefix = prefix[:len(prefix)-len(itoa(c.number))]
	from := 0
	if !bytes.HasPrefix(where, []byte(prefix)) {
		if from = bytes.LastIndex(where, []byte("\n"+prefix)) + 1; from == 0 {
			return where
		}
	}
	number := from + len(prefix)
	end := number
	for end < len(where) && where[end] >= '0' && where[end] <= '9' {
		end++
	}
	row, err := strconv.Atoi(string(where[number:end]))
	if err != nil {
		return where
	}
	line, text := c.lately.row(row)
	if line == 0 {
		line = row + c.number - c.rows
	}
	out := strconv.AppendInt(append([]byte(nil), where[:number]...), int64(line), 10)
	if whole := end == len(where) || where[end] == '\n'; whole && text != "" && (!foundWhenStored(code) || c.storesSingly()) {
		out = append(append(append(out, `: "`...), text...), '"')
	}
	return append(out, where[end:]...)
}

// foundWhenStored reports the SQLSTATE of an error that PostgreSQL finds when it
// stores rows, or makes their index entries.
func foundWhenStored(code string) bool {
	switch code {
	case codeUniqueViolation, codeExclusionViolation, codeProgramLimit:
		return true
	}
	return false
}

// row finds what is remembered of a row that the server counts so: the number of
// its line, 0 if nothing is, and as much of it as the server would have shown.
func (r *recent) row(row int) (line int, text string) {
	for i := range r.entries {
		if e := &r.entries[i]; e.row == row && row > 0 {
			return e.line, e.shown(r.from)
		}
	}
	return 0, ""
}
