package rewrite

import (
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
	}, uniques: []catalog.Unique{{Name: "users_email_key", Columns: []string{"email"}}, {Name: "users_name_ssn_key", Columns: []string{"name", "ssn"}}}},
	{schema: "public", name: "orders", columns: []fixtureColumn{
		{name: "id"}, {name: "user_id"}, {name: "total"}, {name: "note"}, {name: "card", oid: logical.OIDText, typmod: -1, equality: true},
	}},
	{schema: "public", name: "lists", columns: []fixtureColumn{
		{name: "id"}, {name: "tags", oid: 1009, typmod: -1, equality: true}, {name: "sizes", oid: 1007, typmod: -1, equality: true},
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
	{schema: "pg_catalog", name: "pg_class", columns: []fixtureColumn{{name: "oid"}, {name: "relname"}}},
}

type fixtureRelation struct {
	schema, name string
	kind         byte
	columns      []fixtureColumn
	uniques      []catalog.Unique
}

type fixtureColumn struct {
	name     string
	oid      uint32
	typmod   int32
	equality bool
	like     string // carries the domain of another column
	broken   string
}

// testSnapshot builds the catalog of the fixture.
func testSnapshot() *catalog.Snapshot {
	var c catalog.Contents
	sealed := map[string]*catalog.SealedColumn{}
	const firstOID = 16384
	for i, f := range fixture {
		r := &catalog.Relation{OID: uint32(firstOID + i), Schema: f.schema, Name: f.name, Kind: 'r', Uniques: f.uniques}
		if f.kind != 0 {
			r.Kind = f.kind
		}
		for k, fc := range f.columns {
			col := catalog.Column{AttNum: int16(k + 1), Name: fc.name, TypeOID: logical.OIDText}
			switch {
			case fc.like != "":
				col.Sealed = sealed[fc.like]
			case fc.broken != "":
				col.Sealed = &catalog.SealedColumn{Schema: f.schema, Table: f.name, Name: fc.name, Broken: fc.broken}
			case fc.oid != 0:
				s := &catalog.SealedColumn{
					ID: uint32(len(sealed) + 1), TableID: uint32(i + 1), Type: logical.Type{OID: fc.oid, Typmod: fc.typmod},
					Schema: f.schema, Table: f.name, Name: fc.name,
				}
				if fc.equality {
					s.Terms = envelope.TermEquality
				}
				sealed[f.name+"."+fc.name] = s
				col.Sealed = s
			}
			r.Columns = append(r.Columns, col)
		}
		c.Relations = append(c.Relations, r)
	}
	c.RowFunctions = []string{"find_user"}
	return catalog.New(1, c)
}
