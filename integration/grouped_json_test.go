package integration

import (
	"testing"

	"pgseal/integration/harness"
)

// Reports have the server group rows and put each group into one document.
func TestGroupsInJSON(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL: "CREATE TABLE sales (id int PRIMARY KEY, city varchar(9), paid boolean, fee numeric, due date, tags text[], plain int);" +
			"CREATE TABLE lines (id int PRIMARY KEY, sale int, item text)",
		Seal: []string{"public.sales.city --equality", "public.sales.paid --equality", "public.sales.fee --equality", "public.sales.due --equality", "public.sales.tags --equality", "public.lines.item --equality"},
	})
	sales, lines := S("INSERT INTO sales VALUES (1, 'Rome', true, 1.0, '2024-05-01', '{a,b}', 1), (2, 'Bonn', false, 1.00, '2024-05-02', '{a,b}', 1), (3, 'Rome', true, 2, NULL, NULL, 2), (4, NULL, NULL, NULL, NULL, '{}', 2)"), S("INSERT INTO lines VALUES (1, 1, 'x'), (2, 1, 'y'), (3, 2, 'x')")
	pair.SameIn(t, []harness.Mode{harness.Simple, harness.Unnamed, harness.PreparedText, harness.PreparedBinary, harness.SQLPrepare},
		sales, lines,
		S("SELECT json_build_object('city', city, 'n', count(*), 'ids', json_agg(id ORDER BY id)) FROM sales GROUP BY city").Unordered(),
		S("SELECT jsonb_build_object('paid', paid, 'due', due::text) || jsonb_build_object('n', count(*)) FROM sales GROUP BY paid, due").Unordered(),
		S("SELECT city, json_agg(s ORDER BY id), jsonb_agg(jsonb_build_object('id', id, 'city', city) ORDER BY id), json_object_agg(id, city), count(to_json(city)) FROM sales s GROUP BY city").Unordered(),
		S("SELECT json_agg(s.* ORDER BY id) FILTER (WHERE plain = 1), to_json(array_agg(city ORDER BY id)), sum(plain) FROM sales s GROUP BY s.city").Unordered(),
		S("SELECT json_agg(fee ORDER BY id) FROM sales GROUP BY fee").Unordered(), // each as it is written
		S("SELECT json_agg(json_build_array(city, tags) ORDER BY id) FROM sales GROUP BY tags").Unordered(),
		S("SELECT to_json(city), to_jsonb(paid), json_build_array(city, GROUPING(city)) FROM sales GROUP BY ROLLUP (city, paid)").Unordered(),
		S("SELECT json_agg(row_to_json(g)) FROM (SELECT json_build_object('c', city) AS c, count(*) FROM sales WHERE city = 'Rome' GROUP BY city) g"),
		S("SELECT s.id, json_agg(l ORDER BY l.id), json_build_object('city', s.city) FROM sales s JOIN lines l ON l.sale = s.id GROUP BY s.id ORDER BY s.id"),
		S("SELECT l.item, json_agg(json_build_object('sale', s, 'item', l.item) ORDER BY s.id) FROM sales s JOIN lines l ON l.sale = s.id GROUP BY l.item").Unordered(),
		S("SELECT json_build_object('city', city) FROM sales GROUP BY city HAVING count(*) > 1 AND city = 'Rome'"),
	)
	pair.Same(t,
		sales, lines,
		S("SELECT json_build_object('fee', fee) FROM sales GROUP BY fee").Refused("public.sales.fee"), // 1.0 or 1.00
		S("SELECT to_json(s) FROM sales s GROUP BY city").Refused("public.sales.city"),
		S("SELECT (SELECT json_agg(json_build_array(s.city, item)) FROM lines) FROM sales s GROUP BY city").Refused("public.sales.city"),
		S("SELECT json_build_object('city', city, 'id', id) FROM sales GROUP BY city").Fails("42803"),
	)
}
