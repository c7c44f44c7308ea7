package integration

import (
	"testing"

	"pgseal/integration/harness"
)

// ORMs write the type of an array with it.
func TestArraysAreComparedWithCastOnes(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL:  `CREATE TABLE posts (id int PRIMARY KEY, tags text[], codes varchar(20)[], nums int[], title text)`,
		Seal: []string{"public.posts.tags", "public.posts.codes", "public.posts.nums", "public.posts.title"},
	})
	w := pair.Env.Canaries.Text()
	pair.SameIn(t, formulaModes,
		S("INSERT INTO posts VALUES (1, '{t1,t2}', '{t1,t2}', '{1,2}', 't1'), (2, '{t1}', '{t1}', '{1}', 'x'), (3, '{}', '{}', '{}', NULL), (4, NULL, NULL, NULL, NULL), (5, '{t,NULL}', '{t,NULL}', '{3,NULL}', 't')"),
		S("INSERT INTO posts (id, tags, codes) VALUES (6, $1, $2)", "{"+w+"}", "{"+w+"}"),
		S("SELECT id FROM posts WHERE tags @> ARRAY['t1']::text[] ORDER BY id"),
		S("SELECT id FROM posts WHERE tags @> ARRAY['"+w+"']::text[] ORDER BY id"),
		S("SELECT id FROM posts WHERE tags @> '{t1}'::text[] ORDER BY id"),
		S("SELECT id FROM posts WHERE tags @> CAST(ARRAY['t1', 't2'] AS text[]) ORDER BY id"),
		S("SELECT id FROM posts WHERE tags && $1::text[] ORDER BY id", "{t1,"+w+"}"),
		S("SELECT id FROM posts WHERE tags && ARRAY[$1, 't1']::text[] ORDER BY id", w),
		S("SELECT id FROM posts WHERE tags && ARRAY[$1]::varchar[]::text[] ORDER BY id", w),
		S("SELECT id FROM posts WHERE codes <@ ARRAY['t1', 't2']::varchar(20)[] ORDER BY id"),
		S("SELECT id FROM posts WHERE codes @> ARRAY['t1']::varchar(1)[] ORDER BY id"),
		S("SELECT id FROM posts WHERE codes @> '{t1}'::varchar(1)[] ORDER BY id"),
		S("SELECT id FROM posts WHERE codes @> $1::varchar(1)[] ORDER BY id", "{t1}"),
		S("SELECT id FROM posts WHERE codes @> ARRAY[$1]::varchar(1)[] ORDER BY id", "t1"),
		S("SELECT id FROM posts WHERE codes::varchar(1)[] @> '{t}' ORDER BY id"),
		S("SELECT id FROM posts WHERE 't1' = ANY (codes::text[]) ORDER BY id"),
		S("SELECT id FROM posts WHERE $1 = ANY (codes::text[]) ORDER BY id", w),
		S("SELECT id FROM posts WHERE 't1' <> ALL (tags::text[]) ORDER BY id"),
		S("SELECT id FROM posts WHERE 't1' = ANY (tags::varchar[]) ORDER BY id"),
		S("SELECT id FROM posts WHERE title = ANY (codes::text[]) ORDER BY id"),
		S("SELECT id FROM posts WHERE codes = ARRAY['t1']::varchar(20)[] ORDER BY id"),
		S("SELECT id FROM posts WHERE codes <> ARRAY['t1']::varchar(20)[] ORDER BY id"),
		S("SELECT id FROM posts WHERE tags = '{t1}'::text[] ORDER BY id"),
		S("SELECT id FROM posts WHERE tags = $1::text[] ORDER BY id", "{"+w+"}"),
		S("SELECT id FROM posts WHERE codes::text[] @> ARRAY['t1'] ORDER BY id"),
		S("SELECT id FROM posts WHERE tags = codes::text[] ORDER BY id"),
		S("SELECT id FROM posts WHERE codes[1:1] = ARRAY['t1']::varchar(20)[] ORDER BY id"),
		S("SELECT id FROM posts WHERE tags[1:1] = ARRAY['t1']::text[] ORDER BY id"),
		S("SELECT id FROM posts WHERE tags @> ARRAY[]::text[] ORDER BY id"),
		S("SELECT id FROM posts WHERE CASE WHEN codes @> '{t1}'::varchar(20)[] THEN true END ORDER BY id"),
		S("SELECT id FROM posts WHERE tags[2:2] <> $1::text[] OR tags @> $1 ORDER BY id", "{t2}"),
		S("SELECT id FROM posts WHERE tags @> ARRAY[ARRAY['t1'],ARRAY['t2']]::text[] ORDER BY id").Refused("public.posts.tags"),
		S("SELECT id FROM posts WHERE tags = ARRAY[]::text[] ORDER BY id"),
		S("SELECT id FROM posts WHERE tags @> NULL::text[] ORDER BY id"),
		S("SELECT id FROM posts WHERE tags @> ARRAY[NULL]::text[] ORDER BY id"),
		S("SELECT id FROM posts WHERE tags @> ARRAY[1]::text[] OR tags @> ARRAY[title]::text[] ORDER BY id"),
		S("SELECT id FROM posts WHERE nums @> ARRAY['1']::int[] ORDER BY id"),
		S("SELECT id FROM posts WHERE nums @> ARRAY[1, $1]::int[] ORDER BY id", "2"),
		S("SELECT id FROM posts WHERE nums && '{1,3}'::integer[] ORDER BY id"),
		S("SELECT id FROM posts WHERE nums::bigint[] && ARRAY[1, 3]::bigint[] ORDER BY id"),
		S("SELECT id FROM posts WHERE '1' = ANY (nums::text[]) ORDER BY id"),
		S("SELECT count(*), count(*) FILTER (WHERE tags @> ARRAY['t1']::text[]) FROM posts"),
		S("SELECT id, tags @> ARRAY['t1']::text[], codes::text[] FROM posts ORDER BY id"),
		S("UPDATE posts SET title = 'z' WHERE tags @> ARRAY['t1']::text[] RETURNING id"),
		S("UPDATE posts SET tags = tags || ARRAY['z', $1]::text[] WHERE id = 3", w),
		S("UPDATE posts SET tags = array_cat(tags, '{y}'::text[]) WHERE id = 1 RETURNING tags"),
		S("DELETE FROM posts WHERE codes && ARRAY['"+w+"']::varchar[] RETURNING id"),
		S("SELECT id FROM posts WHERE codes @> ARRAY['t1']::text[]").Fails("42883"),
		S("SELECT id FROM posts WHERE codes = ARRAY['t1']::text[]").Fails("42883"),
		S("SELECT id FROM posts WHERE tags = ARRAY['t1']::varchar(20)[]").Fails("42883"),
		S("SELECT id FROM posts WHERE tags @> '{t1}'::varchar[]").Fails("42883"),
		S("SELECT id FROM posts WHERE tags && $1::varchar[]", "{t1}").Fails("42883"),
		S("SELECT id FROM posts WHERE nums = ARRAY[1, 2]::bigint[]").Fails("42883"),
		S("SELECT id FROM posts WHERE nums @> '{1}'::bigint[]").Fails("42883"),
		S("SELECT id FROM posts WHERE nums @> ARRAY['x']::int[]").Fails("22P02"),
		S("SELECT id FROM posts WHERE 't1' = ANY (tags::int[])").Refused("public.posts.tags"),
		S("SELECT id FROM posts WHERE tags @> ARRAY['t1']::char(5)[]").Fails("42883"),
		S("SELECT * FROM posts ORDER BY id"),
	)
}
