package integration

import (
	"strings"
	"testing"

	"pgseal/integration/harness"
)

// One parameter can be compared with several columns, with terms and without, sealed and plain.
func TestParametersUsedTwiceWithoutATerm(t *testing.T) {
	schema := tasksSchema()
	schema.DDL += `; ALTER TABLE tasks ADD note text; ALTER TABLE tasks ADD word varchar(10)`
	pair := harness.New(t, schema)
	w := pair.Env.Canaries.Text()
	pair.SameIn(t, formulaModes, S(taskRows), S(ownerRows),
		S("UPDATE tasks SET note = 'new', word = 'k' WHERE id IN (1, 3)"), S("UPDATE tasks SET note = 'k', keyed = 'new' WHERE id = 4"), S("UPDATE tasks SET note = '' WHERE id = 2"),
		S("SELECT id FROM tasks WHERE status = $1 AND code = $1 ORDER BY id", "a"),
		S("SELECT id FROM tasks WHERE status = $1 OR code = $1 ORDER BY id", "a"),
		S("SELECT id FROM tasks WHERE status = $1 OR code = $1 ORDER BY id", nil),
		S("SELECT id FROM tasks WHERE status = $1 AND note = $1 ORDER BY id", "new"),
		S("SELECT id FROM tasks WHERE note = $1 AND status = $1 ORDER BY id", "new"),
		S("SELECT id FROM tasks WHERE status = $1 OR note = $1 ORDER BY id", "new"),
		S("SELECT id FROM tasks WHERE status = $1 AND keyed = $1 ORDER BY id", "new"),
		S("SELECT id FROM tasks WHERE keyed = $1 AND status <> $1 ORDER BY id", "k"),
		S("SELECT id FROM tasks WHERE keyed = $1 OR status = $1 ORDER BY id", "new"),
		S("SELECT id FROM tasks WHERE status = $1::text AND note = $1::text ORDER BY id", "new"),
		S("SELECT id FROM tasks WHERE status = $1 AND word = $1 ORDER BY id", "new"),
		S("SELECT id FROM tasks WHERE n = $1 AND plain = $1 ORDER BY id", "1"),
		S("SELECT id FROM tasks WHERE plain = $1 AND n = $1 ORDER BY id", "2"),
		S("SELECT id FROM tasks WHERE n = $1 AND big = $1 ORDER BY id", "2"),
		S("SELECT id FROM tasks WHERE ($1::text IS NULL OR status = $1) ORDER BY id", nil),
		S("SELECT id FROM tasks WHERE ($1::text IS NULL OR status = $1) ORDER BY id", "new"),
		S("SELECT id FROM tasks WHERE (status = $1 OR $1 IS NULL) AND plain > 1 ORDER BY id", nil),
		S("SELECT id FROM tasks WHERE ($1 = '' OR status = $1) ORDER BY id", ""),
		S("SELECT id FROM tasks WHERE ($1 = '' OR status = $1) ORDER BY id", "paid"),
		S("SELECT id FROM tasks WHERE ($1 = '' OR status = $1) ORDER BY id", nil),
		S("SELECT id FROM tasks WHERE status = COALESCE($1, status) ORDER BY id", nil),
		S("SELECT id FROM tasks WHERE status = COALESCE($1, status) ORDER BY id", "new"),
		S("SELECT id FROM tasks WHERE ($1::text[] IS NULL OR status = ANY ($1)) ORDER BY id", "{new,"+w+"}"),
		S("SELECT id FROM tasks WHERE note ILIKE $1 OR status ILIKE $1 ORDER BY id", "%N%"),
		S("SELECT id FROM tasks WHERE (note ILIKE $1 OR status ILIKE $1 OR code ILIKE $1) AND note LIKE $2 AND n > $3 AND plain < $3 ORDER BY id", "%w", "n%", "2"),
		S("SELECT id FROM tasks WHERE plain < $1 AND n > $1 ORDER BY id", "1"),
		S("SELECT id FROM tasks WHERE CASE WHEN $1 = '' THEN true ELSE status = $1 END ORDER BY id", ""),
		S("SELECT count(*) FROM tasks WHERE status = $1 AND note = $1", "new"),
		S("SELECT count(*) FROM tasks WHERE ($1::text IS NULL OR status = $1) AND ($2::int IS NULL OR n = $2)", "new", "1"),
		S("SELECT status, $1::text AS asked FROM tasks WHERE status = $1 ORDER BY id", "new"),
		S("SELECT id, status = $1, note = $1 FROM tasks ORDER BY id", "new"),
		S("SELECT t.id, o.id FROM tasks t JOIN owners o ON o.task = t.id AND o.role = $1 WHERE t.status <> $1 ORDER BY 1, 2", "lead"),
		S("SELECT t.id, o.id FROM tasks t LEFT JOIN owners o ON o.task = t.id AND o.role = $1 AND t.note <> $1 ORDER BY 1, 2", "lead"),
		S("SELECT id FROM tasks WHERE id IN (SELECT task FROM owners WHERE role = $1 AND age = $2) AND n <> $2 ORDER BY id", "lead", "30"),
		S("UPDATE tasks SET status = $1 WHERE status <> $1 AND id = $2 RETURNING id", "open", "2"),
		S("UPDATE tasks SET note = $1 WHERE status = $1 RETURNING id", "new"),
		S("UPDATE tasks SET keyed = $1 WHERE status = $1 AND note = $1 RETURNING id", "new"),
		S("DELETE FROM owners WHERE age = $1 AND task = $1", "1"), S("DELETE FROM owners WHERE role = $1 OR role = $1 || 's'", "lead"),
		S("SELECT * FROM tasks ORDER BY id"), S("SELECT * FROM owners ORDER BY id"),
	)
	pair.SameIn(t, []harness.Mode{harness.Unnamed, harness.PreparedText, harness.PreparedBinary}, S(taskRows),
		S("SELECT id FROM tasks WHERE ($1 IS NULL OR status = $1) ORDER BY id", "new").Refused("public.tasks.status"), // 42P18
		S("SELECT id FROM tasks WHERE n = $1 AND note = $1 ORDER BY id", "1").Refused("which stands elsewhere in the statement, too"),
		S("SELECT id FROM tasks WHERE plain = $1 AND big = $1 ORDER BY id", "1").Refused("which stands elsewhere in the statement, too"),
		S("SELECT id FROM tasks WHERE status = $1 AND note <> $1 || 'x' ORDER BY id", "new").Refused("which stands elsewhere in the statement, too"),
		S("SELECT id FROM tasks WHERE code = $1 AND length($1) = 1 ORDER BY id", "a"))
}

// A condition is tested for what it is, of sealed booleans as well.
func TestTruthWithoutATerm(t *testing.T) {
	schema := tasksSchema()
	schema.DDL += `; ALTER TABLE tasks ADD vip boolean; ALTER TABLE tasks ADD known boolean; ALTER TABLE tasks ADD open boolean`
	schema.Seal = append(schema.Seal, "public.tasks.vip", "public.tasks.known --equality")
	pair := harness.New(t, schema)
	steps := []harness.Step{S(taskRows), S(ownerRows), S("UPDATE tasks SET vip = true, open = false WHERE id IN (1, 2)"), S("UPDATE tasks SET vip = false, known = true, open = true WHERE id IN (3, 4)"), S("UPDATE tasks SET known = false WHERE id IN (1, 6)")}
	for _, test := range []string{"TRUE", "NOT TRUE", "FALSE", "NOT FALSE", "UNKNOWN", "NOT UNKNOWN"} {
		for _, condition := range []string{"vip IS %", "vip IS % AND plain > 1", "vip IS % OR status = 'new'", "NOT (vip IS %)", "vip IS % AND active IS %", "known IS %", "known IS % AND vip IS %", "(known OR vip) IS %", "(status = 'new') IS %",
			"(status = $1) IS % AND open IS %", "(vip OR open) IS %", "open IS % OR vip", "(vip IS %) IS TRUE", "(n > 1) IS %", "(vip AND NULL) IS %"} {
			var args []any
			if strings.Contains(condition, "$1") {
				args = []any{"new"}
			}
			steps = append(steps, S("SELECT id FROM tasks WHERE "+strings.ReplaceAll(condition, "%", test)+" ORDER BY id", args...))
		}
		steps = append(steps, S("SELECT id, vip IS "+test+", CASE WHEN vip IS "+test+" THEN 1 ELSE 2 END FROM tasks ORDER BY id"), S("SELECT count(*) FILTER (WHERE vip IS "+test+"), count(*) FROM tasks WHERE active IS "+test),
			S("SELECT t.id, o.id FROM tasks t LEFT JOIN owners o ON o.task = t.id AND (o.age = 30) IS "+test+" WHERE t.vip IS "+test+" ORDER BY 1, 2"))
	}
	steps = append(steps, S("UPDATE tasks SET plain = 8 WHERE vip IS NOT TRUE RETURNING id"), S("DELETE FROM tasks WHERE vip IS NOT FALSE AND open RETURNING id"), S("SELECT id FROM tasks WHERE status IS TRUE").Fails("42804"))
	pair.SameIn(t, formulaModes, steps...)
}
