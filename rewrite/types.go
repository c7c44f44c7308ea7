package rewrite

import (
	pg "github.com/pganalyze/pg_query_go/v6"

	"pgseal/logical"
)

// typeOIDs are the types of pg_catalog that a cast around a value may name.
var typeOIDs = map[string]uint32{
	"bool": logical.OIDBool, "bytea": logical.OIDBytea, "int8": logical.OIDInt8, "int2": logical.OIDInt2,
	"int4": logical.OIDInt4, "text": logical.OIDText, "json": logical.OIDJSON, "float4": logical.OIDFloat4,
	"float8": logical.OIDFloat8, "bpchar": logical.OIDBpchar, "varchar": logical.OIDVarchar, "date": logical.OIDDate,
	"time": logical.OIDTime, "timestamp": logical.OIDTimestamp, "timestamptz": logical.OIDTimestamptz,
	"interval": logical.OIDInterval, "timetz": logical.OIDTimetz, "inet": logical.OIDInet, "cidr": logical.OIDCidr,
	"macaddr": logical.OIDMacaddr, "bit": logical.OIDBit, "varbit": logical.OIDVarbit,
	"name": logical.OIDName, "oid": logical.OIDOid, "point": logical.OIDPoint, "macaddr8": logical.OIDMacaddr8, "pg_lsn": logical.OIDLSN,
	"int4range": logical.OIDInt4Range, "int8range": logical.OIDInt8Range, "numrange": logical.OIDNumRange,
	"tsrange": logical.OIDTsRange, "tstzrange": logical.OIDTstzRange, "daterange": logical.OIDDateRange,
	"numeric": logical.OIDNumeric, "uuid": logical.OIDUUID, "jsonb": logical.OIDJSONB,
}

// TypeName is the name in pg_type of one of these types, or of its arrays; empty for any
// other.
func TypeName(oid uint32) string {
	if element := logical.ElementOID(oid); element != 0 {
		return "_" + TypeName(element)
	}
	for name, of := range typeOIDs {
		if of == oid {
			return name
		}
	}
	return ""
}

// namedType is what a type name says, as far as it is known here.
type namedType struct {
	logical.Type
	array bool
	// arrays is what is known of arrays of a type that is not built in.
	arrays *logical.Definition
}

// whole is the type itself, be it of arrays or not.
func (t namedType) whole() logical.Type {
	if t.array {
		return logical.Type{OID: t.ArrayOID(), Typmod: t.Typmod, Def: t.arrays}
	}
	return t.Type
}

const (
	typmodHeader = 4 // VARHDRSZ, which is part of the typmod of lengths and of numeric
	maxLength    = 10485760
)

// typeNamed reads a type name. Its modifiers steer the plan. ok is false for
// types that no value of a sealed column can be cast to.
func (a *analysis) typeNamed(t *pg.TypeName) (n namedType, ok bool) {
	parts := names(t.Names)
	if t.Setof || t.PctType || len(parts) == 0 || len(parts) > 2 {
		return n, false
	}
	if n, ok = a.definedType(parts); ok {
		n.array = len(t.ArrayBounds) > 0
		if n.array {
			n.arrays = a.snap.ArrayOf(n.OID).Def
		}
		return n, len(t.Typmods) == 0
	}
	if len(parts) == 2 && parts[0] != "pg_catalog" {
		return n, false
	}
	name := last(parts)
	if n.OID, ok = typeOIDs[name]; !ok && len(name) > 1 && name[0] == '_' {
		n.OID, ok = typeOIDs[name[1:]]
		n.array = true
	}
	if !ok || len(parts) == 1 && a.userType(name) {
		return n, false
	}
	n.array = n.array || len(t.ArrayBounds) > 0
	n.Typmod, ok = a.typmod(n.OID, t.Typmods)
	return n, ok
}

// definedType finds a type that is not built in. Where the name could mean
// another type as well, it is none.
func (a *analysis) definedType(parts []string) (n namedType, ok bool) {
	name := last(parts)
	if len(parts) == 1 && typeOIDs[name] != 0 {
		return n, false // pg_catalog comes first
	}
	for _, t := range a.snap.Types(name) {
		if len(parts) == 1 && !t.Def.Ambiguous || len(parts) == 2 && parts[0] == t.Def.Schema {
			return namedType{Type: t}, true
		}
	}
	return n, false
}

// userType says whether a relation's row type has the name of a built-in type.
func (a *analysis) userType(name string) bool {
	for _, r := range a.snap.Named(name) {
		if r.Schema != "pg_catalog" {
			return true
		}
	}
	return false
}

// typmod computes a typmod as the type's typmodin function does.
func (a *analysis) typmod(oid uint32, modifiers []*pg.Node) (int32, bool) {
	var m []int32
	for _, n := range modifiers {
		c := n.GetAConst()
		if c == nil || c.GetIval() == nil {
			return 0, false
		}
		a.steer(c.Location)
		m = append(m, c.GetIval().Ival)
	}
	switch oid {
	case logical.OIDVarchar, logical.OIDBpchar:
		if len(m) == 0 {
			return -1, true
		}
		return m[0] + typmodHeader, len(m) == 1 && m[0] >= 1 && m[0] <= maxLength
	case logical.OIDNumeric:
		switch len(m) {
		case 0:
			return -1, true
		case 1:
			m = append(m, 0)
		}
		const maxPrecision, maxScale, scaleMask = 1000, 1000, 0x7ff
		ok := len(m) == 2 && m[0] >= 1 && m[0] <= maxPrecision && m[1] >= -maxScale && m[1] <= maxScale
		return m[0]<<16 | m[1]&scaleMask + typmodHeader, ok
	case logical.OIDBit, logical.OIDVarbit:
		const maxBits = 83886080 // MaxAttrSize * 8
		switch {
		case len(m) == 0:
			return -1, true
		case len(m) == 1:
			return m[0], m[0] >= 1 && m[0] <= maxBits
		}
		return 0, false
	case logical.OIDInterval:
		return intervalTypmod(m)
	case logical.OIDTime, logical.OIDTimetz, logical.OIDTimestamp, logical.OIDTimestamptz:
		if len(m) == 0 {
			return -1, true
		}
		const maxPrecision = 6
		return m[0], len(m) == 1 && m[0] >= 0 && m[0] <= maxPrecision
	}
	return -1, len(m) == 0
}

// intervalTypmod is that of a mask of fields and a precision.
func intervalTypmod(m []int32) (int32, bool) {
	const fullRange, fullPrecision, maxPrecision = 0x7fff, 0xffff, 6
	switch {
	case len(m) == 0 || len(m) == 1 && m[0] == fullRange:
		return -1, true
	case len(m) == 1:
		return m[0]<<16 | fullPrecision, true
	}
	return m[0]<<16 | m[1], len(m) == 2 && m[1] >= 0 && m[1] <= maxPrecision
}

// intervalFields steps over the fields behind interval: day to second (3).
func (a *analysis) intervalFields(i int) int {
	for {
		switch {
		case a.is(i, "year"), a.is(i, "month"), a.is(i, "day"), a.is(i, "hour"), a.is(i, "minute"), a.is(i, "second"), a.is(i, "to"):
			i++
			continue
		case a.is(i, "("):
			if end := a.closing(i); end >= 0 {
				i = end + 1
			}
		}
		return i
	}
}

// typeEnd finds the byte offset behind a type name that begins at an offset, -1
// if there is none.
func (a *analysis) typeEnd(location int32) int {
	i := a.tokenAt(location)
	if i < 0 {
		return -1
	}
	if a.is(i, "setof") {
		i++
	}
	word := func(w string) bool {
		if a.is(i, w) {
			i++
			return true
		}
		return false
	}
	modifiers := func() {
		if a.is(i, "(") {
			if end := a.closing(i); end >= 0 {
				i = end + 1
			}
		}
	}
	switch {
	case word("national"), word("character"), word("char"), word("nchar"), word("bit"), word("varchar"):
		// national character varying (n)
		for word("character") || word("char") || word("varying") {
		}
		modifiers()
	case word("interval"):
		i = a.intervalFields(i)
	case word("double"):
		word("precision")
	case word("time"), word("timestamp"):
		modifiers()
		if (a.is(i, "with") || a.is(i, "without")) && a.is(i+1, "time") && a.is(i+2, "zone") {
			i += 3
		}
	default:
		i++
		for a.is(i, ".") {
			i += 2
		}
		modifiers()
	}
	if a.is(i, "array") {
		i++
	}
	for a.is(i, "[") {
		end := a.closing(i)
		if end < 0 {
			break
		}
		i = end + 1
	}
	if i == 0 || i > len(a.tokens) {
		return -1
	}
	return int(a.tokens[i-1].end)
}
