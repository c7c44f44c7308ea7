package rewrite

import pg "github.com/pganalyze/pg_query_go/v6"

// cursorHold is PostgreSQL's CURSOR_OPT_HOLD.
const cursorHold = 0x0020

// cursor is DECLARE CURSOR: what its query returns is fetched later.
func (a *analysis) cursor(x *pg.DeclareCursorStmt, s *Statement) {
	s.Effect, s.Name, s.Held = Declares, x.Portalname, x.Options&cursorHold != 0
	s.Inner = &Statement{}
	if outputs := a.query(x.Query, nil); outputs != nil {
		a.describe(s.Inner, outputs)
	}
	a.noDocuments(s.Inner.Results, s.Inner.Formulas, "DECLARE CURSOR")
}

// fetch is FETCH and MOVE. The grammar takes numbers of four bytes only, so that
// the plan holds for the number at hand.
func (a *analysis) fetch(x *pg.FetchStmt, s *Statement) {
	if x.Ismove {
		return // no rows
	}
	s.Effect, s.Name = Fetches, x.Portalname
	from, end := a.statementTokens()
	for _, t := range a.tokens[from:end] {
		if t.kind == tokenInteger {
			a.steer(t.start)
		}
	}
}

// executeCursor is EXECUTE of a statement that was prepared by the protocol and
// is about a cursor: it does to the session what that does.
func (s *Statement) executeCursor(inner *Statement) {
	switch inner.Effect {
	case Declares, Fetches, Closes:
		s.Effect, s.Name, s.Inner, s.Held = inner.Effect, inner.Name, inner.Inner, inner.Held
	}
}
