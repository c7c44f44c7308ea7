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
	at := windowLevel{SelectStmt: whole, ctes: whole.GetWithClause().GetCtes(), passes: true}
	for at.SelectStmt != nil {
		if a.levels = append(a.levels, at.SelectStmt); !a.isWhole(whole) || a.listEnd(whole) < 0 || whole.WithClause.GetRecursive() {
			break
		}
		at = a.levelIn(at, whole)
	}
	return a.levels
}

// windowLevel is such a query.
type windowLevel struct {
	*pg.SelectStmt
	ctes []*pg.Node // of the statement's WITH, those that can be meant in it
	// passes: the ones around it, but for the statement's own, show all columns of what they
	// are made of under the names that these have, so that conditions can be moved out.
	passes bool
}

// levelIn is the query in FROM of which another one shows rows, each once, by conditions that
// the session can compute in the statement's own query; none if there is no such.
func (a *analysis) levelIn(s windowLevel, whole *pg.SelectStmt) (in windowLevel) {
	own := s.SelectStmt == whole
	if s.Op != pg.SetOperation_SETOP_NONE || len(s.FromClause) != 1 || len(s.GroupClause) > 0 || s.HavingClause != nil || selectsFirst(s.SelectStmt) || len(s.LockingClause) > 0 || !own && s.WithClause != nil {
		return in
	}
	counts := own && a.counts(s.SelectStmt) && s.WhereClause != nil // without a condition nobody looks at the rows
	if !counts && !a.rowEach(s.SelectStmt, false) {
		return in
	}
	if in.passes = s.passes && (own || showsAll(s.SelectStmt)); !own {
		if s.LimitCount != nil || s.LimitOffset != nil || len(s.DistinctClause) > 0 || s.WhereClause != nil && !(in.passes && isMovable(s.WhereClause)) {
			return windowLevel{}
		}
	}
	if x := s.FromClause[0].GetRangeSubselect(); x != nil && !x.Lateral {
		in.SelectStmt, in.ctes = x.Subquery.GetSelectStmt(), s.ctes
		in.passes = in.passes && len(x.Alias.GetColnames()) == 0
	}
	if x := s.FromClause[0].GetRangeVar(); x != nil && x.Schemaname == "" && a.namedOnce(x.Relname) {
		for i, n := range s.ctes {
			if c := n.GetCommonTableExpr(); c.Ctename == x.Relname {
				in.SelectStmt, in.ctes = c.Ctequery.GetSelectStmt(), s.ctes[:i]
				in.passes = in.passes && len(c.Aliascolnames) == 0 && len(x.Alias.GetColnames()) == 0
			}
		}
	}
	return in
}

// showsAll says whether a query shows all columns of what it is made of.
func showsAll(s *pg.SelectStmt) bool {
	if len(s.TargetList) != 1 {
		return false
	}
	ref := s.TargetList[0].GetResTarget().GetVal().GetColumnRef()
	return ref != nil && len(ref.Fields) == 1 && ref.Fields[0].GetAStar() != nil
}

// isMovable says whether a condition means the same in a query around the one that it stands in,
// which has the same columns: it names nothing else.
func isMovable(n *pg.Node) bool {
	return !hasSubquery(n) && !anywhere(n.ProtoReflect(), func(m protoreflect.Message) bool {
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
	a.unshown = &unshownWindows{by: o.formula.SealedColumn(), ordered: slices.ContainsFunc(levels[:in+1], func(s *pg.SelectStmt) bool { return len(s.SortClause) > 0 })}
	if in == 0 {
		a.showWindows()
	}
}

// unshownWindows are those of a query in FROM, before it is known whether the ones around it show
// them, or choose or sort by them.
type unshownWindows struct {
	by      *catalog.SealedColumn
	ordered bool // something says in which order the rows are
}

// showWindows has the session compute the windows.
func (a *analysis) showWindows() {
	if w := a.unshown; w != nil {
		r := a.arrange(a.levels[0])
		r.by, r.plan.Windows, r.plan.InWindowOrder = w.by, true, !w.ordered
		a.unshown = nil
	}
}

// usesWindows says whether a query shows, chooses or sorts by something that windows give.
func (a *analysis) usesWindows(s *pg.SelectStmt, sc *scope) bool {
	given := func(c *column) bool { return c != nil && c.formula != nil && c.formula.Windows(nil) != nil }
	nodes := slices.Concat(s.TargetList, s.SortClause)
	if s.WhereClause != nil {
		nodes = append(nodes, s.WhereClause)
	}
	return slices.ContainsFunc(nodes, func(n *pg.Node) bool {
		return anywhere(n.ProtoReflect(), func(m protoreflect.Message) bool {
			ref, ok := m.Interface().(*pg.ColumnRef)
			if !ok {
				return false
			}
			if star, _ := isStar(ref); star {
				return slices.ContainsFunc(sc.items, func(it *item) bool {
					return slices.ContainsFunc(it.columns, func(c column) bool { return given(&c) })
				})
			}
			c := a.resolve(ref, sc).column
			return c == nil || given(c) // none may be the name of an output, or a whole row
		})
	})
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
	if sc.regroups != nil || !slices.Contains(a.levels, s) || hasWindows(s) || a.err != nil {
		return false
	}
	if a.unshown != nil && (s != a.levels[0] && s.WhereClause != nil || a.usesWindows(s, sc) && s == a.levels[0]) {
		a.showWindows()
	}
	if a.arranged == nil || !a.arranged.plan.Windows {
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
