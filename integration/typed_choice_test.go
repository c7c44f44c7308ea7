package integration

import (
	"testing"

	"pgseal/integration/harness"
)

// COALESCE and CASE of parameters and integers have a type that does not come from the
// column, as in COALESCE($1, 0): it decides how the parameters are read.
func TestChoicesOfParametersAndIntegers(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL: "CREATE TABLE typed (id int PRIMARY KEY, s smallint, i int, b bigint, n numeric(6, 2), r real, f double precision, v text, a int[])",
		Seal: []string{"public.typed.s --equality", "public.typed.i --equality", "public.typed.b", "public.typed.n", "public.typed.r", "public.typed.f",
			"public.typed.v", "public.typed.a"},
	})
	pair.SameIn(t, []harness.Mode{harness.Simple, harness.Unnamed, harness.PreparedText, harness.PreparedBinary, harness.SQLPrepare},
		S("INSERT INTO typed (id, s, i, b, n, r, f) VALUES (1, coalesce(NULL, 1), coalesce(2, NULL), coalesce(-3, 4), coalesce(5, 6), coalesce(7, 8), coalesce(9, 10)) RETURNING *"),
	)
	extended := []harness.Mode{harness.Unnamed, harness.PreparedText, harness.SQLPrepare}
	pair.SameIn(t, extended,
		S("INSERT INTO typed (id, s, i, b, n, r, f) VALUES (2, coalesce($1, 0), coalesce($2, 0), coalesce($3, -1), coalesce($4, 0), coalesce($5, 0), coalesce($6, 0)) RETURNING *", "1", "2", "3", "4", "16777217", "6"),
		S("INSERT INTO typed (id, s, i, b, n, r, f) VALUES (3, coalesce($1, 0), coalesce($2, 0), coalesce($3, -1), coalesce($4, 0), coalesce($5, 16777217), coalesce($6, 0)) RETURNING *", nil, nil, nil, nil, nil, nil),
		S("UPDATE typed SET i = CASE WHEN id = 2 THEN $1 WHEN id = 3 THEN $2 ELSE 7 END, b = coalesce($3, NULL, 2, $1) RETURNING id, i, b", "20", "30", nil),
		S("SELECT id FROM typed WHERE i = 30"),
		S("UPDATE typed SET b = coalesce($1, 0)", "3000000000").Fails("22003"), // an integer, like the 0
		S("UPDATE typed SET i = coalesce($1, 0)", "x").Fails("22P02"),
		S("UPDATE typed SET i = coalesce($1, 0)", "1.5").Fails("22P02"),
		S("UPDATE typed SET s = coalesce($1, 0)", "70000").Fails("22003"),
		S("UPDATE typed SET n = coalesce($1, 0)", "70000").Fails("22003"),
	)
	pair.SameIn(t, []harness.Mode{harness.Unnamed, harness.PreparedText},
		S("UPDATE typed SET s = CASE WHEN id = 4 THEN $1 ELSE 0 END RETURNING id, s", "70000"))
	pair.Same(t,
		S("INSERT INTO typed (id) VALUES (1), (2)"),
		S("PREPARE ints (int, int) AS UPDATE typed SET i = coalesce($1, $2), b = CASE WHEN id = 1 THEN 3 ELSE $1 END RETURNING id, i, b").Simple(),
		S("EXECUTE ints(NULL, 5)").Simple(), S("EXECUTE ints(6, 5)").Simple(), S("EXECUTE ints(70000, 5)").Simple(),
		S("PREPARE bigs (bigint, bigint) AS UPDATE typed SET b = coalesce($1, $2), n = coalesce($1, 1), f = coalesce($2, 2), r = coalesce($1, 3) RETURNING id, b, n, f, r").Simple(),
		S("EXECUTE bigs(NULL, 3000000000)").Simple(), S("EXECUTE bigs(1234, NULL)").Simple(),
		S("PREPARE nums (numeric, float8) AS UPDATE typed SET i = coalesce($1, 1), n = coalesce($2, 2), b = coalesce($1, 0), f = coalesce($1, 0) RETURNING id, i, n, b, f").Simple(),
		S("EXECUTE nums(2.5, 2.675)").Simple(), S("EXECUTE nums(NULL, NULL)").Simple(), S("EXECUTE nums(123456789.5, 1e-3)").Simple(),
		S("PREPARE arrays (int[], int[]) AS UPDATE typed SET a = coalesce($1, $2) RETURNING id, a").Simple(),
		S("EXECUTE arrays(NULL, '{1,2}')").Simple(),
		// The types are not the column's, or would not be the integers'.
		S("PREPARE digits (numeric, numeric) AS UPDATE typed SET n = CASE WHEN id = 9 THEN $1 ELSE $2 END").Refused("public.typed.n").Simple(),
		S("PREPARE untyped AS UPDATE typed SET i = coalesce($1, $2)").Refused("public.typed.i").Simple(),
		S("PREPARE half (int) AS UPDATE typed SET i = coalesce($1, $2)").Refused("public.typed.i").Simple(),
		S("PREPARE small (smallint, int) AS UPDATE typed SET i = coalesce($1, $2)").Refused("public.typed.i").Simple(),
		S("PREPARE real (real) AS UPDATE typed SET f = coalesce($1, 16777217)").Refused("public.typed.f").Simple(),
		S("PREPARE several (bigint) AS UPDATE typed SET b = coalesce($1, $2, 0)").Refused("public.typed.b").Simple(),
		S("PREPARE texts (text) AS UPDATE typed SET i = coalesce($1, 0)").Refused("public.typed.i").Simple(),
		S("SELECT * FROM typed ORDER BY id"),
	)
}
