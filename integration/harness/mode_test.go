package harness

import (
	"context"
	"testing"

	"pgseal/integration/pgtest"
)

// A comparison that could not fail would prove nothing: two plain databases
// that agree must look the same in every mode, and each way in which they can
// disagree must show.
func TestDifferencesShowInEveryMode(t *testing.T) {
	cluster, err := pgtest.Start(t.Context(), pgtest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cluster.Stop(); err != nil {
			t.Error(err)
		}
	})
	const same = `CREATE TABLE t (id int PRIMARY KEY, v varchar(11) UNIQUE, n int);
		INSERT INTO t VALUES (1, 'a', 10), (2, NULL, 20), (3, 'c', 30);`
	for name, change := range map[string]string{
		"one":    "",
		"two":    "",
		"value":  "UPDATE t SET v = 'b' WHERE id = 1",
		"null":   "UPDATE t SET v = '' WHERE id = 2",
		"typmod": "ALTER TABLE t ALTER v TYPE varchar(12)",
		"type":   "ALTER TABLE t ALTER v TYPE text",
		"rows":   "INSERT INTO t VALUES (4, 'd', 40)",
		"name":   "ALTER TABLE t RENAME CONSTRAINT t_v_key TO other",
	} {
		if err := cluster.CreateDatabase(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		if err := cluster.Exec(t.Context(), name, same+change); err != nil {
			t.Fatal(err)
		}
	}
	reads := S("SELECT id, v, n FROM t WHERE n >= $1 ORDER BY id", "10")
	conflicts := S("INSERT INTO t VALUES ($1, $2, $3)", "9", "c", nil)
	for _, mode := range Modes {
		want := answers(t, cluster, "one", mode, reads, conflicts)
		if got := answers(t, cluster, "two", mode, reads, conflicts); got != want {
			t.Errorf("%s: equal databases differ:\n%s\n%s", mode, want, got)
		}
		for _, database := range []string{"value", "null", "typmod", "type", "rows", "name"} {
			if answers(t, cluster, database, mode, reads, conflicts) == want {
				t.Errorf("%s: the difference in %s does not show:\n%s", mode, database, want)
			}
		}
	}
}

func answers(t *testing.T, cluster *pgtest.Cluster, database string, mode Mode, steps ...Step) string {
	t.Helper()
	url := cluster.DSN(database, pgtest.Superuser)
	s, err := openSession(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	p := &Pair{t: t}
	side := p.Connect(t, url)
	c := &Comparison{t: t, mode: mode, side: side, senders: map[uint32]string{}}
	var all string
	for _, step := range steps {
		list, err := s.run(t.Context(), mode, step, c.values(step))
		if err != nil {
			t.Fatal(err)
		}
		all += render(list, step.unordered)
	}
	if err := s.conn.Close(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	return all
}
