package rewrite

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgseal/catalog"
)

func simple(text string) Request {
	return Request{Snapshot: testSnapshot(), Text: []byte(text), Mode: Simple}
}

// served plans a text and gives what the server would get.
func served(t testing.TB, p *Planner, s *Scratch, r Request) (string, Bound) {
	t.Helper()
	b, err := p.Plan(s, r)
	if err != nil {
		t.Fatalf("%s: %v", r.Text, err)
	}
	out, err := b.AppendSQL(nil, showLiteral)
	if err != nil {
		t.Fatalf("%s: %v", r.Text, err)
	}
	return string(out), b
}

func TestTextsOfOneShapeShareAPlan(t *testing.T) {
	p, s, snap := NewPlanner(8), &Scratch{}, testSnapshot()
	ask := func(text string) (string, *Plan) {
		out, b := served(t, p, s, Request{Snapshot: snap, Text: []byte(text)})
		return out, b.Plan
	}
	_, first := ask(`SELECT * FROM users WHERE ssn = 'a' AND name = 'b' LIMIT 10`)
	out, second := ask(`SELECT * FROM users WHERE ssn = 'much longer' AND name = 'it''s' LIMIT 5`)
	if first != second {
		t.Error("a text of the same shape was planned again")
	}
	want := `SELECT * FROM users WHERE pgseal.eq(ssn) = ‹search "much longer":705 as users.ssn› AND name = 'it''s' LIMIT 5`
	if out != want {
		t.Errorf("got  %s\nwant %s", out, want)
	}
	for _, other := range []string{
		`SELECT * FROM users WHERE ssn = $$a$$ AND name = 'b' LIMIT 10`, // another kind of string
		`SELECT * FROM users WHERE ssn = 'a' AND  name = 'b' LIMIT 10`,
		`SELECT * FROM users WHERE ssn = 5 AND name = 'b' LIMIT 10`,
		`SELECT * FROM users WHERE ssn = 'a\' AND name = 'b' LIMIT 10`,
	} {
		if _, plan := ask(other); plan == first {
			t.Errorf("%s has the plan of another shape", other)
		}
	}
}

func TestLiteralsThatSteerThePlanArePartOfItsKey(t *testing.T) {
	p, s := NewPlanner(8), &Scratch{}
	for range 2 {
		served(t, p, s, simple(`SELECT name, ssn FROM users ORDER BY 1`))
		var refusal *Refusal
		if _, err := p.Plan(s, simple(`SELECT name, ssn FROM users ORDER BY 2`)); !errors.As(err, &refusal) {
			t.Fatalf("ORDER BY 2 is %v, want a refusal", err)
		}
	}
	short, _ := served(t, p, s, simple(`SELECT 1 FROM users WHERE ssn = 'x'::varchar(3)`))
	long, _ := served(t, p, s, simple(`SELECT 1 FROM users WHERE ssn = 'x'::varchar(5)`))
	if !strings.Contains(short, "varying(3)") || !strings.Contains(long, "varying(5)") {
		t.Errorf("the lengths are mixed up:\n%s\n%s", short, long)
	}
	served(t, p, s, simple(`SELECT query_to_xml('SELECT a FROM plain', true, false, '')`))
	if _, err := p.Plan(s, simple(`SELECT query_to_xml('SELECT * FROM users', true, false, '')`)); err == nil {
		t.Error("a query in a literal was taken for another one")
	}
}

func TestAPlanIsForOneSearchPathWhereThatMatters(t *testing.T) {
	p, s, snap := NewPlanner(8), &Scratch{}, testSnapshot()
	text := []byte(`SELECT iban FROM accounts WHERE iban = 'x'`)
	for range 2 {
		if _, err := p.Plan(s, Request{Snapshot: snap, Text: text}); !errors.Is(err, ErrNeedSearchPath) {
			t.Fatalf("without a path: %v", err)
		}
		if out, _ := served(t, p, s, Request{Snapshot: snap, Text: text, Path: []string{"app", "public"}}); out != string(text) {
			t.Errorf("app first: %s", out)
		}
		if out, _ := served(t, p, s, Request{Snapshot: snap, Text: text, Path: []string{"public"}}); out == string(text) {
			t.Errorf("public: relayed")
		}
	}
}

func TestAPlanIsForOneVersionOfTheCatalog(t *testing.T) {
	p, s := NewPlanner(8), &Scratch{}
	text := []byte(`SELECT * FROM users WHERE name = 'x'`)
	plain := catalog.New(2, catalog.Contents{Relations: []*catalog.Relation{
		{OID: 1, Schema: "public", Name: "users", Columns: []catalog.Column{{Name: "name"}}},
		{OID: 2, Schema: "public", Name: "other", Columns: []catalog.Column{{Name: "x", Sealed: &catalog.SealedColumn{ID: 1}}}},
	}})
	_, sealed := served(t, p, s, Request{Snapshot: testSnapshot(), Text: text})
	if sealed.Plan.Relay() {
		t.Error("relayed although users has sealed columns")
	}
	if _, b := served(t, p, s, Request{Snapshot: plain, Text: text}); !b.Plan.Relay() {
		t.Error("not relayed although users has none")
	}
}

func TestTheCacheIsBounded(t *testing.T) {
	const size = 16
	p, s, snap := NewPlanner(size), &Scratch{}, testSnapshot()
	for i := range 4 * size {
		text := fmt.Sprintf("SELECT ssn AS c%d FROM users", i)
		served(t, p, s, Request{Snapshot: snap, Text: []byte(text), Mode: Mode(i % 2)})
	}
	if n := p.plans.Len(); n != size {
		t.Errorf("%d entries, want %d", n, size)
	}
	total := 0
	for _, e := range p.plans.Values() {
		total += e.size
	}
	if p.bytes != total || total == 0 {
		t.Errorf("counted %d bytes, the entries are %d", p.bytes, total)
	}
	long := "SELECT ssn FROM users WHERE name = '" + strings.Repeat("x", maxCachedText) + "'"
	served(t, p, s, Request{Snapshot: snap, Text: []byte(long)})
	if p.bytes != total {
		t.Error("a very long text was kept")
	}
}

func TestPlannersServeManySessionsAtOnce(t *testing.T) {
	p, snap := NewPlanner(4), testSnapshot()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			s := &Scratch{}
			for k := range 200 {
				text := fmt.Sprintf("SELECT ssn AS c%d FROM users WHERE ssn = '%d-%d'", k%6, i, k)
				out, _ := served(t, p, s, Request{Snapshot: snap, Text: []byte(text), Mode: Mode(k % 2)})
				if !strings.Contains(out, fmt.Sprintf("%q", fmt.Sprintf("%d-%d", i, k))) {
					t.Errorf("got %s for %s", out, text)
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestPositionsOfTheServerMapBackToTheClientsText(t *testing.T) {
	const (
		client = `SELECT 'é', name FROM users WHERE ssn = 'secret' AND id = '1'`
		server = `SELECT 'é', name FROM users WHERE pgseal.eq(ssn) = E'\\x0102'::pg_catalog.bytea AND id = '1'`
	)
	b, err := NewPlanner(1).Plan(&Scratch{}, simple(client))
	if err != nil {
		t.Fatal(err)
	}
	out, err := b.AppendSQL([]byte("header"), func(dst []byte, _ *Literal) ([]byte, error) { return AppendBytea(dst, []byte{1, 2}), nil })
	if err != nil || string(out) != "header"+server {
		t.Fatalf("%s, %v", out, err)
	}
	for _, word := range []string{"name", "users", "ssn", "AND", "id", "'1'"} {
		got := b.ClientPosition([]byte(server), CharacterPosition([]byte(server), strings.Index(server, word)))
		if want := CharacterPosition([]byte(client), strings.Index(client, word)); got != want {
			t.Errorf("%s: position %d, want %d", word, got, want)
		}
	}
	for word, replaced := range map[string]string{"x0102": "'secret'", "seal": "ssn"} {
		if got, want := b.ClientOffset(strings.Index(server, word)), strings.Index(client, replaced); got != want {
			t.Errorf("%s maps to %d, want %d", word, got, want)
		}
	}
	if got := b.ClientOffset(len(server)); got != len(client) {
		t.Errorf("the end is at %d, want %d", got, len(client))
	}
}

func TestTextsThatNameNothingSealedNeedNoPlan(t *testing.T) {
	snap := testSnapshot()
	for text, want := range map[string]bool{
		`SELECT * FROM plain WHERE a = 'x'`:              false,
		`SELECT 1; BEGIN; COMMIT`:                        false,
		`INSERT INTO plain VALUES (1, 'x', $tag$y$tag$)`: false,
		`SELECT * FROM USERS`:                            true,
		`SELECT * FROM "users"`:                          true,
		`SELECT * FROM public.users`:                     true,
		`SELECT*FROM(users)`:                             true,
		`SELECT 'users'`:                                 true,
		`SELECT 1 -- users`:                              true,
		`SELECT * FROM "My Table"`:                       true,
		`SELECT * FROM U&"\0075sers"`:                    true,
		`SELECT query_to_xml(E'SELECT * FROM\nusers')`:   true,
		`SELECT f(E'SELECT * FROM \x75sers')`:            true,
		`DO $x$users$x$`:                                 true,
		`SELECT * FROM users2, susers, users_`:           false,
		`SELECT * FROM find_user(1)`:                     true,
		`EXECUTE p('secret')`:                            true,
		`DEALLOCATE ALL`:                                 true,
		`CREATE TABLE x (i int)`:                         true,
		`SELECT database_to_xml(true, true, '')`:         true,
		"SELECT 'caf\xe9'":                               true, // some other encoding: could be anything
		`SELECT 'café'`:                                  false,
		`SELECT * FROM ` + strings.Repeat("users", 20):   false,
	} {
		if got := MayTouch(snap, []byte(text)); got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
	if MayTouch(catalog.New(1, catalog.Contents{}), []byte("EXECUTE users")) {
		t.Error("a database without sealed columns needs no plans")
	}
}

// A migration of triggers and functions has nothing to do with what is sealed, and need
// not wait for the catalog to be read anew after each.
func TestTextsThatRunNoOtherTextNameNothing(t *testing.T) {
	snap := testSnapshot()
	for text, want := range map[string]bool{
		"CREATE TRIGGER t AFTER UPDATE ON plain FOR EACH ROW EXECUTE PROCEDURE f()": false,
		"CREATE TRIGGER t AFTER UPDATE ON plain EXECUTE\n FUNCTION s.f()":           false,
		"CREATE TRIGGER t AFTER UPDATE ON users EXECUTE FUNCTION f()":               true,
		"CREATE TRIGGER t AFTER UPDATE ON plain EXECUTE FUNCTION f(); EXECUTE p":    true,
		"EXECUTE function":            true,
		"EXECUTE function(1)":         true,
		"EXECUTE procedure; SELECT 1": true,
		"EXECUTE p":                   true,
		"CREATE TABLE x (i int)":      false,
	} {
		if got := MayName(snap, []byte(text)); got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
}

func TestEndsOfTransactionsAreKnown(t *testing.T) {
	for text, want := range map[string]bool{
		"CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$ BEGIN PERFORM 1; END; $$": false,
		"CREATE TABLE x (i int)":                          false,
		"SAVEPOINT a; CREATE TABLE x (i int)":             false,
		"RELEASE a; CREATE TABLE x (i int)":               false,
		"ROLLBACK TO a; CREATE TABLE x (i int)":           true,
		"CREATE TABLE x (i int); COMMIT":                  true,
		"ABORT; CREATE TABLE x (i int)":                   true,
		"CREATE TABLE x (i int); PREPARE TRANSACTION 'a'": true,
	} {
		b, err := NewPlanner(1).Plan(&Scratch{}, Request{Snapshot: testSnapshot(), Text: []byte(text)})
		if err != nil {
			t.Fatal(err)
		}
		if got := slices.ContainsFunc(b.Plan.Statements(), func(s Statement) bool { return s.Ends }); got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
}

// strange are names of relations that take care to find in a text.
var strange = []string{
	"users", "Users", "a$b", "$", "1users", "é", "É", "a b", `q"q`, "-", "SELECT", strings.Repeat("long_", 12) + "end", "a.b", "'", "u&", `\`, "日本",
}

func TestNoNameIsOverlooked(t *testing.T) {
	for _, name := range strange {
		snap := catalog.New(1, catalog.Contents{Relations: []*catalog.Relation{
			{OID: 1, Schema: "public", Name: name, Columns: []catalog.Column{{Name: "x", Sealed: &catalog.SealedColumn{ID: 1}}}},
		}})
		quoted := `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
		for _, text := range []string{
			"SELECT * FROM " + quoted, "SELECT * FROM public." + quoted + "WHERE x=1", `SELECT '"',"" FROM ` + quoted + ``,
			"INSERT INTO" + quoted + "VALUES(1)", `SELECT '"' || '` + quoted + `'`,
		} {
			if !MayTouch(snap, []byte(text)) {
				t.Errorf("%q in %q was overlooked", name, text)
			}
		}
	}
	long := strings.Repeat("x", maxName-1) + "é"
	for _, name := range []string{strings.Repeat("x", maxName), strings.Repeat("x", maxName-1)} {
		snap := catalog.New(1, catalog.Contents{Relations: []*catalog.Relation{
			{OID: 1, Schema: "public", Name: name, Columns: []catalog.Column{{Name: "x", Sealed: &catalog.SealedColumn{ID: 1}}}},
		}})
		for _, text := range []string{strings.Repeat("X", 100), `"` + strings.Repeat("x", 100) + `"`, long} {
			if len(name) == maxName-1 && text != long {
				continue
			}
			if !MayTouch(snap, []byte("SELECT * FROM "+text)) {
				t.Errorf("%d bytes: overlooked in %s", len(name), text)
			}
		}
	}
}

func TestDeeplyNestedTextsAreRefusedNotParsed(t *testing.T) {
	const n = 200000
	for _, text := range []string{
		"SELECT 1" + strings.Repeat("+1", n), "SELECT a" + strings.Repeat("::int", n), strings.Repeat("(", n) + strings.Repeat(")", n),
		"SELECT 1 FROM a " + strings.Repeat("JOIN b ON x AND y ", n), "SELECT 1, 2 " + strings.Repeat("UNION ALL SELECT 1, 2 ", n),
		"SELECT " + strings.Repeat("CASE WHEN a AND ", n), "SELECT " + strings.Repeat("NOT ", n) + "a", "SELECT x" + strings.Repeat(" IS NULL", n),
		"SELECT " + strings.Repeat("f(1, ", n),
	} {
		text += " FROM users"
		_, err := NewPlanner(1).Plan(&Scratch{}, simple(text))
		var refusal *Refusal
		if !errors.As(err, &refusal) || refusal.Code != codeTooComplex {
			t.Errorf("%.30s…: %v", text, err)
		}
	}
	wide := "INSERT INTO users (ssn, name) VALUES ('x', 'y')" + strings.Repeat(", ('a' || 5, ('c'))", 5000)
	served(t, NewPlanner(1), &Scratch{}, simple(wide))
	long := "SELECT ssn FROM users WHERE " + strings.Repeat("name = 'x' OR ", 5000) + "ssn = 'y'"
	served(t, NewPlanner(1), &Scratch{}, simple(long))
}

func TestARefusalRepeatsNoLiteral(t *testing.T) {
	for _, text := range []string{
		`SELECT ssn FROM users WHERE 'secret'`, `SELECT ssn FROM users WHERE upper(ssn) = 'secret'`, `SELECT ssn FROM users WHERE age + ssn = 31337`,
		`SELECT ssn FROM users WHERE ssn LIKE 'secret%'`, `SELECT table_to_xml('users', true, false, 'secret')`, `UPDATE users SET ssn = 'secret' || name`,
	} {
		_, err := NewPlanner(1).Plan(&Scratch{}, simple(text))
		var r *Refusal
		if errors.As(err, &r) && strings.Contains(r.Message+r.Detail+r.Hint, "secret") || strings.Contains(fmt.Sprint(err), "31337") {
			t.Errorf("%s: %+v", text, r)
		}
	}
}

// Syntax errors alone repeat what is near them, as PostgreSQL's do: they go to
// whoever wrote it and nowhere else.
func TestSyntaxErrorsAreThoseOfPostgreSQL(t *testing.T) {
	for text, want := range map[string]Refusal{
		`SELECT ssn FROM users WHERE ssn = 'é' 'b''c'`:          {Message: `syntax error at or near "'b''c'"`, Position: 39},
		`SELECT ssn FROM users WHERE ssn = 31337 31337`:         {Message: `syntax error at or near "31337"`, Position: 40},
		`SELECT ssn FROM users WHERE`:                           {Message: `syntax error at end of input`, Position: 27},
		`SELECT ssn FROM users WHERE ssn = 'secret`:             {Message: `unterminated quoted string at or near "'secret"`, Position: 34},
		`SELECT "" FROM users`:                                  {Message: `zero-length delimited identifier at or near """"`, Position: 7},
		`SELECT 12abc FROM users`:                               {Message: `trailing junk after numeric literal at or near "12abc"`, Position: 7},
		`SELECT 12äö FROM users`:                                {Message: `trailing junk after numeric literal at or near "12äö"`, Position: 7},
		`SELECT 1.5e+5xy FROM users`:                            {Message: `trailing junk after numeric literal at or near "1.5e+5xy"`, Position: 7},
		`SELECT 1e+ FROM users`:                                 {Message: `trailing junk after numeric literal at or near "1e+"`, Position: 7},
		`SELECT 0x1fg FROM users`:                               {Message: `trailing junk after numeric literal at or near "0x1fg"`, Position: 7},
		`SELECT $1äb FROM users`:                                {Message: `trailing junk after parameter at or near "$1äb"`, Position: 7},
		`SELECT U&'a' UESCAPE + FROM users`:                     {Message: `UESCAPE must be followed by a simple string literal at or near "+"`, Position: 21},
		`CREATE POLICY p ON users AS UGLY`:                      {Message: `unrecognized row security option "ugly"`, Position: 28, Hint: "Only PERMISSIVE or RESTRICTIVE policies are supported currently."},
		`SELECT * FROM users LIMIT 1, 2`:                        {Message: `LIMIT #,# syntax is not supported`, Position: 20, Hint: "Use separate LIMIT and OFFSET clauses."},
		`CREATE ASSERTION a CHECK (EXISTS (SELECT FROM users))`: {Message: `CREATE ASSERTION is not yet implemented`, Position: -1, Code: "0A000"},
	} {
		if want.Code == "" {
			want.Code = "42601"
		}
		_, err := NewPlanner(1).Plan(&Scratch{}, simple(text))
		var r *Refusal
		if !errors.As(err, &r) || r.Message != want.Message || r.Position != want.Position || r.Hint != want.Hint || r.Code != want.Code {
			t.Errorf("%s: %+v", text, err)
		}
	}
}

func TestSealedLiteralsAreWrittenForAnySetting(t *testing.T) {
	if got, want := string(AppendBytea(nil, []byte{0xe5, 1})), `E'\\xe501'::pg_catalog.bytea`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := string(AppendByteaArray(nil, [][]byte{{0xe5}, nil})), `E'{"\\\\xe5",NULL}'::pg_catalog.bytea[]`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// vary gives a text of the same shape with other literals.
func vary(text string, number, word string) string {
	l := lexer{text: []byte(text)}
	var out strings.Builder
	kept := 0
	for {
		t, ok := l.next()
		if !ok {
			break
		}
		replacement := ""
		switch t.kind {
		case tokenString:
			replacement = "'" + word + "'"
		case tokenEscapeString:
			replacement = `E'\n` + word + "'"
		case tokenDollarString:
			replacement = "$v$" + word + "$v$"
		case tokenInteger:
			replacement = number
		case tokenFloat:
			replacement = number + ".5"
		default:
			continue
		}
		out.WriteString(text[kept:t.start] + replacement)
		kept = int(t.end)
	}
	return out.String() + text[kept:]
}

// outcome is all that a session sees of planning a text.
func outcome(p *Planner, snap *catalog.Snapshot, c *goldenCase, text string) string {
	s := &Scratch{}
	b, err := p.Plan(s, Request{Snapshot: snap, Path: c.path, Text: []byte(text), Fresh: c.fresh})
	var out strings.Builder
	if err != nil {
		fmt.Fprintf(&out, "%v", err)
		return out.String()
	}
	server, err := b.AppendSQL(nil, showLiteral)
	fmt.Fprintf(&out, "%s %v %v %v\n", server, err, b.Plan.Relay(), b.Plan.Traits())
	for _, st := range b.Plan.Statements() {
		describeStatement(&out, "", &st)
	}
	return strings.ReplaceAll(out.String(), p.mark, "mark:")
}

func TestAPlanFromTheCacheIsThePlanMadeAnew(t *testing.T) {
	snap, warm := testSnapshot(), NewPlanner(5000)
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	variants := [][2]string{{"1", "a"}, {"2", "users"}, {"3", "SELECT ssn FROM users"}, {"4711", "it''s"}, {"0", ""}, {"5", "public"}, {"99999999999", "pg_catalog"}, {"6", "é"}}
	for _, file := range files {
		cases, _ := readGolden(t, file)
		for _, c := range cases {
			outcome(warm, snap, &c, c.sql)
			for _, v := range variants {
				text := vary(c.sql, v[0], v[1])
				got, want := outcome(warm, snap, &c, text), outcome(NewPlanner(1), snap, &c, text)
				if strings.HasPrefix(want, "syntax error") {
					continue // FETCH 99999999999: the server will say it
				}
				if got != want {
					t.Errorf("%s\nwas seen before, and %s\nis then\n%s\nbut by itself\n%s", c.sql, text, got, want)
				}
			}
		}
	}
}

// FuzzPlan plans anything: it must not panic, relay byte for byte, and give the
// same text again from the cache.
func FuzzPlan(f *testing.F) {
	for _, text := range seeds(f) {
		f.Add(text, true)
		f.Add(text, false)
	}
	snap := probedSnapshot()
	f.Fuzz(func(t *testing.T, text string, fresh bool) {
		if strings.IndexByte(text, 0) >= 0 || len(text) > 10000 {
			return
		}
		p, s := NewPlanner(4), &Scratch{}
		r := Request{Snapshot: snap, Path: []string{"public"}, Text: []byte(text), Fresh: fresh}
		escaped := r
		escaped.Escapes = true
		if b, err := p.Plan(&Scratch{}, escaped); err == nil {
			_, _ = b.AppendSQL(nil, showLiteral) // it may be wrong, and must not panic
		}
		b, err := p.Plan(s, r)
		if err != nil {
			checkProbe(t, err, text)
			return
		}
		out, err := b.AppendSQL(nil, showLiteral)
		if err != nil {
			return
		}
		if b.Plan.Relay() && string(out) != text {
			t.Fatalf("relayed %q as %q", text, out)
		}
		for i := range len(out) + 2 {
			if at := b.ClientOffset(i); at < 0 || at > len(text) {
				t.Fatalf("offset %d maps to %d", i, at)
			}
		}
		again, err := p.Plan(s, r)
		if err != nil {
			t.Fatalf("%q: planned, then %v", text, err)
		}
		if second, err := again.AppendSQL(nil, showLiteral); err != nil || string(second) != string(out) {
			t.Fatalf("%q: %q, then %q, %v", text, out, second, err)
		}
		c := goldenCase{path: r.Path, fresh: fresh}
		for _, number := range []string{"1", "2", "99999999999"} {
			other := vary(text, number, "users")
			got, want := outcome(p, snap, &c, other), outcome(NewPlanner(1), snap, &c, other)
			if got != want && !strings.HasPrefix(want, "syntax error") {
				t.Fatalf("%q was seen before, and %q is then\n%s\nbut by itself\n%s", text, other, got, want)
			}
		}
	})
}

// A literal that is inserted as it stands needs no type; anywhere else it does.
func TestInsertedLiteralsAreBare(t *testing.T) {
	for text, want := range map[string]string{
		"INSERT INTO users (id, ssn, name) VALUES ('1', 's', 'n')":                      "s!",
		"INSERT INTO users (id, ssn, bio) VALUES (1, 's', NULL), (2, 's2', 'b')":        "s! s2! b!",
		"INSERT INTO users (id, ssn) VALUES (1, 's'::text), (2, CAST('s2' AS varchar))": "s s2",
		"INSERT INTO users (id, ssn) VALUES (1, 's') ORDER BY 1":                        "s",
		"INSERT INTO users (id, ssn) VALUES (1, 's') LIMIT 1":                           "s",
		"INSERT INTO users (id, ssn) SELECT '1', 's'":                                   "s",
		"UPDATE users SET ssn = 's'":                                                    "s",
		"SELECT id FROM users WHERE ssn = 's'":                                          "s",
	} {
		b, err := NewPlanner(1).Plan(&Scratch{}, simple(text))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		var got []string
		if _, err := b.AppendSQL(nil, func(dst []byte, l *Literal) ([]byte, error) {
			word := string(l.Value)
			if l.Bare {
				word += "!"
			}
			got = append(got, word)
			return dst, nil
		}); err != nil || strings.Join(got, " ") != want {
			t.Errorf("%s: %q, %v", text, got, err)
		}
	}
}

// Rails turns the triggers of all tables off in one text.
func TestAlteringATableLeavesTheNamesOfOthers(t *testing.T) {
	p, s := NewPlanner(8), &Scratch{}
	r := simple("ALTER TABLE plain DISABLE TRIGGER ALL;ALTER TABLE accounts DISABLE TRIGGER ALL;ALTER TABLE things DISABLE TRIGGER ALL")
	r.Fresh = true
	for _, path := range []string{"app", "public"} {
		r.Path = []string{"pg_catalog", path}
		if out, _ := served(t, p, s, r); out != string(r.Text) {
			t.Errorf("%s: %s", path, out)
		}
	}
	r.Text = []byte("ALTER TABLE plain RENAME TO other;ALTER TABLE accounts DISABLE TRIGGER ALL")
	var refusal *Refusal
	if _, err := p.Plan(s, r); !errors.As(err, &refusal) {
		t.Errorf("behind a renaming: %v", err)
	}
}
