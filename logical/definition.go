package logical

import (
	"encoding/binary"
	"hash/fnv"
	"slices"
	"strconv"
	"unicode/utf8"
)

// Definition is what the catalog says of a type that is not built in: an enum, a
// domain, or an array of either. It is immutable. One type has one Definition
// in a catalog snapshot, so that Types can be compared with ==.
type Definition struct {
	codec codec
	Identity
	element Type // of an array; OID 0 for others
	isEnum  bool
	labels  []string         // of an enum, in order
	places  map[string]int32 // in labels
	base    Type             // of a domain; OID 0 for others
	notNull bool             // of a domain
	// HasDefault: a domain's columns have its default where they have none of their own.
	HasDefault bool
	// fromText: what is assigned to it is cast as if to text.
	fromText bool
	checks   []Check
	// nullCheck is the CHECK that refuses NULL where NOT NULL does not.
	nullCheck string
	version   uint64
}

// Identity is what all definitions have in common.
type Identity struct {
	Schema, Name string
	ArrayOID     uint32 // of the type's arrays, 0 if there are none
	// Ambiguous: a type of another schema has the same name.
	Ambiguous bool
}

func newDefinition(id Identity, content ...string) *Definition {
	h := fnv.New64a()
	for _, s := range append([]string{id.Schema, id.Name, utoa(id.ArrayOID), strconv.FormatBool(id.Ambiguous)}, content...) {
		h.Write([]byte(strconv.Itoa(len(s))))
		h.Write([]byte(s))
	}
	return &Definition{Identity: id, version: h.Sum64()}
}

// Qualifier is the schema with its dot, and Qualified the type with that, as
// format_type() prints them where the search path does not reach the type.
func (d *Definition) Qualifier() string { return QuoteName(d.Schema) + "." }

// Qualified is described with Qualifier.
func (d *Definition) Qualified() string { return d.Qualifier() + QuoteName(d.Name) }

// Version changes with whatever values and their forms depend on.
func (d *Definition) Version() uint64 { return d.version }

// Parts are the types that the type is made of: the elements of an array, the
// base of a domain.
func (d *Definition) Parts() []Type {
	var parts []Type
	for _, t := range []Type{d.element, d.base} {
		if t.OID != 0 {
			parts = append(parts, t)
		}
	}
	return parts
}

// Element defines the elements of an array; nil for other types.
func (d *Definition) Element() *Definition { return d.element.Def }

// Enum defines an enum by its labels.
func Enum(id Identity, labels []string) *Definition {
	d := newDefinition(id, append([]string{"enum"}, labels...)...)
	d.isEnum, d.labels = true, labels
	d.places = make(map[string]int32, len(labels))
	for i, l := range labels {
		d.places[l] = int32(i)
	}
	name := QuoteName(id.Name)
	in := func(dst, text []byte) ([]byte, error) {
		if _, known := d.places[string(text)]; known {
			return append(dst, text...), nil
		}
		e := newError(codeInvalidText, "invalid input value for enum "+name+`: "`+string(text)+`"`)
		e.Stale = true
		return dst, e
	}
	d.codec = codec{
		name: name, size: 4, textual: true,
		in:   func(dst, text []byte, _ *Settings) ([]byte, error) { return in(dst, text) },
		recv: in,
		out: func(dst, canonical []byte, _ *Settings) ([]byte, error) {
			if _, known := d.places[string(canonical)]; !known {
				return dst, lostLabel(name)
			}
			return append(dst, canonical...), nil
		},
		check: utf8.Valid,
	}
	d.codec.send = func(dst, canonical []byte, s *Settings) ([]byte, error) {
		start := len(dst)
		out, err := d.codec.out(dst, canonical, s)
		if err != nil {
			return dst, err
		}
		return s.encodeTail(out, start)
	}
	return d
}

// Labels are those of the enum that the type is, or is made of, in its order; nil
// for other types.
func (t Type) Labels() []string {
	if t.Def == nil {
		return nil
	}
	if t.Def.isEnum {
		return t.Def.labels
	}
	for _, part := range t.Def.Parts() {
		if labels := part.Labels(); labels != nil {
			return labels
		}
	}
	return nil
}

// Relabelled reports that labels which an enum had, in this order, stand in
// another one now. PostgreSQL never moves a label: two have been renamed to each
// other's names, and stored values, which keep theirs, mean another one now.
func (t Type) Relabelled(was []string) bool {
	now, next := t.Labels(), 0
	for _, label := range was {
		at := slices.Index(now, label)
		if at >= 0 && at < next {
			return true
		}
		next = max(next, at+1)
	}
	return false
}

// lostLabel is for a stored label that has been renamed or removed since: which
// label it became cannot be told.
func lostLabel(name string) error {
	e := refuse("a stored value of enum "+name+" has a label that the type no longer has",
		"ALTER TYPE "+name+" RENAME VALUE back to the label of before; to rename it, unseal the column first.")
	e.Stale = true
	return e
}

// IsEnum says whether the type is an enum, or a domain over one.
func (t Type) IsEnum() bool {
	t = t.Shown()
	return t.Def != nil && t.Def.isEnum
}

// AppendPlace appends the place of a label in its enum, or a domain over it: an int4, in canonical
// form. Of two labels the one with the lesser place comes first, in every version of the type.
func (t Type) AppendPlace(dst, label []byte) ([]byte, error) {
	d := t.Shown().Def
	place, known := d.places[string(label)]
	if !known {
		e := refuse("a value of enum "+d.codec.name+" has a label that the type had not when the statement was planned",
			"Repeat the statement. If the label has been renamed, rename it back; to rename it, unseal the column first.")
		e.Stale = true
		return dst, e
	}
	return binary.BigEndian.AppendUint32(dst, uint32(place)), nil
}

// AppendLabel appends the label at such a place of the type.
func (t Type) AppendLabel(dst, place []byte) []byte {
	return append(dst, t.Shown().Def.labels[canonicalInt(place)]...)
}

// QuoteName writes an identifier as format_type() does.
func QuoteName(name string) string {
	for i, c := range []byte(name) {
		if c != '_' && (c < 'a' || c > 'z') && (i == 0 || !isDigit(c)) {
			return strconv.Quote(name)
		}
	}
	return name
}

// ArrayOf defines the type of arrays of a type that is not built in. The
// identity is that of the array type.
func ArrayOf(id Identity, element Type) *Definition {
	d := newDefinition(id, "array", utoa(element.OID), utoa(uint32(element.Def.version)), utoa(uint32(element.Def.version>>32)))
	a := arrayOf{element: &element.Def.codec, oid: element.OID}
	if element.Def.notNull {
		a.notNull = element.Def.NullRefused()
	}
	d.element = element
	d.codec = *newArrayCodec(a)
	return d
}
