package logical

import (
	"encoding/binary"
	"math"
	"strconv"
)

var int2Codec = codec{
	name: "smallint", size: 2,
	in: func(dst, text []byte, s *Settings) ([]byte, error) {
		n, err := readInt(text, s, "smallint", math.MinInt16, math.MaxInt16)
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
	in: func(dst, text []byte, s *Settings) ([]byte, error) {
		n, err := readInt(text, s, "integer", math.MinInt32, math.MaxInt32)
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
	in: func(dst, text []byte, s *Settings) ([]byte, error) {
		n, err := readInt(text, s, "bigint", math.MinInt64, math.MaxInt64)
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

// readInt reads an integer as the server's version does: PostgreSQL 16 and later
// take 0x1F, 0o17, 0b11 and 1_000 too.
func readInt(text []byte, s *Settings, typeName string, low, high int64) (int64, error) {
	if s.major() < literalsVersion {
		return parseInt(text, typeName, low, high)
	}
	return parseIntLiteral(text, typeName, low, high)
}

// literalsVersion is the first version that reads numbers as SQL spells them.
const literalsVersion = 16

// numberBase says in which base a number without its sign is, and what stands
// before its digits.
func numberBase(s []byte) (base int, prefix int) {
	if len(s) > 1 && s[0] == '0' {
		switch lower(s[1]) {
		case 'x':
			return 16, 2
		case 'o':
			return 8, 2
		case 'b':
			return 2, 2
		}
	}
	return 10, 0
}

// digitOf is the value of a digit in a base, -1 if it is none.
func digitOf(c byte, base int) int {
	n := -1
	switch {
	case isDigit(c):
		n = int(c - '0')
	case isHexDigit(c):
		n = int(lower(c)-'a') + 10
	}
	if n >= base {
		return -1
	}
	return n
}

func parseIntLiteral(text []byte, typeName string, low, high int64) (int64, error) {
	s := trimLeftSpace(text)
	neg := false
	if len(s) > 0 && (s[0] == '-' || s[0] == '+') {
		neg = s[0] == '-'
		s = s[1:]
	}
	base, prefix := numberBase(s)
	s = s[prefix:]
	limit := uint64(high) + 1 // the absolute value of low
	var n uint64
	i := 0
	for i < len(s) {
		d := digitOf(s[i], base)
		if d < 0 && s[i] == '_' && (i > 0 || base != 10) {
			// It must be followed by a digit.
			if i++; i == len(s) || digitOf(s[i], base) < 0 {
				return 0, invalidSyntax(typeName, text)
			}
			continue
		}
		if d < 0 {
			break
		}
		if n > limit/uint64(base) {
			return 0, outOfRange(typeName, text)
		}
		n = n*uint64(base) + uint64(d)
		i++
	}
	switch {
	case i == 0, len(trimLeftSpace(s[i:])) > 0:
		return 0, invalidSyntax(typeName, text)
	case n > limit, n == limit && !neg:
		return 0, outOfRange(typeName, text)
	case neg:
		return -int64(n), nil
	}
	return int64(n), nil
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
