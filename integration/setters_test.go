package integration

import (
	"testing"

	"pgseal/integration/harness"
)

// measured has a sealed column of every type whose text depends on settings.
var measured = harness.Schema{
	DDL: `
CREATE TABLE measures (id int PRIMARY KEY, score float8, born date, seen timestamptz, took interval, photo bytea, label text);
CREATE FUNCTION quiet() RETURNS text LANGUAGE sql SET extra_float_digits = -10 SET datestyle = 'German' AS 'SELECT 0.1::float8::text';
CREATE VIEW measured AS SELECT id, score, born FROM measures;`,
	Seal: []string{
		"public.measures.score", "public.measures.born --equality", "public.measures.seen --equality", "public.measures.took",
		"public.measures.photo", "public.measures.label --equality",
	},
}

// setters are functions that change settings in their bodies.
const setters = `
CREATE FUNCTION digits(n int) RETURNS int LANGUAGE plpgsql AS 'BEGIN EXECUTE ''SET extra_float_digits = '' || n; RETURN n; END';
CREATE FUNCTION style(s text) RETURNS text LANGUAGE plpgsql AS 'BEGIN PERFORM set_config(''datestyle'', s, false); RETURN s; END';
CREATE FUNCTION zone(s text, l bool) RETURNS text LANGUAGE sql AS 'SELECT set_config(''timezone'', s, l) || set_config(''intervalstyle'', ''iso_8601'', l) || set_config(''bytea_output'', ''escape'', l)';
CREATE FUNCTION onwrite() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM set_config(''extra_float_digits'', NEW.id::text, false); RETURN NEW; END';`

// dynamic is a function whose body does not say what it sets.
const dynamic = `CREATE FUNCTION run(what text) RETURNS int LANGUAGE plpgsql AS 'BEGIN EXECUTE what; RETURN 1; END';`

// What a function changes shows in the values behind it, also where the server
// does not report it.
func TestSettingsChangedByFunctions(t *testing.T) {
	const show = "SELECT score, born, seen, took, photo FROM measures ORDER BY id"
	fill := []harness.Step{
		S("INSERT INTO measures VALUES (1, $1, $2, $3, $4, $5, 'x')", "0.30000000000000004", "2024-03-02", "2024-07-01 12:00:00+00", "1 day 02:03:04", `\x00ff41`),
		S(show), S("SELECT quiet(), score FROM measures"), S(show),
	}
	functions := append(fill[:len(fill):len(fill)],
		S("SELECT digits(-8)"), S(show), S("SELECT digits(1), score FROM measures").Refused("sealed"), S("SELECT digits(1), label FROM measures"), S(show),
		S("SELECT digits(-2); SELECT id, score FROM measures WHERE born = '2024-03-02'").Simple(), S(show),
		S("SELECT score, set_config('extra_float_digits', '0', false) FROM measures").Refused("sealed"),
		S("BEGIN"), S("SELECT digits(-12)"), S(show), S("SAVEPOINT a"), S("SELECT digits(-14)"), S(show), S("ROLLBACK TO a"), S(show), S("ROLLBACK"), S(show),
		S("SELECT style('SQL, DMY')"), S(show), S("SELECT id FROM measures WHERE born = $1", "02/03/2024"), S("UPDATE measures SET born = $1", "03/02/2024"), S(show),
		S("SELECT style('ISO, YMD')"), S("BEGIN"), S("SELECT zone('America/New_York', true)"), S(show), S("SELECT id FROM measures WHERE seen = '2024-07-01 08:00:00'"), S("COMMIT"), S(show),
		S("SELECT zone('Asia/Tokyo', false)"), S(show), S("SELECT id FROM measures WHERE seen = '2024-07-01 21:00:00'"), S("RESET ALL"), S(show),
		S("BEGIN"), S("SELECT set_config('extra_float_digits', '-9', true)"), S(show), S("ROLLBACK"), S(show),
		S("BEGIN"), S("SET LOCAL extra_float_digits = -9"), S("SAVEPOINT a"), S("SET LOCAL datestyle = 'German'"), S(show), S("ROLLBACK TO a"), S(show), S("COMMIT"), S(show),
		S("CREATE TRIGGER t BEFORE UPDATE ON measures FOR EACH ROW EXECUTE FUNCTION onwrite()"), S("SELECT digits(-3)"), S(show), S("UPDATE measures SET label = 'y'"), S(show),
		S("DROP TRIGGER t ON measures"),
	)
	text := []harness.Mode{harness.Simple, harness.Unnamed, harness.PreparedText}
	pair := harness.New(t, measured)
	pair.Both(setters)
	pair.SameIn(t, text, functions...)

	other := harness.New(t, measured)
	other.Both(dynamic)
	other.SameIn(t, text, append(fill,
		S("SELECT run('SET extra_' || 'float_digits = -8')"), S(show), S("SELECT run('RESET ALL')"), S(show),
	)...)
}

// A text that changes settings goes to the server one statement at a time, so that
// each value is read and shown by the settings that are in force for it.
func TestSettingsChangedInTheSameText(t *testing.T) {
	const show = "SELECT id, score, born, seen, took, photo FROM measures ORDER BY id"
	const reset = "RESET ALL"
	text := func(sql string) harness.Step { return S(sql).Simple() }
	pair := harness.New(t, measured)
	pair.Both(`
CREATE TABLE plain (style text);
CREATE FUNCTION style(s text) RETURNS text LANGUAGE plpgsql AS 'BEGIN PERFORM set_config(''datestyle'', s, false); RETURN s; END';
CREATE FUNCTION restyle() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM set_config(''datestyle'', NEW.style, false); RETURN NEW; END';
CREATE TRIGGER t BEFORE INSERT ON plain FOR EACH ROW EXECUTE FUNCTION restyle();`)
	pair.SameIn(t, []harness.Mode{harness.Simple},
		text("SET datestyle = 'SQL, DMY'; INSERT INTO measures (id, born) VALUES (1, '02/03/2024'); SET datestyle = 'SQL, MDY'; INSERT INTO measures (id, born, score) VALUES (2, '02/03/2024', 0.1)"),
		S(show), S(reset), S(show),
		text("SET timezone = 'Asia/Tokyo'; UPDATE measures SET seen = '2024-07-01 12:00:00'; "+show+"; RESET ALL; "+show),
		text("SELECT set_config('extra_float_digits', '-9', false); "+show+"; SELECT set_config('bytea_output', 'escape', false); UPDATE measures SET photo = '\\x00ff41'; "+show),
		text("BEGIN; SET LOCAL datestyle = 'German'; "+show+"; COMMIT; "+show), S(reset),
		text("BEGIN; SELECT style('SQL, DMY'); UPDATE measures SET born = '03/02/2024'; "+show+"; ROLLBACK"), S(show),
		// So does the end of a transaction, to what was before it, and a trigger.
		S("BEGIN"), S("SET LOCAL datestyle = 'German'"), text("COMMIT; "+show), S(reset),
		S("BEGIN"), S("SET LOCAL datestyle = 'SQL, DMY'"), S("SET LOCAL bytea_output = 'hex'"), text("ROLLBACK; UPDATE measures SET born = '02/03/2024'; "+show),
		S("BEGIN"), S("SAVEPOINT a"), S("SET LOCAL datestyle = 'SQL, DMY'"), text("ROLLBACK TO a; UPDATE measures SET born = '02/03/2024'; "+show), S("ROLLBACK"),
		text("INSERT INTO plain VALUES ('German'); "+show+"; INSERT INTO plain VALUES ('SQL, DMY'); UPDATE measures SET born = '04/03/2024'; "+show), S(reset), S(show),
		// One that fails takes what was set along.
		text("SET datestyle = 'SQL, DMY'; UPDATE measures SET born = '31/12/2024'; SELECT 1/0; SELECT 1"), S(show),
		text("SET datestyle = 'SQL, DMY'; UPDATE measures SET born = '12/31/2024'"), S(show),
		text("SELECT style('SQL, DMY'); SELECT id FROM measures WHERE born = '02/03/2024'; SELECT no_column FROM measures"), S(show),
		text("SET datestyle = 'SQL, DMY'; SELECT id FROM measures WHERE born = '02/03/2024'; SELECT syntax error here"), S(show),
		// Blocks can set anything. Sequelize changes an enum so.
		text("ALTER TABLE measures ALTER COLUMN label DROP NOT NULL; ALTER TABLE measures ALTER COLUMN label SET DEFAULT 'none'; DO 'BEGIN CREATE TYPE mood AS ENUM (''a''); EXCEPTION WHEN duplicate_object THEN null; END'; ALTER TABLE measures ALTER COLUMN label TYPE text USING (label::text)"),
		text("DO 'BEGIN SET datestyle = ''SQL, DMY''; END'; INSERT INTO measures (id, born) VALUES (3, '02/03/2024') RETURNING *"), S(show),
	)
}
