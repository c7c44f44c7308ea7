package integration

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"pgseal/integration/harness"
)

// Values beside each other get a common type, in PostgreSQL's way: what is equal as a
// real need not be as a double precision, nor what is as char as text.
func TestValuesOfSeveralTypesBesideEachOther(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL:  `CREATE TABLE m (id int PRIMARY KEY, r real, c char(5), t text, i int, v varchar(3), d date, w cidr, b bit(3))`,
		Seal: []string{"public.m.r --equality", "public.m.c --equality", "public.m.t --equality", "public.m.i --equality", "public.m.v --equality", "public.m.d --equality", "public.m.w --equality", "public.m.b --equality"},
	})
	pair.SameIn(t, []harness.Mode{harness.Simple, harness.PreparedBinary},
		S("INSERT INTO m (id, r, c, t, i, d) VALUES (1, 0.1, 'a', 'a', 5, '2024-01-01'), (2, 5, 'b', 'a ', 6, '2024-02-02'), (3, NULL, NULL, NULL, NULL, NULL)"),
		S("UPDATE m SET w = '1.2.3.0/24', b = '101' WHERE id < 3"),
		S("SELECT id, w, NULLIF(w, '1.2.3.4'), NULLIF(b, '111'), NULLIF(b, NULL) FROM m ORDER BY id"),
		S("SELECT NULLIF(b, '111'::varbit) FROM m").Refused("public.m.b"),
		S("SELECT id FROM m WHERE r IN (0.1, 7)"),
		S("SELECT id FROM m WHERE r IN ('0.1', 7.5)"),
		S("SELECT id FROM m WHERE r IN (0.1::numeric, 5::smallint) ORDER BY id"),
		S("SELECT id FROM m WHERE r IN (0.1::float8, 5) ORDER BY id"),
		S("SELECT id FROM m WHERE r IN ('0.1', 5::float8) ORDER BY id").Refused("public.m.r"),
		S("SELECT id FROM m WHERE r NOT IN (0.1, 7)"),
		S("SELECT id FROM m WHERE r = 0.1 OR r = 5.0"),
		S("SELECT id FROM m WHERE (r, id) IN ((0.1, 1), (5, 2))"),
		S("SELECT id FROM m WHERE r IN (1e50, 7)").Fails("22003"),
		S("SELECT id, NULLIF(i, 5), NULLIF(i, 6::bigint), NULLIF(c, 'a'), NULLIF(t, 'a '::varchar) FROM m ORDER BY id"),
		S("SELECT id FROM m ORDER BY array_position(ARRAY[5.5, 6], i), id"),
		S("SELECT id FROM m ORDER BY array_position(ARRAY[0.1, 5], r), id").Refused("public.m.r"),
		S("SELECT id FROM m WHERE c = ANY (ARRAY['b'::text, 'a '])").Refused("public.m.c"),
		S("SELECT id FROM m WHERE c = ANY (ARRAY['b'::text, 'a '::text])"),
		S("SELECT id FROM m WHERE t = ANY (ARRAY['b'::bpchar, 'a '::text])").Refused("public.m.t"),
		S("SELECT id FROM m WHERE t = ANY (ARRAY['b', 'a '::text]) ORDER BY id"),
		S("SELECT id FROM m WHERE i = ANY (ARRAY['6'::int, '05'::int]::int[]) ORDER BY id"),
		S("SELECT id FROM m WHERE t = ANY (ARRAY['abc'::varchar(1), 'a ']::varchar(1)[]) ORDER BY id"),
		S("SELECT id FROM m WHERE i = ANY (ARRAY['6'::smallint]::int[])").Refused("public.m.i"),
		S("SELECT id FROM m WHERE c = ANY (ARRAY[lower($1), NULL]::char(3)[])", "A "),
		S("SELECT id FROM m WHERE c = ANY (ARRAY['b' || $1]::char(5)[]) OR t = ANY (ARRAY[NULLIF(lower($2), '')]::varchar(2)[])", " ", "A x"),
		S("SELECT id FROM m WHERE i = ANY (ARRAY[trim($1), NULLIF($2, '')]::int[]) ORDER BY id", " 5", "6"),
		S("SELECT id FROM m WHERE i = ANY (ARRAY[trim($1)]::date[])", "2024-01-01").Fails("42883"),
		S("SELECT id FROM m WHERE t = ANY (ARRAY['b'::bpchar, 'a '::name])").Refused("public.m.t"),
		S("SELECT id FROM m WHERE i = ANY (ARRAY[5.5, '6']) ORDER BY id"),
		S("SELECT id FROM m WHERE r = ANY (ARRAY[5, '0.1']) ORDER BY id").Fails("22P02"),
		S("SELECT id FROM m WHERE r = ANY (ARRAY[0.1, 0.1::real]) ORDER BY id").Refused("public.m.r"),
		S("UPDATE m SET c = x.v FROM (VALUES (1, 'a ')) x (id, v) WHERE m.id = x.id AND m.c = x.v").Refused("public.m.c"),
		S("UPDATE m SET r = x.v FROM (VALUES (1, 0.1)) x (id, v) WHERE m.id = x.id AND m.r = x.v").Refused("public.m.r"),
		S("UPDATE m SET i = x.v FROM (VALUES (1, 5)) x (id, v) WHERE m.id = x.id AND m.i = x.v"),
		S("WITH n AS (SELECT 'abc'::varchar AS v), o AS (SELECT id FROM m, n WHERE m.v = n.v) INSERT INTO m (id, v) SELECT 7, v FROM n WHERE NOT EXISTS (SELECT FROM o)"),
		S("WITH n AS (SELECT 'abc '::varchar AS v), o AS (SELECT id FROM m, n WHERE m.v = n.v) INSERT INTO m (id, v) SELECT 8, v FROM n WHERE NOT EXISTS (SELECT FROM o)").Refused("public.m.v"),
		S("SELECT id, v, CAST(i::text AS text), CAST(CAST(i AS text) AS text) FROM m ORDER BY id"),
		S("SELECT NULLIF(i, 5.0) FROM m").Refused("public.m.i"),
		S("SELECT NULLIF(i, 5::float8) FROM m").Refused("public.m.i"),
		S("SELECT NULLIF(c, 'a'::text) FROM m").Refused("public.m.c"),
	)
	pair.SameIn(t, []harness.Mode{harness.Simple},
		S("INSERT INTO m (id, c, t) VALUES (1, 'a', 'a '), (2, 'b', 'b')"),
		S("PREPARE s (varchar) AS SELECT id FROM m WHERE c = NULLIF($1, 'c')"), S("EXECUTE s ('a ')"), S("EXECUTE s ('b')"), S("EXECUTE s ('c')"),
		S("PREPARE u (varchar) AS UPDATE m SET c = NULLIF($1, 'c'), t = NULLIF($1, 'c') RETURNING c, t"), S("EXECUTE u ('a ')"), S("EXECUTE u ('c')"),
		S("PREPARE o AS SELECT id, $1, $1 AS named FROM m WHERE t = $1 ORDER BY id"), S("EXECUTE o ('a ')"),
		S("PREPARE o1 AS INSERT INTO m (id, t) VALUES (7, $1) RETURNING $1, t"), S("EXECUTE o1 ('x')"),
		S("DEALLOCATE ALL"),
	)
	const (
		any, int2, int4, int8, numeric, float4, float8, text, varchar, bpchar, timestamp = 0, 21, 23, 20, 1700, 700, 701, 25, 1043, 1042, 1114
	)
	twin, sealed := pair.Connect(t, pair.TwinURL()).PgConn(), pair.Connect(t, pair.URL()).PgConn()
	for _, c := range []struct {
		sql     string
		values  string
		types   [2]uint32
		refused bool
	}{
		{"SELECT id FROM m WHERE r IN ($1, $2) ORDER BY id", "0.1 5", [2]uint32{any, any}, false},
		{"SELECT id FROM m WHERE r IN ($1, $2) ORDER BY id", "0.1 5", [2]uint32{any, float8}, false},
		{"SELECT id FROM m WHERE r IN ($1, $2) ORDER BY id", "0.1 5", [2]uint32{float4, float8}, false},
		{"SELECT id FROM m WHERE r IN ($1, $2) ORDER BY id", "5 5", [2]uint32{int4, numeric}, false},
		{"SELECT id FROM m WHERE r IN ($1, $2) ORDER BY id", "5 0.1", [2]uint32{any, numeric}, true},
		{"SELECT id FROM m WHERE r IN ($1, $2, '5') ORDER BY id", "5 0.1", [2]uint32{int4, float8}, false},
		{"SELECT id FROM m WHERE r IN ($1, $2, '0.1') ORDER BY id", "5 0.1", [2]uint32{int4, float8}, true},
		{"SELECT id FROM m WHERE r IN ($1, $2, 0.1) ORDER BY id", "5 6", [2]uint32{any, any}, true},
		{"SELECT id FROM m WHERE d IN ($1, $2, '2024-02-02 10:00') ORDER BY id", "2024-01-01 2024-01-01", [2]uint32{any, timestamp}, true},
		{"SELECT id FROM m WHERE d IN ($1, $2, '2024-02-02 10:00') ORDER BY id", "2024-01-01 2024-01-01", [2]uint32{any, any}, false},
		{"SELECT id FROM m WHERE i IN ($1, $2, '6.0') ORDER BY id", "5 5", [2]uint32{any, numeric}, true},
		{"SELECT id FROM m WHERE i IN ('5', 6.5, $1, $2) ORDER BY id", "6.0 7", [2]uint32{any, int8}, false},
		{"SELECT id FROM m WHERE i IN ('5', 6.5, $1, $2) ORDER BY id", "6.0 7", [2]uint32{any, float8}, true},
		{"SELECT id FROM m WHERE i IN ($1, $2, '6') ORDER BY id", "5 5", [2]uint32{any, int2}, false},
		{"SELECT id FROM m WHERE c IN ($1, $2, 'a ') ORDER BY id", "x b", [2]uint32{text, varchar}, false},
		{"SELECT id FROM m WHERE t = ANY (ARRAY[$1, $2]) ORDER BY id", "a b", [2]uint32{any, any}, false},
		{"SELECT id FROM m WHERE t = ANY (ARRAY[$1, $2]) ORDER BY id", "a b", [2]uint32{varchar, text}, false},
		{"SELECT id FROM m WHERE t = ANY (ARRAY[$1, $2]) ORDER BY id", "a b", [2]uint32{bpchar, any}, true},
		{"SELECT id FROM m WHERE t = ANY (ARRAY[$1, $2]) ORDER BY id", "a b", [2]uint32{bpchar, text}, true},
		{"SELECT id FROM m WHERE c = ANY (ARRAY[$1, $2]) ORDER BY id", "a b", [2]uint32{bpchar, bpchar}, false},
		{"SELECT id FROM m WHERE c = ANY (ARRAY[$1, $2])", "b  x", [2]uint32{text, text}, false},
		{"SELECT id FROM m WHERE c = ANY (ARRAY[$1, $2])", "b  x", [2]uint32{varchar, varchar}, false},
		{"SELECT id FROM m WHERE c = ANY (ARRAY[$1, $2])", "x b ", [2]uint32{text, varchar}, true},
		{"SELECT id FROM m WHERE c IN (VALUES ($1), ($2))", "b  x", [2]uint32{text, any}, false},
		{"SELECT id FROM m WHERE c IN (VALUES ($1), ($2))", "b  x", [2]uint32{text, varchar}, true},
		{"SELECT id FROM m WHERE c IN ($1, $2)", "b  x", [2]uint32{text, varchar}, false},
		{"SELECT id FROM m WHERE c IN ($1, $2)", "b  x", [2]uint32{text, 19}, true},
		{"SELECT id FROM m WHERE c IN ($1, $2)", "b  x", [2]uint32{19, any}, false},
		{"SELECT id FROM m WHERE c IN ('b ', $1) AND $2::int = 1", "x 1", [2]uint32{19, any}, true},
		{"SELECT id FROM m WHERE c IN ('b '::text, $1) AND $2::int = 1", "x 1", [2]uint32{19, any}, true},
		{"SELECT id FROM m WHERE c IN ('b ', $1) AND $2::int = 1", "x 1", [2]uint32{text, any}, false},
		{"SELECT id FROM m WHERE i = ANY (ARRAY[$1, $2]) ORDER BY id", "5 6", [2]uint32{int2, int8}, false},
		{"SELECT id FROM m WHERE i = ANY (ARRAY[$1, $2]) ORDER BY id", "5 6", [2]uint32{any, int4}, true},
		{"SELECT id FROM m WHERE t IN (VALUES ($1), ($2)) ORDER BY id", "a b", [2]uint32{bpchar, any}, true},
		{"SELECT id FROM m WHERE t IN (VALUES ($1), ($2)) ORDER BY id", "a b", [2]uint32{any, any}, false},
		{"UPDATE m SET t = CASE WHEN id = 1 THEN $1 ELSE $2 END WHERE id > 3", "a b", [2]uint32{bpchar, any}, true},
		{"UPDATE m SET t = CASE WHEN id = 1 THEN $1 ELSE $2 END WHERE id > 3", "a b", [2]uint32{text, any}, false},
		{"SELECT id FROM m WHERE t = '' || $1 OR t = $2 || ' ' ORDER BY id", "a a", [2]uint32{any, varchar}, false},
		{"SELECT id FROM m WHERE t = '' || $1 OR t = $2 ORDER BY id", "5 a", [2]uint32{int4, any}, true},
		{"SELECT id FROM m WHERE t = '' || $1 OR t = $2 ORDER BY id", "a a", [2]uint32{bpchar, any}, true},
		{"SELECT id FROM m WHERE t = ANY (string_to_array($1, ',')) OR t = $2 ORDER BY id", "x,a q", [2]uint32{varchar, any}, false},
		{"SELECT id FROM m WHERE t = ANY (string_to_array($1, ',')) OR t = $2 ORDER BY id", "5 q", [2]uint32{int4, any}, true},
		{"SELECT id FROM m WHERE t = '' || $1::text OR t = $2 ORDER BY id", "5 a", [2]uint32{int4, any}, false},
		{"SELECT id FROM m WHERE c = $1 AND c IN ($1, $2)", "a  b", [2]uint32{text, any}, false},
		{"SELECT id FROM m WHERE c IN ($1, $2) AND c = $1", "a  b", [2]uint32{text, any}, false},
		{"SELECT id FROM m WHERE c = ANY (ARRAY['x'::char(3), $1]) AND $2::int = 1", "a  1", [2]uint32{any, any}, false},
		{"SELECT id FROM m WHERE c = ANY (ARRAY['x'::char(3), $1]) AND $2::int = 1", "a  1", [2]uint32{text, any}, true},
		{"SELECT id FROM m WHERE t = ANY (ARRAY['x'::bpchar, $1]) AND $2::int = 1", "a  1", [2]uint32{any, any}, true},
		{"SELECT id FROM m WHERE t = ANY (ARRAY['x'::text, $1]) AND $2::int = 1", "a  1", [2]uint32{varchar, any}, false},
		{"SELECT id FROM m WHERE t = ANY (ARRAY['x'::text, $1]) AND $2::int = 1", "a  1", [2]uint32{bpchar, any}, true},
		{"SELECT id FROM m WHERE r = ANY (ARRAY[0.1::float8, $1]) AND $2::int = 1", "0.1 1", [2]uint32{any, any}, false},
		{"SELECT id FROM m WHERE r = ANY (ARRAY[0.1::real, $1]) AND $2::int = 1", "0.1 1", [2]uint32{any, any}, false},
		{"SELECT id FROM m WHERE r = ANY (ARRAY[5::real, $1]) AND $2::int = 1", "0.1 1", [2]uint32{numeric, any}, true},
		{"SELECT id FROM m WHERE i = ANY (ARRAY[5.5, $1]) AND $2::int = 1", "5.0 1", [2]uint32{any, any}, false},
		{"INSERT INTO m (id, t) VALUES ($1, $2) RETURNING $2", "9 a", [2]uint32{any, 705}, false},
		{"SELECT id FROM m WHERE c = (SELECT $1) AND $2::int = 1", "a  1", [2]uint32{any, any}, false},
		{"SELECT id FROM m WHERE c = (SELECT $1) AND $2::int = 1", "a 1", [2]uint32{any, any}, false},
		{"SELECT id FROM m WHERE c = NULLIF($1::varchar, '') AND $2::int = 1", "a  1", [2]uint32{any, any}, false},
		{"SELECT id FROM m WHERE c = NULLIF($1, '') AND $2::int = 1", "a  1", [2]uint32{varchar, any}, false},
		{"SELECT id, $1::text FROM m WHERE r = $1::real AND $2::int = 1", "0.10 1", [2]uint32{any, any}, false},
		{"SELECT id, $1::int FROM m WHERE i IN ($1, $2)", "5 6", [2]uint32{any, int8}, false},
		{"SELECT id FROM m WHERE i IN ($1::int, $2::numeric) ORDER BY id", "5 6", [2]uint32{any, any}, false},
		{"SELECT id FROM m WHERE i IN ($1, $2::text::int) ORDER BY id", "5 6", [2]uint32{any, any}, false},
		{"SELECT id FROM m WHERE t IN (VALUES ($1::varchar), ($2)) ORDER BY id", "a b", [2]uint32{any, any}, false},
		{"SELECT id FROM m WHERE i IN (VALUES ($1), (NULL)) AND $2::int = 1", "5 1", [2]uint32{int4, any}, false},
		{"SELECT id FROM m WHERE i IN (VALUES ($1), (NULL)) AND $2::int = 1", "5 1", [2]uint32{int8, any}, true},
		{"SELECT id FROM m WHERE i = ANY (ARRAY[$1, '5']) AND $2::int = 1", "6 1", [2]uint32{int4, any}, false},
		{"SELECT id FROM m WHERE i = ANY (ARRAY[$1, '5']) AND $2::int = 1", "6 1", [2]uint32{int8, any}, true},
		{"UPDATE m SET t = x.t FROM (VALUES (1, $1), (2, NULL)) x (id, t) WHERE m.id = x.id AND $2::int = 2", "a 1", [2]uint32{any, any}, false},
		{"UPDATE m SET t = $1::varchar::char(1) WHERE id > $2", "ab 5", [2]uint32{any, any}, false},
		{"SELECT id, NULLIF(i, $1), $2::int FROM m ORDER BY id", "5 5", [2]uint32{int8, int4}, false},
		{"SELECT id, NULLIF(i, $1), $2::int FROM m ORDER BY id", "5 5", [2]uint32{numeric, int4}, true},
	} {
		var answers [2]string
		for i, conn := range []*pgconn.PgConn{twin, sealed} {
			d, err := conn.Prepare(t.Context(), "", c.sql, c.types[:])
			if err == nil {
				last := strings.LastIndexByte(c.values, ' ')
				first, second := c.values[:last], c.values[last+1:]
				r := conn.ExecPrepared(t.Context(), "", [][]byte{[]byte(first), []byte(second)}, nil, nil).Read()
				answers[i], err = fmt.Sprintf("%d %s %s", d.ParamOIDs, r.Rows, r.CommandTag), r.Err
			}
			if e, ok := errors.AsType[*pgconn.PgError](err); ok {
				answers[i] = e.Code + " " + e.Message
			} else if err != nil {
				t.Fatal(err)
			}
		}
		if got := strings.HasPrefix(answers[1], "0A000"); got != c.refused || !got && answers[0] != answers[1] {
			t.Errorf("%s with %s as %d:\nplain  %s\nsealed %s", c.sql, c.values, c.types, answers[0], answers[1])
		}
	}
}
