package integration

import (
	"testing"

	"pgseal/integration/harness"
)

// Cursors over rows that are sorted or filtered by sealed values go forward, in any steps, as
// drivers and ORMs read large results.
func TestSortedCursors(t *testing.T) {
	pair := harness.New(t, formulaSchema)
	pair.Both(`CREATE FUNCTION skip(c refcursor, n int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN MOVE FORWARD n FROM c; RETURN n; END $$`)
	pair.SameIn(t, cursorModes, []harness.Step{
		S("SET timezone = 'Europe/Berlin'"), S(aggregateRows),
		S("BEGIN"),
		S("DECLARE c CURSOR FOR SELECT id, n, name FROM accounts ORDER BY n DESC NULLS LAST, id"),
		S("FETCH c"), S("FETCH NEXT FROM c"), S("FETCH 2 FROM c"), S("FETCH FORWARD 1 IN c"), S("FETCH ALL FROM c"), S("FETCH ALL FROM c"), S("FETCH 1 FROM c"), S("CLOSE c"),
		S("SAVEPOINT a"), S("FETCH c").Fails("34000"), S("ROLLBACK TO a"),
		// The name again, for other rows.
		S("DECLARE c NO SCROLL CURSOR FOR SELECT id, price * n AS total, day FROM accounts WHERE price > 1 AND id < $1 ORDER BY plain, day, id LIMIT $2 OFFSET 1", "9", "5"),
		S("FETCH FORWARD 2 FROM c"), S("FETCH FORWARD ALL FROM c"), S("CLOSE c"),
		S("DECLARE c CURSOR FOR SELECT plain, name FROM accounts ORDER BY id"), S("FETCH 1 FROM c"), S("MOVE 1 FROM c"), S("FETCH 1 FROM c"), S("CLOSE ALL"),
		S(`DECLARE "C d" CURSOR FOR SELECT plain, sum(n), count(*) FROM accounts GROUP BY plain HAVING sum(n) > 1 ORDER BY 2 DESC, 1`),
		S(`FETCH 1 FROM "C d"`), S(`FETCH 100 FROM "C d"`),
		S("DECLARE e CURSOR FOR SELECT id FROM accounts WHERE n > 1 AND price < 1000 ORDER BY id"), S("FETCH 2 FROM e"), S("FETCH 100 FROM e"),
		S("DECLARE f CURSOR FOR SELECT count(*) FROM accounts WHERE name LIKE $1", "%n%"), S("FETCH 2 FROM f"), S("FETCH 100 FROM f"),
		S("DECLARE g CURSOR FOR SELECT * FROM accounts WHERE n > 10000 ORDER BY price"), S("FETCH 2 FROM g"), S("FETCH 2 FROM g"),
		S("DECLARE h CURSOR FOR SELECT id, name FROM accounts ORDER BY price, id"), S("DECLARE i CURSOR FOR SELECT id, ok FROM accounts ORDER BY ok DESC, id DESC"),
		S("FETCH 1 FROM h"), S("FETCH 1 FROM i"), S("FETCH 1 FROM h"), S("FETCH 1 FROM i"),
		// Rows stay what they were.
		S("UPDATE accounts SET price = 0, n = n + 1"), S("FETCH 1 FROM h"), S("FETCH ALL FROM i"),
		S("SAVEPOINT b"), S("FETCH 1 FROM h"), S("ROLLBACK TO b"), S("FETCH 1 FROM h"),
		S("SELECT pg_catalog.count(*) FROM pg_cursors"),
		S("ROLLBACK"),
		S("BEGIN"), S("FETCH h").Fails("34000"), S("ROLLBACK"),
		// What outlives its transaction, as Django reads it.
		S("DECLARE h CURSOR WITH HOLD FOR SELECT id, price FROM accounts ORDER BY price DESC, id"),
		S("FETCH FORWARD 2 FROM h"), S("BEGIN"), S("FETCH 1 FROM h"), S("COMMIT"), S("FETCH ALL FROM h"), S("CLOSE h"),
		S("FETCH h").Fails("34000"),
		S("BEGIN"), S("DECLARE h CURSOR WITH HOLD FOR SELECT id, price FROM accounts ORDER BY price DESC, id"), S("FETCH 1 FROM h"), S("COMMIT"), S("FETCH 2 FROM h"),
		S("BEGIN"), S("DECLARE j CURSOR WITH HOLD FOR SELECT id FROM accounts ORDER BY n, id"), S("FETCH 1 FROM j"), S("ROLLBACK"), S("FETCH 1 FROM j").Fails("34000"), S("FETCH 2 FROM h"), S("CLOSE ALL"),
		// Errors stay the server's, or those of the values.
		S("BEGIN"), S("DECLARE c CURSOR FOR SELECT id FROM accounts ORDER BY 100 / small, id"), S("SAVEPOINT a"), S("FETCH 1 FROM c").Fails("22012"), S("ROLLBACK TO a"), S("FETCH 1 FROM c").Fails("55000"), S("ROLLBACK"),
		S("BEGIN"), S("DECLARE c CURSOR FOR SELECT id FROM accounts ORDER BY n, id"), S("SELECT 1 / 0").Fails("22012"), S("FETCH 1 FROM c").Fails("25P02"), S("ROLLBACK"),
		// They are written when the first of them is fetched.
		S("BEGIN"), S("DECLARE c CURSOR FOR SELECT id, day FROM accounts ORDER BY n, id"), S("FETCH 1 FROM c"), S("SET LOCAL application_name = 'x'"), S("FETCH 1 FROM c"),
		S("SET LOCAL DateStyle = 'German'"), S("SAVEPOINT a"), S("FETCH 1 FROM c").Refused("under other settings"), S("ROLLBACK TO a"), S("SET LOCAL DateStyle = 'ISO, MDY'"), S("FETCH 1 FROM c"), S("ROLLBACK"),
		// What goes elsewhere than forward.
		S("BEGIN"), S("SAVEPOINT a"), S("DECLARE c SCROLL CURSOR FOR SELECT id FROM accounts ORDER BY n, id"), S("ROLLBACK TO a"),
		S("DECLARE c CURSOR FOR SELECT id FROM accounts ORDER BY n, id"), S("SAVEPOINT b"),
		S("MOVE 1 FROM c").Refused("goes forward only"), S("ROLLBACK TO b"),
		S("FETCH PRIOR FROM c").Refused("goes forward only"), S("ROLLBACK TO b"),
		S("FETCH 0 FROM c").Refused("goes forward only"), S("ROLLBACK TO b"),
		S("FETCH ABSOLUTE 2 FROM c").Refused("goes forward only"), S("ROLLBACK TO b"),
		S("FETCH -1 FROM c").Refused("goes forward only"), S("ROLLBACK TO b"),
		S("UPDATE accounts SET n = 1 WHERE CURRENT OF c").Fails("24000"), S("ROLLBACK TO b"),
		S("FETCH 2 FROM c"), S("ROLLBACK"),
		// A function that moves it.
		S("BEGIN"), S("DECLARE c CURSOR FOR SELECT id FROM accounts ORDER BY n, id"), S("SELECT skip('c', 1)"), S("FETCH 1 FROM c").Refused("has been moved or replaced"), S("ROLLBACK"),
		S("BEGIN"), S("DECLARE c CURSOR FOR SELECT id FROM accounts ORDER BY n, id"), S("SELECT skip('c', 1000)"), S("FETCH 1 FROM c"), S("ROLLBACK"),
	}...)
	pair.SameIn(t, []harness.Mode{harness.Simple}, []harness.Step{
		S(aggregateRows),
		S("BEGIN; DECLARE a CURSOR WITH HOLD FOR SELECT name, n FROM accounts ORDER BY n, id; FETCH 1 FROM a; COMMIT; FETCH 2 FROM a; FETCH ALL FROM a; CLOSE a"),
		S("BEGIN; DECLARE a CURSOR FOR SELECT name, n FROM accounts ORDER BY n DESC, id; DECLARE b CURSOR FOR SELECT 1; FETCH a; FETCH a; FETCH ALL FROM b; COMMIT"),
		S("DECLARE a CURSOR FOR SELECT id FROM accounts ORDER BY n, id; FETCH 3 FROM a").Refused("among other statements"),
		S("BEGIN"), S("DECLARE a BINARY CURSOR FOR SELECT id, n, name, day FROM accounts ORDER BY n, id"), S("FETCH 2 FROM a"), S("FETCH ALL FROM a"), S("COMMIT"),
	}...)
}
