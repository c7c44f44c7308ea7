package logical

import (
	"math"
	"slices"
)

// Operator is one of PostgreSQL's operators that compute a value of two.
type Operator uint8

const (
	Add           Operator = iota // +
	Subtract                      // -
	Multiply                      // *
	Divide                        // /
	Modulo                        // %
	Concatenate                   // || of texts, and of jsonb
	Equal                         // =
	NotEqual                      // <>
	Less                          // <
	AtMost                        // <=
	Greater                       // >
	AtLeast                       // >=
	AtKey                         // -> of jsonb and json
	AtKeyText                     // ->>
	AtPath                        // #>
	AtPathText                    // #>>
	Like                          // ~~, LIKE
	NotLike                       // !~~, NOT LIKE
	Contains                      // @> of jsonb, and of arrays
	ContainedBy                   // <@
	HasKey                        // ?
	HasAnyKey                     // ?|
	HasAllKeys                    // ?&
	Overlaps                      // && of arrays
	BitAnd                        // & of integers
	BitOr                         // |
	BitXor                        // #
	ShiftLeft                     // <<
	ShiftRight                    // >>
	Match                         // ~ of a text and a regular expression
	NotMatch                      // !~
	MatchFold                     // ~*, in upper and lower case
	NotMatchFold                  // !~*
	Power                         // ^
	WithinOrEqual                 // <<= of networks
	AroundOrEqual                 // >>=
	WithoutPath                   // #- of jsonb
	operators                     // how many there are
)

var operatorNames = [operators]string{"+", "-", "*", "/", "%", "||", "=", "<>", "<", "<=", ">", ">=", "->", "->>", "#>", "#>>", "~~", "!~~", "@>", "<@", "?", "?|", "?&", "&&", "&", "|", "#", "<<", ">>", "~", "!~", "~*", "!~*", "^", "<<=", ">>=", "#-"}

// Compares says whether the operator compares two values.
func (o Operator) Compares() bool { return o >= Equal && o <= AtLeast }

// Strictly is < for <=, > for >=, and any other operator itself.
func (o Operator) Strictly() Operator {
	switch o {
	case AtMost:
		return Less
	case AtLeast:
		return Greater
	}
	return o
}

// Matches says whether the operator matches a text with a pattern.
func (o Operator) Matches() bool { return o == Like || o == NotLike }

// MatchesRegex says whether the operator matches a text with a regular expression.
func (o Operator) MatchesRegex() bool { return o >= Match && o <= NotMatchFold }

// Folds says whether the operator matches letters in upper and lower case.
func (o Operator) Folds() bool { return o == MatchFold || o == NotMatchFold }

// OfJSON says whether the operator takes something out of a document.
func (o Operator) OfJSON() bool { return o >= AtKey && o <= AtPathText }

// LooksInto says whether the operator tells what is in a document or an array.
func (o Operator) LooksInto() bool { return o >= Contains && o <= Overlaps }

// OfBits says whether the operator takes the bits of integers.
func (o Operator) OfBits() bool { return o >= BitAnd && o <= ShiftRight }

// operation is what an operator does to two types: the types that the operands
// become, and that of the result.
type operation struct{ left, right, result uint32 }

// RelatesNetworks says whether the operator tells if one network is in another one.
func (o Operator) RelatesNetworks() bool {
	return o == ShiftLeft || o == ShiftRight || o == WithinOrEqual || o == AroundOrEqual || o == Overlaps
}

// onlyNetworks says whether the operator has no other operands than these.
func (o Operator) onlyNetworks() bool { return o == WithinOrEqual || o == AroundOrEqual }

// Result is the type that PostgreSQL gives to left operator right, 0 where there is
// none or pgseal does not compute it. The types are not unknown.
func (o Operator) Result(left, right uint32) uint32 {
	op, ok := o.on(left, right)
	if !ok {
		return 0
	}
	return op.result
}

// Takes says whether one of the operator's operands can be of the type.
func (o Operator) Takes(oid uint32) bool {
	switch f := familyOf(oid); {
	case f == familyNetwork && o.RelatesNetworks():
		return true
	case o.onlyNetworks():
		return false
	case o == Concatenate:
		return printed(oid) || oid == OIDJSONB
	case o.OfJSON() || o == WithoutPath:
		return true // as documents, keys or paths
	case o.Matches():
		return isPlainText(oid) || oid == OIDBpchar
	case o.MatchesRegex():
		return isPlainText(oid) || oid == OIDBpchar || oid == OIDName
	case o.Compares():
		return comparedWith(oid) || (oid == OIDJSONB || IsComputedArray(oid)) && (o == Equal || o == NotEqual)
	case o.LooksInto():
		return true // as documents or keys
	case o.OfBits():
		return f == familyInt
	case f == familyDay || f == familyInterval || oid == OIDTime:
		return o == Add || o == Subtract || o == Multiply && f == familyInterval
	case o == Power:
		return f.isNumber()
	default:
		return f.isNumber() || o == Subtract && (oid == OIDJSONB || f == familyText)
	}
}

// Untyped is the type that PostgreSQL gives to an operand without one, a parameter or
// a string, beside one of a type; 0 where pgseal does not know. first says that it
// stands before the operator.
func (o Operator) Untyped(beside uint32, first bool) uint32 {
	isDocument := beside == OIDJSONB || beside == OIDJSON
	switch f := familyOf(beside); {
	case f == familyNetwork && (o.Compares() || o.RelatesNetworks()):
		return OIDInet
	case o.onlyNetworks():
		return 0
	case o == Concatenate && beside == OIDJSONB:
		return OIDJSONB
	case o == Concatenate && printed(beside):
		return OIDText
	case o == Concatenate:
		return 0
	case o.Matches() || o.MatchesRegex() || o.Compares() && beside == OIDVarchar: // whose operators are those of text
		return OIDText
	case o.Compares():
		return beside
	case o == Subtract && f == familyDay:
		return beside
	case beside == OIDJSONB && (o == Contains || o == ContainedBy), o.overArrays(beside, beside):
		return beside
	case beside == OIDJSONB && !first && o == HasKey:
		return OIDText
	case beside == OIDJSONB && !first && o.LooksInto():
		return OIDTextArray
	case o == Power && f == familyInt: // it can be of several types
		return 0
	case (o == ShiftLeft || o == ShiftRight) && (first || f != familyInt):
		return 0
	case o == ShiftLeft || o == ShiftRight:
		return OIDInt4
	case isDocument && !first && (o == AtKey || o == AtKeyText), beside == OIDJSONB && !first && o == Subtract:
		return OIDText
	case isDocument && !first && o.OfJSON(), beside == OIDJSONB && !first && o == WithoutPath:
		return OIDTextArray
	case f.isNumber():
		return beside
	case o == Multiply && f == familyInterval:
		return OIDFloat8
	case o == Add && (beside == OIDTimestamp || beside == OIDTimestamptz),
		beside == OIDInterval && (o == Add || o == Subtract) && !first:
		return OIDInterval
	}
	return 0
}

// on is the operation on two types.
func (o Operator) on(left, right uint32) (op operation, ok bool) {
	l, r := familyOf(left), familyOf(right)
	switch {
	case l == familyNetwork && r == familyNetwork && o.RelatesNetworks():
		op, ok = operation{OIDInet, OIDInet, OIDBool}, true
	case o.onlyNetworks():
	case o.overArrays(left, right):
		op, ok = operation{left, right, OIDBool}, true
	case o == Concatenate && left == OIDJSONB && right == OIDJSONB:
		op, ok = operation{OIDJSONB, OIDJSONB, OIDJSONB}, true
	case o == Concatenate:
		op, ok = operation{OIDText, OIDText, OIDText}, l == familyText && printed(right) || printed(left) && r == familyText
	case o.Compares():
		return o.comparing(left, right)
	case o.Matches():
		if left == OIDBpchar { // whose blanks count
			return operation{OIDBpchar, OIDText, OIDBool}, isPlainText(right)
		}
		return operation{OIDText, OIDText, OIDBool}, isPlainText(left) && isPlainText(right)
	case o.MatchesRegex():
		return o.onRegex(left, right)
	case o.OfJSON() || o.LooksInto() || o == WithoutPath || o == Subtract && left == OIDJSONB:
		return o.onJSON(left, right)
	case o.OfBits():
		return o.onBits(left, right)
	case o == Power:
		s := onPower(left, right)
		if s == nil {
			return op, false
		}
		return operation{s.params[0], s.params[1], s.result}, true
	case l.isNumber() && r.isNumber():
		op, ok = operation{left, right, OIDNumeric}, o != Modulo || l != familyFloat && r != familyFloat
		switch {
		case l == familyInt && r == familyInt:
			if op.result = left; numberRank(right) > numberRank(left) {
				op.result = right
			}
			return op, true
		case left == OIDFloat4 && right == OIDFloat4:
			op.result = OIDFloat4
		case l == familyFloat || r == familyFloat:
			op.result = OIDFloat8
		}
		op.left, op.right = op.result, op.result
	case o == Multiply && l == familyInterval && r.isNumber():
		op, ok = operation{OIDInterval, OIDFloat8, OIDInterval}, true
	case o == Multiply && l.isNumber() && r == familyInterval:
		op, ok = operation{OIDFloat8, OIDInterval, OIDInterval}, true
	case o != Add && o != Subtract:
	case left == OIDTime || right == OIDTime:
		return o.onTime(left, right)
	case o == Subtract && left == OIDDate && right == OIDDate:
		op, ok = operation{OIDDate, OIDDate, OIDInt4}, true
	case o == Subtract && l == familyDay && r == familyDay:
		at := left
		if dayRank(right) > dayRank(left) {
			at = right
		}
		op, ok = operation{at, at, OIDInterval}, true
	case left == OIDDate && (right == OIDInt2 || right == OIDInt4):
		op, ok = operation{OIDDate, OIDInt4, OIDDate}, true
	case o == Add && right == OIDDate && (left == OIDInt2 || left == OIDInt4):
		op, ok = operation{OIDInt4, OIDDate, OIDDate}, true
	case left == OIDInterval && right == OIDInterval:
		op, ok = operation{OIDInterval, OIDInterval, OIDInterval}, true
	case l == familyDay && right == OIDInterval:
		at := spanned(left)
		op, ok = operation{at, OIDInterval, at}, true
	case o == Add && left == OIDInterval && r == familyDay:
		at := spanned(right)
		op, ok = operation{OIDInterval, at, at}, true
	}
	if !ok {
		return operation{}, false
	}
	return op, true
}

// onPower is the function that ^ of two types calls.
func onPower(left, right uint32) *signature {
	f, _ := FunctionNamed("power")
	if !familyOf(left).isNumber() || !familyOf(right).isNumber() {
		return nil
	}
	return f.on([]uint32{left, right})
}

// spanned is the type of the points in time that intervals are added to.
func spanned(oid uint32) uint32 {
	if oid == OIDDate {
		return OIDTimestamp
	}
	return oid
}

// Append appends left operator right in canonical form, of the type that Result
// says; nil for NULL. The values are in canonical form and have a type each; the
// settings have UTF8 as the client's encoding. Texts are compared by their bytes.
func (o Operator) Append(dst []byte, left, right Value, s *Settings) ([]byte, error) {
	if o.MatchesRegex() {
		return o.AppendMatched(dst, left, right, &LastRegex{}, s)
	}
	op, ok := o.on(left.OID, right.OID)
	if !ok {
		return dst, o.uncomputed(left.OID, right.OID)
	}
	a, err := left.as(op.left, s)
	var b []byte
	if err == nil {
		b, err = right.as(op.right, s)
	}
	switch {
	case err != nil && o.Compares(): // which the server does all the same
		return dst, refuse("pgseal does not compare a value that the other's type cannot have", "Compare the values in the application.")
	case err != nil:
		return dst, err
	}
	switch {
	case IsComputedArray(op.left):
		return o.appendOverArrays(dst, a, b, op.left)
	case o.Compares():
		return o.appendCompared(dst, Value{Data: a, OID: op.left}, Value{Data: b, OID: op.right}, nil), nil
	case op.left == OIDInet:
		return append(dst, byte(btoi(o.relates(a, b)))), nil
	case o.Matches():
		is, err := matchesLike(a, b)
		return append(dst, byte(btoi(is == (o == Like)))), err
	case o.LooksInto():
		return o.appendFound(dst, a, b)
	case o == Power:
		c := call{dst: dst, args: []Value{{Data: a, OID: op.left}, {Data: b, OID: op.right}}, s: s}
		return onPower(op.left, op.right).compute(&c)
	case op.left == OIDJSONB:
		return o.appendJSON(dst, a, b, op.right)
	case op.left == OIDJSON:
		return o.appendOfText(dst, a, b, op.right)
	case o.OfBits():
		return o.appendBits(dst, canonicalInt(a), canonicalInt(b), op.result)
	case op.left == OIDTime || op.right == OIDTime:
		return o.appendTime(dst, a, b, op, s)
	case o == Subtract && familyOf(op.left) == familyDay && familyOf(op.right) == familyDay:
		return appendBetween(dst, a, b, op.result, s.major())
	case o != Multiply && op.left == OIDInterval && op.right != OIDInterval || op.right == OIDDate:
		a, b = b, a // what is added to comes first
	}
	switch familyOf(op.result) {
	case familyInterval:
		if o != Multiply {
			return o.appendInterval(dst, canonicalInterval(a), canonicalInterval(b), s.major())
		}
		if op.left != OIDInterval {
			a, b = b, a
		}
		return appendTimes(dst, canonicalInterval(a), canonicalFloat(b), s.major())
	case familyText:
		return append(append(dst, a...), b...), nil
	case familyInt:
		return o.appendInt(dst, canonicalInt(a), canonicalInt(b), op.result)
	case familyNumeric:
		x, y := canonicalNumber(a), canonicalNumber(b)
		n, err := o.number(&x, &y)
		if err != nil {
			return dst, err
		}
		return n.append(dst)
	case familyFloat:
		return o.appendFloat(dst, canonicalFloat(a), canonicalFloat(b), op.result)
	}
	if op.result == OIDDate {
		return o.appendDay(dst, int(canonicalInt(a)), int(canonicalInt(b)))
	}
	return o.appendLater(dst, canonicalInstant(a), canonicalInterval(b), op.result == OIDTimestamptz, s)
}

// uncomputed refuses an operator of two types.
func (o Operator) uncomputed(left, right uint32) error {
	return refuse("pgseal does not compute "+typeName(left)+" "+o.String()+" "+typeName(right), "Compute the value in the application.")
}

// as is a value in canonical form as one of a type.
func (v Value) as(oid uint32, s *Settings) ([]byte, error) {
	if v.OID == oid {
		return v.Data, nil
	}
	return Type{OID: oid, Typmod: -1}.AppendCanonical([]byte{}, v, Cast, s)
}

// String is the operator as it is written.
func (o Operator) String() string { return operatorNames[o] }

func divisionByZero() error { return newError(codeDivisionByZero, "division by zero") }

func (o Operator) appendInt(dst []byte, a, b int64, oid uint32) ([]byte, error) {
	var n int64
	fits := true
	switch o {
	case Add:
		n = a + b
		fits = (a^n)&(b^n) >= 0
	case Subtract:
		n = a - b
		fits = (a^b)&(a^n) >= 0
	case Multiply:
		var high int64
		high, n = mul64(a, b)
		fits = high == n>>63
	case Modulo:
		return appendRest(dst, a, b, oid)
	default:
		if b == 0 {
			return dst, divisionByZero()
		}
		n = a / b
		fits = a != math.MinInt64 || b != -1
	}
	if !fits {
		return dst, newError(codeNumericOutOfRange, typeName(oid)+" out of range")
	}
	return appendInt(dst, n, oid)
}

func (o Operator) appendFloat(dst []byte, a, b float64, oid uint32) ([]byte, error) {
	if o == Divide && b == 0 && !math.IsNaN(a) {
		return dst, divisionByZero()
	}
	var f float64
	if oid == OIDFloat4 {
		f = float64(floatOf(o, float32(a), float32(b)))
	} else {
		f = floatOf(o, a, b)
	}
	infinite := math.IsInf(a, 0) || math.IsInf(b, 0)
	switch {
	case math.IsInf(f, 0) && (!infinite || o == Divide && !math.IsInf(a, 0)):
		return dst, newError(codeNumericOutOfRange, "value out of range: overflow")
	case f == 0 && (o == Multiply && a != 0 && b != 0 || o == Divide && a != 0 && !math.IsInf(b, 0)):
		return dst, newError(codeNumericOutOfRange, "value out of range: underflow")
	}
	return appendFloat(dst, f, oid), nil
}

func floatOf[F float32 | float64](o Operator, a, b F) F {
	switch o {
	case Add:
		return a + b
	case Subtract:
		return a - b
	case Multiply:
		return a * b
	}
	return a / b
}

// Negated appends -v, in canonical form and of the same type. It is false for a type
// that is none of numbers.
func Negated(dst []byte, v Value) (_ []byte, ok bool, err error) {
	switch familyOf(v.OID) {
	case familyInt:
		dst, err = Subtract.appendInt(dst, 0, canonicalInt(v.Data), v.OID)
	case familyNumeric:
		n := negated(canonicalNumber(v.Data))
		dst, err = n.append(dst)
	case familyFloat:
		dst = appendFloat(dst, -canonicalFloat(v.Data), v.OID)
	default:
		return dst, false, nil
	}
	return dst, true, err
}

func negated(n number) number {
	switch n.sign {
	case numericPositive:
		n.sign = numericNegative
	case numericNegative:
		n.sign = numericPositive
	case numericInf:
		n.sign = numericNegInf
	case numericNegInf:
		n.sign = numericInf
	}
	return n
}

// Inverted appends NOT v of a boolean in canonical form.
func Inverted(dst []byte, v Value) []byte { return append(dst, v.Data[0]^1) }

// OperatorNames are the names of all of them.
func OperatorNames() []string { return slices.Clone(operatorNames[:]) }

// OperatorNamed finds the operator by its name.
func OperatorNamed(name string) (Operator, bool) {
	i := slices.Index(operatorNames[:], name)
	return Operator(max(i, 0)), i >= 0
}
