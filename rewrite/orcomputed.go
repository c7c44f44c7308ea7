package rewrite

import (
	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/logical"
)

// storeOrComputed stores one of constants without a type and of what the server
// computes: COALESCE($1, now()). It must be of the column's own type, or text for any
// characters, which PostgreSQL then gives to the constants, too. It is false, and has
// done nothing, for any other expression.
func (a *analysis) storeOrComputed(n *pg.Node, to target, sc *scope) bool {
	c := to.sealed
	if a.persistent || c.Type.Def != nil || !a.runs() {
		return false
	}
	places, computed := map[*pg.Node]beside{}, false
	for _, r := range resultsOf(n) {
		if places[r] = besideBefore; computed {
			places[r] = besideAfter
		}
		switch kind, _ := a.constantKind(r); {
		case kind == nullConstant, kind == stringConstant:
		case kind < 0 && a.computesFreely(r) && storedAs(c.Type) == a.computedType(r):
			computed = true
		default:
			return false
		}
	}
	if !computed {
		return false
	}
	defer func(often evaluation) { a.evaluated = often }(a.evaluated)
	a.evaluated = min(a.evaluated, onceEvaluated)
	store := func(r *pg.Node) {
		op := Operand{Column: c, Role: Store, Site: a.storing(n, to.name), Beside: places[r]}
		if isCharacter(c.Type) {
			op.Base, op.Beside = logical.OIDText, besideAfter
		}
		if !a.bind(r, op, true) && !a.computed(r, op, sc) {
			a.fail(refuseStore(c, location(r)))
		}
	}
	if x := n.GetCaseExpr(); x != nil {
		a.caseTests(x, sc, store)
		return true
	}
	for _, r := range resultsOf(n) {
		store(r)
	}
	return true
}

// storedAs is the type that an expression must have for its constants to be values of
// the column.
func storedAs(column logical.Type) uint32 {
	if isCharacter(column) {
		return logical.OIDText
	}
	return column.OID
}

// computesFreely says whether nobody can tell that an expression has been computed
// once more than the server would have.
func (a *analysis) computesFreely(n *pg.Node) bool {
	c, ok := a.computation(n)
	return ok && c.counts == nil && c.ordered == nil
}

// computedTypes are those of functions that compute from nothing.
var computedTypes = map[string]uint32{
	"now": logical.OIDTimestamptz, "transaction_timestamp": logical.OIDTimestamptz, "statement_timestamp": logical.OIDTimestamptz,
	"clock_timestamp": logical.OIDTimestamptz, "gen_random_uuid": logical.OIDUUID, "uuidv4": logical.OIDUUID, "uuid_generate_v4": logical.OIDUUID,
}

// computedType is the type of a computed expression, 0 if it is not known here.
func (a *analysis) computedType(n *pg.Node) uint32 {
	switch x := n.GetNode().(type) {
	case *pg.Node_SqlvalueFunction:
		switch x.SqlvalueFunction.Op {
		case pg.SQLValueFunctionOp_SVFOP_CURRENT_DATE:
			return logical.OIDDate
		case pg.SQLValueFunctionOp_SVFOP_CURRENT_TIMESTAMP, pg.SQLValueFunctionOp_SVFOP_CURRENT_TIMESTAMP_N:
			return logical.OIDTimestamptz
		case pg.SQLValueFunctionOp_SVFOP_LOCALTIMESTAMP, pg.SQLValueFunctionOp_SVFOP_LOCALTIMESTAMP_N:
			return logical.OIDTimestamp
		}
	case *pg.Node_FuncCall:
		name := last(names(x.FuncCall.Funcname))
		if args := x.FuncCall.Args; name == "timezone" && len(args) == 2 {
			switch a.computedType(args[1]) {
			case logical.OIDTimestamptz:
				return logical.OIDTimestamp
			case logical.OIDTimestamp:
				return logical.OIDTimestamptz
			}
			return 0
		}
		return computedTypes[name]
	case *pg.Node_TypeCast:
		if t, ok := a.typeNamed(x.TypeCast.TypeName); ok && t.Typmod < 0 {
			return t.whole().OID
		}
	case *pg.Node_AExpr:
		left := a.computedType(x.AExpr.Lexpr)
		if op := last(names(x.AExpr.Name)); op != "+" && op != "-" {
			return 0
		}
		switch right := x.AExpr.Rexpr; {
		case left == logical.OIDDate && right.GetAConst().GetIval() != nil,
			(left == logical.OIDTimestamptz || left == logical.OIDTimestamp) && a.computedType(right) == logical.OIDInterval:
			return left
		}
	}
	return 0
}
