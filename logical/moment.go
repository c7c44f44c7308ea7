package logical

import (
	"math"
	"strconv"
)

// AppendMoment appends the canonical timestamptz that to_timestamp makes of seconds since
// 1970, a canonical float8.
func AppendMoment(dst, seconds []byte) ([]byte, error) {
	const (
		secondsPerDay = 24 * 60 * 60
		firstDay      = -2440588              // of a timestamp, since 1970
		endDay        = 109203528 - 2440588   // behind its last
		epoch         = 10957 * secondsPerDay // 2000-01-01
	)
	f := canonicalFloat(seconds)
	switch {
	case math.IsNaN(f):
		return dst, newError(codeDatetimeOverflow, "timestamp cannot be NaN")
	case math.IsInf(f, -1):
		return appendInstant(dst, instantMinusInfinity), nil
	case math.IsInf(f, 1):
		return appendInstant(dst, instantInfinity), nil
	}
	if f >= firstDay*secondsPerDay && f < endDay*secondsPerDay {
		if t := int64(math.RoundToEven((f - epoch) * microsPerSecond)); validInstant(t) {
			return appendInstant(dst, t), nil
		}
	}
	return dst, newError(codeDatetimeOverflow, `timestamp out of range: "`+strconv.FormatFloat(f, 'g', 6, 64)+`"`)
}
