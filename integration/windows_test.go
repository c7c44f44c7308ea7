package integration

import (
	"testing"

	"pgseal/integration/harness"
)

var staff = harness.Schema{
	DDL:  `CREATE TABLE staff (id int PRIMARY KEY, name text COLLATE "C", dept text, city text COLLATE "C", salary numeric(10,2), bonus int, rate float8, hired date, active bool, grade int);`,
	Seal: []string{"public.staff.name --equality", "public.staff.city", "public.staff.salary", "public.staff.bonus", "public.staff.rate", "public.staff.hired", "public.staff.active"},
}

// Window functions over sealed values give what PostgreSQL gives of plain ones.
func TestWindowsOverSealedValues(t *testing.T) {
	pair := harness.New(t, staff)
	w := pair.Env.Canaries.Text()
	pair.SameIn(t, formulaModes,
		S("INSERT INTO staff VALUES (1, '"+w+"ann', 'a', 'x', 1000, 5, 1.5, '2020-01-01', true, 1), (2, 'bob', 'a', 'y', 2000, NULL, 2.5, '2020-02-01', false, 2), (3, 'cid', 'b', 'x', 1500, 7, -0, '2019-01-01', true, 3), (4, 'dan', 'b', NULL, NULL, 7, 'NaN', NULL, NULL, 4), (5, 'eve', 'a', 'x', 1000.00, -2, 'Infinity', '2021-05-05', true, 5), (6, NULL, NULL, 'y', 700, 0, 0, '2020-01-01', false, NULL), (7, 'fay', 'b', 'z', 1500.5, 9, 4, '2018-01-01', NULL, 7)"),
		S("SELECT id, rank() OVER (ORDER BY salary DESC), dense_rank() OVER (ORDER BY salary DESC), row_number() OVER (ORDER BY salary DESC, id) FROM staff ORDER BY id"),
		S("SELECT name, rank() OVER (PARTITION BY dept ORDER BY salary DESC NULLS LAST) AS place FROM staff ORDER BY dept, place, id"),
		S("SELECT id, percent_rank() OVER (ORDER BY bonus), cume_dist() OVER (ORDER BY bonus), ntile(3) OVER (ORDER BY bonus, id) FROM staff ORDER BY id"),
		S("SELECT id, percent_rank() OVER (PARTITION BY dept ORDER BY hired), cume_dist() OVER (PARTITION BY city ORDER BY hired DESC) FROM staff ORDER BY id"),
		S("SELECT id, lag(salary) OVER (ORDER BY salary, id), lead(name, 2) OVER (ORDER BY salary, id), lag(bonus, 1, 0) OVER (ORDER BY hired, id) FROM staff ORDER BY id"),
		S("SELECT id, lag(bonus, $1, $2) OVER (ORDER BY salary, id), ntile($3) OVER (ORDER BY salary, id) FROM staff ORDER BY id", "2", "-7", "4"),
		S("SELECT id, lag(id, -1) OVER (ORDER BY salary, id), lead(dept, 0) OVER (ORDER BY salary, id), lag(grade, grade) OVER (ORDER BY salary, id) FROM staff ORDER BY id"),
		S("SELECT id, first_value(name) OVER (PARTITION BY dept ORDER BY salary, id), last_value(id) OVER (PARTITION BY dept ORDER BY salary, id), nth_value(salary, 2) OVER (PARTITION BY dept ORDER BY salary, id ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) FROM staff ORDER BY id"),
		S("SELECT id, sum(salary) OVER (ORDER BY id), avg(salary) OVER (PARTITION BY dept), count(*) OVER (ORDER BY salary), count(bonus) OVER (ORDER BY salary), max(hired) OVER (ORDER BY hired) FROM staff ORDER BY id"),
		S("SELECT id, sum(bonus) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING), sum(bonus) OVER (ORDER BY id ROWS 2 PRECEDING), avg(bonus) OVER (ORDER BY id ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING), min(name) OVER (ORDER BY id ROWS BETWEEN 2 FOLLOWING AND 3 FOLLOWING), max(salary) OVER (ORDER BY id ROWS BETWEEN 3 PRECEDING AND 2 PRECEDING) FROM staff ORDER BY id"),
		S("SELECT id, sum(bonus) OVER (ORDER BY salary GROUPS BETWEEN 1 PRECEDING AND 1 FOLLOWING), count(*) OVER (ORDER BY salary GROUPS BETWEEN 2 PRECEDING AND 1 PRECEDING), count(id) OVER (ORDER BY bonus GROUPS BETWEEN 1 FOLLOWING AND 5 FOLLOWING), count(*) OVER (ORDER BY bonus GROUPS CURRENT ROW) FROM staff ORDER BY id"),
		S("SELECT id, sum(bonus) OVER (ORDER BY salary RANGE BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING EXCLUDE CURRENT ROW), sum(bonus) OVER (ORDER BY salary RANGE UNBOUNDED PRECEDING EXCLUDE GROUP), sum(bonus) OVER (ORDER BY salary GROUPS UNBOUNDED PRECEDING EXCLUDE TIES), last_value(id) OVER (ORDER BY salary RANGE BETWEEN CURRENT ROW AND CURRENT ROW EXCLUDE GROUP), nth_value(id, 2) OVER (ORDER BY id, salary ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING EXCLUDE CURRENT ROW) FROM staff ORDER BY id"),
		S("SELECT id, sum(bonus) OVER (ORDER BY salary, id ROWS BETWEEN $1 PRECEDING AND $2 FOLLOWING) FROM staff ORDER BY id", "1", "2"),
		S("SELECT id, sum(rate) OVER (ORDER BY id), avg(rate) OVER (ORDER BY id ROWS 1 PRECEDING), max(rate) OVER (ORDER BY rate) FROM staff ORDER BY id"),
		S("SELECT id, bool_and(active) OVER (ORDER BY id), bool_or(active) OVER (PARTITION BY dept), string_agg(name, ',') OVER (ORDER BY id), every(active) OVER (ORDER BY salary) FROM staff ORDER BY id"),
		S("SELECT id, sum(salary) FILTER (WHERE grade > 2) OVER (ORDER BY id), count(*) FILTER (WHERE salary > 900) OVER (ORDER BY id), count(*) FILTER (WHERE name = 'bob') OVER (PARTITION BY city) FROM staff ORDER BY id"),
		S("SELECT id, salary - avg(salary) OVER (PARTITION BY dept), round(salary * 100 / sum(salary) OVER (), 2) AS share FROM staff ORDER BY share DESC NULLS LAST, id"),
		S("SELECT id, CASE WHEN rank() OVER (ORDER BY salary DESC NULLS LAST) <= 3 THEN 'top' ELSE 'other' END, coalesce(lag(bonus) OVER (ORDER BY salary, id), -1) FROM staff ORDER BY id"),
		S("SELECT id, rank() OVER (PARTITION BY city ORDER BY id), count(*) OVER (PARTITION BY extract(year FROM hired)), row_number() OVER (PARTITION BY name IS NULL, active ORDER BY id) FROM staff ORDER BY id"),
		S("SELECT id, rank() OVER w, sum(bonus) OVER w, row_number() OVER (w ROWS BETWEEN 1 PRECEDING AND CURRENT ROW), count(*) OVER v FROM staff WINDOW w AS (PARTITION BY dept ORDER BY salary), v AS (PARTITION BY dept) ORDER BY id"),
		S("SELECT id, rank() OVER w, sum(bonus) OVER w, count(*) OVER v, rank() OVER (v ORDER BY hired), row_number() OVER u FROM staff WINDOW v AS (PARTITION BY dept), w AS (v ORDER BY salary), u AS (ORDER BY id) ORDER BY id"),
		S("SELECT id FROM staff WINDOW w AS (ORDER BY id) ORDER BY rank() OVER (ORDER BY salary DESC NULLS LAST), id"),
		S("SELECT id, dense_rank() OVER (ORDER BY salary) FROM staff ORDER BY 2 DESC, id LIMIT 3 OFFSET 1"),
		S("SELECT id, dense_rank() OVER (ORDER BY salary) AS r FROM staff ORDER BY r, id DESC LIMIT $1", "4"),
		S("SELECT id, sum(bonus) OVER (ORDER BY salary, id) FROM staff ORDER BY id LIMIT 2"),
		S("SELECT DISTINCT dense_rank() OVER (ORDER BY salary) FROM staff ORDER BY 1"),
		S("SELECT DISTINCT dept, max(salary) OVER (PARTITION BY dept) FROM staff ORDER BY dept"),
		// Without ORDER BY rows come as the window sorts them.
		S("SELECT id, rank() OVER (ORDER BY salary DESC, id) FROM staff"),
		S("SELECT id, sum(bonus) OVER (PARTITION BY dept ORDER BY hired DESC, id) FROM staff"),
		S("SELECT id, row_number() OVER (PARTITION BY city ORDER BY name) FROM staff LIMIT 4"),
		// Of groups, of rows that are joined or left out.
		S("SELECT dept, sum(salary), rank() OVER (ORDER BY sum(salary) DESC), sum(sum(salary)) OVER (ORDER BY dept) FROM staff GROUP BY dept ORDER BY dept"),
		S("SELECT dept, count(*), sum(count(*)) OVER (), lag(max(hired)) OVER (ORDER BY dept) FROM staff GROUP BY dept ORDER BY dept"),
		S("SELECT grade % 2, sum(bonus), rank() OVER (ORDER BY max(salary), grade % 2) FROM staff GROUP BY grade % 2 ORDER BY 3"),
		S("SELECT dept, rank() OVER (ORDER BY sum(salary)) FROM staff GROUP BY dept HAVING sum(salary) > 800 ORDER BY dept"),
		S("SELECT id, rank() OVER (PARTITION BY grade % 2 DESC ORDER BY grade DESC NULLS FIRST, salary), lag(id) OVER (ORDER BY dept DESC NULLS LAST, salary DESC, id) FROM staff ORDER BY id").Fails("42601"),
		S("SELECT id, rank() OVER (PARTITION BY grade % 2 ORDER BY grade DESC NULLS FIRST, salary), lag(id) OVER (ORDER BY dept DESC NULLS LAST, salary DESC, id) FROM staff ORDER BY id"),
		S("SELECT name, count(*), rank() OVER (ORDER BY name DESC) FROM staff GROUP BY name ORDER BY 3"),
		S("SELECT id, rank() OVER (ORDER BY salary) FROM staff WHERE salary > 900 ORDER BY id"),
		S("SELECT id, rank() OVER (ORDER BY salary), row_number() OVER (ORDER BY id) FROM staff WHERE salary > $1 AND dept = $2 ORDER BY id", "900", "a"),
		S("SELECT id, rank() OVER (ORDER BY salary) FROM staff WHERE name = 'bob' OR dept = 'b' ORDER BY id"),
		S("SELECT a.id, b.id, rank() OVER (PARTITION BY a.dept ORDER BY b.salary, b.id) FROM staff a JOIN staff b USING (dept) WHERE a.id <> b.id ORDER BY 1, 2"),
		S("SELECT id, rank() OVER (ORDER BY salary) FROM (SELECT id, salary FROM staff WHERE grade > 1) q ORDER BY id"),
		S("WITH q AS (SELECT * FROM staff WHERE dept = 'a') SELECT id, sum(salary) OVER (ORDER BY hired, id) FROM q ORDER BY id"),
		S("SELECT id, rank() OVER (ORDER BY salary) FROM staff WHERE false"),
		// Rows are chosen by what windows give.
		S("SELECT * FROM (SELECT id, dept, rank() OVER (PARTITION BY dept ORDER BY salary DESC NULLS LAST) AS r FROM staff) q WHERE r = 1 ORDER BY id"),
		S("SELECT id, name FROM (SELECT id, name, row_number() OVER (PARTITION BY dept ORDER BY salary, id) AS r FROM staff WHERE grade > $1) AS q WHERE q.r <= $2 ORDER BY q.id", "0", "2"),
		S("SELECT q.id, q.r + 1, length(q.name) FROM (SELECT id, name, dense_rank() OVER (ORDER BY salary) AS r, grade FROM staff) q WHERE q.r BETWEEN 2 AND 3 OR q.grade = 7 ORDER BY q.r DESC, q.id LIMIT 3"),
		S("WITH ranked AS (SELECT *, rank() OVER (ORDER BY salary DESC NULLS LAST) AS place FROM staff WHERE dept = 'a') SELECT id, place, salary FROM ranked WHERE place < 3 AND grade > 1 ORDER BY place"),
		S("WITH ranked(a, b) AS (SELECT id, lag(bonus) OVER (ORDER BY hired, id) FROM staff) SELECT a FROM ranked r WHERE b IS NOT NULL AND b > 0 ORDER BY a"),
		S(`SELECT * FROM (SELECT "staff"."id" AS "col1", "staff"."salary" AS "col2", RANK() OVER (PARTITION BY "staff"."dept" ORDER BY "staff"."salary" DESC) AS "qual0" FROM "staff") "qualify" WHERE "qual0" = (1) ORDER BY "col1"`),
		S(`SELECT "col1", "col2" FROM (SELECT * FROM (SELECT "staff"."id" AS "col1", "staff"."salary" AS "col2", RANK() OVER (PARTITION BY "staff"."dept" ORDER BY "staff"."salary" DESC) AS "qual0" FROM "staff") "qualify" WHERE "qual0" = (1)) "qualify_mask" ORDER BY "col1"`),
		S("SELECT id FROM (SELECT id, rank() OVER (ORDER BY salary) AS r FROM staff) q WHERE r > 2"),
		S("SELECT * FROM (SELECT id, rank() OVER (ORDER BY salary, id) AS r, sum(bonus) OVER (ORDER BY salary, id) FROM staff) q"),
		S("SELECT DISTINCT r FROM (SELECT id, dense_rank() OVER (ORDER BY salary) AS r FROM staff) q WHERE r > 1 ORDER BY r"),
		S("SELECT count(*) FROM (SELECT id, rank() OVER (ORDER BY salary) AS r FROM staff WHERE grade > 1) q"),
		S("SELECT count(*) FROM (SELECT id, rank() OVER (ORDER BY salary) AS r FROM staff) q WHERE r > $1", "1"),
		S("SELECT count(*) AS n FROM (SELECT * FROM (SELECT id, rank() OVER (ORDER BY salary) AS r FROM staff) q WHERE r = 1) m WHERE id > 0"),
		S("SELECT max(r) FROM (SELECT id, rank() OVER (ORDER BY salary) AS r FROM staff) q").Refused("cannot be"),
		S("SELECT id FROM (SELECT id, rank() OVER (ORDER BY salary) AS r FROM staff LIMIT 3) q WHERE r > 1").Refused("cannot be"),
		S("SELECT id FROM (SELECT id, rank() OVER (ORDER BY salary) AS r FROM staff) q JOIN staff s USING (id) WHERE r > 1").Refused("cannot be"),
		S("SELECT id, generate_series(1, 2) FROM (SELECT id, rank() OVER (ORDER BY salary) AS r FROM staff) q WHERE r > 1").Refused("cannot be"),
		S("SELECT id, generate_series(1, 2), rank() OVER (ORDER BY salary) FROM staff").Refused("cannot be"),
		S("SELECT id FROM (SELECT id, grade, rank() OVER (ORDER BY salary) AS r FROM staff) q WHERE r > 1 AND 10 / grade > 1"),
		S("SELECT 10 / (grade - 7) FROM (SELECT id, grade, rank() OVER (ORDER BY salary) AS r FROM staff) q WHERE r = 1").Refused("cannot be"),
		S("SELECT id, r FROM (SELECT id, grade, rank() OVER (ORDER BY salary) AS r FROM staff) q WHERE grade = 1"),
		S("SELECT id, r FROM (SELECT id, grade, dept, rank() OVER (ORDER BY salary) AS r FROM staff) q WHERE dept = $1 ORDER BY id", "b"),
		S("SELECT id, r FROM (SELECT id, grade, active, rank() OVER (ORDER BY salary) AS r FROM staff) q WHERE active ORDER BY id"),
		S("SELECT id, r FROM (SELECT id, grade, name, rank() OVER (ORDER BY salary) AS r FROM staff) q WHERE name = 'bob'"),
		S("SELECT id, r FROM (SELECT id, grade, name, rank() OVER (ORDER BY salary) AS r FROM staff) q WHERE length(dept) = 1 AND id IN (1, 5, 6) ORDER BY id"),
		// Errors, which come to the rows that need them only.
		S("SELECT id, ntile(0) OVER (ORDER BY salary) FROM staff").Fails("22014"),
		S("SELECT id, nth_value(id, 0) OVER (ORDER BY salary) FROM staff").Fails("22016"),
		S("SELECT id, sum(bonus) OVER (ORDER BY salary ROWS $1 PRECEDING) FROM staff", "-1").Fails("22013"),
		S("SELECT id, sum(bonus) OVER (ORDER BY salary ROWS $1 PRECEDING) FROM staff", nil).Fails("22004"),
		S("SELECT id, lag(10 / (grade - 7)) OVER (ORDER BY salary NULLS FIRST, id) FROM staff ORDER BY id").Fails("22012"),
		S("SELECT id, lag(10 / (bonus - 9)) OVER (ORDER BY bonus NULLS FIRST, id) FROM staff ORDER BY id"),
		S("SELECT id, sum(10 / bonus) OVER () FROM staff").Fails("22012"),
		S("SELECT id, ntile(grade - 8) OVER (ORDER BY grade DESC, bonus) FROM staff ORDER BY id").Fails("22014"),
		// What is refused.
		S("SELECT id FROM staff WHERE rank() OVER (ORDER BY salary) = 1").Refused("cannot be"),
		S("SELECT id, sum(bonus) OVER (ORDER BY salary RANGE BETWEEN 10 PRECEDING AND CURRENT ROW) FROM staff").Refused("cannot be"),
		S("SELECT id, rank() OVER (ORDER BY salary) FROM staff FOR UPDATE").Refused("cannot be"),
		S("SELECT dept, rank() OVER (ORDER BY salary) FROM staff GROUP BY dept").Fails("42803"),
		S("SELECT id, array_agg(salary) OVER (ORDER BY salary) FROM staff").Refused("cannot be"),
		S("BEGIN"), S("DECLARE c CURSOR FOR SELECT id, rank() OVER (ORDER BY salary DESC, id) FROM staff"), S("FETCH 2 FROM c"), S("FETCH ALL FROM c"), S("COMMIT"),
	)
}
