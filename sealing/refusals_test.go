package sealing

import (
	"testing"
)

// What cannot be carried over is named, with what to do, and nothing changes.
var refusals = map[string]struct {
	ddl, target string
	noEquality  bool
	words       []string
	since       int // the first version of PostgreSQL that has it; 0 for all
}{
	"a CHECK":                           {ddl: `CREATE TABLE t (v text CONSTRAINT long CHECK (length(v) > 3))`, words: []string{"long", "drop the constraint"}},
	"a CHECK of a partition":            {ddl: `CREATE TABLE t (k int, v text) PARTITION BY LIST (k); CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1); ALTER TABLE t1 ADD CONSTRAINT c1 CHECK (v > 'a')`, words: []string{"c1"}},
	"a generated column":                {ddl: `CREATE TABLE t (a text, v text GENERATED ALWAYS AS (upper(a)) STORED)`, words: []string{"GENERATED"}},
	"a generated column's source":       {ddl: `CREATE TABLE t (v text, g text GENERATED ALWAYS AS (upper(v)) STORED)`, words: []string{"g of table"}},
	"an identity":                       {ddl: `CREATE TABLE t (v int GENERATED ALWAYS AS IDENTITY)`, words: []string{"IDENTITY"}},
	"a default of another type":         {ddl: `CREATE TABLE t (v text DEFAULT pg_current_snapshot())`, words: []string{"default", "::text"}},
	"a primary key":                     {ddl: `CREATE TABLE t (v text PRIMARY KEY)`, words: []string{"primary key", "surrogate"}},
	"a foreign key to it":               {ddl: `CREATE TABLE t (v text UNIQUE); CREATE TABLE r (v text CONSTRAINT r_to_t REFERENCES t (v))`, words: []string{"r_to_t"}},
	"a foreign key from it":             {ddl: `CREATE TABLE o (v text PRIMARY KEY); CREATE TABLE t (v text CONSTRAINT t_to_o REFERENCES o)`, words: []string{"t_to_o"}},
	"an exclusion constraint":           {ddl: `CREATE TABLE t (v text, CONSTRAINT x EXCLUDE USING hash (v WITH =))`, words: []string{"constraint x"}},
	"a deferrable constraint":           {ddl: `CREATE TABLE t (v text, CONSTRAINT d UNIQUE (v) DEFERRABLE)`, words: []string{"d is a deferrable", "NOT DEFERRABLE"}},
	"an index over an expression":       {ddl: `CREATE TABLE t (v text); CREATE INDEX lowered ON t (lower(v))`, words: []string{"lowered"}},
	"a predicate over it":               {ddl: `CREATE TABLE t (v text, w int); CREATE INDEX p ON t (w) WHERE v <> 'x'`, words: []string{"predicate", "index public.p"}},
	"a foreign key to what includes it": {ddl: `CREATE TABLE t (w int, v text, CONSTRAINT inc PRIMARY KEY (w) INCLUDE (v)); CREATE TABLE r (w int CONSTRAINT r_to_t REFERENCES t)`, words: []string{"inc", "r_to_t"}},
	"a GIN index":                       {ddl: `CREATE TABLE t (v jsonb); CREATE INDEX gin ON t USING gin (v)`, words: []string{"gin"}},
	"an invalid index":                  {ddl: `CREATE TABLE t (k int, v text) PARTITION BY LIST (k); CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1); CREATE INDEX half ON ONLY t (v)`, words: []string{"half", "invalid"}},
	"a replica identity":                {ddl: `CREATE TABLE t (v text NOT NULL); CREATE UNIQUE INDEX ri ON t (v); ALTER TABLE t REPLICA IDENTITY USING INDEX ri`, words: []string{"ri", "replica identity"}},
	"an index without --equality":       {ddl: `CREATE TABLE t (v text); CREATE INDEX plain ON t (v)`, noEquality: true, words: []string{"plain", "--equality"}},
	"uniqueness without --equality":     {ddl: `CREATE TABLE t (v text UNIQUE)`, noEquality: true, words: []string{"t_v_key", "--equality"}},
	"a view that computes with it":      {ddl: `CREATE TABLE t (v text); CREATE VIEW shout AS SELECT upper(v) AS v FROM t`, words: []string{"shout", "upper"}},
	"a view that compares it":           {ddl: `CREATE TABLE t (v text); CREATE VIEW chosen AS SELECT * FROM t WHERE v = 'x'`, words: []string{"chosen"}},
	"a materialized view":               {ddl: `CREATE TABLE t (v text); CREATE MATERIALIZED VIEW m AS SELECT v FROM t`, words: []string{"m stores"}},
	"a view that others grant on":       {ddl: `CREATE TABLE t (v text); CREATE VIEW w AS SELECT v FROM t; GRANT SELECT ON w TO other WITH GRANT OPTION`, words: []string{"granted by others"}},
	"a view under a function":           {ddl: `CREATE TABLE t (v text); CREATE VIEW w AS SELECT v FROM t; CREATE FUNCTION f() RETURNS SETOF w LANGUAGE sql AS 'SELECT * FROM w'`, words: []string{"view public.w", "f()"}},
	"a view with a trigger":             {ddl: `CREATE TABLE t (v text); CREATE VIEW w AS SELECT v FROM t; CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN END'; CREATE TRIGGER x INSTEAD OF INSERT ON w FOR EACH ROW EXECUTE FUNCTION f()`, words: []string{"view public.w", "triggers"}},
	"a view with a default":             {ddl: `CREATE TABLE t (v text); CREATE VIEW w AS SELECT v FROM t; ALTER VIEW w ALTER v SET DEFAULT 'x'`, words: []string{"view public.w", "defaults"}},
	"a rule of the table":               {ddl: `CREATE TABLE t (v text); CREATE TABLE log (v text); CREATE RULE r AS ON INSERT TO t DO ALSO INSERT INTO log VALUES (NEW.v)`, words: []string{"rule"}},
	"a function with an SQL body":       {ddl: `CREATE TABLE t (v text); CREATE FUNCTION f() RETURNS text LANGUAGE sql BEGIN ATOMIC SELECT v FROM t; END`, words: []string{"f()"}},
	"a trigger on it":                   {ddl: `CREATE TABLE t (v text); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; CREATE TRIGGER x BEFORE UPDATE OF v ON t FOR EACH ROW EXECUTE FUNCTION f()`, words: []string{"trigger x"}},
	"a policy that reads it":            {ddl: `CREATE TABLE t (v text); CREATE POLICY mine ON t USING (v = current_user)`, words: []string{"policy mine"}},
	"a row filter of a publication":     {ddl: `CREATE TABLE t (v text); CREATE PUBLICATION pub FOR TABLE t WHERE (v <> '')`, words: []string{"publication"}, since: 15},
	"extended statistics over it":       {ddl: `CREATE TABLE t (v text, w int); CREATE STATISTICS st ON lower(v), w FROM t`, words: []string{"st computes"}},
	"a partition key":                   {ddl: `CREATE TABLE t (v text) PARTITION BY LIST (v)`, words: []string{"partitioned by it"}},
	"a partition key deeper":            {ddl: `CREATE TABLE t (k int, v text) PARTITION BY LIST (k); CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1) PARTITION BY LIST (lower(v))`, words: []string{"t1", "partitioned by it"}},
	"a partition alone":                 {ddl: `CREATE TABLE r (k int, v text) PARTITION BY LIST (k); CREATE TABLE t PARTITION OF r FOR VALUES IN (1)`, words: []string{"parent"}},
	"a second parent":                   {ddl: `CREATE TABLE t (v text); CREATE TABLE t2 (v text); CREATE TABLE child () INHERITS (t, t2)`, words: []string{"child", "another parent"}},
	"a row type in use":                 {ddl: `CREATE TABLE t (v text); CREATE TABLE u (x t)`, words: []string{"u.x"}},
	"a typed table":                     {ddl: `CREATE TYPE ct AS (v text); CREATE TABLE t OF ct`, words: []string{"composite type"}},
	"a type":                            {ddl: `CREATE TABLE t (v circle)`, words: []string{"circle"}},
	"a domain":                          {ddl: `CREATE DOMAIN d AS text CONSTRAINT low CHECK (lower(VALUE) = VALUE); CREATE TABLE t (v d)`, words: []string{"low", "cannot check"}},
	"an array":                          {ddl: `CREATE TABLE t (v circle[])`, words: []string{"circle[]"}},
	"json with equality":                {ddl: `CREATE TABLE t (v json)`, words: []string{"without --equality"}},
	"a nondeterministic collation":      {ddl: `CREATE COLLATION nd (provider = icu, locale = 'und', deterministic = false); CREATE TABLE t (v text COLLATE nd)`, words: []string{"nondeterministic"}},
	"an index under such a collation":   {ddl: `CREATE COLLATION nd (provider = icu, locale = 'und', deterministic = false); CREATE TABLE t (v text); CREATE UNIQUE INDEX i ON t (v COLLATE nd)`, words: []string{"index public.i", "nondeterministic"}},
	"a view":                            {ddl: `CREATE TABLE b (v text); CREATE VIEW t AS SELECT v FROM b`, words: []string{"only columns of tables"}},
	"a temporary table":                 {ddl: `CREATE TEMPORARY TABLE t (v text)`, words: []string{"temporary"}},
	"a column that is not there":        {ddl: `CREATE TABLE t (w text)`, words: []string{"no such column"}},
	"a system column":                   {ddl: `CREATE TABLE t (w text)`, target: "t.ctid", words: []string{"no such column"}},
	"a table that is not there":         {target: "nosuch.v", words: []string{"no such table"}},
	"a name of one part":                {target: "v", words: []string{"SCHEMA.TABLE.COLUMN"}},
	"no name at all":                    {target: "a..b", words: []string{"not the name"}},
	"pgseal's own table":                {target: "pgseal.data_key.key_spec", words: []string{"your own tables"}},
	"a catalog":                         {target: "pg_catalog.pg_class.relname", words: []string{"your own tables"}},
}

func TestRefusalsNameTheObjectAndChangeNothing(t *testing.T) {
	w := newWorld(t)
	for name, c := range refusals {
		if cluster.Binaries.Major < c.since {
			continue
		}
		t.Run(name, func(t *testing.T) {
			w.reset(t)
			w.exec(c.ddl)
			target := c.target
			if target == "" {
				target = "t.v"
			}
			if name == "a view that others grant on" {
				w.execAs(w.connect("other"), "GRANT SELECT ON w TO reader")
			}
			before := w.everything()
			_, err := Seal(t.Context(), w.conn, []Target{{Column: target, Equality: !c.noEquality}}, SealOptions{Keys: w.keys})
			w.refused(err, c.words...)
			w.same("the database", before, w.everything())
		})
	}
}
