package rewrite

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Where all joins are inner ones their conditions find the same rows as those of WHERE, among
// which the session computes what the server cannot compare: JOIN (SELECT customer, max(total) AS
// top … GROUP BY customer) m ON m.customer = o.customer AND o.total = m.top.

// gathersConditions takes the conditions of such joins for some of WHERE, if one of them compares
// what a query in FROM gives. They stay where they are in the text.
func (a *analysis) gathersConditions(s *pg.SelectStmt) {
	if a.stmt.Stmt.GetSelectStmt() != s || a.joinsOuter() {
		return
	}
	var joins []*pg.JoinExpr
	given := map[string]bool{} // names of queries
	for _, n := range s.FromClause {
		if !a.innerJoins(n, &joins, given, s.WithClause) {
			return
		}
	}
	var all []*pg.Node
	some := false
	for _, j := range joins {
		for _, n := range conjuncts(nil, j.Quals) {
			whole := len(s.FromClause) == 1 && j == s.FromClause[0].GetJoinExpr() // which sees all that WHERE does
			if all = append(all, n); !whole && !qualifiedNames(n) || hasSubquery(n) || anywhere(n.ProtoReflect(), takesParameter) {
				return
			}
			some = some || comparesGiven(n, given)
		}
	}
	if !some {
		return
	}
	for _, j := range joins {
		j.Quals = nil
	}
	if s.WhereClause != nil {
		all = append(all, conjuncts(nil, s.WhereClause)...)
	}
	if s.WhereClause = all[0]; len(all) > 1 {
		s.WhereClause = &pg.Node{Node: &pg.Node_BoolExpr{BoolExpr: &pg.BoolExpr{Boolop: pg.BoolExprType_AND_EXPR, Args: all, Location: location(all[0])}}}
	}
}

// innerJoins collects the joins of an entry of FROM. It is false where there are others than inner
// ones on conditions, without names of their own.
func (a *analysis) innerJoins(n *pg.Node, joins *[]*pg.JoinExpr, given map[string]bool, with *pg.WithClause) bool {
	switch x := n.GetNode().(type) {
	case *pg.Node_JoinExpr:
		j := x.JoinExpr
		if j.Jointype != pg.JoinType_JOIN_INNER || j.Alias != nil || j.IsNatural || j.UsingClause != nil {
			return false
		}
		if j.Quals != nil {
			*joins = append(*joins, j)
		}
		return a.innerJoins(j.Larg, joins, given, with) && a.innerJoins(j.Rarg, joins, given, with)
	case *pg.Node_RangeSubselect:
		given[x.RangeSubselect.Alias.GetAliasname()] = true
	case *pg.Node_RangeVar:
		of := func(n *pg.Node) bool { return n.GetCommonTableExpr().GetCtename() == x.RangeVar.Relname }
		if x.RangeVar.Schemaname == "" && slices.ContainsFunc(with.GetCtes(), of) {
			given[relationName(x.RangeVar)] = true
		}
	}
	return true
}

// relationName is the name of an entry of FROM in its query.
func relationName(r *pg.RangeVar) string {
	if r.Alias != nil {
		return r.Alias.Aliasname
	}
	return r.Relname
}

// qualifiedNames says whether each column in an expression has the name of its entry of FROM.
func qualifiedNames(n *pg.Node) bool {
	return !anywhere(n.ProtoReflect(), func(m protoreflect.Message) bool {
		ref, ok := m.Interface().(*pg.ColumnRef)
		return ok && len(ref.Fields) != 2
	})
}

// comparesGiven says whether a condition compares what one of these queries gives with something
// else than a constant.
func comparesGiven(n *pg.Node, given map[string]bool) bool {
	x := n.GetAExpr()
	if x.GetKind() != pg.A_Expr_Kind_AEXPR_OP || x.Lexpr == nil {
		return false
	}
	of := func(n *pg.Node) bool {
		return anywhere(n.ProtoReflect(), func(m protoreflect.Message) bool {
			ref, ok := m.Interface().(*pg.ColumnRef)
			return ok && (len(ref.Fields) == 1 && len(given) > 0 || given[names(ref.Fields)[0]])
		})
	}
	return of(x.Lexpr) || of(x.Rexpr)
}
