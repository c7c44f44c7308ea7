package rewrite

import (
	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/catalog"
	"pgseal/envelope"
	"pgseal/logical"
)

// condition analyses an expression that is true or false. A sealed boolean is a
// condition by its term: pgseal.eq(active) = the term of true.
func (a *analysis) condition(n *pg.Node, sc *scope) {
	a.in("a condition", func() {
		if e := a.peek(n, sc); e != nil && a.isTrue(e) {
			return
		}
		if !a.verdict(n, sc) && !a.rankedPair(n, sc) {
			a.plain(n, sc)
		}
	})
}

// isTrue compares a sealed boolean with true. It is false, and has done nothing,
// where that cannot be.
func (a *analysis) isTrue(e *sealedExpr) bool {
	if e.converted() || !isBool(e.column) || !hasEquality(e.column) || e.terms == nil || a.persistent {
		return false
	}
	for _, t := range e.terms {
		a.insert(t.start, "(")
	}
	a.toTerm(e)
	op := Operand{Column: e.column, Role: Equality, Site: a.comparison("=", e.at)}
	for _, t := range e.terms {
		a.insert(t.end, " = ")
		a.edit(t.end, t.end, "", &value{operand: &op, literal: -1, keyword: "true"})
		a.insert(t.end, ")")
	}
	a.note("search", e.column, "true", e.at)
	return true
}

// sortsByTruth sorts by a sealed boolean: a column, or an output by its name or its
// position. It is false, and has done nothing, for anything else.
func (a *analysis) sortsByTruth(n *pg.Node, s *pg.SelectStmt, sc *scope, outputs []column) bool {
	if s.Op != pg.SetOperation_SETOP_NONE {
		return false // whose rows are sorted by outputs only
	}
	output, at, ok := a.sortedOutput(n, outputs)
	if output == nil && ok && len(s.DistinctClause) > 0 {
		output, at = a.outputOf(n, sc, outputs)
	}
	if output != nil || !ok {
		return ok && a.sortsByOutput(n, at, output)
	}
	return !plainDistinct(s) && a.sortKey(n, sc)
}

// outputOf is the output that is a column, nil for none, and where that stands.
func (a *analysis) outputOf(n *pg.Node, sc *scope, outputs []column) (*column, term) {
	e := a.peek(n, sc)
	if n.GetColumnRef() == nil || e == nil || e.ref == nil || len(e.terms) != 1 {
		return nil, term{}
	}
	for i := range outputs {
		if c := &outputs[i]; a.isOutput(e, c) {
			return c, e.terms[0]
		}
	}
	return nil, term{}
}

// isOutput says whether an output is a column.
func (a *analysis) isOutput(e *sealedExpr, c *column) bool {
	return c.origin.item != nil && c.origin == e.ref.origin || c.sorts != "" && c.sorts == string(a.text[e.terms[0].start:e.terms[0].end])
}

// sortKey is sortsByTruth for a column.
func (a *analysis) sortKey(n *pg.Node, sc *scope) bool {
	if n.GetColumnRef() == nil {
		return false
	}
	e := a.peek(n, sc)
	return e != nil && a.isTrue(e)
}

// sortKeys are what an aggregate or a window sorts by.
func (a *analysis) sortKeys(keys []*pg.Node, sc *scope) {
	for _, n := range keys {
		if n = n.GetSortBy().GetNode(); !a.sortKey(n, sc) {
			a.plain(n, sc)
		}
	}
}

// sortedOutput is the output that an item of ORDER BY means by its name or its position,
// nil for none, and where it stands; ok is false where that may be one of several.
func (a *analysis) sortedOutput(n *pg.Node, outputs []column) (output *column, at term, ok bool) {
	if ref := n.GetColumnRef(); ref != nil && len(ref.Fields) == 1 {
		output, ok = outputNamed(ref, outputs)
		var known bool
		at.start, at.end, known = a.referenceSpan(ref)
		return output, at, ok && known
	}
	i, c := a.tokenAt(location(n)), n.GetAConst()
	if c.GetIval() == nil || i < 0 || a.tokens[i].kind != tokenInteger {
		return nil, at, true
	}
	a.steer(c.Location)
	place := int(c.GetIval().Ival) - 1
	if place < 0 || place >= len(outputs) || behindRest(outputs[:place+1]) {
		return nil, at, true
	}
	return &outputs[place], term{int(a.tokens[i].start), int(a.tokens[i].end)}, true
}

// outputNamed is the output that a name in ORDER BY is first, nil for none; ok is
// false where that may be one of several.
func outputNamed(ref *pg.ColumnRef, outputs []column) (output *column, ok bool) {
	for i := range outputs {
		c := &outputs[i]
		switch {
		case c.rest, c.name == ref.Fields[0].GetString_().GetSval() && output != nil:
			return nil, false
		case c.name == ref.Fields[0].GetString_().GetSval():
			output = c
		}
	}
	return output, true
}

// sortsByOutput is sortsByTruth for an output.
func (a *analysis) sortsByOutput(n *pg.Node, at term, c *column) bool {
	if !a.truthOutput(c) {
		return false
	}
	a.edit(at.start, at.end, "(pgseal.eq("+c.sorts+") = ", nil)
	a.truthOf(c, at.end, location(n))
	return true
}

// truthOutput says whether an output is a sealed boolean that can be sorted by.
func (a *analysis) truthOutput(c *column) bool {
	return c.sealed != nil && c.shown == nil && c.sorts != "" && isBool(c.sealed) && hasEquality(c.sealed) && !a.persistent
}

// truthOf ends the comparison of an output with true.
func (a *analysis) truthOf(c *column, at int, position int32) {
	op := Operand{Column: c.sealed, Role: Equality, Site: a.comparison("=", position)}
	a.edit(at, at, "", &value{operand: &op, literal: -1, keyword: "true"})
	a.insert(at, ")")
	a.note("search", c.sealed, "true", position)
}

func isBool(c *catalog.SealedColumn) bool { return c.Type.Shown().OID == logical.OIDBool }

// truthAggregate says whether an aggregate is one over conditions.
func truthAggregate(parts []string) bool {
	if len(parts) > 1 && parts[0] != "pg_catalog" {
		return false
	}
	switch last(parts) {
	case "bool_or", "bool_and", "every":
		return true
	}
	return false
}

// plainCase is a CASE whose results are plain. What it tests can be sealed.
func (a *analysis) plainCase(x *pg.CaseExpr, sc *scope) {
	a.caseTests(x, sc, func(n *pg.Node) {
		a.in("CASE", func() { a.plain(n, sc) })
	})
}

// caseTests analyses what a CASE tests; result is called for each of its results
// in turn.
func (a *analysis) caseTests(x *pg.CaseExpr, sc *scope, result func(*pg.Node)) {
	if a.caseVerdicts(x, sc, result) {
		return
	}
	var left *sealedExpr
	for _, n := range x.Args {
		if x.Arg != nil && !a.betweenBuiltIn([]string{"="}, x.Arg, n.GetCaseWhen().GetExpr(), n.GetCaseWhen().GetLocation(), sc) {
			return
		}
	}
	if x.Arg != nil {
		if left = a.comparand(x.Arg, sc); left == nil {
			a.in("CASE", func() { a.plain(x.Arg, sc) })
		} else if !a.comparableExpr(left) {
			return
		} else {
			a.toTerm(left)
		}
	}
	saved := a.site
	for _, n := range x.Args {
		w := n.GetCaseWhen()
		switch {
		case x.Arg == nil:
			a.condition(w.GetExpr(), sc)
		case left == nil:
			a.in("CASE", func() { a.plain(w.GetExpr(), sc) })
		default:
			a.site = a.comparison("=", w.GetLocation())
			a.listMember(left, w.GetExpr(), Operand{Column: left.column, Role: Equality, Site: a.site}, 0, sc)
		}
		result(w.GetResult())
	}
	a.site = saved
	if x.Defresult != nil {
		result(x.Defresult)
	}
}

// storeNot stores the negation of a sealed boolean: which of the two constants it
// is, the term decides. It is false, and has done nothing, for any other expression.
func (a *analysis) storeNot(n *pg.Node, to target, sc *scope) bool {
	x := n.GetBoolExpr()
	if x.GetBoolop() != pg.BoolExprType_NOT_EXPR || !isBool(to.sealed) || a.persistent {
		return false
	}
	e := a.peek(x.Args[0], sc)
	if e == nil || e.ref == nil || len(e.terms) != 1 || len(e.casts) > 0 || !isBool(e.column) {
		return false
	}
	if e.column.Terms&envelope.TermEquality == 0 && a.found != nil && (a.found.key != nil || a.found.rows != nil) && a.storeFormula(n, to, sc) {
		return true
	}
	not, first, behind := a.tokenAt(x.Location), a.tokenAt(int32(e.terms[0].start)), a.tokenAt(e.at)
	if not < 0 || first < 0 || behind < 0 {
		return false
	}
	for behind < len(a.tokens) && int(a.tokens[behind].start) < e.terms[0].end {
		behind++
	}
	for i := first - 1; i > not; i-- { // brackets around the column
		if !a.is(i, "(") || !a.is(behind, ")") {
			return false
		}
		behind++
	}
	a.edits = append(a.edits, replacing(int(a.tokens[not].start), int(a.tokens[not].end), "CASE"))
	a.toTerm(e)
	compared := Operand{Column: e.column, Role: Equality, Site: a.comparison("=", e.at)}
	stored := Operand{Column: to.sealed, Role: Store, Site: a.storing(n, to.name)}
	end := int(a.tokens[behind-1].end)
	for _, from := range [...][2]string{{"true", "false"}, {"false", "true"}} {
		a.insert(end, " WHEN ")
		a.edit(end, end, "", &value{operand: &compared, literal: -1, keyword: from[0]})
		a.insert(end, " THEN ")
		a.edit(end, end, "", &value{operand: &stored, literal: -1, keyword: from[1]})
	}
	a.insert(end, " END")
	a.note("seal", to.sealed, "its negation", e.at)
	return true
}
