package integration

import (
	"testing"

	"pgseal/integration/harness"
)

// Set operations compare sealed outputs by their terms where the key is not beside
// them.
func TestSetOperationsByTerms(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL: `CREATE TABLE people (id int PRIMARY KEY, email varchar(40), city text, score numeric, name text, born date);
			CREATE VIEW everybody AS SELECT * FROM people`,
		Seal: []string{"public.people.email --equality", "public.people.city --equality", "public.people.score --equality", "public.people.born"},
	})
	w := pair.Env.Canaries.Word()
	both := "(SELECT email, city FROM people WHERE id < 5)"
	pair.Same(t,
		S(`INSERT INTO people (id, email, city, score, name) VALUES (1, 'a`+w+`', 'Oslo', 1.0, 'x'), (2, 'b@x', 'Oslo', 1.00, 'x'), (3, 'a`+w+`', NULL, 2, 'y'),
			(4, NULL, NULL, 3, NULL), (5, NULL, 'Rome', NULL, NULL), (6, 'b@x', 'Oslo', NULL, 'z'), (7, '', '', 4, '')`),
		S("SELECT email FROM people WHERE id <= 4 UNION SELECT email FROM people WHERE id >= 3").Unordered(),
		S("SELECT email, city FROM people UNION SELECT email, city FROM everybody").Unordered(),
		S("SELECT email AS mail, name FROM people WHERE city = $1 UNION DISTINCT SELECT email, name FROM people WHERE email = $2 ORDER BY name NULLS FIRST, 2", "Oslo", "a"+w).Unordered(),
		S("SELECT city FROM people WHERE id < 3 UNION SELECT city FROM people WHERE id = 5 UNION (SELECT city FROM people ORDER BY id LIMIT 4)").Unordered(),
		S("SELECT email, 1 FROM people UNION SELECT email, NULL FROM people UNION SELECT email, 1.5 FROM people").Unordered(),
		S("SELECT email, city FROM people WHERE id <> 5 INTERSECT SELECT email, city FROM people WHERE id > 3").Unordered(),
		S("SELECT city, name FROM people WHERE id < 4 EXCEPT SELECT city, name FROM people WHERE email = $1", "b@x").Unordered(),
		S(both+" EXCEPT (SELECT ALL email, city FROM people WHERE id > $1)", "5").Unordered(),
		S(both+" INTERSECT DISTINCT "+both).Unordered(),
		S("SELECT count(*), count(email) FROM (SELECT DISTINCT email FROM people UNION SELECT email AS union FROM people GROUP BY email) q"),
		S("SELECT count(*) FROM (SELECT email, city FROM people UNION SELECT email, city FROM people) q WHERE q.city = $1", "Oslo"),
		S("WITH q AS (SELECT email FROM people UNION SELECT email FROM people) SELECT q.email, p.id FROM q JOIN people p ON p.email = q.email ORDER BY p.id"),
		S("SELECT email::text FROM people UNION SELECT email::text FROM people").Unordered(),
		S("SELECT email FROM people UNION SELECT email FROM people UNION ALL SELECT email FROM people").Unordered(),
		// What a group is shown as comes from the table, what a set operation is from nowhere.
		S("SELECT city FROM people GROUP BY city HAVING city <> $1 UNION ALL SELECT city FROM people GROUP BY city", "Rome").Unordered(),
		S("WITH q AS (SELECT city FROM people GROUP BY city UNION ALL SELECT NULL) SELECT city FROM q").Unordered(),
		S("SELECT email FROM people UNION SELECT email FROM people ORDER BY 5").Fails("42P10"),
		S("SELECT name FROM people WHERE EXISTS (SELECT email FROM people INTERSECT SELECT email FROM people WHERE id = 1) ORDER BY id"),
		S("SELECT id, email FROM people UNION SELECT id, email FROM people").Unordered(),
		S("SELECT id FROM people WHERE (city, id) IN (SELECT city, max(id) FROM people GROUP BY city) ORDER BY id"),
		S("SELECT id FROM people WHERE email IN (SELECT p.email FROM people p GROUP BY p.email HAVING count(*) > 1) ORDER BY id"),
		S("SELECT id FROM people WHERE email NOT IN (SELECT email AS e FROM people WHERE email IS NOT NULL GROUP BY 1 HAVING count(*) > $1) ORDER BY id", "1"),
		S("SELECT id FROM people WHERE $1 = ANY (SELECT city FROM people GROUP BY city, name) ORDER BY id", "Oslo"),
		S("SELECT id FROM people WHERE city IN (SELECT city FROM everybody GROUP BY city, email) AND (email, city) IN (SELECT email, city FROM people GROUP BY email, city) ORDER BY id"),
		S("SELECT email FROM people EXCEPT ALL SELECT email FROM people").Refused("public.people.email"),
		S("SELECT email FROM people UNION SELECT 'x'").Refused("public.people.email"),
		S("WITH RECURSIVE q AS (SELECT email FROM people UNION SELECT p.email FROM people p JOIN q ON true) SELECT email FROM q").Refused("public.people.email"))
}

// What no terms can compare, UNION that is the statement has pgseal tell apart.
func TestUnionsWithoutATerm(t *testing.T) {
	pair := harness.New(t, formulaSchema)
	w := pair.Env.Canaries.Text()
	steps := []harness.Step{S(aggregateRows), S("INSERT INTO accounts (id, n, name, label) VALUES (100, 1, '" + w + "', '" + w + "'), (101, NULL, '', 'x'), (102, 1, '" + w + "', NULL)")}
	for _, of := range []string{"n", "small", "big", "free", "r", "d", "day", "at", "atz", "gap", "ok", "name", "label"} {
		steps = append(steps,
			S("SELECT "+of+" AS x FROM accounts UNION SELECT "+of+" FROM accounts WHERE id > $1 ORDER BY 1", "2"),
			S("SELECT "+of+", plain FROM accounts UNION SELECT "+of+", NULL FROM accounts ORDER BY plain, 1 DESC NULLS LAST LIMIT $1 OFFSET 1", "4"),
			S("SELECT count(*) FROM accounts WHERE plain = $1", "1"))
	}
	pair.SameIn(t, formulaModes, append(steps,
		S("SELECT name FROM accounts UNION SELECT label FROM accounts").Unordered(),
		S("SELECT name FROM accounts UNION DISTINCT SELECT label FROM accounts UNION SELECT name FROM accounts WHERE id = $1 ORDER BY name", "1"),
		S("(SELECT name FROM accounts UNION SELECT label FROM accounts) UNION (SELECT 'y'::text FROM lines WHERE false UNION SELECT NULL) ORDER BY 1").Refused("output of UNION"),
		S("(SELECT name FROM accounts UNION SELECT label FROM accounts) UNION (SELECT name FROM accounts UNION SELECT label FROM accounts WHERE id > 2) ORDER BY 1"),
		S("SELECT name FROM accounts UNION ALL SELECT label FROM accounts UNION SELECT label FROM accounts ORDER BY 1"),
		S("SELECT n, 'account' AS kind FROM accounts UNION SELECT quantity, 'line' FROM lines ORDER BY kind, n"),
		S("SELECT small FROM accounts UNION SELECT big FROM accounts ORDER BY 1"), S("SELECT n FROM accounts UNION SELECT free FROM accounts WHERE id < 2").Unordered(),
		S("SELECT name, n, plain FROM accounts UNION SELECT label, n, plain FROM accounts ORDER BY 2, 1, 3"),
		S("WITH q AS (SELECT name, id FROM accounts WHERE n > 1) SELECT name FROM q UNION SELECT name FROM q WHERE id < 5 ORDER BY name FETCH FIRST ROW ONLY"),
		S("(SELECT name FROM accounts ORDER BY id LIMIT 2) UNION (SELECT name FROM accounts ORDER BY id DESC LIMIT 2) ORDER BY 1"),
		S("SELECT name FROM accounts WHERE false UNION SELECT label FROM accounts WHERE false"),
		S("SELECT name FROM accounts WHERE n > $1 UNION SELECT label FROM accounts WHERE name = $2 ORDER BY 1", "1", w),
		S("SELECT name FROM accounts UNION SELECT label FROM accounts ORDER BY upper(name)").Refused("output of UNION"),
		S("SELECT name FROM accounts UNION SELECT label FROM accounts ORDER BY 2").Refused("ORDER BY"),
		S("SELECT name FROM accounts UNION SELECT label, n FROM accounts").Fails("42601"),
		S("SELECT name FROM accounts UNION SELECT n FROM accounts").Fails("42804"),
		S("SELECT name FROM accounts UNION SELECT 'x'").Refused("output of UNION"),
		S("SELECT name FROM accounts UNION SELECT label FROM accounts UNION ALL SELECT label FROM accounts").Refused("output of UNION"),
		S("SELECT count(*) FROM (SELECT name FROM accounts UNION SELECT label FROM accounts) q"),
		S("SELECT COUNT(*) AS \"__count\" FROM (SELECT name, id FROM accounts WHERE n > $1 UNION SELECT label, id FROM accounts UNION SELECT name, id FROM accounts) subquery", "1"),
		S("SELECT count(*) FROM (SELECT name FROM accounts WHERE false UNION SELECT label FROM accounts WHERE id < 0) q"),
		S("SELECT * FROM (SELECT name FROM accounts UNION SELECT label FROM accounts) q ORDER BY name DESC LIMIT $1", "3"),
		S("SELECT q.* FROM (SELECT id, name FROM accounts UNION SELECT id, label FROM accounts) AS q ORDER BY 2, id OFFSET 1"),
		S("WITH q AS (SELECT name FROM accounts UNION SELECT label FROM accounts) SELECT name FROM q ORDER BY 1"),
		S("SELECT * FROM (SELECT name AS a, label AS a FROM accounts UNION SELECT label, name FROM accounts) q ORDER BY a").Fails("42702"),
		S("SELECT x FROM (SELECT name FROM accounts UNION SELECT label FROM accounts) q").Fails("42703"),
		S("SELECT count(*) FROM (SELECT name FROM accounts UNION SELECT label FROM accounts LIMIT 2) q").Refused("output of UNION"),
		S("SELECT * FROM (SELECT name FROM accounts UNION SELECT label FROM accounts) q WHERE name > 'b'").Refused("output of UNION"),
		S("CREATE VIEW v AS SELECT name FROM accounts UNION SELECT label FROM accounts").Refused("output of UNION"),
		S("BEGIN"), S("DECLARE c CURSOR FOR SELECT name FROM accounts UNION SELECT label FROM accounts ORDER BY 1").Simple(),
		S("FETCH 3 FROM c").Simple(), S("FETCH ALL FROM c").Simple(), S("COMMIT"),
		S("COPY (SELECT name FROM accounts UNION SELECT label FROM accounts ORDER BY 1) TO STDOUT").Refused("output of UNION").Simple(),
	)...)
}

// UNION ALL of columns of several tables compares nothing.
func TestListsOfSeveralTables(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL: `CREATE TYPE mood AS ENUM ('sad', 'ok');
			CREATE TABLE cats (id int PRIMARY KEY, name varchar(20), nick text, age int2, weight numeric(6,2), born date, feels mood, seen timestamptz, tags text[], code char(3), good bool, data jsonb, key bytea);
			CREATE TABLE dogs (id int PRIMARY KEY, name varchar(40), nick varchar(9), age int8, weight numeric, born date, feels mood, seen timestamptz, tags text[], code char(5), good bool, data jsonb, key bytea);
			CREATE TABLE cars (id int PRIMARY KEY, name text, plate varchar(20))`,
		Seal: []string{"public.cats.name --equality", "public.cats.nick", "public.cats.age", "public.cats.weight", "public.cats.born", "public.cats.feels", "public.cats.seen", "public.cats.tags", "public.cats.code", "public.cats.good --equality", "public.cats.data", "public.cats.key",
			"public.dogs.name --equality", "public.dogs.nick", "public.dogs.age", "public.dogs.weight", "public.dogs.born", "public.dogs.feels", "public.dogs.seen", "public.dogs.tags", "public.dogs.code", "public.dogs.good", "public.dogs.data", "public.dogs.key", "public.cars.plate"},
	})
	w := pair.Env.Canaries.Word()
	both := "SELECT id, name FROM cats UNION ALL SELECT id, name FROM dogs"
	pair.Same(t,
		S(`INSERT INTO cats VALUES (1, 'tom`+w+`', 'tom', 3, 4.50, '2020-01-01', 'sad', '2024-01-01 00:00:00+00', '{a,b}', 'ab', true, '{"a": 1}', '\x00ff'), (2, NULL, '', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)`),
		S(`INSERT INTO dogs VALUES (1, 'rex`+w+`', 'r', 12, 30.123, '2021-01-01', 'ok', '2025-01-01 00:00:00+00', '{}', 'abcd', false, '[]', '\x'), (3, '', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)`),
		S("INSERT INTO cars VALUES (1, 'vw', $1)", w),
		S(both).Unordered(),
		S(both+" ORDER BY id LIMIT 2").Unordered(),
		S("SELECT 'cat' AS kind, id, name AS label FROM cats WHERE name = $1 UNION ALL SELECT 'dog', id, name FROM dogs WHERE id < $2 ORDER BY kind, id", "tom"+w, "9"),
		S("SELECT name FROM cats UNION ALL SELECT name FROM dogs UNION ALL SELECT plate FROM cars").Unordered(),
		S("SELECT name FROM cats UNION ALL (SELECT name FROM dogs UNION ALL SELECT plate FROM cars)").Unordered(),
		S("SELECT nick FROM cats UNION ALL SELECT nick FROM dogs").Unordered(),
		S("SELECT nick FROM dogs UNION ALL SELECT nick FROM cats").Unordered(),
		S("SELECT name FROM cats UNION ALL SELECT nick FROM cats").Unordered(),
		S("SELECT name::text FROM cats UNION ALL SELECT name FROM dogs").Unordered(),
		S("SELECT name::text FROM cats UNION ALL SELECT name FROM cats").Unordered(),
		S("SELECT age FROM cats UNION ALL SELECT age FROM dogs").Unordered(),
		S("SELECT weight FROM dogs UNION ALL SELECT age FROM cats UNION ALL SELECT weight FROM cats").Unordered(),
		S("SELECT born, feels, seen, tags, code, good, data, key FROM cats UNION ALL SELECT born, feels, seen, tags, code, good, data, key FROM dogs").Unordered(),
		S("SELECT q.name, q.id FROM ("+both+") q WHERE q.name IS NOT NULL ORDER BY q.id").Unordered(),
		S("WITH q AS ("+both+") SELECT count(*), count(name) FROM q"),
		S("WITH q AS ("+both+") SELECT name FROM q UNION ALL SELECT name FROM q").Unordered(),
		S("SELECT c.id, (SELECT q.name FROM ("+both+") q WHERE q.id = 3) FROM cars c"),
		S("DECLARE c CURSOR WITH HOLD FOR "+both+"; FETCH ALL FROM c; CLOSE c").Simple().Unordered(),
		S("SELECT age::text FROM cats UNION ALL SELECT name FROM dogs").Unordered(),
		S("SELECT coalesce(c.name, d.name), coalesce(d.name, c.name, 'none') AS other, coalesce(c.nick, d.nick) FROM cats c FULL JOIN dogs d ON c.id = d.id ORDER BY c.id, d.id"),
		S("SELECT coalesce(name, nick, $1), CASE WHEN id = 1 THEN name ELSE nick END, CASE WHEN id = 1 THEN nick WHEN id = 2 THEN name END FROM cats ORDER BY id", "given"+w),
		S("SELECT coalesce(c.age, d.age), coalesce(c.age, d.age, 0), coalesce(c.weight, d.weight), coalesce(c.weight, d.weight, 1.5), coalesce(c.born, d.born), coalesce(c.feels, d.feels), coalesce(c.tags, d.tags), coalesce(c.code, d.code), coalesce(c.data, d.data), coalesce(c.key, d.key) FROM cats c FULL JOIN dogs d ON c.id = d.id ORDER BY c.id, d.id"),
		S("SELECT q.x, q.id FROM (SELECT coalesce(name, nick) AS x, id FROM cats) q WHERE q.x IS NOT NULL ORDER BY q.id"),
		S("SELECT count(coalesce(name, nick)), count(*) FROM cats"),
		S("SELECT coalesce(coalesce(c.name, ''), c.nick) FROM cats c ORDER BY c.id"),
		S("SELECT coalesce(coalesce(c.name, c.nick), d.name, '') FROM cats c FULL JOIN dogs d ON c.id = d.id").Refused("public.cats.name"),
		S("UPDATE cats SET born = born WHERE id = 1 RETURNING coalesce(nick, name), CASE WHEN good THEN nick ELSE name END"),
		S("SELECT coalesce(name, nick) FROM cats UNION ALL SELECT name FROM cats").Unordered(),
		S("UPDATE cats SET name = coalesce(nick, name) WHERE id IN (SELECT 1 + random()::int)").Refused("public.cats.name"),
		S("CREATE TABLE made AS SELECT coalesce(name, nick) FROM cats").Refused("public.cats.name"),
		S("CREATE VIEW seen AS SELECT coalesce(name, nick) FROM cats").Refused("public.cats.name"),
		S("SELECT name FROM cats UNION ALL SELECT name FROM cars").Refused("public.cats.name"),
		S("SELECT name FROM cats UNION ALL SELECT 'x'"),
		S("SELECT coalesce(q.name, 'x') FROM ("+both+") q").Refused("public.cats.name"),
		S("SELECT lag(q.name) OVER (ORDER BY q.id) FROM ("+both+") q").Refused("public.cats.name"),
		S("SELECT json_agg(q.name) FROM ("+both+") q").Refused("public.cats.name"),
		S("SELECT row_to_json(q) FROM ("+both+") q").Refused("public.cats.name"),
		S("CREATE TABLE made AS "+both).Refused("public.cats.name"),
		S("CREATE VIEW seen AS "+both).Refused("public.cats.name"),
		S("INSERT INTO cats (id, name) SELECT id + 10, q.name FROM ("+both+") q").Refused("public.cats.name"),
		S("INSERT INTO cats (id, name) "+both).Refused("public.cats.name"),
		S("UPDATE cats SET name = (SELECT q.name FROM ("+both+") q LIMIT 1)").Refused("public.cats.name"),
		S("WITH RECURSIVE q AS (SELECT born, 1 AS n FROM cats UNION ALL SELECT d.born, n + 1 FROM dogs d JOIN q ON n < 2) SELECT born FROM q").Refused("public.cats.born"))
	pair.SameIn(t, formulaModes,
		S(`INSERT INTO cats VALUES (1, 'tom`+w+`', 'tom', 3, 4.50, '2020-01-01', 'sad', '2024-01-01 00:00:00+00', '{a,b}', 'ab', true, '{"a": 1}', '\x00ff'), (2, NULL, '', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)`),
		S(`INSERT INTO dogs VALUES (1, 'rex`+w+`', 'r', 12, 30.123, '2021-01-01', 'ok', '2025-01-01 00:00:00+00', '{}', 'abcd', false, '[]', '\x'), (3, '', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)`),
		S("SELECT id FROM cats WHERE coalesce(name, nick) = 'x'"),
		S("SELECT coalesce(name, nick)::varchar(3) FROM cats").Refused("public.cats"),
		S("SELECT q.name FROM ("+both+") q WHERE q.name = 'x'"),
		S("SELECT q.name::varchar(3) FROM ("+both+") q").Refused("public.cats"),
		S("SELECT DISTINCT q.name FROM ("+both+") q").Unordered(),
		S("SELECT q.name FROM ("+both+") q GROUP BY q.name").Unordered(),
		S("SELECT q.good FROM (SELECT good FROM cats UNION ALL SELECT good FROM dogs) q WHERE q.good").Unordered(),
		S(both+" ORDER BY name, id"),
		S("SELECT id FROM cats WHERE coalesce(nick, name, '') IN ('tom', '') OR CASE WHEN good THEN nick ELSE name END = $1 ORDER BY id", "tom"))
}
