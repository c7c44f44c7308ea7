package rewrite

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// A condition with a range of sealed values that stands anywhere in a statement
// (`id IN (SELECT user_id FROM payments WHERE amount > 100)`, `LEFT JOIN … ON … AND qty > 3`):
// the server is asked for what the rows of the relation have, and gets in its place a jsonb
// object that says of which of them it is true. See docs/decisions/0036-verdicts.md.

// findsBy is the conditions by which a query or a statement finds rows.
func (a *analysis) findsBy(n *pg.Node, sc *scope) { a.findsBeside(n, conjuncts(nil, n), sc) }

// findsBeside is findsBy for one or all of the conditions between the same ANDs.
func (a *analysis) findsBeside(n *pg.Node, all []*pg.Node, sc *scope) {
	saved, beside := a.finds, a.beside
	a.finds, a.beside = true, all
	a.condition(n, sc)
	a.finds, a.beside = saved, beside
}

// filters is FILTER of an aggregate, which sees the rows that the conditions of its query find.
func (a *analysis) filters(n *pg.Node, sc *scope) {
	if n == nil {
		return
	}
	var where []*pg.Node
	if sc.query.GetWhereClause() != nil {
		where = conjuncts(nil, sc.query.WhereClause)
	}
	a.findsBeside(n, where, sc)
}

// verdict has the session decide such a condition. It is false, and has done nothing, for any
// other.
func (a *analysis) verdict(n *pg.Node, sc *scope) bool {
	r := a.decided(n, sc, func(row *foundRow) *rowRange { return a.rowRange(n, row, sc) })
	if r != nil {
		a.placeRange(r)
	}
	return r != nil
}

// decided is such a condition, as read reads it, nil for any other.
func (a *analysis) decided(n *pg.Node, sc *scope, read func(*foundRow) *rowRange) *rowRange {
	if !a.finds || a.err != nil || a.persistent || a.mode == Kept || n.GetBoolExpr() != nil || !a.takesVerdicts() && a.explained().GetMergeStmt() == nil {
		return nil
	}
	into := a.decidedOf(n, sc, true)
	if into == nil {
		return nil
	}
	row := &foundRow{into: into, reads: true, rows: &rowConditions{}}
	if c := a.conflicting; c != nil && c.into == into && c.key != nil {
		row.excluded, row.given, row.reads = c.excluded, c.given, false
		if row.rows.keyed = a.keyParts(c, quoteName(into.name)); row.rows.keyed == nil {
			return nil
		}
	}
	saved := a.asksSubqueries
	a.asksSubqueries = true
	r := read(row)
	a.asksSubqueries = saved
	if r == nil || !row.names(r.columns) || a.joinsOuter() && slices.ContainsFunc(r.columns, func(c *Formula) bool { return c.sql != "" }) {
		return nil
	}
	if slices.ContainsFunc(a.beside, func(by *pg.Node) bool { return a.minds(by) && a.decidedOf(by, sc, false) == nil }) {
		return nil // the server may come to it first, and PostgreSQL not at all
	}
	// ON CONFLICT comes to a row by its key; and of an outer row the server may look at conditions
	// as they are written.
	finds := !slices.ContainsFunc(sc.items, func(it *item) bool { return it.excluded })
	if finds && slices.Contains(sc.items, into) {
		a.narrow(row, a.beside, n, sc)
	}
	r.operand.Absent = true
	return r
}

// narrow has the server be asked for those rows only that conditions of their own find, but for
// one of these, which is decided: that the server may come to before it joins what a subquery
// gives (IN, EXISTS), and so for other rows.
func (a *analysis) narrow(row *foundRow, beside []*pg.Node, but *pg.Node, sc *scope) {
	for _, by := range slices.Concat(beside, a.around) {
		if by == but || but != nil && hasSubquery(by) || a.minds(by) || !a.isOwnCondition(by, row.into, sc) || !anywhere(by.ProtoReflect(), isColumn) || anywhere(by.ProtoReflect(), isScalarSubquery) || a.hasRange(by, row, sc) {
			continue
		}
		if first, end, ok := a.tokensOf(by); ok {
			row.rows.narrow = append(row.rows.narrow, term{int(a.tokens[first].start), int(a.tokens[end].end)})
		}
	}
}

// names says whether the columns have the names where they are read that they have in the
// relation.
func (r *foundRow) names(columns []*Formula) bool {
	return !slices.ContainsFunc(columns, func(c *Formula) bool {
		name := c.Name
		if c.Kind == ColumnValue {
			name = r.columnName(c.Column)
		}
		in := r.into.column(name)
		return c.sql == "" && !c.within && (in == nil || in.origin.name != name)
	})
}

// takesVerdicts says whether the server can be asked in front of the statement, and gets
// parameters with it.
func (a *analysis) takesVerdicts() bool {
	n := a.stmt.Stmt
	if x := n.GetExplainStmt(); x != nil {
		n = x.Query
	}
	if x := n.GetDeclareCursorStmt(); x != nil {
		n = x.Query
	}
	if x := n.GetCopyStmt(); x != nil && !a.asksLater() { // it has no parameters
		n = x.Query
	}
	switch x := n.GetNode().(type) {
	case *pg.Node_SelectStmt:
		return intoOf(x.SelectStmt) == nil
	case *pg.Node_InsertStmt, *pg.Node_UpdateStmt, *pg.Node_DeleteStmt:
		return true
	}
	return false
}

// readsOneSnapshot says whether the statement is a query that locks nothing and calls nothing
// that may write.
func (a *analysis) readsOneSnapshot() bool {
	n := a.stmt.Stmt
	return n.GetSelectStmt() != nil && !a.several && !anywhere(n.ProtoReflect(), func(m protoreflect.Message) bool {
		switch x := m.Interface().(type) {
		case *pg.SelectStmt:
			return len(x.LockingClause) > 0 || x.IntoClause != nil || !onlyReads(x.WithClause)
		case *pg.FuncCall:
			known := a.snap.TextFunctions()
			if known == nil {
				a.fail(ErrNeedTextFunctions)
			}
			return known == nil || !known.IsSteady(last(names(x.Funcname)))
		}
		return false
	})
}

// decidedOf is the relation of which a condition has sealed columns, nil for none, or if its
// name means another one where the condition stands. plain: a subquery in FROM may read it, and
// beside a subquery in the condition the columns may be plain ones.
func (a *analysis) decidedOf(n *pg.Node, sc *scope, plain bool) (into *item) {
	asks := hasSubquery(n)
	if asks && !asksSubquery(n) {
		return nil
	}
	sealed := false
	ambiguous := outsideSubqueries(n.ProtoReflect(), func(m protoreflect.Message) bool {
		ref, ok := m.Interface().(*pg.ColumnRef)
		if !ok {
			return false
		}
		c := a.resolve(ref, sc).column
		switch {
		case c == nil || c.origin.item == nil:
		case c.sealed != nil && !sealed:
			into, sealed = c.origin.item, true
		case plain && asks && into == nil:
			into = c.origin.item
		}
		return c != nil && isAmbiguous(ref, sc)
	})
	if into == nil && plain && asks && len(sc.items) == 1 && outsideSubqueries(n.ProtoReflect(), func(m protoreflect.Message) bool {
		s, ok := m.Interface().(*pg.SubLink)
		return ok && a.isComputed(s, n)
	}) {
		into = sc.items[0]
	}
	if into == nil || ambiguous || !a.isDecided(into, sc, plain) {
		return nil
	}
	return into
}

// isDecided says whether the server can be asked for the rows of a relation, and they can be named
// where a condition stands. inside: by a subquery in FROM, too.
func (a *analysis) isDecided(into *item, sc *scope, inside bool) bool {
	switch {
	case into.relation == nil || into.open:
		return false
	case into.of == nil:
		return qualifiedItem([]string{into.name}, sc) == into
	}
	return inside && into.namedIn(sc)
}

// namedIn says whether the row of a relation that is in the rows of a subquery in FROM can be named
// by that where a condition stands, and has it have this name.
func (it *item) namedIn(sc *scope) bool {
	for level := sc; level != nil; level = level.outer {
		for _, q := range level.items {
			if !q.rows || !slices.ContainsFunc(q.columns, func(c column) bool { return c.origin.item == it }) {
				continue
			}
			if it.shown || it.merged || qualifiedItem([]string{q.name}, sc) != q {
				return false
			}
			names := map[string]int{}
			for _, c := range q.columns {
				names[c.name]++
			}
			it.name, it.columns = q.name, slices.DeleteFunc(slices.Clone(q.columns), func(c column) bool { return c.origin.item != it || names[c.name] > 1 })
			return true
		}
	}
	return false
}

// givesRows says whether a subquery in FROM gives rows of relations, and not of groups.
func givesRows(s *pg.SelectStmt, ctes *ctes) bool {
	if s == nil || s.Op != pg.SetOperation_SETOP_NONE || s.ValuesLists != nil || s.WithClause != nil || s.GroupClause != nil || s.HavingClause != nil || s.DistinctClause != nil || s.LockingClause != nil {
		return false
	}
	return !slices.ContainsFunc(s.FromClause, func(n *pg.Node) bool {
		return anywhere(n.ProtoReflect(), func(m protoreflect.Message) bool {
			switch x := m.Interface().(type) {
			case *pg.SelectStmt, *pg.RangeFunction, *pg.RangeTableSample:
				return true
			case *pg.RangeVar:
				return x.Schemaname == "" && ctes.find(x.Relname) != nil
			case *pg.Alias:
				return len(x.Colnames) > 0
			}
			return false
		})
	})
}

// isAmbiguous says whether a lone name is that of columns of several relations, which PostgreSQL
// refuses.
func isAmbiguous(ref *pg.ColumnRef, sc *scope) bool {
	name := last(names(ref.Fields))
	for level := sc; level != nil && len(ref.Fields) == 1; level = level.outer {
		found := 0
		for _, it := range level.items {
			if it.byColumn && it.column(name) != nil {
				found++
			}
		}
		if found > 0 {
			return found > 1
		}
	}
	return false
}

// hasSubquery says whether there is a subquery in an expression.
func hasSubquery(n *pg.Node) bool {
	return anywhere(n.ProtoReflect(), func(m protoreflect.Message) bool { _, ok := m.Interface().(*pg.SubLink); return ok })
}

// hasRange says whether there is a condition in another one that the session decides.
func (a *analysis) hasRange(n *pg.Node, row *foundRow, sc *scope) bool {
	return outsideSubqueries(n.ProtoReflect(), func(m protoreflect.Message) bool {
		part, ok := m.Interface().(*pg.Node)
		return ok && part.GetSubLink() == nil && part.GetBoolExpr() == nil && a.rowRange(part, row, sc) != nil
	})
}

func isColumn(m protoreflect.Message) bool { _, ok := m.Interface().(*pg.ColumnRef); return ok }

// joinsOuter says whether there may be rows of NULLs in the place of a relation's.
func (a *analysis) joinsOuter() bool {
	from, end := a.statementTokens()
	for i := from; i < end; i++ {
		if a.is(i, "left") || a.is(i, "right") || a.is(i, "full") {
			return true
		}
	}
	return false
}
