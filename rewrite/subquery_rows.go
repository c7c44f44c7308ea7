package rewrite

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/reflect/protoreflect"

	"pgseal/catalog"
	"pgseal/logical"
)

// What is known of a subquery in an expression without planning it.

// mayAggregate says whether a function is an aggregate, or not known not to be one.
func mayAggregate(x *pg.FuncCall, known *catalog.TextFunctions) bool {
	name := last(names(x.Funcname))
	_, function := logical.FunctionNamed(name)
	return !function || known.IsOwn(name)
}

// outsideSubqueries is anywhere for what is in no subquery, and for subqueries themselves.
func outsideSubqueries(m protoreflect.Message, holds func(protoreflect.Message) bool) bool {
	return within(m, holds, func(m protoreflect.Message) bool { _, ok := m.Interface().(*pg.SubLink); return !ok })
}

// hasOwnAggregates says whether all aggregates in a subquery are of its own rows: one whose
// arguments are columns of the query around it aggregates the rows of that.
func (a *analysis) hasOwnAggregates(s *pg.SubLink, sc *scope, known *catalog.TextFunctions) bool {
	var items []*item
	q := s.Subselect.GetSelectStmt()
	plain := q != nil && q.Op == pg.SetOperation_SETOP_NONE && q.WithClause == nil && len(q.ValuesLists) == 0
	var add func(n *pg.Node)
	add = func(n *pg.Node) {
		switch x := n.GetNode().(type) {
		case *pg.Node_RangeVar:
			if rv := x.RangeVar; rv.Schemaname == "" && sc.ctes.find(rv.Relname) != nil {
				plain = false
			} else {
				items = append(items, a.baseItem(rv))
			}
		case *pg.Node_JoinExpr:
			plain = plain && x.JoinExpr.Alias == nil
			add(x.JoinExpr.Larg)
			add(x.JoinExpr.Rarg)
		default:
			plain = false
		}
	}
	for i := 0; plain && i < len(q.FromClause); i++ {
		add(q.FromClause[i])
	}
	own := func(m protoreflect.Message) bool {
		ref, ok := m.Interface().(*pg.ColumnRef)
		if !ok {
			return true
		}
		parts := names(ref.Fields)
		return len(parts) == len(ref.Fields) && slices.ContainsFunc(items, func(it *item) bool {
			return !it.open && it.column(last(parts)) != nil && (len(parts) == 1 || it.byName && it.name == parts[len(parts)-2])
		})
	}
	return !anywhere(s.ProtoReflect(), func(m protoreflect.Message) bool {
		x, ok := m.Interface().(*pg.FuncCall)
		return ok && mayAggregate(x, known) && !x.AggStar && (!plain || anywhere(m, func(m protoreflect.Message) bool { return !own(m) }))
	})
}

// givesOneRow says whether a subquery cannot give more than one row.
func (a *analysis) givesOneRow(s *pg.SubLink) bool {
	q := s.Subselect.GetSelectStmt()
	if q == nil || q.Op != pg.SetOperation_SETOP_NONE || len(q.ValuesLists) > 0 {
		return false
	}
	if k := q.LimitCount.GetAConst(); k.GetIval().GetIval() == 1 && q.LimitOption != pg.LimitOption_LIMIT_OPTION_WITH_TIES {
		a.steer(k.Location)
		return true
	}
	return len(q.GroupClause) == 0 && slices.ContainsFunc(q.TargetList, func(n *pg.Node) bool {
		x := n.GetResTarget().GetVal().GetFuncCall()
		_, ok := logical.AggregateNamed(last(names(x.GetFuncname())))
		return ok && x.Over == nil
	})
}

// isOwnSubquery says whether a subquery that has been analysed can be asked with a condition of
// rows apart from the statement: it depends on nothing but them, and what it calls changes nothing.
func (a *analysis) isOwnSubquery(s *pg.SubLink, into *item, sc *scope) bool {
	names, known := a.correlated[s]
	if !known || !a.unasked[s] || !onlyOf(into, names, sc) {
		return false
	}
	return a.isRepeatable(s, sc)
}

// isRepeatable says whether a subquery can be computed twice, also apart from the statement.
func (a *analysis) isRepeatable(s *pg.SubLink, sc *scope) bool {
	return a.isRepeatableIn(s.ProtoReflect(), sc)
}

func (a *analysis) isRepeatableIn(m protoreflect.Message, sc *scope) bool {
	return !anywhere(m, func(m protoreflect.Message) bool {
		switch x := m.Interface().(type) {
		case *pg.FuncCall:
			return !a.isSteadyCall(x) && !a.isTransactionTime(x)
		case *pg.RangeVar: // a WITH clause of the statement is not there
			return x.Schemaname == "" && sc.ctes.find(x.Relname) != nil
		case *pg.RangeTableSample, *pg.LockingClause:
			return true
		}
		return false
	})
}
