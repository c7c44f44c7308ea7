package logical

import "math"

// OfPairs says whether an aggregate is one of pairs of numbers, as corr is.
func (a Aggregate) OfPairs() bool { return a >= Correlation && a <= PairSquaresY }

// AddPair takes one more pair, of which neither is NULL: float8_regr_accum of PostgreSQL, in which
// the first of them is called y. Products are rounded before they are added.
func (g *Aggregation) AddPair(first, second Value, s *Settings) error {
	a, err := first.as(OIDFloat8, s)
	if err != nil {
		return err
	}
	b, err := second.as(OIDFloat8, s)
	if err != nil {
		return err
	}
	y, x := canonicalFloat(a), canonicalFloat(b)
	beforeX, beforeY := g.sumX, g.sum
	if g.count++; g.of == PairCount {
		return nil
	}
	g.sumX += x
	g.sum += y
	endless := func(f float64) bool { return math.IsNaN(f) || math.IsInf(f, 0) }
	if g.count == 1 {
		if endless(x) {
			g.squaresX, g.products = serverNaN, serverNaN
		}
		if endless(y) {
			g.squares, g.products = serverNaN, serverNaN
		}
		return nil
	}
	n := float64(g.count)
	awayX, awayY, scale := float64(x*n)-g.sumX, float64(y*n)-g.sum, 1/float64(n*(n-1))
	g.squaresX += float64(float64(awayX*awayX) * scale)
	g.squares += float64(float64(awayY*awayY) * scale)
	g.products += float64(float64(awayX*awayY) * scale)
	infinite := func(f float64) bool { return math.IsInf(f, 0) }
	ofX, ofY := infinite(beforeX) || infinite(x), infinite(beforeY) || infinite(y)
	if (infinite(g.sumX) || infinite(g.squaresX)) && !ofX || (infinite(g.sum) || infinite(g.squares)) && !ofY || infinite(g.products) && !ofX && !ofY {
		return newError(codeNumericOutOfRange, "value out of range: overflow")
	}
	for _, f := range [...]*float64{&g.squaresX, &g.squares, &g.products} {
		if infinite(*f) {
			*f = serverNaN
		}
	}
	return nil
}

// appendPairs is Append for pairs, of which there is one or more.
func (g *Aggregation) appendPairs(dst []byte) []byte {
	n, level, upright := float64(g.count), g.squares == 0, g.squaresX == 0
	var f float64
	switch g.of {
	case Correlation:
		if level || upright {
			return nil
		}
		f = g.products / math.Sqrt(float64(g.squaresX*g.squares))
	case PopulationCovariance:
		f = g.products / n
	case SampleCovariance:
		if g.count < 2 {
			return nil
		}
		f = g.products / (n - 1)
	case PairAverageX:
		f = g.sumX / n
	case PairAverageY:
		f = g.sum / n
	case Determination:
		if f = 1; upright {
			return nil
		} else if !level {
			f = float64(g.products*g.products) / float64(g.squaresX*g.squares)
		}
	case Slope, Intercept:
		if upright {
			return nil
		}
		if f = g.products / g.squaresX; g.of == Intercept {
			f = (g.sum - float64(g.sumX*g.products)/g.squaresX) / n
		}
	case PairSquaresX:
		f = g.squaresX
	case PairProducts:
		f = g.products
	case PairSquaresY:
		f = g.squares
	}
	return appendFloat8(dst, f)
}
