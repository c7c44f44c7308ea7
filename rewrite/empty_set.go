package rewrite

import (
	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/catalog"
	"pgseal/logical"
)

// A subquery that gives no rows, as ORMs write an empty list (`name NOT IN (SELECT CAST(NULL AS
// VARCHAR) WHERE 1!=1)`): whatever is compared with it, IN is false and NOT IN is true, of NULL,
// too. No term is needed for that, but a value of the column's type, so that PostgreSQL finds the
// operator or says that there is none.

// isEmptySet says whether a subquery is such a one. What it would give are NULLs and the number
// 1: anything else may be a value, which the server must not see.
func (a *analysis) isEmptySet(s *pg.SelectStmt) bool {
	if s == nil || s.Op != pg.SetOperation_SETOP_NONE || s.FromClause != nil || s.WithClause != nil || s.ValuesLists != nil || s.DistinctClause != nil || s.GroupClause != nil ||
		s.HavingClause != nil || s.WindowClause != nil || s.SortClause != nil || s.LimitCount != nil || s.LimitOffset != nil || s.LockingClause != nil || s.IntoClause != nil {
		return false
	}
	var literals []int32
	for _, t := range s.TargetList {
		n := t.GetResTarget().GetVal()
		for n.GetTypeCast() != nil {
			n = n.GetTypeCast().Arg
		}
		one := n.GetAConst().GetIval().GetIval() == 1
		if one {
			literals = append(literals, n.GetAConst().Location)
		}
		if !one && !isNullConstant(n) {
			return false
		}
	}
	if k := s.WhereClause.GetAConst(); k.GetBoolval() == nil || k.GetBoolval().Boolval {
		x := s.WhereClause.GetAExpr()
		op, exact := equalityOperator(x.GetName())
		l, r := x.GetLexpr().GetAConst(), x.GetRexpr().GetAConst()
		if x.GetKind() != pg.A_Expr_Kind_AEXPR_OP || !exact || l.GetIval() == nil || r.GetIval() == nil || (l.GetIval().Ival == r.GetIval().Ival) == (op == "=") {
			return false
		}
		literals = append(literals, l.Location, r.Location)
	}
	for _, l := range literals {
		a.steer(l)
	}
	return true
}

// comparesNothing has the server compare NULL of the column's type in the place of an expression
// without a term, which still names the column: the role needs the right to read it. It is false,
// and has done nothing, for any other expression.
func (a *analysis) comparesNothing(e *sealedExpr, at int32) bool {
	c := e.column
	if hasEquality(c) || c.Broken != "" || c.Assembled() || c.Document != nil || e.made != nil || e.shown != nil || e.grouped || e.leftOut || len(e.terms) != 1 || a.persistent || a.arbiter {
		return false
	}
	t := e.typ().Shown()
	name := ""
	if t.Def != nil && t.IsArray() {
		return false
	} else if t.Def != nil {
		name = t.Def.Qualified()
	} else {
		t.Typmod = -1
		name = t.Name()
	}
	if integer := (catalog.Given{Types: []uint32{logical.OIDInt4}}); a.mindsOperators() &&
		(!a.isBuiltIn([]string{"="}, integer, integer, c, at) || !a.isBuiltIn([]string{"<>"}, integer, integer, c, at)) {
		return true
	}
	a.insert(e.terms[0].start, "(CASE WHEN ")
	a.insert(e.terms[0].end, " IS NULL THEN NULL::"+name+" END)")
	a.note("compare", c, "with nothing", e.at)
	return true
}
