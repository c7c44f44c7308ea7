package integration

import (
	"fmt"
	"strings"
	"testing"

	"pgseal/integration/harness"
)

// A subquery that is a value of an output is computed by pgseal: sums and the like of each row's
// own, of all, and what is computed with them.
func TestSubqueriesInOutputs(t *testing.T) {
	pair := harness.New(t, payments)
	w := pair.Env.Canaries.Text()
	pair.SameIn(t, formulaModes,
		S("INSERT INTO users VALUES (1, '"+w+"ann', 30, 'x'), (2, 'bob', 5, 'y'), (3, NULL, NULL, NULL), (4, 'cid', 77, 'x')"),
		S("INSERT INTO payments VALUES (1, 1, 1, 100, '2024-01-01', '"+w+"n'), (2, 1, 1, 5.5, '2023-01-01', 'b'), (3, 2, 1, 250, NULL, NULL), (4, 4, 2, NULL, '2024-06-06', 'x'), (5, 4, 2, 99.99, '2022-02-02', 'xx')"),
		S("SELECT id, (SELECT sum(amount) FROM payments p WHERE p.user_id = u.id) AS total FROM users u ORDER BY id"),
		S("SELECT id, (SELECT sum(p.amount) FROM payments p WHERE p.user_id = u.id), (SELECT max(paid) FROM payments p WHERE p.user_id = u.id) FROM users u ORDER BY name, id"),
		S("SELECT u.*, COALESCE((SELECT sum(amount) FROM payments WHERE user_id = u.id), 0) AS total FROM users u WHERE u.id < $1 ORDER BY id", "4"),
		S("SELECT id, amount / (SELECT sum(amount) FROM payments), round(100 * amount / (SELECT sum(amount) FROM payments), 1) AS share FROM payments ORDER BY id"),
		S("SELECT id, age - (SELECT age FROM users WHERE id = 2) AS older, (SELECT age FROM users WHERE id = 1) - (SELECT age FROM users WHERE id = 2) FROM users ORDER BY id"),
		S("SELECT (SELECT count(*) FROM users), (SELECT avg(age)::int FROM users), (SELECT min(name) FROM users WHERE id > 1), (SELECT string_agg(name, ',' ORDER BY id) FROM users)"),
		S("SELECT id, (SELECT upper(name) FROM users WHERE id = p.user_id), (SELECT name || '/' || age FROM users WHERE id = p.user_id) AS who FROM payments p ORDER BY id"),
		S("SELECT id, (SELECT lower(note) FROM payments WHERE user_id = u.id ORDER BY amount DESC NULLS LAST, id LIMIT 1) FROM users u ORDER BY id"),
		S("SELECT id, (SELECT sum(amount) FROM payments p WHERE p.user_id = u.id) > 50 AS rich, (SELECT sum(amount) FROM payments p WHERE p.user_id = u.id) IS NULL FROM users u ORDER BY id"),
		S("SELECT id, CASE WHEN (SELECT max(amount) FROM payments p WHERE p.user_id = u.id) > 99 THEN name ELSE 'none' END FROM users u ORDER BY id"),
		S("SELECT city, count(*), (SELECT sum(age) FROM users) FROM users GROUP BY city ORDER BY city"),
		S("SELECT * FROM (SELECT id, (SELECT sum(amount) FROM payments p WHERE p.user_id = u.id) AS s FROM users u) q WHERE s > 50 ORDER BY s DESC"),
		S("WITH q AS (SELECT id, (SELECT count(*) FROM payments p WHERE p.user_id = u.id AND p.amount > 50) AS n, (SELECT avg(age) FROM users) AS a FROM users u) SELECT n, a, id FROM q ORDER BY id"),
		S("SELECT id, (SELECT sum(amount) FROM payments WHERE user_id = u.id AND note = $1) FROM users u ORDER BY id", "b"),
		S("SELECT id, (SELECT (SELECT max(amount) FROM payments p WHERE p.user_id = v.id) FROM users v WHERE v.id = u.id) FROM users u ORDER BY id"),
		S("SELECT id, (SELECT sum(amount) FROM payments WHERE account = u.id) AS s FROM users u ORDER BY id LIMIT 2 OFFSET 1"),
		S("SELECT id, name, (SELECT sum(amount) FROM payments p WHERE p.user_id = u.id) AS total FROM users u ORDER BY total DESC NULLS LAST, id LIMIT 2"),
		S("SELECT id, COALESCE((SELECT sum(amount) FROM payments p WHERE p.user_id = u.id AND p.account < 9), 0) AS total FROM users u ORDER BY 2, id DESC"),
		S("SELECT id, (SELECT name FROM users WHERE id = p.user_id) AS who FROM payments p ORDER BY who DESC, id"),
		S("SELECT id, (SELECT sum(amount) FROM payments p WHERE p.user_id = u.id AND p.account = 1) AS total FROM users u ORDER BY total, id"),
		S("SELECT id, (SELECT sum(amount) FROM payments p WHERE p.user_id = u.id AND random() < 2) AS total FROM users u ORDER BY id"),
		S("SELECT id, (SELECT sum(amount) FROM payments p WHERE p.user_id = u.id AND random() < 2) AS total FROM users u ORDER BY total").Refused("public.payments.amount"),
		S("SELECT id, (SELECT 1 / (age - 5) FROM users v WHERE v.id = u.id) FROM users u WHERE id = 2").Fails("22012"),
		S("SELECT id, (SELECT age + 1 FROM users) FROM users").Fails("21000"),
		S("SELECT (SELECT sum(amount) FROM payments WHERE nobody = 1)").Fails("42703"),
		S("SELECT id, CASE WHEN id > 0 THEN 1 ELSE (SELECT age + 1 FROM users) END FROM users").Refused("public.users.age"),
		S("SELECT id, COALESCE((SELECT age + 1 FROM users v WHERE v.id = u.id), (SELECT max(age) FROM users)) FROM users u ORDER BY id"),
		S("SELECT (SELECT sum(age), 1 FROM users)").Fails("42601"),
		S("SELECT DISTINCT (SELECT sum(age) FROM users) FROM users").Refused("public.users.age"),
		S("SELECT (SELECT sum(age) FROM users) UNION SELECT 1").Refused("public.users.age"),
		S("INSERT INTO limits SELECT 1, (SELECT sum(age) FROM users)").Refused("public.users.age"),
		S("SELECT id, ARRAY[(SELECT sum(age) FROM users)] FROM users"),
	)
}

// A subquery that is the same in each row is not opened in each.
func TestASubqueryOfManyRowsIsOpenedOnce(t *testing.T) {
	pair := harness.New(t, payments)
	rows := make([]string, 500)
	for i := range rows {
		rows[i] = fmt.Sprintf("(%d, %d)", i+1, i%90)
	}
	pair.SameIn(t, formulaModes,
		S("INSERT INTO users (id, age) VALUES "+strings.Join(rows, ", ")),
		S("SELECT id, age - (SELECT avg(age) FROM users) AS x, (SELECT max(age) FROM users WHERE id < 300) FROM users ORDER BY id"),
		S("SELECT id, (SELECT sum(age) FROM users v WHERE v.id % 3 = u.id % 3) FROM users u ORDER BY id"),
	)
}

// Rows are chosen and sorted by sealed values beside subqueries that count what belongs to them.
func TestRangesBesideSubqueries(t *testing.T) {
	pair := harness.New(t, payments)
	pair.SameIn(t, formulaModes,
		S("INSERT INTO users VALUES (1, 'ann', 30, 'x'), (2, 'bob', 5, 'y'), (3, NULL, NULL, NULL), (4, 'cid', 77, 'x'), (5, 'dan', 18, NULL)"),
		S("INSERT INTO payments VALUES (1, 1, 1, 100, '2024-01-01', 'n'), (2, 1, 1, 5.5, '2023-01-01', 'b'), (3, 2, 1, 250, NULL, NULL), (4, 4, 2, NULL, '2024-06-06', 'x'), (5, 4, 2, 99.99, '2022-02-02', 'xx')"),
		S("SELECT id, (SELECT count(*) FROM payments p WHERE p.user_id = u.id) AS n FROM users u WHERE age > 12 ORDER BY id"),
		S("SELECT u.*, (SELECT count(p.id) FROM payments p WHERE p.user_id = u.id) AS n FROM users u WHERE u.age > $1 ORDER BY u.age DESC LIMIT 2", "12"),
		S("SELECT id, (SELECT max(account) FROM payments WHERE user_id = u.id), (SELECT sum(amount) FROM payments WHERE user_id = u.id) FROM users u WHERE age > 12 OR name LIKE '%o%' ORDER BY id"),
		S("SELECT id FROM users u WHERE age > 12 AND (SELECT count(*) FROM payments p WHERE p.user_id = u.id) >= 1 ORDER BY id"),
		S("SELECT id FROM users WHERE age > 12 AND id = (SELECT user_id FROM payments WHERE account = 2 ORDER BY id LIMIT 1)"),
		S("SELECT id FROM users WHERE age > 12 AND id = (SELECT user_id FROM payments WHERE account = 2 ORDER BY id LIMIT 2)").Refused("public.users.age"),
		S("SELECT id, ARRAY(SELECT p.id FROM payments p WHERE p.user_id = u.id ORDER BY p.amount DESC, p.id) FROM users u WHERE age < 50 ORDER BY id"),
		S("SELECT count(*) FROM (SELECT id, (SELECT count(*) FROM payments p WHERE p.user_id = u.id) AS n FROM users u WHERE age > 12) q"),
		S("SELECT id FROM payments WHERE user_id IN (SELECT id FROM (SELECT id, (SELECT count(*) FROM payments p WHERE p.user_id = u.id) AS n FROM users u ORDER BY age DESC NULLS LAST LIMIT 2) q WHERE n > 0) ORDER BY id"),
		S("SELECT id, (SELECT sum(p.amount * u.id) FROM payments p WHERE p.user_id = u.id) FROM users u WHERE age > 12 ORDER BY id"),
		S("SELECT id, (SELECT sum(x) FROM (SELECT amount AS x FROM payments p WHERE p.user_id <= u.id) q) FROM users u WHERE age > $1 ORDER BY id", "12"),
		S("SELECT id, (SELECT sum(p.amount) FILTER (WHERE u.id > 1) FROM payments p) FROM users u WHERE age > 12 ORDER BY id"),
		S("SELECT id, (WITH q AS (SELECT amount FROM payments) SELECT sum(amount) FROM q) FROM users u WHERE age > 12 ORDER BY id"),
		S("SELECT id, (SELECT string_agg(note, ',' ORDER BY u.id, p.id) FROM payments p) FROM users u WHERE age > 12 ORDER BY id"),
		S("SELECT (SELECT sum(u.age)) FROM users u WHERE age > $1", "12"),
		S("SELECT sum(age), (SELECT sum(u.age)) FROM users u WHERE age > 12"),
		S("SELECT city, (SELECT sum(u.age) FROM limits WHERE id = 2) FROM users u WHERE age > 12 GROUP BY city ORDER BY city"),
		// An aggregate of the columns around its subquery is that of the query around it.
		S("SELECT (SELECT max(u.id) FROM limits WHERE most = 1) FROM users u WHERE u.city = 'x'"),
		S("SELECT (SELECT max(u.id) FROM limits WHERE most = 1 OR most IS NULL) FROM users u WHERE u.age > 12"),
		S("SELECT id, (SELECT account / (id - 1) FROM payments p WHERE p.user_id = u.id LIMIT 1) FROM users u WHERE age > 70"),
	)
}
