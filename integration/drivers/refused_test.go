package drivers

import (
	"database/sql"
	"errors"
	"strings"
	"testing"

	"github.com/lib/pq"
)

// What is refused reaches the user with its reason, place and hint, and the
// session goes on.
func TestRefusalsAreShown(t *testing.T) {
	pair := shopPair(t)
	word := pair.Env.Canaries.Word()
	t.Run("psql", func(t *testing.T) {
		out := run(t, pair.URL(), "sh", "-c", `exec "$@" 2>&1`, "sh", tool(t, "psql"), "-XAt",
			"-c", "SELECT quote_ident(note) FROM customers", "-c", "SELECT count(*) FROM customers WHERE email = '"+word+"'")
		lines := strings.Split(out, "\n")
		for i, want := range []string{
			"ERROR:  sealed column public.customers.note", "LINE 1: SELECT quote_ident(note) FROM customers", "                           ^", "DETAIL:", "HINT:", "0",
		} {
			if i >= len(lines) || !strings.HasPrefix(lines[i], want) {
				t.Errorf("line %d does not begin with %q:\n%s", i+1, want, out)
			}
		}
	})
	t.Run("lib/pq", func(t *testing.T) {
		db, err := sql.Open("postgres", pair.URL())
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		tx, err := db.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		var email string
		if err := tx.QueryRowContext(t.Context(), "INSERT INTO customers (name, email) VALUES ('x', $1) RETURNING email", word).Scan(&email); err != nil || email != word {
			t.Fatal(email, err)
		}
		err = tx.QueryRowContext(t.Context(), "SELECT quote_ident(note) FROM customers WHERE id > $1", 0).Scan(&email)
		if e := new(pq.Error); !errors.As(err, &e) || e.Code != "0A000" || e.Position != "20" || e.Hint == "" {
			t.Errorf("%v, want a refusal with its place and a hint", err)
		}
		if err := tx.Rollback(); err != nil {
			t.Fatal(err)
		}
		n := -1
		if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM customers WHERE email = $1", word).Scan(&n); err != nil || n != 0 {
			t.Errorf("%d rows, %v; want none", n, err)
		}
	})
}
