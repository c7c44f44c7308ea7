package rewrite

import (
	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/catalog"
	"pgseal/logical"
)

// condition analyses an expression that is true or false. A sealed boolean is a
// condition by its term: pgseal.eq(active) = the term of true.
func (a *analysis) condition(n *pg.Node, sc *scope) {
	a.in("a condition", func() {
		if e := a.peek(n, sc); e != nil && a.isTrue(e) {
			return
		}
		a.plain(n, sc)
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

// sortsByTruth sorts by a sealed boolean. It is false, and has done nothing, for
// anything else.
func (a *analysis) sortsByTruth(n *pg.Node, sc *scope, outputs []column) bool {
	ref := n.GetColumnRef()
	if ref == nil {
		return false
	}
	if len(ref.Fields) == 1 {
		if output, ok := outputNamed(ref, outputs); output != nil || !ok {
			return ok && a.sortsByOutput(ref, output)
		}
	}
	e := a.peek(n, sc)
	return e != nil && !e.grouped && a.isTrue(e)
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

// sortsByOutput is sortsByTruth for the name of an output.
func (a *analysis) sortsByOutput(ref *pg.ColumnRef, c *column) bool {
	start, end, ok := a.referenceSpan(ref)
	if !ok || c.sealed == nil || c.shown != nil || c.reads == "" || !isBool(c.sealed) || !hasEquality(c.sealed) || a.persistent {
		return false
	}
	op := Operand{Column: c.sealed, Role: Equality, Site: a.comparison("=", ref.Location)}
	a.edit(start, end, "(pgseal.eq("+c.reads+") = ", nil)
	a.edit(end, end, "", &value{operand: &op, literal: -1, keyword: "true"})
	a.insert(end, ")")
	a.note("search", c.sealed, "true", ref.Location)
	return true
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
	var left *sealedExpr
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
