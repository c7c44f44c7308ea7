package rewrite

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/catalog"
)

// Migrations give a table a column and use it in the same transaction, or in the same
// text, before any catalog that others can read has it. What such a column is the DDL
// itself says: it is not sealed.

// added is a name of a column that DDL has given to a relation with sealed columns, or
// taken away.
type added struct {
	Relation uint32 // OID
	Column   string
	// Sealed: it is another name of a sealed column, or may be. What had the name
	// before must not be taken for what has it now.
	Sealed bool
	// Dropped: the columns behind it have other places now.
	Dropped bool
}

// withAdded is a relation as the DDL of the transaction, and of the text so far, has
// left it: the added columns stand behind the others. A column that the catalog has
// sealed stays so, whatever else has got its name: the server compares (see guard.go).
func (a *analysis) withAdded(r *catalog.Relation) *catalog.Relation {
	if r == nil || !slices.ContainsFunc(a.added, func(c added) bool { return c.Relation == r.OID }) {
		return r
	}
	if grown := a.grown[r.OID]; grown != nil {
		return grown
	}
	grown := *r
	grown.Columns = slices.Clone(r.Columns)
	for _, c := range a.added {
		there := grown.Column(c.Column)
		switch {
		case c.Relation != r.OID || c.Dropped:
		case there == nil && !c.Sealed:
			last := grown.Columns[len(grown.Columns)-1]
			grown.Columns = append(grown.Columns, catalog.Column{AttNum: last.AttNum + 1, Name: c.Column})
		case there != nil && there.Sealed == nil && c.Sealed:
			there.Sealed = &catalog.SealedColumn{Schema: r.Schema, Table: r.Name, Name: c.Column, Broken: "a sealed column has got its name in this transaction, or may have"}
		}
	}
	if a.grown == nil {
		a.grown = map[uint32]*catalog.Relation{}
	}
	a.grown[r.OID] = &grown
	return &grown
}

// byPlace refuses an INSERT that fills columns by their places, where those may have
// changed: a plain value could be meant for a sealed column.
func (a *analysis) byPlace(r *catalog.Relation, at int32) {
	if r != nil && r.Sealed && slices.ContainsFunc(a.added, func(c added) bool { return c.Relation == r.OID && c.Dropped }) {
		a.fail(refuseByPlace(r.Name, at))
	}
}

// adds notes the columns that an ALTER TABLE gives to a relation with sealed columns.
func (a *analysis) adds(x *pg.AlterTableStmt, r *catalog.Relation) {
	if r == nil || !r.Sealed {
		return
	}
	for _, n := range x.Cmds {
		cmd := n.GetAlterTableCmd()
		if cmd.GetSubtype() == pg.AlterTableType_AT_DropColumn {
			a.adding = append(a.adding, added{Relation: r.OID, Column: cmd.Name, Dropped: true})
		}
		def := cmd.GetDef().GetColumnDef()
		seals := a.seals(def.GetTypeName())
		if cmd.GetSubtype() == pg.AlterTableType_AT_AlterColumnType && seals {
			a.adding = append(a.adding, added{Relation: r.OID, Column: cmd.Name, Sealed: true})
		}
		if cmd.GetSubtype() != pg.AlterTableType_AT_AddColumn || def == nil || seals {
			continue
		}
		a.adding = append(a.adding, added{Relation: r.OID, Column: def.Colname})
	}
}

// seals says whether a type could be one that seals, under any search path.
func (a *analysis) seals(t *pg.TypeName) bool {
	parts := names(t.GetNames())
	return len(parts) > 1 && parts[0] == domainSchema || a.snap.Sealing(last(parts)) || a.snap.Domain(last(parts)) != nil
}

// renamesColumn notes the new name of a column of a relation with sealed columns.
func (a *analysis) renamesColumn(x *pg.RenameStmt) {
	if x.RenameType != pg.ObjectType_OBJECT_COLUMN || x.Relation == nil {
		return
	}
	r := a.relation(x.Relation.Schemaname, x.Relation.Relname).relation
	if r == nil || !r.Sealed || r.Kind == 'v' {
		return
	}
	c := r.Column(x.Subname)
	a.adding = append(a.adding, added{Relation: r.OID, Column: x.Newname, Sealed: c == nil || c.Sealed != nil})
}

// keepsColumns are the changes of a table after which all that stood for something
// sealed stands for it still.
var keepsColumns = []pg.AlterTableType{
	pg.AlterTableType_AT_AddColumn, pg.AlterTableType_AT_AlterColumnType, pg.AlterTableType_AT_ColumnDefault,
	pg.AlterTableType_AT_SetNotNull, pg.AlterTableType_AT_DropNotNull,
	pg.AlterTableType_AT_AddConstraint, pg.AlterTableType_AT_DropConstraint, pg.AlterTableType_AT_ValidateConstraint, pg.AlterTableType_AT_AlterConstraint,
	pg.AlterTableType_AT_SetStatistics, pg.AlterTableType_AT_SetStorage, pg.AlterTableType_AT_SetCompression,
	pg.AlterTableType_AT_SetRelOptions, pg.AlterTableType_AT_ResetRelOptions, pg.AlterTableType_AT_ReplicaIdentity,
	pg.AlterTableType_AT_EnableRowSecurity, pg.AlterTableType_AT_DisableRowSecurity,
	pg.AlterTableType_AT_ForceRowSecurity, pg.AlterTableType_AT_NoForceRowSecurity,
}

// keepsNames says whether the DDL just analysed leaves all names what they are, so
// that what stands behind it in the text can use the relation.
func (a *analysis) keepsNames() bool {
	switch n := a.stmt.Stmt.GetNode().(type) {
	case *pg.Node_IndexStmt:
		return true
	case *pg.Node_AlterTableStmt:
		x := n.AlterTableStmt
		return !a.retyped && x.Objtype == pg.ObjectType_OBJECT_TABLE && !slices.ContainsFunc(x.Cmds, func(n *pg.Node) bool {
			return !slices.Contains(keepsColumns, n.GetAlterTableCmd().GetSubtype())
		})
	}
	return false
}
