package logical

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// regexProbe matches texts with each of some patterns: t or f for each text, or the error.
const regexProbe = `
CREATE OR REPLACE FUNCTION pg_temp.regex_probe(operator text, coll text, patterns text[], texts text[]) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	pattern text;
	found text;
	code text;
	msg text;
BEGIN
	FOREACH pattern IN ARRAY patterns LOOP
		BEGIN
			EXECUTE format('SELECT string_agg(CASE WHEN t COLLATE %I %s $1 THEN ''t'' ELSE ''f'' END, '''' ORDER BY n) FROM unnest($2) WITH ORDINALITY AS u(t, n)', coll, operator)
				INTO found USING pattern, texts;
		EXCEPTION WHEN OTHERS THEN
			GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, msg = MESSAGE_TEXT;
			found := code || ' ' || msg;
		END;
		RETURN NEXT found;
	END LOOP;
END $$`

func textArray(texts []string) []byte {
	quoted := make([]string, len(texts))
	for i, t := range texts {
		quoted[i] = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(t) + `"`
	}
	return []byte("{" + strings.Join(quoted, ",") + "}")
}

// regexes gives the server's answers for each pattern.
func (s *session) regexes(operator, collation string, patterns, texts []string) (all []string) {
	s.t.Helper()
	r := s.conn.ExecParams(context.Background(), "SELECT * FROM pg_temp.regex_probe($1, $2, $3, $4)",
		[][]byte{[]byte(operator), []byte(collation), textArray(patterns), textArray(texts)}, nil, nil, nil).Read()
	if r.Err != nil {
		s.t.Fatal(r.Err)
	}
	for _, row := range r.Rows {
		all = append(all, string(row[0]))
	}
	return all
}

// collations are those of some that the server has.
func (s *session) collations(names ...string) (all []string) {
	for _, name := range names {
		if len(column(s.t, s.conn, "SELECT collname FROM pg_collation WHERE collname = '"+name+"' AND collencoding IN (-1, 6)")) > 0 {
			all = append(all, name)
		}
	}
	return all
}

// refused says whether pgseal does not compute what PostgreSQL may.
func refused(a answer) bool { return a.code == codeFeatureNotSupported && a.hint != "" }

// ourRegexes is our answer for a pattern, with - for a text that is refused; and whether the
// pattern is.
func ourRegexes(o Operator, pattern string, texts []string, last *LastRegex) (answers string, none bool) {
	value := func(text string) Value { return Value{Data: []byte(text), Binary: true, OID: OIDText} }
	for _, text := range texts {
		got, err := o.AppendMatched(nil, value(text), value(pattern), last, nil)
		if err == nil {
			answers += string("ft"[got[0]])
			continue
		}
		a := errorAnswer(err)
		if last.regex == nil || !refused(a) {
			return a.code + " " + a.message, refused(a)
		}
		answers += "-"
	}
	return answers, false
}

// checkRegexes compares our answers with the server's, and counts those that are refused.
func checkRegexes(s *session, o Operator, collation string, patterns, texts []string) (refusedPatterns, refusedTexts, invalid int) {
	s.t.Helper()
	wrong := 0
	for i, want := range s.regexes(o.String(), collation, patterns, texts) {
		got, none := ourRegexes(o, patterns[i], texts, &LastRegex{})
		if none {
			refusedPatterns++
			continue
		}
		if len(want) > 5 && want[:5] == codeInvalidRegex {
			invalid++
		}
		same := len(got) == len(want)
		for k := 0; same && k < len(got); k++ {
			same = got[k] == want[k] || got[k] == '-' && len(want) == len(texts)
		}
		if refusedTexts += strings.Count(got, "-"); !same {
			if wrong++; wrong < 20 {
				s.t.Errorf("%s %q under %s:\n got %s\nwant %s\n  of %q", o, patterns[i], collation, got, want, texts)
			}
		}
	}
	return refusedPatterns, refusedTexts, invalid
}

var regexPatterns = []string{
	"^Name [A-F]", "[0-9]+", `^\d{3}-\d{4}$`, "(foo|bar)baz?", `^.+@.+\..+$`, `\.com$`, "^[^@]+@", "a.c", "[[:digit:]]{2,}", "^$", "", "|", "a||b", "()", "(|a)",
	"x{0}", "x{2,1}", "a{,3}", "[]a]", "[^]a]", "[a-]", `[a\]]`, "[--a]", `\B`, "a**", "*a", "^*", "(*a)", "a|*b", `\x41`, `\u0041`, `\0`,
	`^[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{1,255}\.[A-Za-z]{2,63}$`, `^\+?[0-9 ()-]{6,20}$`, `\d+(\.\d{2})?`, "^(19|20)[0-9]{2}-(0[1-9]|1[012])-", `^\s*$`, `\S`, `\W`, `[\w.]+@`, `[^\W\d]`,
	"a{255}", "a{256}", "a{0255}", "a{1", "a{1,", "a{1,2", "a{1x}", "a{2}{3}", "a{2}?", "a{1,}?b", "{", "{1}", "a{", "a}", "]", ")", "(", "(a", "a)", "((a)", "[", "[a", "[[:digit:]", "[[:digit:", "[[:Digit:]]", "[[::]]",
	"[[:nope:]", "[[:nope:]]", "[b-a]", "[b-a", "[a-c-e]", "[a-\\d]", "[\\d-a]", "[[:digit:]-a]", "[a-[:digit:]]", "[a-[:dig", "[+--]", "[a--]", "[!--a]", "[%--]", "[^]", "[^-a]", "[]", "[]-a]", "[[]", "[[a]", "[a[]", `[\`, `[\A]`, `[\n\t]`, `[\x30-\x39]`, `[\u00e0-\u00ff]`,
	`\`, `a\`, `\q`, `\x`, `\u41`, `\U00000041`, `\x00000041`, `\e`, `\a`, `\cA`, `\c`, `\012`, `\0419`, `\.`, `\é`, `\Aa\Z`, `\A*`, "$*", "$^", "^^a", "a$$", "a^b", "a$b", "(^a|b)c", "(a|b$)", "(^)*a", "($|a)+", "(^|b)?a", "(^){0}a", "(a*)*", "(a*)+b", "(a|b)*?b", "((a?)*b?)*c",
	"é+", "[é東]", "[^é]", "[à-ÿ]", "[[:alpha:]]", "[[:alnum:]_]", "[[:upper:]]", "[[:lower:]]", "[[:punct:]]", "[[:space:]]", "[[:blank:]]", "[[:cntrl:]]", "[[:graph:]]", "[[:print:]]", "[[:xdigit:]]", "[[:ascii:]]", "[^[:ascii:]]", "[[:word:]]", "[^[:punct:]]", "[^[:space:]]",
	"(?:ab)+", "(?i)a", "(?=a)", "(?<!a)b", "(?#x)", "(?", "***=a", "***", "****", `(a)\1`, `\m`, "[[:<:]]a", "[[.a.]]", "[[=a=]]", `^(?:a){1,1}?(b){1,1}(?:c)$`,
	"(?:.{0,255}){0,4}x", "(?:a?){255}", "((((((((((a{1,2}){1,2}){1,2}){1,2}){1,2}){1,2}){1,2}){1,2}){1,2}){1,2})", "[A-z]", "[Z-a]", "[^k]", "k", "K", "[j-l]", "i", "[h-j]", "I", "ß", "MÜLLER",
}

// regexLarge are patterns for which a server needs time.
var regexLarge = []string{
	"(?:[a-t]?){255}(?:[a-t]?){255}abcdefghijklmnopqrst", strings.Repeat("a?", 300), strings.Repeat("(", 90) + "a" + strings.Repeat(")", 90), strings.Repeat("(", 2000) + "a" + strings.Repeat(")", 2000),
	strings.Repeat("[ab]c?", 100), "^(" + strings.Repeat("ab|", 500) + "c)$", "(?:a?b?c?){140}abcdefghij", strings.Repeat("(^|a*|$)", 5) + "b", "[" + strings.Repeat("a", 1<<15) + "]", "[" + strings.Repeat("a", 1<<17) + "]", "^.{1,255}@.{1,255}$", "(a|b|c){3,60}d", "(.*)(.*)(.*)(.*)(.*)[^é]",
}

var regexTexts = []string{
	"", "a", "b", "abc", "a\nb", "Name C", "foo", "barba", "x@y.z", "mail@example.com", "555-1234", "1999-02-30", "12", "  \t", "a{,3}", "a{1", "]", "[", "-", "é", "éa", "東京 1", "aß", "A", "K", "\u212a", "k", "i", "I", "İ", "ı", "Müller", "straße", "\\", "q", "\x1c",
	"\x1f a", "\u0085", "\u00a0", "\u2028", "٣", "²", "Ⅷ", "\u0300", "$", "+", "a+b=c", "_", "~", "!", "\x7f", "\u0080", "\a", "\b", "\x01", "a\n", "\n", "aaa", "ababab", "xx", strings.Repeat("a", 300), strings.Repeat("ab", 40) + "cd", "a.com", "+49 (30) 12345", "a@", "\U0001F600", "\U0010FFFF",
}

// TestRegularExpressionsMatchWhatTheServersDo is for the patterns that people write, and for
// those with which a parser has to take care.
func TestRegularExpressionsMatchWhatTheServersDo(t *testing.T) {
	s := newSession(t)
	s.exec(regexProbe)
	for _, collation := range s.collations("C", "en_US.utf8", "de_DE.utf8", "tr_TR.utf8", "und-x-icu", "tr-x-icu", "pg_c_utf8", "pg_unicode_fast") {
		for o := Match; o <= NotMatchFold; o++ {
			if o >= MatchFold && collation == "tr_TR.utf8" {
				continue // where i and I are no two cases of one letter
			}
			patterns, texts, invalid := checkRegexes(s, o, collation, regexPatterns, regexTexts)
			t.Logf("%s under %s: %d of %d patterns are refused, %d are invalid, and %d texts refused", o, collation, patterns, len(regexPatterns), invalid, texts)
		}
	}
	patterns, _, _ := checkRegexes(s, Match, "C", regexLarge, regexTexts)
	t.Logf("%d of %d large patterns are refused", patterns, len(regexLarge))
}

// regexPieces are what noise is made of.
var regexPieces = []string{
	"a", "b", "c", "A", "1", "2", " ", "\n", "é", "ß", "東", ".", "^", "$", "|", "(", "(?:", ")", "*", "+", "?", "*?", "{2}", "{1,3}", "{0}", "{0,2}?", "{,2}", "{2,1}", "{1", "{256}", "{", "}", "[", "]", "[^", "[ab]", "[^a]", "-",
	`\d`, `\w`, `\s`, `\D`, `\S`, `\W`, "[[:alpha:]]", "[[:digit:]]", "[:", ":]", "[:space:]", `\`, `\x41`, `\u00e9`, `\.`, `\A`, `\Z`, `\n`, ",", "a-c", `\]`,
}

// randomRegex is a pattern that is mostly well formed.
func randomRegex(r *rand.Rand, depth int) string {
	var b strings.Builder
	for range 1 + r.IntN(4) {
		switch n := r.IntN(20); {
		case n < 3 && depth > 0:
			b.WriteString([]string{"(", "(?:"}[r.IntN(2)] + randomRegex(r, depth-1) + ")")
		case n < 4 && depth > 0:
			b.WriteString("(" + randomRegex(r, depth-1) + "|" + randomRegex(r, depth-1) + ")")
		case n < 5:
			b.WriteString([]string{"^", "$", `\A`, `\Z`, "()", "(|a)"}[r.IntN(6)])
			continue
		case n < 6:
			b.WriteString([]string{"[ab]", "[^ab]", "[a-c1]", "[^\n]", "[é-東]", "[^é]", "[[:alpha:]]", "[^[:space:]]", `[\dA]`, `[\W_]`, "[]a-]", "[^]^]", "[[:punct:]b]"}[r.IntN(13)])
		case n < 7:
			b.WriteString([]string{`\d`, `\s`, `\w`, `\D`, `\S`, `\W`}[r.IntN(6)])
		case n < 10:
			b.WriteString(".")
		default:
			b.WriteString([]string{"a", "b", "c", "A", "B", "1", " ", "\n", "é", "ß", "東", `\.`, `\x61`, `\u6771`}[min(r.IntN(20), 13)])
		}
		if r.IntN(3) == 0 {
			b.WriteString([]string{"*", "+", "?", "*?", "+?", "??", "{2}", "{0}", "{1,}", "{0,2}", "{1,3}?", "{3}"}[r.IntN(12)])
		}
	}
	if r.IntN(6) == 0 {
		b.WriteString("|" + randomRegex(r, 0))
	}
	return b.String()
}

// TestRandomRegularExpressionsMatchWhatTheServersDo is for patterns by chance, and for noise.
func TestRandomRegularExpressionsMatchWhatTheServersDo(t *testing.T) {
	s := newSession(t)
	s.exec(regexProbe)
	r := rand.New(rand.NewPCG(7, 7))
	ascii := strings.NewReplacer("é", "b", "ß", "C", "東", "i", "u6771", "n", "00e9", "0062")
	texts := []string{""}
	for range 60 {
		text := ""
		for range 1 + r.IntN(7) {
			text += []string{"a", "b", "c", "A", "B", "1", " ", "\n", "é", "ß", "東", "."}[min(r.IntN(16), 11)]
		}
		texts = append(texts, text)
	}
	for k, collation := range s.collations("C", "en_US.utf8", "und-x-icu") {
		for _, o := range [...]Operator{Match, MatchFold} {
			var patterns []string
			for i := range 3000 {
				pattern := randomRegex(r, 3)
				if i%3 == 0 {
					pattern = ""
					for range 1 + r.IntN(8) {
						pattern += regexPieces[r.IntN(len(regexPieces))]
					}
				}
				if o == MatchFold && i%5 > 0 {
					pattern = ascii.Replace(pattern)
				}
				patterns = append(patterns, pattern)
			}
			none, some, invalid := checkRegexes(s, o, collation, patterns, texts)
			t.Logf("%s under %s: %d of %d patterns are refused, %d are invalid; %d of %d texts are refused", o, collation, none, len(patterns), invalid, some, (len(patterns)-none-invalid)*len(texts))
			if k == 0 && none > len(patterns)/2 {
				t.Error("too many are refused")
			}
		}
	}
}

// TestPatternsOfSimilarToBecomeTheServersRegularExpressions takes those of LIKE, of regular
// expressions, and noise, with several characters that escape.
func TestPatternsOfSimilarToBecomeTheServersRegularExpressions(t *testing.T) {
	s := newSession(t)
	r := rand.New(rand.NewPCG(3, 3))
	pieces := append(slices.Clone(regexPieces), "%", "_", "%", "_", "\"", `\"`, `#"`, "#", "#%", "é%", "[[:alpha:]_]", "[^%]", "[a_]", "[]%]", "[^]_]", "(a|b)")
	patterns := []string{"", "%", "_%", "a|b", "(a|b)%", "%(b|d)%", "[abc]_", `a\%`, `a\`, "a.c", "^a$", "[^a]", "[[:digit:]]+", `#"a#"`, `a#"b#"c`, `a#"b#"c#"d`, "[%_]", "[[:alpha:]%]_", "[]]%", `[\w]`, "é", "[é]_"}
	for range 1500 {
		pattern := ""
		for range 1 + r.IntN(8) {
			pattern += pieces[r.IntN(len(pieces))]
		}
		patterns = append(patterns, pattern)
	}
	f, _ := FunctionNamed("similar_to_escape")
	none, wrong := 0, 0
	for _, escape := range []string{"default", `\`, "#", "", "é", "ab", "%"} {
		second := ", '" + escape + "'"
		if escape == "default" {
			second = ""
		}
		theirs := s.probe("SELECT c, convert_to(c, 'UTF8') FROM (SELECT pg_catalog.similar_to_escape(@"+second+") AS c) q", patterns)
		for i, pattern := range patterns {
			args := []Value{{Data: []byte(pattern), Binary: true, OID: OIDText}}
			if second != "" {
				args = append(args, Value{Data: []byte(escape), Binary: true, OID: OIDText})
			}
			got := shown(Type{OID: OIDText, Typmod: -1}, &Settings{})(f.Append([]byte{}, args, Help{}, &Settings{}))
			if refused(got) {
				none++
			} else if got != theirs[i] {
				if wrong++; wrong < 20 {
					t.Errorf("%q escaped by %q:\n got %v\nwant %v", pattern, escape, got, theirs[i])
				}
			}
		}
	}
	t.Logf("%d of %d are refused", none, 7*len(patterns))
}

// TestRegularExpressionsOfAnyBytesDoNotPanic is for what cannot come in UTF-8.
func TestRegularExpressionsOfAnyBytesDoNotPanic(t *testing.T) {
	const bytes = "ab[]^-\\(){}*+?|.$:,x0189udDwW\xff\xc3\xa9\x00"
	r := rand.New(rand.NewPCG(5, 5))
	for range 20000 {
		b := make([]byte, r.IntN(12))
		for i := range b {
			b[i] = bytes[r.IntN(len(bytes))]
		}
		if re, err := CompileRegex(b, r.IntN(2) == 0, nil); err == nil {
			if _, err := re.Match(b); err != nil && !refused(errorAnswer(err)) {
				t.Fatalf("%q: %v", b, err)
			}
		}
	}
}

// TestRegularExpressionsInOtherEncodingsAreRefused is for codes that only Unicode has.
func TestRegularExpressionsInOtherEncodingsAreRefused(t *testing.T) {
	s := parseSettings(t, "server_encoding=LATIN1")
	for pattern, want := range map[string]bool{"é": false, "[éa]": false, "[^é]": false, "[a-z]": false, `\x41`: false, "[à-ÿ]": true, "[a-ÿ]": true, `\u00e9`: true, `[\xe9]`: true, "[[:cntrl:]]": true} {
		_, err := CompileRegex([]byte(pattern), false, s)
		if got := err != nil && refused(errorAnswer(err)); got != want || err != nil && !got {
			t.Errorf("%q: %v", pattern, err)
		}
	}
}

// TestTheLastRegularExpressionIsThatOfItsPattern is for patterns that are other ones in each row.
func TestTheLastRegularExpressionIsThatOfItsPattern(t *testing.T) {
	var last LastRegex
	for _, step := range []struct {
		o       Operator
		pattern string
		answers string
	}{
		{Match, "a", "tff"}, {Match, "b", "ftf"}, {MatchFold, "b", "ftt"}, {NotMatchFold, "b", "tff"}, {Match, "(", codeInvalidRegex + " invalid regular expression: parentheses () not balanced"}, {NotMatch, "b", "tft"},
	} {
		if got, _ := ourRegexes(step.o, step.pattern, []string{"a", "b", "B"}, &last); got != step.answers {
			t.Errorf("%s %q: %s, not %s", step.o, step.pattern, got, step.answers)
		}
	}
}
