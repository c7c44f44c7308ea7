package integration

import (
	"testing"

	"pgseal/integration/harness"
)

// River gives back a job whether a statement has changed it or not, by UNION of both.
func TestRowsChangedOrNot(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL:  "CREATE TABLE jobs (id bigserial PRIMARY KEY, args jsonb NOT NULL, note text, state text NOT NULL DEFAULT 'new')",
		Seal: []string{"public.jobs.args", "public.jobs.note"},
	})
	fill := S(`INSERT INTO jobs (id, args, note, state) VALUES (1, '{"a": 1}', 'x', 'new'), (2, '{"a": 1}', 'x', 'running'), (3, '{"b": 2}', NULL, 'new') RETURNING id`)
	const (
		cancel = "WITH l AS (SELECT id, state FROM jobs WHERE id = $1 FOR UPDATE), c AS (UPDATE jobs SET state = 'done', note = 'y' FROM l WHERE jobs.id = l.id AND l.state <> 'running' RETURNING jobs.id, jobs.args, jobs.note, jobs.state)" +
			" SELECT id, args, note, state FROM (SELECT id, args, note, state FROM jobs WHERE id = $1::bigint FOR UPDATE) AS f WHERE f.id NOT IN (SELECT id FROM c) UNION SELECT id, args, note, state FROM c"
		remove = "WITH l AS (SELECT id FROM jobs WHERE jobs.id = $1 FOR UPDATE), c AS (DELETE FROM jobs USING l WHERE jobs.id = l.id AND jobs.state <> 'running' RETURNING jobs.*)" +
			" SELECT * FROM jobs WHERE id = $1::bigint AND id NOT IN (SELECT id FROM c) UNION SELECT * FROM c"
	)
	pair.SameIn(t, []harness.Mode{harness.Unnamed, harness.PreparedText, harness.PreparedBinary, harness.SQLPrepare},
		fill,
		S("WITH c AS (UPDATE jobs SET note = 'same' WHERE id < 3 RETURNING *) SELECT * FROM jobs WHERE id NOT IN (SELECT id FROM c) UNION SELECT * FROM c ORDER BY id"),
		S("SELECT note FROM (WITH c AS (SELECT 1) SELECT id, note FROM jobs UNION SELECT id, note FROM jobs) j ORDER BY id"),
		S("WITH c AS (UPDATE jobs SET note = note RETURNING id, note) SELECT id, note FROM jobs UNION SELECT id, note FROM c").Refused("public.jobs.note"),
	)
	pair.Same(t,
		fill,
		S(cancel, "1"), S(cancel, "2"), S(cancel, "9"), S("SELECT * FROM jobs ORDER BY id"),
		S(remove, "1"), S(remove, "2"), S(remove, "9"), S("SELECT * FROM jobs ORDER BY id"),
	)
}
