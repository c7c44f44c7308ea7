package integration

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"

	"pgseal/integration/harness"
)

var copyDefaults = harness.Schema{
	DDL: `CREATE SEQUENCE numbers;
		CREATE TABLE logs (id int PRIMARY KEY, at timestamptz NOT NULL DEFAULT now(), day date DEFAULT CURRENT_DATE, note text, token uuid DEFAULT gen_random_uuid(),
			label varchar(40) DEFAULT gen_random_uuid()::text, who varchar(30) DEFAULT CURRENT_USER, nothing text DEFAULT current_setting('app.nothing', true), more int DEFAULT 7);
		CREATE TABLE tight (id int, who varchar(2) DEFAULT CURRENT_USER, need text NOT NULL DEFAULT current_setting('app.nothing', true), line text);
		CREATE TABLE counted (id int, n int DEFAULT nextval('numbers'), r float8 DEFAULT random());`,
	Seal: []string{"public.logs.at --equality", "public.logs.day --equality", "public.logs.note", "public.logs.token", "public.logs.label", "public.logs.who --equality",
		"public.logs.nothing", "public.tight.who", "public.tight.need", "public.counted.n", "public.counted.r"},
}

// Rows of COPY that leave out a column with a computed default get it.
func TestCopyComputesDefaults(t *testing.T) {
	c := newCopySides(t, copyDefaults)
	word := c.pair.Env.Canaries.Text()
	shown := "COPY (SELECT id, at = now() AS a, day = CURRENT_DATE AS d, note, token IS NULL AS t, who, nothing, more FROM logs ORDER BY id) TO STDOUT"
	const header = "\x00\x00\x00\x00\x00\x00\x00\x00"
	tuple := func(fields ...string) string {
		b := binary.BigEndian.AppendUint16(nil, uint16(len(fields)))
		for _, f := range fields {
			b = append(binary.BigEndian.AppendUint32(b, uint32(len(f))), f...)
		}
		return string(b)
	}
	number := func(n uint32) string { return string(binary.BigEndian.AppendUint32(nil, n)) }
	copies := []struct{ sql, data string }{
		{"COPY logs (id, note) FROM STDIN", "1\t" + word + "\n2\t\\N\n3\ta\\\\b\\tc\n"},
		{"COPY logs (id) FROM STDIN", ""},
		{"COPY logs (id) FROM STDIN", "4\n5"},
		{"COPY logs (id) FROM STDIN (DELIMITER '|', NULL 'none')", "6\n7\n\\.\n"},
		{"COPY logs (note, id) FROM STDIN WHERE id <> 9", "x\t8\ny\t9\n"},
		{"COPY logs (id, who, day) FROM STDIN (FORMAT csv, HEADER)", "id,who,\"d\nay\"\n10,me,2024-02-29\n11,\"a\nb\",\n"},
		{"COPY logs (id, note, at) FROM STDIN (FORMAT csv, NULL 'nil', QUOTE '''')", "12,'it''s',2024-02-29 01:02\n13,nil,2024-03-01\n"},
		{"COPY logs (id, note) FROM STDIN (FORMAT csv, HEADER match)", "id,note\n14,\"\"\n15,\n"},
		{"COPY logs (id, note) FROM STDIN (HEADER match)", "id\tmore\n1\tx\n"},
		{"COPY logs (id, note) FROM STDIN (FORMAT csv, FORCE_NULL (note), NULL 'e5')", "16,\"e5\"\n17,e5\n"},
		{"COPY logs (id, note) FROM STDIN (FORMAT binary)", "PGCOPY\n\xff\r\n\x00" + header + tuple(number(18), word) + tuple(number(19), "") + "\xff\xff"},
		// What is wrong is said as PostgreSQL says it.
		{"COPY logs (id, note) FROM STDIN", "20\tx\n21\tx\ty\n"},
		{"COPY logs (id, note) FROM STDIN", "20\tx\n21\n"},
		{"COPY logs (id, note) FROM STDIN WHERE id > 0", "20\tx\n21\tx\ty\n"},
		{"COPY logs (id, note) FROM STDIN WHERE id > 0", "20\tx\n21\tx\ty\tz\t0\t1\t2\t3\n"},
		{"COPY logs (id, note) FROM STDIN WHERE id > 0", "20\tx\n21\n"},
		{"COPY logs (id, note) FROM STDIN WHERE id > 0", "20\tx\nnone\ty\n"},
		{"COPY logs (id, note) FROM STDIN", "20\tx\nnone\ty\n"},
		{"COPY logs (id, day) FROM STDIN WHERE id > 0", "20\t2024-01-01\n21\tno day\n"},
		{"COPY logs (id, day) FROM STDIN", "20\t2024-01-01\n21\tno day\n"},
		{"COPY logs (id, note) FROM STDIN", "20\tx\n1\ty\n"},
		{"COPY logs (id, note) FROM STDIN WHERE id > 0", "20\tx\n1\ty\n"},
		{"COPY logs (id, note) FROM STDIN (FORMAT csv)", "20,x\n21,\"y\n"},
		{"COPY logs (id, note) FROM STDIN (FORMAT binary)", "PGCOPY\n\xff\r\n\x00" + header + tuple(number(20), "x") + tuple(number(21), "x", "y")},
		{"COPY logs (id, note) FROM STDIN (FORMAT binary)", "PGCOPY\n\xff\r\n\x00" + header + tuple(number(20), "x") + tuple(number(21), "x", "a", "b", "c", "d", "e", "f")},
		{"COPY logs (id, note) FROM STDIN (FORMAT binary)", "PGCOPY\n\xff\r\n\x00" + header + tuple(number(20), "x") + tuple(number(21), "x")[:8]},
		{"COPY logs (id, note, id) FROM STDIN", "20\tx\n"},
		{"COPY logs (id, none) FROM STDIN", "20\tx\n"},
		// A default that does not fit fails the first row, if there is one.
		{"COPY tight (id) FROM STDIN", ""},
		{"COPY tight (id) FROM STDIN", "1\n"},
		{"COPY tight (id) FROM STDIN WHERE id > 0", "1\n2\n"},
		{"COPY tight (id, who) FROM STDIN", "1\tx\n"},
		{"COPY tight (id, who, line) FROM STDIN WHERE id > 0", "1\tx\t" + string(bytes.Repeat([]byte("long "), 17)) + "..\n"},
		{"COPY tight (id) FROM STDIN (FORMAT binary)", "PGCOPY\n\xff\r\n\x00" + header + tuple(number(1)) + "\xff\xff"},
	}
	for _, block := range []bool{false, true} {
		for _, run := range copies {
			if block {
				c.both(t, "BEGIN")
			}
			c.in(run.sql, []byte(run.data))
			if block && c.twin.TxStatus() == 'T' {
				c.out(shown)
			}
			if block {
				c.both(t, "ROLLBACK")
			}
		}
		c.out("COPY (SELECT id, day = CURRENT_DATE AS d, note, token IS NULL AS t, who, nothing, more FROM logs ORDER BY id) TO STDOUT")
		c.out("COPY tight TO STDOUT")
		c.both(t, "DELETE FROM logs")
	}
	conn := c.pair.Connect(t, c.pair.URL())
	if _, err := conn.CopyFrom(t.Context(), pgx.Identifier{"logs"}, []string{"id", "note"}, pgx.CopyFromRows([][]any{{1, "a"}, {2, "b"}, {3, "c"}})); err != nil {
		t.Fatal(err)
	}
	var rows, times, tokens, labels int
	err := conn.QueryRow(t.Context(), "SELECT count(*), count(DISTINCT at) FROM logs").Scan(&rows, &times)
	if err != nil || rows != 3 || times != 1 {
		t.Errorf("%d rows of %d times, %v", rows, times, err)
	}
	for _, column := range []struct {
		name string
		n    *int
	}{{"token", &tokens}, {"label", &labels}} {
		found, err := conn.Query(t.Context(), "SELECT "+column.name+"::text FROM logs")
		if err != nil {
			t.Fatal(err)
		}
		all, err := pgx.CollectRows(found, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		distinct := map[string]bool{}
		for _, uuid := range all {
			if distinct[uuid] = true; len(uuid) != 36 || uuid[14] != '4' || bytes.IndexByte([]byte("89ab"), uuid[19]) < 0 {
				t.Errorf("%s: %q", column.name, uuid)
			}
		}
		if *column.n = len(distinct); *column.n != 3 {
			t.Errorf("%d different values of %s", *column.n, column.name)
		}
	}
	for _, sql := range []string{"COPY counted (id, r) FROM STDIN", "COPY counted (id, n) FROM STDIN", "SELECT 1; COPY logs (id) FROM STDIN"} {
		_, err := c.sealed.CopyFrom(t.Context(), bytes.NewReader(nil), sql)
		refusedClearly(t, sql, err)
	}
}

// In the extended protocol the server is asked when the COPY is executed.
func TestCopyComputesDefaultsInTheExtendedProtocol(t *testing.T) {
	c := newCopySides(t, copyDefaults)
	hijacked, err := c.sealed.Hijack()
	if err != nil {
		t.Fatal(err)
	}
	defer hijacked.Conn.Close()
	f := hijacked.Frontend
	until := func(kind pgproto3.BackendMessage) (failed *pgproto3.ErrorResponse) {
		t.Helper()
		if err := f.Flush(); err != nil {
			t.Fatal(err)
		}
		for {
			m, err := f.Receive()
			if err != nil {
				t.Fatal(err)
			}
			switch m := m.(type) {
			case *pgproto3.ErrorResponse:
				e := *m
				failed = &e
				t.Log(e.Code, e.Message)
			case *pgproto3.CopyInResponse:
				if len(m.ColumnFormatCodes) != 2 {
					t.Errorf("data of %d columns is expected", len(m.ColumnFormatCodes))
				}
				if _, ok := kind.(*pgproto3.CopyInResponse); ok {
					return nil
				}
			case *pgproto3.ReadyForQuery:
				return failed
			}
		}
	}
	f.Send(&pgproto3.Parse{Name: "copies", Query: "COPY logs (id, note) FROM STDIN"})
	f.Send(&pgproto3.Sync{})
	if e := until(&pgproto3.ReadyForQuery{}); e != nil {
		t.Fatal(e)
	}
	for _, id := range []string{"1", "2", "3"} {
		f.Send(&pgproto3.Bind{PreparedStatement: "copies"})
		f.Send(&pgproto3.Describe{ObjectType: 'P'})
		f.Send(&pgproto3.Execute{})
		f.Send(&pgproto3.Sync{})
		until(&pgproto3.CopyInResponse{})
		f.Send(&pgproto3.CopyData{Data: []byte(id + "\tx\n")})
		f.Send(&pgproto3.CopyDone{})
		f.Send(&pgproto3.Sync{})
		if e := until(&pgproto3.ReadyForQuery{}); e != nil {
			t.Fatal(e)
		}
	}
	var rows, times, tokens int
	conn := c.pair.Connect(t, c.pair.URL())
	if err := conn.QueryRow(t.Context(), "SELECT count(*), count(DISTINCT at), count(token) FROM logs WHERE day = CURRENT_DATE AND who = CURRENT_USER").Scan(&rows, &times, &tokens); err != nil || rows != 3 || times != 3 || tokens != 3 {
		t.Errorf("%d rows of %d times with %d tokens, %v", rows, times, tokens, err)
	}
}
