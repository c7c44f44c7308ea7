package rewrite

import (
	"bytes"
	"errors"
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/reflect/protoreflect"

	"pgseal/catalog"
	"pgseal/logical"
)

// A condition on literals and parameters alone that is no comparison of them as they are is
// computed by the session: length($1) = 0, $1 > 5, $1 = ANY (ARRAY['', 'all']). The server
// gets true, false or NULL.

// ofConstants says whether there is nothing in an expression that is a column, a query or a
// placeholder of COPY: only literals, parameters, operators and functions.
func ofConstants(n *pg.Node) bool {
	given := false
	other := anywhere(n.ProtoReflect(), func(m protoreflect.Message) bool {
		switch x := m.Interface().(type) {
		case *pg.ColumnRef, *pg.SubLink:
			return true
		case *pg.ParamRef:
			given = true
		case *pg.A_Const:
			given = given || !x.Isnull
		}
		return false
	})
	return given && !other
}

// decidable is a condition with the formula that it is.
type decidable struct {
	maskable
	formula *Formula
	draft   *formulaDraft
}

// decideMasked has the session compute those conditions that it can.
func (a *analysis) decideMasked(all []maskable, of *catalog.SealedColumn) {
	if len(all) == 0 || !a.decidesMasked() {
		return
	}
	var found []decidable
	for _, m := range slices.Backward(all) { // the outer before those inside it
		d := &formulaDraft{computation: computation{first: len(a.tokens), last: -1}, scope: m.scope, bound: true}
		f := a.constantFormula(m.node, d)
		if f == nil || !a.standsPlain(&m) || !a.neverFails(f) || a.choosesStrings(f, d) {
			continue
		}
		if a.settleCalls(d) && a.operatesBuiltIn(d, of) {
			found = append(found, decidable{m, f, d})
		} else if a.err != nil {
			return
		}
	}
	for before := -1; before != len(found); {
		before = len(found)
		typings := a.typings(found)
		found = slices.DeleteFunc(found, func(c decidable) bool { return !a.isTyped(&c, typings) })
	}
	for _, c := range found {
		if !a.standsPlain(&c.maskable) {
			continue // it is in another one
		}
		d := c.draft
		op := &Operand{Column: pseudo(of, logical.Type{OID: logical.OIDBool, Typmod: -1}), Role: Digest, Decides: true, Formula: c.formula}
		a.insert(int(a.tokens[d.first].start), "(")
		a.putConstant(op, d)
		a.insert(int(a.tokens[d.last].end), " AND true)") // a column would get another name
		a.uses = slices.DeleteFunc(a.uses, func(u use) bool { return slices.Contains(c.params, u.start) })
		a.note(op.verb(), of, "a condition on values alone", location(c.node))
	}
}

// operatesBuiltIn says whether all operators of what is computed are PostgreSQL's.
func (a *analysis) operatesBuiltIn(d *formulaDraft, of *catalog.SealedColumn) bool {
	builtIn := !a.mindsOperators() || !slices.ContainsFunc(d.operated, func(o operated) bool {
		left := catalog.Given{Types: []uint32{0}}
		if o.left != nil {
			left = a.givenTo(o.left)
		}
		return !a.isBuiltIn(o.names, left, a.givenTo(o.right), of, o.at)
	})
	if refusal, _ := errors.AsType[*Refusal](a.err); refusal != nil {
		a.err = nil // the server computes with those
	}
	return builtIn
}

// decidesMasked says whether what the session decides can be given to the statement: it is
// neither one that SQL prepares, nor one whose conditions are asked in front of it.
func (a *analysis) decidesMasked() bool {
	stmt := a.stmt.Stmt
	if !a.runs() || a.mode == Kept || stmt.GetPrepareStmt() != nil || stmt.GetExecuteStmt() != nil || stmt.GetCopyStmt() != nil && a.asksLater() {
		return false
	}
	return len(a.formulas) == 0 && !slices.ContainsFunc(a.asked, func(x asked) bool { return x.parts != nil })
}

// typings are the types that the uses of each parameter give it, in all that is found and where
// else it stands. The list has 0 for one that is not known.
func (a *analysis) typings(found []decidable) map[int][]uint32 {
	types, within := map[int][]uint32{}, map[int]bool{}
	for _, c := range found {
		for _, at := range c.params {
			within[at] = true
		}
		for _, p := range c.draft.params {
			client := int(p.Number) - 1
			types[client] = c.formula.Infers(types[client], client, a.typeWith(nil))
		}
	}
	for client := range types {
		for _, f := range a.outputFormulas {
			types[client] = f.Infers(types[client], client, a.typeWith(nil))
		}
	}
	for _, u := range a.uses {
		switch {
		case within[u.start]:
		case u.neutral || u.operand != nil && u.operand.Listed:
			types[u.client-1] = append(types[u.client-1], 0)
		default:
			types[u.client-1] = append(types[u.client-1], u.deduces)
		}
	}
	return types
}

// typeWith gives the types that parts of a formula have by themselves; types are those of parameters
// that are not declared.
func (a *analysis) typeWith(types map[int]uint32) func(*Formula) uint32 {
	return func(f *Formula) uint32 {
		if f.Kind == ParameterValue {
			if oid := declared(a.declared, f.Client); oid != 0 {
				return oid
			}
			return types[f.Client]
		}
		if _, oid, _, err := f.Literal(&Literal{text: a.text, literals: a.literals}); err == nil && oid != oidUnknown {
			return oid
		}
		return 0
	}
}

// isTyped says whether it is known that a formula is a condition, and which types its parameters
// have: PostgreSQL would give them no others.
func (a *analysis) isTyped(c *decidable, typings map[int][]uint32) bool {
	types := map[int]uint32{}
	for _, p := range c.draft.params {
		client := int(p.Number) - 1
		oid := declared(a.declared, client)
		if a.typed = append(a.typed, typedParam{client, oid}); oid != 0 || types[client] != 0 {
			continue
		}
		all := typings[client]
		if all[0] == 0 || slices.ContainsFunc(all, func(t uint32) bool { return t != all[0] }) {
			return false
		}
		types[client] = all[0]
	}
	return c.formula.TypeOf(a.typeWith(types)) == logical.OIDBool
}

// isSoundPattern says whether a literal is a pattern of LIKE without escapes, at whose end one
// would be a mistake.
func (a *analysis) isSoundPattern(f *Formula) bool {
	value, _, _, err := f.Literal(&Literal{text: a.text, literals: a.literals})
	if k := f.text.literal; k >= 0 {
		a.steer(a.literals[k].start)
	}
	return err == nil && bytes.IndexByte(value, '\\') < 0
}
