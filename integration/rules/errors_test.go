package rules

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var anchorOf = regexp.MustCompile(`(?:Anchor: *|Anchor = |sealedRefusal\()"([a-z-]+)"`)

// Whoever meets a refusal finds its cause and remedy in docs/errors.md.
func TestEveryRefusalIsDocumented(t *testing.T) {
	docs, err := os.ReadFile("../../docs/errors.md")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("../../rewrite/*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	found := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range anchorOf.FindAllSubmatch(source, -1) {
			found++
			if !strings.Contains(string(docs), `id="`+string(m[1])+`"`) {
				t.Errorf("%s: anchor %s is not in docs/errors.md", filepath.Base(name), m[1])
			}
		}
	}
	if found < 30 {
		t.Errorf("only %d anchors were found: has their form changed?", found)
	}
}
