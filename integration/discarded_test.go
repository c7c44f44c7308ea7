package integration

import (
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"pgseal/integration/harness"
)

// What DISCARD ALL drops no longer stands before a sealed table: the next statement is
// that table's, in the same pipeline, too.
func TestDiscardedTemporaryTables(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL:  "CREATE TABLE hidden (id int PRIMARY KEY, secret text)",
		Seal: []string{"public.hidden.secret"},
	})
	w := pair.Env.Canaries.Word()
	pair.Same(t,
		S("CREATE TEMP TABLE hidden (id int, secret text, more int)"),
		S("INSERT INTO hidden (id, more) VALUES (1, 2)"),
		S("SELECT * FROM hidden"),
		S("DISCARD ALL").Simple(),
		S("INSERT INTO hidden (id, secret) VALUES ($1, $2) RETURNING *", "1", w),
		S("SELECT * FROM hidden"))
	conn := raw(t, pair.URL())
	run := func(sql string) {
		t.Helper()
		if _, err := conn.Exec(t.Context(), sql).ReadAll(); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	if _, err := conn.Prepare(t.Context(), "discard", "DISCARD ALL", nil); err != nil {
		t.Fatal(err)
	}
	run("DELETE FROM hidden")
	run("CREATE TEMP TABLE hidden (id int, secret text)")
	run("INSERT INTO hidden VALUES (1, 'temporary')")
	p := conn.StartPipeline(t.Context())
	p.SendQueryPrepared("discard", nil, nil, nil)
	p.SendPipelineSync()
	p.SendQueryParams("INSERT INTO hidden VALUES (2, $1) RETURNING id, secret", [][]byte{[]byte(w)}, nil, nil, nil)
	p.SendPipelineSync()
	if err := p.Flush(); err != nil {
		t.Fatal(err)
	}
	for {
		r, err := p.GetResults()
		if err != nil {
			t.Fatal(err)
		}
		if r == nil {
			break
		}
		if reader, ok := r.(*pgconn.ResultReader); ok {
			if result := reader.Read(); result.Err != nil {
				t.Fatal(result.Err)
			} else if len(result.Rows) > 0 && string(result.Rows[0][1]) != w {
				t.Errorf("got %q, want %q", result.Rows[0][1], w)
			}
		}
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	run("SELECT secret FROM hidden WHERE id = 2")
}
