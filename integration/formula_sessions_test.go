package integration

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"pgseal/integration/harness"
	"pgseal/integration/pgtest"
)

// Sessions that count in the same row lose nothing of each other's.
func TestSessionsThatCountTogetherLoseNothing(t *testing.T) {
	pair := harness.New(t, formulaSchema)
	ctx := t.Context()
	conn := pair.Connect(t, pair.URL())
	if _, err := conn.Exec(ctx, accountRows, pgx.QueryExecModeSimpleProtocol); err != nil {
		t.Fatal(err)
	}
	const each = 40
	modes := []pgx.QueryExecMode{pgx.QueryExecModeSimpleProtocol, pgx.QueryExecModeExec, pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe}
	var wg sync.WaitGroup
	for i, mode := range modes {
		own := pair.Connect(t, pair.URL())
		wg.Go(func() {
			for k := range each {
				if i%2 == 0 {
					sql := "UPDATE accounts SET n = n + $1 WHERE id = $2"
					if k%2 == 0 {
						sql = "UPDATE accounts SET n = n + $1 WHERE plain = $2" // several rows, for all that is known
					}
					tag, err := own.Exec(ctx, sql, mode, 1, 1)
					if err != nil || tag.RowsAffected() != 1 {
						t.Errorf("%v: %v %v", mode, tag, err)
					}
					continue
				}
				err := pgx.BeginFunc(ctx, own, func(tx pgx.Tx) error {
					_, err := tx.Exec(ctx, "UPDATE accounts SET n = n + $1, name = name || 'x' WHERE id = $2", mode, 1, 1)
					return err
				})
				if err != nil {
					t.Errorf("%v: %v", mode, err)
				}
			}
		})
	}
	wg.Wait()
	var n int
	var name string
	if err := conn.QueryRow(ctx, "SELECT n, name FROM accounts WHERE id = 1").Scan(&n, &name); err != nil || n != 40+each*len(modes) || len(name) != len("ann")+each*len(modes)/2 {
		t.Errorf("%d, %d letters, %v", n, len(name), err)
	}
}

// Two portals that are bound before either is executed are both computed of the row as
// it was then. The second would undo the first: it fails, and nothing is stored.
func TestPortalsBoundTogetherDoNotUndoEachOther(t *testing.T) {
	pair := harness.New(t, formulaSchema)
	ctx := t.Context()
	check := pair.Connect(t, pair.URL())
	if _, err := check.Exec(ctx, accountRows, pgx.QueryExecModeSimpleProtocol); err != nil {
		t.Fatal(err)
	}
	for second, column := range map[string]string{
		"UPDATE accounts SET n = n + $1 WHERE id = 1":     "n",
		"UPDATE accounts SET n = plain + $1 WHERE id = 1": "plain", // which the first changes
		"UPDATE accounts SET n = n + $1 WHERE id > 0":     "n",
		"UPDATE accounts SET n = plain + $1 WHERE id < 2": "plain",
	} {
		conn := raw(t, pair.URL())
		f := conn.Frontend()
		for _, portal := range []struct{ name, sql string }{{"a", "UPDATE accounts SET " + column + " = " + column + " + $1 WHERE id = 1"}, {"b", second}} {
			f.SendParse(&pgproto3.Parse{Name: portal.name, Query: portal.sql})
			f.SendBind(&pgproto3.Bind{DestinationPortal: portal.name, PreparedStatement: portal.name, Parameters: [][]byte{[]byte("1")}})
		}
		for _, portal := range []string{"a", "b"} {
			f.SendExecute(&pgproto3.Execute{Portal: portal})
		}
		f.SendSync(&pgproto3.Sync{})
		if err := f.Flush(); err != nil {
			t.Fatal(err)
		}
		var failure *pgproto3.ErrorResponse
		for ready := false; !ready; {
			m, err := f.Receive()
			if err != nil {
				t.Fatal(err)
			}
			switch m := m.(type) {
			case *pgproto3.ErrorResponse:
				e := *m
				failure = &e
			case *pgproto3.ReadyForQuery:
				ready = true
			}
		}
		if failure == nil || failure.Code != "40001" || failure.Hint == "" {
			t.Errorf("%s: %+v", second, failure)
		}
		var n, plain int
		if err := check.QueryRow(ctx, "SELECT n, plain FROM accounts WHERE id = 1").Scan(&n, &plain); err != nil || n != 40 || plain != 1 {
			t.Errorf("%s: %d, %d, %v", second, n, plain, err)
		}
		if _, err := conn.Exec(ctx, "UPDATE accounts SET n = n + 0 WHERE id = 1").ReadAll(); err != nil {
			t.Error(err)
		}
	}
}

// Who may not change the row, or not read the column, is told by PostgreSQL.
func TestFormulasNeedTheRightsThatPostgreSQLAsksFor(t *testing.T) {
	pair := harness.New(t, formulaSchema)
	super := func(sql string) {
		for _, c := range []*pgtest.Cluster{pair.Env.Twin, pair.Env.Sealed} {
			if err := c.Exec(context.WithoutCancel(t.Context()), pair.Name, sql); err != nil {
				t.Error(err)
			}
		}
	}
	super("CREATE ROLE counter; CREATE ROLE writer; CREATE ROLE reader; GRANT counter, writer, reader TO " + harness.Owner)
	t.Cleanup(func() { super("DROP OWNED BY counter, writer, reader; DROP ROLE counter, writer, reader") })
	pair.Both("GRANT SELECT (id, n), UPDATE (n) ON accounts TO counter; GRANT SELECT (id), UPDATE (n) ON accounts TO writer; GRANT SELECT ON accounts TO reader")
	pair.SameIn(t, formulaModes,
		S(accountRows),
		S("SET ROLE counter"), S("UPDATE accounts SET n = n + 1 WHERE id = 1 RETURNING n"), S("RESET ROLE"),
		S("SET ROLE writer"), S("UPDATE accounts SET n = n + 1 WHERE id = 1").Fails("42501"), S("UPDATE accounts SET n = 3 WHERE id = 1"), S("RESET ROLE"),
		S("SET ROLE reader"), S("UPDATE accounts SET n = n + 1 WHERE id = 1").Fails("42501"), S("RESET ROLE"),
		S("BEGIN"), S("SET TRANSACTION READ ONLY"), S("UPDATE accounts SET n = n + 1 WHERE id = 1").Fails("25006"), S("ROLLBACK"),
		S("SELECT n FROM accounts ORDER BY id"))
}

// A row that another transaction changes first is met as PostgreSQL meets it.
func TestFormulasWaitForOtherTransactions(t *testing.T) {
	pair := harness.New(t, formulaSchema)
	ctx := t.Context()
	for _, url := range []string{pair.TwinURL(), pair.URL()} {
		one, two := pair.Connect(t, url), pair.Connect(t, url)
		exec := func(c *pgx.Conn, sql string) {
			t.Helper()
			if _, err := c.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol); err != nil {
				t.Fatal(err)
			}
		}
		exec(one, accountRows)
		for _, isolation := range []string{"READ COMMITTED", "REPEATABLE READ"} {
			exec(one, "UPDATE accounts SET n = 40 WHERE id = 1")
			exec(two, "BEGIN ISOLATION LEVEL "+isolation)
			exec(two, "SELECT n FROM accounts WHERE id = 1")
			exec(one, "BEGIN")
			exec(one, "UPDATE accounts SET n = n + 10 WHERE id = 1")
			done := make(chan error)
			go func() {
				_, err := two.Exec(context.WithoutCancel(ctx), "UPDATE accounts SET n = n * 2 WHERE id = $1", 1)
				done <- err
			}()
			exec(one, "COMMIT")
			err := <-done
			var e *pgconn.PgError
			if wants := isolation == "REPEATABLE READ"; wants != (errors.As(err, &e) && e.Code == "40001") || !wants && err != nil {
				t.Errorf("%s: %v", isolation, err)
			}
			exec(two, "COMMIT")
		}
		var n int
		if err := one.QueryRow(ctx, "SELECT n FROM accounts WHERE id = 1").Scan(&n); err != nil || n != 50 {
			t.Errorf("%d %v", n, err)
		}
	}
}

// A key that cannot be read is the client's own parameter, though the question has it.
func TestErrorsOfKeysNameTheClientsParameter(t *testing.T) {
	pair := harness.New(t, formulaSchema)
	var errs [2]*pgconn.PgError
	for _, format := range []int16{0, 1} {
		for i, url := range []string{pair.TwinURL(), pair.URL()} {
			conn := raw(t, url)
			r := conn.ExecParams(t.Context(), "UPDATE accounts SET n = n + $1 WHERE id = $2", [][]byte{[]byte("1"), []byte("one")}, nil, []int16{0, format}, nil).Read()
			if !errors.As(r.Err, &errs[i]) {
				t.Fatal(r.Err)
			}
		}
		for _, e := range errs { // how much of the value is shown is for each of the servers to say
			e.Where, _, _ = strings.Cut(e.Where, " = ")
		}
		if errs[0].Code != errs[1].Code || errs[0].Message != errs[1].Message || errs[0].Where != errs[1].Where || errs[0].Where == "" {
			t.Errorf("%s, %s: %s\n%s, %s: %s", errs[0].Code, errs[0].Message, errs[0].Where, errs[1].Code, errs[1].Message, errs[1].Where)
		}
	}
}
