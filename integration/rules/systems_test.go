package rules

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// withoutC stands for what the parser's packages have only with C, for which
// there is no compiler for other systems here.
var withoutC = map[string]string{
	pgQuery:             "package pg_query\n\nfunc Parse(string) (*ParseResult, error) { return nil, nil }\n",
	pgQuery + "/parser": "package parser\n\ntype Error struct {\n\tMessage string\n\tCursorpos int\n}\n\nfunc (*Error) Error() string { return \"\" }\n",
}

// source is a package as go list describes it.
type source struct {
	ImportPath, Dir string
	GoFiles         []string
	ImportMap       map[string]string
	Module          *struct{ Main bool }
}

// The files for systems without epoll are compiled by nobody here, so at least
// their types are checked.
func TestPackagesFitOtherSystems(t *testing.T) {
	list := exec.CommandContext(t.Context(), "go", "list", "-e", "-deps", "-pgo=off", "-json=ImportPath,Dir,GoFiles,ImportMap,Module", "pgseal/...")
	list.Env = append(os.Environ(), "GOOS=darwin", "GOARCH=arm64", "CGO_ENABLED=0")
	list.Stderr = os.Stderr
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	c := checker{set: token.NewFileSet(), done: map[string]*types.Package{"unsafe": types.Unsafe}}
	decoder := json.NewDecoder(strings.NewReader(string(out)))
	ours := 0
	for {
		var s source
		if err := decoder.Decode(&s); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if s.ImportPath == "unsafe" {
			continue
		}
		for _, err := range c.check(s) {
			t.Error(err)
		}
		if s.Module != nil && s.Module.Main {
			ours++
		}
	}
	if ours < 20 {
		t.Errorf("only %d packages of pgseal's were checked", ours)
	}
}

// checker checks packages in an order in which what they import comes first.
type checker struct {
	set  *token.FileSet
	done map[string]*types.Package
}

// check checks one package. Of others' only the declarations are read.
func (c *checker) check(s source) (failures []error) {
	own := s.Module != nil && s.Module.Main
	files, err := c.parse(s)
	if err != nil {
		return []error{err}
	}
	config := types.Config{
		Importer: importer{c.done, s.ImportMap}, Sizes: types.SizesFor("gc", "arm64"), IgnoreFuncBodies: !own, FakeImportC: true,
		Error: func(err error) {
			if own {
				failures = append(failures, err)
			}
		},
	}
	c.done[s.ImportPath], _ = config.Check(s.ImportPath, c.set, files, nil) // the errors have been noted
	return failures
}

func (c *checker) parse(s source) (files []*ast.File, err error) {
	for _, name := range s.GoFiles {
		file, err := parser.ParseFile(c.set, filepath.Join(s.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	if text, ok := withoutC[s.ImportPath]; ok {
		file, err := parser.ParseFile(c.set, "without_c.go", text, 0)
		if err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	return files, nil
}

// importer finds what has been checked, by the names that a package's vendored
// imports stand for.
type importer struct {
	done    map[string]*types.Package
	renamed map[string]string
}

func (i importer) Import(path string) (*types.Package, error) {
	if to, ok := i.renamed[path]; ok {
		path = to
	}
	if p := i.done[path]; p != nil {
		return p, nil
	}
	return nil, errors.New("no package " + path)
}
