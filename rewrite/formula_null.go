package rewrite

import (
	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/logical"
)

// formulaNullIf is NULLIF, whose type is that which its first value is compared as: of others
// than that value's own nothing is computed.
func (a *analysis) formulaNullIf(x *pg.A_Expr, d *formulaDraft) *Formula {
	i := a.tokenAt(x.Location)
	if !a.is(i, "nullif") || !d.covers(i, a.closing(i+1)) {
		return nil
	}
	left, right := a.formula(x.Lexpr, d), a.formula(x.Rexpr, d)
	if left == nil || right == nil || left.isUntyped() || right.Kind == ParameterValue || right.Kind == NullValue {
		return nil
	}
	d.operates(left, right, x.Location, "=")
	t, with := left.TypeOf(left.givenType), right.TypeOf(right.givenType)
	if right.Kind == LiteralValue && with == oidUnknown {
		with = 0
	}
	switch {
	case t == logical.OIDVarchar && (with == 0 || with == t || with == logical.OIDText):
		left = &Formula{Kind: CastTo, Type: logical.Type{OID: logical.OIDText, Typmod: -1}, Args: []*Formula{left}}
	case t == 0 || t == logical.OIDCidr || with != 0 && with != t && !(isInteger(with) && (isInteger(t) || t == logical.OIDNumeric || t == logical.OIDFloat8)):
		return nil
	}
	equal := &Formula{Kind: Operation, Operator: logical.Equal, Args: []*Formula{left, right}}
	d.compares(equal)
	return &Formula{Kind: Choice, nullIf: true, Args: []*Formula{equal, {Kind: NullValue}, left}}
}

// formulaTruthTest is IS TRUE and its kin: CASE of a condition, which is never NULL.
func (a *analysis) formulaTruthTest(x *pg.BooleanTest, d *formulaDraft) *Formula {
	i := a.tokenAt(x.Location)
	end := i + 1
	if a.is(end, "not") {
		end++
	}
	of, again := a.formulaDecision(x.Arg, d), a.formulaDecision(x.Arg, d)
	if of == nil || again == nil || !a.is(i, "is") || !d.covers(i, end) {
		return nil
	}
	yes, no := trueValue(), trueValue()
	no.text.value = []byte{'f'}
	switch x.Booltesttype {
	case pg.BoolTestType_IS_NOT_TRUE, pg.BoolTestType_IS_NOT_FALSE, pg.BoolTestType_IS_NOT_UNKNOWN:
		yes, no = no, yes
	}
	not := &Formula{Kind: Inverse, Args: []*Formula{again}}
	switch x.Booltesttype {
	case pg.BoolTestType_IS_TRUE, pg.BoolTestType_IS_NOT_TRUE:
		return &Formula{Kind: Choice, Args: []*Formula{of, yes, no}}
	case pg.BoolTestType_IS_FALSE, pg.BoolTestType_IS_NOT_FALSE:
		return &Formula{Kind: Choice, Args: []*Formula{not, yes, no}}
	}
	return &Formula{Kind: Choice, Args: []*Formula{of, no, not, no, yes}}
}

func isInteger(oid uint32) bool {
	return oid == logical.OIDInt2 || oid == logical.OIDInt4 || oid == logical.OIDInt8
}

// formulaDistinct is IS DISTINCT FROM, a comparison that takes NULL for a value.
func (a *analysis) formulaDistinct(x *pg.A_Expr, d *formulaDraft) *Formula {
	i := a.tokenAt(x.Location)
	left, right := a.formula(x.Lexpr, d), a.formula(x.Rexpr, d)
	if left == nil || right == nil || left.isUntyped() || right.isUntyped() && right.Kind != LiteralValue || !d.covers(i, i) {
		return nil
	}
	differs := &Formula{Kind: Operation, Operator: logical.NotEqual, Args: []*Formula{left, right}}
	d.compares(differs)
	d.operates(left, right, x.Location, "=")
	null := func(of *Formula) *Formula { return &Formula{Kind: IsNull, compared: true, Args: []*Formula{of}} }
	f := &Formula{Kind: Choice, Args: []*Formula{null(left), trueValue(), differs}}
	if right.Kind != LiteralValue {
		f.Args = []*Formula{null(left), {Kind: IsNotNull, compared: true, Args: []*Formula{right}}, null(right), trueValue(), differs}
	}
	if x.Kind == pg.A_Expr_Kind_AEXPR_NOT_DISTINCT {
		return &Formula{Kind: Inverse, Args: []*Formula{f}}
	}
	return f
}
