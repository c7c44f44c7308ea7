package session

import (
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
func (s *Session) typeParameters(st *statement) ([]uint32, *wire.Error) {
	if st.plan == nil || st.plan.Params == nil {
		return st.declared, nil
	}
	st.types = make([]uint32, st.parameters())
	copy(st.types, st.declared)
	for i := range st.types {
		if st.types[i] == oidUnknown {
			st.types[i] = 0
		}
	}
	st.infer(wire.OIDs{})
	if refusal := st.checkTypes(); refusal != nil {
		return nil, refusal
	}
	s.types = s.types[:0]
	for _, p := range st.plan.Params {
		oid := p.Infer
		if p.Client < len(st.declared) && st.declared[p.Client] != 0 {
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

// askTypes has the server describe a statement, invisibly to the client, for
// the types that it has inferred from plain roles.
func (s *Session) askTypes(name []byte, st *statement, out *Output) (action, Need, error) {
	if !s.frame.typing {
		s.frame.typing = true
		out.server.put(wire.AppendTarget(out.server.scratch, wire.TypeDescribe, 'S', name))
		s.push(request{kind: describeStatement, hidden: true, statement: st})
	}
	return s.waitServer(out)
}

// infer types the client's parameters that have none yet. oids are the types of
// the server's parameters as it describes them, none before it does; until then
// one with a plain role may stay without. That matters if it has a sealed one too.
func (p *statement) infer(oids wire.OIDs) {
	p.untyped = false
	for i, t := range p.types {
		if t == 0 {
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
		return p.plan.Params[plain].Infer, operand != nil
	case operand == nil:
		return oidUnknown, false // used nowhere
	}
	return operandType(operand), true
}

// checkTypes refuses types that a sealed role cannot take.
func (p *statement) checkTypes() *wire.Error {
	for _, param := range p.plan.Params {
		if param.Operand == nil {
			continue
		}
		if err := checkDeclared(param.Operand, p.types[param.Client]); err != nil {
			return statementError(valueError(err, param.Operand.Column))
		}
	}
	return nil
}
