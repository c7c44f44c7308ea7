package integration

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"pgseal/integration/harness"
	"pgseal/integration/pgtest"
)

// generatedDDL is how many statements each session of migrations runs.
const generatedDDL = 80

// What the generator of migrations starts from. Names in the statements are taken
// from few, so that they meet.
var migrated = harness.Schema{
	DDL: `CREATE SCHEMA s2;
CREATE TABLE g (id int PRIMARY KEY, t text, v varchar(20) UNIQUE, i int4, d date DEFAULT '2024-01-02', n numeric(8,2), p text, note text NOT NULL DEFAULT 'none');
CREATE TABLE h (id int PRIMARY KEY, t text, u uuid, b bool, p text);
CREATE TABLE q (id int PRIMARY KEY, t text, v varchar(20), p text);
CREATE TABLE parts (id int, t text, v varchar(20), p text) PARTITION BY RANGE (id);
CREATE TABLE parts_low PARTITION OF parts FOR VALUES FROM (0) TO (20);
CREATE INDEX g_i ON g (i);
CREATE INDEX g_tp ON g (t, p);
INSERT INTO g VALUES (1, 'a', 'x', 1, '2024-02-03', 1.5, 'p1', 'n1'), (2, NULL, NULL, NULL, NULL, NULL, NULL, 'n2'), (3, 'a', 'y', 1, '2024-02-03', 1.5, 'p3', 'n1');
INSERT INTO h VALUES (1, 'a', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', true, 'p'), (2, 'b', NULL, false, NULL);
INSERT INTO q VALUES (1, 'a', 'x', 'p')`,
	Seal: []string{"public.g.t --equality", "public.g.v --equality", "public.g.i --equality", "public.g.d --equality", "public.g.n", "public.g.note",
		"public.h.t --equality", "public.h.u --equality", "public.h.b --equality",
		"public.parts.t --equality", "public.parts.v"},
}

// TestGeneratedMigrations lets chance write DDL, in and out of transactions, with
// statements that use what it makes. Behind each of them tables, catalogs and errors
// are as they are on the plain database, or it is refused.
func TestGeneratedMigrations(t *testing.T) {
	seed := pgtest.Seed(t)
	for _, mode := range []harness.Mode{harness.Simple, harness.Unnamed, harness.PreparedText} {
		t.Run(string(mode), func(t *testing.T) {
			migrate(t, harness.New(t, migrated), mode, seed, generatedDDL) // each mode makes of it something else
		})
	}
}

// What other sessions do meanwhile with tables of the same names in a schema of their
// own, and with temporary ones, is not seen in it.
func TestGeneratedMigrationsBesideOtherSessions(t *testing.T) {
	seed := pgtest.Seed(t)
	for _, mode := range []harness.Mode{harness.Simple, harness.Unnamed} {
		t.Run(string(mode), func(t *testing.T) {
			pair := harness.New(t, migrated)
			othersMakeTables(t, pair, seed)
			migrate(t, pair, mode, seed, generatedDDL/3) // which wait for each other
		})
	}
}

// othersMakeTables has other sessions do so until the test ends.
func othersMakeTables(t *testing.T, pair *harness.Pair, seed uint64) {
	pair.Both("CREATE SCHEMA beside")
	ctx, stop := context.WithCancel(t.Context())
	const others = 3
	ended := make(chan error, others)
	for n := range others {
		conn := pair.Connect(t, pair.URL())
		chance := rand.New(rand.NewPCG(seed, uint64(n)))
		go func() { ended <- makesTables(ctx, conn, chance) }()
	}
	t.Cleanup(func() {
		stop()
		for range others {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	})
}

// makesTables makes, changes and drops tables until ctx ends. A statement may fail for
// what the statements before it have left, and for what is not there yet.
func makesTables(ctx context.Context, conn *pgx.Conn, chance *rand.Rand) error {
	broken := func(err error) bool {
		pgErr, ok := errors.AsType[*pgconn.PgError](err)
		return !ok || slices.Contains([]string{"08", "57", "58", "XX"}, pgErr.Code[:2])
	}
	one := func(of ...string) string { return of[chance.IntN(len(of))] }
	for ctx.Err() == nil {
		name := one("a", "b", "c", "g", "h")
		sql := one(
			"CREATE TABLE beside."+name+" (id int, t text, v varchar(20))",
			"CREATE TABLE beside."+name+" (LIKE public."+one("g", "h", "q")+")",
			"CREATE TEMP TABLE "+name+" (id int, p text, t text)",
			"CREATE TEMP TABLE "+name+" AS SELECT * FROM public."+one("g", "h"),
			"CREATE VIEW beside.v1 AS SELECT id, t FROM beside."+name,
			"DROP TABLE beside."+name+" CASCADE", "DROP TABLE pg_temp."+name, "DROP TABLE IF EXISTS pg_temp."+name,
			"ALTER TABLE beside."+name+" RENAME t TO y", "ALTER TABLE beside."+name+" RENAME TO "+one("a", "b", "c"),
			"ALTER TABLE beside."+name+" ADD t text", "ALTER TABLE beside."+name+" DROP COLUMN t",
			"INSERT INTO beside."+name+" (id, t) VALUES (1, 'beside')", "SELECT * FROM beside."+name+" WHERE t = 'beside'",
			"BEGIN", "COMMIT", "ROLLBACK", "DISCARD ALL")
		if _, err := conn.PgConn().Exec(ctx, sql).ReadAll(); err != nil && ctx.Err() == nil && broken(err) {
			return fmt.Errorf("%s: %w", sql, err)
		}
		if conn.PgConn().TxStatus() != 'I' && chance.IntN(3) == 0 { // and locks are held for a moment only
			conn.PgConn().Exec(ctx, "ROLLBACK").Close()
		}
		time.Sleep(10 * time.Millisecond) // the migration that they are beside is to have its turn
	}
	return nil
}

// migrate runs a session of so many statements on both sides of a pair.
func migrate(t *testing.T, pair *harness.Pair, mode harness.Mode, seed uint64, statements int) {
	c := pair.Compare(t, mode)
	g := &migrations{generator: generator{Rand: rand.New(rand.NewPCG(seed, uint64(len(mode)))), next: 10}}
	refused := 0
	for range statements {
		sql := g.afterError()
		if c.SealedStatus() != 'E' {
			g.look(c)
			sql = g.step()
		}
		step := S(sql).Unordered()
		if strings.HasPrefix(sql, "ALTER TABLE") && (strings.Contains(sql, ",") || strings.Contains(sql, " TYPE ") || strings.Contains(sql, "RENAME CONSTRAINT")) || strings.HasPrefix(sql, "UPDATE") {
			step = step.Failing()
		}
		wasRefused, same := c.Generated(step)
		if wasRefused {
			refused++
			c.Rollback()
		}
		t.Log(wasRefused, sql)
		if same && !wasRefused {
			_, same = c.Generated(S(g.probe()).Unordered())
		}
		if !same {
			t.FailNow()
		}
	}
	if refused > statements*3/4 {
		t.Errorf("%d of %d statements were refused: the rest is too little to prove anything", refused, statements)
	}
}

// migrations writes DDL and what comes between.
type migrations struct {
	generator
	relations []relation // that are there
	on        relation   // that the statement is about
}

type relation struct {
	name, kind string
	columns    []string
}

// look sees what is there: statements about nothing would all fail.
func (g *migrations) look(c *harness.Comparison) {
	g.relations = nil
	for _, row := range c.Ask(`SELECT c.oid::regclass, relkind, string_agg(attname, ' ' ORDER BY attnum) FROM pg_class c JOIN pg_attribute ON attrelid = c.oid
		WHERE relnamespace::regnamespace::text ~ '^(public|s2|pg_temp)' AND relkind IN ('r', 'v', 'm', 'p') AND attnum > 0 AND NOT attisdropped GROUP BY 1, 2 ORDER BY 1`) {
		g.relations = append(g.relations, relation{row[0], row[1], strings.Fields(row[2])})
	}
}

func (g *migrations) afterError() string {
	return g.one("ROLLBACK", "ROLLBACK", "ROLLBACK TO s", "ROLLBACK TO s", "SELECT 1", "COMMIT")
}

// table names a relation, and makes it the one that columns are taken of.
func (g *migrations) table() string {
	if len(g.relations) == 0 || g.chance(7) {
		g.on = relation{}
		return g.one("g", "h", "a", "b", "public.g", "s2.a", "v1")
	}
	g.on = g.relations[g.IntN(len(g.relations))]
	return g.on.name
}

func (g *migrations) bare() string { return g.one("g", "h", "q", "a", "a", "b", "b", "c") }

// name names a column.
func (g *migrations) name() string {
	if len(g.on.columns) == 0 || g.chance(10) {
		return g.one("t", "v", "i", "d", "n", "p", "note", "u", "b", "x", "y")
	}
	return g.one(g.on.columns...)
}

// other names one that is not id.
func (g *migrations) other() string {
	for {
		if name := g.name(); name != "id" {
			return name
		}
	}
}

func (g *migrations) several() string {
	list := []string{g.name()}
	for g.chance(30) {
		list = append(list, g.name())
	}
	return strings.Join(list, ", ")
}

func (g *migrations) typ() string {
	return g.one("text", "text", "varchar(20)", "varchar(30)", "int4", "int8", "date", "numeric(10,2)", "bool", "uuid")
}

func (g *migrations) constant() string {
	return g.one("'a'", "'x'", "1", "'2024-02-03'", "NULL", "true", "1.5")
}

func (g *migrations) step() string {
	switch n := g.IntN(100); {
	case n < 8:
		return g.one("BEGIN", "BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT s", "ROLLBACK TO s", "RELEASE s")
	case n < 22:
		return g.dml()
	case n < 34:
		return g.make()
	case n < 42:
		return g.index()
	case n < 50:
		return g.view()
	case n < 52 && len(g.relations) > 4:
		return fmt.Sprintf("DROP %s %s%s", g.one("TABLE", "TABLE IF EXISTS", "TABLE"), g.table(), g.one("", "", " CASCADE"))
	case n < 56:
		return g.dml()
	case n < 60:
		return g.one("SET search_path = s2, public", "SET search_path = public", "SET search_path = public, s2", "SET LOCAL search_path = s2", "DISCARD ALL", "RESET search_path")
	case n < 63:
		return fmt.Sprintf("COMMENT ON %s IS %s", g.one("TABLE "+g.table(), "COLUMN "+g.bare()+"."+g.name()), g.one("'said'", "NULL"))
	case n < 65:
		return "TRUNCATE " + g.table()
	default:
		return g.alter()
	}
}

func (g *migrations) dml() string {
	g.next++
	switch g.IntN(12) {
	case 6:
		return fmt.Sprintf("PREPARE %s AS SELECT * FROM %s WHERE %s = %s", g.one("p1", "p2"), g.table(), g.name(), g.constant())
	case 7:
		return g.one("EXECUTE p1", "EXECUTE p2", "EXECUTE p1", "EXECUTE p2", "DEALLOCATE p1", "DEALLOCATE ALL")
	case 8:
		return fmt.Sprintf("PREPARE %s AS INSERT INTO %s (id, %s) SELECT %d, %s", g.one("p1", "p2"), g.table(), g.other(), g.next, g.constant())
	case 9:
		return fmt.Sprintf("DECLARE c1 CURSOR %sFOR SELECT * FROM %s", g.one("", "WITH HOLD "), g.table())
	case 10:
		return g.one("FETCH 2 FROM c1", "FETCH ALL FROM c1", "CLOSE c1", "MOVE c1")
	case 11:
		from := g.table()
		return fmt.Sprintf("INSERT INTO %s SELECT * FROM %s", g.one(from, from, g.table()), from)
	case 0:
		return fmt.Sprintf("INSERT INTO %s (id, %s) VALUES (%d, %s)", g.table(), g.other(), g.next, g.constant())
	case 1:
		return fmt.Sprintf("INSERT INTO %s (id) VALUES (%d) RETURNING *", g.table(), g.next)
	case 2:
		return fmt.Sprintf("UPDATE %s SET %s = %s WHERE id = %d RETURNING *", g.table(), g.name(), g.constant(), g.IntN(4))
	case 3:
		return fmt.Sprintf("DELETE FROM %s WHERE %s = %s", g.table(), g.name(), g.constant())
	case 4:
		return fmt.Sprintf("SELECT * FROM %s WHERE %s = %s", g.table(), g.name(), g.constant())
	default:
		return "SELECT * FROM " + g.table()
	}
}

func (g *migrations) make() string {
	temporary := g.one("", "", "", "TEMP ", "UNLOGGED ")
	name := g.one("a", "a", "b", "c", "s2.a", "s2.h", "g")
	if temporary != "" {
		name = g.bare()
	}
	switch g.IntN(9) {
	case 6:
		return fmt.Sprintf("CREATE TABLE %s PARTITION OF parts FOR VALUES FROM (%d) TO (%d)", name, 20+g.IntN(10), 30+g.IntN(10))
	case 7:
		return fmt.Sprintf("ALTER TABLE parts ATTACH PARTITION %s FOR VALUES FROM (%d) TO (%d)", g.one(name, "parts_low", g.table()), g.IntN(10), 20+g.IntN(10))
	case 8:
		return fmt.Sprintf("ALTER TABLE parts DETACH PARTITION %s", g.one("parts_low", name))
	case 0:
		return fmt.Sprintf("CREATE %sTABLE %s (LIKE %s%s)", temporary, name, g.table(), g.one("", " INCLUDING DEFAULTS", " INCLUDING ALL EXCLUDING INDEXES"))
	case 1:
		of := g.table()
		return fmt.Sprintf("CREATE %sTABLE %s AS SELECT %s FROM %s%s", temporary, name, g.one("*", "id, "+g.several()), of, g.one("", " WITH NO DATA"))
	case 2:
		of := g.table()
		return fmt.Sprintf("SELECT id, %s AS y INTO %s%s FROM %s", g.name(), temporary, name, of)
	case 3:
		return fmt.Sprintf("CREATE %sTABLE %s (id int PRIMARY KEY, t text, p text DEFAULT 'd', x int)", temporary, name)
	case 4:
		return fmt.Sprintf("CREATE TABLE %s (y text) INHERITS (%s)", name, g.bare())
	default:
		return fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s (LIKE %s INCLUDING DEFAULTS, y text)", name, g.bare())
	}
}

func (g *migrations) index() string {
	name := g.one("ix1", "ix2", "g_i", "g_tp", "")
	switch g.IntN(7) {
	case 0:
		return fmt.Sprintf("DROP INDEX %s%s", g.one("", "IF EXISTS "), g.one("ix1", "ix2", "g_i", "g_tp", "g_v_key", "a_v_key"))
	case 1:
		return fmt.Sprintf("ALTER INDEX %s RENAME TO %s", g.one("ix1", "ix2", "g_i", "g_tp", "g_v_key"), g.one("ix1", "ix2", "g_i"))
	default:
		on := g.table()
		for g.on.kind == "p" { // the server names the partitions' indexes, see docs/sql.md
			on = g.table()
		}
		columns := g.several()
		if g.chance(20) {
			columns += " DESC"
		}
		return fmt.Sprintf("CREATE %sINDEX %s ON %s (%s)%s", g.one("", "", "UNIQUE "), name, on, columns, g.one("", "", " INCLUDE (p)", " WHERE p IS NOT NULL", " WHERE t IS NULL"))
	}
}

func (g *migrations) view() string {
	switch g.IntN(9) {
	case 0:
		return fmt.Sprintf("DROP VIEW %s%s", g.one("v1", "v2", "IF EXISTS v1"), g.one("", " CASCADE"))
	case 1:
		return fmt.Sprintf("ALTER VIEW v1 RENAME %s", g.one("TO v2", "COLUMN t TO x", "COLUMN y TO t"))
	case 2:
		return g.one("REFRESH MATERIALIZED VIEW m1", "DROP MATERIALIZED VIEW m1", "DROP MATERIALIZED VIEW IF EXISTS m1 CASCADE", "ALTER MATERIALIZED VIEW m1 RENAME COLUMN t TO y")
	case 3:
		of := g.table()
		return fmt.Sprintf("CREATE MATERIALIZED VIEW m1 AS SELECT id, %s FROM %s", g.several(), of)
	default:
		of := g.table()
		return fmt.Sprintf("CREATE %sVIEW %s AS SELECT %s FROM %s%s", g.one("", "OR REPLACE ", "TEMP "), g.one("v1", "v1", "v2"),
			g.one("*", "id, "+g.several(), "id, "+g.name()+" AS y", "id, t"), of, g.one("", "", " WHERE id > 1", " WHERE t IS NOT NULL"))
	}
}

func (g *migrations) alter() string {
	table := g.table()
	for (g.on.kind == "v" || g.on.kind == "m") && g.chance(90) {
		table = g.table()
	}
	if g.chance(15) {
		return fmt.Sprintf("ALTER TABLE %s%s %s", g.one("", "", "IF EXISTS "), table, g.one(
			"RENAME TO "+g.bare(),
			"RENAME "+g.name()+" TO "+g.name(),
			"RENAME COLUMN "+g.name()+" TO "+g.name(),
			"SET SCHEMA "+g.one("s2", "public", "public"),
			"RENAME CONSTRAINT "+g.constraint()+" TO "+g.constraint()))
	}
	if g.on.kind == "p" {
		return fmt.Sprintf("ALTER TABLE %s ADD COLUMN y text, ALTER p SET DEFAULT 'd', DROP COLUMN IF EXISTS x", table)
	}
	commands := []string{g.command()}
	for g.chance(25) {
		commands = append(commands, g.command())
	}
	return fmt.Sprintf("ALTER TABLE %s%s %s", g.one("", "", "", "", "ONLY "), table, strings.Join(commands, ", "))
}

func (g *migrations) constraint() string {
	return g.one("c1", "c2", "u1", "u1", "u2", "g_v_key", "g_pkey", "a_pkey")
}

func (g *migrations) command() string {
	column := g.name()
	switch g.IntN(16) {
	case 0, 1:
		return fmt.Sprintf("ADD COLUMN %s%s %s%s", g.one("", "IF NOT EXISTS "), column, g.typ(), g.one("", "", " DEFAULT "+g.constant(), " NOT NULL", " UNIQUE"))
	case 2:
		if g.chance(50) {
			return fmt.Sprintf("ADD COLUMN %s text", g.one("x", "y", "z"))
		}
		return fmt.Sprintf("DROP COLUMN %s%s%s", g.one("", "IF EXISTS "), column, g.one("", " CASCADE"))
	case 3:
		return fmt.Sprintf("ALTER %s SET DEFAULT %s", column, g.one("'a'", "'1'", "'2024-02-03'", "NULL"))
	case 4:
		return fmt.Sprintf("ALTER %s DROP DEFAULT", column)
	case 5:
		return fmt.Sprintf("ALTER %s %s NOT NULL", column, g.one("SET", "DROP"))
	case 6, 7:
		return fmt.Sprintf("ALTER %s TYPE %s", column, g.typ())
	case 8:
		return fmt.Sprintf("ADD CONSTRAINT %s UNIQUE (%s)", g.one("u1", "u2"), g.several())
	case 9:
		return fmt.Sprintf("ADD UNIQUE (%s)", g.several())
	case 10:
		return fmt.Sprintf("ADD CONSTRAINT %s CHECK (%s IS NOT NULL)%s", g.one("c1", "c2"), column, g.one("", " NOT VALID"))
	case 11, 12:
		return fmt.Sprintf("DROP CONSTRAINT %s%s", g.one("", "IF EXISTS "), g.constraint())
	case 13:
		return fmt.Sprintf("ALTER %s SET %s", column, g.one("STATISTICS 10", "STORAGE EXTERNAL", "STORAGE PLAIN", "(n_distinct = 5)"))
	case 14:
		return g.one("SET (fillfactor = 70)", "REPLICA IDENTITY FULL", "CLUSTER ON g_i", "SET WITHOUT CLUSTER", "ADD PRIMARY KEY (id)")
	default:
		return fmt.Sprintf("ADD CONSTRAINT c2 FOREIGN KEY (id) REFERENCES %s", g.bare())
	}
}

// probe writes a question that shows what a migration has left: not the texts of
// defaults, which a change of type leaves with a cast in them that pgseal does not show.
func (g *migrations) probe() string {
	const ours = " n.nspname IN ('public', 's2')"
	return g.one(
		"SELECT * FROM "+g.table(),
		"SELECT json_build_array(c.oid::regclass::text, attnum, attname, format_type(atttypid, atttypmod), attnotnull, atthasdef, attlen, attalign, attstorage, attcollation)::text FROM pg_attribute a JOIN pg_class c ON attrelid = c.oid JOIN pg_namespace n ON relnamespace = n.oid WHERE attnum > 0 AND NOT attisdropped AND relkind IN ('r', 'v', 'm', 'p') AND"+ours,
		"SELECT json_build_array(indexname, tablename, indexdef)::text FROM pg_indexes WHERE schemaname IN ('public', 's2')",
		"SELECT json_build_array(conname, contype, conrelid::regclass::text, conkey, pg_get_constraintdef(k.oid))::text FROM pg_constraint k JOIN pg_namespace n ON connamespace = n.oid WHERE"+ours,
		"SELECT json_build_array(viewname, definition)::text FROM pg_views WHERE schemaname IN ('public', 's2')",
		"SELECT json_build_array(matviewname, definition, ispopulated)::text FROM pg_matviews WHERE schemaname IN ('public', 's2')",
		"SELECT json_build_array(table_schema, table_name, column_name, ordinal_position, is_nullable, data_type, character_maximum_length, numeric_precision, udt_name)::text FROM information_schema.columns WHERE table_schema IN ('public', 's2')",
		"SELECT json_build_array(constraint_name, table_name, constraint_type)::text FROM information_schema.table_constraints WHERE table_schema IN ('public', 's2') AND constraint_name NOT LIKE '%_not_null'",
		"SELECT json_build_array(relname, relkind, relnatts, relchecks, reloptions, relreplident, relpersistence)::text FROM pg_class c JOIN pg_namespace n ON relnamespace = n.oid WHERE relkind IN ('r', 'v', 'm', 'i', 'p', 'I') AND"+ours,
		"SELECT json_build_array(indexrelid::regclass::text, indnatts, indnkeyatts, indisunique, indisprimary, indisclustered, indkey, indoption, pg_get_expr(indpred, indrelid), pg_get_indexdef(indexrelid, 1, true))::text FROM pg_index JOIN pg_class c ON c.oid = indexrelid JOIN pg_namespace n ON relnamespace = n.oid WHERE"+ours,
		"SELECT json_build_array(col_description(c.oid, 2), obj_description(c.oid), c.relname)::text FROM pg_class c JOIN pg_namespace n ON relnamespace = n.oid WHERE relkind = 'r' AND"+ours)
}
