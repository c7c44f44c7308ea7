package sealing

import (
	"context"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"pgseal/integration/pgtest"
)

// Between sealing and unsealing a DBA goes on to work.
func TestUnsealFindsWhatWasRenamedMovedAndAdded(t *testing.T) {
	w := newWorld(t, `CREATE TABLE t (id int, v text DEFAULT 'd', CONSTRAINT u UNIQUE (v)); CREATE INDEX i ON t (v DESC); INSERT INTO t VALUES (1, 'x')`)
	w.seal("t.v", true)
	w.exec(`CREATE SCHEMA "Odd.Schema"; ALTER TABLE t SET SCHEMA "Odd.Schema"; ALTER TABLE "Odd.Schema".t RENAME TO "T"; ALTER TABLE "Odd.Schema"."T" RENAME v TO "order"`)
	w.unseal(`"Odd.Schema"."T"."order"`)
	if got, want := one[string](w, `SELECT string_agg(pg_get_indexdef(indexrelid) || coalesce(conname, ''), E'\n' ORDER BY indexrelid::regclass::text COLLATE "C") FROM pg_index LEFT JOIN pg_constraint ON conindid = indexrelid WHERE indrelid = '"Odd.Schema"."T"'::regclass`),
		`CREATE INDEX i ON "Odd.Schema"."T" USING btree ("order" DESC)`+"\n"+`CREATE UNIQUE INDEX u ON "Odd.Schema"."T" USING btree ("order")u`; got != want {
		t.Errorf("indexes:\n%s\nwant\n%s", got, want)
	}
	if got := one[string](w, `SELECT "order" || pg_get_expr(adbin, adrelid) FROM "Odd.Schema"."T", pg_attrdef WHERE adrelid = '"Odd.Schema"."T"'::regclass`); got != "x'd'::text" {
		t.Errorf("value and default are %s", got)
	}
}

func TestPartitionsThatComeAndGoWhileSealed(t *testing.T) {
	const ddl = `CREATE TABLE t (k int, v text, CONSTRAINT u UNIQUE (k, v)) PARTITION BY LIST (k); CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1); CREATE INDEX i ON t (v text_pattern_ops)`
	const more = `CREATE TABLE t2 PARTITION OF t FOR VALUES IN (2)`
	const fill = `INSERT INTO t VALUES (1, NULL), (2, NULL)`
	w := newWorld(t)
	w.reset(t)
	w.exec(ddl, more, fill, `ALTER TABLE t DETACH PARTITION t1`)
	want := w.dump()
	w.reset(t)
	w.exec(ddl)
	w.seal("t.v", true)
	w.exec(more, fill, `ALTER TABLE t DETACH PARTITION t1`)
	k := w.tools("t", "v")
	w.exec(`UPDATE t1 SET v = ` + byteaSQL(k.seal("one")) + `; UPDATE t SET v = ` + byteaSQL(k.seal("two")))
	w.unseal("t.v")
	if opened, damages := w.verify(""); opened != 1 || len(damages) > 0 {
		t.Errorf("the partition that went: %d open, %v do not", opened, damages)
	}
	w.unseal("t1.v")
	if got := one[string](w, `SELECT t1.v || t.v FROM t1, t`); got != "onetwo" {
		t.Errorf("the values are %s", got)
	}
	w.exec(`UPDATE t SET v = NULL; UPDATE t1 SET v = NULL`)
	// The server has named the indexes of t2 after what they were over.
	names := strings.NewReplacer("t2_k_eq_idx", "t2_k_v_key", "t2_eq_idx", "t2_v_idx")
	w.same("the dump", sorted(want), sorted(names.Replace(w.dump())))
	if n := one[int](w, `SELECT count(*) FROM pgseal.sealed_column`); n != 0 {
		t.Errorf("%d columns are still recorded", n)
	}
}

func TestARestoredDumpOpensAndUnseals(t *testing.T) {
	w := newWorld(t, `CREATE TABLE t (id int PRIMARY KEY, v varchar(20) DEFAULT 'd' NOT NULL UNIQUE, n numeric(5,1)); INSERT INTO t VALUES (1, 'a', 1), (2, 'b', NULL); CREATE VIEW x AS SELECT v FROM t`)
	before := w.dump()
	w.seal("t.v", true)
	w.seal("t.n", false)
	out, err := exec.CommandContext(t.Context(), dumper(t), "--no-owner", "--dbname="+cluster.DSN(w.database, owner)).Output()
	if err != nil {
		t.Fatal(err)
	}
	restored := *w
	restored.database += "_restored"
	if err := cluster.CreateDatabase(t.Context(), restored.database, "OWNER "+owner); err != nil {
		t.Fatal(err)
	}
	restored.superuser("ALTER SCHEMA public OWNER TO owner")
	psql := exec.CommandContext(t.Context(), cluster.Binaries.Program("psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", cluster.DSN(restored.database, owner))
	psql.Stdin = strings.NewReader(string(out))
	if out, err := psql.CombinedOutput(); err != nil {
		t.Fatalf("restore: %v\n%s", err, out)
	}
	restored.conn = restored.connect(owner)
	if opened, damages := restored.verify(""); opened != 3 || len(damages) > 0 {
		t.Errorf("%d open, %v do not", opened, damages)
	}
	restored.rotate("t")
	restored.reseal("t")
	restored.unseal("t.v")
	restored.unseal("t.n")
	// Resealing has put rows into another order.
	w.same("the dump", sorted(before), sorted(restored.dump()))
}

func sorted(text string) string {
	lines := strings.Split(text, "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func TestRolesThatMayNotAreToldWhoMay(t *testing.T) {
	w := newWorld(t, `CREATE TABLE t (v text); GRANT USAGE ON SCHEMA public TO other; GRANT ALL ON t TO other`)
	conn := w.connect("other")
	_, err := Seal(t.Context(), conn, []Target{{Column: "t.v"}}, SealOptions{Keys: w.keys})
	w.refused(err, "permission denied", "connect as a role")
	w.asSuperuser(func() {
		w.exec(`GRANT ALL ON ALL TABLES IN SCHEMA pgseal TO other; GRANT ALL ON ALL SEQUENCES IN SCHEMA pgseal TO other; GRANT ALL ON SCHEMA pgseal_column TO other`)
	})
	before := w.everything()
	_, err = Seal(t.Context(), conn, []Target{{Column: "t.v"}}, SealOptions{Keys: w.keys})
	w.refused(err, "must be owner", "connect as a role")
	w.same("the database", before, w.everything())
	if conn.PgConn().TxStatus() != 'I' {
		t.Error("the connection is left in a transaction")
	}
	if err := conn.Ping(context.Background()); err != nil {
		t.Error(err)
	}
}

// Of two who seal the same column, one is told that it is done.
func TestTwoSealingsAtOnce(t *testing.T) {
	w := newWorld(t, `CREATE TABLE t (v text, w text); INSERT INTO t SELECT i, i FROM generate_series(1, 1000) i`)
	results := make(chan error, 3)
	for _, target := range []string{"t.v", "t.v", "t.w"} {
		conn := w.connect(pgtest.Superuser)
		go func() {
			_, err := Seal(t.Context(), conn, []Target{{Column: target}}, SealOptions{Keys: w.keys})
			results <- err
		}()
	}
	failed := 0
	for range 3 {
		if err := <-results; err != nil {
			failed++
			w.refused(err, "sealed already")
		}
	}
	if failed != 1 {
		t.Errorf("%d failed, want one", failed)
	}
	if opened, damages := w.verify("t"); opened != 2000 || len(damages) > 0 {
		t.Errorf("%d open, %v do not", opened, damages)
	}
}
