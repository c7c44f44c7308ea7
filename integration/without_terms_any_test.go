package integration

import (
	"errors"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"pgseal/integration/harness"
)

// ANY and ALL of an array that is one parameter or one string is what drivers make of a list.
func TestArraysWithoutATerm(t *testing.T) {
	pair := harness.New(t, tasksSchema())
	w := pair.Env.Canaries.Text()
	pair.SameIn(t, formulaModes, S(taskRows), S(ownerRows),
		S("SELECT id FROM tasks WHERE status = ANY ($1) ORDER BY id", "{new,paid,"+w+"}"),
		S("SELECT id FROM tasks WHERE status = ANY ($1) ORDER BY id", "{NEW,NULL,\"\"}"),
		S("SELECT id FROM tasks WHERE status = ANY ($1) ORDER BY id", "{}"),
		S("SELECT id FROM tasks WHERE status = ANY ($1) ORDER BY id", "{NULL}"),
		S("SELECT id FROM tasks WHERE status = ANY ($1) ORDER BY id", "{{new,"+w+"},{paid,x}}"),
		S("SELECT id FROM tasks WHERE status = ANY ($1) ORDER BY id", nil),
		S("SELECT id FROM tasks WHERE status <> ALL ($1) ORDER BY id", "{new,"+w+"}"),
		S("SELECT id FROM tasks WHERE status <> ALL ($1) ORDER BY id", "{new,NULL}"),
		S("SELECT id FROM tasks WHERE status <> ALL ($1) ORDER BY id", "{}"),
		S("SELECT id FROM tasks WHERE status <> ALL ($1) ORDER BY id", nil),
		S("SELECT id FROM tasks WHERE NOT (status = ANY ($1)) ORDER BY id", "{new}"),
		S("SELECT id FROM tasks WHERE NOT (status <> ALL ($1)) ORDER BY id", "{}"),
		S("SELECT id FROM tasks WHERE status <> ANY ($1) ORDER BY id", "{new,paid}"),
		S("SELECT id FROM tasks WHERE status = ALL ($1) ORDER BY id", "{new,new}"),
		S("SELECT id FROM tasks WHERE status > ALL ($1) ORDER BY id", "{new,"+w+"}"),
		S("SELECT id FROM tasks WHERE (status = ANY ($1)) IS NULL ORDER BY id", "{}"),
		S("SELECT id FROM tasks WHERE status = ANY ($1::text[]) ORDER BY id", "{new,"+w+"}"),
		S("SELECT id FROM tasks WHERE status = ANY (CAST($1 AS varchar[])) ORDER BY id", "{new,"+w+"}"),
		S("SELECT id FROM tasks WHERE status = ANY ('{new,paid,"+w+"}') ORDER BY id"),
		S("SELECT id FROM tasks WHERE status = ANY ('{new,paid,"+w+"}'::text[]) ORDER BY id"),
		S("SELECT id FROM tasks WHERE status <> ALL ('{}') ORDER BY id"),
		S("SELECT id FROM tasks WHERE status = ANY ('new')").Fails("22P02"),
		S("SELECT id FROM tasks WHERE n = ANY ('{1,x}')").Fails("22P02"),
		S("SELECT id FROM tasks WHERE status = ANY (ARRAY['new', $1]) ORDER BY id", "paid"),
		S("SELECT id FROM tasks WHERE status = ANY (ARRAY[$1, $2, NULL]) ORDER BY id", "paid", w),
		S("SELECT id FROM tasks WHERE status <> ALL (ARRAY['new', $1]) ORDER BY id", nil),
		S("SELECT id FROM tasks WHERE status <> ALL (ARRAY['new', '"+w+"', NULL]) ORDER BY id"),
		S("SELECT id FROM tasks WHERE status = ANY (ARRAY['new', $1]::text[]) ORDER BY id", "paid"),
		S("SELECT id FROM tasks WHERE status = ANY (ARRAY['new']::varchar[]) ORDER BY id"),
		S("SELECT id FROM tasks WHERE status = ANY (ARRAY[]::text[]) ORDER BY id"),
		S("SELECT id FROM tasks WHERE status <> ALL (ARRAY[]::text[]) ORDER BY id"),
		S("SELECT id FROM tasks WHERE code = ANY ($1) ORDER BY id", "{a,\"a \",B}"),
		S("SELECT id FROM tasks WHERE code = ANY ('{a,b}') ORDER BY id"),
		S("SELECT id FROM tasks WHERE code = ANY ($1::varchar(1)[]) ORDER BY id", "{ax,b}"),
		S("SELECT id FROM tasks WHERE pad = ANY ($1) ORDER BY id", "{x,\"y  \"}"),
		S("SELECT id FROM tasks WHERE pad = ANY ('{x,Y}') ORDER BY id"),
		S("SELECT id FROM tasks WHERE pad = ANY (ARRAY['x', $1]) ORDER BY id", "y").Refused("public.tasks.pad"),
		S("SELECT id FROM tasks WHERE n = ANY ($1) ORDER BY id", "{1,2,NULL}"),
		S("SELECT id FROM tasks WHERE n = ANY ($1::int[]) ORDER BY id", "{1,2,NULL}"),
		S("SELECT id FROM tasks WHERE n = ANY ($1::bigint[]) ORDER BY id", "{1,9007199254740993}"),
		S("SELECT id FROM tasks WHERE n = ANY ('{1,2}') ORDER BY id"),
		S("SELECT id FROM tasks WHERE n = ANY (ARRAY[1, $1]) ORDER BY id", "2"),
		S("SELECT id FROM tasks WHERE n = ANY (ARRAY[$1, 2, NULL]) ORDER BY id", "1"),
		S("SELECT id FROM tasks WHERE n <> ALL (ARRAY[$1, 2]) ORDER BY id", "1"),
		S("SELECT id FROM tasks WHERE n = ANY (ARRAY[1, '2']) ORDER BY id"), S("SELECT id FROM tasks WHERE n = ANY (ARRAY[1, 'x']) ORDER BY id").Fails("22P02"),
		S("SELECT id FROM tasks WHERE big = ANY ($1) ORDER BY id", "{9007199254740993,2}"),
		S("SELECT id FROM tasks WHERE big = ANY ($1::numeric[]) ORDER BY id", "{9007199254740993.0,2.5}"),
		S("SELECT id FROM tasks WHERE price = ANY ($1) ORDER BY id", "{1,NaN,-1.5}"),
		S("SELECT id FROM tasks WHERE price = ANY ('{1.000,0.0}') ORDER BY id"),
		S("SELECT id FROM tasks WHERE price > ANY ($1) ORDER BY id", "{0.5,NULL}"),
		S("SELECT id FROM tasks WHERE f = ANY ($1) ORDER BY id", "{0,NaN,1.5}"),
		S("SELECT id FROM tasks WHERE d = ANY ($1) ORDER BY id", "{0,NaN,0.1}"),
		S("SELECT id FROM tasks WHERE active = ANY ($1) ORDER BY id", "{t}"),
		S("SELECT id FROM tasks WHERE day = ANY ($1) ORDER BY id", "{2024-01-01,infinity}"),
		S("SELECT id FROM tasks WHERE day = ANY ($1::timestamp[]) ORDER BY id", "{2024-01-01 00:00,2024-01-02 10:00}"),
		S("SET TimeZone = 'Europe/Berlin'"), S("SELECT id FROM tasks WHERE atz = ANY ($1) ORDER BY id", "{2024-01-01 11:00}"), S("RESET TimeZone"),
		S("SELECT id FROM tasks WHERE span = ANY ($1) ORDER BY id", "{24:00:00}"),
		S("SELECT id FROM tasks WHERE uid = ANY ($1) ORDER BY id", "{53cd2483-3676-41a7-8737-e293c9d26fa3}"),
		S("SELECT id FROM tasks WHERE raw = ANY ($1) ORDER BY id", `{"\\x01","\\x"}`),
		S("SELECT id FROM tasks WHERE keyed = ANY ($1) ORDER BY id", "{k,l}"),
		S("SELECT id FROM tasks WHERE keyed = ANY ($1) OR status = ANY ($2) ORDER BY id", "{l}", "{new}"),
		S("SELECT id FROM tasks WHERE status = ANY ($1) AND plain = ANY ($2) ORDER BY id", "{new,paid}", "{1,2}"),
		S("SELECT id FROM tasks WHERE lower(status) = ANY ($1) ORDER BY id", "{paid}"),
		S("SELECT count(*) FROM tasks WHERE status = ANY ($1)", "{new,"+w+"}"),
		S("SELECT count(*), sum(cost) FROM tasks WHERE status = ANY ($1)", "{new,paid}"),
		S("SELECT plain, count(*) FILTER (WHERE status = ANY ($1)) FROM tasks GROUP BY plain ORDER BY plain", "{new}"),
		S("SELECT status, count(*) FROM tasks WHERE status <> ALL ($1) GROUP BY status ORDER BY status", "{new}"),
		S("SELECT id, status = ANY ($1), n <> ALL ($2) FROM tasks ORDER BY id", "{new,NULL}", "{1}"),
		S("SELECT t.id, o.id FROM tasks t JOIN owners o ON o.task = t.id AND o.role = ANY ($1) ORDER BY 1, 2", "{lead}"),
		S("SELECT t.id, o.id FROM tasks t LEFT JOIN owners o ON o.task = t.id AND o.role = ANY ($1) WHERE t.status = ANY ($2) ORDER BY 1, 2", "{member}", "{new,Paid}"),
		S("SELECT id FROM tasks WHERE id IN (SELECT task FROM owners WHERE role = ANY ($1)) ORDER BY id", "{member}"),
		S("SELECT id FROM tasks t WHERE EXISTS (SELECT FROM owners o WHERE o.task = t.id AND o.age = ANY ('{30,50}')) ORDER BY id"),
		S("SELECT a.id FROM tasks a WHERE a.status = ANY ($1) AND a.status = ANY ($2) ORDER BY id", "{new,a}", "{new,b}"),
		S("UPDATE tasks SET plain = 7 WHERE status = ANY ($1) RETURNING id", "{new,"+w+"}"),
		S("UPDATE tasks SET status = 'done' WHERE n = ANY ($1) AND status <> ALL ('{paid}') RETURNING id", "{1,2}"),
		S("DELETE FROM owners WHERE role = ANY ($1)", "{lead,NULL}"),
		S("SELECT * FROM tasks ORDER BY id"), S("SELECT * FROM owners ORDER BY id"),
	)
}

// IN takes NULL, strings beside numbers, and what is computed of constants.
func TestListsWithoutATerm(t *testing.T) {
	pair := harness.New(t, tasksSchema())
	w := pair.Env.Canaries.Text()
	pair.SameIn(t, formulaModes, S(taskRows), S(ownerRows),
		S("SELECT id FROM tasks WHERE status IN ('new', NULL) ORDER BY id"),
		S("SELECT id FROM tasks WHERE status IN (NULL, '"+w+"', 'paid') ORDER BY id"),
		S("SELECT id FROM tasks WHERE status IN (NULL) ORDER BY id"),
		S("SELECT id FROM tasks WHERE status NOT IN ('new', NULL) ORDER BY id"),
		S("SELECT id FROM tasks WHERE NOT (status NOT IN ('new', NULL)) ORDER BY id"),
		S("SELECT id FROM tasks WHERE (status IN ('new', NULL)) IS NULL ORDER BY id"),
		S("SELECT id FROM tasks WHERE status NOT IN ($1, 'new') ORDER BY id", nil),
		S("SELECT id FROM tasks WHERE status IN ($1::text, 'new') ORDER BY id", "paid"),
		S("SELECT id FROM tasks WHERE status IN ($1::text, $2::text) ORDER BY id", "paid", w),
		S("SELECT id FROM tasks WHERE status IN ('pa' || 'id', lower('NEW')) ORDER BY id"),
		S("SELECT id FROM tasks WHERE n IN (1 + 1, 22) ORDER BY id"),
		S("SELECT id FROM tasks WHERE n IN ('1', 2) ORDER BY id"),
		S("SELECT id FROM tasks WHERE n IN ('x', 2) ORDER BY id").Fails("22P02"),
		S("SELECT id FROM tasks WHERE n IN ('1', $1, 2) ORDER BY id", "0"),
		S("SELECT id FROM tasks WHERE n IN ('1', 3000000000) ORDER BY id").Refused("public.tasks.n"),
		S("SELECT id FROM tasks WHERE n IN (2, 3000000000) ORDER BY id"),
		S("SELECT id FROM tasks WHERE n IN (1, 2.0) ORDER BY id"),
		S("SELECT id FROM tasks WHERE n IN (1, 1 / 0) ORDER BY id").Fails("22012"),
		S("SELECT id FROM tasks WHERE big IN ('9007199254740993', 2) ORDER BY id"),
		S("SELECT id FROM tasks WHERE price IN ('1.00', 0, NULL) ORDER BY id"),
		S("SELECT id FROM tasks WHERE d IN ('NaN', 0) ORDER BY id"),
		S("SELECT id FROM tasks WHERE f IN ('NaN', 0) ORDER BY id").Refused("public.tasks.f"),
		S("SELECT id FROM tasks WHERE active IN (true, false) ORDER BY id"),
		S("SELECT id FROM tasks WHERE active NOT IN (true, NULL) ORDER BY id"),
		S("SELECT id FROM tasks WHERE day IN (date '2024-01-01', '2024-01-02') ORDER BY id"),
		S("SELECT id FROM tasks WHERE day IN ('2024-01-01', timestamp '2024-01-02 10:00') ORDER BY id").Refused("public.tasks.day"),
		S("SELECT id FROM tasks WHERE status IN ('new', keyed) ORDER BY id").Refused("public.tasks"),
		S("SELECT id FROM tasks WHERE plain IN (1, n)").Refused("public.tasks.n"),
		S("SELECT id, status IN ('new', NULL), n NOT IN ('1', NULL) FROM tasks ORDER BY id"),
		S("SELECT count(*) FROM tasks WHERE status NOT IN ('new', NULL)"),
		S("SELECT t.id, o.id FROM tasks t LEFT JOIN owners o ON o.task = t.id AND o.age IN ('30', 40, NULL) ORDER BY 1, 2"),
		S("UPDATE tasks SET plain = 9 WHERE n IN ('1', 2, NULL)"),
		S("DELETE FROM owners WHERE role NOT IN ('lead', NULL)"), S("DELETE FROM owners WHERE role IN ('lead', NULL)"),
		S("SELECT * FROM tasks ORDER BY id"), S("SELECT * FROM owners ORDER BY id"),
	)
}

// A parameter is what the client declares it to be, also of another type than the column.
func TestDeclaredTypesWithoutATerm(t *testing.T) {
	const (
		text, varchar, bpchar, small, integer, big, numeric, real                  = 25, 1043, 1042, 21, 23, 20, 1700, 700
		texts, varchars, bpchars, smalls, integers, bigs, numerics, reals, doubles = 1009, 1015, 1014, 1005, 1007, 1016, 1231, 1021, 1022
	)
	pair := harness.New(t, tasksSchema())
	twin, sealed := pair.Connect(t, pair.TwinURL()).PgConn(), pair.Connect(t, pair.URL()).PgConn()
	for _, conn := range []*pgconn.PgConn{twin, sealed} {
		if _, err := conn.Exec(t.Context(), taskRows).ReadAll(); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		condition string
		oids      []uint32
		values    []string
		refused   bool
	}{
		{"status = ANY ($1)", []uint32{varchars}, []string{"{new,paid}"}, false},
		{"status = ANY ($1)", []uint32{texts}, []string{"{new,paid}"}, false},
		{"status = ANY ($1)", []uint32{bpchars}, []string{"{new,paid}"}, true},
		{"status = ANY ($1)", []uint32{text}, []string{"{new,paid}"}, true},
		{"status = ANY ($1::text[])", []uint32{texts}, []string{"{new,paid}"}, false},
		{"status = ANY ($1::text[])", []uint32{varchars}, []string{"{new,paid}"}, false},
		{"status = ANY ($1::text[])", []uint32{bpchars}, []string{"{\"new \",paid}"}, false},
		{"status = ANY (ARRAY['new', $1])", []uint32{varchar}, []string{"paid"}, false},
		{"status = ANY (ARRAY['new', $1])", []uint32{bpchar}, []string{"paid "}, true},
		{"status = ANY (ARRAY['new', $1]::text[])", []uint32{integer}, []string{"1"}, false},
		{"status IN ($1, $2)", []uint32{varchar, text}, []string{"new", "x"}, false},
		{"pad = ANY ($1)", []uint32{bpchars}, []string{"{x,\"y \"}"}, false},
		{"pad = ANY ($1)", []uint32{texts}, []string{"{x,\"y \"}"}, true},
		{"n = ANY ($1)", []uint32{smalls}, []string{"{1,2}"}, false},
		{"n = ANY ($1)", []uint32{bigs}, []string{"{1,9007199254740993}"}, false},
		{"n = ANY ($1)", []uint32{numerics}, []string{"{1.0,2.5}"}, false},
		{"n = ANY ($1)", []uint32{doubles}, []string{"{1,NaN}"}, false},
		{"n = ANY (ARRAY[$1, 2])", []uint32{big}, []string{"1"}, true},
		{"n = ANY (ARRAY[$1, 2])", []uint32{numeric}, []string{"1"}, true},
		{"n IN ($1, 2)", []uint32{big}, []string{"9007199254740993"}, false},
		{"n IN ($1, '2')", []uint32{big}, []string{"9007199254740993"}, true},
		{"n IN ($1, '2')", []uint32{small}, []string{"1"}, false},
		{"n IN ($1, 2)", []uint32{real}, []string{"1"}, true},
		{"n IN ($1, 2)", []uint32{numeric}, []string{"1.0"}, false},
		{"n IN ($1, 1.0)", nil, []string{"1.5"}, false},
		{"n IN ($1, 3000000000)", nil, []string{"4000000000"}, false},
		{"n IN ($1, $2)", []uint32{0, numeric}, []string{"1.5", "1"}, false},
		{"n IN ($1, $2)", []uint32{0, big}, []string{"3000000000", "1"}, false},
		{"n IN ($1, $2)", []uint32{numeric, numeric}, []string{"1.5", "1"}, false},
		{"f = ANY ($1)", []uint32{reals}, []string{"{0,1.5,0.1}"}, false},
		{"f = ANY ($1)", []uint32{doubles}, []string{"{0,1.5,0.1}"}, false},
		{"d = ANY ($1)", []uint32{reals}, []string{"{0,1.5,0.1}"}, false},
		{"price = ANY ($1)", []uint32{doubles}, []string{"{1,NaN}"}, false},
	} {
		sql := "SELECT id FROM tasks WHERE " + c.condition + " ORDER BY id"
		var answers [2]string
		for i, conn := range []*pgconn.PgConn{twin, sealed} {
			values := make([][]byte, len(c.values))
			for k, v := range c.values {
				values[k] = []byte(v)
			}
			r := conn.ExecParams(t.Context(), sql, values, c.oids, nil, nil).Read()
			for _, row := range r.Rows {
				answers[i] += string(row[0]) + " "
			}
			if e := (*pgconn.PgError)(nil); errors.As(r.Err, &e) {
				answers[i] = e.Code
			}
		}
		if c.refused && answers[1] != "0A000" || !c.refused && (answers[0] != answers[1] || answers[0] == "0A000") {
			t.Errorf("%s with %d: %q, and %q in PostgreSQL", sql, c.oids, answers[1], answers[0])
		}
	}
}
