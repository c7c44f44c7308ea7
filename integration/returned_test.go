package integration

import (
	"testing"

	"pgseal/integration/harness"
)

// What RETURNING gives of the rows that a statement has written can be computed, if it has a
// value whatever the rows have: an error would come when they are written.
func TestReturnedValuesAreComputed(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL: `CREATE TABLE customers (id int PRIMARY KEY, name text, city varchar(20), credit numeric(12,2), level int, placed timestamp, born date, plain text);
			CREATE TABLE lines (id int PRIMARY KEY, qty int, price numeric(10,2), free numeric)`,
		Seal: []string{"public.customers.name --equality", "public.customers.city", "public.customers.credit", "public.customers.level --equality", "public.customers.placed", "public.customers.born",
			"public.lines.qty", "public.lines.price", "public.lines.free"},
	})
	w := pair.Env.Canaries.Text()
	pair.SameIn(t, formulaModes,
		S("INSERT INTO customers VALUES (1, $1, 'Oslo', 5.50, 3, '2024-05-05 10:00', '2000-01-02', 'p'), (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL) RETURNING id, upper(name), name || '!' AS loud, placed::date, level::text", w),
		S("INSERT INTO customers (id, name) VALUES (3, $1) RETURNING lower(name), length(name), COALESCE(city, 'none'), customers.name || ' ' || plain", w),
		S("INSERT INTO customers (id, name) VALUES (3, 'x') ON CONFLICT (id) DO UPDATE SET name = EXCLUDED.name RETURNING id, upper(name) AS u, name"),
		S("UPDATE customers SET credit = credit + 1 WHERE id = 1 RETURNING credit * 2, credit - 1 AS less, level::numeric, CASE WHEN credit > 6 THEN 'rich' ELSE name END"),
		S("UPDATE customers c SET plain = 'q' WHERE id < 3 RETURNING c.name || COALESCE(c.plain, ''), $1 || name", "pre"),
		S("UPDATE customers SET plain = 'r' WHERE id = 1 RETURNING *, lower(name) AS low, name = $1 AS same", w),
		S("UPDATE customers c SET plain = l.id::text FROM lines l WHERE l.id = c.id RETURNING c.name || '.'"),
		S("INSERT INTO lines VALUES (1, 3, 1.25, 2), (2, NULL, 7, 1) RETURNING qty * price, price + 1"),
		S("DELETE FROM lines WHERE id = 1 RETURNING qty * price AS total, id"),
		S("UPDATE lines SET qty = 2147483647 RETURNING qty + 1").Refused("public.lines.qty"),
		S("UPDATE lines SET qty = 1 RETURNING 1 / qty").Refused("public.lines.qty"),
		S("UPDATE lines SET qty = 1 RETURNING free * free").Refused("public.lines.free"),
		S("UPDATE customers SET level = 1 RETURNING name::int").Refused("public.customers.name"),
		S("UPDATE customers SET level = 1 RETURNING credit > 3, name = city AS same, level IN (1, 2) AND credit < $1, name LIKE '%a%', born IS NULL OR born < '2001-01-01'", "6"),
		S("UPDATE customers SET level = level + 1 WHERE id = 1 RETURNING level, level >= 2 AS grown, NOT level > 5, CASE WHEN level > 1 THEN name END"),
		S("INSERT INTO customers (id, name, level) VALUES (4, 'x', 17) RETURNING level >= 18 AS adult, name = 'x', placed IS NULL"),
		S("DELETE FROM customers WHERE id = 4 RETURNING level BETWEEN 10 AND 20, name IS DISTINCT FROM city, id > 3 AND level > 3"),
		S("UPDATE customers SET level = 1 RETURNING name ~ '('").Refused("public.customers.name"),
		S("UPDATE customers SET level = 1 WHERE id = 1 RETURNING lower(nothing)").Fails("42703"),
		S("DELETE FROM customers WHERE id = 3 RETURNING upper(name) || '?'"),
		S("BEGIN"), S("UPDATE customers SET level = 9 WHERE id = 1 RETURNING level::text || '!'"), S("ROLLBACK"),
		S("SELECT * FROM customers ORDER BY id"), S("SELECT * FROM lines ORDER BY id"),
	)
}
