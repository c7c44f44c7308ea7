package logical

import (
	"cmp"
	"encoding/binary"
	"slices"
)

// Flags of a range, as it is sent.
const (
	rangeEmpty    = 0x01
	rangeLowerInc = 0x02
	rangeUpperInc = 0x04
	rangeLowerInf = 0x08
	rangeUpperInf = 0x10
	rangeKnown    = rangeEmpty | rangeLowerInc | rangeUpperInc | rangeLowerInf | rangeUpperInf
)

// rangeOf is the type of ranges of a type.
type rangeOf struct {
	name    string
	bound   *codec
	compare func(a, b []byte) int
	// next is the value after one; nil for types that have none. finite says of
	// which there is one.
	next func(v []byte) ([]byte, error)
}

// rangeCodecs are the codecs of the built-in types of ranges.
var rangeCodecs = map[uint32]*codec{}

func init() {
	for oid, r := range map[uint32]*rangeOf{
		OIDInt4Range: {"int4range", &int4Codec, compareInts, nextInt(OIDInt4)},
		OIDInt8Range: {"int8range", &int8Codec, compareInts, nextInt(OIDInt8)},
		OIDNumRange:  {"numrange", &numericCodec, compareNumerics, nil},
		OIDTsRange:   {"tsrange", &timestampCodec, compareInts, nil},
		OIDTstzRange: {"tstzrange", &timestamptzCodec, compareInts, nil},
		OIDDateRange: {"daterange", &dateCodec, compareInts, nextDate},
	} {
		rangeCodecs[oid] = newRangeCodec(r)
	}
	for oid, c := range rangeCodecs {
		arrayCodecs[arrayOIDs[oid]] = newArrayCodec(arrayOf{element: c, oid: oid})
	}
}

func newRangeCodec(r *rangeOf) *codec {
	c := &codec{name: r.name, size: -1, in: r.in, recv: r.recv, out: r.out, check: r.check}
	if r.bound.equal != nil {
		c.equal = r.equal
	}
	return c
}

func compareInts(a, b []byte) int { return cmp.Compare(canonicalInt(a), canonicalInt(b)) }

func compareNumerics(a, b []byte) int {
	x, y := canonicalNumber(a), canonicalNumber(b)
	return compareNumbers(&x, &y)
}

func nextInt(oid uint32) func([]byte) ([]byte, error) {
	return func(v []byte) ([]byte, error) {
		n := canonicalInt(v)
		if n+1 < n {
			return nil, newError(codeNumericOutOfRange, typeName(oid)+" out of range")
		}
		return appendInt(nil, n+1, oid)
	}
}

// nextDate leaves infinities alone.
func nextDate(v []byte) ([]byte, error) {
	n := int32(canonicalInt(v))
	if n == dateInfinity || n == dateMinusInfinity {
		return nil, nil
	}
	if !validDay(int(n) + 1) {
		return nil, newError(codeDatetimeOverflow, "date out of range")
	}
	return binary.BigEndian.AppendUint32(nil, uint32(n+1)), nil
}

// bounds are a range's: canonical values, nil where there is none.
type bounds struct {
	lower, upper       []byte
	lowerInc, upperInc bool
}

// append appends the range, checked and in the form that the type has for it.
func (r *rangeOf) append(dst []byte, b bounds) ([]byte, error) {
	for pass := 0; ; pass++ {
		if b.lower != nil && b.upper != nil {
			switch c := r.compare(b.lower, b.upper); {
			case c > 0:
				return dst, newError(codeDataException, "range lower bound must be less than or equal to range upper bound")
			case c == 0 && !(b.lowerInc && b.upperInc):
				return append(dst, rangeEmpty), nil
			}
		}
		if r.next == nil || pass > 0 {
			break
		}
		if b.lower != nil && !b.lowerInc {
			next, err := r.next(b.lower)
			if err != nil {
				return dst, err
			}
			if next != nil {
				b.lower, b.lowerInc = next, true
			}
		}
		if b.upper != nil && b.upperInc {
			next, err := r.next(b.upper)
			if err != nil {
				return dst, err
			}
			if next != nil {
				b.upper, b.upperInc = next, false
			}
		}
	}
	flags := byte(0)
	switch {
	case b.lower == nil:
		flags |= rangeLowerInf
	case b.lowerInc:
		flags |= rangeLowerInc
	}
	switch {
	case b.upper == nil:
		flags |= rangeUpperInf
	case b.upperInc:
		flags |= rangeUpperInc
	}
	dst = append(dst, flags)
	for _, v := range [][]byte{b.lower, b.upper} {
		if v != nil {
			dst = binary.BigEndian.AppendUint32(dst, uint32(len(v)))
			dst = append(dst, v...)
		}
	}
	return dst, nil
}

// splitRange takes a range in binary form apart, reading each bound as it comes.
func splitRange(data []byte, known byte, read func(bound []byte) ([]byte, error)) (flags byte, parts [2][]byte, err error) {
	if len(data) == 0 {
		return 0, parts, noByte()
	}
	flags, data = data[0]&known, data[1:]
	for i, missing := range [2]byte{rangeLowerInf | 0x20, rangeUpperInf | 0x40} {
		if flags&(rangeEmpty|missing) != 0 {
			continue
		}
		if len(data) < 4 {
			return 0, parts, shortBinary()
		}
		n := int32(binary.BigEndian.Uint32(data))
		if data = data[4:]; n < 0 || int(n) > len(data) {
			return 0, parts, shortBinary()
		}
		if parts[i], err = read(data[:n:n]); err != nil {
			return 0, parts, err
		}
		data = data[n:]
	}
	if len(data) > 0 {
		return 0, parts, newError(codeProtocolViolation, "invalid message format")
	}
	return flags, parts, nil
}

func (r *rangeOf) recv(dst, data []byte) ([]byte, error) {
	flags, parts, err := splitRange(data, rangeKnown, func(b []byte) ([]byte, error) { return r.bound.recv([]byte{}, b) })
	switch {
	case err != nil:
		return dst, err
	case flags&rangeEmpty != 0:
		return append(dst, rangeEmpty), nil
	}
	return r.append(dst, bounds{parts[0], parts[1], flags&rangeLowerInc != 0, flags&rangeUpperInc != 0})
}

func asItIs(b []byte) ([]byte, error) { return b, nil }

func (r *rangeOf) check(canonical []byte) bool {
	flags, parts, err := splitRange(canonical, 0xff, asItIs)
	if err != nil || flags&^rangeKnown != 0 || flags&rangeEmpty != 0 && flags != rangeEmpty {
		return false
	}
	for _, p := range parts {
		if p != nil && !r.bound.check(p) {
			return false
		}
	}
	return true
}

func (r *rangeOf) equal(dst, canonical []byte) ([]byte, error) {
	flags, parts, err := splitRange(canonical, rangeKnown, asItIs)
	if err != nil {
		return dst, err
	}
	dst = append(dst, flags)
	for _, p := range parts {
		if p == nil {
			continue
		}
		at := len(dst)
		if dst, err = r.bound.equal(append(dst, 0, 0, 0, 0), p); err != nil {
			return dst, err
		}
		binary.BigEndian.PutUint32(dst[at:], uint32(len(dst)-at-4))
	}
	return dst, nil
}

func (r *rangeOf) out(dst, canonical []byte, s *Settings) ([]byte, error) {
	flags, parts, err := splitRange(canonical, rangeKnown, asItIs)
	if err != nil {
		return dst, err
	}
	if flags&rangeEmpty != 0 {
		return append(dst, "empty"...), nil
	}
	brackets := [2]byte{'(', ')'}
	if flags&rangeLowerInc != 0 {
		brackets[0] = '['
	}
	if flags&rangeUpperInc != 0 {
		brackets[1] = ']'
	}
	dst = append(dst, brackets[0])
	for i, p := range parts {
		if i > 0 {
			dst = append(dst, ',')
		}
		if p == nil {
			continue
		}
		text, err := r.bound.out(nil, p, s)
		if err != nil {
			return dst, err
		}
		dst = appendRangeBound(dst, text)
	}
	return append(dst, brackets[1]), nil
}

// appendRangeBound writes a bound, in quotes if it needs them.
func appendRangeBound(dst, text []byte) []byte {
	special := func(c byte) bool {
		return c == '"' || c == '\\' || c == '(' || c == ')' || c == '[' || c == ']' || c == ',' || isSpace(c)
	}
	if len(text) > 0 && !slices.ContainsFunc(text, special) {
		return append(dst, text...)
	}
	dst = append(dst, '"')
	for _, c := range text {
		if c == '"' || c == '\\' {
			dst = append(dst, c)
		}
		dst = append(dst, c)
	}
	return append(dst, '"')
}
