package integration

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	_ "github.com/lib/pq"

	"pgseal/integration/harness"
)

// bothSides runs a client against the plain database and through the proxy; it
// must print the same.
func bothSides(t *testing.T, pair *harness.Pair, run func(url string) string) {
	t.Helper()
	want := run(pair.TwinURL())
	if got := run(pair.URL()); got != want {
		t.Errorf("through the proxy:\n%s\nplain:\n%s", got, want)
	}
	if want == "" {
		t.Error("the client printed nothing")
	}
}

func TestPsql(t *testing.T) {
	psql := program(t, "psql")
	pair := harness.New(t, people)
	w := pair.Env.Canaries.Text()
	script := fmt.Sprintf(`
\set ON_ERROR_STOP 0
\set VERBOSITY verbose
INSERT INTO people (id, name, ssn, note, age) VALUES (1, 'psql', '%[1]s1', 'note', 42), (2, 'two', NULL, '', NULL);
SELECT * FROM people ORDER BY id;
\x on
SELECT * FROM people WHERE ssn = '%[1]s1';
\x off
\gdesc
SELECT id, ssn, age FROM people \gdesc
\set who '%[1]s1'
SELECT name FROM people WHERE ssn = :'who';
PREPARE p AS SELECT name FROM people WHERE ssn = $1;
EXECUTE p('%[1]s1');
BEGIN;
UPDATE people SET ssn = '%[1]s2' WHERE id = 1 RETURNING *;
SAVEPOINT s;
ROLLBACK TO s;
COMMIT;
SELECT ssn FROM people ORDER BY id;
\set AUTOCOMMIT off
DELETE FROM people WHERE ssn = '%[1]s2';
ROLLBACK;
SELECT count(*) FROM people;
`, w)
	file := filepath.Join(t.TempDir(), "script.sql")
	if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	bothSides(t, pair, func(url string) string { return client(t, psql, "-X", "-d", url, "-f", file) })
}

func TestPgbench(t *testing.T) {
	pgbench := program(t, "pgbench")
	pair := harness.New(t, people)
	conn := pair.Connect(t, pair.URL())
	for i := range 50 {
		if _, err := conn.Exec(t.Context(), "INSERT INTO people (id, name, ssn) VALUES ($1, 'bench', $2)", i, fmt.Sprintf("%s%d", pair.Env.Canaries.Text(), i)); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(t.TempDir(), "bench.sql")
	script := `\set id random(0, 49)
SELECT ssn, note FROM people WHERE id = :id;
UPDATE people SET note = :id WHERE id = :id;
SELECT id FROM people WHERE age = :id;
`
	if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []string{"simple", "extended", "prepared"} {
		out := client(t, pgbench, "-n", "-M", mode, "-c", "4", "-j", "2", "-t", "50", "-f", file, pair.URL())
		if !strings.Contains(out, "number of transactions actually processed: 200/200") {
			t.Errorf("-M %s:\n%s", mode, out)
		}
	}
}

// python that has psycopg: Debian's own.
const python = "/usr/bin/python3"

func TestPsycopg(t *testing.T) {
	if err := exec.CommandContext(t.Context(), python, "-c", "import psycopg").Run(); err != nil {
		t.Skip("psycopg is not on this machine (Debian: python3-psycopg)")
	}
	pair := harness.New(t, harness.Schema{
		DDL: `CREATE TABLE things (id int PRIMARY KEY, t text UNIQUE, v varchar(11), i int, b bool, f float8, n numeric(10,2),
			d date, at timestamptz, u uuid, j jsonb, raw bytea)`,
		Seal: []string{
			"public.things.t --equality", "public.things.v --equality", "public.things.i --equality", "public.things.b",
			"public.things.f", "public.things.n", "public.things.d --equality", "public.things.at", "public.things.u --equality",
			"public.things.j", "public.things.raw",
		},
	})
	script := filepath.Join("testdata", "application.py")
	word := pair.Env.Canaries.Word()
	bothSides(t, pair, func(url string) string { return client(t, python, script, url, word) })
}

func TestPgxInEveryQueryMode(t *testing.T) {
	pair := harness.New(t, people)
	for _, mode := range []pgx.QueryExecMode{
		pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe, pgx.QueryExecModeDescribeExec,
		pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol,
	} {
		t.Run(mode.String(), func(t *testing.T) {
			pair.Empty()
			w := pair.Env.Canaries.Text()
			bothSides(t, pair, func(url string) string { return pgxStory(t, url, mode, w) })
		})
	}
}

func pgxStory(t *testing.T, url string, mode pgx.QueryExecMode, w string) string {
	t.Helper()
	ctx := t.Context()
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	cfg.DefaultQueryExecMode = mode
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var out strings.Builder
	batch := &pgx.Batch{}
	for i := range 5 {
		batch.Queue("INSERT INTO people (id, name, ssn, note, age) VALUES ($1, $2, $3, $4, $5)", i, fmt.Sprint("n", i), fmt.Sprint(w, i), nil, 30+i)
	}
	batch.Queue("SELECT ssn, age FROM people WHERE ssn = $1", w+"3")
	results := conn.SendBatch(ctx, batch)
	for range 5 {
		tag, err := results.Exec()
		fmt.Fprintln(&out, tag, err)
	}
	var ssn string
	var age int
	err = results.QueryRow().Scan(&ssn, &age)
	fmt.Fprintln(&out, ssn, age, err, results.Close())

	for range 2 { // the second time from the cache, if the mode has one
		rows, err := conn.Query(ctx, "SELECT id, ssn, note, age FROM people WHERE ssn = ANY($1) OR age = $2 ORDER BY id", []string{w + "1", w + "2"}, 34)
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			values, err := rows.Values()
			fmt.Fprintln(&out, values, err)
		}
		fmt.Fprintln(&out, rows.CommandTag(), rows.Err())
	}
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "UPDATE people SET ssn = $1 WHERE id = $2", w+"tx", 1); err != nil {
			return err
		}
		return tx.QueryRow(ctx, "SELECT ssn FROM people WHERE id = 1").Scan(&ssn)
	})
	fmt.Fprintln(&out, ssn, err)
	_, err = conn.Exec(ctx, "UPDATE people SET ssn = $1 WHERE id = 2", "far too long for it")
	fmt.Fprintln(&out, err)
	return out.String()
}

func TestLibPQ(t *testing.T) {
	pair := harness.New(t, people)
	for _, flags := range []string{"", "&binary_parameters=yes"} {
		t.Run("options "+flags, func(t *testing.T) {
			pair.Empty()
			w := pair.Env.Canaries.Text()
			bothSides(t, pair, func(url string) string { return libpqStory(t, url+flags, w) })
		})
	}
}

func libpqStory(t *testing.T, url, w string) string {
	t.Helper()
	ctx := t.Context()
	db, err := sql.Open("postgres", url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var out strings.Builder
	insert, err := db.PrepareContext(ctx, "INSERT INTO people (id, name, ssn, age) VALUES ($1, $2, $3, $4)")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		_, err := insert.ExecContext(ctx, i, "pq", fmt.Sprint(w, i), 20+i)
		fmt.Fprintln(&out, err)
	}
	rows, err := db.QueryContext(ctx, "SELECT id, ssn, note, age FROM people WHERE ssn = $1 OR ssn = $2 ORDER BY id", w+"1", w+"2")
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		var id, age int
		var ssn string
		var note sql.NullString
		err := rows.Scan(&id, &ssn, &note, &age)
		fmt.Fprintln(&out, id, ssn, note, age, err)
	}
	types, err := rows.ColumnTypes()
	for _, typ := range types {
		length, ok := typ.Length()
		fmt.Fprintln(&out, typ.Name(), typ.DatabaseTypeName(), length, ok)
	}
	fmt.Fprintln(&out, err, rows.Err())
	_, err = db.ExecContext(ctx, "INSERT INTO people (name, ssn) VALUES ('again', $1)", w+"1")
	fmt.Fprintln(&out, err != nil)
	return out.String()
}
