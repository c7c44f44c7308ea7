package logical

import (
	"math"
	"math/big"
)

// appendVariance is Append for variances and standard deviations of one value or more.
func (g *Aggregation) appendVariance(dst []byte) ([]byte, error) {
	ofSample := g.of == SampleVariance || g.of == SampleDeviation
	if ofSample && g.count == 1 {
		return nil, nil
	}
	of := g.count // what the squares are divided by
	if ofSample {
		of--
	}
	root := g.of == SampleDeviation || g.of == PopulationDeviation
	if familyOf(g.oid) == familyFloat {
		v := g.squares / float64(of)
		if root {
			v = math.Sqrt(v)
		}
		return appendFloat8(dst, v), nil
	}
	n, err := g.variance(of)
	if err != nil {
		return dst, err
	}
	if root && !n.special() {
		n = n.root(n.scale)
	}
	return n.append(dst)
}

// variance is that of numbers, with as many digits as the server gives a quotient: the sum of
// their squares less the square of their sum, both times what they are divided by.
func (g *Aggregation) variance(of int64) (number, error) {
	if g.nan || g.above || g.below {
		return number{sign: numericNaN}, nil
	}
	count := big.NewInt(g.count)
	squares := new(big.Int).Mul(&g.exactSquares, count)
	squares.Sub(squares, new(big.Int).Mul(&g.exact, &g.exact))
	if squares.Sign() == 0 {
		return number{}, nil
	}
	dividend, divisor := numberOf(squares, 2*g.scale), numberOf(count.Mul(count, big.NewInt(of)), 0)
	return Divide.number(&dividend, &divisor)
}
