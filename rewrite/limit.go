package rewrite

import (
	"slices"
	"strconv"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/reflect/protoreflect"

	"pgseal/logical"
)

// cut has the session count the rows of LIMIT and OFFSET. The server goes on to find the
// mistakes in them.
func (a *analysis) cut(s *pg.SelectStmt) {
	r := a.arranged
	if r == nil || r.query != s || a.err != nil {
		return
	}
	if s.LimitOption == pg.LimitOption_LIMIT_OPTION_WITH_TIES {
		a.fail(refuseCut(a.arrangedBy(), location(s.LimitCount)))
		return
	}
	// In the server's order, in which parameters get their types.
	a.count(s.LimitOffset, &r.plan.Offset, "0")
	a.count(s.LimitCount, &r.plan.Limit, "NULL")
	a.callsForAll(s)
}

// idle are functions, beside those that pgseal computes, of which nobody notices that they
// are called for rows that are not shown, or in another order: aggregates and windows.
var idle = []string{"age", "array_agg", "array_length", "array_to_string", "cardinality", "cume_dist", "dense_rank", "first_value", "format", "generate_series", "initcap", "json_agg", "json_build_array", "json_build_object",
	"json_object_agg", "jsonb_agg", "jsonb_build_array", "jsonb_build_object", "jsonb_object_agg", "lag", "last_value", "lead", "md5", "now", "nth_value", "ntile", "percent_rank", "rank", "regexp_replace", "row_number", "row_to_json", "statement_timestamp",
	"string_to_array", "to_json", "to_jsonb", "to_timestamp", "transaction_timestamp", "unnest"}

// callsForAll refuses functions that the server calls for each row now, in an order of its own,
// though PostgreSQL would call them for those that are shown, when they are sorted: they may
// count, lock or write. A condition and a key it would otherwise not call for rows that the
// session's conditions leave out.
func (a *analysis) callsForAll(s *pg.SelectStmt) {
	list := s.TargetList
	if len(a.arranged.plan.Conditions)+len(a.arranged.plan.Behind) > 0 {
		list = slices.Concat(list, s.SortClause)
		if s.WhereClause != nil && len(s.GroupClause) == 0 {
			list = append(list, s.WhereClause)
		}
		list = append(list, shownInFrom(s)...) // where PostgreSQL may look at the conditions, too
	}
	for _, t := range list {
		anywhere(t.ProtoReflect(), func(m protoreflect.Message) bool {
			x, ok := m.Interface().(*pg.FuncCall)
			if !ok {
				return false
			}
			name := last(names(x.Funcname))
			_, aggregate := logical.AggregateNamed(name)
			_, function := logical.FunctionNamed(name)
			if aggregate || function || slices.Contains(idle, name) {
				return false
			}
			if known := a.snap.TextFunctions(); known == nil {
				a.fail(ErrNeedTextFunctions)
			} else if !known.IsSteady(name) {
				a.fail(refuseCalled(a.arrangedBy(), x.Location, name))
			}
			return a.err != nil
		})
	}
}

// shownInFrom are the items of the SELECT lists of the queries in FROM and WITH.
func shownInFrom(s *pg.SelectStmt) (list []*pg.Node) {
	for _, n := range slices.Concat(s.FromClause, s.WithClause.GetCtes()) {
		anywhere(n.ProtoReflect(), func(m protoreflect.Message) bool {
			if x, ok := m.Interface().(*pg.SelectStmt); ok {
				list = append(list, x.TargetList...)
			}
			return false
		})
	}
	return list
}

// count is one of LIMIT and OFFSET. all is for all rows.
func (a *analysis) count(n *pg.Node, to *RowCount, all string) {
	if n == nil || isNullConstant(n) {
		return
	}
	r, sealed := a.arranged, a.arrangedBy()
	if c := n.GetAConst(); c != nil && c.Location < 0 && a.fetchesOne(all) {
		*to = RowCount{Known: true, Count: 1, Hidden: -1}
		return
	} else if c != nil {
		a.steer(location(n))
		rows, i := int64(c.GetIval().GetIval()), a.tokenAt(c.Location)
		if i >= 0 && c.GetSval() != nil && a.tokens[i].kind.isString() {
			s, ok := appendString(nil, a.text, a.tokens[i])
			read, err := strconv.ParseInt(string(s), 10, 64)
			if rows = read; !ok || err != nil {
				i = -1
			}
		}
		switch {
		case i < 0, c.GetIval() == nil && c.GetSval() == nil: // 2.5 and ' 2', which the server reads as numbers
			a.fail(refuseCut(sealed, location(n)))
			return
		case rows < 0, rows == 0 && to == &r.plan.Limit:
			return // which the server refuses, or gives no rows for
		case !a.tokens[i].kind.isLiteral():
			a.fail(refuseCut(sealed, location(n)))
			return
		}
		*to = RowCount{Known: true, Count: rows, Hidden: -1}
		a.edit(int(a.tokens[i].start), int(a.tokens[i].end), "("+all+")", nil)
		return
	}
	first, end, ok := a.tokensOf(n)
	if !ok || !countsRows(n) || n.GetParamRef() == nil && !givesInteger(n) {
		a.fail(refuseCut(sealed, location(n)))
		return
	}
	at := term{int(a.tokens[first].start), int(a.tokens[end].end)}
	if !a.movable(at, true) {
		a.fail(refuseCut(sealed, location(n)))
		return
	}
	served := " < 0" // by the server, with an error
	if to == &r.plan.Limit {
		served = " <= 0" // or with no rows
	}
	value := "(" + string(a.text[at.start:at.end]) + ")::pg_catalog.int8"
	*to = RowCount{Known: true, Hidden: r.hide(a, value, column{}, at.start)}
	a.edit(at.start, at.end, "(CASE WHEN "+value+served+" THEN "+value+" ELSE "+all+" END)", nil)
}

// givesInteger says whether such an expression is an integer, and no text: something in it has a
// type.
func givesInteger(n *pg.Node) bool {
	switch x := n.GetNode().(type) {
	case *pg.Node_AConst:
		return x.AConst.GetIval() != nil
	case *pg.Node_TypeCast:
		return true
	case *pg.Node_AExpr:
		return givesInteger(x.AExpr.Lexpr) || givesInteger(x.AExpr.Rexpr)
	case *pg.Node_CoalesceExpr:
		return slices.ContainsFunc(x.CoalesceExpr.Args, givesInteger)
	case *pg.Node_MinMaxExpr:
		return slices.ContainsFunc(x.MinMaxExpr.Args, givesInteger)
	}
	return false
}

// countsRows says whether an expression is made of integers and parameters.
func countsRows(n *pg.Node) bool {
	switch x := n.GetNode().(type) {
	case *pg.Node_ParamRef:
		return true
	case *pg.Node_AConst:
		return x.AConst.GetIval() != nil || x.AConst.GetSval() != nil || x.AConst.Isnull
	case *pg.Node_TypeCast:
		whole := []string{"int2", "int4", "int8"}
		return x.TypeCast.Location >= 0 && slices.Contains(whole, last(names(x.TypeCast.TypeName.Names))) && len(x.TypeCast.TypeName.ArrayBounds) == 0 && countsRows(x.TypeCast.Arg)
	case *pg.Node_AExpr:
		name := names(x.AExpr.Name)
		return x.AExpr.Kind == pg.A_Expr_Kind_AEXPR_OP && len(name) == 1 && len(name[0]) == 1 && strings.Contains("+-*/%", name[0]) && x.AExpr.Lexpr != nil && countsRows(x.AExpr.Lexpr) && countsRows(x.AExpr.Rexpr)
	case *pg.Node_CoalesceExpr:
		return !slices.ContainsFunc(x.CoalesceExpr.Args, func(n *pg.Node) bool { return !countsRows(n) })
	case *pg.Node_MinMaxExpr:
		return !slices.ContainsFunc(x.MinMaxExpr.Args, func(n *pg.Node) bool { return !countsRows(n) })
	}
	return false
}

// fetchesOne gives FETCH FIRST ROW ONLY a number of rows, and says whether it is there.
func (a *analysis) fetchesOne(all string) bool {
	from, i := a.statementTokens()
	for depth := 0; i > from; i-- {
		switch {
		case a.is(i, ")"):
			depth++
		case a.is(i, "("):
			depth--
		case depth == 0 && a.is(i, "fetch") && (a.is(i+2, "row") || a.is(i+2, "rows")):
			a.insert(int(a.tokens[i+2].start), "("+all+") ")
			return true
		}
	}
	return false
}
