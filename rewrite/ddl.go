package rewrite

import (
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/catalog"
)

// utility is any statement that is neither a query nor about prepared
// statements.
func (a *analysis) utility(n *pg.Node, s *Statement) {
	a.truth = n.GetCreateTableAsStmt() == nil // definitions hold the catalogs as they are
	switch x := n.GetNode().(type) {
	case *pg.Node_TransactionStmt, *pg.Node_VariableSetStmt, *pg.Node_VariableShowStmt, *pg.Node_LockStmt,
		*pg.Node_VacuumStmt, *pg.Node_ClusterStmt, *pg.Node_ReindexStmt, *pg.Node_TruncateStmt,
		*pg.Node_GrantStmt, *pg.Node_GrantRoleStmt, *pg.Node_CommentStmt, *pg.Node_SecLabelStmt,
		*pg.Node_RefreshMatViewStmt, *pg.Node_NotifyStmt,
		*pg.Node_ListenStmt, *pg.Node_UnlistenStmt, *pg.Node_ConstraintsSetStmt, *pg.Node_CheckPointStmt, *pg.Node_LoadStmt:
		// They move no value between the client and a sealed column.
		switch x := x.(type) {
		case *pg.Node_TransactionStmt:
			if x.TransactionStmt.Kind == pg.TransactionStmtKind_TRANS_STMT_COMMIT_PREPARED {
				s.Effect = ChangesCatalog // whatever the transaction has done
			}
		case *pg.Node_CommentStmt:
			a.comments(x.CommentStmt)
		case *pg.Node_RefreshMatViewStmt:
			a.refreshes(x.RefreshMatViewStmt)
		}
		return
	case *pg.Node_CallStmt:
		a.generic(n.ProtoReflect(), nil)
		return
	case *pg.Node_DoStmt:
		a.body("this DO block", x.DoStmt.Args)
	case *pg.Node_DropStmt:
		a.dropTypes(x.DropStmt)
		a.dropsCollation(x.DropStmt)
		a.keepsConstraint(x.DropStmt)
	case *pg.Node_RenameStmt:
		a.renamesConstraint(x.RenameStmt, s)
		a.renamesColumn(x.RenameStmt)
		a.keepsCollation(x.RenameStmt.RenameType, x.RenameStmt.Object, "ALTER … RENAME")
	case *pg.Node_AlterObjectSchemaStmt:
		a.keepsCollation(x.AlterObjectSchemaStmt.ObjectType, x.AlterObjectSchemaStmt.Object, "ALTER … SET SCHEMA")
	case *pg.Node_AlterOwnerStmt,
		*pg.Node_AlterObjectDependsStmt, *pg.Node_AlterTableMoveAllStmt, *pg.Node_CreateSeqStmt, *pg.Node_AlterSeqStmt,
		*pg.Node_AlterStatsStmt, *pg.Node_DropOwnedStmt, *pg.Node_ReassignOwnedStmt, *pg.Node_CreateExtensionStmt,
		*pg.Node_ImportForeignSchemaStmt: // whose names are the other server's
	case *pg.Node_CompositeTypeStmt: // its name is a new one
		for _, d := range x.CompositeTypeStmt.Coldeflist {
			a.plain(d, nil)
		}
	case *pg.Node_CreateSchemaStmt:
		for _, e := range x.CreateSchemaStmt.SchemaElts {
			a.utility(e, s)
		}
	case *pg.Node_ViewStmt:
		a.persistent = true
		a.define("a view", a.query(x.ViewStmt.Query, nil))
	case *pg.Node_CreateTableAsStmt:
		a.createTableAs(x.CreateTableAsStmt, s)
	case *pg.Node_CreateFunctionStmt:
		a.createFunction(x.CreateFunctionStmt)
	case *pg.Node_CreateStmt:
		a.createTable(x.CreateStmt)
	case *pg.Node_CreateForeignTableStmt:
		a.createTable(x.CreateForeignTableStmt.BaseStmt)
	case *pg.Node_AlterTableStmt:
		a.alterTable(x.AlterTableStmt, s)
	case *pg.Node_IndexStmt:
		a.index(x.IndexStmt)
	case *pg.Node_CreateTrigStmt:
		t := x.CreateTrigStmt
		a.clause(t.Relation, "a trigger's WHEN condition", []*pg.Node{t.WhenClause}, "old", "new")
	case *pg.Node_CreatePolicyStmt:
		p := x.CreatePolicyStmt
		a.clause(p.Table, "a row security policy", []*pg.Node{p.Qual, p.WithCheck})
	case *pg.Node_AlterPolicyStmt:
		p := x.AlterPolicyStmt
		a.clause(p.Table, "a row security policy", []*pg.Node{p.Qual, p.WithCheck})
	case *pg.Node_CreateStatsStmt:
		if rels := x.CreateStatsStmt.Relations; len(rels) > 0 {
			a.clause(rels[0].GetRangeVar(), "extended statistics", x.CreateStatsStmt.Exprs)
		}
	case *pg.Node_AlterEnumStmt:
		if e := x.AlterEnumStmt; e.OldVal != "" {
			a.keepType(e.TypeName, "ALTER TYPE … RENAME VALUE", "Unseal the columns of this type first: their stored values have the label of now.")
		}
	case *pg.Node_AlterDomainStmt:
		a.keepType(x.AlterDomainStmt.TypeName, "ALTER DOMAIN", "Unseal the columns of this type first: the server cannot check their stored values.")
	case *pg.Node_CreatePublicationStmt:
		a.publication(x.CreatePublicationStmt.Pubobjects)
	case *pg.Node_AlterPublicationStmt:
		a.publication(x.AlterPublicationStmt.Pubobjects)
	default:
		a.generic(n.ProtoReflect(), nil)
	}
	s.Effect = ChangesCatalog
	a.cacheable = false
}

// define refuses an object definition whose query leaves the number of outputs
// open before a sealed one; plain sealed outputs carry their type along.
func (a *analysis) define(what string, outputs []column) {
	for _, c := range outputs {
		if c.sealed != nil && (c.sealed.Broken != "" || c.bare) {
			a.fail(refuseDefinition(c.sealed, -1, what))
		}
	}
}

// createTableAs is CREATE TABLE AS and CREATE MATERIALIZED VIEW.
func (a *analysis) createTableAs(x *pg.CreateTableAsStmt, s *Statement) {
	if x.Objtype == pg.ObjectType_OBJECT_MATVIEW {
		a.persistent = true
	}
	if e := x.Query.GetExecuteStmt(); e != nil {
		inner := Statement{}
		a.execute(e, &inner)
		return
	}
	a.define("a table", a.query(x.Query, nil))
}

// clause analyses expressions over one relation that become part of an object:
// they may test sealed columns for NULL and nothing else. The relation has the
// given names, or its own.
func (a *analysis) clause(rv *pg.RangeVar, what string, expressions []*pg.Node, names ...string) {
	if rv == nil {
		return
	}
	base := a.baseItem(rv)
	sc := &scope{items: []*item{base}}
	if len(names) > 0 {
		sc.items = nil
		for _, name := range names {
			it := *base
			it.name, it.schema, it.byColumn = name, "", false
			sc.items = append(sc.items, &it)
		}
	}
	a.untouching(what, sc, expressions)
}

// untouching analyses expressions that must not touch a sealed column beyond
// IS [NOT] NULL.
func (a *analysis) untouching(what string, sc *scope, expressions []*pg.Node) {
	edits, actions, persistent := len(a.edits), len(a.actions), a.persistent
	a.persistent = true
	for _, n := range expressions {
		a.in(what, func() { a.plain(n, sc) })
	}
	a.persistent = persistent // other commands of an ALTER TABLE store constants
	if len(a.edits) > edits && a.err == nil {
		c, at := a.editedColumn(actions)
		a.fail(refuseDefinition(c, at, what))
	}
}

// editedColumn is the column of the first action from number i on.
func (a *analysis) editedColumn(i int) (*catalog.SealedColumn, int32) {
	if i < len(a.acted) {
		return a.acted[i], int32(a.actions[i].Position)
	}
	return &catalog.SealedColumn{}, -1
}

// createTable is CREATE TABLE.
func (a *analysis) createTable(x *pg.CreateStmt) {
	it := &item{name: x.Relation.GetRelname(), schema: x.Relation.GetSchemaname(), byName: true, byColumn: true, base: true}
	for _, n := range x.InhRelations {
		it.columns = append(it.columns, a.baseItem(n.GetRangeVar()).columns...)
	}
	if x.OfTypename != nil {
		a.typeName(x.OfTypename, nil)
	}
	var constraints []*pg.Constraint
	for _, n := range x.TableElts {
		switch e := n.Node.(type) {
		case *pg.Node_ColumnDef:
			if c := it.column(e.ColumnDef.Colname); c != nil && c.sealed != nil && e.ColumnDef.TypeName != nil {
				a.fail(refuseDefinition(c.sealed, e.ColumnDef.Location, "a child table's own definition of the column"))
			}
			if e.ColumnDef.TypeName == nil {
				a.partitionColumn(e.ColumnDef, it)
			}
			it.columns = append(it.columns, column{name: e.ColumnDef.Colname})
			a.typeName(e.ColumnDef.TypeName, nil)
			constraints = append(constraints, constraintsOf(e.ColumnDef)...)
		case *pg.Node_TableLikeClause:
			it.columns = append(it.columns, a.baseItem(e.TableLikeClause.Relation).columns...)
		case *pg.Node_Constraint:
			constraints = append(constraints, e.Constraint)
		}
	}
	for _, n := range x.Constraints {
		constraints = append(constraints, n.GetConstraint())
	}
	sc := &scope{items: []*item{it}}
	for _, c := range constraints {
		a.constraint(c, it, sc)
	}
	if x.Partspec != nil {
		for _, n := range x.Partspec.PartParams {
			p := n.GetPartitionElem()
			a.key(p.GetName(), it, "a partition key", p.GetLocation())
			a.untouching("a partition key", sc, []*pg.Node{p.GetExpr()})
		}
	}
	if x.Partbound != nil {
		a.generic(x.Partbound.ProtoReflect(), nil)
	}
}

// partitionColumn is what a partition adds to a column of its parent.
func (a *analysis) partitionColumn(d *pg.ColumnDef, it *item) {
	for _, c := range constraintsOf(d) {
		switch c.Contype {
		case pg.ConstrType_CONSTR_UNIQUE:
			a.key(d.Colname, it, "a UNIQUE constraint", c.Location)
		case pg.ConstrType_CONSTR_PRIMARY:
			a.key(d.Colname, it, "a PRIMARY KEY", c.Location)
		case pg.ConstrType_CONSTR_FOREIGN:
			a.key(d.Colname, it, "a FOREIGN KEY", c.Location)
		case pg.ConstrType_CONSTR_DEFAULT:
			if !c.RawExpr.GetAConst().GetIsnull() {
				a.key(d.Colname, it, "a default", c.Location)
			}
		}
	}
}

func constraintsOf(d *pg.ColumnDef) (list []*pg.Constraint) {
	for _, n := range d.Constraints {
		if c := n.GetConstraint(); c != nil {
			list = append(list, c)
		}
	}
	return list
}

// constraint refuses a constraint that the server would check over envelopes.
func (a *analysis) constraint(c *pg.Constraint, it *item, sc *scope) {
	if c == nil || a.constraintThere(c.Conname, c.Contype, it) {
		return
	}
	what := "this constraint"
	switch c.Contype {
	case pg.ConstrType_CONSTR_CHECK:
		what = "a CHECK constraint"
	case pg.ConstrType_CONSTR_DEFAULT:
		what = "a default"
	case pg.ConstrType_CONSTR_GENERATED:
		what = "a generated column"
	case pg.ConstrType_CONSTR_PRIMARY:
		what = "a PRIMARY KEY"
	case pg.ConstrType_CONSTR_UNIQUE:
		what = "a UNIQUE constraint"
	case pg.ConstrType_CONSTR_EXCLUSION:
		what = "an EXCLUDE constraint"
	case pg.ConstrType_CONSTR_FOREIGN:
		what = "a FOREIGN KEY"
	}
	a.takesIndex(c, it, what)
	a.untouching(what, sc, []*pg.Node{c.RawExpr, c.WhereClause})
	for _, name := range append(names(c.Keys), names(c.FkAttrs)...) {
		a.key(name, it, what, c.Location)
	}
	for _, n := range c.Exclusions {
		for _, e := range listOf(n) {
			a.key(e.GetIndexElem().GetName(), it, what, c.Location)
			a.untouching(what, sc, []*pg.Node{e.GetIndexElem().GetExpr()})
		}
	}
	if c.Pktable != nil {
		referenced := it
		// A table that refers to itself is the one that is made here, whatever else
		// has its name.
		if c.Pktable.Relname != it.name || c.Pktable.Schemaname != it.schema {
			referenced = a.baseItem(c.Pktable)
		}
		for _, name := range names(c.PkAttrs) {
			a.key(name, referenced, what, c.Location)
		}
	}
}

// key refuses a sealed column among the keys of a constraint.
func (a *analysis) key(name string, it *item, what string, at int32) {
	if c := it.column(name); name != "" && c != nil && c.sealed != nil {
		if what == "a UNIQUE constraint" && hasEquality(c.sealed) {
			a.fail(refuseUniqueConstraint(c.sealed, at))
		}
		r := refuseDefinition(c.sealed, at, what)
		if what == "a UNIQUE constraint" && c.sealed.Type.HasEquality() {
			r.Hint = "pgseal seal " + c.sealed.String() + " --equality"
		}
		a.fail(r)
	}
}

// refreshes refuses to compare the rows of a materialized view with those of before by a
// unique index over terms, which the server takes for one over expressions.
func (a *analysis) refreshes(x *pg.RefreshMatViewStmt) {
	if !x.Concurrent {
		return
	}
	r := a.baseItem(x.Relation).relation
	if r == nil || r.Refreshes {
		return
	}
	for _, u := range r.Uniques {
		if !u.Partial {
			a.fail(&Refusal{
				Anchor: "refresh", Code: codeNotSupported, Position: int(x.Relation.Location),
				Message: "materialized view " + r.Name + " cannot be refreshed concurrently by unique index " + u.Name + ", which is over terms of sealed values",
				Hint:    "Create a unique index over plain columns of it, or leave out CONCURRENTLY.",
			})
			return
		}
	}
}

// alterTable is ALTER TABLE and its kin.
func (a *analysis) alterTable(x *pg.AlterTableStmt, s *Statement) {
	it := a.baseItem(x.Relation)
	it.name, it.schema = x.Relation.Relname, x.Relation.Schemaname
	if r := it.relation; r != nil && (r.Kind == 'v' || r.Kind == 'm') && slices.ContainsFunc(x.Cmds, addsConstraint) {
		return // which no view can have
	}
	if a.err == nil && (a.uniqueConstraint(x, it) || a.dropsConstraint(x, it)) {
		s.Tag = "ALTER TABLE"
		return
	}
	done := a.uniquesBeside(x, it, s)
	if done == nil {
		a.dropsBeside(x, it)
	}
	a.addColumns(x, it)
	sc := &scope{items: []*item{it}}
	changes := a.retypes(x, it, sc)
	a.retyped, s.Guarded = changes != nil, changes != nil
	for _, n := range x.Cmds {
		cmd := n.GetAlterTableCmd()
		if cmd == nil || a.err != nil || done[cmd] {
			continue
		}
		var sealed *catalog.SealedColumn
		if c := it.column(cmd.Name); c != nil {
			sealed = c.sealed
		}
		if r := changes[cmd.Name]; r.column != nil {
			sealed = r.column
		}
		switch def := cmd.Def.GetNode().(type) {
		case *pg.Node_ColumnDef:
			a.columnDefinition(cmd, def.ColumnDef, it, sc, sealed)
		case *pg.Node_Constraint:
			if cmd.Subtype == pg.AlterTableType_AT_AddIdentity && sealed != nil && slices.Contains(numbers[:3], sealed.Type.OID) {
				a.alterColumn(cmd, sealed, sc, x.Relation.Location)
				continue
			}
			a.constraint(def.Constraint, it, sc)
		case *pg.Node_RangeVar:
			if cmd.Subtype == pg.AlterTableType_AT_AddInherit {
				a.becomesChild(it, a.baseItem(def.RangeVar), def.RangeVar.Location)
			}
		case *pg.Node_TypeName: // OF
			a.becomesTyped(it, def.TypeName)
		case *pg.Node_PartitionCmd:
			if cmd.Subtype == pg.AlterTableType_AT_AttachPartition {
				a.becomesChild(a.baseItem(def.PartitionCmd.Name), it, def.PartitionCmd.Name.GetLocation())
			}
		case *pg.Node_ReplicaIdentityStmt:
			a.identifies(def.ReplicaIdentityStmt.Name, it, x.Relation.Location)
		case nil:
		default:
			a.alterColumn(cmd, sealed, sc, x.Relation.Location)
		}
	}
	a.adds(x, it.relation)
}

// becomesChild refuses a child of a table, whose columns the server compares with the
// table's: two that are sealed apart, or of which one is sealed, have one type in clear
// only.
func (a *analysis) becomesChild(child, parent *item, at int32) {
	for _, p := range parent.columns {
		c := child.column(p.name)
		if c == nil || c.sealed == p.sealed {
			continue
		}
		if p.sealed != nil {
			a.fail(refuseOwnType(p.sealed, at, child.name))
		} else {
			a.fail(refuseOwnType(c.sealed, at, parent.name))
		}
		return
	}
}

// becomesTyped refuses a composite type for a table with a sealed column: the server
// compares its attributes with what the columns are stored as.
func (a *analysis) becomesTyped(it *item, of *pg.TypeName) {
	a.typeName(of, nil)
	for _, c := range it.columns {
		if c.sealed != nil {
			r := refuseOwnType(c.sealed, of.Location, "type "+last(names(of.Names)))
			r.Hint = "Leave the table without a type, or unseal the column."
			a.fail(r)
			return
		}
	}
}

// addColumns adds to a table what other commands of its ALTER TABLE find there: columns
// are added before constraints.
func (a *analysis) addColumns(x *pg.AlterTableStmt, it *item) {
	for _, n := range x.Cmds {
		d := n.GetAlterTableCmd().GetDef().GetColumnDef()
		if n.GetAlterTableCmd().GetSubtype() == pg.AlterTableType_AT_AddColumn && d != nil && it.column(d.Colname) == nil {
			it.columns = append(it.columns, column{name: d.Colname})
		}
	}
}

func addsConstraint(n *pg.Node) bool { return n.GetAlterTableCmd().GetDef().GetConstraint() != nil }

// columnDefinition is ADD COLUMN, or ALTER COLUMN … TYPE.
func (a *analysis) columnDefinition(cmd *pg.AlterTableCmd, d *pg.ColumnDef, it *item, sc *scope, sealed *catalog.SealedColumn) {
	a.typeName(d.TypeName, nil)
	if cmd.Subtype == pg.AlterTableType_AT_AlterColumnType && sealed != nil {
		return // see retype.go
	}
	a.untouching("ALTER COLUMN … TYPE", sc, []*pg.Node{d.RawDefault})
	for _, c := range constraintsOf(d) {
		a.constraint(c, it, sc)
	}
}

// alterColumn is what remains: settings of a column, its default above all.
func (a *analysis) alterColumn(cmd *pg.AlterTableCmd, sealed *catalog.SealedColumn, sc *scope, at int32) {
	switch cmd.Subtype {
	case pg.AlterTableType_AT_SetStorage, pg.AlterTableType_AT_SetCompression:
		if sealed != nil {
			a.toast(cmd, sealed)
		}
		return
	case pg.AlterTableType_AT_SetStatistics, pg.AlterTableType_AT_SetOptions, pg.AlterTableType_AT_ResetOptions:
		return
	}
	if sealed != nil && cmd.Subtype == pg.AlterTableType_AT_ColumnDefault && (a.setDefault(cmd.Def, sealed) || a.setNullDefault(cmd.Def, sealed)) {
		return
	}
	if sealed != nil && !cmd.Def.GetAConst().GetIsnull() {
		a.fail(refuseDefinition(sealed, at, "a default or another property that the server computes"))
		return
	}
	a.untouching("ALTER TABLE", sc, []*pg.Node{cmd.Def})
}

// toast fails SET STORAGE and SET COMPRESSION of a column whose type in clear has
// neither, as the server would have.
func (a *analysis) toast(cmd *pg.AlterTableCmd, c *catalog.SealedColumn) {
	if a.snap.Shown().TypeOf(c).Storage != "p" {
		return
	}
	t := c.Type
	t.Typmod = -1
	said := ""
	switch how := strings.ToLower(cmd.Def.GetString_().GetSval()); {
	case cmd.Subtype == pg.AlterTableType_AT_SetCompression && how != "default":
		said = "does not support compression"
	case cmd.Subtype == pg.AlterTableType_AT_SetStorage && slices.Contains([]string{"external", "extended", "main"}, how):
		said = "can only have storage PLAIN"
	default:
		return
	}
	a.fail(&Refusal{Anchor: "definition", Code: codeNotSupported, Position: -1, Message: "column data type " + t.Name() + " " + said})
}

// behindRelation is the index of the token behind a relation's name.
func (a *analysis) behindRelation(rv *pg.RangeVar) int {
	i := a.tokenAt(rv.Location)
	if i < 0 {
		return i
	}
	for i++; a.is(i, "."); {
		i += 2
	}
	return i
}

// publication refuses row filters over sealed columns.
func (a *analysis) publication(objects []*pg.Node) {
	for _, n := range objects {
		if t := n.GetPublicationObjSpec().GetPubtable(); t != nil {
			a.clause(t.Relation, "a publication's row filter", []*pg.Node{t.WhereClause})
		}
	}
}
