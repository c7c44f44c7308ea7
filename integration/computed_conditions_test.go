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
	for _, c := range []string{"j ->> 'a' IS NULL", "(j -> 'b') IS NOT NULL", "upper(txt) IS NULL", "(n + 1) IS NOT NULL", "n IS NULL OR j -> 'a' IS NOT NULL", "j @> '{\"a\": 1}'", "j ? 'a'", "j ?| ARRAY['a', 'z']", "j ?& '{a,b}'", "j <@ '[\"a\", \"b\", 7]'", "j -> 'a' = '1'", "(j -> 'b') @> '[\"x\"]'::jsonb", "NOT (j ? 'b')", "j = '[\"a\", \"b\"]'::jsonb OR j ? 'z'",
		"n & 4 = 4", "n | 1 > 4", "(n # 3) <> 7", "n << 2 > 5", "big >> 1 = 38", "n % 2 = 1", "sqrt(f) = 1.5", "sign(n) = -1", "div(nu, 3) = 3", "abs(n) > 5", "extract(hour FROM t) = 12", "extract(year FROM i) > 0", "date_trunc('hour', i) = '1 day 2 hours'", "date(ts) = '2024-05-06'", "date_part('second', ts) > 9", "md5(txt) LIKE '8%'", "encode(sha256(b), 'hex') <> 'x'", "ascii(txt) = 72", "octet_length(txt) = 6", "repeat(txt, 2) = 'HelloHello'", "translate(txt, 'l', 'L') = 'HeLLo'", "to_hex(n) = '5'", "sqrt(abs(nu)) > 3", "degrees(f) > 100"} {
		steps = append(steps, S("SELECT id FROM d WHERE "+c+" ORDER BY id"), S("SELECT id, "+c+" AS x FROM d ORDER BY id"), S("SELECT count(*) FROM d WHERE "+c), S("SELECT "+c+" AS x, count(*) FROM d WHERE id <> 2 OR k = 2 GROUP BY x ORDER BY min(id)"))
	}
	steps = append(steps,
		S("SELECT id FROM d WHERE j @> $1 ORDER BY id", `{"a": 1}`), S("SELECT id FROM d WHERE j ? $1 ORDER BY id", "a"), S("SELECT id FROM d WHERE j @> $1::jsonb AND j ?| $2 ORDER BY id", `["a"]`, "{a,x}"), S("SELECT n & $1 FROM d ORDER BY id", "5"),
		S("SELECT sqrt(-n::float8) FROM d WHERE id = 1").Fails("2201F"), S("SELECT n << $1 FROM d ORDER BY id", "2"),
		S("SELECT id FROM d WHERE '5' BETWEEN n AND big ORDER BY id"), S("SELECT id, '2024-06-01' NOT BETWEEN ts AND ts + i FROM d ORDER BY id"), S("SELECT id FROM d WHERE $1 BETWEEN n AND big ORDER BY id", "7"),
		S("SELECT id FROM d WHERE '5' BETWEEN n AND '9' ORDER BY id"), S("SELECT id FROM d WHERE '10' BETWEEN n AND '9' ORDER BY id"), S("SELECT id FROM d WHERE '10' NOT BETWEEN n AND '9' ORDER BY id"),
		S("SELECT id FROM d WHERE '10' BETWEEN '1' AND n ORDER BY id"), S("SELECT id FROM d WHERE $1 BETWEEN n AND '9' ORDER BY id", "5"), S("SELECT id FROM d WHERE '10' BETWEEN n AND NULL ORDER BY id"),
		S("SELECT id FROM d WHERE 'x' BETWEEN n AND '9' ORDER BY id").Failing(), S("SELECT id FROM d WHERE '5' BETWEEN n AND $1 ORDER BY id", "9"))
	pair.SameIn(t, formulaModes, steps...)
}

// NULLIF, IS DISTINCT FROM, and comparisons with ANY and ALL, in outputs and conditions: what
// guards a report against division by zero, and tells NULL from nothing.
func TestNullsInWhatIsComputed(t *testing.T) {
	pair := harness.New(t, formulaSchema)
	steps := []harness.Step{S(aggregateRows)}
	for _, of := range []string{"price / NULLIF(small, 0)", "100 / NULLIF(n - 2, 0)", "NULLIF(price * 1, 0)", "NULLIF(price, 20)", "NULLIF(free, 1)", "NULLIF(label, 'x')", "NULLIF(label, name)", "NULLIF(label || '', 'x') || 'y'", "NULLIF(upper(name), 'ANN')", "NULLIF(plain, n)",
		"NULLIF(n, big)", "NULLIF(small, 7) + n", "NULLIF(day, '2024-01-31')", "NULLIF(d, 7)", "NULLIF(ok, true)", "COALESCE(NULLIF(trim(name), ''), 'none')", "n IS DISTINCT FROM small", "name IS NOT DISTINCT FROM label", "n IS DISTINCT FROM 2", "n + 1 IS NOT DISTINCT FROM plain",
		"name LIKE ANY (ARRAY['%n%', 'b%'])", "label NOT LIKE ALL (ARRAY['x%', 'z'])", "price > ALL (ARRAY[1, 5])", "n + 1 = ANY (ARRAY[3, 41])", "n <> ALL (ARRAY[2, 40])", "name > SOME (ARRAY['b', 'c'])"} {
		steps = append(steps, S("SELECT id, "+of+" FROM accounts ORDER BY id"))
	}
	for _, condition := range []string{"NULLIF(n, 2) > 0", "n IS DISTINCT FROM small", "NOT (name IS DISTINCT FROM label)", "name LIKE ANY (ARRAY['%n%', 'b%'])", "price > ALL (ARRAY[1, 5])", "n + 1 = ANY (ARRAY[3, 41])", "100 / NULLIF(small, 0) > 1"} {
		steps = append(steps, S("SELECT id FROM accounts WHERE "+condition+" ORDER BY id"), S("SELECT count(*) FROM accounts a WHERE EXISTS (SELECT FROM accounts WHERE id = a.id AND "+condition+")"))
	}
	pair.SameIn(t, formulaModes, append(steps,
		S("SELECT plain, sum(price) / NULLIF(sum(n), 0), sum(price) / NULLIF(count(*) FILTER (WHERE small > 0), 0) AS x FROM accounts GROUP BY plain ORDER BY plain"),
		S("SELECT NULLIF(n, 2) AS k, count(*) FROM accounts GROUP BY k ORDER BY k"), S("SELECT n IS DISTINCT FROM small AS k, count(*) FROM accounts GROUP BY k ORDER BY k"),
		S("UPDATE accounts SET n = NULLIF(n, 40) + 1, label = NULLIF(label, 'x') WHERE id < 4"), S("SELECT id, n, label FROM accounts ORDER BY id"),
		S("SELECT 1 / NULLIF(small, 7) FROM accounts WHERE id = 5").Fails("22012"), S("SELECT day > SOME (ARRAY['2024-01-01', '2025-01-01']) FROM accounts").Fails("42883"), S("SELECT NULLIF(n, 2.5) FROM accounts").Refused("does not take"))...)
	pair.SameIn(t, formulaModes[1:], S(aggregateRows), S("SELECT NULLIF(upper(name), $1) FROM accounts ORDER BY id", "ANN").Refused("cannot")) // which may have another type
}
