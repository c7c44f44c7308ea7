package session

import (
	"bytes"

	"pgseal/copyformat"
	"pgseal/logical"
	"pgseal/rewrite"
	"pgseal/wire"
)

// COPY of sealed columns keeps its statement and its format on both sides; what
// changes is the data on its way. Fields of plain columns pass as they stand;
// those of sealed ones are read as the server would have read them, sealed, and
// written as the text (or the binary form) of a bytea, or the other way round.
//
// A value that does not fit fails the COPY on the server too: in its place goes
// one that the server refuses (copyMarker), so that whatever is wrong before it,
// in its row or in earlier ones, is still found first, and the server itself
// ends the COPY, the transaction and the pipeline. Its error is then replaced by
// ours. See copyFailure.

// copyMarker is no bytea in text. It shows in the server's error.
const copyMarker = `\xpgseal_refused`

// copyPhase is where a COPY FROM of sealed columns stands.
type copyPhase uint8

const (
	copyNone   copyPhase = iota // there is none
	copyActive                  // its data is sealed
	copyOver                    // it has failed: what still comes is swallowed
)

// copying is the COPY of sealed columns under way.
type copying struct {
	phase copyPhase
	in    *copyIn  // nil if there has been none of late
	out   *copyOut // nil: rows pass
	// stream, if not nil, is one of logical replication.
	stream *rowStream
}

// copySettings are the settings by which the values of a COPY are converted.
type copySettings struct {
	values logical.Settings // with the ENCODING option
	utf8   logical.Settings
}

func (s *Session) copySettings(c *rewrite.Copy) copySettings {
	t := copySettings{values: s.settings.values, utf8: s.settings.utf8}
	if c.Encoding != "" && c.Format.Kind != copyformat.Binary {
		// The server checks the name.
		_ = t.values.Set("client_encoding", c.Encoding)
	}
	return t
}

// checkCopy refuses a COPY that cannot be followed under the session's settings.
func (s *Session) checkCopy(c *rewrite.Copy) *wire.Error {
	if c == nil || c.Format.Kind == copyformat.Binary {
		return nil
	}
	t := s.copySettings(c)
	if !t.values.Separable() {
		name := s.settings.encoding
		if c.Encoding != "" {
			name = c.Encoding
		}
		return refused(rewrite.RefuseEncoding(name), nil)
	}
	if (!t.values.UTF8() || !s.settings.values.UTF8()) && !isASCII(c.Format.Null+c.Format.Default) {
		return refused(rewrite.RefuseEncoding(s.settings.encoding), nil)
	}
	return nil
}

func isASCII(text string) bool {
	for i := range len(text) {
		if text[i] >= 0x80 {
			return false
		}
	}
	return true
}

// showsCopiedFloats reports that a sealed float may have to be written as text.
func copiedBy(c *rewrite.Copy) unreported {
	if c == nil || c.In || c.Format.Kind == copyformat.Binary {
		return 0
	}
	for _, i := range c.Sealed {
		switch c.Columns[i].Operand.Column.Type.OID {
		case logical.OIDFloat4, logical.OIDFloat8:
			return floatDigits
		}
	}
	return 0
}

// copyOf is the COPY of sealed columns that the server is answering, nil if it
// is none.
func copyOf(r *request) *rewrite.Copy {
	switch {
	case r.kind == query && r.plan != nil:
		if all := r.plan.Statements(); int(r.next) < len(all) {
			return all[r.next].Copy
		}
	case r.kind == execute && r.portal.statement != nil && r.portal.statement.plan != nil:
		return r.portal.statement.plan.Copy
	}
	return nil
}

// takesCopies reports that a request has a COPY FROM of sealed columns that has
// not ended.
func takesCopies(r *request) bool {
	if r.kind == query && r.plan != nil {
		all := r.plan.Statements()
		for i := min(int(r.next), len(all)); i < len(all); i++ {
			if c := all[i].Copy; c != nil && c.In {
				return true
			}
		}
		return false
	}
	c := copyOf(r)
	return c != nil && c.In
}

// awaitsCopy reports that data of a COPY must wait until it is known whether it
// has to be sealed.
func (s *Session) awaitsCopy() bool {
	for i := range s.fifo.len() {
		if takesCopies(s.fifo.at(i)) {
			return true
		}
	}
	return false
}

// copyData takes the header of a CopyData from the client.
func (s *Session) copyData(out *Output) (action, Need, error) {
	switch {
	case s.copying.phase == copyActive:
		return convert, Need{}, nil
	case s.copying.phase == copyOver, s.skipping != skipsNothing:
		return drop, Need{}, nil
	case s.copyIn:
		return relay, Need{}, nil
	case s.awaitsCopy():
		return s.waitServer(out)
	}
	switch may, planned := s.mayCopy(); {
	case !may:
		return drop, Need{}, nil // the server would ignore it, but see it
	case planned:
		return s.waitServer(out) // it may be a COPY of which nothing is sealed, or none
	}
	return relay, Need{}, nil
}

// mayCopy reports that what has been sent last can be a COPY of which nothing is
// sealed, and whether it has been planned. A Sync may have been sent behind it.
func (s *Session) mayCopy() (may, planned bool) {
	last := s.fifo.len() - 1
	for last >= 0 && (s.fifo.at(last).kind == syncPoint || s.fifo.at(last).kind == copyEnd) {
		last--
	}
	if last < 0 {
		return false, false
	}
	r := s.fifo.at(last)
	switch {
	case r.hidden, r.refusal != nil:
		return false, false
	case r.kind == query:
		return true, r.plan != nil
	case r.kind != execute:
		return false, false
	}
	for i := last - 1; i >= 0 && s.fifo.at(i).kind != syncPoint && s.fifo.at(i).kind != query; i-- {
		if s.fifo.at(i).refusal != nil {
			return false, false // the server skips the rest
		}
	}
	st := r.portal.statement
	return true, st != nil && st.plan != nil
}

// copyEnds takes a CopyDone or CopyFail from the client.
func (s *Session) copyEnds(typ byte, out *Output) (action, Need, error) {
	switch {
	case s.copying.phase == copyOver:
		s.copying.phase = copyNone
		return drop, Need{}, nil // the server has been told
	case s.copying.phase == copyActive && typ == wire.TypeCopyDone:
		if need, err := s.endCopyIn(out); err != nil || need.Kind != NeedNothing {
			return wait, need, err
		}
		if s.copying.phase == copyOver {
			s.copying.phase = copyNone
			return drop, Need{}, nil
		}
	case !s.copyIn && s.skipping == skipsNothing && s.awaitsCopy():
		return s.waitServer(out)
	}
	s.copying.phase = copyNone
	s.copying.in.release()
	if s.copyIn {
		s.copyIn, s.flushed = false, false
	} else if s.fifo.len() > 0 && s.skipping == skipsNothing {
		s.push(&request{kind: copyEnd})
	}
	return relay, Need{}, nil
}

// beginCopy follows a CopyInResponse or CopyOutResponse to a COPY of sealed
// columns. refusal: the server means other data than was planned. converts: it
// has been asked for the binary format instead of the client's.
func (s *Session) beginCopy(c *rewrite.Copy, body []byte, converts bool) (refusal *wire.Error, err error) {
	if len(body) < 3 {
		return nil, violation("malformed message from the server")
	}
	binary, columns := body[0] == 1, int(body[1])<<8|int(body[2])
	if binary != (converts || c.Format.Kind == copyformat.Binary) || columns < len(c.Columns) || c.In && columns != len(c.Columns)+len(c.Added) {
		return errContradiction, nil
	}
	if c.In {
		s.beginCopyIn(c, converts)
	} else {
		s.beginCopyOut(c, columns)
	}
	return nil, nil
}

// copyFailure is why a COPY FROM has been made to fail on the server, and by
// what the server's own error is known.
type copyFailure struct {
	// failure takes the place of the server's error. nil: only its context does, and
	// that of one about the whole line, which the server finds first.
	failure *wire.Error
	// code is the SQLSTATE with which the server fails, "" if copyMarker alone
	// tells.
	code  string
	line  int
	where string // the server's CONTEXT with the client's own line, "" if it has none
	// atEnd: it is CopyDone that makes the server fail.
	atEnd bool
}

// failRow is failCopy for what the client's data has at hand.
func (s *Session) failRow(f *copyFailure, dst []byte) []byte {
	if c := s.copying.in; c.tuples == nil && !c.converts {
		var start int
		dst, start = wire.Begin(dst, wire.TypeCopyData)
		dst = wire.End(append(dst, unreadLine...), start)
	}
	return s.failCopy(f, dst)
}

// unreadLine goes behind rows of lines, before a CopyFail. The server finds characters
// that are none in what came before only when it has 16 bytes from there on
// (MAX_CONVERSION_INPUT_LENGTH).
const unreadLine = "xxxxxxxxxxxxxxxx"

// failCopy makes the server end a COPY FROM, behind what has been put for it. It
// is the server's own error, in its own time, that the client gets, or what f
// puts in its place.
func (s *Session) failCopy(f *copyFailure, dst []byte) []byte {
	s.fifo.at(0).copyFailure = f
	s.copying.phase = copyOver
	s.copying.in.release()
	s.copyIn = false
	dst, start := wire.Begin(dst, wire.TypeCopyFail)
	return wire.End(wire.AppendCString(dst, copyMarker), start)
}

// explains reports that the server's error is the one that was brought about.
func (f *copyFailure) explains(fields wire.ErrorFields) bool {
	if f.failure != nil && (bytes.Contains(fields.Get(wire.FieldWhere), []byte(copyMarker)) ||
		bytes.Contains(fields.Get(wire.FieldMessage), []byte(copyMarker))) {
		return true
	}
	return f.code != "" && string(fields.Get(wire.FieldCode)) == f.code && ofLine(fields.Get(wire.FieldWhere), f.line)
}

// showCopyFailure puts what the client gets for the server's error.
func (s *Session) showCopyFailure(f *copyFailure, fields wire.ErrorFields, out *Output) {
	misread := f.where != "" && string(fields.Get(wire.FieldCode)) == codeBadCopyFormat
	if f.failure != nil && !misread {
		out.client.put(f.failure.Append(out.client.scratch))
		return
	}
	dst, start := wire.Begin(out.client.scratch, wire.TypeErrorResponse)
	for it := fields.Iter(); ; {
		code, value := it.Next()
		if code == 0 {
			break
		}
		if code == wire.FieldWhere {
			dst = wire.AppendErrorField(dst, code, f.where)
			continue
		}
		dst = wire.AppendErrorField(dst, code, value)
	}
	out.client.put(wire.End(append(dst, 0), start))
}
