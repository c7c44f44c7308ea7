package rules

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// banned are the names of pgproto3/v2 that decode, or can be made to decode, a
// DataRow or a Bind: its decoders of these two panic on negative lengths
// (GO-2026-4518). A Frontend or Backend decodes whatever arrives.
var banned = []string{"DataRow", "Bind", "Frontend", "Backend", "NewFrontend", "NewBackend"}

func TestNoPathLeadsToThePanickingDecoders(t *testing.T) {
	for _, f := range goFiles(t) {
		for _, use := range bannedUses(f.syntax, f.imports[pgproto3]) {
			t.Errorf("%s: %s of pgproto3 is forbidden: parse the message with package wire",
				f.set.Position(use.Pos()), use.Sel.Name)
		}
	}
}

// bannedUses finds the banned names in a file that knows pgproto3 as name ("" if
// it does not import it).
func bannedUses(file *ast.File, name string) []*ast.SelectorExpr {
	var uses []*ast.SelectorExpr
	if name == "" {
		return nil
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if pkg, ok := s.X.(*ast.Ident); ok && pkg.Name == name && slices.Contains(banned, s.Sel.Name) {
				uses = append(uses, s)
			}
		}
		return true
	})
	return uses
}

func TestTheDecoderBanSeesTheCalls(t *testing.T) {
	const source = `package p
import proto "github.com/jackc/pgproto3/v2"
func f(b []byte) { var m proto.DataRow; m.Decode(b); (&proto.Bind{}).Decode(b); _ = proto.Parse{} }`
	file, err := parser.ParseFile(token.NewFileSet(), "p.go", source, 0)
	if err != nil {
		t.Fatal(err)
	}
	if uses := bannedUses(file, "proto"); len(uses) != 2 {
		t.Errorf("found %d uses, want 2", len(uses))
	}
}

// Where one machine's files stand helps nobody else.
func TestNoFileHoldsAPathOfOneMachine(t *testing.T) {
	checkout, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	forbidden := []*regexp.Regexp{
		regexp.MustCompile(`/(home|Users)/[a-z]`),
		regexp.MustCompile(`/` + `root/`),
	}
	// A checkout directly under the root directory has too common a name.
	if strings.Count(checkout, string(filepath.Separator)) > 1 {
		forbidden = append(forbidden, regexp.MustCompile(regexp.QuoteMeta(checkout)+`\b`))
	}
	walk(t, func(path string, data []byte) {
		for _, pattern := range forbidden {
			if found := pattern.Find(data); found != nil {
				t.Errorf("%s holds %q, a path of one machine", path, found)
			}
		}
	})
}

// A file of more lines has more than one reason to change.
const longestFile = 600

func TestGoFilesStayShort(t *testing.T) {
	walk(t, func(path string, data []byte) {
		if lines := strings.Count(string(data), "\n"); strings.HasSuffix(path, ".go") && lines > longestFile {
			t.Errorf("%s has %d lines, more than %d: split it by what is in it", path, lines, longestFile)
		}
	})
}
