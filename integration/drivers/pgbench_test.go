package drivers

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"pgseal/integration/harness"
)

// banks is pgbench's own schema with the columns sealed that its scripts do not
// compute.
var banks = harness.Schema{
	DDL: `
CREATE TABLE pgbench_history (tid int, bid int, aid int, delta int, mtime timestamp, filler char(22));
CREATE TABLE pgbench_tellers (tid int NOT NULL, bid int, tbalance int, filler char(84)) WITH (fillfactor=100);
CREATE TABLE pgbench_accounts (aid int NOT NULL, bid int, abalance int, filler char(84)) WITH (fillfactor=100);
CREATE TABLE pgbench_branches (bid int NOT NULL, bbalance int, filler char(88)) WITH (fillfactor=100);`,
	Seal: []string{"public.pgbench_accounts.filler", "public.pgbench_tellers.filler", "public.pgbench_history.filler"},
}

// processed is the line that says how many transactions pgbench has run.
var processed = regexp.MustCompile(`number of transactions actually processed: (\d+)/\d+`)

func TestPgbench(t *testing.T) {
	pgbench := tool(t, "pgbench")
	psql := tool(t, "psql")
	pair := harness.New(t, banks)
	contents := func(url string) string {
		return run(t, url, psql, "-XAt", "-c", "SELECT * FROM pgbench_accounts ORDER BY aid LIMIT 30", "-c", "SELECT * FROM pgbench_tellers ORDER BY tid",
			"-c", "SELECT * FROM pgbench_branches", "-c", "SELECT count(*), count(mtime), count(filler) FROM pgbench_history")
	}
	// Rows made by the client and sent by COPY, then made by the server.
	for _, steps := range []string{"g", "Gvp"} {
		t.Run("-I "+steps, func(t *testing.T) {
			for _, url := range []string{pair.TwinURL(), pair.URL()} {
				run(t, url, pgbench, "-i", "-q", "-I", steps)
			}
			same(t, contents(pair.URL()), contents(pair.TwinURL()))
		})
	}
	script := filepath.Join(t.TempDir(), "words.sql")
	text := fmt.Sprintf(`\set aid random(1, 1000)
UPDATE pgbench_accounts SET filler = '%s' WHERE aid = :aid;
SELECT filler FROM pgbench_accounts WHERE aid = :aid;

`, pair.Env.Canaries.Word())
	if err := os.WriteFile(script, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []string{"simple", "extended", "prepared"} {
		for _, builtin := range []string{"tpcb-like", "simple-update", "select-only", script} {
			t.Run(mode+" "+filepath.Base(builtin), func(t *testing.T) {
				which := "-b"
				if builtin == script {
					which = "-f"
				}
				out := run(t, pair.URL(), pgbench, "-n", "-M", mode, "-c", "4", "-j", "2", "-t", "40", which, builtin)
				if found := processed.FindStringSubmatch(out); found == nil || found[1] != "160" {
					t.Error(out)
				}
			})
		}
	}
	// Tables dropped and made anew are plain ones.
	for _, url := range []string{pair.TwinURL(), pair.URL()} {
		run(t, url, pgbench, "-i", "-q", "-I", "dtgvpf")
	}
	same(t, contents(pair.URL()), contents(pair.TwinURL()))
	if out := run(t, pair.URL(), pgbench, "-n", "-C", "-M", "prepared", "-c", "2", "-t", "20"); processed.FindStringSubmatch(out) == nil {
		t.Error(out)
	}
}

// ledger is pgbench's own schema with the columns sealed that its scripts compute.
var ledger = harness.Schema{
	DDL: `
CREATE TABLE pgbench_history (tid int, bid int, aid int, delta int, mtime timestamp, filler char(22));
CREATE TABLE pgbench_tellers (tid int PRIMARY KEY, bid int, tbalance int, filler char(84));
CREATE TABLE pgbench_accounts (aid int PRIMARY KEY, bid int, abalance int, filler char(84));
CREATE TABLE pgbench_branches (bid int PRIMARY KEY, bbalance int, filler char(88));`,
	Seal: []string{"public.pgbench_accounts.abalance", "public.pgbench_tellers.tbalance", "public.pgbench_branches.bbalance", "public.pgbench_history.delta"},
}

// Clients of pgbench that change the same sealed balances lose nothing of each other's:
// what stands in the accounts, the tellers and the branch is what the history says.
func TestPgbenchKeepsSealedBooks(t *testing.T) {
	pgbench, psql := tool(t, "pgbench"), tool(t, "psql")
	pair := harness.New(t, ledger)
	run(t, pair.URL(), pgbench, "-i", "-q", "-I", "g")
	for _, mode := range []string{"simple", "extended", "prepared"} {
		out := run(t, pair.URL(), pgbench, "-n", "-M", mode, "-c", "4", "-j", "2", "-t", "40", "-b", "tpcb-like")
		if found := processed.FindStringSubmatch(out); found == nil || found[1] != "160" {
			t.Error(out)
		}
	}
	sum := func(column, table string) (total int) {
		for line := range strings.FieldsSeq(run(t, pair.URL(), psql, "-XAt", "-c", "SELECT "+column+" FROM pgbench_"+table)) {
			n, err := strconv.Atoi(line)
			if err != nil {
				t.Fatal(err)
			}
			total += n
		}
		return total
	}
	want := sum("delta", "history")
	for _, balance := range [][2]string{{"abalance", "accounts"}, {"tbalance", "tellers"}, {"bbalance", "branches"}} {
		if got := sum(balance[0], balance[1]); got != want {
			t.Errorf("%s: %d, the history has %d", balance[1], got, want)
		}
	}
}
