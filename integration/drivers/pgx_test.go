package drivers

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

func TestPgx(t *testing.T) {
	pair := shopPair(t)
	for _, mode := range []pgx.QueryExecMode{
		pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe, pgx.QueryExecModeDescribeExec,
		pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol,
	} {
		t.Run(mode.String(), func(t *testing.T) {
			pair.Empty()
			word := pair.Env.Canaries.Word()
			want := pgxStory(t, pair.TwinURL(), mode, word)
			same(t, pgxStory(t, pair.URL(), mode, word), want)
		})
	}
}

// report prints what an application sees of an error.
func report(out *strings.Builder, err error) {
	if e := new(pgconn.PgError); errors.As(err, &e) {
		fmt.Fprintln(out, e.Code, e.Message, e.ConstraintName, e.ColumnName, e.Position)
		return
	}
	fmt.Fprintln(out, err)
}

func pgxStory(t *testing.T, url string, mode pgx.QueryExecMode, w string) string {
	t.Helper()
	ctx := t.Context()
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	cfg.ConnConfig.DefaultQueryExecMode = mode
	cfg.MaxConns = 2
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	out := &strings.Builder{}

	insert := `INSERT INTO customers (name, email, ssn, born, visits, income, score, vip, seen, token, profile, photo, note)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) RETURNING id, ssn, born`
	born := time.Date(1815, 12, 10, 0, 0, 0, 0, time.UTC)
	seen := time.Date(2024, 7, 1, 12, 30, 15, 123456000, time.UTC)
	var id int64
	var ssn string
	var day time.Time
	err = pool.QueryRow(ctx, insert, "Ada", w+"@example.com", w+"1", born, 7, "1234.50", 0.1, true, seen, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
		map[string]any{"likes": []any{1, nil, w}}, []byte("\x00\xff'\\"+w), "it's a \\ note\n\t"+w+" ünï").Scan(&id, &ssn, &day)
	fmt.Fprintln(out, id, ssn, day, err)
	batch := &pgx.Batch{}
	for i := range 5 {
		batch.Queue("INSERT INTO customers (name, email, visits) VALUES ($1, $2, $3)", fmt.Sprint("n", i), fmt.Sprint(w, i), 30+i)
	}
	batch.Queue("SELECT email, visits FROM customers WHERE email = $1", w+"3")
	results := pool.SendBatch(ctx, batch)
	for range 5 {
		tag, err := results.Exec()
		fmt.Fprintln(out, tag, err)
	}
	var email string
	var visits int
	err = results.QueryRow().Scan(&email, &visits)
	fmt.Fprintln(out, email, visits, err, results.Close())

	for range 2 { // the second time from the cache, if the mode has one
		rows, err := pool.Query(ctx, "SELECT * FROM customers WHERE email = ANY($1) OR visits = $2 ORDER BY id", []string{w + "@example.com", w + "2"}, 34)
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			values, err := rows.Values()
			fmt.Fprintln(out, values, err)
		}
		for _, f := range rows.FieldDescriptions() {
			fmt.Fprint(out, f.Name, f.DataTypeOID, f.TypeModifier, f.TableAttributeNumber, " ")
		}
		fmt.Fprintln(out, rows.CommandTag(), rows.Err())
	}
	people, err := pool.Query(ctx, "SELECT email, born FROM customers WHERE born = $1 AND ssn = $2", born, w+"1")
	if err != nil {
		t.Fatal(err)
	}
	type person struct {
		Email string
		Born  time.Time
	}
	collected, err := pgx.CollectRows(people, pgx.RowToStructByName[person])
	fmt.Fprintln(out, collected, err)

	// A transaction with one within it that fails, and one that is undone.
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "UPDATE customers SET ssn = $1 WHERE id = $2", w+"t", id); err != nil {
			return err
		}
		report(out, pgx.BeginFunc(ctx, tx, func(inner pgx.Tx) error {
			_, err := inner.Exec(ctx, "INSERT INTO customers (name, email) VALUES ('twice', $1)", w+"@example.com")
			return err
		}))
		if err := tx.QueryRow(ctx, "SELECT ssn FROM customers WHERE id = $1", id).Scan(&ssn); err != nil {
			return err
		}
		fmt.Fprintln(out, ssn)
		return errors.New("undone")
	})
	fmt.Fprintln(out, err)
	err = pool.QueryRow(ctx, "SELECT ssn FROM customers WHERE id = $1", id).Scan(&ssn)
	fmt.Fprintln(out, ssn, err)
	_, err = pool.Exec(ctx, "UPDATE customers SET ssn = $1 WHERE id = 2", "far too long for it")
	report(out, err)
	_, err = pool.Exec(ctx, "UPDATE customers SET nothing = $1 WHERE ssn = $2", "x", w)
	report(out, err)

	// What is refused is an error like any other: the pool keeps its connections.
	pgxCopy(t, out, pool, w)
	err = pool.QueryRow(ctx, "SELECT email FROM customers WHERE email = $1", w+"4").Scan(&email)
	fmt.Fprintln(out, email, err, pool.Stat().TotalConns() <= 2)
	return out.String()
}

// pgxCopy is COPY, which pgx always sends in binary.
func pgxCopy(t *testing.T, out *strings.Builder, pool *pgxpool.Pool, w string) {
	t.Helper()
	ctx := t.Context()
	var rows [][]any
	for i := range 100 {
		rows = append(rows, []any{"copied", fmt.Sprint(w, "c", i), i, nil, []byte{0, byte(i)}})
	}
	n, err := pool.CopyFrom(ctx, pgx.Identifier{"customers"}, []string{"name", "email", "visits", "born", "photo"}, pgx.CopyFromRows(rows))
	fmt.Fprintln(out, n, err)
	_, err = pool.CopyFrom(ctx, pgx.Identifier{"customers"}, []string{"name", "email"}, pgx.CopyFromRows([][]any{{"twice", w + "c1"}}))
	report(out, err)
	var email string
	var photo []byte
	err = pool.QueryRow(ctx, "SELECT email, photo FROM customers WHERE email = $1", w+"c42").Scan(&email, &photo)
	fmt.Fprintln(out, email, photo, err)
	conn, err := pool.Acquire(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	tag, err := conn.Conn().PgConn().CopyTo(ctx, out, "COPY (SELECT name, email, visits, photo FROM customers ORDER BY id LIMIT 10) TO STDOUT")
	fmt.Fprintln(out, tag, err)
}

// A refusal is an error like any other, and the session goes on.
func TestPgxIsRefused(t *testing.T) {
	pair := shopPair(t)
	conn := pair.Connect(t, pair.URL())
	var email string
	err := pgx.BeginFunc(t.Context(), conn, func(tx pgx.Tx) error {
		err := pgx.BeginFunc(t.Context(), tx, func(inner pgx.Tx) error {
			return inner.QueryRow(t.Context(), "SELECT quote_ident(note) FROM customers").Scan(&email)
		})
		if e := new(pgconn.PgError); !errors.As(err, &e) || e.Code != "0A000" || e.Hint == "" {
			t.Errorf("%v, want a refusal with a hint", err)
		}
		return tx.QueryRow(t.Context(), "INSERT INTO customers (name, email) VALUES ('usable', $1) RETURNING email", pair.Env.Canaries.Word()).Scan(&email)
	})
	if err != nil {
		t.Error(err)
	}
	if err := conn.Close(context.WithoutCancel(t.Context())); err != nil {
		t.Error(err)
	}
}
