package rewrite

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/reflect/protoreflect"

	"pgseal/catalog"
	"pgseal/logical"
)

// The session computes window functions of all rows that the server gives, so these have to be
// those of the query that has the functions: of the statement's own, or of one in its FROM whose
// rows are chosen by what the functions give (SELECT … FROM (SELECT …, rank() OVER … AS place …)
// ranked WHERE place <= 3). The session chooses them then, behind the windows.

// windowLevels are the query whose rows the client gets, the one that is its FROM, and so on.
func (a *analysis) windowLevels() []*pg.SelectStmt {
	if a.levels != nil {
		return a.levels
	}
	n := a.stmt.Stmt
	if x := n.GetExplainStmt(); x != nil {
		n = x.Query
	}
	if x := n.GetDeclareCursorStmt(); x != nil {
		n = x.Query
	}
	whole := n.GetSelectStmt()
	for s := whole; s != nil; s = a.passedRows(s, whole) {
		if a.levels = append(a.levels, s); !a.isWhole(whole) || a.listEnd(whole) < 0 {
			break
		}
	}
	return a.levels
}

// passedRows is the query in FROM of which another one shows rows, each once, by conditions that
// the session can compute in the statement's own query; nil for none.
func (a *analysis) passedRows(s, whole *pg.SelectStmt) *pg.SelectStmt {
	if s.Op != pg.SetOperation_SETOP_NONE || len(s.FromClause) != 1 || len(s.GroupClause) > 0 || s.HavingClause != nil || selectsFirst(s) || len(s.LockingClause) > 0 {
		return nil
	}
	counts := s == whole && a.counts(s) && s.WhereClause != nil // without a condition nobody looks at the rows
	if !counts && !a.rowEach(s, false) || s != whole && (s.LimitCount != nil || s.LimitOffset != nil || len(s.DistinctClause) > 0 || s.WhereClause != nil && !passesAll(s)) {
		return nil
	}
	if x := s.FromClause[0].GetRangeSubselect(); x != nil && !x.Lateral {
		return x.Subquery.GetSelectStmt()
	}
	if x := s.FromClause[0].GetRangeVar(); x != nil && x.Schemaname == "" && a.namedOnce(x.Relname) {
		for _, n := range whole.WithClause.GetCtes() {
			if c := n.GetCommonTableExpr(); c.Ctename == x.Relname {
				return c.Ctequery.GetSelectStmt()
			}
		}
	}
	return nil
}

// passesAll says whether a query shows all columns under the names that its conditions have for
// them, so that a query around it can have these.
func passesAll(s *pg.SelectStmt) bool {
	ref := s.TargetList[0].GetResTarget().GetVal().GetColumnRef()
	return len(s.TargetList) == 1 && ref != nil && len(ref.Fields) == 1 && ref.Fields[0].GetAStar() != nil &&
		!anywhere(s.WhereClause.ProtoReflect(), func(m protoreflect.Message) bool {
			ref, ok := m.Interface().(*pg.ColumnRef)
			return ok && len(ref.Fields) > 1
		})
}

// namedOnce says whether the statement names a relation or a WITH query once.
func (a *analysis) namedOnce(name string) bool {
	times := 0
	anywhere(a.stmt.Stmt.ProtoReflect(), func(m protoreflect.Message) bool {
		if x, ok := m.Interface().(*pg.RangeVar); ok && x.Relname == name {
			times++
		}
		return false
	})
	return times == 1
}

// rowEach says whether a query shows one row for each that it finds or makes: it calls no
// function that may give several. aggregates: it may have some, and windows.
func (a *analysis) rowEach(s *pg.SelectStmt, aggregates bool) bool {
	known := a.snap.TextFunctions()
	return !slices.ContainsFunc(slices.Concat(s.TargetList, s.SortClause), func(n *pg.Node) bool {
		return anywhere(n.ProtoReflect(), func(m protoreflect.Message) bool {
			x, ok := m.Interface().(*pg.FuncCall)
			if !ok {
				return false
			}
			if known == nil {
				a.fail(ErrNeedTextFunctions)
				return true
			}
			name := last(names(x.Funcname))
			_, function := logical.FunctionNamed(name)
			_, window := logical.WindowFunctionNamed(name)
			if many := name == "unnest" || name == "generate_series"; many || known.IsOwn(name) || !function && !window && !isAggregate(x) && !slices.Contains(idle, name) {
				return true
			}
			return !aggregates && (window || x.Over != nil || isAggregate(x))
		})
	})
}

// windowing has what is analysed have window functions that the session computes.
func (a *analysis) windowing(s *pg.SelectStmt, sc *scope, analyse func()) {
	if sc.shown && len(sc.ranges) == 0 && !selectsFirst(s) && len(s.LockingClause) == 0 && hasWindows(s) {
		sc.windows = s
	}
	analyse()
	sc.windows = nil
}

// getsRows says whether the session gets all rows of the query that is analysed, or nobody sees
// what is in them.
func (a *analysis) getsRows(sc *scope) bool {
	s := sc.windows
	if !a.rowEach(s, true) {
		return false
	}
	switch slices.Index(a.windowLevels(), s) {
	case -1:
		return a.isCounted(s) && len(s.DistinctClause) == 0
	case 0:
		return a.arranges(s, sc, nil)
	}
	return s.LimitCount == nil && s.LimitOffset == nil && len(s.DistinctClause) == 0
}

// hasWindows says whether there is a window function in what a query shows or sorts by.
func hasWindows(s *pg.SelectStmt) bool {
	return slices.ContainsFunc(slices.Concat(s.TargetList, s.SortClause), hasWindow)
}

// windowed has the session compute the windows of an output.
func (a *analysis) windowed(o *draftedOutput) {
	levels := a.windowLevels()
	in := slices.Index(levels, o.scope.windows)
	if in < 0 {
		return // it is counted
	}
	r := a.arrange(levels[0])
	r.by = o.formula.SealedColumn()
	r.plan.Windows = true
	r.plan.InWindowOrder = !slices.ContainsFunc(levels[:in+1], func(s *pg.SelectStmt) bool { return len(s.SortClause) > 0 })
}

// arrangedFor is the column for whose sake the session computes what is plain.
func (a *analysis) arrangedFor(sc *scope) *catalog.SealedColumn {
	if sc.regroups != nil {
		return sc.regroups.sealed
	}
	return a.arrangedBy()
}

// behindWindows has the session compute the conditions of a query, if there are windows in the
// one that is its FROM. It is false, and has done nothing, for any other.
func (a *analysis) behindWindows(s *pg.SelectStmt, sc *scope, outputs []column) bool {
	if a.arranged == nil || !a.arranged.plan.Windows || sc.regroups != nil || !slices.Contains(a.levels, s) || hasWindows(s) || a.err != nil {
		return false
	}
	conditions := a.behind
	if s.WhereClause != nil {
		conditions = append(conditions, s.WhereClause)
		first, end, ok := a.tokensOf(s.WhereClause)
		if !ok {
			a.fail(refuseUse(a.arrangedBy(), location(s.WhereClause), "a condition"))
			return true
		}
		a.edit(int(a.tokens[first].start), int(a.tokens[end].end), "true", nil)
	}
	if a.behind = conditions; s != a.levels[0] {
		return true
	}
	if !a.arranges(s, sc, outputs) || len(conditions) > 0 && a.mindsRows(s, sc, outputs) || a.counts(s) && !a.counted(s) {
		a.fail(refuseUse(a.arrangedBy(), location(s.TargetList[0]), "a window definition"))
		return true
	}
	a.in("a condition", func() {
		for _, n := range conditions {
			sc.behind = true
			o := a.outputDraft(n, sc)
			sc.behind = false
			if a.err == nil && (o == nil || o.shown.Type.OID != logical.OIDBool || !a.settleCalls(o.formulaDraft)) {
				a.fail(refuseUse(a.arrangedBy(), location(n), a.within))
			}
			if a.err == nil {
				a.arranged.plan.Behind = append(a.arranged.plan.Behind, a.arranged.hideOutput(a, o))
			}
		}
	})
	return true
}
