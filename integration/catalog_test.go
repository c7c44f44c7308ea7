package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"pgseal/integration/harness"
)

// shop has everything around sealed columns that catalogs tell of.
var shop = harness.Schema{
	DDL: `CREATE SCHEMA app;
		CREATE TABLE customers (
			id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
			email text NOT NULL CONSTRAINT one_account UNIQUE,
			ssn varchar(11) DEFAULT upper('unknown'),
			"FullName" varchar(40) COLLATE "C",
			pin char(4) DEFAULT NULL::bpchar,
			balance numeric(12,2),
			born date DEFAULT '2000-01-01',
			seen timestamptz(3),
			extra jsonb,
			raw bytea,
			note text,
			plain int DEFAULT 7 CHECK (plain > 0),
			motto text NOT NULL DEFAULT '',
			UNIQUE (ssn, plain));
		CREATE INDEX customers_by_pin ON customers (pin DESC NULLS LAST, id);
		CREATE INDEX "ByName" ON customers ("FullName" varchar_pattern_ops) WHERE plain > 3;
		CREATE UNIQUE INDEX customers_hash ON customers (lower(note), born);
		COMMENT ON TABLE customers IS 'who buys';
		COMMENT ON COLUMN customers.ssn IS 'social security';
		COMMENT ON CONSTRAINT one_account ON customers IS 'no two';
		COMMENT ON INDEX customers_by_pin IS 'for the till';
		CREATE TABLE app.orders (id serial PRIMARY KEY, customer bigint REFERENCES customers ON DELETE CASCADE,
			card text DEFAULT 'it''s \none', placed timestamptz DEFAULT now(), lines int[] NOT NULL DEFAULT '{}');
		ALTER TABLE app.orders ALTER card SET STORAGE EXTERNAL;
		CREATE TABLE visits (day date NOT NULL, who varchar(20), email text, UNIQUE (day, email)) PARTITION BY RANGE (day);
		CREATE TABLE visits_1 PARTITION OF visits FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
		CREATE INDEX ON visits (who);
		CREATE VIEW named AS SELECT id, email, ssn, "FullName" AS name FROM customers;
		CREATE VIEW same AS SELECT a.id, b.id AS other, a.ssn FROM customers a JOIN customers b ON a.ssn = b.ssn WHERE a.id < b.id;
		CREATE FUNCTION app.one() RETURNS int LANGUAGE sql AS 'SELECT 1';
		CREATE TYPE app.mood AS ENUM ('good', 'bad');
		CREATE DOMAIN app.positive AS int CHECK (VALUE > 0);
		CREATE SEQUENCE app.numbers;
		GRANT SELECT ON customers TO PUBLIC;
		GRANT SELECT (id, ssn), UPDATE (ssn) ON customers TO pg_monitor;
		GRANT ALL ON SCHEMA app TO pg_monitor;`,
	Seal: []string{
		"public.customers.email --equality", "public.customers.ssn --equality", `public.customers."FullName" --equality`,
		"public.customers.pin --equality", "public.customers.balance", "public.customers.born --equality", "public.customers.seen",
		"public.customers.extra", "public.customers.raw", "public.customers.motto", "app.orders.card", "app.orders.placed", "app.orders.lines", "public.visits.who --equality", "public.visits.email --equality",
	},
}

// psql's commands that describe a database, and all objects that shop has.
var describes = []string{
	`\d`, `\d+`, `\d customers`, `\d+ customers`, `\d one_account`, `\d+ customers_by_pin`, `\d "ByName"`, `\d customers_hash`, `\d customers_ssn_plain_key`,
	`\d+ app.orders`, `\d app.*`, `\d+ visits`, `\d visits_1`, `\d visits_who_idx`, `\d+ named`, `\d+ same`, `\d *.*orders*`,
	`\dt+`, `\dt p*.*rs`, `\di`, `\di+`, `\dv+`, `\dm+`, `\ds+`, `\dn`, `\dn+`, `\dT`, `\dT+ *.*`, `\dD+`, `\dD *.*`, `\df`, `\df+ app.*`, `\df pgseal.*`,
	`\dp`, `\dp customers`, `\ddp`, `\dd`, `\dx`, `\dx+`, `\dP+`, `\dA`, `\dC app.*`, `\dy`, `\dRp`, `\du`, `\dX`, `\do app.*`, `\dO app.*`, `\da app.*`,
	`\dFd`, `\drds`, `\dL`, `\sv named`, `\sv+ same`, `\sf app.one`, `\l`, `\z customers`, `\d pgseal.*`, `\d pgseal_column.*`, `\dn pgseal*`,
	`\d pg_class`, `\d+ pg_attribute`, `\d information_schema.columns`, `\db`, `\dconfig work_mem`,
}

func TestPsqlDescribesTheLogicalSchema(t *testing.T) {
	psql := program(t, "psql")
	pair := harness.New(t, shop)
	var script strings.Builder
	for i, command := range describes {
		fmt.Fprintf(&script, "\\echo %s%d\n%s\n", section, i, command)
	}
	file := filepath.Join(t.TempDir(), "describe.sql")
	if err := os.WriteFile(file, []byte(script.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(url string) []string { return strings.Split(client(t, psql, "-X", "-d", url, "-f", file), section) }
	want, got := run(pair.TwinURL()), run(pair.URL())
	if len(want) != len(got) || len(want) != len(describes)+1 {
		t.Fatalf("%d and %d answers to %d commands", len(got), len(want), len(describes))
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%s\n%s", describes[max(i-1, 0)], difference(got[i], want[i]))
		}
	}
}

// section begins the answer to each command.
const section = "=== "

// wholeCatalogRow has the type record, and comes from nowhere: it is a row of a subquery.
const wholeCatalogRow = `SELECT pg_class FROM pg_class WHERE relname = 'nothing'`

const defaultsQuery = `SELECT a.attname, pg_get_expr(d.adbin, d.adrelid), (SELECT pg_catalog.pg_get_expr(d.adbin, d.adrelid, true)) AS again
		FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum WHERE d.adrelid::regclass::text !~ '^pg'`

// What standard queries of the catalogs say, row by row.
var catalogQueries = []string{
	`SELECT a.attrelid::regclass, a.attname, a.atttypid::regtype, a.atttypmod, a.attlen, a.attbyval, a.attalign, a.attstorage, a.attcompression,
		a.attcollation::regcollation, a.attnotnull, a.attndims, a.attnum, a.attmissingval IS NULL FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
		JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname !~ '^(pg_|information_schema)'`,
	`SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'customers'::regclass AND pg_catalog.pg_attribute.attnum > 0`,
	`SELECT indexrelid::regclass, indrelid::regclass, indnatts, indnkeyatts, indisunique, indisprimary, indkey, indcollation, indclass, indoption,
		indexprs IS NULL, pg_get_expr(indpred, indrelid), pg_get_indexdef(indexrelid), pg_get_indexdef(indexrelid, 1, true),
		pg_get_indexdef(indexrelid, 2, false), pg_get_indexdef(indexrelid, 0, true) FROM pg_index WHERE indrelid >= 16384 AND indexrelid::regclass::text !~ 'pg_toast'`,
	`SELECT x.indexrelid::regclass, pg_get_indexdef, d.*, e.n FROM pg_index x, LATERAL pg_get_indexdef(x.indexrelid), pg_catalog.pg_get_indexdef(indexrelid, 1, true) d,
		pg_get_indexdef(indexrelid) WITH ORDINALITY AS e (d, n) WHERE x.indrelid >= 16384 AND x.indexrelid::regclass::text !~ 'pg_toast'`,
	`SELECT x.indexrelid::regclass, pg_get_indexdef.*, d, e.* FROM pg_index x, pg_get_indexdef(x.indexrelid) WITH ORDINALITY, ROWS FROM (pg_get_indexdef(indexrelid, 1, true)) AS d,
		LATERAL (SELECT * FROM ROWS FROM (pg_get_indexdef(indexrelid)) WITH ORDINALITY) AS e WHERE x.indrelid >= 16384 AND x.indexrelid::regclass::text !~ 'pg_toast'`,
	`SELECT conname, conrelid::regclass, contype, condeferrable, convalidated, conindid::regclass, conkey, conislocal, coninhcount, connoinherit,
		pg_get_constraintdef(oid), pg_get_constraintdef(oid, true), conparentid <> 0 FROM pg_constraint WHERE connamespace <> 'information_schema'::regnamespace`,
	`SELECT schemaname, tablename, indexname, indexdef FROM pg_indexes WHERE schemaname !~ '^pg_'`,
	`SELECT viewname, definition FROM pg_views WHERE schemaname = 'public'`,
	`SELECT pg_get_viewdef('same'::regclass), pg_get_viewdef('same'::regclass, true), pg_get_viewdef('named', true), pg_catalog.pg_get_viewdef('same'::regclass, 30)`,
	`SELECT pg_get_ruledef(oid) FROM pg_rewrite WHERE ev_class = 'same'::regclass`,
	`SELECT c.conname, d.description FROM pg_description d JOIN pg_constraint c ON c.oid = d.objoid AND d.classoid = 'pg_constraint'::regclass`,
	`SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_(temp|toast)'`,
	`SELECT relname, relkind, relnamespace::regnamespace, tableoid::regclass FROM pg_class WHERE oid >= 16384 AND relname !~ 'pg_toast'`,
	`SELECT typname, typtype, typnamespace::regnamespace FROM pg_type WHERE oid >= 16384 AND typname !~ 'pg_toast'`,
	`SELECT proname, pronamespace::regnamespace FROM pg_proc WHERE oid >= 16384`,
	`SELECT extname FROM pg_extension`,
	`SELECT schemaname, tablename, attname, null_frac, avg_width > 0, most_common_vals FROM pg_stats WHERE schemaname IN ('public', 'app', 'pgseal')`,
	`SELECT relname FROM pg_stat_user_tables`,
	`SELECT c.column_name, e.data_type FROM information_schema.columns c JOIN information_schema.element_types e
		ON (c.table_catalog, c.table_schema, c.table_name, 'TABLE', c.dtd_identifier) = (e.object_catalog, e.object_schema, e.object_name, e.object_type, e.collection_type_identifier)
		WHERE c.table_schema = 'app'`,
	`WITH x AS (SELECT * FROM pg_class WHERE relname = 'customers') SELECT x.relname, (SELECT count(*) FROM pg_attribute WHERE attrelid = x.oid AND atttypid = 'bytea'::regtype) FROM x`,
	`SELECT relname, (row_to_json(pg_class)->>'relkind') FROM pg_class WHERE relname = 'named'`,
	wholeCatalogRow,
	`TABLE pg_extension`,
	`SELECT tableoid::regclass, * FROM pg_extension`,
	`SELECT n.*, n.ctid IS NULL FROM pg_namespace n WHERE nspname !~ '^pg_(temp|toast)'`,
	`SELECT *, a.xmin IS NULL FROM pg_attribute a JOIN app.orders o ON o.id = a.attnum WHERE attrelid = 'customers'::regclass`,
	defaultsQuery,
	`SELECT table_name, column_default FROM information_schema.columns WHERE table_schema IN ('public', 'app')`,
	// Tools gather columns in one document, an array or a list.
	`WITH c AS (SELECT attrelid::regclass::text, attnum, attname, pg_get_expr(adbin, adrelid) AS def FROM pg_attrdef d JOIN pg_attribute a
		ON attrelid = adrelid AND attnum = adnum WHERE adrelid::regclass::text !~ '^pg')
		SELECT (SELECT array_to_json(array_agg(row_to_json(c) ORDER BY attrelid, attnum)) FROM c), (SELECT jsonb_agg(to_jsonb(c.*) ORDER BY attrelid, attnum) FROM c),
		(SELECT array_agg(def ORDER BY attrelid, attnum) FROM c), (SELECT string_agg(def, ', ' ORDER BY attrelid, attnum) FROM c)`,
	`SELECT x FROM (SELECT attname, pg_get_expr(adbin, adrelid) FROM pg_attrdef JOIN pg_attribute ON attrelid = adrelid AND attnum = adnum WHERE adrelid::regclass::text !~ '^pg') x`,
	`SELECT json_object_agg(table_name || column_name, json_build_array(column_default) ORDER BY table_name, column_name) FROM information_schema.columns
		WHERE table_schema IN ('public', 'app')`,
}

// originQueries ask for columns of catalogs through subqueries, joins and what makes
// another value of them.
var originQueries = []string{
	`WITH w AS (SELECT attname AS a, attnum + 0 AS b, attrelid FROM pg_attribute) SELECT x.name, x.a, w.b, c.conname, c.conname::text, upper(c.conname) AS up
		FROM w JOIN (SELECT attname AS name, a.* FROM w AS a JOIN pg_attribute USING (attrelid)) x ON x.a = w.a LEFT JOIN pg_constraint c ON false LIMIT 0`,
	`SELECT attname FROM pg_attribute WHERE attnum = 77 UNION SELECT conname FROM pg_constraint WHERE contype = 'z'`,
	`SELECT attname, count(*) FROM pg_attribute WHERE attrelid = 'customers'::regclass GROUP BY attname`,
	`SELECT DISTINCT c.column_name, (SELECT c.data_type), k.constraint_name FROM information_schema.columns c LEFT JOIN information_schema.key_column_usage k
		ON k.column_name = c.column_name AND k.table_name = c.table_name WHERE c.table_name = 'customers'`,
}

// informationViews are the views of information_schema that tell of objects in
// schemas, each with the column of the schema's name. element_types takes the
// server seconds without a condition.
const informationViews = `
	SELECT DISTINCT ON (c.relname) c.relname, a.attname
	  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname ~ 'schema(_name)?$'
	 WHERE c.relnamespace = 'information_schema'::regnamespace AND c.relkind = 'v' AND c.relname !~ '^_'
	   AND c.relname NOT IN ('transforms', 'element_types')
	 ORDER BY c.relname, a.attnum`

func TestCatalogsShowTheLogicalSchema(t *testing.T) {
	pair := harness.New(t, shop)
	twin, shown := pair.Connect(t, pair.TwinURL()), pair.Connect(t, pair.URL())
	rows := func(conn *pgx.Conn, sql string) string {
		r, err := conn.Query(t.Context(), sql, pgx.QueryExecModeSimpleProtocol) // in text
		if err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		list, err := pgx.CollectRows(r, func(r pgx.CollectableRow) (string, error) {
			var b strings.Builder
			for _, v := range r.RawValues() {
				b.Write(v)
				b.WriteByte('|')
			}
			return withoutOIDs(b.String()), nil
		})
		if err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		slices.Sort(list)
		if sql == wholeCatalogRow {
			return strings.Join(list, "\n")
		}
		return described(r.FieldDescriptions()) + strings.Join(list, "\n")
	}
	queries := append(slices.Clone(catalogQueries), originQueries...)
	views, err := twin.Query(t.Context(), informationViews)
	if err != nil {
		t.Fatal(err)
	}
	var view, filter string
	_, err = pgx.ForEachRow(views, []any{&view, &filter}, func() error {
		queries = append(queries, fmt.Sprintf("SELECT * FROM information_schema.%s WHERE %s NOT IN ('pg_catalog', 'information_schema')", view, filter))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	same := func(sql string) {
		if want, got := rows(twin, sql), rows(shown, sql); got != want {
			t.Errorf("%s\n%s", sql, difference(got, want))
		}
	}
	for _, sql := range queries {
		same(sql)
	}
	for _, sql := range originQueries {
		want, err := twin.Prepare(t.Context(), "", sql)
		got, failed := shown.Prepare(t.Context(), "", sql)
		if err != nil || failed != nil || described(got.Fields) != described(want.Fields) {
			t.Errorf("prepared: %v, %v: %s\n%s", err, failed, sql, difference(described(got.Fields), described(want.Fields)))
		}
	}
	// Qt reads the catalog so.
	for _, set := range []string{"SET bytea_output = escape", "RESET ALL"} {
		same(set)
		for _, sql := range catalogQueries {
			if strings.Contains(sql, "pg_attrdef") || strings.Contains(sql, "column_default") {
				same(sql)
			}
		}
	}
	// Again, from what is remembered of it, behind rows of the extended protocol.
	want, motto := rows(shown, defaultsQuery), "none"
	err = shown.QueryRow(t.Context(), "INSERT INTO customers (email) VALUES ($1) RETURNING motto", pair.Env.Canaries.Text()).Scan(&motto)
	if got := rows(shown, defaultsQuery); err != nil || motto != "" || got != want {
		t.Errorf("%v, motto %q\n%s", err, motto, difference(got, want))
	}
	// Past the proxy stands the truth.
	readsBack(t, pair.Connect(t, pair.ServerURL()), "SELECT count(*)::text FROM pg_attribute WHERE atttypid::regtype::text ~ '^pgseal_column' AND attrelid = 'customers'::regclass", "10")
}

// described is what a client gets to know of columns.
func described(fields []pgconn.FieldDescription) string {
	var b strings.Builder
	for _, f := range fields {
		fmt.Fprintf(&b, "%s %s %d of %s.%d\n", f.Name, withoutOIDs(fmt.Sprint(f.DataTypeOID)), f.TypeModifier, withoutOIDs(fmt.Sprint(f.TableOID)), f.TableAttributeNumber)
	}
	return b.String()
}

var digits = regexp.MustCompile(`[0-9]+`)

// withoutOIDs leaves out OIDs of objects made by users, which differ from server to
// server, and stand in names, too (2200_16422_1_not_null).
func withoutOIDs(text string) string {
	return digits.ReplaceAllStringFunc(text, func(n string) string {
		if len(n) == 5 && n[0] != '0' {
			return "OID"
		}
		return n
	})
}

// difference shows the lines in which two texts differ.
func difference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	var b strings.Builder
	for i := range max(len(g), len(w)) {
		var x, y string
		if i < len(g) {
			x = g[i]
		}
		if i < len(w) {
			y = w[i]
		}
		if x != y {
			fmt.Fprintf(&b, "  plain: %s\n  shown: %s\n", y, x)
		}
	}
	return b.String()
}
