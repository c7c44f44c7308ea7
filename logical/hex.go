package logical

import (
	"encoding/binary"
	"encoding/hex"
	"slices"
)

// Digits are worked on eight at a time, as the bytes of one number. These have
// one in each of its bytes, and what lies between 9 and a in ASCII.
const (
	eachByte   = 0x0101010101010101
	behindNine = 'a' - '9' - 1
)

// EncodeHex appends value in hexadecimal digits, lower case as the server's.
func EncodeHex(dst, value []byte) []byte {
	at := len(dst)
	dst = slices.Grow(dst, 2*len(value))[:at+2*len(value)]
	out := dst[at:]
	for len(value) >= 4 {
		x := uint64(binary.LittleEndian.Uint32(value))
		x = (x | x<<16) & 0x0000ffff0000ffff
		x = (x | x<<8) & 0x00ff00ff00ff00ff
		x = x>>4&0x000f000f000f000f | x<<8&0x0f000f000f000f00
		binary.LittleEndian.PutUint64(out, written(x))
		out, value = out[8:], value[4:]
	}
	hex.Encode(out, value)
	return dst
}

// written turns each byte of x, 0 to 15, into its digit.
func written(x uint64) uint64 {
	aboveNine := (x + 6*eachByte) >> 4 & eachByte
	return x + '0'*eachByte + behindNine*aboveNine
}

// DecodeHex appends the bytes that hexadecimal digits stand for. Anything else,
// or an odd number of them, is an error, with which dst has not changed in
// length.
func DecodeHex(dst, digits []byte) ([]byte, error) {
	at := len(dst)
	dst = slices.Grow(dst, len(digits)/2)[:at+len(digits)/2]
	out := dst[at:]
	for len(digits) >= 8 {
		c := binary.LittleEndian.Uint64(digits)
		x := c&(0x0f*eachByte) + 9*(c>>6&eachByte) // a to f have this bit, 0 to 9 do not
		if x&(0xf0*eachByte) != 0 || written(x) != c {
			break // capitals, or no digits
		}
		x = (x<<4 | x>>8) & 0x00ff00ff00ff00ff
		x = (x | x>>8) & 0x0000ffff0000ffff
		binary.LittleEndian.PutUint32(out, uint32(x|x>>16))
		out, digits = out[4:], digits[8:]
	}
	if _, err := hex.Decode(out, digits); err != nil {
		return dst[:at], err
	}
	return dst, nil
}
