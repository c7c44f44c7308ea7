package integration

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"pgseal/integration/harness"
	"pgseal/integration/pgtest"
)

// generatedCopies is how many COPY FROM, each with a COPY TO behind it, are run.
const generatedCopies = 100

// TestGeneratedCopies lets chance write data of COPY, and mistakes into it. Each is
// stored as the plain database stores it, fails with the same error, or is refused;
// and what is stored is copied out in the same bytes.
func TestGeneratedCopies(t *testing.T) {
	seed := pgtest.Seed(t)
	schema := harness.Schema{}
	definitions := []string{"id int PRIMARY KEY"}
	for _, c := range copiedColumns {
		definitions = append(definitions, c.name+" "+c.typ)
		if c.sealed != "-" {
			schema.Seal = append(schema.Seal, "public.g."+c.name+" "+c.sealed)
		}
	}
	schema.DDL = "CREATE TABLE g (" + strings.Join(definitions, ", ") + ")"
	sides := newCopySides(t, schema)
	g := &copyGenerator{Rand: rand.New(rand.NewPCG(seed, 2)), canary: sides.pair.Env.Canaries.Text()}
	refused := 0
	for range generatedCopies {
		sql, data := g.in()
		if g.chance(40) {
			sides.both(t, "TRUNCATE g")
		}
		want, _ := g.run(t, sides.twin, sql, data)
		got, err := g.run(t, sides.sealed, sql, data)
		if !strings.Contains(want, "0A000") && refusedClearly(t, sql, err) { // PostgreSQL 14 refuses HEADER so
			refused++
			sides.both(t, "TRUNCATE g")
			continue
		}
		if got != want && !unended(data, got, want) {
			t.Errorf("%s\n%q\nsealed: %s\n plain: %s", sql, data, got, want)
		}
		sides.out("COPY (SELECT * FROM g ORDER BY id) TO STDOUT")
		sides.out(g.out())
		if t.Failed() {
			t.Fatalf("behind %s\n%q", sql, data)
		}
	}
	if refused > generatedCopies/4 {
		t.Errorf("%d of %d were refused: the rest is too little to prove anything", refused, generatedCopies)
	}
}

// unended says that data without an end of its last line fails on both sides, if with
// different errors: what ends it for the server may give it another meaning.
func unended(data []byte, got, want string) bool {
	ended := len(data) == 0 || strings.HasSuffix(string(data), "\n") || strings.HasSuffix(string(data), "\r")
	return !ended && !strings.HasPrefix(got, "COPY") && !strings.HasPrefix(want, "COPY")
}

// Mistakes that the generator has found.
func TestMistakesInCopiedData(t *testing.T) {
	c := newCopySides(t, harness.Schema{
		DDL:  "CREATE TABLE g (id int PRIMARY KEY, p text, t text, j jsonb, f float8)",
		Seal: []string{"public.g.t", "public.g.j", "public.g.f"},
	})
	for _, m := range []struct{ sql, data string }{
		{"COPY g (id, t) FROM STDIN (FORMAT csv, HEADER)", "id,\x00t\n1,a\n"},
		{"COPY g (id, t) FROM STDIN (FORMAT csv, HEADER) WHERE t IS NOT NULL", "id,\xfft\n1,a\n"},
		{"COPY g (id, t) FROM STDIN (FORMAT csv, HEADER MATCH)", "id,\"t\n1,a\n"},
		{"COPY g (id, t) FROM STDIN (FORMAT csv, HEADER MATCH, QUOTE 'e', ESCAPE '\\')", "id,te\n1,a\n"},
		{"COPY g (id, t) FROM STDIN (FORMAT csv, HEADER MATCH, QUOTE 'e')", "id,e\nte\n1,a\n"},
		{"COPY g (id, t) FROM STDIN (FORMAT csv, HEADER MATCH, QUOTE 'e')", "id,e\nte,p\n1,a\n"},
		{"COPY g (id, t, p) FROM STDIN (ENCODING 'EUC_JP')", "1\ta\t\xf0\x9d\n2\t\xe2\x82\tb\n"},
		{"COPY g (p, id, t) FROM STDIN (FORMAT csv) WHERE t IS NOT NULL", "x"},
		{"COPY g (p, id, t) FROM STDIN (FORMAT csv, ENCODING 'LATIN1')", "a,1,b\nc,2,\"d\n\",e\n"},
		{"COPY g (t, p) FROM STDIN (FORMAT csv, ESCAPE '\\')", "\"\nx\",y\n"},
		{"COPY g (t, p) FROM STDIN (ENCODING 'EUC_JP')", "\xc3\xa9\t" + strings.Repeat("\xa4\xa2", 60) + "\n"},
		{"COPY g (p, t) FROM STDIN (FORMAT csv, QUOTE 'e', ENCODING 'LATIN1')", "a,b\n"},
		{"COPY g (id, t) FROM STDIN (FORMAT csv)", "1,\"a\n\xff\nb\"\n"},
		{"COPY g (id, t) FROM STDIN (FORMAT csv)", "1,a\r\n2,\"b\r\nc\"\nd\r\n"},
		{"COPY g (id, t) FROM STDIN (FORMAT csv)", "1,a\n2,\"b\nc\n\"\rd\n"},
		{"COPY g (id, t) FROM STDIN (FORMAT csv, HEADER, QUOTE 'i')", "id,t\ri\r\n2,ib\r\rci\rd\r\n"},
		{"COPY g (id, t) FROM STDIN (FORMAT csv, ENCODING 'LATIN1')", "1,a\r\n2,\"b\r\nc\"\nd\r\n"},
		{"COPY g (id, j) FROM STDIN", "1\t{\n"},
		{"COPY g (id, j) FROM STDIN (FORMAT csv)", "1,\"{\"\"a\"\": 1,\n \"\"b\"\" 2}\"\n"},
		{"COPY g (id, j) FROM STDIN", "1\t[" + strings.Repeat("1, ", 40) + "x, 2]\n"},
		{"COPY g (id, j) FROM STDIN", "1\t[\"\\\\q\"]\n"},
	} {
		c.in(m.sql, []byte(m.data))
	}
	c.out("COPY g TO STDOUT")
	for _, document := range []string{"{", "[1,\n 2,, 3]", "\"\t\"", "nul", `"\u12x4"`, "{\"k\" \"v\"}", "1 2", ""} {
		var said []string
		for _, side := range []*pgconn.PgConn{c.twin, c.sealed} {
			r := side.ExecParams(t.Context(), "INSERT INTO g (id, j) VALUES (1, $1)", [][]byte{[]byte(document)}, nil, nil, nil).Read()
			said = append(said, outcome(r.CommandTag, r.Err))
		}
		if said[0] != said[1] {
			t.Errorf("%q: %s\nplain: %s", document, said[1], said[0])
		}
	}
}

// copiedColumns are those of the generator of statements that COPY has anything to
// find in.
var copiedColumns = slices.DeleteFunc(slices.Clone(generatorColumns), func(c column) bool { return c.name == "w" || c.name == "r" })

type copyGenerator struct {
	*rand.Rand
	canary string
	word   string // that texts for sealed columns have: canary where each goes to its own column
}

func (g *copyGenerator) one(of ...string) string { return of[g.IntN(len(of))] }

func (g *copyGenerator) chance(percent int) bool { return g.IntN(100) < percent }

// copyFormat is what COPY is told of its data.
type copyFormat struct {
	csv, header           bool
	delimiter, quote      string
	escape, null, lineEnd string
	options               []string
	encoding              string
	binary                bool
}

// in writes a COPY FROM and data for it.
func (g *copyGenerator) in() (sql string, data []byte) {
	columns := g.columns()
	f := g.format(columns)
	list := ""
	if len(columns) <= len(copiedColumns) || g.chance(50) || columns[0].name != "id" {
		list = " (" + names(columns, "") + ")"
	}
	sql = "COPY g" + list + " FROM STDIN" + f.text()
	if g.chance(10) {
		sql += " WHERE " + g.one("k > 0", "id < 20", "p IS NOT NULL", "t IS NOT NULL")
	}
	mistakes := 0
	for g.chance(25) {
		mistakes++
	}
	if g.word = ""; mistakes == 0 {
		g.word = g.canary
	}
	if f.binary {
		data = g.binary(columns)
	} else {
		data = g.lines(columns, &f)
	}
	for range mistakes {
		data = g.mistake(data)
	}
	return sql, data
}

// out writes a COPY TO.
func (g *copyGenerator) out() string {
	columns := g.columns()
	f := g.format(columns)
	what := "(SELECT " + names(columns, "") + " FROM g ORDER BY id)"
	var options []string
	for _, o := range f.options {
		switch {
		case strings.HasPrefix(o, "FORCE_"):
			options = append(options, "FORCE_QUOTE "+g.one("*", "("+columns[0].name+")"))
		case o == "HEADER MATCH":
			options = append(options, "HEADER")
		default:
			options = append(options, o)
		}
	}
	f.options = options
	return "COPY " + what + " TO STDOUT" + f.text()
}

// columns are some of the table's, in any order, mostly with the key.
func (g *copyGenerator) columns() []column {
	id := column{name: "id", typ: "int4", sealed: "-", values: []string{"1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14"}}
	if g.chance(20) {
		return append([]column{id}, copiedColumns...)
	}
	list := []column{id}
	if g.chance(3) {
		list = nil
	}
	for _, i := range g.Perm(len(copiedColumns))[:1+g.IntN(6)] {
		list = append(list, copiedColumns[i])
	}
	g.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list
}

func (g *copyGenerator) format(columns []column) copyFormat {
	f := copyFormat{delimiter: "\t", null: "\\N", lineEnd: g.one("\n", "\n", "\n", "\r\n", "\r")}
	option := func(name, value string) {
		f.options = append(f.options, name+" E'"+strings.NewReplacer("\\", "\\\\", "'", "''", "\t", "\\t").Replace(value)+"'")
	}
	switch {
	case g.chance(20):
		f.binary = true
		f.options = append(f.options, "FORMAT binary")
		return f
	case g.chance(50):
		f.csv = true
		f.options = append(f.options, "FORMAT csv")
		f.delimiter, f.quote, f.null = ",", "\"", ""
		if g.chance(25) {
			f.quote = g.one("'", "$", "e", "\\")
			option("QUOTE", f.quote)
		}
		f.escape = f.quote
		if g.chance(25) {
			f.escape = g.one("\\", "'", "5", "\"")
			option("ESCAPE", f.escape)
		}
		if g.chance(25) {
			forced := columns[g.IntN(len(columns))].name
			f.options = append(f.options, g.one("FORCE_NOT_NULL", "FORCE_NULL")+" ("+forced+")")
		}
	}
	if g.chance(30) {
		f.delimiter = g.one("|", ";", ":", "x", " ", ".")
		option("DELIMITER", f.delimiter)
	}
	if g.chance(30) {
		f.null = g.one("nil", "NULL", "", "~", "0", "a")
		option("NULL", f.null)
	}
	if g.chance(20) {
		f.header = true
		if g.chance(50) {
			f.options = append(f.options, "HEADER MATCH")
		} else {
			f.options = append(f.options, "HEADER")
		}
	}
	if g.chance(15) {
		f.encoding = g.one("LATIN1", "UTF8", "WIN1252", "EUC_JP")
		option("ENCODING", f.encoding)
	}
	return f
}

func (f *copyFormat) text() string {
	if len(f.options) == 0 {
		return ""
	}
	return " (" + strings.Join(f.options, ", ") + ")"
}

// value is a text for a column, mostly one that fits.
func (g *copyGenerator) value(c column) string {
	word := g.word
	if c.sealed == "-" {
		word = ""
	}
	switch {
	case c.typ == "text" && g.chance(40):
		return nastyText(g.Rand, word)
	case g.chance(2):
		return g.one("", "x", "1", "\\", "a\tb", word)
	}
	return c.values[g.IntN(len(c.values))]
}

func (g *copyGenerator) lines(columns []column, f *copyFormat) []byte {
	var b strings.Builder
	if f.header {
		for i, c := range columns {
			if i > 0 {
				b.WriteString(f.delimiter)
			}
			b.WriteString(c.name)
		}
		b.WriteString(f.lineEnd)
	}
	n := g.IntN(6)
	ids := g.Perm(14)
	for row := range n {
		for i, c := range columns {
			if i > 0 {
				b.WriteString(f.delimiter)
			}
			value := g.value(c)
			if c.name == "id" && g.chance(95) {
				value = strconv.Itoa(ids[row])
			}
			switch {
			case c.name != "id" && g.chance(12):
				b.WriteString(f.null)
			case f.csv:
				b.WriteString(g.csv(value, f))
			default:
				b.WriteString(g.escaped(value, f))
			}
		}
		if row < n-1 || g.chance(80) {
			b.WriteString(f.lineEnd)
		}
	}
	if g.chance(15) {
		b.WriteString("\\." + f.lineEnd + g.one("", "what follows is not read"))
	}
	return []byte(b.String())
}

func (g *copyGenerator) csv(value string, f *copyFormat) string {
	plain := value != f.null && !strings.ContainsAny(value, f.delimiter+f.quote+"\r\n") && value != "\\."
	if plain && g.chance(60) {
		return value
	}
	var b strings.Builder
	b.WriteString(f.quote)
	for _, r := range value {
		if s := string(r); s == f.quote || s == f.escape {
			b.WriteString(f.escape)
		}
		b.WriteRune(r)
	}
	b.WriteString(f.quote)
	return b.String()
}

func (g *copyGenerator) escaped(value string, f *copyFormat) string {
	var b strings.Builder
	for _, r := range value {
		switch s := string(r); {
		case s == "\n" && g.chance(90):
			b.WriteString("\\n")
		case s == "\r" && g.chance(90):
			b.WriteString("\\r")
		case s == "\t" && g.chance(50):
			b.WriteString("\\t")
		case s == f.delimiter, s == "\\", s == "\n", s == "\r", s == "\t":
			b.WriteString("\\" + s)
		case r < 0x80 && r > ' ' && g.chance(3):
			b.WriteString(g.one(fmt.Sprintf("\\%03o", r), fmt.Sprintf("\\x%02x", r)))
		default:
			b.WriteString(s)
		}
	}
	return b.String()
}

// binary writes rows in the binary format: text and numbers for the columns whose
// binary form is known here, NULL for others.
func (g *copyGenerator) binary(columns []column) []byte {
	b := []byte("PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00")
	ids := g.Perm(14)
	for row := range g.IntN(6) {
		b = binary.BigEndian.AppendUint16(b, uint16(len(columns)))
		for _, c := range columns {
			var value []byte
			text := g.value(c)
			switch c.typ {
			case "text", "varchar(6)", "char(4)":
				value = []byte(text)
			case "int4":
				n := g.Uint32N(3)
				if c.name == "id" {
					n = uint32(ids[row])
				}
				value = binary.BigEndian.AppendUint32(nil, n)
			case "int8":
				value = binary.BigEndian.AppendUint64(nil, g.Uint64N(1000))
			case "bool":
				value = []byte{byte(g.IntN(2))}
			case "jsonb":
				value = append([]byte{1}, text...)
			case "date":
				value = binary.BigEndian.AppendUint32(nil, g.Uint32N(9000))
			}
			if value == nil || c.name != "id" && g.chance(12) {
				b = binary.BigEndian.AppendUint32(b, 0xffffffff)
				continue
			}
			b = append(binary.BigEndian.AppendUint32(b, uint32(len(value))), value...)
		}
	}
	if g.chance(90) {
		b = append(b, 0xff, 0xff)
	}
	return b
}

// mistake changes the data somewhere.
func (g *copyGenerator) mistake(data []byte) []byte {
	at := g.IntN(len(data) + 1)
	to := min(len(data), at+g.IntN(4))
	switch g.IntN(4) {
	case 0:
		return slices.Concat(data[:at], data[to:])
	case 1:
		return slices.Concat(data[:to], data[at:])
	case 2:
		return data[:at:at]
	}
	what := g.one("\\", "\n", "\r", "\r\n", "\"", "'", ",", "\t", "\\.", "\n\\.\n", "\x00", "\xff", "\xc3", "é", "\\N", "|", "\\x", "\\0", "x")
	return slices.Concat(data[:at], []byte(what), data[at:])
}

// run copies data in frames of any size.
func (g *copyGenerator) run(t *testing.T, conn *pgconn.PgConn, sql string, data []byte) (string, error) {
	tag, err := conn.CopyFrom(t.Context(), &pieces{Reader: bytes.NewReader(data), Rand: rand.New(rand.NewPCG(uint64(len(data)), 3))}, sql)
	text := outcome(tag, err)
	if strings.HasPrefix(text, "22021") || strings.HasPrefix(text, "22P05") {
		text = text[:5] // the server looks ahead over the end of a line
	}
	return text, err
}

// pieces reads a few bytes at a time.
type pieces struct {
	io.Reader
	*rand.Rand
}

func (p *pieces) Read(b []byte) (int, error) {
	n := 1 + p.IntN(40)
	if p.IntN(3) == 0 {
		n = len(b)
	}
	return p.Reader.Read(b[:min(n, len(b))])
}
