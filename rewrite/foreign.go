package rewrite

import (
	"bytes"
	"unicode/utf8"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// A name that is not in UTF-8 is one of a database in another encoding, or of SQL_ASCII.
// Every encoding of a server writes ASCII in ASCII bytes alone, and nothing else, so a
// quoted name with other bytes is none of those that are in ASCII. Without quotes it
// could be: some locales of single bytes fold a letter to one of ASCII.

// foreignByte stands for the bytes of such names where names are looked for.
const foreignByte = '\x01'

// withoutForeign gives a text, which is not in UTF-8, as names of sealed things have to
// be looked for in it, if those are all in ASCII.
func (s *source) withoutForeign() []byte {
	out := bytes.Clone(s.text)
	for _, t := range s.tokens {
		if t.kind != tokenQuoted || utf8.Valid(s.text[t.start:t.end]) {
			continue
		}
		for i := t.start; i < t.end; i++ {
			if out[i] >= utf8.RuneSelf {
				out[i] = foreignByte
			}
		}
	}
	hidden := masked(out, s.tokens)
	if tree, err := pg.Parse(string(hidden)); err == nil && stringsAreData(tree.Stmts) {
		return hidden
	}
	return out
}

// stringsAreData says whether no string of statements can be SQL in turn.
func stringsAreData(statements []*pg.RawStmt) bool {
	for _, raw := range statements {
		switch raw.Stmt.Node.(type) {
		case *pg.Node_CommentStmt, *pg.Node_SecLabelStmt, *pg.Node_CreateRoleStmt, *pg.Node_AlterRoleStmt, *pg.Node_CreatedbStmt, *pg.Node_CreateTableSpaceStmt:
		default:
			return false
		}
	}
	return true
}
