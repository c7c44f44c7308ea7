package session

import (
	"slices"

	"pgseal/rewrite"
)

// tag is the command tag that the client expects instead of the server's, "" for the
// server's own.
func (r *request) tag() string {
	if r.kind == execute {
		if st := r.portal.statement; st != nil && st.plan != nil {
			return st.plan.Tag
		}
	} else if r.plan != nil && int(r.next) < len(r.plan.Statements()) {
		return r.plan.Statements()[r.next].Tag
	}
	return ""
}

// effect follows what a statement that has ended did to the session.
func (s *Session) effect(r *request) {
	var st *rewrite.Statement
	switch {
	case r.kind == execute && r.portal.statement != nil:
		st = r.portal.statement.plan
	case r.kind == query && r.plan != nil:
		if all := r.plan.Statements(); int(r.next) < len(all) {
			st = &all[r.next]
		}
	}
	if st == nil {
		return
	}
	from := r.portal.statement
	if r.kind == query {
		from = nil
	}
	if st.Effect == rewrite.Executes && st.Inner != nil {
		e := s.statements.find([]byte(st.Name))
		if e == nil || e.confirmed == nil || e.confirmed.plan == nil {
			return
		}
		from = e.confirmed
		st = from.plan
	}
	s.took(r, st, from)
}

// took is effect for one statement. from is what it was prepared as, nil for one of a
// Query.
func (s *Session) took(r *request, st *rewrite.Statement, from *statement) {
	if st.Alters {
		s.changed(st)
	}
	switch st.Effect {
	case rewrite.Prepares:
		var p *statement
		if from != nil {
			p = s.preparedBy(st, from)
		} else {
			p = s.preparedBy(st, s.asStatement(r.planning, string(r.planning.client), rewrite.Simple))
			p.several = len(r.plan.Statements()) > 1
		}
		if snap, _ := s.current(); snap != nil {
			p.version = snap.Version
		}
		s.statements.make([]byte(st.Name)).set(p)
		s.remembers = true
	case rewrite.Deallocates:
		if st.Name == "" {
			s.statements.clearNamed() // the unnamed one stays
			s.inserts.forget()
		} else if e := s.statements.find([]byte(st.Name)); e != nil {
			e.set(nil)
			s.statements.tidy(e)
		}
	case rewrite.Declares:
		s.declared(r, st)
	case rewrite.Closes:
		s.closed(st)
	case rewrite.Discards:
		s.statements.clearNamed()
		s.inserts.forget()
		s.portals.clear()
		s.cursors.clear()
		s.settings.seen = 0
		if st.DropsTemporary {
			s.changed(st)
		}
	case rewrite.ChangesCatalog:
		s.changed(st)
	}
}

// asStatement is what has been planned as a statement, as far as it matters to what a
// PREPARE in it prepares.
func (s *Session) asStatement(p *planning, text string, mode rewrite.Mode) *statement {
	return &statement{text: text, mode: mode, print: s.fingerprint(p), foreign: p.foreign, escapes: p.escapes,
		constants: slices.Clone(p.constants), deferred: p.deferred, literals: s.settings.kept()}
}

// preparedBy is what a PREPARE has prepared that stands in a text. from has the text.
func (s *Session) preparedBy(st *rewrite.Statement, from *statement) *statement {
	p := &statement{plan: st.Inner, name: st.Name, text: from.text, mode: from.mode, print: from.print, foreign: from.foreign, escapes: from.escapes,
		constants: from.constants, deferred: from.deferred, literals: from.literals, hints: s.look([]byte(from.text)) & (resets | local)}
	if p.plan != nil {
		p.results, p.declared = p.plan.Results, p.plan.Types
		p.inferTypes() // it has been prepared: they fit
	}
	return p
}
