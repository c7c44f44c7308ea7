package logical

import (
	"encoding/hex"
	"slices"
)

// EncodeHex appends value in hexadecimal digits, lower case as the server's.
func EncodeHex(dst, value []byte) []byte {
	at := len(dst)
	dst = slices.Grow(dst, 2*len(value))[:at+2*len(value)]
	out := dst[at:]
	n := encodeBlocks(out, value)
	hex.Encode(out[2*n:], value[n:])
	return dst
}

// DecodeHex appends the bytes that hexadecimal digits stand for. Anything else,
// or an odd number of them, is an error, with which dst has not changed in
// length.
func DecodeHex(dst, digits []byte) ([]byte, error) {
	at := len(dst)
	dst = slices.Grow(dst, len(digits)/2)[:at+len(digits)/2]
	out := dst[at:]
	n := decodeBlocks(out, digits)
	if _, err := hex.Decode(out[n:], digits[2*n:]); err != nil {
		return dst[:at], err
	}
	return dst, nil
}
