package sealing

import (
	"fmt"
	"strings"
	"testing"
)

// shape is a schema that must survive sealing and unsealing to the letter.
type shape struct {
	ddl  string
	seal []string // targets, with --equality
	// sealed are queries that give true while the columns are sealed.
	sealed []string
	// order is that of unsealing, the same as seal's if empty.
	order []string
}

var shapes = map[string]shape{
	"a plain table with everything on the column": {
		ddl: `CREATE TABLE t (id int PRIMARY KEY, gone text, v varchar(11) COLLATE "C" NOT NULL DEFAULT 'x', w text DEFAULT 'a'||'b', n numeric(10,2) DEFAULT 0,
			b bigint DEFAULT 0, c text DEFAULT NULL::text, s text, g int GENERATED ALWAYS AS (id * 2) STORED, CHECK (v IS NOT NULL OR s IS NOT NULL));
			ALTER TABLE t DROP COLUMN gone;
			ALTER TABLE t ALTER v SET STATISTICS 500, ALTER v SET (n_distinct = -0.5), ALTER v SET STORAGE EXTERNAL;
			ALTER TABLE t ALTER s SET STORAGE MAIN, ALTER s SET COMPRESSION pglz;
			COMMENT ON COLUMN t.v IS 'it''s \ a comment'; GRANT SELECT (v), UPDATE (v, id) ON t TO reader; GRANT SELECT ON t TO reader WITH GRANT OPTION;
			CREATE STATISTICS t_st ON id, v FROM t; CREATE STATISTICS t_se ON (v IS NULL), s FROM t;
			INSERT INTO t (id, v) SELECT i, i FROM generate_series(1, 50) i; ANALYZE t`,
		seal: []string{"t.v", "t.w", "t.n", "t.b", "t.c", "t.s"},
		sealed: []string{`SELECT attnum = 3 AND attnotnull AND attstattarget = 500 AND attacl IS NOT NULL FROM pg_attribute WHERE attrelid = 't'::regclass AND attname = 'v'`,
			`SELECT count(*) = 50 FROM t`, `INSERT INTO t (id) VALUES (51) RETURNING v IS NOT NULL AND w IS NOT NULL AND n IS NOT NULL AND b IS NOT NULL AND c IS NULL`,
			`DELETE FROM t WHERE id = 51 RETURNING true`},
	},
	"indexes of all kinds": {
		ddl: `CREATE TABLE t (id int PRIMARY KEY, v text CONSTRAINT v_unique UNIQUE, w int, x text, CONSTRAINT "Odd unique" UNIQUE NULLS NOT DISTINCT (w, v) INCLUDE (id) WITH (fillfactor = 70));
			CREATE INDEX i1 ON t (v); CREATE UNIQUE INDEX "I 2" ON t (v text_pattern_ops DESC NULLS LAST, w) WHERE w > 3;
			CREATE INDEX i3 ON t USING hash (v); CREATE INDEX i4 ON t (w, lower(x), v COLLATE "C" DESC) INCLUDE (id) WITH (fillfactor = 55, deduplicate_items = off);
			CREATE INDEX i5 ON t (w) WHERE v IS NOT NULL; CREATE UNIQUE INDEX i6 ON t (v) WHERE v IS NOT NULL; CREATE UNIQUE INDEX i7 ON t (v) NULLS NOT DISTINCT;
			CREATE INDEX i8 ON t ((v IS NULL), w); CREATE UNIQUE INDEX i9 ON t (v, x); CREATE INDEX untouched ON t (x);
			CREATE INDEX i10 ON t (w) INCLUDE (v, id); CREATE UNIQUE INDEX i11 ON t (v, w) INCLUDE (x, v); ALTER TABLE t ADD CONSTRAINT i12 UNIQUE (x, w) INCLUDE (v);
			COMMENT ON INDEX i10 IS 'including'; COMMENT ON CONSTRAINT i12 ON t IS 'a constraint that includes it';
			COMMENT ON INDEX i1 IS 'an index'; COMMENT ON CONSTRAINT v_unique ON t IS 'a constraint'; COMMENT ON INDEX v_unique IS 'its index';
			ALTER TABLE t CLUSTER ON i1; ALTER INDEX i4 ALTER COLUMN 2 SET STATISTICS 77;
			INSERT INTO t SELECT i, 'v' || i, i, 'x' || i FROM generate_series(1, 20) i`,
		seal: []string{"public.t.v"},
		sealed: []string{`SELECT indisunique FROM pg_index WHERE indexrelid = 'v_unique'::regclass`,
			`SELECT count(*) = 16 FROM pg_index WHERE indrelid = 't'::regclass AND indisvalid`,
			`SELECT pg_get_indexdef('"I 2"'::regclass) LIKE '%UNIQUE%pgseal.eq%w > 3%'`,
			`SELECT obj_description('i1'::regclass) = 'an index' AND obj_description('v_unique'::regclass) = 'its index'`,
			`SELECT indisclustered FROM pg_index WHERE indexrelid = 'i1'::regclass`},
	},
	"a constraint over two sealed columns, unsealed in the same order": {
		ddl:    `CREATE TABLE t (a text, b text, c int, CONSTRAINT ab UNIQUE (a, b, c)); COMMENT ON CONSTRAINT ab ON t IS 'both'; INSERT INTO t VALUES ('x', 'y', 1), ('x', 'z', 1)`,
		seal:   []string{"t.a", "t.b"},
		sealed: []string{`SELECT indisunique FROM pg_index WHERE indexrelid = 'ab'::regclass`},
	},
	"a constraint over two sealed columns, unsealed in reverse": {
		ddl:   `CREATE TABLE t (a text, b text, c int, CONSTRAINT ab UNIQUE (a, b, c)); COMMENT ON CONSTRAINT ab ON t IS 'both'; INSERT INTO t VALUES ('x', 'y', 1), ('x', 'z', 1)`,
		seal:  []string{"t.a", "t.b"},
		order: []string{"t.b", "t.a"},
	},
	"partitions with other attribute numbers": {
		ddl: `CREATE TABLE t (id int, v text DEFAULT 'root', k int, UNIQUE (v, k)) PARTITION BY LIST (k);
			CREATE TABLE t1 (k int, gone int, v text DEFAULT 'one' NOT NULL, id int); ALTER TABLE t1 DROP COLUMN gone;
			ALTER TABLE t1 ADD CONSTRAINT "own name" UNIQUE (v, k);
			ALTER TABLE t ATTACH PARTITION t1 FOR VALUES IN (1);
			CREATE TABLE t2 PARTITION OF t FOR VALUES IN (2) PARTITION BY RANGE (k);
			CREATE TABLE t2a PARTITION OF t2 (v DEFAULT 'deep') FOR VALUES FROM (0) TO (3); CREATE TABLE t2b PARTITION OF t2 DEFAULT;
			ALTER TABLE t2a ALTER v SET STORAGE EXTERNAL;
			CREATE INDEX top ON t (v, id); CREATE INDEX only_here ON t2a (v); CREATE UNIQUE INDEX on_t2 ON t2 (id, k, v);
			CREATE INDEX lone ON t2b (v DESC) WHERE id > 200; COMMENT ON INDEX lone IS 'lonely';
			CREATE INDEX inc ON t (id) INCLUDE (v);
			INSERT INTO t VALUES (1, 'a', 1), (2, 'b', 2), (200, 'c', 2), (201, NULL, 2), (5, 'a', 2)`,
		seal: []string{"public.t.v"},
		sealed: []string{`SELECT count(*) = 5 AND count(v) = 4 FROM t`,
			`SELECT count(*) = 14 FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid WHERE c.relkind IN ('i', 'I') AND c.relnamespace = 'public'::regnamespace`,
			`SELECT bool_and(indisvalid) FROM pg_index i JOIN pg_class c ON c.oid = indexrelid WHERE c.relnamespace = 'public'::regnamespace`,
			`SELECT count(DISTINCT pg_get_expr(adbin, adrelid)) = 3 FROM pg_attrdef JOIN pg_class c ON c.oid = adrelid WHERE relnamespace = 'public'::regnamespace`},
	},
	"an inheritance tree": {
		ddl: `CREATE TABLE t (id int, v text NOT NULL DEFAULT 'p', UNIQUE (v)); CREATE TABLE other (o int);
			CREATE TABLE c1 (extra int) INHERITS (t); CREATE TABLE c2 (v text, x int) INHERITS (other, t); CREATE TABLE c3 () INHERITS (c1);
			ALTER TABLE c1 ALTER v SET DEFAULT 'c1'; CREATE INDEX c1_v ON c1 (v); CREATE TABLE c4 (v text DEFAULT 'four') INHERITS (c1, t);
			INSERT INTO t (id, v) VALUES (1, 'a'); INSERT INTO c1 VALUES (2, 'b', 3); INSERT INTO c2 VALUES (1, 5, 'c', 6); INSERT INTO c3 VALUES (4, 'd', 5); INSERT INTO c4 VALUES (9, 'e', 9)`,
		seal:   []string{"t.v"},
		sealed: []string{`SELECT count(v) = 5 FROM t WHERE substring(v, 1, 2) = '\xe501'`},
	},
	"odd names": {
		ddl: `CREATE SCHEMA "Odd.Schema"; CREATE TABLE "Odd.Schema"."Ta.ble ""ü" ("select" int, "Spalte mit ""Größe"" und einem sehr langen Namen, der endet" text DEFAULT 'it''s' UNIQUE, "order" text);
			CREATE INDEX "Ind.ex" ON "Odd.Schema"."Ta.ble ""ü" ("order", "Spalte mit ""Größe"" und einem sehr langen Namen, der endet");
			CREATE VIEW "Odd.Schema"."Vi.ew" AS SELECT * FROM "Odd.Schema"."Ta.ble ""ü";
			INSERT INTO "Odd.Schema"."Ta.ble ""ü" VALUES (1, 'a', 'b'), (2, NULL, 'c')`,
		seal: []string{`"Odd.Schema"."Ta.ble ""ü"."Spalte mit ""Größe"" und einem sehr langen Namen, der endet"`, `"Odd.Schema"."Ta.ble ""ü"."order"`},
	},
	"triggers, rules, row security and replica identity": {
		ddl: `CREATE TABLE t (id int PRIMARY KEY, v text, seen int DEFAULT 0); INSERT INTO t SELECT i, 'v' || i FROM generate_series(1, 10) i;
			CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''fired''; END';
			CREATE TRIGGER a BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION touch(); CREATE TRIGGER b AFTER UPDATE OR INSERT ON t EXECUTE FUNCTION touch();
			CREATE TRIGGER c AFTER UPDATE ON t FOR EACH ROW EXECUTE FUNCTION touch(); ALTER TABLE t DISABLE TRIGGER a; ALTER TABLE t ENABLE ALWAYS TRIGGER b; ALTER TABLE t ENABLE REPLICA TRIGGER c;
			CREATE RULE r AS ON UPDATE TO t WHERE NEW.id = 3 DO INSTEAD NOTHING;
			ALTER TABLE t ENABLE ROW LEVEL SECURITY; ALTER TABLE t FORCE ROW LEVEL SECURITY; CREATE POLICY p ON t USING (id < 5) WITH CHECK (true);
			CREATE TABLE u (id int, v text, n int NOT NULL); CREATE UNIQUE INDEX u_n ON u (n); ALTER TABLE u REPLICA IDENTITY USING INDEX u_n; INSERT INTO u VALUES (1, 'x', 1);
			CREATE TABLE f (v text); ALTER TABLE f REPLICA IDENTITY FULL; CREATE PUBLICATION pub FOR TABLE u`,
		seal:   []string{"t.v", "u.v", "f.v"},
		sealed: []string{`SELECT relreplident = 'i' FROM pg_class WHERE oid = 'u'::regclass`, `SELECT relforcerowsecurity FROM pg_class WHERE oid = 't'::regclass`},
	},
	"constraints that include it": {
		ddl: `CREATE TABLE t (id int, v text, w int, r int4range, PRIMARY KEY (id) INCLUDE (v), UNIQUE (w) INCLUDE (v) DEFERRABLE, EXCLUDE USING gist (r WITH &&) INCLUDE (v));
			INSERT INTO t VALUES (1, 'a', 1, '[1,2]'), (2, NULL, 2, '[3,4]'); ALTER TABLE t REPLICA IDENTITY USING INDEX t_pkey`,
		seal: []string{"t.v"},
	},
	"foreign keys on other columns": {
		ddl: `CREATE TABLE p (id int PRIMARY KEY, v text UNIQUE); CREATE TABLE t (id int PRIMARY KEY, p int NOT NULL REFERENCES p DEFERRABLE INITIALLY DEFERRED, v text);
			CREATE TABLE c (t int REFERENCES t ON DELETE CASCADE); INSERT INTO p VALUES (1, 'a'); INSERT INTO t VALUES (1, 1, 'b'); INSERT INTO c VALUES (1)`,
		seal: []string{"p.v", "t.v"},
	},
	"views": {
		ddl: `CREATE TABLE t (id int, v text, w int); INSERT INTO t VALUES (1, 'a', 1);
			CREATE VIEW v1 (number, value) WITH (security_barrier = true, security_invoker = true) AS SELECT id, v FROM t WHERE w > 0;
			CREATE VIEW v2 AS SELECT value AS again, number FROM v1 WHERE value IS NOT NULL WITH CASCADED CHECK OPTION;
			CREATE VIEW v3 AS SELECT v2.again, t.* FROM v2 JOIN t ON t.id = v2.number; CREATE VIEW unrelated AS SELECT id FROM t;
			COMMENT ON VIEW v1 IS 'first'; COMMENT ON COLUMN v1.value IS 'its value'; GRANT SELECT ON v1 TO reader WITH GRANT OPTION; GRANT SELECT (again), UPDATE (again) ON v2 TO "Odd Role"; GRANT INSERT ON v3 TO PUBLIC;
			REVOKE DELETE ON v1 FROM owner; ALTER DEFAULT PRIVILEGES FOR ROLE owner GRANT SELECT ON TABLES TO other`,
		seal:   []string{"t.v"},
		sealed: []string{`SELECT count(*) = 1 AND bool_and(substring(again, 1, 1) = '\xe5') FROM v3`, `SELECT NOT has_table_privilege('other', 'v1', 'SELECT')`},
	},
	"a view that compares columns with themselves": {
		ddl: `CREATE TABLE t (id int, v text, w varchar(5), "X y" int); INSERT INTO t VALUES (1, 'a', 'b', 1), (2, 'a', 'b', 1), (3, 'a', 'c', 1), (4, NULL, 'b', 2);
			CREATE VIEW same AS SELECT a.id, b.id AS other, a.v, b.w FROM t a JOIN t b ON a.v = b.v AND (a.w, a."X y") = (b.w, b."X y") WHERE a.id < b.id;
			CREATE VIEW over AS SELECT s.other FROM same s WHERE EXISTS (SELECT FROM t WHERE t.w = s.w)`,
		seal:   []string{"t.v", "t.w", `t."X y"`},
		sealed: []string{`SELECT count(*) = 1 AND min(other) = 2 FROM over`},
		order:  []string{"t.w", `t."X y"`, "t.v"},
	},
	"a child table's views": {
		ddl:  `CREATE TABLE t (id int, v text) PARTITION BY LIST (id); CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1); CREATE VIEW w AS SELECT t1.v, t.id FROM t1, t; INSERT INTO t VALUES (1, 'a')`,
		seal: []string{"t.v"},
	},
}

func TestShapesComeBackToTheLetter(t *testing.T) {
	w := newWorld(t)
	for name, s := range shapes {
		t.Run(name, func(t *testing.T) {
			w.reset(t)
			w.exec(forServer(s.ddl))
			before, grants := w.dump(), w.privileges()
			for _, target := range s.seal {
				w.seal(target, true)
			}
			for _, sql := range s.sealed {
				if !one[bool](w, sql) {
					t.Errorf("while sealed: %s is false", sql)
				}
			}
			w.asSuperuser(func() { // row security hides rows from the owner
				if _, damages := w.verify(""); len(damages) > 0 {
					t.Errorf("does not open: %v", damages)
				}
			})
			order := s.order
			if order == nil {
				order = s.seal
			}
			for _, target := range order {
				w.unseal(target)
			}
			w.same("the dump", before, w.dump())
			w.same("privileges", grants, w.privileges())
			if n := one[int](w, `SELECT count(*) FROM pg_type WHERE typnamespace = 'pgseal_column'::regnamespace`); n != 0 {
				t.Errorf("%d domains are left over", n)
			}
		})
	}
}

// privileges are what roles may do with each relation, however it is written down.
func (w *world) privileges() string {
	w.t.Helper()
	return one[string](w, `SELECT coalesce(string_agg(format('%s %s %s', c.relname, coalesce(c.relacl, acldefault('r', c.relowner)),
		(SELECT string_agg(a.attname || a.attacl::text, ',' ORDER BY attnum) FROM pg_attribute a WHERE a.attrelid = c.oid)), E'\n' ORDER BY relname), '')
		FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v', 'p')`)
}

// What an application sees of a table's shape stays: the order of its columns,
// and what INSERT takes without a list.
func TestPositionsOfColumnsStay(t *testing.T) {
	w := newWorld(t, `CREATE TABLE t (a int, gone int, b text, c int); ALTER TABLE t DROP COLUMN gone; INSERT INTO t VALUES (1, 'x', 2)`)
	const columns = `SELECT string_agg(attnum || attname, ' ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 't'::regclass AND attnum > 0`
	before := one[string](w, columns)
	for range 3 {
		w.seal("t.b", true)
		w.same("columns while sealed", before, one[string](w, columns))
		w.unseal("t.b")
		w.same("columns once unsealed", before, one[string](w, columns))
	}
}

func TestSuperuserSealsTablesOfOthers(t *testing.T) {
	w := newWorld(t, `CREATE TABLE t (id int, v text UNIQUE); INSERT INTO t VALUES (1, 'x'); CREATE VIEW w AS SELECT v FROM t;
		ALTER TABLE t ENABLE ROW LEVEL SECURITY; ALTER TABLE t FORCE ROW LEVEL SECURITY`)
	before := w.dump()
	w.asSuperuser(func() {
		w.seal("t.v", true)
		w.unseal("t.v")
	})
	w.same("the dump", before, w.dump())
}

func TestReportNamesWhatWasCarried(t *testing.T) {
	w := newWorld(t, `CREATE TABLE t (id int, v text CONSTRAINT v_unique UNIQUE); INSERT INTO t VALUES (1, 'x'), (2, NULL); CREATE VIEW w AS SELECT v FROM t;
		CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; CREATE TRIGGER audit BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()`)
	r := w.seal("t.v", true)
	got := fmt.Sprintln(r.Column, r.Rows, r.Indexes, r.Views, r.Triggers)
	if want := "public.t.v 1 [public.v_unique] [public.w] [audit]\n"; got != want {
		t.Errorf("report %s, want %s", got, want)
	}
	if len(r.Remains) == 0 || !strings.Contains(r.Remains[0].Command, "VACUUM FULL") {
		t.Errorf("remains %v do not name the statistics", r.Remains)
	}
}
