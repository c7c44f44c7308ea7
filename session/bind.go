package session

import (
	"strings"

	"pgseal/logical"
	"pgseal/rewrite"
	"pgseal/wire"
)

// prefix is how much of a Bind is awaited, in bytes, until its two names are
// there; PostgreSQL cuts names at 63 bytes, but takes longer ones.
const prefix = 1 << 10

// bind takes a Bind.
func (s *Session) bind(size int, b []byte, out *Output) (action, Need, error) {
	portalName, name, ok := wire.BindNames(b[wire.HeaderLen:])
	if !ok {
		if len(b) >= size {
			return s.refuseBind(malformed(endless), out)
		}
		return wait, Need{Kind: NeedBytes, Bytes: min(size, max(prefix, 2*len(b)))}, nil
	}
	snap, stale := s.current()
	st, known := s.statement(name)
	switch {
	case !known:
		return s.waitServer(out)
	case st != nil && st.hints&controls != 0:
		s.bound(portalName, portal{statement: st})
		return relay, Need{}, nil
	case snap == nil:
		return s.refuse(staleCatalog(stale), out)
	case st == nil && snap.Empty():
		s.bound(portalName, portal{})
		return relay, Need{}, nil
	case st == nil:
		return s.refuseBind(s.unknownStatement(name), out)
	}
	if act, need, err, ok := s.renewed(name, st, snap, stale, out); !ok {
		return act, need, err
	}
	if st.plan != nil && (st.cursor != "" || st.plan.Skips) {
		switch {
		case s.closings > 0:
			return s.waitServer(out)
		case st.plan.Skips && s.cursors.named[st.plan.Name].rows != nil:
			return s.refusePortal(portalName, errFetched, out)
		case s.movesArranged(st.plan):
			return s.refusePortal(portalName, errArrangedInParts, out)
		}
	}
	params := st.plan != nil && st.plan.Params != nil
	if params && st.untyped {
		return s.askTypes(name, st, out)
	}
	computes := st.plan != nil && st.plan.Computes()
	if !params && !computes && !st.opens() && st.failsAtBind() == nil && st.late == nil {
		s.bound(portalName, portal{statement: st})
		return relay, Need{}, nil
	}
	if need, unsettled := s.unsettled(st.readBy, out); unsettled {
		return wait, need, nil
	}
	if size > s.cfg.MaxFrame {
		return s.refuse(tooLong(size, s.cfg.MaxFrame), out)
	}
	if len(b) < size {
		return wait, Need{Kind: NeedBytes, Bytes: size}, nil
	}
	m, _ := wire.ParseBind(b[wire.HeaderLen:])
	if m.Fault == wire.NoFormats {
		return s.refuseBind(malformed(lacking), out)
	}
	if m.Fault == wire.NoFault && st.patterns != nil {
		if act, need, err, ok := s.matched(name, st, &m, snap, stale, out); !ok {
			return act, need, err
		}
	}
	if st.opaque {
		st.ran = true
		st = st.anew()
	}
	p := portal{statement: st, formats: readFormats(m.ResultFormats)}
	if st.opaque {
		rows := s.cursors.named[st.cursor].rows
		switch {
		case rows != nil && m.Fault == wire.NoFault && m.Params.Len() == 0:
			return s.bindFetch(&m, p, rows, out)
		case st.cursor == "" && st.hints&fetches != 0 && st.plan == nil && s.cursors.arrange(): // of which no snapshot knows any more
			return s.refusePortal(portalName, refused(rewrite.RefuseFetched(), nil), out)
		}
	}
	p.asked = !st.opaque && p.formats.differ(st)
	if !params && !p.asked && !computes && st.failsAtBind() == nil && st.late == nil {
		s.bound(portalName, p)
		return relay, Need{}, nil
	}
	if refusal := st.checkFormats(&m); refusal != nil {
		return s.refuseBind(refusal, out)
	}
	if params || st.failsAtBind() != nil {
		if refusal := st.checkCounts(&m); refusal != nil {
			return s.refuseBind(refusal, out)
		}
		if refusal := st.check(); refusal != nil {
			if m.Fault != wire.NoFault { // which the server finds first
				refusal = malformedBind(&m)
			}
			return s.refusePortal(portalName, refusal, out)
		}
	}
	if st.arrangement() != nil {
		p.held = new(heldRows)
	}
	if computes {
		if err := s.bindOutputs(&p, &m); s.behind(err) {
			return s.unbound(portalName, Need{Kind: NeedCatalog}, nil, out)
		} else if err != nil {
			return s.unbound(portalName, Need{}, err, out)
		}
	}
	if st.plan != nil && st.plan.Question != nil {
		if (st.plan.Question.Counts || st.plan.Question.Seals()) && s.frame.computed == nil {
			s.rehearsing = true
			_, need, err := s.appendBind(out.server.scratch, &m, &p)
			s.rehearsing = false
			if err != nil || need.Kind != NeedNothing {
				return s.unbound(portalName, need, err, out)
			}
		}
		if m.Fault != wire.NoFault {
			return s.refusePortal(portalName, malformedBind(&m), out)
		}
		if act, need, ok := s.compute(st.plan.Question, []byte(st.text), rewrite.Extended, &m, st, out); !ok {
			return act, need, nil
		}
	}
	dst := out.server.scratch
	if size >= largeValue {
		dst = out.room(dst, size+largeSlack)
	}
	dst, need, err := s.appendBind(dst, &m, &p)
	if err != nil || need.Kind != NeedNothing {
		return s.unbound(portalName, need, err, out)
	}
	out.server.put(dst)
	s.bound(portalName, p)
	return drop, Need{}, nil
}

// unbound is for a Bind of which something could not be sealed, or not yet.
func (s *Session) unbound(portal []byte, need Need, err error, out *Output) (action, Need, error) {
	e := statementError(err)
	switch {
	case err == nil:
		return wait, need, nil
	case e == nil:
		return wait, Need{}, err
	}
	return s.refusePortal(portal, e, out)
}

// bound notes a Bind that is being sent.
func (s *Session) bound(name []byte, p portal) {
	if st := p.statement; st != nil {
		s.sent.again(st.sent)
	}
	portals := s.portals.make(name)
	portals.send(p, s.segment)
	s.push(&request{kind: bind, portal: p, portals: portals})
}

// check refuses a Bind that the server would refuse, in its words.
func (p *statement) check() *wire.Error {
	if e := p.failsAtBind(); e != nil {
		return e
	}
	if p.plan != nil && p.plan.Params != nil {
		if refusal := p.checkTypes(nil); refusal != nil {
			return refused(refusal, nil)
		}
	}
	return nil
}

// checkCounts is check for what the server sees before it looks at the transaction.
func (p *statement) checkCounts(m *wire.Bind) *wire.Error {
	if n := m.ParamFormats.Len(); n > 1 && n != m.Params.Len() {
		return &wire.Error{Code: codeProtocolViolation, Message: "bind message has " + itoa(n) + " parameter formats but " + itoa(m.Params.Len()) + " parameters"}
	}
	if n := p.parameters(); n != m.Params.Len() {
		return &wire.Error{Code: codeProtocolViolation, Message: "bind message supplies " + itoa(m.Params.Len()) + " parameters, but prepared statement \"" + string(m.Statement) + "\" requires " + itoa(n)}
	}
	return nil
}

// appendBind appends the Bind for the server: sealed parameters in binary, the
// others as they are, and sealed result columns as they are best opened. It has the fault
// of the client's, if any, for the server to find in its turn, and nothing behind that.
func (s *Session) appendBind(dst []byte, m *wire.Bind, p *portal) ([]byte, Need, error) {
	dst, start := wire.Begin(dst, wire.TypeBind)
	dst = wire.AppendCString(dst, m.Portal)
	dst = wire.AppendCString(dst, m.Statement)
	plan := p.statement.plan
	switch {
	case p.statement.late != nil: // values may be meant for what is sealed, and nothing reads them
		dst = m.ParamFormats.Append(dst)
		dst = wire.AppendCount(dst, m.Params.Len())
		for it := m.Params.Iter(); ; {
			if _, ok := it.Next(); !ok {
				break
			}
			dst = wire.AppendInt32(dst, wire.Null)
		}
	case plan == nil || plan.Params == nil:
		dst = m.ParamFormats.Append(dst)
		dst = wire.AppendCount(dst, m.Params.Len())
		dst = append(dst, m.Params.Bytes()...)
	default:
		var need Need
		var err error
		if dst, need, err = s.appendParams(dst, m, p.statement); err != nil || need.Kind != NeedNothing {
			return dst, need, err
		}
	}
	switch m.Fault {
	case wire.NoValues, wire.NoResultFormats:
		return wire.End(dst, start), Need{}, nil
	}
	if results := p.statement.results; p.asked {
		dst = wire.AppendCount(dst, p.statement.width)
		for i := range p.statement.width {
			f := p.format(i)
			if i < len(results) && results[i] != nil {
				f = asked(results[i], f)
			}
			dst = wire.AppendInt16(dst, f)
		}
	} else {
		dst = m.ResultFormats.Append(dst)
	}
	if m.Fault == wire.BytesLeft {
		dst = append(dst, 0)
	}
	return wire.End(dst, start), Need{}, nil
}

// appendParams appends formats and values of the server's parameters.
func (s *Session) appendParams(dst []byte, m *wire.Bind, st *statement) ([]byte, Need, error) {
	params := st.plan.Params
	dst = wire.AppendCount(dst, len(params))
	for _, p := range params {
		f := wire.Binary
		if p.Answer == 0 {
			client, _ := m.ParamFormats.Format(p.Client)
			if p.Operand == nil && !p.Hidden || client != wire.Text { // and so the client's, or the server's to refuse
				f = client
			}
		}
		dst = wire.AppendInt16(dst, f)
	}
	dst = wire.AppendCount(dst, len(params))
	it, at, there := m.Params.Iter(), 0, true
	var value []byte
	for j, p := range params {
		if p.Answer > 0 {
			var need Need
			var err error
			if dst, need, err = s.appendAnswer(dst, &params[j], m, st); err != nil || need.Kind != NeedNothing {
				return dst, need, err
			}
			continue
		}
		if j == 0 || p.Client < at-1 {
			it, at = m.Params.Iter(), 0 // a further role of an earlier value
		}
		for ; at <= p.Client; at++ {
			value, there = it.Next()
		}
		if !there { // wire.NoValues
			return dst, Need{}, nil
		}
		if p.Hidden {
			value = nil
		}
		f, _ := m.ParamFormats.Format(p.Client)
		if p.Operand != nil && f != wire.Text && f != wire.Binary {
			value = nil // the server reads the format first
		}
		if p.Operand == nil || value == nil {
			dst = wire.AppendValue(dst, value)
			continue
		}
		v := logical.Value{Data: value, Binary: f == wire.Binary, OID: st.types[p.Client]}
		if s.becomesNull(p.Operand, v) {
			dst = wire.AppendValue(dst, nil)
			continue
		}
		var need Need
		var err error
		var from int
		dst, from = wire.BeginValue(dst)
		if dst, need, err = s.appendOperand(dst, p.Operand, v); err != nil || need.Kind != NeedNothing {
			if s.behind(err) {
				return dst, Need{Kind: NeedCatalog}, nil
			}
			if e := statementError(err); e != nil && (e.Where == "" || strings.HasPrefix(e.Where, logical.JSONContext)) && isValueError(e) && ofInput(e) {
				var text []byte
				if !v.Binary && !ofEncoding(e) {
					text = value
				}
				err = ofParameter(e, m, p.Client, text)
			}
			return dst, need, err
		}
		dst = wire.EndValue(dst, from)
	}
	return dst, Need{}, nil
}

// ofParameter adds which parameter an error is about, as the server does. text is
// its value, nil if that came in binary.
func ofParameter(e *wire.Error, m *wire.Bind, i int, text []byte) *wire.Error {
	where := parameterWhere(string(m.Portal), i)
	switch {
	case len(text) > 0:
		where += " = '...'" // the server's default shows no more of it
	case text != nil:
		where += " = ''"
	}
	at := *e
	at.Where = within(e.Where, where)
	return &at
}

// parameterWhere is how the server names the i-th parameter of a portal.
func parameterWhere(portal string, i int) string {
	if portal == "" {
		return "unnamed portal parameter $" + itoa(i+1)
	}
	return "portal \"" + portal + "\" parameter $" + itoa(i+1)
}

// ofEncoding reports an error of the encoding of a text: the server finds it before it
// takes note of the value. (JSON finds such characters later, and says where.)
func ofEncoding(e *wire.Error) bool {
	return e.Code == codeNotInRepertoire || e.Code == codeUntranslatable && e.Where == ""
}

// isValueError reports an error of the value itself: of class data exception, or
// of its binary form.
func isValueError(e *wire.Error) bool {
	return e.Code[:2] == "22" || e.Code == codeProtocolViolation
}

// differ reports that the server has to be asked for other formats than those
// that the client wants. A list that does not fit the columns is the server's
// to refuse; so it is left alone while their number is not known.
func (f *formats) differ(st *statement) bool {
	if st.width == 0 || f.n > 1 && f.n != st.width-st.hidden() || !f.valid {
		return false
	}
	for i, c := range st.results {
		if c != nil && asked(c, f.of(i)) != f.of(i) {
			return true
		}
	}
	return false
}

// unknownStatement is a Bind to a name of which nothing is known here, so that
// its parameters cannot be judged.
func (s *Session) unknownStatement(name []byte) *wire.Error {
	if len(name) == 0 {
		return &wire.Error{Code: codeUndefinedStatement, Message: "unnamed prepared statement does not exist"}
	}
	e := &wire.Error{Code: codeUndefinedStatement, Message: "prepared statement \"" + string(name) + "\" does not exist"}
	if s.unplannedNames {
		e.Hint = "If it was prepared while no column was sealed, prepare it again."
	}
	return e
}
