package session

import (
	"errors"

	"pgseal/catalog"
	"pgseal/logical"
	"pgseal/rewrite"
	"pgseal/wire"
)

// Whether a parameter of LIKE has wildcards is known with its value. A statement is prepared
// as one whose patterns have none, which terms answer, by an index if there is one. Before
// patterns with some are bound it is prepared anew, as for a column without terms, and before
// ones without them once more. See docs/decisions/0043-patterns-that-are-parameters.md.

// pattern is a parameter that only a text without wildcards can be for a term.
type pattern struct {
	client  int // index, from 0
	operand *rewrite.Operand
}

// patternsOf are those of a plan.
func patternsOf(st *rewrite.Statement) (all []pattern) {
	for _, p := range st.Params {
		if p.Operand != nil && p.Client >= 0 && p.Operand.Pattern != nil && !p.Operand.Pattern.Wild {
			all = append(all, pattern{p.Client, p.Operand})
		}
	}
	return all
}

// wildcards is a pattern with wildcards among the values of a Bind, nil for none.
func (s *Session) wildcards(st *statement, m *wire.Bind) *pattern {
	for i := range st.patterns {
		p := &st.patterns[i]
		if p.client >= m.Params.Len() || p.client >= len(st.types) {
			continue
		}
		f, _ := m.ParamFormats.Format(p.client)
		v := logical.Value{Data: (&given{bind: m}).parameter(p.client), Binary: f == wire.Binary, OID: st.types[p.client]}
		if v.Data != nil && !s.becomesNull(p.operand, v) && errors.Is(s.canonical(p.operand, v), errPattern) {
			return p
		}
	}
	return nil
}

// matched lets a statement be bound that is prepared for the patterns at hand, and makes it
// so if it is not. ok is as of renewed.
func (s *Session) matched(name []byte, st *statement, m *wire.Bind, snap *catalog.Snapshot, stale error, out *Output) (act action, need Need, err error, ok bool) {
	found := s.wildcards(st, m)
	if st.wild == (found != nil) {
		return relay, Need{}, nil, true
	}
	r := s.renew(st, len(name) == 0, snap, stale, rewrite.Extended, found != nil, out)
	if r.changed {
		s.frame.typing = false
		if r.planning != nil {
			s.oneSnapshot(questionOf(r.planning.bound.Plan), out)
		}
		r.need, r.refusal = s.remake(name, st, &r, snap, rewrite.Extended, out)
	}
	switch {
	case r.refusal == errReplan && found != nil: // which is no change to the client
		act, need, err = s.refuse(refused(found.operand.RefusePattern(), nil), out)
	case r.refusal != nil:
		act, need, err = s.refuse(r.refusal, out)
	default:
		act, need = wait, r.need
	}
	return act, need, err, false
}
