// Package logical holds the types that an application sees on sealed columns.
//
// The server stores envelopes and never sees the values, so what its type
// input, output, send and receive functions, its casts and its equality
// operators would have done is done here, with the server's SQLSTATEs and
// message texts; what cannot be done exactly is refused.
//
// The canonical form of a value is PostgreSQL's own binary send format of its
// type, text in UTF-8. It is what envelopes encrypt. Equality terms are
// computed over AppendEquality, which gives equal bytes exactly for values that
// are equal under the type's = operator.
package logical

import (
	"errors"
	"strconv"
)

// Object identifiers of the types in pg_type that can be sealed.
const (
	OIDBool        uint32 = 16
	OIDBytea       uint32 = 17
	OIDInt8        uint32 = 20
	OIDInt2        uint32 = 21
	OIDInt4        uint32 = 23
	OIDText        uint32 = 25
	OIDJSON        uint32 = 114
	OIDFloat4      uint32 = 700
	OIDFloat8      uint32 = 701
	OIDBpchar      uint32 = 1042
	OIDVarchar     uint32 = 1043
	OIDDate        uint32 = 1082
	OIDTime        uint32 = 1083
	OIDTimestamp   uint32 = 1114
	OIDTimestamptz uint32 = 1184
	OIDCidr        uint32 = 650
	OIDMacaddr     uint32 = 829
	OIDInet        uint32 = 869
	OIDBit         uint32 = 1560
	OIDVarbit      uint32 = 1562
	OIDInterval    uint32 = 1186
	OIDTimetz      uint32 = 1266
	OIDNumeric     uint32 = 1700
	OIDUUID        uint32 = 2950
	OIDJSONB       uint32 = 3802
	OIDName        uint32 = 19
	OIDOid         uint32 = 26
	OIDPoint       uint32 = 600
	OIDMacaddr8    uint32 = 774
	OIDLSN         uint32 = 3220
	OIDInt4Range   uint32 = 3904
	OIDNumRange    uint32 = 3906
	OIDTsRange     uint32 = 3908
	OIDTstzRange   uint32 = 3910
	OIDDateRange   uint32 = 3912
	OIDInt8Range   uint32 = 3926
)

// Object identifiers that a parameter may declare although no column of the
// type can be sealed.
const (
	oidChar    uint32 = 18 // "char", one byte
	oidUnknown uint32 = 705
)

// typmodHeader is what pg_attribute.atttypmod adds to lengths and precisions
// (VARHDRSZ): varchar(11) has typmod 15.
const typmodHeader = 4

// Type is a logical type: the type of the column before it was sealed.
type Type struct {
	OID    uint32
	Typmod int32       // as in pg_attribute.atttypmod, -1 = none
	Def    *Definition // what the catalog says of a type that is not built in; nil for others
}

// Use says in which role a client's value is read, because PostgreSQL treats
// the three differently.
type Use uint8

const (
	// Assign is a value stored into the column: the typmod is enforced (22001
	// for too long a string except trailing spaces, numeric rounding and 22003,
	// time precision, char padding).
	Assign Use = iota
	// Compare is an operand of =: the typmod is not applied, and a value
	// outside the range of the column's type compares unequal.
	Compare
	// Cast is an explicit cast to the type: varchar(n) and char(n) truncate
	// silently.
	Cast
)

// Value is one value as the client sent it.
type Value struct {
	Data   []byte // never nil: NULL does not come here
	Binary bool   // format code 1
	OID    uint32 // declared type of the parameter; 0 or 705 (unknown): it is read as the column's type
}

// ErrNeverEqual is returned by AppendCanonical with Compare when no value of
// the type can equal this one, for example an int8 parameter outside int4's
// range.
var ErrNeverEqual = errors.New("logical: no value of the column's type equals this one")

// codec does for one type what its I/O functions do in the server. A new type
// is a new codec and its rows in the cast tables.
type codec struct {
	name string // as format_type_be() prints it in messages, without typmod
	size int16  // typlen
	// in reads text (UTF-8 without NUL) without applying a typmod.
	in func(dst, text []byte, s *Settings) ([]byte, error)
	// inTypmod is in for a literal whose meaning depends on the typmod; nil for
	// nearly all types.
	inTypmod func(dst, text []byte, s *Settings, typmod int32) ([]byte, error)
	// recv reads the binary format without applying a typmod. Textual types
	// get UTF-8 that was checked.
	recv func(dst, data []byte) ([]byte, error)
	// receive is recv for types whose binary format has text inside; nil for all
	// others.
	receive func(dst, data []byte, s *Settings) ([]byte, error)
	// send writes the binary format of such types.
	send func(dst, canonical []byte, s *Settings) ([]byte, error)
	// out writes text in UTF-8.
	out func(dst, canonical []byte, s *Settings) ([]byte, error)
	// fit applies a typmod other than -1 to the canonical value dst[start:];
	// nil for types without typmod.
	fit func(dst []byte, start int, typmod int32, use Use) ([]byte, error)
	// typmodName is name and typmod as format_type() prints them; nil for types
	// without typmod.
	typmodName func(typmod int32) string
	// equal writes the bytes that decide equality; nil if canonical bytes do.
	equal func(dst, canonical []byte) ([]byte, error)
	// check says whether canonical bytes are well formed.
	check func(canonical []byte) bool
	// textual: the binary format is text in the client's encoding.
	textual bool
	// incomparable: the type has no = operator.
	incomparable bool
	// ownEquality: it has one, but which values are equal only the server knows.
	ownEquality bool
}

// lookup finds the codec of a built-in type that a column can have.
func lookup(oid uint32) *codec {
	if c := scalar(oid); c != nil {
		return c
	}
	return arrayCodecs[oid]
}

// scalar is lookup without arrays.
func scalar(oid uint32) *codec {
	switch oid {
	case OIDText:
		return &textCodec
	case OIDVarchar:
		return &varcharCodec
	case OIDBpchar:
		return &bpcharCodec
	case OIDInt4:
		return &int4Codec
	case OIDInt8:
		return &int8Codec
	case OIDInt2:
		return &int2Codec
	case OIDBool:
		return &boolCodec
	case OIDTimestamptz:
		return &timestamptzCodec
	case OIDTimestamp:
		return &timestampCodec
	case OIDDate:
		return &dateCodec
	case OIDTime:
		return &timeCodec
	case OIDInterval:
		return &intervalCodec
	case OIDTimetz:
		return &timetzCodec
	case OIDInet:
		return &inetCodec
	case OIDCidr:
		return &cidrCodec
	case OIDMacaddr:
		return &macaddrCodec
	case OIDBit:
		return &bitCodec
	case OIDVarbit:
		return &varbitCodec
	case OIDUUID:
		return &uuidCodec
	case OIDNumeric:
		return &numericCodec
	case OIDJSONB:
		return &jsonbCodec
	case OIDJSON:
		return &jsonCodec
	case OIDFloat8:
		return &float8Codec
	case OIDFloat4:
		return &float4Codec
	case OIDBytea:
		return &byteaCodec
	case OIDName:
		return &nameCodec
	case OIDOid:
		return &oidCodec
	case OIDMacaddr8:
		return &macaddr8Codec
	case OIDLSN:
		return &lsnCodec
	case OIDPoint:
		return &pointCodec
	}
	if r := rangeCodecs[oid]; r != nil {
		return r
	}
	return nil
}

// Supported says whether a column of the built-in type can be sealed.
func Supported(oid uint32) bool { return lookup(oid) != nil }

// codec finds the codec of the type, nil if it is not supported.
func (t Type) codec() *codec {
	if t.Def != nil {
		return &t.Def.codec
	}
	return lookup(t.OID)
}

// IsText reports a type whose text and binary forms are the canonical value
// itself, in the client's encoding.
func (t Type) IsText() bool {
	return t.Def == nil && (t.OID == OIDText || t.OID == OIDVarchar)
}

// Name is the type as format_type() prints it: "character varying(11)",
// "numeric(10,2)", "timestamp(3) without time zone". It is "???" for a type
// that is not supported.
func (t Type) Name() string {
	c := t.codec()
	switch {
	case c == nil:
		return "???"
	case t.Typmod < 0 && t.OID == OIDBpchar:
		// character without a length means character(1); bpchar has no limit.
		return "bpchar"
	case t.Typmod < 0 && t.OID == arrayOIDs[OIDBpchar]:
		return "bpchar[]"
	case t.Typmod < 0 && t.OID == OIDBit: // likewise
		return `"bit"`
	case t.Typmod < 0 && t.OID == arrayOIDs[OIDBit]:
		return `"bit"[]`
	case t.Typmod < 0 || c.typmodName == nil:
		return c.name
	}
	return c.typmodName(t.Typmod)
}

// Size is the type's typlen: its size in bytes, or -1 if it varies.
func (t Type) Size() int16 {
	if c := t.codec(); c != nil {
		return c.size
	}
	return -1
}

// Compared is the type as whose = operator the type's values are compared where
// it has none of its own: text for varchar, inet for cidr.
func (t Type) Compared() Type {
	switch t.OID {
	case OIDVarchar:
		t.OID = OIDText
	case OIDCidr:
		t.OID = OIDInet
	}
	return t
}

// Scalar is the built-in type, or the enum, that the values are made of: that of
// an array's elements, or a domain's base.
func (t Type) Scalar() uint32 {
	switch {
	case t.Def == nil:
		if element := ElementOID(t.OID); element != 0 {
			return element
		}
	case t.Def.element.OID != 0:
		return t.Def.element.Scalar()
	case t.Def.isDomain():
		return t.Def.base.Scalar()
	}
	return t.OID
}

// Groups says whether PostgreSQL can group by the type: not by json and points,
// which have no = operator, nor by arrays of them. (A domain over an enum it groups
// by, though = does not take it.)
func (t Type) Groups() bool {
	c := Type{OID: t.Scalar()}.codec()
	return c == nil || !c.incomparable
}

// Valid says whether bytes are the canonical form of a value of the type.
func (t Type) Valid(canonical []byte) bool {
	c := t.codec()
	return c != nil && c.check(canonical)
}

// HasEquality says whether there can be equality terms for the type: false for
// json, which has no = operator, and where OwnEquality is true.
func (t Type) HasEquality() bool {
	c := t.codec()
	return c != nil && !c.incomparable && !c.ownEquality
}

// OwnEquality says that the type has an = operator, but only the server knows
// which values are equal: those of citext are compared by the rules of the
// database's locale.
func (t Type) OwnEquality() bool {
	c := t.codec()
	return c != nil && c.ownEquality
}

// charTypmodName names a character type with its length.
func charTypmodName(name string) func(int32) string {
	return func(typmod int32) string {
		if typmod < typmodHeader {
			return name
		}
		return name + "(" + strconv.Itoa(int(typmod-typmodHeader)) + ")"
	}
}

// timeTypmodName names a time type with its precision between the words.
func timeTypmodName(word, rest string) func(int32) string {
	return func(typmod int32) string {
		return word + "(" + strconv.Itoa(int(typmod)) + ")" + rest
	}
}
