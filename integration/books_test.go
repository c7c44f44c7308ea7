package integration

import (
	"testing"

	"pgseal/integration/harness"
)

func shelfSchema() harness.Schema {
	return harness.Schema{
		DDL: `CREATE TABLE book (id int PRIMARY KEY, price numeric(10,2), age int, name text, kind varchar(1), ok boolean, pub int);
			CREATE TABLE note (id int PRIMARY KEY, book int, note text, amount numeric, num int)`,
		Seal: []string{"public.book.price", "public.book.age", "public.book.name", "public.book.kind", "public.book.ok", "public.note.note", "public.note.amount", "public.note.num"},
	}
}

func shelfRows(w string) []harness.Step {
	return []harness.Step{
		S("INSERT INTO book VALUES (1, 10, 30, 'ann', 'a', true, 1), (2, 10.00, 30, '" + w + "', 'b', false, 1), (3, 20, NULL, 'ann', 'a', NULL, 2), (4, NULL, 40, NULL, NULL, true, 2), " +
			"(5, 7.5, 40, '', 'c', false, NULL), (6, 'NaN', 30, 'bob', 'b', true, NULL), (7, NULL, NULL, NULL, 'a', NULL, 1)"),
		S("INSERT INTO note VALUES (1, 1, 'x', 1.0, 1), (2, 1, 'y', 1.00, 2), (3, 2, 'x', 2, NULL), (4, 4, NULL, NULL, 3), (5, NULL, 'x', 5, 3), (6, 6, '" + w + "', 'NaN', 1)"),
	}
}

// A query that shows the groups of another one as they are has them made as that would.
func TestGroupsInsideAQueryThatShowsThem(t *testing.T) {
	pair := harness.New(t, shelfSchema())
	pair.SameIn(t, formulaModes, append(shelfRows(pair.Env.Canaries.Text()),
		S("WITH q AS (SELECT age, count(*) AS c FROM book GROUP BY age) SELECT * FROM q").Unordered(),
		S("WITH q AS MATERIALIZED (SELECT age, count(*) AS c FROM book WHERE pub = $1 GROUP BY age HAVING count(*) > 0) SELECT q.* FROM q ORDER BY c DESC, age LIMIT $2", "1", "2"),
		S("WITH q AS (SELECT age, count(*) AS c FROM book GROUP BY age) SELECT x.age, c FROM q AS x ORDER BY 1 NULLS FIRST;"),
		S("SELECT * FROM (SELECT age, count(*) AS c, max(name) AS m FROM book GROUP BY age) q ORDER BY age DESC OFFSET 1"),
		S("SELECT * FROM (SELECT age, count(*) AS c FROM book GROUP BY age ORDER BY age LIMIT 1) AS q"),
		S("SELECT * FROM (SELECT DISTINCT age, pub FROM book) q").Unordered(),
		S("SELECT age, pub FROM (SELECT DISTINCT age, pub FROM book) q ORDER BY pub, age"),
		S("SELECT * FROM (SELECT DISTINCT name FROM book WHERE kind <> 'c') AS q ORDER BY name FETCH FIRST 2 ROWS ONLY"),
		S("SELECT count(*) FROM (SELECT DISTINCT name FROM book) q"),
		S("SELECT * FROM (SELECT kind AS name, count(*) AS c FROM book GROUP BY kind) q ORDER BY name"),
		// Texts of the same shape.
		S("SELECT * FROM (SELECT DISTINCT age, pub FROM book WHERE id > 1) q ORDER BY 1, 2 LIMIT 3"),
		S("SELECT * FROM (SELECT DISTINCT age, pub FROM book WHERE id > 2) q ORDER BY 2, 1 LIMIT 4"),
		S("SELECT * FROM (SELECT DISTINCT age, pub FROM book WHERE id > 2) q ORDER BY 3, 1 LIMIT 4").Refused("public.book.age"),
		S("SELECT * FROM (SELECT age / 20 AS g, count(*) AS c FROM book GROUP BY age / 20) q ORDER BY g"),
		S("SELECT * FROM (SELECT age / 20 AS g, count(*) AS c FROM book GROUP BY age / 30) q ORDER BY g").Refused("public.book.age"),
		S("SELECT 1; SELECT * FROM (SELECT DISTINCT age FROM book) q").Simple().Refused("public.book.age"),
		S("BEGIN"), S("DECLARE k CURSOR FOR SELECT * FROM (SELECT DISTINCT age FROM book) q").Refused("public.book.age"), S("ROLLBACK"),
		// What is shown otherwise.
		S("SELECT pub, age FROM (SELECT DISTINCT age, pub FROM book) q").Unordered(),
		S("SELECT age AS pub, pub AS age FROM (SELECT DISTINCT age, pub FROM book) q").Unordered(),
		S("SELECT * FROM (SELECT DISTINCT age, pub FROM book) q (pub, age) ORDER BY pub").Refused("public.book.age"),
		S("SELECT * FROM (SELECT DISTINCT age, pub FROM book ORDER BY pub LIMIT 3) q ORDER BY age").Refused("public.book.age"),
		S("SELECT * FROM (SELECT DISTINCT age, pub FROM book) q ORDER BY id").Fails("42703"),
		S("SELECT * FROM (SELECT DISTINCT ON (name) name, price FROM book ORDER BY name, price DESC NULLS LAST) q"),
		S("SELECT * FROM (SELECT DISTINCT ON (name) name, id FROM book) q ORDER BY name, id").Refused("public.book.name"),
		S("SELECT q.age, q.c FROM (SELECT age, count(*) AS c FROM book GROUP BY age) q ORDER BY q.c DESC, q.age"),
		S("SELECT * FROM (SELECT age, count(*) AS c FROM book GROUP BY age) AS q ORDER BY q.age NULLS FIRST LIMIT $1", "2"),
		S("WITH q AS (SELECT age, pub, count(*) AS c FROM book GROUP BY 1, 2) SELECT q.* FROM q ORDER BY q.age DESC, 2 OFFSET 1"),
		S("SELECT * FROM (SELECT DISTINCT age, pub FROM book) q ORDER BY q.pub, q.age"),
		S("SELECT * FROM (SELECT DISTINCT age, pub FROM book) q ORDER BY book.pub").Fails("42P01"),
		S("SELECT * FROM (SELECT DISTINCT age, pub FROM book) q ORDER BY q.id").Fails("42703"),
		S("SELECT q FROM (SELECT DISTINCT age AS q FROM book) q ORDER BY q"),
		S("SELECT * FROM (SELECT DISTINCT age, age FROM book) q ORDER BY age").Fails("42702"),
		S("SELECT * /* all */ FROM (SELECT DISTINCT kind /* of */ FROM book) AS \"q\" ORDER BY kind -- end"),
		S("SELECT * FROM (SELECT DISTINCT age, pub FROM book) q ORDER BY pub + 1").Refused("public.book.age"),
		S("SELECT max(n) FROM (SELECT age, count(id) AS n FROM book GROUP BY age) q"),
		S("WITH q AS (SELECT age, count(*) AS c FROM book GROUP BY age) SELECT * FROM q WHERE q.c > 1").Unordered(),
		S("WITH q AS (SELECT age, count(*) AS c FROM book GROUP BY age) SELECT * FROM q, q AS r").Refused("public.book.age"),
		S("SELECT * FROM book ORDER BY id"),
	)...)
}

// Beside groups stand texts that are joined in their own order, and what one subquery gives for all.
func TestBesideGroupsWithoutATerm(t *testing.T) {
	pair := harness.New(t, shelfSchema())
	pair.SameIn(t, formulaModes, append(shelfRows(pair.Env.Canaries.Text()),
		S("SELECT kind, string_agg(name, ',' ORDER BY name) FROM book GROUP BY kind ORDER BY kind"),
		S("SELECT age, string_agg(name, ', ' ORDER BY name DESC) AS names, string_agg(DISTINCT kind, '' ORDER BY kind), count(*) FROM book GROUP BY age ORDER BY names"),
		S("SELECT kind, string_agg(b.name, '|' ORDER BY b.name DESC NULLS LAST) FILTER (WHERE pub = 1) FROM book b GROUP BY kind ORDER BY kind"),
		S("SELECT kind, string_agg(name, ',' ORDER BY id) FROM book GROUP BY kind").Unordered(),
		S("SELECT kind, string_agg(name, ',' ORDER BY name, id) FROM book GROUP BY kind").Unordered(),
		S("SELECT pub, string_agg(name, ',' ORDER BY name) FROM book GROUP BY pub ORDER BY pub"),
		S("SELECT age, (SELECT count(*) FROM note) FROM book GROUP BY age ORDER BY age"),
		S("SELECT age, (SELECT count(*) FROM note WHERE num = $1) AS n, count(*) FROM book GROUP BY age HAVING count(*) > 1 ORDER BY age", "3"),
		S("SELECT age, (SELECT note FROM note WHERE id = 1 LIMIT 1) FROM book GROUP BY age ORDER BY age"),
		S("SELECT age, (SELECT count(*) FROM note) FROM book WHERE id > 99 GROUP BY age"),
		S("SELECT age, (SELECT max(c.id) FROM note n JOIN book c ON c.id = n.book) FROM book GROUP BY age ORDER BY age"),
		S("SELECT age, (SELECT count(*) FROM note) AS n FROM book GROUP BY age ORDER BY n, age").Refused("public.book.age"),
		S("SELECT age, (SELECT count(*) FROM note WHERE note = 'x') AS n FROM book GROUP BY age ORDER BY age"),
		S("SELECT age, (SELECT count(*) FROM note WHERE book = age) FROM book GROUP BY age").Refused("public.book.age"),
		S("SELECT age, (SELECT count(*) FROM note n WHERE n.book = b.id) FROM book b GROUP BY age").Refused("public.book.age"),
		S("SELECT age, (SELECT max(pub) FROM note) FROM book GROUP BY age").Refused("public.book.age"),
		S("SELECT age, (SELECT num FROM note) FROM book GROUP BY age").Refused("public.book.age"),
		S("SELECT age, (SELECT 1 / count(*) FROM note WHERE id > 99) FROM book GROUP BY age").Refused("public.book.age"),
		S("SELECT age, (SELECT random() LIMIT 1) FROM book GROUP BY age").Refused("public.book.age"),
		S("SELECT * FROM book ORDER BY id"),
	)...)
}

// A condition on the rows of a subquery in FROM is decided as one on those of its relation.
func TestConditionsOnSubqueriesInFromAreDecided(t *testing.T) {
	pair := harness.New(t, shelfSchema())
	w := pair.Env.Canaries.Text()
	pair.SameIn(t, formulaModes, append(shelfRows(w),
		S("SELECT id FROM book b WHERE EXISTS (SELECT 1 FROM (SELECT n.id, n.book, n.note FROM note n) q WHERE q.book = b.id AND q.note = 'x') ORDER BY id"),
		S("SELECT id FROM book b WHERE NOT EXISTS (SELECT 1 FROM (SELECT n.id, n.book, n.note FROM note n) q WHERE q.book = b.id AND q.note <> $1) ORDER BY id", "x"),
		S("SELECT id FROM book WHERE id IN (SELECT q.book FROM (SELECT book, note FROM note) q WHERE q.note = 'x') ORDER BY id"),
		S("SELECT id FROM book WHERE id NOT IN (SELECT q.book FROM (SELECT book, note FROM note WHERE book > 0) q WHERE note IN ('x', '"+w+"')) ORDER BY id"),
		S("SELECT b.id, q.id FROM book b JOIN (SELECT n.id, n.book, n.note FROM note n) q ON q.book = b.id AND q.note = 'x' ORDER BY 1, 2"),
		S("SELECT b.id, q.note FROM book b LEFT JOIN (SELECT n.book, n.note, n.amount FROM note n) q ON q.book = b.id AND q.amount > $1 ORDER BY 1, 2", "1.5"),
		S("SELECT b.id, q.id FROM book b LEFT JOIN (SELECT * FROM note) q ON q.book = b.id AND (q.note = 'x' OR q.num > q.id) ORDER BY 1, 2"),
		S("SELECT id FROM book b WHERE EXISTS (SELECT 1 FROM (SELECT c.id, n.note, n.book FROM book c LEFT JOIN note n ON n.book = c.id) q WHERE q.id = b.id AND q.note IS DISTINCT FROM 'x') ORDER BY id"),
		S("SELECT id, (SELECT count(*) FROM (SELECT n.book, n.num FROM note n WHERE n.book = b.id) q WHERE q.num >= 1 AND q.book > 0) FROM book b ORDER BY id"),
		S("SELECT id FROM book b WHERE EXISTS (SELECT 1 FROM (SELECT book, note FROM note) q WHERE q.book = b.id AND EXISTS (SELECT 1 FROM book q WHERE q.name = 'ann' AND q.id = b.id) AND q.note = 'x') ORDER BY id"),
		S("SELECT id FROM book b WHERE EXISTS (SELECT 1 FROM (SELECT book, note FROM note) q WHERE q.book = b.id AND EXISTS (SELECT 1 FROM book c WHERE c.id = q.book AND q.note = 'x' AND c.kind = 'a')) ORDER BY id"),
		S("SELECT id FROM book WHERE id IN (SELECT q.book FROM (SELECT book, note AS text FROM note) q WHERE q.text = 'x')").Refused("public.note.note"),
		S("SELECT id FROM book WHERE id IN (SELECT q.book FROM (SELECT num AS note, note AS num, book FROM note) q WHERE q.num = 'x')").Refused("public.note.note"),
		S("SELECT id FROM book WHERE id IN (SELECT q.id FROM (SELECT book, id, note FROM note) q (id, book, note) WHERE q.note = 'x' AND q.id > 1) ORDER BY id"),
		S("SELECT id FROM book WHERE id IN (SELECT q.book FROM (SELECT id, book, note FROM note) q (book, id, note) WHERE q.id + length(q.note) > 1)").Refused("public.note.note"),
		S("SELECT id FROM book WHERE id IN (SELECT q.book FROM (SELECT m.book, n.note, m.note AS other FROM note n JOIN note m ON m.book = n.book) q WHERE q.note = 'x') ORDER BY id"),
		S("SELECT id FROM book WHERE id IN (SELECT q.book FROM (SELECT m.book, n.note, m.num FROM note n JOIN note m ON m.book = n.book) q WHERE q.note = 'x' AND q.num > 1) ORDER BY id"),
		S("SELECT id FROM book WHERE id IN (SELECT q.book FROM (SELECT n.book, n.note, m.note FROM note n JOIN note m ON m.book = n.book) q WHERE q.note = 'x')").Fails("42702"),
		S("SELECT id FROM book WHERE id IN (SELECT q.book FROM (SELECT book, max(note) AS note FROM note GROUP BY book) q WHERE q.note = 'x')").Refused("public.note.note"),
		S("WITH n AS (SELECT * FROM note) SELECT id FROM book WHERE id IN (SELECT q.book FROM (SELECT book, note FROM n) q WHERE q.note = 'x')").Refused("public.note.note"),
		S("UPDATE book SET pub = 9 WHERE id IN (SELECT q.book FROM (SELECT book, note FROM note) q WHERE q.note = $1)", "y"),
		S("DELETE FROM book WHERE id IN (SELECT q.book FROM (SELECT book, amount FROM note) q WHERE q.amount = 'NaN')"),
		S("SELECT * FROM book ORDER BY id"), S("SELECT * FROM note ORDER BY id"),
	)...)
}

// A boolean is a condition twice: by itself, and in an OR beside a subquery.
func TestConditionsInORBesideComputedOnes(t *testing.T) {
	pair := harness.New(t, shelfSchema())
	pair.SameIn(t, formulaModes, append(shelfRows(pair.Env.Canaries.Text()),
		S("SELECT id FROM book b WHERE (EXISTS (SELECT 1 FROM note n WHERE n.book = b.id AND n.note = 'x') OR b.ok) AND b.ok ORDER BY id"),
		S("SELECT id, name FROM book b WHERE (EXISTS (SELECT 1 FROM note n WHERE n.book = b.id AND n.note = $1) OR b.price > 5) AND b.age = 30 ORDER BY name LIMIT 2", "x"),
		S("SELECT id FROM book b WHERE (id IN (SELECT book FROM note) OR NOT b.ok OR kind = 'c') AND age >= 30 AND pub IS NULL ORDER BY age, id"),
		S("SELECT count(*) FROM book b WHERE (EXISTS (SELECT 1 FROM note n WHERE n.book = b.id AND n.note = 'x') OR b.ok) AND b.age > 1"),
		S("SELECT age, count(*) FROM book b WHERE (EXISTS (SELECT 1 FROM note n WHERE n.book = b.id) OR b.kind = 'a') AND b.age > 1 GROUP BY age ORDER BY age"),
		S("SELECT age, count(*) FROM book b WHERE (EXISTS (SELECT 1 FROM note n WHERE n.book = b.id AND n.note = 'x') OR NOT b.ok) AND b.age > 1 GROUP BY age ORDER BY age"),
		S("BEGIN"), S("DECLARE k CURSOR FOR SELECT id FROM book b WHERE (EXISTS (SELECT 1 FROM note n WHERE n.book = b.id AND n.note = 'x') OR b.ok) AND b.age > 1 ORDER BY id"), S("FETCH ALL FROM k"), S("COMMIT"),
		S("BEGIN"), S("UPDATE book SET ok = false WHERE id = 1"),
		S("SELECT id FROM book b WHERE (EXISTS (SELECT 1 FROM note n WHERE n.book = b.id AND n.note = 'y') OR b.ok) AND NOT b.ok ORDER BY id"),
		S("ROLLBACK"),
		S("SELECT * FROM book ORDER BY id"),
	)...)
}
