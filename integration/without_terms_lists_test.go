package integration

import (
	"testing"

	"pgseal/integration/harness"
)

// Lists are of several types of numbers, and of rows; and ORMs write empty ones as queries.
func TestListsOfRowsAndNumbersWithoutATerm(t *testing.T) {
	pair := harness.New(t, tasksSchema())
	w := pair.Env.Canaries.Text()
	pair.SameIn(t, formulaModes, S(taskRows), S(ownerRows),
		S("SELECT id FROM tasks WHERE n IN (1, 2.0, 2.5) ORDER BY id"),
		S("SELECT id FROM tasks WHERE n NOT IN (1.0, NULL, 7.5) ORDER BY id"),
		S("SELECT id FROM tasks WHERE n NOT IN (1.5, 2) ORDER BY id"),
		S("SELECT id FROM tasks WHERE big IN (9007199254740993.0, 2) ORDER BY id"),
		S("SELECT id FROM tasks WHERE d IN (0.1, 1.5) ORDER BY id"), S("SELECT id FROM tasks WHERE d IN (0.1, 1) ORDER BY id"),
		S("SELECT id FROM tasks WHERE f IN (0.1, 1.5) ORDER BY id").Refused("public.tasks.f"),
		S("SELECT id FROM tasks WHERE n IN ('1', 2.5) ORDER BY id").Refused("public.tasks.n"),
		S("SELECT id FROM tasks WHERE n IN (1, 2.5::float8) ORDER BY id").Refused("public.tasks.n"),
		S("SELECT count(*), sum(cost) FROM tasks WHERE n IN (1, 2.5)"),
		S("SELECT id FROM tasks WHERE (status, n) IN (('new', 1), ('"+w+"', 2), ('paid', 2)) ORDER BY id"),
		S("SELECT id FROM tasks WHERE (status, n) IN (('new', 1)) ORDER BY id"),
		S("SELECT id FROM tasks WHERE (status, n) IN (($1, $2), ($3, $4)) ORDER BY id", "new", "1", w, "2"),
		S("SELECT id FROM tasks WHERE (status, n) IN (($1::text, $2::int), ($3::text, $4::int)) ORDER BY id", "new", "1", "paid", "2"),
		S("SELECT id FROM tasks WHERE (status, n) NOT IN (('new', 1), ('paid', 2)) ORDER BY id"),
		S("SELECT id FROM tasks WHERE (status, n) NOT IN (('new', NULL), ('paid', 2)) ORDER BY id"),
		S("SELECT id FROM tasks WHERE ((status, n) IN (('new', NULL), ('paid', 3))) IS NULL ORDER BY id"),
		S("SELECT id FROM tasks WHERE NOT ((status, n) IN (('new', 1), ('paid', 2.0))) ORDER BY id"),
		S("SELECT id FROM tasks WHERE ROW(status, plain) IN (ROW('new', 1), ('paid', 2)) ORDER BY id"),
		S("SELECT id FROM tasks WHERE (plain, keyed, status) IN ((1, 'k', 'new'), (2, 'l', 'x')) ORDER BY id"),
		S("SELECT id FROM tasks WHERE (keyed, plain) IN (('k', 1), ('l', 2)) ORDER BY id"),
		S("SELECT id FROM tasks WHERE (lower(status), n) IN (('paid', -1), ('paid', 2)) ORDER BY id"),
		S("SELECT id FROM tasks WHERE (status, n) IN (('new', 'x'))").Fails("22P02"),
		S("SELECT id FROM tasks WHERE (status, n) IN (('new', 1, 2))").Fails("42601"),
		S("SELECT id, (status, n) IN (('new', 1), ('paid', NULL)) FROM tasks ORDER BY id"),
		S("SELECT count(*) FROM tasks WHERE (status, n) IN (('new', 1), ('paid', 2))"),
		S("SELECT t.id, o.id FROM tasks t LEFT JOIN owners o ON o.task = t.id AND (o.role, o.age) IN (('lead', 30), ('member', 40)) ORDER BY 1, 2"),
		S("SELECT id FROM tasks WHERE id IN (SELECT task FROM owners WHERE (role, age) IN (('lead', 30), ('x', 1))) ORDER BY id"),
		S("UPDATE tasks SET plain = 8 WHERE (status, n) IN (($1, $2), ('x', 2))", "new", "1"),
		S("DELETE FROM owners WHERE (role, age) IN (('lead', 30), ('member', NULL))"),
		S("SELECT * FROM tasks ORDER BY id"), S("SELECT * FROM owners ORDER BY id"),
	)
}
