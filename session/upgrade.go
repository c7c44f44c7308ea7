package session

import (
	"slices"

	"pgseal/catalog"
	"pgseal/rewrite"
	"pgseal/wire"
)

// In the simple protocol envelopes come as hexadecimal digits: twice the bytes,
// which the server writes and the proxy reads. A SELECT whose text had a large
// answer the last time is sent in the extended protocol, unnamed, and asks for its
// sealed columns in binary. The client sees none of it: the same rows, the same
// end, and its unnamed statement and portal are gone, as a Query has them.

const (
	// largeText is from how many bytes of rows in text an answer is large: what
	// it then saves is several times what the further messages cost. In binary
	// the same rows are about half as long.
	largeText   = 128 << 10
	largeBinary = largeText / 3
)

// isLarge judges the answer to a request, which has ended.
func (s *Session) isLarge(r *request) bool {
	if r.simple {
		return s.result.size >= largeBinary
	}
	return s.result.size >= largeText
}

// upgradable reports that a text can go in the extended protocol, and is worth
// it: it is one SELECT that names its columns, so that formats can be asked for
// each. What shows the texts of defaults stays as it is.
func upgradable(p *rewrite.Plan) bool {
	if !p.Large() || len(p.Statements()) != 1 {
		return false
	}
	st := &p.Statements()[0]
	return !slices.Contains(st.Results, catalog.DefaultText) && st.Width > 0 && len(st.Results) > 0 && len(st.Results) <= st.Width && st.Effect == rewrite.NoEffect && st.ClientParams == 0 && !st.Alters && st.Arrangement == nil
}

// upgrade appends what goes with the Parse that stands in dst instead of a Query,
// and notes all of it. r is the Query.
func (s *Session) upgrade(dst []byte, r *request, snap *catalog.Snapshot) []byte {
	r.planning.kept = true // by several requests
	plan := &r.plan.Statements()[0]
	st := &statement{plan: plan, results: plan.Results, hints: readsOnly, version: snap.Version, width: plan.Width, described: true}
	p := portal{statement: st, asked: true}
	p.formats.valid = true
	dst, start := wire.Begin(dst, wire.TypeBind)
	dst = append(dst, 0, 0) // the portal and the statement are unnamed
	dst = wire.AppendCount(wire.AppendCount(dst, 0), 0)
	dst = wire.AppendCount(dst, plan.Width)
	for i := range plan.Width {
		f := int16(wire.Text)
		if i < len(plan.Results) && plan.Results[i] != nil {
			f = asked(plan.Results[i], f)
		}
		dst = wire.AppendInt16(dst, f)
	}
	dst = wire.End(dst, start)
	dst = wire.AppendTarget(dst, wire.TypeDescribe, 'P', "")
	dst = wire.AppendExecute(dst, "", 0)
	dst = wire.AppendTarget(dst, wire.TypeClose, 'P', "")
	dst = wire.AppendTarget(dst, wire.TypeClose, 'S', "")
	dst = wire.AppendEmpty(dst, wire.TypeSync)
	s.opens = true
	for _, part := range [...]request{
		{kind: parse, statement: st},
		{kind: bind, portal: p},
		{kind: describePortal, portal: p},
		{kind: execute, portal: p, plan: r.plan, guard: true, writes: r.writes},
		{kind: closeTarget},
		{kind: closeTarget},
	} {
		part.simple, part.planning = true, r.planning
		s.push(&part)
	}
	s.push(&request{kind: syncPoint, guard: true})
	return dst
}
