package logical

import (
	"math"
	"unicode/utf8"
)

// Check is one CHECK of a domain.
type Check struct {
	name, text string
	notNull    bool // it is VALUE IS NOT NULL
	// passes says whether a canonical value of the base type passes.
	passes func(canonical []byte) (bool, error)
}

// NewCheck reads a CHECK as pg_get_constraintdef() writes it. The error is an
// *Error for an expression that cannot be evaluated here exactly.
func NewCheck(name, text string, base Type) (Check, error) {
	if text == "CHECK ((VALUE IS NOT NULL))" {
		return Check{name: name, text: text, notNull: true, passes: func([]byte) (bool, error) { return true, nil }}, nil
	}
	base = base.Shown()
	p := checkParser{text: text, base: base}
	e, ok := p.check()
	if !ok || e.kind != checkBool {
		return Check{}, refuse("its domain has the constraint "+QuoteName(name)+", which pgseal cannot check: "+text,
			"drop the constraint and let the application check, or seal another column")
	}
	return Check{name: name, text: text, passes: func(canonical []byte) (bool, error) {
		d, err := e.value(canonical)
		return d.truth, err
	}}, nil
}

// checkKind is the kind of an expression's value.
type checkKind uint8

const (
	checkBool checkKind = iota
	checkNumber
	checkFloat
	checkText
	checkDay     // of a date
	checkInstant // of a timestamp
	checkTexts   // a list
	checkNumbers
)

// datum is the value of an expression; NULL does not occur.
type datum struct {
	truth  bool
	number number
	float  float64
	text   []byte
	when   int64
}

// checkExpr is an expression over the value of a domain.
type checkExpr struct {
	kind  checkKind
	value func(canonical []byte) (datum, error)
	// constant: the value does not depend on the domain's.
	constant bool
	// blank: a char(n), whose trailing blanks do not count and are lost in a cast.
	blank bool
}

func constantExpr(kind checkKind, d datum) checkExpr {
	return checkExpr{kind: kind, constant: true, value: func([]byte) (datum, error) { return d, nil }}
}

// valueExpr is VALUE; false for a type that no expression here takes.
func valueExpr(base Type) (checkExpr, bool) {
	make := func(kind checkKind, read func(canonical []byte) datum) (checkExpr, bool) {
		return checkExpr{kind: kind, value: func(canonical []byte) (datum, error) { return read(canonical), nil }}, true
	}
	switch base.OID {
	case OIDText, OIDVarchar:
		return make(checkText, func(c []byte) datum { return datum{text: c} })
	case OIDBpchar:
		e, ok := make(checkText, func(c []byte) datum { return datum{text: c} })
		e.blank = true
		return e, ok
	case OIDInt2, OIDInt4, OIDInt8:
		return make(checkNumber, func(c []byte) datum { return datum{number: numberOfInt(canonicalInt(c))} })
	case OIDNumeric:
		return make(checkNumber, func(c []byte) datum { return datum{number: canonicalNumber(c)} })
	case OIDFloat4, OIDFloat8:
		return make(checkFloat, func(c []byte) datum { return datum{float: canonicalFloat(c)} })
	case OIDBool:
		return make(checkBool, func(c []byte) datum { return datum{truth: c[0] != 0} })
	case OIDDate:
		return make(checkDay, func(c []byte) datum { return datum{when: canonicalInt(c)} })
	case OIDTimestamp:
		return make(checkInstant, func(c []byte) datum { return datum{when: canonicalInstant(c)} })
	}
	if base.Def != nil && base.Def.isEnum {
		return make(checkText, func(c []byte) datum { return datum{text: c} })
	}
	return checkExpr{}, false
}

// compareNumbers is the order of numeric, where NaN is the greatest.
func compareNumbers(a, b *number) int {
	rank := func(n *number) int {
		switch n.sign {
		case numericNaN:
			return 2
		case numericInf:
			return 1
		case numericNegInf:
			return -1
		}
		return 0
	}
	if x, y := rank(a), rank(b); x != 0 || y != 0 {
		return x - y
	}
	sign := func(n *number) int {
		switch {
		case len(n.digits) == 0:
			return 0
		case n.sign == numericNegative:
			return -1
		}
		return 1
	}
	if x, y := sign(a), sign(b); x != y || x == 0 {
		return x - y
	}
	order := a.weight - b.weight
	for i := 0; order == 0 && i < max(len(a.digits), len(b.digits)); i++ {
		digit := func(n *number) int {
			if i < len(n.digits) {
				return int(n.digits[i])
			}
			return 0
		}
		order = digit(a) - digit(b)
	}
	if sign(a) < 0 {
		return -order
	}
	return order
}

// compareFloats is the order of float8, where NaN is the greatest.
func compareFloats(a, b float64) int {
	switch {
	case math.IsNaN(a) || math.IsNaN(b):
		x, y := 0, 0
		if math.IsNaN(a) {
			x = 1
		}
		if math.IsNaN(b) {
			y = 1
		}
		return x - y
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func characters(text []byte) datum {
	return datum{number: numberOfInt(int64(utf8.RuneCount(text)))}
}

// comparison makes a comparison of two expressions; false for what cannot be
// compared here: the order of texts is the collation's.
func (a checkExpr) comparison(op string, b checkExpr) (checkExpr, bool) {
	if a.kind != b.kind {
		return checkExpr{}, false
	}
	equality := op == "=" || op == "<>"
	var order func(x, y datum) int
	switch a.kind {
	case checkNumber:
		order = func(x, y datum) int { return compareNumbers(&x.number, &y.number) }
	case checkFloat:
		order = func(x, y datum) int { return compareFloats(x.float, y.float) }
	case checkDay, checkInstant:
		order = func(x, y datum) int {
			switch {
			case x.when < y.when:
				return -1
			case x.when > y.when:
				return 1
			}
			return 0
		}
	case checkBool:
		if !equality {
			return checkExpr{}, false
		}
		order = func(x, y datum) int {
			if x.truth == y.truth {
				return 0
			}
			return 1
		}
	case checkText:
		if !equality {
			return checkExpr{}, false
		}
		blank := a.blank || b.blank
		order = func(x, y datum) int {
			s, t := x.text, y.text
			if blank {
				s, t = trimBlanks(s), trimBlanks(t)
			}
			if string(s) == string(t) {
				return 0
			}
			return 1
		}
	default:
		return checkExpr{}, false
	}
	var holds func(int) bool
	switch op {
	case "=":
		holds = func(n int) bool { return n == 0 }
	case "<>":
		holds = func(n int) bool { return n != 0 }
	case "<":
		holds = func(n int) bool { return n < 0 }
	case "<=":
		holds = func(n int) bool { return n <= 0 }
	case ">":
		holds = func(n int) bool { return n > 0 }
	case ">=":
		holds = func(n int) bool { return n >= 0 }
	default:
		return checkExpr{}, false
	}
	return a.with(b, func(x, y datum) (bool, error) { return holds(order(x, y)), nil }), true
}

// with makes a truth value of two expressions.
func (a checkExpr) with(b checkExpr, f func(x, y datum) (bool, error)) checkExpr {
	return checkExpr{kind: checkBool, constant: a.constant && b.constant, value: func(canonical []byte) (datum, error) {
		x, err := a.value(canonical)
		if err != nil {
			return datum{}, err
		}
		y, err := b.value(canonical)
		if err != nil {
			return datum{}, err
		}
		truth, err := f(x, y)
		return datum{truth: truth}, err
	}}
}

// then makes another value of an expression.
func (a checkExpr) then(kind checkKind, f func(datum) datum) checkExpr {
	return checkExpr{kind: kind, constant: a.constant, value: func(canonical []byte) (datum, error) {
		d, err := a.value(canonical)
		return f(d), err
	}}
}
