package integration

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"pgseal/integration/harness"
)

// pipelined is a statement of a pipeline and its parameters.
type pipelined struct {
	sql  string
	args []string
}

// together sends statements with one Sync and says what comes of them.
func together(t *testing.T, conn *pgconn.PgConn, statements []pipelined) string {
	t.Helper()
	var batch pgconn.Batch
	for _, st := range statements {
		var values [][]byte
		for _, a := range st.args {
			values = append(values, []byte(a))
		}
		batch.ExecParams(st.sql, values, nil, nil, nil)
	}
	var b strings.Builder
	results := conn.ExecBatch(t.Context(), &batch)
	for results.NextResult() {
		rows := results.ResultReader().Read()
		for _, f := range rows.FieldDescriptions {
			fmt.Fprintf(&b, "%s(%d) ", f.Name, f.DataTypeOID)
		}
		for _, row := range rows.Rows {
			fmt.Fprintf(&b, "%q ", row)
		}
		fmt.Fprintf(&b, "%s\n", rows.CommandTag)
	}
	if err := results.Close(); err != nil {
		e, ok := err.(*pgconn.PgError)
		if !ok {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "error %s\n", e.Code)
		t.Log(e.Message, e.Detail)
	}
	fmt.Fprintf(&b, "status %c\n", conn.TxStatus())
	return b.String()
}

// DDL and what uses its outcome come before one Sync.
func TestDDLInsideAPipeline(t *testing.T) {
	pair := harness.New(t, people)
	pair.Empty()
	c := pair.Compare(t, harness.Simple)
	for _, step := range filled(pair.Env.Canaries) {
		c.Step(step)
	}
	w := pair.Env.Canaries.Word()
	var sides []*pgconn.PgConn
	for _, url := range []string{pair.TwinURL(), pair.URL()} {
		conn, err := pgconn.Connect(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(context.WithoutCancel(t.Context()))
		sides = append(sides, conn)
	}
	const all = "SELECT * FROM people ORDER BY id"
	for _, statements := range [][]pipelined{
		{{"ALTER TABLE people RENAME TO old", nil}, {"INSERT INTO old (id, name, ssn) VALUES (5, 'x', $1)", []string{w + "5"}},
			{"SELECT id, ssn FROM old WHERE ssn = $1", []string{w + "5"}}, {"ALTER TABLE old RENAME TO people", nil}, {all, nil}},
		{{"BEGIN", nil}, {"DROP TABLE people CASCADE", nil}, {"CREATE TABLE people (id int, ssn text)", nil}, {"INSERT INTO people VALUES (1, $1)", []string{"clear"}},
			{"SELECT ssn || '!' FROM people", nil}, {"ROLLBACK", nil}, {"INSERT INTO people (id, name, ssn) VALUES (6, 'x', $1)", []string{w + "6"}}, {all, nil}},
		{{"ALTER TABLE people RENAME TO old", nil}, {"ALTER TABLE nothing RENAME TO old", nil}, {"INSERT INTO old (id, name, ssn) VALUES (7, 'x', $1)", []string{w + "7"}}},
		{{"INSERT INTO people (id, name, ssn) VALUES (7, 'x', $1)", []string{w + "7"}}, {all, nil}},
		{{"BEGIN", nil}, {"SAVEPOINT a", nil}, {"ALTER TABLE people RENAME COLUMN ssn TO number", nil}, {"ALTER TABLE people ADD ssn text", nil},
			{"UPDATE people SET ssn = $1 WHERE number = $2", []string{"clear", w + "7"}}, {"SELECT ssn || '!', number FROM people ORDER BY id", nil},
			{"ROLLBACK TO a", nil}, {"UPDATE people SET ssn = $1 WHERE id = 7", []string{w + "x"}}, {"SELECT ssn FROM people ORDER BY id", nil}, {"COMMIT", nil}, {all, nil}},
		{{"CREATE TABLE copied AS SELECT id, ssn FROM people", nil}, {"INSERT INTO copied VALUES (8, $1)", []string{w + "8"}}, {"SELECT * FROM copied ORDER BY id", nil},
			{"SELECT nothing FROM copied", nil}, {all, nil}},
		{{"CREATE TABLE copied AS SELECT id, ssn FROM people", nil}, {"DROP TABLE people CASCADE", nil}, {"ALTER TABLE copied RENAME TO people", nil},
			{"UPDATE people SET ssn = $1 WHERE id = 1", []string{w + "1"}}, {all, nil}, {"SELECT 1/0", nil}},
		{{all, nil}},
	} {
		want, got := together(t, sides[0], statements), together(t, sides[1], statements)
		if got != want {
			t.Errorf("%v\n--- plain\n%s--- sealed\n%s", statements, want, got)
		}
	}
	// In one text of the simple protocol.
	for _, text := range []string{
		"BEGIN; DROP TABLE people CASCADE; CREATE TABLE people (id int, ssn text); CREATE INDEX ON people (ssn); INSERT INTO people VALUES (1, 'clear'); SELECT ssn || '!' FROM people; ROLLBACK",
		"BEGIN; CREATE TABLE new (id int, ssn varchar(11)); DROP TABLE new; CREATE TABLE new AS SELECT id, ssn FROM people; DROP TABLE people CASCADE; ALTER TABLE new RENAME TO people",
		all,
		"ROLLBACK",
		"ALTER TABLE people RENAME TO old; INSERT INTO old (id, name, ssn) VALUES (9, 'x', '" + w + "9'); SELECT id, ssn FROM old ORDER BY id; ALTER TABLE old RENAME TO people; SELECT ssn FROM people WHERE id = 9",
		"ALTER TABLE people RENAME TO old; INSERT INTO old (id, name, ssn) VALUES (10, 'x', '" + w + "a'); SELECT id, ssn FROM nothing; ALTER TABLE old RENAME TO people",
		"ALTER TABLE people RENAME TO old; SELECT ssn FROM old WHERE id = 9; SELECT nothing FROM old WHERE id = 9",
		"ALTER TABLE people RENAME TO old; SELECT ssn FROM old WHERE id = 9; INSERT INTO old (id, name, ssn) VALUES (10, 'x', 'much too long for it')",
		"BEGIN; ALTER TABLE people RENAME COLUMN ssn TO number; SAVEPOINT a; ALTER TABLE people RENAME TO old; SELECT number FROM old WHERE id = 9; ROLLBACK TO a; SELECT number FROM people WHERE id = 9; COMMIT; ALTER TABLE people RENAME COLUMN number TO ssn; SELECT ssn FROM people WHERE id = 9",
		"BEGIN; ALTER TABLE people RENAME TO old; CREATE TABLE people (id int, ssn text); INSERT INTO people VALUES (1, 'clear'); SELECT ssn || '!' FROM people; ROLLBACK",
		"BEGIN; ALTER TABLE people RENAME TO old; INSERT INTO old (id, name, ssn) VALUES (11, 'x', '" + w + "b'); SELECT id, ssn FROM old ORDER BY id; ROLLBACK",
		"BEGIN; ALTER TABLE people DROP COLUMN name; SELECT * FROM people ORDER BY id; INSERT INTO people VALUES (12, '" + w + "c'); ROLLBACK",
		all,
		"DROP TABLE people CASCADE; CREATE TABLE people (id int, ssn text); INSERT INTO people VALUES (1, 'clear'); UPDATE people SET ssn = ssn || '!'; SELECT ssn FROM people",
		"SELECT ssn || '!' FROM people",
	} {
		c.Step(S(text).Simple())
	}
}

// What is behind the end of a block in a pipeline is in no block, though the server has
// not said so yet.
func TestABlockIsEndedInAPipeline(t *testing.T) {
	pair := harness.New(t, people)
	pair.Empty()
	c := pair.Compare(t, harness.Simple)
	for _, step := range filled(pair.Env.Canaries) {
		c.Step(step)
	}
	run := func(url string) string {
		ctx := t.Context()
		conn, err := pgconn.Connect(ctx, url)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(context.WithoutCancel(ctx))
		if err := conn.Exec(ctx, "BEGIN").Close(); err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		pipeline := conn.StartPipeline(ctx)
		result := func() {
			r, err := pipeline.GetResults()
			if err != nil {
				t.Fatal(err)
			}
			if reader, ok := r.(*pgconn.ResultReader); ok {
				got := reader.Read()
				fmt.Fprintf(&b, "%q %s %v\n", got.Rows, got.CommandTag, got.Err)
			}
		}
		pipeline.SendQueryParams("ROLLBACK", nil, nil, nil, nil)
		pipeline.SendQueryParams("ALTER TABLE people ADD made int", nil, nil, nil, nil)
		pipeline.SendFlushRequest()
		if err := pipeline.Flush(); err != nil {
			t.Fatal(err)
		}
		result()
		result()
		pipeline.SendQueryParams("SELECT * FROM people ORDER BY id", nil, nil, nil, nil)
		if err := pipeline.Sync(); err != nil {
			t.Fatal(err)
		}
		result()
		result()
		if err := pipeline.Close(); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	if want, got := run(pair.TwinURL()), run(pair.URL()); got != want {
		t.Errorf("--- plain\n%s--- sealed\n%s", want, got)
	}
}
