package rewrite

import (
	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/logical"
)

const momentFunction = "to_timestamp"

// bindMoment gives a sealed role to the moment that to_timestamp makes of seconds since
// 1970: to_timestamp($1), as slonik writes timestamps. It is false, and has done nothing,
// for any other call.
func (a *analysis) bindMoment(f *pg.FuncCall, casts []*pg.TypeCast, op *Operand) bool {
	parts := names(f.Funcname)
	if !ofPostgreSQL(parts) || last(parts) != momentFunction || !plainCall(f) || op.Array || op.Null != nil || op.Role == Emptiness || op.Site.argument > 0 {
		return false
	}
	value, inner := withoutCasts(a.signed(f.Args[0]))
	param, constant := value.GetParamRef(), value.GetAConst()
	if param == nil && (constant == nil || constant.Isnull) {
		return false
	}
	if a.persistent {
		a.fail(refusePersistent(op.Column, f.Location))
		return true
	}
	call := textCall{FuncCall: f, casts: inner}
	if _, refusal := a.foldGiven(&call, op); refusal != nil {
		a.fail(refusal)
		return true
	}
	a.callSite(&call, op)
	types, ok := a.castTypes(inner, param != nil, op, f.Location)
	if !ok {
		return true
	}
	given := constantType(value)
	var steps []Step
	for _, t := range types {
		steps, given = append(steps, Step{Type: t}), t.OID
	}
	if refusal := op.checkCalled(given, a.literals); refusal != nil {
		a.fail(refusal)
		return true
	}
	double := logical.Type{OID: logical.OIDFloat8, Typmod: -1}
	if given != double.OID {
		steps = append(steps, Step{Type: double}) // which it becomes by itself
	}
	steps = append(steps, Step{Function: Moment})
	if !a.thenCasts(steps, logical.Type{OID: logical.OIDTimestamptz, Typmod: -1}, casts, op, f.Location) {
		return true
	}
	if len(inner) == 0 {
		a.callSite(&call, op)
	}
	if !a.withoutCalls([]textCall{call}, op) {
		return true
	}
	a.editCasts(casts, op, f.Location)
	if param != nil {
		a.use(param, op)
	} else {
		a.literal(constant, op)
	}
	a.operands = append(a.operands, op)
	return true
}
