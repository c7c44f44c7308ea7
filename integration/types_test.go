package integration

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"pgseal/integration/harness"
)

// sealedType is a logical type with values that it takes and texts that it
// does not.
type sealedType struct {
	column   string // name in the table values
	typ      string
	equality bool
	accepts  []string
	rejects  []string
}

func sealedTypes(c *harness.Canaries) []sealedType {
	long := strings.Repeat(c.Text()+" ", 2000)
	return []sealedType{
		{"c_text", "text", true,
			[]string{c.Word(), "", " ", "it's", `back\slash`, "naïve Ünïcode 日本", "a\nb\tc", long, `\xe501`, "NULL"}, nil},
		{"c_varchar", "varchar(11)", true,
			[]string{c.Word(), "", "078-05-1120", "日本語日本語日本語日本", "trailing         ", "twelve      "},
			[]string{"twelve chars", "日本語日本語日本語日本語"}},
		{"c_char", "char(12)", true,
			[]string{c.Word(), "", "a", "a   ", "exactly12chr", "padded       "},
			[]string{"thirteen char"}},
		{"c_int2", "int2", true, []string{"0", "-32768", "32767", "007", " 7 ", "+7"},
			[]string{"32768", "abc", "", "1.5", "--1"}},
		{"c_int4", "int4", true, []string{"0", "-2147483648", "2147483647", "0042"}, []string{"2147483648", "1e3", "x"}},
		{"c_int8", "int8", true, []string{c.Int8(), "-9223372036854775808", "9223372036854775807"},
			[]string{"9223372036854775808", "0x10z"}},
		{"c_bool", "bool", true, []string{"t", "f", "true", "no", "on", "1", " yes "}, []string{"maybe", "", "2"}},
		{"c_float4", "float4", true, []string{"0", "-0", "1.5", "NaN", "Infinity", "-inf", "3.4028235e38", "1e-45", ".1"},
			[]string{"1e39", "abc", ""}},
		{"c_float8", "float8", true,
			[]string{"0", "-0", "0.1", "1e308", "5e-324", "NaN", "-Infinity", "123456789.123456789", " 1 "},
			[]string{"1e309", "1,5", "--"}},
		{"c_numeric", "numeric", true,
			[]string{c.Numeric(), "1.0", "1.00", "0", "-0", "NaN", "Infinity", "-inf", "1e-20", "0.000000001", "1e100"},
			[]string{"abc", "", "1..2"}},
		{"c_money", "numeric(12,2)", true, []string{"1.005", "-1.005", "1234567890.12", "0.001", "9999999999.99"},
			[]string{"9999999999.995", "1e10", "Infinity"}},
		{"c_date", "date", true,
			[]string{"2024-02-29", "0044-03-15 BC", "infinity", "-infinity", "J2451187", "1999-01-08", "20240102", "5874897-12-31"},
			[]string{"2024-02-30", "2023-13-01", "abc", "", "5874898-01-01"}},
		{"c_time", "time", true, []string{"04:05:06.789", "24:00:00", "00:00", "04:05 PM", "235959.999999", "allballs"},
			[]string{"25:00", "12:60:00", "x"}},
		{"c_time0", "time(0)", true, []string{"04:05:06.5", "23:59:59.9"}, []string{"noonish"}},
		{"c_timestamp", "timestamp", true,
			[]string{c.Timestamp(), "2024-07-01 12:00", "infinity", "4713-01-01 00:00:00 BC", "2024-06-30 23:59:60", "2024-07-01T12:00:00"},
			[]string{"2024-07-32", "yesterdayish", "294277-01-01"}},
		{"c_timestamp3", "timestamp(3)", true, []string{"2024-07-01 12:00:00.123456", "2024-12-31 23:59:59.9996"}, nil},
		{"c_timestamptz", "timestamptz", true,
			[]string{c.Timestamp() + "+00", "2024-07-01 12:00:00 America/New_York", "2024-03-31 02:30:00 Europe/Berlin",
				"2024-07-01 12:00+05:30", "-infinity", "2024-07-01 12:00 EST", "0001-01-01 00:00:00 BC"},
			[]string{"2024-07-01 12:00 Mars/Olympus", "abc"}},
		{"c_uuid", "uuid", true,
			[]string{c.UUID(), "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "{a0eebc99-9c0b4ef8-bb6d6bb9-bd380a11}", "a0eebc999c0b4ef8bb6d6bb9bd380a11"},
			[]string{"a0eebc99", "", "g0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"}},
		{"c_json", "json", false,
			[]string{fmt.Sprintf(`{"b": "%s",  "a":1, "a" : 2}`, c.Word()), `null`, `[1, 2.50, "x\u0041"]`, ` "s" `, `{}`},
			[]string{`{`, `{'a':1}`, ``, `[1,]`}},
		{"c_jsonb", "jsonb", true,
			[]string{fmt.Sprintf(`{"b": "%s",  "a":1, "a" : 2}`, c.Word()), `null`, `[1, 2.50, "x\u0041"]`, ` "s" `, `{"aa":1,"b":2,"c":{"z":[],"y":{}}}`, `1e3`, `-0.0`},
			[]string{`{`, `{"a":"\u0000"}`, ``, `nul`}},
		{"c_interval", "interval", true,
			[]string{"1 day", "24:00", "1 year 2 mons -3 days 04:05:06.789", "P1Y2M3DT4H5M6S", "@ 1 minute ago", "1-2 3 4:05:06", "-1.5 months", "178000000 years"},
			[]string{"1 fortnight", "", "1 day 1 day", "9999999999 days"}},
		{"c_span", "interval day to second(2)", true, []string{"1", "1 day 2:03:04.567", "1:02"}, []string{"x"}},
		{"c_timetz", "timetz", true, []string{"04:05:06.789+02", "24:00:00-15:59", "04:05 PM EST", "2024-07-01 12:00 America/New_York"}, []string{"25:00+00", "x"}},
		{"c_inet", "inet", true, []string{"10.0.0.1", "10.0.0.1/8", "::1", "fe80::1/64", "::ffff:1.2.3.4", "10.1/16"}, []string{"10.0.0.256", "", "10.0.0.1/33", "g::1"}},
		{"c_cidr", "cidr", true, []string{"10.0.0.0/8", "10", "192.168.1", "::/0", "2001:db8::/32"}, []string{"10.0.0.1/8", "x"}},
		{"c_macaddr", "macaddr", true, []string{"08:00:2b:01:02:03", "08002b-010203", "0800.2b01.0203"}, []string{"08:00:2b:01:02", "08:00:2b:01:02:100"}},
		{"c_bit", "bit(4)", true, []string{"1010", "0000", "xF"}, []string{"101", "10101", "2"}},
		{"c_varbit", "varbit(6)", true, []string{"", "101", "101010", "b1"}, []string{"1010101", "x"}},
		{"c_intervals", "interval[]", true, []string{`{"1 day",NULL}`, "{24:00,NULL}"}, []string{"{x}"}},
		{"c_ints", "int4[]", true,
			[]string{"{}", "{1,2,3}", "{1,NULL}", "{{1,2},{3,4}}", "[0:1]={1,2}", " { 1 , 2 } ", "[-1:0][3:3]={{1},{2}}"},
			[]string{"{1,x}", "{1", "1", "{{1},{2,3}}", "[1:3]={1}", "{99999999999}"}},
		{"c_texts", "text[]", true,
			[]string{"{" + c.Word() + "}", "{}", `{"",NULL,"NULL","a b","c\"d","e\\f","{x}","y,z"}`, "{{a,b},{é,日本}}"},
			[]string{"{a,", "a"}},
		{"c_varchars", "varchar(5)[]", true, []string{"{abc,abcde}", `{"abcde   "}`}, []string{"{abcdef}"}},
		{"c_numerics", "numeric(6,2)[]", true, []string{"{1.005,2}", "{1.01,2.00}", "{NaN}"}, []string{"{99999}"}},
		{"c_dates", "date[]", true, []string{"{2024-02-29,infinity}", "{}"}, []string{"{2023-02-29}"}},
		{"c_jsons", "json[]", false, []string{`{"{\"a\": 1}",null}`, "{}"}, []string{"{x}"}},
		{"c_int4range", "int4range", true, []string{"[1,5]", "[1,6)", "empty", "(3,3)", "[,7)", "(,)", " [ 1 ,2)"}, []string{"[2,1]", "[1,2", "x", "[1,x]", "[1,2147483647]"}},
		{"c_int8range", "int8range", true, []string{"[1,5]", "[1,6)", "(0,9223372036854775807)"}, []string{"[1,9223372036854775807]"}},
		{"c_numrange", "numrange", true, []string{"[1.0,2.00)", "[1,2)", `["1",2]`, "empty", "[NaN,]"}, []string{"[2,1.9]", "[a,b]"}},
		{"c_daterange", "daterange", true, []string{"[2024-01-01,2024-01-31]", "[2024-01-01,2024-02-01)", "[-infinity,infinity]"}, []string{"[2024-02-30,]"}},
		{"c_tsrange", "tsrange", true, []string{"[2024-01-01 12:00,2024-01-01 13:00)", "(,2024-01-01]"}, []string{"[2024-01-02,2024-01-01)"}},
		{"c_tstzrange", "tstzrange", true, []string{`["2024-01-01 12:00+02","2024-01-01 13:00+02")`, `["2024-01-01 10:00+00","2024-01-01 11:00+00")`, "empty"}, []string{"[Mars,]"}},
		{"c_ranges", "int4range[]", true, []string{`{"[1,2]",NULL,empty}`, "{}"}, []string{`{"[2,1]"}`}},
		{"c_oid", "oid", true, []string{"0", "4294967295", "-1", " 7 "}, []string{"4294967296", "x", ""}},
		{"c_name", "name", true, []string{c.Word(), "", strings.Repeat("x", 70), "naïve"}, nil},
		{"c_macaddr8", "macaddr8", true, []string{"08:00:2b:01:02:03:04:05", "08002b010203", "0800.2b01.0203.0405"}, []string{"08:00", "08:00:2b:01:02:03:04:0g"}},
		{"c_lsn", "pg_lsn", true, []string{"16/B374D848", "0/0", "ffffffff/1"}, []string{"16", "123456789/0"}},
		{"c_point", "point", false, []string{"(1.5,-2e3)", "0,0", "(NaN,Infinity)", "(0.1,0.30000000000000004)"}, []string{"(1,2", "x"}},
		{"c_hstore", "hstore", true,
			[]string{"b=>2, a=>1", `"a"=>"1","b"=>"2"`, "", "a=>NULL", `a=>"NULL"`, fmt.Sprintf(`"%s"=>"x\"y"`, c.Word()), "a=>1,a=>2"}, []string{"a", "a=>", `"a`}},
		{"c_citext", "citext", false, []string{c.Word(), "ABC", "abc ", "Ünï"}, nil},
		{"c_citexts", "citext[]", false, []string{"{Abc,NULL}", "{}"}, []string{"{"}},
		{"c_bytea", "bytea", true,
			[]string{c.Word(), `\x`, `\x00ff10`, `\xDE AD`, `a\000b\\c`, "\\xe5010000"},
			[]string{`\x0`, `\xzz`, `\9`, `a\`}},
	}
}

func typesSchema(types []sealedType) harness.Schema {
	var s harness.Schema
	var columns []string
	for _, typ := range types {
		columns = append(columns, typ.column+" "+typ.typ)
		flags := ""
		if typ.equality {
			flags = " --equality"
		}
		s.Seal = append(s.Seal, "public.values."+typ.column+flags)
	}
	s.DDL = `CREATE EXTENSION hstore; CREATE EXTENSION citext; CREATE TABLE "values" (id int PRIMARY KEY, ` + strings.Join(columns, ", ") + ")"
	return s
}

// Every value that PostgreSQL takes for a type comes back as PostgreSQL would
// show it, is found by equality as PostgreSQL would find it, and every text
// that it refuses is refused with its SQLSTATE.
func TestEveryTypeKeepsItsValues(t *testing.T) {
	types := sealedTypes(harness.Shared(t).Canaries)
	pair := harness.New(t, typesSchema(types))
	for _, typ := range types {
		t.Run(typ.typ, func(t *testing.T) {
			insert := fmt.Sprintf(`INSERT INTO "values" (id, %s) VALUES ($1, $2)`, typ.column)
			var steps []harness.Step
			for i, value := range typ.accepts {
				steps = append(steps, S(insert, fmt.Sprint(i), value))
			}
			steps = append(steps, S(insert, "1000", nil))
			for _, text := range typ.rejects {
				steps = append(steps, S(insert, "2000", text))
			}
			steps = append(steps,
				S(fmt.Sprintf(`SELECT id, %s FROM "values" ORDER BY id`, typ.column)),
				S(fmt.Sprintf(`SELECT id FROM "values" WHERE %s IS NULL`, typ.column)))
			if typ.equality {
				for _, value := range typ.accepts {
					steps = append(steps,
						S(fmt.Sprintf(`SELECT id, %s FROM "values" WHERE %[1]s = $1 ORDER BY id`, typ.column), value))
				}
				for _, text := range typ.rejects {
					steps = append(steps, S(fmt.Sprintf(`SELECT id FROM "values" WHERE %s = $1 ORDER BY id`, typ.column), text))
				}
				steps = append(steps,
					S(fmt.Sprintf(`SELECT id FROM "values" WHERE %s IN ($1, $2) ORDER BY id`, typ.column), typ.accepts[0], typ.accepts[1]),
					S(fmt.Sprintf(`SELECT id FROM "values" WHERE %s <> $1 ORDER BY id`, typ.column), typ.accepts[0]))
			}
			steps = append(steps,
				S(fmt.Sprintf(`UPDATE "values" SET %s = $2 WHERE id = $1 RETURNING id, %[1]s`, typ.column), "0", typ.accepts[1]),
				S(fmt.Sprintf(`SELECT %s FROM "values" ORDER BY id`, typ.column)))
			json := S(fmt.Sprintf(`SELECT id, to_json(%s), jsonb_build_array(%[1]s, id), json_build_array(%[1]s)::jsonb FROM "values" ORDER BY id`, typ.column))
			if typ.typ == "hstore" {
				json = json.Refused(typ.column)
			}
			steps = append(steps, json)
			pair.Same(t, steps...)
			sides := sidesOf(t, pair)
			if typ.typ == "citext[]" {
				sides.element = sides.numbersOf("citext")
			}
			sides.round("", `"values"`, "id, "+typ.column, "")
		})
	}
}

// round copies columns of a table out, in every format, and in again, after a
// setting.
func (c copySides) round(set, table, columns, where string) {
	c.t.Helper()
	c.both(c.t, set)
	for _, format := range []string{"text", "csv", "binary"} {
		data := c.out(fmt.Sprintf("COPY (SELECT %s FROM %s %s ORDER BY id) TO STDOUT (FORMAT %s)", columns, table, where, format))
		c.both(c.t, "DELETE FROM "+table)
		c.in(fmt.Sprintf("COPY %s (%s) FROM STDIN (FORMAT %s)", table, columns, format), data)
	}
	c.out(fmt.Sprintf("COPY (SELECT %s FROM %s ORDER BY id) TO STDOUT", columns, table))
}

// Large values are written from where they stand, if that is what the client gets.
func TestLargeDocuments(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL:  "CREATE TABLE papers (id int PRIMARY KEY, j json, b jsonb)",
		Seal: []string{"public.papers.j", "public.papers.b"},
	})
	document := `{"k": "` + strings.Repeat("x", 300<<10) + `"}`
	pair.Same(t,
		S("INSERT INTO papers VALUES (1, $1, $2)", document, document),
		S("INSERT INTO papers VALUES (2, '[]', '[]')"),
		S("SELECT * FROM papers ORDER BY id"))
	c := sidesOf(t, pair)
	for _, format := range []string{"text", "csv", "binary"} {
		c.out("COPY (SELECT * FROM papers ORDER BY id DESC) TO STDOUT (FORMAT " + format + ")")
	}
}

// The server formats values by the session's settings; so must pgseal.
func TestSessionSettingsShapeValues(t *testing.T) {
	env := harness.Shared(t)
	pair := harness.New(t, harness.Schema{
		DDL: `CREATE TABLE shaped (id int PRIMARY KEY, d date, ts timestamp, tz timestamptz, f4 float4, f8 float8, b bytea, t text, i interval, ds date[], bs bytea[], fs float8[])`,
		Seal: []string{
			"public.shaped.d --equality", "public.shaped.ts", "public.shaped.tz --equality",
			"public.shaped.f4", "public.shaped.f8", "public.shaped.b", "public.shaped.t --equality",
			"public.shaped.i --equality", "public.shaped.ds", "public.shaped.bs", "public.shaped.fs",
		},
	})
	word := env.Canaries.Word()
	fill := func(id, date, stamp string) harness.Step {
		return S("INSERT INTO shaped VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
			id, date, stamp, stamp, "0.1", "0.1234567890123456789", `\x00ff41`, word, "-1-2 3 4:05:06.7", "{"+date+"}",
			`{"\\x00ff41",NULL}`, "{0.1234567890123456789,-0,NaN}")
	}
	read := S("SELECT * FROM shaped ORDER BY id")
	json := S("SELECT json_build_array(d, ts, tz, f4, f8, b, t, i, ds, bs, fs), to_jsonb(shaped) FROM shaped ORDER BY id")
	for name, set := range map[string]string{
		"ISO, DMY":         "SET DateStyle = 'ISO, DMY'",
		"German":           "SET DateStyle = German",
		"SQL, DMY":         "SET DateStyle = 'SQL, DMY'",
		"SQL, MDY":         "SET DateStyle = 'SQL, MDY'",
		"Postgres, YMD":    "SET DateStyle = 'Postgres, YMD'",
		"New York":         "SET TimeZone = 'America/New_York'",
		"Kolkata":          "SET TIME ZONE 'Asia/Kolkata'",
		"an offset":        "SET TIME ZONE INTERVAL '-07:30' HOUR TO MINUTE",
		"short floats":     "SET extra_float_digits = 0",
		"shorter floats":   "SET extra_float_digits = -10",
		"escaped bytes":    "SET bytea_output = 'escape'",
		"verbose spans":    "SET IntervalStyle = postgres_verbose",
		"standard spans":   "SET IntervalStyle = sql_standard",
		"ISO spans":        "SET IntervalStyle = iso_8601",
		"by set_config":    "SELECT set_config('DateStyle', 'German', false)",
		"back to defaults": "SET DateStyle = German; RESET ALL",
	} {
		t.Run(name, func(t *testing.T) {
			pair.Same(t,
				fill("1", "2024-02-03", "2024-07-01 12:34:56.789"),
				S(set).Simple(), json, // before any envelope has shown the settings
				fill("2", "2024-03-04", "2024-01-15 23:59:59"),
				fill("3", "05/06/2024", "07/08/2024 01:02"),
				fill("4", "infinity", "0044-03-15 12:00 BC"),
				read, json,
				S("SELECT id FROM shaped WHERE d = $1 ORDER BY id", "05/06/2024"),
				S("SELECT id FROM shaped WHERE tz = $1 ORDER BY id", "2024-07-01 12:34:56.789+00"),
				S("BEGIN"), S("SET LOCAL DateStyle = 'SQL, DMY'"), read, S("ROLLBACK"), read,
				S("RESET ALL"), json, read)
			sidesOf(t, pair).round(set, "shaped", "id, d, ts, tz, f4, f8, b, t, i, ds, bs, fs", "")
		})
	}
}

func TestClientEncodingIsFollowed(t *testing.T) {
	env := harness.Shared(t)
	pair := harness.New(t, harness.Schema{
		DDL:  `CREATE TABLE encoded (id int PRIMARY KEY, t text, v varchar(4), j jsonb)`,
		Seal: []string{"public.encoded.t --equality", "public.encoded.v --equality", "public.encoded.j"},
	})
	pair.SameIn(t, []harness.Mode{harness.Simple, harness.Unnamed, harness.PreparedText, harness.SQLPrepare},
		S("INSERT INTO encoded VALUES ($1, $2, $3, $4)", "1", "é "+env.Canaries.Word(), "éèüß", `{"k":"é"}`),
		S("INSERT INTO encoded (id, t) VALUES ($1, $2)", "2", "日本"),
		S("SET client_encoding = 'LATIN1'"),
		S("INSERT INTO encoded VALUES ($1, $2, $3, $4)", "3", "\xe9t\xe9", "\xe9\xe8\xfc\xdf", "{\"k\":\"\xe9\"}"),
		S("SELECT id, t, v, j FROM encoded WHERE id <> 2 ORDER BY id"),
		S("SELECT id FROM encoded WHERE t = $1", "\xe9t\xe9"),
		S("SELECT t FROM encoded WHERE id = 2").Fails("22P05"),
		S("SET client_encoding = 'UTF8'"),
		S("SELECT id, t, v, j FROM encoded ORDER BY id"),
		S("SELECT id FROM encoded WHERE t = $1", "été"),
	)
	for _, set := range []string{"SET client_encoding = 'UTF8'", "SET client_encoding = 'LATIN1'", "SET client_encoding = 'WIN1252'"} {
		sidesOf(t, pair).round(set, "encoded", "id, t, v, j", "WHERE id <> 2")
	}
}

// A cast around a parameter belongs to the logical type.
func TestCastsOnValues(t *testing.T) {
	env := harness.Shared(t)
	pair := harness.New(t, harness.Schema{
		DDL:  `CREATE TABLE casts (id int PRIMARY KEY, v varchar(11) UNIQUE, n int4, m numeric(10,2), at timestamptz)`,
		Seal: []string{"public.casts.v --equality", "public.casts.n --equality", "public.casts.m", "public.casts.at --equality"},
	})
	word := env.Canaries.Word()
	pair.Same(t,
		S("INSERT INTO casts (id, v) VALUES ($1, $2::varchar)", "1", word),
		S("INSERT INTO casts (id, v) VALUES ($1, $2::text)", "2", "two"),
		S("INSERT INTO casts (id, v) VALUES ($1, CAST($2 AS varchar(3)))", "3", "three"),
		S("INSERT INTO casts (id, v) VALUES ($1, $2::text)", "4", "far too long for it").Fails("22001"),
		S("INSERT INTO casts (id, n) VALUES ($1, $2::int4)", "5", "42"),
		S("INSERT INTO casts (id, n) VALUES ($1, $2::int8)", "6", "43"),
		S("INSERT INTO casts (id, m) VALUES ($1, $2::numeric)", "7", "1.239"),
		S("INSERT INTO casts (id, at) VALUES ($1, $2::timestamptz)", "8", "2024-07-01 12:00+02"),
		S("SELECT * FROM casts ORDER BY id"),
		S("SELECT id FROM casts WHERE v = $1::varchar", word),
		S("SELECT id FROM casts WHERE v = $1::text", word),
		S("SELECT id FROM casts WHERE n = $1::int4", "42"),
		S("SELECT id FROM casts WHERE at = $1::timestamptz", "2024-07-01 10:00Z"),
	)
}

// Settings that no statement of the client makes: by the startup, by role and
// database, by a function's SET clause, and those that a rollback takes back.
func TestSettingsFromElsewhereShapeValues(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL: `CREATE TABLE elsewhere (id int PRIMARY KEY, d date, tz timestamptz, i interval, f float8, b bytea, fs float8[]);
			CREATE FUNCTION quiet() RETURNS text LANGUAGE plpgsql SET DateStyle = 'German' SET IntervalStyle = 'iso_8601' AS $$ BEGIN RETURN current_setting('DateStyle'); END $$;
			CREATE FUNCTION loud() RETURNS text LANGUAGE sql AS $$ SELECT set_config('DateStyle', 'SQL, DMY', false) || set_config('IntervalStyle', 'sql_standard', false) || set_config('bytea_output', 'escape', false) $$`,
		Seal: []string{"public.elsewhere.d --equality", "public.elsewhere.tz", "public.elsewhere.i", "public.elsewhere.f", "public.elsewhere.b", "public.elsewhere.fs"},
	})
	pair.Both("ALTER ROLE " + harness.Owner + " IN DATABASE " + pair.Name + " SET IntervalStyle = 'postgres_verbose'; ALTER DATABASE " + pair.Name + " SET extra_float_digits = -1")
	read := "SELECT * FROM elsewhere ORDER BY id"
	statements := []string{
		"INSERT INTO elsewhere VALUES (1, '2024-02-03', '2024-07-01 12:34:56.789+00', '1-2 3 4:05:06.7', 0.1234567890123456789, '\\x00ff41', '{0.1,1e300}')",
		read, "SELECT quiet()", read, "BEGIN", "SELECT loud()", read, "INSERT INTO elsewhere (id, d) VALUES (2, '04/05/2024')", "ROLLBACK", read,
		"SELECT loud()", "INSERT INTO elsewhere (id, d) VALUES (3, '04/05/2024')", read, "SELECT loud(); SELECT 1", read, "RESET ALL", read,
		"BEGIN; SET LOCAL TimeZone = 'Asia/Kolkata'", read, "SAVEPOINT s", "SET LOCAL IntervalStyle = 'iso_8601'", read, "ROLLBACK TO s", read, "COMMIT", read,
	}
	for name, parameters := range map[string]string{
		"startup": "&options=" + "-c%20DateStyle%3DGerman%20-c%20bytea_output%3Descape%20-c%20extra_float_digits%3D-3", "parameter": "&timezone=America/New_York&intervalstyle=sql_standard", "defaults": "",
	} {
		t.Run(name, func(t *testing.T) {
			pair.Empty()
			var answers [2][]string
			for side, url := range []string{pair.TwinURL(), pair.URL()} {
				separator := "?"
				if strings.Contains(url, "?") {
					separator = "&"
				}
				conn, err := pgconn.Connect(t.Context(), url+separator+strings.TrimPrefix(parameters, "&"))
				if err != nil {
					t.Fatal(err)
				}
				for _, sql := range statements {
					results, err := conn.Exec(t.Context(), sql).ReadAll()
					answer := ""
					for _, r := range results {
						for _, row := range r.Rows {
							answer += fmt.Sprintf("%q\n", row)
						}
					}
					var e *pgconn.PgError
					if errors.As(err, &e) {
						answer += e.Code
					}
					answers[side] = append(answers[side], answer)
				}
				conn.Close(t.Context())
			}
			for i, want := range answers[0] {
				if got := answers[1][i]; got != want {
					t.Errorf("statement %d, %s:\n--- plain\n%s--- sealed\n%s", i, statements[i], want, got)
				}
			}
		})
	}
}
