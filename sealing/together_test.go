package sealing

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgseal/envelope"
)

// several is a schema in which indexes, constraints, views and partitions are over
// more than one of the columns a, b, c and e, which are sealed.
const several = `CREATE TABLE t (id int PRIMARY KEY, a text DEFAULT 'preset', b int DEFAULT 7, c varchar(20) COLLATE "C" DEFAULT NULL, e text, plain int) PARTITION BY RANGE (id);
	CREATE TABLE low (plain int, gone int, c varchar(20) COLLATE "C", b int, a text DEFAULT 'low', e text, id int NOT NULL); ALTER TABLE low DROP gone;
	ALTER TABLE t ATTACH PARTITION low FOR VALUES FROM (0) TO (300); CREATE TABLE high PARTITION OF t FOR VALUES FROM (300) TO (1000);
	ALTER TABLE t ADD CONSTRAINT t_a_b UNIQUE (id, a, b); COMMENT ON CONSTRAINT t_a_b ON t IS 'both';
	CREATE UNIQUE INDEX high_c_a ON high (c DESC, a) WHERE b IS NOT NULL; CREATE INDEX t_b_plain ON t (b, plain); CREATE INDEX high_b ON high (b) INCLUDE (a, c);
	CREATE INDEX low_lower ON low (lower(a), b, (plain + 1)); ALTER TABLE t ALTER e SET STORAGE EXTERNAL; CREATE STATISTICS st (mcv) ON a, b FROM low;
	CREATE VIEW v AS SELECT id, a, b FROM t; CREATE VIEW w AS SELECT v.a, t.c FROM v JOIN t USING (id) WHERE t.b IS NOT NULL;
	CREATE VIEW of_e AS SELECT e FROM low; COMMENT ON VIEW v IS 'shown'; GRANT SELECT ON w TO reader;
	INSERT INTO t SELECT i, 'a' || i, nullif(i % 7, 3), nullif('c' || i, 'c9'), NULL, i FROM generate_series(1, 500) i; DELETE FROM t WHERE id % 50 = 0`

var severalTargets = []Target{{Column: "t.b", Equality: true}, {Column: "public.t.a", Equality: true, Normalize: envelope.TermLower},
	{Column: "t.c", Equality: true}, {Column: "t.e"}}

func TestColumnsSealedTogetherAreWhatTheyWouldBeOneByOne(t *testing.T) {
	// The worlds differ in how the columns are sealed.
	apart, together := newWorld(t, several), newWorld(t, several)
	plain := together.dump()
	for _, target := range severalTargets {
		apart.sealAll(target)
	}
	reports := together.sealAll(severalTargets...)
	for i, want := range []struct {
		column         string
		rows           int64
		indexes, views string
	}{
		{"public.t.b", 420, "public.t_a_b public.t_b_plain public.high_b public.high_id_a_b_key public.high_b_plain_idx public.low_b_plain_idx public.low_id_a_b_key public.low_lower", "public.v public.w"},
		{"public.t.a", 490, "public.t_a_b public.high_c_a public.high_id_a_b_key public.low_id_a_b_key public.low_lower", "public.v public.w"},
		{"public.t.c", 489, "public.high_c_a", "public.w"},
		{"public.t.e", 0, "", "public.of_e"},
	} {
		r := reports[i]
		if r.Column != want.column || r.Rows != want.rows || !sameWords(r.Indexes, want.indexes) || !sameWords(r.Views, want.views) {
			t.Errorf("got %+v\nwant %+v", r, want)
		}
	}
	const recorded = `SELECT string_agg(concat_ws(' ', domain, column_name, logical_type, typmod, terms, normalizer, original - 'defaults'), E'\n' ORDER BY column_id) FROM pgseal.sealed_column`
	same := func(what string) {
		t.Helper()
		together.same("the schema "+what, schema(apart), schema(together))
		together.same("what is recorded "+what, one[string](apart, recorded), one[string](together, recorded))
	}
	same("when all are sealed")
	a := together.tools("t", "a")
	for id, text := range a.values("t", "a") {
		if text != fmt.Sprint("a", id) {
			t.Errorf("row %d has %q", id, text)
		}
	}
	for i, column := range []string{"t.a", "t.c", "t.b", "t.e"} { // a first, which shares indexes with b and c
		apart.unseal(column)
		together.unseal(column)
		if i == 0 {
			same("when one is plain again")
		}
	}
	together.same("the dump", sorted(plain), sorted(together.dump()))
}

// schema is what pg_dump writes of a world's, but the nonces of the defaults.
func schema(w *world) string {
	return sorted(regexp.MustCompile(`(\\xe501.{16}).*'`).ReplaceAllString(w.dump("--schema-only"), "$1'"))
}

func sameWords(got []string, want string) bool {
	words := strings.Fields(want)
	got = slices.Clone(got)
	slices.Sort(got)
	slices.Sort(words)
	return slices.Equal(got, words)
}

func TestOneColumnThatCannotBeSealedLeavesAllPlain(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct{ ddl, columns, says string }{
		{`CREATE TABLE t (id int PRIMARY KEY, a text)`, "a id", "public.t.id: "},
		{`CREATE TABLE t (id int, a text, b xml)`, "a b", "public.t.b: its type xml"},
		{`CREATE TABLE t (id int, a text, b int CHECK (b > 0))`, "a b", "public.t.b: "},
		{`CREATE TABLE t (id int, a text UNIQUE, b int, EXCLUDE USING gist (int4range(b, b) WITH &&))`, "a b", "public.t.b: "},
		{`CREATE TABLE t (id int, a text, b int); CREATE INDEX over_both ON t (a, (b + 1))`, "a b", "public.t.b: index public.over_both computes"},
		{`CREATE TABLE t (id int, a text, b int); CREATE VIEW v AS SELECT a FROM t; CREATE MATERIALIZED VIEW m AS SELECT b FROM t`, "a b", "public.t.b: materialized view public.m"},
		{`CREATE TABLE t (id int, a text, b int); CREATE VIEW v AS SELECT a FROM t; CREATE VIEW x AS SELECT id FROM t WHERE b = 5`, "a b", "public.t.b: view public.x"},
		{`CREATE TABLE t (id int, a text, b int); CREATE VIEW x AS SELECT a FROM t WHERE b = 5`, "id a b", "public.t.a, public.t.b: view public.x"},
		{`CREATE TABLE t (id int, a text, b int); CREATE UNIQUE INDEX ON t (a); CREATE FUNCTION f(t.b%TYPE) RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE TABLE p (id int) PARTITION BY RANGE (id); ALTER TABLE t ADD GENERATED_ int GENERATED ALWAYS AS (b + 1) STORED`, "a b", "public.t.b: "},
		{`CREATE TABLE t (id int, a text)`, "a missing", "t.missing: the table has no such column"},
		{`CREATE TABLE t (id int, a text)`, "a a", "public.t.a: the column is named twice"},
	} {
		w.reset(t)
		w.exec(c.ddl, `INSERT INTO t (id, a) VALUES (1, 'x')`)
		var targets []Target
		for name := range strings.FieldsSeq(c.columns) {
			targets = append(targets, Target{Column: "t." + name, Equality: true})
		}
		before := w.everything()
		_, err := Seal(t.Context(), w.conn, targets, SealOptions{Keys: w.keys})
		w.refused(err)
		if err == nil || !strings.HasPrefix(err.Error(), c.says) {
			t.Errorf("%s\ngot  %v\nwant %s…", c.ddl, err, c.says)
		}
		w.same("the database", before, w.everything())
	}
}

func TestColumnsGainTermsBesideColumnsThatAreSealed(t *testing.T) {
	w := newWorld(t, `CREATE TABLE t (id int, a text, b text DEFAULT 'b', c text); CREATE VIEW v AS SELECT a, b, c FROM t;
		INSERT INTO t SELECT i, 'a' || i, 'b' || i, 'c' || i FROM generate_series(1, 100) i`)
	w.sealAll(Target{Column: "t.b"}, Target{Column: "t.c"})
	reports := w.sealAll(Target{Column: "t.a", Equality: true}, Target{Column: "t.b", Equality: true}, Target{Column: "t.c", Equality: true, Normalize: envelope.TermLower})
	for i, name := range []string{"a", "b", "c"} {
		if r := reports[i]; r.Column != "public.t."+name || r.Rows != 100 || len(r.Views) != 1 {
			t.Errorf("%s: %+v", name, r)
		}
		for id, text := range w.tools("t", name).values("t", name) {
			if text != fmt.Sprint(name, id) {
				t.Errorf("%s: row %d has %q", name, id, text)
			}
		}
	}
	if terms := one[string](w, `SELECT string_agg(terms::text, ' ' ORDER BY column_name) FROM pgseal.sealed_column`); terms != fmt.Sprintf("1 1 %d", 1|envelope.TermLower) {
		t.Errorf("the terms are %s", terms)
	}
	if opened, damages := w.verify("t"); opened != 300 || len(damages) != 0 {
		t.Errorf("%d values open, %v do not", opened, damages)
	}
	// None gains anything, and the plain one stays as it is.
	w.unseal("t.a")
	before := w.everything()
	_, err := Seal(t.Context(), w.conn, []Target{{Column: "t.a", Equality: true}, {Column: "t.b", Equality: true}}, SealOptions{Keys: w.keys})
	w.refused(err, "public.t.b: the column is sealed already")
	w.same("the database", before, w.everything())
}

func TestByTable(t *testing.T) {
	w := newWorld(t, `CREATE TABLE t (a text, b text); CREATE TABLE "T" (a text)`)
	var got []string
	parts, err := ByTable(t.Context(), w.conn, []Target{{Column: "t.a"}, {Column: `"T".a`}, {Column: "public.T.b"}, {Column: "nothing.a"}, {Column: `public."T".x`}})
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range parts {
		got = append(got, fmt.Sprint(part))
	}
	want := []string{"[{t.a false 0} {public.T.b false 0}]", `[{"T".a false 0} {public."T".x false 0}]`, "[{nothing.a false 0}]"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	_, err = ByTable(t.Context(), w.conn, []Target{{Column: "t.a"}, {Column: "t..b"}})
	w.refused(err, "t..b: not the name of a column")
}
