package rewrite

import (
	"slices"
	"strconv"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// A subquery that is a value of an output (`SELECT name, (SELECT sum(total) FROM orders …)`) is
// computed as those in FROM are, whose outputs the session computes: the server gives what it is
// made of in its place.

// outputOfSubquery is an output that is such a subquery, or is computed of some. It is false for
// any other.
func (a *analysis) outputOfSubquery(n *pg.Node, sc *scope) (c column, ok bool) {
	if !sc.shown || sc.regroups != nil || !anywhere(n.ProtoReflect(), isScalarSubquery) {
		return c, false
	}
	if s := n.GetSubLink(); s != nil {
		o, at, ok := a.shownSubquery(s, sc)
		if !ok || o.formula == nil {
			return c, a.err != nil
		}
		o.formula.Subquery = true
		return column{sealed: o.sealed, bare: true, formula: o.formula, renamed: at}, true
	}
	if a.mayPassOver(n) {
		return c, false
	}
	saved := a.subqueries
	a.subqueries = true
	defer func() { a.subqueries = saved }()
	return a.outputFormula(n, sc)
}

// mayPassOver says whether there are subqueries in an expression that PostgreSQL may not come to,
// and which could fail: the server computes all of them.
func (a *analysis) mayPassOver(n *pg.Node) bool {
	fails := func(list ...*pg.Node) bool {
		return slices.ContainsFunc(list, func(n *pg.Node) bool {
			return n != nil && anywhere(n.ProtoReflect(), func(m protoreflect.Message) bool {
				s, ok := m.Interface().(*pg.SubLink)
				return ok && s.SubLinkType == pg.SubLinkType_EXPR_SUBLINK && !a.givesOneRow(s)
			})
		})
	}
	return outsideSubqueries(n.ProtoReflect(), func(m protoreflect.Message) bool {
		switch x := m.Interface().(type) {
		case *pg.CaseExpr:
			return fails(slices.Concat(x.Args, []*pg.Node{x.Arg, x.Defresult})...)
		case *pg.CoalesceExpr:
			return fails(x.Args[1:]...)
		case *pg.BoolExpr:
			return fails(x.Args[1:]...)
		}
		return false
	})
}

// selectedDraft is outputDraft for what is an output as well.
func (a *analysis) selectedDraft(n *pg.Node, sc *scope) *draftedOutput {
	if anywhere(n.ProtoReflect(), func(m protoreflect.Message) bool {
		s, ok := m.Interface().(*pg.SubLink)
		return ok && !a.isRepeatable(s, &scope{})
	}) {
		return nil
	}
	saved := a.subqueries
	a.subqueries = true
	defer func() { a.subqueries = saved }()
	return a.outputDraft(n, sc)
}

func isScalarSubquery(m protoreflect.Message) bool {
	s, ok := m.Interface().(*pg.SubLink)
	return ok && s.SubLinkType == pg.SubLinkType_EXPR_SUBLINK
}

// shownSubquery is the one output of a subquery whose value the client gets, and where that stands.
func (a *analysis) shownSubquery(s *pg.SubLink, sc *scope) (o *column, at term, ok bool) {
	first := a.tokenAt(s.Location)
	end := a.closing(first)
	if s.SubLinkType != pg.SubLinkType_EXPR_SUBLINK || end < 0 {
		return nil, at, false
	}
	a.showing = s.Subselect.GetSelectStmt()
	saved := a.subqueries
	a.subqueries = false
	outputs := a.sublink(s, sc)
	a.subqueries = saved
	if a.err != nil || len(outputs) != 1 || outputs[0].rest {
		return nil, at, false
	}
	return &outputs[0], term{int(a.tokens[first].start), int(a.tokens[end].end)}, true
}

// formulaSubquery is the value of a subquery in an output.
func (a *analysis) formulaSubquery(s *pg.SubLink, d *formulaDraft) *Formula {
	if d.row != nil || d.scope != nil && a.asksGroups == d.scope {
		return a.formulaAsked(s, d)
	}
	if !a.subqueries || d.collects || d.windowed {
		return nil
	}
	o, at, ok := a.shownSubquery(s, d.scope)
	if !ok || o.sealed == nil || !d.covers(a.tokenAt(s.Location), a.closing(a.tokenAt(s.Location))) {
		return nil
	}
	// No two of them are the same.
	f := &Formula{Kind: ColumnValue, Column: o.sealed, Name: "subquery " + strconv.Itoa(at.start), at: at, within: true}
	switch {
	case o.formula != nil:
		f.Kind, f.Column, f.Args, f.Subquery = Inner, nil, []*Formula{o.formula}, true
	case o.sealed.Broken != "" || o.sealed.Holds() || o.shown != nil:
		return nil
	}
	return f
}
