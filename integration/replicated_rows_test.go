package integration

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"pgseal/integration/harness"
	"pgseal/integration/pgtest"
)

// published is what a stream of rows has in it: a column of each kind of type.
const published = `CREATE TYPE mood AS ENUM ('glad', 'sad');
CREATE DOMAIN short AS varchar(10);
CREATE TABLE users (id int PRIMARY KEY, plain text, t text, v varchar(20), n numeric(10,2), at timestamptz, raw bytea, m mood, ms mood[], s short, b bool, doc jsonb, list int[]);
CREATE TABLE whole (id int, t text, note text);
ALTER TABLE whole REPLICA IDENTITY FULL;
CREATE TABLE other (id int PRIMARY KEY, t text);
CREATE TABLE done (id int PRIMARY KEY);
CREATE PUBLICATION everything FOR ALL TABLES`

var publishedColumns = []string{"users.t --equality", "users.v", "users.n --equality", "users.at", "users.raw", "users.m --equality", "users.ms", "users.s", "users.b", "users.doc", "users.list", "whole.t --equality"}

// publishing is a server with a plain database and one with sealed columns, twins but for
// that, and what tells both to do something.
func publishing(t *testing.T) (c *pgtest.Cluster, plain, through string, both func(t *testing.T, sql string)) {
	t.Helper()
	ctx := t.Context()
	env := harness.Shared(t)
	c, err := harness.StartCluster(ctx, pgtest.Options{BinDir: env.Sealed.Binaries.Dir, Settings: map[string]string{"wal_level": "logical", "logical_decoding_work_mem": "64kB"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Stop() })
	for _, name := range []string{"twin", "source"} {
		if err := c.CreateDatabase(ctx, name); err != nil {
			t.Fatal(err)
		}
		if err := c.Exec(ctx, name, "ALTER ROLE "+harness.Owner+" SUPERUSER; ALTER DATABASE "+name+" OWNER TO "+harness.Owner); err != nil {
			t.Fatal(err)
		}
		on(t, c.DSN(name, harness.Owner), published)
	}
	proxy := sealedProxy(t, c, "source", publishedColumns...)
	plain, through = c.DSN("twin", harness.Owner), throughProxy(t, c.DSN("source", harness.Owner), proxy)
	return c, plain, through, func(t *testing.T, sql string) {
		t.Helper()
		on(t, plain, sql)
		on(t, through, sql)
	}
}

func on(t *testing.T, url, sql string) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context()) // what cleans up runs behind the end of that
	conn, err := pgconn.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	if err := conn.Exec(ctx, sql).Close(); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// writes are the statements whose rows are streamed. The long one is sent before it ends.
var writes = []string{
	`INSERT INTO users VALUES (1, 'p', 'CANARY', 'v', 1.5, '2024-05-06 07:08:09.5+02', '\x00ff5c', 'glad', '{sad,NULL}', 'short', true, '{"a": 1}', '{1,2}'); INSERT INTO users (id) VALUES (2)`,
	`UPDATE users SET plain = 'q', t = 'CANARY''s' WHERE id = 1; UPDATE users SET id = 3 WHERE id = 2`,
	`BEGIN; INSERT INTO whole VALUES (1, 'CANARY', 'n'); UPDATE whole SET t = NULL; DELETE FROM whole; DELETE FROM users WHERE id = 3; INSERT INTO other VALUES (1, 'o'); COMMIT`,
	`INSERT INTO whole SELECT g, 'a', 'note' FROM generate_series(1, 2000) g`,
	`TRUNCATE whole`,
	`INSERT INTO done VALUES (1)`,
}

// The rows that a stream of pgoutput has through pgseal are those of the plain database,
// in all versions of its protocol, in text and in binary.
func TestStreamsOfLogicalReplicationAreOpened(t *testing.T) {
	_, plain, through, both := publishing(t)
	word := harness.Shared(t).Canaries.Text()
	for _, options := range []string{"", ", binary 'true'", ", streaming 'on', messages 'true'"} {
		t.Run(options, func(t *testing.T) {
			version := "1"
			if options != "" {
				version = "2"
			}
			both(t, "TRUNCATE users, whole, other, done")
			twin, sealed := openStream(t, plain, version, options), openStream(t, through, version, options)
			for _, sql := range writes {
				both(t, strings.ReplaceAll(sql, "CANARY", word))
			}
			want, got := twin.read(t), sealed.read(t)
			for i := range max(len(want), len(got)) {
				if i >= len(want) || i >= len(got) || want[i] != got[i] {
					t.Fatalf("message %d of %d and %d\nplain:  %s\nsealed: %s", i, len(want), len(got), want[min(i, len(want)-1)], got[min(i, len(got)-1)])
				}
			}
			if !slices.ContainsFunc(got, func(m string) bool { return strings.Contains(m, word) }) {
				t.Error("nothing of what was written is in the stream")
			}
		})
	}
}

var slots atomic.Int32

// rows is a stream being read.
type rows struct {
	conn  *pgconn.PgConn
	types map[uint32]string
	names map[uint32]string // of relations
	said  map[string]bool
	mood  []byte // the OID of the enum
	chunk bool
}

func openStream(t *testing.T, url, version, options string) *rows {
	t.Helper()
	ctx := t.Context()
	r := &rows{types: map[uint32]string{}, names: map[uint32]string{}, said: map[string]bool{}}
	db, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(context.WithoutCancel(ctx))
	found, err := db.Query(ctx, "SELECT oid, format_type(oid, NULL) FROM pg_type")
	if err != nil {
		t.Fatal(err)
	}
	var oid uint32
	var name string
	if _, err := pgx.ForEachRow(found, []any{&oid, &name}, func() error {
		if r.types[oid] = name; name == "mood" {
			r.mood = binary.BigEndian.AppendUint32(nil, oid)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	separator := "?"
	if strings.Contains(url, "?") {
		separator = "&"
	}
	if r.conn, err = pgconn.Connect(ctx, url+separator+"replication=database&datestyle=SQL,DMY&timezone=Asia/Tokyo"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.conn.Close(context.WithoutCancel(ctx)) })
	name = fmt.Sprintf("slot_%d", slots.Add(1))
	if err := r.conn.Exec(ctx, "CREATE_REPLICATION_SLOT "+name+" TEMPORARY LOGICAL pgoutput").Close(); err != nil {
		t.Fatal(err)
	}
	r.conn.Frontend().SendQuery(&pgproto3.Query{String: fmt.Sprintf("START_REPLICATION SLOT %s LOGICAL 0/0 (proto_version '%s', publication_names 'everything'%s)", name, version, options)})
	if err := r.conn.Frontend().Flush(); err != nil {
		t.Fatal(err)
	}
	return r
}

// read reads the stream up to the row of the table done. What differs between two
// databases is left out: places, times, numbers of transactions, relations and types.
func (r *rows) read(t *testing.T) (said []string) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	for {
		message, err := r.conn.ReceiveMessage(ctx)
		if err != nil {
			t.Fatalf("%v, behind %q", err, said)
		}
		switch m := message.(type) {
		case *pgproto3.ErrorResponse:
			t.Fatalf("%s (%s), behind %q", m.Message, m.Detail, said)
		case *pgproto3.CopyData:
			if m.Data[0] != 'w' {
				continue
			}
			text := r.show(m.Data[25:])
			switch kind := text[0]; {
			case strings.IndexByte("BCSE", kind) >= 0: // pgseal has transactions of its own, which are empty, and parts go by size
			case (kind == 'R' || kind == 'Y') && r.said[text]: // said again when the server sees fit
			default:
				said = append(said, text)
			}
			r.said[text] = true
			if strings.HasPrefix(text, "I done") {
				return said
			}
		}
	}
}

func (r *rows) show(b []byte) string {
	kind := b[0]
	b = b[1:]
	take := func(n int) []byte {
		v := b[:n]
		b = b[n:]
		return v
	}
	number := func() int { return int(binary.BigEndian.Uint32(take(4))) }
	text := func() string {
		end := strings.IndexByte(string(b), 0)
		return string(take(end + 1)[:end])
	}
	switch kind {
	case 'S', 'E':
		r.chunk = kind == 'S'
	case 'R', 'Y', 'I', 'U', 'D':
		if r.chunk {
			take(4)
		}
	}
	switch kind {
	case 'Y':
		number()
		return fmt.Sprintf("Y %s.%s", text(), text())
	case 'R':
		oid := number()
		schema, name := text(), text()
		r.names[uint32(oid)] = name
		said := fmt.Sprintf("R %s.%s %c", schema, name, take(1)[0])
		for range binary.BigEndian.Uint16(take(2)) {
			flags, column, typ, typmod := take(1)[0], text(), number(), int32(number())
			said += fmt.Sprintf(" %d %s %s %d", flags, column, r.types[uint32(typ)], typmod)
		}
		return said
	case 'I', 'U', 'D':
		said := fmt.Sprintf("%c %s", kind, r.names[uint32(number())])
		for len(b) > 0 {
			said += fmt.Sprintf(" %c", take(1)[0])
			for range binary.BigEndian.Uint16(take(2)) {
				value := take(1)[0]
				said += fmt.Sprintf(" %c", value)
				if value == 't' || value == 'b' {
					said += fmt.Sprintf("%q", bytes.ReplaceAll(take(number()), r.mood, nil))
				}
			}
		}
		return said
	}
	return string(kind)
}

// A subscription through pgseal has the rows in clear: those that were there before it,
// and those that are written later.
func TestASubscriptionThroughPgsealHasTheRowsInClear(t *testing.T) {
	c, plain, through, both := publishing(t)
	both(t, writes[0])
	ctx := t.Context()
	if err := c.CreateDatabase(ctx, "subscriber"); err != nil {
		t.Fatal(err)
	}
	subscriber := c.DSN("subscriber", harness.Owner)
	on(t, subscriber, strings.ReplaceAll(published, "CREATE PUBLICATION everything FOR ALL TABLES", ""))
	// A slot of the cluster's own would wait for the statement that makes it.
	on(t, through, "SELECT pg_create_logical_replication_slot('through', 'pgoutput')")
	on(t, subscriber, "CREATE SUBSCRIPTION through CONNECTION '"+strings.ReplaceAll(through, "'", "''")+"' PUBLICATION everything WITH (create_slot = false, slot_name = 'through')")
	t.Cleanup(func() {
		on(t, subscriber, "DROP SUBSCRIPTION through")
	})
	// Nor may a TRUNCATE wait for the lock of a worker that copies a table and makes its
	// slot, which waits for all transactions of the cluster.
	on(t, subscriber, `DO $$ BEGIN FOR i IN 1..1200 LOOP EXIT WHEN NOT EXISTS (SELECT FROM pg_subscription_rel WHERE srsubstate NOT IN ('s', 'r')); PERFORM pg_sleep(0.05); END LOOP; END $$`)
	for _, sql := range writes[1:] {
		both(t, sql)
	}
	db, err := pgx.Connect(ctx, subscriber)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(context.WithoutCancel(ctx))
	const minute = `DO $$ BEGIN FOR i IN 1..1200 LOOP EXIT WHEN EXISTS (SELECT FROM done); PERFORM pg_sleep(0.05); END LOOP; END $$`
	on(t, subscriber, minute)
	var ended bool
	if err := db.QueryRow(ctx, "SELECT EXISTS (SELECT FROM done)").Scan(&ended); err != nil || !ended {
		log, _ := os.ReadFile(c.LogFile())
		t.Fatalf("the subscription does not come to the end: %v\n%s", err, log[max(0, len(log)-3000):])
	}
	for _, table := range []string{"users", "whole", "other"} {
		sql := fmt.Sprintf("SELECT coalesce(string_agg(x::text, '; ' ORDER BY id), '') FROM %s x", table)
		twin, err := pgx.Connect(ctx, plain)
		if err != nil {
			t.Fatal(err)
		}
		var want, got string
		if err := twin.QueryRow(ctx, sql).Scan(&want); err != nil {
			t.Fatal(err)
		}
		if err := db.QueryRow(ctx, sql).Scan(&got); err != nil || got != want {
			t.Errorf("%s: %s, want %s (%v)", table, got, want, err)
		}
		twin.Close(context.WithoutCancel(ctx))
	}
}
