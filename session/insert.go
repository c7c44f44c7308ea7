package session

import (
	"bytes"
	"errors"
	"hash/maphash"
	"slices"
	"strconv"

	"pgseal/catalog"
	"pgseal/rewrite"
	"pgseal/wire"
)

// An INSERT of literals costs the server more to read than to carry out, and more
// with sealed values in it: longer literals, and what guards the names. In the
// simple protocol such texts come again and again with other values. From the
// second one on pgseal prepares what they have in common, under a name of its own,
// and binds the values to it. The client sees none of it:
//
//   - Only an INSERT that is alone in its transaction goes this way. What the server
//     finds wrong at Parse and at Bind it might not have found in the text, or have
//     said in other words; as nothing has happened by then, the text is sent after
//     all. For that its frame waits until it is answered.
//   - A pooler behind pgseal may have the next statement run by a server process that
//     does not know the name. It tells the client of another process than the one
//     that answers; then nothing is prepared.

const (
	// maxInserts is how many are prepared for a session.
	maxInserts = 8
	// longestInsert is the longest text of which the literals are lifted, in bytes:
	// with large values nothing is saved. longestLifted is the longest without them.
	longestInsert = 32 << 10
	longestLifted = 2 << 10

	processQuestion = "SELECT pg_catalog.pg_backend_pid()"
)

// inserts are the INSERTs of literals that a session has met.
type inserts struct {
	lifted rewrite.Lifted
	bind   []byte    // the values as a client's Bind
	key    []byte    // what the INSERT at hand has in common with others
	met    [8]uint64 // hashes of keys that have come once, as a ring
	next   int
	all    []insert
	at     int // index in all of the one at hand
	turn   uint64
	made   int // names
}

// insert is what several have had in common.
type insert struct {
	key  []byte // the text with parameters, and their types
	text int    // how much of key is the text
	used uint64 // turn
	// name is what the server has it under, "" for nowhere.
	name string
	// planned: statement is what comes of it under the snapshot of the version; nil
	// for nothing that can be bound.
	planned   bool
	version   uint64
	statement *statement
}

// attempt is how far the Query at hand has come in this way.
type attempt uint8

const (
	notTried attempt = iota
	tried            // under way
	failing          // before it ran; the end of that is to come
	asText           // the text has to be sent
)

// answerer says which server process answers.
type answerer uint8

const (
	unknownPeer answerer = iota
	wantedPeer           // to be asked as soon as that can be done
	askedPeer            // the question is under way
	oneAnswers           // and has been answered, but not ended: see answered
	anyAnswers           // likewise
	onePeer              // the one that the client was told of
	anyPeer              // perhaps another each time
)

// asked reports that the question is under way. Nothing goes to the server behind it: a
// pooler of transactions that finds the transaction ended gives the server to another
// client, who would get the answer.
func (a answerer) asked() bool { return a == askedPeer || a == oneAnswers || a == anyAnswers }

// answered is what is known when the question has ended.
func (a answerer) answered() answerer {
	if a == oneAnswers {
		return onePeer
	}
	return anyPeer
}

// SetProcess takes over the number that the server has told the client for its
// process.
func (s *Session) SetProcess(number uint32) { s.process = number }

// insertAgain sends a Query that is an INSERT like others before it. done is false
// for every other, and that is decided once: a question that such a text needs may
// already stand in its transaction when it comes here again.
func (s *Session) insertAgain(snap *catalog.Snapshot, text []byte, out *Output) (need Need, done bool) {
	if need, done = s.tryInsert(snap, text, out); !done {
		s.frame.insert = asText
	}
	return need, done
}

func (s *Session) tryInsert(snap *catalog.Snapshot, text []byte, out *Output) (need Need, done bool) {
	switch {
	case s.frame.insert == tried, s.frame.insert == failing, s.peer.asked():
		return Need{Kind: NeedServer}, true
	case s.frame.insert == asText, s.peer == anyPeer, s.process == 0:
		return Need{}, false
	case s.status != 'I', s.fifo.len() > 0, len(text) > longestInsert, s.statements.unnamed.latest != nil:
		return Need{}, false
	case s.catalog.stale, s.catalog.later, s.catalog.inside != nil:
		return Need{}, false
	case !s.settings.known, !s.settings.conforming, !rewrite.IsASCII(text) && (s.settings.tricky || s.settings.values.Transcodes()):
		return Need{}, false
	}
	if head := rewrite.InsertTarget(text); head == nil || !rewrite.MayTouch(snap, head) {
		return Need{}, false
	}
	if s.inserts == nil {
		s.inserts = new(inserts)
	}
	e := s.inserts.find(text)
	switch {
	case e == nil:
		return Need{}, false
	case s.peer == unknownPeer, s.peer == wantedPeer:
		s.askProcess(out)
		return Need{Kind: NeedServer}, true
	}
	return s.bindInsert(e, snap, out)
}

// askProcess asks which server process answers.
func (s *Session) askProcess(out *Output) {
	s.peer = askedPeer
	out.server.put(wire.AppendQuery(out.server.scratch, processQuestion))
	s.push(&request{kind: query, hidden: true, process: true})
}

// asksProcess asks it, if need be: when it has been missed before, or is needed now.
// Outside of a transaction alone: what fails there is not missed.
func (s *Session) asksProcess(needed bool, out *Output) bool {
	switch {
	case s.peer.asked():
		return true
	case s.peer != wantedPeer && !(needed && s.peer == unknownPeer),
		s.process == 0, s.status != 'I', s.fifo.len() > 0, s.begun:
		return false
	}
	s.askProcess(out)
	return true
}

// pooled reports that the next transaction of another session may come to the server
// process that this one is at.
func (s *Session) pooled() bool {
	if s.peer == unknownPeer {
		s.peer = wantedPeer
	}
	return s.peer != onePeer
}

// lingers reports what a pooled server process keeps for other sessions.
func lingers(p *rewrite.Plan) bool {
	all := p.Statements()
	for i := range all {
		if all[i].Lingers {
			return true
		}
	}
	return false
}

// answerProcess reads the answer to processQuestion.
func (s *Session) answerProcess(body []byte) error {
	values, err := wire.ParseDataRow(body)
	if err != nil || values.Len() != 1 {
		return errUnasked
	}
	it := values.Iter()
	number, _ := it.Next()
	s.peer = anyAnswers
	if n, err := strconv.ParseUint(string(number), 10, 32); err == nil && uint32(n) == s.process {
		s.peer = oneAnswers
	}
	return nil
}

// find gives the place of what a text has in common with others, nil if none of
// them has come before.
func (t *inserts) find(text []byte) *insert {
	if !t.lifted.Lift(text) || len(t.lifted.Text) > longestLifted {
		return nil
	}
	t.key = append(t.key[:0], t.lifted.Text...)
	for _, oid := range t.lifted.Types {
		t.key = wire.AppendOID(t.key, oid)
	}
	t.turn++
	t.at = slices.IndexFunc(t.all, func(e insert) bool { return bytes.Equal(e.key, t.key) })
	if t.at < 0 {
		h := maphash.Bytes(printSeed, t.key)
		if !slices.Contains(t.met[:], h) {
			t.met[t.next] = h
			t.next = (t.next + 1) % len(t.met)
			return nil
		}
		t.add()
	}
	t.all[t.at].used = t.turn
	return &t.all[t.at]
}

// add makes a place for the key at hand, if need be in the stead of the one that
// has not been used for longest.
func (t *inserts) add() {
	if len(t.all) < maxInserts {
		t.at = len(t.all)
		t.all = append(t.all, insert{})
	} else {
		t.at = 0
		for i := range t.all {
			if t.all[i].used < t.all[t.at].used {
				t.at = i
			}
		}
	}
	t.all[t.at] = insert{key: bytes.Clone(t.key), text: len(t.lifted.Text), name: t.all[t.at].name}
}

// forget: the server has no prepared statements any more.
func (t *inserts) forget() {
	if t != nil {
		t.all = nil
	}
}

// release lets go of the values.
func (t *inserts) release() {
	if t != nil {
		t.lifted, t.bind, t.key = rewrite.Lifted{}, nil, nil
	}
}

// bindInsert sends the values, and before them what they are bound to where the
// server does not have it. done is false for what has to go as a text.
func (s *Session) bindInsert(e *insert, snap *catalog.Snapshot, out *Output) (need Need, done bool) {
	st, name := e.statement, e.name
	var p *planning
	if !e.planned || e.version != snap.Version {
		st, p = s.planInsert(e, snap)
		name = rewrite.OwnStatements + itoa(s.inserts.made+1)
	}
	if st == nil {
		return Need{}, false
	}
	dst := out.server.scratch
	if p != nil {
		if e.name != "" {
			dst = wire.AppendTarget(dst, wire.TypeClose, 'S', e.name)
		}
		var refusal *wire.Error
		if dst, need, refusal = s.appendParse(dst, []byte(name), p, s.types); refusal != nil || need.Kind != NeedNothing {
			s.recycle(p)
			return need, need.Kind != NeedNothing
		}
	}
	m := s.inserts.values(name)
	to := portal{statement: st}
	dst, need, err := s.appendBind(dst, &m, &to)
	if err != nil || need.Kind != NeedNothing {
		if p != nil {
			s.recycle(p)
		}
		return need, need.Kind != NeedNothing // an error comes again, with its place in the text
	}
	if st.described {
		dst = wire.AppendTarget(dst, wire.TypeDescribe, 'P', "")
	}
	dst = wire.AppendExecute(dst, "", 0)
	out.server.put(wire.AppendEmpty(dst, wire.TypeSync))
	if p != nil {
		if e.name != "" {
			s.push(&request{kind: closeTarget, simple: true})
		}
		s.push(&request{kind: parse, simple: true, trial: true, statement: st, planning: p})
		e.name, e.planned, e.version, e.statement = name, true, snap.Version, st
		s.inserts.made++
	}
	s.push(&request{kind: bind, simple: true, trial: true, portal: to})
	if st.described {
		s.push(&request{kind: describePortal, simple: true, trial: true, portal: to})
	}
	s.push(&request{kind: execute, simple: true, trial: true, portal: to, writes: true, resets: s.resetting(st.hints)})
	s.push(&request{kind: syncPoint, trial: true})
	s.frame.insert = tried
	return Need{Kind: NeedServer}, true
}

// values are the literals at hand as a Bind.
func (t *inserts) values(name string) wire.Bind {
	b := wire.AppendCString(t.bind[:0], "")
	b = wire.AppendCString(b, name)
	b = wire.AppendCount(b, 0) // all in text
	b = wire.AppendCount(b, len(t.lifted.Types))
	for i := range t.lifted.Types {
		b = wire.AppendValue(b, t.lifted.Value(i))
	}
	t.bind = wire.AppendCount(b, 0)
	m, err := wire.ParseBind(t.bind)
	if err != nil {
		panic(err) // it has been put together just now
	}
	return m
}

// planInsert plans what the literals are bound to. There is no plan if that cannot
// be done, or not now.
func (s *Session) planInsert(e *insert, snap *catalog.Snapshot) (*statement, *planning) {
	p := s.take()
	p.client = append(p.client[:0], e.key[:e.text]...)
	bound, err := s.cfg.Planner.Plan(&p.scratch, rewrite.Request{Snapshot: snap, Text: p.client, Mode: rewrite.Kept, Idle: true})
	var st *statement
	switch {
	case errors.As(err, new(*rewrite.Refusal)):
		e.planned, e.version, e.statement = true, snap.Version, nil
	case err == nil && s.reaches(bound.Plan.Presumed()):
		p.bound = bound
		if st = s.insertPlanned(p, snap); st == nil {
			e.planned, e.version, e.statement = true, snap.Version, nil
		}
	}
	if st == nil {
		s.recycle(p)
		return nil, nil
	}
	return st, p
}

// insertPlanned is the statement of such a plan, nil if more has to be done for it
// than to seal parameters. Rows with something sealed would have to be seen to open
// before the Sync; a constant (the default of a column that it does not name) would
// be the same envelope each time.
func (s *Session) insertPlanned(p *planning, snap *catalog.Snapshot) *statement {
	all := p.bound.Plan.Statements()
	if len(all) != 1 || !all[0].Guarded || all[0].Params == nil || all[0].Results != nil || all[0].Effect != rewrite.NoEffect {
		return nil
	}
	var err error
	if s.buf.array, err = p.bound.AppendSQL(s.buf.array[:0], sealsConstant); err != nil {
		return nil
	}
	st := &statement{
		plan: &all[0], declared: slices.Clone(s.inserts.lifted.Types), hints: s.look(p.client), version: snap.Version,
		described: s.inserts.lifted.Returns, // its literals are read anew each time that it comes
	}
	if _, refusal := s.typeParameters(st, p, p.client); refusal != nil || st.untyped || st.hints&(controls|fetches) != 0 {
		return nil
	}
	return st
}

// errConstant stands for a constant that is to be sealed.
var errConstant = errors.New("the text has a constant that is to be sealed")

func sealsConstant(dst []byte, _ *rewrite.Literal) ([]byte, error) { return dst, errConstant }

// insertFails takes an error that the server has found before anything was
// inserted. It is false for one that the text would get as well, at any time.
func (s *Session) insertFails(r *request, fields wire.ErrorFields) bool {
	code := string(fields.Get(wire.FieldCode))
	if !r.trial || len(code) < 2 || r.kind == syncPoint || r.kind == execute && !moved(fields) {
		return false
	}
	e := &s.inserts.all[s.inserts.at]
	if r.kind == parse {
		e.name, e.planned = "", false
	}
	switch code[:2] {
	case "08", "40", "53", "55", "57", "58": // connection, deadlock, resources, locks, cancelled, system
		return false
	}
	switch e.planned = false; {
	case r.kind == parse:
		e.planned, e.statement = true, nil
	case code == codeUndefinedStatement:
		s.peer = anyPeer
	}
	s.frame.insert = failing
	return true
}

// rowsDescribed keeps a description of such rows until the INSERT has been carried
// out.
func (s *Session) rowsDescribed(size int, b []byte, out *Output) (action, Need, error) {
	r := s.front()
	if r == nil || !r.trial {
		return s.rowDescription(size, b, out)
	}
	if len(b) < size {
		return s.incomplete(size)
	}
	act, need, err := s.rowDescription(size, b, out)
	if err == nil && act == relay {
		d := s.delay()
		d.rows = append(d.rows[:0], b...)
		act = drop
	}
	return act, need, err
}

// insertEnds is the ReadyForQuery behind an attempt. It is the client's unless the
// attempt has failed.
func (s *Session) insertEnds() action {
	if s.frame.insert == failing {
		s.frame.insert = asText
		return drop
	}
	s.frame.answered = true
	return relay
}
