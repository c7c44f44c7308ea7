package session

import (
	"encoding/binary"
	"encoding/hex"
	"slices"
)

// appendHex appends the bytes that hexadecimal digits stand for. The server
// writes lower case: eight such digits at a time are read as one number.
func appendHex(dst, digits []byte) ([]byte, error) {
	at := len(dst)
	dst = slices.Grow(dst, len(digits)/2)[:at+len(digits)/2]
	out := dst[at:]
	for len(digits) >= 8 {
		n, ok := eightDigits(binary.LittleEndian.Uint64(digits))
		if !ok {
			break
		}
		binary.LittleEndian.PutUint32(out, n)
		out, digits = out[4:], digits[8:]
	}
	if _, err := hex.Decode(out, digits); err != nil {
		return dst[:at], err
	}
	return dst, nil
}

// eightDigits reads the digits in the bytes of c, the first in the lowest. ok is
// false if there is anything else than 0 to 9 and a to f among them.
func eightDigits(c uint64) (n uint32, ok bool) {
	const each = 0x0101010101010101
	letters := c >> 6 & each // a to f have this bit, 0 to 9 do not
	v := c&(0x0f*each) + 9*letters
	// Written again it must be what was read: so whatever is no digit shows.
	above := (v + 6*each) >> 4 & each // 1 where v is above 9
	if v&(0xf0*each) != 0 || v+0x30*each+('a'-'9'-1)*above != c {
		return 0, false
	}
	pairs := (v<<4 | v>>8) & 0x00ff00ff00ff00ff
	pairs = (pairs | pairs>>8) & 0x0000ffff0000ffff
	return uint32(pairs | pairs>>16), true
}
