package logical

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

var update = flag.Bool("update", false, "write the golden corpus from the server's answers")

// answer is what a server, or this package, makes of one input.
type answer struct {
	text                        string // of the output function
	binary                      string // of the send function
	code, message, detail, hint string
}

func (a answer) String() string {
	if a.code != "" {
		return fmt.Sprintf("%s %q detail %q hint %q", a.code, a.message, a.detail, a.hint)
	}
	return fmt.Sprintf("%q %x", a.text, a.binary)
}

// question is one input for a type in a role, under settings.
type question struct {
	typ      Type
	use      Use
	settings string // "name=value;name=value"
	input    string
}

func parseSettings(t testing.TB, list string) *Settings {
	s := new(Settings)
	for setting := range strings.SplitSeq(list, ";") {
		if name, value, ok := strings.Cut(setting, "="); ok {
			if err := s.Set(name, value); err != nil {
				t.Fatalf("set %s: %v", setting, err)
			}
		}
	}
	return s
}

// ask gives this package's answer.
func (q question) ask(s *Settings) answer {
	canonical, err := q.typ.AppendCanonical(nil, Value{Data: []byte(q.input), OID: oidUnknown}, q.use, s)
	if err != nil {
		return errorAnswer(err)
	}
	text, err := q.typ.AppendText(nil, canonical, s)
	if err != nil {
		return errorAnswer(err)
	}
	binary, err := q.typ.AppendBinary(nil, canonical, s)
	if err != nil {
		return errorAnswer(err)
	}
	return answer{text: string(text), binary: string(binary)}
}

func errorAnswer(err error) answer {
	var e *Error
	if !errors.As(err, &e) {
		return answer{code: "?", message: err.Error()}
	}
	return answer{code: e.Code, message: e.Message, detail: e.Detail, hint: e.Hint}
}

const probeFunction = `
CREATE OR REPLACE FUNCTION probe(query text, inputs text[])
RETURNS TABLE (txt text, bin bytea, code text, msg text, det text, hnt text) LANGUAGE plpgsql AS $$
DECLARE
	input text;
BEGIN
	FOREACH input IN ARRAY inputs LOOP
		txt := NULL; bin := NULL; code := NULL; msg := NULL; det := NULL; hnt := NULL;
		BEGIN
			EXECUTE replace(replace(query, '@', quote_literal(input)), 'AT SIGN', '@') INTO txt, bin;
		EXCEPTION WHEN OTHERS THEN
			GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, msg = MESSAGE_TEXT,
				det = PG_EXCEPTION_DETAIL, hnt = PG_EXCEPTION_HINT;
		END;
		RETURN NEXT;
	END LOOP;
END $$`

// typeSQL is the type as SQL writes it, and its send function.
func (s *session) typeSQL(typ Type) (name, send string) {
	send, ok := s.senders[typ.OID]
	if !ok {
		send = column(s.t, s.conn, "SELECT typsend::text FROM pg_type WHERE oid = "+utoa(typ.OID))[0]
		s.senders[typ.OID] = send
	}
	return typ.Name(), send
}

// session is a connection with the probe and a table for each type.
type session struct {
	t      testing.TB
	conn   *pgconn.PgConn
	tables map[Type]string
	// senders are the send functions of the types asked for.
	senders map[uint32]string
}

func newSession(t testing.TB) *session {
	s := &session{t: t, conn: needServer(t).connect(t), tables: map[Type]string{}, senders: map[uint32]string{}}
	s.exec(probeFunction)
	return s
}

func (s *session) exec(sql string) {
	s.t.Helper()
	if _, err := s.conn.Exec(context.Background(), sql).ReadAll(); err != nil {
		s.t.Fatalf("%s: %v", sql, err)
	}
}

func (s *session) set(settings string) {
	s.exec("RESET ALL")
	for setting := range strings.SplitSeq(settings, ";") {
		if name, value, ok := strings.Cut(setting, "="); ok {
			s.exec("SET " + name + " = '" + value + "'")
		}
	}
}

// query is the statement that reads @ as the type in the role.
func (s *session) query(typ Type, use Use) string {
	name, send := s.typeSQL(typ)
	if use == Compare {
		name, _ = s.typeSQL(Type{OID: typ.OID, Typmod: -1})
	}
	if use != Assign {
		return "SELECT format('%s', c), " + send + "(c) FROM (SELECT @::" + name + " AS c) q"
	}
	table, ok := s.tables[typ]
	if !ok {
		table = fmt.Sprintf("probe_%d", len(s.tables))
		s.exec("CREATE TEMP TABLE " + table + " (c " + name + ")")
		s.tables[typ] = table
	}
	return "INSERT INTO " + table + " VALUES (@) RETURNING format('%s', c), " + send + "(c)"
}

// ask gives the server's answers to inputs under the settings that are set.
func (s *session) ask(typ Type, use Use, inputs []string) []answer {
	s.t.Helper()
	return s.probe(s.query(typ, use), inputs)
}

// probe runs a query that gives text and bytea for each input in place of @.
func (s *session) probe(query string, inputs []string) []answer {
	s.t.Helper()
	var list strings.Builder
	list.WriteByte('{')
	for i, in := range inputs {
		if i > 0 {
			list.WriteByte(',')
		}
		list.WriteByte('"')
		list.WriteString(strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(in))
		list.WriteByte('"')
	}
	list.WriteByte('}')
	result := s.conn.ExecParams(context.Background(), "SELECT * FROM probe($1, $2)",
		[][]byte{[]byte(query), []byte(list.String())}, nil, nil, []int16{1}).Read()
	if result.Err != nil {
		s.t.Fatalf("probe %s: %v", query, result.Err)
	}
	answers := make([]answer, len(result.Rows))
	for i, r := range result.Rows {
		answers[i] = answer{string(r[0]), string(r[1]), string(r[2]), string(r[3]), string(r[4]), string(r[5])}
	}
	return answers
}

// compare asks both for every input and reports the differences; it records
// the first keep inputs in the golden corpus when that is updated.
func (s *session) compare(typ Type, use Use, settings string, inputs []string, keep int) {
	s.t.Helper()
	s.set(settings)
	ours := parseSettings(s.t, settings)
	theirs := s.ask(typ, use, inputs)
	wrong := 0
	for i, in := range inputs {
		q := question{typ, use, settings, in}
		if want, got := theirs[i], q.ask(ours); got != want && !known(got, in) {
			if wrong++; wrong <= 20 {
				s.t.Errorf("%s (use %d; %s) %q:\n got %v\nwant %v", typ.Name(), use, settings, in, got, want)
			}
		}
		if *update && i < keep {
			golden.add(q, theirs[i])
		}
	}
	if wrong > 20 {
		s.t.Errorf("%s (use %d; %s): %d of %d inputs differ", typ.Name(), use, settings, wrong, len(inputs))
	}
}

// known says that a difference is meant: the value depends on the server's
// clock or on a file of the server's host.
func known(got answer, input string) bool {
	return got.code == codeFeatureNotSupported &&
		(strings.Contains(got.message, "current date or time") || strings.Contains(got.message, "does not know time zone") ||
			strings.Contains(got.message, "does not read the word") || strings.Contains(got.message, "depends on the current date"))
}

// corpus is the golden corpus under construction.
type corpus struct{ lines []string }

var golden corpus

func (c *corpus) add(q question, a answer) {
	c.lines = append(c.lines, fmt.Sprintf("%d\t%d\t%d\t%q\t%q\t%q\t%q\t%q\t%q\t%q\t%s", q.typ.OID, q.typ.Typmod, q.use,
		q.settings, q.input, a.code, a.message, a.detail, a.hint, a.text, hex.EncodeToString([]byte(a.binary))))
}

// write stores the corpus of one test.
func (c *corpus) write(t testing.TB, name string) {
	if !*update {
		return
	}
	if err := os.MkdirAll("testdata", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join("testdata", name+".golden"), []byte(strings.Join(c.lines, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	c.lines = nil
}

// The server's recorded answers hold without a server.
func TestAnswersAreThoseOfTheRecordedServer(t *testing.T) {
	files, err := filepath.Glob("testdata/*.golden")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden corpus: %v", err)
	}
	settings := map[string]*Settings{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		scanner := bufio.NewScanner(bytes.NewReader(data))
		scanner.Buffer(nil, 1<<24)
		for n := 1; scanner.Scan(); n++ {
			var q question
			var want answer
			var use uint8
			var bin string
			if _, err := fmt.Sscanf(scanner.Text(), "%d\t%d\t%d\t%q\t%q\t%q\t%q\t%q\t%q\t%q\t%s", &q.typ.OID, &q.typ.Typmod, &use,
				&q.settings, &q.input, &want.code, &want.message, &want.detail, &want.hint, &want.text, &bin); err != nil && bin != "" {
				t.Fatalf("%s:%d: %v", file, n, err)
			}
			raw, _ := hex.DecodeString(bin)
			q.use, want.binary = Use(use), string(raw)
			s := settings[q.settings]
			if s == nil {
				s = parseSettings(t, q.settings)
				settings[q.settings] = s
			}
			if got := q.ask(s); got != want && !known(got, q.input) {
				t.Errorf("%s:%d: %s (use %d; %s) %q:\n got %v\nwant %v", file, n, q.typ.Name(), q.use, q.settings, q.input, got, want)
			}
		}
	}
}
