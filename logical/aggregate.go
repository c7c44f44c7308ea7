package logical

import (
	"encoding/binary"
	"math"
	"math/big"
	"slices"
)

// Aggregate is an aggregate function of PostgreSQL's over values of any number of rows.
type Aggregate uint8

const (
	Sum Aggregate = iota
	Average
	Maximum
	Minimum
	All    // bool_and, every
	Some   // bool_or
	Joined // string_agg, of a text and what stands between two
	Count
	SampleVariance      // var_samp, variance
	PopulationVariance  // var_pop
	SampleDeviation     // stddev_samp, stddev
	PopulationDeviation // stddev_pop
	AllBits             // bit_and
	SomeBits            // bit_or
	OddBits             // bit_xor
	Between             // percentile_cont, of values and a fraction
	Reached             // percentile_disc
	MostFrequent        // mode
	Correlation         // corr, and what follows, of two values
	PopulationCovariance
	SampleCovariance
	PairAverageX
	PairAverageY
	PairCount
	Intercept
	Determination
	Slope
	PairSquaresX
	PairProducts
	PairSquaresY
	Gathered // array_agg, of groups that pgseal makes; not by name
)

// aggregates are the names of all of them.
var aggregates = map[string]Aggregate{
	"sum": Sum, "avg": Average, "max": Maximum, "min": Minimum, "bool_and": All, "every": All, "bool_or": Some, "string_agg": Joined, "count": Count,
	"variance": SampleVariance, "var_samp": SampleVariance, "var_pop": PopulationVariance,
	"stddev": SampleDeviation, "stddev_samp": SampleDeviation, "stddev_pop": PopulationDeviation,
	"bit_and": AllBits, "bit_or": SomeBits, "bit_xor": OddBits,
	"percentile_cont": Between, "percentile_disc": Reached, "mode": MostFrequent,
	"corr": Correlation, "covar_pop": PopulationCovariance, "covar_samp": SampleCovariance, "regr_avgx": PairAverageX, "regr_avgy": PairAverageY, "regr_count": PairCount,
	"regr_intercept": Intercept, "regr_r2": Determination, "regr_slope": Slope, "regr_sxx": PairSquaresX, "regr_sxy": PairProducts, "regr_syy": PairSquaresY,
}

// AggregateNamed is the one of a name.
func AggregateNamed(name string) (a Aggregate, ok bool) {
	a, ok = aggregates[name]
	return a, ok
}

// String is its name.
func (a Aggregate) String() string {
	return [...]string{"sum", "avg", "max", "min", "bool_and", "bool_or", "string_agg", "count", "var_samp", "var_pop", "stddev_samp", "stddev_pop", "bit_and", "bit_or", "bit_xor", "percentile_cont", "percentile_disc", "mode",
		"corr", "covar_pop", "covar_samp", "regr_avgx", "regr_avgy", "regr_count", "regr_intercept", "regr_r2", "regr_slope", "regr_sxx", "regr_sxy", "regr_syy", "array_agg"}[a]
}

// isVariance says whether it is computed of how far the values are apart.
func (a Aggregate) isVariance() bool { return a >= SampleVariance && a <= PopulationDeviation }

// Result is the type of what an aggregate gives of values of a type, 0 for one that it is
// not computed of.
func (a Aggregate) Result(oid uint32) uint32 {
	f := familyOf(oid)
	switch {
	case !a.OfPairs():
	case !f.isNumber():
		return 0
	case a == PairCount:
		return OIDInt8
	default:
		return OIDFloat8
	}
	switch a {
	case Gathered:
		if slices.Contains(arrayElements, oid) {
			return arrayOIDs[oid]
		}
	case Count:
		return OIDInt8
	case Maximum, Minimum:
		switch {
		case Orders(oid) || oid == OIDText || oid == OIDBpchar || oid == OIDTime || oid == OIDInterval || oid == OIDOid || oid == OIDInet:
			return oid
		case oid == OIDVarchar:
			return OIDText
		}
	case Between:
		if f.isNumber() {
			return OIDFloat8
		}
	case Reached, MostFrequent: // of which values that are equal are the same
		if f == familyInt || f == familyNumeric || f == familyDay || isPlainText(oid) || oid == OIDBool || oid == OIDUUID {
			return oid
		}
	case All, Some:
		if oid == OIDBool {
			return oid
		}
	case Joined:
		if isPlainText(oid) {
			return OIDText
		}
	case AllBits, SomeBits, OddBits:
		if f == familyInt {
			return oid
		}
	case Average, SampleVariance, PopulationVariance, SampleDeviation, PopulationDeviation:
		switch {
		case oid == OIDInterval && a == Average:
			return oid
		case f == familyFloat:
			return OIDFloat8
		case f.isNumber():
			return OIDNumeric
		}
	case Sum:
		switch {
		case oid == OIDInt2 || oid == OIDInt4:
			return OIDInt8
		case oid == OIDInt8:
			return OIDNumeric
		case f.isNumber() || oid == OIDInterval:
			return oid
		}
	}
	return 0
}

// serverNaN is the NaN that PostgreSQL makes. Go's own has another bit set.
var serverNaN = math.Float64frombits(0x7FF8_0000_0000_0000)

// Aggregation is an aggregate in the making.
type Aggregation struct {
	of    Aggregate
	oid   uint32 // of the values
	count int64  // of them
	seen  map[string]struct{}
	texts *TextOrder

	value []byte // the greatest one, or the text so far, or the sum of floats and intervals
	// list are the values that are sorted before something is made of them, from the last one on
	// if descending: by an ordered-set aggregate, and the texts that string_agg(DISTINCT …) joins.
	list       [][]byte
	between    []byte
	fraction   float64
	descending bool
	null       bool // there has been one, see AddNull
	sorts      bool // the texts that are joined
	truth      bool
	whole      int64   // sum of integers of at most four bytes, or bits
	exact      big.Int // sum of others, with so many digits behind the point
	scale      int
	// exactSquares is the sum of their squares, with twice as many, for a variance.
	exactSquares big.Int
	nan          bool
	above        bool // infinity is among them
	below        bool
	// sum and squares of floats, as the server computes them for an average and a variance:
	// squares is that of how far each is from the average.
	sum, squares float64
	// Of the second value of pairs, and the products of both distances.
	sumX, squaresX, products float64
}

// Begin begins one of values of a type, whose texts have an order; distinct: each value
// counts once. What is sorted is sorted from the last one on if descending.
func (a Aggregate) Begin(oid uint32, distinct, descending bool, texts *TextOrder) *Aggregation {
	g := &Aggregation{of: a, oid: oid, texts: texts, truth: a == All, descending: descending, sorts: distinct && a == Joined}
	if distinct {
		g.seen = map[string]struct{}{}
	}
	return g
}

// SortTexts has string_agg sort the texts that it joins.
func (g *Aggregation) SortTexts() { g.sorts = true }

// Add takes one more value that is not NULL, in canonical form. between is what stands in
// front of a text behind others. The settings have UTF8 as the client's encoding.
func (g *Aggregation) Add(v Value, between []byte, s *Settings) (err error) {
	if g.seen != nil {
		key := v.Data
		if t := (Type{OID: g.oid, Typmod: -1}); t.HasEquality() {
			if key, err = t.AppendEquality(nil, v.Data); err != nil {
				return err
			}
		}
		if _, ok := g.seen[string(key)]; ok {
			return nil
		}
		g.seen[string(key)] = struct{}{}
	}
	g.count++
	switch g.of {
	case Gathered:
		g.list = append(g.list, slices.Clone(v.Data))
	case All:
		g.truth = g.truth && v.Data[0] == 1
	case Some:
		g.truth = g.truth || v.Data[0] == 1
	case Joined:
		if !g.sorts {
			return g.join(v.Data, between)
		}
		g.list, g.between = append(g.list, slices.Clone(v.Data)), append(g.between[:0], between...)
		return g.texts.Check(v)
	case Between, Reached, MostFrequent:
		return g.keep(v, s)
	case Maximum, Minimum:
		if err := g.texts.Check(v); err != nil {
			return err
		}
		if g.count == 1 || !g.exceeds(v) {
			g.value = append(g.value[:0], v.Data...)
		}
	case AllBits, SomeBits, OddBits:
		g.addBits(canonicalInt(v.Data))
	case Sum, Average, SampleVariance, PopulationVariance, SampleDeviation, PopulationDeviation:
		return g.add(v, s)
	}
	return nil
}

// join puts a text behind others.
func (g *Aggregation) join(text, between []byte) error {
	if g.value == nil {
		g.value = []byte{}
	} else {
		g.value = append(g.value, between...)
	}
	if g.value = append(g.value, text...); len(g.value) > maxText {
		return newError(codeProgramLimit, "out of memory")
	}
	return nil
}

// joinSorted joins the texts of the list.
func (g *Aggregation) joinSorted() error {
	g.sort(OIDText)
	for _, text := range g.list {
		if err := g.join(text, g.between); err != nil {
			return err
		}
	}
	return nil
}

func (g *Aggregation) addBits(v int64) {
	switch {
	case g.count == 1:
		g.whole = v
	case g.of == AllBits:
		g.whole &= v
	case g.of == SomeBits:
		g.whole |= v
	default:
		g.whole ^= v
	}
}

// exceeds says whether what is there stays beside a value: of two that are equal
// PostgreSQL keeps the later one, but of char(n), which can differ in blanks.
func (g *Aggregation) exceeds(v Value) bool {
	order := SortOrder(Value{Data: g.value, OID: g.oid}, v, g.texts)
	if order == 0 {
		return g.oid == OIDBpchar
	}
	return g.of == Maximum && order > 0 || g.of == Minimum && order < 0
}

// maxText is the size of a text from which on the server has no room for it, in bytes.
const maxText = 1<<30 - 1

// add is Add for Sum, Average and variances.
func (g *Aggregation) add(v Value, s *Settings) (err error) {
	switch f := familyOf(g.oid); {
	case f == familyFloat && g.of != Sum:
		return g.addFloat(canonicalFloat(v.Data))
	case f == familyFloat || g.oid == OIDInterval:
		if g.count == 1 {
			g.value = append(g.value[:0], v.Data...)
			return nil
		}
		left := Value{Data: slices.Clone(g.value), Binary: true, OID: g.oid}
		g.value, err = Add.Append(g.value[:0], left, v, s)
		return err
	case (g.oid == OIDInt2 || g.oid == OIDInt4) && !g.of.isVariance():
		g.whole += canonicalInt(v.Data)
	case f == familyInt:
		g.addExact(big.NewInt(canonicalInt(v.Data)), 0)
	default:
		g.addNumber(canonicalNumber(v.Data))
	}
	return nil
}

func (g *Aggregation) addNumber(n number) {
	switch n.sign {
	case numericNaN:
		g.nan = true
		return
	case numericInf:
		g.above = true
		return
	case numericNegInf:
		g.below = true
		return
	}
	g.addExact(n.unscaled(), n.scale)
}

// addExact adds x, which has so many digits behind the point, and changes it.
func (g *Aggregation) addExact(x *big.Int, scale int) {
	if scale > g.scale {
		more := powerOfTen(scale - g.scale)
		g.exact.Mul(&g.exact, more)
		g.exactSquares.Mul(&g.exactSquares, more.Mul(more, more))
		g.scale = scale
	} else if scale < g.scale {
		x.Mul(x, powerOfTen(g.scale-scale))
	}
	g.exact.Add(&g.exact, x)
	if g.of.isVariance() {
		g.exactSquares.Add(&g.exactSquares, x.Mul(x, x))
	}
}

// addFloat is float8_accum of PostgreSQL, which fails where the sum of the squares, which
// an average does not need, does not fit. Products are rounded before they are added, which
// Go leaves open on some machines.
func (g *Aggregation) addFloat(v float64) error {
	before := g.sum
	g.sum += v
	if g.count == 1 {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			g.squares = serverNaN
		}
		return nil
	}
	n := float64(g.count)
	difference := float64(v*n) - g.sum
	g.squares += float64(difference*difference) / float64(n*(n-1))
	if math.IsInf(g.sum, 0) || math.IsInf(g.squares, 0) {
		if !math.IsInf(before, 0) && !math.IsInf(v, 0) {
			return newError(codeNumericOutOfRange, "value out of range: overflow")
		}
		g.squares = serverNaN
	}
	return nil
}

// Append appends what has been computed in canonical form, of the type that Result says;
// nil for NULL.
func (g *Aggregation) Append(dst []byte, s *Settings) ([]byte, error) {
	if err := g.checkFraction(); err != nil {
		return dst, err
	}
	switch {
	case g.of == Count, g.of == PairCount:
		return binary.BigEndian.AppendUint64(dst, uint64(g.count)), nil
	case g.of == Gathered:
		return g.appendArray(dst), nil
	case g.count == 0:
		return nil, nil
	case g.of.OfPairs():
		return g.appendPairs(dst), nil
	case g.of == Joined && g.sorts:
		if err := g.joinSorted(); err != nil {
			return dst, err
		}
		return append(dst, g.value...), nil
	case g.of == All || g.of == Some:
		return append(dst, byte(btoi(g.truth))), nil
	case g.of == AllBits || g.of == SomeBits || g.of == OddBits:
		return appendInt(dst, g.whole, g.oid)
	case g.of.isVariance():
		return g.appendVariance(dst)
	case g.of.IsOrdered():
		return g.appendOrdered(dst), nil
	case g.of == Average && g.oid == OIDInterval:
		v := canonicalInterval(g.value)
		var err error
		if !v.isInfinite(s.major()) {
			v, err = v.dividedBy(float64(g.count))
		}
		return v.append(dst), err
	case g.of == Average && familyOf(g.oid) == familyFloat:
		return appendFloat8(dst, g.sum/float64(g.count)), nil
	case g.of != Average && g.of != Sum || familyOf(g.oid) == familyFloat || g.oid == OIDInterval:
		return append(dst, g.value...), nil
	case g.of == Sum && g.oid != OIDInt8 && g.oid != OIDNumeric:
		return binary.BigEndian.AppendUint64(dst, uint64(g.whole)), nil
	}
	n := g.number()
	if g.of == Average {
		count := numberOf(big.NewInt(g.count), 0)
		var err error
		if n, err = Divide.number(&n, &count); err != nil {
			return dst, err
		}
	}
	return n.append(dst)
}

// number is the sum of numbers.
func (g *Aggregation) number() number {
	switch {
	case g.nan || g.above && g.below:
		return number{sign: numericNaN}
	case g.above:
		return number{sign: numericInf}
	case g.below:
		return number{sign: numericNegInf}
	case g.oid == OIDInt2 || g.oid == OIDInt4:
		return numberOf(big.NewInt(g.whole), 0)
	}
	return numberOf(new(big.Int).Set(&g.exact), g.scale)
}
