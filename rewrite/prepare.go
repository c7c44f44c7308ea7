package rewrite

import (
	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/logical"
)

// prepare is PREPARE: its parameters in sealed roles become bytea.
func (a *analysis) prepare(x *pg.PrepareStmt, s *Statement) {
	inner := &Statement{}
	s.Effect, s.Name, s.Inner = Prepares, x.Name, inner
	if outputs := a.dispatch(x.Query, inner); outputs != nil {
		a.describe(inner, outputs)
	}
	a.settlePostponed()
	types := make([]namedType, len(x.Argtypes))
	known := make([]bool, len(x.Argtypes))
	for i, n := range x.Argtypes {
		if types[i], known[i] = a.typeNamed(n.GetTypeName()); !known[i] {
			continue
		}
		if inner.Types == nil {
			inner.Types = make([]uint32, len(x.Argtypes))
		}
		inner.Types[i] = types[i].whole().OID
	}
	inner.Params, inner.ClientParams = a.parameters(len(x.Argtypes))
	inner.Lists = a.lists
	for _, c := range a.conflicts(inner.Params, inner.ClientParams) {
		if c.Client >= len(x.Argtypes) || last(names(x.Argtypes[c.Client].GetTypeName().GetNames())) == "unknown" {
			a.fail(c.Refusal)
		}
	}
	a.castInferred(inner.Params, types, known)
	a.uses = nil
	for i, p := range inner.Params {
		if p.Operand == nil || p.Client >= len(types) {
			continue
		}
		t := x.Argtypes[p.Client].GetTypeName()
		if last(names(t.Names)) == "unknown" {
			continue
		}
		if !known[p.Client] {
			a.fail(refuseValueCast(p.Operand.Column, t.Location))
			return
		}
		if r := p.Operand.check(types[p.Client].whole().OID, a.literals); r != nil {
			a.fail(r)
			return
		}
		if i == p.Client {
			a.replaceType(t, p.Operand.serverType(), p.Operand.Column, t.Location)
		}
	}
	if a.local == nil {
		a.local = map[string]*Statement{}
	}
	a.local[x.Name] = inner
}

// castInferred writes the types to infer into the text, where the type list of
// PREPARE names none.
func (a *analysis) castInferred(params []Param, types []namedType, known []bool) {
	for _, u := range a.uses {
		i := u.client - 1
		if u.operand != nil || i >= len(params) || params[i].Infer == 0 || params[i].Operand != nil || i < len(types) && known[i] {
			continue
		}
		for name, oid := range typeOIDs {
			switch params[i].Infer {
			case oid:
				a.insert(u.end, "::pg_catalog."+name)
			case logical.Type{OID: oid}.ArrayOID():
				a.insert(u.end, "::pg_catalog."+name+"[]")
			default:
				continue
			}
			break
		}
	}
}

// execute is EXECUTE: its arguments go to the parameters of what was prepared.
func (a *analysis) execute(x *pg.ExecuteStmt, s *Statement) {
	s.Effect, s.Name = Executes, x.Name
	a.executes = true
	var inner *Statement
	var types []uint32
	if inner = a.local[x.Name]; inner != nil {
		types = inner.Types
	} else if a.prepared != nil {
		inner, types = a.prepared(x.Name)
	}
	if a.prepared == nil {
		return
	}
	if inner == nil {
		for _, n := range x.Params {
			a.plain(n, nil)
		}
		return
	}
	s.executeCursor(inner)
	s.Results, s.Origins = inner.Results, inner.Origins
	if inner.Results != nil {
		a.touched = true
	}
	if inner.Params == nil {
		for _, n := range x.Params {
			a.plain(n, nil)
		}
		return
	}
	if inner.Question != nil {
		a.fail(refuseQuestionExecuted(inner))
		return
	}
	if len(x.Params) != inner.ClientParams {
		a.fail(refuseArguments(x.Name, inner.ClientParams, len(x.Params)))
		return
	}
	for i, p := range inner.Params {
		arg := x.Params[p.Client]
		switch {
		case arg.GetParamRef() != nil:
			a.fail(refuseNoParameter(int(arg.GetParamRef().Number), arg.GetParamRef().Location))
		case p.Operand == nil:
			a.plain(arg, nil)
		default:
			op := *p.Operand
			a.coerced(arg, &op, p.Client, declared(types, p.Client))
			a.argument(arg, &op, i >= inner.ClientParams)
		}
	}
}

// coerced makes op the role of an argument, which is assigned to the i-th
// parameter of a prepared statement. Its type is what the client has declared or
// else what the role says.
func (a *analysis) coerced(arg *pg.Node, op *Operand, i int, oid uint32) {
	own := op.Column.Type
	if oid == 0 {
		oid = op.inferred()
	}
	op.Site = a.argumentSite(arg, i+1, oid)
	if op.Via != nil || own.Def != nil {
		return
	}
	if op.Array {
		oid = logical.ElementOID(oid)
	}
	op.Via = &logical.Type{OID: oid, Typmod: -1}
}

func declared(types []uint32, i int) uint32 {
	if i < len(types) && types[i] != oidUnknown {
		return types[i]
	}
	return 0
}

// argument is one argument of EXECUTE in a sealed role: in its place, or again
// behind all others.
func (a *analysis) argument(n *pg.Node, op *Operand, again bool) {
	if !again {
		if !a.bind(n, *op, false) {
			a.plain(n, nil)
			a.fail(refuseComputedArgument(op.Column, location(n)))
		}
		return
	}
	end := a.argumentsEnd()
	c := n.GetAConst()
	switch {
	case end < 0:
		a.fail(refuseDefect())
	case c == nil:
		a.fail(refuseComputedArgument(op.Column, location(n)))
	case c.Isnull:
		a.insert(end, ", NULL")
	default:
		edits := len(a.edits)
		a.literal(c, op)
		if len(a.edits) == edits+1 {
			e := &a.edits[edits]
			e.start, e.end, e.text = end, end, ", "
		}
	}
}

// argumentsEnd finds the bracket that closes the arguments of EXECUTE.
func (a *analysis) argumentsEnd() int {
	from, end := a.statementTokens()
	for i := from; i+2 < end; i++ {
		if a.is(i, "execute") && a.is(i+2, "(") {
			if k := a.closing(i + 2); k >= 0 {
				return int(a.tokens[k].start)
			}
		}
	}
	return -1
}
