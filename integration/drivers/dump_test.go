package drivers

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"pgseal/integration/harness"
)

// restricting are lines with a word that pg_dump makes up at random.
var restricting = regexp.MustCompile(`(?m)^\\(un)?restrict .*$`)

// A dump through pgseal is that of the plaintext database, in every format, and
// fills a plaintext database or, through pgseal, a sealed one.
func TestDumpAndRestore(t *testing.T) {
	dump, restore, psql := tool(t, "pg_dump"), tool(t, "pg_restore"), tool(t, "psql")
	pair := shopPair(t)
	word := pair.Env.Canaries.Word()
	fill := `INSERT INTO customers (name, email, ssn, born, visits, income, score, vip, seen, token, profile, photo, note)
		VALUES ('Ada', '` + word + `@example.com', '` + word + `1', '1815-12-10', 7, 1234.5, 0.1, true, '2024-07-01 12:30:15.123456+00',
			'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{"likes": [1, null, "x"]}', '\x00ff275c', E'it''s a \\ note\n\tof ` + word + `'),
			('Null', '` + word + `', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
		INSERT INTO orders (customer_id, amount, placed, card, comment) VALUES (1, 1, '2024-01-01', '` + word + `', '` + word + `')`
	for _, url := range []string{pair.TwinURL(), pair.URL()} {
		run(t, url, psql, "-Xq", "-v", "ON_ERROR_STOP=1", "-c", fill)
	}
	plain := func(url string, options ...string) string {
		return restricting.ReplaceAllString(run(t, url, append([]string{dump, "-n", "public"}, options...)...), "")
	}
	for _, options := range []string{"", "--inserts", "--column-inserts --rows-per-insert=2", "--data-only --no-owner", "--schema-only --no-acl"} {
		same(t, plain(pair.URL(), strings.Fields(options)...), plain(pair.TwinURL(), strings.Fields(options)...))
	}

	contents := func(url string) string {
		return run(t, url, psql, "-XAt", "-c", "SELECT * FROM customers ORDER BY id", "-c", "SELECT * FROM orders ORDER BY id")
	}
	want := contents(pair.TwinURL())
	dir := t.TempDir()
	custom, directory := filepath.Join(dir, "custom"), filepath.Join(dir, "directory")
	run(t, pair.URL(), dump, "-n", "public", "-Fc", "-f", custom)
	run(t, pair.URL(), dump, "-n", "public", "-Fd", "-j", "2", "-f", directory)

	// Into a database without pgseal.
	if err := pair.Env.Twin.CreateDatabase(t.Context(), "restored", "OWNER "+harness.Owner); err != nil {
		t.Fatal(err)
	}
	restored := pair.Env.Twin.DSN("restored", harness.Owner)
	run(t, restored, restore, "--no-owner", "-O", "-x", "-c", "--if-exists", "-d", restored, custom)
	same(t, contents(restored), want)

	// Through pgseal into a sealed one.
	for _, archive := range []string{custom, directory} {
		pair.Empty()
		run(t, pair.URL(), restore, "--data-only", "-d", pair.URL(), archive)
		same(t, contents(pair.URL()), want)
	}
}
