package session

import (
	"bytes"
	"slices"

	"pgseal/catalog"
	"pgseal/rewrite"
)

// In the simple protocol a text comes again and again with other numbers in it.
// What was found out of one that goes to the server as it is holds for the others.

// relayedText is a text that was relayed, and what its words say.
type relayedText struct {
	snapshot *catalog.Snapshot
	text     []byte
	hints    hints
	plan     *rewrite.Plan // of what it shows sealed; nil if it touches nothing sealed
}

// longestAlike is the longest text that is kept, in bytes: every session has one.
const longestAlike = 512

// relayedLike is what is known of a text that is like the last one which was
// relayed.
func (s *Session) relayedLike(snap *catalog.Snapshot, text []byte) (h hints, plan *rewrite.Plan, ok bool) {
	if s.like.snapshot != snap || s.catalog.spreading() || !alike(s.like.text, text) {
		return 0, nil, false
	}
	if plan = s.like.plan; plan != nil && (plan.Large() || s.catalog.moving() || snap.InFlux() != nil || !s.reaches(plan.Presumed())) {
		return 0, nil, false
	}
	return s.like.hints, plan, true
}

// relayed keeps a text that is relayed, if others can be like it: its numbers are
// told apart from the rest only where nothing is quoted.
func (r *relayedText) relayed(snap *catalog.Snapshot, text []byte, h hints, plan *rewrite.Plan) {
	r.snapshot = nil
	if len(text) <= longestAlike && h&^(readsOnly|controls) == 0 && rewrite.IsASCII(text) && !bytes.ContainsAny(text, `'"$\`) {
		r.snapshot, r.text, r.hints, r.plan = snap, append(r.text[:0], text...), h, plan
	}
}

// showsAlike reports that a plan opens the rows of a SELECT, and that every text
// which differs in its literals goes to the server as it is.
func showsAlike(p *rewrite.Plan) bool {
	if !p.Alike() || len(p.Statements()) != 1 {
		return false
	}
	st := &p.Statements()[0]
	return st.Results != nil && st.Params == nil && st.Effect == rewrite.NoEffect && !st.Alters && st.Copy == nil && st.Question == nil && st.Tag == "" && !slices.Contains(st.Results, catalog.DefaultText)
}

// alike reports that two texts differ in nothing but the digits of numbers. The
// first has no quotes, so that a digit behind what is no part of a name begins a
// number.
func alike(known, text []byte) bool {
	i, j := 0, 0
	for i < len(known) && j < len(text) {
		c := known[i]
		if !isDigit(c) {
			if c != text[j] {
				return false
			}
			i, j = i+1, j+1
			continue
		}
		if !isDigit(text[j]) {
			return false
		}
		if i > 0 && nameByte(known[i-1]) {
			if c != text[j] {
				return false
			}
			i, j = i+1, j+1
			continue
		}
		for i < len(known) && isDigit(known[i]) {
			i++
		}
		for j < len(text) && isDigit(text[j]) {
			j++
		}
	}
	return i == len(known) && j == len(text)
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
