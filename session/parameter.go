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
	if refusal := st.checkTypes(&p.bound); refusal != nil {
		return nil, refused(refusal, text)
	}
	s.types = s.types[:0]
	for _, p := range st.plan.Params {
		oid := p.Infer
		if p.Client >= 0 && p.Client < len(st.declared) && st.declared[p.Client] != 0 {
			oid = st.declared[p.Client]
		}
		if p.Operand != nil {
			oid = oidBytea
			if p.Operand.Array {
				oid = oidByteaArray
			}
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
	for i := range p.types {
		if !p.declares(i) {
			var sealed bool
			p.types[i], sealed = p.inferred(i, oids)
			p.untyped = p.untyped || p.types[i] == 0 && sealed
		}
	}
}

// inferred is the type of a parameter that the client has not declared, 0 if the
// server has still to say, and whether it has a sealed role.
func (p *statement) inferred(i int, oids wire.OIDs) (oid uint32, sealed bool) {
	var operand *rewrite.Operand
	plain := -1
	for j, param := range p.plan.Params {
		switch {
		case param.Client != i:
		case param.Operand == nil:
			plain = j
		case operand == nil:
			operand = param.Operand
		}
	}
	switch {
	case plain >= 0 && oids.Len() > 0:
		return oids.At(plain), operand != nil
	case plain >= 0:
		return p.plan.Params[plain].Deduced, operand != nil
	case operand == nil:
		return oidUnknown, false // used nowhere
	}
	return p.common(i, operand), true
}

// common is the type of a parameter by its role: in an IN list the common one.
func (p *statement) common(i int, op *rewrite.Operand) uint32 {
	oid := operandType(op)
	if !op.Listed {
		return oid
	}
	for _, list := range p.plan.Lists {
		if !slices.Contains(list, i) {
			continue
		}
		for _, k := range list {
			if p.declares(k) {
				oid = rewrite.CommonType(oid, p.declared[k])
			}
		}
		break
	}
	return oid
}

// checkTypes refuses types that a sealed role cannot take. The text is bound, or
// nil when it is too late for a position in it.
func (p *statement) checkTypes(bound *rewrite.Bound) *rewrite.Refusal {
	for _, param := range p.plan.Params {
		if param.Operand == nil || param.Answer > 0 {
			continue
		}
		var refusal *rewrite.Refusal
		if bound != nil {
			refusal = bound.Check(param.Operand, p.types[param.Client])
		} else {
			refusal = param.Operand.Check(p.types[param.Client])
		}
		if refusal != nil {
			return refusal
		}
	}
	return nil
}
