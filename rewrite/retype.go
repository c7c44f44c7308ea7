package rewrite

import (
	"errors"
	"fmt"
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
		if !ok {
			return nil
		}
		if r.anew && of.HasDefault && of.Default == nil && !dropsDefault(x.Cmds, cmd.Name) {
			a.fail(refuseRetype(c.sealed, r.at, "would have to convert its default, too", "Drop the default in front of it, in the same statement or another, and set it again behind it."))
			return nil
		}
		if changes == nil {
			changes = map[string]retyping{}
		}
		changes[cmd.Name] = r
		a.retype(cmd.Name, d, r)
	}
	return changes
}

// dropsDefault says whether an ALTER TABLE takes the default of a column away before it
// changes the type.
func dropsDefault(cmds []*pg.Node, name string) bool {
	for _, n := range cmds {
		cmd := n.GetAlterTableCmd()
		if cmd.GetSubtype() == pg.AlterTableType_AT_ColumnDefault && cmd.Name == name && cmd.Def == nil {
			return true
		}
	}
	return false
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
	r.column = &column
	return r, true
}

// using says whether the values that a command makes of those of the column are the same.
// ok is false if it is refused.
func (a *analysis) using(name string, d *pg.ColumnDef, c *catalog.SealedColumn, to logical.Type, sc *scope) (keeps, ok bool) {
	refused := func(err error, at int32) bool {
		var e *logical.Error
		if errors.As(err, &e) {
			a.fail(&Refusal{Anchor: "type", Code: e.Code, Message: e.Message, Hint: e.Hint, Position: int(at)})
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
		domain, column, quoteText(domain), c.ID, c.Type.OID, c.Type.Typmod, collation, r.anew), nil)
	a.note("retype", c, "as "+c.Type.Name(), r.at)
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
