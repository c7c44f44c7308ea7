package logical

import (
	"math/big"
	"math/bits"
)

// Functions of whole numbers, and of how many digits a numeric has behind the point.

// ofWhole is a function of two integers of one type, or two numerics.
func ofWhole(compute func(*call) ([]byte, error)) (all []signature) {
	for _, oid := range [...]uint32{OIDInt4, OIDInt8, OIDNumeric} {
		all = append(all, only(oid, compute, oid, oid))
	}
	return all
}

func magnitude(n int64) uint64 {
	if n < 0 {
		return -uint64(n)
	}
	return uint64(n)
}

func divisor(a, b uint64) uint64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// appendMagnitude appends a number that is not negative.
func appendMagnitude(dst []byte, n uint64, oid uint32) ([]byte, error) {
	if n>>63 != 0 {
		return dst, newError(codeNumericOutOfRange, typeName(oid)+" out of range")
	}
	return appendInt(dst, int64(n), oid)
}

// greatestDivisor is gcd.
func greatestDivisor(c *call) ([]byte, error) {
	if oid := c.args[0].OID; familyOf(oid) == familyInt {
		return appendMagnitude(c.dst, divisor(magnitude(c.int(0)), magnitude(c.int(1))), oid)
	}
	return c.appendWhole(func(x, y *big.Int) *big.Int { return x.GCD(nil, nil, x, y) })
}

// leastMultiple is lcm.
func leastMultiple(c *call) ([]byte, error) {
	if oid := c.args[0].OID; familyOf(oid) == familyInt {
		a, b := magnitude(c.int(0)), magnitude(c.int(1))
		if a == 0 || b == 0 {
			return appendInt(c.dst, 0, oid)
		}
		high, low := bits.Mul64(a/divisor(a, b), b)
		if high != 0 {
			low = 1 << 63 // too large in any case
		}
		return appendMagnitude(c.dst, low, oid)
	}
	return c.appendWhole(func(x, y *big.Int) *big.Int {
		if x.Sign() == 0 || y.Sign() == 0 {
			return new(big.Int)
		}
		return x.Mul(x.Quo(x, new(big.Int).GCD(nil, nil, x, y)), y)
	})
}

// appendWhole computes with two numerics as whole numbers of the last digit that either has.
func (c *call) appendWhole(compute func(x, y *big.Int) *big.Int) ([]byte, error) {
	a, b := canonicalNumber(c.text(0)), canonicalNumber(c.text(1))
	if a.special() || b.special() {
		nan := number{sign: numericNaN}
		return nan.append(c.dst)
	}
	scale := max(a.scale, b.scale)
	x, y := a.unscaled(), b.unscaled()
	x.Abs(x.Mul(x, powerOfTen(scale-a.scale)))
	y.Abs(y.Mul(y, powerOfTen(scale-b.scale)))
	n := numberOf(compute(x, y), scale)
	return n.append(c.dst)
}

func factorial(c *call) ([]byte, error) {
	const most = 32177 // whose factorial has as many digits as a numeric can have
	n := c.int(0)
	switch {
	case n < 0:
		return c.dst, newError(codeNumericOutOfRange, "factorial of a negative number is undefined")
	case n > most:
		return c.dst, numericOverflow()
	}
	product := numberOf(new(big.Int).MulRange(1, n), 0)
	return product.append(c.dst)
}

func scaleOf(c *call) ([]byte, error) {
	n := canonicalNumber(c.text(0))
	if n.special() {
		return nil, nil
	}
	return appendInt(c.dst, int64(n.scale), OIDInt4)
}

func leastScaleOf(c *call) ([]byte, error) {
	n := canonicalNumber(c.text(0))
	if n.special() {
		return nil, nil
	}
	return appendInt(c.dst, int64(n.leastScale()), OIDInt4)
}

func trimScale(c *call) ([]byte, error) {
	n := canonicalNumber(c.text(0))
	if !n.special() {
		n.scale = n.leastScale()
	}
	return n.append(c.dst)
}

// leastScale is how many digits behind the point the number has without zeros at its end.
func (n *number) leastScale() int {
	if len(n.digits) == 0 {
		return 0
	}
	scale := (len(n.digits) - 1 - n.weight) * decimalDigits
	for last := n.digits[len(n.digits)-1]; last%10 == 0; last /= 10 {
		scale--
	}
	return max(scale, 0)
}
