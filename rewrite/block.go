package rewrite

import (
	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Migration tools wrap DDL in blocks that ignore what is there already:
//
//	DO $$ BEGIN CREATE TYPE mood AS ENUM ('a'); EXCEPTION WHEN duplicate_object THEN NULL; END $$
//
// Such a block leaves names and the search path as they are, which the statements
// behind it in the text need to know.

// calm says whether a DO block does nothing but make types and constraints.
func (a *analysis) calm(x *pg.DoStmt) bool {
	if !a.codeOptions(x.Args).SQL {
		return false
	}
	from, end := a.statementTokens()
	for _, t := range a.tokens[from:end] {
		if !t.kind.isString() {
			continue
		}
		text, _ := appendString(nil, a.text, t)
		if string(text) == "plpgsql" { // LANGUAGE 'plpgsql'
			continue
		}
		statements, conditions, ok := blockStatements(text, a.escapes)
		if !ok {
			return false
		}
		for _, s := range statements {
			_, tree, refusal := parse([]byte(s), a.escapes)
			if refusal != nil || len(tree.Stmts) != 1 || !calmStatement(tree.Stmts[0].Stmt) {
				return false
			}
		}
		for _, c := range conditions {
			_, tree, refusal := parse([]byte("SELECT "+c), a.escapes)
			if refusal != nil || len(tree.Stmts) != 1 || callsFunctions(tree.ProtoReflect()) {
				return false
			}
		}
	}
	return true
}

// calmStatement says whether DDL makes no relation, moves none, and leaves the
// columns of all as they are.
func calmStatement(n *pg.Node) bool {
	switch x := n.GetNode().(type) {
	case *pg.Node_CreateEnumStmt, *pg.Node_CommentStmt:
		return true
	case *pg.Node_AlterEnumStmt:
		return x.AlterEnumStmt.OldVal == ""
	case *pg.Node_AlterTableStmt:
		for _, n := range x.AlterTableStmt.Cmds {
			switch n.GetAlterTableCmd().GetSubtype() {
			case pg.AlterTableType_AT_AddConstraint, pg.AlterTableType_AT_ValidateConstraint, pg.AlterTableType_AT_DropConstraint:
			default:
				return false
			}
		}
		return !callsFunctions(n.ProtoReflect())
	}
	return false
}

// callsFunctions says whether a tree has a call of a function.
func callsFunctions(m protoreflect.Message) (calls bool) {
	if _, ok := m.Interface().(*pg.FuncCall); ok {
		return true
	}
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case fd.Kind() != protoreflect.MessageKind:
		case fd.IsList():
			for i := 0; !calls && i < v.List().Len(); i++ {
				calls = callsFunctions(v.List().Get(i).Message())
			}
		default:
			calls = callsFunctions(v.Message())
		}
		return !calls
	})
	return calls
}

// blockStatements takes a block of PL/pgSQL apart into the SQL statements in it and
// the conditions of its IFs. ok is false for one that has more than that: it may
// have declarations and loops, or be none.
func blockStatements(text []byte, escapes bool) (statements, conditions []string, ok bool) {
	src, refusal := read(text, escapes)
	if refusal != nil {
		return nil, nil, false
	}
	a := &analysis{source: src}
	depth, n := 0, len(src.tokens)
	upTo := func(i int, word string) int {
		for brackets := 0; i < n && (brackets > 0 || !a.is(i, word)); i++ {
			if a.is(i, "(") {
				brackets++
			} else if a.is(i, ")") {
				brackets--
			}
		}
		return i
	}
	part := func(from, end int) string { return string(text[src.tokens[from].start:src.tokens[end-1].end]) }
	for i := 0; i < n; {
		switch {
		case a.is(i, "begin"):
			depth++
			i++
		case depth == 0:
			return nil, nil, false
		case a.is(i, "if"), a.is(i, "elsif"), a.is(i, "elseif"):
			end := upTo(i+1, "then")
			if end == i+1 || end == n {
				return nil, nil, false
			}
			if a.is(i, "if") {
				depth++
			}
			conditions = append(conditions, part(i+1, end))
			i = end + 1
		case a.is(i, "when"): // of EXCEPTION: names of conditions
			end := upTo(i, "then")
			if end == n {
				return nil, nil, false
			}
			i = end + 1
		case a.is(i, "else"), a.is(i, "exception"), a.is(i, ";"):
			i++
		case a.is(i, "null") && a.is(i+1, ";"):
			i += 2
		case a.is(i, "end"):
			depth--
			if i++; a.is(i, "if") {
				i++
			}
		default:
			end := upTo(i, ";")
			if end == n {
				return nil, nil, false
			}
			statements = append(statements, part(i, end))
			i = end + 1
		}
	}
	return statements, conditions, depth == 0
}
