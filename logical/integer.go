package logical

import (
	"encoding/binary"
	"math"
	"strconv"
)

var int2Codec = codec{
	name: "smallint", size: 2,
	in: func(dst, text []byte, _ *Settings) ([]byte, error) {
		n, err := parseInt(text, "smallint", math.MinInt16, math.MaxInt16)
		if err != nil {
			return dst, err
		}
		return binary.BigEndian.AppendUint16(dst, uint16(n)), nil
	},
	recv:  fixedRecv(2),
	out:   intOut,
	check: fixedCheck(2),
}

var int4Codec = codec{
	name: "integer", size: 4,
	in: func(dst, text []byte, _ *Settings) ([]byte, error) {
		n, err := parseInt(text, "integer", math.MinInt32, math.MaxInt32)
		if err != nil {
			return dst, err
		}
		return binary.BigEndian.AppendUint32(dst, uint32(n)), nil
	},
	recv:  fixedRecv(4),
	out:   intOut,
	check: fixedCheck(4),
}

var int8Codec = codec{
	name: "bigint", size: 8,
	in: func(dst, text []byte, _ *Settings) ([]byte, error) {
		n, err := parseInt(text, "bigint", math.MinInt64, math.MaxInt64)
		if err != nil {
			return dst, err
		}
		return binary.BigEndian.AppendUint64(dst, uint64(n)), nil
	},
	recv:  fixedRecv(8),
	out:   intOut,
	check: fixedCheck(8),
}

// fixedRecv reads a binary value of which every bit pattern of n bytes is one.
func fixedRecv(n int) func(dst, data []byte) ([]byte, error) {
	return func(dst, data []byte) ([]byte, error) {
		if err := exactly(data, n); err != nil {
			return dst, err
		}
		return append(dst, data...), nil
	}
}

func fixedCheck(n int) func([]byte) bool {
	return func(canonical []byte) bool { return len(canonical) == n }
}

// canonicalInt is the number in 2, 4 or 8 canonical bytes.
func canonicalInt(canonical []byte) int64 {
	switch len(canonical) {
	case 2:
		return int64(int16(binary.BigEndian.Uint16(canonical)))
	case 4:
		return int64(int32(binary.BigEndian.Uint32(canonical)))
	}
	return int64(binary.BigEndian.Uint64(canonical))
}

func intOut(dst, canonical []byte, _ *Settings) ([]byte, error) {
	return strconv.AppendInt(dst, canonicalInt(canonical), 10), nil
}

// parseInt reads an integer as the server does: blanks around it, one sign,
// decimal digits. Too large a number is reported before what follows it.
func parseInt(text []byte, typeName string, low, high int64) (int64, error) {
	s := trimLeftSpace(text)
	neg := false
	if len(s) > 0 && (s[0] == '-' || s[0] == '+') {
		neg = s[0] == '-'
		s = s[1:]
	}
	if len(s) == 0 || !isDigit(s[0]) {
		return 0, invalidSyntax(typeName, text)
	}
	// Accumulated as a negative number, which has the larger range.
	var n int64
	for len(s) > 0 && isDigit(s[0]) {
		d := int64(s[0] - '0')
		if n < math.MinInt64/10 || n*10 < math.MinInt64+d || n*10-d < low && low == -high-1 {
			return 0, outOfRange(typeName, text)
		}
		n = n*10 - d
		s = s[1:]
	}
	if len(trimLeftSpace(s)) > 0 {
		return 0, invalidSyntax(typeName, text)
	}
	if !neg {
		if n < -high {
			return 0, outOfRange(typeName, text)
		}
		n = -n
	}
	return n, nil
}
