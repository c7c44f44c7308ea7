package catalog_test

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"pgseal/catalog"
)

// readInside has a reading's questions answered in a transaction.
func readInside(t *testing.T, tx pgx.Tx, base *catalog.Snapshot) *catalog.Snapshot {
	t.Helper()
	s, _ := readAgain(t, tx, base, nil, false)
	return s
}

// readAgain is readInside after another reading; it says how many questions it took.
func readAgain(t *testing.T, tx pgx.Tx, base, before *catalog.Snapshot, anew bool) (*catalog.Snapshot, int) {
	t.Helper()
	asked := map[string]bool{}
	r := catalog.NewReading(base, before, anew)
	for {
		ask, s, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if s != nil {
			return s, len(asked)
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

// What has been read is given again as long as the transaction changes nothing of it.
func TestAReadingIsGivenAgainUntilSomethingOfItChanges(t *testing.T) {
	_, conn := sealedDatabase(t)
	base := load(t, conn)
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(t.Context())
	exec := func(sql string) {
		t.Helper()
		if _, err := tx.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	exec("SET LOCAL search_path = pg_catalog")
	exec("CREATE TABLE public.first (id int)")
	last := readInside(t, tx, base)
	for _, sql := range []string{"CREATE TABLE public.second (id int)", "ALTER TABLE public.second ADD note text", "CREATE INDEX ON public.second (id)"} {
		exec(sql)
		if again, n := readAgain(t, tx, base, last, false); again != last || n != 1 {
			t.Errorf("after %s: read anew, by %d questions", sql, n)
		}
	}
	if named(last, "public", "second") != nil {
		t.Error("the table was there before it was made")
	}
	last, _ = readAgain(t, tx, base, last, true)
	if named(last, "public", "second") == nil {
		t.Error("a table that has been made is not read")
	}
	for _, sql := range []string{
		"ALTER TABLE public.second ADD more int", "ALTER TABLE public.users RENAME note TO remark", "CREATE TABLE public.copied AS SELECT * FROM public.users",
		"CREATE FUNCTION public.f() RETURNS text LANGUAGE sql AS 'SELECT ssn::text FROM public.users'", "CREATE SCHEMA other", "CREATE TABLE other.users (id int)",
		"CREATE INDEX ON public.users (id)", "ALTER TABLE public.users SET SCHEMA other2", "CREATE TYPE public.mood AS ENUM ('a')", "DROP TABLE public.copied",
	} {
		if strings.HasSuffix(sql, "other2") {
			exec("CREATE SCHEMA other2")
		}
		exec(sql)
		again, _ := readAgain(t, tx, base, last, false)
		if again == last {
			t.Errorf("after %s: given again", sql)
		}
		last = again
	}
}
