package catalog

import (
	"fmt"
	"testing"
)

// What a filter lets through is looked up; what it holds back must not be there.
func TestEveryWordIsFound(t *testing.T) {
	var w words
	known := map[string]bool{"": true, "a": true, "ü": true}
	for i := range 500 {
		known[fmt.Sprintf("%c%x_table", 'a'+i%26, i*i)] = true
	}
	for n := range known {
		w.add(n)
	}
	for n := range known {
		if !w.has(n) {
			t.Errorf("%q is not found", n)
		}
	}
	for i := range 5000 {
		if n := fmt.Sprintf("other_%d", i); w.has(n) {
			t.Errorf("%q is found", n)
		}
	}
}
