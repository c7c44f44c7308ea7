package integration

import (
	"testing"

	"pgseal/integration/harness"
)

// Indexes that include a sealed column, and those without a name, are what the client
// wrote; so are those that were there before sealing.
func TestIndexesOverSealedColumns(t *testing.T) {
	schema := harness.Schema{
		DDL: `CREATE TABLE people (id int, email varchar(40), city text, name text, note text, CONSTRAINT people_key UNIQUE (name) INCLUDE (note));
			CREATE INDEX before ON people (city, name) INCLUDE (email, note);
			CREATE TABLE shards (id int, email text, note text) PARTITION BY RANGE (id);
			CREATE TABLE shard PARTITION OF shards FOR VALUES FROM (0) TO (10);
			CREATE INDEX over_shards ON shards (id) INCLUDE (note);
			INSERT INTO people VALUES (-1, 'b', 'c', 'd', 'e')`,
		Seal: []string{"public.people.email --equality", "public.people.city --equality", "public.people.note", "public.shards.email --equality", "public.shards.note"},
	}
	const shown = `SELECT c.relname::text, pg_get_indexdef(c.oid), pg_get_indexdef(c.oid, 1, true), pg_get_indexdef(c.oid, 2, true), x.indnatts::text, x.indnkeyatts::text, x.indkey::text, x.indclass::text, x.indcollation::text, x.indoption::text,
		(SELECT string_agg(concat_ws(' ', attname, format_type(atttypid, atttypmod), attcollation), ',' ORDER BY attnum) FROM pg_attribute a WHERE attrelid = c.oid),
		(SELECT pg_get_constraintdef(o.oid) || o.conkey::text FROM pg_constraint o WHERE conindid = c.oid AND conrelid = x.indrelid)
		FROM pg_index x JOIN pg_class c ON c.oid = x.indexrelid WHERE x.indrelid IN ('people'::regclass, 'shards'::regclass) ORDER BY c.relname`
	for _, mode := range []harness.Mode{harness.Simple, harness.PreparedText} {
		t.Run(string(mode), func(t *testing.T) {
			pair := harness.New(t, schema)
			w := pair.Env.Canaries.Word()
			c := pair.Compare(t, mode)
			for _, step := range []harness.Step{
				S(shown),
				S("CREATE INDEX ON people (name) INCLUDE (email, id, note)"),
				S("CREATE UNIQUE INDEX ON people (name, email) INCLUDE (note)"),
				S("CREATE UNIQUE INDEX ON people (name, email) INCLUDE (note)"),
				S("CREATE INDEX CONCURRENTLY ON ONLY public.people USING btree (email, lower(name), (id + 1), name, name)"),
				S("CREATE INDEX IF NOT EXISTS mail ON people (email) INCLUDE (city)"),
				S("CREATE INDEX latest ON people (email DESC NULLS LAST, city ASC, name DESC)"),
				S("CREATE INDEX ON people USING hash (email DESC)").Fails("0A000"),
				S("CREATE INDEX IF NOT EXISTS ON people (email)").Fails("42601"),
				S("CREATE INDEX ON people (email); CREATE INDEX ON people (email); CREATE INDEX people_city_idx ON people (id); CREATE INDEX ON people (city)").Simple(),
				S("CREATE INDEX ON people USING hash (email) INCLUDE (note)").Fails("0A000"),
				S("CREATE INDEX ON people (name) INCLUDE (nothing)").Fails("42703"),
				S("ALTER TABLE people ADD CONSTRAINT mails UNIQUE (email, name) INCLUDE (city, note)"),
				S("ALTER TABLE people ADD PRIMARY KEY (id) INCLUDE (email, note)"),
				S("ALTER TABLE people ADD UNIQUE (id, name) INCLUDE (email)"),
				S("CREATE INDEX ON shards (id, email) INCLUDE (note)"),
				S(shown),
				S("INSERT INTO people VALUES (1, $1, 'Oslo', 'a', $2), (2, NULL, 'Oslo', 'b', NULL)", w, w),
				S("INSERT INTO people VALUES (1, $1, 'Oslo', 'c', $2)", w, w).Fails("23505"),
				S("INSERT INTO people VALUES (1, $1, 'Oslo', 'c', $2) ON CONFLICT (id) DO UPDATE SET note = EXCLUDED.note || '' RETURNING *", w, w).Refused("public.people.note"),
				S("INSERT INTO people VALUES (1, $1, 'Oslo', 'c', $2) ON CONFLICT (id) DO UPDATE SET note = EXCLUDED.note RETURNING *", w, w),
				S("SELECT DISTINCT p.* FROM people p JOIN people q ON q.id >= p.id ORDER BY id"),
				S("ANALYZE people"),
				S("SELECT email, note FROM people WHERE name = 'a' AND email = $1", w),
				S("ALTER TABLE people ALTER note TYPE varchar, ALTER email TYPE varchar(50)"),
				S(shown),
				S("INSERT INTO shards VALUES (1, $1, $2)", w, w),
				S("SELECT * FROM shards WHERE email = $1", w),
				S("DROP INDEX before, people_name_email_note_idx1"),
				S("ALTER TABLE people DROP CONSTRAINT mails"),
				S("ALTER TABLE people DROP COLUMN note"),
				S(shown),
			} {
				if !c.Step(step) {
					t.FailNow()
				}
			}
		})
	}
}
