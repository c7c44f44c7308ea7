package logical

import "math"

// absolute is abs of any type of numbers.
func absolute(c *call) ([]byte, error) {
	v := c.args[0]
	switch familyOf(v.OID) {
	case familyInt:
		n := canonicalInt(v.Data)
		if n < 0 {
			return Subtract.appendInt(c.dst, 0, n, v.OID)
		}
		return append(c.dst, v.Data...), nil
	case familyFloat:
		return appendFloat(c.dst, math.Abs(canonicalFloat(v.Data)), v.OID), nil
	}
	n := canonicalNumber(v.Data)
	if n.negative() {
		n = negated(n)
	}
	return n.append(c.dst)
}

// rounding is round, trunc, ceil or floor of a numeric and of a double precision.
func rounding(number, float func(*call) ([]byte, error)) []signature {
	return []signature{only(OIDNumeric, number, OIDNumeric), only(OIDFloat8, float, OIDFloat8)}
}

// scaled changes a numeric, but for NaN and infinities; scale is the second argument, or 0.
func (c *call) scaled(change func(n *number, scale int)) ([]byte, error) {
	const most = 1000 // beyond it the server's versions differ
	n, scale := canonicalNumber(c.text(0)), int64(0)
	if len(c.args) > 1 {
		scale = c.int(1)
	}
	if scale > most || scale < -most {
		return c.dst, refuse("pgseal does not round to so many digits", "Round the value in the application.")
	}
	if !n.special() {
		change(&n, int(scale))
	}
	return n.append(c.dst)
}

func (c *call) float(change func(float64) float64) ([]byte, error) {
	return appendFloat(c.dst, change(canonicalFloat(c.text(0))), OIDFloat8), nil
}

func roundNumber(c *call) ([]byte, error) {
	return c.scaled(func(n *number, scale int) { n.round(scale) })
}

func roundFloat(c *call) ([]byte, error) { return c.float(math.RoundToEven) }

func truncateNumber(c *call) ([]byte, error) {
	return c.scaled(func(n *number, scale int) {
		n.truncate(scale)
		n.scale = max(scale, 0)
	})
}

func truncateFloat(c *call) ([]byte, error) { return c.float(math.Trunc) }

func ceilNumber(c *call) ([]byte, error) { return c.whole(false) }

func ceilFloat(c *call) ([]byte, error) { return c.float(math.Ceil) }

func floorNumber(c *call) ([]byte, error) { return c.whole(true) }

func floorFloat(c *call) ([]byte, error) { return c.float(math.Floor) }

// whole is the next whole number, below or above.
func (c *call) whole(below bool) ([]byte, error) {
	n := canonicalNumber(c.text(0))
	if n.special() {
		return n.append(c.dst)
	}
	cut := canonicalNumber(c.text(0))
	cut.truncate(0)
	if cut.scale = 0; n.compare(&cut) != 0 && n.negative() == below {
		one := numberOfInt(1)
		o := Add
		if below {
			o = Subtract
		}
		var err error
		if cut, err = o.number(&cut, &one); err != nil {
			return c.dst, err
		}
	}
	return cut.append(c.dst)
}

// modulo is the rest of a division, with the sign of what is divided.
func modulo(c *call) ([]byte, error) {
	oid := c.args[0].OID
	if familyOf(oid) == familyNumeric {
		a, b := canonicalNumber(c.text(0)), canonicalNumber(c.text(1))
		n, err := Modulo.number(&a, &b)
		if err != nil {
			return c.dst, err
		}
		return n.append(c.dst)
	}
	return appendRest(c.dst, c.int(0), c.int(1), oid)
}

func appendRest(dst []byte, a, b int64, oid uint32) ([]byte, error) {
	switch b {
	case 0:
		return dst, divisionByZero()
	case -1:
		return appendInt(dst, 0, oid)
	}
	return appendInt(dst, a%b, oid)
}

func restOf(a, b *number) (number, error) {
	zero := !b.special() && len(b.digits) == 0
	switch {
	case a.sign == numericNaN || b.sign == numericNaN:
		return number{sign: numericNaN}, nil
	case zero:
		return number{}, divisionByZero()
	case a.special():
		return number{sign: numericNaN}, nil
	case b.special():
		return *a, nil
	}
	scale := max(a.scale, b.scale)
	x, y := a.unscaled(), b.unscaled()
	x.Mul(x, powerOfTen(scale-a.scale))
	y.Mul(y, powerOfTen(scale-b.scale))
	return numberOf(x.Rem(x, y), scale), nil
}

func signNumber(c *call) ([]byte, error) {
	n := canonicalNumber(c.text(0))
	sign := int64(1)
	switch {
	case n.sign == numericNaN:
		return n.append(c.dst)
	case n.negative():
		sign = -1
	case !n.special() && len(n.digits) == 0:
		sign = 0
	}
	n = numberOfInt(sign)
	return n.append(c.dst)
}

func signFloat(c *call) ([]byte, error) {
	return c.float(func(f float64) float64 {
		switch {
		case f > 0:
			return 1
		case f < 0:
			return -1
		}
		return 0 // of NaN, too
	})
}

// radiansPerDegree is what the server multiplies and divides by.
const radiansPerDegree = 0.0174532925199432957692

func toDegrees(c *call) ([]byte, error) {
	return Divide.appendFloat(c.dst, canonicalFloat(c.text(0)), radiansPerDegree, OIDFloat8)
}

func toRadians(c *call) ([]byte, error) {
	return Multiply.appendFloat(c.dst, canonicalFloat(c.text(0)), radiansPerDegree, OIDFloat8)
}

// rootFloat is sqrt of a double precision.
func rootFloat(c *call) ([]byte, error) {
	f := canonicalFloat(c.text(0))
	if f < 0 {
		return c.dst, noRoot()
	}
	return appendFloat(c.dst, math.Sqrt(f), OIDFloat8), nil
}

func noRoot() error {
	return newError(codeInvalidPower, "cannot take square root of a negative number")
}

// rootNumber is sqrt of a numeric, rounded to the scale that gives at least 16 digits, and no
// fewer behind the point than there were.
func rootNumber(c *call) ([]byte, error) {
	const significant, most = 16, 1000
	n := canonicalNumber(c.text(0))
	switch {
	case n.sign == numericNaN:
		return n.append(c.dst)
	case n.negative():
		return c.dst, noRoot()
	case n.special():
		return n.append(c.dst)
	}
	before := n.weight*decimalDigits/2 + 1 // digits in front of the point
	root := n.root(min(max(significant-before, n.scale, 0), most))
	return root.append(c.dst)
}

// root is the square root of a number that is not negative, rounded to a scale.
func (n *number) root(scale int) number {
	// The root of n·10^2(scale+1), to be rounded by its last digit: it is never just between two.
	x := n.unscaled()
	if more := 2*(scale+1) - n.scale; more >= 0 {
		x.Mul(x, powerOfTen(more))
	} else {
		x.Quo(x, powerOfTen(-more))
	}
	root := numberOf(x.Sqrt(x), scale+1)
	root.round(scale)
	return root
}

// wholeQuotient is div, a division without what is behind the point.
func wholeQuotient(c *call) ([]byte, error) {
	a, b := canonicalNumber(c.text(0)), canonicalNumber(c.text(1))
	if !b.special() && len(b.digits) == 0 && a.sign != numericNaN {
		return c.dst, divisionByZero()
	}
	if a.special() || b.special() {
		n, err := Divide.number(&a, &b)
		if err != nil {
			return c.dst, err
		}
		return n.append(c.dst)
	}
	scale := max(a.scale, b.scale)
	x, y := a.unscaled(), b.unscaled()
	x.Mul(x, powerOfTen(scale-a.scale))
	y.Mul(y, powerOfTen(scale-b.scale))
	n := numberOf(x.Quo(x, y), 0)
	return n.append(c.dst)
}
