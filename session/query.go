package session

import (
	"bytes"
	"pgseal/catalog"
	"pgseal/rewrite"
	"pgseal/wire"
)

// query takes a Query: all its statements are planned before any is sent.
func (s *Session) query(size int, b []byte, out *Output) (action, Need, error) {
	s.frame.query = true
	snap, stale := s.current()
	if snap != nil && snap.Empty() && !s.cursors.arrange() {
		s.unplannedNames = true
		if !s.remembers || size > s.cfg.MaxFrame {
			s.push(&request{kind: query})
			return relay, Need{}, nil
		}
	}
	if size > s.cfg.MaxFrame {
		return s.refuseQuery(tooLong(size, s.cfg.MaxFrame), out)
	}
	if len(b) < size {
		return wait, Need{Kind: NeedBytes, Bytes: size}, nil
	}
	text, err := wire.ParseQuery(b[wire.HeaderLen:])
	if err != nil {
		out.server.put(appendMalformed(out.server.scratch, wire.TypeQuery, b[wire.HeaderLen:]))
		s.push(&request{kind: call}) // the unnamed statement stays
		return drop, Need{}, nil
	}
	if snap != nil && snap.Empty() {
		if v := s.renewNamed(snap, text, rewrite.Simple, out); v.act == wait {
			return wait, v.need, nil
		} else if v.refusal != nil {
			return s.refuseQuery(v.refusal, out)
		}
	}
	if s.walsender && replicationCommand(text) {
		logical := startsLogical(text)
		opens := logical && opensStream(text)
		switch {
		case !logical:
		case snap == nil:
			return s.refuseQuery(staleCatalog(stale), out)
		case !snap.Empty() && !opens:
			return s.refuseQuery(errLogicalStream, out)
		}
		s.push(&request{kind: query, streams: opens})
		return relay, Need{}, nil
	}
	if snap == nil {
		if look(text)&controls == 0 {
			return s.refuseQuery(staleCatalog(stale), out)
		}
		s.push(&request{kind: query})
		return relay, Need{}, nil
	}
	if s.frame.cut > 0 {
		if s.fifo.len() > 0 { // what is in front may fail yet
			return s.waitServer(out)
		}
		whole := len(text)
		text = s.frame.rest(text)
		s.frame.blanks = int32(len(text)-whole) + s.frame.cut
	} else if stale == nil {
		if need, done := s.insertAgain(snap, text, out); done {
			return wait, need, nil
		}
	}
	return s.queryText(snap, stale, text, nil, out)
}

// queryText is query for a text. With a refusal, the text is not the client's:
// its last statement stands in the place of the one refused.
func (s *Session) queryText(snap *catalog.Snapshot, stale error, text []byte, refusal *wire.Error, out *Output) (action, Need, error) {
	h, shows, known := s.relayedLike(snap, text)
	v := verdict{act: relay}
	if known && shows != nil && stale == nil && refusal == nil {
		return s.queryShows(shows, text, out)
	}
	if refusal == nil && s.status == 'E' && s.frame.piece == 0 && s.frame.cut == 0 {
		if need, done, err := s.sendEnd(snap, stale, text, out); done {
			return wait, need, err
		}
	}
	if refusal == nil && s.status == 'T' && setsTransaction(text) && (rewrite.MayTouch(snap, text) || s.look(text)&fetches != 0) {
		v.refusal, v.apart = errSettingsMoved, true
		if need, done, err := s.sendPiece(snap, stale, text, &v, out); done {
			return wait, need, err
		}
		v = verdict{act: relay}
	}
	if !known || shows != nil {
		known = false
		h = s.look(text)
		v = s.plan(snap, text, rewrite.Simple, out)
	}
	switch {
	case v.act == wait:
		return wait, v.need, nil
	case v.act == relay:
		if !known {
			s.like.relayed(snap, text, h, nil)
		}
		if h&fetches != 0 {
			if s.cursors.arrange() { // of which no snapshot knows any more
				return s.refuseQuery(refused(rewrite.RefuseFetched(), nil), out)
			}
			if need, unsettled := s.unsettled(floatDigits|byteaOutput, out); unsettled {
				return wait, need, nil
			}
		}
		s.catalog.undo(h)
		s.push(&request{kind: query, writes: h&readsOnly == 0, inline: s.inlined(), guard: h&fetches != 0 || s.inlined(), resets: s.resetting(h), refusal: refusal})
		return s.sendQuery(text, refusal, out)
	case v.refusal != nil && refusal == nil:
		if need, done, err := s.sendPiece(snap, stale, text, &v, out); done {
			return wait, need, err
		}
	}
	switch {
	case v.refusal != nil && v.probe != nil && refusal == nil && !s.walsender && s.frame.piece == 0 && s.frame.cut == 0:
		return s.probeQuery(v.probe, v.refusal, out)
	case v.refusal != nil:
		return s.refuseStatement(snap, stale, text, v.at, v.refusal, out)
	case stale != nil:
		s.recycle(v.planning)
		return s.refuseQuery(staleCatalog(stale), out)
	}
	plan := v.planning.bound.Plan
	h |= v.planning.executed
	r := request{kind: query, plan: plan, planning: v.planning, writes: h&readsOnly == 0, resets: s.resetting(h), guard: h&fetches != 0, refusal: refusal, inline: s.inlined()}
	if all := plan.Statements(); len(all) == 1 && all[0].Copy != nil && !all[0].Copy.In {
		r.writes = all[0].Copy.Writes
	}
	var by unreported
	if r.guard {
		by = floatDigits
	}
	r.guard = r.guard || r.inline
	for i := range plan.Statements() {
		st := &plan.Statements()[i]
		r.guard = r.guard || st.Results != nil || st.Effect == rewrite.Executes
		r.effects = r.effects || changesNames(st)
		r.closings = r.closings || closesCursors(st)
		by |= shownBy(st.Results)
		if st.Prints {
			by |= floatDigits | byteaOutput
		}
		if h.changeSettings() && showsSettings(st.Results, &formats{}) {
			return s.apart(errSettingsMoved, snap, stale, text, v.planning, out)
		}
		if c := st.Copy; c != nil {
			if refusal := s.checkCopy(c); refusal != nil {
				s.recycle(v.planning)
				return s.refuseQuery(refusal, out)
			}
			r.guard = r.guard || !c.In
			by |= copiedBy(c)
		}
	}
	if need, unsettled := s.unsettled(by, out); unsettled {
		s.recycle(v.planning)
		return wait, need, nil
	}
	if refusal == nil && goesOn(plan) {
		switch arranged := s.fetchesArranged(plan); {
		case s.closings > 0:
			s.recycle(v.planning)
			return s.waitServer(out)
		case arranged && len(plan.Statements()) > 1:
			return s.apart(errFetchedApart, snap, stale, text, v.planning, out)
		case arranged:
			return s.fetchQuery(&r, out)
		}
		for i := range plan.Statements() {
			if s.movesArranged(&plan.Statements()[i]) {
				return s.apart(errArrangedInParts, snap, stale, text, v.planning, out)
			}
		}
	}
	if plan.Apart() && refusal == nil && s.status != 'E' && !s.walsender {
		return s.apart(errComputedApart, snap, stale, text, v.planning, out)
	}
	if plan.Relay() {
		s.catalog.alters(plan, h, snap.Version)
		s.push(&r)
		return s.sendQuery(text, refusal, out)
	}
	if len(plan.Statements()) > 1 && s.canReset(h) {
		return s.apart(errSettingsMoved, snap, stale, text, v.planning, out)
	}
	if i, err := s.checkOutputs(plan.Statements()); err != nil {
		if s.behind(err) {
			return s.unsealed(v.planning, Need{Kind: NeedCatalog}, nil, snap, stale, text, out)
		}
		e := statementError(err)
		if e == nil {
			return wait, Need{}, err
		}
		v.planning.failedAt = rewrite.StatementNumber(text, i, !s.settings.conforming)
		return s.unsealed(v.planning, Need{}, e, snap, stale, text, out)
	}
	q := questionOf(plan)
	if q != nil && (q.Counts || q.Seals()) && s.frame.computed == nil {
		s.rehearsing = true
		_, need, failed := s.sealText(out.server.scratch, v.planning)
		s.rehearsing = false
		if failed != nil || need.Kind != NeedNothing {
			return s.unsealed(v.planning, need, failed, snap, stale, text, out)
		}
	}
	if q != nil {
		planned := text
		if v.planning.foreign {
			planned = v.planning.client
		}
		if act, need, ok := s.compute(q.Bound(&v.planning.bound), planned, rewrite.Simple, nil, nil, out); !ok {
			s.recycle(v.planning)
			return act, need, nil
		}
		r.inline, r.guard, r.computed = s.inlined(), r.guard || s.inlined(), s.frame.computed
	}
	if h == readsOnly && refusal == nil && s.frame.path == nil && !plan.Large() && showsAlike(plan) {
		s.like.relayed(snap, text, h, plan)
		s.recycle(v.planning)
		return s.queryShows(plan, text, out)
	}
	v.planning.bound.Converts = s.converts(plan)
	upgrades := refusal == nil && h == readsOnly && upgradable(plan) && !s.walsender && s.frame.piece == 0 && s.frame.cut == 0
	dst, start := wire.Begin(out.server.scratch, wire.TypeQuery)
	if upgrades {
		dst, start = wire.Begin(out.server.scratch, wire.TypeParse)
		dst = append(dst, 0) // unnamed
	}
	s.deferring, s.deferred = preparesAlone(plan), nil
	dst, need, failed := s.sealText(dst, v.planning)
	v.planning.deferred, s.deferring = s.deferred, false
	if failed != nil || need.Kind != NeedNothing {
		return s.unsealed(v.planning, need, failed, snap, stale, text, out)
	}
	dst = append(dst, 0)
	if upgrades {
		dst = wire.End(wire.AppendCount(dst, 0), start)
		out.server.put(s.upgrade(dst, &r, snap))
		return drop, Need{}, nil
	}
	from := len(out.server.scratch)
	dst = wire.End(dst, start)
	s.catalog.alters(plan, h, snap.Version)
	s.push(&r)
	s.putEnd(dst[from:])
	out.server.put(dst)
	return drop, Need{}, nil
}

// errComputedApart is for such a text that cannot go in pieces.
var errComputedApart = &wire.Error{
	Code: codeFeatureNotSupported, Message: "rows that pgseal computes of sealed values cannot be asked for among these statements in one text, which could not be undone if one of the rows fails",
	Hint: "Send the statements one by one.",
}

// apart is for a text of which each statement goes by itself: it can change settings by which
// its own values are read or shown, and the server reports the change when all is over, too
// late; or it fetches rows that pgseal sorts.
func (s *Session) apart(e *wire.Error, snap *catalog.Snapshot, stale error, text []byte, p *planning, out *Output) (action, Need, error) {
	s.recycle(p)
	if s.fifo.len() > 0 { // a text that ends a failed transaction is cut otherwise
		return s.waitServer(out)
	}
	v := verdict{refusal: e, apart: true}
	if need, done, err := s.sendPiece(snap, stale, text, &v, out); done {
		return wait, need, err
	}
	return s.refuseQuery(e, out)
}

// setsTransaction reports that a text begins by setting what its transaction is like. That
// has to come before anything that takes a snapshot, as a question does which what is
// behind it may need.
func setsTransaction(text []byte) bool {
	text = afterComments(text)
	switch {
	case foldedPrefix(text, "begin"):
		return hasModes(text[len("begin"):])
	case foldedPrefix(text, "start"):
		return hasModes(text[len("start"):])
	case !foldedPrefix(text, "set"):
		return false
	}
	text = afterComments(text[len("set"):])
	if foldedPrefix(text, "local") {
		text = afterComments(text[len("local"):])
	}
	const transaction = "transaction" // or transaction_isolation
	return len(text) > len(transaction) && bytes.EqualFold(text[:len(transaction)], []byte(transaction))
}

// hasModes reports that BEGIN, of which the text is what follows, says more than that.
func hasModes(text []byte) bool {
	text = afterComments(text)
	for _, word := range [...]string{"work", "transaction"} {
		if foldedPrefix(text, word) {
			text = afterComments(text[len(word):])
			break
		}
	}
	return len(text) > 0 && text[0] != ';'
}

// queryShows relays a text that is planned so that its rows are opened.
func (s *Session) queryShows(plan *rewrite.Plan, text []byte, out *Output) (action, Need, error) {
	if need, unsettled := s.unsettled(shownBy(plan.Statements()[0].Results), out); unsettled {
		return wait, need, nil
	}
	s.push(&request{kind: query, plan: plan, guard: true, inline: s.inlined()})
	return s.sendQuery(text, nil, out)
}

// preparesAlone reports that a text is one PREPARE.
func preparesAlone(p *rewrite.Plan) bool {
	all := p.Statements()
	return len(all) == 1 && all[0].Effect == rewrite.Prepares
}

// unsealed is for a text of which something could not be sealed, or not yet.
func (s *Session) unsealed(p *planning, need Need, failed *wire.Error, snap *catalog.Snapshot, stale error, text []byte, out *Output) (action, Need, error) {
	at := p.failedAt
	s.recycle(p)
	if failed != nil {
		return s.refuseStatement(snap, stale, text, at, failed, out)
	}
	return wait, need, nil
}

// sendQuery relays the client's own text, or sends the one in its place.
func (s *Session) sendQuery(text []byte, refusal *wire.Error, out *Output) (action, Need, error) {
	if refusal == nil && s.frame.cut == 0 && s.frame.piece&pieceMore == 0 {
		return relay, Need{}, nil
	}
	from := len(out.server.scratch)
	dst := wire.AppendQuery(out.server.scratch, text)
	s.putEnd(dst[from:])
	out.server.put(dst)
	return drop, Need{}, nil
}

// refuseStatement refuses the statement that stands at an offset of the text.
// As in PostgreSQL the statements before it take place: there may be a
// SAVEPOINT among them to which the client wants to go back. A syntax error
// keeps the whole text from running.
func (s *Session) refuseStatement(snap *catalog.Snapshot, stale error, text []byte, at int, e *wire.Error, out *Output) (action, Need, error) {
	start := 0
	if !e.Unread {
		start = rewrite.StatementAt(text, at, !s.settings.conforming)
	}
	// What has been cut is refused as a whole unless it gets shorter by another
	// cut, so that the cutting ends.
	if start == 0 || bytes.HasSuffix(text, []byte(failingText)) && start >= len(text)-len(failingText) {
		return s.refuseQuery(e, out)
	}
	return s.queryText(snap, stale, append(text[:start:start], failingText...), e, out)
}
