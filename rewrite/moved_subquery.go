package rewrite

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/reflect/protoreflect"

	"pgseal/catalog"
	"pgseal/logical"
)

// A condition on subqueries that are values (`WHERE (SELECT max(total) FROM orders o WHERE
// o.customer = c.id) > 100`), and a key that is one, are computed as outputs are: the subquery goes
// behind the client's outputs, where the server gives what it is made of.

// movedDraft is outputDraft for a condition or a key of subqueries that give what only the session
// can compare, and of what is plain; nil, with nothing done, for any other.
func (a *analysis) movedDraft(n *pg.Node, sc *scope) *draftedOutput {
	if !a.comparesSubqueries(n, sc) {
		return nil
	}
	saved := a.subqueries
	a.subqueries = true
	defer func() { a.subqueries = saved }()
	o := a.outputDraft(n, sc)
	if o != nil {
		o.moves = true
	}
	return o
}

// comparesSubqueries says whether an expression is such a condition or key. It plans nothing.
func (a *analysis) comparesSubqueries(n *pg.Node, sc *scope) bool {
	if !sc.shown || sc.regroups != nil || sc.behind || len(sc.ranges) > 0 || sc.query == nil || sc.query.DistinctClause != nil || !asksSubquery(n) || a.mayPassOver(n) {
		return false
	}
	if !outsideSubqueries(n.ProtoReflect(), func(m protoreflect.Message) bool {
		s, ok := m.Interface().(*pg.SubLink)
		return ok && a.isComputed(s, n)
	}) {
		return false
	}
	known := a.snap.TextFunctions()
	if known == nil {
		a.fail(ErrNeedTextFunctions)
		return false
	}
	return !outsideSubqueries(n.ProtoReflect(), func(m protoreflect.Message) bool {
		switch x := m.Interface().(type) {
		case *pg.SubLink:
			return !a.isRepeatable(x, &scope{}) || !a.hasOwnAggregates(x, sc, known) || anywhere(m, a.standsElsewhere)
		case *pg.ColumnRef:
			c := a.resolve(x, sc).column
			return c == nil || !c.isPlain()
		}
		return false
	})
}

// standsElsewhere says whether it is a parameter that stands in other places of the text, too,
// which may be those that give it its type.
func (a *analysis) standsElsewhere(m protoreflect.Message) bool {
	p, ok := m.Interface().(*pg.ParamRef)
	return ok && (a.mode == Simple || a.usesOf(int(p.Number)) != 1)
}

// isComputed says whether the server cannot compare what a subquery gives: an aggregate of a sealed
// column, one that has no term, or one of which an order is asked for.
func (a *analysis) isComputed(s *pg.SubLink, n *pg.Node) bool {
	list := s.Subselect.GetSelectStmt().GetTargetList()
	if len(list) != 1 {
		return false
	}
	ordered := n.GetSubLink() == s || slices.Contains([]string{"<", "<=", ">", ">=", "BETWEEN", "NOT BETWEEN"}, last(names(n.GetAExpr().GetName())))
	aggregate := anywhere(list[0].ProtoReflect(), func(m protoreflect.Message) bool {
		x, ok := m.Interface().(*pg.FuncCall)
		_, known := logical.AggregateNamed(last(names(x.GetFuncname())))
		return ok && known && last(names(x.Funcname)) != logical.Count.String()
	})
	return anywhere(list[0].ProtoReflect(), func(m protoreflect.Message) bool {
		ref, ok := m.Interface().(*pg.ColumnRef)
		return ok && slices.ContainsFunc(a.readAs(s.ProtoReflect(), last(names(ref.Fields))), func(c *catalog.SealedColumn) bool {
			return aggregate || ordered || !hasEquality(c)
		})
	})
}

// movedCondition is movedDraft for a condition. alone: it is computed of all rows that PostgreSQL
// would compute it of. What could fail elsewhere it does not take.
func (a *analysis) movedCondition(n *pg.Node, alone bool, sc *scope) *draftedOutput {
	if !alone && a.subqueriesMind(n) {
		return nil
	}
	return a.settledCondition(a.movedDraft(n, sc))
}

// subqueriesMind is minds for what the server computes of such a condition or key.
func (a *analysis) subqueriesMind(n *pg.Node) bool {
	return outsideSubqueries(n.ProtoReflect(), func(m protoreflect.Message) bool {
		s, ok := m.Interface().(*pg.SubLink)
		return ok && a.minds(&pg.Node{Node: &pg.Node_SubLink{SubLink: s}})
	})
}
