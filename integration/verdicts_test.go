package integration

import (
	"fmt"
	"testing"

	"pgseal/integration/harness"
)

var payments = harness.Schema{
	DDL: `CREATE TABLE users (id int PRIMARY KEY, name text, age int, city text);
CREATE TABLE payments (id int PRIMARY KEY, user_id int, account int, amount numeric(10,2), paid date, note text);
CREATE TABLE limits (id int PRIMARY KEY, most numeric);
CREATE VIEW large AS SELECT id, user_id, amount FROM payments`,
	Seal: []string{"public.users.name --equality", "public.users.age", "public.payments.amount", "public.payments.paid", "public.payments.note --equality"},
}

// Conditions with ranges stand where no session can filter rows: in subqueries, joins, set
// operations, beside windows and locks.
func TestRangesAnywhere(t *testing.T) {
	pair := harness.New(t, payments)
	w := pair.Env.Canaries.Text()
	steps := []harness.Step{
		S("INSERT INTO users VALUES (1, '" + w + "ann', 30, 'x'), (2, 'bob', 5, 'y'), (3, NULL, NULL, NULL), (4, 'cid', 77, 'x'), (5, 'dan', 18, NULL)"),
		S("INSERT INTO payments VALUES (1, 1, 1, 100, '2024-01-01', '" + w + "n'), (2, 1, 1, 5.5, '2023-01-01', 'b'), (3, 2, 1, 250, NULL, NULL), (4, 4, 2, NULL, '2024-06-06', 'x'), (5, 4, 2, 99.99, '2022-02-02', 'xx'), (6, NULL, 3, 1, '2021-01-01', '')"),
		S("INSERT INTO limits VALUES (1, 50), (2, 100)"),
		S("SELECT id, name FROM users WHERE id IN (SELECT user_id FROM payments WHERE amount > 50) ORDER BY id"),
		S("SELECT id FROM users WHERE id IN (SELECT user_id FROM payments WHERE amount > $1 AND account = $2) ORDER BY id", "50", "1"),
		S("SELECT id FROM users u WHERE NOT EXISTS (SELECT 1 FROM payments p WHERE p.user_id = u.id AND p.amount >= 100 AND p.account = 1) ORDER BY id"),
		S("SELECT id FROM users u WHERE EXISTS (SELECT 1 FROM payments p WHERE p.user_id = u.id AND (p.amount < 10 OR p.paid > '2024-02-01')) ORDER BY age, id"),
		S("SELECT id FROM users u WHERE age > 10 AND EXISTS (SELECT 1 FROM payments WHERE user_id = u.id AND u.age > 20 AND amount IS NOT NULL) ORDER BY id"),
		S("SELECT u.id, p.id, p.amount FROM users u LEFT JOIN payments p ON p.user_id = u.id AND p.amount > 50 ORDER BY u.id, p.id"),
		S("SELECT u.id, p.id FROM users u LEFT JOIN payments p ON p.user_id = u.id WHERE p.amount > 50 OR u.id = 3 ORDER BY u.id, p.id"),
		S("SELECT u.id, p.id FROM users u FULL JOIN payments p ON p.user_id = u.id AND u.age BETWEEN 10 AND 40 ORDER BY u.id, p.id"),
		S("SELECT u.city, count(*), array_agg(p.id ORDER BY p.id) FROM users u JOIN payments p ON p.user_id = u.id AND p.note LIKE '%x%' GROUP BY u.city ORDER BY 1"),
		S("WITH big AS (SELECT user_id, amount FROM payments WHERE amount > 50) SELECT u.id, b.amount FROM users u JOIN big b ON b.user_id = u.id ORDER BY u.id, b.amount"),
		S("WITH big AS (SELECT user_id FROM payments WHERE amount > 50), adults AS (SELECT id FROM users WHERE age >= 18) SELECT id FROM adults WHERE id IN (SELECT user_id FROM big) ORDER BY id"),
		S("SELECT id FROM users WHERE age > 20 UNION SELECT user_id FROM payments WHERE amount > 50 ORDER BY 1"),
		S("SELECT id FROM users WHERE age > 20 EXCEPT SELECT user_id FROM payments WHERE amount < 150 ORDER BY 1"),
		S("SELECT id, name FROM users WHERE age < 50 UNION ALL SELECT id, note FROM payments WHERE paid < '2023-06-01' ORDER BY 1, 2 NULLS LAST"),
		S("SELECT id, row_number() OVER (ORDER BY id) FROM users WHERE age > 10 ORDER BY id"),
		S("SELECT DISTINCT ON (city) city, id FROM users WHERE age > 10 ORDER BY city, id"),
		S("SELECT id FROM users WHERE age > 10 ORDER BY id FOR UPDATE"),
		S("SELECT count(*) FROM (SELECT id FROM users WHERE age > 10 LIMIT 2) q"),
		S("SELECT id, (SELECT count(*) FROM payments p WHERE p.user_id = u.id AND p.amount > 50) FROM users u ORDER BY id"),
		S("SELECT id, ARRAY(SELECT p.id FROM payments p WHERE p.user_id = u.id AND p.amount * 2 > 50 ORDER BY p.id) FROM users u ORDER BY id"),
		S("SELECT u.id, q.id FROM users u, LATERAL (SELECT id FROM payments p WHERE p.user_id = u.id AND p.amount > 5 ORDER BY id LIMIT 1) q ORDER BY u.id"),
		S("SELECT id, 100 / id FROM users WHERE age > 10 ORDER BY id"),
		S("SELECT id FROM users WHERE (age > 10 OR city = 'y') AND id IN (SELECT user_id FROM payments WHERE extract(year FROM paid) = 2024) ORDER BY id"),
		S("SELECT id FROM users WHERE age > 10 OR id IN (SELECT user_id FROM payments WHERE amount > 200) ORDER BY id"),
		S("SELECT id FROM users WHERE name = 'bob' OR id IN (SELECT user_id FROM payments WHERE amount > 99) ORDER BY id"),
		S("SELECT id FROM payments p WHERE paid < now() AND id IN (SELECT id FROM payments WHERE paid > CURRENT_DATE - 100000) ORDER BY id"),
		S("SELECT id FROM users WHERE id IN (SELECT user_id FROM large WHERE amount > 50) ORDER BY id"),
		S("SELECT l.id, p.id FROM limits l JOIN payments p ON p.account = l.id AND p.amount > 50 ORDER BY 1, 2"),
		S("SELECT id FROM users WHERE id = ANY (ARRAY(SELECT user_id FROM payments WHERE amount > 50)) ORDER BY id"),
		S("SELECT sum(account), max(id) FROM payments WHERE amount > 50"),
		S("SELECT account, max(amount), rank() OVER (ORDER BY account) FROM payments WHERE amount > 5 GROUP BY account ORDER BY account"),
		S("INSERT INTO limits SELECT id + 100, id FROM users WHERE age > 20"), S("SELECT * FROM limits ORDER BY id"),
		S("UPDATE users SET city = 'rich' WHERE id IN (SELECT user_id FROM payments WHERE amount > 50)"), S("SELECT id, city FROM users ORDER BY id"),
		S("UPDATE users u SET city = 'old' FROM payments p WHERE p.user_id = u.id AND p.amount < 10 AND u.age > 20"), S("SELECT id, city FROM users ORDER BY id"),
		S("DELETE FROM payments USING users u WHERE u.id = user_id AND u.age > 50 AND amount > 5"), S("SELECT id FROM payments ORDER BY id"),
		S("DELETE FROM users WHERE NOT EXISTS (SELECT FROM payments p WHERE p.user_id = users.id AND p.amount > $1)", "5"), S("SELECT id FROM users ORDER BY id"),
		S("UPDATE payments SET note = 'seen' WHERE (account = 1 OR account = 2 OR account = 13 OR account = 14 OR account = 5 OR account = 6 OR account = 7 OR account = 8 OR account = 9 OR account = 10) AND amount > 10"),
		S("SELECT id, note FROM payments ORDER BY id"),
		S("SELECT u.id FROM users u JOIN payments p ON p.amount > u.age ORDER BY 1"),
		S("SELECT city FROM users GROUP BY city HAVING max(age) > 10 AND min(age) < 50 ORDER BY city"),
		S("SELECT age FROM users GROUP BY age HAVING age > 10").Unordered(),
		S("SELECT id FROM users WHERE id IN (SELECT user_id FROM payments WHERE amount = 5)"),
		S("SELECT id FROM users WHERE id IN (SELECT user_id FROM payments WHERE amount > 'x')").Fails("22P02"),
		S("SELECT u.id FROM users u JOIN payments p ON p.user_id = u.id AND p.note LIKE '%" + w + "%' ORDER BY u.id"),
		S("SELECT id FROM users WHERE id IN (SELECT user_id FROM payments WHERE note || 'x' = $1) ORDER BY id", w+"nx"),
		S("BEGIN"), S("DECLARE c CURSOR FOR SELECT id FROM users u WHERE EXISTS (SELECT FROM payments p WHERE p.user_id = u.id AND p.amount > $1) ORDER BY age, id", "5"),
		S("FETCH 1 FROM c"), S("FETCH ALL FROM c"), S("COMMIT"),
		S("BEGIN"), S("DECLARE c SCROLL CURSOR FOR SELECT id FROM users WHERE age > 10 ORDER BY id"), S("FETCH 2 FROM c"), S("FETCH PRIOR FROM c"), S("MOVE 1 FROM c"), S("FETCH ALL FROM c"), S("COMMIT"),
		S("DECLARE h CURSOR WITH HOLD FOR SELECT id FROM users WHERE id IN (SELECT user_id FROM payments WHERE amount < 1000) ORDER BY id"), S("FETCH 2 FROM h"), S("CLOSE h"),
		// Conditions that are those of an outer row.
		S("SELECT id, (SELECT count(*) FROM limits WHERE u.age > 2 AND u.city = 'y') FROM users u ORDER BY id"),
		S("SELECT u.id FROM users u CROSS JOIN LATERAL (SELECT id FROM limits WHERE u.age > 2 AND u.city = 'x' LIMIT 1) q ORDER BY u.id"),
		S("SELECT id FROM users u WHERE city = 'y' OR EXISTS (SELECT FROM limits l WHERE l.id > 0 AND u.age > 2 AND u.city = 'x') ORDER BY id"),
		S("SELECT id FROM users x WHERE id IN (SELECT l.id FROM limits l WHERE x.name < 'b' AND x.city = 'y') ORDER BY id"),
		// The planner estimates what stands in a list.
		S("SELECT id FROM users WHERE CASE WHEN age > 10 THEN city ELSE 'z' END IN ('x', 'z') ORDER BY id FOR UPDATE"),
		S("SELECT id FROM users u WHERE EXISTS (SELECT FROM payments p WHERE p.user_id = u.id AND CASE WHEN p.amount > $1 AND p.account < 9 THEN 'y' ELSE 'z' END = ANY ($2))", "5", "{y,q}"),
		S("UPDATE users SET city = 'w' WHERE CASE WHEN age > 10 THEN city ELSE 'z' END NOT IN ('x', 'z')"), S("SELECT id, city FROM users ORDER BY id"),
		// Texts that differ in a literal only.
		S("SELECT id FROM users u WHERE EXISTS (SELECT 1 FROM payments p WHERE p.user_id = u.id AND p.amount >= 5 AND p.account = 1 AND p.note = 'b') ORDER BY id"),
		S("SELECT id FROM users u WHERE EXISTS (SELECT 1 FROM payments p WHERE p.user_id = u.id AND p.amount >= 6 AND p.account = 2 AND p.note = 'xx') ORDER BY id"),
		S("SELECT id FROM users u WHERE EXISTS (SELECT 1 FROM payments p WHERE p.user_id = u.id AND p.amount >= $1 AND p.account = $2 AND p.note = $3) ORDER BY id", "5", "1", "b"),
		S("SELECT id FROM users u WHERE EXISTS (SELECT 1 FROM payments p WHERE p.user_id = u.id AND p.amount >= $1 AND p.account = $2 AND p.note = $3) ORDER BY id", "6", "2", "xx"),
		S("SELECT x FROM users AS u(x, y, z) WHERE z > 10 ORDER BY x FOR UPDATE").Refused("cannot be"),
		S("SELECT j.id FROM (users JOIN limits USING (id)) AS j WHERE j.age > 10 FOR UPDATE").Refused("cannot be"),
		S("SELECT p.id FROM payments p JOIN users u USING (id) WHERE age > 10 AND amount > 5 ORDER BY p.id FOR UPDATE OF p"),
		// PostgreSQL does not come to all rows.
		S("SELECT id FROM users u WHERE id < 100 AND EXISTS (SELECT FROM payments p WHERE p.user_id = u.id AND p.id = 2 AND 10 / (p.amount - 250) < 5) ORDER BY id"),
		S("SELECT id FROM users u WHERE EXISTS (SELECT FROM payments p WHERE p.id > 0 AND 10 / (p.amount - p.amount) < 5)").Fails("22012"),
		S("CREATE VIEW old AS SELECT id FROM users WHERE age > 50").Refused("cannot be"),
		S("SELECT id FROM users WHERE age > 3 ORDER BY id; SELECT id FROM users WHERE id IN (SELECT user_id FROM payments WHERE amount > 5) ORDER BY id").Simple(),
	}
	pair.SameIn(t, formulaModes, steps...)
	c := sidesOf(t, pair)
	c.in("COPY payments FROM STDIN CSV", []byte("101,1,1,100,2024-01-01,x\n102,2,1,5,,\n103,,2,,,y\n104,3,2,77.7,2020-02-02,\n"))
	for _, query := range []string{"SELECT * FROM payments WHERE amount > 50 ORDER BY id", "SELECT id FROM payments WHERE account IN (SELECT account FROM payments WHERE paid < '2023-01-01') ORDER BY id", "SELECT id, amount * 2 FROM payments WHERE note LIKE '%' ORDER BY id"} {
		c.out("COPY (" + query + ") TO STDOUT")
		c.out("COPY (" + query + ") TO STDOUT CSV HEADER")
		for _, sql := range []string{"EXPLAIN " + query, "EXPLAIN ANALYZE " + query} {
			if rows, err := c.sealed.Exec(t.Context(), sql).ReadAll(); err != nil || len(rows) != 1 || len(rows[0].Rows) == 0 {
				t.Errorf("%s: %v", sql, err)
			}
		}
	}
}

// A query outside of a transaction block sees what the question in front of it has seen, whoever
// writes in between.
func TestRangesAnywhereBesideAWriter(t *testing.T) {
	pair := harness.New(t, payments)
	ctx := t.Context()
	reader, writer := pair.Connect(t, pair.URL()), pair.Connect(t, pair.URL())
	for _, sql := range []string{
		"INSERT INTO users (id) SELECT n FROM generate_series(1, 20) n",
		"INSERT INTO payments (id, user_id, account) SELECT n, n, n % 3 FROM generate_series(1, 20) n",
		"UPDATE payments SET amount = 100",
	} {
		if _, err := writer.Exec(ctx, sql); err != nil {
			t.Fatal(err)
		}
	}
	statements := []string{
		"SELECT id FROM users WHERE id IN (SELECT user_id FROM payments WHERE amount > 50) ORDER BY id",
		"SELECT count(*) FROM users WHERE id IN (SELECT user_id FROM payments WHERE amount > 50)",
		"SELECT upper('of'), u.id FROM users u JOIN payments p ON p.user_id = u.id AND p.amount > 50 ORDER BY u.id",
	}
	raw := reader.PgConn()
	want := make([]string, len(statements))
	for i, sql := range statements {
		if _, err := reader.Prepare(ctx, fmt.Sprintf("s%d", i), sql); err != nil {
			t.Fatal(err)
		}
		want[i] = fmt.Sprintf("%s", raw.ExecParams(ctx, sql, nil, nil, nil, nil).Read().Rows)
	}
	done := make(chan error)
	stop := make(chan struct{})
	go func() {
		for n := 0; ; n++ {
			select {
			case <-stop:
				done <- nil
				return
			default:
			}
			if _, err := writer.Exec(ctx, "UPDATE payments SET amount = $1 WHERE account = $2", 100+n%7, n%3); err != nil {
				done <- err
				return
			}
		}
	}()
	for n := range 200 {
		i := n % len(statements)
		sql := statements[i]
		for mode, run := range map[string]func() ([][][]byte, error){
			"simple": func() ([][][]byte, error) {
				all, err := raw.Exec(ctx, sql).ReadAll()
				if err != nil {
					return nil, err
				}
				return all[0].Rows, nil
			},
			"unnamed": func() ([][][]byte, error) {
				r := raw.ExecParams(ctx, sql, nil, nil, nil, nil).Read()
				return r.Rows, r.Err
			},
			"prepared": func() ([][][]byte, error) {
				r := raw.ExecPrepared(ctx, fmt.Sprintf("s%d", i), nil, nil, nil).Read()
				return r.Rows, r.Err
			},
		} {
			if rows, err := run(); err != nil || fmt.Sprintf("%s", rows) != want[i] {
				t.Fatalf("%s, after %d: %s instead of %s, %v\n%s", mode, n, rows, want[i], err, sql)
			}
		}
	}
	close(stop)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	var isolation string
	if err := reader.QueryRow(ctx, "SHOW transaction_isolation").Scan(&isolation); err != nil || isolation != "read committed" {
		t.Error(isolation, err)
	}
}
