package logical

import (
	"math"
	"math/big"
)

const (
	codeInvalidLog = "2201E"
	// leastDigits is how many the server gives at least, and mostScale how many behind the point
	// at most.
	leastDigits = 16
	mostScale   = 1000
	log10OfE    = 0.434294481903252 // as the server has it
	// mostExponent is where the server finds that e to such a power is too large.
	mostExponent = 6000
)

// tooLong refuses what is computed of more digits than a value has that means something.
func (n *number) tooLong() error {
	if n.special() || n.scale <= mostDigits && n.wholeDigits() <= mostDigits {
		return nil
	}
	return refuse("pgseal does not compute logarithms and powers of so many digits", hintDigits)
}

// logDigits is how large the server takes a logarithm for, as a power of ten, to choose how many
// digits it shows.
func (n *number) logDigits() (int, error) {
	if n.sign != numericPositive || len(n.digits) == 0 {
		return 0, nil
	}
	first := func(digit int16) int { return len(itoa(int(digit))) - 1 }
	near, far := numberOf(big.NewInt(9), 1), numberOf(big.NewInt(11), 1)
	if n.compare(&near) >= 0 && n.compare(&far) <= 0 {
		one := numberOfInt(1)
		x, err := Subtract.number(n, &one)
		if err != nil || len(x.digits) == 0 {
			return 0, err
		}
		return x.weight*decimalDigits + first(x.digits[0]), nil
	}
	digits, weight := float64(n.digits[0]), n.weight*decimalDigits
	if len(n.digits) > 1 {
		digits, weight = digits*numericBase+float64(n.digits[1]), weight-decimalDigits
	}
	return truncated(math.Log10(math.Abs(math.Log(digits) + float64(weight)*math.Ln10)))
}

// truncated cuts what is behind the point of an estimate. It is refused where the estimate of the
// server's C library may have another number before it.
func truncated(estimate float64) (int, error) {
	whole := math.Round(estimate)
	if doubt := 1e-6 * max(1, math.Abs(estimate)); whole != 0 && math.Abs(estimate-whole) < doubt {
		return 0, refuse("pgseal does not know how many digits the server gives here", hintDigits)
	}
	return int(estimate), nil
}

// shownScale is how many digits behind the point a result has of so many before it.
func shownScale(digits int, of ...*number) int {
	scale := max(leastDigits-digits, 0)
	for _, n := range of {
		scale = max(scale, n.scale)
	}
	return min(scale, mostScale)
}

// checkLog is the error for what has no logarithm.
func (n *number) checkLog() error {
	switch {
	case n.negative():
		return newError(codeInvalidLog, "cannot take logarithm of a negative number")
	case n.isZero():
		return newError(codeInvalidLog, "cannot take logarithm of zero")
	}
	return n.tooLong()
}

// logNumber is ln.
func logNumber(c *call) ([]byte, error) {
	n := canonicalNumber(c.text(0))
	if n.special() && n.sign != numericNegInf {
		return n.append(c.dst)
	}
	if err := n.checkLog(); err != nil {
		return c.dst, err
	}
	digits, err := n.logDigits()
	if err != nil {
		return c.dst, err
	}
	scale := shownScale(digits, &n)
	bits := precision(scale)
	return c.real(naturalLog(n.real(bits), bits), scale)
}

// real appends a number that is rounded to a scale.
func (c *call) real(f *big.Float, scale int) ([]byte, error) {
	n, err := rounded(f, scale)
	if err != nil {
		return c.dst, err
	}
	return n.append(c.dst)
}

// logOfBase is log: of a base and a number, or of a number and the base 10.
func logOfBase(c *call) ([]byte, error) {
	base, n := numberOfInt(10), canonicalNumber(c.text(len(c.args)-1))
	if len(c.args) > 1 {
		base = canonicalNumber(c.text(0))
	}
	switch {
	case base.sign == numericNaN || n.sign == numericNaN:
		nan := number{sign: numericNaN}
		return nan.append(c.dst)
	case base.special() || n.special():
		return c.logOfInfinity(&base, &n)
	}
	for _, of := range [...]*number{&base, &n} {
		if err := of.checkLog(); err != nil {
			return c.dst, err
		}
	}
	baseDigits, err := base.logDigits()
	if err != nil {
		return c.dst, err
	}
	digits, err := n.logDigits()
	if err != nil {
		return c.dst, err
	}
	scale := shownScale(digits-baseDigits, &base, &n)
	bits := precision(scale + max(digits, -digits) + 2*max(baseDigits, -baseDigits))
	of := naturalLog(base.real(bits), bits)
	if of.Sign() == 0 {
		return c.dst, divisionByZero()
	}
	log := naturalLog(n.real(bits), bits)
	return c.real(log.Quo(log, of), scale)
}

// logOfInfinity is log where one of the two is infinite.
func (c *call) logOfInfinity(base, n *number) ([]byte, error) {
	result := number{}
	switch {
	case base.negative() || n.negative():
		return c.dst, newError(codeInvalidLog, "cannot take logarithm of a negative number")
	case base.isZero() || n.isZero():
		return c.dst, newError(codeInvalidLog, "cannot take logarithm of zero")
	case base.special() && n.special():
		result.sign = numericNaN
	case n.special():
		result.sign = numericInf
	}
	return result.append(c.dst)
}

// powerOfE is exp.
func powerOfE(c *call) ([]byte, error) {
	n := canonicalNumber(c.text(0))
	if n.sign == numericNegInf {
		n = number{}
		return n.append(c.dst)
	}
	if n.special() {
		return n.append(c.dst)
	}
	if err := n.tooLong(); err != nil {
		return c.dst, err
	}
	estimate := max(min(n.double()*log10OfE, 2*mostScale), -2*mostScale)
	digits, err := truncated(estimate)
	if err != nil && math.Abs(estimate) < 2*mostScale {
		return c.dst, err
	} else if err != nil {
		digits = int(estimate)
	}
	scale := shownScale(digits, &n)
	return c.exponential(&n, scale, func(bits uint) *big.Float { return n.real(bits) })
}

// exponential appends e to the power of something that n is nearly.
func (c *call) exponential(n *number, scale int, exponent func(bits uint) *big.Float) ([]byte, error) {
	switch f := n.double(); {
	case math.Abs(f) >= mostExponent && f > 0:
		return c.dst, newError(codeNumericOutOfRange, "value overflows numeric format")
	case math.Abs(f) >= mostExponent:
		zero := number{scale: scale}
		return zero.append(c.dst)
	default:
		bits := precision(scale + int(math.Abs(f)))
		return c.real(exponential(exponent(bits), bits), scale)
	}
}

// power is the first number to the power of the second.
func power(c *call) ([]byte, error) {
	base, exponent := canonicalNumber(c.text(0)), canonicalNumber(c.text(1))
	if base.special() || exponent.special() {
		n, err := powerOfInfinity(&base, &exponent)
		if err != nil {
			return c.dst, err
		}
		return n.append(c.dst)
	}
	whole := exponent.isWhole()
	switch {
	case base.isZero() && exponent.negative():
		return c.dst, zeroToNegative()
	case base.negative() && !whole:
		return c.dst, negativeToFraction()
	}
	if err := base.tooLong(); err != nil {
		return c.dst, err
	}
	if err := exponent.tooLong(); err != nil {
		return c.dst, err
	}
	if whole {
		if n := exponent.unscaled(); n.Quo(n, powerOfTen(exponent.scale)).IsInt64() && n.Int64() == int64(int32(n.Int64())) {
			return c.wholePower(&base, &exponent, int(n.Int64()))
		}
		return c.dst, refuse("pgseal does not compute powers with so large an exponent", hintDigits)
	}
	if base.isZero() {
		n := number{scale: leastDigits}
		return n.append(c.dst)
	}
	product := func(bits uint) *big.Float {
		bits += precision(max(exponent.wholeDigits(), 0))
		log := naturalLog(base.real(bits), bits)
		return log.Mul(log, exponent.real(bits))
	}
	n, err := roughProduct(&base, &exponent)
	if err != nil {
		return c.dst, err
	}
	const most = 2000 * 3.01 // where the server does not look any further
	if f := n.double(); f < -mostExponent {
		if f > -most-1 {
			return c.dst, refuse("pgseal does not know how many digits the server gives here", hintDigits)
		}
		zero := number{scale: mostScale}
		return zero.append(c.dst)
	} else if f > mostExponent {
		return c.exponential(&n, 0, product)
	}
	digits := int(n.double() * log10OfE)
	return c.exponential(&n, shownScale(digits, &base, &exponent), product)
}

// roughProduct is the exponent times the logarithm of the base with as few digits as the server
// computes it with to find how large a power is.
func roughProduct(base, exponent *number) (number, error) {
	const few = 8
	digits, err := base.logDigits()
	if err != nil {
		return number{}, err
	}
	scale := max(few-digits, 0)
	log, err := rounded(naturalLog(base.real(precision(scale)), precision(scale)), scale)
	if err != nil {
		return number{}, err
	}
	product, err := Multiply.number(&log, exponent)
	product.round(scale)
	return product, err
}

func (n *number) isWhole() bool {
	whole := canonicalCopy(n)
	whole.truncate(0)
	return n.compare(&whole) == 0
}

func zeroToNegative() error {
	return newError(codeInvalidPower, "zero raised to a negative power is undefined")
}

func negativeToFraction() error {
	return newError(codeInvalidPower, "a negative number raised to a non-integer power yields a complex result")
}

// wholePower is a number to the power of a whole one.
func (c *call) wholePower(base, exponent *number, times int) ([]byte, error) {
	const (
		mostResult   = 20 * mostDigits // digits of it before it is rounded
		chosenBySize = 16              // the version from which on the scale depends on the size of the result
	)
	size := max(base.wholeDigits(), -base.wholeDigits(), 1) + base.scale
	if base.isZero() {
		size = 0
	}
	if size*max(times, -times) > mostResult {
		return c.dst, refuse("pgseal does not compute so large a power", hintDigits)
	}
	estimate := 0.0 // digits of the result
	if !base.isZero() {
		estimate = float64(times) * (log10(base.unscaled(), base.wholeDigits()+base.scale) - float64(base.scale))
	}
	digits := 0
	if c.s.major() >= chosenBySize {
		var err error
		if digits = int(estimate); estimate != math.Trunc(estimate) {
			digits, err = truncated(estimate)
		}
		if err != nil {
			return c.dst, err
		}
	}
	scale := shownScale(digits, base)
	if c.s.major() >= chosenBySize {
		scale = shownScale(digits, base, exponent)
	}
	if base.isZero() && times > 0 {
		zero := number{scale: scale}
		return zero.append(c.dst)
	}
	power := new(big.Int).Exp(base.unscaled(), big.NewInt(int64(max(times, -times))), nil)
	exact := numberOf(power, base.scale*max(times, -times))
	if times >= 0 && (times <= 2 || exact.scale <= scale) { // which the server computes exactly
		exact.round(scale)
		exact.scale = scale
		return exact.append(c.dst)
	}
	bits := precision(max(0, int(estimate)) + scale)
	f := exact.real(bits)
	if times < 0 {
		f.Quo(big.NewFloat(1).SetPrec(bits), f)
	}
	return c.real(f, scale)
}

// log10 is the decimal logarithm of a number of about so many digits, which is whole for powers of
// ten. More of them than a double precision can have are counted.
func log10(n *big.Int, digits int) float64 {
	const most = 300
	left := max(digits-most, 0)
	f, _ := new(big.Float).SetInt(n.Quo(n.Abs(n), powerOfTen(left))).Float64()
	log := math.Log10(f)
	if whole := math.Round(log); math.Pow(10, whole) == f {
		log = whole
	}
	return log + float64(left)
}

// powerOfInfinity is power of NaN and infinities, by the rules of POSIX.
func powerOfInfinity(base, exponent *number) (number, error) {
	one, negativeOne := numberOfInt(1), numberOfInt(-1)
	nan, infinite := number{sign: numericNaN}, number{sign: numericInf}
	is := func(n, what *number) bool { return !n.special() && n.compare(what) == 0 }
	switch {
	case base.sign == numericNaN && exponent.isZero(), exponent.sign == numericNaN && is(base, &one):
		return one, nil
	case base.sign == numericNaN || exponent.sign == numericNaN:
		return nan, nil
	case base.isZero() && exponent.negative():
		return nan, zeroToNegative()
	case base.negative() && !exponent.special() && !exponent.isWhole():
		return nan, negativeToFraction()
	case is(base, &one), exponent.isZero(), exponent.special() && is(base, &negativeOne):
		return one, nil
	case base.isZero():
		return number{}, nil
	}
	large := base.special()
	if !large {
		size := canonicalCopy(base)
		size.sign = numericPositive
		large = size.compare(&one) > 0
	}
	switch {
	case exponent.special() && large == exponent.negative(), !exponent.special() && exponent.negative():
		return number{}, nil
	case !exponent.special() && base.negative() && exponent.isOdd():
		return number{sign: numericNegInf}, nil
	}
	return infinite, nil
}

// isOdd says whether a whole number is odd.
func (n *number) isOdd() bool {
	whole := n.unscaled()
	return whole.Quo(whole, powerOfTen(n.scale)).Bit(0) == 1
}

// canonicalCopy is a number of its own.
func canonicalCopy(n *number) number {
	c := *n
	c.digits = append([]int16(nil), n.digits...)
	return c
}

// powerOfFloats is a double precision to the power of another one, where the result is exact:
// elsewhere its last bit is that of the server's C library.
func powerOfFloats(c *call) ([]byte, error) {
	base, exponent := canonicalFloat(c.text(0)), canonicalFloat(c.text(1))
	switch {
	case exponent == 0 || base == 1:
		return appendFloat(c.dst, 1, OIDFloat8), nil
	case math.IsNaN(base) || math.IsNaN(exponent):
		return appendFloat(c.dst, serverNaN, OIDFloat8), nil
	case base == 0 && exponent < 0:
		return c.dst, zeroToNegative()
	case base < 0 && math.Floor(exponent) != exponent:
		return c.dst, negativeToFraction()
	case math.IsInf(base, 0) || math.IsInf(exponent, 0):
		return appendFloat(c.dst, math.Pow(base, exponent), OIDFloat8), nil
	case exponent == 1:
		return appendFloat(c.dst, base, OIDFloat8), nil
	}
	const exactly = 1 << 53
	if base == math.Trunc(base) && exponent == math.Trunc(exponent) && exponent > 0 && (exponent <= 53 || base >= -1 && base <= 1) {
		result := 1.0
		if base == 0 || base == -1 {
			exponent = 2 - math.Mod(exponent, 2)
		}
		for range int(exponent) {
			if result *= base; math.Abs(result) > exactly {
				break
			}
		}
		if math.Abs(result) <= exactly {
			return appendFloat(c.dst, result, OIDFloat8), nil
		}
	}
	return c.dst, refuse("pgseal does not compute a power of double precision whose result is rounded", "Cast the numbers to numeric, or compute in the application.")
}
