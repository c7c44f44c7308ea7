package session

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"pgseal/wire"
)

var update = flag.Bool("update", false, "write what the scripts give as what they should give")

// A script has one frame a line, from the client or from the server, and below
// it, indented, what the session makes of it. Values: NULL, "quoted",
// 0x01ab, env(column, text[, key]) and term(column, text); hex(…) of one of
// those is its text as PostgreSQL prints a bytea.
//
//	client Query "SELECT ssn FROM users"
//	  to server: Query "SELECT ssn FROM users"
//	server CommandComplete "SELECT 0"
//	  to client: CommandComplete "SELECT 0"
//
// Other lines: "new", "keys" (open the usual data keys), "set name value",
// "key n" (what an engine does for need key n), "catalog n" (what it does for
// need catalog: the snapshot gets version n), "behind" (another session has moved
// something), "nothing" (is sealed any more),
// "unsealed n" (ssn is plain in version n), "lost" (no snapshot can be had), "other schema" (archive.users, where ssn is plain),
// "elsewhere" (users is in schema archive only), "again client|server",
// "idle", "# …".
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := runScript(t, string(text))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			diffLines(t, string(text), got)
		})
	}
}

func diffLines(t *testing.T, want, got string) {
	t.Helper()
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range max(len(w), len(g)) {
		var a, b string
		if i < len(w) {
			a = w[i]
		}
		if i < len(g) {
			b = g[i]
		}
		if a != b {
			t.Fatalf("line %d:\n got %s\nwant %s", i+1, b, a)
		}
	}
}

// scripted runs one script.
type scripted struct {
	*world
	out            Output
	client, server []byte // not consumed yet
	log            strings.Builder
}

func runScript(t *testing.T, text string) string {
	r := &scripted{}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if strings.HasPrefix(line, "  ") {
			continue // what it gave before
		}
		r.log.WriteString(line + "\n")
		if line == "" || line[0] == '#' {
			continue
		}
		if line == "new" {
			r.world = newWorld(t)
			r.moved = func() { r.log.WriteString("  moved\n") }
			r.client, r.server = nil, nil
			continue
		}
		if r.world == nil {
			t.Fatal("a script begins with new")
		}
		r.line(line)
	}
	return r.log.String()
}

func (r *scripted) line(line string) {
	word, rest, _ := strings.Cut(line, " ")
	fields := r.fields(rest)
	switch word {
	case "keys":
		r.openKeys()
	case "key":
		n, _ := strconv.Atoi(rest)
		r.openKey(uint32(n))
	case "catalog":
		n, _ := strconv.Atoi(rest)
		r.snapshot, r.behind = testSnapshot(uint64(n)), false
	case "behind":
		r.behind = true
	case "nothing":
		r.snapshot = emptySnapshot()
	case "unsealed":
		n, _ := strconv.Atoi(rest)
		r.snapshot = unsealedSnapshot(uint64(n))
	case "lost":
		r.snapshot, r.stale = nil, errors.New("the database is out of reach")
	case "elsewhere":
		r.snapshot = testSnapshot(60)
		for _, relation := range r.snapshot.Named("users") {
			relation.Schema = "archive"
		}
	case "other":
		r.snapshot = testSnapshot(50, archive())
	case "process": // of the server; statements are guarded by the names of domains
		n, _ := strconv.Atoi(rest)
		r.session.SetProcess(uint32(n))
		r.snapshot.Version += 1000
		for _, c := range testColumns() {
			r.snapshot.Column(c.ID).DomainName = "users_" + c.Name
		}
	case "set":
		r.session.SetParameter(string(fields[0].bytes), string(fields[1].bytes))
	case "client":
		r.client = append(r.client, r.clientFrame(fields)...)
		r.feed(true)
	case "server":
		r.server = append(r.server, r.serverFrame(fields)...)
		r.feed(false)
	case "again":
		r.feed(rest == "client")
	case "idle":
		fmt.Fprintf(&r.log, "  %v\n", r.session.Idle())
	default:
		r.t.Fatalf("unknown line %q", line)
	}
}

// feed gives the session what it has not consumed, and logs what it makes of it.
func (r *scripted) feed(client bool) {
	in, call := &r.server, r.session.FromServer
	if client {
		in, call = &r.client, r.session.FromClient
	}
	n, need, err := call(*in, &r.out)
	r.logFrames("to server", r.out.ToServer(), true)
	r.logFrames("to client", r.out.ToClient(), false)
	*in = bytes.Clone((*in)[n:])
	switch need.Kind {
	case NeedKey:
		fmt.Fprintf(&r.log, "  need key %d\n", need.Key)
	case NeedBytes:
		fmt.Fprintf(&r.log, "  need %d bytes\n", need.Bytes)
	case NeedServer:
		fmt.Fprintf(&r.log, "  need server\n")
	case NeedCatalog:
		if need.Moved {
			fmt.Fprintf(&r.log, "  need catalog behind what has moved\n")
		} else {
			fmt.Fprintf(&r.log, "  need catalog\n")
		}
	}
	if err != nil {
		e := err.(*wire.Error)
		fmt.Fprintf(&r.log, "  %s %s %s\n", e.Severity, e.Code, e.Message)
	}
}

func (r *scripted) logFrames(to string, chunks [][]byte, server bool) {
	b := bytes.Join(chunks, nil)
	for len(b) > 0 {
		_, size, err := wire.Peek(b)
		if err != nil || size == 0 || size > len(b) {
			fmt.Fprintf(&r.log, "  %s: part of a frame, %d bytes\n", to, len(b))
			return
		}
		fmt.Fprintf(&r.log, "  %s: %s\n", to, r.show(b[:size], server))
		b = b[size:]
	}
}

// field is one word of a line: bytes, or NULL.
type field struct {
	word  string // as written
	bytes []byte // nil is NULL
}

var fieldPattern = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|hex\((?:env|term)\([^)]*\)\)|(?:env|term)\([^)]*\)|[^ ]+`)

func (r *scripted) fields(line string) (out []field) {
	for _, w := range fieldPattern.FindAllString(line, -1) {
		out = append(out, field{w, r.value(w)})
	}
	return out
}

func (r *scripted) value(w string) []byte {
	switch {
	case w == "NULL":
		return nil
	case w[0] == '"':
		s, err := strconv.Unquote(w)
		if err != nil {
			r.t.Fatalf("%s: %v", w, err)
		}
		return append([]byte{}, s...)
	case strings.HasPrefix(w, "hex("):
		return append([]byte(`\x`), hex.EncodeToString(r.value(w[4:len(w)-1]))...)
	case strings.HasPrefix(w, "env("), strings.HasPrefix(w, "term("):
		kind, args, _ := strings.Cut(strings.TrimSuffix(w, ")"), "(")
		a := strings.Split(args, ", ")
		c := r.column(a[0])
		if kind == "term" {
			return r.term(c, a[1])
		}
		key := keyActive
		if len(a) > 2 {
			key, _ = strconv.Atoi(a[2])
		}
		return r.seal(c, uint32(key), a[1])
	case strings.HasPrefix(w, "0x"):
		b, err := hex.DecodeString(w[2:])
		if err != nil {
			r.t.Fatalf("%s: %v", w, err)
		}
		return b
	}
	return []byte(w)
}

func (r *scripted) number(f field) int {
	n, err := strconv.Atoi(f.word)
	if err != nil {
		r.t.Fatalf("%s is no number", f.word)
	}
	return n
}

// numbers reads 1,2,3 or - for none.
func (r *scripted) numbers(f field) (out []int) {
	if f.word == "-" {
		return nil
	}
	for _, w := range strings.Split(f.word, ",") {
		n, err := strconv.Atoi(w)
		if err != nil {
			r.t.Fatalf("%s is no number", w)
		}
		out = append(out, n)
	}
	return out
}

// clientFrame writes a frame of the client.
//
//	Query text · Parse name text types · Bind portal statement formats results value… ·
//	Describe S|P name · Execute portal rows · Close S|P name · Sync · Flush ·
//	Terminate · CopyData bytes · CopyDone · CopyFail text · FunctionCall [function value…] ·
//	raw bytes
func (r *scripted) clientFrame(f []field) []byte {
	switch f[0].word {
	case "Query":
		return wire.AppendQuery(nil, f[1].bytes)
	case "Parse":
		var types []uint32
		for _, n := range r.numbers(f[3]) {
			types = append(types, uint32(n))
		}
		return wire.AppendParse(nil, f[1].bytes, string(f[2].bytes), types)
	case "Bind":
		b, start := wire.Begin(nil, 'B')
		b = wire.AppendCString(wire.AppendCString(b, f[1].bytes), f[2].bytes)
		b = r.appendInt16s(b, f[3])
		b = wire.AppendCount(b, len(f)-5)
		for _, v := range f[5:] {
			b = wire.AppendValue(b, v.bytes)
		}
		return wire.End(r.appendInt16s(b, f[4]), start)
	case "Describe":
		return wire.AppendTarget(nil, 'D', f[1].word[0], f[2].bytes)
	case "Close":
		return wire.AppendTarget(nil, 'C', f[1].word[0], f[2].bytes)
	case "Execute":
		return wire.AppendExecute(nil, f[1].bytes, uint32(r.number(f[2])))
	case "Sync", "Flush", "Terminate", "CopyDone":
		return wire.AppendEmpty(nil, map[string]byte{"Sync": 'S', "Flush": 'H', "Terminate": 'X', "CopyDone": 'c'}[f[0].word])
	case "FunctionCall":
		b, start := wire.Begin(nil, 'F')
		args := f[min(2, len(f)):]
		if len(f) > 1 {
			b = wire.AppendOID(b, uint32(r.number(f[1])))
		} else {
			b = wire.AppendOID(b, 0)
		}
		b = wire.AppendCount(wire.AppendCount(b, 0), len(args)) // all in text
		for _, v := range args {
			b = wire.AppendValue(b, v.bytes)
		}
		return wire.End(wire.AppendInt16(b, wire.Text), start)
	case "CopyData":
		return r.frame('d', f[1].bytes)
	case "CopyFail":
		return r.frame('f', append(f[1].bytes, 0))
	case "raw":
		return f[1].bytes
	}
	r.t.Fatalf("unknown client frame %q", f[0].word)
	return nil
}

func (r *scripted) appendInt16s(b []byte, f field) []byte {
	n := r.numbers(f)
	b = wire.AppendCount(b, len(n))
	for _, v := range n {
		b = wire.AppendInt16(b, int16(v))
	}
	return b
}

func (r *scripted) frame(typ byte, body []byte) []byte {
	b, start := wire.Begin(nil, typ)
	return wire.End(append(b, body...), start)
}

// bodiless are the server's frames without a body.
var bodiless = map[string]byte{
	"ParseComplete": '1', "BindComplete": '2', "CloseComplete": '3', "NoData": 'n',
	"PortalSuspended": 's', "EmptyQueryResponse": 'I', "CopyDone": 'c',
}

// serverFrame writes a frame of the server.
//
//	RowDescription name:table:attribute:type:length:typmod:format… ·
//	DataRow value… · CommandComplete tag · ReadyForQuery I|T|E ·
//	ParameterDescription types · ErrorResponse code message [D:detail] [P:position]… ·
//	ParameterStatus name value · NoticeResponse code message · CopyInResponse · CopyOutResponse ·
//	CopyData bytes · NotificationResponse · those of bodiless · raw bytes
func (r *scripted) serverFrame(f []field) []byte {
	if typ, ok := bodiless[f[0].word]; ok {
		return wire.AppendEmpty(nil, typ)
	}
	switch f[0].word {
	case "RowDescription":
		b, start := wire.Begin(nil, 'T')
		b = wire.AppendCount(b, len(f)-1)
		for _, c := range f[1:] {
			p := strings.Split(c.word, ":")
			n := make([]int, 7)
			for i := 1; i < 7; i++ {
				n[i], _ = strconv.Atoi(p[i])
			}
			fd := wire.Field{Name: []byte(p[0]), Table: uint32(n[1]), AttNum: int16(n[2]), Type: uint32(n[3]), TypLen: int16(n[4]), TypMod: int32(n[5]), Format: int16(n[6])}
			b = fd.Append(b)
		}
		return wire.End(b, start)
	case "DataRow":
		b, start := wire.Begin(nil, 'D')
		b = wire.AppendCount(b, len(f)-1)
		for _, v := range f[1:] {
			b = wire.AppendValue(b, v.bytes)
		}
		return wire.End(b, start)
	case "CommandComplete":
		return r.frame('C', append(f[1].bytes, 0))
	case "ReadyForQuery":
		return r.frame('Z', f[1].bytes)
	case "ParameterDescription":
		types := r.numbers(f[1])
		b := wire.AppendCount(nil, len(types))
		for _, n := range types {
			b = wire.AppendOID(b, uint32(n))
		}
		return r.frame('t', b)
	case "ErrorResponse", "NoticeResponse":
		typ, severity := byte('E'), "ERROR"
		if f[0].word == "NoticeResponse" {
			typ, severity = 'N', "NOTICE"
		}
		b := wire.AppendErrorField(nil, 'S', severity)
		b = wire.AppendErrorField(b, 'V', severity)
		b = wire.AppendErrorField(b, 'C', f[1].bytes)
		b = wire.AppendErrorField(b, 'M', f[2].bytes)
		for _, x := range f[3:] {
			b = wire.AppendErrorField(b, x.bytes[0], x.bytes[2:])
		}
		return r.frame(typ, append(b, 0))
	case "ParameterStatus":
		return r.frame('S', wire.AppendCString(wire.AppendCString(nil, f[1].bytes), f[2].bytes))
	case "CopyInResponse":
		return r.frame('G', []byte{0, 0, 0})
	case "CopyOutResponse":
		return r.frame('H', []byte{0, 0, 0})
	case "CopyData":
		return r.frame('d', f[1].bytes)
	case "NotificationResponse":
		return r.frame('A', []byte("\x00\x00\x00\x01channel\x00payload\x00"))
	case "raw":
		return f[1].bytes
	}
	r.t.Fatalf("unknown server frame %q", f[0].word)
	return nil
}
