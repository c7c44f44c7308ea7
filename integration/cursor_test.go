package integration

import (
	"testing"

	"pgseal/integration/harness"
)

// cursorModes are the ways in which a client sends what is about cursors: a
// statement that PREPARE does not take goes as it is.
var cursorModes = []harness.Mode{harness.Simple, harness.Unnamed, harness.PreparedText, harness.PreparedBinary}

// Cursors of SQL over sealed columns, read in all directions.
func TestCursors(t *testing.T) {
	pair := harness.New(t, people)
	w := pair.Env.Canaries.Text()
	pair.SameIn(t, cursorModes, filled(pair.Env.Canaries,
		S("DECLARE c CURSOR FOR SELECT ssn FROM people").Fails("25P01"),
		S("BEGIN"),
		S("DECLARE c SCROLL CURSOR FOR SELECT id, ssn, note, age FROM people ORDER BY id"),
		S("FETCH c"), S("FETCH NEXT FROM c"), S("FETCH PRIOR FROM c"), S("FETCH FIRST IN c"), S("FETCH LAST FROM c"),
		S("FETCH ABSOLUTE 2 FROM c"), S("FETCH RELATIVE -1 c"), S("FETCH 0 FROM c"), S("FETCH FORWARD 5 FROM c"),
		S("FETCH BACKWARD ALL FROM c"), S("MOVE FORWARD 1 IN c"), S("FETCH ALL FROM c"), S("MOVE ABSOLUTE 0 FROM c"),
		S("FETCH 2 FROM c"), S("FETCH -1 FROM c"), S("CLOSE c"),
		S("SAVEPOINT closed"), S("FETCH c").Fails("34000"), S("ROLLBACK TO closed"),
		// A name again, for other rows.
		S("DECLARE c CURSOR FOR SELECT v, ssn FROM plain ORDER BY id"), S("FETCH ALL FROM c"), S("CLOSE ALL"),
		S(`DECLARE "C d" NO SCROLL CURSOR FOR SELECT email FROM people WHERE ssn IN ($1, $2) ORDER BY id`, w+"01", w+"02"),
		S(`FETCH FORWARD 1 FROM "C d"`), S(`FETCH ALL FROM "C d"`), S(`CLOSE "C d"`),
		// Rows that the server gives no origin for.
		S("DECLARE c CURSOR FOR SELECT (SELECT note FROM people WHERE id = p.id) AS n, 'x'::bytea, ssn FROM people p ORDER BY id"),
		S("FETCH 1 FROM c"), S("FETCH ALL FROM c"),
		S("DECLARE d CURSOR FOR SELECT card FROM orders WHERE id = 10 UNION ALL SELECT card FROM orders WHERE id = 11"),
		S("FETCH ALL FROM d"),
		S("COMMIT"),
		S("BEGIN"), S("FETCH c").Fails("34000"), S("ROLLBACK"),
	)...)
}

// Cursors shown as XML: those whose text cannot be over a sealed column, and those
// that were declared without one.
func TestCursorsAsXML(t *testing.T) {
	pair := harness.New(t, people)
	pair.Both(`
CREATE FUNCTION shown_as_xml(c refcursor, query text) RETURNS refcursor LANGUAGE plpgsql AS $$
BEGIN OPEN c FOR EXECUTE query; RETURN c; END $$;
CREATE SCHEMA elsewhere CREATE TABLE people (ssn text)`)
	const shown, schema = "SELECT cursor_to_xml('c', 10, true, false, '')::text", "SELECT cursor_to_xmlschema('c', true, false, '')::text"
	pair.SameIn(t, []harness.Mode{harness.Simple}, filled(pair.Env.Canaries,
		S("BEGIN"), S("DECLARE c CURSOR FOR SELECT id, v FROM plain ORDER BY id"), S(shown), S(schema),
		S("DECLARE d CURSOR FOR SELECT ssn FROM people"), S(schema), S("SAVEPOINT a"),
		S("SELECT cursor_to_xml(lower('C')::refcursor, 10, true, false, '')::text").Refused("cursor_to_xml"), S("ROLLBACK TO a"),
		S("SELECT shown_as_xml('e', 'SELECT 1'), cursor_to_xml('c', 10, true, false, '')::text, 'people'").Refused("cursor_to_xml"), S("ROLLBACK TO a"),
		S("SELECT shown_as_xml('e', 'SELECT ss'||'n FROM peo'||'ple')"), S("SELECT cursor_to_xml('e', 10, true, false, '')::text").Refused("cursor_to_xml"), S("ROLLBACK TO a"),
		S("SELECT shown_as_xml('e', 'SELECT v FROM plain ORDER BY id')"), S("SELECT cursor_to_xml('e', 10, true, false, '')::text"),
		S("INSERT INTO elsewhere.people VALUES ('x')"), S("DECLARE f CURSOR FOR SELECT * FROM elsewhere.people"), S("SELECT cursor_to_xml('f', 10, true, false, '')::text"),
		S("CLOSE f"), S("SELECT shown_as_xml('f', 'SELECT ss'||'n FROM peo'||'ple')"), S("SAVEPOINT a"), S("SELECT cursor_to_xml('f', 10, true, false, '')::text").Refused("cursor_to_xml"), S("ROLLBACK TO a"),
		S("CLOSE c"), S("CLOSE d"), S("DECLARE c CURSOR FOR SELECT ssn FROM people"), S("SAVEPOINT a"),
		S(shown).Refused("cursor_to_xml"), S("ROLLBACK TO a"), S(schema).Refused("cursor_to_xmlschema"), S("ROLLBACK"),
		S("BEGIN"), S("DECLARE c CURSOR FOR SELECT id, name FROM people ORDER BY id"), S(schema), S("MOVE ABSOLUTE 0 FROM c"), S(shown), S("COMMIT"),
		S("SELECT table_to_xmlschema('people', true, false, '')::text").Refused("people"), S("SELECT query_to_xmlschema('SELECT v FROM plain', true, false, '')::text"),
	)...)
}

// Cursors and the ends of transactions and subtransactions.
func TestCursorsEnd(t *testing.T) {
	pair := harness.New(t, people)
	pair.SameIn(t, cursorModes, filled(pair.Env.Canaries,
		S("DECLARE h CURSOR WITH HOLD FOR SELECT id, ssn, (SELECT note FROM people WHERE id = p.id) FROM people p ORDER BY id"),
		S("FETCH 1 FROM h"),
		S("UPDATE people SET ssn = 'changed' WHERE id = 2"),
		S("BEGIN"), S("FETCH 1 FROM h"), S("SELECT 1/0").Fails("22012"), S("ROLLBACK"),
		S("FETCH ALL FROM h"), S("CLOSE h"), S("FETCH h").Fails("34000"),
		S("BEGIN"), S("DECLARE h CURSOR WITH HOLD FOR SELECT ssn FROM people ORDER BY id"), S("ROLLBACK"),
		S("FETCH h").Fails("34000"),
		S("BEGIN"), S("SAVEPOINT s"),
		S("DECLARE c CURSOR FOR SELECT ssn, note FROM people ORDER BY id"), S("FETCH c"),
		S("ROLLBACK TO s"),
		S("DECLARE c CURSOR FOR SELECT id, name FROM people ORDER BY id"), S("FETCH ALL FROM c"),
		S("ROLLBACK TO s"),
		S("DECLARE c CURSOR FOR SELECT card FROM orders ORDER BY id"),
		S("SAVEPOINT t"), S("FETCH 1 FROM c"), S("ROLLBACK TO t"), S("FETCH 1 FROM c"),
		S("COMMIT"),
		S("BEGIN; DECLARE a CURSOR WITH HOLD FOR SELECT ssn FROM people ORDER BY id; FETCH 1 FROM a; COMMIT; FETCH ALL FROM a; CLOSE a").Simple(),
		S("DECLARE a CURSOR WITH HOLD FOR SELECT (SELECT ssn FROM people WHERE id = 1); FETCH 1 FROM a").Simple(),
		S("FETCH FIRST FROM a").Fails("55000"), S("CLOSE a"),
		S("DECLARE a CURSOR WITH HOLD FOR SELECT ssn FROM people; SELECT 1/0").Simple().Fails("22012"),
		S("FETCH a").Fails("34000"),
		S("DECLARE b CURSOR WITH HOLD FOR SELECT email FROM people ORDER BY id"),
		S("DISCARD ALL"), S("FETCH b").Fails("34000"),
	)...)
}

// WHERE CURRENT OF, and binary cursors.
func TestCursorsWriteAndBinary(t *testing.T) {
	pair := harness.New(t, people)
	w := pair.Env.Canaries.Text()
	pair.SameIn(t, cursorModes, filled(pair.Env.Canaries,
		S("BEGIN"),
		S("DECLARE c CURSOR FOR SELECT id, ssn FROM people WHERE city = 'London' FOR UPDATE"),
		S("FETCH 1 FROM c"),
		S("UPDATE people SET ssn = $1, note = $2 WHERE CURRENT OF c RETURNING ssn", w+"99", "through "+w),
		S("FETCH 1 FROM c"),
		S("UPDATE people SET note = $1 WHERE CURRENT OF c", "n"),
		S("COMMIT"),
		S("SELECT * FROM people ORDER BY id"),
		S("BEGIN"),
		S("DECLARE b BINARY CURSOR FOR SELECT id, ssn, age, note, email FROM people ORDER BY id"),
		S("FETCH 2 FROM b"), S("FETCH ALL FROM b"),
		S("COMMIT"),
	)...)
}

// Cursors that functions open: opened by the origin that the server reports, or
// refused; never envelopes.
func TestCursorsOfFunctions(t *testing.T) {
	pair := harness.New(t, people)
	pair.Both(`
CREATE FUNCTION opened(c refcursor, query text) RETURNS refcursor LANGUAGE plpgsql AS $$
BEGIN OPEN c FOR EXECUTE query; RETURN c; END $$`)
	for _, mode := range cursorModes {
		t.Run(string(mode), func(t *testing.T) {
			pair.Empty()
			c := pair.Compare(t, mode)
			for _, step := range filled(pair.Env.Canaries,
				S("BEGIN"),
				S("SELECT opened('c', 'SELECT v, ssn, ''\\x00e5''::bytea FROM plain ORDER BY id')"),
				S("FETCH ALL FROM c"), S("CLOSE c"),
				S("SELECT opened('c', 'SELECT id, ss'||'n, no'||'te FROM peo'||'ple ORDER BY id')"),
				S("FETCH 1 FROM c"), S("FETCH ALL FROM c"), S("CLOSE c"),
				// Once more, where DECLARE has had the name.
				S("SAVEPOINT s"),
				S("DECLARE c CURSOR FOR SELECT name, id, ssn FROM people"), S("FETCH c"), S("ROLLBACK TO s"),
				S("SELECT opened('c', 'SELECT ss'||'n, id, name FROM peo'||'ple ORDER BY id')"),
				S("FETCH ALL FROM c"), S("CLOSE c"),
				S("SELECT opened('c', 'SELECT (SELECT ss'||'n FROM peo'||'ple WHERE id = 1), 1')"),
			) {
				c.Step(step)
			}
			c.SealedOnly(S("FETCH c"), "0A000")
			c.Rollback()
		})
	}
}
