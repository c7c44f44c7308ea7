package integration

import (
	"testing"

	"pgseal/integration/harness"
)

// Clients that count time in seconds write to_timestamp($1); slonik writes every timestamp so.
func TestMoments(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL:  "CREATE TABLE moments (id serial PRIMARY KEY, z timestamptz, p timestamptz(0), t timestamp, d date, s text, i int)",
		Seal: []string{"public.moments.z --equality", "public.moments.p --equality", "public.moments.t --equality", "public.moments.d --equality", "public.moments.s", "public.moments.i"},
	})
	modes := []harness.Mode{harness.Simple, harness.Unnamed, harness.PreparedText, harness.PreparedBinary, harness.SQLPrepare}
	pair.SameIn(t, modes,
		S("ALTER SEQUENCE moments_id_seq RESTART"),
		S("INSERT INTO moments (z, p) VALUES (to_timestamp(1714558830.1234567), to_timestamp(1714558830.5)), (to_timestamp(-0.0000005), to_timestamp('1e3')), (to_timestamp(0), to_timestamp(' 12 ')), (to_timestamp('-Infinity'), to_timestamp('inf'::float8)) RETURNING z, p"),
		S("UPDATE moments SET t = to_timestamp(1714558830)::timestamp, d = to_timestamp(-1)::date, z = pg_catalog.to_timestamp(5::numeric) WHERE id = 1 RETURNING z, t, d"),
		S("UPDATE moments SET t = to_timestamp(1714558830.5), d = to_timestamp(86400) WHERE id = 2 RETURNING t, d"), // as assigned
		S("SELECT id FROM moments WHERE z = to_timestamp(5) OR t = to_timestamp(1714558830.5)::timestamp ORDER BY id"),
		S("UPDATE moments SET z = to_timestamp('NaN')").Fails("22008"),
		S("UPDATE moments SET z = to_timestamp(1e18)").Fails("22008"),
		S("UPDATE moments SET z = to_timestamp(-211866710400)").Fails("22008"),
		S("UPDATE moments SET z = to_timestamp('x')").Fails("22P02"),
		S("UPDATE moments SET z = to_timestamp('5'::text)").Fails("42883"),
		S("UPDATE moments SET s = to_timestamp(5) WHERE id = 1 RETURNING s"),
		S("UPDATE moments SET i = to_timestamp(5)").Fails("42804"),
	)
	pair.SameIn(t, []harness.Mode{harness.Unnamed, harness.PreparedText, harness.SQLPrepare},
		S("ALTER SEQUENCE moments_id_seq RESTART"),
		S("INSERT INTO moments (z, t, d) VALUES (to_timestamp($1), to_timestamp($2)::timestamp, to_timestamp($3::bigint)::date) RETURNING z, t, d", "1714558830.123", "1e9", "1714558830"),
		S("INSERT INTO moments (z, t, d) VALUES (to_timestamp($1), to_timestamp($2)::timestamp, to_timestamp($3::bigint)::date) RETURNING z, t, d", "0.1", nil, nil),
		S("SELECT id FROM moments WHERE z = to_timestamp($1) AND t IS NOT NULL ORDER BY id", "1714558830.123"),
		S("SELECT id FROM moments WHERE z IN (to_timestamp($1), to_timestamp($2)) ORDER BY id", "0.1", "5"),
		S("UPDATE moments SET z = to_timestamp($1)", "x").Fails("22P02"),
		S("UPDATE moments SET z = to_timestamp($1)", "1e18").Fails("22008"),
	)
	pair.Same(t,
		S("INSERT INTO moments (id, z) VALUES (1, NULL)"),
		S("SET timezone = 'America/New_York'"),
		S("UPDATE moments SET t = to_timestamp($1), d = to_timestamp($1)::date, s = to_timestamp($1) WHERE id = 1 RETURNING t, d, s", "1714530000.5"),
		S("RESET timezone"),
		S("SELECT * FROM moments ORDER BY id"),
	)
}
