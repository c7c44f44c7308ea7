package integration

import (
	"testing"

	"pgseal/integration/harness"
)

// What MERGE does with a row depends on sealed values, of the table and of what it is merged with.
func TestMergesDecidedBySealedValues(t *testing.T) {
	pair := harness.New(t, tasksSchema())
	w := pair.Env.Canaries.Text()
	all := S("SELECT id, plain, status, n FROM tasks ORDER BY id")
	from := "MERGE INTO tasks t USING owners o ON t.id = o.task AND o.id <> 2 "
	pair.SameIn(t, formulaModes, S(taskRows), S(ownerRows),
		S(from+"WHEN MATCHED AND t.n = 1 AND t.id < 5 THEN UPDATE SET plain = 10 WHEN MATCHED AND t.status = '"+w+"' THEN DELETE WHEN MATCHED AND t.id > 3 AND t.n < 0 THEN UPDATE SET plain = 11"), all,
		S(from+"WHEN MATCHED AND t.n >= $1 AND o.age = $2 THEN UPDATE SET plain = 12, status = '"+w+"'", "1", "30"), all,
		S(from+"WHEN MATCHED AND t.status = $1 AND NOT (t.n = 2 OR t.id = 9) THEN UPDATE SET plain = 13", w), all,
		S("MERGE INTO tasks t USING owners o ON t.id = o.task + 3 WHEN MATCHED AND o.age > 35 THEN UPDATE SET plain = 14 WHEN NOT MATCHED AND o.role = 'lead' THEN INSERT (id, plain) VALUES (o.id + 100, 15) WHEN NOT MATCHED AND o.age IS NULL THEN INSERT (id, plain, status) VALUES (o.id + 200, 16, 'x')"), all,
		S("MERGE INTO tasks t USING owners o ON t.id = o.task AND t.n > 1 AND o.id <> 2 WHEN MATCHED THEN UPDATE SET plain = 17 WHEN NOT MATCHED AND o.age = 30 THEN INSERT (id, plain) VALUES (o.id + 300, 18)"), all,
		S("MERGE INTO tasks t USING (SELECT * FROM owners WHERE age >= 30 AND id <> 2) o ON t.id = o.task WHEN MATCHED AND o.role = 'lead' THEN UPDATE SET plain = 19"), all,
		S("MERGE INTO tasks t USING (VALUES (1, 'one'), (2, 'two'), (400, 'new')) v (id, name) ON t.id = v.id WHEN MATCHED AND t.n < 2 THEN UPDATE SET status = v.name WHEN NOT MATCHED THEN INSERT (id, status) VALUES (v.id, v.name)"), all,
		S(from+"WHEN MATCHED AND CASE t.n WHEN 2 THEN true END THEN UPDATE SET plain = 20"), all,
		S(from+"WHEN MATCHED AND t.n <> 0 AND 10 / t.n > 4 THEN UPDATE SET plain = 21"), all,
		S(from+"WHEN MATCHED AND 10 / t.n > 4 THEN UPDATE SET plain = 22").Fails("22012"), all,
		S(from+"WHEN MATCHED AND t.n > (SELECT min(age) FROM owners) THEN DELETE WHEN MATCHED AND t.status LIKE '%"+w[1:]+"' THEN UPDATE SET plain = 23"), all,
		S(from+"WHEN MATCHED AND t.status = o.role THEN DELETE"),
		S(from+"WHEN MATCHED AND t.n > o.age THEN DELETE"), all,
		S(from+"WHEN MATCHED AND t.n = 1 THEN UPDATE SET n = t.n + 1").Refused("public.tasks.n"),
		S("BEGIN"), S("UPDATE tasks SET n = 5 WHERE id = 1"), S(from+"WHEN MATCHED AND t.n = 5 THEN DELETE"), all, S("ROLLBACK"), all,
	)
}

// What INSERT … SELECT and MERGE give to plain columns depends on sealed values.
func TestPlainColumnsFilledByConditionsOnSealedValues(t *testing.T) {
	schema := tasksSchema()
	schema.DDL += "; CREATE TABLE marks (task int, mark text, flag boolean, note text)"
	schema.Seal = append(schema.Seal, "public.marks.note")
	pair := harness.New(t, schema)
	w := pair.Env.Canaries.Text()
	marks, all := S("SELECT * FROM marks ORDER BY 1, 2, 3").Unordered(), S("SELECT id, plain FROM tasks ORDER BY id")
	pair.SameIn(t, formulaModes, S(taskRows), S(ownerRows),
		S("INSERT INTO marks (task, mark) SELECT id, CASE WHEN n > 1 THEN 'many' WHEN status = '"+w+"' THEN 'own' ELSE 'few' END FROM tasks"), marks,
		S("INSERT INTO marks (task, mark) SELECT id, CASE n WHEN $1 THEN 'one' WHEN 2 THEN $2 END FROM tasks WHERE id < $3", "1", "two", "4"), marks,
		S("INSERT INTO marks (task, flag, note) SELECT id, n > 1, status FROM tasks WHERE id < 4 RETURNING task, flag, note").Unordered(), marks,
		S("INSERT INTO marks (task, mark) SELECT t.id, CASE WHEN o.age > 30 AND t.n > 0 THEN o.task::text END FROM tasks t LEFT JOIN owners o ON o.task = t.id WHERE t.n < 3"), marks,
		S("INSERT INTO marks (task) SELECT count(*) FILTER (WHERE n > 1) + sum(CASE WHEN n < 2 THEN 100 END) FROM tasks"), marks,
		S("INSERT INTO marks (task, mark) SELECT DISTINCT plain, CASE WHEN n > 1 THEN 'x' ELSE 'y' END FROM tasks ORDER BY 2 LIMIT 9"), marks,
		S("INSERT INTO marks (task, mark) SELECT id, CASE WHEN 10 / n > 4 THEN 'x' END FROM tasks WHERE n <> 0"), marks,
		S("INSERT INTO marks (task, mark) SELECT id, CASE WHEN 10 / n > 4 THEN 'x' END FROM tasks").Fails("22012"), marks,
		S("INSERT INTO marks (task, mark) SELECT plain, CASE WHEN n > 1 THEN 'x' END FROM tasks GROUP BY 1, 2").Refused("public.tasks.n"),
		S("INSERT INTO marks (task, mark) SELECT 1, CASE WHEN (SELECT max(n) FROM tasks) > 1 THEN 'x' END").Refused("public.tasks.n"), marks,
		S("MERGE INTO tasks t USING owners o ON t.id = o.task AND o.id <> 2 WHEN MATCHED AND t.id < 9 THEN UPDATE SET plain = CASE WHEN t.n > 1 THEN 50 ELSE t.plain + 1 END, status = 'm'"), all,
		S("MERGE INTO tasks t USING owners o ON t.id = o.task + 4 WHEN MATCHED THEN UPDATE SET plain = CASE o.age WHEN 30 THEN 60 WHEN $1 THEN 61 ELSE 62 END WHEN NOT MATCHED THEN INSERT (id, plain) VALUES (o.id + 100, CASE WHEN o.role = 'lead' THEN 70 END)", "40"), all,
	)
}
