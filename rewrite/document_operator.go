package rewrite

import (
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/catalog"
	"pgseal/logical"
)

// Operators of jsonb that only move the values of a document: - takes keys out of an
// object, || puts two documents together. The server does it with the marked strings as
// it would with the values, where it is certain that the document itself is no value.

// documentKind is what a document is as a whole.
type documentKind uint8

const (
	kindUnknown   documentKind = iota // perhaps a sealed value
	kindContainer                     // an object or an array
	kindObject
)

// kindOf is what a call gives.
func (a *analysis) kindOf(c *documentCall, sc *scope) documentKind {
	switch name := strings.ToLower(strings.TrimPrefix(c.name, "function ")); name {
	case "row_to_json", "json_build_object", "jsonb_build_object", "json_object_agg", "jsonb_object_agg", "json_object", "json_objectagg":
		return kindObject
	case "to_json", "to_jsonb":
		if len(c.args) == 1 && (a.rowOf(c.args[0].node, sc) != nil || c.args[0].node.GetRowExpr() != nil) {
			return kindObject
		}
		return kindUnknown
	case "json_scalar":
		return kindUnknown
	}
	return kindContainer
}

// documentOperator is peek for such an operator.
func (a *analysis) documentOperator(n *pg.Node, sc *scope) *sealedExpr {
	x := n.GetAExpr()
	parts := names(x.Name)
	op := last(parts)
	if a.persistent || x.Kind != pg.A_Expr_Kind_AEXPR_OP || op != "-" && op != "||" || x.Lexpr == nil || len(parts) > 1 && parts[0] != systemCatalog {
		return nil
	}
	if e, ok := a.documents[n]; ok {
		return e
	}
	left, right := a.peek(x.Lexpr, sc), a.peek(x.Rexpr, sc)
	of, d := a.operated(op, left, right)
	var e *sealedExpr
	if of != nil && (len(parts) > 1 || a.betweenBuiltIn(parts, x.Lexpr, x.Rexpr, x.Location, sc)) {
		e = a.newDocument(n, of, logical.Type{OID: logical.OIDJSONB, Typmod: -1}, d, sc)
		e.at = x.Location
	}
	a.isDocument(n, e)
	return e
}

// operated says what the operator gives of two operands, each nil for a plain one: of is
// nil if that is not certain.
func (a *analysis) operated(op string, left, right *sealedExpr) (of *catalog.SealedColumn, d *draft) {
	kinds := [2]documentKind{}
	for i, e := range []*sealedExpr{left, right} {
		if e == nil {
			continue
		}
		if e.column.Document == nil || e.column.Type.OID != logical.OIDJSONB || len(e.casts) > 0 || a.drafts[e.column].kind == kindUnknown {
			return nil, nil
		}
		kinds[i], of = a.drafts[e.column].kind, e.column
	}
	d = &draft{kind: kindContainer}
	switch {
	case op == "-" && (kinds[0] != kindObject || right != nil):
		return nil, nil // of an array it would take elements by their values
	case op == "-", kinds[0] == kindObject && kinds[1] == kindObject:
		d.kind = kindObject
	}
	return of, d
}

// settleDocumentOperator is settleDocument for an operator.
func (a *analysis) settleDocumentOperator(x *pg.A_Expr, sc *scope) {
	for _, n := range []*pg.Node{x.Lexpr, x.Rexpr} {
		if e := a.peek(n, sc); e != nil {
			a.settle(e, a.shownAs(e))
		} else {
			a.in("operator "+last(names(x.Name)), func() { a.plain(n, sc) })
		}
	}
}

// refuseOperand is refuseOperator, for a document too.
func refuseOperand(e *sealedExpr, operator string) *Refusal {
	r := refuseOperator(e.column, e.at, operator)
	if e.column.Document != nil {
		r.Hint = "Make the document of what is wanted, in a subquery or by jsonb_build_object, or change it in the application."
	}
	return r
}
