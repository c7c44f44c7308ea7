package logical

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestRegularExpressionsAreReplacedAsByTheServer is for the patterns that people write, for awkward
// ones, and for some by chance.
func TestRegularExpressionsAreReplacedAsByTheServer(t *testing.T) {
	s := newSession(t)
	r := rand.New(rand.NewPCG(11, 11))
	patterns := append([]string{"x*", "a*", "a|ab", "ab|a", "(a|ab)(c|bcd)*", "^a", "a$", "^", "$", "^|b", "b*$", "a.c|a", "(^a|b)", "[0-9]+", "[^0-9]", `\s+`, `\D`, "a+?", "(?:a|ab)(?:c|bcd)", `\A.`, "(a*)+", "(a|b)*abb"}, regexPatterns...)
	for range 700 {
		patterns = append(patterns, randomRegex(r, 2))
	}
	texts := append([]string{"abaa", "abcdabc", "aaa bbb", "1a22b333", "abab\nab", "ab abb aabb"}, regexTexts[:40]...)
	for range 20 {
		text := ""
		for range 1 + r.IntN(12) {
			text += []string{"a", "b", "c", "A", "B", "1", " ", "\n", "é", "ß", "東", "."}[min(r.IntN(16), 11)]
		}
		texts = append(texts, text)
	}
	f, _ := FunctionNamed("regexp_replace")
	quote := func(text string) string {
		return "'" + strings.NewReplacer("'", "''", "@", "' || chr(64) || '").Replace(text) + "'"
	}
	replacements := []string{"", "-", `<\&>`, `\\`, `\`, `a\b\&`, `é`, `\\\&\`, `$1`}
	flags := []string{"", "g", "g", "gi", "ic", "gci", "gst", "gz", "3", "é", "gx", "xz"}
	wrong, none, calls := 0, 0, 0
	for i, pattern := range patterns {
		args := []string{pattern, replacements[i%len(replacements)], flags[(i/2)%len(flags)]}
		if i%7 == 0 {
			args = args[:2]
		}
		sql := ""
		for _, arg := range args {
			sql += ", " + quote(arg)
		}
		var last LastRegex
		theirs := s.probe(fmt.Sprintf("SELECT c, convert_to(c, 'UTF8') FROM (SELECT pg_catalog.regexp_replace(@%s) AS c) q", sql), texts)
		for k, text := range texts {
			list := []Value{{Data: []byte(text), Binary: true, OID: OIDText}}
			for _, arg := range args {
				list = append(list, Value{Data: []byte(arg), Binary: true, OID: OIDText})
			}
			got := shown(Type{OID: OIDText, Typmod: -1}, &Settings{})(f.Append([]byte{}, list, Help{Last: &last}, &Settings{}))
			calls++
			if refused(got) {
				none++
			} else if got != theirs[k] {
				if wrong++; wrong < 20 {
					t.Errorf("%q of %q:\n got %v\nwant %v", args, text, got, theirs[k])
				}
			}
		}
	}
	t.Logf("%d of %d calls are refused", none, calls)
	if none > calls*2/3 {
		t.Error("too many are refused")
	}
}

// TestWordsBeginAsByTheServer is for initcap under collations of the C library.
func TestWordsBeginAsByTheServer(t *testing.T) {
	s := newSession(t)
	r := rand.New(rand.NewPCG(12, 12))
	f, _ := FunctionNamed("initcap")
	for _, collation := range s.collations("C", "en_US.utf8", "de_DE.utf8", "tr_TR.utf8", "pg_c_utf8") {
		fold := func(name string) *Fold {
			var from, to []rune
			var all []string
			for c := rune(1); c < 0x2000; c++ {
				if c != '"' && c != '\\' {
					all = append(all, string(c))
				}
			}
			for i, a := range s.probe("SELECT c, ''::bytea FROM (SELECT "+name+"(@ COLLATE \""+collation+"\") AS c) q", all) {
				if a.text != all[i] {
					from, to = append(from, []rune(all[i])[0]), append(to, []rune(a.text)[0])
				}
			}
			return NewFold(from, to)
		}
		titles := Help{Fold: fold("lower"), First: fold("upper")}
		texts := []string{"", "o'neil", "ANNE-marie von DER x", "éa ÉA aÉ", "3d 3D d3", "ǆa ﬁ ß", "a_b.c@d", "straße ŒUVRE", "ΑΒΓ αβγ", "пРИВЕТ мир", "iI ıİ", "a\u0301b"}
		for range 500 {
			text := ""
			for range 1 + r.IntN(12) {
				text += []string{"a", "b", "I", "A", "z", "1", " ", "-", "é", "Ä", "ß", ".", "'", "ø", "Ж", "_"}[r.IntN(16)]
			}
			texts = append(texts, text)
		}
		none := 0
		for i, want := range s.probe("SELECT c, convert_to(c, 'UTF8') FROM (SELECT pg_catalog.initcap(@ COLLATE \""+collation+"\") AS c) q", texts) {
			got := shown(Type{OID: OIDText, Typmod: -1}, &Settings{})(f.Append([]byte{}, []Value{{Data: []byte(texts[i]), Binary: true, OID: OIDText}}, titles, &Settings{}))
			if refused(got) {
				none++
			} else if got != want {
				t.Errorf("%q under %s:\n got %v\nwant %v", texts[i], collation, got, want)
			}
		}
		t.Logf("%s: %d of %d texts are refused", collation, none, len(texts))
	}
}
