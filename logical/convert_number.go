package logical

import (
	"encoding/binary"
	"math"
	"strconv"
)

// appendInt writes a number as the integer type, or reports that it does not
// fit.
func appendInt(dst []byte, n int64, oid uint32) ([]byte, error) {
	switch {
	case oid == OIDInt2 && n == int64(int16(n)):
		return binary.BigEndian.AppendUint16(dst, uint16(n)), nil
	case oid == OIDInt4 && n == int64(int32(n)):
		return binary.BigEndian.AppendUint32(dst, uint32(n)), nil
	case oid == OIDInt8:
		return binary.BigEndian.AppendUint64(dst, uint64(n)), nil
	}
	return dst, newError(codeNumericOutOfRange, typeName(oid)+" out of range")
}

func numberOfInt(n int64) number {
	v, _, _ := scanNumeric(strconv.AppendInt(nil, n, 10))
	return v
}

// numberOfFloat gives the decimal digits that the float's type guarantees.
func numberOfFloat(f float64, oid uint32) number {
	switch {
	case math.IsNaN(f):
		return number{sign: numericNaN}
	case math.IsInf(f, 1):
		return number{sign: numericInf}
	case math.IsInf(f, -1):
		return number{sign: numericNegInf}
	}
	digits := 15
	if oid == OIDFloat4 {
		digits = 6
	}
	v, _, _ := scanNumeric(strconv.AppendFloat(nil, f, 'g', digits, 64))
	return v
}

// int64 is the number as an integer; false if it has a fraction or is too
// large.
func (n *number) int64() (v int64, ok bool) {
	if n.special() || n.weight > 4 || len(n.digits) > n.weight+1 {
		return 0, len(n.digits) == 0 && !n.special()
	}
	// Negative throughout, which has the larger range.
	for i := 0; i <= n.weight; i++ {
		var d int64
		if i < len(n.digits) {
			d = int64(n.digits[i])
		}
		if v < (math.MinInt64+d)/numericBase {
			return 0, false
		}
		v = v*numericBase - d
	}
	if n.sign == numericNegative {
		return v, true
	}
	return -v, v != math.MinInt64
}

// float is the number as a float of so many bits, with the server's errors.
func (n *number) float(bits int) (float64, error) {
	switch n.sign {
	case numericNaN:
		return math.Float64frombits(0x7ff8 << 48), nil
	case numericInf:
		return math.Inf(1), nil
	case numericNegInf:
		return math.Inf(-1), nil
	}
	return parseFloat(n.appendText(nil), bits)
}

func appendFloat(dst []byte, f float64, oid uint32) []byte {
	if oid == OIDFloat4 {
		return appendFloat4(dst, float32(f))
	}
	return appendFloat8(dst, f)
}

func floatBits(oid uint32) int {
	if oid == OIDFloat4 {
		return 32
	}
	return 64
}

// castNumber casts among integers, floats and numeric.
func (c *conversion) castNumber() ([]byte, error) {
	dst, from := c.out[:c.start], familyOf(c.from)
	switch familyOf(c.to) {
	case familyNumeric:
		n := c.number()
		return n.append(dst)
	case familyFloat:
		f, err := c.float(floatBits(c.to))
		if err != nil {
			return nil, err
		}
		if c.to == OIDFloat4 && c.from == OIDFloat8 {
			switch narrow := float64(float32(f)); {
			case math.IsInf(narrow, 0) && !math.IsInf(f, 0):
				return nil, newError(codeNumericOutOfRange, "value out of range: overflow")
			case narrow == 0 && f != 0:
				return nil, newError(codeNumericOutOfRange, "value out of range: underflow")
			}
		}
		return appendFloat(dst, f, c.to), nil
	}
	switch from {
	case familyNumeric:
		n := canonicalNumber(c.value())
		switch {
		case n.sign == numericNaN:
			return nil, newError(codeFeatureNotSupported, "cannot convert NaN to "+typeName(c.to))
		case n.special():
			return nil, newError(codeFeatureNotSupported, "cannot convert infinity to "+typeName(c.to))
		}
		n.round(0)
		if v, ok := n.int64(); ok {
			return appendInt(dst, v, c.to)
		}
		return nil, newError(codeNumericOutOfRange, typeName(c.to)+" out of range")
	case familyFloat:
		f := math.RoundToEven(canonicalFloat(c.value()))
		if !(f >= math.MinInt64 && f < -math.MinInt64) {
			return nil, newError(codeNumericOutOfRange, typeName(c.to)+" out of range")
		}
		return appendInt(dst, int64(f), c.to)
	}
	return appendInt(dst, canonicalInt(c.value()), c.to)
}

// number is the value as numeric.
func (c *conversion) number() number {
	switch familyOf(c.from) {
	case familyInt:
		return numberOfInt(canonicalInt(c.value()))
	case familyFloat:
		return numberOfFloat(canonicalFloat(c.value()), c.from)
	}
	return canonicalNumber(c.value())
}

// float is the value as a float of so many bits.
func (c *conversion) float(bits int) (float64, error) {
	switch familyOf(c.from) {
	case familyInt:
		n := canonicalInt(c.value())
		if bits == 32 {
			return float64(float32(n)), nil
		}
		return float64(n), nil
	case familyFloat:
		return canonicalFloat(c.value()), nil
	}
	n := canonicalNumber(c.value())
	return n.float(bits)
}

// compareNumber compares as the server does: integers with integers, integers
// and numeric as numeric, everything with floats as float8.
func (c *conversion) compareNumber() ([]byte, error) {
	dst := c.out[:c.start]
	to, from := familyOf(c.to), familyOf(c.from)
	switch {
	case to == familyNumeric:
		n := c.number()
		return n.append(dst)
	case to == familyFloat:
		f, err := c.float(64)
		if err != nil {
			return nil, err
		}
		if c.to == OIDFloat4 && float64(float32(f)) != f && f == f {
			return nil, ErrNeverEqual
		}
		return appendFloat(dst, f, c.to), nil
	case from == familyFloat:
		return c.compareIntWithFloat()
	}
	n := int64(0)
	if from == familyNumeric {
		exact := canonicalNumber(c.value())
		var ok bool
		if n, ok = exact.int64(); !ok {
			return nil, ErrNeverEqual
		}
	} else {
		n = canonicalInt(c.value())
	}
	out, err := appendInt(dst, n, c.to)
	if err != nil {
		return nil, ErrNeverEqual
	}
	return out, nil
}

// compareIntWithFloat finds the one integer that is the float when it is made a
// float8.
func (c *conversion) compareIntWithFloat() ([]byte, error) {
	f := canonicalFloat(c.value())
	const exact = 1 << 53 // from here on several integers become one float8
	switch {
	case f != math.Trunc(f), math.IsInf(f, 0), math.Abs(f) > 1<<63:
		return nil, ErrNeverEqual
	case math.Abs(f) < exact:
		out, err := appendInt(c.out[:c.start], int64(f), c.to)
		if err != nil {
			return nil, ErrNeverEqual
		}
		return out, nil
	case c.to != OIDInt8:
		return nil, ErrNeverEqual
	}
	return nil, refuse("pgseal cannot compare a sealed column of type bigint with this parameter of type "+typeName(c.from)+" exactly",
		"Cast the parameter to bigint.")
}
