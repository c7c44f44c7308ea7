package logical

import (
	"bytes"
	"fmt"
	"math"
	"slices"
)

// IsOrdered says whether an aggregate is one of an ordered set: WITHIN GROUP (ORDER BY …).
func (a Aggregate) IsOrdered() bool { return a >= Between && a <= MostFrequent }

// TakesFraction says whether it has a number between 0 and 1 beside the values.
func (a Aggregate) TakesFraction() bool { return a == Between || a == Reached }

// SetFraction says which of the values it is, as a float8 in canonical form.
func (g *Aggregation) SetFraction(canonical []byte) { g.fraction = canonicalFloat(canonical) }

// checkFraction is done when all values have been read, as by PostgreSQL.
func (g *Aggregation) checkFraction() error {
	if !g.of.TakesFraction() || g.fraction >= 0 && g.fraction <= 1 {
		return nil
	}
	shown := fmt.Sprintf("%.6g", g.fraction)
	if math.IsInf(g.fraction, 0) {
		shown = printedFloat(g.fraction, 0)
	}
	return newError(codeNumericOutOfRange, "percentile value "+shown+" is not between 0 and 1")
}

// keep keeps a value to be sorted.
func (g *Aggregation) keep(v Value, s *Settings) error {
	if err := g.texts.Check(v); err != nil {
		return err
	}
	data := v.Data
	if g.of == Between {
		var err error
		if data, err = v.as(OIDFloat8, s); err != nil {
			return err
		}
	}
	g.list = append(g.list, slices.Clone(data))
	return nil
}

// sort sorts what has been kept, as values of a type.
func (g *Aggregation) sort(oid uint32) {
	slices.SortFunc(g.list, func(a, b []byte) int {
		if g.descending {
			a, b = b, a
		}
		return SortOrder(Value{Data: a, Binary: true, OID: oid}, Value{Data: b, Binary: true, OID: oid}, g.texts)
	})
}

// appendOrdered appends the value that an ordered-set aggregate comes to.
func (g *Aggregation) appendOrdered(dst []byte) []byte {
	switch n := len(g.list); g.of {
	case Between:
		g.sort(OIDFloat8)
		place := g.fraction * float64(n-1)
		low, high := canonicalFloat(g.list[int(math.Floor(place))]), canonicalFloat(g.list[int(math.Ceil(place))])
		if math.Floor(place) == math.Ceil(place) {
			return appendFloat8(dst, low)
		}
		return appendFloat8(dst, low+float64((place-math.Floor(place))*(high-low)))
	case Reached:
		g.sort(g.oid)
		return append(dst, g.list[max(int(math.Ceil(g.fraction*float64(n))), 1)-1]...)
	}
	g.sort(g.oid)
	var most []byte
	for count, i := 0, 0; i < len(g.list); {
		end := i + 1
		for end < len(g.list) && bytes.Equal(g.list[i], g.list[end]) {
			end++
		}
		if end-i > count {
			most, count = g.list[i], end-i
		}
		i = end
	}
	return append(dst, most...)
}
