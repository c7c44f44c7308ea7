package integration

import (
	"testing"

	"pgseal/integration/harness"
)

// SQL's own constructors of JSON, and any_value, are of PostgreSQL 16 and later.
func TestConstructorsOfJSON(t *testing.T) {
	if major := harness.Shared(t).Sealed.Binaries.Major; major < 16 {
		t.Skipf("PostgreSQL %d has none", major)
	}
	pair := harness.New(t, harness.Schema{
		DDL:  "CREATE TABLE papers (id int PRIMARY KEY, title varchar(40), score numeric(6,2), born date, doc json, data jsonb, tags text[], good bool, note text)",
		Seal: []string{"public.papers.title --equality", "public.papers.score", "public.papers.born", "public.papers.doc", "public.papers.data", "public.papers.tags", "public.papers.good"},
	})
	w := pair.Env.Canaries.Word()
	steps := []harness.Step{
		S(`INSERT INTO papers VALUES (1, 'a"` + w + `', 1.50, '2001-02-03', '{"x" : 1e3, "x": 2}', '{"b": 1}', '{a,NULL}', true, 'n'), (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)`),
		S("SELECT JSON_OBJECT('id': id, 't': title, 's': score, 'b': born, 'g': good, 'doc': doc, 'tags': tags) FROM papers ORDER BY id"),
		S("SELECT JSON_OBJECT('id' VALUE id, 't' VALUE title ABSENT ON NULL WITH UNIQUE KEYS RETURNING jsonb) FROM papers ORDER BY id"),
		S("SELECT JSON_OBJECT('doc': doc, 'data': data, 'tags': tags RETURNING jsonb), JSON_OBJECT('doc': doc, 'data': data, 'p': id + 1 RETURNING json) FROM papers ORDER BY id"),
		S("SELECT JSON_ARRAY(title, score), JSON_ARRAY(title, note NULL ON NULL), JSON_ARRAY(JSON_OBJECT('d': doc), row_to_json(papers) RETURNING jsonb) FROM papers ORDER BY id"),
		S("SELECT JSON_ARRAYAGG(title ORDER BY id NULL ON NULL), JSON_ARRAYAGG(title RETURNING jsonb), JSON_ARRAYAGG(p ORDER BY id), JSON_OBJECTAGG(id: title), JSON_OBJECTAGG(id: score ABSENT ON NULL) FILTER (WHERE id > 1) FROM papers p"),
		S("SELECT any_value(title), any_value(born) FILTER (WHERE id = 1) FROM papers"),
		S("SELECT JSON_ARRAY(title, data) FROM papers").Refused("RETURNING"),
		S("SELECT JSON_ARRAY(title, id + 1) FROM papers").Refused("RETURNING"),
		S("SELECT JSON_OBJECTAGG(title: id) FROM papers").Refused("title"),
		S("SELECT JSON_ARRAY(title FORMAT JSON) FROM papers").Refused("title"),
		S("SELECT any_value(title ORDER BY id) FROM papers").Refused("title"),
	}
	if harness.Shared(t).Sealed.Binaries.Major >= 17 {
		steps = append(steps, S("SELECT JSON_SCALAR(title), JSON_SCALAR(score), JSON_SCALAR(born), JSON_SCALAR(good), JSON_SCALAR(data) FROM papers ORDER BY id"))
	}
	pair.SameIn(t, []harness.Mode{harness.Simple, harness.PreparedBinary}, steps...)
}
