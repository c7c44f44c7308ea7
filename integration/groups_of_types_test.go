package integration

import (
	"testing"

	"pgseal/integration/harness"
)

// Doctrine groups by all columns of an entity, `GROUP BY u`: beside the primary key too,
// PostgreSQL compares none of a type without equality.
func TestTypesWithoutEqualityBesideTheKey(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL: `CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE DOMAIN feeling AS mood;
			CREATE TABLE items (id int PRIMARY KEY, doc json, at point, docs json[], felt feeling, note text)`,
		Seal: []string{"public.items.doc", "public.items.at", "public.items.docs", "public.items.felt", "public.items.note"},
	})
	pair.Same(t,
		S(`INSERT INTO items VALUES (1, '{"a": 1}', '(1,2)', '{}', 'ok', $1), (2, NULL, NULL, NULL, 'ok', NULL)`, pair.Env.Canaries.Word()),
		S("SELECT id, doc, count(*) FROM items GROUP BY id, doc").Fails("42883"),
		S("SELECT id, count(*) FROM items GROUP BY 1, at").Fails("42883"),
		S("SELECT DISTINCT i.* FROM items i").Fails("42883"),
		S("SELECT DISTINCT id, docs FROM items").Fails("42883"),
		S("SELECT id, doc FROM items UNION SELECT id, doc FROM items").Fails("42883"),
		S("SELECT id, at FROM items EXCEPT SELECT id, at FROM items WHERE id = $1", "1").Fails("42883"),
		S("SELECT id, doc, note, count(*) FROM items GROUP BY id ORDER BY id"),
		S("SELECT id, felt, count(*) FROM items GROUP BY id, felt, note ORDER BY id"),
		S("SELECT DISTINCT id, felt, note FROM items ORDER BY id"),
		S("SELECT id, felt FROM items UNION SELECT id, felt FROM items").Unordered(),
	)
}

// Equal arrays look the same if their elements do, so one stands for a group.
func TestGroupsOfArrays(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL: `CREATE TYPE mood AS ENUM ('sad', 'ok');
			CREATE TABLE items (id int PRIMARY KEY, tags text[], names varchar(9)[], nums int[], prices numeric(5,2)[], codes char(3)[], days date[], moods mood[],
				ids uuid[], free numeric[], nets inet[], docs jsonb[], scores float[])`,
		Seal: []string{"public.items.tags --equality", "public.items.names --equality", "public.items.nums --equality", "public.items.prices --equality", "public.items.codes --equality",
			"public.items.days --equality", "public.items.moods --equality", "public.items.ids --equality", "public.items.free --equality", "public.items.nets --equality",
			"public.items.docs --equality", "public.items.scores --equality"},
	})
	w := pair.Env.Canaries.Word()
	const id = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"
	steps := []harness.Step{
		S("INSERT INTO items VALUES (1, '{" + w + ",NULL,\"a,b\"}', '{x}', '{1,2}', '{1.5,NULL}', '{a}', '{2001-02-03}', '{sad,ok}', '{" + id + "}', '{1.0}', '{10.0.0.1}', '{}', '{0}')," +
			" (2, '{" + w + ", NULL , \"a,b\"}', '{\"x\"}', '[1:2]={1,2}', '{1.50,NULL}', '{a  }', '{2001-02-03}', '{sad,ok}', '{" + id + "}', '{1.00}', '{10.0.0.1/32}', '{}', '{-0}')," +
			" (3, '{}', '{}', '[0:1]={1,2}', '{1.51}', '{{a}}', '{}', NULL, '{}', '{}', '{}', '{}', '{}'), (4, NULL, NULL, '{{1,2}}', NULL, NULL, NULL, '{ok}', NULL, NULL, NULL, NULL, NULL)"),
	}
	for _, column := range []string{"tags", "names", "nums", "prices", "codes", "days", "moods", "ids"} {
		steps = append(steps,
			S("SELECT "+column+", count(*) FROM items GROUP BY "+column).Unordered(),
			S("SELECT DISTINCT "+column+" FROM items").Unordered(),
			S("SELECT "+column+" FROM items UNION SELECT "+column+" FROM items WHERE id > $1", "1").Unordered())
	}
	told := steps[:1:1]
	for _, column := range []string{"free", "nets", "docs", "scores"} {
		steps = append(steps,
			S("SELECT count(*) FROM items GROUP BY "+column).Unordered())
		told = append(told, S("SELECT DISTINCT "+column+" FROM items").Unordered())
	}
	pair.Same(t, steps...)
	pair.SameIn(t, formulaModes, told...)
}
