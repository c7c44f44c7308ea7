package rewrite

import (
	"slices"
	"strings"

	"pgseal/catalog"
	"pgseal/envelope"
	"pgseal/logical"
)

// The schema that the tests plan against. Columns marked with a type are
// sealed; = after it gives them an equality term.
var fixture = []fixtureRelation{
	{schema: "public", name: "users", columns: []fixtureColumn{
		{name: "id"}, {name: "name"}, {name: "ssn", oid: logical.OIDVarchar, typmod: 15, equality: true},
		{name: "email", oid: logical.OIDText, typmod: -1, equality: true}, {name: "bio", oid: logical.OIDText, typmod: -1},
		{name: "age", oid: logical.OIDInt4, typmod: -1, equality: true}, {name: "active", oid: logical.OIDBool, typmod: -1, equality: true},
	}, uniques: []catalog.Unique{{Name: "users_email_key", Columns: []string{"email"}}, {Name: "users_name_ssn_key", Columns: []string{"name", "ssn"}, Made: true}}, key: []string{"id"}},
	{schema: "public", name: "orders", columns: []fixtureColumn{
		{name: "id"}, {name: "user_id"}, {name: "total"}, {name: "note"}, {name: "card", oid: logical.OIDText, typmod: -1, equality: true},
	}},
	{schema: "public", name: "lists", columns: []fixtureColumn{
		{name: "id"}, {name: "tags", oid: 1009, typmod: -1, equality: true}, {name: "sizes", oid: 1007, typmod: -1, equality: true},
		{name: "took", oid: logical.OIDInterval, typmod: -1, equality: true}, {name: "flags", oid: logical.OIDBit, typmod: 3, equality: true},
	}},
	{schema: "public", name: "plain", columns: []fixtureColumn{{name: "id"}, {name: "a"}, {name: "b"}}},
	{schema: "public", name: "v_users", kind: 'v', columns: []fixtureColumn{{name: "id"}, {name: "ssn", like: "users.ssn"}}},
	{schema: "public", name: "users_2020", columns: []fixtureColumn{{name: "id"}, {name: "name"}, {name: "ssn", like: "users.ssn"}}},
	{schema: "public", name: "My Table", columns: []fixtureColumn{{name: "Id"}, {name: "Secret", oid: logical.OIDText, typmod: -1, equality: true}}},
	{schema: "public", name: "accounts", columns: []fixtureColumn{{name: "id"}, {name: "iban", oid: logical.OIDText, typmod: -1, equality: true}}},
	{schema: "app", name: "accounts", columns: []fixtureColumn{{name: "id"}, {name: "iban"}}},
	{schema: "pg_temp_3", name: "accounts", columns: []fixtureColumn{{name: "id"}, {name: "iban"}, {name: "extra"}}},
	{schema: "public", name: "things", columns: []fixtureColumn{{name: "id"}, {name: "ssn"}}},
	{schema: "app", name: "things", columns: []fixtureColumn{{name: "id"}}},
	{schema: "public", name: "broken", columns: []fixtureColumn{{name: "id"}, {name: "lost", broken: "its domain has lost its metadata"}}},
	{schema: "pg_catalog", name: "pg_class", columns: []fixtureColumn{{name: "oid"}, {name: "relname"}, {name: "relnamespace"}}},
	{schema: "pg_catalog", name: "pg_attribute", columns: []fixtureColumn{{name: "attrelid"}, {name: "attname"}, {name: "atttypid"}, {name: "attnum"}}},
	{schema: "pg_catalog", name: "pg_attrdef", columns: []fixtureColumn{{name: "oid"}, {name: "adrelid"}, {name: "adnum"}, {name: "adbin"}}},
	{schema: "pg_catalog", name: "pg_collation", columns: []fixtureColumn{{name: "oid"}, {name: "collname"}}},
	{schema: "pg_catalog", name: "pg_extension", columns: []fixtureColumn{{name: "oid"}, {name: "extname"}}},
	{schema: "pg_catalog", name: "pg_proc", columns: []fixtureColumn{{name: "oid"}, {name: "proname"}}},
	{schema: "pg_temp_3", name: "pg_proc", columns: []fixtureColumn{{name: "oid"}}},
	{schema: "pg_catalog", name: "pg_views", kind: 'v', columns: []fixtureColumn{{name: "viewname"}, {name: "definition"}}},
	{schema: "information_schema", name: "tables", kind: 'v', columns: []fixtureColumn{{name: "table_name"}}},
	{schema: "information_schema", name: "schemata", kind: 'v', columns: []fixtureColumn{{name: "schema_name"}}},
	{schema: "public", name: "logs", columns: []fixtureColumn{
		{name: "id"}, {name: "at", oid: logical.OIDTimestamptz, typmod: -1, def: &catalog.ComputedDefault{SQL: "now()"}}, {name: "note"},
		{name: "token", oid: logical.OIDUUID, typmod: -1, equality: true, def: &catalog.ComputedDefault{SQL: "gen_random_uuid()", PerRow: true, UUID: true}}, {name: "last"},
	}, key: []string{"id"}},
	{schema: "public", name: "invoices", columns: []fixtureColumn{
		{name: "id"}, {name: "number", oid: logical.OIDText, typmod: -1, def: &catalog.ComputedDefault{SQL: "('N'::text || nextval('public.numbers'::regclass))", Check: "true", PerRow: true, Counts: true,
			Calls: []string{"currval", "lastval", "nextval", "setval"}}}, {name: "note"},
	}, key: []string{"id"}},
	{schema: "public", name: "members", columns: []fixtureColumn{
		{name: "id"}, {name: "code", oid: logical.OIDVarchar, typmod: 14, equality: true, domain: "members_code"},
		{name: "points", oid: logical.OIDInt4, typmod: -1, domain: "members_points"}, {name: "level", oid: logical.OIDInt4, typmod: -1, domain: "members_level", hasDefault: true},
		{name: "fee", oid: logical.OIDNumeric, typmod: 655366, domain: "members_fee"},
	}},
	{schema: "public", name: "counted", columns: []fixtureColumn{{name: "id", draws: []string{"counted_id_seq"}}, {name: "name"}, {name: "code", oid: logical.OIDInt8, typmod: -1}}},
	{schema: "public", name: "doubles", columns: []fixtureColumn{
		{name: "id"}, {name: "a", oid: logical.OIDInt4, typmod: -1, def: &catalog.ComputedDefault{SQL: "nextval('s'::regclass)", PerRow: true, Counts: true, Beside: "id"}},
		{name: "b", oid: logical.OIDInt4, typmod: -1, def: &catalog.ComputedDefault{SQL: "app.next_b()", PerRow: true, Counts: true, Alone: true, Calls: []string{"next_b"}, Functions: []string{"next_b"}}},
	}},
	{schema: "public", name: "persons", columns: []fixtureColumn{
		{name: "id"}, {name: "nick", oid: logical.OIDVarchar, typmod: 20, equality: true, folds: "lower"}, {name: "mail", oid: logical.OIDText, typmod: -1, equality: true, folds: "lower upper"},
		{name: "login", oid: logical.OIDText, typmod: -1, equality: true, folds: "upper"}, {name: "old", oid: logical.OIDText, typmod: -1, equality: true, folds: "lower changed"},
		{name: "dear", oid: logical.OIDText, typmod: -1, equality: true, folds: "lower"}, {name: "own", oid: logical.OIDText, typmod: -1, equality: true, folds: "lower"},
	}},
	{schema: "public", name: "summary", kind: 'm', columns: []fixtureColumn{{name: "id"}, {name: "ssn", like: "users.ssn"}}, uniques: []catalog.Unique{{Name: "summary_ssn_idx", Columns: []string{"ssn"}}}},
	{schema: "public", name: "hosts", columns: []fixtureColumn{{name: "id"}, {name: "host", oid: logical.OIDInet, typmod: -1, equality: true}}},
}

type fixtureRelation struct {
	schema, name string
	kind         byte
	columns      []fixtureColumn
	uniques      []catalog.Unique
	key          []string
}

type fixtureColumn struct {
	name     string
	oid      uint32
	typmod   int32
	equality bool
	like     string // carries the domain of another column
	broken   string
	def      *catalog.ComputedDefault
	draws    []string
	// domain is the name of its own, "" for one that nothing compares.
	domain     string
	hasDefault bool
	// folds are the terms of lower and upper, and what is the matter with them.
	folds string
}

// ascii folds a single letter.
var ascii = &catalog.Folds{Lower: logical.NewFold([]rune{'A'}, []rune{'a'}), Upper: logical.NewFold([]rune{'a'}, []rune{'A'})}

// testSnapshot builds the catalog of the fixture.
func testSnapshot() *catalog.Snapshot { return snapshotWith(&catalog.TextFunctions{Folds: ascii}) }

// snapshotWith is that of a server with these functions.
func snapshotWith(functions *catalog.TextFunctions) *catalog.Snapshot {
	c := catalog.Contents{TextFunctions: functions, TextOrders: map[uint32]*logical.TextOrder{defaultCollation: nil}}
	sealed := map[string]*catalog.SealedColumn{}
	const firstOID = 16384
	for i, f := range fixture {
		r := &catalog.Relation{OID: uint32(firstOID + i), Schema: f.schema, Name: f.name, Kind: 'r', Uniques: f.uniques, Key: f.key}
		if f.kind != 0 {
			r.Kind = f.kind
		}
		for k, fc := range f.columns {
			col := catalog.Column{AttNum: int16(k + 1), Name: fc.name, TypeOID: logical.OIDText, Default: fc.def, Draws: fc.draws, HasDefault: fc.hasDefault}
			switch {
			case fc.like != "":
				col.Sealed = sealed[fc.like]
			case fc.broken != "":
				col.Sealed = &catalog.SealedColumn{Schema: f.schema, Table: f.name, Name: fc.name, Broken: fc.broken}
			case fc.oid != 0:
				s := &catalog.SealedColumn{
					ID: uint32(len(sealed) + 1), TableID: uint32(i + 1), Type: logical.Type{OID: fc.oid, Typmod: fc.typmod},
					Schema: f.schema, Table: f.name, Name: fc.name, DomainName: fc.domain,
				}
				if fc.name == "ssn" {
					s.Defaults = [][]byte{{1}}
				}
				if fc.equality {
					s.Terms = envelope.TermEquality
				}
				if fc.folds != "" {
					f := catalog.Folding{Column: ascii}
					for word := range strings.FieldsSeq(fc.folds) {
						switch word {
						case "lower":
							s.Terms |= envelope.TermLower
						case "upper":
							s.Terms |= envelope.TermUpper
						case "changed":
							f.Changed = true
						}
					}
					s.AddFolding(f)
				}
				sealed[f.name+"."+fc.name] = s
				col.Sealed = s
			}
			r.Columns = append(r.Columns, col)
		}
		c.Relations = append(c.Relations, r)
		if slices.ContainsFunc(r.Columns, func(c catalog.Column) bool { return c.Sealed != nil }) {
			c.Sealing = append(c.Sealing, r.Name) // its row type
		}
	}
	c.RowFunctions = []string{"find_user"}
	c.Setters = catalog.Setters{Runners: []string{"run_query"}}
	c.Shown = &catalog.Shown{
		UTF8:          true,
		ServerVersion: 150000,
		RowsKeepNames: true,
		Loose:         true,
		Types:         []catalog.ShownType{{Domain: 17001, OID: logical.OIDVarchar, Typmod: 15, Len: -1, Align: "i", Storage: "x", Collation: 100}, {Collation: 100}},
		Indexes: []catalog.ShownIndex{{OID: 17101, Relation: firstOID, Schema: 2200, Name: "users_ssn", Constraint: true, KeyColumns: 1,
			Elements: []catalog.ShownElement{{AttNum: 3, Column: "ssn", Name: "ssn", Term: true, Domain: 17001, OpClass: 3126, Collation: 100}}}},
		Hidden: catalog.Hidden{Schemas: []uint32{17201}, Relations: []uint32{17202, 17203}, Toast: []uint32{17203}, Functions: []uint32{17204}},
		Views: map[string]string{
			"pg_views":                  `SELECT c.relname AS viewname, pg_get_viewdef(c.oid) AS definition FROM pg_class c JOIN pg_collation o ON true`,
			"information_schema.tables": `SELECT pg_class.relname AS table_name FROM pg_class`,
		},
	}
	return catalog.New(1, c)
}
