package session

import (
	"math"
	"slices"

	"pgseal/rewrite"
	"pgseal/wire"
)

// The rows of a cursor that the session sorts or filters (rewrite.Arrangement) are fetched as
// a whole by the client's first FETCH, in the formats that it asks for, and held from then on.
// Each other FETCH is sent in the same way: the server gives no more rows, but it knows whether
// there is such a cursor and whether the transaction goes on.

// arrange reports that there are cursors of the kind.
func (c *cursors) arrange() bool {
	if c.sealed == 0 {
		return false
	}
	for _, k := range c.named {
		if k.rows != nil {
			return true
		}
	}
	return false
}

// fetches reports that a portal's rows are those of such a cursor.
func (p *portal) fetches() bool { return p.held != nil && p.held.cursor != nil }

func (r *request) fetches() bool { return r.portal.fetches() }

// goesOn reports that a statement of a text is FETCH or MOVE.
func goesOn(p *rewrite.Plan) bool {
	for i := range p.Statements() {
		if st := &p.Statements()[i]; st.Effect == rewrite.Fetches || st.Skips {
			return true
		}
	}
	return false
}

// fetchesArranged reports that one does so with such a cursor, of which the text may have the
// DECLARE.
func (s *Session) fetchesArranged(p *rewrite.Plan) bool {
	declared := false
	for i := range p.Statements() {
		switch st := &p.Statements()[i]; {
		case st.Effect == rewrite.Declares:
			declared = declared || st.Inner != nil && st.Inner.Arrangement != nil
		case st.Effect != rewrite.Fetches && !st.Skips:
		case declared, s.cursors.named[st.Name].rows != nil:
			return true
		}
	}
	return false
}

// movesArranged reports that a statement is MOVE in a portal of the protocol with such rows, which
// the server would count as it has them.
func (s *Session) movesArranged(st *rewrite.Statement) bool {
	e := s.portals.findNamed(st.Name)
	return st.Skips && e != nil && (e.latest.held != nil || e.confirmed.held != nil)
}

// fetchedRows is how many rows a FETCH asks for, 0 for all.
func fetchedRows(st *rewrite.Statement) int32 {
	if st.Forward > math.MaxInt32 {
		return 0
	}
	return int32(st.Forward)
}

// fetchAll is the text of what the server gets for a FETCH.
func (s *Session) fetchAll(st *rewrite.Statement) ([]byte, *wire.Error) {
	text := []byte(st.All)
	switch {
	case st.Forward == 0:
		return nil, errFetched
	case rewrite.IsASCII(text) || !s.settings.values.Transcodes():
		return text, nil
	}
	text, err := s.settings.values.FromUTF8(text, 0)
	if err != nil {
		return nil, statementError(err)
	}
	return text, nil
}

// fetchQuery sends a Query that is one FETCH.
func (s *Session) fetchQuery(r *request, out *Output) (action, Need, error) {
	st := &r.plan.Statements()[0]
	text, refusal := s.fetchAll(st)
	if refusal != nil {
		s.recycle(r.planning)
		return s.refuseQuery(refusal, out)
	}
	r.portal.held, r.rows = s.cursors.named[st.Name].rows, fetchedRows(st)
	text = append(slices.Repeat([]byte{' '}, int(s.frame.blanks)), text...)
	from := len(out.server.scratch)
	dst := wire.AppendQuery(out.server.scratch, text)
	s.push(r)
	s.putEnd(dst[from:])
	out.server.put(dst)
	return drop, Need{}, nil
}

// bindFetch binds a portal to what the server gets for the client's statement, which is a
// FETCH.
func (s *Session) bindFetch(m *wire.Bind, p portal, rows *heldRows, out *Output) (action, Need, error) {
	name := string(m.Portal)
	text, refusal := s.fetchAll(p.statement.plan)
	hidden := rows.cursor.Hidden
	if refusal == nil {
		refusal = checkFormats(m, s.cursors.named[p.statement.cursor].width()-hidden)
	}
	if refusal != nil {
		return s.refusePortal(m.Portal, refusal, out)
	}
	s.keepTurn(out)
	dst := wire.AppendTarget(out.server.scratch, wire.TypeClose, 'S', questionName)
	dst = wire.AppendParse(dst, questionName, string(text), nil)
	dst, start := wire.Begin(dst, wire.TypeBind)
	dst = wire.AppendCString(wire.AppendCString(dst, name), questionName)
	dst = wire.AppendCount(wire.AppendCount(dst, 0), 0) // no parameters
	if n := m.ResultFormats.Len(); n > 1 {
		dst = wire.AppendCount(dst, n+hidden)
		for i := range n + hidden {
			f := wire.Binary
			if i < n {
				f = m.ResultFormats.At(i)
			}
			dst = wire.AppendInt16(dst, f)
		}
	} else {
		dst = m.ResultFormats.Append(dst)
	}
	dst = wire.End(dst, start)
	dst = wire.AppendTarget(dst, wire.TypeClose, 'S', questionName)
	s.push(&request{kind: closeTarget, simple: true})
	s.push(&request{kind: parse, simple: true})
	p.held = rows
	s.bound(m.Portal, p)
	s.push(&request{kind: closeTarget, simple: true})
	out.server.put(dst)
	return drop, Need{}, nil
}

// width is how many columns the server gives of a cursor that has rows.
func (c cursor) width() int { return len(c.results) }
