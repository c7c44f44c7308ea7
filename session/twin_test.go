package session

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"pgseal/catalog"
	"pgseal/envelope"
	"pgseal/extension"
	"pgseal/integration/pgtest"
	"pgseal/keycache"
	"pgseal/logical"
	"pgseal/wire"
)

// twinServer is a real PostgreSQL with two databases of the same tables, one of
// them with the sealed columns of twinColumns.
type twinServer struct {
	*pgtest.Cluster
	snapshot *catalog.Snapshot // of the sealed database
}

// twins starts the server for the first test that needs it. Fuzzing does not,
// and must not start one for each of its processes.
var (
	twins        = sync.OnceValues(startTwins)
	twinsStarted atomic.Bool
)

const (
	plainDB  = "plain"
	sealedDB = "sealed"
)

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	status := m.Run()
	if !twinsStarted.Load() {
		return status
	}
	if s, err := twins(); err == nil {
		if err := s.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return status
}

func startTwins() (*twinServer, error) {
	twinsStarted.Store(true)
	ctx := context.Background()
	c, err := pgtest.Start(ctx, pgtest.Options{})
	if err != nil {
		return nil, err
	}
	snapshot, err := makeTwins(ctx, c)
	if err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	return &twinServer{c, snapshot}, nil
}

// twinTables make both databases; %s stands for the type of a sealed column.
const twinTables = `
CREATE TABLE people (
	id int4 PRIMARY KEY,
	name %[1]s NOT NULL,
	email %[2]s,
	age %[3]s,
	born %[4]s,
	photo %[5]s,
	weight %[6]s,
	seen %[7]s,
	note text);
CREATE TABLE orders (id int4 PRIMARY KEY, total int4, raw bytea);
INSERT INTO orders VALUES (1, 100, '\x00ff'), (2, 200, NULL);
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$;
CREATE TABLE refusing (id int4);
CREATE TABLE late (n int4 UNIQUE DEFERRABLE INITIALLY DEFERRED);
CREATE FUNCTION late(int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN
	INSERT INTO late VALUES (nullif($1, 0));
	IF $1 > 1000 THEN PERFORM pg_notify('late', $1::text); PERFORM set_config('application_name', 'late ' || $1, false); END IF;
	RETURN $1;
END $$;
CREATE FUNCTION notice(int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'row %%', $1; RETURN $1; END $$;
CREATE SCHEMA archive;
CREATE TABLE pets (id int4, name %[1]s);
CREATE TABLE archive.pets (id int4, name text);
INSERT INTO archive.pets VALUES (7, 'old');
CREATE TRIGGER refuse BEFORE INSERT ON refusing FOR EACH STATEMENT EXECUTE FUNCTION refuse();
`

// twinColumns are the sealed columns of people, in the order of twinTables.
func twinColumns() []*catalog.SealedColumn {
	column := func(id uint32, name string, oid uint32, typmod int32, terms envelope.TermFlags) *catalog.SealedColumn {
		c := sealedColumn(id, name, logical.Type{OID: oid, Typmod: typmod}, terms)
		c.Table = "people"
		return c
	}
	return []*catalog.SealedColumn{
		column(101, "name", logical.OIDText, -1, envelope.TermEquality),
		column(102, "email", logical.OIDVarchar, 24, envelope.TermEquality),
		column(103, "age", logical.OIDInt4, -1, envelope.TermEquality),
		column(104, "born", logical.OIDDate, -1, envelope.TermEquality),
		column(105, "photo", logical.OIDBytea, -1, 0),
		column(106, "weight", logical.OIDFloat8, -1, 0),
		column(107, "seen", logical.OIDTimestamptz, -1, 0),
	}
}

// makeTwins makes the two databases and the snapshot of the sealed one.
func makeTwins(ctx context.Context, c *pgtest.Cluster) (*catalog.Snapshot, error) {
	columns := twinColumns()
	var types, domains []any
	for _, col := range columns {
		types = append(types, col.Type.Name())
		domains = append(domains, "pgseal_column.people_"+col.Name)
	}
	for _, db := range []string{plainDB, sealedDB} {
		if err := c.CreateDatabase(ctx, db); err != nil {
			return nil, err
		}
	}
	if err := c.Exec(ctx, plainDB, fmt.Sprintf(twinTables, types...)+"CREATE UNIQUE INDEX people_email_key ON people (email);"); err != nil {
		return nil, err
	}
	conn, err := pgx.Connect(ctx, c.DSN(sealedDB, pgtest.Superuser))
	if err != nil {
		return nil, err
	}
	defer conn.Close(ctx)
	if _, err := extension.Install(ctx, conn); err != nil {
		return nil, err
	}
	for _, col := range columns {
		sql := fmt.Sprintf("CREATE DOMAIN pgseal_column.people_%s AS bytea CHECK (pgseal.is_envelope(VALUE, %d, %d))", col.Name, col.ID, col.Terms)
		if _, err := conn.Exec(ctx, sql); err != nil {
			return nil, err
		}
	}
	if err := c.Exec(ctx, sealedDB, fmt.Sprintf(twinTables, domains...)+"CREATE UNIQUE INDEX people_email_key ON people (pgseal.eq(email));"); err != nil {
		return nil, err
	}
	return readTwin(ctx, conn, columns)
}

func readTwin(ctx context.Context, conn *pgx.Conn, columns []*catalog.SealedColumn) (*catalog.Snapshot, error) {
	rows, err := conn.Query(ctx, `SELECT c.oid, c.relnamespace::regnamespace::text, c.relname, a.attnum, a.attname, a.atttypid
		FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
		WHERE c.relnamespace::regnamespace::text IN ('public', 'archive') AND c.relkind = 'r' AND a.attnum > 0
		ORDER BY c.oid, a.attnum`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var relations []*catalog.Relation
	for rows.Next() {
		var oid, typ uint32
		var schema, table, name string
		var att int16
		if err := rows.Scan(&oid, &schema, &table, &att, &name, &typ); err != nil {
			return nil, err
		}
		if n := len(relations); n == 0 || relations[n-1].OID != oid {
			relations = append(relations, &catalog.Relation{OID: oid, Schema: schema, Name: table, Kind: 'r'})
		}
		r := relations[len(relations)-1]
		col := catalog.Column{AttNum: att, Name: name, TypeOID: typ}
		for _, c := range columns {
			if schema == "public" && (table == "people" || table == "pets") && c.Name == name {
				c.Domain, col.Sealed = typ, c
			}
		}
		r.Columns = append(r.Columns, col)
		if schema == "public" && table == "people" && name == "email" {
			r.Uniques = []catalog.Unique{{Name: "people_email_key", Columns: []string{"email"}}}
		}
	}
	return catalog.New(77, catalog.Contents{Relations: relations, ActiveKeys: map[uint32]uint32{1: keyActive}}), rows.Err()
}

// peer is a connection to PostgreSQL, direct or through a session.
type peer interface {
	send(b []byte)
	// receive gives what has come from the server after waiting for more.
	receive() []byte
}

// direct is a connection without pgseal.
type direct struct {
	t    testing.TB
	conn net.Conn
	buf  []byte
	// settings are what the startup reported.
	settings [][2]string
}

func connectTo(t testing.TB, database string) *direct {
	server, err := twins()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", server.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	d := &direct{t: t, conn: conn, buf: make([]byte, 32<<10)}
	start := []byte{0, 0, 0, 0, 0, 3, 0, 0}
	for _, w := range []string{"user", pgtest.Superuser, "database", database, "client_encoding", "UTF8"} {
		start = wire.AppendCString(start, w)
	}
	start = append(start, 0)
	binary.BigEndian.PutUint32(start, uint32(len(start)))
	d.send(start)
	var in []byte
	for {
		in = append(in, d.receive()...)
		for {
			typ, size, err := wire.Peek(in)
			if err != nil {
				t.Fatal(err)
			}
			if size == 0 || size > len(in) {
				break
			}
			body := in[wire.HeaderLen:size]
			in = in[size:]
			switch typ {
			case wire.TypeParameterStatus:
				name, value, _ := wire.ParseParameterStatus(body)
				d.settings = append(d.settings, [2]string{string(name), string(value)})
			case wire.TypeErrorResponse:
				t.Fatalf("startup: %q", body)
			case wire.TypeReadyForQuery:
				return d
			}
		}
	}
}

func (d *direct) send(b []byte) {
	if _, err := d.conn.Write(b); err != nil {
		d.t.Fatal(err)
	}
}

func (d *direct) receive() []byte {
	if err := d.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		d.t.Fatal(err)
	}
	n, err := d.conn.Read(d.buf)
	if err != nil && err != io.EOF {
		d.t.Fatal(err)
	}
	if n == 0 {
		d.t.Fatal("the server has closed the connection")
	}
	return d.buf[:n]
}

// through is a connection through a session: the smallest engine there can be.
type through struct {
	*world
	server         *direct
	out            Output
	pending        []byte // of the client, not consumed
	unread         []byte // of the server, not consumed
	sent, received []byte // all that went to the server; what is for the client
	chunk          int    // how many bytes of either side the session sees at once
}

func connectThrough(t testing.TB, chunk int) *through {
	w := newWorld(t)
	p := &through{world: w, server: connectTo(t, sealedDB), chunk: chunk}
	server, err := twins()
	if err != nil {
		t.Fatal(err)
	}
	w.snapshot = server.snapshot
	w.session = New(Config{
		Planner: planner(),
		Catalog: func() (*catalog.Snapshot, error) { return w.snapshot, nil },
		Keys:    func(id uint32) (keycache.Lease, bool) { return w.cache.Try(keycache.ID{Key: id}) },
	})
	for _, s := range p.server.settings {
		w.session.SetParameter(s[0], s[1])
	}
	return p
}

// step gives one side's bytes to the session until it wants more of them.
func (p *through) step(client bool, in []byte) (rest []byte) {
	for {
		call := p.session.FromServer
		if client {
			call = p.session.FromClient
		}
		n, need, err := call(in, &p.out)
		if err != nil {
			p.t.Fatalf("protocol violation: %v", err)
		}
		for _, c := range p.out.ToServer() {
			p.sent = append(p.sent, c...)
			p.server.send(c)
		}
		for _, c := range p.out.ToClient() {
			p.received = append(p.received, c...)
		}
		in = in[n:]
		switch need.Kind {
		case NeedKey:
			p.openKey(need.Key)
		case NeedCatalog:
		default:
			return bytes.Clone(in)
		}
	}
}

func (p *through) send(b []byte) {
	for len(b) > 0 {
		n := min(len(b), p.chunk)
		p.pending = p.step(true, append(p.pending, b[:n]...))
		b = b[n:]
	}
}

func (p *through) receive() []byte {
	for len(p.received) == 0 {
		for b := p.server.receive(); len(b) > 0; {
			n := min(len(b), p.chunk)
			p.unread = p.step(false, append(p.unread, b[:n]...))
			p.pending = p.step(true, p.pending)
			b = b[n:]
		}
	}
	b := p.received
	p.received = nil
	return b
}

// The same frames, sent to PostgreSQL directly on plain tables and through a
// session on sealed ones, give the same answers; and the canary never leaves.
func TestTwin(t *testing.T) {
	files, err := filepath.Glob("testdata/twin/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, chunk := range []int{32 << 10, 7} {
				sealed := connectThrough(t, chunk)
				runTwin(t, string(text), connectTo(t, plainDB), sealed)
				if bytes.Contains(sealed.sent, []byte("canary")) {
					t.Error("a plaintext went to the server")
				}
			}
		})
	}
}

// runTwin runs a script: client frames as in TestScripts, and
//
//	await         until ReadyForQuery for everything sent
//	await n X     until n frames of type X
func runTwin(t *testing.T, text string, plain, sealed peer) {
	t.Helper()
	if batch, want, got := compareTwin(t, text, plain, sealed); got != want {
		t.Fatalf("after\n%s\nplain:\n%s\nsealed:\n%s", batch, want, got)
	}
}

// compareTwin is runTwin up to the first difference, which it gives with the frames
// before it.
func compareTwin(t *testing.T, text string, plain, sealed peer) (sent, want, got string) {
	r := &scripted{world: newWorld(t)}
	var batch []string
	asked := 0
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		word, rest, _ := strings.Cut(line, " ")
		switch word {
		case "", "#":
		case "client":
			frame := r.clientFrame(r.fields(rest))
			batch = append(batch, line)
			if strings.ContainsRune("QSF", rune(frame[0])) {
				asked++
			}
			plain.send(frame)
			sealed.send(frame)
		case "await":
			n, typ := asked, byte('Z')
			if rest != "" {
				if _, err := fmt.Sscanf(rest, "%d %c", &n, &typ); err != nil {
					t.Fatal(err)
				}
			} else {
				asked = 0
			}
			want := answers(t, plain, n, typ)
			got := answers(t, sealed, n, typ)
			got = strings.ReplaceAll(got, ` "H:`+hintNewerSyntax+`"`, "") // on servers of which the parser is older
			if got != want {
				return strings.Join(batch, "\n"), want, got
			}
			batch = nil
		default:
			t.Fatalf("unknown line %q", line)
		}
	}
	return "", "", ""
}

var tableOID = regexp.MustCompile(`(RowDescription|[ ])([^ :]+):[1-9][0-9]{4,}:`)

// answers reads until n frames of a type have come, and prints what came in
// the way both sides should print it.
func answers(t *testing.T, p peer, n int, until byte) string {
	var in []byte
	var out strings.Builder
	r := &scripted{world: &world{t: t}}
	for n > 0 {
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
			line = tableOID.ReplaceAllString(line, "$1$2:t:")
			line = serverSource.ReplaceAllString(line, "")
			out.WriteString(line + "\n")
			if in = in[size:]; typ == until {
				n--
			}
		}
	}
	if len(in) > 0 {
		t.Fatalf("%d bytes left over", len(in))
	}
	return out.String()
}

// serverSource are the fields of an error that name the server's source code.
var serverSource = regexp.MustCompile(` "[FLR]:[^"]*"`)
