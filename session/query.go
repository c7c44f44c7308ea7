package session

import (
	"pgseal/rewrite"
	"pgseal/wire"
)

// query takes a Query: all its statements are planned before any is sent.
func (s *Session) query(size int, b []byte, out *Output) (action, Need, error) {
	snap, stale := s.current()
	if snap != nil && snap.Empty() {
		s.unplannedNames = true
		s.push(request{kind: query})
		return relay, Need{}, nil
	}
	if size > s.cfg.MaxFrame {
		return s.refuseQuery(tooLong(size, s.cfg.MaxFrame), out)
	}
	if len(b) < size {
		return wait, Need{Kind: NeedBytes, Bytes: size}, nil
	}
	text, err := wire.ParseQuery(b[wire.HeaderLen:])
	if err != nil {
		return wait, Need{}, violation("invalid string in message")
	}
	if snap == nil {
		if look(text)&controls == 0 {
			return s.refuseQuery(staleCatalog(stale), out)
		}
		s.push(request{kind: query})
		return relay, Need{}, nil
	}
	h := look(text)
	v := s.plan(snap, text, rewrite.Simple, out)
	switch {
	case v.act == wait:
		return wait, v.need, nil
	case v.act == relay:
		if h&fetches != 0 {
			if need, unsettled := s.unsettled(rewrite.Simple, true, out); unsettled {
				return wait, need, nil
			}
		}
		s.push(request{kind: query, guard: h&fetches != 0, resets: s.resetting(h)})
		return relay, Need{}, nil
	case v.refusal != nil:
		return s.refuseQuery(v.refusal, out)
	case stale != nil:
		s.recycle(v.planning)
		return s.refuseQuery(staleCatalog(stale), out)
	}
	plan := v.planning.bound.Plan
	r := request{kind: query, plan: plan, planning: v.planning, writes: h&readsOnly == 0, resets: s.resetting(h), guard: h&fetches != 0}
	floats := r.guard
	for i := range plan.Statements() {
		st := &plan.Statements()[i]
		r.guard = r.guard || st.Results != nil || st.Effect == rewrite.Executes
		r.effects = r.effects || changesNames(st)
		r.closings = r.closings || closesCursors(st)
		floats = floats || showsFloats(st.Results)
	}
	if need, unsettled := s.unsettled(rewrite.Simple, floats, out); unsettled {
		s.recycle(v.planning)
		return wait, need, nil
	}
	if plan.Relay() {
		s.push(r)
		return relay, Need{}, nil
	}
	if h&resets != 0 && len(plan.Statements()) > 1 {
		// The server reports the change when all is over, too late.
		s.recycle(v.planning)
		return s.refuseQuery(errSettingsMoved, out)
	}
	dst, start := wire.Begin(out.server.scratch, wire.TypeQuery)
	dst, need, refusal := s.sealText(dst, v.planning)
	if refusal != nil || need.Kind != NeedNothing {
		s.recycle(v.planning)
		if refusal != nil {
			return s.refuseQuery(refusal, out)
		}
		return wait, need, nil
	}
	out.server.put(wire.End(append(dst, 0), start))
	s.push(r)
	return drop, Need{}, nil
}
