package rewrite

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/catalog"
)

// A UNIQUE constraint over a sealed column is a unique index over its term, which
// the server cannot call a constraint. Its terms are in descending order, which nothing
// else has: so the catalog knows it again (see catalog.ShownIndex.Made), and a dump
// keeps it.
const madeOrder = " DESC"

// uniqueConstraint is ALTER TABLE … ADD CONSTRAINT … UNIQUE over a sealed column. It
// is false, and has done nothing, for anything else, and where there is no index
// that would do the same.
func (a *analysis) uniqueConstraint(x *pg.AlterTableStmt, it *item) bool {
	cmd, relation := onlyCommand(x), it.relation
	c := cmd.GetDef().GetConstraint()
	if relation == nil || cmd.GetSubtype() != pg.AlterTableType_AT_AddConstraint || c.GetContype() != pg.ConstrType_CONSTR_UNIQUE ||
		c.Deferrable || c.Initdeferred || c.NullsNotDistinct || c.Indexspace != "" || len(c.Keys) == 0 {
		return false
	}
	sealed := false
	for _, name := range names(c.Keys) {
		if k := it.column(name); k != nil && k.sealed != nil {
			if k.sealed.Broken != "" || !hasEquality(k.sealed) {
				return false
			}
			sealed = true
		}
	}
	if sealed && (a.repeatsKey(c) || a.nameInUse(c, it)) {
		return false
	}
	name, named := c.Conname, c.Conname != ""
	if !named {
		name = a.freeName(relation, append(names(c.Keys), names(c.Including)...), "key")
	}
	unique := a.tokenAt(c.Location)
	if named {
		unique += 2 // CONSTRAINT name UNIQUE
	}
	table, behind := a.alteredTable(x.Relation)
	if !sealed || len(name) > nameLength || table < 0 || !a.is(unique, "unique") || !a.is(behind, "add") {
		return false
	}
	elements := a.elements(unique, len(c.Keys))
	if elements == nil || !a.is(unique+1, "(") {
		return false
	}
	a.edit(int(a.tokens[table-1].start), int(a.tokens[table].end), "CREATE UNIQUE INDEX "+quoteName(name)+" ON", nil)
	a.leaveOutIfExists(table)
	a.edit(int(a.tokens[behind].start), int(a.tokens[unique].end), "", nil)
	a.leaveOutTiming()
	for i, key := range names(c.Keys) {
		if k := it.column(key); k != nil && k.sealed != nil {
			t := a.tokens[elements[i]]
			a.insert(int(t.start), "pgseal.eq(")
			a.insert(int(t.end), ")"+madeOrder)
			a.note("index", k.sealed, "by equality term", t.start)
		}
	}
	return true
}

// repeatsKey fails a UNIQUE constraint that names a column twice, which an index may do.
func (a *analysis) repeatsKey(c *pg.Constraint) bool {
	keys := names(c.Keys)
	for i, key := range keys {
		if slices.Contains(keys[:i], key) {
			a.fail(&Refusal{
				Anchor: "unique-constraint", Code: codeDuplicateColumn, Position: int(c.Location),
				Message: "column \"" + key + "\" appears twice in unique constraint",
			})
			return true
		}
	}
	return false
}

// nameInUse fails a UNIQUE constraint with the name of another constraint of its table, which
// an index may have. The server would say before that a column is not there.
func (a *analysis) nameInUse(c *pg.Constraint, it *item) bool {
	if !slices.Contains(it.relation.Constraints, c.Conname) || slices.ContainsFunc(names(c.Keys), func(key string) bool { return it.column(key) == nil }) {
		return false
	}
	a.stale = true
	a.fail(constraintExists(c.Conname, it.relation))
	return true
}

func constraintExists(name string, r *catalog.Relation) *Refusal {
	return &Refusal{
		Anchor: "unique-constraint", Code: codeDuplicateObject, Position: -1,
		Message: "constraint \"" + name + "\" for relation \"" + r.Name + "\" already exists",
	}
}

// dropsConstraint is ALTER TABLE … DROP CONSTRAINT of one that is an index over
// terms. It is false, and has done nothing, for anything else.
func (a *analysis) dropsConstraint(x *pg.AlterTableStmt, it *item) bool {
	cmd := onlyCommand(x)
	if it.relation == nil || cmd.GetSubtype() != pg.AlterTableType_AT_DropConstraint || !a.isIndex(it.relation, cmd.Name) {
		return false
	}
	table, i := a.alteredTable(x.Relation)
	if table < 0 || !a.is(i, "drop") || !a.is(i+1, "constraint") {
		return false
	}
	if i += 2; a.is(i, "if") && a.is(i+1, "exists") {
		i += 2
	}
	if name, ok := a.tokenName(a.tokens[i]); !ok || name != cmd.Name {
		return false
	}
	a.edit(int(a.tokens[table-1].start), int(a.tokens[i].end), "DROP INDEX "+quoteName(it.relation.Schema)+"."+quoteName(cmd.Name), nil)
	a.touched = true
	return true
}

// keepsConstraint fails DROP INDEX of an index that stands for a UNIQUE constraint, as
// the server does with that of a constraint.
func (a *analysis) keepsConstraint(x *pg.DropStmt) {
	if x.RemoveType != pg.ObjectType_OBJECT_INDEX {
		return
	}
	for _, o := range x.Objects {
		parts := names(listOf(o))
		if len(parts) == 0 || len(parts) > 2 {
			continue
		}
		for _, r := range a.snap.Relations() {
			if !a.isIndex(r, last(parts)) || len(parts) == 2 && r.Schema != parts[0] || len(parts) == 1 && !a.pathReaches(r) {
				continue
			}
			a.stale = true
			index, of := last(parts), "constraint "+last(parts)+" on table "+r.Name
			a.fail(&Refusal{
				Anchor: "unique-constraint", Code: codeDependents, Position: -1,
				Message: "cannot drop index " + index + " because " + of + " requires it", Hint: "You can drop " + of + " instead.",
			})
		}
	}
}

// comments refuses COMMENT ON CONSTRAINT of one that is an index over terms, which the
// server would say is not there.
func (a *analysis) comments(x *pg.CommentStmt) {
	parts := names(listOf(x.Object))
	n := len(parts)
	if x.Objtype != pg.ObjectType_OBJECT_TABCONSTRAINT || n < 2 || n > 3 {
		return
	}
	for _, r := range a.snap.Relations() {
		if r.Name != parts[n-2] || !a.isIndex(r, parts[n-1]) || n == 3 && r.Schema != parts[0] || n == 2 && !a.pathReaches(r) {
			continue
		}
		a.stale = true
		a.fail(&Refusal{
			Anchor: "unique-constraint", Code: codeNotSupported, Position: -1,
			Message: "constraint \"" + parts[n-1] + "\" is an index over sealed values, which has no comment of a constraint",
			Hint:    "Put the comment on the index, by COMMENT ON INDEX.",
		})
	}
}

// dropsBeside refuses to drop one beside other commands.
func (a *analysis) dropsBeside(x *pg.AlterTableStmt, it *item) {
	for _, n := range x.Cmds {
		c := n.GetAlterTableCmd()
		if len(x.Cmds) > 1 && it.relation != nil && c.GetSubtype() == pg.AlterTableType_AT_DropConstraint && a.isIndex(it.relation, c.Name) {
			a.fail(&Refusal{
				Anchor: "unique-constraint", Code: codeNotSupported, Position: -1,
				Message: "constraint \"" + c.Name + "\" is an index over sealed values, which cannot be dropped together with these changes",
				Hint:    "Send ALTER TABLE … DROP CONSTRAINT as a statement of its own.",
			})
		}
	}
}

// takesIndex refuses to make a constraint of an index that exists (USING INDEX) and is
// over terms: for the server it is over expressions.
func (a *analysis) takesIndex(c *pg.Constraint, it *item, what string) {
	if c.Indexname == "" || it == nil || it.relation == nil {
		return
	}
	if !overTerms(it, c.Indexname) {
		return
	}
	hint := "Values are unique by the index as it is. For a constraint, drop the index and send ALTER TABLE … ADD CONSTRAINT … UNIQUE (…), which makes one."
	if c.Contype == pg.ConstrType_CONSTR_PRIMARY {
		hint = "Values are unique by the index as it is."
	}
	a.fail(&Refusal{
		Anchor: "unique-constraint", Code: codeNotSupported, Position: int(c.Location),
		Message: "index \"" + c.Indexname + "\" is over sealed values, of which " + what + " cannot be made",
		Hint:    hint,
	})
}

// overTerms says whether a unique index of a table is one over sealed values.
func overTerms(it *item, index string) bool {
	return it.relation != nil && slices.ContainsFunc(it.relation.Uniques, func(u catalog.Unique) bool { return u.Name == index })
}

// identifies refuses a replica identity that is an index over terms: to the server it is
// one of expressions, which identifies no row.
func (a *analysis) identifies(index string, it *item, at int32) {
	if overTerms(it, index) {
		a.fail(&Refusal{
			Anchor: "definition", Code: codeNotSupported, Position: int(at),
			Message: "index \"" + index + "\" is over sealed values, and cannot be a replica identity",
			Hint:    "Use the primary key (REPLICA IDENTITY DEFAULT), an index over plain columns, or REPLICA IDENTITY FULL.",
		})
	}
}

// constraintThere fails a constraint of the name of one that is an index over terms,
// which the server would not find in its way. One that is an index itself it finds.
func (a *analysis) constraintThere(name string, kind pg.ConstrType, it *item) bool {
	if kind != pg.ConstrType_CONSTR_CHECK && kind != pg.ConstrType_CONSTR_FOREIGN || it == nil || it.relation == nil || !a.isIndex(it.relation, name) {
		return false
	}
	a.stale = true
	a.fail(constraintExists(name, it.relation))
	return true
}

// isIndex says whether a constraint is an index over terms.
func (a *analysis) isIndex(r *catalog.Relation, constraint string) bool {
	if slices.ContainsFunc(r.Uniques, func(u catalog.Unique) bool { return u.Made && u.Name == constraint }) {
		return true
	}
	return a.snap.Shown() != nil && slices.ContainsFunc(a.snap.Shown().Indexes, func(x catalog.ShownIndex) bool {
		return x.Relation == r.OID && x.Name == constraint && x.IsConstraint()
	})
}

// renamesConstraint is ALTER TABLE … RENAME CONSTRAINT of one that is an index over
// terms. It has done nothing for anything else.
func (a *analysis) renamesConstraint(x *pg.RenameStmt, s *Statement) {
	if x.RenameType != pg.ObjectType_OBJECT_TABCONSTRAINT || x.Relation == nil {
		return
	}
	it := a.baseItem(x.Relation)
	if a.constraintThere(x.Newname, pg.ConstrType_CONSTR_CHECK, it) {
		return
	}
	if it.relation == nil || !a.isIndex(it.relation, x.Subname) {
		return
	}
	if slices.Contains(it.relation.Constraints, x.Newname) {
		a.stale = true
		a.fail(constraintExists(x.Newname, it.relation))
		return
	}
	table, i := a.alteredTable(x.Relation)
	if table < 0 || !a.is(i, "rename") || !a.is(i+1, "constraint") || !a.is(i+3, "to") {
		return
	}
	a.edit(int(a.tokens[table-1].start), int(a.tokens[i+2].end), "ALTER INDEX "+quoteName(it.relation.Schema)+"."+quoteName(x.Subname)+" RENAME", nil)
	a.touched = true
	s.Tag = "ALTER TABLE"
}

// onlyCommand is the command of an ALTER TABLE that has one, else nil.
func onlyCommand(x *pg.AlterTableStmt) *pg.AlterTableCmd {
	if len(x.Cmds) != 1 || x.Objtype != pg.ObjectType_OBJECT_TABLE {
		return nil
	}
	return x.Cmds[0].GetAlterTableCmd()
}

// alteredTable finds the tokens TABLE of ALTER TABLE and the one behind the name;
// -1 if they are not there.
func (a *analysis) alteredTable(rv *pg.RangeVar) (table, behind int) {
	from, _ := a.statementTokens()
	behind = a.behindRelation(rv)
	if !a.is(from, "alter") || !a.is(from+1, "table") || behind < 0 || a.is(behind, "*") {
		return -1, -1
	}
	return from + 1, behind
}

// leaveOutTiming takes NOT DEFERRABLE and INITIALLY IMMEDIATE off the end, which no
// index has and every index is.
func (a *analysis) leaveOutTiming() {
	_, end := a.statementTokens()
	for a.is(end-2, "not") && a.is(end-1, "deferrable") || a.is(end-2, "initially") && a.is(end-1, "immediate") {
		a.edit(int(a.tokens[end-2].start), int(a.tokens[end-1].end), "", nil)
		end -= 2
	}
}

// leaveOutIfExists takes IF EXISTS behind TABLE out: the table is known.
func (a *analysis) leaveOutIfExists(table int) {
	if a.is(table+1, "if") && a.is(table+2, "exists") {
		a.edit(int(a.tokens[table+1].start), int(a.tokens[table+2].end), "", nil)
	}
}
