package logical

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// unicodeFold is a fold that has something in every part of Unicode.
func unicodeFold(to func(rune) rune) *Fold {
	var from, into []rune
	for r := rune(1); r <= unicode.MaxRune; r++ {
		if utf8.ValidRune(r) && to(r) != r {
			from, into = append(from, r), append(into, to(r))
		}
	}
	return NewFold(from, into)
}

func TestFoldChangesWhatItWasMadeOfAndNothingElse(t *testing.T) {
	lower, upper := unicodeFold(unicode.ToLower), unicodeFold(unicode.ToUpper)
	var every strings.Builder
	for r := rune(1); r <= unicode.MaxRune; r++ {
		if utf8.ValidRune(r) {
			every.WriteRune(r)
		}
	}
	for _, text := range []string{"", "Bob@Example.com", "ÀÉß ΑΣ İı ſµ \U00010400\U00010428 \U0010ffff", every.String()} {
		if got, want := string(lower.Append(nil, []byte(text))), strings.Map(unicode.ToLower, text); got != want {
			t.Errorf("lower of %.60q is %.60q, want %.60q", text, got, want)
		}
		if got, want := string(upper.Append([]byte("a"), []byte(text))), "a"+strings.Map(unicode.ToUpper, text); got != want {
			t.Errorf("upper of %.60q is %.60q, want %.60q", text, got, want)
		}
	}
}

func TestFoldsAreToldApartByTheirHash(t *testing.T) {
	ascii := func(r rune) rune {
		if r <= unicode.MaxASCII {
			return unicode.ToLower(r)
		}
		return r
	}
	turkish := unicode.TurkishCase.ToLower
	seen := map[string]string{}
	for name, f := range map[string]*Fold{
		"nothing": NewFold(nil, nil), "lower": unicodeFold(unicode.ToLower), "upper": unicodeFold(unicode.ToUpper),
		"ASCII": unicodeFold(ascii), "Turkish": unicodeFold(turkish),
	} {
		if other, ok := seen[f.Hash()]; ok {
			t.Errorf("%s and %s have one hash", name, other)
		}
		seen[f.Hash()] = name
	}
	if NewFold([]rune{'B', 'A'}, []rune{'b', 'a'}).Hash() != NewFold([]rune{'A', 'B', 'c'}, []rune{'a', 'b', 'c'}).Hash() {
		t.Error("one fold has two hashes")
	}
}

func TestFoldDoesNotAllocateWhereThereIsRoom(t *testing.T) {
	f, dst := unicodeFold(unicode.ToLower), make([]byte, 0, 100)
	text := []byte("Bob@Exämple.com")
	if n := testing.AllocsPerRun(100, func() { f.Append(dst, text) }); n != 0 {
		t.Errorf("allocates %v times", n)
	}
}
