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
		S("SELECT email FROM people UNION SELECT email FROM people ORDER BY 5").Fails("42P10"),
		S("SELECT name FROM people WHERE EXISTS (SELECT email FROM people INTERSECT SELECT email FROM people WHERE id = 1) ORDER BY id"),
		S("SELECT id, email FROM people UNION SELECT id, email FROM people").Unordered(),
		S("SELECT score FROM people UNION SELECT score FROM people").Refused("public.people.score"),
		S("SELECT born FROM people UNION SELECT born FROM people").Refused("public.people.born"),
		S("SELECT email FROM people EXCEPT ALL SELECT email FROM people").Refused("public.people.email"),
		S("SELECT email FROM people UNION SELECT city FROM people").Refused("public.people.email"),
		S("SELECT email FROM people UNION SELECT 'x'").Refused("public.people.email"),
		S("SELECT email FROM people UNION SELECT email FROM people ORDER BY email").Refused("public.people.email"),
		S("WITH RECURSIVE q AS (SELECT email FROM people UNION SELECT p.email FROM people p JOIN q ON true) SELECT email FROM q").Refused("public.people.email"))
}
