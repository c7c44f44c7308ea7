package session

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"pgseal/integration/pgtest"
)

// tampered is a session on a database in which the email of person 2 has been
// overwritten with an envelope that does not open.
func tampered(t *testing.T) (*through, *pgx.Conn) {
	p := connectThrough(t, 32<<10)
	server, err := twins()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), server.DSN(sealedDB, pgtest.Superuser))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	ask(t, p, `client Query "TRUNCATE people"
client Query "INSERT INTO people (id, name, email) VALUES (1, 'a', 'a@b.c'), (2, 'b', 'd@e.f')"`)
	if _, err := conn.Exec(t.Context(), "UPDATE people SET email = overlay(email PLACING '\\x0000' FROM 50) WHERE id = 2"); err != nil {
		t.Fatal(err)
	}
	return p, conn
}

// ask sends the client frames of a script and gives what comes back.
func ask(t *testing.T, p *through, script string) string {
	t.Helper()
	client, _ := streams(t, script)
	p.send(client)
	return answers(t, p, strings.Count(script, "Query ")+strings.Count(script, "Sync"), 'Z')
}

func expect(t *testing.T, got string, want ...string) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(got), "\n")
	for i := range max(len(lines), len(want)) {
		switch {
		case i >= len(lines):
			t.Fatalf("missing %q in\n%s", want[i], got)
		case i >= len(want) || !strings.HasPrefix(lines[i], want[i]):
			t.Fatalf("unexpected %q in\n%s", lines[i], got)
		}
	}
}

func note(t *testing.T, conn *pgx.Conn) string {
	t.Helper()
	var s *string
	if err := conn.QueryRow(t.Context(), "SELECT note FROM people WHERE id = 2").Scan(&s); err != nil {
		t.Fatal(err)
	}
	if s == nil {
		return ""
	}
	return *s
}

const doesNotOpen = `ErrorResponse XX001 "a value of sealed column \"public.people.email\" does not open"`

// In a transaction block the client cannot commit believing that all was well.
func TestValueThatDoesNotOpenAbortsTheTransaction(t *testing.T) {
	p, conn := tampered(t)
	got := ask(t, p, `client Query "BEGIN"
client Query "UPDATE people SET note = 'x'"
client Query "SELECT email FROM people ORDER BY id"
client Query "SELECT 1"
client Query "COMMIT"
client Query "SELECT id FROM people WHERE email = 'a@b.c'"`)
	expect(t, got,
		`CommandComplete "BEGIN"`, `ReadyForQuery T`,
		`CommandComplete "UPDATE 2"`, `ReadyForQuery T`,
		`RowDescription`, `DataRow "a@b.c"`, doesNotOpen, `ReadyForQuery E`,
		`ErrorResponse 25P02`, `ReadyForQuery E`,
		`CommandComplete "ROLLBACK"`, `ReadyForQuery I`,
		`RowDescription`, `DataRow "1"`, `CommandComplete "SELECT 1"`, `ReadyForQuery I`)
	if n := note(t, conn); n != "" {
		t.Errorf("the update was committed: %q", n)
	}
}

// A pipeline that writes is undone as a whole, though the server itself saw
// nothing wrong with it.
func TestValueThatDoesNotOpenUndoesThePipeline(t *testing.T) {
	p, conn := tampered(t)
	got := ask(t, p, `client Parse "" "UPDATE people SET note = 'x' RETURNING email" -
client Bind "" "" - -
client Execute "" 0
client Parse "" "UPDATE people SET note = 'y'" -
client Bind "" "" - -
client Execute "" 0
client Sync
client Query "SELECT 1"`)
	expect(t, got, `ParseComplete`, `BindComplete`, `DataRow "a@b.c"`, doesNotOpen, `ReadyForQuery I`,
		`RowDescription`, `DataRow "1"`, `CommandComplete "SELECT 1"`, `ReadyForQuery I`)
	if n := note(t, conn); n != "" {
		t.Errorf("the pipeline was committed: %q", n)
	}
}

// The simple protocol commits before its rows can be read; the error says so.
func TestValueThatDoesNotOpenAfterTheCommitIsSaidToBeAfterIt(t *testing.T) {
	p, conn := tampered(t)
	got := ask(t, p, `client Query "UPDATE people SET note = 'x' RETURNING email"`)
	expect(t, got, `RowDescription`, `DataRow "a@b.c"`, doesNotOpen, `ReadyForQuery I`)
	if n := note(t, conn); n != "x" || !strings.Contains(got, "carried the statement out all the same") {
		t.Errorf("note %q, and the client was told\n%s", n, got)
	}
}

// A cursor in the protocol: the rows before stay, the portal ends.
func TestValueThatDoesNotOpenEndsThePortal(t *testing.T) {
	p, _ := tampered(t)
	got := ask(t, p, `client Query "BEGIN"
client Parse s "SELECT email FROM people ORDER BY id" -
client Bind c s - 1
client Execute c 1
client Sync
client Execute c 1
client Sync
client Execute c 1
client Sync
client Query "ROLLBACK"`)
	expect(t, got, `CommandComplete "BEGIN"`, `ReadyForQuery T`,
		`ParseComplete`, `BindComplete`, `DataRow "a@b.c"`, `PortalSuspended`, `ReadyForQuery T`,
		doesNotOpen, `ReadyForQuery E`,
		`ErrorResponse 25P02`, `ReadyForQuery E`,
		`CommandComplete "ROLLBACK"`, `ReadyForQuery I`)
}
