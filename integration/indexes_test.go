package integration

import (
	"strings"
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

// What a client wrote behind the column is what the catalogs show, whether the index was
// there before sealing or was made since, and whatever it is called by now; unsealing
// brings it back.
func TestIndexesKeepTheirCollationsAndOperatorClasses(t *testing.T) {
	schema := harness.Schema{
		DDL: `CREATE TABLE people (id int PRIMARY KEY, name varchar(40) CONSTRAINT named UNIQUE, slug text COLLATE "POSIX", code char(5), age int, born date, active boolean, CONSTRAINT aged UNIQUE (age, name));
			COMMENT ON CONSTRAINT named ON people IS 'said';
			CREATE COLLATION mine (provider = libc, locale = 'C');
			CREATE INDEX people_name_like ON people (name varchar_pattern_ops);
			CREATE INDEX "slug like" ON people (name COLLATE mine varchar_pattern_ops, slug text_pattern_ops, id);
			CREATE INDEX people_hash ON people USING hash (name varchar_pattern_ops);
			CREATE UNIQUE INDEX people_code ON people (code DESC, slug varchar_ops NULLS FIRST);
			INSERT INTO people VALUES (1, 'a', 'b', 'c', 5)`,
		Seal: []string{"public.people.name --equality", "public.people.slug --equality", "public.people.code --equality", "public.people.age --equality", "public.people.born --equality", "public.people.active --equality"},
	}
	const shown = `SELECT c.relname::text, pg_get_indexdef(c.oid), pg_get_indexdef(c.oid, 0, true), pg_get_indexdef(c.oid, 1, true), pg_get_indexdef(c.oid, 2, false),
		x.indkey::text, x.indclass::text, x.indoption::text, (SELECT string_agg(l::regcollation::text, ',' ORDER BY n) FROM unnest(x.indcollation) WITH ORDINALITY AS u(l, n)),
		(SELECT pg_get_constraintdef(o.oid) || o.conkey::text FROM pg_constraint o WHERE conindid = c.oid AND conrelid = x.indrelid),
		(SELECT string_agg(concat_ws(' ', n, p, pg_index_column_has_property(c.oid, n, p)), ',' ORDER BY n, p) FROM generate_series(1, x.indnatts) n,
			unnest('{asc,desc,NULLS_FIRST,nulls_last,orderable,returnable,search_array,search_nulls,distance_orderable,other}'::text[]) p)
		FROM pg_index x JOIN pg_class c ON c.oid = x.indexrelid WHERE x.indrelid = 'people'::regclass ORDER BY c.relname`
	pair := harness.New(t, schema)
	const w = "ada" // no canary: it is unsealed
	c := pair.Compare(t, harness.Simple)
	for _, step := range []harness.Step{
		S(shown),
		S("SET search_path = ''"),
		S("SELECT pg_get_indexdef('public.\"slug like\"'::regclass)"),
		S("SELECT pg_index_column_has_property('public.named', 1, 'Desc'), pg_catalog.pg_index_column_has_property(NULL, 1, 'desc')"),
		S("RESET search_path"),
		S(`CREATE INDEX "people_slug_1b2c_like" ON "people" ("slug" text_pattern_ops)`),
		S("CREATE UNIQUE INDEX CONCURRENTLY c1 ON people (born date_ops DESC, age int4_ops NULLS FIRST, slug COLLATE \"POSIX\" text_ops)"),
		S("CREATE INDEX c2 ON people (slug COLLATE \"C\" text_pattern_ops DESC NULLS LAST, slug text_pattern_ops, slug, code bpchar_pattern_ops, id DESC)"),
		S("CREATE INDEX ON people (slug /* , */ pg_catalog.text_pattern_ops ASC NULLS LAST) INCLUDE (born) WITH (fillfactor = 70) WHERE born IS NOT NULL"),
		S("CREATE UNIQUE INDEX c3 ON people (slug DESC)"),
		S("CREATE INDEX ON people USING hash (slug text_pattern_ops)"),
		S("CREATE INDEX ON people USING hash (slug DESC)").Fails("0A000"),
		S("CREATE INDEX ON people (slug COLLATE mine)").Refused("public.people.slug"),
		S("CREATE INDEX ON people (slug bpchar_pattern_ops)").Refused("public.people.slug"),
		S("CREATE INDEX ON people (age text_pattern_ops)").Refused("public.people.age"),
		S("CREATE INDEX ON people (age COLLATE \"C\")").Refused("public.people.age"),
		S("CREATE INDEX ON people (lower(name))").Refused("no term of its values in lower case"),
		S("CREATE INDEX ON people (trim(name))").Refused("an index over an expression"),
		S("CREATE INDEX ON people (id) WHERE active").Refused("an index's WHERE"),
		S("CREATE UNIQUE INDEX ON people (id) WHERE name = 'x'").Refused("public.people.name"),
		S(shown),
		S("INSERT INTO people VALUES (2, $1, 'b', 'c', 6)", w).Fails("23505"),
		S("INSERT INTO people VALUES (3, $1, 'b2', 'c', 5, '2001-02-03') ON CONFLICT (code, slug) DO UPDATE SET born = EXCLUDED.born RETURNING *", w),
		S("INSERT INTO people VALUES (1, 'b', 'b', 'c', 5, '2001-02-03') ON CONFLICT (code, slug) DO UPDATE SET born = EXCLUDED.born RETURNING *"),
		S(`ALTER INDEX "slug like" RENAME TO "slug liked"`),
		S("ALTER INDEX people_code RENAME TO people_coded"),
		S("ALTER INDEX aged RENAME TO aged_by_name"),
		S("DROP INDEX people_hash, c3"),
		S("CREATE INDEX people_hash ON people (name)"),
		S("DROP INDEX IF EXISTS people_name_like"),
		S("CREATE INDEX people_name_like ON people (name DESC)"),
		S("ALTER TABLE people RENAME CONSTRAINT named TO named_so"),
		S(shown),
		S("ALTER TABLE people DROP CONSTRAINT named_so, ALTER id SET DEFAULT 1"),
		S("CREATE UNIQUE INDEX named ON people (name)"),
		S("ALTER TABLE people ALTER name TYPE varchar(50)"),
		S(shown),
	} {
		if !c.Step(step) {
			t.FailNow()
		}
	}
	for _, column := range []string{"slug", "name", "age", "code", "born"} {
		pair.Pgseal("unseal", "public.people."+column)
		c.Step(S(shown))
	}
}

// An operator class of another type would hold other values equal.
func TestSealingRefusesIndexesThatCompareOtherwise(t *testing.T) {
	pair := harness.New(t, harness.Schema{DDL: `CREATE TABLE notes (id int, title text); CREATE UNIQUE INDEX unpadded ON notes (title bpchar_pattern_ops)`})
	r := pair.Try("seal", "public.notes.title", "--equality")
	if r.Status == 0 || !strings.Contains(r.Stderr, "an operator class of another type") {
		t.Errorf("status %d, %s", r.Status, r.Stderr)
	}
}
