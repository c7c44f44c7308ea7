package integration

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"pgseal/integration/harness"
)

// banks has a column that is sealed and unsealed while sessions are open,
// beside one that always is.
var banks = harness.Schema{
	DDL: `
CREATE TABLE vault (id int PRIMARY KEY, word text);
CREATE TABLE accounts (id int PRIMARY KEY, iban text, note text);
INSERT INTO accounts SELECT n, 'iban' || n, 'note' || n FROM generate_series(1, 20) n`,
	Seal: []string{"public.vault.word --equality"},
}

// longLived is a session that has prepared its statements before the column was
// sealed.
type longLived struct {
	mode pgx.QueryExecMode
	conn *pgx.Conn
}

// replan is what PostgreSQL says of a prepared statement whose results have
// changed; drivers then prepare it again. Some, pgjdbc among them, look at the
// routine only.
func replan(err error) bool {
	pgErr := new(pgconn.PgError)
	return errors.As(err, &pgErr) && pgErr.Code == "0A000" && pgErr.Message == "cached plan must not change result type" &&
		pgErr.Routine == "RevalidateCachedQuery"
}

// twice runs what may have to be prepared again once.
func twice(run func() error) error {
	err := run()
	if replan(err) {
		err = run()
	}
	return err
}

func (s *longLived) use(t *testing.T, n int, w string) {
	t.Helper()
	ctx := t.Context()
	id := 1000*n + int(s.mode)
	written := fmt.Sprintf("%s-%d", w, id)
	check := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%v: round %d: %s: %v", s.mode, n, what, err)
		}
	}
	// In a transaction nothing could be prepared again after an error.
	tx, err := s.conn.Begin(ctx)
	check("BEGIN", err)
	_, err = tx.Exec(ctx, "INSERT INTO accounts (id, iban) VALUES ($1, $2)", id, written)
	check("INSERT", err)
	for i, want := range map[int]string{7: "iban7", id: written} {
		var got string
		err := tx.QueryRow(ctx, "SELECT iban FROM accounts WHERE id = $1", i).Scan(&got)
		if err == nil && got != want {
			err = fmt.Errorf("%q, want %q", got, want)
		}
		check("SELECT", err)
	}
	check("COMMIT", tx.Commit(ctx))
	var got int
	err = s.conn.QueryRow(ctx, "SELECT id FROM accounts WHERE iban = $1", written).Scan(&got)
	switch {
	case err == nil && got != id:
		check("search", fmt.Errorf("%d, want %d", got, id))
	default:
		check("search", err)
	}
}

// A column is sealed, gets a term and is unsealed while sessions with prepared
// statements, transactions and cursors go on: every answer is right, and none of them
// has to prepare anything again.
func TestSessionsOutliveSealing(t *testing.T) {
	pair := harness.New(t, banks)
	w := pair.Env.Canaries.Text()
	ctx := t.Context()
	var sessions []*longLived
	for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe, pgx.QueryExecModeDescribeExec,
		pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol} {
		config, err := pgx.ParseConfig(pair.URL())
		if err != nil {
			t.Fatal(err)
		}
		config.DefaultQueryExecMode = mode
		conn, err := pgx.ConnectConfig(ctx, config)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close(context.WithoutCancel(ctx)) })
		sessions = append(sessions, &longLived{mode, conn})
	}
	held, waiting := raw(t, pair.URL()), raw(t, pair.URL())
	exec := func(c *pgconn.PgConn, sql, want string) {
		t.Helper()
		results, err := c.Exec(ctx, sql).ReadAll()
		got := fmt.Sprint(err)
		if err == nil {
			got = ""
			for _, r := range results {
				for _, row := range r.Rows {
					got += string(row[0]) + " "
				}
			}
		}
		if got != want {
			t.Errorf("%s: %q, want %q", sql, got, want)
		}
	}
	exec(held, "DECLARE before CURSOR WITH HOLD FOR SELECT iban FROM accounts WHERE id <= 4 ORDER BY id", "")
	exec(held, "FETCH 1 FROM before", "iban1 ")
	exec(held, "PREPARE p AS SELECT iban FROM accounts WHERE id = $1", "")
	exec(held, "EXECUTE p(3)", "iban3 ")
	exec(held, "PREPARE put (int, text) AS INSERT INTO accounts (id, iban) VALUES ($1, $2)", "")
	exec(held, "PREPARE found AS SELECT id FROM accounts WHERE iban = $1", "")
	exec(held, "EXECUTE found ('iban3')", "3 ")
	exec(waiting, "BEGIN", "")
	exec(waiting, "SELECT word FROM vault", "")

	for _, s := range sessions {
		s.use(t, 1, "plain")
	}
	pair.Pgseal("seal", "public.accounts.iban")
	for _, s := range sessions {
		s.use(t, 2, w)
	}
	exec(held, "FETCH 1 FROM before", "iban2 ") // as it was when it was declared
	exec(held, "EXECUTE p(3)", "iban3 ")
	exec(held, "DECLARE sealed CURSOR WITH HOLD FOR SELECT iban FROM accounts WHERE id <= 4 ORDER BY id", "")
	exec(held, "FETCH 1 FROM sealed", "iban1 ")
	exec(waiting, "SELECT iban FROM accounts WHERE id = 5", "iban5 ")
	exec(waiting, "UPDATE accounts SET iban = '"+w+"' WHERE id = 5 RETURNING iban", w+" ")
	exec(waiting, "ROLLBACK", "")

	pair.Pgseal("seal", "public.accounts.iban", "--equality")
	for _, s := range sessions {
		s.use(t, 3, w)
	}
	exec(held, "FETCH 1 FROM sealed", "iban2 ") // without its term
	exec(held, "BEGIN", "")
	exec(held, "EXECUTE put (30, '"+w+"')", "")
	exec(held, "EXECUTE found ('"+w+"')", "30 ")
	exec(held, "ROLLBACK", "")
	exec(held, "EXECUTE found ('iban3'); EXECUTE p(3)", "3 iban3 ")
	exec(held, "EXECUTE p(3)", "iban3 ")

	pair.Server("DELETE FROM accounts WHERE id > 20") // what must not stand there in clear
	pair.Pgseal("unseal", "public.accounts.iban")
	for _, s := range sessions {
		s.use(t, 4, "plain")
	}
	exec(held, "FETCH 1 FROM before", "iban3 ")
	exec(held, "EXECUTE put (30, 'plain'); EXECUTE found ('plain')", "30 ")
	exec(held, "EXECUTE p(3)", "iban3 ")
	exec(held, "SELECT name FROM pg_prepared_statements WHERE from_sql ORDER BY name", "found p put ")
}

// A cursor that sorts by what is sealed no more cannot be fetched from, and nothing else
// minds.
func TestSortedCursorOfTheLastSealedColumn(t *testing.T) {
	pair := harness.New(t, harness.Schema{DDL: "CREATE TABLE files (id int PRIMARY KEY, data bytea)", Seal: []string{"public.files.data"}})
	simple, extended := raw(t, pair.URL()), raw(t, pair.URL())
	exec := func(c *pgconn.PgConn, sql, code string) {
		t.Helper()
		var err error
		if c == simple {
			_, err = c.Exec(t.Context(), sql).ReadAll()
		} else {
			err = c.ExecParams(t.Context(), sql, nil, nil, nil, nil).Read().Err
		}
		var e *pgconn.PgError
		if got := ""; errors.As(err, &e) && e.Code != code || err == nil && code != got {
			t.Errorf("%s %v: %v, want %q", sql, c == simple, err, code)
		}
	}
	for _, c := range []*pgconn.PgConn{simple, extended} {
		exec(c, "DECLARE c CURSOR WITH HOLD FOR SELECT id FROM files ORDER BY data", "")
		exec(c, "FETCH 1 FROM c", "")
	}
	pair.Pgseal("unseal", "public.files.data")
	for _, c := range []*pgconn.PgConn{simple, extended} {
		exec(c, "SELECT id FROM files", "")
		exec(c, "FETCH 1 FROM c", "0A000")
		exec(c, "SELECT id FROM files", "")
	}
}

// What SQL's PREPARE has prepared is prepared anew also when nothing is sealed any more.
func TestPreparedOutlivesTheLastSealedColumn(t *testing.T) {
	pair := harness.New(t, harness.Schema{DDL: "CREATE TABLE files (id int PRIMARY KEY, data bytea)", Seal: []string{"public.files.data --equality"}})
	ctx := t.Context()
	simple, extended := raw(t, pair.URL()), raw(t, pair.URL())
	for _, c := range []*pgconn.PgConn{simple, extended} {
		if _, err := c.Exec(ctx, "PREPARE found AS SELECT id FROM files WHERE data = $1").ReadAll(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := simple.Exec(ctx, `INSERT INTO files VALUES (1, '\xff')`).ReadAll(); err != nil {
		t.Fatal(err)
	}
	check := func() {
		t.Helper()
		results, err := simple.Exec(ctx, `EXECUTE found ('\xff')`).ReadAll()
		if r := first(results, err); r.Err != nil || len(r.Rows) != 1 {
			t.Errorf("EXECUTE in a Query: %q, %v", r.Rows, r.Err)
		}
		if r := extended.ExecParams(ctx, `EXECUTE found ('\xff')`, nil, nil, nil, nil).Read(); r.Err != nil || len(r.Rows) != 1 {
			t.Errorf("EXECUTE in a Parse: %q, %v", r.Rows, r.Err)
		}
	}
	check()
	pair.Pgseal("unseal", "public.files.data")
	check()
	check()
}

// DDL on a table of a prepared statement is noticed as the server notices it.
func TestPreparedStatementsAndDDL(t *testing.T) {
	pair := harness.New(t, banks)
	w := pair.Env.Canaries.Text()
	story := func(url string) (out string) {
		conn := raw(t, url)
		step := func(sql string) {
			t.Helper()
			results, err := conn.Exec(t.Context(), sql).ReadAll()
			out += fmt.Sprintln(sql, err)
			for _, r := range results {
				for _, row := range r.Rows {
					out += fmt.Sprintf("%q\n", row)
				}
			}
		}
		bound := func(name string, args ...string) {
			t.Helper()
			var values [][]byte
			for _, a := range args {
				values = append(values, []byte(a))
			}
			r := conn.ExecPrepared(t.Context(), name, values, nil, nil).Read()
			out += fmt.Sprintf("%s %q %v %q\n", name, args, r.Err, r.Rows)
		}
		prepared := func(name string) {
			_, err := conn.Prepare(t.Context(), name, "SELECT 1", nil)
			out += fmt.Sprintln(name, err)
		}
		for name, sql := range map[string]string{
			"all": "SELECT * FROM vault WHERE id = $1", "one": "SELECT word FROM vault WHERE word = $1",
			"put": "INSERT INTO vault VALUES ($1, $2)",
		} {
			if _, err := conn.Prepare(t.Context(), name, sql, nil); err != nil {
				t.Fatal(err)
			}
		}
		step("PREPARE q AS SELECT * FROM vault WHERE word = $1")
		bound("put", "1", w)
		bound("all", "1")
		step("EXECUTE q('" + w + "')")
		step("ALTER TABLE vault ADD COLUMN more int DEFAULT 7")
		bound("put", "2", w+"2")
		bound("one", w)
		bound("all", "1")
		step("EXECUTE q('" + w + "')")
		step("ALTER TABLE vault DROP COLUMN more")
		bound("all", "2")
		step("EXECUTE q('" + w + "')")
		step("ALTER TABLE vault RENAME COLUMN word TO phrase")
		bound("put", "3", w+"3")
		bound("one", w+"3")
		step("ALTER TABLE vault RENAME COLUMN phrase TO word")
		bound("one", w+"3")
		// What cannot be prepared anew keeps its name.
		step("ALTER TABLE vault RENAME TO safe")
		step("EXECUTE q('" + w + "')")
		step("PREPARE q AS SELECT 1")
		step("PREPARE one AS SELECT nothing")
		bound("one", w)
		prepared("one")
		step("BEGIN")
		step("EXECUTE q('" + w + "')")
		step("PREPARE q AS SELECT 1")
		step("ROLLBACK")
		prepared("q")
		step("DEALLOCATE q")
		step("PREPARE q AS SELECT * FROM safe WHERE word = $1")
		step("EXECUTE q('" + w + "')")
		step("ALTER TABLE safe RENAME TO vault")
		bound("one", w+"3")
		step("BEGIN; PREPARE late AS SELECT word FROM vault WHERE word = $1; ROLLBACK")
		step("EXECUTE late('" + w + "3')")
		step("DEALLOCATE late")
		step("EXECUTE late('x')")
		step("DISCARD ALL")
		bound("one", w)
		step("EXECUTE q('x')")
		return out
	}
	if want, got := story(pair.TwinURL()), story(pair.URL()); got != want {
		t.Errorf("sealed:\n%s\nplain:\n%s", got, want)
	}
}
