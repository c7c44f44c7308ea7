package integration

import "pgseal/integration/harness"

// jsonOfORMs are queries that have the server put related rows into JSON, as
// Drizzle, Prisma, Kysely and PostgREST write them.
func jsonOfORMs(w string) []harness.Step {
	return []harness.Step{
		// Drizzle
		S(`SELECT "customers"."id", "customers"."email", "customers_orders"."data" AS "orders" FROM "customers" "customers" LEFT JOIN LATERAL (SELECT coalesce(json_agg(json_build_array("customers_orders"."id", "customers_orders"."card", "customers_orders"."comment", "customers_orders"."total")), '[]'::json) AS "data" FROM (SELECT * FROM "orders" "customers_orders" WHERE "customers_orders"."customer_id" = "customers"."id" ORDER BY "customers_orders"."id" LIMIT 5) "customers_orders") "customers_orders" ON TRUE WHERE "customers"."email" <> $1 ORDER BY "customers"."id"`, "nobody"),
		S(`SELECT "orders"."id", "orders_customer"."data" AS "customer" FROM "orders" "orders" LEFT JOIN LATERAL (SELECT json_build_array("orders_customer"."id", "orders_customer"."email", "orders_customer"."born", "orders_customer"."vip", "orders_customer"."profile") AS "data" FROM (SELECT * FROM "customers" "orders_customer" WHERE "orders_customer"."id" = "orders"."customer_id" LIMIT $1) "orders_customer") "orders_customer" ON TRUE ORDER BY "orders"."id"`, "1"),
		// Prisma
		S(`SELECT "t0"."id", "t0"."email", "C_orders"."__prisma_data__" AS "orders" FROM "public"."customers" AS "t0" LEFT JOIN LATERAL (SELECT COALESCE(JSONB_AGG("__prisma_data__"), '[]') AS "__prisma_data__" FROM (SELECT "t3"."__prisma_data__" FROM (SELECT JSONB_BUILD_OBJECT('id', "t2"."id", 'card', "t2"."card", 'total', "t2"."total") AS "__prisma_data__", "t2"."id" FROM (SELECT "t1".* FROM "public"."orders" AS "t1" WHERE "t0"."id" = "t1"."customer_id") AS "t2") AS "t3" ORDER BY "t3"."id") AS "t4") AS "C_orders" ON TRUE ORDER BY "t0"."id"`),
		S(`SELECT JSONB_BUILD_OBJECT('a', "age"::text, 'i', "income"::text, 'b', CAST("born" AS text), 's', "seen"::date, 't', "token"::text::varchar(8)) FROM "customers" ORDER BY "id"`),
		S(`SELECT to_json(x) FROM (SELECT "id", "age"::text AS a, "born"::text FROM "customers" ORDER BY "id") x`),
		// Kysely
		S(`SELECT "c"."id", "c"."email", (SELECT coalesce(json_agg(agg), '[]') FROM (SELECT "o"."id", "o"."card", "o"."status" FROM "orders" AS "o" WHERE "o"."customer_id" = "c"."id" ORDER BY "o"."id") AS agg) AS "orders" FROM "customers" AS "c" WHERE "c"."email" = $1`, w+"@a"),
		S(`SELECT "o"."id", (SELECT to_json(obj) FROM (SELECT "c"."email", "c"."age", "c"."income", "c"."seen", "c"."token" FROM "customers" AS "c" WHERE "c"."id" = "o"."customer_id") AS obj) AS "customer" FROM "orders" AS "o" ORDER BY "o"."id"`),
		S(`SELECT json_build_object('first', "c"."name", 'mail', "c"."email", 'lang', "c"."lang") AS "who" FROM "customers" AS "c" ORDER BY "c"."id"`),
		// PostgREST
		S(`WITH pgrst_source AS (SELECT "customers"."id", "customers"."email", row_to_json("o1".*) AS "order" FROM "customers" LEFT JOIN LATERAL (SELECT "orders"."id", "orders"."card" FROM "orders" WHERE "orders"."customer_id" = "customers"."id" ORDER BY "orders"."id" LIMIT 1) AS "o1" ON TRUE ORDER BY "customers"."id") SELECT coalesce(json_agg(_postgrest_t), '[]') AS body FROM (SELECT * FROM pgrst_source) _postgrest_t`),
		// Hasura
		S(`SELECT coalesce(json_agg("root" ORDER BY "root.pg.id"), '[]') AS "root" FROM (SELECT "_root.base"."id" AS "root.pg.id", row_to_json((SELECT "_e" FROM (SELECT "_root.base"."id" AS "id", "_root.base"."email" AS "email", "_root.or.orders"."orders" AS "orders") AS "_e")) AS "root" FROM (SELECT * FROM "public"."customers" WHERE ('true')) AS "_root.base" LEFT OUTER JOIN LATERAL (SELECT coalesce(json_agg("orders"), '[]') AS "orders" FROM (SELECT row_to_json((SELECT "_e" FROM (SELECT "_o"."card" AS "card", "_o"."total" AS "total") AS "_e")) AS "orders" FROM (SELECT * FROM "orders" WHERE "customer_id" = "_root.base"."id" ORDER BY "id") AS "_o") AS "_rows") AS "_root.or.orders" ON ('true')) AS "_root"`),
		// PostgREST, of several versions
		S(`WITH pgrst_source AS (SELECT "customers"."id", "customers"."email", COALESCE("customers_orders_1"."customers_orders_1", '[]') AS "orders" FROM "public"."customers" LEFT JOIN LATERAL (SELECT json_agg("customers_orders_1")::jsonb AS "customers_orders_1" FROM (SELECT "orders_1"."id", "orders_1"."card", "orders_1"."total" FROM "public"."orders" AS "orders_1" WHERE "orders_1"."customer_id" = "public"."customers"."id" ORDER BY "id") AS "customers_orders_1") AS "customers_orders_1" ON TRUE ORDER BY "customers"."id" LIMIT 10) SELECT null::bigint AS total_result_set, pg_catalog.count(_postgrest_t) AS page_total, coalesce(json_agg(_postgrest_t), '[]') AS body FROM (SELECT * FROM pgrst_source) _postgrest_t`),
		S(`SELECT coalesce(json_agg(_t), '[]')::character varying AS body, array_to_json(array_agg(row_to_json(_t)))::text AS old FROM (SELECT "id", "email", "age" FROM "customers" ORDER BY "id") _t`),
		// rows and arrays inside documents
		S(`SELECT array_to_json(array_agg(t), true), to_jsonb(array_agg(t."born")) FROM (SELECT "id", "email", "born" FROM "customers" ORDER BY "id") t`),
		S(`SELECT json_build_object('cards', ARRAY(SELECT "card" FROM "orders" o WHERE o."customer_id" = c."id" ORDER BY "id"), 'rows', ARRAY(SELECT o FROM "orders" o WHERE o."customer_id" = c."id" ORDER BY o."id"), 'twice', ARRAY["email", "email"]) FROM "customers" c ORDER BY "id"`),
		S(`SELECT json_agg(ROW("id", "email", ROW("born", 'x'), NULL) ORDER BY "id") FROM "customers"`),
		S(`SELECT row_to_json((("id", "email", "token"))) FROM "customers" ORDER BY "id"`),
		// names that an alias gives to columns
		S(`SELECT row_to_json(o), to_jsonb(o.*), (SELECT json_agg(x) FROM (SELECT a, "card" FROM "orders" p (a) WHERE a = o.b) x (i)) FROM "orders" o (b) ORDER BY b`),
		// operators that move values
		S(`SELECT to_jsonb(c) - 'ssn' - '{profile,token}'::text[] || jsonb_build_object('orders', (SELECT jsonb_agg(to_jsonb(o) - 'customer_id' ORDER BY o."id") FROM "orders" o WHERE o."customer_id" = c."id")) AS "json" FROM "customers" c ORDER BY c."id"`),
		S(`SELECT to_jsonb(c) - $1 FROM "customers" c ORDER BY "id"`, "email"),
		S(`SELECT jsonb_build_object('a', "age") || jsonb_build_object('a', "email", 'b', "income") || '{"c": [1]}' FROM "customers" ORDER BY "id"`),
		S(`SELECT '[0]' || jsonb_agg("email" ORDER BY "id") || to_jsonb(7), jsonb_agg("id" ORDER BY "id") || jsonb_agg("email" ORDER BY "id") FROM "customers"`),
		S(`SELECT to_jsonb(o) || to_jsonb(c) - 'id', (to_jsonb(c) - 'id')::text, (to_jsonb(c) - 'id') IS NULL FROM "orders" o LEFT JOIN "customers" c ON c."id" = o."customer_id" ORDER BY o."id"`),
		S(`SELECT json_agg(row_to_json(c)::jsonb - 'email' ORDER BY "id") FROM "customers" c`),
		S(`SELECT to_jsonb(c) - 1 FROM "customers" c`).Fails("22023"),
		S(`SELECT to_jsonb("profile") - 'a' FROM "customers"`).Refused("profile"),
		S(`SELECT to_jsonb("profile") || '{}' FROM "customers"`).Refused("profile"),
		S(`SELECT jsonb_agg("email") - 'x' FROM "customers"`).Refused("email"),
		S(`SELECT to_jsonb(c) || "profile" FROM "customers" c`).Refused("email"),
		S(`SELECT to_jsonb(c) - 'id' -> 'profile' FROM "customers" c`).Refused("email"),
		// json that becomes jsonb or text
		S(`SELECT jsonb_agg(row_to_json("customers") ORDER BY "id"), json_agg("customers" ORDER BY "id")::jsonb::text, jsonb_agg("customers" ORDER BY "id")::json FROM "customers"`),
		S(`SELECT json_build_object('inner', json_build_array("profile", "income")::jsonb), (SELECT json_agg("card" ORDER BY "id") FROM "orders")::jsonb FROM "customers" ORDER BY "id"`),
		S(`SELECT x.j, x.j::text FROM (SELECT row_to_json(o) AS j, "id" FROM "orders" o) x ORDER BY x."id"`),
		S(`SELECT x.j, x.j::jsonb FROM (SELECT row_to_json(o) AS j, "id" FROM "orders" o) x ORDER BY x."id"`).Refused("as json and as jsonb"),
		S(`SELECT x.j::jsonb, x.j FROM (SELECT row_to_json(o) AS j, "id" FROM "orders" o) x ORDER BY x."id"`).Refused("as json and as jsonb"),
		S(`SELECT json_build_array(row_to_json(o)::text) FROM "orders" o`).Refused("card"),
		S(`SELECT row_to_json(o)::varchar(9) FROM "orders" o`).Refused("card"),
		S(`SELECT to_json(ARRAY["email", 'x']) FROM "customers"`).Refused("email"),
		// whole rows without a value, and columns taken out of them
		S(`SELECT c."id", o IS NULL, (o."card", o."total") IS NOT NULL FROM "customers" c LEFT JOIN "orders" o ON o."customer_id" = c."id" ORDER BY c."id", o."id"`),
		S(`SELECT count(o), count(o.*), count(*) FROM "customers" c LEFT JOIN "orders" o ON o."customer_id" = c."id"`),
		S(`SELECT (c)."email", ((c)).*, (SELECT (o)."card" FROM "orders" o ORDER BY "id" LIMIT 1) FROM "customers" c WHERE (c)."email" <> $1 ORDER BY (c)."id"`, "nobody"),
		S(`SELECT "id" FROM "customers" c WHERE EXISTS (SELECT o FROM "orders" o WHERE o."customer_id" = c."id") ORDER BY "id"`),
		S(`SELECT count(x.o) FROM (SELECT o FROM "orders" o) x WHERE x.o IS NOT NULL`),
		S(`SELECT CASE WHEN "vip" THEN "note" ELSE 'none' END, CASE "vip" WHEN true THEN "age" ELSE 5 END FROM "customers" ORDER BY "id"`),
		// TypeORM and Knex count rows of columns.
		S(`SELECT COUNT(DISTINCT("customers"."id", "customers"."email")) AS "cnt" FROM "customers" LEFT JOIN "orders" ON "orders"."customer_id" = "customers"."id"`),
		S(`SELECT count(distinct("city", "vip")), count(DISTINCT ("lang", 1)) FROM "customers"`),
		// whole rows, those of outer joins, and those that are all NULL
		S(`SELECT row_to_json("customers") FROM "customers" ORDER BY "id"`),
		S(`SELECT jsonb_agg(o ORDER BY c.id, o.id) FROM "customers" c LEFT JOIN "orders" o ON o.customer_id = c.id`),
		S(`SELECT to_json(x) FROM (SELECT NULL::text AS n, "ssn" FROM "customers" WHERE "ssn" IS NULL) x`),
		S(`SELECT json_agg(json_build_object('l', "lang", 'p', "profile")) FILTER (WHERE "email" = $1) FROM "customers"`, w+"@a"),
		S(`SELECT jsonb_object_agg("id", "note") FROM "customers"`),
		S(`SELECT jsonb_build_object('n', coalesce("note", 'none'), 'c', "city"::text) FROM "customers" ORDER BY "id"`),
		S(`SELECT x.j, count(x.j) OVER () FROM (SELECT "id", json_build_array("note") AS j FROM "customers") x WHERE x.j IS NOT NULL ORDER BY x."id"`),
		S(`PREPARE j AS SELECT json_build_array("note", "id") FROM "customers" ORDER BY "id"; EXECUTE j; DEALLOCATE j`).Simple(),
		S(`UPDATE "customers" SET "note" = $1 WHERE "email" = $2 RETURNING json_build_object('note', "note", 'by', $3::text)`, "quoted \" and \\ and \n "+w, w+"@a", "me"),
		S(`SELECT json_build_object('note', "note", 'plain', 'pgseal:x:00e501') FROM "customers" WHERE "email" = $1`, w+"@a"),
		S(`SELECT json_build_object('note', "note")->>'note' FROM "customers"`).Refused("note"),
		S(`SELECT json_build_object("note", 1) FROM "customers"`).Refused("note"),
		S(`SELECT json_agg(DISTINCT "note") FROM "customers"`).Refused("note"),
	}
}
