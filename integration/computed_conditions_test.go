package integration

import (
	"testing"

	"pgseal/integration/harness"
)

// Conditions that compare what functions and operators make of sealed values, as search pages ask
// for it: of documents, bits, parts of times, digests.
func TestComputedConditions(t *testing.T) {
	pair := harness.New(t, harness.Schema{DDL: "CREATE TABLE d (id int PRIMARY KEY, j jsonb, n int, big bigint, t time, i interval, ts timestamp, txt text, b bytea, f float8, nu numeric, k int)",
		Seal: []string{"public.d.j", "public.d.n", "public.d.big", "public.d.t", "public.d.i", "public.d.ts", "public.d.txt", "public.d.b", "public.d.f", "public.d.nu"}})
	steps := []harness.Step{S(`INSERT INTO d VALUES (1, '{"a": 1, "b": ["x", "y"]}', 5, 77, '12:34:56.5', '1 day 2 hours', '2024-05-06 07:08:09.003969', 'Hello', 'ab', 2.25, 10.50, 1), (2, '["a", "b"]', -6, -77, '02:34:56.5', '1 year 2 hours', '2023-05-06 07:08:09.003969', 'héllo', '', 0.5, -2, 2)`), S("INSERT INTO d (id) VALUES (3)")}
	for _, c := range []string{"j @> '{\"a\": 1}'", "j ? 'a'", "j ?| ARRAY['a', 'z']", "j ?& '{a,b}'", "j <@ '[\"a\", \"b\", 7]'", "j -> 'a' = '1'", "(j -> 'b') @> '[\"x\"]'::jsonb", "NOT (j ? 'b')", "j = '[\"a\", \"b\"]'::jsonb OR j ? 'z'",
		"n & 4 = 4", "n | 1 > 4", "(n # 3) <> 7", "n << 2 > 5", "big >> 1 = 38", "n % 2 = 1", "sqrt(f) = 1.5", "sign(n) = -1", "div(nu, 3) = 3", "abs(n) > 5", "extract(hour FROM t) = 12", "extract(year FROM i) > 0", "date_trunc('hour', i) = '1 day 2 hours'", "date(ts) = '2024-05-06'", "date_part('second', ts) > 9", "md5(txt) LIKE '8%'", "encode(sha256(b), 'hex') <> 'x'", "ascii(txt) = 72", "octet_length(txt) = 6", "repeat(txt, 2) = 'HelloHello'", "translate(txt, 'l', 'L') = 'HeLLo'", "to_hex(n) = '5'", "sqrt(abs(nu)) > 3", "degrees(f) > 100"} {
		steps = append(steps, S("SELECT id FROM d WHERE "+c+" ORDER BY id"), S("SELECT id, "+c+" AS x FROM d ORDER BY id"), S("SELECT count(*) FROM d WHERE "+c), S("SELECT "+c+" AS x, count(*) FROM d WHERE id <> 2 OR k = 2 GROUP BY x ORDER BY min(id)"))
	}
	steps = append(steps,
		S("SELECT id FROM d WHERE j @> $1 ORDER BY id", `{"a": 1}`), S("SELECT id FROM d WHERE j ? $1 ORDER BY id", "a"), S("SELECT id FROM d WHERE j @> $1::jsonb AND j ?| $2 ORDER BY id", `["a"]`, "{a,x}"), S("SELECT n & $1 FROM d ORDER BY id", "5"),
		S("SELECT sqrt(-n::float8) FROM d WHERE id = 1").Fails("2201F"), S("SELECT n << $1 FROM d ORDER BY id", "2"))
	pair.SameIn(t, formulaModes, steps...)
}
