package sealing

import (
	"fmt"
	"strings"
	"testing"

	"pgseal/envelope"
	"pgseal/kmsdev/kmsfault"
)

func TestVerifyFindsEveryDamage(t *testing.T) {
	w := newWorld(t, `CREATE TABLE t (id int, v text, w text); INSERT INTO t SELECT i, 'value', 'other' FROM generate_series(1, 50) i;
		CREATE TABLE o (id int, v text); INSERT INTO o VALUES (1, 'value')`)
	w.seal("t.v", true)
	w.seal("t.w", true)
	w.seal("o.v", true)
	// What the CHECK refuses can stand in a damaged file all the same.
	w.exec(`ALTER DOMAIN pgseal_column.public_t_v DROP CONSTRAINT sealed; ALTER DOMAIN pgseal_column.public_t_w DROP CONSTRAINT sealed`)
	k := w.tools("t", "v")
	good := k.seal("value")
	expect := map[string]bool{}
	damage := func(id int, env []byte) {
		t.Helper()
		expect[one[string](w, `INSERT INTO t (id, v) VALUES ($1, $2) RETURNING ctid::text`, id, env)] = true
	}
	for i := range good {
		flipped := append([]byte{}, good...)
		flipped[i] ^= 0x10
		damage(1000+i, flipped)
		damage(2000+i, good[:i])
	}
	expect[one[string](w, `INSERT INTO t (id, v) SELECT 3001, w::bytea FROM t WHERE id = 1 RETURNING ctid::text`)] = true
	expect[one[string](w, `INSERT INTO t (id, v) SELECT 3002, v::bytea FROM o RETURNING ctid::text`)] = true
	// A term under another key, with a tag that covers it.
	wrong, err := k.sealer.sealKey.Seal(nil, k.sealed.id, envelope.TermEquality, make([]byte, envelope.EqualitySize), []byte("value"))
	if err != nil {
		t.Fatal(err)
	}
	damage(3003, wrong)

	opened, damages := w.verify("")
	if opened != 101 {
		t.Errorf("%d values open, want 101", opened)
	}
	for _, d := range damages {
		if d.Column != "public.t.v" || d.Why == "" || !expect[d.CTID] {
			t.Errorf("unexpected: %+v", d)
		}
		if strings.Contains(d.Why, "value"+" ") {
			t.Errorf("%s tells a value", d.Why)
		}
		delete(expect, d.CTID)
	}
	if len(expect) > 0 {
		t.Errorf("not found: %v", expect)
	}
}

func TestVerifyNamesKeysThatWereChanged(t *testing.T) {
	w := newWorld(t, `CREATE TABLE a (id int, v text); INSERT INTO a VALUES (1, 'x'); CREATE TABLE b (id int, v text DEFAULT 'd'); INSERT INTO b VALUES (1, 'x'), (2, 'y'); CREATE TABLE c (v text); INSERT INTO c VALUES ('z')`)
	w.seal("a.v", true)
	w.seal("b.v", true)
	w.seal("c.v", false)
	// The rows of two keys trade their keys.
	w.exec(`UPDATE pgseal.data_key k SET ciphertext_blob = o.ciphertext_blob, encryption_context = o.encryption_context
		FROM pgseal.data_key o WHERE k.purpose = 'seal' AND o.purpose = 'seal' AND k.table_id = (SELECT table_id FROM pgseal.sealed_table WHERE relation = 'b'::regclass) AND o.table_id = (SELECT table_id FROM pgseal.sealed_table WHERE relation = 'a'::regclass)`)
	// b's two values, its default, and the note of what that was.
	opened, damages := w.verify("")
	if opened != 2 || len(damages) != 4 {
		t.Errorf("%d open, %v do not", opened, damages)
	}
	for _, d := range damages {
		if d.Column != "public.b.v" || !strings.Contains(d.Why, "encryption context") {
			t.Errorf("%+v does not name the context", d)
		}
	}
	w.exec(`DELETE FROM pgseal.sealed_column WHERE table_name = 'c'`)
	if _, damages := w.verify(""); len(damages) != 5 || damages[4].Column != "public.c.v" || !strings.Contains(damages[4].Why, "pgseal.sealed_column") {
		t.Errorf("a column without its metadata: %v", damages)
	}
}

func TestVerifyIsNotDamageWhenKMSIsAway(t *testing.T) {
	w := newWorld(t, `CREATE TABLE t (v text); INSERT INTO t VALUES ('x')`)
	w.seal("t.v", true)
	w.faults.Fail("Decrypt", kmsfault.Always, kmsfault.Internal)
	_, damaged, err := Verify(t.Context(), w.conn, "", VerifyOptions{Keys: w.keys})
	if err == nil || damaged != 0 {
		t.Errorf("%d damaged, %v; want an error", damaged, err)
	}
	w.faults.Clear()
	if opened, damages := w.verify("t"); opened != 1 || len(damages) > 0 {
		t.Errorf("%d open, %v do not", opened, damages)
	}
}

// A role that only reads, for whom the keys have never been unwrapped before.
func TestVerifyNeedsToReadOnly(t *testing.T) {
	w := newWorld(t, `CREATE TABLE t (id int, v text)`)
	w.seal("t.v", true)
	w.exec(`GRANT USAGE ON SCHEMA public TO other; GRANT SELECT ON t TO other; GRANT SELECT ON ALL TABLES IN SCHEMA pgseal TO other`)
	env := w.tools("t", "v").seal("x")
	w.exec(fmt.Sprintf(`INSERT INTO t VALUES (1, %s); UPDATE pgseal.data_key SET key_check = NULL`, byteaSQL(env)))
	before := w.everything()
	w.conn = w.connect("other")
	if opened, damages := w.verify("t"); opened != 1 || len(damages) > 0 {
		t.Errorf("%d open, %v do not", opened, damages)
	}
	w.same("the database", before, w.everything())
	_, _, err := Verify(t.Context(), w.conn, "pgseal.data_key", VerifyOptions{Keys: w.keys})
	w.refused(err, "no sealed column")
}
