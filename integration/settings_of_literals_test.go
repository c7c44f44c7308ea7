package integration

import (
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"pgseal/integration/harness"
)

// PostgreSQL reads the literals of a statement when it is prepared (or prepared anew, for DDL or
// ANALYZE), and shows by the settings of when it runs.
func TestLiteralsAreReadWhenAStatementIsPrepared(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL:  "CREATE TABLE t (id int PRIMARY KEY, seen timestamptz, born date, age int, span interval, day date, plain int, note text)",
		Seal: []string{"public.t.seen", "public.t.born", "public.t.age", "public.t.span", "public.t.day --equality", "public.t.note"},
	})
	sides := [2]*pgx.Conn{pair.Connect(t, pair.TwinURL()), pair.Connect(t, pair.URL())}
	both := func(sql string) {
		t.Helper()
		for _, conn := range sides {
			if _, err := conn.PgConn().Exec(t.Context(), sql).ReadAll(); err != nil {
				t.Fatalf("%s: %v", sql, err)
			}
		}
	}
	both(fmt.Sprintf(`INSERT INTO t VALUES (1, '2024-01-01 10:00+00', '2024-01-02', 5, '-1 day -01:00:00', '2024-01-02', 1, '%s'), (2, '2024-01-01 11:00+00', '2024-02-01', 5, '1 day -01:00:00', '2024-02-01', 2, 'b'),
		(3, NULL, NULL, 6, NULL, NULL, 3, 'c')`, pair.Env.Canaries.Text()))
	for _, c := range []struct{ first, second, sql string }{
		{"TimeZone = 'Europe/Berlin'", "TimeZone = 'UTC'", "SELECT id, seen FROM t WHERE seen = '2024-01-01 11:00'"},
		{"TimeZone = 'Europe/Berlin'", "TimeZone = 'UTC'", "SELECT id FROM t WHERE seen BETWEEN '2024-01-01 10:30' AND '2024-01-01 12:00' OR plain = 3 ORDER BY id"},
		{"TimeZone = 'Europe/Berlin'", "TimeZone = 'UTC'", "SELECT id, seen = '2024-01-01 11:00', CASE seen WHEN '2024-01-01 11:00' THEN 'y' ELSE 'n' END, timestamptz '2024-03-30 12:00' + span FROM t ORDER BY id"},
		{"TimeZone = 'Europe/Berlin'", "TimeZone = 'UTC'", "SELECT age, max(seen) FROM t GROUP BY age HAVING max(seen) > '2024-01-01 11:30' ORDER BY age"},
		{"TimeZone = 'Europe/Berlin'", "TimeZone = 'UTC'", "SELECT age FROM (SELECT age, max(seen) AS m FROM t GROUP BY age) q WHERE m = '2024-01-01 12:00'"},
		{"TimeZone = 'Europe/Berlin'", "TimeZone = 'UTC'", "SELECT count(*), bool_or(seen = '2024-01-01 11:00') FROM t GROUP BY seen = '2024-01-01 11:00' ORDER BY 2"},
		{"TimeZone = 'Europe/Berlin'", "TimeZone = 'UTC'", "UPDATE t SET plain = plain + 10 WHERE seen = '2024-01-01 11:00' RETURNING id, plain"},
		{"TimeZone = 'Europe/Berlin'", "TimeZone = 'UTC'", "UPDATE t SET seen = seen + interval '1 day', born = born + 1 WHERE seen > '2024-01-01 11:30' RETURNING id, seen"},
		{"TimeZone = 'Europe/Berlin'", "TimeZone = 'UTC'", "UPDATE t SET seen = GREATEST(seen, '2024-06-01 12:00') WHERE id = 2 RETURNING seen"},
		{"TimeZone = 'Europe/Berlin'", "TimeZone = 'UTC'", "INSERT INTO t (id, plain) SELECT id + 20, CASE WHEN seen = '2024-01-01 11:00' THEN 1 ELSE 0 END FROM t WHERE id < 3 RETURNING id, plain"},
		{"DateStyle = 'ISO, DMY'", "DateStyle = 'ISO, MDY'", "SELECT id FROM t WHERE born = '02/01/2024'"},
		{"DateStyle = 'ISO, DMY'", "DateStyle = 'ISO, MDY'", "SELECT id FROM t WHERE born IN ('02/01/2024', '29/02/2024') AND day = '02/01/2024'"},
		{"DateStyle = 'ISO, DMY'", "DateStyle = 'ISO, MDY'", "SELECT id, born - '29/02/2024', GREATEST(day, '02/03/2024') FROM t ORDER BY id"},
		{"DateStyle = 'ISO, DMY'", "DateStyle = 'ISO, MDY'", "DELETE FROM t WHERE born = '29/02/2024' AND id > 1000"},
		{"IntervalStyle = 'sql_standard'", "IntervalStyle = 'postgres'", "SELECT id, span + '-1 1:00:00', span = '-1 1:00:00' FROM t ORDER BY id"},
	} {
		for _, how := range []string{"one by one", "in a pipeline"} {
			both("RESET ALL")
			var got [2]string
			for i, conn := range sides {
				got[i] = preparedUnder(t, conn.PgConn(), c.first, c.second, c.sql, how == "in a pipeline")
			}
			if got[0] != got[1] {
				t.Errorf("%s, %s, %s, then %s:\n--- plain\n%s--- sealed\n%s", how, c.sql, c.first, c.second, got[0], got[1])
			}
		}
	}
	for _, sql := range []string{"SELECT id, seen = '2024-01-01 11:00' FROM t ORDER BY id", "SELECT id, seen FROM t WHERE seen > '2024-01-01 11:30'"} {
		for _, sql := range []string{"SET TimeZone = 'Europe/Berlin'", "BEGIN", "DECLARE k CURSOR FOR " + sql} {
			both(sql)
		}
		var got [2]string
		for i, conn := range sides {
			got[i] = told(conn.PgConn().Exec(t.Context(), "SET TimeZone = 'UTC'").ReadAll()) + told(conn.PgConn().Exec(t.Context(), "FETCH ALL FROM k").ReadAll())
		}
		if got[0] != got[1] {
			t.Errorf("a cursor of %s:\n--- plain\n%s--- sealed\n%s", sql, got[0], got[1])
		}
		both("ROLLBACK")
	}
}

// preparedUnder prepares a statement under one setting and runs it under another.
func preparedUnder(t *testing.T, conn *pgconn.PgConn, first, second, sql string, pipeline bool) string {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	if pipeline {
		p := conn.StartPipeline(ctx)
		p.SendQueryParams("SET "+first, nil, nil, nil, nil)
		p.SendPrepare("s", sql, nil)
		p.SendQueryParams("SET "+second, nil, nil, nil, nil)
		p.SendQueryPrepared("s", nil, nil, nil)
		p.SendDeallocate("s")
		if err := p.Sync(); err != nil {
			t.Fatal(err)
		}
		var all string
		for {
			results, err := p.GetResults()
			if err != nil {
				all += err.Error()
				break
			}
			if reader, ok := results.(*pgconn.ResultReader); ok {
				all += told([]*pgconn.Result{reader.Read()}, nil)
			}
			if _, ok := results.(*pgconn.PipelineSync); ok {
				break
			}
		}
		if err := p.Close(); err != nil {
			all += err.Error()
		}
		return all
	}
	if _, err := conn.Exec(ctx, "SET "+first).ReadAll(); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Prepare(ctx, "s", sql, nil); err != nil {
		return err.Error()
	}
	if _, err := conn.Exec(ctx, "SET "+second).ReadAll(); err != nil {
		t.Fatal(err)
	}
	all := told([]*pgconn.Result{conn.ExecPrepared(ctx, "s", nil, nil, nil).Read()}, nil)
	if err := conn.Deallocate(ctx, "s"); err != nil {
		t.Fatal(err)
	}
	return all
}

// told is what a client is told.
func told(results []*pgconn.Result, err error) string {
	var all string
	for _, r := range results {
		for _, row := range r.Rows {
			all += fmt.Sprintf("%q\n", row)
		}
		all += fmt.Sprintln(r.CommandTag, r.Err)
	}
	if err != nil {
		all += fmt.Sprintln(err)
	}
	return all
}
