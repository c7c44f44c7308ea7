package integration

import (
	"testing"

	"pgseal/integration/harness"
)

// ORMs write an empty list as a query without rows: IN is false and NOT IN is true of all rows,
// also of those with NULL.
func TestEmptyListsWrittenAsQueries(t *testing.T) {
	pair := harness.New(t, tasksSchema())
	pair.Same(t, S(taskRows), S(ownerRows),
		S("SELECT id FROM tasks WHERE status IN (SELECT CAST(NULL AS VARCHAR) WHERE 1!=1)"),
		S("SELECT id FROM tasks WHERE (status NOT IN (SELECT CAST(NULL AS VARCHAR) WHERE 1!=1)) ORDER BY id"),
		S("SELECT id FROM tasks WHERE n IN (SELECT 1 WHERE 1!=1) OR plain = 3"),
		S("SELECT id FROM tasks WHERE n NOT IN (SELECT 1 WHERE 1 = 0) AND plain = $1 ORDER BY id", "1"),
		S("SELECT id FROM tasks WHERE NOT (code IN (SELECT NULL::varchar(5) WHERE false)) ORDER BY id"),
		S("SELECT id FROM tasks WHERE pad <> ALL (SELECT CAST(NULL AS CHAR(4)) WHERE 1!=1) ORDER BY id"),
		S("SELECT id FROM tasks WHERE step = ANY (SELECT NULL::phase WHERE 1!=1) OR step NOT IN (SELECT NULL::phase WHERE 1!=1) ORDER BY id"),
		S("SELECT id, doc NOT IN (SELECT NULL::jsonb WHERE 1!=1), uid IN (SELECT NULL::uuid WHERE 1!=1) FROM tasks ORDER BY id"),
		S("SELECT id FROM tasks WHERE (status, n) IN (SELECT CAST(NULL AS VARCHAR), CAST(NULL AS INTEGER) WHERE 1!=1)"),
		S("SELECT id FROM tasks WHERE (keyed, n) NOT IN (SELECT CAST(NULL AS VARCHAR), CAST(NULL AS INTEGER) WHERE 1!=1) ORDER BY id"),
		S("SELECT id FROM tasks WHERE keyed NOT IN (SELECT CAST(NULL AS VARCHAR) WHERE 1!=1) ORDER BY id"),
		S("SELECT id FROM tasks WHERE status::varchar NOT IN (SELECT CAST(NULL AS VARCHAR) WHERE 1!=1) ORDER BY id"),
		S("SELECT id FROM tasks WHERE n IN (SELECT CAST(NULL AS VARCHAR) WHERE 1!=1)").Fails("42883"),
		S("SELECT id FROM tasks WHERE n IN (SELECT 1 WHERE 1 = 1)").Refused("public.tasks.n"),
		S("SELECT id FROM tasks WHERE n IN (SELECT 1 WHERE 1 != 2)").Refused("public.tasks.n"),
		S("SELECT id FROM tasks WHERE n IN (SELECT 2 WHERE 1 != 1)").Refused("public.tasks.n"),
		S("SELECT id FROM tasks WHERE n NOT IN (SELECT 1 LIMIT 0)").Refused("public.tasks.n"),
		S("SELECT id FROM tasks WHERE n IN (SELECT count(*) WHERE 1 != 1)").Refused("public.tasks.n"),
		S("SELECT count(*) FROM tasks t JOIN owners o ON o.task = t.id AND o.role NOT IN (SELECT CAST(NULL AS VARCHAR) WHERE 1!=1)"),
		S("SELECT id FROM tasks WHERE id IN (SELECT task FROM owners WHERE age NOT IN (SELECT 1 WHERE 1!=1)) ORDER BY id"),
		S("UPDATE tasks SET plain = 9 WHERE status IN (SELECT CAST(NULL AS VARCHAR) WHERE 1!=1)"),
		S("UPDATE tasks SET plain = 8 WHERE status NOT IN (SELECT CAST(NULL AS VARCHAR) WHERE 1!=1) AND id < 3"),
		S("DELETE FROM owners WHERE (role NOT IN (SELECT CAST(NULL AS VARCHAR) WHERE 1!=1)) AND id > 3"),
		S("CREATE VIEW none AS SELECT id FROM tasks WHERE status IN (SELECT NULL::varchar WHERE 1!=1)").Refused("public.tasks.status"),
		S("SELECT * FROM tasks ORDER BY id"), S("SELECT * FROM owners ORDER BY id"),
	)
	pair.SameIn(t, formulaModes, S("UPDATE tasks SET n = n + 1 WHERE status NOT IN (SELECT CAST(NULL AS VARCHAR) WHERE 1!=1)"),
		S("SELECT id, n FROM tasks WHERE status NOT IN (SELECT CAST(NULL AS VARCHAR) WHERE 1!=1) AND n > 1 ORDER BY n, id"))
}

// Members of a list can be computed, beside a column with a term, too.
func TestListsWithComputedMembers(t *testing.T) {
	schema := tasksSchema()
	schema.Seal[len(schema.Seal)-1] += " --equality" // owners.age
	schema.DDL += "; ALTER TABLE owners ADD born date, ADD big bigint, ADD amount numeric(10,2), ADD real real, ADD pad char(4)"
	schema.Seal = append(schema.Seal, "public.owners.born --equality", "public.owners.big --equality", "public.owners.amount --equality", "public.owners.real --equality", "public.owners.pad --equality")
	pair := harness.New(t, schema)
	w := pair.Env.Canaries.Text()
	pair.SameIn(t, formulaModes, S(taskRows), S(ownerRows), S("UPDATE owners SET born = '2024-01-02', big = 11, amount = 1.50, real = 1.5, pad = 'a' WHERE id = 1"),
		S("UPDATE tasks SET keyed = '"+w+"' WHERE id = 1"),
		S("SELECT id FROM owners WHERE age IN (20 + 10, 50) ORDER BY id"),
		S("SELECT id FROM owners WHERE age NOT IN (20 + 10, 50) ORDER BY id"),
		S("SELECT id FROM owners WHERE age NOT IN (20 + 10, NULL) ORDER BY id"),
		S("SELECT id FROM owners WHERE age NOT IN (20 + NULL, 50) ORDER BY id"),
		S("SELECT id FROM owners WHERE age IN (20 + 10, '40', NULL) ORDER BY id"),
		S("SELECT id FROM owners WHERE age IN (20 + 10, $1) ORDER BY id", "40"),
		S("SELECT id FROM owners WHERE age IN (20 + 10, 40.0) ORDER BY id"),
		S("SELECT id FROM owners WHERE age IN (20 + 10, '40.5')").Fails("22P02"),
		S("SELECT id FROM owners WHERE age IN (20 / 0, 40)").Fails("22012"),
		S("SELECT id FROM owners WHERE age IN (20 + 10, 40::float8)").Refused("public.owners.age"),
		S("SELECT id FROM owners WHERE age IN (20.0 + 10, '40')").Refused("public.owners.age"),
		S("SELECT id FROM owners WHERE age IN (random()::int, 40)").Refused("public.owners.age"),
		S("SELECT id FROM owners WHERE big IN (10 + 1, 9007199254740993) ORDER BY id"),
		S("SELECT id FROM owners WHERE amount IN (1 + 0.5, 3 - 1, 7) ORDER BY id"),
		S("SELECT id FROM owners WHERE born IN (date '2024-01-01' + 1, '2023-01-01') ORDER BY id"),
		S("SELECT id FROM owners WHERE born IN (date '2024-01-01' + 1, CURRENT_DATE) ORDER BY id"),
		S("SELECT id FROM owners WHERE real IN (1::real + 0.5::real, 2) ORDER BY id").Refused("public.owners.real"),
		S("SELECT id FROM owners WHERE pad IN (lower('A') || '', 'b') ORDER BY id").Refused("public.owners.pad"),
		S("SELECT id FROM tasks WHERE keyed IN ('"+w[:3]+"' || '"+w[3:]+"', lower('L'), upper('k'), NULL) ORDER BY id"),
		S("SELECT id FROM tasks WHERE keyed NOT IN (concat('"+w[:3]+"', '"+w[3:]+"'), replace('lx', 'x', '')) ORDER BY id"),
		S("SELECT id FROM tasks WHERE keyed IN (10 + 1, 'x')").Fails("42883"),
		S("SELECT count(*) FILTER (WHERE age IN (20 + 10, 50)) FROM owners"),
		S("SELECT id, CASE WHEN age IN (20 + 10, 50) THEN 'y' ELSE 'n' END FROM owners ORDER BY id"),
		S("UPDATE owners SET task = 7 WHERE age IN (20 + 10, 50)"), S("DELETE FROM owners WHERE age IN (20 + 20, 7)"),
		S("SELECT * FROM owners ORDER BY id"),
	)
}
