package integration

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"pgseal/integration/harness"
)

// kinds makes a pair with plain (p_) and sealed columns of many types. The
// sealed ones with an equality term come first.
func kinds(t *testing.T) (pair *harness.Pair, plain, searchable, others []string) {
	types := sealedTypes(harness.Shared(t).Canaries)
	pair = harness.New(t, typesSchema(types))
	plain = strings.Fields("p_text p_varchar p_char p_name p_int p_big p_num p_date p_tstz p_bytea")
	pair.Both(`ALTER TABLE "values" ADD p_text text, ADD p_varchar varchar(9), ADD p_char char(5), ADD p_name name, ADD p_int int,
		ADD p_big bigint, ADD p_num numeric(8,2), ADD p_date date, ADD p_tstz timestamptz, ADD p_bytea bytea`)
	for _, typ := range types {
		switch {
		case strings.Contains(typ.typ, "[]"):
		case typ.equality:
			searchable = append(searchable, typ.column)
		default:
			others = append(others, typ.column)
		}
	}
	return pair, plain, searchable, others
}

// declarations are what a client can declare for one parameter: nothing,
// unknown, and types that fit some of the columns and not others.
var declarations = [][]uint32{nil, {705}, {25}, {1043}, {1042}, {19}, {21}, {23}, {20}, {1700}, {701}, {16}, {17}, {1082}, {1114}, {1184}, {2950}, {3802}, {114}, {1009}}

// What Describe says of parameters and rows, or the error of Parse, is what the
// plain database says: with all types declared, some, and none.
func TestDescribe(t *testing.T) {
	pair, _, searchable, others := kinds(t)
	d := newDescriber(t, pair)
	d.same(`SELECT * FROM "values"`)
	for _, s := range append(others, searchable...) {
		d.same(`SELECT %[1]s, id, k.%[1]s AS other FROM "values" AS k`, s)
		for _, types := range declarations {
			d.declared(types, `INSERT INTO "values" (id, %[1]s) VALUES (1, $1) RETURNING %[1]s`, s)
			d.declared(types, `UPDATE "values" SET %[1]s = $1`, s)
		}
	}
	for _, s := range searchable {
		for _, types := range declarations {
			d.declared(types, `SELECT %[1]s FROM "values" WHERE %[1]s = $1`, s)
			d.declared(types, `SELECT id FROM "values" WHERE $1 <> %[1]s`, s)
			d.declared(types, `SELECT id FROM "values" WHERE %[1]s = ANY($1)`, s)
			d.declared(types, `SELECT id FROM "values" WHERE %[1]s IS DISTINCT FROM $1`, s)
			d.declared(append(types[:len(types):len(types)], types...), `SELECT id FROM "values" WHERE %[1]s IN ($1, $2)`, s)
			d.declared(types, `SELECT id FROM "values" WHERE %[1]s NOT IN ($2, $1, $3, $2)`, s)
		}
		for _, number := range []string{"5", "3000000000", "1.5", "5::int2", "5::float8"} {
			d.same(`SELECT id FROM "values" WHERE %[1]s IN ($1, %[2]s)`, s, number)
		}
		d.same(`SELECT id FROM "values" WHERE (%[1]s, id) IN (($1, 1), ($2, 2))`, s)
		d.same(`SELECT id FROM "values" WHERE %[1]s NOT IN ($1, $2, NULL)`, s)
		for _, array := range []uint32{1009, 1015, 1005, 1007, 1016, 1231, 1182, 1185, 2951, 1001} {
			d.declared([]uint32{array}, `SELECT id FROM "values" WHERE %[1]s <> ALL($1)`, s)
		}
		for _, cast := range []string{"text", "varchar", "varchar(5)", "char(8)", "int4", "int8", "numeric(5,1)", "float8", "date", "timestamptz", "bool", "uuid", "bytea", "jsonb"} {
			d.same(`SELECT id FROM "values" WHERE %[1]s = $1::%[2]s`, s, cast)
			d.same(`UPDATE "values" SET %[1]s = CAST($1 AS %[2]s)`, s, cast)
		}
	}
	d.report()
}

// One parameter in several roles gets the type that the plain database gives it,
// or its error where the roles do not agree.
func TestDescribeRoles(t *testing.T) {
	pair, plain, searchable, _ := kinds(t)
	d := newDescriber(t, pair)
	for i, s := range searchable {
		// Two columns meet once: most of these statements come with both in either place.
		for _, p := range append(plain, searchable[:i+1]...) {
			d.same(`INSERT INTO "values" (id, %[1]s, %[2]s) VALUES (1, $1, $1)`, p, s)
			d.same(`INSERT INTO "values" (id, %[2]s, %[1]s) VALUES (1, $1, $1)`, p, s)
			d.same(`INSERT INTO "values" (id, %[1]s, %[2]s) VALUES (1, $1, NULL), (2, NULL, $1)`, p, s)
			d.same(`UPDATE "values" SET %[1]s = $1, %[2]s = $1`, p, s)
			d.same(`UPDATE "values" SET %[2]s = $1 WHERE %[1]s = $1`, p, s)
			d.same(`UPDATE "values" SET %[1]s = $1 WHERE %[2]s = $1`, p, s)
			d.same(`SELECT id FROM "values" WHERE %[1]s = $1 AND %[2]s = $1`, p, s)
			d.same(`SELECT id FROM "values" WHERE %[2]s = $1 AND %[1]s = $1`, p, s)
			d.same(`SELECT id FROM "values" WHERE (%[1]s, %[2]s) = ($1, $1)`, p, s)
			d.same(`SELECT id FROM "values" WHERE (%[2]s, %[1]s) = ($1, $1)`, p, s)
		}
	}
	d.report()
}

// refusedType begins pgseal's own refusal of a parameter's type, which the plain
// database would take or refuse.
const refusedType = "ERROR 0A000: pgseal cannot "

// describer compares what both sides say of statements.
type describer struct {
	t            *testing.T
	twin, sealed *pgconn.PgConn
	// names are those of the types of extensions, whose OIDs differ.
	names       map[*pgconn.PgConn]map[uint32]string
	n           int
	differences []string
}

func newDescriber(t *testing.T, pair *harness.Pair) *describer {
	d := &describer{t: t, twin: raw(t, pair.TwinURL()), sealed: raw(t, pair.URL()), names: map[*pgconn.PgConn]map[uint32]string{}}
	for _, conn := range []*pgconn.PgConn{d.twin, d.sealed} {
		results, err := conn.Exec(t.Context(), "SELECT oid, format_type(oid, NULL) FROM pg_type WHERE oid >= 16384").ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		d.names[conn] = map[uint32]string{}
		for _, row := range results[0].Rows {
			oid, err := strconv.ParseUint(string(row[0]), 10, 32)
			if err != nil {
				t.Fatal(err)
			}
			d.names[conn][uint32(oid)] = string(row[1])
		}
	}
	return d
}

// name is an OID, or the name of a type of an extension.
func (d *describer) name(conn *pgconn.PgConn, oid uint32) string {
	if name, ok := d.names[conn][oid]; ok {
		return name
	}
	return strconv.FormatUint(uint64(oid), 10)
}

func (d *describer) same(sql string, names ...any) { d.declared(nil, sql, names...) }

// declared compares a statement of which the client declares some types.
func (d *describer) declared(types []uint32, sql string, names ...any) {
	if len(names) > 0 {
		sql = fmt.Sprintf(sql, names...)
	}
	d.n++
	want, got := d.describe(d.twin, sql, types), d.describe(d.sealed, sql, types)
	if got != want && !strings.HasPrefix(got, refusedType) {
		d.differences = append(d.differences, fmt.Sprintf("%s %v\nplain:  %s\nsealed: %s", sql, types, want, got))
	}
}

func (d *describer) describe(conn *pgconn.PgConn, sql string, types []uint32) string {
	description, err := conn.Prepare(d.t.Context(), "", sql, types)
	if err != nil {
		pgErr := new(pgconn.PgError)
		if !errors.As(err, &pgErr) {
			d.t.Fatalf("%s: %v", sql, err)
		}
		return allFields(pgErr)
	}
	var b strings.Builder
	b.WriteString("parameters")
	for _, oid := range description.ParamOIDs {
		b.WriteString(" " + d.name(conn, oid))
	}
	for _, f := range description.Fields {
		fmt.Fprintf(&b, ", %q %s %d %d %d %v %d", f.Name, d.name(conn, f.DataTypeOID), f.DataTypeSize, f.TypeModifier, f.TableAttributeNumber, f.TableOID != 0, f.Format)
	}
	return b.String()
}

func (d *describer) report() {
	d.t.Helper()
	for i, s := range d.differences {
		if i == 40 {
			break
		}
		d.t.Error(s)
	}
	if len(d.differences) > 0 {
		d.t.Errorf("%d of %d statements differ", len(d.differences), d.n)
	}
}

// allFields is everything that an error says, but where in the server's source
// it was raised.
func allFields(e *pgconn.PgError) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: %s", e.Severity, e.Code, e.Message)
	for _, f := range []struct{ name, value string }{
		{"detail", e.Detail}, {"hint", e.Hint}, {"where", e.Where}, {"schema", e.SchemaName}, {"table", e.TableName},
		{"column", e.ColumnName}, {"type", e.DataTypeName}, {"constraint", e.ConstraintName}, {"query", e.InternalQuery},
	} {
		if f.value != "" {
			fmt.Fprintf(&b, "; %s %s", f.name, f.value)
		}
	}
	if e.Position != 0 {
		fmt.Fprintf(&b, "; position %d", e.Position)
	}
	if e.InternalPosition != 0 {
		fmt.Fprintf(&b, "; internal position %d", e.InternalPosition)
	}
	return b.String()
}

// ODBC's drivers ask of what column of which table an output is, to say whether it can
// be NULL; also of the catalogs' own.
func TestNamesOfAttributesHaveTheirOrigin(t *testing.T) {
	pair := harness.New(t, harness.Schema{DDL: "CREATE TABLE notes (id int PRIMARY KEY, note text)", Seal: []string{"public.notes.note --equality"}})
	for _, mode := range harness.Modes {
		t.Run(string(mode), func(t *testing.T) {
			c := pair.Compare(t, mode)
			c.Step(S("SELECT a.attname, a.attnum FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid WHERE c.relname = 'notes' AND a.attnum > 0 ORDER BY a.attnum"))
		})
	}
}

// How a sealed column is stored can be set, and is shown, as that of its type in clear.
func TestStorageOfSealedColumns(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL:  "CREATE TABLE stored (id int, t text, n numeric, d date); CREATE VIEW seen AS SELECT * FROM stored",
		Seal: []string{"public.stored.t", "public.stored.n", "public.stored.d"},
	})
	shown := S("SELECT attrelid::regclass::text, attname, attstorage::text FROM pg_attribute WHERE attrelid IN ('stored'::regclass, 'seen'::regclass) AND attnum > 0 ORDER BY 1, attnum")
	pair.SameIn(t, []harness.Mode{harness.Simple, harness.PreparedText},
		shown,
		S("ALTER TABLE stored ALTER t SET STORAGE EXTERNAL, ALTER n SET STORAGE PLAIN"), shown,
		S("ALTER TABLE stored ALTER d SET STORAGE MAIN").Fails("0A000"),
		S("ALTER TABLE stored ALTER COLUMN d SET COMPRESSION pglz").Fails("0A000"),
		S("ALTER TABLE stored ALTER d SET STORAGE PLAIN"),
		S("ALTER TABLE stored ALTER n SET STORAGE MAIN, ALTER t SET STORAGE EXTENDED"), shown)
}
