// Package rules checks the source tree itself: which package imports which,
// which calls are forbidden, and what no file may hold. It has tests only.
package rules

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// root is the checkout, seen from this package's directory.
const root = "../.."

// sourceFile is one Go file of the module.
type sourceFile struct {
	path    string // slash-separated, from the checkout
	pkg     string // directory: "envelope", "cmd/pgseal"
	test    bool
	set     *token.FileSet
	syntax  *ast.File
	imports map[string]string // import path to the name it has in the file
}

// goFiles parses every Go file, whatever its build constraints.
func goFiles(t *testing.T) []sourceFile {
	t.Helper()
	var files []sourceFile
	walk(t, func(path string, data []byte) {
		if !strings.HasSuffix(path, ".go") {
			return
		}
		f := sourceFile{
			path:    path,
			pkg:     filepath.ToSlash(filepath.Dir(path)),
			test:    strings.HasSuffix(path, "_test.go"),
			set:     token.NewFileSet(),
			imports: map[string]string{},
		}
		var err error
		if f.syntax, err = parser.ParseFile(f.set, path, data, parser.SkipObjectResolution); err != nil {
			t.Fatal(err)
		}
		for _, spec := range f.syntax.Imports {
			importPath, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			name := defaultName(importPath)
			if spec.Name != nil {
				name = spec.Name.Name
			}
			f.imports[importPath] = name
		}
		files = append(files, f)
	})
	if len(files) == 0 {
		t.Fatal("no Go files found")
	}
	return files
}

// defaultName is a package's name as its path gives it: a last element that is
// a major version is not the name.
func defaultName(importPath string) string {
	elements := strings.Split(importPath, "/")
	last := elements[len(elements)-1]
	if len(elements) > 1 && len(last) > 1 && last[0] == 'v' && strings.Trim(last[1:], "0123456789") == "" {
		last = elements[len(elements)-2]
	}
	return last
}

// walk visits every text file of the checkout that is, or could be, committed.
func walk(t *testing.T, visit func(path string, data []byte)) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if entry.IsDir() {
			switch rel {
			case ".git", ".pgseal", "bin":
				return filepath.SkipDir
			}
			return nil
		}
		if !entry.Type().IsRegular() {
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if !bytes.Contains(data, []byte{0}) { // a program that a build left
			visit(rel, data)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
