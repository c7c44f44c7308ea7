package drivers

import (
	"path/filepath"
	"testing"
)

// psqlScript runs a script of testdata in psql and returns what it prints,
// errors among it.
func psqlScript(t *testing.T, psql, url, word, script string) string {
	t.Helper()
	file, err := filepath.Abs(filepath.Join("testdata", script))
	if err != nil {
		t.Fatal(err)
	}
	return run(t, url, "sh", "-c", `cd "$0" && exec "$@" 2>&1`, t.TempDir(), psql, "-X", "-v", "word="+word, "-f", file)
}

func TestPsql(t *testing.T) {
	psql := tool(t, "psql")
	pair := shopPair(t)
	word := pair.Env.Canaries.Word()
	want := psqlScript(t, psql, pair.TwinURL(), word, "psql_app.sql")
	same(t, psqlScript(t, psql, pair.URL(), word, "psql_app.sql"), want)
}
