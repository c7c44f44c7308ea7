package drivers

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lib/pq"
)

func TestLibPQ(t *testing.T) {
	pair := shopPair(t)
	for _, options := range []string{"", "&binary_parameters=yes"} {
		t.Run("options "+options, func(t *testing.T) {
			pair.Empty()
			word := pair.Env.Canaries.Word()
			want := libpqStory(t, pair.TwinURL()+options, word)
			same(t, libpqStory(t, pair.URL()+options, word), want)
		})
	}
}

// reportPQ prints what an application sees of an error.
func reportPQ(out *strings.Builder, err error) {
	if e := new(pq.Error); errors.As(err, &e) {
		fmt.Fprintln(out, e.Code, e.Message, e.Constraint, e.Column, e.Position)
		return
	}
	fmt.Fprintln(out, err)
}

func libpqStory(t *testing.T, url, w string) string {
	t.Helper()
	ctx := t.Context()
	db, err := sql.Open("postgres", url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(2)
	out := &strings.Builder{}
	insert, err := db.PrepareContext(ctx, `INSERT INTO customers (name, email, ssn, born, visits, income, vip, seen, token, profile, photo, note)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		_, err := insert.ExecContext(ctx, "pq", fmt.Sprint(w, i), fmt.Sprint(w, i), time.Date(1815, 12, 10+i, 0, 0, 0, 0, time.UTC), 20+i, "1234.50", i == 0,
			time.Date(2024, 7, 1, 12, 30, 15, 123456000, time.UTC), "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", `{"a": [1, null]}`, []byte{0, 255, byte(i)}, "it's a \\ note\n"+w)
		fmt.Fprintln(out, err)
	}
	rows, err := db.QueryContext(ctx, "SELECT * FROM customers WHERE ssn = $1 OR born = $2 ORDER BY id", w+"1", "1815-12-12")
	if err != nil {
		t.Fatal(err)
	}
	printRows(t, out, rows)
	rows, err = db.QueryContext(ctx, "SELECT id, email FROM customers WHERE email = ANY($1) AND visits <> ALL($2) ORDER BY id",
		pq.Array([]string{w + "0", w + "2"}), pq.Array([]int{22}))
	if err != nil {
		t.Fatal(err)
	}
	printRows(t, out, rows)
	rows, err = db.QueryContext(ctx, "SELECT email, ssn FROM contacts ORDER BY id")
	if err != nil {
		t.Fatal(err)
	}
	printRows(t, out, rows)

	for _, failing := range []struct {
		sql string
		arg any
	}{
		{"INSERT INTO customers (name, email) VALUES ('twice', $1)", w + "1"},
		{"INSERT INTO customers (name, email, ssn) VALUES ('long', 'x', $1)", w + w},
		{"INSERT INTO customers (name, email, born) VALUES ('date', 'x', $1)", "2024-02-30"},
		{"INSERT INTO customers (name, email) VALUES ('null', $1)", nil},
		{"SELECT nothing FROM customers WHERE email = $1", w},
	} {
		_, err := db.ExecContext(ctx, failing.sql, failing.arg)
		reportPQ(out, err)
	}
	tx, err := db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelSerializable})
	if err != nil {
		t.Fatal(err)
	}
	result, err := tx.ExecContext(ctx, "UPDATE customers SET note = $1 WHERE visits = $2", w+" undone", 21)
	if err != nil {
		t.Fatal(err)
	}
	n, err := result.RowsAffected()
	fmt.Fprintln(out, n, err, tx.Rollback())
	var note string
	err = db.QueryRowContext(ctx, "SELECT note FROM customers WHERE visits = 21").Scan(&note)
	fmt.Fprintln(out, note, err)
	libpqListens(t, out, url)
	libpqCopies(t, out, db, w)
	return out.String()
}

func printRows(t *testing.T, out *strings.Builder, rows *sql.Rows) {
	t.Helper()
	types, err := rows.ColumnTypes()
	if err != nil {
		t.Fatal(err)
	}
	cells := make([]any, len(types))
	for i, typ := range types {
		length, ok := typ.Length()
		precision, scale, _ := typ.DecimalSize()
		fmt.Fprintln(out, typ.Name(), typ.DatabaseTypeName(), typ.ScanType(), length, ok, precision, scale)
		cells[i] = new(any)
	}
	for rows.Next() {
		if err := rows.Scan(cells...); err != nil {
			t.Fatal(err)
		}
		for _, c := range cells {
			fmt.Fprintf(out, "%q ", fmt.Sprint(*c.(*any)))
		}
		fmt.Fprintln(out)
	}
	fmt.Fprintln(out, rows.Err(), rows.Close())
}

func libpqListens(t *testing.T, out *strings.Builder, url string) {
	t.Helper()
	listener := pq.NewListener(url, time.Second, time.Minute, nil)
	defer listener.Close()
	if err := listener.Listen("news"); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("postgres", url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), "SELECT pg_notify('news', 'paper')"); err != nil {
		t.Fatal(err)
	}
	select {
	case n := <-listener.Notify:
		fmt.Fprintln(out, n.Channel, n.Extra, listener.Ping())
	case <-time.After(30 * time.Second):
		t.Error("no notification")
	}
}

func libpqCopies(t *testing.T, out *strings.Builder, db *sql.DB, w string) {
	t.Helper()
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	copied, err := tx.PrepareContext(t.Context(), "COPY customers (name, email, visits, note, photo) FROM STDIN")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 50 {
		if _, err := copied.ExecContext(t.Context(), "copied", fmt.Sprint(w, "c\t", i), i, nil, []byte{0, '\\', byte(i)}); err != nil {
			t.Fatal(err)
		}
	}
	result, err := copied.ExecContext(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	n, err := result.RowsAffected()
	fmt.Fprintln(out, n, err, copied.Close(), tx.Commit())
	rows, err := db.QueryContext(t.Context(), "SELECT email, visits, note, photo FROM customers WHERE email = $1", w+"c\t42")
	if err != nil {
		t.Fatal(err)
	}
	printRows(t, out, rows)
}
