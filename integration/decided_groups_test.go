package integration

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"pgseal/integration/harness"
)

var shopGroups = harness.Schema{
	DDL: `CREATE TABLE customers (id int PRIMARY KEY, kind text, credit numeric, note text);
CREATE TABLE orders (id int PRIMARY KEY, customer int, region text, total numeric, price numeric(10,2), weight float8, placed date, tag text);
CREATE TABLE limits (id int PRIMARY KEY, most numeric)`,
	Seal: []string{"public.customers.credit", "public.customers.note --equality", "public.orders.total", "public.orders.price --equality", "public.orders.weight", "public.orders.placed", "public.orders.tag --equality"},
}

func shopRows(w string) []harness.Step {
	return []harness.Step{
		S("INSERT INTO customers VALUES (1, 'x', 100, '" + w + "ann'), (2, 'y', 5, 'bob'), (3, 'x', NULL, NULL), (4, NULL, 77, 'cid'), (5, 'y', 'NaN', ''), (6, 'x', 0, 'ann')"),
		S("INSERT INTO limits VALUES (1, 50), (2, 300), (3, NULL)"),
		S("INSERT INTO orders VALUES (1, 1, 'n', 150, 10.50, 1.5, '2024-01-01', 'a'), (2, 1, 's', 100, 20, 2.25, '2024-02-01', 'b'), (3, 1, 'n', 1.50, 10.50, NULL, NULL, 'a'), " +
			"(4, 2, 'n', 'NaN', 7, 0.1, '2023-01-01', NULL), (5, 2, NULL, 5, NULL, 0.2, '2023-05-05', 'c'), (6, 3, 's', NULL, NULL, NULL, NULL, '" + w + "t'), " +
			"(7, 4, NULL, 250, 99.99, 3, '2022-02-02', 'a'), (8, 4, NULL, 0, 20, 'Infinity', '2024-02-01', ''), (9, NULL, 'n', 500, 1, 1, '2021-01-01', 'b'), (10, NULL, NULL, -3, 2, -1, NULL, 'b'), (11, 5, 's', 42, 42, 42, '2020-02-29', 'a')"),
	}
}

// HAVING of sealed values decides about groups that the client does not get.
func TestGroupsOfSubqueriesAreDecided(t *testing.T) {
	pair := harness.New(t, shopGroups)
	steps := append(shopRows(pair.Env.Canaries.Text()),
		S("SELECT id, note FROM customers WHERE id IN (SELECT customer FROM orders GROUP BY customer HAVING sum(total) > 200) ORDER BY id"),
		S("SELECT id FROM customers WHERE id IN (SELECT customer FROM orders GROUP BY customer HAVING sum(total) > $1) ORDER BY id", "200"),
		S("SELECT id FROM customers WHERE id NOT IN (SELECT customer FROM orders GROUP BY customer HAVING sum(total) > 200) ORDER BY id"),
		S("SELECT id FROM customers WHERE id NOT IN (SELECT customer FROM orders WHERE customer IS NOT NULL GROUP BY customer HAVING sum(total) > 200) ORDER BY id"),
		S("SELECT id FROM customers WHERE id = ANY (SELECT customer FROM orders GROUP BY customer HAVING max(price) >= $1) ORDER BY id", "20"),
		S("SELECT id FROM customers c WHERE EXISTS (SELECT 1 FROM orders o WHERE o.customer = c.id GROUP BY o.customer HAVING sum(o.total) > 200) ORDER BY id"),
		S("SELECT id FROM customers c WHERE EXISTS (SELECT 1 FROM orders WHERE customer = c.id HAVING sum(total) > $1) ORDER BY id", "200"),
		S("SELECT id FROM customers c WHERE NOT EXISTS (SELECT 1 FROM orders o WHERE o.customer = c.id HAVING max(o.price) >= 20) AND kind = 'x' ORDER BY id"),
		S("SELECT id FROM customers c WHERE EXISTS (SELECT 1 FROM orders o WHERE o.customer = c.id HAVING count(o.total) = 0) ORDER BY id"),
		S("SELECT id FROM customers c WHERE EXISTS (SELECT 1 FROM orders o WHERE o.customer = c.id HAVING COALESCE(sum(o.total), 0) = 0) ORDER BY id"),
		S("SELECT id FROM customers c WHERE EXISTS (SELECT 1 FROM orders o WHERE o.customer = c.id GROUP BY o.region HAVING sum(o.total) >= c.credit) ORDER BY id"),
		S("SELECT id FROM customers WHERE id IN (SELECT customer FROM orders GROUP BY customer HAVING sum(total) > 100 AND count(*) > 2) ORDER BY id"),
		S("SELECT id FROM customers WHERE id IN (SELECT customer FROM orders GROUP BY customer HAVING avg(total) > (SELECT avg(total) FROM orders)) ORDER BY id"),
		S("SELECT id FROM customers WHERE id IN (SELECT customer FROM orders GROUP BY customer HAVING avg(total) > (SELECT avg(total) FROM orders WHERE region = $2 AND id <> 4) + $1) ORDER BY id", "1", "n"),
		S("SELECT id FROM customers WHERE id IN (SELECT customer FROM orders GROUP BY customer HAVING avg(total) > (SELECT avg(total) FROM orders WHERE total < 'NaN'))").Refused("public.orders.total cannot be used in a condition"),
		S("SELECT id FROM customers WHERE id IN (SELECT customer FROM orders GROUP BY customer HAVING sum(total) >= (SELECT most FROM limits WHERE id = 1)) ORDER BY id"),
		S("SELECT customer, sum(total) FROM orders GROUP BY customer HAVING sum(total) > (SELECT avg(total) FROM orders WHERE id <> 4) ORDER BY customer"),
		S("SELECT id FROM customers WHERE id IN (SELECT customer FROM orders GROUP BY customer, region HAVING sum(price) BETWEEN 1 AND 30) ORDER BY id"),
		S("SELECT id FROM customers WHERE id IN (SELECT customer FROM orders GROUP BY 1 HAVING sum(total) > 200) ORDER BY id"),
		S("SELECT id FROM customers WHERE id IN (SELECT customer AS c FROM orders GROUP BY c HAVING sum(total) > 200) ORDER BY id"),
		S("SELECT id FROM customers WHERE (id, 'n') IN (SELECT customer, region FROM orders GROUP BY customer, region HAVING sum(total * price) > 1000) ORDER BY id"),
		S("SELECT * FROM (SELECT customer, count(*) AS n FROM orders GROUP BY customer HAVING max(total) > 100) q ORDER BY customer"),
		S("SELECT customer, n FROM (SELECT customer, count(*) AS n, sum(total) AS t FROM orders GROUP BY customer HAVING max(total) > 100) q WHERE customer = 4"),
		S("SELECT customer, t FROM (SELECT customer, sum(total) AS t FROM orders GROUP BY customer HAVING max(total) > 100) q ORDER BY customer"),
		S("WITH big AS (SELECT customer, count(*) AS n FROM orders GROUP BY customer HAVING sum(total) > 100) SELECT c.id, b.n, c.note FROM customers c JOIN big b ON b.customer = c.id ORDER BY c.id"),
		S("WITH big AS MATERIALIZED (SELECT customer FROM orders GROUP BY customer HAVING sum(total) > 100) SELECT id FROM customers WHERE id NOT IN (SELECT customer FROM big WHERE customer IS NOT NULL) ORDER BY id"),
		S("SELECT count(*) FROM (SELECT customer FROM orders GROUP BY customer HAVING sum(total) > 100) q"),
		S("SELECT c.id, q.n FROM customers c LEFT JOIN (SELECT customer, count(*) AS n FROM orders GROUP BY customer HAVING min(total) < 50) q ON q.customer = c.id ORDER BY c.id"),
		S("SELECT c.id, q.region FROM customers c, LATERAL (SELECT o.region FROM orders o WHERE o.customer = c.id GROUP BY o.region HAVING sum(o.total) > 100) q ORDER BY c.id, q.region"),
		S("SELECT id, (SELECT count(*) FROM (SELECT 1 FROM orders o WHERE o.customer = c.id GROUP BY o.region HAVING max(o.total) > 10) q) FROM customers c ORDER BY id"),
		S("SELECT id FROM limits WHERE id IN (SELECT c.id FROM customers c JOIN orders o ON o.customer = c.id WHERE c.kind = $1 AND o.region IS NOT NULL GROUP BY c.id HAVING sum(o.total) > $2) ORDER BY id", "x", "200"),
		S("SELECT id FROM limits WHERE id IN (SELECT c.id FROM customers c LEFT JOIN orders o ON o.customer = c.id GROUP BY c.id HAVING sum(o.total) IS NULL OR sum(o.total) > 200) ORDER BY id"),
		S("SELECT id FROM limits WHERE id IN (SELECT c.id FROM customers c JOIN orders o ON o.customer = c.id GROUP BY c.id HAVING sum(o.total) > c.credit) ORDER BY id"),
		S("SELECT id FROM customers WHERE id IN (SELECT customer FROM orders WHERE tag = 'a' GROUP BY customer HAVING sum(total) > 40) ORDER BY id"),
		S("SELECT id FROM customers WHERE id IN (SELECT customer FROM orders WHERE tag = $1 GROUP BY customer HAVING sum(total) > $2) ORDER BY id", "a", "40"),
		S("SELECT id FROM customers WHERE note IN (SELECT tag FROM orders GROUP BY tag HAVING sum(total) > 40)").Refused("cannot be compared"),
		S("SELECT id FROM customers WHERE id IN (SELECT max(customer) FROM orders GROUP BY tag HAVING sum(total) > 40) ORDER BY id"),
		S("SELECT id FROM customers WHERE id IN (SELECT customer FROM orders GROUP BY customer HAVING sum(weight) > 2 OR max(placed) < '2023-01-01') ORDER BY id"),
		S("SELECT id FROM customers WHERE id IN (SELECT customer FROM orders GROUP BY customer HAVING sum(total) FILTER (WHERE region = 'n') > 100) ORDER BY id"),
		S("SELECT id FROM customers WHERE id IN (SELECT customer FROM orders GROUP BY customer HAVING sum(CASE WHEN total > 50 THEN price ELSE 0 END) > 20) ORDER BY id"),
		S("SELECT id FROM customers WHERE id IN (SELECT customer FROM orders GROUP BY customer HAVING max(placed) > CURRENT_DATE - 100000 AND max(placed) < now()::date) ORDER BY id"),
		S("SELECT id FROM customers WHERE id IN (SELECT customer FROM orders GROUP BY customer HAVING string_agg(tag, ',' ORDER BY id) LIKE 'a,b%') ORDER BY id"),
		S("SELECT id FROM customers WHERE id IN (SELECT customer FROM orders GROUP BY ROLLUP (customer, region) HAVING sum(price) > 30) ORDER BY id"),
		S("SELECT customer FROM orders GROUP BY customer HAVING sum(price) > 20 UNION SELECT id FROM limits ORDER BY 1"),
		S("SELECT customer, rank() OVER (ORDER BY count(*) DESC, customer) FROM orders GROUP BY customer HAVING sum(price) > 20 ORDER BY customer"),
		S("SELECT customer, 100 / count(*) FROM orders GROUP BY customer HAVING sum(price) > 20 ORDER BY customer"),
		S("SELECT id FROM customers WHERE id IN (SELECT customer FROM orders GROUP BY customer HAVING sum(total) > 99999)"),
		S("SELECT id FROM customers WHERE id IN (SELECT customer FROM orders WHERE id > 99 GROUP BY customer HAVING sum(total) > 1)"),
		S("SELECT EXISTS (SELECT 1 FROM orders WHERE id > 99 HAVING sum(total) IS NULL)"),
		S("SELECT id FROM customers WHERE id IN (SELECT customer FROM orders GROUP BY customer HAVING sum(total) > 'x')").Fails("22P02"),
		S("SELECT id FROM customers WHERE id IN (SELECT customer FROM orders GROUP BY customer HAVING 1 / sum(price) > 0.01) ORDER BY id"),
		S("SELECT id FROM customers WHERE id IN (SELECT customer FROM orders GROUP BY customer HAVING 1 / (sum(price) - 41) > 0.01) ORDER BY id").Fails("22012"),
		S("SELECT customer FROM (SELECT customer, region FROM orders GROUP BY customer, region HAVING 1 / (sum(price) - 21) > 0.01) q WHERE customer = 4"),
		S("SELECT id FROM customers WHERE id IN (SELECT nobody FROM orders GROUP BY customer HAVING sum(total) > 1)").Fails("42703"),
		S("SELECT id FROM customers WHERE id IN (SELECT region::int FROM orders GROUP BY customer HAVING sum(total) > 1)").Fails("42803"),
		// What the server decides beside it.
		S("SELECT id FROM customers WHERE note IN (SELECT note FROM customers GROUP BY note HAVING note = 'ann' AND sum(credit) > 1) ORDER BY id"),
		S("SELECT id FROM customers WHERE note IN (SELECT note FROM customers GROUP BY note HAVING note = (SELECT note FROM customers WHERE id = 6 LIMIT 1) AND sum(credit) >= 0) ORDER BY id"),
		S("SELECT id FROM customers WHERE note IN (SELECT note FROM customers GROUP BY note HAVING note = (SELECT note FROM customers WHERE id = 6)) ORDER BY id"),
		S("SELECT id FROM customers WHERE id IN (SELECT customer FROM orders o GROUP BY customer HAVING sum(total) > 40 AND EXISTS (SELECT 1 FROM limits l WHERE l.id = o.customer)) ORDER BY id"),
		S("SELECT id FROM customers WHERE id IN (SELECT customer FROM orders GROUP BY GROUPING SETS ((customer), (region, customer)) HAVING sum(price) > 20 AND GROUPING(region) = 1) ORDER BY id"),
		S("SELECT id FROM customers WHERE id IN (SELECT customer FROM orders GROUP BY customer HAVING sum(price) > 20 AND array_length(array_agg(id), 1) / customer > 0)").Refused("public.orders.price"),
		S("SELECT id FROM customers c WHERE EXISTS (SELECT region, 1 FROM orders o WHERE o.customer = c.id GROUP BY 1 HAVING sum(o.total) > 1) ORDER BY id").Refused("public.orders.total"),
		// Groups of several relations' rows, and what would not be asked as it is found.
		S("SELECT c.id FROM customers c JOIN limits l ON l.id = c.id WHERE EXISTS (SELECT 1 FROM orders o WHERE o.customer = c.id AND o.id > l.id HAVING sum(o.total) > 1) ORDER BY 1").Refused("public.orders.total"),
		S("SELECT c.id FROM customers c LEFT JOIN limits l ON l.id = c.id WHERE EXISTS (SELECT 1 FROM orders o WHERE o.customer = c.id HAVING sum(o.total) > 1) ORDER BY 1").Refused("public.orders.total"),
		S("SELECT id FROM customers c WHERE EXISTS (SELECT 1 FROM orders o WHERE o.customer = c.id AND 10 / c.id > 1 HAVING sum(o.total) > 1)").Refused("public.orders.total"),
		S("SELECT id FROM customers WHERE id IN (SELECT customer FROM orders WHERE now() > '2001-01-01' AND id < 9 GROUP BY customer HAVING sum(total) > 40) ORDER BY id"),
		S("SELECT id FROM customers WHERE id IN (SELECT customer FROM orders GROUP BY customer HAVING max(placed) < statement_timestamp()::date)").Refused("public.orders.placed"),
		S("SELECT id FROM customers WHERE id IN (SELECT customer FROM orders WHERE random() < 2 GROUP BY customer HAVING sum(total) > 1)").Refused("public.orders.total"),
		S("WITH o AS (SELECT * FROM orders) SELECT id FROM customers WHERE id IN (SELECT customer FROM o GROUP BY customer HAVING sum(total) > 1)").Refused("public.orders.total"),
		S("SELECT id FROM customers WHERE id IN (SELECT customer FROM orders WHERE placed > '2022-01-01' GROUP BY customer HAVING sum(total) > 1)").Refused("cannot be"),
		S("SELECT id FROM customers c WHERE EXISTS (SELECT 1 FROM orders o HAVING sum(o.total) > sum(c.credit))").Refused("public."),
		S("SELECT c.id FROM customers c GROUP BY c.id HAVING EXISTS (SELECT 1 FROM limits HAVING sum(c.credit) > 1)").Refused("public.customers.credit"),
		S("CREATE VIEW rich AS SELECT customer FROM orders GROUP BY customer HAVING sum(total) > 100").Refused("public.orders.total"),
		// Subqueries in subqueries.
		S("SELECT id FROM customers WHERE credit > (SELECT avg(total) - (SELECT max(price) FROM orders) FROM orders WHERE id <> 4) ORDER BY id"),
		S("SELECT id FROM customers WHERE credit > (SELECT avg(total) FROM orders WHERE id <> 4 HAVING max(price) > (SELECT avg(price) FROM orders)) ORDER BY id").Refused("cannot be used in a condition"),
		S("SELECT id FROM customers WHERE id IN (SELECT customer FROM orders GROUP BY customer HAVING sum(total) > (SELECT avg(total) + (SELECT min(price) FROM orders) FROM orders WHERE id <> 4)) ORDER BY id"),
		S("SELECT id FROM customers WHERE id IN (SELECT customer FROM orders GROUP BY customer HAVING sum(total) > (SELECT avg(total) FROM orders HAVING max(price) > 1)) ORDER BY id").Refused("cannot be used in a condition"),
		// Beside conditions and orders that the session computes, or decides.
		S("SELECT id FROM customers WHERE credit > 1 AND id IN (SELECT customer FROM orders GROUP BY customer HAVING sum(total) > $1) ORDER BY credit DESC LIMIT 2", "1"),
		S("SELECT credit > 50, count(*) FROM customers WHERE id IN (SELECT customer FROM orders GROUP BY customer HAVING sum(total) > 1) GROUP BY 1 ORDER BY 1"),
		S("SELECT kind, sum(credit) FROM customers WHERE credit > 1 AND id NOT IN (SELECT customer FROM orders WHERE customer > 0 GROUP BY customer HAVING sum(total) > 200) GROUP BY kind ORDER BY kind"),
		S("SELECT id FROM customers WHERE id IN (SELECT customer FROM orders WHERE customer IN (SELECT customer FROM orders GROUP BY customer HAVING max(price) > 50) GROUP BY customer HAVING sum(total) > 1)").Refused("cannot be used in a condition"),
		S("DELETE FROM customers WHERE credit > 70 AND id IN (SELECT customer FROM orders GROUP BY customer HAVING sum(price) > 9999)"),
		// Cursors, and rows that are changed.
		S("BEGIN"), S("DECLARE c CURSOR FOR SELECT id FROM customers WHERE id IN (SELECT customer FROM orders GROUP BY customer HAVING sum(total) > $1) ORDER BY id", "100"),
		S("FETCH 1 FROM c"), S("FETCH ALL FROM c"), S("COMMIT"),
		S("BEGIN"), S("UPDATE orders SET total = 1 WHERE customer = 1"), S("SELECT id FROM customers WHERE id IN (SELECT customer FROM orders GROUP BY customer HAVING sum(total) > 200) ORDER BY id"), S("ROLLBACK"),
		S("UPDATE customers SET kind = 'rich' WHERE id IN (SELECT customer FROM orders GROUP BY customer HAVING sum(total) > $1)", "200"), S("SELECT id, kind FROM customers ORDER BY id"),
		S("UPDATE customers SET note = 'idle' WHERE NOT EXISTS (SELECT 1 FROM orders o WHERE o.customer = customers.id HAVING sum(o.price) > 1)"), S("SELECT id, note FROM customers ORDER BY id"),
		S("UPDATE customers SET credit = credit + 1 WHERE id IN (SELECT customer FROM orders GROUP BY customer HAVING sum(total) > 200)").Refused("public.customers.credit"),
		S("INSERT INTO limits SELECT customer + 100, count(*) FROM orders WHERE customer > 0 GROUP BY customer HAVING max(total) > 100"), S("SELECT * FROM limits ORDER BY id"),
		S("DELETE FROM customers WHERE id IN (SELECT customer FROM orders GROUP BY customer HAVING count(*) > 1 AND sum(total) < 300)"), S("SELECT id FROM customers ORDER BY id"),
		S("DELETE FROM customers c USING limits l WHERE l.id = c.id AND c.id IN (SELECT customer FROM orders GROUP BY customer HAVING sum(price) IS NULL)"), S("SELECT id FROM customers ORDER BY id"),
		S("SELECT 1; SELECT id FROM customers WHERE id IN (SELECT customer FROM orders GROUP BY customer HAVING sum(total) > 200) ORDER BY id").Simple(),
	)
	pair.SameIn(t, formulaModes, steps...)
}

// Groups of many rows are told apart whatever plan the server finds for them.
func TestManyGroupsAreDecided(t *testing.T) {
	pair := harness.New(t, shopGroups)
	c := sidesOf(t, pair)
	var customers, orders strings.Builder
	for i := range 900 {
		fmt.Fprintf(&customers, "%d,%c,%d,\n", i, 'x'+i%3, i%50)
	}
	for i := range 5000 {
		fmt.Fprintf(&orders, "%d,%d,%c,%d.%02d,%d,%d,2024-01-%02d,\n", i, i*i%1000, 'n'+i%3, i%97, i%89, i%60, i%7, 1+i%31)
	}
	c.in("COPY customers FROM STDIN CSV", []byte(customers.String()))
	c.in("COPY orders FROM STDIN CSV", []byte(orders.String()))
	for _, sql := range []string{"SELECT 1", "CREATE INDEX ON orders (customer)", "ANALYZE", "SET enable_hashagg = off", "SET enable_seqscan = off", "SET max_parallel_workers_per_gather = 2; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET min_parallel_index_scan_size = 0"} {
		for _, side := range []*pgconn.PgConn{c.twin, c.sealed} {
			if _, err := side.Exec(t.Context(), sql).ReadAll(); err != nil {
				t.Fatal(sql, err)
			}
		}
		for _, query := range []string{
			"SELECT id FROM customers WHERE id IN (SELECT customer FROM orders GROUP BY customer HAVING sum(total) > 300) ORDER BY id",
			"SELECT id FROM customers WHERE id NOT IN (SELECT customer FROM orders WHERE region <> 'n' GROUP BY customer HAVING sum(total) > 300 AND count(*) > 2) ORDER BY id",
			"SELECT id FROM customers c WHERE kind = 'x' AND EXISTS (SELECT 1 FROM orders o WHERE o.customer = c.id GROUP BY o.customer HAVING sum(o.total * o.price) > 10000) ORDER BY id",
			"SELECT count(*), sum(q.n) FROM (SELECT customer, region, count(*) AS n FROM orders GROUP BY customer, region HAVING avg(price) BETWEEN 20 AND 40) q JOIN customers c ON c.id = q.customer",
			"SELECT id FROM customers WHERE id IN (SELECT customer FROM orders GROUP BY customer HAVING avg(total) > (SELECT avg(total) FROM orders)) ORDER BY id",
		} {
			c.out("COPY (" + query + ") TO STDOUT")
			for _, explain := range []string{"EXPLAIN ", "EXPLAIN ANALYZE "} {
				if _, err := c.sealed.Exec(t.Context(), explain+query).ReadAll(); err != nil {
					t.Errorf("%s: %v", query, err)
				}
			}
		}
	}
}

// There can be so many groups, and more by plain conditions.
func TestTooManyGroupsAreRefused(t *testing.T) {
	pair := harness.New(t, shopGroups)
	c := sidesOf(t, pair)
	for _, side := range []*pgconn.PgConn{c.twin, c.sealed} {
		if _, err := side.Exec(t.Context(), "INSERT INTO orders (id, customer) SELECT n, n FROM generate_series(1, 10001) n; UPDATE orders SET total = 5 WHERE id < 20").ReadAll(); err != nil {
			t.Fatal(err)
		}
	}
	_, err := c.sealed.Exec(t.Context(), "SELECT count(*) FROM (SELECT customer FROM orders GROUP BY customer HAVING sum(total) > 1) q").ReadAll()
	var e *pgconn.PgError
	if !errors.As(err, &e) || e.Code != "54000" || !strings.Contains(e.Message, "10000 groups of orders") {
		t.Error(err)
	}
	c.out("COPY (SELECT count(*) FROM (SELECT customer FROM orders WHERE id > 1 GROUP BY customer HAVING sum(total) > 1) q) TO STDOUT")
}

// What a query finds by its groups is what one snapshot has, whoever writes at that moment.
func TestGroupsBesideAWriter(t *testing.T) {
	pair := harness.New(t, shopGroups)
	ctx := t.Context()
	reader, writer := pair.Connect(t, pair.URL()), pair.Connect(t, pair.URL())
	for _, sql := range []string{
		"INSERT INTO customers (id) SELECT n FROM generate_series(1, 20) n",
		"INSERT INTO orders (id, customer) SELECT n, (n + 1) / 2 FROM generate_series(1, 40) n",
		"UPDATE orders SET total = 150",
	} {
		if _, err := writer.Exec(ctx, sql); err != nil {
			t.Fatal(err)
		}
	}
	done, stop := make(chan error), make(chan struct{})
	go func() {
		for n := 0; ; n++ {
			select {
			case <-stop:
				done <- nil
				return
			default:
			}
			err := pgx.BeginFunc(ctx, writer, func(tx pgx.Tx) error {
				_, err := tx.Exec(ctx, "UPDATE orders SET total = $1 WHERE id % 2 = 0", n%300)
				if err == nil {
					_, err = tx.Exec(ctx, "UPDATE orders SET total = $1 WHERE id % 2 = 1", 300-n%300)
				}
				return err
			})
			if err != nil {
				done <- err
				return
			}
		}
	}()
	const once = "SELECT id FROM customers WHERE id IN (SELECT customer FROM orders GROUP BY customer HAVING sum(total) = 300)"
	const each = "SELECT id FROM customers c WHERE EXISTS (SELECT 1 FROM orders o WHERE o.customer = c.id HAVING sum(o.total) = 300)"
	if _, err := reader.Prepare(ctx, "s", once); err != nil {
		t.Fatal(err)
	}
	raw := reader.PgConn()
	for n := range 100 {
		for _, sql := range []string{once, each} {
			for mode, run := range map[string]func() *pgconn.Result{
				"unnamed":  func() *pgconn.Result { return raw.ExecParams(ctx, sql, nil, nil, nil, nil).Read() },
				"prepared": func() *pgconn.Result { return raw.ExecPrepared(ctx, "s", nil, nil, nil).Read() },
				"simple": func() *pgconn.Result {
					all, err := raw.Exec(ctx, sql).ReadAll()
					if err != nil {
						t.Fatalf("after %d: %v", n, err)
					}
					return all[0]
				},
			} {
				if r := run(); r.Err != nil || len(r.Rows) != 20 {
					t.Fatalf("%s of %s, after %d: %d rows, %v", mode, sql, n, len(r.Rows), r.Err)
				}
			}
		}
	}
	// In a block each statement sees what is committed by then: it is right, or it fails.
	failed := 0
	for range 100 {
		if _, err := raw.Exec(ctx, "BEGIN").ReadAll(); err != nil {
			t.Fatal(err)
		}
		all, err := raw.Exec(ctx, once).ReadAll()
		var e *pgconn.PgError
		switch {
		case errors.As(err, &e) && e.Code == "40001":
			failed++
		case err != nil || len(all[0].Rows) != 20:
			t.Fatalf("in a block: %v, %v", all, err)
		}
		if _, err := raw.Exec(ctx, "ROLLBACK").ReadAll(); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	t.Logf("%d of 100 have failed with 40001", failed)
}
