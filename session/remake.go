package session

import (
	"encoding/binary"
	"slices"

	"pgseal/catalog"
	"pgseal/rewrite"
	"pgseal/wire"
)

// A prepared statement outlives what it was planned for: a column that it names is
// sealed or unsealed, gets a term, or the key of a value in its text is rotated. To the
// client none of that changes anything, and the plaintext database would go on. So
// before it is bound the next time, the statement is prepared anew at the server under
// its name, invisibly, and described: only if its parameters or rows are not what the
// client has been told has it to prepare the statement itself, as after DDL that
// changes their types.

// told are prints of the descriptions of a statement that the client has got, 0 for
// none.
type told struct{ params, rows uint64 }

// noRows is the print of rows that there are none of.
const noRows = 1

// remake is the preparation of a statement anew.
type remake struct {
	name      []byte
	old, made *statement
	told      told // of made
	answered  bool // made is not what old was to the client
	unused    bool // old was nothing to the client yet
	queried   bool // for a Query
}

// renewal is what looking at a statement again came to.
type renewal struct {
	act     action // relay: it may be used as it is; wait: see need
	need    Need
	refusal *wire.Error
	// changed: the text has to be prepared anew, as planned, or as it is if that is nil.
	changed  bool
	text     []byte
	planning *planning
	late     *wire.Error // as in statement, of what is prepared anew
	wild     bool        // likewise
}

// renewed lets a statement be used that the server holds as it has to be, and makes it so
// if it does not. ok is false while it waits, and when it has been refused.
func (s *Session) renewed(name []byte, st *statement, snap *catalog.Snapshot, stale error, out *Output) (act action, need Need, err error, ok bool) {
	if m := st.again; m != nil && s.remaking(m) {
		act, need, err = s.waitServer(out)
		return act, need, err, false
	} else if m != nil {
		st.again = nil
		if m.answered {
			act, need, err = s.refuse(errReplan, out)
			return act, need, err, false
		}
	}
	r := s.renew(st, len(name) == 0, snap, stale, rewrite.Extended, st.wild, out)
	if r.changed {
		r.need, r.refusal = s.remake(name, st, &r, snap, rewrite.Extended, out)
		r.act = wait
	}
	switch {
	case r.refusal != nil:
		act, need, err = s.refuse(r.refusal, out)
	case r.act == wait:
		act, need = wait, r.need
	default:
		return relay, Need{}, nil, true
	}
	return act, need, err, false
}

// outlives reports that a statement may be executed again when columns have changed, and
// that what its rows are is not known. A client that is told by another session, through a
// pooler in front that keeps prepared statements, does not ask.
func (p *statement) outlives() bool {
	return p.named && p.told.rows == 0 && p.hints&controls == 0 && p.late == nil && p.deferred == nil &&
		(p.plan == nil || p.plan.Effect == rewrite.NoEffect)
}

// remake prepares a statement anew. In the simple protocol nothing is under way.
func (s *Session) remake(name []byte, st *statement, r *renewal, snap *catalog.Snapshot, mode rewrite.Mode, out *Output) (Need, *wire.Error) {
	// What nobody has used yet may as well have been prepared behind the change. That a
	// pattern has wildcards changes no rows.
	unused := st.name == "" && st.told.rows == 0 && (!st.ran || r.wild != st.wild)
	if st.told.rows == 0 && (s.describing(st) || st.hints&readsOnly != 0 && !unused) {
		if r.planning != nil {
			s.recycle(r.planning)
		}
		if s.describing(st) {
			_, need, _ := s.waitServer(out)
			return need, nil
		}
		return Need{}, errReplan // what its rows were cannot be told any more
	}
	s.keepTurn(out)
	dst := out.server.scratch
	if len(name) > 0 {
		dst = wire.AppendTarget(dst, wire.TypeClose, 'S', name)
	}
	dst, made, need, refusal := s.appendAnew(dst, name, st, r, snap)
	if refusal != nil || need.Kind != NeedNothing {
		if r.planning != nil {
			s.recycle(r.planning)
		}
		return need, refusal
	}
	dst = wire.AppendTarget(dst, wire.TypeDescribe, 'S', name)
	if len(name) > 0 {
		s.push(&request{kind: closeTarget, simple: true})
	}
	if st.name == "" {
		s.push(&request{kind: parse, simple: true, statement: made, planning: r.planning})
	} else {
		for _, k := range [...]kind{closeTarget, parse, bind, closeTarget} {
			s.push(&request{kind: k, simple: true})
		}
		s.push(&request{kind: execute, simple: true, hidden: true, planning: r.planning})
		s.push(&request{kind: closeTarget, simple: true})
	}
	s.push(&request{kind: describeStatement, simple: true, statement: made})
	if mode == rewrite.Simple && !s.frame.inline {
		dst = wire.AppendEmpty(dst, wire.TypeSync)
		s.push(&request{kind: syncPoint, simple: true, hidden: true})
	} else {
		// Sync would end the client's implicit transaction.
		dst = wire.AppendEmpty(dst, wire.TypeFlush)
	}
	out.server.put(dst)
	st.lost, st.vacant = true, false
	st.again = &remake{name: slices.Clone(name), old: st, made: made, unused: unused, queried: mode == rewrite.Simple}
	made.again, made.named, made.wild = st.again, st.named, r.wild
	if r.wild {
		made.patterns = st.patterns
	}
	s.flushed = true
	return Need{Kind: NeedServer}, nil
}

// appendAnew appends what prepares a statement anew, up to the request for its
// description: what the protocol has prepared by the protocol, and what SQL has by SQL.
func (s *Session) appendAnew(dst, name []byte, st *statement, r *renewal, snap *catalog.Snapshot) ([]byte, *statement, Need, *wire.Error) {
	p := r.planning
	switch {
	case r.late != nil:
		made := s.unplannedText(string(r.text), false, st.declared, s.look(r.text), snap)
		made.late = r.late
		return wire.AppendParse(dst, name, lateText, st.declared), made, Need{}, nil
	case st.name != "":
		return s.appendPrepare(dst, st, r, snap)
	case p == nil:
		made := s.unplannedText(string(r.text), false, st.declared, s.look(r.text), snap)
		return wire.AppendParse(dst, name, made.text, st.declared), made, Need{}, nil
	}
	made := s.planned(r.text, st.declared, snap, p)
	types, refusal := s.typeParameters(made, p, r.text)
	if made.copies() != nil {
		refusal = errReplan
	}
	if refusal != nil {
		return dst, made, Need{}, refusal
	}
	dst, need, refusal := s.appendDeferring(dst, name, made, p, types)
	return dst, made, need, refusal
}

// appendPrepare appends a PREPARE, under the name of a question.
func (s *Session) appendPrepare(dst []byte, st *statement, r *renewal, snap *catalog.Snapshot) ([]byte, *statement, Need, *wire.Error) {
	dst = wire.AppendTarget(dst, wire.TypeClose, 'S', questionName)
	from := &statement{text: st.text, mode: st.mode, literals: s.settings.kept()}
	inner := &rewrite.Statement{Name: st.name}
	if p := r.planning; p == nil {
		dst = wire.AppendParse(dst, questionName, st.text, nil)
	} else {
		all := p.bound.Plan.Statements()
		if len(all) != 1 || all[0].Effect != rewrite.Prepares {
			return dst, nil, Need{}, errReplan
		}
		var need Need
		var refusal *wire.Error
		s.deferring, s.deferred = true, nil
		dst, need, refusal = s.appendParse(dst, []byte(questionName), p, nil)
		p.deferred, s.deferring = s.deferred, false
		if refusal != nil || need.Kind != NeedNothing {
			return dst, nil, need, refusal
		}
		from, inner = s.asStatement(p, st.text, st.mode), &all[0]
	}
	dst = appendPlainBind(dst, questionName, questionName)
	dst = wire.AppendTarget(dst, wire.TypeClose, 'S', questionName)
	dst = wire.AppendExecute(dst, questionName, 0)
	dst = wire.AppendTarget(dst, wire.TypeClose, 'P', questionName)
	made := s.preparedBy(inner, from)
	made.version = snap.Version
	return dst, made, Need{}, nil
}

// renewExecuted is renewed for what an EXECUTE names. Nothing is to be done if the
// verdict is to relay.
func (s *Session) renewExecuted(e *entry[*statement], snap *catalog.Snapshot, mode rewrite.Mode, out *Output) verdict {
	st := e.latest
	if m := st.again; m != nil && s.remaking(m) {
		_, need, _ := s.waitServer(out)
		return verdict{act: wait, need: need}
	} else if m != nil {
		st.again = nil
		if m.answered {
			return verdict{act: drop, refusal: errReplan}
		}
	}
	r := s.renew(st, false, snap, nil, mode, st.wild, out)
	s.frame.missed = s.frame.missed || st.late != nil && !r.changed
	if r.changed {
		switch {
		case mode == rewrite.Simple && s.fifo.len() > 0:
			_, r.need, _ = s.waitServer(out)
		case s.status == 'E', s.walsender: // the server says first that the transaction is aborted, or does not do it
			r.refusal = errReplan
		default:
			r.need, r.refusal = s.remake([]byte(e.name), st, &r, snap, mode, out)
			r.planning = nil
		}
		if r.planning != nil {
			s.recycle(r.planning)
		}
		r.act = wait
	}
	switch {
	case r.refusal != nil:
		return verdict{act: drop, refusal: r.refusal}
	case r.act == wait:
		return verdict{act: wait, need: r.need}
	}
	return verdict{act: relay}
}

// describing reports that the server has not answered what it was asked of a statement's rows.
func (s *Session) describing(st *statement) bool {
	for i := range s.fifo.len() {
		if r := s.fifo.at(i); (r.kind == describeStatement || r.kind == describePortal) && r.subject() == st {
			return true
		}
	}
	return false
}

// remaking reports that the server has not answered all of it; an error makes it skip
// the rest.
func (s *Session) remaking(m *remake) bool {
	for i := range s.fifo.len() {
		if r := s.fifo.at(i); r.remakes() && r.statement == m.made {
			return true
		}
	}
	return false
}

// renewNamed is renewExecuted for all that a text may execute, where it is not planned
// because nothing is sealed any more.
func (s *Session) renewNamed(snap *catalog.Snapshot, text []byte, mode rewrite.Mode, out *Output) verdict {
	if !containsFolded(text, "execute") {
		return verdict{act: relay}
	}
	if s.effects > 0 || s.statementsUnderWay() {
		act, need, _ := s.waitServer(out)
		return verdict{act: act, need: need}
	}
	for _, e := range s.statements.named {
		if st := e.latest; st == nil || st.name == "" || !st.lost && st.version == snap.Version || !containsFolded(text, e.name) {
			continue
		}
		if v := s.renewExecuted(e, snap, mode, out); v.act != relay {
			return v
		}
	}
	return verdict{act: relay}
}

// remakeFails: the server has failed, perhaps in the preparation of a statement anew for
// an EXECUTE in a Query, which then has been answered.
func (s *Session) remakeFails(out *Output) {
	var m *remake
	for i := range s.fifo.len() {
		r := s.fifo.at(i)
		switch {
		case r.remakes():
			m = r.statement.again
			m.old.vacant, s.vacant = true, true
		case m != nil && m.queried && r.kind == syncPoint: // its ReadyForQuery is the client's
			r.hidden, s.frame.answered = false, true
			return
		}
	}
	if m != nil && m.queried { // the server waits for a Sync, which the client has no reason to send
		s.frame.answered = true
		out.server.put(wire.AppendEmpty(out.server.scratch, wire.TypeSync))
		s.push(&request{kind: syncPoint})
	}
}

// occupy has the server hold an empty statement under each name that it has lost when one
// could not be prepared anew: it says who takes the name, or gives it up, as it would have.
func (s *Session) occupy(out *Output) {
	for _, e := range s.statements.named {
		if st := e.latest; st != nil && st.vacant {
			st.vacant = false
			s.keepTurn(out)
			dst := wire.AppendTarget(out.server.scratch, wire.TypeClose, 'S', e.name)
			out.server.put(wire.AppendParse(dst, e.name, "", nil))
			s.push(&request{kind: closeTarget, simple: true})
			s.push(&request{kind: parse, simple: true})
		}
	}
	s.vacant = false
}

// remakes reports that the request ends the preparation of a statement anew.
func (r *request) remakes() bool { return r.kind == describeStatement && r.simple }

// subject is the statement that a request has described, nil for none of its own.
func (r *request) subject() *statement {
	st := r.portal.statement
	if r.kind == describeStatement {
		st = r.statement
	}
	if st == nil || st.text == "" || st.cursor != "" {
		return nil
	}
	return st
}

// executes is the statement that a request executes by an EXECUTE, nil for none.
func (s *Session) executes(r *request) *statement {
	var st *rewrite.Statement
	switch {
	case r.kind == query && r.plan != nil && int(r.next) < len(r.plan.Statements()):
		st = &r.plan.Statements()[r.next]
	case r.kind == describePortal && r.portal.statement != nil:
		st = r.portal.statement.plan
	case r.kind == describeStatement && r.statement != nil:
		st = r.statement.plan
	}
	if st == nil || st.Effect != rewrite.Executes || st.Inner == nil {
		return nil // nothing, or EXPLAIN
	}
	if e := s.statements.find([]byte(st.Name)); e != nil {
		return e.confirmed
	}
	return nil
}

// tellsRows reports that the print of the rows' description has not been taken yet.
func (r *request) tellsRows() bool {
	st := r.subject()
	return st != nil && (st.told.rows == 0 || r.remakes())
}

// tellsParams is tellsRows for the parameters.
func (r *request) tellsParams() bool {
	st := r.subject()
	return st != nil && (st.told.params == 0 && !r.hidden || r.remakes())
}

// toldRows takes the print of rows.
func (s *Session) toldRows(r *request, print uint64) {
	st := r.subject()
	switch {
	case st == nil:
	case r.remakes():
		st.again.told.rows = print
		s.remade(st.again)
	case st.told.rows == 0:
		st.told.rows = print
	}
}

// toldParams takes the print of parameters.
func (r *request) toldParams(print uint64) {
	st := r.subject()
	switch {
	case st == nil:
	case r.remakes():
		st.again.told.params = print
	case st.told.params == 0:
		st.told.params = print
	}
}

// remade puts the statement in the place of the old one, if it is the same to the
// client.
func (s *Session) remade(m *remake) {
	old := m.old.told
	sameParams := old.params == 0 || old.params == m.told.params
	sameRows := m.unused || old.rows == m.told.rows || m.told.rows == noRows || m.old.late != nil || m.made.late != nil
	if m.made.again = nil; !sameParams || !sameRows {
		m.answered = true
		return
	}
	if m.made.told = old; m.unused {
		m.made.told = m.told
	}
	if e := s.statements.find(m.name); e != nil {
		e.set(m.made)
	}
}

// A print is an FNV-1a hash.
const (
	printStart uint64 = 14695981039346656037
	printPrime uint64 = 1099511628211
)

func printBytes(h uint64, b []byte) uint64 {
	for _, c := range b {
		h = (h ^ uint64(c)) * printPrime
	}
	return h
}

// printFields is the print of rows as the client is shown them: names, types and
// lengths of types, which is what PostgreSQL compares. columns are the sealed ones.
// The client is shown the first ones.
func printFields(fields wire.Fields, shown int, columns []*catalog.SealedColumn) uint64 {
	h := printStart
	var number [9]byte
	var f wire.Field
	for i, it := 0, fields.Iter(); i < shown && it.Next(&f); i++ {
		if i < len(columns) {
			showField(&f, columns[i])
		}
		h = printBytes(h, f.Name)
		binary.BigEndian.PutUint32(number[1:], f.Type)
		binary.BigEndian.PutUint32(number[5:], uint32(f.TypMod))
		h = printBytes(h, number[:])
	}
	return max(h, noRows+1)
}

// printTypes is the print of parameters.
func printTypes(types []uint32) uint64 {
	h := printStart
	var number [4]byte
	for _, t := range types {
		binary.BigEndian.PutUint32(number[:], t)
		h = printBytes(h, number[:])
	}
	return max(h, 1)
}
