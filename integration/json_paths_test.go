package integration

import (
	"testing"

	"pgseal/integration/harness"
)

// Functions of paths in documents, which some ORMs write for the operators.
func TestPathsInDocuments(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL:  `CREATE TABLE docs (id int PRIMARY KEY, doc jsonb, key text, plain text)`,
		Seal: []string{"public.docs.doc", "public.docs.key"},
	})
	w := pair.Env.Canaries.Text()
	pair.SameIn(t, formulaModes,
		S(`INSERT INTO docs VALUES (1, '{"a": {"b": "`+w+`", "c": [1, {"d": null}]}}', 'a', 'a'), (2, '{"a": "x", "score": 5}', 'score', 'score'), (3, '[1, [2, 3]]', '0', '0'), (4, NULL, NULL, NULL), (5, '7', 'a', NULL)`),
		S("SELECT id, jsonb_extract_path_text(doc, 'a', 'b'), jsonb_extract_path(doc, 'a'), jsonb_extract_path(doc, '1', '0') FROM docs ORDER BY id"),
		S("SELECT id, jsonb_extract_path_text(doc, $1, 'b'), pg_catalog.jsonb_extract_path(doc, 'a', NULL) FROM docs ORDER BY id", "a"),
		S("SELECT id, jsonb_extract_path_text(doc, key), jsonb_extract_path_text(doc, plain) FROM docs ORDER BY id"),
		S("SELECT id FROM docs WHERE jsonb_extract_path_text(doc, 'a', 'b') = $1", w),
		S("SELECT id FROM docs WHERE jsonb_extract_path_text(doc, 'score')::int > 4"),
		S("SELECT id, (doc -> 'score')::int, CAST(doc -> 'score' AS numeric) FROM docs WHERE id IN (2, 4) ORDER BY id"),
		S("SELECT id FROM docs WHERE id = 2 AND (doc -> 'score')::int >= 5"),
		S("SELECT (doc -> 'a')::int FROM docs WHERE id = 2").Fails("22023"),
		S("SELECT id FROM docs ORDER BY jsonb_extract_path_text(doc, 'a') COLLATE \"C\" NULLS FIRST, id"),
		S("SELECT jsonb_extract_path_text(doc, 1) FROM docs").Fails("42883"),
		S("SELECT id, doc #- '{a,b}', doc #- $1 FROM docs WHERE id < 3 ORDER BY id", "{a,c,1,d}"),
		S("SELECT id, doc #- ARRAY['0']::text[], doc #- ARRAY['1', '0'] FROM docs WHERE id = 3"),
		S("SELECT doc #- '{a}' FROM docs WHERE id = 3").Fails("22P02"),
		S("SELECT doc #- '{a}' FROM docs WHERE id = 5").Fails("22023"),
		S("SELECT id FROM docs WHERE id < 3 AND doc #- '{a}' = '{}'"),
		S("UPDATE docs SET doc = doc #- '{a,b}' WHERE id = 1"),
		S("UPDATE docs SET doc = doc #- $1 WHERE id < 3", "{a,c,0}"),
		S("UPDATE docs SET key = jsonb_extract_path_text(doc, 'a') WHERE id = 2"),
		S("SELECT * FROM docs ORDER BY id"),
	)
}
