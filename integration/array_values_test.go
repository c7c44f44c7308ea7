package integration

import (
	"testing"

	"pgseal/integration/harness"
)

const arrayRows = `INSERT INTO posts (id, tags, nums, prices, days, title, plain) VALUES
	(1, ARRAY['go','pg'], ARRAY[1,2,3], '{1.0,2.50}', '{2024-02-29}', 'go', 1),
	(2, ARRAY['pg'], '{3}', '{}', NULL, 'pg', 2),
	(3, '{}', '{}', '{NaN,NULL}', '{infinity,-infinity}', '', NULL),
	(4, NULL, NULL, NULL, NULL, NULL, 4),
	(5, ARRAY['a',NULL,'go',''], ARRAY[NULL,7], '{1}', '{NULL}', 'Go', 5),
	(6, '[0:1]={x,go}', '[-1:0]={1,1}', '{2.5,1.00}', '{}', 'x', 6),
	(7, '{{go,pg},{x,y}}', '{{1,2},{3,4}}', NULL, NULL, 'y', 7)`

func arraySchema() harness.Schema {
	return harness.Schema{
		DDL:  `CREATE TABLE posts (id int PRIMARY KEY, tags text[], nums int[], prices numeric(6,2)[], days date[], title text, plain int, codes varchar(3)[], short varchar(5), other varchar(5))`,
		Seal: []string{"public.posts.tags", "public.posts.nums", "public.posts.prices", "public.posts.days", "public.posts.title --equality", "public.posts.codes", "public.posts.short", "public.posts.other"},
	}
}

func TestArraysAreComputed(t *testing.T) {
	pair := harness.New(t, arraySchema())
	w := pair.Env.Canaries.Text()
	pair.SameIn(t, formulaModes, S(arrayRows),
		S("UPDATE posts SET tags = ARRAY['"+w+"'] WHERE id = 2"),
		S("SELECT id FROM posts WHERE tags @> ARRAY['go'] ORDER BY id"),
		S("SELECT id FROM posts WHERE tags @> ARRAY['"+w+"', 'pg'] ORDER BY id"),
		S("SELECT id FROM posts WHERE tags @> '{go}' ORDER BY id"),
		S("SELECT id FROM posts WHERE tags @> '{}' ORDER BY id"),
		S("SELECT id FROM posts WHERE tags @> $1 ORDER BY id", "{go,pg}"),
		S("SELECT id FROM posts WHERE tags @> $1 ORDER BY id", nil),
		S("SELECT id FROM posts WHERE tags @> ARRAY[$1, 'go'] ORDER BY id", "pg"),
		S("SELECT id FROM posts WHERE tags && $1 ORDER BY id", "{a,"+w+"}"),
		S("SELECT id FROM posts WHERE tags && ARRAY['a', 'x'] ORDER BY id"),
		S("SELECT id FROM posts WHERE NOT tags && ARRAY['a', 'x'] ORDER BY id"),
		S("SELECT id FROM posts WHERE tags <@ ARRAY['go', 'pg', 'x', 'y'] ORDER BY id"),
		S("SELECT id FROM posts WHERE '{go,pg,x,y}' @> tags ORDER BY id"),
		S("SELECT id FROM posts WHERE tags = ARRAY['go', 'pg'] ORDER BY id"),
		S("SELECT id FROM posts WHERE tags = '{}' ORDER BY id"),
		S("SELECT id FROM posts WHERE tags <> '{}' ORDER BY id"),
		S("SELECT id FROM posts WHERE tags = $1 ORDER BY id", "[0:1]={x,go}"),
		S("SELECT id FROM posts WHERE tags IS NULL OR tags = '{}' ORDER BY id"),
		S("SELECT id FROM posts WHERE nums @> ARRAY[1] ORDER BY id"),
		S("SELECT id FROM posts WHERE nums && $1 ORDER BY id", "{7,2}"),
		S("SELECT id FROM posts WHERE prices @> '{1,2.500}' ORDER BY id"),
		S("SELECT id FROM posts WHERE days && '{2024-02-29,infinity}' ORDER BY id"),
		S("SELECT id, tags[1], tags[2], tags[0], nums[1] FROM posts ORDER BY id"),
		S("SELECT id, nums[1] + nums[2], prices[1] * 2 FROM posts ORDER BY id"),
		S("SELECT id, tags[$1] FROM posts ORDER BY id", "1"),
		S("SELECT id FROM posts WHERE tags[1] = 'go' ORDER BY id"),
		S("SELECT id FROM posts WHERE tags[1] = $1 OR nums[1] > 2 ORDER BY id", w),
		S("SELECT id, tags[1:2], nums[2:3] FROM posts WHERE id < 7 ORDER BY id"),
		S("SELECT id, array_length(tags, 1), cardinality(tags), array_ndims(nums), array_dims(tags), array_upper(tags, 1), array_lower(tags, 1) FROM posts ORDER BY id"),
		S("SELECT id FROM posts WHERE array_length(tags, 1) > 1 ORDER BY id"),
		S("SELECT id FROM posts WHERE cardinality(tags) = 0 ORDER BY id"),
		S("SELECT id FROM posts WHERE COALESCE(array_length(tags, 1), 0) = 0 ORDER BY id"),
		S("SELECT id, array_to_string(tags, ', '), array_to_string(nums, '-', '?'), array_to_string(prices, ' ') FROM posts ORDER BY id"),
		S("SELECT id, array_to_string(tags, $1, $2) FROM posts ORDER BY id", "|", nil),
		S("SELECT id, array_position(tags, 'go'), array_positions(tags, 'go'), array_position(nums, 1) FROM posts WHERE id < 7 ORDER BY id"),
		S("SELECT id, array_position(tags, NULL), array_position(tags, $1) FROM posts WHERE id < 7 ORDER BY id", w),
		S("SELECT array_position(tags, 'go') FROM posts WHERE id = 7").Fails("0A000"),
		S("SELECT id, array_append(tags, 'new'), array_prepend($1, tags) FROM posts WHERE id < 7 ORDER BY id", w),
		S("SELECT id, tags || '{x,y}', tags || ARRAY['z'], 'b'::text || tags, tags || title FROM posts WHERE id < 7 ORDER BY id"),
		S("SELECT id, tags || $1 FROM posts WHERE id < 7 ORDER BY id", "{"+w+"}"),
		S("SELECT id, nums || 5, 0 || nums, nums || NULL FROM posts WHERE id < 7 ORDER BY id"),
		S("SELECT id, tags || 'b' FROM posts").Fails("22P02"),
		S("SELECT id, array_append(tags, 'new') FROM posts WHERE id = 7").Fails("22000"),
		S("SELECT id, array_remove(tags, 'go'), array_remove(tags, NULL), array_replace(tags, 'go', $1) FROM posts WHERE id < 7 ORDER BY id", w),
		S("UPDATE posts SET codes = ARRAY['a', 'xyz'], short = 'x', other = 'y' WHERE id < 3"),
		S("SELECT id, codes[1], codes[1:1], codes || '{b}', array_append(codes, 'long one') FROM posts ORDER BY id"),
		S("SELECT id, ARRAY[short, other], ARRAY[short, 'z'], ARRAY[short, NULL], ARRAY[plain, 7], ARRAY[title, $1] FROM posts ORDER BY id", w),
		S("SELECT id FROM posts WHERE codes @> '{xyz}' ORDER BY id"),
		S("SELECT id FROM posts WHERE codes @> ARRAY['a']").Fails("42883"),
		S("UPDATE posts SET codes = array_append(codes, 'long one') WHERE id = 1").Fails("22001"),
		S("UPDATE posts SET codes = codes || '{b,c}', prices = array_append(prices, 1.236) WHERE id = 1"),
		S("UPDATE posts SET prices = array_append(prices, 12345.6) WHERE id = 1").Fails("22003"),
		S("INSERT INTO posts (id, tags, nums) VALUES (10, ARRAY['a', $1], ARRAY[1, $2])", w, "2"),
		S("SELECT id FROM posts WHERE id < 10 ORDER BY array_position(ARRAY['y', 'x'], short), id"),
		S("SELECT id FROM posts WHERE 'go' = ANY (tags) ORDER BY id"),
		S("SELECT id FROM posts WHERE $1 = ANY (tags) ORDER BY id", w),
		S("SELECT id FROM posts WHERE $1 = ANY (tags) ORDER BY id", nil),
		S("SELECT id FROM posts WHERE NOT ('go' = ANY (tags)) ORDER BY id"),
		S("SELECT id FROM posts WHERE 'go' <> ALL (tags) ORDER BY id"),
		S("SELECT id FROM posts WHERE 'go' <> ANY (tags) OR 'go' = ALL (tags) ORDER BY id"),
		S("SELECT id FROM posts WHERE NULL = ANY (tags) ORDER BY id"),
		S("SELECT id FROM posts WHERE title = ANY (tags) ORDER BY id"),
		S("SELECT id FROM posts WHERE 1 = ANY (nums) ORDER BY id"),
		S("SELECT id FROM posts WHERE plain = ANY (nums) ORDER BY id"),
		S("SELECT id FROM posts WHERE 2.5 = ANY (prices) OR 1 = ANY (prices) ORDER BY id"),
		S("SELECT id FROM posts WHERE $1 = ANY (days) ORDER BY id", "2024-02-29"),
		S("SELECT id FROM posts WHERE 'xyz' = ANY (codes) ORDER BY id"),
		S("SELECT id, 'go' = ANY (tags), 3 <> ALL (nums) FROM posts ORDER BY id"),
		S("SELECT count(*) FROM posts WHERE 'pg' = ANY (tags)"),
		S("UPDATE posts SET plain = 8 WHERE '"+w+"' = ANY (tags) RETURNING id"),
		S("SELECT id FROM posts WHERE 'go' < ANY (tags)").Refused("public.posts.tags"),
		S("SELECT id, CASE WHEN tags @> ARRAY['go'] THEN 'y' ELSE 'n' END FROM posts ORDER BY id"),
		S("SELECT count(*) FROM posts WHERE tags && ARRAY['go']"),
		S("SELECT count(*), count(*) FILTER (WHERE tags @> '{go}') FROM posts"),
		S("SELECT a.id, b.id FROM posts a JOIN posts b ON b.id = a.plain AND b.tags @> '{go}' ORDER BY 1, 2"),
		S("SELECT id FROM posts p WHERE EXISTS (SELECT FROM posts q WHERE q.id = p.id AND q.tags @> '{pg}') ORDER BY id"),
		S("SELECT id, title FROM posts ORDER BY cardinality(tags) NULLS FIRST, id"),
		S("UPDATE posts SET plain = 9 WHERE tags @> '{go}' RETURNING id"),
		S("UPDATE posts SET tags = array_append(tags, '"+w+"') WHERE id = 1"),
		S("UPDATE posts SET tags = array_append(tags, $1) WHERE id < 5", "p"),
		S("UPDATE posts SET tags = tags || ARRAY['q', $1] WHERE id = 4", "r"),
		S("UPDATE posts SET tags = tags || '{s}', nums = nums || 9 WHERE id = 1"),
		S("UPDATE posts SET tags = tags || $1 WHERE id = 3", "{t,NULL}"),
		S("UPDATE posts SET tags = array_remove(tags, 'go'), nums = array_replace(nums, 1, 100) WHERE id < 7"),
		S("UPDATE posts SET title = array_to_string(tags, ',') WHERE id = 1"),
		S("UPDATE posts SET title = tags[1] WHERE id = 5"),
		S("DELETE FROM posts WHERE tags @> '{x,y}' RETURNING id"),
		S("SELECT * FROM posts ORDER BY id"),
		S("SELECT id, array_position('{go,pg}', title), array_position($1, title) FROM posts ORDER BY id", "{x,Go}"),
		S("SELECT id, array_position('[0:1]={go,pg}', title) FROM posts ORDER BY id").Refused("begins at 1"),
		S("SELECT id FROM posts ORDER BY array_position($1, title), id", "[2:3]={pg,x}").Refused("begins at 1"),
		S("SELECT id FROM posts ORDER BY array_position($1, title), id", "{{pg,x},{go,y}}").Refused("begins at 1"),
		S("SELECT id FROM posts WHERE nums @> ARRAY[$1] ORDER BY id", "1").Fails("42883"),
		S("SELECT id FROM posts WHERE nums @> ARRAY['1']").Fails("42883"),
		S("SELECT id, nums || 3000000000 FROM posts").Refused("public.posts.nums"),
		S("UPDATE posts SET tags[1] = 'x' WHERE id = 1").Refused("subscript"),
	)
}

// A term answers for an array as a whole, and pgseal for its elements.
func TestElementsOfArraysWithATerm(t *testing.T) {
	schema := arraySchema()
	schema.Seal = []string{"public.posts.tags --equality", "public.posts.nums --equality", "public.posts.title --equality"}
	pair := harness.New(t, schema)
	w := pair.Env.Canaries.Text()
	pair.SameIn(t, formulaModes, S(arrayRows),
		S("UPDATE posts SET tags = ARRAY['"+w+"'] WHERE id = 2"),
		S("SELECT id FROM posts WHERE '"+w+"' = ANY (tags) ORDER BY id"),
		S("SELECT id FROM posts WHERE $1 = ANY (tags) ORDER BY id", "go"),
		S("SELECT id FROM posts WHERE $1 <> ALL (tags) AND plain > 0 ORDER BY id", "go"),
		S("SELECT id FROM posts WHERE title = ANY (tags) ORDER BY id"),
		S("SELECT id FROM posts WHERE 3 = ANY (nums) OR tags = $1 ORDER BY id", "{"+w+"}"),
		S("SELECT count(*) FROM posts WHERE $1 = ANY (tags)", w),
		S("SELECT id, 'go' = ANY (tags) AS goes FROM posts ORDER BY id"),
		S("SELECT id FROM posts WHERE tags @> ARRAY['go'] ORDER BY id"),
		S("SELECT id FROM posts WHERE tags = ARRAY['go', 'pg'] ORDER BY id"),
		S("SELECT id FROM posts WHERE id IN (SELECT id FROM posts WHERE 'go' = ANY (tags)) ORDER BY id"),
		S("UPDATE posts SET plain = 9 WHERE 1 = ANY (nums) RETURNING id"),
		S("DELETE FROM posts WHERE NOT $1 = ANY (tags)", "go"),
		S("SELECT id, plain FROM posts ORDER BY id"),
	)
}
