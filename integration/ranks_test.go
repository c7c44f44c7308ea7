package integration

import (
	"testing"

	"pgseal/integration/harness"
)

var rankedStaff = harness.Schema{
	DDL: `CREATE TABLE staff (id int PRIMARY KEY, name text, dept text, salary numeric(10,2), born date, grade varchar(5), note text, on_duty boolean);
CREATE TABLE rooms (id int PRIMARY KEY, staff_id int, floor int, area int);
CREATE TABLE picked (n serial, id int, name text, salary numeric(10,2));
CREATE VIEW paid AS SELECT id, dept, salary FROM staff`,
	Seal: []string{"public.staff.name --equality", "public.staff.salary", "public.staff.born", "public.staff.grade", "public.staff.on_duty --equality", "public.rooms.area", "public.picked.name", "public.picked.salary"},
}

// The server sorts by sealed values where the client does not get the rows: in subqueries, in
// aggregates and windows of them, in statements that store or lock rows.
func TestRanks(t *testing.T) {
	pair := harness.New(t, rankedStaff)
	w := pair.Env.Canaries.Text()
	steps := []harness.Step{
		S("INSERT INTO staff VALUES (1, '" + w + "ann', 'a', 100, '1990-01-01', 'A', 'x', true), (2, 'bob', 'a', 250.5, '1980-05-05', 'B', NULL, false), (3, NULL, 'b', NULL, NULL, NULL, 'y', NULL), (4, 'Bob', 'b', 100, '2000-02-29', 'a', 'z', true), (5, 'cid', NULL, -3, 'infinity', 'B ', 'x', false), (6, '', 'a', 99.99, '0044-03-15 BC', '', 'w', true)"),
		S("INSERT INTO rooms VALUES (1, 1, 1, 20), (2, 1, 2, 15), (3, 2, 1, 30), (4, 4, 1, NULL), (5, NULL, 2, 15), (6, 6, 2, 7)"),
		// The first rows, in FROM and WITH, and what is made of them.
		S("SELECT * FROM (SELECT id, name, salary FROM staff ORDER BY salary DESC NULLS LAST, id LIMIT 3) t"),
		S("SELECT t.id, t.name, r.area FROM (SELECT id, name FROM staff WHERE dept = $1 ORDER BY name LIMIT $2) t LEFT JOIN rooms r ON r.staff_id = t.id ORDER BY t.name, r.area", "a", "2"),
		S("SELECT t.id, t.born FROM (SELECT id, born FROM staff ORDER BY born LIMIT 4 OFFSET 1) AS t"),
		S("SELECT sum(salary), count(*), max(name) FROM (SELECT salary, name FROM staff ORDER BY salary DESC NULLS LAST, id LIMIT 3) t"),
		S("WITH top AS (SELECT id, name AS called, grade FROM staff ORDER BY called DESC NULLS LAST LIMIT 3) SELECT * FROM top WHERE id > 1 ORDER BY grade, id"),
		S("WITH top AS MATERIALIZED (SELECT id, salary FROM staff ORDER BY 2, 1) SELECT id FROM top"),
		S("SELECT * FROM (SELECT * FROM staff ORDER BY lower(name), salary + 1 DESC, id LIMIT 4) s"),
		S("SELECT array_agg(id) FROM (SELECT id FROM staff ORDER BY length(name) NULLS FIRST, grade, id) s"),
		S("SELECT id FROM (SELECT id, salary FROM paid WHERE dept IS NOT NULL ORDER BY salary, id LIMIT 3) v ORDER BY id"),
		S("SELECT * FROM (SELECT DISTINCT ON (dept) dept, id, salary FROM staff ORDER BY dept, salary DESC NULLS LAST, id) q ORDER BY dept"),
		S("WITH last AS (SELECT DISTINCT ON (staff_id) staff_id, id, area FROM rooms ORDER BY staff_id, area, id) SELECT s.name, l.area FROM staff s LEFT JOIN last l ON l.staff_id = s.id ORDER BY s.id"),
		S("SELECT name FROM staff WHERE id IN (SELECT DISTINCT ON (dept, on_duty IS NULL) id FROM staff WHERE id < $1 ORDER BY on_duty IS NULL, dept, 2, id) ORDER BY id", "7").Fails("42P10"),
		S("SELECT count(*), sum(salary) FROM (SELECT DISTINCT ON (dept) salary FROM staff ORDER BY dept, 1 DESC NULLS LAST, id) q"),
		S("SELECT DISTINCT q.dept FROM (SELECT dept, salary FROM staff ORDER BY salary DESC NULLS LAST LIMIT 2) q"),
		S("SELECT id FROM (SELECT s.id, r.id AS room FROM staff s JOIN rooms r ON r.staff_id = s.id ORDER BY s.name, r.area, r.id LIMIT 4) q"),
		S("SELECT id, room FROM (SELECT s.id, r.id AS room FROM staff s LEFT JOIN rooms r ON r.staff_id = s.id ORDER BY r.area NULLS FIRST, s.salary, s.id, r.id LIMIT 5) q"),
		S("SELECT id FROM (SELECT id, on_duty FROM staff ORDER BY on_duty, id LIMIT 4) q"),
		S("SELECT * FROM (SELECT id FROM staff WHERE name = 'bob' OR id = 1 ORDER BY name LIMIT 9) q"),
		S("SELECT * FROM (SELECT id FROM staff WHERE name <> 'bob' ORDER BY name DESC LIMIT 9) q"),
		S("SELECT * FROM (SELECT a.id, b.id AS other FROM staff a, staff b WHERE a.name = 'bob' ORDER BY b.name NULLS FIRST LIMIT 9) q"),
		S("SELECT * FROM (SELECT coalesce(name, grade) FROM staff ORDER BY 1 LIMIT 2) q"),
		S("SELECT * FROM (SELECT coalesce(grade, name) AS c FROM staff ORDER BY c DESC NULLS LAST, id LIMIT 2) q"),
		S("SELECT id FROM (SELECT id, salary FROM staff WHERE on_duty AND grade LIKE 'A' ORDER BY salary, id) q"),
		S("SELECT id FROM (SELECT id FROM staff WHERE NOT on_duty AND name = name ORDER BY salary, id) q"),
		S("SELECT id FROM (SELECT id FROM staff WHERE coalesce(on_duty, false) ORDER BY name LIKE 'b%', id) q"),
		S("SELECT id FROM staff WHERE on_duty AND salary > 50 ORDER BY id FOR UPDATE"),
		S("SELECT s.id, q.id FROM staff s, LATERAL (SELECT id FROM rooms r WHERE r.staff_id = s.id AND 1 / (r.id - 2) >= 0 ORDER BY r.area LIMIT 1) q WHERE s.id = 4"),
		S("SELECT * FROM (SELECT a.id FROM staff a JOIN staff b ON b.id = a.id ORDER BY salary LIMIT 3) q").Fails("42702"),
		// In conditions and outputs.
		S("SELECT id, name FROM staff WHERE id IN (SELECT id FROM staff ORDER BY salary DESC NULLS LAST, id LIMIT 3) ORDER BY name"),
		S("SELECT id FROM rooms WHERE staff_id = (SELECT id FROM staff ORDER BY born DESC LIMIT 1 OFFSET 2) ORDER BY id"),
		S("SELECT r.id, (SELECT s.name FROM staff s WHERE s.id = r.staff_id OR s.dept = 'b' ORDER BY s.salary DESC NULLS LAST, s.id LIMIT 1) FROM rooms r ORDER BY r.id"),
		S("SELECT s.id, q.id, q.area FROM staff s, LATERAL (SELECT id, area FROM rooms r WHERE r.staff_id = s.id ORDER BY r.area, id LIMIT 1) q ORDER BY s.id"),
		S("SELECT s.id, ARRAY(SELECT r.id FROM rooms r WHERE r.floor = s.id ORDER BY r.area DESC, r.id) FROM staff s ORDER BY s.id"),
		S("SELECT id FROM staff s WHERE EXISTS (SELECT 1 FROM rooms r WHERE r.staff_id = s.id ORDER BY r.area LIMIT 1) ORDER BY salary, id"),
		S("SELECT id FROM staff WHERE salary > 50 AND id IN (SELECT staff_id FROM rooms WHERE area > 10 ORDER BY area DESC, id LIMIT 2) ORDER BY id"),
		// Both ends at once.
		S("(SELECT id, name FROM staff ORDER BY salary, id LIMIT 2) UNION ALL (SELECT id, name FROM staff ORDER BY salary DESC NULLS LAST, id LIMIT 2)"),
		S("SELECT id FROM staff ORDER BY salary FETCH FIRST 2 ROWS WITH TIES").Unordered(),
		S("SELECT id FROM staff ORDER BY salary DESC NULLS LAST OFFSET 1 FETCH FIRST 1 ROWS WITH TIES").Unordered(),
		// In aggregates and windows.
		S("SELECT array_agg(id ORDER BY salary DESC NULLS LAST, id), string_agg(note, ',' ORDER BY name, id), array_agg(name ORDER BY born) FROM staff"),
		S("SELECT dept, array_agg(id ORDER BY name DESC), json_agg(id ORDER BY grade, id) FROM staff GROUP BY dept ORDER BY dept"),
		S("SELECT s.dept, array_agg(r.id ORDER BY s.name, r.area DESC, r.id) FROM staff s JOIN rooms r ON r.staff_id = s.id GROUP BY s.dept ORDER BY 1"),
		S("SELECT id FROM rooms WHERE staff_id IN (SELECT id FROM (SELECT id, row_number() OVER (PARTITION BY dept ORDER BY salary DESC NULLS LAST, id) AS n FROM staff) x WHERE n = 1) ORDER BY id"),
		S("SELECT dept, array_agg(n ORDER BY id) FROM (SELECT id, dept, dense_rank() OVER (ORDER BY salary) AS n FROM staff) q GROUP BY dept ORDER BY dept"),
		S("SELECT id FROM staff WHERE id IN (SELECT id FROM (SELECT id, count(*) OVER (ORDER BY salary) AS n FROM staff) q WHERE n > 3) ORDER BY id"),
		S("SELECT id FROM rooms WHERE id IN (SELECT id FROM (SELECT id, sum(floor) OVER (ORDER BY area RANGE 5 PRECEDING) AS n FROM rooms) q WHERE n > 3)").Refused("public.rooms.area"),
		S("SELECT string_agg(name, ',' ORDER BY name), string_agg(grade, $1 ORDER BY salary DESC NULLS LAST, id) AS s FROM staff", "-"),
		S("SELECT dept, string_agg(name, '/' ORDER BY born DESC, id) AS names, sum(salary) FROM staff GROUP BY dept ORDER BY sum(salary) DESC NULLS LAST"),
		S("SELECT dept, string_agg(name, '/' ORDER BY born, id) AS names FROM staff GROUP BY dept ORDER BY names").Refused("public.staff"),
		S("SELECT string_agg(DISTINCT note, ',' ORDER BY name) FROM staff").Refused("public.staff.name"),
		S("SELECT id FROM rooms WHERE staff_id IN (SELECT max(id) FROM staff GROUP BY salary ORDER BY salary LIMIT 2)").Refused("public.staff.salary"),
		S("SELECT id FROM rooms WHERE staff_id IN (SELECT DISTINCT id FROM staff ORDER BY salary LIMIT 2)").Refused("public.staff.salary"),
		// Errors are those of the rows that the server comes to.
		S("SELECT id FROM (SELECT id FROM staff ORDER BY 1 / (salary - 100), id LIMIT 1) q").Fails("22012"),
		S("SELECT id FROM (SELECT id FROM staff WHERE dept = 'c' ORDER BY 1 / (salary - 100) LIMIT 1) q"),
		S("SELECT id FROM (SELECT id FROM staff ORDER BY nobody LIMIT 1) q").Fails("42703"),
		S("SELECT id FROM (SELECT id FROM staff ORDER BY salary LIMIT -1) q").Fails("2201W"),
		// Statements that lock, store and copy.
		S("SELECT id, name FROM staff ORDER BY salary NULLS FIRST, id LIMIT 2 FOR UPDATE SKIP LOCKED"),
		S("INSERT INTO picked (id, name, salary) SELECT id, name, salary FROM staff ORDER BY salary DESC NULLS LAST, id LIMIT 3"),
		S("INSERT INTO picked (id) SELECT id FROM staff ORDER BY born, id RETURNING n, id"),
		S("SELECT n, id, name, salary FROM picked ORDER BY n"),
		S("UPDATE staff SET note = 'top' WHERE id IN (SELECT id FROM staff WHERE dept = 'a' ORDER BY salary DESC LIMIT 1)"),
		S("UPDATE staff SET note = q.note FROM (SELECT id, 'last' AS note FROM staff ORDER BY name DESC NULLS LAST LIMIT 1) q WHERE q.id = staff.id"),
		S("DELETE FROM rooms WHERE id = (SELECT id FROM rooms ORDER BY area NULLS FIRST, id LIMIT 1) RETURNING id"),
		S("WITH gone AS (DELETE FROM rooms WHERE id IN (SELECT id FROM rooms ORDER BY area DESC, id LIMIT 1) RETURNING id) SELECT * FROM gone"),
		S("SELECT id, note FROM staff ORDER BY id"), S("SELECT id FROM rooms ORDER BY id"),
	}
	pair.SameIn(t, formulaModes, steps...)
}

// In a block the rows are as the statements before have left them, and a cursor has them as they
// were.
func TestRanksInBlocksAndCursors(t *testing.T) {
	pair := harness.New(t, rankedStaff)
	pair.SameIn(t, formulaModes,
		S("INSERT INTO staff (id, name, salary) VALUES (1, 'a', 3), (2, 'b', 2), (3, 'c', 1)"),
		S("BEGIN"),
		S("UPDATE staff SET salary = 10 WHERE id = 3"),
		S("SELECT id FROM (SELECT id FROM staff ORDER BY salary LIMIT 2) q"),
		S("DECLARE c SCROLL CURSOR FOR SELECT id, name FROM (SELECT * FROM staff ORDER BY salary DESC) q"),
		S("UPDATE staff SET salary = 99 WHERE id = 2"),
		S("FETCH 2 FROM c"), S("FETCH PRIOR FROM c"), S("FETCH ALL FROM c"),
		S("SELECT 1 / 0").Fails("22012"), S("ROLLBACK"),
		S("SELECT id FROM (SELECT id FROM staff ORDER BY salary LIMIT 2) q"),
		S("EXPLAIN (COSTS OFF) SELECT id FROM staff").Simple().Unordered(),
		S("BEGIN"), S("INSERT INTO staff (id, salary) VALUES (4, 0)"), S("SELECT id FROM staff ORDER BY salary LIMIT 1 FOR UPDATE"), S("COMMIT"),
	)
}
