package logical

import (
	"math"
	"math/big"
)

func bucketError(message string) error { return newError(codeBucket, message) }

func refuseBucket() error {
	return refuse("pgseal does not find the bucket of a value at the edge of one", "Compute the bucket in the application.")
}

// buckets are those of width_bucket: how many there are between two bounds, of which the
// first may be the higher one.
type buckets struct {
	count          int64
	nan, infinite  bool // one of the three numbers is, one of the bounds is
	bounds         int  // the first compared with the second
	below, atOrEnd bool // the value stands in front of the first bound, at or behind the second
}

// find gives the bucket of a value, computed by inside if it is between the bounds.
func (b *buckets) find(dst []byte, inside func() (int64, error)) ([]byte, error) {
	switch {
	case b.count <= 0:
		return dst, bucketError("count must be greater than zero")
	case b.nan:
		return dst, bucketError("operand, lower bound, and upper bound cannot be NaN")
	case b.infinite:
		return dst, bucketError("lower and upper bounds must be finite")
	case b.bounds == 0:
		return dst, bucketError("lower bound cannot equal upper bound")
	case b.below:
		return appendInt(dst, 0, OIDInt4)
	case b.atOrEnd:
		return appendInt(dst, b.count+1, OIDInt4)
	}
	n, err := inside()
	if err != nil {
		return dst, err
	}
	return appendInt(dst, n+1, OIDInt4)
}

// bucketOfNumber is width_bucket of numerics. Versions of the server round differently
// before they cut, so that what this decides on is refused.
func bucketOfNumber(c *call) ([]byte, error) {
	v, first, second := canonicalNumber(c.text(0)), canonicalNumber(c.text(1)), canonicalNumber(c.text(2))
	b := buckets{
		count:    c.int(3),
		nan:      v.sign == numericNaN || first.sign == numericNaN || second.sign == numericNaN,
		infinite: first.special() || second.special(),
		bounds:   first.compare(&second),
	}
	b.below = v.compare(&first)*b.bounds > 0
	b.atOrEnd = v.compare(&second)*b.bounds <= 0
	return b.find(c.dst, func() (int64, error) {
		from, err := Subtract.number(&v, &first)
		if err != nil {
			return 0, err
		}
		width, err := Subtract.number(&second, &first)
		if err != nil {
			return 0, err
		}
		count := numberOfInt(b.count)
		times, err := Multiply.number(&from, &count)
		if err != nil {
			return 0, err
		}
		rounded, err := Divide.number(&times, &width)
		if err != nil {
			return 0, err
		}
		scale := max(times.scale, width.scale)
		x, y := times.unscaled(), width.unscaled()
		x.Mul(x, powerOfTen(scale-times.scale))
		y.Mul(y, powerOfTen(scale-width.scale))
		exact := new(big.Int).Quo(x, y)
		rounded.truncate(0)
		if cut := rounded.unscaled(); cut.Cmp(exact) != 0 {
			return 0, refuseBucket()
		}
		return exact.Int64(), nil
	})
}

// bucketOfFloat is width_bucket of double precisions. Versions of the server compute in
// different orders, so that what this decides on is refused.
func bucketOfFloat(c *call) ([]byte, error) {
	v, first, second := canonicalFloat(c.text(0)), canonicalFloat(c.text(1)), canonicalFloat(c.text(2))
	b := buckets{
		count:    c.int(3),
		nan:      math.IsNaN(v) || math.IsNaN(first) || math.IsNaN(second),
		infinite: math.IsInf(first, 0) || math.IsInf(second, 0),
	}
	switch {
	case first < second:
		b.bounds, b.below, b.atOrEnd = -1, v < first, v >= second
	case first > second:
		b.bounds, b.below, b.atOrEnd = 1, v > first, v <= second
		v, first, second = -v, -first, -second // of which all differences are the same
	}
	return b.find(c.dst, func() (int64, error) {
		count, from, width := float64(b.count), v-first, second-first
		before, later := float64(count*from)/width, count*float64(from/width)
		bucket := math.Floor(later)
		if math.IsInf(width, 0) || math.IsInf(count*from, 0) || math.Floor(float64(before+1)) != bucket+1 || bucket >= count {
			return 0, refuseBucket()
		}
		return int64(bucket), nil
	})
}
