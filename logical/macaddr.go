package logical

import (
	"encoding/hex"
	"math"
	"strconv"
)

const macaddrSize = 6

var macaddrCodec = codec{
	name: "macaddr", size: macaddrSize,
	in: macaddrIn,
	recv: func(dst, data []byte) ([]byte, error) {
		if len(data) < macaddrSize {
			return dst, noByte()
		}
		if len(data) > macaddrSize {
			return dst, trailingBinary()
		}
		return append(dst, data...), nil
	},
	out: func(dst, canonical []byte, _ *Settings) ([]byte, error) {
		for i := range canonical {
			if i > 0 {
				dst = append(dst, ':')
			}
			dst = hex.AppendEncode(dst, canonical[i:i+1])
		}
		return dst, nil
	},
	check: fixedCheck(macaddrSize),
}

// macaddrForms are the forms that the server tries, as for sscanf(): how many
// digits a number may have at most (0: any), and what stands between numbers.
var macaddrForms = []struct {
	digits int
	gaps   string // behind each number; a blank is nothing
}{
	{0, ":::::"}, {0, "-----"}, {2, "  :  "}, {2, "  -  "}, {2, " . . "}, {2, " - - "}, {2, "     "},
}

func macaddrIn(dst, text []byte, _ *Settings) ([]byte, error) {
	for _, form := range macaddrForms {
		numbers, ok := scanMacaddr(text, form.digits, form.gaps)
		if !ok {
			continue
		}
		for _, n := range numbers {
			if n < 0 || n > 255 {
				return dst, newError(codeNumericOutOfRange, `invalid octet value in "macaddr" value: "`+string(text)+`"`)
			}
		}
		for _, n := range numbers {
			dst = append(dst, byte(n))
		}
		return dst, nil
	}
	return dst, invalidSyntax("macaddr", text)
}

func scanMacaddr(s []byte, digits int, gaps string) (numbers [macaddrSize]int32, ok bool) {
	for i := range numbers {
		if numbers[i], s, ok = scanHex(s, digits); !ok {
			return numbers, false
		}
		if i < len(gaps) && gaps[i] != ' ' {
			if len(s) == 0 || s[0] != gaps[i] {
				return numbers, false
			}
			s = s[1:]
		}
	}
	for _, c := range s {
		if !isSpace(c) {
			return numbers, false
		}
	}
	return numbers, true
}

// scanHex reads a number as %x of sscanf() does: after blanks, with a sign and
// 0x perhaps, of so many characters at most.
func scanHex(s []byte, most int) (n int32, rest []byte, ok bool) {
	for len(s) > 0 && isSpace(s[0]) {
		s = s[1:]
	}
	limit := len(s)
	if most > 0 {
		limit = min(limit, most)
	}
	i := 0
	negative := false
	if i < limit && (s[i] == '-' || s[i] == '+') {
		negative = s[i] == '-'
		i++
	}
	from := i
	prefixed := i+1 < limit && s[i] == '0' && lower(s[i+1]) == 'x'
	if prefixed { // which is a number without more, too
		i += 2
		from = i
	}
	for i < limit && isHexDigit(s[i]) {
		i++
	}
	if i == from {
		return 0, s[i:], prefixed
	}
	wide, err := strconv.ParseUint(string(s[from:i]), 16, 64)
	if err != nil {
		wide = math.MaxUint64
	}
	if negative {
		wide = -wide
	}
	return int32(uint32(wide)), s[i:], true
}
