package integration

import (
	"testing"

	"pgseal/integration/harness"
)

// Rows are chosen and sorted by what subqueries give of sealed values, as ORMs write annotations.
func TestRowsBySubqueriesOfSealedValues(t *testing.T) {
	pair := harness.New(t, payments)
	w := pair.Env.Canaries.Text()
	pair.SameIn(t, formulaModes,
		S("INSERT INTO users VALUES (1, '"+w+"ann', 30, 'x'), (2, 'bob', 5, 'y'), (3, NULL, NULL, NULL), (4, 'cid', 77, 'x')"),
		S("INSERT INTO payments VALUES (1, 1, 1, 100, '2024-01-01', '"+w+"n'), (2, 1, 1, 5.5, '2023-01-01', 'b'), (3, 2, 1, 250, NULL, NULL), (4, 4, 2, NULL, '2024-06-06', 'x'), (5, 4, 2, 99.99, '2022-02-02', 'xx')"),
		S("INSERT INTO limits VALUES (1, 50), (2, 100)"),
		// Conditions.
		S("SELECT id FROM users u WHERE (SELECT max(amount) FROM payments p WHERE p.user_id = u.id) > 99.99 ORDER BY id"),
		S("SELECT u.*, (SELECT sum(amount) FROM payments p WHERE p.user_id = u.id) AS total FROM users u WHERE (SELECT sum(amount) FROM payments p WHERE p.user_id = u.id) > $1 ORDER BY total DESC", "99.99"),
		S("SELECT id FROM users u WHERE (SELECT max(paid) FROM payments p WHERE p.user_id = u.id AND p.note <> $2) >= $1 AND u.id < 9 ORDER BY id", "2023-01-01", w+"n"),
		S("SELECT id FROM users u WHERE (SELECT max(amount) FROM payments p WHERE p.user_id = u.id AND p.note = 'b') < 10"),
		S("SELECT id FROM users u WHERE (SELECT max(amount) FROM payments p WHERE p.user_id = u.id AND p.paid > '2023-06-01') < $1 ORDER BY id", "200"),
		S("SELECT id FROM users u WHERE (SELECT max(amount) FROM payments) > 99 ORDER BY id DESC"),
		S("SELECT id FROM users u WHERE (SELECT max(amount) FROM payments p WHERE p.user_id = u.id) IS NULL"),
		S("SELECT id FROM users u WHERE NOT ((SELECT min(amount) FROM payments p WHERE p.user_id = u.id) BETWEEN 1 AND 10) ORDER BY id"),
		S("SELECT id FROM users u WHERE COALESCE((SELECT sum(amount) FROM payments p WHERE p.user_id = u.id), 0) = 0"),
		S("SELECT id FROM users u WHERE (SELECT max(note) FROM payments p WHERE p.user_id = u.id) IN ('b', 'xx') ORDER BY id"),
		S(`SELECT id FROM users u WHERE (SELECT max(note COLLATE "C") FROM payments p WHERE p.user_id = u.id) = 'xx'`),
		S("SELECT id FROM users u WHERE (SELECT sum(amount) FROM payments p WHERE p.user_id = u.id) > (SELECT avg(amount) FROM payments) ORDER BY id"),
		S("SELECT id FROM users u WHERE id * 30 < (SELECT sum(amount) FROM payments p WHERE p.user_id = u.id) OR u.city IS NULL ORDER BY id"),
		S("SELECT id FROM users u WHERE age > 10 AND (SELECT count(*) FROM payments p WHERE p.user_id = u.id) > 1 AND (SELECT max(amount) FROM payments p WHERE p.user_id = u.id) < 100 ORDER BY age"),
		S("SELECT id FROM users u WHERE name = 'bob' AND (SELECT max(amount) FROM payments p WHERE p.user_id = u.id) > 1"),
		S("SELECT u.id, l.id FROM users u JOIN limits l ON l.id < 3 WHERE (SELECT max(amount) FROM payments p WHERE p.user_id = u.id) > l.most ORDER BY 1, 2"),
		S("SELECT u.id, p.id FROM users u LEFT JOIN payments p ON p.user_id = u.id WHERE (SELECT max(amount) FROM payments q WHERE q.user_id = p.user_id) IS NULL ORDER BY 1, 2"),
		S("SELECT count(*) FROM users u WHERE (SELECT sum(amount) FROM payments p WHERE p.user_id = u.id) > $1", "99"),
		S("SELECT id FROM users u WHERE (SELECT sum(amount * account) FROM payments p WHERE p.user_id = u.id) > 150 ORDER BY id"),
		S("SELECT id FROM users u WHERE (SELECT max(amount) FROM payments p WHERE p.user_id = u.id) > 1 LIMIT 0"),
		S("SELECT id FROM users u WHERE (SELECT max(amount) FROM payments p WHERE p.user_id = u.id) > 1 ORDER BY id LIMIT $1 OFFSET 1", "1"),
		// The value of one row.
		S("SELECT id FROM users u WHERE (SELECT amount FROM payments p WHERE p.user_id = u.id ORDER BY p.id DESC LIMIT 1) > 5.5 ORDER BY id"),
		S("SELECT id FROM users u WHERE (SELECT amount FROM payments p WHERE p.user_id = u.id ORDER BY p.paid DESC LIMIT 1) = $1 ORDER BY id", "100"),
		S("SELECT id FROM users u WHERE (SELECT note FROM payments p WHERE p.user_id = u.id ORDER BY p.id LIMIT 1) = 'x'"),
		S("SELECT id FROM payments p WHERE (SELECT age FROM users u WHERE u.id = p.user_id) >= 30 ORDER BY id"),
		S("SELECT id FROM payments p WHERE (SELECT age FROM users u WHERE u.id >= p.user_id) >= 30").Fails("21000"),
		// Keys.
		S("SELECT id FROM users u ORDER BY (SELECT max(amount) FROM payments p WHERE p.user_id = u.id) DESC NULLS LAST, id"),
		S("SELECT id, name FROM users u WHERE id <> $1 ORDER BY (SELECT max(amount) FROM payments p WHERE p.user_id = u.id AND p.note <> $2), id LIMIT 2 OFFSET 1", "9", "b"),
		S("SELECT id FROM users u ORDER BY city, (SELECT max(paid) FROM payments p WHERE p.user_id = u.id AND p.amount > 5) DESC, id"),
		S("SELECT id, (SELECT sum(amount) FROM payments p WHERE p.user_id = u.id) FROM users u ORDER BY (SELECT sum(amount) FROM payments p WHERE p.user_id = u.id), id"),
		S("SELECT id FROM users u ORDER BY COALESCE((SELECT sum(amount) FROM payments p WHERE p.user_id = u.id AND note = 'b'), 7) DESC, id DESC"),
		S("SELECT id FROM payments p ORDER BY (SELECT age FROM users u WHERE u.id = p.user_id), id"),
		S("SELECT id FROM users u WHERE (SELECT max(amount) FROM payments p WHERE p.user_id = u.id) > 1 ORDER BY -(SELECT max(amount) FROM payments p WHERE p.user_id = u.id) LIMIT 2"),
		S("SELECT city, count(*) FROM users u GROUP BY city ORDER BY (SELECT max(amount) FROM payments p WHERE p.note = u.city), city"),
		S("SELECT u.id, count(*) FROM users u GROUP BY u.id ORDER BY (SELECT max(amount) FROM payments p WHERE p.user_id = u.id), id"),
		// Mistakes and what fails are PostgreSQL's; what it may not come to is refused.
		S("SELECT id FROM users u WHERE (SELECT max(nobody) FROM payments p WHERE p.user_id = u.id) > 1").Fails("42703"),
		S("SELECT id FROM users u WHERE (SELECT max(amount), 1 FROM payments p) > 1").Fails("42601"),
		S("SELECT id FROM users u WHERE (SELECT max(amount) FROM payments p) > 'x'").Fails("22P02"),
		S("SELECT id FROM users u WHERE (SELECT max(amount / 0) FROM payments p WHERE p.user_id = u.id) > 1").Fails("22012"),
		S("SELECT id FROM users u WHERE (SELECT max(u.age) FROM limits) > 1").Refused("public.users.age"),
		S("SELECT id FROM users u WHERE (SELECT max(u.age + p.amount) FROM payments p) > 1").Refused("public.users.age"),
		S("SELECT id FROM users u WHERE age > 10 AND (SELECT max(amount) FROM payments p WHERE 1 / (u.id - 2) < 5) > 1").Refused("sealed"),
		S("SELECT id FROM users u WHERE (SELECT max(amount) FROM payments p WHERE 1 / (u.id - 2) < 5) > 1 LIMIT 1").Refused("public.payments.amount"),
		S("SELECT id FROM users u WHERE (SELECT max(amount) FROM payments p WHERE random() < 2) > 1").Refused("public.payments.amount"),
		// Where the session cannot leave rows out, the condition is decided in front of the statement.
		S("SELECT id FROM users u WHERE (SELECT max(amount) FROM payments p WHERE p.user_id = u.id) > $1 UNION SELECT 3 ORDER BY 1", "99"),
		S("SELECT DISTINCT city FROM users u WHERE (SELECT max(amount) FROM payments p WHERE p.user_id = u.id) > 1 ORDER BY city"),
		S("SELECT max(id), array_agg(city ORDER BY id) FROM users u WHERE (SELECT max(amount) FROM payments p WHERE p.user_id = u.id) > 99.99"),
		S("SELECT city, count(*), sum(age) FROM users u WHERE (SELECT max(amount) FROM payments p WHERE p.user_id = u.id) > $1 GROUP BY city ORDER BY city", "1"),
		S("SELECT count(*) FROM (SELECT id, (SELECT sum(amount) FROM payments p WHERE p.user_id = u.id) AS total FROM users u WHERE (SELECT sum(amount) FROM payments p WHERE p.user_id = u.id) > $1) q", "99.99"),
		S("SELECT id, row_number() OVER (ORDER BY id) FROM users u WHERE (SELECT max(amount) FROM payments p WHERE p.user_id = u.id) > 99.99 ORDER BY id"),
		S("SELECT id FROM users u WHERE (SELECT max(amount) FROM payments p WHERE p.user_id = u.id) > 1 ORDER BY id FOR UPDATE"),
		S("SELECT id FROM limits l WHERE EXISTS (SELECT 1 FROM users u WHERE u.id = l.id AND (SELECT max(amount) FROM payments p WHERE p.user_id = u.id AND p.note <> $1) > 1)", "b"),
		S("SELECT id FROM limits WHERE id NOT IN (SELECT u.id FROM users u WHERE COALESCE((SELECT sum(amount) FROM payments p WHERE p.user_id = u.id), 0) < 200) ORDER BY id"),
		S("SELECT id FROM limits WHERE id IN (SELECT u.id FROM users u WHERE (SELECT amount FROM payments p WHERE p.user_id = u.id ORDER BY p.id LIMIT 1) > 100) ORDER BY id"),
		S("UPDATE users u SET city = 'rich' WHERE (SELECT sum(amount) FROM payments p WHERE p.user_id = u.id) > $1 RETURNING id, name", "200"),
		S("DELETE FROM users u WHERE (SELECT max(amount) FROM payments p WHERE p.user_id = u.id) < 0"),
		S("SELECT id FROM limits WHERE id IN (SELECT u.id FROM users u WHERE (SELECT max(amount) FROM payments) > 100) ORDER BY id").Refused("public.payments.amount"),
		S("SELECT id, city FROM users ORDER BY id"),
	)
	// A parameter in two places gets its type from the first, which has moved.
	pair.SameIn(t, []harness.Mode{harness.Unnamed, harness.PreparedBinary},
		S("SELECT id FROM users u WHERE id <> $1 AND (SELECT max(amount) FROM payments p WHERE p.user_id <> $1) > 1 ORDER BY id", "2").Refused("public.payments.amount"))
}

// What follows such a condition in a transaction, and a cursor's rows.
func TestCursorsOfRowsBySubqueries(t *testing.T) {
	pair := harness.New(t, payments)
	pair.Same(t,
		S("INSERT INTO users VALUES (1, 'ann', 30, 'x'), (2, 'bob', 5, 'y'), (4, 'cid', 77, 'x')"),
		S("INSERT INTO payments VALUES (1, 1, 1, 100, NULL, NULL), (3, 2, 1, 250, NULL, NULL), (4, 4, 2, 30, NULL, NULL)"),
		S("BEGIN"),
		S("DECLARE c CURSOR FOR SELECT id FROM users u WHERE (SELECT max(amount) FROM payments p WHERE p.user_id = u.id) > 50 ORDER BY (SELECT max(amount) FROM payments p WHERE p.user_id = u.id) DESC"),
		S("FETCH 1 FROM c"),
		S("FETCH ALL FROM c"),
		S("COMMIT"),
	)
}
