package rewrite

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/catalog"
)

// quiet says whether DDL makes, changes or drops nothing but relations and types of which
// the snapshot knows nothing. Whoever names one of them afterwards misses it in the
// snapshot; to everybody else nothing has changed but which names are taken.
func (a *analysis) quiet() bool {
	if a.snap.Reacts() {
		return false
	}
	switch n := a.stmt.Stmt.GetNode().(type) {
	case *pg.Node_CreateStmt, *pg.Node_IndexStmt, *pg.Node_CreateSeqStmt, *pg.Node_CreateEnumStmt:
	case *pg.Node_DropStmt:
		switch n.DropStmt.RemoveType {
		case pg.ObjectType_OBJECT_TABLE, pg.ObjectType_OBJECT_INDEX, pg.ObjectType_OBJECT_SEQUENCE:
		default:
			return false
		}
		if n.DropStmt.Behavior == pg.DropBehavior_DROP_CASCADE {
			return false
		}
	case *pg.Node_AlterTableStmt:
		if n.AlterTableStmt.Objtype != pg.ObjectType_OBJECT_TABLE || !slices.ContainsFunc(n.AlterTableStmt.Cmds, changesColumns) ||
			slices.ContainsFunc(n.AlterTableStmt.Cmds, func(n *pg.Node) bool { return !changesColumns(n) }) || a.inherits() {
			return false
		}
	default:
		return false
	}
	from, end := a.statementTokens()
	return !slices.ContainsFunc(a.tokens[from:end], func(t token) bool {
		name, ok := a.tokenName(t)
		return t.kind == tokenUnicodeName || ok && (len(name) > maxName || a.snap.Word(name) || len(a.snap.Named(name)) > 0)
	})
}

// changesColumns says whether a command of ALTER TABLE changes the columns of the table
// and their constraints, and nothing else.
func changesColumns(n *pg.Node) bool {
	cmd := n.GetAlterTableCmd()
	switch cmd.GetSubtype() {
	case pg.AlterTableType_AT_AddColumn, pg.AlterTableType_AT_DropColumn, pg.AlterTableType_AT_AlterColumnType,
		pg.AlterTableType_AT_ColumnDefault, pg.AlterTableType_AT_SetNotNull, pg.AlterTableType_AT_DropNotNull,
		pg.AlterTableType_AT_AddConstraint, pg.AlterTableType_AT_DropConstraint, pg.AlterTableType_AT_ValidateConstraint:
		return cmd.Behavior != pg.DropBehavior_DROP_CASCADE
	}
	return false
}

// inherits says whether a table that is known may change with one that is not.
func (a *analysis) inherits() bool {
	return slices.ContainsFunc(a.snap.Relations(), func(r *catalog.Relation) bool { return r.Inherits })
}
