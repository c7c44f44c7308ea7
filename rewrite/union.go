package rewrite

import (
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/logical"
)

// setOperation is UNION, INTERSECT or EXCEPT. of, if not nil, is the CTE whose
// query it is; settle is called with the outputs of the left side before the
// right one is analysed.
func (a *analysis) setOperation(s *pg.SelectStmt, sc *scope, targets []target, of *cte, settle func([]column)) []column {
	all, mayUnite := s.Op == pg.SetOperation_SETOP_UNION && s.All, a.unitesRows(s)
	distinct := a.constantUnion(s)
	for _, t := range targets {
		if t.sealed != nil && !all && distinct == nil {
			a.fail(refuseStoreQuery(t.sealed, firstLocation(s.ProtoReflect()), "UNION, INTERSECT or EXCEPT"))
			return nil
		}
	}
	if s.Op == pg.SetOperation_SETOP_UNION && !s.All && unites(s.Larg) {
		if a.united == nil {
			a.united = map[*pg.SelectStmt]bool{}
		}
		a.united[s.Larg] = true
	}
	left := a.selectStmt(s.Larg, sc, nil)
	if settle != nil {
		settle(left)
	}
	right := a.selectStmt(s.Rarg, sc, nil)
	at := firstLocation(s.Rarg.ProtoReflect())
	rest := behindRest(left) || behindRest(right)
	inSession := mayUnite && !rest && len(left) == len(right) && !a.tellsTogether(s, left, right, sc)
	united := make([]*constants, len(left))
	if (all || distinct != nil) && !rest && (of == nil || !of.recursive) {
		united = a.unitedConstants(s, left, right)
		for _, k := range united {
			distinct.unite(k)
		}
	}
	beside := make([]*constants, len(left))
	if all && !rest && (of == nil || !of.recursive) {
		beside = a.besideSealed(s, left, right, united)
	}
	a.plainBut(left, united, beside)
	a.plainBut(right, united, beside)
	outputs := make([]column, len(left))
	items, terms := unitedItems{}, false
	for i := range max(len(left), len(right)) {
		var l, r column
		if i < len(left) {
			l = left[i]
			outputs[i] = l
			outputs[i].constants = united[i]
		}
		if i < len(right) {
			r = right[i]
			if i < len(outputs) {
				outputs[i].origin, outputs[i].reads = items.origin(l.origin, r.origin), ""
				outputs[i].bare = l.bare || r.bare
				if outputs[i].typ = 0; l.isPlain() && r.isPlain() && l.plainType() == r.plainType() && l.plainType().Typmod == -1 {
					outputs[i].typ = l.plainType().OID
				}
				outputs[i].text = l.text || r.text
			}
		}
		sealed := l.sealed
		if sealed == nil {
			sealed = r.sealed
		}
		if sealed == nil {
			if i < len(outputs) {
				outputs[i].nulls = bothNulls(l.nulls, r.nulls)
			}
			continue
		}
		if i < len(beside) && beside[i] != nil {
			outputs[i] = a.sealBeside(s, beside[i], l, r)
			continue
		}
		if (all || inSession) && !rest && i < len(outputs) && a.besideNulls(&outputs[i], l, r) {
			continue
		}
		if (all || inSession) && !rest && (of == nil || !of.recursive) && a.mix(&outputs[i], l, r) {
			continue
		}
		same := l.sealed == r.sealed && i < len(left) && i < len(right)
		if rest || !same || l.shown != r.shown {
			a.fail(refuseUnion(sealed, at))
			return nil
		}
		if !all && l.ungrouped() {
			a.fail(refuseUngrouped(sealed, at))
			return nil
		}
		if !all && !inSession && (l.united || !sameRows(left, right, i) && !a.apart(s, left, right, i, sc)) {
			outputs[i].united, terms = true, true
			continue
		}
		if l.wraps == nil || r.wraps == nil {
			outputs[i].wraps = nil
		} else {
			outputs[i].wraps = append(l.wraps[:len(l.wraps):len(l.wraps)], r.wraps...)
		}
	}
	if inSession && a.err == nil {
		told := false
		if a.in("UNION", func() { told = a.uniteRows(s, sc, outputs) }); !told {
			a.fail(refuseUnion(sealedOf(outputs), at))
			return nil
		}
	}
	if terms && !a.uniteByTerms(s, outputs, of != nil && of.recursive, targets != nil) {
		a.fail(refuseUnion(sealedOf(outputs), at))
		return nil
	}
	a.storeUnited(s, outputs, targets)
	return outputs
}

// storeUnited stores the outputs of a set operation into columns. PostgreSQL says that
// they stand where those of its first query do.
func (a *analysis) storeUnited(s *pg.SelectStmt, outputs []column, targets []target) {
	for i := range outputs {
		at := firstLocation(s.ProtoReflect())
		if k := outputs[i].constants; k != nil {
			at = valueLocation(k.nodes[0])
		}
		a.storeStar(outputs[:i+1], i, targets, at)
	}
}

// unitedConstants puts the constants of both sides of UNION ALL together that make
// one output of it.
func (a *analysis) unitedConstants(s *pg.SelectStmt, left, right []column) []*constants {
	united := make([]*constants, len(left))
	for i := range min(len(left), len(right)) {
		l, r := left[i].constants, right[i].constants
		if !a.unitable(s.Larg, l) || !a.unitable(s.Rarg, r) {
			continue
		}
		// Values without a type become text where nothing beside them has one, even if
		// a query further on does.
		if lt, rt := a.textual(l), a.textual(r); l.united && lt && !rt || r.united && rt && !lt {
			continue
		}
		l.nodes, l.united = append(l.nodes, r.nodes...), true
		l.unions, l.unkeyed = append(l.unions, r.unions...), l.unkeyed || r.unkeyed
		a.postponed = slices.DeleteFunc(a.postponed, func(k *constants) bool { return k == r })
		united[i] = l
	}
	return united
}

// unitable says whether an output of a side of UNION ALL is a constant that stands
// there itself, or several behind another UNION ALL, and nothing has used it.
func (a *analysis) unitable(side *pg.SelectStmt, k *constants) bool {
	if k == nil || k.plain || k.operand != nil || k.elements {
		return false
	}
	return k.united || slices.ContainsFunc(side.TargetList, func(n *pg.Node) bool { return n.GetResTarget().GetVal() == k.nodes[0] })
}

// textual says whether constants have no type, or are characters.
func (a *analysis) textual(k *constants) bool {
	return !slices.ContainsFunc(k.nodes, func(n *pg.Node) bool {
		switch kind, own := a.constantKind(n); kind {
		case nullConstant, stringConstant:
			return false
		default:
			return !sameFamily(own.OID, logical.OIDText)
		}
	})
}

// plainBut is the use of outputs as plain values, but for those that stay constants.
func (a *analysis) plainBut(outputs []column, united, beside []*constants) {
	for i := range outputs {
		if k := outputs[i].constants; i >= len(united) || united[i] == nil && beside[i] == nil {
			a.asPlain(k)
		}
	}
}

// bothNulls are the NULLs of both sides of a set operation, nil if one has more.
func bothNulls(left, right []*pg.Node) []*pg.Node {
	if left == nil || right == nil {
		return nil
	}
	return append(left[:len(left):len(left)], right...)
}

// besideNulls makes an output of UNION ALL of a sealed column on one side and NULLs
// on the other. It is false, and has done nothing, for others, and where they would
// give it another type than the column's.
func (a *analysis) besideNulls(out *column, l, r column) bool {
	of, nulls := l, r.nulls
	if l.sealed == nil {
		of, nulls = r, l.nulls
	}
	if nulls == nil || of.shown.IsCast() || of.sealed.Assembled() || of.sealed.Broken != "" {
		return false
	}
	typ := of.sealed.Type
	if of.shown != nil {
		typ = of.shown.Type
	}
	to := typ
	for _, n := range nulls {
		cast := n.GetTypeCast()
		if cast == nil { // has no type yet, and then one without a length
			if len(nulls) > 1 || typ.Def != nil {
				return false
			}
			to.Typmod = -1
			continue
		}
		named, ok := a.typeNamed(cast.TypeName)
		whole := named.whole()
		if !ok || whole.OID != typ.OID || whole.Def != typ.Def {
			return false
		}
		if whole.Typmod != typ.Typmod {
			to.Typmod = -1
		}
		if l.sealed == nil && l.name == last(names(cast.TypeName.Names)) {
			return false // the output could have its name of the type
		}
	}
	if !typ.Widens(to) {
		return false
	}
	for _, n := range nulls {
		if cast := n.GetTypeCast(); cast != nil {
			a.replaceType(cast.TypeName, serverType, of.sealed, location(n))
		}
	}
	*out = column{name: l.name, sealed: of.sealed, shown: of.shown, bare: true, text: l.text || r.text}
	if to != typ {
		out.shown = a.as(of.sealed, to)
	}
	return true
}

// unites says whether a query is a UNION that removes duplicates, with nothing
// behind it.
func unites(s *pg.SelectStmt) bool {
	return s.GetOp() == pg.SetOperation_SETOP_UNION && !s.All && s.WithClause == nil && len(s.SortClause) == 0 &&
		s.LimitCount == nil && s.LimitOffset == nil && len(s.LockingClause) == 0
}

// Names in what uniteByTerms writes.
const (
	unitedRows = "pgseal_rows"
	unitedSide = "pgseal_side"
)

// groupsByTerms says whether a set operation is of two queries, or a chain of UNIONs, which can
// become one GROUP BY.
func groupsByTerms(s *pg.SelectStmt) bool {
	return s.WithClause == nil && firstUnited(s).Op == pg.SetOperation_SETOP_NONE && s.Rarg.Op == pg.SetOperation_SETOP_NONE
}

// firstUnited is the first query of a set operation, or of the UNIONs on its left side.
func firstUnited(s *pg.SelectStmt) *pg.SelectStmt {
	first := s.Larg
	for s.Op == pg.SetOperation_SETOP_UNION && unites(first) {
		first = first.Larg
	}
	return first
}

// uniteByTerms makes a set operation over sealed outputs a GROUP BY of the rows of
// both sides, by the plain outputs and the terms. It is false, and has done
// nothing, where that cannot be.
func (a *analysis) uniteByTerms(s *pg.SelectStmt, outputs []column, recursive, stored bool) bool {
	if recursive || stored || s.All || a.persistent || !a.sortsByOutputs(s) {
		return false
	}
	first, union := firstUnited(s), s.Op == pg.SetOperation_SETOP_UNION
	if !groupsByTerms(s) || !union && !(marked(first) && marked(s.Rarg)) {
		return false
	}
	left, right := a.queryWord(first), a.queryWord(s.Rarg)
	if left < 0 || right < 0 {
		return false
	}
	start, operator, from, end, ok := a.unitedSpan(left, right)
	if !ok {
		return false
	}
	var columns, list, groups []string
	for i := range outputs {
		c := &outputs[i]
		name := unitedColumn(i)
		columns = append(columns, name)
		value, group := name, name
		if c.united {
			if !identical(c.sealed) || c.shown.IsCast() || c.sealed.Assembled() || !a.comparable(c.sealed, firstLocation(s.Rarg.ProtoReflect())) {
				return false
			}
			value, group = anyEnvelopeStart+name+anyEnvelopeEnd, "pgseal.eq("+name+")"
		}
		list = append(list, value+" AS "+quoteName(c.name))
		groups = append(groups, group)
		if c.united {
			c.bare, c.wraps, c.origin, c.reads = true, nil, origin{}, ""
		}
	}
	a.edit(int(a.tokens[operator].start), int(a.tokens[from-1].end), "UNION ALL", nil)
	if a.united[s] { // a longer chain makes one GROUP BY of all
		return true
	}
	having := ""
	if !union {
		columns = append([]string{unitedSide}, columns...)
		a.insert(int(a.tokens[left].end), " 1 AS "+unitedSide+",")
		a.insert(int(a.tokens[right].end), " 2,")
		having = " HAVING pg_catalog.bool_and(" + unitedSide + " OPERATOR(pg_catalog.=) 1)"
		if s.Op == pg.SetOperation_SETOP_INTERSECT {
			having = " HAVING pg_catalog.min(" + unitedSide + ") OPERATOR(pg_catalog.<>) pg_catalog.max(" + unitedSide + ")"
		}
	}
	for i := range outputs {
		if outputs[i].united {
			a.note("compare", outputs[i].sealed, "by equality term in a set operation", firstLocation(s.Rarg.ProtoReflect()))
		}
	}
	a.insert(int(a.tokens[start].start), "SELECT "+strings.Join(list, ", ")+" FROM (")
	at := int(a.tokens[end-1].end)
	a.edits = append(a.edits, edit{start: at, end: at, closes: true, text: ") AS " + unitedRows + " (" + strings.Join(columns, ", ") + ") GROUP BY " + strings.Join(groups, ", ") + having})
	return true
}

// sortsByOutputs says whether ORDER BY behind a set operation is by the names or
// the places of outputs, as it must be.
func (a *analysis) sortsByOutputs(s *pg.SelectStmt) bool {
	for _, n := range s.SortClause {
		n = n.GetSortBy().GetNode()
		if ref := n.GetColumnRef(); n.GetAConst().GetIval() == nil && (ref == nil || len(ref.Fields) != 1) {
			return false
		}
	}
	return true
}

// marked says whether an output can be put before those of a query.
func marked(s *pg.SelectStmt) bool {
	return len(s.ValuesLists) == 0 && len(s.DistinctClause) == 0 && len(s.GroupClause) == 0 && len(s.SortClause) == 0 &&
		s.WithClause == nil && s.LimitCount == nil && s.LimitOffset == nil && len(s.LockingClause) == 0
}

// queryWord finds the SELECT of a query that is no set operation, or the ALL behind
// it; -1 if it has none.
func (a *analysis) queryWord(s *pg.SelectStmt) int {
	if s.WithClause != nil || len(s.TargetList) == 0 {
		return -1
	}
	depth := 0
	for i := a.tokenAt(s.TargetList[0].GetResTarget().GetLocation()) - 1; i >= 0 && depth >= 0; i-- {
		switch {
		case a.is(i, ")"):
			depth++
		case a.is(i, "("):
			depth--
		case depth == 0 && a.is(i, "select"):
			if a.is(i+1, "all") {
				i++
			}
			return i
		}
	}
	return -1
}

// unitedSpan finds the tokens of a set operation: where it begins, its operator,
// where its right side begins, and where that ends. left and right are the words of
// its first and its last query. ok is false if they are not found.
func (a *analysis) unitedSpan(left, right int) (start, operator, from, end int, ok bool) {
	from = right
	for from >= 0 && !a.is(from, "select") {
		from--
	}
	for a.is(from-1, "(") {
		from--
	}
	operator = from - 1
	if a.is(operator, "distinct") || a.is(operator, "all") {
		operator--
	}
	if !a.is(operator, "union") && !a.is(operator, "intersect") && !a.is(operator, "except") {
		return 0, 0, 0, 0, false
	}
	start = left
	for start >= 0 && !a.is(start, "select") {
		start--
	}
	depth := 0
	for i := start; i < operator; i++ {
		if a.is(i, "(") {
			depth++
		} else if a.is(i, ")") {
			depth--
		}
	}
	for ; depth < 0; depth++ {
		if start--; !a.is(start, "(") {
			return 0, 0, 0, 0, false
		}
	}
	return start, operator, from, a.queryEnd(from, "union", "intersect", "except"), depth == 0
}

// queryEnd finds the token behind a query that begins at token i as the last one of a set
// operation, to which ORDER BY and the like belong that follow, and what other words begin.
func (a *analysis) queryEnd(i int, words ...string) int {
	_, last := a.statementTokens()
	depth := 0
	for ; i < last; i++ {
		switch {
		case a.is(i, "("):
			depth++
		case a.is(i, ")"):
			if depth--; depth < 0 {
				return i
			}
		case depth == 0 && a.is(i, ";"):
			return i
		case depth == 0 && !a.is(i-1, "as") && !a.is(i-1, "."):
			for _, word := range append(words, "order", "limit", "offset", "fetch", "for") {
				if a.is(i, word) {
					return i
				}
			}
		}
	}
	return last
}
