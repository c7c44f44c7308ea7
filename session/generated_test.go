package session

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"pgseal/integration/pgtest"
)

// Chance writes pipelines: frames of the extended protocol in any order, with errors
// anywhere in them, between texts of the simple one. Whatever they come to, the session
// answers what PostgreSQL answers.
func TestTwinOfGeneratedFrames(t *testing.T) {
	seed := pgtest.Seed(t)
	refused := 0
	for i := range uint64(25) {
		g := &frames{Rand: rand.New(rand.NewPCG(seed, i))}
		ok := t.Run(strconv.FormatUint(i, 10), func(t *testing.T) {
			sealed := connectThrough(t, []int{32 << 10, 7, 100}[i%3])
			plain := connectTo(t, plainDB)
			runTwin(t, `client Query "TRUNCATE people; TRUNCATE late"`+"\nawait", plain, sealed)
			before := ""
			for range 40 {
				pipeline := g.pipeline()
				sent, want, got := compareTwin(t, pipeline, plain, sealed)
				want, got = noise.ReplaceAllString(want, ""), noise.ReplaceAllString(got, "")
				if strings.Contains(got, "ErrorResponse 0A000") && !strings.Contains(want, "ErrorResponse 0A000") {
					refused++
					t.Logf("after\n%s\nsealed:\n%s", sent, got)
					break // the two databases are no twins any more
				}
				if got != want {
					t.Logf("before:\n%s\nafter\n%s\nplain:\n%s", before, sent, want)
					diffLines(t, want, got)
				}
				before += pipeline
			}
			if at := bytes.Index(sealed.sent, []byte("canary")); at >= 0 {
				t.Errorf("a plaintext went to the server: %q", sealed.sent[max(0, at-50):min(at+20, len(sealed.sent))])
			}
		})
		if !ok {
			t.FailNow()
		}
	}
	if refused > 5 {
		t.Errorf("%d runs ended with a refusal: the rest is too little to prove anything", refused)
	}
}

// noise is what PostgreSQL shows of a row that it refuses, and what it sends when it
// happens to be idle.
var noise = regexp.MustCompile(`Failing row contains [^"]*|Key \(\w+\)=[^"]*|NotificationResponse[^\n]*\n`)

// frames writes the lines of runTwin.
type frames struct {
	*rand.Rand
	b        strings.Builder
	extended bool // a Sync is due
}

func (g *frames) one(of ...string) string { return of[g.IntN(len(of))] }

func (g *frames) line(format string, args ...any) { fmt.Fprintf(&g.b, format+"\n", args...) }

// texts are those of the generator, with values for their parameters, if any: the
// first, then the second, and so on, each one of several.
var texts = []struct {
	sql    string
	params []string
}{
	{"SELECT id, name, email FROM people WHERE name = $1 ORDER BY id", []string{"name"}},
	{"SELECT id, name, age, born, weight, seen FROM people ORDER BY id", nil},
	{"SELECT name, age FROM people WHERE id = $1", []string{"number"}},
	{"SELECT count(*), count(DISTINCT name) FROM people WHERE age = $1 OR name = $2", []string{"id", "name"}},
	{"INSERT INTO people (id, name, age) VALUES ($1, $2, $3)", []string{"id", "name", "number"}},
	{"INSERT INTO people (id, name, email, born) VALUES ($1, $2, $3, $4) RETURNING *", []string{"id", "name", "email", "date"}},
	{"INSERT INTO people (id, name, email) VALUES ($1, $2, $3) ON CONFLICT (email) DO UPDATE SET name = excluded.name RETURNING id, name", []string{"id", "name", "email"}},
	{"UPDATE people SET email = $1, weight = 0.5, seen = '2024-07-01 12:00+02' WHERE id = $2 RETURNING id, email", []string{"email", "id"}},
	{"UPDATE people SET name = $1 WHERE name = $1", []string{"name"}},
	{"DELETE FROM people WHERE id = $1 RETURNING name", []string{"id"}},
	{"SELECT name, 1 / (id - $1) FROM people ORDER BY id", []string{"number"}},
	{"SELECT notice(id), name FROM people ORDER BY id", nil},
	{"SELECT total, raw FROM orders ORDER BY id", nil},
	{"SELECT $1::int4 + 1, late($1)", []string{"id"}},
	{"SELECT nothing FROM people", nil},
	{"SELECT name FROM people WHERE", nil},
	{"BEGIN", nil}, {"COMMIT", nil}, {"ROLLBACK", nil},
	{"SET extra_float_digits = 0", nil}, {"SET DateStyle = 'SQL, DMY'", nil}, {"SET DateStyle = 'ISO, MDY'", nil},
	{"DECLARE c CURSOR FOR SELECT id, name FROM people ORDER BY id", nil},
	{"DECLARE c CURSOR WITH HOLD FOR SELECT name, age FROM people ORDER BY id", nil},
	{"FETCH 2 FROM c", nil}, {"MOVE 1 FROM c", nil}, {"CLOSE c", nil}, {"FETCH 1 FROM p", nil},
	{"DECLARE d SCROLL CURSOR FOR SELECT id, age + 1 AS more FROM (VALUES (1, 2), (2, 3)) v (id, age)", nil},
	{"FETCH ALL FROM c", nil}, {"FETCH BACKWARD 1 FROM d", nil}, {"FETCH 0 FROM c", nil}, {"MOVE BACKWARD ALL FROM d", nil}, {"CLOSE ALL", nil},
	{"PREPARE s AS SELECT name FROM people WHERE id = $1", nil},
	{"PREPARE t (int, text) AS INSERT INTO people (id, name) VALUES ($1, $2) RETURNING id, name", nil},
	{"PREPARE u AS SELECT set_config('extra_float_digits', '-3', false)", nil},
	{"DEALLOCATE s", nil}, {"DEALLOCATE ALL", nil}, {"", nil},
	{"DISCARD ALL", nil}, {"DISCARD PLANS", nil}, {"RESET ALL", nil}, {"RESET extra_float_digits", nil},
	{"SET LOCAL extra_float_digits = -3", nil}, {"SET bytea_output = 'escape'", nil}, {"SET intervalstyle = 'iso_8601'", nil}, {"SHOW DateStyle", nil},
	{"SELECT set_config('TimeZone', 'Asia/Tokyo', $1 = 1)", []string{"id"}}, {"SELECT photo, weight, seen FROM people ORDER BY id", nil},
	{"UPDATE people SET photo = $1, weight = $2, age = $3 WHERE id = $4", []string{"bytes", "number", "number", "id"}},
	{"LISTEN people", nil}, {"NOTIFY people, 'hello'", nil}, {"UNLISTEN *", nil},
	{"COMMIT AND CHAIN", nil}, {"ROLLBACK AND CHAIN", nil}, {"LOCK TABLE people", nil},
	{"VALUES ($1::int, 'x')", []string{"id"}}, {"TABLE orders", nil},
	{"PREPARE x (int) AS SELECT id, name FROM people WHERE id = $1", nil}, {"EXECUTE x (2)", nil}, {"EXECUTE u", nil}, {"DEALLOCATE x", nil},
	{"EXECUTE s (1)", nil}, {"EXECUTE t (2)", nil}, {"EXECUTE t (3, 'tee')", nil}, // see inQueries
	{"BEGIN ISOLATION LEVEL REPEATABLE READ", nil}, {"SAVEPOINT a", nil}, {"ROLLBACK TO a", nil}, {"RELEASE a", nil},
}

// inQueries is how many of them, at the end, are sent in Queries only: in some orders with
// savepoints in pipelines PostgreSQL 15.18 itself crashes, a statement that executes itself
// ends for want of a stack, and behind a question of pgseal's in the same pipeline there is
// no other isolation level.
const inQueries = 7

// alone matches texts that change settings, or only work behind others of their Query.
var alone = regexp.MustCompile(`^(SET|RESET|EXECUTE|DECLARE|DISCARD|LOCK|SAVEPOINT|.*set_config)`)

// value is a parameter.
func (g *frames) value(of string) string {
	if of != "name" && g.IntN(12) == 0 {
		return "NULL"
	}
	switch of {
	case "id":
		return g.one("1", "2", "3", "4", "5", "0")
	case "number":
		return g.one("1", "2", "3", "4", "5", "0", `"x"`)
	case "name": // NULL is refused with the row, which shows what is sealed
		return strconv.Quote(g.one("canary 1", "canary 2", "canary 3", "canary é", "canary "+strings.Repeat("long", 8), ""))
	case "bytes":
		return g.one(`"\\x00ff"`, `"x"`, `"\\x0"`)
	case "date":
		return g.one(`"2024-02-29"`, `"2024-02-30"`, `"infinity"`)
	}
	return strconv.Quote(g.one("ada@canary.org", "bob@canary.org", "canary 3", strings.Repeat("canary", 3)))
}

// pipeline is what is sent before all of it is read.
func (g *frames) pipeline() string {
	g.b.Reset()
	for range 1 + g.IntN(4) {
		switch n := g.IntN(10); {
		case n < 3:
			g.query()
		case n == 3:
			g.copy()
		case n == 4:
			g.sync()
			g.call()
		default:
			for range 1 + g.IntN(8) {
				g.frame()
			}
			g.sync()
		}
	}
	g.line("await")
	return g.b.String()
}

func (g *frames) sync() {
	if g.extended {
		g.line("client Sync")
		g.extended = false
	}
}

// query sends texts without parameters in a Query; a text with some gets them as
// literals.
func (g *frames) query() {
	var all []string
	for range 1 + g.IntN(2) {
		n := g.IntN(len(texts))
		text := texts[n]
		if alone.MatchString(text.sql) { // what it shows with that is refused
			all = []string{text.sql}
			break
		}
		sql := text.sql
		for i, p := range text.params {
			v := g.value(p)
			if unquoted, err := strconv.Unquote(v); err == nil {
				v = "'" + unquoted + "'"
			}
			sql = strings.ReplaceAll(sql, "$"+strconv.Itoa(i+1), v)
		}
		all = append(all, sql)
	}
	g.line("client Query %q", strings.Join(all, "; "))
}

// call calls a function of PostgreSQL's own by the protocol.
func (g *frames) call() {
	g.line("client FunctionCall %s", g.one("0", "177 1 2", "177 1 x", "177 1", "1319 1"))
}

// copy copies rows in or out.
func (g *frames) copy() {
	sql := g.one("COPY people (id, name, note) FROM STDIN", "COPY people (id, name, age) FROM STDIN CSV",
		"COPY (SELECT id, name, age FROM people ORDER BY id) TO STDOUT", "COPY people (id, nothing) FROM STDIN",
		"COPY (UPDATE people SET age = 3 WHERE id = 1 RETURNING name, age) TO STDOUT", "COPY orders TO STDOUT")
	extended := g.IntN(2) == 0
	if extended {
		g.line(`client Parse copy %q -`, sql) // a name that nothing else runs: what follows would have to be its data
		g.line(`client Bind copy copy - -`)
		g.line(`client Execute copy 0`)
	} else {
		g.line("client Query %q", sql)
	}
	if strings.Contains(sql, "STDIN") {
		separator := "\t"
		if strings.Contains(sql, "CSV") {
			separator = ","
		}
		for range g.IntN(3) {
			g.line("client CopyData %q", strings.Join([]string{g.one("6", "7", "8", "x"), "canary copied", g.one("1", "2")}, separator)+"\n")
		}
		g.line("client %s", g.one("CopyDone", "CopyDone", `CopyFail "enough"`))
	}
	if extended {
		g.line("client Sync")
		g.line("client Close S copy")
		g.line("client Close P copy")
		g.line("client Sync")
	}
}

// frame sends one of the extended protocol, mostly one that fits what was before.
func (g *frames) frame() {
	g.extended = true
	name, portal := g.one(`""`, "s", "t"), g.one(`""`, `""`, "p")
	if portal == "p" && g.IntN(10) > 0 { // there may be one, and that is another mistake
		g.line("client Close P p")
	}
	text := texts[g.IntN(len(texts)-inQueries)]
	if strings.HasPrefix(text.sql, "EXECUTE ") {
		name = `""` // what an EXECUTE of it shows is not said to come from a table, if it did not exist yet
	}
	switch n := g.IntN(20); {
	case n < 16: // what belongs together
		g.line("client Parse %s %q -", name, text.sql)
		if g.IntN(3) == 0 {
			g.line("client Describe S %s", name)
		}
		g.bind(portal, name, text.params)
		if g.IntN(3) > 0 {
			g.line("client Describe P %s", portal)
		}
		g.line("client Execute %s %d", portal, g.IntN(3))
		if name != `""` && g.IntN(2) == 0 {
			g.line("client Close S %s", name)
		}
	case n == 16:
		g.line("client Close %s", g.one("S "+name, "P "+portal))
	case n == 17:
		g.line("client Flush")
	default:
		g.sync()
	}
}

func (g *frames) bind(portal, name string, params []string) {
	g.line("client Bind %s %s - %s%s", portal, name, g.one("-", "-", "0", "1"), func() (values string) {
		for _, p := range params {
			values += " " + g.value(p)
		}
		return values
	}())
}
