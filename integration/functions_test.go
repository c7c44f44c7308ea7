package integration

import (
	"testing"

	"pgseal/integration/harness"
)

// family has what runs on the server beside the statements themselves.
var family = harness.Schema{
	DDL: `
CREATE TABLE people (id int PRIMARY KEY, name text, ssn varchar(11), note text);
CREATE TABLE pets (id int PRIMARY KEY, ssn varchar(11), tag text);
CREATE TABLE plainly (id int, ssn varchar(11), note text);
CREATE TABLE parent (id int, secret text);
CREATE TABLE child (more int) INHERITS (parent);
CREATE TABLE parts (id int, secret text) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (100);
CREATE TABLE loose (id int, secret text);
CREATE FUNCTION one_sql() RETURNS varchar LANGUAGE sql AS 'SELECT ssn FROM people WHERE id = 1';
CREATE FUNCTION one_typed() RETURNS people.ssn%TYPE LANGUAGE sql AS 'SELECT ssn FROM people WHERE id = 1';
CREATE FUNCTION one_plpgsql() RETURNS varchar LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT ssn FROM people WHERE id = 1); END';
CREATE FUNCTION one_declared() RETURNS people.ssn%TYPE LANGUAGE plpgsql AS 'DECLARE v people.ssn%TYPE; BEGIN SELECT ssn INTO v FROM people WHERE id = 1; RETURN v; END';
CREATE FUNCTION row_sql() RETURNS people LANGUAGE sql AS 'SELECT * FROM people WHERE id = 1';
CREATE FUNCTION rows_sql() RETURNS SETOF people LANGUAGE sql AS 'SELECT * FROM people ORDER BY id';
CREATE FUNCTION rows_plpgsql() RETURNS SETOF people LANGUAGE plpgsql AS 'BEGIN RETURN QUERY SELECT * FROM people ORDER BY id; END';
CREATE FUNCTION table_typed() RETURNS TABLE (a int, b people.ssn%TYPE) LANGUAGE sql AS 'SELECT id, ssn FROM people ORDER BY id';
CREATE FUNCTION table_named() RETURNS TABLE (a int, b varchar) LANGUAGE plpgsql AS 'BEGIN RETURN QUERY SELECT id, ssn FROM people ORDER BY id; END';
CREATE FUNCTION outs(OUT a int, OUT b people.ssn%TYPE) LANGUAGE sql AS 'SELECT id, ssn FROM people WHERE id = 1';
CREATE FUNCTION records() RETURNS SETOF record LANGUAGE sql AS 'SELECT id, ssn FROM people ORDER BY id';
CREATE FUNCTION setof_typed() RETURNS SETOF people.ssn%TYPE LANGUAGE sql AS 'SELECT ssn FROM people ORDER BY id';
CREATE FUNCTION as_text() RETURNS text LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT ssn::text FROM people WHERE id = 1); END';
CREATE FUNCTION as_json() RETURNS json LANGUAGE sql AS 'SELECT row_to_json(p) FROM people p WHERE id = 1';
CREATE FUNCTION as_length() RETURNS int LANGUAGE sql AS 'SELECT length(ssn::text) FROM people WHERE id = 1';
CREATE FUNCTION as_array() RETURNS varchar[] LANGUAGE sql AS 'SELECT array_agg(ssn) FROM people';
CREATE FUNCTION finds(v text) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT id FROM people WHERE ssn = v); END';
CREATE FUNCTION stores(i int, v text) RETURNS void LANGUAGE plpgsql AS 'BEGIN INSERT INTO people (id, ssn) VALUES (i, v); END';
CREATE FUNCTION stores_sql(i int, v varchar) RETURNS void LANGUAGE sql AS 'INSERT INTO people (id, ssn) VALUES (i, v)';
CREATE FUNCTION stores_typed(i int, v people.ssn%TYPE) RETURNS void LANGUAGE sql AS 'INSERT INTO people (id, ssn) VALUES (i, v)';
CREATE FUNCTION stores_row(p people) RETURNS void LANGUAGE sql AS 'INSERT INTO people SELECT (p).*';
CREATE FUNCTION moves() RETURNS void LANGUAGE plpgsql AS 'BEGIN INSERT INTO plainly SELECT id, ssn, note FROM people; END';
CREATE FUNCTION copies() RETURNS void LANGUAGE plpgsql AS 'BEGIN INSERT INTO people (id, ssn) SELECT id + 100, ssn FROM people; END';
CREATE FUNCTION counts() RETURNS bigint LANGUAGE sql AS 'SELECT count(ssn) FROM people';
CREATE FUNCTION outsider(v varchar) RETURNS varchar LANGUAGE sql AS 'SELECT v';
CREATE PROCEDURE proc(INOUT v people.ssn%TYPE) LANGUAGE plpgsql AS 'BEGIN SELECT ssn INTO v FROM people WHERE id = 1; END';
CREATE PROCEDURE proc_text(INOUT v text) LANGUAGE plpgsql AS 'BEGIN SELECT ssn INTO v FROM people WHERE id = 1; END';
CREATE FUNCTION opens() RETURNS refcursor LANGUAGE plpgsql AS 'DECLARE c refcursor := ''cur''; BEGIN OPEN c FOR SELECT id, ssn FROM people ORDER BY id; RETURN c; END';
`,
	Seal: []string{"public.people.ssn --equality", "public.people.note", "public.pets.ssn --equality", "public.parent.secret", "public.parts.secret"},
}

func TestWhatFunctionsReturn(t *testing.T) {
	pair := harness.New(t, family)
	w := pair.Env.Canaries.Text()
	statements := []harness.Step{
		S("SELECT one_sql()"), S("SELECT one_typed()"), S("SELECT one_plpgsql()"), S("SELECT one_declared()"),
		S("SELECT row_sql()"), S("SELECT rows_sql()"), S("SELECT rows_plpgsql()"), S("SELECT table_typed()"), S("SELECT table_named()"),
		S("SELECT outs()"), S("SELECT records()"), S("SELECT setof_typed()"), S("SELECT as_text()"), S("SELECT as_json()"), S("SELECT as_length()"), S("SELECT as_array()"),
		S("SELECT * FROM one_sql()"), S("SELECT * FROM one_typed()"), S("SELECT * FROM one_declared()"), S("SELECT * FROM one_plpgsql()"),
		S("SELECT * FROM row_sql()"), S("SELECT * FROM rows_sql()"), S("SELECT * FROM rows_plpgsql()"), S("SELECT * FROM table_typed()"), S("SELECT * FROM table_named()"),
		S("SELECT * FROM outs()"), S("SELECT * FROM records() AS r(a int, b varchar)"), S("SELECT * FROM setof_typed()"),
		S("SELECT x.ssn FROM rows_sql() x"), S("SELECT b FROM table_typed()"), S("SELECT (row_sql()).ssn"), S("SELECT (outs()).b"), S("SELECT (row_sql()).*"), S("SELECT (outs()).*"),
		S("SELECT count(*) FROM rows_sql()"), S("SELECT one_typed() IS NULL"), S("SELECT one_typed() = $1", w+"01"), S("SELECT one_declared()::text"),
		S("SELECT upper(one_typed())"), S("SELECT one_typed() || 'x'"), S("SELECT id, one_typed() FROM pets"), S("SELECT id FROM people WHERE ssn = one_typed()"),
		S("SELECT coalesce(one_typed(), 'x')"), S("SELECT max(one_typed())"), S("SELECT ARRAY[one_typed()]"), S("SELECT to_jsonb(one_typed())"),
		S("SELECT x FROM (SELECT one_typed() AS x) y"), S("WITH y AS (SELECT one_declared() AS x) SELECT * FROM y"), S("SELECT one_typed() UNION ALL SELECT one_typed()"),
		S("SELECT CASE WHEN true THEN one_typed() END"), S("SELECT * FROM ROWS FROM (one_typed(), rows_sql())"), S("SELECT l.v FROM pets, LATERAL (SELECT one_typed() AS v) l"),
		S("VALUES (one_typed())"), S("SELECT finds($1)", w+"01"), S("SELECT stores(20, $1)", w+"20"), S("SELECT stores_sql(21, $1)", w+"21"), S("SELECT stores_typed(22, $1)", w+"22"),
		S("SELECT stores_row(ROW(23, 'x', $1, 'n'))", w+"23"), S("SELECT stores_row(p) FROM people p"), S("SELECT moves()"), S("SELECT ssn FROM plainly ORDER BY id"), S("SELECT copies()"), S("SELECT ssn FROM people ORDER BY id"),
		S("SELECT counts()"), S("SELECT outsider(ssn) FROM people"), S("SELECT outsider(one_typed())"),
		S("CALL proc(NULL)"), S("CALL proc($1)", w+"x"), S("CALL proc_text(NULL)"), S("SELECT opens(); FETCH ALL FROM cur").Simple(),
		S("INSERT INTO plainly VALUES (1, one_typed(), 'x')"), S("INSERT INTO plainly SELECT 1, one_declared(), 'x'"), S("INSERT INTO people (id, ssn) VALUES (24, one_typed())"),
		S("INSERT INTO people (id, ssn) SELECT 25, one_typed()"), S("INSERT INTO people SELECT id + 50, name, ssn, note FROM rows_sql()"), S("UPDATE people SET ssn = one_typed() WHERE id = 2"),
		S("UPDATE plainly SET ssn = one_typed()"), S("CREATE TABLE fresh AS SELECT one_typed() AS v"), S("CREATE TABLE fresh AS SELECT * FROM rows_sql()"), S("CREATE VIEW seen AS SELECT one_typed() AS v"),
		S("PREPARE f AS SELECT one_typed(); EXECUTE f").Simple(), S("DECLARE d CURSOR FOR SELECT one_typed(); FETCH d").Simple(), S("COPY (SELECT one_typed()) TO STDOUT").Simple(),
		S("DO $$ DECLARE v people.ssn%TYPE; BEGIN v := one_typed(); RAISE EXCEPTION '%', v; END $$"),
		S("DO $$ BEGIN RAISE EXCEPTION '%', one_sql(); END $$"),
	}
	exact(t, pair, statements)
}

// exact runs each statement alone on both sides: the answer is the same or it
// is refused.
func exact(t *testing.T, pair *harness.Pair, statements []harness.Step) {
	w := pair.Env.Canaries.Text()
	fill := []harness.Step{
		S("INSERT INTO people VALUES (1, 'a', $1, $2), (2, 'b', NULL, '')", w+"01", "note "+w),
		S("INSERT INTO pets VALUES (1, $1, 'rex')", w+"01"),
	}
	for _, mode := range []harness.Mode{harness.Simple, harness.PreparedText, harness.PreparedBinary} {
		t.Run(string(mode), func(t *testing.T) {
			pair.Empty()
			c := pair.Compare(t, mode)
			for _, step := range fill {
				c.Step(step)
			}
			for _, step := range statements {
				c.Step(S("BEGIN"))
				refused, same := c.Generated(step)
				if testing.Verbose() {
					t.Logf("%-60s refused %v, same %v", step.SQL, refused, same)
				}
				c.Rollback()
			}
		})
	}
}

// Tables that hold on to sealed values in other ways than by a statement's own
// expressions.
func TestWhatIsMadeOfSealedTables(t *testing.T) {
	pair := harness.New(t, family)
	w := pair.Env.Canaries.Text()
	statements := []harness.Step{
		S("CREATE TABLE made AS SELECT * FROM people; SELECT * FROM made").Simple(),
		S("CREATE TABLE made AS SELECT ssn::text AS s FROM people"), S("CREATE TABLE made AS SELECT upper(ssn) AS s FROM people"),
		S("SELECT * INTO made FROM people"), S("SELECT ssn, note INTO TEMP made FROM people"),
		S("CREATE MATERIALIZED VIEW made AS SELECT id, ssn FROM people"),
		S("INSERT INTO pets (id, ssn) SELECT id + 10, ssn FROM people"), S("INSERT INTO people (id, ssn) SELECT id + 10, ssn FROM people"),
		S("INSERT INTO people (id, note) SELECT id + 10, ssn FROM people"), S("INSERT INTO plainly SELECT id, ssn, note FROM people"),
		S("UPDATE pets SET ssn = people.ssn FROM people WHERE people.id = pets.id"), S("UPDATE plainly SET ssn = (SELECT ssn FROM people WHERE id = 1)"),
		S("CREATE TABLE made (LIKE people INCLUDING ALL)"), S("CREATE TABLE made (LIKE people); INSERT INTO made SELECT * FROM people; SELECT * FROM made").Simple(),
		S("CREATE TABLE made () INHERITS (people)"), S("CREATE TABLE made (ssn varchar(11)) INHERITS (people)"),
		S("CREATE TABLE made (ssn text) INHERITS (people)"),
		S("INSERT INTO child VALUES (1, $1, 2)", w+"child"), S("SELECT secret FROM child"), S("SELECT * FROM parent"),
		S("INSERT INTO parts VALUES (1, $1)", w+"parts"), S("SELECT secret FROM parts_1"),
		S("CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (100) TO (200)"),
		S("CREATE TABLE parts_2 PARTITION OF parts (secret UNIQUE) FOR VALUES FROM (100) TO (200); INSERT INTO parts VALUES (100, 'x'), (101, 'x')").Simple(),
		S("CREATE TABLE parts_2 PARTITION OF parts (secret DEFAULT 'x') FOR VALUES FROM (100) TO (200); INSERT INTO parts_2 VALUES (100); SELECT secret FROM parts").Simple(),
		S("ALTER TABLE parts DETACH PARTITION parts_1"), S("ALTER TABLE child NO INHERIT parent"),
		S("ALTER TABLE people ALTER ssn TYPE text"), S("ALTER TABLE people ALTER ssn TYPE varchar(20)"), S("ALTER TABLE people ALTER note TYPE varchar(3) USING left(note, 3)"),
		S("ALTER TABLE people ADD shout text GENERATED ALWAYS AS (upper(ssn)) STORED"), S("ALTER TABLE people ADD CHECK (length(ssn) > 0)"),
		S("ALTER TABLE people ALTER ssn SET DEFAULT 'x'"), S("ALTER TABLE people DROP ssn"), S("ALTER TABLE people RENAME ssn TO number"),
		S("CREATE RULE r AS ON INSERT TO people DO ALSO INSERT INTO plainly VALUES (new.id, new.ssn, 'rule')"),
		S("CREATE RULE r AS ON UPDATE TO people DO INSTEAD UPDATE people SET note = old.ssn WHERE id = new.id"),
		S("CREATE RULE r AS ON DELETE TO plainly DO ALSO DELETE FROM people WHERE ssn = old.ssn"),
		S("DO $$ BEGIN UPDATE people SET note = ssn; END $$"), S("DO $$ BEGIN INSERT INTO plainly SELECT * FROM people; END $$"),
		S("DO $$ DECLARE r record; BEGIN FOR r IN TABLE people LOOP RAISE EXCEPTION '%', r; END LOOP; END $$"),
		S("DO $$ BEGIN EXECUTE 'UPDATE people SET ssn = ''' || 'x' || ''''; END $$"),
		S("PREPARE q AS SELECT ssn FROM people WHERE id = 1; CREATE TABLE made AS EXECUTE q; SELECT * FROM made").Simple(),
		S("CREATE FUNCTION after(x int) RETURNS SETOF int LANGUAGE sql BEGIN ATOMIC SELECT id FROM people WHERE id > x AND id > after.x; END"),
		S("CREATE FUNCTION after(x int) RETURNS SETOF text LANGUAGE sql BEGIN ATOMIC SELECT ssn FROM people WHERE id > x; END"),
		S("CREATE TRIGGER late BEFORE INSERT ON people FOR EACH ROW WHEN (NEW.ssn = 'x') EXECUTE FUNCTION suppress_redundant_updates_trigger()"),
	}
	exact(t, pair, statements)
	// What is no sealed column cannot become a part of a sealed table.
	c := pair.Compare(t, harness.Simple)
	c.SealedOnly(S("ALTER TABLE parts ATTACH PARTITION loose FOR VALUES FROM (100) TO (200)"), "0A000")
	c.SealedOnly(S("ALTER TABLE loose INHERIT parent"), "0A000")
	c.Step(S("CREATE TABLE newly (id int, secret text)")) // which no statement has named before
	c.SealedOnly(S("ALTER TABLE newly INHERIT parent"), "0A000")
	c.Step(S("DROP TABLE newly"))
	c.Step(S("CREATE TYPE person AS (id int, name text, ssn varchar(11), note text)"))
	c.SealedOnly(S("ALTER TABLE people OF person"), "0A000")
	c.Step(S("ALTER TABLE plainly OF person").Fails("42804"))
}

// A trigger sees envelopes: what fires one that could use them is refused.
func TestTriggersOnSealedTables(t *testing.T) {
	pair := harness.New(t, family)
	pair.Both(`
CREATE TABLE audit (at serial, what text, row jsonb);
CREATE FUNCTION copies_column() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO audit (what) VALUES (NEW.ssn); RETURN NEW; END';
CREATE FUNCTION copies_row() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO audit (row) VALUES (to_jsonb(OLD)); RETURN NEW; END';
CREATE FUNCTION compares() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN IF NEW IS DISTINCT FROM OLD THEN NEW.tag := ''changed''; END IF; RETURN NEW; END';
CREATE FUNCTION stamps() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.name := upper(NEW.name); RETURN NEW; END';
CREATE FUNCTION over_tables() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO audit (row) SELECT to_jsonb(n) FROM news n; RETURN NULL; END';
CREATE FUNCTION counts_rows() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO audit (what) VALUES ((SELECT count(*) FROM parent)::text); RETURN NULL; END';
CREATE TRIGGER a BEFORE INSERT ON pets FOR EACH ROW EXECUTE FUNCTION copies_column();
CREATE TRIGGER b AFTER DELETE ON pets FOR EACH ROW EXECUTE FUNCTION copies_row();
CREATE TRIGGER c BEFORE UPDATE ON pets FOR EACH ROW EXECUTE FUNCTION compares();
CREATE TRIGGER d BEFORE INSERT OR UPDATE ON people FOR EACH ROW EXECUTE FUNCTION stamps();
CREATE TRIGGER e AFTER INSERT ON parts_1 FOR EACH ROW EXECUTE FUNCTION copies_row();
CREATE TRIGGER f AFTER INSERT ON parent REFERENCING NEW TABLE AS news FOR EACH STATEMENT EXECUTE FUNCTION over_tables();
CREATE TRIGGER g AFTER DELETE ON parent FOR EACH STATEMENT EXECUTE FUNCTION counts_rows();
CREATE VIEW animals AS SELECT id, ssn AS number, tag FROM pets;`)
	for _, mode := range []harness.Mode{harness.Simple, harness.PreparedText} {
		c := pair.Compare(t, mode)
		c.Step(S("INSERT INTO pets (id, ssn) VALUES (1, 'x')").Refused("trigger a"))
		c.Step(S("INSERT INTO animals (id, tag) VALUES (1, 'x')").Refused("trigger a"))
		c.Step(S("UPDATE pets SET tag = 'x'").Refused("trigger c"))
		c.Step(S("DELETE FROM pets").Refused("trigger b"))
		c.Step(S("INSERT INTO parts VALUES (1, 'x')").Refused("trigger e"))
		c.Step(S("INSERT INTO parent VALUES (1, 'x')").Refused("trigger f"))
		c.Step(S("DELETE FROM parent WHERE id = 1"))
		c.Step(S("INSERT INTO people (id, name, ssn) VALUES (1, 'ada', $1)", pair.Env.Canaries.Word()))
		c.Step(S("UPDATE people SET name = 'bob', ssn = $1", pair.Env.Canaries.Word()))
		c.Step(S("SELECT name, ssn FROM people"))
		c.Step(S("SELECT what FROM audit ORDER BY at"))
		c.Step(S("DELETE FROM people"))
	}
}

// Code, blocks and DDL that name another table than the sealed one of the name.
func TestCodeBesideSealedTables(t *testing.T) {
	pair := harness.New(t, family)
	pair.Both(`CREATE SCHEMA other; CREATE SCHEMA worker;
CREATE FUNCTION other.calls() RETURNS text LANGUAGE plpgsql SET search_path = public AS 'BEGIN RETURN other.reads(); END';
CREATE FUNCTION other.reads() RETURNS text LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT ssn FROM people WHERE id = 1); END';
CREATE FUNCTION other.twice(i int) RETURNS text LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT ssn FROM people WHERE id = i); END';
CREATE FUNCTION other.twice(a text) RETURNS text LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT ssn FROM public.people LIMIT 1); END';
CREATE FUNCTION other.through() RETURNS text LANGUAGE plpgsql AS 'BEGIN PERFORM ssn FROM people; RETURN other.behind(); END';
CREATE FUNCTION other.behind() RETURNS text LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT ssn FROM public.people LIMIT 1); END';`)
	pair.Both(`CREATE FUNCTION worker.count_of(query text) RETURNS int LANGUAGE plpgsql AS 'DECLARE n int; BEGIN EXECUTE query; GET DIAGNOSTICS n = ROW_COUNT; RETURN n; END'`)
	c := pair.Compare(t, harness.Simple)
	w := pair.Env.Canaries.Text()
	c.Step(S("INSERT INTO people (id, ssn) VALUES (1, $1)", w+"01"))
	// What a function is given to run is not planned: it would compare envelopes.
	c.Step(S("SELECT worker.count_of('SELECT id FROM people a JOIN people b USING (id) WHERE a.ssn >= b.ssn')").Refused("function count_of"))
	c.Step(S("SELECT worker.count_of('SELECT id FROM people'), worker.count_of('TABLE pg_am') > 0, length('SELECT ssn FROM people')"))
	// Installs its tables and functions in a schema of its own, all in one text.
	c.Step(S(`CREATE TABLE worker.people (id int, ssn text, note text); CREATE TYPE worker.spec AS (a int);
CREATE FUNCTION worker.adds(a text) RETURNS worker.people LANGUAGE plpgsql AS $$
DECLARE r worker.people;
BEGIN
  -- Anybody is welcome.
  INSERT INTO worker.people AS people (id, ssn) VALUES (1, a) RETURNING * INTO r;
  UPDATE worker.people SET note = people.ssn;
  RETURN r;
END $$;
CREATE FUNCTION worker.first() RETURNS text LANGUAGE sql SET search_path TO worker AS 'SELECT ssn FROM people'`).Simple())
	c.Step(S("SELECT * FROM worker.adds('plain')").Simple())
	c.Step(S("SELECT worker.first(), ssn FROM worker.people").Simple())
	c.Step(S("SELECT other.calls()").Simple().Refused("function calls"))
	c.Step(S("SET search_path = other"))
	c.Step(S("CREATE TABLE people (id int, ssn text DEFAULT 'no', note text NOT NULL)"))
	c.Step(S("INSERT INTO people VALUES (1, 'b', 'a')"))
	c.Step(S("SELECT reads()").Simple())
	c.Step(S("SELECT twice('a')").Simple().Refused("function twice"))
	c.Step(S("SELECT through()").Simple().Refused("function through"))
	// As Sequelize changes a column to an enum.
	c.Step(S(`ALTER TABLE "people" ALTER COLUMN "note" DROP NOT NULL;ALTER TABLE "people" ALTER COLUMN "note" DROP DEFAULT;DO 'BEGIN CREATE TYPE "other"."enum_people_note" AS ENUM(''a''); EXCEPTION WHEN duplicate_object THEN null; END';ALTER TABLE "people" ALTER COLUMN "note" TYPE "other"."enum_people_note" USING ("note"::"other"."enum_people_note");`).Simple())
	c.Step(S("SELECT note::text, pg_typeof(note)::text FROM people").Simple())
	c.Step(S("SET search_path = public"))
	c.Step(S("SELECT other.reads()").Simple().Refused("function reads"))
	c.Step(S("SELECT ssn FROM people"))
	c.Step(S("RESET search_path"))
	c.Step(S("DELETE FROM people"))
	pair.Both("DROP SCHEMA other CASCADE; DROP SCHEMA worker CASCADE")
}
