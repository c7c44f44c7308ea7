package rewrite

import (
	"flag"
	"path/filepath"
	"strings"
	"testing"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// corpus gives the SQL of all golden files, and texts that are hard to lex.
func corpus(t testing.TB) (texts []string) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		cases, _ := readGolden(t, file)
		for _, c := range cases {
			texts = append(texts, c.sql)
		}
	}
	return append(texts,
		`SELECT 1.5e-3, .5, 1., 1..2, 1e5, 0x1F, 0b01, 0o17, 1_000, 1_0.0_1`,
		"SELECT 'a'\n'b' 'c'", "SELECT E'a'\n  'b\\'c'", "SELECT 'a'\r\n\t'b'", "SELECT 'a' \n\f 'b'",
		`SELECT U&'d!0061t' UESCAPE '!', U&"x" UESCAPE '!' , u&'\0041', u&"a"`,
		`SELECT $$a$$, $x$ $y$ $x$, $_1$b$_1$, a$b, $1, $12`,
		`SELECT /* a /* b */ c */ 1 -- d`, `SELECT a-- b`, `SELECT a--`, `SELECT 1 /**/ - - 1`,
		`SELECT 1 <-- 2`, `SELECT a@-1, a=-1, a !=-1, a <>- 1, a ?-1, a<=+1, a /* x */+/* y */ b, 2*-1, 1-+-1`,
		`SELECT x'1F', B'01', n'a', N'b', e'c', E'', '', e'\\', x''`,
		`SELECT "a""b", "A", a.b.c, a[1:2], (a).b, a::int::text, f(a := 1, b => 2), a.*`,
		`SELECT éa, 'é', "é", $é$ü$é$`, `SELECT N'x', nx'y'`, `SELECT a||b, a&&b, a->>'b', a#>>'{}', @-a, !!a`,
		`SELECT 'it''s', E'it''s \' \n', 'a\', 'b'`, "SELECT 'a' -- c\n'b'", "SELECT 'a'--c\n--d\n'b'", "SELECT 'a' - 'b'",
		`CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $f$ SELECT '$g$' $f$`,
	)
}

// sameAsScanner compares our tokens with those of PostgreSQL's scanner. It
// knows where the two are meant to differ: the scanner gives comments, a string
// followed by another piece after a comment as two, and UESCAPE by itself.
func sameAsScanner(t *testing.T, text string) {
	scan, err := pg.Scan(text)
	if err != nil {
		return // ours may be stricter or not: the parser decides
	}
	l := lexer{text: []byte(text)}
	var ours []token
	for {
		tok, ok := l.next()
		if !ok {
			break
		}
		ours = append(ours, tok)
	}
	if l.err == lexByte || l.err == lexJunk {
		// The scanner hands a byte that begins no token to the parser, which
		// refuses it. This one also lets $1x pass, unlike that of the server.
		return
	}
	if l.err != lexOK {
		t.Fatalf("%q: the scanner accepts it, we say %d at %d", text, l.err, l.pos)
	}
	i := 0
	for _, s := range scan.Tokens {
		if s.Token == pg.Token_C_COMMENT || s.Token == pg.Token_SQL_COMMENT {
			continue
		}
		if i > 0 && s.Start >= ours[i-1].start && s.End <= ours[i-1].end && s.Start > ours[i-1].start {
			if k := ours[i-1].kind; k.isString() || k == tokenBits || k == tokenUnicodeName {
				continue // a further piece, or UESCAPE
			}
		}
		if i >= len(ours) {
			t.Fatalf("%q: the scanner has %v at %d, we have nothing", text, s.Token, s.Start)
		}
		o := ours[i]
		i++
		if o.start != s.Start || o.end < s.End {
			t.Fatalf("%q: token %d is %d to %d for us, %d to %d (%v) for the scanner", text, i, o.start, o.end, s.Start, s.End, s.Token)
		}
		if want, ok := scannerKind(s.Token); ok && want != plainKind(o.kind) {
			t.Fatalf("%q: token %d at %d is %d for us, %v for the scanner", text, i, o.start, o.kind, s.Token)
		}
		if !o.kind.isString() && o.kind != tokenBits && o.kind != tokenUnicodeName && o.end != s.End {
			t.Fatalf("%q: token %d ends at %d for us, at %d for the scanner", text, i, o.end, s.End)
		}
	}
	if i != len(ours) {
		t.Fatalf("%q: we have a token at %d that the scanner does not", text, ours[i].start)
	}
}

// plainKind folds the kinds that the scanner does not tell apart.
func plainKind(k tokenKind) tokenKind {
	switch {
	case k.isString():
		return tokenString
	case k == tokenOtherNumber:
		return tokenInteger
	}
	return k
}

func scannerKind(t pg.Token) (tokenKind, bool) {
	switch t {
	case pg.Token_SCONST, pg.Token_USCONST:
		return tokenString, true
	case pg.Token_BCONST, pg.Token_XCONST:
		return tokenBits, true
	case pg.Token_PARAM:
		return tokenParameter, true
	case pg.Token_UIDENT:
		return tokenUnicodeName, true
	}
	return 0, false
}

func TestLexerAgreesWithTheScanner(t *testing.T) {
	for _, text := range corpus(t) {
		sameAsScanner(t, text)
	}
}

// seeds are the corpus, and a tenth of it where there is fuzzing, which would run
// every seed before it tries anything new.
func seeds(f *testing.F) (texts []string) {
	texts = corpus(f)
	if pattern := flag.Lookup("test.fuzz"); pattern.Value.String() == "" {
		return texts
	}
	var some []string
	for i := 0; i < len(texts); i += 10 {
		some = append(some, texts[i])
	}
	return some
}

func FuzzLexerAgreesWithTheScanner(f *testing.F) {
	for _, text := range seeds(f) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.IndexByte(text, 0) >= 0 || len(text) > 10000 {
			return
		}
		sameAsScanner(t, text)
	})
}

func TestNumberLiteralsHaveTheTypesThatPostgreSQLGivesThem(t *testing.T) {
	for number, want := range map[string]uint32{
		"1": oidInt4, "2147483647": oidInt4, "2147483648": oidInt8, "-2147483648": oidInt4, "-2147483649": oidInt8,
		"9223372036854775807": oidInt8, "9223372036854775808": oidNumeric, "-9223372036854775808": oidInt8,
		"1.0": oidNumeric, "1e3": oidNumeric, ".5": oidNumeric, "007": oidInt4,
	} {
		if got := numberType([]byte(number)); got != want {
			t.Errorf("%s is %d, want %d", number, got, want)
		}
	}
}
