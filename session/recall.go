package session

import (
	"bytes"

	"pgseal/catalog"
	"pgseal/rewrite"
)

// description is a RowDescription that has been compared with a plan, and what
// was shown for it. The server describes the rows of a statement in the same
// bytes again and again; then neither has to be worked out anew.
type description struct {
	snapshot *catalog.Snapshot
	plan     *rewrite.Statement
	asked    bool
	formats  formats
	server   []byte // the frame
	client   []byte // what was shown for it
	cells    []cell // of a Query
}

// keptDescription is the longest that is kept, in bytes.
const keptDescription = 4 << 10

// place is where a request's description is kept, nil if nothing of the kind is.
// What is not planned, or comes from a cursor, is looked at each time.
func (s *Session) place(r *request) (at *description, plan *rewrite.Statement) {
	switch r.kind {
	case query:
		if r.plan == nil || int(r.next) >= len(r.plan.Statements()) {
			return nil, nil
		}
		at, plan = &s.recent, &r.plan.Statements()[r.next]
	case describePortal:
		st := r.portal.statement
		if st == nil || st.opaque || st.cursor != "" || st.plan == nil || r.portal.cursor {
			return nil, nil
		}
		at, plan = &st.recent, st.plan
	default:
		return nil, nil
	}
	if plan.Results == nil || plan.Effect != rewrite.NoEffect {
		return nil, nil
	}
	return at, plan
}

// passes reports that rows of a text that was relayed have been described in the
// same bytes before, and had nothing sealed.
func (s *Session) passes(r *request, frame []byte, snap *catalog.Snapshot) bool {
	return s.passed.snapshot == snap && s.relaysRows(r) && bytes.Equal(s.passed.server, frame)
}

// pass keeps such a description.
func (s *Session) pass(r *request, frame []byte, snap *catalog.Snapshot) {
	if s.sealedColumns == 0 && len(frame) <= keptDescription && s.relaysRows(r) {
		s.passed.snapshot, s.passed.server = snap, append(s.passed.server[:0], frame...)
	}
}

// relaysRows reports that nothing is known of the rows but that the text which
// they come from was relayed.
func (s *Session) relaysRows(r *request) bool {
	switch {
	case r.hidden || s.cursors.sealed > 0:
		return false
	case r.kind == query:
		return r.plan == nil
	case r.kind == describePortal:
		st := r.portal.statement
		return st != nil && st.plan == nil && !st.opaque && !r.portal.cursor
	}
	return false
}

// recall shows what was shown for the same description before.
func (s *Session) recall(r *request, frame []byte, snap *catalog.Snapshot, out *Output) bool {
	d, plan := s.place(r)
	if d == nil || d.plan != plan || d.snapshot != snap || d.asked != r.portal.asked || d.formats != r.portal.formats || !bytes.Equal(d.server, frame) {
		return false
	}
	if r.kind == query {
		s.result.opening = opened
		s.result.clear()
		for _, c := range d.cells {
			s.result.add(c)
		}
	}
	if !r.hidden {
		out.client.put(append(out.client.scratch, d.client...))
	}
	if r.kind != query {
		s.finish()
	}
	return true
}

// remember keeps what is shown for a description.
func (s *Session) remember(r *request, frame []byte, snap *catalog.Snapshot, shown []byte) {
	d, plan := s.place(r)
	if d == nil || s.sealedColumns == 0 || len(frame) > keptDescription || len(shown) > keptDescription {
		return
	}
	for _, c := range s.columns {
		if c == born || c == unclear {
			return // what is not known may come to be
		}
	}
	d.plan, d.snapshot, d.asked, d.formats = plan, snap, r.portal.asked, r.portal.formats
	d.server, d.client = append(d.server[:0], frame...), append(d.client[:0], shown...)
	if r.kind == query {
		d.cells = append(d.cells[:0], s.result.cells...)
	}
}
