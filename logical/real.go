package logical

import (
	"math"
	"math/big"
	"strconv"
)

// Logarithms and exponentials of numerics. The server rounds what it computes with some eight
// digits more than it shows; here it is computed with many more, and refused where eight might
// round otherwise.

const (
	guardDigits = 30   // computed beyond those that are shown
	mostDigits  = 1000 // of what a logarithm or a power is computed of
	bitsOfDigit = 3.33
	hintDigits  = "Round the value, or compute in the application."
)

// precision is that of numbers with so many decimal digits.
func precision(digits int) uint { return uint(float64(digits+guardDigits)*bitsOfDigit) + 64 }

// real is a number with so many bits.
func (n *number) real(bits uint) *big.Float {
	f := new(big.Float).SetPrec(bits).SetInt(n.unscaled())
	return f.Quo(f, new(big.Float).SetPrec(bits).SetInt(powerOfTen(n.scale)))
}

// double is the number as the server makes a double precision of it.
func (n *number) double() float64 {
	f, _ := strconv.ParseFloat(string(n.appendText(nil)), 64)
	return f
}

// rounded is a number with a scale that is not known exactly. It is refused just between two.
func rounded(f *big.Float, scale int) (number, error) {
	const doubt = 1e-5 // of the last digit
	shifted := new(big.Float).SetPrec(f.Prec()).SetInt(powerOfTen(scale))
	shifted.Mul(shifted, f)
	whole, _ := shifted.Int(nil)
	rest, _ := shifted.Sub(shifted, new(big.Float).SetPrec(f.Prec()).SetInt(whole)).Float64()
	switch rest = math.Abs(rest); {
	case math.Abs(rest-0.5) < doubt:
		return number{}, refuse("pgseal does not know the last digit that the server gives here", hintDigits)
	case rest > 0.5:
		whole.Add(whole, big.NewInt(int64(f.Sign())))
	}
	return numberOf(whole, scale), nil
}

// series is z + z^3/3 + z^5/5 …, which is half of ln((1+z)/(1-z)).
func series(z *big.Float, bits uint) *big.Float {
	sum, power := new(big.Float).SetPrec(bits).Set(z), new(big.Float).SetPrec(bits).Set(z)
	square, term := new(big.Float).SetPrec(bits).Mul(z, z), new(big.Float).SetPrec(bits)
	for i := int64(3); sum.Sign() != 0; i += 2 {
		power.Mul(power, square)
		if term.Quo(power, new(big.Float).SetInt64(i)); term.Sign() == 0 || term.MantExp(nil) < sum.MantExp(nil)-int(bits) {
			break
		}
		sum.Add(sum, term)
	}
	return sum
}

// naturalLog is the logarithm of a positive number.
func naturalLog(x *big.Float, bits uint) *big.Float {
	one, half := new(big.Float).SetPrec(bits).SetInt64(1), 0
	if e := x.MantExp(nil); e > 1 || e < -1 { // not close to 1
		half = e
	}
	x = new(big.Float).SetPrec(bits).SetMantExp(x, -half)
	const roots = 6 // after which the series is short
	for range roots {
		x.Sqrt(x)
	}
	z := new(big.Float).SetPrec(bits).Sub(x, one)
	z.Quo(z, x.Add(x, one))
	log := series(z, bits)
	log.SetMantExp(log, roots+1)
	if half == 0 {
		return log
	}
	two := logOfTwo(bits)
	return log.Add(log, two.Mul(two, new(big.Float).SetInt64(int64(half))))
}

func logOfTwo(bits uint) *big.Float {
	third := new(big.Float).SetPrec(bits).Quo(big.NewFloat(1).SetPrec(bits), big.NewFloat(3))
	log := series(third, bits)
	return log.SetMantExp(log, 1)
}

// exponential is e to the power of x.
func exponential(x *big.Float, bits uint) *big.Float {
	two := logOfTwo(bits)
	times, _ := new(big.Float).Quo(x, two).Int64()
	x = new(big.Float).SetPrec(bits).Sub(x, two.Mul(two, new(big.Float).SetInt64(times)))
	const squares = 8
	x.SetMantExp(x, -squares)
	sum, term := new(big.Float).SetPrec(bits).SetInt64(1), new(big.Float).SetPrec(bits).SetInt64(1)
	for i := int64(1); ; i++ {
		term.Mul(term, x)
		if term.Quo(term, new(big.Float).SetInt64(i)); term.Sign() == 0 || term.MantExp(nil) < -int(bits) {
			break
		}
		sum.Add(sum, term)
	}
	for range squares {
		sum.Mul(sum, sum)
	}
	return sum.SetMantExp(sum, int(times))
}
