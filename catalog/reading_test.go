package catalog_test

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"pgseal/catalog"
)

// readInside has a reading's questions answered in a transaction.
func readInside(t *testing.T, tx pgx.Tx, base *catalog.Snapshot) *catalog.Snapshot {
	t.Helper()
	asked := map[string]bool{}
	r := catalog.NewReading(base, nil)
	for {
		ask, s, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if s != nil {
			return s
		}
		for _, q := range ask {
			key := q.SQL
			for _, p := range q.Params {
				key += "\x00" + string(p)
			}
			if asked[key] || len(asked) > 100 {
				t.Fatalf("asked again: %s", key)
			}
			asked[key] = true
			got := tx.Conn().PgConn().ExecParams(t.Context(), q.SQL, q.Params, nil, nil, nil).Read()
			if got.Err != nil {
				t.Fatalf("%s: %v", q.SQL, got.Err)
			}
			for _, f := range got.FieldDescriptions {
				q.Types = append(q.Types, f.DataTypeOID)
			}
			q.Rows = got.Rows
		}
	}
}

// What is read inside of a transaction is what the others see when it has committed,
// and nothing is asked twice.
func TestAReadingSeesWhatTheTransactionHasDone(t *testing.T) {
	_, conn := sealedDatabase(t)
	base := load(t, conn)
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{
		"SET LOCAL search_path = pg_catalog",
		"CREATE TABLE public.copied AS SELECT * FROM public.users", "ALTER TABLE public.users RENAME TO people", "ALTER TABLE public.people DROP COLUMN note",
		"CREATE TABLE public.users (id int)", "CREATE VIEW public.seen AS SELECT ssn AS number FROM public.people",
	} {
		if _, err := tx.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	inside := readInside(t, tx, base)
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	after := load(t, conn)
	for name, want := range map[string]string{"copied": "id ssn=1 note=2", "people": "id ssn=1", "users": "id", "seen": "number=1"} {
		if got, later := columns(named(inside, "public", name)), columns(named(after, "public", name)); got != want || later != want {
			t.Errorf("%s: inside %s, later %s, want %s", name, got, later, want)
		}
	}
}
