package session

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgseal/wire"
)

// copyTwin holds one session with plain tables and one with sealed ones.
type copyTwin struct {
	t      *testing.T
	plain  *direct
	sealed *through
}

func newCopyTwin(t *testing.T, chunk int) *copyTwin {
	c := &copyTwin{t: t, plain: connectTo(t, plainDB), sealed: connectThrough(t, chunk)}
	c.same("SET bytea_output = hex")
	return c
}

// ask sends frames to both sides and reads up to one of the frame types.
func (c *copyTwin) ask(frames []byte, until string) (plain, sealed string) {
	c.plain.send(frames)
	c.sealed.send(frames)
	return answersTo(c.t, c.plain, until), answersTo(c.t, c.sealed, until)
}

// same runs a Query on both sides, with the same answer.
func (c *copyTwin) same(sql string) string {
	c.t.Helper()
	want, got := c.ask(wire.AppendQuery(nil, sql), "Z")
	if got != want {
		c.t.Errorf("%s\nplain:\n%s\nsealed:\n%s", sql, want, got)
	}
	return got
}

// answersTo is answers up to one of several types.
func answersTo(t *testing.T, p peer, until string) string {
	var in []byte
	var out strings.Builder
	r := &scripted{world: &world{t: t}}
	for {
		in = append(in, p.receive()...)
		for {
			typ, size, err := wire.Peek(in)
			if err != nil {
				t.Fatal(err)
			}
			if size == 0 || size > len(in) {
				break
			}
			line := r.showServer(typ, in[wire.HeaderLen:size])
			line = serverSource.ReplaceAllString(tableOID.ReplaceAllString(line, "$1$2:t:"), "")
			line = failingRow.ReplaceAllString(line, "")
			out.WriteString(line + "\n")
			in = in[size:]
			if strings.IndexByte(until, typ) >= 0 {
				if len(in) > 0 {
					t.Fatalf("%d bytes left over behind %s", len(in), line)
				}
				return out.String()
			}
		}
	}
}

// failingRow is a detail that shows sealed values as (sealed).
var failingRow = regexp.MustCompile(` "D:Failing row contains [^"]*"`)

func appendCopyData(dst []byte, data string) []byte {
	dst, start := wire.Begin(dst, wire.TypeCopyData)
	return wire.End(append(dst, data...), start)
}

// copyIn runs a COPY FROM on both sides, which must answer alike and store alike.
func (c *copyTwin) copyIn(sql, data string, pieces int) {
	c.t.Helper()
	c.same("TRUNCATE people")
	want, got := c.ask(wire.AppendQuery(nil, sql), "GZ")
	if got == want && strings.Contains(want, "CopyInResponse") {
		var frames []byte
		for len(data) > 0 {
			n := min(pieces, len(data))
			frames = appendCopyData(frames, data[:n])
			data = data[n:]
		}
		want, got = c.ask(wire.AppendEmpty(frames, wire.TypeCopyDone), "Z")
	}
	if got != want {
		c.t.Errorf("%s\nplain:\n%s\nsealed:\n%s", sql, want, got)
	}
	c.same("SELECT * FROM people ORDER BY id")
	if bytes.Contains(c.sealed.sent, []byte("canary")) {
		c.t.Fatalf("%s: a plaintext went to the server", sql)
	}
	c.sealed.sent = c.sealed.sent[:0]
}

const copied = "COPY people (id, name, age, born, note) FROM STDIN "

// Every way in which data of the text and CSV formats can be right or wrong.
var copyInCases = []struct{ sql, data string }{
	{copied, "1\tcanary\t36\t2001-02-03\tnote\n2\t\t\\N\t\\N\t\\N\n"},
	{copied, "1\tcanary\\tb\\\\c\\n\\N\\x41\\101\\q\\.\t36\t2001-02-03\t\\tnote\n2\tb\\\nc\t1\t\\N\t\\\n\n"},
	{copied, "1\tcanary\t36\t2001-02-03\tnote"},
	{copied, ""},
	{copied, "\n"},
	{copied, "\\.\n"},
	{copied, "1\tcanary\t36\t2001-02-03\tnote\n\\.\nignored canary\n"},
	{copied, "1\tcanary\t36\t2001-02-03\tno\\.\nignored canary\n"},
	{copied, "1\tcanary\t36\t2001-02-03\tnote\n\\.x canary\n"},
	{copied, "1\tcanary\t36\t2001-02-03\tnote\n\\.\r\n"},
	{copied, "1\tcanary\t36\t2001-02-03\tnote\n\\."},
	{copied, "1\tcanary\t36\t2001-02-03\tnote\r\n2\tb\t\\N\t\\N\t\\N\r\n"},
	{copied, "1\tcanary\t36\t2001-02-03\tnote\r\n\\.\r\n2"},
	{copied, "1\tcanary\t36\t2001-02-03\tnote\r\n\\.\n2"},
	{copied, "1\tcanary\t36\t2001-02-03\tnote\r\n\\.\rx"},
	{copied, "1\tcanary\t36\t2001-02-03\tnote\r\n\\.\r\r"},
	{copied, "1\tcanary\t36\t2001-02-03\tnote\r2\tb\t\\N\t\\N\t\\N\r"},
	{copied, "1\tcanary\t36\t2001-02-03\tnote\r2\tb\t\\N\t\\N\t\\N\n"},
	{copied, "1\tcanary\t36\t2001-02-03\tnote\n2\tcanary\r\t\\N\t\\N\t\\N\n"},
	{copied, "1\tcanary\t36\t2001-02-03\tnote\r\n2\tcanary\r\t\\N\t\\N\t\\N\n"},
	{copied, "1\tcanary\t36\t2001-02-03\tnote\r\n2\tcanary\n\t\\N\t\\N\t\\N\n"},
	{copied, "1\tcanary\t36\t2001-02-03\tnote\r\n2\tb\t\\N\t\\N\t\\N\r"},
	{copied, "1\tcanary\t36\t2001-02-03\tnote\r"},
	{copied, "1\tcanary\t36x\t2001-02-03\tnote\n"},
	{copied, "1\tcanary\t36\t2001-02-03\tnote\n2\tcanary two\tcanary\t2001-02-30\tnote canary\n3\tcanary\t5\t\\N\t\\N\n"},
	{copied, "1\tcanary\t36\t2001-02-30\tnote\n"},
	{copied, "x\tcanary\tcanary\t2001-02-30\tnote\n"},
	{copied, "1\tcanary\t36\n"},
	{copied, "1\tcanary\tcanary\n"},
	{copied, "1\tcanary\t36\t2001-02-03\tnote\textra canary\n"},
	{copied, "1\tcanary\tcanary\t2001-02-03\tnote\textra\n"},
	{copied, "x\tcanary\tcanary\t2001-02-03\tnote\textra\n"},
	{copied, "1\tcanary\t36\t2001-02-03\t\\xff\n"},
	{copied, "1\tcanary\\xff\\xfe\t36\t2001-02-03\t\n"},
	{copied, "1\tcanary\tx\t2001-02-03\t\\xff\n"},
	{copied, "1\tcanary\xff\t36\t2001-02-03\t\n"},
	{copied, "1\tx\t36\t2001-02-03\tn\n2\tcanary\tx\t2001-02-03\t\xff\n"},
	{copied, "1\tcanary\\0\t36\t2001-02-03\t\n"},
	{copied, "1\tcanary\\303\\251\t36\t2001-02-03\t\\303\\251\n"},
	{copied, "1\t\\N\t36\t2001-02-03\tnote\n"},
	{copied, "1\tcanary\t\t2001-02-03\tnote\n"},
	{copied, "1\tcanary\t99999999999\t2001-02-03\t" + strings.Repeat("é", 80) + "\n"},
	{copied, "1\tcanary" + strings.Repeat("é", 80) + "\t1\t2001-02-03\n"},
	{copied, "1\ta\t1\t2001-02-03\tn\n1\tb\t1\t2001-02-03\tn\n"},
	{"COPY people FROM STDIN", "1\tcanary\tcanary@x\t36\t2001-02-03\t\\\\xcafe\t1.5\t2020-01-02 03:04:05+02\tnote\n"},
	{"COPY people FROM STDIN", "1\tcanary\tcanary@x canary is too long\t36\t2001-02-03\t\\\\xcafe\t1.5\t2020-01-02 03:04:05+02\tnote\n"},
	{"COPY people FROM STDIN", "1\tcanary\tsame\t36\t2001-02-03\t\\\\000\\\\377a\t1e300\t2020-01-02 03:04:05+02\tnote\n2\tcanary\tsame\t1\t\\N\t\\N\t\\N\t\\N\t\\N\n"},
	{"COPY people (note, name, id) FROM STDIN", "n\tcanary\t4\n"},
	{"COPY people (note, nam, id) FROM STDIN", "n\tcanary\t4\n"},
	{"COPY people (id, name, name) FROM STDIN", "4\tcanary\tcanary\n"},
	{"COPY people (id, name) FROM STDIN WHERE id > 1", "1\tcanary\n2\tcanary two\n"},
	{"COPY people (id, name) FROM STDIN WHERE name = 'canary' OR age IS NOT NULL", "1\tcanary\n2\tcanary two\n3\tcanary\n"},
	{"COPY people (id, name) FROM STDIN WITH DELIMITER '|' NULL 'nil'", "1|canary\\|x\n2|nilcanary\n3|nil\n"},
	{"COPY people (id, name, note) FROM STDIN (DELIMITER ',', NULL '')", "1,canary,\n2,,x\n"},
	{"COPY people (id, name) FROM STDIN (DELIMITER 'ab')", "1\n"},
	{"COPY people (id, name) FROM STDIN (HEADER)", "canary\tanything canary\n1\tcanary\n"},
	{"COPY people (id, name) FROM STDIN (HEADER match)", "id\tname\n1\tcanary\n"},
	{"COPY people (id, name) FROM STDIN (HEADER match)", "id\tn\\x61me\n1\tcanary\n"},
	{"COPY people (id, name) FROM STDIN (HEADER match)", "id\tcanary\n1\tcanary\n"},
	{"COPY people (id, name) FROM STDIN (HEADER match)", "id\t\\N\n1\tcanary\n"},
	{"COPY people (id, name) FROM STDIN (HEADER match)", "id\n1\tcanary\n"},
	{"COPY people (id, name) FROM STDIN (HEADER match)", "id\tname\tx\n1\tcanary\n"},
	{"COPY people (id, name, note) FROM STDIN CSV", "1,canary,note\n2,\"canary, \"\"quoted\"\"\r\n and more\",\"a,b\"\n3,\"\",\n"},
	{"COPY people (id, name, note) FROM STDIN CSV", "1,canary,note\r\n2,\"canary\r\nx\",\"a,b\"\r\n\\.\r\nx"},
	{"COPY people (id, name, note) FROM STDIN CSV", "1,canary,note\n2,\"canary\nx\",\"unclosed canary\n3,x,y\n"},
	{"COPY people (id, name, note) FROM STDIN CSV", "1,canary,note\n2,\"canary\n\nx\",\"\n\"\n3,\"canary\nx\",note\n4,x\n"},
	{"COPY people (id, age, note) FROM STDIN CSV", "1,3,note\n2,\"3\",\"\n\"\n3,\"x\ncanary\",note\n"},
	{"COPY people (id, name, note) FROM STDIN CSV", "1,canary\r,note\n"},
	{"COPY people (id, name, note) FROM STDIN CSV", "1,a,note\n2,canary\r,note\n"},
	{"COPY people (name, id) FROM STDIN CSV", "\\.,1\n\\x,2\n\\,3\n\\.\ncanary\n"},
	{"COPY people (name, id) FROM STDIN CSV", "a,1\r\n\\.,2\r\n\\.x,3\r\n"},
	{"COPY people (name, id) FROM STDIN CSV", "a,1\n\\.\r\n"},
	{"COPY people (name, id) FROM STDIN CSV", "a,1\n\\."},
	{"COPY people (id, name, note) FROM STDIN CSV QUOTE '''' ESCAPE '\\'", "1,'canary\\'s \\\\ \\x',n\n2,ca'nar'y,\n3,'',''\n"},
	{"COPY people (id, name) FROM STDIN CSV DELIMITER 'x' QUOTE 'e' ESCAPE '5'", "1xcanary\n2xe canary x e\n"},
	{"COPY people (id, name) FROM STDIN CSV DELIMITER 'x' QUOTE 'f'", "1xcanary\n2xf canary x fff\n"},
	{"COPY people (id, name, note) FROM STDIN (FORMAT csv, FORCE_NULL (name, note))", "1,\"\",x\n"},
	{"COPY people (id, age, note) FROM STDIN (FORMAT csv, FORCE_NULL (age, note), NULL 'nil')", "1,\"nil\",\"nil\"\n2,nil,nil\n"},
	{"COPY people (id, name, note) FROM STDIN (FORMAT csv, FORCE_NOT_NULL (name, note))", "1,,\n2,\"\",\n"},
	{"COPY people (id, name, note) FROM STDIN (FORMAT csv, NULL 'nil', FORCE_NOT_NULL (name, note), FORCE_NULL (name))", "1,nil,nil\n2,\"canary\",\n"},
	{"COPY people (id, email, note) FROM STDIN (FORMAT csv, NULL 'nil', FORCE_NOT_NULL (email), FORCE_NULL (email))", "1,nil,nil\n2,\"nil\",\n"},
	{"COPY people (id, name) FROM STDIN (FORMAT csv, HEADER)", "\"canary\n\nx\",canary\n1,canary\nx,canary\n"},
	{"COPY people (id, name) FROM STDIN (FORMAT csv, HEADER match)", "\"id\",name\n1,canary\n"},
	{"COPY people (id, name) FROM STDIN (FORMAT csv, HEADER match)", "\"id\",\"canary\"\n1,canary\n"},
	{"TRUNCATE people; COPY people (id, name) FROM STDIN (FORMAT csv, FREEZE)", "1,canary\n"},
	{"COPY people (id, name) FROM STDIN (ENCODING 'LATIN1')", "1\tcanary \xe9\n2\t\\xc3\\xa9\n"},
	{"COPY people (id, name, age) FROM STDIN (ENCODING 'LATIN1')", "1\tcanary \xe9\t\xe9\n"},
	{"COPY people (id, name) FROM STDIN (FORMAT csv, ENCODING 'WIN1252')", "1,canary \x80\n2,\"\x93\"\n3,\x81\n"},
	{"COPY people (id, name) FROM STDIN (FORMAT nonsense)", ""},
	{"COPY people (id, name) FROM STDIN (FORMAT csv, QUOTE 'ab')", ""},
	{"COPY people (id, name) FROM STDIN; SELECT 1; COPY orders TO STDOUT", "1\tcanary\n"},
	{"BEGIN; COPY people (id, name) FROM STDIN; ROLLBACK", "1\tcanary\n"},
	{"SELECT 1; COPY people (id, age) FROM STDIN; SELECT 2", "1\tcanary\n"},
}

// binaryRows has the binary format's header, and then what is given.
func binaryRows(rows string) string {
	return "PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00" + rows
}

const (
	tupleOne  = "\x00\x03\x00\x00\x00\x04\x00\x00\x00\x01\x00\x00\x00\x06canary\x00\x00\x00\x04\x00\x00\x00\x24"
	tupleNull = "\x00\x03\x00\x00\x00\x04\x00\x00\x00\x02\x00\x00\x00\x00\xff\xff\xff\xff"
	trailer   = "\xff\xff"
	binaryIn  = "COPY people (id, name, age) FROM STDIN BINARY"
)

// Every way in which data of the binary format can be right or wrong.
var binaryInCases = []struct{ sql, data string }{
	{binaryIn, binaryRows(tupleOne + tupleNull + trailer)},
	{binaryIn, binaryRows(tupleOne + tupleNull)},
	{binaryIn, binaryRows(trailer)},
	{binaryIn, binaryRows("")},
	{binaryIn, ""},
	{binaryIn, "1\tcanary\t3\n"},
	{binaryIn, "PGCOPY\n"},
	{binaryIn, "PGCOPY\n\xff\r\n\x00\x00"},
	{binaryIn, "PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00"},
	{binaryIn, "PGCOPY\n\xff\r\n\x00\x00\x01\x00\x00\x00\x00\x00\x00" + tupleOne},
	{binaryIn, "PGCOPY\n\xff\r\n\x00\x00\x02\x00\x00\x00\x00\x00\x00" + tupleOne},
	{binaryIn, "PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\xff\xff\xff\xff" + tupleOne},
	{binaryIn, "PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x03abc" + tupleOne + trailer},
	{binaryIn, "PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x03a"},
	{binaryIn, binaryRows(tupleOne + trailer + "canary")},
	{binaryIn, binaryRows(tupleOne + "\x00\x02" + "canary")},
	{binaryIn, binaryRows(tupleOne + "\x00")},
	{binaryIn, binaryRows(tupleOne + "\x00\x03\x00\x00")},
	{binaryIn, binaryRows(tupleOne + "\x00\x03\x00\x00\x00\x04\x00\x00\x00\x02\x00\x00\x00\x10canary")},
	{binaryIn, binaryRows(tupleOne + "\x00\x03\x00\x00\x00\x04\x00\x00\x00\x02\xff\xff\xff\xfecanary")},
	{binaryIn, binaryRows(tupleOne + "\x00\x03\x00\x00\x00\x02\x00\x02\x00\x00\x00\x06canary\x00\x00\x00\x02\x00\x01")},
	{binaryIn, binaryRows(tupleOne + "\x00\x03\x00\x00\x00\x04\x00\x00\x00\x02\x00\x00\x00\x06canary\x00\x00\x00\x02\x00\x01")},
	{binaryIn, binaryRows(tupleOne + "\x00\x03\x00\x00\x00\x04\x00\x00\x00\x02\x00\x00\x00\x06canary\x00\x00\x00\x05\x00\x01\x00\x00\x00" + tupleOne)},
	{binaryIn, binaryRows(tupleOne + "\x00\x03\x00\x00\x00\x04\x00\x00\x00\x02\x00\x00\x00\x06cana\xffy\xff\xff\xff\xff")},
	{binaryIn, binaryRows(tupleOne + tupleOne + trailer)},
	{binaryIn, binaryRows("\x00\x03\x00\x00\x00\x04\x00\x00\x00\x02\xff\xff\xff\xff\xff\xff\xff\xff")},
}

// copyExtended sends a COPY FROM in the extended protocol as libpq does, with a
// Sync before the data that the server ignores, and a statement behind it.
func (c *copyTwin) copyExtended(sql, data string, pieces int, end []byte) {
	c.t.Helper()
	c.same("TRUNCATE people")
	frames := appendPlainBind(wire.AppendParse(nil, "", sql, nil), "", "")
	frames = wire.AppendExecute(wire.AppendTarget(frames, wire.TypeDescribe, 'P', ""), "", 0)
	want, got := c.ask(wire.AppendEmpty(frames, wire.TypeSync), "GZ")
	if got == want && strings.Contains(want, "CopyInResponse") {
		frames = frames[:0]
		for len(data) > 0 {
			n := min(pieces, len(data))
			frames = appendCopyData(frames, data[:n])
			data = data[n:]
		}
		frames = append(frames, end...)
		frames = wire.AppendParse(frames, "", "INSERT INTO people (id, name) VALUES (99, 'pipelined')", nil)
		frames = wire.AppendExecute(appendPlainBind(frames, "", ""), "", 0)
		want, got = c.ask(wire.AppendEmpty(frames, wire.TypeSync), "Z")
	}
	if got != want {
		c.t.Errorf("%s, extended\nplain:\n%s\nsealed:\n%s", sql, want, got)
	}
	c.same("SELECT * FROM people ORDER BY id")
}

func TestCopyInOfTheExtendedProtocol(t *testing.T) {
	done := wire.AppendEmpty(nil, wire.TypeCopyDone)
	fail, start := wire.Begin(nil, wire.TypeCopyFail)
	fail = wire.End(wire.AppendCString(fail, "enough"), start)
	for _, pieces := range []int{1 << 20, 9} {
		c := newCopyTwin(t, 32<<10)
		for _, x := range []struct{ sql, data string }{
			copyInCases[0], copyInCases[6], copyInCases[8], copyInCases[24], copyInCases[25], copyInCases[28], copyInCases[41],
			binaryInCases[0], binaryInCases[1], binaryInCases[5], binaryInCases[14], binaryInCases[21],
		} {
			c.copyExtended(x.sql, x.data, pieces, done)
			c.copyExtended(x.sql, x.data, pieces, fail)
			if t.Failed() {
				t.Fatalf("%q", x.data)
			}
		}
		c.same("BEGIN")
		c.copyIn(copied, "1\tcanary\tx\t\\N\t\\N\n", pieces)
		c.same("SELECT 1")
		c.same("ROLLBACK")
	}
}

// A client need not wait for the server to ask for the data.
func TestCopyInWithoutWaiting(t *testing.T) {
	for _, chunk := range []int{32 << 10, 3} {
		c := newCopyTwin(t, chunk)
		c.same("TRUNCATE people")
		frames := wire.AppendQuery(nil, "COPY people (id, name) FROM STDIN")
		frames = wire.AppendEmpty(appendCopyData(frames, "1\tcanary\n"), wire.TypeCopyDone)
		want, got := c.ask(frames, "Z")
		if got != want {
			t.Errorf("plain:\n%s\nsealed:\n%s", want, got)
		}
		// The server refuses the COPY; the data must not reach it.
		frames = wire.AppendQuery(frames[:0], "COPY people (id, name) FROM STDIN (FORMAT nonsense)")
		frames = wire.AppendEmpty(appendCopyData(frames, "1\tcanary\n"), wire.TypeCopyDone)
		if want, got = c.ask(frames, "Z"); got != want {
			t.Errorf("plain:\n%s\nsealed:\n%s", want, got)
		}
		c.same("SELECT * FROM people ORDER BY id")
		if bytes.Contains(c.sealed.sent, []byte("canary")) {
			t.Error("a plaintext went to the server")
		}
	}
}

func TestCopyInIsExact(t *testing.T) {
	for _, size := range []struct{ chunk, piece int }{{32 << 10, 1 << 20}, {7, 5}, {32 << 10, 1}} {
		c := newCopyTwin(t, size.chunk)
		for _, x := range slices.Concat(copyInCases, binaryInCases) {
			c.copyIn(x.sql, x.data, size.piece)
			if size.piece > 1 && !strings.ContainsAny(x.sql, ";") && !strings.Contains(x.sql, "WHERE") {
				c.copyIn(x.sql+" WHERE true", x.data, size.piece) // not converted
			}
			if t.Failed() {
				t.Fatalf("with %q in pieces of %d, chunks of %d", x.data, size.piece, size.chunk)
			}
		}
	}
}

const nasty = `INSERT INTO people (id, name, email, age, born, photo, weight, seen, note) VALUES
	(1, 'canary', 'a', 1, '2001-02-03', '\x00ff', 0.1, '2020-01-02 03:04:05+00', 'plain'),
	(2, E'tab\there\\ back\nnl\rcr\b\f\x0b|', E'\\.', NULL, NULL, NULL, NULL, NULL, NULL),
	(3, '', '', -5, 'infinity', '', 'NaN', '-infinity', ''),
	(4, '\.', '\N', 0, '0044-03-15 BC', '\x5c27', 1e300, '1999-12-31 23:59:59.999999+00', E'\\.'),
	(5, 'a,"b"', '"', 7, '1999-01-01', '\x41', -0.0, '2020-06-01 00:00:00+00', '",'),
	(6, 'nil', 'é€', 8, '1999-01-01', '\xe501', 3, '2020-06-01 00:00:00+00', 'nil'),
	(7, 'x;y''z', 'e$5', 9, '1999-01-01', '\xff', 4, '2020-06-01 00:00:00+00', E'\\')`

var copyOutCases = []string{
	"COPY people TO STDOUT",
	"COPY people (id, name) TO STDOUT",
	"COPY people (name) TO STDOUT",
	"COPY people (email, note, id) TO STDOUT (HEADER)",
	"COPY people (id, note) TO STDOUT",
	"COPY people TO STDOUT WITH DELIMITER '|' NULL 'nil'",
	"COPY people TO STDOUT (DELIMITER ';', NULL '')",
	"COPY people TO STDOUT CSV",
	"COPY people TO STDOUT CSV HEADER",
	"COPY people (name) TO STDOUT CSV",
	"COPY people (email) TO STDOUT CSV",
	"COPY people TO STDOUT CSV NULL 'nil' FORCE QUOTE *",
	"COPY people TO STDOUT CSV NULL 'nil' FORCE QUOTE name, born, note",
	"COPY people TO STDOUT CSV QUOTE '''' ESCAPE '\\' DELIMITER ';'",
	"COPY people TO STDOUT CSV QUOTE 'e' ESCAPE '5' DELIMITER 'x'",
	"COPY people TO STDOUT (FORMAT csv, ENCODING 'WIN1252')",
	"COPY people (id, name) TO STDOUT (ENCODING 'LATIN1')",
	"COPY people (id, email) TO STDOUT (ENCODING 'LATIN1')",
	"COPY people TO STDOUT BINARY",
	"COPY people (note, name) TO STDOUT (FORMAT binary)",
	"COPY (SELECT id, name FROM people WHERE age = 1) TO STDOUT",
	"COPY (SELECT email FROM people ORDER BY id LIMIT 2) TO STDOUT CSV HEADER",
	"COPY (SELECT * FROM people WHERE id > 100) TO STDOUT (FORMAT binary)",
	"COPY (SELECT * FROM people WHERE id > 100) TO STDOUT (FORMAT csv, HEADER)",
	"COPY (UPDATE people SET note = 'changed' WHERE id = 2 RETURNING id, name, note) TO STDOUT",
	"COPY (INSERT INTO people (id, name) VALUES (50, 'canary') RETURNING *) TO STDOUT",
	"COPY (DELETE FROM people WHERE id = 50 RETURNING name) TO STDOUT CSV",
	"BEGIN; COPY people TO STDOUT; COPY orders TO STDOUT; SELECT 1; COMMIT",
	"COPY nosuch TO STDOUT",
	"COPY people TO STDOUT (FORMAT nonsense)",
}

func TestCopyOutIsExact(t *testing.T) {
	settings := []string{
		"SET bytea_output = hex",
		"SET bytea_output = escape; SET DateStyle = 'German, DMY'; SET TimeZone = 'Asia/Kolkata'; SET extra_float_digits = -3",
	}
	for _, chunk := range []int{32 << 10, 7} {
		c := newCopyTwin(t, chunk)
		c.same("TRUNCATE people")
		c.same(nasty)
		for _, set := range settings {
			for _, sql := range strings.Split(set, "; ") {
				c.same(sql)
			}
			for _, sql := range copyOutCases {
				c.same(sql)
				extended := wire.AppendParse(nil, "", sql, nil)
				extended = appendPlainBind(extended, "", "")
				extended = wire.AppendExecute(wire.AppendTarget(extended, wire.TypeDescribe, 'P', ""), "", 0)
				if want, got := c.ask(wire.AppendEmpty(extended, wire.TypeSync), "Z"); want != got {
					t.Errorf("%s, extended\nplain:\n%s\nsealed:\n%s", sql, want, got)
				}
				if t.Failed() {
					t.Fatal(set)
				}
			}
			c.same("DELETE FROM people WHERE id = 50")
		}
	}
}

// What COPY TO gives, COPY FROM takes.
func TestCopiesGoRound(t *testing.T) {
	c := newCopyTwin(t, 32<<10)
	for _, options := range []string{"", "CSV", "BINARY", "CSV QUOTE 'e' ESCAPE '5' DELIMITER 'x' NULL 'nul'", "DELIMITER '|' NULL 'nul'"} {
		c.same("TRUNCATE people")
		c.same(nasty)
		var data []byte
		c.sealed.send(wire.AppendQuery(nil, "COPY people TO STDOUT "+options))
		for in := []byte(nil); ; {
			in = append(in, c.sealed.receive()...)
			typ := byte(0)
			for {
				var size int
				if typ, size, _ = wire.Peek(in); size == 0 || size > len(in) {
					break
				}
				if typ == wire.TypeCopyData {
					data = append(data, in[wire.HeaderLen:size]...)
				}
				if in = in[size:]; typ == wire.TypeReadyForQuery {
					break
				}
			}
			if typ == wire.TypeReadyForQuery {
				break
			}
		}
		c.sealed.sent = nil
		for _, pieces := range []int{1 << 20, 3} {
			c.copyIn("COPY people FROM STDIN "+options, string(data), pieces)
		}
		if t.Failed() {
			t.Fatalf("%q: %q", options, data)
		}
	}
}

// version is the server's major version.
func (c *copyTwin) version() int {
	for _, s := range c.plain.settings {
		if s[0] == "server_version" {
			return majorVersion(s[1])
		}
	}
	c.t.Fatal("the server has no version")
	return 0
}

// Options that PostgreSQL has had since 16 (DEFAULT), 17 (ON_ERROR) and 18
// (REJECT_LIMIT).
var laterCopyInCases = []struct {
	since     int
	sql, data string
}{
	{16, "COPY people (id, name, email, note) FROM STDIN (DEFAULT '\\D')", "1\tcanary\t\\D\t\\D\n2\t\\\\D\tx\t\\D\n"},
	{16, "COPY people (id, name, email, note) FROM STDIN (DEFAULT '\\D')", "1\t\\D\tcanary\t\\D\n"},
	{16, "COPY people (id, name, email, age) FROM STDIN (DEFAULT '\\D')", "1\tcanary\t\\D\tcanary\n"},
	{16, "COPY people (id, age, name) FROM STDIN (DEFAULT '\\D')", "1\tcanary\t\\D\n"},
	{16, "COPY people (id, name, email, note) FROM STDIN (FORMAT csv, DEFAULT 'dd')", "1,canary,dd,dd\n2,\"dd\",x,\"dd\"\n3,\"d\"\"d\",,\n"},
	{17, "COPY people (id, name, age, note) FROM STDIN (ON_ERROR ignore)", "1\tcanary\t3\tx\n2\tcanary\tcanary\tx\nx\tcanary\t3\tx\n3\tcanary\t4\ty\n"},
	{17, "COPY people (id, age, name, note) FROM STDIN (ON_ERROR ignore, FORMAT csv)", "1,3,canary,x\n2,\"x\ncanary\",\"canary\n\",\"\n\"\n3,5,b\n"},
	{17, "COPY people (id, name, age, note) FROM STDIN (ON_ERROR ignore)", "1\tcanary\tcanary\tx\textra\n"},
	{17, "COPY people (id, name, note) FROM STDIN (FORMAT csv, FORCE_NULL *, NULL 'nil')", "1,\"canary\",\"nil\"\n"},
	{18, "COPY people (id, name, age, note) FROM STDIN (ON_ERROR ignore, REJECT_LIMIT 1)", "1\tcanary\tcanary\tx\n2\tcanary\tcanary two\tx\n"},
}

func TestCopyInOfLaterVersions(t *testing.T) {
	for _, size := range []struct{ chunk, piece int }{{32 << 10, 1 << 20}, {7, 5}} {
		c := newCopyTwin(t, size.chunk)
		version := c.version()
		if version < 16 {
			t.Skip("this server has none of these options")
		}
		w := newWorld(t)
		email := twinColumns()[1]
		for _, side := range []struct {
			db   *direct
			sets string
		}{
			{c.plain, "'given'"},
			{connectTo(t, sealedDB), fmt.Sprintf("'\\x%x'", w.seal(email, keyActive, "given"))},
		} {
			side.db.send(wire.AppendQuery(nil, "ALTER TABLE people ALTER note SET DEFAULT 'usual', ALTER email SET DEFAULT "+side.sets))
			if got := answersTo(t, side.db, "Z"); !strings.HasPrefix(got, "CommandComplete") {
				t.Fatal(got)
			}
		}
		for _, x := range laterCopyInCases {
			if version < x.since {
				continue
			}
			if x.since > 16 {
				c.same("ALTER TABLE people ALTER email DROP DEFAULT")
			}
			c.copyIn(x.sql, x.data, size.piece)
			if t.Failed() {
				t.Fatalf("with %q", x.data)
			}
		}
		c.same("ALTER TABLE people ALTER note DROP DEFAULT, ALTER email DROP DEFAULT")
	}
}
