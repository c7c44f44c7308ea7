package rewrite

import (
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/catalog"
	"pgseal/logical"
)

// writing prepares the scope of a writing statement: its WITH clause and its
// target.
func (a *analysis) writing(rv *pg.RangeVar, w *pg.WithClause, outer *scope) (sc *scope, into *item) {
	sc = &scope{outer: outer}
	if outer != nil {
		sc.ctes = outer.ctes
	}
	a.with(w, sc)
	into = a.baseItem(rv) // a target is never a CTE
	return sc, into
}

// returning analyses a RETURNING list. Servers from version 18 also know the
// target as old and new there.
func (a *analysis) returning(list []*pg.Node, sc *scope, into *item) []column {
	if len(list) == 0 {
		return nil
	}
	with := &scope{items: sc.items, outer: sc.outer, ctes: sc.ctes, beside: sc.beside}
	for _, name := range a.returningNames(list) {
		version := *into
		version.name, version.schema, version.byColumn = name, "", false
		with.items = append(with.items[:len(with.items):len(with.items)], &version)
		with.versions++
	}
	with.returns = a.answersWithWritten(list)
	with.shown = with.returns
	outputs := a.outputs(list, with, nil)
	for i := range outputs {
		outputs[i].returned = outputs[i].origin.item
		outputs[i].origin = origin{} // of another version of the row than other items see
	}
	return outputs
}

// answersWithWritten says whether a RETURNING list is that of the statement itself, whose rows the
// client gets as they are.
func (a *analysis) answersWithWritten(list []*pg.Node) bool {
	n := a.stmt.Stmt
	own := n.GetInsertStmt().GetReturningList()
	switch {
	case n.GetUpdateStmt() != nil:
		own = n.GetUpdateStmt().ReturningList
	case n.GetDeleteStmt() != nil:
		own = n.GetDeleteStmt().ReturningList
	}
	return len(own) > 0 && own[0] == list[0] && !a.persistent && a.mode != Kept
}

// triggers refuses to fire a trigger that may use a sealed column.
func (a *analysis) triggers(into *item, at int32, fires func(*catalog.Trigger) bool) {
	of := into.candidates
	if into.relation != nil {
		of = []*catalog.Relation{into.relation}
	}
	for _, r := range of {
		for i := range r.Triggers {
			a.trigger(&r.Triggers[i], into, at, fires)
		}
	}
}

func (a *analysis) trigger(t *catalog.Trigger, into *item, at int32, fires func(*catalog.Trigger) bool) {
	switch {
	case !fires(t) || a.err != nil:
	case into.relation == nil && (a.pathSet || a.remade.opaque):
		a.fail(refuseMixedText(into.name, -1))
	case into.relation == nil:
		a.fail(ErrNeedSearchPath) // which relation the name stands for
	case t.Anywhere || a.pathMoved || a.pathReaches(t.Of):
		a.fail(refuseTriggerCode(t.Name, t.Of.Column(t.Column).Sealed, at))
	}
}

// setColumns are the columns that a SET list names.
func setColumns(list []*pg.Node) (names []string) {
	for _, n := range list {
		names = append(names, n.GetResTarget().GetName())
	}
	return names
}

// insertTargets are the columns that an INSERT fills, in order.
func (a *analysis) insertTargets(cols []*pg.Node, into *item) []target {
	targets := []target{}
	if len(cols) == 0 {
		for _, c := range into.columns {
			targets = append(targets, into.target(&c))
		}
		return targets
	}
	for _, n := range cols {
		t := n.GetResTarget()
		targets = append(targets, a.assigned(t, into))
	}
	return targets
}

// assigned is the column that one entry of a column list or SET names.
func (a *analysis) assigned(t *pg.ResTarget, into *item) target {
	c := into.column(t.GetName())
	if c == nil {
		if !into.open && into.sealed() != nil {
			if a.fresh {
				a.fail(refuseNoTarget(into.relation.Name, t.GetName(), t.GetLocation()))
			}
			a.stale = true
		}
		return target{name: t.GetName()}
	}
	if c.sealed != nil && len(t.Indirection) > 0 {
		a.fail(refuseUse(c.sealed, t.Location, "a subscript or field selection"))
	}
	return into.target(c)
}

// target is a column of an item that is written into.
func (it *item) target(c *column) target {
	t := target{name: c.name, sealed: c.sealed, typ: c.typ}
	if it.relation != nil {
		if own := it.relation.Column(c.name); own != nil {
			t.def = own.Default
		}
	}
	return t
}

func (a *analysis) insertStmt(s *pg.InsertStmt, outer *scope) []column {
	saved := a.within
	a.within = ""
	defer func() { a.within = saved }()
	sc, into := a.writing(s.Relation, s.WithClause, outer)
	a.triggers(into, s.Relation.GetLocation(), func(t *catalog.Trigger) bool {
		return t.Insert || len(s.OnConflictClause.GetTargetList()) > 0 && t.FiredBy(setColumns(s.OnConflictClause.TargetList))
	})
	a.begin("insert", s.Relation, s.WithClause)
	targets, asked := a.insertTargets(s.Cols, into), len(a.asked)
	if q := s.SelectStmt.GetSelectStmt(); q != nil {
		sc.beside = []*item{into}
		if len(s.Cols) == 0 {
			a.byPlace(into.relation, s.Relation.Location)
		}
		outputs := a.insertSource(s, q, sc, targets, into)
		if sc.beside = nil; len(q.ValuesLists) == 0 {
			sc.beside = []*item{unnamedItem("*SELECT*", outputs)}
		} else if len(q.ValuesLists) > 1 {
			sc.beside = []*item{unnamedItem("*VALUES*", outputs)}
		}
		n := a.omitted(s, q, into, targets, outputs)
		if len(s.Cols) == 0 && !behindRest(outputs) {
			a.places(into, n)
		}
	} else {
		a.omitted(s, nil, into, nil, nil)
	}
	if into.relation != nil {
		a.countsBeside(into, asked)
	}
	sc.items = []*item{into}
	a.onConflict(s, sc, into)
	return a.returning(s.ReturningList, sc, into)
}

// insertSource is what an INSERT inserts.
func (a *analysis) insertSource(s *pg.InsertStmt, q *pg.SelectStmt, sc *scope, targets []target, into *item) (outputs []column) {
	if !into.open {
		group, before := a.newGroup(), len(a.uses)
		a.copying = a.copies(s, q)
		outputs = a.selectStmt(q, sc, targets)
		a.copying = nil
		for i := before; i < len(a.uses); i++ {
			if a.uses[i].group == 0 {
				a.uses[i].group = group
			}
		}
		return outputs
	}
	outputs = a.selectStmt(q, sc, nil)
	for _, c := range outputs {
		if c.sealed != nil {
			a.fail(refuseStoreUnknown(c.sealed, s.Relation.Location, into.name))
		}
	}
	return outputs
}

// onConflict is the ON CONFLICT clause: it infers a unique index by its
// columns, which for a sealed one is the index over its equality term.
func (a *analysis) onConflict(s *pg.InsertStmt, sc *scope, into *item) {
	c := s.OnConflictClause
	if c == nil || a.err != nil {
		return
	}
	if c.Infer != nil {
		a.infer(c.Infer, sc, into)
	}
	excluded := *into
	excluded.name, excluded.schema, excluded.excluded = "excluded", "", true
	a.found = a.foundByInsert(s, into, &excluded)
	conflicting := a.found
	inner := &scope{items: []*item{into, &excluded}, outer: sc.outer, ctes: sc.ctes, beside: sc.beside}
	if len(c.TargetList) > 0 {
		sc.beside = append(sc.beside, &excluded)
	}
	if conflicting != nil && conflicting.key != nil {
		conflicting.ranges = a.rangesOnConflict(c.WhereClause, conflicting, inner)
	}
	a.set(c.TargetList, into, inner)
	a.found, a.conflicting = nil, conflicting
	a.findsBy(c.WhereClause, inner)
	a.conflicting = nil
}

// rangesOnConflict are the conditions that the session decides on a row that is found.
func (a *analysis) rangesOnConflict(where *pg.Node, row *foundRow, sc *scope) (ranges []*pg.Node) {
	for _, n := range conjuncts(nil, where) {
		if n != nil && a.rowRange(n, row, sc) != nil {
			ranges = append(ranges, n)
		}
	}
	return ranges
}

func (a *analysis) infer(f *pg.InferClause, sc *scope, into *item) {
	if f.Conname != "" {
		a.inferConstraint(f, into)
		return
	}
	elements := a.elements(a.tokenAt(f.Location), len(f.IndexElems))
	for i, n := range f.IndexElems {
		e := n.GetIndexElem()
		if e.GetName() == "" && a.foldedElement(e, sc) {
			continue
		}
		if e.GetName() == "" {
			a.in("ON CONFLICT", func() { a.plain(e.GetExpr(), sc) })
			continue
		}
		c := into.column(e.Name)
		if c == nil || c.sealed == nil {
			continue
		}
		switch {
		case len(e.Collation) > 0 || len(e.Opclass) > 0 || elements == nil:
			a.fail(refuseUse(c.sealed, f.Location, "ON CONFLICT with a collation or operator class"))
		case a.comparable(c.sealed, f.Location):
			t := a.tokens[elements[i]]
			a.insert(int(t.start), "pgseal.eq(")
			a.insert(int(t.end), ")")
			a.note("compare", c.sealed, "by equality term in ON CONFLICT", t.start)
		}
	}
	a.arbiter = true
	a.condition(f.WhereClause, sc)
	a.arbiter = false
}

// elements finds the first token of each of the n elements in the list in
// brackets that begins at or behind token i.
func (a *analysis) elements(i, n int) (first []int) {
	for i >= 0 && i < len(a.tokens) && !a.is(i, "(") {
		i++
	}
	end := a.closing(i)
	if i < 0 || end < 0 {
		return nil
	}
	first = append(first, i+1)
	depth := 0
	for k := i + 1; k < end; k++ {
		switch {
		case a.is(k, "(") || a.is(k, "["):
			depth++
		case a.is(k, ")") || a.is(k, "]"):
			depth--
		case depth == 0 && a.is(k, ","):
			first = append(first, k+1)
		}
	}
	if len(first) != n {
		return nil
	}
	return first
}

// inferConstraint replaces ON CONSTRAINT by the elements of the unique index
// that stands for the constraint since its column was sealed.
func (a *analysis) inferConstraint(f *pg.InferClause, into *item) {
	if into.relation == nil {
		return
	}
	for _, u := range into.relation.Uniques {
		if u.Name != f.Conname || !a.isIndex(into.relation, u.Name) { // an index alone is no constraint
			continue
		}
		i := a.tokenAt(f.Location)
		if !a.is(i, "on") || !a.is(i+1, "constraint") || i+2 >= len(a.tokens) {
			a.fail(refuseDefect())
			return
		}
		var list []string
		for _, name := range u.Columns {
			element := quoteName(name)
			if c := into.relation.Column(name); c != nil && c.Sealed != nil {
				if !a.comparable(c.Sealed, f.Location) {
					return
				}
				element = "pgseal.eq(" + element + ")"
				a.note("compare", c.Sealed, "by equality term in ON CONFLICT", f.Location)
			}
			list = append(list, element)
		}
		a.edit(int(a.tokens[i].start), int(a.tokens[i+2].end), "("+strings.Join(list, ", ")+")", nil)
		return
	}
}

func quoteName(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// set is a SET list.
func (a *analysis) set(list []*pg.Node, into *item, sc *scope) {
	group := a.newGroup()
	assign := func(n *pg.Node, to target) { a.together(group, n, func() { a.assign(n, to, sc) }) }
	for _, n := range list {
		t := n.GetResTarget()
		if t == nil || a.err != nil {
			continue
		}
		to := a.assigned(t, into)
		multi := t.Val.GetMultiAssignRef()
		if multi == nil {
			assign(t.Val, to)
			continue
		}
		if row := multi.Source.GetRowExpr(); row != nil {
			if i := int(multi.Colno) - 1; i >= 0 && i < len(row.Args) {
				assign(row.Args[i], to)
			}
			continue
		}
		if sub := multi.Source.GetSubLink(); sub != nil {
			a.assignOutput(sub, multi, to, sc)
			continue
		}
		if to.sealed != nil {
			a.fail(refuseStore(to.sealed, t.Location))
		} else if multi.Colno == 1 {
			a.plain(multi.Source, sc)
		}
	}
}

// assign is one column = expression.
func (a *analysis) assign(n *pg.Node, to target, sc *scope) {
	switch {
	case to.sealed != nil:
		a.store(n, to, sc)
	case n.GetSetToDefault() == nil:
		if e := a.peek(n, sc); e != nil {
			a.fail(refuseStorePlain(e.column, e.at, "column \""+to.name+"\""))
			return
		}
		before := len(a.uses)
		a.in("SET", func() { a.decidedPlain(n, to, sc) })
		a.deduces(before, n, to.typ)
	}
}

// decidedPlain is what a plain column is set to. It may depend on conditions on sealed values of
// the rows that the statement finds.
func (a *analysis) decidedPlain(n *pg.Node, to target, sc *scope) {
	saved, beside := a.finds, a.beside
	if s := a.stmt.Stmt.GetUpdateStmt(); s != nil && s.WithClause == nil && !hasSubquery(n) {
		a.finds, a.beside = true, conjuncts(nil, s.WhereClause)
	} else if s := a.stmt.Stmt.GetMergeStmt(); s != nil && s.WithClause == nil && !hasSubquery(n) {
		a.finds, a.beside = true, nil
	}
	if to.typ != logical.OIDBool || !a.verdict(n, sc) {
		a.plain(n, sc)
	}
	a.finds, a.beside = saved, beside
}

// decidedOutput is what INSERT … SELECT gives to a plain column, which may depend on conditions on
// sealed values likewise. It is false, and has done nothing, for any other output.
func (a *analysis) decidedOutput(n *pg.Node, sc *scope) bool {
	s, q := a.stmt.Stmt.GetInsertStmt(), sc.query
	if s == nil || q == nil || s.WithClause != nil || s.SelectStmt.GetSelectStmt() != q || q.WithClause != nil || len(q.GroupClause) > 0 || q.HavingClause != nil || hasSubquery(n) {
		return false
	}
	saved, beside := a.finds, a.beside
	a.finds, a.beside = true, conjuncts(nil, q.WhereClause)
	if !a.verdict(n, sc) {
		a.plain(n, sc)
	}
	a.finds, a.beside = saved, beside
	return true
}

// firstSource gives the first of the copies that the parser makes of the source
// of a multiple assignment, one for each column.
func (a *analysis) firstSource(sub *pg.SubLink) *pg.SubLink {
	if a.sources == nil {
		a.sources = map[int32]*pg.SubLink{}
	}
	if first, ok := a.sources[sub.Location]; ok {
		return first
	}
	a.sources[sub.Location] = sub
	return sub
}

// assignOutput is one column of (a, b) = (SELECT …).
func (a *analysis) assignOutput(sub *pg.SubLink, multi *pg.MultiAssignRef, to target, sc *scope) {
	outputs := a.sublink(a.firstSource(sub), sc)
	var from *catalog.SealedColumn
	if i := int(multi.Colno) - 1; i < len(outputs) {
		switch k := outputs[i].constants; {
		case k == nil:
		case to.sealed != nil:
			a.giveAll(k, Operand{Column: to.sealed, Role: Store, Site: Site{target: to.name}}, term{})
			return
		default:
			a.asPlain(k)
		}
		if behindRest(outputs[:i+1]) && to.sealed != nil {
			a.fail(refuseStar(to.sealed, sub.Location))
			return
		}
		from = outputs[i].sealed
	}
	if from != nil && outputs[multi.Colno-1].shown != nil {
		a.fail(refuseStore(from, sub.Location))
		return
	}
	switch {
	case from == to.sealed:
		if from != nil {
			a.carry(from)
		}
	case to.sealed == nil:
		a.fail(refuseStorePlain(from, sub.Location, "column \""+to.name+"\""))
	case from == nil:
		a.fail(refuseStore(to.sealed, sub.Location))
	default:
		a.fail(refuseStoreOther(to.sealed, from, sub.Location))
	}
}

func (a *analysis) update(s *pg.UpdateStmt, outer *scope) []column {
	saved := a.within
	a.within = ""
	defer func() { a.within = saved }()
	sc, into := a.writing(s.Relation, s.WithClause, outer)
	a.begin("update", s.Relation, s.WithClause)
	a.triggers(into, s.Relation.GetLocation(), func(t *catalog.Trigger) bool { return t.FiredBy(setColumns(s.TargetList)) })
	sc.items = []*item{into}
	a.from(s.FromClause, sc)
	// In the server's order, in which parameters get their types.
	found := a.whereInRows(written{s.WhereClause, into, !s.Relation.Inh, s.WithClause, len(s.FromClause) > 0, a.stmt.Stmt.GetUpdateStmt() == s}, sc)
	if found == nil {
		a.findsBy(s.WhereClause, sc)
	}
	outputs := a.returning(s.ReturningList, sc, into)
	often := a.evaluated
	if len(s.FromClause) == 0 && a.findsOne(s.WhereClause, into, sc) {
		a.evaluated = onceEvaluated
	}
	if a.found = found; found == nil {
		a.found = a.foundBy(s, into, sc)
	}
	a.copying = a.copiesFrom(s)
	a.set(s.TargetList, into, sc)
	a.evaluated, a.found, a.copying = often, nil, nil
	namesakes(into, sc.items)
	return outputs
}

func (a *analysis) delete(s *pg.DeleteStmt, outer *scope) []column {
	saved := a.within
	a.within = ""
	defer func() { a.within = saved }()
	sc, into := a.writing(s.Relation, s.WithClause, outer)
	a.triggers(into, s.Relation.GetLocation(), func(t *catalog.Trigger) bool { return t.Delete })
	sc.items = []*item{into}
	a.from(s.UsingClause, sc)
	sc.findsBy(s.WhereClause)
	if a.whereInRows(written{s.WhereClause, into, !s.Relation.Inh, s.WithClause, len(s.UsingClause) > 0, a.stmt.Stmt.GetDeleteStmt() == s}, sc) == nil {
		a.findsBy(s.WhereClause, sc)
	}
	namesakes(into, sc.items)
	return a.returning(s.ReturningList, sc, into)
}

func (a *analysis) merge(s *pg.MergeStmt, outer *scope) []column {
	saved := a.within
	a.within = ""
	defer func() { a.within = saved }()
	sc, into := a.writing(s.Relation, s.WithClause, outer)
	a.begin("merge", s.Relation, s.WithClause)
	a.triggers(into, s.Relation.GetLocation(), func(t *catalog.Trigger) bool { return true })
	sc.items = []*item{into}
	a.from([]*pg.Node{s.SourceRelation}, sc)
	a.findsBy(s.JoinCondition, sc)
	a.copying = a.copiesMerged(s)
	for _, n := range s.MergeWhenClauses {
		w := n.GetMergeWhenClause()
		if w == nil {
			continue
		}
		if w.Condition != nil {
			a.findsBeside(w.Condition, nil, sc) // what stands beside, the server looks at in the order of the text
		}
		if w.CommandType == pg.CmdType_CMD_INSERT {
			a.mergeInsert(w, into, sc, s.Relation.GetLocation())
		} else {
			a.set(w.TargetList, into, sc)
		}
	}
	a.copying = nil
	namesakes(into, sc.items)
	// RETURNING * gives the source before the target.
	sc.items = append(sc.items[1:len(sc.items):len(sc.items)], into)
	return a.returning(s.ReturningList, sc, into)
}

func (a *analysis) mergeInsert(w *pg.MergeWhenClause, into *item, sc *scope, at int32) {
	targets := a.insertTargets(w.TargetList, into)
	if len(w.TargetList) == 0 {
		a.places(into, len(w.Values))
	}
	group := a.newGroup()
	for i, n := range w.Values {
		to := target{}
		if i < len(targets) {
			to = targets[i]
		}
		a.together(group, n, func() { a.assign(n, to, sc) })
	}
	a.mergeDefaults(w, into, targets, at)
}
