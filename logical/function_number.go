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
