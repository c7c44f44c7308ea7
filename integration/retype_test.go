package integration

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"pgseal/integration/harness"
)

// members has sealed columns of many types, filled, and an empty table beside it.
var members = harness.Schema{
	DDL: `
CREATE TABLE members (id int PRIMARY KEY, code varchar(10) COLLATE "C" DEFAULT 'none' NOT NULL, title varchar(20) UNIQUE, fee numeric(6,2), seen timestamp(3), note text, bits varbit(5), tags varchar(4)[]);
CREATE INDEX ON members (code);
CREATE TABLE blank (id int PRIMARY KEY, name varchar(20), n int DEFAULT 7, at date, kind text COLLATE "C", at2 timestamptz DEFAULT now());
CREATE INDEX ON blank (name);
CREATE TABLE shelf (id int, label varchar(5), CHECK (label IS NOT NULL)) PARTITION BY RANGE (id);
CREATE TABLE shelf_1 PARTITION OF shelf FOR VALUES FROM (0) TO (10);
CREATE TABLE shelf_2 PARTITION OF shelf FOR VALUES FROM (10) TO (20);
CREATE TABLE base (id int, word varchar(5));
CREATE TABLE child (more int) INHERITS (base);
CREATE TABLE ruled (id int, word varchar(5));
CREATE DOMAIN word AS varchar(5) NOT NULL CHECK (length(VALUE) > 1);
CREATE TABLE words (id int, word word);`,
	Seal: []string{
		"public.members.code --equality", "public.members.title --equality", "public.members.fee --equality", "public.members.seen", "public.members.note", "public.members.bits", "public.members.tags",
		"public.blank.name --equality", "public.blank.n", "public.blank.at", "public.blank.kind", "public.blank.at2",
		"public.shelf.label --equality", "public.base.word", "public.ruled.word", "public.words.word",
	},
}

// A type that takes all values of before changes what the column is, and nothing that is
// stored.
func TestTypesThatKeepTheValues(t *testing.T) {
	described := S(`SELECT attname::text, format_type(atttypid, atttypmod), attcollation::regcollation::text, attstorage::text, attnotnull::text, attlen::text
		FROM pg_attribute WHERE attrelid = 'members'::regclass AND attnum > 0 ORDER BY attnum`)
	columns := S(`SELECT column_name::text, data_type::text, character_maximum_length::text, numeric_precision::text, datetime_precision::text, column_default::text, udt_name::text
		FROM information_schema.columns WHERE table_name = 'members' ORDER BY ordinal_position`)
	for _, mode := range insideModes {
		t.Run(string(mode), func(t *testing.T) {
			pair := harness.New(t, members)
			c := pair.Compare(t, mode)
			w := pair.Env.Canaries.Word()
			for _, step := range []harness.Step{
				S("INSERT INTO members VALUES (1, 'a', $1, 1.25, '2024-01-02 03:04:05.678', 'n', B'101', '{a,b}'), (2, DEFAULT, NULL, NULL, NULL, NULL, NULL, NULL)", w),
				S("INSERT INTO members (id, code) VALUES (3, 'longer than ten')").Fails("22001"),
				S("ALTER TABLE members ALTER COLUMN code TYPE varchar(200)"),
				described, columns,
				S("INSERT INTO members (id, code) VALUES (3, 'longer than ten')"),
				S(`ALTER TABLE "members" ALTER COLUMN "title" TYPE varchar(30) USING "title"::varchar(30), ALTER COLUMN "title" SET NOT NULL`).Fails("23502"),
				S("INSERT INTO members (id, title) VALUES (4, 'longer than all of twenty')").Fails("22001"),
				S(`ALTER TABLE "members" ALTER COLUMN "title" TYPE text USING "title"::text, ALTER COLUMN "title" SET DEFAULT 'longer than all of twenty', ALTER COLUMN code DROP NOT NULL`),
				described, columns,
				S("INSERT INTO members (id) VALUES (4) RETURNING code, title"),
				S("INSERT INTO members (id) VALUES (5)").Fails("23505"),
				S("SELECT id, code, title FROM members WHERE title = $1 OR code = 'longer than ten' ORDER BY id", w),
				S("ALTER TABLE members ALTER fee TYPE numeric(8,2), ALTER seen SET DATA TYPE timestamp, ALTER note TYPE varchar, ALTER bits TYPE bit varying(9), ALTER tags TYPE varchar(9)[]"),
				described, columns,
				S("UPDATE members SET fee = 123456.789, seen = '2024-01-02 03:04:05.678901', note = 'more', bits = B'10101010', tags = '{longer}' WHERE id = 1 RETURNING *"),
				S("SELECT count(*) FROM members WHERE fee = 123456.79"),
				S("ALTER TABLE members ALTER fee TYPE numeric, ALTER code TYPE text COLLATE \"C\""),
				described, columns,
				S("UPDATE members SET fee = 1.23456 WHERE id = 2 RETURNING fee, code"),
				S("SELECT * FROM members ORDER BY id"),
				S("ALTER TABLE members ALTER code TYPE text, ALTER nothing TYPE text").Fails("42703"),
				S("ALTER TABLE members ALTER code TYPE int").Fails("42804"),
				S("ALTER TABLE members ALTER code TYPE int USING code::date").Fails("42804"),
				S("ALTER TABLE members ALTER fee TYPE date USING fee::date").Fails("42846"),
				S("ALTER TABLE members ALTER fee TYPE numeric COLLATE \"C\"").Fails("42804"),
				S("ALTER TABLE members ALTER code TYPE text COLLATE nowhere").Fails("42704"),
				S("ALTER TABLE members ALTER note TYPE varchar(2)").Refused("members.note has values"),
				S("ALTER TABLE members ALTER note TYPE jsonb USING note::jsonb").Refused("members.note has values"),
				S("ALTER TABLE members ALTER note TYPE text USING upper(note)").Refused("public.members.note"),
				described, columns,
				S("SELECT * FROM members ORDER BY id"),
			} {
				if !c.Step(step) {
					t.FailNow()
				}
			}
		})
	}
}

// A column without values takes any type: what was planned for the type of before finds
// another column.
func TestTypesOfColumnsWithoutValues(t *testing.T) {
	described := S(`SELECT attname::text, format_type(atttypid, atttypmod), attcollation::regcollation::text FROM pg_attribute WHERE attrelid = 'blank'::regclass AND attnum > 0 ORDER BY attnum`)
	pair := harness.New(t, members)
	for _, mode := range insideModes {
		t.Run(string(mode), func(t *testing.T) {
			pair := pair
			if mode != insideModes[0] {
				pair = harness.New(t, members)
			}
			c := pair.Compare(t, mode)
			number := pair.Env.Canaries.Int8()
			for _, step := range []harness.Step{
				S("INSERT INTO blank (id, n, at2) VALUES (1, NULL, NULL)"),
				S("ALTER TABLE blank ALTER name TYPE bigint").Fails("42804"),
				S("ALTER TABLE blank ALTER n TYPE bigint, ALTER n DROP DEFAULT, ALTER at TYPE timestamp, ALTER name TYPE bigint USING (name::text)::bigint"),
				S("ALTER TABLE blank ALTER n SET DEFAULT 5000000000, ALTER kind TYPE jsonb USING kind::jsonb, ALTER at2 TYPE date"),
				described,
				S("INSERT INTO blank (id, name, at, kind) VALUES (2, $1, '2024-01-01 12:00', '{\"a\":1}')", number),
				S("SELECT id, name, n, at, kind FROM blank WHERE name = $1", number),
				S("SELECT count(*), sum(1) FROM blank WHERE at2 IS NULL"),
				S("INSERT INTO blank (id, name) VALUES (3, 'x')").Fails("22P02"),
				S("ALTER TABLE blank ALTER n DROP DEFAULT, ALTER n TYPE int").Refused("blank.n"),
				S("DELETE FROM blank"),
				S("BEGIN"),
				S("ALTER TABLE blank ALTER name TYPE varchar(3) USING NULL"),
				described,
				S("INSERT INTO blank (id, name) VALUES (4, 'abc') RETURNING name"),
				S("SAVEPOINT s"),
				S("INSERT INTO blank (id, name) VALUES (5, 'abcd')").Fails("22001"),
				S("ROLLBACK TO s"),
				S("SELECT id, name FROM blank WHERE name = 'abc'"),
				S("ALTER TABLE blank ALTER name TYPE text"),
				S("INSERT INTO blank (id, name) VALUES (5, 'abcd') RETURNING name"),
				S("ROLLBACK TO s"),
				S("INSERT INTO blank (id, name) VALUES (5, 'abcd') RETURNING name").Fails("22001"),
				S("ROLLBACK"),
				described,
				S("INSERT INTO blank (id, name) VALUES (6, $1) RETURNING name", number),
				S("ALTER TABLE blank ALTER at TYPE timestamp(6); INSERT INTO blank (id, at, at2) VALUES (7, '2024-01-01 12:00:00.123456', NULL); SELECT at FROM blank WHERE id = 7").Simple(),
				S("BEGIN; ALTER TABLE blank ALTER at TYPE timestamp; INSERT INTO blank (id, at, at2) VALUES (8, '2024-01-01 12:00:00.123456', NULL); COMMIT; SELECT at FROM blank WHERE id = 8").Simple(),
				S("INSERT INTO words VALUES (1, 'abc')"),
				S("INSERT INTO words VALUES (1, NULL)").Fails("23502"),
				S("ALTER TABLE words ALTER word TYPE varchar(8)"),
				S("INSERT INTO words VALUES (2, NULL), (3, 'x'), (4, 'eight car')").Fails("22001"),
				S("INSERT INTO words VALUES (2, NULL), (3, 'x')"),
				S("ALTER TABLE words ALTER word SET DEFAULT NULL, ALTER id SET DEFAULT NULL"),
				S("ALTER TABLE ruled ALTER word SET DEFAULT NULL; ALTER TABLE base ALTER word SET DEFAULT 'x'").Simple(),
				S("SELECT * FROM words ORDER BY id"),
				S("SELECT table_name::text, column_default::text FROM information_schema.columns WHERE column_name = 'word' AND table_schema = 'public' ORDER BY 1"),
				// What depends on a column the server finds.
				S("CREATE VIEW v_ruled AS SELECT word FROM ruled"),
				S("ALTER TABLE ruled ALTER word TYPE text").Fails("0A000"),
				S("ALTER TABLE v_ruled ALTER word TYPE text").Fails("42809"),
				S("DROP VIEW v_ruled"),
				S("CREATE POLICY p ON ruled USING (word IS NULL)"),
				S("ALTER TABLE ruled ALTER word TYPE text").Fails("0A000"),
				S("DROP POLICY p ON ruled"),
				S("ALTER TABLE ruled ALTER word TYPE text"),
				// Trees change as a whole.
				S("ALTER TABLE child ALTER word TYPE text").Fails("42P16"),
				S("ALTER TABLE ONLY base ALTER word TYPE text").Fails("42P16"),
				S("ALTER TABLE base ALTER word TYPE text"),
				S("INSERT INTO child VALUES (1, 'longer than five', 1) RETURNING word"),
				S("ALTER TABLE shelf_1 ALTER label TYPE text").Fails("42P16"),
				S("ALTER TABLE shelf ALTER label TYPE varchar(3)"),
				S("INSERT INTO shelf VALUES (15, 'four')").Fails("22001"),
				S("INSERT INTO shelf_1 VALUES (5, 'abc')"),
				S("ALTER TABLE shelf ALTER label TYPE varchar(30)"),
				S("INSERT INTO shelf VALUES (15, 'longer than five')"),
				S("SELECT * FROM shelf WHERE label = 'longer than five' OR label = 'abc' ORDER BY id"),
				S("SELECT relname::text, format_type(atttypid, atttypmod) FROM pg_attribute JOIN pg_class c ON c.oid = attrelid WHERE relname IN ('base', 'child', 'shelf', 'shelf_1', 'shelf_2') AND attname IN ('word', 'label') ORDER BY 1"),
			} {
				if !c.Step(step) {
					t.FailNow()
				}
			}
		})
	}
	// A copy has the same domain: it cannot stand for two types.
	conn := pair.Connect(t, pair.URL())
	exec := func(sql string) error { _, err := conn.Exec(t.Context(), sql); return err }
	if err := exec("CREATE TABLE copy_of AS SELECT * FROM ruled"); err != nil {
		t.Fatal(err)
	}
	if err := exec("ALTER TABLE ruled ALTER word TYPE varchar"); err == nil || !strings.Contains(err.Error(), "copies of its values") {
		t.Errorf("with a copy: %v", err)
	}
	if err := errors.Join(exec("DROP TABLE copy_of"), exec("ALTER TABLE ruled ALTER word TYPE varchar")); err != nil {
		t.Errorf("without: %v", err)
	}
	// Nor can one in another session's temporary table, whose rows nobody else may read.
	other := pair.Connect(t, pair.URL())
	if _, err := other.Exec(t.Context(), "CREATE TEMP TABLE copy_of AS SELECT word FROM ruled"); err != nil {
		t.Fatal(err)
	}
	if err := exec("ALTER TABLE ruled ALTER word DROP DEFAULT, ALTER word TYPE int USING word::int"); err == nil || !strings.Contains(err.Error(), "copies of its values") {
		t.Errorf("with a copy in another session: %v", err)
	}
	other.Close(t.Context())
	// Unsealed, the columns have the types that they were given.
	if err := errors.Join(exec("INSERT INTO blank (id) VALUES (9)"), exec("DELETE FROM blank WHERE name IS NOT NULL")); err != nil {
		t.Fatal(err)
	}
	pair.Pgseal("unseal", "public.blank.name")
	pair.Pgseal("unseal", "public.blank.n")
	pair.Pgseal("unseal", "public.shelf.label")
	direct := pair.Connect(t, pair.ServerURL())
	var got string
	if err := direct.QueryRow(t.Context(), `SELECT string_agg(format_type(atttypid, atttypmod), ',' ORDER BY attrelid, attnum) || (SELECT ' ' || n FROM blank WHERE id = 9)
		FROM pg_attribute WHERE attrelid IN ('blank'::regclass, 'shelf'::regclass) AND attname IN ('name', 'n', 'label')`).Scan(&got); err != nil || !strings.HasPrefix(got, "bigint,bigint,character varying(30) ") || !strings.HasSuffix(got, " 5000000000") {
		t.Errorf("unsealed: %q, %v", got, err)
	}
}

// A constant default goes with the type, or is set in the same statement.
func TestDefaultsOfColumnsThatChangeTheirTypes(t *testing.T) {
	schema := harness.Schema{
		DDL: `CREATE TABLE kept (id int PRIMARY KEY, n int DEFAULT 7, word varchar(20) DEFAULT 'it''s', day date DEFAULT '2024-01-02', at timestamp DEFAULT '2024-01-02 03:04', fee numeric(6,2) DEFAULT 1.25, none varchar(9) DEFAULT NULL, flag boolean DEFAULT true, plain text);
			CREATE TABLE over (id int, n int DEFAULT 1); CREATE TABLE under (n int DEFAULT 2) INHERITS (over)`,
		Seal: []string{"public.kept.n --equality", "public.kept.word", "public.kept.day", "public.kept.at", "public.kept.fee", "public.kept.none", "public.kept.flag", "public.over.n"},
	}
	described := S(`SELECT attname::text, format_type(atttypid, atttypmod), atthasdef::text FROM pg_attribute WHERE attrelid = 'kept'::regclass AND attnum > 0 ORDER BY attnum`)
	for _, mode := range insideModes {
		t.Run(string(mode), func(t *testing.T) {
			pair := harness.New(t, schema)
			c := pair.Compare(t, mode)
			w := pair.Env.Canaries.Word()
			for _, step := range []harness.Step{
				// As Rails writes it: in one statement.
				S("ALTER TABLE kept ALTER n TYPE bigint, ALTER n SET DEFAULT 5000000000, ALTER word SET DEFAULT '" + w + "'"),
				S("ALTER TABLE kept ALTER day SET DEFAULT '2024-02-03 04:05', ALTER day TYPE timestamp, ALTER fee TYPE int, ALTER fee SET DEFAULT NULL"),
				described,
				S("INSERT INTO kept (id) VALUES (1) RETURNING *"),
				S("SELECT id FROM kept WHERE n = 5000000000"),
				S("DELETE FROM kept"),
				// As Alembic does: the default stays as it is.
				S("ALTER TABLE kept ALTER n TYPE int").Simple().Refused("public.kept.n"),
				S("ALTER TABLE kept ALTER n SET DEFAULT 5000"),
				S("ALTER TABLE kept ALTER n TYPE int").Simple(),
				S("ALTER TABLE kept ALTER word TYPE text, ALTER at TYPE date, ALTER none TYPE varchar(4), ALTER flag TYPE text").Simple(),
				described,
				S("INSERT INTO kept (id, n) VALUES (1, 1) RETURNING *"),
				S("ALTER TABLE kept ALTER plain SET DEFAULT 'x', ALTER n SET DEFAULT 9"),
				S("INSERT INTO kept (id) VALUES (2) RETURNING *"),
				S("DELETE FROM kept"),
				S("BEGIN"),
				S("ALTER TABLE kept ALTER n TYPE varchar(5)").Simple(),
				S("ALTER TABLE kept ALTER n TYPE text, ALTER flag TYPE varchar(5)").Simple(),
				S("INSERT INTO kept (id) VALUES (1), (2) RETURNING *"),
				S("ROLLBACK"),
				S("INSERT INTO kept (id) VALUES (3) RETURNING *"),
				S("DELETE FROM kept"),
				S("ALTER TABLE kept ALTER flag TYPE boolean USING flag::boolean").Refused("public.kept.flag"),
				S("ALTER TABLE kept ALTER flag TYPE boolean USING flag::boolean, ALTER flag SET DEFAULT false").Refused("public.kept.flag"),
				S("ALTER TABLE kept ALTER flag DROP DEFAULT, ALTER flag TYPE boolean USING flag::boolean, ALTER flag SET DEFAULT false"),
				S("INSERT INTO kept (id) VALUES (4) RETURNING *"),
				S("DELETE FROM kept"),
				S("ALTER TABLE kept ALTER n TYPE bigint; INSERT INTO kept (id) VALUES (4) RETURNING *").Simple(),
				S("ALTER TABLE kept ALTER at TYPE timestamptz").Refused("public.kept.at"),
				S("ALTER TABLE over ALTER n TYPE bigint").Refused("public.over.n"),
				S("ALTER TABLE over ALTER n TYPE bigint, ALTER n SET DEFAULT 3"),
				S("INSERT INTO under (id) VALUES (1) RETURNING *"),
			} {
				if !c.Step(step) {
					t.FailNow()
				}
			}
		})
	}
}

// What other sessions have prepared is prepared again, and only the owner of a table
// changes its types, through pgseal or not.
func TestChangedTypesInOtherSessions(t *testing.T) {
	pair := harness.New(t, members)
	ctx := t.Context()
	conn, other := pair.Connect(t, pair.URL()), pair.Connect(t, pair.URL())
	exec := func(c *pgx.Conn, sql string, args ...any) error { _, err := c.Exec(ctx, sql, args...); return err }
	insert := func(id int, name string) error {
		return twice(func() error { return exec(other, "INSERT INTO blank (id, name) VALUES ($1, $2)", id, name) })
	}
	if err := errors.Join(exec(conn, "ALTER TABLE blank ALTER name TYPE varchar(3)"), insert(1, "abc")); err != nil {
		t.Fatal(err)
	}
	if err := insert(2, "abcd"); err == nil {
		t.Error("varchar(3) takes four characters")
	}
	if err := errors.Join(exec(conn, "ALTER TABLE blank ALTER name TYPE varchar(4)"), insert(2, "abcd")); err != nil {
		t.Errorf("after the change: %v", err)
	}
	var name string
	if err := twice(func() error { return other.QueryRow(ctx, "SELECT name FROM blank WHERE name = $1", "abcd").Scan(&name) }); err != nil || name != "abcd" {
		t.Errorf("found %q, %v", name, err)
	}
	// A statement that waits for the lock of the change has been planned before it.
	if err := errors.Join(exec(conn, "DELETE FROM blank"), exec(conn, "BEGIN"), exec(conn, "ALTER TABLE blank ALTER name TYPE int USING name::int")); err != nil {
		t.Fatal(err)
	}
	waits := make(chan error, 1)
	go func() { waits <- exec(other, "INSERT INTO blank (id, name) VALUES ($1, $2)", 3, "xyz") }()
	direct := pair.Connect(t, pair.ServerURL())
	eventually(t, "the INSERT waits for the lock", func() (waiting bool) {
		err := direct.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'blank'::regclass)").Scan(&waiting)
		return err == nil && waiting
	})
	if err := exec(conn, "COMMIT"); err != nil {
		t.Fatal(err)
	}
	if err := <-waits; err == nil {
		t.Error("a text was stored into an integer")
	}
	if err := errors.Join(exec(conn, "INSERT INTO blank (id, name) VALUES (4, 4)"), twice(func() error { return other.QueryRow(ctx, "SELECT name::text FROM blank WHERE id = 4").Scan(&name) })); err != nil || name != "4" {
		t.Errorf("afterwards: %q, %v", name, err)
	}
	// Whoever does not own the table changes nothing, not even on a direct connection.
	super := func(sql string) {
		if err := pair.Env.Sealed.Exec(context.WithoutCancel(ctx), pair.Name, sql); err != nil {
			t.Error(err)
		}
	}
	super("CREATE ROLE retype_stranger; GRANT ALL ON ALL TABLES IN SCHEMA public TO retype_stranger; GRANT retype_stranger TO " + harness.Owner)
	defer super("DROP OWNED BY retype_stranger; DROP ROLE retype_stranger")
	if err := errors.Join(exec(conn, "SET ROLE retype_stranger"), exec(direct, "SET ROLE retype_stranger")); err != nil {
		t.Fatal(err)
	}
	if err := exec(conn, "ALTER TABLE members ALTER code TYPE text"); err == nil || !strings.Contains(err.Error(), "must be owner of table members") {
		t.Errorf("ALTER TABLE of a stranger: %v", err)
	}
	for n := range 20 {
		if err := exec(direct, "SELECT pgseal.retyped(t.oid::regtype, $1, 'text', -1, NULL, false) FROM pg_type t WHERE typname = 'public_members_code'", n+1); err == nil || !strings.Contains(err.Error(), "pgseal_moved") {
			t.Errorf("column %d, by a stranger: %v", n, err)
		}
	}
	if tag, err := direct.Exec(ctx, "UPDATE pgseal.retyping SET logical_type = 'text'"); err != nil || tag.RowsAffected() != 0 {
		t.Errorf("a stranger has changed types: %v, %v", tag, err)
	}
}
