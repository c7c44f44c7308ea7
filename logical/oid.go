package logical

import (
	"encoding/binary"
	"math"
	"strconv"
)

var oidCodec = codec{
	name: "oid", size: 4,
	in:   oidIn,
	recv: fixedRecv(4),
	out: func(dst, canonical []byte, _ *Settings) ([]byte, error) {
		return strconv.AppendUint(dst, uint64(binary.BigEndian.Uint32(canonical)), 10), nil
	},
	check: fixedCheck(4),
}

// oidIn reads as the server does with strtoul(): blanks around the number and a
// sign, which wraps around; from version 16 on in other bases too.
func oidIn(dst, text []byte, s *Settings) ([]byte, error) {
	rest := text
	for len(rest) > 0 && isSpace(rest[0]) {
		rest = rest[1:]
	}
	negative := false
	if len(rest) > 0 && (rest[0] == '-' || rest[0] == '+') {
		negative = rest[0] == '-'
		rest = rest[1:]
	}
	base := 10
	if s != nil && s.version >= 16 && len(rest) > 0 && rest[0] == '0' {
		base = 8
		if len(rest) > 2 && lower(rest[1]) == 'x' && isHexDigit(rest[2]) {
			base, rest = 16, rest[2:]
		}
	}
	end := 0
	for end < len(rest) && isHexDigit(rest[end]) && hexValue(rest[end]) < base {
		end++
	}
	if end == 0 {
		return dst, invalidSyntax("oid", text)
	}
	n, err := strconv.ParseUint(string(rest[:end]), base, 64)
	if err != nil {
		return dst, outOfRange("oid", text)
	}
	for _, c := range rest[end:] {
		if !isSpace(c) {
			return dst, invalidSyntax("oid", text)
		}
	}
	if negative {
		n = -n
	}
	if n > math.MaxUint32 && int64(n) != int64(int32(n)) {
		return dst, outOfRange("oid", text)
	}
	return binary.BigEndian.AppendUint32(dst, uint32(n)), nil
}

var lsnCodec = codec{
	name: "pg_lsn", size: 8,
	in:   lsnIn,
	recv: fixedRecv(8),
	out: func(dst, canonical []byte, _ *Settings) ([]byte, error) {
		for i, n := range [...]uint32{binary.BigEndian.Uint32(canonical), binary.BigEndian.Uint32(canonical[4:])} {
			if i > 0 {
				dst = append(dst, '/')
			}
			start := len(dst)
			dst = strconv.AppendUint(dst, uint64(n), 16)
			for j := start; j < len(dst); j++ {
				if dst[j] >= 'a' {
					dst[j] -= 'a' - 'A'
				}
			}
		}
		return dst, nil
	},
	check: fixedCheck(8),
}

// lsnIn reads two hexadecimal numbers of at most eight digits with a slash between
// them.
func lsnIn(dst, text []byte, _ *Settings) ([]byte, error) {
	const mostDigits = 8
	var parts [2]uint64
	rest := text
	for i := range parts {
		end := 0
		for end < len(rest) && isHexDigit(rest[end]) {
			end++
		}
		if end == 0 || end > mostDigits || i == 0 && (end == len(rest) || rest[end] != '/') || i == 1 && end != len(rest) {
			return dst, invalidSyntax("pg_lsn", text)
		}
		parts[i], _ = strconv.ParseUint(string(rest[:end]), 16, 32)
		rest = rest[min(len(rest), end+1):]
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(parts[0]))
	return binary.BigEndian.AppendUint32(dst, uint32(parts[1])), nil
}
