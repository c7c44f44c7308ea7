package rewrite

import (
	"cmp"
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/reflect/protoreflect"

	"pgseal/catalog"
)

// Values that are compared with those that a subquery gives (`name IN (SELECT name FROM b)`, `age >
// ALL (SELECT age FROM b)`) are ranks on both sides; see rank_pair.go. The subquery then gives NULL
// where there is one, and no row where there is none, as it would.

// pairedTest is such a value, and the output that it is compared with.
type pairedTest struct {
	test     *pg.Node
	place    int // among the tests
	operator string
	at       int32
	sc       *scope
	left     *rowRange
	right    *rowRange // nil before the subquery has been analysed, and for an output without ranks
}

// pairTests finds what can be compared by ranks with the outputs of a subquery that is not analysed
// yet. ranked are those that already are.
func (a *analysis) pairTests(s *pg.SubLink, tests []*pg.Node, ranked map[int]bool, sc *scope) (paired []*pairedTest) {
	q := s.Subselect.GetSelectStmt()
	_, analysed := a.sublinks[s]
	if analysed || a.err != nil || a.conflicting != nil || !a.takesRanks() || !a.finds && sc.query != nil && a.groupsRows(sc.query, sc) || !givesItsRows(q) || len(q.TargetList) != len(tests) || !ranksCompare(s, len(tests)) {
		return nil
	}
	operator := cmp.Or(last(names(s.OperName)), "=")
	for i, test := range tests {
		n := q.TargetList[i].GetResTarget().GetVal()
		if ranked[i] || n == nil || !anywhere(n.ProtoReflect(), isColumn) || !a.mentionsSealed(test, sc) && !a.readsSealed(q) || a.err != nil {
			continue
		}
		left := a.rankSide(test, sc)
		if left == nil {
			continue
		}
		if a.finds {
			a.narrowSide(left, a.beside, test, sc)
		}
		if a.paired == nil {
			a.paired = map[*pg.Node]*pairedTest{}
		}
		p := &pairedTest{test: test, place: i, operator: operator, at: s.Location, sc: sc, left: left}
		a.paired[n], paired = p, append(paired, p)
	}
	return paired
}

// readsSealed says whether a query names a relation that may have sealed columns.
func (a *analysis) readsSealed(q *pg.SelectStmt) bool {
	return anywhere(q.ProtoReflect(), func(m protoreflect.Message) bool {
		rv, ok := m.Interface().(*pg.RangeVar)
		return ok && slices.ContainsFunc(a.snap.Named(rv.Relname), func(r *catalog.Relation) bool { return r.Sealed })
	})
}

// givesItsRows says whether a query gives each row that it finds, or each once.
func givesItsRows(q *pg.SelectStmt) bool {
	return q != nil && q.Op == pg.SetOperation_SETOP_NONE && q.ValuesLists == nil && q.GroupClause == nil && q.HavingClause == nil && q.SortClause == nil &&
		(q.DistinctClause == nil || plainDistinct(q)) && q.LimitCount == nil && q.LimitOffset == nil && q.LockingClause == nil &&
		!anywhere((&pg.SelectStmt{TargetList: q.TargetList}).ProtoReflect(), func(m protoreflect.Message) bool { _, star := m.Interface().(*pg.A_Star); return star })
}

// pairedOutput puts ranks in the place of such an output. It is false, and has done nothing, for any
// other.
func (a *analysis) pairedOutput(n *pg.Node, sc *scope) bool {
	p := a.paired[n]
	if p == nil || p.right != nil || a.err != nil || sc.query == nil || a.groupsRows(sc.query, sc) {
		return false
	}
	right := a.rankSide(n, sc)
	if right == nil || isEquality(p.operator) && a.haveOneTerm(p.test, p.sc, n, sc) {
		return false
	}
	a.narrowSide(right, conjuncts(nil, sc.query.WhereClause), n, sc)
	if !a.rankTogether([]*rowRange{p.left, right}, isEquality(p.operator), []string{p.operator}, p.at) {
		return false
	}
	p.right = right
	a.in("operator IN", func() { a.placeRange(right) })
	return a.err == nil
}

// placeTests puts ranks in the place of what is compared with such outputs, and adds their places
// to those of others.
func (a *analysis) placeTests(paired []*pairedTest, ranked map[int]bool) map[int]bool {
	for _, p := range paired {
		if p.right == nil || a.err != nil {
			continue
		}
		if ranked == nil {
			ranked = map[int]bool{}
		}
		ranked[p.place] = true
		a.in("operator IN", func() { a.placeRange(p.left) })
	}
	return ranked
}
