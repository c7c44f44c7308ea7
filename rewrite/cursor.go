package rewrite

import pg "github.com/pganalyze/pg_query_go/v6"

// cursorScroll and cursorHold are PostgreSQL's CURSOR_OPT_SCROLL and CURSOR_OPT_HOLD.
const (
	cursorScroll = 0x0002
	cursorHold   = 0x0020
)

// cursor is DECLARE CURSOR: what its query returns is fetched later.
func (a *analysis) cursor(x *pg.DeclareCursorStmt, s *Statement) {
	s.Effect, s.Name, s.Held = Declares, x.Portalname, x.Options&cursorHold != 0
	s.Inner = &Statement{}
	if outputs := a.query(x.Query, nil); outputs != nil {
		a.describe(s.Inner, outputs)
	}
	if a.arranged != nil {
		s.Inner.Arrangement = a.arranged.finished()
	}
	a.noDocuments(s.Inner.Results, s.Inner.Formulas, "DECLARE CURSOR")
}

// fetch is FETCH and MOVE. The grammar takes numbers of four bytes only, so that
// the plan holds for the number at hand.
func (a *analysis) fetch(x *pg.FetchStmt, s *Statement) {
	s.Name = x.Portalname
	if s.Skips = x.Ismove; s.Skips {
		return // no rows
	}
	s.Effect = Fetches
	if x.Direction == pg.FetchDirection_FETCH_FORWARD && x.HowMany > 0 {
		s.Forward, s.All = x.HowMany, "FETCH FORWARD ALL FROM "+quoteName(x.Portalname)
	}
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
		s.Effect, s.Name, s.Inner, s.Held, s.Forward, s.All = inner.Effect, inner.Name, inner.Inner, inner.Held, inner.Forward, inner.All
	default:
		if inner.Skips {
			s.Name, s.Skips = inner.Name, true
		}
	}
}
