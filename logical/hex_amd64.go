//go:build amd64 && !purego

package logical

// hexBlock is what the processor's 16-byte registers hold, in digits.
const hexBlock = 16

// encodeBlocks writes the digits of whole blocks and returns how many bytes of
// value they stand for. out has room for all digits.
func encodeBlocks(out, value []byte) int {
	blocks := min(len(value), len(out)/2) / (hexBlock / 2)
	if blocks > 0 {
		encodeHexBlocks(&out[0], &value[0], blocks)
	}
	return blocks * (hexBlock / 2)
}

// decodeBlocks reads whole blocks of digits and returns how many bytes they stand
// for. It is none if there is anything else than 0 to 9 and a to f, as the server
// writes them.
func decodeBlocks(out, digits []byte) int {
	blocks := min(len(digits)/2, len(out)) / (hexBlock / 2)
	if blocks == 0 || !decodeHexBlocks(&out[0], &digits[0], blocks) {
		return 0
	}
	return blocks * (hexBlock / 2)
}

//go:noescape
func encodeHexBlocks(out, value *byte, blocks int)

//go:noescape
func decodeHexBlocks(out, digits *byte, blocks int) (ok bool)
