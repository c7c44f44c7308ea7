package integration

import (
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"pgseal/integration/harness"
)

// A row that cannot be computed fails its statement, and with it what PostgreSQL would not have
// carried out behind it, or would have taken back.
func TestARowThatFailsTakesBackWhatIsAroundIt(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL:  "CREATE TABLE t (id int PRIMARY KEY, n int, name text); CREATE TABLE plain (id int PRIMARY KEY)",
		Seal: []string{"public.t.n", "public.t.name"},
	})
	for _, url := range []string{pair.TwinURL(), pair.URL()} {
		dialogue(t, url, []pgproto3.FrontendMessage{&pgproto3.Query{String: "INSERT INTO t VALUES (1, 5, 'a'), (2, 0, 'b'), (3, 10, 'c')"}})
	}
	// one is a statement in the extended protocol, without Sync.
	one := func(sql string) []pgproto3.FrontendMessage {
		return []pgproto3.FrontendMessage{&pgproto3.Parse{Query: sql}, &pgproto3.Bind{}, &pgproto3.Execute{}}
	}
	pipeline := func(texts ...string) (all []pgproto3.FrontendMessage) {
		for _, sql := range texts {
			all = append(all, one(sql)...)
		}
		return append(all, &pgproto3.Sync{})
	}
	query := func(texts ...string) (all []pgproto3.FrontendMessage) {
		for _, sql := range texts {
			all = append(all, &pgproto3.Query{String: sql})
		}
		return all
	}
	const fails, works, sorted = "SELECT id, 10 / n FROM t", "SELECT n + 1 FROM t ORDER BY id", "SELECT id, 10 / n FROM t ORDER BY n"
	for name, messages := range map[string][]pgproto3.FrontendMessage{
		"a Parse with a mistake":                 append(append(pipeline("UPDATE plain SET id = id WHERE id = 4"), &pgproto3.Parse{Query: "SELECT nothing FROM t WHERE n > 5"}, &pgproto3.Sync{}), &pgproto3.Bind{}, &pgproto3.Execute{}, &pgproto3.Sync{}),
		"a pipeline that commits":                pipeline("BEGIN", "INSERT INTO plain VALUES (1)", fails, "COMMIT"),
		"a pipeline that commits and goes on":    pipeline("INSERT INTO plain VALUES (2)", fails, "INSERT INTO plain VALUES (3)", "COMMIT"),
		"a pipeline of rows that work":           pipeline("BEGIN", works, "INSERT INTO plain VALUES (4)", works, "COMMIT"),
		"a pipeline of rows that are sorted":     pipeline("BEGIN", "INSERT INTO plain VALUES (5)", sorted, "COMMIT"),
		"a pipeline with a savepoint":            append(pipeline("BEGIN", "SAVEPOINT a", fails, "RELEASE a"), query("COMMIT")...),
		"a pipeline with a name behind":          append(append(append(one(fails), &pgproto3.Parse{Name: "s", Query: "SELECT 1"}, &pgproto3.Sync{}), &pgproto3.Bind{PreparedStatement: "s"}, &pgproto3.Execute{}), &pgproto3.Sync{}),
		"a pipeline with an unnamed one behind":  append(append(append(one(fails), &pgproto3.Parse{Query: "SELECT 'other'"}, &pgproto3.Sync{}), &pgproto3.Bind{}, &pgproto3.Execute{}), &pgproto3.Sync{}),
		"a text that writes in front":            query("INSERT INTO plain VALUES (11); SELECT id, 10 / n FROM t", "SELECT 1"),
		"a text that writes behind":              query("SELECT id, 10 / n FROM t; INSERT INTO plain VALUES (12)", "SELECT 1"),
		"a text that commits":                    query("BEGIN; INSERT INTO plain VALUES (13); SELECT id, 10 / n FROM t; COMMIT", "ROLLBACK"),
		"a text that goes on behind its end":     query("BEGIN; SELECT id, 10 / n FROM t; ROLLBACK; INSERT INTO plain VALUES (14)", "ROLLBACK"),
		"a text of rows that work":               query("BEGIN; SELECT n + 1 FROM t ORDER BY id; INSERT INTO plain VALUES (15); COMMIT; SELECT n * 2 FROM t ORDER BY n"),
		"a text of rows that work, by itself":    query("INSERT INTO plain VALUES (16); SELECT n + 1 FROM t ORDER BY id"),
		"a text that copies":                     query("COPY (SELECT 10 / n FROM t) TO STDOUT; INSERT INTO plain VALUES (17)", "SELECT 1"),
		"a text in a transaction":                query("BEGIN", "INSERT INTO plain VALUES (18); SELECT id, 10 / n FROM t", "COMMIT"),
		"a text that begins one":                 query("BEGIN; SELECT id, 10 / n FROM t", "INSERT INTO plain VALUES (19)", "ROLLBACK"),
		"a text that only reads":                 query("SELECT 1; SELECT id, 10 / n FROM t; SELECT 2", "SELECT 3"),
		"a text with a query that writes behind": query("SELECT id, 10 / n FROM t; WITH w AS (INSERT INTO plain VALUES (20) RETURNING id) SELECT * FROM w", "SELECT 1"),
		"a text behind a block without a Sync":   append(one("BEGIN"), query("UPDATE t SET n = n + 1 WHERE id = 3", "ROLLBACK", "SELECT n FROM t WHERE id = 3")...),
		"a text behind a mistake":                append(one("BEGIN"), append(one("SELECT nothing"), append([]pgproto3.FrontendMessage{&pgproto3.Sync{}}, query("ROLLBACK", "SELECT n FROM t WHERE id = 3")...)...)...),
		"a transaction that only reads":          query("BEGIN READ ONLY; UPDATE t SET n = n + 1 WHERE n > 3", "ROLLBACK; BEGIN READ ONLY", "DELETE FROM t WHERE n > 3", "ROLLBACK"),
		"a condition that costs less":            query("SELECT id FROM t WHERE 10 / n > 3 AND n > 0 ORDER BY id", "SELECT id FROM t WHERE 10 / n > 3 AND n + 1 - 1 - 1 > 0"),
		"a mistake in a later statement":         query("BEGIN; SELECT id FROM t WHERE n > 'x'", "ROLLBACK"),
		"a mistake behind what commits":          query("BEGIN; INSERT INTO plain VALUES (21); COMMIT; SELECT id FROM t WHERE n > 'x' ORDER BY n", "SELECT 1"),
		"a mistake in an output":                 query(" ; BEGIN; INSERT INTO plain VALUES (22); COMMIT;; SELECT id, n + 'x' FROM t;", "SELECT 1"),
		"a text that sets":                       query("SET statement_timeout = '7s'; SELECT id, 10 / n FROM t", "SHOW statement_timeout"),
	} {
		t.Run(name, func(t *testing.T) {
			plain, sealed := dialogue(t, pair.TwinURL(), messages), dialogue(t, pair.URL(), messages)
			if plain != sealed {
				t.Errorf("plain\n%s\nsealed\n%s", plain, sealed)
			}
			left := query("SELECT id FROM plain ORDER BY id")
			if plain, sealed := dialogue(t, pair.TwinURL(), left), dialogue(t, pair.URL(), left); plain != sealed {
				t.Errorf("plain\n%s\nsealed\n%s", plain, sealed)
			}
		})
	}
}
