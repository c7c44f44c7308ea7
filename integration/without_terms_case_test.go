package integration

import (
	"testing"

	"pgseal/integration/harness"
)

// A column becomes another value where it is equal to something, and stays where it is not.
func TestChoicesOfValuesWithoutATerm(t *testing.T) {
	pair := harness.New(t, tasksSchema())
	w := pair.Env.Canaries.Text()
	pair.SameIn(t, formulaModes, S(taskRows), S(ownerRows),
		S("UPDATE tasks SET status = CASE WHEN status = 'new' THEN 'open' ELSE status END RETURNING id, status"),
		S("UPDATE tasks SET status = CASE status WHEN 'open' THEN '"+w+"' WHEN 'Paid' THEN NULL ELSE status END WHERE plain < 3"),
		S("UPDATE tasks SET status = CASE WHEN status = $1 THEN $2 ELSE status END", w, "done"),
		S("UPDATE tasks SET status = CASE WHEN status IN ('done', 'paid') THEN code ELSE status END, n = CASE WHEN n = 1 THEN 10 ELSE n END WHERE id > 1"),
		S("UPDATE tasks SET active = CASE WHEN active THEN false ELSE true END"),
		S("UPDATE tasks SET active = NOT active"),
		S("UPDATE tasks SET active = CASE WHEN active IS TRUE THEN false WHEN active IS NULL THEN NULL ELSE active END"),
		S("UPDATE tasks SET status = CASE WHEN status = '' THEN 'empty' ELSE status END"),
		S("UPDATE tasks SET status = COALESCE(status, 'none') WHERE status IS NULL OR status = 'done'"),
		S("UPDATE tasks SET status = NULLIF(status, 'none')"),
		S("UPDATE tasks SET status = CASE WHEN n = ANY ($1) THEN 'any' ELSE status END", "{0,2}"),
		S("UPDATE tasks SET plain = CASE WHEN status = 'any' THEN 1 ELSE plain END"),
		S("UPDATE tasks SET plain = CASE WHEN active THEN 1 ELSE 0 END WHERE status = 'any'"),
		S("UPDATE tasks SET keyed = CASE WHEN status = 'any' THEN 'x' ELSE keyed END"),
		S("UPDATE tasks SET status = CASE WHEN keyed = 'x' THEN 'z' ELSE status END"),
		S("UPDATE tasks SET code = CASE WHEN code = 'a' THEN 'toolong' ELSE code END").Fails("22001"),
		S("UPDATE tasks t SET status = CASE WHEN t.status = 'z' THEN 'joined' ELSE t.status END FROM owners o WHERE o.task = t.id AND o.id = 1"),
		S("UPDATE tasks SET step = CASE WHEN status = 'z' THEN 'done' ELSE step END"),
		S("SELECT * FROM tasks ORDER BY id"),
	)
}
