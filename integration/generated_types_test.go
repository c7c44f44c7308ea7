package integration

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"pgseal/integration/harness"
	"pgseal/integration/pgtest"
)

// generatedTypes is how many statements are run.
const generatedTypes = 1200

// typeFamily is columns, and types that their values can be cast to or declared as.
type typeFamily struct {
	columns  []string // a name and a type each
	types    []string
	values   []string // which all of the types can read
	literals []string // without quotes
	inexact  string   // a value that is not the same in all of the types, "" for none
}

var typeFamilies = []typeFamily{
	{
		columns: []string{"t text", "v varchar(4)", "c char(3)", "n name"},
		types:   []string{"text", "text", "varchar", "bpchar", "name", "varchar(2)", "char(1)"},
		values:  []string{"a", "a ", "b", ""},
	},
	{
		columns:  []string{"i2 smallint", "i4 int", "i8 bigint", "nu numeric", "nt numeric(10,2)", "f4 real", "f8 double precision"},
		types:    []string{"int2", "int4", "int8", "numeric", "float4", "float8", "numeric(5,1)"},
		values:   []string{"5", "6"},
		literals: []string{"5", "6", "5.0", "0.1", "-5", "+6", "70000"},
		inexact:  "0.1",
	},
	{
		columns: []string{"d date", "ts timestamp", "tz timestamptz"},
		types:   []string{"date", "timestamp", "timestamptz", "timestamp(0)"},
		values:  []string{"2024-01-01", "2024-02-02"},
		inexact: "2024-02-02 10:00:00.5",
	},
	{columns: []string{"u uuid"}, types: []string{"uuid"}, values: []string{"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "A0EEBC999C0B4EF8BB6D6BB9BD380A12"}},
	{columns: []string{"b boolean"}, types: []string{"bool"}, values: []string{"t", "false"}, literals: []string{"true", "false"}},
	{columns: []string{"a text[]"}, types: []string{"text[]", "varchar[]"}, values: []string{"{a}", "{a,b}"}},
}

// declarable are the types that a parameter is declared as, by name.
var declarable = map[string]uint32{
	"text": 25, "varchar": 1043, "bpchar": 1042, "name": 19, "int2": 21, "int4": 23, "int8": 20, "numeric": 1700, "float4": 700, "float8": 701,
	"date": 1082, "timestamp": 1114, "timestamptz": 1184, "uuid": 2950, "bool": 16,
}

// TestGeneratedTypes lets chance put values of several types beside each other: columns,
// constants, parameters that the client declares or does not, casts. What is equal as one
// type need not be as another, so that the types decide which rows are found and what is
// stored. Each statement is answered as the plain database answers it, or refused.
func TestGeneratedTypes(t *testing.T) {
	seed := pgtest.Seed(t)
	var schema harness.Schema
	columns, names, rows := []string{"id int PRIMARY KEY"}, []string{"id"}, [2][]string{{"1"}, {"2"}}
	for _, f := range typeFamilies {
		for _, c := range f.columns {
			name := strings.Fields(c)[0]
			columns, names = append(columns, c, "p_"+c), append(names, name, "p_"+name)
			schema.Seal = append(schema.Seal, "public.m."+name+" --equality")
			for i := range rows {
				rows[i] = append(rows[i], quoted(f.values[i]), quoted(f.values[i]))
			}
		}
	}
	schema.DDL = "CREATE TABLE m (" + strings.Join(columns, ", ") + ")"
	pair := harness.New(t, schema)
	sides := []*pgconn.PgConn{pair.Connect(t, pair.TwinURL()).PgConn(), pair.Connect(t, pair.URL()).PgConn()}
	g := &typeGenerator{Rand: rand.New(rand.NewPCG(seed, 3))}
	refused, failed := 0, 0
	for _, c := range sides {
		insert := fmt.Sprintf("INSERT INTO m (%s) VALUES (%s), (%s); INSERT INTO m (id) VALUES (3)", strings.Join(names, ", "), strings.Join(rows[0], ", "), strings.Join(rows[1], ", "))
		if err := c.Exec(t.Context(), insert).Close(); err != nil {
			t.Fatal(err)
		}
	}
	for range generatedTypes {
		s := g.statement()
		var answers [2]string
		var errs [2]*pgconn.PgError
		for i, c := range sides {
			answers[i], errs[i] = s.run(t, c)
		}
		switch want, got := errs[0], errs[1]; {
		case got != nil && got.Code == "0A000" && got.Hint != "":
			refused++
		case want != nil && got != nil && mistake(want) && mistake(got): // of several in a statement either side may see another first
			failed++
		case want != nil || got != nil || answers[0] != answers[1]:
			t.Errorf("%s\nplain  %s %v\nsealed %s %v", s, answers[0], want, answers[1], got)
		}
	}
	if refused > generatedTypes/2 || failed > generatedTypes/2 {
		t.Errorf("%d of %d statements were refused, %d fail: the rest is too little to prove anything", refused, generatedTypes, failed)
	}
}

// mistake says whether an error is one of the statement's or of its values.
func mistake(err *pgconn.PgError) bool {
	return slices.Contains([]string{"22", "23", "42"}, err.Code[:2])
}

func quoted(s string) string { return "'" + s + "'" }

// typedStatement is a statement with the values of its parameters.
type typedStatement struct {
	sql    string
	types  []string // "" for a parameter that is not declared
	values []string
	mode   harness.Mode
}

func (s *typedStatement) String() string {
	return fmt.Sprintf("%s: %s with %q as %q", s.mode, s.sql, s.values, s.types)
}

// texts are what is sent where the values stand in the text.
func (s *typedStatement) texts() []string {
	types, arguments, sql := make([]string, len(s.types)), make([]string, len(s.values)), s.sql
	for i := len(s.values) - 1; i >= 0; i-- {
		types[i], arguments[i] = s.types[i], quoted(s.values[i])
		if types[i] == "" {
			types[i] = "unknown"
		}
		if s.mode == harness.Simple {
			sql = strings.ReplaceAll(sql, "$"+strconv.Itoa(i+1), arguments[i])
		}
	}
	if s.mode == harness.Simple {
		return []string{sql}
	}
	of := func(list []string) string {
		if len(list) == 0 {
			return ""
		}
		return "(" + strings.Join(list, ", ") + ")"
	}
	return []string{"PREPARE s" + of(types) + " AS " + sql, "EXECUTE s" + of(arguments)}
}

// run gives what a side answers, in a transaction that is rolled back. A parameter that
// stands beside others declared as varchar is one for PostgreSQL, and a text for pgseal.
func (s *typedStatement) run(t *testing.T, c *pgconn.PgConn) (answer string, failure *pgconn.PgError) {
	t.Helper()
	ctx := t.Context()
	exec := func(sql string) ([]*pgconn.Result, error) { return c.Exec(ctx, sql).ReadAll() }
	if _, err := exec("BEGIN"); err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	results, err := s.results(ctx, c, exec, &answer)
	for _, r := range results {
		for _, f := range r.FieldDescriptions {
			answer += fmt.Sprint(f.Name, " ", f.DataTypeOID, " ", f.TypeModifier, ", ")
		}
		answer += fmt.Sprintf("%q %s", r.Rows, r.CommandTag)
		err = errors.Join(err, r.Err)
	}
	if err != nil && !errors.As(err, &failure) {
		t.Fatalf("%s: %v", s, err)
	}
	if _, err := exec("ROLLBACK; DEALLOCATE ALL"); err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return strings.ReplaceAll(answer, "P1043 ", "P25 "), failure
}

func (s *typedStatement) results(ctx context.Context, c *pgconn.PgConn, exec func(string) ([]*pgconn.Result, error), answer *string) (all []*pgconn.Result, err error) {
	if s.mode == harness.Simple || s.mode == harness.SQLPrepare {
		for _, sql := range s.texts() {
			results, err := exec(sql)
			if all = append(all, results...); err != nil {
				return all, err
			}
		}
		return all, nil
	}
	oids, values, formats := make([]uint32, len(s.types)), make([][]byte, len(s.values)), []int16{0}
	for i := range oids {
		oids[i], values[i] = declarable[s.types[i]], []byte(s.values[i])
	}
	if s.mode == harness.PreparedBinary {
		formats[0] = 1
	}
	d, err := c.Prepare(ctx, "", s.sql, oids)
	if err != nil {
		return nil, err
	}
	for _, oid := range d.ParamOIDs {
		*answer += fmt.Sprintf("P%d ", oid)
	}
	return append(all, c.ExecPrepared(ctx, "", values, nil, formats).Read()), nil
}

// typeGenerator writes statements about one column of a family: @ is its name.
type typeGenerator struct {
	*rand.Rand
	family *typeFamily
	own    string // the type of the column
	typedStatement
}

func (g *typeGenerator) pick(from ...string) string { return from[g.IntN(len(from))] }

// value is one that can be read as a type.
func (g *typeGenerator) value(typ string) string {
	exact := strings.HasPrefix(typ, "int") || typ == "smallint" || typ == "bigint"
	if g.family.inexact != "" && g.IntN(5) == 0 && !exact {
		return g.family.inexact
	}
	return g.pick(g.family.values...)
}

func (g *typeGenerator) param() string {
	typ, declared := g.own, ""
	if g.IntN(5) < 2 {
		typ = g.pick(g.family.types...)
		if declarable[typ] != 0 {
			declared = typ
		}
	}
	g.types, g.values = append(g.types, declared), append(g.values, g.value(typ))
	return "$" + strconv.Itoa(len(g.types))
}

func (g *typeGenerator) cast(s string) string {
	for range [...]int{0, 0, 0, 1, 1, 2}[g.IntN(6)] {
		typ := g.own
		if g.IntN(3) == 0 {
			typ = g.pick(g.family.types...)
		}
		if g.IntN(3) == 0 {
			s = "CAST(" + s + " AS " + typ + ")"
		} else {
			s += "::" + typ
		}
	}
	return s
}

// v is a value of the client's.
func (g *typeGenerator) v() string {
	texts := slices.Contains(g.family.types, "text")
	switch n := g.IntN(12); {
	case n < 6:
		return g.cast(g.param())
	case n == 6:
		return "NULL"
	case n == 7 && len(g.family.literals) > 0:
		return g.cast("(" + g.pick(g.family.literals...) + ")")
	case n == 7 && texts:
		return "NULLIF(" + g.cast(g.param()) + ", 'c')" // of two constants that are equal PostgreSQL makes NULL before it says what type COALESCE has
	case n == 8 && texts:
		return g.pick("lower", "trim") + "(" + g.cast(g.param()) + ")"
	case n == 8 && g.IntN(2) == 0:
		return "(SELECT " + g.cast(g.param()) + ")"
	}
	return g.cast(quoted(g.value(g.own)))
}

func (g *typeGenerator) list(open, end string) string {
	values := []string{g.v(), g.v(), g.v()}
	return open + strings.Join(values[:2+g.IntN(2)], ", ") + end
}

func (g *typeGenerator) condition(depth int) string {
	switch g.IntN(18) {
	case 0, 1:
		return "@ " + g.pick("=", "=", "<>", "IS DISTINCT FROM") + " " + g.v()
	case 2:
		return g.v() + " = @"
	case 3, 4, 5:
		return "@ " + g.pick("", "NOT ") + "IN " + g.list("(", ")")
	case 6, 7, 8:
		return "@ " + g.pick("= ANY", "= ANY", "<> ALL") + g.list(" (ARRAY[", "]") + g.pick("", "", "::"+g.own+"[]") + ")"
	case 9:
		return "(@, id) " + g.pick("= ", "IN (") + "(" + g.v() + ", 1)"
	case 10:
		return "@ IN (SELECT " + g.v() + " UNION ALL SELECT " + g.v() + ")"
	case 11:
		return "@ IN (VALUES (" + g.v() + "), (" + g.v() + "))"
	case 12:
		return "COALESCE(@, " + g.v() + ") = " + g.v()
	case 13:
		return "NULLIF(@, " + g.v() + ") IS NULL"
	case 14:
		return "@ = CASE WHEN id = 1 THEN " + g.v() + " ELSE " + g.v() + " END"
	case 15:
		return "@ = COALESCE(" + g.v() + ", " + g.v() + ")"
	case 16:
		return "p_@ IN " + g.list("(", ")")
	}
	if depth > 1 {
		return "@ IS NULL"
	}
	return "(" + g.condition(depth+1) + g.pick(" AND ", " OR ") + g.condition(depth+1) + ")"
}

func (g *typeGenerator) output() string {
	switch g.IntN(8) {
	case 0:
		return "COALESCE(@, " + g.v() + ")"
	case 1:
		return "NULLIF(@, " + g.v() + ")"
	case 2:
		return "CASE WHEN id = 1 THEN @ ELSE " + g.v() + " END"
	case 3:
		return "CASE @ WHEN " + g.v() + " THEN 1 WHEN " + g.v() + " THEN 2 END"
	}
	return "@"
}

func (g *typeGenerator) text() string {
	switch g.IntN(18) {
	case 0:
		return "UPDATE m SET @ = " + g.v() + " WHERE " + g.condition(0) + " RETURNING id, @"
	case 1:
		return "INSERT INTO m (id, @, p_@) VALUES (10, " + g.v() + ", " + g.v() + "), (11, " + g.v() + ", NULL) RETURNING " + g.output() + ", p_@"
	case 2:
		return "INSERT INTO m (id, @) SELECT 10, " + g.v() + g.pick(" UNION ALL SELECT 11, "+g.v(), " WHERE NOT EXISTS (SELECT FROM m WHERE "+g.condition(1)+")") + " RETURNING @"
	case 3:
		return "UPDATE m SET @ = CASE WHEN id = 1 THEN " + g.v() + " WHEN id = 2 THEN " + g.v() + " ELSE @ END RETURNING id, @"
	case 4:
		return "UPDATE m SET @ = COALESCE(" + g.v() + ", @), p_@ = " + g.v() + " WHERE id < 3 RETURNING id, @, p_@"
	case 5:
		return "UPDATE m SET @ = x.v FROM (VALUES (1, " + g.v() + "), (2, " + g.v() + ")) x (id, v) WHERE x.id = m.id" + g.pick("", " AND m.@ = x.v") + " RETURNING m.id, @"
	case 6:
		return "DELETE FROM m USING (VALUES (" + g.v() + "), (" + g.v() + ")) x (v) WHERE m.@ = x.v RETURNING id, @"
	case 7:
		return "INSERT INTO m (id, @) VALUES (" + g.pick("1", "12") + ", " + g.v() + ") ON CONFLICT (id) DO UPDATE SET @ = " + g.pick("EXCLUDED.@", "COALESCE(EXCLUDED.@, m.@)", g.v()) + g.pick("", " WHERE m.@ <> "+g.v()) + " RETURNING id, @"
	case 8:
		return "WITH x AS (SELECT " + g.v() + " AS v) SELECT id, @ FROM m, x WHERE @ = x.v ORDER BY id"
	case 9:
		return "SELECT count(*) FROM (SELECT @ FROM m WHERE " + g.condition(1) + g.pick(" UNION ", " UNION ALL ") + "SELECT " + g.v() + ") x"
	}
	return "SELECT id, " + g.output() + ", " + g.output() + " FROM m WHERE " + g.condition(0) + " ORDER BY id"
}

// statement makes one with few enough parameters that no number begins another one.
func (g *typeGenerator) statement() *typedStatement {
	for {
		g.family = &typeFamilies[g.weighted()]
		name, own, _ := strings.Cut(g.pick(g.family.columns...), " ")
		g.own, g.typedStatement = own, typedStatement{mode: harness.Modes[g.IntN(len(harness.Modes))]}
		sql := strings.ReplaceAll(g.text(), "@", name)
		if len(g.types) < 10 {
			s := g.typedStatement
			s.sql, s.types, s.values = used(sql, s.types, s.values)
			return &s
		}
	}
}

// weighted is the number of a family, the first ones more often.
func (g *typeGenerator) weighted() int {
	return min(g.IntN(len(typeFamilies)), g.IntN(len(typeFamilies)))
}

// used keeps those parameters that a text has, and numbers them anew.
func used(sql string, types, values []string) (string, []string, []string) {
	n := 0
	for i := range types {
		if old := "$" + strconv.Itoa(i+1); strings.Contains(sql, old) {
			types[n], values[n] = types[i], values[i]
			n++
			sql = strings.ReplaceAll(sql, old, "$"+strconv.Itoa(n))
		}
	}
	return sql, types[:n], values[:n]
}
