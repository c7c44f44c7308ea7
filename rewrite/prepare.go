package rewrite

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/logical"
)

// prepare is PREPARE: its parameters in sealed roles become bytea.
func (a *analysis) prepare(x *pg.PrepareStmt, s *Statement) {
	inner := &Statement{}
	s.Effect, s.Name, s.Inner = Prepares, x.Name, inner
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
	defer func(of []uint32) { a.declared = of }(a.declared)
	a.declared = inner.Types
	before, answers := a.asking, a.answers // what other statements of the text ask for
	a.asking, a.answers = asking{}, 0
	if outputs := a.dispatch(x.Query, inner); outputs != nil {
		a.describe(inner, outputs)
	}
	a.settlePostponed()
	inner.Alters = a.alters
	inner.Params, inner.ClientParams = a.parameters(len(x.Argtypes))
	inner.Lists, inner.Mixes = a.lists, a.mixesOfTypes
	inner.Question = a.question(inner.Params)
	a.asking, a.answers, a.asked = before, answers, nil
	for _, c := range a.conflicts(inner.Params, inner.ClientParams) {
		if c.Client >= len(x.Argtypes) || last(names(x.Argtypes[c.Client].GetTypeName().GetNames())) == "unknown" {
			a.fail(c.Refusal)
		}
	}
	a.refuseUndeclared(x.Argtypes, inner.ClientParams)
	a.castInferred(x.Query, inner.Params, types, known)
	a.uses = nil
	for i, p := range inner.Params {
		if p.Operand == nil || p.Client < 0 {
			continue
		}
		if p.Client >= len(types) || last(names(x.Argtypes[p.Client].GetTypeName().GetNames())) == "unknown" {
			if r := p.Operand.check(p.Operand.Inferred(), a.literals); r != nil && p.Operand.Beside == besideSame {
				a.fail(r)
				return
			}
			continue
		}
		t := x.Argtypes[p.Client].GetTypeName()
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

// refuseUndeclared refuses a parameter without a declared type whose first use gives it one that
// only the server knows, where it stands for a sealed value as well: that would be read as of the
// column's type. A text is read the same by all types of texts.
func (a *analysis) refuseUndeclared(declared []*pg.Node, client int) {
	by := a.byParameter(client)
	for i := range client {
		if i < len(declared) && last(names(declared[i].GetTypeName().GetNames())) != "unknown" {
			continue
		}
		var first *use
		by.each(i+1, func(u *use, _ bool) {
			switch {
			case first == nil:
				first = u
			case first.operand == nil && first.deduces == 0 && u.operand != nil && u.deduces != logical.OIDText:
				a.fail(refuseUndeclaredType(u.operand.Column, i+1, u.start))
			}
		})
	}
}

// castInferred writes the types to infer into the text, where the type list of
// PREPARE names none. An output would be named after the cast.
func (a *analysis) castInferred(query *pg.Node, params []Param, types []namedType, known []bool) {
	unnamed := unnamedParams(query)
	for _, u := range a.uses {
		i := u.client - 1
		if u.operand != nil || i >= len(params) || params[i].Infer == 0 || params[i].Operand != nil || i < len(types) && known[i] {
			continue
		}
		name := ""
		if slices.Contains(unnamed, int32(u.start)) {
			name = ` AS "?column?"`
		}
		for typ, oid := range typeOIDs {
			switch params[i].Infer {
			case oid:
				a.insert(u.end, "::pg_catalog."+typ+name)
			case logical.Type{OID: oid}.ArrayOID():
				a.insert(u.end, "::pg_catalog."+typ+"[]"+name)
			default:
				continue
			}
			break
		}
	}
}

// unnamedParams is where the parameters stand that are outputs of a statement as they
// are, without a name.
func unnamedParams(statement *pg.Node) (at []int32) {
	outputs := statement.GetInsertStmt().GetReturningList()
	switch x := statement.GetNode().(type) {
	case *pg.Node_SelectStmt:
		first := x.SelectStmt
		for first.Op != pg.SetOperation_SETOP_NONE {
			first = first.Larg
		}
		outputs = first.TargetList
	case *pg.Node_UpdateStmt:
		outputs = x.UpdateStmt.ReturningList
	case *pg.Node_DeleteStmt:
		outputs = x.DeleteStmt.ReturningList
	}
	for _, n := range outputs {
		if t := n.GetResTarget(); t.GetName() == "" && t.GetVal().GetParamRef() != nil {
			at = append(at, t.Val.GetParamRef().Location)
		}
	}
	return at
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
	if inner.Copy != nil {
		a.fail(refuseCopyExecuted(inner.Copy, x.Name))
		return
	}
	if q := inner.Question; q != nil && q.OfRow || inner.Computes() {
		a.fail(refuseFormulaExecuted(x.Name))
		return
	}
	s.Inner, a.alters = inner, a.alters || inner.Alters
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
	switch n := max(inner.ClientParams, len(types)); {
	case len(x.Params) != n:
		a.fail(refuseArguments(x.Name, n, len(x.Params)))
		return
	case n > inner.ClientParams: // the server does not have them
		a.fail(refuseUnused(x.Name))
		return
	}
	a.evaluated = surelyEvaluated
	f := a.furtherArguments(x)
	answers := map[int]int{}
	for i, p := range inner.Params {
		if p.Answer > 0 {
			a.askAgain(f, inner.Question, &inner.Params[i], answers)
			continue
		}
		arg := x.Params[p.Client]
		switch {
		case arg.GetParamRef() != nil:
			a.fail(refuseNoParameter(int(arg.GetParamRef().Number), arg.GetParamRef().Location))
		case p.Operand == nil:
			a.plain(arg, nil)
		default:
			op := *p.Operand
			a.coerced(arg, &op, p.Client, declared(types, p.Client))
			if i >= inner.ClientParams {
				a.argumentAgain(f, arg, &op)
			} else {
				a.argument(arg, &op)
			}
		}
	}
	f.end(a)
}

// coerced makes op the role of an argument, which is assigned to the i-th
// parameter of a prepared statement. Its type is what the client has declared or
// else what the role says.
func (a *analysis) coerced(arg *pg.Node, op *Operand, i int, oid uint32) {
	own := op.Column.Type
	if oid == 0 {
		oid = op.Inferred()
	}
	expected := logical.Type{OID: oid, Typmod: -1}
	if oid == own.OID {
		expected.Def = own.Def
	}
	op.Site = a.argumentSite(arg, i+1, expected)
	if op.Split != "" || op.Array && (own.Def != nil || op.Via != nil) || expected.Shown() != expected && op.Via == nil {
		return // of the column's own domain: it is assigned, and not cut as by a cast
	}
	if op.Array {
		expected.OID = logical.ElementOID(oid)
	}
	switch {
	case op.Via != nil:
		if op.Then = append([]Step{{Type: *op.Via}}, op.Then...); op.Nulled > 0 {
			op.Nulled++
		}
	case op.Null != nil: // NULLIF makes a text of it
		op.Then = []Step{{Type: logical.Type{OID: logical.OIDText, Typmod: -1}}}
	}
	op.Via = &expected
}

// argument is one argument of EXECUTE in a sealed role.
func (a *analysis) argument(n *pg.Node, op *Operand) {
	if !a.bind(n, *op, false) && (op.Null != nil || !a.computed(n, *op, nil)) {
		a.plain(n, nil)
		a.fail(refuseComputedArgument(op.Column, location(n)))
	}
}

// argumentAgain is an argument in a further role.
func (a *analysis) argumentAgain(f *furtherArguments, n *pg.Node, op *Operand) {
	value, casts := withoutCasts(n)
	switch c := value.GetAConst(); {
	case c == nil:
		if answer := a.answerTo(n); answer > 0 && op.Null == nil {
			f.answer(a, op, answer)
			return
		}
		a.fail(refuseComputedArgument(op.Column, location(n)))
	case len(casts) > 0 && !a.readCasts(casts, false, op, c.Location):
	case c.Isnull:
		f.add(a, "NULL", nil)
	default:
		edits := len(a.edits)
		a.literal(c, op)
		if len(a.edits) == edits+1 {
			v := a.edits[edits].value
			a.edits = a.edits[:edits]
			f.add(a, "", v)
		}
	}
}

// askAgain hands over what the server computes anew each time that a prepared
// statement is executed. answers are the numbers here of those of the question q.
func (a *analysis) askAgain(f *furtherArguments, q *Question, p *Param, answers map[int]int) {
	if a.asksLater() || q == nil || p.Answer > len(q.parts) {
		a.fail(refuseAnswerExecuted(p.Operand.Column))
		return
	}
	op := *p.Operand
	op.Site = Site{operator: op.Site.operator, flipped: op.Site.flipped, target: op.Site.target}
	if e := a.stmt.Stmt.GetExplainStmt(); e != nil && !analyzes(e) && op.Role == Store {
		f.add(a, "NULL", nil) // EXPLAIN stores nothing
		return
	}
	part := &q.parts[p.Answer-1]
	x := asked{computation: part.computation, def: part.def, sql: part.sql, start: f.at, operand: &op, answer: answers[p.Answer]}
	x.first, x.last = -1, -1 // nowhere in this text
	if x.answer == 0 {
		a.answers++
		x.answer = a.answers
		answers[p.Answer] = x.answer
	}
	a.asked = append(a.asked, x)
	f.answer(a, &op, x.answer)
}

// answerTo is the number of the answer that an argument has become, 0 if it has not.
func (a *analysis) answerTo(n *pg.Node) int {
	if c, ok := a.computation(n); ok {
		for i := range a.asked {
			if a.asked[i].first == c.first {
				return a.asked[i].answer
			}
		}
	}
	return 0
}

// furtherArguments are those that EXECUTE gets behind the client's.
type furtherArguments struct {
	at     int  // byte
	listed bool // there are some before
	opened bool // the brackets are not the client's
}

// furtherArguments finds the place for them.
func (a *analysis) furtherArguments(x *pg.ExecuteStmt) *furtherArguments {
	f := &furtherArguments{at: -1, listed: len(x.Params) > 0}
	from, end := a.statementTokens()
	for i := from; i+1 < end; i++ {
		if !a.is(i, "execute") {
			continue
		}
		f.at = int(a.tokens[i+1].end)
		if k := a.closing(i + 2); f.listed && k >= 0 {
			f.at = int(a.tokens[k].start)
		}
		break
	}
	return f
}

func (f *furtherArguments) add(a *analysis, text string, v *value) {
	before := ", "
	if !f.listed {
		before, f.listed, f.opened = " (", true, true
	}
	if f.at < 0 {
		a.fail(refuseDefect())
		return
	}
	a.edit(f.at, f.at, before+text, v)
}

// answer adds what the server has computed.
func (f *furtherArguments) answer(a *analysis, op *Operand, number int) {
	f.add(a, "", &value{operand: op, literal: -1, answer: number})
	a.operands = append(a.operands, op)
	a.note(op.verb(), op.Column, "what the server computes", -1)
}

// end closes the brackets.
func (f *furtherArguments) end(a *analysis) {
	if f.opened {
		a.insert(f.at, ")")
	}
}
