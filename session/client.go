package session

import (
	"pgseal/catalog"
	"pgseal/rewrite"
	"pgseal/wire"
)

// FromClient takes what the client has sent. It consumes n bytes of b. An
// error is a breach of the protocol: a *wire.Error to be sent to the client
// before both connections are closed.
func (s *Session) FromClient(b []byte, out *Output) (n int, need Need, err error) {
	out.reset()
	s.seen = false
	defer s.used()
	for {
		if s.client.copy {
			k, need, err := s.copyChunk(b[n:n+min(s.client.left, len(b)-n)], out)
			n += k
			s.client.left -= k
			if err != nil || need.Kind != NeedNothing {
				return n, need, err
			}
			s.client.copy, s.client.drop = s.copying.phase == copyActive && s.client.left > 0, true
			if s.client.left > 0 && n == len(b) {
				return n, Need{}, nil
			}
		}
		if s.client.left > 0 {
			k := min(s.client.left, len(b)-n)
			if !s.client.drop {
				out.server.relay(b, n, n+k)
			}
			n += k
			if s.client.left -= k; s.client.left > 0 {
				return n, Need{}, nil
			}
		}
		typ, size, err := wire.Peek(b[n:])
		if err != nil {
			return n, Need{}, violation("invalid message length")
		}
		if size == 0 {
			return n, Need{}, nil
		}
		if !wire.FromClient(typ) {
			return n, Need{}, violation("invalid frontend message type " + quoteType(typ))
		}
		act, need, err := s.clientFrame(typ, size, b[n:min(n+size, len(b))], out)
		if err != nil || act == wait {
			return n, need, err
		}
		s.frame = frameState{}
		if act == convert {
			n += wire.HeaderLen
			s.client = pending{left: size - wire.HeaderLen, copy: true}
			continue
		}
		s.client = pending{left: size, drop: act == drop}
	}
}

// clientFrame looks at one frame, of which b is as much as has been read.
func (s *Session) clientFrame(typ byte, size int, b []byte, out *Output) (action, Need, error) {
	if s.raw || typ == wire.TypeTerminate {
		return relay, Need{}, nil
	}
	switch typ {
	case wire.TypeCopyData:
		return s.copyData(out)
	case wire.TypeCopyDone, wire.TypeCopyFail:
		return s.copyEnds(typ, out)
	}
	if s.skipping != skipsNothing {
		switch {
		case typ == wire.TypeSync:
			s.skipping = skipsNothing
		case typ == wire.TypeFlush && s.skipping == willSkip: // the client waits for the error
			s.flushed = true
			return relay, Need{}, nil
		default:
			return drop, Need{}, nil
		}
	}
	if s.copying.phase == copyOver && typ != wire.TypeFlush {
		s.copying.phase = copyNone // the client has seen that it is over
	}
	if s.frame.answered {
		return drop, Need{}, nil
	}
	if s.questioning() { // though the frame may need no answer by a newer catalog, one is under way
		return wait, Need{Kind: NeedServer}, nil
	}
	// A Query behind an Execute without a Sync between them would leave no way
	// to undo what the Execute has done.
	unsynced := (s.opening > 0 || s.inBlock && s.fifo.len() > 0) && (typ == wire.TypeQuery || typ == wire.TypeFunctionCall)
	// What is behind rows that are computed the server must not see if these fail.
	behind := s.fallible > 0 && typ != wire.TypeSync && typ != wire.TypeFlush
	if s.guards > 0 || unsynced || behind || s.fifo.len() >= maxOutstanding {
		return s.waitServer(out)
	}
	if typ == wire.TypeQuery && s.inBlock && s.status == 'I' {
		// Without a Sync the server has not said that there is a block, in which none of our
		// own can be begun. A Sync does not end that.
		out.server.put(wire.AppendEmpty(out.server.scratch, wire.TypeSync))
		s.push(&request{kind: syncPoint, hidden: true, guard: true})
		return wait, Need{Kind: NeedServer}, nil
	}
	if s.vacant && (typ == wire.TypeQuery || typ == wire.TypeParse) && s.fifo.len() == 0 && s.status != 'E' {
		s.occupy(out)
	}
	switch typ {
	case wire.TypeQuery:
		return s.query(size, b, out)
	case wire.TypeFunctionCall:
		s.push(&request{kind: call})
		return relay, Need{}, nil
	case wire.TypeSync:
		return s.sync(out)
	case wire.TypeParse:
		return s.parse(size, b, out)
	case wire.TypeBind:
		return s.bind(size, b, out)
	case wire.TypeDescribe, wire.TypeClose:
		if size > smallFrame {
			return wait, Need{}, violation("invalid message length")
		}
		if len(b) < size {
			return wait, Need{Kind: NeedBytes, Bytes: size}, nil
		}
		t, err := wire.ParseTarget(b[wire.HeaderLen:])
		if err != nil || t.Kind != 'S' && t.Kind != 'P' {
			return s.relayMalformed()
		}
		if typ == wire.TypeDescribe {
			return s.describe(t, out)
		}
		return s.close(t, out)
	case wire.TypeExecute:
		if size > smallFrame {
			return wait, Need{}, violation("invalid message length")
		}
		if len(b) < size {
			return wait, Need{Kind: NeedBytes, Bytes: size}, nil
		}
		e, err := wire.ParseExecute(b[wire.HeaderLen:])
		if err != nil {
			return s.relayMalformed()
		}
		return s.execute(e, out)
	case wire.TypeFlush:
		if size > wire.HeaderLen {
			return s.relayMalformed()
		}
		s.flushed = true
	}
	return relay, Need{}, nil
}

// relayMalformed relays a frame without values that has not its form. The server says what
// is wrong with it, and skips to Sync.
func (s *Session) relayMalformed() (action, Need, error) {
	s.push(&request{kind: closeTarget})
	return relay, Need{}, nil
}

// maxOutstanding bounds the requests under way, and so the memory of a client
// that sends and never reads.
const maxOutstanding = 1 << 14

// smallFrame is the server's own limit, in bytes, for messages that hold
// nothing but a name.
const smallFrame = 10000 + 1

// questioning reports that the server has yet to answer what it has been asked for the
// frame at hand.
func (s *Session) questioning() bool {
	f := &s.frame
	return s.fifo.len() > 0 && (f.reading || f.asking && !f.answer || f.computed != nil && !f.computed.known && s.computing())
}

// waitServer waits for what is under way. In the extended protocol the server
// answers only when it is told to.
func (s *Session) waitServer(out *Output) (action, Need, error) {
	if !s.flushed {
		s.flushed = true
		out.server.put(wire.AppendEmpty(out.server.scratch, wire.TypeFlush))
	}
	return wait, Need{Kind: NeedServer}, nil
}

// sync ends a segment. Outside a transaction block the server commits at Sync:
// where the segment writes, it has to wait until the rows that are opened have
// been seen to open, because afterwards the writes could not be undone.
func (s *Session) sync(out *Output) (action, Need, error) {
	if s.copyIn {
		return relay, Need{}, nil // the server ignores it
	}
	if s.opening > 0 && s.writes && s.status == 'I' {
		return s.waitServer(out)
	}
	s.push(&request{kind: syncPoint, guard: s.opens})
	return relay, Need{}, nil
}

// close closes a statement or a portal.
func (s *Session) close(t wire.Target, out *Output) (action, Need, error) {
	r := request{kind: closeTarget}
	if t.Kind == 'S' {
		s.keepTurn(out)
		if r.names = s.statements.find(t.Name); r.names != nil {
			r.names.send(nil, s.segment)
		}
	} else {
		if r.portals = s.portals.find(t.Name); r.portals == nil && s.cursors.has(t.Name) {
			r.portals = s.portals.make(t.Name)
		}
		if r.portals != nil {
			r.portals.send(portal{}, s.segment)
		}
	}
	s.push(&r)
	return relay, Need{}, nil
}

// describe asks for the description of a statement or a portal.
func (s *Session) describe(t wire.Target, out *Output) (action, Need, error) {
	if t.Kind == 'S' {
		st, known := s.statement(t.Name)
		if !known {
			return s.waitServer(out)
		}
		// A pooler in front answers a Parse of what it has prepared before itself, so that a
		// Describe comes first to a statement that has to be prepared anew.
		if snap, stale := s.current(); st != nil && snap != nil && (st.lost || stale == nil && st.hints&controls == 0) {
			if act, need, err, ok := s.renewed(t.Name, st, snap, stale, out); !ok {
				return act, need, err
			}
			if st, known = s.statement(t.Name); !known {
				return s.waitServer(out)
			}
		}
		if st != nil && !st.opaque {
			st.described = true
		}
		r := request{kind: describeStatement, statement: st}
		if st != nil && st.cursor != "" {
			if s.closings > 0 {
				return s.waitServer(out)
			}
			r.portal.held = s.cursors.named[st.cursor].rows
		}
		s.push(&r)
		return relay, Need{}, nil
	}
	p, known := s.portal(t.Name)
	if !known {
		return s.waitServer(out)
	}
	if p.statement != nil {
		p.statement.described = true
	}
	if p.cursor {
		p.held = s.cursors.named[p.statement.cursor].rows
	}
	s.push(&request{kind: describePortal, portal: p})
	return relay, Need{}, nil
}

// statement finds a prepared statement, nil if there is none. known is false
// while it is not yet decided what the name stands for.
func (s *Session) statement(name []byte) (st *statement, known bool) {
	if s.effects > 0 {
		return nil, false
	}
	e := s.statements.find(name)
	if e == nil {
		return nil, true
	}
	return e.latest, !e.uncertain(s.segment)
}

// portal finds a portal. One that is not known here is a cursor of SQL's
// DECLARE: what its rows hold is for the server to say.
func (s *Session) portal(name []byte) (p portal, known bool) {
	e := s.portals.find(name)
	switch {
	case s.closings > 0 && len(name) > 0, e != nil && e.uncertain(s.segment):
		return portal{}, false
	case e != nil && e.latest.statement != nil:
		return e.latest, true
	}
	if len(name) == 0 {
		return portal{}, true // no cursor is unnamed
	}
	if snap, _ := s.current(); snap == nil || snap.Empty() && s.cursors.sealed == 0 {
		return portal{}, true
	}
	e = s.portals.make(name)
	e.set(portal{statement: &statement{opaque: true, cursor: e.name, hints: readsOnly}, cursor: true})
	return e.latest, true
}

// execute asks for a portal's rows.
func (s *Session) execute(e wire.Execute, out *Output) (action, Need, error) {
	p, known := s.portal(e.Portal)
	if !known {
		return s.waitServer(out)
	}
	r := request{kind: execute, portal: p}
	if st := p.statement; st != nil {
		r.refusal = st.late
		limit := max(0, int32(e.MaxRows)) // of a negative number PostgreSQL gives all
		switch {
		case p.cursor && s.cursors.named[st.cursor].rows != nil, p.fetches() && limit > 0:
			return s.refuse(errFetched, out)
		case p.fetches():
			r.rows = fetchedRows(st.plan)
		case st.arrangement() != nil:
			r.rows = limit
		}
		if c := st.copies(); c != nil {
			r.planning = st.planning
			refusal := s.checkCopy(c)
			if refusal == nil && st.planning.bound.Converts && !s.converts(st.planning.bound.Plan) {
				refusal = errReplan
			}
			if refusal != nil {
				return s.refuse(refusal, out)
			}
			if need, unsettled := s.unsettled(copiedBy(c), out); unsettled {
				return wait, need, nil
			}
			if q := st.plan.Question; q != nil {
				if act, need, ok := s.compute(q, []byte(st.text), rewrite.Extended, nil, nil, out); !ok {
					return act, need, nil
				}
				r.computed = s.frame.computed
			}
			if !c.In {
				r.guard, r.fallible, r.writes, s.opens = true, c.Formulas != nil, c.Writes, true
			}
			s.writes = s.writes || c.In || c.Writes
		} else {
			s.writes = s.writes || st.hints&readsOnly == 0
		}
		describe := st.outlives()
		if st.opens() {
			if st.plan != nil && st.hints.changeSettings() && showsSettings(st.plan.Results, &p.formats) {
				return s.refuse(errSettingsMoved, out)
			}
			if s.failedBlock() {
				// It has no rows, and the server answers no question.
			} else if need, unsettled := s.unsettled(st.shownBy(), out); unsettled {
				return wait, need, nil
			}
			r.guard, r.fallible, r.writes, s.opens = true, st.fallible(), st.hints&readsOnly == 0, true
			describe = true
		}
		if describe && !st.described {
			// The client does not ask where the columns come from, so the
			// session does.
			st.described = true
			s.push(&request{kind: describePortal, hidden: true, portal: p})
			out.server.put(wire.AppendTarget(out.server.scratch, wire.TypeDescribe, 'P', e.Portal))
		}
		if st.hints&begins != 0 && s.repeatable {
			return s.refuse(errBeginsBehind, out)
		}
		s.inBlock = s.inBlock || st.hints&begins != 0
		st.ran = true
		r.effects, r.closings, r.resets = st.changesNames(), st.closesCursors(), s.resetting(st.hints)
		if st.plan != nil {
			s.catalog.alter(st.plan, st.version)
		}
		if st.plan == nil || mayEnd(st.plan) {
			s.catalog.undo(st.hints)
		}
	} else {
		s.writes = true
	}
	s.push(&r)
	if r.rows > 0 { // all of them have to be there before the first is shown
		out.server.put(wire.AppendExecute(out.server.scratch, e.Portal, 0))
		return drop, Need{}, nil
	}
	return relay, Need{}, nil
}

// failedBlock reports that the transaction is aborted, and nothing under way can end it.
func (s *Session) failedBlock() bool {
	if s.status != 'E' {
		return false
	}
	for i := range s.fifo.len() {
		switch s.fifo.at(i).kind {
		case query, call, execute:
			return false
		}
	}
	return true
}

// earlier reports that a segment before the one at hand has not ended.
func (s *Session) earlier() bool {
	for i := range s.fifo.len() {
		if k := s.fifo.at(i).kind; k == query || k == call || k == syncPoint {
			return true
		}
	}
	return false
}

// catalogState is what the session knows of its snapshot's age.
type catalogState struct {
	// stale: a statement of this session has changed the catalog.
	stale bool
	// later: it did so inside a transaction that has not ended, so that others
	// cannot see it yet. spreads: something sealed was concerned.
	later, spreads bool
	// moves: what others know is out of date when the transaction has ended.
	moves bool
	// spread: stale, and what is new may have sealed columns.
	spread bool
	// told: stale, but for nothing that Config.Moved has not told of.
	told bool
	// unsure: whether the transaction is a block, for a statement that may end one is on
	// its way.
	unsure bool
	// inside is the catalog of the transaction that is under way, which it has
	// changed; nil if it has not.
	inside *inside
	// quiet is the version of the snapshot beside which DDL has been sent that concerns
	// nothing in it; 0 if there was none since the catalog was read.
	quiet uint64
	// asked are the relations that were unknown even after a refresh, in a
	// snapshot of the version. A ring, because nothing bounds their number.
	asked   [6]uint32
	next    int
	version uint64
}

// changed notes a statement that has changed the catalog. Only the end of its
// transaction shows it to others.
func (s *Session) changed(st *rewrite.Statement) {
	c := &s.catalog
	if st.Quiet && c.quiet != 0 {
		return
	}
	c.later, c.spreads, c.moves = true, c.spreads || st.Spreads, c.moves || st.Moves || st.Lingers && s.pooled()
}

// outdated reports that the catalog has to be read again before a text is
// planned: what the text names may have changed since.
func (c *catalogState) outdated(snap *catalog.Snapshot, text []byte) bool {
	return c.stale && (c.spread || rewrite.MayName(snap, text)) || c.quiet != 0 && c.inside == nil && c.disquiets(snap, text)
}

// disquiets reports that a text may have to do with what quiet DDL has done: the names
// that it has taken, which other DDL would take, or a relation that the snapshot has come
// to know since.
func (c *catalogState) disquiets(snap *catalog.Snapshot, text []byte) bool {
	return (c.quiet != snap.Version || rewrite.MayAlter(text)) && rewrite.MayName(snap, text)
}

// refreshed: the catalog has been read.
func (c *catalogState) refreshed() { c.stale, c.spread, c.told, c.quiet = false, false, false, 0 }

// moving reports that names may have come to stand for something else.
func (c *catalogState) moving() bool { return c.stale || c.changing() }

// ended: the transaction is over, and others see what it has done.
// alone: nothing else is under way.
func (c *catalogState) ended(alone bool) (moved bool) {
	if alone {
		c.inside, c.unsure = nil, false
	} else if c.inside != nil { // what is on its way may change the catalog, too
		c.inside.snap, c.inside.old, c.inside.spread = nil, true, true
	}
	return c.committed()
}

// committed: what the transaction has changed is there for others to see, though
// another may have begun (COMMIT AND CHAIN).
func (c *catalogState) committed() (moved bool) {
	c.stale, c.spread = c.stale || c.later, c.spread || c.spreads
	c.told = c.moves || c.told && !c.later // all that has been committed before is told of
	c.later, c.spreads = false, false
	moved = c.moves
	c.moves = false
	return moved
}

// tell has the other sessions look at the catalog before they send anything else,
// if DDL of this one has moved something: before the client learns that it is
// committed.
func (s *Session) tell(moved bool) {
	if moved {
		s.cfg.Moved()
	}
}

// ask reports that a fresh snapshot might know a relation, once.
func (c *catalogState) ask(oid uint32, version uint64) bool {
	if c.version != version {
		c.version, c.asked, c.next = version, [len(c.asked)]uint32{}, 0
	}
	for _, a := range c.asked {
		if a == oid {
			return false
		}
	}
	c.asked[c.next] = oid
	c.next = (c.next + 1) % len(c.asked)
	return true
}

// snapshot is what Config.Catalog says, asked once for all frames of a call.
func (s *Session) snapshot() (*catalog.Snapshot, error) {
	if !s.seen {
		s.snap, s.snapErr = s.cfg.Catalog()
		s.seen = true
		if s.cfg.Behind() {
			s.catalog.told = s.catalog.told || !s.catalog.stale
			s.catalog.stale, s.catalog.spread = true, true
		}
		s.snap = s.catalog.inside.over(s.snap)
	}
	return s.snap, s.snapErr
}

// current is the snapshot to judge the frame at hand by. With an error it may be
// out of date, and is nil if nothing can be told from it: that nothing is sealed
// may be no longer true.
func (s *Session) current() (*catalog.Snapshot, error) {
	snap, err := s.snapshot()
	if err != nil && snap != nil && snap.Empty() {
		snap = nil
	}
	return snap, err
}
