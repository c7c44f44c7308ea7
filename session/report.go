package session

import (
	"bytes"
	"slices"
	"strconv"

	"pgseal/rewrite"
	"pgseal/wire"
)

// errorResponse follows an error of the server: it answers the request at the
// front, and in the extended protocol the server skips to the next Sync.
func (s *Session) errorResponse(b []byte, size int, out *Output) (action, Need, error) {
	if len(b) < size { // too long to look into
		s.failed()
		return relay, Need{}, nil
	}
	fields, err := wire.ParseErrorFields(b[wire.HeaderLen:])
	if err != nil {
		return wait, Need{}, violation("malformed ErrorResponse from the server")
	}
	r := s.front()
	if r == nil || isFinal(fields) {
		return relay, Need{}, nil
	}
	act := relay
	failure := &s.failure
	switch {
	case r.failing, failure.told:
		act = drop
	case r.inside != nil:
		s.insideFailed(fields, out)
		act = drop
	case r.computes:
		s.uncomputed(fields, out)
		act = drop
	case r.question != nil:
		showAsked(fields, r.question, []byte(r.statement.text), "", out)
		act = drop
	case r.process:
		s.peer = anyAnswers
		act = drop
	case s.insertFails(r, fields):
		act = drop
	case r.hidden && !r.simple: // a question of ours: the client's frame fails as it would have
		s.unanswered(out)
		if r.kind == query {
			r.hidden = false // its ReadyForQuery is the client's
		}
	case failure.pending != nil:
		// The server has failed by itself, after a row that did not open.
		out.client.put(failure.pending.Append(out.client.scratch))
		s.failure = failureOver
		act = drop
	case r.copyFailure != nil && r.copyFailure.explains(fields):
		s.showCopyFailure(r.copyFailure, fields, out)
		act = drop
	case r.refusal != nil && (refusedInstead(fields) || r.probes(fields)):
		out.client.put(r.refusal.Append(out.client.scratch))
		act = drop
	case s.failedRows.found(fields) != nil:
		out.client.put(s.failedRows.found(fields).Append(out.client.scratch))
		act = drop
	case rowChanged(fields):
		out.client.put(refused(rewrite.RefuseRowChanged(), nil).Append(out.client.scratch))
		act = drop
	case r.aggregates() && outOfRoom(fields):
		out.client.put(errLargeGroup.Append(out.client.scratch))
		act = drop
	case r.guarded() && (moved(fields) || r.lacks(fields)), unsealed(fields):
		// The next statement is planned from the catalog as it is now.
		s.catalog.stale, s.catalog.told = true, false
		e := errReplan
		if r.kind == query || r.simple {
			e = refused(rewrite.RefuseMoved(), nil)
		}
		out.client.put(e.Append(out.client.scratch))
		act = drop
	default:
		act = s.show(wire.TypeErrorResponse, r, fields, out)
	}
	if r.piece != 0 {
		r.piece |= pieceFailed
	}
	s.delayed.failed()
	s.remakeFails(out)
	s.failed()
	return act, Need{}, nil
}

// guarded reports that the text of a request says what it was planned for.
func (r *request) guarded() bool {
	var st *statement
	switch r.kind {
	case query:
		return r.plan != nil && int(r.next) < len(r.plan.Statements()) && slices.ContainsFunc(r.plan.Statements()[r.next:], guards)
	case parse, describeStatement:
		st = r.statement
	default:
		st = r.portal.statement
	}
	return st != nil && st.plan != nil && guards(*st.plan)
}

// guards reports that a statement is guarded, or executes what may be.
func guards(st rewrite.Statement) bool { return st.Guarded || st.Effect == rewrite.Executes }

// moved reports the error of a guard: a name stands for something else than what
// the statement was planned for.
func moved(f wire.ErrorFields) bool {
	message := f.Get(wire.FieldMessage)
	switch string(f.Get(wire.FieldCode)) {
	case codeUndefinedFunction:
		return bytes.Contains(message, []byte(rewrite.GuardFunction))
	case codeInvalidText, codeInvalidReference, codeUndefinedObject:
		return bytes.Contains(message, []byte(rewrite.GuardMarker))
	}
	return false
}

// rowChanged reports the error of a statement that was to store what has been computed of
// values that the row has no more.
func rowChanged(f wire.ErrorFields) bool {
	return string(f.Get(wire.FieldCode)) == codeUndefinedObject && bytes.Contains(f.Get(wire.FieldMessage), []byte(rewrite.RowMarker))
}

// unsealed reports that there is no term of a column, or no type of one, which would have
// a position: it has been unsealed since the statement was planned.
func unsealed(f wire.ErrorFields) bool {
	message := f.Get(wire.FieldMessage)
	switch string(f.Get(wire.FieldCode)) {
	case codeUndefinedFunction:
		return callsTerm(message)
	case codeUndefinedObject:
		return bytes.Contains(message, ownType) && f.Get(wire.FieldPosition) != nil
	}
	return false
}

// lacks reports the error of a guard that has found a relation without the column
// that it looks at, or of a prepared statement that misses one; or of a sealed value
// for a column of another type, which the server finds before it looks at the guard.
func (r *request) lacks(f wire.ErrorFields) bool {
	code := string(f.Get(wire.FieldCode))
	if code != codeUndefinedColumn && code != codeDatatypeMismatch {
		return false
	}
	if r.kind == bind {
		return true // the statement has been analysed again: it is to be prepared again
	}
	if r.planning == nil {
		return false
	}
	position, err := strconv.Atoi(string(f.Get(wire.FieldPosition)))
	switch {
	case err != nil:
		return false
	case code == codeDatatypeMismatch:
		return r.planning.bound.Wrote(r.planning.server, position)
	}
	return r.planning.bound.LooksAt(r.planning.server, position)
}

// refusedInstead reports the error of a statement that stands in the place of a
// refused one. In a text of several another statement may have failed.
func refusedInstead(f wire.ErrorFields) bool {
	message := f.Get(wire.FieldMessage)
	switch string(f.Get(wire.FieldCode)) {
	case codeUndefinedColumn, codeSyntaxError:
		return bytes.Contains(message, []byte(failingColumn))
	case codeUndefinedStatement, codeUndefinedCursor:
		return bytes.Contains(message, []byte(failingName))
	}
	return false
}

// failureOver: nothing is left to be told to either side.
var failureOver failure

// isFinal reports an error after which the server closes the connection.
func isFinal(f wire.ErrorFields) bool {
	severity := f.Get(wire.FieldSeverityPlain)
	return string(severity) == "FATAL" || string(severity) == "PANIC"
}

// failed skips the requests that the server skips.
func (s *Session) failed() {
	s.copyIn = false
	s.cursors.undo()
	if s.copying.phase == copyActive {
		s.copying.phase = copyOver
	}
	if s.copying.in != nil && s.copying.in.plan != nil {
		s.copying.in.forget()
	}
	if s.client.copy {
		s.client.copy, s.client.drop = false, true
	}
	s.copying.out, s.copying.stream = nil, nil
	s.result.end()
	r := s.front()
	if r == nil || r.kind == query || r.kind == call || r.kind == syncPoint {
		return
	}
	if r.kind == parse && r.names == &s.statements.unnamed {
		r.names.confirmed = nil // it goes with a Parse, whatever comes of that
	}
	for s.fifo.len() > 0 && s.fifo.at(0).kind != syncPoint {
		s.skipped(s.fifo.at(0))
		s.fifo.pop()
	}
	if s.fifo.len() == 0 {
		s.skipping = skips
	}
}

// hintNotSealed is for a value that the domain of a sealed column refuses: it is
// no envelope of that column, so it was not written by a statement that passed
// here.
const hintNotSealed = "What was to be stored is not sealed for this column: a DEFAULT, a trigger or a function wrote it."

// notice follows a notice of the server.
func (s *Session) notice(size int, b []byte, out *Output) (action, Need, error) {
	if size > s.cfg.MaxFrame {
		return relay, Need{}, nil
	}
	if len(b) < size {
		return s.incomplete(size)
	}
	fields, err := wire.ParseErrorFields(b[wire.HeaderLen:])
	if err != nil {
		return wait, Need{}, violation("malformed NoticeResponse from the server")
	}
	r := s.front()
	if r != nil && (r.hidden && r.ready || r.ends) {
		return drop, Need{}, nil // that there is no transaction
	}
	return s.show(wire.TypeNoticeResponse, r, fields, out), Need{}, nil
}

// show puts an error or a notice of the server as the plaintext database would
// have worded it. r is what the server is answering, nil if nothing.
func (s *Session) show(typ byte, r *request, f wire.ErrorFields, out *Output) action {
	mapped := r != nil && r.planning != nil && len(r.planning.server) > 0
	copying := r != nil && s.copying.in != nil && s.copying.in.plan != nil && copyOf(r) == s.copying.in.plan
	converted := copying && s.copying.in.converts
	conflict := typ == wire.TypeErrorResponse && refusesOwnType(f)
	if !mapped && !copying && !conflict && !mentionsSealed(f) {
		return relay
	}
	own := string(f.Get(wire.FieldSchema)) == domainSchema
	if own && string(f.Get(wire.FieldCode)) == codeNotNullViolation {
		if e := s.nullRefused(string(f.Get(wire.FieldDataType))); e != nil {
			out.client.put(e.Append(out.client.scratch))
			return drop
		}
	}
	foreign := own && string(f.Get(wire.FieldCode)) == codeCheckViolation
	about := s.aboutRelation(f)
	dst, start := wire.Begin(out.client.scratch, typ)
	for it := f.Iter(); ; {
		code, value := it.Next()
		if code == 0 {
			break
		}
		switch code {
		case wire.FieldPosition:
			position, err := strconv.Atoi(string(value))
			if err == nil && mapped {
				position = r.planning.bound.ClientPosition(r.planning.server, position)
			}
			if err != nil || !mapped && r != nil && r.planning != nil && !r.planning.bound.Plan.Relay() {
				continue // the text is gone; no position is better than a wrong one
			}
			dst = append(dst, code)
			dst = strconv.AppendInt(dst, int64(position), 10)
			dst = append(dst, 0)
		case wire.FieldWhere:
			if converted {
				value = s.copying.in.convertedContext(value, string(f.Get(wire.FieldCode)))
			} else if copying && foundWhenStored(string(f.Get(wire.FieldCode))) && s.copying.in.storesSingly() {
				value = s.copying.in.withLine(value)
			}
			if mapped {
				if sent, written := r.planning.bound.Quoted(r.planning.server); sent != nil {
					value = bytes.Replace(value, sent, written, 1)
				}
			}
			dst = append(dst, code)
			dst = s.appendShown(dst, s.clientsOwn(value, copying), about)
			dst = append(dst, 0)
		case wire.FieldMessage, wire.FieldDetail, wire.FieldHint, wire.FieldInternalQuery:
			if conflict && code == wire.FieldHint {
				continue
			}
			if conflict {
				value = s.columnsNamed(value)
			}
			dst = append(dst, code)
			dst = s.appendShown(dst, s.clientsOwn(value, copying), about)
			dst = append(dst, 0)
		case wire.FieldCode:
			if conflict {
				value = []byte(codeFeatureNotSupported)
			}
			dst = wire.AppendErrorField(dst, code, value)
		default:
			dst = wire.AppendErrorField(dst, code, value)
		}
	}
	if conflict {
		dst = wire.AppendErrorField(dst, wire.FieldHint, hintOwnTypes)
	}
	if foreign && f.Get(wire.FieldHint) == nil {
		dst = wire.AppendErrorField(dst, wire.FieldHint, hintNotSealed)
	}
	out.client.put(wire.End(append(dst, 0), start))
	return drop
}

// nullRefused is what PostgreSQL says of NULL for the logical type of the column
// with a domain of this name, which refuses NULL because that type does.
func (s *Session) nullRefused(domain string) *wire.Error {
	snap, err := s.snapshot()
	if snap == nil || err != nil {
		return nil
	}
	c := snap.Domain(domain)
	if c == nil || c.Type.Def == nil {
		return nil
	}
	return statementError(valueError(c.Type.Def.NullRefused(), c))
}
