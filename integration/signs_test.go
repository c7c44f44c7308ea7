package integration

import (
	"testing"

	"pgseal/integration/harness"
)

// A sign in front of a number is an operator where it is a plus, and where the number is
// cast behind it.
func TestNumbersWithSigns(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL: `CREATE TABLE temperatures (id int PRIMARY KEY, c int, n numeric, m numeric(6, 2), s smallint, b bigint, r real, d float8, a int[], t text)`,
		Seal: []string{"public.temperatures.c --equality", "public.temperatures.n --equality", "public.temperatures.m", "public.temperatures.s", "public.temperatures.b",
			"public.temperatures.r --equality", "public.temperatures.d", "public.temperatures.a", "public.temperatures.t"},
	})
	pair.SameIn(t, []harness.Mode{harness.Simple, harness.PreparedBinary},
		S("INSERT INTO temperatures (id, c) VALUES (1, +5), (2, + 5), (3, -(-5)), (4, + -5), (6, +(-(5))), (7, (+8)::int), (8, + +9)"),
		S("INSERT INTO temperatures (id, c, n, m, s, b) VALUES (10, -5::bigint, -5.10::numeric, -5.115::numeric(6, 2), -32767::smallint, +5)"),
		S("INSERT INTO temperatures (id, n, r, d, a, t) VALUES (11, -0.0::numeric(3, 2), +0.1, +0::float8, ARRAY[+5, -6], +0.10)"),
		S("INSERT INTO temperatures (id, c) VALUES (12, +2147483648)").Fails("22003"),
		S("INSERT INTO temperatures (id, s) VALUES (12, +32768::smallint)").Fails("22003"),
		S("UPDATE temperatures SET s = +7, b = -8::bigint WHERE id = +1"),
		S("SELECT id FROM temperatures WHERE c = +5 ORDER BY +1, id"),
		S("SELECT id FROM temperatures WHERE c = -5::int OR n = + 5::numeric(5, 2) OR (c, id) = (+9, +8) ORDER BY id"),
		S("SELECT id FROM temperatures WHERE c IN (+5, '-5') OR r IN (+0.1, -7) ORDER BY id"),
		S("SELECT id FROM temperatures WHERE c = ANY (ARRAY[+5, -6]) ORDER BY id"),
		S("SELECT * FROM temperatures ORDER BY id"),
		// The negative of what does not fit is another number than the negative one that does,
		// and -(0::float8) is another zero.
		S("INSERT INTO temperatures (id, s) VALUES (12, -32768::smallint)").Refused("public.temperatures.s"),
		S("INSERT INTO temperatures (id, c) VALUES (12, - +2147483648)").Refused("public.temperatures.c"),
		S("INSERT INTO temperatures (id, d) VALUES (12, -0::float8)").Refused("public.temperatures.d"),
		S("SELECT id FROM temperatures WHERE c = +'5'").Refused("public.temperatures.c"),
	)
}
