package session

import (
	"bytes"
	"errors"
	"slices"
	"strings"

	"pgseal/catalog"
	"pgseal/rewrite"
	"pgseal/wire"
)

// planning is one planned text on its way: what was planned from, and what went
// to the server, so that a position in the server's error can be mapped back.
// It is used again when the request has been answered.
type planning struct {
	scratch rewrite.Scratch
	bound   rewrite.Bound
	client  []byte
	server  []byte // empty if the text was too long to keep
	// failedAt is the byte offset of what could not be sealed.
	failedAt int
	// constants are the keys under which its literals have been sealed.
	constants []sealedUnder
	// foreign: client is in UTF-8, and what the client sent in another encoding.
	// Characters are the same in both, and so are positions.
	foreign bool
	// escapes: standard_conforming_strings is off.
	escapes bool
	// deferred is why what it prepares cannot be executed.
	deferred *wire.Error
	// executed are hints of what it executes.
	executed hints
	// kept: a statement keeps it, for errors that the server finds when it runs.
	kept bool
}

// keptText is the longest text, in bytes, for which errors of the server keep
// their position.
const keptText = 64 << 10

// maxSpare is how many are kept for later; more are only under way together
// when a client pipelines.
const maxSpare = 8

func (s *Session) take() *planning {
	if n := len(s.spare); n > 0 {
		p := s.spare[n-1]
		s.spare = s.spare[:n-1]
		return p
	}
	return new(planning)
}

func (s *Session) recycle(p *planning) {
	if p.kept {
		return
	}
	p.scratch.Release()
	if cap(p.client) > keptText {
		p.client = nil
	}
	p.client, p.server, p.bound, p.foreign, p.constants, p.deferred, p.executed = p.client[:0], p.server[:0], rewrite.Bound{}, false, p.constants[:0], nil, 0
	if len(s.spare) < maxSpare {
		s.spare = append(s.spare, p)
	}
}

// maxOrders is how often the orders of collations are asked for for one frame: for one of them
// in each look at the database, and others can be asked for first.
const maxOrders = 16

// frameState is what has been found out for the client's frame at hand while
// it waits.
type frameState struct {
	// fresh: the catalog has been loaded since the frame was first looked at.
	fresh bool
	// caught: what others have told of has been waited for.
	caught bool
	// learnt: what the server makes of a client's texts has been asked for.
	learnt bool
	// ordered is how often the order of a collation has been asked for.
	ordered int
	// settled: the end of a sealing has been waited for.
	settled bool
	// answered: the client has got an answer to the frame; it goes nowhere.
	answered bool

	insert attempt

	// inline: the question began the transaction in which the Query will run.
	inline bool
	query  bool // it is a Query
	behind bool // a Query, and the question stands behind what is in front of it without a Sync
	missed bool // what it executes is late, still
	typing bool // the server has been asked for inferred types
	asking bool // the server has been asked for the search path and more
	answer bool // and has answered
	// reading: the catalog is being read inside of the transaction.
	reading bool
	// piece is what goes on of a Query, of whose text the first cut bytes have been
	// carried out; in what is left there are so many blanks in their place.
	piece piece
	// showCursors: the question has to ask for the session's cursors, too.
	showCursors bool
	cursors     *rewrite.OpenCursors
	alone       bool  // only one statement is left of it
	cut, blanks int32 // of a frame, which is shorter than 1 GiB
	path        []string
	// computed is what the server has been asked to compute, nil for nothing.
	computed *computed
}

// verdict is what planning a text came to.
type verdict struct {
	act  action // relay: nothing to do; wait: see need; drop: see the rest
	need Need
	// refusal, or else a plan.
	refusal  *wire.Error
	apart    bool // as in rewrite.Refusal
	at       int  // byte offset of what is refused, if that is known
	planning *planning
	// probe, with a refusal: the server can find another mistake in the text.
	probe *planning
}

// plan plans a text of the client. A planning that is given out goes into a
// request, or back with recycle.
func (s *Session) plan(snap *catalog.Snapshot, text []byte, mode rewrite.Mode, out *Output) verdict {
	ascii := rewrite.IsASCII(text)
	if ascii && !rewrite.MayEscape(text) {
		return s.planUTF8(snap, text, false, mode, out)
	}
	// What its names and escapes are depends on client_encoding.
	if need, unsettled := s.unsettled(0, out); unsettled {
		return verdict{act: wait, need: need}
	}
	if ascii {
		return s.planUTF8(snap, text, s.settings.values.Transcodes(), mode, out)
	}
	if !s.settings.values.Transcodes() {
		if err := s.settings.values.CheckUTF8(text); err != nil {
			return verdict{act: drop, refusal: unreadable(err)}
		}
		return s.planUTF8(snap, text, false, mode, out)
	}
	converted, err := s.settings.values.ToUTF8(text)
	if err != nil {
		return verdict{act: drop, refusal: unreadable(err)}
	}
	v := s.planUTF8(snap, converted, true, mode, out)
	v.at = s.clientOffset(converted, v.at)
	return v
}

// unreadable is the refusal of a text in whose encoding something is wrong: the server
// finds that before anything else.
func unreadable(err error) *wire.Error {
	e := *statementError(err)
	e.Unread = true
	return &e
}

// clientOffset maps a byte offset in a text's UTF-8 to the text as the client
// sent it; 0 where that cannot be told.
func (s *Session) clientOffset(converted []byte, at int) int {
	if at <= 0 || at > len(converted) {
		return 0
	}
	sent, err := s.settings.values.FromUTF8(bytes.Clone(converted[:at]), 0)
	if err != nil {
		return 0
	}
	return len(sent)
}

// planUTF8 plans a text in UTF-8. foreign: the client's encoding is another.
func (s *Session) planUTF8(snap *catalog.Snapshot, text []byte, foreign bool, mode rewrite.Mode, out *Output) verdict {
	if s.asksProcess(false, out) {
		return verdict{act: wait, need: Need{Kind: NeedServer}}
	}
	// A relation made just now may have sealed columns of which the snapshot does
	// not know: what it says of the text is worth nothing. But in a failed transaction
	// the server would answer no question, and takes nothing but its end.
	if (!s.catalog.spreading() || s.status == 'E' && look(text)&controls != 0) && !rewrite.MayTouch(snap, text) {
		return verdict{act: relay}
	}
	if s.catalog.outdated(snap, text) && !s.frame.fresh {
		told := s.catalog.told && s.catalog.quiet == 0 && !s.frame.caught
		s.catalog.refreshed()
		s.frame.caught = true // and not fresh: what else the text names may still be wanted
		return verdict{act: wait, need: Need{Kind: NeedCatalog, Moved: told}}
	}
	if !discards(text) {
		if need, unsettled := s.unsettled(0, out); unsettled {
			return verdict{act: wait, need: need}
		}
	}
	if s.catalog.inside.outdated(snap, text) || s.catalog.inside != nil && s.catalog.quiet != 0 && look(text)&controls == 0 && s.catalog.disquiets(snap, text) {
		return s.readInside(out)
	}
	p := s.take()
	p.foreign = foreign
	if len(text) <= keptText || foreign {
		p.client = append(p.client[:0], text...)
		text = p.client
	}
	v := s.planWith(p, snap, text, mode, out)
	if v.planning == nil && v.probe == nil {
		s.recycle(p)
	}
	return v
}

func (s *Session) planWith(p *planning, snap *catalog.Snapshot, text []byte, mode rewrite.Mode, out *Output) verdict {
	p.escapes = !s.settings.conforming
	request := rewrite.Request{Snapshot: snap, Path: s.frame.path, Text: text, Mode: mode, Fresh: s.frame.fresh, Idle: s.status == 'I' && s.fifo.len() == 0 && !s.catalog.later,
		Escapes: p.escapes, Cursors: s.frame.cursors, Wild: s.wild, Declared: s.declaring}
	s.executed = 0
	bound, err := s.cfg.Planner.Plan(&p.scratch, request)
	if err == nil && s.frame.path == nil && !s.reaches(bound.Plan.Presumed()) {
		err = rewrite.ErrNeedSearchPath
	}
	if err == nil && bound.Plan.NeedsPrepared() {
		if s.effects > 0 || s.statementsUnderWay() {
			act, need, _ := s.waitServer(out)
			return verdict{act: act, need: need}
		}
		s.unknown, s.outdated, s.doomed = "", nil, nil
		bound, err = s.cfg.Planner.Execute(&p.scratch, request, s.findPrepared)
		switch {
		case s.outdated != nil:
			if v := s.renewExecuted(s.outdated, snap, mode, out); v.act != relay {
				return v
			}
			return s.planWith(p, snap, text, mode, out)
		case err == nil && s.doomed != nil:
			return verdict{act: drop, refusal: s.doomed}
		case err == nil && s.unknown != "":
			return verdict{act: drop, refusal: s.unknownStatement([]byte(s.unknown))}
		}
	}
	if err != nil {
		v := s.notPlanned(err, text, mode, out)
		var refusal *rewrite.Refusal
		if errors.As(err, &refusal) && v.refusal != nil && len(p.client) > 0 && s.settings.conforming {
			if bound, ok := refusal.BindProbe(&p.scratch, text); ok {
				p.bound, v.probe = bound, p
			}
		}
		return v
	}
	if lingers(bound.Plan) && s.asksProcess(true, out) {
		return verdict{act: wait, need: Need{Kind: NeedServer}}
	}
	traits := bound.Plan.Traits()
	switch {
	case traits&rewrite.TraitNonASCII != 0 && s.settings.tricky && !p.foreign:
		return verdict{act: drop, refusal: refused(rewrite.RefuseEncoding(s.settings.encoding), text)}
	case p.foreign && !namesASCII(bound.Plan):
		return verdict{act: drop, refusal: refused(rewrite.RefuseEncoding(s.settings.encoding), text)}
	}
	if refusal := misprepared(&bound); refusal != nil {
		return verdict{act: drop, refusal: refused(refusal, text), at: refusal.Position}
	}
	p.bound, p.executed = bound, s.executed
	return verdict{act: drop, planning: p}
}

// misprepared is what is wrong with the types of the parameters of a PREPARE, nil for
// nothing.
func misprepared(bound *rewrite.Bound) *rewrite.Refusal {
	for i := range bound.Plan.Statements() {
		st := &bound.Plan.Statements()[i]
		if st.Effect != rewrite.Prepares || st.Inner == nil || st.Inner.Params == nil {
			continue
		}
		p := statement{plan: st.Inner, declared: st.Inner.Types}
		p.inferTypes()
		if refusal := p.checkTypes(bound); refusal != nil {
			return refusal
		}
	}
	return nil
}

// reaches reports that the search path had these schemas when it was last seen.
// That decides only how a statement is planned: the text says for which relation.
func (s *Session) reaches(schemas []string) bool {
	for _, name := range schemas {
		if !slices.Contains(s.settings.path, name) {
			return false
		}
	}
	return true
}

// namesASCII reports that the names of prepared statements and cursors in a text
// are the same bytes in every encoding, as those in the protocol's messages are
// compared with them.
func namesASCII(p *rewrite.Plan) bool {
	for i := range p.Statements() {
		if !rewrite.IsASCII([]byte(p.Statements()[i].Name)) {
			return false
		}
	}
	return true
}

// notPlanned is what becomes of a text that the planner has not planned.
func (s *Session) notPlanned(err error, text []byte, mode rewrite.Mode, out *Output) verdict {
	var refusal *rewrite.Refusal
	switch {
	case errors.Is(err, rewrite.ErrStaleCatalog) && !s.frame.fresh && s.catalog.inside != nil:
		in := s.catalog.inside
		in.old, in.spread, in.anew = true, true, true
		return s.readInside(out)
	case errors.Is(err, rewrite.ErrStaleCatalog) && !s.frame.fresh:
		s.frame.fresh = true
		return verdict{act: wait, need: Need{Kind: NeedCatalog}}
	case errors.Is(err, rewrite.ErrNeedTextFunctions) && !s.frame.learnt:
		s.frame.learnt = true
		return verdict{act: wait, need: Need{Kind: NeedCatalog}}
	case errors.Is(err, rewrite.ErrNeedTextOrders) && s.frame.ordered < maxOrders:
		s.frame.ordered++
		return verdict{act: wait, need: Need{Kind: NeedCatalog}}
	case errors.Is(err, rewrite.ErrChanging) && !s.frame.settled:
		s.frame.settled = true
		return verdict{act: wait, need: Need{Kind: NeedCatalog, Settled: true}}
	case errors.Is(err, rewrite.ErrChanging):
		return verdict{act: drop, refusal: errChanging}
	case errors.Is(err, rewrite.ErrNeedSearchPath) && !s.frame.answer, errors.Is(err, rewrite.ErrNeedCursors):
		if errors.Is(err, rewrite.ErrNeedCursors) {
			if s.frame.answer { // to a question without them
				s.frame.asking, s.frame.answer = false, false
			}
			s.frame.showCursors = true
		}
		// Outside a transaction block a pooler behind us may have the statement
		// run by another server than a question before it, with another path.
		if !s.frame.asking {
			if s.frame.query && s.fifo.len() > 0 { // a BEGIN before it, perhaps
				act, need, _ := s.waitServer(out)
				return verdict{act: act, need: need}
			}
			s.frame.inline = s.frame.inline || s.frame.query && mode == rewrite.Simple && s.status == 'I' && joins(text)
		}
		alone := s.frame.query || s.status == 'I' && !s.begun && needsBlock(text)
		act, need, _ := s.ask(alone && !s.frame.inline, out)
		return verdict{act: act, need: need}
	case errors.As(err, &refusal):
		e := refused(refusal, text)
		if s.newer && e.Code == codeSyntaxError && e.Hint == "" && strings.HasPrefix(e.Message, "syntax error") {
			e.Hint = hintNewerSyntax
		}
		return verdict{act: drop, refusal: e, apart: refusal.Apart, at: refusal.Position}
	}
	return verdict{act: drop, refusal: unplanned(err)}
}

// prepared gives the planner what is prepared under a name.
func (s *Session) prepared(name string) (*rewrite.Statement, []uint32) {
	e := s.statements.find([]byte(name))
	if e == nil || e.latest == nil || e.latest.renewing || e == &s.statements.unnamed { // it may execute itself
		s.unknown = name
		return nil, nil
	}
	st := e.latest
	s.executed |= st.hints & unsure
	if st.deferred != nil {
		s.doomed = st.deferred
	} else if st.late != nil {
		s.doomed = st.late
	}
	if snap, _ := s.current(); snap != nil && (st.lost || st.late != nil && !s.frame.missed || snap.Version != st.version || st.rotated(snap)) {
		s.outdated = e
	}
	if st.plan == nil {
		return &relayedStatement, st.declared
	}
	if st.types != nil {
		return st.plan, st.types
	}
	return st.plan, st.declared
}

// relayedStatement stands for a statement that needs nothing done.
var relayedStatement rewrite.Statement

// statementsUnderWay reports that a Parse or Close has not been answered, so
// that what a name stands for may change.
func (s *Session) statementsUnderWay() bool {
	for i := range s.fifo.len() {
		if r := s.fifo.at(i); r.names != nil && r.names != &s.statements.unnamed {
			return true
		}
	}
	return false
}

// refused turns the planner's refusal into what the client reads.
func refused(r *rewrite.Refusal, text []byte) *wire.Error {
	e := &wire.Error{Code: r.Code, Message: r.Message, Detail: r.Detail, Hint: r.Hint, Unread: r.Unread}
	if r.Position >= 0 {
		e.Position = rewrite.CharacterPosition(text, r.Position)
	}
	if r.Column != nil && r.Code == codeFeatureNotSupported { // PostgreSQL's own errors name none
		e.Schema, e.Table, e.Column = r.Column.Schema, r.Column.Table, r.Column.Name
	}
	return e
}

// sealText appends the text for the server to dst. A failure is a refusal or a
// need.
func (s *Session) sealText(dst []byte, p *planning) ([]byte, Need, *wire.Error) {
	from := len(dst)
	p.failedAt = 0
	s.foreign, s.sealing, p.constants = p.foreign, p, p.constants[:0]
	text, err := p.bound.AppendSQL(dst, s.sealFunc)
	s.foreign, s.sealing = false, nil
	if err == nil {
		if len(p.client) > 0 {
			p.server = append(p.server[:0], text[from:]...)
		}
		// The names that are put into a text of ASCII alone are in UTF-8, too.
		if p.foreign || s.settings.values.Transcodes() && !rewrite.IsASCII(text[from:]) {
			text, err = s.settings.values.FromUTF8(text, from)
		}
		if err != nil {
			e := *statementError(err)
			e.Code, e.Message, e.Hint = codeFeatureNotSupported, "pgseal has to name what this statement means: "+e.Message, "SET client_encoding = 'UTF8'."
			return dst, Need{}, &e
		}
		return text, Need{}, nil
	}
	var refusal *rewrite.Refusal
	var literal *literalError
	if p.foreign {
		defer func() { p.failedAt = s.clientOffset(p.client, p.failedAt) }()
	}
	switch {
	case errors.Is(err, errNeed):
		return dst, s.need, nil
	case s.behind(err):
		return dst, Need{Kind: NeedCatalog}, nil
	case errors.As(err, &refusal):
		p.failedAt = refusal.Position
		return dst, Need{}, refused(refusal, p.client)
	case errors.As(err, &literal):
		e := *statementError(literal.err)
		p.failedAt = literal.offset
		if len(p.client) > 0 && literal.placed {
			e.Position = rewrite.CharacterPosition(p.client, literal.offset)
		}
		return dst, Need{}, &e
	}
	return dst, Need{}, unplanned(err)
}
