package integration

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"pgseal/integration/harness"
	"pgseal/integration/pgtest"
)

// generatedFormulas is how many statements are run.
const generatedFormulas = 1500

// formulaFamilies are columns and values that are computed with each other.
var formulaFamilies = []typeFamily{
	{
		columns:  []string{"i2 smallint", "i4 int", "i8 bigint", "nu numeric", "nt numeric(6,2)", "f4 real", "f8 double precision"},
		types:    []string{"int2", "int4", "int8", "numeric", "float4", "float8", "numeric(5,1)"},
		values:   []string{"5", "-7", "0", "32000"},
		literals: []string{"1", "2", "-3", "0.25", "1000000", "3000000000", "0"},
		inexact:  "0.1",
	},
	{
		columns: []string{"t text", "v varchar(4)", "c char(3)"},
		types:   []string{"text", "varchar", "bpchar", "varchar(2)", "char(2)"},
		values:  []string{"a", "b ", "", "ä", "cde"},
	},
	{
		columns:  []string{"d date", "ts timestamp", "tz timestamptz", "ts0 timestamp(0)"},
		types:    []string{"date", "timestamp", "timestamptz"},
		values:   []string{"2024-01-31", "2026-03-28 02:30:00", "infinity"},
		literals: []string{"1", "-40", "interval '1 month'", "interval '1 day -02:00:00.5'", "'36 hours'::interval", "'1 year'"},
		inexact:  "2024-02-02 10:00:00.5",
	},
	{columns: []string{"b boolean"}, types: []string{"bool"}, values: []string{"t", "false"}},
	{columns: []string{"j jsonb"}, types: []string{"jsonb"}, values: []string{`{"a": 1, "b": ["x", null, 2.50]}`, `["a", {"b": "c"}]`}},
}

// plainPrefix begins the name of the plain column beside a sealed one.
const plainPrefix = "plain_"

// TestGeneratedFormulas lets chance compute with values of a row, in all types that can
// be computed with, beside constants and parameters of others. Each statement is
// answered as the plain database answers it, or refused.
func TestGeneratedFormulas(t *testing.T) {
	seed := pgtest.Seed(t)
	var schema harness.Schema
	columns, names := []string{"id int PRIMARY KEY"}, []string{"id"}
	rows := [2][]string{{"1"}, {"2"}}
	for _, f := range formulaFamilies {
		for _, c := range f.columns {
			name := strings.Fields(c)[0]
			columns, names = append(columns, c, plainPrefix+c), append(names, name, plainPrefix+name)
			schema.Seal = append(schema.Seal, "public.m."+name)
			for i := range rows {
				rows[i] = append(rows[i], quoted(f.values[i]), quoted(f.values[1-i]))
			}
		}
	}
	schema.DDL = "CREATE TABLE m (" + strings.Join(columns, ", ") + ")"
	pair := harness.New(t, schema)
	sides := []*pgconn.PgConn{pair.Connect(t, pair.TwinURL()).PgConn(), pair.Connect(t, pair.URL()).PgConn()}
	for _, c := range sides {
		insert := fmt.Sprintf("SET timezone = 'Europe/Berlin'; INSERT INTO m (%s) VALUES (%s), (%s); INSERT INTO m (id) VALUES (3)",
			strings.Join(names, ", "), strings.Join(rows[0], ", "), strings.Join(rows[1], ", "))
		if err := c.Exec(t.Context(), insert).Close(); err != nil {
			t.Fatal(err)
		}
	}
	g := &formulaGenerator{typeGenerator{Rand: rand.New(rand.NewPCG(seed, 7))}}
	refused, failed := 0, 0
	for range generatedFormulas {
		s := g.statement()
		var answers [2]string
		var errs [2]*pgconn.PgError
		for i, c := range sides {
			answers[i], errs[i] = s.run(t, c)
		}
		switch want, got := errs[0], errs[1]; {
		case got != nil && got.Code == "0A000" && got.Hint != "":
			refused++
		case want != nil && got != nil && mistake(want) && mistake(got):
			failed++
		case want == nil && got != nil && mistake(got) && strings.HasPrefix(s.sql, "SELECT count(*) FROM ("):
			failed++ // a constant to be sealed in an output that PostgreSQL leaves out
		case want != nil && got == nil && mistake(want) && cuts(s.sql):
			failed++ // an output of a row that is not shown
		case want != nil || got != nil || answers[0] != answers[1]:
			t.Errorf("%s\nplain  %s %v\nsealed %s %v", s, answers[0], want, answers[1], got)
		}
	}
	var all [2]string
	for i, c := range sides {
		rows, err := c.Exec(t.Context(), "SELECT * FROM m ORDER BY id").ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		all[i] = fmt.Sprintf("%q", rows[0].Rows)
	}
	if all[0] != all[1] {
		t.Errorf("plain  %s\nsealed %s", all[0], all[1])
	}
	t.Logf("%d refused, %d failed", refused, failed)
	if refused > generatedFormulas/2 || failed > generatedFormulas/2 {
		t.Errorf("%d of %d statements were refused, %d fail: the rest is too little to prove anything", refused, generatedFormulas, failed)
	}
}

// cuts says whether rows are sorted and some of them not shown.
func cuts(sql string) bool {
	return strings.Contains(sql, " LIMIT ") || strings.Contains(sql, " OFFSET ")
}

// formulaGenerator writes statements that compute.
type formulaGenerator struct{ typeGenerator }

// column is one of the family, sealed or plain.
func (g *formulaGenerator) column() string {
	return g.pick("", "", "m.") + g.pick("", "", plainPrefix) + strings.Fields(g.pick(g.family.columns...))[0]
}

// operand is a value of the row, or a constant.
func (g *formulaGenerator) operand(depth int) string {
	switch n := g.IntN(10); {
	case n < 3:
		return g.column()
	case n < 6:
		return g.cast(g.param())
	case n == 6 && len(g.family.literals) > 0:
		return g.pick(g.family.literals...)
	case n == 7 && depth < 2:
		return "COALESCE(" + g.operand(depth+1) + ", " + g.operand(depth+1) + ")"
	case n == 8 && depth < 2:
		if g.IntN(4) == 0 {
			return "NULLIF(" + g.operand(depth+1) + ", " + g.operand(depth+1) + ")"
		}
		return "(" + g.formula(depth+1) + ")"
	case n == 3 && depth < 2:
		return g.call(depth + 1)
	case n == 5 && depth < 2 && g.IntN(2) == 0:
		return "CASE WHEN " + g.condition(depth+1) + " THEN " + g.operand(depth+1) + " ELSE " + g.operand(depth+1) + " END"
	case n == 9 && depth < 2 && g.IntN(2) == 0:
		return g.pick("GREATEST", "LEAST") + "(" + g.operand(depth+1) + ", " + g.operand(depth+1) + ")"
	}
	return g.cast(quoted(g.value(g.own)))
}

// call is one of a function that keeps the family, or tells something of a value.
func (g *formulaGenerator) call(depth int) string {
	x := g.operand(depth)
	switch {
	case slices.Contains(g.family.types, "text"):
		return fmt.Sprintf(g.pick("upper(%s)", "lower(%s)", "left(%s, 2)", "right(%s, -1)", "substr(%s, 2, 1)", "SUBSTRING(%s FROM 2)", "trim(%s)", "TRIM(LEADING 'a' FROM %s)", "replace(%s, 'a', 'é')",
			"lpad(%s, 3, 'x')", "reverse(%s)", "concat(%s, 1, NULL, m.i4)", "concat_ws('-', %s, d, NULL, b)", "split_part(%s, 'b', 1)", "length(%s)::text", "POSITION('e' IN %s)::text", "repeat(%s, 2)", "translate(%s, 'aé', 'x')", "md5(%s)", "octet_length(%s)::text", "ascii(%s)::text"), x)
	case slices.Contains(g.family.types, "date"):
		return fmt.Sprintf(g.pick("date_trunc('month', %s)", "date_trunc('hour', %s)", "%s::date", "date_trunc('week', %s)", "date(%s)", "date_part('second', %s)::text::timestamp", "extract(epoch FROM %s - '2024-01-01')::text::date"), x)
	case slices.Contains(g.family.types, "int4"):
		return fmt.Sprintf(g.pick("abs(%s)", "round(%s)", "round(%s, 1)", "floor(%s)", "ceil(%s)", "trunc(%s)", "mod(%s, 3)", "EXTRACT(year FROM m.ts) + %s", "length(m.t) * %s", "sign(%s)", "sqrt(abs(%s))", "degrees(%s)", "radians(%s)", "div(%s, 3)", "(%s & 5)", "(i4 | %s)", "(%s # i2)", "(%s << 2)", "(%s >> 1)"), x)
	}
	return x
}

func (g *formulaGenerator) formula(depth int) string {
	operators := []string{"+", "+", "-", "*", "/", "%"}
	switch {
	case slices.Contains(g.family.types, "bool") && g.IntN(2) == 0:
		return g.condition(depth)
	case slices.Contains(g.family.types, "bool"):
		return "NOT " + g.operand(depth)
	case slices.Contains(g.family.types, "jsonb"):
		return "(" + g.operand(depth) + ") " + g.pick("-> 'a'", "-> 1", "-> 'b' -> 0", "#> '{b,1}'", "|| '{\"c\": 5}'", "|| "+g.column(), "- 'a'", "- 0", "|| '[true]'")
	case slices.Contains(g.family.types, "text"):
		operators = []string{"||"}
	case slices.Contains(g.family.types, "date"):
		operators = []string{"+", "-"}
		if g.IntN(2) == 0 {
			return g.column() + " " + g.pick(operators...) + " " + g.pick(g.family.literals...)
		}
	}
	if depth > 0 && len(operators) == 6 && g.IntN(4) == 0 {
		return "-" + g.column()
	}
	return g.operand(depth) + " " + g.pick(operators...) + " " + g.operand(depth)
}

// changed is what a column is set to.
func (g *formulaGenerator) changed(name string) string {
	if g.IntN(6) == 0 {
		return g.column()
	}
	f := g.formula(0)
	if g.IntN(3) > 0 {
		f = strings.Replace(f, g.pick("t", "i4", "nu", "ts", "v"), name, 1)
	}
	if g.IntN(6) == 0 {
		f = g.cast("(" + f + ")")
	}
	return f
}

func (g *formulaGenerator) statement() *typedStatement {
	for {
		g.family = &formulaFamilies[g.weighted()%len(formulaFamilies)]
		name, own, _ := strings.Cut(g.pick(g.family.columns...), " ")
		other := strings.Fields(g.pick(g.family.columns...))[0]
		g.own, g.typedStatement = own, typedStatement{mode: harness.Modes[g.IntN(len(harness.Modes))]}
		asked := ""
		for _, query := range []struct {
			times int // one of so many
			sql   func() string
		}{
			{8, g.aggregates},
			{8, func() string { return g.windows(name) }},
			{8, func() string { return g.ranks(name) }},
			{10, g.subqueries},
			{6, func() string { return g.anywhere(name) }},
			{3, func() string {
				return g.within("SELECT id, " + g.changed(name) + ", " + other + ", " + g.shown(name) + " AS x FROM m")
			}},
		} {
			if asked == "" && g.IntN(query.times) == 0 {
				asked = query.sql()
			}
		}
		if asked != "" {
			if len(g.types) < 10 {
				s := g.typedStatement
				s.sql, s.types, s.values = used(asked, s.types, s.values)
				return &s
			}
			continue
		}
		sql := "UPDATE m SET " + name + " = " + g.changed(name)
		if g.IntN(8) == 0 {
			sql += ", " + plainPrefix + name + " = " + g.cast(quoted(g.value(g.own)))
		}
		if other != name && g.IntN(3) == 0 {
			sql += ", " + other + " = " + g.changed(other)
		}
		if g.IntN(3) == 0 { // in an order of the server's own, so their values are seen later
			sql += g.rows(name)
		} else {
			sql += " WHERE id = " + g.key() + " RETURNING id, " + name
		}
		if len(g.types) < 10 {
			s := g.typedStatement
			s.sql, s.types, s.values = used(sql, s.types, s.values)
			return &s
		}
	}
}

// anywhere is a query with conditions that do not stand in its own WHERE, or DISTINCT.
func (g *formulaGenerator) anywhere(name string) string {
	narrow := g.pick("", " AND m.id < "+g.key(), " AND m."+plainPrefix+"i4 IS NOT NULL")
	switch g.IntN(14) {
	case 8:
		return "SELECT DISTINCT ON (id % 2) id % 2 AS odd, id, " + g.shown(name) + " AS x FROM m" + g.pick("", " WHERE "+g.condition(0)+narrow) + " ORDER BY " + g.pick("odd", "1", "id % 2") + g.direction() + ", " + g.sortKey() + g.direction() + ", id" + g.pick("", " DESC", " LIMIT 1")
	case 9:
		key := g.sortKey()
		return "SELECT DISTINCT ON (" + key + ") id FROM m" + g.pick("", " WHERE "+g.condition(0)) + " ORDER BY " + key + g.direction() + ", " + g.pick("", g.sortKey()+g.direction()+", ") + "id" + g.pick("", " DESC")
	case 10:
		return "SELECT " + name + " AS x, id FROM m" + g.pick("", " WHERE "+g.condition(0)) + g.pick(" UNION ALL SELECT ", " UNION SELECT ") + strings.Fields(g.pick(g.family.columns...))[0] + ", id" + g.pick("", " % 2") + " FROM m" + g.pick("", " WHERE id < "+g.key()) + " ORDER BY " + g.pick("x", "1", "2, x") + g.direction() + ", 2" + g.pick("", " LIMIT 2", " OFFSET 1")
	case 11, 12:
		return "SELECT id, k, " + g.shown(name) + " AS x FROM (" + g.united(name) + ") m" + g.pick("", " WHERE "+g.condition(0)) + g.pick(" ORDER BY ", " ORDER BY "+g.sortKey()+g.direction()+", ", " ORDER BY x"+g.direction()+", ") + "id, k"
	case 0:
		return "SELECT k FROM (VALUES (1), (2), (4)) o (k) WHERE " + g.pick("", "NOT ") + "EXISTS (SELECT FROM m WHERE m.id = k AND " + g.condition(0) + narrow + ") ORDER BY k"
	case 1:
		return "SELECT k, id, " + g.shown(name) + " AS x FROM (VALUES (1), (2), (4)) o (k) LEFT JOIN m ON id = k AND " + g.condition(0) + narrow + " ORDER BY k"
	case 2:
		return "SELECT k FROM (VALUES (1), (2), (4)) o (k) LEFT JOIN m ON id = k WHERE (" + g.condition(0) + " OR k = 4)" + narrow + " GROUP BY k ORDER BY k"
	case 3:
		return "SELECT id FROM m WHERE " + g.condition(0) + narrow + g.pick(" UNION ", " EXCEPT ", " UNION ALL ", " INTERSECT ") + "SELECT id FROM m WHERE " + g.condition(0) + " ORDER BY 1"
	case 4:
		return "SELECT id, row_number() OVER (ORDER BY id) FROM m WHERE " + g.condition(0) + narrow + " ORDER BY id"
	case 5:
		return "WITH q AS (SELECT id, " + name + " FROM m WHERE " + g.condition(0) + narrow + ") SELECT * FROM q WHERE id IN (SELECT id FROM m WHERE " + g.condition(0) + ") ORDER BY id"
	case 6:
		return "SELECT id, (SELECT count(*) FROM m WHERE m.id <= o.id AND " + g.condition(0) + narrow + ") FROM m o ORDER BY id"
	case 7:
		return "SELECT id FROM m WHERE id IN (SELECT id FROM m WHERE " + g.condition(0) + narrow + ") AND " + g.condition(0) + g.sorted()
	}
	if g.IntN(3) == 0 {
		return "SELECT count(*) FROM (SELECT DISTINCT " + g.shown(name) + " AS x, m." + plainPrefix + "b FROM m" + g.pick("", " WHERE "+g.condition(0)+narrow) + ") q"
	}
	if slices.Contains(g.family.types, "int4") { // whose equal values can look different
		return "SELECT DISTINCT " + g.condition(0) + " AS x, id > 1 FROM m ORDER BY x" + g.pick("", " DESC") + ", 2"
	}
	return "SELECT DISTINCT " + g.shown(name) + " AS x, id > 1 FROM m" + g.pick("", " WHERE "+g.condition(0)) + " ORDER BY x" + g.pick("", " DESC NULLS LAST") + ", 2" + g.pick("", " LIMIT 2", " OFFSET 1")
}

// united are all rows twice, with two columns of the family in each other's place the second
// time.
func (g *formulaGenerator) united(name string) string {
	var names []string
	for _, c := range g.family.columns {
		names = append(names, strings.Fields(c)[0])
	}
	first := strings.Join(names, ", ") + ", " + plainPrefix + strings.Join(names, ", "+plainPrefix)
	i, k := slices.Index(names, name), g.IntN(len(names))
	names[i], names[k] = names[k], names[i]
	return "SELECT id, 1 AS k, " + first + " FROM m UNION ALL SELECT id, 2, " + strings.Join(names, ", ") + ", " + plainPrefix + strings.Join(names, ", "+plainPrefix) + " FROM m"
}

// sortKey is what rows are sorted by.
func (g *formulaGenerator) sortKey() string { return g.pick(g.column(), g.column(), g.formula(1)) }

func (g *formulaGenerator) direction() string {
	return g.pick("", " DESC") + g.pick("", "", " NULLS FIRST", " NULLS LAST")
}

// served is a condition in which nothing is sealed.
func (g *formulaGenerator) served() string {
	return g.pick("m.id = 2", "m.id IN (1, 3)", plainPrefix+"t ILIKE '%A%'", "lower("+plainPrefix+"v) = 'b '", "m."+plainPrefix+"d > '2024-02-02'", "EXISTS (SELECT FROM m o WHERE o.id > m.id)", plainPrefix+"b",
		plainPrefix+"j ->> 'a' = '1'", "m.id IN (SELECT o.id + 1 FROM m o)", plainPrefix+"i4 IS NULL", plainPrefix+"t || 'x' LIKE $$%b%$$")
}

// aggregates is a query of aggregates over the family's values, of all rows or in groups.
func (g *formulaGenerator) aggregates() string {
	one := func() string {
		of, call := g.column(), ""
		if g.IntN(2) == 0 {
			of = g.operand(1)
		}
		switch {
		case slices.Contains(g.family.types, "text"):
			call = fmt.Sprintf(g.pick("string_agg(%s, ', ' ORDER BY id)", "string_agg(%s, "+quoted(g.value("text"))+" ORDER BY m.id DESC)", "count(%s)", "count(upper(%s))", "max(%s)", "min(%s)"), of)
		case slices.Contains(g.family.types, "bool"):
			call = g.pick("bool_and", "bool_or", "every", "count") + "(" + of + ")"
		case slices.Contains(g.family.types, "date"):
			call = g.pick("max", "min", "count") + "(" + of + ")"
		default:
			call = g.pick("sum", "avg", "max", "min", "count", "sum(DISTINCT ") + "(" + of + ")"
			if strings.HasPrefix(call, "sum(DISTINCT (") {
				call = "sum(DISTINCT " + g.column() + ")"
			}
		}
		switch g.IntN(5) {
		case 0:
			call += " FILTER (WHERE id < " + g.key() + ")"
		case 1:
			call = "COALESCE(" + call + ", " + call + ")"
		case 2:
			call = call + " IS NULL"
		case 3:
			call = "CASE " + call + " WHEN " + call + " THEN 1 WHEN " + call + " THEN 2 ELSE 3 END"
		}
		return call
	}
	if g.IntN(6) == 0 {
		return "SELECT count(*) FROM m WHERE " + g.condition(0) + g.pick("", " AND id < "+g.key())
	}
	outputs := one() + ", " + one() + " AS x, count(*)"
	if g.IntN(3) == 0 {
		by := g.condition(0)
		if !slices.Contains(g.family.types, "int4") { // whose equal values can look different
			by = g.shown(strings.Fields(g.pick(g.family.columns...))[0])
		}
		where := g.pick("", "", " WHERE "+g.condition(0), " WHERE id < "+g.key()+" AND "+g.condition(0))
		having := g.pick("", "", " HAVING count(*) > 0", " HAVING "+one()+" IS NOT NULL", " HAVING min(id) > 1 OR "+one()+" = "+one())
		query := "SELECT " + by + " AS k, " + outputs + ", min(id) FROM m" + where + " GROUP BY k" + g.pick("", ", id > 2", ", m."+plainPrefix+"b") + having
		if g.IntN(4) == 0 {
			return "SELECT count(*) FROM (" + query + ") q"
		}
		return query + " ORDER BY " + g.pick("", "count(*), ", one()+", ") + "min(id)" + g.pick("", " DESC", " LIMIT 2", " OFFSET 1")
	}
	if g.IntN(3) == 0 {
		having := g.pick("", " HAVING count(*) > 0", " HAVING "+one()+" IS NOT NULL", " HAVING id > 1 OR "+one()+" = "+one())
		return "SELECT id, " + outputs + " FROM m GROUP BY id" + having + " ORDER BY " + g.pick("x", "2", "3 DESC", "id % 2, x", one(), one()+" DESC NULLS LAST") + ", id" + g.pick("", " LIMIT 2", " OFFSET "+g.key())
	}
	if g.IntN(4) == 0 {
		where := " FROM m WHERE " + g.condition(0) + g.pick("", " AND id < "+g.key())
		return g.pick("SELECT "+outputs+where, "SELECT id, "+outputs+where+" GROUP BY id ORDER BY id", "SELECT id, "+outputs+where+" GROUP BY id HAVING count(*) = 1 ORDER BY x, id")
	}
	return g.pick("SELECT "+outputs+" FROM m", "SELECT "+outputs+" FROM m WHERE id > "+g.key(), "SELECT id % 2 AS g, "+outputs+" FROM m GROUP BY id % 2 ORDER BY g",
		"SELECT id, "+outputs+" FROM m GROUP BY 1 ORDER BY id", "SELECT * FROM (SELECT id, "+outputs+" FROM m GROUP BY id) q ORDER BY id")
}

// within is a query, or one around it that shows its outputs.
func (g *formulaGenerator) within(query string) string {
	switch g.IntN(12) {
	case 5:
		return "SELECT q.id, q.x IS NULL, COALESCE(q.x, q.x), concat(q.x, q.id) FROM (" + query + ") q ORDER BY q.id"
	case 6:
		return "SELECT count(q.x), string_agg(q.x::text, ',' ORDER BY id), count(*) FROM (" + query + ") q"
	case 0:
		return "SELECT * FROM (" + query + ") q ORDER BY q.id"
	case 1:
		return "WITH q AS (" + query + ") SELECT q.x, id, x AS again FROM q ORDER BY id"
	case 2:
		return "SELECT count(*) FROM (" + query + " ORDER BY id LIMIT 2) q"
	case 3:
		return "SELECT o.id, q.x FROM m o LEFT JOIN (" + query + ") q ON q.id = o.id AND o.id < 3 ORDER BY o.id"
	case 4:
		return "WITH q AS MATERIALIZED (" + query + ") SELECT (SELECT max(id) FROM q), q.* FROM q ORDER BY id"
	}
	if g.IntN(4) == 0 {
		query += " WHERE " + g.condition(0) + g.pick("", " AND id < 3", " AND "+plainPrefix+"i4 IS NOT NULL")
	}
	return query + g.sorted()
}

// sorted is an ORDER BY that leaves no two rows equal, and LIMIT and OFFSET perhaps.
func (g *formulaGenerator) sorted() string {
	order := " ORDER BY "
	for range g.IntN(3) {
		order += g.pick("x", "2", "id % 2", "id > 2", g.column(), g.column(), g.formula(1), g.operand(1)) + g.pick("", " ASC", " DESC") + g.pick("", "", " NULLS FIRST", " NULLS LAST") + ", "
	}
	return order + g.pick("id", "id DESC") + g.pick("", "", " LIMIT 2", " OFFSET 1", " LIMIT "+g.key(), " OFFSET "+g.key(), " LIMIT 1 OFFSET 1")
}

// condition is one of the family's values, or several.
func (g *formulaGenerator) condition(depth int) string {
	if depth < 2 && g.IntN(4) == 0 {
		return "(" + g.condition(depth+1) + g.pick(" AND ", " OR ") + g.condition(depth+1) + ")"
	}
	if g.IntN(8) == 0 {
		return "(" + g.served() + g.pick(" AND ", " OR ") + g.condition(depth+1) + ")"
	}
	x := g.operand(2)
	switch {
	case slices.Contains(g.family.types, "text") && g.IntN(3) == 0:
		return x + g.pick(" LIKE ", " NOT LIKE ", " ILIKE ", " NOT ILIKE ") + g.pick("'%a%'", "'_'", "'b_%'", "'%'", "''", "'A%'", "'%'||"+g.operand(2), g.operand(2), g.column()) + g.pick("", "", " ESCAPE '!'")
	case slices.Contains(g.family.types, "date") && g.IntN(6) == 0:
		return x + g.pick(" < ", " >= ") + g.pick("now()", "CURRENT_DATE", "LOCALTIMESTAMP", "now() - interval '1 year'")
	}
	if slices.Contains(g.family.types, "jsonb") && g.IntN(2) == 0 {
		return g.column() + g.pick(" @> '{\"a\": 1}'", " <@ "+g.column(), " ? 'a'", " ?| '{b,z}'", " ?& ARRAY['a', 'b']", " @> "+g.operand(2), " -> 'b' @> '[\"x\"]'", " = "+g.operand(2), " ->> 'a' = '1'", " -> 'a' <> '1'", " ? "+quoted(g.value("text")))
	}
	switch g.IntN(6) {
	case 0:
		return x + g.pick(" IS NULL", " IS NOT NULL")
	case 1:
		return x + g.pick(" BETWEEN ", " NOT BETWEEN ") + g.operand(2) + " AND " + g.operand(2)
	case 2:
		return g.column() + g.pick(" IN (", " NOT IN (") + quoted(g.value(g.own)) + ", " + quoted(g.value(g.own)) + ")"
	case 3:
		return "NOT (" + x + " = " + g.column() + ")"
	case 4:
		if g.IntN(2) == 0 {
			return x + g.pick(" IS DISTINCT FROM ", " IS NOT DISTINCT FROM ") + g.operand(2)
		}
		return g.column() + g.pick(" > ", " = ", " <> ", " LIKE ") + g.pick("ANY", "ALL") + " (ARRAY[" + quoted(g.value(g.own)) + ", " + quoted(g.value(g.own)) + "])"
	}
	return x + g.pick(" = ", " <> ", " < ", " <= ", " > ", " >= ") + g.operand(2)
}

// shown is an output that is computed, of one value only perhaps.
func (g *formulaGenerator) shown(name string) string {
	switch g.IntN(6) {
	case 4:
		return g.condition(0)
	case 5:
		if slices.Contains(g.family.types, "jsonb") {
			return g.column() + g.pick(" ->> 'a'", " ->> 0", " #>> '{b,2}'")
		}
		return "CASE WHEN " + g.condition(0) + " THEN " + g.operand(1) + " WHEN " + g.condition(1) + " THEN " + g.operand(1) + g.pick(" END", " ELSE "+g.operand(1)+" END")
	case 0:
		return g.cast(g.column())
	case 1:
		return g.pick("COALESCE", "GREATEST", "LEAST") + "(" + name + ", " + g.operand(1) + ")"
	}
	return g.formula(0)
}

// rows are conditions that find several rows.
func (g *formulaGenerator) rows(name string) string {
	plain := plainPrefix + name
	if g.IntN(3) == 0 {
		return " WHERE " + g.condition(0) + g.pick("", " AND id < "+g.key(), " AND "+plain+" IS NOT NULL AND "+g.condition(1))
	}
	if g.IntN(8) == 0 {
		return " WHERE m.id IN (SELECT id FROM m WHERE " + g.condition(0) + ")"
	}
	switch g.IntN(6) {
	case 0:
		return ""
	case 1:
		return " WHERE id IN (" + g.key() + ", " + g.key() + ")"
	case 2:
		return " WHERE NOT id = " + g.key() + " AND " + plain + " IS NOT NULL"
	case 3:
		return " WHERE " + plain + " <> " + g.cast(quoted(g.value(g.own)))
	case 4:
		return " WHERE m.id > " + g.key() + " OR m." + plain + " = " + g.cast(g.param())
	}
	return " WHERE COALESCE(" + plain + ", " + g.cast(g.param()) + ") IS DISTINCT FROM " + plain + " OR id BETWEEN 1 AND " + g.key()
}

// key is that of a row, or of none.
func (g *formulaGenerator) key() string {
	k := g.pick("1", "2", "3", "1", "2", "4")
	if g.IntN(2) == 0 {
		return k
	}
	g.types, g.values = append(g.types, g.pick("", "int4", "int8")), append(g.values, k)
	return "$" + fmt.Sprint(len(g.types))
}
