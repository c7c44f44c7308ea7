package integration

import (
	"testing"

	"pgseal/integration/harness"
)

// A name in ORDER BY is that of an output first, also of one that a star stands for, whatever
// else in FROM has a column of that name.
func TestRowsSortedByAnOutputOfAStar(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL: `CREATE TABLE products (id int PRIMARY KEY, name text COLLATE "C", price numeric, stock int, twin int);
			CREATE TABLE customers (id int PRIMARY KEY, name text COLLATE "C", price numeric, stock int, city text)`,
		Seal: []string{"public.products.name --equality", "public.products.price", "public.customers.name", "public.customers.stock --equality"},
	})
	a, b := pair.Env.Canaries.Word(), pair.Env.Canaries.Word()
	pair.SameIn(t, formulaModes,
		S("INSERT INTO products VALUES (1, $1, 3, 30, 2), (2, $2, 1, 10, 3), (3, 'mid', 2, 20, 1)", a, b),
		S("INSERT INTO customers VALUES (1, $1, 10, 1, 'x'), (2, 'zz', 20, 2, 'y'), (3, $2, 30, 3, 'a')", a, b),
		S("SELECT p.* FROM products p JOIN customers c ON c.id = p.id ORDER BY name"),
		S("SELECT c.* FROM products p JOIN customers c ON c.id = p.id ORDER BY name DESC"),
		S("SELECT p.* FROM products p JOIN customers c ON c.id = p.id ORDER BY price LIMIT 2"),
		S("SELECT c.* FROM products p JOIN customers c ON c.id = p.id ORDER BY price DESC"),
		S("SELECT c.* FROM products p JOIN customers c ON c.id = p.id ORDER BY stock DESC, name"),
		S("SELECT p.* FROM products p JOIN customers c ON c.id = p.id ORDER BY stock, name"),
		S("SELECT p.* FROM products p JOIN products q ON q.id = p.twin ORDER BY price"),
		S("SELECT q.* FROM products p JOIN products q ON q.id = p.twin ORDER BY price, name"),
		S("SELECT q.*, p.id AS other FROM products p JOIN products q ON q.id = p.twin ORDER BY other DESC, price"),
		S("SELECT p.* FROM products p JOIN customers c USING (id) ORDER BY name"),
		S("SELECT p.* FROM products p, customers c WHERE c.id = p.id ORDER BY name FOR UPDATE OF p"),
		S("SELECT DISTINCT p.* FROM products p JOIN customers c ON c.id >= p.id ORDER BY name"),
		S("SELECT DISTINCT ON (name) p.* FROM products p JOIN customers c ON c.id >= p.id ORDER BY name"),
		S("SELECT p.*, count(*) AS n FROM products p JOIN customers c ON c.id >= p.id GROUP BY p.id ORDER BY name"),
		S("SELECT p.* FROM customers c CROSS JOIN LATERAL (SELECT * FROM products WHERE products.id = c.id ORDER BY name LIMIT 1) AS p ORDER BY name"),
		S("SELECT x.* FROM (SELECT id, name, price * 2 AS price FROM products) x JOIN customers c ON c.id = x.id ORDER BY price DESC, x.id").Refused("ORDER BY"),
		S("SELECT x.* FROM (SELECT id, name, price * 2 AS twice FROM products) x JOIN customers c ON c.id = x.id ORDER BY twice DESC, x.id"),
		S("SELECT c.* FROM products p JOIN customers c USING (id) ORDER BY price"),
		S("SELECT c.* FROM products p JOIN customers c USING (id) ORDER BY name DESC"),
		S("SELECT p.* FROM products p JOIN customers c USING (id) ORDER BY price"),
		S("SELECT c.* FROM products p JOIN customers c USING (id) ORDER BY price DESC FOR UPDATE OF c"),
		S("SELECT id FROM (SELECT c.* FROM products p JOIN customers c USING (id) ORDER BY price LIMIT 2) x ORDER BY id"),
		S("SELECT id FROM (SELECT c.* FROM products p JOIN customers c ON c.id = p.id ORDER BY price LIMIT 2) x ORDER BY id"),
		S("COPY (SELECT c.* FROM products p JOIN customers c USING (id) ORDER BY price DESC) TO STDOUT"),
		S("SELECT c.* FROM products p JOIN customers c USING (id) ORDER BY stock"),
		S("SELECT p.*, c.* FROM products p JOIN customers c ON c.id = p.id ORDER BY name").Fails("42702"),
		S("SELECT p.* FROM products p JOIN customers c ON c.id = p.id ORDER BY name || ''").Fails("42702"),
	)
}

// The value of a subquery that is an output is sorted by, also if its conditions have values of the
// client's that are searched for: these stand in both places.
func TestRowsSortedByASubqueryThatSearches(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL: `CREATE TABLE customers (id int PRIMARY KEY, name text COLLATE "C", city text);
			CREATE TABLE orders (id int PRIMARY KEY, customer int, total numeric(10,2), status text, placed timestamp)`,
		Seal: []string{"public.customers.name", "public.customers.city --equality", "public.orders.total", "public.orders.status --equality", "public.orders.placed"},
	})
	w := pair.Env.Canaries.Word()
	pair.SameIn(t, formulaModes,
		S("INSERT INTO customers VALUES (1, 'b', 'Oslo'), (2, 'a', 'Rome'), (3, 'c', NULL)"),
		S("INSERT INTO orders VALUES (1, 1, 10, $1, '2024-01-01'), (2, 1, 20, 'x', '2024-01-02'), (3, 2, 15, $1, '2024-01-03'), (4, 2, 90, 'x', '2024-01-04'), (5, 2, 7, $1, '2023-01-01')", w),
		S("SELECT id, (SELECT sum(total) FROM orders o WHERE o.customer = c.id AND o.status = $1) AS s FROM customers c ORDER BY s DESC NULLS LAST, id", w),
		S("SELECT id, (SELECT sum(total) FROM orders o WHERE o.customer = c.id AND o.status = $1) AS s FROM customers c WHERE c.city <> 'Bern' OR c.id = 3 ORDER BY 2 DESC NULLS LAST, id LIMIT 2", w),
		S("SELECT id, (SELECT max(o.total) FROM orders o WHERE o.customer = c.id AND o.status <> $1) AS s, name FROM customers c ORDER BY s NULLS FIRST, name LIMIT 2 OFFSET 1", w),
		S("SELECT id, (SELECT o.total FROM orders o WHERE o.customer = c.id AND o.status IN ($1, 'y') ORDER BY o.placed DESC LIMIT 1) AS s FROM customers c ORDER BY s DESC NULLS LAST, id", w),
		S("SELECT id, (SELECT sum(total) FROM orders o WHERE o.customer = c.id AND o.status = $1) AS s, (SELECT sum(total) FROM orders o WHERE o.customer = c.id AND o.status = 'x') AS t FROM customers c ORDER BY t DESC NULLS LAST, s", w),
		S("SELECT id, (SELECT sum(total) FROM orders o WHERE o.customer = c.id AND ($1 = '' OR o.status = $1)) AS s FROM customers c ORDER BY s DESC NULLS LAST, id", w),
		S("SELECT id, (SELECT sum(total) FROM orders o WHERE o.customer = c.id AND (length($1) = 0 OR o.status = $1)) AS s FROM customers c ORDER BY s DESC NULLS LAST, id", w),
		S("SELECT id, (SELECT sum(total) FROM orders o WHERE o.customer = c.id AND o.status = lower($1)) AS s FROM customers c ORDER BY s DESC NULLS LAST, id", w),
	)
}
