package integration

import (
	"testing"

	"pgseal/integration/harness"
)

// Rows of a query in FROM are gathered in the order of sealed values, as ORMs read what belongs to
// a row by LATERAL.
func TestGatheredRowsOfQueriesInOrder(t *testing.T) {
	pair := harness.New(t, payments)
	w := pair.Env.Canaries.Text()
	pair.SameIn(t, formulaModes,
		S("INSERT INTO users VALUES (1, '"+w+"ann', 30, 'x'), (2, 'bob', 5, 'y'), (3, NULL, NULL, NULL), (4, 'cid', 77, 'x')"),
		S("INSERT INTO payments VALUES (1, 1, 1, 100, '2024-01-01', '"+w+"n'), (2, 1, 1, 5.5, '2023-01-01', 'b'), (3, 2, 1, 250, NULL, NULL), (4, 4, 2, NULL, '2024-06-06', 'x'), (5, 4, 2, 99.99, '2022-02-02', 'xx'), (6, 1, 2, 5.5, NULL, 'c')"),
		S("SELECT u.id, l.r FROM users u LEFT JOIN LATERAL (SELECT coalesce(json_agg(row_to_json(t.*) ORDER BY t.amount, t.id), '[]') AS r FROM (SELECT p.id AS id, p.amount AS amount FROM payments p WHERE p.user_id = u.id) t) l ON true ORDER BY u.id"),
		S("SELECT u.id, l.r FROM users u LEFT JOIN LATERAL (SELECT coalesce(json_agg(json_build_array(t.id, t.note) ORDER BY t.paid DESC NULLS LAST, t.id), '[]'::json) AS r FROM (SELECT * FROM payments p WHERE p.user_id = u.id AND p.account < $1 ORDER BY p.id DESC LIMIT $2) t) l ON true ORDER BY u.name", "9", "2"),
		S("SELECT u.id, (SELECT jsonb_agg(t.* ORDER BY t.amount DESC, t.id) FROM (SELECT id, amount FROM payments p WHERE p.user_id = u.id ORDER BY p.amount LIMIT 2 OFFSET 1) t) FROM users u ORDER BY u.id"),
		S("SELECT account, array_agg(id ORDER BY amount, id), array_agg(id ORDER BY paid DESC NULLS LAST, id) FROM (SELECT id, account, amount, paid FROM payments WHERE id > 0 OFFSET 0) q GROUP BY account ORDER BY account"),
		S("SELECT string_agg(note, ',' ORDER BY amount, id), array_agg(name ORDER BY age) FROM (SELECT p.id, p.note, p.amount, u.name, u.age FROM payments p LEFT JOIN users u ON u.id = p.account + 2) q"),
		S("SELECT array_agg(id ORDER BY amount * 2, id) FILTER (WHERE amount > 5.5) FROM (SELECT * FROM payments LIMIT 100) q"),
		S("SELECT json_agg(q.id ORDER BY q.amount) FROM (SELECT id, amount FROM payments WHERE id > 99) q"),
		S("SELECT id FROM users WHERE id IN (SELECT user_id FROM (SELECT user_id, amount FROM payments) q ORDER BY amount DESC NULLS LAST LIMIT 1)"),
		S("SELECT json_agg(id ORDER BY amount, id) FROM (SELECT id, round(amount) AS amount FROM payments) q").Refused("public.payments.amount"),
		S("SELECT json_agg(id ORDER BY amount, id) FROM (SELECT id, paid, note, account AS amount FROM payments) q"),
		S("SELECT json_agg(id ORDER BY pay, id) FROM (SELECT id, amount AS pay FROM payments) q").Refused("public.payments.amount"),
		S("SELECT json_agg(id ORDER BY note::varchar(1), id) FROM (SELECT id, note::varchar(1) FROM payments) q").Refused("public.payments.note"),
		S("SELECT json_agg(id ORDER BY amount, id) FROM (SELECT DISTINCT id, amount FROM payments) q").Refused("public.payments.amount"),
	)
}
