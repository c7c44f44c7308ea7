package logical

import (
	"encoding/binary"
	"unicode/utf8"
)

// The binary format of a bit string: the number of bits in 32 bits, then the
// bits, filled up with zeros to whole bytes.

const bitHeader = 4

// maxBits is the longest bit string that the server takes.
const maxBits = 1<<31 - 1 - 8

var bitCodec = codec{
	name: "bit", size: -1,
	in:         bitsIn,
	recv:       bitsRecv("bit string"),
	out:        bitsOut,
	fit:        fitBit,
	typmodName: func(typmod int32) string { return "bit(" + itoa(int(typmod)) + ")" },
	check:      checkBits,
}

var varbitCodec = codec{
	name: "bit varying", size: -1,
	in:         bitsIn,
	recv:       bitsRecv("bit string"),
	out:        bitsOut,
	fit:        fitVarbit,
	typmodName: func(typmod int32) string { return "bit varying(" + itoa(int(typmod)) + ")" },
	check:      checkBits,
}

// bitsIn reads zeros and ones, perhaps behind a b, or hexadecimal digits behind
// an x.
func bitsIn(dst, text []byte, _ *Settings) ([]byte, error) {
	digits, width := text, 1
	if len(text) > 0 {
		switch lower(text[0]) {
		case 'b':
			digits = text[1:]
		case 'x':
			digits, width = text[1:], 4
		}
	}
	if width == 4 && len(digits) > maxBits/4 {
		return dst, newError(codeProgramLimit, "bit string length exceeds the maximum allowed ("+itoa(maxBits)+")")
	}
	start := len(dst)
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(digits)*width))
	filled := 0 // bits of the last byte
	for i := range digits {
		c := lower(digits[i])
		n := -1
		switch {
		case width == 1 && (c == '0' || c == '1'), width == 4 && isDigit(c):
			n = int(c - '0')
		case width == 4 && c >= 'a' && c <= 'f':
			n = int(c-'a') + 10
		}
		if n < 0 {
			kind := "binary"
			if width == 4 {
				kind = "hexadecimal"
			}
			_, size := utf8.DecodeRune(digits[i:])
			return dst[:start], newError(codeInvalidText, `"`+string(digits[i:i+size])+`" is not a valid `+kind+" digit")
		}
		if filled == 0 {
			dst = append(dst, 0)
		}
		dst[len(dst)-1] |= byte(n << (8 - width - filled))
		filled = (filled + width) % 8
	}
	return dst, nil
}

func bitsRecv(what string) func(dst, data []byte) ([]byte, error) {
	return func(dst, data []byte) ([]byte, error) {
		if len(data) < bitHeader {
			return dst, shortBinary()
		}
		n := int32(binary.BigEndian.Uint32(data))
		if n < 0 || n > maxBits {
			return dst, newError(codeInvalidBinary, "invalid length in external "+what)
		}
		if err := exactly(data, bitHeader+(int(n)+7)/8); err != nil {
			return dst, err
		}
		dst = append(dst, data...)
		if rest := n % 8; rest != 0 {
			dst[len(dst)-1] &= 0xff << (8 - rest)
		}
		return dst, nil
	}
}

func checkBits(canonical []byte) bool {
	return len(canonical) >= bitHeader && uint64(len(canonical)) == bitHeader+(uint64(binary.BigEndian.Uint32(canonical))+7)/8
}

func bitsOut(dst, canonical []byte, _ *Settings) ([]byte, error) {
	for i := range int(binary.BigEndian.Uint32(canonical)) {
		dst = append(dst, '0'+canonical[bitHeader+i/8]>>(7-i%8)&1)
	}
	return dst, nil
}

// resizeBits cuts the bit string dst[start:] or fills it up with zeros.
func resizeBits(dst []byte, start, n int) []byte {
	binary.BigEndian.PutUint32(dst[start:], uint32(n))
	end := start + bitHeader + (n+7)/8
	for len(dst) < end {
		dst = append(dst, 0)
	}
	dst = dst[:end]
	if rest := n % 8; rest != 0 {
		dst[end-1] &= 0xff << (8 - rest)
	}
	return dst
}

func fitBit(dst []byte, start int, typmod int32, use Use) ([]byte, error) {
	n := int(binary.BigEndian.Uint32(dst[start:]))
	if typmod <= 0 || n == int(typmod) {
		return dst, nil
	}
	if use != Cast {
		return dst, newError(codeStringLength, "bit string length "+itoa(n)+" does not match type bit("+itoa(int(typmod))+")")
	}
	return resizeBits(dst, start, int(typmod)), nil
}

func fitVarbit(dst []byte, start int, typmod int32, use Use) ([]byte, error) {
	if n := int(binary.BigEndian.Uint32(dst[start:])); typmod <= 0 || n <= int(typmod) {
		return dst, nil
	}
	if use != Cast {
		return dst, newError(codeStringTruncation, "bit string too long for type bit varying("+itoa(int(typmod))+")")
	}
	return resizeBits(dst, start, int(typmod)), nil
}
