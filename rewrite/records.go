package rewrite

import (
	"bytes"

	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/catalog"
	"pgseal/logical"
)

// Records says that a value is a JSON document, of whose objects the server makes rows:
// json_to_recordset($1). Its sealed members are replaced.
type Records struct {
	logical.Records
	Members []*Operand // by Replaced
	// row is the type of the value in front of the document, "" without one.
	row string
}

// recordFunctions make rows of a document, and say whether that is jsonb, is one object,
// and whether the columns are those of a type, which a value in front of it has.
var recordFunctions = map[string]struct{ binary, one, typed bool }{
	"json_to_recordset": {}, "jsonb_to_recordset": {binary: true}, "json_to_record": {one: true}, "jsonb_to_record": {binary: true, one: true},
	"json_populate_recordset": {typed: true}, "jsonb_populate_recordset": {binary: true, typed: true},
	"json_populate_record": {one: true, typed: true}, "jsonb_populate_record": {binary: true, one: true, typed: true},
}

// recordSet is a call of such a function in FROM whose document is the client's.
type recordSet struct {
	document *pg.Node
	typ      logical.Type
	scope    *scope
	read     int // its place in the order of uses
	Records
	site Site
}

// field is a column of a record set.
type field struct {
	of   *recordSet
	name string
	typ  *pg.TypeName
}

// recordItem makes an item of a call of such a function. It is false, and has done
// nothing, for any other, and where the document is not the client's.
func (a *analysis) recordItem(it *item, f *pg.RangeFunction, call *pg.FuncCall, sc *scope) bool {
	parts := names(call.GetFuncname())
	function, ok := recordFunctions[last(parts)]
	if !ok || !ofPostgreSQL(parts) || call.FuncVariadic || len(f.Functions) > 1 || function.typed == (len(f.Coldeflist) > 0) {
		return false
	}
	if len(a.snap.Uses(last(parts))) > 0 || a.snap.Alters(last(parts)) || a.snap.RowFunction(last(parts)) {
		return false // there is one of the database's own, too
	}
	args := call.Args
	var row *pg.TypeName
	if function.typed {
		if len(args) != 2 || !isNullConstant(args[0].GetTypeCast().GetArg()) {
			return false
		}
		row, args = args[0].GetTypeCast().TypeName, args[1:]
	}
	set := &recordSet{typ: logical.Type{OID: logical.OIDJSON, Typmod: -1}, scope: sc, Records: Records{Records: logical.Records{One: function.one}}}
	if function.binary {
		set.typ.OID = logical.OIDJSONB
	}
	if len(args) != 1 || !a.givenDocument(args[0], set.typ, sc) {
		return false
	}
	set.document, set.read = args[0], a.nextUse()
	set.site.function = last(parts)
	set.site.call, set.site.known = a.anchor(call.Location)
	if !function.typed {
		for _, d := range f.Coldeflist {
			a.fieldDefined(it, d.GetColumnDef(), set)
		}
	} else if !a.fieldsOf(it, row, set) {
		return false
	}
	a.recordSets = append(a.recordSets, set)
	return true
}

// givenDocument says whether a document is given by the client, as the type that the
// function takes.
func (a *analysis) givenDocument(n *pg.Node, t logical.Type, sc *scope) bool {
	inner, casts := withoutCasts(n)
	if len(casts) > 0 {
		if to, ok := a.typeNamed(casts[0].TypeName); !ok || to.whole().OID != t.OID {
			return false
		}
	}
	return inner.GetParamRef() != nil || inner.GetAConst().GetSval() != nil || isNullConstant(inner) || a.constantsOf(inner, sc) != nil
}

// fieldDefined adds a column whose type is written. What becomes of it its uses decide.
func (a *analysis) fieldDefined(it *item, d *pg.ColumnDef, set *recordSet) {
	n := &pg.Node{Node: &pg.Node_TypeCast{TypeCast: &pg.TypeCast{TypeName: d.GetTypeName(), Location: d.GetLocation()}}}
	k := a.postpone([]*pg.Node{n}, set.scope)
	k.field = &field{set, d.GetColname(), d.GetTypeName()}
	it.columns = append(it.columns, column{name: d.GetColname(), constants: k})
}

// fieldsOf adds the columns of a table, in whose sealed ones the rows have sealed
// values. It is false, and has done nothing, if it has none.
func (a *analysis) fieldsOf(it *item, row *pg.TypeName, set *recordSet) bool {
	parts := names(row.GetNames())
	if len(row.GetArrayBounds()) > 0 || row.GetSetof() || row.GetPctType() || len(parts) > 2 || !a.sealedRelation(parts) {
		return false
	}
	table := &pg.RangeVar{Relname: last(parts), Location: row.Location}
	if len(parts) == 2 {
		table.Schemaname = parts[0]
	}
	of := a.baseItem(table)
	if of.open {
		return false
	}
	set.row = of.relation.Name
	for _, c := range of.columns {
		c.origin = origin{}
		it.columns = append(it.columns, c)
		if c.sealed == nil {
			set.Plain = append(set.Plain, c.name)
			continue
		}
		op := &Operand{Column: c.sealed, Role: Store}
		op.Site.target = c.name
		if !takesMember(c.sealed.Type) {
			a.fail(refuseStore(c.sealed, row.Location))
		}
		set.add(c.name, op)
		a.operands = append(a.operands, op)
		a.note(op.verb(), c.sealed, "member \""+c.name+"\" of JSON", row.Location)
	}
	return true
}

// takesMember says whether a type takes members of JSON as its input function reads
// them. Arrays are made of JSON's arrays, and NULL has to be refused for some domains.
func takesMember(t logical.Type) bool {
	return !t.IsArray() && !t.Shown().IsArray() && (t.Def == nil || !t.Def.NotNull())
}

func (s *recordSet) add(name string, op *Operand) {
	s.Replaced, s.Members = append(s.Replaced, name), append(s.Members, op)
}

// giveField gives a column of a record set a sealed role.
func (a *analysis) giveField(k *constants, op Operand) {
	f := k.field
	at := location(k.nodes[0])
	named, known := a.typeNamed(f.typ)
	own := named.whole()
	loose := own.Typmod == -1 && own.Def == nil
	switch {
	case a.persistent:
		a.fail(refusePersistent(op.Column, at))
		return
	case !known || !takesMember(own) || !takesMember(op.Column.Type) || op.Array || op.Null != nil || op.Pattern != nil || op.Role == Emptiness,
		!loose && (op.Via != nil || own != op.Column.Type):
		a.fail(refuseStore(op.Column, at))
		return
	case op.Via != nil:
		if r := op.refusal(op.Via.CheckOID(own.OID, logical.Cast), op.Site.cast, a.literals); r != nil {
			a.fail(r)
			return
		}
		op.Via, op.Then = &own, append([]Step{{Type: *op.Via}}, op.Then...)
	case own != op.Column.Type:
		if r := a.checked(&op, own.OID); r != nil {
			a.fail(r)
			return
		}
		op.Via = &own
	}
	a.replaceType(f.typ, serverType, op.Column, at)
	f.of.add(f.name, &op)
	a.operands = append(a.operands, &op)
	a.note(op.verb(), op.Column, "member \""+f.name+"\" of JSON", at)
}

// settleRecords gives the documents of record sets their roles, once those of the
// columns are known.
func (a *analysis) settleRecords() {
	for _, k := range a.postponed {
		if k.field == nil || k.operand != nil {
			continue
		}
		set := k.field.of
		a.typeName(k.field.typ, set.scope)
		set.Plain = append(set.Plain, k.field.name)
		k.plain = true
	}
	for _, set := range a.recordSets {
		before := len(a.uses)
		if len(set.Members) == 0 || a.err != nil {
			a.plain(set.document, set.scope)
		} else {
			of := set.Members[0].Column
			document := &catalog.SealedColumn{Type: set.typ, Schema: of.Schema, Table: of.Table, Name: of.Name}
			op := Operand{Column: document, Role: Store, Records: &set.Records, Site: set.site}
			if !a.give(set.document, op, set.scope) {
				a.fail(refuseStore(of, location(set.document)))
			}
		}
		for i := before; i < len(a.uses); i++ {
			a.uses[i].read = set.read
		}
	}
	a.recordSets = nil
}

// ServerOID is the type of the server's value.
func (o *Operand) ServerOID() uint32 {
	switch {
	case o.Records != nil:
		return o.Column.Type.OID
	case o.OfRows:
		return logical.OIDJSONB
	case o.Decides:
		return logical.OIDBool
	case o.Array:
		return logical.Type{OID: logical.OIDBytea}.ArrayOID()
	}
	return logical.OIDBytea
}

// checkDocument checks the type of a document, as which nothing else is taken.
func (o *Operand) checkDocument(oid uint32, literals []span) *Refusal {
	switch {
	case o.Via != nil:
		return o.refusal(o.Via.CheckOID(oid, logical.Cast), o.Site.cast, literals)
	case oid == o.Column.Type.OID:
		return nil
	}
	arguments := logical.TypeName(oid)
	if o.Records.row != "" {
		arguments = o.Records.row + ", " + arguments
	}
	return refuseNoFunction(o.Site.function+"("+arguments+")", o.Site.position(o.Site.call, literals))
}

// AppendDocument appends a document, in the binary form of its type, as a literal that
// means the same whatever the session's settings are.
func AppendDocument(dst, document []byte, oid uint32) []byte {
	if len(document) > 0 && document[0] < ' ' { // the version of jsonb
		document = document[1:]
	}
	dst = append(dst, `E'`...)
	for len(document) > 0 {
		i := bytes.IndexAny(document, `'\`)
		if i < 0 {
			break
		}
		dst = append(append(dst, document[:i]...), '\\', document[i])
		document = document[i+1:]
	}
	return append(append(append(dst, document...), "'::pg_catalog."...), TypeName(oid)...)
}
