package session

import (
	"bytes"
	"slices"
	"strconv"

	"pgseal/logical"
	"pgseal/rewrite"
	"pgseal/wire"
)

// What a statement seals of what the server computes (rewrite.Question), the server
// is asked in front of it, in the transaction in which it will run. Outside of a
// transaction block that is the one which the question begins; see
// frameState.inline.

// computed is what has been asked for the frame at hand.
type computed struct {
	question *rewrite.Question
	text     []byte // the client's, in which the question's expressions stand
	portal   string // that the client binds
	known    bool   // the server has answered
	synced   bool   // the question ends with a Sync of its own
	types    []uint32
	values   [][]byte // in binary; nil for NULL
	asked    []subqueryValue
	snapshot bool // the statement sees what the question has seen
	locked   bool // it is asked under a lock; see locksConflict
	begins   bool // the transaction begins with it
}

// compute asks the server for what a statement of the client's text needs. m is the
// Bind that it is asked for, st that statement; nil for none. ok reports that it has
// answered.
func (s *Session) compute(q *rewrite.Question, text []byte, mode rewrite.Mode, m *wire.Bind, st *statement, out *Output) (act action, need Need, ok bool) {
	c := s.frame.computed
	locks := false
	switch {
	case c != nil && c.question.Text == q.Text && c.known:
		if locks = s.locksConflict(c); !locks {
			return relay, Need{}, true
		}
	case c != nil && c.question.Text == q.Text && s.computing():
		return wait, Need{Kind: NeedServer}, false
	case c != nil && c.question.Text == q.Text:
		return s.refuseComputed(errDefaultMoved, mode, out)
	case mode == rewrite.Simple && s.fifo.len() > 0: // a BEGIN before it, perhaps
		act, need, _ = s.waitServer(out)
		return act, need, false
	}
	sent := q.Text
	if s.settings.values.Transcodes() && !rewrite.IsASCII([]byte(sent)) { // a default
		converted, err := s.settings.values.FromUTF8([]byte(sent), 0)
		if err != nil {
			return s.refuseComputed(statementError(err), mode, out)
		}
		sent = string(converted)
	}
	bound, need, err := s.appendQuestionBind(nil, q, m, st)
	switch {
	case err != nil:
		e := statementError(err)
		if e == nil {
			e = &wire.Error{Code: "XX000", Message: "the rows cannot be asked for: " + err.Error()}
		}
		return s.refuseComputed(e, mode, out)
	case need.Kind != NeedNothing:
		return wait, need, false
	}
	begins := s.status == 'I' && !s.begun || locks && c.begins
	s.oneSnapshot(q, out)
	snapshot := s.oneSeen && q.OneSnapshot // what writes takes its snapshot later, at Execute
	s.frame.inline = s.frame.inline || mode == rewrite.Simple && s.status == 'I'
	c = &computed{locked: locks, begins: begins, snapshot: snapshot, question: q, text: bytes.Clone(text), synced: mode == rewrite.Simple && !s.frame.inline}
	if m != nil {
		c.portal = string(m.Portal)
	}
	s.frame.computed = c
	s.keepTurn(out)
	dst := out.server.scratch
	if locks {
		dst = s.appendConflictLock(dst, q, bound, begins)
	}
	dst = wire.AppendTarget(dst, wire.TypeClose, 'S', questionName)
	dst = wire.AppendParse(dst, questionName, sent, st.typesFor(q))
	dst = append(dst, bound...)
	dst = wire.AppendTarget(dst, wire.TypeDescribe, 'P', questionName)
	dst = wire.AppendExecute(dst, questionName, 0)
	dst = wire.AppendTarget(dst, wire.TypeClose, 'P', questionName)
	dst = wire.AppendTarget(dst, wire.TypeClose, 'S', questionName)
	for _, k := range [...]kind{closeTarget, parse, bind, describePortal, execute, closeTarget, closeTarget} {
		s.push(&request{kind: k, hidden: true, computes: true})
	}
	if c.synced {
		dst = wire.AppendEmpty(dst, wire.TypeSync)
		s.push(&request{kind: syncPoint, hidden: true, computes: true})
	} else {
		dst = wire.AppendEmpty(dst, wire.TypeFlush)
		s.flushed = true
	}
	out.server.put(dst)
	return wait, Need{Kind: NeedServer}, false
}

// oneSnapshot has a statement see what its question has seen: others may write in between. It has
// to come before anything that takes a snapshot.
func (s *Session) oneSnapshot(q *rewrite.Question, out *Output) {
	if q == nil || !q.OneSnapshot || s.status != 'I' || s.begun || s.fifo.len() > 0 || s.walsender {
		return
	}
	const set = "SET transaction_isolation TO 'repeatable read'" // which ends with the transaction
	dst := wire.AppendTarget(out.server.scratch, wire.TypeClose, 'S', questionName)
	dst = wire.AppendParse(dst, questionName, set, nil)
	dst = appendPlainBind(dst, questionName, questionName)
	dst = wire.AppendExecute(dst, questionName, 0)
	dst = wire.AppendTarget(dst, wire.TypeClose, 'P', questionName)
	dst = wire.AppendTarget(dst, wire.TypeClose, 'S', questionName)
	out.server.put(dst)
	for _, k := range [...]kind{closeTarget, parse, bind, execute, closeTarget, closeTarget} {
		s.push(&request{kind: k, hidden: true})
	}
	s.oneSeen, s.repeatable = true, true
}

// errBeginsBehind is for a block that would be of that isolation, which it must not be told to have.
var errBeginsBehind = &wire.Error{
	Code: codeFeatureNotSupported, Message: "BEGIN is not possible in the pipeline of a query that pgseal runs in one snapshot with its question",
	Hint: "Send a Sync behind the query, or BEGIN in front of it.",
}

// appendTried appends what has the server read a question in front of a Parse, so
// that what it does not know in there (a function, say) fails the Parse. It is asked
// at Bind. name is the statement's: an unnamed one goes when another Parse fails.
func appendTried(dst []byte, q *rewrite.Question, st *statement, name []byte) []byte {
	if len(name) == 0 {
		dst = wire.AppendTarget(dst, wire.TypeClose, 'S', "")
	}
	dst = wire.AppendParse(appendFree(dst, questionName), questionName, q.Text, st.typesFor(q))
	return wire.AppendTarget(dst, wire.TypeClose, 'S', questionName)
}

// tried notes that. st has the client's text.
func (s *Session) tried(q *rewrite.Question, st *statement, name []byte) {
	if len(name) == 0 {
		s.push(&request{kind: closeTarget, simple: true})
	}
	s.frees()
	s.push(&request{kind: parse, simple: true, question: q, statement: st})
	s.push(&request{kind: closeTarget, simple: true})
}

// computing reports that the server has not answered all of a question.
func (s *Session) computing() bool {
	for i := range s.fifo.len() {
		if s.fifo.at(i).computes {
			return true
		}
	}
	return false
}

// refuseComputed refuses the frame that a question is asked for.
func (s *Session) refuseComputed(e *wire.Error, mode rewrite.Mode, out *Output) (act action, need Need, ok bool) {
	if mode == rewrite.Simple {
		act, need, _ = s.refuseQuery(e, out)
	} else {
		act, need, _ = s.refuse(e, out)
	}
	return act, need, false
}

// typesFor are the types that the parameters of a question have, as far as they are
// known.
func (p *statement) typesFor(q *rewrite.Question) (types []uint32) {
	for _, param := range q.Params {
		oid := uint32(0)
		if param.Operand != nil {
			oid = param.Operand.ServerOID()
		} else if p != nil && param.Client < len(p.types) {
			oid = p.types[param.Client]
		}
		types = append(types, oid)
	}
	return types
}

// appendQuestionBind appends the Bind of a question, all results in binary. Its
// parameters are those of the client's Bind, or literals of the text.
func (s *Session) appendQuestionBind(dst []byte, q *rewrite.Question, m *wire.Bind, st *statement) ([]byte, Need, error) {
	dst, start := wire.Begin(dst, wire.TypeBind)
	dst = wire.AppendCString(dst, questionName)
	dst = wire.AppendCString(dst, questionName)
	dst = wire.AppendCount(dst, len(q.Params))
	for _, p := range q.Params {
		f := wire.Binary
		if p.Operand == nil {
			f, _ = m.ParamFormats.Format(p.Client)
		}
		dst = wire.AppendInt16(dst, f)
	}
	dst = wire.AppendCount(dst, len(q.Params))
	for i := range q.Params {
		p := &q.Params[i]
		if p.Operand == nil {
			dst = wire.AppendValue(dst, (&given{bind: m}).parameter(p.Client))
			continue
		}
		var need Need
		var err error
		if dst, need, err = s.appendSought(dst, p, m, st); err != nil || need.Kind != NeedNothing {
			return dst, need, err
		}
	}
	dst = wire.AppendInt16(wire.AppendCount(dst, 1), wire.Binary)
	return wire.End(dst, start), Need{}, nil
}

// appendSought appends a value by which a question finds rows, sealed as in the statement.
func (s *Session) appendSought(dst []byte, p *rewrite.QuestionParam, m *wire.Bind, st *statement) ([]byte, Need, error) {
	var v logical.Value
	switch {
	case p.Err != nil:
		return dst, Need{}, valueError(p.Err, p.Operand.Column)
	case p.Literal != nil:
		v = logical.Value{Data: p.Literal.Value, OID: p.Literal.OID}
		defer func(foreign bool) { s.foreign = foreign }(s.foreign)
		s.foreign = true // the text has been planned in UTF-8
	case m == nil || st == nil || p.Client < 0 || p.Client >= len(st.types):
		return dst, Need{}, valueError(errUnasked, p.Operand.Column)
	default:
		f, _ := m.ParamFormats.Format(p.Client)
		if v = (logical.Value{Data: (&given{bind: m}).parameter(p.Client), Binary: f == wire.Binary, OID: st.types[p.Client]}); v.Data == nil {
			return wire.AppendValue(dst, nil), Need{}, nil
		}
	}
	if s.becomesNull(p.Operand, v) {
		return wire.AppendValue(dst, nil), Need{}, nil
	}
	dst, from := wire.BeginValue(dst)
	dst, need, err := s.appendOperand(dst, p.Operand, v)
	switch {
	case s.behind(err):
		return dst, Need{Kind: NeedCatalog}, nil
	case err != nil:
		err = valueError(err, p.Operand.Column)
	}
	return wire.EndValue(dst, from), need, err
}

// computedTypes reads the description of an answer.
func (s *Session) computedTypes(body []byte) error {
	fields, err := wire.ParseRowDescription(body)
	c := s.frame.computed
	if err != nil || c == nil {
		return errUnasked
	}
	c.types = c.types[:0]
	var f wire.Field
	for it := fields.Iter(); it.Next(&f); {
		c.types = append(c.types, f.Type)
	}
	return nil
}

// computedRow reads an answer.
func (s *Session) computedRow(body []byte) error {
	c := s.frame.computed
	values, err := wire.ParseDataRow(body)
	if err != nil || c == nil || c.known || values.Len() != len(c.types) {
		return errUnasked
	}
	it := values.Iter()
	for range c.types {
		v, _ := it.Next()
		if v != nil {
			v = append([]byte{}, v...)
		}
		c.values = append(c.values, v)
	}
	c.known = true
	return nil
}

// answer is the value that the n-th expression of the question has; null without
// one.
func (s *Session) answer(n int) (v logical.Value, null bool, err error) {
	if s.rehearsing {
		return v, true, nil
	}
	return s.frame.computed.value(n)
}

// value is the n-th answer; null without one.
func (c *computed) value(n int) (v logical.Value, null bool, err error) {
	if c == nil || !c.known || n > len(c.values) {
		return v, false, errUnasked
	}
	return logical.Value{Data: c.values[n-1], Binary: true, OID: c.types[n-1]}, c.values[n-1] == nil, nil
}

// uncomputed shows the client the server's error about a question, at the place in
// the client's own text. The frame that waits for the answer goes nowhere.
func (s *Session) uncomputed(f wire.ErrorFields, out *Output) {
	c := s.frame.computed
	s.frame.answered = true
	if c == nil {
		return
	}
	switch {
	case c.synced: // its ReadyForQuery is the client's
		for i := range s.fifo.len() {
			if r := s.fifo.at(i); r.kind == syncPoint && r.computes {
				r.hidden = false
				break
			}
		}
	case s.frame.inline: // the server waits for a Sync, which the client has no reason to send
		out.server.put(wire.AppendEmpty(out.server.scratch, wire.TypeSync))
		s.push(&request{kind: syncPoint})
	}
	showAsked(f, c.question, c.text, c.portal, out)
}

// showAsked shows the client an error about a question that stands in its text, or about
// a parameter of the portal that it binds.
func showAsked(f wire.ErrorFields, q *rewrite.Question, text []byte, portal string, out *Output) {
	dst, start := wire.Begin(out.client.scratch, wire.TypeErrorResponse)
	for it := f.Iter(); ; {
		code, value := it.Next()
		if code == 0 {
			break
		}
		if code == wire.FieldWhere {
			value = askedWhere(value, q, portal)
		}
		if code == wire.FieldMessage {
			value = askedMessage(value, text)
		}
		if code == wire.FieldPosition {
			position, err := strconv.Atoi(string(value))
			at := -1
			if err == nil {
				at = q.ClientOffset(position - 1)
			}
			if at < 0 {
				continue
			}
			value = strconv.AppendInt(nil, int64(rewrite.CharacterPosition(text, at)), 10)
		}
		dst = wire.AppendErrorField(dst, code, value)
	}
	out.client.put(wire.End(append(dst, 0), start))
}

// askedMessage is what an error says: of a transaction that only reads, in which rows cannot be
// locked, that a client's text cannot be carried out.
func askedMessage(message, text []byte) []byte {
	const locks = "SELECT FOR NO KEY UPDATE"
	before, behind, ok := bytes.Cut(message, []byte(locks))
	text = afterComments(text)
	for _, word := range [...]string{"UPDATE", "DELETE", "INSERT", "MERGE"} {
		if ok && foldedPrefix(text, word) {
			return slices.Concat(before, []byte(word), behind)
		}
	}
	return message
}

// askedWhere is the context of an error, with the client's portal and parameter in the
// place of the question's.
func askedWhere(where []byte, q *rewrite.Question, portal string) []byte {
	rest, ok := bytes.CutPrefix(where, []byte("portal \""+questionName+"\" parameter $"))
	digits := len(rest) - len(bytes.TrimLeft(rest, "0123456789"))
	n, err := strconv.Atoi(string(rest[:digits]))
	if !ok || err != nil || n < 1 || n > len(q.Params) {
		return where
	}
	return append([]byte(parameterWhere(portal, q.Params[n-1].Client)), rest[digits:]...)
}

// appendAnswer appends a Bind's value for the server: what it has computed itself,
// sealed, or what is computed of its answers.
func (s *Session) appendAnswer(dst []byte, p *rewrite.Param, m *wire.Bind, st *statement) ([]byte, Need, error) {
	if p.Operand.OfRows {
		dst, from := wire.BeginValue(dst)
		dst, need, err := s.appendFormulaRows(dst, p.Operand, p.Answer, given{bind: m, types: st.types, literals: st.literals}, p.Operand.Check)
		if s.behind(err) {
			return dst, Need{Kind: NeedCatalog}, nil
		}
		return wire.EndValue(dst, from), need, err
	}
	if p.Operand.Formula != nil {
		dst, from := wire.BeginValue(dst)
		dst, null, need, err := s.appendFormula(dst, p.Operand, given{bind: m, types: st.types, literals: st.literals}, p.Operand.Check)
		switch {
		case s.behind(err):
			return dst, Need{Kind: NeedCatalog}, nil
		case err == nil && null:
			return wire.AppendInt32(dst[:from], wire.Null), need, nil
		}
		return wire.EndValue(dst, from), need, err
	}
	v, null, err := s.answer(p.Answer)
	if err == nil && p.Operand.Again && s.frame.computed != nil && s.frame.computed.snapshot {
		return wire.AppendInt32(dst, wire.Null), Need{}, nil
	}
	if err == nil && p.Operand.AsAnswered {
		return wire.AppendValue(dst, v.Data), Need{}, nil
	}
	if err != nil || null {
		return wire.AppendInt32(dst, wire.Null), Need{}, err
	}
	if r := p.Operand.Check(v.OID); r != nil {
		return dst, Need{}, refused(r, nil)
	}
	dst, from := wire.BeginValue(dst)
	dst, need, err := s.appendOperand(dst, p.Operand, v)
	if s.behind(err) {
		return dst, Need{Kind: NeedCatalog}, nil
	}
	return wire.EndValue(dst, from), need, err
}

// sealAnswer puts what the server has computed in the place of the expression.
func (s *Session) sealAnswer(dst []byte, l *rewrite.Literal) ([]byte, error) {
	if l.Operand.Formula != nil {
		return s.sealFormula(dst, l)
	}
	v, null, err := s.answer(l.Answer)
	switch {
	case err != nil:
		return dst, err
	case l.Operand.Again && s.frame.computed != nil && s.frame.computed.snapshot:
		return append(dst, "NULL::pg_catalog.bytea"...), nil
	case l.Operand.AsAnswered && !null:
		return rewrite.AppendBytea(dst, v.Data), nil
	case null:
		return append(dst, "NULL::pg_catalog.bytea"...), nil
	}
	if l.Operand.Default != nil {
		if v, null, err = s.printedValue(v.Data, l.Operand.Default); null || err != nil {
			return append(dst, "NULL"...), err
		}
	}
	if r := l.CheckType(v.OID); r != nil {
		return dst, r
	}
	out, need, err := s.appendOperand(s.buf.out[:0], l.Operand, v)
	switch {
	case err == nil && need.Kind != NeedNothing:
		s.need = need
		return dst, errNeed
	case err != nil:
		if statementError(err) == nil {
			return dst, err
		}
		if c := l.Operand.Default; c != nil {
			return dst, defaultUnfit(c, l.Position)
		}
		return dst, &literalError{err, l.Position, false}
	}
	s.buf.out = out
	return rewrite.AppendBytea(dst, out), nil
}

// sealFormula puts what is computed of the server's answers in the place of the
// expression.
func (s *Session) sealFormula(dst []byte, l *rewrite.Literal) ([]byte, error) {
	var out []byte
	var null bool
	var need Need
	var err error
	if l.Operand.OfRows {
		out, need, err = s.appendFormulaRows(s.buf.out[:0], l.Operand, l.Answer, given{literal: l}, l.CheckType)
	} else {
		out, null, need, err = s.appendFormula(s.buf.out[:0], l.Operand, given{literal: l}, l.CheckType)
	}
	switch {
	case err == nil && need.Kind != NeedNothing:
		s.need = need
		return dst, errNeed
	case err != nil && statementError(err) != nil:
		return dst, &literalError{err, l.Position, false}
	case err != nil:
		return dst, err
	case null && l.Operand.Decides:
		return append(dst, "NULL::pg_catalog.bool"...), nil
	case null:
		return append(dst, "NULL::pg_catalog.bytea"...), nil
	}
	s.buf.out = out
	switch {
	case l.Operand.OfRows:
		return rewrite.AppendDocument(dst, out, l.Operand.ServerOID()), nil
	case l.Operand.Decides:
		return strconv.AppendBool(dst, out[0] != 0), nil
	}
	return rewrite.AppendBytea(dst, out), nil
}

// questionOf is what has to be asked for a text in the simple protocol: the last
// question, which has those of the statements before it in it.
func questionOf(p *rewrite.Plan) *rewrite.Question {
	all := p.Statements()
	for i := range slices.Backward(all) {
		if all[i].Question != nil {
			return all[i].Question
		}
	}
	return nil
}
