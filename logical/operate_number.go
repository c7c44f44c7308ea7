package logical

import "math/big"

// number computes with numerics as the server does, with as many digits behind the
// point.
func (o Operator) number(a, b *number) (number, error) {
	if o == Modulo {
		return restOf(a, b)
	}
	if a.special() || b.special() {
		return o.special(a, b)
	}
	x, y := a.unscaled(), b.unscaled()
	switch o {
	case Multiply:
		n := numberOf(x.Mul(x, y), a.scale+b.scale)
		if n.scale > numericScaleMax {
			n.round(numericScaleMax)
		}
		return n, nil
	case Divide:
		if y.Sign() == 0 {
			return number{}, divisionByZero()
		}
		scale := a.divisionScale(b)
		return numberOf(quotient(x, y, scale+b.scale-a.scale), scale), nil
	}
	scale := max(a.scale, b.scale)
	x.Mul(x, powerOfTen(scale-a.scale))
	y.Mul(y, powerOfTen(scale-b.scale))
	if o == Subtract {
		y.Neg(y)
	}
	return numberOf(x.Add(x, y), scale), nil
}

// quotient is x / y times a power of ten, rounded half away from zero.
func quotient(x, y *big.Int, power int) *big.Int {
	if power >= 0 {
		x.Mul(x, powerOfTen(power))
	} else {
		y.Mul(y, powerOfTen(-power))
	}
	negative := x.Sign()*y.Sign() < 0
	x.Abs(x)
	y.Abs(y)
	rest := new(big.Int)
	x.QuoRem(x, y, rest)
	if rest.Lsh(rest, 1).Cmp(y) >= 0 {
		x.Add(x, big.NewInt(1))
	}
	if negative {
		x.Neg(x)
	}
	return x
}

// Digits of a quotient, as the server chooses them: at least this many significant
// ones, and at most this many behind the point.
const (
	quotientDigits   = 16
	quotientScaleMax = 1000
)

// divisionScale is how many digits behind the point a / b has.
func (n *number) divisionScale(by *number) int {
	first := func(n *number) (weight int, digit int16) {
		if len(n.digits) == 0 {
			return 0, 0
		}
		return n.weight, n.digits[0]
	}
	weight, digit := first(n)
	byWeight, byDigit := first(by)
	of := weight - byWeight
	if digit <= byDigit {
		of--
	}
	scale := max(quotientDigits-of*decimalDigits, n.scale, by.scale, 0)
	return min(scale, quotientScaleMax)
}

// special computes with NaN and infinities.
func (o Operator) special(a, b *number) (number, error) {
	nan := number{sign: numericNaN}
	if a.sign == numericNaN || b.sign == numericNaN {
		return nan, nil
	}
	infinity := func(negative bool) number {
		if negative {
			return number{sign: numericNegInf}
		}
		return number{sign: numericInf}
	}
	negative := a.negative() != b.negative()
	switch o {
	case Add, Subtract:
		if !a.special() {
			return infinity(b.negative() != (o == Subtract)), nil
		}
		if b.special() && negative != (o == Subtract) {
			return nan, nil
		}
		return infinity(a.negative()), nil
	case Multiply:
		if a.isZero() || b.isZero() {
			return nan, nil
		}
		return infinity(negative), nil
	}
	switch {
	case a.special() && b.special():
		return nan, nil
	case b.special():
		return number{}, nil
	case b.isZero():
		return number{}, divisionByZero()
	}
	return infinity(negative), nil
}

func (n *number) negative() bool { return n.sign == numericNegative || n.sign == numericNegInf }

func (n *number) isZero() bool { return !n.special() && len(n.digits) == 0 }

// unscaled is the number times ten to the power of its scale.
func (n *number) unscaled() *big.Int {
	v := new(big.Int)
	if len(n.digits) == 0 {
		return v
	}
	base := big.NewInt(numericBase)
	for _, d := range n.digits {
		v.Mul(v, base)
		v.Add(v, big.NewInt(int64(d)))
	}
	// What stands in v is the number times 10000 to the power of the digits behind
	// the point.
	if behind := (len(n.digits) - 1 - n.weight) * decimalDigits; behind > n.scale {
		v.Quo(v, powerOfTen(behind-n.scale))
	} else {
		v.Mul(v, powerOfTen(n.scale-behind))
	}
	if n.sign == numericNegative {
		v.Neg(v)
	}
	return v
}

// numberOf is the reverse of unscaled.
func numberOf(v *big.Int, scale int) number {
	n := number{scale: scale}
	if v.Sign() < 0 {
		n.sign = numericNegative
	}
	digits := new(big.Int).Abs(v).Append(nil, 10)
	n.pack(digits, len(digits)-scale, len(digits))
	return n
}

func powerOfTen(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }
