package integration

import (
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"pgseal/integration/harness"
)

// Sealed values are compared with what a subquery gives once for all rows.
func TestConditionsWithSubqueries(t *testing.T) {
	pair := harness.New(t, payments)
	w := pair.Env.Canaries.Text()
	pair.SameIn(t, formulaModes,
		S("INSERT INTO users VALUES (1, '"+w+"ann', 30, 'x'), (2, 'bob', 5, 'y'), (3, NULL, NULL, NULL), (4, 'cid', 77, 'x'), (5, 'dan', 18, NULL)"),
		S("INSERT INTO payments VALUES (1, 1, 1, 100, '2024-01-01', '"+w+"n'), (2, 1, 1, 5.5, '2023-01-01', 'b'), (3, 2, 1, 250, NULL, NULL), (4, 4, 2, NULL, '2024-06-06', 'x'), (5, 4, 2, 99.99, '2022-02-02', 'xx')"),
		S("INSERT INTO limits VALUES (1, 50), (2, 100)"),
		S("SELECT id, age FROM users WHERE age > (SELECT avg(age) FROM users) ORDER BY id"),
		S("SELECT id FROM users WHERE age = (SELECT max(age) FROM users)"),
		S("SELECT * FROM users WHERE age = (SELECT max(age) FROM users WHERE city = 'x' AND name <> $1)", "cid"),
		S("SELECT id FROM payments WHERE paid = (SELECT max(paid) FROM payments WHERE account = 1) OR amount = (SELECT min(amount) FROM payments) ORDER BY id"),
		S("SELECT id FROM payments WHERE (SELECT min(amount) FROM payments WHERE note = 'xx') < amount ORDER BY amount DESC"),
		S("SELECT id FROM payments WHERE amount > (SELECT most FROM limits WHERE id = 1) ORDER BY id"),
		S("SELECT id FROM payments WHERE amount >= (SELECT most FROM limits ORDER BY id LIMIT 1) + $2 AND account = $1 ORDER BY id", "1", "40"),
		S("SELECT id FROM payments WHERE amount >= (SELECT most * 2 FROM limits WHERE id = 1)").Refused("public.payments.amount"),
		S("SELECT id FROM users WHERE age > (SELECT avg(age) + $1 FROM users WHERE city = $2 OR name = $3) ORDER BY id", "2", "y", "cid"),
		S("SELECT id FROM users WHERE age > (SELECT age FROM users WHERE id = 5) AND age < 70 ORDER BY id"),
		S("SELECT id FROM users WHERE age > (SELECT age FROM users WHERE id = 99)"),
		S("SELECT id FROM users WHERE age > (SELECT age FROM users WHERE id = 3)"),
		S("SELECT id FROM users WHERE age < (SELECT sum(age) FROM users WHERE id = 99)"),
		S("SELECT id FROM users WHERE age BETWEEN (SELECT min(age) FROM users) + 1 AND (SELECT max(age) FROM users) - 1 ORDER BY id"),
		S("SELECT id FROM users WHERE name = (SELECT name FROM users WHERE id = 2)"),
		S("SELECT id FROM payments WHERE note = (SELECT name FROM users WHERE id = 2)"),
		S("SELECT id FROM users WHERE age * 2 > (SELECT avg(age) FROM users) AND id IN (SELECT user_id FROM payments WHERE account = 2) ORDER BY id"),
		S("SELECT id FROM users WHERE id IN (SELECT user_id FROM payments WHERE amount >= (SELECT avg(amount) FROM payments)) ORDER BY age"),
		S("SELECT u.id, p.id FROM users u LEFT JOIN payments p ON p.user_id = u.id AND p.amount > (SELECT avg(amount) FROM payments) ORDER BY 1, 2"),
		S("SELECT count(*), max(name) FROM users WHERE age >= (SELECT avg(age) FROM users)"),
		S("SELECT city, count(*) FROM users WHERE age <> (SELECT max(age) FROM users) GROUP BY city ORDER BY city"),
		S("SELECT id FROM users WHERE age > (SELECT 1 / (age - 5) FROM users WHERE id = 2)").Fails("22012"),
		S("SELECT id FROM users WHERE age > (SELECT nobody FROM users)").Fails("42703"),
		S("SELECT id FROM users WHERE age IS DISTINCT FROM (SELECT max(age) FROM users) ORDER BY id"),
		S("SELECT id FROM users WHERE age IS NOT DISTINCT FROM (SELECT age FROM users WHERE id = 3) ORDER BY id"),
		S("SELECT id FROM public.users WHERE age > (SELECT avg(age) FROM public.users v WHERE public.users.id > 1)").Refused("public.users.age"),
		// Subqueries that depend on the row.
		S("SELECT id FROM users u WHERE age > (SELECT avg(age) FROM users v WHERE v.city = u.city)"),
		S("SELECT id FROM users u WHERE age < (SELECT avg(amount) FROM payments p, limits city WHERE city IS NOT NULL) ORDER BY id"), // the column, before the row
		S("SELECT id FROM users u WHERE age >= (SELECT avg(age) FROM users v WHERE v.city = u.city) ORDER BY age"),
		S("SELECT p.id, p.paid FROM payments p WHERE p.paid = (SELECT max(q.paid) FROM payments q WHERE q.user_id = p.user_id) ORDER BY p.id"),
		S("SELECT id FROM payments p WHERE amount = (SELECT min(amount) FROM payments q WHERE q.user_id = p.user_id AND q.account = $1) AND account < $2 ORDER BY id", "1", "9"),
		S("SELECT id FROM payments p WHERE amount > (SELECT most FROM limits l WHERE l.id = p.account) ORDER BY id"),
		S("SELECT id FROM payments p WHERE amount > (SELECT age FROM users u WHERE u.id = p.user_id) ORDER BY id"),
		S("SELECT id FROM payments p WHERE (SELECT sum(amount) FROM payments q WHERE q.user_id = p.user_id) < amount + 10 ORDER BY id"),
		S("SELECT id FROM payments p WHERE amount BETWEEN (SELECT min(amount) FROM payments q WHERE q.user_id = p.user_id) AND (SELECT max(amount) FROM payments q WHERE q.user_id = p.user_id AND id < 5) ORDER BY id"),
		S("SELECT id FROM payments p WHERE note = (SELECT name FROM users u WHERE u.id = p.account)"),
		S("SELECT count(*) FROM payments p WHERE amount < (SELECT max(amount) FROM payments q WHERE q.user_id = p.user_id)"),
		S("DELETE FROM payments p WHERE amount < (SELECT max(amount) FROM payments q WHERE q.user_id = p.user_id) AND note = 'nobody'"),
		S("SELECT u.id, p.id FROM users u JOIN payments p ON p.user_id = u.id WHERE p.amount = (SELECT max(amount) FROM payments q WHERE q.user_id = p.user_id) ORDER BY 1, 2"),
		S("SELECT u.id, p.id FROM users u, payments p WHERE user_id = u.id AND amount = (SELECT min(q.amount) FROM payments q WHERE q.user_id = p.user_id AND q.account = account) ORDER BY 1, 2"),
		S("SELECT u.id, p.id FROM users u JOIN payments p ON p.user_id = u.id AND p.amount >= (SELECT avg(amount) FROM payments q WHERE q.account = p.account) WHERE u.age > 3 ORDER BY 1, 2"),
		S("SELECT id FROM users WHERE id IN (SELECT user_id FROM payments p WHERE p.paid = (SELECT max(paid) FROM payments q WHERE q.account = p.account)) ORDER BY id"),
		S("SELECT u.id FROM users u JOIN payments p ON p.user_id = u.id WHERE p.amount = (SELECT max(amount) FROM payments q WHERE q.user_id = u.id)").Refused("public.payments.amount"),
		S("SELECT u.id FROM users u JOIN payments p ON p.user_id = u.id WHERE p.amount = (SELECT max(amount) FROM payments q WHERE q.user_id = city::int)").Refused("public.payments.amount"),
		S("SELECT u.id FROM users u LEFT JOIN payments p ON p.user_id = u.id AND p.amount = (SELECT max(amount) FROM payments q WHERE q.user_id = p.user_id)").Refused("public.payments.amount"),
		S("WITH q AS (SELECT age AS a FROM users) SELECT id FROM users WHERE age = (SELECT max(a) FROM q)").Refused("public.users.age"),
		S("SELECT id FROM users WHERE age > (SELECT max(age) FROM users WHERE id > random())").Refused("public.users.age"),
		S("BEGIN"), S("UPDATE users SET age = 6 WHERE id = 2"), S("SELECT id FROM users WHERE age = (SELECT min(age) FROM users)"), S("ROLLBACK"),
		S("UPDATE users SET city = 'old' WHERE age > (SELECT avg(age) FROM users)"), S("SELECT id, city FROM users ORDER BY id"),
		S("DELETE FROM payments WHERE amount < (SELECT avg(amount) FROM payments) AND account = 1"), S("SELECT id FROM payments ORDER BY id"),
		S("INSERT INTO limits SELECT id + 10, 1 FROM users WHERE age = (SELECT max(age) FROM users)"), S("SELECT id FROM limits ORDER BY id"),
	)
}

// What is computed of the values of rows that a subquery finds, as ORMs count up.
func TestRowsFoundBySubqueriesAreComputed(t *testing.T) {
	pair := harness.New(t, payments)
	pair.SameIn(t, formulaModes,
		S("INSERT INTO users VALUES (1, 'ann', 30, 'x'), (2, 'bob', 5, 'y'), (3, NULL, NULL, NULL), (4, 'cid', 77, 'x'), (5, 'dan', 18, NULL)"),
		S("INSERT INTO payments VALUES (1, 1, 1, 100, '2024-01-01', 'n'), (2, 1, 1, 5.5, '2023-01-01', 'b'), (3, 2, 1, 250, NULL, NULL), (4, 4, 2, NULL, '2024-06-06', 'x'), (5, 4, 2, 99.99, '2022-02-02', 'xx')"),
		S("UPDATE users SET age = age + 1 WHERE id IN (SELECT user_id FROM payments WHERE account = $1)", "1"),
		S("UPDATE users SET age = age * 2 WHERE EXISTS (SELECT 1 FROM payments p WHERE p.user_id = users.id AND p.note = $1)", "x"),
		S("UPDATE users u SET age = age - 1, city = upper(city) WHERE id = (SELECT max(user_id) FROM payments) AND u.city = 'x'"),
		S("UPDATE users SET name = name || '!' WHERE id NOT IN (SELECT user_id FROM payments WHERE user_id IS NOT NULL)"),
		S("UPDATE payments SET amount = amount + 1 WHERE user_id IN (SELECT id FROM users WHERE name = 'ann')"),
		S("UPDATE payments SET amount = amount + 1 WHERE (SELECT count(*) FROM users u WHERE u.id = payments.user_id AND u.name = $1) = 1", "bob"),
		S("UPDATE users SET age = age + 1 WHERE id IN (SELECT user_id FROM payments WHERE account = 77)"),
		S("WITH p AS (SELECT 1 AS user_id) UPDATE users SET age = age + 1 WHERE id IN (SELECT user_id FROM p)").Refused("public.users.age"),
		S("UPDATE users SET age = age + 1 WHERE id IN (SELECT (random() * 5)::int FROM payments)").Refused("public.users.age"),
		S("DELETE FROM payments WHERE amount > 100 AND user_id IN (SELECT id FROM users WHERE city = 'X' OR name = 'bob')"),
		S("SELECT id FROM payments WHERE user_id IN (SELECT id FROM users WHERE id IN (SELECT user_id FROM payments WHERE account = 2) ORDER BY age LIMIT 1) ORDER BY id"),
		S("SELECT * FROM users ORDER BY id"), S("SELECT * FROM payments ORDER BY id"),
	)
}

// What runs in between in a pipeline is seen by a statement that takes its snapshot when it runs,
// and a block does not begin in the transaction of one snapshot.
func TestConditionsWithSubqueriesInPipelines(t *testing.T) {
	pair := harness.New(t, payments)
	insert := "INSERT INTO users VALUES (1, 'ann', 30, 'x'), (2, 'bob', 5, 'y'), (4, 'cid', 77, 'x'), (5, 'dan', 18, NULL)"
	for _, url := range []string{pair.TwinURL(), pair.URL()} {
		dialogue(t, url, []pgproto3.FrontendMessage{&pgproto3.Query{String: insert}})
	}
	whole := func(sql string) []pgproto3.FrontendMessage {
		return []pgproto3.FrontendMessage{&pgproto3.Parse{Query: sql}, &pgproto3.Bind{}, &pgproto3.Execute{}}
	}
	first := whole("SELECT id FROM users WHERE age = (SELECT max(age) FROM users)")
	bound := []pgproto3.FrontendMessage{&pgproto3.Parse{Name: "s", Query: "UPDATE users SET city = 'z' WHERE age > (SELECT avg(age) FROM users)"}, &pgproto3.Bind{PreparedStatement: "s", DestinationPortal: "p"}}
	behind := []pgproto3.FrontendMessage{&pgproto3.Execute{Portal: "p"}, &pgproto3.Sync{}}
	answer := dialogue(t, pair.URL(), slices.Concat(first, bound, whole("UPDATE users SET age = -100 WHERE id > 3"), behind))
	if !strings.Contains(answer, "40001") {
		t.Errorf("stored, though the subquery gives something else by then:\n%s", answer)
	}
	answer = dialogue(t, pair.URL(), slices.Concat(first, whole("BEGIN"), []pgproto3.FrontendMessage{&pgproto3.Sync{}, &pgproto3.Query{String: "SHOW transaction_isolation"}}))
	if !strings.Contains(answer, "0A000") || !strings.Contains(answer, "read committed") {
		t.Errorf("a block of another isolation:\n%s", answer)
	}
	for name, messages := range map[string][]pgproto3.FrontendMessage{
		"one by one":         slices.Concat(first, first, []pgproto3.FrontendMessage{&pgproto3.Sync{}}),
		"behind a write":     slices.Concat(first, whole("UPDATE users SET age = 99 WHERE id = 2"), first, []pgproto3.FrontendMessage{&pgproto3.Sync{}}),
		"BEGIN behind Sync":  slices.Concat(first, []pgproto3.FrontendMessage{&pgproto3.Sync{}}, whole("BEGIN"), first, []pgproto3.FrontendMessage{&pgproto3.Sync{}, &pgproto3.Query{String: "SHOW transaction_isolation"}, &pgproto3.Query{String: "ROLLBACK"}}),
		"a range and a join": slices.Concat(whole("DELETE FROM users WHERE id IN (SELECT id FROM users WHERE city = 'x') AND age < 50"), []pgproto3.FrontendMessage{&pgproto3.Sync{}, &pgproto3.Query{String: "SELECT count(*) FROM users"}}),
	} {
		if plain, sealed := dialogue(t, pair.TwinURL(), messages), dialogue(t, pair.URL(), messages); plain != sealed {
			t.Errorf("%s: plain:\n%s\nsealed:\n%s", name, plain, sealed)
		}
	}
}
