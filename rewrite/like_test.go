package rewrite

import "testing"

// A pattern is a text if each wildcard in it is escaped.
func TestPatternsWithoutWildcards(t *testing.T) {
	for _, c := range []struct {
		escape        byte
		pattern, text string
		ok            bool
	}{
		{'\\', "", "", true}, {'\\', "bob", "bob", true}, {'\\', "b%", "", false}, {'\\', "_", "", false},
		{'\\', `a\_b\%`, "a_b%", true}, {'\\', `a\\`, `a\`, true}, {'\\', `a\`, "", false}, {'\\', `\a\é`, "aé", true},
		{0, `a\b`, `a\b`, true}, {0, `a\_b`, "", false}, {'!', `a!%\`, `a%\`, true}, {'!', `a\%`, "", false},
	} {
		p := Pattern{Escape: c.escape}
		if text, ok := p.Literal([]byte(c.pattern)); ok != c.ok || string(text) != c.text {
			t.Errorf("%q became %q, %v", c.pattern, text, ok)
		}
	}
}
