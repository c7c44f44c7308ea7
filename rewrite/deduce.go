package rewrite

import (
	"slices"
	"strconv"

	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/catalog"
	"pgseal/logical"
)

// PostgreSQL gives a parameter whose type the client has not declared the type
// of its first use, in the order in which it reads a statement. Uses that stand
// in one row of INSERT or in one SET list are all read first, and then get their
// types one after the other; there it refuses a second type, where elsewhere it
// would cast.

// deduction is the typing of one parameter.
type deduction struct {
	oid   uint32
	typed bool
	// sealed: the type comes from a sealed role.
	sealed bool
}

func (d *deduction) by(u *use) {
	if !d.typed {
		d.typed, d.oid, d.sealed = true, u.deduces, u.operand != nil
	}
}

// usesOf are the uses of each parameter, in the order of the text.
type usesOf struct {
	all []use
	of  [][]int // by parameter: indexes in all
	run []int   // of each use: those that are read together have the same
}

// byParameter takes the uses apart: a batch of rows has as many parameters as uses.
func (a *analysis) byParameter(client int) usesOf {
	by := usesOf{all: a.uses, of: make([][]int, client), run: make([]int, len(a.uses))}
	for i, u := range a.uses {
		by.of[u.client-1] = append(by.of[u.client-1], i)
		switch {
		case i == 0:
		case u.group != 0 && u.group == a.uses[i-1].group:
			by.run[i] = by.run[i-1]
		default:
			by.run[i] = by.run[i-1] + 1
		}
	}
	return by
}

// each gives the uses of a parameter in the order in which they give it a type.
// late are those that were read while it had none.
func (by *usesOf) each(client int, yield func(u *use, late bool)) {
	typed := false
	for list := by.of[client-1]; len(list) > 0; {
		end := 1
		for end < len(list) && by.run[list[end]] == by.run[list[0]] {
			end++
		}
		var late []*use
		for _, i := range list[:end] {
			u := &by.all[i]
			switch {
			case u.neutral:
			case u.bare && !typed:
				late = append(late, u)
			default:
				typed = true
				yield(u, false)
			}
		}
		for _, u := range late {
			typed = true
			yield(u, true)
		}
		list = list[end:]
	}
}

// deduce gives the type that a parameter with a plain role has if the client
// declares none: to be declared to the server where a sealed role decides it,
// as deduced where a plain one does.
func (by *usesOf) deduce(client int) (infer, deduced uint32) {
	var d deduction
	by.each(client, func(u *use, _ bool) { d.by(u) })
	if d.sealed {
		return d.oid, d.oid
	}
	return 0, d.oid
}

// conflicts finds the parameters that PostgreSQL would give two types.
func (a *analysis) conflicts(params []Param, client int) (list []Conflict) {
	roles := make([]bool, client) // a sealed one
	for _, p := range params {
		if p.Client >= 0 {
			roles[p.Client] = roles[p.Client] || p.Operand != nil
		}
	}
	by := a.byParameter(client)
	for i := range client {
		if !roles[i] {
			continue // the server's own
		}
		var d deduction
		refusal := by.untestable(i + 1)
		by.each(i+1, func(u *use, late bool) {
			if d.typed && late && d.oid != 0 && u.deduces != 0 && d.oid != u.deduces && refusal == nil {
				refusal = a.refuseTwoTypes(i+1, d.oid, u.deduces, u.start)
			}
			d.by(u)
		})
		if refusal != nil {
			list = append(list, Conflict{i, refusal})
		}
	}
	return list
}

// untestable is what PostgreSQL says of $1 IS NULL before another use has given
// the parameter its type; nil if there is no such test.
func (by *usesOf) untestable(client int) *Refusal {
	list := by.of[client-1]
	for k, i := range list {
		switch {
		case by.all[i].neutral:
		case k > 0:
			return refuseUntyped(client, by.all[list[0]].start)
		default:
			return nil
		}
	}
	if len(list) == 0 {
		return nil
	}
	r := refuseUntyped(client, -1) // which PostgreSQL finds at the end
	r.Code = codeIndeterminateType
	return r
}

// nextUse is a place in the order in which PostgreSQL reads parameters.
func (a *analysis) nextUse() int {
	a.lastUse++
	return a.lastUse
}

// together analyses what gets its types together with the rest of the group.
func (a *analysis) together(group int, n *pg.Node, f func()) {
	before := len(a.uses)
	f()
	for i := before; i < len(a.uses); i++ {
		a.uses[i].group, a.uses[i].bare = group, n.GetParamRef() != nil
	}
}

// newGroup numbers a group of uses.
func (a *analysis) newGroup() int {
	a.groups++
	return a.groups
}

// deduces notes the type that the uses since before get; 0 for one that is not
// known here.
func (a *analysis) deduces(before int, n *pg.Node, oid uint32) {
	if n.GetParamRef() != nil && len(a.uses) == before+1 {
		a.uses[before].deduces = oid
	}
}

// comparedWith notes the type of a parameter that an operator compares with a
// plain column, for types that have the operator for two values of their own.
func (a *analysis) comparedWith(before int, l, r *pg.Node, sc *scope) {
	if l.GetParamRef() == nil {
		l, r = r, l
	}
	if l.GetParamRef() == nil {
		return
	}
	if c := a.plainColumn(r, sc); c != nil {
		a.deduces(before, l, comparedType(c.typ))
	}
}

// plainColumn is the plain column that an expression is, nil for any other.
func (a *analysis) plainColumn(n *pg.Node, sc *scope) *column {
	ref := n.GetColumnRef()
	if ref == nil {
		return nil
	}
	if star, _ := isStar(ref); star {
		return nil
	}
	if c := a.resolve(ref, sc).column; c != nil && c.sealed == nil {
		return c
	}
	return nil
}

// listedWith is comparedWith for = ANY and an array.
func (a *analysis) listedWith(before int, x *pg.A_Expr, sc *scope) {
	if c := a.plainColumn(x.Lexpr, sc); c != nil {
		a.deduces(before, x.Rexpr, logical.Type{OID: comparedType(c.typ)}.ArrayOID())
	}
}

// countedWith notes the type of a parameter beside a number, in PREPARE, where the server is asked
// for none.
func (a *analysis) countedWith(before int, o logical.Operator, x *pg.A_Expr) {
	l, r, first := x.Lexpr, x.Rexpr, true
	if l.GetParamRef() == nil {
		l, r, first = r, l, false
	}
	if c := r.GetAConst(); a.stmt.Stmt.GetPrepareStmt() == nil || l.GetParamRef() == nil || c.GetIval() == nil && c.GetFval() == nil {
		return
	}
	if of, ok := a.givenAs(r, true); ok {
		a.deduces(before, l, o.Untyped(of, first))
	}
}

// matchedWith is comparedWith for LIKE and its pattern.
func (a *analysis) matchedWith(before int, x *pg.A_Expr, sc *scope) {
	if c := a.plainColumn(x.Lexpr, sc); c != nil && isCharacter(logical.Type{OID: c.typ}) {
		a.deduces(before, x.Rexpr, logical.OIDText)
	}
}

// comparedType is the type that a value without one gets when it is compared
// with one of the type; 0 if that is not known here.
func comparedType(oid uint32) uint32 {
	switch oid {
	case logical.OIDVarchar, logical.OIDCidr: // without operators of their own
		return logical.Type{OID: oid}.Compared().OID
	case oidName:
		return oidName
	case logical.OIDJSON, 0:
		return 0
	}
	for _, known := range typeOIDs {
		if oid == known {
			return oid
		}
	}
	return 0
}

// ladders are types of which each is converted to those behind it without being
// asked, and back by assignment only.
var ladders = [...][]uint32{
	numbers[:],
	{logical.OIDDate, logical.OIDTimestamp, logical.OIDTimestamptz},
	{logical.OIDTime, logical.OIDTimetz},
	{logical.OIDCidr, logical.OIDInet},
	{logical.OIDVarchar, logical.OIDName},
	{logical.OIDBpchar, logical.OIDName},
}

// CommonType is the type that PostgreSQL gives to values of two types in one list,
// the first of which is that of what they are compared with. Where they have none
// in common it is the first.
func CommonType(first, other uint32) uint32 {
	for _, l := range ladders {
		if i := slices.Index(l, first); i >= 0 && slices.Index(l, other) > i {
			return other
		}
	}
	return first
}

func refuseUntyped(parameter, position int) *Refusal {
	return &Refusal{
		Anchor: "type", Code: codeAmbiguousParameter, Position: position,
		Message: "could not determine data type of parameter $" + strconv.Itoa(parameter),
	}
}

func (a *analysis) refuseTwoTypes(parameter int, first, second uint32, position int) *Refusal {
	r := &Refusal{
		Anchor: "type", Code: codeAmbiguousParameter, Position: position,
		Message: "inconsistent types deduced for parameter $" + strconv.Itoa(parameter),
	}
	if one, two := a.snap.TypeName(first), a.snap.TypeName(second); one != "" && two != "" {
		r.Detail = one + " versus " + two
	}
	return r
}

func refuseUndeclaredType(c *catalog.SealedColumn, parameter, position int) *Refusal {
	r := sealedRefusal("undeclared", c, int32(position), "is used with parameter $"+strconv.Itoa(parameter)+", whose type another use decides in the server")
	r.Hint = "Declare the types of the parameters: PREPARE name (type, …) AS …"
	return r
}
