package session

import (
	"bytes"

	"pgseal/copyformat"
	"pgseal/logical"
	"pgseal/rewrite"
	"pgseal/wire"
)

// copyIn is a COPY FROM whose data is being sealed.
type copyIn struct {
	plan *rewrite.Copy
	// converts: the server gets the binary format; rows is how many.
	converts bool
	rows     int
	copySettings
	lines  *copyformat.Lines  // text and CSV
	tuples *copyformat.Tuples // binary
	// event is what the row at hand is; held: it waits for a key.
	event copyformat.Event
	held  bool
	// number is that of the row at hand as the server counts.
	number int
	timed  bool   // there is time for a large row
	header bool   // it is the header
	over   bool   // behind \.: the rest is ignored
	value  []byte // of a field, without escapes and quotes
	text   []byte
	added  *addedValues // nil for none
	// skipped are the last values that ON_ERROR ignore has left out.
	skipped recent
	// lately are the last lines.
	lately recent
}

func (s *Session) beginCopyIn(c *rewrite.Copy, converts bool) {
	in := copyIn{
		plan: c, converts: converts, copySettings: s.copySettings(c),
		skipped: recent{limit: keptSkipped}, lately: recent{limit: keptLines, entries: make([]recentData, 0, keptLines)},
	}
	if c.Format.Kind == copyformat.Binary {
		in.tuples = copyformat.NewTuples(len(c.Columns))
	} else {
		in.lines = copyformat.NewLines(&c.Format, s.settings.version)
		in.header = c.Format.Header != copyformat.NoHeader
	}
	if c.Encoding != "" && s.settings.values.UTF8() && !in.values.UTF8() {
		from := in.values
		in.lately.from = &from
	}
	s.copying.phase, s.copying.in = copyActive, &in
}

// release lets go of all that the COPY held but its plan, for errors to come.
func (c *copyIn) release() {
	if c == nil {
		return
	}
	*c = copyIn{plan: c.plan, converts: c.converts, rows: c.rows, number: c.number, skipped: c.skipped, lately: c.lately}
}

// next finds the end of a row.
func (c *copyIn) next(b []byte) (n int) {
	if c.tuples != nil {
		if n, c.event = c.tuples.Next(b); c.event != copyformat.More && !c.tuples.Head {
			c.number++
		}
		return n
	}
	if n, c.event = c.lines.Next(b); c.event != copyformat.More {
		c.number += 1 + c.lines.Newlines
	}
	return n
}

// end is next at the end of the data.
func (c *copyIn) end() {
	if c.tuples != nil {
		if c.event = c.tuples.End(); c.event != copyformat.More {
			c.number++
		}
		return
	}
	if c.event = c.lines.End(); c.event != copyformat.More {
		c.number += 1 + c.lines.Newlines
	}
}

func (c *copyIn) pending() int {
	if c.tuples != nil {
		return c.tuples.Pending()
	}
	return c.lines.Pending()
}

// long reports, every second time, that the row at hand is so large already that
// going on with it takes time.
func (c *copyIn) long() bool {
	c.timed = !c.timed && c.pending() >= largeValue
	return c.timed
}

// needs is how much room a large row needs, in bytes: twice its own where it
// becomes hexadecimal digits.
func (c *copyIn) needs() int {
	switch n := c.pending(); {
	case n < largeValue:
		return 0
	case c.tuples != nil:
		return n + largeSlack
	default:
		return 2*n + largeSlack
	}
}

// hold keeps the row at hand, because the bytes it was found in go.
func (c *copyIn) hold() {
	c.held = true
	if c.tuples != nil {
		c.tuples.Hold()
	} else {
		c.lines.Hold()
	}
}

func (c *copyIn) reset() {
	c.held = false
	if c.tuples != nil {
		c.tuples.Reset()
	} else {
		c.lines.Reset()
	}
}

// copyChunk seals the rows of some bytes of a CopyData; an unfinished one is
// kept. Without bytes it works off the row that has been waiting for a key.
func (s *Session) copyChunk(b []byte, out *Output) (n int, need Need, err error) {
	c := s.copying.in
	if c.long() {
		return 0, Need{Kind: NeedTime}, nil
	}
	dst, start := wire.Begin(out.room(out.server.scratch, c.needs()), wire.TypeCopyData)
	var failure *copyFailure
	for failure == nil && (c.held || n < len(b)) {
		if c.over {
			n = len(b)
			break
		}
		if !c.held {
			n += c.next(b[n:])
			if c.event == copyformat.More {
				if p := c.pending(); p > s.cfg.MaxFrame {
					failure = &copyFailure{failure: rowTooLong(s.cfg.MaxFrame)}
				}
				continue
			}
		}
		at := len(dst)
		if dst, need, failure, err = s.copyRow(dst); err != nil {
			return n, Need{}, err
		}
		if need.Kind != NeedNothing {
			dst = dst[:at]
			c.hold()
			break
		}
		c.reset()
	}
	if len(dst) > start+wire.HeaderLen {
		dst = wire.End(dst, start)
	} else {
		dst = dst[:start]
	}
	if failure != nil {
		n = len(b)
		dst = s.failRow(failure, dst)
	}
	out.server.put(dst)
	return n, need, nil
}

// endCopyIn takes the client's CopyDone: what is left over is the last row.
func (s *Session) endCopyIn(out *Output) (Need, error) {
	c := s.copying.in
	if c.over {
		return Need{}, nil
	}
	if c.long() {
		return Need{Kind: NeedTime}, nil
	}
	if !c.held {
		if c.end(); c.event == copyformat.More {
			return Need{}, nil
		}
	}
	dst, start := wire.Begin(out.room(out.server.scratch, c.needs()), wire.TypeCopyData)
	dst, need, failure, err := s.copyRow(dst)
	switch {
	case err != nil:
		return Need{}, err
	case need.Kind != NeedNothing:
		c.hold()
		return need, nil
	}
	dst = wire.End(dst, start)
	switch {
	case failure != nil && !failure.atEnd:
		dst = s.failRow(failure, dst)
	case failure != nil:
		s.fifo.at(0).copyFailure = failure
		c.reset()
	default:
		c.reset()
	}
	out.server.put(dst)
	return Need{}, nil
}

// copyRow appends the row at hand for the server.
func (s *Session) copyRow(dst []byte) ([]byte, Need, *copyFailure, error) {
	c := s.copying.in
	switch {
	case c.tuples != nil:
		return s.copyTuple(dst)
	case c.converts:
		return s.convertRow(dst)
	case c.event == copyformat.Fault:
		// The server looks one byte ahead.
		return append(append(c.appendQuotedNewlines(dst), c.lines.Trigger...), 'x'), Need{}, &copyFailure{}, nil
	}
	line, eol := c.lines.Bytes(), c.lines.EOL().Bytes()
	at := len(dst)
	var need Need
	var failure *copyFailure
	switch {
	case c.event == copyformat.Marker && len(line) == 0:
	case c.header:
		dst, failure = c.appendHeader(dst, line)
	default:
		var err error
		if dst, need, failure, err = s.copyLine(dst, line); err != nil || need.Kind != NeedNothing {
			return dst[:at], need, nil, err
		}
	}
	c.header = false
	if c.event == copyformat.Marker && failure == nil {
		c.over = true
		dst = append(dst, `\.`...)
		if eol == "" {
			eol = "\n"
		}
	}
	if failure != nil && (failure.atEnd || failure.code == "" && len(dst) == at) {
		return dst, Need{}, failure, nil // an empty line would be a row
	}
	if failure != nil && eol == "" {
		eol = "\n" // the server is to read the line, and no more will come
	}
	dst = append(dst, eol...)
	if failure != nil && c.lines.EOL() == copyformat.EOLReturn {
		dst = append(dst, 'x') // the server waits for what follows the first one
	}
	return dst, Need{}, failure, nil
}

// appendHeader appends the header line. The server does not look into it, or
// compares it with the columns' names: data that stands there by mistake must
// not reach it.
func (c *copyIn) appendHeader(dst, line []byte) ([]byte, *copyFailure) {
	f := &c.plan.Format
	if failure := c.undecodable(line); failure != nil {
		return dst, failure
	}
	if f.Header == copyformat.HeaderMatch {
		if failure := c.headerDiffers(line); failure != nil {
			return c.appendMarker(dst), failure
		}
		return c.appendAddedNames(append(dst, line...)), nil
	}
	return c.appendQuotedNewlines(dst), nil
}

// appendQuotedNewlines appends as many as the line has, for the server to count them.
func (c *copyIn) appendQuotedNewlines(dst []byte) []byte {
	if c.lines.Newlines == 0 {
		return dst
	}
	quote := c.plan.Format.Quote
	return append(c.appendNewlines(append(dst, quote)), quote)
}

// appendNewlines appends as many ends of lines, inside quotes, as the line has.
func (c *copyIn) appendNewlines(dst []byte) []byte {
	for range c.lines.Newlines {
		dst = append(dst, c.lines.Counted)
	}
	return dst
}

// headerDiffers compares the header with the columns' names, as the server does.
func (c *copyIn) headerDiffers(line []byte) *copyFailure {
	f := &c.plan.Format
	n := c.lines.Fields()
	e := &wire.Error{Code: codeBadCopyFormat, Where: c.lineContext(line)}
	failure := &copyFailure{failure: e, code: codeBadCopyFormat, line: 1} // the server gets one
	if c.lines.Unclosed() {
		e.Message = "unterminated CSV quoted field"
		return failure
	}
	if want := len(c.plan.Columns); n != want {
		e.Message = "wrong number of fields in header line: got " + itoa(n) + ", expected " + itoa(want)
		return failure
	}
	for i := range n {
		from, to := c.lines.Field(i)
		raw, name := line[from:to], c.plan.Columns[i].Name
		text, err := c.values.Decode(raw)
		if err != nil {
			return &copyFailure{failure: encodingError(err, c.place())}
		}
		c.value, _ = f.AppendValue(c.value[:0], text)
		null, _ := f.Marks(raw)
		switch {
		case null:
			e.Message = "column name mismatch in header line field " + itoa(i+1) + ": got null value (\"" + f.Null + "\"), expected \"" + name + "\""
		case string(c.value) != name:
			e.Message = "column name mismatch in header line field " + itoa(i+1) + ": got \"" + string(c.value) + "\", expected \"" + name + "\""
		default:
			continue
		}
		return failure
	}
	return nil
}

// appendMarker appends the field that no bytea can be.
func (c *copyIn) appendMarker(dst []byte) []byte {
	f := &c.plan.Format
	if f.Kind == copyformat.CSV {
		return f.AppendQuoted(dst, []byte(copyMarker), false, false)
	}
	return f.AppendEscaped(dst, []byte(copyMarker))
}

// appendSkipped is appendMarker with the ends of lines that the fields from
// dst[at:] on lack, so that the server counts them.
func (c *copyIn) appendSkipped(dst []byte, at int) []byte {
	lacking := 0
	if c.lines.Newlines > 0 {
		lacking = c.lines.Newlines - bytes.Count(dst[at:], []byte{c.lines.Counted})
	}
	if lacking == 0 {
		return c.appendMarker(dst)
	}
	c.text = append(c.text[:0], copyMarker...)
	for range lacking {
		c.text = append(c.text, c.lines.Counted)
	}
	return c.plan.Format.AppendQuoted(dst, c.text, true, false)
}

// appendRest appends the fields from number i on without their content. Only
// default markers stay, which the server refuses before it looks at any value.
func (c *copyIn) appendRest(dst, line []byte, i int) []byte {
	f := &c.plan.Format
	for first := i; i < c.lines.Fields(); i++ {
		if i > first || i > 0 {
			dst = append(dst, f.Delimiter)
		}
		from, to := c.lines.Field(i)
		if _, def := f.Marks(line[from:to]); def {
			dst = append(dst, f.Default...)
		}
	}
	return dst
}

// copyLine appends a line of the text or CSV format, its sealed fields sealed.
func (s *Session) copyLine(dst, line []byte) ([]byte, Need, *copyFailure, error) {
	c := s.copying.in
	f := &c.plan.Format
	fields, columns := c.lines.Fields(), len(c.plan.Columns)
	at := len(dst)
	if c.lines.Unclosed() {
		if failure := c.misread(line); failure != nil {
			return dst, Need{}, failure, nil
		}
		failure := &copyFailure{code: codeBadCopyFormat, line: c.number, where: c.lineContext(line), atEnd: true}
		return c.appendNewlines(append(dst, f.Quote)), Need{}, failure, nil
	}
	if fields > columns {
		if failure := c.misread(line); failure != nil {
			return c.appendMisread(dst, failure), Need{}, failure, nil
		}
		dst = c.appendRest(c.appendQuotedNewlines(dst), line, 0)
		for range c.plan.Added { // more than the server's, too
			dst = append(dst, f.Delimiter)
		}
		return dst, Need{}, &copyFailure{code: codeBadCopyFormat, line: c.number, where: c.lineContext(line)}, nil
	}
	c.lately.note(c.number, 0, line)
	kept := 0
	for _, i := range c.plan.Sealed {
		if i >= fields {
			break
		}
		from, to := c.lines.Field(i)
		dst = append(dst, line[kept:from]...)
		kept = to
		var need Need
		var err error
		if dst, need, err = s.copyField(dst, line[from:to], &c.plan.Columns[i]); need.Kind != NeedNothing {
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
			return c.appendMisread(dst[:at], failure), Need{}, failure, nil
		}
		if !isValueError(e) {
			return dst[:at], Need{}, &copyFailure{failure: e}, nil
		}
		if c.plan.Skips {
			c.skipped.note(c.number, 0, c.value)
			return c.appendRest(c.appendSkipped(dst, at), line, i+1), Need{}, nil, nil
		}
		dst = c.appendRest(c.appendMarker(dst), line, i+1)
		e.Where = within(e.Where, c.valueContext(&c.plan.Columns[i]))
		return dst, Need{}, &copyFailure{failure: e, where: c.lineContext(line)}, nil
	}
	dst = append(dst, line[kept:]...)
	if fields < columns {
		if failure := c.misread(line); failure != nil {
			return c.appendMisread(dst[:at], failure), Need{}, failure, nil
		}
		return dst, Need{}, &copyFailure{code: codeBadCopyFormat, line: c.number, where: c.lineContext(line)}, nil
	}
	return s.appendAdded(dst, line)
}

// misread is what the server says of a line before it looks at any field's
// value, or the number of fields: characters that are none.
func (c *copyIn) misread(line []byte) *copyFailure {
	f := &c.plan.Format
	if failure := c.undecodable(line); failure != nil {
		return failure
	}
	if f.Kind == copyformat.CSV {
		return nil
	}
	for i := range c.lines.Fields() {
		from, to := c.lines.Field(i)
		raw := line[from:to]
		if null, def := f.Marks(raw); null || def || f.Verbatim(raw) {
			continue
		}
		raw, _ = c.values.Decode(raw)
		value, made := f.AppendValue(nil, raw)
		if !made {
			continue
		}
		if _, err := c.utf8.Decode(value); err != nil {
			return &copyFailure{failure: encodingError(err, c.lineContext(line)), code: codeNotInRepertoire, line: c.number}
		}
	}
	return nil
}

// undecodable is what the server says of a line, also of a header that it throws
// away, in which there are characters that are none.
func (c *copyIn) undecodable(line []byte) *copyFailure {
	_, err := c.values.Decode(line)
	if err == nil {
		return nil
	}
	// It counts ends of lines inside quotes as it comes to them.
	number := c.number - c.lines.Newlines
	for range c.lines.Newlines {
		end := bytes.IndexByte(line, c.lines.Counted) + 1
		if _, err := c.values.Decode(line[:end]); err != nil {
			break
		}
		line = line[end:]
		number++
	}
	return &copyFailure{failure: encodingError(err, c.placeOf(number))}
}

// appendMisread appends what the server misreads too, if the failure is one of
// an escape.
func (c *copyIn) appendMisread(dst []byte, f *copyFailure) []byte {
	if f.code == "" {
		return dst
	}
	return append(dst, `\377`...)
}

// copyField appends one field of a sealed column.
func (s *Session) copyField(dst, raw []byte, column *rewrite.CopyColumn) ([]byte, Need, error) {
	c := s.copying.in
	f := &c.plan.Format
	null, def := f.Marks(raw)
	value := raw
	switch {
	case def, null && !column.ForceNotNull:
		return append(dst, raw...), Need{}, nil
	case null:
		value = append(c.value[:0], f.Null...)
		c.value = value
	case !f.Verbatim(raw) || !c.values.UTF8():
		text, err := c.values.Decode(raw)
		if err != nil {
			return dst, Need{}, valueError(err, column.Operand.Column)
		}
		c.value, _ = f.AppendValue(c.value[:0], text)
		value = c.value
	}
	if column.ForceNull && !null && string(value) == f.Null {
		return append(dst, raw...), Need{}, nil
	}
	need, err := s.sealCopied(column.Operand, logical.Value{Data: value, OID: column.Operand.Column.Type.OID}, &c.utf8)
	if err != nil {
		c.value = append(c.value[:0], value...) // for its context
		return dst, Need{}, err
	}
	if need.Kind != NeedNothing {
		return dst, need, nil
	}
	if c.lines.Newlines > 0 {
		// The server counts the lines inside the field, for its errors.
		if n := bytes.Count(raw, []byte{c.lines.Counted}); n > 0 {
			return f.AppendQuotedBytea(dst, s.buf.out, n, c.lines.Counted), Need{}, nil
		}
	}
	return f.AppendBytea(dst, s.buf.out), Need{}, nil
}

// sealCopied seals a value into s.buf.out.
func (s *Session) sealCopied(op *rewrite.Operand, v logical.Value, settings *logical.Settings) (Need, error) {
	c := op.Column
	if len(v.Data) >= largeValue {
		return s.sealLarge(op, v, settings)
	}
	var err error
	if s.buf.plain, err = c.Type.AppendCanonical(s.buf.plain[:0], v, logical.Assign, settings); err != nil {
		return Need{}, valueError(err, c)
	}
	out, need, err := s.appendEnvelope(s.buf.out[:0], c)
	if err == nil && need.Kind == NeedNothing {
		s.buf.out = out
	}
	return need, err
}

func rowTooLong(limit int) *wire.Error {
	return &wire.Error{
		Code:    codeProgramLimit,
		Message: "a row with sealed values is longer than pgseal may hold",
		Hint:    "The limit for rows with sealed values is " + itoa(limit) + " bytes.",
	}
}
