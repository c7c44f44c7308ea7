package session

import (
	"bytes"

	"pgseal/wire"
)

// FromServer takes what the server has sent. It consumes n bytes of b. An
// error is a breach of the protocol: a *wire.Error to be sent to the client
// before both connections are closed.
func (s *Session) FromServer(b []byte, out *Output) (n int, need Need, err error) {
	out.reset()
	s.seen = false
	defer s.leases.release()
	for {
		if s.server.left > 0 {
			k := min(s.server.left, len(b)-n)
			if !s.server.drop {
				out.client.relay(b, n, n+k)
			}
			n += k
			if s.server.left -= k; s.server.left > 0 {
				return n, Need{}, nil
			}
		}
		typ, size, err := wire.Peek(b[n:])
		if err != nil {
			return n, Need{}, violation("invalid message length from the server")
		}
		if size == 0 {
			return n, Need{}, nil
		}
		if !wire.FromServer(typ) {
			return n, Need{}, violation("invalid message type " + quoteType(typ) + " from the server")
		}
		var act action
		switch {
		case typ == wire.TypeDataRow && !s.raw:
			act, need, err = s.dataRow(size, b[n:], out)
		case typ == wire.TypeCopyData && !s.raw:
			act, need, err = s.copied(size, b[n:], out)
		default:
			act, need, err = s.serverFrame(typ, size, b[n:min(n+size, len(b))], out)
		}
		if err != nil || act == wait {
			return n, need, err
		}
		s.server = pending{left: size + s.beyond, drop: act == drop}
		s.beyond = 0
	}
}

// errUnasked is an answer to no request: the two sides disagree about where
// they are, and rows could be opened for the wrong statement.
var errUnasked = violation("the server answered what nobody asked")

// front is the request that the server is answering, nil if there is none.
func (s *Session) front() *request {
	for s.fifo.len() > 0 {
		if r := s.fifo.at(0); r.kind != copyEnd {
			return r
		}
		s.fifo.pop() // the server ignores it outside a COPY
	}
	return nil
}

// serverFrame looks at one frame, of which b is as much as has been read.
func (s *Session) serverFrame(typ byte, size int, b []byte, out *Output) (action, Need, error) {
	if s.raw {
		return relay, Need{}, nil
	}
	switch typ {
	case wire.TypeCommandComplete, wire.TypeEmptyQueryResponse, wire.TypePortalSuspended:
		if len(b) < size {
			return s.incomplete(size)
		}
		return s.completed(typ, b, out)
	case wire.TypeReadyForQuery:
		if len(b) < size {
			return s.incomplete(size)
		}
		return s.ready(b, out)
	case wire.TypeParseComplete, wire.TypeBindComplete, wire.TypeCloseComplete:
		return s.confirmed(typ)
	case wire.TypeParameterDescription:
		return s.parameterDescription(size, b, out)
	case wire.TypeRowDescription:
		return s.rowsDescribed(size, b, out)
	case wire.TypeNoData:
		return s.noData()
	case wire.TypeErrorResponse:
		if len(b) < size && size <= s.cfg.MaxFrame {
			return s.incomplete(size)
		}
		return s.errorResponse(b, size, out)
	case wire.TypeNoticeResponse:
		return s.notice(size, b, out)
	case wire.TypeParameterStatus:
		if len(b) < size {
			return s.incomplete(size)
		}
		s.delayed.showEnd(out)
		return s.parameterStatus(b)
	case wire.TypeCopyInResponse:
		return s.copyInResponse(size, b, out)
	case wire.TypeCopyOutResponse:
		return s.copyOutResponse(size, b)
	case wire.TypeCopyBothResponse:
		if r := s.front(); r != nil && r.streams {
			s.copying.stream = new(rowStream)
		}
	case wire.TypeNotificationResponse:
		s.delayed.showEnd(out)
	case wire.TypeCopyDone, wire.TypeFunctionCallResponse:
		return s.unlessSilent(relay), Need{}, nil
	}
	return relay, Need{}, nil
}

// incomplete waits for the whole of a frame that is looked into.
func (s *Session) incomplete(size int) (action, Need, error) {
	if size > s.cfg.MaxFrame {
		return wait, Need{}, violation("message of " + itoa(size) + " bytes is longer than the configured limit")
	}
	return wait, Need{Kind: NeedBytes, Bytes: size}, nil
}

// unlessSilent drops what belongs to a statement that has failed for the
// client.
func (s *Session) unlessSilent(a action) action {
	if s.failure.silent() {
		return drop
	}
	return a
}

// confirmed follows ParseComplete, BindComplete and CloseComplete.
func (s *Session) confirmed(typ byte) (action, Need, error) {
	r := s.front()
	switch {
	case r == nil:
		return wait, Need{}, errUnasked
	case r.kind == parse && typ == wire.TypeParseComplete:
		if r.names != nil {
			r.names.confirm(r.statement)
			if s.failure.told && r.names.name != "" {
				s.failure.names = append(s.failure.names, r.names)
			}
		}
	case r.kind == bind && typ == wire.TypeBindComplete:
		if r.portals != nil {
			r.portals.confirm(r.portal)
			s.cursors.forget(r.portals.name)
		}
	case r.kind == closeTarget && typ == wire.TypeCloseComplete:
		if r.names != nil {
			r.names.confirm(nil)
			s.statements.tidy(r.names)
		}
		if r.portals != nil {
			r.portals.confirm(portal{})
			s.cursors.forget(r.portals.name)
			s.portals.tidy(r.portals)
		}
	default:
		return wait, Need{}, errUnasked
	}
	act := s.unlessSilent(relay)
	if r.hidden || r.simple {
		act = drop
	}
	s.finish()
	return act, Need{}, nil
}

// dataRow opens, relays or swallows the row at the head of b, of which there may
// be less or more. It opens the rows behind it as well.
func (s *Session) dataRow(size int, b []byte, out *Output) (action, Need, error) {
	r := s.front()
	if r == nil || r.kind != query && r.kind != execute {
		return wait, Need{}, errUnasked
	}
	if r.hidden {
		if len(b) < size {
			return s.incomplete(size)
		}
		switch {
		case r.inside != nil:
			return drop, Need{}, s.insideRow(r.inside, b[wire.HeaderLen:size])
		case r.computes:
			return drop, Need{}, s.computedRow(b[wire.HeaderLen:size])
		case r.process:
			return drop, Need{}, s.answerProcess(b[wire.HeaderLen:size])
		}
		return drop, Need{}, s.answerRow(b[wire.HeaderLen:size])
	}
	if s.failure.silent() {
		return drop, Need{}, nil
	}
	if !r.fetches() {
		s.delayed.showRows(out)
	}
	if s.result.opening == undecided {
		if r.kind == query {
			return wait, Need{}, violation("the server sent rows without describing them")
		}
		s.begin(&r.portal)
	}
	if s.result.opening == passing {
		return relay, Need{}, nil
	}
	if size > s.cfg.MaxFrame {
		s.failure.begin(tooLong(size, s.cfg.MaxFrame))
		return drop, Need{}, nil
	}
	if len(b) < size {
		return s.incomplete(size)
	}
	if s.result.long(size) {
		return wait, Need{Kind: NeedTime}, nil
	}
	var n int
	var need Need
	var err error
	if plan := r.arrangement(); plan != nil {
		var g *arranged
		if g, err = s.arrange(plan, r); err == nil {
			n = size
			need, err = s.arrangeRow(g, b[:size], out)
		}
	} else if s.opensInPlace(size) {
		n = size
		need, err = s.largeRow(size, b[wire.HeaderLen:size], out)
	} else {
		n, need, err = s.rows(b, out)
	}
	if err != nil {
		if e := statementError(err); e != nil {
			s.failure.begin(e)
			return drop, Need{}, nil
		}
		return wait, Need{}, err
	}
	if need.Kind != NeedNothing {
		return wait, need, nil
	}
	s.beyond = n - size
	return drop, Need{}, nil
}

// more counts the statements that the server has in the place of one, and reports that
// this was not the last of them.
func (r *request) more() bool {
	all := r.plan.Statements()
	if int(r.next) >= len(all) || int(r.extra) == all[r.next].Extra {
		r.extra = 0
		return false
	}
	r.extra++
	return true
}

// completed follows the end of one statement's rows.
func (s *Session) completed(typ byte, b []byte, out *Output) (action, Need, error) {
	r := s.front()
	if r == nil || r.kind != query && r.kind != execute {
		return wait, Need{}, errUnasked
	}
	if r.ends {
		r.ends = false
		return drop, Need{}, nil
	}
	if r.kind == query && r.plan != nil && r.more() {
		return drop, Need{}, nil
	}
	shown := false
	if plan := r.arrangement(); plan != nil && typ == wire.TypeCommandComplete && !s.failure.silent() {
		g, need, err := s.arrangedRows(plan, r, out)
		e := statementError(err)
		switch {
		case err == nil && need.Kind != NeedNothing:
			return wait, need, nil
		case e != nil:
			s.failure.begin(e)
		case err != nil:
			return wait, Need{}, err
		case !g.finish():
			return wait, Need{Kind: NeedTime}, nil
		default:
			s.delayed.showRows(out)
			g.show(r.rows, r.fetches(), out)
			shown = true
		}
	}
	s.copyIn, s.swallowedSyncs = false, 0
	s.copying.out, s.copying.stream = nil, nil
	if s.copying.in != nil && s.copying.in.plan != nil && s.copying.phase != copyActive {
		s.copying.in.forget()
	}
	if s.failure.pending == nil {
		s.delayed.showRows(out)
	}
	if r.plan != nil {
		r.plan.SetLarge(s.isLarge(r))
	}
	s.result.end()
	if typ == wire.TypeCommandComplete {
		if r.resets {
			s.settings.reset()
		}
		s.effect(r)
		if len(s.cursors.named) > 0 || s.catalog.later {
			tag := bytes.TrimSuffix(b[wire.HeaderLen:], []byte{0})
			s.cursors.completed(tag)
			if string(tag) == "COMMIT" {
				s.tell(s.catalog.committed())
				if s.fifo.len() == 1 && (r.plan == nil || int(r.next)+1 >= len(r.plan.Statements())) {
					s.catalog.inside = nil // nothing has changed since, though a transaction goes on (AND CHAIN)
				}
			}
		}
	}
	act := relay
	if tag := r.tag(); typ == wire.TypeCommandComplete && tag != "" && !s.failure.silent() {
		dst, start := wire.Begin(out.client.scratch, wire.TypeCommandComplete)
		out.client.put(wire.End(wire.AppendCString(dst, tag), start))
		act = drop
	}
	switch {
	case r.hidden, shown:
		act = drop
	case s.failure.pending != nil:
		s.fail(true, out)
		act = drop
	case s.failure.told:
		act = drop
	}
	if r.kind == query {
		r.next++
		return act, Need{}, nil
	}
	if q := r.inside; q != nil {
		s.finish()
		s.insideAnswered(q, out)
		return drop, Need{}, nil
	}
	if r.simple && act == relay {
		d := s.delay()
		d.end = append(d.end[:0], b...)
		act = drop
	}
	s.finish()
	return act, Need{}, nil
}

// copyInResponse follows the server into reading COPY data. It ignores a Sync
// that came before the CopyDone, so nothing will answer it.
func (s *Session) copyInResponse(size int, b []byte, out *Output) (action, Need, error) {
	r := s.front()
	if r == nil || r.kind != query && r.kind != execute {
		return wait, Need{}, errUnasked
	}
	if s.failure.silent() {
		// The client does not know of this COPY and would never end it.
		out.server.put(appendCopyFail(out.server.scratch))
		return drop, Need{}, nil
	}
	c := copyOf(r)
	if c != nil && len(b) < size {
		return s.incomplete(size)
	}
	converts := c != nil && c.Converts && r.planning != nil && r.planning.bound.Converts
	answers := r.computed // r moves
	for s.fifo.len() > 1 {
		switch s.fifo.at(1).kind {
		case syncPoint:
			s.swallowedSyncs++
			s.done(s.fifo.at(1))
			s.fifo.remove(1)
			continue
		case copyEnd:
			s.fifo.remove(1)
		default: // the server fails as soon as it reads it
		}
		return relay, Need{}, nil
	}
	s.copyIn = true
	if c == nil {
		return relay, Need{}, nil
	}
	refusal, err := s.beginCopy(c, b[wire.HeaderLen:], converts)
	switch {
	case err != nil:
		return wait, Need{}, err
	case refusal != nil:
		out.server.put(s.failCopy(&copyFailure{failure: refusal}, out.server.scratch))
		return relay, Need{}, nil
	case converts:
		out.server.put(appendBinaryHeader(out.server.scratch))
	}
	if c.In && len(c.Added) > 0 {
		s.readAdded(answers)
	}
	if !converts && len(c.Added) == 0 {
		return relay, Need{}, nil
	}
	out.client.put(appendCopyIn(out.client.scratch, c))
	return drop, Need{}, nil
}

// copyOutResponse follows the server into writing COPY data.
func (s *Session) copyOutResponse(size int, b []byte) (action, Need, error) {
	r := s.front()
	if r == nil || r.kind != query && r.kind != execute {
		return wait, Need{}, errUnasked
	}
	c := copyOf(r)
	if c == nil || s.failure.silent() {
		return s.unlessSilent(relay), Need{}, nil
	}
	if len(b) < size {
		return s.incomplete(size)
	}
	refusal, err := s.beginCopy(c, b[wire.HeaderLen:], false)
	if err != nil {
		return wait, Need{}, err
	}
	if refusal != nil {
		s.failure.begin(refusal)
		return drop, Need{}, nil
	}
	return relay, Need{}, nil
}

// ready follows a ReadyForQuery.
func (s *Session) ready(b []byte, out *Output) (action, Need, error) {
	status, err := wire.ParseReadyForQuery(b[wire.HeaderLen:])
	if err != nil {
		return wait, Need{}, violation("malformed ReadyForQuery from the server")
	}
	r := s.front()
	switch {
	case r != nil && (r.kind == query || r.kind == call || r.kind == syncPoint):
	case r == nil && s.swallowedSyncs > 0:
		s.swallowedSyncs--
		s.skipping = skipsNothing
		s.status = status
		return relay, Need{}, nil
	default:
		return wait, Need{}, errUnasked
	}
	if r.kind == query {
		s.statements.unnamed.set(nil)
	}
	if r.process {
		s.peer = s.peer.answered()
	}
	hidden, ours, inline, trial, part := r.hidden, r.ready, r.inline, r.trial, r.piece
	s.finish()
	s.delayed.showEnd(out)
	s.delayed.failed()
	s.buf.clamp()
	if s.batch != nil {
		s.batch.clamp()
	}
	s.settings.settle(status == 'I')
	s.leases.failed = nil
	s.status = status
	s.result.end()
	if status == 'I' {
		s.portals.clear()
		s.cursors.ended()
		s.sent.forget()
		s.conflictLocks = 0
		s.tell(s.catalog.ended(s.fifo.len() == 0))
	} else if s.fifo.len() == 0 {
		s.catalog.unsure = false
	}
	if hidden && !ours {
		return drop, Need{}, nil
	}
	if trial {
		return s.insertEnds(), Need{}, nil
	}
	if part != 0 && !s.pieceEnds(part, status, out) {
		return drop, Need{}, nil
	}
	open := inline && status == 'T' && !s.failure.told
	if s.abort(out) {
		return drop, Need{}, nil
	}
	if open {
		// Newer servers leave the transaction open that a question has begun, and
		// lose it at a Sync. COMMIT ends it, with a warning.
		out.server.put(wire.AppendQuery(out.server.scratch, "COMMIT"))
		s.push(&request{kind: query, hidden: true, ready: true, guard: true})
		return drop, Need{}, nil
	}
	return relay, Need{}, nil
}

func appendCopyFail(dst []byte) []byte {
	dst, start := wire.Begin(dst, wire.TypeCopyFail)
	return wire.End(wire.AppendCString(dst, "the statement has failed in the proxy"), start)
}
