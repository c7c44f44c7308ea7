package sealing

import (
	"fmt"
	"strings"
	"testing"
)

// values are values of each logical type that have gone wrong somewhere once.
var values = map[string][]string{
	"text":                           {`''`, `'plain'`, `E'tab\tand\nnewline\\'`, `'Grüße 😀'`, `repeat('long ', 100000)`},
	"character varying(11)":          {`''`, `'12345678901'`, `'über'`, `' a  '`},
	"character varying":              {`''`, `'x'`},
	"character(5)":                   {`''`, `'ab'`, `'abcde'`, `'äöü'`},
	"smallint":                       {`0`, `-32768`, `32767`},
	"integer":                        {`0`, `-2147483648`, `2147483647`},
	"bigint":                         {`0`, `-9223372036854775808`, `9223372036854775807`},
	"boolean":                        {`true`, `false`},
	"real":                           {`0`, `'-0'`, `1.1`, `'NaN'`, `'Infinity'`, `'-Infinity'`, `3.4028235e38`, `1e-45`},
	"double precision":               {`0`, `'-0'`, `0.1`, `'NaN'`, `'Infinity'`, `'-Infinity'`, `1.7976931348623157e308`, `5e-324`},
	"numeric":                        {`0`, `1.0`, `1.00`, `'NaN'`, `'Infinity'`, `'-Infinity'`, `-0.000000000000000000000000000001`, `1e1000`},
	"numeric(10,2)":                  {`0`, `-99999999.99`, `1.005`, `'NaN'`},
	"date":                           {`'0044-03-15 BC'`, `'infinity'`, `'-infinity'`, `'2000-02-29'`, `'5874897-12-31'`},
	"time without time zone":         {`'00:00'`, `'24:00'`, `'12:34:56.789012'`},
	"time(2) without time zone":      {`'12:34:56.789'`},
	"timestamp without time zone":    {`'infinity'`, `'-infinity'`, `'4713-01-01 00:00:00 BC'`, `'2024-02-29 23:59:59.999999'`},
	"timestamp(0) without time zone": {`'2024-02-29 23:59:59.5'`},
	"timestamp with time zone":       {`'infinity'`, `'2024-06-01 12:00+05:45'`, `'0001-01-01 00:00+00'`},
	"uuid":                           {`'00000000-0000-0000-0000-000000000000'`, `'ffffffff-ffff-ffff-ffff-ffffffffffff'`},
	"json":                           {`'{"b":1, "a" : 2, "a":3}'`, `'null'`, `'  [1 ]'`},
	"jsonb":                          {`'{"b":1, "a" : 2, "a":3}'`, `'null'`, `'"\u00e4"'`, `'1.00'`},
	"interval":                       {`'1 day'`, `'24:00'`, `'-178000000 years'`, `'1 mon -1 day 00:00:00.000001'`},
	"interval day to second(2)":      {`'1.239'`},
	"time with time zone":            {`'24:00-15:59'`, `'12:00+02'`},
	"inet":                           {`'10.0.0.1/8'`, `'::1'`},
	"cidr":                           {`'10/8'`, `'2001:db8::/32'`},
	"macaddr":                        {`'08:00:2b:01:02:03'`},
	"bit(3)":                         {`'101'`},
	"bit varying":                    {`''`, `'1011111111'`},
	"integer[]":                      {`'{}'`, `'{1,NULL,-3}'`, `'[0:1]={1,2}'`, `'{{1,2},{3,4}}'`, `'{1,2}'`, `array_remove('{1,NULL,2}'::int[], NULL)`},
	"numeric[]":                      {`'{1.0,1.00}'`, `'{1.00,1.0}'`, `'{NaN}'`},
	"text[]":                         {`'{}'`, `'{"",NULL,"NULL",é}'`, `array[repeat('long ', 100000)]`},
	"character varying(5)[]":         {`'{abcde,ü}'`, `'{}'`},
	"timestamp with time zone[]":     {`'{infinity,"2024-06-01 12:00+05:45"}'`},
	"bytea":                          {`''`, `'\x00'`, `'\xe501000000010000000100'`, `'\xdeadbeef'`},
}

func TestEveryTypeComesBackAsItWas(t *testing.T) {
	var columns, inserts, names []string
	for typ, list := range values {
		name := strings.NewReplacer(" ", "_", "(", "_", ")", "", ",", "_", "[]", "_list").Replace(typ)
		columns = append(columns, fmt.Sprintf("%s %s", name, typ))
		names = append(names, name)
		for _, v := range append(list, "NULL") {
			inserts = append(inserts, fmt.Sprintf("INSERT INTO t (%s) VALUES (%s)", name, v))
		}
	}
	w := newWorld(t, "CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY, gone int, "+strings.Join(columns, ", ")+", last int DEFAULT 7)",
		"ALTER TABLE t DROP COLUMN gone", strings.Join(inserts, ";"))
	before := w.dump()
	rows := make([]int64, len(names))
	for i, name := range names {
		rows[i] = w.seal("public.t."+name, name != "json").Rows
	}
	for i, name := range names {
		if n := one[int64](w, fmt.Sprintf("SELECT count(*) FROM t WHERE %[1]s IS NOT NULL AND substring(%[1]s, 1, 2) <> '\\xe501'", name)); n != 0 {
			t.Errorf("%s: %d values are no envelopes", name, n)
		}
		if n := one[int64](w, fmt.Sprintf("SELECT count(%s) FROM t", name)); n != rows[i] {
			t.Errorf("%s: %d values, %d were sealed", name, n, rows[i])
		}
	}
	if opened, damages := w.verify(""); len(damages) > 0 || opened == 0 {
		t.Errorf("%d open, these do not: %v", opened, damages)
	}
	for i, name := range names {
		if n := w.unseal("public.t." + name).Rows; n != rows[i] {
			t.Errorf("%s: %d values were opened, %d were sealed", name, n, rows[i])
		}
	}
	w.same("the dump", before, w.dump())
	if n := one[int64](w, `SELECT (SELECT count(*) FROM pgseal.sealed_column) + (SELECT count(*) FROM pg_class WHERE relnamespace = 'pgseal_column'::regnamespace)
		+ (SELECT count(*) FROM pg_type WHERE typnamespace = 'pgseal_column'::regnamespace)`); n != 0 {
		t.Errorf("%d objects are left over", n)
	}
}

// Two values share an equality term exactly when the server holds them equal.
func TestEqualityTermsAgreeWithTheServer(t *testing.T) {
	w := newWorld(t)
	for typ, list := range values {
		if typ == "json" {
			continue
		}
		table := fmt.Sprintf("%q", typ)
		w.exec(fmt.Sprintf("CREATE TABLE %s (id int, v %s)", table, typ))
		for i, v := range append(list, list...) {
			w.exec(fmt.Sprintf("INSERT INTO %s VALUES (%d, %s)", table, i, v))
		}
		pairs := `SELECT string_agg(a.id || '=' || b.id, ' ' ORDER BY a.id, b.id) FROM ` + table + ` a JOIN ` + table + ` b ON %s`
		want := one[string](w, fmt.Sprintf(pairs, "a.v = b.v"))
		w.seal(table+".v", true)
		w.same("equal values of "+typ, want, one[string](w, fmt.Sprintf(pairs, "pgseal.eq(a.v) = pgseal.eq(b.v)")))
	}
}
