package rewrite

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/catalog"
	"pgseal/logical"
)

// ALTER COLUMN … TYPE of a sealed column changes what its domain stands for. The server
// gets an ALTER COLUMN … TYPE as well, to the domain that the column has: so it locks
// the table, finds what depends on the column, and calls pgseal.retyped, all in the one
// statement. See docs/decisions/0022-change-of-type.md.

// retyping is an ALTER COLUMN … TYPE of a sealed column.
type retyping struct {
	was    *catalog.SealedColumn
	column *catalog.SealedColumn // as it will be
	anew   bool                  // values of before are none of the new type
	span   term                  // from the type to the end of the command
	at     int32                 // of the type
}

// retypes plans the changes of type of an ALTER TABLE, for what else is in it: the server
// makes them first, wherever they stand.
func (a *analysis) retypes(x *pg.AlterTableStmt, it *item, sc *scope) (changes map[string]retyping) {
	for _, n := range x.Cmds {
		cmd := n.GetAlterTableCmd()
		c := it.column(cmd.GetName())
		if cmd.GetSubtype() != pg.AlterTableType_AT_AlterColumnType || c == nil || c.sealed == nil || a.err != nil {
			continue
		}
		var of *catalog.Column
		if it.relation != nil {
			of = it.relation.Column(cmd.Name)
		}
		d := cmd.Def.GetColumnDef()
		if x.Objtype != pg.ObjectType_OBJECT_TABLE || of == nil || of.Sealed != c.sealed || of.Wrapped() || c.sealed.Broken != "" || changes[cmd.Name].column != nil {
			a.fail(refuseDefinition(c.sealed, x.Relation.Location, "ALTER COLUMN … TYPE"))
			return nil
		}
		r, ok := a.retyping(cmd.Name, d, c.sealed, sc)
		if !ok || !a.keepsIndexes(it.relation, of.AttNum, r) {
			return nil
		}
		converts := false
		if r.anew && of.HasDefault && of.Default == nil && !setsDefault(x.Cmds, cmd.Name, false) {
			// The server would look at the type that the default had first, which is not known.
			converts = !setsDefault(x.Cmds, cmd.Name, true)
			if c.sealed.Type.CheckRetype(cmd.Name, r.column.Type) != nil || converts && !a.convertsDefault(it.relation, r) {
				a.fail(refuseRetype(c.sealed, r.at, "would have to convert its default, too", "Drop the default in the same statement or in front of it, and set it again behind it."))
				return nil
			}
		}
		if changes == nil {
			changes = map[string]retyping{}
		}
		changes[cmd.Name] = r
		a.retype(cmd.Name, d, r)
		if converts {
			a.convertDefault(cmd.Name, it.relation.OID, of.AttNum, r)
		}
	}
	return changes
}

// setsDefault says whether an ALTER TABLE gives a column a default, which the server does
// when it has changed the type, or takes it away, which it does before.
func setsDefault(cmds []*pg.Node, name string, sets bool) bool {
	return slices.ContainsFunc(cmds, func(n *pg.Node) bool {
		cmd := n.GetAlterTableCmd()
		return cmd.GetSubtype() == pg.AlterTableType_AT_ColumnDefault && cmd.Name == name && (cmd.Def != nil) == sets
	})
}

// convertsDefault says whether the constant default of a column can be sealed anew as one
// of the new type: the cast is the same at all times, no other table of a tree has one of
// its own, and the server can be asked for it.
func (a *analysis) convertsDefault(of *catalog.Relation, r retyping) bool {
	if a.mode != Simple || a.several || !r.was.Type.CastsAlike(r.column.Type) {
		return false
	}
	for _, other := range a.snap.Relations() {
		if other != of && other.Kind != 'v' && slices.ContainsFunc(other.Columns, func(c catalog.Column) bool { return c.Sealed == r.was }) {
			return false
		}
	}
	return true
}

// convertDefault has the default opened, and sealed as one of the new type.
func (a *analysis) convertDefault(name string, relation uint32, number int16, r retyping) {
	const printed = "(SELECT pg_catalog.pg_get_expr(adbin, adrelid) FROM pg_catalog.pg_attrdef" +
		" WHERE adrelid OPERATOR(pg_catalog.=) %d::pg_catalog.oid AND adnum OPERATOR(pg_catalog.=) %d)"
	sql := fmt.Sprintf(printed, relation, number)
	a.answers++
	x := asked{computation: computation{first: -1, last: -1}, start: int(r.at), def: &catalog.ComputedDefault{SQL: sql, Check: sql + " IS NOT NULL"}, answer: a.answers,
		operand: &Operand{Column: r.column, Role: Store, Site: Site{target: name}, Default: r.was}}
	a.asked = append(a.asked, x)
	a.edit(r.span.end, r.span.end, ", ALTER COLUMN "+quoteName(name)+" SET DEFAULT ", &value{operand: x.operand, literal: -1, answer: x.answer})
	a.operands = append(a.operands, x.operand)
	a.note("seal", r.column, "its default", r.at)
}

// retyping reads one command. ok is false if it is refused.
func (a *analysis) retyping(name string, d *pg.ColumnDef, c *catalog.SealedColumn, sc *scope) (r retyping, ok bool) {
	r.at = d.TypeName.GetLocation()
	first := a.tokenAt(r.at)
	named, known := a.typeNamed(d.TypeName)
	to := named.whole()
	if first < 0 || !known || to.OID == 0 {
		a.fail(refuseRetype(c, r.at, "cannot be given this type", hintUnsealed(c)))
		return r, false
	}
	_, end := a.statementTokens()
	last := first
	for ; last < end && !a.is(last, ",") && !a.is(last, ";"); last++ {
		if a.is(last, "(") || a.is(last, "[") {
			if last = a.closing(last); last < 0 {
				a.fail(refuseDefect())
				return r, false
			}
		}
	}
	r.span = term{int(a.tokens[first].start), int(a.tokens[last-1].end)}
	keeps, ok := a.using(name, d, c, to, sc)
	if !ok {
		return r, false
	}
	if r.anew = !keeps; r.anew && c.Terms != 0 && !to.HasEquality() {
		a.fail(refuseRetype(c, r.at, "has an equality term, and type "+to.Name()+" cannot have one", hintUnsealed(c)))
		return r, false
	}
	if r.anew && to.Def != nil {
		a.fail(refuseRetype(c, r.at, "cannot be given this type", hintUnsealed(c)))
		return r, false
	}
	column := *c
	column.Type = to
	if r.anew {
		column.ID += nextID
	}
	r.was, r.column = c, &column
	return r, true
}

// using says whether the values that a command makes of those of the column are the same.
// ok is false if it is refused.
func (a *analysis) using(name string, d *pg.ColumnDef, c *catalog.SealedColumn, to logical.Type, sc *scope) (keeps, ok bool) {
	refused := func(err error, at int32) bool {
		if err != nil {
			a.fail(refusedByType(err, at))
		}
		return err != nil
	}
	switch {
	case d.RawDefault == nil:
		return c.Type.Keeps(to), !refused(c.Type.CheckRetype(name, to), -1)
	case d.RawDefault.GetAConst().GetIsnull():
		return false, true
	}
	e := a.peek(d.RawDefault, sc)
	if a.err != nil {
		return false, false
	}
	if e == nil || e.column != c || e.made != nil || e.shown != nil && e.shown != c {
		a.fail(refuseRetype(c, location(d.RawDefault), "cannot be converted by this expression", hintUnsealed(c)))
		return false, false
	}
	from := c.Type
	keeps = true
	for _, cast := range e.casts {
		named, known := a.typeNamed(cast.TypeName)
		if !known {
			a.fail(refuseCast(c, cast.TypeName.GetLocation()))
			return false, false
		}
		next := named.whole()
		if refused(from.CheckRetypeCast(next), cast.Location) {
			return false, false
		}
		keeps = keeps && from.Keeps(next)
		from = next
	}
	return keeps && from.Keeps(to), !refused(from.CheckRetypeUsing(name, to), -1)
}

// nextID is what a type that takes no values of before adds to the id of the column, as
// pgseal.write_type does.
const nextID = 1 << 24

// retype writes the command for the server. That the column has the domain is compared
// where the server reads the statement, and evaluated never.
func (a *analysis) retype(name string, d *pg.ColumnDef, r retyping) {
	c := r.column
	collation := "NULL"
	if names := names(d.CollClause.GetCollname()); len(names) > 0 {
		for i := range names {
			names[i] = quoteName(names[i])
		}
		collation = quoteText(strings.Join(names, "."))
	}
	domain, column := domainSchema+"."+quoteName(c.DomainName), quoteName(name)
	a.edit(r.span.start, r.span.end, fmt.Sprintf("%[1]s USING CASE WHEN COALESCE(pgseal.retyped(%[3]s::pg_catalog.regtype, %[4]d, '%[5]d'::pg_catalog.regtype, %[6]d, %[7]s::pg_catalog.regcollation, %[8]t), "+
		GuardFunction+"(%[2]s, NULL::%[1]s) OPERATOR(pg_catalog.=) '') THEN %[2]s ELSE %[2]s END",
		domain, column, quoteText(domain), r.was.ID, c.Type.OID, c.Type.Typmod, collation, r.anew), nil)
	a.note("retype", c, "as "+c.Type.Name(), r.at)
}

func refusedByType(err error, at int32) error {
	var e *logical.Error
	if !errors.As(err, &e) {
		return refuseDefect()
	}
	return &Refusal{Anchor: "type", Code: e.Code, Message: e.Message, Hint: e.Hint, Position: int(at)}
}

func hintUnsealed(c *catalog.SealedColumn) string {
	return "pgseal unseal " + c.String() + ", change the type, and pgseal seal " + c.String() + " again."
}

func refuseRetype(c *catalog.SealedColumn, position int32, why, hint string) *Refusal {
	r := sealedRefusal("retype", c, position, why)
	r.Detail = "The server cannot convert encrypted values."
	r.Hint = hint
	return r
}
