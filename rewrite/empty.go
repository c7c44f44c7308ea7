package rewrite

import (
	"strconv"

	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/envelope"
	"pgseal/logical"
)

// Whether a value is empty its envelope shows by its length, so that notes = ”
// needs no equality term. What is compared is the first byte behind header, terms
// and nonce that does not belong to the tag: there is none of the empty value. By the
// envelope's own flags, one for each term, because a column can get a term before pgseal
// knows.
var (
	contentFrom = "(SELECT pg_catalog.substr(v, " + strconv.Itoa(envelope.Overhead(0)+1) + " OPERATOR(pg_catalog.+) (" +
		strconv.Itoa(envelope.EqualitySize) + " OPERATOR(pg_catalog.*) pg_catalog.bit_count(pg_catalog.substr(v, " +
		strconv.Itoa(envelope.HeaderSize) + ", 1))::pg_catalog.int4), 1) FROM (SELECT "
	contentTo = ") AS pgseal_value(v))"
)

// compareEmpty compares an expression that has no equality term with the empty
// string, NULL, or a parameter, of which the session sees that it is empty. It is
// false, and has done nothing, for anything else.
func (a *analysis) compareEmpty(left *sealedExpr, n *pg.Node) bool {
	if !a.canBeEmpty(left) || !a.maybeEmpty(n) {
		return false
	}
	if value, _ := withoutCasts(n); value.GetAConst().GetSval() != nil {
		a.steer(value.GetAConst().Location)
	}
	a.settle(left, a.shownAs(left))
	a.dropCasts(left)
	for _, t := range left.terms {
		a.edits = append(a.edits, edit{start: t.start, end: t.start, text: contentFrom, term: true})
		a.insert(t.end, contentTo)
	}
	a.note("compare", left.column, "with the empty value, by the length of its envelopes", left.at)
	return a.bind(n, Operand{Column: left.column, Role: Emptiness, Site: a.site}, false)
}

// canBeEmpty says whether an expression is one of whose type nothing but the empty
// value equals the empty value, and can be compared with it where it stands. Under a
// nondeterministic collation strings of what it ignores do.
func (a *analysis) canBeEmpty(e *sealedExpr) bool {
	c := e.column
	if hasEquality(c) || c.Loose || c.Broken != "" || c.Assembled() || e.terms == nil || e.converted() {
		return false
	}
	if a.persistent || a.arbiter || a.stmt.Stmt.GetCopyStmt().GetIsFrom() { // where no subquery can stand
		return false
	}
	for _, cast := range e.casts {
		if to, ok := a.typeNamed(cast.TypeName); !ok || !e.typ().Widens(to.whole()) {
			return false
		}
	}
	switch c.Type.Shown().OID {
	case logical.OIDText, logical.OIDVarchar, logical.OIDBytea:
		return true
	}
	return false
}

// maybeEmpty says whether a value is a parameter, NULL or the empty string, with casts
// that leave that as it is perhaps.
func (a *analysis) maybeEmpty(n *pg.Node) bool {
	n, casts := withoutCasts(n)
	for _, c := range casts {
		to, ok := a.typeNamed(c.TypeName)
		if t := to.whole(); !ok || !isText(t) && t.OID != logical.OIDBytea {
			return false
		}
	}
	if n.GetParamRef() != nil || n.GetAConst().GetIsnull() {
		return true
	}
	s := n.GetAConst().GetSval()
	if s == nil {
		return false
	}
	i := a.tokenAt(n.GetAConst().Location)
	return i >= 0 && string(a.text[a.tokens[i].start:a.tokens[i].end]) == "''"
}

// RefuseEmpty is why a value that is not empty cannot be compared by Emptiness.
func (o *Operand) RefuseEmpty() *Refusal { return refuseNoTerm(o.Column, -1) }
