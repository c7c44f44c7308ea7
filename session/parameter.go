package session

import (
	"slices"

	"pgseal/rewrite"
	"pgseal/wire"
)

// A parameter of the client can have several roles, sealed and plain, and
// becomes as many parameters of the server. What type the client's value has
// was decided by the first role in PostgreSQL's order, unless the client has
// declared it; the other roles have to take that type or fail.

// typeParameters decides the types of the client's parameters, and gives those
// to declare to the server, in s.types: bytea for what is sealed. A type that a
// column cannot take is a refusal in the server's words.
func (s *Session) typeParameters(st *statement, p *planning, text []byte) ([]uint32, *wire.Error) {
	if st.plan == nil || st.plan.Params == nil {
		return st.declared, nil
	}
	for _, c := range st.plan.Conflicts {
		if !st.declares(c.Client) {
			return nil, refused(c.Refusal, text)
		}
	}
	st.inferTypes()
	for i, of := range st.plan.Params {
		if of.Read && of.Client == i && !st.declares(i) && !st.agrees(i) {
			return nil, refused(of.Differs, text)
		}
	}
	if refusal := st.checkTypes(&p.bound); refusal != nil {
		return nil, refused(refusal, text)
	}
	if refusal := st.typeOutputs(); refusal != nil {
		return nil, refused(refusal, text)
	}
	s.types = s.types[:0]
	for _, p := range st.plan.Params {
		oid := p.Infer
		if p.Hidden {
			oid = st.types[p.Client]
		}
		if p.Client >= 0 && st.declares(p.Client) {
			oid = st.declared[p.Client]
		}
		if p.Operand != nil {
			oid = p.Operand.ServerOID()
		}
		s.types = append(s.types, oid)
	}
	return s.types, nil
}

// inferTypes decides the types of the client's parameters, as far as that is
// possible before the server has seen the statement.
func (p *statement) inferTypes() {
	p.types = make([]uint32, p.parameters())
	copy(p.types, p.declared)
	for i := range p.types {
		if p.types[i] == oidUnknown {
			p.types[i] = 0
		}
	}
	p.infer(wire.OIDs{})
}

// declares reports that the client has declared the type of its i-th parameter.
func (p *statement) declares(i int) bool {
	return i < len(p.declared) && p.declared[i] != 0 && p.declared[i] != oidUnknown
}

// declaration is the type that the client declares, 0 for none.
func (p *statement) declaration(i int) uint32 {
	if !p.declares(i) {
		return 0
	}
	return p.declared[i]
}

// askTypes has the server describe a statement, invisibly to the client, for
// the types that it has inferred from plain roles.
func (s *Session) askTypes(name []byte, st *statement, out *Output) (action, Need, error) {
	if !s.frame.typing {
		s.frame.typing = true
		out.server.put(wire.AppendTarget(out.server.scratch, wire.TypeDescribe, 'S', name))
		s.push(&request{kind: describeStatement, hidden: true, statement: st})
	}
	return s.waitServer(out)
}

// infer types the client's parameters that have none yet. oids are the types of
// the server's parameters as it describes them, none before it does; until then
// one with a plain role may stay without. That matters if it has a sealed one too.
func (p *statement) infer(oids wire.OIDs) {
	p.untyped = false
	roles, lists := p.roles(), listTypes{}
	if q := p.plan.Question; q != nil {
		defer func() {
			for _, param := range q.Params {
				p.untyped = p.untyped || param.Shared && p.types[param.Client] == 0
			}
		}()
	}
	for i := range p.types {
		if !p.declares(i) && i < len(p.plan.Params) && p.plan.Params[i].Hidden {
			p.types[i] = p.inferredByFormula(i)
		} else if !p.declares(i) {
			p.types[i] = p.inferred(i, roles[i], oids, &lists)
			p.untyped = p.untyped || p.types[i] == 0 && roles[i].sealed != nil
		}
	}
	p.readBy = p.reads()
}

// reads finds the unreported settings by which the statement's parameters have to be
// read: where they become texts.
func (p *statement) reads() unreported {
	for _, param := range p.plan.Params {
		if op := param.Operand; p.plan.Prints || op != nil && param.Client >= 0 && op.Prints(p.types[param.Client]) {
			return floatDigits | byteaOutput
		}
	}
	return 0
}

// inferredByFormula is the type of a parameter that the session computes with.
func (p *statement) inferredByFormula(i int) uint32 {
	g := given{types: slices.Clone(p.declared)}
	for k := range g.types {
		if !p.declares(k) {
			g.types[k] = 0
		}
	}
	for f := range p.formulas {
		if t := f.Infer(i, g.typeOf); t != 0 {
			return t
		}
	}
	return 0
}

// agrees says whether a parameter that the client has not declared has the same type in
// formulas as in what else the statement does with it: then it does not matter which one
// PostgreSQL would read first.
func (p *statement) agrees(i int) bool {
	g := given{types: slices.Clone(p.declared)}
	for k := range g.types {
		if !p.declares(k) {
			g.types[k] = 0
		}
	}
	var types []uint32
	for f := range p.formulas {
		types = f.Infers(types, i, g.typeOf)
	}
	return p.types[i] != 0 && !slices.ContainsFunc(types, func(t uint32) bool { return t != p.types[i] })
}

// formulas are those that compute what the statement stores, and its outputs.
func (p *statement) formulas(yield func(*rewrite.Formula) bool) {
	for _, param := range p.plan.Params {
		if param.Operand != nil && param.Operand.Formula != nil && !yield(param.Operand.Formula) {
			return
		}
	}
	for _, f := range p.plan.Computed() {
		if f != nil && !yield(f) {
			return
		}
	}
	for _, f := range p.plan.Unshown {
		if !yield(f) {
			return
		}
	}
}

// roles are those of one of the client's parameters that decide its type.
type roles struct {
	plain  int // 1-based index of the server's parameter, 0 for none
	sealed *rewrite.Operand
}

func (p *statement) roles() []roles {
	of := make([]roles, len(p.types))
	for j, param := range p.plan.Params {
		switch {
		case param.Client < 0:
		case param.Operand == nil:
			of[param.Client].plain = j + 1
		case of[param.Client].sealed == nil || of[param.Client].sealed.TakesAny():
			of[param.Client].sealed = param.Operand
		}
	}
	return of
}

// inferred is the type of a parameter that the client has not declared, 0 if the
// server has still to say.
func (p *statement) inferred(i int, r roles, oids wire.OIDs, lists *listTypes) uint32 {
	switch {
	case r.plain > 0 && oids.Len() > 0:
		return oids.At(r.plain - 1)
	case r.plain > 0:
		return p.plan.Params[r.plain-1].Deduced
	case r.sealed == nil:
		return oidUnknown // used nowhere
	}
	return p.common(i, r.sealed, lists)
}

// listTypes are what types become in the IN lists of a statement, as far as that
// has been asked.
type listTypes struct {
	of     []int // by parameter: 1-based index of the list that it stands in, 0 for none
	common map[listType]uint32
}

type listType struct {
	list int
	oid  uint32
}

// common is the type of a parameter by its role: in an IN list the common one.
func (p *statement) common(i int, op *rewrite.Operand, lists *listTypes) uint32 {
	oid := op.Inferred()
	if !op.Listed {
		return oid
	}
	if lists.of == nil {
		lists.of, lists.common = make([]int, len(p.types)), map[listType]uint32{}
		for l, list := range slices.Backward(p.plan.Lists) {
			for _, i := range list {
				lists.of[i] = l + 1
			}
		}
	}
	key := listType{lists.of[i], oid}
	if key.list == 0 {
		return oid
	}
	common, known := lists.common[key]
	if !known {
		common = oid
		for _, k := range p.plan.Lists[key.list-1] {
			if p.declares(k) {
				common = rewrite.CommonType(common, p.declared[k])
			}
		}
		lists.common[key] = common
	}
	return common
}

// checkTypes refuses types that a sealed role cannot take. The text is bound, or
// nil when it is too late for a position in it.
func (p *statement) checkTypes(bound *rewrite.Bound) *rewrite.Refusal {
	for i := range p.plan.Mixes {
		if refusal := p.plan.Mixes[i].Refuses(p.declaration); refusal != nil {
			return refusal
		}
	}
	for _, param := range p.plan.Params {
		if param.Operand == nil || param.Answer > 0 && param.Operand.Formula == nil {
			continue
		}
		var oid uint32
		if f := param.Operand.Formula; f == nil {
			oid = p.types[param.Client]
		} else if oid = f.TypeOf((&given{types: p.types}).typeOf); oid == 0 {
			return param.Operand.RefuseFormula()
		}
		var refusal *rewrite.Refusal
		if bound != nil {
			refusal = bound.Check(param.Operand, oid)
		} else {
			refusal = param.Operand.Check(oid)
		}
		if refusal != nil {
			return refusal
		}
	}
	return nil
}
