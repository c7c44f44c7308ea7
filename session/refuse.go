package session

import (
	"bytes"
	"encoding/binary"

	"pgseal/rewrite"
	"pgseal/wire"
)

// What is refused here must fail on the server too, so that the order of
// answers, the skip to Sync and the aborted transaction are the server's own.
// In its place goes a statement that fails at parse analysis and needs nothing
// installed; when its error arrives, the client gets the reason of the refusal
// instead. If it fails with another error (25P02 in an aborted transaction),
// that is what the client's own statement would have got, and is passed on.
const (
	failingColumn = "pgseal_refused_this_statement"
	failingText   = "SELECT " + failingColumn
	// unreadText stands for what cannot be parsed: the server, too, says so before it
	// says that the transaction is aborted.
	unreadText = failingColumn
	// failingName never names a statement for long, or a portal.
	failingName = "pgseal_refused"
)

// appendFailingParse appends a Parse that fails, and notes it but for its own end.
func (s *Session) appendFailingParse(dst []byte, e *wire.Error) []byte {
	s.frees()
	return wire.AppendParse(appendFree(dst, failingName), failingName, failingTextOf(e), nil)
}

// appendFree appends what frees a name of ours for a statement. pgbouncer, from 1.21 on,
// keeps the name of a Parse that has failed, and ends the session at the next one under
// it. It answers the Close of a statement by itself, and up to 1.25.2 out of turn if
// nothing is under way that the server has to answer; the Close of a portal is.
func appendFree(dst []byte, name string) []byte {
	dst = wire.AppendTarget(dst, wire.TypeClose, 'P', name)
	return wire.AppendTarget(dst, wire.TypeClose, 'S', name)
}

// keepTurn keeps the answer to a Close of a statement that comes next in its place, behind
// that to a Parse: pgbouncer may give both by itself.
func (s *Session) keepTurn(out *Output) {
	if n := s.fifo.len(); n > 0 && s.fifo.at(n-1).kind == parse {
		out.server.put(wire.AppendTarget(out.server.scratch, wire.TypeClose, 'P', failingName))
		s.push(&request{kind: closeTarget, simple: true})
	}
}

// frees notes that.
func (s *Session) frees() {
	s.push(&request{kind: closeTarget, simple: true})
	s.push(&request{kind: closeTarget, simple: true})
}

// failingTextOf is what stands for a text that is refused with an error.
func failingTextOf(e *wire.Error) string {
	if e != nil && e.Unread {
		return unreadText
	}
	return failingText
}

// lateText stands for what PostgreSQL reads only when it runs: it fails then.
const lateText = "EXECUTE " + failingName

// late reports that PostgreSQL would find a mistake in a text only when that runs. What
// pgseal itself refuses is refused at once.
func late(text []byte, e *wire.Error) bool {
	text = afterComments(text)
	return e.Code != codeFeatureNotSupported && !e.Unread &&
		(foldedPrefix(text, "execute") || foldedPrefix(text, "copy") || foldedPrefix(text, "prepare"))
}

// A SELECT can have a mistake besides that PostgreSQL would report. So the server
// looks at it first, in a form in which nothing of the client's but names is left
// (rewrite.Refusal.BindProbe). It prepares that, and goes on to what fails anyway.

// appendMalformed appends a Query or a Parse with the fault of the client's, and without
// its text. (Behind a zero byte in that, the rest of it is read as a list of types.)
func appendMalformed(dst []byte, typ byte, body []byte) []byte {
	dst, start := wire.Begin(dst, typ)
	strings := 1
	if typ == wire.TypeParse {
		strings = 2
	}
	for range strings {
		i := bytes.IndexByte(body, 0)
		if i < 0 {
			return wire.End(dst, start)
		}
		dst, body = append(dst, 0), body[i+1:]
	}
	if typ == wire.TypeParse {
		if len(body) < 2 || len(body)-2 < 4*int(binary.BigEndian.Uint16(body)) {
			return wire.End(dst, start)
		}
		dst = wire.AppendCount(dst, 0)
	}
	return wire.End(append(dst, 0), start)
}

// appendProbe appends what has the server look, and notes it.
func (s *Session) appendProbe(dst []byte, p *planning, e *wire.Error, types []uint32) []byte {
	if p == nil {
		return dst
	}
	text, err := p.bound.AppendSQL(p.server[:0], s.sealFunc)
	if err != nil {
		s.recycle(p)
		return dst
	}
	p.server = text
	s.frees()
	s.push(&request{kind: parse, simple: true, probe: true, refusal: e, planning: p})
	return wire.AppendParse(appendFree(dst, failingName), failingName, string(text), types)
}

// probeQuery is refuseQuery with such a look: the Query becomes messages of the
// extended protocol, before which its unnamed statement goes.
func (s *Session) probeQuery(p *planning, e *wire.Error, out *Output) (action, Need, error) {
	if p == nil {
		return s.refuseQuery(e, out)
	}
	dst := wire.AppendTarget(out.server.scratch, wire.TypeClose, 'S', "")
	unnamed := &s.statements.unnamed
	unnamed.send(nil, s.segment)
	s.push(&request{kind: closeTarget, simple: true, names: unnamed})
	dst = s.appendProbe(dst, p, e, nil)
	dst = s.appendFailingParse(dst, e)
	s.push(&request{kind: parse, refusal: e})
	out.server.put(wire.AppendEmpty(dst, wire.TypeSync))
	s.push(&request{kind: syncPoint})
	return drop, Need{}, nil
}

// probes reports that an error is the answer to a probe, and no mistake of the
// text's that the probe finds for sure.
func (r *request) probes(f wire.ErrorFields) bool {
	code := string(f.Get(wire.FieldCode))
	if !r.probe || len(code) < 2 || rewrite.Probed(code) {
		return false
	}
	switch code[:2] {
	case "0A", "22", "42":
		return true
	}
	return false // the transaction is aborted, or the like
}

// refuseQuery puts a failing Query in the place of the client's.
func (s *Session) refuseQuery(e *wire.Error, out *Output) (action, Need, error) {
	out.server.put(wire.AppendQuery(out.server.scratch, failingTextOf(e)))
	s.push(&request{kind: query, refusal: e})
	return drop, Need{}, nil
}

// skip follows a frame of the extended protocol that has been refused. What comes behind
// it goes nowhere, for values in it may be meant for a statement that has been refused,
// under the name of another one to which they would go as they are.
func (s *Session) skip() (action, Need, error) {
	s.skipping = willSkip
	return drop, Need{}, nil
}

// refuse puts a failing Parse in the place of a frame of the extended protocol.
func (s *Session) refuse(e *wire.Error, out *Output) (action, Need, error) {
	out.server.put(s.appendFailingParse(out.server.scratch, e))
	s.push(&request{kind: parse, refusal: e})
	return s.skip()
}

// refuseBind is refuse for a Bind with a mistake that the server finds before it says
// that the transaction is aborted: in its place goes a Describe of no portal. (pgbouncer
// ends the session at a Bind to a statement that it does not know.)
func (s *Session) refuseBind(e *wire.Error, out *Output) (action, Need, error) {
	out.server.put(wire.AppendTarget(out.server.scratch, wire.TypeDescribe, 'P', failingName))
	s.push(&request{kind: bind, refusal: e})
	return s.skip()
}

// refusePortal is refuse for a Bind with a mistake in a value. The server says first that
// there is a portal of that name: it makes one, which goes with the transaction.
func (s *Session) refusePortal(name []byte, e *wire.Error, out *Output) (action, Need, error) {
	if len(name) == 0 && s.status == 'I' && !s.runs() {
		return s.refuse(e, out) // with the transaction
	}
	s.keepTurn(out)
	dst := wire.AppendTarget(out.server.scratch, wire.TypeClose, 'S', questionName)
	dst = wire.AppendParse(dst, questionName, "", nil)
	dst = appendPlainBind(dst, string(name), questionName)
	dst = wire.AppendTarget(dst, wire.TypeClose, 'S', questionName)
	for _, k := range [...]kind{closeTarget, parse, bind, closeTarget} {
		r := request{kind: k, simple: true}
		if k == bind && len(name) == 0 { // it takes the place of another
			r.portals = &s.portals.unnamed
			r.portals.send(portal{}, s.segment)
		}
		s.push(&r)
	}
	out.server.put(s.appendFailingParse(dst, e))
	s.push(&request{kind: parse, refusal: e})
	return s.skip()
}

// runs reports that something is under way that may begin a transaction block.
func (s *Session) runs() bool {
	for i := range s.fifo.len() {
		if k := s.fifo.at(i).kind; k == query || k == execute {
			return true
		}
	}
	return false
}

// refuseParse is refuse for a Parse. PostgreSQL forgets the unnamed statement
// when a new one fails, so the failing one is unnamed too.
func (s *Session) refuseParse(name []byte, e *wire.Error, out *Output) (action, Need, error) {
	return s.probeParse(name, nil, nil, e, out)
}

// probeParse is refuseParse with such a look, if there is a probe.
func (s *Session) probeParse(name []byte, p *planning, types []uint32, e *wire.Error, out *Output) (action, Need, error) {
	if len(name) > 0 {
		dst := s.appendProbe(out.server.scratch, p, e, types)
		out.server.put(s.appendFailingParse(dst, e))
		s.push(&request{kind: parse, refusal: e})
		return s.skip()
	}
	dst := out.server.scratch
	if p != nil {
		s.keepTurn(out)
		unnamed := s.statements.find(name) // should the probe fail, the server does not come to the Parse behind
		unnamed.send(nil, s.segment)
		s.push(&request{kind: closeTarget, simple: true, names: unnamed})
		dst = s.appendProbe(wire.AppendTarget(out.server.scratch, wire.TypeClose, 'S', ""), p, e, types)
		dst = appendFree(dst, failingName) // what it has prepared is not to stay
		s.frees()
	}
	out.server.put(wire.AppendParse(dst, "", failingTextOf(e), nil))
	names := s.statements.find(name)
	names.send(nil, s.segment)
	s.push(&request{kind: parse, refusal: e, names: names})
	return s.skip()
}
