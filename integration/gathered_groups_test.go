package integration

import (
	"fmt"
	"testing"

	"pgseal/integration/harness"
)

// Beside groups by columns without a term the rows of each are gathered into arrays and lists, in the
// order that the statement says.
func TestGatheredBesideGroupsWithoutTerms(t *testing.T) {
	pair := harness.New(t, staffSchema())
	w := pair.Env.Canaries.Text()
	steps := []harness.Step{}
	for _, rows := range []string{"SELECT 1", staffRows, "INSERT INTO staff (id, name, city, age, pay, plain, note) VALUES (9, '" + w + "', 'rome', 41, 1.5, 5, 'Y'), (10, 'a,\"b', 'rome', -5, 1.5, 4, 'é'), (11, 'NULL', 'oslo', NULL, NULL, 4, '')"} {
		steps = append(steps, S(rows),
			S("SELECT city, array_agg(id ORDER BY id) FROM staff GROUP BY city ORDER BY city"), S("SELECT city, array_agg(id ORDER BY id DESC) AS ids, count(*) FROM staff WHERE id < $1 GROUP BY city HAVING count(*) > 1 ORDER BY city DESC", "10"),
			S("SELECT city, array_agg(id ORDER BY note, id DESC), array_agg(id ORDER BY note DESC NULLS LAST, plain) FROM staff WHERE id <> 4 GROUP BY city ORDER BY city"), S("SELECT array_agg(name ORDER BY staff.id) FROM staff GROUP BY city").Unordered(),
			S("SELECT city, array_agg(name ORDER BY name DESC), array_agg(age ORDER BY age NULLS FIRST), array_agg(pay ORDER BY pay DESC, id), array_agg(plain ORDER BY pay, id) FROM staff GROUP BY city ORDER BY city"),
			S("SELECT city, array_agg(id + $1::int ORDER BY age DESC NULLS LAST, id) FROM staff WHERE age > $2 GROUP BY city ORDER BY city", "100", "-9"), S("SELECT age, array_agg(code ORDER BY id), array_agg(name || '!' ORDER BY id), array_agg(age > 1 ORDER BY id) FROM staff GROUP BY age ORDER BY age"),
			S("SELECT city, string_agg(name, ',' ORDER BY id), string_agg(note, '; ' ORDER BY id DESC), string_agg(note, ',' ORDER BY note DESC), string_agg(name || '?', $1 ORDER BY name DESC, id) FROM staff GROUP BY city ORDER BY city", "-"),
			S("SELECT city, string_agg(name, ',' ORDER BY age DESC, id), string_agg(name, '' ORDER BY name), string_agg(DISTINCT name, ',') FROM staff GROUP BY city ORDER BY city"),
			S("SELECT city, array_agg(DISTINCT plain), array_agg(DISTINCT name), array_agg(DISTINCT age), array_agg(DISTINCT pay), array_agg(DISTINCT id) FROM staff GROUP BY city ORDER BY city"),
			S("SELECT city, cardinality(array_agg(id ORDER BY id)) AS n, (array_agg(name ORDER BY id DESC))[1], array_to_string(array_agg(name ORDER BY id), '-') FROM staff GROUP BY city ORDER BY n, city"),
			S("SELECT plain, array_agg(name ORDER BY id) FROM staff GROUP BY plain ORDER BY plain"), S("SELECT code, array_agg(name ORDER BY id) FROM staff GROUP BY code ORDER BY code"), S("SELECT age / 10 AS y, array_agg(id ORDER BY id) FROM staff GROUP BY y ORDER BY y"),
			S("SELECT * FROM (SELECT city, array_agg(id ORDER BY id) AS ids, count(*) AS c FROM staff GROUP BY city) q WHERE c > 1 ORDER BY city"), S("SELECT ids FROM (SELECT city, array_agg(id ORDER BY id) AS ids, count(*) AS c FROM staff GROUP BY city) q WHERE c < 9").Unordered(),
			S("SELECT s.city, array_agg(o.id ORDER BY o.id, s.id) FROM staff s JOIN staff o ON o.plain = s.plain GROUP BY s.city ORDER BY s.city"),
		)
	}
	pair.SameIn(t, formulaModes, append(steps,
		S("SELECT city, array_agg(10 / age ORDER BY id) FROM staff GROUP BY city ORDER BY city").Fails("22012"),
		S("SELECT city, array_agg(id ORDER BY id) FILTER (WHERE id > 1) FROM staff GROUP BY city").Refused("public.staff.city"), S("SELECT city, array_agg(id ORDER BY 10 / plain) FROM staff GROUP BY city").Refused("public.staff.city"),
		S("SELECT city, array_agg(DISTINCT note) FROM staff GROUP BY city").Refused("public.staff.city"), S("SELECT city, array_agg(DISTINCT id ORDER BY id DESC), array_agg(DISTINCT name ORDER BY name DESC NULLS LAST) FROM staff GROUP BY city ORDER BY city"), S("SELECT city, array_agg(ARRAY[id]) FROM staff GROUP BY city").Refused("public.staff.city"),
		S("SELECT city, sum(id ORDER BY id) FROM staff GROUP BY city").Refused("public.staff.city"), S("SELECT city, array_agg(id ORDER BY id USING <) FROM staff GROUP BY city").Refused("public.staff.city"),
		S("SELECT city, array_agg(staff) FROM staff GROUP BY city").Refused("public.staff.city"), S("SELECT city, array_agg(DISTINCT pay * 1.0) FROM staff GROUP BY city").Refused("public.staff.city"),
		S("SELECT city, array_agg(id ORDER BY id) FROM staff GROUP BY city ORDER BY city"),
	)...)
}

// Mistakes in calls of aggregates are mistakes, and arrays of domains are not those of their types.
func TestCallsOfAggregatesThatThereAreNot(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL:  "CREATE DOMAIN posint AS int CHECK (VALUE > 0); CREATE DOMAIN short AS varchar(8); CREATE TABLE u (id int PRIMARY KEY, k int, tx text, num numeric(12,4), dp posint, ds short, plain int)",
		Seal: []string{"public.u.k", "public.u.tx", "public.u.num", "public.u.dp", "public.u.ds"},
	})
	var wrong []string
	for _, name := range []string{"sum", "max", "min", "avg", "stddev", "bool_and", "array_agg", "length", "upper", "string_agg"} {
		for _, sql := range []string{"SELECT %s(*) FROM u WHERE num > 1", "SELECT k, %s(*) FROM u GROUP BY k", "SELECT %s(*) FROM (SELECT DISTINCT k FROM u) q", "SELECT %s(*) OVER (ORDER BY k) FROM u"} {
			wrong = append(wrong, fmt.Sprintf(sql, name))
		}
	}
	for _, between := range []string{"5", "1.5", "true", "date '2024-01-01'", "NULL::int"} {
		for _, sql := range []string{"SELECT string_agg(tx, %s) FROM u WHERE id < 3", "SELECT k, string_agg(tx, %s ORDER BY id) FROM u GROUP BY k", "SELECT string_agg(tx, %s) OVER (ORDER BY k) FROM u"} {
			wrong = append(wrong, fmt.Sprintf(sql, between))
		}
	}
	wrong = append(wrong, "SELECT k, array_agg(dp ORDER BY id) FROM u GROUP BY k", "SELECT k, array_agg(DISTINCT ds) FROM u GROUP BY k", "SELECT ARRAY[dp, dp + 1] FROM u", "SELECT ARRAY[dp, dp] FROM u", "SELECT k, array_agg(id ORDER BY sum(id)) FROM u GROUP BY k")
	pair.SameIn(t, formulaModes,
		S("INSERT INTO u VALUES (1, 1, $1, 1.5, 5, 'a', 1), (2, 1, 'b', 2.5, 6, 'b', 2), (3, 2, 'c', NULL, NULL, NULL, 3)", pair.Env.Canaries.Text()),
		S("SELECT k, string_agg(tx, '-') FROM u WHERE id < 3 GROUP BY k"), S("SELECT string_agg(tx, $1) FROM u", "+"), S("SELECT string_agg(tx, '5'::varchar) FROM u"),
		S("SELECT array_agg(dp ORDER BY id) FROM u").Refused("public.u.dp"), S("SELECT array_agg(ds) FROM u").Refused("public.u.ds"),
		S("SELECT count(*) FROM u WHERE num > 1"), S("SELECT k, count(*) FROM u GROUP BY k ORDER BY k"))
	for _, mode := range []harness.Mode{harness.Simple, harness.PreparedBinary} {
		c := pair.Compare(t, mode)
		for _, sql := range wrong {
			c.Generated(S(sql))
		}
	}
}

// Arrays of the different values of a query that has no groups, or plain ones.
func TestArraysOfDistinctValues(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL:  `CREATE TABLE visits (id int PRIMARY KEY, page text COLLATE "C", who varchar(20) COLLATE "C", n int, paid numeric(10,2), at timestamp, free numeric, place char(4) COLLATE "C", area text COLLATE "C")`,
		Seal: []string{"public.visits.page --equality", "public.visits.who", "public.visits.n", "public.visits.paid", "public.visits.at", "public.visits.free", "public.visits.place"},
	})
	w := pair.Env.Canaries.Word()
	pair.SameIn(t, formulaModes,
		S("SELECT array_agg(DISTINCT page), array_agg(DISTINCT n ORDER BY n DESC) FROM visits"),
		S("INSERT INTO visits VALUES (1, $1, 'b', 3, 1.5, '2024-01-02', 1, 'x', 'north'), (2, 'p', 'a', 1, 1.50, '2024-01-01', 1.0, 'x', 'south'), (3, $1, 'b', 3, 2, '2024-01-02', 2, 'y', 'north'), (4, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'south'), (5, 'a', 'B', -1, 0, '2023-01-01', 3, 'Z', 'south')", w),
		S("SELECT array_agg(DISTINCT page), array_agg(DISTINCT who), array_agg(DISTINCT n), array_agg(DISTINCT paid), array_agg(DISTINCT at) FROM visits"),
		S("SELECT array_agg(DISTINCT page ORDER BY page DESC), array_agg(DISTINCT n ORDER BY n DESC NULLS LAST), array_agg(DISTINCT who ORDER BY who NULLS FIRST), count(*) FROM visits"),
		S("SELECT array_agg(DISTINCT page || '!'), array_agg(DISTINCT n * 2), array_agg(DISTINCT at::date), array_agg(DISTINCT n > 1) FROM visits"),
		S("SELECT area, array_agg(DISTINCT page), array_agg(DISTINCT n ORDER BY n DESC), sum(paid) FROM visits GROUP BY area ORDER BY area"),
		S("SELECT area, array_agg(DISTINCT page) FROM visits GROUP BY area HAVING cardinality(array_agg(DISTINCT page)) > 2 ORDER BY area"),
		S("SELECT array_agg(DISTINCT page) FILTER (WHERE id > 1), array_agg(DISTINCT n) FILTER (WHERE area = $1), array_agg(DISTINCT n) FILTER (WHERE id > 9) FROM visits", "south"),
		S("SELECT array_agg(DISTINCT v.page) FROM visits v JOIN visits o ON o.id = v.id + 1 WHERE o.area = 'south'"),
		S("SELECT array_agg(DISTINCT page) FROM visits WHERE n > $1", "0"),
		S("SELECT o.id, (SELECT array_agg(DISTINCT v.n) FROM visits v WHERE v.area = o.area) FROM visits o ORDER BY o.id"),
		S("SELECT x.pages, cardinality(x.pages) FROM (SELECT array_agg(DISTINCT page) AS pages FROM visits) x"),
		S("SELECT array_to_string(array_agg(DISTINCT page), ','), (array_agg(DISTINCT n))[1] FROM visits"),
		S("COPY (SELECT area, array_agg(DISTINCT page) FROM visits GROUP BY area ORDER BY area) TO STDOUT"),
		S("SELECT array_agg(DISTINCT page) FILTER (WHERE n > 1) FROM visits").Refused("public.visits.page"),
		S("SELECT array_agg(DISTINCT free) FROM visits").Refused("public.visits.free"),
		S("SELECT array_agg(DISTINCT place) FROM visits").Refused("public.visits.place"),
		S("SELECT array_agg(DISTINCT page ORDER BY page USING <) FROM visits").Refused("public.visits.page"),
		S("SELECT array_agg(DISTINCT n ORDER BY id) FROM visits").Refused("public.visits.n"),
	)
}
