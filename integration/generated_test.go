package integration

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"pgseal/integration/harness"
	"pgseal/integration/pgtest"
)

// generated is how many statements each mode runs.
const generated = 200

// column is a column of the generator's tables with a few values, so that rows
// meet.
type column struct {
	name   string
	typ    string
	sealed string // flags of pgseal seal after the name; "-" leaves it plain
	values []string
}

var generatorColumns = []column{
	{"t", "text", "--equality --normalize lower,upper", []string{"", "a", "A", "it's", "long " + strings.Repeat("x", 300), "é", "É", "İ", "ß"}},
	{"v", "varchar(6)", "--equality --normalize upper", []string{"", "six is", "Six is", "b", "B", "toolong"}},
	{"c", "char(4)", "--equality", []string{"", "c", "C", "c ", "four"}},
	{"i", "int4", "--equality", []string{"0", "1", "-1", "007", "2147483648"}},
	{"big", "int8", "--equality", []string{"0", "9223372036854775807", "12"}},
	{"n", "numeric(8,2)", "--equality", []string{"0", "1.5", "1.50", "1.499", "1e7"}},
	{"f", "float8", "--equality", []string{"0", "-0", "0.5", "NaN"}},
	{"yes", "bool", "--equality", []string{"t", "f", "true"}},
	{"d", "date", "--equality", []string{"2024-02-29", "2024-02-30", "infinity"}},
	{"at", "timestamptz", "--equality", []string{"2024-07-01 12:00+02", "2024-07-01 10:00Z"}},
	{"u", "uuid", "--equality", []string{"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "A0EEBC999C0B4EF8BB6D6BB9BD380A11"}},
	{"note", "text", "", []string{"", "x", "y"}},
	{"j", "jsonb", "", []string{`{"b":1,"a":[ ]}`, "null", "{"}},
	{"p", "text", "-", []string{"", "a", "p"}},
	{"k", "int4", "-", []string{"0", "1", "7"}},
	{"w", "varchar(20)", "--equality", []string{"", "owner", "w"}},
	{"r", "bool", "--equality", []string{"t", "f"}},
}

// generatorDefaults are the defaults of some of them in h, computed in each statement
// and in each row.
var generatorDefaults = map[string]string{"w": "current_user", "r": "(random() < 0)"}

// TestGeneratedStatements lets chance write statements. Each is answered as the
// plain database answers it, or refused.
func TestGeneratedStatements(t *testing.T) {
	seed := pgtest.Seed(t)
	var g, h []string
	schema := harness.Schema{}
	for _, c := range generatorColumns {
		definition := c.name + " " + c.typ
		g = append(g, definition)
		if d := generatorDefaults[c.name]; d != "" {
			definition += " DEFAULT " + d
		}
		h = append(h, definition)
		for _, table := range []string{"g", "h"} {
			if c.sealed != "-" {
				schema.Seal = append(schema.Seal, fmt.Sprintf("public.%s.%s %s", table, c.name, c.sealed))
			}
		}
	}
	schema.DDL = fmt.Sprintf("CREATE TABLE g (id int PRIMARY KEY, %s, UNIQUE (u)); CREATE TABLE h (id int PRIMARY KEY, %s)", strings.Join(g, ", "), strings.Join(h, ", "))
	pair := harness.New(t, schema)
	for _, mode := range harness.Modes {
		t.Run(string(mode), func(t *testing.T) {
			pair.Empty()
			c := pair.Compare(t, mode)
			g := &generator{Rand: rand.New(rand.NewPCG(seed, 1))}
			refused := 0
			for range generated {
				step := g.statement()
				wasRefused, same := c.Generated(step)
				if !same {
					t.FailNow()
				}
				if wasRefused {
					refused++
				}
			}
			if refused > generated*3/4 {
				t.Errorf("%d of %d statements were refused: the rest is too little to prove anything", refused, generated)
			}
		})
	}
}

type generator struct {
	*rand.Rand
	args []any
	next int // id of the next row
}

func (g *generator) one(of ...string) string { return of[g.IntN(len(of))] }

func (g *generator) chance(percent int) bool { return g.IntN(100) < percent }

func (g *generator) column() column { return generatorColumns[g.IntN(len(generatorColumns))] }

func (g *generator) statement() harness.Step {
	g.args = nil
	var sql string
	switch n := g.IntN(100); {
	case n < 15:
		sql = g.insertAgain()
	case n < 35:
		sql = g.insert()
	case n < 50:
		sql = g.update()
	case n < 55:
		sql = g.delete()
	default:
		sql = g.query()
	}
	return S(sql, g.args...)
}

// value writes one value of a column as a literal, a parameter or a cast.
func (g *generator) value(c column) string {
	if g.chance(10) {
		return "NULL"
	}
	text := c.values[g.IntN(len(c.values))]
	switch {
	case g.chance(50):
		g.args = append(g.args, text)
		parameter := fmt.Sprintf("$%d", len(g.args))
		if g.chance(15) {
			parameter += "::" + c.typ
		}
		return parameter
	case g.chance(20) && strings.Trim(text, "0123456789") == "" && text != "":
		return text
	default:
		literal := "'" + strings.ReplaceAll(text, "'", "''") + "'"
		if g.chance(15) {
			return c.typ + " " + literal
		}
		return literal
	}
}

func (g *generator) columns() []column {
	var list []column
	for _, i := range g.Perm(len(generatorColumns))[:1+g.IntN(6)] {
		list = append(list, generatorColumns[i])
	}
	return list
}

func names(list []column, prefix string) string {
	quoted := make([]string, len(list))
	for i, c := range list {
		quoted[i] = prefix + c.name
	}
	return strings.Join(quoted, ", ")
}

func (g *generator) insert() string {
	list := g.columns()
	var rows []string
	for range 1 + g.IntN(3) {
		g.next++
		cells := []string{strconv.Itoa(g.next)}
		for _, c := range list {
			if g.chance(10) {
				cells = append(cells, "DEFAULT")
			} else {
				cells = append(cells, g.value(c))
			}
		}
		rows = append(rows, "("+strings.Join(cells, ", ")+")")
	}
	sql := fmt.Sprintf("INSERT INTO %s (id, %s) VALUES %s", g.one("g", "g", "h", "public.g"), names(list, ""), strings.Join(rows, ", "))
	if g.chance(25) {
		sql += g.one(" ON CONFLICT DO NOTHING", " ON CONFLICT (u) DO UPDATE SET note = EXCLUDED.note, t = EXCLUDED.t", " ON CONFLICT (id) DO NOTHING")
	}
	return sql + g.returning()
}

// insertAgain writes an INSERT that differs from others in its literals only, if
// the values have the same forms.
func (g *generator) insertAgain() string {
	list := generatorColumns[:4]
	if g.chance(30) {
		list = generatorColumns[4:]
	}
	g.next++
	cells := []string{strconv.Itoa(g.next)}
	for _, c := range list {
		text := c.values[g.IntN(len(c.values))]
		if c.typ == "int4" && g.chance(50) {
			cells = append(cells, text)
		} else {
			cells = append(cells, "'"+strings.ReplaceAll(text, "'", "''")+"'")
		}
	}
	return fmt.Sprintf("INSERT INTO g (id, %s) VALUES (%s)%s", names(list, ""), strings.Join(cells, ", "), g.one("", "", " RETURNING id, p"))
}

// output writes an expression over one column, as an application would show it.
func (g *generator) output(prefix string) string {
	c := g.column()
	name := prefix + c.name
	switch g.IntN(13) {
	case 8:
		return g.one("ARRAY["+name+"]", "ARRAY["+name+", "+name+"]", "ROW("+prefix+"id, "+name+")", "("+name+", "+prefix+g.column().name+", NULL)")
	case 9:
		return fmt.Sprintf("coalesce(%s, %s%s, %s)", name, prefix, g.column().name, g.value(c))
	case 10:
		return fmt.Sprintf("(SELECT %s FROM h WHERE h.id < 5)", g.one("array_agg(h."+c.name+" ORDER BY id)", "(array_agg(h."+c.name+" ORDER BY id))[2]", "(array_agg(h."+c.name+" ORDER BY id))[2:3]", "jsonb_agg(to_jsonb(h) - 't' || jsonb_build_object('x', h."+c.name+") ORDER BY id)", "coalesce(array_agg(h."+c.name+" ORDER BY id), '{}')", "array_agg(h."+c.name+"::text ORDER BY id)", "json_agg(h ORDER BY id)::jsonb", "jsonb_agg(row_to_json(h) ORDER BY id)", "json_agg(ROW(h."+c.name+") ORDER BY id)::text", "json_agg(h."+c.name+" ORDER BY id)::jsonb"))
	case 11:
		return fmt.Sprintf("(SELECT %s FROM h WHERE h.id = %sid)", g.one("h", "h IS NULL", "(h)."+c.name, "ROW(h."+c.name+", 1)", "CASE WHEN id > 1 THEN h."+c.name+" ELSE h."+g.column().name+" END"), prefix)
	case 0:
		return name + "::text"
	case 1:
		return fmt.Sprintf("CAST(%s AS varchar(3))", name)
	case 2:
		return name + g.one("::int8", "::numeric", "::timestamp", "::varchar", "::char(2)", "::float8", "::int", "::time", "::date", "::jsonb")
	case 3:
		return g.one("to_json", "to_jsonb", "json_build_array", "jsonb_build_array") + "(" + name + ")"
	case 4:
		return g.one("json_build_object", "jsonb_build_object") + "('k', " + name + ", 'id', " + prefix + "id)"
	case 5:
		return fmt.Sprintf("coalesce(%s, %s)", name, g.value(c))
	case 6:
		return fmt.Sprintf("CASE WHEN %sid > 2 THEN %s END", prefix, name)
	case 7:
		return fmt.Sprintf("(SELECT %s FROM h WHERE h.id = %sid)", g.one("h."+c.name, "to_json(h)", "json_agg(h."+c.name+")", "jsonb_agg(h.*)", "count(h."+c.name+")"), prefix)
	default:
		return name
	}
}

func (g *generator) returning() string {
	if g.chance(60) {
		return ""
	}
	return " RETURNING " + g.one("*", "id, "+names(g.columns(), ""), "id")
}

func (g *generator) update() string {
	var sets []string
	for _, c := range g.columns() {
		var value string
		if g.chance(10) {
			value = g.one(c.name, "DEFAULT", "t", "p", c.name+" || 'x'")
		} else {
			value = g.value(c) // and no argument that nothing uses
		}
		sets = append(sets, c.name+" = "+value)
	}
	// One row at most: what RETURNING prints needs no order then.
	return fmt.Sprintf("UPDATE %s SET %s WHERE id = %d AND (%s)%s",
		g.one("g", "h"), strings.Join(sets, ", "), 1+g.IntN(g.next+1), g.condition("", 1), g.returning())
}

func (g *generator) delete() string {
	return fmt.Sprintf("DELETE FROM %s WHERE id = %d AND %s%s", g.one("g", "h"), 1+g.IntN(g.next+1), g.condition("", 1), g.returning())
}

func (g *generator) query() string {
	switch g.IntN(12) {
	case 8, 9:
		return fmt.Sprintf("SELECT id, %s, %s FROM g WHERE %s ORDER BY id", g.output(""), g.output("g."), g.condition("", 1))
	case 10:
		c := g.column()
		return fmt.Sprintf("SELECT %s, count(*), min(id) FROM %s WHERE %s GROUP BY %s ORDER BY min(id)", c.name, g.one("g", "h"), g.condition("", 1), g.one(c.name, "1"))
	case 11:
		return fmt.Sprintf("SELECT %s FROM (SELECT id, %s AS o FROM g) q WHERE %s ORDER BY id", g.one("*", "o, id", "id, to_json(q)", "id, q.o"), g.output("g."), g.one("true", "o IS NOT NULL", "id > 1"))
	case 0:
		list := names(g.columns(), "x.")
		return fmt.Sprintf("SELECT x.id, %s, y.id FROM g x %s JOIN h y ON x.id = y.id WHERE %s ORDER BY x.id, y.id",
			list, g.one("", "LEFT", "FULL"), g.condition("x.", 2))
	case 1:
		list := names(g.columns(), "")
		return fmt.Sprintf("SELECT * FROM (SELECT id, %s FROM g WHERE %s) s ORDER BY id", list, g.condition("", 1))
	case 2:
		list := names(g.columns(), "")
		return fmt.Sprintf("WITH w AS (SELECT * FROM g WHERE %s) SELECT id, %s FROM w ORDER BY id", g.condition("", 2), list)
	case 3:
		return fmt.Sprintf("SELECT count(*), count(%s) FROM g WHERE %s", g.column().name, g.condition("", 2))
	case 4:
		return fmt.Sprintf("SELECT id FROM g WHERE EXISTS (SELECT 1 FROM h WHERE h.id = g.id AND %s) ORDER BY id", g.condition("h.", 1))
	case 5:
		c := g.column()
		return fmt.Sprintf("SELECT id, %s AS renamed, %s FROM g AS z WHERE %s ORDER BY id",
			c.name, g.one("1", "k + 1", "p", c.name+" IS NULL", "upper("+c.name+"::text)", "coalesce("+c.name+", NULL)", "now() IS NULL"), g.condition("z.", 1))
	case 6:
		c := g.column()
		return fmt.Sprintf("SELECT id FROM g WHERE %s ORDER BY %s, id", g.condition("", 1), g.one("id", c.name, "p"))
	default:
		return fmt.Sprintf("SELECT * FROM %s WHERE %s ORDER BY id", g.one("g", "h", "ONLY g", `"g"`, "public.h"), g.condition("", 2))
	}
}

func (g *generator) condition(prefix string, depth int) string {
	if depth > 0 && g.chance(40) {
		return fmt.Sprintf("(%s %s %s)", g.condition(prefix, depth-1), g.one("AND", "OR"), g.condition(prefix, depth-1))
	}
	if g.chance(10) {
		return "NOT " + g.condition(prefix, 0)
	}
	c := g.column()
	name := prefix + c.name
	switch g.IntN(13) {
	case 10, 11, 12:
		return g.folded(prefix)
	case 0:
		return name + " IS NULL"
	case 1:
		return name + " IS NOT NULL"
	case 2:
		return fmt.Sprintf("%s IN (%s, %s)", name, g.value(c), g.value(c))
	case 3:
		return fmt.Sprintf("%s NOT IN (%s)", name, g.value(c))
	case 4:
		return fmt.Sprintf("%s <> %s", name, g.value(c))
	case 5:
		return fmt.Sprintf("%s %s %s", name, g.one("<", ">=", "LIKE", "IS DISTINCT FROM"), g.value(c))
	case 6:
		return fmt.Sprintf("%sid = %d", prefix, g.IntN(g.next+1))
	default:
		return fmt.Sprintf("%s = %s", name, g.value(c))
	}
}

// folded writes a comparison without regard to case.
func (g *generator) folded(prefix string) string {
	c := generatorColumns[g.IntN(3)]
	fold := g.one("lower", "upper")
	of := func(e string) string { return g.one(fold, fold, fold, fold, "lower") + "(" + e + ")" }
	column := of(prefix + c.name + g.one("", "::text"))
	value := func() string {
		v := g.value(c)
		if strings.HasPrefix(v, "$") && !strings.Contains(v, "::") {
			v += g.one("", "::text", "::varchar") // two functions of that name take one argument
		}
		return g.one(of(v), of(v), of(v), v)
	}
	switch g.IntN(6) {
	case 0:
		return fmt.Sprintf("%s IN (%s, %s)", column, value(), value())
	case 1:
		return fmt.Sprintf("%s %s %s", column, g.one("<>", "IS DISTINCT FROM", "IS NOT DISTINCT FROM", "<", "LIKE"), value())
	case 2:
		return fmt.Sprintf("%s = ANY (ARRAY[%s, %s])", column, value(), value())
	case 3:
		return fmt.Sprintf("%s = %s", column, of(prefix+g.one(c.name, "p", generatorColumns[g.IntN(3)].name)))
	default:
		return fmt.Sprintf("%s = %s", column, value())
	}
}
