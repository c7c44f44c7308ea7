package integration

import (
	"testing"

	"pgseal/integration/harness"
)

// What is computed of a row's own values is stored, also where conditions on other tables find it.
func TestUpdatesComputedBesideOtherTables(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL: `CREATE TABLE customers (id int PRIMARY KEY, name text, city text, age int);
			CREATE TABLE orders (id int PRIMARY KEY, customer int, total numeric(10,2), state text, note text);
			CREATE TABLE goods (id int PRIMARY KEY, price numeric);
			CREATE VIEW shown AS SELECT id, city FROM customers`,
		Seal: []string{"public.customers.name --equality", "public.customers.age", "public.orders.total", "public.orders.note --equality", "public.goods.price"},
	})
	ann, bob, note := pair.Env.Canaries.Word(), pair.Env.Canaries.Word(), pair.Env.Canaries.Text()
	all := S("SELECT * FROM orders ORDER BY id")
	pair.SameIn(t, formulaModes,
		S("INSERT INTO customers VALUES (1, $1, 'rome', 30), (2, $2, 'oslo', 20), (3, NULL, 'rome', NULL)", ann, bob),
		S("INSERT INTO orders VALUES (1, 1, 10, 'new', $1), (2, 1, 20, 'paid', 'b'), (3, 2, 5, 'new', 'c'), (4, 3, NULL, NULL, NULL), (5, NULL, 1, 'new', $1)", note),
		S("INSERT INTO goods VALUES (1, 3), (2, 4)"),
		S("UPDATE orders o SET total = o.total * 1.1 FROM customers c WHERE c.id = o.customer AND c.name = $1", ann), all,
		S("UPDATE orders SET total = total - $1::numeric, note = note || '!' FROM customers c WHERE c.id = customer AND city = 'rome' RETURNING orders.id, total, note, c.name", "0.5"),
		S("UPDATE orders AS o SET total = o.total + 1, state = 'x' FROM customers c, goods g WHERE c.id = o.customer AND g.id = c.id AND o.state = $1 RETURNING o.id, o.total, c.name, g.price", "new"), all,
		S("UPDATE orders o SET total = o.total + 1 FROM customers c JOIN goods g ON g.id = c.id AND c.name IN ($1, $2) WHERE c.id = o.customer", ann, bob), all,
		S("UPDATE orders o SET total = o.total + 1 FROM ONLY customers c LEFT JOIN goods g ON g.id = c.id WHERE c.id = o.customer AND (g.id IS NULL OR c.name IS NULL)"), all,
		S("UPDATE orders o SET total = o.total + 1 FROM (customers c JOIN goods g ON g.id = c.id) WHERE c.id = o.customer AND o.note = $1", note+"!"), all,
		S("UPDATE orders o SET total = o.total + 1 FROM orders x WHERE x.id = o.id + 1 AND x.state = 'x'"), all,
		S("UPDATE orders SET total = total + 1, state = CASE WHEN state IS DISTINCT FROM 'x' THEN 'y' ELSE state END FROM customers"), all,
		S("UPDATE orders o SET total = o.total + 1 FROM customers c WHERE c.id = o.customer AND c.name = 'nobody'"),
		S("UPDATE orders o SET total = o.total + 99999999 FROM customers c WHERE c.id = o.customer AND c.name = 'nobody'"),
		S("UPDATE orders o SET total = o.total + 99999999 FROM customers c WHERE c.id = o.customer AND c.name = $1", ann).Fails("22003"),
		S("UPDATE orders o SET total = o.total + 1 FROM customers c WHERE c.id = o.customer AND nothing = 1").Fails("42703"),
		S("BEGIN"), S("UPDATE orders o SET total = o.total * 2 FROM customers c WHERE c.id = o.customer"), S("UPDATE orders o SET total = o.total + 0.01 FROM customers c WHERE c.id = o.customer"), S("COMMIT"), all,
		S("UPDATE orders o SET total = o.total + c.id FROM customers c WHERE c.id = o.customer").Refused("public.orders.total"),
		S("UPDATE orders o SET total = o.total + c.age FROM customers c WHERE c.id = o.customer").Refused("public.orders.total"),
		S("UPDATE orders o SET total = o.total + 1 FROM customers c WHERE c.id = o.customer AND c.age > 20").Refused("public.orders.total"),
		S("UPDATE orders o SET total = o.total + 1 FROM customers c WHERE c.id = o.customer AND o.total > 8").Refused("public.orders.total"),
		S("UPDATE orders o SET total = o.total + 1 FROM customers c JOIN goods g USING (id) WHERE c.id = o.customer").Refused("public.orders.total"),
		S("UPDATE orders o SET total = o.total + 1 FROM shown c WHERE c.id = o.customer").Refused("public.orders.total"),
		S("UPDATE orders o SET total = o.total + 1 FROM customers c WHERE c.id = o.customer AND random() < 2").Refused("public.orders.total"),
		all)
}
