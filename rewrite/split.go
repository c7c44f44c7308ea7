package rewrite

import (
	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/logical"
)

const splitFunction = "string_to_array"

// bindSplit gives a sealed role to string_to_array(value, 'delimiter'): to the array, or to
// its elements (op.Array). It is false, and has done nothing, for any other call.
func (a *analysis) bindSplit(f *pg.FuncCall, casts []*pg.TypeCast, op *Operand) bool {
	parts := names(f.Funcname)
	if !ofPostgreSQL(parts) || last(parts) != splitFunction || len(f.Args) != 2 || op.Null != nil || op.Role == Emptiness || op.Site.argument > 0 {
		return false
	}
	one := textCall{FuncCall: &pg.FuncCall{Funcname: f.Funcname, Args: f.Args[:1], Location: f.Location, AggOrder: f.AggOrder, AggFilter: f.AggFilter, AggDistinct: f.AggDistinct, AggWithinGroup: f.AggWithinGroup, Over: f.Over, FuncVariadic: f.FuncVariadic}}
	given, base, ok := a.textOnly(f.Args[0])
	delimiter, known := a.nullOf(f.Args[1])
	open := a.tokenAt(f.Location) + len(parts)*2 - 1
	end := a.closing(open)
	if !plainCall(one.FuncCall) || !ok || !known || !splits(delimiter) || end < 0 || !a.is(open, "(") {
		return false
	}
	if a.persistent {
		a.fail(refusePersistent(op.Column, f.Location))
		return true
	}
	if _, refusal := a.foldGiven(&one, op); refusal != nil {
		a.fail(refusal)
		return true
	}
	a.steer(location(f.Args[1]))
	text := logical.Type{OID: logical.OIDText, Typmod: -1}
	switch {
	case !op.Array:
		made := logical.Type{OID: text.ArrayOID(), Typmod: -1}
		if !a.thenCasts([]Step{{Function: Split, Before: delimiter}}, made, casts, op, f.Location) {
			return true
		}
	case len(casts) > 0:
		if !a.readCasts(casts, false, op, f.Location) {
			return true
		}
	default:
		if refusal := a.checked(op, text.OID); refusal != nil {
			a.fail(refusal)
			return true
		}
	}
	if op.Base = base; op.Array {
		op.Split = delimiter
	}
	a.callSite(&one, op)
	op.Site.function = splitFunction
	a.editCasts(casts, op, f.Location)
	a.operands = append(a.operands, op)
	if p := given.GetParamRef(); p != nil {
		if a.use(p, op); a.err == nil {
			u := &a.uses[len(a.uses)-1]
			u.start, u.end = int(f.Location), int(a.tokens[end].end)
		}
		return true
	}
	k := a.tokenAt(given.GetAConst().Location)
	a.edit(int(f.Location), int(a.tokens[end].end), "", &value{operand: op, literal: int32(a.literalAt(a.tokens[k].start))})
	a.note(op.verb(), op.Column, "a literal", f.Location)
	return true
}

// splits says whether a text in any encoding can be split at a delimiter before it is
// brought into UTF-8: none of its bytes is one of another character's.
func splits(delimiter string) bool {
	for _, c := range []byte(delimiter) {
		if c >= '@' || c >= '0' && c <= '9' {
			return false
		}
	}
	return delimiter != ""
}
