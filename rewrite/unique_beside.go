package rewrite

import (
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// uniquesBeside is for UNIQUE constraints over sealed columns that are added or dropped
// beside other commands of the same ALTER TABLE. What becomes of them are statements of
// their own: DROP INDEX in front of what is left of the ALTER TABLE, CREATE UNIQUE INDEX
// behind, which is the order of PostgreSQL's passes. Outside of a block they are one
// transaction, as all statements of a text. It gives the commands that are done with, nil
// where there are none, or where the outcome could be another one.
func (a *analysis) uniquesBeside(x *pg.AlterTableStmt, it *item, s *Statement) (done map[*pg.AlterTableCmd]bool) {
	table, behind := a.alteredTable(x.Relation)
	if len(x.Cmds) < 2 || x.Objtype != pg.ObjectType_OBJECT_TABLE || it.relation == nil || a.mode != Simple || !x.Relation.Inh || table < 0 {
		return nil
	}
	b := besides{analysis: a, it: it, table: a.text[x.Relation.Location:a.tokens[behind-1].end], frees: slices.ContainsFunc(x.Cmds, frees)}
	done = map[*pg.AlterTableCmd]bool{}
	for _, n := range x.Cmds {
		cmd := n.GetAlterTableCmd()
		switch {
		case cmd.GetSubtype() == pg.AlterTableType_AT_DropConstraint && a.isIndex(it.relation, cmd.Name):
			b.drops = append(b.drops, cmd)
		case b.sealedUnique(cmd):
			b.adds = append(b.adds, cmd.Def.GetConstraint())
		case !cannotFail(cmd):
			return nil
		default:
			b.rest = append(b.rest, cmd)
			continue
		}
		done[cmd] = true
	}
	spans := a.commands(behind)
	if len(done) == 0 || len(done) > maxBeside || len(spans) != len(x.Cmds) || !b.keepsNames() || !b.keysStay() {
		return nil
	}
	s.Tag, s.Extra = "ALTER TABLE", len(done)
	from, end := a.statementTokens()
	if len(b.rest) == 0 {
		s.Extra--
		a.edit(int(a.tokens[from].start), int(a.tokens[end-1].end), strings.Join(append(b.dropped(), b.added()...), "; "), nil)
		return done
	}
	for _, drop := range b.dropped() {
		a.insert(int(a.tokens[from].start), drop+"; ")
	}
	kept := -1 // the last command that stays
	for i, n := range x.Cmds {
		switch {
		case !done[n.GetAlterTableCmd()]:
			kept = i
		case kept < 0: // with the comma behind it
			a.edit(int(a.tokens[spans[i][0]].start), int(a.tokens[spans[i][1]].end), "", nil)
		default: // with the comma in front of it
			a.edit(int(a.tokens[spans[i][0]-1].start), int(a.tokens[spans[i][1]-1].end), "", nil)
		}
	}
	for _, add := range b.added() {
		a.insert(int(a.tokens[end-1].end), "; "+add)
	}
	return done
}

// maxBeside is how many constraints one ALTER TABLE may add and drop beside others; the
// session counts the statements that they become.
const maxBeside = 1000

// besides is an ALTER TABLE that becomes several statements.
type besides struct {
	*analysis
	it    *item
	table []byte // as the text names it
	frees bool   // names of constraints
	drops []*pg.AlterTableCmd
	adds  []*pg.Constraint
	rest  []*pg.AlterTableCmd
}

// sealedUnique says whether a command adds a UNIQUE constraint that can be an index over
// terms.
func (b *besides) sealedUnique(cmd *pg.AlterTableCmd) bool {
	c := cmd.GetDef().GetConstraint()
	if cmd.GetSubtype() != pg.AlterTableType_AT_AddConstraint || c.GetContype() != pg.ConstrType_CONSTR_UNIQUE ||
		c.Deferrable || c.Initdeferred || c.NullsNotDistinct || c.Indexspace != "" || len(c.Options) > 0 || len(c.Conname) > nameLength {
		return false
	}
	sealed := false
	for _, name := range names(c.Keys) {
		if k := b.it.column(name); k != nil && k.sealed != nil {
			if k.sealed.Broken != "" || !hasEquality(k.sealed) {
				return false
			}
			sealed = true
		}
	}
	return sealed && !b.repeatsKey(c) && (b.frees || !b.nameInUse(c, b.it))
}

// cannotFail says whether a command of ALTER TABLE has nothing to do with constraints that
// rows have to meet, and leaves the table to its owner: then it does not matter what is
// done first.
func cannotFail(cmd *pg.AlterTableCmd) bool {
	switch cmd.GetSubtype() {
	case pg.AlterTableType_AT_ColumnDefault, pg.AlterTableType_AT_DropNotNull:
		return true
	case pg.AlterTableType_AT_DropColumn, pg.AlterTableType_AT_DropConstraint:
		return cmd.Behavior != pg.DropBehavior_DROP_CASCADE
	case pg.AlterTableType_AT_AddColumn:
		constraints := constraintsOf(cmd.Def.GetColumnDef())
		filled := slices.ContainsFunc(constraints, func(c *pg.Constraint) bool {
			return c.Contype == pg.ConstrType_CONSTR_DEFAULT && !isNullConstant(c.RawExpr)
		})
		return !slices.ContainsFunc(constraints, func(c *pg.Constraint) bool {
			switch c.Contype {
			case pg.ConstrType_CONSTR_DEFAULT, pg.ConstrType_CONSTR_NULL:
				return false
			case pg.ConstrType_CONSTR_NOTNULL:
				return !filled
			}
			return true
		})
	}
	return false
}

// keepsNames says whether the names that constraints without one get are known: nothing
// that is dropped at the same time has had them.
func (b *besides) keepsNames() bool {
	unnamed := 0
	for _, c := range b.adds {
		if c.Conname == "" {
			unnamed++
		}
	}
	return unnamed == 0 || len(b.adds) == 1 && !b.frees
}

// frees says whether a command of ALTER TABLE may drop a constraint.
func frees(n *pg.Node) bool {
	kind := n.GetAlterTableCmd().GetSubtype()
	return kind == pg.AlterTableType_AT_DropColumn || kind == pg.AlterTableType_AT_DropConstraint
}

// keysStay says whether the columns of the new constraints are there, and the same, when
// all else has been done.
func (b *besides) keysStay() bool {
	added, changed := map[string]bool{}, map[string]bool{}
	for _, cmd := range b.rest {
		switch cmd.Subtype {
		case pg.AlterTableType_AT_AddColumn:
			name := cmd.Def.GetColumnDef().Colname
			added[name] = true
			changed[name] = changed[name] || b.it.column(name) != nil
		case pg.AlterTableType_AT_DropColumn:
			changed[cmd.Name] = true
		}
	}
	for _, c := range b.adds {
		for _, name := range append(names(c.Keys), names(c.Including)...) {
			if changed[name] || b.it.column(name) == nil && !added[name] {
				return false
			}
		}
	}
	return true
}

// dropped are the statements that drop the constraints.
func (b *besides) dropped() (list []string) {
	for _, cmd := range b.drops {
		sql := "DROP INDEX " + quoteName(b.it.relation.Schema) + "." + quoteName(cmd.Name)
		if cmd.Behavior == pg.DropBehavior_DROP_CASCADE {
			sql += " CASCADE"
		}
		list = append(list, sql)
	}
	b.touched = b.touched || len(list) > 0
	return list
}

// added are the statements that add them.
func (b *besides) added() (list []string) {
	for _, c := range b.adds {
		name := c.Conname
		if name == "" {
			name = b.freeName(b.it.relation, append(names(c.Keys), names(c.Including)...), "key")
		}
		var keys, including []string
		for _, key := range names(c.Keys) {
			sql := quoteName(key)
			if k := b.it.column(key); k != nil && k.sealed != nil {
				sql = "pgseal.eq(" + sql + ")" + madeOrder
				b.note("index", k.sealed, "by equality term", c.Location)
			}
			keys = append(keys, sql)
		}
		sql := "CREATE UNIQUE INDEX " + quoteName(name) + " ON " + string(b.table) + " (" + strings.Join(keys, ", ") + ")"
		for _, column := range names(c.Including) {
			including = append(including, quoteName(column))
		}
		if including != nil {
			sql += " INCLUDE (" + strings.Join(including, ", ") + ")"
		}
		list = append(list, sql)
	}
	return list
}

// commands are the ranges of tokens of the commands of an ALTER TABLE, from the first on.
func (a *analysis) commands(first int) (spans [][2]int) {
	_, end := a.statementTokens()
	depth, from := 0, first
	for i := first; i < end; i++ {
		switch {
		case a.is(i, "(") || a.is(i, "["):
			depth++
		case a.is(i, ")") || a.is(i, "]"):
			depth--
		case a.is(i, ",") && depth == 0:
			spans = append(spans, [2]int{from, i})
			from = i + 1
		}
	}
	return append(spans, [2]int{from, end})
}
