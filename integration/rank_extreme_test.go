package integration

import (
	"testing"

	"pgseal/integration/harness"
)

var staffGroups = harness.Schema{
	DDL: `CREATE TABLE emp (id int PRIMARY KEY, dept text, boss int, pay numeric, born date, name text COLLATE "C", rate float8, ok boolean, code text);
CREATE TABLE depts (dept text PRIMARY KEY, most numeric);
CREATE VIEW staff AS SELECT id, dept, pay FROM emp`,
	Seal: []string{"public.emp.pay", "public.emp.born --equality", "public.emp.name", "public.emp.rate", "public.emp.ok", "public.emp.code --equality", "public.depts.most"},
}

// The rows that have the greatest value of their group.
func TestGreatestOfGroups(t *testing.T) {
	pair := harness.New(t, staffGroups)
	w := pair.Env.Canaries.Text()
	pair.SameIn(t, formulaModes,
		S("INSERT INTO emp VALUES (1, 'a', 1, 100, '1990-01-01', '"+w+"ann', 1.5, true, 'p'), (2, 'a', 1, 100.00, '1980-02-02', 'bob', 'NaN', false, 'q'), (3, 'a', 2, 99.9, NULL, NULL, 0, NULL, 'p'), "+
			"(4, 'b', 2, NULL, '2000-01-01', 'Cid', '-0', true, NULL), (5, 'b', 2, 'NaN', '1999-01-01', 'dan', 'Infinity', true, 'q'), (6, 'b', NULL, 5, '2001-01-01', 'eve', 0, true, 'p'), "+
			"(7, NULL, NULL, 7, '1970-01-01', 'z', 3, false, 'q'), (8, NULL, 1, 8, '1970-01-01', '', 3, false, NULL), (9, 'c', 3, NULL, NULL, NULL, NULL, NULL, 'r')"),
		S("INSERT INTO depts VALUES ('a', 100), ('b', 7), ('d', NULL)"),
		S("SELECT id, name, pay FROM emp WHERE (dept, pay) IN (SELECT dept, max(pay) FROM emp GROUP BY dept) ORDER BY id"),
		S("SELECT id FROM emp WHERE (dept, pay) NOT IN (SELECT dept, max(pay) FROM emp GROUP BY dept) ORDER BY id"),
		S("SELECT id FROM emp WHERE NOT ((dept, pay) IN (SELECT dept, min(pay) FROM emp WHERE pay IS NOT NULL AND dept IS NOT NULL GROUP BY dept)) ORDER BY id"),
		S("SELECT id FROM emp e WHERE (e.dept, e.pay) IN (SELECT f.dept, max(f.pay) FROM emp f WHERE f.id < $1 GROUP BY f.dept) AND e.boss = $2 ORDER BY id", "6", "1"),
		S("SELECT id FROM emp WHERE (dept, boss, pay) = ANY (SELECT dept, boss, min(pay) FROM emp GROUP BY 1, 2) ORDER BY id"),
		S("SELECT id FROM emp WHERE pay IN (SELECT max(pay) FROM emp GROUP BY dept) ORDER BY id"),
		S("SELECT id FROM emp WHERE pay IN (SELECT max(pay) AS m FROM emp GROUP BY dept ORDER BY m NULLS FIRST LIMIT 3) ORDER BY id"),
		S("SELECT id FROM emp WHERE pay NOT IN (SELECT max(pay) FROM emp WHERE dept = 'a' GROUP BY dept) ORDER BY id"),
		S("SELECT id FROM emp WHERE pay <> ALL (SELECT max(pay) FROM emp WHERE dept <> 'c' GROUP BY dept) ORDER BY id"),
		S("SELECT id FROM emp WHERE pay >= ALL (SELECT max(pay) FROM emp WHERE dept <> 'c' GROUP BY dept) ORDER BY id"),
		S("SELECT id FROM emp WHERE pay < ANY (SELECT min(pay) FROM emp GROUP BY dept) ORDER BY id"),
		S("SELECT id FROM emp WHERE (dept, pay) < ANY (SELECT dept, max(pay) FROM emp GROUP BY dept)").Refused("public.emp.pay"),
		S("SELECT id FROM emp WHERE (dept, born) IN (SELECT dept, max(born) FROM emp GROUP BY dept) ORDER BY id"),
		S("SELECT id FROM emp WHERE (dept, name) IN (SELECT dept, max(name) FROM emp GROUP BY dept) ORDER BY id"),
		S("SELECT id FROM emp WHERE (dept, rate) IN (SELECT dept, min(rate) FROM emp GROUP BY dept) ORDER BY id"),
		S("SELECT id FROM emp WHERE (dept, rate) IN (SELECT dept, max(rate) FROM emp GROUP BY dept) ORDER BY rate, id"),
		S("SELECT id FROM emp WHERE (code, pay) IN (SELECT code, max(pay) FROM emp GROUP BY code) ORDER BY id"),
		S("SELECT id FROM emp WHERE (code, pay, born) IN (SELECT code, max(pay), min(born) FROM emp GROUP BY code) ORDER BY id"),
		S("SELECT id FROM emp WHERE pay > 50 AND (dept, pay) IN (SELECT dept, max(pay) FROM emp GROUP BY dept) ORDER BY id"),
		S("SELECT id FROM emp WHERE (dept, pay) IN (SELECT dept, max(pay) FROM emp GROUP BY dept HAVING sum(pay) > 100 AND count(*) > 1) ORDER BY pay, id"),
		S("SELECT dept, count(*), max(pay) FROM emp WHERE (dept, pay) IN (SELECT dept, max(pay) FROM emp GROUP BY dept) GROUP BY dept ORDER BY dept"),
		S("SELECT d.dept, e.id, e.pay FROM depts d LEFT JOIN emp e ON e.dept = d.dept AND (e.dept, e.pay) IN (SELECT dept, max(pay) FROM emp GROUP BY dept) ORDER BY 1, 2"),
		S("SELECT d.dept, e.id FROM depts d LEFT JOIN emp e ON e.dept = d.dept WHERE (e.dept, e.pay) IN (SELECT dept, max(pay) FROM emp GROUP BY dept) OR e.id IS NULL ORDER BY 1, 2"),
		S("SELECT dept FROM depts d WHERE EXISTS (SELECT 1 FROM emp e WHERE e.dept = d.dept AND e.pay IN (SELECT max(pay) FROM emp GROUP BY boss)) ORDER BY dept"),
		S("SELECT id FROM emp e WHERE pay IN (SELECT max(pay) FROM emp f WHERE f.dept = e.dept GROUP BY boss) ORDER BY id"),
		S("SELECT id, (dept, pay) IN (SELECT dept, max(pay) FROM emp GROUP BY dept) FROM emp ORDER BY id"),
		S("SELECT id FROM staff WHERE (dept, pay) IN (SELECT dept, max(pay) FROM staff GROUP BY dept) ORDER BY id"),
		S("WITH top AS (SELECT id FROM emp WHERE (dept, pay) IN (SELECT dept, max(pay) FROM emp GROUP BY dept)) SELECT count(*) FROM top"),
		S("SELECT id FROM emp WHERE (dept, pay) IN (SELECT dept, max(pay) FROM emp WHERE id > 99 GROUP BY dept)"),
		S("SELECT id FROM emp WHERE pay IN (SELECT max(pay) FROM emp WHERE id > 99)"),
		S("SELECT id FROM emp WHERE (dept, pay) IN (SELECT dept, max(pay) FROM emp)").Fails("42803"),
		S("SELECT id FROM emp WHERE (dept, ok) IN (SELECT dept, max(ok) FROM emp GROUP BY dept)").Fails("42883"),
		S("SELECT id FROM emp WHERE (dept, pay) IN (SELECT dept, max(most) FROM depts GROUP BY dept) ORDER BY id"),
		S("SELECT id FROM emp WHERE (dept, pay) IN (SELECT dept, max(boss) FROM emp GROUP BY dept)").Refused("public.emp.pay"),
		S("SELECT id FROM emp WHERE (dept, pay) IN (SELECT dept, max(pay) FROM staff GROUP BY dept) ORDER BY id"),
		S("SELECT id FROM emp WHERE (dept, pay) IN (SELECT dept, avg(pay) FROM emp GROUP BY dept)").Refused("public.emp.pay"),
		S("SELECT id FROM emp e WHERE pay IN (SELECT max(e.pay) FROM depts)").Refused("public.emp.pay"),
		S("SELECT dept FROM emp GROUP BY dept HAVING max(pay) IN (SELECT max(pay) FROM emp)").Refused("public.emp.pay"),
		S("CREATE VIEW top AS SELECT id FROM emp WHERE (dept, pay) IN (SELECT dept, max(pay) FROM emp GROUP BY dept)").Refused("public.emp.pay"),
		S("BEGIN"), S("DECLARE c CURSOR FOR SELECT id FROM emp WHERE (dept, pay) IN (SELECT dept, max(pay) FROM emp GROUP BY dept) ORDER BY id"), S("FETCH 1 FROM c"), S("FETCH ALL FROM c"), S("COMMIT"),
		S("UPDATE emp SET boss = 77 WHERE (dept, pay) IN (SELECT dept, max(pay) FROM emp GROUP BY dept)"), S("SELECT id, boss FROM emp ORDER BY id"),
		S("INSERT INTO depts SELECT dept || id, NULL FROM emp WHERE (dept, pay) IN (SELECT dept, min(pay) FROM emp GROUP BY dept)"), S("SELECT dept FROM depts ORDER BY 1"),
		S("DELETE FROM emp WHERE (dept, pay) NOT IN (SELECT dept, max(pay) FROM emp WHERE dept IS NOT NULL AND pay IS NOT NULL GROUP BY dept)"), S("SELECT id, pay FROM emp ORDER BY id"),
	)
}
