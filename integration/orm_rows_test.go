package integration

import "pgseal/integration/harness"

// rowsOfORMs are queries that have the server put sealed values into arrays and rows.
func rowsOfORMs(w string) []harness.Step {
	return []harness.Step{
		S(`SELECT array_agg("email" ORDER BY "id"), array_agg("born" ORDER BY "id"), array_agg("seen" ORDER BY "id"), array_agg("lang" ORDER BY "id"), array_agg("profile" ORDER BY "id"), array_agg("income" ORDER BY "id") FROM "customers"`),
		S(`SELECT "id", ARRAY(SELECT "card" FROM "orders" o WHERE o."customer_id" = c."id" ORDER BY o."id") AS "cards", ARRAY["age", "age"] FROM "customers" c ORDER BY "id"`),
		S(`SELECT "customer_id", array_agg("card" ORDER BY "id") FILTER (WHERE "card" IS NOT NULL) AS "cards" FROM "orders" GROUP BY "customer_id" ORDER BY "customer_id"`),
		S(`SELECT x."cards", x."id" FROM (SELECT "customer_id" AS "id", array_agg("card" ORDER BY "id") AS "cards" FROM "orders" GROUP BY 1) x WHERE x."cards" IS NOT NULL ORDER BY x."id"`),
		S(`SELECT array_agg("email" ORDER BY "id")::text[], array_agg("age"::text ORDER BY "id"), array_agg("age" ORDER BY "id")::bigint[], array_agg(coalesce("note", $1) ORDER BY "id") FROM "customers"`, "none"),
		S(`SELECT coalesce(array_agg("city"), '{}'), coalesce(array_agg("note"), ARRAY[]::text[]), CASE WHEN count(*) = 0 THEN '{}'::text[] ELSE array_agg("note") END FROM "customers" WHERE "id" = 12345`),
		S(`SELECT coalesce(array_agg("city" ORDER BY "id"), '{}') FROM "customers"`),
		S(`SELECT coalesce(array_agg("city"), '{x}') FROM "customers"`).Refused("city"),
		S(`SELECT array_agg(DISTINCT "city") FROM "customers"`),
		S(`SELECT "customer_id", (array_agg("card" ORDER BY "id" DESC))[1] AS "last", (array_agg("comment" ORDER BY "id"))[$1:2], (array_agg("card" ORDER BY "id"))[count(*)] FROM "orders" GROUP BY "customer_id" ORDER BY "customer_id"`, "1"),
		S(`SELECT (ARRAY(SELECT "email" FROM "customers" ORDER BY "id"))[2], (ARRAY(SELECT "lang" FROM "customers" ORDER BY "id"))[1:1], (ARRAY["age", "age"])["version" + 1] FROM "customers" ORDER BY "id"`),
		S(`SELECT x."a"[1], x."a"[3:], cardinality(x."a"), (coalesce(x."a", '{}'))[2]::text, x."a"[9] IS NULL FROM (SELECT array_agg("email" ORDER BY "id") AS "a" FROM "customers") x`),
		S(`SELECT coalesce((array_agg("city" ORDER BY "id"))[1], $1), (array_agg("income"::text ORDER BY "id"))[1] FROM "customers"`, "none"),
		S(`SELECT x."first" FROM (SELECT "lang", (array_agg("city" ORDER BY "id"))[1] AS "first" FROM "customers" GROUP BY 1) x WHERE x."first" = $1`, "London").Unordered(),
		S(`SELECT array_length(array_agg("city"), 1), array_ndims(array_agg("born")), array_dims(array_agg("vip")), array_lower(array_agg("age"), 1), array_upper(array_agg("age"), 1) FROM "customers"`),
		S(`SELECT (array_agg("email" ORDER BY "id"))["age"] FROM "customers" GROUP BY "age"`).Refused("age"),
		S(`SELECT (array_agg("city"))[1] = 'London' FROM "customers"`).Refused("city"),
		S(`SELECT (array_agg("city"))[1] FROM "customers" ORDER BY 1`).Refused("city"),
		S(`SELECT array_to_string(array_agg("city"), ',') FROM "customers"`).Refused("city"),
		S(`SELECT ARRAY["email", 'x'] FROM "customers" ORDER BY "id"`),
		S(`SELECT COALESCE("customers"."city", "customers"."note"), COALESCE("note", "email", 'nobody') FROM "customers" ORDER BY "id"`),
		S(`SELECT "customers" FROM "customers" ORDER BY "id"`),
		S(`SELECT c."email", o, o IS NULL FROM "customers" c LEFT JOIN "orders" o ON o."customer_id" = c."id" ORDER BY c."id", o."id"`),
		S(`SELECT x.o, (SELECT y FROM (SELECT "card", 'a "b" \, (c)' AS t FROM "orders" ORDER BY "id" LIMIT 1) y) FROM (SELECT o, "id" FROM "orders" o) x ORDER BY x."id"`),
		S(`SELECT ("id", "email", "note"), ROW("id", "born", "age"::text, NULL, 'x'::text) FROM "customers" ORDER BY "id"`),
		S(`UPDATE "customers" SET "note" = $1 WHERE "email" = $2 RETURNING "customers"`, "quoted \" and \\ (and) \n, "+w, w+"@a"),
		S(`SELECT o = o FROM "orders" o`).Refused("card"),
		S(`SELECT o FROM "orders" o ORDER BY o`).Refused("card"),
		S(`DECLARE c CURSOR FOR SELECT o FROM "orders" o`).Simple().Refused("card"),
	}
}
