package logical

import (
	"bytes"
	"encoding/binary"
)

// family groups the types among which PostgreSQL casts and compares.
type family uint8

const (
	familyNone family = iota // types that only cast from and to text
	familyText
	familyInt
	familyFloat
	familyNumeric
	familyBool
	familyTime // of day
	familyDay  // date, timestamp, timestamptz
	familyJSON
	familyInterval
	familyTimetz
	familyBits
	familyNetwork
)

func familyOf(oid uint32) family {
	switch oid {
	case OIDText, OIDVarchar, OIDBpchar, OIDName:
		return familyText
	case OIDInt2, OIDInt4, OIDInt8:
		return familyInt
	case OIDFloat4, OIDFloat8:
		return familyFloat
	case OIDNumeric:
		return familyNumeric
	case OIDBool:
		return familyBool
	case OIDTime:
		return familyTime
	case OIDDate, OIDTimestamp, OIDTimestamptz:
		return familyDay
	case OIDJSON, OIDJSONB:
		return familyJSON
	case OIDInterval:
		return familyInterval
	case OIDTimetz:
		return familyTimetz
	case OIDBit, OIDVarbit:
		return familyBits
	case OIDInet, OIDCidr:
		return familyNetwork
	}
	return familyNone
}

func (f family) isNumber() bool { return f == familyInt || f == familyFloat || f == familyNumeric }

// parameterCodec reads values of a declared type; nil if it is not known here.
func parameterCodec(oid uint32) *codec {
	return lookup(oid)
}

// castLevel says how readily PostgreSQL casts, as pg_cast.castcontext does.
type castLevel uint8

const (
	castNever castLevel = iota
	castExplicit
	castAssignment
	castImplicit
)

// castBetween is the cast from one type to another one that the server has, and
// whether it can be done here.
func castBetween(from, to uint32) (level castLevel, exact bool) {
	if f, t := ElementOID(from), ElementOID(to); f != 0 && t != 0 {
		if f == t {
			return castImplicit, true
		}
		return castBetween(f, t)
	}
	f, t := familyOf(from), familyOf(to)
	switch {
	case f == familyText && t == familyText:
		return castImplicit, true
	case f == familyInt && to == OIDOid:
		return castImplicit, true
	case from == OIDOid && (to == OIDInt4 || to == OIDInt8):
		return castAssignment, true
	case isMacaddr(from) && isMacaddr(to):
		return castImplicit, false
	case t == familyText:
		return castAssignment, true
	case f == familyText:
		return castExplicit, true
	case f == familyJSON && t == familyJSON:
		return castAssignment, true
	case from == OIDJSONB && (t.isNumber() || t == familyBool):
		return castExplicit, true
	case f == familyBool && to == OIDInt4, from == OIDInt4 && t == familyBool:
		return castExplicit, true
	case f.isNumber() && t.isNumber():
		if numberRank(from) < numberRank(to) {
			return castImplicit, true
		}
		return castAssignment, true
	case f == familyDay && t == familyDay:
		if dayRank(from) < dayRank(to) {
			return castImplicit, true
		}
		return castAssignment, true
	case f == familyDay && t == familyTime && from != OIDDate:
		return castAssignment, true
	case f == familyBits && t == familyBits, from == OIDCidr && to == OIDInet, f == familyTime && t == familyInterval:
		return castImplicit, true
	case from == OIDInet && to == OIDCidr, f == familyInterval && t == familyTime, f == familyTimetz && t == familyTime:
		return castAssignment, true
	case f == familyTime && t == familyTimetz:
		return castImplicit, false // by the current date
	case from == OIDTimestamptz && t == familyTimetz:
		return castAssignment, false
	case from == OIDBit && hasBits(to), to == OIDBit && hasBits(from):
		return castExplicit, false
	}
	return castNever, false
}

func isMacaddr(oid uint32) bool { return oid == OIDMacaddr || oid == OIDMacaddr8 }

// hasBits says whether there are casts between an integer type and bit.
func hasBits(oid uint32) bool { return oid == OIDInt4 || oid == OIDInt8 }

// numberRank orders the numeric types so that casts upwards are implicit.
func numberRank(oid uint32) int {
	switch oid {
	case OIDInt2:
		return 0
	case OIDInt4:
		return 1
	case OIDInt8:
		return 2
	case OIDNumeric:
		return 3
	case OIDFloat4:
		return 4
	}
	return 5
}

func dayRank(oid uint32) int {
	switch oid {
	case OIDDate:
		return 0
	case OIDTimestamp:
		return 1
	}
	return 2
}

// comparison says what the server does with column = parameter.
type comparison uint8

const (
	noComparison comparison = iota
	exactComparison
	// inexactComparison: the server converts the column's values, and an
	// equality term cannot tell which of them become equal.
	inexactComparison
)

func comparisonBetween(column, parameter uint32) comparison {
	c, p := familyOf(column), familyOf(parameter)
	switch {
	case c == familyInt && parameter == OIDOid:
		return inexactComparison // the column's values would be cast, and may not fit
	case column == OIDOid && p == familyInt:
		return exactComparison
	case c == familyText && p == familyText:
		if column == OIDVarchar && parameter == OIDBpchar {
			return inexactComparison
		}
		return exactComparison
	case c == familyNumeric && p == familyFloat:
		return inexactComparison
	case c.isNumber() && p.isNumber(), c == familyDay && p == familyDay, c == familyBits && p == familyBits,
		c == familyNetwork && p == familyNetwork, c == familyInterval && p == familyTime, c == familyTime && p == familyInterval:
		return exactComparison
	case c == familyTime && p == familyTimetz, c == familyTimetz && p == familyTime:
		return inexactComparison
	}
	return noComparison
}

// CheckOID says whether a parameter declared with oid may be used, so that
// Parse can fail as the server would. The error is an *Error with Code 42804
// (Assign), 42883 (Compare) or 42846 (Cast), or 0A000 for what the server can
// do and pgseal cannot.
func (t Type) CheckOID(oid uint32, use Use) error { return t.CheckColumnOID("", oid, use) }

// CheckColumnOID is CheckOID with the column's name in the message for Assign,
// as the server has it there.
func (t Type) CheckColumnOID(column string, oid uint32, use Use) error {
	c := t.codec()
	if t.Def != nil && t.Def.isDomain() && oid != t.OID {
		t = t.Def.base // under the domain's name
	}
	switch {
	case c == nil:
		return unsupportedType(t.OID)
	case use == Compare && c.incomparable:
		return noOperator(c.name, typeName(oid))
	case use == Compare && c.ownEquality:
		return c.unequatable()
	case oid == 0 || oid == oidUnknown:
		return nil
	case use == Compare:
		return c.checkComparison(t.OID, oid)
	case oid == t.OID:
		return nil
	}
	if t.Def != nil && t.Def.fromText && use != Compare && parameterCodec(oid) != nil {
		if _, exact := castBetween(oid, OIDText); !exact {
			return c.unknownParameter(oid)
		}
		return nil
	}
	if parameterCodec(oid) == nil || t.Def != nil && t.IsArray() && (use == Cast || ElementOID(oid) != 0) {
		return c.unknownParameter(oid)
	}
	level, exact := castBetween(oid, t.OID)
	switch {
	case use == Assign && level < castAssignment:
		if column != "" {
			column = ` "` + column + `"`
		}
		return &Error{Code: codeDatatypeMismatch, Hint: hintCastColumn,
			Message: "column" + column + " is of type " + c.name + " but expression is of type " + typeName(oid)}
	case level == castNever:
		return newError(codeCannotCoerce, "cannot cast type "+typeName(oid)+" to "+c.name)
	case !exact:
		return c.unknownParameter(oid)
	}
	return nil
}

func (c *codec) checkComparison(column, oid uint32) error {
	switch {
	case oid == column:
		return nil
	case parameterCodec(oid) == nil:
		return c.unknownParameter(oid)
	}
	if isMacaddr(column) && isMacaddr(oid) {
		return &Error{Code: codeAmbiguous, Message: "operator is not unique: " + c.name + " = " + typeName(oid), Hint: hintAmbiguous}
	}
	switch comparisonBetween(column, oid) {
	case noComparison:
		return noOperator(c.name, typeName(oid))
	case inexactComparison:
		return refuse("pgseal cannot compare a sealed column of type "+c.name+" with a parameter of type "+typeName(oid)+" exactly",
			"Cast the parameter to "+c.name+".")
	}
	return nil
}

// unequatable refuses what depends on which values the server finds equal.
func (c *codec) unequatable() error {
	return refuse("pgseal cannot tell which values of type "+c.name+" are equal: that is by the rules of the database's locale", "")
}

func (c *codec) unknownParameter(oid uint32) error {
	return refuse("pgseal cannot use a parameter of "+describeType(oid)+" for a sealed column of type "+c.name,
		"Declare the parameter as "+c.name+", or leave its type undeclared.")
}

// noOperator is what the server says of left = right when there is none.
func noOperator(left, right string) error {
	return &Error{Code: codeUndefinedFunction, Message: "operator does not exist: " + left + " = " + right, Hint: hintCastOperator, left: left, right: right}
}

// typeName is the type's name without typmod, as messages print it.
func typeName(oid uint32) string {
	if oid == 0 || oid == oidUnknown {
		return "unknown"
	}
	if c := parameterCodec(oid); c != nil {
		return c.name
	}
	if element := ElementOID(oid); element == oidChar {
		return `"char"[]`
	} else if element != 0 {
		return typeName(element) + "[]"
	}
	return "???"
}

// TypeName is the name of a type as messages print it, "" if it is not known here.
func TypeName(oid uint32) string {
	if name := typeName(oid); name != "???" {
		return name
	}
	return ""
}

// describeType names a type, or says its number.
func describeType(oid uint32) string {
	if name := typeName(oid); name != "???" {
		return "type " + name
	}
	return "the type with OID " + utoa(oid)
}

// convert appends the canonical form of a value of another declared type.
func (t Type) convert(dst []byte, v Value, use Use, s *Settings) ([]byte, error) {
	if err := t.CheckOID(v.OID, use); err != nil {
		return dst, err
	}
	start := len(dst)
	out, err := parameterCodec(v.OID).read(dst, v, s)
	if err != nil {
		return dst, err
	}
	c := conversion{out: out, start: start, from: v.OID, to: t.OID, target: t.codec(), settings: s}
	if t.Def != nil && t.Def.fromText {
		c.to, c.target = OIDText, &textCodec
	}
	if use == Compare {
		out, err = c.compare()
	} else {
		out, err = c.cast()
	}
	return out, late(err)
}

// conversion turns the canonical value at out[start:] from one type into
// another, in place where that can be done.
type conversion struct {
	out      []byte
	start    int
	from, to uint32
	target   *codec // of to
	settings *Settings
}

func (c *conversion) value() []byte { return c.out[c.start:] }

// cast does what the server's cast function does.
func (c *conversion) cast() ([]byte, error) {
	from, to := familyOf(c.from), familyOf(c.to)
	switch {
	case ElementOID(c.from) != 0 && ElementOID(c.to) != 0:
		return c.castArray()
	case from == familyText && to == familyText:
		out := c.out
		if c.from == OIDBpchar {
			out = c.trimmed()
		}
		if c.to == OIDName {
			out = out[:c.start+nameEnd(out[c.start:])]
		}
		return out, nil
	case from == familyInt && c.to == OIDOid:
		n := canonicalInt(c.value())
		if c.from == OIDInt8 && n != int64(uint32(n)) {
			return nil, newError(codeNumericOutOfRange, "OID out of range")
		}
		return binary.BigEndian.AppendUint32(c.out[:c.start], uint32(n)), nil
	case c.from == OIDOid && c.to == OIDInt4:
		return c.out, nil
	case c.from == OIDOid && c.to == OIDInt8:
		return appendInt(c.out[:c.start], int64(uint32(canonicalInt(c.value()))), OIDInt8)
	case from == familyBool && to == familyText && c.to != OIDName:
		if c.value()[0] == 0 {
			return append(c.out[:c.start], "false"...), nil
		}
		return append(c.out[:c.start], "true"...), nil
	case from == familyNetwork && to == familyText && c.to != OIDName:
		v := bytes.Clone(c.value())
		return appendNetwork(c.out[:c.start], v, true), nil
	case from == familyJSON && (to.isNumber() || to == familyBool):
		return c.castDocument()
	case to == familyText, from == familyText, from == familyJSON:
		return c.throughText()
	case from == familyBool:
		n := int64(c.value()[0])
		return appendInt(c.out[:c.start], n, c.to)
	case to == familyBool:
		b := byte(0)
		if canonicalInt(c.value()) != 0 {
			b = 1
		}
		return append(c.out[:c.start], b), nil
	case to.isNumber():
		return c.castNumber()
	case to == familyBits:
		return c.out, nil
	case to == familyNetwork:
		return c.castNetwork(), nil
	case to == familyInterval:
		v := interval{micros: canonicalInstant(c.value())}
		return v.append(c.out[:c.start]), nil
	case from == familyInterval:
		_, rest := splitMicros(canonicalInterval(c.value()).micros)
		return appendInstant(c.out[:c.start], rest), nil
	case from == familyTimetz:
		return c.out[:c.start+8], nil
	}
	return c.castDay()
}

// castNetwork makes an inet a cidr, which loses the bits behind the network, or
// the reverse.
func (c *conversion) castNetwork() []byte {
	v := c.value()
	v[inetIsCidr] = 0
	if c.to == OIDCidr {
		v[inetIsCidr] = 1
		address := v[inetHeader:]
		for i := range address {
			if n := int(v[inetBits]) - 8*i; n <= 0 {
				address[i] = 0
			} else if n < 8 {
				address[i] &= 0xff << (8 - n)
			}
		}
	}
	return c.out
}

// compareTime compares a time with an interval: as intervals.
func (c *conversion) compareTime() ([]byte, error) {
	if c.to == OIDInterval {
		return c.cast()
	}
	v := canonicalInterval(c.value())
	days := int64(v.months)*daysPerMonth + int64(v.days)
	more, rest := splitMicros(v.micros)
	switch days += int64(more); {
	case days == 1 && rest == 0:
		rest = microsPerDay
	case days != 0:
		return nil, ErrNeverEqual
	}
	return appendInstant(c.out[:c.start], rest), nil
}

// trimmed is the text without the padding that char(n) loses on the way to
// other types.
func (c *conversion) trimmed() []byte { return c.out[:c.start+len(trimBlanks(c.value()))] }

// throughText casts as the server does where it has no function: output, then
// input.
func (c *conversion) throughText() ([]byte, error) {
	text, err := parameterCodec(c.from).out(nil, bytes.Clone(c.value()), c.settings)
	if err != nil {
		return nil, err
	}
	return c.target.in(c.out[:c.start], text, c.settings)
}

// castArray casts every element.
func (c *conversion) castArray() ([]byte, error) {
	from, to := ElementOID(c.from), ElementOID(c.to)
	a := arrayOf{element: lookup(to), oid: to}
	return a.each(c.out, c.start, func(dst, elem []byte) ([]byte, error) {
		element := conversion{out: append(dst, elem...), start: len(dst), from: from, to: to, target: a.element, settings: c.settings}
		return element.cast()
	})
}

// compare gives the value of the column's type that the server finds equal to
// the parameter's.
func (c *conversion) compare() ([]byte, error) {
	if c.to == OIDOid {
		return c.cast()
	}
	switch familyOf(c.to) {
	case familyText:
		switch {
		case c.to == OIDBpchar && c.from != OIDVarchar && len(trimBlanks(c.value())) < len(c.value()):
			// The column's values are compared as text, without their padding.
			return nil, ErrNeverEqual
		case c.from == OIDBpchar:
			return c.trimmed(), nil
		}
		return c.out, nil
	case familyDay:
		return c.compareDay()
	case familyBits, familyNetwork:
		return c.out, nil // what they are equal by does not tell the types apart
	case familyTime, familyInterval:
		return c.compareTime()
	}
	return c.compareNumber()
}
