package integration

import (
	"testing"

	"pgseal/integration/harness"
)

// staffSchema has columns without an equality term beside one with it and plain ones.
func staffSchema() harness.Schema {
	return harness.Schema{
		DDL: `CREATE TABLE staff (id int PRIMARY KEY, name text, city text, age int, code text, pay numeric(10, 2), plain int, note text);
			CREATE TABLE visits (id int PRIMARY KEY, staff int)`,
		Seal: []string{"public.staff.name", "public.staff.city", "public.staff.age", "public.staff.pay", "public.staff.code --equality"},
	}
}

const staffRows = `INSERT INTO staff (id, name, city, age, code, pay, plain, note) VALUES
	(1, 'ann', 'rome', 30, 'a', 1.50, 1, 'x'), (2, 'bob', 'oslo', 30, 'b', 2.50, 1, 'y'), (3, 'ann', 'rome', 41, 'a', 1.5, 2, 'x'),
	(4, NULL, 'oslo', NULL, NULL, NULL, 2, NULL), (5, 'cid', NULL, 41, 'c', 3, 3, 'z'), (6, NULL, 'rome', 30, 'a', 2, 3, 'x'), (7, '', '', 0, '', 0, NULL, '')`

// A query around one that groups by columns without a term has conditions, aggregates and outputs
// of its own, as paginators and reports write it.
func TestQueriesAroundGroupsWithoutTerms(t *testing.T) {
	pair := harness.New(t, staffSchema())
	w := pair.Env.Canaries.Text()
	ages := "(SELECT age, count(*) AS c FROM staff GROUP BY age) q"
	steps := []harness.Step{}
	for _, rows := range []string{"SELECT 1", staffRows, "INSERT INTO staff (id, name, age) VALUES (9, '" + w + "', 41)"} {
		steps = append(steps, S(rows), S("INSERT INTO visits SELECT id * 10 + n, id FROM staff, generate_series(1, 3) n WHERE id % 3 >= n ON CONFLICT DO NOTHING"),
			// conditions
			S("SELECT * FROM "+ages+" WHERE q.c > 1 ORDER BY c, age"), S("SELECT * FROM "+ages+" WHERE c > $1 ORDER BY q.age DESC NULLS LAST LIMIT 1", "1"),
			S("SELECT * FROM "+ages+" WHERE age = 30"), S("SELECT * FROM "+ages+" WHERE age = $1 OR c = $2 ORDER BY 1", "41", "1"), S("SELECT * FROM "+ages+" WHERE c BETWEEN 2 AND $1 AND age IS NOT NULL", "3").Unordered(),
			S("SELECT q.* FROM (SELECT name, plain, count(*), max(pay) AS most FROM staff WHERE id < $1 GROUP BY 1, 2 HAVING count(*) < 9) AS q WHERE most IS NOT NULL AND plain IN (1, 2) AND count = 1 AND name LIKE 'a%' ORDER BY most, plain", "9"),
			S("SELECT * FROM (SELECT age, count(*) AS c FROM staff GROUP BY age ORDER BY age) q WHERE c > 1"), S("SELECT * FROM (SELECT DISTINCT name FROM staff) q WHERE name > 'a' ORDER BY name"),
			S("SELECT * FROM (SELECT DISTINCT name, plain FROM staff) q WHERE q.plain > $1 ORDER BY q.name, plain OFFSET 1", "1"),
			S("WITH q AS (SELECT age, count(*) AS c FROM staff GROUP BY age) SELECT * FROM q WHERE c > 1 ORDER BY c DESC"), S("WITH staff AS (SELECT DISTINCT name FROM staff) SELECT * FROM staff WHERE name <> 'bob' ORDER BY name"),
			S("SELECT * FROM (SELECT name, string_agg(note, ',') AS notes FROM staff WHERE plain = 1 GROUP BY name) q WHERE notes = 'x'"),
			S("SELECT * FROM (SELECT age, sum(10 / (age - 30)) AS s FROM staff GROUP BY age) q WHERE age = 41"), S("SELECT * FROM (SELECT age, count(*) AS c FROM staff GROUP BY age HAVING sum(10 / (age - 30)) > 0) q WHERE age = 41"),
			// other outputs
			S("SELECT age FROM "+ages+" WHERE c > 1 ORDER BY age"), S("SELECT c AS n, q.age FROM "+ages+" ORDER BY n, 2"), S("SELECT c FROM "+ages+" WHERE age > 1 ORDER BY c"), S("SELECT c * 2 AS d, age + 1, age AS years FROM "+ages+" WHERE c < 9 ORDER BY years"),
			S("SELECT plain, most FROM (SELECT name, s.plain, max(pay) most, count(*) FROM staff s GROUP BY name, plain) q WHERE count = 1 ORDER BY 1, 2"), S("SELECT age, age FROM "+ages+" WHERE c = 2").Unordered(),
			S("SELECT plain AS z, name, m FROM (SELECT s.id AS plain_id, name, plain, max(pay) m FROM staff s GROUP BY 1, 2, 3) q WHERE m >= 0 ORDER BY z, m, name"), S("SELECT id AS z, m FROM (SELECT plain AS id, max(pay) m, name FROM staff s GROUP BY plain, name) q WHERE m >= 0 ORDER BY z DESC, m"),
			S("SELECT name FROM (SELECT DISTINCT name, age FROM staff) q WHERE age > $1 ORDER BY name LIMIT $2", "29", "3"), S("SELECT decade * 10 AS years, c FROM (SELECT age / 10 AS decade, count(*) AS c FROM staff GROUP BY decade) q WHERE decade > 2 ORDER BY 1"),
			S("WITH q AS (SELECT age a, count(*) AS n FROM staff WHERE id > $1 GROUP BY age) SELECT n, a AS \"Age\" FROM q WHERE n <> $2 ORDER BY \"Age\"", "0", "3"),
			S("SELECT q.name, n FROM (SELECT s.name, count(v.id) AS n FROM staff s LEFT JOIN visits v ON v.staff = s.id GROUP BY s.name) AS q WHERE q.n >= 1 ORDER BY name"),
			// aggregates of groups
			S("SELECT max(c) FROM "+ages), S("SELECT max(c) AS m, min(c), sum(c), avg(c), count(*), count(age), COALESCE(max(age), -1), round(avg(c), 2) + 1, bool_and(c > 1), stddev(c) FROM "+ages),
			S("SELECT max(c), count(*), count(c), COALESCE(sum(c), 0), max(age) FROM "+ages+" WHERE c > $1", "100"), S("SELECT count(*) FROM "+ages+" WHERE c > 1"), S("SELECT max(c)::text || '!' AS x FROM "+ages+" WHERE age > $1", "30"),
			S("SELECT max(s), sum(s), min(s) FROM (SELECT city, sum(pay) AS s FROM staff GROUP BY city) q WHERE city IS NOT NULL"), S("SELECT max(x), min(x) FROM (SELECT city, max(name) AS x FROM staff GROUP BY city) q"),
			S("SELECT count(name), count(*), min(name) FROM (SELECT DISTINCT name FROM staff) q"), S("SELECT sum(age) FROM (SELECT DISTINCT age FROM staff WHERE id < $1) AS q WHERE age < $2", "9", "99"),
			S("SELECT count(*) AS count_1 FROM (SELECT staff.age AS age, count(staff.id) AS n FROM staff GROUP BY staff.age ORDER BY n DESC) AS anon_1"), S("SELECT count(*) AS count_1 FROM (SELECT staff.age AS age, count(staff.id) AS n FROM staff GROUP BY staff.age ORDER BY count(staff.id) DESC, staff.age) AS anon_1"),
			S("WITH q AS (SELECT age, count(*) AS n FROM staff GROUP BY age) SELECT max(n), count(*) AS all FROM q WHERE n < $1", "3"), S("WITH q AS (SELECT DISTINCT name FROM staff) SELECT count(*) FROM q"), S("WITH q AS (SELECT name FROM staff GROUP BY 1) SELECT count(name) + 1 FROM q"),
			S("SELECT max(n) FROM (SELECT s.name, count(v.id) AS n FROM staff s JOIN visits v ON v.staff = s.id WHERE s.age > 0 GROUP BY s.name) q"), S("BEGIN"), S("SELECT max(c) FROM "+ages+" WHERE age < 40"), S("COMMIT"),
		)
	}
	pair.SameIn(t, formulaModes, append(steps,
		S("SELECT * FROM (SELECT age, sum(100 / age) AS s FROM staff GROUP BY age) q WHERE s > 1 ORDER BY s").Fails("22012"), S("SELECT max(c / 0) FROM "+ages).Fails("22012"), S("SELECT max(x) FROM "+ages).Fails("42703"),
		// what depends on the order of groups, or is not known
		S("SELECT array_agg(c) FROM "+ages).Refused("public.staff.age"), S("SELECT string_agg(c::text, ',') FROM "+ages).Refused("public.staff.age"), S("SELECT sum(f) FROM (SELECT city, sum(pay::float8) AS f FROM staff GROUP BY city) q").Refused("public.staff.city"),
		S("SELECT * FROM (SELECT age, count(*) AS c FROM staff GROUP BY age LIMIT 1) q WHERE c > 1").Refused("public.staff.age"), S("SELECT max(c), c FROM "+ages).Refused("public.staff.age"), S("SELECT * FROM "+ages+" WHERE count(*) > 1").Refused("public.staff.age"),
		S("SELECT max(c) FROM (SELECT city, count(*) AS c FROM staff GROUP BY age) q").Refused("public.staff.age"), S("SELECT max(c) FROM (SELECT age, count(*) AS c, generate_series(1, 2) AS g FROM staff GROUP BY age) q").Refused("public.staff.age"),
		S("SELECT max(c), 1 FROM "+ages).Refused("public.staff.age"), S("SELECT c, count(*) FROM "+ages+" GROUP BY c").Refused("public.staff.age"),
		S("SELECT * FROM (SELECT name COLLATE \"C\" AS n, city AS m, count(*) AS c FROM staff GROUP BY name COLLATE \"C\", city) q WHERE n < m").Refused("public.staff"),
		S("SELECT * FROM (SELECT age, row_number() OVER () AS r, count(*) AS c FROM staff GROUP BY age) q WHERE c > 1").Refused("public.staff.age"), S("SELECT plain || 'x' FROM (SELECT plain, age FROM staff GROUP BY plain, age) q WHERE age > 1").Refused("public.staff.age"),
		S("SELECT max(c) FROM "+ages),
	)...)
}
