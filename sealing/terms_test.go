package sealing

import "testing"

func TestASealedColumnGetsAnEqualityTermLater(t *testing.T) {
	w := newWorld(t, `CREATE TABLE t (id int PRIMARY KEY, v varchar(20) NOT NULL DEFAULT 'nothing', w text);
		CREATE VIEW shown AS SELECT id, v FROM t;
		INSERT INTO t SELECT i, 'value ' || i % 3, NULL FROM generate_series(1, 3000) i`)
	before := w.dump()
	w.seal("public.t.v", false)
	w.rotate("public.t")
	w.exec(`INSERT INTO t (id) VALUES (0)`) // the sealed default, without a term
	if r := w.seal("public.t.v", true); r.Rows != 3001 {
		t.Errorf("%d values were sealed anew, of 3001", r.Rows)
	}
	if n := one[int64](w, `SELECT count(DISTINCT pgseal.eq(v)) FROM t`); n != 4 {
		t.Errorf("%d different terms for 4 different values", n)
	}
	w.exec(`INSERT INTO t (id) VALUES (3001)`)
	if n := one[int64](w, `SELECT count(*) FROM t WHERE pgseal.eq(v) = (SELECT pgseal.eq(v) FROM t WHERE id = 3001)`); n != 2 {
		t.Errorf("the default's term is that of %d rows, not 2", n)
	}
	if opened, damages := w.verify(""); opened != 3002 || len(damages) > 0 {
		t.Errorf("%d values open, damaged: %v", opened, damages)
	}
	w.exec(`DELETE FROM t WHERE id IN (0, 3001)`)
	w.unseal("public.t.v")
	w.same("the table", before, w.dump())
}

func TestATermIsNotAddedWhereCopiesWouldLackIt(t *testing.T) {
	w := newWorld(t, `CREATE TABLE t (v text); INSERT INTO t VALUES ('a')`)
	w.seal("public.t.v", false)
	w.exec(`CREATE TABLE copied AS SELECT v FROM t`)
	_, err := Seal(t.Context(), w.conn, []Target{{Column: "public.t.v", Equality: true}}, SealOptions{Keys: w.keys})
	w.refused(err, "public.copied.v")
}
