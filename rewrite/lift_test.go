package rewrite

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	pg "github.com/pganalyze/pg_query_go/v6"
)

func TestLiteralsOfAnInsertAreLifted(t *testing.T) {
	for _, c := range []struct {
		text, lifted string
		values       []string
		types        []uint32
	}{
		{"INSERT INTO t (c) VALUES (1)", "INSERT INTO t (c) VALUES ($1)", []string{"1"}, []uint32{oidInt4}},
		{"insert into s.\"T x\" (a, \"B\")\n values ('it''s', -2.5) ;", "insert into s.\"T x\" (a, \"B\")\n values ($1, $2)", []string{"it's", "-2.5"}, []uint32{0, oidNumeric}},
		{`INSERT INTO t (a) VALUES (E'a\tb\'c'), ($$d$$), (NULL), (DEFAULT), (true) RETURNING t.*, "Id" AS x`, `INSERT INTO t (a) VALUES ($1), ($2), (NULL), (DEFAULT), (true) RETURNING t.*, "Id" AS x`,
			[]string{"a\tb'c", "d"}, []uint32{0, 0}},
		{"INSERT INTO t (c) VALUES (2147483647, 2147483648, -2147483648, 9223372036854775808, 007, 1e3, - 1)", "INSERT INTO t (c) VALUES ($1, $2, $3, $4, $5, $6, $7)",
			[]string{"2147483647", "2147483648", "-2147483648", "9223372036854775808", "007", "1e3", "-1"},
			[]uint32{oidInt4, oidInt8, oidInt4, oidNumeric, oidInt4, oidNumeric, oidInt4}},
		{"INSERT INTO t (c) VALUES ('a'\n'b', /* c */ 'd')", "INSERT INTO t (c) VALUES ($1, /* c */ $2)", []string{"ab", "d"}, []uint32{0, 0}},
	} {
		var l Lifted
		if !l.Lift([]byte(c.text)) {
			t.Errorf("%s: not lifted", c.text)
			continue
		}
		var values []string
		for i := range l.Types {
			values = append(values, string(l.Value(i)))
		}
		if string(l.Text) != c.lifted || !slices.Equal(values, c.values) || !slices.Equal(l.Types, c.types) || l.Returns != strings.Contains(c.text, "RETURNING") {
			t.Errorf("%s:\n%s %q %v %v", c.text, l.Text, values, l.Types, l.Returns)
		}
	}
}

func TestOtherTextsAreNotLifted(t *testing.T) {
	long := strings.Repeat("n", maxName+1)
	for _, text := range []string{
		"", "INSERT", "INSERT INTO t", "INSERT INTO t (c)", "INSERT INTO t VALUES (1)", "INSERT INTO t (c) VALUES", "INSERT INTO t (c) VALUES (", "INSERT INTO t (c) VALUES (1", "INSERT INTO t (c) VALUES (1,)", "INSERT INTO t (c) VALUES ()",
		"INSERT INTO t (c) VALUES (NULL)", "INSERT INTO t DEFAULT VALUES", "INSERT INTO t SELECT 1", "INSERT INTO t AS x VALUES (1)", "INSERT INTO t (a.b) VALUES (1)", "INSERT INTO t (a[1]) VALUES (1)",
		"INSERT INTO t (a,) VALUES (1)", "INSERT INTO t () VALUES (1)", "INSERT INTO t (a) OVERRIDING SYSTEM VALUE VALUES (1)",
		"INSERT INTO t (c) VALUES (+1)", "INSERT INTO t (c) VALUES (- -1)", "INSERT INTO t (c) VALUES (-'1')", "INSERT INTO t (c) VALUES ('1'::int)", "INSERT INTO t (c) VALUES (date '2001-02-03')", "INSERT INTO t (c) VALUES (now())",
		"INSERT INTO t (c) VALUES (current_date)", "INSERT INTO t (c) VALUES (1 + 1)", "INSERT INTO t (c) VALUES ((1))", "INSERT INTO t (c) VALUES ($1)", "INSERT INTO t (c) VALUES (B'1')", "INSERT INTO t (c) VALUES (0x1F)", "INSERT INTO t (c) VALUES (1_000)",
		"INSERT INTO t (c) VALUES (U&'a')", `INSERT INTO t (c) VALUES (E'\0')`, `INSERT INTO t (c) VALUES (E'\v')`, "INSERT INTO t (c) VALUES (1) ON CONFLICT DO NOTHING", "INSERT INTO t (c) VALUES (1) RETURNING 1", "INSERT INTO t (c) VALUES (1) RETURNING f(a)",
		"INSERT INTO t (c) VALUES (1) RETURNING a || 'x'", "INSERT INTO t (c) VALUES (1); SELECT 1", "INSERT INTO t (c) VALUES (1);;", "INSERT INTO t (c) VALUES ('a", "INSERT INTO t (c) VALUES (1) SELECT", "WITH x AS (SELECT 1) INSERT INTO t (c) VALUES (1)",
		"UPDATE t SET a = 1", "INSERT INTO " + long + " VALUES (1)", "INSERT INTO t (" + long + ") VALUES (1)", "INSERT INTO t (c) VALUES (1) RETURNING a AS " + long,
		"INSERT INTO t (c) VALUES (1" + strings.Repeat(", 1", maxLifted) + ")",
	} {
		if l := (Lifted{}); l.Lift([]byte(text)) {
			t.Errorf("%.200s: lifted", text)
		}
	}
}

func TestLiftingAgainAllocatesNothing(t *testing.T) {
	var l Lifted
	text := []byte(`INSERT INTO users (name, "Age") VALUES ('a', -1), (E'b\n', 2) RETURNING id`)
	if n := testing.AllocsPerRun(100, func() { l.Lift(text) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// What is lifted is the text for PostgreSQL's own grammar, but for its constants,
// and those are the values.
func FuzzLift(f *testing.F) {
	f.Add(`INSERT INTO "t" (a, b) VALUES ('x''y', -1.5), (E'\x41\101\u0041', $tag$q$tag$) RETURNING *, a AS b;`)
	f.Add("insert into a.b (x) values (1, NULL, true, default) -- c")
	f.Add("INSERT INTO t (c) VALUES ('a' -- c\n 'b', 12345678901)")
	f.Fuzz(func(t *testing.T, text string) {
		var l Lifted
		if strings.ContainsRune(text, 0) || !l.Lift([]byte(text)) {
			return
		}
		tree, err := pg.Parse(text)
		lifted, again := pg.Parse(string(l.Text))
		valid := utf8.ValidString(text)
		for i := range l.Types {
			valid = valid && utf8.Valid(l.Value(i)) // E'\xff', which is refused when the value is read
		}
		if (err == nil) != (again == nil) && valid && !strings.Contains(text, "--") { // comments between pieces of a string
			t.Fatalf("%q became %q: %v, %v", text, l.Text, err, again)
		}
		if err != nil || again != nil {
			return
		}
		was, is := tree.Stmts[0].Stmt.GetInsertStmt(), lifted.Stmts[0].Stmt.GetInsertStmt()
		if len(tree.Stmts) != 1 || was == nil || is == nil {
			t.Fatalf("%q became %q", text, l.Text)
		}
		n := 0
		rows := is.SelectStmt.GetSelectStmt().ValuesLists
		for i, row := range was.SelectStmt.GetSelectStmt().ValuesLists {
			for k, item := range row.GetList().Items {
				p := rows[i].GetList().Items[k].GetParamRef()
				if p == nil {
					continue
				}
				if n++; int(p.Number) != n {
					t.Fatalf("%q became %q", text, l.Text)
				}
				if got, want := string(l.Value(n-1)), constant(item.GetAConst()); got != want && !sameInteger(got, want) {
					t.Fatalf("%q: value %d is %q, want %q", text, n, got, want)
				}
				rows[i].GetList().Items[k] = item
			}
		}
		if n != len(l.Types) {
			t.Fatalf("%q: %d parameters, %d values", text, n, len(l.Types))
		}
		before, err := pg.Deparse(tree)
		if err != nil {
			return
		}
		if after, err := pg.Deparse(lifted); err != nil || after != before {
			t.Fatalf("%q: %q, want %q (%v)", text, after, before, err)
		}
	})
}

func constant(c *pg.A_Const) string {
	switch v := c.GetVal().(type) {
	case *pg.A_Const_Ival:
		return strconv.Itoa(int(v.Ival.Ival))
	case *pg.A_Const_Fval:
		return v.Fval.Fval
	case *pg.A_Const_Sval:
		return v.Sval.Sval
	}
	return "none"
}

// sameInteger: the grammar reads leading zeros and a sign.
func sameInteger(a, b string) bool {
	n, err := strconv.Atoi(a)
	m, again := strconv.Atoi(b)
	return err == nil && again == nil && n == m
}
