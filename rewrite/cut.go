package rewrite

import (
	pg "github.com/pganalyze/pg_query_go/v6"
)

// Piece is the beginning of a text of several statements, behind which the catalog can
// be another one.
type Piece struct {
	// End is where the rest begins, 0 if the text cannot be cut.
	End int
	// Alone: only one statement is behind it.
	Alone bool
	// Begins: its first statement begins a transaction block.
	Begins bool
	// Plain: no statement of the text cares whether it is in a block that was begun for
	// it or in the implicit one of a text.
	Plain bool
}

// Cut finds the first piece of a text: up to the first statement that may change the
// catalog, or take changes back, or its first statement if they are to be planned
// apart. escapes is as in Request.
func Cut(text []byte, escapes, apart bool) (p Piece) {
	_, tree, refusal := parse(text, escapes)
	if refusal != nil || len(tree.Stmts) < 2 {
		return p
	}
	p.Plain = true
	for i, raw := range tree.Stmts {
		changes := true
		switch n := raw.Stmt.GetNode().(type) {
		case *pg.Node_TransactionStmt:
			p.Plain = false
			switch n.TransactionStmt.Kind {
			case pg.TransactionStmtKind_TRANS_STMT_BEGIN, pg.TransactionStmtKind_TRANS_STMT_START:
				p.Begins = p.Begins || i == 0
				changes = false
			case pg.TransactionStmtKind_TRANS_STMT_SAVEPOINT, pg.TransactionStmtKind_TRANS_STMT_RELEASE:
				changes = false
			}
		case *pg.Node_DeclareCursorStmt, *pg.Node_LockStmt:
			p.Plain, changes = false, false
		case *pg.Node_VariableSetStmt:
			p.Plain, changes = p.Plain && !n.VariableSetStmt.IsLocal, false
		case *pg.Node_CopyStmt:
			if p.End == 0 && n.CopyStmt.IsFrom {
				return Piece{} // its data comes behind the whole text
			}
			changes = false
		case *pg.Node_InsertStmt, *pg.Node_UpdateStmt, *pg.Node_DeleteStmt, *pg.Node_MergeStmt:
			changes = false
		case *pg.Node_SelectStmt:
			changes = intoOf(n.SelectStmt) != nil
		}
		if (changes || apart) && p.End == 0 && i+1 < len(tree.Stmts) {
			p.End, p.Alone = int(tree.Stmts[i+1].StmtLocation), i+2 == len(tree.Stmts)
		}
	}
	return p
}
