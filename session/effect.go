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
	} else if r.plan != nil && r.next < len(r.plan.Statements()) {
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
		if all := r.plan.Statements(); r.next < len(all) {
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
		s.catalog.changed(st)
	}
	switch st.Effect {
	case rewrite.Prepares:
		p := &statement{plan: st.Inner, name: st.Name}
		if from != nil {
			p.text, p.mode, p.print = from.text, rewrite.Extended, from.print
			p.foreign, p.escapes, p.constants, p.deferred = from.foreign, from.escapes, from.constants, from.deferred
		} else {
			p.text, p.mode, p.print = string(r.planning.client), rewrite.Simple, s.fingerprint(r.planning)
			p.foreign, p.escapes, p.constants = r.planning.foreign, r.planning.escapes, slices.Clone(r.planning.constants)
			p.deferred = r.planning.deferred
		}
		p.hints = s.look([]byte(p.text)) & (resets | local)
		if st.Inner != nil {
			p.results, p.declared = st.Inner.Results, st.Inner.Types
		}
		if snap, _ := s.current(); snap != nil {
			p.version = snap.Version
		}
		if p.plan != nil {
			p.inferTypes() // it has been prepared: they fit
		}
		s.statements.make([]byte(st.Name)).set(p)
	case rewrite.Deallocates:
		if st.Name == "" {
			s.statements.clearNamed() // the unnamed one stays
			s.inserts.forget()
		} else if e := s.statements.find([]byte(st.Name)); e != nil {
			e.set(nil)
			s.statements.tidy(e)
		}
	case rewrite.Declares:
		s.declared(st)
	case rewrite.Closes:
		s.closed(st)
	case rewrite.Discards:
		s.statements.clearNamed()
		s.inserts.forget()
		s.portals.clear()
		s.cursors.clear()
		s.settings.seen = 0
	case rewrite.ChangesCatalog:
		s.catalog.changed(st)
	}
}
