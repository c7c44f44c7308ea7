package rules

import (
	"go/ast"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The tests that the race detector disturbs run without it: make plain names
// them and their packages. One that it does not name would run nowhere.
func TestTestsThatTheRaceDetectorDisturbsRunWithoutIt(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`(?m)^PLAIN = (.+)$`).FindSubmatch(makefile)
	packages := regexp.MustCompile(`(?m)^plain:\n.* -run '\$\(PLAIN\)' (.+)$`).FindSubmatch(makefile)
	if names == nil || packages == nil {
		t.Fatal("the Makefile has no PLAIN or no plain")
	}
	pattern := regexp.MustCompile(string(names[1]))
	listed := map[string]bool{}
	for _, dir := range strings.Fields(string(packages[1])) {
		listed[strings.TrimPrefix(dir, "./")] = true
	}
	count := 0
	for _, f := range goFiles(t) {
		for _, name := range disturbed(f) {
			count++
			if !listed[f.pkg] || !pattern.MatchString(name) {
				t.Errorf("%s: make plain does not run %s", f.path, name)
			}
		}
	}
	if count == 0 {
		t.Error("found no test that the race detector disturbs")
	}
}

// disturbed lists the tests of a file that is not built under the race detector,
// or that ask whether it is there.
func disturbed(f sourceFile) (names []string) {
	if !f.test {
		return nil
	}
	whole := false
	for _, group := range f.syntax.Comments {
		whole = whole || group.List[0].Text == "//go:build !race"
	}
	for _, decl := range f.syntax.Decls {
		fn, ok := decl.(*ast.FuncDecl)
		if !ok || !strings.HasPrefix(fn.Name.Name, "Test") || fn.Name.Name == "TestMain" {
			continue
		}
		asks := false
		ast.Inspect(fn, func(n ast.Node) bool {
			id, ok := n.(*ast.Ident)
			asks = asks || ok && id.Name == "raceDetector"
			return true
		})
		if whole || asks {
			names = append(names, fn.Name.Name)
		}
	}
	return names
}
