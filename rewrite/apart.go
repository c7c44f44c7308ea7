package rewrite

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// apart says whether a sealed output of both sides of UNION is that of rows of one table
// which cannot be the same on both sides, as River writes it to give a row whether it was
// changed or not:
//
//	WITH changed AS (UPDATE t SET … RETURNING t.*)
//	SELECT * FROM t WHERE id NOT IN (SELECT id FROM changed) UNION SELECT * FROM changed
//
// The rows on the left have the key beside the column, those on the right are changed
// once: then no two rows that differ in their envelopes are equal.
func (a *analysis) apart(s *pg.SelectStmt, left, right []column, i int, sc *scope) bool {
	of := left[i].origin.item
	if s.Op != pg.SetOperation_SETOP_UNION || of == nil || len(of.relation.Key) != 1 {
		return false
	}
	key := of.relation.Key[0]
	at := indexOf(left, origin{of, key})
	from, alias := onlyTable(s.Rarg)
	if at < 0 || from == nil || from.Schemaname != "" || s.Rarg.WhereClause != nil || !gives(s.Rarg, right, at, key, alias) {
		return false
	}
	changed := sc.ctes.find(from.Relname)
	if changed == nil || changed.recursive || len(changed.node.Aliascolnames) > 0 || !a.changes(changed, of, key) {
		return false
	}
	alias = ""
	if len(s.Larg.GetFromClause()) == 1 {
		alias = a.keyedItem(s.Larg.FromClause[0], of, key, sc)
	}
	return alias != "" && rowsOf(s.Larg) && excludes(s.Larg.WhereClause, key, alias, from.Relname)
}

// rowsOf says whether a query gives rows of FROM as they are.
func rowsOf(s *pg.SelectStmt) bool {
	return s.GetOp() == pg.SetOperation_SETOP_NONE && s.WithClause == nil && len(s.GroupClause) == 0 && s.HavingClause == nil && len(s.DistinctClause) == 0 &&
		len(s.ValuesLists) == 0 && s.LimitCount == nil && s.LimitOffset == nil
}

// onlyTable is what a simple query reads, with its alias, if that is one table or CTE.
func onlyTable(s *pg.SelectStmt) (from *pg.RangeVar, alias string) {
	if !rowsOf(s) || len(s.FromClause) != 1 {
		return nil, ""
	}
	return tableOf(s.FromClause[0])
}

// tableOf is a table or CTE in FROM, with its alias.
func tableOf(n *pg.Node) (from *pg.RangeVar, alias string) {
	from = n.GetRangeVar()
	if from == nil || len(from.Alias.GetColnames()) > 0 {
		return nil, ""
	}
	if alias = from.Relname; from.Alias != nil {
		alias = from.Alias.Aliasname
	}
	return from, alias
}

// gives says whether output at of a query is the column of that name of what it reads.
func gives(s *pg.SelectStmt, outputs []column, at int, name, alias string) bool {
	return at < len(outputs) && outputs[at].name == name && !behindRest(outputs[:at+1]) && lists(s.TargetList, name, alias, true)
}

// lists says whether a list of outputs is all columns of an item, or has the one of that
// name as it is, and no other of that name.
func lists(list []*pg.Node, name, alias string, unqualified bool) bool {
	if len(list) == 1 {
		if star, qualifier := isStar(list[0].GetResTarget().GetVal().GetColumnRef()); star {
			return unqualified && len(qualifier) == 0 || slices.Equal(qualifier, []string{alias})
		}
	}
	found := 0
	for _, n := range list {
		t := n.GetResTarget()
		own := namesColumn(t.GetVal(), name, alias, unqualified)
		if ref := t.GetVal().GetColumnRef(); t.GetName() == name || ref != nil && !own && (last(names(ref.Fields)) == name || len(names(ref.Fields)) != len(ref.Fields)) {
			return false
		}
		if own && t.GetName() == "" {
			found++
		}
	}
	return found == 1
}

// namesColumn says whether an expression is the column of that name of an item.
func namesColumn(n *pg.Node, name, alias string, unqualified bool) bool {
	ref := n.GetColumnRef()
	if ref == nil {
		return false
	}
	parts := names(ref.Fields)
	return len(parts) == len(ref.Fields) && (unqualified && slices.Equal(parts, []string{name}) || slices.Equal(parts, []string{alias, name}))
}

// changes says whether a CTE changes or deletes rows of a table, and gives their key.
func (a *analysis) changes(c *cte, of *item, key string) bool {
	var target *pg.RangeVar
	var list []*pg.Node
	beside := 0
	switch x := c.node.Ctequery.GetNode().(type) {
	case *pg.Node_UpdateStmt:
		if slices.Contains(setColumns(x.UpdateStmt.TargetList), key) {
			return false
		}
		target, list, beside = x.UpdateStmt.Relation, x.UpdateStmt.ReturningList, len(x.UpdateStmt.FromClause)
	case *pg.Node_DeleteStmt:
		target, list, beside = x.DeleteStmt.Relation, x.DeleteStmt.ReturningList, len(x.DeleteStmt.UsingClause)
	default:
		return false
	}
	_, alias := tableOf(&pg.Node{Node: &pg.Node_RangeVar{RangeVar: target}})
	return alias != "" && a.isTable(target, of) && lists(list, key, alias, beside == 0)
}

func (a *analysis) isTable(rv *pg.RangeVar, of *item) bool {
	return a.relation(rv.Schemaname, rv.Relname).relation == of.relation
}

// keyedItem is the alias of an item of FROM, if it is a table, or a simple query of it,
// that has its key under its name; "" for all else.
func (a *analysis) keyedItem(n *pg.Node, of *item, key string, sc *scope) string {
	if from, alias := tableOf(n); from != nil {
		if from.Schemaname == "" && sc.ctes.find(from.Relname) != nil || !a.isTable(from, of) {
			return ""
		}
		return alias
	}
	sub := n.GetRangeSubselect()
	query := sub.GetSubquery().GetSelectStmt()
	if query == nil || len(sub.Alias.GetColnames()) > 0 || len(query.FromClause) != 1 || !rowsOf(query) {
		return ""
	}
	if alias := a.keyedItem(query.FromClause[0], of, key, sc); alias == "" || !lists(query.TargetList, key, alias, true) {
		return ""
	}
	return sub.Alias.GetAliasname()
}

// excludes says whether a condition leaves out the keys that a CTE has:
// key NOT IN (SELECT key FROM changed).
func excludes(n *pg.Node, key, alias, changed string) bool {
	x := n.GetBoolExpr()
	if x.GetBoolop() == pg.BoolExprType_AND_EXPR {
		return slices.ContainsFunc(x.Args, func(n *pg.Node) bool { return excludes(n, key, alias, changed) })
	}
	if x.GetBoolop() != pg.BoolExprType_NOT_EXPR {
		return false
	}
	in := x.Args[0].GetSubLink()
	if in.GetSubLinkType() != pg.SubLinkType_ANY_SUBLINK || len(in.OperName) > 0 || !namesColumn(in.Testexpr, key, alias, true) {
		return false
	}
	query := in.Subselect.GetSelectStmt()
	from, own := onlyTable(query)
	return from != nil && from.Schemaname == "" && from.Relname == changed && query.WhereClause == nil && len(query.TargetList) == 1 &&
		namesColumn(query.TargetList[0].GetResTarget().GetVal(), key, own, true)
}
